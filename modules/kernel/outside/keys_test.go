package outside

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func secret(seed byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(rune('a'+seed)), 32)))
}

func keys(t *testing.T, secrets ...string) Keys {
	t.Helper()
	k, err := NewKeys(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAMessageIsAcceptedFromEitherKeyOfARotation(t *testing.T) {
	t.Parallel()
	old, both, next := keys(t, secret(0)), keys(t, secret(1), secret(0)), keys(t, secret(1))
	body := []byte(`{"amount":1250}`)
	for _, pair := range []struct {
		name         string
		signs, reads Keys
		accepted     bool
	}{{"before", old, both, true}, {"meanwhile", both, old, true}, {"after", next, both, true}, {"gone", old, next, false}} {
		h := http.Header{}
		if err := pair.signs.Sign(h, "msg_1", time.Now(), body); err != nil {
			t.Fatal(err)
		}
		id, err := pair.reads.Verify(h, body)
		if (err == nil) != pair.accepted || pair.accepted && id != "msg_1" {
			t.Errorf("%s: %q, %v", pair.name, id, err)
		}
	}
}

func TestAnOldATamperedAndAnUnsignedMessageAreRefused(t *testing.T) {
	t.Parallel()
	k, body := keys(t, secret(0)), []byte(`{"amount":1250}`)
	signed := func(at time.Time) http.Header {
		h := http.Header{}
		if err := k.Sign(h, "msg_1", at, body); err != nil {
			t.Fatal(err)
		}
		return h
	}
	if _, err := k.Verify(signed(time.Now().Add(-6*time.Minute)), body); !errors.Is(err, standardwebhooks.ErrMessageTooOld) {
		t.Errorf("an old one: %v", err)
	}
	if _, err := k.Verify(signed(time.Now().Add(6*time.Minute)), body); !errors.Is(err, standardwebhooks.ErrMessageTooNew) {
		t.Errorf("one from the future: %v", err)
	}
	if _, err := k.Verify(signed(time.Now()), []byte(`{"amount":1}`)); err == nil {
		t.Error("a tampered body is accepted")
	}
	other := signed(time.Now())
	other.Set("webhook-id", "msg_2")
	if _, err := k.Verify(other, body); err == nil {
		t.Error("another id is accepted")
	}
	if _, err := k.Verify(http.Header{}, body); err == nil {
		t.Error("no signature at all is accepted")
	}
	if _, err := (Keys{}).Verify(signed(time.Now()), body); err == nil {
		t.Error("no key accepts everything")
	}
}

func TestAWeakSecretIsRefusedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all, not at all"} {
		_, err := NewKeys([]string{s})
		if err == nil || s != "" && s != "whsec_" && strings.Contains(err.Error(), s) {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := NewKeys(nil); err == nil {
		t.Error("no secrets pass")
	}
}
