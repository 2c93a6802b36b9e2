package traveltest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"townhall/modules/kernel/lines"
)

// Towns is a feed that is made up: lines of calls through a few hubs, run every so often in both directions.
type Towns struct {
	Stations, Hubs, Lines, Calls, Trips int // calls of a line; trips of a line and direction
	From                                time.Time
	Days                                int // from From on
}

var syllables = strings.Fields("nor wick har bour oak mill east mere gull crag fen dale stone brook ash ford lin ton wyn combe thorpe kirk ley holm bury stead marsh cliff")

// StationName is a name like no other's.
func StationName(n int) string {
	s := len(syllables)
	name := syllables[n%s] + syllables[(n/s+n*7)%s]
	if n >= s {
		name += " " + syllables[(n/s*11+n)%s] + syllables[(n*5+3)%s]
	}
	return strings.ToUpper(name[:1]) + name[1:] + fmt.Sprintf(" %d", n)
}

// Files makes the feed. The same random source makes the same one.
func (w Towns) Files(r *rand.Rand) []lines.File {
	var stops, trips, times, calendar, routes strings.Builder
	calendar.WriteString("service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n")
	last := w.From.AddDate(0, 0, w.Days-1).Format("20060102")
	for _, s := range []string{"all,1,1,1,1,1,1,1", "work,1,1,1,1,1,0,0", "rest,0,0,0,0,0,1,1"} {
		fmt.Fprintf(&calendar, "%s,%s,%s\n", s, w.From.Format("20060102"), last)
	}
	stops.WriteString("stop_id,stop_name,stop_lat,stop_lon,wheelchair_boarding\n")
	for i := range w.Stations {
		fmt.Fprintf(&stops, "s%d,%s,%.4f,%.4f,%d\n", i, StationName(i), 51+r.Float64(), r.Float64(), r.IntN(3))
	}
	routes.WriteString("route_id,route_short_name,route_type\n")
	trips.WriteString("route_id,service_id,trip_id,wheelchair_accessible,bikes_allowed\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type\n")
	for line := range w.Lines {
		fmt.Fprintf(&routes, "r%d,%d,%d\n", line, line, []int{3, 200, 4}[r.IntN(3)])
		path := make([]int, w.Calls)
		for k := range path {
			path[k] = w.Hubs + r.IntN(w.Stations-w.Hubs)
		}
		path[r.IntN(w.Calls)] = r.IntN(w.Hubs)
		for way := range 2 {
			every := 20 * 3600 / w.Trips
			for n := range w.Trips {
				id := fmt.Sprintf("t%d-%d-%d", line, way, n)
				fmt.Fprintf(&trips, "r%d,%s,%s,%d,%d\n", line, []string{"all", "all", "work", "rest"}[r.IntN(4)], id, r.IntN(3), r.IntN(3))
				at := 4*3600 + n*every + r.IntN(every)
				for k := range path {
					stop := path[k]
					if way == 1 {
						stop = path[len(path)-1-k]
					}
					arrives := at
					at += 60 * r.IntN(3)
					fmt.Fprintf(&times, "%s,%s,%s,s%d,%d,%d,%d\n", id, hms(arrives), hms(at), stop, k, r.IntN(20)/19, r.IntN(20)/19)
					at += 60 * (3 + r.IntN(15))
				}
			}
		}
	}
	file := func(name string, b string) lines.File { return lines.File{Name: name, Data: []byte(b)} }
	return []lines.File{file("agency.txt", "agency_id,agency_name,agency_url,agency_timezone\na,Made-up Coaches,https://a.example/,Europe/London\n"), file("stops.txt", stops.String()),
		file("routes.txt", routes.String()), file("calendar.txt", calendar.String()), file("trips.txt", trips.String()), file("stop_times.txt", times.String())}
}

func hms(s int) string { return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60) }
