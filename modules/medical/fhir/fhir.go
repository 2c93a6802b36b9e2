// Package fhir writes what a clinic offers and what was booked there as resources of HL7 FHIR R4 (4.0.1), and reads the
// searches FHIR's RESTful API defines (R4, search.html). It is pure: it knows no database, no HTTP and no case, it holds the few
// resource types and members a read-only view of a calendar needs, and it never carries why somebody sees a doctor.
//
// Plain inputs (Place, Doctor, Agenda, Opening, Visit) become resources by a View, which knows where the resources live
// and in which language they are read. Others judge the result: package fhirtest has them validated by @medplum/core.
package fhir

import (
	"encoding/json"
	"time"
)

// Version is the release of FHIR the resources follow.
const Version = "4.0.1"

// MediaType is that of every resource in JSON (R4, http.html#mime-type).
const MediaType = "application/fhir+json"

// Meta says which version of a resource this is (R4, resource.html#Meta).
type Meta struct {
	VersionID   string `json:"versionId,omitempty"`
	LastUpdated string `json:"lastUpdated,omitempty"`
}

// Identifier names a thing in a system of names (R4, datatypes.html#Identifier).
type Identifier struct {
	Use    string `json:"use,omitempty"`
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

// Coding is one code of a code system (R4, datatypes.html#Coding).
type Coding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

// CodeableConcept is a concept by codes and in words (R4, datatypes.html#CodeableConcept).
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Reference points to another resource (R4, references.html), by address or, where that is nobody's to read, by identifier alone.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

// Period is a time from start to end (R4, datatypes.html#Period).
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// ContactPoint is a phone number or another way to reach somebody (R4, datatypes.html#ContactPoint).
type ContactPoint struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
	Use    string `json:"use,omitempty"`
}

// Address is a postal address (R4, datatypes.html#Address).
type Address struct {
	Line       []string `json:"line,omitempty"`
	City       string   `json:"city,omitempty"`
	District   string   `json:"district,omitempty"`
	State      string   `json:"state,omitempty"`
	PostalCode string   `json:"postalCode,omitempty"`
	Country    string   `json:"country,omitempty"`
}

// HumanName is the name of a person (R4, datatypes.html#HumanName).
type HumanName struct {
	Use  string `json:"use,omitempty"`
	Text string `json:"text,omitempty"`
}

// Extension adds to a resource what FHIR's core does not say (R4, extensibility.html). One value at most is set.
type Extension struct {
	URL          string      `json:"url"`
	ValueCode    string      `json:"valueCode,omitempty"`
	ValueString  string      `json:"valueString,omitempty"`
	ValueURL     string      `json:"valueUrl,omitempty"`
	ValueInteger *int        `json:"valueInteger,omitempty"`
	Extension    []Extension `json:"extension,omitempty"`
}

// Element carries the extensions of a primitive member, under the member's name after an underscore (R4, json.html#primitive).
type Element struct {
	Extension []Extension `json:"extension,omitempty"`
}

// Location is a place where a clinic works (R4, location.html).
type Location struct {
	ResourceType         string            `json:"resourceType"`
	ID                   string            `json:"id"`
	Meta                 *Meta             `json:"meta,omitempty"`
	Language             string            `json:"language,omitempty"`
	Identifier           []Identifier      `json:"identifier,omitempty"`
	Status               string            `json:"status,omitempty"`
	Name                 string            `json:"name,omitempty"`
	NameElement          *Element          `json:"_name,omitempty"`
	Description          string            `json:"description,omitempty"`
	Mode                 string            `json:"mode,omitempty"`
	Telecom              []ContactPoint    `json:"telecom,omitempty"`
	Address              *Address          `json:"address,omitempty"`
	Position             *Position         `json:"position,omitempty"`
	ManagingOrganization *Reference        `json:"managingOrganization,omitempty"`
	HoursOfOperation     []LocationOpening `json:"hoursOfOperation,omitempty"`
}

// Position is a point in WGS 84.
type Position struct {
	Longitude float64 `json:"longitude"`
	Latitude  float64 `json:"latitude"`
}

// LocationOpening says when a place is open on some days of the week, in the place's own time.
type LocationOpening struct {
	DaysOfWeek  []string `json:"daysOfWeek,omitempty"`
	OpeningTime string   `json:"openingTime,omitempty"`
	ClosingTime string   `json:"closingTime,omitempty"`
}

