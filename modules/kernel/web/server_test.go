package web_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/web"
)

// house is a server with a handful of operations, and an authenticator that believes a header.
type house struct {
	http.Handler
	log bytes.Buffer
}

type believer struct{}

func (believer) who(r *http.Request) kernel.Principal {
	switch r.Header.Get("X-Test-Who") {
	case "low":
		return kernel.Principal{Kind: kernel.Citizen, Tenant: "northwick", Person: "p", Level: kernel.Low, AuthTime: time.Now()}
	case "citizen":
		return kernel.Principal{Kind: kernel.Citizen, Tenant: "northwick", Person: "p", Name: "Canary Name", Level: kernel.Substantial, AuthTime: time.Now()}
	case "old":
		return kernel.Principal{Kind: kernel.Citizen, Tenant: "northwick", Person: "p", Level: kernel.Substantial, AuthTime: time.Now().Add(-time.Hour)}
	case "staff":
		return kernel.Principal{Kind: kernel.Staff, Tenant: "northwick", Person: "s", Level: kernel.High, AuthTime: time.Now()}
	}
	return kernel.Principal{Kind: kernel.Anonymous}
}

func (b believer) Session(r *http.Request, _ string) (kernel.Principal, error) { return b.who(r), nil }
func (b believer) Bearer(r *http.Request, _ string) (kernel.Principal, error) {
	if r.Header.Get("Authorization") == "Bearer bad" {
		return kernel.Principal{}, kernel.NewError(kernel.Unauthenticated, "invalid-token", "No.")
	}
	return b.who(r), nil
}
func (believer) Challenge(w http.ResponseWriter, r *http.Request, area string, e *kernel.Error) {
	http.Redirect(w, r, "/sign-in?area="+area+"&level="+e.Level.String(), http.StatusSeeOther)
}

type amountInput struct {
	web.IdempotencyInput
	Body struct {
		Amount int      `json:"amount" minimum:"1" example:"5" doc:"How much."`
		Tags   []string `json:"tags,omitempty" maxItems:"3" example:"[\"a\"]" doc:"Labels."`
	}
}

type echo struct {
	Body struct {
		Amount int    `json:"amount" example:"5" doc:"As sent."`
		Key    string `json:"key" example:"k1" doc:"The attempt."`
	}
}

var errSecret = errors.New("password=hunter2 of Canary Name")

func operations(api *web.API) {
	citizen := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own", Level: kernel.Substantial, MaxAge: 30 * time.Minute}
	web.Register(api, web.Op{ID: "post-amount", Method: http.MethodPost, Path: "/amounts", Summary: "Post an amount", Description: "For the test.", Tags: []string{"Test"}, Policy: citizen, Idempotent: true, Status: http.StatusCreated},
		func(ctx context.Context, in *amountInput) (*echo, error) {
			out := &echo{}
			key, _ := kernel.IdempotencyOf(ctx)
			out.Body.Amount, out.Body.Key = in.Body.Amount, key.Key
			return out, nil
		})
	web.Register(api, web.Op{ID: "get-failure", Method: http.MethodGet, Path: "/failures/{kind}", Summary: "Fail", Description: "For the test.", Tags: []string{"Test"}, Policy: web.Public},
		func(_ context.Context, in *struct {
			Kind string `path:"kind"`
		}) (*echo, error) {
			switch in.Kind {
			case "plain":
				return nil, errSecret
			case "panic":
				panic(errSecret)
			case "busy":
				return nil, &kernel.Error{Kind: kernel.Unavailable, Slug: "busy", Message: "Later.", RetryAfter: 7 * time.Second, Err: errSecret}
			case "fields":
				return nil, kernel.InvalidFields(kernel.FieldError{Path: "input.copies", Slug: "field.out-of-range", Message: "Enter a number from 1 to 5."})
			}
			return nil, kernel.NotThere(in.Kind)
		})
}

