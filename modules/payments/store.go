package payments

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type paymentRow struct {
	ID           string         `db:"id"`
	Case         string         `db:"case_id"`
	Person       string         `db:"person"`
	Provider     string         `db:"provider"`
	Number       string         `db:"number"`
	Title        []byte         `db:"title"`
	Amount       int64          `db:"amount"`
	Currency     string         `db:"currency"`
	Until        time.Time      `db:"until"`
	Return       string         `db:"return_path"`
	Locale       string         `db:"locale"`
	CreatedAt    time.Time      `db:"created_at"`
	Reference    sql.NullString `db:"reference"`
	PayURL       sql.NullString `db:"pay_url"`
	FailedAt     sql.NullTime   `db:"failed_at"`
	FailedReason sql.NullString `db:"failed_reason"`
	AuthorizedAt sql.NullTime   `db:"authorized_at"`
	CapturedAt   sql.NullTime   `db:"captured_at"`
	VoidedAt     sql.NullTime   `db:"voided_at"`
}

const paymentColumns = `id, case_id, person, provider, number, title, amount, currency, until, return_path, locale, created_at, reference, pay_url,
	failed_at, failed_reason, authorized_at, captured_at, voided_at`

type lineRow struct {
	Payment  string        `db:"payment_id"`
	Name     string        `db:"name"`
	Payee    string        `db:"payee"`
	Title    []byte        `db:"title"`
	Amount   int64         `db:"amount"`
	Taken    sql.NullInt64 `db:"taken"`
	Promised int64         `db:"promised"`
}

type orderRow struct {
	ID        string       `db:"id"`
	Payment   string       `db:"payment_id"`
	Key       string       `db:"key"`
	Kind      string       `db:"kind"`
	Amount    int64        `db:"amount"`
	Reason    string       `db:"reason"`
	CreatedAt time.Time    `db:"created_at"`
	SentAt    sql.NullTime `db:"sent_at"`
	DoneAt    sql.NullTime `db:"done_at"`
	FailedAt  sql.NullTime `db:"failed_at"`
	Lines     []byte       `db:"lines"`
}

// which narrows a reading of payments; each member that is empty does not.
type which struct {
	ID     kernel.PaymentID
	Case   kernel.CaseID
	Person kernel.PersonID
	Lock   bool             // until the transaction ends
	Newest bool             // newest first
	Before kernel.PaymentID // those older than this one
	Limit  int
}

// readPayments returns payments with their lines and orders.
func readPayments(ctx context.Context, tx kernel.Tx, w which) ([]*payment, error) {
	direction := "ASC"
	if w.Newest {
		direction = "DESC"
	}
	lock := ""
	if w.Lock {
		lock = " FOR UPDATE"
	}
	if w.Limit == 0 {
		w.Limit = 200
	}
	text, args := `SELECT `+paymentColumns+` FROM payments.payment WHERE tenant_id = $1`, []any{tx.TenantID()}
	narrow := func(condition, id string) { // only what is asked for, so that the server can keep a plan for it
		if id != "" {
			args = append(args, id)
			text += " AND " + strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))+"::uuid")
		}
	}
	narrow("id = ?", string(w.ID))
	narrow("case_id = ?", string(w.Case))
	narrow("person = ?", string(w.Person))
	narrow("(created_at, id) < (SELECT created_at, id FROM payments.payment WHERE tenant_id = $1 AND id = ?)", string(w.Before))
	var rows []paymentRow
	args = append(args, w.Limit)
	err := pg.From(tx).SelectContext(ctx, &rows, text+` ORDER BY created_at `+direction+`, id `+direction+` LIMIT $`+strconv.Itoa(len(args))+lock, args...)
	if err != nil {
		return nil, fmt.Errorf("payments: read: %w", err)
	}
	out, byID := make([]*payment, len(rows)), map[string]*payment{}
	ids := make([]string, len(rows))
	for i, r := range rows {
		if out[i], err = r.payment(); err != nil {
			return nil, err
		}
		ids[i], byID[r.ID] = r.ID, out[i]
	}
	if len(rows) == 0 {
		return nil, nil
	}
	if err := readLines(ctx, tx, ids, byID); err != nil {
		return nil, err
	}
	return out, readOrders(ctx, tx, ids, byID)
}

