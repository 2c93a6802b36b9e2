package partners

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// The parts in which a mini-app is drawn, each a page of its own.
const (
	partWords     = "words"
	partData      = "data"
	partQuestions = "questions"
	partDocument  = "document"
	partCheck     = "check"
)

func (s *Service) parts(t *workflows.Template) []string {
	out := []string{partWords, partData}
	if t.Asks {
		out = append(out, partQuestions)
	}
	if t.Prints {
		out = append(out, partDocument)
	}
	return append(out, partCheck)
}

// partOf is the part in which a blank is typed, by the path of its error.
func partOf(path string) string {
	first, _, _ := strings.Cut(path, ".")
	switch first {
	case "claims", "closed_days", "level", "purpose":
		return partData
	case "questions":
		return partQuestions
	case "document":
		return partDocument
	}
	return partWords
}

func (s *Service) templatesPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.organisation(r.Context(), kernel.AgencyID(r.PathValue("agency")))
	if err != nil {
		return err
	}
	return s.showTemplates(w, r, o.Partner, nil)
}

func (s *Service) showTemplates(w http.ResponseWriter, r *http.Request, p Partner, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	choice := ui.Field{Name: "template", Kind: "radio", Label: s.say(r, "templates.choose"), Required: true}
	for _, t := range s.open(p) {
		choice.Options = append(choice.Options, ui.Option{Value: t.Name, Label: t.Text(locale, "title"), Hint: t.Text(locale, "summary")})
	}
	v := formView{Path: organisationPath(p.Agency, "mini-apps", "new"), Parts: []formPart{{Fields: []ui.Field{choice}}}, Buttons: []ui.Button{{Label: s.say(r, "next")}}}
	view := ui.View{Title: s.say(r, "task.app"), Lead: s.say(r, "templates.lead"), Back: organisationPath(p.Agency), Active: "services", Task: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.formErrors(r, v.Parts, s.Texts.FieldErrors(locale, problem))
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "wizard", view)
}

func (s *Service) postTemplate(w http.ResponseWriter, r *http.Request) error {
	agency := kernel.AgencyID(r.PathValue("agency"))
	a, err := s.draw(r.Context(), agency, r.PostFormValue("template"))
	if kernel.KindOf(err) == kernel.Invalid {
		o, again := s.organisation(r.Context(), agency)
		if again != nil {
			return again
		}
		return s.showTemplates(w, r, o.Partner, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, organisationPath(agency, "mini-apps", a.ID, partWords), http.StatusSeeOther)
	return nil
}

// partPage shows one part with what was typed so far.
func (s *Service) partPage(w http.ResponseWriter, r *http.Request) error {
	p, a, err := s.drawn(r.Context(), kernel.AgencyID(r.PathValue("agency")), r.PathValue("id"))
	if err != nil {
		return err
	}
	t, ok := s.template(a.Template)
	if !ok || !slices.Contains(s.parts(t), r.PathValue("part")) {
		return kernel.NotThere("part")
	}
	if r.PathValue("part") == partCheck {
		return s.showCheck(w, r, p, a, nil)
	}
	return s.showPart(w, r, p, a, t, r.PathValue("part"), nil)
}

// postPart keeps what was typed, whatever it is, and goes on when nothing of this part is wrong.
func (s *Service) postPart(w http.ResponseWriter, r *http.Request) error {
	agency, id, part := kernel.AgencyID(r.PathValue("agency")), r.PathValue("id"), r.PathValue("part")
	p, a, err := s.drawn(r.Context(), agency, id)
	if err != nil {
		return err
	}
	t, ok := s.template(a.Template)
	if !ok || !slices.Contains(s.parts(t), part) {
		return kernel.NotThere("part")
	}
	if part == partCheck {
		return s.postCheck(w, r, p, a)
	}
	if err := r.ParseForm(); err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	if a, err = s.write(r.Context(), agency, id, func(b *workflows.Blanks) { typed(r, t, part, b) }); err != nil {
		return err
	}
	do := r.PostFormValue("do")
	if part == partQuestions && do != "next" {
		return s.afterQuestion(w, r, p, a, t, do)
	}
	if _, _, err := s.filled(p, a); err != nil {
		if kernel.KindOf(err) != kernel.Invalid {
			return err
		}
		if mine := ofPart(err, part); mine != nil {
			return s.showPart(w, r, p, a, t, part, mine)
		}
	}
	parts := s.parts(t)
	http.Redirect(w, r, organisationPath(agency, "mini-apps", id, parts[slices.Index(parts, part)+1]), http.StatusSeeOther)
	return nil
}

// ofPart is what is wrong with one part; nil when nothing is.
func ofPart(err error, part string) error {
	var mine []kernel.FieldError
	for _, f := range kernel.AsError(err).Fields {
		if partOf(f.Path) == part {
			mine = append(mine, f)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	return kernel.InvalidFields(mine...)
}

// typed reads one part of the form into the blanks.
func typed(r *http.Request, t *workflows.Template, part string, b *workflows.Blanks) {
	text := func(name string) kernel.Text {
		out := kernel.Text{}
		for _, l := range kernel.Locales {
			out[l] = strings.TrimSpace(r.PostFormValue(name + "." + l))
		}
		return out
	}
	days := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue(name)))
		if err != nil {
			return 0 // which is refused, naming the field
		}
		return n
	}
	switch part {
	case partWords:
		b.Slug, b.Category = strings.TrimSpace(r.PostFormValue("slug")), r.PostFormValue("category")
		b.Title, b.Summary, b.Search, b.Start = text("title"), text("summary"), text("search"), text("start")
	case partData:
		b.ClosedDays = days("closed_days")
		if b.Level.UnmarshalText([]byte(r.PostFormValue("level"))) != nil {
			b.Level = kernel.NoLevel
		}
		old := b.Claims
		b.Claims = nil
		for _, offered := range t.Claims() {
			if !offered.Required && r.PostFormValue("ask."+offered.Name) != "true" {
				continue
			}
			c := t.ClaimBlank(offered.Name)
			if i := slices.IndexFunc(old, func(o workflows.ClaimBlank) bool { return o.Name == offered.Name }); i >= 0 {
				c.Required = old[i].Required || offered.Required
			}
			if name := "claims." + offered.Name; r.PostForm.Has(name + ".retention_days") { // what was not on the page begins with the template's
				c.RetentionDays, c.Purpose = days(name+".retention_days"), text(name+".purpose")
			}
			b.Claims = append(b.Claims, c)
		}
	case partQuestions:
		typedQuestion(r, b, text)
	case partDocument:
		b.Document = workflows.DocumentBlank{Title: text("document.title"), Text: text("document.text")}
	}
}

