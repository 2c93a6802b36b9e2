package travel

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
	"townhall/workflows"
)

// galleryClock stands still, so that a fixture is the same tomorrow.
type galleryClock struct{ at time.Time }

func (c galleryClock) Now() time.Time { return c.at }

const fixtureService = "coach-ticket"

// fixtureRide is a ride of a made-up line.
func fixtureRide() Ride {
	begins := time.Date(2026, 12, 1, 9, 40, 0, 0, time.UTC)
	d := Departure{ID: "0198f2a6-0000-7000-8000-000000000021", Operator: "coast-coaches", Date: "2026-12-01", Route: Route{Short: "X9", Name: kernel.Text{"en": "Coast Express", "ru": "Прибрежный экспресс", "zh": "海岸快线"}}, Headsign: fixtureStops[2], Offered: true, Zone: "Europe/London",
		Layout: "coach-49", State: DepartureScheduled}
	for i, name := range fixtureStops {
		at := begins.Add(time.Duration(i) * 40 * time.Minute)
		d.Calls = append(d.Calls, Call{Seq: i, Stop: StopID("0198f2a6-0000-7000-8000-00000000010" + itoa(i)), Code: "stop-" + itoa(i), Name: name, Zone: d.Zone, Arrives: at, Departs: at, Pickup: true, DropOff: true})
	}
	d.StartsAt, d.EndsAt = begins, d.Calls[2].Arrives
	return Ride{d, 0, 2}
}

var fixtureStops = []kernel.Text{
	{"en": "Harbour", "ru": "Гавань", "zh": "港口"}, {"en": "Mill Lane", "ru": "Мельничная улица", "zh": "磨坊巷"}, {"en": "Airport", "ru": "Аэропорт", "zh": "机场"},
}

func fixtureRules() fares.Table {
	return fares.Table{Code: "coast", Currency: "GBP", Refunds: []fares.Refund{{Hours: 48, Percent: 90}, {Hours: 2, Percent: 50}}, Insurance: &fares.Insurance{Products: []fares.Product{
		{Code: "cancellation", Name: kernel.Text{"en": "Trip cancellation", "ru": "Отмена поездки", "zh": "行程取消"}, Fixed: 100, Percent: 4, Minimum: 150, Covers: 80,
			Terms: kernel.Text{"en": "Holds whatever the reason.", "ru": "Действует при любой причине.", "zh": "不论何种原因均可退票。"}},
		{Code: "accident", Name: kernel.Text{"en": "Accident on the way", "ru": "Несчастный случай в пути", "zh": "途中意外"}, PerPerson: 120, UpTo: 500000,
			Terms: kernel.Text{"en": "From boarding to getting off. Not for what was known before.", "ru": "От посадки до высадки. Не распространяется на то, что было известно заранее.", "zh": "自上车起至下车止，不含事先已知的情况。"}},
	}}}
}

// fixtureCoach is the vehicle of its line.
func fixtureCoach() seats.Layout {
	l, err := seats.Form{Code: "coach-49", Name: kernel.Text{"en": "Coach with 49 seats", "ru": "Автобус на 49 мест", "zh": "49座客车"}, Wheelchairs: []string{"W1"}, Bicycles: 4,
		Rows: []string{"W1 . | 1C 1D", "3A 3B | 3C 3D", "4A 4B | 4C 4D", "10A 10B | 10C 10D", "11A 11B | 11C 11D", "12A 12B | 12C 12D", "13A 13B 13E 13C 13D"}}.Layout()
	if err != nil {
		panic(err) // it stands here
	}
	return l
}

