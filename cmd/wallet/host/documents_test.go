package host

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// archive is a municipality's documents contract: it answers nobody but the person of a token made for it, and notes who asked.
type archive struct {
	h    *house
	town *municipality

	mu    sync.Mutex
	docs  map[string][]map[string]any // by pairwise subject
	asked []string                    // subjects
	keys  map[string]map[string]any   // links by Idempotency-Key
	ended []string
	away  bool
}

const (
	firstDocument  = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"
	secondDocument = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12"
	firstLink      = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22"
)

func newArchive(h *house, town *municipality) *archive {
	a := &archive{h: h, town: town, docs: map[string][]map[string]any{}, keys: map[string]map[string]any{}}
	mux := town.Config.Handler.(*http.ServeMux)
	handle := func(pattern string, answer func(rw http.ResponseWriter, r *http.Request, doc map[string]any, sub string)) {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			a.mu.Lock()
			defer a.mu.Unlock()
			sub := a.who(r)
			if a.away || sub == "" {
				http.Error(rw, "no", map[bool]int{true: http.StatusServiceUnavailable, false: http.StatusUnauthorized}[a.away])
				return
			}
			a.asked = append(a.asked, sub)
			var doc map[string]any
			for _, d := range a.docs[sub] {
				if d["id"] == r.PathValue("id") {
					doc = d
				}
			}
			if doc == nil && r.PathValue("id") != "" {
				http.NotFound(rw, r)
				return
			}
			answer(rw, r, doc, sub)
		})
	}
	handle("GET /documents/v1/documents", func(rw http.ResponseWriter, _ *http.Request, _ map[string]any, sub string) {
		writeJSON(rw, 200, map[string]any{"documents": a.docs[sub]})
	})
	handle("GET /documents/v1/documents/{id}", func(rw http.ResponseWriter, _ *http.Request, doc map[string]any, _ string) { writeJSON(rw, 200, doc) })
	handle("GET /documents/v1/documents/{id}/file", func(rw http.ResponseWriter, _ *http.Request, doc map[string]any, _ string) {
		if doc["state"] == "pending" {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = rw.Write([]byte("%PDF-1.7 " + doc["number"].(string)))
	})
	handle("GET /documents/v1/documents/{id}/shares", func(rw http.ResponseWriter, _ *http.Request, _ map[string]any, _ string) {
		list := []any{map[string]any{"id": secondDocument, "label": "Long over", "expires_at": a.h.clock.Now().Add(-time.Hour)}}
		for _, l := range a.keys {
			list = append(list, map[string]any{"id": l["id"], "label": l["label"], "expires_at": l["expires_at"]})
		}
		writeJSON(rw, 200, map[string]any{"shares": list})
	})
	handle("POST /documents/v1/documents/{id}/shares", func(rw http.ResponseWriter, r *http.Request, _ map[string]any, _ string) {
		var in struct {
			Label string
			Days  int
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Idempotency-Key") == "" {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		key := r.Header.Get("Idempotency-Key")
		if a.keys[key] == nil {
			a.keys[key] = map[string]any{"id": firstLink, "label": in.Label, "expires_at": a.h.clock.Now().AddDate(0, 0, in.Days), "link": a.town.URL + "/shared/0Zq1yX8c3nJm5vT7"}
		}
		writeJSON(rw, 201, a.keys[key])
	})
	handle("DELETE /documents/v1/documents/{id}/shares/{share}", func(rw http.ResponseWriter, r *http.Request, _ map[string]any, _ string) {
		a.ended = append(a.ended, r.PathValue("share"))
		clear(a.keys)
		rw.WriteHeader(http.StatusNoContent)
	})
	return a
}

// who is the subject of a token that RFC 9068 §4 lets pass at this contract; empty for any other.
func (a *archive) who(r *http.Request) string {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return ""
	}
	head, c := a.h.claims(a.h.url, raw)
	exp, _ := c["exp"].(float64)
	left := time.Unix(int64(exp), 0).Sub(a.h.clock.Now())
	if head["typ"] != "at+jwt" || c["iss"] != a.h.url || c["aud"] != a.town.URL+"/documents/v1" || left <= 0 || left > 5*time.Minute ||
		c["client_id"] == "" || c["client_id"] == c["sub"] || c["jti"] == "" || c["acr"] == "" {
		a.h.t.Errorf("a token nobody should take: %v %v", head, c)
		return ""
	}
	sub, _ := c["sub"].(string)
	return sub
}

