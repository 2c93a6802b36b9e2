package payments

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// model is what the ledger must say, kept the simple way: what each payment has held, taken and given back.
type model struct{ held, taken, returning, returned int64 }

func TestTheLedgerAgreesWithASimpleModelWhateverHappens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	who := h.resident()
	ctx := t.Context()
	rapid.Check(t, func(r *rapid.T) {
		kinds := []string{saidAuthorized, saidCaptured, saidVoided, saidFailed, "order", "order", saidRefunded, saidRefundFailed}
		n := ticket(who)
		n.Lines = n.Lines[:1]
		n.Lines[0].Amount = euro(rapid.Int64Range(1, 1<<40).Draw(r, "amount"))
		n.Lines[0].Payee = kernel.AgencyID("p" + kernel.NewID())
		p := h.open(t, n)
		var m model
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			h.step(ctx, t, r, p.ID, rapid.SampledFrom(kinds).Draw(r, "step"), &m)
		}
		var posted, reserved int64
		if err := h.db.Read(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
			all, err := balances(ctx, tx)
			for _, b := range all {
				if b.Account == payeeAccount(n.Lines[0].Payee) {
					posted, reserved = b.Posted, b.Pending
				}
			}
			booksOf(t, all)
			return err
		}); err != nil {
			r.Fatal(err)
		}
		if posted != m.returned-m.taken || reserved != m.returning-m.held {
			r.Fatalf("booked %d, reserved %d; the model: %+v", posted, reserved, m)
		}
	})
}

// step does one thing to a payment and to the model.
func (h *house) step(ctx context.Context, t *testing.T, r *rapid.T, id kernel.PaymentID, kind string, m *model) {
	p, err := h.read(ctx, kerneltest.Northwick, id)
	if err != nil {
		r.Fatal(err)
	}
	total := p.Amount.Amount
	taken, voided := !p.CapturedAt.IsZero(), !p.VoidedAt.IsZero()
	event := says(kind, p.public())
	switch kind {
	case saidAuthorized:
		if p.AuthorizedAt.IsZero() && !taken && !voided {
			m.held = total
		}
	case saidCaptured:
		m.held, m.taken = 0, total
	case saidVoided:
		m.held = 0
	case saidFailed:
	case "order":
		left := m.taken - m.returned - m.returning
		ask := rapid.Int64Range(1, max(total, 1)).Draw(r, "refund")
		err := h.db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := h.Order(ctx, tx, kernel.PaymentOrder{Payment: id, Key: kernel.NewID(), Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": ask}})
			return err
		})
		if possible := taken && ask <= left; possible != (err == nil) {
			r.Fatalf("%d back of %d left: %v", ask, left, err)
		} else if possible {
			m.returning += ask
		}
		return
	default:
		waiting := ""
		for _, o := range p.Orders {
			if o.state() == "ordered" {
				waiting, event.Amount = o.ID, o.Amount
			}
		}
		if waiting == "" {
			return
		}
		event.Order = waiting
		if m.returning -= event.Amount; kind == saidRefunded {
			m.returned += event.Amount
		}
	}
	h.taken(t, event)
}

