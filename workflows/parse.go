package workflows

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
)

// maxFile is more than any definition needs; a larger file is refused unread.
const maxFile = 1 << 20

// Problem is one fault of a definition.
type Problem struct {
	File string // e.g. "civic/residence-certificate/service.yaml"
	Line int    // 0 when the fault has no one line
	Key  string // e.g. "actions.submit.guards.0"; empty when Line says where
	Text string
}

func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is every fault found, as an error.
type Problems []Problem

func (ps Problems) Error() string {
	var lines []string
	for _, p := range ps {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

// Parse reads the definition in dir ("civic/residence-certificate") strictly and checks it. The definition is
// usable only when there are no problems.
func Parse(fsys fs.FS, dir string) (*Definition, []Problem) {
	d, problems := decode(fsys, dir)
	if len(problems) > 0 {
		return d, problems
	}
	return d, Check(d)
}

// decode reads the files; what they mean is Check's business.
func decode(fsys fs.FS, dir string) (*Definition, []Problem) {
	d := &Definition{Dir: dir, Texts: Texts{}}
	r := reader{fsys: fsys, dir: dir}
	r.file("service.yaml", d, true)
	var form struct {
		Fields []Field `yaml:"fields"`
		Forms  []Form  `yaml:"forms"`
	}
	r.file("form.yaml", &form, false)
	d.Fields, d.Forms = form.Fields, form.Forms
	var doc struct {
		Documents []Document `yaml:"documents"`
	}
	r.file("document.yaml", &doc, false)
	d.Documents = doc.Documents
	for _, l := range kernel.Locales {
		texts := map[string]string{}
		r.file("i18n/"+l+".yaml", &texts, true)
		d.Texts[l] = texts
	}
	r.scripts(d)
	r.strangers()
	if len(r.problems) == 0 {
		d.Hash = r.hash()
	}
	return d, r.problems
}

type reader struct {
	fsys     fs.FS
	dir      string
	read     []canonicalFile
	problems []Problem
}

func (r *reader) fault(file string, line int, text string) {
	r.problems = append(r.problems, Problem{File: path.Join(r.dir, file), Line: line, Text: text})
}

// file decodes one YAML file into out; an unknown or doubled key is a problem with its line.
func (r *reader) file(name string, out any, required bool) {
	data, err := fs.ReadFile(r.fsys, path.Join(r.dir, name))
	if err != nil {
		if required || !errors.Is(err, fs.ErrNotExist) {
			r.fault(name, 0, "cannot be read: "+reason(err))
		}
		return
	}
	if len(data) > maxFile {
		r.fault(name, 0, "is larger than 1 MiB")
		return
	}
	r.read = append(r.read, canonicalFile{name, data})
	err = yaml.Load(data, out, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	var many *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, e := range many.Errors {
			r.fault(name, e.Mark.Line, plain(e.Message))
		}
	case errors.As(err, &one):
		r.fault(name, one.Mark.Line, plain(one.Message))
	default:
		r.fault(name, 0, err.Error())
	}
}

// plain leaves Go's type names out of the parser's texts.
func plain(msg string) string {
	if i := strings.Index(msg, " not found in type"); i > 0 {
		return strings.Replace(msg[:i], "field ", "unknown key ", 1)
	}
	return strings.TrimPrefix(msg, "yaml: ")
}

func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func (r *reader) scripts(d *Definition) {
	names, _ := fs.Glob(r.fsys, path.Join(r.dir, "cases/*.txtar"))
	for _, n := range names {
		data, err := fs.ReadFile(r.fsys, n)
		if err != nil {
			r.fault("cases/"+path.Base(n), 0, "cannot be read: "+reason(err))
			continue
		}
		d.Scripts = append(d.Scripts, Script{Name: strings.TrimSuffix(path.Base(n), ".txtar"), Data: data})
	}
}

// strangers reports files nothing reads: a typing error in a file name would otherwise go unnoticed.
func (r *reader) strangers() {
	known := []string{"service.yaml", "form.yaml", "document.yaml", "i18n", "cases", "versions", "README.md"}
	r.only("", known)
	var languages []string
	for _, l := range kernel.Locales {
		languages = append(languages, l+".yaml")
	}
	r.only("i18n", languages)
}

func (r *reader) only(dir string, known []string) {
	entries, _ := fs.ReadDir(r.fsys, path.Join(r.dir, dir))
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			r.fault(path.Join(dir, e.Name()), 0, "is not part of a definition")
		}
	}
}
