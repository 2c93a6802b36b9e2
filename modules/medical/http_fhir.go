package medical

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
	"townhall/modules/medical/fhir"
)

// facilityPrograms are programs a municipality lets read the appointments of some facilities.
var facilityPrograms = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Integrator}, Scope: "medical.read", Relation: "agency"}

// inFHIR says what went wrong as FHIR does: in an OperationOutcome (R4, http.html#rejecting).
func inFHIR() *web.Dialect {
	return &web.Dialect{Name: "Fhir", MediaType: fhir.MediaType, Problem: func(p *web.Problem) any {
		return fhir.Outcome(fhir.IssueCode(p.Status), p.Code, p.Detail)
	}}
}

// fhirOp is what every operation of the FHIR view shares.
func fhirOp(id, path, summary, about string, policy web.Policy, example any) web.Op {
	content := func(example any) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{fhir.MediaType: {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A resource of FHIR R4 (4.0.1)."}, Example: example}}
	}
	refusal := fhir.Outcome("value", "fhir-search", "start: want a date or an instant, such as 2026-11-24 or 2026-11-24T09:00:00Z")
	return web.Op{ID: id, Method: http.MethodGet, Path: "/fhir/R4" + path, Summary: summary, Description: about, Tags: []string{"FHIR"}, Policy: policy, Dialect: inFHIR(),
		Responses: map[string]*huma.Response{
			"200": {Description: "The resource.", Content: content(example)},
			"304": {Description: "The resource is the one you have."},
			"400": {Description: "The search cannot be read.", Content: content(refusal)},
			"406": {Description: "Only JSON is served here.", Content: content(fhir.Outcome("not-supported", "not-acceptable", "Only application/fhir+json is served here."))},
		}}
}

func (s *Service) registerFHIR(api *web.API) {
	v := fhir.View{Origin: "https://northwick.example", Base: "https://northwick.example" + fhirBase, Language: "en"}
	web.Register(api, fhirOp("fhir-metadata", "/metadata", "Say what this FHIR server does", "The CapabilityStatement: resources, interactions and search parameters.", web.Public,
		v.Capabilities("Northwick", web.Version, released)), s.fhirMetadata)
	for _, kind := range fhir.Types() {
		policy, who := web.Public, "Public."
		if kind == "Appointment" {
			policy, who = facilityPrograms, "For programs with the scopes `medical.read` and `agency:<facility>`. It names neither the patient nor the reason; each one that is shown is recorded in its patient's access log."
		}
		example := exampleResource(v, kind)
		name := strings.ToLower(kind)
		web.Register(api, fhirOp("fhir-read-"+name, "/"+kind+"/{id}", "Read one "+kind, who+" An `If-None-Match` with its ETag is answered with 304.", policy, example), s.fhirReader(kind))
		search := fhirOp("fhir-search-"+name, "/"+kind, "Search "+kind+" resources", who+" A searchset bundle (R4, search.html). A parameter that is not listed is left out, and an OperationOutcome in the bundle says so; with `Prefer: handling=strict` it is refused. Follow `link[relation=next]` for more.", policy,
			v.Searchset(fhir.Search{Type: kind}, []fhir.Result{{ID: exampleID, Resource: example}}, nil, ""))
		s.registerSearch(api, kind, search)
	}
}

// registerSearch declares the parameters of one resource's search; which they are is fhir.ParseSearch's to say.
func (s *Service) registerSearch(api *web.API, kind string, op web.Op) {
	switch kind {
	case "Appointment":
		web.Register(api, op, searcher[AppointmentSearch](s, kind))
	case "Location":
		web.Register(api, op, searcher[LocationSearch](s, kind))
	case "Practitioner":
		web.Register(api, op, searcher[PractitionerSearch](s, kind))
	case "Schedule":
		web.Register(api, op, searcher[ScheduleSearch](s, kind))
	case "Slot":
		web.Register(api, op, searcher[SlotSearch](s, kind))
	}
}

// released is the date of the description, not of the day somebody asks.
var released = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

const exampleID = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"

// exampleResource is one resource of a kind, for the contract.
func exampleResource(v fhir.View, kind string) any {
	name := kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Риверсайд»", "zh": "河畔诊所"}
	visit := fhir.Kind{Code: "first-visit", Service: "doctor-appointment", Name: kernel.Text{"en": "First visit to a doctor"}}
	at := time.Date(2026, 12, 1, 9, 40, 0, 0, time.UTC)
	stamp := fhir.Stamp{Version: "1"}
	switch kind {
	case "Location":
		return v.Location(fhir.Place{Stamp: stamp, ID: exampleID, Facility: "riverside-clinic", FacilityIn: name, Name: name, Phone: "+44 1632 960100", Lines: []string{"1 Quay Street"},
			City: "Northwick", Region: "Northwick", PostalCode: "NW7 1AA", Country: "GB", Active: true})
	case "Practitioner":
		return v.Practitioner(fhir.Doctor{Stamp: stamp, ID: exampleID, Name: "Dr Amara Osei", Languages: []string{"en"}, Active: true})
	case "Schedule":
		return v.Schedule(fhir.Agenda{Stamp: stamp, ID: exampleID, Place: exampleID, PlaceIn: name, Practitioner: exampleID, DoctorName: "Dr Amara Osei", Kinds: []fhir.Kind{visit}, From: "2026-11-01", Active: true})
	case "Slot":
		return v.Slot(fhir.Opening{Stamp: stamp, ID: exampleID, Agenda: exampleID, Kinds: []fhir.Kind{visit}, Start: at, End: at.Add(20 * time.Minute), Status: fhir.SlotFree, Left: 1,
			Link: bookingLink(v.Origin, []fhir.Kind{visit}, exampleID)})
	}
	return v.Appointment(fhir.Visit{Stamp: stamp, ID: exampleID, Number: "DA-2026-7K4M-93Q2", Status: "booked", Kind: visit, Slot: exampleID, Start: at, End: at.Add(20 * time.Minute),
		CreatedAt: at.AddDate(0, 0, -7), Place: exampleID, PlaceIn: name, Practitioner: exampleID, DoctorName: "Dr Amara Osei"})
}

// FHIRRequest is what every request of the FHIR view may say; it is read from the request itself, as FHIR writes it.
type FHIRRequest struct {
	Accept      string `header:"Accept" maxLength:"500" example:"application/fhir+json" doc:"Only JSON is served here."`
	IfNoneMatch string `header:"If-None-Match" maxLength:"500" doc:"The ETag of what you have."`
	Prefer      string `header:"Prefer" maxLength:"200" example:"handling=strict" doc:"handling=strict refuses parameters that are not known; handling=lenient, as without it, leaves them out."`

	query url.Values
}

// Resolve reads the parameters of the search.
func (r *FHIRRequest) Resolve(hc huma.Context) []error {
	u := hc.URL()
	r.query = u.Query()
	return nil
}

// acceptable reports whether the client takes JSON (RFC 9110 §12.5.1).
func (r *FHIRRequest) acceptable() bool {
	if r.Accept == "" {
		return true
	}
	for _, one := range strings.Split(r.Accept, ",") {
		media, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(one)), ";")
		if slices.Contains([]string{"*/*", "application/*", "application/json", fhir.MediaType, "text/json"}, strings.TrimSpace(media)) {
			return true
		}
	}
	return false
}

