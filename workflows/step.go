package workflows

import (
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
)

// StartAction is the name of a case's first event.
const StartAction = "start"

// The errors of a step besides Invalid, StepUp and NotFound.
var (
	ErrNotPossible = kernel.NewError(kernel.Conflict, "action-not-possible", "This is not possible at this point.")
	ErrNotYours    = kernel.NewError(kernel.Forbidden, "action-not-yours", "Somebody else has to do this.")
	ErrOwnCase     = kernel.NewError(kernel.Forbidden, "own-case", "You cannot work on a case of your own.")
	ErrFourEyes    = kernel.NewError(kernel.Forbidden, "four-eyes", "A second person has to do this: you took the step that is to be checked.")
	ErrGuard       = kernel.NewError(kernel.Conflict, "guard-refused", "A condition for this is not met.")
	errLevel       = kernel.NewError(kernel.StepUp, "step-up-required", "This needs a stronger proof of who you are.")
)

// Begin opens a draft: the first outcome of a case (version 1, event "start"). s needs Case, Number, Applicant, Person,
// Locale, Zone and CreatedAt; c needs Actor and Now. Staff with a role of the service may open one through the sector's
// module, for a person who is there. Errors: StepUp when the sign-in is weaker than Start, Forbidden when the actor is
// neither.
func (d *Definition) Begin(s Snapshot, c Command) (Outcome, error) {
	role := ByApplicant
	switch {
	case c.Actor.Person == "":
		return Outcome{}, ErrNotYours
	case c.Actor.Kind == kernel.Staff && c.Actor.Sector:
		if role = d.roleAmong(c.Actor.Roles); role == "" {
			return Outcome{}, ErrNotYours
		}
	case c.Actor.Kind != kernel.Citizen || c.Actor.Person != s.Applicant:
		return Outcome{}, ErrNotYours
	default:
		if err := d.Start.met(c); err != nil {
			return Outcome{}, err
		}
	}
	s.State, s.Version, s.Events = "", 0, nil
	o := Outcome{To: d.Initial(), Version: 1, Answers: map[string]any{}}
	if f := d.ApplicationForm(); f != nil {
		d.prefill(&s, f, o.Answers, c.Now)
	}
	o.Event = Event{Seq: 1, At: c.Now, Action: StartAction, To: o.To, Kind: c.Actor.Kind, Role: role, Actor: c.Actor.Person}
	after := s.After(o)
	o.DueAt, o.Timers = d.Due(after), d.running(after)
	return o, nil
}

// roleAmong returns the first of the service's staff roles that somebody holds; empty when none.
func (d *Definition) roleAmong(held []string) string {
	for _, r := range d.Roles {
		if slices.Contains(held, r) {
			return r
		}
	}
	return ""
}

// prefill writes defaults and claims into the answers of a new case.
func (d *Definition) prefill(s *Snapshot, form *Form, answers map[string]any, now time.Time) {
	for _, name := range form.FieldNames() {
		f := d.compiled.byField[name]
		raw := f.Default
		switch {
		case f.Prefill == "locale":
			raw = s.Locale
		case f.Prefill != "":
			raw = claimValue(s.Person, f.Prefill)
		}
		// A claim that would not pass as an answer (too long, not an option) is left for the person to type.
		if v, err := d.read(f, raw, now.In(s.zone())); err == nil && v != nil {
			answers[name] = v
		}
	}
}

