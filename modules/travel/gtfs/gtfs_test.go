package gtfs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"townhall/modules/kernel/lines"
	"townhall/modules/travel/gtfs"
)

func good(t testing.TB) gtfs.Feed {
	t.Helper()
	f, problems := gtfs.Read(folder(t, "testdata/good"))
	if problems.Any() {
		t.Fatal(problems.String())
	}
	return f
}

func trip(t testing.TB, f gtfs.Feed, id string) gtfs.Trip {
	t.Helper()
	i := slices.IndexFunc(f.Trips, func(x gtfs.Trip) bool { return x.ID == id })
	if i < 0 {
		t.Fatalf("no trip %s", id)
	}
	return f.Trips[i]
}

func stop(t testing.TB, f gtfs.Feed, id string) gtfs.Stop {
	t.Helper()
	i := slices.IndexFunc(f.Stops, func(x gtfs.Stop) bool { return x.ID == id })
	if i < 0 {
		t.Fatalf("no stop %s", id)
	}
	return f.Stops[i]
}

func times(x gtfs.Trip) (out [][2]int) {
	for _, c := range x.Calls {
		out = append(out, [2]int{c.Arrives, c.Departs})
	}
	return out
}

const minute, hour = 60, 3600

func TestAGoodFeedIsReadWhole(t *testing.T) {
	t.Parallel()
	f := good(t)
	if len(f.Agencies) != 1 || len(f.Stops) != 10 || len(f.Routes) != 4 || len(f.Services) != 4 || len(f.Trips) != 16 || len(f.Fares) != 5 || f.Zone.String() != "Europe/London" {
		t.Fatalf("%d agencies, %d stops, %d routes, %d services, %d trips, %d fares in %s", len(f.Agencies), len(f.Stops), len(f.Routes), len(f.Services), len(f.Trips), len(f.Fares), f.Zone)
	}
	if a := stop(t, f, "central-a"); a.Name["ru"] != "Нортвик-Центральный, платформа A" || a.Name["zh"] != "诺斯威克中心站A站台" || a.Name["en"] != "Northwick Central, stand A" || a.Parent != "central" || a.PlatformCode != "A" {
		t.Errorf("stand A is %+v", a)
	}
	if f.Routes[0].Title()["en"] != "X1 Northwick – Eastmere" || f.Routes[0].Means != gtfs.Coach || f.Routes[2].Means != gtfs.Ferry || f.Routes[2].Title()["en"] != "Gull Island Ferry" {
		t.Errorf("routes are %+v", f.Routes)
	}
	if x := trip(t, f, "x1-0700"); x.Headsign["zh"] != "伊斯特米尔市场" || x.Wheelchair != gtfs.Yes || x.Name != "701" || x.Calls[0].DropOff != gtfs.NotAtAll || x.Calls[2].Pickup != gtfs.AskADriver {
		t.Errorf("the trip is %+v", x)
	}
	if f.Info.Version != "2026-11" || f.Info.Until != gtfs.DayOf(2029, 12, 31) {
		t.Errorf("the feed says %+v of itself", f.Info)
	}
}

func TestAStopHasWhatItsStationSays(t *testing.T) {
	t.Parallel()
	f := good(t)
	for id, want := range map[string]struct {
		access gtfs.Access
		zone   string
	}{"central-a": {gtfs.Yes, "Europe/London"}, "central-b": {gtfs.No, "Europe/London"}, "oak": {gtfs.NotTold, "Europe/London"}, "calais": {gtfs.Yes, "Europe/Paris"}} {
		if s := stop(t, f, id); s.Wheelchair != want.access || s.Zone != want.zone {
			t.Errorf("%s: access %d in %s, want %+v", id, s.Wheelchair, s.Zone, want)
		}
	}
}

