// Package pdffile reads the one shape of PDF that we seal: classic cross-reference tables, one revision after the other. It is
// strict on purpose: what it does not understand is not ours, and what has more than one reading is refused. The writer of
// increments and the verifier share it.
package pdffile

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
)

// Limits of one file. They bound the work a stranger's file can cause.
const (
	MaxRevisions = 40
	MaxObjects   = 100_000

	valueCost = 16 // of a value, in bytes that are merely read: an object of nothing but tiny values is the most work
)

// Revision is one complete state of the file: the bytes [From, To) and all before them.
type Revision struct {
	From, To int            // the next revision begins exactly at To
	XRef     int            // where its cross-reference section begins
	Trailer  map[string]any // as it is written there
	Changed  []int          // the objects it defines or defines anew, ascending
}

// File is an opened file, looked at as of one of its revisions. It is not safe for use by several goroutines.
type File struct {
	b        []byte
	sections []section
	upto     int  // the index of the newest revision that is looked at
	budget   *int // how much may still be parsed, in bytes; a value counts for some, too
	Trailer  map[string]any
}

var errPDF = errors.New("the file's structure cannot be followed")

// section is one cross-reference section with the revision around it.
type section struct {
	Revision
	subs []subsection
}

type subsection struct {
	first   int
	offsets []int // 0: free
}

// offset finds an object's offset. The sub-sections are sorted: a stranger may write a hundred thousand of them.
func (s *section) offset(n int) (int, bool) {
	i, exact := slices.BinarySearchFunc(s.subs, n, func(sub subsection, n int) int { return sub.first - n })
	if !exact {
		i--
	}
	if i < 0 || n >= s.subs[i].first+len(s.subs[i].offsets) {
		return 0, false
	}
	off := s.subs[i].offsets[n-s.subs[i].first]
	return off, off > 0
}

// Open reads the cross-reference sections from the end backwards. Each revision ends with "startxref", its own offset and
// "%%EOF", and the next begins right there; each increment is written object after object with nothing between them, has
// sorted sub-sections without free entries, and keeps Root, Info and ID. Anything else is an error.
func Open(b []byte) (*File, error) {
	budget := 4*len(b) + 1<<20
	f := &File{b: b, budget: &budget}
	at, ok := lastStart(b)
	if !ok {
		return nil, errPDF
	}
	for at >= 0 {
		s, ok := f.section(at)
		if !ok || len(f.sections) == MaxRevisions {
			return nil, errPDF
		}
		f.sections = append(f.sections, s)
		prev, has := s.Trailer["Prev"]
		if !has {
			break
		}
		before, isInt := prev.(int)
		if !isInt || before <= 0 || before >= at {
			return nil, errPDF
		}
		at = before
	}
	slices.Reverse(f.sections)
	f.upto = len(f.sections) - 1
	f.Trailer = f.sections[f.upto].Trailer
	if !f.consistent() {
		return nil, errPDF
	}
	return f, nil
}

// lastStart is the number behind the last startxref.
func lastStart(b []byte) (int, bool) {
	const word = "startxref\n"
	from := max(0, len(b)-64)
	i := bytes.LastIndex(b[from:], []byte(word))
	if i < 0 {
		return 0, false
	}
	p := &parser{b: b, i: from + i + len(word)}
	return p.decimal('\n'), !p.failed
}

