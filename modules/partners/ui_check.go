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

// checkView is the data of ui/check.html.
type checkView struct {
	Problems []ui.Problem
	Steps    *ui.Steps
	Path     string
	Made     *ui.Notice
	Rows     []ui.SummaryRow
	Asks     []ui.Fact
	Keeps    string
	Button   string
}

// showCheck shows the mini-app as people will meet it, and everything that is still wrong with it, each with the way to where it is typed.
func (s *Service) showCheck(w http.ResponseWriter, r *http.Request, p Partner, a App, problem error) error {
	t, ok := s.template(a.Template)
	if !ok {
		return kernel.NotThere("template")
	}
	locale, b := kernel.LocaleOf(r.Context()), a.Blanks
	at := func(part string) string { return organisationPath(p.Agency, "mini-apps", a.ID, part) }
	parts := s.parts(t)
	v := checkView{Path: at(partCheck), Steps: &ui.Steps{Current: len(parts)}, Button: s.say(r, "app.make")}
	for _, name := range parts {
		v.Steps.Labels = append(v.Steps.Labels, s.say(r, "part."+name))
	}
	if a.Made() {
		v.Made = &ui.Notice{Tone: ui.Success, Title: s.say(r, "app.made-title"), Body: s.say(r, "app.made-body"), Link: ui.Link{Label: s.say(r, "app.to-release"), Href: "/staff/mini-apps/" + a.Slug}}
		v.Button = s.say(r, "app.make-again")
	}
	row := func(key, value, part string) {
		v.Rows = append(v.Rows, ui.SummaryRow{Key: s.say(r, key), Value: value, Change: at(part)})
	}
	row("app.title", b.Title.In(locale), partWords)
	row("app.summary", b.Summary.In(locale), partWords)
	row("app.start", b.Start.In(locale), partWords)
	row("app.category", s.say(r, "category."+b.Category), partWords)
	row("app.slug", b.Slug, partWords)
	row("app.level", s.say(r, "app.level."+b.Level.String()), partData)
	row("app.closed-days", s.say(r, "app.days-value", "n", b.ClosedDays), partData)
	if t.Asks {
		row("part.questions", s.say(r, "questions-count", "n", len(b.Questions)), partQuestions)
	}
	if t.Prints {
		row("app.document-title", b.Document.Title.In(locale), partDocument)
		row("app.document-text", b.Document.Text.In(locale), partDocument)
	}
	for _, c := range b.Claims {
		v.Asks = append(v.Asks, ui.Fact{Key: t.Text(locale, "claim."+c.Name), Value: c.Purpose.In(locale) + " " + s.say(r, "app.kept", "n", c.RetentionDays)})
	}
	if problem == nil {
		_, _, problem = s.filled(p, a)
		if problem != nil && kernel.KindOf(problem) != kernel.Invalid {
			return problem
		}
	}
	view := ui.View{Title: s.say(r, "part.check"), Lead: s.say(r, "check-lead"), Back: at(parts[len(parts)-2]), Active: "services", Task: true}
	if problem != nil {
		if r.Method == http.MethodPost {
			view.Status = web.Status(kernel.KindOf(problem))
		}
		v.Problems = s.toParts(r, p, a, t, problem)
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "check", view)
}

// toParts lists what is wrong, each with the way to where it is typed; what has no field stands by itself.
func (s *Service) toParts(r *http.Request, p Partner, a App, t *workflows.Template, problem error) []ui.Problem {
	locale := kernel.LocaleOf(r.Context())
	e := kernel.AsError(problem)
	if len(e.Fields) == 0 {
		one := ui.Problem{Text: s.Texts.Error(locale, problem)}
		if e.Slug == errNoSignIn.Slug {
			one.Href = organisationPath(p.Agency, "sign-in")
		}
		return []ui.Problem{one}
	}
	var out []ui.Problem
	for _, f := range e.Fields {
		text := s.Texts.FieldErrors(locale, kernel.InvalidFields(f))[f.Path]
		out = append(out, ui.Problem{Text: s.about(r, s.blank(r, t, f.Path), text), Href: organisationPath(p.Agency, "mini-apps", a.ID) + "/" + fieldOf(t, f.Path)})
	}
	return out
}

// fieldOf is the page and the field in which a blank is typed, by the path of its error: "questions.2.label.ru" is "questions?at=2#f-label.ru".
func fieldOf(t *workflows.Template, path string) string {
	part := partOf(path)
	first, rest, _ := strings.Cut(path, ".")
	switch {
	case first == "questions":
		at, name, _ := strings.Cut(rest, ".")
		if _, err := strconv.Atoi(at); err != nil {
			return part
		}
		return part + "?at=" + at + "#" + ui.Field{Name: questionField(name)}.ID()
	case first == "purpose" || first == "agency" || first == "prefix":
		return part
	case first == "claims" && !strings.Contains(rest, "."): // the claim itself: where it is asked for, or that it is
		if slices.ContainsFunc(t.Claims(), func(c workflows.TemplateClaim) bool { return c.Name == rest && c.Required }) {
			path += ".purpose." + kernel.Locales[0]
		} else {
			path = "ask." + rest
		}
	}
	return part + "#" + ui.Field{Name: path}.ID()
}

// blank says which blank a path is, in the words of the form.
func (s *Service) blank(r *http.Request, t *workflows.Template, path string) string {
	names := strings.Split(path, ".")
	what := s.say(r, "part."+partOf(path))
	switch names[0] {
	case "title", "summary", "start", "search", "category", "slug", "level":
		what = s.say(r, "app."+names[0])
	case "closed_days":
		what = s.say(r, "app.closed-days")
	case "claims":
		what = t.Text(kernel.LocaleOf(r.Context()), "claim."+names[1])
	case "document":
		if len(names) > 1 && (names[1] == "title" || names[1] == "text") {
			what = s.say(r, "app.document-"+names[1])
		}
	case "questions":
		if n, err := strconv.Atoi(names[min(1, len(names)-1)]); err == nil {
			what = s.say(r, "question.title", "n", n+1)
		}
	}
	if l := names[len(names)-1]; slices.Contains(kernel.Locales, l) {
		what = s.say(r, "text-in", "text", what, "language", s.say(r, "language."+l))
	}
	return what
}

func (s *Service) postCheck(w http.ResponseWriter, r *http.Request, p Partner, a App) error {
	_, err := s.make(r.Context(), p.Agency, a.ID)
	switch kernel.KindOf(err) {
	case kernel.Invalid, kernel.Conflict:
		return s.showCheck(w, r, p, a, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, organisationPath(p.Agency, "mini-apps", a.ID, partCheck), http.StatusSeeOther)
	return nil
}
