package medical

import (
	"context"
	"errors"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// errNoDefinition means a case is pinned to a workflow this installation no longer carries: a fault of ours.
var errNoDefinition = errors.New("no definition for the appointment's workflow")

// The citizen's own appointments. Nobody else gets here: what is not theirs is not there.

// visitsOf joins appointments with what they refer to.
func (s *Service) visitsOf(ctx context.Context, tx kernel.Tx, types []VisitType, all ...Appointment) ([]myVisit, error) {
	var places []PlaceID
	var who []PractitionerID
	for _, a := range all {
		if a.Place != "" {
			places = append(places, a.Place)
		}
		if a.Practitioner != "" {
			who = append(who, a.Practitioner)
		}
	}
	where, err := placesByID(ctx, tx, places)
	if err != nil {
		return nil, err
	}
	with, err := practitionersByID(ctx, tx, who)
	if err != nil {
		return nil, err
	}
	out := make([]myVisit, len(all))
	for i, a := range all {
		out[i] = myVisit{Appointment: a, place: where[a.Place], practitioner: with[a.Practitioner], Type: VisitType{Code: a.VisitType, Service: a.Service}}
		if n := slices.IndexFunc(types, func(v VisitType) bool { return v.Code == a.VisitType }); n >= 0 {
			out[i].Type = types[n]
		}
	}
	return out, nil
}

// startOf reads what the first page of a mini-app shows: the types of visits, and the citizen's appointments that are
// not over.
func (s *Service) startOf(ctx context.Context, slug string) (types []VisitType, mine []myVisit, err error) {
	who := kernel.PrincipalOf(ctx)
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err := visitTypesOf(ctx, tx, false)
		if err != nil {
			return err
		}
		types = slices.DeleteFunc(slices.Clone(all), func(v VisitType) bool { return v.Service != slug })
		if who.Kind != kernel.Citizen {
			return nil
		}
		open, err := appointmentsOf(ctx, tx, who.Person, slug, true, "", 20)
		if err != nil {
			return err
		}
		mine, err = s.visitsOf(ctx, tx, all, open...)
		return err
	})
	return types, mine, err
}

// own loads an appointment of the signed-in citizen's, with what it refers to, or NotThere.
func (s *Service) own(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (myVisit, error) {
	a, err := loadAppointment(ctx, tx, c, false)
	if err != nil {
		return myVisit{}, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person == "" || who.Person != a.Applicant {
		return myVisit{}, kernel.NotThere("appointment")
	}
	types, err := visitTypesOf(ctx, tx, true)
	if err != nil {
		return myVisit{}, err
	}
	all, err := s.visitsOf(ctx, tx, types, a)
	if err != nil {
		return myVisit{}, err
	}
	return all[0], nil
}

// open reads an appointment of the signed-in citizen's with everything its page shows. Errors: NotThere.
func (s *Service) open(ctx context.Context, c kernel.CaseID) (o opened, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		o, err = s.openIn(ctx, tx, c)
		return err
	})
	return o, err
}

func (s *Service) openIn(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (o opened, err error) {
	if o.myVisit, err = s.own(ctx, tx, c); err != nil {
		return opened{}, err
	}
	if o.kase, err = s.caseOf(ctx, tx, c); err != nil {
		return opened{}, err
	}
	var ok bool
	if o.def, ok = s.Library.ByHash(o.kase.WorkflowHash); !ok {
		return opened{}, errNoDefinition
	}
	if o.documents, err = s.Documents.List(ctx, tx, c); err != nil {
		return opened{}, err
	}
	if o.reason, err = s.readNote(ctx, tx, c, noteReason); err != nil {
		return opened{}, err
	}
	if o.State == StateWaiting || o.State == StateOffered {
		o.wish, err = wishOf(ctx, tx, c)
	}
	return o, err
}

// mine lists the citizen's appointments, newest first. Errors: Invalid for a cursor that is none of ours.
func (s *Service) mine(ctx context.Context, service string, open bool, before kernel.CaseID, limit int) (out []myVisit, err error) {
	if before != "" && !kernel.ValidID(string(before)) {
		return nil, errCursor
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err := appointmentsOf(ctx, tx, kernel.PrincipalOf(ctx).Person, service, open, before, limit)
		if err != nil {
			return err
		}
		types, err := visitTypesOf(ctx, tx, true)
		if err != nil {
			return err
		}
		out, err = s.visitsOf(ctx, tx, types, all...)
		return err
	})
	return out, err
}

