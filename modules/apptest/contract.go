package apptest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"townhall/openapi"
)

// judge holds every answer of a test against the contract, by another project's reading of OpenAPI.
type judge struct{ routers map[string]routers.Router }

// theJudge knows the published contracts, which are those of the code (another test sees to that). Reading them costs more than
// starting a town, so all tests have the same one.
var theJudge = sync.OnceValues(func() (*judge, error) {
	names, err := fs.Glob(openapi.FS, "*.3.0.yaml")
	if err != nil {
		return nil, err
	}
	j := &judge{routers: map[string]routers.Router{}}
	for _, name := range names {
		content, err := openapi.FS.ReadFile(name)
		if err != nil {
			return nil, err
		}
		doc, err := openapi3.NewLoader().LoadFromData(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := doc.Validate(context.Background()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r, err := gorillamux.NewRouter(doc)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, s := range doc.Servers {
			j.routers[s.URL] = r
		}
	}
	return j, nil
})

// check fails the test when the answer is not one the contract describes: status, headers, media type, schema.
func (j *judge) check(t testing.TB, req *http.Request, a Answer) {
	t.Helper()
	if j == nil {
		return // a server in a process of its own
	}
	router := j.routers[prefix(req.URL.Path)]
	if router == nil {
		return
	}
	plain := req.Clone(context.Background())
	plain.URL = &url.URL{Path: req.URL.Path, RawQuery: req.URL.RawQuery}
	route, params, err := router.FindRoute(plain)
	if err != nil {
		if a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed {
			return
		}
		t.Errorf("contract: %s %s answers %d but is in no contract: %v", req.Method, req.URL.Path, a.Status, err)
		return
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: plain, PathParams: params, Route: route},
		Status:                 a.Status, Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.Body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		t.Errorf("contract: %s %s answers %d with something else than declared: %v", req.Method, route.Path, a.Status, err)
	}
}
