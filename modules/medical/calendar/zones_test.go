package calendar_test

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"townhall/modules/medical/calendar"
)

// zones are all zones of the IANA database that comes with Go.
func zones(t *testing.T) []*time.Location {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var out []*time.Location
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, "/") {
			out = append(out, zone(t, f.Name))
		}
	}
	if len(out) < 400 {
		t.Fatalf("only %d zones", len(out))
	}
	return out
}

// changes are the moments at which a zone's clocks were or will be changed, 1971 to 2037.
func changes(z *time.Location) []time.Time {
	var out []time.Time
	for t := time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC).In(z); ; {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.Year() > 2037 {
			return out
		}
		out, t = append(out, end), end
	}
}

// changed reports whether clocks are changed after from and not later than until.
func changed(from, until time.Time) bool {
	_, end := from.ZoneBounds()
	return !end.IsZero() && !end.After(until)
}

// fits says what is wrong with a session's slots, or nothing.
func fits(s calendar.Session, minutes int) string {
	step := time.Duration(minutes) * time.Minute
	if len(s.Slots) != int(s.End.Sub(s.Start)/step) {
		return "not as many slots as the true time has room for"
	}
	last := s.Start
	for _, x := range s.Slots {
		switch {
		case x.End.Sub(x.Start) != step:
			return "a slot is not of full length"
		case !x.Start.Equal(last):
			return "a slot overlaps or leaves a gap"
		case x.End.After(s.End):
			return "a slot leaves the session"
		}
		last = x.End
	}
	return ""
}

func TestNineOClockStaysNineOClockAroundEveryChangeInEveryZone(t *testing.T) {
	t.Parallel()
	nights, judged := 0, map[string]bool{}
	for _, z := range zones(t) {
		all := changes(z)
		same := fmt.Sprint(all)
		if judged[same] { // another name of a zone that has been judged
			nights += len(all)
			continue
		}
		judged[same] = true
		for _, change := range all {
			nights++
			day := calendar.DateOf(change, z)
			for _, hours := range [][2]calendar.Clock{{9 * 60, 12 * 60}, {0, 6 * 60}, {22 * 60, 5 * 60}} {
				p := calendar.Plan{Rule: "FREQ=DAILY", From: hours[0], Until: hours[1], Minutes: 30, Zone: z, ValidFrom: day.AddDays(-2)}
				got, err := calendar.Sessions(p, calendar.Exceptions{}, day.AddDays(-2), day.AddDays(2))
				if err != nil {
					t.Fatal(err)
				}
				for i, s := range got {
					if why := fits(s, 30); why != "" {
						t.Fatalf("%s, %s: %s", z, s.Date, why)
					}
					if i > 0 && s.Start.Before(got[i-1].End) {
						t.Fatalf("%s, %s: sessions overlap", z, s.Date)
					}
					if changed(s.Start.Add(-time.Second), s.End) {
						continue
					}
					if from := s.Start.Format("15:04:05"); from != hours[0].String()+":00" {
						t.Fatalf("%s, %s: the session begins at %s, not at %s", z, s.Date, from, hours[0])
					}
					if want := (int(hours[1]-hours[0]) + 1440) % 1440 / 30; len(s.Slots) != want {
						t.Fatalf("%s, %s: %d slots, want %d", z, s.Date, len(s.Slots), want)
					}
				}
			}
		}
	}
	t.Logf("%d changes of the clock", nights)
	if nights < 10_000 {
		t.Fatal("too few changes: the search is broken")
	}
}

// wall is the moment the clock on the wall first shows a time of a day or a later one, found by looking at it every
// half minute: slow, and nothing like the way the package finds it.
func wall(d calendar.Date, c calendar.Clock, z *time.Location) time.Time {
	want := time.Date(d.Year, d.Month, d.Day, 0, int(c), 0, 0, time.UTC)
	for t := want.Add(-26 * time.Hour); ; t = t.Add(30 * time.Second) {
		y, m, day := t.In(z).Date()
		h, min, sec := t.In(z).Clock()
		if !time.Date(y, m, day, h, min, sec, 0, time.UTC).Before(want) {
			return t
		}
	}
}

func TestEveryPlanFitsTheTrueTimeOfEveryNight(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(r *rapid.T) {
		z := rapid.SampledFrom(all).Draw(r, "zone")
		day := calendar.Date{Year: rapid.IntRange(1975, 2035).Draw(r, "year"), Month: time.Month(rapid.IntRange(1, 12).Draw(r, "month")), Day: rapid.IntRange(1, 28).Draw(r, "day")}
		if at := changes(z); len(at) > 0 {
			day = calendar.DateOf(rapid.SampledFrom(at).Draw(r, "change"), z).AddDays(rapid.IntRange(-1, 1).Draw(r, "off"))
		}
		minutes := rapid.SampledFrom([]int{5, 10, 15, 20, 30, 45, 60, 90}).Draw(r, "minutes")
		from := calendar.Clock(rapid.IntRange(0, 287).Draw(r, "from") * 5)
		until := calendar.Clock(rapid.IntRange(0, 288).Draw(r, "until") * 5)
		p := calendar.Plan{Rule: "FREQ=DAILY", From: from, Until: until, Minutes: minutes, Zone: z, ValidFrom: day}
		if p.Check() != nil {
			r.Skip()
		}
		got, err := calendar.Sessions(p, calendar.Exceptions{}, day, day)
		if err != nil {
			r.Fatal(err)
		}
		last := day
		if until <= from {
			last = day.AddDays(1)
		}
		start, end := wall(day, from, z), wall(last, until, z)
		if !end.After(start) {
			if len(got) != 0 {
				r.Fatalf("a session of no length has slots: %+v", got)
			}
			return
		}
		if len(got) != 1 || !got[0].Start.Equal(start) || !got[0].End.Equal(end) {
			r.Fatalf("got %+v, the wall says %s to %s", got, start, end)
		}
		if why := fits(got[0], minutes); why != "" {
			r.Fatal(why)
		}
	})
}

func TestOneDayCutInTwoOnTheWallIsCutInTwoInTruth(t *testing.T) {
	t.Parallel()
	all := zones(t)
	rapid.Check(t, func(r *rapid.T) {
		z := rapid.SampledFrom(all).Draw(r, "zone")
		at := changes(z)
		if len(at) == 0 {
			r.Skip()
		}
		day := calendar.DateOf(rapid.SampledFrom(at).Draw(r, "change"), z)
		cuts := []calendar.Clock{0, calendar.Clock(rapid.IntRange(0, 1440).Draw(r, "cut")), calendar.Midnight}
		if next := calendar.At(day.AddDays(1), 0, z); !calendar.At(day, calendar.Midnight, z).Equal(next) {
			r.Fatalf("24:00 is not 00:00 of the next day: %s", next)
		}
		for i := 1; i < len(cuts); i++ {
			if calendar.At(day, cuts[i], z).Before(calendar.At(day, cuts[i-1], z)) {
				r.Fatalf("%s comes before %s", cuts[i], cuts[i-1])
			}
		}
	})
}