// inLanguages is one text, to be written in every language in fields named "<name>.<language>".
func (s *Service) inLanguages(r *http.Request, name, title, hint string, value kernel.Text, f ui.Field) formPart {
	out := formPart{Title: title, Hint: hint, Text: true}
	for _, l := range kernel.Locales {
		one := f
		one.Name, one.Label, one.Value, one.Lang = name+"."+l, s.say(r, "language."+l), value[l], ui.Lang(l)
		out.Fields = append(out.Fields, one)
	}
	return out
}

func (s *Service) showPart(w http.ResponseWriter, r *http.Request, p Partner, a App, t *workflows.Template, part string, problem error) error {
	if part == partQuestions {
		at, err := strconv.Atoi(r.URL.Query().Get("at"))
		if err == nil && at >= 0 && at <= len(a.Blanks.Questions) && at < workflows.MaxQuestions {
			return s.showQuestion(w, r, p, a, t, at, nil)
		}
		return s.showQuestions(w, r, p, a, t, problem)
	}
	b := a.Blanks
	v := formView{Path: organisationPath(p.Agency, "mini-apps", a.ID, part), Buttons: []ui.Button{{Label: s.say(r, "next"), Name: "do", Value: "next"}}}
	one := ui.Field{Required: true, MaxLength: 200}
	long := ui.Field{Required: true, Kind: "textarea", Rows: 4, MaxLength: 2000}
	switch part {
	case partWords:
		slug := ui.Field{Name: "slug", Label: s.say(r, "app.slug"), Hint: s.say(r, "app.slug-hint", "prefix", string(p.Agency)+"-"), Value: b.Slug, Required: true, MaxLength: 60, Autocomplete: "off", Verified: a.Made()}
		category := ui.Field{Name: "category", Kind: "select", Label: s.say(r, "app.category"), Value: b.Category, Required: true}
		for _, c := range p.Categories {
			category.Options = append(category.Options, ui.Option{Value: c, Label: s.say(r, "category."+c)})
		}
		v.Parts = []formPart{
			s.inLanguages(r, "title", s.say(r, "app.title"), s.say(r, "app.title-hint"), b.Title, one),
			s.inLanguages(r, "summary", s.say(r, "app.summary"), s.say(r, "app.summary-hint"), b.Summary, one),
			s.inLanguages(r, "start", s.say(r, "app.start"), s.say(r, "app.start-hint"), b.Start, long),
			s.inLanguages(r, "search", s.say(r, "app.search"), s.say(r, "app.search-hint"), b.Search, one),
			{Title: s.say(r, "app.place"), Fields: []ui.Field{category, slug}},
		}
	case partData:
		v.About = &ui.Notice{Tone: ui.Info, Title: s.say(r, "purpose."+t.Purpose), Body: s.say(r, "app.data-about")}
		v.Parts = s.dataParts(r, b, t)
	case partDocument:
		v.Parts = []formPart{
			s.inLanguages(r, "document.title", s.say(r, "app.document-title"), s.say(r, "app.document-title-hint"), b.Document.Title, one),
			s.inLanguages(r, "document.text", s.say(r, "app.document-text"), s.say(r, "app.document-text-hint"), b.Document.Text, long),
		}
	}
	return s.renderPart(w, r, p, a, t, part, v, problem)
}

