package pdf

import (
	"strconv"

	"golang.org/x/image/font/sfnt"
)

// extra is the cut of one typeface for one document: the characters beyond the everyday faces, numbered as they come. In
// its text a code is the number of the glyph in the cut, so that the font needs no map between them.
type extra struct {
	name     string
	typeface *typeface
	runes    []rune // of code 1, 2, …
	gids     []uint16
	widths   []int16
	codes    []uint16 // by code point; 0: not in the cut
}

// script says which typeface draws a character that the everyday faces do not hold.
type script byte

const (
	unknown     script = iota
	alphabetic         // the three typefaces of the everyday faces
	ideographic        // the CJK fallback
)

const bmp = 1 << 16

// code returns the character's number in the cut, where it is put when it is new.
func (x *extra) code(e *Engine, r rune) (uint16, int) {
	if x.codes == nil {
		x.codes = make([]uint16, bmp)
	}
	if c := x.codes[r]; c > 0 {
		return c, int(x.widths[c-1])
	}
	g := e.cjkGlyphs[r]
	if x.typeface != e.cjk {
		var buf sfnt.Buffer
		g = x.typeface.glyph(&buf, r)
	}
	x.runes, x.gids = append(x.runes, r), append(x.gids, g)
	x.widths = append(x.widths, int16(x.typeface.width(g)))
	x.codes[r] = uint16(len(x.runes))
	return x.codes[r], int(x.widths[len(x.widths)-1])
}

// reset empties the cut and keeps its memory.
func (x *extra) reset() {
	for _, r := range x.runes {
		x.codes[r] = 0
	}
	x.runes, x.gids, x.widths = x.runes[:0], x.gids[:0], x.widths[:0]
}

// putExtra writes the font and what belongs to it, and returns its number.
func (d *document) putExtra(x *extra) int {
	w := d.w
	cut, glyphs := x.typeface.all.cut(d.scratch[:0], x.gids)
	d.scratch = cut
	widths := append(strconv.AppendInt(nil, 1, 10), '[')
	for _, v := range x.widths {
		widths = append(strconv.AppendInt(widths, int64(v), 10), ' ')
	}
	first := w.n
	w.fontHead(x.typeface, subsetTag(x.runes), "/Identity", string(append(widths, ']')), first+2)
	w.stream("", x.toUnicode())
	w.stream("/Length1 "+strconv.Itoa(len(cut)), cut)
	all := make([]byte, (glyphs+7)/8) // the parts of composite glyphs have numbers, too
	for i := range glyphs {
		all[i/8] |= 0x80 >> (i % 8)
	}
	w.stream("", all)
	return first
}

func (x *extra) toUnicode() []byte {
	b := append(make([]byte, 0, 512+14*len(x.runes)), cmapHead...)
	for i, r := range x.runes {
		if i%100 == 0 {
			if i > 0 {
				b = append(b, "endbfchar\n"...)
			}
			b = append(strconv.AppendInt(b, int64(min(100, len(x.runes)-i)), 10), " beginbfchar\n"...)
		}
		b = append(appendHex4(append(b, '<'), uint16(i+1)), '>', ' ')
		b = append(appendHex4(append(b, '<'), uint16(r)), '>', '\n')
	}
	return append(append(b, "endbfchar\n"...), cmapTail...)
}

// sortScripts asks the fonts once for every character of the plane; looking into their tables for each text costs more
// than setting it.
func (e *Engine) sortScripts() {
	var buf sfnt.Buffer
	e.scripts, e.cjkGlyphs = make([]script, bmp), make([]uint16, bmp)
	for r := rune(0x20); r < bmp; r++ {
		if !drawable(r) {
			continue
		}
		if e.full[regular].glyph(&buf, r) != 0 && e.full[bold].glyph(&buf, r) != 0 && e.full[serif].glyph(&buf, r) != 0 {
			e.scripts[r] = alphabetic
		} else if g := e.cjk.glyph(&buf, r); g != 0 {
			e.scripts[r], e.cjkGlyphs[r] = ideographic, g
		}
	}
}
