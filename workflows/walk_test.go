package workflows

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"townhall/modules/kernel"
)

// answersFor draws an input that may or may not be right.
func answersFor(t *rapid.T, d *Definition, a *Action) map[string]any {
	in := map[string]any{}
	if a.Declare && rapid.IntRange(0, 9).Draw(t, "declares") > 0 {
		in[Declaration] = true
	}
	form := d.Form(a.Form)
	if form == nil {
		return in
	}
	for _, name := range form.FieldNames() {
		f := d.Field(name)
		if f.Verified || rapid.IntRange(0, 9).Draw(t, "leaves out") == 0 {
			continue
		}
		switch f.Type {
		case TypeChoice:
			in[name] = rapid.SampledFrom(f.Options).Draw(t, name)
		case TypeBoolean:
			in[name] = rapid.Bool().Draw(t, name)
		case TypeEmail:
			in[name] = "anna@example.org"
		case TypeInteger:
			in[name] = rapid.IntRange(0, 5).Draw(t, name)
		case TypeDate:
			in[name] = "2024-03-01"
		case TypeInstant:
			in[name] = "2026-12-01T09:40:00Z"
		default:
			in[name] = "826000000000017"
			if f.MinLength > 15 {
				in[name] = "a reason which is long enough to be one"
			}
		}
		if f.ShowIf != "" && in["purpose"] != "other" {
			delete(in, name)
		}
	}
	return in
}

// definitions are those of the library and those that the templates' examples make.
func definitions(t testing.TB) []*Definition {
	t.Helper()
	all := library(t).All()
	for _, one := range templates(t) {
		d, err := one.Example()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// Random people do random things: whatever happens, the promises hold.
func TestRandomWalksKeepThePromises(t *testing.T) {
	t.Parallel()
	for _, d := range definitions(t) {
		ends := map[string]int{}
		rapid.Check(t, func(t *rapid.T) { walk(t, d, ends) })
		for _, s := range d.States {
			if s.Final && ends[s.Name] == 0 {
				t.Logf("%s: no walk ended in %s", d.Slug, s.Name)
			}
		}
	}
}

// official holds every role of the service's staff.
func official(d *Definition, name string, now time.Time) Actor {
	return Actor{Kind: kernel.Staff, Person: kernel.PersonID(name), Roles: d.Roles, Level: kernel.Substantial, AuthTime: now}
}

func walk(t *rapid.T, d *Definition, ends map[string]int) {
	now := monday
	s := blank()
	o, err := d.Begin(s, Command{Actor: citizen(now), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	s = s.After(o)
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		now = now.Add(time.Duration(rapid.IntRange(0, 20*24).Draw(t, "hours")) * time.Hour)
		actor := rapid.SampledFrom([]Actor{citizen(now), official(d, "oliver", now), official(d, "priya", now), official(d, "anna", now),
			{Kind: kernel.System}, {Kind: kernel.Citizen, Person: "eve", Level: kernel.High, AuthTime: now}, {}}).Draw(t, "actor")
		a := &d.Actions[rapid.IntRange(0, len(d.Actions)-1).Draw(t, "action")]
		if allowed := d.Allowed(s, actor); len(allowed) > 0 && rapid.Bool().Draw(t, "sensible") {
			a = d.Action(rapid.SampledFrom(allowed).Draw(t, "allowed"))
		}
		o, err := d.Step(s, Command{Action: a.Name, Actor: actor, Input: answersFor(t, d, a), Now: now})
		if err != nil {
			if kernel.KindOf(err) == kernel.Internal {
				t.Fatalf("%s: a fault of ours: %v", a.Name, err)
			}
			continue
		}
		keeps(t, d, s, o, a)
		s = s.After(o)
	}
	ends[s.State]++
}

// keeps checks one step against the promises, from the outside.
func keeps(t *rapid.T, d *Definition, s Snapshot, o Outcome, a *Action) {
	to := d.State(o.To)
	switch {
	case to == nil:
		t.Fatalf("%s led to %q, which is not declared", a.Name, o.To)
	case d.State(s.State).Final:
		t.Fatalf("%s led out of the final state %s", a.Name, s.State)
	case o.Version != s.Version+1 || o.Event.Seq != o.Version:
		t.Fatalf("version %d after %d", o.Version, s.Version)
	case o.Event.Actor == "eve" || o.Event.Kind == "" || o.Event.Kind == kernel.Anonymous:
		t.Fatalf("%s by a stranger", a.Name)
	case o.Event.Kind == kernel.Staff && o.Event.Actor == s.Applicant:
		t.Fatalf("%s in the official's own case", a.Name)
	case to.Final && (len(o.Timers) > 0 || !o.DueAt.IsZero()):
		t.Fatalf("something runs on in %s", o.To)
	}
	if to.Outcome == Adverse {
		reason, _ := o.Answers[a.Reason].(string)
		if o.Event.Kind != kernel.Staff || reason == "" || o.Decision != Adverse {
			t.Fatalf("promise 12: %s without a person or a reason", a.Name)
		}
	}
	if len(a.FourEyes) > 0 {
		if first := lastOf(s.Events, a.FourEyes); first == nil || first.Actor == o.Event.Actor {
			t.Fatalf("four eyes: %s by %s alone", a.Name, o.Event.Actor)
		}
	}
}

// Promise 12 again, without chance: every path through every definition up to its final states, each step taken by
// whoever the definition lets, decided adversely only by staff and with a reason given on that path.
func TestOnEveryPathAPersonDecidesAndSaysWhy(t *testing.T) {
	t.Parallel()
	for _, d := range definitions(t) {
		ended := 0
		var follow func(state string, path []*Action)
		follow = func(state string, path []*Action) {
			if st := d.State(state); st.Final {
				ended++
				if st.Outcome == Adverse {
					decidedByPeople(t, d, path)
				}
				return
			}
			for i := range d.Actions {
				a := &d.Actions[i]
				if a.To == "" || !contains(a.From, state) || taken(path, a) > 1 {
					continue
				}
				follow(a.To, append(path[:len(path):len(path)], a))
			}
		}
		follow(d.Initial(), nil)
		if ended == 0 {
			t.Errorf("%s: no path was looked at", d.Slug)
		}
	}
}

func decidedByPeople(t *testing.T, d *Definition, path []*Action) {
	t.Helper()
	last := path[len(path)-1]
	if last.Decision != Adverse || !last.ByStaff() || contains(last.By, BySystem) || contains(last.By, ByApplicant) {
		t.Errorf("%s: %s is no person's decision", d.Slug, last.Name)
	}
	given := false
	for _, a := range path {
		if f := d.Form(a.Form); f != nil && contains(f.FieldNames(), last.Reason) && d.Field(last.Reason).Required {
			given = true
		}
		if contains(a.Clear, last.Reason) {
			given = false
		}
	}
	if !given {
		t.Errorf("%s: a path to %s without a reason", d.Slug, last.Name)
	}
}

func taken(path []*Action, a *Action) (n int) {
	for _, p := range path {
		if p == a {
			n++
		}
	}
	return n
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
