package travel

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
)

// tables are all that an import writes.
var tables = []string{"operator", "feed", "stop", "route", "service_day", "trip", "stop_time", "departure", "conflict"}

func (h *timetableHouse) counts() (out []int) {
	for _, t := range tables {
		out = append(out, h.count(t))
	}
	return out
}

func TestATimetableIsBroughtWholeAndTheSameAgainChangesNothing(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	done := h.bring(coaches, goodFeed(t))
	if done.Same || done.Moved+done.Gone+done.Conflicts > 0 || !slices.Equal(done.Counts[:4], []Count{{"stops", 10}, {"routes", 4}, {"trips", 16}, {"calls", 37}}) {
		t.Errorf("the import did %+v", done)
	}
	// 90 days from a Monday: 12 trips every day, 2 on workdays without Christmas, 1 on weekends and on Christmas. Two shuttles
	// had come by seven in the morning; the night coach of the day before had not.
	if want := 90*12 + 2*(65-1) + (25 + 1) - 2 + 1; done.Made != want {
		t.Errorf("%d departures were made, want %d", done.Made, want)
	}
	before := h.counts()
	files := goodFeed(t)
	slices.Reverse(files)
	if again := h.bring(coaches, append(files, lines.File{Name: "readme.md"})); !again.Same || again.Feed != done.Feed {
		t.Errorf("the same again did %+v", again)
	}
	if again := h.bring(coaches, []lines.File{packedFeed(t, files)}); !again.Same || again.Feed != done.Feed {
		t.Errorf("the same in an archive did %+v", again)
	}
	if after := h.counts(); !slices.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
}

func packedFeed(t *testing.T, files []lines.File) lines.File {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.Name)
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return lines.File{Name: "northwick.ZIP", Data: b.Bytes()}
}

func TestARefusedTimetableLeavesTheOneInForceUntouched(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	before := h.counts()
	bad := reworded(t, goodFeed(t), "stop_times.txt", "09:55:00,09:57:00,oak", "09:05:00,09:57:00,elm")
	_, err := h.Import(h.ctx, h.tenant, coaches, bad)
	var refused *Refusal
	if !errors.As(err, &refused) || refused.Problems.String() != "stop_times.txt:7: arrival_time: is before the departure from the stop before\nstop_times.txt:7: stop_id: names nothing that is there\n" {
		t.Fatalf("the error is %v", err)
	}
	if e := kernel.AsError(err); e.Kind != kernel.Invalid || len(e.Fields) != 2 || e.Fields[1].Path != "stop_times.txt:7:stop_id" || e.Fields[1].Slug != "travel.feed.line.reference" {
		t.Errorf("people see %+v", e)
	}
	if _, err := h.Import(h.ctx, h.tenant, coaches, []lines.File{{Name: "feed.zip", Data: []byte("PK")}}); kernel.KindOf(err) != kernel.Invalid {
		t.Errorf("half an archive: %v", err)
	}
	if after := h.counts(); !slices.Equal(before, after) {
		t.Errorf("%v became %v", before, after)
	}
}

