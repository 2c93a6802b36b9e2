package modules

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
	"townhall/modules/payments"
)

// PaymentSettings is the payment interface of a host wallet. Requests to it are signed with the first of Secrets, and with the
// others too while they are changed; its events are signed with one of EventSecrets.
type PaymentSettings struct {
	URL          string   `yaml:"url"` // no slash at the end
	Secrets      []Secret `yaml:"secrets"`
	EventSecrets []Secret `yaml:"event_secrets"`
}

// check reports what is wrong with it. It never prints a secret.
func (p PaymentSettings) check(loopback bool) error {
	if err := checkAddress(p.URL, loopback); err != nil {
		return err
	}
	if _, err := outside.NewKeys(each(p.Secrets, Secret.reveal)); err != nil {
		return fmt.Errorf("secrets: %w", err)
	}
	if _, err := outside.NewKeys(each(p.EventSecrets, Secret.reveal)); err != nil {
		return fmt.Errorf("event_secrets: %w", err)
	}
	if slices.ContainsFunc(p.Secrets, func(s Secret) bool { return slices.Contains(p.EventSecrets, s) }) {
		return errors.New("secrets and event_secrets: one secret must not sign in both directions")
	}
	return nil
}

func checkAddress(address string, loopback bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(address, "/"):
		return errors.New("url: want an absolute address without query and without a slash at the end")
	case u.Scheme == "https":
	case u.Scheme == "http" && loopback && kernel.LoopbackName(u.Hostname()):
	default:
		return errors.New("url: must be https")
	}
	return nil
}

// CardSettings is the account with the company that takes cards (Stripe). Its webhook endpoint of each municipality is
// https://<municipality>/payments/v1/events/card.
type CardSettings struct {
	APIKey        Secret   `yaml:"api_key"`
	EventSecrets  []Secret `yaml:"event_secrets"`
	URL           string   `yaml:"url"` // of its API; empty: the company's own
	AllowLoopback bool     `yaml:"allow_loopback"`
}

// checkoutOrigin is where the company's own page is.
const checkoutOrigin = "https://checkout.stripe.com"

func (c CardSettings) check() error {
	if c.APIKey == "" || len(c.EventSecrets) == 0 {
		return errors.New("needs api_key and at least one event secret")
	}
	if c.URL == "" {
		return nil
	}
	return checkAddress(c.URL, c.AllowLoopback)
}

func (c CardSettings) card() payments.Card {
	return payments.Card{Name: "card", APIKey: c.APIKey.reveal(), EventSecrets: each(c.EventSecrets, Secret.reveal), URL: c.URL, AllowLoopback: c.AllowLoopback}
}

// payingWallets are the wallets through which people pay, named after their issuer: the name stands in the address of events.
func (h *house) payingWallets() []payments.Wallet {
	var out []payments.Wallet
	for _, w := range h.Settings.Wallets {
		if w.Payments == nil {
			continue
		}
		one := payments.Wallet{Issuer: w.Issuer, URL: w.Payments.URL, Secrets: each(w.Payments.Secrets, Secret.reveal), EventSecrets: each(w.Payments.EventSecrets, Secret.reveal), AllowLoopback: w.AllowLoopback}
		for _, i := range h.Settings.Issuers {
			if i.URL == w.Issuer {
				one.Name = i.ID
			}
		}
		out = append(out, one)
	}
	return out
}

// payingOrigins are the places a form of ours may lead to because something is paid there.
func (s Settings) payingOrigins() []string {
	var out []string
	for _, w := range s.Wallets {
		if w.Payments == nil {
			continue
		}
		if u, err := url.Parse(w.Payments.URL); err == nil {
			out = append(out, u.Scheme+"://"+u.Host)
		}
	}
	if s.Card != nil {
		out = append(out, checkoutOrigin)
	}
	return out
}