// Step computes one action. It is pure: the same arguments give the same outcome. Errors are *kernel.Error:
// Conflict "action-not-possible" (not in this state) and "guard-refused" (Args: guard, reason in the actor's
// language); Forbidden "action-not-yours", "own-case" and "four-eyes" (the actor took the step to be checked);
// NotFound when a citizen acts on somebody else's case; StepUp; Invalid with Fields.
func (d *Definition) Step(s Snapshot, c Command) (Outcome, error) {
	a := d.Action(c.Action)
	if a == nil {
		return Outcome{}, ErrNotPossible
	}
	if c.Actor.Kind == kernel.Citizen && c.Actor.Person != s.Applicant {
		return Outcome{}, kernel.NotThere("case " + string(s.Case))
	}
	role, err := d.may(&s, a, c.Actor)
	if err != nil {
		return Outcome{}, err
	}
	if err := d.requirement(a, role).met(c); err != nil {
		return Outcome{}, err
	}
	in := d.accept(&s, d.Form(a.Form), nil, c.Input, a.Partial, a.Declare, role == ByApplicant, c.Now)
	if len(in.errors) > 0 {
		return Outcome{}, kernel.InvalidFields(in.errors...)
	}
	if err := d.guarded(&s, a, in.answers, c); err != nil {
		return Outcome{}, err
	}
	if err := decided(a, role, in.answers); err != nil {
		return Outcome{}, err
	}
	return d.outcome(s, a, role, in, c), nil
}

// may decides whether the actor may take the action in this state, and in which role.
func (d *Definition) may(s *Snapshot, a *Action, actor Actor) (role string, err error) {
	role = a.role(s, actor)
	switch {
	case role == "":
		return "", ErrNotYours
	case actor.Kind == kernel.Staff && actor.Person == s.Applicant:
		return "", ErrOwnCase
	case !slices.Contains(a.From, s.State), a.Through == ThroughSector && !actor.Sector:
		return "", ErrNotPossible
	case a.Assign == "self" && a.To == "" && s.Assignee == actor.Person,
		a.Assign == "none" && a.To == "" && s.Assignee != actor.Person:
		return "", ErrNotPossible
	}
	if len(a.FourEyes) > 0 {
		first := lastOf(s.Events, a.FourEyes)
		if first == nil {
			return "", ErrNotPossible
		}
		if first.Actor == actor.Person {
			return "", ErrFourEyes
		}
	}
	return role, nil
}

// role returns the role in which the actor may take the action; empty when in none.
func (a *Action) role(s *Snapshot, actor Actor) string {
	for _, by := range a.By {
		switch by {
		case ByApplicant:
			if actor.Kind == kernel.Citizen && actor.Person != "" && actor.Person == s.Applicant {
				return by
			}
		case BySystem:
			if actor.Kind == kernel.System {
				return by
			}
		default:
			if actor.Kind == kernel.Staff && actor.Person != "" && slices.Contains(actor.Roles, by) {
				return by
			}
		}
	}
	return ""
}

// lastOf returns the newest event of one of the actions. Of several proposals only the last one is what a second
// person checks, so that two officials can send a case back and forth.
func lastOf(events []Event, actions []string) *Event {
	for i := len(events) - 1; i >= 0; i-- {
		if slices.Contains(actions, events[i].Action) {
			return &events[i]
		}
	}
	return nil
}

// requirement is the action's own; the applicant's is never below the start's. Programs have no sign-in.
func (d *Definition) requirement(a *Action, role string) Requirement {
	r := a.Requirement
	switch role {
	case BySystem:
		return Requirement{}
	case ByApplicant:
		r.Level = max(r.Level, d.Start.Level)
	}
	return r
}

func (r Requirement) met(c Command) error {
	fresh := r.MaxAge == 0 || !c.Actor.AuthTime.IsZero() && c.Now.Sub(c.Actor.AuthTime) <= r.MaxAge
	if c.Actor.Level >= r.Level && fresh {
		return nil
	}
	e := *errLevel
	e.Level, e.MaxAge = r.Level, r.MaxAge
	return &e
}

func (d *Definition) guarded(s *Snapshot, a *Action, answers map[string]any, c Command) error {
	for i, p := range d.compiled.guards[a.Name] {
		sc := scope{d: d, s: s, answers: answers, now: c.Now}
		if sc.holds(p) {
			continue
		}
		locale := c.Locale
		if locale == "" {
			locale = s.Locale
		}
		name := a.Guards[i].Error
		e := ErrGuard.With("guard", name).With("reason", d.Text(locale, "error."+name))
		e.Message = d.Text(kernel.Locales[0], "error."+name)
		return e
	}
	return nil
}

