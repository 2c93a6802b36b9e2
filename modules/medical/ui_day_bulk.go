package medical

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// walkInView is the data of ui/day-walk-in.html.
type walkInView struct {
	Problems    []ui.Problem
	Path        string
	Pick        *ui.Field // first: which visit
	Visit, Code string
	Fields      []ui.Field
}

func (s *Service) walkInPage(w http.ResponseWriter, r *http.Request) error {
	return s.walkInForm(w, r, r.URL.Query().Get("visit"), nil)
}

func (s *Service) walkInForm(w http.ResponseWriter, r *http.Request, visitType string, problem error) error {
	c, err := s.WalkInChoices(r.Context(), facilityOf(r), visitType)
	if err != nil {
		return errors.Join(err, problem)
	}
	return s.showWalkIn(w, r, c, visitType, problem)
}

func (s *Service) showWalkIn(w http.ResponseWriter, r *http.Request, c walkInChoices, visitType string, problem error) error {
	locale, f := kernel.LocaleOf(r.Context()), facilityOf(r)
	v := walkInView{Path: clinicPath(f) + "/walk-in", Code: visitType}
	pick := ui.Field{Name: "visit", Label: s.d(r, "walk-in.visit"), Kind: "radio", Required: true}
	for _, one := range c.Visits {
		pick.Options = append(pick.Options, ui.Option{Value: one.Code, Label: one.Name.In(locale), Hint: s.d(r, "minutes", "n", one.Minutes)})
		if one.Code == visitType {
			v.Visit = one.Name.In(locale)
		}
	}
	if v.Visit == "" {
		v.Pick, v.Code = &pick, ""
	} else {
		v.Fields = s.walkInFields(r, c)
	}
	view := ui.View{Title: s.d(r, "walk-in.title"), Lead: s.d(r, "walk-in.lead"), Back: clinicPath(f) + "/day", Active: "clinics"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Fields, v.Problems = ui.WithErrors(v.Fields, s.Texts.FieldErrors(locale, problem))
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "day-walk-in", view)
}

// now is the choice of no planned time.
const walkInNow = "now"

func (s *Service) walkInFields(r *http.Request, c walkInChoices) []ui.Field {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	posted := func(name, otherwise string) string { return cmp.Or(r.PostForm.Get(name), otherwise) }
	when := ui.Field{Name: "slot", Label: s.d(r, "walk-in.when"), Kind: "radio", Required: true, Value: posted("slot", walkInNow),
		Options: []ui.Option{{Value: walkInNow, Label: s.d(r, "walk-in.now"), Hint: s.d(r, "walk-in.now-hint")}}}
	if len(c.Places) > 0 {
		zone = c.Places[0].Location()
	}
	for _, free := range c.Free {
		when.Options = append(when.Options, ui.Option{Value: free.ID, Label: ui.DateTime(locale, zone, free.StartsAt), Hint: free.Place})
	}
	fields := []ui.Field{
		{Name: "patient_name", Label: s.d(r, "walk-in.name"), Required: true, MaxLength: 200, Autocomplete: "off", Value: posted("patient_name", "")},
		{Name: "patient_birthdate", Label: s.d(r, "birthdate"), Kind: "date", Required: true, Value: posted("patient_birthdate", "")},
		when,
	}
	with := ui.Field{Name: "practitioner", Label: s.d(r, "practitioner"), Hint: s.d(r, "walk-in.practitioner-hint"), Kind: "select", Plain: true, Value: posted("practitioner", ""),
		Options: []ui.Option{{Label: s.d(r, "walk-in.anybody")}}}
	for _, p := range c.Practitioners {
		with.Options = append(with.Options, ui.Option{Value: string(p.ID), Label: p.Name})
	}
	fields = append(fields, with)
	if len(c.Places) > 1 {
		at := ui.Field{Name: "place", Label: s.d(r, "place"), Kind: "select", Plain: true, Value: posted("place", "")}
		for _, p := range c.Places {
			at.Options = append(at.Options, ui.Option{Value: string(p.ID), Label: p.Name.In(locale)})
		}
		fields = append(fields, at)
	}
	language := ui.Field{Name: "locale", Label: s.d(r, "walk-in.language"), Kind: "select", Plain: true, Value: posted("locale", locale)}
	for _, l := range kernel.Locales {
		language.Options = append(language.Options, ui.Option{Value: l, Label: s.d(r, "language."+l)})
	}
	return append(fields, language)
}

