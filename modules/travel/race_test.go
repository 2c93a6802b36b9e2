package travel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/seats"
	"townhall/modules/travel/traveltest"
)

const (
	buyers = 400
	runs   = 5
	atOnce = 24
	calls  = 9 // eight segments
)

// track is a database with an operator's coach of 48 seats, on which departures can be made.
type track struct {
	t   *testing.T
	db  *pg.DB
	l   seats.Layout
	rng *rand.Rand
}

func newTrack(t *testing.T) *track {
	t.Helper()
	f := seats.Form{Code: "coach-48", Name: kernel.Text{"en": "Coach", "ru": "Автобус", "zh": "客车"}}
	for i := range 12 {
		f.Rows = append(f.Rows, fmt.Sprintf("%dA %dB | %dC %dD", i+1, i+1, i+1, i+1))
	}
	l, err := f.Layout()
	if err != nil {
		t.Fatal(err)
	}
	k := &track{t: t, db: kerneltest.DB(t), l: l, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))}
	k.in(func(tx *pg.Tx) error {
		_, err := saveLayout(t.Context(), tx, "coast-coaches", l, 0, time.Now())
		return err
	})
	return k
}

func (k *track) in(fn func(*pg.Tx) error) {
	k.t.Helper()
	if err := k.db.InTx(k.t.Context(), kerneltest.Northwick, fn); err != nil {
		k.t.Fatal(err)
	}
}

// departure makes one that leaves tomorrow.
func (k *track) departure() (d Departure) {
	k.t.Helper()
	k.in(func(tx *pg.Tx) error {
		id, err := traveltest.Make(k.t.Context(), tx, traveltest.Departure{Operator: "coast-coaches", Route: "X9", Layout: "coach-48", Begins: time.Now().Add(24 * time.Hour), Calls: calls, Apart: time.Hour})
		if err == nil {
			d, err = loadDeparture(k.t.Context(), tx, DepartureID(id))
		}
		return err
	})
	return d
}

// buyer is one who wants to ride, and what they were told.
type buyer struct {
	Case     kernel.CaseID
	From, To int
	Place    string // empty: refused
	order    int    // in which they were answered
}

func (k *track) crowd() []buyer {
	out := make([]buyer, buyers)
	for i := range out {
		a, b := k.rng.IntN(calls), k.rng.IntN(calls-1)
		if b >= a {
			b++
		}
		out[i] = buyer{Case: kernel.CaseID(kernel.NewID()), From: min(a, b), To: max(a, b)}
	}
	return out
}

// all lets everybody buy, several at once.
func (k *track) all(d Departure, crowd []buyer, buy func(context.Context, offer, *buyer) error) time.Duration {
	began := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, answered := 0, 0
	for range atOnce {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(crowd) {
					return
				}
				b := &crowd[i]
				o := offer{Ride: Ride{d, b.From, b.To}, Vehicle: k.l}
				if err := buy(k.t.Context(), o, b); err != nil && !errors.Is(err, errGone) {
					k.t.Errorf("buyer %d: %v", i, err)
				}
				mu.Lock()
				b.order = answered
				answered++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// buy holds a place, and takes it in a transaction of its own.
func (k *track) buy(ctx context.Context, o offer, b *buyer) error {
	var given []seats.Given
	err := k.db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		given, _, err = claim(ctx, tx, o, b.Case, make([]seats.Need, 1))
		return err
	})
	if err != nil {
		return err
	}
	return k.db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		if err := lockDepartures(ctx, tx, o.ID); err != nil {
			return err
		}
		n, err := takePlaces(ctx, tx, o.ID, b.Case)
		if err == nil && n != o.To-o.From {
			err = fmt.Errorf("%d rows for %d segments", n, o.To-o.From)
		}
		b.Place = given[0].Number
		return err
	})
}