func TestWhatNobodyHasBookedFollowsTheNewTimetable(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	id, gone := h.departure(coaches, "x1-0930", "2026-11-18"), h.departure(coaches, "f1-out", "2026-11-18")
	oak := h.find(JourneyQuery{From: "Oak Hill", To: "Eastmere Market", Day: "2026-11-18"}).From[0].ID
	feed := reworded(t, goodFeed(t), "stop_times.txt", "x1-0930,09:55:00,09:57:00", "x1-0930,09:45:00,09:47:00")
	feed = reworded(t, feed, "trips.txt", "F1,daily,f1-out", "F1,regatta,f1-out")
	feed = reworded(t, feed, "stops.txt", "Oak Hill", "Oak Hill North")
	done := h.bring(coaches, feed)
	if done.Conflicts != 0 || done.Made != 0 || done.Gone != 90 || done.Moved == 0 {
		t.Errorf("the import did %+v", done)
	}
	if again := h.departure(coaches, "x1-0930", "2026-11-18"); again != id {
		t.Errorf("the departure has another id: %s, was %s", again, id)
	}
	found := h.find(JourneyQuery{From: "oak hill north", To: "Eastmere Market", Day: "2026-11-18", After: "09:00"})
	if len(found.List) != 1 || found.List[0].Departs.Format("15:04") != "09:47" || found.From[0].ID != oak || found.List[0].Legs[0].Departure.ID != id {
		t.Errorf("found %+v", found)
	}
	if h.departure(coaches, "f1-out", "2026-11-18") != "" {
		t.Errorf("%s is still there", gone)
	}
	if n := h.count("feed"); n != 2 {
		t.Errorf("%d versions are remembered", n)
	}
	if trips := h.count("trip"); trips != 16 {
		t.Errorf("%d trips are left of both", trips)
	}
}

func TestWhatSomebodyHasBookedIsNeverTakenAway(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	same, altered, gone := h.departure(coaches, "x1-back", "2026-11-18"), h.departure(coaches, "x1-0930", "2026-11-18"), h.departure(coaches, "f1-out", "2026-11-18")
	for _, id := range []DepartureID{same, altered, gone} {
		h.claim(id)
	}
	feed := reworded(t, goodFeed(t), "stop_times.txt", "x1-0930,09:55:00,09:57:00", "x1-0930,09:45:00,09:47:00")
	feed = reworded(t, feed, "trips.txt", "F1,daily,f1-out", "F1,regatta,f1-out")
	done := h.bring(coaches, feed)
	if done.Conflicts != 2 || done.Gone != 89 {
		t.Fatalf("the import did %+v", done)
	}
	kinds := map[DepartureID]string{}
	for _, c := range h.conflicts() {
		kinds[c.Departure] = c.Kind
	}
	if len(kinds) != 2 || kinds[altered] != ConflictChanged || kinds[gone] != ConflictGone {
		t.Errorf("the conflicts are %v", kinds)
	}
	// The passengers' departures are as they booked them, and nobody else can.
	if d := h.read(altered); d.Offered || d.Calls[1].Departs.Format("15:04") != "09:57" || d.Calls[1].Name["en"] != "Oak Hill" {
		t.Errorf("the altered one is %+v", d)
	}
	if d := h.read(gone); d.Offered || d.Route.Name["en"] != "Gull Island Ferry" || len(d.Calls) != 2 {
		t.Errorf("the one that is gone is %+v", d)
	}
	if d := h.read(same); !d.Offered {
		t.Errorf("the one that stays the same is %+v", d)
	}
	for _, q := range []JourneyQuery{{From: "Oak Hill", To: "Eastmere", Day: "2026-11-18", After: "09:00"}, {From: "Harbour", To: "Gull Island", Day: "2026-11-18"}} {
		if found := h.find(q); len(found.List) != 0 {
			t.Errorf("%s to %s finds %+v", q.From, q.To, found.List)
		}
	}
	if found := h.find(JourneyQuery{From: "Oak Hill", To: "Eastmere", Day: "2026-11-19", After: "09:00"}); len(found.List) != 1 {
		t.Errorf("the day after finds %+v", found.List)
	}
	// A third timetable that has them as they were booked settles everything.
	if done := h.bring(coaches, goodFeed(t)); done.Conflicts != 0 || len(h.conflicts()) != 0 {
		t.Errorf("the import did %+v, and %v are left", done, h.conflicts())
	}
	if d := h.read(altered); !d.Offered || !d.Claimed {
		t.Errorf("it is %+v", d)
	}
	if trips := h.count("trip"); trips != 16 {
		t.Errorf("%d trips are left of three timetables", trips)
	}
}

func (h *timetableHouse) read(id DepartureID) (d Departure) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) (err error) { d, err = h.Departure(h.ctx, tx, id); return err })
	return d
}

