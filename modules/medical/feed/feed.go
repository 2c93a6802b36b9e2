// Package feed reads and writes SMART Scheduling Links: the feed in which clinics publish what can be booked where
// (github.com/smart-on-fhir/smart-scheduling-links, specification.md). A manifest names files of one JSON object per
// line: Location, Schedule and Slot, a small part of FHIR R4. The package is pure: it fetches nothing.
package feed

import (
	"encoding/json"
	"io"
	"iter"
	"time"
)

// Resource types, as they stand in a manifest and in every line.
const (
	TypeLocation = "Location"
	TypeSchedule = "Schedule"
	TypeSlot     = "Slot"
)

// Status of a slot.
const (
	Free = "free"
	Busy = "busy"
)

// Addresses of extensions and code systems in the specification ("Slot File", "Schedule File").
const (
	ExtensionDeepLink = "http://fhir-registry.smarthealthit.org/StructureDefinition/booking-deep-link"
	ExtensionCapacity = "http://fhir-registry.smarthealthit.org/StructureDefinition/slot-capacity"
	SystemServiceType = "http://terminology.hl7.org/CodeSystem/service-type"
	SystemVTrckS      = "https://cdc.gov/vaccines/programs/vtrcks"
)

// Codes of SystemServiceType we publish.
const (
	CodeImmunization    = "57"
	CodeGeneralPractice = "124"
)

// Manifest is the entry of a feed, at an address that ends in $bulk-publish.
type Manifest struct {
	TransactionTime time.Time `json:"transactionTime"`
	Request         string    `json:"request"` // its own address
	Output          []Output  `json:"output"`
	Error           []Output  `json:"error"` // always empty; FHIR bulk data asks for it
}

// Output names one file.
type Output struct {
	Type      string `json:"type"`
	URL       string `json:"url"`
	Extension *Area  `json:"extension,omitempty"`
}

// Area says for which states a file is.
type Area struct {
	State []string `json:"state"`
}

// NewManifest is a manifest without files.
func NewManifest(at time.Time, address string) Manifest {
	return Manifest{TransactionTime: at.UTC().Truncate(time.Second), Request: address, Output: []Output{}, Error: []Output{}}
}

// Location is a place where people are seen.
type Location struct {
	ResourceType string       `json:"resourceType"`
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Description  string       `json:"description,omitempty"`
	Telecom      []Telecom    `json:"telecom,omitempty"`
	Address      Address      `json:"address"`
	Position     *Position    `json:"position,omitempty"`
	Identifier   []Identifier `json:"identifier,omitempty"`
}

// Telecom is a telephone number, or an address on the web.
type Telecom struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Address is a postal address.
type Address struct {
	Line       []string `json:"line"`
	City       string   `json:"city"`
	District   string   `json:"district,omitempty"`
	State      string   `json:"state,omitempty"`
	PostalCode string   `json:"postalCode"`
	Country    string   `json:"country,omitempty"`
}

// Position is a point in WGS 84.
type Position struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

// Identifier is a number somebody else gave, such as a VTrckS PIN.
type Identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Schedule is one service at one location.
type Schedule struct {
	ResourceType string        `json:"resourceType"`
	ID           string        `json:"id"`
	ServiceType  []ServiceType `json:"serviceType"`
	Actor        []Reference   `json:"actor"`
	Extension    []Extension   `json:"extension,omitempty"`
}

// ServiceType is a concept with its codes.
type ServiceType struct {
	Coding []Coding `json:"coding"`
	Text   string   `json:"text,omitempty"`
}

// Coding is one code of a system.
type Coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

// Reference points at another resource of the feed, as "Location/123".
type Reference struct {
	Reference string `json:"reference"`
}

// Slot is a time at which people can, or cannot, come.
type Slot struct {
	ResourceType string      `json:"resourceType"`
	ID           string      `json:"id"`
	Schedule     Reference   `json:"schedule"`
	Status       string      `json:"status"`
	Start        time.Time   `json:"start"` // in the place's zone: the offset is published
	End          time.Time   `json:"end"`
	Extension    []Extension `json:"extension,omitempty"`
}

// Extension is one of those the specification names; others are not read.
type Extension struct {
	URL          string `json:"url"`
	ValueURL     string `json:"valueUrl,omitempty"`
	ValueInteger int    `json:"valueInteger,omitempty"`
	ValueString  string `json:"valueString,omitempty"`
}

// NewSlot makes a slot's line. link is where to book it, capacity how many people it has room for.
func NewSlot(id, schedule, status string, start, end time.Time, link string, capacity int) Slot {
	s := Slot{ResourceType: TypeSlot, ID: id, Schedule: Reference{TypeSchedule + "/" + schedule}, Status: status,
		Start: start.Truncate(time.Second), End: end.Truncate(time.Second)}
	if link != "" {
		s.Extension = append(s.Extension, Extension{URL: ExtensionDeepLink, ValueURL: link})
	}
	if capacity > 1 {
		s.Extension = append(s.Extension, Extension{URL: ExtensionCapacity, ValueInteger: capacity})
	}
	return s
}

// Capacity is how many people a slot has room for: 1 where nothing is said.
func (s Slot) Capacity() int {
	for _, e := range s.Extension {
		if e.URL == ExtensionCapacity {
			return e.ValueInteger
		}
	}
	return 1
}

// Link is where the slot can be booked, or empty.
func (s Slot) Link() string {
	for _, e := range s.Extension {
		if e.URL == ExtensionDeepLink {
			return e.ValueURL
		}
	}
	return ""
}

// Write writes one resource per line, as they come: a feed of a million slots needs no memory of that size.
func Write[T Location | Schedule | Slot](w io.Writer, all iter.Seq[T]) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // links with & stay readable
	for r := range all {
		if err := e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// Publisher is the record by which a publisher is listed in the registry of the specification's home.
type Publisher struct {
	Context     string       `json:"@context"`
	Type        string       `json:"@type"`
	Name        string       `json:"name"`
	ServiceType string       `json:"serviceType"`
	Category    string       `json:"category"` // production or testing
	URL         string       `json:"url"`      // https, ends in $bulk-publish
	Provider    Organization `json:"provider"`
}

// Organization stands behind a publisher.
type Organization struct {
	Type         string         `json:"@type"`
	Name         string         `json:"name"`
	ContactPoint []ContactPoint `json:"contactPoint"`
}

// ContactPoint is whom to write to.
type ContactPoint struct {
	Type  string `json:"@type"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// NewPublisher describes a publisher. address is the manifest's; testing says that the times are not real.
func NewPublisher(name, address, organization, contact, email string, testing bool) Publisher {
	category := "production"
	if testing {
		category = "testing"
	}
	return Publisher{
		Context: "https://schema.org/", Type: "Service", Name: name, ServiceType: "https://github.com/smart-on-fhir/smart-scheduling-links",
		Category: category, URL: address,
		Provider: Organization{Type: "Organization", Name: organization, ContactPoint: []ContactPoint{{Type: "ContactPoint", Name: contact, Email: email}}},
	}
}
