package pdffile

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
)

// Name is a PDF name without its slash.
type Name string

// Ref is a reference to an object of generation 0.
type Ref int

// String is a literal or hexadecimal string.
type String struct {
	Bytes    []byte
	From, To int // where it stands, with its brackets
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

// Entry returns where the value of a key stands in the text of a dictionary; false when there is none.
func Entry(dict []byte, key string) (from, to int, ok bool) {
	p := &parser{b: dict}
	if !p.exactly("<<") {
		return 0, 0, false
	}
	for {
		p.space()
		if p.failed || p.i >= len(dict) || dict[p.i] != '/' {
			return 0, 0, false
		}
		k := p.name()
		p.space()
		from = p.i
		p.value()
		if string(k) == key && !p.failed {
			return from, p.i, true
		}
	}
}

// Same tells whether two values are equal, however they are written.
func Same(a, b any) bool {
	switch x := a.(type) {
	case String:
		y, ok := b.(String)
		return ok && bytes.Equal(x.Bytes, y.Bytes)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !Same(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && len(x) == len(y) && sameEntries(x, y)
	case nil, bool, int, float64, Name, Ref:
		switch b.(type) {
		case nil, bool, int, float64, Name, Ref:
			return a == b
		}
	}
	return false
}

func sameEntries(x, y map[string]any) bool {
	for k, v := range x {
		if w, ok := y[k]; !ok || !Same(v, w) {
			return false
		}
	}
	return true
}

// parser reads PDF objects (ISO 32000-1, 7.3). failed is sticky.
type parser struct {
	b      []byte
	i      int
	depth  int
	values int
	failed bool
}

const (
	maxDepth  = 40
	maxValues = 1 << 18 // in one object
	maxNumber = 24
)

func (p *parser) fail() bool {
	p.failed = true
	return false
}

func (p *parser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\r' || p.b[p.i] == '\t' || p.b[p.i] == 0 || p.b[p.i] == '\f') {
		p.i++
	}
}

// exactly reads text that stands right here.
func (p *parser) exactly(w string) bool {
	if p.failed || p.i > len(p.b) || !bytes.HasPrefix(p.b[p.i:], []byte(w)) {
		return p.fail()
	}
	p.i += len(w)
	return true
}

func (p *parser) word(w string) bool {
	p.space()
	return p.exactly(w)
}

// decimal reads a number in its one shortest form and the byte behind it.
func (p *parser) decimal(end byte) int {
	start, n := p.i, 0
	for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' && p.i-start < 10 {
		n = 10*n + int(p.b[p.i]-'0')
		p.i++
	}
	if p.i == start || p.i >= len(p.b) || p.b[p.i] != end || p.b[start] == '0' && p.i > start+1 {
		p.failed = true
		return 0
	}
	p.i++
	return n
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
	for p.i < len(p.b) && (p.b[p.i] >= '0' && p.b[p.i] <= '9' || p.b[p.i] == '.' || p.b[p.i] == '-' || p.b[p.i] == '+') {
		if p.i++; p.i-start > maxNumber {
			p.failed = true
			return nil
		}
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
	if p.values++; p.failed || p.i >= len(p.b) || p.depth > maxDepth || p.values > maxValues {
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
	case c == 't':
		return p.exactly("true")
	case c == 'f':
		p.exactly("false")
		return false
	case c == 'n':
		p.exactly("null")
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
	for p.i < len(p.b) && strings.IndexByte(" \n\r\t\f\x00/<>[](){}%", p.b[p.i]) < 0 {
		p.i++
	}
	return Name(p.b[start:p.i])
}

// literal reads the one form we write: brackets and backslashes are escaped, and nothing else is.
func (p *parser) literal() String {
	s := String{From: p.i}
	for p.i++; p.i < len(p.b); p.i++ {
		switch p.b[p.i] {
		case '\\':
			p.i++
			if p.i >= len(p.b) || strings.IndexByte(`()\`, p.b[p.i]) < 0 {
				p.failed = true
				return s
			}
			s.Bytes = append(s.Bytes, p.b[p.i])
		case '(':
			p.failed = true
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
	s.Bytes = make([]byte, (end-1)/2)
	_, err := hex.Decode(s.Bytes, p.b[p.i+1:p.i+end])
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

// stream reads the data behind a stream's dictionary. It fails without a mark on the parser: not every dictionary is one.
func (p *parser) stream(d map[string]any) ([]byte, bool) {
	q := &parser{b: p.b, i: p.i}
	n, ok := d["Length"].(int)
	if !ok || n < 0 || !q.exactly("\nstream\n") || n > len(p.b)-q.i {
		return nil, false
	}
	from := q.i
	q.i += n
	if !q.exactly("\nendstream") {
		return nil, false
	}
	p.i = q.i
	return p.b[from : from+n : from+n], true
}
