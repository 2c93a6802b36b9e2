package fhir_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/medical/fhir"
	"townhall/modules/medical/fhir/fhirtest"
)

var (
	clinic = kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Риверсайд»", "zh": "河畔诊所"}
	first  = fhir.Kind{Code: "first-visit", Service: "doctor-appointment", Coding: &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/service-type", Code: "124", Display: "General Practice"},
		Name: kernel.Text{"en": "First visit", "ru": "Первый приём", "zh": "首诊"}}
	jab = fhir.Kind{Code: "flu", Service: "vaccination", Coding: &fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/service-type", Code: "57", Display: "Immunization"},
		Name: kernel.Text{"en": "Influenza vaccination", "ru": "Прививка от гриппа", "zh": "流感疫苗接种"}}
	stamp = fhir.Stamp{Version: "3", UpdatedAt: time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC)}
	begin = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
)

func view(language string) fhir.View {
	return fhir.View{Origin: "https://northwick.example", Base: "https://northwick.example/medical/v1/fhir/R4", Language: language}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func encode(t testing.TB, resource any) []byte {
	t.Helper()
	b, err := fhir.Encode(resource)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func place() fhir.Place {
	lat, lon := 51.5, -0.12
	return fhir.Place{Stamp: stamp, ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", Facility: "riverside-clinic", FacilityIn: clinic, Name: clinic,
		Description: kernel.Text{"en": "Behind the library"}, Phone: "+44 1632 960100", Lines: []string{"1 Quay Street"}, City: "Northwick",
		Region: "Northshire", PostalCode: "NW7 1AA", Country: "GB", Lat: &lat, Lon: &lon, Active: true,
		Hours: []fhir.Hours{{Days: []int{1, 2, 3}, From: "08:00", Until: "18:00"}, {Days: []int{7}, From: "10:00", Until: "12:00"}}}
}

func visit(status string, by fhir.By) fhir.Visit {
	v := fhir.Visit{Stamp: stamp, ID: "case-1", Number: "DA-2026-7K4M-93Q2", Status: status, By: by, Kind: first, Slot: "slot-1", Start: begin, End: begin.Add(15 * time.Minute),
		CreatedAt: begin.AddDate(0, 0, -1), Place: "place-1", PlaceIn: clinic, Practitioner: "doctor-1", DoctorName: "Dr Amara Osei", Bring: "Your insurance card"}
	if status == "waitlist" {
		v.Slot, v.Start, v.End = "", time.Time{}, time.Time{}
	}
	return v
}

// everything is at least one resource of every kind, in every language, zone and state.
func everything(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	for _, language := range kernel.Locales {
		v := view(language)
		loc := zone(t, map[string]string{"en": "Europe/London", "ru": "Asia/Kathmandu", "zh": "America/St_Johns"}[language])
		bare := fhir.Place{ID: "p", Name: clinic, FacilityIn: clinic, Facility: "riverside-clinic"}
		doctor := fhir.Doctor{Stamp: stamp, ID: "d", Name: "Dr Amara Osei", Specialty: kernel.Text{"en": "General practice"}, Languages: []string{"en", "ru"}, Active: true}
		agenda := fhir.Agenda{Stamp: stamp, ID: "a", Place: "p", PlaceIn: clinic, Practitioner: "d", DoctorName: "Dr Amara Osei", Kinds: []fhir.Kind{first, jab}, From: "2026-11-01", Active: true}
		out = append(out, encode(t, v.Location(place())), encode(t, v.Location(bare)), encode(t, v.Practitioner(doctor)), encode(t, v.Practitioner(fhir.Doctor{ID: "d", Name: "张伟"})),
			encode(t, v.Schedule(agenda)), encode(t, v.Schedule(fhir.Agenda{ID: "a", Place: "p"})))
		for _, status := range []string{fhir.SlotFree, fhir.SlotBusy, fhir.SlotUnavailable, fhir.SlotTentative} {
			out = append(out, encode(t, v.Slot(fhir.Opening{Stamp: stamp, ID: "s", Agenda: "a", Kinds: []fhir.Kind{first}, Start: begin, End: begin.Add(time.Hour), Zone: loc, Status: status, Left: 12, Link: "https://northwick.example/apps/doctor-appointment"})))
		}
		for _, status := range []string{"waitlist", "pending", "booked", "arrived", "fulfilled", "noshow"} {
			out = append(out, encode(t, v.Appointment(visit(status, fhir.ByNobody))))
		}
		for _, by := range []fhir.By{fhir.ByNobody, fhir.ByPatient, fhir.ByClinic} {
			out = append(out, encode(t, v.Appointment(visit("cancelled", by))))
		}
		s, err := v.ParseSearch("Slot", url.Values{"status": {"free"}, "colour": {"blue"}}, time.UTC, false)
		if err != nil {
			t.Fatal(err)
		}
		total := 1
		slot := v.Slot(fhir.Opening{ID: "s", Agenda: "a", Start: begin, End: begin.Add(time.Hour), Status: fhir.SlotFree})
		out = append(out, encode(t, v.Searchset(s, []fhir.Result{{ID: "s", Resource: slot}}, &total, "later")), encode(t, v.Searchset(s, nil, nil, "")))
		out = append(out, encode(t, fhir.Outcome("not-found", "not-found", "There is nothing here that you can see.")))
		out = append(out, encode(t, v.Capabilities("Northwick", "1.0", begin)))
	}
	return out
}

func TestEveryResourceIsValidFHIR(t *testing.T) {
	t.Parallel()
	all := everything(t)
	fhirtest.Valid(t, all...)
	t.Logf("%d resources", len(all))
}

// Each planted fault is one a careless change could make; the judge must see every one of them.
func TestTheJudgeRefusesPlantedFaults(t *testing.T) {
	t.Parallel()
	v := view("en")
	slot := v.Slot(fhir.Opening{Stamp: stamp, ID: "s", Agenda: "a", Kinds: []fhir.Kind{first}, Start: begin, End: begin.Add(time.Hour), Status: fhir.SlotFree, Left: 2})
	booked := v.Appointment(visit("booked", fhir.ByNobody))
	faults := []struct {
		name, want string
		resource   any
	}{
		{"a code that is none", "is not in", change(t, slot, "status", "frei")},
		{"no status", "Missing required property", change(t, slot, "status", nil)},
		{"a reference to the wrong type", "Invalid reference", change(t, slot, "schedule", map[string]any{"reference": "Location/1"})},
		{"an instant without offset", "Invalid instant", change(t, slot, "start", "2026-11-24T09:00:00")},
		{"a member FHIR does not know", "Invalid additional property", change(t, slot, "capacity", 2)},
		{"a text where a number belongs", "Invalid JSON type", change(t, booked, "minutesDuration", "15")},
		{"no participant", "Missing required property", change(t, booked, "participant", []any{})},
		{"a start without an end", "app-2", change(t, booked, "end", nil)},
		{"booked without a time", "app-3", change(t, change(t, booked, "end", nil), "start", nil)},
		{"cancelled for a reason, and yet booked", "app-4", change(t, booked, "cancelationReason", map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason", "code": "pat"}}})},
		{"a code its system does not have", "is not in", change(t, booked, "serviceType", []any{map[string]any{"coding": []any{map[string]any{"system": "http://terminology.hl7.org/CodeSystem/service-type", "code": "9999"}}}})},
		{"a search parameter nobody defined", "no such definition", change(t, v.Capabilities("Northwick", "1", begin), "rest", []any{map[string]any{"mode": "server", "resource": []any{map[string]any{"type": "Slot", "searchParam": []any{map[string]any{"name": "colour", "type": "token", "definition": "http://hl7.org/fhir/SearchParameter/Slot-colour"}}}}}})},
	}
	var all [][]byte
	for _, f := range faults {
		all = append(all, encode(t, f.resource))
	}
	for i, issues := range fhirtest.Issues(t, all...) {
		if !strings.Contains(strings.Join(issues, "\n"), faults[i].want) {
			t.Errorf("%s: want %q, got %q", faults[i].name, faults[i].want, issues)
		}
	}
}

// change returns the resource with one member changed, or without it.
func change(t testing.TB, resource any, member string, value any) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(encode(t, resource), &m); err != nil {
		t.Fatal(err)
	}
	if m[member] = value; value == nil {
		delete(m, member)
	}
	return m
}

// Both nights in which the clocks change: the instant is the same, the offset is the place's.
func TestInstantsCarryTheOffsetOfThePlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ zone, utc, want string }{
		{"Europe/London", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00+01:00"},
		{"Europe/London", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"},
		{"America/New_York", "2026-03-08T07:00:00Z", "2026-03-08T03:00:00-04:00"},
		{"Australia/Lord_Howe", "2026-04-04T15:15:00Z", "2026-04-05T01:45:00+10:30"},
	} {
		at, err := time.Parse(time.RFC3339, c.utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := fhir.Instant(at, zone(t, c.zone)); got != c.want {
			t.Errorf("%s in %s: got %s, want %s", c.utc, c.zone, got, c.want)
		}
	}
}

func TestAnAppointmentNamesNeitherThePatientNorTheReason(t *testing.T) {
	t.Parallel()
	var m map[string]any
	if err := json.Unmarshal(encode(t, view("en").Appointment(visit("booked", fhir.ByNobody))), &m); err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{"reasonCode", "reasonReference", "description", "comment", "contained", "supportingInformation"} {
		if m[member] != nil {
			t.Errorf("an appointment has %s", member)
		}
	}
	patient := m["participant"].([]any)[0].(map[string]any)["actor"].(map[string]any)
	if patient["type"] != "Patient" || patient["display"] != nil || patient["reference"] != nil {
		t.Errorf("the patient is %v", patient)
	}
}

func TestEveryStateOfAVisitHasItsStatus(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"draft": "", "lapsed": "", "waiting": "waitlist", "offered": "pending", "booked": "booked", "arrived": "arrived",
		"attended": "fulfilled", "closed": "fulfilled", "cancelled": "cancelled", "missed": "noshow",
	}
	for state, status := range want {
		if got := fhir.AppointmentStatus(state); got != status {
			t.Errorf("%s: got %q, want %q", state, got, status)
		}
	}
}
