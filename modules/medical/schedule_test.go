package medical

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

const testClinic = kernel.AgencyID("civil-registry")

// clinicHouse is a clinic with one place and nothing else.
type clinicHouse struct {
	*Service
	t     testing.TB
	ctx   context.Context
	place PlaceID
}

func newClinicHouse(t testing.TB) *clinicHouse {
	t.Helper()
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	h := &clinicHouse{t: t, place: PlaceID(kernel.NewID()), Service: &Service{Deps: Deps{DB: kerneltest.DB(t), Directory: kerneltest.Directory(), Clock: kernel.SystemClock{}, Log: slog.New(slog.DiscardHandler)}}}
	h.ctx = kernel.WithPrincipal(kernel.WithTenant(context.Background(), tenant), kernel.SystemPrincipal(tenant.ID))
	h.tx(func(tx *pg.Tx) error {
		if err := ensureFacility(h.ctx, tx, testClinic); err != nil {
			return err
		}
		return placeTable.put(h.ctx, tx, []placeDoc{{ID: h.place, Facility: testClinic, Code: "harbour", Name: kernel.Text{"en": "Harbour"}, Country: "GB", Zone: "Europe/London",
			Directions: kernel.Text{}, Opening: []Opening{}, DoorCode: newToken(), Active: true}})
	})
	return h
}

func (h *clinicHouse) tx(fn func(*pg.Tx) error) {
	h.t.Helper()
	if err := h.DB.InTx(h.ctx, kerneltest.Northwick, fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *clinicHouse) practitioner(name string) string {
	h.t.Helper()
	id := kernel.NewID()
	h.tx(func(tx *pg.Tx) error {
		return practitionerTable.put(h.ctx, tx, []practitionerDoc{{ID: PractitionerID(id), Facility: testClinic, Code: id[:18], Name: name, Specialty: kernel.Text{}, Languages: []string{}, Active: true}})
	})
	return id
}

// daily is a plan of every day.
func (h *clinicHouse) daily(practitioner, from, until string, minutes int) scheduleDoc {
	c := scheduleDoc{ID: ScheduleID(kernel.NewID()), Facility: testClinic, Place: h.place, Origin: OriginPlan, VisitTypes: []string{"gp"}, Rule: "FREQ=DAILY",
		From: &from, Until: &until, Minutes: minutes, Capacity: 1, StartsOn: time.Now().AddDate(0, 0, -1).Format(time.DateOnly), Active: true}
	if practitioner != "" {
		c.Practitioner = &practitioner
	}
	return c
}

func (h *clinicHouse) add(c scheduleDoc) Made {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error { return scheduleTable.put(h.ctx, tx, []scheduleDoc{c}) })
	return h.remakeAll()
}

func (h *clinicHouse) remakeAll() (m Made) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) (err error) {
		m, err = h.remakeFacility(h.ctx, tx, testClinic)
		return err
	})
	return m
}

// alter changes a schedule's row as the page does.
func (h *clinicHouse) alter(id ScheduleID, how func(*scheduleDoc)) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		docs, err := schedulesOf(h.ctx, tx, []string{string(id)})
		if err != nil {
			return err
		}
		how(&docs[0])
		return scheduleTable.change(h.ctx, tx, string(id), docs[0].Version, docs[0])
	})
}

func (h *clinicHouse) block(practitioner string, from, until time.Time) string {
	h.t.Helper()
	e := exceptionDoc{ID: kernel.NewID(), Facility: testClinic, Kind: "closed", From: from.Format(time.RFC3339), Until: until.Format(time.RFC3339), CreatedAt: time.Now().Format(time.RFC3339)}
	if practitioner != "" {
		e.Practitioner = &practitioner
	}
	h.tx(func(tx *pg.Tx) error { return exceptionTable.put(h.ctx, tx, []exceptionDoc{e}) })
	return e.ID
}

func (h *clinicHouse) slots(schedules ...ScheduleID) (all []madeSlot) {
	h.t.Helper()
	ids := make([]string, len(schedules))
	for i, s := range schedules {
		ids[i] = string(s)
	}
	h.tx(func(tx *pg.Tx) (err error) {
		all, err = slotsAhead(h.ctx, tx, ids, time.Time{})
		return err
	})
	return all
}

// book books a slot, as a booking does in one transaction: the slot's row and the appointment's.
func (h *clinicHouse) book(slot SlotID) (kernel.CaseID, bool) {
	h.t.Helper()
	return h.bookBy(slot, claimPlace)
}

