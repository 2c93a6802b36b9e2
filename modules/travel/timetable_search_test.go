package travel

import (
	"context"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
)

func TestStopsAreFoundByTheirNamesInEveryLanguageAndWithTypingMistakes(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	for typed, want := range map[string]string{
		"Northwick Central": "Northwick Central", "northwick": "Northwick Central", "centr": "Northwick Central", "Northwik Centrl": "Northwick Central",
		"nortwhick central": "Northwick Central", "НОРТВИК-центральный": "Northwick Central", "Нортвик Централный": "Northwick Central", "诺斯威克中心站": "Northwick Central",
		"中心": "Northwick Central", "harbor": "Harbour", "ＨＡＲＢＯＵＲ": "Harbour", "гавань": "Harbour", "гаванъ": "Harbour", "港口": "Harbour", "Gull Iland": "Gull Island Pier",
		"остров чаек": "Gull Island Pier", "острова чаек": "Gull Island Pier", "海鸥岛": "Gull Island Pier", "海鸥岛码投": "Gull Island Pier", "Eastmere  Markt": "Eastmere Market", "calais-port": "Calais Port",
		"mill lane, ": "Mill Lane", "Station Road entrance": "", "stand A": "", "xyzzy": "", "%": "", "": "", "   ": "",
	} {
		got, err := h.Places(h.ctx, typed, 5)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		if len(got) > 0 {
			name = got[0].Name["en"]
		}
		if name != want {
			t.Errorf("%q finds %q, want %q", typed, name, want)
		}
	}
}

func TestNamesAreFoldedTheSameWayWhereverTheyComeFrom(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"Île-d’Aix": "ile d aix", "Ёлкино": "елкино", "ПЛАТФОРМА № 2": "платформа no 2", "Ｎｏｒｔｈ　１": "north 1", "São\tTomé": "sao tome", "海鸥岛（码头）": "海鸥岛 码头", "!?": ""} {
		if got := fold(in); got != want {
			t.Errorf("%q is folded to %q, want %q", in, got, want)
		}
	}
}

// trips are the trips of each journey, with the times people read.
func (j Journeys) trips() string {
	var all []string
	for _, x := range j.List {
		var legs []string
		for _, l := range x.Legs {
			legs = append(legs, l.Departure.Trip+" "+l.From.Departs.Format("15:04")+"-"+l.To.Arrives.Format("15:04"))
		}
		all = append(all, strings.Join(legs, " + "))
	}
	return strings.Join(all, ", ")
}

