package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// An operation of a standard says what went wrong in the standard's words, whoever found it: the guard, the handler or a
// fault of ours. Which parameters it knows is its own to say.
func TestAnOperationSpeaksItsStandardsDialect(t *testing.T) {
	t.Parallel()
	h := &house{}
	o := options(h)
	dialect := &web.Dialect{Name: "Odd", MediaType: "application/odd+json", Problem: func(p *web.Problem) any { return map[string]any{"odd": p.Code, "detail": p.Detail} }}
	o.Contracts = []web.Contract{{Name: "test", Prefix: "/test/v1", Title: "Test", Tags: map[string]string{"Test": "For the test."}, Register: func(api *web.API) {
		op := web.Op{ID: "odd", Method: http.MethodGet, Path: "/odd/{kind}", Summary: "Odd", Description: "For the test.", Tags: []string{"Test"}, Policy: web.Public, Dialect: dialect}
		handler := func(_ context.Context, in *struct {
			Kind string `path:"kind"`
		}) (*echo, error) {
			if in.Kind == "plain" {
				return nil, errSecret
			}
			return nil, kernel.NotThere(in.Kind)
		}
		web.Register(api, op, handler)
		op.ID, op.Path, op.Policy = "closed", "/closed/{kind}", web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}
		web.Register(api, op, handler)
	}}}
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/odd/x?what=ever", http.StatusNotFound, `{"detail":"There is nothing here that you can see.","odd":"not-found"}`},
		{"/odd/plain", http.StatusInternalServerError, `{"detail":"Something went wrong on our side. Nothing was saved; please try again.","odd":"internal"}`},
		{"/closed/x", http.StatusUnauthorized, `{"detail":"Sign in to go on.","odd":"sign-in-required"}`},
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://northwick.localhost:8080/test/v1"+c.path, nil))
		if w.Code != c.status || w.Header().Get("Content-Type") != dialect.MediaType || strings.TrimSpace(w.Body.String()) != c.want {
			t.Errorf("%s: %d %q %s", c.path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		if c.status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", c.path)
		}
	}
	files, err := s.Export()
	if err != nil {
		t.Fatal(err)
	}
	for _, contract := range []string{string(files[0].V31), string(files[0].V30)} {
		if !strings.Contains(contract, "OddNotFound") || !strings.Contains(contract, "application/odd+json") {
			t.Error("the contract does not tell of the dialect")
		}
	}
}
