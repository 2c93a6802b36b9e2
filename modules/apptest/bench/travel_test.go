package bench

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
)

const purchaseTime = 4 * time.Second // one measurement of a rate

// BenchmarkTravel measures a seat bought through HTTP, with everything that follows, against pgbench writing the same rows
// in one prepared statement, and the search for a journey among more than a hundred thousand stop times.
func BenchmarkTravel(b *testing.B) {
	f := &figures{}
	o := newOffice(b)
	for range rounds {
		o.search(f, "page_of_journeys", "/apps/coach-ticket/departures")
		o.search(f, "search_journeys", "/travel/v1/journeys")
	}
	o.searchCall(f)
	f.print(os.Stdout)
	for _, clients := range []int{16, 64} { // warm: caches, connections, plans
		o.http(clients)
		o.pgbench(clients)
	}
	for round := range rounds {
		for _, clients := range []int{16, 64} {
			sides := []func(int) float64{func(clients int) float64 { return o.costing(f, clients) }, o.pgbench}
			var rate [2]float64
			for i := range sides {
				side := (i + round) % 2
				rate[side] = sides[side](clients)
			}
			b.Logf("round %d, %d clients: %.1f and %.1f per second", round+1, clients, rate[0], rate[1]) // a run is long
			f.note(fmt.Sprintf("purchases, %d clients: http and everything after it", clients), "/s", rate[0])
			f.note(fmt.Sprintf("purchases, %d clients: pgbench, one prepared statement", clients), "/s", rate[1])
			f.ratio(fmt.Sprintf("purchases_%d_to_pgbench_one_statement", clients), rate[0]/rate[1])
			f.perSecond(fmt.Sprintf("purchases_per_second_%d", clients), rate[0])
		}
	}
	f.print(os.Stdout)
}

// office is where seats are measured: the application on one database, the statements on a copy of it.
type office struct {
	*house
	pair
	wallet    *wallet
	stopTimes int
}

func newOffice(b *testing.B) *office {
	b.Helper()
	db := newBase(b)
	l := listener(b, "127.0.0.1:0")
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	first := db.open(appDB, false)
	app := apptest.Attach(b, first, port)
	first.Close()
	w := newWallet(b)
	options := []apptest.Option{func(o *modules.Options) { apptest.SellTravel(&o.Settings) }, apptest.WithPayments(w.url)}
	h := open(db, app, l, false, options...)
	o := &office{house: h, pair: newPair("travel.booking"), wallet: w, stopTimes: h.seedTravel()}

	var rows bookedRows
	var sold sale
	for range 2 { // the first one makes what all have in common
		began := db.transaction()
		h.inBackground(func() { sold = o.once(o.next[appDB].Add(1) - 1); o.settle() })
		rows = db.since(appDB, began)
	}
	for _, r := range rows {
		o.rows[r.table]++
	}
	var err error
	if o.script, err = purchaseScript(rows, sold); err != nil {
		b.Fatal(err)
	}
	h.stop()
	db.copy()
	db.exec(benchDB, "VACUUM ANALYZE")
	o.next[benchDB].Store(o.next[appDB].Load())
	o.house = open(db, app, listener(b, address), false, options...)
	b.Cleanup(o.stop)
	for n := range int64(bookers) { // whoever signs in does it before
		o.token(rider(n), "/travel/v1/bookings")
	}
	b.Logf("one purchase writes %v", o.rows)
	return o
}

// sale is a purchase that was made.
type sale struct {
	n                      int64
	booking, person        string
	payment, number, place string
	keys                   keys
}

func (o *office) once(n int64) sale {
	o.t.Helper()
	o.token(rider(n), "/travel/v1/bookings")
	w, err := dial(o.addr)
	if err != nil {
		o.t.Fatal(err)
	}
	defer w.Close()
	s, err := o.buy(w, n)
	if err != nil {
		o.t.Fatal(err)
	}
	return s
}

