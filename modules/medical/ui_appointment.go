package medical

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// opened is an appointment as its page shows it: with its case, its papers and what else only its citizen may see.
type opened struct {
	myVisit
	kase      kernel.Case
	def       *workflows.Definition
	documents []kernel.Document
	reason    string
	wish      *wish
}

// wish is a place on the waiting list.
type wish struct {
	From, Until string // YYYY-MM-DD
	Part        string // any, morning, afternoon
}

// mayChange reports whether the citizen may still move or cancel it here.
func (v myVisit) mayChange(now time.Time) bool {
	return v.State == StateBooked && now.Before(v.StartsAt.Add(-time.Duration(v.Type.CancelHours)*time.Hour))
}

// checkInFrom is when people can first say that they are here.
func (v myVisit) checkInFrom() time.Time { return v.StartsAt.Add(-checkInBefore) }

func (v myVisit) mayCheckIn(now time.Time) bool {
	return v.State == StateBooked && !now.Before(v.checkInFrom()) && !now.After(v.EndsAt.Add(checkInAfter))
}

func (s *Service) showAppointment(w http.ResponseWriter, r *http.Request, o opened, problem error) error {
	locale, zone, now := kernel.LocaleOf(r.Context()), o.place.Location(), s.Clock.Now()
	v := appointmentView{Tag: s.stateTag(locale, o.def, o.State), Number: o.Number, Version: o.kase.Version, Facts: s.openedFacts(locale, o),
		History: s.history(locale, o), Documents: s.documentRows(r, o), Reason: o.reason}
	if o.reason != "" {
		v.ReasonHint = s.t(r, "details.reason-hint", "clinic", s.facilityName(r, o.myVisit))
	}
	if !o.StartsAt.IsZero() && o.State != StateDraft {
		v.When, v.ISO = s.span(locale, zone, o.StartsAt, o.EndsAt), o.StartsAt.UTC().Format(time.RFC3339)
		if zone.String() != kernel.TenantOf(r.Context()).Location().String() {
			v.Zone = s.t(r, "appointment.zone", "zone", zone.String())
		}
	}
	if o.State == StateBooked || o.State == StateOffered {
		v.Prepare = s.preparing(locale, o.Type)
	}
	if o.State == StateBooked {
		v.Calendar = &ui.Copy{Name: "calendar", Label: s.t(r, "calendar.address"), Value: kernel.TenantOf(r.Context()).Origin + calendarPath(o.Calendar)}
	}
	s.guide(r, o, now, &v)
	view := ui.View{Title: o.Type.Name.In(locale), Active: "cases", Back: "/cases"}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "citizen-appointment", view)
}

func calendarPath(token string) string { return "/calendar/" + token + ".ics" }

// openedFacts leave out the time, which is the heading, unless there is none.
func (s *Service) openedFacts(locale string, o opened) []ui.Fact {
	facts := s.factsOf(locale, o.myVisit, false)[1:]
	if directions := o.place.Directions.In(locale); directions != "" && o.place.ID != "" {
		facts = append(facts, ui.Fact{Key: s.say(locale, "appointment.directions"), Value: directions})
	}
	if o.place.Phone != "" {
		facts = append(facts, ui.Fact{Key: s.say(locale, "appointment.phone"), Value: o.place.Phone})
	}
	facts = append(facts, ui.Fact{Key: s.say(locale, "check.patient"), Value: o.Patient})
	if w := o.wish; w != nil && (o.State == StateWaiting || o.State == StateOffered) {
		facts = append(facts, ui.Fact{Key: s.say(locale, "waiting.wish"), Value: s.say(locale, "waiting.period", "from", ui.Day(locale, w.From), "until", ui.Day(locale, w.Until)) +
			"; " + s.say(locale, "waiting.part."+w.Part)})
	}
	return facts
}

