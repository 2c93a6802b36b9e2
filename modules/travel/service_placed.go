package travel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
)

// paymentChanged hears what became known about a payment. Everything that follows from it happens in one transaction: the
// places, the case, the tickets, and what is ordered of the money.
func (s *Service) paymentChanged(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.PaymentChanged
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, fmt.Errorf("payload of %s: %w", e.Name, err)
	}
	return func(ctx context.Context, tx *pg.Tx) error { return s.heard(ctx, tx, p) }, nil
}

// heard does what a change of a payment asks for. Payments of other sectors' cases are none of ours. Changes come late, twice
// and in any order: what is done follows from the charge and the booking as they are.
func (s *Service) heard(ctx context.Context, tx *pg.Tx, p kernel.PaymentChanged) error {
	b, err := loadBooking(ctx, tx, p.Case, true)
	if kernel.KindOf(err) == kernel.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	charges, err := chargesOf(ctx, tx, b.Case)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(charges, func(c charge) bool { return c.Payment == p.Payment })
	if i < 0 {
		return nil
	}
	switch c := charges[i]; {
	case p.Change == kernel.ChangeCaptured:
		return s.orderRefunds(ctx, tx, b.Case)
	case p.Change == kernel.ChangeAuthorized && c.State == chargeVoid:
		// It was let go while the citizen was paying. The order stands; the same key again is the same order.
		_, err := s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: c.Payment, Key: "void", Kind: kernel.OrderVoid, Reason: reasonTooLate})
		return err
	case c.State != chargeOpen:
		return nil
	case p.Change == kernel.ChangeAuthorized && c.Purpose == forChange:
		return s.changePaid(ctx, tx, b, c)
	case p.Change == kernel.ChangeAuthorized:
		return s.paid(ctx, tx, b, c)
	case p.Change == kernel.ChangeFailed && c.Purpose == forBooking && b.State == StatePaying:
		_, err := s.actAsSystem(ctx, tx, b, "pay-failed", nil)
		return err
	}
	return nil
}

// paid places the booking that was paid for and orders the capture; when the places are gone, the money is let go and the
// citizen told. A booking that has ended meanwhile, or was paid otherwise, does not want the money.
func (s *Service) paid(ctx context.Context, tx *pg.Tx, b Booking, c charge) error {
	if b.State != StatePaying {
		return s.letGo(ctx, tx, c, reasonTooLate)
	}
	o, err := s.offer(ctx, tx, Asked{b.Departure, b.FromSeq, b.ToSeq})
	if err == nil {
		err = s.make(ctx, tx, &b, o)
	}
	switch {
	case gone(err):
		if err := s.letGo(ctx, tx, c, reasonPlaceGone); err != nil {
			return err
		}
		_, err := s.actAsSystem(ctx, tx, b, "place-gone", nil) // its effect frees what is left and ends the booking
		return err
	case err != nil:
		return err
	}
	c.State = chargePlaced
	if err := saveCharge(ctx, tx, c); err != nil {
		return err
	}
	if err := s.book(ctx, tx, &b, o, func(input map[string]any) error {
		_, err := s.actAsSystem(ctx, tx, b, b.step("book"), input)
		return err
	}); err != nil {
		return err
	}
	_, err = s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: c.Payment, Key: "capture", Kind: kernel.OrderCapture})
	return err
}

// gone reports that there are no places any more: others have them, or the departure has left, was called off or is not sold.
func gone(err error) bool {
	return errors.Is(err, errGone) || errors.Is(err, ErrNotSold) || errors.Is(err, ErrSeatsTaken)
}

// make turns the hold of a booking into places of its own; one that was swept away is claimed again. Errors as gone names.
func (s *Service) make(ctx context.Context, tx kernel.Tx, b *Booking, o offer) error {
	ok, err := claimDeparture(ctx, tx, o.Departure, o.Begins().Seq)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNotSold
	}
	n, err := takePlaces(ctx, tx, b.Departure, b.Case)
	if err != nil {
		return err
	}
	want := b.places() * (o.To - o.From)
	if n == want {
		return nil
	}
	if err := s.claimAnew(ctx, tx, b, o); err != nil {
		return err
	}
	if n, err = takePlaces(ctx, tx, b.Departure, b.Case); err == nil && n != want {
		err = fmt.Errorf("booking %s has %d rows of places, not %d", b.Case, n, want)
	}
	return err
}

// place books what costs nothing, at once.
func (s *Service) place(ctx context.Context, tx *pg.Tx, b *Booking, o offer, version int) error {
	if err := s.make(ctx, tx, b, o); err != nil {
		return err
	}
	b.Version = version + 1
	return s.book(ctx, tx, b, o, func(input map[string]any) error { return s.act(ctx, tx, *b, version, "book-free", input) })
}

// book writes the tickets, the policy of what is insured, and the booking, and takes the step.
func (s *Service) book(ctx context.Context, tx *pg.Tx, b *Booking, o offer, step func(map[string]any) error) error {
	b.State, b.HoldUntil, b.UpdatedAt = StateBooked, time.Time{}, s.Clock.Now()
	if err := errors.Join(saveBooking(ctx, tx, *b), savePassengers(ctx, tx, *b)); err != nil {
		return err
	}
	tickets, err := s.issueTickets(ctx, tx, *b)
	if err != nil {
		return err
	}
	policy, err := s.insure(ctx, tx, *b, o)
	if err != nil {
		return err
	}
	said := s.answers(*b, o, tickets)
	if b.Insured {
		maps.Copy(said, s.policyAnswers(tx.TenantID(), *b, policy))
	}
	return step(said)
}

// rules are the terms that held when it was booked: their insurance is what was taken out.
func (b Booking) rules() (t fares.Table, err error) {
	return t, json.Unmarshal(b.Rules, &t)
}

// products are the codes of what the booking insures.
func (b Booking) products() []string {
	rules, _ := b.rules() // what cannot be read insures nothing
	out := []string{}
	for _, p := range rules.Products() {
		out = append(out, p.Code)
	}
	return out
}

func itoa(n int) string { return strconv.Itoa(n) }
