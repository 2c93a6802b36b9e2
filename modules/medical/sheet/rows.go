package sheet

import (
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"townhall/modules/kernel"
	"townhall/modules/medical/calendar"
)

func (r *reader) row(table string, w row) {
	switch table {
	case Places:
		r.book.Places = append(r.book.Places, w.place())
	case Practitioners:
		r.book.Practitioners = append(r.book.Practitioners, w.practitioner())
	case Resources:
		r.book.Resources = append(r.book.Resources, w.resource())
	case VisitTypes:
		r.book.VisitTypes = append(r.book.VisitTypes, w.visitType())
	case Schedules:
		r.book.Schedules = append(r.book.Schedules, w.schedule())
	case Holidays:
		r.book.Holidays = append(r.book.Holidays, w.holiday())
	}
}

func (w row) place() Place {
	p := Place{Code: w.code("code", true), Name: w.texts("name", true, 200), Street: w.text("street", true, 200), PostalCode: w.text("postal_code", true, 20),
		Locality: w.text("locality", true, 100), Country: w.text("country", true, 2), Phone: w.text("phone", false, 40), Directions: w.texts("directions", false, 1000)}
	w.once("code", p.Code)
	if p.Country != "" && (len(p.Country) != 2 || strings.Trim(p.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "") {
		w.add("country", "country", "must be two capital letters, such as GB")
	}
	if name := w.text("zone", true, 60); name != "" {
		zone, err := Zone(name)
		if err != nil {
			w.add("zone", "zone", "is not a time zone, such as Europe/London")
		}
		p.Zone = zone
	}
	lat, north := w.degrees("latitude", 90)
	lon, east := w.degrees("longitude", 180)
	switch {
	case north && east:
		p.Position = &[2]float64{lat, lon}
	case north != east && (w.cells["latitude"] == "") != (w.cells["longitude"] == ""):
		w.add("latitude", "position", "needs a longitude beside it, and the other way round")
	}
	var err error
	if p.Opening, err = ParseOpening(w.text("opening", false, 600)); err != nil {
		w.add("opening", "opening", "is not like “Mo-Fr 08:00-18:00; Sa 09:00-12:00”")
	}
	return p
}

// Zone is the time zone of a name of the IANA database. "Local" and an empty name are none.
func Zone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("not a zone")
	}
	return time.LoadLocation(name)
}

var dayNames = []string{"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"}

// ParseOpening reads opening hours such as "Mo-Fr 08:00-18:00; Sa,Su 09:00-12:00".
func ParseOpening(s string) ([]Opening, error) {
	var out []Opening
	for span := range strings.SplitSeq(s, ";") {
		if span = strings.TrimSpace(span); span == "" {
			continue
		}
		days, hours, ok := strings.Cut(span, " ")
		from, until, ok2 := strings.Cut(strings.TrimSpace(hours), "-")
		o := Opening{}
		var err, err2 error
		o.From, err = calendar.ParseClock(from)
		o.Until, err2 = calendar.ParseClock(until)
		if !ok || !ok2 || err != nil || err2 != nil || o.Until <= o.From {
			return nil, errors.New("not opening hours")
		}
		for part := range strings.SplitSeq(days, ",") {
			first, last, isRange := strings.Cut(part, "-")
			a, b := slices.Index(dayNames, first), slices.Index(dayNames, last)
			if !isRange {
				b = a
			}
			if a < 0 || b < a {
				return nil, errors.New("not days of the week")
			}
			for d := a; d <= b; d++ {
				o.Days = append(o.Days, d+1)
			}
		}
		slices.Sort(o.Days)
		o.Days = slices.Compact(o.Days)
		out = append(out, o)
	}
	return out, nil
}

// FormatOpening writes opening hours as ParseOpening reads them.
func FormatOpening(all []Opening) string {
	var spans []string
	for _, o := range all {
		var days []string
		for i := 0; i < len(o.Days); {
			j := i
			for j+1 < len(o.Days) && o.Days[j+1] == o.Days[j]+1 {
				j++
			}
			if j > i {
				days = append(days, dayNames[o.Days[i]-1]+"-"+dayNames[o.Days[j]-1])
			} else {
				days = append(days, dayNames[o.Days[i]-1])
			}
			i = j + 1
		}
		spans = append(spans, strings.Join(days, ",")+" "+o.From.String()+"-"+o.Until.String())
	}
	return strings.Join(spans, "; ")
}

