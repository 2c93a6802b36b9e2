package medical

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

func bookPath(slug string, c kernel.CaseID) string { return appPath(slug) + "/book/" + string(c) }

func myPath(slug string, c kernel.CaseID) string {
	return appPath(slug) + "/appointments/" + string(c)
}

// otherTimes is where another time can be chosen for the same draft.
func otherTimes(v myVisit) string {
	return search{Service: v.Service, Visit: v.VisitType, Case: v.Case}.with()
}

// factsOf say what, when, where and with whom.
func (s *Service) factsOf(locale string, v myVisit, when bool) []ui.Fact {
	facts := []ui.Fact{{Key: s.say(locale, "check.what"), Value: v.Type.Name.In(locale)}}
	if when && !v.StartsAt.IsZero() {
		facts = append(facts, ui.Fact{Key: s.say(locale, "check.when"), Value: s.span(locale, v.place.Location(), v.StartsAt, v.EndsAt)})
	}
	if v.place.ID != "" {
		facts = append(facts, ui.Fact{Key: s.say(locale, "check.where"), Value: v.place.Name.In(locale) + ", " + v.place.Address()})
	}
	if v.practitioner.Name != "" {
		facts = append(facts, ui.Fact{Key: s.say(locale, "check.who"), Value: withSpecialty(locale, v.practitioner)})
	}
	return facts
}

func withSpecialty(locale string, p Practitioner) string {
	if specialty := p.Specialty.In(locale); specialty != "" {
		return p.Name + ", " + specialty
	}
	return p.Name
}

func (s *Service) preparing(locale string, t VisitType) prepareView {
	return prepareView{Preparation: linesOf(t.Preparation.In(locale)), Bring: linesOf(t.Bring.In(locale))}
}

