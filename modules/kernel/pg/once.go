package pg

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
)

// Once is InTx for an operation with an Idempotency-Key (draft-ietf-httpapi-idempotency-key): fn's result is
// kept as JSON in the transaction of its effects, and a repeated request gets it back without running fn. The
// record belongs to (tenant, principal, operation, key). Errors: kernel.ErrKeyReused for the same key with
// another request, kernel.ErrKeyRunning while the first still runs. An fn that fails leaves no record. Without a
// key in ctx it is InTx. T must survive JSON: the first answer too is read back from the record, so that it
// equals its replays.
func Once[T any](ctx context.Context, db *DB, tenant kernel.TenantID, fn func(*Tx) (T, error)) (T, error) {
	var out T
	key, keyed := kernel.IdempotencyOf(ctx)
	err := db.InTx(ctx, tenant, func(tx *Tx) error {
		var zero T
		out = zero // a retried transaction must not keep what the failed try read
		if !keyed {
			var err error
			out, err = fn(tx)
			return err
		}
		scope := scopeOf(kernel.PrincipalOf(ctx))
		found, err := tx.idempotencyRecords(ctx, []asked{{scope, key.Operation, key.Key}})
		if err != nil {
			return err
		}
		stored, err := found[0].verdict(key.Hash)
		if err != nil {
			return err
		}
		if stored == nil {
			result, err := fn(tx)
			if err != nil {
				return err
			}
			if stored, err = json.Marshal(result); err != nil {
				return fmt.Errorf("idempotency record of %s: %w", key.Operation, err)
			}
			if err := answers.Put(ctx, tx, answer{scope, key, stored}); err != nil {
				return err
			}
		}
		if err := json.Unmarshal(stored, &out); err != nil {
			return fmt.Errorf("idempotency record of %s: %w", key.Operation, err)
		}
		return nil
	})
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// scopeOf keeps one caller's keys from meaning anything to another.
func scopeOf(p kernel.Principal) string {
	if p.Person != "" {
		return string(p.Kind) + "/" + string(p.Person)
	}
	if p.Client != "" {
		return string(p.Kind) + "/client/" + p.Client
	}
	return string(p.Kind) + "/session/" + string(p.Session)
}

// asked is an idempotency key with its owner.
type asked struct{ scope, operation, key string }

// found is what is known about a key. The lock is taken without waiting, for the life of the transaction: a second
// request at the same time learns that the first is still running.
type found struct {
	Locked bool
	Hash   sql.NullString
	Result []byte
}

// verdict is the stored result for a request with this hash, or nil when this transaction is the first.
func (f found) verdict(hash string) ([]byte, error) {
	switch {
	case f.Hash.Valid && f.Hash.String != hash:
		return nil, kernel.ErrKeyReused
	case f.Hash.Valid: // committed, so it is final whoever holds the lock
		return f.Result, nil
	case !f.Locked:
		return nil, kernel.ErrKeyRunning
	}
	return nil, nil
}

const lockOfKey = `pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(1), $1::text, k.principal, k.operation, k.key), 0))`

// idempotencyRecords returns what is known about each key, in their order. No key may be there twice.
func (tx *Tx) idempotencyRecords(ctx context.Context, keys []asked) ([]found, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var c Columns
	for _, k := range keys {
		c.Add(Text(k.scope), Text(k.operation), Text(k.key))
	}
	var out []found
	err := tx.SelectContext(ctx, &out, `
		SELECT l.locked, i.hash, i.result
		FROM (SELECT k.*, `+lockOfKey+` AS locked
		      FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS k (principal, operation, key, n)) l
		LEFT JOIN kernel.idempotency i ON i.tenant_id = $1 AND i.principal = l.principal AND i.operation = l.operation AND i.key = l.key
		ORDER BY l.n`,
		c.Args(string(tx.tenant))...)
	if err == nil && len(out) != len(keys) {
		err = fmt.Errorf("%d idempotency records for %d keys", len(out), len(keys))
	}
	return out, err
}

// answer is an idempotency record to be written.
type answer struct {
	scope  string
	key    kernel.Idempotency
	result []byte
}

var answers = NewRows(OrderIdempotency, keepAnswers)

// keepAnswers writes records. The first request may have committed between the statement's snapshot and the lock; then
// the primary key refuses the second, which runs again and finds the record.
func keepAnswers(ctx context.Context, tx *Tx, rows []answer) error {
	var c Columns
	for _, r := range rows {
		c.Add(Text(r.scope), Text(r.key.Operation), Text(r.key.Key), Text(r.key.Hash), Text(string(r.result)))
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO kernel.idempotency (tenant_id, principal, operation, key, hash, result)
		SELECT $1, r.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::json[]) AS r`, c.Args(string(tx.tenant))...)
	var e *pq.Error
	if errors.As(err, &e) && e.Code == "23505" {
		return errLateKey
	}
	return err
}

// IdempotencyKeep is how long a retry gets the first answer again. The records hold answers, and so personal data:
// they are not kept for longer than a client could still be trying.
const IdempotencyKeep = 72 * time.Hour

// ForgetAnswers deletes the idempotency records of tenant that nobody can still be waiting for. It may run in any
// number of processes at once.
func (db *DB) ForgetAnswers(ctx context.Context, tenant kernel.TenantID) error {
	return db.InTx(ctx, tenant, func(tx *Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM kernel.idempotency WHERE tenant_id = $1 AND created_at < now() - $2 * interval '1 second'`,
			string(tenant), IdempotencyKeep.Seconds())
		return err
	})
}

// errLateKey looks like a serialization failure to InTx, which is what it is.
var errLateKey = &pq.Error{Severity: "ERROR", Code: "40001", Message: "the idempotency record appeared meanwhile"}
