package documents

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

// sendForm sends a form as a page of ours would, with the key that was in it.
func (h *house) sendForm(path, who, key string, fields ...string) *httptest.ResponseRecorder {
	form := url.Values{"idempotency_key": {key}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return h.send("POST", path, who, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded")
}

var linkInPage = regexp.MustCompile(`value="http://northwick\.localhost:8080(/shared/[\w-]+)"`)

func (h *house) sharedByPage(t *testing.T, who string, id kernel.DocumentID, days string) string {
	t.Helper()
	w := h.sendForm(documentPath(id)+"/share", who, kernel.NewID(), "label", "My bank", "days", days)
	m := linkInPage.FindStringSubmatch(w.Body.String())
	if w.Code != http.StatusOK || m == nil || !strings.Contains(w.Body.String(), `class="qr"`) {
		t.Fatalf("sharing: %d %s", w.Code, w.Body)
	}
	return m[1]
}

func TestALinkSentTwiceByOneFormIsOneLinkAndAWrongFormSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna, other := newPerson(), newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	who := "citizen " + string(anna)
	if w := h.get(documentPath(id), who); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), h.Texts.T("en", "documents.pending.title")) {
		t.Errorf("while it is made: %d %s", w.Code, w.Body)
	}
	if w := h.get(documentPath(id)+"/share", who); w.Code != http.StatusSeeOther {
		t.Errorf("a document that is being made can be shared: %d", w.Code)
	}
	h.drain(t)
	path, key := documentPath(id)+"/share", kernel.NewID()
	first, again := h.sendForm(path, who, key, "label", "My bank", "days", "7"), h.sendForm(path, who, key, "label", "My bank", "days", "7")
	a, b := linkInPage.FindString(first.Body.String()), linkInPage.FindString(again.Body.String())
	if a == "" || a != b {
		t.Errorf("one form, two links: %q, %q", a, b)
	}
	for name, c := range map[string]struct{ label, days, want string }{
		"no label":           {" ", "7", "share.label-length"},
		"a label of a NUL":   {"a\x00b", "7", "share.label-characters"},
		"no days":            {"My bank", "", "share.days"},
		"days not on offer":  {"My bank", "8", "share.days"},
		"days beyond number": {"My bank", "99999999999999999999", "share.days"},
	} {
		w := h.sendForm(path, who, kernel.NewID(), "label", c.label, "days", c.days)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), h.Texts.T("en", c.want)) || !strings.Contains(w.Body.String(), "#f-") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for _, p := range []string{documentPath(id), documentPath(id) + ".pdf", path} {
		if w := h.get(p, "citizen "+string(other)); w.Code != http.StatusNotFound {
			t.Errorf("%s of somebody else: %d", p, w.Code)
		}
	}
	if w := h.sendForm(path, "citizen "+string(other), kernel.NewID(), "label", "Me", "days", "7"); w.Code != http.StatusNotFound {
		t.Errorf("somebody else shares it: %d", w.Code)
	}
}

