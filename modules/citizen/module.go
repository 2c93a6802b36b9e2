// Package citizen is the shell of the citizen's side: the layout with its navigation, the municipality's home
// page, the list of the person's cases, the page of one case with everything the applicant may do there, the
// choice of language, and the error pages.
//
// It offers ui.Shell to every module that has pages for citizens, and it uses the contracts kernel.Cases and
// kernel.Documents. It keeps nothing of its own: no schema, no jobs, no effects.
package citizen

import (
	"context"
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// Deps is everything the module is given. Shell, Chooser and ErrorPage need Texts and Directory alone.
type Deps struct {
	DB        *pg.DB
	Cases     kernel.Cases
	Releases  kernel.Releases // nil: everything is there for everybody
	Documents kernel.Documents
	Payments  kernel.Payments // nil: nobody pays for anything
	Clock     kernel.Clock    // with Payments
	Library   *workflows.Library
	Directory kernel.Directory
	Texts     *ui.Texts
	Shell     *Shell
	CasePage  app.CasePage // pages that sectors have for their cases; nil: none
}

// Service runs the pages. Its methods act for the principal of the context.
type Service struct {
	Deps
	views *ui.Views
}

// New makes the module. It fails when a template is broken or asks for a text that does not exist.
func New(d Deps) (*Service, error) {
	views, err := ui.NewViews(d.Texts, pageFiles)
	if err != nil {
		return nil, err
	}
	return &Service{Deps: d, views: views}, nil
}

var (
	citizens  = []kernel.PrincipalKind{kernel.Citizen}
	own       = web.Policy{Kinds: citizens, Relation: "own"}
	applicant = web.Policy{Kinds: citizens, Relation: "applicant"}
)

// Module lists the pages.
func (s *Service) Module() app.Module {
	return app.Module{
		Name: "citizen",
		Pages: []web.Page{
			{Pattern: "GET /{$}", Policy: web.Public, Handle: s.home},
			{Pattern: "GET /cases", Policy: own, Handle: s.cases},
			{Pattern: "GET /cases/{id}", Policy: applicant, Handle: s.casePage},
			{Pattern: "GET /cases/{id}/actions/{action}", Policy: applicant, Handle: s.actionPage},
			{Pattern: "POST /cases/{id}/actions/{action}", Policy: applicant, Handle: s.act, OwnTexts: true},
			{Pattern: "POST /language", Policy: web.Public, Handle: s.language, AnyHost: true},
			{Pattern: "GET /assets/", Policy: web.Public, Handle: assets(), AnyHost: true},
		},
		Check: func(context.Context) error { return nil },
	}
}

func assets() func(http.ResponseWriter, *http.Request) error {
	files := ui.Assets()
	return func(w http.ResponseWriter, r *http.Request) error {
		files.ServeHTTP(w, r)
		return nil
	}
}
