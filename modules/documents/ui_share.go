package documents

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// shareDays are the lives of a link that are offered.
var shareDays = []string{"1", "7", "30", "90"}

// shareForm is the data of ui/share.html.
type shareForm struct {
	Problems   []ui.Problem
	Fields     []ui.Field
	Path, Back string
}

func (s *Service) sharePage(w http.ResponseWriter, r *http.Request) error {
	rec, err := s.myDocument(r.Context(), r.PathValue("file"))
	if err != nil {
		return err
	}
	if rec.publicState(s.Clock.Now()) != stateValid { // nothing to share: its page says why
		http.Redirect(w, r, documentPath(rec.ID), http.StatusSeeOther)
		return nil
	}
	return s.showShareForm(w, r, rec, "", "7", nil)
}

func (s *Service) showShareForm(w http.ResponseWriter, r *http.Request, rec record, label, days string, problem error) error {
	f := shareForm{Path: documentPath(rec.ID) + "/share", Back: documentPath(rec.ID)}
	choices := make([]ui.Option, len(shareDays))
	for i, d := range shareDays {
		choices[i] = ui.Option{Value: d, Label: s.t(r, "documents.share.n-days", "n", d)}
	}
	fields := []ui.Field{
		{Name: "label", Label: s.t(r, "documents.share.label"), Hint: s.t(r, "documents.share.label-hint"), Required: true, MaxLength: maxShareLabel, Autocomplete: "off", Value: label},
		{Name: "days", Kind: "radio", Label: s.t(r, "documents.share.days"), Hint: s.t(r, "documents.share.days-hint"), Required: true, Value: days, Options: choices},
	}
	f.Fields, f.Problems = ui.WithErrors(fields, s.formErrors(r, problem))
	view := ui.View{Title: s.t(r, "documents.share.title"), Lead: s.t(r, "documents.share.lead"), Back: documentPath(rec.ID), Data: f, Active: "documents", Task: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
	}
	return s.Shell.Render(w, r, s.views, "share", view)
}

// formErrors are the errors of a form by the name of the field; those of no field stand under an empty name.
func (s *Service) formErrors(r *http.Request, problem error) map[string]string {
	out := map[string]string{}
	if problem == nil {
		return out
	}
	locale := kernel.LocaleOf(r.Context())
	for path, text := range s.Texts.FieldErrors(locale, problem) {
		out[strings.TrimPrefix(path, "body.")] = text
	}
	if len(out) == 0 {
		out[""] = s.Texts.Error(locale, problem)
	}
	return out
}

// correctable: the form can show what is wrong beside what was typed.
func correctable(err error) bool {
	k := kernel.KindOf(err)
	return k == kernel.Invalid || k == kernel.Conflict
}

// shareAction makes a link and shows it. This answer to a POST is a page and not a redirect: the link is kept nowhere,
// so no later page could show it.
func (s *Service) shareAction(w http.ResponseWriter, r *http.Request) error {
	id, label, days := r.PathValue("file"), r.PostFormValue("label"), r.PostFormValue("days")
	n := 0 // none of those offered: the service says so
	if slices.Contains(shareDays, days) {
		n, _ = strconv.Atoi(days)
	}
	sh, token, err := s.shareDocument(r.Context(), id, label, n)
	if err == nil {
		return s.showLink(w, r, sh, token)
	}
	if !correctable(err) {
		return err
	}
	rec, again := s.myDocument(r.Context(), id)
	if again != nil {
		return again
	}
	return s.showShareForm(w, r, rec, label, days, err)
}

// linkView is the data of ui/share-link.html.
type linkView struct {
	Notice  ui.Notice
	Link    ui.Copy
	QR      ui.QR
	Buttons []ui.Button
}

