package casework

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// sector is a sector's module as casework sees it: its steps, and what was revoked.
type sector struct {
	steps   []kernel.StepTaken
	revoked []string
	broken  bool
}

func (s *sector) effect(_, _ string) kernel.StepEffect {
	return func(_ context.Context, _ kernel.Tx, t kernel.StepTaken) error {
		if s.broken {
			return errors.New("the sector is broken")
		}
		s.steps = append(s.steps, t)
		return nil
	}
}

func (s *sector) RevokeIssued(_ context.Context, _ kernel.Tx, _ kernel.CaseID, documentType, _ string) error {
	s.revoked = append(s.revoked, documentType)
	return nil
}

const doctor = "doctor-appointment"

func withSector(t *testing.T) (*house, *sector) {
	h, s := newHouse(t), &sector{}
	h.StepEffect, h.Revoker = s.effect, s
	return h, s
}

func visit(starts time.Time) map[string]any {
	return map[string]any{"visit": "Consultation", "when": "then", "starts": starts.Format(time.RFC3339), "place": "Riverside Clinic",
		"address": "1 Quay Street", "patient": "Anna Whitfield"}
}

func (h *house) open(p kernel.Principal, n kernel.NewCase) (kernel.Case, error) {
	var c kernel.Case
	err := h.DB.InTx(h.as(p), p.Tenant, func(tx *pg.Tx) (err error) {
		c, err = h.Start(h.as(p), tx, n)
		return err
	})
	return c, err
}

func (h *house) clerk(agency kernel.AgencyID, role string) kernel.Principal {
	p := h.registrar(kerneltest.Northwick, "Ines Moreau")
	p.Grants = []kernel.Grant{{Agency: agency, Role: role}}
	return p
}

func TestACaseBeginsWithItsFirstActionInOneStep(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	id := kernel.CaseID(kernel.NewID())
	starts := h.clock.Now().AddDate(0, 0, 8)
	c, err := h.open(h.anna, kernel.NewCase{Service: doctor, Locale: "en", ID: id, Sector: "medical", Agency: "civil-registry", Then: &kernel.Act{Action: "confirm", Input: visit(starts)}})
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != id || c.State != "booked" || c.Version != 2 || c.Agency != "civil-registry" || len(c.History) != 2 {
		t.Errorf("%+v", c)
	}
	read, err := h.read(h.anna, id)
	if err != nil || read.State != "booked" || len(read.History) != 2 || read.History[0].Action != "start" || read.History[1].Action != "confirm" {
		t.Errorf("%+v: %v", read, err)
	}
	if got := len(h.documents.of(id)); got != 1 {
		t.Errorf("%d documents", got)
	}
}

func TestAFirstActionThatIsRefusedLeavesNoCase(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	_, err := h.open(h.anna, kernel.NewCase{Service: doctor, Sector: "medical", Then: &kernel.Act{Action: "confirm", Input: map[string]any{"visit": "Consultation"}}})
	if kernel.KindOf(err) != kernel.Invalid {
		t.Fatal(err)
	}
	if left := h.list(h.anna, kernel.CaseQuery{}); len(left) != 0 {
		t.Errorf("%d cases are left", len(left))
	}
}

func TestWhatGoesThroughTheSectorIsNobodyElses(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	_, err := h.open(h.anna, kernel.NewCase{Service: doctor, Then: &kernel.Act{Action: "confirm", Input: visit(h.clock.Now())}})
	if kernel.AsError(err).Slug != "action-not-possible" {
		t.Errorf("without a sector: %v", err)
	}
	_, err = h.open(h.anna, kernel.NewCase{Service: doctor, Agency: "civil-registry"})
	if kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("an agency without a sector: %v", err)
	}
	_, err = h.open(h.anna, kernel.NewCase{Service: service, Sector: "medical", Agency: "civil-registry"})
	if kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("another sector's service: %v", err)
	}
}

func TestAnEffectThatFailsTakesTheStepBack(t *testing.T) {
	t.Parallel()
	h, s := withSector(t)
	c, err := h.open(h.anna, kernel.NewCase{Service: doctor, Sector: "medical", Then: &kernel.Act{Action: "confirm", Input: visit(h.clock.Now().AddDate(0, 0, 8))}})
	if err != nil {
		t.Fatal(err)
	}
	s.broken = true
	if _, err := h.try(h.anna, c, "cancel", map[string]any{"cancel_reason": "time"}); err == nil {
		t.Fatal("cancelled although the slot could not be given back")
	}
	if now, _ := h.read(h.anna, c.ID); now.State != "booked" {
		t.Errorf("state %s", now.State)
	}
	s.broken, s.revoked = false, nil
	h.act(h.anna, c, "cancel", map[string]any{"cancel_reason": "time"})
	if len(s.steps) != 1 || s.steps[0].To != "cancelled" || s.steps[0].Input["cancel_reason"] != "time" || s.steps[0].Case != c.ID {
		t.Errorf("told %+v", s.steps)
	}
	if len(s.revoked) != 1 || s.revoked[0] != "appointment-confirmation" {
		t.Errorf("revoked %v", s.revoked)
	}
}

