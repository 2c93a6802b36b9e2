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

// representative is whoever acts for a body, with a sign-in that says who they are.
var representative = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own", Level: kernel.Substantial}

const applyApp = "partner-application"

func organisationPath(agency kernel.AgencyID, more ...string) string {
	return strings.Join(append([]string{"/organisations", string(agency)}, more...), "/")
}

func (s *Service) citizenPages() []web.Page {
	return []web.Page{
		{Pattern: "GET /partners/terms", Policy: web.Public, Handle: s.termsPage},
		{Pattern: "GET /organisations", Policy: representative, Handle: s.organisationsPage},
		{Pattern: "GET /organisations/{agency}", Policy: representative, Handle: s.organisationPage},
		{Pattern: "GET /organisations/{agency}/sign-in", Policy: representative, Handle: s.signInPage},
		{Pattern: "POST /organisations/{agency}/sign-in", Policy: representative, Handle: s.postSignIn},
		{Pattern: "GET /organisations/{agency}/mini-apps/new", Policy: representative, Handle: s.templatesPage},
		{Pattern: "POST /organisations/{agency}/mini-apps/new", Policy: representative, Handle: s.postTemplate},
		{Pattern: "GET /organisations/{agency}/mini-apps/{id}/{part}", Policy: representative, Handle: s.partPage},
		{Pattern: "POST /organisations/{agency}/mini-apps/{id}/{part}", Policy: representative, Handle: s.postPart},
	}
}

// say is a text of this module: "title" is partners.title.
func (s *Service) say(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), "partners."+key, args...)
}

func (s *Service) each(r *http.Request, prefix string, names []string) string {
	var out []string
	for _, n := range names {
		out = append(out, s.say(r, prefix+n))
	}
	return strings.Join(out, s.say(r, "comma"))
}

var stateTones = map[State]string{Applied: ui.Info, Approved: ui.Warning, Active: ui.Success, Suspended: ui.Danger, Dropped: ui.Neutral}

func (s *Service) stateTag(r *http.Request, p Partner) ui.Tag {
	return ui.Tag{Text: s.say(r, "state."+string(p.State)), Tone: stateTones[p.State]}
}

// termsView is the data of ui/terms.html.
type termsView struct{ Terms []string }

// terms are the paragraphs of the agreement, in the one place they are written.
var terms = []string{"term-purpose", "term-data", "term-staff", "term-people", "term-changes", "term-end"}

func (s *Service) termsPage(w http.ResponseWriter, r *http.Request) error {
	d, ok := s.Library.Get(applyApp)
	if !ok || !slices.Contains(kernel.TenantOf(r.Context()).Services, applyApp) {
		return kernel.NotThere("terms")
	}
	return s.showTerms(w, r, d)
}

func (s *Service) showTerms(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	var v termsView
	for _, t := range terms {
		v.Terms = append(v.Terms, d.Text(kernel.LocaleOf(r.Context()), "document.agreement."+t))
	}
	return s.Citizen.Render(w, r, s.views, "terms", ui.View{Title: s.say(r, "terms"), Lead: s.say(r, "terms-lead"), Active: "services", Data: v})
}

// organisationsView is the data of ui/organisations.html.
type organisationsView struct {
	List  string // heading of the list, read out
	Cards []ui.Card
	Empty *ui.Empty
	Apply []ui.Button
}

func (s *Service) organisationsPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Mine(r.Context())
	if err != nil {
		return err
	}
	return s.showOrganisations(w, r, all)
}

func (s *Service) showOrganisations(w http.ResponseWriter, r *http.Request, all []Partner) error {
	v := organisationsView{List: s.say(r, "list")}
	apply := ui.Button{Label: s.say(r, "apply"), Href: "/apps/" + applyApp}
	for _, p := range all {
		v.Cards = append(v.Cards, ui.Card{Href: organisationPath(p.Agency), Title: p.Name.In(kernel.LocaleOf(r.Context())), Text: s.say(r, "kind."+string(p.Kind)), Icon: "services", Tag: s.stateTag(r, p)})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.say(r, "none"), Body: s.say(r, "none-body"), Icon: "services", Action: apply}
	} else {
		apply.Tone = "secondary"
		v.Apply = []ui.Button{apply}
	}
	return s.Citizen.Render(w, r, s.views, "organisations", ui.View{Title: s.say(r, "yours"), Lead: s.say(r, "yours-lead"), Active: "services", Data: v})
}

