// Package civic is the citizen's and the integrator's side of civic services: certificates, registrations, permits.
// It knows no service by name: every workflow that does not need its sector (workflows.Definition.NeedsSector) gets a start page,
// a form of one question at a time, a page to check the answers and one that gives the reference, and is reachable by the contract
// "civic" (/civic/v1). A new civic service is a folder below workflows/civic and no Go; other sectors' services of that kind, such
// as a claim under an insurance, are served in the same way.
//
// It uses the contracts kernel.Cases, kernel.Documents and kernel.People and keeps nothing of its own: no schema,
// no jobs, no effects. The page of a case that was sent belongs to the citizen module.
package civic

import (
	"context"
	"embed"
	"io/fs"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// Deps is what the module needs from the rest of the house.
type Deps struct {
	DB        *pg.DB
	Library   *workflows.Library
	Directory kernel.Directory
	Cases     kernel.Cases
	Releases  kernel.Releases // nil: whatever is offered can be begun
	Documents kernel.Documents
	People    kernel.People
	Clock     kernel.Clock
	Texts     *ui.Texts
	Shell     ui.Shell                     // the citizens'; nil leaves the pages out
	Channel   func(context.Context) string // how the citizen came; nil: always a plain browser
}

// Service is the module.
type Service struct {
	Deps
	views *ui.Views
}

//go:embed texts/*.json
var texts embed.FS

//go:embed ui/*.html
var pages embed.FS

// Texts returns the module's texts, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// New makes the module. It fails when a page template does not parse.
func New(d Deps) (*Service, error) {
	s := &Service{Deps: d}
	if d.Shell != nil {
		var err error
		if s.views, err = ui.NewViews(d.Texts, pages); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Module lists what civic brings into the house.
func (s *Service) Module() app.Module {
	m := app.Module{Name: "civic", Contracts: []web.Contract{s.contract()}, Points: s}
	if s.Shell != nil {
		m.Pages = s.pages()
	}
	return m
}
