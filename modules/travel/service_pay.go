package travel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// SayWho writes down who rides, one for each place that is held, and what that makes the booking cost: children and seniors
// by their date of birth, the citizen themselves by what their issuer verified. Only while nothing is paid. Errors: NotFound,
// Conflict (changed-meanwhile), Invalid with fields, ErrNotSold.
func (s *Service) SayWho(ctx context.Context, c kernel.CaseID, named []Named, products []string) (Booking, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Booking, error) {
		b, o, err := s.mine(ctx, tx, c)
		if err != nil {
			return Booking{}, err
		}
		if b.State != StateDraft {
			return Booking{}, kernel.ErrChanged
		}
		if err := s.checkNamed(b, o, named); err != nil {
			return Booking{}, err
		}
		wishes := make([]Wish, len(b.Passengers))
		for i := range b.Passengers {
			wishes[i].Bicycle = b.Passengers[i].Bicycle
		}
		who, err := s.travellers(ctx, tx, b.Service, wishes, named)
		if err != nil {
			return Booking{}, err
		}
		if err := o.insure(products); err != nil {
			return Booking{}, err
		}
		price, err := o.price(who)
		if err != nil {
			return Booking{}, err
		}
		for i, n := range named {
			p := &b.Passengers[i]
			p.Name, p.Birthdate, p.Declared, p.Self = strings.TrimSpace(n.Name), n.Birthdate, n.Birthdate != "", n.Self
			if n.Self {
				p.Name, p.Birthdate, p.Declared = who[i].Claims["name"], who[i].Birthdate, false
				if p.Name == "" { // a program came with their token before they ever signed in here
					return Booking{}, kernel.InvalidFields(kernel.FieldError{Path: fmt.Sprintf("passengers[%d].self", i), Slug: "travel.self-unknown",
						Message: "We do not have your verified name yet. Sign in to the service once, or write the name."})
				}
			}
		}
		b.ride(o)
		b.charge(price)
		b.UpdatedAt, b.Version = s.Clock.Now(), 1
		return b, errors.Join(saveBooking(ctx, tx, b), savePassengers(ctx, tx, b))
	})
}

// checkNamed reports what is wrong with the names.
func (s *Service) checkNamed(b Booking, o offer, named []Named) error {
	var bad []kernel.FieldError
	wrong := func(i int, field, slug, message string) {
		bad = append(bad, kernel.FieldError{Path: fmt.Sprintf("passengers[%d].%s", i, field), Slug: slug, Message: message})
	}
	if len(named) != len(b.Passengers) {
		return kernel.InvalidFields(kernel.FieldError{Path: "passengers", Slug: "travel.passengers-places", Message: "Name as many people as there are places."})
	}
	self := false
	for i, n := range named {
		switch {
		case n.Self && self:
			wrong(i, "self", "travel.self-twice", "Only one passenger is yourself.")
		case n.Self:
			self = true
			continue
		case strings.TrimSpace(n.Name) == "":
			wrong(i, "name", "field.required", "Answer this question.")
		case utf8.RuneCountInString(n.Name) > 200:
			wrong(i, "name", "field.too-long", "This is too long.")
		case s.Printable != nil && strings.ContainsFunc(n.Name, func(r rune) bool { return !s.Printable(r) }):
			wrong(i, "name", "field.not-printable", "This holds a character that cannot be printed on a document.")
		}
		if _, ok := fares.Age(n.Birthdate, o.Day()); n.Birthdate != "" && !ok {
			wrong(i, "birthdate", "field.not-a-date", "Write a date as YYYY-MM-DD.")
		}
	}
	if len(bad) > 0 {
		return kernel.InvalidFields(bad...)
	}
	return nil
}

