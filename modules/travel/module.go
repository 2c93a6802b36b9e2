// Package travel sells seats on coaches and ferries: the timetables of operators and the search in them, what a ride costs, who
// sits where on which part of it, the ticket, and what becomes of the money when somebody cancels, changes, or the operator calls a departure off.
//
// A booking is a case of a workflow of the sector "travel" (casework keeps its history); this module owns what a case cannot
// know: the places, the fares and the tickets. The primary key of travel.occupancy is the truth about who has a place: one
// row per place and segment, so that a seat given up half-way is sold again. Claims lock the departure, judge what is free on
// the database's clock, and take places for everybody of a booking or for nobody (promise 1).
//
//	draft ──pay──▶ paying ──book──▶ booked ──complete──▶ travelled
//	  └─ held for ten minutes ─┘      ├─cancel──▶ cancelled
//	  └─ lapse, give-up ──▶ lapsed    └─call-off─▶ called-off
//
// Money is kernel.Payments': a booking opens a payment in the step that begins to pay; what the provider reports comes back
// as payment.changed, whose handler places the booking and orders the capture, or has the money let go when the places are
// gone, in one transaction (promise 24). A payment that comes after all that is let go as well.
//
// A new timetable never takes away what somebody has booked: that becomes a conflict. A planner moves the departure, which gives
// every booking its new times and tickets in a transaction of its own, or keeps it as it was; a dispatcher calls it off. Until
// all who were moved are settled, the departure is not sold (travel.moved). Whoever was moved further than the fares tolerate
// may cancel with everything back.
//
// On board a ticket is good for one look. Conductors look with network or without: a device keeps the list of a departure's tickets
// by their hashes, judges by it, and hands its looks in later. Of all looks the earliest has used the ticket, in whatever order they
// come (travel.boarding), and whoever has let somebody on twice is told.
//
// Offers the contract "travel" (/travel/v1), the citizens' pages of the sector's mini-apps, and the console's pages of an operator's
// conductors (/staff/travel/board), dispatchers and planners (/staff/travel). Uses kernel.Cases, kernel.Documents, kernel.People,
// kernel.Payments, kernel.Audit.
//
// Insurance is an insurer's, by products that a table of fares declares (travel/fares): one policy per booking names those taken out.
// It follows the booking, by the rule it was taken out under: a change asks for the difference of the premium with that of the fare.
// A claim is a case of the insurer whose policy it is.
//
// Who sees what: citizens their own bookings; an operator's conductors the tickets they scan, its dispatchers who is booked on a
// departure, and each such look at a person is recorded. Planners see how many are booked, and nobody's name; neither does the list of
// tickets name anybody.
package travel

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
	Payments  kernel.Payments // nil: what costs something cannot be sold
	Audit     kernel.Audit
	Clock     kernel.Clock
	Log       *slog.Logger
	Texts     *ui.Texts
	Citizen   ui.Shell                     // nil leaves the citizens' pages out
	Staff     ui.Shell                     // nil leaves the operators' pages out
	Channel   func(context.Context) string // how the citizen came; nil: always a plain browser
	Printable func(rune) bool              // whether documents can show a character; nil: anything goes
}

// Service is the module.
type Service struct {
	Deps
	Timetable *Timetable
	views     *ui.Views
}

//go:embed texts/*/*.json
var texts embed.FS

//go:embed ui/*.html
var pages embed.FS

// Texts returns the module's texts, for ui.LoadTexts.
func Texts() fs.FS { return texts }

// New makes the module.
// It fails when a page template does not parse.
func New(d Deps) (*Service, error) {
	s := &Service{Deps: d, Timetable: &Timetable{DB: d.DB, Directory: d.Directory, Clock: d.Clock, Audit: d.Audit}}
	if d.Citizen == nil && d.Staff == nil {
		return s, nil
	}
	sub, err := fs.Sub(pages, "ui")
	if err != nil {
		return nil, err
	}
	s.views, err = ui.NewViews(d.Texts, sub)
	return s, err
}

// Module lists what travel brings into the house.
func (s *Service) Module() app.Module {
	m := app.Module{
		Name:      Sector,
		Contracts: []web.Contract{s.contract()},
		Jobs:      append(s.jobs(), s.Timetable.Jobs()...),
		Effects:   pg.Effects{kernel.EventPaymentChanged: s.paymentChanged},
		Steps:     s.steps(),
		Points:    s,
	}
	if s.Citizen != nil {
		m.Pages, m.CasePage = s.citizenPages(), s.casePage
	}
	if s.Staff != nil {
		m.Pages = append(append(m.Pages, s.deskPages()...), s.conductorPages()...)
	}
	return m
}

// casePage is where a booking is looked after; staff have casework's, and other services of the sector the citizen's own.
func (s *Service) casePage(c kernel.Case, reader kernel.PrincipalKind) string {
	if d, ok := s.Library.ByHash(c.WorkflowHash); ok && sold(d) && reader == kernel.Citizen {
		return myPath(c.Service, c.ID)
	}
	return ""
}

// Fixtures are the module's page states for the gallery.
func (s *Service) Fixtures() []ui.Fixture {
	var all []ui.Fixture
	if s.Citizen != nil {
		all = s.citizenFixtures()
	}
	if s.Staff != nil {
		all = append(all, s.deskFixtures()...)
		all = append(all, s.conductorFixtures()...)
	}
	return all
}
