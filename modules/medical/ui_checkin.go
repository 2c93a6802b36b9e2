package medical

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// atDoor is what the code at a door leads to: the place, the citizen's appointments of today, here and elsewhere.
type atDoor struct {
	slug  string
	place Place
	today []opened
}

// showCheckIn greets somebody who scanned the code at the door: one button when they are expected now, a kind word
// when they are early, late or somewhere else.
func (s *Service) showCheckIn(w http.ResponseWriter, r *http.Request, d atDoor, problem error) error {
	locale, now := kernel.LocaleOf(r.Context()), s.Clock.Now()
	v := checkInView{}
	for _, o := range d.today {
		if o.place.ID != d.place.ID {
			continue
		}
		one := checkInVisit{ID: "v-" + string(o.Case), When: s.span(locale, o.place.Location(), o.StartsAt, o.EndsAt), Version: o.kase.Version, Facts: s.doorFacts(locale, o)}
		if o.mayCheckIn(now) {
			one.Action = myPath(o.Service, o.Case) + "/check-in"
		}
		v.Visits = append(v.Visits, one)
	}
	v.Notice, v.Buttons = s.welcome(r, d, now)
	view := ui.View{Title: s.t(r, "check-in.title-at", "place", d.place.Name.In(locale)), Active: "cases", Task: true}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
	}
	view.Data = v
	return s.Citizen.Render(w, r, s.views, "citizen-check-in", view)
}

func (s *Service) doorFacts(locale string, o opened) []ui.Fact {
	facts := []ui.Fact{{Key: s.say(locale, "check.what"), Value: o.Type.Name.In(locale)}}
	if o.practitioner.Name != "" {
		facts = append(facts, ui.Fact{Key: s.say(locale, "check.who"), Value: withSpecialty(locale, o.practitioner)})
	}
	return append(facts, ui.Fact{Key: s.say(locale, "check.patient"), Value: o.Patient})
}

// welcome is what is said when there is no button, by the first appointment that explains it.
func (s *Service) welcome(r *http.Request, d atDoor, now time.Time) (*ui.Notice, []ui.Button) {
	locale := kernel.LocaleOf(r.Context())
	say := func(tone, title, body string, args ...any) *ui.Notice {
		return &ui.Notice{Tone: tone, Title: s.t(r, title, args...), Body: s.t(r, body, args...)}
	}
	var early, late, elsewhere *ui.Notice
	for _, o := range d.today {
		zone := o.place.Location()
		here := o.place.ID == d.place.ID
		see := []ui.Button{{Label: s.t(r, "done.see"), Href: myPath(o.Service, o.Case), Tone: "secondary"}}
		switch {
		case here && o.State == StateArrived:
			return say(ui.Success, "check-in.done", "check-in.done-body"), see
		case here && o.mayCheckIn(now):
			return nil, nil
		case here && o.State == StateBooked && now.Before(o.checkInFrom()):
			early = say(ui.Info, "check-in.early", "check-in.early-body", "time", ui.Clock(zone, o.checkInFrom()))
		case here && o.State == StateBooked:
			late = say(ui.Warning, "check-in.late", "check-in.late-body", "time", ui.Clock(zone, o.StartsAt))
		case o.State == StateBooked:
			elsewhere = say(ui.Info, "check-in.elsewhere", "check-in.elsewhere-body", "place", o.place.Name.In(locale)+", "+o.place.Address(), "time", ui.Clock(zone, o.StartsAt))
		}
	}
	for _, n := range []*ui.Notice{early, late, elsewhere} {
		if n != nil {
			return n, nil
		}
	}
	return say(ui.Info, "check-in.none", "check-in.none-body"), []ui.Button{{Label: s.t(r, "appointment.book-again"), Href: appPath(d.slug), Tone: "secondary"}}
}