func (s *Service) showLink(w http.ResponseWriter, r *http.Request, sh share, token string) error {
	t := kernel.TenantOf(r.Context())
	address := t.Origin + "/shared/" + token
	code, err := ui.DrawQR(address, s.t(r, "documents.share.qr"))
	if err != nil {
		return err
	}
	until := ui.DateTime(kernel.LocaleOf(r.Context()), t.Location(), sh.ExpiresAt)
	v := linkView{
		Notice:  ui.Notice{Tone: ui.Success, Body: s.t(r, "documents.share.for", "label", sh.Label, "date", until)},
		Link:    ui.Copy{Name: "link", Label: s.t(r, "documents.share.link"), Hint: s.t(r, "documents.share.once"), Value: address},
		QR:      code,
		Buttons: []ui.Button{{Label: s.t(r, "documents.share.done"), Href: documentPath(sh.Document), Tone: "secondary"}},
	}
	return s.Shell.Render(w, r, s.views, "share-link", ui.View{Title: s.t(r, "documents.share.ready"), Back: documentPath(sh.Document), Data: v, Active: "documents", Task: true})
}

func (s *Service) endShareAction(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("file")
	if err := s.endShare(r.Context(), id, r.PathValue("share")); err != nil {
		return err
	}
	http.Redirect(w, r, documentPath(kernel.DocumentID(id))+"?link=ended#links", http.StatusSeeOther)
	return nil
}

// sharedView is the data of ui/shared.html.
type sharedView struct {
	Notice        ui.Notice
	Facts, Sealed []ui.Fact
	Buttons       []ui.Button
}

func (s *Service) sharedPage(w http.ResponseWriter, r *http.Request) error {
	v, sh, err := s.shared(r.Context(), r.PathValue("token"))
	if kernel.KindOf(err) == kernel.NotFound && err != nil {
		return s.showEnded(w, r)
	}
	if err != nil {
		return err
	}
	sealed, err := s.sealingOf(r.Context(), v.Number)
	if err != nil {
		return err
	}
	return s.showShared(w, r, v, sealed, sh, r.PathValue("token"))
}

func (s *Service) showShared(w http.ResponseWriter, r *http.Request, v verification, sealed sealing, sh share, token string) error {
	until := ui.DateTime(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), sh.ExpiresAt)
	d := sharedView{Notice: ui.Notice{Tone: tones[v.State], Title: s.t(r, "verify.state."+v.State), Body: s.t(r, "shared.state."+v.State)},
		Facts: s.facts(r, v), Sealed: s.sealFacts(r, sealed),
		Buttons: []ui.Button{{Label: s.t(r, "shared.download"), Href: "/shared/" + token + "/document.pdf", Icon: "download"}}}
	noTrace(w)
	return s.Shell.Render(w, r, s.views, "shared", ui.View{Title: s.t(r, "shared.title"), Lead: s.t(r, "shared.lead", "date", until), Data: d})
}

// showEnded is the one answer to every link that does not open, whether it ended, ran out or never was: the same bytes,
// so that nobody learns which. The language switch of the page leads to such a page again.
func (s *Service) showEnded(w http.ResponseWriter, r *http.Request) error {
	neutral := r.Clone(r.Context())
	neutral.URL.Path, neutral.URL.RawPath, neutral.URL.RawQuery = "/shared/ended", "", ""
	noTrace(w)
	return s.Shell.Render(w, neutral, s.views, "shared-ended", ui.View{Status: http.StatusNotFound, Title: s.t(r, "shared.ended.title")})
}

// noTrace keeps an address that is a key out of caches, of search engines and of the next page's log.
func noTrace(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	h.Set("Referrer-Policy", "no-referrer")
}

func (s *Service) sharedFileAction(w http.ResponseWriter, r *http.Request) error {
	rec, file, err := s.sharedFile(r.Context(), r.PathValue("token"))
	if kernel.KindOf(err) == kernel.NotFound && err != nil {
		return s.showEnded(w, r)
	}
	if err != nil {
		return err
	}
	noTrace(w)
	return send(w, file, "application/pdf", `attachment; filename="`+rec.Number+`.pdf"`, "no-store")
}
