// Package seats knows vehicles and who sits where: the layout of a vehicle, what of it is taken on which part of a trip,
// and the choice of places for people who travel together. It knows no database; travel keeps what it chooses.
package seats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
)

// Kind is what a place is for.
type Kind string

// Kinds of places.
const (
	Seat       Kind = "seat"
	Wheelchair Kind = "wheelchair" // a space to stay in one's own chair (Regulation (EU) 181/2011 art. 9)
	Bicycle    Kind = "bicycle"    // beside its owner's seat
)

// Form is a layout as people write it, in YAML or JSON:
//
//	code: coach-49
//	name: {en: Coach with 49 seats, ru: Автобус на 49 мест, zh: 49 座客车}
//	rows:
//	  - "1A 1B | . ."     # numbers of seats; | is the aisle, . is nothing
//	  - "2A 2B | 2C 2D"
//	  - "W1 .  | 3C 3D"
//	wheelchairs: [W1]     # which of them are places for wheelchairs
//	bicycles: 4           # how many bicycles go along: places B1 to B4
type Form struct {
	Code        string      `yaml:"code" json:"code"`
	Name        kernel.Text `yaml:"name" json:"name"`
	Rows        []string    `yaml:"rows" json:"rows"`
	Wheelchairs []string    `yaml:"wheelchairs,omitempty" json:"wheelchairs,omitempty"`
	Bicycles    int         `yaml:"bicycles,omitempty" json:"bicycles,omitempty"`
}

// Place is one numbered place. Row and Column count from 0 as drawn, the aisle taking a column; bicycles have no row.
type Place struct {
	Number string
	Kind   Kind
	Row    int
	Column int
}

// Layout is a checked form: what a vehicle has, in the order in which it is drawn. Made by Form.Layout.
type Layout struct {
	Form
	Places  []Place // seats and places for wheelchairs row by row, then the bicycles'
	Columns int     // the widest row's

	index map[string]int
}

// Sizes of a layout. A ferry is the largest thing that anybody has numbered seats in.
const (
	maxRows     = 400
	maxColumns  = 40
	maxPlaces   = 2000
	maxBicycles = 500
	maxNumber   = 6
)

// Read reads a form from YAML or JSON. What it does not know is an error, and so is a second document.
func Read(data []byte) (Form, error) {
	var f Form
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil {
		return Form{}, kernel.InvalidFields(wrong("layout", "unreadable", "This is not a layout that can be read.")).Wrap(err)
	}
	if err := dec.Decode(&struct{}{}); err != io.EOF {
		return Form{}, kernel.InvalidFields(wrong("layout", "unreadable", "This is not a layout that can be read."))
	}
	return f, nil
}

// JSON is the form as it is kept.
func (f Form) JSON() []byte {
	b, _ := json.Marshal(f) // texts and numbers alone: it cannot fail
	return b
}

// YAML is the form as people edit it.
func (f Form) YAML() string {
	b, _ := yaml.Marshal(f) // texts and numbers alone: it cannot fail
	return string(b)
}

func wrong(path, slug, message string) kernel.FieldError {
	return kernel.FieldError{Path: path, Slug: "travel.layout." + slug, Message: message}
}

// Layout checks the form and returns what it says, or Invalid with every field that is wrong.
func (f Form) Layout() (Layout, error) {
	l := Layout{Form: f, index: map[string]int{}}
	var bad []kernel.FieldError
	if !slug(f.Code) {
		bad = append(bad, wrong("code", "code", "Use small letters, digits and hyphens, at most 60."))
	}
	for _, locale := range kernel.Locales {
		if n := utf8.RuneCountInString(strings.TrimSpace(f.Name[locale])); n == 0 || n > 100 {
			bad = append(bad, wrong("name."+locale, "name", "Write a name of at most 100 characters in every language."))
		}
	}
	if len(f.Rows) == 0 || len(f.Rows) > maxRows {
		bad = append(bad, wrong("rows", "rows", "A vehicle has between 1 and 400 rows."))
	}
	if f.Bicycles < 0 || f.Bicycles > maxBicycles {
		bad = append(bad, wrong("bicycles", "bicycles", "Between 0 and 500 bicycles go along."))
	}
	bad = append(bad, l.readRows()...)
	for i, number := range f.Wheelchairs {
		at, ok := l.index[number]
		switch path := fmt.Sprintf("wheelchairs[%d]", i); {
		case !ok:
			bad = append(bad, wrong(path, "no-such-place", "No row has a place of this number."))
		case slices.Contains(f.Wheelchairs[:i], number):
			bad = append(bad, wrong(path, "twice", "This number is there twice."))
		default:
			l.Places[at].Kind = Wheelchair
		}
	}
	for i := range min(max(f.Bicycles, 0), maxBicycles) {
		number := fmt.Sprintf("B%d", i+1)
		if _, there := l.index[number]; there {
			bad = append(bad, wrong("bicycles", "bicycle-number", "B1, B2 and so on are the numbers of the bicycles; give the seats other ones."))
			break
		}
		l.add(Place{Number: number, Kind: Bicycle, Row: -1})
	}
	if len(l.Places) > maxPlaces {
		bad = append(bad, wrong("rows", "places", "A vehicle has at most 2000 places."))
	}
	if l.Count(Seat) == 0 && len(bad) == 0 {
		bad = append(bad, wrong("rows", "no-seat", "A vehicle has at least one seat."))
	}
	if len(bad) > 0 {
		return Layout{}, kernel.InvalidFields(bad...)
	}
	return l, nil
}

// readRows fills in the places of the rows. At most maxRows rows are looked at.
func (l *Layout) readRows() (bad []kernel.FieldError) {
	for row, text := range l.Rows[:min(len(l.Rows), maxRows)] {
		path := fmt.Sprintf("rows[%d]", row)
		cells := strings.Fields(text)
		if len(cells) > maxColumns {
			bad = append(bad, wrong(path, "columns", "A row has at most 40 columns."))
			continue
		}
		l.Columns = max(l.Columns, len(cells))
		for column, cell := range cells {
			if cell == "|" || cell == "." {
				continue
			}
			if !number(cell) {
				bad = append(bad, wrong(path, "number", "The number of a seat is letters and digits, at most 6."))
				continue
			}
			if _, there := l.index[cell]; there {
				bad = append(bad, wrong(path, "twice", "This number is there twice."))
				continue
			}
			l.add(Place{Number: cell, Kind: Seat, Row: row, Column: column})
		}
	}
	return bad
}

func (l *Layout) add(p Place) {
	l.index[p.Number] = len(l.Places)
	l.Places = append(l.Places, p)
}

// Place returns the place of that number.
func (l Layout) Place(number string) (Place, bool) {
	i, ok := l.index[number]
	if !ok {
		return Place{}, false
	}
	return l.Places[i], true
}

// Count is how many places of a kind the vehicle has.
func (l Layout) Count(k Kind) (n int) {
	for _, p := range l.Places {
		if p.Kind == k {
			n++
		}
	}
	return n
}

func slug(s string) bool {
	return s != "" && len(s) <= 60 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
}

func number(s string) bool {
	return utf8.RuneCountInString(s) <= maxNumber && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
