package travel

import (
	"context"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/seats"
)

// Running is a departure as those who run it see it.
type Running struct {
	Departure
	People    int // who is booked
	Seats     int // of the vehicle; 0: the operator has none for it
	Free      int // on the fullest part of the way
	Vehicle   seats.Layout
	Taken     []int // seats and places for wheelchairs that are taken, on each segment
	Occupied  seats.Busy
	Unsettled int // bookings that a move has left as they were
}

// Operators are the operators somebody works for. Whoever works for one.
func (s *Service) Operators(ctx context.Context) (out []kernel.AgencyID, err error) {
	who := kernel.PrincipalOf(ctx)
	var asked []kernel.AgencyID
	for _, id := range who.Agencies() {
		if who.Has(id, RoleConductor) || who.Has(id, RoleDispatcher) || who.Has(id, RolePlanner) {
			asked = append(asked, id)
		}
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out, err = operatorsAmong(ctx, tx, asked)
		return err
	})
	for _, id := range asked { // one that has no timetable yet; clinics have planners too, but nobody who drives
		if !slices.Contains(out, id) && (who.Has(id, RoleConductor) || who.Has(id, RoleDispatcher)) {
			out = append(out, id)
		}
	}
	return out, err
}

// OperatorDay lists an operator's departures of a day of service (YYYY-MM-DD; empty: today), with how full they are, and the
// number of conflicts that wait. Whoever works there. Errors: NotFound, Forbidden, Invalid.
func (s *Service) OperatorDay(ctx context.Context, operator kernel.AgencyID, day string) (on string, all []Running, conflicts int, err error) {
	if err := works(ctx, operator, RolePlanner, RoleDispatcher, RoleConductor); err != nil {
		return "", nil, 0, err
	}
	if day == "" {
		day = s.Clock.Now().In(kernel.TenantOf(ctx).Location()).Format(time.DateOnly)
	}
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return "", nil, 0, kernel.InvalidFields(kernel.FieldError{Path: "day", Slug: "field.not-a-date", Message: "Write a date as YYYY-MM-DD."})
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		found, err := departuresOn(ctx, tx, operator, day)
		if err != nil {
			return err
		}
		if all, err = s.running(ctx, tx, found); err != nil {
			return err
		}
		open, err := openConflicts(ctx, tx, operator)
		conflicts = len(open)
		return err
	})
	return day, all, conflicts, err
}

// running says how full departures are.
func (s *Service) running(ctx context.Context, tx kernel.Tx, all []Departure) ([]Running, error) {
	ids := make([]DepartureID, len(all))
	rides := make([]Ride, len(all))
	for i, d := range all {
		ids[i], rides[i] = d.ID, Ride{d, 0, len(d.Calls) - 1}
	}
	people, err := peopleOn(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	busy, err := busyOn(ctx, tx, rides)
	if err != nil {
		return nil, err
	}
	vehicles, out := map[string]seats.Layout{}, make([]Running, len(all))
	for i, d := range all {
		r := Running{Departure: d, People: people[d.ID], Occupied: busy[d.ID], Taken: make([]int, max(d.Segments(), 0))}
		key, known := string(d.Operator)+"/"+d.Layout, false
		if r.Vehicle, known = vehicles[key]; !known {
			if r.Vehicle, _, err = loadLayout(ctx, tx, d.Operator, d.Layout); err != nil && kernel.KindOf(err) != kernel.NotFound {
				return nil, err
			}
			vehicles[key] = r.Vehicle
		}
		r.Seats = r.Vehicle.Count(seats.Seat) + r.Vehicle.Count(seats.Wheelchair)
		r.Free = r.Seats
		for n := range r.Taken {
			for _, p := range r.Vehicle.Places {
				if p.Kind != seats.Bicycle && !r.Occupied.Free(p.Number, n, n+1) {
					r.Taken[n]++
				}
			}
			r.Free = min(r.Free, r.Seats-r.Taken[n])
		}
		out[i] = r
	}
	return out, nil
}

// RunningDeparture reads one departure with how full it is; nobody's name. Whoever works there. Errors: NotFound, Forbidden.
func (s *Service) RunningDeparture(ctx context.Context, operator kernel.AgencyID, id DepartureID) (r Running, err error) {
	if err := works(ctx, operator, RolePlanner, RoleDispatcher, RoleConductor); err != nil {
		return Running{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		d, err := runBy(ctx, tx, operator, id)
		if err != nil {
			return err
		}
		all, err := s.running(ctx, tx, []Departure{d})
		if err != nil {
			return err
		}
		r = all[0]
		open, err := unsettledMoves(ctx, tx, id)
		r.Unsettled = len(open)
		return err
	})
	return r, err
}

// Planned is what a planner looks after: the timetables brought, and the departures about which somebody has to decide.
type Planned struct {
	Versions  []FeedVersion
	Conflicts []Contested
}

// Contested is a conflict with what people need to decide about it.
type Contested struct {
	Conflict
	Running
	Begins, Ends time.Time // in the timetable in force; zero: it has no such departure
}

// Plan reads an operator's timetables and conflicts. Planners and dispatchers. Errors: NotFound, Forbidden.
func (s *Service) Plan(ctx context.Context, operator kernel.AgencyID) (p Planned, err error) {
	if err := works(ctx, operator, RolePlanner, RoleDispatcher); err != nil {
		return Planned{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if p.Versions, err = feedVersions(ctx, tx, operator); err != nil {
			return err
		}
		open, err := openConflicts(ctx, tx, operator)
		if err != nil {
			return err
		}
		ids := make([]DepartureID, len(open))
		for i, c := range open {
			ids[i] = c.Departure
		}
		found, err := loadDepartures(ctx, tx, ids...)
		if err != nil {
			return err
		}
		all := make([]Departure, len(open))
		for i, id := range ids {
			all[i] = found[id]
		}
		running, err := s.running(ctx, tx, all)
		if err != nil {
			return err
		}
		now, err := inForce(ctx, tx, operator, ids)
		if err != nil {
			return err
		}
		p.Conflicts = make([]Contested, len(open))
		for i, c := range open {
			p.Conflicts[i] = Contested{c, running[i], now[c.Departure][0], now[c.Departure][1]}
		}
		return nil
	})
	return p, err
}
