package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
	"golang.org/x/tools/txtar"

	"townhall/modules/kernel"
)

// scriptSetup is the section "setup": who applies, where and when.
type scriptSetup struct {
	Now    string            `yaml:"now"`  // "2026-11-23 09:00" by the clocks of the zone
	Zone   string            `yaml:"zone"` // IANA; UTC when not set
	Locale string            `yaml:"locale"`
	Level  kernel.Level      `yaml:"level"` // of every sign-in that says nothing else; substantial when not set
	Claims map[string]string `yaml:"claims"`
}

// scriptStep is any other section: somebody does something, and what must come of it.
type scriptStep struct {
	As      string         `yaml:"as"` // citizen, stranger, system, timer, or "<role> <name>"
	Do      string         `yaml:"do"` // an action; for a timer its name
	After   After          `yaml:"after"`
	Level   *kernel.Level  `yaml:"level"`
	AuthAge time.Duration  `yaml:"auth_age"` // how long ago the actor signed in
	Input   map[string]any `yaml:"input"`
	Want    scriptWant     `yaml:"want"`
}

// scriptWant lists expectations; what is not named is not looked at, except that an error must be expected.
type scriptWant struct {
	State     string              `yaml:"state"`
	Error     string              `yaml:"error"`  // slug, or a refused guard's name
	Fields    []string            `yaml:"fields"` // "copies field.out-of-range"
	Notices   *[]string           `yaml:"notices"`
	Documents *[]string           `yaml:"documents"`
	Effects   *[]string           `yaml:"effects"`
	Money     *[]string           `yaml:"money"`  // charge, capture, refund
	Timers    *[]string           `yaml:"timers"` // "reminder 2026-12-07"
	Due       string              `yaml:"due"`    // 2026-12-07
	Assignee  *string             `yaml:"assignee"`
	Decision  string              `yaml:"decision"`
	Answers   map[string]any      `yaml:"answers"` // these, among others; null: has none
	Allowed   *[]string           `yaml:"allowed"` // to the actor, afterwards
	Content   map[string][]string `yaml:"content"` // document → texts it must hold, in its language
}

// ScriptDocument is one document that a script's steps issue.
type ScriptDocument struct {
	Type string
	in   func(locale string) (kernel.DocumentContent, error)
}

// Content is what the document says in one language; "" is the one that the case asks for.
func (d ScriptDocument) Content(locale string) (kernel.DocumentContent, error) { return d.in(locale) }

// player plays one script.
type player struct {
	d      *Definition
	s      Snapshot
	now    time.Time
	level  kernel.Level
	issued []ScriptDocument
}

// RunScript plays one case script (txtar) against a definition and returns an error that names the first section
// which did not go as written, or nil. The format is described in README.md.
func RunScript(d *Definition, archive []byte) error {
	_, err := ScriptDocuments(d, archive)
	return err
}

// ScriptDocuments plays a script like RunScript and returns the documents its steps issue: whoever judges documents gets
// every type that a service declares without knowing the service.
func ScriptDocuments(d *Definition, archive []byte) ([]ScriptDocument, error) {
	p := player{d: d}
	err := p.play(archive)
	return p.issued, err
}

