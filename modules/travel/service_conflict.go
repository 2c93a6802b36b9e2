package travel

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// ErrDepartureBooked is the answer to moving a departure on which people are booked: their tickets say other times.
var ErrDepartureBooked = kernel.NewError(kernel.Conflict, "departure-booked", "People are booked on this departure. Keep it as it was booked, or call it off.")

// Settle decides about a conflict, once per idempotency key. Calling off settles every booking as CallOffDeparture does; the same
// key again, or CallOffDeparture, goes on with what is left. Planners; to call off, those who are dispatchers too. Errors:
// NotFound, Forbidden, Invalid, ErrDepartureBooked.
func (s *Service) Settle(ctx context.Context, operator kernel.AgencyID, id ConflictID, how, reason string, rebook bool) (Departure, []Settled, error) {
	if err := plans(ctx, operator); err != nil {
		return Departure{}, nil, err
	}
	if how == HowCalledOff {
		if err := mayCallOff(ctx, operator, reason); err != nil {
			return Departure{}, nil, err
		}
	}
	d, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Departure, error) {
		d, err := s.Timetable.SettleConflict(ctx, tx, operator, id, how)
		if err != nil || how != HowMoved {
			return d, err
		}
		on, err := bookingsOn(ctx, tx, d.ID, StatePaying, StateBooked)
		if err == nil && len(on) > 0 {
			err = ErrDepartureBooked
		}
		return d, err
	})
	if err != nil || how != HowCalledOff {
		return d, nil, err
	}
	all, err := s.CallOffDeparture(ctx, CallOff{Operator: operator, Departure: d.ID, Reason: reason, Rebook: rebook})
	return d, all, err
}
