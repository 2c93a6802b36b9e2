package catalogue

import (
	"bytes"
	"encoding/base64"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var shareTestKey = bytes.Repeat([]byte{7}, 32)

func TestASharedLinkSaysWhatItSaidUntilItEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 30, 0, time.UTC)
	want := Shared{App: "coach-ticket", Page: "apps/coach-ticket/departures", Ref: "01a22c65-31f8-74d6-bd2d-b3768ad0a2e9", Expires: time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC)}
	token := want.token(shareTestKey, "northwick")
	if got, err := readShare(shareTestKey, "northwick", token, now); err != nil || got != want {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := readShare(shareTestKey, "northwick", token, want.Expires.Add(-time.Second)); err != nil {
		t.Errorf("a second before it ends: %v", err)
	}
	if got, err := readShare(shareTestKey, "northwick", token, want.Expires); !errors.Is(err, errShareEnded) || got.App != want.App {
		t.Errorf("at its end: %+v %v", got, err)
	}
	if short := (Shared{App: "coach-ticket", Expires: want.Expires}).token(shareTestKey, "northwick"); len(short) > 50 {
		t.Errorf("%d characters: %s", len(short), short)
	}
}

// Nobody makes a link of ours but us: no bit of one can be changed, and one town's says nothing in another.
func TestAChangedLinkIsNoLink(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := Shared{App: "residence-certificate", Expires: now.AddDate(0, 0, 1)}
	token := l.token(shareTestKey, "northwick")
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{"empty": "", "no base64": token + "!", "cut": token[:len(token)-4], "longer": token + "AAAA", "the head alone": base64.RawURLEncoding.EncodeToString(raw[:5])}
	for i := range raw {
		for bit := range 8 {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << bit
			bad["flipped "+strings.Repeat("i", i)+strings.Repeat("b", bit)] = base64.RawURLEncoding.EncodeToString(flipped)
		}
	}
	for name, token := range bad {
		if _, err := readShare(shareTestKey, "northwick", token, now); !errors.Is(err, errNoShare) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := readShare(shareTestKey, "eastmere", token, now); !errors.Is(err, errNoShare) {
		t.Errorf("in another town: %v", err)
	}
	if _, err := readShare(bytes.Repeat([]byte{8}, 32), "northwick", token, now); !errors.Is(err, errNoShare) {
		t.Errorf("by another key: %v", err)
	}
}

func TestProcessesThatBeginTogetherShareOneKey(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "catalogue", "share.key")
	keys := make([][]byte, 16)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := openShareKey(file)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != 32 || !bytes.Equal(k, keys[0]) {
			t.Fatalf("keys differ: %x %x", k, keys[0])
		}
	}
}
