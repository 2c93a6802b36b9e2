package pg

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"townhall/modules/kernel"
)

// Batcher answers the calls of concurrent requests in shared transactions: each municipality's calls queue, and
// whatever waits when a writer is free goes into one transaction. One BEGIN, one COMMIT and one statement per table
// then serve many requests. A call that finds the writer idle is not held back to wait for company.
//
// What a caller can rely on is what InTx and Once promise: its call happens wholly or not at all, nothing is
// acknowledged before the COMMIT, its Idempotency-Key has one outcome, and another's failure is not its own.
type Batcher[I, O any] struct {
	db      *DB
	o       BatchOptions
	run     func(context.Context, *Tx, []*Call[I, O]) error
	writers *semaphore.Weighted // first come, first served, so that tenants take turns

	mu      sync.Mutex
	queues  map[kernel.TenantID]*queue[I, O] // of tenants that have a worker
	closed  bool
	workers sync.WaitGroup
}

// BatchOptions tunes a Batcher; zero values are right for a server.
type BatchOptions struct {
	Size  int // calls in one transaction, at most; default 128
	Queue int // calls of one tenant that may wait; default 1024. More are refused with ErrBusy

	PerTenant int // transactions of one tenant at once; default 2: while one waits for the disk, the other works
	Writers   int // transactions at once; default one more than PerTenant, so that no tenant keeps the others waiting
}

// queue is what waits of one tenant.
type queue[I, O any] struct {
	waiting []*Call[I, O]
	workers int
	running int           // calls that are in transactions
	arrived chan struct{} // a call has come
}

// Call is one request inside a batch. Ctx carries its principal, locale, tenant and idempotency key; it does not end
// with the request, because the statements of one call are everybody's. Out is what its Do returns.
type Call[I, O any] struct {
	Ctx context.Context
	In  I
	Out O

	err    error
	wrote  bool // by a statement of its own, which only undoing the transaction takes back
	key    kernel.Idempotency
	scope  string
	keyed  bool
	result []byte // as the idempotency record keeps it
	state  atomic.Int32
	done   chan struct{}
}

const (
	callWaits int32 = iota
	callTaken
	callLeft // its request ended before it began
)

// Failed reports whether the call has its error already.
func (c *Call[I, O]) Failed() bool { return c.err != nil }

// Lost reports whether the call has failed with err.
func (c *Call[I, O]) Lost(err error) bool { return errors.Is(c.err, err) }

// Wrote says that a statement for many calls has changed rows for this one. Should it fail after that, the transaction is
// undone and run again without it. Rows put with Rows.Put, and statements sent inside Each, need no such word.
func (c *Call[I, O]) Wrote() { c.wrote = true }

// Fail gives the call its error; what Each or the Batcher finds failed is not answered otherwise. err is the call's
// own, such as "this slot is taken", never the database's.
func (c *Call[I, O]) Fail(err error) { c.err = err }

// NewBatcher makes a Batcher whose calls are handled by run, many at a time and in one transaction. run may be called
// several times for the same calls and must not act on the outside. It handles each call by Each and statements
// for all of them in between; an error it returns is nobody's in particular: the calls are run again in halves until the
// one that causes it is alone. db.Close closes the Batcher.
func NewBatcher[I, O any](db *DB, o BatchOptions, run func(context.Context, *Tx, []*Call[I, O]) error) *Batcher[I, O] {
	defaults(&o.Size, 128)
	defaults(&o.Queue, 1024)
	defaults(&o.PerTenant, 2)
	defaults(&o.Writers, o.PerTenant+1)
	b := &Batcher[I, O]{db: db, o: o, run: run, writers: semaphore.NewWeighted(int64(o.Writers)), queues: map[kernel.TenantID]*queue[I, O]{}}
	if db != nil { // only to be described: contracts and pages are made without a database
		db.onClose(b.Close)
	}
	return b
}

// Do runs one call in the next transaction of tenant and returns when that has ended. With an idempotency key in ctx
// it is Once, otherwise InTx, errors included; beyond these ErrBusy when too many calls wait. A ctx that ends while
// the call waits takes it back; one that ends later changes nothing: Do still returns the outcome.
func (b *Batcher[I, O]) Do(ctx context.Context, tenant kernel.TenantID, in I) (O, error) {
	var zero O
	if !validTenant(tenant) {
		return zero, fmt.Errorf("pg: %q is not a tenant id", tenant)
	}
	c := &Call[I, O]{Ctx: context.WithoutCancel(ctx), In: in, done: make(chan struct{})}
	if c.key, c.keyed = kernel.IdempotencyOf(ctx); c.keyed {
		c.scope = scopeOf(kernel.PrincipalOf(ctx))
	}
	if err := b.enqueue(tenant, c); err != nil {
		return zero, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		if c.state.CompareAndSwap(callWaits, callLeft) {
			return zero, ctx.Err()
		}
		<-c.done
	}
	if c.err != nil {
		return zero, c.err
	}
	return c.Out, nil
}