func TestTimesThatAreLeftOutAreInterpolated(t *testing.T) {
	t.Parallel()
	const header = "trip_id,arrival_time,departure_time,stop_id,stop_sequence,shape_dist_traveled\n"
	for name, c := range map[string]struct {
		rows string
		want [][2]int
	}{
		"by the distance along the shape": {"t,08:00:00,08:10:00,x,1,2\nt,,,y,2,3\nt,,,x,3,5\nt,08:50:00,08:50:00,z,4,10\n",
			[][2]int{{8 * hour, 8*hour + 10*minute}, {8*hour + 15*minute, 8*hour + 15*minute}, {8*hour + 25*minute, 8*hour + 25*minute}, {8*hour + 50*minute, 8*hour + 50*minute}}},
		"by the way from stop to stop": {"t,08:00:00,08:00:00,x,1,\nt,,,y,2,\nt,08:40:00,08:40:00,z,3,\n",
			[][2]int{{8 * hour, 8 * hour}, {8*hour + 20*minute + 1, 8*hour + 20*minute + 1}, {8*hour + 40*minute, 8*hour + 40*minute}}},
		"evenly on the spot": {"t,08:00:00,08:00:00,x,1,\nt,,,x,2,\nt,,,x,3,\nt,08:30:00,08:30:00,x,4,\n",
			[][2]int{{8 * hour, 8 * hour}, {8*hour + 10*minute, 8*hour + 10*minute}, {8*hour + 20*minute, 8*hour + 20*minute}, {8*hour + 30*minute, 8*hour + 30*minute}}},
		"one time is both": {"t,,08:00:00,x,1,\nt,08:10:00,,y,2,\n", [][2]int{{8 * hour, 8 * hour}, {8*hour + 10*minute, 8*hour + 10*minute}}},
	} {
		files := slices.DeleteFunc(folder(t, "testdata/base"), func(f lines.File) bool { return f.Name == "stop_times.txt" })
		f, problems := gtfs.Read(append(files, lines.File{Name: "stop_times.txt", Data: []byte(header + c.rows)}))
		if problems.Any() {
			t.Fatalf("%s: %s", name, problems.String())
		}
		got := times(f.Trips[0])
		for i := range c.want {
			if d := got[i][0] - c.want[i][0]; len(got) != len(c.want) || d < -2 || d > 2 || got[i][1]-c.want[i][1] != d {
				t.Errorf("%s: %v, want %v", name, got, c.want)
				break
			}
		}
	}
	if x := trip(t, good(t), "x1-0700"); x.Calls[1].Arrives != 7*hour+20*minute || !x.Calls[1].Estimated || x.Calls[3].Estimated {
		t.Errorf("the calls are %+v", x.Calls)
	}
}

func TestHeadwaysAreWrittenOutAsTrips(t *testing.T) {
	t.Parallel()
	f := good(t)
	var ids []string
	for _, x := range f.Trips {
		if strings.HasPrefix(x.ID, "s@") {
			ids = append(ids, x.ID)
		}
	}
	// The end of a span is not in it, and the trip they are made of is not run itself.
	want := []string{"s@06:00:00", "s@06:30:00", "s@07:00:00", "s@07:30:00", "s@08:00:00", "s@08:30:00", "s@09:00:00", "s@09:20:00", "s@09:40:00"}
	if !slices.Equal(ids, want) {
		t.Fatalf("%v, want %v", ids, want)
	}
	exact, about := trip(t, f, "s@08:30:00"), trip(t, f, "s@09:20:00")
	if exact.Headway != 0 || about.Headway != 1200 || !reflect.DeepEqual(times(about), [][2]int{{9*hour + 20*minute, 9*hour + 20*minute}, {9*hour + 32*minute, 9*hour + 32*minute}}) {
		t.Errorf("%+v and %+v", exact, about)
	}
}