// organisationView is the data of ui/organisation.html.
type organisationView struct {
	Tag   ui.Tag
	About *ui.Notice
	Made  bool // there is a mini-app: they come first, and the tasks are no longer the way to the first
	Tasks []task
	Apps  []ui.Card
	Facts []ui.Fact
}

// task is one thing to do on the way to a mini-app.
type task struct {
	Title, Text, Href, Label string
	Tag                      ui.Tag
}

func (s *Service) organisationPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.organisation(r.Context(), kernel.AgencyID(r.PathValue("agency")))
	if err != nil {
		return err
	}
	return s.showOrganisation(w, r, o)
}

func (s *Service) showOrganisation(w http.ResponseWriter, r *http.Request, o organisation) error {
	v := organisationView{Tag: s.stateTag(r, o.Partner), Facts: s.facts(r, o.Partner), Tasks: s.tasks(r, o), Made: o.made()}
	if o.State != Active {
		v.About = &ui.Notice{Tone: stateTones[o.State], Body: s.say(r, "state-about."+string(o.State)), Link: ui.Link{Label: s.say(r, "to-case"), Href: "/cases/" + string(o.ID)}}
		if o.State == Suspended {
			v.About = &ui.Notice{Tone: ui.Danger, Title: s.say(r, "state-about.suspended"), Body: o.Reason}
		}
	}
	for _, a := range o.Apps {
		v.Apps = append(v.Apps, s.appCard(r, o.Partner, a))
	}
	return s.Citizen.Render(w, r, s.views, "organisation", ui.View{Title: o.Name.In(kernel.LocaleOf(r.Context())), Back: "/organisations", Active: "services", Data: v})
}

func (s *Service) appCard(r *http.Request, p Partner, a App) ui.Card {
	locale := kernel.LocaleOf(r.Context())
	c := ui.Card{Href: organisationPath(p.Agency, "mini-apps", a.ID, "check"), Title: a.Blanks.Title.In(locale), Icon: "services", Tag: ui.Tag{Text: s.say(r, "app.drawn"), Tone: ui.Neutral}}
	if t, ok := s.template(a.Template); ok {
		c.Text = t.Text(locale, "title")
	}
	if a.Made() {
		c.Meta, c.Tag = a.Slug, ui.Tag{Text: s.say(r, "app.made"), Tone: ui.Success}
	}
	return c
}

// made reports whether the body has a mini-app, at whatever stage.
func (o organisation) made() bool { return slices.ContainsFunc(o.Apps, App.Made) }

// tasks are what remains between an admitted body and its first mini-app; later, what can be done.
func (s *Service) tasks(r *http.Request, o organisation) []task {
	if o.State != Active {
		return nil
	}
	todo, done := ui.Tag{Text: s.say(r, "task.todo"), Tone: ui.Info}, ui.Tag{Text: s.say(r, "task.done"), Tone: ui.Success}
	terms := task{Title: s.say(r, "task.terms"), Text: s.say(r, "task.terms-body"), Href: "/cases/" + string(o.ID), Label: s.say(r, "task.agreement"), Tag: done}
	signIn := task{Title: s.say(r, "task.sign-in"), Text: s.say(r, "task.sign-in-body"), Href: organisationPath(o.Agency, "sign-in"), Label: s.say(r, "task.set"), Tag: todo}
	if o.SignIn.Set() {
		signIn.Tag, signIn.Label = done, s.say(r, "task.change")
	}
	app := task{Title: s.say(r, "task.app"), Text: s.say(r, "task.app-body"), Href: organisationPath(o.Agency, "mini-apps", "new"), Label: s.say(r, "task.make"), Tag: todo}
	release := task{Title: s.say(r, "task.release"), Text: s.say(r, "task.release-body"), Tag: todo}
	all := []task{terms, signIn, app, release}
	if o.made() {
		release.Href, release.Label, app.Label = "/staff/mini-apps", s.say(r, "task.to-console"), s.say(r, "task.another")
		all = []task{release, app, signIn, terms}
		for i := range all {
			all[i].Tag = ui.Tag{}
		}
	}
	return all
}

