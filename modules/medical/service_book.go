package medical

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// Booking asks for one slot for one type of visit.
type Booking struct {
	Slot      SlotID
	VisitType string
	Patient   Patient
	Locale    string // language of the conversation; empty: the request's
	Channel   string // how the citizen came
}

// errGone stands for "no free place": the transaction is taken back, and the answer, with other times, is made outside of it.
var errGone = errors.New("no free place in the slot")

// draftFor is when the workflow lets a draft lapse (its timer "hold"). A draft whose hold would outlive it is not taken up.
const draftFor = 30 * time.Minute

// Hold holds a place in the slot for the signed-in citizen for HoldFor, once per idempotency key. The case it opens is a
// draft; somebody who is still drafting an appointment of the same service at this clinic takes their hold along to the
// new slot. Whatever else they hold of the service is given back, so that nobody keeps two. Errors: NotFound, ErrSlotTaken with what is free instead, StepUp, ErrNotForAge.
func (s *Service) Hold(ctx context.Context, b Booking) (Appointment, error) {
	return s.booked(ctx, b, func(tx *pg.Tx, o offer) (Appointment, error) {
		who := kernel.PrincipalOf(ctx)
		now := s.Clock.Now()
		a, found, err := s.takeUp(ctx, tx, who.Person, o, now)
		if err != nil {
			return Appointment{}, err
		}
		if !found {
			a = s.newAppointment(ctx, o, b, now)
		}
		until, ok, err := claimHold(ctx, tx, o.ID, a.Case, HoldFor)
		if err != nil {
			return Appointment{}, err
		}
		if !ok {
			return Appointment{}, errGone
		}
		a.HoldSlot, a.HoldUntil, a.Facility, a.VisitType, a.UpdatedAt = o.ID, until, o.Facility, o.Visit.Code, now
		a.Place, a.Practitioner, a.StartsAt, a.EndsAt = o.Slot.Place, o.Slot.Practitioner, o.StartsAt, o.EndsAt
		a.Version = 1 // nothing but the start has happened to a draft
		if found {
			return a, saveAppointment(ctx, tx, a)
		}
		c, err := s.Cases.Start(ctx, tx, s.newCase(a, b, nil))
		if err != nil {
			return Appointment{}, err
		}
		a.Number = c.Number
		return a, insertAppointment(ctx, tx, a)
	})
}

// takeUp finds the draft that a hold of the offered slot goes on with, and gives back what the person's drafts of the service
// hold otherwise. A case stays with its clinic, so that a draft at another one is not taken up.
func (s *Service) takeUp(ctx context.Context, tx kernel.Tx, person kernel.PersonID, o offer, now time.Time) (a Appointment, found bool, err error) {
	begun := now.Add(HoldFor - draftFor)
	drafts, err := draftsOf(ctx, tx, person, o.Visit.Service, begun)
	if err != nil {
		return Appointment{}, false, err
	}
	for _, d := range drafts {
		mine := !found && d.Facility == o.Facility && d.CreatedAt.After(begun)
		if d.HoldSlot != "" && (!mine || d.HoldSlot != o.ID) {
			if err := s.giveBack(ctx, tx, d); err != nil {
				return Appointment{}, false, err
			}
			d.HoldSlot, d.HoldUntil, d.UpdatedAt = "", time.Time{}, now
			if err := saveAppointment(ctx, tx, d); err != nil {
				return Appointment{}, false, err
			}
		}
		if mine {
			a, found = d, true
		}
	}
	return a, found, nil
}

