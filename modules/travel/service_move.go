package travel

import (
	"context"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
	"townhall/workflows"
)

// What is to become of those whose ride the timetable in force does not have any more.
type unfitting struct {
	Reason string // what they read; empty: that the timetable has changed
	Rebook bool   // give them the operator's next departure with room
}

// rearrange gives the places of a departure out anew, in the transaction that moved it: its calls have other numbers now, and
// what somebody has on a segment would be on another one. Whoever has booked comes first and keeps the place where that can
// be; who rides from or to a stop that is not served any more, or finds no place, has none. Who has not paid yet has none
// either: nobody pays for other times than they were told. Until every one of them is settled nothing more is sold.
func (s *Service) rearrange(ctx context.Context, tx *pg.Tx, before Departure, on []Booking) error {
	now, err := loadDeparture(ctx, tx, before.ID)
	if err != nil {
		return err
	}
	vehicle, _, err := loadLayout(ctx, tx, now.Operator, now.Layout)
	if err != nil && kernel.KindOf(err) != kernel.NotFound {
		return err
	}
	if err := clearDeparture(ctx, tx, now.ID); err != nil {
		return err
	}
	all := make([]moved, len(on))
	rides := make([]Ride, len(on))
	for i, b := range on {
		if all[i], err = s.before(ctx, tx, b, before); err != nil {
			return err
		}
		r, ok := now.between(all[i].FromStop, all[i].ToStop)
		if ok && b.State == StateBooked && r.Begins().Departs.After(s.Clock.Now()) {
			rides[i] = r
		}
	}
	busy := seats.Busy{}
	for _, keep := range []bool{true, false} {
		for i, b := range on {
			if rides[i].Calls == nil || all[i].Seats != nil {
				continue
			}
			given, err := seats.Assign(vehicle, busy, now.Segments(), seats.Request{From: rides[i].From, To: rides[i].To, Needs: b.needs(keep)})
			if err != nil {
				continue
			}
			for _, g := range given {
				all[i].Seats = append(all[i].Seats, wantedSeat{Place: g.Number, Bicycle: g.Bicycle})
			}
			places := placesOf(given)
			for _, p := range places {
				busy.Take(p, rides[i].From, rides[i].To, now.Segments())
			}
			if _, err := holdPlaces(ctx, tx, rides[i], b.Case, HoldFor, places); err != nil {
				return err
			}
			if _, err := takePlaces(ctx, tx, now.ID, b.Case); err != nil {
				return err
			}
		}
	}
	for _, m := range all {
		if err := saveMoved(ctx, tx, m); err != nil {
			return err
		}
	}
	return offerMoved(ctx, tx, now.ID)
}

// before is what a booking was before its departure was moved. One that was moved before, and is not settled yet, still has the
// numbers of the calls from then.
func (s *Service) before(ctx context.Context, tx kernel.Tx, b Booking, d Departure) (moved, error) {
	m, there, err := loadMoved(ctx, tx, b.Case)
	if err != nil {
		return moved{}, err
	}
	if !there || m.DoneAt.IsZero() && m.Departure != b.Departure {
		m = moved{Case: b.Case, DepartsAt: b.DepartsAt, ArrivesAt: b.ArrivesAt}
	}
	if m.FromStop == "" || !m.DoneAt.IsZero() {
		for _, c := range d.Calls {
			switch c.Seq {
			case b.FromSeq:
				m.FromStop = c.Stop
			case b.ToSeq:
				m.ToStop = c.Stop
			}
		}
	}
	m.Departure, m.Seats, m.CreatedAt, m.DoneAt = d.ID, nil, s.Clock.Now(), time.Time{}
	return m, nil
}

// between is the ride from one stop to a later one; false when the departure has none.
func (d Departure) between(from, to StopID) (Ride, bool) {
	for i, c := range d.Calls {
		if c.Stop != from || !c.Pickup {
			continue
		}
		for j := i + 1; j < len(d.Calls); j++ {
			if d.Calls[j].Stop == to && d.Calls[j].DropOff {
				return Ride{d, i, j}, true
			}
		}
	}
	return Ride{}, false
}

