// Package medical offers appointments: clinics with their places, people and calendars, the slots made from them, and the
// citizens who book one, change it, wait for one, check in and leave with a signed certificate.
//
// A booking is a case of a workflow of the sector "medical" (casework keeps its history); this module owns what a case
// cannot know: which slot it has. A slot's row is the truth about who has it; every claim is one conditional statement on
// the database's clock (promise 1). What needs a slot is declared "through: sector" and goes through the pages and the
// contract of this module; what does not (cancelling, checking in, certifying) may be done wherever cases are shown, and
// its named effects (release, pass, arrive, miss, complete) come back here in the same transaction.
//
// Offers the contract "medical" (/medical/v1), the citizens' pages of the sector's mini-apps, the staff's pages below
// /staff/clinics. Uses kernel.Cases, kernel.Documents, kernel.People, kernel.Audit.
//
// Who sees what: the citizen their own appointments; staff of a facility its appointments, and each look is recorded; the
// reason for a visit is sealed with a key of the person's own and opened for practitioners of the treating facility alone.
package medical

import (
	"context"
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

// Deps is what the module needs from the rest of the house.
type Deps struct {
	DB        *pg.DB
	Library   *workflows.Library
	Directory kernel.Directory
	Cases     kernel.Cases
	Releases  kernel.Releases // nil: whatever is offered can be begun
	Documents kernel.Documents
	People    kernel.People
	Audit     kernel.Audit
	Clock     kernel.Clock
	Log       *slog.Logger
	Texts     *ui.Texts
	Citizen   ui.Shell                     // nil leaves the citizens' pages out
	Staff     ui.Shell                     // nil leaves the staff's pages out
	Channel   func(context.Context) string // how the citizen came; nil: always a plain browser
	Keys      string                       // folder of the keys that wrap the patients' keys
	Printable func(rune) bool              // whether documents can show a character; nil: anything goes
}

// Service is the module.
type Service struct {
	Deps
	views     *ui.Views
	ring      keyring
	calendars known
	bookings  *pg.Batcher[Booking, Appointment]
}

//go:embed texts/*/*.json
var texts embed.FS

//go:embed ui/*.html
var pages embed.FS

// Texts returns the module's texts, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// New makes the module. It fails when a page template does not parse.
func New(d Deps) (*Service, error) {
	s := &Service{Deps: d}
	s.bookings = pg.NewBatcher(d.DB, pg.BatchOptions{}, s.bookAll)
	if d.Citizen != nil || d.Staff != nil {
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

// Module lists what medical brings into the house.
func (s *Service) Module() app.Module {
	m := app.Module{
		Name:      Sector,
		Contracts: []web.Contract{s.contract()},
		Jobs:      s.jobs(),
		Effects:   s.effects(),
		Steps:     s.steps(),
		CasePage:  casePage,
		Points:    s,
	}
	if s.Citizen != nil {
		m.Pages = append(m.Pages, s.citizenPages()...)
	}
	if s.Staff != nil {
		m.Pages = append(m.Pages, s.setupPages()...)
		m.Pages = append(m.Pages, s.dayPages()...)
	}
	return m
}

// casePage is where an appointment is looked after.
func casePage(c kernel.Case, reader kernel.PrincipalKind) string {
	if reader == kernel.Staff {
		return "/staff/clinics/" + string(c.Agency) + "/appointments/" + string(c.ID)
	}
	return "/apps/" + c.Service + "/appointments/" + string(c.ID)
}

// Fixtures are the module's page states for the gallery.
func (s *Service) Fixtures() []ui.Fixture {
	var all []ui.Fixture
	if s.Citizen != nil {
		all = append(all, s.citizenFixtures()...)
	}
	if s.Staff != nil {
		all = append(all, s.setupFixtures()...)
		all = append(all, s.dayFixtures()...)
	}
	return all
}
