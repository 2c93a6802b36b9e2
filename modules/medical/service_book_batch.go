package medical

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type bookCall = pg.Call[Booking, Appointment]

// Book books a place in the slot at once, without a hold before, once per idempotency key: for programs and for people
// who have decided. Everybody who books at this moment shares a transaction; of those who want the same slot, as many get it
// as it has places, in the order they came. Errors as Hold, Invalid with fields of the patient, ErrSameTime.
func (s *Service) Book(ctx context.Context, b Booking) (Appointment, error) {
	return s.bookings.Do(ctx, kernel.TenantOf(ctx).ID, b)
}

// bookAll books for many people in one transaction: one statement reads the slots, one claims the places, and what is
// written beside them are rows that go to the database together.
func (s *Service) bookAll(ctx context.Context, tx *pg.Tx, calls []*bookCall) error {
	offers, err := loadOffers(ctx, tx, allAsked(calls))
	if err != nil {
		return err
	}
	if err := pg.Each(tx, calls, func(c *bookCall) error { return s.prepare(tx, c, offers) }); err != nil {
		return err
	}
	if err := s.claimAll(ctx, tx, calls, offers); err != nil {
		return err
	}
	return pg.Each(tx, calls, func(c *bookCall) error { return s.settle(tx, c, offers[c.In.asked()]) })
}

// asked is a slot for a type of visit.
type asked struct {
	slot  SlotID
	visit string
}

func (b Booking) asked() asked { return asked{b.Slot, b.VisitType} }

func allAsked(calls []*bookCall) []asked {
	seen := make(map[asked]bool, len(calls))
	var out []asked
	for _, c := range calls {
		if w := c.In.asked(); !seen[w] && kernel.ValidID(string(w.slot)) {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}

// prepare finds out everything that speaks against a booking but the slot's being full.
func (s *Service) prepare(tx *pg.Tx, c *bookCall, offers map[asked]offer) error {
	o, ok := offers[c.In.asked()]
	if !ok || !o.Offered {
		return kernel.NotThere("slot")
	}
	if err := s.allowed(c.Ctx, o.Visit); err != nil {
		return err
	}
	c.Out = s.newAppointment(c.Ctx, o, c.In, s.Clock.Now())
	return s.patient(c.Ctx, tx, &c.Out, o, c.In.Patient)
}

// claimAll takes the places, and the rooms and equipment the visits need. Who gets none is told what is free instead.
func (s *Service) claimAll(ctx context.Context, tx *pg.Tx, calls []*bookCall, offers map[asked]offer) error {
	var slots []SlotID
	for _, c := range calls {
		if !c.Failed() {
			slots = append(slots, c.In.Slot)
		}
	}
	left, err := claimPlaces(ctx, tx, slots)
	if err != nil {
		return err
	}
	var late []*bookCall
	for _, c := range calls {
		switch {
		case c.Failed():
		case left[c.In.Slot] > 0:
			left[c.In.Slot]--
			c.Wrote()
		default:
			late = append(late, c)
		}
	}
	for _, c := range late {
		c.Fail(errGone)
	}
	if err := pg.Each(tx, calls, func(c *bookCall) error { return s.equip(tx, c, offers[c.In.asked()]) }); err != nil {
		return err
	}
	return s.console(tx, calls, offers)
}

// equip takes what the visit needs beside the practitioner.
func (s *Service) equip(tx *pg.Tx, c *bookCall, o offer) error {
	if len(o.Visit.Needs) == 0 {
		return nil
	}
	ok, err := takeResources(c.Ctx, tx, o)
	if err == nil && !ok {
		err = errGone
	}
	return err
}

// console tells those who came too late what is free instead; who asks the same in the same language is told from one query.
func (s *Service) console(tx *pg.Tx, calls []*bookCall, offers map[asked]offer) error {
	type question struct {
		facility      kernel.AgencyID
		visit, locale string
	}
	known := map[question][]kernel.Alternative{}
	for _, c := range calls {
		if !c.Lost(errGone) {
			continue
		}
		q := question{offers[c.In.asked()].Facility, c.In.VisitType, kernel.LocaleOf(c.Ctx)}
		free, ok := known[q]
		if !ok {
			var err error
			if free, err = nextFree(c.Ctx, tx, q.facility, q.visit, 5); err != nil {
				return err
			}
			known[q] = free
		}
		c.Fail(ErrSlotTaken.Offering(free))
	}
	return nil
}

// settle writes a booking whose place is taken.
func (s *Service) settle(tx *pg.Tx, c *bookCall, o offer) error {
	a := &c.Out
	a.occupy(o)
	a.State = StateBooked
	started, err := s.Cases.Start(c.Ctx, tx, s.newCase(*a, c.In, &kernel.Act{Action: "confirm", Input: s.answers(c.Ctx, *a, o)}))
	if err != nil {
		return err
	}
	a.Number, a.Version = started.Number, started.Version
	if err := insertAppointment(c.Ctx, tx, *a); err != nil {
		return err
	}
	return s.keepReason(c.Ctx, tx, *a, c.In.Patient.Reason)
}
