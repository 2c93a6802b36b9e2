package workflows

import (
	"slices"
	"time"

	"townhall/modules/kernel"
)

// add returns the instant so long after t, by the calendar of the zone: days keep the time of day, whatever
// happens to the clocks at night.
func (a After) add(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	switch {
	case a.Minutes > 0:
		t = t.Add(time.Duration(a.Minutes) * time.Minute)
	case a.Hours > 0:
		t = t.Add(time.Duration(a.Hours) * time.Hour)
	case a.Days > 0:
		t = t.AddDate(0, 0, a.Days)
	case a.WorkingDays > 0:
		y, m, day := t.Date()
		for n := a.WorkingDays; n > 0; {
			day++
			if wd := time.Date(y, m, day, 12, 0, 0, 0, time.UTC).Weekday(); wd != time.Saturday && wd != time.Sunday {
				n--
			}
		}
		t = time.Date(y, m, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	}
	return t.UTC()
}

// Due returns the date shown to people in the present state; zero when none is declared.
func (d *Definition) Due(s Snapshot) time.Time {
	st := d.State(s.State)
	if st == nil || st.Due.IsZero() {
		return time.Time{}
	}
	if st.Due.Field != "" {
		return instant(s.Answers[st.Due.Field])
	}
	return st.Due.add(s.Entered(), s.zone())
}

// running returns the timers that run in the present state, soonest first. They count from when the state was
// entered, so a step that stays in it (a draft saved, a case assigned) moves none of them; one that has
// fired in this stay does not come back.
func (d *Definition) running(s Snapshot) []SetTimer {
	entered := s.Entered()
	var out []SetTimer
	for _, t := range d.Timers {
		switch {
		case t.State != s.State:
		case t.Before.Field != "":
			if due := t.Before.before(instant(s.Answers[t.Before.Field]), s.zone()); due.After(s.given(t.Before.Field)) {
				out = append(out, SetTimer{Name: t.Name, Due: due, Moving: true})
			}
		default:
			out = append(out, SetTimer{Name: t.Name, Due: t.After.add(entered, s.zone())})
		}
	}
	if out == nil {
		return nil
	}
	slices.SortStableFunc(out, func(a, b SetTimer) int { return a.Due.Compare(b.Due) })
	fired := firedSince(s)
	return slices.DeleteFunc(out, func(t SetTimer) bool {
		action := d.Timer(t.Name).Action
		if t.Moving { // the moment may have moved since: only what was done at this one counts
			return slices.ContainsFunc(s.Events, func(e Event) bool {
				return e.Kind == kernel.System && e.Action == action && !e.At.Before(t.Due)
			})
		}
		if fired[action] > 0 {
			fired[action]--
			return true
		}
		return false
	})
}

// firedSince counts the system's actions since the present state was entered.
func firedSince(s Snapshot) map[string]int {
	fired := map[string]int{}
	for i := len(s.Events) - 1; i >= 0; i-- {
		e := s.Events[i]
		if e.From != e.To {
			break
		}
		if e.Kind == kernel.System {
			fired[e.Action]++
		}
	}
	return fired
}

// TimerDue returns when a timer of the present state fires, and false when it does not run (any more).
func (d *Definition) TimerDue(s Snapshot, timer string) (time.Time, bool) {
	for _, t := range d.running(s) {
		if t.Name == timer {
			return t.Due, true
		}
	}
	return time.Time{}, false
}

// TimerCommand returns the system command of a timer that has come due, and false when it no longer applies: the
// case left the state, the timer has fired in it already, or it is not due at now.
func (d *Definition) TimerCommand(s Snapshot, timer string, now time.Time) (Command, bool) {
	if due, ok := d.TimerDue(s, timer); !ok || now.Before(due) {
		return Command{}, false
	}
	return Command{Action: d.Timer(timer).Action, Actor: Actor{Kind: kernel.System}, Now: now, Locale: s.Locale}, true
}

// before returns the instant so long before t; zero stays zero.
func (a After) before(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	t = t.In(zone)
	return t.AddDate(0, 0, -a.Days).Add(-time.Duration(a.Hours)*time.Hour - time.Duration(a.Minutes)*time.Minute).UTC()
}

// instant reads the answer of a field of type instant; zero when there is none.
func instant(v any) time.Time {
	s, _ := v.(string)
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// given returns when the field was answered last, and never before the present state was entered.
func (s Snapshot) given(field string) time.Time {
	at := s.Entered()
	for _, e := range s.Events {
		if _, ok := e.Input[field]; ok && e.At.After(at) {
			at = e.At
		}
	}
	return at
}
