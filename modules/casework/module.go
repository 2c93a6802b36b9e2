// Package casework runs workflows durably: every service a citizen uses is a case, an instance of a declared
// workflow (package workflows), kept with its whole history.
//
// A step reads the case, asks the pure definition what the step does, and writes everything it does (the new
// state, the event, the effects, the document intents, the audit entry) in the caller's one transaction, on the
// condition that the case still has the version the person looked at. A case follows the version of the definition
// it was started with to its end.
//
// Offers kernel.Cases, the contract "workflow" (/workflow/v1, for agency staff and integrators) and the staff's
// pages below /staff/cases. Uses kernel.Documents, kernel.People, kernel.Payments, kernel.Audit. Emits case.stepped,
// case.notice and case.timer; listens to case.timer, document.issued and payment.changed.
//
// Who sees what: the applicant sees their own cases; staff see the submitted cases of the agencies they hold a role
// in, and every look at a case's personal data is recorded in the transaction that read it; an integrator sees the
// submitted cases of the agencies its scopes name ("agency:civil-registry") and changes nothing. Lists carry no
// personal data, so that opening a case is what gets recorded.
package casework

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

// Deps is what the module needs from the rest of the house.
type Deps struct {
	DB        *pg.DB
	Library   *workflows.Library
	Directory kernel.Directory
	Documents kernel.Documents
	People    kernel.People
	Revoker   kernel.Revoker  // nil: no definition revokes documents
	Payments  kernel.Payments // nil: no definition charges a fee
	Releases  kernel.Releases // nil: whatever is offered can be begun
	Audit     kernel.Audit
	Clock     kernel.Clock
	Texts     *ui.Texts
	Shell     ui.Shell        // the staff's; nil leaves the pages out
	Printable func(rune) bool // whether documents can show a character; nil: anything goes
	// StepEffect finds an effect of a sector's module by name; nil when there is none. It is asked when everything is built.
	StepEffect func(sector, name string) kernel.StepEffect
	CasePage   app.CasePage // pages that sectors have for their cases; nil: none
	History    bool         // /staff/cases/{id}/audit exists: a case leads to it

	// SkipChecksForTest turns the application's own check of "whose case is it" off, so that a test can show that
	// row-level security alone keeps municipalities apart. Never set outside tests.
	SkipChecksForTest bool
}

// Service is the module; it implements kernel.Cases.
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

// Module lists what casework brings into the house.
func (s *Service) Module() app.Module {
	m := app.Module{
		Name:      "casework",
		Contracts: []web.Contract{s.contract()},
		Effects: pg.Effects{
			kernel.EventCaseTimer:      s.timerDue,
			kernel.EventDocumentIssued: s.documentIssued,
			kernel.EventPaymentChanged: s.paymentChanged,
		},
		Check: s.check,
	}
	if s.Shell != nil {
		m.Pages = s.pages()
	}
	return m
}
