package fhir

import (
	"time"

	"townhall/modules/kernel"
)

// View says where resources live and how they are read.
type View struct {
	Origin   string // of the municipality: "https://northwick.example"
	Base     string // FHIR's base address, without a slash at its end
	Language string // of the texts: en, ru or zh; further languages come as translations
}

// Systems of names that are the municipality's own: URLs below its origin, so that two municipalities never share one.
func (v View) system(name string) string { return v.Origin + "/fhir/" + name }

// VisitTypes is the code system of the municipality's kinds of visit.
func (v View) VisitTypes() string { return v.system("visit-type") }

// References is the system of the numbers people quote: Appointment.identifier.
func (v View) References() string { return v.system("visit-reference") }

// Code systems and extensions of others.
const (
	cancelReasons   = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
	languageTags    = "urn:ietf:bcp:47"
	translation     = "http://hl7.org/fhir/StructureDefinition/translation"
	slotCapacity    = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
	bookingDeepLink = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-deep-link"
)

// Stamp is the version of what a resource is made of.
type Stamp struct {
	Version   string // empty leaves it out
	UpdatedAt time.Time
}

func (s Stamp) meta() *Meta {
	m := &Meta{VersionID: s.Version}
	if !s.UpdatedAt.IsZero() {
		m.LastUpdated = Instant(s.UpdatedAt, nil)
	}
	if *m == (Meta{}) {
		return nil
	}
	return m
}

// Place is a place where a clinic works; it becomes a Location.
type Place struct {
	Stamp
	ID          string
	Facility    string      // the agency's id
	FacilityIn  kernel.Text // the agency's name
	Name        kernel.Text
	Description kernel.Text
	Phone       string
	Lines       []string // street and house
	City        string
	Region      string
	PostalCode  string
	Country     string   // ISO 3166-1 alpha-2
	Lat, Lon    *float64 // both or neither
	Active      bool
	Hours       []Hours
}

// Hours is when a place is open on some days of the week (Monday is 1), in the place's own time: "09:00".
type Hours struct {
	Days        []int
	From, Until string
}

// Doctor is somebody who sees patients; it becomes a Practitioner.
type Doctor struct {
	Stamp
	ID        string
	Name      string
	Specialty kernel.Text
	Languages []string // BCP 47
	Active    bool
}

// Kind is a kind of visit: a code of the municipality and its names.
type Kind struct {
	Code    string // "first-visit"
	Service string // the workflow's slug
	Name    kernel.Text
	Coding  *Coding // the nearest concept of a published system, such as HL7's service-type 124 (general practice)
}

// Agenda is a series of openings; it becomes a Schedule.
type Agenda struct {
	Stamp
	ID           string
	Place        string
	PlaceIn      kernel.Text
	Practitioner string // empty: nobody's
	DoctorName   string
	Kinds        []Kind
	From, Until  string // "2026-11-23"; empty: no end
	Active       bool
}

// Opening is one time that can be booked; it becomes a Slot.
type Opening struct {
	Stamp
	ID         string
	Agenda     string
	Kinds      []Kind
	Start, End time.Time
	Zone       *time.Location // the place's
	Status     string         // SlotFree, SlotBusy, SlotUnavailable
	Left       int            // how many may still book it
	Link       string         // where a person books it; empty: nowhere
}

// The states of a slot that are said (http://hl7.org/fhir/slotstatus).
const (
	SlotFree        = "free"
	SlotBusy        = "busy"
	SlotUnavailable = "busy-unavailable"
	SlotTentative   = "busy-tentative"
)

// Visit is one case of a visit; it becomes an Appointment. It names nobody: who comes is known to the clinic by the
// number, and why they come is not said at all.
type Visit struct {
	Stamp
	ID           string
	Number       string
	Status       string // one of the appointment's: "booked", …
	By           By     // who cancelled, when it is cancelled
	Kind         Kind
	Slot         string
	Start, End   time.Time // zero while nobody has a time
	Zone         *time.Location
	CreatedAt    time.Time
	Place        string
	PlaceIn      kernel.Text
	Practitioner string
	DoctorName   string
	Bring        string // what to bring, in the view's language
}

// By is who ended a visit.
type By int

