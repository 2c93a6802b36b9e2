package travel

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

func (s *Service) tripOf(r *http.Request, d *workflows.Definition) (MyTrip, error) {
	t, err := s.Trip(r.Context(), caseIn(r))
	if err == nil && t.Service != d.Slug {
		err = kernel.NotThere("booking")
	}
	return t, err
}

func (s *Service) tripPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, err := s.tripOf(r, d)
	if err != nil {
		return err
	}
	return s.showTrip(w, r, d, t)
}

func (s *Service) showTrip(w http.ResponseWriter, r *http.Request, d *workflows.Definition, t MyTrip) error {
	locale := kernel.LocaleOf(r.Context())
	v := tripView{Tag: s.stateTag(locale, d, t.State), Number: t.Number, Facts: s.rideFacts(locale, t.Ride), Documents: s.documentRows(r, t)}
	if t.Policy.Number != "" {
		v.Facts = append(v.Facts, s.policyFact(r, t.Policy), ui.Fact{Key: s.say(locale, "line.insurance"), Value: s.insuredText(locale, t.Booking)})
	}
	for i, p := range t.Passengers {
		if t.State != StateBooked && t.State != StateTravelled {
			v.Facts = append(v.Facts, ui.Fact{Key: s.t(r, "check.passenger", "n", i+1), Value: s.passengerLine(locale, p)})
			continue
		}
		for _, ticket := range t.Tickets {
			if ticket.N != p.N {
				continue
			}
			code, err := ui.DrawQR(ticket.Code, s.t(r, "trip.qr", "name", p.Name))
			if err != nil {
				return err
			}
			card := ticketView{ID: "ticket-" + itoa(p.N), Name: p.Name, Place: s.placeLine(locale, p), Code: spoken(ticket.Code), QR: code}
			if p.Proof {
				card.Place += " (" + s.say(locale, "proof") + ")"
			}
			if ticket.State == TicketUsed {
				card.Tag = ui.Tag{Text: s.t(r, "trip.used"), Tone: ui.Neutral}
			}
			v.Tickets = append(v.Tickets, card)
		}
	}
	v.Money = []ui.Fact{{Key: s.t(r, "total"), Value: ui.Money(locale, t.Fare+t.Insurance, t.Currency)}}
	for _, p := range t.Payments {
		if p.Refunded.Amount > 0 {
			v.Money = append(v.Money, ui.Fact{Key: s.t(r, "trip.refunded"), Value: ui.Money(locale, p.Refunded.Amount, p.Refunded.Currency)})
		}
	}
	s.guide(r, d, t, &v)
	view := ui.View{Title: fromTo(locale, t.Ride), Active: "cases", Back: "/cases", Data: v}
	if t.State == StatePaying && len(v.Buttons) == 0 {
		view.Refresh = 2
	}
	return s.Citizen.Render(w, r, s.views, "travel-trip", view)
}

// policyFact names the policy, by which people claim, and says when it is void.
func (s *Service) policyFact(r *http.Request, p Policy) ui.Fact {
	f := ui.Fact{Key: s.t(r, "trip.policy"), Value: p.Number}
	if p.State == PolicyVoid {
		f.Value = s.t(r, "trip.policy-void", "number", p.Number)
	}
	return f
}

// guide says what stands now and what can be done: one main button, the others quieter.
func (s *Service) guide(r *http.Request, d *workflows.Definition, t MyTrip, v *tripView) {
	locale, path := kernel.LocaleOf(r.Context()), myPath(t.Service, t.Case)
	tell := func(tone, title, body string) {
		v.Notices = append(v.Notices, ui.Notice{Tone: tone, Title: title, Body: body})
	}
	next := d.Text(locale, "state."+t.State+".next")
	again := ui.Button{Label: s.t(r, "trip.again"), Href: appPath(t.Service), Tone: "secondary"}
	switch t.State {
	case StateDraft:
		v.Buttons = []ui.Button{{Label: s.t(r, "continue"), Href: bookPath(t.Service, t.Case)}}
	case StatePaying:
		s.guidePaying(r, t, v)
	case StateBooked:
		v.Terms = s.termLines(locale, t.Ride, t.Terms)
		if b := t.Before; !b.DepartsAt.IsZero() {
			zone := t.Ride.Location()
			body := s.t(r, "trip.moved-body", "before", ui.DateTime(locale, zone, b.DepartsAt), "now", ui.DateTime(locale, zone, t.DepartsAt))
			if b.Free && s.Clock.Now().Before(t.DepartsAt) {
				body += " " + s.t(r, "trip.moved-free")
			}
			tell(ui.Warning, s.t(r, "trip.moved"), body)
		}
		if t.Changing {
			tell(ui.Warning, s.t(r, "trip.changing"), s.t(r, "trip.changing-body"))
			s.payButton(r, t, v)
		}
		if s.Clock.Now().Before(t.DepartsAt) {
			v.Others = []ui.Button{{Label: s.t(r, "trip.change"), Href: path + "/change", Tone: "secondary"}, {Label: s.t(r, "trip.cancel"), Href: path + "/cancel", Tone: "quiet"}}
		}
	case StateCancelled, StateCalledOff:
		body := next
		if t.GivenBack > 0 {
			body = s.t(r, "trip.given-back", "amount", ui.Money(locale, t.GivenBack, t.Currency))
		} else if t.State == StateCancelled {
			body = s.t(r, "trip.nothing-back")
		}
		tone := ui.Info // they wanted it so
		if t.State == StateCalledOff {
			tone = ui.Danger
		}
		tell(tone, d.Text(locale, "state."+t.State), body)
		v.Buttons = []ui.Button{again}
	default:
		tell(ui.Info, "", next)
		v.Buttons = []ui.Button{again}
	}
}