// One page for every link that does not open: the same bytes, whatever the reason.
func TestALinkThatDoesNotOpenLooksTheSameWhateverTheReason(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	anna := newPerson()
	id := h.intend(t, anna, newCase(), sample("en"))
	h.drain(t)
	who := "citizen " + string(anna)
	short, ended := h.sharedByPage(t, who, id, "1"), h.sharedByPage(t, who, id, "90")
	for _, link := range []string{short, ended} {
		page := h.get(link, "")
		if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), h.read(t, id).Number) || strings.Contains(page.Body.String(), "My bank") || strings.Contains(page.Body.String(), "Anna") {
			t.Errorf("an open link: %d %s", page.Code, page.Body)
		}
		for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"} {
			if got := page.Header().Get(name); got != want {
				t.Errorf("%s: %q", name, got)
			}
		}
		if file := h.get(link+"/document.pdf", ""); file.Body.String() != string(h.bytes(t, id)) {
			t.Errorf("the link's file: %d, %d bytes", file.Code, file.Body.Len())
		}
	}
	page := h.get(documentPath(id), who).Body.String()
	ends := regexp.MustCompile(`action="([^"]+/end)"`).FindAllStringSubmatch(page, -1)
	if len(ends) != 2 || strings.Count(page, h.Texts.T("en", "documents.links.used", "n", 2)) != 2 {
		t.Fatalf("two links, each used twice: %s", page)
	}
	if w := h.sendForm(ends[0][1], who, kernel.NewID()); w.Code != http.StatusSeeOther { // the newest: the one for 90 days
		t.Fatalf("ending: %d %s", w.Code, w.Body)
	}
	h.clock.Advance(25 * time.Hour)
	want := h.get("/shared/never", "")
	if want.Code != http.StatusNotFound {
		t.Errorf("no link: %d", want.Code)
	}
	for name, path := range map[string]string{"expired": short, "ended": ended, "its file": ended + "/document.pdf", "nobody's": "/shared/" + strings.Repeat("A", 32)} {
		if w := h.get(path, ""); w.Code != want.Code || w.Body.String() != want.Body.String() {
			t.Errorf("%s differs: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestOnlyTheAgencySeesWhatItIssuedAndEachLookIsRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.intend(t, newPerson(), newCase(), sample("en"))
	h.drain(t)
	oliver, parks := "staff "+string(newPerson()), "stranger "+string(newPerson())
	number := h.read(t, id).Number
	if w := h.get("/staff/documents", oliver); !strings.Contains(w.Body.String(), number) {
		t.Errorf("the agency's list: %d %s", w.Code, w.Body)
	}
	if w := h.get("/staff/documents", parks); strings.Contains(w.Body.String(), number) {
		t.Error("another agency lists the document")
	}
	if w := h.get("/staff/documents?q="+strings.ToLower(number), oliver); w.Code != http.StatusSeeOther || w.Header().Get("Location") != issuedPath(id) {
		t.Errorf("a search by number: %d %v", w.Code, w.Header())
	}
	for _, part := range []string{"", "/document.pdf", "/revoke", "/reissue"} {
		if w := h.get(issuedPath(id)+part, parks); w.Code != http.StatusNotFound {
			t.Errorf("another agency opens %q: %d", part, w.Code)
		}
	}
	before := strings.Count(h.log.actions(), "document.read")
	if file := h.get(issuedPath(id)+"/document.pdf", oliver); file.Code != http.StatusOK || file.Body.String() != string(h.bytes(t, id)) || !strings.HasPrefix(file.Header().Get("Content-Disposition"), "inline") {
		t.Errorf("the file: %d %v", file.Code, file.Header())
	}
	if after := strings.Count(h.log.actions(), "document.read"); after != before+1 {
		t.Errorf("the look at the file is recorded %d times", after-before)
	}
	for _, step := range []string{"/revoke", "/reissue"} {
		if w := h.sendForm(issuedPath(id)+step, parks, kernel.NewID(), "reason", "I want to."); w.Code != http.StatusNotFound {
			t.Errorf("another agency's %s: %d", step, w.Code)
		}
		if w := h.sendForm(issuedPath(id)+step, oliver, kernel.NewID(), "reason", "no"); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "#f-reason") {
			t.Errorf("%s without a reason: %d %s", step, w.Code, w.Body)
		}
	}
	if w := h.sendForm(issuedPath(id)+"/revoke", oliver, kernel.NewID(), "reason", "Wrong entry."); w.Code != http.StatusSeeOther || h.read(t, id).State != stateRevoked {
		t.Errorf("revoking: %d %s", w.Code, w.Body)
	}
	if w := h.sendForm(issuedPath(id)+"/reissue", oliver, kernel.NewID(), "reason", "Too late."); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), h.Texts.T("en", "error.document-not-valid")) {
		t.Errorf("issuing a revoked one again: %d %s", w.Code, w.Body)
	}
}

func TestAResultTellsWhatCouldNotBeChecked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/verify", nil)
	r = r.WithContext(kernel.WithLocale(kernel.WithTenant(r.Context(), kerneltest.Directory().Tenants()[0]), "en"))
	v := verification{State: stateUnknown, Notes: []string{verify.ReasonOldCRL, verify.NoteTimestampExpired}}
	if err := h.showResult(w, r, v, sealing{}, true); err != nil {
		t.Fatal(err)
	}
	for _, note := range v.Notes {
		if !strings.Contains(w.Body.String(), h.Texts.T("en", "verify.note."+note)) {
			t.Errorf("the page does not tell %s", note)
		}
	}
}

func TestAMissingNumberIsSaidAtItsField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for query, code := range map[string]int{"": 200, "?number=": 422, "?number=" + strings.Repeat("7", 65): 422, "?number=RC-7K4M-93Q2-TX8D-6HRW": 303} {
		w := h.get("/verify"+query, "")
		if w.Code != code || strings.Contains(w.Body.String(), words(t).T("en", "verify.number.needed")) != (code == 422) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
