package medical

import (
	"errors"
	"strconv"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/medical/calendar"
	"townhall/modules/medical/sheet"
)

// rows are what a clinic has set up in one table, as people type it: what Row's cells look like for each of them.
func (c setup) rows(table string) []Row {
	var out []Row
	add := func(id string, version int, active bool, cells map[string]string) {
		out = append(out, Row{Table: table, ID: id, Version: version, Active: active, Cells: cells})
	}
	switch table {
	case sheet.Places:
		for _, p := range c.places {
			add(string(p.ID), p.Version, p.Active, p.cells())
		}
	case sheet.Practitioners:
		for _, p := range c.practitioners {
			cells := map[string]string{"code": p.Code, "name": p.Name, "languages": strings.Join(p.Languages, " ")}
			putText(cells, "specialty", p.Specialty)
			add(string(p.ID), p.Version, p.Active, cells)
		}
	case sheet.Resources:
		for _, r := range c.resources {
			add(string(r.ID), 0, r.Active, map[string]string{"place": c.placeCode(r.Place), "kind": r.Kind, "name": r.Name})
		}
	case sheet.VisitTypes:
		for _, v := range c.visits {
			add(v.Code, v.Version, v.Active, v.cells())
		}
	case sheet.Schedules:
		for _, d := range c.schedules {
			add(string(d.ID), d.Version, d.Active, c.planCells(d))
		}
	case sheet.Holidays:
		for _, h := range c.holidays {
			cells := map[string]string{"day": h.Day}
			putText(cells, "name", h.Name)
			add(h.ID, 0, h.Facility != nil, cells) // the municipality's are not the clinic's to change
		}
	}
	return out
}

// row is one of them.
func (c setup) row(table, id string) (Row, bool) {
	for _, r := range c.rows(table) {
		if r.ID == id {
			return r, true
		}
	}
	return Row{}, false
}

func putText(cells map[string]string, column string, t kernel.Text) {
	for i, l := range kernel.Locales {
		name := column
		if i > 0 {
			name += "_" + l
		}
		if t[l] != "" {
			cells[name] = t[l]
		}
	}
}

func (p placeDoc) cells() map[string]string {
	cells := map[string]string{"code": p.Code, "street": p.Street, "postal_code": p.PostalCode, "locality": p.Locality, "country": p.Country, "zone": p.Zone, "phone": p.Phone}
	putText(cells, "name", p.Name)
	putText(cells, "directions", p.Directions)
	if p.Latitude != nil && p.Longitude != nil {
		cells["latitude"], cells["longitude"] = strconv.FormatFloat(*p.Latitude, 'f', -1, 64), strconv.FormatFloat(*p.Longitude, 'f', -1, 64)
	}
	var opening []sheet.Opening
	for _, o := range p.Opening {
		from, err := calendar.ParseClock(o.From)
		until, err2 := calendar.ParseClock(o.Until)
		if err == nil && err2 == nil {
			opening = append(opening, sheet.Opening{Days: o.Days, From: from, Until: until})
		}
	}
	cells["opening"] = sheet.FormatOpening(opening)
	return cells
}

func (v VisitType) cells() map[string]string {
	number := func(n int) string {
		if n == 0 {
			return ""
		}
		return itoa(n)
	}
	cells := map[string]string{"code": v.Code, "service": v.Service, "minutes": itoa(v.Minutes), "level": v.Level.String(), "min_age": number(v.MinAge), "max_age": number(v.MaxAge),
		"needs": strings.Join(v.Needs, " "), "cancel_hours": number(v.CancelHours)}
	putText(cells, "name", v.Name)
	putText(cells, "preparation", v.Preparation)
	putText(cells, "bring", v.Bring)
	return cells
}

func (c setup) planCells(d scheduleDoc) map[string]string {
	text := func(s *string, most int) string {
		if s == nil {
			return ""
		}
		return (*s)[:min(len(*s), most)]
	}
	cells := map[string]string{"place": c.placeCode(d.Place), "visit_types": strings.Join(d.VisitTypes, " "), "rule": d.Rule, "from": text(d.From, 5), "until": text(d.Until, 5),
		"minutes": itoa(d.Minutes), "capacity": itoa(d.Capacity), "starts_on": d.StartsOn, "ends_on": text(d.EndsOn, 10)}
	if d.Practitioner != nil {
		for _, p := range c.practitioners {
			if string(p.ID) == *d.Practitioner {
				cells["practitioner"] = p.Code
			}
		}
	}
	return cells
}

func (c setup) placeCode(id PlaceID) string {
	for _, p := range c.places {
		if p.ID == id {
			return p.Code
		}
	}
	return ""
}

// fixed are the columns of a row that stay as they are once it is there: the name others know it by, and where and with
// whom a plan is, because its slots are.
var fixed = map[string][]string{
	sheet.Places: {"code"}, sheet.Practitioners: {"code"}, sheet.VisitTypes: {"code"}, sheet.Resources: {"place", "name"}, sheet.Schedules: {"place", "practitioner"},
}

// keepsFixed refuses a change of what cannot change.
func (c setup) keepsFixed(r Row) error {
	old, there := c.row(r.Table, r.ID)
	if r.ID == "" || !there {
		return nil
	}
	var fields []kernel.FieldError
	for _, column := range fixed[r.Table] {
		if strings.TrimSpace(r.Cells[column]) != old.Cells[column] {
			fields = append(fields, kernel.FieldError{Path: column, Slug: "medical.setup.line.fixed", Message: "cannot be changed; end this one and add another"})
		}
	}
	if len(fields) > 0 {
		return kernel.InvalidFields(fields...)
	}
	return nil
}

func textAt(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// inBody names the fields of an error as a program sent them: "zone" → "body.cells.zone".
func inBody(prefix string, err error) error {
	var e *kernel.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	if prefix = "body." + prefix; !strings.HasSuffix(prefix, ".") {
		prefix += "."
	}
	c := *e
	c.Fields = make([]kernel.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = prefix + f.Path
		c.Fields[i] = f
	}
	return &c
}