// section reads the table at an offset, its trailer and the end of its revision.
func (f *File) section(at int) (section, bool) {
	s := section{Revision: Revision{XRef: at}}
	p := &parser{b: f.b, i: at}
	if at >= len(f.b) || !p.exactly("xref\n") {
		return s, false
	}
	total, next := 0, 0
	for !bytes.HasPrefix(f.b[p.i:], []byte("trailer\n")) {
		first, n := p.decimal(' '), p.decimal('\n')
		if p.failed || first < next || n < 1 || n > MaxObjects || first > MaxObjects || p.i+20*n > len(f.b) {
			return s, false
		}
		next = first + n
		if total += n; total > MaxObjects {
			return s, false
		}
		sub := subsection{first: first, offsets: make([]int, n)}
		for k := range n {
			off, used, ok := tableEntry(f.b[p.i : p.i+20])
			if p.i += 20; !ok || used && (off < 1 || first+k == 0) {
				return s, false
			}
			if used {
				sub.offsets[k] = off
				s.Changed = append(s.Changed, first+k)
			}
		}
		s.subs = append(s.subs, sub)
	}
	p.exactly("trailer\n")
	s.Trailer, _ = p.value().(map[string]any)
	p.space()
	// A second trailer between ours and startxref would be the one some readers take.
	if s.Trailer == nil || !p.exactly("startxref\n") || p.decimal('\n') != at || !p.exactly("%%EOF\n") {
		return s, false
	}
	s.To = p.i
	return s, !p.failed && len(s.subs) > 0
}

// consistent checks what can only be said of all revisions together.
func (f *File) consistent() bool {
	if f.sections[f.upto].To != len(f.b) {
		return false
	}
	size := 0
	for i := range f.sections {
		s := &f.sections[i]
		last := s.subs[len(s.subs)-1]
		size = max(size, last.first+len(last.offsets))
		if s.Trailer["Size"] != any(size) || s.Trailer["XRefStm"] != nil || s.Trailer["Encrypt"] != nil {
			return false
		}
		if i == 0 {
			if len(s.subs) != 1 || last.first != 0 || !s.within(0) {
				return false
			}
			continue
		}
		before := &f.sections[i-1]
		if s.From = before.To; s.XRef < s.From || !s.within(s.From) || !sameTrailer(before.Trailer, s.Trailer) || !f.tiled(s) {
			return false
		}
	}
	return true
}

// within asks that every object of the section lies between the beginning of its revision and the section itself.
func (s *section) within(from int) bool {
	for _, sub := range s.subs {
		for _, off := range sub.offsets {
			if off != 0 && (off < from || off >= s.XRef) {
				return false
			}
		}
	}
	return true
}

// sameTrailer: an increment's trailer leads to the same catalog, to the same information, and says nothing else.
func sameTrailer(before, now map[string]any) bool {
	for k := range now {
		switch k {
		case "Size", "Prev":
		case "Root", "Info", "ID":
			if !Same(before[k], now[k]) {
				return false
			}
		default:
			return false
		}
	}
	_, ref := now["Root"].(Ref)
	return ref && (before["Info"] == nil) == (now["Info"] == nil) && (before["ID"] == nil) == (now["ID"] == nil)
}

// tiled asks that an increment is its objects, one after the other, and nothing else: programs that repair files look for
// objects outside of the table, too.
func (f *File) tiled(s *section) bool {
	p := &parser{b: f.b, i: s.From}
	seen := 0
	for p.i < s.XRef {
		at := p.i
		n := p.decimal(' ')
		if p.failed || !p.exactly("0 obj\n") {
			return false
		}
		if off, ok := s.offset(n); !ok || off != at {
			return false
		}
		v := p.value()
		if p.failed {
			return false
		}
		if d, ok := v.(map[string]any); ok && bytes.HasPrefix(f.b[p.i:], []byte("\nstream\n")) {
			if _, ok := p.stream(d); !ok {
				return false
			}
		}
		if !p.exactly("\nendobj\n") {
			return false
		}
		seen++
	}
	return p.i == s.XRef && seen == len(s.Changed) && !slices.ContainsFunc(s.subs, func(sub subsection) bool { return slices.Contains(sub.offsets, 0) })
}

