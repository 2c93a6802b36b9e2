package ui

import (
	"slices"
	"sort"
	"strconv"
	"time"
)

// The blocks a page is made of. Each is a struct here and a template of the same name in blocks/*.html:
//
//	{{template "field" .Field}}            Field
//	{{template "error-summary" .Errors}}   []Problem (nothing is written when empty)
//	{{template "summary-list" .Answers}}   []SummaryRow
//	{{template "tag" .Tag}}                Tag
//	{{template "timeline" .History}}       []Moment
//	{{template "notice" .Notice}}          Notice
//	{{template "steps" .Steps}}            Steps
//	{{template "table" .Table}}            Table
//	{{template "cards" .Cards}}            []Card
//	{{template "panel" .Panel}}            Panel
//	{{template "pagination" .Pages}}       Pagination
//	{{template "buttons" .Buttons}}        []Button
//	{{template "facts" .Facts}}            []Fact (definition list)
//	{{template "documents" .Documents}}    []DocumentRow
//	{{template "details" .Details}}        Details
//	{{template "copy" .Copy}}              Copy
//	{{template "qr" .QR}}                  QR
//	{{template "breadcrumbs" .Trail}}      []Link
//	{{template "empty" .Empty}}            Empty
//	{{template "filters" .Filters}}        Filters
//	{{template "icon" "certificate"}}      an icon by name, decoration only
//	{{formkey}}                            hidden field idempotency_key with a fresh key; first thing in a POST form
//
// A handler fills texts that are already in the reader's language; blocks add their own words ("Change",
// "optional") themselves. The shell prints View.Title as the h1 unless the page has an <h1> of its own.

// Field is one question of a form. It renders label, hint, error and control, joined for assistive technology.
type Field struct {
	Name, Label, Hint, Error, Value string
	Kind                            string // text (default), textarea, number, date (value YYYY-MM-DD), email, tel, search, password, radio, select, checkbox (one box, or several when there are Options), file
	Options                         []Option
	Required                        bool // a field that is not is marked "optional"; the server decides, the browser never blocks
	Autocomplete, InputMode         string
	Lang                            string // of what is typed, where it is not the page's: "ru", "zh-Hans"
	Rows, MaxLength                 int
	Min, Max                        string // number and date
	Accept                          string // file
	Prefix, Suffix                  string // e.g. "£"
	Verified                        bool   // shown as from the verified identity, read only, not sent
	Question                        bool   // the label is the page's h1: one thing per page
	Plain                           bool   // never marked "optional", e.g. a search field
}

// ID is the id of the control an error-summary link leads to.
func (f Field) ID() string { return "f-" + f.Name }

// OptionID is the id of the i-th option; the first is ID, so that the error link leads to it.
func (f Field) OptionID(i int) string {
	if i == 0 {
		return f.ID()
	}
	return f.ID() + "-" + strconv.Itoa(i+1)
}

// Described is the value of aria-describedby: hint, then error; empty when there is neither.
func (f Field) Described() string {
	s := ""
	if f.Hint != "" {
		s = f.ID() + "-hint"
	}
	if f.Error != "" {
		if s != "" {
			s += " "
		}
		s += f.ID() + "-error"
	}
	return s
}

// Group reports whether the field is a set of choices under one legend.
func (f Field) Group() bool {
	return f.Kind == "radio" || f.Kind == "checkbox" && len(f.Options) > 0
}

// InputType is the type attribute of a one-line control. A number is asked for as text with a numeric
// keyboard: type=number changes its value on a scroll and hides what it cannot parse.
func (f Field) InputType() string {
	switch f.Kind {
	case "date", "email", "tel", "file", "search", "password":
		return f.Kind
	}
	return "text"
}

// Mode is the inputmode attribute.
func (f Field) Mode() string {
	if f.InputMode == "" && f.Kind == "number" {
		return "numeric"
	}
	return f.InputMode
}

// Lines is the height of a textarea.
func (f Field) Lines() int {
	if f.Rows > 0 {
		return f.Rows
	}
	return 5
}

// Shown is a verified value as people read it: the chosen option's label for a choice.
func (f Field) Shown() string {
	for _, o := range f.Options {
		if o.Selected || o.Value == f.Value {
			return o.Label
		}
	}
	return f.Value
}

// Option is one choice of a radio, select or checkbox field.
type Option struct {
	Value, Label, Hint string
	Selected           bool
}

// Problem is one line of the error summary. It leads to the Field of that name, or to Href where that is typed on another page; to
// neither when it is about the whole form.
type Problem struct{ Field, Text, Href string }

// Target is where the line leads; empty: nowhere.
func (p Problem) Target() string {
	if p.Field != "" {
		return "#" + Field{Name: p.Field}.ID()
	}
	return p.Href
}