// dataParts ask which verified data the mini-app needs, why and for how long.
func (s *Service) dataParts(r *http.Request, b workflows.Blanks, t *workflows.Template) []formPart {
	locale := kernel.LocaleOf(r.Context())
	ask := formPart{Title: s.say(r, "app.ask"), Hint: s.say(r, "app.ask-hint")}
	var out []formPart
	covered, _ := purposeOf(t.Purpose)
	for _, offered := range t.Claims() {
		most := min(offered.LongestDays, covered.days(offered.Name))
		if most == 0 { // refused anyhow
			continue
		}
		label := t.Text(locale, "claim."+offered.Name)
		i := slices.IndexFunc(b.Claims, func(c workflows.ClaimBlank) bool { return c.Name == offered.Name })
		if !offered.Required {
			f := ui.Field{Name: "ask." + offered.Name, Kind: "checkbox", Label: label}
			if i >= 0 {
				f.Value = "true"
			}
			ask.Fields = append(ask.Fields, f)
		}
		if i < 0 {
			continue
		}
		name := "claims." + offered.Name
		part := s.inLanguages(r, name+".purpose", label, s.say(r, "app.why-hint"), b.Claims[i].Purpose, ui.Field{Required: true, MaxLength: 300})
		part.Fields = append(part.Fields, ui.Field{Name: name + ".retention_days", Kind: "number", Label: s.say(r, "app.days"), Hint: s.say(r, "app.days-hint", "n", most), Suffix: s.say(r, "app.days-unit"), Required: true, Value: strconv.Itoa(b.Claims[i].RetentionDays)})
		out = append(out, part)
	}
	level := ui.Field{Name: "level", Kind: "radio", Label: s.say(r, "app.level"), Required: true, Value: b.Level.String()}
	for _, l := range signInLevels {
		level.Options = append(level.Options, ui.Option{Value: l.String(), Label: s.say(r, "app.level."+l.String()), Hint: s.say(r, "app.level-hint."+l.String())})
	}
	closed := ui.Field{Name: "closed_days", Kind: "number", Label: s.say(r, "app.closed-days"), Hint: s.say(r, "app.days-hint", "n", t.LongestDays()), Suffix: s.say(r, "app.days-unit"), Required: true, Value: strconv.Itoa(b.ClosedDays)}
	if len(ask.Fields) > 0 {
		out = append([]formPart{ask}, out...)
	}
	return append(out, formPart{Title: s.say(r, "app.more"), Fields: []ui.Field{level, closed}})
}

func (s *Service) renderPart(w http.ResponseWriter, r *http.Request, p Partner, a App, t *workflows.Template, part string, v formView, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	parts := s.parts(t)
	steps := ui.Steps{Current: slices.Index(parts, part) + 1}
	for _, name := range parts {
		steps.Labels = append(steps.Labels, s.say(r, "part."+name))
	}
	v.Steps = &steps
	view := ui.View{Title: s.say(r, "part."+part), Lead: p.Name.In(locale) + " · " + t.Text(locale, "title"), Back: organisationPath(p.Agency), Active: "services", Task: true}
	if at := slices.Index(parts, part); at > 0 {
		view.Back = organisationPath(p.Agency, "mini-apps", a.ID, parts[at-1])
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.formErrors(r, v.Parts, s.Texts.FieldErrors(locale, problem))
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "wizard", view)
}
