package citizen

import (
	"net/http"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

// homePage is the data of ui/home.html.
type homePage struct {
	Turn   []ui.Card // cases that wait for the person
	Cases  []ui.Card
	Groups []group
}

type group struct {
	Title string
	Cards []ui.Card
}

func (s *Service) home(w http.ResponseWriter, r *http.Request) error {
	cases, err := s.mine(r.Context(), true)
	if err != nil {
		return err
	}
	return s.showHome(w, r, cases)
}

func (s *Service) showHome(w http.ResponseWriter, r *http.Request, cases []kernel.Case) error {
	var p homePage
	for _, c := range cases {
		card, turn := s.caseCard(r, c)
		if turn {
			p.Turn = append(p.Turn, card)
		} else {
			p.Cases = append(p.Cases, card)
		}
	}
	p.Cases = p.Cases[:min(len(p.Cases), 3)]
	var err error
	if p.Groups, err = s.groups(r); err != nil {
		return err
	}
	return s.Shell.Render(w, r, s.views, "home", ui.View{
		Title: s.t(r, "citizen.home.title"), Lead: s.t(r, "citizen.home.lead"), Data: p, Active: "services", Wide: true,
	})
}

var sectorIcons = map[string]string{"civic": "certificate", "medical": "health", "travel": "travel"}

// groups puts the services under the heading of their sector, in the municipality's order. One that nobody can begin with at
// present says why; one that is not released is not there.
func (s *Service) groups(r *http.Request) ([]group, error) {
	locale := kernel.LocaleOf(r.Context())
	var out []group
	at := map[string]int{}
	for _, d := range s.offered(kernel.TenantOf(r.Context())) {
		card := ui.Card{Href: "/apps/" + d.Slug, Title: d.Text(locale, "title"), Text: d.Text(locale, "summary"), Icon: sectorIcons[d.Sector]}
		if s.Releases != nil {
			st, err := s.Releases.Standing(r.Context(), nil, d.Slug)
			if err != nil {
				return nil, err
			}
			if !st.Listed {
				continue
			}
			switch {
			case st.Closed != "":
				card.Tag, card.Meta = ui.Tag{Text: s.t(r, "citizen.home.closed"), Tone: ui.Warning}, st.Closed
			case st.Testing:
				card.Tag = ui.Tag{Text: s.t(r, "citizen.test-mode"), Tone: ui.Info}
			}
		}
		i, ok := at[d.Sector]
		if !ok {
			i = len(out)
			at[d.Sector] = i
			title := s.t(r, "citizen.sector.other")
			if s.Texts.Has("citizen.sector." + d.Sector) {
				title = s.t(r, "citizen.sector."+d.Sector)
			}
			out = append(out, group{Title: title})
		}
		out[i].Cards = append(out[i].Cards, card)
	}
	return out, nil
}

// caseCard is one case in a list; turn says that it waits for the person.
func (s *Service) caseCard(r *http.Request, c kernel.Case) (card ui.Card, turn bool) {
	locale := kernel.LocaleOf(r.Context())
	zone := kernel.TenantOf(r.Context()).Location()
	card = ui.Card{
		Href: "/cases/" + string(c.ID), Title: c.Service, Icon: sectorIcons[c.Sector],
		Meta: s.t(r, "citizen.case.updated", "date", ui.Date(locale, zone, c.UpdatedAt)),
	}
	if s.CasePage != nil {
		if page := s.CasePage(c, kernel.Citizen); page != "" {
			card.Href = page
		}
	}
	d, ok := s.definition(c)
	if !ok {
		return card, false
	}
	state := stateOf(d, c.State)
	card.Title = d.Text(locale, "title")
	card.Text = c.Number
	card.Tag = ui.Tag{Text: d.Text(locale, "state."+c.State), Tone: tone(state)}
	return card, state.Waits == workflows.WaitsApplicant
}

// tone is the colour of a state; its name says the same in words.
func tone(s workflows.State) string {
	switch {
	case s.Outcome == workflows.Favourable:
		return ui.Success
	case s.Outcome == workflows.Adverse:
		return ui.Danger
	case s.Final:
		return ui.Neutral
	case s.Waits == workflows.WaitsApplicant:
		return ui.Warning
	}
	return ui.Info
}

// casesPage is the data of ui/cases.html.
type casesPage struct {
	Open, Closed []ui.Card
	Empty        ui.Empty
}

func (s *Service) cases(w http.ResponseWriter, r *http.Request) error {
	found, err := s.mine(r.Context(), false)
	if err != nil {
		return err
	}
	return s.showCases(w, r, found)
}

func (s *Service) showCases(w http.ResponseWriter, r *http.Request, found []kernel.Case) error {
	var p casesPage
	for _, c := range found {
		card, _ := s.caseCard(r, c)
		if c.Final {
			p.Closed = append(p.Closed, card)
		} else {
			p.Open = append(p.Open, card)
		}
	}
	p.Empty = ui.Empty{
		Icon: "cases", Title: s.t(r, "citizen.cases.none"), Body: s.t(r, "citizen.cases.none-body"),
		Action: ui.Button{Label: s.t(r, "citizen.cases.to-services"), Href: "/"},
	}
	return s.Shell.Render(w, r, s.views, "cases", ui.View{Title: s.t(r, "citizen.cases.title"), Data: p, Active: "cases"})
}

// caseView is the data of ui/case.html.
type caseView struct {
	ID        kernel.CaseID
	Number    string
	Tag       ui.Tag
	Next      ui.Notice
	Question  []ui.Fact // what the agency asked, while it is the person's turn
	Form      *actionForm
	Continue  string // address of the draft's form
	Page      string // address of the sector's own page about it
	Pay       *payForm
	Others    []ui.Button
	Documents []ui.DocumentRow
	Payments  []ui.Card
	Facts     []ui.Fact
	Answers   []ui.SummaryRow
	History   []ui.Moment
	Problems  []ui.Problem
}

// payForm is the way to a payment that is waited for.
type payForm struct{ Path, Label string }

// actionForm is one action the person may take, with what it asks.
type actionForm struct {
	Path, Label string
	Hint        string
	Version     int
	Fields      []ui.Field
	Declare     *ui.Field
	Tone        string
}

func (s *Service) casePage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.open(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showCase(w, r, o, nil)
}

// showCase renders the case; problem is the error of an action the person has just tried here.
func (s *Service) showCase(w http.ResponseWriter, r *http.Request, o opened, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	view := ui.View{App: o.Service, Title: o.def.Text(locale, "title"), Back: "/cases", Active: "cases", Data: s.caseView(r, o, problem)}
	if problem != nil {
		view.Status = statusOf(problem)
	}
	return s.Shell.Render(w, r, s.views, "case", view)
}

func (s *Service) caseView(r *http.Request, o opened, problem error) caseView {
	locale := kernel.LocaleOf(r.Context())
	state := stateOf(o.def, o.State)
	v := caseView{
		ID: o.ID, Number: o.Number,
		Tag:     ui.Tag{Text: o.def.Text(locale, "state."+o.State), Tone: tone(state)},
		Facts:   s.facts(r, o),
		Answers: answers(locale, o),
		History: s.history(r, o),
	}
	v.Next = ui.Notice{Tone: noticeTone(tone(state)), Title: s.t(r, "citizen.case.next"), Body: o.def.Text(locale, "state."+o.State+".next")}
	if s.CasePage != nil {
		v.Page = s.CasePage(o.Case, kernel.Citizen)
	}
	if state.Initial && v.Page == "" {
		v.Continue = "/apps/" + o.Service + "/apply/" + string(o.ID)
	}
	asked := o.asked()
	if asked != nil && !state.Initial {
		v.Question = lastWords(locale, o)
		form := s.form(r, o, asked, problem)
		v.Form, v.Problems = &form.actionForm, form.problems
	}
	for _, a := range o.here() {
		if a != asked {
			v.Others = append(v.Others, ui.Button{Label: o.def.Text(locale, "action."+a.Name), Href: actionPath(o, a), Tone: "secondary"})
		}
	}
	for _, d := range o.documents {
		v.Documents = append(v.Documents, s.documentRow(r, d))
	}
	for _, p := range o.payments {
		amount := ui.Money(locale, p.Amount.Amount, p.Amount.Currency)
		if p.Payable() && !o.Final && s.Clock.Now().Before(p.Until) {
			v.Pay = &payForm{Path: paymentPath(p) + "/pay", Label: s.t(r, "citizen.case.pay", "amount", amount)}
		}
		v.Payments = append(v.Payments, ui.Card{Href: paymentPath(p), Title: p.Title.In(locale), Text: p.Reference, Meta: amount})
	}
	return v
}

func paymentPath(p kernel.Payment) string { return "/payments/" + string(p.ID) }

func noticeTone(t string) string {
	if t == ui.Danger { // a refusal is not an alarm: the decision was read before the tone is seen
		return ui.Neutral
	}
	return t
}

func actionPath(o opened, a *workflows.Action) string {
	return "/cases/" + string(o.ID) + "/actions/" + a.Name
}

func (s *Service) facts(r *http.Request, o opened) []ui.Fact {
	ctx := r.Context()
	locale, tenant := kernel.LocaleOf(ctx), kernel.TenantOf(ctx)
	facts := []ui.Fact{{Key: s.t(r, "citizen.case.number"), Value: o.Number}}
	if a, ok := s.Directory.Agency(tenant.ID, o.Agency); ok {
		facts = append(facts, ui.Fact{Key: s.t(r, "citizen.case.agency"), Value: a.Name.In(locale)})
	}
	if !o.SubmittedAt.IsZero() {
		facts = append(facts, ui.Fact{Key: s.t(r, "citizen.case.submitted"), Value: ui.DateTime(locale, tenant.Location(), o.SubmittedAt)})
	}
	if !o.DueAt.IsZero() && !o.Final {
		due := "citizen.case.due"
		if stateOf(o.def, o.State).Waits == workflows.WaitsApplicant {
			due = "citizen.case.answer-by"
		}
		facts = append(facts, ui.Fact{Key: s.t(r, due), Value: ui.Date(locale, tenant.Location(), o.DueAt)})
	}
	return facts
}

// answers is what the person told us, in the order it was asked.
func answers(locale string, o opened) []ui.SummaryRow {
	var rows []ui.SummaryRow
	asked := askedOf(o.def)
	for _, f := range o.def.Fields {
		if _, ok := o.Answers[f.Name]; !ok || !asked[f.Name] {
			continue
		}
		if v := o.def.Answer(locale, f.Name, o.Answers); v != "" {
			rows = append(rows, ui.SummaryRow{Key: o.def.Text(locale, "field."+f.Name+".label"), Value: v, Verified: f.Verified})
		}
	}
	return rows
}

// words are the answers given with one step, as facts.
func words(locale string, d *workflows.Definition, in map[string]any) []ui.Fact {
	var out []ui.Fact
	for _, f := range d.Fields {
		if _, ok := in[f.Name]; !ok {
			continue
		}
		if v := d.Answer(locale, f.Name, in); v != "" {
			out = append(out, ui.Fact{Key: d.Text(locale, "field."+f.Name+".label"), Value: v})
		}
	}
	return out
}

// lastWords is what staff wrote in the step that handed the case to the person.
func lastWords(locale string, o opened) []ui.Fact {
	for _, e := range slices.Backward(o.History) {
		if e.To == o.State && e.ActorKind == kernel.Staff {
			return words(locale, o.def, e.Input)
		}
	}
	return nil
}

// history is newest first. What was said in the application itself stands under the answers, not here.
func (s *Service) history(r *http.Request, o opened) []ui.Moment {
	locale := kernel.LocaleOf(r.Context())
	var out []ui.Moment
	for _, e := range slices.Backward(o.History) {
		if e.From == e.To && stateOf(o.def, e.To).Initial {
			continue // saving a draft
		}
		if a := o.def.Action(e.Action); a != nil && a.To == "" && a.Assign != "" {
			continue // who works on it is the agency's own affair
		}
		m := ui.Moment{At: e.At, Title: s.past(r, o.def, e.Action), Actor: e.ActorName, Now: len(out) == 0}
		if e.ActorKind == kernel.Citizen {
			m.Actor = s.t(r, "citizen.case.you")
		}
		if !stateOf(o.def, e.From).Initial && e.From != "" {
			m.Facts = words(locale, o.def, e.Input)
			if len(m.Facts) == 1 {
				m.Body, m.Facts = m.Facts[0].Value, nil
			}
		}
		if st := stateOf(o.def, e.To); st.Final {
			m.Tone = tone(st)
		}
		out = append(out, m)
	}
	return out
}

func (s *Service) past(r *http.Request, d *workflows.Definition, action string) string {
	locale := kernel.LocaleOf(r.Context())
	switch key := "action." + action; {
	case d.HasText(key + ".past"):
		return d.Text(locale, key+".past")
	case action == "start":
		return s.t(r, "citizen.case.started")
	case action == "document-issued": // casework's own: no workflow declares it
		return s.t(r, "citizen.case.document-issued")
	default:
		return d.Text(locale, key)
	}
}

var documentTones = map[string]string{"valid": ui.Success, "revoked": ui.Danger, "superseded": ui.Neutral}

func (s *Service) documentRow(r *http.Request, d kernel.Document) ui.DocumentRow {
	row := ui.DocumentRow{Title: d.Title, Number: d.Number, IssuedAt: d.IssuedAt, Pending: d.State == "pending", Href: "/documents/" + string(d.ID) + ".pdf"}
	if tone, ok := documentTones[d.State]; ok {
		row.Tag = ui.Tag{Text: s.t(r, "citizen.document."+d.State), Tone: tone}
	}
	return row
}

// actionPage asks for one action on a page of its own: to confirm it, and for what it needs.
func (s *Service) actionPage(w http.ResponseWriter, r *http.Request) error {
	o, err := s.open(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.showAction(w, r, o, nil)
}

func (s *Service) showAction(w http.ResponseWriter, r *http.Request, o opened, problem error) error {
	a, ok := o.action(r.PathValue("action"))
	if !ok {
		return kernel.NotThere("action")
	}
	locale := kernel.LocaleOf(r.Context())
	form := s.form(r, o, a, problem)
	view := ui.View{
		App: o.Service, Title: o.def.Text(locale, "action."+a.Name), Back: "/cases/" + string(o.ID), Active: "cases", Task: true,
		Data: actionView{actionForm: form.actionForm, Problems: form.problems, Service: o.def.Text(locale, "title"), Number: o.Number, Case: o.ID},
	}
	if problem != nil {
		view.Status = statusOf(problem)
	}
	return s.Shell.Render(w, r, s.views, "action", view)
}

// actionView is the data of ui/action.html.
type actionView struct {
	actionForm
	Problems        []ui.Problem
	Service, Number string
	Case            kernel.CaseID
}

type filledForm struct {
	actionForm
	problems []ui.Problem
}

// form prepares an action's questions, with what was sent and what was wrong with it after a failed attempt.
func (s *Service) form(r *http.Request, o opened, a *workflows.Action, problem error) filledForm {
	locale := kernel.LocaleOf(r.Context())
	f := filledForm{actionForm: actionForm{Path: actionPath(o, a), Label: o.def.Text(locale, "action."+a.Name), Version: o.Version}}
	if o.def.HasText("action." + a.Name + ".hint") {
		f.Hint = o.def.Text(locale, "action."+a.Name+".hint")
	}
	if to := stateOf(o.def, a.To); to.Final && to.Outcome != workflows.Favourable && len(a.Documents) == 0 { // what ends with nothing in hand
		f.Tone = "danger"
	}
	for _, field := range fieldsOf(o.def, a) {
		f.Fields = append(f.Fields, block(locale, o.def, field, r.PostForm[field.Name]))
	}
	wrong := s.Texts.FieldErrors(locale, problem)
	if problem != nil && len(wrong) == 0 {
		f.problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	if a.Declare {
		f.Declare = &ui.Field{Kind: "checkbox", Name: "declaration", Required: true, Label: o.def.Text(locale, "action."+a.Name+".declare"), Error: wrong["declaration"]}
	}
	var found []ui.Problem
	f.Fields, found = ui.WithErrors(f.Fields, wrong)
	f.problems = append(f.problems, found...)
	for i, p := range f.problems {
		if p.Field == "" && f.Declare != nil && p.Text == f.Declare.Error {
			f.problems[i].Field = "declaration"
		}
	}
	return f
}

var kinds = map[string]string{
	workflows.TypeTextarea: "textarea", workflows.TypeChoice: "radio", workflows.TypeMulti: "checkbox", workflows.TypeDate: "date",
	workflows.TypeInteger: "number", workflows.TypeBoolean: "checkbox", workflows.TypeEmail: "email",
}

// block turns a declared field into the block that asks for it. More than seven options become a drop-down.
func block(locale string, d *workflows.Definition, f workflows.Field, sent []string) ui.Field {
	key := "field." + f.Name
	b := ui.Field{Name: f.Name, Label: d.Text(locale, key+".label"), Kind: kinds[f.Type], Required: f.Required, MaxLength: f.MaxLength, Value: strings.Join(sent, "\n")}
	if d.HasText(key + ".hint") {
		b.Hint = d.Text(locale, key+".hint")
	}
	if f.Type == workflows.TypeChoice && len(f.Options) > 7 {
		b.Kind = "select"
	}
	for _, o := range f.Options {
		b.Options = append(b.Options, ui.Option{Value: o, Label: d.Text(locale, key+".option."+o), Selected: slices.Contains(sent, o)})
	}
	return b
}

// act takes the action. What the person can put right is shown where they tried it; the rest is an error page.
func (s *Service) act(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	o, err := s.open(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	seen, err := version(r)
	if err != nil {
		return err
	}
	// An action that is no longer possible is still sent on: the workflow knows the reason, and a repeated
	// attempt gets its first answer.
	name := r.PathValue("action")
	err = s.take(ctx, kernel.Act{Case: o.ID, Version: seen, Action: name, Input: sent(r, o, name)})
	if err == nil {
		http.Redirect(w, r, "/cases/"+string(o.ID), http.StatusSeeOther)
		return nil
	}
	if k := kernel.KindOf(err); k != kernel.Invalid && k != kernel.Conflict {
		return err
	}
	if _, ok := o.action(name); !ok {
		return err
	}
	if a := o.asked(); a != nil && a.Name == name {
		return s.showCase(w, r, o, err)
	}
	return s.showAction(w, r, o, err)
}

func sent(r *http.Request, o opened, action string) map[string]any {
	var names []string
	several := map[string]bool{}
	for i := range o.def.Actions {
		if a := &o.def.Actions[i]; a.Name == action {
			for _, f := range fieldsOf(o.def, a) {
				names = append(names, f.Name)
				several[f.Name] = f.Type == workflows.TypeMulti
			}
		}
	}
	return input(r, names, several)
}

func statusOf(err error) int {
	if kernel.KindOf(err) == kernel.Conflict {
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), key, args...)
}
