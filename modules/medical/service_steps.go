package medical

import (
	"context"
	"time"

	"townhall/modules/kernel"
)

// Times around a visit at which checking in is possible.
const (
	checkInBefore = 2 * time.Hour
	checkInAfter  = time.Hour // after its end; staff may until the end of the day
)

var (
	errEarly    = kernel.NewError(kernel.Conflict, "check-in-early", "It is too early to check in. Come back two hours before the appointment.")
	errOver     = kernel.NewError(kernel.Conflict, "check-in-over", "The time of this appointment is over. Please ask at the desk.")
	errNotBegun = kernel.NewError(kernel.Conflict, "not-begun", "The appointment has not begun yet.")
)

// steps are the effects that the sector's workflows declare. Each brings the appointment's row to what the step says, in
// the step's transaction.
func (s *Service) steps() map[string]kernel.StepEffect {
	return map[string]kernel.StepEffect{
		"release":  s.stepRelease,
		"pass":     s.stepPass,
		"arrive":   s.stepArrive,
		"miss":     s.stepMiss,
		"complete": s.stepComplete,
	}
}

// stepRelease ends an appointment, a hold or a wait: what it had of a slot is given back.
func (s *Service) stepRelease(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	a, err := loadAppointment(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	if t.Action == "cancel" && a.Slot != "" {
		types, err := visitTypesOf(ctx, tx, true) // the schedule may have other visits by now
		if err != nil {
			return err
		}
		if v, _ := visitType(types, a.Service, a.VisitType); s.late(a, v) {
			return ErrTooLate
		}
	}
	if err := s.giveBack(ctx, tx, a); err != nil {
		return err
	}
	if err := endWaiting(ctx, tx, a.Case); err != nil {
		return err
	}
	if a.Slot != "" {
		a.Sequence++
	}
	a.State, a.Slot, a.HoldSlot, a.HoldUntil, a.UpdatedAt = t.To, "", "", time.Time{}, t.At
	a.CancelReason, _ = t.Input["cancel_reason"].(string)
	if err := settleTasks(ctx, tx, a.Case, "called-off", kernel.PrincipalOf(ctx).Person, t.At); err != nil {
		return err
	}
	return saveAppointment(ctx, tx, a)
}

// stepPass gives the offered time to the next in line; the citizen stays on the list.
func (s *Service) stepPass(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	a, err := loadAppointment(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	return s.passOn(ctx, tx, &a, t.To, t.At)
}

// stepArrive checks somebody in. The citizen may around the time of the visit, staff all day.
func (s *Service) stepArrive(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	a, err := loadAppointment(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	citizen := kernel.PrincipalOf(ctx).Kind == kernel.Citizen
	switch {
	case citizen && t.At.Before(a.StartsAt.Add(-checkInBefore)), t.At.Before(a.StartsAt.Add(-24 * time.Hour)):
		return errEarly
	case citizen && t.At.After(a.EndsAt.Add(checkInAfter)), t.At.After(a.EndsAt.Add(24 * time.Hour)):
		return errOver
	}
	a.State, a.CheckedInAt, a.UpdatedAt = t.To, t.At, t.At
	return saveAppointment(ctx, tx, a)
}

// stepMiss says that somebody did not come, which can be known once the visit has begun.
func (s *Service) stepMiss(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	a, err := loadAppointment(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	if t.At.Before(a.StartsAt) {
		return errNotBegun
	}
	a.State, a.UpdatedAt = t.To, t.At
	return saveAppointment(ctx, tx, a)
}

// stepComplete follows the case to the end of the visit.
func (s *Service) stepComplete(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	a, err := loadAppointment(ctx, tx, t.Case, true)
	if err != nil {
		return err
	}
	a.State, a.UpdatedAt = t.To, t.At
	return saveAppointment(ctx, tx, a)
}
