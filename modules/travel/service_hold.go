package travel

import (
	"context"
	"errors"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// HoldRequest asks for places on a ride for people who travel together.
type HoldRequest struct {
	Asked
	Wishes  []Wish   // one for each passenger
	Insure  []string // codes of the insurance products they take out
	Locale  string   // language of the conversation and of the ticket; empty: the request's
	Channel string   // how the citizen came
}

// errGone stands for "not as many places as people": the transaction is taken back, and the answer, with other departures,
// is made outside of it.
var errGone = errors.New("no places on the departure")

// draftFor is when the workflow lets a draft lapse (its timer "hold"). A draft whose hold would outlive it is not taken up.
const draftFor = 30 * time.Minute

// Hold holds places for everybody of the request for HoldFor, or for nobody, once per idempotency key. The case it opens is a
// draft; somebody who is still drafting a booking with the same operator takes that along, and what they held is given
// back: nobody keeps two. Errors: NotFound, ErrNotSold, ErrSeatsTaken with the next departures that have room, Invalid when a
// wished place is not in this vehicle.
func (s *Service) Hold(ctx context.Context, q HoldRequest) (Booking, error) {
	if err := fewEnough(q.Wishes); err != nil {
		return Booking{}, err
	}
	var o offer
	b, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (_ Booking, err error) {
		if o, err = s.offer(ctx, tx, q.Asked); err != nil {
			return Booking{}, err
		}
		now := s.Clock.Now()
		b, found, err := s.takeUp(ctx, tx, o, now)
		if err != nil {
			return Booking{}, err
		}
		if !found {
			b = s.newBooking(ctx, o, q, now)
		}
		if err := s.fill(ctx, tx, &b, o, q, now); err != nil {
			return Booking{}, err
		}
		if found {
			return b, errors.Join(saveBooking(ctx, tx, b), savePassengers(ctx, tx, b))
		}
		c, err := s.Cases.Start(ctx, tx, kernel.NewCase{Service: b.Service, Locale: b.Locale, Channel: q.Channel, ID: b.Case, Sector: Sector, Agency: b.Operator})
		if err != nil {
			return Booking{}, err
		}
		b.Number, b.Version = c.Number, c.Version
		return b, insertBooking(ctx, tx, b)
	})
	return b, s.instead(ctx, o, anywhere(needsOf(q.Wishes)), err, ErrSeatsTaken)
}

// fill claims the places and writes down what they cost before anybody's name is known.
func (s *Service) fill(ctx context.Context, tx kernel.Tx, b *Booking, o offer, q HoldRequest, now time.Time) error {
	given, until, err := claim(ctx, tx, o, b.Case, needsOf(q.Wishes))
	if err != nil {
		return err
	}
	// Who changes nothing but the seats keeps the names that were said.
	var named []Named
	before := b.Passengers
	if len(before) == len(q.Wishes) && before[0].Name != "" {
		for _, p := range before {
			named = append(named, Named{Self: p.Self, Name: p.Name, Birthdate: p.Birthdate})
		}
	}
	who, err := s.travellers(ctx, tx, b.Service, q.Wishes, named)
	if err != nil {
		return err
	}
	if err := o.insure(q.Insure); err != nil {
		return err
	}
	price, err := o.price(who)
	if err != nil {
		return err
	}
	b.Passengers = make([]Passenger, len(q.Wishes))
	for i, w := range q.Wishes {
		b.Passengers[i] = Passenger{N: i + 1, Kind: string(seats.Seat), Bicycle: w.Bicycle}
		if w.Wheelchair {
			b.Passengers[i].Kind = string(seats.Wheelchair)
		}
		if named != nil {
			p := &b.Passengers[i]
			p.Name, p.Birthdate, p.Declared, p.Self = before[i].Name, before[i].Birthdate, before[i].Declared, before[i].Self
		}
	}
	b.ride(o)
	b.seat(given)
	b.charge(price)
	b.HoldUntil, b.UpdatedAt, b.Version = until, now, 1 // nothing but the start has happened to a draft
	return nil
}