func (s *Service) facts(r *http.Request, p Partner) []ui.Fact {
	locale := kernel.LocaleOf(r.Context())
	out := []ui.Fact{{Key: s.say(r, "short-name"), Value: string(p.Agency), Code: true}, {Key: s.say(r, "kind"), Value: s.say(r, "kind."+string(p.Kind))}, {Key: s.say(r, "registration"), Value: p.Registration}}
	if p.Licence != "" {
		out = append(out, ui.Fact{Key: s.say(r, "licence"), Value: s.say(r, "licence-until", "number", p.Licence, "day", ui.Day(locale, p.LicenceUntil))})
	}
	return append(out, ui.Fact{Key: s.say(r, "categories"), Value: s.each(r, "category.", p.Categories)}, ui.Fact{Key: s.say(r, "purposes"), Value: s.each(r, "purpose.", p.Purposes)},
		ui.Fact{Key: s.say(r, "address"), Value: p.Address})
}

// formView is the data of ui/wizard.html.
type formView struct {
	Problems []ui.Problem
	Steps    *ui.Steps
	About    *ui.Notice
	Path     string
	Version  int
	Parts    []formPart
	Buttons  []ui.Button
}

type formPart struct {
	Title, Hint string
	Fields      []ui.Field
	Copies      []ui.Copy
	Text        bool   // one text, its fields are the languages it is written in
	When        string // the value of a choice above that it belongs to: out of sight without it, where the browser can do that
}

