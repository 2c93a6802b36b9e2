package travel

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
)

// CallOff says what is to become of a departure and of those who booked it.
type CallOff struct {
	Operator  kernel.AgencyID
	Departure DepartureID
	Reason    string // what the passengers read
	Rebook    bool   // give them the operator's next departure with room; whoever does not fit gets everything back
}

// Settled is what became of one booking when its departure was called off or moved.
type Settled struct {
	Case   kernel.CaseID
	Number string
	How    string      // "moved", "rebooked", "refunded", or "failed" with Err: nothing of it has happened, and it can be tried again
	To     DepartureID // the new departure, when rebooked
	Err    error       `json:"-"`
}

// What becomes of a booking whose departure is called off or moved.
const (
	settledMoved    = "moved"
	settledRebooked = "rebooked"
	settledRefunded = "refunded"
	settledFailed   = "failed"
)

// CallOffDeparture takes a departure out of sale and settles every booking on it, each in a transaction of its own with one
// notice: rebooked on the operator's next departure between the same stops at no further cost, or paid back in full, the
// premium too. Who is about to pay keeps nothing and is told. Asked for again with the same idempotency key it goes on with
// what failed and tells of all, with another key or none it goes on with what is left. Dispatchers of the operator. Errors:
// NotFound, Forbidden, Invalid.
func (s *Service) CallOffDeparture(ctx context.Context, q CallOff) ([]Settled, error) {
	if err := mayCallOff(ctx, q.Operator, q.Reason); err != nil {
		return nil, err
	}
	on, err := pg.Once(kernel.WithPart(ctx, "bookings"), s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (out []Settled, err error) {
		if _, err := callOffDeparture(ctx, tx, q.Operator, q.Departure); err != nil {
			return nil, err
		}
		on, err := bookingsOn(ctx, tx, q.Departure, StatePaying, StateBooked)
		for _, b := range on {
			out = append(out, Settled{Case: b.Case, Number: b.Number})
		}
		return out, err
	})
	if err != nil {
		return nil, err
	}
	return s.settleEach(ctx, on, func(tx *pg.Tx, got *Settled) (err error) {
		got.How, got.To, err = s.settle(ctx, tx, got.Case, q)
		return err
	})
}

// settleEach settles bookings, each in a transaction of its own with its record under the attempt's idempotency key; one that
// fails leaves no record and does not keep the others. Left out are those with which there was nothing to do. Errors:
// kernel.ErrKeyRunning, Unavailable.
func (s *Service) settleEach(ctx context.Context, all []Settled, settle func(*pg.Tx, *Settled) error) (out []Settled, err error) {
	for _, one := range all {
		got, err := pg.Once(kernel.WithPart(ctx, string(one.Case)), s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Settled, error) {
			done := one
			return done, settle(tx, &done)
		})
		if errors.Is(err, kernel.ErrKeyRunning) || kernel.KindOf(err) == kernel.Unavailable || ctx.Err() != nil {
			return nil, err // says nothing about this booking: the same request goes on later
		}
		if err != nil {
			got = Settled{Case: one.Case, Number: one.Number, How: settledFailed, Err: err}
			s.Log.Warn("a booking of a departure that was called off or moved is not settled", "booking", one.Case, "err", err)
		}
		if got.How != "" {
			out = append(out, got)
		}
	}
	return out, nil
}

// mayCallOff lets dispatchers of the operator through who give a reason that passengers can read.
func mayCallOff(ctx context.Context, operator kernel.AgencyID, reason string) error {
	if err := works(ctx, operator, RoleDispatcher); err != nil {
		return err
	}
	return goodReason(reason)
}

// goodReason checks what passengers are to read.
func goodReason(reason string) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(reason)); n < 5 || n > 500 {
		return kernel.InvalidFields(kernel.FieldError{Path: "reason", Slug: "travel.calloff-reason", Message: "Write a reason of 5 to 500 characters that passengers can read."})
	}
	return nil
}

