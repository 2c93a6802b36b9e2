package travel

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

const fixtureOperator = kernel.AgencyID("coast-coaches")

// atOperator gives a fixture's request the path of an operator and a member of staff with these roles there.
func atOperator(r *http.Request, values map[string]string, roles ...string) *http.Request {
	who := kernel.PrincipalOf(r.Context())
	who.Grants = nil
	for _, role := range roles {
		who.Grants = append(who.Grants, kernel.Grant{Agency: fixtureOperator, Role: role})
	}
	out := r.Clone(kernel.WithPrincipal(r.Context(), who))
	out.SetPathValue("operator", string(fixtureOperator))
	for name, value := range values {
		out.SetPathValue(name, value)
	}
	return out
}

func fixtureForm() seats.Form {
	return seats.Form{Code: "coach-13", Name: kernel.Text{"en": "Coach with 13 seats", "ru": "Автобус на 13 мест", "zh": "13 座客车"},
		Rows: []string{"W1 .  | 1C 1D", "2A 2B | 2C 2D", "3A 3B | 3C 3D", "4A 4B | 4C ."}, Wheelchairs: []string{"W1"}, Bicycles: 2}
}

func fixtureRunning() Running {
	ride := fixtureRide()
	l, _ := fixtureForm().Layout() // it is checked where the gallery is
	r := Running{Departure: ride.Departure, People: 5, Seats: 14, Free: 9, Vehicle: l, Taken: []int{3, 5}, Occupied: seats.Busy{}}
	for _, b := range fixtureBooked() {
		for _, p := range b.Passengers {
			r.Occupied.Take(p.Place, b.FromSeq, b.ToSeq, 2)
		}
	}
	return r
}

// fixtureBooked are those whose places fixtureRunning has taken.
func fixtureBooked() []Booking {
	seat := func(name, class, place string) Passenger {
		return Passenger{Name: name, Kind: string(seats.Seat), Class: class, Place: place}
	}
	chair := seat("Ines Calder", "concession", "W1")
	chair.Kind = string(seats.Wheelchair)
	return []Booking{
		{Number: "CT-2026-7K4M-93Q2", ToSeq: 2, Passengers: []Passenger{seat("Anna Whitfield", "adult", "2A"), seat("Leo Whitfield", "child", "2B")}},
		{Number: "CT-2026-2B4M-11Q2", ToSeq: 2, Passengers: []Passenger{chair}},
		{Number: "CT-2026-9Z4M-77Q2", FromSeq: 1, ToSeq: 2, Passengers: []Passenger{seat("Boris Hale", "adult", "1C"), seat("Edith Hale", "senior", "1D")}},
	}
}

func fixtureFares() fareSet {
	t := fixtureRules()
	t.Pairs = []fares.Pair{{From: "harbour", To: "airport", Amount: 1250}, {From: "harbour", To: "mill-lane", Amount: 480}}
	t.Zones, t.ByZones = map[string]int{"harbour": 1, "mill-lane": 2, "airport": 4}, []int64{180, 260, 340, 420}
	t.Classes = map[fares.Class]fares.Rule{fares.Child: {Percent: 50, Under: 14}, fares.Senior: {Percent: 70, From: 65}, fares.Concession: {Percent: 60, Claim: "address.locality", Value: "Northwick"}}
	t.Bicycle, t.ChangeHours = 300, 1
	return fareSet{Table: t, Service: fixtureService, Routes: []string{"X9"}, Version: 2}
}

