package payments

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type transferRow struct {
	ID       string         `db:"id"`
	Payment  string         `db:"payment_id"`
	Kind     string         `db:"kind"`
	Debit    string         `db:"debit"`
	Credit   string         `db:"credit"`
	Currency string         `db:"currency"`
	Amount   int64          `db:"amount"`
	Line     string         `db:"line"`
	Order    sql.NullString `db:"order_id"`
	At       time.Time      `db:"at"`
}

const transferColumns = `id, payment_id, kind, debit, credit, currency, amount, line, order_id, at`

func (r transferRow) transfer() *transfer {
	return &transfer{ID: r.ID, Kind: r.Kind, Debit: r.Debit, Credit: r.Credit, Amount: kernel.Money{Amount: r.Amount, Currency: r.Currency}, Line: r.Line, Order: r.Order.String, At: r.At.UTC()}
}

// bookedOf reads what the ledger holds of a payment.
func bookedOf(ctx context.Context, tx kernel.Tx, id kernel.PaymentID) (booked, error) {
	var rows []transferRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+transferColumns+` FROM payments.transfer WHERE tenant_id = $1 AND payment_id = $2`, tx.TenantID(), string(id))
	if err != nil {
		return nil, fmt.Errorf("payments: ledger of %s: %w", id, err)
	}
	out := booked{}
	for _, r := range rows {
		out.add(r.transfer())
	}
	return out, nil
}

// book writes transfers, and the accounts they are the first on.
func book(ctx context.Context, tx kernel.Tx, id kernel.PaymentID, all []*transfer) error {
	t := pg.From(tx)
	known := map[string]bool{}
	for _, row := range all {
		for _, code := range []string{row.Debit, row.Credit} {
			if known[code+row.Amount.Currency] {
				continue
			}
			known[code+row.Amount.Currency] = true
			kind, _, _ := strings.Cut(code, ":")
			if _, err := t.ExecContext(ctx, `INSERT INTO payments.account (tenant_id, code, currency, kind) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				tx.TenantID(), code, row.Amount.Currency, kind); err != nil {
				return fmt.Errorf("payments: account %s: %w", code, err)
			}
		}
		if err := insertTransfer(ctx, t, id, row); err != nil {
			return err
		}
	}
	return nil
}

func insertTransfer(ctx context.Context, tx *pg.Tx, id kernel.PaymentID, row *transfer) error {
	var resolves, kind sql.NullString
	var amount sql.NullInt64
	if r := row.Resolves; r != nil {
		resolves, kind, amount = orNull(r.ID), orNull(r.Kind), sql.NullInt64{Int64: r.Amount.Amount, Valid: true}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO payments.transfer (tenant_id, id, kind, debit, credit, currency, amount, resolves, resolves_kind, resolves_amount, payment_id, line, order_id, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		tx.TenantID(), row.ID, row.Kind, row.Debit, row.Credit, row.Amount.Currency, row.Amount.Amount, resolves, kind, amount, string(id), row.Line, orNull(row.Order), row.At)
	if err != nil {
		return fmt.Errorf("payments: transfer %s of %s: %w", row.Kind, id, err)
	}
	return nil
}

// balances derives what stands on every account.
func balances(ctx context.Context, tx kernel.Tx) ([]balance, error) {
	var out []balance
	err := pg.From(tx).SelectContext(ctx, &out, `
		WITH side AS (
		  SELECT debit AS account, currency, amount, kind, id FROM payments.transfer WHERE tenant_id = $1
		  UNION ALL
		  SELECT credit, currency, -amount, kind, id FROM payments.transfer WHERE tenant_id = $1)
		SELECT account, currency,
		  coalesce(sum(amount) FILTER (WHERE kind IN ('single', 'post')), 0)::bigint AS posted,
		  coalesce(sum(amount) FILTER (WHERE kind = 'pending' AND NOT EXISTS (
		    SELECT FROM payments.transfer r WHERE r.tenant_id = $1 AND r.resolves = side.id)), 0)::bigint AS pending
		FROM side GROUP BY account, currency ORDER BY account, currency`, tx.TenantID())
	if err != nil {
		return nil, fmt.Errorf("payments: balances: %w", err)
	}
	return out, nil
}
