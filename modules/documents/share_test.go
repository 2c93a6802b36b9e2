package documents

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// shareBy makes a link by API and returns it with its token.
func (h *house) shareBy(t *testing.T, who string, id kernel.DocumentID, days string, key ...string) (NewShare, string) {
	t.Helper()
	w := h.post("/documents/v1/documents/"+string(id)+"/shares", who, `{"label":"My bank","days":`+days+`}`, key...)
	var s NewShare
	if err := json.Unmarshal(w.Body.Bytes(), &s); err != nil || w.Code != 201 {
		t.Fatalf("share: %d %s", w.Code, w.Body)
	}
	_, token, _ := strings.Cut(s.Link, "/shared/")
	return s, token
}

func TestALinkShowsTheDocumentUntilItEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	who := "citizen " + string(anna)
	id := h.intend(t, anna, newCase(), sample("en"))
	if w := h.post("/documents/v1/documents/"+string(id)+"/shares", who, `{"label":"x","days":7}`); w.Code != 409 {
		t.Errorf("of a document that is being made: %d", w.Code)
	}
	h.drain(t)
	s, token := h.shareBy(t, who, id, "7")
	if len(token) < 22 || !strings.HasPrefix(s.Link, "http://northwick.localhost:8080/shared/") {
		t.Errorf("the link %s", s.Link)
	}
	open := func() (*httptest.ResponseRecorder, *httptest.ResponseRecorder) {
		return h.get("/documents/v1/shares/"+token, ""), h.get("/documents/v1/shares/"+token+"/file", "")
	}
	state, file := open()
	if state.Code != 200 || !strings.Contains(state.Body.String(), `"valid"`) || !bytes.Equal(file.Body.Bytes(), h.bytes(t, id)) {
		t.Fatalf("a live link: %d %s, file %d", state.Code, state.Body, file.Code)
	}
	if strings.Contains(state.Body.String(), "bank") || strings.Contains(state.Body.String(), string(anna)) {
		t.Errorf("a stranger learns too much: %s", state.Body)
	}
	unknown := h.get("/documents/v1/shares/"+strings.Repeat("A", len(token)), "")
	check := func(name, want string) {
		t.Helper()
		state, file := open()
		if state.Code != 404 || state.Body.String() != want || file.Code != 404 || file.Body.String() != want {
			t.Errorf("%s reads %d %s, not as an unknown link: %s", name, state.Code, state.Body, want)
		}
	}
	for _, no := range []string{"x", "%00", strings.Repeat("B", 64)} {
		if w := h.get("/documents/v1/shares/"+no, ""); w.Code != 404 || w.Body.String() != unknown.Body.String() {
			t.Errorf("link %q: %d %s", no, w.Code, w.Body)
		}
	}
	path := "/documents/v1/documents/" + string(id) + "/shares/" + s.ID
	for other, want := range map[string]int{"citizen " + kernel.NewID(): 404, "": 401, "staff " + kernel.NewID(): 403} {
		if w := h.send("DELETE", path, other, nil); w.Code != want {
			t.Errorf("%q ends it: %d", other, w.Code)
		}
	}
	for range 2 {
		if w := h.send("DELETE", path, who, nil); w.Code != 204 {
			t.Errorf("ending: %d %s", w.Code, w.Body)
		}
	}
	check("an ended link", unknown.Body.String())
	_, token = h.shareBy(t, who, id, "1")
	h.clock.Advance(24 * time.Hour)
	check("an expired link", unknown.Body.String())
	if got := h.log.actions(); !strings.Contains(got, "document.share") || strings.Count(got, "document.unshare") < 1 {
		t.Errorf("audit: %s", got)
	}
}

func TestOnlyTheHashOfALinkIsKeptAndARetryGetsTheSameLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	who := "citizen " + string(anna)
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	first, token := h.shareBy(t, who, id, "7", "one-key")
	again, _ := h.shareBy(t, who, id, "7", "one-key")
	other, _ := h.shareBy(t, who, id, "7")
	if first != again || first.Link == other.Link {
		t.Errorf("first %+v\nagain %+v\nanother %+v", first, again, other)
	}
	must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		var found int
		err := tx.Get(&found, `SELECT (SELECT count(*) FROM documents.share WHERE tenant_id = $1 AND (label LIKE '%' || $2 || '%' OR encode(token_hash, 'escape') LIKE '%' || $2 || '%'))
			+ (SELECT count(*) FROM kernel.idempotency WHERE tenant_id = $1 AND result::text LIKE '%' || $2 || '%')`, string(kerneltest.Northwick), token)
		if found > 0 {
			t.Error("the link is in the database")
		}
		hash, ok := tokenHash(token)
		if !ok || len(hash) != sha256.Size {
			t.Error("the token is none")
		}
		return err
	}))
}

func TestADocumentHasAtMostTwentyLiveLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	ctx := h.ctx(t, "citizen "+string(anna))
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, refused := 0, 0
	for range 26 {
		wg.Go(func() {
			_, _, err := h.shareDocument(ctx, string(id), "My bank", 1)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case kernel.KindOf(err) == kernel.Conflict:
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if made != maxShares || refused != 6 {
		t.Errorf("%d links made, %d refused", made, refused)
	}
	h.clock.Advance(25 * time.Hour)
	if _, _, err := h.shareDocument(ctx, string(id), "My bank", 1); err != nil {
		t.Errorf("after the others expired: %v", err)
	}
	for label, days := range map[string]int{"": 7, " ": 7, strings.Repeat("я", 81): 7, "a\nb": 7, "a\x00b": 7, "a\u202eb": 7, "a\xffb": 7, "fine": 0, "fine too": 91} {
		if _, _, err := h.shareDocument(ctx, string(id), label, days); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("label %q for %d days: %v", label, days, err)
		}
	}
	if _, _, err := h.shareDocument(ctx, string(id), strings.Repeat("я", 80), 90); err != nil {
		t.Errorf("the longest label: %v", err)
	}
}

func TestTheHolderSeesWhenADocumentWasVerifiedAndNothingAboutWhom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	who := "citizen " + string(anna)
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	number := h.read(t, id).Number
	_, token := h.shareBy(t, who, id, "7")
	number2 := "/documents/v1/verifications/" + number
	for range 3 {
		h.get(number2, "")
	}
	h.get(number2, "citizen "+kernel.NewID())
	h.get(number2, who)                     // the holder's own look
	h.get(number2, "staff "+kernel.NewID()) // the agency's
	h.get("/documents/v1/verifications/RC-0000-0000-0000-0000", "")
	h.send("POST", "/documents/v1/verifications", "", bytes.NewReader(h.bytes(t, id)), "Content-Type", "application/pdf")
	h.get("/documents/v1/shares/"+token, "")
	h.get("/documents/v1/shares/"+token+"/file", "")
	var out struct{ Checks []Check }
	must(t, json.Unmarshal(h.get("/documents/v1/documents/"+string(id)+"/checks", who).Body.Bytes(), &out))
	want := map[string]int{"number": 4, "file": 1, "share": 2}
	for _, c := range out.Checks {
		if c.Count != want[c.How] || c.At.Minute() != 0 || (c.Label == "My bank") != (c.How == "share") {
			t.Errorf("check %+v, want %d", c, want[c.How])
		}
		delete(want, c.How)
	}
	if len(want) > 0 {
		t.Errorf("not told: %v", want)
	}
	h.clock.Advance(time.Hour)
	h.get(number2, "")
	must(t, json.Unmarshal(h.get("/documents/v1/documents/"+string(id)+"/checks", who).Body.Bytes(), &out))
	if len(out.Checks) != 4 || out.Checks[0].Count != 1 {
		t.Errorf("an hour later: %+v", out.Checks)
	}
	detail, err := h.issuedDocument(h.ctx(t, "staff "+kernel.NewID()), string(id))
	must(t, err)
	for _, c := range detail.Checks {
		if c.Label != "" {
			t.Errorf("the agency reads the holder's label: %+v", c)
		}
	}
	for _, other := range []string{"citizen " + kernel.NewID(), "stranger " + kernel.NewID()} {
		if _, err := h.checksOf(h.ctx(t, other), string(id)); kernel.KindOf(err) != kernel.NotFound {
			t.Errorf("%s: %v", other, err)
		}
	}
	h.clock.Advance(keepChecks + 2*time.Hour)
	must(t, h.forgetChecks(t.Context()))
	if all, err := h.checksOf(h.ctx(t, who), string(id)); err != nil || len(all) != 0 {
		t.Errorf("after two years: %+v %v", all, err)
	}
}