// planner is somebody who works for an operator.
func (h *timetableHouse) planner(operator kernel.AgencyID, role string) context.Context {
	return kernel.WithPrincipal(h.ctx, kernel.Principal{Kind: kernel.Staff, Tenant: h.tenant.ID, Person: kernel.PersonID(kernel.NewID()), Grants: []kernel.Grant{{Agency: operator, Role: role}}})
}

func (h *timetableHouse) conflicts() []Conflict {
	h.t.Helper()
	all, err := h.Conflicts(h.planner(coaches, RolePlanner), coaches)
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func (h *timetableHouse) settle(ctx context.Context, id ConflictID, how string) (d Departure, err error) {
	err = h.DB.InTx(ctx, h.tenant.ID, func(tx *pg.Tx) (err error) {
		d, err = h.SettleConflict(ctx, tx, coaches, id, how)
		return err
	})
	return d, err
}

func TestStaffDecideWhatBecomesOfABookedDeparture(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	days := []string{"2026-11-18", "2026-11-19", "2026-11-20"}
	ids := map[string]DepartureID{}
	for _, day := range days {
		ids[day] = h.departure(coaches, "x1-0930", day)
		h.claim(ids[day])
	}
	boat := h.departure(coaches, "f1-out", "2026-11-21")
	h.claim(boat)
	feed := reworded(t, goodFeed(t), "stop_times.txt", "x1-0930,09:55:00,09:57:00", "x1-0930,09:45:00,09:47:00")
	feed = reworded(t, feed, "trips.txt", "F1,daily,f1-out", "F1,regatta,f1-out")
	h.bring(coaches, feed)
	of := map[DepartureID]ConflictID{}
	for _, c := range h.conflicts() {
		of[c.Departure] = c.ID
	}
	me := h.planner(coaches, RolePlanner)
	moved, err := h.settle(me, of[ids[days[0]]], HowMoved)
	if err != nil || !moved.Offered || moved.ID != ids[days[0]] || moved.Calls[1].Departs.Format("15:04") != "09:47" {
		t.Errorf("moved: %+v, %v", moved, err)
	}
	off, err := h.settle(h.planner(coaches, RoleDispatcher), of[ids[days[1]]], HowCalledOff)
	if err != nil || off.State != DepartureCalledOff || off.Calls[1].Departs.Format("15:04") != "09:57" {
		t.Errorf("called off: %+v, %v", off, err)
	}
	kept, err := h.settle(me, of[ids[days[2]]], HowKept)
	if err != nil || kept.State != DepartureScheduled || kept.Offered || kept.Calls[1].Departs.Format("15:04") != "09:57" {
		t.Errorf("kept: %+v, %v", kept, err)
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		id   ConflictID
		how  string
		want kernel.Kind
	}{
		"settled already":                       {me, of[ids[days[2]]], HowKept, kernel.NotFound},
		"no id":                                 {me, "1", HowKept, kernel.NotFound},
		"no answer":                             {me, of[boat], "forgotten", kernel.Invalid},
		"nothing to move it to":                 {me, of[boat], HowMoved, kernel.Invalid},
		"a driver":                              {h.planner(coaches, "driver"), of[boat], HowKept, kernel.Forbidden},
		"a planner of somebody else":            {h.planner(ferries, RolePlanner), of[boat], HowKept, kernel.NotFound},
		"a citizen with the words of a planner": {kernel.WithPrincipal(h.ctx, kernel.Principal{Kind: kernel.Citizen, Grants: []kernel.Grant{{Agency: coaches, Role: RolePlanner}}}), of[boat], HowKept, kernel.NotFound},
	} {
		if _, err := h.settle(c.ctx, c.id, c.how); kernel.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The next timetable does not ask again what was decided.
	h.bring(coaches, reworded(t, feed, "feed_info.txt", "2026-11\n", "2026-12\n"))
	if left := h.conflicts(); len(left) != 1 || left[0].Departure != boat {
		t.Errorf("asked again: %+v", left)
	}
}

func TestAPreviewTellsWhatWouldBeAndKeepsNothing(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	me := h.planner(coaches, RolePlanner)
	would, err := h.ImportFiles(me, coaches, goodFeed(t), true)
	if err != nil || would.Made == 0 {
		t.Fatalf("%+v, %v", would, err)
	}
	for i, n := range h.counts() {
		if n != 0 {
			t.Errorf("%s has %d rows", tables[i], n)
		}
	}
	if did, err := h.ImportFiles(me, coaches, goodFeed(t), false); err != nil || did.Made != would.Made {
		t.Errorf("it did %+v, %v; the preview said %+v", did, err, would)
	}
	for name, c := range map[string]struct {
		ctx      context.Context
		operator kernel.AgencyID
		want     kernel.Kind
	}{
		"a driver":        {h.planner(coaches, "driver"), coaches, kernel.Forbidden},
		"another's staff": {h.planner(ferries, RolePlanner), coaches, kernel.NotFound},
		"no such agency":  {h.planner("nobody", RolePlanner), "nobody", kernel.NotFound},
		"nobody":          {kernel.WithTenant(context.Background(), h.tenant), coaches, kernel.NotFound},
	} {
		if _, err := h.ImportFiles(c.ctx, c.operator, goodFeed(t), false); kernel.KindOf(err) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDeparturesAreMadeAheadDayByDayAndForgottenOnceTheyArePast(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	booked := h.departure(coaches, "x1-0930", "2026-11-17")
	h.claim(booked)
	if h.departure(coaches, "x1-0930", "2027-02-13") == "" || h.departure(coaches, "x1-0930", "2027-02-14") != "" {
		t.Fatal("departures are not made for 90 days")
	}
	h.clock.Set(time.Date(2026, 11, 19, 7, 0, 0, 0, time.UTC))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := h.MakeAhead(context.Background(), h.tenant); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if h.departure(coaches, "x1-0930", "2027-02-16") == "" || h.departure(coaches, "x1-0930", "2027-02-17") != "" {
		t.Error("three days later three days are missing")
	}
	if h.departure(coaches, "x1-0930", "2026-11-16") != "" || h.departure(coaches, "x1-0930", "2026-11-18") == "" || h.departure(coaches, "x1-0930", "2026-11-17") != booked {
		t.Error("the wrong ones are forgotten")
	}
	before := h.counts()
	if err := h.MakeAhead(context.Background(), h.tenant); err != nil {
		t.Fatal(err)
	}
	if after := h.counts(); !slices.Equal(before, after) {
		t.Errorf("a second run of the day made %v of %v", after, before)
	}
}

func TestDeparturesOfTheNightsTheClocksChangeAreWhereTheClockSays(t *testing.T) {
	t.Parallel()
	for zone, c := range map[string]struct{ now, day, shuttle, night string }{
		"Europe/London":       {"2027-03-01T00:00:00Z", "2027-03-28", "2027-03-28T06:00:00+01:00", "2027-03-29T01:45:00+01:00"},
		"America/New_York":    {"2027-03-01T00:00:00Z", "2027-03-14", "2027-03-14T06:00:00-04:00", "2027-03-15T00:45:00-04:00"},
		"Australia/Lord_Howe": {"2027-03-01T00:00:00Z", "2027-04-04", "2027-04-04T06:00:00+10:30", "2027-04-05T00:45:00+10:30"},
	} {
		h := newTimetableHouse(t)
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		h.clock.Set(now)
		feed := reworded(t, goodFeed(t), "agency.txt", "Europe/London", zone)
		feed = reworded(t, feed, "stops.txt", "Europe/London", zone)
		h.bring(coaches, feed)
		shuttle := h.read(h.departure(coaches, "s@06:00:00", c.day))
		if got := shuttle.Calls[0].Departs.Format(time.RFC3339); got != c.shuttle {
			t.Errorf("%s: the shuttle leaves at %s, want %s", zone, got, c.shuttle)
		}
		night := h.read(h.departure(coaches, "n1", c.day))
		if got := night.Calls[1].Departs; got.Format("15:04") != "00:45" || got.Sub(shuttle.Calls[0].Departs) != 18*time.Hour+45*time.Minute {
			t.Errorf("%s: the night coach leaves the harbour at %s", zone, got)
		}
		eve, err := time.Parse(time.DateOnly, c.day)
		if err != nil {
			t.Fatal(err)
		}
		before := h.read(h.departure(coaches, "n1", eve.AddDate(0, 0, -1).Format(time.DateOnly)))
		if got := before.Calls[2].Arrives.Sub(before.Calls[0].Departs); got != 8*time.Hour+15*time.Minute {
			t.Errorf("%s: the coach of the eve is under way for %s", zone, got)
		}
	}
}

func TestTwoCarriersAndTwoMunicipalitiesDoNotMixTheirTimetables(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	h.bring(ferries, goodFeed(t))
	found := h.find(JourneyQuery{From: "Harbour", To: "Gull Island Pier", Day: "2026-11-18"})
	if len(found.List) != 2 || len(found.From) != 2 || found.List[0].Legs[0].Departure.Operator == found.List[1].Legs[0].Departure.Operator {
		t.Errorf("found %+v", found)
	}
	h.bring(ferries, reworded(t, goodFeed(t), "trips.txt", "F1,daily,f1-out", "F1,regatta,f1-out"))
	if found := h.find(JourneyQuery{From: "Harbour", To: "Gull Island Pier", Day: "2026-11-18"}); len(found.List) != 1 || found.List[0].Legs[0].Departure.Operator != coaches {
		t.Errorf("found %+v", found.List)
	}
	other := kernel.WithTenant(context.Background(), kerneltest.Tenant(kerneltest.Eastmere))
	if found, err := h.Search(other, JourneyQuery{From: "Harbour", To: "Gull Island Pier", Day: "2026-11-18"}); err != nil || len(found.From)+len(found.List) > 0 {
		t.Errorf("the other municipality finds %+v, %v", found, err)
	}
}

// Somebody takes a seat while the timetable is replaced: whoever comes second sees what the first has done.
func TestASeatTakenDuringAnImportIsNotLost(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	boat := h.departure(coaches, "f1-out", "2026-11-18")
	feed := reworded(t, goodFeed(t), "trips.txt", "F1,daily,f1-out", "F1,regatta,f1-out")
	locked, imported := make(chan struct{}), make(chan error)
	go func() {
		<-locked
		_, err := h.Import(context.Background(), h.tenant, coaches, feed)
		imported <- err
	}()
	h.tx(func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(h.ctx, `SELECT FROM travel.departure WHERE id = $1 FOR NO KEY UPDATE`, boat); err != nil {
			return err
		}
		close(locked)
		waiting := false
		for range 200 { // until the import waits for us
			if err := tx.GetContext(h.ctx, &waiting, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid' AND transactionid = pg_current_xact_id()::xid)`); err != nil || waiting {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if !waiting {
			t.Error("the import does not wait for who takes a seat")
		}
		_, err := tx.ExecContext(h.ctx, `UPDATE travel.departure SET claimed = true WHERE id = $1`, boat)
		return err
	})
	if err := <-imported; err != nil {
		t.Fatal(err)
	}
	if left := h.conflicts(); len(left) != 1 || left[0].Departure != boat || left[0].Kind != ConflictGone {
		t.Errorf("the conflicts are %+v", left)
	}
}

func TestTheNameOfAnImportCanBeKept(t *testing.T) {
	t.Parallel()
	if got := nameOf([]lines.File{{Name: "a\x00\xff" + strings.Repeat("ж", 300)}}); len([]rune(got)) != 200 || strings.Contains(got, "\x00") {
		t.Errorf("%q", got)
	}
}