func TestServiceDaysFollowTheCalendarAndItsExceptions(t *testing.T) {
	t.Parallel()
	f := good(t)
	service := func(id string) gtfs.Service {
		return f.Services[slices.IndexFunc(f.Services, func(s gtfs.Service) bool { return s.ID == id })]
	}
	var got []string
	for _, d := range service("workdays").Days(gtfs.DayOf(2026, 12, 23), gtfs.DayOf(2026, 12, 29)) { // Wednesday to Tuesday; Friday is Christmas
		got = append(got, d.String())
	}
	if want := []string{"2026-12-23", "2026-12-24", "2026-12-28", "2026-12-29"}; !slices.Equal(got, want) {
		t.Errorf("workdays %v, want %v", got, want)
	}
	if !service("weekend").Runs(gtfs.DayOf(2026, 12, 25)) || service("weekend").Runs(gtfs.DayOf(2026, 12, 24)) || service("weekend").Runs(gtfs.DayOf(2025, 12, 27)) {
		t.Error("the weekend's days are wrong")
	}
	if days := service("regatta").Days(gtfs.DayOf(2020, 1, 1), gtfs.DayOf(2040, 1, 1)); len(days) != 2 || days[0] != gtfs.DayOf(2027, 6, 12) {
		t.Errorf("the regatta is on %v", days)
	}
	if first, last := f.Span(); first != gtfs.DayOf(2026, 1, 1) || last != gtfs.DayOf(2029, 12, 31) {
		t.Errorf("the feed spans %s to %s", first, last)
	}
}

func TestTheCheapestFareOfTheZonesIsPaid(t *testing.T) {
	t.Parallel()
	f := good(t)
	for _, c := range []struct {
		route string
		zones []string
		want  string
		minor int64
	}{
		{"X1", []string{"town", "town"}, "town", 250},
		{"X1", []string{"town", "hills", "hills"}, "hills", 600},
		{"X1", []string{"eastmere", "hills", "town"}, "far", 1240},
		{"F1", []string{"town", "island"}, "ferry", 950},
		{"N1", []string{"town", "town", "france"}, "paris", 3900},
		{"S", []string{"island", "town"}, "", 0},
	} {
		x, ok := f.Pay("northwick-coaches", c.route, c.zones)
		if ok != (c.want != "") || x.ID != c.want || x.Amount != c.minor || ok && x.Currency != "GBP" {
			t.Errorf("%s through %v: %+v, want %s", c.route, c.zones, x, c.want)
		}
	}
	through := gtfs.Feed{Fares: []gtfs.Fare{{ID: "two", Amount: 1, Rules: []gtfs.FareRule{{Contain: "a"}, {Contain: "b"}}}}}
	for zones, want := range map[string]bool{"a b": true, "a b a": true, "a": false, "a b c": false} {
		if _, ok := through.Pay("", "", strings.Fields(zones)); ok != want {
			t.Errorf("zones %s: %v", zones, ok)
		}
	}
}

func TestMoneyIsReadExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1.25,USD": 125, "0.29,EUR": 29, "0,EUR": 0, "7,JPY": 7, "7.0,JPY": 7, "1.005,KWD": 1005, ".5,EUR": 50, "3.,EUR": 300, "999999999.99,EUR": 99999999999} {
		files := append(folder(t, "testdata/base"), lines.File{Name: "fare_attributes.txt", Data: []byte("fare_id,price,currency_type,payment_method,transfers\np," + text + ",0,\n")})
		f, problems := gtfs.Read(files)
		if problems.Any() {
			t.Errorf("%s: %s", text, problems.String())
		} else if f.Fares[0].Amount != want || f.Fares[0].Transfers != gtfs.Unlimited {
			t.Errorf("%s is %+v, want %d", text, f.Fares[0], want)
		}
	}
}

// The sample is the one published with the reference; it lies in shared/data beside the checkout, or nowhere.
func TestThePublishedSampleIsRead(t *testing.T) {
	t.Parallel()
	const dir = "../../../../shared/data/gtfs-sample-feed-1"
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		if f := good(t); len(f.Trips) != 16 {
			t.Error("our own feed is not read")
		}
		return
	}
	f, problems := gtfs.Read(folder(t, dir))
	if problems.Any() {
		t.Fatal(problems.String())
	}
	// 8 trips with times of their own, and those of frequencies.txt: 32 of the shuttle, twice 52 round the city.
	if len(f.Stops) != 9 || len(f.Routes) != 5 || len(f.Trips) != 8+32+2*52 {
		t.Errorf("%d stops, %d routes, %d trips", len(f.Stops), len(f.Routes), len(f.Trips))
	}
	if x, ok := f.Pay("DTA", "AAMV", []string{"", ""}); !ok || x.Amount != 525 || x.Currency != "USD" {
		t.Errorf("the fare is %+v", x)
	}
	shuttle := trip(t, f, "STBA@21:30:00")
	if at := gtfs.At(gtfs.DayOf(2007, 6, 5), shuttle.Calls[1].Arrives, f.Zone); at.Format(time.RFC3339) != "2007-06-05T21:50:00-07:00" {
		t.Errorf("the last shuttle arrives at %s", at)
	}
	if f.Services[0].Runs(gtfs.DayOf(2007, 6, 4)) || !f.Services[0].Runs(gtfs.DayOf(2007, 6, 5)) {
		t.Error("the exception of 4 June 2007 does not count")
	}
}

