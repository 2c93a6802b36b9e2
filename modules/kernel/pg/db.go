package pg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"townhall/modules/kernel"
)

// The two roles the application works under; migration 0001 makes them. Neither owns a table, and neither
// may bypass row-level security.
const (
	roleWrite = "townhall_rw"
	roleRead  = "townhall_ro"
)

// Options says how to reach the database. URL is in libpq's form; its user must be a member of townhall_rw and
// townhall_ro, which Migrate grants to the user it runs as.
type Options struct {
	URL      string
	MaxConns int           // per handle (one writes, one reads); 0 means two per core, at least 4
	Timeout  time.Duration // longest statement; 0 means 30 s. A link that is silent a little longer is dead
	Log      *slog.Logger
}

// DB is the database: one handle that writes, one that cannot. Safe for concurrent use.
type DB struct {
	write, read *sqlx.DB
	url         string
	log         *slog.Logger
	subscribers map[string][]string // event name → modules
	wake        *waker
	closing     struct {
		sync.Mutex
		first []func() // what still uses the connections
	}
}

// Open connects and pings. The error is Unavailable when the server does not answer.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.MaxConns <= 0 {
		o.MaxConns = max(4, 2*runtime.NumCPU())
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	write, err := openHandle(o, roleWrite, false)
	if err != nil {
		return nil, err
	}
	read, err := openHandle(o, roleRead, true)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	db := &DB{write: write, read: read, url: o.URL, log: o.Log, wake: newWaker(write, o.Log)}
	for _, h := range []*sqlx.DB{write, read} {
		if err := h.PingContext(ctx); err != nil {
			return nil, errors.Join(asKernel(ctx, err), db.Close())
		}
	}
	return db, nil
}

func openHandle(o Options, role string, readOnly bool) (*sqlx.DB, error) {
	cfg, err := pq.NewConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	if cfg.Runtime == nil {
		cfg.Runtime = map[string]string{}
	}
	cfg.Runtime["role"] = role
	cfg.Runtime["statement_timeout"] = fmt.Sprint(o.Timeout.Milliseconds())
	cfg.Runtime["idle_in_transaction_session_timeout"] = fmt.Sprint(2 * o.Timeout.Milliseconds())
	if readOnly {
		cfg.Runtime["default_transaction_read_only"] = "on"
	}
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = "townhall"
	}
	inner, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	// The server ends a slow statement itself; only a link that stays silent beyond that is dead.
	inner.Dialer(deadlineDialer{idle: o.Timeout + o.Timeout/4 + 500*time.Millisecond})
	h := sql.OpenDB(&connector{inner})
	h.SetMaxOpenConns(o.MaxConns)
	h.SetMaxIdleConns(o.MaxConns)
	h.SetConnMaxIdleTime(5 * time.Minute)
	return sqlx.NewDb(h, "postgres"), nil
}

// Close waits for the calls its Batchers have accepted and ends all connections; call it after everything else that
// uses db has ended.
func (db *DB) Close() error {
	db.closing.Lock()
	first := db.closing.first
	db.closing.Unlock()
	for _, end := range first {
		end()
	}
	db.wake.stop()
	return errors.Join(db.write.Close(), db.read.Close())
}

func (db *DB) onClose(end func()) {
	db.closing.Lock()
	db.closing.first = append(db.closing.first, end)
	db.closing.Unlock()
}

// Ping says whether the database answers, for readiness checks.
func (db *DB) Ping(ctx context.Context) error { return asKernel(ctx, db.read.PingContext(ctx)) }

// Tx is one open transaction of one tenant. It implements kernel.Tx; only stores use what is inside.
type Tx struct {
	*sqlx.Tx
	tenant  kernel.TenantID
	db      *DB
	emitted bool
	buffer  *buffer           // nil outside of a batch
	callers []kernel.PersonID // of a batch
	memos   map[any]any       // *Memo → its map
}

// TenantID is the municipality whose rows this transaction sees; empty in Shared.
func (tx *Tx) TenantID() kernel.TenantID { return tx.tenant }

// From returns the transaction a contract was called with. It panics on a kernel.Tx that pg did not make,
// which only a test double would be, and our own code is never mocked.
func From(tx kernel.Tx) *Tx { return tx.(*Tx) }