// guidePaying says where to pay, or that somebody is still preparing it.
func (s *Service) guidePaying(r *http.Request, t MyTrip, v *tripView) {
	v.Notices = append(v.Notices, *s.held(r, t))
	s.payButton(r, t, v)
	if len(v.Buttons) == 0 {
		v.Notices = append(v.Notices, ui.Notice{Tone: ui.Info, Title: s.t(r, "trip.waits"), Body: s.t(r, "trip.waits-body"), Link: ui.Link{Label: s.t(r, "trip.look-again"), Href: myPath(t.Service, t.Case)}})
	}
}

// payButton leads to the newest payment that can still be made.
func (s *Service) payButton(r *http.Request, t MyTrip, v *tripView) {
	for _, p := range t.Payments {
		if p.Payable() && p.PayURL != "" && p.Until.After(s.Clock.Now()) {
			v.Buttons = []ui.Button{{Label: s.t(r, "trip.pay", "amount", ui.Money(kernel.LocaleOf(r.Context()), p.Amount.Amount, p.Amount.Currency)), Href: p.PayURL}}
		}
	}
}

func (s *Service) documentRows(r *http.Request, t MyTrip) (rows []ui.DocumentRow) {
	for _, d := range t.Documents {
		if d.State == "superseded" {
			continue
		}
		row := ui.DocumentRow{Title: d.Title, Number: d.Number, IssuedAt: d.IssuedAt, Href: "/documents/" + string(d.ID), Page: true, Pending: d.State == "pending"}
		switch d.State {
		case "pending":
			row.IssuedAt = time.Time{}
		case "revoked":
			row.Tag = ui.Tag{Text: s.t(r, "trip.revoked"), Tone: ui.Danger}
		}
		rows = append(rows, row)
	}
	return rows
}

func (s *Service) cancelPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, err := s.tripOf(r, d)
	if err != nil {
		return err
	}
	if t.State != StateBooked {
		return seeOther(w, r, myPath(d.Slug, t.Case))
	}
	return s.showCancel(w, r, t, nil)
}

func (s *Service) showCancel(w http.ResponseWriter, r *http.Request, t MyTrip, problem error) error {
	locale, path := kernel.LocaleOf(r.Context()), myPath(t.Service, t.Case)
	v := cancelView{Facts: s.rideFacts(locale, t.Ride), Keep: path, Back: s.t(r, "cancel.nothing"), Form: formView{Action: path + "/cancel", Version: t.Version, Button: s.t(r, "cancel.button")}}
	if t.Back > 0 {
		v.Back = s.t(r, "cancel.back", "amount", ui.Money(locale, t.Back, t.Currency), "total", ui.Money(locale, t.Fare+t.Insurance, t.Currency))
		if t.Insurance > 0 && t.Back <= t.Fare { // else everybody asks where the rest is; what was moved far gives it back too
			v.Back += " " + s.t(r, "cancel.premium", "premium", ui.Money(locale, t.Insurance, t.Currency))
		}
	}
	view := ui.View{Title: s.t(r, "cancel.title"), Active: "cases", Task: true, Back: path}
	v.Problems = s.problems(r, &view, problem)
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "travel-cancel", view)
}

func (s *Service) postCancelPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	t, err := s.tripOf(r, d)
	if err != nil {
		return err
	}
	if t.State == StateCancelled { // by this form or another one: what the citizen wanted has happened
		return seeOther(w, r, myPath(d.Slug, t.Case))
	}
	_, err = s.Cancel(r.Context(), t.Case, version)
	if tolerable(err) {
		return s.showCancel(w, r, t, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, myPath(d.Slug, t.Case))
}

