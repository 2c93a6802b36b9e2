package payments

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// insertEvent puts a provider's message into the inbox; false when it is there already.
func insertEvent(ctx context.Context, tx kernel.Tx, provider string, e event, refused string, now time.Time) (bool, error) {
	order := e.Order
	if !kernel.ValidID(order) {
		order = ""
	}
	res, err := pg.From(tx).ExecContext(ctx, `INSERT INTO payments.provider_event (tenant_id, provider, event_id, kind, payment_id, order_id, amount, currency, reason, refused, at, received_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (tenant_id, provider, event_id) DO NOTHING`,
		tx.TenantID(), provider, e.ID, e.Kind, string(e.Payment), orNull(order), e.Amount.Amount, e.Amount.Currency, e.Reason, orNull(refused), e.At, now)
	if err != nil {
		return false, fmt.Errorf("payments: event of %s: %w", e.Payment, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// heard returns why the message of that id was not believed (empty: it was), and whether it was heard at all.
func heard(ctx context.Context, tx kernel.Tx, provider, id string) (refused string, known bool, err error) {
	err = pg.From(tx).GetContext(ctx, &refused, `SELECT coalesce(refused, '') FROM payments.provider_event WHERE tenant_id = $1 AND provider = $2 AND event_id = $3`,
		tx.TenantID(), provider, id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("payments: inbox of %s: %w", provider, err)
	}
	return refused, true, nil
}

// difference is one disagreement between a provider's word and our books.
type difference struct {
	ID         string
	Provider   string
	Kind       string
	Key        string // what it is about: the same difference found twice is one
	Day        string // YYYY-MM-DD, UTC
	Payment    kernel.PaymentID
	Number     string // of the payment, when we know it
	Reference  string
	Ours       int64
	Theirs     int64
	HasOurs    bool
	HasTheirs  bool
	Currency   string
	FoundAt    time.Time
	SettledAt  time.Time
	Settlement string
}

func insertDifference(ctx context.Context, tx kernel.Tx, d difference) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO payments.difference (tenant_id, id, provider, kind, key, day, payment_id, reference, ours, theirs, currency, found_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (tenant_id, provider, kind, key) DO NOTHING`,
		tx.TenantID(), kernel.NewID(), d.Provider, d.Kind, d.Key, d.Day, orNull(d.Payment), d.Reference,
		sql.NullInt64{Int64: d.Ours, Valid: d.HasOurs}, sql.NullInt64{Int64: d.Theirs, Valid: d.HasTheirs}, d.Currency, d.FoundAt)
	if err != nil {
		return fmt.Errorf("payments: difference %s of %s: %w", d.Kind, d.Provider, err)
	}
	return nil
}
