package gtfs_test

import (
	"testing"
	"time"

	"townhall/modules/travel/gtfs"
)

// A day of service begins at noon minus 12 hours. On the two nights of a year on which the clocks change that is not
// midnight; what is told for the hours behind the change is still what the clock on the wall says.
func TestTimesAreCountedFromNoonOnBothNightsOfTheClockChange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day string
		seconds   int
		want      string
	}{
		// London: forward on 29 March 2026 at 01:00, back on 25 October 2026 at 02:00.
		{"Europe/London", "20260329", 0, "2026-03-28T23:00:00Z"},
		{"Europe/London", "20260329", 1*hour + 30*minute, "2026-03-29T00:30:00Z"},
		{"Europe/London", "20260329", 2 * hour, "2026-03-29T02:00:00+01:00"},
		{"Europe/London", "20260329", 8 * hour, "2026-03-29T08:00:00+01:00"},
		{"Europe/London", "20260328", 25*hour + 30*minute, "2026-03-29T02:30:00+01:00"},
		{"Europe/London", "20261025", 0, "2026-10-25T01:00:00+01:00"},
		{"Europe/London", "20261025", 1 * hour, "2026-10-25T01:00:00Z"},
		{"Europe/London", "20261025", 8 * hour, "2026-10-25T08:00:00Z"},
		{"Europe/London", "20261024", 25*hour + 30*minute, "2026-10-25T01:30:00+01:00"},
		{"Europe/London", "20261024", 26*hour + 30*minute, "2026-10-25T01:30:00Z"},
		// New York: forward on 8 March 2026 at 02:00, back on 1 November 2026 at 02:00.
		{"America/New_York", "20260308", 0, "2026-03-07T23:00:00-05:00"},
		{"America/New_York", "20260308", 3 * hour, "2026-03-08T03:00:00-04:00"},
		{"America/New_York", "20260307", 26*hour + 15*minute, "2026-03-08T03:15:00-04:00"},
		{"America/New_York", "20261101", 0, "2026-11-01T01:00:00-04:00"},
		{"America/New_York", "20261101", 2 * hour, "2026-11-01T02:00:00-05:00"},
		{"America/New_York", "20261031", 25*hour + 15*minute, "2026-11-01T01:15:00-04:00"},
		{"America/New_York", "20261031", 26*hour + 15*minute, "2026-11-01T01:15:00-05:00"},
		// Lord Howe Island: by half an hour, back on 5 April 2026 at 02:00, forward on 4 October 2026 at 02:00.
		{"Australia/Lord_Howe", "20260405", 0, "2026-04-05T00:30:00+11:00"},
		{"Australia/Lord_Howe", "20260405", 2 * hour, "2026-04-05T02:00:00+10:30"},
		{"Australia/Lord_Howe", "20260404", 26 * hour, "2026-04-05T01:30:00+10:30"},
		{"Australia/Lord_Howe", "20261004", 0, "2026-10-03T23:30:00+10:30"},
		{"Australia/Lord_Howe", "20261004", 3 * hour, "2026-10-04T03:00:00+11:00"},
		{"Australia/Lord_Howe", "20261003", 26 * hour, "2026-10-04T02:30:00+11:00"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, ok := gtfs.ParseDay(c.day)
		if got := gtfs.At(day, c.seconds, zone).Format(time.RFC3339); !ok || got != c.want {
			t.Errorf("%s, %s, %d seconds: %s, want %s", c.zone, c.day, c.seconds, got, c.want)
		}
	}
}

func TestDaysAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026-11-23", "20260230", "2026112", "202611233", "00010101", "23000101", "2026112x"} {
		if d, ok := gtfs.ParseDay(s); ok {
			t.Errorf("%q is read as %s", s, d)
		}
	}
	d, ok := gtfs.ParseDay("20280229")
	if !ok || d.String() != "2028-02-29" || d.Weekday() != time.Tuesday || (d+1).String() != "2028-03-01" || gtfs.Undated.String() != "" {
		t.Errorf("29 February 2028 is %s, %s", d, d.Weekday())
	}
	if got := gtfs.DayAt(time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC), time.FixedZone("", 3600)); got.String() != "2026-03-29" {
		t.Errorf("the date is %s", got)
	}
}