// mine reads a booking of the signed-in citizen's under a lock, with its ride.
func (s *Service) mine(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (Booking, offer, error) {
	b, err := loadBooking(ctx, tx, c, true)
	if err != nil {
		return Booking{}, offer{}, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person == "" || who.Person != b.Applicant {
		return Booking{}, offer{}, kernel.NotThere("booking")
	}
	o, err := s.offer(ctx, tx, Asked{b.Departure, b.FromSeq, b.ToSeq})
	return b, o, err
}

// Paying is a booking and what is to be paid for it; the payment is zero when nothing is.
type Paying struct {
	Booking Booking
	Payment kernel.Payment
}

// Pay begins to pay for a draft: its places are held once more for HoldFor, honoured as long as nobody else has them, and the
// payment is opened in the same transaction. What costs nothing is booked at once. Somebody who is paying already gets the
// same payment again, or a new one when its time is over. Errors: NotFound, Conflict (changed-meanwhile), ErrNoNames,
// ErrPlacesGone with other departures, ErrNotSold, ErrNoPayments.
func (s *Service) Pay(ctx context.Context, c kernel.CaseID, version int) (Paying, error) {
	var o offer
	var needs []seats.Need
	p, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (p Paying, err error) {
		if p.Booking, o, err = s.mine(ctx, tx, c); err != nil {
			return Paying{}, err
		}
		b := &p.Booking
		needs = b.needs(false)
		switch {
		case b.State != StateDraft && b.State != StatePaying:
			return Paying{}, kernel.ErrChanged
		case b.Passengers[0].Name == "":
			return Paying{}, ErrNoNames
		}
		if err := s.again(ctx, tx, b, o); err != nil {
			return Paying{}, err
		}
		if b.Total().IsZero() {
			return p, s.place(ctx, tx, b, o, version)
		}
		if p.Payment, err = s.openPayment(ctx, tx, *b, o); err != nil {
			return Paying{}, err
		}
		if b.Version = version; b.State == StateDraft {
			b.State, b.Version = StatePaying, version+1
			if err := s.act(ctx, tx, *b, version, "pay", nil); err != nil {
				return Paying{}, err
			}
		}
		b.UpdatedAt = s.Clock.Now()
		return p, errors.Join(saveBooking(ctx, tx, *b), savePassengers(ctx, tx, *b))
	})
	return p, s.instead(ctx, o, needs, err, ErrPlacesGone)
}

// again holds the booking's places once more. When the hold has run out and somebody has swept it away, the same places
// are claimed anew, and other ones when these are taken.
func (s *Service) again(ctx context.Context, tx kernel.Tx, b *Booking, o offer) error {
	ok, err := claimDeparture(ctx, tx, o.Departure, o.Begins().Seq)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotSold
	}
	until, n, err := keepPlaces(ctx, tx, b.Departure, b.Case, HoldFor)
	if err != nil {
		return err
	}
	if n == b.places()*(o.To-o.From) {
		b.HoldUntil = until
		return nil
	}
	return s.claimAnew(ctx, tx, b, o)
}

// claimAnew claims places for a booking whose hold is gone: the same ones if nobody has them, else any.
func (s *Service) claimAnew(ctx context.Context, tx kernel.Tx, b *Booking, o offer) error {
	given, until, err := claim(ctx, tx, o, b.Case, b.needs(true))
	if err != nil {
		given, until, err = claim(ctx, tx, o, b.Case, b.needs(false))
	}
	if err != nil {
		return err
	}
	b.seat(given)
	b.HoldUntil = until
	return nil
}

// openPayment asks for the price of a booking, or goes on with what was asked for when it can still be paid and is the same.
func (s *Service) openPayment(ctx context.Context, tx kernel.Tx, b Booking, o offer) (kernel.Payment, error) {
	if s.Payments == nil {
		return kernel.Payment{}, ErrNoPayments
	}
	charges, err := chargesOf(ctx, tx, b.Case)
	if err != nil {
		return kernel.Payment{}, err
	}
	payments, err := s.Payments.Payments(ctx, tx, b.Case)
	if err != nil {
		return kernel.Payment{}, err
	}
	for _, c := range charges {
		if c.State != chargeOpen {
			continue
		}
		for _, p := range payments {
			if p.ID != c.Payment {
				continue
			}
			if p.State == kernel.PaymentAuthorized || p.Payable() && p.Until.After(s.Clock.Now().Add(time.Minute)) {
				return p, nil
			}
		}
		if err := s.letGo(ctx, tx, c, reasonTooLate); err != nil {
			return kernel.Payment{}, err
		}
	}
	return s.ask(ctx, tx, b, o, forBooking, b.Fare, b.Insurance, b.HoldUntil)
}

