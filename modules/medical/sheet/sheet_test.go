package sheet_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"townhall/modules/kernel/lines"
	"townhall/modules/medical/calendar"
	"townhall/modules/medical/sheet"
)

var known = sheet.Known{Services: []string{"doctor-appointment", "vaccination"}, Places: []string{"old-place"}, Practitioners: []string{"old-doctor"}, VisitTypes: []string{"old-visit"}}

func good(t *testing.T) []lines.File {
	t.Helper()
	names, err := filepath.Glob("testdata/good/*.csv")
	if err != nil || len(names) != len(sheet.Tables()) {
		t.Fatal(names, err)
	}
	var out []lines.File
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, lines.File{Name: filepath.Base(n), Data: data})
	}
	return out
}

func TestTablesAreReadWhole(t *testing.T) {
	t.Parallel()
	b, problems := sheet.Read(good(t), known)
	if problems.Any() {
		t.Fatal(problems.String())
	}
	if len(b.Places) != 2 || len(b.Practitioners) != 2 || len(b.Resources) != 2 || len(b.VisitTypes) != 3 || len(b.Schedules) != 2 || len(b.Holidays) != 1 {
		t.Fatalf("%+v", b)
	}
	p := b.Places[0]
	if p.Name["ru"] != "Поликлиника «Гавань»" || p.Directions["en"] != "Entrance from the quay.\nThere is a lift." || p.Position[1] != -0.1401 || p.Street != "12 Quay Street, second floor" {
		t.Errorf("place %+v", p)
	}
	if got := b.Places[1].Name["en"]; got != `=HYPERLINK("https://x.example")` {
		t.Errorf("a cell that looks like a formula became %q", got)
	}
	if v := b.VisitTypes[1]; *v.MinAge != 18 || v.MaxAge != nil || !slices.Equal(v.Needs, []string{"ultrasound", "room"}) || v.CancelHours != 24 {
		t.Errorf("visit type %+v", v)
	}
	if s := b.Schedules[1]; s.Capacity != 12 || s.Practitioner != "" || s.Plan.From != 10*60 || s.Plan.ValidUntil != (calendar.Date{Year: 2026, Month: 12, Day: 19}) {
		t.Errorf("schedule %+v", s)
	}
}

func TestAByteOrderMarkAndOtherLineEndsMakeNoDifference(t *testing.T) {
	t.Parallel()
	want, _ := sheet.Read(good(t), known)
	files := good(t)
	for i := range files {
		files[i].Data = []byte("\ufeff" + strings.ReplaceAll(string(files[i].Data), "\n", "\r\n"))
	}
	slices.Reverse(files)
	got, problems := sheet.Read(files, known)
	if problems.Any() || !reflect.DeepEqual(got, want) {
		t.Errorf("%s%+v\nwant %+v", problems.String(), got, want)
	}
}

