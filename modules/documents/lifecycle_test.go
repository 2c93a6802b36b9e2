package documents

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"encoding/pem"
	"os"
	"path/filepath"

	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

const whyHalt = "The seal's certificate is being replaced."

func TestTwoDispatchersIssueEachDocumentOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	const n = 12
	ids := map[kernel.DocumentID]bool{}
	for range n {
		ids[h.intend(t, anna, newCase(), sample("en"))] = true
	}
	var wg sync.WaitGroup
	for range 2 {
		d := pg.NewDispatcher(h.DB, kerneltest.Directory(), h.subs, pg.DispatchOptions{})
		for range 3 {
			wg.Go(func() {
				if err := d.Drain(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if len(h.issued.all) != n || strings.Count(h.log.actions(), "document.issue") != n {
		t.Errorf("%d documents were told of %d times, and issued %d times", n, len(h.issued.all), strings.Count(h.log.actions(), "document.issue"))
	}
	numbers := map[string]bool{}
	for id := range ids {
		r := h.read(t, id)
		numbers[r.Number] = true
		if r.State != stateValid {
			t.Errorf("%s is %s", id, r.State)
		}
	}
	if len(numbers) != n {
		t.Errorf("%d numbers for %d documents", len(numbers), n)
	}
}

func TestWhileHaltedNothingIsIssuedAndThenEverythingOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, staff := newPerson(), "staff "+kernel.NewID()
	for who, want := range map[string]int{"citizen " + string(anna): 403, "": 401, staff: 204} {
		if w := h.post("/documents/v1/halt", who, `{"reason":"`+whyHalt+`"}`); w.Code != want {
			t.Errorf("%q halts: %d %s", who, w.Code, w.Body)
		}
	}
	if w := h.post("/documents/v1/halt", staff, `{"reason":"`+whyHalt+`"}`); w.Code != 409 || !strings.Contains(w.Body.String(), "halt-unchanged") {
		t.Errorf("halted twice: %d %s", w.Code, w.Body)
	}
	const n = 3
	var ids []kernel.DocumentID
	for range n {
		ids = append(ids, h.intend(t, anna, newCase(), sample("en")))
		h.drain(t)
	}
	var state struct {
		Halted  bool
		Reason  string
		Waiting int
	}
	must(t, json.Unmarshal(h.get("/documents/v1/halt", staff).Body.Bytes(), &state))
	if !state.Halted || state.Waiting != n || state.Reason != whyHalt {
		t.Errorf("the switch: %+v", state)
	}
	for _, id := range ids {
		if r := h.read(t, id); r.State != statePending {
			t.Errorf("issued while halted: %s", r.State)
		}
		must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			if there, err := hasFile(t.Context(), tx, id); err != nil || there {
				t.Errorf("sealed while halted: %v %v", there, err)
			}
			return nil
		}))
	}
	if w := h.post("/documents/v1/halt/end", staff, `{"reason":"The new one is in place."}`); w.Code != 204 {
		t.Fatalf("resume: %d %s", w.Code, w.Body)
	}
	h.drain(t)
	for _, id := range ids {
		if r := h.read(t, id); r.State != stateValid {
			t.Errorf("after the halt: %s", r.State)
		}
	}
	if len(h.issued.all) != n || strings.Count(h.log.actions(), "document.issue") != n {
		t.Errorf("issued %d, told %d times", strings.Count(h.log.actions(), "document.issue"), len(h.issued.all))
	}
	if a := h.log.actions(); !strings.Contains(a, "document.halt") || !strings.Contains(a, "document.resume") {
		t.Errorf("audit: %s", a)
	}
	other := h.get("/documents/v1/halt", "stranger "+kernel.NewID())
	if other.Code != 200 { // a registrar of another agency: the switch is the municipality's
		t.Errorf("another agency's registrar: %d", other.Code)
	}
}