// takeUp finds the draft that a hold goes on with, and gives back what the person's drafts of the service hold. A case stays
// with its operator, so that a draft with another one is not taken up.
func (s *Service) takeUp(ctx context.Context, tx kernel.Tx, o offer, now time.Time) (b Booking, found bool, err error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen || who.Person == "" {
		return Booking{}, false, nil
	}
	begun := now.Add(HoldFor - draftFor)
	drafts, err := draftsOf(ctx, tx, who.Person, o.Fares.Service, now.Add(-draftFor))
	if err != nil {
		return Booking{}, false, err
	}
	for _, d := range drafts {
		if !d.HoldUntil.IsZero() {
			if err := freePlaces(ctx, tx, d.Departure, d.Case); err != nil {
				return Booking{}, false, err
			}
			d.HoldUntil, d.UpdatedAt = time.Time{}, now
			if err := saveBooking(ctx, tx, d); err != nil {
				return Booking{}, false, err
			}
		}
		if !found && d.Operator == o.Operator && d.CreatedAt.After(begun) {
			b, found = d, true
		}
	}
	return b, found, nil
}

func (s *Service) newBooking(ctx context.Context, o offer, q HoldRequest, now time.Time) Booking {
	locale := q.Locale
	if !slices.Contains(kernel.Locales, locale) {
		locale = kernel.LocaleOf(ctx)
	}
	return Booking{Case: kernel.CaseID(kernel.NewID()), Service: o.Fares.Service, Operator: o.Operator, State: StateDraft,
		Applicant: kernel.PrincipalOf(ctx).Person, Locale: locale, CreatedAt: now, UpdatedAt: now}
}

// claim holds places on the ride for the case, for everybody or for nobody; what the case held of the departure before is
// replaced. Errors: ErrNotSold when it has left or was called off, errGone, Invalid.
func claim(ctx context.Context, tx kernel.Tx, o offer, c kernel.CaseID, needs []seats.Need) ([]seats.Given, time.Time, error) {
	ok, err := claimDeparture(ctx, tx, o.Departure, o.Begins().Seq)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !ok {
		return nil, time.Time{}, ErrNotSold
	}
	if err := sweepHolds(ctx, tx, o.ID); err != nil {
		return nil, time.Time{}, err
	}
	busy, err := busyOf(ctx, tx, o.Departure, c)
	if err != nil {
		return nil, time.Time{}, err
	}
	given, err := seats.Assign(o.Vehicle, busy, o.Segments(), seats.Request{From: o.From, To: o.To, Needs: needs})
	switch {
	case errors.Is(err, seats.ErrNoPlace):
		return nil, time.Time{}, kernel.InvalidFields(kernel.FieldError{Path: "places", Slug: "travel.no-such-place", Message: "This vehicle has no such place."})
	case err != nil:
		return nil, time.Time{}, errGone
	}
	if err := freePlaces(ctx, tx, o.ID, c); err != nil {
		return nil, time.Time{}, err
	}
	until, err := holdPlaces(ctx, tx, o.Ride, c, HoldFor, placesOf(given))
	return given, until, err
}

func placesOf(given []seats.Given) (out []string) {
	for _, g := range given {
		out = append(out, g.Number)
		if g.Bicycle != "" {
			out = append(out, g.Bicycle)
		}
	}
	return out
}

func needsOf(wishes []Wish) []seats.Need {
	out := make([]seats.Need, len(wishes))
	for i, w := range wishes {
		out[i] = seats.Need{Kind: seats.Seat, Number: w.Place, Bicycle: w.Bicycle}
		if w.Wheelchair {
			out[i].Kind = seats.Wheelchair
		}
	}
	return out
}

// anywhere is what people need without the numbers they wished for.
func anywhere(needs []seats.Need) []seats.Need {
	for i := range needs {
		needs[i].Number = ""
	}
	return needs
}

