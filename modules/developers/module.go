// Package developers is the part of the site for people who connect something to Townhall: how to start, signing in,
// repeating a request safely, errors, host wallets, partners, checking documents, payments; the reference of every
// published contract, made from its OpenAPI file when the program starts; and "Try it", an embedded Swagger UI that
// calls nobody but us. It keeps nothing of its own. The guide and the reference are in English, the words around
// them in every language.
package developers

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

//go:embed ui/*.html
var pages embed.FS

//go:embed ui/tryit.js
var script []byte

//go:embed texts/*.json
var texts embed.FS

// Texts are the module's words, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// Deps is everything the module is given. Contracts holds the published files: <name>.yaml in OpenAPI 3.1 and
// <name>.3.0.yaml beside it. Partners are the rules the page for partners shows.
type Deps struct {
	Contracts fs.FS
	Texts     *ui.Texts
	Partners  PartnerRules
}

// Service shows the contracts. It is read-only once made.
type Service struct {
	deps      Deps
	views     *ui.Views
	layout    ui.Layout
	contracts []*contract
}

// New reads every contract. It fails when one cannot be read: the reference must not lag behind the code.
func New(d Deps) (*Service, error) {
	views, err := ui.NewViews(d.Texts, pages)
	if err != nil {
		return nil, err
	}
	contracts, err := contractsOf(d.Contracts)
	if err != nil {
		return nil, fmt.Errorf("contracts: %w", err)
	}
	s := &Service{deps: d, views: views, contracts: contracts}
	s.layout = ui.Layout{
		Views: views, Kind: "developers", Name: "reference",
		Site: func(r *http.Request) string {
			return d.Texts.T(kernel.LocaleOf(r.Context()), "developers.site")
		},
		Extra: func(*http.Request) any { return s.contracts },
	}
	return s, nil
}

// Render writes a page inside the developers' layout; Service implements ui.Shell.
func (s *Service) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	return s.layout.Render(w, r, v, name, view)
}

// Module lists the pages. Everything here is public.
func (s *Service) Module() app.Module {
	page := func(pattern string, handle func(http.ResponseWriter, *http.Request) error) web.Page {
		return web.Page{Pattern: pattern, Policy: web.Public, Handle: handle}
	}
	return app.Module{
		Name: "developers",
		Pages: []web.Page{
			page("GET /developers", func(w http.ResponseWriter, r *http.Request) error {
				http.Redirect(w, r, "/developers/", http.StatusMovedPermanently)
				return nil
			}),
			page("GET /developers/{$}", s.home),
			page("GET /developers/hosts", s.hosts),
			page("GET /developers/offering", s.offering),
			page("GET /developers/checking", s.checking),
			page("GET /developers/paying", s.paying),
			page("GET /developers/{page}", s.page),
			page("GET /developers/try/{contract}", s.tryIt),
			page("GET /developers/swagger/{file}", s.swagger),
		},
	}
}