// The switch is turned between two steps: what was sealed is not stored, and what was stored is not published.
func TestAHaltBetweenTheStepsStopsTheDocument(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"signed", "stored"} {
		var h *house
		var once atomic.Bool
		h = newHouse(t, func(d *Deps) {
			d.Step = func(step string) {
				if step == at && once.CompareAndSwap(false, true) {
					if err := h.Halt(h.ctx(t, "staff "+kernel.NewID()), whyHalt); err != nil {
						t.Error(err)
					}
				}
			}
		})
		id := h.intend(t, newPerson(), newCase(), sample("en"))
		h.drain(t)
		if r := h.read(t, id); r.State != statePending {
			t.Errorf("halted when %s: %s", at, r.State)
		}
		must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			if there, err := hasFile(t.Context(), tx, id); err != nil || there != (at == "stored") {
				t.Errorf("halted when %s: a file is stored: %v, %v", at, there, err)
			}
			return nil
		}))
		must(t, h.Resume(h.ctx(t, "staff "+kernel.NewID()), "It goes on."))
		h.drain(t)
		if r := h.read(t, id); r.State != stateValid || len(h.issued.all) != 1 {
			t.Errorf("resumed after %s: %s, told %d times", at, r.State, len(h.issued.all))
		}
	}
}

func TestEveryStepIsAnnouncedInItsOrder(t *testing.T) {
	t.Parallel()
	var seen []string
	h := newHouse(t, func(d *Deps) { d.Step = func(step string) { seen = append(seen, step) } })
	h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	if got, want := strings.Join(seen, " "), strings.Join(Steps[:], " "); got != want {
		t.Errorf("steps: %s\nwant:  %s", got, want)
	}
}

func TestAReissuedDocumentTakesThePlaceOfTheOldOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, staff := newPerson(), "staff "+kernel.NewID()
	id := h.intend(t, anna, "", sample("ru")) // without a case: the link between the two is all there is
	path, body := "/documents/v1/documents/"+string(id)+"/reissue", `{"reason":"The first one was lost."}`
	if w := h.post(path, staff, body); w.Code != 409 || !strings.Contains(w.Body.String(), "document-not-valid") {
		t.Errorf("of a pending one: %d %s", w.Code, w.Body)
	}
	h.drain(t)
	for who, want := range map[string]int{"citizen " + string(anna): 403, "stranger " + kernel.NewID(): 404, "": 401} {
		if w := h.post(path, who, body); w.Code != want {
			t.Errorf("%q re-issues: %d %s", who, w.Code, w.Body)
		}
	}
	h.clock.Advance(48 * time.Hour)
	var first IssuedDocument
	for range 2 { // the same attempt twice is one document
		w := h.post(path, staff, body, "one-key")
		var d IssuedDocument
		must(t, json.Unmarshal(w.Body.Bytes(), &d))
		if w.Code != 201 || d.State != statePending || d.Number == "" || first.Number != "" && first.Number != d.Number {
			t.Fatalf("re-issue: %d %s", w.Code, w.Body)
		}
		first = d
	}
	if w := h.post(path, staff, body); w.Code != 409 {
		t.Errorf("re-issued twice: %d %s", w.Code, w.Body)
	}
	old := h.read(t, id)
	if old.State != stateValid {
		t.Errorf("before the new one is there, the old one is %s", old.State)
	}
	h.drain(t)
	old, next := h.read(t, id), h.read(t, kernel.DocumentID(first.ID))
	if old.State != stateSuperseded || next.State != stateValid || old.SupersededAt.IsZero() || next.Number == old.Number || !next.IssuedAt.After(old.IssuedAt) {
		t.Errorf("old %+v\nnew %+v", old, next)
	}
	if string(next.Content) != string(old.Content) {
		t.Error("the content is another")
	}
	var v Verification
	must(t, json.Unmarshal(h.get("/documents/v1/verifications/"+old.Number, "").Body.Bytes(), &v))
	if v.State != stateSuperseded {
		t.Errorf("public: %+v", v)
	}
	var detail IssuedDetail
	must(t, json.Unmarshal(h.get("/documents/v1/issued-documents/"+string(id), staff).Body.Bytes(), &detail))
	if detail.Successor != next.Number || detail.MayReissue {
		t.Errorf("detail: %+v", detail)
	}
	var actions []string
	for _, e := range detail.History {
		actions = append(actions, e.Action)
	}
	if got := strings.Join(actions, " "); got != "intended issued reissued superseded" {
		t.Errorf("history: %s", got)
	}
	must(t, json.Unmarshal(h.get("/documents/v1/issued-documents/"+first.ID, staff).Body.Bytes(), &detail))
	if detail.Predecessor != old.Number {
		t.Errorf("detail of the new one: %+v", detail)
	}
	if w := h.post(path, staff, body); w.Code != 409 {
		t.Errorf("a superseded one: %d", w.Code)
	}
}