// tableEntry reads "0000000017 00000 n \n" (ISO 32000-1, 7.5.4): digits and nothing else, for a sign would be an offset
// before the file.
func tableEntry(line []byte) (offset int, used, ok bool) {
	for i, c := range line[:16] {
		if i == 10 && c != ' ' || i != 10 && (c < '0' || c > '9') {
			return 0, false, false
		}
	}
	offset, err := strconv.Atoi(string(line[:10]))
	used = line[17] == 'n'
	shape := line[16] == ' ' && (used || line[17] == 'f') && (line[18] == ' ' || line[18] == '\r') && line[19] == '\n'
	return offset, used, err == nil && shape && (!used || string(line[11:16]) == "00000")
}

// Revisions are all revisions of the file, the oldest first; there is at least one. They are not to be changed.
func (f *File) Revisions() []Revision {
	out := make([]Revision, len(f.sections))
	for i := range f.sections {
		out[i] = f.sections[i].Revision
	}
	return out
}

// As is the file as it was when revision i (from 0) was its last.
func (f *File) As(i int) *File {
	return &File{b: f.b, sections: f.sections, upto: i, budget: f.budget, Trailer: f.sections[i].Trailer}
}

// Object is one indirect object.
type Object struct {
	Value    any
	From, To int    // where the value stands in the file
	Stream   []byte // of a stream whose length is written in its dictionary
}

// Object returns object n; false when there is none or it cannot be read.
func (f *File) Object(n int) (Object, bool) {
	off, ok := 0, false
	for i := f.upto; i >= 0 && !ok; i-- {
		off, ok = f.sections[i].offset(n)
	}
	if !ok || *f.budget < 0 {
		return Object{}, false
	}
	p := &parser{b: f.b, i: off}
	defer func() { *f.budget -= p.i - off + 16 + valueCost*p.values }()
	if p.integer() != n || p.integer() != 0 || !p.word("obj") {
		return Object{}, false
	}
	p.space()
	o := Object{From: p.i}
	o.Value = p.value()
	o.To = p.i
	if p.failed {
		return Object{}, false
	}
	if d, isDict := o.Value.(map[string]any); isDict {
		at := p.i
		o.Stream, _ = p.stream(d)
		p.i = at // what was jumped over was not work
	}
	return o, true
}

// Raw is the text between two offsets.
func (f *File) Raw(from, to int) []byte { return f.b[from:to] }

// Resolve follows a reference; nil when it leads nowhere.
func (f *File) Resolve(v any) any {
	ref, ok := v.(Ref)
	if !ok {
		return v
	}
	o, _ := f.Object(int(ref))
	return o.Value
}

// Dict follows a reference to a dictionary; nil when it is none.
func (f *File) Dict(v any) map[string]any {
	m, _ := f.Resolve(v).(map[string]any)
	return m
}

// Reach calls visit for every object that can be reached from v, each once, until visit returns false for it: then what it
// refers to is not followed. false means that an object could not be read or that there was too much to read.
func (f *File) Reach(v any, visit func(n int, o Object) bool) bool {
	seen := map[Ref]bool{}
	todo := refs(nil, v)
	for len(todo) > 0 {
		r := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[r] {
			continue
		}
		seen[r] = true
		o, ok := f.Object(int(r))
		if !ok {
			return false
		}
		if visit(int(r), o) {
			todo = refs(todo, o.Value)
		}
	}
	return true
}

// refs appends the references inside a value.
func refs(to []Ref, v any) []Ref {
	switch x := v.(type) {
	case Ref:
		return append(to, x)
	case []any:
		for _, e := range x {
			to = refs(to, e)
		}
	case map[string]any:
		for _, e := range x {
			to = refs(to, e)
		}
	}
	return to
}

// OnlySignature returns the signature dictionary when there is exactly one field and it is signed.
func (f *File) OnlySignature() map[string]any {
	form := f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])
	fields, _ := f.Resolve(form["Fields"]).([]any)
	if len(fields) != 1 || len(f.sections) != 1 {
		return nil
	}
	field := f.Dict(fields[0])
	if field["FT"] != any(Name("Sig")) {
		return nil
	}
	return f.Dict(field["V"])
}
