package apptest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
	"townhall/modules/kernel/pg"
)

// Theresa looks after Northwick's money.
var Theresa = Who{Subject: "theresa", Name: "Theresa Vance", ACR: "high", Groups: []string{"northwick-treasurers"}, Client: "northwick.staff"}

// walletSecret signs what the wallet of the tests says about payments.
const walletSecret = "whsec_d2FsbGV0cyBzZWNyZXQgb2YgdGhlIHRlc3RzLCAzMiBieQ=="

// WithPayments lets people pay through the citizens' wallet at address. It hears of notices and says nothing by itself: tests
// speak in its name.
func WithPayments(address string) Option {
	return func(o *modules.Options) {
		o.Settings.Wallets = append(o.Settings.Wallets, modules.WalletSettings{
			Issuer: o.Settings.Issuers[0].URL, Webhook: address + "/webhooks", Secrets: []modules.Secret{walletSecret}, AllowLoopback: true,
			Payments: &modules.PaymentSettings{URL: address + "/payments", Secrets: []modules.Secret{"whsec_dG93bnMgc2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZQ=="}, EventSecrets: []modules.Secret{walletSecret}},
		})
	}
}

// WalletSays posts an event about a payment of Owe in the wallet's name.
func (a *App) WalletSays(kind, payment string) Answer {
	a.t.Helper()
	body, err := json.Marshal(map[string]any{"type": kind, "timestamp": time.Now(), "data": map[string]any{"payment": payment, "amount": 1250, "currency": "GBP", "reason": "declined"}})
	if err != nil {
		a.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, a.Origin("northwick")+"/payments/v1/events/wallet", strings.NewReader(string(body)))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if err := WalletSigns(req.Header, kernel.NewID(), body); err != nil {
		a.t.Fatal(err)
	}
	answer, err := a.Send(req)
	if err != nil {
		a.t.Fatal(err)
	}
	a.judge.check(a.t, req, answer)
	return answer
}

// WalletSigns signs a message of the wallet's.
func WalletSigns(h http.Header, id string, body []byte) error {
	keys, err := outside.NewKeys([]string{walletSecret})
	if err != nil {
		return err
	}
	return keys.Sign(h, id, time.Now(), body)
}

// Owe gives who a payment for a case at Northwick that the wallet knows and nobody has paid, and a difference about it that nobody has
// settled, as an operation of a service and a night's comparison would have. It returns the ids of both.
func (a *App) Owe(who Who, kase string) (payment, difference string) {
	a.t.Helper()
	payment, difference = kernel.NewID(), kernel.NewID()
	err := a.DB.InTx(a.t.Context(), "northwick", func(tx *pg.Tx) error {
		if _, err := tx.Exec(`INSERT INTO payments.payment (tenant_id, id, case_id, person, provider, number, title, amount, currency, until, return_path, created_at, reference, pay_url)
			SELECT $1, $2, $3, p.id, 'wallet', $4, '{"en":"Coach ticket","ru":"Билет","zh":"车票"}', 1250, 'GBP', now() + interval '1 hour', '/cases', now(), $5, $6
			FROM identity.person p WHERE p.tenant_id = $1 AND p.issuer = $7 AND p.subject = $8`,
			"northwick", payment, kase, "PA-"+payment[28:], "WP-"+payment[28:], a.Citizens.URL+"/pay/1", a.Citizens.URL, who.Subject); err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO payments.payment_line (tenant_id, payment_id, name, position, payee, title, amount)
			VALUES ('northwick', $1, 'fare', 0, 'civil-registry', '{"en":"Fare","ru":"Проезд","zh":"票价"}', 1250)`, payment); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO payments.difference (tenant_id, id, provider, kind, key, day, payment_id, reference, ours, theirs, currency, found_at)
			VALUES ('northwick', $1::uuid, 'wallet', 'amount', $1::text, '2026-11-21', $2, 'WP-1', 1250, 1520, 'GBP', now())`, difference, payment)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return payment, difference
}