// InTx runs fn in one write transaction of tenant and commits it when fn returns nil. fn may run several times
// (serialization failures and deadlocks are retried with jitter), so it must not act on the outside. A COMMIT
// whose answer is lost is never repeated: the error is Unavailable, "outcome-unknown". Do not call InTx or Read
// inside fn: that takes a second connection while holding the first.
func (db *DB) InTx(ctx context.Context, tenant kernel.TenantID, fn func(*Tx) error) error {
	if !validTenant(tenant) {
		return fmt.Errorf("pg: %q is not a tenant id", tenant)
	}
	return db.retry(ctx, db.write, tenant, fn)
}

// Read runs fn on the read-only handle, in one snapshot of tenant's data. A write in it fails.
func (db *DB) Read(ctx context.Context, tenant kernel.TenantID, fn func(*Tx) error) error {
	if !validTenant(tenant) {
		return fmt.Errorf("pg: %q is not a tenant id", tenant)
	}
	return db.retry(ctx, db.read, tenant, fn)
}

// Shared runs fn in one write transaction without a tenant: only the few tables shared by all municipalities
// can be used in it, a tenant table raises.
func (db *DB) Shared(ctx context.Context, fn func(*Tx) error) error {
	return db.retry(ctx, db.write, "", fn)
}

const maxTries = 8

func (db *DB) retry(ctx context.Context, h *sqlx.DB, tenant kernel.TenantID, fn func(*Tx) error) error {
	for try := 1; ; try++ {
		err := db.try(ctx, h, tenant, fn)
		if err == nil || !retryable(err) {
			return asKernel(ctx, err)
		}
		if try == maxTries {
			return ErrBusy.Wrap(err)
		}
		// Full jitter: racers that collided once must not collide again.
		pause := time.Duration(1 + rand.Int64N(int64(4*time.Millisecond)<<try))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (db *DB) try(ctx context.Context, h *sqlx.DB, tenant kernel.TenantID, fn func(*Tx) error) error {
	inner, err := h.BeginTxx(context.WithValue(ctx, beginKey{}, tenant), &sql.TxOptions{ReadOnly: h == db.read})
	if err != nil {
		return err
	}
	tx := &Tx{Tx: inner, tenant: tenant, db: db}
	done := false
	defer func() {
		if !done { // fn failed, panicked or ended its goroutine
			_ = inner.Rollback()
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	done = true
	if err := inner.Commit(); err != nil {
		return &commitError{err}
	}
	if tx.emitted {
		db.wake.tell(tenant)
	}
	return nil
}

// validTenant keeps everything but a slug out of the statement that names the tenant.
func validTenant(t kernel.TenantID) bool {
	if t == "" || len(t) > 63 {
		return false
	}
	for _, c := range []byte(t) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// waker tells dispatchers, here and in other processes, that a tenant has new effects. It notifies after the
// commit, not in it: NOTIFY inside a transaction makes commits queue behind one lock. A lost wake-up costs one
// poll interval.
type waker struct {
	db    *sqlx.DB
	log   *slog.Logger
	mu    sync.Mutex
	dirty map[kernel.TenantID]bool
	kick  chan struct{}
	quit  chan struct{}
	ended chan struct{}
	once  sync.Once
}

const wakeChannel = "townhall_effect"

func newWaker(db *sqlx.DB, log *slog.Logger) *waker {
	w := &waker{db: db, log: log, dirty: map[kernel.TenantID]bool{},
		kick: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w
}

func (w *waker) tell(t kernel.TenantID) {
	w.mu.Lock()
	w.dirty[t] = true
	w.mu.Unlock()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

func (w *waker) run() {
	defer close(w.ended)
	for {
		select {
		case <-w.quit:
			return
		case <-w.kick:
		}
		w.mu.Lock()
		dirty := w.dirty
		w.dirty = map[kernel.TenantID]bool{}
		w.mu.Unlock()
		for t := range dirty {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			// Outside a transaction on purpose: telling twice is harmless.
			if _, err := w.db.ExecContext(ctx, "SELECT pg_notify($1, $2)", wakeChannel, string(t)); err != nil {
				w.log.Warn("effects: wake-up not sent", "tenant", t, "err", err)
			}
			cancel()
		}
	}
}

func (w *waker) stop() {
	w.once.Do(func() { close(w.quit) })
	<-w.ended
}