// Confirm turns the hold, or an offer of the waiting list, into an appointment, once per idempotency key. A hold whose
// time has run out is honoured while the place is free. version is the case's the citizen looked at. Errors: NotFound,
// Conflict (changed-meanwhile, hold-over), StepUp where the type of visit asks for it, Invalid with fields, ErrSameTime.
func (s *Service) Confirm(ctx context.Context, c kernel.CaseID, version int, p Patient) (Appointment, error) {
	return s.change(ctx, c, "", func(tx *pg.Tx, a Appointment, o offer) (Appointment, error) {
		if a.HoldSlot == "" {
			return Appointment{}, kernel.ErrChanged
		}
		if err := s.patient(ctx, tx, &a, o, p); err != nil {
			return Appointment{}, err
		}
		if err := s.claim(ctx, tx, o, a.Case); err != nil {
			return Appointment{}, err
		}
		a.occupy(o)
		a.State, a.UpdatedAt = StateBooked, s.Clock.Now()
		if err := s.act(ctx, tx, a, version, "confirm", s.answers(ctx, a, o)); err != nil {
			return Appointment{}, err
		}
		a.Version = version + 1
		if err := endWaiting(ctx, tx, a.Case); err != nil {
			return Appointment{}, err
		}
		if err := saveAppointment(ctx, tx, a); err != nil {
			return Appointment{}, err
		}
		return a, s.keepReason(ctx, tx, a, p.Reason)
	})
}

// Reschedule gives a booked appointment another slot: the new one is the citizen's before the old one is given back, in one
// transaction. Errors: NotFound, Conflict (changed-meanwhile, slot-taken with other times, too-late-to-change, not-for-this-age), StepUp.
func (s *Service) Reschedule(ctx context.Context, c kernel.CaseID, version int, to SlotID) (Appointment, error) {
	return s.moveTo(ctx, c, version, to, "reschedule")
}

// moveTo gives an appointment another slot by action, "reschedule" for the citizen and "move" for the clinic.
func (s *Service) moveTo(ctx context.Context, c kernel.CaseID, version int, to SlotID, action string) (Appointment, error) {
	return s.change(ctx, c, to, func(tx *pg.Tx, a Appointment, o offer) (Appointment, error) {
		switch {
		case a.Slot == "":
			return Appointment{}, kernel.ErrChanged
		case a.Facility != o.Facility || !o.Offered && a.Slot != o.ID:
			return Appointment{}, kernel.NotThere("slot")
		case a.Slot == o.ID:
			a.Version = version
			return a, nil
		case action == "reschedule" && s.late(a, o.Visit):
			return Appointment{}, ErrTooLate
		case action == "reschedule" && !o.Visit.fits(a.Birthdate, o.StartsAt.In(o.Place.Location())):
			return Appointment{}, ErrNotForAge
		}
		if err := lockSlots(ctx, tx, a.Slot, o.ID); err != nil {
			return Appointment{}, err
		}
		if err := s.claim(ctx, tx, o, a.Case); err != nil {
			return Appointment{}, err
		}
		if err := s.giveBack(ctx, tx, a); err != nil {
			return Appointment{}, err
		}
		a.occupy(o)
		a.Sequence++
		a.UpdatedAt = s.Clock.Now()
		if err := s.act(ctx, tx, a, version, action, s.answers(ctx, a, o)); err != nil {
			return Appointment{}, err
		}
		a.Version = version + 1
		if err := settleTasks(ctx, tx, a.Case, "moved", kernel.PrincipalOf(ctx).Person, a.UpdatedAt); err != nil {
			return Appointment{}, err
		}
		return a, saveAppointment(ctx, tx, a)
	})
}

// booked runs what books a slot, once per key, and says what is free instead when somebody was faster.
func (s *Service) booked(ctx context.Context, b Booking, fn func(*pg.Tx, offer) (Appointment, error)) (Appointment, error) {
	var o offer
	a, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (_ Appointment, err error) {
		if o, err = loadOffer(ctx, tx, b.Slot, b.VisitType); err != nil {
			return Appointment{}, err
		}
		if !o.Offered {
			return Appointment{}, kernel.NotThere("slot")
		}
		if err := offered(ctx, o.Visit); err != nil {
			return Appointment{}, err
		}
		return fn(tx, o)
	})
	return a, s.instead(ctx, o, err)
}

