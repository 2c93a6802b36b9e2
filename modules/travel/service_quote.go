package travel

import (
	"context"
	"errors"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// Asked names a ride: a departure, and the calls between which somebody wants to go, by their numbers.
type Asked struct {
	Departure DepartureID
	FromSeq   int
	ToSeq     int
}

// offer is a ride with what is needed to sell it.
type offer struct {
	Ride
	Vehicle seats.Layout
	Fares   fareSet          // their insurance is what was chosen of Insures; see insure
	Insures *fares.Insurance // what can be taken out; nil: nothing
}

// Quoted is what a ride would cost and what is free on it. Nothing is held.
type Quoted struct {
	Ride  Ride
	Price fares.Price
	Terms []fares.Term // what is given back until when
	Room  int          // seats that are free all the way
	Free  []string     // numbers of the places that are free all the way, as the vehicle is drawn
	Seats []string     // of these, the seats
	Sale  bool         // whether it can be booked now

	Products []Premium // what can be insured with it
	Vehicle  seats.Layout
}

// Premium is an insurance product with what it costs these people on this ride, in minor units.
type Premium struct {
	fares.Product
	Amount int64
}

// premiums are those of everything that can be taken out, for a fare of so many people.
func (o offer) premiums(fare int64, people int) (out []Premium) {
	for _, p := range (fares.Table{Insurance: o.Insures}).Products() {
		out = append(out, Premium{p, p.Premium(fare, people)})
	}
	return out
}

// Quote says what a ride costs for some people who take out the insurance products of these codes, and what is free on it.
// Everybody may; the verified claims of the citizen count for the passenger who is Self. Errors: NotFound, ErrNotSold, Invalid with
// fields.
func (s *Service) Quote(ctx context.Context, a Asked, wishes []Wish, named []Named, products []string) (q Quoted, err error) {
	if err := fewEnough(wishes); err != nil {
		return Quoted{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		o, err := s.offer(ctx, tx, a)
		if err != nil {
			return err
		}
		who, err := s.travellers(ctx, tx, o.Fares.Service, wishes, named)
		if err != nil {
			return err
		}
		if err := o.insure(products); err != nil {
			return err
		}
		if q.Price, err = o.price(who); err != nil {
			return err
		}
		q.Products, q.Vehicle = o.premiums(q.Price.Fare, len(who)), o.Vehicle
		busy, err := busyOf(ctx, tx, o.Departure, "")
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		q.Ride, q.Sale = o.Ride, o.State == DepartureScheduled && o.Offered && o.Begins().Departs.After(now)
		q.Terms = o.Fares.Terms(o.Begins().Departs, now)
		q.Room, q.Free, q.Seats = 0, nil, nil
		for _, p := range o.Vehicle.Places {
			if !busy.Free(p.Number, o.From, o.To) {
				continue
			}
			q.Free = append(q.Free, p.Number)
			if p.Kind == seats.Seat {
				q.Room++
				q.Seats = append(q.Seats, p.Number)
			}
		}
		return nil
	})
	return q, err
}

// offer reads what is asked for. NotFound when there is no such ride or the municipality does not offer its service,
// ErrNotSold when it has no fares or no vehicle.
func (s *Service) offer(ctx context.Context, tx kernel.Tx, a Asked) (offer, error) {
	d, err := loadDeparture(ctx, tx, a.Departure)
	if err != nil {
		return offer{}, err
	}
	return s.offerOf(ctx, tx, d, a.FromSeq, a.ToSeq)
}

func (s *Service) offerOf(ctx context.Context, tx kernel.Tx, d Departure, fromSeq, toSeq int) (offer, error) {
	return s.offerWith(ctx, tx, setUp{}, d, fromSeq, toSeq)
}

// setUp is what was read of operators' fares and vehicles, by operator, line and vehicle: many rides have them in common.
type setUp map[[3]string]setOrNot

type setOrNot struct {
	fares   fareSet
	vehicle seats.Layout
	err     error
}

func (all setUp) of(ctx context.Context, tx kernel.Tx, d Departure) setOrNot {
	key := [3]string{string(d.Operator), fareRoute(d), d.Layout}
	one, ok := all[key]
	if !ok {
		one.fares, one.vehicle, one.err = soldAs(ctx, tx, d.Operator, fareRoute(d), d.Layout)
		all[key] = one
	}
	return one
}

func (s *Service) offerWith(ctx context.Context, tx kernel.Tx, set setUp, d Departure, fromSeq, toSeq int) (o offer, err error) {
	var ok bool
	if o.Ride, ok = d.Ride(fromSeq, toSeq); !ok {
		return offer{}, kernel.NotThere("ride")
	}
	one := set.of(ctx, tx, d)
	if one.err != nil {
		return offer{}, notSold(one.err)
	}
	o.Fares, o.Vehicle = one.fares, one.vehicle
	o.Insures, o.Fares.Insurance = o.Fares.Insurance, nil
	if !slices.Contains(s.tenant(tx).Services, o.Fares.Service) {
		return offer{}, kernel.NotThere("service")
	}
	return o, nil
}

// notSold: a departure whose operator has set up no fares or no vehicle for it is there, and cannot be sold.
func notSold(err error) error {
	if kernel.KindOf(err) == kernel.NotFound {
		return ErrNotSold.Wrap(err)
	}
	return err
}

func (s *Service) tenant(tx kernel.Tx) kernel.Tenant {
	for _, t := range s.Directory.Tenants() {
		if t.ID == tx.TenantID() {
			return t
		}
	}
	return kernel.Tenant{ID: tx.TenantID()}
}

// insurable lists what a draft can insure, with the premiums that its passengers would pay as adults: a name only lowers the fare.
func (s *Service) insurable(ctx context.Context, b Booking) (out []Premium, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		o, err := s.offer(ctx, tx, Asked{b.Departure, b.FromSeq, b.ToSeq})
		if err != nil {
			return err
		}
		adults := make([]fares.Traveller, len(b.Passengers))
		for i, p := range b.Passengers {
			adults[i].Bicycle = p.Bicycle
		}
		price, err := o.price(adults)
		out = o.premiums(price.Fare, len(adults))
		return err
	})
	return out, err
}