func (a *archive) give(persona, id, number, state string, more map[string]any) {
	sub := a.h.w.Subject(a.town.URL, persona)
	doc := map[string]any{"id": id, "number": number, "type": "residence-certificate", "title": "Certificate of residence", "language": "en", "issuer": "Civil Registry", "state": state,
		"issued_at": a.h.clock.Now().Add(-24 * time.Hour), "check_uri": a.town.URL + "/verify/" + number}
	for k, v := range more {
		doc[k] = v
	}
	a.docs[sub] = append(a.docs[sub], doc)
}

func (a *archive) page(id string) string {
	return "/documents/" + strings.TrimPrefix(a.town.URL, "http://") + "/" + id
}

// paperHouse is a wallet with two towns that have documents of anna's and of maria's; both have signed in at northwick.
func paperHouse(t *testing.T) (h *house, north, east *archive) {
	t.Helper()
	h = newHouse(t, nil)
	north, east = newArchive(h, h.northwick), newArchive(h, h.eastmere)
	north.give("anna", firstDocument, "RC-7K4M-93Q2-TX8D-6HRW", "valid", map[string]any{"valid_to": h.clock.Now().AddDate(0, 3, 0)})
	north.give("maria", secondDocument, "RC-MARI-AMAR-IAMA-RIAM", "valid", nil)
	east.give("anna", secondDocument, "DL-EAST-EAST-EAST-EAST", "valid", nil)
	for _, who := range []string{"anna", "maria"} {
		if err := h.w.journal.write(entry{Persona: who, Recent: h.northwick.client("residence-certificate")}); err != nil {
			t.Fatal(err)
		}
	}
	return h, north, east
}

