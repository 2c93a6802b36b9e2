package ui

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template/parse"
	"time"

	"townhall/modules/kernel"
)

//go:embed blocks/*.html
var blockFiles embed.FS

// Views is a module's page templates joined with the shared blocks. It is safe for use by many goroutines.
type Views struct {
	texts *Texts
	base  *template.Template
	keys  []string

	mu  sync.Mutex
	set map[setKey]*template.Template
}

// setKey names one parsed set: html/template binds functions per set, and ours speak one language and one zone.
type setKey struct{ locale, zone string }

// NewViews parses every *.html of files (in any folder). NAME.html is the template "NAME"; it may define further
// ones. It is an error when a name is taken by a block or when a template asks for a text that does not exist.
//
// Template functions: t "key" "name" value … (a text), date and datetime and clock (time.Time in the
// municipality's zone), day (a "YYYY-MM-DD" string), money minor "EUR", bytes n, locale, formkey, asset "app.css",
// dict "Name" value …, list value …, and html/template's own.
func NewViews(texts *Texts, files fs.FS) (*Views, error) {
	v := &Views{texts: texts, set: map[setKey]*template.Template{}}
	v.base = template.New("").Funcs(v.funcs(kernel.Locales[0], time.UTC))
	if err := parseAll(v.base, blockFiles); err != nil {
		return nil, err
	}
	if files != nil {
		if err := parseAll(v.base, files); err != nil {
			return nil, err
		}
	}
	v.keys = textKeys(v.base)
	var missing []error
	for _, k := range v.keys {
		if !texts.Has(k) {
			missing = append(missing, fmt.Errorf("a template asks for the text %q, which does not exist", k))
		}
	}
	return v, errors.Join(missing...)
}

func parseAll(into *template.Template, files fs.FS) error {
	return fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(p) != ".html" {
			return err
		}
		raw, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		name := strings.TrimSuffix(path.Base(p), ".html")
		if t := into.Lookup(name); t != nil && t.Tree != nil {
			return fmt.Errorf("template %q is defined twice", name)
		}
		if _, err := into.New(name).Parse(string(raw)); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	})
}

// Texts returns the texts the views speak with.
func (v *Views) Texts() *Texts { return v.texts }

// Keys lists the text keys named literally in the templates, blocks included.
func (v *Views) Keys() []string { return slices.Clone(v.keys) }

// Render executes the template name in a language and time zone. It writes nothing when it fails.
func (v *Views) Render(locale string, zone *time.Location, name string, data any) (template.HTML, error) {
	set, err := v.in(locale, zone)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := set.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("page %s: %w", name, err)
	}
	return template.HTML(b.String()), nil
}

func (v *Views) in(locale string, zone *time.Location) (*template.Template, error) {
	if !slices.Contains(kernel.Locales, locale) {
		locale = kernel.Locales[0]
	}
	key := setKey{locale, zone.String()}
	v.mu.Lock()
	defer v.mu.Unlock()
	if set, ok := v.set[key]; ok {
		return set, nil
	}
	// A set cannot be cloned once it has run, so base itself never runs.
	set, err := v.base.Clone()
	if err != nil {
		return nil, err
	}
	v.set[key] = set.Funcs(v.funcs(locale, zone))
	return v.set[key], nil
}

func (v *Views) funcs(locale string, zone *time.Location) template.FuncMap {
	return template.FuncMap{
		"t":        func(key string, args ...any) string { return v.texts.T(locale, key, args...) },
		"locale":   func() string { return locale },
		"date":     func(t time.Time) string { return Date(locale, zone, t) },
		"datetime": func(t time.Time) string { return DateTime(locale, zone, t) },
		"clock":    func(t time.Time) string { return Clock(zone, t) },
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"day":      func(day string) string { return Day(locale, day) },
		"money":    func(minor int64, currency string) string { return Money(locale, minor, currency) },
		"bytes":    func(n int64) string { return Bytes(locale, n) },
		"dict":     dict,
		"list":     func(items ...any) []any { return items },
		"lines":    func(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") },
		"asset":    AssetURL,
		"formkey": func() template.HTML {
			return template.HTML(`<input type="hidden" name="idempotency_key" value="` + kernel.NewID() + `">`)
		},
	}
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a name without a value")
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: name %v is not a string", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// textKeys finds every {{t "key"}} of a set, so that a page cannot ask for a text that does not exist.
func textKeys(set *template.Template) []string {
	seen := map[string]bool{}
	for _, t := range set.Templates() {
		if t.Tree != nil {
			collectKeys(t.Tree.Root, seen)
		}
	}
	keys := make([]string, 0, len(seen))
	for k := range seen {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func collectKeys(n parse.Node, seen map[string]bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				collectKeys(c, seen)
			}
		}
	case *parse.ActionNode:
		collectKeys(n.Pipe, seen)
	case *parse.TemplateNode:
		collectKeys(n.Pipe, seen)
	case *parse.IfNode:
		collectBranch(&n.BranchNode, seen)
	case *parse.RangeNode:
		collectBranch(&n.BranchNode, seen)
	case *parse.WithNode:
		collectBranch(&n.BranchNode, seen)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				collectKeys(c, seen)
			}
		}
	case *parse.CommandNode:
		if len(n.Args) > 1 && n.Args[0].String() == "t" {
			if s, ok := n.Args[1].(*parse.StringNode); ok {
				seen[s.Text] = true
			}
		}
		for _, a := range n.Args {
			collectKeys(a, seen)
		}
	}
}

func collectBranch(b *parse.BranchNode, seen map[string]bool) {
	collectKeys(b.Pipe, seen)
	collectKeys(b.List, seen)
	collectKeys(b.ElseList, seen)
}
