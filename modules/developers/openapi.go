package developers

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"
)

// The parts of OpenAPI 3.1 the reference shows.
type document struct {
	OpenAPI string `yaml:"openapi"`
	Info    struct {
		Title, Version, Description string
	} `yaml:"info"`
	Servers    []struct{ URL string }          `yaml:"servers"`
	Paths      map[string]map[string]yaml.Node `yaml:"paths"`
	Components struct {
		Schemas map[string]*schema `yaml:"schemas"`
	} `yaml:"components"`
}

type openOperation struct {
	OperationID string                  `yaml:"operationId"`
	Summary     string                  `yaml:"summary"`
	Description string                  `yaml:"description"`
	Tags        []string                `yaml:"tags"`
	Parameters  []parameter             `yaml:"parameters"`
	RequestBody *body                   `yaml:"requestBody"`
	Responses   map[string]openResponse `yaml:"responses"`
	Security    []map[string][]string   `yaml:"security"`
	Policy      map[string]any          `yaml:"x-townhall-policy"`
}

type parameter struct {
	Name, In, Description string
	Required              bool
	Schema                *schema
	Example               any
}

type body struct {
	Description string
	Content     map[string]media
}

type media struct {
	Schema  *schema
	Example any
}

type openResponse struct {
	Description string
	Content     map[string]media
	Headers     map[string]any
}

type schema struct {
	Ref         string             `yaml:"$ref"`
	Type        any                `yaml:"type"`
	Format      string             `yaml:"format"`
	Description string             `yaml:"description"`
	Enum        []any              `yaml:"enum"`
	Example     any                `yaml:"example"`
	Examples    []any              `yaml:"examples"`
	Default     any                `yaml:"default"`
	Required    []string           `yaml:"required"`
	Properties  map[string]*schema `yaml:"properties"`
	Items       *schema            `yaml:"items"`
	Additional  any                `yaml:"additionalProperties"`
	Minimum     any                `yaml:"minimum"`
	Maximum     any                `yaml:"maximum"`
	MinLength   any                `yaml:"minLength"`
	MaxLength   any                `yaml:"maxLength"`
	MaxItems    any                `yaml:"maxItems"`
	Pattern     string             `yaml:"pattern"`
	ReadOnly    bool               `yaml:"readOnly"`
}

// embedded are the contracts of a program's own files, which do not change: several towns in one process read them once.
var embedded sync.Map // embed.FS to func() ([]*contract, error)

func contractsOf(files fs.FS) ([]*contract, error) {
	own, ok := files.(embed.FS)
	if !ok {
		return readContracts(files)
	}
	read, _ := embedded.LoadOrStore(own, sync.OnceValues(func() ([]*contract, error) { return readContracts(own) }))
	return read.(func() ([]*contract, error))()
}

