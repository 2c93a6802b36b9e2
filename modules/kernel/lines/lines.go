// Package lines tells where a file that was handed in is wrong: every problem with its file, line and field, so that
// the people who wrote the file find them all at once. What has a problem is not taken at all.
package lines

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// File is one file as it was handed in.
type File struct {
	Name string
	Data []byte
}

// Problem is one thing that is wrong. Slug is the key of its text, below the module's own prefix (medical.setup.line,
// travel.feed.line); Message the English one. Neither holds what stands in the file: it may be personal data.
type Problem struct {
	File    string
	Line    int    // counted from 1; 0: the file as a whole
	Field   string // a column's name, or the path of a member; empty: the line as a whole
	Slug    string
	Message string
}

func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d", p.Line)
	}
	if p.Field != "" {
		s += ": " + p.Field
	}
	return s + ": " + p.Message
}

// Most is how many problems are kept; the others are counted.
const Most = 200

// Problems collects them. The zero value is ready.
type Problems struct {
	List  []Problem // at most Most
	Total int
}

// Add notes one problem.
func (p *Problems) Add(file string, line int, field, slug, message string) {
	p.Total++
	if len(p.List) < Most {
		p.List = append(p.List, Problem{file, line, field, slug, message})
	}
}

// Any reports whether there is a problem.
func (p *Problems) Any() bool { return p.Total > 0 }

// Sort brings them into the order in which people read the files: as they were handed in.
func (p *Problems) Sort(files []File) {
	place := func(name string) int { return slices.IndexFunc(files, func(f File) bool { return f.Name == name }) }
	slices.SortStableFunc(p.List, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(place(a.File), place(b.File)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
}

// String lists them, one in a line.
func (p *Problems) String() string {
	var b strings.Builder
	for _, x := range p.List {
		b.WriteString(x.String() + "\n")
	}
	if more := p.Total - len(p.List); more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return b.String()
}
