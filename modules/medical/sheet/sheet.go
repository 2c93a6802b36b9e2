// Package sheet reads a clinic's places, people, rooms, kinds of visit, schedules and holidays from tables (RFC 4180,
// UTF-8 with or without a byte order mark, one header row): what a clinic has in a spreadsheet. It is pure. A cell
// that looks like a formula is a text like any other: it is kept as it stands and never computed.
package sheet

import (
	"path"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/medical/calendar"
)

// Tables, by the name of their file without ".csv", in the order in which they depend on each other.
const (
	Places        = "places"
	Practitioners = "practitioners"
	Resources     = "resources"
	VisitTypes    = "visit-types"
	Schedules     = "schedules"
	Holidays      = "holidays"
)

// columns are the columns of each table; those with a star have to be there. A column with a plus may stand in other
// languages too: name is English, name_ru and name_zh the others.
var columns = map[string][]string{
	Places:        {"code*", "name*+", "street*", "postal_code*", "locality*", "country*", "zone*", "latitude", "longitude", "phone", "directions+", "opening"},
	Practitioners: {"code*", "name*", "specialty+", "languages"},
	Resources:     {"place*", "kind*", "name*"},
	VisitTypes:    {"code*", "service*", "name*+", "minutes*", "level*", "min_age", "max_age", "preparation+", "bring+", "needs", "cancel_hours"},
	Schedules:     {"place*", "practitioner", "visit_types*", "rule*", "from*", "until*", "minutes*", "capacity", "starts_on*", "ends_on"},
	Holidays:      {"day*", "name*+"},
}

// Columns are the columns a table may have, in the order people are shown; required ones are marked.
func Columns(table string) (names []string, required map[string]bool) {
	required = map[string]bool{}
	for _, c := range columns[table] {
		name := strings.TrimRight(c, "*+")
		names = append(names, name)
		required[name] = strings.Contains(c, "*")
		if strings.Contains(c, "+") {
			for _, l := range kernel.Locales[1:] {
				names = append(names, name+"_"+l)
			}
		}
	}
	return names, required
}

// Tables are the names of all tables.
func Tables() []string {
	return []string{Places, Practitioners, Resources, VisitTypes, Schedules, Holidays}
}

// Book is what the tables say.
type Book struct {
	Places        []Place
	Practitioners []Practitioner
	Resources     []Resource
	VisitTypes    []VisitType
	Schedules     []Schedule
	Holidays      []Holiday
}

// Place is a row of places.
type Place struct {
	Code, Street, PostalCode, Locality, Country, Phone string
	Name, Directions                                   kernel.Text
	Zone                                               *time.Location
	Position                                           *[2]float64 // latitude, longitude
	Opening                                            []Opening
}

// Opening is a span of opening hours. Days counts from Monday, 1, to Sunday, 7.
type Opening struct {
	Days        []int
	From, Until calendar.Clock
}

// Practitioner is a row of practitioners.
type Practitioner struct {
	Code, Name string
	Specialty  kernel.Text
	Languages  []string // BCP 47
}

// Resource is a row of resources: a room or a piece of equipment.
type Resource struct {
	Place, Kind, Name string // Place is a code
}

// VisitType is a row of visit-types.
type VisitType struct {
	Code, Service            string
	Name, Preparation, Bring kernel.Text
	Minutes, CancelHours     int
	Level                    kernel.Level
	MinAge, MaxAge           *int
	Needs                    []string // kinds of resources
}

// Schedule is a row of schedules.
type Schedule struct {
	Place, Practitioner string // codes; the practitioner may be nobody
	VisitTypes          []string
	Plan                calendar.Plan // without its zone, which is the place's
	Capacity            int
}

// Holiday is a row of holidays.
type Holiday struct {
	Day  calendar.Date
	Name kernel.Text
}

// Known is what the tables may name without saying it themselves.
type Known struct {
	Services                          []string // slugs a visit type may be of
	Places, Practitioners, VisitTypes []string // codes that are there already
}

// Bounds of what Read takes.
const (
	MaxBytes = 4 << 20 // of one file
	MaxRows  = 20_000  // of one table
)

// Read reads tables, each in the file of its name. Every problem is told with file, line and column, and where there
// is one nothing is returned.
func Read(files []lines.File, known Known) (Book, lines.Problems) {
	r := reader{known: known, seen: map[string]bool{}}
	for _, table := range Tables() { // so that schedules find the places they name
		for _, f := range files {
			if tableOf(f.Name) == table {
				r.table(table, f)
			}
		}
	}
	for _, f := range files {
		if !slices.Contains(Tables(), tableOf(f.Name)) {
			r.problems.Add(f.Name, 0, "", "table", "is none of the tables that are read; its name says which it is, such as places.csv")
		}
	}
	r.problems.Sort(files)
	if r.problems.Any() {
		return Book{}, r.problems
	}
	return r.book, r.problems
}

// ReadRow reads one row that was typed into a form: cells by the names of their columns. A column that is left out is
// empty. Problems are at line 1 and carry no file.
func ReadRow(table string, cells map[string]string, known Known) (Book, lines.Problems) {
	r := reader{known: known, seen: map[string]bool{}}
	r.row(table, row{&r, "", 1, table, cells})
	if r.problems.Any() {
		return Book{}, r.problems
	}
	return r.book, r.problems
}

// tableOf is the table a file is, by its name.
func tableOf(name string) string {
	stem, ok := strings.CutSuffix(strings.ToLower(path.Base(name)), ".csv")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(stem, "_", "-")
}
