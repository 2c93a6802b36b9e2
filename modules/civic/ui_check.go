package civic

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// checkView is the data of ui/check.html.
type checkView struct {
	Problems []ui.Problem
	Rows     []ui.SummaryRow
	Declare  *ui.Field
	Path     string
	Version  int
	Button   string
	Agency   string
	Later    string
}

// checkPage shows all answers before sending. It asks for a sign-in as strong and fresh as sending needs first, so
// that the form below it does not fail for that.
func (s *Service) checkPage(w http.ResponseWriter, r *http.Request) error {
	a, err := s.draft(r)
	if err != nil {
		return gone(w, r, a, err)
	}
	if open := s.firstOpen(a); open != "check" {
		http.Redirect(w, r, applyPath(a.Case)+"/"+open, http.StatusSeeOther)
		return nil
	}
	send := sendAction(a.def)
	if send == nil {
		return kernel.NotThere("sending")
	}
	if err := s.strong(r, send.Requirement); err != nil {
		return err
	}
	return s.showCheck(w, r, a, nil)
}

func (s *Service) showCheck(w http.ResponseWriter, r *http.Request, a application, problem error) error {
	ctx := r.Context()
	locale, send := kernel.LocaleOf(ctx), sendAction(a.def)
	v := checkView{Rows: s.rows(locale, a), Path: applyPath(a.Case) + "/submit", Version: a.Version, Button: a.def.Text(locale, "action."+send.Name), Later: "/cases"}
	wrong := s.Texts.FieldErrors(locale, problem)
	if send.Declare {
		v.Declare = &ui.Field{Kind: "checkbox", Name: workflows.Declaration, Required: true, Label: a.def.Text(locale, "action."+send.Name+".declare"), Error: wrong[workflows.Declaration]}
	}
	view := ui.View{Title: s.t(r, "civic.check.title"), Lead: s.t(r, "civic.check.lead"), Active: "services", Back: s.lastPage(a)}
	if asksNothing(a.def) { // there are no answers to check, and no application: the page says what it is
		page := "page." + a.def.ApplicationForm().Pages[0].Name
		view.Title, view.Lead, view.Back = a.def.Text(locale, page), "", appPath(a.def)
		if a.def.HasText(page + ".hint") {
			view.Lead = a.def.Text(locale, page+".hint")
		}
	} else if agency, ok := s.Directory.Agency(kernel.TenantOf(ctx).ID, a.Agency); ok {
		v.Agency = agency.Name.In(locale)
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.checkProblems(locale, v, wrong, problem)
	}
	view.Data = v
	view.Task = true
	return s.Shell.Render(w, r, s.views, "check", view)
}