func linesOf(s string) (out []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// showHold asks somebody who comes from the sign-in whether this is the time: following a link holds nothing.
func (s *Service) showHold(w http.ResponseWriter, r *http.Request, q search, v myVisit) error {
	locale := kernel.LocaleOf(r.Context())
	data := holdView{Facts: s.factsOf(locale, v, true), Body: s.t(r, "hold.body", "n", int(HoldFor/time.Minute)), Action: appPath(v.Service) + "/hold",
		Button: s.t(r, "hold.button"), Other: q.with(), Hidden: append(q.pairs(), hidden{"slot", string(v.HoldSlot)})}
	return s.Citizen.Render(w, r, s.views, "citizen-hold", ui.View{Title: s.t(r, "hold.title"), Data: data, Active: "services", Task: true, Back: q.with()})
}

// held says until when the time is kept, or that it no longer is.
func (s *Service) held(locale string, v myVisit) *ui.Notice {
	zone := v.place.Location()
	at := s.momentAt(locale, zone, v.StartsAt)
	if v.HoldUntil.After(s.Clock.Now()) {
		return &ui.Notice{Tone: ui.Info, Body: s.say(locale, "held", "time", at, "until", ui.Clock(zone, v.HoldUntil))}
	}
	return &ui.Notice{Tone: ui.Warning, Title: s.say(locale, "held-over"), Body: s.say(locale, "held-over-body", "time", at)}
}

// patientQuestions asks who the appointment is for.
func (s *Service) patientQuestions(locale string, p Patient) patientFields {
	q := patientFields{
		ForWhom: ui.Field{Name: "for_whom", Kind: "radio", Label: s.say(locale, "details.title"), Required: true, Value: p.ForWhom, Options: []ui.Option{
			{Value: ForSelf, Label: s.say(locale, "details.me")}, {Value: ForChild, Label: s.say(locale, "details.child")}, {Value: ForMandate, Label: s.say(locale, "details.mandate")},
		}},
		Patient: []ui.Field{
			{Name: "patient_name", Label: s.say(locale, "details.name"), Required: true, MaxLength: 200, Value: p.Name, Autocomplete: "off"},
			{Name: "patient_birthdate", Kind: "date", Label: s.say(locale, "details.birthdate"), Required: true, Value: p.Birthdate},
		},
		Declare: ui.Field{Name: workflows.Declaration, Kind: "checkbox", Label: s.say(locale, "details.declare"), Required: true},
	}
	if q.ForWhom.Value == "" {
		q.ForWhom.Value = ForSelf
	}
	if p.Declared {
		q.Declare.Value = "true"
	}
	relation := ui.Field{Name: "relation", Kind: "select", Label: s.say(locale, "details.relation"), Required: true, Value: p.Relation}
	for _, o := range relations {
		relation.Options = append(relation.Options, ui.Option{Value: o, Label: s.say(locale, "details.relation."+o)})
	}
	q.Patient = append(q.Patient, relation)
	return q
}

// withErrors puts the errors of an answer to its field and lists them for the summary.
func (q *patientFields) withErrors(wrong map[string]string, rest []ui.Field) ([]ui.Field, []ui.Problem) {
	all := append([]ui.Field{q.ForWhom}, q.Patient...)
	n := len(all)
	all = append(append(all, q.Declare), rest...)
	all, problems := ui.WithErrors(all, wrong)
	q.ForWhom, q.Patient, q.Declare = all[0], all[1:n], all[n]
	return all[n+1:], problems
}

func (s *Service) showDetails(w http.ResponseWriter, r *http.Request, v myVisit, p Patient, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	data := detailsView{patientFields: s.patientQuestions(locale, p), Held: s.held(locale, v), Path: bookPath(v.Service, v.Case),
		Back: r.FormValue("return") == "check", Button: s.t(r, "details.continue"), Other: otherTimes(v)}
	data.Rest = []ui.Field{{Name: "reason", Kind: "textarea", Label: s.t(r, "details.reason"), Rows: 4, MaxLength: maxReason, Value: p.Reason,
		Hint: s.t(r, "details.reason-hint", "clinic", s.facilityName(r, v))}}
	view := ui.View{Title: s.t(r, "details.heading"), Active: "services", Task: true, Back: otherTimes(v)}
	if data.Back {
		view.Back = bookPath(v.Service, v.Case) + "/check"
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		data.Rest, data.Problems = data.withErrors(s.Texts.FieldErrors(locale, problem), data.Rest)
		if len(data.Problems) == 0 {
			data.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = data
	return s.Citizen.Render(w, r, s.views, "citizen-details", view)
}

// maxReason is how much may be said about the reason, in characters.
const maxReason = 1000

func (s *Service) facilityName(r *http.Request, v myVisit) string {
	if a, ok := s.Directory.Agency(kernel.TenantOf(r.Context()).ID, v.Facility); ok {
		return a.Name.In(kernel.LocaleOf(r.Context()))
	}
	return string(v.Facility)
}

func (s *Service) showCheck(w http.ResponseWriter, r *http.Request, v myVisit, reason string, version int, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	data := checkView{Held: s.held(locale, v), Rows: s.checkRows(locale, v, reason), Prepare: s.preparing(locale, v.Type), Rules: s.rules(locale, v),
		Path: bookPath(v.Service, v.Case) + "/confirm", Version: version, Button: s.t(r, "check.button")}
	view := ui.View{Title: s.t(r, "check.title"), Active: "services", Task: true, Back: bookPath(v.Service, v.Case)}
	if v.State == StateOffered {
		data.Pass, data.Button, view.Back = myPath(v.Service, v.Case)+"/pass", s.t(r, "offer.accept"), myPath(v.Service, v.Case)
	} else {
		data.Other = otherTimes(v)
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		data.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	view.Data = data
	return s.Citizen.Render(w, r, s.views, "citizen-check", view)
}

// checkRows are what will be booked, each with the way to change it.
func (s *Service) checkRows(locale string, v myVisit, reason string) []ui.SummaryRow {
	var rows []ui.SummaryRow
	details, times := bookPath(v.Service, v.Case)+"?return=check", otherTimes(v)
	if v.State == StateOffered {
		details, times = "", ""
	}
	for i, f := range s.factsOf(locale, v, true) {
		row := ui.SummaryRow{Key: f.Key, Value: f.Value}
		if i == 1 { // the time; it decides the rest
			row.Change = times
		}
		rows = append(rows, row)
	}
	patient := v.Patient
	if v.Birthdate != "" {
		patient += "\n" + ui.Day(locale, v.Birthdate)
	}
	if reason == "" {
		reason = s.say(locale, "check.no-reason")
	}
	return append(rows, ui.SummaryRow{Key: s.say(locale, "check.patient"), Value: patient, Change: details},
		ui.SummaryRow{Key: s.say(locale, "details.reason"), Value: reason, Change: details})
}

func (s *Service) rules(locale string, v myVisit) []string {
	rules := []string{s.say(locale, "check.rule")}
	if v.Type.CancelHours > 0 {
		rules[0] = s.say(locale, "check.rule-hours", "n", v.Type.CancelHours)
	}
	if v.Type.Level > kernel.Low {
		rules = append(rules, s.say(locale, "check.level"))
	}
	return rules
}

func (s *Service) showDone(w http.ResponseWriter, r *http.Request, v myVisit) error {
	locale := kernel.LocaleOf(r.Context())
	path := myPath(v.Service, v.Case)
	data := doneView{
		Panel: ui.Panel{Title: s.t(r, "done.title"), Reference: v.Number,
			Body: s.t(r, "done.body", "when", s.momentAt(locale, v.place.Location(), v.StartsAt), "place", v.place.Name.In(locale))},
		Buttons: []ui.Button{{Label: s.t(r, "done.calendar"), Href: path + ".ics", Icon: "download"}, {Label: s.t(r, "done.see"), Href: path, Tone: "secondary"}},
		Next:    []nextStep{{"document", s.t(r, "done.document")}, {"message", s.t(r, "done.reminder")}, {"success", s.t(r, "done.check-in")}},
		Prepare: s.preparing(locale, v.Type),
	}
	return s.Citizen.Render(w, r, s.views, "citizen-done", ui.View{Title: s.t(r, "done.title"), Data: data, Active: "cases"})
}

// holdPage is where the sign-in comes back to: reaching it proves that the sign-in is strong enough to begin.
func (s *Service) holdPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	q, err := s.searchOf(r, d.Slug)
	if err != nil {
		return err
	}
	v, err := s.timeOn(r.Context(), SlotID(r.FormValue("slot")), q.Visit)
	if err != nil {
		return err
	}
	if err := web.NeedLevel(kernel.PrincipalOf(r.Context()), d.Start.Level, d.Start.MaxAge, s.Clock.Now()); err != nil {
		return err
	}
	if err := s.People.Asked(r.Context(), nil, d.Slug); err != nil {
		return err
	}
	return s.showHold(w, r, q, v)
}

// postHold holds the chosen time. Whoever comes second is back at the times, with the nearest free ones.
func (s *Service) postHold(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	q, err := s.searchOf(r, d.Slug)
	if err != nil {
		return err
	}
	slot := r.PostFormValue("slot")
	if q.Case != "" { // another time for what is being booked: the type of visit is that of the draft
		if v, err := s.open(r.Context(), q.Case); err == nil {
			q.Visit = v.VisitType
		}
	}
	b := Booking{Slot: SlotID(slot), VisitType: q.Visit}
	if s.Channel != nil {
		b.Channel = s.Channel(r.Context())
	}
	a, err := s.Hold(r.Context(), b)
	switch {
	case kernel.LeadsToSignIn(err): // by GET, so that the sign-in comes back to a page that goes on
		return seeOther(w, r, appPath(d.Slug)+"/hold?"+r.PostForm.Encode())
	case kernel.KindOf(err) == kernel.Conflict:
		return s.showTimesFor(w, r, d, err)
	}
	if err != nil {
		return err
	}
	if q.Case == "" {
		return seeOther(w, r, bookPath(d.Slug, a.Case))
	}
	return s.holdAgain(w, r, q.Case, a)
}

// holdAgain goes on with what was typed before the time was chosen again, in a new draft too when the old one is too old.
func (s *Service) holdAgain(w http.ResponseWriter, r *http.Request, before kernel.CaseID, a Appointment) error {
	if before != a.Case {
		old, err := s.open(r.Context(), before)
		if err != nil {
			return err
		}
		p := old.kept()
		p.Reason = old.reason
		if err := s.saveDetails(r.Context(), a.Case, p); err != nil {
			return err
		}
	}
	return seeOther(w, r, bookPath(a.Service, a.Case)+"/check")
}

// draft reads what is being booked; what is none any more lives on the appointment's page.
func (s *Service) draft(w http.ResponseWriter, r *http.Request, states ...string) (opened, bool, error) {
	o, err := s.draftView(r)
	if err != nil {
		return opened{}, false, err
	}
	for _, state := range states {
		if o.State == state && o.HoldSlot != "" {
			return o, true, nil
		}
	}
	return o, false, seeOther(w, r, myPath(o.Service, o.Case))
}

func (s *Service) detailsPage(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	o, ok, err := s.draft(w, r, StateDraft)
	if !ok {
		return err
	}
	p := o.kept()
	p.Reason = o.reason
	return s.showDetails(w, r, o.myVisit, p, nil)
}

func typedPatient(r *http.Request) Patient {
	p := Patient{ForWhom: r.PostFormValue("for_whom"), Reason: strings.ReplaceAll(r.PostFormValue("reason"), "\r\n", "\n")}
	if p.ForWhom != ForSelf {
		p.Name, p.Birthdate, p.Relation = r.PostFormValue("patient_name"), r.PostFormValue("patient_birthdate"), r.PostFormValue("relation")
		p.Declared = r.PostFormValue(workflows.Declaration) == "true"
	}
	return p
}

func (s *Service) postDetails(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	o, ok, err := s.draft(w, r, StateDraft)
	if !ok {
		return err
	}
	p := typedPatient(r)
	err = s.saveDetails(r.Context(), o.Case, p)
	if tolerable(err) {
		return s.showDetails(w, r, o.myVisit, p, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, bookPath(o.Service, o.Case)+"/check")
}

// checkPage asks for a sign-in as strong as confirming needs first, so that the button below does not fail for that.
func (s *Service) checkPage(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	o, ok, err := s.draft(w, r, StateDraft, StateOffered)
	if !ok {
		return err
	}
	if err := s.allowed(r.Context(), o.Type); err != nil {
		return err
	}
	return s.showCheckOf(w, r, o, nil)
}

// showCheckOf shows whom it will be for, which the draft itself does not say when it is oneself.
func (s *Service) showCheckOf(w http.ResponseWriter, r *http.Request, o opened, problem error) error {
	if o.Patient == "" {
		o.Patient = kernel.PrincipalOf(r.Context()).Name
	}
	return s.showCheck(w, r, o.myVisit, o.reason, o.kase.Version, problem)
}

// postConfirm books what is held. When somebody else has the time by now, the citizen is back at the times and keeps
// what was typed.
func (s *Service) postConfirm(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	o, err := s.draftView(r)
	if err != nil {
		return err
	}
	if o.State == StateBooked { // confirmed by this form or another one: what the citizen wanted has happened
		return seeOther(w, r, bookPath(o.Service, o.Case)+"/done")
	}
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	_, err = s.Confirm(r.Context(), o.Case, version, o.kept())
	switch {
	case kernel.KindOf(err) == kernel.StepUp:
		return seeOther(w, r, bookPath(o.Service, o.Case)+"/check")
	case o.State == StateDraft && (errors.Is(err, ErrHoldOver) || errors.Is(err, ErrSlotTaken)):
		return s.chooseAgain(w, r, d, o, err)
	case err != nil && tolerable(err):
		return s.showCheckOf(w, r, o, err)
	case err != nil:
		return err
	}
	return seeOther(w, r, bookPath(o.Service, o.Case)+"/done")
}

// chooseAgain shows the times for a draft whose own has gone.
func (s *Service) chooseAgain(w http.ResponseWriter, r *http.Request, d *workflows.Definition, o opened, problem error) error {
	r.Form.Set("visit", o.VisitType)
	r.Form.Set("case", string(o.Case))
	return s.showTimesFor(w, r, d, problem)
}

func (s *Service) donePage(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	o, err := s.draftView(r)
	if err != nil {
		return err
	}
	if o.State != StateBooked {
		return seeOther(w, r, myPath(o.Service, o.Case))
	}
	return s.showDone(w, r, o.myVisit)
}
