// Package pdffile reads the one shape of PDF that we seal: classic cross-reference tables, one revision after the other. It is
// strict on purpose: what it does not understand is not ours. The writer of increments and the verifier share it.
package pdffile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Name is a PDF name without its slash.
type Name string

type Ref int

type String struct {
	Bytes    []byte
	From, To int // where it stands, with its brackets
}

type File struct {
	b       []byte
	offsets map[int]int
	Trailer map[string]any
}

var errPDF = errors.New("the file's structure cannot be followed")

func Open(b []byte) (*File, error) {
	tail := b[max(0, len(b)-64):]
	i := bytes.LastIndex(tail, []byte("startxref\n"))
	if i < 0 {
		return nil, errPDF
	}
	num, rest, ok := bytes.Cut(tail[i+len("startxref\n"):], []byte("\n"))
	at, err := strconv.Atoi(string(num))
	if !ok || err != nil || string(rest) != "%%EOF\n" || at < 0 || at >= len(b) {
		return nil, errPDF
	}
	f := &File{b: b, offsets: map[int]int{}}
	p := &parser{b: b, i: at}
	if !p.word("xref") || p.integer() != 0 {
		return nil, errPDF
	}
	n := p.integer()
	if n < 1 || n > 100_000 || p.failed {
		return nil, errPDF
	}
	p.space()
	for k := range n {
		if p.i+20 > len(b) {
			return nil, errPDF
		}
		off, used, ok := tableEntry(b[p.i : p.i+20])
		p.i += 20
		if !ok || off >= len(b) {
			return nil, errPDF
		}
		if used {
			f.offsets[k] = off
		}
	}
	if !p.word("trailer") {
		return nil, errPDF
	}
	f.Trailer, ok = p.value().(map[string]any)
	if !ok || p.failed || f.Trailer["Prev"] != nil || f.Trailer["XRefStm"] != nil || f.Trailer["Encrypt"] != nil || f.Trailer["Size"] != any(n) {
		return nil, errPDF
	}
	p.space()
	if p.i != len(b)-len(tail)+i { // a second trailer between ours and startxref would be the one some readers take
		return nil, errPDF
	}
	return f, nil
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

// Resolve follows a reference; nil when it leads nowhere.
func (f *File) Resolve(v any) any {
	ref, ok := v.(Ref)
	if !ok {
		return v
	}
	off, ok := f.offsets[int(ref)]
	if !ok {
		return nil
	}
	p := &parser{b: f.b, i: off}
	if p.integer() != int(ref) || p.integer() != 0 || !p.word("obj") {
		return nil
	}
	out := p.value()
	if p.failed {
		return nil
	}
	return out
}

func (f *File) Dict(v any) map[string]any {
	m, _ := f.Resolve(v).(map[string]any)
	return m
}

// OnlySignature returns the signature dictionary when there is exactly one field and it is signed.
func (f *File) OnlySignature() map[string]any {
	form := f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])
	fields, _ := f.Resolve(form["Fields"]).([]any)
	if len(fields) != 1 {
		return nil
	}
	field := f.Dict(fields[0])
	if field["FT"] != any(Name("Sig")) {
		return nil
	}
	return f.Dict(field["V"])
}

// Value reads one object at the start of b, not deeper than an array of an array; nil when it is malformed.
func Value(b []byte) any {
	p := parser{b: b, depth: 1}
	v := p.value()
	if p.failed {
		return nil
	}
	return v
}

// parser reads PDF objects (ISO 32000-1, 7.3). failed is sticky.
type parser struct {
	b      []byte
	i      int
	depth  int
	failed bool
}

const maxDepth = 40

func (p *parser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\r' || p.b[p.i] == '\t' || p.b[p.i] == 0 || p.b[p.i] == '\f') {
		p.i++
	}
}

func (p *parser) word(w string) bool {
	p.space()
	if !bytes.HasPrefix(p.b[p.i:], []byte(w)) {
		p.failed = true
		return false
	}
	p.i += len(w)
	return true
}

