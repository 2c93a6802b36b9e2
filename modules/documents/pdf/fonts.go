package pdf

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/go-pdf/fpdf"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

//go:embed fonts/NotoSans-Regular.ttf
var sansRegular []byte

//go:embed fonts/NotoSans-Bold.ttf
var sansBold []byte

//go:embed fonts/NotoSerif-Bold.ttf
var serifBold []byte

//go:embed fonts/DroidSansFallbackFull.ttf
var droidFallback []byte

// style is what the layout asks for; each has a typeface, and all share the CJK fallback.
type style int

const (
	regular style = iota
	bold
	serif
	styles
)

// typeface is one font file as read from the repository.
type typeface struct {
	name string
	raw  []byte
	font *sfnt.Font
	all  *outlines
}

func parseTypeface(name string, raw []byte) (*typeface, error) {
	f, err := sfnt.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("font %s: %w", name, err)
	}
	all, err := readOutlines(raw)
	if err != nil {
		return nil, fmt.Errorf("font %s: %w", name, err)
	}
	return &typeface{name: name, raw: raw, font: f, all: all}, nil
}

func (t *typeface) has(buf *sfnt.Buffer, r rune) bool {
	g, err := t.font.GlyphIndex(buf, r)
	return err == nil && g != 0
}

// face is a cut of a typeface: what a document embeds, with its widths in thousandths of the size.
type face struct {
	name     string // resource name in the page, e.g. "F0"
	typeface *typeface
	runes    []rune // ascending
	widths   map[rune]int
	flat     []int16 // widths of low code points, -1 where there is none: most text ends here
}

const flatLimit = 0x530

func (f *face) width(r rune) (int, bool) {
	if r < flatLimit && f.flat != nil {
		w := f.flat[r]
		return int(w), w >= 0
	}
	w, ok := f.widths[r]
	return w, ok
}

// keep returns the runes of the list that the typeface has, sorted, each once. U+0020 is always asked for, since the
// width check of PDF/A (ISO 19005-2, 6.2.11.5) looks at it.
func (t *typeface) keep(runes []rune) []rune {
	var buf sfnt.Buffer
	keep := make([]rune, 0, len(runes)+1)
	for _, r := range append(slices.Clone(runes), ' ') {
		if t.has(&buf, r) {
			keep = append(keep, r)
		}
	}
	slices.Sort(keep)
	return slices.Compact(keep)
}

// cutConstant is the cut of an everyday face, by fpdf, with the hints of the original.
func cutConstant(name string, t *typeface, runes []rune) (*face, []byte, map[rune]uint16, error) {
	keep := t.keep(runes)
	cut := fpdf.UTF8CutFont(t.raw, string(keep))
	sub, err := sfnt.Parse(cut)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("cut of %s: %w", t.name, err)
	}
	var buf sfnt.Buffer
	glyphs := make(map[rune]uint16, len(keep))
	for _, r := range keep {
		g, err := sub.GlyphIndex(&buf, r)
		if err != nil || g == 0 {
			return nil, nil, nil, fmt.Errorf("cut of %s lost U+%04X", t.name, r)
		}
		glyphs[r] = uint16(g)
	}
	f, err := newFace(name, t, keep)
	if err != nil {
		return nil, nil, nil, err
	}
	f.flat = make([]int16, flatLimit)
	for i := range f.flat {
		f.flat[i] = -1
	}
	for r, w := range f.widths {
		if r < flatLimit {
			f.flat[r] = int16(w)
		}
	}
	return f, cut, glyphs, nil
}

// cutFor is the cut of what one document needs beyond the everyday faces.
func cutFor(name string, t *typeface, runes []rune) (*face, []byte, map[rune]uint16, error) {
	keep := t.keep(runes)
	var buf sfnt.Buffer
	gids := make([]uint16, 0, len(keep))
	glyphs := make(map[rune]uint16, len(keep))
	place := make(map[uint16]uint16, len(keep)) // two characters may share a glyph
	for _, r := range keep {
		g, err := t.font.GlyphIndex(&buf, r)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("glyph of U+%04X: %w", r, err)
		}
		if _, ok := place[uint16(g)]; !ok {
			gids = append(gids, uint16(g))
			place[uint16(g)] = uint16(len(gids))
		}
		glyphs[r] = place[uint16(g)]
	}
	f, err := newFace(name, t, keep)
	if err != nil {
		return nil, nil, nil, err
	}
	return f, t.all.cut(gids), glyphs, nil
}

func newFace(name string, t *typeface, keep []rune) (*face, error) {
	f := &face{name: name, typeface: t, runes: keep, widths: make(map[rune]int, len(keep))}
	var buf sfnt.Buffer
	upem := int(t.font.UnitsPerEm())
	for _, r := range keep {
		g, err := t.font.GlyphIndex(&buf, r)
		if err != nil {
			return nil, err
		}
		adv, err := t.font.GlyphAdvance(&buf, g, fixed.I(upem), font.HintingNone)
		if err != nil {
			return nil, fmt.Errorf("width of U+%04X in %s: %w", r, t.name, err)
		}
		f.widths[r] = (adv.Round()*1000 + upem/2) / upem
	}
	return f, nil
}

