package payments

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// movementsOf reads the captures and refunds of a provider on a day, and those of the payments named, whenever they were.
func movementsOf(ctx context.Context, tx kernel.Tx, provider, day string, payments []string) ([]movement, error) {
	var rows []struct {
		Payment   string    `db:"payment_id"`
		Order     string    `db:"order_id"`
		Kind      string    `db:"kind"`
		Number    string    `db:"number"`
		Reference string    `db:"reference"`
		Amount    int64     `db:"amount"`
		Currency  string    `db:"currency"`
		At        time.Time `db:"at"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `
		SELECT p.id AS payment_id, '' AS order_id, 'capture' AS kind, p.number, coalesce(p.reference, '') AS reference,
		  (SELECT sum(l.taken) FROM payments.payment_line l WHERE l.tenant_id = $1 AND l.payment_id = p.id)::bigint AS amount, p.currency, p.captured_at AS at
		FROM payments.payment p WHERE p.tenant_id = $1 AND p.provider = $2 AND p.captured_at IS NOT NULL
		  AND (p.captured_at >= $3::date::timestamp AT TIME ZONE 'UTC' AND p.captured_at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC' OR p.id = ANY($4::uuid[]))
		UNION ALL
		SELECT p.id, o.id::text, 'refund', p.number, coalesce(p.reference, ''), o.amount, p.currency, o.done_at
		FROM payments.payment_order o JOIN payments.payment p ON p.tenant_id = $1 AND p.id = o.payment_id
		WHERE o.tenant_id = $1 AND p.provider = $2 AND o.done_at IS NOT NULL
		  AND (o.done_at >= $3::date::timestamp AT TIME ZONE 'UTC' AND o.done_at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC' OR p.id = ANY($4::uuid[]))
		ORDER BY at, payment_id`, tx.TenantID(), provider, day, pq.Array(payments))
	if err != nil {
		return nil, fmt.Errorf("payments: movements of %s on %s: %w", provider, day, err)
	}
	out := make([]movement, len(rows))
	for i, r := range rows {
		out[i] = movement{Payment: kernel.PaymentID(r.Payment), Order: r.Order, Kind: r.Kind, Number: r.Number, Reference: r.Reference,
			Amount: kernel.Money{Amount: r.Amount, Currency: r.Currency}, At: r.At.UTC()}
	}
	return out, nil
}

// knows returns which of the payments named are this municipality's.
func knows(ctx context.Context, tx kernel.Tx, payments []string) ([]string, error) {
	var out []string
	err := pg.From(tx).SelectContext(ctx, &out, `SELECT id FROM payments.payment WHERE tenant_id = $1 AND id = ANY($2::uuid[])`, tx.TenantID(), pq.Array(payments))
	if err != nil {
		return nil, fmt.Errorf("payments: known payments: %w", err)
	}
	return out, nil
}

// day is one day that was compared with one provider's statement.
type day struct {
	Provider string    `db:"provider"`
	Day      string    `db:"day"`
	Theirs   int       `db:"theirs"`
	Ours     int       `db:"ours"`
	Open     int       `db:"open"`  // differences to be settled
	Found    int       `db:"found"` // differences in all
	At       time.Time `db:"at"`
}

// reconciled reports whether a day has been compared.
func reconciled(ctx context.Context, tx kernel.Tx, provider, day string) (done bool, err error) {
	err = pg.From(tx).GetContext(ctx, &done, `SELECT EXISTS (SELECT FROM payments.reconciliation WHERE tenant_id = $1 AND provider = $2 AND day = $3::date)`, tx.TenantID(), provider, day)
	return done, err
}

func saveReconciled(ctx context.Context, tx kernel.Tx, d day) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO payments.reconciliation (tenant_id, provider, day, theirs, ours, at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, provider, day) DO UPDATE SET theirs = excluded.theirs, ours = excluded.ours, at = excluded.at`,
		tx.TenantID(), d.Provider, d.Day, d.Theirs, d.Ours, d.At)
	if err != nil {
		return fmt.Errorf("payments: reconciled %s: %w", d.Day, err)
	}
	return nil
}

// readDays lists the days compared, newest first, with how many differences were found.
func readDays(ctx context.Context, tx kernel.Tx, limit int) ([]day, error) {
	var out []day
	err := pg.From(tx).SelectContext(ctx, &out, `SELECT r.provider, r.day::text AS day, r.theirs, r.ours, r.at,
		  (SELECT count(*) FROM payments.difference d WHERE d.tenant_id = $1 AND d.provider = r.provider AND d.day = r.day) AS found,
		  (SELECT count(*) FROM payments.difference d WHERE d.tenant_id = $1 AND d.provider = r.provider AND d.day = r.day AND d.settled_at IS NULL) AS open
		FROM payments.reconciliation r WHERE r.tenant_id = $1 ORDER BY r.day DESC, r.provider LIMIT $2`, tx.TenantID(), limit)
	if err != nil {
		return nil, fmt.Errorf("payments: days: %w", err)
	}
	return out, nil
}

type differenceRow struct {
	ID         string         `db:"id"`
	Provider   string         `db:"provider"`
	Kind       string         `db:"kind"`
	Key        string         `db:"key"`
	Day        string         `db:"day"`
	Payment    sql.NullString `db:"payment_id"`
	Number     string         `db:"number"`
	Reference  string         `db:"reference"`
	Ours       sql.NullInt64  `db:"ours"`
	Theirs     sql.NullInt64  `db:"theirs"`
	Currency   string         `db:"currency"`
	FoundAt    time.Time      `db:"found_at"`
	SettledAt  sql.NullTime   `db:"settled_at"`
	Settlement sql.NullString `db:"settlement"`
}

const differenceSQL = `SELECT d.id, d.provider, d.kind, d.key, d.day::text AS day, d.payment_id, coalesce(p.number, '') AS number, d.reference, d.ours, d.theirs, d.currency,
	d.found_at, d.settled_at, d.settlement
	FROM payments.difference d LEFT JOIN payments.payment p ON p.tenant_id = $1 AND p.id = d.payment_id WHERE d.tenant_id = $1 `

func (r differenceRow) difference() difference {
	return difference{ID: r.ID, Provider: r.Provider, Kind: r.Kind, Key: r.Key, Day: r.Day, Payment: kernel.PaymentID(r.Payment.String), Number: r.Number, Reference: r.Reference,
		Ours: r.Ours.Int64, HasOurs: r.Ours.Valid, Theirs: r.Theirs.Int64, HasTheirs: r.Theirs.Valid, Currency: r.Currency, FoundAt: r.FoundAt.UTC(),
		SettledAt: moment(r.SettledAt), Settlement: r.Settlement.String}
}

// readDifferences lists differences, oldest first: those to be settled, or all of a day.
func readDifferences(ctx context.Context, tx kernel.Tx, day string) ([]difference, error) {
	var rows []differenceRow
	err := pg.From(tx).SelectContext(ctx, &rows, differenceSQL+`AND ($2 = '' AND d.settled_at IS NULL OR $2 <> '' AND d.day = nullif($2, '')::date)
		ORDER BY d.day, d.id LIMIT 500`, tx.TenantID(), day)
	if err != nil {
		return nil, fmt.Errorf("payments: differences: %w", err)
	}
	out := make([]difference, len(rows))
	for i, r := range rows {
		out[i] = r.difference()
	}
	return out, nil
}

// getDifference returns exactly one, or NotFound.
func getDifference(ctx context.Context, tx kernel.Tx, id string) (difference, error) {
	if !kernel.ValidID(id) {
		return difference{}, kernel.NotThere("difference")
	}
	var r differenceRow
	err := pg.From(tx).GetContext(ctx, &r, differenceSQL+`AND d.id = $2`, tx.TenantID(), id)
	if errors.Is(err, sql.ErrNoRows) {
		return difference{}, kernel.NotThere("difference " + id)
	}
	if err != nil {
		return difference{}, fmt.Errorf("payments: difference %s: %w", id, err)
	}
	return r.difference(), nil
}

// closeDifference settles one that is open; false when somebody else was faster.
func closeDifference(ctx context.Context, tx kernel.Tx, id string, by kernel.PersonID, reason string, at time.Time) (bool, error) {
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE payments.difference SET settled_at = $3, settled_by = $4, settlement = $5
		WHERE tenant_id = $1 AND id = $2 AND settled_at IS NULL`, tx.TenantID(), id, at, string(by), reason)
	if err != nil {
		return false, fmt.Errorf("payments: settle %s: %w", id, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// bookedOn reads the ledger of a day (UTC) as it is reported: what was booked, not what was reserved.
func bookedOn(ctx context.Context, tx kernel.Tx, day string) ([]posting, error) {
	var out []posting
	err := pg.From(tx).SelectContext(ctx, &out, `
		SELECT t.at, p.number, coalesce(p.reference, '') AS reference, p.provider, CASE WHEN t.order_id IS NULL THEN 'capture' ELSE 'refund' END AS kind,
		  t.line, CASE WHEN t.order_id IS NULL THEN t.credit ELSE t.debit END AS account, t.amount, t.currency, coalesce(o.reason, '') AS reason
		FROM payments.transfer t
		JOIN payments.payment p ON p.tenant_id = $1 AND p.id = t.payment_id
		LEFT JOIN payments.payment_order o ON o.tenant_id = $1 AND o.id = t.order_id
		WHERE t.tenant_id = $1 AND t.kind IN ('single', 'post')
		  AND t.at >= $2::date::timestamp AT TIME ZONE 'UTC' AND t.at < ($2::date + 1)::timestamp AT TIME ZONE 'UTC'
		ORDER BY t.at, t.id`, tx.TenantID(), day)
	if err != nil {
		return nil, fmt.Errorf("payments: report of %s: %w", day, err)
	}
	return out, nil
}

// posting is one line of a day's report.
type posting struct {
	At        time.Time `db:"at"`
	Number    string    `db:"number"`
	Reference string    `db:"reference"`
	Provider  string    `db:"provider"`
	Kind      string    `db:"kind"`
	Line      string    `db:"line"`
	Account   string    `db:"account"`
	Amount    int64     `db:"amount"`
	Currency  string    `db:"currency"`
	Reason    string    `db:"reason"`
}
