package modules

import (
	"strings"
	"testing"
)

const (
	oneSecret   = "whsec_b25lIHNlY3JldCBvZiB0aGUgdGVzdHMsIDMyIGJ5dGVzIQ=="
	otherSecret = "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZQ=="
)

func TestPaymentSettingsThatAreUnsafeAreRefusedWithoutASecretInTheWords(t *testing.T) {
	t.Parallel()
	good := func() PaymentSettings {
		return PaymentSettings{URL: "https://wallet.example/payments", Secrets: []Secret{oneSecret}, EventSecrets: []Secret{otherSecret}}
	}
	if err := good().check(false); err != nil {
		t.Fatal(err)
	}
	local := good()
	local.URL = "http://127.0.0.1:8090"
	if err := local.check(true); err != nil {
		t.Errorf("this machine, declared: %v", err)
	}
	for name, change := range map[string]func(*PaymentSettings){
		"no address":              func(p *PaymentSettings) { p.URL = "" },
		"no host":                 func(p *PaymentSettings) { p.URL = "/payments" },
		"clear text":              func(p *PaymentSettings) { p.URL = "http://wallet.example/payments" },
		"this machine":            func(p *PaymentSettings) { p.URL = "http://127.0.0.1:8090" },
		"a slash at the end":      func(p *PaymentSettings) { p.URL += "/" },
		"a query":                 func(p *PaymentSettings) { p.URL += "?token=x" },
		"a user":                  func(p *PaymentSettings) { p.URL = "https://user:pass@wallet.example" },
		"no secret":               func(p *PaymentSettings) { p.Secrets = nil },
		"no event secret":         func(p *PaymentSettings) { p.EventSecrets = nil },
		"a short secret":          func(p *PaymentSettings) { p.Secrets = []Secret{"whsec_c2hvcnQ="} },
		"one secret in both ways": func(p *PaymentSettings) { p.EventSecrets = append(p.EventSecrets, oneSecret) },
	} {
		p := good()
		change(&p)
		err := p.check(false)
		if err == nil || strings.Contains(err.Error(), "b25l") || strings.Contains(err.Error(), "c2hv") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]CardSettings{
		"no key": {EventSecrets: []Secret{"whsec_x"}}, "no event secret": {APIKey: "sk_x"}, "clear text": {APIKey: "sk_x", EventSecrets: []Secret{"whsec_x"}, URL: "http://api.example"},
	} {
		if err := c.check(); err == nil || strings.Contains(err.Error(), "sk_x") {
			t.Errorf("card, %s: %v", name, err)
		}
	}
	if err := (CardSettings{APIKey: "sk_x", EventSecrets: []Secret{"whsec_x"}}).check(); err != nil {
		t.Errorf("card: %v", err)
	}
}

func TestSettingsOfPaymentsAreReadAndMasked(t *testing.T) {
	t.Parallel()
	s, err := ReadSettings([]byte(`
tenants:
  - {id: northwick, origin: "https://northwick.example", name: {en: N, ru: Н, zh: 诺}, zone: Europe/London, country: GB}
issuers:
  - {id: wallet, url: "https://wallet.example", area: citizen}
wallets:
  - issuer: https://wallet.example
    webhook: https://wallet.example/webhooks
    secrets: ["` + oneSecret + `"]
    payments: {url: "https://pay.wallet.example/v1", secrets: ["` + oneSecret + `"], event_secrets: ["` + otherSecret + `"]}
card: {api_key: sk_live_x, event_secrets: [whsec_x]}
`))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Options: Options{Settings: s}}
	all := h.payingWallets()
	if len(all) != 1 || all[0].Name != "wallet" || all[0].URL != "https://pay.wallet.example/v1" || all[0].EventSecrets[0] != otherSecret {
		t.Errorf("%+v", all)
	}
	if got := strings.Join(s.payingOrigins(), " "); got != "https://pay.wallet.example https://checkout.stripe.com" {
		t.Errorf("forms may lead to %s", got)
	}
}
