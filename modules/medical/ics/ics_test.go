package ics_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/medical/ics"
	"townhall/modules/medical/ics/judge"
)

func event() ics.Event {
	start := time.Date(2026, 12, 3, 9, 20, 0, 0, time.UTC)
	return ics.Event{
		Product: "-//Townhall//Appointments//EN", UID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22@northwick.localhost", Stamp: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC),
		Created: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC),
		Start:   start, End: start.Add(20 * time.Minute), Zone: "Europe/London", Locale: "en", Summary: "Doctor's appointment",
		Location: "Riverside Clinic, 4 Quay Street, Northwick NW1 4QQ", Geo: &ics.Geo{Lat: 51.507351, Lon: -0.127758},
		URL: "http://northwick.localhost:8080/apps/doctor-appointment/appointments/0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c22", Alarm: 24 * time.Hour,
	}
}

func written(t *testing.T, e ics.Event) []byte {
	t.Helper()
	b, err := e.Write()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestACalendarProgramReadsWhatWasWritten(t *testing.T) {
	t.Parallel()
	plain := event()
	moved := event()
	moved.Sequence, moved.Feed, moved.Name, moved.Refresh, moved.Source = 3, true, "Northwick: appointments", time.Hour, "https://northwick.example/calendar/x.ics"
	cancelled := event()
	cancelled.Sequence, cancelled.Cancelled = 4, true
	cancelledFeed := cancelled
	cancelledFeed.Feed = true
	v := judge.Files(t, written(t, plain), written(t, moved), written(t, cancelled), written(t, cancelledFeed))
	for i, want := range []struct{ method, status string }{{"PUBLISH", "CONFIRMED"}, {"PUBLISH", "CONFIRMED"}, {"CANCEL", "CANCELLED"}, {"PUBLISH", "CANCELLED"}} {
		if len(v[i].Problems) > 0 || v[i].Method != want.method || v[i].Status != want.status {
			t.Errorf("file %d: %+v", i, v[i])
		}
		if !v[i].Start.Equal(plain.Start) || !v[i].End.Equal(plain.End) || v[i].TZID != "Europe/London" {
			t.Errorf("file %d: %v to %v in %s", i, v[i].Start, v[i].End, v[i].TZID)
		}
	}
	if got := v[0]; got.UID != plain.UID || got.Summary != plain.Summary || got.Location != plain.Location || got.URL != plain.URL ||
		math.Abs(got.Geo[0]-plain.Geo.Lat) > 1e-6 || math.Abs(got.Geo[1]-plain.Geo.Lon) > 1e-6 || !slices.Equal(got.Alarms, []string{"-P1D"}) {
		t.Errorf("%+v", got)
	}
	if v[1].Sequence != 3 || v[1].Refresh != "PT1H" || v[1].Name != moved.Name {
		t.Errorf("%+v", v[1])
	}
	if v[2].Sequence != 4 || len(v[2].Alarms) != 0 {
		t.Errorf("%+v", v[2])
	}
}

// Texts that are hard to fold and to escape come back as they were.
func TestEveryTextComesBackAsItWas(t *testing.T) {
	t.Parallel()
	family := "👩‍👩‍👧‍👦"
	texts := []string{
		"Комнаты 4, 5; вход \\ со двора",
		"北区河滨诊所，" + strings.Repeat("请携带医保卡、身份证以及既往病历；", 30),
		strings.Repeat(family, 40),
		"One line\nanother; a third, with a back\\slash and \\n that is no line end",
		strings.Repeat("x", 500), strings.Repeat("é", 60), "BEGIN:VEVENT\nEND:VCALENDAR", "\"quoted\": a:b;c=d", "مرحبا بالعالم",
	}
	for n := range 12 { // every way a four octet character can meet the edge
		texts = append(texts, strings.Repeat("x", 50+n)+"🩺🩺🩺🩺🩺🩺🩺🩺")
	}
	var files [][]byte
	for _, s := range texts {
		e := event()
		e.Summary, e.Description, e.Location, e.Locale = s, s+"\n\n"+s, s, "zh-Hans"
		files = append(files, written(t, e))
	}
	for i, v := range judge.Files(t, files...) {
		if len(v.Problems) > 0 || v.Summary != texts[i] || v.Location != texts[i] || v.Description != texts[i]+"\n\n"+texts[i] {
			t.Errorf("%q came back as %q %q: %v", texts[i], v.Summary, v.Location, v.Problems)
		}
	}
}

func TestControlCharactersAndTornBytesEndNoLine(t *testing.T) {
	t.Parallel()
	e := event()
	e.Summary = "a\x00b\x1bc\x7f\td\r\ne\rf\xff"
	e.URL = "https://example.org/\r\nATTENDEE:mailto:x@example.org"
	v := judge.Files(t, written(t, e))[0]
	if v.Summary != "abc d\ne\nf\uFFFD" || v.URL != "https://example.org/ATTENDEE:mailto:x@example.org" {
		t.Errorf("%q %q", v.Summary, v.URL)
	}
}

// Around both nights the clocks change, in zones that differ in everything, each quarter of an hour is the instant it was.
func TestAnInstantSurvivesBothNightsTheClocksChange(t *testing.T) {
	t.Parallel()
	changes := map[string][]time.Time{
		"Europe/London":       {time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)},
		"America/New_York":    {time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)},
		"Australia/Lord_Howe": {time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 15, 30, 0, 0, time.UTC)}, // half an hour
		"America/St_Johns":    {time.Date(2026, 3, 8, 5, 30, 0, 0, time.UTC), time.Date(2026, 11, 1, 4, 30, 0, 0, time.UTC)},
		"Europe/Dublin":       {time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)}, // winter is the exception
		"Asia/Shanghai":       {time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		"Europe/Moscow":       {time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		"Asia/Kathmandu":      {time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
		"UTC":                 {time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
	}
	var files [][]byte
	var want []ics.Event
	for zone, nights := range changes {
		for _, night := range nights {
			for minutes := -180; minutes <= 180; minutes += 15 {
				e := event()
				e.Zone, e.Start = zone, night.Add(time.Duration(minutes)*time.Minute)
				e.End = e.Start.Add(20 * time.Minute)
				files, want = append(files, written(t, e)), append(want, e)
			}
		}
	}
	for i, v := range judge.Files(t, files...) {
		if len(v.Problems) > 0 || !v.Start.Equal(want[i].Start) || !v.End.Equal(want[i].End) {
			t.Errorf("%s %v: read as %v to %v, %v", want[i].Zone, want[i].Start, v.Start, v.End, v.Problems)
		}
	}
	t.Logf("%d instants", len(files))
}

func TestAnHourShownTwiceIsWrittenInUTC(t *testing.T) {
	t.Parallel()
	e := event()
	e.Start = time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 01:30 in summer, an hour before 01:30 in winter
	e.End = e.Start.Add(20 * time.Minute)
	if b := written(t, e); !bytes.Contains(b, []byte("\r\nDTSTART:20261025T003000Z\r\n")) || bytes.Contains(b, []byte("VTIMEZONE")) {
		t.Errorf("%s", b)
	}
	e.Start = e.Start.Add(90 * time.Minute)
	e.End = e.Start.Add(20 * time.Minute)
	if b := written(t, e); !bytes.Contains(b, []byte("\r\nDTSTART;TZID=Europe/London:20261025T020000\r\n")) {
		t.Errorf("%s", b)
	}
}

func TestAnAlarmSaysHowLongBefore(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{24 * time.Hour: "-P1D", 90 * time.Minute: "-PT1H30M", 2 * time.Hour: "-PT2H", 45 * time.Second: "-PT45S", 49*time.Hour + time.Second: "-PT49H1S"} {
		e := event()
		e.Alarm = d
		if b := written(t, e); !bytes.Contains(b, []byte("\r\nTRIGGER:"+want+"\r\n")) {
			t.Errorf("%v: %s", d, b)
		}
	}
}

func TestWhatIsNoAppointmentIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ics.Event){
		"no uid": func(e *ics.Event) { e.UID = "" }, "no stamp": func(e *ics.Event) { e.Stamp = time.Time{} }, "no product": func(e *ics.Event) { e.Product = "" },
		"ends first": func(e *ics.Event) { e.End = e.Start }, "no such zone": func(e *ics.Event) { e.Zone = "Mars/Olympus" }, "before the first": func(e *ics.Event) { e.Sequence = -1 },
	} {
		e := event()
		spoil(&e)
		if b, err := e.Write(); err == nil {
			t.Errorf("%s: written: %s", name, b)
		}
	}
}

