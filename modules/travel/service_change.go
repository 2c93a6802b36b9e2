package travel

import (
	"context"
	"errors"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// Change gives a booking to another departure of the same operator: the new places are the citizen's before the old ones are
// given up, in one transaction. What is insured stays so by the rule it was taken out under, which may give another premium for the
// other fare. What all this costs less goes back; where it costs more, the new places are held while the difference is paid, and the
// old ones stay theirs until then. Once per idempotency key. Errors: NotFound, Conflict (changed-meanwhile), ErrSameDeparture, ErrTooLate, ErrChanging, ErrSeatsTaken with
// other departures, ErrNotSold, ErrNoPayments.
func (s *Service) Change(ctx context.Context, c kernel.CaseID, version int, to Asked) (Paying, error) {
	var o offer
	var needs []seats.Need
	p, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (p Paying, err error) {
		if p.Booking, _, err = s.mine(ctx, tx, c); err != nil {
			return Paying{}, err
		}
		b := &p.Booking
		needs = b.needs(false)
		if err := s.mayChange(ctx, tx, *b, to); err != nil {
			return Paying{}, err
		}
		if o, err = s.offer(ctx, tx, to); err != nil {
			return Paying{}, err
		}
		if o.Operator != b.Operator || o.Fares.Service != b.Service || o.Fares.Currency != b.Currency {
			return Paying{}, kernel.NotThere("departure")
		}
		w, until, err := s.want(ctx, tx, *b, o)
		if err != nil {
			return Paying{}, err
		}
		b.Version = version
		if w.Fare+w.Insurance > b.Fare+b.Insurance {
			if s.Payments == nil {
				return Paying{}, ErrNoPayments
			}
			if p.Payment, err = s.ask(ctx, tx, *b, o, forChange, w.Fare-b.Fare, w.Insurance-b.Insurance, until); err != nil {
				return Paying{}, err
			}
			w.Payment = p.Payment.ID
			return p, insertWanted(ctx, tx, w)
		}
		b.Version++
		return p, s.changeTo(ctx, tx, b, o, w, func(input map[string]any) error { return s.act(ctx, tx, *b, version, b.step("change"), input) })
	})
	return p, s.instead(ctx, o, needs, err, ErrSeatsTaken)
}

func (s *Service) mayChange(ctx context.Context, tx kernel.Tx, b Booking, to Asked) error {
	if b.State != StateBooked {
		return kernel.ErrChanged
	}
	if to.Departure == b.Departure {
		return ErrSameDeparture
	}
	rules, err := b.rules()
	if err != nil {
		return err
	}
	if !rules.MayChange(b.DepartsAt, s.Clock.Now()) {
		return ErrTooLate
	}
	used, err := boarded(ctx, tx, b.Case)
	if err != nil {
		return err
	}
	if used {
		return ErrTooLate
	}
	w, there, err := loadWanted(ctx, tx, b.Case)
	if err != nil || !there {
		return err
	}
	// A change that nobody paid for in time makes room for another one.
	if w.CreatedAt.Add(HoldFor).After(s.Clock.Now()) {
		return ErrChanging
	}
	return s.dropWanted(ctx, tx, b)
}

// want claims places on the ride for everybody of the booking and says what they would cost there.
func (s *Service) want(ctx context.Context, tx kernel.Tx, b Booking, o offer) (wanted, time.Time, error) {
	if err := lockDepartures(ctx, tx, b.Departure, o.ID); err != nil {
		return wanted{}, time.Time{}, err
	}
	given, until, err := claim(ctx, tx, o, b.Case, b.needs(false))
	if err != nil {
		return wanted{}, time.Time{}, err
	}
	who, err := s.ridersOf(ctx, tx, b)
	if err != nil {
		return wanted{}, time.Time{}, err
	}
	price, premium, err := b.priceOn(o, who)
	if err != nil {
		return wanted{}, time.Time{}, err
	}
	w := wanted{Case: b.Case, Departure: o.ID, FromSeq: o.Begins().Seq, ToSeq: o.Ends().Seq, Fare: price.Fare, Insurance: premium, CreatedAt: s.Clock.Now()}
	for i, g := range given {
		l := price.Lines[i]
		w.Seats = append(w.Seats, wantedSeat{Place: g.Number, Bicycle: g.Bicycle, Class: string(l.Class), Proof: l.Proof, Fare: l.Amount})
	}
	return w, until, nil
}

// ridersOf are the passengers of a booking as fares know them; the citizen's own claims are read anew.
func (s *Service) ridersOf(ctx context.Context, tx kernel.Tx, b Booking) ([]fares.Traveller, error) {
	who := make([]fares.Traveller, len(b.Passengers))
	for i, p := range b.Passengers {
		who[i] = fares.Traveller{Birthdate: p.Birthdate, Declared: p.Declared, Bicycle: p.Bicycle}
		if p.Self {
			person, err := s.People.Person(ctx, tx, b.Applicant, b.Service)
			if err != nil {
				return nil, err
			}
			who[i].Claims = person.Claims
		}
	}
	return who, nil
}

// priceOn is what the booking would cost on another ride, and the premium by the rule it was insured under.
func (b Booking) priceOn(o offer, who []fares.Traveller) (price fares.Price, premium int64, err error) {
	if price, err = o.price(who); err != nil {
		return fares.Price{}, 0, err
	}
	rules, err := b.rules()
	if err != nil {
		return fares.Price{}, 0, err
	}
	premium = rules.Premium(price.Fare, len(b.Passengers))
	// It never moves against the fare, so that one payment or one refund settles both.
	if price.Fare >= b.Fare {
		premium = max(premium, b.Insurance)
	}
	if price.Fare <= b.Fare {
		premium = min(premium, b.Insurance)
	}
	return price, premium, nil
}

