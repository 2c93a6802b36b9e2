package casework

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// caseView is the data of ui/staffcase.html.
type caseView struct {
	ID        kernel.CaseID
	Number    string
	Service   string
	Tag       ui.Tag
	Problems  []ui.Problem
	Forms     []actionForm // actions with questions
	Quick     []actionForm // actions without
	Alone     bool         // only the chosen action is shown
	StepUp    ui.Link
	Applicant []ui.Fact
	Facts     []ui.Fact
	Answers   []ui.SummaryRow
	History   []ui.Moment
	Documents []ui.DocumentRow
	Effects   []effectRow
	Failed    int         // dead effects
	FourEyes  []ui.Notice // steps a colleague has to take
	Page      string      // address of the sector's own page about the case; empty: none
	Audit     string      // address of everything recorded about the case; empty when nobody keeps it
}

// actionForm is one action that is possible now.
type actionForm struct {
	Name, Path, Label, Hint string
	Link                    string // the action has to be opened on a page of its own
	Version                 int
	Fields                  []ui.Field
	Preview                 string // address of the preview; empty when there is none
	Tone                    string
	Open                    bool
}

type effectRow struct {
	Title, Note, Retry string
	Tag                ui.Tag
}

func (s *Service) showCase(w http.ResponseWriter, r *http.Request, o opened, a attempt) error {
	locale := kernel.LocaleOf(r.Context())
	view := ui.View{Title: o.Number, Back: "/staff/cases", Data: s.caseView(r, o, a), Active: "queue", Wide: true}
	if a.problem != nil {
		view.Status = web.Status(kernel.KindOf(a.problem))
	}
	view.Lead = o.def.Text(locale, "title")
	return s.Shell.Render(w, r, s.views, "staffcase", view)
}

func (s *Service) caseView(r *http.Request, o opened, a attempt) caseView {
	locale := kernel.LocaleOf(r.Context())
	v := caseView{
		ID: o.ID, Number: o.Number, Service: o.def.Text(locale, "title"),
		Tag:       ui.Tag{Text: o.def.Text(locale, "state."+o.State+".staff"), Tone: tone(o.def.State(o.State))},
		Applicant: s.applicant(r, o), Facts: s.facts(r, o), Answers: answers(locale, o), History: s.history(r, o),
		Documents: s.documentRows(r, o), Alone: a.action != "" && a.problem == nil,
	}
	used := map[string]bool{}
	for _, name := range o.Actions {
		if v.Alone && name != a.action {
			continue
		}
		f := s.form(r, o, o.def.Action(name), a, used)
		if len(f.Fields) == 0 && f.Preview == "" && f.Link == "" {
			v.Quick = append(v.Quick, f)
		} else {
			v.Forms = append(v.Forms, f)
		}
		if name == a.action {
			v.Problems = append(v.Problems, s.problems(r, f, a.problem)...)
		}
	}
	if e := kernel.AsError(a.problem); a.problem != nil && e.Kind == kernel.StepUp {
		v.StepUp = ui.Link{Label: s.t(r, "casework.confirm-identity"), Href: actionPath(o.ID, a.action)}
	}
	v.Effects, v.Failed = s.effectRows(r, o)
	if errors.Is(a.problem, workflows.ErrFourEyes) {
		v.Problems = append(v.Problems, ui.Problem{Text: s.Texts.Error(locale, a.problem)})
	}
	v.FourEyes = s.fourEyes(r, o)
	if s.CasePage != nil {
		v.Page = s.CasePage(o.Case, kernel.Staff)
	}
	if s.History {
		v.Audit = casePath(o.ID) + "/audit"
	}
	return v
}

// fourEyes names the steps that wait for a colleague, because the reader has taken the one before.
func (s *Service) fourEyes(r *http.Request, o opened) (out []ui.Notice) {
	locale, me := kernel.LocaleOf(r.Context()), kernel.PrincipalOf(r.Context()).Person
	if len(o.History) == 0 || o.Final {
		return nil
	}
	for i := range o.def.Actions {
		act := &o.def.Actions[i]
		if !slices.Contains(act.From, o.State) || len(act.FourEyes) == 0 || slices.Contains(o.Actions, act.Name) {
			continue
		}
		for _, e := range slices.Backward(o.rec.Events) {
			if e.To == o.State && e.From != e.To {
				if e.Actor == me && slices.Contains(act.FourEyes, e.Action) {
					out = append(out, ui.Notice{Title: o.def.Text(locale, "action."+act.Name), Body: s.t(r, "casework.four-eyes")})
				}
				break
			}
		}
	}
	return out
}

