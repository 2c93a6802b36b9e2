package workflows

import (
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Definition is one service as its author declared it, checked and compiled. It is immutable and safe for
// concurrent use. Texts are read with Text, steps are computed with Step.
type Definition struct {
	Slug      string      `yaml:"slug"`      // the service's name in addresses, e.g. "residence-certificate"
	Sector    string      `yaml:"sector"`    // "civic", "medical", "travel": the folder it lies in
	Category  string      `yaml:"category"`  // where the wallet's list shows it, e.g. "certificates"
	Agency    string      `yaml:"agency"`    // the agency that decides, e.g. "civil-registry"
	Prefix    string      `yaml:"prefix"`    // of the case number, e.g. "RC"
	Own       bool        `yaml:"own"`       // the agency offers it alone: no other one of the sector takes part
	Fee       int64       `yaml:"fee"`       // minor units of the municipality's currency; 0 is free
	Start     Requirement `yaml:"start"`     // what a sign-in must be worth to open a draft
	Roles     []string    `yaml:"roles"`     // staff roles that may be named in actions
	Claims    []Claim     `yaml:"claims"`    // what the service asks the identity issuer for
	Retention Retention   `yaml:"retention"` // how long a case is kept
	States    []State     `yaml:"states"`
	Actions   []Action    `yaml:"actions"`
	Timers    []Timer     `yaml:"timers"`
	Notices   []string    `yaml:"notices"`
	Effects   []string    `yaml:"effects"` // effects of the sector's module that actions may name
	Forms     []Form      `yaml:"-"`       // form.yaml
	Fields    []Field     `yaml:"-"`       // form.yaml
	Documents []Document  `yaml:"-"`       // document.yaml; empty when the service issues none
	Texts     Texts       `yaml:"-"`       // i18n/<locale>.yaml
	Scripts   []Script    `yaml:"-"`       // cases/*.txtar
	Hash      string      `yaml:"-"`       // hex SHA-256 of its files: the pinned version
	Dir       string      `yaml:"-"`       // e.g. "civic/residence-certificate"
	compiled  *compiled
}

// Texts holds every text by locale and key.
type Texts map[string]map[string]string

// Requirement is the assurance level and freshness of sign-in that something needs.
type Requirement struct {
	Level  kernel.Level  `yaml:"level"`
	MaxAge time.Duration `yaml:"max_age"` // 0: however long ago
}

// Claim is one verified claim the service asks for. Texts: claim.<name>, claim.<name>.purpose.
type Claim struct {
	Name     string `yaml:"name"` // OIDC Core §5.1: name, birthdate, email, …; "address" is all of its parts
	Required bool   `yaml:"required"`
	Days     int    `yaml:"retention_days"` // kept so long after the case is closed
}

// Retention says how long data is kept, in days.
type Retention struct {
	DraftDays  int `yaml:"draft_days"`  // an untouched draft
	ClosedDays int `yaml:"closed_days"` // after a final state
}

// Who is waited for in a state.
const (
	WaitsApplicant = "applicant"
	WaitsAgency    = "agency"
	WaitsNobody    = "nobody"
)

// Outcomes of final states and decisions of actions.
const (
	Favourable = "favourable"
	Adverse    = "adverse"
	Closed     = "closed" // final states only: ended without a decision, e.g. withdrawn
)

// State of a case. Texts: state.<name> and state.<name>.next for the applicant, state.<name>.staff for staff.
type State struct {
	Name    string `yaml:"name"`
	Initial bool   `yaml:"initial"`
	Final   bool   `yaml:"final"`
	Outcome string `yaml:"outcome"` // final states: favourable, adverse or closed
	Waits   string `yaml:"waits"`   // applicant, agency or nobody
	Due     After  `yaml:"due"`     // shown to people as the date by which who is waited for should act
}

// After is a span of time on the calendar of the municipality. One of the spans is set, or none; with Field it is counted
// back from the moment that field holds.
type After struct {
	Minutes     int `yaml:"minutes"`
	Hours       int `yaml:"hours"`
	Days        int `yaml:"days"`
	WorkingDays int `yaml:"working_days"` // Monday to Friday; public holidays are not known

	Field string `yaml:"field"` // an instant: in a due date the moment itself, in a timer's before what it comes before
}

// IsZero reports that no span is declared.
func (a After) IsZero() bool { return a == After{} }

// Who may take an action, besides the service's staff roles.
const (
	ByApplicant = "applicant"
	BySystem    = "system"
)

// Action leads from one state to another. Texts: action.<name> (the button), action.<name>.past (the history),
// action.<name>.declare where Declare is set, action.<name>.hint where given.
type Action struct {
	Name        string           `yaml:"name"`
	From        []string         `yaml:"from"`
	To          string           `yaml:"to"` // empty: the case stays in its state
	By          []string         `yaml:"by"` // applicant, system or staff roles
	Requirement `yaml:",inline"` // for this action; nothing means the start's level
	Through     string           `yaml:"through"`   // "sector": only the sector's module takes it, which fills in its form
	Form        string           `yaml:"form"`      // the form of its input; empty: no input
	Partial     bool             `yaml:"partial"`   // saves what is there: nothing is required yet
	Declare     bool             `yaml:"declare"`   // the person ticks a declaration; input "declaration" = true
	Guards      []Guard          `yaml:"guards"`    // all must hold
	Decision    string           `yaml:"decision"`  // favourable or adverse
	Reason      string           `yaml:"reason"`    // the field that holds the decision's reason
	Preview     string           `yaml:"preview"`   // the document shown before the action is confirmed
	FourEyes    []string         `yaml:"four_eyes"` // the last of these actions must have been somebody else's
	Assign      string           `yaml:"assign"`    // "self" gives the case to the actor, "none" gives it back
	Clear       []string         `yaml:"clear"`     // fields whose answers are taken back
	Documents   []string         `yaml:"documents"` // documents issued by this action
	Revoke      []string         `yaml:"revoke"`    // documents of the case that are no longer valid
	Notices     []string         `yaml:"notices"`   // texts sent to the applicant
	Effects     []string         `yaml:"effects"`   // effects of the sector's module, in the same transaction
	Charge      string           `yaml:"charge"`    // "fee": the applicant is asked to pay it
	When        string           `yaml:"when"`      // "paid": the system takes it once the fee is paid, and the money is taken
	Refund      string           `yaml:"refund"`    // "fee": what was paid goes back, what was not paid need not be
}

// The values of Action.Charge and Action.Refund, and of Action.When.
const (
	TheFee   = "fee"
	WhenPaid = "paid"
)

// Guard is a condition in CEL that must hold for its action. Text: error.<Error>.
type Guard struct {
	If    string `yaml:"if"`
	Error string `yaml:"error"`
}

// ThroughSector is the one value of Action.Through.
const ThroughSector = "sector"

// Timer takes a system action when a case has been in State for a while (After), or a while before a moment that an
// answer holds (Before). One whose moment has passed when it would be set is not set.
type Timer struct {
	Name   string `yaml:"name"`
	State  string `yaml:"state"`
	After  After  `yaml:"after"`
	Before After  `yaml:"before"`
	Action string `yaml:"action"`
}

// Types of fields and the Go type of their answers.
const (
	TypeText     = "text"     // string, one line
	TypeTextarea = "textarea" // string
	TypeChoice   = "choice"   // string, an option's value
	TypeMulti    = "multi"    // []string, options' values
	TypeDate     = "date"     // string, YYYY-MM-DD
	TypeInteger  = "integer"  // int64
	TypeBoolean  = "boolean"  // bool
	TypeEmail    = "email"    // string
	TypeInstant  = "instant"  // string, RFC 3339 in UTC: for timers and due dates; nobody is shown it
)

// Who sees a field's answer besides staff.
const (
	VisibleAll      = "all"      // the applicant too; the default
	VisibleStaff    = "staff"    // never the applicant
	VisibleDecision = "decision" // the applicant once a decision with this field as its reason closed the case
)

// Field is one question. Texts: field.<name>.label, field.<name>.hint where given, field.<name>.option.<value>.
type Field struct {
	Name      string   `yaml:"name"`
	Type      string   `yaml:"type"`
	Required  bool     `yaml:"required"`
	Min       *int64   `yaml:"min"`        // integer
	Max       *int64   `yaml:"max"`        // integer
	MinLength int      `yaml:"min_length"` // text, textarea: characters
	MaxLength int      `yaml:"max_length"` // text 200, textarea 4000, email 254 when not set
	Pattern   string   `yaml:"pattern"`    // text: a regular expression (RE2) the whole answer matches
	From      string   `yaml:"from"`       // date: the earliest, YYYY-MM-DD or "today"
	Until     string   `yaml:"until"`      // date: the latest, YYYY-MM-DD or "today"
	Options   []string `yaml:"options"`    // choice, multi: the values
	Default   string   `yaml:"default"`    // the answer a new case starts with
	Prefill   string   `yaml:"prefill"`    // a claim, or "locale"
	Verified  bool     `yaml:"verified"`   // the claim itself: shown, not editable
	ShowIf    string   `yaml:"show_if"`    // CEL over form.*; a question not shown has no answer
	Visible   string   `yaml:"visible"`    // all (default), staff or decision
}

// Form is what an action asks, page by page.
type Form struct {
	Name  string `yaml:"name"`
	Pages []Page `yaml:"pages"`
}

// Page asks about one thing. Texts: page.<name>, page.<name>.hint where given.
type Page struct {
	Name   string   `yaml:"name"`
	Fields []string `yaml:"fields"`
}

// Document is the template of what the service issues. Texts: document.<name>.title,
// document.<name>.subject where given, document.<name>.<block>.
type Document struct {
	Name      string  `yaml:"name"`
	Type      string  `yaml:"type"`       // kernel.DocumentIntent.Type
	ValidDays int     `yaml:"valid_days"` // 0: no end
	Language  string  `yaml:"language"`   // the choice field that holds its locale; empty: the case's language
	Attach    bool    `yaml:"attach"`     // the same as JSON goes along inside the file (PDF/A-3a)
	Beside    bool    `yaml:"beside"`     // stands beside the earlier ones of its type in the case; else it takes their place
	Blocks    []Block `yaml:"blocks"`
}

// Block is one block of a document.
type Block struct {
	Name   string     `yaml:"name"`
	Kind   string     `yaml:"kind"`   // heading, paragraph, fields, table, notice, codes
	Items  []string   `yaml:"items"`  // fields, codes: field.<name>, claim.<name>, case.number, case.submitted, date.issued
	Header []string   `yaml:"header"` // table: text keys document.<doc>.<block>.<header>
	Rows   [][]string `yaml:"rows"`   // table: cells, each an item as in fields or text.<key>
	ShowIf string     `yaml:"show_if"`
}

// Script is one case script: cases/<Name>.txtar.
type Script struct {
	Name string
	Data []byte
}

// Text returns the text of key in locale, in English when that language has none, and ⟦key⟧ when there is
// none at all (Check reports both). Keys are listed in README.md.
func (d *Definition) Text(locale, key string) string {
	if s, ok := d.Texts[locale][key]; ok {
		return s
	}
	if s, ok := d.Texts[kernel.Locales[0]][key]; ok {
		return s
	}
	return "⟦" + key + "⟧"
}

// HasText reports whether the optional text key (a hint) is there.
func (d *Definition) HasText(key string) bool {
	_, ok := d.Texts[kernel.Locales[0]][key]
	return ok
}

// TextAll returns the text of key in every language, with {name} replaced by the values in args
// (name, value pairs).
func (d *Definition) TextAll(key string, args ...string) kernel.Text {
	t := kernel.Text{}
	for _, l := range kernel.Locales {
		s := d.Text(l, key)
		for i := 0; i+1 < len(args); i += 2 {
			s = strings.ReplaceAll(s, "{"+args[i]+"}", args[i+1])
		}
		t[l] = s
	}
	return t
}

// SearchWords returns the words the wallet's search finds the service by.
func (d *Definition) SearchWords(locale string) []string {
	var out []string
	for w := range strings.SplitSeq(d.Text(locale, "search"), ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// Charges reports whether somebody pays in a case of the service.
func (d *Definition) Charges() bool {
	return slices.ContainsFunc(d.Actions, func(a Action) bool { return a.Charge != "" })
}

// NeedsSector reports whether only the sector's own pages and contract serve the service: one of its actions goes through them. Any
// other one is served by the pages and the contract that know no service by name.
func (d *Definition) NeedsSector() bool {
	return slices.ContainsFunc(d.Actions, func(a Action) bool { return a.Through == ThroughSector })
}

// PaidAction returns the action that follows when the fee is paid in a state; empty when it is not waited for there.
func (d *Definition) PaidAction(state string) string {
	for i := range d.Actions {
		if a := &d.Actions[i]; a.When == WhenPaid && slices.Contains(a.From, state) {
			return a.Name
		}
	}
	return ""
}

// Initial returns the name of the state a case begins in.
func (d *Definition) Initial() string {
	for i := range d.States {
		if d.States[i].Initial {
			return d.States[i].Name
		}
	}
	return ""
}

// State, Action, Timer, Field, Form and Document return the part of that name, or nil.
func (d *Definition) State(name string) *State {
	return find(d.States, func(s *State) bool { return s.Name == name })
}

func (d *Definition) Action(name string) *Action {
	return find(d.Actions, func(a *Action) bool { return a.Name == name })
}

func (d *Definition) Timer(name string) *Timer {
	return find(d.Timers, func(t *Timer) bool { return t.Name == name })
}

func (d *Definition) Field(name string) *Field {
	return find(d.Fields, func(f *Field) bool { return f.Name == name })
}

func (d *Definition) Form(name string) *Form {
	return find(d.Forms, func(f *Form) bool { return f.Name == name })
}

func (d *Definition) Document(name string) *Document {
	return find(d.Documents, func(x *Document) bool { return x.Name == name })
}

// Claim returns the requested claim of that name, or nil.
func (d *Definition) Claim(name string) *Claim {
	return find(d.Claims, func(c *Claim) bool { return c.Name == name })
}

// Page returns the form's page of that name, or nil.
func (f *Form) Page(name string) *Page {
	return find(f.Pages, func(p *Page) bool { return p.Name == name })
}

// FieldNames returns the form's fields in the order they are asked.
func (f *Form) FieldNames() []string {
	var out []string
	for i := range f.Pages {
		out = append(out, f.Pages[i].Fields...)
	}
	return out
}

// ByStaff reports whether a staff role may take the action.
func (a *Action) ByStaff() bool {
	return slices.ContainsFunc(a.By, func(b string) bool { return b != ByApplicant && b != BySystem })
}

// bySystemAlone reports that no person takes the action.
func (a *Action) bySystemAlone() bool { return slices.Contains(a.By, BySystem) && !a.ByStaff() }

// ApplicationForm returns the form the applicant fills in the initial state: the one of the first partial
// action there, else of the first action with a form; nil when there is none.
func (d *Definition) ApplicationForm() *Form {
	var first *Form
	for i := range d.Actions {
		a := &d.Actions[i]
		if a.Form == "" || !slices.Contains(a.From, d.Initial()) || !slices.Contains(a.By, ByApplicant) {
			continue
		}
		if a.Partial {
			return d.Form(a.Form)
		}
		if first == nil {
			first = d.Form(a.Form)
		}
	}
	return first
}

func find[T any](list []T, ok func(*T) bool) *T {
	for i := range list {
		if ok(&list[i]) {
			return &list[i]
		}
	}
	return nil
}
