package documents

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"townhall/modules/documents/sign"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func TestStrangersFilesCannotTakeAllProcessorsAndAGenuineOneIsStillAnswered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	file, strange := h.bytes(t, id), []byte("%PDF-1.4\n%%EOF\n")
	send := func(file []byte) *httptest.ResponseRecorder {
		return h.send("POST", "/documents/v1/verifications", "", bytes.NewReader(file), "Content-Type", "application/pdf")
	}
	if !h.judging.TryAcquire(judgingRoom()) {
		t.Fatal("there is no room to begin with")
	}
	body, kind := form(t, strange)
	for name, w := range map[string]*httptest.ResponseRecorder{"contract": send(strange), "page": h.send("POST", "/verify", "", body, "Content-Type", kind)} {
		if w.Code != 503 || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), "check-busy") {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
	if w := send(file); w.Code != 200 || !strings.Contains(w.Body.String(), `"valid"`) {
		t.Errorf("a file of ours: %d %s", w.Code, w.Body)
	}
	h.judging.Release(judgingRoom())
	for range 3 * int(judgingRoom()/smallJudging) { // the room is given back each time
		if w := send(strange); w.Code != 200 {
			t.Fatalf("afterwards: %d %s", w.Code, w.Body)
		}
	}
}

func TestACheckThatCannotBeCountedNowIsAnsweredAllTheSame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	path := "/documents/v1/verifications/" + h.read(t, id).Number
	h.get(path, "")
	locked, done := make(chan struct{}), make(chan struct{})
	var holder sync.WaitGroup
	holder.Go(func() {
		must(t, h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := tx.Exec(`SELECT FROM documents.document_check WHERE tenant_id = $1 FOR UPDATE`, string(kerneltest.Northwick))
			close(locked)
			<-done
			return err
		}))
	})
	<-locked
	answered := make(chan int, 40)
	for range cap(answered) {
		go func() { answered <- h.get(path, "").Code }()
	}
	for range cap(answered) {
		select {
		case code := <-answered:
			if code != 200 {
				t.Errorf("answered %d", code)
			}
		case <-time.After(15 * time.Second): // a statement is given up after thirty
			t.Fatal("a check waits for its own count")
		}
	}
	close(done)
	holder.Wait()
}

func TestOfManyChecksAtOnceEachIsCounted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	path := "/documents/v1/verifications/" + h.read(t, id).Number
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				h.get(path, "")
			}
		})
	}
	all.Wait()
	count := 0
	for until := time.Now().Add(20 * time.Second); count != 80 && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		checks, err := h.checksOf(h.ctx(t, "citizen "+string(anna)), string(id))
		must(t, err)
		if count = 0; len(checks) == 1 {
			count = checks[0].Count
		}
	}
	if count != 80 {
		t.Errorf("%d of 80 are counted", count)
	}
}

func TestABase64RequestWithTwoSlashesInARowReachesTheOCSPResponder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must(t, h.check(t.Context()))
	sealer, err := h.seals.of(kerneltest.Tenant(kerneltest.Northwick), h.clock.Now())
	must(t, err)
	raw, err := ocsp.CreateRequest(sealer.Certificate(), h.seals.keys.Issuing(), nil)
	must(t, err)
	q, err := ocsp.ParseRequest(raw)
	must(t, err)
	q.SerialNumber = new(big.Int).SetBytes(append([]byte{0x7f}, bytes.Repeat([]byte{0xff}, 15)...)) // base64 of ones is slashes
	raw, err = q.Marshal()
	must(t, err)
	text := base64.StdEncoding.EncodeToString(raw)
	if !strings.Contains(text, "//") {
		t.Fatal(text)
	}
	w := h.get("/verify/ocsp/"+text, "")
	if w.Code != 200 {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	a, err := ocsp.ParseResponse(w.Body.Bytes(), h.seals.keys.Issuing())
	if err != nil || a.Status != ocsp.Unknown || a.SerialNumber.Cmp(q.SerialNumber) != 0 {
		t.Errorf("%+v %v", a, err)
	}
}