func (s *Service) postWalkIn(w http.ResponseWriter, r *http.Request) error {
	f := r.PostFormValue
	in := WalkIn{Facility: facilityOf(r), VisitType: f("visit"), Name: f("patient_name"), Birthdate: f("patient_birthdate"), Locale: f("locale"),
		Slot: SlotID(strings.TrimSuffix(f("slot"), walkInNow)), Place: PlaceID(f("place")), Practitioner: PractitionerID(f("practitioner"))}
	a, err := s.Admit(r.Context(), in)
	if err != nil {
		if !showable(err) {
			return err
		}
		return s.walkInForm(w, r, in.VisitType, err)
	}
	http.Redirect(w, r, visitPath(in.Facility, a.Case), http.StatusSeeOther)
	return nil
}

// moveView is the data of ui/day-move.html.
type moveView struct {
	Problems   []ui.Problem
	Path, Back string
	Cases      []kernel.CaseID
	Target     []ui.Field
	Table      ui.Table
	Pairs      []string
}

func casesIn(v url.Values) []kernel.CaseID {
	var out []kernel.CaseID
	for _, id := range v["case"] {
		out = append(out, kernel.CaseID(id))
	}
	return out
}

// movePage shows who would go where; nothing is moved by looking.
func (s *Service) movePage(w http.ResponseWriter, r *http.Request) error {
	q, f := r.URL.Query(), facilityOf(r)
	to := moveTarget{Practitioner: PractitionerID(q.Get("practitioner")), Place: PlaceID(q.Get("place")), Day: q.Get("from")}
	all, err := s.PlanMove(r.Context(), f, casesIn(q), to)
	if err != nil && kernel.KindOf(err) != kernel.Invalid {
		return err
	}
	c, shown := s.moveChoices(r, f)
	if shown != nil {
		return shown
	}
	return s.showMove(w, r, c, all, to, err)
}

func (s *Service) moveChoices(r *http.Request, f kernel.AgencyID) (daySheet, error) {
	return s.dayFrame(r.Context(), dayQuery{Facility: f})
}

func (s *Service) showMove(w http.ResponseWriter, r *http.Request, c daySheet, all []planned, to moveTarget, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := moveView{Path: clinicPath(c.Facility) + "/move", Back: clinicPath(c.Facility) + "/day", Target: s.moveFields(r, c, to)}
	v.Table = ui.Table{Caption: s.d(r, "move.preview"), Head: []string{s.d(r, "patient"), s.d(r, "move.has"), s.d(r, "move.gets"), s.d(r, "practitioner")}}
	for _, p := range all {
		v.Cases = append(v.Cases, p.Entry.Case)
		row := []ui.Cell{{Text: p.Entry.Patient, Note: p.Entry.Visit.In(locale)}, {Text: s.visitMoment(r, p.Entry), Note: p.Entry.With}}
		if p.To == nil {
			row = append(row, ui.Cell{Tag: ui.Tag{Text: s.d(r, "move.why-"+p.Why), Tone: ui.Warning}}, ui.Cell{Text: "–"})
		} else {
			v.Pairs = append(v.Pairs, string(p.Entry.Case)+" "+string(p.Entry.Slot)+" "+string(p.To.ID))
			there := p.Entry
			there.StartsAt, there.EndsAt = p.To.StartsAt, p.To.EndsAt
			row = append(row, ui.Cell{Text: s.visitMoment(r, there), Note: textOf(p.To.AtRaw).In(locale)}, ui.Cell{Text: cmp.Or(p.To.With, "–")})
		}
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: row})
	}
	view := ui.View{Title: s.d(r, "move.title"), Lead: s.d(r, "move.lead"), Back: v.Back, Active: "clinics", Wide: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = s.wholeProblems(r, problem)
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "day-move", view)
}

