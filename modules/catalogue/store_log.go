package catalogue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lib/pq"
	"golang.org/x/mod/sumdb/tlog"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// logRow is one record of the log.
type logRow struct {
	Position int64     `db:"position"`
	Leaf     string    `db:"leaf"`
	Code     int       `db:"code"`
	Hash     string    `db:"hash"`
	Since    time.Time `db:"since"`
	Fresh    bool      `db:"fresh"` // less than an hour old, by the database's clock
}

type hashRow struct {
	Position int64  `db:"position"`
	Hash     []byte `db:"hash"`
}

const logColumns = `position, leaf, code, hash, since, at > now() - interval '1 hour' AS fresh`

// logLock is the advisory lock of who appends: one at a time, over all processes. That no position is taken twice is the
// primary keys' business; the lock spares the losers their work.
const logLock = 0x6c6f67

// lockLog waits for the turn to append, until the transaction ends.
func lockLog(ctx context.Context, tx *pg.Tx) error {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, logLock)
	if err != nil {
		return fmt.Errorf("catalogue log: lock: %w", err)
	}
	return nil
}

// lastRecord is the newest publication of a mini-app; false when it was never published.
func lastRecord(ctx context.Context, tx *pg.Tx, t kernel.TenantID, app string) (logRow, bool, error) {
	var row logRow
	err := tx.GetContext(ctx, &row, `SELECT `+logColumns+` FROM catalogue.log_record WHERE tenant = $1 AND app_id = $2 ORDER BY code DESC LIMIT 1`, string(t), app)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, fmt.Errorf("catalogue log: newest of %s.%s: %w", t, app, err)
	}
	return row, true, nil
}

// newestRecords are every mini-app's newest records, by client id.
func newestRecords(ctx context.Context, tx *pg.Tx) (map[string]published.Record, error) {
	var leaves []string
	err := tx.SelectContext(ctx, &leaves, `SELECT DISTINCT ON (tenant, app_id) leaf FROM catalogue.log_record ORDER BY tenant, app_id, code DESC`)
	if err != nil {
		return nil, fmt.Errorf("catalogue log: newest of all: %w", err)
	}
	out := make(map[string]published.Record, len(leaves))
	for _, leaf := range leaves {
		r, err := published.ReadLeaf([]byte(leaf))
		if err != nil {
			return nil, fmt.Errorf("catalogue log: newest of all: %w", err)
		}
		out[clientID(kernel.TenantID(r.Tenant), r.AppID)] = r
	}
	return out, nil
}

// appendRecord writes a record behind all others, with the hashes it completes and the tree head sign makes. The caller
// holds lockLog. It returns the record's position.
func appendRecord(ctx context.Context, tx *pg.Tx, r published.Record, since time.Time, sign func(published.Head) (string, error)) (int64, error) {
	n, err := logSize(ctx, tx)
	if err != nil {
		return 0, err
	}
	leaf, err := r.Leaf()
	if err != nil {
		return 0, err
	}
	reader := logHashes(ctx, tx)
	added, err := tlog.StoredHashes(n, leaf, reader)
	if err != nil {
		return 0, fmt.Errorf("catalogue log: hashes of record %d: %w", n, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO catalogue.log_record (position, leaf, tenant, app_id, code, hash, since, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		n, string(leaf), r.Tenant, r.AppID, r.Version.Code, r.Hash, since, r.At); err != nil {
		return 0, fmt.Errorf("catalogue log: record %d: %w", n, err)
	}
	for i, h := range added {
		if _, err := tx.ExecContext(ctx, `INSERT INTO catalogue.log_hash (position, hash) VALUES ($1, $2)`, tlog.StoredHashIndex(0, n)+int64(i), h[:]); err != nil {
			return 0, fmt.Errorf("catalogue log: hashes of record %d: %w", n, err)
		}
	}
	root, err := tlog.TreeHash(n+1, reader)
	if err != nil {
		return 0, fmt.Errorf("catalogue log: root of size %d: %w", n+1, err)
	}
	signed, err := sign(published.Head{N: n + 1, Hash: root})
	if err != nil {
		return 0, fmt.Errorf("catalogue log: sign head of size %d: %w", n+1, err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO catalogue.log_head (size, signed) VALUES ($1, $2)`, n+1, signed); err != nil {
		return 0, fmt.Errorf("catalogue log: head of size %d: %w", n+1, err)
	}
	return n, nil
}

// logSize is the number of records that a signed head covers.
func logSize(ctx context.Context, tx *pg.Tx) (n int64, err error) {
	if err = tx.GetContext(ctx, &n, `SELECT coalesce(max(size), 0) FROM catalogue.log_head`); err != nil {
		err = fmt.Errorf("catalogue log: size: %w", err)
	}
	return n, err
}

// signedHead is the newest signed tree head; empty before the first record.
func signedHead(ctx context.Context, tx *pg.Tx) (string, error) {
	var signed string
	err := tx.GetContext(ctx, &signed, `SELECT signed FROM catalogue.log_head ORDER BY size DESC LIMIT 1`)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("catalogue log: head: %w", err)
	}
	return signed, nil
}

// logRecords are up to limit records from a position on.
func logRecords(ctx context.Context, tx *pg.Tx, from int64, limit int) ([]logRow, error) {
	var rows []logRow
	if err := tx.SelectContext(ctx, &rows, `SELECT `+logColumns+` FROM catalogue.log_record WHERE position >= $1 ORDER BY position LIMIT $2`, from, limit); err != nil {
		return nil, fmt.Errorf("catalogue log: records from %d: %w", from, err)
	}
	return rows, nil
}

// logHashes reads the tree in the caller's transaction.
func logHashes(ctx context.Context, tx *pg.Tx) tlog.HashReader {
	return tlog.HashReaderFunc(func(positions []int64) ([]tlog.Hash, error) {
		var rows []hashRow
		if err := tx.SelectContext(ctx, &rows, `SELECT position, hash FROM catalogue.log_hash WHERE position = ANY($1)`, pq.Array(positions)); err != nil {
			return nil, fmt.Errorf("catalogue log: hashes: %w", err)
		}
		out := make([]tlog.Hash, len(positions))
		for i, p := range positions {
			at := slices.IndexFunc(rows, func(r hashRow) bool { return r.Position == p })
			if at < 0 {
				return nil, fmt.Errorf("catalogue log: hash %d is missing", p)
			}
			copy(out[i][:], rows[at].Hash)
		}
		return out, nil
	})
}