func fixturePlanned() Planned {
	run := fixtureRunning()
	gone := run
	gone.Departure.Date, gone.StartsAt, gone.EndsAt = "2026-12-04", run.StartsAt.AddDate(0, 0, 3), run.EndsAt.AddDate(0, 0, 3)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return Planned{
		Conflicts: []Contested{
			{Conflict{ID: "0198f2a6-0000-7000-8000-000000000301", Operator: fixtureOperator, Kind: ConflictChanged}, run, run.StartsAt.Add(45 * time.Minute), run.EndsAt.Add(45 * time.Minute)},
			{Conflict{ID: "0198f2a6-0000-7000-8000-000000000302", Operator: fixtureOperator, Kind: ConflictGone}, gone, time.Time{}, time.Time{}},
		},
		Versions: []FeedVersion{{Version: 2, Active: true, Name: "timetable.zip", FirstDay: day, LastDay: day.AddDate(0, 6, 0), ImportedAt: ui.GalleryTime},
			{Version: 1, Name: "agency.txt, stops.txt, routes.txt, trips.txt", FirstDay: day, LastDay: day.AddDate(0, 1, 0), ImportedAt: ui.GalleryTime.AddDate(0, 0, -20)}},
	}
}

// deskFixtures are the states of the operators' pages for the gallery.
func (s *Service) deskFixtures() []ui.Fixture {
	g := &Service{Deps: s.Deps, views: s.views}
	g.Clock = galleryClock{ui.GalleryTime}
	var out []ui.Fixture
	add := func(name string, roles []string, values map[string]string, render func(w http.ResponseWriter, r *http.Request) error) {
		out = append(out, ui.Fixture{Name: "staff-travel-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error { return render(w, atOperator(r, values, roles...)) }})
	}
	both, dispatcher, planner, conductor := []string{RolePlanner, RoleDispatcher}, []string{RoleDispatcher}, []string{RolePlanner}, []string{RoleConductor}
	run := fixtureRunning()
	off, withdrawn, unsettled, plain := run, run, run, run
	off.State, withdrawn.Offered, unsettled.Offered, unsettled.Unsettled = DepartureCalledOff, false, false, 2
	plain.Seats = 0
	on := fixtureBooked()
	settled := []Settled{{Number: "CT-2026-7K4M-93Q2", How: settledMoved}, {Number: "CT-2026-2B4M-11Q2", How: settledRebooked, To: run.ID}, {Number: "CT-2026-9Z4M-77Q2", How: settledRefunded}}
	back := ui.Link{Label: "…", Href: operatorPath(fixtureOperator)}
	type page = func(w http.ResponseWriter, r *http.Request) error
	add("operators", both, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showOperators(w, r, []kernel.AgencyID{fixtureOperator, "island-ferries"})
	})
	add("operators-none", planner, nil, func(w http.ResponseWriter, r *http.Request) error { return g.showOperators(w, r, nil) })
	add("day", both, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showDay(w, r, "2026-12-01", []Running{run, withdrawn, off, plain}, 2, nil)
	})
	add("day-empty", conductor, nil, func(w http.ResponseWriter, r *http.Request) error { return g.showDay(w, r, "2026-12-25", nil, 0, nil) })
	add("day-wrong", conductor, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showDay(w, r, "soon", nil, 0, kernel.InvalidFields(kernel.FieldError{Path: "day", Slug: "field.not-a-date", Message: "Write a date as YYYY-MM-DD."}))
	})
	departure := func(d Running, on []Booking) page {
		return func(w http.ResponseWriter, r *http.Request) error { return g.showDeparture(w, r, d, on) }
	}
	add("departure", dispatcher, nil, departure(run, on))
	add("departure-conductor", conductor, nil, departure(run, nil))
	add("departure-planner", planner, nil, departure(withdrawn, nil))
	add("departure-unsettled", both, nil, departure(unsettled, on))
	add("departure-called-off", dispatcher, nil, departure(off, nil))
	add("call-off", dispatcher, nil, func(w http.ResponseWriter, r *http.Request) error { return g.showCallOff(w, r, run, "", true, nil) })
	add("call-off-wrong", dispatcher, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showCallOff(w, r, run, "ill", true, goodReason("ill"))
	})
	add("result", dispatcher, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showResult(w, r, g.k(r, "done.moved"), settled, "", "", false, back)
	})
	add("result-failed", dispatcher, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showResult(w, r, g.k(r, "done.called-off"), append(settled, Settled{Number: "CT-2026-5K4M-00Q2", How: settledFailed, Err: kernel.ErrChanged}), "/staff/travel", "A storm closes the road.", true, back)
	})
	add("result-nobody", dispatcher, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showResult(w, r, g.k(r, "done.called-off"), nil, "", "", false, back)
	})
	timetable := func(p Planned, v func(r *http.Request) timetableView, problem error) page {
		return func(w http.ResponseWriter, r *http.Request) error { return g.showTimetable(w, r, p, v(r), problem) }
	}
	none := func(*http.Request) timetableView { return timetableView{} }
	add("timetable", planner, nil, timetable(fixturePlanned(), none, nil))
	add("timetable-dispatcher", dispatcher, nil, timetable(fixturePlanned(), none, nil))
	add("timetable-none", planner, nil, timetable(Planned{}, none, nil))
	add("timetable-refused", planner, nil, timetable(Planned{}, func(r *http.Request) timetableView {
		var p lines.Problems
		p.Add("stop_times.txt", 2, "arrival_time", "time", "")
		p.Add("calendar.txt", 0, "", "calendar", "")
		p.Total += 40
		return g.refusedView(r, &Refusal{p})
	}, errRefused))
	add("timetable-looked", planner, nil, timetable(fixturePlanned(), func(r *http.Request) timetableView {
		done := Imported{Made: 90, Moved: 88, Conflicts: 2, Counts: []Count{{"stops", 3}, {"routes", 1}, {"trips", 4}, {"calls", 12}, {"days", 30}}}
		return timetableView{Counts: g.countsTable(r, done), Again: "UEsDBA==", Notices: []ui.Notice{{Tone: ui.Info, Title: g.k(r, "looked"), Body: g.k(r, "looked-body", "made", 90, "moved", 88, "gone", 0, "conflicts", 2)}}}
	}, nil))
	for _, how := range []string{HowMoved, HowKept, HowCalledOff} {
		add("conflict-"+how, both, nil, func(w http.ResponseWriter, r *http.Request) error {
			return g.showConflict(w, r, fixturePlanned().Conflicts[0], how, "", true, nil)
		})
	}
	add("vehicles", planner, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showVehicles(w, r, []Vehicle{{fixtureForm(), 1, 13}})
	})
	add("vehicles-none", planner, nil, func(w http.ResponseWriter, r *http.Request) error { return g.showVehicles(w, r, nil) })
	add("vehicle-form", planner, map[string]string{"code": "coach-13"}, func(w http.ResponseWriter, r *http.Request) error {
		return g.showVehicleForm(w, r, fixtureForm().YAML(), 1, nil)
	})
	add("vehicle-wrong", planner, map[string]string{"code": newOne}, func(w http.ResponseWriter, r *http.Request) error {
		_, err := seats.Form{Code: "A!", Rows: []string{"1A 1A"}}.Layout()
		return g.showVehicleForm(w, r, "code: A!\nrows: [1A 1A]\n", 0, err)
	})
	add("vehicle-unreadable", planner, map[string]string{"code": newOne}, func(w http.ResponseWriter, r *http.Request) error {
		_, err := seats.Read([]byte("code: a\nseats: 4\n"))
		return g.showVehicleForm(w, r, "code: a\nseats: 4\n", 0, err)
	})
	add("fares", planner, nil, func(w http.ResponseWriter, r *http.Request) error {
		return g.showFares(w, r, []fareSet{fixtureFares()})
	})
	add("fares-none", conductor, nil, func(w http.ResponseWriter, r *http.Request) error { return g.showFares(w, r, nil) })
	add("fares-form", planner, map[string]string{"code": "coast"}, func(w http.ResponseWriter, r *http.Request) error {
		f := fixtureFares()
		return g.showFareForm(w, r, f.YAML(), f, nil)
	})
	add("fares-wrong", planner, map[string]string{"code": newOne}, func(w http.ResponseWriter, r *http.Request) error {
		return g.showFareForm(w, r, "code: coast\n", fareSet{}, fares.Table{Code: "coast"}.Check())
	})
	return out
}
