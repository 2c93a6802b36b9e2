package medical

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The clinic's day: who is expected, who is there, and what reception and practitioners do with it. Every method is for
// staff with a role in the facility; for anybody else the clinic is not there. Whoever's data is shown can read about it:
// the look is recorded in the same transaction.

// dayQuery asks for a day of a clinic; empty members do not narrow.
type dayQuery struct {
	Facility     kernel.AgencyID
	Day          string // YYYY-MM-DD, by the clock of the place; empty: today
	Place        PlaceID
	Practitioner PractitionerID
}

// dayEntry is one appointment with the names that are shown beside it.
type dayEntry struct {
	Appointment
	Visit   kernel.Text // the visit type's name
	Minutes int
	At      kernel.Text // the place's name
	With    string      // the practitioner's name; empty: nobody in particular
	Zone    *time.Location
}

// expected: the patient has not come yet and may still.
func (e dayEntry) expected() bool { return e.State == StateBooked }

// late: the time has begun, and the patient is not there.
func (e dayEntry) late(now time.Time) bool { return e.State == StateBooked && !now.Before(e.StartsAt) }

// daySheet is a day of a clinic.
type daySheet struct {
	dayQuery
	From          time.Time // local midnight; its location is the clinic's
	Now           time.Time
	Entries       []dayEntry
	Places        []Place
	Practitioners []Practitioner
	Tasks         int // open ones
}

// today reports whether the sheet is of the present day.
func (d daySheet) today() bool { return d.Now.In(d.From.Location()).Format(time.DateOnly) == d.Day }

var (
	clinicRoles = []string{RoleReception, RolePractitioner, RolePlanner}

	errNotAllowed = kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
	errOtherDay   = kernel.NewError(kernel.Conflict, "appointment-on-another-day", "This appointment is on another day.")
	errNoCode     = kernel.InvalidFields(kernel.FieldError{Path: "code", Slug: "medical.day.code-unknown", Message: "There is no appointment with this number at this clinic."})
)

// clinicsOf lists the agencies in which somebody holds a role of a clinic.
func clinicsOf(p kernel.Principal) []kernel.AgencyID {
	if p.Kind != kernel.Staff {
		return nil
	}
	return slices.DeleteFunc(p.Agencies(), func(a kernel.AgencyID) bool {
		return !slices.ContainsFunc(clinicRoles, func(role string) bool { return p.Has(a, role) })
	})
}

// works checks that the signed-in member of staff has one of the roles in the clinic. Errors: NotFound for somebody without
// any role there, Forbidden for the wrong one.
func works(ctx context.Context, facility kernel.AgencyID, roles ...string) error {
	who := kernel.PrincipalOf(ctx)
	if !slices.Contains(clinicsOf(who), facility) {
		return kernel.NotThere("clinic")
	}
	if !slices.ContainsFunc(roles, func(role string) bool { return who.Has(facility, role) }) {
		return errNotAllowed
	}
	return nil
}

// DaySheet lists the appointments of a day with the patients' names, for everybody who works at the clinic. Each person on
// it can see that they were listed.
func (s *Service) DaySheet(ctx context.Context, q dayQuery) (d daySheet, err error) {
	if err := works(ctx, q.Facility, clinicRoles...); err != nil {
		return daySheet{}, err
	}
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		d = daySheet{dayQuery: q, Now: s.Clock.Now()}
		if err := s.aroundDay(ctx, tx, &d); err != nil {
			return err
		}
		d.Entries, err = appointmentsOn(ctx, tx, d.dayQuery, d.From, d.From.AddDate(0, 0, 1))
		if err != nil {
			return err
		}
		return s.listed(ctx, tx, d.Entries)
	})
	return d, err
}

// dayFrame is what stands around a clinic's list, without anybody's name in it.
func (s *Service) dayFrame(ctx context.Context, q dayQuery) (d daySheet, err error) {
	if err := works(ctx, q.Facility, clinicRoles...); err != nil {
		return daySheet{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		d = daySheet{dayQuery: q, Now: s.Clock.Now()}
		return s.aroundDay(ctx, tx, &d)
	})
	return d, err
}

