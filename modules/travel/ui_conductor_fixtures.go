package travel

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// conductorFixtures are the conductors' pages in the states people meet, for the gallery. They need no database.
func (s *Service) conductorFixtures() []ui.Fixture {
	g := &Service{Deps: s.Deps, views: s.views}
	ride := fixtureRide()
	g.Clock = galleryClock{ride.Begins().Departs.Add(10 * time.Minute)}
	at := func(name string, fn func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
		return ui.Fixture{Name: "travel-conductor-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			who := kernel.PrincipalOf(r.Context())
			who.Grants = []kernel.Grant{{Agency: ride.Operator, Role: RoleConductor}, {Agency: "island-ferries", Role: RoleConductor}}
			return fn(w, r.WithContext(kernel.WithPrincipal(r.Context(), who)))
		}}
	}
	list, after := fixtureBoard(ride), fixtureBoard(ride)
	after.Tickets[1].State, after.Tickets[1].UsedAt = TicketUsed, after.AsOf
	none, off := BoardList{Departure: ride.Departure}, list
	off.Departure.State = DepartureCalledOff
	looked := func(name, key string, status int, fill func(r *http.Request, v *verdictView)) ui.Fixture {
		return at(name, func(w http.ResponseWriter, r *http.Request) error {
			v := g.verdictView(r, key)
			if fill != nil {
				fill(r, &v)
			}
			return g.showScan(w, r, list, &v, status)
		})
	}
	later := ride.Departure
	later.StartsAt, later.EndsAt, later.State = later.StartsAt.Add(24*time.Hour), later.EndsAt.Add(24*time.Hour), DepartureCalledOff
	return []ui.Fixture{
		at("operators", g.boardsPage),
		at("board", func(w http.ResponseWriter, r *http.Request) error {
			return g.showBoard(w, r, ride.Operator, []Boarding{{ride.Departure, 31, 12}, {later, 4, 0}})
		}),
		at("board-none", func(w http.ResponseWriter, r *http.Request) error { return g.showBoard(w, r, ride.Operator, nil) }),
		at("scan", func(w http.ResponseWriter, r *http.Request) error { return g.showScan(w, r, list, nil, 0) }),
		at("scan-nobody", func(w http.ResponseWriter, r *http.Request) error { return g.showScan(w, r, none, nil, 0) }),
		at("scan-called-off", func(w http.ResponseWriter, r *http.Request) error { return g.showScan(w, r, off, nil, 0) }),
		at("scan-accepted", func(w http.ResponseWriter, r *http.Request) error {
			t := s.fixtureTrip(StateBooked)
			return g.showScan(w, r, after, g.acceptedView(r, Checked{Passenger: t.Passengers[1], From: "Harbour", To: "Airport"}), 0)
		}),
		looked("scan-second", LookSecond, http.StatusConflict, func(r *http.Request, v *verdictView) { v.Note = g.c(r, "second-body", "time", "09:36") }),
		looked("scan-void", LookVoid, http.StatusConflict, nil), looked("scan-other", LookOther, http.StatusConflict, nil), looked("scan-unknown", LookUnknown, http.StatusNotFound, nil),
	}
}

// fixtureBoard is a list of three tickets, one of them used, and a void one.
func fixtureBoard(ride Ride) BoardList {
	harbour, mill, airport := ride.Calls[0].Name, ride.Calls[1].Name, ride.Calls[2].Name
	return BoardList{Departure: ride.Departure, AsOf: ui.GalleryTime, Tickets: []OnBoard{
		{Hash: HashOf("A"), State: TicketUsed, Class: "adult", Place: "12A", BikePlace: "B1", From: harbour, To: airport, UsedAt: ride.Begins().Departs.Add(-4 * time.Minute)},
		{Hash: HashOf("B"), State: TicketValid, Class: "child", Proof: true, Place: "12B", From: harbour, To: airport},
		{Hash: HashOf("C"), State: TicketValid, Class: "concession", Place: "14C", From: mill, To: airport},
		{Hash: HashOf("D"), State: TicketVoid},
	}}
}