func (b *Batcher[I, O]) enqueue(tenant kernel.TenantID, c *Call[I, O]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := b.queues[tenant]
	switch {
	case b.closed:
		return ErrNoDatabase
	case q == nil:
		q = &queue[I, O]{arrived: make(chan struct{}, 1)}
		b.queues[tenant] = q
	case len(q.waiting) >= b.o.Queue:
		return ErrBusy
	}
	q.waiting = append(q.waiting, c)
	select {
	case q.arrived <- struct{}{}:
	default:
	}
	// A further transaction beside one that runs pays when there is as much for it to do: two small ones cost more than one.
	if q.workers == 0 || q.workers < b.o.PerTenant && len(q.waiting) >= max(q.running, crowd) {
		q.workers++
		b.workers.Go(func() { b.work(tenant, q) })
	}
	return nil
}

// crowd is how many calls must wait before a second transaction of one tenant is opened.
const crowd = 24

// Close refuses new calls and waits for those that were accepted.
func (b *Batcher[I, O]) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.workers.Wait()
}

// work serves one tenant until nothing of it waits.
func (b *Batcher[I, O]) work(tenant kernel.TenantID, q *queue[I, O]) {
	ctx := context.Background() // a batch belongs to no request
	for {
		_ = b.writers.Acquire(ctx, 1) // ctx does not end
		// Whoever could run this very moment gets to join; nobody is waited for.
		for range 4 {
			runtime.Gosched()
		}
		calls, more := b.take(tenant, q)
		began := time.Now()
		if len(calls) > 0 {
			b.settle(ctx, tenant, calls)
		}
		b.writers.Release(1)
		if !more {
			return
		}
		b.company(q, len(calls), time.Since(began)/4)
	}
}

// company waits, for a fraction of the time the last transaction took, until as many calls have come as it had. Those who
// were answered just now are the ones who ask next: without this the first of them would go alone, and the others behind it.
// After a call that was alone nobody is waited for.
func (b *Batcher[I, O]) company(q *queue[I, O], n int, most time.Duration) {
	b.mu.Lock()
	q.running -= n
	b.mu.Unlock()
	if n < 2 {
		return
	}
	end := time.NewTimer(min(most, longestWait))
	defer end.Stop()
	for {
		b.mu.Lock()
		enough := len(q.waiting) >= n || b.closed
		b.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-q.arrived:
		case <-end.C:
			return
		}
	}
}

// longestWait bounds what anybody waits for others.
const longestWait = 5 * time.Millisecond

// take returns the calls of the next batch; more is false when there were none and the worker has been struck off.
func (b *Batcher[I, O]) take(tenant kernel.TenantID, q *queue[I, O]) (calls []*Call[I, O], more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(q.waiting), b.o.Size)
	if n == 0 {
		if q.workers--; q.workers == 0 {
			delete(b.queues, tenant)
		}
		return nil, false
	}
	for _, c := range q.waiting[:n] {
		if c.state.CompareAndSwap(callWaits, callTaken) {
			calls = append(calls, c)
		}
	}
	q.waiting = append([]*Call[I, O](nil), q.waiting[n:]...)
	q.running += len(calls)
	return calls, true
}

// settle brings every call to its end.
func (b *Batcher[I, O]) settle(ctx context.Context, tenant kernel.TenantID, calls []*Call[I, O]) {
	for len(calls) > 0 {
		err := b.try(ctx, tenant, calls)
		var rest []*Call[I, O]
		switch {
		case err == nil || errors.Is(err, errNothingDone):
		case errors.Is(err, errWithout):
			rest = withoutFailedWriters(calls)
		case len(calls) == 1 || isAway(err):
			for _, c := range calls {
				c.err = err
			}
		default: // one of them is the reason: whoever is not must not suffer
			half := len(calls) / 2
			b.settle(ctx, tenant, calls[:half])
			b.settle(ctx, tenant, calls[half:])
			return
		}
		for _, c := range calls {
			if rest == nil || c.wrote && c.err != nil {
				close(c.done)
			}
		}
		calls = rest
	}
}

var (
	// errNothingDone: no call of the batch succeeded, so there is nothing to commit.
	errNothingDone = errors.New("no call of the batch succeeded")
	// errWithout: a call failed after it had written; the others go again without it.
	errWithout = errors.New("a call of the batch failed after it had written")
)

func withoutFailedWriters[I, O any](calls []*Call[I, O]) []*Call[I, O] {
	rest := make([]*Call[I, O], 0, len(calls))
	for _, c := range calls {
		if c.err == nil || !c.wrote {
			rest = append(rest, c)
		}
	}
	return rest
}

// isAway: the database does not answer, or cannot tell. Asking again call by call would not help anybody.
func isAway(err error) bool {
	return errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrNoDatabase)
}

