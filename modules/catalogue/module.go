// Package catalogue says what a municipality offers and how a host wallet launches it: W3C MiniApp manifests with one
// extension member, a search over them, links that a host completes with its ticket, and the neutral page behind QR
// codes and shared links. What it lists follows from the workflow definitions and the directory, so that a new service is in
// every wallet's list as soon as it is deployed, unless its agency holds it back: how far each mini-app is released, who
// decided so and why is what it keeps (release.go). The states are draft, review, beta, public, paused and retired.
//
// Offers: kernel.Releases, which whoever begins a case asks. Uses: kernel.Directory, Audit, People. Contract: releases,
// /releases/v1, for the officials. Pages: /staff/mini-apps and below.
//
// Documents: GET /.well-known/miniapps.json, GET /.well-known/sector.json (OpenID Connect Core §8.1), GET
// /apps/{app}/icon.svg. Contract: wallet, /wallet/v1. Pages: GET /go/{app} and below.
package catalogue

import (
	"embed"
	"io/fs"
	"log/slog"

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
	Texts     *ui.Texts
	Shell     ui.Shell // the citizens'
	Staff     ui.Shell
}

// Service answers for the catalogue.
type Service struct {
	deps  Deps
	views *ui.Views
	book  releaseBook
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
	s := &Service{deps: d, views: views}
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
			{Pattern: "GET /.well-known/sector.json", Policy: web.Public, Handle: s.sector},
			{Pattern: "GET /apps/{app}/icon.svg", Policy: web.Public, Handle: s.icon},
			{Pattern: "GET /go/{app}", Policy: web.Public, Handle: s.goPage},
			{Pattern: "GET /go/{app}/{page...}", Policy: web.Public, Handle: s.goPage},
		}, s.releasePages()...),
	}
}
