package travel

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
)

const coaches, ferries = kernel.AgencyID("northwick-coaches"), kernel.AgencyID("northwick-ferries")

// carriers is the usual directory with two agencies that run timetables.
type carriers struct{ kernel.Directory }

func (c carriers) Agency(t kernel.TenantID, a kernel.AgencyID) (kernel.Agency, bool) {
	if a == coaches || a == ferries {
		return kernel.Agency{ID: a, Name: kernel.Text{"en": string(a)}}, true
	}
	return c.Directory.Agency(t, a)
}

// timetableHouse is a municipality with carriers and nothing else. It is Monday, 16 November 2026, seven in the morning.
type timetableHouse struct {
	*Timetable
	t      testing.TB
	ctx    context.Context
	tenant kernel.Tenant
	clock  *kerneltest.FakeClock
}

func newTimetableHouse(t testing.TB) *timetableHouse {
	t.Helper()
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	clock := kerneltest.NewClock(time.Date(2026, 11, 16, 7, 0, 0, 0, time.UTC))
	return &timetableHouse{Timetable: &Timetable{DB: kerneltest.DB(t), Directory: carriers{kerneltest.Directory()}, Clock: clock}, t: t, tenant: tenant, clock: clock,
		ctx: kernel.WithPrincipal(kernel.WithTenant(context.Background(), tenant), kernel.SystemPrincipal(tenant.ID))}
}

func (h *timetableHouse) tx(fn func(*pg.Tx) error) {
	h.t.Helper()
	if err := h.DB.InTx(h.ctx, h.tenant.ID, fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *timetableHouse) bring(operator kernel.AgencyID, files []lines.File) Imported {
	h.t.Helper()
	done, err := h.Import(h.ctx, h.tenant, operator, files)
	if err != nil {
		h.t.Fatal(err)
	}
	return done
}

func (h *timetableHouse) count(table string) (n int) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error { return tx.GetContext(h.ctx, &n, `SELECT count(*) FROM travel.`+table) })
	return n
}

func (h *timetableHouse) find(q JourneyQuery) Journeys {
	h.t.Helper()
	found, err := h.Search(h.ctx, q)
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

// departure is that of a trip on a day; empty when there is none.
func (h *timetableHouse) departure(operator kernel.AgencyID, trip, day string) (id DepartureID) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		return tx.GetContext(h.ctx, &id, `SELECT coalesce((SELECT id::text FROM travel.departure WHERE operator = $1 AND trip_key = $2 AND service_date = $3), '')`, operator, trip, day)
	})
	return id
}

// claim is what taking a seat does to a departure's row.
func (h *timetableHouse) claim(id DepartureID) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		_, err := tx.ExecContext(h.ctx, `UPDATE travel.departure SET claimed = true WHERE id = $1`, id)
		return err
	})
}

func goodFeed(t testing.TB) (out []lines.File) {
	t.Helper()
	names, err := filepath.Glob("gtfs/testdata/good/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, lines.File{Name: filepath.Base(n), Data: data})
	}
	return out
}

// reworded is a feed with other words in one of its files.
func reworded(t testing.TB, files []lines.File, name, old, new string) (out []lines.File) {
	t.Helper()
	for _, f := range files {
		if f.Name == name {
			if !strings.Contains(string(f.Data), old) {
				t.Fatalf("%s does not have %q", name, old)
			}
			f.Data = []byte(strings.ReplaceAll(string(f.Data), old, new))
		}
		out = append(out, f)
	}
	return out
}

// towns is a feed that is made up: lines of calls through a few hubs, run every so often in both directions.
type towns struct {
	stations, hubs, lines, calls, trips int // calls of a line; trips of a line and direction
	days                                int // from 16 November 2026 on
}

var syllables = strings.Fields("nor wick har bour oak mill east mere gull crag fen dale stone brook ash ford lin ton wyn combe thorpe kirk ley holm bury stead marsh cliff")

// stationName is a name like no other's.
func stationName(n int) string {
	s := len(syllables)
	name := syllables[n%s] + syllables[(n/s+n*7)%s]
	if n >= s {
		name += " " + syllables[(n/s*11+n)%s] + syllables[(n*5+3)%s]
	}
	return strings.ToUpper(name[:1]) + name[1:] + fmt.Sprintf(" %d", n)
}

// files makes the feed. The same random source makes the same one.
func (w towns) files(r *rand.Rand) []lines.File {
	var stops, trips, times, calendar, routes strings.Builder
	calendar.WriteString("service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n")
	from := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	last := from.AddDate(0, 0, w.days-1).Format("20060102")
	for _, s := range []string{"all,1,1,1,1,1,1,1", "work,1,1,1,1,1,0,0", "rest,0,0,0,0,0,1,1"} {
		fmt.Fprintf(&calendar, "%s,%s,%s\n", s, from.Format("20060102"), last)
	}
	stops.WriteString("stop_id,stop_name,stop_lat,stop_lon,wheelchair_boarding\n")
	for i := range w.stations {
		fmt.Fprintf(&stops, "s%d,%s,%.4f,%.4f,%d\n", i, stationName(i), 51+r.Float64(), r.Float64(), r.IntN(3))
	}
	routes.WriteString("route_id,route_short_name,route_type\n")
	trips.WriteString("route_id,service_id,trip_id,wheelchair_accessible,bikes_allowed\n")
	times.WriteString("trip_id,arrival_time,departure_time,stop_id,stop_sequence,pickup_type,drop_off_type\n")
	for line := range w.lines {
		fmt.Fprintf(&routes, "r%d,%d,%d\n", line, line, []int{3, 200, 4}[r.IntN(3)])
		path := make([]int, w.calls)
		for k := range path {
			path[k] = w.hubs + r.IntN(w.stations-w.hubs)
		}
		path[r.IntN(w.calls)] = r.IntN(w.hubs)
		for way := range 2 {
			every := 20 * 3600 / w.trips
			for n := range w.trips {
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