// readContracts reads every <name>.yaml that is a contract; files of another kind (problems.yaml) are left out.
func readContracts(files fs.FS) ([]*contract, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	var out []*contract
	for _, file := range names {
		name := strings.TrimSuffix(file, ".yaml")
		if strings.Contains(name, ".") {
			continue
		}
		raw, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		c, err := readContract(name, raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if c == nil {
			continue
		}
		if c.yaml30, err = fs.ReadFile(files, name+".3.0.yaml"); err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func readContract(name string, raw []byte) (*contract, error) {
	var d document
	if err := yaml.Load(raw, &d); err != nil {
		return nil, err
	}
	if d.OpenAPI == "" {
		return nil, nil
	}
	c := &contract{Name: name, Title: d.Info.Title, Version: d.Info.Version, OpenAPI: d.OpenAPI, Description: paragraphs(d.Info.Description), yaml: raw}
	base := ""
	if len(d.Servers) > 0 {
		base = d.Servers[0].URL
	}
	at := map[string]int{}
	for path, item := range d.Paths {
		for _, m := range methods {
			node, ok := item[m]
			if !ok {
				continue
			}
			var o openOperation
			if err := node.Load(&o); err != nil {
				return nil, fmt.Errorf("%s %s: %w", m, path, err)
			}
			tag := "Operations"
			if len(o.Tags) > 0 {
				tag = o.Tags[0]
			}
			if _, ok := at[tag]; !ok {
				at[tag] = len(c.Groups)
				c.Groups = append(c.Groups, tagGroup{Name: tag})
			}
			g := &c.Groups[at[tag]]
			g.Operations = append(g.Operations, d.operation(m, base, path, o))
		}
	}
	c.sort()
	return c, nil
}

func (d *document) operation(method, base, path string, o openOperation) *operation {
	out := &operation{
		ID: o.OperationID, Method: strings.ToUpper(method), Path: base + path, Summary: o.Summary,
		Description: paragraphs(o.Description), Public: o.Security != nil && len(o.Security) == 0, Policy: policyFacts(o.Policy),
	}
	for _, p := range o.Parameters {
		row := d.line(p.Name, p.Schema, p.Required)
		row.In = p.In
		if p.Description != "" {
			row.Description = p.Description
		}
		out.Parameters = append(out.Parameters, row)
	}
	if o.RequestBody != nil {
		for _, kind := range slices.Sorted(maps.Keys(o.RequestBody.Content)) {
			out.BodyTypes = append(out.BodyTypes, kind)
			if out.Body == nil {
				out.Body = d.flatten("", o.RequestBody.Content[kind].Schema, nil)
			}
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		out.Responses = append(out.Responses, d.response(status, o.Responses[status]))
	}
	out.Curl = d.curl(out, o)
	return out
}

func (d *document) response(status string, r openResponse) response {
	out := response{Status: status, Description: r.Description, Headers: slices.Sorted(maps.Keys(r.Headers))}
	for _, kind := range slices.Sorted(maps.Keys(r.Content)) {
		out.Type = kind
		if kind == "application/problem+json" {
			out.Problem = true // the same for every operation: the guide shows it once
			continue
		}
		out.Properties = d.flatten("", r.Content[kind].Schema, nil)
	}
	return out
}

var policyNames = []struct{ key, label string }{
	{"kinds", "Who may call"}, {"role", "Staff role"}, {"scope", "Scope"}, {"relation", "Whose data"}, {"level", "Assurance level"}, {"max_age_seconds", "Sign-in not older than (s)"},
}

func policyFacts(p map[string]any) []fact {
	var out []fact
	for _, n := range policyNames {
		v, ok := p[n.key]
		if !ok {
			continue
		}
		if list, ok := v.([]any); ok {
			words := make([]string, len(list))
			for i, w := range list {
				words[i] = fmt.Sprint(w)
			}
			v = strings.Join(words, ", ")
		}
		out = append(out, fact{n.label, fmt.Sprint(v)})
	}
	return out
}

func (d *document) resolve(s *schema) (*schema, string) {
	if s == nil {
		return &schema{}, ""
	}
	name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/")
	if !ok {
		return s, ""
	}
	if to := d.Components.Schemas[name]; to != nil {
		return to, name
	}
	return &schema{}, name
}

// flatten lists the properties of a schema, deeper ones as "a.b" and "a[].b". A schema inside itself is named, not
// opened again.
func (d *document) flatten(prefix string, s *schema, inside []string) []property {
	to, name := d.resolve(s)
	if name != "" {
		if slices.Contains(inside, name) {
			return nil
		}
		inside = append(slices.Clone(inside), name)
	}
	if to.Items != nil {
		if prefix == "" {
			prefix = "[]."
		}
		return d.flatten(prefix, to.Items, inside)
	}
	var out []property
	for _, key := range slices.Sorted(maps.Keys(to.Properties)) {
		child := to.Properties[key]
		line := d.line(prefix+key, child, slices.Contains(to.Required, key))
		out = append(out, line)
		deep := prefix + key + "."
		if c, _ := d.resolve(child); c.Items != nil {
			deep = prefix + key + "[]."
		}
		out = append(out, d.flatten(deep, child, inside)...)
	}
	return out
}

func (d *document) line(name string, s *schema, required bool) property {
	to, _ := d.resolve(s)
	p := property{Name: name, Type: d.typeName(s), Required: required, Description: to.Description}
	if s != nil && s.Description != "" {
		p.Description = s.Description
	}
	var notes []string
	note := func(label string, v any) {
		if v != nil && v != "" {
			notes = append(notes, label+" "+fmt.Sprint(v))
		}
	}
	if len(to.Enum) > 0 {
		words := make([]string, len(to.Enum))
		for i, e := range to.Enum {
			words[i] = fmt.Sprint(e)
		}
		notes = append(notes, "one of "+strings.Join(words, ", "))
	}
	note("from", to.Minimum)
	note("to", to.Maximum)
	note("at least characters:", to.MinLength)
	note("at most characters:", to.MaxLength)
	note("at most entries:", to.MaxItems)
	note("pattern", to.Pattern)
	note("default", to.Default)
	p.Note = strings.Join(notes, " · ")
	return p
}

func (d *document) typeName(s *schema) string {
	to, _ := d.resolve(s)
	switch t := to.Type.(type) {
	case []any:
		words := make([]string, len(t))
		for i, w := range t {
			words[i] = fmt.Sprint(w)
		}
		return strings.Join(words, " or ")
	case string:
		if t == "array" {
			return "list of " + d.typeName(to.Items)
		}
		if to.Format != "" {
			return t + " (" + to.Format + ")"
		}
		return t
	}
	return "any"
}

// curl is a command that works once the shell knows $ORIGIN and $TOKEN.
func (d *document) curl(o *operation, in openOperation) string {
	lines := []string{"curl -sS"}
	if o.Method != "GET" {
		lines[0] += " -X " + o.Method
	}
	lines[0] += ` "$ORIGIN` + strings.NewReplacer("{", "$", "}", "").Replace(o.Path) + `"`
	if !o.Public {
		lines = append(lines, `-H "Authorization: Bearer $TOKEN"`)
	}
	for _, p := range in.Parameters {
		if p.In == "header" && p.Required {
			value := "…"
			if p.Name == "Idempotency-Key" {
				value = "$(uuidgen)"
			}
			lines = append(lines, `-H "`+p.Name+": "+value+`"`)
		}
	}
	if in.RequestBody != nil {
		for kind, m := range in.RequestBody.Content {
			lines = append(lines, `-H "Content-Type: `+kind+`"`)
			if !strings.HasSuffix(kind, "json") {
				lines = append(lines, "--data-binary @file")
				break
			}
			example := m.Example
			if example == nil {
				example = d.example(m.Schema, 0)
			}
			raw, err := json.MarshalIndent(example, "", "  ")
			if err == nil {
				lines = append(lines, "-d '"+strings.ReplaceAll(string(raw), "'", `'\''`)+"'")
			}
			break
		}
	}
	return strings.Join(lines, " \\\n  ")
}

// example makes a value of a schema: its own example where it has one, required members otherwise.
func (d *document) example(s *schema, depth int) any {
	to, _ := d.resolve(s)
	switch {
	case to.Example != nil:
		return to.Example
	case len(to.Examples) > 0:
		return to.Examples[0]
	case len(to.Enum) > 0:
		return to.Enum[0]
	case depth > 4:
		return nil
	case to.Items != nil:
		return []any{d.example(to.Items, depth+1)}
	case len(to.Properties) > 0:
		m := map[string]any{}
		for key, child := range to.Properties {
			if slices.Contains(to.Required, key) && !child.ReadOnly && key != "$schema" {
				m[key] = d.example(child, depth+1)
			}
		}
		return m
	}
	switch to.Type {
	case "integer", "number":
		return 1
	case "boolean":
		return true
	case "object":
		return map[string]any{}
	}
	return "…"
}
