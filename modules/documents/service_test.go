package documents

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func newPerson() kernel.PersonID { return kernel.PersonID(kernel.NewID()) }
func newCase() kernel.CaseID     { return kernel.CaseID(kernel.NewID()) }

func TestADocumentIsIssuedOnceAndEverybodyCanCheckIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	must(t, h.check(t.Context()))
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	if r := h.read(t, id); r.State != statePending || len(r.Content) == 0 {
		t.Fatalf("after the step: %s", r.State)
	}
	number := h.read(t, id).Number
	if v, err := h.verifyNumber(kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick)), number); err != nil || v.State != stateUnknown {
		t.Errorf("a document that is being made is public: %+v, %v", v, err)
	}
	h.drain(t)
	r := h.read(t, id)
	if r.State != stateValid || len(r.Content) == 0 {
		t.Fatalf("after issue: %s, content kept: %v", r.State, len(r.Content) > 0)
	}
	if len(h.issued.all) != 1 || !strings.Contains(h.issued.all[0], number) {
		t.Errorf("document.issued: %v", h.issued.all)
	}
	if got := h.log.actions(); got != "document.intend document.issue" {
		t.Errorf("audit: %s", got)
	}

	pdf := h.get("/documents/"+string(id)+".pdf", "citizen "+string(anna))
	if pdf.Code != 200 || pdf.Header().Get("Content-Type") != "application/pdf" || pdf.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(pdf.Header().Get("Content-Disposition"), number) {
		t.Fatalf("download: %d %v", pdf.Code, pdf.Header())
	}
	bundle := h.get("/verify/trust.pem", "")
	trust, err := verify.ParseTrust(bundle.Body.Bytes())
	must(t, err)
	if rep := verify.Verify(pdf.Body.Bytes(), trust, verify.Options{At: h.clock.Now()}); rep.State != verify.Valid || rep.Number != number {
		t.Errorf("offline: %+v", rep)
	}
	api := h.get("/documents/v1/documents/"+string(id)+"/file", "citizen "+string(anna))
	if !bytes.Equal(api.Body.Bytes(), pdf.Body.Bytes()) {
		t.Errorf("the API serves other bytes: %d %s", api.Code, api.Body)
	}

	for name, w := range map[string]interface{ String() string }{
		"number":    h.get("/documents/v1/verifications/"+strings.ToLower(number), "").Body,
		"file":      h.send("POST", "/documents/v1/verifications", "", bytes.NewReader(pdf.Body.Bytes()), "Content-Type", "application/pdf").Body,
		"form file": h.upload(t, "/documents/v1/verifications", pdf.Body.Bytes()),
	} {
		var v Verification
		if err := json.Unmarshal([]byte(w.String()), &v); err != nil || v.State != stateValid || v.Number != number || v.Issuer != "Civil Registry Office" {
			t.Errorf("%s: %s", name, w)
		}
		if strings.Contains(w.String(), "Anna") || strings.Contains(w.String(), string(anna)) {
			t.Errorf("%s: the answer is personal: %s", name, w)
		}
	}
}

func (h *house) upload(t *testing.T, path string, file []byte) *bytes.Buffer {
	t.Helper()
	body, kind := form(t, file)
	return h.send("POST", path, "", body, "Content-Type", kind).Body
}