// needs are what the passengers of a booking need elsewhere; keep asks for the numbers they have.
func (b Booking) needs(keep bool) []seats.Need {
	out := make([]seats.Need, len(b.Passengers))
	for i, p := range b.Passengers {
		out[i] = seats.Need{Kind: seats.Kind(p.Kind), Bicycle: p.Bicycle}
		if keep {
			out[i].Number = p.Place
		}
	}
	return out
}

// places is how many places the booking has: seats, wheelchairs and bicycles.
func (b Booking) places() (n int) {
	for _, p := range b.Passengers {
		n++
		if p.Bicycle {
			n++
		}
	}
	return n
}

// ride makes the offered ride the booking's, with what the offer insures.
func (b *Booking) ride(o offer) {
	b.Departure, b.FromSeq, b.ToSeq = o.ID, o.Begins().Seq, o.Ends().Seq
	b.DepartsAt, b.ArrivesAt = o.Begins().Departs, o.Ends().Arrives
	terms := o.Fares.Table
	terms.Pairs, terms.Zones, terms.ByZones, terms.Classes = nil, nil, nil, nil
	b.Rules = terms.JSON()
}

// rideOn makes another ride that of a booking that was paid for. What is insured, by whom and by which rule stays as it was taken
// out.
func (b *Booking) rideOn(o offer) error {
	old, err := b.rules()
	if err != nil {
		return err
	}
	o.Fares.Insurance = old.Insurance
	b.ride(o)
	return nil
}

// seat gives the passengers their places.
func (b *Booking) seat(given []seats.Given) {
	for i, g := range given {
		b.Passengers[i].Place, b.Passengers[i].BikePlace = g.Number, g.Bicycle
	}
}

// charge writes down what the booking costs.
func (b *Booking) charge(p fares.Price) {
	b.Currency, b.Fare, b.Insurance, b.Insured = p.Currency, p.Fare, p.Insurance, p.Insurance > 0
	for i, l := range p.Lines {
		b.Passengers[i].Class, b.Passengers[i].Proof, b.Passengers[i].Fare = string(l.Class), l.Proof, l.Amount
	}
}

// instead turns "no places" into the answer that names the next departures between the same stops that have room.
func (s *Service) instead(ctx context.Context, o offer, needs []seats.Need, err error, answer *kernel.Error) error {
	if !errors.Is(err, errGone) && !errors.Is(err, ErrSeatsTaken) {
		return err
	}
	var free []kernel.Alternative
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		free, err = s.alternatives(ctx, tx, o, needs, 5)
		return err
	})
	if err != nil {
		s.Log.Warn("no alternatives to a full departure", "departure", o.ID, "err", err)
	}
	return answer.Offering(free)
}

// alternatives lists the next n departures of the operator between the same stops with room for all of needs.
func (s *Service) alternatives(ctx context.Context, tx kernel.Tx, o offer, needs []seats.Need, n int) (out []kernel.Alternative, err error) {
	rides, err := nextRides(ctx, tx, o.Begins().Stop, o.Ends().Stop, s.Clock.Now(), o.ID, o.Operator, 4*n)
	if err != nil {
		return nil, err
	}
	for _, r := range rides {
		if len(out) == n {
			break
		}
		other, err := s.offerOf(ctx, tx, r.Departure, r.Begins().Seq, r.Ends().Seq)
		if err != nil || other.Fares.Service != o.Fares.Service {
			continue // not sold, or as something else
		}
		busy, err := busyOf(ctx, tx, r.Departure, "")
		if err != nil {
			return nil, err
		}
		if _, err := seats.Assign(other.Vehicle, busy, r.Segments(), seats.Request{From: r.From, To: r.To, Needs: needs}); err != nil {
			continue
		}
		out = append(out, kernel.Alternative{ID: string(r.ID), StartsAt: r.Begins().Departs, EndsAt: r.Ends().Arrives, Place: routeIn(kernel.LocaleOf(ctx), r.Departure)})
	}
	return out, nil
}
