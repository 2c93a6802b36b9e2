package travel

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/fares"
	"townhall/workflows"
)

// galleryClock stands still, so that a fixture is the same tomorrow.
type galleryClock struct{ at time.Time }

func (c galleryClock) Now() time.Time { return c.at }

const fixtureService = "coach-ticket"

// fixtureRide is a ride of a made-up line.
func fixtureRide() Ride {
	begins := time.Date(2026, 12, 1, 9, 40, 0, 0, time.UTC)
	d := Departure{ID: "0198f2a6-0000-7000-8000-000000000021", Operator: "coast-coaches", Date: "2026-12-01", Route: Route{Short: "X9", Name: same("Coast Express")}, Headsign: same("Airport"), Offered: true, Zone: "Europe/London",
		Layout: "coach-49", State: DepartureScheduled}
	for i, name := range []string{"Harbour", "Mill Lane", "Airport"} {
		at := begins.Add(time.Duration(i) * 40 * time.Minute)
		d.Calls = append(d.Calls, Call{Seq: i, Stop: StopID("0198f2a6-0000-7000-8000-00000000010" + itoa(i)), Code: "stop-" + itoa(i), Name: same(name), Zone: d.Zone, Arrives: at, Departs: at, Pickup: true, DropOff: true})
	}
	return Ride{d, 0, 2}
}

// same is a name that is the same in every language.
func same(name string) kernel.Text { return kernel.Text{"en": name} }

func fixtureRules() fares.Table {
	return fares.Table{Code: "coast", Currency: "GBP", Refunds: []fares.Refund{{Hours: 48, Percent: 90}, {Hours: 2, Percent: 50}},
		Insurance: &fares.Insurance{Fixed: 100, Percent: 4, Minimum: 150, Covers: 80}}
}

// fixtureTrip is a booking for two in a state.
func (s *Service) fixtureTrip(state string) MyTrip {
	ride := fixtureRide()
	b := Booking{Case: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c55", Version: 3, Number: "CT-2026-7K4M-93Q2", Service: fixtureService, Operator: ride.Operator, State: state,
		Departure: ride.ID, FromSeq: 0, ToSeq: 2, DepartsAt: ride.Begins().Departs, ArrivesAt: ride.Ends().Arrives, Currency: "GBP", Fare: 1875, Insurance: 175, Insured: true,
		Rules: fixtureRules().JSON(), Passengers: []Passenger{
			{N: 1, Name: "Anna Whitfield", Self: true, Kind: "seat", Class: "adult", Fare: 1250, Place: "12A", Bicycle: true, BikePlace: "B1"},
			{N: 2, Name: "Leo Whitfield", Birthdate: "2019-05-04", Declared: true, Kind: "seat", Class: "child", Proof: true, Fare: 625, Place: "12B"},
		}}
	t := MyTrip{Booking: b, Departed: ride.Departure, Ride: ride, Terms: fixtureRules().Terms(b.DepartsAt, s.Clock.Now(), true), Back: 1687}
	switch state {
	case StateDraft, StatePaying:
		t.HoldUntil = ui.GalleryTime.Add(8 * time.Minute)
	case StateBooked, StateTravelled:
		t.Tickets = []Ticket{{Code: "K7M4N2Q5R6S7T2U3", N: 1, State: TicketValid}, {Code: "A2B3C4D5E6F7G2H3", N: 2, State: TicketUsed}}
	case StateCancelled:
		t.GivenBack = 1687
	case StateCalledOff:
		t.GivenBack = 2050
	}
	if state != StateDraft {
		pounds := func(n int64) kernel.Money { return kernel.Money{Amount: n, Currency: "GBP"} }
		t.Payments = []kernel.Payment{{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c66", State: kernel.PaymentOpen, Amount: pounds(2050), Refunded: pounds(t.GivenBack),
			PayURL: "https://wallet.example/pay/kq3v9m2x", Until: ui.GalleryTime.Add(8 * time.Minute)}}
	}
	return t
}

// citizenFixtures are the citizens' pages in the states people meet, for the gallery. They need no database.
func (s *Service) citizenFixtures() []ui.Fixture {
	g := &Service{Deps: s.Deps, views: s.views}
	g.Clock = galleryClock{ui.GalleryTime}
	def, ok := s.Library.Get(fixtureService)
	if !ok {
		return nil
	}
	return append(g.findFixtures(def), g.tripFixtures(def)...)
}

func fixture(name string, fn func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
	return ui.Fixture{Name: "travel-" + name, As: kernel.Citizen, Render: fn}
}

