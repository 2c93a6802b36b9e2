package payments

import (
	"slices"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Every column of the module that a person's data could stand in, and what stands there. Who paid is an id of identity and nothing
// more: a ledger has to be kept for years, and a name in it would have to be kept as long. A column that is not here fails the test:
// whoever adds one says what it holds.
var columnsSay = map[string]string{
	"payment.id": "", "payment.case_id": "", "payment.person": "who pays, as an id", "payment.provider": "", "payment.number": "", "payment.title": "of the service", "payment.currency": "",
	"payment.return_path": "", "payment.locale": "of the notice", "payment.reference": "the provider's", "payment.pay_url": "the provider's", "payment.failed_reason": "a slug",
	"payment_line.payment_id": "", "payment_line.name": "", "payment_line.payee": "an agency", "payment_line.title": "of the service",
	"payment_order.id": "", "payment_order.payment_id": "", "payment_order.key": "", "payment_order.kind": "", "payment_order.reason": "a slug",
	"order_line.order_id": "", "order_line.payment_id": "", "order_line.line": "",
	"account.code": "", "account.currency": "", "account.kind": "",
	"transfer.id": "", "transfer.kind": "", "transfer.debit": "", "transfer.credit": "", "transfer.currency": "", "transfer.resolves": "", "transfer.resolves_kind": "", "transfer.payment_id": "",
	"transfer.line": "", "transfer.order_id": "",
	"provider_event.provider": "", "provider_event.event_id": "", "provider_event.kind": "", "provider_event.payment_id": "", "provider_event.order_id": "", "provider_event.currency": "",
	"provider_event.reason": "a slug", "provider_event.refused": "",
	"difference.id": "", "difference.provider": "", "difference.kind": "", "difference.key": "", "difference.payment_id": "", "difference.reference": "the provider's", "difference.currency": "",
	"difference.settled_by": "the official, as an id", "difference.settlement": "an official's words",
	"reconciliation.provider": "",
}

func TestWhoPaysStandsInTheBooksAsAnIDAndNothingMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	who := h.resident()
	one := h.people[who]
	one.Subject, one.Claims = "sub-of-perpetua", map[string]string{"name": "Perpetua Canary"}
	h.people[who] = one
	p := h.open(t, ticket(who))
	h.settle(t)
	h.wallet.pay(p.ID)
	h.tell(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 400}})
	h.settle(t)
	h.tell(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderRefund, Reason: "cancelled"})
	h.settle(t)
	h.tell(t)
	h.yesterday(t)
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	var columns []string
	h.tx(t, func(tx *pg.Tx) error {
		return tx.SelectContext(t.Context(), &columns, `SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c
			WHERE c.table_schema = 'payments' AND c.column_name <> 'tenant_id' AND c.data_type IN ('text', 'jsonb', 'uuid', 'character varying', 'bytea', 'ARRAY') ORDER BY 1`)
	})
	seen := map[string]bool{}
	for _, c := range columns {
		if _, known := columnsSay[c]; !known {
			t.Errorf("payments.%s: say in this test what stands there", c)
		}
		seen[c] = true
	}
	for c := range columnsSay {
		if !seen[c] {
			t.Errorf("payments.%s is not there any more", c)
		}
	}
	var tables []string
	for _, c := range columns {
		table, _, _ := strings.Cut(c, ".")
		tables = append(tables, table)
	}
	for _, table := range slices.Compact(tables) {
		for _, known := range []string{one.Subject, one.Claims["name"]} {
			if n := h.count(t, `SELECT count(*) FROM payments.`+table+` AS one WHERE tenant_id = 'northwick' AND one::text LIKE '%' || $1 || '%'`, known); n > 0 {
				t.Errorf("%q stands %d times in payments.%s", known, n, table)
			}
		}
	}
	if n := h.count(t, `SELECT count(*) FROM payments.payment WHERE tenant_id = 'northwick' AND person = $1`, string(who)); n != 1 {
		t.Errorf("%d payments of the person", n)
	}
}
