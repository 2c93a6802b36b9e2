package civic

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

func (s *Service) pages() []web.Page {
	return []web.Page{
		{Pattern: "GET /apps/{app}", Policy: web.Public, App: s.ours, Handle: s.startPage},
		{Pattern: "GET /apps/{app}/start", Policy: citizens, Handle: s.beginPage},
		{Pattern: "POST /apps/{app}/start", Policy: citizens, Handle: s.postStart},
		{Pattern: "GET /apps/{app}/apply/{case}", Policy: applicant, Handle: s.resume},
		{Pattern: "GET /apps/{app}/apply/{case}/{page}", Policy: applicant, Handle: s.formPage},
		{Pattern: "POST /apps/{app}/apply/{case}/{page}", Policy: applicant, Handle: s.postPage, OwnTexts: true},
		{Pattern: "GET /apps/{app}/apply/{case}/check", Policy: applicant, Handle: s.checkPage},
		{Pattern: "POST /apps/{app}/apply/{case}/submit", Policy: applicant, Handle: s.postSubmit, OwnTexts: true},
		{Pattern: "GET /apps/{app}/apply/{case}/done", Policy: applicant, Handle: s.donePage},
	}
}

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), key, args...)
}

// startView is the data of ui/start.html.
type startView struct {
	Start     []string // what it is, who can, what is needed
	Facts     []ui.Fact
	Claims    []ui.Fact // what is asked, and why
	Retention string
	Draft     *ui.Notice
	Form      string // address of the form that begins; empty: sign in first
	SignIn    string
}

func (s *Service) startPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d, err := s.begun(ctx, r.PathValue("app"))
	if err != nil {
		return err
	}
	draft, found, err := s.draftOf(ctx, d)
	if err != nil {
		return err
	}
	locale, who := kernel.LocaleOf(ctx), kernel.PrincipalOf(ctx)
	v := startView{Start: strings.Split(d.Text(locale, "start"), "\n"), Facts: s.facts(r, d), Claims: s.claims(r, d), SignIn: appPath(d) + "/start"}
	if d.HasText("retention") {
		v.Retention = d.Text(locale, "retention")
	}
	if found {
		v.Draft = &ui.Notice{Tone: ui.Info, Title: s.t(r, "civic.start.draft"), Body: s.t(r, "civic.start.draft-body", "number", draft.Number),
			Link: ui.Link{Label: s.t(r, "civic.start.resume"), Href: applyPath(draft)}}
	}
	if who.Kind == kernel.Citizen && s.ready(r, d) == nil {
		v.Form = appPath(d) + "/start"
	}
	return s.Shell.Render(w, r, s.views, "start", ui.View{Title: d.Text(locale, "title"), Lead: d.Text(locale, "summary"), Data: v, Active: "services", Back: "/"})
}

func (s *Service) strong(r *http.Request, need workflows.Requirement) error {
	return web.NeedLevel(kernel.PrincipalOf(r.Context()), need.Level, need.MaxAge, s.Clock.Now())
}

// ready says whether an application of the service could begin: with a sign-in that is strong enough, which asked for what the
// service requires.
func (s *Service) ready(r *http.Request, d *workflows.Definition) error {
	if err := s.strong(r, d.Start); err != nil {
		return err
	}
	return s.People.Asked(r.Context(), nil, d.Slug)
}

func appPath(d *workflows.Definition) string { return "/apps/" + d.Slug }

func applyPath(c kernel.Case) string { return "/apps/" + c.Service + "/apply/" + string(c.ID) }

func (s *Service) facts(r *http.Request, d *workflows.Definition) []ui.Fact {
	ctx := r.Context()
	locale, tenant := kernel.LocaleOf(ctx), kernel.TenantOf(ctx)
	cost := s.t(r, "civic.cost.free")
	if d.Fee > 0 {
		cost = ui.Money(locale, d.Fee, tenant.Currency())
	}
	facts := []ui.Fact{{Key: s.t(r, "civic.cost"), Value: cost}, {Key: s.t(r, "civic.level"), Value: s.t(r, "civic.level."+d.Start.Level.String())}}
	if a, ok := s.Directory.Agency(tenant.ID, kernel.AgencyID(d.Agency)); ok {
		facts = append(facts, ui.Fact{Key: s.t(r, "civic.agency"), Value: a.Name.In(locale)})
	}
	return facts
}

func (s *Service) claims(r *http.Request, d *workflows.Definition) (facts []ui.Fact) {
	locale := kernel.LocaleOf(r.Context())
	for _, c := range d.Claims {
		facts = append(facts, ui.Fact{Key: d.Text(locale, "claim."+c.Name), Value: d.Text(locale, "claim."+c.Name+".purpose")})
	}
	return facts
}

// beginView is the data of ui/begin.html.
type beginView struct {
	Path  string
	Draft *ui.Notice
}

