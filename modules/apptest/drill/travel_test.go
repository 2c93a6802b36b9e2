package drill

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/traveltest"
)

// travelSize of a drill over bookings. A request is a different one, with its own key: repetitions are not counted.
type travelSize struct {
	requests      int64
	kills         int64 // of the server
	databaseKills int64
	every         int64 // the database is killed once in so many kills of the server
	citizens      int
	departures    int
	callOffs      int64 // of departures
	share         int64 // about so many requests between two kills of the server
	pause, limit  time.Duration
}

var (
	shortTravel = travelSize{requests: 300, kills: 8, databaseKills: 1, every: 6, citizens: 10, departures: 6, callOffs: 2, share: 25, pause: 1800 * time.Millisecond, limit: 12 * time.Minute}
	longTravel  = travelSize{requests: 10_000, kills: 100, databaseKills: 10, every: 8, citizens: 16, departures: 220, callOffs: 40, share: 75, pause: 5 * time.Second, limit: 90 * time.Minute}
)

// The server and its database are killed without warning while people book seats, pay in a wallet that is not always well, and
// change their minds; in the end money, places and documents say the same.
func TestDrillKillingTheServerAndTheDatabaseKeepsMoneyPlacesAndDocumentsInAgreement(t *testing.T) {
	t.Parallel()
	s := shortTravel
	if os.Getenv("DRILL") == "long" {
		s = longTravel
	}
	ctx, cancel := context.WithTimeout(t.Context(), s.limit)
	defer cancel()
	base := newDatabase(ctx, t)
	db, err := pg.Open(ctx, pg.Options{URL: base.url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	port := freePort(t)
	app := apptest.Attach(t, db, port)
	x := newTill(t, s.citizens, app.Origin("northwick"), app.Origin("eastmere"))
	settings := app.SettingsFor(port)
	apptest.SellTravel(&settings)
	settings.Wallets = append(settings.Wallets, x.settings(settings.Issuers[0].URL))
	l := &travellers{load: &load{app: app}, held: map[string]bool{}}
	v := &victim{bin: build(t), port: port, env: []string{"DRILL_SECRET=" + secret, "DRILL_EVENT_SECRET=" + eventSecret}, log: logFile(t), away: base.away,
		patient: true, progress: l.asked.Load, share: s.share}
	v.args = []string{"serve", "--listen", "127.0.0.1:" + port, "--database-url", base.url, "--data", filepath.Join(app.Data, "data"), "--settings", settingsFile(t, settings)}

	var killing atomic.Bool
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	over := func(err error) {
		if err != nil {
			t.Error(err)
			cancel() // nobody waits for a server that is not there
		}
		ended <- err
	}
	go func() { over(v.run(running, &killing, s.pause)) }()
	go func() { over(base.run(running, &killing, v, s.every)) }()
	if err := v.up(ctx); err != nil {
		t.Fatal(err)
	}
	citizens := l.prepare(ctx, t, db, x, s)
	began := time.Now()
	unwell, well := context.WithCancel(ctx)
	var faults sync.WaitGroup
	faults.Go(func() {
		if err := x.beUnwell(unwell); err != nil {
			t.Error(err)
		}
	})
	var dispatcher sync.WaitGroup
	onDuty, offDuty := context.WithCancel(ctx)
	dispatcher.Go(func() {
		if err := l.dispatch(onDuty, s.requests/(s.callOffs+1)); err != nil {
			t.Error(err)
		}
	})
	killing.Store(true)
	var wg sync.WaitGroup
	for _, c := range citizens {
		wg.Go(func() {
			// Enough requests, kills and changes: whichever comes last ends the load.
			for l.asked.Load() < s.requests || v.kills.Load() < s.kills || base.kills.Load() < s.databaseKills || l.moved.Load() < 3 {
				if err := l.trip(ctx, c); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	dispatcher.Go(func() { // a long one says how far it is
		for {
			select {
			case <-onDuty.Done():
				return
			case <-time.After(time.Minute):
				t.Logf("%s: %d requests, %d kills of the server, %d of the database", time.Since(began).Truncate(time.Second), l.asked.Load(), v.kills.Load(), base.kills.Load())
			}
		}
	})
	wg.Wait()
	offDuty()
	dispatcher.Wait()
	killing.Store(false)
	well()
	faults.Wait()
	loaded := time.Since(began)
	if err := v.up(ctx); err != nil {
		t.Fatal(err)
	}
	settleTravel(ctx, t, db, x)
	if err := l.finish(ctx); err != nil {
		t.Fatal(err)
	}
	settleTravel(ctx, t, db, x)
	stop()
	for range 2 {
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	o := observeTravel(t, db, l, x)
	verdict := JudgeTravel(o)
	states := map[string]int{}
	for _, trip := range o.Trips {
		states[trip.State]++
	}
	t.Logf("travel drill: %d requests (%d sent), %d replays compared, %d kills of the server, %d of the database, %d bookings %v, %d refused as full, %d departures called off, %d changes, %d paid, %d declined, %d paid after giving up, %d refunds that failed, %d starts of the wallet, wallet %v, %.0f s under load, %.0f s in all: %s",
		l.asked.Load(), l.requests, len(o.Replays), v.kills.Load(), base.kills.Load(), len(o.Trips), states, l.full.Load(), len(l.calledOff), l.moved.Load(), x.paid.Load(), x.declined.Load(), x.late.Load(), len(o.Failed), x.restarts.Load()+1, o.Wallet,
		loaded.Seconds(), time.Since(began).Seconds(), verdict)
	if !verdict.Zero() {
		t.Error(verdict)
		for _, r := range o.Replays {
			if r[0] != r[1] {
				t.Errorf("replayed:\n%s\n%s", r[0], r[1])
				break // one tells which request it was
			}
		}
	}
	if states["booked"] == 0 || states["cancelled"] == 0 || states["lapsed"] == 0 || len(o.Replays) == 0 || len(o.CalledOff) == 0 || l.moved.Load() == 0 || x.restarts.Load() == 0 {
		t.Error("nothing was booked, cancelled, given up, replayed, called off or changed, or the wallet never fell over: the drill proved nothing")
	}
}

// prepare sets up vehicle, fares, departures, and people who are signed in.
func (l *travellers) prepare(ctx context.Context, t *testing.T, db *pg.DB, x *till, s travelSize) (out []*citizen) {
	t.Helper()
	l.app.Know("northwick", apptest.Pavel, apptest.Dina)
	for path, body := range map[string]map[string]any{
		"layouts": {"form": apptest.SmallCoach, "version": 0},
		"fares":   {"form": apptest.CoastFares, "version": 0, "service": "coach-ticket"},
	} {
		a, err := l.settled(ctx, apptest.Call{Who: &apptest.Pavel, Method: http.MethodPost, Path: "/travel/v1/operators/coast-coaches/" + path, Key: apptest.Key(), Body: body})
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s %v", path, a.Status, a.Body, err)
		}
	}
	err := db.InTx(ctx, "northwick", func(tx *pg.Tx) error {
		for i := range s.departures {
			id, err := traveltest.Make(ctx, tx, traveltest.Departure{Operator: "coast-coaches", Route: "X9", Headsign: "Airport", Layout: "small-coach",
				Begins: time.Now().Add(30*time.Hour + time.Duration(i)*time.Minute).Truncate(time.Second), Calls: calls, Apart: time.Hour, Dwell: 2 * time.Minute})
			if err != nil {
				return err
			}
			l.departures = append(l.departures, id)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.citizens {
		c, err := x.citizen(ctx, i, l.app.Origin("northwick"))
		if err != nil {
			t.Fatal(err)
		}
		l.app.Know("northwick", c.Who)
		out = append(out, c)
	}
	return out
}

// settleTravel waits until the wallet has told everything and no effect is waiting any more, but timers.
func settleTravel(ctx context.Context, t *testing.T, db *pg.DB, x *till) {
	t.Helper()
	for quiet := 0; quiet < 3; {
		settle(ctx, t, db)
		if x.now.Load().Undelivered() == 0 {
			quiet++
		} else {
			quiet = 0
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d events were never delivered", x.now.Load().Undelivered())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// observeTravel reads what the database and the wallet say.
func observeTravel(t *testing.T, db *pg.DB, l *travellers, x *till) Travelled {
	t.Helper()
	o := Travelled{Held: l.held, Told: l.told, Replays: l.replays, CalledOff: l.calledOff, Wallet: map[string]Sums{}}
	for currency, sum := range x.now.Load().Totals() {
		o.Wallet[currency] = Sums{sum.Authorized, sum.Captured, sum.Refunded, sum.Held}
		if sum.Sum != 0 {
			t.Errorf("the wallet's own books are wrong by %d %s", sum.Sum, currency)
		}
	}
	err := db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		for _, q := range []struct {
			to   any
			text string
		}{
			{&o.Stored, `SELECT case_id AS "case", action FROM casework.event WHERE tenant_id = 'northwick' AND actor_kind = 'citizen' AND seq > 1`},
			{&o.ByItself, `SELECT case_id AS "case", action FROM casework.event WHERE tenant_id = 'northwick' AND actor_kind = 'system'`},
			{&o.Trips, `SELECT coalesce(b.case_id, c.id) AS "case", coalesce(c.state, '') AS casestate, coalesce(b.state, '') AS state, coalesce(b.departure_id::text, '') AS departure,
				coalesce(b.from_seq, 0) AS "from", coalesce(b.to_seq, 0) AS "to", coalesce(b.insured, false) AS insured, coalesce(b.currency, '') AS currency,
				coalesce(b.fare, 0) AS fare, coalesce(b.insurance, 0) AS insurance, coalesce(b.given_back, 0) AS givenback
				FROM travel.booking b FULL JOIN casework.case c ON c.tenant_id = b.tenant_id AND c.id = b.case_id`},
			{&o.Riders, `SELECT case_id AS "case", place, bicycle_place AS bicycle FROM travel.passenger WHERE tenant_id = 'northwick'`},
			{&o.Seats, `SELECT case_id AS "case", departure_id AS departure, place, segment FROM travel.occupancy WHERE tenant_id = 'northwick' AND hold_until IS NULL`},
			{&o.Tickets, `SELECT case_id AS "case", state FROM travel.ticket WHERE tenant_id = 'northwick'`},
			{&o.Documents, `SELECT case_id AS "case", state FROM documents.document WHERE tenant_id = 'northwick' AND type = 'coach-ticket'`},
			{&o.Policies, `SELECT case_id AS "case", state FROM travel.policy WHERE tenant_id = 'northwick'`},
			{&o.PolicyDocuments, `SELECT case_id AS "case", state FROM documents.document WHERE tenant_id = 'northwick' AND type = 'travel-insurance-policy'`},
			{&o.Failed, `SELECT p.case_id AS "case", o.amount,
				coalesce((SELECT sum(l.amount) FROM payments.order_line l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id AND l.line = 'insurance'), 0) AS insurance FROM payments.payment_order o JOIN payments.payment p ON p.tenant_id = o.tenant_id AND p.id = o.payment_id
				WHERE o.tenant_id = 'northwick' AND o.kind = 'refund' AND o.failed_at IS NOT NULL`},
			{&o.Ledger, `SELECT p.case_id AS "case", concat_ws('/', t.payment_id, t.line, t.order_id) AS slot, t.line, t.kind, t.currency, t.amount, t.order_id IS NOT NULL AS refund
				FROM payments.transfer t JOIN payments.payment p ON p.tenant_id = t.tenant_id AND p.id = t.payment_id WHERE t.tenant_id = 'northwick'`},
			{&o.Entries, `SELECT debit AS account, currency, amount FROM payments.transfer WHERE tenant_id = 'northwick' AND kind IN ('single', 'post')
				UNION ALL SELECT credit, currency, -amount FROM payments.transfer WHERE tenant_id = 'northwick' AND kind IN ('single', 'post')`},
		} {
			if err := tx.Select(q.to, q.text); err != nil {
				return fmt.Errorf("%.40s: %w", q.text, err)
			}
		}
		return tx.Get(&o.Differences, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick'`)
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