// FHIRPaging is what every search takes.
type FHIRPaging struct {
	ID     []string `query:"_id,explode" doc:"Logical ids."`
	Count  string   `query:"_count" example:"50" doc:"How many on a page: 50 when absent, at most 200; 0 asks for the number of matches alone."`
	Page   string   `query:"_page" doc:"Carried by the link to the next page."`
	Format string   `query:"_format" doc:"json."`
}

func (r *FHIRRequest) request() *FHIRRequest { return r }

// AppointmentSearch narrows appointments.
type AppointmentSearch struct {
	FHIRRequest
	FHIRPaging
	Date         []string `query:"date,explode" example:"[\"ge2026-12-01\"]" doc:"When the visit begins; prefixes eq, gt, ge, lt, le, sa, eb. Give it twice for a range."`
	Status       []string `query:"status,explode" example:"[\"booked\"]" doc:"waitlist, pending, booked, arrived, fulfilled, cancelled, noshow."`
	Practitioner []string `query:"practitioner,explode" doc:"Practitioner/<id>."`
	Location     []string `query:"location,explode" doc:"Location/<id>."`
	Service      []string `query:"service-type,explode" doc:"The municipality's kind of visit."`
	Slot         []string `query:"slot,explode" doc:"Slot/<id>."`
	Identifier   []string `query:"identifier,explode" doc:"The number people quote."`
}

// LocationSearch narrows places.
type LocationSearch struct {
	FHIRRequest
	FHIRPaging
	Name   []string `query:"name,explode" doc:"The beginning of its name, in any language."`
	City   []string `query:"address-city,explode" doc:"The beginning of the town's name."`
	Status []string `query:"status,explode" doc:"active or inactive."`
}

// PractitionerSearch narrows practitioners.
type PractitionerSearch struct {
	FHIRRequest
	FHIRPaging
	Name          []string `query:"name,explode" doc:"The beginning of a part of the name."`
	Active        []string `query:"active,explode" doc:"true or false."`
	Communication []string `query:"communication,explode" doc:"A language (BCP 47)."`
}

// ScheduleSearch narrows schedules.
type ScheduleSearch struct {
	FHIRRequest
	FHIRPaging
	Actor   []string `query:"actor,explode" doc:"Location/<id> or Practitioner/<id>."`
	Active  []string `query:"active,explode" doc:"true or false."`
	Service []string `query:"service-type,explode" doc:"The municipality's kind of visit."`
}