func (s *Service) findFixtures(def *workflows.Definition) []ui.Fixture {
	ride := fixtureRide()
	q := search{From: "Harbour", To: "Airport", Day: "2026-12-01"}
	found := Offered{From: []Place{{Name: same("Harbour")}}, To: []Place{{Name: same("Airport")}}, Day: q.Day}
	none, later, nowhere := found, found, Offered{Day: q.Day}
	later.Next = "2026-12-03"
	found.List = []Departing{{ride, 1250, "GBP", 31}, {ride, 1250, "GBP", 0}}
	found.Changes = []Journey{{Departs: ride.Begins().Departs, Arrives: ride.Ends().Arrives, Legs: []Leg{
		{ride.Departure, ride.Calls[0], ride.Calls[1]}, {ride.Departure, ride.Calls[1], ride.Calls[2]}}}}
	quoted := Quoted{Ride: ride, Room: 31, Sale: true, Price: fares.Price{Currency: "GBP", Fare: 1250, Total: 1250}, Terms: fixtureRules().Terms(ride.Begins().Departs, ui.GalleryTime, false)}
	other := []kernel.Alternative{{ID: string(ride.ID), StartsAt: ride.Begins().Departs.Add(2 * time.Hour), EndsAt: ride.Ends().Arrives.Add(2 * time.Hour), Place: ride.Route.Short}}
	return []ui.Fixture{
		{Name: "travel-start-visitor", Render: func(w http.ResponseWriter, r *http.Request) error {
			return s.showStart(w, r, def, nil, nil)
		}},
		fixture("start", func(w http.ResponseWriter, r *http.Request) error {
			return s.showStart(w, r, def, []Booking{s.fixtureTrip(StateBooked).Booking, s.fixtureTrip(StateCancelled).Booking}, map[DepartureID]Departure{ride.ID: ride.Departure})
		}),
		fixture("departures", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDepartures(w, r, def, q, found)
		}),
		fixture("departures-none", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDepartures(w, r, def, q, none)
		}),
		fixture("departures-later", func(w http.ResponseWriter, r *http.Request) error { return s.showDepartures(w, r, def, q, later) }),
		fixture("departures-no-place", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDepartures(w, r, def, search{From: "Harbourr", To: "Airport"}, nowhere)
		}),
		fixture("ride", func(w http.ResponseWriter, r *http.Request) error {
			return s.showRide(w, r, def, quoted, make([]Wish, 2), nil)
		}),
		fixture("ride-full", func(w http.ResponseWriter, r *http.Request) error {
			return s.showRide(w, r, def, quoted, make([]Wish, 4), ErrSeatsTaken.Offering(other))
		}),
	}
}

func (s *Service) tripFixtures(def *workflows.Definition) []ui.Fixture {
	trip := func(name, state string, change func(*MyTrip)) ui.Fixture {
		return fixture("trip-"+name, func(w http.ResponseWriter, r *http.Request) error {
			t := s.fixtureTrip(state)
			if change != nil {
				change(&t)
			}
			return s.showTrip(w, r, def, t)
		})
	}
	named := []Named{{Self: true}, {Name: "Leo Whitfield", Birthdate: "2019-05-04"}}
	wrong := []Named{{Self: true}, {Birthdate: "yesterday"}}
	return []ui.Fixture{
		fixture("names", func(w http.ResponseWriter, r *http.Request) error {
			return s.showNames(w, r, s.fixtureTrip(StateDraft), named, true, nil)
		}),
		fixture("names-wrong", func(w http.ResponseWriter, r *http.Request) error {
			t := s.fixtureTrip(StateDraft)
			return s.showNames(w, r, t, wrong, false, s.checkNamed(t.Booking, offer{Ride: t.Ride}, wrong))
		}),
		fixture("seats", func(w http.ResponseWriter, r *http.Request) error {
			return s.showSeats(w, r, s.fixtureTrip(StateDraft), []string{"1A", "1B", "2C"}, nil)
		}),
		fixture("check", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCheck(w, r, s.fixtureTrip(StateDraft), nil)
		}),
		fixture("check-gone", func(w http.ResponseWriter, r *http.Request) error {
			t := s.fixtureTrip(StateDraft)
			t.HoldUntil = ui.GalleryTime.Add(-time.Minute)
			return s.showCheck(w, r, t, ErrPlacesGone)
		}),
		trip("paying", StatePaying, nil),
		trip("paying-waits", StatePaying, func(t *MyTrip) { t.Payments[0].PayURL = "" }),
		trip("booked", StateBooked, func(t *MyTrip) { t.Payments[0].State = kernel.PaymentCaptured }),
		trip("changing", StateBooked, func(t *MyTrip) { t.Changing = true }),
		trip("moved", StateBooked, func(t *MyTrip) {
			t.Before = Moved{t.DepartsAt.Add(-45 * time.Minute), t.ArrivesAt.Add(-45 * time.Minute), true}
			t.Terms, t.Back = everythingUntil(t.DepartsAt, s.Clock.Now()), 2050
		}),
		trip("cancelled", StateCancelled, nil),
		trip("called-off", StateCalledOff, nil),
		trip("lapsed", StateLapsed, nil),
		fixture("cancel", func(w http.ResponseWriter, r *http.Request) error {
			return s.showCancel(w, r, s.fixtureTrip(StateBooked), nil)
		}),
		fixture("change", func(w http.ResponseWriter, r *http.Request) error {
			return s.showChange(w, r, s.fixtureTrip(StateBooked), []Departing{{fixtureRide(), 1250, "GBP", 31}}, nil)
		}),
		fixture("change-none", func(w http.ResponseWriter, r *http.Request) error {
			return s.showChange(w, r, s.fixtureTrip(StateBooked), nil, ErrTooLate)
		}),
	}
}