// aroundDay reads what stands around the list, and says which day it is. An unknown place or practitioner is NotThere.
func (s *Service) aroundDay(ctx context.Context, tx kernel.Tx, d *daySheet) (err error) {
	if d.Places, err = dayPlaces(ctx, tx, d.Facility); err != nil {
		return err
	}
	if d.Practitioners, err = dayPractitioners(ctx, tx, d.Facility); err != nil {
		return err
	}
	if d.Tasks, err = countTasks(ctx, tx, d.Facility); err != nil {
		return err
	}
	at := slices.IndexFunc(d.Places, func(p Place) bool { return p.ID == d.Place })
	with := slices.IndexFunc(d.Practitioners, func(p Practitioner) bool { return p.ID == d.Practitioner })
	if d.Place != "" && at < 0 || d.Practitioner != "" && with < 0 {
		return kernel.NotThere("place or practitioner")
	}
	zone := kernel.TenantOf(ctx).Location()
	if len(d.Places) > 0 {
		zone = d.Places[max(at, 0)].Location()
	}
	day, err := time.ParseInLocation(time.DateOnly, d.Day, zone)
	if err != nil {
		now := d.Now.In(zone)
		day = time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	}
	d.Day, d.From = day.Format(time.DateOnly), day
	return nil
}

// listed records that somebody saw these people in a list.
func (s *Service) listed(ctx context.Context, tx kernel.Tx, all []dayEntry) error {
	for _, e := range all {
		if err := s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "appointment.list", Case: e.Case, Subject: e.Applicant}); err != nil {
			return err
		}
	}
	return nil
}

// visit is an appointment as the treating clinic sees it.
type visit struct {
	dayEntry
	Version   int
	Actions   []string // what the reader may do now
	Reason    string   // for practitioners alone
	Documents []kernel.Document
	Now       time.Time
}

// Visit opens one appointment of a clinic. A practitioner also reads why the patient comes; each is recorded.
func (s *Service) Visit(ctx context.Context, facility kernel.AgencyID, id kernel.CaseID) (v visit, err error) {
	if err := works(ctx, facility, clinicRoles...); err != nil {
		return visit{}, err
	}
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		v = visit{Now: s.Clock.Now()}
		if v.dayEntry, err = appointmentAt(ctx, tx, facility, id); err != nil {
			return err
		}
		c, err := s.caseOf(ctx, tx, id)
		if err != nil {
			return err
		}
		v.Version, v.Actions = c.Version, append(c.Actions, c.Through...)
		if v.Documents, err = s.Documents.List(ctx, tx, id); err != nil {
			return err
		}
		if kernel.PrincipalOf(ctx).Has(facility, RolePractitioner) {
			v.Reason, err = s.reasonFor(ctx, tx, v.Appointment)
		}
		return err
	})
	return v, err
}

// caseOf reads the case of an appointment; casework records the look.
func (s *Service) caseOf(ctx context.Context, tx kernel.Tx, id kernel.CaseID) (kernel.Case, error) {
	found, err := s.Cases.Read(ctx, tx, kernel.CaseQuery{ID: id})
	if err != nil {
		return kernel.Case{}, err
	}
	if len(found) != 1 {
		return kernel.Case{}, kernel.NotThere("appointment")
	}
	return found[0], nil
}

// deed is one step with an appointment of a clinic.
type deed struct {
	Facility kernel.AgencyID
	Case     kernel.CaseID
	Version  int // the case's that the person looked at; 0: whatever it is now, where the state alone decides
	Action   string
	Input    map[string]any
}

// Do takes one step with an appointment: check-in, miss, complete, call-off, certify-sickness, certify-attendance. Which
// role may is the workflow's to say. Errors: NotFound, Forbidden, Conflict (changed-meanwhile, action-not-possible,
// not-begun for a miss), Invalid with fields, StepUp.
func (s *Service) Do(ctx context.Context, d deed) (kernel.Case, error) {
	if err := works(ctx, d.Facility, clinicRoles...); err != nil {
		return kernel.Case{}, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (kernel.Case, error) {
		e, err := appointmentAt(ctx, tx, d.Facility, d.Case)
		if err != nil {
			return kernel.Case{}, err
		}
		return s.take(ctx, tx, e, d)
	})
}

// take is Do inside a transaction. It does not act as the sector: what needs a time (move) goes through MoveAll, which gives
// one, and whoever asks for it here by name is refused.
func (s *Service) take(ctx context.Context, tx kernel.Tx, e dayEntry, d deed) (kernel.Case, error) {
	if d.Version == 0 {
		c, err := s.caseOf(ctx, tx, e.Case)
		if err != nil {
			return kernel.Case{}, err
		}
		d.Version = c.Version
	}
	return s.Cases.Act(ctx, tx, kernel.Act{Case: e.Case, Version: d.Version, Action: d.Action, Input: d.Input})
}