func (p *parser) integer() int {
	n, ok := p.number().(int)
	if !ok {
		p.failed = true
	}
	return n
}

func (p *parser) number() any {
	p.space()
	start := p.i
	for p.i < len(p.b) && p.i-start < 24 && (p.b[p.i] >= '0' && p.b[p.i] <= '9' || p.b[p.i] == '.' || p.b[p.i] == '-' || p.b[p.i] == '+') {
		p.i++
	}
	s := string(p.b[start:p.i])
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	if x, err := strconv.ParseFloat(s, 64); err == nil {
		return x
	}
	p.failed = true
	return nil
}

func (p *parser) value() any {
	p.space()
	p.depth++
	defer func() { p.depth-- }()
	if p.failed || p.i >= len(p.b) || p.depth > maxDepth {
		p.failed = true
		return nil
	}
	switch c := p.b[p.i]; {
	case c == '/':
		return p.name()
	case c == '(':
		return p.literal()
	case c == '[':
		return p.array()
	case c == '<' && p.i+1 < len(p.b) && p.b[p.i+1] == '<':
		return p.dictionary()
	case c == '<':
		return p.hexString()
	case c == 't' || c == 'f' || c == 'n':
		for word, v := range map[string]any{"true": true, "false": false, "null": nil} {
			if bytes.HasPrefix(p.b[p.i:], []byte(word)) {
				p.i += len(word)
				return v
			}
		}
		p.failed = true
		return nil
	}
	return p.numberOrRef()
}

func (p *parser) numberOrRef() any {
	n := p.number()
	id, ok := n.(int)
	if !ok || id < 0 {
		return n
	}
	ahead := parser{b: p.b, i: p.i}
	if gen, ok := ahead.number().(int); ok && gen == 0 && !ahead.failed && ahead.word("R") {
		p.i = ahead.i
		return Ref(id)
	}
	return n
}

func (p *parser) name() Name {
	start := p.i + 1
	p.i = start
	for p.i < len(p.b) && !bytes.ContainsRune([]byte(" \n\r\t\f\x00/<>[](){}%"), rune(p.b[p.i])) {
		p.i++
	}
	return Name(p.b[start:p.i])
}

func (p *parser) literal() String {
	s := String{From: p.i}
	for p.i++; p.i < len(p.b); p.i++ {
		switch p.b[p.i] {
		case '\\':
			p.i++
			if p.i < len(p.b) {
				s.Bytes = append(s.Bytes, p.b[p.i])
			}
		case '(':
			p.failed = true // we escape every bracket
			return s
		case ')':
			p.i++
			s.To = p.i
			return s
		default:
			s.Bytes = append(s.Bytes, p.b[p.i])
		}
	}
	p.failed = true
	return s
}

func (p *parser) hexString() String {
	s := String{From: p.i}
	end := bytes.IndexByte(p.b[p.i:], '>')
	if end < 0 {
		p.failed = true
		return s
	}
	var err error
	s.Bytes, err = hex.DecodeString(string(p.b[p.i+1 : p.i+end]))
	p.i += end + 1
	s.To = p.i
	p.failed = p.failed || err != nil
	return s
}

func (p *parser) array() []any {
	p.i++
	out := []any{}
	for {
		p.space()
		if p.failed || p.i >= len(p.b) {
			p.failed = true
			return nil
		}
		if p.b[p.i] == ']' {
			p.i++
			return out
		}
		out = append(out, p.value())
	}
}

func (p *parser) dictionary() map[string]any {
	p.i += 2
	out := map[string]any{}
	for {
		p.space()
		if p.failed || p.i+1 >= len(p.b) {
			p.failed = true
			return nil
		}
		if p.b[p.i] == '>' && p.b[p.i+1] == '>' {
			p.i += 2
			return out
		}
		if p.b[p.i] != '/' {
			p.failed = true
			return nil
		}
		k := string(p.name())
		if _, twice := out[k]; twice || strings.Contains(k, "#") { // #52oot is another spelling of Root
			p.failed = true
		}
		out[k] = p.value()
	}
}