func (s *Service) checkProblems(locale string, v checkView, wrong map[string]string, problem error) []ui.Problem {
	if len(wrong) == 0 {
		return []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	var fields []ui.Field
	if v.Declare != nil {
		fields = append(fields, *v.Declare)
	}
	_, problems := ui.WithErrors(fields, wrong)
	return problems
}

// rows are all answers in the order they were asked, each with the way back to its page.
func (s *Service) rows(locale string, a application) []ui.SummaryRow {
	var out []ui.SummaryRow
	form := a.def.ApplicationForm()
	for i := range form.Pages {
		p := &form.Pages[i]
		for _, name := range a.def.Shown(a.snap, p, s.Clock.Now()) {
			f := a.def.Field(name)
			row := ui.SummaryRow{Key: a.def.Text(locale, "field."+name+".label"), Value: a.def.Answer(locale, name, a.Case.Answers), Verified: f.Verified}
			if row.Value == "" {
				row.Value = "–"
			}
			if !f.Verified {
				row.Change = applyPath(a.Case) + "/" + p.Name + "?return=check"
			}
			out = append(out, row)
		}
	}
	return out
}

func (s *Service) lastPage(a application) string {
	for _, p := range slices.Backward(a.def.ApplicationForm().Pages) {
		if len(a.def.Shown(a.snap, &p, s.Clock.Now())) > 0 {
			return applyPath(a.Case) + "/" + p.Name
		}
	}
	return appPath(a.def)
}

// postSubmit sends the application, once per form.
func (s *Service) postSubmit(w http.ResponseWriter, r *http.Request) error {
	a, err := s.draft(r)
	if errors.Is(err, errSent) { // sent from this form or another one: what the person wanted has happened
		http.Redirect(w, r, applyPath(a.Case)+"/done", http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	send := sendAction(a.def)
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil || send == nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	input := map[string]any{}
	if send.Declare && r.PostFormValue(workflows.Declaration) == "true" {
		input[workflows.Declaration] = true
	}
	_, err = s.act(r.Context(), kernel.Act{Case: a.ID, Version: version, Action: send.Name, Input: input})
	switch kernel.KindOf(err) {
	case kernel.StepUp:
		http.Redirect(w, r, applyPath(a.Case)+"/check", http.StatusSeeOther)
		return nil
	case kernel.Invalid, kernel.Conflict:
		return s.showCheck(w, r, a, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, applyPath(a.Case)+"/done", http.StatusSeeOther)
	return nil
}

// doneView is the data of ui/done.html.
type doneView struct {
	Panel ui.Panel
	Next  string
	Due   string
	Case  string
	Label string // of the way to the case, where it is no application
}

func (s *Service) donePage(w http.ResponseWriter, r *http.Request) error {
	a, err := s.draft(r)
	if err == nil {
		http.Redirect(w, r, applyPath(a.Case), http.StatusSeeOther)
		return nil
	}
	if !errors.Is(err, errSent) {
		return err
	}
	if a.def.PaidAction(a.State) != "" { // it is not done before it is paid, and the case says how
		http.Redirect(w, r, "/cases/"+string(a.ID), http.StatusSeeOther)
		return nil
	}
	ctx := r.Context()
	locale := kernel.LocaleOf(ctx)
	v := doneView{Case: "/cases/" + string(a.ID), Next: a.def.Text(locale, "state."+a.State+".next"),
		Panel: ui.Panel{Title: s.t(r, "civic.done.title"), Reference: a.Number, Body: s.t(r, "civic.done.body")}}
	if !a.DueAt.IsZero() {
		v.Due = ui.Date(locale, kernel.TenantOf(ctx).Location(), a.DueAt)
	}
	if asksNothing(a.def) {
		v.Panel.Title, v.Label = a.def.Text(locale, "state."+a.State), a.def.Text(locale, "title")
	}
	return s.Shell.Render(w, r, s.views, "done", ui.View{Title: v.Panel.Title, Data: v, Active: "cases"})
}

var kinds = map[string]string{
	workflows.TypeTextarea: "textarea", workflows.TypeChoice: "radio", workflows.TypeMulti: "checkbox", workflows.TypeDate: "date",
	workflows.TypeInteger: "number", workflows.TypeBoolean: "checkbox", workflows.TypeEmail: "email",
}

var autocompletes = map[string]string{workflows.TypeEmail: "email"}

// question turns a declared field into the block that asks for it. More than seven options become a drop-down.
func question(locale string, d *workflows.Definition, f *workflows.Field, answers map[string]any) ui.Field {
	key := "field." + f.Name
	q := ui.Field{Name: f.Name, Label: d.Text(locale, key+".label"), Kind: kinds[f.Type], Required: f.Required, MaxLength: f.MaxLength,
		Verified: f.Verified, Autocomplete: autocompletes[f.Type], Value: typed(answers[f.Name])}
	if d.HasText(key + ".hint") {
		q.Hint = d.Text(locale, key+".hint")
	}
	if f.Verified {
		q.Kind, q.Value = "", d.Answer(locale, f.Name, answers)
		return q
	}
	if f.Min != nil {
		q.Min = strconv.FormatInt(*f.Min, 10)
	}
	if f.Max != nil {
		q.Max = strconv.FormatInt(*f.Max, 10)
	}
	if f.Type == workflows.TypeChoice && len(f.Options) > 7 {
		q.Kind = "select"
	}
	for _, o := range f.Options {
		option := ui.Option{Value: o, Label: d.Text(locale, key+".option."+o), Selected: chosen(answers[f.Name], o)}
		if hint := key + ".option." + o + ".hint"; d.HasText(hint) {
			option.Hint = d.Text(locale, hint)
		}
		q.Options = append(q.Options, option)
	}
	return q
}

func chosen(v any, option string) bool {
	switch v := v.(type) {
	case []string:
		return slices.Contains(v, option)
	case []any:
		return slices.Contains(v, any(option))
	}
	return v == option
}

// typed is an answer as it is written into a control.
func typed(v any) string {
	switch v := v.(type) {
	case nil, []string, []any:
		return ""
	case string:
		return v
	case float64: // an integer that came through JSON
		return strconv.FormatInt(int64(v), 10)
	default:
		return fmt.Sprint(v)
	}
}
