package travel

import (
	"context"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/seats"
)

// Vehicle is a layout of an operator's, as it is kept.
type Vehicle struct {
	seats.Form
	Version int
	Seats   int
}

// ErrPlacesBooked is the answer to a layout that leaves out a place somebody has booked.
var ErrPlacesBooked = kernel.NewError(kernel.Conflict, "places-booked", "Somebody has booked a place that this layout does not have any more.")

// Vehicles lists the layouts of an operator. Whoever works there. Errors: NotFound.
func (s *Service) Vehicles(ctx context.Context, operator kernel.AgencyID) (out []Vehicle, err error) {
	if err := works(ctx, operator, RolePlanner, RoleDispatcher, RoleConductor); err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		rows, err := listLayouts(ctx, tx, operator)
		if err != nil {
			return err
		}
		out = make([]Vehicle, len(rows))
		for i, r := range rows {
			form, err := seats.Read(r.Form)
			if err != nil {
				return err
			}
			l, err := form.Layout()
			if err != nil {
				return err
			}
			out[i] = Vehicle{form, r.Version, l.Count(seats.Seat)}
		}
		return nil
	})
	return out, err
}

// SetVehicle writes a layout: a new one with version 0, else the one that was looked at. A place that somebody has on a
// coming departure cannot be left out. Planners. Errors: NotFound, Forbidden, Invalid with fields, ErrPlacesBooked, Conflict
// (changed-meanwhile).
func (s *Service) SetVehicle(ctx context.Context, operator kernel.AgencyID, form seats.Form, version int) (Vehicle, error) {
	if err := works(ctx, operator, RolePlanner); err != nil {
		return Vehicle{}, err
	}
	l, err := form.Layout()
	if err != nil {
		return Vehicle{}, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Vehicle, error) {
		if version > 0 {
			had, _, err := loadLayout(ctx, tx, operator, l.Code)
			if err != nil {
				return Vehicle{}, err
			}
			if err := s.mayLeaveOut(ctx, tx, operator, had, l); err != nil {
				return Vehicle{}, err
			}
		}
		ok, err := saveLayout(ctx, tx, operator, l, version, s.Clock.Now())
		if err == nil && !ok {
			err = kernel.ErrChanged
		}
		return Vehicle{form, version + 1, l.Count(seats.Seat)}, err
	})
}

func (s *Service) mayLeaveOut(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, had, now seats.Layout) error {
	var without []string
	for _, p := range had.Places {
		if q, ok := now.Place(p.Number); !ok || q.Kind != p.Kind {
			without = append(without, p.Number)
		}
	}
	if len(without) == 0 {
		return nil
	}
	booked, err := seated(ctx, tx, operator, now.Code, without)
	if err == nil && booked {
		err = ErrPlacesBooked
	}
	return err
}

// FareTables lists what an operator charges. Whoever works there. Errors: NotFound.
func (s *Service) FareTables(ctx context.Context, operator kernel.AgencyID) (out []fareSet, err error) {
	if err := works(ctx, operator, RolePlanner, RoleDispatcher, RoleConductor); err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out, err = listFares(ctx, tx, operator)
		return err
	})
	return out, err
}

// SetFares writes a table of fares: a new one with version 0, else the one that was looked at. What was booked before keeps
// its price and its terms. Planners. Errors: NotFound, Forbidden, Invalid with fields, Conflict (changed-meanwhile).
func (s *Service) SetFares(ctx context.Context, operator kernel.AgencyID, f fareSet) (fareSet, error) {
	if err := works(ctx, operator, RolePlanner); err != nil {
		return fareSet{}, err
	}
	if err := f.Check(); err != nil {
		return fareSet{}, err
	}
	if d, ok := s.Library.Get(f.Service); !ok || !sold(d) || !slices.Contains(kernel.TenantOf(ctx).Services, f.Service) {
		return fareSet{}, kernel.InvalidFields(kernel.FieldError{Path: "service", Slug: "travel.service-unknown", Message: "The municipality offers no such service."})
	}
	if i := f.Insurance; i != nil {
		if _, ok := s.Directory.Agency(kernel.TenantOf(ctx).ID, i.By()); !ok {
			return fareSet{}, kernel.InvalidFields(kernel.FieldError{Path: "insurance.insurer", Slug: "travel.insurer-unknown", Message: "The municipality has no such insurer."})
		}
	}
	if f.Routes == nil {
		f.Routes = []string{}
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (fareSet, error) {
		ok, err := saveFares(ctx, tx, operator, f, s.Clock.Now())
		if err == nil && !ok {
			err = kernel.ErrChanged
		}
		f.Version++
		return f, err
	})
}