// changeTo makes the places that are held on the new departure the booking's own, gives the old ones back, orders back what
// it costs less, and takes the step. Both departures are locked.
func (s *Service) changeTo(ctx context.Context, tx *pg.Tx, b *Booking, o offer, w wanted, step func(map[string]any) error) error {
	n, err := takePlaces(ctx, tx, o.ID, b.Case)
	if err != nil {
		return err
	}
	if n != b.places()*(o.To-o.From) {
		return errGone
	}
	if err := freePlaces(ctx, tx, b.Departure, b.Case); err != nil {
		return err
	}
	if err := voidTickets(ctx, tx, b.Case); err != nil {
		return err
	}
	if err := deleteMoved(ctx, tx, b.Case); err != nil {
		return err
	}
	less, premium := b.Fare-w.Fare, b.Insurance-w.Insurance
	if err := b.rideOn(o); err != nil {
		return err
	}
	for i, seat := range w.Seats {
		p := &b.Passengers[i]
		p.Place, p.BikePlace, p.Class, p.Proof, p.Fare = seat.Place, seat.Bicycle, seat.Class, seat.Proof, seat.Fare
	}
	b.Fare, b.Insurance = w.Fare, w.Insurance
	if less > 0 || premium > 0 {
		if _, err := s.giveBack(ctx, tx, b.Case, reasonChanged+"-"+string(o.ID)+"-"+s.Clock.Now().Format("20060102150405"), reasonChanged, less, premium, s.Clock.Now()); err != nil {
			return err
		}
	}
	return s.book(ctx, tx, b, o, step)
}

// changePaid carries a change out whose difference was paid; when its places are gone, the money is let go, the booking stays
// as it was and the citizen is told.
func (s *Service) changePaid(ctx context.Context, tx *pg.Tx, b Booking, c charge) error {
	w, there, err := loadWanted(ctx, tx, b.Case)
	if err != nil {
		return err
	}
	if !there || w.Payment != c.Payment || b.State != StateBooked {
		return s.letGo(ctx, tx, c, reasonTooLate)
	}
	o, err := s.offer(ctx, tx, Asked{w.Departure, w.FromSeq, w.ToSeq})
	if err == nil {
		err = s.reach(ctx, tx, b, o, &w)
	}
	if gone(err) {
		if err := s.letGo(ctx, tx, c, reasonPlaceGone); err != nil {
			return err
		}
		if err := s.dropWanted(ctx, tx, b); err != nil {
			return err
		}
		_, err := s.actAsSystem(ctx, tx, b, "change-gone", nil)
		return err
	}
	if err != nil {
		return err
	}
	w.Insurance = b.Insurance + c.Insurance
	c.State = chargePlaced
	if err := saveCharge(ctx, tx, c); err != nil {
		return err
	}
	if err := deleteWanted(ctx, tx, b.Case); err != nil {
		return err
	}
	if err := s.changeTo(ctx, tx, &b, o, w, func(input map[string]any) error {
		_, err := s.actAsSystem(ctx, tx, b, b.step("change-paid"), input)
		return err
	}); err != nil {
		return err
	}
	_, err = s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: c.Payment, Key: "capture", Kind: kernel.OrderCapture})
	return err
}

// reach sees to it that the case holds its places on the wanted ride: what was swept away is claimed again.
func (s *Service) reach(ctx context.Context, tx kernel.Tx, b Booking, o offer, w *wanted) error {
	if err := lockDepartures(ctx, tx, b.Departure, o.ID); err != nil {
		return err
	}
	ok, err := claimDeparture(ctx, tx, o.Departure, o.Begins().Seq)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotSold
	}
	_, n, err := keepPlaces(ctx, tx, o.ID, b.Case, HoldFor)
	if err != nil || n == b.places()*(o.To-o.From) {
		return err
	}
	given, _, err := claim(ctx, tx, o, b.Case, w.needs(b))
	if errors.Is(err, errGone) {
		given, _, err = claim(ctx, tx, o, b.Case, b.needs(false))
	}
	if err != nil {
		return err
	}
	for i, g := range given {
		w.Seats[i].Place, w.Seats[i].Bicycle = g.Number, g.Bicycle
	}
	return nil
}

func (w wanted) needs(b Booking) []seats.Need {
	out := b.needs(false)
	for i := range out {
		out[i].Number = w.Seats[i].Place
	}
	return out
}

// dropWanted gives up a change that waits for its payment: its places are free again and nobody can pay for it any more.
func (s *Service) dropWanted(ctx context.Context, tx kernel.Tx, b Booking) error {
	w, there, err := loadWanted(ctx, tx, b.Case)
	if err != nil || !there {
		return err
	}
	if err := freePlaces(ctx, tx, w.Departure, b.Case); err != nil {
		return err
	}
	charges, err := chargesOf(ctx, tx, b.Case)
	if err != nil {
		return err
	}
	for _, c := range charges {
		if c.Payment == w.Payment {
			if err := s.letGo(ctx, tx, c, reasonTooLate); err != nil {
				return err
			}
		}
	}
	return deleteWanted(ctx, tx, b.Case)
}

// LetChangeGo gives up a change that waits for its payment; none there is no error. Errors: NotFound.
func (s *Service) LetChangeGo(ctx context.Context, c kernel.CaseID) (Booking, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Booking, error) {
		b, _, err := s.mine(ctx, tx, c)
		if err != nil {
			return Booking{}, err
		}
		return b, s.dropWanted(ctx, tx, b)
	})
}
