package medical

import (
	"context"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/calendar"
	"townhall/modules/medical/sheet"
)

// Row is one row of what a clinic sets up, as people type it: cells by the names of the columns of its table (package
// sheet). The same rules hold for a form, for a program and for a line of an imported table.
type Row struct {
	Table   string // sheet.Places, …
	ID      string // empty: a new one
	Version int    // the one that was looked at; for a new one, and for tables that have none, 0
	Cells   map[string]string
	Active  bool
}

// Saved says what became of a row.
type Saved struct {
	ID   string `json:"id"`
	Made Made   `json:"made"`
}

// Setup lists what a clinic has set up, for its planners. Errors: NotFound, Forbidden.
func (s *Service) Setup(ctx context.Context, facility kernel.AgencyID) (c setup, err error) {
	if err := works(ctx, facility, RolePlanner); err != nil {
		return setup{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		c, err = s.setup(ctx, tx, facility)
		return err
	})
	return c, err
}

// SaveRow adds or changes one row, for a planner of the clinic, and makes the slots of the clinic anew, once per
// idempotency key. What is booked is never lost by it. Errors: NotFound, Forbidden, Invalid with the names of columns,
// Conflict changed-meanwhile.
func (s *Service) SaveRow(ctx context.Context, facility kernel.AgencyID, r Row) (Saved, error) {
	return s.planning(ctx, facility, r.Table, func(tx *pg.Tx, c *setup) (string, error) {
		book, problems := sheet.ReadRow(r.Table, r.Cells, s.known(ctx, *c))
		if problems.Any() {
			return "", inColumns(problems)
		}
		if err := c.keepsFixed(r); err != nil {
			return "", err
		}
		return s.saveRow(ctx, tx, facility, *c, r, book)
	})
}

// planning runs a planner's change of a clinic, and brings the slots to what it says.
func (s *Service) planning(ctx context.Context, facility kernel.AgencyID, what string, fn func(*pg.Tx, *setup) (string, error)) (Saved, error) {
	if err := works(ctx, facility, RolePlanner); err != nil {
		return Saved{}, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (Saved, error) {
		if err := ensureFacility(ctx, tx, facility); err != nil {
			return Saved{}, err
		}
		c, err := s.setup(ctx, tx, facility)
		if err != nil {
			return Saved{}, err
		}
		id, err := fn(tx, &c)
		if err != nil {
			return Saved{}, err
		}
		if err := s.noted(ctx, tx, "clinic.change", map[string]string{"facility": string(facility), "what": what, "id": id}); err != nil {
			return Saved{}, err
		}
		groups, err := planGroups(ctx, tx, facility, "")
		if err != nil {
			return Saved{}, err
		}
		made, err := s.remake(ctx, tx, slices.DeleteFunc(groups, func(g group) bool { return !touched(g, what, id, c) }))
		return Saved{ID: id, Made: made}, err
	})
}

// touched reports whether a change can concern the slots of a group: that of a plan, of a practitioner, or of what names
// one of them; rooms and types of visit make no slots. Everything else concerns everybody.
func touched(g group, what, id string, c setup) bool {
	switch what {
	case sheet.Resources, sheet.VisitTypes:
		return false
	case sheet.Practitioners:
		return g.practitioner == id
	case sheet.Schedules:
		return slices.Contains(g.schedules, id)
	case "exception":
		for _, e := range c.exceptions {
			if e.ID == id && e.Practitioner != nil {
				return g.practitioner == *e.Practitioner
			}
			if e.ID == id && e.Schedule != nil {
				return slices.Contains(g.schedules, *e.Schedule)
			}
		}
	}
	return true
}

// inColumns turns what is wrong with a row into the errors of its fields.
func inColumns(p lines.Problems) error {
	var fields []kernel.FieldError
	for _, x := range p.List {
		fields = append(fields, kernel.FieldError{Path: x.Field, Slug: "medical.setup.line." + x.Slug, Message: x.Message})
	}
	return kernel.InvalidFields(fields...)
}

