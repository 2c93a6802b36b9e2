// Package calendar turns a clinic's plan into sessions and slots: which days by a recurrence rule (RFC 5545
// §3.3.10), which hours by the clock on the clinic's wall, which moments by the place's time zone. It is pure: the
// same plan makes the same slots everywhere and at any time.
//
// Days are counted as days and never as spans of 24 hours, so what begins at 09:00 begins at 09:00 in summer and in
// winter. On the two nights of the year on which the clock is changed these rules hold, see [At]:
//
//   - A time that night jumps over stands for the moment of the jump. A session from 00:00 until 06:00 is one hour
//     shorter then and has so many slots fewer; one that would lie wholly inside the gap has none.
//   - A time that comes twice means its first coming. A session that spans the repeated hour is one hour longer
//     then and has so many slots more.
//   - Slots follow each other without a gap from the session's first moment, each of full true length; what is left
//     at the end and is shorter than a slot is not offered.
//
// This differs from the reading of a single date-time in RFC 5545 §3.3.5, which moves a time inside the gap behind
// it: by that, a session until 02:45 and the next from 03:00 would overlap, and a practitioner be in two places.
package calendar

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, without a time or a zone. The zero value is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day it is at a moment, by the clock of a place.
func DateOf(t time.Time, zone *time.Location) Date {
	y, m, d := t.In(zone).Date()
	return Date{y, m, d}
}

// ParseDate reads YYYY-MM-DD (RFC 3339 full-date), in the years 1970 to 2999.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1970 || t.Year() > 2999 {
		return Date{}, fmt.Errorf("%q is not a date (YYYY-MM-DD)", s)
	}
	return DateOf(t, time.UTC), nil
}

// String writes YYYY-MM-DD; the zero date is empty.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.utc().Format(time.DateOnly)
}

// IsZero reports whether no date is meant.
func (d Date) IsZero() bool { return d == Date{} }

// AddDays returns the day n days later, or earlier when n is negative.
func (d Date) AddDays(n int) Date { return DateOf(d.utc().AddDate(0, 0, n), time.UTC) }

// Before reports whether d is an earlier day than e.
func (d Date) Before(e Date) bool { return d.utc().Before(e.utc()) }

// Weekday is the day of the week.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// utc is the day as the library of rules counts it: a day of exactly 24 hours.
func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// Clock is a time of day on the wall, in minutes after midnight: 0 to 1440, where 1440 is 24:00, the end of the day.
type Clock int

// Midnight is the end of a day.
const Midnight Clock = 24 * 60

// ParseClock reads HH:MM, 00:00 to 24:00.
func ParseClock(s string) (Clock, error) {
	if s == "24:00" {
		return Midnight, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, fmt.Errorf("%q is not a time of day (HH:MM)", s)
	}
	return Clock(t.Hour()*60 + t.Minute()), nil
}

// String writes HH:MM.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// At is the first moment at which the clock of a place shows a time of a day or a later one. So a time that comes
// twice means its first coming, a time that is jumped over means the moment of the jump, and of two times the later
// never means the earlier moment: sessions that follow each other on the wall never overlap in truth.
func At(d Date, c Clock, zone *time.Location) time.Time {
	wall := d.utc().Unix() + int64(c)*60
	t := time.Unix(wall-farthest, 0).In(zone)
	for {
		_, offset := t.Zone()
		moment := wall - int64(offset)
		_, end := t.ZoneBounds()
		if end.IsZero() || moment < end.Unix() {
			return time.Unix(max(moment, t.Unix()), 0).In(zone)
		}
		t = end
	}
}

// farthest is more than any place's distance from UTC in seconds, old local mean times included.
const farthest = 26 * 60 * 60