// aroundMidnight is how far beyond the day a door looks: who comes at five to twelve may have an appointment at ten past.
const aroundMidnight = 2 * time.Hour

// atDoorOf reads what the code at a door means for the signed-in citizen today. Errors: NotThere for a code of no place.
func (s *Service) atDoorOf(ctx context.Context, slug, code string) (d atDoor, err error) {
	d.slug = slug
	now := s.Clock.Now()
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if d.place, err = placeAtDoor(ctx, tx, code); err != nil {
			return err
		}
		local := now.In(d.place.Location())
		day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, d.place.Location())
		from, until := day, day.AddDate(0, 0, 1)
		if before := now.Add(-aroundMidnight); before.Before(from) {
			from = before
		}
		if after := now.Add(aroundMidnight); after.After(until) {
			until = after
		}
		all, err := appointmentsBetween(ctx, tx, kernel.PrincipalOf(ctx).Person, from, until)
		if err != nil {
			return err
		}
		d.today = nil
		for _, a := range all {
			o, err := s.openIn(ctx, tx, a.Case)
			if err != nil {
				return err
			}
			d.today = append(d.today, o)
		}
		return nil
	})
	return d, err
}

// timeOn reads a slot as a visit of the citizen's would be in it, for the question whether it is this time.
func (s *Service) timeOn(ctx context.Context, slot SlotID, visit string) (v myVisit, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		o, err := loadOffer(ctx, tx, slot, visit)
		if err != nil {
			return err
		}
		v = myVisit{Type: o.Visit, place: o.Place, practitioner: o.Practitioner}
		v.Appointment = Appointment{Service: o.Visit.Service, VisitType: o.Visit.Code, Facility: o.Facility, Place: o.Place.ID, Practitioner: o.Practitioner.ID,
			Slot: o.ID, HoldSlot: o.ID, StartsAt: o.StartsAt, EndsAt: o.EndsAt}
		return nil
	})
	return v, err
}

// saveDetails keeps whom a draft is for and why they come, so that nothing typed is lost when the time has to be chosen
// again. Errors: NotThere, ErrChanged when it is no draft any more, Invalid with fields, ErrNotForAge.
func (s *Service) saveDetails(ctx context.Context, c kernel.CaseID, p Patient) error {
	return s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		a, err := loadAppointment(ctx, tx, c, true)
		if err != nil {
			return err
		}
		if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person != a.Applicant {
			return kernel.NotThere("appointment")
		}
		if a.State != StateDraft || a.HoldSlot == "" {
			return kernel.ErrChanged
		}
		o, err := loadOffer(ctx, tx, a.HoldSlot, a.VisitType)
		if err != nil {
			return err
		}
		if err := s.patient(ctx, tx, &a, o, p); err != nil {
			return err
		}
		if err := saveAppointment(ctx, tx, a); err != nil {
			return err
		}
		return s.keepNote(ctx, tx, a.Case, a.Applicant, noteReason, p.Reason)
	})
}

// kept is whom the draft is for, as it was saved.
func (a Appointment) kept() Patient {
	p := Patient{ForWhom: a.ForWhom, Relation: a.Relation, Declared: a.ForWhom != ForSelf}
	if a.ForWhom != ForSelf {
		p.Name, p.Birthdate = a.Patient, a.Birthdate
	}
	return p
}

// step takes one action of the citizen's that needs no slot: cancel, pass, check-in. Once per idempotency key. Errors:
// NotThere, Conflict, Invalid with fields, StepUp.
func (s *Service) step(ctx context.Context, c kernel.CaseID, version int, action string, input map[string]any) (Appointment, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Appointment, error) {
		if _, err := s.own(ctx, tx, c); err != nil {
			return Appointment{}, err
		}
		k, err := s.Cases.Act(ctx, tx, kernel.Act{Case: c, Version: version, Action: action, Input: input})
		if err != nil {
			return Appointment{}, err
		}
		a, err := loadAppointment(ctx, tx, c, false)
		a.Version = k.Version
		return a, err
	})
}

// definitions are the workflows of the sector that this installation knows.
func (s *Service) definitions() (out []*workflows.Definition) {
	for _, d := range s.Library.All() {
		if d.Sector == Sector {
			out = append(out, d)
		}
	}
	return out
}
