package host

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

func (w *Wallet) documentPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /documents", w.signedIn(w.documentsPage))
	mux.HandleFunc("GET /documents/{town}/{id}", w.signedIn(w.documentPage))
	mux.HandleFunc("GET /documents/{town}/{id}/file", w.signedIn(w.documentFilePage))
	mux.HandleFunc("POST /documents/{town}/{id}/links", w.signedIn(w.makeDocumentLink))
	mux.HandleFunc("POST /documents/{town}/{id}/links/{share}/end", w.signedIn(w.endDocumentLink))
}

type documentsData struct {
	All  []documentRow
	Away []kernel.Text // municipalities that do not answer just now
}

type documentRow struct {
	held
	Status string // pending, valid, expired, superseded, revoked
}

func (w *Wallet) documentsPage(rw http.ResponseWriter, r *http.Request, s session) {
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav, p.Back = p.T("documents.title"), "home", "/"
	all, away := w.documents(r.Context(), s)
	d := documentsData{Away: away}
	for _, one := range all {
		d.All = append(d.All, documentRow{one, one.Shown(w.clock.Now())})
	}
	p.Data = d
	w.render(rw, r, http.StatusOK, "documents", p)
}

type documentData struct {
	documentRow
	Code   ui.QR // what somebody scans to check it; nothing unless it is valid: nobody is led to show what is not
	Links  []documentShare
	Days   []int
	Key    string // of the form for a link: sent again, it is the same link
	Label  string
	Chosen int
	Field  string // of the form for a link that is wrong
	Error  string
	Made   documentShare
	Scan   ui.QR // the link that was made
	Ended  bool
}

// linkDays are the choices of how long a link lives.
var linkDays = []int{1, 7, 30, 90}

func (w *Wallet) documentPage(rw http.ResponseWriter, r *http.Request, s session) {
	d, ok := w.documentOf(rw, r, s)
	if !ok {
		return
	}
	w.showDocument(rw, r, s, http.StatusOK, d, documentData{Ended: r.URL.Query().Has("ended")})
}

// documentOf finds the document of a page's address, or answers why it is not shown. What is somebody else's is not there.
func (w *Wallet) documentOf(rw http.ResponseWriter, r *http.Request, s session) (held, bool) {
	d, err := w.document(r.Context(), s, r.PathValue("town"), r.PathValue("id"))
	switch {
	case err == nil:
		return d, true
	case errors.Is(err, errNotThere):
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
	default:
		w.documentsAway(rw, r, err)
	}
	return held{}, false
}

func (w *Wallet) documentsAway(rw http.ResponseWriter, r *http.Request, err error) {
	w.log.WarnContext(r.Context(), "a municipality does not answer about a document", "error", err)
	w.errorPage(rw, r, http.StatusBadGateway, "error.town")
}

func (w *Wallet) showDocument(rw http.ResponseWriter, r *http.Request, s session, status int, doc held, d documentData) {
	p := w.page(r, w.citizens, "")
	p.Title, p.Nav, p.Back, p.Here = doc.Title, "home", "/documents", doc.Path()
	d.documentRow = documentRow{doc, doc.Shown(w.clock.Now())}
	d.Days, d.Chosen = linkDays, max(d.Chosen, linkDays[0])
	if d.Key == "" {
		d.Key, d.Chosen = newSecret(), linkDays[1]
	}
	var err error
	if d.Status == "valid" {
		if d.Code, err = ui.DrawQR(doc.CheckURI, p.T("documents.code")); err != nil {
			w.log.ErrorContext(r.Context(), "code not drawn", "error", err)
		}
	}
	if d.State != "pending" {
		if d.Links, err = w.sharesOf(r.Context(), s, doc); err != nil {
			w.documentsAway(rw, r, err)
			return
		}
	}
	if d.Made.Link != "" {
		if d.Scan, err = ui.DrawQR(d.Made.Link, p.T("documents.link.code")); err != nil {
			w.log.ErrorContext(r.Context(), "code not drawn", "error", err)
		}
	}
	p.Data = d
	w.render(rw, r, status, "document", p)
}

// documentFilePage shows the sealed file, or with ?save has the browser keep it.
func (w *Wallet) documentFilePage(rw http.ResponseWriter, r *http.Request, s session) {
	d, ok := w.documentOf(rw, r, s)
	if !ok {
		return
	}
	file, err := w.documentFile(r.Context(), s, d)
	if errors.Is(err, errNotThere) { // it is being made, or was taken back before it was
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	if err != nil {
		w.documentsAway(rw, r, err)
		return
	}
	how := "inline"
	if r.URL.Query().Has("save") {
		how = "attachment"
	}
	h := rw.Header()
	// Browsers draw a PDF with a page of their own, which this policy is held against, too.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'none'")
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", how+`; filename="`+fileName(d.Number)+`.pdf"`)
	h.Set("Content-Length", strconv.Itoa(len(file)))
	_, _ = rw.Write(file) // the reader is gone: nothing is left to do
}

// fileName leaves what cannot harm a header or a folder.
func fileName(number string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '-' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') {
			return r
		}
		return -1
	}, number)
}

// keyShape is that of a secret made here.
var keyShape = regexp.MustCompile(`^[A-Za-z0-9_-]{20,64}$`)

// maxLabel is how long the words for whom a link is may be, in characters.
const maxLabel = 80

func (w *Wallet) makeDocumentLink(rw http.ResponseWriter, r *http.Request, s session) {
	if r.ParseForm() != nil {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	doc, ok := w.documentOf(rw, r, s)
	if !ok {
		return
	}
	p := w.page(r, w.citizens, "")
	d := documentData{Key: r.PostForm.Get("key"), Label: strings.TrimSpace(r.PostForm.Get("label"))}
	d.Chosen, _ = strconv.Atoi(r.PostForm.Get("days")) // what is no number is no choice
	n := utf8.RuneCountInString(d.Label)
	switch {
	case !keyShape.MatchString(d.Key):
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	case n == 0 || n > maxLabel:
		d.Field, d.Error = "label", p.T("documents.link.wrong-label")
	case d.Chosen < 1 || d.Chosen > linkDays[len(linkDays)-1]:
		d.Field, d.Error = "days", p.T("documents.link.wrong-days")
	default:
		made, err := w.shareDocument(r.Context(), s, doc, d.Key, d.Label, d.Chosen)
		if err == nil {
			w.showDocument(rw, r, s, http.StatusCreated, doc, documentData{Made: made})
			return
		}
		w.log.WarnContext(r.Context(), "no link to a document", "error", err)
		d.Field, d.Error = "label", p.T("documents.link.problem")
	}
	w.showDocument(rw, r, s, http.StatusUnprocessableEntity, doc, d)
}

func (w *Wallet) endDocumentLink(rw http.ResponseWriter, r *http.Request, s session) {
	d, ok := w.documentOf(rw, r, s)
	if !ok {
		return
	}
	share := r.PathValue("share")
	if !documentID.MatchString(share) {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	if err := w.endDocumentShare(r.Context(), s, d, share); err != nil {
		w.documentsAway(rw, r, err)
		return
	}
	http.Redirect(rw, r, d.Path()+"?ended=1", http.StatusSeeOther)
}
