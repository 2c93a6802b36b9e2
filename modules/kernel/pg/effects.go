package pg

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
)

// Handler does what an effect asks for. It may act on the outside and may run more than once for the same effect
// (a crash, a lost lease), so what it does must be idempotent by e.ID. ctx ends before the lease does, carries the
// tenant and the system as principal. Writes belong into the returned Complete.
type Handler func(ctx context.Context, e kernel.Effect) (Complete, error)

// Complete runs in the tenant's transaction that completes the effect, exactly once: when this attempt has lost its
// lease meanwhile, the transaction is refused before Complete runs. nil means that there is nothing to write.
type Complete func(ctx context.Context, tx *Tx) error

// Effects are the handlers of one module, by event name.
type Effects map[string]Handler

// DispatchOptions tunes a dispatcher; zero values are right for a server.
type DispatchOptions struct {
	Workers   int           // effects at once in this process; default 32
	PerTenant int           // of these, for one tenant; default 8
	Poll      time.Duration // the safety net when a wake-up is lost; default 1 s
	Lease     time.Duration // how long an attempt may take; default 1 min
	MaxTries  int           // then the effect is dead until staff retry it; default 12
	Backoff   time.Duration // after the first failure, doubling up to an hour; default 1 s
	Clock     kernel.Clock  // for Event.Due; nil means the database's clock. Leases are always the database's
	Log       *slog.Logger
}

// EffectStatus is one effect as a case page shows it.
type EffectStatus struct {
	ID        string
	Event     string // e.g. "case.notice"
	Module    string // who handles it, e.g. "notify"
	State     string // "waiting", "running", "done", "dead"
	Attempt   int
	Due       time.Time // when it may run next
	LastError string    // a slug or a technical text without personal data; empty when the last attempt went well
	CreatedAt time.Time
	DoneAt    time.Time // zero unless done
}

// Subscribe tells Emit which modules listen to which event. Call it once, at composition, before any Emit.
func (db *DB) Subscribe(subs map[string]Effects) {
	db.subscribers = map[string][]string{}
	for _, module := range slices.Sorted(maps.Keys(subs)) {
		for event := range subs[module] {
			db.subscribers[event] = append(db.subscribers[event], module)
		}
	}
}

// Emit writes one effect row per module that subscribed to an event's name, in the caller's transaction; none when
// nobody did. The same event (name and key) written twice is one effect; without a key every event is a new one.
func Emit(ctx context.Context, tx kernel.Tx, events ...kernel.Event) error {
	t := From(tx)
	var rows []effectRow
	for _, e := range events {
		modules := t.db.subscribers[e.Name]
		if len(modules) == 0 {
			continue
		}
		payload, err := json.Marshal(e.Payload)
		if err != nil {
			return fmt.Errorf("payload of event %s: %w", e.Name, err)
		}
		due := "-infinity" // at once, whatever any clock says
		if !e.Due.IsZero() {
			due = e.Due.UTC().Format(time.RFC3339Nano)
		}
		for _, module := range modules {
			id := kernel.NewID()
			rows = append(rows, effectRow{id, e.Name + "/" + module, cmp.Or(e.Key, id), string(e.Case), string(payload), due})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	t.emitted = true
	return effectRows.Put(ctx, tx, rows...)
}

type effectRow struct{ id, name, key, kase, payload, due string }

var effectRows = NewRows(OrderEffects, writeEffects)

func writeEffects(ctx context.Context, tx *Tx, rows []effectRow) error {
	var c Columns
	for _, r := range rows {
		c.Add(Text(r.id), Text(r.name), Text(r.key), TextOrNull(r.kase), Text(r.payload), Text(r.due))
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO kernel.effect (tenant_id, id, name, key, case_id, payload, due_at)
		SELECT $1, e.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::jsonb[], $7::timestamptz[]) AS e
		ON CONFLICT (tenant_id, name, key) DO NOTHING`, c.Args(string(tx.tenant))...)
	return err
}

// EffectsOf returns what was to be done because of a case, oldest first.
func EffectsOf(ctx context.Context, tx *Tx, c kernel.CaseID) ([]EffectStatus, error) {
	var rows []struct {
		ID, Name, State, LastError string
		Attempt                    int
		Due, CreatedAt             time.Time
		DoneAt                     sql.NullTime
	}
	err := tx.SelectContext(ctx, &rows, `
		SELECT id, name, attempt, coalesce(last_error, '') AS lasterror, created_at AS createdat, done_at AS doneat,
		  CASE WHEN state = 'open' AND leased AND not_before > now() THEN 'running' WHEN state = 'open' THEN 'waiting' ELSE state END AS state,
		  CASE WHEN isfinite(due_at) THEN greatest(due_at, not_before) ELSE not_before END AS due
		FROM kernel.effect WHERE tenant_id = $1 AND case_id = $2 ORDER BY id LIMIT 500`,
		string(tx.tenant), string(c))
	if err != nil {
		return nil, err
	}
	out := make([]EffectStatus, len(rows))
	for i, r := range rows {
		event, module, _ := strings.Cut(r.Name, "/")
		out[i] = EffectStatus{ID: r.ID, Event: event, Module: module, State: r.State, Attempt: r.Attempt,
			Due: r.Due, LastError: r.LastError, CreatedAt: r.CreatedAt, DoneAt: r.DoneAt.Time}
	}
	return out, nil
}

// RetryEffect gives a dead effect all its tries again, at once. The caller has checked that the principal is staff
// of the effect's case. NotFound when the tenant has no such effect, Conflict when it is not dead.
func RetryEffect(ctx context.Context, tx *Tx, id string) error {
	if !kernel.ValidID(id) {
		return kernel.NotThere("effect")
	}
	var state string
	err := tx.GetContext(ctx, &state, `
		WITH retried AS (
		  UPDATE kernel.effect SET state = 'open', tries = 0, leased = false, not_before = now()
		  WHERE tenant_id = $1 AND id = $2 AND state = 'dead' RETURNING 'retried'::text AS state)
		SELECT state FROM retried
		UNION ALL
		SELECT state FROM kernel.effect WHERE tenant_id = $1 AND id = $2
		LIMIT 1`, string(tx.tenant), id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return kernel.NotThere("effect " + id)
	case err != nil:
		return err
	case state != "retried":
		return kernel.ErrChanged
	}
	tx.emitted = true
	return nil
}

// safeText is what an effect row keeps of an error: enough to understand it, nothing a person typed.
func safeText(err error) string {
	var k *kernel.Error
	var e *pq.Error
	switch {
	case errors.As(err, &k):
		return k.Slug
	case errors.As(err, &e): // its message may quote a value
		return strings.TrimSpace("database error " + string(e.Code) + " " + e.Constraint)
	}
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "")
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "")
	}
	return text
}
