package travel

import (
	"context"
	"time"

	"townhall/modules/kernel"
)

// steps are the effects that the sector's workflows declare. Each brings the booking to what the step says, in the step's
// transaction.
func (s *Service) steps() map[string]kernel.StepEffect {
	return map[string]kernel.StepEffect{"release": s.stepRelease, "complete": s.stepComplete, "claim": s.stepClaim}
}

// stepRelease ends a booking: its places are free again, its tickets and its policy void, payments that wait are let go, and of what was
// paid goes back what the rules say for cancelling, everything when the operator calls it off or has moved it too far. After departure nothing can
// be cancelled, nor once somebody has shown a ticket.
func (s *Service) stepRelease(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	b, err := loadBooking(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	if t.Action == "cancel" {
		used, err := boarded(ctx, tx, b.Case)
		if err != nil {
			return err
		}
		if used || !t.At.Before(b.DepartsAt) {
			return ErrTooLate
		}
	}
	if err := s.dropWanted(ctx, tx, b); err != nil {
		return err
	}
	if err := freePlaces(ctx, tx, b.Departure, b.Case); err != nil {
		return err
	}
	if err := voidTickets(ctx, tx, b.Case); err != nil {
		return err
	}
	if err := s.endPolicy(ctx, tx, b.Case, t.At); err != nil {
		return err
	}
	charges, err := chargesOf(ctx, tx, b.Case)
	if err != nil {
		return err
	}
	reason := reasonTooLate
	switch t.To {
	case StateCancelled:
		reason = reasonCancelled
	case StateCalledOff:
		reason = reasonCalledOff
	}
	for _, c := range charges {
		if err := s.letGo(ctx, tx, c, reason); err != nil {
			return err
		}
	}
	fare, insurance := paidFor(charges)
	if t.To == StateCancelled {
		_, free, err := mayCancelFree(ctx, tx, b)
		if err != nil {
			return err
		}
		if !free {
			if fare, err = b.refundable(fare, t.At); err != nil {
				return err
			}
			insurance = 0
		}
	}
	if b.GivenBack, err = s.giveBack(ctx, tx, b.Case, t.To, reason, fare, insurance, t.At); err != nil {
		return err
	}
	b.State, b.HoldUntil, b.UpdatedAt = t.To, time.Time{}, t.At
	return saveBooking(ctx, tx, b)
}

// refundable is what goes back of a fare that was paid to somebody who cancels then.
func (b Booking) refundable(fare int64, at time.Time) (int64, error) {
	rules, err := b.rules()
	if err != nil {
		return 0, err
	}
	return rules.Refundable(fare, b.DepartsAt, at), nil
}

// stepComplete follows the case to the end of the ride.
func (s *Service) stepComplete(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	b, err := loadBooking(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	if err := s.dropWanted(ctx, tx, b); err != nil {
		return err
	}
	b.State, b.UpdatedAt = t.To, t.At
	return saveBooking(ctx, tx, b)
}
