package workflows

import (
	"strings"
	"testing"
)

func TestEveryCaseScriptOfEveryDefinition(t *testing.T) {
	t.Parallel()
	for _, d := range library(t).All() {
		if len(d.Scripts) == 0 {
			t.Errorf("%s has no case script", d.Dir)
		}
		for _, s := range d.Scripts {
			t.Run(d.Slug+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				if err := RunScript(d, s.Data); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestAScriptThatExpectsSomethingElseFails(t *testing.T) {
	t.Parallel()
	d := residence(t)
	var story string
	for _, s := range d.Scripts {
		if s.Name == "issued" {
			story = string(s.Data)
		}
	}
	for _, fault := range []struct{ old, new string }{
		{"error: four-eyes", "error: action-not-yours"},
		{"state: issued", "state: refused"},
		{"notices: [received]", "notices: []"},
		{"documents: [certificate]", "documents: [refusal-letter]"},
		{"due: 2026-11-30", "due: 2026-11-29"},
		{"reminder 2026-12-07", "reminder 2026-12-08"},
		{"Allotment garden, RC", "Balcony, RC"},
		{"assignee: oliver", "assignee: priya"},
		{"copies: 1,", "copies: 2,"},
		{"allowed: [withdraw]", "allowed: []"},
		{"decision: favourable", "decision: adverse"},
		{"want: {fields: [purpose_other field.required]}", "want: {state: draft}"},
		{"want: {error: not-found}", "want: {}"},
		{"as: stranger", "as: somebody"},
		{"do: countersign\nwant:\n", "do: countersign\nwish:\n"},
		{"-- setup --", "-- start --"},
		{"now: 2026-11-23", "now: 23.11.2026"},
		{"zone: Europe/London", "zone: Europe/Atlantis"},
		{"as: citizen\ndo: answer", "as: timer\ndo: reminder"},
	} {
		changed := strings.Replace(story, fault.old, fault.new, 1)
		if changed == story {
			t.Fatalf("%q is not in the story", fault.old)
		}
		if err := RunScript(d, []byte(changed)); err == nil {
			t.Errorf("%q → %q went unnoticed", fault.old, fault.new)
		}
	}
}