// inBatch claims as many bookers do whose calls share a transaction.
func inBatch(ctx context.Context, tx kernel.Tx, slot SlotID, _ kernel.CaseID) (bool, error) {
	granted, err := claimPlaces(ctx, tx, []SlotID{slot})
	return granted[slot] == 1, err
}

func (h *clinicHouse) bookBy(slot SlotID, claim func(context.Context, kernel.Tx, SlotID, kernel.CaseID) (bool, error)) (kernel.CaseID, bool) {
	h.t.Helper()
	c := kernel.CaseID(kernel.NewID())
	won := false
	err := h.DB.InTx(h.ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		var err error
		if won, err = claim(h.ctx, tx, slot, c); err != nil || !won {
			return err
		}
		var s madeSlot
		if err := tx.GetContext(h.ctx, &s, `SELECT id, schedule_id, starts_at, ends_at, capacity, booked, open FROM medical.slot WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), slot); err != nil {
			return err
		}
		now := time.Now()
		return insertAppointment(h.ctx, tx, Appointment{Case: c, Number: "N-" + string(c), Service: "doctor-appointment", Facility: testClinic, VisitType: "gp", State: StateBooked, Slot: slot, Place: h.place,
			StartsAt: s.Start, EndsAt: s.End, Applicant: kernel.PersonID(kernel.NewID()), ForWhom: ForSelf, Patient: "P", Locale: "en", Calendar: newToken(), CreatedAt: now, UpdatedAt: now})
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return c, won
}

type openTask struct {
	Kind string `db:"kind"`
	Case string `db:"case_id"`
	Slot string `db:"slot_id"`
}

func (h *clinicHouse) tasks() (all []openTask) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		return tx.SelectContext(h.ctx, &all, `SELECT kind, coalesce(case_id::text, '') AS case_id, coalesce(slot_id::text, '') AS slot_id FROM medical.task WHERE tenant_id = $1 AND done_at IS NULL ORDER BY created_at, id`, tx.TenantID())
	})
	return all
}

func TestSlotsAreMadeAheadOnceHoweverOftenAndByHoweverMany(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	doctor := h.practitioner("Dr A")
	c := h.daily(doctor, "09:00", "12:00", 20)
	m := h.add(c)
	if m.Made < DaysAhead*9 || m.Made > (DaysAhead+1)*9 {
		t.Fatalf("made %+v", m)
	}
	before := h.slots(c.ID)
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 3 {
				if err := h.MakeAhead(context.Background(), kerneltest.Tenant(kerneltest.Northwick)); err != nil {
					t.Error(err)
				}
				if err := h.DB.InTx(h.ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
					_, err := h.remakeFacility(h.ctx, tx, testClinic)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if after := h.slots(c.ID); !slices.Equal(before, after) {
		t.Errorf("%d slots became %d", len(before), len(after))
	}
}

func TestTheJobMakesWhatIsNotMadeYetAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	c := h.daily("", "09:00", "10:00", 30)
	h.tx(func(tx *pg.Tx) error { return scheduleTable.put(h.ctx, tx, []scheduleDoc{c}) })
	stale := func() (n int) {
		h.tx(func(tx *pg.Tx) error {
			groups, err := planGroups(h.ctx, tx, "", horizon(h.Clock.Now(), kerneltest.Tenant(kerneltest.Northwick).Location()))
			n = len(groups)
			return err
		})
		return n
	}
	if n := stale(); n != 1 {
		t.Fatalf("%d groups to make", n)
	}
	for range 2 {
		if err := h.MakeAhead(context.Background(), kerneltest.Tenant(kerneltest.Northwick)); err != nil {
			t.Fatal(err)
		}
		if n := stale(); n != 0 || len(h.slots(c.ID)) < 2*DaysAhead {
			t.Fatalf("%d groups to make, %d slots", n, len(h.slots(c.ID)))
		}
	}
}

func TestABookedSlotIsNeverLost(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	doctor := h.practitioner("Dr A")
	c := h.daily(doctor, "09:00", "12:00", 20)
	h.add(c)
	all := h.slots(c.ID)
	kept, _ := h.book(all[len(all)-1].ID) // 11:40 of the last day
	stays, _ := h.book(all[len(all)-9].ID)
	h.alter(c.ID, func(d *scheduleDoc) { until := "11:00"; d.Until = &until })
	m := h.remakeAll()
	if m.Kept != 1 || m.Tasks != 1 || m.Gone == 0 {
		t.Fatalf("%+v", m)
	}
	if got := h.tasks(); len(got) != 1 || got[0].Kind != taskSlotGone || got[0].Case != string(kept) {
		t.Fatalf("tasks %+v, of %s", got, stays)
	}
	if m = h.remakeAll(); m.Tasks != 0 || m.Gone != 0 || m.Made != 0 || len(h.tasks()) != 1 {
		t.Fatalf("once more: %+v", m)
	}
	if _, won := h.book(all[len(all)-1].ID); won {
		t.Fatal("a closed slot was booked")
	}
	// Staff say that it stays: no task again, and the slot is still closed.
	h.tx(func(tx *pg.Tx) error { return settleTasks(h.ctx, tx, kept, "kept", "", time.Now()) })
	if h.remakeAll(); len(h.tasks()) != 0 {
		t.Fatal("a task came back after staff had said that the appointment stays")
	}
	// A block over the same appointment is something else.
	h.block("", all[len(all)-1].Start.Add(-time.Hour), all[len(all)-1].End)
	h.alter(c.ID, func(d *scheduleDoc) { until := "12:00"; d.Until = &until })
	if h.remakeAll(); len(h.tasks()) != 1 || h.tasks()[0].Kind != taskBlocked {
		t.Fatalf("tasks %+v", h.tasks())
	}
	// When the appointment is called off the closed slot disappears.
	h.tx(func(tx *pg.Tx) error {
		if err := dropPlace(h.ctx, tx, all[len(all)-1].ID, kept, true); err != nil {
			return err
		}
		if _, err := tx.ExecContext(h.ctx, `UPDATE medical.appointment SET state = 'cancelled', slot_id = NULL WHERE tenant_id = $1 AND case_id = $2`, tx.TenantID(), kept); err != nil {
			return err
		}
		return settleTasks(h.ctx, tx, kept, "called-off", "", time.Now())
	})
	if err := h.MakeAhead(context.Background(), kerneltest.Tenant(kerneltest.Northwick)); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(h.slots(c.ID), func(s madeSlot) bool { return s.ID == all[len(all)-1].ID }) {
		t.Error("the closed slot is still there")
	}
}

func TestAHeldSlotIsClosedAndDisappearsAfterTheHold(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	c := h.daily("", "09:00", "12:00", 20)
	h.add(c)
	last := h.slots(c.ID)[500]
	holder := kernel.CaseID(kernel.NewID())
	h.tx(func(tx *pg.Tx) error {
		_, _, err := claimHold(h.ctx, tx, last.ID, holder, time.Minute)
		return err
	})
	h.alter(c.ID, func(d *scheduleDoc) { d.Active = false })
	if m := h.remakeAll(); m.Kept != 1 || m.Tasks != 0 {
		t.Fatalf("%+v", m)
	}
	if got := h.slots(c.ID); len(got) != 1 || got[0].Open {
		t.Fatalf("slots %+v", got)
	}
	h.tx(func(tx *pg.Tx) error { return dropPlace(h.ctx, tx, last.ID, holder, false) })
	if m := h.remakeAll(); m.Gone != 1 || len(h.slots(c.ID)) != 0 {
		t.Fatalf("%+v", m)
	}
}

func TestAPractitionerInTwoPlacesIsATaskAndNoError(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	doctor := h.practitioner("Dr A")
	first, second := h.daily(doctor, "09:00", "12:00", 30), h.daily(doctor, "11:00", "13:00", 30)
	h.add(first)
	m := h.add(second)
	if m.Overlaps == 0 || m.Overlaps*1 != m.Made {
		t.Fatalf("%+v", m) // of four slots a day two clash
	}
	if got := h.tasks(); len(got) != 1 || got[0].Kind != taskOverlap {
		t.Fatalf("tasks %+v", got)
	}
	// The time moves from one schedule to the other within one change: nothing clashes on the way.
	h.alter(first.ID, func(d *scheduleDoc) { until := "11:00"; d.Until = &until })
	if m = h.remakeAll(); m.Overlaps != 0 || m.Made != m.Gone || len(h.tasks()) != 0 {
		t.Fatalf("%+v, tasks %+v", m, h.tasks())
	}
}

func TestCapacityFollowsThePlanAndNobodyIsPutOut(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	c := h.daily("", "09:00", "10:00", 30)
	c.Capacity = 5
	h.add(c)
	slot := h.slots(c.ID)[10].ID
	for range 3 {
		h.book(slot)
	}
	h.alter(c.ID, func(d *scheduleDoc) { d.Capacity = 2 })
	h.remakeAll()
	for _, s := range h.slots(c.ID) {
		if want := map[bool]int{true: 3, false: 2}[s.ID == slot]; s.Capacity != want {
			t.Fatalf("capacity %d, want %d", s.Capacity, want)
		}
	}
	if m := h.remakeAll(); m != (Made{}) {
		t.Errorf("a second time: %+v", m)
	}
}

func TestBookersRaceWithTheCalendarAndNobodyLoses(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	doctor := h.practitioner("Dr A")
	c := h.daily(doctor, "09:00", "12:00", 20)
	h.add(c)
	all := h.slots(c.ID)
	var won sync.Map
	var wins, tries atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 7))
			for range 60 {
				slot := all[r.IntN(len(all))].ID
				tries.Add(1)
				claim := claimPlace
				if i%2 == 1 {
					claim = inBatch
				}
				if who, ok := h.bookBy(slot, claim); ok {
					wins.Add(1)
					won.Store(who, slot)
				}
			}
		})
	}
	for i := range 2 {
		wg.Go(func() {
			for n := range 8 {
				until := []string{"10:00", "12:00", "11:00"}[(n+i)%3]
				if err := h.DB.InTx(h.ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
					_, err := tx.ExecContext(h.ctx, `UPDATE medical.schedule SET time_until = $3::time, version = version + 1 WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), c.ID, until)
					return err
				}); err != nil {
					t.Error(err)
				}
				if err := h.DB.InTx(h.ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
					_, err := h.remakeFacility(h.ctx, tx, testClinic)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	h.remakeAll()
	h.mustHold()
	now := map[SlotID]madeSlot{}
	for _, s := range h.slots(c.ID) {
		now[s.ID] = s
	}
	won.Range(func(who, slot any) bool {
		if s, ok := now[slot.(SlotID)]; !ok || s.Booked != 1 {
			t.Errorf("%s lost its slot %+v", who, s)
		}
		return true
	})
	t.Logf("%d of %d bookings won", wins.Load(), tries.Load())
	if wins.Load() == 0 {
		t.Error("nobody won anything")
	}
}

