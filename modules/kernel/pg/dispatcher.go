package pg

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lib/pq"
	"golang.org/x/sync/semaphore"

	"townhall/modules/kernel"
)

// Dispatcher runs effects. Any number of them, in any number of processes, may run on one database: a claim is a
// conditional update with a lease, and the completion is fenced on the attempt number, so each effect completes once.
//
// Fairness: a tenant has a few effects at once, and all tenants queue, first come first served, for the process's
// slots. A tenant whose effects fail or hang delays nobody but itself.
//
// What is due together is claimed by one statement, and effects that end at the same moment are completed in one
// transaction: with a claim and a completion for each, these would be most of the round trips and commits of a busy town.
type Dispatcher struct {
	db     *DB
	dir    kernel.Directory
	subs   map[string]Effects
	names  []string // "event/module" of every handler: effects of a module that is not here stay untouched
	o      DispatchOptions
	slots  *semaphore.Weighted
	ending *Batcher[ended, struct{}]
}

// NewDispatcher makes a dispatcher for the handlers of subs (module → effects): the same that DB.Subscribe was told,
// or only some of them, when this process is to run only those.
func NewDispatcher(db *DB, dir kernel.Directory, subs map[string]Effects, o DispatchOptions) *Dispatcher {
	defaults(&o.Workers, 32)
	defaults(&o.PerTenant, 8)
	defaults(&o.Poll, time.Second)
	defaults(&o.Lease, time.Minute)
	defaults(&o.MaxTries, 12)
	defaults(&o.Backoff, time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{db: db, dir: dir, subs: subs, o: o, slots: semaphore.NewWeighted(int64(o.Workers))}
	// A writer for every slot: whoever waits for a lock in one tenant's completion keeps no other tenant waiting.
	d.ending = NewBatcher(db, BatchOptions{Size: o.PerTenant, Writers: o.Workers}, completeAll)
	for module, effects := range subs {
		for event := range effects {
			d.names = append(d.names, event+"/"+module)
		}
	}
	slices.Sort(d.names)
	return d
}

func defaults[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Run dispatches until ctx ends, then waits for the running handlers and returns nil. A municipality added to the
// directory later is served after the next start.
func (d *Dispatcher) Run(ctx context.Context) error {
	wake := map[kernel.TenantID]chan struct{}{}
	var serving sync.WaitGroup
	for _, t := range d.dir.Tenants() {
		woken := make(chan struct{}, 1)
		wake[t.ID] = woken
		serving.Go(func() { d.serve(ctx, t, woken) })
	}
	d.listen(ctx, wake)
	serving.Wait()
	return nil
}

// listen passes wake-ups on until ctx ends. The listener reconnects by itself; what is lost meanwhile the poll finds.
func (d *Dispatcher) listen(ctx context.Context, wake map[kernel.TenantID]chan struct{}) {
	l := pq.NewDialListener(deadlineDialer{idle: 2 * time.Minute}, d.db.url, 100*time.Millisecond, 10*time.Second, nil)
	defer l.Close()
	go func() { _ = l.Listen(wakeChannel) }() // waits for the first connection; Close ends it
	ping := time.NewTicker(45 * time.Second)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ping.C:
			go func() { _ = l.Ping() }()
		case n, ok := <-l.NotificationChannel():
			if !ok {
				<-ctx.Done()
				return
			}
			for t, c := range wake {
				if n == nil || n.Extra == string(t) { // nil: the connection was lost for a while
					select {
					case c <- struct{}{}:
					default:
					}
				}
			}
		}
	}
}

// serve runs what is due of one tenant, and waits for a wake-up or the poll when that is nothing more.
func (d *Dispatcher) serve(ctx context.Context, t kernel.Tenant, wake <-chan struct{}) {
	own := semaphore.NewWeighted(int64(d.o.PerTenant))
	free := func(n int) { d.slots.Release(int64(n)); own.Release(int64(n)) }
	var running sync.WaitGroup
	defer running.Wait()
	for {
		n := d.reserve(ctx, own)
		if n == 0 {
			return
		}
		claimed, found, err := d.claim(ctx, t.ID, n)
		if err != nil && ctx.Err() == nil {
			d.o.Log.Error("effects: cannot claim", "tenant", t.ID, "err", err)
		}
		free(n - len(claimed))
		for _, e := range claimed {
			running.Go(func() {
				defer free(1)
				_ = d.run(ctx, t, e) // logged there
			})
		}
		if found == n {
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(d.o.Poll/2 + rand.N(d.o.Poll)):
		}
	}
}

