package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"townhall/modules/kernel"
)

// Contract is one published API: its operations live below Prefix and are described in openapi/<Name>.yaml.
type Contract struct {
	Name        string // "civic"
	Prefix      string // "/civic/v1"; tokens for it carry the audience origin+Prefix
	Title       string
	Description string            // what it is for; the rules all contracts share are added to it
	Tags        map[string]string // what each tag gathers, in a sentence
	Register    func(*API)
}

// API is a contract being put together; modules add to it with Register.
type API struct {
	contract Contract
	huma     huma.API
	server   *Server
	examples map[string]map[string]any // by operation
	dialects map[string]*Dialect       // by operation
}

// Op describes one operation. Every POST that creates or pays sets Idempotent.
type Op struct {
	ID          string // unique, kebab case: "start-application"
	Method      string
	Path        string
	Summary     string
	Description string
	Tags        []string
	Status      int // the success status; 200 when zero
	Policy      Policy
	Idempotent  bool
	OwnTexts    bool           // the handler itself refuses card numbers; see Page.OwnTexts
	Errors      []int          // statuses beyond those that follow from the policy
	MaxBody     int64          // bytes; 0 means 1 MiB
	Returns     string         // what the success response holds, in a few words
	Example     map[string]any // members in which the success response's example differs from the general one; nil leaves one out
	Responses   map[string]*huma.Response
	AlsoTakes   map[string]*huma.MediaType // further media types of the body, which the handler reads itself
	Dialect     *Dialect                   // nil: errors are problem+json. Else the handler checks every parameter itself
}

// Operation is one row of the access matrix: an API operation or a page.
type Operation struct {
	Contract   string // "" for a page
	ID         string
	Method     string
	Path       string
	Policy     Policy
	Idempotent bool
}

// IdempotencyInput is embedded by the input of every idempotent operation, so that the contract declares the header.
type IdempotencyInput struct {
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" maxLength:"255" pattern:"^[!-~]+$" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"A fresh value for each new request, the same value for every retry of it; the first answer can be had again for 72 hours (draft-ietf-httpapi-idempotency-key)."`
}

// Register adds an operation. The handler's errors are kernel.Errors; anything else becomes a bare 500.
func Register[I, O any](api *API, op Op, fn func(context.Context, *I) (*O, error)) {
	api.server.add(Operation{api.contract.Name, op.ID, op.Method, api.contract.Prefix + op.Path, op.Policy, op.Idempotent})
	errs := slices.Clone(op.Errors)
	if !op.Policy.public() {
		errs = append(errs, http.StatusForbidden)
	}
	if op.Idempotent {
		errs = append(errs, http.StatusBadRequest, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	// A token nobody asked for is still checked, an address may be nobody's, and an unknown query parameter is wrong.
	errs = append(errs, http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable)
	slices.Sort(errs)
	if op.Responses == nil && op.Returns != "" {
		op.Responses = map[string]*huma.Response{strconv.Itoa(cmp.Or(op.Status, http.StatusOK)): {Description: op.Returns}}
	}
	api.examples[op.ID], api.dialects[op.ID] = op.Example, op.Dialect
	security := []map[string][]string{{"bearer": {}}}
	if op.Policy.public() {
		security = []map[string][]string{}
	}
	huma.Register(api.huma, huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path,
		Summary: op.Summary, Description: op.Description, Tags: op.Tags,
		DefaultStatus: op.Status, Errors: slices.Compact(errs), MaxBodyBytes: op.MaxBody,
		Responses: op.Responses, Security: security, SkipValidateParams: op.Dialect != nil,
		Extensions:  map[string]any{"x-townhall-policy": op.Policy.extension()},
		Middlewares: huma.Middlewares{api.server.guard(api, op)},
	}, func(ctx context.Context, in *I) (*O, error) {
		bodyIsRead(ctx)
		if !op.OwnTexts {
			if err := cardsInBody(in); err != nil {
				return nil, op.say(api.server.problemOf(requestOf(ctx), err))
			}
		}
		out, err := fn(ctx, in)
		if err != nil {
			return nil, op.say(api.server.problemOf(requestOf(ctx), err))
		}
		return out, nil
	})
	if item := api.huma.OpenAPI().Paths[op.Path]; item.Post != nil && item.Post.RequestBody != nil {
		maps.Copy(item.Post.RequestBody.Content, op.AlsoTakes)
	}
}

// guard authenticates, checks the policy and prepares idempotency, before the input is even read.
func (s *Server) guard(api *API, op Op) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		ctx, err := s.admit(hc.Context(), r, api.contract.Prefix, op)
		if err != nil {
			s.refuseOp(w, r, op, err)
			return
		}
		if !op.Policy.public() { // what is somebody's own stays in no cache; a handler may say otherwise
			w.Header().Set("Cache-Control", "no-store")
		}
		next(huma.WithContext(hc, context.WithValue(ctx, requestKey{}, exchange{r, w})))
	}
}

