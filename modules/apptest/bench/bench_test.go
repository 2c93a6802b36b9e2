package bench

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"townhall/modules/apptest"
)

const (
	rounds   = 3
	window   = 2 * time.Second // one measurement of a rate
	glance   = 500 * time.Millisecond
	pace     = 100 // submissions per second, for the 95th percentile
	paceTime = 6 * time.Second
)

// BenchmarkTown measures everything in one go, because figures of two runs must not be compared. It is not repeated by
// b.N: the rounds are its repetition.
func BenchmarkTown(b *testing.B) {
	f := &figures{}
	h, races, views := prepare(b)
	for _, r := range races { // warm: caches, connections, plans
		r.ours(h, 16)
		r.theirs("prepared", 16)
	}
	for round := range rounds {
		for _, r := range races {
			for _, clients := range []int{16, 64} {
				r.measure(f, h, clients, round)
			}
		}
		for _, v := range views {
			v.measure(f, h, round)
		}
	}
	background(f, h, races[0])
	f.print(os.Stdout)
}

// prepare starts everything, captures what is compared, and leaves the log of statements off.
func prepare(b *testing.B) (*house, []*race, []sides) {
	b.Helper()
	db := newBase(b)
	l := listener(b, "127.0.0.1:0")
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	first := db.open(appDB, false)
	app := apptest.Attach(b, first, port)
	app.Know(tenant, apptest.Anna, apptest.Oliver, reader)
	first.Close()

	logged := open(db, app, l, true)
	races := []*race{newRace(logged, submission(), 0), newRace(logged, decision(), 1<<40)}
	for range 3 {
		apptest.Submit(app, reader)
	}
	captures := logged.views()
	logged.stop()
	db.copy()
	db.exec(benchDB, "VACUUM ANALYZE")

	h := open(db, app, listener(b, address), false)
	b.Cleanup(h.stop)
	var views []sides
	for _, v := range captures {
		views = append(views, newSides(h, v))
	}
	return h, races, views
}

func listener(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// race is one step through HTTP against its own statements.
type race struct {
	step
	version     int
	script      script
	app, direct pool
}

func newRace(h *house, s step, from int64) *race {
	h.t.Helper()
	fresh := func() apptest.Case {
		if s.name == "decisions" {
			return apptest.Submit(h.app, apptest.Anna)
		}
		return apptest.Draft(h.app, apptest.Anna)
	}
	template := fresh()
	h.capture(s, fresh()) // the first sees what happens once per token and connection
	text, err := newScript(h.capture(s, fresh()), h.capture(s, fresh()))
	if err != nil {
		h.t.Fatalf("%s: %v", s.name, err)
	}
	of := func(db string) pool {
		return pool{base: h.base, db: db, template: template.ID, from: from + 1, made: from}
	}
	return &race{s, template.Version, text, of(appDB), of(benchDB)}
}

func (r *race) ours(h *house, clients int) float64 {
	return h.submit(&r.app, r.step, r.version, clients, window)
}

func (r *race) theirs(mode string, clients int) float64 {
	return r.direct.replay(r.script, mode, clients, window)
}

// measure runs the three sides of a round, beginning with another one each time.
func (r *race) measure(f *figures, h *house, clients, round int) {
	rate := map[string]float64{}
	order := []string{"http", "prepared", "extended"}
	for i := range order {
		side := order[(i+round)%len(order)]
		if side == "http" {
			rate[side] = r.ours(h, clients)
		} else {
			rate[side] = r.theirs(side, clients)
		}
		f.note(fmt.Sprintf("%s, %d clients: %s", r.name, clients, side), "/s", rate[side])
	}
	for _, mode := range order[1:] {
		f.ratio(fmt.Sprintf("%s_%d_to_pgbench_%s", r.name, clients, mode), rate["http"]/rate[mode])
	}
}

// sides are three servers with the same answer.
type sides struct {
	view
	addr [3]string
}

var sideNames = [3]string{"townhall", "statements", "canned"}

func newSides(h *house, v view) sides {
	h.t.Helper()
	s := sides{view: v, addr: [3]string{h.addr}}
	// As many connections as the application's read handle has.
	for i, plain := range []http.Handler{h.asking(v, 4), v.canned()} {
		l := listener(h.t, "127.0.0.1:0")
		h.t.Cleanup(serve(l, plain))
		s.addr[i+1] = l.Addr().String()
	}
	return s
}

// measure runs the three servers of a round, with one client and with sixteen, beginning with another one each time.
func (s sides) measure(f *figures, h *house, round int) {
	h.t.Helper()
	var latency, cpu, rate [3]float64
	for i := range s.addr {
		side := (i + round) % len(s.addr)
		l := load{addr: s.addr[side], next: same(s.request), want: http.StatusOK}
		each, spent, err := l.alone(glance)
		if err != nil {
			h.t.Fatalf("%s of %s: %v", s.name, sideNames[side], err)
		}
		if rate[side], err = l.closed(16, glance); err != nil {
			h.t.Fatalf("%s of %s: %v", s.name, sideNames[side], err)
		}
		latency[side], cpu[side] = micros(each), micros(spent)
		what := s.name + ", " + sideNames[side] + ": "
		f.note(what+"1 client", "µs", latency[side])
		f.note(what+"1 client, processor", "µs", cpu[side])
		f.note(what+"16 clients", "/s", rate[side])
	}
	for side := 1; side < len(s.addr); side++ {
		f.ratio(s.name+"_time_to_"+sideNames[side], latency[0]/latency[side])
		f.ratio(s.name+"_cpu_to_"+sideNames[side], cpu[0]/cpu[side])
		f.ratio(s.name+"_rate16_to_"+sideNames[side], rate[0]/rate[side])
	}
}

// background measures submissions while effects and jobs run in the same process, as they do in a server: at a
// moderate constant rate, and as fast as it goes.
func background(f *figures, h *house, r *race) {
	forget := func() { h.exec(appDB, "TRUNCATE kernel.effect") } // those of the rounds before would run now
	forget()
	r.app.ready(paceTime)
	var took []time.Duration
	h.inBackground(func() {
		var err error
		if took, err = h.stepping(&r.app, r.step, r.version).paced(32, pace, paceTime); err != nil {
			h.t.Fatal(err)
		}
	})
	r.app.used()
	f.p95(fmt.Sprintf("submissions_at_%d_per_second", pace), took)
	for round := range rounds {
		rate := map[bool]float64{}
		for _, busy := range []bool{round%2 == 0, round%2 != 0} {
			forget()
			run := func() { rate[busy] = r.ours(h, 16) }
			if busy {
				h.inBackground(run)
			} else {
				run()
			}
		}
		f.note("submissions, 16 clients: http, effects run meanwhile", "/s", rate[true])
		f.ratio("submissions_16_with_effects_to_without", rate[true]/rate[false])
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
