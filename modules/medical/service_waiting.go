package medical

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The waiting list. A place that becomes free is offered to whoever has waited longest and fits: it is held for them, as
// for somebody who books, until the end of the offer. When they let it go, or the end comes, it is the turn of those who
// joined after them. That the end has come is judged in the statement that claims the place, as with every hold; the event
// at the end only tells people and asks the next. Nothing is offered by searching on a clock: each chance is an event,
// written in the transaction that made it.

// Events of the waiting list; medical listens itself.
const (
	eventSlotFreed   = "medical.slot-freed"   // slotFreed: a place has become free
	eventSlotsOpened = "medical.slots-opened" // slotsOpened: a schedule has new slots
	eventWished      = "medical.wished"       // wished: somebody has joined
	eventOfferOver   = "medical.offer-over"   // offerOver, due at the end of an offer
)

// slotFreed is a place to offer, to those who stand behind After when somebody has let it go.
type slotFreed struct {
	Slot  SlotID `json:"slot"`
	After inLine `json:"after"`
}

type slotsOpened struct {
	Schedule ScheduleID `json:"schedule"`
}

type wished struct {
	Case kernel.CaseID `json:"case"`
}

type offerOver struct {
	Case  kernel.CaseID `json:"case"`
	Slot  SlotID        `json:"slot"`
	Until time.Time     `json:"until"`
}

// OfferFor is how long a place that became free is kept for somebody on the waiting list; less when the visit is near.
const OfferFor = 2 * time.Hour

// Wish is what somebody waits for.
type Wish struct {
	VisitType   string
	Facility    kernel.AgencyID
	Place       PlaceID // empty: any of the facility
	From, Until string  // local days, YYYY-MM-DD
	Part        string  // of the day: any, morning, afternoon
	Patient     Patient
	Locale      string
	Channel     string
}

// freed tells the waiting list, in the transaction that frees the place or makes it.
func (s *Service) freed(ctx context.Context, tx kernel.Tx, slot SlotID) error {
	return pg.Emit(ctx, tx, kernel.Event{Name: eventSlotFreed, Payload: slotFreed{Slot: slot}})
}

// slotsOpened tells the waiting list about a schedule's new slots, in the transaction that makes them.
func (s *Service) slotsOpened(ctx context.Context, tx kernel.Tx, schedule ScheduleID) error {
	return pg.Emit(ctx, tx, kernel.Event{Name: eventSlotsOpened, Payload: slotsOpened{Schedule: schedule}})
}

func (s *Service) effects() pg.Effects {
	return pg.Effects{
		kernel.EventDocumentIssued: s.confirmed,
		eventSlotFreed:             inTx(func(ctx context.Context, tx *pg.Tx, e slotFreed) error { return s.offerSlot(ctx, tx, e.Slot, e.After) }),
		eventSlotsOpened: inTx(func(ctx context.Context, tx *pg.Tx, e slotsOpened) error {
			line, err := lineFor(ctx, tx, e.Schedule, 500)
			for _, c := range line {
				if err == nil {
					err = s.offerAny(ctx, tx, c)
				}
			}
			return err
		}),
		eventWished:    inTx(func(ctx context.Context, tx *pg.Tx, e wished) error { return s.offerAny(ctx, tx, e.Case) }),
		eventOfferOver: inTx(s.endOffer),
	}
}

// inTx is a handler that does all of its work in the transaction which completes the effect.
func inTx[P any](do func(context.Context, *pg.Tx, P) error) pg.Handler {
	return func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
		var p P
		if err := json.Unmarshal(e.Payload, &p); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		return func(ctx context.Context, tx *pg.Tx) error { return do(ctx, tx, p) }, nil
	}
}

// Join puts the signed-in citizen, or somebody they act for, on the waiting list, once per idempotency key. Errors:
// NotThere, StepUp where the type of visit asks for it, Invalid with fields, ErrNotForAge, ErrWaits.
func (s *Service) Join(ctx context.Context, w Wish) (Appointment, error) {
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Appointment, error) {
		types, err := visitTypesOf(ctx, tx, false)
		if err != nil {
			return Appointment{}, err
		}
		t, err := visitType(types, "", w.VisitType)
		if err != nil {
			return Appointment{}, err
		}
		if err := s.allowed(ctx, t); err != nil {
			return Appointment{}, err
		}
		if err := s.People.Asked(ctx, tx, t.Service); err != nil { // before the patient is judged by what was given
			return Appointment{}, err
		}
		where, err := s.checkWish(ctx, tx, w)
		if err != nil {
			return Appointment{}, err
		}
		now := s.Clock.Now()
		from, until := s.wishedDays(ctx, w)
		a := s.newAppointment(ctx, offer{Slot: Slot{Facility: w.Facility}, Visit: t}, Booking{Locale: w.Locale}, now)
		a.State = StateWaiting
		if err := s.patient(ctx, tx, &a, offer{Slot: Slot{StartsAt: from}, Place: Place{Zone: kernel.TenantOf(ctx).Zone}, Visit: t}, w.Patient); err != nil {
			return Appointment{}, err
		}
		there, err := waits(ctx, tx, a)
		if err == nil && there {
			err = ErrWaits
		}
		if err != nil {
			return Appointment{}, err
		}
		if err := s.startWaiting(ctx, tx, &a, w, t, where, until); err != nil {
			return Appointment{}, err
		}
		return a, pg.Emit(ctx, tx, kernel.Event{Name: eventWished, Case: a.Case, Payload: wished{Case: a.Case}})
	})
}

