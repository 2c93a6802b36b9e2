package workflows

import (
	"testing"
	"time"

	"townhall/modules/kernel"
)

func doctor(t testing.TB) *Definition {
	d, ok := library(t).Get("doctor-appointment")
	if !ok {
		t.Fatal("no doctor-appointment")
	}
	return d
}

func visit(starts time.Time) map[string]any {
	return map[string]any{"visit": "Consultation", "when": "then", "starts": starts.Format(time.RFC3339), "place": "Riverside Clinic",
		"address": "1 Quay Street", "patient": "Anna Whitfield"}
}

func through(a Actor) Actor { a.Sector = true; return a }

func booked(t *testing.T, d *Definition, starts time.Time) (Snapshot, Outcome) {
	t.Helper()
	return take(t, d, begun(t, d), "confirm", through(citizen(monday)), monday, visit(starts))
}

func TestOnlyTheSectorsModuleTakesWhatGoesThroughIt(t *testing.T) {
	t.Parallel()
	d := doctor(t)
	s := begun(t, d)
	c := Command{Action: "confirm", Actor: citizen(monday), Now: monday, Input: visit(monday.AddDate(0, 0, 8))}
	if _, err := d.Step(s, c); kernel.AsError(err).Slug != "action-not-possible" {
		t.Errorf("without the module: %v", err)
	}
	if contains(d.Allowed(s, c.Actor), "confirm") || !contains(d.Allowed(s, through(c.Actor)), "confirm") {
		t.Error("allowed to everybody, or to nobody")
	}
	c.Actor.Sector = true
	if _, err := d.Step(s, c); err != nil {
		t.Error(err)
	}
}

func TestATimerBeforeAMomentMovesWithIt(t *testing.T) {
	t.Parallel()
	d := doctor(t)
	first, second := monday.AddDate(0, 0, 8), monday.AddDate(0, 0, 10)
	s, o := booked(t, d, first)
	due := first.Add(-24 * time.Hour)
	if len(o.Timers) != 1 || !o.Timers[0].Due.Equal(due) || !o.Timers[0].Moving || !o.DueAt.Equal(first) {
		t.Fatalf("timers %v, due %s", o.Timers, o.DueAt)
	}
	moved, o := take(t, d, s, "reschedule", through(citizen(monday)), monday.Add(time.Hour), visit(second))
	if len(o.Timers) != 1 || !o.Timers[0].Due.Equal(second.Add(-24*time.Hour)) {
		t.Fatalf("timers %v after the change", o.Timers)
	}
	if _, ok := d.TimerCommand(moved, "reminder", due.Add(time.Minute)); ok {
		t.Error("reminded of a time that was given up")
	}
	fire := func(s Snapshot, at time.Time) (Snapshot, bool) {
		c, ok := d.TimerCommand(s, "reminder", at)
		if !ok {
			return s, false
		}
		o, err := d.Step(s, c)
		if err != nil {
			t.Fatal(err)
		}
		return s.After(o), true
	}
	reminded, ok := fire(moved, second.Add(-24*time.Hour))
	if !ok {
		t.Fatal("not reminded")
	}
	if _, again := fire(reminded, second.Add(-23*time.Hour)); again {
		t.Error("reminded twice")
	}
	// Moved after the reminder: the new time has a reminder of its own.
	third := second.AddDate(0, 0, 7)
	late, o := take(t, d, reminded, "reschedule", through(citizen(second)), second.Add(-time.Hour), visit(third))
	if len(o.Timers) != 1 {
		t.Fatalf("no reminder for the third time: %v", o.Timers)
	}
	if _, ok := fire(late, third.Add(-24*time.Hour)); !ok {
		t.Error("not reminded of the third time")
	}
}

func TestATimerWhoseMomentHasPassedIsNotSet(t *testing.T) {
	t.Parallel()
	d := doctor(t)
	s, o := booked(t, d, monday.Add(3*time.Hour))
	if len(o.Timers) != 0 {
		t.Errorf("timers %v", o.Timers)
	}
	if _, ok := d.TimerCommand(s, "reminder", monday.Add(2*time.Hour)); ok {
		t.Error("a reminder of what was booked an hour ago")
	}
}

func TestADayBeforeIsTheSameTimeOfDayWhateverTheClocksDo(t *testing.T) {
	t.Parallel()
	berlin, _ := time.LoadLocation("Europe/Berlin")
	start := time.Date(2026, 10, 25, 9, 30, 0, 0, berlin) // the clocks went back that night
	for a, want := range map[After]string{{Days: 1}: "2026-10-24 09:30", {Hours: 24}: "2026-10-24 10:30", {Minutes: 45}: "2026-10-25 08:45"} {
		if got := a.before(start, berlin).In(berlin).Format("2006-01-02 15:04"); got != want {
			t.Errorf("%+v: %s, want %s", a, got, want)
		}
	}
}

func TestAnInstantIsKeptInOneFormAndShownToNobody(t *testing.T) {
	t.Parallel()
	d := doctor(t)
	in := visit(monday)
	in["starts"] = "2026-12-01T10:40:00+01:00"
	s, _ := take(t, d, begun(t, d), "confirm", through(citizen(monday)), monday, in)
	if s.Answers["starts"] != "2026-12-01T09:40:00Z" {
		t.Errorf("starts %v", s.Answers["starts"])
	}
	for _, kind := range []kernel.PrincipalKind{kernel.Citizen, kernel.Staff, kernel.System} {
		if d.VisibleAnswers(s, kind)["starts"] != nil {
			t.Errorf("%s sees the instant", kind)
		}
	}
	in["starts"] = "tomorrow"
	if _, err := d.Step(begun(t, d), Command{Action: "confirm", Actor: through(citizen(monday)), Now: monday, Input: in}); kernel.KindOf(err) != kernel.Invalid {
		t.Errorf("a moment that is none: %v", err)
	}
}

func TestCancellingRevokesWhatConfirmingIssued(t *testing.T) {
	t.Parallel()
	d := doctor(t)
	s, o := booked(t, d, monday.AddDate(0, 0, 8))
	if len(o.Documents) != 1 || len(o.Revoke) != 0 {
		t.Fatalf("documents %v, revoked %v", o.Documents, o.Revoke)
	}
	_, o = take(t, d, s, "cancel", citizen(monday), monday, map[string]any{"cancel_reason": "time"})
	if len(o.Revoke) != 1 || o.Revoke[0] != "confirmation" || len(o.Effects) != 1 || len(o.Timers) != 0 {
		t.Errorf("revoked %v, effects %v, timers %v", o.Revoke, o.Effects, o.Timers)
	}
}

func TestStaffOpenACaseForSomebodyAtTheDeskThroughTheModuleOnly(t *testing.T) {
	t.Parallel()
	d := doctor(t)
	desk := Actor{Kind: kernel.Staff, Person: "ines", Roles: []string{"reception"}}
	if _, err := d.Begin(blank(), Command{Actor: desk, Now: monday}); kernel.KindOf(err) != kernel.Forbidden {
		t.Errorf("not through the module: %v", err)
	}
	o, err := d.Begin(blank(), Command{Actor: through(desk), Now: monday})
	if err != nil || o.Event.Role != "reception" || o.Event.Kind != kernel.Staff {
		t.Errorf("%+v: %v", o.Event, err)
	}
	desk.Roles = []string{"registrar"}
	if _, err := d.Begin(blank(), Command{Actor: through(desk), Now: monday}); kernel.KindOf(err) != kernel.Forbidden {
		t.Errorf("without a role of the service: %v", err)
	}
}
