package kerneltest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Payments stands in for the payments module (kernel.Payments): it keeps its books in the test's database, in the caller's
// transaction, so that what is rolled back is as if it had never been asked for. Nothing happens by itself: a test says
// what the provider reports (Happens), and when it carries out what was ordered (Deliver).
type Payments struct{ db *pg.DB }

// NewPayments makes its tables in db.
func NewPayments(t testing.TB, db *pg.DB) *Payments {
	t.Helper()
	err := db.Shared(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `SET LOCAL ROLE NONE; -- the owner's, who may create
			CREATE SCHEMA fakepay;
			CREATE TABLE fakepay.payment (tenant_id text, id uuid, case_id uuid, n bigint GENERATED ALWAYS AS IDENTITY, body jsonb NOT NULL, PRIMARY KEY (tenant_id, id));
			CREATE TABLE fakepay.ordered (tenant_id text, payment uuid, key text, n bigint GENERATED ALWAYS AS IDENTITY, body jsonb NOT NULL, done boolean NOT NULL DEFAULT false, PRIMARY KEY (tenant_id, payment, key));
			SELECT app_protect('fakepay.payment'), app_protect('fakepay.ordered')`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return &Payments{db}
}

var _ kernel.Payments = (*Payments)(nil)

// errOrder has the words of the module it stands in for.
var errOrder = &kernel.Error{Kind: kernel.Conflict, Slug: "order-not-possible", Message: "This payment does not allow that."}

// Open makes a payment (kernel.Payments).
func (p *Payments) Open(ctx context.Context, tx kernel.Tx, n kernel.NewPayment) (kernel.Payment, error) {
	if n.ID == "" {
		n.ID = kernel.PaymentID(kernel.NewID())
	}
	if there, err := p.load(ctx, tx, n.ID); err == nil {
		return there, nil
	}
	if len(n.Lines) == 0 {
		return kernel.Payment{}, kernel.InvalidFields(kernel.FieldError{Path: "lines", Slug: "field.required"})
	}
	out := kernel.Payment{ID: n.ID, Case: n.Case, Person: n.Person, State: kernel.PaymentOpen, Title: n.Title, Lines: n.Lines, Until: n.Until,
		Reference: "PA-" + string(n.ID[:8]), PayURL: "https://wallet.example/pay/" + string(n.ID)}
	for i, l := range n.Lines {
		sum, err := out.Amount.Plus(l.Amount)
		if err != nil || l.Amount.Amount <= 0 || slices.ContainsFunc(n.Lines[:i], func(o kernel.PaymentLine) bool { return o.Name == l.Name }) {
			return kernel.Payment{}, kernel.InvalidFields(kernel.FieldError{Path: "lines", Slug: "field.wrong-format"})
		}
		out.Amount = sum
	}
	zero := kernel.Money{Currency: out.Amount.Currency}
	out.Authorized, out.Captured, out.Refunded = zero, zero, zero
	return out, p.save(ctx, tx, out)
}

// Order notes what is wanted (kernel.Payments).
func (p *Payments) Order(ctx context.Context, tx kernel.Tx, o kernel.PaymentOrder) (kernel.Payment, error) {
	pay, err := p.load(ctx, tx, o.Payment)
	if err != nil {
		return kernel.Payment{}, err
	}
	all, err := p.ordered(ctx, tx, o.Payment, false)
	if err != nil {
		return kernel.Payment{}, err
	}
	had := func(kind string) bool {
		return slices.ContainsFunc(all, func(other kernel.PaymentOrder) bool { return other.Kind == kind })
	}
	if slices.ContainsFunc(all, func(other kernel.PaymentOrder) bool { return other.Key == o.Key }) {
		return pay, nil
	}
	switch o.Kind {
	case kernel.OrderCapture:
		if pay.State != kernel.PaymentAuthorized || had(kernel.OrderVoid) || had(kernel.OrderCapture) {
			return kernel.Payment{}, errOrder.With("order", o.Kind)
		}
	case kernel.OrderVoid:
		if pay.State == kernel.PaymentCaptured || pay.State == kernel.PaymentRefunded || had(kernel.OrderCapture) {
			return kernel.Payment{}, errOrder.With("order", o.Kind)
		}
	case kernel.OrderRefund:
		if pay.Captured.IsZero() {
			return kernel.Payment{}, errOrder.With("order", o.Kind)
		}
		for name := range o.Lines {
			left := int64(0)
			for _, l := range pay.Lines {
				if l.Name == name {
					left = l.Amount.Amount
				}
			}
			for _, other := range all {
				if other.Kind == kernel.OrderRefund {
					left -= other.Lines[name]
				}
			}
			if o.Lines[name] <= 0 || o.Lines[name] > left {
				return kernel.Payment{}, kernel.InvalidFields(kernel.FieldError{Path: "lines", Slug: "field.out-of-range"})
			}
		}
	}
	body, err := json.Marshal(o)
	if err != nil {
		return kernel.Payment{}, err
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO fakepay.ordered (tenant_id, payment, key, body) VALUES ($1, $2, $3, $4)`, tx.TenantID(), o.Payment, o.Key, body)
	return pay, err
}

// Payments lists what a case has to pay or has paid (kernel.Payments).
func (p *Payments) Payments(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]kernel.Payment, error) {
	var bodies [][]byte
	if err := pg.From(tx).SelectContext(ctx, &bodies, `SELECT body FROM fakepay.payment WHERE tenant_id = $1 AND case_id = $2 ORDER BY n`, tx.TenantID(), c); err != nil {
		return nil, err
	}
	return decoded[kernel.Payment](bodies)
}

// Happens writes down what the provider reports about a payment, and tells of it once: kernel.ChangeAuthorized, ChangeFailed, and
// ChangeVoided when it lets go what it has held long enough.
// A report that comes too late for the state it would lead to is told nevertheless.
func (p *Payments) Happens(t testing.TB, tenant kernel.TenantID, id kernel.PaymentID, change string) {
	t.Helper()
	err := p.db.InTx(t.Context(), tenant, func(tx *pg.Tx) error {
		pay, err := p.load(t.Context(), tx, id)
		if err != nil {
			return err
		}
		switch change {
		case kernel.ChangeAuthorized:
			if pay.State == kernel.PaymentOpen || pay.State == kernel.PaymentFailed {
				pay.State, pay.Authorized = kernel.PaymentAuthorized, pay.Amount
			}
		case kernel.ChangeFailed:
			if pay.State == kernel.PaymentOpen {
				pay.State = kernel.PaymentFailed
			}
		case kernel.ChangeVoided:
			if pay.State == kernel.PaymentAuthorized {
				pay.State, pay.Released, pay.ReleaseReason = kernel.PaymentVoided, pay.Authorized, kernel.ReleaseExpired
			}
		default:
			return fmt.Errorf("%s does not come by itself", change)
		}
		return p.tell(t.Context(), tx, pay, change, change)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Deliver carries out everything that was ordered and tells what came of it. It returns how many orders there were.
func (p *Payments) Deliver(t testing.TB, tenant kernel.TenantID) (n int) {
	t.Helper()
	err := p.db.InTx(t.Context(), tenant, func(tx *pg.Tx) error {
		all, err := p.ordered(t.Context(), tx, "", true)
		n = len(all)
		for _, o := range all {
			if err == nil {
				err = p.carryOut(t.Context(), tx, o)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (p *Payments) carryOut(ctx context.Context, tx *pg.Tx, o kernel.PaymentOrder) error {
	pay, err := p.load(ctx, tx, o.Payment)
	if err != nil {
		return err
	}
	change := ""
	switch o.Kind {
	case kernel.OrderCapture:
		pay.State, pay.Captured, change = kernel.PaymentCaptured, pay.Authorized, kernel.ChangeCaptured
		if o.Lines != nil { // of a deposit: the rest is let go
			pay.Captured.Amount = 0
			for _, n := range o.Lines {
				pay.Captured.Amount += n
			}
			pay.Released = kernel.Money{Amount: pay.Authorized.Amount - pay.Captured.Amount, Currency: pay.Amount.Currency}
		}
	case kernel.OrderVoid:
		pay.State, change = kernel.PaymentVoided, kernel.ChangeVoided
	case kernel.OrderRefund:
		amount := int64(0)
		for _, n := range o.Lines {
			amount += n
		}
		if o.Lines == nil {
			amount = pay.Captured.Amount - pay.Refunded.Amount
		}
		pay.Refunded.Amount += amount
		pay.Refunds = append(pay.Refunds, kernel.Refund{Key: o.Key, Reason: o.Reason, State: "done", Amount: kernel.Money{Amount: amount, Currency: pay.Amount.Currency}, Lines: o.Lines})
		if change = kernel.ChangeRefunded; pay.Refunded == pay.Captured {
			pay.State = kernel.PaymentRefunded
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE fakepay.ordered SET done = true WHERE tenant_id = $1 AND payment = $2 AND key = $3`, tx.TenantID(), o.Payment, o.Key); err != nil {
		return err
	}
	return p.tell(ctx, tx, pay, change, o.Key)
}

func (p *Payments) tell(ctx context.Context, tx *pg.Tx, pay kernel.Payment, change, fact string) error {
	if err := p.save(ctx, tx, pay); err != nil {
		return err
	}
	return pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventPaymentChanged, Key: string(pay.ID) + "/" + fact, Case: pay.Case,
		Payload: kernel.PaymentChanged{Payment: pay.ID, Case: pay.Case, Person: pay.Person, State: pay.State, Change: change}})
}