// startWaiting writes the case, the appointment without a time, and the place in the line.
func (s *Service) startWaiting(ctx context.Context, tx *pg.Tx, a *Appointment, w Wish, t VisitType, where string, until time.Time) error {
	input := map[string]any{
		"wanted_visit": t.Name.In(a.Locale), "wanted_where": where, "wanted_until": until.UTC().Format(time.RFC3339),
		"wanted_when": s.say(a.Locale, "waiting.plain", "from", w.From, "until", w.Until, "part", s.say(a.Locale, "waiting.part."+w.Part)),
	}
	c, err := s.Cases.Start(ctx, tx, s.newCase(*a, Booking{Channel: w.Channel}, &kernel.Act{Action: "join", Input: input}))
	if err != nil {
		return err
	}
	a.Number, a.Version = c.Number, c.Version
	if err := insertAppointment(ctx, tx, *a); err != nil {
		return err
	}
	if err := s.keepReason(ctx, tx, *a, w.Patient.Reason); err != nil {
		return err
	}
	return insertWaiting(ctx, tx, a.Case, w, a.CreatedAt)
}

// wishedDays are the first moment of the wish and the first after it, by the municipality's clock.
func (s *Service) wishedDays(ctx context.Context, w Wish) (from, until time.Time) {
	zone := kernel.TenantOf(ctx).Location()
	from, _ = time.ParseInLocation(time.DateOnly, w.From, zone)
	until, _ = time.ParseInLocation(time.DateOnly, w.Until, zone)
	return from, until.AddDate(0, 0, 1)
}

// longestWish is how far ahead people can wait.
const longestWish = 366 * 24 * time.Hour

// checkWish checks what is wished, and says where it is in words. Errors: Invalid with fields.
func (s *Service) checkWish(ctx context.Context, tx kernel.Tx, w Wish) (string, error) {
	var wrong []kernel.FieldError
	from, errFrom := time.Parse(time.DateOnly, w.From)
	until, errUntil := time.Parse(time.DateOnly, w.Until)
	today, _ := time.Parse(time.DateOnly, s.Clock.Now().In(kernel.TenantOf(ctx).Location()).Format(time.DateOnly))
	switch {
	case errFrom != nil:
		wrong = append(wrong, kernel.FieldError{Path: "from", Slug: "field.not-a-date", Message: "Enter a real date: year, month and day."})
	case errUntil != nil:
		wrong = append(wrong, kernel.FieldError{Path: "until", Slug: "field.not-a-date", Message: "Enter a real date: year, month and day."})
	case until.Before(from) || until.Before(today) || until.Sub(today) > longestWish:
		wrong = append(wrong, kernel.FieldError{Path: "until", Slug: "field.wish-days", Message: "Choose days from today on, within a year, the last one not before the first."})
	}
	if !slices.Contains(dayParts, w.Part) {
		wrong = append(wrong, kernel.FieldError{Path: "part", Slug: "field.not-an-option", Message: "Choose one of the options."})
	}
	in, err := candidates(ctx, tx, w.VisitType, w.Facility)
	if err != nil {
		return "", err
	}
	in = slices.DeleteFunc(in, func(c candidate) bool { return w.Place != "" && c.Place != w.Place })
	if w.Facility == "" || len(in) == 0 {
		wrong = append(wrong, kernel.FieldError{Path: "where", Slug: "field.not-an-option", Message: "Choose one of the options."})
	}
	if len(wrong) > 0 {
		return "", kernel.InvalidFields(wrong...)
	}
	locale := kernel.LocaleOf(ctx)
	if slices.Contains(kernel.Locales, w.Locale) {
		locale = w.Locale
	}
	if w.Place != "" {
		places, err := placesByID(ctx, tx, []PlaceID{w.Place})
		return places[w.Place].Name.In(locale), err
	}
	if a, ok := s.Directory.Agency(tx.TenantID(), w.Facility); ok {
		return a.Name.In(locale), nil
	}
	return string(w.Facility), nil
}

// waitingAt is what the page of the waiting list asks about: the type of visit, and where there are such visits.
func (s *Service) waitingAt(ctx context.Context, service, code string) (t VisitType, places []Place, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		types, err := visitTypesOf(ctx, tx, false)
		if err != nil {
			return err
		}
		if t, err = visitType(types, service, code); err != nil {
			return err
		}
		f := found{search: search{Service: service, Visit: code}, visit: t}
		if _, err = s.narrow(ctx, tx, &f); err != nil {
			return err
		}
		err = f.choose(ctx, tx)
		places = f.choice
		return err
	})
	slices.SortStableFunc(places, func(a, b Place) int {
		switch {
		case a.Facility < b.Facility:
			return -1
		case a.Facility > b.Facility:
			return 1
		}
		return 0
	})
	return t, places, err
}