func TestAnAlteredFileAndAStrangersFileAreToldApart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("zh"))
	h.drain(t)
	file := h.get("/documents/"+string(id)+".pdf", "citizen "+string(anna)).Body.Bytes()
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"appended":                  {append(bytes.Clone(file), "x"...), stateAltered},
		"flipped":                   {flip(file, len(file)/2), stateAltered},
		"somebody else's signature": {bytes.Replace(file, []byte("/Producer(Townhall)"), []byte("/Producer(Somebody)"), 1), stateUnknown},
		"unsigned":                  {[]byte("%PDF-1.4\n%%EOF\n"), stateUnknown},
		"no pdf":                    {[]byte("hello"), stateUnknown},
		"untouched":                 {file, stateValid},
	} {
		var v Verification
		must(t, json.Unmarshal(h.send("POST", "/documents/v1/verifications", "", bytes.NewReader(c.file), "Content-Type", "application/pdf").Body.Bytes(), &v))
		if v.State != c.want {
			t.Errorf("%s: %+v", name, v)
		}
		body, kind := form(t, c.file)
		page := h.send("POST", "/verify", "", body, "Content-Type", kind)
		if title := h.Texts.T("en", "verify.state."+c.want); page.Code != 200 || !strings.Contains(page.Body.String(), title) || strings.Contains(page.Body.String(), "⟦") {
			t.Errorf("%s: the page does not say %q: %d %s", name, title, page.Code, page.Body)
		}
	}
	if w := h.send("POST", "/documents/v1/verifications", "", bytes.NewReader(make([]byte, verify.MaxFile+1)), "Content-Type", "application/pdf"); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge file: %d %s", w.Code, w.Body)
	}
	if w := h.send("POST", "/documents/v1/verifications", "", nil, "Content-Type", "application/pdf"); w.Code != http.StatusBadRequest {
		t.Errorf("no file: %d %s", w.Code, w.Body)
	}
	body, kind := form(t, nil)
	if w := h.send("POST", "/verify", "", body, "Content-Type", kind); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), h.Texts.T("en", "error.no-file")) {
		t.Errorf("empty form: %d %s", w.Code, w.Body)
	}
}

func flip(file []byte, at int) []byte {
	out := bytes.Clone(file)
	out[at] ^= 1
	return out
}

func TestASecondSealingIsThrownAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	payload, err := json.Marshal(kernel.DocumentIssue{Document: id})
	must(t, err)
	ctx := kernel.WithPrincipal(t.Context(), kernel.SystemPrincipal(kerneltest.Northwick))
	completes := make([]pg.Complete, 4)
	var wg sync.WaitGroup
	for i := range completes {
		wg.Go(func() {
			var err error
			if completes[i], err = h.issue(ctx, kernel.Effect{Tenant: kerneltest.Northwick, ID: kernel.NewID(), Payload: payload}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	first := h.bytes(t, id)
	for _, c := range completes {
		if c != nil {
			must(t, h.DB.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error { return c(ctx, tx) }))
		}
	}
	h.drain(t) // the effect of the intent itself, late
	if !bytes.Equal(first, h.bytes(t, id)) {
		t.Error("the file changed after it was stored")
	}
	if got := h.log.actions(); got != "document.intend document.issue" {
		t.Errorf("audit: %s", got)
	}
	if len(h.issued.all) != 1 {
		t.Errorf("document.issued was told %d times", len(h.issued.all))
	}
}

func (h *house) bytes(t *testing.T, id kernel.DocumentID) []byte {
	t.Helper()
	var file []byte
	must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		file, err = fileOf(t.Context(), tx, id)
		return err
	}))
	return file
}

func TestADocumentOfSomebodyElseIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, boris := newPerson(), newPerson()
	id := string(h.intend(t, anna, newCase(), sample("en")))
	h.drain(t)
	unknown := kernel.NewID()
	for _, path := range []string{"/documents/v1/documents/%", "/documents/v1/documents/%/file", "/documents/%.pdf"} {
		theirs := h.get(strings.Replace(path, "%", id, 1), "citizen "+string(boris))
		nobodys := h.get(strings.Replace(path, "%", unknown, 1), "citizen "+string(boris))
		if theirs.Code != 404 || nobodys.Code != 404 {
			t.Errorf("%s: %d for another's, %d for nobody's", path, theirs.Code, nobodys.Code)
		}
		if w := h.get(strings.Replace(path, "%", id, 1), ""); w.Code != 401 && w.Code != 303 {
			t.Errorf("%s without sign-in: %d", path, w.Code)
		}
	}
	if w := h.get("/documents", "citizen "+string(boris)); w.Code != 200 || strings.Contains(w.Body.String(), id) {
		t.Errorf("list of another: %d %s", w.Code, w.Body)
	}
	if w := h.get("/documents", "citizen "+string(anna)); w.Code != 200 || !strings.Contains(w.Body.String(), id) || strings.Contains(w.Body.String(), "⟦") {
		t.Errorf("own list: %d %s", w.Code, w.Body)
	}
	// The other municipality knows nothing of it.
	must(t, h.DB.Read(t.Context(), kerneltest.Eastmere, func(tx *pg.Tx) error {
		if _, err := documentByID(t.Context(), tx, kernel.DocumentID(id)); kernel.KindOf(err) != kernel.NotFound {
			t.Errorf("in Eastmere: %v", err)
		}
		return nil
	}))
}