// guide says what stands now and what can be done: one main button, the others quieter.
func (s *Service) guide(r *http.Request, o opened, now time.Time, v *appointmentView) {
	locale, zone, path := kernel.LocaleOf(r.Context()), o.place.Location(), myPath(o.Service, o.Case)
	tell := func(tone, title, body string) {
		v.Notices = append(v.Notices, ui.Notice{Tone: tone, Title: title, Body: body})
	}
	again := ui.Button{Label: s.t(r, "appointment.book-again"), Href: timesPath(o.Type), Tone: "secondary"}
	switch o.State {
	case StateDraft:
		v.Buttons = []ui.Button{{Label: s.t(r, "appointment.continue"), Href: bookPath(o.Service, o.Case)}}
		if o.HoldSlot == "" { // the time was given back for another one
			v.Buttons = []ui.Button{again}
		}
	case StateWaiting:
		tell(ui.Info, s.t(r, "waiting.on"), s.t(r, "waiting.on-body"))
		v.Others = []ui.Button{{Label: s.t(r, "waiting.leave"), Href: path + "/cancel", Tone: "quiet"}}
	case StateOffered:
		s.guideOffer(r, o, now, v)
	case StateBooked:
		v.Buttons = []ui.Button{{Label: s.t(r, "done.calendar"), Href: path + ".ics", Icon: "download", Tone: "secondary"}}
		if o.mayCheckIn(now) {
			v.Main = &mainAction{Action: path + "/check-in", Label: s.t(r, "appointment.check-in")}
		} else if now.Before(o.checkInFrom()) && o.checkInFrom().Sub(now) < 12*time.Hour {
			tell(ui.Info, "", s.t(r, "appointment.soon", "time", ui.Clock(zone, o.checkInFrom())))
		}
		if o.mayChange(now) {
			v.Buttons = append(v.Buttons, ui.Button{Label: s.t(r, "appointment.move"), Href: otherTimes(o.myVisit), Tone: "secondary"})
			v.Others = []ui.Button{{Label: s.t(r, "appointment.cancel"), Href: path + "/cancel", Tone: "quiet"}}
		} else if now.Before(o.StartsAt) {
			tell(ui.Info, "", s.t(r, "appointment.too-late"))
		}
	case StateArrived:
		tell(ui.Success, s.t(r, "appointment.arrived"), s.t(r, "appointment.arrived-body"))
	case StateCancelled:
		s.guideCancelled(locale, o, v)
		v.Buttons = []ui.Button{again}
	case StateMissed:
		tell(ui.Warning, s.t(r, "appointment.missed"), o.def.Text(locale, "state.missed.next"))
		v.Buttons = []ui.Button{again}
	case StateLapsed:
		tell(ui.Neutral, s.t(r, "appointment.lapsed"), o.def.Text(locale, "state.lapsed.next"))
		v.Buttons = []ui.Button{again}
	default:
		tell(ui.Info, "", o.def.Text(locale, "state."+o.State+".next"))
	}
}

// guideCancelled says who took it back: a citizen must not wonder whether it was them.
func (s *Service) guideCancelled(locale string, o opened, v *appointmentView) {
	title := s.say(locale, "appointment.cancelled")
	body := ""
	for _, e := range o.kase.History {
		if e.Action == "call-off" {
			title = s.say(locale, "appointment.called-off")
			body, _ = e.Input["call_off_reason"].(string)
		}
	}
	v.Notices = append(v.Notices, ui.Notice{Tone: ui.Danger, Title: title, Body: body})
}

func (s *Service) guideOffer(r *http.Request, o opened, now time.Time, v *appointmentView) {
	locale, zone := kernel.LocaleOf(r.Context()), o.place.Location()
	path := myPath(o.Service, o.Case)
	n := ui.Notice{Tone: ui.Success, Title: s.t(r, "offer.title"), Body: s.t(r, "offer.until", "until", s.momentAt(locale, zone, o.HoldUntil))}
	if !o.HoldUntil.After(now) {
		n = ui.Notice{Tone: ui.Warning, Title: s.t(r, "offer.over"), Body: s.t(r, "offer.over-body")}
	}
	v.Notices = append(v.Notices, n)
	v.Buttons = []ui.Button{{Label: s.t(r, "offer.accept"), Href: bookPath(o.Service, o.Case) + "/check"}}
	v.Main = nil
	v.Others = []ui.Button{{Label: s.t(r, "waiting.leave"), Href: path + "/cancel", Tone: "quiet"}}
}

