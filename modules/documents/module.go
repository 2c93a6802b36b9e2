// Package documents issues what a finished step promises: an official PDF with an electronic seal that a stranger can
// check without asking anybody.
//
// States: pending → valid → superseded | revoked. A step stores the intent (Intend: number, date, content hash, version of
// the layout) in its own transaction; the effect document.issue then renders, seals, checks its own work with the verifier,
// stores the bytes by compare-and-set and publishes, in Boulder's order. A second sealing is thrown away, never published.
//
// Offers kernel.Documents. Uses kernel.Audit. Emits document.issue (for itself) and document.issued. Contract "documents":
// the public check and the holder's files. Pages: /verify…, /documents… Sub-packages: pdf lays out and writes the file,
// sign holds keys, CMS and verifier; neither knows the other.
package documents

import (
	"embed"
	"io/fs"
	"log/slog"

	"townhall/modules/documents/pdf"
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
	DB        *pg.DB // nil: the contract can be described, nothing can be issued
	Directory kernel.Directory
	Audit     kernel.Audit
	Clock     kernel.Clock
	Log       *slog.Logger
	Keys      string // folder of the sealing keys; made at the first use
	Level     string // PAdES level; empty is B-B. One that cannot be reached is an error of New
	Texts     *ui.Texts
	Shell     ui.Shell // the citizens' layout
}

// Service issues documents and answers for them.
type Service struct {
	Deps
	views  *ui.Views
	engine *pdf.Engine
	seals  seals
}

// New wires the module. It fails when the level is not one that can be reached, or a font or page does not parse.
func New(d Deps) (*Service, error) {
	level, err := reachable(d.Level)
	if err != nil {
		return nil, err
	}
	engine, err := pdf.NewEngine()
	if err != nil {
		return nil, err
	}
	views, err := ui.NewViews(d.Texts, pages)
	if err != nil {
		return nil, err
	}
	return &Service{Deps: d, views: views, engine: engine, seals: seals{dir: d.Keys, directory: d.Directory, level: level}}, nil
}

// Module is the plain description modules.go lists.
func (s *Service) Module() app.Module {
	own := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "holder"}
	return app.Module{
		Name:      "documents",
		Contracts: []web.Contract{s.contract()},
		Pages: []web.Page{
			{Pattern: "GET /verify", Policy: web.Public, Handle: s.verifyPage},
			{Pattern: "POST /verify", Policy: web.Public, Handle: s.uploadAction, MaxBody: maxUpload},
			{Pattern: "GET /verify/{number}", Policy: web.Public, Handle: s.numberPage},
			{Pattern: "GET /verify/trust.pem", Policy: web.Public, Handle: s.trustFile},
			{Pattern: "GET /verify/root.crl", Policy: web.Public, Handle: s.crlFile("root")},
			{Pattern: "GET /verify/issuing.crl", Policy: web.Public, Handle: s.crlFile("issuing")},
			{Pattern: "GET /documents", Policy: own, Handle: s.documentsPage},
			{Pattern: "GET /documents/{file}", Policy: own, Handle: s.fileAction},
		},
		Effects: pg.Effects{kernel.EventDocumentIssue: s.issue},
		Check:   s.check,
	}
}

var _ kernel.Documents = (*Service)(nil)