// decided keeps promise 12 once more at run time: an adverse decision has a person of the agency and a reason.
func decided(a *Action, role string, answers map[string]any) error {
	if a.Decision == "" {
		return nil
	}
	if role == ByApplicant || a.Decision == Adverse && role == BySystem {
		return ErrNotYours
	}
	if reason, _ := answers[a.Reason].(string); a.Decision == Adverse && reason == "" {
		return kernel.InvalidFields(*fieldError(a.Reason, "field.required"))
	}
	return nil
}

func (d *Definition) outcome(s Snapshot, a *Action, role string, in inputResult, c Command) Outcome {
	o := Outcome{
		From: s.State, To: s.State, Version: s.Version + 1, Answers: in.answers,
		Assignee: s.Assignee, Submitted: s.Submitted, Decision: a.Decision,
		Documents: slices.Clone(a.Documents), Revoke: slices.Clone(a.Revoke), Effects: slices.Clone(a.Effects),
		Money: a.money(),
	}
	if a.To != "" {
		o.To = a.To
	}
	to := d.State(o.To)
	o.Final = to.Final
	for _, f := range a.Clear {
		delete(o.Answers, f)
	}
	switch a.Assign {
	case "self":
		o.Assignee = c.Actor.Person
	case "none":
		o.Assignee = ""
	}
	if s.Submitted.IsZero() && s.State == d.Initial() && o.To != s.State && !o.Final {
		o.Submitted = c.Now
	}
	o.Event = Event{Seq: o.Version, At: c.Now, Action: a.Name, From: o.From, To: o.To, Kind: c.Actor.Kind, Role: role, Actor: c.Actor.Person, Input: in.input}
	after := s.After(o)
	o.DueAt, o.Timers = d.Due(after), d.running(after)
	for _, n := range a.Notices {
		o.Notices = append(o.Notices, d.notice(n, after, o.DueAt, d.Due(s)))
	}
	return o
}

// money lists what the action does with the fee.
func (a *Action) money() (out []string) {
	if a.Charge != "" {
		out = append(out, MoneyCharge)
	}
	if a.When == WhenPaid {
		out = append(out, MoneyCapture)
	}
	if a.Refund != "" {
		out = append(out, MoneyRefund)
	}
	return out
}

// notice fills in what a notice may say: the reference, a date, and what that was before the step. Nothing personal: it
// leaves the house.
func (d *Definition) notice(name string, s Snapshot, due, was time.Time) Notice {
	n := Notice{Name: name, Title: kernel.Text{}, Body: kernel.Text{}}
	for _, l := range kernel.Locales {
		values := map[string]string{"number": s.Number, "service": d.Text(l, "title"), "due": "", "was": ""}
		for name, at := range map[string]time.Time{"due": due, "was": was} {
			if at.IsZero() {
				continue
			}
			values[name] = longDate(l, at.In(s.zone()))
			if st := d.State(s.State); st != nil && st.Due.Field != "" {
				values[name] += ", " + at.In(s.zone()).Format("15:04")
			}
		}
		n.Title[l] = fill(d.Text(l, "notice."+name+".title"), values)
		n.Body[l] = fill(d.Text(l, "notice."+name+".body"), values)
	}
	return n
}

// Allowed returns the actions a may take in s, in declared order. Level and guards do not narrow it: the step
// then says what is missing. What only the sector's module takes is among them when a acts through it.
func (d *Definition) Allowed(s Snapshot, a Actor) []string {
	var out []string
	for i := range d.Actions {
		if _, err := d.may(&s, &d.Actions[i], a); err == nil {
			out = append(out, d.Actions[i].Name)
		}
	}
	return out
}

// Version names the definition's version in a few characters, for people.
func (d *Definition) Version() string { return shortHash(d.Hash) }

func shortHash(h string) string { return h[:min(12, len(h))] }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
