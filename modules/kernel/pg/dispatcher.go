package pg

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
// Fairness: every tenant has its own few workers, and all of them queue, first come first served, for the process's
// slots. A tenant whose effects fail or hang delays nobody but itself.
type Dispatcher struct {
	db    *DB
	dir   kernel.Directory
	subs  map[string]Effects
	names []string // "event/module" of every handler: effects of a module that is not here stay untouched
	o     DispatchOptions
	slots *semaphore.Weighted
}

// NewDispatcher makes a dispatcher for the handlers of subs (module → effects): the same that DB.Subscribe was told,
// or only some of them, when this process is to run only those.
func NewDispatcher(db *DB, dir kernel.Directory, subs map[string]Effects, o DispatchOptions) *Dispatcher {
	defaults(&o.Workers, 8)
	defaults(&o.PerTenant, 2)
	defaults(&o.Poll, time.Second)
	defaults(&o.Lease, time.Minute)
	defaults(&o.MaxTries, 12)
	defaults(&o.Backoff, time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dispatcher{db: db, dir: dir, subs: subs, o: o, slots: semaphore.NewWeighted(int64(o.Workers))}
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
	var workers sync.WaitGroup
	for _, t := range d.dir.Tenants() {
		woken := make(chan struct{}, d.o.PerTenant)
		wake[t.ID] = woken
		for range d.o.PerTenant {
			workers.Go(func() { d.work(ctx, t, woken) })
		}
	}
	d.listen(ctx, wake)
	workers.Wait()
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
					for range cap(c) {
						select {
						case c <- struct{}{}:
						default:
						}
					}
				}
			}
		}
	}
}

// work is one worker of one tenant: it runs what is due, then waits for a wake-up or the poll.
func (d *Dispatcher) work(ctx context.Context, t kernel.Tenant, wake <-chan struct{}) {
	for ctx.Err() == nil {
		found := false
		if d.slots.Acquire(ctx, 1) == nil {
			found, _ = d.runOne(ctx, t)
			d.slots.Release(1)
		}
		if found {
			continue
		}
		select {
		case <-ctx.Done():
		case <-wake:
		case <-time.After(d.o.Poll/2 + rand.N(d.o.Poll)):
		}
	}
}

// Drain runs the effects that are due now, and those they cause, until none is due. It returns what handlers failed
// with; failed effects stay scheduled. Tests and the demo tour use it.
func (d *Dispatcher) Drain(ctx context.Context) error {
	var failures []error
	for again := true; again; {
		again = false
		for _, t := range d.dir.Tenants() {
			found := true
			for found {
				var err error
				if found, err = d.runOne(ctx, t); err != nil {
					failures = append(failures, err)
				}
				again = again || found
			}
		}
	}
	return errors.Join(append(failures, ctx.Err())...)
}

// runOne claims one due effect of t, runs it and completes it. It reports whether there was one.
func (d *Dispatcher) runOne(ctx context.Context, t kernel.Tenant) (found bool, err error) {
	e, found, err := d.claim(ctx, t.ID)
	if err != nil {
		if ctx.Err() == nil {
			d.o.Log.Error("effects: cannot claim", "tenant", t.ID, "err", err)
		}
		return false, err
	}
	if !found || e == nil { // e is nil when the claim found an effect that has used up its tries
		return found, nil
	}
	ctx = kernel.WithTenant(kernel.WithPrincipal(ctx, kernel.SystemPrincipal(t.ID)), t)
	complete, err := d.handle(ctx, *e)
	if err == nil {
		err = d.complete(ctx, *e, complete)
	}
	if err == nil {
		return true, nil
	}
	err = fmt.Errorf("effect %s %s attempt %d: %w", e.Name, e.ID, e.Attempt, err)
	if errors.Is(err, errLeaseLost) {
		d.o.Log.Warn("effects: lease lost", "tenant", t.ID, "effect", e.ID)
		return true, err
	}
	d.o.Log.Warn("effects: attempt failed", "tenant", t.ID, "effect", e.ID, "name", e.Name, "attempt", e.Attempt, "err", safeText(err))
	if failErr := d.fail(ctx, *e, err); failErr != nil {
		err = errors.Join(err, failErr)
	}
	return true, err
}

const claimSQL = `
	UPDATE kernel.effect SET
	  state = CASE WHEN tries >= $4 THEN 'dead' ELSE 'open' END,
	  last_error = CASE WHEN tries >= $4 THEN coalesce(last_error, 'interrupted') ELSE last_error END,
	  leased = tries < $4, attempt = attempt + 1, tries = tries + 1,
	  not_before = now() + $5 * interval '1 microsecond'
	WHERE tenant_id = $1 AND id = (
	  SELECT id FROM kernel.effect
	  WHERE tenant_id = $1 AND state = 'open' AND due_at <= coalesce($2, now()) AND not_before <= now() AND name = ANY ($3)
	  ORDER BY due_at, not_before, id LIMIT 1 FOR UPDATE SKIP LOCKED)
	RETURNING id, name, coalesce(case_id::text, '') AS case, state, payload, attempt`

// claim leases the effect that has been due longest: the first of the index effect_next, since sorting a long queue
// would cost more than the effect itself. One that has used up its tries by crashing the process becomes
// dead here: nobody was left to record its failure.
func (d *Dispatcher) claim(ctx context.Context, t kernel.TenantID) (e *kernel.Effect, found bool, err error) {
	var now sql.NullTime
	if d.o.Clock != nil {
		now = sql.NullTime{Time: d.o.Clock.Now(), Valid: true}
	}
	var row struct {
		ID, Name, Case, State string
		Payload               json.RawMessage
		Attempt               int
	}
	err = d.db.InTx(ctx, t, func(tx *Tx) error {
		return tx.GetContext(ctx, &row, claimSQL, string(t), now, pq.Array(d.names), d.o.MaxTries, d.o.Lease.Microseconds())
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case row.State == "dead":
		return nil, true, nil
	}
	return &kernel.Effect{Tenant: t, ID: row.ID, Name: row.Name, Case: kernel.CaseID(row.Case), Payload: row.Payload, Attempt: row.Attempt}, true, nil
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

// complete closes the effect and runs c in one transaction of the tenant.
func (d *Dispatcher) complete(ctx context.Context, e kernel.Effect, c Complete) error {
	// A handler that has acted outside should be able to say so even while the process is being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return d.db.InTx(ctx, e.Tenant, func(tx *Tx) error {
		if err := fenced(tx.ExecContext(ctx, `
			UPDATE kernel.effect SET state = 'done', leased = false, last_error = NULL, done_at = now()
			WHERE tenant_id = $1 AND id = $2 AND attempt = $3 AND state = 'open'`,
			string(e.Tenant), e.ID, e.Attempt)); err != nil || c == nil {
			return err
		}
		return c(ctx, tx)
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
