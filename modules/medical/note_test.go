package medical

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/sealed"
	"townhall/workflows"
)

// noteHouse keeps notes, with a clock and keys of its own.
type noteHouse struct {
	*clinicHouse
	clock *kerneltest.FakeClock
}

func newNoteHouse(t *testing.T) *noteHouse {
	t.Helper()
	h := &noteHouse{clinicHouse: newClinicHouse(t), clock: kerneltest.NewClock(time.Now())}
	library, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	h.Clock, h.Library, h.Keys = h.clock, library, filepath.Join(t.TempDir(), "health")
	return h
}

// ended writes an appointment in a final state that has just ended, with a reason.
func (h *noteHouse) ended(person kernel.PersonID, state, reason string) kernel.CaseID {
	h.t.Helper()
	now := h.clock.Now()
	a := Appointment{Case: kernel.CaseID(kernel.NewID()), Number: kernel.NewID(), Service: "doctor-appointment", Facility: testClinic, VisitType: "gp", State: state, StartsAt: now.Add(-time.Hour),
		EndsAt: now, Applicant: person, ForWhom: ForSelf, Patient: "Anna Whitfield", Locale: "en", Calendar: newToken(), CreatedAt: now, UpdatedAt: now}
	h.tx(func(tx *pg.Tx) error {
		if state == StateMissed || state == StateAttended {
			c := h.daily("", "08:00", "12:00", 20)
			if err := scheduleTable.put(h.ctx, tx, []scheduleDoc{c}); err != nil {
				return err
			}
			id, err := deskSlot(h.ctx, tx, WalkIn{Facility: testClinic}, VisitType{Code: "gp", Minutes: 20}, now.Add(-time.Hour))
			if err != nil {
				return err
			}
			a.Slot = id
		}
		if err := insertAppointment(h.ctx, tx, a); err != nil {
			return err
		}
		return h.keepReason(h.ctx, tx, a, reason)
	})
	return a.Case
}

func (h *noteHouse) read(c kernel.CaseID) (text string, err error) {
	_ = h.DB.Read(h.ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		text, err = h.readNote(h.ctx, tx, c, noteReason)
		return nil
	})
	return text, err
}

func (h *noteHouse) count(table string) (n int) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		return tx.Get(&n, `SELECT count(*) FROM medical.`+table+` WHERE tenant_id = $1`, tx.TenantID())
	})
	return n
}

func TestWhyAPatientComesIsForgottenInTimeAndItsKeyWithIt(t *testing.T) {
	t.Parallel()
	h := newNoteHouse(t)
	anna, boris := kernel.PersonID(kernel.NewID()), kernel.PersonID(kernel.NewID())
	seen, cancelled := h.ended(anna, StateAttended, "a cough"), h.ended(boris, StateCancelled, "a rash")
	if text, err := h.read(seen); err != nil || text != "a cough" {
		t.Fatalf("read: %q %v", text, err)
	}
	for _, step := range []struct {
		days               int
		seen, cancelled    string
		notes, keysAtLeast int
	}{{0, "a cough", "a rash", 2, 2}, {2, "a cough", "", 1, 1}, {27, "a cough", "", 1, 1}, {3, "", "", 0, 0}} {
		h.clock.Advance(time.Duration(step.days) * 24 * time.Hour)
		if err := h.ForgetNotes(t.Context()); err != nil {
			t.Fatal(err)
		}
		a, err1 := h.read(seen)
		b, err2 := h.read(cancelled)
		if a != step.seen || b != step.cancelled || err1 != nil || err2 != nil || h.count("note") != step.notes || h.count("person_key") != step.keysAtLeast {
			t.Errorf("after %d more days: %q %q, %v %v, %d notes, %d keys", step.days, a, b, err1, err2, h.count("note"), h.count("person_key"))
		}
	}
}

func TestANoteThatWasMovedOrWhoseKeyWasChangedDoesNotOpen(t *testing.T) {
	t.Parallel()
	h := newNoteHouse(t)
	anna, boris := kernel.PersonID(kernel.NewID()), kernel.PersonID(kernel.NewID())
	one, two, other := h.ended(anna, StateCancelled, "a cough"), h.ended(anna, StateCancelled, "a rash"), h.ended(boris, StateCancelled, "a fever")
	for name, plant := range map[string]string{
		"two notes of one person": `UPDATE medical.note n SET sealed = (SELECT sealed FROM medical.note o WHERE o.tenant_id = n.tenant_id AND o.case_id = '` + string(two) + `') WHERE tenant_id = $1 AND case_id = '` + string(one) + `'`,
		"another's note":          `UPDATE medical.note n SET sealed = (SELECT sealed FROM medical.note o WHERE o.tenant_id = n.tenant_id AND o.case_id = '` + string(other) + `') WHERE tenant_id = $1 AND case_id = '` + string(one) + `'`,
		"another's key":           `UPDATE medical.note SET person = '` + string(boris) + `' WHERE tenant_id = $1 AND case_id = '` + string(one) + `'`,
	} {
		h.tx(func(tx *pg.Tx) error {
			_, err := tx.Exec(plant, tx.TenantID())
			return err
		})
		if text, err := h.read(one); !errors.Is(err, sealed.ErrSealed) || text != "" || strings.Contains(err.Error(), "cough") {
			t.Errorf("%s: %q %v", name, text, err)
		}
		h.tx(func(tx *pg.Tx) error { return h.keepNote(h.ctx, tx, one, anna, noteReason, "a cough") })
	}
	if err := h.DB.InTx(h.ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		return h.keepNote(h.ctx, tx, one, anna, noteReason, strings.Repeat("x", maxNote+1))
	}); kernel.KindOf(err) != kernel.Invalid {
		t.Errorf("a long one: %v", err)
	}
}

func TestARotatedMasterKeyTakesAllKeysOver(t *testing.T) {
	t.Parallel()
	h := newNoteHouse(t)
	c := h.ended(kernel.PersonID(kernel.NewID()), StateCancelled, "a cough")
	masters, err := sealed.OpenMasters(h.Keys)
	if err == nil {
		_, err = masters.Rotate()
	}
	if err == nil {
		err = h.RewrapKeys(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	var under string
	h.tx(func(tx *pg.Tx) error {
		return tx.Get(&under, `SELECT string_agg(master, ',') FROM medical.person_key WHERE tenant_id = $1`, tx.TenantID())
	})
	if text, err := h.read(c); err != nil || text != "a cough" || under != "2" {
		t.Errorf("after the rotation: %q %v, under %s", text, err, under)
	}
}