func TestARegistrarOfTheAgencyRevokesAndEverybodySeesIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := string(h.intend(t, anna, newCase(), sample("en")))
	h.drain(t)
	path, body := "/documents/v1/documents/"+id+"/revocation", `{"reason":"Issued on wrong data."}`
	post := func(who, key, body string) *http.Response {
		return h.send("POST", path, who, strings.NewReader(body), "Content-Type", "application/json", "Idempotency-Key", key).Result()
	}
	for who, want := range map[string]int{"citizen " + string(anna): 403, "stranger " + kernel.NewID(): 404, "": 401} {
		if got := post(who, kernel.NewID(), body); got.StatusCode != want {
			t.Errorf("%q revokes: %d, want %d", who, got.StatusCode, want)
		}
	}
	staff := "staff " + kernel.NewID()
	if got := post(staff, "k0", `{"reason":"x"}`); got.StatusCode != 422 {
		t.Errorf("without a reason: %d", got.StatusCode)
	}
	for range 2 { // the same attempt twice is one revocation
		if got := post(staff, "k1", body); got.StatusCode != 200 {
			t.Errorf("revocation: %d", got.StatusCode)
		}
	}
	if got := post(staff, "k2", body); got.StatusCode != 409 {
		t.Errorf("a second revocation: %d", got.StatusCode)
	}
	number := h.read(t, kernel.DocumentID(id)).Number
	var v Verification
	must(t, json.Unmarshal(h.get("/documents/v1/verifications/"+number, "").Body.Bytes(), &v))
	if v.State != stateRevoked || v.RevokedAt.IsZero() {
		t.Errorf("public state: %+v", v)
	}
	if w := h.get("/verify/"+number, ""); !strings.Contains(w.Body.String(), h.Texts.T("en", "verify.state.revoked")) || strings.Contains(w.Body.String(), "wrong data") {
		t.Errorf("page: %s", w.Body)
	}
	if !strings.HasSuffix(h.log.actions(), "document.revoke") || strings.Count(h.log.actions(), "document.revoke") != 1 {
		t.Errorf("audit: %s", h.log.actions())
	}
}

func TestANewerDocumentOfTheSameCaseTakesThePlaceOfTheOlder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, c := newPerson(), newCase()
	old := h.intend(t, anna, c, sample("en"))
	h.drain(t)
	other := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	newer := h.intend(t, anna, c, sample("ru"))
	h.drain(t)
	if h.read(t, old).State != stateSuperseded || h.read(t, newer).State != stateValid || h.read(t, other).State != stateValid {
		t.Errorf("old %s, newer %s, other %s", h.read(t, old).State, h.read(t, newer).State, h.read(t, other).State)
	}
	h.clock.Advance(200 * 24 * 3600e9)
	if v := h.read(t, newer).publicState(h.clock.Now()); v != stateExpired {
		t.Errorf("after its last day: %s", v)
	}
}

func TestADocumentThatStandsBesideOthersTakesNoPlace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, c := newPerson(), newCase()
	beside := sample("en")
	beside.Beside = true
	first := h.intend(t, anna, c, beside)
	h.drain(t)
	second := h.intend(t, anna, c, beside)
	third := h.intend(t, anna, c, beside)
	h.drain(t)
	for _, id := range []kernel.DocumentID{first, second, third} {
		if got := h.read(t, id).State; got != stateValid {
			t.Errorf("one of three: %s", got)
		}
	}
}