func TestJourneysAreFound(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	const wednesday, saturday = "2026-11-18", "2026-11-21"
	for name, c := range map[string]struct {
		q    JourneyQuery
		want string
	}{
		"both coaches of a workday":             {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: wednesday}, "x1-0700 07:00-08:20, x1-0930 09:30-10:50"},
		"one on Saturday":                       {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: saturday}, "x1-0930 09:30-10:50"},
		"after a time":                          {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: wednesday, After: "07:01"}, "x1-0930 09:30-10:50"},
		"at the very time":                      {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: wednesday, After: "09:30"}, "x1-0930 09:30-10:50"},
		"between stops on the way":              {JourneyQuery{From: "Oak Hill", To: "Mill Lane", Day: wednesday}, "x1-0700 07:20-07:35"},
		"never backwards":                       {JourneyQuery{From: "Mill Lane", To: "Oak Hill", Day: wednesday}, ""},
		"nobody gets on where nobody may":       {JourneyQuery{From: "Harbour", To: "Calais Port", Day: wednesday}, "n1 00:45-08:30"},
		"nobody gets off where nobody may":      {JourneyQuery{From: "Northwick Central", To: "Harbour", Day: wednesday, After: "23:00"}, ""},
		"the night's coach is on the next day":  {JourneyQuery{From: "Harbour", To: "Calais Port", Day: "2026-11-19", After: "00:45"}, "n1 00:45-08:30"},
		"and not on its day of service":         {JourneyQuery{From: "Harbour", To: "Calais Port", Day: wednesday, After: "00:46"}, ""},
		"with one change, as late as it can be": {JourneyQuery{From: "Northwick Central", To: "Gull Island Pier", Day: wednesday}, "s@09:40:00 09:40-09:52 + f1-out 11:00-12:10"},
		"in a wheelchair":                       {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: wednesday, Wheelchair: true}, "x1-0700 07:00-08:20, x1-0930 09:30-10:50"},
		"not where the stand says no":           {JourneyQuery{From: "Eastmere Market", To: "Northwick Central", Day: wednesday, Wheelchair: true}, ""},
		"where it does not ask":                 {JourneyQuery{From: "Eastmere Market", To: "Northwick Central", Day: wednesday}, "x1-back 17:00-18:15"},
		"not where the coach says no":           {JourneyQuery{From: "Harbour", To: "Calais Port", Day: wednesday, Wheelchair: true}, ""},
		"with a bicycle":                        {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: wednesday, Bicycle: true}, "x1-0700 07:00-08:20"},
		"not where nobody tells":                {JourneyQuery{From: "Northwick Central", To: "Harbour", Day: wednesday, Bicycle: true}, ""},
		"today, what has not left":              {JourneyQuery{From: "Northwick Central", To: "Eastmere Market"}, "x1-0700 07:00-08:20, x1-0930 09:30-10:50"},
		"yesterday, nothing":                    {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: "2026-11-15"}, ""},
		"too far ahead, nothing":                {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: "2027-02-14"}, ""},
		"the last day that is made":             {JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: "2027-02-13"}, "x1-0930 09:30-10:50"},
		"from nowhere":                          {JourneyQuery{From: "xyzzy", To: "Eastmere Market", Day: wednesday}, ""},
		"to itself":                             {JourneyQuery{From: "Harbour", To: "Harbour", Day: wednesday}, ""},
	} {
		if got := h.find(c.q).trips(); got != c.want {
			t.Errorf("%s: found %s, want %s", name, got, c.want)
		}
	}
	h.clock.Set(h.clock.Now().Add(time.Second))
	if got := h.find(JourneyQuery{From: "Northwick Central", To: "Eastmere Market"}).trips(); got != "x1-0930 09:30-10:50" {
		t.Errorf("a second after seven: %s", got)
	}
}

func TestAJourneyTellsWhatPeopleHaveToKnow(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	found := h.find(JourneyQuery{From: "Northwick Central", To: "Calais", Day: "2026-11-18"})
	if len(found.List) != 1 || found.Day != "2026-11-18" {
		t.Fatalf("found %+v", found)
	}
	l := found.List[0].Legs[0]
	if d := l.Departure; d.Operator != coaches || d.Date != "2026-11-18" || d.Route.Short != "N1" || d.Route.Means != "coach" || d.Route.Carrier != "Northwick Coaches" || d.Headsign["en"] != "Calais Port" || d.Zone != "Europe/London" || d.Wheelchair != 2 {
		t.Errorf("the departure is %+v", d)
	}
	if l.From.Seq != 0 || l.To.Seq != 2 || l.From.Platform != "B" || l.From.Name["zh"] != "诺斯威克中心站B站台" || l.From.FareZone != "town" || l.To.FareZone != "france" {
		t.Errorf("from %+v to %+v", l.From, l.To)
	}
	// The times are those of the clocks at the stops.
	if l.To.Zone != "Europe/Paris" || l.From.Departs.Format(time.RFC3339) != "2026-11-18T23:15:00Z" || l.To.Arrives.Format(time.RFC3339) != "2026-11-19T08:30:00+01:00" {
		t.Errorf("from %s to %s", l.From.Departs, l.To.Arrives)
	}
	whole := h.read(l.Departure.ID)
	if len(whole.Calls) != 3 || whole.Calls[2].Arrives != l.To.Arrives || whole.Calls[1].DropOff || !whole.Calls[1].Pickup || whole.Trip != "n1" {
		t.Errorf("the departure with its calls is %+v", whole)
	}
	about := h.find(JourneyQuery{From: "Northwick Central", To: "Harbour", Day: "2026-11-18", After: "09:20"}).List[0]
	if about.Legs[0].Departure.Headway != 1200 {
		t.Errorf("a vehicle comes every %d seconds", about.Legs[0].Departure.Headway)
	}
}