func pages() []web.Page {
	return []web.Page{
		{Pattern: "GET /public", Policy: web.Public, Handle: func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, "hello")
			return err
		}},
		{Pattern: "POST /mine", Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}, Handle: func(w http.ResponseWriter, r *http.Request) error {
			key, _ := kernel.IdempotencyOf(r.Context())
			_, err := io.WriteString(w, key.Key)
			return err
		}},
		{Pattern: "GET /staff/only", Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency", Role: "registrar"}, Handle: func(http.ResponseWriter, *http.Request) error { return nil }},
		{Pattern: "GET /literal/{rest...}", Policy: web.Public, Literal: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, r.PathValue("rest"))
			return err
		}},
		{Pattern: "GET /panic", Policy: web.Public, Handle: func(http.ResponseWriter, *http.Request) error { panic(errSecret) }},
	}
}

func options(h *house) web.Options {
	return web.Options{
		Directory: kerneltest.Directory(), Auth: believer{}, Clock: kernel.SystemClock{},
		Log:     slog.New(slog.NewJSONHandler(&h.log, nil)),
		Headers: func(header http.Header, _ *http.Request) { header.Set("X-Content-Type-Options", "nosniff") },
		Translate: func(locale, key string, _ map[string]string) string {
			if locale == "ru" && key == "error.not-found" {
				return "Здесь ничего нет."
			}
			return ""
		},
		ErrorPage: func(w http.ResponseWriter, _ *http.Request, _ string, status int, e *kernel.Error) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "page: "+e.Slug)
		},
		Contracts: []web.Contract{{Name: "test", Prefix: "/test/v1", Title: "Test", Tags: map[string]string{"Test": "For the test."}, Register: operations}},
		Pages:     pages(),
	}
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{}
	s, err := web.New(options(h))
	if err != nil {
		t.Fatal(err)
	}
	h.Handler = s.Handler()
	return h
}

func (h *house) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://northwick.localhost:8080"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAnswersOfAnAPI(t *testing.T) {
	h := newHouse(t)
	citizen := []string{"Authorization", "Bearer x", "X-Test-Who", "citizen", "Idempotency-Key", "k1"}
	as := func(who string) []string {
		return []string{"Authorization", "Bearer x", "X-Test-Who", who, "Idempotency-Key", "k1"}
	}
	for _, tc := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"good", "POST", "/test/v1/amounts", `{"amount":1}`, citizen, 201, `"key":"k1"`},
		{"another casing of a field is no way around its minimum", "POST", "/test/v1/amounts", `{"amount":1,"Amount":-5}`, citizen, 422, "invalid-input"},
		{"below the minimum names the field", "POST", "/test/v1/amounts", `{"amount":-5}`, citizen, 422, `"field":"body.amount"`},
		{"an unknown field", "POST", "/test/v1/amounts", `{"amount":1,"extra":1}`, citizen, 422, "body.extra"},
		{"no key", "POST", "/test/v1/amounts", `{"amount":1}`, citizen[:4], 400, "idempotency-key-missing"},
		{"not JSON", "POST", "/test/v1/amounts", `{"amount":`, citizen, 400, "malformed-request"},
		{"too large", "POST", "/test/v1/amounts", `{"amount":1,"x":"` + strings.Repeat("x", 1<<20) + `"}`, citizen, 413, "too-large"},
		{"an unknown query parameter", "GET", "/test/v1/failures/none?debug=1", "", nil, 422, "query.debug"},
		{"nobody", "POST", "/test/v1/amounts", `{"amount":1}`, nil, 401, "sign-in-required"},
		{"a bad token", "POST", "/test/v1/amounts", `{"amount":1}`, []string{"Authorization", "Bearer bad"}, 401, "invalid-token"},
		{"too weak a sign-in", "POST", "/test/v1/amounts", `{"amount":1}`, as("low"), 401, "step-up-required"},
		{"too old a sign-in", "POST", "/test/v1/amounts", `{"amount":1}`, as("old"), 401, "sign-in-too-old"},
		{"the wrong kind of person", "POST", "/test/v1/amounts", `{"amount":1}`, as("staff"), 403, "not-allowed"},
		{"not there", "GET", "/test/v1/failures/none", "", nil, 404, "not-found"},
		{"not there, in Russian", "GET", "/test/v1/failures/none", "", []string{"Accept-Language", "ru-RU, en;q=0.5"}, 404, "Здесь ничего нет."},
		{"no such route", "GET", "/test/v1/nothing", "", nil, 404, "not-found"},
		{"no such method", "DELETE", "/test/v1/amounts", "", nil, 405, "method-not-allowed"},
		{"fields of our own", "GET", "/test/v1/failures/fields", "", nil, 422, `"field":"input.copies"`},
		{"an unknown error", "GET", "/test/v1/failures/plain", "", nil, 500, "internal"},
		{"a panic", "GET", "/test/v1/failures/panic", "", nil, 500, "internal"},
	} {
		w := h.send(tc.method, tc.path, tc.body, tc.headers...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s: %d %s, want %d %s", tc.name, w.Code, w.Body, tc.status, tc.says)
		}
		if tc.status >= 400 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: media type %q", tc.name, w.Header().Get("Content-Type"))
		}
		if strings.Contains(w.Body.String(), "hunter2") || strings.Contains(w.Body.String(), "-5") {
			t.Errorf("%s: the answer leaks: %s", tc.name, w.Body)
		}
	}
}