// The feed of npm's sample-gtfs-feed has agencies in two zones and trips that call at stations, which the reference
// does not allow; mended, it is read.
func TestAFeedByOtherHandsIsReadOnceItIsByTheReference(t *testing.T) {
	t.Parallel()
	files := folder(t, filepath.Join(cache(t, "npm/checks/node_modules/sample-gtfs-feed"), "gtfs"))
	_, problems := gtfs.Read(files)
	if problems.Total != 14 || problems.List[0].String() != "agency.txt:3: agency_timezone: differs from the time zone of the first agency" {
		t.Fatal(problems.String())
	}
	for i, f := range files {
		for _, change := range [][3]string{{"agency.txt", "Europe/Warsaw", "Europe/Berlin"}, {"stop_times.txt", ",airport,", ",airport-1,"}, {"stops.txt", "museum.html,1,", "museum.html,0,"}} {
			if f.Name == change[0] {
				files[i].Data = bytes.ReplaceAll(files[i].Data, []byte(change[1]), []byte(change[2]))
			}
		}
	}
	f, problems := gtfs.Read(files)
	if problems.Any() {
		t.Fatal(problems.String())
	}
	if len(f.Stops) != 10 || len(f.Routes) != 4 || len(f.Trips) != 8+12+6 {
		t.Errorf("%d stops, %d routes, %d trips", len(f.Stops), len(f.Routes), len(f.Trips))
	}
	// The clocks go forward at two o'clock while this one is under way: eight minutes of driving end behind three.
	night := trip(t, f, "during-dst-1")
	leaves, comes := gtfs.At(gtfs.DayOf(2019, 3, 30), night.Calls[0].Departs, f.Zone), gtfs.At(gtfs.DayOf(2019, 3, 30), night.Calls[1].Arrives, f.Zone)
	if leaves.Format("15:04") != "01:58" || comes.Format("15:04") != "03:03" || comes.Sub(leaves) != 5*time.Minute {
		t.Errorf("from %s to %s", leaves, comes)
	}
}

func TestByteOrderMarksAndBothLineEndingsAreRead(t *testing.T) {
	t.Parallel()
	var files []lines.File
	for _, f := range folder(t, "testdata/good") {
		files = append(files, lines.File{Name: f.Name, Data: append([]byte("\xef\xbb\xbf"), bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))...)})
	}
	f, problems := gtfs.Read(files)
	if problems.Any() || !reflect.DeepEqual(f.Trips, good(t).Trips) {
		t.Fatal(len(f.Trips), problems.String())
	}
}