func TestStaffOpenACaseForSomebodyWithoutASignIn(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	ines := h.clerk("civil-registry", "reception")
	c, err := h.open(ines, kernel.NewCase{Service: doctor, Locale: "ru", Sector: "medical", Agency: "civil-registry", Present: "Пётр Иванов", Then: &kernel.Act{Action: "admit", Input: visit(h.clock.Now())}})
	if err != nil {
		t.Fatal(err)
	}
	if c.State != "arrived" || c.Name != "Пётр Иванов" || c.Applicant == ines.Person || c.Applicant == "" {
		t.Errorf("%+v", c)
	}
	if _, err := h.read(h.anna, c.ID); kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("a citizen reads it: %v", err)
	}
	if _, err := h.open(h.clerk("civil-registry", "registrar"), kernel.NewCase{Service: doctor, Sector: "medical", Agency: "civil-registry", Present: "X"}); kernel.KindOf(err) != kernel.Forbidden {
		t.Errorf("without a role of the service: %v", err)
	}
	if _, err := h.open(ines, kernel.NewCase{Service: doctor, Present: "X"}); kernel.KindOf(err) != kernel.Forbidden {
		t.Errorf("not through the module: %v", err)
	}
}

func TestAReminderFollowsTheAppointment(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	starts := h.clock.Now().AddDate(0, 0, 8)
	c, err := h.open(h.anna, kernel.NewCase{Service: doctor, Sector: "medical", Then: &kernel.Act{Action: "confirm", Input: visit(starts)}})
	if err != nil {
		t.Fatal(err)
	}
	later := starts.AddDate(0, 0, 3)
	err = h.DB.InTx(h.as(h.anna), kerneltest.Northwick, func(tx *pg.Tx) error {
		_, err := h.Act(h.as(h.anna), tx, kernel.Act{Case: c.ID, Version: c.Version, Action: "reschedule", Input: visit(later), Sector: "medical"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	reminders := func() (n int) {
		h.drain()
		for _, e := range h.notices.sent {
			var p kernel.CaseNotice
			if err := json.Unmarshal(e.Payload, &p); err != nil {
				t.Fatal(err)
			}
			if p.Notice == "reminder" {
				n++
			}
		}
		return n
	}
	h.clock.Set(starts.Add(-23 * time.Hour))
	if n := reminders(); n != 0 {
		t.Errorf("%d reminders of the time that was given up", n)
	}
	h.clock.Set(later.Add(-23 * time.Hour))
	if n := reminders(); n != 1 {
		t.Errorf("%d reminders of the new time", n)
	}
}

func TestADocumentThatIsPublishedMeanwhileIsNoReasonToLookAgain(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	c, err := h.open(h.anna, kernel.NewCase{Service: doctor, Sector: "medical", Then: &kernel.Act{Action: "confirm", Input: visit(h.clock.Now().AddDate(0, 0, 8))}})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(number string) {
		err := h.DB.InTx(h.as(h.anna), kerneltest.Northwick, func(tx *pg.Tx) error {
			return pg.Emit(h.t.Context(), tx, kernel.Event{Name: kernel.EventDocumentIssued, Key: number, Case: c.ID,
				Payload: kernel.DocumentIssued{Document: kernel.DocumentID(kernel.NewID()), Case: c.ID, Person: h.anna.Person, Number: number, Type: "appointment-confirmation"}})
		})
		if err != nil {
			t.Fatal(err)
		}
		h.drain()
	}
	publish("one")
	later := h.act(h.anna, c, "cancel", map[string]any{"cancel_reason": "time"})
	if later.State != "cancelled" || later.Version != c.Version+2 {
		t.Errorf("state %s, version %d after %d", later.State, later.Version, c.Version)
	}
	for _, version := range []int{0, -1, c.Version - 1, c.Version, later.Version + 1} { // a step was taken since, or there was no such version
		again := c
		again.Version = version
		if _, err := h.try(h.anna, again, "cancel", map[string]any{"cancel_reason": "time"}); !errors.Is(err, kernel.ErrChanged) {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
