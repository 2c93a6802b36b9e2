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
		stored, err := tx.idempotencyRecord(ctx, scope, key)
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
			if err := tx.keepIdempotencyRecord(ctx, scope, key, stored); err != nil {
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

// idempotencyRecord returns the stored result, or nil when this transaction is the first. The lock is taken
// without waiting, for the life of the transaction: a second request at the same time learns that the first is
// still running.
func (tx *Tx) idempotencyRecord(ctx context.Context, scope string, key kernel.Idempotency) ([]byte, error) {
	var row struct {
		Locked bool
		Hash   sql.NullString
		Result []byte
	}
	err := tx.GetContext(ctx, &row, `
		SELECT l.locked, i.hash, i.result
		FROM (SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws(chr(1), $1::text, $2::text, $3::text, $4::text), 0)) AS locked) l
		LEFT JOIN kernel.idempotency i ON i.tenant_id = $1 AND i.principal = $2 AND i.operation = $3 AND i.key = $4`,
		string(tx.tenant), scope, key.Operation, key.Key)
	switch {
	case err != nil:
		return nil, err
	case row.Hash.Valid && row.Hash.String != key.Hash:
		return nil, kernel.ErrKeyReused
	case row.Hash.Valid: // committed, so it is final whoever holds the lock
		return row.Result, nil
	case !row.Locked:
		return nil, kernel.ErrKeyRunning
	}
	return nil, nil
}

// keepIdempotencyRecord writes the record. The first may have committed between the statement's snapshot and
// the lock; then the primary key refuses the second, which runs again and finds the record.
func (tx *Tx) keepIdempotencyRecord(ctx context.Context, scope string, key kernel.Idempotency, result []byte) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO kernel.idempotency (tenant_id, principal, operation, key, hash, result)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		string(tx.tenant), scope, key.Operation, key.Key, key.Hash, string(result))
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
