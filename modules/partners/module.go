// Package partners lets public bodies and licensed companies offer mini-apps of their own, without code and without a restart: they apply
// (the workflow partner-application, whose effects are here), are verified by two officers of the office and sign the terms; then their
// representative says how their staff sign in and makes mini-apps from templates (workflows.Template). Categories say which kind of body
// may offer what, purposes what may be asked of people: more is refused by machine (policy.go). Persons cannot be partners.
//
// States of a partner: applied, approved, active, suspended, dropped. A mini-app is drawn until it is made; from then on catalogue has its
// stages, beginning with draft.
//
// Uses: kernel.ReleaseHolds, Audit, Directory. Offers the roster of what partners add to a municipality, which the composition root joins
// with its settings; every process follows within a second. Contract: partners, /partners/v1. Pages: /organisations and below, for the
// representatives; /partners/terms; /staff/partners and below, for the officers.
package partners

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

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

// Texts are the module's words, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// Deps is what the module needs from the rest of the house.
type Deps struct {
	DB        *pg.DB // nil: contracts and pages can be described, not served
	Library   *workflows.Library
	Directory kernel.Directory
	Holds     kernel.ReleaseHolds
	Audit     kernel.Audit
	Clock     kernel.Clock
	Log       *slog.Logger
	Texts     *ui.Texts
	Citizen   ui.Shell
	Staff     ui.Shell

	// Office is the agency whose officers look after partners.
	Office kernel.AgencyID
	// Apply makes the house follow: its agencies, mini-apps and sign-ins of one municipality are those of the settings and these.
	Apply func(context.Context, kernel.TenantID, Roster) error
	// Cases takes the steps of announcements. nil: nothing is announced.
	Cases kernel.Cases
	// Printable reports whether documents can show a character. nil: all.
	Printable func(rune) bool
	// SignIns asks a body's own OpenID provider whether its staff could sign in there. nil: it is not asked.
	SignIns kernel.SignInTester
}

// Service is the module.
type Service struct {
	Deps
	views     *ui.Views
	templates []*workflows.Template

	reading sync.Mutex
	seen    map[kernel.TenantID]int64 // the turn of each municipality that the house follows
}

// New makes the module. It fails when a template or a page does not parse.
func New(d Deps) (*Service, error) {
	s := &Service{Deps: d, seen: map[kernel.TenantID]int64{}}
	var err error
	if s.templates, err = workflows.Templates(); err != nil {
		return nil, err
	}
	s.views, err = ui.NewViews(d.Texts, pages)
	return s, err
}

// Module lists what partners brings into the house.
func (s *Service) Module() app.Module {
	return app.Module{
		Name:      Sector,
		Contracts: []web.Contract{s.contract()},
		Pages:     slices.Concat(s.citizenPages(), s.staffPages(), s.announcePages()),
		Jobs: []app.Job{
			{Name: "follow-partners", Every: refreshEvery, Run: s.refresh},
			{Name: "end-licences", Every: time.Hour, Run: s.endLicences},
		},
		Effects:  pg.Effects{eventChanged: s.onChanged, eventAnnounce: s.onAnnounce, eventAnnounceTo: s.onAnnounceTo},
		Steps:    s.steps(),
		CasePage: casePage,
		Check:    s.refresh,
	}
}

// casePage leads from an application that was admitted to the body it was made for.
func casePage(c kernel.Case, reader kernel.PrincipalKind) string {
	agency, _ := c.Answers["short_name"].(string)
	switch {
	case agency == "" || c.State != "admitted":
		return ""
	case reader == kernel.Citizen:
		return organisationPath(kernel.AgencyID(agency))
	case reader == kernel.Staff:
		return partnerPath(kernel.AgencyID(agency))
	}
	return ""
}
