package bench

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

const (
	bookingTime = 3 * time.Second // one measurement of a rate
	searchPace  = 30              // searches per second
	searchTime  = 4 * time.Second
)

// BenchmarkBooking measures a booking through HTTP against pgbench running it as one prepared statement, and the search
// for free slots among a million, in one go.
func BenchmarkBooking(b *testing.B) {
	f := &figures{}
	d := newDesk(b)
	for _, clients := range []int{16, 64} { // warm: caches, connections, plans
		d.http(clients)
		d.pgbench(clients)
	}
	for round := range rounds {
		for _, clients := range []int{16, 64} {
			sides := []func(int) float64{d.http, d.pgbench}
			var rate [2]float64
			for i := range sides {
				side := (i + round) % 2
				rate[side] = sides[side](clients)
			}
			f.note(fmt.Sprintf("bookings, %d clients: http", clients), "/s", rate[0])
			f.note(fmt.Sprintf("bookings, %d clients: pgbench, one prepared statement", clients), "/s", rate[1])
			f.ratio(fmt.Sprintf("bookings_%d_to_pgbench_one_statement", clients), rate[0]/rate[1])
		}
	}
	for range rounds {
		d.search(f)
	}
	f.print(os.Stdout)
}

// searches are what people ask for, in turn.
var searches = []string{"", "?place=FILL", "?language=zh", "?near=NW7%204RS", "?day=FILL", "?language=ru&day=FILL"}

// search asks for free slots at a constant rate, and notes how long the answers took from the moment they were due.
func (d *desk) search(f *figures) {
	d.t.Helper()
	var n atomic.Int64
	requests := make([][]byte, len(searches))
	for i, q := range searches {
		fill := "a" + caseID(int64(i))[1:]
		if strings.Contains(q, "day=") {
			fill = time.Now().AddDate(0, 0, 5+10*i).Format(time.DateOnly)
		}
		q = strings.Replace(q, "FILL", fill, 1)
		requests[i] = message("GET", d.host, "/medical/v1/visit-types/"+visitType+"/slots"+q, nil, d.token(booker(0), "/medical/v1/x"))
	}
	l := load{addr: d.addr, want: http.StatusOK, next: func() []byte { return requests[int(n.Add(1))%len(requests)] }}
	took, err := l.paced(8, searchPace, searchTime)
	if err != nil {
		d.t.Fatal(err)
	}
	f.p95(fmt.Sprintf("search_among_%d_slots_at_%d_per_second", allSlots, searchPace), took)
}

// desk is where bookings are measured: the application on one database, the statements on a copy of it.
type desk struct {
	*house
	pair
}

func newDesk(b *testing.B) *desk {
	b.Helper()
	db := newBase(b)
	l := listener(b, "127.0.0.1:0")
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	first := db.open(appDB, false)
	app := apptest.Attach(b, first, port)
	first.Close()
	db.seedClinics(app)

	h := open(db, app, l, false)
	d := &desk{h, newPair("medical.appointment")}
	n := d.next[appDB].Add(1) - 1
	key := kernel.NewID()
	answer, _ := d.send(d.booking(n, key))
	var made struct{ ID string }
	if err := json.Unmarshal(answer, &made); err != nil {
		b.Fatal(err)
	}
	rows := db.written(appDB, made.ID, key)
	for _, r := range rows {
		d.rows[r.table]++
	}
	d.rows["medical.slot WHERE NOT spare"] = 1
	var err error
	if d.script, err = bookingScript(rows, "d"+caseID(n % bookers)[1:], slotOf(n)); err != nil {
		b.Fatal(err)
	}
	h.stop()
	db.copy()
	db.exec(benchDB, "VACUUM ANALYZE")
	d.next[benchDB].Store(1)
	d.house = open(db, app, listener(b, address), false)
	b.Cleanup(d.stop)
	b.Logf("one booking writes %v", d.rows)
	return d
}

// booking is the request of booking n.
func (d *desk) booking(n int64, key string) []byte {
	body := fmt.Sprintf(`{"slot":"%s","visit_type":"%s"}`, slotOf(n), visitType)
	return message("POST", d.host, "/medical/v1/appointments", []byte(body), d.token(booker(n), "/medical/v1/appointments"), "Idempotency-Key: "+key)
}

func (d *desk) send(request []byte) ([]byte, http.Header) {
	d.t.Helper()
	w, err := dial(d.addr)
	if err != nil {
		d.t.Fatal(err)
	}
	defer w.Close()
	body, header, err := w.do(request, http.StatusCreated)
	if err != nil {
		d.t.Fatal(err)
	}
	return body, header
}

// http books through HTTP and returns the bookings per second.
func (d *desk) http(clients int) float64 {
	d.t.Helper()
	for n := range int64(bookers) { // whoever signs in does it before
		d.token(booker(n), "/medical/v1/appointments")
	}
	next, from := d.next[appDB], d.next[appDB].Load()
	d.exec(appDB, "CHECKPOINT")
	began := d.counted(d.base, appDB)
	rate, err := load{addr: d.addr, want: http.StatusCreated, next: func() []byte { return d.booking(next.Add(1)-1, kernel.NewID()) }}.closed(clients, bookingTime)
	if err != nil {
		d.t.Fatal(err)
	}
	d.check(d.base, appDB, began, int(next.Load()-from))
	return rate
}

// pgbench runs the booking as one prepared statement and returns the transactions per second.
func (d *desk) pgbench(clients int) float64 {
	d.t.Helper()
	return d.direct(d.base, clients, bookingTime)
}