// mustHold checks what has to be true after every step.
func (h *clinicHouse) mustHold() {
	h.t.Helper()
	if why := h.broken(); why != "" {
		h.t.Fatal(why)
	}
}

func (h *clinicHouse) broken() string {
	h.t.Helper()
	for name, query := range map[string]string{
		"appointments without their slot": `SELECT count(*) FROM medical.appointment a WHERE a.tenant_id = $1 AND a.state = 'booked' AND NOT EXISTS (
			SELECT FROM medical.slot s WHERE s.tenant_id = $1 AND s.id = a.slot_id AND s.starts_at = a.starts_at AND s.ends_at = a.ends_at)`,
		"slots whose count is not that of their appointments": `SELECT count(*) FROM medical.slot s WHERE s.tenant_id = $1 AND s.booked <> (
			SELECT count(*) FROM medical.appointment a WHERE a.tenant_id = $1 AND a.slot_id = s.id)`,
		"practitioners in two places": `SELECT count(*) FROM medical.slot a JOIN medical.slot b ON b.tenant_id = $1 AND b.practitioner_id = a.practitioner_id AND b.id > a.id
			AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at WHERE a.tenant_id = $1`,
		"slots of one schedule that overlap": `SELECT count(*) FROM medical.slot a JOIN medical.slot b ON b.tenant_id = $1 AND b.schedule_id = a.schedule_id AND b.id > a.id
			AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at WHERE a.tenant_id = $1`,
		"appointments in closed slots without a task": `SELECT count(*) FROM medical.appointment a JOIN medical.slot s ON s.tenant_id = $1 AND s.id = a.slot_id AND NOT s.open
			WHERE a.tenant_id = $1 AND 1 <> (SELECT count(*) FROM medical.task k WHERE k.tenant_id = $1 AND k.case_id = a.case_id AND k.slot_id = s.id AND k.done_at IS NULL)`,
		"tasks about nothing": `SELECT count(*) FROM medical.task k WHERE k.tenant_id = $1 AND k.done_at IS NULL AND k.case_id IS NOT NULL AND NOT EXISTS (
			SELECT FROM medical.appointment a JOIN medical.slot s ON s.tenant_id = $1 AND s.id = a.slot_id AND NOT s.open WHERE a.tenant_id = $1 AND a.case_id = k.case_id AND k.slot_id = s.id)`,
		"closed slots that nobody is in": `SELECT count(*) FROM medical.slot s WHERE s.tenant_id = $1 AND NOT s.open AND s.booked = 0`,
	} {
		var n int
		h.tx(func(tx *pg.Tx) error { return tx.GetContext(h.ctx, &n, query, tx.TenantID()) })
		if n != 0 {
			return fmt.Sprintf("%d %s", n, name)
		}
	}
	return ""
}

