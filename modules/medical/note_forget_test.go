package medical

import (
	"testing"
	"time"

	"townhall/modules/kernel/pg"
)

func TestWhySomebodyCameIsForgottenThirtyDaysAfterTheVisitWhateverBecameOfIt(t *testing.T) {
	t.Parallel()
	h, _ := newImporter(t)
	h.Keys = t.TempDir()
	c := h.daily("", "09:00", "12:00", 20)
	h.add(c)
	slots := h.slots(c.ID)
	note := func(slot SlotID, state string, days int) {
		t.Helper()
		id, won := h.book(slot)
		if !won {
			t.Fatal("the slot is taken")
		}
		h.tx(func(tx *pg.Tx) error {
			a, err := loadAppointment(h.ctx, tx, id, true)
			if err != nil {
				return err
			}
			a.State, a.StartsAt, a.EndsAt = state, time.Now().AddDate(0, 0, -days).Add(-time.Hour), time.Now().AddDate(0, 0, -days)
			if err := saveAppointment(h.ctx, tx, a); err != nil {
				return err
			}
			return h.keepReason(h.ctx, tx, a, "why "+state)
		})
	}
	states := []string{StateBooked, StateArrived, StateAttended, StateClosed, StateMissed}
	for i, state := range states {
		note(slots[2*i].ID, state, keepNotes+1)
		note(slots[2*i+1].ID, state, keepNotes-1)
	}
	if err := h.ForgetNotes(h.ctx); err != nil {
		t.Fatal(err)
	}
	var left []string
	h.tx(func(tx *pg.Tx) error {
		return tx.SelectContext(h.ctx, &left, `SELECT a.state FROM medical.note n JOIN medical.appointment a ON a.tenant_id = n.tenant_id AND a.case_id = n.case_id
			WHERE n.tenant_id = $1 AND a.ends_at < $2`, tx.TenantID(), time.Now().AddDate(0, 0, -keepNotes))
	})
	if len(left) != 0 {
		t.Errorf("still there after %d days: %v", keepNotes+1, left)
	}
	if n := h.count("note"); n != len(states) {
		t.Errorf("%d of %d younger notes are there", n, len(states))
	}
}
