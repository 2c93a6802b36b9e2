package web

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/yaml"
)

// Export is one contract as files: OpenAPI 3.1 and, for tools that lag behind, 3.0.
type Export struct {
	Name     string
	V31, V30 []byte // YAML
}

// Export renders every contract. The output depends on the code alone, so that a diff shows a changed contract.
func (s *Server) Export() ([]Export, error) {
	var out []Export
	for _, a := range s.apis {
		spec := a.huma.OpenAPI()
		if err := gaps(spec); err != nil {
			return nil, fmt.Errorf("contract %s: %w", a.contract.Name, err)
		}
		v31, err := spec.YAML()
		if err != nil {
			return nil, fmt.Errorf("contract %s: %w", a.contract.Name, err)
		}
		v30, err := downgrade(spec)
		if err != nil {
			return nil, fmt.Errorf("contract %s as 3.0: %w", a.contract.Name, err)
		}
		out = append(out, Export{a.contract.Name, v31, v30})
	}
	return out, nil
}

// downgrade is the contract in OpenAPI 3.0. huma leaves one keyword in that only 3.1 knows, beside the
// format: binary that says the same in 3.0.
func downgrade(spec *huma.OpenAPI) ([]byte, error) {
	raw, err := spec.Downgrade()
	if err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	dropKey(tree, "contentMediaType")
	wrapRefs(tree)
	if raw, err = json.Marshal(tree); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = yaml.Convert(&out, bytes.NewReader(raw))
	return out.Bytes(), err
}

// wrapRefs moves a reference that stands beside other members into an allOf: before 3.1 its neighbours are ignored.
func wrapRefs(tree any) {
	switch v := tree.(type) {
	case map[string]any:
		if ref, ok := v["$ref"]; ok && len(v) > 1 {
			delete(v, "$ref")
			v["allOf"] = []any{map[string]any{"$ref": ref}}
		}
		for _, member := range v {
			wrapRefs(member)
		}
	case []any:
		for _, member := range v {
			wrapRefs(member)
		}
	}
}

func dropKey(tree any, key string) {
	switch v := tree.(type) {
	case map[string]any:
		delete(v, key)
		for _, member := range v {
			dropKey(member, key)
		}
	case []any:
		for _, member := range v {
			dropKey(member, key)
		}
	}
}
