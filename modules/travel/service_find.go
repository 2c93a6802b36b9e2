package travel

import (
	"context"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/seats"
	"townhall/workflows"
)

// Departing is a ride somebody could take: when, for how much, and how many seats are left.
type Departing struct {
	Ride
	Adult    int64 // minor units for one adult
	Currency string
	Room     int // seats that are free all the way
}

// search is what somebody looks for, as it stands in addresses: stops by their ids or as they are typed.
type search struct {
	From, To string
	Day      string // YYYY-MM-DD; empty: today
	After    string // HH:MM; empty: from the beginning of the day
}

// Offered are the departures between two places on one day that a service sells.
type Offered struct {
	From, To []Place // the places that were meant; none: nothing is called so
	Day      string
	List     []Departing
	Changes  []Journey // ways with a change, where there are few without
	Later    string    // HH:MM, from when there are more on this day than one page shows; empty: there are none
	Next     string    // the first later day within a week on which there is one, when this one has none
}

// maxFound is how many departures one page shows.
const maxFound = 12

// Departures lists what a service sells between two places on a day, soonest first; departures that are not sold are left
// out. Everybody may. Errors: Invalid for a day that is none.
func (s *Service) Departures(ctx context.Context, service string, q search) (Offered, error) {
	out, err := s.departures(ctx, service, q)
	if err != nil || len(out.List) > 0 || len(out.From) == 0 || len(out.To) == 0 {
		return out, err
	}
	out.Next, err = s.Timetable.nextDay(ctx, Journeys{From: out.From, To: out.To, Day: out.Day}, 7)
	return out, err
}

func (s *Service) departures(ctx context.Context, service string, q search) (Offered, error) {
	j, err := s.Timetable.Search(ctx, JourneyQuery{From: q.From, To: q.To, Day: q.Day, After: q.After, Limit: 2 * maxFound})
	out := Offered{From: j.From, To: j.To, Day: j.Day}
	if err != nil {
		return out, err
	}
	var ids []DepartureID
	for _, way := range j.List {
		if len(way.Legs) == 1 {
			ids = append(ids, way.Legs[0].Departure.ID)
		} else {
			out.Changes = append(out.Changes, way)
		}
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		found, err := loadDepartures(ctx, tx, ids...)
		if err != nil {
			return err
		}
		var rides []Ride
		for _, way := range j.List {
			if len(way.Legs) == 1 {
				l := way.Legs[0]
				if ride, ok := found[l.Departure.ID].Ride(l.From.Seq, l.To.Seq); ok {
					rides = append(rides, ride)
				}
			}
		}
		out.List, err = s.departing(ctx, tx, setUp{}, service, rides)
		out.Later = laterThan(out.List, rides)
		return err
	})
	return out, err
}

// laterThan is the time of the first ride behind a full page, by the clock where it begins.
func laterThan(page []Departing, rides []Ride) string {
	if len(page) < maxFound {
		return ""
	}
	last := page[len(page)-1]
	for _, r := range rides {
		if at := r.Begins().Departs; at.After(last.Begins().Departs) {
			return at.In(r.Location()).Format("15:04")
		}
	}
	return ""
}

// departing are the rides of a service with price and room.
func (s *Service) departing(ctx context.Context, tx kernel.Tx, set setUp, service string, rides []Ride) (out []Departing, err error) {
	taken, err := busyOn(ctx, tx, rides)
	if err != nil {
		return nil, err
	}
	for _, r := range rides {
		if len(out) == maxFound {
			break
		}
		o, err := s.offerWith(ctx, tx, set, r.Departure, r.Begins().Seq, r.Ends().Seq)
		if err != nil || o.Fares.Service != service {
			continue // not sold, or as something else
		}
		who, err := s.travellers(ctx, tx, service, make([]Wish, 1), nil)
		if err != nil {
			return nil, err
		}
		price, err := o.price(who)
		if err != nil {
			continue
		}
		busy := taken[r.ID]
		d := Departing{Ride: r, Adult: price.Total, Currency: price.Currency}
		for _, p := range o.Vehicle.Places {
			if p.Kind == seats.Seat && busy.Free(p.Number, r.From, r.To) {
				d.Room++
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// Other is a ride to which a booking could be changed.
type Other struct {
	Departing
	More int64 // minor units that the whole booking would cost more; below zero: less
}

// others lists what somebody could change to: the next other departures of the same operator between the same stops from a moment
// on, none that have left, with what Change would ask for or give back. Nothing is held.
func (s *Service) others(ctx context.Context, t MyTrip, from time.Time) (out []Other, err error) {
	if now := s.Clock.Now(); from.Before(now) {
		from = now
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		rides, err := nextRides(ctx, tx, t.Ride.Begins().Stop, t.Ride.Ends().Stop, from, t.Departure, t.Operator, 2*maxFound)
		if err != nil {
			return err
		}
		set := setUp{}
		found, err := s.departing(ctx, tx, set, t.Service, rides)
		if err != nil {
			return err
		}
		who, err := s.ridersOf(ctx, tx, t.Booking)
		if err != nil {
			return err
		}
		for _, d := range found {
			if d.Room < len(t.Passengers) || d.Currency != t.Currency {
				continue
			}
			o, err := s.offerWith(ctx, tx, set, d.Departure, d.Begins().Seq, d.Ends().Seq)
			if err != nil {
				return err
			}
			price, premium, err := t.priceOn(o, who)
			if err != nil {
				continue // it has no price for one of them
			}
			out = append(out, Other{d, price.Fare + premium - t.Fare - t.Insurance})
		}
		return nil
	})
	return out, err
}

// definitions are the services of the sector that it serves itself: those by which rides are sold.
func (s *Service) definitions() (out []*workflows.Definition) {
	for _, d := range s.Library.All() {
		if sold(d) {
			out = append(out, d)
		}
	}
	return out
}

func sold(d *workflows.Definition) bool { return d.Sector == Sector && d.NeedsSector() }

// offers reports NotThere for a service the municipality does not offer.
func (s *Service) offers(ctx context.Context, slug string) error {
	if !slices.Contains(kernel.TenantOf(ctx).Services, slug) {
		return kernel.NotThere("service")
	}
	return nil
}