func actionPath(id kernel.CaseID, action string) string {
	return casePath(id) + "/actions/" + action
}

// form prepares one action with its questions, and with what was typed when it has just failed. Two forms on one
// page must not ask under one name: the second gets a page of its own.
func (s *Service) form(r *http.Request, o opened, act *workflows.Action, a attempt, used map[string]bool) actionForm {
	locale := kernel.LocaleOf(r.Context())
	f := actionForm{
		Name: act.Name, Path: actionPath(o.ID, act.Name), Label: o.def.Text(locale, "action."+act.Name),
		Version: o.Version, Open: act.Name == a.action,
	}
	if o.def.HasText("action." + act.Name + ".hint") {
		f.Hint = o.def.Text(locale, "action."+act.Name+".hint")
	}
	if act.Decision == workflows.Adverse {
		f.Tone = "danger"
	}
	if previewOf(o.def, act.Name) != "" {
		f.Preview = casePath(o.ID) + "/preview.pdf?action=" + act.Name
	}
	var input map[string]any
	if act.Name == a.action {
		input = a.input
	} else if s.needs(r.Context(), act) != nil {
		f.Link = f.Path
		return f
	}
	fields := s.questions(locale, o.def, act, input)
	if slices.ContainsFunc(fields, func(q ui.Field) bool { return used[q.Name] }) && !f.Open {
		f.Link = f.Path
		return f
	}
	for _, q := range fields {
		used[q.Name] = true
	}
	if a.problem != nil && f.Open {
		fields, _ = ui.WithErrors(fields, s.Texts.FieldErrors(locale, a.problem))
	}
	f.Fields = fields
	return f
}

// problems are the lines of the error summary: those of the fields, or what the whole step failed with.
func (s *Service) problems(r *http.Request, f actionForm, err error) []ui.Problem {
	if err == nil {
		return nil
	}
	locale := kernel.LocaleOf(r.Context())
	wrong := s.Texts.FieldErrors(locale, err)
	if len(wrong) == 0 {
		return []ui.Problem{{Text: s.Texts.Error(locale, err)}}
	}
	_, problems := ui.WithErrors(f.Fields, wrong)
	return problems
}

var fieldKinds = map[string]string{
	workflows.TypeTextarea: "textarea", workflows.TypeChoice: "radio", workflows.TypeMulti: "checkbox", workflows.TypeDate: "date",
	workflows.TypeInteger: "number", workflows.TypeBoolean: "checkbox", workflows.TypeEmail: "email",
}

func (s *Service) questions(locale string, d *workflows.Definition, act *workflows.Action, input map[string]any) []ui.Field {
	var out []ui.Field
	if form := d.Form(act.Form); form != nil {
		for _, name := range form.FieldNames() {
			out = append(out, question(locale, d, d.Field(name), input[name]))
		}
	}
	if act.Declare {
		out = append(out, ui.Field{Name: workflows.Declaration, Kind: "checkbox", Required: true,
			Label: d.Text(locale, "action."+act.Name+".declare"), Value: typed(input[workflows.Declaration])})
	}
	return out
}

// question turns a declared field into the block that asks for it. More than seven options become a drop-down.
func question(locale string, d *workflows.Definition, f *workflows.Field, value any) ui.Field {
	key := "field." + f.Name
	q := ui.Field{Name: f.Name, Label: d.Text(locale, key+".label"), Kind: fieldKinds[f.Type], Required: f.Required, MaxLength: f.MaxLength, Value: typed(value)}
	if d.HasText(key + ".hint") {
		q.Hint = d.Text(locale, key+".hint")
	}
	if f.Type == workflows.TypeChoice && len(f.Options) > 7 {
		q.Kind = "select"
	}
	chosen, _ := value.([]string)
	for _, o := range f.Options {
		q.Options = append(q.Options, ui.Option{Value: o, Label: d.Text(locale, key+".option."+o), Selected: slices.Contains(chosen, o)})
	}
	return q
}