func TestWhatATextFileCannotHoldIsRefusedToo(t *testing.T) {
	t.Parallel()
	base := folder(t, "testdata/base")
	for _, c := range []struct{ stops, want string }{
		{"stop_id,stop_name,stop_lat,stop_lon\nx,Qu\xffay,51.5,-0.1\ny,Mill,51.6,-0.2\nz,Oak,51.7,-0.3\n", "stops.txt:2: stop_name: is not UTF-8\n"},
		{"stop_id,stop_name,stop_lat,stop_lon\nx,Quay,51.5,-0.1\ny,Mi\x00ll,51.6,-0.2\nz,Oak,51.7,-0.3\n", "stops.txt:3: stop_name: holds a character that cannot be shown\n"},
		{"stop_id,stop_name,stop_lat,stop_lon\rx,Quay,51.5,-0.1\ry,Mill,51.6,-0.2\r", "stops.txt: ends its lines by a carriage return alone\n"},
		{"stop_id,stop_name,stop_lat,stop_lon\nx," + strings.Repeat("a", 201) + ",51.5,-0.1\ny,Mill,51.6,-0.2\nz,Oak,51.7,-0.3\n", "stops.txt:2: stop_name: is too long\n"},
	} {
		files := append(slices.DeleteFunc(slices.Clone(base), func(f lines.File) bool { return f.Name == "stops.txt" }), lines.File{Name: "stops.txt", Data: []byte(c.stops)})
		if _, problems := gtfs.Read(files); problems.String() != c.want {
			t.Errorf("got %swant %s", problems.String(), c.want)
		}
	}
	if _, problems := gtfs.Read(append(base, base[0])); problems.String() != "agency.txt: was handed in twice\n" {
		t.Error(problems.String())
	}
	large := append(slices.Clone(base), lines.File{Name: "shapes.txt", Data: make([]byte, gtfs.MaxBytes+1)})
	if _, problems := gtfs.Read(large); problems.String() != "shapes.txt: is larger than is read\n" {
		t.Error(problems.String())
	}
}

func TestWhatWouldMakeTooMuchOfItIsRefused(t *testing.T) {
	t.Parallel()
	base := folder(t, "testdata/base")
	var services, trips strings.Builder
	services.WriteString("service_id,date,exception_type\n")
	for i := range gtfs.MaxServices { // one is in calendar.txt
		fmt.Fprintf(&services, "s%d,20260501,1\n", i)
	}
	trips.WriteString("route_id,service_id,trip_id\nr,d,t\n")
	for i := range gtfs.MaxTrips {
		fmt.Fprintf(&trips, "r,d,t%d\n", i)
	}
	for _, c := range []struct{ file, data, want string }{
		{"calendar_dates.txt", services.String(), fmt.Sprintf("calendar_dates.txt:%d: service_id: makes more services than are read\n", gtfs.MaxServices+1)},
		{"trips.txt", trips.String(), fmt.Sprintf("trips.txt:%d: makes more trips than are read\n", gtfs.MaxTrips+2)},
	} {
		files := slices.DeleteFunc(slices.Clone(base), func(f lines.File) bool { return f.Name == c.file })
		if _, problems := gtfs.Read(append(files, lines.File{Name: c.file, Data: []byte(c.data)})); !strings.Contains(problems.String(), c.want) {
			t.Errorf("got %.200s\nwant %s", problems.String(), c.want)
		}
	}
}

func TestEveryProblemHasAText(t *testing.T) {
	t.Parallel()
	for _, slug := range gtfs.Slugs() {
		if gtfs.Message(slug) == "" {
			t.Errorf("%s has no text", slug)
		}
	}
}

func TestNoFileBringsTheReaderDown(t *testing.T) {
	t.Parallel()
	whole := folder(t, "testdata/good")
	rapid.Check(t, func(r *rapid.T) {
		i := rapid.IntRange(0, len(whole)-1).Draw(r, "file")
		data := slices.Clone(whole[i].Data)
		for range rapid.IntRange(1, 5).Draw(r, "edits") {
			data[rapid.IntRange(0, len(data)-1).Draw(r, "at")] = rapid.OneOf(rapid.SampledFrom([]byte("0123456789,\"\n:-")), rapid.Byte()).Draw(r, "byte")
		}
		files := slices.Clone(whole)
		files[i].Data = data
		got, problems := gtfs.Read(files)
		if problems.Any() && !reflect.DeepEqual(got, gtfs.Feed{}) {
			r.Fatal("something was taken")
		}
		for _, x := range got.Trips {
			last := 0
			for _, c := range x.Calls {
				if c.Arrives < last || c.Departs < c.Arrives {
					r.Fatalf("%s goes back in time: %v", x.ID, times(x))
				}
				last = c.Departs
			}
		}
	})
}

// cache is a folder of the checkout's .cache, wherever in the tree the test runs.
func cache(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if found := filepath.Join(dir, ".cache", name); exists(found) {
			return found
		}
	}
	t.Fatalf("%s is not installed: run `make need-test`", name)
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
