// Package catalogue says what a municipality offers and how a host wallet launches it: W3C MiniApp manifests with one
// extension member, a search over them, links that a host completes with its ticket, and the neutral page behind QR
// codes and shared links. What it lists follows from the workflow definitions and the directory, so that a new service is in
// every wallet's list as soon as it is deployed, unless its agency holds it back: how far each mini-app is released, who
// decided so and why is what it keeps (release.go). The states are draft, review, beta, public, paused and retired. Every
// manifest is signed by its agency and written into an append-only log before anybody is shown it (package published). What
// the search looks into is filled before the server serves.
//
// Offers: kernel.Releases, which whoever begins a case asks. Uses: kernel.Directory, Audit, People. Contract: releases,
// /releases/v1, for the officials. Pages: /staff/mini-apps and below.
//
// Documents: GET /.well-known/miniapps.json, GET /.well-known/sector.json (OpenID Connect Core §8.1), GET
// /.well-known/miniapp-manifest.schema.json, GET /.well-known/agencies/{agency}/jwks.json, GET /apps/{app}/icon.svg. Contract:
// wallet, /wallet/v1. Pages: GET /go/{app} and below, GET /s/{token}.
package catalogue

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

//go:embed ui/*.html
var pages embed.FS

//go:embed texts/*.json
var texts embed.FS

// Texts are the module's texts in every language, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// Deps is what the module needs from the house.
type Deps struct {
	DB        *pg.DB // nil: contracts and pages can be described, not served
	Library   *workflows.Library
	Directory kernel.Directory
	Audit     kernel.Audit
	People    kernel.People // nil: testers are named by our own ids alone
	Clock     kernel.Clock
	Log       *slog.Logger
	Config    Config
	Keys      string                        // folder of the keys of agencies, log and shared links; empty: nothing is signed, for contracts that are only described
	Points    func() []kernel.ServicePoints // of the modules whose services are used somewhere
	Texts     *ui.Texts
	Shell     ui.Shell // the citizens'
	Staff     ui.Shell
}

// Service answers for the catalogue.
type Service struct {
	deps     Deps
	views    *ui.Views
	shareKey []byte

	book      releaseBook
	publisher publisher

	filling sync.Mutex
	filled  bool // the search, by this process
}

// New wires the module. It fails when a municipality offers a service that no definition describes, when the
// configuration is wrong, or when a page template does not parse.
func New(d Deps) (*Service, error) {
	if err := d.Config.Validate(); err != nil {
		return nil, err
	}
	views, err := ui.NewViews(d.Texts, pages)
	if err != nil {
		return nil, err
	}
	if d.DB != nil && d.Keys == "" {
		return nil, errors.New("catalogue: no folder for its keys")
	}
	s := &Service{deps: d, views: views}
	if d.Keys != "" {
		if s.shareKey, err = openShareKey(filepath.Join(d.Keys, "share.key")); err != nil {
			return nil, fmt.Errorf("catalogue: %w", err)
		}
	}
	// As precise as the database keeps it: what this process wrote must not look newer than the process.
	s.publisher.keys.dir, s.publisher.since = d.Keys, time.Now().Truncate(time.Microsecond)
	return s, s.complete()
}

// Module is the plain description modules.go lists.
func (s *Service) Module() app.Module {
	return app.Module{
		Name: "catalogue",
		Contracts: []web.Contract{{
			Name: "wallet", Prefix: "/wallet/v1", Title: "Townhall wallet API", Description: contractText, Tags: contractTags, Register: s.register,
		}, s.releaseContract()},
		Pages: append([]web.Page{
			{Pattern: "GET /.well-known/miniapps.json", Policy: web.Public, Handle: s.manifests},
			{Pattern: "GET " + published.SchemaPath, Policy: web.Public, Handle: s.schema},
			{Pattern: "GET " + agencyKeysPath("{agency}"), Policy: web.Public, Handle: s.agencyKeys},
			{Pattern: "GET /.well-known/sector.json", Policy: web.Public, Handle: s.sector},
			{Pattern: "GET /apps/{app}/icon.svg", Policy: web.Public, Handle: s.icon},
			{Pattern: "GET /go/{app}", Policy: web.Public, Handle: s.goPage},
			{Pattern: "GET /go/{app}/{page...}", Policy: web.Public, Handle: s.goPage},
			{Pattern: "GET /s/{token}", Policy: web.Public, Handle: s.sharedPage},
		}, s.releasePages()...),
		Jobs:  []app.Job{{Name: "publish-manifests", Every: time.Minute, Run: s.publishAll}},
		Check: s.check,
	}
}