// SlotSearch narrows slots.
type SlotSearch struct {
	FHIRRequest
	FHIRPaging
	Schedule []string `query:"schedule,explode" doc:"Schedule/<id>."`
	Status   []string `query:"status,explode" example:"[\"free\"]" doc:"free, busy, busy-tentative, busy-unavailable."`
	Start    []string `query:"start,explode" example:"[\"ge2026-12-01\",\"lt2026-12-08\"]" doc:"When it begins; prefixes eq, gt, ge, lt, le, sa, eb. Give it twice for a range."`
	Service  []string `query:"service-type,explode" doc:"The municipality's kind of visit."`
}

// FHIRReadInput names a resource.
type FHIRReadInput struct {
	FHIRRequest
	ID string `path:"id" maxLength:"64" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The resource's logical id."`
}

// FHIROutput is a resource, or nothing when it did not change.
type FHIROutput struct {
	Status       int
	ContentType  string `header:"Content-Type" doc:"Always application/fhir+json."`
	ETag         string `header:"ETag" doc:"Of a resource: changes with its version."`
	LastModified string `header:"Last-Modified" doc:"Of a resource, when it is known."`
	CacheControl string `header:"Cache-Control" doc:"Who may keep it."`
	Vary         string `header:"Vary" doc:"Texts come in the language asked for."`
	Body         []byte
}

func fhirAnswer(status int, body any, cache string) (*FHIROutput, error) {
	b, err := fhir.Encode(body)
	if err != nil {
		return nil, err
	}
	return &FHIROutput{Status: status, ContentType: fhir.MediaType, CacheControl: cache, Vary: "Accept-Language", Body: b}, nil
}

func notAcceptable() (*FHIROutput, error) {
	return fhirAnswer(http.StatusNotAcceptable, fhir.Outcome("not-supported", "not-acceptable", "Only application/fhir+json is served here."), "no-store")
}

// cacheOf is how long an answer may be kept: what is about a person not at all.
func cacheOf(kind string) string {
	if kind == "Appointment" {
		return "no-store"
	}
	return "no-cache" // kept, and asked for anew each time
}

// searcher answers searches whose parameters I declares.
func searcher[I any, P interface {
	*I
	request() *FHIRRequest
}](s *Service, kind string) func(context.Context, *I) (*FHIROutput, error) {
	return func(ctx context.Context, in *I) (*FHIROutput, error) {
		r := P(in).request()
		if !r.acceptable() {
			return notAcceptable()
		}
		bundle, err := s.fhirSearch(ctx, kind, r.query, fhir.Strict([]string{r.Prefer}))
		if issue, refused := isRefusal(err); refused {
			return fhirAnswer(http.StatusBadRequest, fhir.OperationOutcome{ResourceType: "OperationOutcome", Issue: []fhir.Issue{issue}}, "no-store")
		}
		if err != nil {
			return nil, err
		}
		return fhirAnswer(http.StatusOK, bundle, cacheOf(kind))
	}
}

func (s *Service) fhirReader(kind string) func(context.Context, *FHIRReadInput) (*FHIROutput, error) {
	return func(ctx context.Context, in *FHIRReadInput) (*FHIROutput, error) {
		if !in.acceptable() {
			return notAcceptable()
		}
		found, err := s.fhirRead(ctx, kind, in.ID)
		if err != nil {
			return nil, err
		}
		out, err := fhirAnswer(http.StatusOK, found.Resource, cacheOf(kind))
		if err != nil {
			return nil, err
		}
		return out.conditional(in.IfNoneMatch, found), nil
	}
}

// conditional puts the version on the answer, and takes the body off when the client has it already (R4, http.html#cread).
func (o *FHIROutput) conditional(ifNoneMatch string, r resource) *FHIROutput {
	o.ETag = `W/` + strconv.Quote(r.version)
	if !r.modified.IsZero() {
		o.LastModified = r.modified.UTC().Format(http.TimeFormat)
	}
	if etagMatches(ifNoneMatch, o.ETag) {
		o.Status, o.Body = http.StatusNotModified, nil
	}
	return o
}

// etagMatches compares weakly (RFC 9110 §13.1.2): for a cache, a weak tag is as good as a strong one.
func etagMatches(ifNoneMatch, etag string) bool {
	for _, one := range strings.Split(ifNoneMatch, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || one != "" && strings.TrimPrefix(one, "W/") == strings.TrimPrefix(etag, "W/") {
			return true
		}
	}
	return false
}

func (s *Service) fhirMetadata(ctx context.Context, in *FHIRRequest) (*FHIROutput, error) {
	if !in.acceptable() {
		return notAcceptable()
	}
	return fhirAnswer(http.StatusOK, fhirView(ctx).Capabilities(kernel.TenantOf(ctx).Name.In(kernel.LocaleOf(ctx)), web.Version, released), "public, max-age=3600")
}
