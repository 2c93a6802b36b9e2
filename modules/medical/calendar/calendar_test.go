package calendar_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/medical/calendar"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func date(t *testing.T, s string) calendar.Date {
	t.Helper()
	d, err := calendar.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func clock(t *testing.T, s string) calendar.Clock {
	t.Helper()
	c, err := calendar.ParseClock(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plan is a daily plan that begins two days before a date.
func plan(t *testing.T, z *time.Location, day, from, until string, minutes int) calendar.Plan {
	t.Helper()
	return calendar.Plan{Rule: "FREQ=DAILY", From: clock(t, from), Until: clock(t, until), Minutes: minutes, Zone: z, ValidFrom: date(t, day).AddDays(-2)}
}

func sessions(t *testing.T, p calendar.Plan, e calendar.Exceptions, from, until string) []calendar.Session {
	t.Helper()
	out, err := calendar.Sessions(p, e, date(t, from), date(t, until))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// starts are the slots' beginnings as the wall shows them, with the distance from UTC.
func starts(s []calendar.Session) []string {
	var out []string
	for _, x := range s {
		for _, y := range x.Slots {
			out = append(out, y.Start.Format("15:04Z07:00"))
		}
	}
	return out
}

func TestBothNightsOfTheClockChangeLoseAndDoubleNoSlot(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone, day, from, until string
		minutes                int
		want                   string
	}{
		{"Europe/London", "2026-03-29", "00:00", "03:00", 30, "00:00Z 00:30Z 02:00+01:00 02:30+01:00"},
		{"Europe/London", "2026-10-25", "00:00", "03:00", 30, "00:00+01:00 00:30+01:00 01:00+01:00 01:30+01:00 01:00Z 01:30Z 02:00Z 02:30Z"},
		{"America/New_York", "2026-03-08", "01:00", "04:00", 30, "01:00-05:00 01:30-05:00 03:00-04:00 03:30-04:00"},
		{"America/New_York", "2026-11-01", "00:30", "02:30", 30, "00:30-04:00 01:00-04:00 01:30-04:00 01:00-05:00 01:30-05:00 02:00-05:00"},
		{"Australia/Lord_Howe", "2026-10-04", "01:00", "04:00", 30, "01:00+10:30 01:30+10:30 02:30+11:00 03:00+11:00 03:30+11:00"},
		{"Australia/Lord_Howe", "2026-04-05", "01:00", "03:00", 30, "01:00+11:00 01:30+11:00 01:30+10:30 02:00+10:30 02:30+10:30"},
		{"Europe/Warsaw", "2026-03-29", "01:00", "05:00", 60, "01:00+01:00 03:00+02:00 04:00+02:00"},
		{"Europe/Warsaw", "2026-10-25", "01:00", "04:00", 60, "01:00+02:00 02:00+02:00 02:00+01:00 03:00+01:00"},
		// A slot that is under way when the clock jumps keeps its true length.
		{"Europe/London", "2026-03-29", "00:20", "03:00", 40, "00:20Z 02:00+01:00"},
		{"Europe/London", "2026-03-29", "00:30", "03:30", 45, "00:30Z 02:15+01:00"},
		// A beginning or an end inside the gap is the jump.
		{"Europe/London", "2026-03-29", "01:30", "03:00", 30, "02:00+01:00 02:30+01:00"},
		{"Europe/London", "2026-03-29", "00:00", "01:30", 30, "00:00Z 00:30Z"},
		{"Europe/London", "2026-03-29", "01:00", "02:00", 30, ""},
		{"Europe/London", "2026-03-29", "01:15", "01:45", 30, ""},
		// Of a time that comes twice the first counts, for a beginning and for an end.
		{"Europe/London", "2026-10-25", "01:30", "02:30", 30, "01:30+01:00 01:00Z 01:30Z 02:00Z"},
		{"Europe/London", "2026-10-25", "00:30", "01:30", 30, "00:30+01:00 01:00+01:00"},
		// Through the night from the day before.
		{"Europe/London", "2026-03-28", "23:00", "02:30", 30, "23:00Z 23:30Z 00:00Z 00:30Z 02:00+01:00"},
		// Midnight itself is jumped over, and comes twice.
		{"Asia/Beirut", "2026-03-29", "00:00", "02:00", 30, "01:00+03:00 01:30+03:00"},
		{"America/Havana", "2026-11-01", "00:00", "01:30", 30, "00:00-04:00 00:30-04:00 00:00-05:00 00:30-05:00 01:00-05:00"},
		// A day that never was.
		{"Pacific/Apia", "2011-12-30", "09:00", "12:00", 60, ""},
	} {
		got := starts(sessions(t, plan(t, zone(t, c.zone), c.day, c.from, c.until, c.minutes), calendar.Exceptions{}, c.day, c.day))
		if want := strings.Fields(c.want); !slices.Equal(got, want) {
			t.Errorf("%s on %s, %s–%s by %d: %v, want %v", c.zone, c.day, c.from, c.until, c.minutes, got, want)
		}
	}
}

func TestHolidaysBlocksAndExtraSessions(t *testing.T) {
	t.Parallel()
	z := zone(t, "Europe/Warsaw")
	p := plan(t, z, "2026-12-24", "09:00", "11:00", 30)
	day := func(s string) calendar.Date { return date(t, s) }
	e := calendar.Exceptions{
		Holidays: map[calendar.Date]bool{day("2026-12-25"): true},
		Blocks:   []calendar.Block{{calendar.At(day("2026-12-24"), 9*60+45, z), calendar.At(day("2026-12-24"), 10*60, z)}},
		Extras: []calendar.Extra{
			{Date: day("2026-12-25"), From: 12 * 60, Until: 13 * 60, Minutes: 20}, // on the holiday
			{Date: day("2026-12-24"), From: 10*60 + 30, Until: 12 * 60},           // begins before the plan's own ends
		},
	}
	got := sessions(t, p, e, "2026-12-24", "2026-12-25")
	want := "09:00+01:00 10:00+01:00 10:30+01:00 11:00+01:00 11:30+01:00 12:00+01:00 12:20+01:00 12:40+01:00"
	if s := starts(got); !slices.Equal(s, strings.Fields(want)) {
		t.Errorf("slots %v, want %s", s, want)
	}
	if len(got) != 4 || !got[1].Extra || !got[2].Holiday || len(got[2].Slots) != 0 || !got[3].Extra {
		t.Errorf("sessions %+v", got)
	}
}

func TestASessionLongerThanADayLeavesThePlaceToTheEarlierOne(t *testing.T) {
	t.Parallel()
	p := plan(t, zone(t, "Europe/London"), "2026-10-25", "08:00", "07:30", 60) // 24½ hours that night
	got := sessions(t, p, calendar.Exceptions{}, "2026-10-24", "2026-10-25")
	if len(got) != 2 || len(got[0].Slots) != 24 || got[1].Slots[0].Start.Before(got[0].Slots[23].End) {
		t.Errorf("sessions %+v", got)
	}
}

func TestRulesOfDays(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"FREQ=WEEKLY;BYDAY=MO,TH":                             "11-02 11-05 11-09 11-12 11-16 11-19 11-23 11-26 11-30",
		"freq=weekly;interval=2;byday=tu":                     "11-10 11-24", // the first week is that of 26 October
		"FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,MO":          "11-01 11-02 11-15 11-16 11-29 11-30",
		"FREQ=MONTHLY;BYDAY=-1FR":                             "11-27",
		"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1":        "11-02",
		"FREQ=DAILY;COUNT=3":                                  "11-01 11-02 11-03",
		"FREQ=WEEKLY;BYDAY=MO;UNTIL=20261109":                 "11-02 11-09",
		"FREQ=WEEKLY;BYDAY=MO;UNTIL=20261109T090000Z":         "11-02 11-09", // 09:00 in London is 09:00 UTC
		"FREQ=WEEKLY;BYDAY=MO;UNTIL=20261109T085959Z":         "11-02",
		"FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=-1":                "11-30",
		"FREQ=YEARLY;BYWEEKNO=46;BYDAY=WE":                    "11-11",
		"FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR":                 "11-13",
		"FREQ=YEARLY;INTERVAL=2;BYMONTH=11;BYMONTHDAY=1,5,10": "11-01 11-05 11-10",
	} {
		p := calendar.Plan{Rule: rule, From: 9 * 60, Until: 10 * 60, Minutes: 30, Zone: zone(t, "Europe/London"), ValidFrom: date(t, "2026-11-01")}
		var got []string
		for _, s := range sessions(t, p, calendar.Exceptions{}, "2026-10-20", "2026-11-30") {
			got = append(got, s.Date.String()[5:])
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", rule, s, want)
		}
	}
}

func TestTheFirstAndLastDayBelongToAPlan(t *testing.T) {
	t.Parallel()
	p := plan(t, time.UTC, "2026-11-05", "09:00", "10:00", 30)
	p.ValidUntil = date(t, "2026-11-06")
	got := sessions(t, p, calendar.Exceptions{}, "2026-10-01", "2026-12-01")
	if len(got) != 4 || got[0].Date != date(t, "2026-11-03") || got[3].Date != date(t, "2026-11-06") {
		t.Errorf("sessions %+v", got)
	}
}

func TestAPlanThatCannotBeMeantIsRefusedFieldByField(t *testing.T) {
	t.Parallel()
	good := plan(t, time.UTC, "2026-11-05", "09:00", "10:00", 30)
	for _, c := range []struct {
		name   string
		spoil  func(*calendar.Plan)
		fields string
	}{
		{"nothing", func(p *calendar.Plan) { *p = calendar.Plan{} }, "until minutes zone valid_from rule"},
		{"until", func(p *calendar.Plan) { p.Until = p.From }, "until"},
		{"from", func(p *calendar.Plan) { p.From = calendar.Midnight }, "from"},
		{"minutes", func(p *calendar.Plan) { p.Minutes = 4 }, "minutes"},
		{"slot longer than the session", func(p *calendar.Plan) { p.Minutes = 61 }, "minutes"},
		{"last before first", func(p *calendar.Plan) { p.ValidUntil = p.ValidFrom.AddDays(-1) }, "valid_until"},
		{"never", func(p *calendar.Plan) { p.Rule = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" }, "rule"},
		{"no Monday while it is valid", func(p *calendar.Plan) {
			p.Rule, p.ValidUntil = "FREQ=WEEKLY;BYDAY=MO", p.ValidFrom.AddDays(3)
		}, "rule"},
	} {
		p := good
		c.spoil(&p)
		var e *kernel.Error
		if err := p.Check(); !errors.As(err, &e) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var fields []string
		for _, f := range e.Fields {
			fields = append(fields, f.Path)
		}
		if got := strings.Join(fields, " "); got != c.fields {
			t.Errorf("%s: fields %s, want %s", c.name, got, c.fields)
		}
	}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
}

func TestRulesThatAreNotAboutDaysOrNotByTheStandardAreRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "MO,TU", "FREQ=HOURLY", "FREQ=SECONDLY", "FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;INTERVAL=0",
		"FREQ=DAILY;INTERVAL=1001", "FREQ=DAILY;COUNT=3;UNTIL=20261201", "FREQ=WEEKLY;BYDAY=2MO", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;BYMONTHDAY=3",
		"FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=YEARLY;BYMONTH=13", "FREQ=MONTHLY;BYYEARDAY=3", "FREQ=DAILY;BYSETPOS=2",
		"RRULE:FREQ=DAILY", "DTSTART=20260101;FREQ=DAILY", "FREQ=DAILY;", "FREQ=DAILY;UNTIL=2026-12-01", "FREQ=DAILY;UNTIL=20261201T100000",
		"FREQ=DAILY\nEXDATE:20261201", "FREQ=YEARLY;BYEASTER=1", "FREQ=MONTHLY;BYMONTHDAY=" + strings.Repeat("1,", 200) + "1",
	} {
		if _, problem := calendar.ParseRule(s); problem == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestDatesAndTimesOfDayAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "2026-2-1", "2026-02-30", "1969-12-31", "3000-01-01", "2026-11-01T00:00:00Z"} {
		if d, err := calendar.ParseDate(s); err == nil {
			t.Errorf("%q is the date %v", s, d)
		}
	}
	for _, s := range []string{"", "9:00", "24:01", "23:60", "09:00:00", "-1:00"} {
		if c, err := calendar.ParseClock(s); err == nil {
			t.Errorf("%q is the time %v", s, c)
		}
	}
	if c := clock(t, "24:00"); c != calendar.Midnight || c.String() != "24:00" {
		t.Errorf("24:00 is %v", c)
	}
}

func TestAPeriodHasABound(t *testing.T) {
	t.Parallel()
	p := plan(t, time.UTC, "2026-11-05", "09:00", "10:00", 30)
	for _, until := range []string{"2026-11-03", "2030-01-01"} {
		if _, err := calendar.Sessions(p, calendar.Exceptions{}, date(t, "2026-11-04"), date(t, until)); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("until %s: %v", until, err)
		}
	}
}