// CheckIn says that a patient is there, by what was scanned or typed: the number of the appointment, the number of its
// confirmation, or the address in the confirmation's QR code. Errors: Invalid (code) when nothing at this clinic has that
// number, Conflict (appointment-on-another-day) when it is not today's, those of Do.
func (s *Service) CheckIn(ctx context.Context, facility kernel.AgencyID, code string) (kernel.CaseID, error) {
	if err := works(ctx, facility, clinicRoles...); err != nil {
		return "", err
	}
	number := numberIn(code)
	if number == "" {
		return "", errNoCode
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (kernel.CaseID, error) {
		e, err := appointmentByCode(ctx, tx, facility, number)
		if kernel.KindOf(err) == kernel.NotFound && err != nil {
			return "", errNoCode
		}
		if err != nil {
			return "", err
		}
		if today := s.Clock.Now().In(e.Zone).Format(time.DateOnly); e.StartsAt.In(e.Zone).Format(time.DateOnly) != today {
			return "", errOtherDay
		}
		if e.State == StateArrived {
			return e.Case, nil // scanned twice: they are there
		}
		_, err = s.take(ctx, tx, e, deed{Facility: facility, Case: e.Case, Action: "check-in"})
		return e.Case, err
	})
}

// numberIn finds the number in what a scanner or a person wrote: the last part of an address, in capitals, without spaces.
// Empty when it cannot be one.
func numberIn(code string) string {
	code = strings.TrimSpace(code)
	if i := strings.IndexAny(code, "?#"); i >= 0 {
		code = code[:i]
	}
	code = strings.TrimRight(code, "/")
	code = code[strings.LastIndexByte(code, '/')+1:]
	code = strings.ToUpper(strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\u00a0':
			return -1
		case '–', '—', '‑', '−': // what keyboards and word processors make of a hyphen
			return '-'
		}
		return r
	}, code))
	if len(code) < 5 || len(code) > 40 || strings.ContainsFunc(code, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z')
	}) {
		return ""
	}
	return code
}

// confirmed remembers the number of a confirmation that was issued for an appointment.
func (s *Service) confirmed(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var d kernel.DocumentIssued
	if err := json.Unmarshal(e.Payload, &d); err != nil {
		return nil, fmt.Errorf("document payload: %w", err)
	}
	if d.Case == "" || d.Type != confirmationType {
		return nil, nil
	}
	return func(ctx context.Context, tx *pg.Tx) error { return keepConfirmation(ctx, tx, d.Number, d.Case) }, nil
}

// confirmationType is the type of the document that confirms an appointment, in every workflow of the sector.
const confirmationType = "appointment-confirmation"

// task is something a person of the clinic has to settle.
type task struct {
	ID        string
	Kind      string // slot-gone, blocked, overlap, feed-gone
	Case      kernel.CaseID
	CreatedAt time.Time
	Entry     *dayEntry // the appointment it is about, when there is one
}

// Tasks lists what is to be settled at a clinic, oldest first. Whoever's appointment is in it can see that.
func (s *Service) Tasks(ctx context.Context, facility kernel.AgencyID) (all []task, err error) {
	if err := works(ctx, facility, clinicRoles...); err != nil {
		return nil, err
	}
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if all, err = openTasks(ctx, tx, facility); err != nil {
			return err
		}
		var ids []kernel.CaseID
		for _, t := range all {
			if t.Case != "" {
				ids = append(ids, t.Case)
			}
		}
		entries, err := theseAppointments(ctx, tx, facility, ids)
		if err != nil {
			return err
		}
		for i := range all {
			if j := slices.IndexFunc(entries, func(e dayEntry) bool { return e.Case == all[i].Case }); j >= 0 {
				all[i].Entry = &entries[j]
			}
		}
		return s.listed(ctx, tx, entries)
	})
	return all, err
}

// Settle ends a task without moving anybody: "kept" leaves the appointment as it is, "settled" says it was seen to
// elsewhere. Reception and planners. Errors: NotFound, Forbidden, Invalid.
func (s *Service) Settle(ctx context.Context, facility kernel.AgencyID, id, how string) error {
	if err := works(ctx, facility, RoleReception, RolePlanner); err != nil {
		return err
	}
	if how != "kept" && how != "settled" {
		return kernel.InvalidFields(kernel.FieldError{Path: "how", Slug: "field.required", Message: "Choose one."})
	}
	_, err := pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (string, error) {
		return id, settleTask(ctx, tx, facility, id, how, kernel.PrincipalOf(ctx).Person, s.Clock.Now())
	})
	return err
}
