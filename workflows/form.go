package workflows

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"townhall/modules/kernel"
)

// Declaration is the input of an action with declare: true.
const Declaration = "declaration"

// Lengths a field has when its author sets none, in characters.
const (
	maxText     = 200
	maxTextarea = 4000
	maxEmail    = 254 // RFC 5321 §4.5.3.1.3 less the angle brackets
)

// Messages are the English texts of the field errors, by slug. Every slug this package uses is here.
var Messages = map[string]string{
	"field.required":       "Answer this question.",
	"field.declaration":    "Confirm the declaration to go on.",
	"field.too-long":       "Use no more than {max} characters.",
	"field.too-short":      "Use at least {min} characters.",
	"field.bad-characters": "Remove characters that cannot be printed.",
	"field.not-printable":  "Remove the character {char}: documents cannot show it.",
	"field.wrong-format":   "Write this in the format asked for.",
	"field.not-an-option":  "Choose one of the options.",
	"field.not-a-date":     "Enter a real date: year, month and day.",
	"field.not-a-number":   "Enter a whole number.",
	"field.not-a-yes-no":   "Answer yes or no.",
	"field.not-an-email":   "Enter an e-mail address like name@example.org.",
	"field.out-of-range":   "Enter a value from {min} to {max}.",
	"field.too-low":        "Enter {min} or later or more.",
	"field.too-high":       "Enter {max} or earlier or less.",
	"field.unknown":        "This is not asked here.",
	"field.verified":       "This comes from your verified identity and cannot be changed here.",
	"field.not-verified":   "Your verified identity does not hold this.",
	"field.braces":         "Leave out curly brackets.",
	"field.twice":          "This is there twice.",
	"field.too-many":       "Give no more than {max}.",
	"field.too-few":        "Give at least {min}.",
	"field.too-many-lines": "Use no more than {max} lines.",
	kernel.CardNumberSlug:  kernel.CardNumberMessage,
}

func fieldError(path, slug string, args ...string) *kernel.FieldError {
	e := &kernel.FieldError{Path: path, Slug: slug, Message: Messages[slug]}
	for i := 0; i+1 < len(args); i += 2 {
		if e.Args == nil {
			e.Args = map[string]string{}
		}
		e.Args[args[i]] = args[i+1]
		e.Message = strings.ReplaceAll(e.Message, "{"+args[i]+"}", args[i+1])
	}
	return e
}

// inputResult is a form's input after validation.
type inputResult struct {
	answers map[string]any // all answers of the case from now on
	input   map[string]any // what the event keeps
	errors  []kernel.FieldError
}

// accept validates the input of an action against its form. names narrows it to some fields of the form (one
// page); nil means all. A form that a partial action saves is looked at together with the saved answers; any
// other form must be complete in its input.
func (d *Definition) accept(s *Snapshot, form *Form, names []string, raw map[string]any, partial, declare, applicant bool, now time.Time) inputResult {
	r := inputResult{answers: d.canonicalAnswers(s.Answers), input: map[string]any{}}
	var asked []string
	if form != nil {
		asked = form.FieldNames()
		if names == nil {
			names = asked
		}
	}
	r.unknown(raw, names, declare)
	given := map[string]bool{}
	for _, name := range names {
		given[name] = d.take(&r, s, d.compiled.byField[name], raw, partial, applicant, now)
	}
	saved := form != nil && d.compiled.drafts[form.Name]
	hidden := d.hide(s, asked, r.answers, now)
	r.errors = slices.DeleteFunc(r.errors, func(e kernel.FieldError) bool { return hidden[e.Path] })
	if !partial {
		for _, name := range names {
			f := d.compiled.byField[name]
			_, have := r.answers[name]
			if f.Required && !hidden[name] && !f.Verified && (!have || !saved && !given[name]) && !r.wrong(name) {
				r.errors = append(r.errors, *fieldError(name, "field.required"))
			}
		}
	}
	r.keep(names, hidden, given, partial || !saved)
	if declare && !r.declared(raw) {
		r.errors = append(r.errors, *fieldError(Declaration, "field.declaration"))
	}
	slices.SortStableFunc(r.errors, func(a, b kernel.FieldError) int {
		return position(asked, a.Path) - position(asked, b.Path)
	})
	return r
}