func readLines(ctx context.Context, tx kernel.Tx, ids []string, into map[string]*payment) error {
	var rows []lineRow
	among, value := pg.Among("payment_id", 2, ids)
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT payment_id, name, payee, title, amount, taken, promised FROM payments.payment_line
		WHERE tenant_id = $1 AND `+among+` ORDER BY payment_id, position`, tx.TenantID(), value)
	if err != nil {
		return fmt.Errorf("payments: lines: %w", err)
	}
	for _, r := range rows {
		p := into[r.Payment]
		l := line{PaymentLine: kernel.PaymentLine{Name: r.Name, Payee: kernel.AgencyID(r.Payee), Amount: kernel.Money{Amount: r.Amount, Currency: p.Amount.Currency}},
			Taken: untold, Promised: r.Promised}
		if r.Taken.Valid {
			l.Taken = r.Taken.Int64
		}
		if err := json.Unmarshal(r.Title, &l.Title); err != nil {
			return fmt.Errorf("payments: title of a line of %s: %w", r.Payment, err)
		}
		p.Lines = append(p.Lines, l)
	}
	return nil
}

func readOrders(ctx context.Context, tx kernel.Tx, ids []string, into map[string]*payment) error {
	var rows []orderRow
	among, value := pg.Among("o.payment_id", 2, ids)
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT o.id, o.payment_id, o.key, o.kind, o.amount, o.reason, o.created_at, o.sent_at, o.done_at, o.failed_at,
		  coalesce((SELECT jsonb_object_agg(l.line, l.amount) FROM payments.order_line l WHERE l.tenant_id = $1 AND l.order_id = o.id), '{}') AS lines
		FROM payments.payment_order o WHERE o.tenant_id = $1 AND `+among+` ORDER BY o.payment_id, o.created_at, o.id`, tx.TenantID(), value)
	if err != nil {
		return fmt.Errorf("payments: orders: %w", err)
	}
	for _, r := range rows {
		o := order{ID: r.ID, Key: r.Key, Kind: r.Kind, Amount: r.Amount, Reason: r.Reason, CreatedAt: r.CreatedAt.UTC(), SentAt: moment(r.SentAt), DoneAt: moment(r.DoneAt), FailedAt: moment(r.FailedAt)}
		if err := json.Unmarshal(r.Lines, &o.Lines); err != nil {
			return fmt.Errorf("payments: lines of order %s: %w", r.ID, err)
		}
		into[r.Payment].Orders = append(into[r.Payment].Orders, o)
	}
	return nil
}

func (r paymentRow) payment() (*payment, error) {
	p := &payment{
		ID: kernel.PaymentID(r.ID), Case: kernel.CaseID(r.Case), Person: kernel.PersonID(r.Person), Provider: r.Provider, Number: r.Number,
		Amount: kernel.Money{Amount: r.Amount, Currency: r.Currency}, Until: r.Until.UTC(), Return: r.Return, Locale: r.Locale, CreatedAt: r.CreatedAt.UTC(),
		Reference: r.Reference.String, PayURL: r.PayURL.String,
		facts: facts{FailedAt: moment(r.FailedAt), FailedReason: r.FailedReason.String, AuthorizedAt: moment(r.AuthorizedAt), CapturedAt: moment(r.CapturedAt), VoidedAt: moment(r.VoidedAt)},
	}
	if err := json.Unmarshal(r.Title, &p.Title); err != nil {
		return nil, fmt.Errorf("payments: title of %s: %w", r.ID, err)
	}
	return p, nil
}

// getPayment returns exactly one payment, or NotFound.
func getPayment(ctx context.Context, tx kernel.Tx, id kernel.PaymentID, lock bool) (*payment, error) {
	if !kernel.ValidID(string(id)) {
		return nil, kernel.NotThere("payment")
	}
	all, err := readPayments(ctx, tx, which{ID: id, Lock: lock})
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, kernel.NotThere("payment " + string(id))
	}
	return all[0], nil
}

