package web

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// accessText and sharedText are the parts of a contract's description that are the same in all of them: what an
// integrator has to know before the first call.
const accessText = `

## Access tokens
Operations marked with a lock need ` + "`Authorization: Bearer …`" + ` with a JWT access token (RFC 9068) whose audience is exactly
` + "`https://<municipality>%s`" + `, without a slash at its end. A token for another contract or another municipality is refused.
` + "`x-townhall-policy`" + ` says for each operation who may call it: the kinds of caller, and the role or scope they need.`

const sharedText = `

## Addresses
Paths are relative to the municipality's own address, for instance ` + "`https://northwick.example%s`" + `.

## Errors
Every error is ` + "`application/problem+json`" + ` (RFC 9457). Switch on its ` + "`code`" + `, which never changes its meaning; ` + "`problems.yaml`" + `
lists all of them. ` + "`detail`" + ` may be shown to a person. Treat a status that is not declared by its class. The response header
` + "`X-Request-Id`" + ` names the request when you ask us about it.

## Retries
GET may be repeated at any time. A POST that declares the header ` + "`Idempotency-Key`" + ` may be repeated with the same key and the same
body until it is answered: it happens once, and every repetition gets the first answer. The same key with another body is
refused (422 ` + "`idempotency-key-reused`" + `). On 503 wait for ` + "`Retry-After`" + ` seconds first.

## Languages
Texts come in the language of ` + "`Accept-Language`" + `: en, ru or zh. Names, codes and identifiers are the same in all of them.
Instants are RFC 3339 in UTC.`

const bearerText = "A JWT access token (RFC 9068) of an issuer the municipality trusts. Its audience is the municipality's origin followed by this contract's base path, " +
	"for instance `https://northwick.example%s`. A citizen's or official's token comes from the authorization code flow with PKCE, a program's from the client credentials grant. " +
	"When 401 says `insufficient_user_authentication`, have the person sign in again with the `acr_values` and `max_age` of the WWW-Authenticate header (RFC 9470)."

// schemaName is huma's name of a schema without what Go calls it: StartInput's body is a StartRequest, ServicesOutput's
// is Services.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if base, ok := strings.CutSuffix(name, "InputBody"); ok {
		return base + "Request"
	}
	return strings.TrimSuffix(name, "OutputBody")
}

// answer is a response every contract shares: when it comes, its example, and the headers that go with it.
type answer struct {
	when, code, detail string
	headers            []string
}

var answers = map[int]answer{
	http.StatusBadRequest:            {"The request cannot be read, or a header it needs is missing.", "malformed-request", "The request cannot be read.", nil},
	http.StatusUnauthorized:          {"There is no access token, it is not acceptable here (`invalid_token`), or the sign-in behind it is too weak or too old (`insufficient_user_authentication`, RFC 9470).", "sign-in-required", "Sign in to go on.", []string{"WWW-Authenticate"}},
	http.StatusForbidden:             {"The caller is known and may not do this.", "not-allowed", "You do not have the right to do this.", nil},
	http.StatusNotFound:              {"It does not exist, or it is not yours: both read the same. Also when no municipality answers at this address.", "not-found", "There is nothing here that you can see.", nil},
	http.StatusRequestTimeout:        {"The request took too long to arrive.", "too-slow", "The request took too long to arrive.", nil},
	http.StatusConflict:              {"The request was right, but not at this point: something changed meanwhile, or the first request with this Idempotency-Key still runs.", "changed-meanwhile", "Somebody changed this in the meantime. Look at it again before you go on.", nil},
	http.StatusRequestEntityTooLarge: {"The request is too large.", "too-large", "The request is too large.", nil},
	http.StatusUnsupportedMediaType:  {"The body is not of the declared media type.", "unsupported-media-type", "Send application/json.", nil},
	http.StatusUnprocessableEntity:   {"The request was read, and something in it is wrong: `errors` names each field.", "invalid-input", "Some answers need your attention.", nil},
	http.StatusTooManyRequests:       {"Too many requests.", "too-many-requests", "Too many requests. Please wait a moment.", []string{"Retry-After"}},
	http.StatusInternalServerError:   {"Something went wrong on our side; nothing was saved.", "internal", "Something went wrong on our side. Nothing was saved; please try again.", nil},
	http.StatusServiceUnavailable:    {"Not possible at the moment; the same request will work later.", "database-unavailable", "This is not possible at the moment. Please try again shortly.", []string{"Retry-After"}},
}

var sharedHeaders = map[string]*huma.Header{
	"WWW-Authenticate": {Description: "What is missing (RFC 6750 §3, RFC 9470 §3).", Schema: &huma.Schema{Type: huma.TypeString}, Example: `Bearer error="insufficient_user_authentication", acr_values="substantial"`},
	"Retry-After":      {Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger, Minimum: new(float64(1))}, Example: 5},
}

func (a answer) response(status int, schema *huma.Schema) *huma.Response {
	p := newProblem(status, a.code, a.detail)
	if status == http.StatusUnprocessableEntity {
		p.Errors = []ProblemField{{Field: "body.input.copies", Code: "field.out-of-range", Detail: "Enter a number from 1 to 5."}}
	}
	r := &huma.Response{Description: a.when, Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema, Example: p}}}
	for _, h := range a.headers {
		if r.Headers == nil {
			r.Headers = map[string]*huma.Header{}
		}
		r.Headers[h] = sharedHeaders[h]
	}
	return r
}