func position(names []string, name string) int {
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	return len(names)
}

func (r *inputResult) wrong(name string) bool {
	return slices.ContainsFunc(r.errors, func(e kernel.FieldError) bool { return e.Path == name })
}

// unknown reports input nobody asked for: a typing error of a program, or somebody trying.
func (r *inputResult) unknown(raw map[string]any, names []string, declare bool) {
	for _, k := range slices.Sorted(maps.Keys(raw)) {
		if !slices.Contains(names, k) && !(declare && k == Declaration) {
			r.errors = append(r.errors, *fieldError(k, "field.unknown"))
		}
	}
}

// take reads one field's input into the answers and reports whether an answer was given.
func (d *Definition) take(r *inputResult, s *Snapshot, f *Field, raw map[string]any, partial, applicant bool, now time.Time) bool {
	v, present := raw[f.Name]
	if f.Verified {
		if present {
			r.errors = append(r.errors, *fieldError(f.Name, "field.verified"))
		}
		if applicant {
			d.refresh(r, s, f, partial)
		}
		return true
	}
	if !present {
		return false
	}
	value, err := d.read(f, v, now.In(s.zone()))
	if err != nil {
		r.errors = append(r.errors, *err)
		return false
	}
	if value == nil {
		delete(r.answers, f.Name)
		return false
	}
	r.answers[f.Name] = value
	return true
}

// refresh puts what the issuer verifies today into the answers.
func (d *Definition) refresh(r *inputResult, s *Snapshot, f *Field, partial bool) {
	if v := normalise(claimValue(s.Person, f.Prefill)); v != "" {
		r.answers[f.Name] = v
		return
	}
	delete(r.answers, f.Name)
	if f.Required && !partial {
		r.errors = append(r.errors, *fieldError(f.Name, "field.not-verified"))
	}
}

// keep moves the accepted answers into the event's input: those given now, or the whole form when it is
// handed in as a whole.
func (r *inputResult) keep(names []string, hidden, given map[string]bool, givenOnly bool) {
	for _, name := range names {
		v, ok := r.answers[name]
		if ok && !hidden[name] && (given[name] || !givenOnly) {
			r.input[name] = v
		}
	}
}

func (r *inputResult) declared(raw map[string]any) bool {
	v, err := readBoolean(raw[Declaration])
	if err != nil || v != true {
		return false
	}
	r.input[Declaration] = true
	return true
}

// hide takes back the answers of questions that are not asked, in the form's order: a condition sees only
// what comes before it. It returns the hidden fields.
func (d *Definition) hide(s *Snapshot, fields []string, answers map[string]any, now time.Time) map[string]bool {
	var hidden map[string]bool
	for _, name := range fields {
		p := d.compiled.fields[name]
		if p == nil {
			continue
		}
		sc := scope{d: d, s: s, answers: answers, now: now}
		if !sc.holds(p) {
			if hidden == nil {
				hidden = map[string]bool{}
			}
			hidden[name] = true
			delete(answers, name)
		}
	}
	return hidden
}

// CheckPage validates one page of a form as the applicant goes on to the next: input is that page's fields,
// over the saved answers of s; a question left empty is sent as "". It returns Invalid with Fields, or nil. Nothing is saved: take the partial action.
func (d *Definition) CheckPage(s Snapshot, form, page string, input map[string]any, now time.Time) error {
	f := d.Form(form)
	if f == nil || f.Page(page) == nil {
		return kernel.NotThere("page " + page)
	}
	names := f.Page(page).Fields
	r := d.accept(&s, f, names, input, false, false, true, now)
	if len(r.errors) > 0 {
		return kernel.InvalidFields(r.errors...)
	}
	return nil
}

