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

// search is what somebody looks for, as it stands in addresses.
type search struct {
	From, To string // ids of stops
	Day      string // YYYY-MM-DD by the municipality's clock; empty: from now on
}

// maxFound is how many departures one page shows.
const maxFound = 12

// Departures lists the next departures of a service between two stops from a local day on, soonest first; those that are not
// sold are left out. Everybody may.
func (s *Service) Departures(ctx context.Context, service string, q search) (out []Departing, stops []stopChoice, err error) {
	after := s.Clock.Now()
	if day, err := time.ParseInLocation(time.DateOnly, q.Day, kernel.TenantOf(ctx).Location()); err == nil && day.After(after) {
		after = day
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if stops, err = stopsOf(ctx, tx, service); err != nil || q.From == "" || q.To == "" {
			return err
		}
		out, err = s.departing(ctx, tx, service, q, after, "", "")
		return err
	})
	return out, stops, err
}

// departing lists rides with price and room; operator empty: anybody's.
func (s *Service) departing(ctx context.Context, tx kernel.Tx, service string, q search, after time.Time, except DepartureID, operator kernel.AgencyID) (out []Departing, err error) {
	if except == "" {
		except = "00000000-0000-0000-0000-000000000000"
	}
	rides, err := nextRides(ctx, tx, q.From, q.To, after, except, operator, 2*maxFound)
	if err != nil {
		return nil, err
	}
	for _, r := range rides {
		if len(out) == maxFound {
			break
		}
		o, err := s.offerOf(ctx, tx, r.Departure, r.Begins().Seq, r.Ends().Seq)
		if err != nil || o.Fares.Service != service {
			continue // not sold, or as something else
		}
		who, err := s.travellers(ctx, tx, make([]Wish, 1), nil)
		if err != nil {
			return nil, err
		}
		price, err := o.price(who, false)
		if err != nil {
			continue
		}
		busy, err := busyOf(ctx, tx, r.Departure, "")
		if err != nil {
			return nil, err
		}
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

// others lists what somebody could change to: the other departures of the same operator between the same stops.
func (s *Service) others(ctx context.Context, t MyTrip) (out []Departing, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		q := search{From: t.Ride.Begins().Stop, To: t.Ride.Ends().Stop}
		out, err = s.departing(ctx, tx, t.Service, q, s.Clock.Now(), t.Departure, t.Operator)
		return err
	})
	return slices.DeleteFunc(out, func(d Departing) bool { return d.Room < len(t.Passengers) }), err
}

// definitions are the services of the sector.
func (s *Service) definitions() (out []*workflows.Definition) {
	for _, d := range s.Library.All() {
		if d.Sector == Sector {
			out = append(out, d)
		}
	}
	return out
}

// offers reports NotThere for a service the municipality does not offer.
func (s *Service) offers(ctx context.Context, slug string) error {
	if !slices.Contains(kernel.TenantOf(ctx).Services, slug) {
		return kernel.NotThere("service")
	}
	return nil
}
