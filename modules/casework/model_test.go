package casework

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/workflows"
)

// A case in the database goes exactly the way of the pure definition: any sequence of steps by anybody, allowed or
// not, on the newest version or an older one, leaves the same state, version, history and answers.
func TestTheStoredCaseEqualsThePureModel(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	def, _ := h.Library.Get(service)
	inputs := map[string]map[string]any{
		"save": {"purpose": "school"}, "submit": filled(), "ask": {"question": "Since when?"}, "answer": {"answer": "Since May."},
		"propose": {"assessment": "Entered."}, "return": {"remarks": "Look again."},
		"propose-refusal": {"refusal_ground": "identity", "refusal_reason": "The register does not know this identity."},
	}
	var names []string
	for _, a := range def.Actions {
		names = append(names, a.Name)
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := h.start(h.anna)
		snap := h.modelOf(def, c)
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			who := rapid.SampledFrom([]kernel.Principal{h.anna, h.mei, h.oliver, h.priya, h.tomasz}).Draw(rt, "who")
			// Mostly what somebody may do: else few sequences get beyond the draft.
			action := rapid.SampledFrom(names).Draw(rt, "action")
			if possible := def.Allowed(snap, workflows.ActorOf(who, c.Agency)); len(possible) > 0 && rapid.IntRange(0, 3).Draw(rt, "wild") > 0 {
				action = rapid.SampledFrom(possible).Draw(rt, "possible")
			}
			stale := rapid.IntRange(0, 9).Draw(rt, "stale") == 0
			c.Version = snap.Version
			if stale {
				c.Version--
			}
			_, err := h.try(who, c, action, inputs[action])
			out, want := def.Step(snap, workflows.Command{Action: action, Actor: workflows.ActorOf(who, c.Agency), Input: inputs[action], Now: h.clock.Now()})
			sees := who.Tenant == kerneltest.Northwick && (who.Person == h.anna.Person || who.Kind == kernel.Staff && !snap.Submitted.IsZero())
			switch {
			case !sees:
				want = kernel.NotThere("case")
			case stale:
				want = kernel.ErrChanged
			}
			if (err == nil) != (want == nil) || err != nil && kernel.AsError(err).Slug != kernel.AsError(want).Slug {
				rt.Fatalf("%s by %s in %s: %v; the model says %v", action, who.Name, snap.State, err, want)
			}
			if want == nil {
				snap = snap.After(out)
			}
		}
		stored, err := h.read(h.anna, c.ID)
		if err != nil {
			rt.Fatal(err)
		}
		if stored.State != snap.State || stored.Version != snap.Version || stored.Assignee != snap.Assignee || len(stored.History) != len(snap.Events) {
			rt.Fatalf("stored %s v%d, model %s v%d", stored.State, stored.Version, snap.State, snap.Version)
		}
		if got, want := keys(stored.Answers), keys(def.VisibleAnswers(snap, kernel.Citizen)); !slices.Equal(got, want) {
			rt.Fatalf("answers %v; model %v", got, want)
		}
		for i, e := range stored.History {
			if e.Action != snap.Events[i].Action || e.To != snap.Events[i].To || e.Seq != i+1 {
				rt.Fatalf("event %d = %+v; model %+v", i, e, snap.Events[i])
			}
		}
	})
}

// modelOf is the snapshot a fresh draft begins with.
func (h *house) modelOf(def *workflows.Definition, c kernel.Case) workflows.Snapshot {
	person, _ := h.People.Person(h.as(h.anna), nil, h.anna.Person, "")
	s := workflows.Snapshot{Case: c.ID, Number: c.Number, Applicant: h.anna.Person, Person: person, Locale: c.Locale,
		Zone: kerneltest.Tenant(kerneltest.Northwick).Location(), CreatedAt: c.CreatedAt}
	out, err := def.Begin(s, workflows.Command{Actor: workflows.ActorOf(h.anna, c.Agency), Now: c.CreatedAt})
	if err != nil {
		h.t.Fatal(err)
	}
	return s.After(out)
}

func keys(m map[string]any) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