// fixtureFerry has as many places beside each other as a phone shows.
func fixtureFerry() seats.Layout {
	l, err := seats.Form{Code: "ferry-60", Name: kernel.Text{"en": "Ferry with 60 seats", "ru": "Паром на 60 мест", "zh": "60座渡轮"}, Wheelchairs: []string{"W1", "W2"}, Bicycles: 12,
		Rows: []string{"W1 W2 | . . . | 1F 1G", "2A 2B | 2C 2D 2E | 2F 2G", "9A 9B | 9C 9D 9E | 9F 9G", "12A 12B | . . . | . ."}}.Layout()
	if err != nil {
		panic(err) // it stands here
	}
	return l
}

// fixtureTrip is a booking for two in a state.
func (s *Service) fixtureTrip(state string) MyTrip {
	ride := fixtureRide()
	b := Booking{Case: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c55", Version: 3, Number: "CT-2026-7K4M-93Q2", Service: fixtureService, Operator: ride.Operator, State: state,
		Departure: ride.ID, FromSeq: 0, ToSeq: 2, DepartsAt: ride.Begins().Departs, ArrivesAt: ride.Ends().Arrives, Currency: "GBP", Fare: 1875, Insurance: 415, Insured: true,
		Rules: fixtureRules().JSON(), Passengers: []Passenger{
			{N: 1, Name: "Anna Whitfield", Self: true, Kind: "seat", Class: "adult", Fare: 1250, Place: "12A", Bicycle: true, BikePlace: "B1"},
			{N: 2, Name: "Leo Whitfield", Birthdate: "2019-05-04", Declared: true, Kind: "seat", Class: "child", Proof: true, Fare: 625, Place: "12B"},
		}}
	t := MyTrip{Booking: b, Departed: ride.Departure, Ride: ride, Terms: fixtureRules().Terms(b.DepartsAt, s.Clock.Now()), Back: 1687}
	switch state {
	case StateDraft, StatePaying:
		t.HoldUntil = ui.GalleryTime.Add(8 * time.Minute)
	case StateBooked, StateTravelled:
		t.Policy = Policy{Number: "TI-2026-4N8K-2QF7", Insurer: "travel-insurance", State: PolicyForce, BeginsOn: "2026-11-23", EndsOn: "2026-12-01"}
		t.Tickets = []Ticket{{Code: "K7M4N2Q5R6S7T2U3", N: 1, State: TicketValid}, {Code: "A2B3C4D5E6F7G2H3", N: 2, State: TicketUsed}}
	case StateCancelled:
		t.GivenBack = 1687
		t.Policy = Policy{Number: "TI-2026-4N8K-2QF7", Insurer: "travel-insurance", State: PolicyVoid, BeginsOn: "2026-11-23", EndsOn: "2026-12-01", VoidedOn: "2026-11-24"}
	case StateCalledOff:
		t.GivenBack = 2290
	}
	if state != StateDraft {
		pounds := func(n int64) kernel.Money { return kernel.Money{Amount: n, Currency: "GBP"} }
		t.Payments = []kernel.Payment{{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c66", State: kernel.PaymentOpen, Amount: pounds(2290), Refunded: pounds(t.GivenBack),
			PayURL: "https://wallet.example/pay/kq3v9m2x", Until: ui.GalleryTime.Add(8 * time.Minute)}}
	}
	return t
}

