package workflows

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"townhall/modules/kernel"
)

var (
	slugPattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`) // names of states, actions, services …
	namePattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`) // fields: they are variables in CEL
	optionPattern = regexp.MustCompile(`^[a-z0-9]+([-_][a-z0-9]+)*$`)
	prefixPattern = regexp.MustCompile(`^[A-Z]{2,4}$`)
)

// knownClaims are the verified claims an issuer can be asked for.
var knownClaims = []string{"name", "given_name", "family_name", "birthdate", "email", "address",
	"address.street_address", "address.locality", "address.postal_code", "address.country"}

// Check returns every problem of a definition, each with its file and key, and compiles what it declares. No
// problem means that no case of it can get stuck, lack a text or be refused by a program.
func Check(d *Definition) []Problem {
	c := &checker{d: d}
	c.service()
	c.fields()
	c.forms()
	c.states()
	for i := range d.Actions {
		c.action(i, &d.Actions[i])
	}
	c.timers()
	c.documents()
	c.compile()
	c.paths()
	c.used()
	c.texts()
	return c.problems
}

type checker struct {
	d        *Definition
	problems []Problem
}

func (c *checker) fault(file, key, format string, args ...any) {
	c.problems = append(c.problems, Problem{File: c.d.Dir + "/" + file, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) say(key, format string, args ...any) { c.fault("service.yaml", key, format, args...) }

// name checks the form of a name and that it is given once.
func (c *checker) name(file, key, name string, pattern *regexp.Regexp, seen map[string]bool) {
	switch {
	case !pattern.MatchString(name) || len(name) > 60:
		c.fault(file, key, "name %q: want small letters and digits, like %q", name, example(pattern))
	case seen[name]:
		c.fault(file, key, "is declared twice")
	}
	seen[name] = true
}

func example(p *regexp.Regexp) string {
	if p == namePattern {
		return "date_of_birth"
	}
	return "ask-again"
}

func (c *checker) service() {
	d := c.d
	for _, s := range []struct{ key, value string }{{"slug", d.Slug}, {"sector", d.Sector}, {"category", d.Category}, {"agency", d.Agency}} {
		c.name("service.yaml", s.key, s.value, slugPattern, map[string]bool{})
	}
	if dir, _, _ := strings.Cut(d.Dir, "/versions/"); dir != "" && dir != d.Sector+"/"+d.Slug {
		c.say("slug", "the folder is %s, so sector and slug must be the same", dir)
	}
	if !prefixPattern.MatchString(d.Prefix) {
		c.say("prefix", "want two to four capital letters, like RC")
	}
	if d.Fee < 0 {
		c.say("fee", "is below 0")
	}
	if d.Fee > 0 != d.Charges() {
		c.say("fee", "want an action that charges it, and none when there is no fee")
	}
	if d.Start.Level == kernel.NoLevel {
		c.say("start.level", "want low, substantial or high")
	}
	if d.Retention.DraftDays <= 0 || d.Retention.ClosedDays <= 0 {
		c.say("retention", "want draft_days and closed_days, both above 0")
	}
	seen := map[string]bool{}
	for _, r := range d.Roles {
		c.name("service.yaml", "roles."+r, r, slugPattern, seen)
		if r == ByApplicant || r == BySystem {
			c.say("roles."+r, "is not a staff role")
		}
	}
	c.claims()
	for kind, names := range map[string][]string{"notices": d.Notices, "effects": d.Effects} {
		seen := map[string]bool{}
		for _, n := range names {
			c.name("service.yaml", kind+"."+n, n, slugPattern, seen)
		}
	}
}

func (c *checker) claims() {
	seen := map[string]bool{}
	for _, cl := range c.d.Claims {
		key := "claims." + cl.Name
		switch {
		case !slices.Contains(knownClaims, cl.Name):
			c.say(key, "is not a claim an issuer verifies: want one of %s", strings.Join(knownClaims, ", "))
		case seen[cl.Name]:
			c.say(key, "is declared twice")
		}
		seen[cl.Name] = true
		if cl.Days <= 0 {
			c.say(key+".retention_days", "want a number of days above 0")
		}
	}
}

func (c *checker) states() {
	seen := map[string]bool{}
	initial := 0
	for _, s := range c.d.States {
		key := "states." + s.Name
		c.name("service.yaml", key, s.Name, slugPattern, seen)
		if s.Initial {
			initial++
		}
		if s.Initial && s.Final {
			c.say(key, "cannot be initial and final")
		}
		c.waits(key, s)
		c.after(key+".due", s.Due, false)
		if s.Due.Field != "" && s.Due != (After{Field: s.Due.Field}) {
			c.say(key+".due", "a field's moment or a span, not both")
		}
	}
	if initial != 1 {
		c.say("states", "want exactly one initial state, not %d", initial)
	}
}

func (c *checker) waits(key string, s State) {
	switch {
	case s.Final && s.Waits != WaitsNobody:
		c.say(key+".waits", "want nobody: the state is final")
	case !s.Final && s.Waits != WaitsApplicant && s.Waits != WaitsAgency && s.Waits != WaitsNobody:
		c.say(key+".waits", "want applicant, agency or nobody")
	}
	switch {
	case s.Final && s.Outcome != Favourable && s.Outcome != Adverse && s.Outcome != Closed:
		c.say(key+".outcome", "want favourable, adverse or closed")
	case !s.Final && s.Outcome != "":
		c.say(key+".outcome", "only a final state has one")
	case s.Final && !s.Due.IsZero():
		c.say(key+".due", "nothing is due in a final state")
	}
}

func (c *checker) after(key string, a After, required bool) {
	n := 0
	for _, v := range []int{a.Minutes, a.Hours, a.Days, a.WorkingDays} {
		if v < 0 || v > 10_000 {
			c.say(key, "%d is out of range", v)
		}
		if v != 0 {
			n++
		}
	}
	if n > 1 || required && n == 0 {
		c.say(key, "want one of minutes, hours, days or working_days")
	}
	if f := c.d.Field(a.Field); a.Field != "" && (f == nil || f.Type != TypeInstant) {
		c.say(key+".field", "want a field of type instant, not %q", a.Field)
	}
}

func (c *checker) action(i int, a *Action) {
	key := "actions." + a.Name
	seen := map[string]bool{StartAction: true}
	for _, b := range c.d.Actions[:i] {
		seen[b.Name] = true
	}
	c.name("service.yaml", key, a.Name, slugPattern, seen)
	c.from(key, a)
	c.by(key, a)
	c.input(key, a)
	c.decision(key, a)
	c.fourEyes(key, a)
	c.results(key, a)
	c.money(key, a)
	if a.Through != "" && a.Through != ThroughSector {
		c.say(key+".through", "want sector")
	}
	if a.MaxAge < 0 {
		c.say(key+".max_age", "is below 0")
	}
	if a.Assign != "" && a.Assign != "self" && a.Assign != "none" {
		c.say(key+".assign", "want self or none")
	}
	if a.Assign == "self" && (slices.Contains(a.By, ByApplicant) || slices.Contains(a.By, BySystem)) {
		c.say(key+".assign", "only staff can be given a case")
	}
}

func (c *checker) from(key string, a *Action) {
	if len(a.From) == 0 {
		c.say(key+".from", "names no state")
	}
	for _, f := range a.From {
		switch s := c.d.State(f); {
		case s == nil:
			c.say(key+".from", "unknown state %q", f)
		case s.Final:
			c.say(key+".from", "%s is final: nothing leads out of it", f)
		}
	}
	if a.To != "" && c.d.State(a.To) == nil {
		c.say(key+".to", "unknown state %q", a.To)
	}
}

func (c *checker) by(key string, a *Action) {
	if len(a.By) == 0 {
		c.say(key+".by", "names nobody")
	}
	for _, b := range a.By {
		if b != ByApplicant && b != BySystem && !slices.Contains(c.d.Roles, b) {
			c.say(key+".by", "unknown role %q: want applicant, system or one of roles", b)
		}
	}
	if slices.Contains(a.By, BySystem) {
		// What an official does in one case the system may do in many, on an official's word: it decides nothing.
		if slices.Contains(a.By, ByApplicant) || a.ByStaff() && a.Decision != "" {
			c.say(key+".by", "the applicant's action, and a decision, cannot be the system's too")
		}
		// What goes through the sector's module is filled in by it: a program of ours, which knows what happened. What is
		// also an official's has been filled in by one.
		if a.Form != "" && a.Through != ThroughSector && !a.ByStaff() || a.Declare || len(a.FourEyes) > 0 || a.Assign != "" && a.Assign != "none" {
			c.say(key, "the system fills in no form, declares nothing and checks nobody")
		}
	}
}

func (c *checker) input(key string, a *Action) {
	if a.Form != "" && c.d.Form(a.Form) == nil {
		c.say(key+".form", "unknown form %q", a.Form)
	}
	if a.Partial && (a.Form == "" || a.To != "" || a.Declare || a.Decision != "") {
		c.say(key+".partial", "saves a form and leaves the case where it is: no to, declare or decision")
	}
	for _, f := range a.Clear {
		if c.d.Field(f) == nil {
			c.say(key+".clear", "unknown field %q", f)
		}
	}
}

// decision keeps promise 12: a person decides, and says why.
func (c *checker) decision(key string, a *Action) {
	if a.Reason != "" {
		f := c.d.Field(a.Reason)
		switch {
		case a.Decision == "":
			c.say(key+".reason", "only a decision has a reason")
		case f == nil:
			c.say(key+".reason", "unknown field %q", a.Reason)
		case f.Type != TypeText && f.Type != TypeTextarea:
			c.say(key+".reason", "want a text field")
		}
	}
	switch a.Decision {
	case "":
		return
	case Favourable, Adverse:
	default:
		c.say(key+".decision", "want favourable or adverse")
		return
	}
	if slices.Contains(a.By, ByApplicant) {
		c.say(key+".by", "the applicant cannot decide their own case")
	}
	if a.Decision != Adverse {
		return
	}
	if !a.ByStaff() || slices.Contains(a.By, BySystem) {
		c.say(key+".by", "an adverse decision is taken by staff")
	}
	if a.Reason == "" || !c.reasonGiven(a) {
		c.say(key+".reason", "an adverse decision needs a reason: a required field of its form, or of the form of every action in four_eyes")
	}
	if slices.Contains(a.Clear, a.Reason) {
		c.say(key+".clear", "takes back the reason of its own decision")
	}
}

// reasonGiven reports that nobody gets to the decision without having filled in its reason.
func (c *checker) reasonGiven(a *Action) bool {
	if c.requires(a, a.Reason) {
		return true
	}
	for _, name := range a.FourEyes {
		b := c.d.Action(name)
		if b == nil || !b.ByStaff() || !c.requires(b, a.Reason) {
			return false
		}
	}
	return len(a.FourEyes) > 0
}

func (c *checker) requires(a *Action, field string) bool {
	form, f := c.d.Form(a.Form), c.d.Field(field)
	return form != nil && f != nil && !a.Partial && f.Required && f.ShowIf == "" && slices.Contains(form.FieldNames(), field)
}

// fourEyes checks that the step to be checked is there, and cannot be gone round.
func (c *checker) fourEyes(key string, a *Action) {
	for _, name := range a.FourEyes {
		b := c.d.Action(name)
		switch {
		case b == nil:
			c.say(key+".four_eyes", "unknown action %q", name)
		case name == a.Name:
			c.say(key+".four_eyes", "refers to itself")
		case !b.ByStaff():
			c.say(key+".four_eyes", "%s is not taken by staff: there is nobody to check", name)
		}
	}
	if len(a.FourEyes) == 0 {
		return
	}
	if !a.ByStaff() || slices.Contains(a.By, ByApplicant) {
		c.say(key+".four_eyes", "the second person must be staff")
	}
	for i := range c.d.Actions {
		b := &c.d.Actions[i]
		if b.To != "" && slices.Contains(a.From, b.To) && !slices.Contains(b.From, b.To) && !slices.Contains(a.FourEyes, b.Name) {
			c.say(key+".four_eyes", "%s leads to %s without any of these actions", b.Name, b.To)
		}
	}
}

// results checks what an action does besides moving the case.
func (c *checker) results(key string, a *Action) {
	if a.Preview != "" && c.d.Document(a.Preview) == nil {
		c.say(key+".preview", "unknown document %q", a.Preview)
	}
	for _, n := range a.Documents {
		if c.d.Document(n) == nil {
			c.say(key+".documents", "unknown document %q", n)
		}
	}
	for _, n := range a.Revoke {
		if c.d.Document(n) == nil {
			c.say(key+".revoke", "unknown document %q", n)
		}
	}
	for _, n := range a.Notices {
		if !slices.Contains(c.d.Notices, n) {
			c.say(key+".notices", "unknown notice %q", n)
		}
	}
	for _, n := range a.Effects {
		if !slices.Contains(c.d.Effects, n) {
			c.say(key+".effects", "unknown effect %q", n)
		}
	}
}

// money checks that whoever is asked to pay can go on once they have, and that nothing is taken without a way to ask for it.
func (c *checker) money(key string, a *Action) {
	for _, m := range []struct{ key, value, want string }{{"charge", a.Charge, TheFee}, {"when", a.When, WhenPaid}, {"refund", a.Refund, TheFee}} {
		switch {
		case m.value == "":
		case m.value != m.want:
			c.say(key+"."+m.key, "want %s", m.want)
		case !c.d.Charges():
			c.say(key+"."+m.key, "no action charges a fee")
		}
	}
	if a.Charge != "" {
		if !slices.Equal(a.By, []string{ByApplicant}) {
			c.say(key+".charge", "the applicant pays, so it is the applicant's action")
		}
		if a.To == "" || c.d.PaidAction(a.To) == "" {
			c.say(key+".charge", "want a state to wait in for the money, with an action when: paid")
		}
	}
	if a.When != "" && (!slices.Equal(a.By, []string{BySystem}) || a.To == "" || a.Charge != "" || a.Refund != "") {
		c.say(key+".when", "the system takes it, and it leads on with the money")
	}
}

func (c *checker) timers() {
	seen := map[string]bool{}
	for _, t := range c.d.Timers {
		key := "timers." + t.Name
		c.name("service.yaml", key, t.Name, slugPattern, seen)
		if (t.After.IsZero()) == (t.Before.IsZero()) {
			c.say(key, "want after, or before with a field")
		}
		if !t.Before.IsZero() {
			c.after(key+".before", t.Before, true)
			if t.Before.Field == "" || t.Before.WorkingDays != 0 {
				c.say(key+".before", "want minutes, hours or days, and the field they come before")
			}
		} else {
			c.after(key+".after", t.After, true)
			if t.After.Field != "" {
				c.say(key+".after", "is counted from the entry into the state: no field")
			}
		}
		s, a := c.d.State(t.State), c.d.Action(t.Action)
		if s == nil {
			c.say(key+".state", "unknown state %q", t.State)
		} else if s.Final {
			c.say(key+".state", "%s is final: no timer runs there", t.State)
		}
		switch {
		case a == nil:
			c.say(key+".action", "unknown action %q", t.Action)
		case !slices.Contains(a.By, BySystem):
			c.say(key+".action", "%s is not the system's to take", t.Action)
		case a.Decision == Adverse:
			c.say(key+".action", "a program takes no adverse decision")
		case !slices.Contains(a.From, t.State):
			c.say(key+".action", "%s is not possible in %s", t.Action, t.State)
		}
	}
}

// compile checks conditions and patterns by compiling them; the result is what Step uses.
func (c *checker) compile() {
	d := c.d
	out := &compiled{guards: map[string][]cel.Program{}, fields: map[string]cel.Program{}, blocks: map[string]cel.Program{},
		patterns: map[string]*regexp.Regexp{}, drafts: map[string]bool{}, byField: map[string]*Field{}, earlier: map[string][]string{}}
	out.printed = printedFields(d)
	d.compiled = out
	env, err := newEnv(d)
	if err != nil {
		c.say("claims", "conditions cannot be set up: %v", err)
		return
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		out.byField[f.Name] = f
		if f.Pattern != "" {
			p, err := regexp.Compile(`^(?:` + f.Pattern + `)$`)
			if err != nil {
				c.fault("form.yaml", "fields."+f.Name+".pattern", "is not a regular expression: %v", err)
			}
			out.patterns[f.Name] = p
		}
		if f.ShowIf != "" {
			p, vars, err := condition(env, f.ShowIf)
			if err != nil {
				c.fault("form.yaml", "fields."+f.Name+".show_if", "%v", err)
			}
			out.fields[f.Name] = p
			out.earlier[f.Name] = vars
		}
	}
	for _, a := range d.Actions {
		out.drafts[a.Form] = out.drafts[a.Form] || a.Partial
		for i, g := range a.Guards {
			p, _, err := condition(env, g.If)
			if err != nil {
				c.say(fmt.Sprintf("actions.%s.guards.%d.if", a.Name, i), "%v", err)
			}
			if !slugPattern.MatchString(g.Error) {
				c.say(fmt.Sprintf("actions.%s.guards.%d.error", a.Name, i), "want a name like too-young")
			}
			out.guards[a.Name] = append(out.guards[a.Name], p)
		}
	}
	for _, doc := range d.Documents {
		for _, b := range doc.Blocks {
			if b.ShowIf == "" {
				continue
			}
			p, _, err := condition(env, b.ShowIf)
			if err != nil {
				c.fault("document.yaml", "documents."+doc.Name+"."+b.Name+".show_if", "%v", err)
			}
			out.blocks[doc.Name+"/"+b.Name] = p
		}
	}
	c.order()
}

// order checks that a condition of a question looks only at questions before it.
func (c *checker) order() {
	for name, vars := range c.d.compiled.earlier {
		for i := range c.d.Forms {
			names := c.d.Forms[i].FieldNames()
			at := slices.Index(names, name)
			if at < 0 {
				continue
			}
			for _, v := range vars {
				if f, ok := strings.CutPrefix(v, "form."); ok && !slices.Contains(names[:at], f) {
					c.fault("form.yaml", "fields."+name+".show_if", "%s is not asked before it in form %s", f, c.d.Forms[i].Name)
				}
			}
		}
	}
}

func validDateBound(s string) bool {
	if s == "" || s == "today" {
		return true
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}