func TestDocumentsAreThePersonsOwnAndOnlyTownsTheyDealWithAreAsked(t *testing.T) {
	t.Parallel()
	h, north, east := paperHouse(t)
	anna := h.browser().signIn("anna")
	list := anna.get("/documents").body
	for _, want := range []string{"RC-7K4M-93Q2-TX8D-6HRW", "northwick", "state-valid", north.page(firstDocument), "22 February 2027"} {
		if !strings.Contains(list, want) {
			t.Errorf("the list lacks %s", want)
		}
	}
	if strings.Contains(list, "RC-MARI") || strings.Contains(list, "DL-EAST") {
		t.Error("the list shows what is another's, or of a town that was not to be asked")
	}
	if len(east.asked) > 0 {
		t.Error("a town where Anna never was has learnt of her")
	}
	for _, sub := range north.asked {
		if sub != h.w.Subject(h.northwick.URL, "anna") {
			t.Errorf("asked for %s", sub)
		}
	}
	for _, path := range []string{north.page(secondDocument), north.page(secondDocument) + "/file", east.page(secondDocument), "/documents/evil.example/" + firstDocument, north.page("x"), north.page("..%2Fchecks")} {
		if a := anna.get(path); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := anna.post(north.page(secondDocument)+"/links", "key", newSecret(), "label", "x", "days", "7"); a.status != http.StatusNotFound {
		t.Errorf("a link to another's document: %d", a.status)
	}
	if a := h.browser().get("/documents"); a.location == nil || !strings.HasPrefix(a.location.Path, "/sign-in") {
		t.Errorf("without anybody signed in: %d", a.status)
	}
	if err := h.w.journal.write(entry{Persona: "anna", Recent: h.eastmere.client("dog-licence")}); err != nil {
		t.Fatal(err)
	}
	if list := anna.get("/documents").body; !strings.Contains(list, "DL-EAST") {
		t.Error("the other town's document is not there")
	}
	east.mu.Lock()
	east.away = true
	east.mu.Unlock()
	if list := anna.get("/documents").body; !strings.Contains(list, "RC-7K4M") || !strings.Contains(list, "eastmere does not answer") {
		t.Error("a town that is away takes the others with it, or is not told of")
	}
	if a := anna.get(east.page(secondDocument)); a.status != http.StatusBadGateway || strings.Contains(a.body, "There is nothing here") {
		t.Errorf("a town that is away: %d", a.status)
	}
}

func TestADocumentIsOpenedSavedShownAndShared(t *testing.T) {
	t.Parallel()
	h, north, _ := paperHouse(t)
	anna := h.browser().signIn("anna")
	page := anna.get(north.page(firstDocument))
	for _, want := range []string{"Certificate of residence", "Civil Registry", `class="qr"`, "/file?save=1", `name="label"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page.body, "Long over") {
		t.Error("a link that has ended is shown")
	}
	for query, how := range map[string]string{"": "inline", "?save=1": "attachment"} {
		f := anna.get(north.page(firstDocument) + "/file" + query)
		if f.status != 200 || f.body != "%PDF-1.7 RC-7K4M-93Q2-TX8D-6HRW" || f.header.Get("Content-Type") != "application/pdf" || f.header.Get("Cache-Control") != "no-store" ||
			f.header.Get("Content-Disposition") != how+`; filename="RC-7K4M-93Q2-TX8D-6HRW.pdf"` {
			t.Errorf("the file%s: %d %v", query, f.status, f.header)
		}
	}
	key := newSecret()
	for _, wrong := range [][]string{{"key", key, "label", " ", "days", "7"}, {"key", key, "label", strings.Repeat("x", 81), "days", "7"}, {"key", key, "label", "Harbour Bank", "days", "91"}, {"key", key, "label", "Harbour Bank"}} {
		if a := anna.post(north.page(firstDocument)+"/links", wrong...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `aria-invalid="true"`) {
			t.Errorf("%v: %d", wrong, a.status)
		}
	}
	if a := anna.post(north.page(firstDocument)+"/links", "label", "Harbour Bank", "days", "7"); a.status != http.StatusBadRequest {
		t.Errorf("without a key: %d", a.status)
	}
	for range 2 { // the second time the page was loaded again
		a := anna.post(north.page(firstDocument)+"/links", "key", key, "label", "Harbour Bank", "days", "7")
		if a.status != http.StatusCreated || !strings.Contains(a.body, north.town.URL+"/shared/0Zq1yX8c3nJm5vT7") {
			t.Fatalf("no link: %d", a.status)
		}
	}
	if len(north.keys) != 1 {
		t.Errorf("%d links were made", len(north.keys))
	}
	if a := anna.get(north.page(firstDocument)); strings.Contains(a.body, "/shared/") || !strings.Contains(a.body, "Harbour Bank") {
		t.Error("the link is shown again, or not listed")
	}
	a := anna.post(north.page(firstDocument) + "/links/" + firstLink + "/end")
	if a.location == nil || len(north.ended) != 1 || north.ended[0] != firstLink {
		t.Fatalf("not ended: %d %v", a.status, north.ended)
	}
	if a := anna.get(a.location.RequestURI()); !strings.Contains(a.body, "The link is ended") || strings.Contains(a.body, "Harbour Bank") {
		t.Error("the ended link is still there")
	}
}

func TestADocumentThatIsNotValidSaysSo(t *testing.T) {
	t.Parallel()
	h, north, _ := paperHouse(t)
	anna := h.browser().signIn("anna")
	doc := north.docs[h.w.Subject(h.northwick.URL, "anna")][0]
	for _, c := range []struct {
		state  string
		change map[string]any
		want   string
		status string
	}{
		{"pending", nil, "is making this document", "pending"},
		{"superseded", nil, "A newer document", "superseded"},
		{"revoked", map[string]any{"revoked_at": h.clock.Now().Add(-time.Hour)}, "Civil Registry took this document back on 22 November 2026", "revoked"},
		{"valid", map[string]any{"valid_to": h.clock.Now().Add(-time.Second)}, "This document has ended", "expired"},
	} {
		north.mu.Lock()
		doc["state"] = c.state
		for k, v := range c.change {
			doc[k] = v
		}
		north.mu.Unlock()
		page := anna.get(north.page(firstDocument)).body
		if !strings.Contains(page, c.want) || !strings.Contains(page, "state-"+c.status) || strings.Contains(page, `name="label"`) || strings.Contains(page, `class="qr"`) {
			t.Errorf("%s: the page does not say %q, or offers a link", c.status, c.want)
		}
		if !strings.Contains(anna.get("/documents").body, "state-"+c.status) {
			t.Errorf("%s: not in the list", c.status)
		}
		if file := strings.Contains(page, "/file"); file == (c.state == "pending") {
			t.Errorf("%s: its file is offered: %v", c.status, file)
		}
	}
}

func TestACodeThatLeadsElsewhereIsNotShown(t *testing.T) {
	t.Parallel()
	h, north, _ := paperHouse(t)
	north.docs[h.w.Subject(h.northwick.URL, "anna")][0]["check_uri"] = "https://evil.example/verify/RC-7K4M-93Q2-TX8D-6HRW"
	anna := h.browser().signIn("anna")
	if strings.Contains(anna.get("/documents").body, "RC-7K4M") {
		t.Error("it is in the list")
	}
	if a := anna.get(north.page(firstDocument)); a.status != http.StatusBadGateway {
		t.Errorf("its page: %d", a.status)
	}
}