// Shown returns the names of the page's fields that are asked, given the answers so far.
func (d *Definition) Shown(s Snapshot, p *Page, now time.Time) []string {
	answers := d.canonicalAnswers(s.Answers)
	var all []string
	for i := range d.Forms {
		if names := d.Forms[i].FieldNames(); len(p.Fields) > 0 && slices.Contains(names, p.Fields[0]) {
			all = names
		}
	}
	hidden := d.hide(&s, all, answers, now)
	var out []string
	for _, f := range p.Fields {
		if !hidden[f] {
			out = append(out, f)
		}
	}
	return out
}

// VisibleAnswers returns the part of s.Answers that a reader of that kind may see, in canonical types.
func (d *Definition) VisibleAnswers(s Snapshot, kind kernel.PrincipalKind) map[string]any {
	return d.visible(s, d.canonicalAnswers(s.Answers), kind)
}

// VisibleInput returns the part of s.Events[i].Input that a reader of that kind may see.
func (d *Definition) VisibleInput(s Snapshot, i int, kind kernel.PrincipalKind) map[string]any {
	if i < 0 || i >= len(s.Events) {
		return nil
	}
	in := s.Events[i].Input
	out := d.visible(s, d.canonicalAnswers(in), kind)
	if v, ok := in[Declaration]; ok {
		out[Declaration] = v
	}
	if kind == kernel.Staff || kind == kernel.System {
		return out
	}
	// Of several proposals only the last one became the decision.
	for name := range out {
		if f := d.compiled.byField[name]; f != nil && f.Visible == VisibleDecision && givenLater(s.Events[i+1:], name) {
			delete(out, name)
		}
	}
	return out
}

func givenLater(events []Event, field string) bool {
	return slices.ContainsFunc(events, func(e Event) bool { _, ok := e.Input[field]; return ok })
}

func (d *Definition) visible(s Snapshot, answers map[string]any, kind kernel.PrincipalKind) map[string]any {
	for name := range answers {
		if d.compiled.byField[name].Type == TypeInstant {
			delete(answers, name)
		}
	}
	if kind == kernel.Staff || kind == kernel.System {
		return answers
	}
	reason := d.decidingReason(s)
	for name := range answers {
		switch d.compiled.byField[name].Visible {
		case VisibleStaff:
			delete(answers, name)
		case VisibleDecision:
			if reason == "" || name != reason && !d.together(name, reason) {
				delete(answers, name)
			}
		}
	}
	return answers
}

// together reports that one form asks both fields: the ground beside the reason.
func (d *Definition) together(a, b string) bool {
	return slices.ContainsFunc(d.Forms, func(f Form) bool {
		names := f.FieldNames()
		return slices.Contains(names, a) && slices.Contains(names, b)
	})
}

// decidingReason is the reason field of the decision that closed the case; empty while it is open.
func (d *Definition) decidingReason(s Snapshot) string {
	st := d.State(s.State)
	if st == nil || !st.Final {
		return ""
	}
	for _, e := range slices.Backward(s.Events) { // what happened to a closed case, such as its letter being issued, closed nothing
		if a := d.Action(e.Action); a != nil && e.From != e.To {
			if a.Decision == "" {
				return ""
			}
			return a.Reason
		}
	}
	return ""
}

// canonicalAnswers copies answers in canonical types; what no field explains is left out.
func (d *Definition) canonicalAnswers(answers map[string]any) map[string]any {
	out := make(map[string]any, len(answers)+4)
	for k, v := range answers {
		if f := d.compiled.byField[k]; f != nil {
			if c, ok := canonical(f, v); ok {
				out[k] = c
			}
		}
	}
	return out
}

