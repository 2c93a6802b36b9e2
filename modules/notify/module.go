// Package notify tells citizens what happened to their cases: in the inbox of the municipality, in their wallet by a
// signed webhook (Standard Webhooks 1.0), and by e-mail where a mail server is configured.
//
// It subscribes to case.notice. Handling one writes the inbox row and, in the same transaction, one effect for each
// further channel: notice.webhook and notice.email. So a channel that fails is retried alone and never repeats
// another. The id of a channel's effect is what the outside sees (webhook-id, Message-ID): retries carry the same one.
//
// Offers: nothing other modules call; removing it from modules.go turns notices off. Uses: kernel.People for the
// issuer and the address of a person. Pages: GET /messages, POST /messages/read.
package notify

import (
	"embed"
	"io/fs"
	"log/slog"
	"net"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

//go:embed ui/*.html
var pages embed.FS

//go:embed texts/*.json
var texts embed.FS

// Texts are the module's texts in every language, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// Deps is what the module needs from the house.
type Deps struct {
	DB        *pg.DB
	People    kernel.People
	Directory kernel.Directory
	Config    Config
	Clock     kernel.Clock
	Log       *slog.Logger
	Texts     *ui.Texts
	Citizen   ui.Shell

	Resolver *net.Resolver // how webhook hosts are looked up; nil is the machine's own resolver
}

// Service delivers notices.
type Service struct {
	deps    Deps
	views   *ui.Views
	wallets map[string]*wallet // by issuer
}

// New wires the module. It fails when the configuration is wrong or a page template does not parse.
func New(d Deps) (*Service, error) {
	if err := d.Config.Validate(); err != nil {
		return nil, err
	}
	views, err := ui.NewViews(d.Texts, pages)
	if err != nil {
		return nil, err
	}
	s := &Service{deps: d, views: views, wallets: map[string]*wallet{}}
	for _, w := range d.Config.Wallets {
		if s.wallets[w.Issuer], err = newWallet(w, d.Resolver); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Module is the plain description modules.go lists.
func (s *Service) Module() app.Module {
	own := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}
	return app.Module{
		Name: "notify",
		Pages: []web.Page{
			{Pattern: "GET /messages", Policy: own, Handle: s.inboxPage},
			{Pattern: "POST /messages/read", Policy: own, Handle: s.readAction},
		},
		Effects: pg.Effects{
			kernel.EventCaseNotice: s.noticed,
			eventWebhook:           s.sendWebhook,
			eventEmail:             s.sendEmail,
		},
		Jobs: []app.Job{{Name: "expire-messages", Every: time.Hour, Run: s.expire}},
	}
}
