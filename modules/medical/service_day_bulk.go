package medical

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// moveTarget is where patients are to be moved; empty members leave it open.
type moveTarget struct {
	Practitioner PractitionerID
	Place        PlaceID
	Day          string // YYYY-MM-DD: not before this day; empty: as soon as possible
}

// planned is one patient and the time they would get.
type planned struct {
	Entry dayEntry
	To    *freeSlot // nil: nothing fits
	Why   string    // when nothing fits: "none" (no free time), "state" (cannot be moved any more)
}

// pair is one patient, the time they have and the one they shall get, as the preview showed it.
type pair struct {
	Case kernel.CaseID
	Had  SlotID
	To   SlotID
}

// outcome is what became of one patient of several.
type outcome struct {
	Case  kernel.CaseID
	Entry dayEntry
	Err   error // nil: done
}

// maxBulk is how many patients one request may name.
const maxBulk = 200

var errNoneChosen = kernel.InvalidFields(kernel.FieldError{Path: "case", Slug: "medical.day.none-chosen", Message: "Choose at least one appointment."})

func fewEnough[T any](all []T) error {
	switch {
	case len(all) == 0:
		return errNoneChosen
	case len(all) > maxBulk:
		return kernel.InvalidFields(kernel.FieldError{Path: "case", Slug: "medical.day.too-many-chosen", Message: "Choose at most 200 appointments."})
	}
	return nil
}

// PlanMove says who would get which time, without taking any: for each patient the free time nearest to their own, for
// their type of visit, not before the wished day. Everybody with a role at the clinic that may move. Errors: NotFound,
// Forbidden, Invalid.
func (s *Service) PlanMove(ctx context.Context, facility kernel.AgencyID, ids []kernel.CaseID, to moveTarget) (all []planned, err error) {
	if to.Practitioner != "" && !kernel.ValidID(string(to.Practitioner)) || to.Place != "" && !kernel.ValidID(string(to.Place)) {
		return nil, kernel.NotThere("place or practitioner")
	}
	entries, err := s.Chosen(ctx, facility, ids)
	if err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		all, err = s.plan(ctx, tx, facility, entries, to)
		return err
	})
	return all, err
}

// Chosen lists some of a clinic's appointments by name, to ask once more before something is done with all of them. Each
// look is recorded. Errors: NotFound, Invalid.
func (s *Service) Chosen(ctx context.Context, facility kernel.AgencyID, ids []kernel.CaseID) (all []dayEntry, err error) {
	if err := works(ctx, facility, clinicRoles...); err != nil {
		return nil, err
	}
	if err := fewEnough(ids); err != nil {
		return nil, err
	}
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if all, err = theseAppointments(ctx, tx, facility, valid(ids)); err != nil {
			return err
		}
		if len(all) == 0 {
			return kernel.NotThere("appointments")
		}
		return s.listed(ctx, tx, all)
	})
	return all, err
}

func valid(ids []kernel.CaseID) []kernel.CaseID {
	return slices.DeleteFunc(slices.Clone(ids), func(id kernel.CaseID) bool { return !kernel.ValidID(string(id)) })
}

// plan deals out the free times, first come first served in the order of the day.
func (s *Service) plan(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, entries []dayEntry, to moveTarget) ([]planned, error) {
	dealt := map[SlotID]int{}
	out := make([]planned, 0, len(entries))
	for _, e := range entries {
		if !e.expected() {
			out = append(out, planned{Entry: e, Why: "state"})
			continue
		}
		from := s.Clock.Now()
		if day, err := time.ParseInLocation(time.DateOnly, to.Day, e.Zone); err == nil && day.After(from) {
			from = day
		}
		free, err := freeSlotsFor(ctx, tx, facility, e.VisitType, to, from, 2*maxBulk)
		if err != nil {
			return nil, err
		}
		p := planned{Entry: e, Why: "none"}
		if best := nearest(free, e, dealt); best != nil {
			dealt[best.ID]++
			p.To, p.Why = best, ""
		}
		out = append(out, p)
	}
	return out, nil
}

