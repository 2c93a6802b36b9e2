package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/travel"
	"townhall/modules/travel/traveltest"
)

// The network that seats are sold in: one operator with more than a hundred thousand stop times, whose coaches have 48
// seats. What is bought are rides from the fourth call to the eighth of coaches of the next days, on all of them alike;
// these have ids that are computed from their numbers, here, in SQL and in pgbench's script alike.
const (
	operator  = "coast-coaches"
	coaches   = 2000 // departures that are bought
	seatCount = 48
	getOn     = 3
	getOff    = 7
	allSeats  = coaches * seatCount

	seedRides = `UPDATE travel.departure d SET id = ('a' || lpad(to_hex(n.n), 31, '0'))::uuid FROM (
		SELECT d.id, row_number() OVER (ORDER BY d.starts_at, d.id) - 1 AS n FROM travel.departure d
		JOIN travel.stop_time f ON f.tenant_id = d.tenant_id AND f.feed = d.feed AND f.trip = d.trip AND f.seq = %[1]d AND f.pickup <> 1
		JOIN travel.stop_time t ON t.tenant_id = d.tenant_id AND t.feed = d.feed AND t.trip = d.trip AND t.seq = %[2]d AND t.drop_off <> 1
		WHERE d.starts_at > now() + interval '3 days' ORDER BY d.starts_at, d.id LIMIT %[3]d) n WHERE n.id = d.id`
	departureOfI = "('a' || lpad(to_hex(:i::bigint % 2000), 31, '0'))"
	seatOfI      = "('Z' || lpad((1 + :i::bigint / 2000)::text, 2, '0'))"
)

// network is the made-up feed.
var network = traveltest.Towns{Stations: 600, Hubs: 6, Lines: 60, Calls: 20, Trips: 45, Days: 14}

// seedTravel brings the timetable, as an operator does, and sets up vehicle and fares. It returns how many stop times there
// are.
func (h *house) seedTravel() (stopTimes int) {
	h.t.Helper()
	tenant := h.tenant()
	network.From = time.Now().UTC().Truncate(24 * time.Hour)
	timetable := travel.Timetable{DB: h.app.DB, Directory: h.town.Directory, Clock: kernel.SystemClock{}}
	ctx := kernel.WithPrincipal(kernel.WithTenant(context.Background(), tenant), kernel.SystemPrincipal(tenant.ID))
	done, err := timetable.Import(ctx, tenant, operator, network.Files(rand.New(rand.NewPCG(1, 2))))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, c := range done.Counts {
		if c.Kind == "calls" {
			stopTimes = c.Rows
		}
	}
	if stopTimes < 100_000 {
		h.t.Fatalf("%d stop times are too few: %v", stopTimes, done.Counts)
	}
	var rows []string
	for n := 1; n <= seatCount; n += 4 {
		rows = append(rows, fmt.Sprintf("Z%02d Z%02d | Z%02d Z%02d", n, n+1, n+2, n+3))
	}
	h.set("layout (tenant_id, operator, code, form, updated_at) VALUES ('northwick', $1, 'coach-48', $2, now())", map[string]any{
		"code": "coach-48", "name": kernel.Text{"en": "Coach", "ru": "Автобус", "zh": "客车"}, "rows": rows, "bicycles": 4})
	zones, byZones := map[string]int{}, []int{}
	for n := range network.Stations {
		zones[fmt.Sprint("s", n)] = n % 20
	}
	for n := range 20 {
		byZones = append(byZones, 900+100*n)
	}
	h.set("fare_table (tenant_id, operator, code, service, form, updated_at) VALUES ('northwick', $1, 'coast', 'coach-ticket', $2, now())", map[string]any{
		"code": "coast", "currency": "GBP", "zones": zones, "by_zones": byZones, "rounding": map[string]any{}, "change_hours": 1,
		"classes": map[string]any{"child": map[string]any{"percent": 50, "under": 14}, "senior": map[string]any{"percent": 70, "from": 65}},
		"refunds": []map[string]any{{"hours": 48, "percent": 90}, {"hours": 2, "percent": 50}}})
	h.exec(appDB, fmt.Sprintf(seedRides, getOn, getOff, coaches))
	h.exec(appDB, fmt.Sprintf(seedPeople, h.app.Citizens.URL, bookers))
	h.exec(appDB, "VACUUM ANALYZE")
	return stopTimes
}

func (h *house) set(into string, form any) {
	h.t.Helper()
	body, err := json.Marshal(form)
	if err != nil {
		h.t.Fatal(err)
	}
	h.exec(appDB, "INSERT INTO travel."+into, operator, body)
}

func (h *house) tenant() kernel.Tenant {
	for _, t := range h.town.Directory.Tenants() {
		if t.ID == tenant {
			return t
		}
	}
	h.t.Fatal("no municipality " + tenant)
	return kernel.Tenant{}
}

// The ride of purchase n, counted from 0, and who buys it.
func departureOf(n int64) string { return "a" + caseID(n % coaches)[1:] }
func seatOf(n int64) string      { return fmt.Sprintf("Z%02d", 1+n/coaches) }
func rider(n int64) apptest.Who {
	who := booker(n)
	who.Client = "northwick.coach-ticket"
	return who
}

// trips are what people look for: named stations, hubs and villages, one in four with a typing mistake, on some day.
func trips(r *rand.Rand, n int) (out []travel.JourneyQuery) {
	end := func() string {
		n := r.IntN(network.Stations)
		if r.IntN(3) == 0 {
			n = r.IntN(network.Hubs)
		}
		name := traveltest.StationName(n)
		if r.IntN(4) == 0 { // a letter is left out
			k := 1 + r.IntN(strings.LastIndex(name, " ")-2)
			name = name[:k] + name[k+1:]
		}
		return name
	}
	for range n {
		out = append(out, travel.JourneyQuery{From: end(), To: end(), Day: network.From.AddDate(0, 0, 1+r.IntN(12)).Format(time.DateOnly)})
	}
	return out
}