// buy is one purchase from the first request until the provider is told to capture the money.
func (o *office) buy(w *wire, n int64) (sale, error) {
	s := sale{n: n, person: "d" + caseID(n % bookers)[1:], place: seatOf(n), keys: newKeys()}
	token := o.tokens[rider(n).Subject+" /travel/v1/bookings"]
	post := func(path, key, body string, want int, into any) error {
		answer, _, err := w.do(message("POST", o.host, "/travel/v1/bookings"+path, []byte(body), token, "Idempotency-Key: "+key), want)
		if err != nil {
			return err
		}
		return json.Unmarshal(answer, into)
	}
	var b struct {
		ID, Number string
		Version    int
	}
	var p struct {
		Payment struct {
			ID     string
			Amount int64
		}
	}
	if err := post("", s.keys.hold, fmt.Sprintf(`{"departure":"%s","from":%d,"to":%d,"places":[{"place":"%s"}]}`, departureOf(n), getOn, getOff, s.place), http.StatusCreated, &b); err != nil {
		return s, err
	}
	if err := post("/"+b.ID+"/passengers", s.keys.names, `{"passengers":[{"self":true}]}`, http.StatusOK, &b); err != nil {
		return s, err
	}
	if err := post("/"+b.ID+"/pay", s.keys.pay, fmt.Sprintf(`{"version":%d}`, b.Version), http.StatusOK, &p); err != nil {
		return s, err
	}
	s.booking, s.number, s.payment = b.ID, b.Number, p.Payment.ID
	if err := o.wallet.wait(s.payment, "begin"); err != nil {
		return s, err
	}
	event, err := authorized(o.host, s.payment, s.keys.event, p.Payment.Amount)
	if err != nil {
		return s, err
	}
	if _, _, err := w.do(event, http.StatusOK); err != nil {
		return s, err
	}
	return s, o.wallet.wait(s.payment, "capture")
}

// http lets clients buy one seat after the other, effects and jobs running in the same process, and returns the purchases
// per second.
func (o *office) http(clients int) (rate float64) {
	o.t.Helper()
	next, from := o.next[appDB], o.next[appDB].Load()
	o.exec(appDB, "CHECKPOINT")
	began := o.counted(o.base, appDB)
	begin := time.Now()
	o.inBackground(func() {
		defer o.settle() // what is left of the effects is done before the background ends, and is not timed
		err := load{addr: o.addr}.each(clients, func(w *wire) error {
			for time.Since(begin) < purchaseTime {
				if _, err := o.buy(w, next.Add(1)-1); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			o.t.Fatal(err)
		}
		rate = float64(next.Load()-from) / time.Since(begin).Seconds()
	})
	o.check(o.base, appDB, began, int(next.Load()-from))
	return rate
}

// costing is http, and notes what a purchase cost: figures that say more than the rate when the machine has other work.
func (o *office) costing(f *figures, clients int) (rate float64) {
	o.t.Helper()
	commits := func() (n int64) {
		if err := o.owner(appDB).QueryRow("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").Scan(&n); err != nil {
			o.t.Fatal(err)
		}
		return n
	}
	from, committed, spent := o.next[appDB].Load(), commits(), processorTime()
	rate = o.http(clients)
	n := float64(o.next[appDB].Load() - from)
	f.note(fmt.Sprintf("a purchase, %d clients: processor of this process", clients), "ms", float64((processorTime()-spent).Milliseconds())/n)
	f.note(fmt.Sprintf("a purchase, %d clients: transactions", clients), "", float64(commits()-committed)/n)
	return rate
}

// settle waits until the background has done every effect that is due.
func (o *office) settle() {
	o.t.Helper()
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var open int
		if err := o.owner(appDB).QueryRow("SELECT count(*) FROM kernel.effect WHERE state = 'open' AND (due_at IS NULL OR due_at <= now())").Scan(&open); err != nil {
			o.t.Fatal(err)
		}
		if open == 0 {
			return
		}
		if time.Since(begin) > time.Minute {
			o.t.Fatalf("%d effects are left", open)
		}
	}
}

// pgbench writes the rows of purchases in one prepared statement each and returns the transactions per second.
func (o *office) pgbench(clients int) float64 {
	o.t.Helper()
	rate := o.direct(o.base, clients, purchaseTime)
	if o.next[benchDB].Load() > allSeats {
		o.t.Fatal("all seats are sold")
	}
	return rate
}
