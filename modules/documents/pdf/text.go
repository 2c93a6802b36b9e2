package pdf

import (
	"strings"
	"unicode"
)

const (
	ptPerMM    = 72 / 25.4
	pageWidth  = 210.0
	pageHeight = 297.0
	marginX    = 22.0
	textWidth  = pageWidth - 2*marginX
)

// run is a piece of a line in one face.
type run struct {
	face *face
	text string
}

// line is one line of text, measured in thousandths of the size.
type line struct {
	runs  []run
	width int
}

// face picks the font that draws r in style s: the constant face, the cut of the same typeface, the CJK fallback.
func (d *document) face(s style, r rune) (*face, int) {
	if w, ok := d.e.base[s].width(r); ok {
		return d.e.base[s], w
	}
	if x := d.extra[s]; x != nil {
		if w, ok := x.width(r); ok {
			return x, w
		}
	}
	if d.cjk != nil {
		if w, ok := d.cjk.width(r); ok {
			return d.cjk, w
		}
	}
	return d.e.base[s], 0 // the guard has refused every rune that could come here
}

// set makes one line of s without breaking it.
func (d *document) set(st style, s string) line {
	var l line
	start := 0
	var cur *face
	for i, r := range s {
		f, w := d.face(st, r)
		if f != cur && cur != nil {
			l.runs = append(l.runs, run{cur, s[start:i]})
			start = i
		}
		cur = f
		l.width += w
	}
	if cur != nil {
		l.runs = append(l.runs, run{cur, s[start:]})
	}
	return l
}

func (l line) mm(size float64) float64 { return float64(l.width) * size / 1000 / ptPerMM }

func (d *document) width(st style, s string) int {
	n := 0
	for _, r := range s {
		_, w := d.face(st, r)
		n += w
	}
	return n
}

// wrap breaks s into lines no wider than mm: at spaces and after hyphens, and between CJK characters except
// where their punctuation forbids it; a word wider than the line is cut.
func (d *document) wrap(st style, s string, size, mm float64) []line {
	limit := int(mm * ptPerMM / size * 1000)
	if d.width(st, s) <= limit {
		return []line{d.set(st, s)}
	}
	var out []line
	start, end, used := 0, 0, 0
	flush := func() {
		// The space at the end stays: a program that reads the text aloud joins the lines.
		out = append(out, d.set(st, s[start:end]))
		start, used = end, 0
	}
	for end < len(s) {
		seg := s[end : end+segment(s[end:])]
		w := d.width(st, strings.TrimRight(seg, " "))
		if used > 0 && used+w > limit {
			flush()
		}
		if w > limit {
			for _, r := range seg {
				_, rw := d.face(st, r)
				if used > 0 && used+rw > limit {
					flush()
				}
				used += rw
				end += len(string(r))
			}
			continue
		}
		used += d.width(st, seg)
		end += len(seg)
	}
	if start < len(s) {
		flush()
	}
	return out
}

// noStart may not begin a line, noEnd may not end one (GB/T 15834, JLREQ).
const (
	noStart = "，。、；：？！）》」』】〉”’…—·％%,.;:?!)]}"
	noEnd   = "（《「『【〈“‘([{"
)

// segment returns the length of the first part of s that must stay on one line, with the spaces after it.
func segment(s string) int {
	var prev rune
	for i, r := range s {
		if i > 0 && prev != 0 && r != ' ' && breakable(prev, r) {
			return i
		}
		prev = r
	}
	return len(s)
}

func breakable(a, b rune) bool {
	switch {
	case a == ' ':
		return true
	case strings.ContainsRune(noStart, b) || strings.ContainsRune(noEnd, a):
		return false
	case a == '-' || a == '/' || a == '–':
		return unicode.IsLetter(b)
	}
	return wide(a) || wide(b)
}

func wide(r rune) bool { return r >= 0x2e80 && r <= 0xffef }