const (
	ByNobody By = iota
	ByPatient
	ByClinic
)

// AppointmentStatus returns the status of R4 (http://hl7.org/fhir/appointmentstatus) for the state of a visit's case, or
// "" for a state that is no appointment: a draft, and a draft that lapsed.
func AppointmentStatus(state string) string {
	switch state {
	case "waiting":
		return "waitlist"
	case "offered": // the clinic has agreed, the patient not yet
		return "pending"
	case "booked", "arrived", "cancelled":
		return state
	case "attended", "closed":
		return "fulfilled"
	case "missed":
		return "noshow"
	}
	return ""
}

// Location writes a place.
func (v View) Location(p Place) Location {
	l := Location{
		ResourceType: "Location", ID: p.ID, Meta: p.meta(), Language: v.Language, Mode: "instance", Status: "active",
		Name: p.Name.In(v.Language), NameElement: translated(p.Name, v.Language), Description: p.Description.In(v.Language),
		ManagingOrganization: &Reference{Type: "Organization", Display: p.FacilityIn.In(v.Language),
			Identifier: &Identifier{System: v.system("facility"), Value: p.Facility}},
	}
	if p.City != "" || len(p.Lines) > 0 { // FHIR's JSON has no empty objects
		l.Address = &Address{Line: p.Lines, City: p.City, State: p.Region, PostalCode: p.PostalCode, Country: p.Country}
	}
	if !p.Active {
		l.Status = "inactive"
	}
	if p.Phone != "" {
		l.Telecom = []ContactPoint{{System: "phone", Value: p.Phone}}
	}
	if p.Lat != nil && p.Lon != nil {
		l.Position = &Position{Latitude: *p.Lat, Longitude: *p.Lon}
	}
	for _, h := range p.Hours {
		l.HoursOfOperation = append(l.HoursOfOperation, LocationOpening{DaysOfWeek: weekdays(h.Days), OpeningTime: h.From + ":00", ClosingTime: h.Until + ":00"})
	}
	return l
}

func weekdays(days []int) []string {
	names := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	var out []string
	for _, d := range days {
		if d >= 1 && d <= 7 {
			out = append(out, names[d-1])
		}
	}
	return out
}

// Practitioner writes somebody who sees patients: their name and what they are trained for, nothing of their private life.
func (v View) Practitioner(d Doctor) Practitioner {
	p := Practitioner{
		ResourceType: "Practitioner", ID: d.ID, Meta: d.meta(), Language: v.Language, Active: d.Active,
		Name: []HumanName{{Use: "official", Text: d.Name}},
	}
	if text := d.Specialty.In(v.Language); text != "" {
		p.Qualification = []Qualification{{Code: CodeableConcept{Text: text}}}
	}
	for _, tag := range d.Languages {
		p.Communication = append(p.Communication, CodeableConcept{Coding: []Coding{{System: languageTags, Code: tag}}})
	}
	return p
}

// Schedule writes an agenda.
func (v View) Schedule(a Agenda) Schedule {
	s := Schedule{
		ResourceType: "Schedule", ID: a.ID, Meta: a.meta(), Language: v.Language, Active: &a.Active,
		ServiceType: v.serviceTypes(a.Kinds), Actor: v.actors(a.Place, a.PlaceIn, a.Practitioner, a.DoctorName),
	}
	if a.From != "" || a.Until != "" {
		s.PlanningHorizon = &Period{Start: a.From, End: a.Until}
	}
	return s
}

// Slot writes an opening: its start and end with the place's offset, how many places are left, and where it is booked.
func (v View) Slot(o Opening) Slot {
	s := Slot{
		ResourceType: "Slot", ID: o.ID, Meta: o.meta(), Language: v.Language, ServiceType: v.serviceTypes(o.Kinds),
		Schedule: Reference{Reference: "Schedule/" + o.Agenda}, Status: o.Status,
		Start: Instant(o.Start, o.Zone), End: Instant(o.End, o.Zone),
	}
	if len(s.ServiceType) == 0 {
		s.Language = "" // nothing in it is in a language
	}
	if o.Link != "" && o.Status == SlotFree {
		s.Extension = append(s.Extension, Extension{URL: bookingDeepLink, ValueURL: o.Link})
	}
	if o.Left > 1 && o.Status == SlotFree {
		s.Extension = append(s.Extension, Extension{URL: slotCapacity, ValueInteger: &o.Left})
	}
	return s
}