// The database itself refuses what would break the books, whatever the program does.
func TestTheDatabaseRefusesBooksThatDoNotAddUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	var b booked
	h.tx(t, func(tx *pg.Tx) (err error) {
		b, err = bookedOf(t.Context(), tx, p.ID)
		return err
	})
	held := b[slot{"fare", ""}][pending]
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture})
	good := transfer{Kind: post, Debit: held.Debit, Credit: held.Credit, Amount: held.Amount, Resolves: held, Line: "fare", At: time.Now()}
	for name, c := range map[string]struct {
		change func(*transfer)
		want   string // the constraint
	}{
		"more than was held":                {func(x *transfer) { x.Amount.Amount++ }, "transfer_resolution"},
		"less than nothing":                 {func(x *transfer) { x.Amount.Amount = -1 }, "transfer_amount"},
		"nothing":                           {func(x *transfer) { x.Amount.Amount = 0 }, "transfer_amount"},
		"another account":                   {func(x *transfer) { x.Credit = "payee:insurer" }, "transfer_resolves_fkey"},
		"the accounts the other way":        {func(x *transfer) { x.Debit, x.Credit = x.Credit, x.Debit }, "transfer_resolves_fkey"},
		"an account that is not there":      {func(x *transfer) { x.Credit = "payee:nobody" }, "_fkey"},
		"one account on both sides":         {func(x *transfer) { x.Credit = x.Debit }, "transfer_amount"},
		"another currency":                  {func(x *transfer) { x.Amount.Currency = "GBP" }, "_fkey"},
		"a void of a part":                  {func(x *transfer) { x.Kind, x.Amount.Amount = void, 1 }, "transfer_resolution"},
		"a post of nothing held":            {func(x *transfer) { x.Resolves = nil }, "transfer_resolution"},
		"a single one that resolves":        {func(x *transfer) { x.Kind = single }, "transfer_resolution"},
		"a wrong amount of what is held":    {func(x *transfer) { other := *held; other.Amount.Amount += 5; x.Resolves = &other }, "transfer_resolves_fkey"},
		"a line that is not there":          {func(x *transfer) { x.Line = "fee" }, "transfer_line_fkey"},
		"a kind that is not there":          {func(x *transfer) { x.Kind, x.Resolves = "gift", nil }, "transfer_"},
		"an order of another payment":       {func(x *transfer) { x.Order = kernel.NewID() }, "transfer_order_fkey"},
		"what is resolved is a post itself": {func(x *transfer) { other := *held; other.Kind = post; x.Resolves = &other }, "transfer_resolution"},
	} {
		bad := good
		bad.ID = kernel.NewID()
		c.change(&bad)
		err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error { return insertTransfer(t.Context(), tx, p.ID, &bad) })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	h.tx(t, func(tx *pg.Tx) error {
		once := good
		once.ID = kernel.NewID()
		return insertTransfer(t.Context(), tx, p.ID, &once)
	})
	again := good
	again.ID, again.Kind = kernel.NewID(), void
	if err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error { return insertTransfer(t.Context(), tx, p.ID, &again) }); err == nil {
		t.Error("what is held was resolved twice")
	}
	for _, change := range []string{"UPDATE payments.transfer SET amount = 1 WHERE tenant_id = 'northwick'", "DELETE FROM payments.transfer WHERE tenant_id = 'northwick'", "DELETE FROM payments.provider_event WHERE tenant_id = 'northwick'"} {
		err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := tx.ExecContext(t.Context(), change)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: %v", change, err)
		}
	}
}

// A transaction that dies between any two of its statements leaves nothing, and the provider's retry does it all.
func TestADeathBetweenTheStepsLeavesNothingHalfDone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	m := says(saidAuthorized, p)
	e := event{ID: m.ID, Kind: m.Type, Payment: p.ID, Amount: p.Amount, At: m.At}
	died := errors.New("died")
	for after := range 4 {
		err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			own, err := getPayment(t.Context(), tx, p.ID, true)
			if err != nil {
				return err
			}
			own.learn(e)
			for i, do := range []func() error{
				func() error { return saveFacts(t.Context(), tx, own) },
				func() error { return h.bookWhatIsNew(t.Context(), tx, own) },
				func() error {
					_, err := insertEvent(t.Context(), tx, "wallet", e, "", time.Now())
					return err
				},
				func() error {
					return pg.Emit(t.Context(), tx, kernel.Event{Name: kernel.EventPaymentChanged, Key: "k", Payload: kernel.PaymentChanged{}})
				},
			} {
				if err := do(); err != nil {
					return err
				}
				if i == after {
					return died
				}
			}
			return nil
		})
		if !errors.Is(err, died) {
			t.Fatal(err)
		}
		if h.stands(t, p.ID).State != kernel.PaymentOpen || h.books(t) != "" || h.count(t, `SELECT count(*) FROM payments.provider_event WHERE tenant_id = 'northwick'`) != 0 {
			t.Fatalf("after %d steps something is left", after+1)
		}
	}
	h.taken(t, m)
	h.settle(t)
	if h.stands(t, p.ID).State != kernel.PaymentAuthorized || h.heard.words() != "authorized" {
		t.Errorf("the retry: %+v, %s", h.stands(t, p.ID), h.heard.words())
	}
}