func TestWhateverPlannersAndBookersDoNothingBookedIsLostAndEveryConflictIsATask(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	rapid.Check(t, func(r *rapid.T) {
		doctors := []string{h.practitioner("A"), h.practitioner("B"), ""}
		clock := func(name string) (string, string) {
			from := rapid.IntRange(14, 20).Draw(r, name+" from")
			until := rapid.IntRange(from+1, 24).Draw(r, name+" until")
			return fmt.Sprintf("%02d:%02d", from/2, from%2*30), fmt.Sprintf("%02d:%02d", until/2, until%2*30)
		}
		var ids []ScheduleID
		var booked []kernel.CaseID
		for step := range rapid.IntRange(2, 5).Draw(r, "steps") {
			what := rapid.SampledFrom([]string{"add", "hours", "length", "end", "stop", "block", "book", "book", "book"}).Draw(r, "what")
			if len(ids) == 0 {
				what = "add"
			}
			pick := func() ScheduleID { return rapid.SampledFrom(ids).Draw(r, "schedule") }
			switch what {
			case "add":
				from, until := clock("new")
				c := h.daily(rapid.SampledFrom(doctors).Draw(r, "doctor"), from, until, rapid.SampledFrom([]int{15, 20, 30}).Draw(r, "minutes"))
				c.Rule, c.Capacity = rapid.SampledFrom([]string{"FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO,TH", "FREQ=MONTHLY;BYDAY=1TU"}).Draw(r, "rule"), rapid.IntRange(1, 2).Draw(r, "capacity")
				h.add(c)
				ids = append(ids, c.ID)
			case "hours":
				from, until := clock("changed")
				h.alter(pick(), func(d *scheduleDoc) { d.From, d.Until = &from, &until })
			case "length":
				minutes := rapid.SampledFrom([]int{10, 20, 30}).Draw(r, "minutes")
				h.alter(pick(), func(d *scheduleDoc) { d.Minutes = minutes })
			case "end":
				day := time.Now().AddDate(0, 0, rapid.IntRange(1, 50).Draw(r, "days")).Format(time.DateOnly)
				h.alter(pick(), func(d *scheduleDoc) { d.EndsOn = &day })
			case "stop":
				h.alter(pick(), func(d *scheduleDoc) { d.Active = !d.Active })
			case "block":
				from := time.Now().AddDate(0, 0, rapid.IntRange(0, 40).Draw(r, "days"))
				h.block(rapid.SampledFrom(doctors[:2]).Draw(r, "doctor"), from, from.AddDate(0, 0, rapid.IntRange(1, 15).Draw(r, "span")))
			case "book":
				if all := h.slots(ids...); len(all) > 0 {
					if who, ok := h.book(all[rapid.IntRange(0, len(all)-1).Draw(r, "slot")].ID); ok {
						booked = append(booked, who)
					}
				}
			}
			h.remakeAll()
			if why := h.broken(); why != "" {
				r.Fatalf("after step %d, %s: %s", step, what, why)
			}
			if m := h.remakeAll(); m.Made+m.Gone+m.Tasks != 0 {
				r.Fatalf("after step %d, %s: a second time changes something: %+v", step, what, m)
			}
		}
		var there int
		h.tx(func(tx *pg.Tx) error {
			return tx.GetContext(h.ctx, &there, `SELECT count(*) FROM medical.appointment WHERE tenant_id = $1 AND state = 'booked'`, tx.TenantID())
		})
		if there < len(booked) {
			r.Fatalf("%d of %d appointments are there", there, len(booked))
		}
		h.tx(func(tx *pg.Tx) error { // the next run begins afresh
			for _, table := range []string{"task", "appointment", "slot", "exception", "schedule"} {
				if _, err := tx.ExecContext(h.ctx, `DELETE FROM medical.`+table+` WHERE tenant_id = $1`, tx.TenantID()); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func TestNoNewSlotLiesOverOneThatStaysForWhoBookedIt(t *testing.T) {
	t.Parallel()
	h := newClinicHouse(t)
	c := h.daily("", "09:00", "12:00", 20) // a station: no practitioner whom the database would keep apart
	h.add(c)
	h.book(h.slots(c.ID)[100].ID)
	h.alter(c.ID, func(d *scheduleDoc) { d.Minutes = 45 })
	if m := h.remakeAll(); m.Kept != 1 || m.Tasks != 1 || m.Overlaps != 0 {
		t.Fatalf("%+v", m)
	}
	h.mustHold()
}