// Practitioner is somebody who sees patients (R4, practitioner.html).
type Practitioner struct {
	ResourceType  string            `json:"resourceType"`
	ID            string            `json:"id"`
	Meta          *Meta             `json:"meta,omitempty"`
	Language      string            `json:"language,omitempty"`
	Identifier    []Identifier      `json:"identifier,omitempty"`
	Active        bool              `json:"active"`
	Name          []HumanName       `json:"name,omitempty"`
	Qualification []Qualification   `json:"qualification,omitempty"`
	Communication []CodeableConcept `json:"communication,omitempty"`
}

// Qualification is what a practitioner is trained for.
type Qualification struct {
	Code CodeableConcept `json:"code"`
}

// Schedule is a series of slots of one place and, when it is somebody's, one practitioner (R4, schedule.html).
type Schedule struct {
	ResourceType    string            `json:"resourceType"`
	ID              string            `json:"id"`
	Meta            *Meta             `json:"meta,omitempty"`
	Language        string            `json:"language,omitempty"`
	Active          *bool             `json:"active,omitempty"`
	ServiceType     []CodeableConcept `json:"serviceType,omitempty"`
	Actor           []Reference       `json:"actor"`
	PlanningHorizon *Period           `json:"planningHorizon,omitempty"`
}

// Slot is one time that can be booked (R4, slot.html).
type Slot struct {
	ResourceType string            `json:"resourceType"`
	ID           string            `json:"id"`
	Meta         *Meta             `json:"meta,omitempty"`
	Extension    []Extension       `json:"extension,omitempty"`
	Language     string            `json:"language,omitempty"`
	ServiceType  []CodeableConcept `json:"serviceType,omitempty"`
	Schedule     Reference         `json:"schedule"`
	Status       string            `json:"status"`
	Start        string            `json:"start"`
	End          string            `json:"end"`
}

// Appointment is one booked visit, or one somebody waits for (R4, appointment.html). It has no reason, no comment and no description:
// those could tell what somebody is ill with.
type Appointment struct {
	ResourceType       string            `json:"resourceType"`
	ID                 string            `json:"id"`
	Meta               *Meta             `json:"meta,omitempty"`
	Language           string            `json:"language,omitempty"`
	Identifier         []Identifier      `json:"identifier,omitempty"`
	Status             string            `json:"status"`
	CancelationReason  *CodeableConcept  `json:"cancelationReason,omitempty"`
	ServiceType        []CodeableConcept `json:"serviceType,omitempty"`
	Start              string            `json:"start,omitempty"`
	End                string            `json:"end,omitempty"`
	MinutesDuration    int               `json:"minutesDuration,omitempty"`
	Slot               []Reference       `json:"slot,omitempty"`
	Created            string            `json:"created,omitempty"`
	PatientInstruction string            `json:"patientInstruction,omitempty"`
	Participant        []Participant     `json:"participant"`
}

// Participant is who takes part in an appointment and whether they agreed.
type Participant struct {
	Actor    Reference `json:"actor"`
	Required string    `json:"required,omitempty"`
	Status   string    `json:"status"`
}

// Bundle is the answer of a search (R4, bundle.html#searchset).
type Bundle struct {
	ResourceType string  `json:"resourceType"`
	Type         string  `json:"type"`
	Total        *int    `json:"total,omitempty"`
	Link         []Link  `json:"link,omitempty"`
	Entry        []Entry `json:"entry,omitempty"`
}

// Link leads to this page of a search or to the next.
type Link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// Entry is one resource of a bundle and why it is there.
type Entry struct {
	FullURL  string       `json:"fullUrl,omitempty"`
	Resource any          `json:"resource"`
	Search   *EntrySearch `json:"search,omitempty"`
}

// EntrySearch says whether an entry matched or tells about the search.
type EntrySearch struct {
	Mode string `json:"mode"`
}

// OperationOutcome says what went wrong, or what was left out (R4, operationoutcome.html).
type OperationOutcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []Issue `json:"issue"`
}

// Issue is one thing that went wrong. Diagnostics carry no personal data.
type Issue struct {
	Severity    string           `json:"severity"`
	Code        string           `json:"code"`
	Details     *CodeableConcept `json:"details,omitempty"`
	Diagnostics string           `json:"diagnostics,omitempty"`
	Expression  []string         `json:"expression,omitempty"`
}

// Instant writes t as FHIR's instant: to the second, with the offset of loc (R4, datatypes.html#instant). nil means UTC.
func Instant(t time.Time, loc *time.Location) string {
	if loc == nil {
		loc = time.UTC
	}
	return t.In(loc).Truncate(time.Second).Format(time.RFC3339)
}

// Encode writes a resource as one line of JSON without a line end, and without escaping what only HTML needs escaped.
func Encode(resource any) ([]byte, error) {
	var b lineBuffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(resource); err != nil {
		return nil, err
	}
	return b[:len(b)-1], nil
}

type lineBuffer []byte

func (b *lineBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
