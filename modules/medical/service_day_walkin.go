package medical

import (
	"context"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// WalkIn is somebody who stands at the desk without an appointment.
type WalkIn struct {
	Facility     kernel.AgencyID
	VisitType    string
	Name         string
	Birthdate    string // YYYY-MM-DD
	Locale       string // theirs; empty: the request's
	Slot         SlotID // a free time; empty: now, beside the others
	Place        PlaceID
	Practitioner PractitionerID // for now; empty: whoever is free
}

// walkInChoices is what the desk can choose from.
type walkInChoices struct {
	Visits        []VisitType
	Free          []kernel.Alternative // the next free times for the chosen type of visit
	Places        []Place
	Practitioners []Practitioner
}

// WalkInChoices lists the types of visit a clinic offers and, for the chosen one, its next free times. Nothing personal.
func (s *Service) WalkInChoices(ctx context.Context, facility kernel.AgencyID, visitType string) (c walkInChoices, err error) {
	if err := works(ctx, facility, RoleReception, RolePractitioner); err != nil {
		return walkInChoices{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		c = walkInChoices{}
		if c.Visits, err = visitTypesAt(ctx, tx, facility); err != nil {
			return err
		}
		if c.Places, err = dayPlaces(ctx, tx, facility); err != nil {
			return err
		}
		if c.Practitioners, err = dayPractitioners(ctx, tx, facility); err != nil || visitType == "" {
			return err
		}
		c.Free, err = nextFree(ctx, tx, facility, visitType, 6)
		return err
	})
	return c, err
}

// Admit opens an appointment for a person who is present, and checks them in with it: at a free time, or now beside the
// others, which takes nobody's time away. The case belongs to the person the clinic wrote down and to no sign-in; their
// papers are printed at the desk. Reception and practitioners, once per idempotency key. Errors: NotFound, Forbidden, Invalid
// with fields (visit_type, patient_name, patient_birthdate, slot), ErrSlotTaken with other times, ErrNotForAge, those of kernel.Releases while the
// mini-app is paused or has ended.
func (s *Service) Admit(ctx context.Context, w WalkIn) (Appointment, error) {
	if err := works(ctx, w.Facility, RoleReception, RolePractitioner); err != nil {
		return Appointment{}, err
	}
	if err := s.checkPatient(Patient{Name: w.Name, Birthdate: w.Birthdate, Relation: relations[0], Declared: true}); err != nil {
		return Appointment{}, err
	}
	var o offer
	a, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (_ Appointment, err error) {
		now := s.Clock.Now()
		if o, err = s.walkInOffer(ctx, tx, w, now); err != nil {
			return Appointment{}, err
		}
		a := s.newAppointment(ctx, o, Booking{Locale: w.Locale}, now)
		if w.Slot != "" {
			err = s.claim(ctx, tx, o, a.Case)
		} else if ok, e := takeResources(ctx, tx, o); e != nil || !ok {
			err = orGone(e)
		}
		if err != nil {
			return Appointment{}, err
		}
		a.occupy(o)
		a.State, a.ForWhom, a.Patient, a.Birthdate, a.CheckedInAt = StateArrived, ForDesk, strings.TrimSpace(w.Name), w.Birthdate, now
		if o.Practitioner.ID != "" {
			a.Practitioner = o.Practitioner.ID
		}
		n := s.newCase(a, Booking{}, &kernel.Act{Action: "admit", Input: s.answers(ctx, a, o)})
		n.Present = a.Patient
		c, err := s.Cases.Start(ctx, tx, n)
		if err != nil {
			return Appointment{}, err
		}
		a.Number, a.Applicant, a.Version = c.Number, c.Applicant, c.Version
		return a, insertAppointment(ctx, tx, a)
	})
	return a, s.instead(ctx, o, err)
}

func orGone(err error) error {
	if err != nil {
		return err
	}
	return errGone
}

// walkInOffer is the time the person gets: a free slot of the clinic, or one that is made for them at the desk.
func (s *Service) walkInOffer(ctx context.Context, tx kernel.Tx, w WalkIn, now time.Time) (offer, error) {
	visits, err := visitTypesAt(ctx, tx, w.Facility)
	if err != nil {
		return offer{}, err
	}
	var v VisitType
	for _, one := range visits {
		if one.Code == w.VisitType {
			v = one
		}
	}
	if v.Code == "" {
		return offer{}, kernel.InvalidFields(kernel.FieldError{Path: "visit_type", Slug: "field.not-an-option", Message: "Choose one of the options."})
	}
	if err := s.allowed(ctx, v); err != nil {
		return offer{}, err
	}
	slot := w.Slot
	if slot == "" {
		if slot, err = deskSlot(ctx, tx, w, v, now); err != nil {
			return offer{}, err
		}
	}
	o, err := loadOffer(ctx, tx, slot, v.Code)
	if err != nil {
		return offer{}, err
	}
	if o.Facility != w.Facility {
		return offer{}, kernel.NotThere("slot")
	}
	if w.Slot == "" && w.Practitioner != "" {
		if o.Practitioner, err = practitionerAt(ctx, tx, w.Facility, w.Practitioner); err != nil {
			return offer{}, err
		}
	}
	if !o.Visit.fits(w.Birthdate, o.StartsAt.In(o.Place.Location())) {
		return offer{}, ErrNotForAge
	}
	return o, nil
}