func TestEveryProblemIsToldWithFileLineAndColumnAndNothingIsTaken(t *testing.T) {
	t.Parallel()
	const places = "code,name,street,postal_code,locality,country,zone,latitude,longitude,opening\n"
	const plans = "place,practitioner,visit_types,rule,from,until,minutes,capacity,starts_on,ends_on\n"
	for _, c := range []struct{ name, text, want string }{
		{"places.csv", "", "places.csv: is empty\n"},
		{"rooms.csv", "a\n", "rooms.csv: is none of the tables that are read; its name says which it is, such as places.csv\n"},
		{"holidays.csv", "day;name\n", "holidays.csv:1: separates its cells by something else than a comma\n"},
		{"holidays.csv", "day,day,colour\n", "holidays.csv:1: colour: is no column of this table\nholidays.csv:1: day: stands twice in the header\nholidays.csv:1: name: is missing in the header\n"},
		{"holidays.csv", "day,name\n2026-12-25,Christmas\n25.12.2026,Christmas\n2026-12-26\n,x\n2026-12-25,Again\n2026-12-24,\n",
			"holidays.csv:3: day: is not a date, such as 2026-11-23\nholidays.csv:4: has another number of cells than the header\nholidays.csv:5: day: is empty\nholidays.csv:6: day: stands in an earlier row too\nholidays.csv:7: name: is empty\n"},
		{"holidays.csv", "day,name\n2026-12-25,a\"b\n2026-12-26,c\n", "holidays.csv:2: has a quotation mark where RFC 4180 allows none; what follows was not read\n"},
		{"holidays.csv", "day,name\n2026-12-25,\"two\nlines\"\n2026-12-26,\x00\n2026-12-27,\xff\n2026-12-28," + strings.Repeat("x", 201) + "\n",
			"holidays.csv:4: name: holds a character that cannot be shown\nholidays.csv:5: name: is not UTF-8\nholidays.csv:6: name: is too long\n"},
		{"places.csv", places + "Harbour,n,s,p,l,gb,Local,91,x,always\na,n,s,p,l,GB,Europe/Nowhere,1,,Mo-Fr 18:00-08:00\na,n,s,p,l,GB,UTC,,,Fr-Mo 08:00-09:00\n",
			"places.csv:2: code: may have small letters, digits, dots and hyphens only\nplaces.csv:2: country: must be two capital letters, such as GB\nplaces.csv:2: latitude: is out of range\nplaces.csv:2: longitude: must be a number\n" +
				"places.csv:2: opening: is not like “Mo-Fr 08:00-18:00; Sa 09:00-12:00”\nplaces.csv:2: zone: is not a time zone, such as Europe/London\n" +
				"places.csv:3: latitude: needs a longitude beside it, and the other way round\nplaces.csv:3: opening: is not like “Mo-Fr 08:00-18:00; Sa 09:00-12:00”\nplaces.csv:3: zone: is not a time zone, such as Europe/London\n" +
				"places.csv:4: code: stands in an earlier row too\nplaces.csv:4: opening: is not like “Mo-Fr 08:00-18:00; Sa 09:00-12:00”\n"},
		{"practitioners.csv", "code,name,languages\na,A,en ru\nb,B,klingonisch\n", "practitioners.csv:3: languages: is not a list of languages, such as “en ru zh”\n"},
		{"resources.csv", "place,kind,name\nold-place,room,1\nnowhere,room,1\nold-place,room,1\n", "resources.csv:3: place: names nothing that is there or in these files\nresources.csv:4: name: stands in an earlier row too\n"},
		{"visit-types.csv", "code,service,name,minutes,level,min_age,max_age\na,dentist,A,4,none,10,5\nb,vaccination,B,x,low,-1,\n",
			"visit-types.csv:2: level: must be low, substantial or high\nvisit-types.csv:2: max_age: is below min_age\nvisit-types.csv:2: minutes: is out of range\nvisit-types.csv:2: service: is no service of medical care this municipality offers\n" +
				"visit-types.csv:3: min_age: is out of range\nvisit-types.csv:3: minutes: must be a whole number\n"},
		{"Schedules.CSV", plans + "old-place,old-doctor,old-visit,FREQ=DAILY,09:00,12:00,20,,2026-11-02,\nnowhere,nobody,nothing,FREQ=DAILY,9,12:00,20,0,2026-11-02,\n" +
			"old-place,,old-visit,FREQ=HOURLY,12:00,09:00,20,1,2026-11-02,\nold-place,,old-visit,FREQ=HOURLY,09:00,09:10,20,1,2026-11-02,2026-11-01\nold-place,,old-visit,FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30,09:00,10:00,20,1,2026-11-02,\n",
			"Schedules.CSV:3: capacity: is out of range\nSchedules.CSV:3: from: is not a time of day, such as 09:00\nSchedules.CSV:3: place: names nothing that is there or in these files\n" +
				"Schedules.CSV:3: practitioner: names nothing that is there or in these files\nSchedules.CSV:3: visit_types: names nothing that is there or in these files\n" +
				"Schedules.CSV:4: until: is not after the beginning; a session ends on the day on which it begins\n" +
				"Schedules.CSV:5: ends_on: The last day is before the first.\nSchedules.CSV:5: minutes: A slot is longer than the whole session.\n" +
				"Schedules.CSV:5: rule: This is not a rule of days as RFC 5545 writes it, such as FREQ=WEEKLY;BYDAY=MO,TH.\n" +
				"Schedules.CSV:6: rule: By this rule there is never a session.\n"},
	} {
		got, problems := sheet.Read([]lines.File{{Name: c.name, Data: []byte(c.text)}}, known)
		if problems.String() != c.want {
			t.Errorf("%s %q: got\n%swant\n%s", c.name, c.text, problems.String(), c.want)
		}
		if !reflect.DeepEqual(got, sheet.Book{}) {
			t.Errorf("%s: something was taken", c.name)
		}
	}
}

func TestOneWrongRowOfManyTablesMeansNoneIsTaken(t *testing.T) {
	t.Parallel()
	files := append(good(t), lines.File{Name: "nested/holidays.csv", Data: []byte("day,name\nsome day,x\n")})
	got, problems := sheet.Read(files, known)
	if problems.Total != 1 || !reflect.DeepEqual(got, sheet.Book{}) {
		t.Errorf("%d problems, %+v", problems.Total, got)
	}
}

func TestOpeningHoursAreWrittenAsTheyAreRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		var want []sheet.Opening
		for range rapid.IntRange(1, 4).Draw(r, "spans") {
			days := rapid.SliceOfNDistinct(rapid.IntRange(1, 7), 1, 7, rapid.ID).Draw(r, "days")
			slices.Sort(days)
			from := rapid.IntRange(0, 1439).Draw(r, "from")
			want = append(want, sheet.Opening{Days: days, From: calendar.Clock(from), Until: calendar.Clock(rapid.IntRange(from+1, 1440).Draw(r, "until"))})
		}
		if got, err := sheet.ParseOpening(sheet.FormatOpening(want)); err != nil || !reflect.DeepEqual(got, want) {
			r.Fatalf("%s: %+v, want %+v (%v)", sheet.FormatOpening(want), got, want, err)
		}
	})
}

func TestNoTableBringsTheReaderDown(t *testing.T) {
	t.Parallel()
	files := good(t)
	rapid.Check(t, func(r *rapid.T) {
		f := files[rapid.IntRange(0, len(files)-1).Draw(r, "file")]
		data := slices.Clone(f.Data)
		for range rapid.IntRange(1, 5).Draw(r, "edits") {
			data[rapid.IntRange(0, len(data)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
		}
		if got, problems := sheet.Read([]lines.File{{Name: f.Name, Data: data}}, known); problems.Any() && !reflect.DeepEqual(got, sheet.Book{}) {
			r.Fatal("something was taken")
		}
	})
}