func TestHeadersThatAStatusPromises(t *testing.T) {
	h := newHouse(t)
	for _, tc := range []struct {
		path    string
		headers []string
		header  string
		want    string
	}{
		{"/test/v1/failures/busy", nil, "Retry-After", "7"},
		{"/test/v1/amounts", nil, "WWW-Authenticate", "Bearer"},
		{"/test/v1/amounts", []string{"Authorization", "Bearer bad"}, "WWW-Authenticate", `Bearer error="invalid_token"`},
		{"/test/v1/amounts", []string{"Authorization", "Bearer x", "X-Test-Who", "low"}, "WWW-Authenticate", `Bearer error="insufficient_user_authentication", acr_values="substantial", max_age=1800`},
		{"/test/v1/nothing", nil, "X-Content-Type-Options", "nosniff"},
	} {
		method := http.MethodGet
		if strings.HasSuffix(tc.path, "amounts") {
			method = http.MethodPost
		}
		w := h.send(method, tc.path, "", tc.headers...)
		if got := w.Header().Get(tc.header); got != tc.want {
			t.Errorf("%s: %s is %q, want %q", tc.path, tc.header, got, tc.want)
		}
	}
}

func TestAnswersOfPages(t *testing.T) {
	h := newHouse(t)
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for _, tc := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		says                     string
	}{
		{"public", "GET", "/public", "", nil, 200, "hello"},
		{"nobody is sent to sign in", "POST", "/mine", "idempotency_key=k", form, 303, ""},
		{"the hidden key names the attempt", "POST", "/mine", "idempotency_key=k9", append(form, "X-Test-Who", "citizen"), 200, "k9"},
		{"another site's form", "POST", "/mine", "idempotency_key=k", append(form, "X-Test-Who", "citizen", "Origin", "https://evil.example"), 403, "page: cross-site"},
		{"staff without the role", "GET", "/staff/only", "", []string{"X-Test-Who", "staff"}, 403, "page: not-allowed"},
		{"a panic", "GET", "/panic", "", nil, 500, "page: internal"},
		{"no such page", "GET", "/nothing", "", nil, 404, "page: not-found"},
		{"huma's own documentation is off", "GET", "/docs", "", nil, 404, "page: not-found"},
		{"huma's own description is off", "GET", "/openapi.json", "", nil, 404, "page: not-found"},
	} {
		w := h.send(tc.method, tc.path, tc.body, tc.headers...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.says) {
			t.Errorf("%s: %d %s, want %d %s", tc.name, w.Code, w.Body, tc.status, tc.says)
		}
	}
}