func (s *Service) documentRows(r *http.Request, o opened) []ui.DocumentRow {
	var rows []ui.DocumentRow
	for _, d := range o.documents {
		if d.State == "superseded" {
			continue
		}
		row := ui.DocumentRow{Title: d.Title, Number: d.Number, IssuedAt: d.IssuedAt, Href: "/documents/" + string(d.ID), Page: true, Pending: d.State == "pending"}
		switch d.State {
		case "pending":
			row.IssuedAt = time.Time{}
		case "revoked":
			row.Tag = ui.Tag{Text: s.t(r, "document.revoked"), Tone: ui.Danger}
		}
		rows = append(rows, row)
	}
	return rows
}

// history is what happened, newest first; drafting is nobody's history.
func (s *Service) history(locale string, o opened) []ui.Moment {
	var out []ui.Moment
	for _, e := range o.kase.History {
		act := o.def.Action(e.Action)
		if act == nil || e.To == o.def.Initial() {
			continue
		}
		m := ui.Moment{At: e.At, Title: o.def.Text(locale, "action."+e.Action), Tone: stateTones[e.To]}
		if key := "action." + e.Action + ".past"; o.def.HasText(key) {
			m.Title = o.def.Text(locale, key)
		}
		if e.ActorKind == kernel.Staff {
			m.Actor = e.ActorName
		}
		out = append([]ui.Moment{m}, out...)
	}
	if len(out) > 0 {
		out[0].Now = true
	}
	return out
}

// cancelReasons are those of the workflow's form.
var cancelReasons = []string{"time", "better", "elsewhere", "other"}

func (s *Service) showCancel(w http.ResponseWriter, r *http.Request, o opened, reason string, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	path := myPath(o.Service, o.Case)
	field := ui.Field{Name: "cancel_reason", Kind: "radio", Label: s.t(r, "cancel.reason"), Required: true, Value: reason}
	for _, o := range cancelReasons {
		field.Options = append(field.Options, ui.Option{Value: o, Label: s.t(r, "cancel.reason."+o)})
	}
	v := cancelView{Facts: s.factsOf(locale, o.myVisit, true), Fields: []ui.Field{field}, Path: path + "/cancel", Version: o.kase.Version, Button: s.t(r, "cancel.button"), Keep: path}
	view := ui.View{Title: s.t(r, "cancel.title"), Active: "cases", Task: true, Back: path}
	if o.State == StateBooked {
		v.Hints = []string{s.t(r, "cancel.free"), s.t(r, "cancel.rather-move")}
	} else {
		view.Title, v.Button = s.t(r, "waiting.leave"), s.t(r, "waiting.leave")
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Fields, v.Problems = ui.WithErrors(v.Fields, s.Texts.FieldErrors(locale, problem))
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "citizen-cancel", view)
}

// showReschedule asks before moving from the present time to a new one.
func (s *Service) showReschedule(w http.ResponseWriter, r *http.Request, o opened, to myVisit, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	path := myPath(o.Service, o.Case)
	v := rescheduleView{Old: s.factsOf(locale, o.myVisit, true)[1:], New: s.factsOf(locale, to, true)[1:], Path: path + "/move", Slot: string(to.Slot), Other: otherTimes(o.myVisit), Version: o.kase.Version}
	view := ui.View{Title: s.t(r, "move.title"), Active: "cases", Task: true, Back: otherTimes(o.myVisit)}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "citizen-move", view)
}