// putFont writes the six objects of an embedded composite font; the first is the one pages refer to.
// The codes in the page are UTF-16 units (fpdf's own habit), so CID = code point and the map to glyphs is a stream.
func putFont(w *writer, f *face, cut []byte, glyphs map[rune]uint16) int {
	base := subsetTag(f) + "+" + f.typeface.name
	first := w.n
	w.obj("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/CIDToGIDMap %d 0 R/DW 1000/W[%s]>>]/ToUnicode %d 0 R>>",
		base, base, first+1, first+2, widthArray(f), first+3)
	box, asc, desc, capH := metrics(f.typeface)
	stem := 80
	if f.typeface.name != "NotoSans-Regular" {
		stem = 140
	}
	w.obj("<</Type/FontDescriptor/FontName/%s/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV %d/FontFile2 %d 0 R/CIDSet %d 0 R>>",
		base, box[0], box[1], box[2], box[3], asc, desc, capH, stem, first+4, first+5)
	last := f.runes[len(f.runes)-1]
	gids := make([]byte, 2*(int(last)+1))
	for r, g := range glyphs {
		binary.BigEndian.PutUint16(gids[2*r:], g)
	}
	w.stream("", gids)
	w.stream("", toUnicode(f.runes))
	w.stream(fmt.Sprintf("/Length1 %d", len(cut)), cut)
	w.stream("", cidSet(f.runes))
	return first
}

// cidSet has one bit per CID that the cut holds. PDF/A-1 asks for it; later parts ask that it be complete.
func cidSet(runes []rune) []byte {
	bits := make([]byte, int(runes[len(runes)-1])/8+1)
	bits[0] = 0x80 // CID 0 is always there
	for _, r := range runes {
		bits[r/8] |= 0x80 >> (r % 8)
	}
	return bits
}

func widthArray(f *face) string {
	var b bytes.Buffer
	for i := 0; i < len(f.runes); {
		j := i
		fmt.Fprintf(&b, "%d[", f.runes[i])
		for ; j < len(f.runes) && f.runes[j] == f.runes[i]+rune(j-i); j++ {
			fmt.Fprintf(&b, "%d ", f.widths[f.runes[j]])
		}
		b.WriteByte(']')
		i = j
	}
	return b.String()
}

// toUnicode maps every code to itself, one by one: a range over everything, as fpdf writes it, maps codes that
// are no characters, which ISO 19005-2 (6.2.11.7) forbids.
func toUnicode(runes []rune) []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	for part := range slices.Chunk(runes, 100) {
		fmt.Fprintf(&b, "%d beginbfchar\n", len(part))
		for _, r := range part {
			fmt.Fprintf(&b, "<%04X> <%04X>\n", r, r)
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return b.Bytes()
}

// subsetTag is the six letters before the name of a subset (ISO 32000-1, 9.6.4), made from its runes.
func subsetTag(f *face) string {
	h := uint32(2166136261)
	for _, r := range f.runes {
		h = (h ^ uint32(r)) * 16777619
	}
	tag := make([]byte, 6)
	for i := range tag {
		tag[i] = 'A' + byte(h%26)
		h /= 26
	}
	return string(tag)
}

func metrics(t *typeface) (box [4]int, asc, desc, capH int) {
	var buf sfnt.Buffer
	upem := int(t.font.UnitsPerEm())
	scale := func(v fixed.Int26_6) int { return v.Round() * 1000 / upem }
	if b, err := t.font.Bounds(&buf, fixed.I(upem), font.HintingNone); err == nil {
		box = [4]int{scale(b.Min.X), -scale(b.Max.Y), scale(b.Max.X), -scale(b.Min.Y)}
	}
	if m, err := t.font.Metrics(&buf, fixed.I(upem), font.HintingNone); err == nil {
		asc, desc, capH = scale(m.Ascent), -scale(m.Descent), scale(m.CapHeight)
	}
	return box, asc, desc, capH
}

// everyday is what the constant faces hold: Latin with its European letters, Cyrillic, and the marks of print.
func everyday() []rune {
	var out []rune
	for _, span := range [][2]rune{{0x20, 0x7e}, {0xa0, 0xac}, {0xae, 0x17f}, {0x218, 0x21b}, {0x400, 0x45f}, {0x490, 0x493},
		{0x2010, 0x2015}, {0x2018, 0x201e}, {0x2020, 0x2022}, {0x2026, 0x2026}, {0x2030, 0x2030}, {0x2039, 0x203a},
		{0x20ac, 0x20ac}, {0x20bd, 0x20bd}, {0x2116, 0x2116}, {0x2122, 0x2122}, {0x2212, 0x2212}} {
		for r := span[0]; r <= span[1]; r++ {
			out = append(out, r)
		}
	}
	return out
}