func TestAGoodSealUnderOurAddressIsNotEnoughWhenTheFileIsNotOneWeIssued(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp = "B-LTA", Stamp{URL: "embedded"} })
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	r, file := h.read(t, id), h.bytes(t, id)
	other := sample("en")
	other.Blocks = append(other.Blocks, kernel.DocumentBlock{Kind: "paragraph", Text: "And a house of his own."})
	forged, err := h.sealed(t.Context(), kerneltest.Tenant(kerneltest.Northwick), r, other)
	must(t, err)
	first := bytes.Index(file, []byte("%%EOF\n")) + len("%%EOF\n")
	for name, c := range map[string]struct {
		file   []byte
		state  string
		reason string
	}{
		"another text, the same number": {forged.Bytes, stateUnknown, "other-seal"},
		"without what proves it":        {file[:first], stateValid, ""},
		"as issued":                     {file, stateValid, ""},
	} {
		var v Verification
		must(t, json.Unmarshal(h.send("POST", "/documents/v1/verifications", "", bytes.NewReader(c.file), "Content-Type", "application/pdf").Body.Bytes(), &v))
		if v.State != c.state || strings.Join(v.Reasons, " ") != c.reason {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

func TestTheStatusListNeedsNoTimestampAuthority(t *testing.T) {
	t.Parallel()
	keys, err := sign.Init(t.TempDir(), sign.InitOptions{})
	must(t, err)
	root := filepath.Join(t.TempDir(), "root.pem")
	must(t, os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: keys.Root().Raw}), 0o600))
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp = "B-T", Stamp{URL: "http://127.0.0.1:1", Roots: root} })
	if _, err := h.seals.of(kerneltest.Tenant(kerneltest.Northwick), h.clock.Now()); kernel.KindOf(err) != kernel.Unavailable {
		t.Fatalf("a seal without the authority: %v", err)
	}
	if w := h.list(t); w.Code != 200 {
		t.Errorf("the list: %d %s", w.Code, w.Body)
	}
}

func TestWhatIsRevokedIsStillToldWhenTheTimestampKeyIsRevoked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, err := OpenKeys(dir, "", kerneltest.Directory())
	must(t, err)
	_, err = k.TSA(time.Now)
	must(t, err)
	all, err := k.List()
	must(t, err)
	for _, c := range all {
		if c.Name == "tsa" {
			must(t, k.RevokeSeal(c.Serial, sign.KeyCompromise, time.Now()))
		}
	}
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp, d.Keys = "B-LTA", Stamp{URL: "embedded"}, dir })
	must(t, h.check(t.Context()))
	for _, path := range []string{"/verify/root.crl", "/verify/issuing.crl", "/verify/trust.pem", "/verify/ocsp/MAA", "/documents/v1/status-lists/1"} {
		if w := h.get(path, ""); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestAMunicipalityThatFailsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	calls := 0
	err := h.eachTenant(t.Context(), func(context.Context, *pg.Tx) error { calls++; return errors.New("no") })
	if n := len(h.Directory.Tenants()); err == nil || calls != n || n < 2 {
		t.Errorf("%d of %d: %v", calls, n, err)
	}
}

func TestATimestampThatCanStillBeRenewedGoesBeforeOneThatEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var ids []kernel.DocumentID
	for range 2 {
		ids = append(ids, h.intend(t, newPerson(), newCase(), sample("en")))
	}
	h.drain(t)
	now := h.clock.Now()
	must(t, h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		for i, ends := range []time.Time{now.Add(-time.Hour), now.Add(time.Hour)} {
			if done, err := storeFile(t.Context(), tx, sealedFile{Document: ids[i], Revision: 2, Bytes: []byte(ids[i]), Level: "B-LTA", RenewBefore: ends}, now); err != nil || !done {
				return errors.Join(err, errors.New("not stored"))
			}
		}
		due, err := dueForRenewal(t.Context(), tx, now, now.AddDate(0, 1, 0), 1)
		if err == nil && (len(due) != 1 || due[0].Document != ids[1]) {
			t.Errorf("first in line: %+v", due)
		}
		return err
	}))
}