func TestAReissueOfWhatWasRevokedMeanwhileIsNeverValid(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := h.ctx(t, "staff "+kernel.NewID())
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	again, err := h.Reissue(ctx, string(id), "The first one was lost.")
	must(t, err)
	if _, err := h.Revoke(ctx, string(id), "Issued on wrong data."); err != nil {
		t.Fatal(err)
	}
	h.drain(t)
	if r := h.read(t, again.ID); r.State != stateRevoked || r.RevokeReason == "" {
		t.Errorf("the re-issue of a revoked document is %s", r.State)
	}
	if len(h.issued.all) != 1 {
		t.Errorf("told %d times", len(h.issued.all))
	}
}

func TestWithoutItsContentADocumentIsNotIssuedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	must(t, h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error { // as the version before published
		_, err := tx.Exec(`UPDATE documents.document SET content = NULL WHERE tenant_id = $1 AND id = $2`, string(kerneltest.Northwick), string(id))
		return err
	}))
	if w := h.post("/documents/v1/documents/"+string(id)+"/reissue", "staff "+kernel.NewID(), `{"reason":"Lost."}`); w.Code != 409 || !strings.Contains(w.Body.String(), "document-content-gone") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestARegistrarFindsTheDocumentsOfTheirAgencyAndTheLookIsRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	staff := "staff " + kernel.NewID()
	a := h.intend(t, newPerson(), newCase(), sample("en"))
	h.clock.Advance(time.Minute)
	b := h.intend(t, newPerson(), newCase(), sample("ru"))
	h.drain(t)
	find := func(who, query string) []string {
		t.Helper()
		w := h.get("/documents/v1/issued-documents"+query, who)
		var out struct{ Documents []IssuedDocument }
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", query, w.Code, w.Body)
		}
		var ids []string
		for _, d := range out.Documents {
			ids = append(ids, d.ID)
		}
		return ids
	}
	both := string(b) + " " + string(a)
	for query, want := range map[string]string{
		"": both, "?q=" + strings.ToLower(h.read(t, a).Number): string(a), "?q=certificate": string(a), "?q=residence-certificate": both, "?q=100%25": "", "?q=_": "",
		"?state=revoked": "", "?type=residence-certificate&state=valid": both, "?limit=1": string(b), "?before=" + string(b): string(a),
	} {
		if got := strings.Join(find(staff, query), " "); got != want {
			t.Errorf("%q finds %q, want %q", query, got, want)
		}
	}
	if got := find("stranger "+kernel.NewID(), ""); len(got) != 0 {
		t.Errorf("another agency finds %v", got)
	}
	if w := h.get("/documents/v1/issued-documents/"+string(a), staff); w.Code != 200 || !strings.HasSuffix(h.log.actions(), "document.read") {
		t.Errorf("detail: %d, audit %s", w.Code, h.log.actions())
	}
	if w := h.get("/documents/v1/issued-documents/"+string(a), "stranger "+kernel.NewID()); w.Code != 404 {
		t.Errorf("another agency reads: %d", w.Code)
	}
}

// authorityOutside is a timestamp authority at an address of its own, which can be switched off.
type authorityOutside struct {
	url, roots string
	down       atomic.Bool
}

func newAuthorityOutside(t *testing.T) *authorityOutside {
	t.Helper()
	keys, err := sign.Init(t.TempDir(), sign.InitOptions{Name: "Time Ltd", CRLBase: "http://time.example"})
	must(t, err)
	tsa, err := keys.TSA(nil)
	must(t, err)
	a := &authorityOutside{roots: filepath.Join(t.TempDir(), "roots.pem")}
	must(t, os.WriteFile(a.roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: keys.Root().Raw}), 0o600))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		tsa.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	a.url = srv.URL
	return a
}