// The log tells the route, never the path or the person (promise 18).
func TestTheLogHoldsNothingPersonal(t *testing.T) {
	h := newHouse(t)
	h.send("GET", "/test/v1/failures/Canary", "", "Authorization", "Bearer canary-token", "X-Test-Who", "citizen")
	log := h.log.String()
	if !strings.Contains(log, `"route":"GET /test/v1/failures/{kind}"`) || !strings.Contains(log, `"status":404`) {
		t.Errorf("the line does not tell route and status: %s", log)
	}
	for _, secret := range []string{"Canary", "canary-token"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q: %s", secret, log)
		}
	}
}

func TestAServerWithAnOperationWithoutPolicyDoesNotStart(t *testing.T) {
	for name, change := range map[string]func(*web.Options){
		"a page without a policy": func(o *web.Options) { o.Pages = append(o.Pages, web.Page{Pattern: "GET /open"}) },
		"a policy without a relation": func(o *web.Options) {
			o.Pages = append(o.Pages, web.Page{Pattern: "GET /open", Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}}})
		},
		"a role but no staff": func(o *web.Options) {
			o.Pages = append(o.Pages, web.Page{Pattern: "GET /open", Policy: web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Role: "registrar", Relation: "none"}})
		},
		"two pages at one address": func(o *web.Options) { o.Pages = append(o.Pages, o.Pages[0]) },
		"an operation without policy": func(o *web.Options) {
			o.Contracts[0].Register = func(api *web.API) { web.Register(api, web.Op{ID: "x", Method: "GET", Path: "/x"}, nothing) }
		},
		"two operations with one name": func(o *web.Options) {
			o.Contracts[0].Register = func(api *web.API) {
				operations(api)
				web.Register(api, web.Op{ID: "get-failure", Method: "GET", Path: "/x", Policy: web.Public}, nothing)
			}
		},
	} {
		o := options(&house{})
		change(&o)
		if _, err := web.New(o); err == nil {
			t.Errorf("%s: the server starts", name)
		}
	}
}

// Without the switch every array would be declared "array or null", and generated clients would check for null.
func TestArraysAreNotDeclaredNullable(t *testing.T) {
	s, err := web.New(options(&house{}))
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	if contract := string(files[0].V31); !strings.Contains(contract, "type: array") || strings.Contains(contract, `"null"`) || strings.Contains(contract, "$schema") {
		t.Errorf("the contract declares null or $schema:\n%s", contract)
	}
}

func nothing(context.Context, *struct{}) (*echo, error) { return &echo{}, nil }

func TestAnAddressOfNoMunicipality(t *testing.T) {
	h := &house{}
	o := options(h)
	o.Chooser = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "choose") })
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/": "choose", "/public": "unknown-municipality", "/test/v1/failures/none": "unknown-municipality"} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://elsewhere.example"+path, nil))
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
}

func TestALiteralRestOfAnAddressReachesThePageAsItIsAndAnyOtherIsCleaned(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for path, want := range map[string]string{"/literal/a//b/c+d=": "a//b/c+d=", "/literal/a%2F%2Fb": "a//b", "/literal///..//x": "//..//x", "/literal/plain": "plain"} {
		if w := h.send("GET", path, ""); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	if w := h.send("GET", "//public", ""); w.Code < 300 || w.Code > 399 {
		t.Errorf("an address that is a path: %d", w.Code)
	}
}

// deadlines is a connection that remembers by when a request must have been read.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// A deadline that stays on the connection ends the context of whoever works longer than it.
func TestAHandlerMayTakeLongerThanItsBody(t *testing.T) {
	h := newHouse(t)
	r := httptest.NewRequest("POST", "http://northwick.localhost:8080/test/v1/amounts", strings.NewReader(`{"amount":1}`))
	for k, v := range map[string]string{"Content-Type": "application/json", "Authorization": "Bearer x", "X-Test-Who": "citizen", "Idempotency-Key": "k1"} {
		r.Header.Set(k, v)
	}
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(w, r)
	if w.Code != http.StatusCreated || len(w.set) < 2 || w.set[0].IsZero() || !w.set[len(w.set)-1].IsZero() {
		t.Errorf("%d; deadlines %v, want one for the body and none after it", w.Code, w.set)
	}
}