// change runs what changes an appointment that the principal may see, once per key. slot is the one it is about; empty: the
// one that is held.
func (s *Service) change(ctx context.Context, c kernel.CaseID, slot SlotID, fn func(*pg.Tx, Appointment, offer) (Appointment, error)) (Appointment, error) {
	var o offer
	held := slot == ""
	a, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Appointment, error) {
		a, err := loadAppointment(ctx, tx, c, true)
		if err != nil {
			return Appointment{}, err
		}
		if !mayChange(kernel.PrincipalOf(ctx), a) {
			return Appointment{}, kernel.NotThere("appointment")
		}
		id := slot
		if held {
			if id = a.HoldSlot; id == "" {
				return Appointment{}, kernel.ErrChanged
			}
		}
		if o, err = loadOffer(ctx, tx, id, a.VisitType); err != nil {
			return Appointment{}, err
		}
		if err := s.allowed(ctx, o.Visit); err != nil {
			return Appointment{}, err
		}
		return fn(tx, a, o)
	})
	if held && errors.Is(err, errGone) {
		return a, s.offering(ctx, o, ErrHoldOver)
	}
	return a, s.instead(ctx, o, err)
}

// mayChange reports whose appointment it is; what they may do with it is the workflow's to say.
func mayChange(who kernel.Principal, a Appointment) bool {
	switch who.Kind {
	case kernel.Citizen:
		return who.Person != "" && who.Person == a.Applicant
	case kernel.Staff:
		return slices.Contains(who.Agencies(), a.Facility) && a.State != StateDraft
	}
	return who.Kind == kernel.System
}

// instead turns "no free place" into the answer that names what is free.
func (s *Service) instead(ctx context.Context, o offer, err error) error {
	if errors.Is(err, errGone) || errors.Is(err, ErrSlotTaken) {
		return s.offering(ctx, o, ErrSlotTaken)
	}
	return err
}

func (s *Service) offering(ctx context.Context, o offer, e *kernel.Error) error {
	var free []kernel.Alternative
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		free, err = nextFree(ctx, tx, o.Facility, o.Visit.Code, 5)
		return err
	})
	if err != nil {
		s.Log.Warn("no alternatives to a taken slot", "slot", o.ID, "err", err)
	}
	return e.Offering(free)
}

// claim takes a place in the slot, and the rooms and equipment the visit needs, or nothing.
func (s *Service) claim(ctx context.Context, tx *pg.Tx, o offer, c kernel.CaseID) error {
	ok, err := claimPlace(ctx, tx, o.ID, c)
	if err == nil && ok && len(o.Visit.Needs) > 0 {
		ok, err = takeResources(ctx, tx, o)
	}
	if err == nil && !ok {
		err = errGone
	}
	return err
}

// giveBack frees what the appointment has, and tells the waiting list.
func (s *Service) giveBack(ctx context.Context, tx kernel.Tx, a Appointment) error {
	for _, had := range []struct {
		slot   SlotID
		booked bool
	}{{a.Slot, true}, {a.HoldSlot, false}} {
		if had.slot == "" {
			continue
		}
		if err := dropPlace(ctx, tx, had.slot, a.Case, had.booked); err != nil {
			return err
		}
		if err := s.freed(ctx, tx, had.slot); err != nil {
			return err
		}
	}
	return nil
}

// offered checks that the municipality offers the service.
func offered(ctx context.Context, v VisitType) error {
	if !slices.Contains(kernel.TenantOf(ctx).Services, v.Service) {
		return kernel.NotThere("service")
	}
	return nil
}

// allowed checks that the sign-in is strong enough to have such a visit. Holding a time needs no more than the service's
// own start: the time is kept while somebody proves who they are.
func (s *Service) allowed(ctx context.Context, v VisitType) error {
	if err := offered(ctx, v); err != nil {
		return err
	}
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen {
		return nil // staff act under the workflow's rules for them
	}
	return web.NeedLevel(who, v.Level, 0, s.Clock.Now())
}

// late reports that the citizen may no longer change the appointment here.
func (s *Service) late(a Appointment, v VisitType) bool {
	return s.Clock.Now().After(a.StartsAt.Add(-time.Duration(v.CancelHours) * time.Hour))
}

// occupy makes the slot the appointment's own.
func (a *Appointment) occupy(o offer) {
	a.Slot, a.HoldSlot, a.HoldUntil = o.ID, "", time.Time{}
	a.Facility, a.Place, a.Practitioner, a.StartsAt, a.EndsAt = o.Facility, o.Slot.Place, o.Slot.Practitioner, o.StartsAt, o.EndsAt
}