func (p *player) play(archive []byte) error {
	a := txtar.Parse(archive)
	if len(a.Files) == 0 || a.Files[0].Name != "setup" {
		return fmt.Errorf("the first section must be setup")
	}
	if err := p.setup(a.Files[0].Data); err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	for _, f := range a.Files[1:] {
		var step scriptStep
		if err := yaml.Load(f.Data, &step, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := p.step(step); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func (p *player) setup(data []byte) error {
	var s scriptSetup
	if err := yaml.Load(data, &s, yaml.WithKnownFields(), yaml.WithUniqueKeys()); err != nil {
		return err
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		return err
	}
	if p.now, err = time.ParseInLocation("2006-01-02 15:04", s.Now, zone); err != nil {
		return err
	}
	p.level = s.Level
	if p.level == kernel.NoLevel {
		p.level = kernel.Substantial
	}
	p.s = Snapshot{Case: "case", Number: p.d.Prefix + "-2026-0000-0000", Applicant: "citizen", Locale: s.Locale, Zone: zone, CreatedAt: p.now,
		Person: kernel.Person{ID: "citizen", Claims: s.Claims}}
	o, err := p.d.Begin(p.s, Command{Now: p.now, Actor: Actor{Kind: kernel.Citizen, Person: "citizen", Level: kernel.High, AuthTime: p.now}})
	if err != nil {
		return err
	}
	p.s = p.s.After(o)
	return nil
}

func (p *player) step(st scriptStep) error {
	p.now = st.After.add(p.now, p.s.zone())
	c, err := p.command(st)
	if err != nil {
		return err
	}
	o, stepErr := p.d.Step(p.s, c)
	if err := st.Want.refused(stepErr); err != nil {
		return err
	}
	if stepErr == nil {
		p.s = p.s.After(o)
		p.issue(o.Documents)
		if err := p.outcome(st.Want, o); err != nil {
			return err
		}
	}
	return p.after(st.Want, c)
}

func (p *player) command(st scriptStep) (Command, error) {
	c := Command{Action: st.Do, Input: st.Input, Now: p.now, Actor: Actor{Level: p.level, AuthTime: p.now.Add(-st.AuthAge)}}
	if st.Level != nil {
		c.Actor.Level = *st.Level
	}
	if a := p.d.Action(st.Do); a != nil { // a script tells what happens, whichever module does it
		c.Actor.Sector = a.Through == ThroughSector
	}
	role, name, isStaff := strings.Cut(st.As, " ")
	switch {
	case st.As == "citizen" || st.As == "stranger":
		c.Actor.Kind, c.Actor.Person = kernel.Citizen, kernel.PersonID(st.As)
	case st.As == "system":
		c.Actor = Actor{Kind: kernel.System, Sector: c.Actor.Sector}
	case st.As == "timer":
		t, ok := p.d.TimerCommand(p.s, st.Do, p.now)
		if !ok {
			return c, fmt.Errorf("timer %s does not fire at %s", st.Do, p.now.In(p.s.zone()).Format(time.DateTime))
		}
		return t, nil
	case isStaff:
		c.Actor.Kind, c.Actor.Person, c.Actor.Roles = kernel.Staff, kernel.PersonID(name), []string{role}
	default:
		return c, fmt.Errorf("as %q: want citizen, stranger, system, timer or a role and a name", st.As)
	}
	return c, nil
}

// refused compares the error with the one that is wanted.
func (w scriptWant) refused(err error) error {
	if err == nil {
		if w.Error != "" || len(w.Fields) > 0 {
			return fmt.Errorf("went well, want error %s %v", w.Error, w.Fields)
		}
		return nil
	}
	e := kernel.AsError(err)
	var fields []string
	for _, f := range e.Fields {
		fields = append(fields, f.Path+" "+f.Slug)
	}
	if len(w.Fields) > 0 && w.Error == "" {
		w.Error = "invalid-input"
	}
	same := w.Error != "" && (e.Slug == w.Error || e.Args["guard"] == w.Error)
	if !same || !slices.Equal(fields, w.Fields) {
		return fmt.Errorf("error %v, want %s %v", err, w.Error, w.Fields)
	}
	return nil
}

// outcome compares what the step does.
func (p *player) outcome(w scriptWant, o Outcome) error {
	var notices, timers []string
	for _, n := range o.Notices {
		notices = append(notices, n.Name)
	}
	for _, t := range o.Timers {
		timers = append(timers, t.Name+" "+p.date(t.Due))
	}
	for _, l := range []struct {
		what string
		got  []string
		want *[]string
	}{{"notices", notices, w.Notices}, {"documents", o.Documents, w.Documents}, {"effects", o.Effects, w.Effects}, {"money", o.Money, w.Money}, {"timers", timers, w.Timers}} {
		if l.want != nil && !slices.Equal(l.got, *l.want) {
			return fmt.Errorf("%s %v, want %v", l.what, l.got, *l.want)
		}
	}
	if w.Due != "" && p.date(o.DueAt) != w.Due {
		return fmt.Errorf("due %s, want %s", p.date(o.DueAt), w.Due)
	}
	if w.Decision != "" && o.Decision != w.Decision {
		return fmt.Errorf("decision %q, want %q", o.Decision, w.Decision)
	}
	return nil
}

func (p *player) date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(p.s.zone()).Format(time.DateOnly)
}

// after compares what the case is like.
func (p *player) after(w scriptWant, c Command) error {
	if w.State != "" && p.s.State != w.State {
		return fmt.Errorf("state %s, want %s", p.s.State, w.State)
	}
	if w.Assignee != nil && string(p.s.Assignee) != *w.Assignee {
		return fmt.Errorf("assignee %q, want %q", p.s.Assignee, *w.Assignee)
	}
	if allowed := p.d.Allowed(p.s, c.Actor); w.Allowed != nil && !slices.Equal(allowed, *w.Allowed) {
		return fmt.Errorf("allowed %v, want %v", allowed, *w.Allowed)
	}
	for _, name := range slices.Sorted(maps.Keys(w.Answers)) {
		got, have := p.s.Answers[name]
		if want := w.Answers[name]; have != (want != nil) || have && fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("answer %s = %v, want %v", name, got, want)
		}
	}
	return p.contents(w)
}

// scriptIssuer is who issues the documents of scripts.
func scriptIssuer(now time.Time) Issuer {
	return Issuer{Now: now, Municipality: kernel.Text{"en": "Northwick", "ru": "Нортуик", "zh": "诺斯威克"},
		Agency: kernel.Text{"en": "Civil Registry", "ru": "Отдел регистрации граждан", "zh": "民事登记处"}}
}

func (p *player) issue(names []string) {
	s, by := p.s, scriptIssuer(p.now)
	for _, name := range names {
		p.issued = append(p.issued, ScriptDocument{Type: p.d.Document(name).Type,
			in: func(locale string) (kernel.DocumentContent, error) { return p.d.Content(name, locale, s, by) }})
	}
}

func (p *player) contents(w scriptWant) error {
	by := scriptIssuer(p.now)
	for _, name := range slices.Sorted(maps.Keys(w.Content)) {
		doc, err := p.d.Content(name, "", p.s, by)
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%+v", doc)
		for _, want := range w.Content[name] {
			if !strings.Contains(text, want) {
				return fmt.Errorf("document %s does not hold %q: %s", name, want, text)
			}
		}
	}
	return nil
}
