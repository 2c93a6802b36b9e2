package notify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Config says where notices go besides the inbox. The zero Config means: the inbox alone.
type Config struct {
	Wallets []Wallet
	SMTP    *SMTP
	Keep    time.Duration // how long a message stays in the inbox; 0 means 400 days
}

// Wallet is one host wallet that wants to be told about its people's cases.
type Wallet struct {
	Issuer     string // the OIDC issuer whose people it is told about, compared byte for byte
	WebhookURL string // https; http only together with AllowLoopback
	// Secrets sign every webhook, one signature each, in this order. Two of them are a rotation: the receiver accepts
	// either, takes over the new one, then the old one goes. Form: "whsec_" and base64 of 24 to 64 bytes.
	Secrets []string
	// AllowLoopback lets the address be on this machine, for the demo and for tests. Nothing else becomes reachable.
	AllowLoopback bool
}

// SMTP is the mail server. Connections are TLS unless Clear is set, which only a server on this machine may be.
type SMTP struct {
	Host     string
	Port     int // 0 means 587
	Username string
	Password kernel.Sensitive[string]
	From     string // e.g. "Northwick Town Hall <no-reply@northwick.example>"
	Clear    bool
}

// Validate reports what is wrong with the configuration: the server does not start with it. It never prints a secret.
func (c Config) Validate() error {
	seen := map[string]bool{}
	for _, w := range c.Wallets {
		if w.Issuer == "" || seen[w.Issuer] {
			return fmt.Errorf("notify: wallet %q: issuer must be present and unique", w.Issuer)
		}
		seen[w.Issuer] = true
		if err := w.validate(); err != nil {
			return fmt.Errorf("notify: wallet %q: %w", w.Issuer, err)
		}
	}
	if c.SMTP == nil {
		return nil
	}
	if _, err := mail.ParseAddress(c.SMTP.From); err != nil || c.SMTP.Host == "" {
		return errors.New("notify: smtp: host and a from address are needed")
	}
	if c.SMTP.Clear && !kernel.LoopbackName(c.SMTP.Host) {
		return errors.New("notify: smtp: clear text is allowed for a server on this machine only")
	}
	return nil
}

func (w Wallet) validate() error {
	u, err := url.Parse(w.WebhookURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("webhook address is not an absolute URL without user and fragment")
	case u.Scheme == "https":
	case u.Scheme == "http" && w.AllowLoopback && kernel.LoopbackName(u.Hostname()):
	default:
		return errors.New("webhook address must be https")
	}
	if len(w.Secrets) == 0 {
		return errors.New("needs at least one webhook secret")
	}
	for i, s := range w.Secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return fmt.Errorf("webhook secret %d: want whsec_ and base64 of 24 to 64 bytes", i+1)
		}
	}
	return nil
}

// The channels' own effects, emitted by handling case.notice.
const (
	eventWebhook = "notice.webhook"
	eventEmail   = "notice.email"
)

// copyOf is the payload of both: which message to deliver. Its text and the person are read when it is delivered, so
// that no row holds them twice.
type copyOf struct {
	Message string `json:"message"`
}

// Message is one notice in the inbox.
type Message struct {
	ID        string
	Person    kernel.PersonID
	Case      kernel.CaseID
	Service   string
	Number    string
	Notice    string
	Title     kernel.Text
	Body      kernel.Text
	Path      string
	CreatedAt time.Time
	ReadAt    time.Time // zero: unread
}

// Webhook is the body a wallet receives (Standard Webhooks 1.0, "payload structure"). Timestamp is when it happened
// and stays the same over retries; webhook-timestamp is when it was sent.
type Webhook struct {
	Type      string      `json:"type"` // always "case.notice"
	Timestamp time.Time   `json:"timestamp"`
	Data      WebhookData `json:"data"`
}

// WebhookData tells the wallet whom, what and where to go on. It holds no personal data but the pseudonym the issuer
// itself made for this municipality.
type WebhookData struct {
	Issuer   string      `json:"iss"`
	Subject  string      `json:"sub"`
	ClientID string      `json:"client_id"` // the mini-app: <tenant>.<service>
	Service  string      `json:"service"`
	Number   string      `json:"number"`
	Title    kernel.Text `json:"title"` // by locale
	Body     kernel.Text `json:"body"`  // by locale
	Path     string      `json:"path"`  // absolute address on the municipality's origin
}

func webhookOf(m Message, p kernel.Person, t kernel.Tenant) Webhook {
	return Webhook{Type: kernel.EventCaseNotice, Timestamp: m.CreatedAt.UTC(), Data: WebhookData{
		Issuer: p.Issuer, Subject: p.Subject, ClientID: string(t.ID) + "." + m.Service, Service: m.Service,
		Number: m.Number, Title: m.Title, Body: m.Body, Path: t.Origin + m.Path,
	}}
}

// outcome is how a delivery ended for good.
type outcome string

const (
	delivered outcome = "delivered"
	refused   outcome = "refused"    // the other side said: never again
	noAddress outcome = "no-address" // the person has left, or has no such address any more
)