// try runs calls in one transaction. Without an error each has its answer or an error of its own, and what was answered
// is committed.
func (b *Batcher[I, O]) try(ctx context.Context, tenant kernel.TenantID, calls []*Call[I, O]) error {
	return b.db.InTx(ctx, tenant, func(tx *Tx) error {
		var zero O
		for _, c := range calls {
			c.Out, c.err, c.wrote, c.result = zero, nil, false, nil
		}
		tx.buffer = &buffer{}
		tx.callers = callers(calls)
		fresh, err := lookUp(ctx, tx, calls)
		if err != nil {
			return err
		}
		if err := b.handle(ctx, tx, fresh); err != nil {
			return err
		}
		if err := keep(ctx, tx, fresh); err != nil {
			return err
		}
		won := false
		for _, c := range fresh {
			if c.err != nil && c.wrote {
				return errWithout
			}
			won = won || c.err == nil
		}
		if !won {
			return errNothingDone
		}
		return tx.Flush(ctx)
	})
}

func (b *Batcher[I, O]) handle(ctx context.Context, tx *Tx, calls []*Call[I, O]) (err error) {
	if len(calls) == 0 {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = tx.panicked(p)
		}
	}()
	return b.run(ctx, tx, calls)
}

// Each runs fn for every call that has not failed. An error of fn is that call's alone, and so is a panic: the rows it
// had put are dropped, the others go on; where it had written by a statement, the transaction is run again without it. Only the database's own errors are returned, because they end the transaction
// for all; run returns them.
func Each[I, O any](tx *Tx, calls []*Call[I, O], fn func(*Call[I, O]) error) error {
	for _, c := range calls {
		if c.err != nil {
			continue
		}
		mark := tx.mark()
		err := once(tx, c, fn)
		if err == nil {
			continue
		}
		if databaseSaid(err) {
			return err
		}
		c.err = err
		c.wrote = c.wrote || !tx.dropTo(mark)
	}
	return nil
}

func once[I, O any](tx *Tx, c *Call[I, O], fn func(*Call[I, O]) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = tx.panicked(p)
		}
	}()
	return fn(c)
}

// panicked turns a panic into an error. What was panicked with may hold personal data; its type does not.
func (tx *Tx) panicked(p any) error {
	tx.db.log.Error("batch: a call panicked", "tenant", tx.tenant, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	return fmt.Errorf("panic: %T", p)
}

// callers are the people the calls of a batch come from, each once.
func callers[I, O any](calls []*Call[I, O]) []kernel.PersonID {
	seen := make(map[kernel.PersonID]bool, len(calls))
	out := make([]kernel.PersonID, 0, len(calls))
	for _, c := range calls {
		if p := kernel.PrincipalOf(c.Ctx).Person; p != "" && !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	return out
}

// keep puts the idempotency records of the calls that succeeded, and gives them their answers back as a replay would read it.
func keep[I, O any](ctx context.Context, tx *Tx, calls []*Call[I, O]) error {
	return Each(tx, calls, func(c *Call[I, O]) error {
		if !c.keyed {
			return nil
		}
		var err error
		if c.result, err = json.Marshal(c.Out); err != nil {
			return fmt.Errorf("idempotency record of %s: %w", c.key.Operation, err)
		}
		if err := answers.Put(ctx, tx, answer{c.scope, c.key, c.result}); err != nil {
			return err
		}
		return c.read()
	})
}

// read fills Out from the record.
func (c *Call[I, O]) read() error {
	var out O
	if err := json.Unmarshal(c.result, &out); err != nil {
		return fmt.Errorf("idempotency record of %s: %w", c.key.Operation, err)
	}
	c.Out = out
	return nil
}

// lookUp answers the calls whose keys are known already and returns those that are to be run.
func lookUp[I, O any](ctx context.Context, tx *Tx, calls []*Call[I, O]) ([]*Call[I, O], error) {
	var ask []asked
	var whose []*Call[I, O]
	fresh := make([]*Call[I, O], 0, len(calls))
	first := map[asked]bool{}
	for _, c := range calls {
		a := asked{c.scope, c.key.Operation, c.key.Key}
		switch {
		case !c.keyed:
			fresh = append(fresh, c)
		case first[a]: // the lock does not tell two calls of one transaction apart
			c.err = kernel.ErrKeyRunning
		default:
			first[a] = true
			ask, whose = append(ask, a), append(whose, c)
		}
	}
	found, err := tx.idempotencyRecords(ctx, ask)
	if err != nil {
		return nil, err
	}
	for i, c := range whose {
		c.result, c.err = found[i].verdict(c.key.Hash)
		switch {
		case c.err != nil:
		case c.result != nil:
			c.err = c.read()
		default:
			fresh = append(fresh, c)
		}
	}
	return fresh, nil
}