// insertPayment writes a payment with its lines; false when there is one of that id already.
func insertPayment(ctx context.Context, tx kernel.Tx, p *payment) (bool, error) {
	title, err := json.Marshal(p.Title)
	if err != nil {
		return false, err
	}
	t := pg.From(tx)
	res, err := t.ExecContext(ctx, `INSERT INTO payments.payment (tenant_id, id, case_id, person, provider, number, title, amount, currency, until, return_path, created_at, locale)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (tenant_id, id) DO NOTHING`,
		tx.TenantID(), string(p.ID), string(p.Case), string(p.Person), p.Provider, p.Number, string(title), p.Amount.Amount, p.Amount.Currency, p.Until, p.Return, p.CreatedAt, p.Locale)
	if err = pg.MapDrawn(err, "payment_number_key"); err != nil {
		return false, fmt.Errorf("payments: open %s: %w", p.ID, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return false, err
	}
	var c pg.Columns
	for i, l := range p.Lines {
		title, err := json.Marshal(l.Title)
		if err != nil {
			return false, err
		}
		c.Add(pg.Text(l.Name), pg.Int(i), pg.Text(l.Payee), pg.Text(string(title)), pg.Text(strconv.FormatInt(l.Amount.Amount, 10)))
	}
	_, err = t.ExecContext(ctx, `INSERT INTO payments.payment_line (tenant_id, payment_id, name, position, payee, title, amount)
		SELECT $1, $2, l.* FROM unnest($3::text[], $4::integer[], $5::text[], $6::jsonb[], $7::bigint[]) AS l`, c.Args(tx.TenantID(), string(p.ID))...)
	if err != nil {
		return false, fmt.Errorf("payments: lines of %s: %w", p.ID, err)
	}
	return true, nil
}

// saveFacts writes what has been learned about a payment, whose row the transaction has locked.
func saveFacts(ctx context.Context, tx kernel.Tx, p *payment) error {
	t := pg.From(tx)
	_, err := t.ExecContext(ctx, `UPDATE payments.payment SET failed_at = $3, failed_reason = $4, authorized_at = $5, captured_at = $6, voided_at = $7
		WHERE tenant_id = $1 AND id = $2`,
		tx.TenantID(), string(p.ID), presentTime(p.FailedAt), sql.NullString{String: p.FailedReason, Valid: !p.FailedAt.IsZero()}, presentTime(p.AuthorizedAt), presentTime(p.CapturedAt), presentTime(p.VoidedAt))
	if err != nil {
		return fmt.Errorf("payments: facts of %s: %w", p.ID, err)
	}
	if err := saveLines(ctx, tx, p); err != nil {
		return err
	}
	for _, o := range p.Orders {
		if o.Kind != kernel.OrderRefund {
			continue
		}
		if _, err := t.ExecContext(ctx, `UPDATE payments.payment_order SET done_at = $3, failed_at = $4
			WHERE tenant_id = $1 AND id = $2 AND (done_at, failed_at) IS DISTINCT FROM ($3::timestamptz, $4::timestamptz)`,
			tx.TenantID(), o.ID, presentTime(o.DoneAt), presentTime(o.FailedAt)); err != nil {
			return fmt.Errorf("payments: facts of order %s: %w", o.ID, err)
		}
	}
	return nil
}

func saveLines(ctx context.Context, tx kernel.Tx, p *payment) error {
	for _, l := range p.Lines {
		_, err := pg.From(tx).ExecContext(ctx, `UPDATE payments.payment_line SET taken = $4, promised = $5 WHERE tenant_id = $1 AND payment_id = $2 AND name = $3
			AND (taken, promised) IS DISTINCT FROM ($4::bigint, $5::bigint)`,
			tx.TenantID(), string(p.ID), l.Name, sql.NullInt64{Int64: l.Taken, Valid: l.Taken != untold}, l.Promised)
		if err != nil {
			return fmt.Errorf("payments: line of %s: %w", p.ID, err)
		}
	}
	return nil
}

// setBegun keeps what the provider answered; the first answer stays.
func setBegun(ctx context.Context, tx kernel.Tx, id kernel.PaymentID, b begun) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE payments.payment SET reference = $3, pay_url = $4 WHERE tenant_id = $1 AND id = $2 AND reference IS NULL`,
		tx.TenantID(), string(id), b.Reference, b.URL)
	if err != nil {
		return fmt.Errorf("payments: begun %s: %w", id, err)
	}
	return nil
}

// insertOrder writes a new order with its lines.
func insertOrder(ctx context.Context, tx kernel.Tx, p *payment, o *order) error {
	t := pg.From(tx)
	_, err := t.ExecContext(ctx, `INSERT INTO payments.payment_order (tenant_id, id, payment_id, key, kind, amount, reason, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.TenantID(), o.ID, string(p.ID), o.Key, o.Kind, o.Amount, o.Reason, o.CreatedAt)
	if err != nil {
		return fmt.Errorf("payments: order %s: %w", o.ID, err)
	}
	for name, amount := range o.Lines {
		if _, err := t.ExecContext(ctx, `INSERT INTO payments.order_line (tenant_id, order_id, payment_id, line, amount) VALUES ($1, $2, $3, $4, $5)`,
			tx.TenantID(), o.ID, string(p.ID), name, amount); err != nil {
			return fmt.Errorf("payments: line of order %s: %w", o.ID, err)
		}
	}
	return nil
}

func setSent(ctx context.Context, tx kernel.Tx, id string, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE payments.payment_order SET sent_at = coalesce(sent_at, $3) WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id, at)
	if err != nil {
		return fmt.Errorf("payments: sent %s: %w", id, err)
	}
	return nil
}

func orNull[S ~string](s S) sql.NullString { return sql.NullString{String: string(s), Valid: s != ""} }

func presentTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func moment(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}