// wholeProblems are the lines of an error that belongs to no field of the page.
func (s *Service) wholeProblems(r *http.Request, err error) []ui.Problem {
	locale := kernel.LocaleOf(r.Context())
	if _, out := ui.WithErrors(nil, s.Texts.FieldErrors(locale, err)); len(out) > 0 {
		return out
	}
	return []ui.Problem{{Text: s.Texts.Error(locale, err)}}
}

func (s *Service) moveFields(r *http.Request, c daySheet, to moveTarget) []ui.Field {
	c.Place, c.Practitioner = to.Place, to.Practitioner
	fields := s.dayFilter(r, c)
	day := fields[0]
	day.Name, day.Label, day.Value = "from", s.d(r, "move.from"), to.Day
	return []ui.Field{day, fields[1], fields[2]}
}

func (s *Service) postMove(w http.ResponseWriter, r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	var pairs []pair
	for _, text := range r.PostForm["pair"] {
		part := strings.Fields(text)
		if len(part) != 3 || !kernel.ValidID(part[2]) {
			return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
		}
		pairs = append(pairs, pair{Case: kernel.CaseID(part[0]), Had: SlotID(part[1]), To: SlotID(part[2])})
	}
	all, err := s.MoveAll(r.Context(), facilityOf(r), pairs)
	if err != nil {
		return err
	}
	return s.showResults(w, r, "move", all)
}

// resultsView is the data of ui/day-results.html.
type resultsView struct {
	Notice ui.Notice
	Table  ui.Table
	Back   string
}

// showResults says what became of each patient; those for whom it did not work are listed with the reason.
func (s *Service) showResults(w http.ResponseWriter, r *http.Request, what string, all []outcome) error {
	locale := kernel.LocaleOf(r.Context())
	n := done(all)
	v := resultsView{Notice: ui.Notice{Tone: ui.Success, Title: s.d(r, what+".done", "n", n), Body: s.d(r, what+".told")}, Back: clinicPath(facilityOf(r)) + "/day"}
	v.Table = ui.Table{Caption: s.d(r, "results.failed"), Visible: true, Head: []string{s.d(r, "patient"), s.d(r, "results.why")}}
	if n < len(all) {
		v.Notice = ui.Notice{Tone: ui.Warning, Title: s.d(r, "results.some", "n", n, "of", len(all)), Body: s.d(r, "results.some-body")}
	}
	for _, o := range all {
		if o.Err != nil {
			v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{{Text: cmp.Or(o.Entry.Patient, "–"), Href: visitPath(facilityOf(r), o.Case)}, {Text: s.Texts.Error(locale, o.Err)}}})
		}
	}
	return s.Staff.Render(w, r, s.views, "day-results", ui.View{Title: s.d(r, what+".title"), Data: v, Active: "clinics", Wide: true})
}

// callOffView is the data of ui/day-call-off.html.
type callOffView struct {
	Problems   []ui.Problem
	Path, Back string
	Cases      []kernel.CaseID
	Table      ui.Table
	Reason     ui.Field
}

func (s *Service) callOffPage(w http.ResponseWriter, r *http.Request) error {
	return s.callOffForm(w, r, casesIn(r.URL.Query()), "", nil)
}

func (s *Service) callOffForm(w http.ResponseWriter, r *http.Request, ids []kernel.CaseID, reason string, problem error) error {
	all, err := s.Chosen(r.Context(), facilityOf(r), ids)
	if err != nil {
		if kernel.KindOf(err) != kernel.Invalid {
			return err
		}
		problem = err
	}
	return s.showCallOff(w, r, all, reason, problem)
}

