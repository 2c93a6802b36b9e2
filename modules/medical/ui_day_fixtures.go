package medical

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

const fixtureClinic = kernel.AgencyID("riverside-clinic")

// asAt gives a fixture's request the clinic's path and a member of staff with these roles there.
func asAt(r *http.Request, path string, roles ...string) *http.Request {
	who := kernel.PrincipalOf(r.Context())
	who.Grants = nil
	for _, role := range roles {
		who.Grants = append(who.Grants, kernel.Grant{Agency: fixtureClinic, Role: role})
	}
	out := r.Clone(kernel.WithPrincipal(r.Context(), who))
	out.URL.Path = clinicPath(fixtureClinic) + "/" + path
	out.SetPathValue("facility", string(fixtureClinic))
	return out
}

func fixtureEntry(n int, state, patient string, starts time.Time) dayEntry {
	zone := ui.GalleryTenant().Location()
	e := dayEntry{Appointment: Appointment{
		Case: kernel.CaseID("0198f2a6-7e55-7c1e-9a55-3f0d4f6f1d" + string(rune('0'+n/10)) + string(rune('0'+n%10))), Number: "DA-2026-7K4M-93Q" + string(rune('0'+n)),
		Service: "doctor-appointment", Facility: fixtureClinic, VisitType: "consultation", State: state, Slot: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1e00",
		StartsAt: starts, EndsAt: starts.Add(20 * time.Minute), ForWhom: ForSelf, Patient: patient, Birthdate: "1988-04-12", Locale: "en"},
		Visit: kernel.Text{"en": "Consultation", "ru": "Приём врача", "zh": "门诊"}, Minutes: 20,
		At: kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Набережная»", "zh": "河畔诊所"}, With: "Dr Amara Osei", Zone: zone}
	if state == StateArrived {
		e.CheckedInAt = starts.Add(-8 * time.Minute)
	}
	return e
}

func fixtureSheet(entries ...dayEntry) daySheet {
	zone := ui.GalleryTenant().Location()
	now := ui.GalleryTime.In(zone)
	return daySheet{dayQuery: dayQuery{Facility: fixtureClinic, Day: now.Format(time.DateOnly)}, Now: ui.GalleryTime, Entries: entries, Tasks: 2,
		From:          time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone),
		Places:        []Place{{ID: "p", Name: kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Набережная»", "zh": "河畔诊所"}, Zone: zone.String(), Active: true}},
		Practitioners: []Practitioner{{ID: "a", Name: "Dr Amara Osei"}, {ID: "b", Name: "Dr Jonas Weir"}}}
}

func fixtureDay() []dayEntry {
	at := ui.GalleryTime.Truncate(time.Hour)
	return []dayEntry{
		fixtureEntry(1, StateAttended, "Maria Okafor", at.Add(-2*time.Hour)), fixtureEntry(2, StateMissed, "Peter Lindqvist", at.Add(-time.Hour)),
		fixtureEntry(3, StateArrived, "王小明", at.Add(-20*time.Minute)), fixtureEntry(4, StateBooked, "Анна Соколова-Преображенская", at),
		fixtureEntry(5, StateBooked, "Anna Whitfield", at.Add(40*time.Minute)), fixtureEntry(6, StateBooked, "Tomasz Zieliński", at.Add(time.Hour)),
	}
}

// dayFixtures are the states of the clinic's pages for the gallery.
func (s *Service) dayFixtures() []ui.Fixture {
	fixture := func(name, path string, roles []string, render func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
		return ui.Fixture{Name: "clinic-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error { return render(w, asAt(r, path, roles...)) }}
	}
	desk, doctor := []string{RoleReception}, []string{RolePractitioner}
	all := fixtureDay()
	visitAs := func(state string, actions ...string) visit {
		v := visit{dayEntry: fixtureEntry(3, state, "Anna Whitfield", ui.GalleryTime.Truncate(time.Hour)), Version: 4, Now: ui.GalleryTime, Actions: actions}
		return v
	}
	return []ui.Fixture{
		fixture("day", "day", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showDay(w, r, fixtureSheet(all...), dayExtra{checked: all[2].Case})
		}),
		fixture("day-unknown-code", "day", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showDay(w, r, fixtureSheet(all[3:]...), dayExtra{code: "DA-2026-0000-0000", problem: errNoCode})
		}),
		fixture("day-empty", "day", []string{RolePlanner}, func(w http.ResponseWriter, r *http.Request) error {
			d := fixtureSheet()
			d.Tasks, d.From = 0, d.From.AddDate(0, 0, 1)
			d.Day = d.From.Format(time.DateOnly)
			return s.showDay(w, r, d, dayExtra{})
		}),
		fixture("visit-booked", "appointments/x", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showVisit(w, r, visitAs(StateBooked, "move", "check-in", "call-off", "miss"), tried{})
		}),
		fixture("visit-arrived", "appointments/x", doctor, func(w http.ResponseWriter, r *http.Request) error {
			v := visitAs(StateArrived, "complete", "certify-sickness", "certify-attendance")
			v.Reason = s.d(r, "fixture.reason")
			return s.showVisit(w, r, v, tried{})
		}),
		fixture("visit-wrong-days", "appointments/x", doctor, func(w http.ResponseWriter, r *http.Request) error {
			v := visitAs(StateArrived, "complete", "certify-sickness", "certify-attendance")
			return s.showVisit(w, r, v, tried{action: "certify-sickness", input: map[string]any{"unfit_from": "2026-11-22", "unfit_until": ""},
				problem: kernel.InvalidFields(kernel.FieldError{Path: "unfit_until", Slug: "field.required", Message: "Answer this question."})})
		}),
		fixture("visit-certified", "appointments/x", doctor, func(w http.ResponseWriter, r *http.Request) error {
			v := visitAs(StateAttended, "certify-attendance")
			v.Documents = []kernel.Document{{ID: "d", Number: "SN-7K4M-93Q2-TX8D-6HRW", Title: s.d(r, "fixture.sick-note"), State: "valid", IssuedAt: ui.GalleryTime}}
			return s.showVisit(w, r, v, tried{})
		}),
		fixture("miss", "appointments/x/miss", desk, func(w http.ResponseWriter, r *http.Request) error { return s.showMiss(w, r, visitAs(StateBooked)) }),
		fixture("walk-in", "walk-in", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showWalkIn(w, r, fixtureChoices(), "", nil)
		}),
		fixture("walk-in-times", "walk-in", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showWalkIn(w, r, fixtureChoices(), "consultation", nil)
		}),
		fixture("walk-in-wrong", "walk-in", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showWalkIn(w, r, fixtureChoices(), "consultation", s.checkPatient(Patient{Relation: relations[0], Declared: true}))
		}),
		fixture("move", "move", desk, func(w http.ResponseWriter, r *http.Request) error {
			to := freeSlot{ID: "s", StartsAt: ui.GalleryTime.Add(25 * time.Hour), EndsAt: ui.GalleryTime.Add(25*time.Hour + 20*time.Minute), With: "Dr Jonas Weir", AtRaw: []byte(`{"en":"Riverside Clinic","ru":"Клиника «Набережная»","zh":"河畔诊所"}`)}
			return s.showMove(w, r, fixtureSheet(), []planned{{Entry: all[3], To: &to}, {Entry: all[4], To: &to}, {Entry: all[5], Why: "none"}}, moveTarget{Practitioner: "b"}, nil)
		}),
		fixture("moved", "move", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showResults(w, r, "move", []outcome{{Case: all[3].Case, Entry: all[3]}, {Case: all[4].Case, Entry: all[4]}})
		}),
		fixture("moved-some", "move", desk, func(w http.ResponseWriter, r *http.Request) error {
			return s.showResults(w, r, "move", []outcome{{Case: all[3].Case, Entry: all[3]}, {Case: all[4].Case, Entry: all[4], Err: ErrSlotTaken}})
		}),
		fixture("call-off", "call-off", desk, func(w http.ResponseWriter, r *http.Request) error { return s.showCallOff(w, r, all[3:], "", nil) }),
		fixture("tasks", "tasks", []string{RolePlanner}, func(w http.ResponseWriter, r *http.Request) error {
			return s.showTasks(w, r, []task{{ID: "1", Kind: "blocked", Case: all[4].Case, Entry: &all[4]}, {ID: "2", Kind: "slot-gone", Case: all[5].Case, Entry: &all[5]}, {ID: "3", Kind: "overlap"}, {ID: "4", Kind: "feed-gone"}})
		}),
		fixture("day-block", "block", []string{RolePlanner}, func(w http.ResponseWriter, r *http.Request) error { return s.showBlock(w, r, fixtureSheet(), nil) }),
		fixture("tasks-none", "tasks", desk, func(w http.ResponseWriter, r *http.Request) error { return s.showTasks(w, r, nil) }),
		fixture("list", "", desk, func(w http.ResponseWriter, r *http.Request) error { return s.showClinics(w, r, nil) }),
	}
}

func fixtureChoices() walkInChoices {
	return walkInChoices{
		Visits: []VisitType{{Code: "consultation", Name: kernel.Text{"en": "Consultation", "ru": "Приём врача", "zh": "门诊"}, Minutes: 20},
			{Code: "check-up", Name: kernel.Text{"en": "Check-up", "ru": "Осмотр", "zh": "体检"}, Minutes: 40}},
		Free: []kernel.Alternative{{ID: "f1", StartsAt: ui.GalleryTime.Add(15 * time.Minute)}, {ID: "f2", StartsAt: ui.GalleryTime.Add(55 * time.Minute)},
			{ID: "f3", StartsAt: ui.GalleryTime.Add(19 * time.Hour)}},
		Places:        fixtureSheet().Places,
		Practitioners: fixtureSheet().Practitioners,
	}
}
