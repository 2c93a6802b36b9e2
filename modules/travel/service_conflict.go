package travel

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// ErrNeedsDispatcher is the answer to a planner who wants to call a departure off: another pair of eyes has to.
var ErrNeedsDispatcher = kernel.NewError(kernel.Forbidden, "needs-dispatcher", "Only a dispatcher of the operator can call a departure off. The dispatchers see this decision on the page of the timetable.")

// Settlement is a decision about a conflict.
type Settlement struct {
	How    string // HowKept, HowMoved or HowCalledOff
	Reason string // what the passengers read whose ride is called off: needed for HowCalledOff
	Rebook bool   // give whoever cannot ride as they booked the operator's next departure with room
}

// Settle decides about a conflict, once per idempotency key. Moving gives everybody who has booked the new times with new
// tickets; whoever the new times do not serve is rebooked or paid back, and who is about to pay keeps nothing. Calling off
// settles every booking as CallOffDeparture does. Each booking is settled in a transaction of its own: the same key again
// goes on with what failed and tells of all; the same decision about a conflict that was moved, or CallOffDeparture, goes on
// with what is left. Keeping and moving are the
// planners', calling off the dispatchers'. Errors: NotFound, Forbidden, ErrNeedsDispatcher, Invalid.
func (s *Service) Settle(ctx context.Context, operator kernel.AgencyID, id ConflictID, q Settlement) (Departure, []Settled, error) {
	if err := s.maySettle(ctx, operator, q); err != nil {
		return Departure{}, nil, err
	}
	d, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Departure, error) {
		if q.How == HowMoved {
			return s.moveConflict(ctx, tx, operator, id)
		}
		d, err := s.Timetable.SettleConflict(ctx, tx, operator, id, q.How)
		if err != nil {
			return Departure{}, err
		}
		return d, s.noteSettled(ctx, tx, operator, q.How)
	})
	if err != nil {
		return Departure{}, nil, err
	}
	var all []Settled
	switch q.How {
	case HowMoved:
		all, err = s.settleMoves(ctx, d.ID, unfitting{q.Reason, q.Rebook})
	case HowCalledOff:
		all, err = s.CallOffDeparture(ctx, CallOff{Operator: operator, Departure: d.ID, Reason: q.Reason, Rebook: q.Rebook})
	}
	return d, all, err
}

func (s *Service) maySettle(ctx context.Context, operator kernel.AgencyID, q Settlement) error {
	if q.How != HowCalledOff {
		if err := plans(ctx, operator); err != nil || q.Reason == "" {
			return err
		}
		return goodReason(q.Reason)
	}
	who := kernel.PrincipalOf(ctx)
	if who.Kind == kernel.Staff && who.Has(operator, RolePlanner) && !who.Has(operator, RoleDispatcher) {
		return ErrNeedsDispatcher
	}
	return mayCallOff(ctx, operator, q.Reason)
}

// moveConflict moves the departure of a conflict, and the places on it. Of one that was moved already it finds the departure.
func (s *Service) moveConflict(ctx context.Context, tx *pg.Tx, operator kernel.AgencyID, id ConflictID) (Departure, error) {
	if err := lockOperator(ctx, tx, operator); err != nil { // before the bookings, as an import does
		return Departure{}, err
	}
	if !kernel.ValidID(string(id)) {
		return Departure{}, kernel.NotThere("conflict")
	}
	which, err := conflictDeparture(ctx, tx, operator, id)
	if err != nil {
		return Departure{}, err
	}
	if err := lockDepartures(ctx, tx, which.Departure); err != nil {
		return Departure{}, err
	}
	before, err := loadDeparture(ctx, tx, which.Departure)
	if err != nil || which.How == HowMoved {
		return before, err
	}
	on, err := lockBookingsOn(ctx, tx, before.ID, StateDraft, StatePaying, StateBooked)
	if err != nil {
		return Departure{}, err
	}
	d, err := s.Timetable.SettleConflict(ctx, tx, operator, id, HowMoved)
	if err != nil {
		return Departure{}, err
	}
	if err := s.rearrange(ctx, tx, before, on); err != nil {
		return Departure{}, err
	}
	return d, s.noteSettled(ctx, tx, operator, HowMoved)
}

func (s *Service) noteSettled(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, how string) error {
	return s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "travel.conflict", Details: map[string]string{"operator": string(operator), "how": how}})
}

// GoOnMoving settles what is left of a departure that was moved: bookings whose transaction failed. Planners of the operator.
// Errors: NotFound, Forbidden, Invalid.
func (s *Service) GoOnMoving(ctx context.Context, operator kernel.AgencyID, id DepartureID, q Settlement) ([]Settled, error) {
	q.How = HowMoved
	if err := s.maySettle(ctx, operator, q); err != nil {
		return nil, err
	}
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		_, err := runBy(ctx, tx, operator, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.settleMoves(ctx, id, unfitting{q.Reason, q.Rebook})
}
