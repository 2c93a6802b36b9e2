package casework

import (
	"testing"
	"time"

	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// The database's clock and ours may differ by hours. A timer that is due there and not yet here waits; taking it for
// one whose time is over would leave the case waiting for ever.
func TestATimerIsNotLostWhenTheDatabasesClockIsHoursAhead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.act(h.oliver, h.submitted(h.anna), "ask", map[string]any{"question": "Since when?"})
	h.drain()
	due := h.clock.Now().AddDate(0, 0, 14)
	h.clock.Advance(due.Add(-2 * time.Hour).Sub(h.clock.Now()))
	ahead := pg.NewDispatcher(h.DB, kerneltest.Directory(), map[string]pg.Effects{"casework": h.Module().Effects},
		pg.DispatchOptions{Clock: kerneltest.NewClock(due.Add(3 * time.Hour))})
	if err := ahead.Drain(t.Context()); err == nil {
		t.Error("the early timer was not refused")
	}
	h.clock.Advance(6 * time.Hour)
	err := h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error { // its pause after the refusal is over
		_, err := tx.Exec(`UPDATE kernel.effect SET not_before = now() WHERE tenant_id = $1 AND state = 'open'`, string(kerneltest.Northwick))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.drain()
	seen, err := h.read(h.anna, c.ID)
	if err != nil || seen.History[len(seen.History)-1].Action != "remind" {
		t.Fatalf("the reminder is lost: %+v, %v", seen.History[len(seen.History)-1], err)
	}
}