func TestTextThatNoFontCanShowStopsTheStepAndNamesTheBlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for value, slug := range map[string]string{
		"😀": "document.text-not-printable", "a\u202eb": "document.text-not-printable", "e\u0301": "document.text-not-printable", "a\x00b": "document.text-not-printable",
		"\xff": "document.text-not-printable", "नाम": "document.text-not-printable", strings.Repeat("a", 5000): "document.text-too-long",
	} {
		c := sample("en")
		c.Blocks[2].Fields[0][1] = value
		_, err := h.Preview(kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick)), kernel.DocumentIntent{Content: c})
		var e *kernel.Error
		if !errors.As(err, &e) || e.Kind != kernel.Invalid || len(e.Fields) != 1 || e.Fields[0].Path != "content.blocks.2.fields.0.value" || e.Fields[0].Slug != slug {
			t.Errorf("%.20q: %v", value, err)
		}
		if !h.Texts.Has(slug) {
			t.Errorf("%s has no text", slug)
		}
	}
	for _, name := range []string{"Nguyễn Thị Hồng", "Ελένη Παπαδοπούλου", "Žofie Ďurišová", "Ўладзімір", "王小明", "やまだ 花子"} {
		c := sample("en")
		c.Blocks[2].Fields[0][1] = name
		if _, err := h.Preview(kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick)), kernel.DocumentIntent{Content: c}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPagesSpeakEveryLanguage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	for _, path := range []string{"/verify", "/verify/" + h.read(t, id).Number, "/verify/RC-0000", "/documents"} {
		seen := map[string]bool{}
		for _, l := range kernel.Locales {
			w := h.send("GET", path, "citizen "+string(anna), nil, "Accept-Language", l)
			if w.Code != 200 || strings.Contains(w.Body.String(), "⟦") {
				t.Errorf("%s in %s: %d %s", path, l, w.Code, w.Body)
			}
			seen[w.Body.String()] = true
		}
		if len(seen) != len(kernel.Locales) {
			t.Errorf("%s: %d languages", path, len(seen))
		}
	}
	for _, path := range []string{"/verify/root.crl", "/verify/issuing.crl", "/verify/trust.pem", "/documents/v1/trust-bundle"} {
		if w := h.get(path, ""); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := h.get("/verify?number=rc+7k4m", ""); w.Code != 303 || w.Header().Get("Location") != "/verify/rc%207k4m" {
		t.Errorf("number form: %d %s", w.Code, w.Header().Get("Location"))
	}
}

func TestTextThatNoFontCanShowIsRefusedBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := kernel.WithPrincipal(t.Context(), kernel.SystemPrincipal(kerneltest.Northwick))
	for name, value := range map[string]string{"emoji": "Anna 😀", "NUL": "Anna\x00", "no font has it": "नाम", "10,000 characters": strings.Repeat("я", 10_000), "no UTF-8": "\xff"} {
		c := sample("en")
		c.Blocks[2].Fields[0][1] = value
		err := h.DB.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := h.Intend(ctx, tx, kernel.DocumentIntent{Case: newCase(), Holder: newPerson(), Agency: "civil-registry", Type: "residence-certificate", Content: c})
			if kernel.KindOf(err) != kernel.Invalid {
				t.Errorf("%s: %v", name, err)
			}
			return nil // a caller that goes on regardless stores nothing either
		})
		must(t, err)
	}
	must(t, h.DB.Read(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		var n int
		err := tx.Get(&n, `SELECT (SELECT count(*) FROM documents.document WHERE tenant_id = $1) + (SELECT count(*) FROM kernel.effect WHERE tenant_id = $1)`, string(kerneltest.Northwick))
		if n != 0 || h.log.actions() != "" {
			t.Errorf("%d rows are there, audit %q", n, h.log.actions())
		}
		return err
	}))
}
