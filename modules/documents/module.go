// Package documents issues what a finished step promises: an official PDF with an electronic seal that a stranger can
// check without asking anybody.
//
// States: pending → valid → superseded | revoked; pending → revoked when its case takes it back while it is being made. A
// step stores the intent (Intend: number, date, content hash, version of the layout) in its own transaction; the effect
// document.issue then renders, seals, checks its own work with the verifier, stores the bytes by compare-and-set and
// publishes, in Boulder's order. A second sealing is thrown away, never published. A step can also take back what its case
// issued (RevokeIssued).
// A municipality can be halted: intents are accepted and wait. A file whose document timestamp ends soon gets another
// revision (document.renew); the newest is downloaded, and each earlier one is still known.
//
// Offers kernel.Documents. Uses kernel.Audit. Emits document.issue and document.renew (for itself) and document.issued.
// Contract "documents": the public check and status lists, the holder's files, links and checks, the agency's re-issue,
// revocation and halt. Pages: /verify…, /documents…, /shared…, /staff/documents… Sub-packages: pdf lays out and writes
// the file, sign holds keys, authority and sealer, verify judges, status reads status lists; pdf and sign are joined in seal.go.
package documents

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

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
	Texts     *ui.Texts
	Shell     ui.Shell // the citizens' layout
	Staff     ui.Shell // the staff's layout

	Level     string                          // PAdES level; empty is B-B. One that cannot be reached is an error of New
	Algorithm string                          // of keys that are made: "ecdsa" (default) or "rsa"
	Stamp     Stamp                           // the timestamp authority; needed above B-B
	Outside   map[kernel.TenantID]OutsideSeal // keys and certificates that somebody else issued

	RenewBefore time.Duration     // how long before its end a document timestamp is renewed; 0: 90 days
	Step        func(step string) // called at each of Steps; nil: nothing. For the crash drill
}

// Stamp names the timestamp authority (RFC 3161).
type Stamp struct {
	URL   string // "embedded": this installation's own; empty: none
	Roots string // PEM file with the roots that vouch for it; not for an embedded one
}

// OutsideSeal is a seal that a trust service provider issued.
type OutsideSeal struct {
	Certificate string                   // PEM file: the seal first, then every intermediate and the root
	Key         kernel.Sensitive[string] // PEM file that only its owner may read, or a PKCS#11 URI (RFC 7512)
}

// Service issues documents and answers for them.
type Service struct {
	Deps
	views  *ui.Views
	engine *pdf.Engine
	seals  seals
	lists  statusLists
	crests map[kernel.TenantID]*pdf.Crest

	judging *semaphore.Weighted
	tally   tally
}

// newEngine cuts the fonts once for a process; towns share the engine.
var newEngine = sync.OnceValues(pdf.NewEngine)

const defaultRenewBefore = 90 * 24 * time.Hour

// New wires the module. It fails when the level is not one that can be reached, or a font, a crest or a page does not parse.
func New(d Deps) (*Service, error) {
	level, err := reachable(d)
	if err != nil {
		return nil, err
	}
	engine, err := newEngine()
	if err != nil {
		return nil, err
	}
	views, err := ui.NewViews(d.Texts, pages)
	if err != nil {
		return nil, err
	}
	if d.RenewBefore == 0 {
		d.RenewBefore = defaultRenewBefore
	}
	crests, err := crestsOf(d.Directory)
	if err != nil {
		return nil, err
	}
	return &Service{Deps: d, views: views, engine: engine, seals: seals{Deps: d, level: level}, crests: crests, judging: newJudging()}, nil
}

// crestsOf reads the crests of all municipalities; one that cannot be drawn is an error that names it.
func crestsOf(d kernel.Directory) (map[kernel.TenantID]*pdf.Crest, error) {
	out := map[kernel.TenantID]*pdf.Crest{}
	for _, t := range d.Tenants() {
		if t.Crest == "" {
			continue
		}
		c, err := pdf.ParseCrest(t.Crest)
		if err != nil {
			return nil, fmt.Errorf("crest of %s: %w", t.ID, err)
		}
		out[t.ID] = c
	}
	return out, nil
}

// Module is the plain description modules.go lists.
func (s *Service) Module() app.Module {
	return app.Module{
		Name:      "documents",
		Contracts: []web.Contract{s.contract()},
		Pages:     append(s.rawPages(), s.pages()...),
		Jobs:      s.jobs(),
		Effects:   pg.Effects{kernel.EventDocumentIssue: s.issue, kernel.EventDocumentRenew: s.renew},
		Check:     s.check,
	}
}

var _ kernel.Documents = (*Service)(nil)