// reserve waits for a slot of the process and for one of the tenant's own, and takes with it those that are free as well and that
// nobody waits for. It returns how many it has, 0 when ctx has ended.
func (d *Dispatcher) reserve(ctx context.Context, own *semaphore.Weighted) (n int) {
	if own.Acquire(ctx, 1) != nil {
		return 0
	}
	if d.slots.Acquire(ctx, 1) != nil {
		own.Release(1)
		return 0
	}
	// Effects that were completed in one transaction end at this moment: what waits is claimed for all of them at once.
	for range 4 {
		runtime.Gosched()
	}
	for n = 1; own.TryAcquire(1); n++ {
		if !d.slots.TryAcquire(1) {
			own.Release(1)
			break
		}
	}
	if ctx.Err() != nil {
		d.slots.Release(int64(n))
		own.Release(int64(n))
		return 0
	}
	return n
}

// Drain runs the effects that are due now, and those they cause, until none is due. It returns what handlers failed
// with; failed effects stay scheduled. Tests and the demo tour use it.
func (d *Dispatcher) Drain(ctx context.Context) error {
	var failures []error
	for again := true; again; {
		again = false
		for _, t := range d.dir.Tenants() {
			for {
				claimed, found, err := d.claim(ctx, t.ID, 1)
				for _, e := range claimed {
					err = d.run(ctx, t, e)
				}
				if err != nil {
					failures = append(failures, err)
				}
				if found == 0 {
					break
				}
				again = true
			}
		}
	}
	return errors.Join(append(failures, ctx.Err())...)
}

// run does what a claimed effect asks for and completes it, or records the failure that it returns.
func (d *Dispatcher) run(ctx context.Context, t kernel.Tenant, e kernel.Effect) error {
	if now, ok := d.dir.ByHost(t.Host); ok && now.ID == t.ID { // what it offers may have changed since this process began
		t = now
	}
	ctx = kernel.WithTenant(kernel.WithPrincipal(ctx, kernel.SystemPrincipal(t.ID)), t)
	complete, err := d.handle(ctx, e)
	if err == nil {
		err = d.complete(ctx, e, complete)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("effect %s %s attempt %d: %w", e.Name, e.ID, e.Attempt, err)
	if errors.Is(err, errLeaseLost) {
		d.o.Log.Warn("effects: lease lost", "tenant", t.ID, "effect", e.ID)
		return err
	}
	d.o.Log.Warn("effects: attempt failed", "tenant", t.ID, "effect", e.ID, "name", e.Name, "attempt", e.Attempt, "err", safeText(err))
	return errors.Join(err, d.fail(ctx, e, err))
}

const claimSQL = `
	UPDATE kernel.effect SET
	  state = CASE WHEN tries >= $4 THEN 'dead' ELSE 'open' END,
	  last_error = CASE WHEN tries >= $4 THEN coalesce(last_error, 'interrupted') ELSE last_error END,
	  leased = tries < $4, attempt = attempt + 1, tries = tries + 1,
	  not_before = now() + $5 * interval '1 microsecond'
	WHERE tenant_id = $1 AND id = ANY (ARRAY(
	  SELECT id FROM kernel.effect
	  WHERE tenant_id = $1 AND state = 'open' AND due_at <= coalesce($2, now()) AND not_before <= now() AND name = ANY ($3)
	  ORDER BY due_at, not_before, id LIMIT $6 FOR UPDATE SKIP LOCKED))
	RETURNING id, name, coalesce(case_id::text, '') AS case, state, payload, attempt`

// claim leases the effects that have been due longest, n at most: the first of the index effect_next, since sorting a long
// queue would cost more than the effects themselves. found counts those that have used up their tries by crashing the process, too:
// they become dead here, because nobody was left to record their failure.
func (d *Dispatcher) claim(ctx context.Context, t kernel.TenantID, n int) (claimed []kernel.Effect, found int, err error) {
	var now sql.NullTime
	if d.o.Clock != nil {
		now = sql.NullTime{Time: d.o.Clock.Now(), Valid: true}
	}
	var rows []struct {
		ID, Name, Case, State string
		Payload               json.RawMessage
		Attempt               int
	}
	err = d.db.InTx(ctx, t, func(tx *Tx) error {
		rows = nil
		if err := tx.SelectContext(ctx, &rows, claimSQL, string(t), now, pq.Array(d.names), d.o.MaxTries, d.o.Lease.Microseconds(), n); err != nil {
			return err
		}
		if len(rows) == 0 {
			return errNothingDone // nothing to commit
		}
		return nil
	})
	if errors.Is(err, errNothingDone) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	for _, r := range rows {
		if r.State == "open" {
			claimed = append(claimed, kernel.Effect{Tenant: t, ID: r.ID, Name: r.Name, Case: kernel.CaseID(r.Case), Payload: r.Payload, Attempt: r.Attempt})
		}
	}
	return claimed, len(rows), nil
}

// handle runs the handler, with a context that ends before the lease does; a panic is a failure.
func (d *Dispatcher) handle(ctx context.Context, e kernel.Effect) (c Complete, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.o.Lease*4/5)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			c, err = nil, fmt.Errorf("handler panicked: %T", p)
			d.o.Log.Error("effects: handler panicked", "name", e.Name, "effect", e.ID, "stack", string(debug.Stack()))
		}
	}()
	event, module, _ := strings.Cut(e.Name, "/")
	return d.subs[module][event](ctx, e)
}