func TestAChangeTakesFiveMinutesAtLeast(t *testing.T) {
	t.Parallel()
	for leaves, want := range map[string]string{
		"09:57:00": "s@09:40:00 09:40-09:52 + f1-out 09:57-12:10",
		"09:56:59": "s@09:20:00 09:20-09:32 + f1-out 09:56-12:10",
		"13:52:00": "s@09:40:00 09:40-09:52 + f1-out 13:52-14:10",
		"13:52:01": "",
	} {
		h := newTimetableHouse(t)
		comes := map[bool]string{true: "14:10:00", false: "12:10:00"}[leaves > "13"]
		feed := reworded(t, goodFeed(t), "stop_times.txt", "f1-out,11:00:00,11:00:00", "f1-out,"+leaves+","+leaves)
		h.bring(coaches, reworded(t, feed, "stop_times.txt", "f1-out,12:10:00,12:10:00", "f1-out,"+comes+","+comes))
		if got := h.find(JourneyQuery{From: "Northwick Central", To: "Gull Island Pier", Day: "2026-11-18"}).trips(); got != want {
			t.Errorf("the boat leaves at %s: %s, want %s", leaves, got, want)
		}
	}
}

func TestASearchIsPagedAndRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	q := JourneyQuery{From: "Northwick Central", To: "Harbour", Day: "2026-11-18", Limit: 4}
	var pages []string
	for {
		found := h.find(q)
		pages = append(pages, found.trips())
		if q.Cursor = found.Next; q.Cursor == "" {
			break
		}
	}
	if len(pages) != 3 || !strings.HasPrefix(pages[1], "s@08:00:00") || pages[2] != "s@09:40:00 09:40-09:52" {
		t.Errorf("the pages are %q", pages)
	}
	for name, q := range map[string]JourneyQuery{
		"a day that is none":    {From: "Harbour", To: "Mill Lane", Day: "2026-02-30"},
		"a time that is none":   {From: "Harbour", To: "Mill Lane", After: "9 o'clock"},
		"a cursor that is none": {From: "Northwick Central", To: "Harbour", Day: "2026-11-18", Cursor: "!"},
		"a cursor of others":    {From: "Northwick Central", To: "Harbour", Day: "2026-11-18", Cursor: "e30x"},
	} {
		if _, err := h.Search(h.ctx, q); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	stop := h.find(JourneyQuery{From: "Harbour", To: "Calais Port", Day: "2026-11-18"})
	byID := JourneyQuery{From: string(stop.From[0].ID), To: string(stop.To[0].ID), Day: "2026-11-18"}
	if got := h.find(byID).trips(); got != "n1 00:45-08:30" {
		t.Errorf("by ids: %s", got)
	}
	byID.From = kernel.NewID()
	if got := h.find(byID); len(got.From)+len(got.List) > 0 {
		t.Errorf("by an id that is not there: %+v", got)
	}
}

func TestWhatIsCalledOffIsFoundNoMore(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	q := JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: "2026-11-18"}
	if got := h.find(q).trips(); got != "x1-0700 07:00-08:20, x1-0930 09:30-10:50" {
		t.Fatal(got)
	}
	h.tx(func(tx *pg.Tx) error { return callOff(h.ctx, tx, h.departure(coaches, "x1-0700", "2026-11-18")) })
	if got := h.find(q).trips(); got != "x1-0930 09:30-10:50" {
		t.Errorf("found %s", got)
	}
	q.Day = "2026-11-19"
	if got := h.find(q).trips(); got != "x1-0700 07:00-08:20, x1-0930 09:30-10:50" {
		t.Errorf("the day after: %s", got)
	}
}

// A process keeps what it knows of a timetable; another one may have replaced it meanwhile.
func TestWhatIsKnownOfATimetableIsNeverOld(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	h.bring(coaches, goodFeed(t))
	q := JourneyQuery{From: "Northwick Central", To: "Eastmere Market", Day: "2026-11-21"}
	h.find(q)
	other := &Timetable{DB: h.DB, Directory: h.Directory, Clock: h.clock}
	later := reworded(t, goodFeed(t), "stop_times.txt", "x1-0930,10:50:00,10:50:00", "x1-0930,10:55:00,10:55:00")
	if _, err := other.Import(context.Background(), h.tenant, coaches, later); err != nil {
		t.Fatal(err)
	}
	if got := h.find(q).trips(); got != "x1-0930 09:30-10:55" {
		t.Errorf("found %s", got)
	}
	for range mostIndexes + 3 { // more than are kept
		h.indexes.entry(indexKey{kerneltest.Eastmere, FeedID(kernel.NewID())})
	}
	if len(h.indexes.known) != mostIndexes || len(h.indexes.recent) != mostIndexes {
		t.Errorf("%d timetables are kept", len(h.indexes.known))
	}
	if got := h.find(q).trips(); got != "x1-0930 09:30-10:55" {
		t.Errorf("read again: %s", got)
	}
}

