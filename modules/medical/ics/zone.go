package ics

import (
	"fmt"
	"time"
)

// ambiguous reports whether the clock of zone shows the same time twice around t: the night clocks go back. Such a
// time is the first of the two by §3.3.5, and programs disagree about it, so it is written in UTC instead.
func ambiguous(t time.Time, zone *time.Location) bool {
	t = t.In(zone)
	_, offset := t.Zone()
	from, to := t.ZoneBounds()
	if !from.IsZero() {
		_, before := from.Add(-time.Second).Zone()
		if before > offset && t.Sub(from) < time.Duration(before-offset)*time.Second {
			return true
		}
	}
	if !to.IsZero() {
		_, after := to.Zone()
		if offset > after && to.Sub(t) <= time.Duration(offset-after)*time.Second {
			return true
		}
	}
	return false
}

// timezone writes the VTIMEZONE (§3.6.5) of zone as far as it concerns an event from start to end: the offset in
// force at the start with the one before it, and every change up to the one that follows the end. Each change is an
// observance of its own with the date it happened, computed from Go's zone data: rules that a government may change
// next year are not guessed at.
func (w *writer) timezone(zone *time.Location, start, end time.Time) {
	w.line("BEGIN", "VTIMEZONE")
	w.line("TZID", zone.String())
	at, to := start.In(zone).ZoneBounds()
	if at.IsZero() { // never changed, as far as is known
		_, offset := start.In(zone).Zone()
		w.observance(start.In(zone), start.In(zone).IsDST(), "19700101T000000", offset, offset)
		at = to
	} else {
		if earlier, _ := at.Add(-time.Second).ZoneBounds(); !earlier.IsZero() {
			w.change(earlier)
		}
		w.change(at)
		at = to
	}
	for !at.IsZero() {
		w.change(at)
		if at.After(end) {
			break
		}
		_, at = at.ZoneBounds()
	}
	w.line("END", "VTIMEZONE")
}

// change writes the observance that begins at the instant at, dated by the clock as it was until then.
func (w *writer) change(at time.Time) {
	_, before := at.Add(-time.Second).Zone()
	_, after := at.Zone()
	onset := at.UTC().Add(time.Duration(before) * time.Second).Format(localForm)
	w.observance(at, at.IsDST(), onset, before, after)
}

func (w *writer) observance(at time.Time, summer bool, onset string, from, to int) {
	kind := "STANDARD"
	if summer {
		kind = "DAYLIGHT"
	}
	name, _ := at.Zone()
	w.line("BEGIN", kind)
	w.line("DTSTART", onset)
	w.line("TZOFFSETFROM", offset(from))
	w.line("TZOFFSETTO", offset(to))
	if name != "" && name[0] != '+' && name[0] != '-' {
		w.line("TZNAME", text(name))
	}
	w.line("END", kind)
}

// offset is a UTC-OFFSET (§3.3.14).
func offset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds%3600/60)
	if rest := seconds % 60; rest != 0 {
		s += fmt.Sprintf("%02d", rest)
	}
	return s
}