// errLeaseLost: another attempt has begun, or the effect is done; what this one found out must not be written.
var errLeaseLost = errors.New("the lease was lost")

// ended is an effect whose handler has done its part.
type ended struct {
	kernel.Effect
	complete Complete
}

// complete closes the effect and runs c in one transaction of the tenant, together with those that ended at the same moment.
func (d *Dispatcher) complete(ctx context.Context, e kernel.Effect, c Complete) error {
	// A handler that has acted outside should be able to say so even while the process is being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_, err := d.ending.Do(ctx, e.Tenant, ended{e, c})
	return err
}

const completeSQL = `
	UPDATE kernel.effect e SET state = 'done', leased = false, last_error = NULL, done_at = now()
	WHERE e.tenant_id = $1 AND e.id = ANY ($2::uuid[]) AND e.state = 'open'
	  AND EXISTS (SELECT FROM unnest($2::uuid[], $3::integer[]) AS a (id, attempt) WHERE a.id = e.id AND a.attempt = e.attempt)
	RETURNING e.id, e.attempt`

// completeAll closes effects of one tenant, each with its Complete or not at all.
func completeAll(ctx context.Context, tx *Tx, calls []*Call[ended, struct{}]) error {
	// In the order of their cases, so that two processes never wait for each other's cases crosswise.
	slices.SortStableFunc(calls, func(a, b *Call[ended, struct{}]) int { return strings.Compare(string(a.In.Case), string(b.In.Case)) })
	var c Columns
	for _, call := range calls {
		c.Add(Text(call.In.ID), Int(call.In.Attempt))
	}
	type attempt struct {
		ID      string
		Attempt int
	}
	var rows []attempt
	if err := tx.SelectContext(ctx, &rows, completeSQL, c.Args(string(tx.tenant))...); err != nil {
		return err
	}
	for _, call := range calls {
		if slices.Contains(rows, attempt{call.In.ID, call.In.Attempt}) {
			call.Wrote()
		} else {
			call.Fail(errLeaseLost)
		}
	}
	return Each(tx, calls, func(call *Call[ended, struct{}]) error {
		if call.In.complete == nil {
			return nil
		}
		return call.In.complete(call.Ctx, tx)
	})
}

// fail schedules the next try, or gives up.
func (d *Dispatcher) fail(ctx context.Context, e kernel.Effect, cause error) error {
	stopped := ctx.Err() != nil // the process is being stopped: not the effect's fault, and due at once elsewhere
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return d.db.InTx(ctx, e.Tenant, func(tx *Tx) error {
		if stopped {
			return fenced(tx.ExecContext(ctx, `
				UPDATE kernel.effect SET leased = false, tries = tries - 1, not_before = now()
				WHERE tenant_id = $1 AND id = $2 AND attempt = $3 AND state = 'open'`,
				string(e.Tenant), e.ID, e.Attempt))
		}
		return fenced(tx.ExecContext(ctx, `
			UPDATE kernel.effect SET
			  state = CASE WHEN tries >= $4 THEN 'dead' ELSE 'open' END, leased = false, last_error = $5,
			  not_before = now() + least($6 * (2 ^ (least(tries, 30) - 1)) * $7, 3600e6) * interval '1 microsecond'
			WHERE tenant_id = $1 AND id = $2 AND attempt = $3 AND state = 'open'`,
			string(e.Tenant), e.ID, e.Attempt, d.o.MaxTries, safeText(cause), float64(d.o.Backoff.Microseconds()), 0.75+rand.Float64()/2))
	})
}

// fenced turns "no row changed" into errLeaseLost.
func fenced(r sql.Result, err error) error {
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return errLeaseLost
}