// judge lists what is wrong: a place that two were told, a place that somebody was told and does not have.
func (k *track) judge(d Departure, crowd []buyer) (wrong []string, sold int) {
	k.t.Helper()
	var rows []struct {
		Place   string `db:"place"`
		Segment int    `db:"segment"`
		Case    string `db:"case_id"`
	}
	k.in(func(tx *pg.Tx) error {
		return tx.SelectContext(k.t.Context(), &rows, `SELECT place, segment, case_id FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1 AND hold_until IS NULL`, d.ID)
	})
	type spot struct {
		place   string
		segment int
	}
	has := map[spot]string{}
	for _, r := range rows {
		has[spot{r.Place, r.Segment}] = r.Case
	}
	told := map[spot]kernel.CaseID{}
	for _, b := range crowd {
		for s := b.From; s < b.To && b.Place != ""; s++ {
			at := spot{b.Place, s}
			if other, there := told[at]; there {
				wrong = append(wrong, fmt.Sprintf("%s on segment %d was sold to %s and to %s", b.Place, s, other, b.Case))
			}
			if told[at] = b.Case; has[at] != string(b.Case) {
				wrong = append(wrong, fmt.Sprintf("%s on segment %d was sold to %s and is %q's", b.Place, s, b.Case, has[at]))
			}
			sold++
		}
	}
	if len(rows) != len(told) {
		wrong = append(wrong, fmt.Sprintf("%d rows for %d sold", len(rows), len(told)))
	}
	return wrong, sold
}

// best is how many seat-segments could be sold to people who come in that order, by somebody who seats nobody before all
// have come: whoever finds a seat left on each of their segments is admitted, and the greedy colouring by beginning then
// seats all of them.
func (k *track) best(crowd []buyer) (sold int) {
	load := make([]int, calls-1)
	var in []buyer
	for _, b := range crowd {
		full := slices.ContainsFunc(load[b.From:b.To], func(n int) bool { return n >= len(k.l.Places) })
		if full {
			continue
		}
		for s := b.From; s < b.To; s++ {
			load[s]++
		}
		in = append(in, b)
		sold += b.To - b.From
	}
	slices.SortFunc(in, func(a, b buyer) int { return a.From - b.From })
	ends := make([]int, len(k.l.Places))
	for _, b := range in {
		i := slices.IndexFunc(ends, func(end int) bool { return end <= b.From })
		if i < 0 {
			k.t.Fatal("the colouring needs more seats than there are")
		}
		ends[i] = b.To
	}
	return sold
}

func TestFourHundredBuyersOfOneDepartureNeverGetTheSameSegmentAndFillIt(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	room := len(k.l.Places) * (calls - 1)
	for run := range runs {
		d, crowd := k.departure(), k.crowd()
		took := k.all(d, crowd, k.buy)
		wrong, sold := k.judge(d, crowd)
		for _, w := range wrong {
			t.Error(w)
		}
		slices.SortFunc(crowd, func(a, b buyer) int { return a.order - b.order })
		best := k.best(crowd)
		won, asked := 0, 0
		for _, b := range crowd {
			if asked += b.To - b.From; b.Place != "" {
				won++
			}
		}
		t.Logf("run %d: %d buyers, %d at once, ask for %d of %d seat-segments: %d got a seat, %d seat-segments sold (%.1f %%), sold twice %d; the best assignment of the same people sells %d: ratio %.3f; %v",
			run+1, buyers, atOnce, asked, room, won, sold, 100*float64(sold)/float64(room), len(wrong), best, float64(sold)/float64(best), took.Round(time.Millisecond))
		if float64(sold) < 0.95*float64(best) {
			t.Errorf("run %d: %d sold, the best assignment sells %d", run+1, sold, best)
		}
	}
}

// The fault planted: without the lock on the departure everybody reads before anybody writes, and without the primary key
// standing in the way the last one has it. The judge must notice.
func TestAClaimWithoutItsConditionIsNoticed(t *testing.T) {
	t.Parallel()
	k := newTrack(t)
	d, crowd := k.departure(), k.crowd()
	k.all(d, crowd, func(ctx context.Context, o offer, b *buyer) error {
		return k.db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
			busy, err := busyOf(ctx, tx, o.Departure, b.Case)
			if err != nil {
				return err
			}
			given, err := seats.Assign(o.Vehicle, busy, o.Segments(), seats.Request{From: o.From, To: o.To, Needs: make([]seats.Need, 1)})
			if err != nil {
				return errGone
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id)
				SELECT 'northwick', $1, $2, s, $3 FROM generate_series($4::int, $5::int - 1) s
				ON CONFLICT (tenant_id, departure_id, place, segment) DO UPDATE SET case_id = excluded.case_id`, o.ID, given[0].Number, b.Case, o.From, o.To)
			b.Place = given[0].Number
			return err
		})
	})
	wrong, _ := k.judge(d, crowd)
	if len(wrong) == 0 {
		t.Fatal("nobody noticed that places were sold twice")
	}
	t.Logf("%d complaints, the first: %s", len(wrong), wrong[0])
}
