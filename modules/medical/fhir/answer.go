package fhir

import (
	"cmp"
	"time"
)

// Result is one resource a search found, by its id.
type Result struct {
	ID       string
	Resource any
}

// Searchset writes the answer of a search: the links a reader follows (R4, search.html#Link: self says what was
// understood), the resources, and what was left out. next continues it; empty on the last page. total is nil when it was
// not counted.
func (v View) Searchset(s Search, found []Result, total *int, next string) Bundle {
	b := Bundle{ResourceType: "Bundle", Type: "searchset", Total: total, Link: []Link{{"self", s.address(v, s.After)}}}
	if next != "" {
		b.Link = append(b.Link, Link{"next", s.address(v, next)})
	}
	for _, r := range found {
		b.Entry = append(b.Entry, Entry{FullURL: v.Base + "/" + s.Type + "/" + r.ID, Resource: r.Resource, Search: &EntrySearch{"match"}})
	}
	if len(s.Ignored) > 0 {
		b.Entry = append(b.Entry, Entry{Resource: OperationOutcome{ResourceType: "OperationOutcome", Issue: s.Ignored}, Search: &EntrySearch{"outcome"}})
	}
	return b
}

// Outcome writes one error. slug is the stable name of the problem, detail its words for people.
func Outcome(code, slug, detail string) OperationOutcome {
	return OperationOutcome{ResourceType: "OperationOutcome", Issue: []Issue{{
		Severity: "error", Code: code, Details: &CodeableConcept{Text: detail}, Diagnostics: slug,
	}}}
}

// IssueCode returns the issue type (http://hl7.org/fhir/issue-type) of an HTTP status.
func IssueCode(status int) string {
	return cmp.Or(map[int]string{
		400: "invalid", 401: "login", 403: "forbidden", 404: "not-found", 406: "not-supported", 409: "conflict", 410: "deleted",
		413: "too-long", 422: "processing", 429: "throttled", 503: "transient",
	}[status], "exception")
}

// CapabilityStatement says what a server does (R4, capabilitystatement.html).
type CapabilityStatement struct {
	ResourceType   string         `json:"resourceType"`
	Status         string         `json:"status"`
	Date           string         `json:"date"`
	Kind           string         `json:"kind"`
	Software       Software       `json:"software"`
	Implementation Implementation `json:"implementation"`
	FHIRVersion    string         `json:"fhirVersion"`
	Format         []string       `json:"format"`
	Rest           []Rest         `json:"rest"`
}

// Software is the program that answers.
type Software struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

// Implementation is this installation.
type Implementation struct {
	Description string `json:"description"`
	URL         string `json:"url"`
}

// Rest is what can be done over HTTP.
type Rest struct {
	Mode          string         `json:"mode"`
	Documentation string         `json:"documentation,omitempty"`
	Security      *Security      `json:"security,omitempty"`
	Resource      []RestResource `json:"resource"`
}

// Security is how access is controlled.
type Security struct {
	CORS        bool              `json:"cors"`
	Service     []CodeableConcept `json:"service,omitempty"`
	Description string            `json:"description,omitempty"`
}

// RestResource is one resource type.
type RestResource struct {
	Type            string            `json:"type"`
	Interaction     []RestInteraction `json:"interaction"`
	Versioning      string            `json:"versioning,omitempty"`
	ConditionalRead string            `json:"conditionalRead,omitempty"`
	SearchParam     []SearchParam     `json:"searchParam,omitempty"`
}

// RestInteraction is something that can be done with a resource.
type RestInteraction struct {
	Code string `json:"code"`
}

// SearchParam is one parameter of a search.
type SearchParam struct {
	Name          string `json:"name"`
	Definition    string `json:"definition,omitempty"`
	Type          string `json:"type"`
	Documentation string `json:"documentation,omitempty"`
}

// Capabilities writes what this server does. released is the date of this description: it changes with the program, not
// with the day somebody asks. name is the municipality's.
func (v View) Capabilities(name, version string, released time.Time) CapabilityStatement {
	rest := Rest{Mode: "server",
		Documentation: "Read and search. Appointments are for programs the municipality lets in; everything else is public.",
		Security: &Security{CORS: false, Description: "A bearer token (RFC 9068) by client credentials, with the scopes medical.read and agency:<facility>, for Appointment.",
			Service: []CodeableConcept{{Coding: []Coding{{System: "http://terminology.hl7.org/CodeSystem/restful-security-service", Code: "OAuth", Display: "OAuth"}}}}},
	}
	for _, k := range kinds() {
		r := RestResource{Type: k.name, Interaction: []RestInteraction{{"read"}, {"search-type"}}, Versioning: "versioned", ConditionalRead: "not-match"}
		for _, p := range k.params {
			r.SearchParam = append(r.SearchParam, SearchParam{Name: p.name, Type: string(p.kind), Documentation: p.about, Definition: definition(k.name, p.name)})
		}
		rest.Resource = append(rest.Resource, r)
	}
	return CapabilityStatement{
		ResourceType: "CapabilityStatement", Status: "active", Date: released.UTC().Format(time.DateOnly), Kind: "instance",
		Software: Software{"Townhall", version}, Implementation: Implementation{name, v.Base},
		FHIRVersion: Version, Format: []string{"json", MediaType}, Rest: []Rest{rest},
	}
}

// definition is the address of HL7's own definition of a search parameter.
func definition(resource, name string) string {
	switch name {
	case "_id":
		return "http://hl7.org/fhir/SearchParameter/Resource-id"
	}
	return "http://hl7.org/fhir/SearchParameter/" + resource + "-" + name
}