// The judge is shown faults it must find: one that accepts everything would pass the tests above too.
func TestTheJudgeFindsEveryPlantedFault(t *testing.T) {
	t.Parallel()
	e := event()
	e.Description = strings.Repeat("Bring your card. ", 20) + "🩺"
	good := string(written(t, e))
	cut := func(from, to string) string {
		before, rest, _ := strings.Cut(good, from)
		_, after, _ := strings.Cut(rest, to)
		return before + after
	}
	stethoscope := strings.Index(good, "🩺")
	faults := map[string]string{
		"bare line feeds":    strings.ReplaceAll(good, "\r\n", "\n"),
		"unfolded":           strings.ReplaceAll(good, "\r\n ", ""),
		"no product":         cut("PRODID", "\r\n"),
		"no stamp":           cut("DTSTAMP", "\r\n"),
		"no zone":            cut("BEGIN:VTIMEZONE\r\n", "END:VTIMEZONE\r\n"),
		"floating":           strings.Replace(good, ";TZID=Europe/London", "", 1),
		"ends first":         strings.Replace(good, "DTEND;TZID=Europe/London:20261203T094000", "DTEND;TZID=Europe/London:20261203T090000", 1),
		"a torn character":   good[:stethoscope+2] + "\r\n " + good[stethoscope+2:],
		"a control":          strings.Replace(good, "Doctor", "Doc\x00tor", 1),
		"no end of the file": strings.TrimSuffix(good, "END:VCALENDAR\r\n"),
		"two events":         strings.Replace(good, "END:VCALENDAR", "BEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR", 1),
	}
	names := []string{}
	files := [][]byte{[]byte(good)}
	for name, file := range faults {
		if file == good {
			t.Fatalf("%s: nothing was planted", name)
		}
		names, files = append(names, name), append(files, []byte(file))
	}
	v := judge.Files(t, files...)
	if len(v[0].Problems) > 0 {
		t.Fatalf("the good file: %v", v[0].Problems)
	}
	for i, name := range names {
		if len(v[i+1].Problems) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	shifted := strings.Replace(good, "TZOFFSETTO:+0000", "TZOFFSETTO:+0200", 1)
	if got := judge.Files(t, []byte(shifted))[0]; got.Start.Equal(e.Start) {
		t.Error("an offset that is wrong is not noticed: ", fmt.Sprint(got.Start))
	}
}