// formErrors writes what is wrong into the fields, and lists it in their order. Which text of which language is wrong is said there: the
// labels alone are alike.
func (s *Service) formErrors(r *http.Request, parts []formPart, wrong map[string]string) []ui.Problem {
	var out []ui.Problem
	for i := range parts {
		fields, problems := ui.WithErrors(parts[i].Fields, only(wrong, parts[i].Fields))
		parts[i].Fields = fields
		for _, p := range problems {
			f := fields[slices.IndexFunc(fields, func(f ui.Field) bool { return f.Name == p.Field })]
			switch what := parts[i].Title; {
			case what == "":
			case parts[i].Text:
				p.Text = s.about(r, s.say(r, "text-in", "text", what, "language", f.Label), p.Text)
			default:
				p.Text = s.about(r, f.Label, p.Text)
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		for _, text := range wrong {
			out = append(out, ui.Problem{Text: text})
		}
	}
	return out
}

// about is a problem with what it is about.
func (s *Service) about(r *http.Request, what, problem string) string {
	return s.say(r, "problem-of", "what", what, "problem", problem)
}

// only is the part of wrong that belongs to fields.
func only(wrong map[string]string, fields []ui.Field) map[string]string {
	out := map[string]string{}
	for _, f := range fields {
		if text, ok := wrong[f.Name]; ok {
			out[f.Name] = text
		}
	}
	return out
}

func (s *Service) signInPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.organisation(r.Context(), kernel.AgencyID(r.PathValue("agency")))
	if err != nil {
		return err
	}
	if o.State != Active {
		return errNotActive
	}
	if !o.SignIn.Set() {
		o.SignIn = s.freshSignIn(o.Partner)
	}
	return s.showSignIn(w, r, o.Partner, o.SignIn, nil)
}

// freshSignIn is what the form begins with.
func (s *Service) freshSignIn(p Partner) SignIn {
	out := SignIn{Groups: map[string]string{}}
	for _, role := range s.rolesFor(p) {
		out.Groups[role] = string(p.Agency) + "-" + groupNames[role]
	}
	return out
}

// groupNames end the group a form proposes for a role.
var groupNames = map[string]string{kernel.RolePublisher: "publishers", "officer": "officers", "reception": "reception", "practitioner": "practitioners", "planner": "planners"}

// rolesFor are the roles the templates of a partner's purposes know, and that of who publishes.
func (s *Service) rolesFor(p Partner) []string {
	return slices.DeleteFunc(slices.Clone(Roles), func(role string) bool {
		clinic := role == "reception" || role == "practitioner" || role == "planner"
		visits := slices.Contains(p.Purposes, "appointment")
		decides := slices.Contains(p.Purposes, "application") || slices.Contains(p.Purposes, "notice")
		return clinic && !visits || role == "officer" && !decides
	})
}

func (s *Service) postSignIn(w http.ResponseWriter, r *http.Request) error {
	agency := kernel.AgencyID(r.PathValue("agency"))
	o, err := s.organisation(r.Context(), agency)
	if err != nil {
		return err
	}
	in := SignIn{ACR: map[string]string{}, Groups: map[string]string{}}
	if r.PostFormValue("where") == "own" {
		in.Issuer = strings.TrimSpace(r.PostFormValue("issuer_url"))
	}
	for _, l := range signInLevels {
		in.ACR[l.String()] = r.PostFormValue("acr." + l.String())
	}
	for _, role := range Roles {
		in.Groups[role] = r.PostFormValue("group." + role)
	}
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	switch where := r.PostFormValue("where"); {
	case where == "own" && in.Issuer == "":
		err = kernel.InvalidFields(wrong("issuer_url", "field.required", "Answer this question."))
	case where != "own" && where != "municipality":
		err = kernel.InvalidFields(wrong("where", "field.required", "Answer this question."))
	default:
		_, err = s.setSignIn(r.Context(), agency, version, in)
	}
	if kernel.KindOf(err) == kernel.Invalid {
		return s.showSignIn(w, r, o.Partner, in, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, organisationPath(agency), http.StatusSeeOther)
	return nil
}

func (s *Service) showSignIn(w http.ResponseWriter, r *http.Request, p Partner, in SignIn, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	tenant := kernel.TenantOf(r.Context())
	where := "municipality"
	if in.Issuer != "" {
		where = "own"
	}
	if problem != nil && r.PostFormValue("where") != "" {
		where = r.PostFormValue("where")
	}
	v := formView{Path: organisationPath(p.Agency, "sign-in"), Version: p.Version, Buttons: []ui.Button{{Label: s.say(r, "sign-in.save")}}}
	v.Parts = []formPart{{Fields: []ui.Field{{Name: "where", Kind: "radio", Label: s.say(r, "sign-in.where"), Required: true, Value: where, Options: []ui.Option{
		{Value: "municipality", Label: s.say(r, "sign-in.municipality", "name", tenant.Name.In(locale)), Hint: s.say(r, "sign-in.municipality-hint")},
		{Value: "own", Label: s.say(r, "sign-in.own"), Hint: s.say(r, "sign-in.own-hint")},
	}}}}}
	groups := formPart{Title: s.say(r, "sign-in.groups"), Hint: s.say(r, "sign-in.groups-hint")}
	for _, role := range s.rolesFor(p) {
		groups.Fields = append(groups.Fields, ui.Field{Name: "group." + role, Label: s.say(r, "role."+role), Hint: s.say(r, "role-hint."+role), Value: in.Groups[role], Required: role == kernel.RolePublisher, MaxLength: 100, Autocomplete: "off"})
	}
	own := formPart{Title: s.say(r, "sign-in.own-title"), Hint: s.say(r, "sign-in.own-body"), When: "own"}
	own.Fields = append(own.Fields, ui.Field{Name: "issuer_url", Label: s.say(r, "sign-in.issuer"), Hint: s.say(r, "sign-in.issuer-hint"), Value: in.Issuer, Required: true, MaxLength: 300, Autocomplete: "off", InputMode: "url"})
	for _, l := range []kernel.Level{kernel.Substantial, kernel.High, kernel.Low} { // one of the first two is needed
		own.Fields = append(own.Fields, ui.Field{Name: "acr." + l.String(), Label: s.say(r, "sign-in.acr-"+l.String()), Value: in.ACR[l.String()], Plain: l == kernel.Substantial, MaxLength: 200, Autocomplete: "off"})
	}
	own.Copies = []ui.Copy{
		{Name: "client", Label: s.say(r, "sign-in.client"), Value: string(tenant.ID) + ".staff"},
		{Name: "redirect", Label: s.say(r, "sign-in.redirect"), Value: tenant.Origin + "/staff/callback"},
		{Name: "keys", Label: s.say(r, "sign-in.keys"), Value: tenant.Origin + "/.well-known/jwks.json"},
	}
	v.Parts = append(v.Parts, own, groups)
	view := ui.View{Title: s.say(r, "task.sign-in"), Lead: p.Name.In(locale), Back: organisationPath(p.Agency), Active: "services", Task: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.formErrors(r, v.Parts, s.Texts.FieldErrors(locale, problem))
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "wizard", view)
}