// Appointment writes a visit.
func (v View) Appointment(a Visit) Appointment {
	out := Appointment{
		ResourceType: "Appointment", ID: a.ID, Meta: a.meta(), Language: v.Language, Status: a.Status,
		Identifier:  []Identifier{{Use: "official", System: v.References(), Value: a.Number}},
		ServiceType: v.serviceTypes([]Kind{a.Kind}), PatientInstruction: a.Bring, CancelationReason: a.reason(),
		Participant: v.participants(a),
	}
	if !a.CreatedAt.IsZero() {
		out.Created = Instant(a.CreatedAt, a.Zone)
	}
	if a.Slot != "" {
		out.Slot = []Reference{{Reference: "Slot/" + a.Slot}}
	}
	if !a.Start.IsZero() && !a.End.IsZero() { // both or neither: invariant app-2
		out.Start, out.End = Instant(a.Start, a.Zone), Instant(a.End, a.Zone)
		out.MinutesDuration = int(a.End.Sub(a.Start) / time.Minute)
	}
	return out
}

// reason is why an appointment did not happen, as far as everybody may know: whose decision it was (invariant app-4).
func (a Visit) reason() *CodeableConcept {
	if a.Status != "cancelled" {
		return nil
	}
	switch a.By {
	case ByPatient:
		return &CodeableConcept{Coding: []Coding{{System: cancelReasons, Code: "pat", Display: "Patient"}}}
	case ByClinic:
		return &CodeableConcept{Coding: []Coding{{System: cancelReasons, Code: "prov", Display: "Provider"}}}
	}
	return nil
}

// participants are the patient, by a reference that names nobody, the place and the practitioner.
func (v View) participants(a Visit) []Participant {
	patient, clinic := "accepted", "accepted"
	switch {
	case a.Status == "pending":
		patient = "needs-action"
	case a.Status == "waitlist":
		clinic = "needs-action"
	case a.Status == "cancelled" && a.By == ByClinic:
		clinic = "declined"
	case a.Status == "cancelled":
		patient = "declined"
	}
	out := []Participant{{
		Actor: Reference{Type: "Patient", Identifier: &Identifier{System: v.system("patient-of-visit"), Value: a.Number}}, Required: "required", Status: patient,
	}}
	for _, r := range v.actors(a.Place, a.PlaceIn, a.Practitioner, a.DoctorName) {
		out = append(out, Participant{Actor: r, Required: "required", Status: clinic})
	}
	return out
}

func (v View) actors(place string, placeIn kernel.Text, practitioner, name string) []Reference {
	var out []Reference
	if place != "" {
		out = append(out, Reference{Reference: "Location/" + place, Display: placeIn.In(v.Language)})
	}
	if practitioner != "" {
		out = append(out, Reference{Reference: "Practitioner/" + practitioner, Display: name})
	}
	return out
}

// serviceTypes writes kinds of visit: the municipality's code and, beside it, HL7's when there is one near.
func (v View) serviceTypes(kinds []Kind) []CodeableConcept {
	var out []CodeableConcept
	for _, k := range kinds {
		if k.Code == "" {
			continue
		}
		c := CodeableConcept{Coding: []Coding{{System: v.VisitTypes(), Code: k.Code, Display: k.Name.In("en")}}, Text: k.Name.In(v.Language)}
		if k.Coding != nil {
			c.Coding = append(c.Coding, *k.Coding)
		}
		out = append(out, c)
	}
	return out
}

// translated gives a name in the other languages (R4, languages.html: the extension "translation").
func translated(t kernel.Text, language string) *Element {
	e := &Element{}
	for _, l := range kernel.Locales {
		if l == language || t[l] == "" || t[l] == t.In(language) {
			continue
		}
		e.Extension = append(e.Extension, Extension{URL: translation, Extension: []Extension{
			{URL: "lang", ValueCode: l}, {URL: "content", ValueString: t[l]},
		}})
	}
	if len(e.Extension) == 0 {
		return nil
	}
	return e
}