// insure makes the offer that of somebody who takes out these products and no others. Errors: Invalid.
func (o *offer) insure(products []string) error {
	t := o.Fares.Table
	t.Insurance = o.Insures
	t, err := t.Insured(products)
	if err != nil {
		return kernel.InvalidFields(kernel.FieldError{Path: "insurance", Slug: "travel.product-unknown", Message: "This insurance is not offered with this ride."}).Wrap(err)
	}
	o.Fares.Table = t
	return nil
}

// price is what the ride costs these people, with the premiums of what the offer insures.
func (o offer) price(who []fares.Traveller) (fares.Price, error) {
	p, err := o.Fares.Price(fareStop(o.Begins()), fareStop(o.Ends()), o.Day(), who)
	if errors.Is(err, fares.ErrNoFare) {
		return fares.Price{}, ErrNotSold.Wrap(err)
	}
	return p, err
}

func fewEnough(wishes []Wish) error {
	if len(wishes) == 0 || len(wishes) > MaxPassengers {
		return kernel.InvalidFields(kernel.FieldError{Path: "passengers", Slug: "travel.passengers-number", Message: "A booking is for one to nine people."})
	}
	return nil
}

// travellers joins what people need with who they are to a service; named empty: nothing is known about anybody yet.
func (s *Service) travellers(ctx context.Context, tx kernel.Tx, service string, wishes []Wish, named []Named) ([]fares.Traveller, error) {
	out := make([]fares.Traveller, len(wishes))
	for i, w := range wishes {
		out[i].Bicycle = w.Bicycle
		if i >= len(named) {
			continue
		}
		n := named[i]
		if !n.Self {
			out[i].Birthdate, out[i].Declared = n.Birthdate, n.Birthdate != ""
			continue
		}
		who := kernel.PrincipalOf(ctx)
		if who.Kind != kernel.Citizen {
			continue
		}
		person, err := s.People.Person(ctx, tx, who.Person, service)
		if err != nil {
			return nil, err
		}
		out[i].Birthdate, out[i].Claims = person.Claims["birthdate"], person.Claims
	}
	return out, nil
}
