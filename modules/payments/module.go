// Package payments asks citizens for money, has it captured, released and given back, and keeps the books of it.
//
// A sector opens a payment in the transaction of its step and orders what is to become of it in those of later ones
// (kernel.Payments). The money moves at a provider: the citizen's host wallet, or a company that takes cards. Providers are
// called by effects (payment.begin, payment.order), idempotent by our ids; what they did arrives as signed messages at
// POST /payments/v1/events/{provider}, late, twice and in any order. Each message is one transaction: the inbox, the facts
// about the payment, the ledger and the event payment.changed.
//
// What is known about a payment are facts that are only ever added; its state is a function of the set of them (payments.go).
// The ledger is double entry, insert-only and two-phase (ledger.go, migration 0085): one row is one transfer from one account to
// another, so the sum is zero by construction.
//
// Offers: kernel.Payments, payment.changed. Uses: kernel.People, Directory, Documents, Audit. Contract: /payments/v1. Pages:
// /payments for citizens, /staff/payments for the role treasurer.
package payments

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"net"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// Name is the module's, and its contract's.
const Name = "payments"

// Config says who moves the money. The zero Config means: nobody, and nothing can be paid.
type Config struct {
	Wallets []Wallet
	Card    *Card // for people whose wallet does not pay; nil: they cannot
}

// Wallet is one host wallet through which its citizens pay.
type Wallet struct {
	Name         string // stands in the address of its events: /payments/v1/events/<name>
	Issuer       string // the OIDC issuer whose people it hosts, compared byte for byte
	URL          string // of its payment interface, without a slash at the end
	Secrets      []string
	EventSecrets []string // the wallet signs with one of them
	// AllowLoopback lets the address be on this machine, for the demo and for tests. Nothing else becomes reachable.
	AllowLoopback bool
}

// Deps is what the module needs from the house.
type Deps struct {
	DB        *pg.DB
	People    kernel.People
	Directory kernel.Directory
	Documents kernel.Documents // nil: no receipts
	Audit     kernel.Audit
	Clock     kernel.Clock
	Log       *slog.Logger
	Texts     *ui.Texts
	Citizen   ui.Shell // nil leaves the citizens' pages out
	Staff     ui.Shell // nil leaves the staff's pages out
	Config    Config

	Resolver *net.Resolver // how providers' hosts are looked up; nil is the machine's own resolver
}

// Service is the module.
type Service struct {
	Deps
	views     *ui.Views
	providers []provider
	byIssuer  map[string]provider
	card      provider // for people whose wallet does not pay; nil: there is none
}

//go:embed texts/*.json
var texts embed.FS

//go:embed ui/*.html
var pages embed.FS

// Texts returns the module's texts, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// New makes the module. It fails when the configuration is wrong or a page template does not parse.
func New(d Deps) (*Service, error) {
	s := &Service{Deps: d, byIssuer: map[string]provider{}}
	for _, w := range d.Config.Wallets {
		made, err := newWallet(w, d.Clock, d.Resolver)
		if err != nil {
			return nil, err
		}
		if s.byIssuer[w.Issuer] != nil {
			return nil, fmt.Errorf("payments: issuer %q has two wallets", w.Issuer)
		}
		s.byIssuer[w.Issuer] = made
		if err := s.add(made); err != nil {
			return nil, err
		}
	}
	if d.Config.Card != nil {
		made, err := newCard(*d.Config.Card, d.Resolver)
		if err != nil {
			return nil, err
		}
		s.card = made
		if err := s.add(made); err != nil {
			return nil, err
		}
	}
	if d.Citizen != nil || d.Staff != nil {
		sub, err := fs.Sub(pages, "ui")
		if err != nil {
			return nil, err
		}
		if s.views, err = ui.NewViews(d.Texts, sub); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Service) add(p provider) error {
	if _, twice := s.provider(p.Name()); twice || p.Name() == "" {
		return fmt.Errorf("payments: provider %q: needs a name of its own", p.Name())
	}
	s.providers = append(s.providers, p)
	return nil
}

func (s *Service) provider(name string) (provider, bool) {
	for _, p := range s.providers {
		if p.Name() == name {
			return p, true
		}
	}
	return nil, false
}

// Module lists what payments brings into the house.
func (s *Service) Module() app.Module {
	m := app.Module{
		Name:      Name,
		Contracts: []web.Contract{s.contract()},
		Effects: pg.Effects{
			eventBegin: s.beginEffect,
			eventOrder: s.orderEffect,
		},
		Jobs: s.jobs(),
	}
	if s.Documents != nil {
		m.Effects[kernel.EventPaymentChanged] = s.receiptEffect
	}
	if s.Citizen != nil {
		m.Pages = append(m.Pages, s.citizenPages()...)
	}
	if s.Staff != nil {
		m.Pages = append(m.Pages, s.staffPages()...)
	}
	return m
}
