package travel

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// Conflicts are the booked departures of an operator about which somebody has to decide, the oldest first. Planners and
// dispatchers. Errors: NotFound, Forbidden.
func (s *Timetable) Conflicts(ctx context.Context, operator kernel.AgencyID) (out []Conflict, err error) {
	if err := works(ctx, operator, RolePlanner, RoleDispatcher); err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out, err = openConflicts(ctx, tx, operator)
		return err
	})
	return out, err
}

var errHow = kernel.InvalidFields(kernel.FieldError{Path: "how", Slug: "field.not-an-option", Message: "Choose one of the options."})

// SettleConflict decides about a booked departure, in the caller's transaction, so that passengers are told in the same:
// it is kept as it was booked, moved to what the timetable in force says, or called off, which is a dispatcher's to do. The
// departure comes back as it is now. Errors: NotFound, Forbidden, Invalid for another way to settle it, and for moving what the timetable in force does not
// have.
func (s *Timetable) SettleConflict(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id ConflictID, how string) (Departure, error) {
	role := RolePlanner
	if how == HowCalledOff {
		role = RoleDispatcher
	}
	if err := works(ctx, operator, role); err != nil {
		return Departure{}, err
	}
	if how != HowKept && how != HowMoved && how != HowCalledOff {
		return Departure{}, errHow
	}
	if !kernel.ValidID(string(id)) {
		return Departure{}, kernel.NotThere("conflict")
	}
	if err := lockOperator(ctx, tx, operator); err != nil {
		return Departure{}, err
	}
	now := s.Clock.Now().UTC()
	c, err := closeConflict(ctx, tx, operator, id, how, kernel.PrincipalOf(ctx).Person, now)
	if err != nil {
		return Departure{}, err
	}
	switch how {
	case HowMoved:
		err = s.move(ctx, tx, operator, c.Departure)
	case HowCalledOff:
		err = callOff(ctx, tx, c.Departure)
	}
	if err != nil {
		return Departure{}, err
	}
	return loadDeparture(ctx, tx, c.Departure)
}

func (s *Timetable) move(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id DepartureID) error {
	feeds, err := activeFeeds(ctx, tx, operator)
	if err != nil {
		return err
	}
	now := s.Clock.Now().UTC()
	for _, f := range feeds { // one, or none
		today := gtfs.DayAt(now, located(f.Zone))
		if ok, err := moveDeparture(ctx, tx, f, id, f.bases(today-reach(f.Longest), today+written), now); err != nil || ok {
			return err
		}
	}
	return errHow
}