func TestWithoutTheTimestampAuthorityNothingIsStoredAndItIsTriedAgain(t *testing.T) {
	t.Parallel()
	tsa := newAuthorityOutside(t)
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp = "B-T", Stamp{URL: tsa.url, Roots: tsa.roots} })
	must(t, h.check(t.Context()))
	tsa.down.Store(true)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	if err := h.run.Drain(t.Context()); err == nil || kernel.KindOf(err) != kernel.Unavailable {
		t.Errorf("with the authority down: %v", err)
	}
	must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		if there, err := hasFile(t.Context(), tx, id); err != nil || there {
			t.Errorf("a file was stored without its timestamp: %v", err)
		}
		return nil
	}))
	if r := h.read(t, id); r.State != statePending {
		t.Errorf("state %s", r.State)
	}
	tsa.down.Store(false)
	h.retryNow(t)
	h.drain(t)
	if r := h.read(t, id); r.State != stateValid {
		t.Errorf("after the authority came back: %s", r.State)
	}
	trust, err := verify.ParseTrust(h.get("/verify/trust.pem", "").Body.Bytes())
	must(t, err)
	if rep := verify.Verify(h.bytes(t, id), trust, verify.Options{At: h.clock.Now()}); rep.State != verify.Valid || rep.Level != sign.BT || rep.Proven.IsZero() {
		t.Errorf("offline, with the bundle we give away: %+v", rep)
	}
}

func TestALevelThatCannotBeReachedIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	base := Deps{Directory: kerneltest.Directory(), Clock: kernel.SystemClock{}, Texts: words(t), Shell: shell{}, Staff: shell{}}
	for name, change := range map[string]func(*Deps){
		"no authority":  func(d *Deps) { d.Level = "B-LTA" },
		"no such level": func(d *Deps) { d.Level = "B-X" },
		"no such key":   func(d *Deps) { d.Algorithm = "dsa" },
		"no roots": func(d *Deps) {
			d.Level, d.Stamp = "B-T", Stamp{URL: "https://tsa.example", Roots: filepath.Join(t.TempDir(), "none.pem")}
		},
	} {
		d := base
		change(&d)
		if _, err := New(d); err == nil {
			t.Errorf("%s: New accepts it", name)
		}
	}
	tsa := newAuthorityOutside(t)
	tsa.down.Store(true)
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp = "B-T", Stamp{URL: tsa.url, Roots: tsa.roots} })
	// An authority that does not answer now holds up documents, which wait, and not the whole town.
	must(t, h.check(t.Context()))
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	if err := h.run.Drain(t.Context()); kernel.KindOf(err) != kernel.Unavailable {
		t.Errorf("issuing without the authority says %v", err)
	}
	if r := h.read(t, id); r.State != statePending {
		t.Errorf("without the authority the document is %s", r.State)
	}
}

func TestBeforeItsTimestampEndsAFileIsRenewedAndEveryRevisionStaysKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp = "B-LTA", Stamp{URL: "embedded"} })
	must(t, h.check(t.Context()))
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	first := h.file(t, id)
	if first.Level != "B-LTA" || first.RenewBefore.IsZero() || first.Proven.IsZero() {
		t.Fatalf("first revision: %s, %v, %v", first.Level, first.Proven, first.RenewBefore)
	}
	must(t, h.renewDue(t.Context()))
	h.drain(t)
	if f := h.file(t, id); f.Revision != 1 {
		t.Fatalf("renewed long before its time: revision %d", f.Revision)
	}
	h.clock.Advance(first.RenewBefore.Sub(h.clock.Now()) - 60*24*time.Hour)
	_, err := h.seals.keys.Rotate(kerneltest.Tenant(kerneltest.Northwick), h.clock.Now()) // seals live three years
	must(t, err)
	for range 3 { // any number of processes, any number of times
		must(t, h.renewDue(t.Context()))
	}
	h.drain(t)
	must(t, h.renewDue(t.Context()))
	h.drain(t)
	second := h.file(t, id)
	if second.Revision != 2 || !second.RenewBefore.After(first.RenewBefore) || second.Level != "B-LTA" || !second.Proven.Equal(first.Proven) {
		t.Fatalf("renewed: revision %d, %s, proven %v, ends %v", second.Revision, second.Level, second.Proven, second.RenewBefore)
	}
	if !strings.HasPrefix(string(second.Bytes), string(first.Bytes)) {
		t.Error("the renewal changed what was there")
	}
	if w := h.get("/documents/"+string(id)+".pdf", "citizen "+string(anna)); w.Body.String() != string(second.Bytes) {
		t.Errorf("not the newest is downloaded: %d", w.Code)
	}
	for i, f := range []sealedFile{first, second} {
		v, err := h.verifyFile(h.ctx(t, ""), f.Bytes)
		if err != nil || v.Number != h.read(t, id).Number {
			t.Errorf("revision %d is not known: %+v %v", i+1, v, err)
		}
	}
	if strings.Count(h.log.actions(), "document.renew") != 1 {
		t.Errorf("audit: %s", h.log.actions())
	}
}

