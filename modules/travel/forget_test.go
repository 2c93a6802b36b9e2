package travel

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

func TestWhoWasToRideIsForgottenWhenTheTimeToKeepItIsOver(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	d := k.departure()
	library, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	s := &Service{Deps: Deps{DB: k.db, Library: library, Clock: kerneltest.NewClock(now), Log: slog.New(slog.DiscardHandler)}}
	kept := map[kernel.CaseID]bool{}
	k.in(func(tx *pg.Tx) error {
		for _, c := range []struct {
			state string
			days  int
			keep  bool
		}{{StateLapsed, 2, false}, {StateLapsed, 0, true}, {StateDraft, 400, true}, {StateBooked, 400, true}, {StateTravelled, 366, false}, {StateTravelled, 360, true}, {StateCancelled, 366, false}, {StateCalledOff, 366, false}} {
			at := now.AddDate(0, 0, -c.days)
			b := Booking{Case: kernel.CaseID(kernel.NewID()), Number: "CT-1", Service: "coach-ticket", Operator: d.Operator, State: c.state, Departure: d.ID, FromSeq: 10, ToSeq: 20, DepartsAt: at,
				ArrivesAt: at, Applicant: kernel.PersonID(kernel.NewID()), Locale: "en", Currency: "EUR", Rules: []byte("{}"), CreatedAt: at, UpdatedAt: at,
				Passengers: []Passenger{{N: 1, Name: "Anna Whitfield", Birthdate: "1988-04-12", Declared: true, Kind: "seat", Class: "adult", Place: "1A"}}}
			if err := insertBooking(t.Context(), tx, b); err != nil {
				return err
			}
			kept[b.Case] = c.keep
		}
		return nil
	})
	if err := s.forget(context.Background(), kerneltest.Tenant(kerneltest.Northwick)); err != nil {
		t.Fatal(err)
	}
	for c, keep := range kept {
		var b Booking
		k.in(func(tx *pg.Tx) (err error) { b, err = loadBooking(t.Context(), tx, c, false); return err })
		p := b.Passengers[0]
		if known := p.Name != "" && p.Birthdate != ""; known != keep || !keep && (p.Name != "" || p.Birthdate != "") {
			t.Errorf("%s of %s: %+v", b.State, b.UpdatedAt, p)
		}
	}
}

func TestAHoldThatRanOutLongAgoIsForgotten(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	d := k.departure()
	var left []string
	k.in(func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id, hold_until) VALUES
			('northwick', $1, '1A', 0, $2, now() - interval '25 hours'), ('northwick', $1, '1B', 0, $2, now() - interval '1 hour'), ('northwick', $1, '1C', 0, $2, NULL)`, d.ID, kernel.NewID())
		if err != nil {
			return err
		}
		if err := forgetHolds(t.Context(), tx); err != nil {
			return err
		}
		return tx.SelectContext(t.Context(), &left, `SELECT place FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1 ORDER BY place`, d.ID)
	})
	if !slices.Equal(left, []string{"1B", "1C"}) {
		t.Errorf("left are %v", left)
	}
}