// typed is a value as it is written back into a control.
func typed(v any) string {
	switch v := v.(type) {
	case nil, []string:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func (s *Service) applicant(r *http.Request, o opened) []ui.Fact {
	locale := kernel.LocaleOf(r.Context())
	known := claims(o.detail)
	var facts []ui.Fact
	for _, c := range o.def.Claims {
		value := known[c.Name]
		if c.Name == "address" {
			var parts []string
			for _, p := range []string{"street_address", "locality", "region", "postal_code", "country"} {
				if v := known["address."+p]; v != "" {
					parts = append(parts, v)
				}
			}
			value = strings.Join(parts, ", ")
		}
		if c.Name == "birthdate" {
			value = ui.Day(locale, value)
		}
		if value != "" {
			facts = append(facts, ui.Fact{Key: s.claimLabel(r, o.def, c.Name), Value: value})
		}
	}
	return facts
}

// claimLabel is what staff call a claim; the definition's own text speaks to the applicant ("your name").
func (s *Service) claimLabel(r *http.Request, d *workflows.Definition, claim string) string {
	if s.Texts.Has("casework.claim." + claim) {
		return s.t(r, "casework.claim."+claim)
	}
	return d.Text(kernel.LocaleOf(r.Context()), "claim."+claim)
}

func (s *Service) facts(r *http.Request, o opened) []ui.Fact {
	ctx := r.Context()
	locale, zone := kernel.LocaleOf(ctx), kernel.TenantOf(ctx).Location()
	facts := []ui.Fact{
		{Key: s.t(r, "casework.assignee"), Value: s.assigneeName(r, o)},
		{Key: s.t(r, "casework.submitted"), Value: ui.DateTime(locale, zone, o.SubmittedAt)},
	}
	if !o.Final {
		facts = append(facts, ui.Fact{Key: s.t(r, "casework.waiting"), Value: s.waited(r, s.Clock.Now().Sub(o.rec.EnteredAt))})
	}
	if !o.DueAt.IsZero() {
		facts = append(facts, ui.Fact{Key: s.t(r, "casework.due"), Value: ui.Date(locale, zone, o.DueAt)})
	}
	facts = append(facts, ui.Fact{Key: s.t(r, "casework.locale"), Value: s.t(r, "casework.locale."+o.Locale)},
		ui.Fact{Key: s.t(r, "casework.definition"), Value: o.def.Slug + " " + o.WorkflowHash[:min(12, len(o.WorkflowHash))]})
	return facts
}

// assigneeName finds the official's name in the step with which they took the case.
func (s *Service) assigneeName(r *http.Request, o opened) string {
	if o.Assignee != "" && o.Assignee != kernel.PrincipalOf(r.Context()).Person {
		for _, e := range slices.Backward(o.rec.Events) {
			if e.Actor == o.Assignee && e.ActorName != "" {
				return e.ActorName
			}
		}
	}
	return s.assignedTo(r, o.Assignee, kernel.PrincipalOf(r.Context()).Person)
}

// answers is what the applicant told us, in the order it was asked.
func answers(locale string, o opened) []ui.SummaryRow {
	var rows []ui.SummaryRow
	form := o.def.ApplicationForm()
	if form == nil {
		return nil
	}
	for _, name := range form.FieldNames() {
		if _, ok := o.Case.Answers[name]; !ok {
			continue
		}
		if v := o.def.Answer(locale, name, o.Case.Answers); v != "" {
			rows = append(rows, ui.SummaryRow{Key: o.def.Text(locale, "field."+name+".label"), Value: v, Verified: o.def.Field(name).Verified})
		}
	}
	return rows
}

// history is newest first. Work on the draft is left out: the agency's business begins with the submission.
func (s *Service) history(r *http.Request, o opened) []ui.Moment {
	locale := kernel.LocaleOf(r.Context())
	var out []ui.Moment
	for i, e := range slices.Backward(o.History) {
		if e.To == o.def.Initial() {
			continue
		}
		m := ui.Moment{At: e.At, Title: s.past(r, o.def, e.Action), Actor: e.ActorName, Now: i == len(o.History)-1}
		if e.ActorKind == kernel.System {
			m.Actor = s.t(r, "casework.system")
		}
		if e.Action == ActionDocumentIssued {
			m.Facts = []ui.Fact{{Key: s.t(r, "casework.document-number"), Value: typed(e.Input["number"])}}
		}
		if e.From != o.def.Initial() { // what was said in the application stands under the answers
			for _, f := range o.def.Fields {
				if _, ok := e.Input[f.Name]; ok {
					m.Facts = append(m.Facts, ui.Fact{Key: o.def.Text(locale, "field."+f.Name+".label"), Value: o.def.Answer(locale, f.Name, e.Input)})
				}
			}
		}
		if len(m.Facts) == 1 && e.Action != ActionDocumentIssued {
			m.Body, m.Facts = m.Facts[0].Value, nil
		}
		if st := o.def.State(e.To); st != nil && st.Final {
			m.Tone = tone(st)
		}
		out = append(out, m)
	}
	return out
}

func (s *Service) past(r *http.Request, d *workflows.Definition, action string) string {
	locale := kernel.LocaleOf(r.Context())
	switch key := "action." + action; {
	case action == ActionDocumentIssued:
		return s.t(r, "casework.event.document-issued")
	case d.HasText(key + ".past"):
		return d.Text(locale, key+".past")
	default:
		return d.Text(locale, key)
	}
}

var documentTones = map[string]string{"valid": ui.Success, "revoked": ui.Danger, "superseded": ui.Neutral}

// documentRows lists what was issued. For a registrar of the agency the link leads to the document's page, where it can be
// issued again and revoked; for anybody else to the public check.
func (s *Service) documentRows(r *http.Request, o opened) []ui.DocumentRow {
	var out []ui.DocumentRow
	who := kernel.PrincipalOf(r.Context())
	own := who.Kind == kernel.Staff && who.Has(o.Agency, "registrar")
	for _, d := range o.documents {
		row := ui.DocumentRow{Title: d.Title, Number: d.Number, IssuedAt: d.IssuedAt, Pending: d.State == "pending", Href: "/verify/" + d.Number}
		if own {
			row.Href, row.Page = "/staff/documents/"+string(d.ID), true // a page, even while the file is being made
		}
		if tone, ok := documentTones[d.State]; ok {
			row.Tag = ui.Tag{Text: s.t(r, "casework.document."+d.State), Tone: tone}
		}
		out = append(out, row)
	}
	return out
}

var effectTones = map[string]string{"waiting": ui.Neutral, "running": ui.Info, "done": ui.Success, "dead": ui.Danger}

func (s *Service) effectRows(r *http.Request, o opened) (rows []effectRow, dead int) {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	for _, e := range slices.Backward(o.effects) {
		row := effectRow{Title: e.Event, Tag: ui.Tag{Text: s.t(r, "casework.effect-state."+e.State), Tone: effectTones[e.State]}}
		if s.Texts.Has("casework.effect." + e.Event) {
			row.Title = s.t(r, "casework.effect."+e.Event)
		}
		switch e.State {
		case "done":
			row.Note = ui.DateTime(locale, zone, e.DoneAt)
		case "dead":
			dead++
			row.Note = s.t(r, "casework.effect-failed", "n", e.Attempt, "error", e.LastError)
			row.Retry = casePath(o.ID) + "/effects/" + e.ID + "/retry"
		default:
			row.Note = s.t(r, "casework.effect-due", "date", ui.DateTime(locale, zone, e.Due))
		}
		rows = append(rows, row)
	}
	return rows, dead
}

// conflictView is the data of ui/conflict.html: what is in force now, and what was typed, so that nothing is lost.
type conflictView struct {
	Path, Label string
	Tag         ui.Tag
	Last        []ui.Moment
	Typed       []ui.SummaryRow
}

func (s *Service) showConflict(w http.ResponseWriter, r *http.Request, o opened, a attempt) error {
	locale := kernel.LocaleOf(r.Context())
	act := o.def.Action(a.action)
	v := conflictView{Path: casePath(o.ID), Label: o.def.Text(locale, "action."+a.action),
		Tag:  ui.Tag{Text: o.def.Text(locale, "state."+o.State+".staff"), Tone: tone(o.def.State(o.State))},
		Last: s.history(r, o)[:1]}
	if form := o.def.Form(act.Form); form != nil {
		for _, name := range form.FieldNames() {
			if text := typed(a.input[name]); text != "" {
				if options := o.def.Field(name).Options; slices.Contains(options, text) {
					text = o.def.Text(locale, "field."+name+".option."+text)
				}
				v.Typed = append(v.Typed, ui.SummaryRow{Key: o.def.Text(locale, "field."+name+".label"), Value: text})
			}
		}
	}
	return s.Shell.Render(w, r, s.views, "conflict", ui.View{
		Status: http.StatusConflict, Title: s.t(r, "casework.conflict.title"), Lead: o.Number, Data: v, Active: "queue", Back: casePath(o.ID),
	})
}