// settleMoves tells everybody on a moved departure, each in a transaction of its own, and puts it on sale when nobody is left.
// Asked for again it goes on with what is left, and with the same idempotency key tells of all.
func (s *Service) settleMoves(ctx context.Context, d DepartureID, rest unfitting) ([]Settled, error) {
	tenant := kernel.TenantOf(ctx).ID
	type open struct {
		Moved   []Settled
		Changes []kernel.CaseID
	}
	todo, err := pg.Once(kernel.WithPart(ctx, "bookings"), s.DB, tenant, func(tx *pg.Tx) (o open, err error) {
		all, err := unsettledMoves(ctx, tx, d)
		if err != nil || len(all) == 0 { // a change to a departure that was never moved waits in peace
			return o, err
		}
		for _, m := range all {
			o.Moved = append(o.Moved, Settled{Case: m.Case})
		}
		o.Changes, err = wantedOn(ctx, tx, d)
		return o, err
	})
	if err != nil {
		return nil, err
	}
	for _, c := range todo.Changes {
		if err := s.DB.InTx(ctx, tenant, func(tx *pg.Tx) error { return s.dropChangeTo(ctx, tx, c, d) }); err != nil {
			return nil, err
		}
	}
	out, err := s.settleEach(ctx, todo.Moved, func(tx *pg.Tx, got *Settled) error { return s.settleMove(ctx, tx, got, d, rest) })
	if err != nil {
		return nil, err
	}
	return out, s.DB.InTx(ctx, tenant, func(tx *pg.Tx) error { return offerMoved(ctx, tx, d) })
}

// dropChangeTo gives up a change that waits for its payment to a departure that was moved.
func (s *Service) dropChangeTo(ctx context.Context, tx *pg.Tx, c kernel.CaseID, d DepartureID) error {
	b, err := loadBooking(ctx, tx, c, true)
	if err != nil {
		return err
	}
	w, there, err := loadWanted(ctx, tx, c)
	if err != nil || !there || w.Departure != d {
		return err
	}
	if err := s.dropWanted(ctx, tx, b); err != nil {
		return err
	}
	_, err = s.actAsSystem(ctx, tx, b, "change-gone", nil)
	return err
}

// settleMove brings one booking to where its departure was moved: new times, new tickets, one notice. One that does not fit is
// rebooked or paid back. How stays empty when there is nothing to do: it ended, or its citizen changed it meanwhile.
func (s *Service) settleMove(ctx context.Context, tx *pg.Tx, got *Settled, d DepartureID, rest unfitting) error {
	b, err := loadBooking(ctx, tx, got.Case, true)
	if err != nil {
		return err
	}
	got.Number = b.Number
	m, there, err := loadMoved(ctx, tx, b.Case)
	if err != nil || !there || !m.DoneAt.IsZero() || m.Departure != d {
		return err
	}
	if b.Departure != d {
		return deleteMoved(ctx, tx, b.Case)
	}
	m.DoneAt = s.Clock.Now()
	if err := saveMoved(ctx, tx, m); err != nil {
		return err
	}
	switch {
	case b.State == StateDraft: // whoever is only choosing reads it on the page; nobody needs to be told
		_, err := s.actAsSystem(ctx, tx, b, "lapse", nil)
		return err
	case b.State == StatePaying:
		got.How = settledRefunded
		_, err := s.actAsSystem(ctx, tx, b, s.known(ctx, tx, b, "move-unpaid", "expire"), nil)
		return err
	case b.State != StateBooked:
		return nil
	case len(m.Seats) == len(b.Passengers):
		got.How = settledMoved
		return s.moveBooking(ctx, tx, b, m)
	}
	if rest.Rebook {
		got.To, err = s.rebook(ctx, tx, b, m, func(input map[string]any) error {
			_, err := s.actAsSystem(ctx, tx, b, s.known(ctx, tx, b, b.step("move"), b.step("change-paid")), input)
			return err
		})
		if err != nil || got.To != "" {
			got.How = settledRebooked
			return err
		}
	}
	reason := strings.TrimSpace(rest.Reason)
	if reason == "" {
		reason = s.say(b.Locale, "moved-off")
	}
	got.How = settledRefunded
	_, err = s.actAsSystem(ctx, tx, b, "move-off", map[string]any{"call_off_reason": reason})
	return err
}