// nearest picks the time closest to the one the patient has, among those with a place left.
func nearest(free []freeSlot, e dayEntry, dealt map[SlotID]int) (best *freeSlot) {
	for i := range free {
		f := &free[i]
		if f.ID == e.Slot || f.Left <= dealt[f.ID] {
			continue
		}
		if best == nil || f.StartsAt.Sub(e.StartsAt).Abs() < best.StartsAt.Sub(e.StartsAt).Abs() {
			best = f
		}
	}
	return best
}

// MoveAll moves patients as a preview said, each in a transaction of their own with a notice to them: one whose new time
// was taken meanwhile keeps the old one and is named in the answer. Asked for again with the same idempotency key, whoever
// was moved stays moved. Roles that may move by the workflow.
func (s *Service) MoveAll(ctx context.Context, facility kernel.AgencyID, pairs []pair) ([]outcome, error) {
	return s.forEach(ctx, facility, pairs, func(ctx context.Context, p pair, e dayEntry, version int) error {
		switch {
		case e.Slot == p.To:
			return nil
		case e.Slot != p.Had:
			return kernel.ErrChanged
		}
		_, err := s.moveTo(ctx, p.Case, version, p.To, "move")
		return err
	})
}

// CallOffAll cancels appointments on the clinic's side, each in a transaction of its own with a notice that says so; reason
// is what the patients read. Whoever cannot be called off any more is named in the answer. Roles that may call off.
func (s *Service) CallOffAll(ctx context.Context, facility kernel.AgencyID, ids []kernel.CaseID, reason string) ([]outcome, error) {
	pairs := make([]pair, len(ids))
	for i, id := range ids {
		pairs[i].Case = id
	}
	return s.forEach(ctx, facility, pairs, func(ctx context.Context, p pair, e dayEntry, version int) error {
		if e.State == StateCancelled {
			return nil
		}
		_, err := s.Do(ctx, deed{Facility: facility, Case: p.Case, Version: version, Action: "call-off", Input: map[string]any{"call_off_reason": reason}})
		return err
	})
}

// forEach does one thing with each of several appointments of a clinic, one after the other. Errors that name fields, or say
// that the actor may not, are about the whole: they end it at once, before the first is done when they can be known before.
func (s *Service) forEach(ctx context.Context, facility kernel.AgencyID, pairs []pair, do func(context.Context, pair, dayEntry, int) error) ([]outcome, error) {
	if err := works(ctx, facility, clinicRoles...); err != nil {
		return nil, err
	}
	if err := fewEnough(pairs); err != nil {
		return nil, err
	}
	out := make([]outcome, 0, len(pairs))
	for _, p := range pairs {
		if !kernel.ValidID(string(p.Case)) { // not said back to whoever sent it
			return nil, kernel.NotThere("appointment")
		}
	}
	for _, p := range pairs {
		e, version, err := s.look(ctx, facility, p.Case)
		if err == nil {
			err = do(partOf(ctx, p.Case), p, e, version)
		}
		if wholly(err) {
			return out, err
		}
		out = append(out, outcome{Case: p.Case, Entry: e, Err: err})
	}
	return out, nil
}

// wholly reports an error that would meet every other patient as well.
func wholly(err error) bool {
	if err == nil {
		return false
	}
	switch kernel.KindOf(err) {
	case kernel.Conflict, kernel.NotFound:
		return false
	}
	return true
}

func (s *Service) look(ctx context.Context, facility kernel.AgencyID, id kernel.CaseID) (e dayEntry, version int, err error) {
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if e, err = appointmentAt(ctx, tx, facility, id); err != nil {
			return err
		}
		c, err := s.caseOf(ctx, tx, id)
		version = c.Version
		return err
	})
	return e, version, err
}

// partOf gives one patient's part of a request an idempotency key of its own.
func partOf(ctx context.Context, id kernel.CaseID) context.Context {
	i, ok := kernel.IdempotencyOf(ctx)
	if !ok {
		return ctx
	}
	h := sha256.Sum256([]byte(i.Key + "/" + string(id)))
	i.Key = hex.EncodeToString(h[:])
	return kernel.WithIdempotency(ctx, i)
}

// done counts those that worked.
func done(all []outcome) (n int) {
	for _, o := range all {
		if o.Err == nil {
			n++
		}
	}
	return n
}