// canonical turns a stored answer, perhaps fresh from JSON, into the field's Go type.
func canonical(f *Field, v any) (any, bool) {
	switch x := v.(type) {
	case string:
		return x, x != "" && f.Type != TypeInteger && f.Type != TypeBoolean && f.Type != TypeMulti
	case bool:
		return x, f.Type == TypeBoolean
	case int64:
		return x, f.Type == TypeInteger
	case float64, int, json.Number:
		n, err := readInteger(x)
		return n, err == nil && f.Type == TypeInteger
	case []string:
		return x, f.Type == TypeMulti && len(x) > 0
	case []any:
		l, ok := stringList(x)
		return l, ok && f.Type == TypeMulti && len(l) > 0
	}
	return nil, false
}

// read turns raw input into an answer; nil when it is empty.
func (d *Definition) read(f *Field, v any, now time.Time) (any, *kernel.FieldError) {
	if v == nil || v == "" {
		return nil, nil
	}
	switch f.Type {
	case TypeInteger:
		return readRange(f, v)
	case TypeBoolean:
		b, err := readBoolean(v)
		if err != nil {
			return nil, fieldError(f.Name, "field.not-a-yes-no")
		}
		return b, nil
	case TypeMulti:
		return readOptions(f, v)
	}
	s, ok := v.(string)
	if !ok {
		return nil, fieldError(f.Name, wrongType(f.Type))
	}
	s, err := cleanText(f, s, d.compiled.patterns[f.Name])
	if err != nil || s == "" {
		return nil, err
	}
	switch f.Type {
	case TypeChoice:
		if !slices.Contains(f.Options, s) {
			return nil, fieldError(f.Name, "field.not-an-option")
		}
	case TypeDate:
		return readDate(f, s, now)
	case TypeInstant:
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return nil, fieldError(f.Name, "field.wrong-format")
		}
		return t.UTC().Format(time.RFC3339), nil
	case TypeEmail:
		if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
			return nil, fieldError(f.Name, "field.not-an-email")
		}
	case TypeText:
		if p := d.compiled.patterns[f.Name]; p != nil && !p.MatchString(s) {
			return nil, fieldError(f.Name, "field.wrong-format")
		}
	}
	return s, nil
}

func wrongType(fieldType string) string {
	switch fieldType {
	case TypeChoice:
		return "field.not-an-option"
	case TypeDate:
		return "field.not-a-date"
	case TypeEmail:
		return "field.not-an-email"
	}
	return "field.wrong-format"
}

// normalise gives text its one form: NFC, one kind of line end, no blanks around it.
func normalise(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.TrimSpace(norm.NFC.String(s))
}

// cleanText normalises and refuses what cannot be stored, printed or trusted: broken UTF-8, control characters
// (PostgreSQL refuses NUL) and the marks that turn the direction of writing, with which a text can be
// made to read as another (Unicode TR 36 §2.4).
func cleanText(f *Field, s string, pattern *regexp.Regexp) (string, *kernel.FieldError) {
	limit := f.limit()
	if len(s) > 16*limit {
		return "", fieldError(f.Name, "field.too-long", "max", strconv.Itoa(limit))
	}
	if !utf8.ValidString(s) {
		return "", fieldError(f.Name, "field.bad-characters")
	}
	s = normalise(s)
	for _, r := range s {
		if r == '\n' && f.Type == TypeTextarea {
			continue
		}
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return "", fieldError(f.Name, "field.bad-characters")
		}
	}
	// A field with a pattern asks for a number of another kind, which may look like a card's: every tenth microchip of an
	// Irish dog does.
	if (pattern == nil || !pattern.MatchString(s)) && kernel.HasCardNumber(s) {
		return "", fieldError(f.Name, kernel.CardNumberSlug)
	}
	n := utf8.RuneCountInString(s)
	if n > limit {
		return "", fieldError(f.Name, "field.too-long", "max", strconv.Itoa(limit))
	}
	if n > 0 && n < f.MinLength {
		return "", fieldError(f.Name, "field.too-short", "min", strconv.Itoa(f.MinLength))
	}
	return s, nil
}