// settle rebooks one booking or pays it back. One that has ended meanwhile, or is on another departure by now, is left alone.
func (s *Service) settle(ctx context.Context, tx *pg.Tx, c kernel.CaseID, q CallOff) (string, DepartureID, error) {
	b, err := loadBooking(ctx, tx, c, true)
	if err != nil {
		return "", "", err
	}
	k, err := s.caseOf(ctx, tx, c)
	if err != nil {
		return "", "", err
	}
	switch {
	case b.Departure != q.Departure:
		return settledRebooked, b.Departure, nil
	case b.State != StateBooked && b.State != StatePaying:
		return settledRefunded, "", nil
	}
	if b.State == StateBooked && q.Rebook {
		d, err := loadDeparture(ctx, tx, b.Departure)
		if err != nil {
			return "", "", err
		}
		m, err := s.before(ctx, tx, b, d)
		if err != nil {
			return "", "", err
		}
		to, err := s.rebook(ctx, tx, b, m, func(input map[string]any) error { return s.act(ctx, tx, b, k.Version, b.step("rebook"), input) })
		if err != nil || to != "" {
			return settledRebooked, to, err
		}
	}
	return settledRefunded, "", s.act(ctx, tx, b, k.Version, "call-off", map[string]any{"call_off_reason": strings.TrimSpace(q.Reason)})
}

// rebook gives a booking the operator's next departure with room for all of it, at the price that was paid, and notes what it
// was before. Empty when there is none.
func (s *Service) rebook(ctx context.Context, tx *pg.Tx, b Booking, m moved, step func(map[string]any) error) (DepartureID, error) {
	if m.FromStop == "" {
		return "", nil
	}
	// Not earlier than planned: who is on the way to the stop must find the vehicle still there.
	rides, err := nextRides(ctx, tx, m.FromStop, m.ToStop, b.DepartsAt.Add(-time.Second), b.Departure, b.Operator, 20)
	if err != nil {
		return "", err
	}
	if err := s.dropWanted(ctx, tx, b); err != nil {
		return "", err
	}
	for _, next := range rides {
		o, err := s.offerOf(ctx, tx, next.Departure, next.Begins().Seq, next.Ends().Seq)
		if err != nil || o.Fares.Service != b.Service {
			continue // not sold, or as something else
		}
		if err := lockDepartures(ctx, tx, b.Departure, o.ID); err != nil {
			return "", err
		}
		given, _, err := claim(ctx, tx, o, b.Case, b.needs(false))
		if gone(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		w := wanted{Fare: b.Fare, Insurance: b.Insurance}
		for i, g := range given {
			p := b.Passengers[i]
			w.Seats = append(w.Seats, wantedSeat{Place: g.Number, Bicycle: g.Bicycle, Class: p.Class, Proof: p.Proof, Fare: p.Fare})
		}
		if err := s.changeTo(ctx, tx, &b, o, w, step); err != nil {
			return "", err
		}
		m.Departure, m.Seats, m.DoneAt = o.ID, nil, s.Clock.Now()
		return o.ID, saveMoved(ctx, tx, m)
	}
	return "", nil
}

// works checks that the signed-in official holds one of roles at the operator: NotFound for those of other agencies,
// Forbidden for colleagues without the role.
func works(ctx context.Context, operator kernel.AgencyID, roles ...string) error {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Staff || operator == "" || !slices.Contains(who.Agencies(), operator) {
		return kernel.NotThere("operator")
	}
	if !slices.ContainsFunc(roles, func(role string) bool { return who.Has(operator, role) }) {
		return kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
	}
	return nil
}

// Passengers lists who is booked on a departure, for those who run it; that each booking was seen is recorded. Conductors and
// dispatchers of the operator. Errors: NotFound, Forbidden.
func (s *Service) Passengers(ctx context.Context, operator kernel.AgencyID, id DepartureID) (d Departure, all []Booking, err error) {
	if err := works(ctx, operator, RoleConductor, RoleDispatcher); err != nil {
		return Departure{}, nil, err
	}
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if d, err = runBy(ctx, tx, operator, id); err != nil {
			return err
		}
		if all, err = bookingsOn(ctx, tx, id, StateBooked, StateTravelled); err != nil {
			return err
		}
		for _, b := range all {
			if err := s.seen(ctx, tx, b); err != nil {
				return err
			}
		}
		return nil
	})
	return d, all, err
}

// seen records that an official looked at a booking.
func (s *Service) seen(ctx context.Context, tx kernel.Tx, b Booking) error {
	return s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "case.read", Case: b.Case, Subject: b.Applicant})
}

// Terms are what a booking gives back until when, by the rules it was booked under.
func (s *Service) Terms(b Booking) ([]fares.Term, error) {
	rules, err := b.rules()
	if err != nil {
		return nil, err
	}
	return rules.Terms(b.DepartsAt, s.Clock.Now()), nil
}