// Problems lists the errors of fields in their order on the page.
func Problems(fields ...Field) []Problem {
	var out []Problem
	for _, f := range fields {
		if f.Error != "" {
			out = append(out, Problem{Field: f.Name, Text: f.Error})
		}
	}
	return out
}

// WithErrors returns fields with the errors of byName set, and the problems for the summary: in the order of the
// fields, then those that belong to none of them.
func WithErrors(fields []Field, byName map[string]string) ([]Field, []Problem) {
	out := make([]Field, len(fields))
	known := map[string]bool{}
	for i, f := range fields {
		f.Error = byName[f.Name]
		out[i] = f
		known[f.Name] = true
	}
	problems := Problems(out...)
	var rest []string
	for name := range byName {
		if !known[name] {
			rest = append(rest, name)
		}
	}
	sort.Strings(rest)
	for _, name := range rest {
		problems = append(problems, Problem{Text: byName[name]})
	}
	return out, problems
}

// Tones of tags, notices and moments.
const (
	Neutral = "neutral"
	Info    = "info"
	Success = "success"
	Warning = "warning"
	Danger  = "danger"
)

// SummaryRow is one answer of a check-answers page or one line of what was said.
type SummaryRow struct {
	Key, Value string
	Change     string // where the answer can be changed; no link when empty
	Verified   bool   // marked as from the verified identity
}

// Tag is a status in one or two words. Its colour never says more than its text.
type Tag struct{ Text, Tone string }

// Moment is one entry of a case's history, newest or oldest first as the caller orders them.
type Moment struct {
	At    time.Time
	Title string
	Actor string
	Body  string // what was written; line breaks are kept
	Facts []Fact
	Tone  string
	Now   bool // the present state
}

// Notice is a message inside a page.
type Notice struct {
	Tone, Title, Body string
	Link              Link
}

// Link is a labelled address.
type Link struct{ Label, Href string }

// Steps tells how far along a form the person is; Current counts from 1.
type Steps struct {
	Labels  []string
	Current int
}

// Table is a table that turns into a list of cards on a phone.
type Table struct {
	Caption string // always given; read out by screen readers
	Visible bool   // the caption is shown, too
	Head    []string
	Rows    []TableRow
}

// Numbers reports whether a column holds numbers, so that its head stands above them.
func (t Table) Numbers(column int) bool {
	return slices.ContainsFunc(t.Rows, func(r TableRow) bool { return column < len(r.Cells) && r.Cells[column].Number })
}

// TableRow is one row; its first cell names it.
type TableRow struct{ Cells []Cell }

// Cell is one cell. Exactly one of Text, Tag and At is usual; Href makes the text a link, Note adds a second,
// quieter line.
type Cell struct {
	Text, Href, Note string
	Tag              Tag
	At               time.Time
	Number           bool // aligned for comparing
}

// Card is one entry of a list of services or cases; the whole card is the link.
type Card struct {
	Href, Title, Text, Icon, Meta string
	Tag                           Tag
}

// Panel confirms that something is done and gives its reference. Its title is the page's h1.
type Panel struct{ Title, Label, Reference, Body string }

// Pagination leads to newer and older pages of a list.
type Pagination struct{ Newer, Older string }

// Button is a submit button, or a link that looks like one when Href is set.
type Button struct {
	Label, Href, Name, Value string
	Tone                     string // primary (default), secondary, danger, quiet
	Action                   string // formaction of a submit button
	Form                     string // id of the form it submits when it stands outside of it
	Icon                     string
}

// Fact is one label with its value.
type Fact struct {
	Key, Value string
	Code       bool // read letter by letter, such as a document's number
}

// DocumentRow is one issued document.
type DocumentRow struct {
	Title, Number, Href, Meta string
	Tag                       Tag
	IssuedAt                  time.Time
	Pending                   bool // being made: no link yet, unless to a page about it
	Page                      bool // Href leads to a page about the document, not to its file
}

// Copy is a value to take along, such as an address: one line that can be selected, and a button where copying works.
type Copy struct{ Name, Label, Hint, Value string }

// QR is a QR code, drawn by the server: dark modules as an SVG path in a square of Size units, its quiet zone included.
// Label says what the code is, to those who cannot see it.
type QR struct {
	Label string
	Size  int
	Path  string
}

// Details hides an explanation until it is asked for.
type Details struct{ Summary, Body string }

// Empty is shown where a list has nothing in it.
type Empty struct {
	Title, Body, Icon string
	Action            Button
}

// Filters is the bar above a list: tabs that lead to views of it, and an optional search field.
type Filters struct {
	Label string // read out, e.g. "Queue"
	Tabs  []Filter
	// Search is the query field's name; no field when empty. Its form is a GET to Action.
	Search, Action, Query, SearchLabel string
}

// Filter is one tab; Count is hidden when negative.
type Filter struct {
	Label, Href string
	Count       int
	Current     bool
}
