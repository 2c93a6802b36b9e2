package medical

import (
	"fmt"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

// galleryClock stands still, so that a fixture is the same tomorrow.
type galleryClock struct{ at time.Time }

func (c galleryClock) Now() time.Time { return c.at }

// The made-up town of the fixtures.
const (
	fixturePlace    PlaceID         = "0198f2a6-0000-7000-8000-000000000001"
	fixtureSecond   PlaceID         = "0198f2a6-0000-7000-8000-000000000002"
	fixtureDoctor   PractitionerID  = "0198f2a6-0000-7000-8000-000000000011"
	fixtureDoctor2  PractitionerID  = "0198f2a6-0000-7000-8000-000000000012"
	fixtureFacility kernel.AgencyID = "riverside-clinic"
)

var fixtureStart = time.Date(2026, 11, 25, 9, 20, 0, 0, time.UTC)

func fixturePlaces() map[PlaceID]Place {
	lat, lon := 51.51, -0.12
	return map[PlaceID]Place{
		fixturePlace: {ID: fixturePlace, Facility: fixtureFacility, Name: kernel.Text{"en": "Riverside Clinic", "ru": "Поликлиника «Речная»", "zh": "河滨诊所"},
			Street: "4 Quay Street", PostalCode: "NW1 4QQ", Locality: "Northwick", Country: "GB", Zone: "Europe/London", Phone: "020 7946 0142", Latitude: &lat, Longitude: &lon,
			Directions: kernel.Text{"en": "The entrance is from the yard; lift on the left.", "ru": "Вход со двора, лифт слева.", "zh": "入口在院内，电梯在左侧。"}},
		fixtureSecond: {ID: fixtureSecond, Facility: fixtureFacility, Name: kernel.Text{"en": "Riverside Clinic, Mill Lane branch", "ru": "Поликлиника «Речная», филиал на Мельничной", "zh": "河滨诊所（磨坊巷分院）"},
			Street: "31 Mill Lane", PostalCode: "NW7 2QH", Locality: "Northwick", Country: "GB", Zone: "Europe/London", Latitude: &lat, Longitude: &lon},
	}
}

func fixturePractitioners() map[PractitionerID]Practitioner {
	gp := kernel.Text{"en": "General practice", "ru": "Терапевт", "zh": "全科"}
	return map[PractitionerID]Practitioner{
		fixtureDoctor:  {ID: fixtureDoctor, Facility: fixtureFacility, Name: "Dr Helen Marsh", Specialty: gp, Languages: []string{"en", "pl"}},
		fixtureDoctor2: {ID: fixtureDoctor2, Facility: fixtureFacility, Name: "Dr Samuel Osei", Specialty: gp, Languages: []string{"en", "fr"}},
	}
}

func fixtureTypes() []VisitType {
	return []VisitType{
		{Code: "gp", Service: fixtureService, Name: kernel.Text{"en": "See a doctor in person", "ru": "Приём терапевта", "zh": "全科门诊"}, Minutes: 20, Level: kernel.Substantial, CancelHours: 2,
			Preparation: kernel.Text{"en": "Please come five minutes early.", "ru": "Приходите, пожалуйста, на пять минут раньше.", "zh": "请提前五分钟到达。"},
			Bring:       kernel.Text{"en": "Your health card\nA list of the medicines you take", "ru": "Полис\nСписок лекарств, которые вы принимаете", "zh": "医保卡\n正在服用的药物清单"}},
		{Code: "ultrasound", Service: fixtureService, Name: kernel.Text{"en": "Ultrasound of the abdomen", "ru": "УЗИ брюшной полости", "zh": "腹部超声检查"}, Minutes: 30, Level: kernel.Substantial, MinAge: 16},
		{Code: "child-check", Service: fixtureService, Name: kernel.Text{"en": "Child health check", "ru": "Профилактический осмотр ребёнка", "zh": "儿童健康检查"}, Minutes: 30, Level: kernel.Low, MinAge: 0, MaxAge: 6},
	}
}

const fixtureService = "doctor-appointment"

func (s *Service) fixtureVisit(state string) myVisit {
	place, doctor := fixturePlaces()[fixturePlace], fixturePractitioners()[fixtureDoctor]
	return myVisit{Appointment: Appointment{Case: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22", Number: "DA-2026-7K4M-93Q2", Service: fixtureService, Facility: fixtureFacility, VisitType: "gp",
		State: state, StartsAt: fixtureStart, EndsAt: fixtureStart.Add(20 * time.Minute), HoldUntil: ui.GalleryTime.Add(8 * time.Minute), ForWhom: ForSelf,
		Patient: "Anna Whitfield", Birthdate: "1991-04-12", Calendar: "kq3v9m2x7c4b8n1z5w6r0t", Place: place.ID, Practitioner: doctor.ID},
		Type: fixtureTypes()[0], place: place, practitioner: doctor}
}

// fixtureOpened is an appointment in a state, with the history that leads there.
func (s *Service) fixtureOpened(state string, steps ...string) opened {
	def, ok := s.Library.Get(fixtureService)
	if !ok {
		return opened{}
	}
	o := opened{myVisit: s.fixtureVisit(state), def: def}
	o.kase = kernel.Case{ID: o.Case, Number: o.Number, Service: o.Service, State: state, Version: len(steps) + 1}
	for i, name := range steps {
		e := kernel.CaseEvent{Seq: i + 2, At: ui.GalleryTime.Add(time.Duration(i-len(steps)) * 3 * time.Hour), Action: name, From: StateBooked, To: state, ActorKind: kernel.Citizen}
		if a := def.Action(name); a != nil && a.To != "" {
			e.To = a.To
		}
		o.kase.History = append(o.kase.History, e)
	}
	return o
}

func fixtureFound(v VisitType) found {
	f := found{search: search{Service: fixtureService, Visit: v.Code, Day: "2026-11-25"}, visit: v, zone: ui.GalleryTenant().Location(), day: "2026-11-25", later: "2026-11-30",
		places: fixturePlaces(), practitioners: fixturePractitioners(), languages: []string{"en", "fr", "pl"}, example: "NW7 2QH"}
	for _, id := range []PlaceID{fixturePlace, fixtureSecond} {
		f.choice = append(f.choice, f.places[id])
	}
	for i, n := range []int{0, 0, 0, 12, 31, 100, 0} {
		f.days = append(f.days, dayCount{Day: ui.GalleryTime.AddDate(0, 0, i).Format(time.DateOnly), Free: n})
	}
	for i, g := range []struct {
		place    PlaceID
		doctor   PractitionerID
		times    int
		distance float64
	}{{fixturePlace, fixtureDoctor, 7, -1}, {fixturePlace, fixtureDoctor2, 3, -1}, {fixtureSecond, "", 2, -1}} {
		group := freeGroup{Schedule: ScheduleID(fmt.Sprintf("0198f2a6-0000-7000-8000-0000000001%02d", i)), Place: g.place, Practitioner: g.doctor, Distance: g.distance}
		for k := range g.times {
			at := fixtureStart.Add(time.Duration(k*20+i*90) * time.Minute)
			group.Slots = append(group.Slots, freeTime{ID: SlotID(fmt.Sprintf("0198f2a6-0000-7000-8000-00000000%02d%02d", i, k)), StartsAt: at, EndsAt: at.Add(20 * time.Minute), Capacity: 1, Left: 1})
		}
		f.groups = append(f.groups, group)
	}
	f.groups[0].More = true
	return f
}

type render = func(w http.ResponseWriter, r *http.Request) error

// citizenFixtures are the citizens' pages in the states people meet, for the gallery. They need no database.
func (s *Service) citizenFixtures() []ui.Fixture {
	g := &Service{Deps: s.Deps, views: s.views}
	g.Clock = galleryClock{ui.GalleryTime}
	def, ok := s.Library.Get(fixtureService)
	if !ok {
		return nil
	}
	out := append(g.findFixtures(def), g.bookFixtures()...)
	return append(append(out, g.visitFixtures()...), g.doorFixtures()...)
}

func citizenFixture(name string, fn render) ui.Fixture {
	return ui.Fixture{Name: "medical-" + name, As: kernel.Citizen, Render: fn}
}

func (s *Service) findFixtures(def *workflows.Definition) []ui.Fixture {
	types := fixtureTypes()
	times := func(name string, change func(*found), problem func(*http.Request) error) ui.Fixture {
		return citizenFixture("times"+name, func(w http.ResponseWriter, r *http.Request) error {
			f := fixtureFound(types[0])
			if change != nil {
				change(&f)
			}
			if problem == nil {
				return s.showTimes(w, r, f, nil)
			}
			return s.showTimes(w, r, f, problem(r))
		})
	}
	empty := func(f *found) {
		f.groups = nil
		for i := range f.days {
			f.days[i].Free = 0
		}
	}
	return []ui.Fixture{
		{Name: "medical-start-visitor", Render: func(w http.ResponseWriter, r *http.Request) error { return s.showStart(w, r, def, types, nil) }},
		citizenFixture("start", func(w http.ResponseWriter, r *http.Request) error {
			return s.showStart(w, r, def, types, []myVisit{s.fixtureVisit(StateDraft), s.fixtureVisit(StateBooked), s.fixtureVisit(StateWaiting)})
		}),
		citizenFixture("start-none", func(w http.ResponseWriter, r *http.Request) error { return s.showStart(w, r, def, nil, nil) }),
		times("", nil, nil),
		times("-filtered", func(f *found) {
			f.Language, f.Near, f.Place = "pl", "NW7 2QH", string(fixturePlace)
			for i := range f.groups {
				f.groups[i].Distance = float64(i*1400) + 320
			}
		}, nil),
		times("-unknown-place", func(f *found) { f.Near, f.unknown = "Atlantis", true }, nil),
		times("-group", func(f *found) {
			for i := range f.groups {
				for k := range f.groups[i].Slots {
					f.groups[i].Slots[k].Capacity, f.groups[i].Slots[k].Left = 20, 20-3*k
				}
			}
		}, nil),
		times("-none", func(f *found) { empty(f); f.day = "" }, nil),
		times("-none-filtered", func(f *found) { empty(f); f.Language, f.day = "pl", "" }, nil),
		times("-none-this-day", func(f *found) { f.groups, f.day, f.next = nil, "2026-11-24", "2026-11-25" }, nil),
		times("-taken", nil, func(r *http.Request) error { return ErrSlotTaken.Offering(fixtureInstead(r)) }),
		times("-again", func(f *found) { f.Case = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22" }, func(r *http.Request) error { return ErrHoldOver.Offering(fixtureInstead(r)) }),
		times("-moving", func(f *found) {
			v := s.fixtureVisit(StateBooked)
			f.Case, f.moving = v.Case, &v
		}, nil),
	}
}

func fixtureInstead(r *http.Request) (out []kernel.Alternative) {
	for i := range 3 {
		at := fixtureStart.Add(time.Duration(20*i+20) * time.Minute)
		out = append(out, kernel.Alternative{ID: fmt.Sprintf("0198f2a6-0000-7000-8000-0000000009%02d", i), StartsAt: at, EndsAt: at.Add(20 * time.Minute),
			Place: fixturePlaces()[fixturePlace].Name.In(kernel.LocaleOf(r.Context()))})
	}
	return out
}

func (s *Service) bookFixtures() []ui.Fixture {
	draft := func(over bool) myVisit {
		v := s.fixtureVisit(StateDraft)
		if over {
			v.HoldUntil = ui.GalleryTime.Add(-time.Minute)
		}
		return v
	}
	reason := func(r *http.Request) string {
		return kernel.Text{"en": "My knee has hurt since Sunday.", "ru": "С воскресенья болит колено.", "zh": "从星期日起膝盖疼痛。"}.In(kernel.LocaleOf(r.Context()))
	}
	child := Patient{ForWhom: ForChild, Name: "Lily Whitfield"}
	return []ui.Fixture{
		citizenFixture("hold", func(w http.ResponseWriter, r *http.Request) error {
			return s.showHold(w, r, search{Service: fixtureService, Visit: "gp", Day: "2026-11-25"}, draft(false))
		}),
		citizenFixture("details", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDetails(w, r, draft(false), Patient{}, nil)
		}),
		citizenFixture("details-wrong", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDetails(w, r, draft(true), child, s.checkPatient(child))
		}),
		citizenFixture("details-mandate", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDetails(w, r, draft(false), Patient{ForWhom: ForMandate, Name: "George Whitfield", Birthdate: "1948-02-03", Relation: "parent", Declared: true, Reason: reason(r)}, nil)
		}),
		citizenFixture("check", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCheck(w, r, draft(false), reason(r), 2, nil)
		}),
		citizenFixture("check-age", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCheck(w, r, draft(true), "", 2, ErrNotForAge)
		}),
		citizenFixture("check-offer", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCheck(w, r, s.fixtureVisit(StateOffered), "", 2, nil)
		}),
		citizenFixture("done", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDone(w, r, s.fixtureVisit(StateBooked))
		}),
	}
}