// offerSlot offers the free places of a slot to those who wait for it, longest first.
func (s *Service) offerSlot(ctx context.Context, tx *pg.Tx, slot SlotID, after inLine) error {
	for {
		next, found, err := nextInLine(ctx, tx, slot, after)
		if err != nil || !found {
			return err
		}
		free, err := s.offerTo(ctx, tx, next.Case, slot)
		if err != nil || !free {
			return err
		}
		after = next
	}
}

// offerAny offers somebody who waits the first free slot that suits them, if there is one; when somebody else takes it at
// this moment, the one after it.
func (s *Service) offerAny(ctx context.Context, tx *pg.Tx, c kernel.CaseID) error {
	for {
		slot, err := fittingSlot(ctx, tx, c)
		if err != nil || slot == "" {
			return err
		}
		if free, err := s.offerTo(ctx, tx, c, slot); err != nil || free {
			return err
		}
	}
}

// offerTo holds a place in the slot for somebody who waits and tells them. false when there was no free place; whom the
// visit is not for is passed over.
func (s *Service) offerTo(ctx context.Context, tx *pg.Tx, c kernel.CaseID, slot SlotID) (free bool, err error) {
	a, err := loadAppointment(ctx, tx, c, true)
	if err != nil {
		return false, err
	}
	o, err := loadOffer(ctx, tx, slot, a.VisitType)
	if err != nil {
		return false, err
	}
	if a.State != StateWaiting || !o.Visit.fits(a.Birthdate, o.StartsAt.In(o.Place.Location())) {
		return true, nil
	}
	until, free, err := claimHold(ctx, tx, slot, c, min(OfferFor, o.StartsAt.Sub(s.Clock.Now())-30*time.Minute))
	if err != nil || !free {
		return free, err
	}
	if ok, err := markOffered(ctx, tx, c, slot, until); err != nil || !ok {
		return true, err
	}
	a.State, a.HoldSlot, a.HoldUntil, a.UpdatedAt = StateOffered, slot, until, s.Clock.Now()
	a.Place, a.Practitioner, a.StartsAt, a.EndsAt = o.Slot.Place, o.Slot.Practitioner, o.StartsAt, o.EndsAt
	if err := saveAppointment(ctx, tx, a); err != nil {
		return true, err
	}
	if err := s.actAsSystem(ctx, tx, a, "offer"); err != nil {
		return true, err
	}
	return true, pg.Emit(ctx, tx, kernel.Event{Name: eventOfferOver, Case: c, Due: until, Payload: offerOver{Case: c, Slot: slot, Until: until}})
}

// actAsSystem takes a step of the waiting list's, on whatever version the case has: the appointment's row is locked.
func (s *Service) actAsSystem(ctx context.Context, tx kernel.Tx, a Appointment, action string) error {
	ctx = kernel.WithPrincipal(ctx, kernel.SystemPrincipal(tx.TenantID()))
	k, err := s.caseOf(ctx, tx, a.Case)
	if err != nil {
		return err
	}
	return s.act(ctx, tx, a, k.Version, action, nil)
}

// endOffer comes when the time to accept is over: whoever has not accepted stays on the list, and the place goes on.
func (s *Service) endOffer(ctx context.Context, tx *pg.Tx, e offerOver) error {
	a, err := loadAppointment(ctx, tx, e.Case, true)
	if err != nil {
		return err
	}
	if a.State != StateOffered || a.HoldSlot != e.Slot || !a.HoldUntil.Equal(e.Until) {
		return nil
	}
	if err := s.passOn(ctx, tx, &a, StateWaiting, s.Clock.Now()); err != nil {
		return err
	}
	return s.actAsSystem(ctx, tx, a, "expire")
}

// passOn gives the offered place to those who joined later, and puts the citizen back into their place in the line.
func (s *Service) passOn(ctx context.Context, tx kernel.Tx, a *Appointment, state string, at time.Time) error {
	slot := a.HoldSlot
	if slot == "" {
		return kernel.ErrChanged
	}
	if err := dropPlace(ctx, tx, slot, a.Case, false); err != nil {
		return err
	}
	from, err := waitOn(ctx, tx, a.Case)
	if err != nil {
		return err
	}
	a.State, a.HoldSlot, a.HoldUntil, a.UpdatedAt = state, "", time.Time{}, at
	a.StartsAt, a.EndsAt, a.Place, a.Practitioner = time.Time{}, time.Time{}, "", ""
	if err := saveAppointment(ctx, tx, *a); err != nil {
		return err
	}
	return pg.Emit(ctx, tx, kernel.Event{Name: eventSlotFreed, Payload: slotFreed{Slot: slot, After: from}})
}
