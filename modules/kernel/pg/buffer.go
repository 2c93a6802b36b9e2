package pg

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"townhall/modules/kernel"
)

// Rows are the new rows of one table, or of tables that are written together. A store declares it once; what it puts
// is written at once, except inside a batch: there the rows of all calls are kept as values and written by one statement
// before the COMMIT, or before the next statement of the transaction that a store sends, so that no read misses them.
type Rows[R any] struct{ kind *rowKind }

type rowKind struct {
	order int
	write func(ctx context.Context, tx *Tx, rows []any) error
}

// Where the rows of each table stand in the order of writing. It is the same in every batch: rows before those that
// refer to them, and two batches never wait for each other crosswise. Equal numbers must not be used twice.
const (
	OrderFirst       = 100 // what refers to nothing: a sector's own rows, a case
	OrderDocuments   = 200
	OrderEffects     = 800
	OrderAudit       = 900
	OrderIdempotency = 1000
)

// NewRows declares rows. order is their place among the tables of one transaction. write inserts them by one statement,
// never called with none; its errors are those Put and the end of the batch return.
func NewRows[R any](order int, write func(ctx context.Context, tx *Tx, rows []R) error) *Rows[R] {
	return &Rows[R]{&rowKind{order, func(ctx context.Context, tx *Tx, rows []any) error {
		typed := make([]R, len(rows))
		for i, r := range rows {
			typed[i] = r.(R) // only Put of this Rows makes them
		}
		return write(ctx, tx, typed)
	}}}
}

// Put writes rows: now, or with those of the batch tx belongs to. In a batch a constraint they violate is found later;
// then the calls are run again in halves, and the one that is alone in the end gets its error.
func (r *Rows[R]) Put(ctx context.Context, tx kernel.Tx, rows ...R) error {
	t := From(tx)
	if len(rows) == 0 {
		return nil
	}
	all := make([]any, len(rows))
	for i, row := range rows {
		all[i] = row
	}
	if t.buffer == nil {
		return r.kind.write(ctx, t, all)
	}
	for _, row := range all {
		t.buffer.rows = append(t.buffer.rows, pending{r.kind, row})
	}
	return nil
}

// Batched reports whether tx belongs to a batch, where what Put returns says nothing about the rows yet.
func Batched(tx kernel.Tx) bool { return From(tx).buffer != nil }

// buffer holds the rows of a batch that are not written yet, in the order they were put.
type buffer struct {
	rows    []pending
	written int // counts what can only be taken back with the whole transaction: rows written, statements that may change any
}

type pending struct {
	kind *rowKind
	row  any
}

type mark struct{ rows, written int }

func (tx *Tx) mark() mark {
	if tx.buffer == nil {
		return mark{}
	}
	return mark{len(tx.buffer.rows), tx.buffer.written}
}

// dropTo forgets the rows put since m; false when something has been written since then.
func (tx *Tx) dropTo(m mark) bool {
	if tx.buffer == nil || tx.buffer.written != m.written {
		return false
	}
	clear(tx.buffer.rows[m.rows:])
	tx.buffer.rows = tx.buffer.rows[:m.rows]
	return true
}

// Flush writes what the batch has kept so far. Stores need not call it: every statement of theirs does.
func (tx *Tx) Flush(ctx context.Context) error {
	if tx.buffer == nil || len(tx.buffer.rows) == 0 {
		return nil
	}
	rows := tx.buffer.rows
	tx.buffer.rows = nil
	tx.buffer.written++
	slices.SortStableFunc(rows, func(a, b pending) int { return cmp.Compare(a.kind.order, b.kind.order) })
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].kind == rows[0].kind {
			n++
		}
		same := make([]any, n)
		for i := range same {
			same[i] = rows[i].row
		}
		if err := rows[0].kind.write(ctx, tx, same); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// MapDrawn turns a violation of the unique constraint that guards a value drawn by chance, such as a case's number,
// into a failure that InTx and the batch repeat: the transaction is run again and draws anew.
func MapDrawn(err error, constraint string) error {
	var e *pq.Error
	if errors.As(err, &e) && e.Code == "23505" && strings.HasPrefix(e.Constraint, constraint) {
		return &pq.Error{Severity: "ERROR", Code: "40001", Message: "drawn again", Constraint: e.Constraint}
	}
	return err
}

// databaseSaid reports whether err comes from the database or the way to it, after which the transaction is of no use.
func databaseSaid(err error) bool {
	var e *pq.Error
	return errors.As(err, &e) || errors.Is(err, sql.ErrTxDone) || isAway(asKernel(context.Background(), err))
}

// The statements of a transaction: what a batch has kept is written first, so that they see it.

// sending prepares for a statement of a store.
func (tx *Tx) sending(ctx context.Context, query string) error {
	if tx.buffer == nil {
		return nil
	}
	if err := tx.Flush(ctx); err != nil {
		return err
	}
	if !strings.HasPrefix(strings.TrimSpace(query), "SELECT") {
		tx.buffer.written++
	}
	return nil
}

func (tx *Tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := tx.sending(ctx, query); err != nil {
		return nil, err
	}
	return tx.Tx.ExecContext(ctx, query, args...)
}

func (tx *Tx) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	if err := tx.sending(ctx, query); err != nil {
		return err
	}
	return tx.Tx.GetContext(ctx, dest, query, args...)
}

func (tx *Tx) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	if err := tx.sending(ctx, query); err != nil {
		return err
	}
	return tx.Tx.SelectContext(ctx, dest, query, args...)
}

func (tx *Tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := tx.sending(ctx, query); err != nil {
		return nil, err
	}
	return tx.Tx.QueryContext(ctx, query, args...)
}

func (tx *Tx) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	if err := tx.sending(ctx, query); err != nil {
		return nil, err
	}
	return tx.Tx.QueryxContext(ctx, query, args...)
}

// Memo remembers what was read, for the life of one transaction: what several parts of a step ask for is read once, and
// what all calls of a batch will ask for can be read together.
type Memo[K comparable, V any] struct{ name string }

// NewMemo makes a Memo; name is for people who debug.
func NewMemo[K comparable, V any](name string) *Memo[K, V] { return &Memo[K, V]{name} }

// Get returns what tx remembers under k.
func (m *Memo[K, V]) Get(tx kernel.Tx, k K) (V, bool) {
	all, _ := From(tx).memos[m].(map[K]V)
	v, ok := all[k]
	return v, ok
}

// Put makes tx remember v. Whoever changes what v was read from calls Forget.
func (m *Memo[K, V]) Put(tx kernel.Tx, k K, v V) {
	t := From(tx)
	if t.memos == nil {
		t.memos = map[any]any{}
	}
	all, _ := t.memos[m].(map[K]V)
	if all == nil {
		all = map[K]V{}
		t.memos[m] = all
	}
	all[k] = v
}

// Forget makes tx forget everything in m.
func (m *Memo[K, V]) Forget(tx kernel.Tx) { delete(From(tx).memos, m) }

// Callers are the people whose calls share tx; nobody outside of a batch.
func Callers(tx kernel.Tx) []kernel.PersonID { return From(tx).callers }