func (s *Service) visitFixtures() []ui.Fixture {
	page := func(name string, o func(*http.Request) opened) ui.Fixture {
		return citizenFixture("appointment"+name, func(w http.ResponseWriter, r *http.Request) error { return s.showAppointment(w, r, o(r), nil) })
	}
	inState := func(name, state string, steps ...string) ui.Fixture {
		return page(name, func(*http.Request) opened { return s.fixtureOpened(state, steps...) })
	}
	waiting := func(state string, until time.Duration) func(*http.Request) opened {
		return func(*http.Request) opened {
			o := s.fixtureOpened(state, "join")
			o.wish = &wish{From: "2026-11-23", Until: "2026-12-04", Part: "morning"}
			o.HoldUntil = ui.GalleryTime.Add(until)
			if state == StateWaiting {
				o.StartsAt, o.practitioner = time.Time{}, Practitioner{}
			}
			return o
		}
	}
	booked := func(r *http.Request) opened {
		o := s.fixtureOpened(StateBooked, "confirm", "reschedule")
		o.documents = []kernel.Document{{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c44", Number: "DA-7K4M-93Q2-TX8D-6HRW", State: "valid", IssuedAt: ui.GalleryTime,
			Title: o.def.Text(kernel.LocaleOf(r.Context()), "document.confirmation.title")}}
		o.reason = kernel.Text{"en": "My knee has hurt since Sunday.", "ru": "С воскресенья болит колено.", "zh": "从星期日起膝盖疼痛。"}.In(kernel.LocaleOf(r.Context()))
		return o
	}
	today := func(*http.Request) opened {
		o := s.fixtureOpened(StateBooked, "confirm")
		o.StartsAt, o.EndsAt = ui.GalleryTime.Add(25*time.Minute), ui.GalleryTime.Add(45*time.Minute)
		return o
	}
	to := s.fixtureVisit(StateBooked)
	to.StartsAt, to.EndsAt = fixtureStart.AddDate(0, 0, 2), fixtureStart.AddDate(0, 0, 2).Add(20*time.Minute)
	return []ui.Fixture{
		page("", booked), page("-today", today), inState("-arrived", StateArrived, "confirm", "check-in"), inState("-cancelled", StateCancelled, "confirm", "cancel"),
		inState("-called-off", StateCancelled, "confirm", "call-off"), inState("-missed", StateMissed, "confirm", "miss"), inState("-lapsed", StateLapsed), inState("-attended", StateAttended, "confirm", "check-in", "complete"),
		page("-waiting", waiting(StateWaiting, 0)), page("-offered", waiting(StateOffered, time.Hour)), page("-offer-over", waiting(StateOffered, -time.Minute)),
		citizenFixture("cancel", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCancel(w, r, s.fixtureOpened(StateBooked, "confirm"), "", nil)
		}),
		citizenFixture("cancel-wrong", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCancel(w, r, s.fixtureOpened(StateBooked, "confirm"), "", kernel.InvalidFields(kernel.FieldError{Path: "cancel_reason", Slug: "field.required", Message: "Answer this question."}))
		}),
		citizenFixture("move", func(w http.ResponseWriter, r *http.Request) error {
			return s.showReschedule(w, r, s.fixtureOpened(StateBooked, "confirm"), to, nil)
		}),
		citizenFixture("waiting", func(w http.ResponseWriter, r *http.Request) error {
			return s.showWaiting(w, r, fixtureTypes()[0], fixtureFound(fixtureTypes()[0]).choice, wishing{From: "2026-11-23", Until: "2026-12-06"}, nil)
		}),
	}
}