func TestATimetableOfExceptionsAloneIsSearched(t *testing.T) {
	t.Parallel()
	h := newTimetableHouse(t)
	var files []lines.File
	for _, f := range reworded(t, goodFeed(t), "trips.txt", ",daily,", ",regatta,") {
		if f.Name != "calendar.txt" {
			files = append(files, f)
		}
	}
	files = reworded(t, files, "trips.txt", ",workdays,", ",regatta,")
	files = reworded(t, files, "calendar_dates.txt", "regatta,20270612,1", "regatta,20261120,1")
	h.bring(coaches, files)
	if got := h.find(JourneyQuery{From: "Harbour", To: "Gull Island Pier", Day: "2026-11-20"}).trips(); got != "f1-regatta 08:00-09:10, f1-out 11:00-12:10" {
		t.Errorf("found %s", got)
	}
}

// onlyRoutes is the good feed with the trips of some of its routes.
func onlyRoutes(t *testing.T, keep string) (out []lines.File) {
	t.Helper()
	for _, f := range goodFeed(t) {
		if f.Name == "trips.txt" || f.Name == "stop_times.txt" || f.Name == "frequencies.txt" {
			all := strings.SplitAfter(string(f.Data), "\n")
			kept := all[:1]
			for _, line := range all[1:] {
				route := strings.ToUpper(strings.SplitN(line, ",", 2)[0])
				if n := strings.IndexByte(route, '-'); n > 0 && f.Name != "trips.txt" {
					route = route[:n]
				}
				if strings.Contains(keep, route) == (line != "") {
					kept = append(kept, line)
				}
			}
			f.Data = []byte(strings.Join(kept, ""))
		}
		out = append(out, f)
	}
	return out
}

func TestOneChangesFromACarrierToAnotherWhereTheirStopsAreOnePlace(t *testing.T) {
	t.Parallel()
	const coach = "s@09:40:00 09:40-09:52 + f1-out 11:00-12:10"
	for name, c := range map[string]struct{ stop, want string }{
		"the same square":                  {"Harbour,51.4900,-0.0500", coach},
		"the other side of the square":     {"Harbour,51.4915,-0.0490", coach},
		"the other side of the town":       {"Harbour,51.5000,-0.0500", ""},
		"another name for the same square": {"Ferry Terminal,51.4900,-0.0500", ""},
	} {
		h := newTimetableHouse(t)
		h.bring(coaches, onlyRoutes(t, "X1 N1 S"))
		boats := reworded(t, onlyRoutes(t, "F1"), "translations.txt", ",harbour,", ",oak,") // the boats tell it in English only
		h.bring(ferries, reworded(t, boats, "stops.txt", "Harbour,51.4900,-0.0500", c.stop))
		found := h.find(JourneyQuery{From: "Northwick Central", To: "Gull Island Pier", Day: "2026-11-18"})
		if got := found.trips(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
			continue
		}
		if c.want == "" {
			continue
		}
		if legs := found.List[0].Legs; legs[0].Departure.Operator != coaches || legs[1].Departure.Operator != ferries {
			t.Errorf("%s: the legs are %+v", name, legs)
		}
		// Who chooses the coaches' stop means the place, and the boat leaves from there.
		harbour := found.List[0].Legs[0].To.Station
		if got := h.find(JourneyQuery{From: string(harbour), To: "Gull Island Pier", Day: "2026-11-18"}); got.trips() != "f1-out 11:00-12:10" || len(got.From) != 2 || got.From[0].ID != harbour {
			t.Errorf("%s: from the coaches' stop %s", name, got.trips())
		}
	}
}
