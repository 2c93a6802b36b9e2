package pdf

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	ptPerMM    = 72 / 25.4
	pageWidth  = 210.0
	pageHeight = 297.0
	marginX    = 22.0
	textWidth  = pageWidth - 2*marginX
)

// line is one line of text, measured in thousandths of the size.
type line struct {
	text  string
	width int
}

func (l line) mm(size float64) float64 { return float64(l.width) * size / 1000 / ptPerMM }

// constant stands for the face that every document has; else an index of the cuts that only this document has, of which
// the last is the CJK fallback.
const (
	constant = -1
	cjk      = int(styles)
)

// glyph says how r is drawn in style s: in the constant face (where the code is the character), a cut of the same
// typeface, or the CJK fallback. The guard has refused every character that has none of them.
func (d *document) glyph(s style, r rune) (x int, code uint16, width int) {
	if w, ok := d.e.base[s].width(r); ok {
		return constant, uint16(r), w
	}
	x = int(s)
	if d.e.scripts[r] == ideographic {
		x = cjk
	}
	code, width = d.extras[x].code(d.e, r)
	return x, code, width
}

func (d *document) width(st style, s string) int {
	n, base := 0, d.e.base[st].widths
	for _, r := range s {
		if r < flatLimit && base[r] >= 0 {
			n += int(base[r])
			continue
		}
		_, _, w := d.glyph(st, r)
		n += w
	}
	return n
}

// set makes one line of s without breaking it.
func (d *document) set(st style, s string) line { return line{s, d.width(st, s)} }

// wrap breaks s into lines no wider than mm: at spaces and after hyphens, and between CJK characters except where their
// punctuation forbids it; a word wider than the line is cut. The space at the end of a line stays, for a program that
// reads the text aloud joins the lines; it may hang over the edge.
func (d *document) wrap(st style, s string, size, mm float64) []line {
	limit := int(mm * ptPerMM / size * 1000)
	first, base := len(d.lines), d.e.base[st].widths
	start, used := 0, 0 // of the line
	brk, upTo := 0, 0   // where it may end, and its width up to there
	prev := rune(0)
	for i := 0; i < len(s); {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
		}
		w := 0
		if r < flatLimit && base[r] >= 0 {
			w = int(base[r])
		} else {
			_, _, w = d.glyph(st, r)
		}
		if i > start && r != ' ' {
			if breakable(prev, r) {
				brk, upTo = i, used
			}
			if used+w > limit {
				if brk == start {
					brk, upTo = i, used
				}
				d.lines = append(d.lines, line{s[start:brk], upTo})
				start, used = brk, used-upTo
				if used+w > limit && i > start {
					d.lines = append(d.lines, line{s[start:i], used})
					start, used = i, 0
				}
				brk, upTo = start, 0
			}
		}
		used += w
		prev = r
		i += n
	}
	d.lines = append(d.lines, line{s[start:], used})
	return d.lines[first:len(d.lines):len(d.lines)]
}

// noStart may not begin a line, noEnd may not end one (GB/T 15834, JLREQ).
const (
	noStart = "，。、；：？！）》」』】〉”’…—·％%,.;:?!)]}"
	noEnd   = "（《「『【〈“‘([{"
)

func breakable(a, b rune) bool {
	switch {
	case a == ' ' || han(a) && han(b):
		return true
	case a == '-' || a == '/' || a == '–':
		return unicode.IsLetter(b)
	case !wide(a) && !wide(b):
		return false
	}
	return !strings.ContainsRune(noStart, b) && !strings.ContainsRune(noEnd, a)
}

func han(r rune) bool { return r >= 0x4e00 && r < 0xa000 }

func wide(r rune) bool { return r >= 0x2e80 && r <= 0xffef }