func (w row) practitioner() Practitioner {
	p := Practitioner{Code: w.code("code", true), Name: w.text("name", true, 200), Specialty: w.texts("specialty", false, 200)}
	w.once("code", p.Code)
	for _, s := range strings.Fields(w.text("languages", false, 200)) {
		tag, err := language.Parse(s)
		if err != nil {
			w.add("languages", "languages", "is not a list of languages, such as “en ru zh”")
			break
		}
		p.Languages = append(p.Languages, tag.String())
	}
	if len(p.Languages) > 20 {
		w.add("languages", "long", "is too long")
	}
	return p
}

func (w row) resource() Resource {
	r := Resource{Place: w.code("place", true), Kind: w.code("kind", true), Name: w.text("name", true, 100)}
	w.names("place", r.Place, Places, w.r.known.Places)
	w.once("name", r.Place+"/"+r.Name)
	return r
}

func (w row) visitType() VisitType {
	v := VisitType{Code: w.code("code", true), Service: w.code("service", true), Name: w.texts("name", true, 200), Preparation: w.texts("preparation", false, 2000),
		Bring: w.texts("bring", false, 2000), Needs: w.codes("needs", false)}
	w.once("code", v.Code)
	if v.Service != "" && !slices.Contains(w.r.known.Services, v.Service) {
		w.add("service", "service", "is no service of medical care this municipality offers")
	}
	v.Minutes, _ = w.whole("minutes", true, calendar.MinMinutes, calendar.MaxMinutes)
	v.CancelHours, _ = w.whole("cancel_hours", false, 0, 720)
	if s := w.text("level", true, 20); s != "" && (v.Level.UnmarshalText([]byte(s)) != nil || v.Level == kernel.NoLevel) {
		w.add("level", "level", "must be low, substantial or high")
	}
	if n, ok := w.whole("min_age", false, 0, 150); ok {
		v.MinAge = &n
	}
	if n, ok := w.whole("max_age", false, 0, 150); ok {
		v.MaxAge = &n
		if v.MinAge != nil && *v.MinAge > n {
			w.add("max_age", "ages", "is below min_age")
		}
	}
	if len(v.Needs) > 10 {
		w.add("needs", "long", "is too long")
	}
	return v
}

func (w row) schedule() Schedule {
	s := Schedule{Place: w.code("place", true), Practitioner: w.code("practitioner", false), VisitTypes: w.codes("visit_types", true), Capacity: 1}
	w.names("place", s.Place, Places, w.r.known.Places)
	w.names("practitioner", s.Practitioner, Practitioners, w.r.known.Practitioners)
	for _, v := range s.VisitTypes {
		w.names("visit_types", v, VisitTypes, w.r.known.VisitTypes)
	}
	if len(s.VisitTypes) > 50 {
		w.add("visit_types", "long", "is too long")
	}
	if n, ok := w.whole("capacity", false, 1, 1000); ok {
		s.Capacity = n
	}
	before := w.r.problems.Total
	s.Plan = calendar.Plan{Rule: strings.ToUpper(w.text("rule", true, 500)), From: w.clock("from"), Until: w.clock("until"), ValidFrom: w.date("starts_on", true), ValidUntil: w.date("ends_on", false)}
	s.Plan.Minutes, _ = w.whole("minutes", true, calendar.MinMinutes, calendar.MaxMinutes)
	if w.r.problems.Total == before {
		w.plan(s.Plan)
	}
	return s
}

// plan checks what a plan's cells say together; in any zone, because that is the place's.
func (w row) plan(p calendar.Plan) {
	p.Zone = time.UTC
	if p.Until <= p.From {
		w.add("until", "until", "is not after the beginning; a session ends on the day on which it begins")
		return
	}
	var e *kernel.Error
	if errors.As(p.Check(), &e) {
		for _, f := range e.Fields {
			column, ok := map[string]string{"valid_from": "starts_on", "valid_until": "ends_on"}[f.Path]
			if !ok {
				column = f.Path
			}
			slug := strings.TrimPrefix(f.Slug, "medical.setup.problem.")
			w.add(column, "plan-"+slug, f.Message)
		}
	}
}

func (w row) holiday() Holiday {
	h := Holiday{Day: w.date("day", true), Name: w.texts("name", true, 200)}
	w.once("day", h.Day.String())
	return h
}