func (s *Service) appointmentPage(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	name := r.PathValue("case")
	if id, ok := strings.CutSuffix(name, ".ics"); ok {
		return s.calendarFile(w, r, kernel.CaseID(id))
	}
	o, err := s.draftView(r)
	if err != nil {
		return err
	}
	return s.showAppointment(w, r, o, nil)
}

// changeable sends people to the appointment's page when what they want to do is no longer possible: it says why.
func (s *Service) changeable(w http.ResponseWriter, r *http.Request, states ...string) (opened, bool, error) {
	o, err := s.draftView(r)
	if err != nil {
		return opened{}, false, err
	}
	if !slices.Contains(states, o.State) {
		return o, false, seeOther(w, r, myPath(o.Service, o.Case))
	}
	return o, true, nil
}

func (s *Service) cancelPage(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	o, ok, err := s.changeable(w, r, StateBooked, StateWaiting, StateOffered)
	if !ok {
		return err
	}
	return s.showCancel(w, r, o, "", nil)
}

func (s *Service) postCancel(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	o, ok, err := s.changeable(w, r, StateBooked, StateWaiting, StateOffered)
	if !ok {
		return err
	}
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	reason := r.PostFormValue("cancel_reason")
	_, err = s.step(r.Context(), o.Case, version, "cancel", map[string]any{"cancel_reason": reason})
	return s.after(w, r, o, err, func() error { return s.showCancel(w, r, o, reason, err) })
}

// after goes on to the appointment's page, or shows again what was asked with what is wrong. A sign-in that is too weak
// is asked for by GET, so that it comes back to a page that goes on.
func (s *Service) after(w http.ResponseWriter, r *http.Request, o opened, err error, again func() error) error {
	switch {
	case kernel.KindOf(err) == kernel.StepUp && err != nil:
		return err
	case err != nil && tolerable(err):
		return again()
	case err != nil:
		return err
	}
	return seeOther(w, r, myPath(o.Service, o.Case))
}

// reschedulePage asks whether the appointment should move to the time that was chosen.
func (s *Service) reschedulePage(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	return s.moving(w, r, SlotID(r.FormValue("slot")), nil)
}

func (s *Service) moving(w http.ResponseWriter, r *http.Request, slot SlotID, problem error) error {
	o, ok, err := s.changeable(w, r, StateBooked)
	if !ok {
		return err
	}
	to, err := s.timeOn(r.Context(), slot, o.VisitType)
	if err != nil {
		return err
	}
	if err := s.allowed(r.Context(), o.Type); err != nil {
		return err
	}
	return s.showReschedule(w, r, o, to, problem)
}

// postReschedule moves it, both at once. When somebody was faster, the citizen keeps the old time and is shown others.
func (s *Service) postReschedule(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	o, ok, err := s.changeable(w, r, StateBooked)
	if !ok {
		return err
	}
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	slot := r.PostFormValue("slot")
	_, err = s.Reschedule(r.Context(), o.Case, version, SlotID(slot))
	switch {
	case kernel.KindOf(err) == kernel.StepUp && err != nil:
		return seeOther(w, r, myPath(o.Service, o.Case)+"/move?slot="+url.QueryEscape(slot))
	case errors.Is(err, ErrSlotTaken):
		return s.chooseAgain(w, r, d, o, err)
	}
	return s.after(w, r, o, err, func() error { return s.moving(w, r, SlotID(slot), err) })
}

func (s *Service) postPass(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	return s.quickly(w, r, StateOffered, "pass")
}

func (s *Service) postArrive(w http.ResponseWriter, r *http.Request, _ *workflows.Definition) error {
	return s.quickly(w, r, StateBooked, "check-in")
}

// quickly takes an action that asks nothing.
func (s *Service) quickly(w http.ResponseWriter, r *http.Request, state, action string) error {
	o, ok, err := s.changeable(w, r, state)
	if !ok {
		return err
	}
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	_, err = s.step(r.Context(), o.Case, version, action, nil)
	return s.after(w, r, o, err, func() error { return s.showAppointment(w, r, o, err) })
}