func (s *Service) saveRow(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, c setup, r Row, b sheet.Book) (string, error) {
	switch r.Table {
	case sheet.Places:
		d := placeDocs(facility, b.Places)[0]
		d.Active = r.Active
		return saved(ctx, tx, placeTable, r, string(d.ID), d, slices.ContainsFunc(c.places, func(p placeDoc) bool { return string(p.ID) == r.ID }))
	case sheet.Practitioners:
		d := practitionerDocs(facility, b.Practitioners)[0]
		d.Active = r.Active
		return saved(ctx, tx, practitionerTable, r, string(d.ID), d, slices.ContainsFunc(c.practitioners, func(p practitionerDoc) bool { return string(p.ID) == r.ID }))
	case sheet.Resources:
		d := resourceDocs(c, b.Resources)[0]
		d.Active = r.Active
		return saved(ctx, tx, resourceTable, r, string(d.ID), d, slices.ContainsFunc(c.resources, func(p resourceDoc) bool { return string(p.ID) == r.ID }))
	case sheet.VisitTypes:
		d := visitDocs(b.VisitTypes)[0]
		d.Active = r.Active
		return saved(ctx, tx, visitTable, r, d.Code, d, slices.ContainsFunc(c.visits, func(v VisitType) bool { return v.Code == r.ID }))
	case sheet.Schedules:
		d := planDoc(facility, c, b.Schedules[0])
		d.Active = r.Active
		return saved(ctx, tx, scheduleTable, r, string(d.ID), d, slices.ContainsFunc(c.schedules, func(p scheduleDoc) bool { return string(p.ID) == r.ID && p.Origin == OriginPlan }))
	case sheet.Holidays:
		name := string(facility)
		d := holidayDoc{ID: kernel.NewID(), Facility: &name, Day: b.Holidays[0].Day.String(), Name: b.Holidays[0].Name}
		return saved(ctx, tx, holidayTable, r, d.ID, d, slices.ContainsFunc(c.holidays, func(p holidayDoc) bool { return p.ID == r.ID && p.Facility != nil }))
	}
	return "", kernel.NotThere("table")
}

// saved writes a new row, or a change of one that is there.
func saved[T any](ctx context.Context, tx kernel.Tx, t clinicTable, r Row, fresh string, doc T, there bool) (string, error) {
	switch {
	case r.ID == "":
		return fresh, t.put(ctx, tx, []T{doc})
	case !there:
		return "", kernel.NotThere(t.name)
	}
	return r.ID, t.change(ctx, tx, r.ID, r.Version, doc)
}

// RemoveHoliday takes back a holiday of the clinic's own; the slots of that day come back.
func (s *Service) RemoveHoliday(ctx context.Context, facility kernel.AgencyID, id string) (Saved, error) {
	return s.remove(ctx, facility, "holiday", id)
}

// RemoveException takes back a block or an extra session.
func (s *Service) RemoveException(ctx context.Context, facility kernel.AgencyID, id string) (Saved, error) {
	return s.remove(ctx, facility, "exception", id)
}

func (s *Service) remove(ctx context.Context, facility kernel.AgencyID, table, id string) (Saved, error) {
	if !kernel.ValidID(id) {
		return Saved{}, kernel.NotThere(table)
	}
	return s.planning(ctx, facility, table, func(tx *pg.Tx, _ *setup) (string, error) {
		return id, removeOwn(ctx, tx, table, facility, id)
	})
}

// Exception is time that is taken away, or a session that is added, as people type it: days and times by the clock on
// the place's wall.
type Exception struct {
	Extra        bool   // an extra session of Schedule; else a block
	Schedule     string // id; a block of this plan alone
	Practitioner string // id; a block of theirs
	Place        string // id; a block of a place. A block that names nothing is the whole clinic's
	FromDay      string // YYYY-MM-DD
	From         string // HH:MM
	UntilDay     string // of a block; empty: FromDay
	Until        string
	Reason       string // for the staff
}

// SaveException adds a block or an extra session, for a planner. Errors as SaveRow; fields schedule, practitioner, place,
// from_day, from, until_day, until, reason.
func (s *Service) SaveException(ctx context.Context, facility kernel.AgencyID, e Exception) (Saved, error) {
	return s.planning(ctx, facility, "exception", func(tx *pg.Tx, c *setup) (string, error) {
		d, err := s.exceptionDoc(ctx, facility, *c, e)
		if err != nil {
			return "", err
		}
		c.exceptions = append(c.exceptions, d)
		return d.ID, exceptionTable.put(ctx, tx, []exceptionDoc{d})
	})
}

