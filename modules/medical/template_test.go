package medical

import (
	"maps"
	"slices"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/workflows"
)

// What the module fills in and brings about is what each workflow of the sector declares, under whatever slug an agency has
// chosen: its own ones, and the one that the template for appointments makes.
func TestTheModuleServesEveryWorkflowOfItsSectorWhateverItsSlug(t *testing.T) {
	t.Parallel()
	library, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	templates, err := workflows.Templates()
	if err != nil {
		t.Fatal(err)
	}
	b := templates[0].Blank()
	b.Slug, b.Agency = "tax-advice", "health-services"
	files, err := templates[0].Fill(b)
	if err != nil {
		t.Fatal(err)
	}
	made, problems := workflows.ParseFiles(Sector+"/"+b.Slug, files)
	if len(problems) > 0 {
		t.Fatal(workflows.Problems(problems))
	}
	if err := library.Add(made); err != nil {
		t.Fatal(err)
	}
	s := &Service{Deps: Deps{Library: library}}
	all := s.definitions()
	if !slices.Contains(all, made) {
		t.Fatal("what was made from the template is not among the sector's workflows")
	}
	ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick))
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	two := kernel.Text{"en": "Advice", "ru": "Консультация", "zh": "咨询"}
	o := offer{Slot: Slot{StartsAt: now.AddDate(0, 0, 8), EndsAt: now.AddDate(0, 0, 8).Add(20 * time.Minute)}, Place: Place{Name: two, Street: "1 Quay Street", Locality: "Northwick", Zone: "Europe/London"},
		Practitioner: Practitioner{Name: "Amara Osei"}, Visit: VisitType{Name: two, Preparation: two, Bring: two}}
	for _, d := range all {
		for _, locale := range kernel.Locales {
			a := Appointment{Locale: locale, Patient: "Anna Whitfield", Birthdate: "1988-04-17"}
			citizen := workflows.Actor{Kind: kernel.Citizen, Person: "anna", Level: kernel.High, AuthTime: now, Sector: true}
			desk := workflows.Actor{Kind: kernel.Staff, Person: "ines", Roles: []string{RoleReception, RolePlanner}, Level: kernel.High, AuthTime: now, Sector: true}
			snap := workflows.Snapshot{Case: "c", Number: "N", Applicant: "anna", Person: kernel.Person{ID: "anna", Claims: map[string]string{"name": a.Patient}}, Locale: locale, CreatedAt: now}
			begun, err := d.Begin(snap, workflows.Command{Actor: citizen, Now: now})
			if err != nil {
				t.Fatal(err)
			}
			draft := snap.After(begun)
			booked := draft
			for _, step := range []struct {
				action string
				by     workflows.Actor
			}{{"confirm", citizen}, {"reschedule", citizen}, {"move", desk}} {
				out, err := d.Step(booked, workflows.Command{Action: step.action, Actor: step.by, Input: s.answers(ctx, a, o), Now: now})
				if err != nil {
					t.Fatalf("%s: %s: %v", d.Slug, step.action, err)
				}
				booked = booked.After(out)
			}
			if booked.State != StateBooked {
				t.Errorf("%s: the case is %s", d.Slug, booked.State)
			}
			if out, err := d.Step(draft, workflows.Command{Action: "admit", Actor: desk, Input: s.answers(ctx, a, o), Now: now}); err != nil || out.To != StateArrived {
				t.Errorf("%s: admit: %v", d.Slug, err)
			}
		}
		for _, effect := range d.Effects {
			if !slices.Contains(slices.Collect(maps.Keys(s.steps())), effect) {
				t.Errorf("%s names the effect %s, which the module does not have", d.Slug, effect)
			}
		}
		for _, state := range []string{StateDraft, StateWaiting, StateOffered, StateBooked, StateArrived, StateAttended, StateClosed, StateCancelled, StateMissed, StateLapsed} {
			if d.State(state) == nil {
				t.Errorf("%s has no state %s, in which the module keeps appointments", d.Slug, state)
			}
		}
		for _, action := range []string{"confirm", "admit", "join", "offer", "pass", "expire", "reschedule", "move", "check-in", "cancel", "give-up", "call-off", "miss"} {
			if d.Action(action) == nil {
				t.Errorf("%s has no action %s, which the module takes", d.Slug, action)
			}
		}
	}
}
