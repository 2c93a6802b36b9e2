package medical

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// visitView is the data of ui/day-visit.html.
type visitView struct {
	Number    string
	Tag       ui.Tag
	Problems  []ui.Problem
	Notices   []ui.Notice
	Reason    string
	Quick     []visitForm
	Links     []ui.Link
	Forms     []visitForm
	Documents []ui.DocumentRow
	Patient   []ui.Fact
	Facts     []ui.Fact
	History   string
}

// visitForm is one action that is possible now.
type visitForm struct {
	Name, Path, Label, Hint, Preview, Tone string
	Version                                int
	Fields                                 []ui.Field
	Open                                   bool
}

// tried is an action that has just failed, with what was typed.
type tried struct {
	action  string
	input   map[string]any
	problem error
}

func (s *Service) visitPage(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Visit(r.Context(), facilityOf(r), kernel.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return s.showVisit(w, r, v, tried{})
}

func (s *Service) showVisit(w http.ResponseWriter, r *http.Request, v visit, failed tried) error {
	locale := kernel.LocaleOf(r.Context())
	view := visitView{Number: v.Number, Tag: s.visitTag(r, v.dayEntry), Reason: v.Reason, Patient: s.patientFacts(r, v.dayEntry),
		Facts: s.visitFacts(r, v.dayEntry), Documents: s.visitPapers(r, v), History: "/staff/cases/" + string(v.Case)}
	if def := s.definitionOf(v.Service); def != nil {
		s.visitActions(r, def, v, failed, &view)
	}
	page := ui.View{Title: v.Patient, Lead: s.visitMoment(r, v.dayEntry) + " · " + v.Visit.In(locale), Data: view, Active: "clinics", Wide: true,
		Back: dayQuery{Facility: v.Facility}.path(v.StartsAt.In(v.Zone).Format(time.DateOnly))}
	if v.StartsAt.IsZero() {
		page.Lead, page.Back = v.Visit.In(locale), clinicPath(v.Facility)+"/day"
	}
	if failed.problem != nil {
		page.Status = web.Status(kernel.KindOf(failed.problem))
		if len(view.Problems) == 0 {
			view.Problems = []ui.Problem{{Text: s.Texts.Error(locale, failed.problem)}}
			page.Data = view
		}
	}
	return s.Staff.Render(w, r, s.views, "day-visit", page)
}

// visitMoment is the day and the time of an appointment by the clock of its place.
func (s *Service) visitMoment(r *http.Request, e dayEntry) string {
	locale := kernel.LocaleOf(r.Context())
	day, sep := ui.Date(locale, e.Zone, e.StartsAt), ", "
	if locale == "zh" {
		sep = " "
	}
	return day + sep + ui.Clock(e.Zone, e.StartsAt) + "–" + ui.Clock(e.Zone, e.EndsAt)
}

func (s *Service) patientFacts(r *http.Request, e dayEntry) []ui.Fact {
	locale := kernel.LocaleOf(r.Context())
	out := []ui.Fact{{Key: s.d(r, "name"), Value: e.Patient}}
	if e.Birthdate != "" {
		out = append(out, ui.Fact{Key: s.d(r, "birthdate"), Value: ui.Day(locale, e.Birthdate)})
	}
	out = append(out, ui.Fact{Key: s.d(r, "booked-by"), Value: s.d(r, "for."+e.ForWhom)})
	return append(out, ui.Fact{Key: s.d(r, "language"), Value: s.d(r, "language."+e.Locale)})
}

func (s *Service) visitFacts(r *http.Request, e dayEntry) []ui.Fact {
	locale := kernel.LocaleOf(r.Context())
	var out []ui.Fact
	add := func(key, value string) {
		if value != "" {
			out = append(out, ui.Fact{Key: s.d(r, key), Value: value})
		}
	}
	if !e.StartsAt.IsZero() {
		add("time", s.visitMoment(r, e))
	}
	add("visit", e.Visit.In(locale))
	add("practitioner", e.With)
	add("place", e.At.In(locale))
	if !e.CheckedInAt.IsZero() {
		add("checked-in-at", ui.DateTime(locale, e.Zone, e.CheckedInAt))
	}
	return append(out, ui.Fact{Key: s.d(r, "number"), Value: e.Number, Code: true})
}

var paperTones = map[string]string{"valid": ui.Success, "revoked": ui.Danger, "superseded": ui.Neutral}

// visitPapers leads to a document's page for who may print it, and to the public check for others.
func (s *Service) visitPapers(r *http.Request, v visit) []ui.DocumentRow {
	var out []ui.DocumentRow
	for _, d := range v.Documents {
		row := ui.DocumentRow{Title: d.Title, Number: d.Number, IssuedAt: d.IssuedAt, Pending: d.State == "pending", Href: "/verify/" + d.Number, Page: d.State != "pending"}
		if kernel.PrincipalOf(r.Context()).Has(v.Facility, "registrar") {
			row.Href, row.Page = "/staff/documents/"+string(d.ID), true
		}
		if tone, ok := paperTones[d.State]; ok {
			row.Tag = ui.Tag{Text: s.d(r, "document."+d.State), Tone: tone}
		}
		out = append(out, row)
	}
	return out
}

// visitActions sorts what can be done: at once, on a page of its own, or with questions.
func (s *Service) visitActions(r *http.Request, def *workflows.Definition, v visit, failed tried, view *visitView) {
	locale := kernel.LocaleOf(r.Context())
	base := clinicPath(v.Facility)
	one := "?case=" + string(v.Case)
	for _, name := range v.Actions {
		act := def.Action(name)
		if act == nil || !slices.ContainsFunc(act.By, func(by string) bool { return by != workflows.ByApplicant && by != workflows.BySystem }) {
			continue
		}
		label := def.Text(locale, "action."+name)
		switch {
		case name == "move":
			view.Links = append(view.Links, ui.Link{Label: label, Href: base + "/move" + one})
		case name == "call-off":
			view.Links = append(view.Links, ui.Link{Label: label, Href: base + "/call-off" + one})
		case name == "miss":
			if v.late(v.Now) {
				view.Links = append(view.Links, ui.Link{Label: label, Href: visitPath(v.Facility, v.Case) + "/miss"})
			}
		case act.Through != "":
		case act.Form == "":
			view.Quick = append(view.Quick, visitForm{Name: name, Path: visitPath(v.Facility, v.Case) + "/" + name, Label: label, Version: v.Version, Tone: "primary"})
		default:
			view.Forms = append(view.Forms, s.visitForm(r, def, v, act, failed, view))
		}
	}
}

func (s *Service) visitForm(r *http.Request, def *workflows.Definition, v visit, act *workflows.Action, failed tried, view *visitView) visitForm {
	locale := kernel.LocaleOf(r.Context())
	f := visitForm{Name: act.Name, Path: visitPath(v.Facility, v.Case) + "/" + act.Name, Label: def.Text(locale, "action."+act.Name), Version: v.Version, Open: failed.action == act.Name}
	if key := "action." + act.Name + ".hint"; def.HasText(key) {
		f.Hint = def.Text(locale, key)
	}
	if act.Preview != "" {
		f.Preview = "/staff/cases/" + string(v.Case) + "/preview.pdf?action=" + act.Name
	}
	known := s.prefilled(r, v)
	for _, name := range def.Form(act.Form).FieldNames() {
		value := known[name]
		if f.Open {
			value, _ = failed.input[name].(string)
		}
		f.Fields = append(f.Fields, visitQuestion(locale, def, def.Field(name), act.Name, value))
	}
	if f.Open {
		wrong := map[string]string{}
		for name, text := range s.Texts.FieldErrors(locale, failed.problem) {
			wrong[name] = text
		}
		f.Fields, view.Problems = ui.WithErrors(f.Fields, wrong)
	}
	return f
}

// prefilled is what the clinic knows already and need not be typed.
func (s *Service) prefilled(r *http.Request, v visit) map[string]string {
	now := v.Now.In(v.Zone)
	out := map[string]string{
		"unfit_from": now.Format(time.DateOnly), "certified_by": v.With, "given_on": now.Format(time.DateOnly),
		"present_on": now.Format(time.DateOnly), "present_until": now.Format("15:04"), "dose_number": "1",
	}
	if out["certified_by"] == "" {
		out["certified_by"] = kernel.PrincipalOf(r.Context()).Name
	}
	if !v.CheckedInAt.IsZero() {
		out["present_from"] = v.CheckedInAt.In(v.Zone).Format("15:04")
	}
	return out
}

var questionKinds = map[string]string{workflows.TypeTextarea: "textarea", workflows.TypeChoice: "radio", workflows.TypeDate: "date",
	workflows.TypeInteger: "number", workflows.TypeBoolean: "checkbox", workflows.TypeEmail: "email"}

func visitQuestion(locale string, d *workflows.Definition, f *workflows.Field, action, value string) ui.Field {
	key := "field." + f.Name
	q := ui.Field{Name: f.Name, Label: d.Text(locale, key+".label"), Kind: questionKinds[f.Type], Required: f.Required, MaxLength: f.MaxLength, Value: value}
	if d.HasText(key + ".hint") {
		q.Hint = d.Text(locale, key+".hint")
	}
	for _, o := range f.Options {
		q.Options = append(q.Options, ui.Option{Value: o, Label: d.Text(locale, key+".option."+o)})
	}
	return q
}

// postVisit takes one step with an appointment.
func (s *Service) postVisit(w http.ResponseWriter, r *http.Request) error {
	f, id, action := facilityOf(r), kernel.CaseID(r.PathValue("id")), r.PathValue("action")
	version, err := strconv.Atoi(r.PostFormValue("version"))
	if err != nil {
		version = 0 // from the day sheet, where the state alone decides
	}
	input := typedIn(r, s.definitionsWith(action), action)
	_, err = s.Do(r.Context(), deed{Facility: f, Case: id, Version: version, Action: action, Input: input})
	switch {
	case err == nil && r.PostForm.Has("back"):
		q, _ := url.ParseQuery(r.PostFormValue("back"))
		return s.toSheet(w, r, dayQueryOf(r, q), id)
	case err == nil:
		http.Redirect(w, r, visitPath(f, id), http.StatusSeeOther)
		return nil
	case !showable(err):
		return err
	}
	v, shown := s.Visit(r.Context(), f, id)
	if shown != nil {
		return errors.Join(shown, err)
	}
	return s.showVisit(w, r, v, tried{action: action, input: input, problem: err})
}

// definitionsWith are the sector's workflows that have an action of that name.
func (s *Service) definitionsWith(action string) (all []*workflows.Definition) {
	for _, d := range s.Library.All() {
		if d.Sector == Sector && d.Action(action) != nil {
			all = append(all, d)
		}
	}
	return all
}

// typedIn reads the fields the action asks in any of the sector's workflows; what the case's own does not ask is left out
// by it.
func typedIn(r *http.Request, defs []*workflows.Definition, action string) map[string]any {
	input := map[string]any{}
	for _, d := range defs {
		if form := d.Form(d.Action(action).Form); form != nil {
			for _, name := range form.FieldNames() {
				if r.PostForm.Has(name) {
					input[name] = r.PostForm.Get(name)
				}
			}
		}
	}
	if len(input) == 0 {
		return nil
	}
	return input
}

// missPage asks once more before somebody is put down as not having come: that ends the appointment.
func (s *Service) missPage(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Visit(r.Context(), facilityOf(r), kernel.CaseID(r.PathValue("id")))
	if err != nil {
		return err
	}
	if !v.late(v.Now) {
		http.Redirect(w, r, visitPath(v.Facility, v.Case), http.StatusSeeOther)
		return nil
	}
	return s.showMiss(w, r, v)
}

func (s *Service) showMiss(w http.ResponseWriter, r *http.Request, v visit) error {
	path := visitPath(v.Facility, v.Case)
	data := struct {
		Problems          []ui.Problem
		Warning           ui.Notice
		Facts             []ui.Fact
		Path, Label, Back string
		Version           int
	}{Warning: ui.Notice{Tone: ui.Warning, Body: s.d(r, "miss-warning")}, Facts: append(s.patientFacts(r, v.dayEntry)[:1], s.visitFacts(r, v.dayEntry)...),
		Path: path + "/miss", Label: s.d(r, "miss"), Back: path, Version: v.Version}
	return s.Staff.Render(w, r, s.views, "day-confirm", ui.View{Title: s.d(r, "miss-title"), Back: path, Data: data, Active: "clinics"})
}