// known is the action by which the booking's workflow does something: a booking keeps the version it began with, and those
// of before there were moves have another one that does the same.
func (s *Service) known(ctx context.Context, tx kernel.Tx, b Booking, action, before string) string {
	if d := s.definition(ctx, tx, b); d != nil && d.Action(action) == nil {
		return before
	}
	return action
}

// definition is the version of its workflow that a booking began with; nil when there is none: the next step says what is wrong.
func (s *Service) definition(ctx context.Context, tx kernel.Tx, b Booking) *workflows.Definition {
	k, err := s.caseOf(kernel.WithPrincipal(ctx, kernel.SystemPrincipal(tx.TenantID())), tx, b.Case)
	if err != nil {
		return nil
	}
	d, _ := s.Library.ByHash(k.WorkflowHash)
	return d
}

// moveBooking writes the new times and places, with new tickets for the old ones. Price and terms stay as they were told, but
// who is moved further than those tolerate may cancel with everything back.
func (s *Service) moveBooking(ctx context.Context, tx *pg.Tx, b Booking, m moved) error {
	d, err := loadDeparture(ctx, tx, b.Departure)
	if err != nil {
		return err
	}
	r, ok := d.between(m.FromStop, m.ToStop)
	if !ok {
		return kernel.NotThere("ride")
	}
	b.FromSeq, b.ToSeq, b.DepartsAt, b.ArrivesAt = r.Begins().Seq, r.Ends().Seq, r.Begins().Departs, r.Ends().Arrives
	for i, seat := range m.Seats {
		b.Passengers[i].Place, b.Passengers[i].BikePlace = seat.Place, seat.Bicycle
	}
	if err := voidTickets(ctx, tx, b.Case); err != nil {
		return err
	}
	far, err := b.movedFar(m)
	if err != nil {
		return err
	}
	return s.book(ctx, tx, &b, offer{Ride: r}, func(said map[string]any) error {
		if far {
			said["terms"] = s.say(b.Locale, "moved-terms", "until", moment(b.Locale, r.Location(), b.DepartsAt))
		}
		_, err := s.actAsSystem(ctx, tx, b, s.known(ctx, tx, b, b.step("move"), b.step("change-paid")), said)
		return err
	})
}

// movedFar reports whether the booking was moved further than the terms it was booked under tolerate.
func (b Booking) movedFar(m moved) (bool, error) {
	rules, err := b.rules()
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc([]time.Duration{b.DepartsAt.Sub(m.DepartsAt), b.ArrivesAt.Sub(m.ArrivesAt)}, rules.MovedTooFar), nil
}

// mayCancelFree reports whether whoever cancels gets everything back, the premium too, because the operator moved them too far.
func mayCancelFree(ctx context.Context, tx kernel.Tx, b Booking) (moved, bool, error) {
	m, there, err := loadMoved(ctx, tx, b.Case)
	if err != nil || !there || m.DoneAt.IsZero() {
		return moved{}, false, err
	}
	far, err := b.movedFar(m)
	return m, far, err
}

// everythingUntil are the terms of whoever was moved too far.
func everythingUntil(departs, now time.Time) []fares.Term {
	if !now.Before(departs) {
		return nil
	}
	return []fares.Term{{Until: departs, Percent: 100}}
}