// finish says once what the operations of a contract share, and gives every body an example. It runs before the first
// request and changes the description alone.
func (a *API) finish() {
	spec := a.huma.OpenAPI()
	spec.Components.Responses = map[string]*huma.Response{}
	spec.Components.Parameters = map[string]*huma.Param{"AcceptLanguage": {
		Name: "Accept-Language", In: "header", Description: "The languages to answer in, most wanted first (RFC 9110 §12.5.4): en, ru or zh; else en.",
		Schema: &huma.Schema{Type: huma.TypeString}, Example: "ru, en;q=0.5",
	}}
	used, locked := map[string]bool{}, false
	for _, op := range operations(spec) {
		for _, t := range op.Tags {
			used[t] = true
		}
		locked = locked || len(op.Security) > 0
		op.Parameters = append(op.Parameters, &huma.Param{Ref: "#/components/parameters/AcceptLanguage"})
		a.shareErrors(spec, op)
		exampleBodies(spec.Components.Schemas, op, a.examples[op.OperationID])
	}
	for _, t := range slices.Sorted(maps.Keys(used)) {
		spec.Tags = append(spec.Tags, &huma.Tag{Name: t, Description: a.contract.Tags[t]})
	}
	if locked {
		spec.Info.Description += fmt.Sprintf(accessText, a.contract.Prefix)
	} else {
		spec.Components.SecuritySchemes = nil
	}
	spec.Info.Description += fmt.Sprintf(sharedText, a.contract.Prefix)
}

// shareErrors replaces the error responses of op by references to the shared ones, adding those that a body can bring.
func (a *API) shareErrors(spec *huma.OpenAPI, op *huma.Operation) {
	var statuses []int
	for s := range op.Responses {
		if n, err := strconv.Atoi(s); err == nil && n >= 400 {
			statuses = append(statuses, n)
		}
	}
	if op.RequestBody != nil {
		statuses = append(statuses, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge)
		if op.RequestBody.Content["application/json"] != nil {
			statuses = append(statuses, http.StatusUnsupportedMediaType)
		}
	}
	schema := &huma.Schema{Ref: "#/components/schemas/Problem"}
	for _, s := range statuses {
		what, ok := answers[s]
		if !ok {
			continue
		}
		name := strings.ReplaceAll(http.StatusText(s), " ", "")
		if d := a.dialects[op.OperationID]; d != nil {
			name = d.Name + name
			spec.Components.Responses[name] = d.response(what, s)
		}
		if spec.Components.Responses[name] == nil {
			spec.Components.Responses[name] = what.response(s, schema)
		}
		op.Responses[strconv.Itoa(s)] = &huma.Response{Ref: "#/components/responses/" + name}
	}
}

// exampleBodies puts an example beside every JSON body, made of the examples of its members, so that a reader sees
// whole messages. Optional members without an example of their own are left out; differs changes
// members of the response's.
func exampleBodies(reg huma.Registry, op *huma.Operation, differs map[string]any) {
	give := func(content map[string]*huma.MediaType) {
		if m := content["application/json"]; m != nil && m.Example == nil && m.Schema != nil {
			m.Example = exampleOf(reg, m.Schema)
		}
	}
	if op.RequestBody != nil {
		give(op.RequestBody.Content)
	}
	for _, r := range op.Responses {
		give(r.Content)
		if m := r.Content["application/json"]; m != nil {
			m.Example = changed(m.Example, differs)
		}
	}
}

func changed(example any, differs map[string]any) any {
	object, ok := example.(map[string]any)
	for name, value := range differs {
		if !ok {
			break
		}
		if object[name] = value; value == nil {
			delete(object, name)
		}
	}
	return example
}

const (
	exampleID   = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"
	exampleTime = "2026-11-20T09:30:00Z"
)

func exampleOf(reg huma.Registry, s *huma.Schema) any {
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	if s.Ref != "" {
		return exampleOf(reg, reg.SchemaFromRef(s.Ref))
	}
	switch {
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Format == "date-time":
		return exampleTime
	case s.Format == "uuid":
		return exampleID
	}
	switch s.Type {
	case huma.TypeArray:
		return []any{exampleOf(reg, s.Items)}
	case huma.TypeObject:
		object := map[string]any{}
		for name, member := range s.Properties {
			if slices.Contains(s.Required, name) || hasExample(reg, member) {
				object[name] = exampleOf(reg, member)
			}
		}
		return object
	case huma.TypeBoolean:
		return false
	case huma.TypeInteger, huma.TypeNumber:
		return 0
	}
	return "…"
}

func hasExample(reg huma.Registry, s *huma.Schema) bool {
	return len(s.Examples) > 0 || s.Ref != "" && hasExample(reg, reg.SchemaFromRef(s.Ref))
}

func operations(spec *huma.OpenAPI) []*huma.Operation {
	var out []*huma.Operation
	for _, path := range slices.Sorted(maps.Keys(spec.Paths)) {
		item := spec.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op != nil {
				out = append(out, op)
			}
		}
	}
	return out
}

// gaps lists what a reader of the contract would miss: a tag or an operation nobody describes, a body with a blank in
// its example.
func gaps(spec *huma.OpenAPI) error {
	for _, t := range spec.Tags {
		if t.Description == "" {
			return fmt.Errorf("the tag %q has no description", t.Name)
		}
	}
	for _, op := range operations(spec) {
		if op.Summary == "" || op.Description == "" {
			return fmt.Errorf("operation %s has no summary or description", op.OperationID)
		}
		b, err := json.Marshal(op)
		if err != nil {
			return err
		}
		if strings.Contains(string(b), `"…"`) {
			return fmt.Errorf("operation %s: a member of a body has no example", op.OperationID)
		}
	}
	return nil
}