func (s *Service) newAppointment(ctx context.Context, o offer, b Booking, now time.Time) Appointment {
	who := kernel.PrincipalOf(ctx)
	locale := b.Locale
	if !slices.Contains(kernel.Locales, locale) {
		locale = kernel.LocaleOf(ctx)
	}
	return Appointment{
		Case: kernel.CaseID(kernel.NewID()), Service: o.Visit.Service, Facility: o.Facility, VisitType: o.Visit.Code, State: StateDraft,
		Applicant: who.Person, ForWhom: ForSelf, Locale: locale, Calendar: newToken(), CreatedAt: now, UpdatedAt: now,
	}
}

func newToken() string {
	var raw [24]byte
	rand.Read(raw[:])
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func (s *Service) newCase(a Appointment, b Booking, then *kernel.Act) kernel.NewCase {
	return kernel.NewCase{Service: a.Service, Locale: a.Locale, Channel: b.Channel, ID: a.Case, Sector: Sector, Agency: a.Facility, Then: then}
}

func (s *Service) act(ctx context.Context, tx kernel.Tx, a Appointment, version int, action string, input map[string]any) error {
	_, err := s.Cases.Act(ctx, tx, kernel.Act{Case: a.Case, Version: version, Action: action, Input: input, Sector: Sector})
	return err
}

// patient puts into the appointment whom it is for: oneself with the verified name and date of birth, or somebody the
// citizen declares to act for.
func (s *Service) patient(ctx context.Context, tx kernel.Tx, a *Appointment, o offer, p Patient) error {
	switch p.ForWhom {
	case "", ForSelf:
		person, err := s.People.Person(ctx, tx, a.Applicant, a.Service)
		if err != nil {
			return err
		}
		a.ForWhom, a.Patient, a.Birthdate, a.Relation = ForSelf, person.Claims["name"], person.Claims["birthdate"], ""
	case ForChild, ForMandate:
		if err := s.checkPatient(p); err != nil {
			return err
		}
		a.ForWhom, a.Patient, a.Birthdate, a.Relation = p.ForWhom, strings.TrimSpace(p.Name), p.Birthdate, p.Relation
	default:
		return kernel.InvalidFields(kernel.FieldError{Path: "for_whom", Slug: "field.not-an-option", Message: "Choose one of the options."})
	}
	if !o.Visit.fits(a.Birthdate, o.StartsAt.In(o.Place.Location())) {
		return ErrNotForAge
	}
	return nil
}

// answers are what documents and notices say of the appointment, in its language.
func (s *Service) answers(ctx context.Context, a Appointment, o offer) map[string]any {
	l := a.Locale
	in := map[string]any{
		"visit": o.Visit.Name.In(l), "when": s.when(ctx, l, o), "starts": o.StartsAt.UTC().Format(time.RFC3339),
		"place": o.Place.Name.In(l), "address": o.Place.Address(), "practitioner": o.Practitioner.Name, "patient": a.Patient,
		"preparation": o.Visit.Preparation.In(l), "bring": o.Visit.Bring.In(l),
	}
	if a.Birthdate != "" {
		in["patient_born"] = a.Birthdate
	}
	return in
}

// when is the time of the visit by the clock on the wall there: "Tuesday 1 December 2026, 09:40–10:00".
func (s *Service) when(ctx context.Context, locale string, o offer) string {
	zone := o.Place.Location()
	day := ui.Date(locale, zone, o.StartsAt)
	out := ui.Weekday(locale, zone, o.StartsAt)
	switch locale {
	case "zh":
		out = day + " " + out + " "
	default:
		out += " " + day + ", "
	}
	out += ui.Clock(zone, o.StartsAt) + "–" + ui.Clock(zone, o.EndsAt)
	if o.Place.Zone != kernel.TenantOf(ctx).Zone { // people elsewhere read another clock
		out += " (" + o.StartsAt.In(zone).Format("MST") + ")"
	}
	return strings.ReplaceAll(out, "\u00a0", " ")
}