func (s *Service) showCallOff(w http.ResponseWriter, r *http.Request, all []dayEntry, reason string, problem error) error {
	locale, f := kernel.LocaleOf(r.Context()), facilityOf(r)
	v := callOffView{Path: clinicPath(f) + "/call-off", Back: clinicPath(f) + "/day",
		Reason: ui.Field{Name: "call_off_reason", Label: s.d(r, "call-off.reason"), Hint: s.d(r, "call-off.reason-hint"), Kind: "textarea", Rows: 3, Required: true, MaxLength: 500, Value: reason}}
	v.Table = ui.Table{Caption: s.d(r, "call-off.who"), Visible: true, Head: []string{s.d(r, "patient"), s.d(r, "time"), s.d(r, "visit")}}
	for _, e := range all {
		v.Cases = append(v.Cases, e.Case)
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{{Text: e.Patient}, {Text: s.visitMoment(r, e), Note: e.With}, {Text: e.Visit.In(locale)}}})
	}
	view := ui.View{Title: s.d(r, "call-off.title"), Lead: s.d(r, "call-off.lead"), Back: v.Back, Active: "clinics"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		fields, problems := ui.WithErrors([]ui.Field{v.Reason}, s.Texts.FieldErrors(locale, problem))
		v.Reason, v.Problems = fields[0], problems
		if len(problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "day-call-off", view)
}

func (s *Service) postCallOff(w http.ResponseWriter, r *http.Request) error {
	reason := r.PostFormValue("call_off_reason")
	ids := casesIn(r.PostForm)
	all, err := s.CallOffAll(r.Context(), facilityOf(r), ids, reason)
	if err != nil {
		if !showable(err) {
			return err
		}
		return s.callOffForm(w, r, ids, reason, err)
	}
	return s.showResults(w, r, "call-off", all)
}

// tasksView is the data of ui/day-tasks.html.
type tasksView struct {
	Tabs     ui.Filters
	Problems []ui.Problem
	Rows     []taskRow
	Empty    *ui.Empty
}

type taskRow struct {
	Title, Text, Patient, Href, When string
	Move, CallOff                    string
	Settle, How, SettleLabel         string
}

func (s *Service) tasksPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Tasks(r.Context(), facilityOf(r))
	if err != nil {
		return err
	}
	return s.showTasks(w, r, all)
}

func (s *Service) showTasks(w http.ResponseWriter, r *http.Request, all []task) error {
	locale, f := kernel.LocaleOf(r.Context()), facilityOf(r)
	who := kernel.PrincipalOf(r.Context())
	maySettle := who.Has(f, RoleReception) || who.Has(f, RolePlanner)
	v := tasksView{Tabs: s.clinicTabs(r, f, "tasks", len(all))}
	for _, t := range all {
		row := taskRow{Title: s.d(r, "task."+t.Kind), Text: s.d(r, "task."+t.Kind+".text")}
		if t.Entry != nil {
			row.Patient, row.Href = t.Entry.Patient, visitPath(f, t.Case)
			row.When = s.visitMoment(r, *t.Entry) + " · " + t.Entry.Visit.In(locale)
			if t.Entry.expected() {
				row.Move, row.CallOff = clinicPath(f)+"/move?case="+string(t.Case), clinicPath(f)+"/call-off?case="+string(t.Case)
			}
		}
		if maySettle {
			row.Settle, row.How, row.SettleLabel = clinicPath(f)+"/tasks/"+t.ID, "settled", s.d(r, "task.settled")
			if row.Move != "" {
				row.How, row.SettleLabel = "kept", s.d(r, "task.keep")
			}
		}
		v.Rows = append(v.Rows, row)
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.d(r, "task.none"), Body: s.d(r, "task.none-body"), Icon: "done"}
	}
	return s.Staff.Render(w, r, s.views, "day-tasks", ui.View{Title: s.d(r, "task.title"), Lead: s.clinicName(r, f), Data: v, Active: "clinics", Wide: true})
}

func (s *Service) postTask(w http.ResponseWriter, r *http.Request) error {
	if err := s.Settle(r.Context(), facilityOf(r), r.PathValue("id"), r.PostFormValue("how")); err != nil {
		return err
	}
	http.Redirect(w, r, clinicPath(facilityOf(r))+"/tasks", http.StatusSeeOther)
	return nil
}