func (s *Server) admit(ctx context.Context, r *http.Request, prefix string, op Op) (context.Context, error) {
	tenant := kernel.TenantOf(ctx)
	if tenant.ID == "" {
		return nil, errNoTenant
	}
	who := kernel.Principal{Kind: kernel.Anonymous, Tenant: tenant.ID}
	if r.Header.Get("Authorization") != "" {
		var err error
		if who, err = s.auth.Bearer(r, tenant.Origin+prefix); err != nil {
			return nil, err
		}
	}
	note(ctx, who)
	if err := op.Policy.Check(who, s.clock.Now()); err != nil {
		return nil, err
	}
	ctx = kernel.WithPrincipal(ctx, who)
	if !op.Idempotent {
		return ctx, nil
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return nil, errKeyMissing
	}
	hash, err := hashBody(r, op.MaxBody)
	if err != nil {
		return nil, err
	}
	return kernel.WithIdempotency(ctx, kernel.Idempotency{Key: key, Operation: op.ID, Hash: hash}), nil
}

// hashBody reads the body, puts it back, and returns the fingerprint two attempts are compared by.
func hashBody(r *http.Request, limit int64) (string, error) {
	if limit == 0 {
		limit = 1 << 20
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return "", errTooLarge
		}
		return "", kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	if int64(len(body)) > limit {
		return "", errTooLarge
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	h := sha256.New()
	io.WriteString(h, r.Method+" "+r.URL.Path+"\n")
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)), nil
}

var (
	errNoTenant   = kernel.NewError(kernel.NotFound, "unknown-municipality", "No municipality answers at this address.")
	errKeyMissing = kernel.NewError(kernel.Malformed, "idempotency-key-missing", "Send an Idempotency-Key header with this request.")
	errTooLarge   = kernel.NewError(kernel.TooLarge, "too-large", "The request is too large.")
)

type requestKey struct{}

// exchange is the request a handler works for, and where its answer goes.
type exchange struct {
	r *http.Request
	w http.ResponseWriter
}

func requestOf(ctx context.Context) *http.Request {
	x, _ := ctx.Value(requestKey{}).(exchange)
	return x.r.WithContext(ctx)
}

// bodyIsRead ends the time a body may take to arrive. huma sets that deadline and leaves it on the connection, where
// net/http goes on reading to see whether the client is still there: when it passes, the context of a handler that is
// still at work would end, five seconds after the body came.
func bodyIsRead(ctx context.Context) {
	x, _ := ctx.Value(requestKey{}).(exchange)
	_ = http.NewResponseController(x.w).SetReadDeadline(time.Time{}) // a writer without deadlines has none to lift
}

// newAPI makes the huma side of a contract with the settings every contract shares.
func (s *Server) newAPI(mux humago.Mux, c Contract) *API {
	cfg := huma.DefaultConfig(c.Title, Version)
	cfg.CreateHooks = nil // would add $schema to every model
	cfg.DocsPath = ""     // would load its page from a CDN
	cfg.OpenAPIPath = ""  // the generated files are served by the developers module
	cfg.SchemasPath = ""
	cfg.RejectUnknownQueryParameters = true
	cfg.Info.Description = c.Description
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.Info.License = &huma.License{Name: "Apache-2.0", URL: "https://www.apache.org/licenses/LICENSE-2.0"}
	cfg.Info.Contact = &huma.Contact{Name: "Townhall", URL: "https://townhall.example/contact"}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: fmt.Sprintf(bearerText, c.Prefix)},
	}
	api := humago.NewWithPrefix(mux, c.Prefix, cfg)
	for _, server := range api.OpenAPI().Servers {
		server.Description = "Below the address of the municipality."
	}
	return &API{contract: c, huma: api, server: s, examples: map[string]map[string]any{}, dialects: map[string]*Dialect{}}
}
