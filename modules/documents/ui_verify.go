package documents

import (
	"net/http"
	"net/url"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// verifyForm is the data of ui/verify.html.
type verifyForm struct {
	Number, File ui.Field
	Problems     []ui.Problem
	Trust        ui.Details
}

// verifyPage asks for a number or a file; the number form comes back here with ?number= and is led to its own address.
func (s *Service) verifyPage(w http.ResponseWriter, r *http.Request) error {
	n := strings.TrimSpace(r.URL.Query().Get("number"))
	switch {
	case !r.URL.Query().Has("number"):
		return s.showForm(w, r, "", nil)
	case n == "" || len(n) > 64:
		return s.showForm(w, r, s.t(r, "verify.number.needed"), nil)
	}
	http.Redirect(w, r, "/verify/"+url.PathEscape(n), http.StatusSeeOther)
	return nil
}

// showForm shows both ways to check, with what is wrong with the number or with the file.
func (s *Service) showForm(w http.ResponseWriter, r *http.Request, number string, problem error) error {
	f := verifyForm{
		Number: ui.Field{Name: "number", Label: s.t(r, "verify.number.label"), Hint: s.t(r, "verify.number.hint"), Required: true, Autocomplete: "off", MaxLength: 64},
		File:   ui.Field{Name: "file", Kind: "file", Label: s.t(r, "verify.file.label"), Hint: s.t(r, "verify.file.hint"), Required: true, Accept: "application/pdf,.pdf"},
		Trust:  ui.Details{Summary: s.t(r, "verify.offline"), Body: s.t(r, "verify.offline-how")},
	}
	view := ui.View{Title: s.t(r, "verify.title"), Lead: s.t(r, "verify.lead")}
	f.Number.Error = number
	if problem != nil {
		f.File.Error = s.Texts.Error(kernel.LocaleOf(r.Context()), problem)
	}
	if number != "" || problem != nil {
		f.Problems = ui.Problems(f.Number, f.File)
		view.Status = http.StatusUnprocessableEntity
	}
	view.Data = f
	return s.Shell.Render(w, r, s.views, "verify", view)
}

// uploadAction judges a file. It changes nothing, so it has no idempotency key and nothing to redirect to.
func (s *Service) uploadAction(w http.ResponseWriter, r *http.Request) error {
	file, err := uploaded(r.Header.Get("Content-Type"), r.Body)
	if err == nil {
		var v verification
		if v, err = s.verifyFile(r.Context(), file); err == nil {
			return s.answer(w, r, v, true)
		}
	}
	if k := kernel.KindOf(err); k == kernel.Malformed || k == kernel.TooLarge {
		return s.showForm(w, r, "", err)
	}
	return err
}

func (s *Service) numberPage(w http.ResponseWriter, r *http.Request) error {
	v, err := s.verifyNumber(r.Context(), r.PathValue("number"))
	if err != nil {
		return err
	}
	return s.answer(w, r, v, false)
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request, v verification, file bool) error {
	sealed, err := s.sealingOf(r.Context(), v.Number)
	if err != nil {
		return err
	}
	return s.showResult(w, r, v, sealed, file)
}

// result is the data of ui/verified.html.
type result struct {
	Notice ui.Notice
	Notes  []ui.Notice // what could not be checked
	Facts  []ui.Fact
	Sealed []ui.Fact
	Again  []ui.Button
	Hint   string
}

var tones = map[string]string{stateValid: ui.Success, stateExpired: ui.Warning, stateSuperseded: ui.Warning, stateRevoked: ui.Danger, stateUnknown: ui.Warning, stateAltered: ui.Danger}

func (s *Service) showResult(w http.ResponseWriter, r *http.Request, v verification, sealed sealing, file bool) error {
	way := "number"
	if file {
		way = "file"
	}
	d := result{Notice: ui.Notice{Tone: tones[v.State], Title: s.t(r, "verify.state."+v.State), Body: s.t(r, "verify.state."+v.State+"."+way)},
		Facts: s.facts(r, v), Sealed: s.sealFacts(r, sealed), Again: []ui.Button{{Label: s.t(r, "verify.again"), Href: "/verify", Tone: "secondary"}}}
	for _, reason := range v.Reasons {
		if key := "verify.reason." + reason; s.Texts.Has(key) {
			d.Notice.Body += "\n" + s.t(r, key)
		}
	}
	for _, note := range v.Notes {
		if key := "verify.note." + note; s.Texts.Has(key) {
			d.Notes = append(d.Notes, ui.Notice{Tone: ui.Info, Body: s.t(r, key)})
		}
	}
	if v.CheckAt != "" {
		d.Again = append([]ui.Button{{Label: s.t(r, "verify.elsewhere", "name", v.CheckName), Href: v.CheckAt}}, d.Again...)
	}
	switch {
	case v.State == stateValid && !file:
		d.Hint = s.t(r, "verify.compare")
	case v.State == stateSuperseded:
		d.Hint = s.t(r, "verify.superseded.hint")
	}
	w.Header().Set("Cache-Control", "no-store")
	return s.Shell.Render(w, r, s.views, "verified", ui.View{Title: s.t(r, "verify.result.title"), Back: "/verify", Data: d})
}

func (s *Service) facts(r *http.Request, v verification) []ui.Fact {
	if v.Number == "" {
		return nil
	}
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	out := []ui.Fact{
		{Key: s.t(r, "verify.fact.type"), Value: v.Title},
		{Key: s.t(r, "verify.fact.issuer"), Value: issuedBy(v.Issuer, v.Municipality, v.Locale)},
		{Key: s.t(r, "verify.fact.number"), Value: v.Number, Code: true},
		{Key: s.t(r, "verify.fact.issued"), Value: ui.Date(locale, zone, v.IssuedAt)},
	}
	if v.ValidTo.IsZero() {
		out = append(out, ui.Fact{Key: s.t(r, "verify.fact.valid"), Value: s.t(r, "verify.no-end")})
	} else {
		out = append(out, ui.Fact{Key: s.t(r, "verify.fact.valid"), Value: ui.Date(locale, zone, v.ValidTo)})
	}
	if !v.RevokedAt.IsZero() {
		out = append(out, ui.Fact{Key: s.t(r, "verify.fact.revoked"), Value: ui.Date(locale, zone, v.RevokedAt)})
	}
	return out
}

// issuedBy names the agency and its municipality as the document's language joins them.
func issuedBy(issuer, municipality, locale string) string {
	if locale == "zh" {
		return issuer + "，" + municipality
	}
	return issuer + ", " + municipality
}

// sealFacts say how far the seal goes: what kind it is, and whether anybody else than the issuer confirms the time.
func (s *Service) sealFacts(r *http.Request, sealed sealing) []ui.Fact {
	key := "verify.level." + sealed.Level
	if !s.Texts.Has(key) {
		return nil
	}
	at := s.t(r, "verify.time.stated")
	if !sealed.Proven.IsZero() {
		at = s.t(r, "verify.time.proven", "date", ui.DateTime(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), sealed.Proven))
	}
	return []ui.Fact{{Key: s.t(r, "verify.fact.level"), Value: s.t(r, key)}, {Key: s.t(r, "verify.fact.time"), Value: at}}
}

func (s *Service) trustFile(w http.ResponseWriter, _ *http.Request) error {
	b, err := s.seals.bundle(s.Clock.Now())
	if err != nil {
		return err
	}
	return send(w, b, "application/x-pem-file", `attachment; filename="trust.pem"`, "public, max-age=300")
}

func (s *Service) crlFile(name string) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		keys, err := s.seals.open()
		if err != nil {
			return err
		}
		b, err := keys.CRL(name, s.Clock.Now())
		if err != nil {
			return err
		}
		return send(w, b, "application/pkix-crl", `attachment; filename="`+name+`.crl"`, "public, max-age=300")
	}
}

func send(w http.ResponseWriter, b []byte, contentType, disposition, cache string) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", disposition)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", cache)
	_, err := w.Write(b)
	return err
}
