package payments

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

func TestOnlyWhatTheWalletSignedIsRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	m := says(saidAuthorized, p)
	body := m.body()
	for name, c := range map[string]struct {
		provider, key string
		body          []byte
		at            time.Time
		status        int
		code          string
	}{
		"nobody signed it":        {"wallet", "", body, time.Now(), http.StatusUnauthorized, "bad-signature"},
		"somebody else signed it": {"wallet", secret(9), body, time.Now(), http.StatusUnauthorized, "bad-signature"},
		"our own secret":          {"wallet", secret(1), body, time.Now(), http.StatusUnauthorized, "bad-signature"},
		"too old":                 {"wallet", secret(2), body, time.Now().Add(-6 * time.Minute), http.StatusUnauthorized, "bad-signature"},
		"from the future":         {"wallet", secret(2), body, time.Now().Add(6 * time.Minute), http.StatusUnauthorized, "bad-signature"},
		"an unknown provider":     {"purse", secret(2), body, time.Now(), http.StatusNotFound, "not-found"},
		"no JSON":                 {"wallet", secret(2), []byte("{"), time.Now(), http.StatusBadRequest, "malformed-request"},
		"nonsense, unsigned":      {"wallet", "", []byte("{"), time.Now(), http.StatusUnauthorized, "bad-signature"},
		"no moment":               {"wallet", secret(2), []byte(`{"type":"payment.authorized","data":{"payment":"` + string(p.ID) + `"}}`), time.Now(), http.StatusBadRequest, "malformed-request"},
		"no currency code":        {"wallet", secret(2), message{Type: saidAuthorized, Payment: string(p.ID), Currency: "E\x00R", At: time.Now()}.body(), time.Now(), http.StatusBadRequest, "malformed-request"},
		"a long currency":         {"wallet", secret(2), message{Type: saidAuthorized, Payment: string(p.ID), Currency: "EURO", At: time.Now()}.body(), time.Now(), http.StatusBadRequest, "malformed-request"},
		"no payment id":           {"wallet", secret(2), message{Type: saidAuthorized, Payment: "1' OR 1=1", At: time.Now()}.body(), time.Now(), http.StatusBadRequest, "malformed-request"},
		"an unknown payment":      {"wallet", secret(2), message{Type: saidAuthorized, Payment: kernel.NewID(), At: time.Now()}.body(), time.Now(), http.StatusNotFound, "not-found"},
		"something else":          {"wallet", secret(2), []byte(`{"type":"wallet.greeted","timestamp":"2026-11-30T09:41:07Z","data":{}}`), time.Now(), http.StatusOK, ""},
		"nothing":                 {"wallet", secret(2), nil, time.Now(), http.StatusBadRequest, "malformed-request"},
		"too much":                {"wallet", secret(2), bytes.Repeat([]byte(" "), 65<<10), time.Now(), http.StatusRequestEntityTooLarge, "too-large"},
	} {
		if status, code := h.post(t, c.provider, "msg_"+name[:2], c.body, c.key, c.at); status != c.status || code != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, c.status, c.code)
		}
	}
	tampered := bytes.Replace(body, []byte("1250"), []byte("0001"), 1)
	if bytes.Equal(tampered, body) {
		t.Fatal("nothing was changed")
	}
	if h.stands(t, p.ID).State != kernel.PaymentOpen || h.count(t, `SELECT count(*) FROM payments.provider_event WHERE tenant_id = 'northwick'`) != 0 {
		t.Error("something of it was believed")
	}
	if status, _ := h.post(t, "wallet", "msg_rotated", body, secret(3), time.Now()); status != http.StatusOK {
		t.Errorf("the other secret of a rotation: %d", status)
	}
}

func TestAReplayChangesNothingAndGetsTheSameAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	good, bad := says(saidAuthorized, p), says(saidAuthorized, p)
	bad.Amount = 1
	for range 3 {
		if status, _ := h.deliver(t, good); status != http.StatusOK {
			t.Errorf("the good one: %d", status)
		}
		if status, code := h.deliver(t, bad); status != http.StatusUnprocessableEntity || code != "event-differs" {
			t.Errorf("the bad one: %d %s", status, code)
		}
	}
	// The id of a message that was heard, with another content: it was heard.
	again := says(saidCaptured, p)
	again.ID = good.ID
	if status, _ := h.deliver(t, again); status != http.StatusOK || h.stands(t, p.ID).State != kernel.PaymentAuthorized {
		t.Errorf("the same id for something else: %d, %s", status, h.stands(t, p.ID).State)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.provider_event WHERE tenant_id = 'northwick'`); n != 2 {
		t.Errorf("%d events in the inbox", n)
	}
}

func TestAnotherAmountOrCurrencyIsNotBelievedAndKeptAsADifference(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 700}})
	with := func(kind string, amount int64, currency, order string) message {
		m := says(kind, p)
		m.Amount, m.Currency, m.Order = amount, currency, order
		return m
	}
	for name, c := range map[string]struct {
		m    message
		kind string
	}{
		"all where a part was ordered": {with(saidCaptured, 1250, "EUR", ""), "amount"},
		"more than everything":         {with(saidCaptured, 1251, "EUR", ""), "amount"},
		"nothing":                      {with(saidCaptured, 0, "EUR", ""), "amount"},
		"pounds":                       {with(saidCaptured, 700, "GBP", ""), "currency"},
		"no currency":                  {with(saidCaptured, 700, "", ""), "currency"},
		"a part let go":                {with(saidVoided, 5, "EUR", ""), "amount"},
		"a refund nobody ordered":      {with(saidRefunded, 5, "EUR", kernel.NewID()), "missing-here"},
		"a refund of nothing known":    {with(saidRefunded, 5, "EUR", ""), "missing-here"},
	} {
		before := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = $1`, c.kind)
		status, code := h.deliver(t, c.m)
		if status != http.StatusUnprocessableEntity || code != "event-differs" {
			t.Errorf("%s: %d %s", name, status, code)
			continue
		}
		if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = $1`, c.kind); n != before+1 {
			t.Errorf("%s: no difference of kind %s", name, c.kind)
		}
	}
	if p = h.stands(t, p.ID); p.State != kernel.PaymentAuthorized {
		t.Errorf("believed: %+v", p)
	}
}

func TestAPaymentOfAnotherWalletOrTownIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	h.settle(t)
	m := says(saidAuthorized, p)
	m.Reference = "WP-somebody-elses"
	if status, _ := h.deliver(t, m); status != http.StatusNotFound {
		t.Errorf("another reference: %d", status)
	}
	h.tx(t, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE payments.payment SET provider = 'other' WHERE tenant_id = 'northwick'`)
		return err
	})
	if status, _ := h.deliver(t, says(saidAuthorized, p)); status != http.StatusNotFound {
		t.Errorf("another wallet: %d", status)
	}
}