// beginPage is where sign-in comes back to: reaching it proves that the sign-in is strong enough and was asked for all that the service requires. Opening the
// draft is left to a form, because following a link must not create anything.
func (s *Service) beginPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	d, err := s.begun(ctx, r.PathValue("app"))
	if err != nil {
		return err
	}
	if err := s.ready(r, d); err != nil {
		return err
	}
	draft, found, err := s.draftOf(ctx, d)
	if err != nil {
		return err
	}
	v := beginView{Path: appPath(d) + "/start"}
	if found {
		v.Draft = &ui.Notice{Tone: ui.Info, Title: s.t(r, "civic.start.draft"), Body: s.t(r, "civic.start.draft-body", "number", draft.Number),
			Link: ui.Link{Label: s.t(r, "civic.start.resume"), Href: applyPath(draft)}}
	}
	return s.Shell.Render(w, r, s.views, "begin", ui.View{Title: s.t(r, "civic.begin.title"), Lead: d.Text(kernel.LocaleOf(ctx), "title"), Data: v, Active: "services", Back: appPath(d)})
}

func (s *Service) postStart(w http.ResponseWriter, r *http.Request) error {
	channel := ""
	if s.Channel != nil {
		channel = s.Channel(r.Context())
	}
	a, err := s.start(r.Context(), r.PathValue("app"), "", channel)
	if kernel.LeadsToSignIn(err) { // by GET, so that the sign-in comes back to a page that goes on
		http.Redirect(w, r, "/apps/"+r.PathValue("app")+"/start", http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	d, err := s.service(r.Context(), a.Service)
	if err != nil {
		return err
	}
	next := "/check"
	if form := d.ApplicationForm(); form != nil && len(form.Pages) > 0 && !asksNothing(d) {
		next = "/" + form.Pages[0].Name
	}
	http.Redirect(w, r, appPath(d)+"/apply/"+a.ID+next, http.StatusSeeOther)
	return nil
}

// asksNothing reports that the application form only shows what is verified: then there is one page, which shows it, and one
// button.
func asksNothing(d *workflows.Definition) bool {
	form := d.ApplicationForm()
	return form != nil && len(form.Pages) == 1 && !slices.ContainsFunc(form.FieldNames(), func(n string) bool { return !d.Field(n).Verified })
}

var errSent = errors.New("the application is no draft any more")

// draft reads the application of a form page. What was sent already lives on the case page: errSent.
func (s *Service) draft(r *http.Request) (application, error) {
	a, err := s.open(r.Context(), r.PathValue("case"))
	if err != nil {
		return application{}, err
	}
	if a.Service != r.PathValue("app") {
		return application{}, kernel.NotThere("case")
	}
	if a.State != a.def.Initial() {
		return a, errSent
	}
	return a, nil
}

// gone sends people to the case page when what they look for is no draft any more.
func gone(w http.ResponseWriter, r *http.Request, a application, err error) error {
	if errors.Is(err, errSent) {
		http.Redirect(w, r, "/cases/"+string(a.ID), http.StatusSeeOther)
		return nil
	}
	return err
}

// resume leads to the first page that still lacks an answer.
func (s *Service) resume(w http.ResponseWriter, r *http.Request) error {
	a, err := s.draft(r)
	if err != nil {
		return gone(w, r, a, err)
	}
	http.Redirect(w, r, applyPath(a.Case)+"/"+s.firstOpen(a), http.StatusSeeOther)
	return nil
}

func (s *Service) firstOpen(a application) string {
	if form := a.def.ApplicationForm(); form != nil {
		for _, p := range form.Pages {
			if a.def.CheckPage(a.snap, form.Name, p.Name, nil, s.Clock.Now()) != nil {
				return p.Name
			}
		}
	}
	return "check"
}

// formView is the data of ui/page.html.
type formView struct {
	Steps    ui.Steps
	Heading  string
	Hint     string
	Problems []ui.Problem
	Fields   []ui.Field
	Asked    string // names of the fields on the page, so that a question that appears is told from one left empty
	Path     string
	Back     bool // came from the check page
	Button   string
}

func (s *Service) formPage(w http.ResponseWriter, r *http.Request) error {
	a, err := s.draft(r)
	if err != nil {
		return gone(w, r, a, err)
	}
	p := page(a)(r.PathValue("page"))
	if p == nil {
		return kernel.NotThere("page")
	}
	return s.showPage(w, r, a, p, nil, nil)
}

func page(a application) func(string) *workflows.Page {
	form := a.def.ApplicationForm()
	if form == nil {
		return func(string) *workflows.Page { return nil }
	}
	return form.Page
}

// showPage renders one page of the form with the saved answers, or with what was typed when it has just failed.
func (s *Service) showPage(w http.ResponseWriter, r *http.Request, a application, p *workflows.Page, input map[string]any, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	snap := a.snap
	if input != nil {
		snap.Answers = over(snap.Answers, input)
	}
	shown := a.def.Shown(snap, p, s.Clock.Now())
	v := formView{Steps: steps(locale, a, p), Heading: a.def.Text(locale, "page."+p.Name), Asked: strings.Join(shown, " "),
		Path: applyPath(a.Case) + "/" + p.Name, Back: r.FormValue("return") == "check", Button: s.t(r, "civic.continue")}
	if a.def.HasText("page." + p.Name + ".hint") {
		v.Hint = a.def.Text(locale, "page."+p.Name+".hint")
	}
	for _, name := range shown {
		v.Fields = append(v.Fields, question(locale, a.def, a.def.Field(name), snap.Answers))
	}
	if len(v.Fields) == 1 && !v.Fields[0].Verified && v.Hint == "" && v.Fields[0].Kind != "checkbox" {
		v.Fields[0].Question, v.Fields[0].Label, v.Heading = true, v.Heading, ""
		if q := &v.Fields[0]; !q.Required { // a heading carries no "(optional)"
			q.Hint = strings.TrimSpace(q.Hint + " " + s.t(r, "civic.optional"))
		}
	}
	view := ui.View{Title: a.def.Text(locale, "page."+p.Name), Active: "services", Back: s.before(a, p, v.Back)}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Fields, v.Problems = ui.WithErrors(v.Fields, s.Texts.FieldErrors(locale, problem))
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	view.Task = true
	return s.Shell.Render(w, r, s.views, "page", view)
}

func steps(locale string, a application, p *workflows.Page) ui.Steps {
	var out ui.Steps
	for i, q := range a.def.ApplicationForm().Pages {
		out.Labels = append(out.Labels, a.def.Text(locale, "page."+q.Name))
		if q.Name == p.Name {
			out.Current = i + 1
		}
	}
	return out
}

// before is the page the back link leads to.
func (s *Service) before(a application, p *workflows.Page, fromCheck bool) string {
	if fromCheck {
		return applyPath(a.Case) + "/check"
	}
	pages := a.def.ApplicationForm().Pages
	for i := slices.IndexFunc(pages, func(q workflows.Page) bool { return q.Name == p.Name }) - 1; i >= 0; i-- {
		if len(a.def.Shown(a.snap, &pages[i], s.Clock.Now())) > 0 {
			return applyPath(a.Case) + "/" + pages[i].Name
		}
	}
	return appPath(a.def)
}

// after is the page that follows, past those on which nothing is asked.
func (s *Service) after(a application, p *workflows.Page) string {
	pages := a.def.ApplicationForm().Pages
	for i := slices.IndexFunc(pages, func(q workflows.Page) bool { return q.Name == p.Name }) + 1; i < len(pages); i++ {
		if len(a.def.Shown(a.snap, &pages[i], s.Clock.Now())) > 0 {
			return pages[i].Name
		}
	}
	return "check"
}

// postPage checks one page, keeps its answers and goes on. A question that an answer has just made necessary is
// shown on the same page first, without blame.
func (s *Service) postPage(w http.ResponseWriter, r *http.Request) error {
	a, err := s.draft(r)
	if err != nil {
		return gone(w, r, a, err)
	}
	p := page(a)(r.PathValue("page"))
	if p == nil {
		return kernel.NotThere("page")
	}
	asked := strings.Fields(r.PostFormValue("asked"))
	input := s.typedOn(r, a, p, asked)
	now := s.Clock.Now()
	appeared := slices.ContainsFunc(a.def.Shown(withAnswers(a.snap, input), p, now), func(n string) bool { return !slices.Contains(asked, n) })
	if err := a.def.CheckPage(a.snap, a.def.ApplicationForm().Name, p.Name, input, now); err != nil && !appeared {
		return s.showPage(w, r, a, p, input, err)
	}
	if len(input) > 0 {
		if err := s.save(r.Context(), string(a.ID), input); err != nil {
			if kernel.KindOf(err) == kernel.Invalid {
				return s.showPage(w, r, a, p, input, err)
			}
			return err
		}
		a.snap = withAnswers(a.snap, input)
	}
	next := s.after(a, p)
	switch {
	case appeared:
		next = p.Name
		if r.PostFormValue("return") == "check" {
			next += "?return=check"
		}
	case r.PostFormValue("return") == "check":
		next = "check"
	}
	http.Redirect(w, r, applyPath(a.Case)+"/"+next, http.StatusSeeOther)
	return nil
}

// typedOn reads the page's fields as they were sent. A question that was on the page and left empty is sent as "".
func (s *Service) typedOn(r *http.Request, a application, p *workflows.Page, asked []string) map[string]any {
	input := map[string]any{}
	for _, name := range p.Fields {
		f := a.def.Field(name)
		_, sent := r.PostForm[name]
		switch {
		case f.Verified || !sent && !slices.Contains(asked, name):
		case f.Type == workflows.TypeMulti:
			input[name] = append([]string{}, r.PostForm[name]...)
		case f.Type == workflows.TypeBoolean && !sent:
			input[name] = "false"
		default:
			input[name] = r.PostForm.Get(name)
		}
	}
	return input
}

func withAnswers(s workflows.Snapshot, input map[string]any) workflows.Snapshot {
	s.Answers = over(s.Answers, input)
	return s
}

func over(answers, input map[string]any) map[string]any {
	out := make(map[string]any, len(answers)+len(input))
	for k, v := range answers {
		out[k] = v
	}
	for k, v := range input {
		out[k] = v
	}
	return out
}