// fixtureOthers are later rides: dearer, cheaper and as dear as the one that is booked.
// fixtureDay is the day of the made-up ride.
var fixtureDay = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func fixtureOthers() (out []Other) {
	for i, more := range []int64{320, -450, 0} {
		ride, later := fixtureRide(), time.Duration(i+1)*2*time.Hour
		ride.StartsAt, ride.EndsAt = ride.StartsAt.Add(later), ride.EndsAt.Add(later)
		for n := range ride.Calls {
			ride.Calls[n].Arrives, ride.Calls[n].Departs = ride.Calls[n].Arrives.Add(later), ride.Calls[n].Departs.Add(later)
		}
		out = append(out, Other{Departing{ride, 1250, "GBP", 31}, more})
	}
	return out
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
	found := Offered{From: []Place{{Name: fixtureStops[0]}}, To: []Place{{Name: fixtureStops[2]}}, Day: q.Day}
	none, later, nowhere := found, found, Offered{Day: q.Day}
	later.Next = "2026-12-03"
	found.List = []Departing{{ride, 1250, "GBP", 31}, {ride, 1250, "GBP", 0}}
	found.Changes = []Journey{{Departs: ride.Begins().Departs, Arrives: ride.Ends().Arrives, Legs: []Leg{
		{ride.Departure, ride.Calls[0], ride.Calls[1]}, {ride.Departure, ride.Calls[1], ride.Calls[2]}}}}
	quoted := Quoted{Ride: ride, Room: 31, Sale: true, Price: fares.Price{Currency: "GBP", Fare: 1250, Total: 1250}, Terms: fixtureRules().Terms(ride.Begins().Departs, ui.GalleryTime)}
	other := []kernel.Alternative{{ID: string(ride.ID), StartsAt: ride.Begins().Departs.Add(2 * time.Hour), EndsAt: ride.Ends().Arrives.Add(2 * time.Hour), Place: ride.Route.Short}}
	return []ui.Fixture{
		{Name: "travel-start-visitor", Render: func(w http.ResponseWriter, r *http.Request) error {
			return s.showStart(w, r, def, "", nil, nil)
		}},
		fixture("start", func(w http.ResponseWriter, r *http.Request) error {
			return s.showStart(w, r, def, "", []Booking{s.fixtureTrip(StateBooked).Booking, s.fixtureTrip(StateCancelled).Booking}, map[DepartureID]Departure{ride.ID: ride.Departure})
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
	offered := offer{Insures: fixtureRules().Insurance}.premiums(2500, 2)
	free := []string{"1D", "3A", "3B", "4C", "4D", "10A", "10B", "10C", "11A", "11D", "12C", "12D", "13E", "B3", "B4"}
	wrong := []Named{{Self: true}, {Birthdate: "yesterday"}}
	return []ui.Fixture{
		fixture("names", func(w http.ResponseWriter, r *http.Request) error {
			return s.showNames(w, r, s.fixtureTrip(StateDraft), named, offered, []string{"cancellation"}, nil)
		}),
		fixture("names-wrong", func(w http.ResponseWriter, r *http.Request) error {
			t := s.fixtureTrip(StateDraft)
			return s.showNames(w, r, t, wrong, offered, nil, s.checkNamed(t.Booking, offer{Ride: t.Ride}, wrong))
		}),
		fixture("seats", func(w http.ResponseWriter, r *http.Request) error {
			return s.showSeats(w, r, s.fixtureTrip(StateDraft), fixtureCoach(), free, []string{"12A", "12B", "B1"}, nil)
		}),
		fixture("seats-wrong", func(w http.ResponseWriter, r *http.Request) error {
			return s.showSeats(w, r, s.fixtureTrip(StateDraft), fixtureCoach(), free, []string{"12A", "B1"}, errPlacesCount)
		}),
		fixture("seats-ferry", func(w http.ResponseWriter, r *http.Request) error {
			t := s.fixtureTrip(StateDraft)
			t.Passengers[1].Kind, t.Passengers[1].Place = "wheelchair", "W1"
			return s.showSeats(w, r, t, fixtureFerry(), append(free, "1F", "1G", "2A", "9A", "9C", "9D", "9E", "9F", "9G"), []string{"12A", "W1", "B1"}, nil)
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
			return s.showChange(w, r, s.fixtureTrip(StateBooked), fixtureDay, fixtureOthers(), nil)
		}),
		fixture("change-none", func(w http.ResponseWriter, r *http.Request) error {
			return s.showChange(w, r, s.fixtureTrip(StateBooked), fixtureDay, nil, ErrTooLate)
		}),
		fixture("changing", func(w http.ResponseWriter, r *http.Request) error {
			return s.showChanging(w, r, s.fixtureTrip(StateBooked), fixtureOthers()[0])
		}),
	}
}