func (s *Service) changePage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	t, err := s.tripOf(r, d)
	if err != nil {
		return err
	}
	if t.State != StateBooked {
		return seeOther(w, r, myPath(d.Slug, t.Case))
	}
	return s.showChangeFor(w, r, t, nil)
}

// showChangeFor lists the departures of the booked day, or of the one asked for, and what follows; of one that was chosen
// it asks whether to take it.
func (s *Service) showChangeFor(w http.ResponseWriter, r *http.Request, t MyTrip, problem error) error {
	begins := t.Ride.Begins().Departs.In(t.Departed.Location())
	day := begins
	if asked, err := time.ParseInLocation(time.DateOnly, r.URL.Query().Get("day"), begins.Location()); err == nil {
		day = asked
	}
	day = time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, day.Location())
	rides, err := s.others(r.Context(), t, day)
	if err != nil {
		return err
	}
	if to := r.URL.Query().Get("to"); problem == nil && to != "" {
		for _, o := range rides {
			if o.value() == to {
				return s.showChanging(w, r, t, o)
			}
		}
	}
	return s.showChange(w, r, t, day, rides, problem)
}

// value names the ride in forms and addresses.
func (o Other) value() string {
	return string(o.ID) + "/" + itoa(o.Begins().Seq) + "/" + itoa(o.Ends().Seq)
}

func (s *Service) showChange(w http.ResponseWriter, r *http.Request, t MyTrip, day time.Time, rides []Other, problem error) error {
	locale, path := kernel.LocaleOf(r.Context()), myPath(t.Service, t.Case)
	here := path + "/change?day="
	v := changeView{Facts: s.rideFacts(locale, t.Ride), Later: here + day.AddDate(0, 0, 1).Format(time.DateOnly)}
	if day.After(s.Clock.Now()) {
		v.Earlier = here + day.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	for _, o := range rides {
		v.Rides = append(v.Rides, changeRide{Title: hours(o.Ride) + ", " + ui.Date(locale, o.Location(), o.Begins().Departs), Text: lineIn(locale, o.Departure), Price: s.differenceLine(r, t.Currency, o.More),
			Href: here + day.Format(time.DateOnly) + "&to=" + url.QueryEscape(o.value()), Button: s.t(r, "change.take", "time", ui.DateTime(locale, o.Location(), o.Begins().Departs))})
	}
	if len(rides) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "change.none"), Icon: "travel"}
	}
	view := ui.View{Title: s.t(r, "change.title"), Lead: s.t(r, "change.lead"), Active: "cases", Task: true, Back: path}
	v.Problems = s.problems(r, &view, problem)
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "travel-change", view)
}

// showChanging asks whether to take a departure, in the place of the one that is booked.
func (s *Service) showChanging(w http.ResponseWriter, r *http.Request, t MyTrip, o Other) error {
	locale, path := kernel.LocaleOf(r.Context()), myPath(t.Service, t.Case)
	return s.Citizen.Render(w, r, s.views, "travel-changing", ui.View{Title: s.t(r, "change.ask"), Active: "cases", Task: true, Back: path + "/change", Data: changingView{
		Before: s.rideFacts(locale, t.Ride), After: s.rideFacts(locale, o.Ride), Price: s.differenceLine(r, t.Currency, o.More),
		Path: path + "/change", Version: t.Version, To: o.value(), Keep: path,
	}})
}

// differenceLine says what a booking costs more or less on another ride.
func (s *Service) differenceLine(r *http.Request, currency string, more int64) string {
	locale := kernel.LocaleOf(r.Context())
	switch {
	case more > 0:
		return s.t(r, "change.dearer", "amount", ui.Money(locale, more, currency))
	case more < 0:
		return s.t(r, "change.cheaper", "amount", ui.Money(locale, -more, currency))
	}
	return s.t(r, "change.same")
}

// postChangePage changes to the departure whose button was pressed. What is to be paid for it stands on the booking's page.
func (s *Service) postChangePage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	version, err := versionOf(r)
	if err != nil {
		return err
	}
	t, err := s.tripOf(r, d)
	if err != nil {
		return err
	}
	parts := strings.Split(r.PostFormValue("to"), "/")
	if len(parts) != 3 {
		return kernel.NotThere("ride")
	}
	from, _ := strconv.Atoi(parts[1])
	to, _ := strconv.Atoi(parts[2])
	_, err = s.Change(r.Context(), t.Case, version, Asked{DepartureID(parts[0]), from, to})
	if tolerable(err) {
		return s.showChangeFor(w, r, t, err)
	}
	if err != nil {
		return err
	}
	return seeOther(w, r, myPath(d.Slug, t.Case))
}