func (s *Service) exceptionDoc(ctx context.Context, facility kernel.AgencyID, c setup, e Exception) (exceptionDoc, error) {
	var fields []kernel.FieldError
	wrong := func(path, slug, message string) {
		fields = append(fields, kernel.FieldError{Path: path, Slug: "medical.setup.line." + slug, Message: message})
	}
	zone := kernel.TenantOf(ctx).Location()
	place := e.Place
	i := slices.IndexFunc(c.schedules, func(p scheduleDoc) bool { return string(p.ID) == e.Schedule && p.Origin == OriginPlan })
	switch {
	case i >= 0:
		place = string(c.schedules[i].Place)
	case e.Schedule != "" || e.Extra:
		wrong("schedule", "reference", "names nothing that is there or in these files")
	}
	if p := slices.IndexFunc(c.places, func(p placeDoc) bool { return string(p.ID) == place }); p >= 0 {
		zone = locationOf(c.places[p].Zone)
	} else if place != "" {
		wrong("place", "reference", "names nothing that is there or in these files")
	}
	if e.Practitioner != "" && !slices.ContainsFunc(c.practitioners, func(p practitionerDoc) bool { return string(p.ID) == e.Practitioner }) {
		wrong("practitioner", "reference", "names nothing that is there or in these files")
	}
	if e.Extra || e.UntilDay == "" {
		e.UntilDay = e.FromDay
	}
	from, until := s.moment(e.FromDay, e.From, "from", zone, wrong), s.moment(e.UntilDay, e.Until, "until", zone, wrong)
	if len(fields) == 0 && !until.After(from) {
		wrong("until", "until-before", "is not after the beginning")
	}
	if e.Extra && len(fields) == 0 && int(until.Sub(from).Minutes()) < c.schedules[i].Minutes {
		wrong("until", "plan-minutes-session", "A slot is longer than the whole session.")
	}
	if len(e.Reason) > 300 || hasControl(e.Reason) {
		wrong("reason", "long", "is too long")
	}
	if len(fields) > 0 {
		return exceptionDoc{}, kernel.InvalidFields(fields...)
	}
	d := exceptionDoc{ID: kernel.NewID(), Facility: facility, Kind: "closed", Schedule: some(e.Schedule), Practitioner: some(e.Practitioner), Place: some(e.Place), Reason: e.Reason,
		From: from.Format(time.RFC3339), Until: until.Format(time.RFC3339), CreatedBy: some(kernel.PrincipalOf(ctx).Person), CreatedAt: s.Clock.Now().Format(time.RFC3339)}
	if e.Extra {
		d.Kind, d.Practitioner, d.Place = "extra", nil, nil
	}
	return d, nil
}

func hasControl(s string) bool {
	return slices.ContainsFunc([]rune(s), func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0xFFFD })
}

// moment reads a day and a time by the wall of a zone.
func (s *Service) moment(day, clock, field string, zone *time.Location, wrong func(path, slug, message string)) time.Time {
	d, err := calendar.ParseDate(day)
	if err != nil {
		wrong(field+"_day", "date", "is not a date, such as 2026-11-23")
	}
	c, err2 := calendar.ParseClock(clock)
	if err2 != nil {
		wrong(field, "time", "is not a time of day, such as 09:00")
	}
	if err != nil || err2 != nil {
		return time.Time{}
	}
	return calendar.At(d, c, zone)
}

// Sessions are the next sessions a plan would make, n at most, before it is saved: holidays, blocks and extra sessions
// of a plan that is there are in it. Errors as SaveRow.
func (s *Service) Sessions(ctx context.Context, facility kernel.AgencyID, r Row, n int) (out []calendar.Session, zone *time.Location, err error) {
	if err := works(ctx, facility, RolePlanner); err != nil {
		return nil, nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		c, err := s.setup(ctx, tx, facility)
		if err != nil {
			return err
		}
		book, problems := sheet.ReadRow(sheet.Schedules, r.Cells, s.known(ctx, c))
		if problems.Any() {
			return inColumns(problems)
		}
		now := s.Clock.Now()
		around, err := s.around(ctx, tx, facility, now)
		if err != nil {
			return err
		}
		d := planDoc(facility, c, book.Schedules[0])
		if r.ID != "" {
			d.ID = ScheduleID(r.ID)
		}
		for _, p := range c.places {
			if p.ID == d.Place {
				zone = locationOf(p.Zone)
			}
		}
		p, err := planOf(d, zone)
		if err != nil {
			return err
		}
		from := calendar.DateOf(now, zone)
		if from.Before(p.ValidFrom) {
			from = p.ValidFrom
		}
		all, err := calendar.Sessions(p, around.exceptionsOf(d, zone), from, from.AddDays(366))
		all = slices.DeleteFunc(all, func(x calendar.Session) bool { return !x.End.After(now) })
		out = all[:min(n, len(all))]
		return err
	})
	return out, zone, err
}
