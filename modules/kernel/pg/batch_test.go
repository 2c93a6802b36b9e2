package pg_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// noteRows are the rows of pgtest.note, kept inside a batch.
var noteRows = pg.NewRows(pg.OrderFirst, func(ctx context.Context, tx *pg.Tx, rows []note) error {
	ids, ns := make([]string, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		ids[i], ns[i] = r.id, int64(r.n)
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO pgtest.note (tenant_id, id, n) SELECT $1, r.id, r.n FROM unnest($2::text[], $3::int[]) AS r (id, n)`,
		string(tx.TenantID()), pq.Array(ids), pq.Array(ns))
	return pg.MapConstraint(err, map[string]*kernel.Error{"note_small": errTooBig, "note_pkey": errTaken})
})

type note struct {
	id string
	n  int
}

var (
	errTooBig = kernel.NewError(kernel.Invalid, "too-big", "Too big.")
	errTaken  = kernel.NewError(kernel.Conflict, "taken", "Taken.")
	errNo     = kernel.NewError(kernel.Conflict, "no", "No.")
)

// work is what a call of these tests does.
type work func(ctx context.Context, tx *pg.Tx) (string, error)

// put writes one note and answers with its id.
func put(id string, n int) work {
	return func(ctx context.Context, tx *pg.Tx) (string, error) { return id, noteRows.Put(ctx, tx, note{id, n}) }
}

func workers(db *pg.DB, o pg.BatchOptions, sizes *sizes) *pg.Batcher[work, string] {
	return pg.NewBatcher(db, o, func(ctx context.Context, tx *pg.Tx, calls []*pg.Call[work, string]) error {
		sizes.add(len(calls))
		return pg.Each(tx, calls, func(c *pg.Call[work, string]) (err error) {
			c.Out, err = c.In(c.Ctx, tx)
			return err
		})
	})
}

type sizes struct {
	sync.Mutex
	of []int
}

func (s *sizes) add(n int) {
	s.Lock()
	s.of = append(s.of, n)
	s.Unlock()
}

func (s *sizes) largest() (n int) {
	for _, v := range s.of {
		n = max(n, v)
	}
	return n
}

// gate is a call that holds its batch until it is opened, so that a known company gathers behind it.
func gate() (first work, inside <-chan struct{}, open func()) {
	in, out := make(chan struct{}), make(chan struct{})
	var once sync.Once
	return func(context.Context, *pg.Tx) (string, error) {
		once.Do(func() { close(in) })
		<-out
		return "gate", nil
	}, in, func() { close(out) }
}

// together runs calls so that they share one batch, and returns their answers and errors.
func together(t *testing.T, b *pg.Batcher[work, string], ctxs []context.Context, calls []work) ([]string, []error) {
	t.Helper()
	first, inside, open := gate()
	var all sync.WaitGroup
	all.Go(func() { b.Do(t.Context(), north, first) })
	<-inside
	out, errs := make([]string, len(calls)), make([]error, len(calls))
	for i, c := range calls {
		ctx := t.Context()
		if ctxs != nil {
			ctx = ctxs[i]
		}
		all.Go(func() { out[i], errs[i] = b.Do(ctx, north, c) })
	}
	for pg.Waiting(b, north) < len(calls) {
		time.Sleep(time.Millisecond)
	}
	open()
	all.Wait()
	return out, errs
}

func TestFiveHundredCallsAtOnceEachGetTheirOwnAnswer(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	var seen sizes
	b := workers(db, pg.BatchOptions{PerTenant: 1}, &seen)
	var all sync.WaitGroup
	var wrong, refused atomic.Int32
	for i := range 500 {
		all.Go(func() {
			id := "n" + strconv.Itoa(i)
			call := put(id, 1)
			if i%5 == 0 { // every fifth finds, after writing, that it may not
				call = func(ctx context.Context, tx *pg.Tx) (string, error) {
					_, err := put(id, 1)(ctx, tx)
					return id, errors.Join(err, errNo)
				}
			}
			got, err := b.Do(t.Context(), north, call)
			switch {
			case i%5 == 0 && errors.Is(err, errNo) && got == "":
				refused.Add(1)
			case i%5 == 0 || err != nil || got != id:
				wrong.Add(1)
				t.Errorf("call %d: %q, %v", i, got, err)
			}
		})
	}
	all.Wait()
	if n := count(t, db, north); n != 400 || refused.Load() != 100 {
		t.Errorf("%d rows and %d refused, want 400 and 100", n, refused.Load())
	}
	if len(seen.of) > 250 {
		t.Errorf("%d transactions for 500 calls: they were not shared", len(seen.of))
	}
	t.Logf("500 calls in %d transactions, up to %d in one", len(seen.of), seen.largest())
}

func TestNobodySuffersForAnothersViolation(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	var seen sizes
	b := workers(db, pg.BatchOptions{PerTenant: 1}, &seen)
	calls := make([]work, 32)
	for i := range calls {
		calls[i] = put("n"+strconv.Itoa(i), 1)
	}
	calls[11] = put("poison", 5000)
	calls[20] = func(context.Context, *pg.Tx) (string, error) { panic("of one call") }
	calls[25] = put("n3", 2) // of the two that want n3, one gets it
	calls[26] = func(ctx context.Context, tx *pg.Tx) (string, error) {
		_, err := tx.ExecContext(ctx, `SELECT 1 / (SELECT count(*) FROM pgtest.note WHERE n = $1)`, -1)
		return "", err
	}
	_, errs := together(t, b, nil, calls)
	for i, err := range errs {
		switch {
		case i == 11 && !errors.Is(err, errTooBig), i == 20 && kernel.KindOf(err) != kernel.Internal, i == 26 && kernel.KindOf(err) != kernel.Internal:
			t.Errorf("call %d: %v", i, err)
		case i == 3 || i == 25 || i == 11 || i == 20 || i == 26:
		case err != nil:
			t.Errorf("call %d suffers: %v", i, err)
		}
	}
	if (errs[3] == nil) == (errs[25] == nil) || !errors.Is(errors.Join(errs[3], errs[25]), errTaken) {
		t.Errorf("the same row twice: %v and %v", errs[3], errs[25])
	}
	if n := count(t, db, north); n != 28 {
		t.Errorf("%d rows, want 28", n)
	}
	if seen.largest() != 32 {
		t.Errorf("batches of %v: the calls were not together", seen.of)
	}
}

func TestACallThatFailsAfterItsOwnStatementIsTakenOutOfTheTransaction(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	var runs atomic.Int32
	b := workers(db, pg.BatchOptions{PerTenant: 1}, &sizes{})
	direct := func(id string, then error) work {
		return func(ctx context.Context, tx *pg.Tx) (string, error) {
			runs.Add(1)
			_, err := put(id, 1)(ctx, tx)
			return id, errors.Join(err, insert(ctx, tx, north, id+"-direct"), then)
		}
	}
	_, errs := together(t, b, nil, []work{direct("a", nil), direct("b", errNo), direct("c", nil)})
	if errs[0] != nil || !errors.Is(errs[1], errNo) || errs[2] != nil {
		t.Errorf("%v", errs)
	}
	if n := count(t, db, north); n != 4 || runs.Load() != 5 {
		t.Errorf("%d rows after %d runs, want 4 after 5: the failed call's row must be gone", n, runs.Load())
	}
}

func TestAReadInsideABatchSeesWhatWasPutBefore(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	b := workers(db, pg.BatchOptions{PerTenant: 1}, &sizes{})
	var n int
	if _, err := b.Do(t.Context(), north, func(ctx context.Context, tx *pg.Tx) (string, error) {
		_, err := put("a", 1)(ctx, tx)
		return "", errors.Join(err, tx.GetContext(ctx, &n, `SELECT count(*) FROM pgtest.note`))
	}); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestACallWhoseRequestEndedBeforeItBeganDoesNothing(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	b := workers(db, pg.BatchOptions{PerTenant: 1}, &sizes{})
	ctx, cancel := context.WithCancel(t.Context())
	first, inside, open := gate()
	var all sync.WaitGroup
	all.Go(func() { b.Do(t.Context(), north, first) })
	<-inside
	gone := make(chan error)
	go func() {
		_, err := b.Do(ctx, north, put("left", 1))
		gone <- err
	}()
	for pg.Waiting(b, north) < 1 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	// One that has begun is told the outcome, whatever becomes of its request.
	ctx2, cancel2 := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := b.Do(ctx2, north, func(ctx context.Context, tx *pg.Tx) (string, error) {
			cancel2()
			return put("began", 1)(ctx, tx)
		}); err != nil {
			t.Error(err)
		}
	})
	open()
	all.Wait()
	if n := count(t, db, north); n != 1 {
		t.Errorf("%d rows, want the one of the call that had begun", n)
	}
}

func TestAFullQueueRefusesAtOnceAndAClosedOneForGood(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	b := workers(db, pg.BatchOptions{Queue: 3, PerTenant: 1}, &sizes{})
	first, inside, open := gate()
	var all sync.WaitGroup
	all.Go(func() { b.Do(t.Context(), north, first) })
	<-inside
	for i := range 3 {
		all.Go(func() {
			if _, err := b.Do(t.Context(), north, put("q"+strconv.Itoa(i), 1)); err != nil {
				t.Error(err)
			}
		})
	}
	for pg.Waiting(b, north) < 3 {
		time.Sleep(time.Millisecond)
	}
	_, err := b.Do(t.Context(), north, put("too many", 1))
	if e := kernel.AsError(err); !errors.Is(err, pg.ErrBusy) || e.RetryAfter <= 0 {
		t.Errorf("a full queue: %v", err)
	}
	if _, err := b.Do(t.Context(), east, put("other", 1)); err != nil {
		t.Errorf("another municipality's queue is not full: %v", err)
	}
	closed := make(chan struct{})
	go func() { b.Close(); close(closed) }()
	for {
		if _, err = b.Do(t.Context(), east, put(kernel.NewID(), 1)); err != nil {
			break
		}
	}
	if !errors.Is(err, pg.ErrNoDatabase) {
		t.Errorf("a closed one: %v", err)
	}
	select {
	case <-closed:
		t.Error("closed while accepted calls were waiting")
	default:
	}
	open()
	<-closed
	all.Wait()
	if n := count(t, db, north); n != 3 {
		t.Errorf("%d of 3 accepted calls were done", n)
	}
}

func TestABusyMunicipalityDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	b := workers(db, pg.BatchOptions{Size: 2, PerTenant: 1, Writers: 1}, &sizes{})
	first, inside, open := gate()
	var all sync.WaitGroup
	all.Go(func() { b.Do(t.Context(), north, first) })
	<-inside
	var before atomic.Int32 // of northwick's, those that were served before eastmere's
	var served atomic.Bool
	for i := range 200 {
		all.Go(func() {
			if _, err := b.Do(t.Context(), north, func(ctx context.Context, tx *pg.Tx) (string, error) {
				if !served.Load() {
					before.Add(1)
				}
				return put("n"+strconv.Itoa(i), 1)(ctx, tx)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	for pg.Waiting(b, north) < 200 {
		time.Sleep(time.Millisecond)
	}
	all.Go(func() {
		if _, err := b.Do(t.Context(), east, func(ctx context.Context, tx *pg.Tx) (string, error) {
			served.Store(true)
			return "", nil
		}); err != nil {
			t.Error(err)
		}
	})
	for pg.Waiting(b, east) < 1 {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(5 * time.Millisecond) // eastmere's worker stands in the line for the one writer
	open()
	all.Wait()
	if n := before.Load(); n > 20 {
		t.Errorf("eastmere's one call waited for %d of northwick's 200", n)
	}
}

func TestALostConnectionIsNobodysAnswer(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	b := workers(db, pg.BatchOptions{PerTenant: 1}, &sizes{})
	calls := make([]work, 16)
	for i := range calls {
		calls[i] = put("n"+strconv.Itoa(i), 1)
	}
	var once sync.Once
	calls[9] = func(ctx context.Context, tx *pg.Tx) (string, error) {
		once.Do(func() {
			var pid int
			if err := tx.GetContext(ctx, &pid, `SELECT pg_backend_pid()`); err != nil { // by now others' rows are written
				t.Error(err)
			}
			asOwner(t, url, fmt.Sprintf(`SELECT pg_terminate_backend(%d)`, pid))
		})
		return put("n9", 1)(ctx, tx)
	}
	_, errs := together(t, b, nil, calls)
	for i, err := range errs {
		if kernel.KindOf(err) != kernel.Unavailable {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if n := count(t, db, north); n != 0 {
		t.Errorf("%d rows of calls that were told nothing was saved", n)
	}
	if _, err := b.Do(t.Context(), north, put("after", 1)); err != nil {
		t.Errorf("the next call: %v", err)
	}
}

func TestADrawThatWasTakenIsDrawnAgain(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	drawn := pg.NewRows(pg.OrderFirst+1, func(ctx context.Context, tx *pg.Tx, rows []note) error {
		return pg.MapDrawn(insert(ctx, tx, north, rows[0].id), "note_pkey")
	})
	if err := db.InTx(t.Context(), north, func(tx *pg.Tx) error { return insert(t.Context(), tx, north, "0") }); err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int32
	draw := func(ctx context.Context, tx *pg.Tx) (string, error) {
		id := strconv.Itoa(int(tries.Add(1)) - 1)
		return id, drawn.Put(ctx, tx, note{id: id})
	}
	if got, err := workers(db, pg.BatchOptions{PerTenant: 1}, &sizes{}).Do(t.Context(), north, draw); err != nil || got != "1" {
		t.Errorf("in a batch: %q, %v after %d tries", got, err, tries.Load())
	}
	tries.Store(0)
	if err := db.InTx(t.Context(), north, func(tx *pg.Tx) error { _, err := draw(t.Context(), tx); return err }); err != nil || tries.Load() != 3 {
		t.Errorf("alone: %v after %d tries", err, tries.Load())
	}
}

func TestManyBatchersAtOnceKeepEveryCallWholeAndEveryKeyToOneOutcome(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	houses := []*pg.Batcher[work, string]{workers(db, pg.BatchOptions{Size: 7}, &sizes{}), workers(db, pg.BatchOptions{}, &sizes{})}
	var all sync.WaitGroup
	var mu sync.Mutex
	first := map[string]string{} // key → answer
	for i := range 300 {
		key := strconv.Itoa(i % 150)
		ctx := withKey(t.Context(), "p", key, "h")
		all.Go(func() {
			id := kernel.NewID()
			got, err := houses[rand.IntN(2)].Do(ctx, north, func(ctx context.Context, tx *pg.Tx) (string, error) {
				if strings.HasSuffix(key, "7") {
					return "", errors.Join(noteRows.Put(ctx, tx, note{id, 1}), errNo)
				}
				return id, noteRows.Put(ctx, tx, note{id, 1}, note{id + "-second", 1})
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && first[key] == "":
				first[key] = got
			case err == nil && first[key] != got:
				t.Errorf("key %s was answered %s and %s", key, first[key], got)
			case err != nil && !errors.Is(err, kernel.ErrKeyRunning) && !errors.Is(err, errNo):
				t.Errorf("key %s: %v", key, err)
			}
		})
	}
	all.Wait()
	if n := count(t, db, north); n != 2*len(first) || len(first) != 135 {
		t.Errorf("%d rows for %d keys that succeeded, want 270 for 135", n, len(first))
	}
}