// An archive adds a timestamp of its own to a document: the bytes are not ours, the document is.
func TestADocumentThatAnArchiveHasExtendedIsStillKnown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(d *Deps) { d.Level, d.Stamp = "B-LTA", Stamp{URL: "embedded"} })
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	r := h.read(t, id)
	extended, err := h.renewedLater(t, r, h.file(t, id))
	must(t, err)
	for _, state := range []string{stateValid, stateRevoked} {
		if state == stateRevoked {
			_, err := h.Revoke(h.ctx(t, "staff "+kernel.NewID()), string(id), "Issued on wrong data.")
			must(t, err)
		}
		if v, err := h.verifyFile(h.ctx(t, ""), extended); err != nil || v.Number != r.Number || v.State != state {
			t.Errorf("%s: %+v %v", state, v, err)
		}
	}
	elsewhere := kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Eastmere))
	if v, err := h.verifyFile(elsewhere, extended); err != nil || v.State != stateUnknown || len(v.Reasons) != 1 || v.Reasons[0] != "other-municipality" || !strings.HasPrefix(v.CheckAt, kerneltest.Tenant(kerneltest.Northwick).Origin+"/verify/") {
		t.Errorf("at Eastmere: %+v %v", v, err)
	}
}

// renewedLater is the file with another timestamp, which is not stored.
func (h *house) renewedLater(t *testing.T, r record, f sealedFile) ([]byte, error) {
	t.Helper()
	f.RenewBefore = time.Time{}
	next, err := h.renewed(t.Context(), kerneltest.Tenant(kerneltest.Northwick), r, f)
	return next.Bytes, err
}

// An authority that was away for longer than an effect tries does not lose a document.
func TestWhatWasGivenUpIsIssuedAfterAll(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	must(t, h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE kernel.effect SET state = 'dead' WHERE tenant_id = $1`, string(kerneltest.Northwick))
		return err
	}))
	must(t, h.issueOverdue(t.Context()))
	h.drain(t)
	if r := h.read(t, id); r.State != statePending {
		t.Fatalf("at once: %s", r.State)
	}
	h.clock.Advance(overdue + time.Minute)
	for range 3 {
		must(t, h.issueOverdue(t.Context()))
	}
	h.drain(t)
	if r := h.read(t, id); r.State != stateValid || len(h.issued.all) != 1 {
		t.Errorf("an hour later: %s, told %d times", r.State, len(h.issued.all))
	}
}

func (h *house) file(t *testing.T, id kernel.DocumentID) sealedFile {
	t.Helper()
	var f sealedFile
	must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		f, err = newestFile(t.Context(), tx, id)
		return err
	}))
	return f
}

func TestAFileOfAnotherLevelOrNumberIsRefusedAfterSealing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	r, file := h.read(t, id), h.bytes(t, id)
	if _, err := h.proved(r, file, sign.BB); err != nil {
		t.Fatal(err)
	}
	for _, level := range []sign.Level{sign.BT, sign.BLT, sign.BLTA} {
		if _, err := h.proved(r, file, level); err == nil {
			t.Errorf("a B-B file passes as %s", level)
		}
	}
	r.Number = formatNumber(r.Type, newCode())
	if _, err := h.proved(r, file, sign.BB); err == nil {
		t.Error("a file of another number passes")
	}
}
