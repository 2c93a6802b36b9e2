package workflows

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing/fstest"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
)

// Template is a definition with blanks, which an agency fills in without writing code. It is immutable and safe for
// concurrent use. What Fill makes of it stands by itself: nothing in it refers to the template any more.
type Template struct {
	Name    string // "appointments", "application" or "notices"
	Sector  string // of what is made from it
	Purpose string // what the claims are asked for: "appointment", "application" or "notice"
	Asks    bool   // the agency adds questions of its own
	Prints  bool   // the agency writes the title and text of a document

	terms   templateTerms
	files   map[string][]byte // service.yaml, form.yaml, document.yaml
	texts   Texts
	scripts []Script
	example Blanks
}

// TemplateClaim is a claim that may be asked for with a template. Required: it always is. Days is the retention a form begins
// with, LongestDays the longest one that is taken.
type TemplateClaim struct {
	Claim       `yaml:",inline"`
	LongestDays int `yaml:"longest_days"`
}

// templateTerms is template.yaml: what an agency may choose.
type templateTerms struct {
	Purpose  string          `yaml:"purpose"`
	Asks     bool            `yaml:"questions"`
	Document string          `yaml:"document"` // the one whose title and block "text" the agency writes; empty: none
	Claims   []TemplateClaim `yaml:"claims"`
	Level    kernel.Level    `yaml:"level"`        // of the sign-in a form begins with
	Closed   int             `yaml:"closed_days"`  // the retention of closed cases a form begins with
	Longest  int             `yaml:"longest_days"` // the longest one that is taken
	Category string          `yaml:"category"`
	Prefix   string          `yaml:"prefix"`
}

// templateNames are the templates in the order in which they are offered.
var templateNames = []string{"appointments", "application", "notices"}

// Templates returns the templates that come with the program, in the order in which they are offered: appointments,
// application, notices. The error is Problems, or names the file that cannot be read.
func Templates() ([]*Template, error) {
	list, err := loadTemplates()
	return slices.Clone(list), err
}

var loadTemplates = sync.OnceValues(func() ([]*Template, error) {
	var out []*Template
	for _, name := range templateNames {
		t, err := loadTemplate(embedded, path.Join(TemplatesDir, name))
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
})

// loadTemplate reads the template in dir.
func loadTemplate(fsys fs.FS, dir string) (*Template, error) {
	t := &Template{Name: path.Base(dir), texts: Texts{}, files: map[string][]byte{}}
	r := reader{fsys: fsys, dir: dir}
	r.file("template.yaml", &t.terms, true)
	t.Purpose, t.Asks, t.Prints = t.terms.Purpose, t.terms.Asks, t.terms.Document != ""
	for _, l := range kernel.Locales {
		texts := map[string]string{}
		r.file("i18n/"+l+".yaml", &texts, true)
		t.texts[l] = texts
	}
	for _, name := range []string{"service.yaml", "form.yaml", "document.yaml"} {
		whole := map[string]any{}
		r.file(name, &whole, true)
		t.files[name] = r.read[len(r.read)-1].data
		if name == "service.yaml" {
			t.Sector, _ = whole["sector"].(string)
		}
	}
	var d Definition
	r.scripts(&d)
	t.scripts = d.Scripts
	if len(r.problems) > 0 {
		return nil, Problems(r.problems)
	}
	data, err := fs.ReadFile(fsys, path.Join(dir, "example.json"))
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", t.Name, err)
	}
	if err := json.Unmarshal(data, &t.example); err != nil {
		return nil, fmt.Errorf("template %s: example.json: %w", t.Name, err)
	}
	return t, nil
}

// Text returns a text of the template in locale: "title" and "summary" say to whoever chooses what it is for; every other
// key is one of a definition's, such as "claim.birthdate", the label of a claim.
func (t *Template) Text(locale, key string) string {
	if key == "title" || key == "summary" {
		key = "template." + key
	}
	return (&Definition{Texts: t.texts}).Text(locale, key)
}

// Claims returns the claims that may be asked for. Those that are Required always are.
func (t *Template) Claims() []TemplateClaim { return slices.Clone(t.terms.Claims) }

// LongestDays is the longest retention of closed cases that is taken.
func (t *Template) LongestDays() int { return t.terms.Longest }

// Blank returns what a form begins with: default texts, and the claims that are always asked for. The agency, the slug and
// the questions are left to whoever fills it in.
func (t *Template) Blank() Blanks {
	b := Blanks{Prefix: t.terms.Prefix, Category: t.terms.Category, Level: t.terms.Level, ClosedDays: t.terms.Closed,
		Title: t.all("title"), Summary: t.all("summary"), Search: t.all("search"), Start: t.all("start")}
	for _, c := range t.terms.Claims {
		if c.Required {
			b.Claims = append(b.Claims, t.ClaimBlank(c.Name))
		}
	}
	if t.Prints {
		b.Document = DocumentBlank{Title: t.all(t.documentKey("title")), Text: t.all(t.documentKey("text"))}
	}
	return b
}

// ClaimBlank returns what a form begins with for one more claim; empty when the template does not offer it.
func (t *Template) ClaimBlank(name string) ClaimBlank {
	c := t.claim(name)
	if c == nil {
		return ClaimBlank{}
	}
	return ClaimBlank{Name: name, Required: c.Required, RetentionDays: c.Days, Purpose: t.all("claim." + name + ".purpose")}
}

// Example returns the definition that the template's example makes, with the template's case scripts. The error is Problems
// or what Fill says of the example.
func (t *Template) Example() (*Definition, error) {
	files, err := t.Fill(t.example)
	if err != nil {
		return nil, err
	}
	for _, s := range t.scripts {
		files["cases/"+s.Name+".txtar"] = s.Data
	}
	d, problems := ParseFiles(t.Sector+"/"+t.example.Slug, files)
	if len(problems) > 0 {
		return nil, Problems(problems)
	}
	return d, nil
}

// ParseFiles is Parse of files in memory, by name ("service.yaml", "i18n/en.yaml"). dir is "<sector>/<slug>".
func ParseFiles(dir string, files map[string][]byte) (*Definition, []Problem) {
	fsys := fstest.MapFS{}
	for name, data := range files {
		fsys[path.Join(dir, name)] = &fstest.MapFile{Data: data}
	}
	return Parse(fsys, dir)
}

func (t *Template) claim(name string) *TemplateClaim {
	return find(t.terms.Claims, func(c *TemplateClaim) bool { return c.Name == name })
}

// documentKey is the key of a text of the document that the agency writes.
func (t *Template) documentKey(block string) string {
	return "document." + t.terms.Document + "." + block
}

// all returns a text in every language.
func (t *Template) all(key string) kernel.Text {
	out := kernel.Text{}
	for _, l := range kernel.Locales {
		out[l] = strings.TrimSpace(t.texts[l][key])
	}
	return out
}

// read decodes one of the template's files, which were read without a problem when it was loaded.
func (t *Template) read(name string) (map[string]any, error) {
	out := map[string]any{}
	err := yaml.Load(t.files[name], &out, yaml.WithUniqueKeys())
	return out, err
}

// cloneTexts copies the texts of a definition: those of the template itself are left behind.
func (t *Template) cloneTexts() Texts {
	out := Texts{}
	for l, texts := range t.texts {
		out[l] = maps.Clone(texts)
		maps.DeleteFunc(out[l], func(k, _ string) bool { return strings.HasPrefix(k, "template.") })
	}
	return out
}