func (s *Service) doorFixtures() []ui.Fixture {
	page := func(name string, change func(*opened)) ui.Fixture {
		return citizenFixture("check-in"+name, func(w http.ResponseWriter, r *http.Request) error {
			o := s.fixtureOpened(StateBooked, "confirm")
			o.StartsAt, o.EndsAt = ui.GalleryTime.Add(25*time.Minute), ui.GalleryTime.Add(45*time.Minute)
			d := atDoor{slug: fixtureService, place: fixturePlaces()[fixturePlace]}
			if change != nil {
				change(&o)
				d.today = []opened{o}
			}
			return s.showCheckIn(w, r, d, nil)
		})
	}
	shift := func(d time.Duration) func(*opened) {
		return func(o *opened) { o.StartsAt, o.EndsAt = o.StartsAt.Add(d), o.EndsAt.Add(d) }
	}
	out := []ui.Fixture{
		page("", func(*opened) {}), page("-early", shift(3*time.Hour)), page("-late", shift(-4*time.Hour)), page("-none", nil),
		page("-done", func(o *opened) { o.State = StateArrived }), page("-elsewhere", func(o *opened) { o.place = fixturePlaces()[fixtureSecond] }),
	}
	if s.Staff != nil {
		out = append(out, ui.Fixture{Name: "medical-doors", As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			var places []Place
			for _, id := range []PlaceID{fixturePlace, fixtureSecond} {
				p := fixturePlaces()[id]
				p.DoorCode = "kq3v9m2x7c4b8n1z5w6r0t"
				places = append(places, p)
			}
			return s.showDoors(w, r, fixtureFacility, places)
		}})
	}
	return out
}
