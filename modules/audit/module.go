// Package audit remembers who did or saw what, so that a citizen can ask "who looked at my data" and an agency can
// answer for a case. Entries are written by the other modules through kernel.Audit, in the transaction of what they
// tell about, and can never be changed: the writing role has no UPDATE and no DELETE on the table (promise 8).
//
// Offers: kernel.Audit (Log). Uses: kernel.Cases, to let only the agency of a case see its history, and
// kernel.Directory for the names of agencies. Pages: GET /access for citizens, GET /staff/cases/{id}/audit.
package audit

import (
	"embed"
	"io/fs"

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

// Deps is what the module needs from the house. Log is made first (NewLog), because casework writes to it and the
// pages here read cases.
type Deps struct {
	DB        *pg.DB
	Log       *Log
	Cases     kernel.Cases
	Directory kernel.Directory
	Library   *workflows.Library // the words of each service's steps and states
	Texts     *ui.Texts
	Citizen   ui.Shell
	Staff     ui.Shell
}

// Service shows what the Log holds.
type Service struct {
	deps  Deps
	views *ui.Views
}

// New wires the module. It fails when a page template does not parse.
func New(d Deps) (*Service, error) {
	views, err := ui.NewViews(d.Texts, pages)
	if err != nil {
		return nil, err
	}
	return &Service{deps: d, views: views}, nil
}

// Module is the plain description modules.go lists.
func (s *Service) Module() app.Module {
	return app.Module{
		Name: "audit",
		Pages: []web.Page{
			{Pattern: "GET /access", Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}, Handle: s.accessPage},
			{Pattern: "GET /staff/cases/{id}/audit", Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}, Handle: s.casePage},
		},
	}
}
