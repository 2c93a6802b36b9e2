package workflows

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"townhall/modules/kernel"
)

// Conditions are written in CEL (github.com/google/cel-spec). Each variable is declared with its type, so that a
// condition which names something unknown, or compares a number with a text, is found when the definition is
// checked and never when a citizen stands in front of it.

// compiled holds what is computed once per definition.
type compiled struct {
	guards   map[string][]cel.Program  // action → its guards
	fields   map[string]cel.Program    // field → show_if
	blocks   map[string]cel.Program    // document/block → show_if
	patterns map[string]*regexp.Regexp // field → pattern, anchored
	drafts   map[string]bool           // forms some partial action saves
	byField  map[string]*Field
	printed  map[string]bool     // fields that a document quotes
	earlier  map[string][]string // field → form.* variables of its show_if
}

// costLimit bounds one evaluation; a condition over a handful of answers costs below 100.
const costLimit = 10_000

// caseVariables are what a condition may know of the case.
var caseVariables = []struct {
	name string
	kind *cel.Type
}{
	{"case.state", cel.StringType},
	{"case.language", cel.StringType},
	{"case.assigned", cel.BoolType},
	{"case.days_open", cel.IntType},
}

// newEnv declares form.<field>, person.<claim>, case.*, now, today, years() and days().
func newEnv(d *Definition) (*cel.Env, error) {
	opts := []cel.EnvOption{
		cel.Variable("now", cel.TimestampType),
		cel.Variable("today", cel.StringType),
		dateFunction("years", yearsBetween),
		dateFunction("days", daysBetween),
	}
	for _, v := range caseVariables {
		opts = append(opts, cel.Variable(v.name, v.kind))
	}
	for _, c := range d.Claims {
		opts = append(opts, cel.Variable("person."+c.Name, cel.StringType))
	}
	seen := map[string]bool{}
	for _, f := range d.Fields {
		if seen[f.Name] || !namePattern.MatchString(f.Name) {
			continue
		}
		seen[f.Name] = true
		opts = append(opts, cel.Variable("form."+f.Name, celType(f.Type)))
	}
	return cel.NewEnv(opts...)
}

func celType(fieldType string) *cel.Type {
	switch fieldType {
	case TypeInteger:
		return cel.IntType
	case TypeBoolean:
		return cel.BoolType
	case TypeMulti:
		return cel.ListType(cel.StringType)
	}
	return cel.StringType
}

// dateFunction declares name(from, to) over two dates YYYY-MM-DD; a date that is missing gives 0.
func dateFunction(name string, fn func(from, to time.Time) int) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_dates", []*cel.Type{cel.StringType, cel.StringType}, cel.IntType,
		cel.BinaryBinding(func(a, b ref.Val) ref.Val {
			from, err := time.Parse(time.DateOnly, fmt.Sprint(a.Value()))
			to, err2 := time.Parse(time.DateOnly, fmt.Sprint(b.Value()))
			if err != nil || err2 != nil {
				return types.Int(0)
			}
			return types.Int(fn(from, to))
		})))
}

// yearsBetween counts full years: somebody born on 29 February comes of age on 1 March.
func yearsBetween(from, to time.Time) int {
	n := to.Year() - from.Year()
	if to.Month() < from.Month() || to.Month() == from.Month() && to.Day() < from.Day() {
		n--
	}
	return n
}

func daysBetween(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }

// condition compiles one CEL expression; variables are the names it uses.
func condition(env *cel.Env, expr string) (p cel.Program, variables []string, err error) {
	ast, iss := env.Compile(expr)
	if iss.Err() != nil {
		return nil, nil, fmt.Errorf("%s", firstLine(iss.Err().Error()))
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return nil, nil, fmt.Errorf("is a %s, not a condition", ast.OutputType())
	}
	for _, r := range ast.NativeRep().ReferenceMap() {
		if r.Name != "" {
			variables = append(variables, r.Name)
		}
	}
	p, err = env.Program(ast, cel.CostLimit(costLimit))
	return p, variables, err
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// scope resolves the variables of a condition when they are asked for.
type scope struct {
	d       *Definition
	s       *Snapshot
	answers map[string]any
	now     time.Time
}

func (c *scope) Parent() cel.Activation { return nil }

func (c *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "now":
		return c.now, true
	case "today":
		return c.now.In(c.s.zone()).Format(time.DateOnly), true
	case "case.state":
		return c.s.State, true
	case "case.language":
		return c.s.Locale, true
	case "case.assigned":
		return c.s.Assignee != "", true
	case "case.days_open":
		return int64(daysOpen(c.s, c.now)), true
	}
	if f, ok := strings.CutPrefix(name, "form."); ok {
		return c.answer(f)
	}
	if claim, ok := strings.CutPrefix(name, "person."); ok && c.d.Claim(claim) != nil {
		return claimValue(c.s.Person, claim), true
	}
	return nil, false
}

// answer is the field's value, or the empty one of its type: a condition never fails for want of an answer.
func (c *scope) answer(name string) (any, bool) {
	f := c.d.compiled.byField[name]
	if f == nil {
		return nil, false
	}
	if v, ok := canonical(f, c.answers[name]); ok {
		return v, true
	}
	switch f.Type {
	case TypeInteger:
		return int64(0), true
	case TypeBoolean:
		return false, true
	case TypeMulti:
		return []string{}, true
	}
	return "", true
}

// holds evaluates a condition. One that fails to evaluate (division by zero, cost limit) does not hold.
func (c *scope) holds(p cel.Program) bool {
	v, _, err := p.Eval(c)
	return err == nil && v == types.True
}

func daysOpen(s *Snapshot, now time.Time) int {
	if s.Submitted.IsZero() {
		return 0
	}
	return daysBetween(dateIn(s.Submitted, s.zone()), dateIn(now, s.zone()))
}

// dateIn returns the calendar date of t in the zone, as midnight UTC.
func dateIn(t time.Time, zone *time.Location) time.Time {
	y, m, day := t.In(zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
}

// claimValue returns a verified claim; "address" is its parts on one line.
func claimValue(p kernel.Person, claim string) string {
	if claim != "address" {
		return p.Claims[claim]
	}
	code, town, country := p.Claims["address.postal_code"], p.Claims["address.locality"], p.Claims["address.country"]
	lines := []string{p.Claims["address.street_address"], strings.TrimSpace(code + " " + town), country}
	if country == "GB" || country == "IE" { // there the postcode comes last
		lines = []string{p.Claims["address.street_address"], town, code, country}
	}
	var parts []string
	for _, s := range lines {
		if s = strings.TrimSpace(strings.ReplaceAll(s, "\n", ", ")); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ", ")
}