func (p *Payments) load(ctx context.Context, tx kernel.Tx, id kernel.PaymentID) (kernel.Payment, error) {
	var bodies [][]byte
	err := pg.From(tx).SelectContext(ctx, &bodies, `SELECT body FROM fakepay.payment WHERE tenant_id = $1 AND id = $2 FOR UPDATE`, tx.TenantID(), id)
	if err != nil {
		return kernel.Payment{}, err
	}
	all, err := decoded[kernel.Payment](bodies)
	if err == nil && len(all) == 0 {
		err = kernel.NotThere("payment")
	}
	if err != nil {
		return kernel.Payment{}, err
	}
	return all[0], nil
}

func (p *Payments) save(ctx context.Context, tx kernel.Tx, pay kernel.Payment) error {
	body, err := json.Marshal(pay)
	if err != nil {
		return err
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO fakepay.payment (tenant_id, id, case_id, body) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, id) DO UPDATE SET body = excluded.body`, tx.TenantID(), pay.ID, pay.Case, body)
	return err
}

// ordered lists the orders of a payment, or of all; undone: only those that have not been carried out.
func (p *Payments) ordered(ctx context.Context, tx kernel.Tx, id kernel.PaymentID, undone bool) ([]kernel.PaymentOrder, error) {
	var bodies [][]byte
	err := pg.From(tx).SelectContext(ctx, &bodies, `SELECT body FROM fakepay.ordered WHERE tenant_id = $1 AND ($2 = '' OR payment::text = $2) AND NOT (done AND $3) ORDER BY n`,
		tx.TenantID(), string(id), undone)
	if err != nil {
		return nil, err
	}
	return decoded[kernel.PaymentOrder](bodies)
}

func decoded[T any](bodies [][]byte) ([]T, error) {
	out := make([]T, len(bodies))
	for i, b := range bodies {
		if err := json.Unmarshal(b, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