// ask opens a payment and writes down what it is for.
func (s *Service) ask(ctx context.Context, tx kernel.Tx, b Booking, o offer, purpose string, fare, insurance int64, until time.Time) (kernel.Payment, error) {
	c := charge{Payment: kernel.PaymentID(kernel.NewID()), Case: b.Case, Purpose: purpose, State: chargeOpen, Fare: fare, Insurance: insurance, CreatedAt: s.Clock.Now()}
	n := kernel.NewPayment{ID: c.Payment, Case: b.Case, Person: b.Applicant, Until: until, Return: myPath(b.Service, b.Case), Title: s.titleOf(o), Locale: b.Locale}
	insurer, err := b.insurer()
	if err != nil {
		return kernel.Payment{}, err
	}
	for _, l := range []struct {
		name   string
		payee  kernel.AgencyID
		amount int64
	}{{"fare", b.Operator, fare}, {"insurance", insurer, insurance}} {
		if l.amount > 0 {
			n.Lines = append(n.Lines, kernel.PaymentLine{Name: l.name, Payee: l.payee, Title: s.text("travel.line." + l.name), Amount: kernel.Money{Amount: l.amount, Currency: b.Currency}})
		}
	}
	p, err := s.Payments.Open(ctx, tx, n)
	if err != nil {
		return kernel.Payment{}, err
	}
	return p, insertCharge(ctx, tx, c)
}

// letGo gives up a payment that is not wanted any more: nobody can pay it, and what was authorised is let go.
func (s *Service) letGo(ctx context.Context, tx kernel.Tx, c charge, reason string) error {
	if c.State != chargeOpen {
		return nil
	}
	c.State = chargeVoid
	if err := saveCharge(ctx, tx, c); err != nil {
		return err
	}
	payments, err := s.Payments.Payments(ctx, tx, c.Case)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(payments, func(p kernel.Payment) bool { return p.ID == c.Payment && p.State == kernel.PaymentVoided }) {
		return nil // the provider has let it go by itself
	}
	_, err = s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: c.Payment, Key: "void", Kind: kernel.OrderVoid, Reason: reason})
	return err
}

func (s *Service) act(ctx context.Context, tx kernel.Tx, b Booking, version int, action string, input map[string]any) error {
	if input[answerCodes] != nil {
		if d := s.definition(ctx, tx, b); d != nil && d.Field(answerCodes) == nil {
			delete(input, answerCodes)
		}
	}
	_, err := s.Cases.Act(ctx, tx, kernel.Act{Case: b.Case, Version: version, Action: action, Input: input, Sector: Sector})
	return err
}

// actAsSystem takes a step on whatever version the case has: the booking's row is locked. It returns the version after it.
func (s *Service) actAsSystem(ctx context.Context, tx kernel.Tx, b Booking, action string, input map[string]any) (int, error) {
	ctx = kernel.WithPrincipal(ctx, kernel.SystemPrincipal(tx.TenantID()))
	k, err := s.caseOf(ctx, tx, b.Case)
	if err != nil {
		return 0, err
	}
	return k.Version + 1, s.act(ctx, tx, b, k.Version, action, input)
}

// caseOf reads the case of a booking; casework records the look when it is an official's.
func (s *Service) caseOf(ctx context.Context, tx kernel.Tx, id kernel.CaseID) (kernel.Case, error) {
	found, err := s.Cases.Read(ctx, tx, kernel.CaseQuery{ID: id})
	if err != nil {
		return kernel.Case{}, err
	}
	if len(found) != 1 {
		return kernel.Case{}, kernel.NotThere("booking")
	}
	return found[0], nil
}

// myPath is the citizen's page about a booking.
func myPath(slug string, c kernel.CaseID) string { return "/apps/" + slug + "/bookings/" + string(c) }
