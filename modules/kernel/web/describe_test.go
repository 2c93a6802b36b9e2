package web

import (
	"reflect"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// What nobody described is no contract: a tag, an operation, a member whose example is a blank.
func TestAContractWithAGapIsNotExported(t *testing.T) {
	t.Parallel()
	spec := func(op huma.Operation, tag string) *huma.OpenAPI {
		return &huma.OpenAPI{Tags: []*huma.Tag{{Name: "Things", Description: tag}}, Paths: map[string]*huma.PathItem{"/things": {Get: &op}}}
	}
	good := huma.Operation{OperationID: "list-things", Summary: "List the things", Description: "All of them."}
	blank := good
	blank.Responses = map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/json": {Example: map[string]any{"name": "…"}}}}}
	if err := gaps(spec(good, "Things there are.")); err != nil {
		t.Error(err)
	}
	for want, s := range map[string]*huma.OpenAPI{
		"the tag":    spec(good, ""),
		"no summary": spec(huma.Operation{OperationID: "list-things"}, "Things there are."),
		"no example": spec(blank, "Things there are."),
	} {
		if err := gaps(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
}

// In OpenAPI 3.0 what stands beside a reference is ignored; an allOf keeps it.
func TestAReferenceWithNeighboursIsWrappedFor30(t *testing.T) {
	t.Parallel()
	tree := map[string]any{"a": map[string]any{"$ref": "#/x", "description": "Why."}, "b": []any{map[string]any{"$ref": "#/y"}}}
	wrapRefs(tree)
	want := map[string]any{
		"a": map[string]any{"allOf": []any{map[string]any{"$ref": "#/x"}}, "description": "Why."},
		"b": []any{map[string]any{"$ref": "#/y"}},
	}
	if !reflect.DeepEqual(tree, want) {
		t.Errorf("got %v", tree)
	}
}
