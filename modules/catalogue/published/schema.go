// Package published is what a host can check about a mini-app's manifest without trusting whoever handed it over: its form
// (a JSON Schema), its content (a hash over the canonical JSON), who stands behind it (the agency's detached signature) and
// that everybody was shown the same (a record in an append-only log). The server publishes with it and
// `townhall verify-catalogue` judges with it. It keeps nothing and knows no municipality.
package published

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// Schema is the JSON Schema (2020-12) every published manifest keeps, as it is served.
//
//go:embed manifest.schema.json
var Schema []byte

// SchemaPath is where a municipality serves Schema.
const SchemaPath = "/.well-known/miniapp-manifest.schema.json"

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(SchemaPath, doc); err != nil {
		return nil, err
	}
	return c.Compile(SchemaPath)
})

// Validate reports what a manifest breaks of Schema: one line per member, "pages/0: does not match pattern …", the member
// being its JSON Pointer without the leading slash. nil when it keeps it.
func Validate(manifest []byte) error {
	schema, err := compiled()
	if err != nil {
		return fmt.Errorf("manifest schema: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifest))
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	err = schema.Validate(value)
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	lines := leaves(invalid, nil)
	slices.Sort(lines)
	return errors.New(strings.Join(slices.Compact(lines), "; "))
}

var english = message.NewPrinter(language.English)

// leaves are the causes nothing else caused: those that name a member.
func leaves(e *jsonschema.ValidationError, out []string) []string {
	if len(e.Causes) == 0 {
		return append(out, strings.TrimPrefix(strings.Join(e.InstanceLocation, "/")+": ", ": ")+e.ErrorKind.LocalizedString(english))
	}
	for _, c := range e.Causes {
		out = leaves(c, out)
	}
	return out
}
