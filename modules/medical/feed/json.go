package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"townhall/modules/kernel/lines"
)

// object is one JSON object of a file, read member by member, so that every wrong one is told with its path.
type object struct {
	at     *place
	path   string
	fields map[string]any
}

// place is the line that is read.
type place struct {
	problems *lines.Problems
	file     string
	line     int
}

func (p *place) add(field, slug, message string) {
	p.problems.Add(p.file, p.line, field, slug, message)
}

var (
	errTwice = errors.New("a member stands twice")
	errDeep  = errors.New("nested too deeply")
)

const deepest = 16

// decode reads one JSON value strictly: nothing may follow it, and no member may stand twice, because two readers
// would disagree on which one counts (RFC 8259 §4).
func decode(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := value(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the object")
	}
	return v, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	open, ok := t.(json.Delim)
	switch {
	case !ok:
		return t, nil
	case depth == deepest:
		return nil, errDeep
	case open == '{':
		return members(d, depth)
	}
	list := []any{}
	for d.More() {
		v, err := value(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err = d.Token()
	return list, err
}

func members(d *json.Decoder, depth int) (any, error) {
	out := map[string]any{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string) // the decoder takes nothing else here
		if _, twice := out[name]; twice {
			return nil, errTwice
		}
		if out[name], err = value(d, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return out, err
}

func (o object) child(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// text reads a member that is a text of 1 to most characters. One that may be left out is empty then.
func (o object) text(name string, required bool, most int) string {
	v, there := o.fields[name]
	if !there {
		if required {
			o.at.add(o.child(name), "missing", "is missing")
		}
		return ""
	}
	return o.textOf(o.child(name), v, most)
}

func (o object) textOf(path string, v any, most int) string {
	s, ok := v.(string)
	switch {
	case !ok:
		o.at.add(path, "text", "must be a text")
		return ""
	case strings.TrimSpace(s) == "":
		o.at.add(path, "empty", "is empty")
	case utf8.RuneCountInString(s) > most:
		o.at.add(path, "long", "is too long")
		return ""
	case strings.ContainsFunc(s, control):
		o.at.add(path, "control", "holds a character that cannot be shown")
		return ""
	}
	return s
}

// control are characters no name or address has; line breaks inside a description are kept.
func control(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || r == utf8.RuneError
}

// number reads a member that is a number of a range.
func (o object) number(name string, low, high float64) (float64, bool) {
	v, there := o.fields[name]
	if !there {
		o.at.add(o.child(name), "missing", "is missing")
		return 0, false
	}
	n, ok := v.(json.Number)
	if !ok {
		o.at.add(o.child(name), "number", "must be a number")
		return 0, false
	}
	f, err := n.Float64()
	if err != nil || f < low || f > high || math.IsNaN(f) {
		o.at.add(o.child(name), "range", "is out of range")
		return 0, false
	}
	return f, true
}

// whole is a number without a fraction.
func (o object) whole(name string, low, high int) int {
	f, ok := o.number(name, float64(low), float64(high))
	if ok && f != math.Trunc(f) {
		o.at.add(o.child(name), "whole", "must be a whole number")
		return 0
	}
	return int(f)
}

// object reads a member that is an object.
func (o object) object(name string, required bool) (object, bool) {
	v, there := o.fields[name]
	if !there {
		if required {
			o.at.add(o.child(name), "missing", "is missing")
		}
		return object{}, false
	}
	return o.objectOf(o.child(name), v)
}

func (o object) objectOf(path string, v any) (object, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		o.at.add(path, "object", "must be an object")
	}
	return object{o.at, path, m}, ok
}

// longest is how many members a list may have: more is no feed of a clinic.
const longest = 50

// list reads a member that is a list of at least one.
func (o object) list(name string, required bool) []any {
	v, there := o.fields[name]
	if !there {
		if required {
			o.at.add(o.child(name), "missing", "is missing")
		}
		return nil
	}
	list, ok := v.([]any)
	switch {
	case !ok:
		o.at.add(o.child(name), "list", "must be a list")
		return nil
	case required && len(list) == 0:
		o.at.add(o.child(name), "empty", "is empty")
	case len(list) > longest:
		o.at.add(o.child(name), "long", "is too long")
		return nil
	}
	return list
}

// objects reads a list of objects.
func (o object) objects(name string, required bool) []object {
	var out []object
	for i, v := range o.list(name, required) {
		if c, ok := o.objectOf(fmt.Sprintf("%s[%d]", o.child(name), i), v); ok {
			out = append(out, c)
		}
	}
	return out
}