// limit is the longest answer in characters.
func (f *Field) limit() int {
	switch {
	case f.MaxLength > 0:
		return f.MaxLength
	case f.Type == TypeTextarea:
		return maxTextarea
	case f.Type == TypeEmail:
		return maxEmail
	}
	return maxText
}

func readRange(f *Field, v any) (any, *kernel.FieldError) {
	n, err := readInteger(v)
	if err != nil {
		return nil, fieldError(f.Name, "field.not-a-number")
	}
	low, high := f.Min != nil && n < *f.Min, f.Max != nil && n > *f.Max
	switch {
	case (low || high) && f.Min != nil && f.Max != nil:
		return nil, fieldError(f.Name, "field.out-of-range", "min", strconv.FormatInt(*f.Min, 10), "max", strconv.FormatInt(*f.Max, 10))
	case low:
		return nil, fieldError(f.Name, "field.too-low", "min", strconv.FormatInt(*f.Min, 10))
	case high:
		return nil, fieldError(f.Name, "field.too-high", "max", strconv.FormatInt(*f.Max, 10))
	}
	return n, nil
}

func readInteger(v any) (int64, error) {
	switch x := v.(type) {
	case int64:
		return x, nil
	case int:
		return int64(x), nil
	case float64:
		// Beyond 2^53 a JSON number is no longer the number that was written (RFC 8259 §6).
		if x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return 0, fmt.Errorf("not a whole number")
		}
		return int64(x), nil
	case json.Number:
		return x.Int64()
	case string:
		return strconv.ParseInt(strings.TrimSpace(x), 10, 64)
	}
	return 0, fmt.Errorf("not a number")
}

func readBoolean(v any) (any, error) {
	switch x := v.(type) {
	case bool:
		return x, nil
	case string:
		switch x {
		case "true", "yes", "on":
			return true, nil
		case "false", "no":
			return false, nil
		}
	}
	return nil, fmt.Errorf("not a yes or no")
}

func readDate(f *Field, s string, now time.Time) (any, *kernel.FieldError) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return nil, fieldError(f.Name, "field.not-a-date")
	}
	from, until := dateBound(f.From, now), dateBound(f.Until, now)
	switch {
	case from != "" && s < from && until != "", until != "" && s > until && from != "":
		return nil, fieldError(f.Name, "field.out-of-range", "min", from, "max", until)
	case from != "" && s < from:
		return nil, fieldError(f.Name, "field.too-low", "min", from)
	case until != "" && s > until:
		return nil, fieldError(f.Name, "field.too-high", "max", until)
	}
	return s, nil
}

// dateBound returns a declared bound as YYYY-MM-DD; now is in the municipality's zone.
func dateBound(bound string, now time.Time) string {
	if bound == "today" {
		return now.Format(time.DateOnly)
	}
	return bound
}

func readOptions(f *Field, v any) (any, *kernel.FieldError) {
	var given []string
	switch x := v.(type) {
	case string:
		given = []string{x}
	case []string:
		given = x
	case []any:
		l, ok := stringList(x)
		if !ok {
			return nil, fieldError(f.Name, "field.not-an-option")
		}
		given = l
	default:
		return nil, fieldError(f.Name, "field.not-an-option")
	}
	for _, g := range given {
		if g != "" && !slices.Contains(f.Options, g) {
			return nil, fieldError(f.Name, "field.not-an-option")
		}
	}
	var out []string // in the declared order, each once
	for _, o := range f.Options {
		if slices.Contains(given, o) {
			out = append(out, o)
		}
	}
	if out == nil {
		return nil, nil
	}
	return out, nil
}

func stringList(l []any) ([]string, bool) {
	out := make([]string, 0, len(l))
	for _, v := range l {
		s, ok := v.(string)
		if !ok {
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}
