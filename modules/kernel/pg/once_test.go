package pg_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type receipt struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
	N  []int
}

func withKey(ctx context.Context, person, key, hash string) context.Context {
	ctx = kernel.WithPrincipal(ctx, kernel.Principal{Kind: kernel.Citizen, Tenant: north, Person: kernel.PersonID(person)})
	return kernel.WithIdempotency(ctx, kernel.Idempotency{Key: key, Operation: "test", Hash: hash})
}

// keyed is one way to run an operation with an Idempotency-Key; all promise the same.
type keyed[T any] func(ctx context.Context, tenant kernel.TenantID, fn func(*pg.Tx) (T, error)) (T, error)

// ways are Once and a batch. Each call of what a way makes is another process's.
func ways[T any](t *testing.T, test func(t *testing.T, db *pg.DB, process func() keyed[T])) {
	t.Parallel()
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		db, _ := notes(t)
		test(t, db, func() keyed[T] {
			return func(ctx context.Context, tenant kernel.TenantID, fn func(*pg.Tx) (T, error)) (T, error) {
				return pg.Once(ctx, db, tenant, fn)
			}
		})
	})
	t.Run("batch", func(t *testing.T) {
		t.Parallel()
		db, _ := notes(t)
		test(t, db, func() keyed[T] {
			type fn = func(*pg.Tx) (T, error)
			return pg.NewBatcher(db, pg.BatchOptions{}, func(_ context.Context, tx *pg.Tx, calls []*pg.Call[fn, T]) error {
				return pg.Each(tx, calls, func(c *pg.Call[fn, T]) (err error) {
					c.Out, err = c.In(tx)
					return err
				})
			}).Do
		})
	})
}

func TestARepeatedRequestGetsTheFirstAnswerAndDoesNothing(t *testing.T) {
	ways(t, repeatedRequest)
}

func repeatedRequest(t *testing.T, db *pg.DB, process func() keyed[receipt]) {
	once := process()
	var runs int
	do := func(ctx context.Context) (receipt, error) {
		return once(ctx, north, func(tx *pg.Tx) (receipt, error) {
			runs++
			id := kernel.NewID()
			return receipt{ID: id, At: time.Now(), N: []int{runs}}, insert(ctx, tx, north, id)
		})
	}
	ctx := withKey(t.Context(), "p", "k", "h")
	first, err := do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := do(ctx)
	if err != nil || second.ID != first.ID || second.At != first.At || second.N[0] != 1 || runs != 1 {
		t.Errorf("first %+v, replay %+v after %d runs: %v", first, second, runs, err)
	}
	if _, err := do(withKey(t.Context(), "p", "k", "other")); !errors.Is(err, kernel.ErrKeyReused) {
		t.Errorf("the key with another request: %v", err)
	}
	if other, err := do(withKey(t.Context(), "q", "k", "h")); err != nil || other.ID == first.ID {
		t.Errorf("another person's key: %+v, %v", other, err)
	}
	if _, err := do(t.Context()); err != nil || runs != 3 {
		t.Errorf("without a key: %d runs, %v", runs, err)
	}
	if n := count(t, db, north); n != 3 {
		t.Errorf("%d rows", n)
	}
}

func TestAFailedRequestMayBeRepeated(t *testing.T) { ways(t, failedRequest) }

func failedRequest(t *testing.T, db *pg.DB, process func() keyed[int]) {
	once := process()
	ctx := withKey(t.Context(), "p", "k", "h")
	refused := kernel.NewError(kernel.Conflict, "refused", "Refused.")
	for i, want := range []error{refused, nil, nil} {
		_, err := once(ctx, north, func(tx *pg.Tx) (int, error) {
			if err := insert(ctx, tx, north, "a"); err != nil {
				return 0, err
			}
			return 1, want
		})
		if !errors.Is(err, want) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if n := count(t, db, north); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestRequestsAtOnceWithOneKeyHaveOneEffect(t *testing.T) { ways(t, requestsAtOnce) }

func requestsAtOnce(t *testing.T, db *pg.DB, process func() keyed[string]) {
	processes := []keyed[string]{process(), process()}
	var ran, answered, running atomic.Int32
	for round := range 20 {
		key := strconv.Itoa(round)
		ctx := withKey(t.Context(), "p", key, "h")
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				got, err := processes[i%2](ctx, north, func(tx *pg.Tx) (string, error) {
					id := kernel.NewID()
					return id, insert(ctx, tx, north, id)
				})
				switch {
				case err == nil && got != "":
					answered.Add(1)
				case errors.Is(err, kernel.ErrKeyRunning):
					running.Add(1)
				default:
					t.Errorf("%q, %v", got, err)
				}
			})
		}
		all.Wait()
		ran.Add(1)
	}
	if n := count(t, db, north); n != 20 {
		t.Errorf("%d rows for 20 keys", n)
	}
	t.Logf("%d answered, %d told to wait", answered.Load(), running.Load())
}

func TestASecondRequestDoesNotWaitForTheFirst(t *testing.T) { ways(t, secondRequest) }

func secondRequest(t *testing.T, _ *pg.DB, process func() keyed[int]) {
	once, elsewhere := process(), process()
	ctx := withKey(t.Context(), "p", "k", "h")
	if _, err := once(ctx, north, func(*pg.Tx) (int, error) {
		_, err := elsewhere(ctx, north, func(*pg.Tx) (int, error) { t.Error("ran"); return 0, nil })
		if !errors.Is(err, kernel.ErrKeyRunning) {
			t.Errorf("while the first runs: %v", err)
		}
		return 0, nil
	}); err != nil {
		t.Error(err)
	}
}
