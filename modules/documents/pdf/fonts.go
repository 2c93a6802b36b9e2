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
	upem int
	// The part of the font descriptor that is the same for every cut.
	descriptor string
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
	t := &typeface{name: name, raw: raw, font: f, all: all, upem: int(f.UnitsPerEm())}
	t.descriptor = t.describe()
	return t, nil
}

// glyph is 0 where the typeface has none for r.
func (t *typeface) glyph(buf *sfnt.Buffer, r rune) uint16 {
	g, err := t.font.GlyphIndex(buf, r)
	if err != nil {
		return 0
	}
	return uint16(g)
}

// width of a glyph in thousandths of the size.
func (t *typeface) width(g uint16) int {
	adv := int(binary.BigEndian.Uint16(t.all.metric(g)))
	return (adv*1000 + t.upem/2) / t.upem
}

// face is a constant cut of a typeface: what every document embeds, with its widths in thousandths of the size. In its
// text a code is the character's UTF-16 unit, fpdf's own habit.
type face struct {
	name     string // resource name in the page, e.g. "F0"
	typeface *typeface
	runes    []rune  // ascending
	widths   []int16 // by code point below flatLimit, -1 where there is none
}

// flatLimit is above the last character of the everyday alphabets.
const flatLimit = 0x2213

func (f *face) width(r rune) (int, bool) {
	if r < flatLimit {
		w := f.widths[r]
		return int(w), w >= 0
	}
	return 0, false
}

// keep returns the runes of the list that the typeface has, sorted, each once. U+0020 is always asked for, since the
// width check of PDF/A (ISO 19005-2, 6.2.11.5) looks at it.
func (t *typeface) keep(runes []rune) []rune {
	var buf sfnt.Buffer
	keep := make([]rune, 0, len(runes)+1)
	for _, r := range append(slices.Clone(runes), ' ') {
		if t.glyph(&buf, r) != 0 {
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
	f := &face{name: name, typeface: t, runes: keep, widths: make([]int16, flatLimit)}
	for i := range f.widths {
		f.widths[i] = -1
	}
	for _, r := range keep {
		f.widths[r] = int16(t.width(t.glyph(&buf, r)))
	}
	return f, cut, glyphs, nil
}

// putFont writes the six objects of a constant face; the first is the one pages refer to. CID = code point, and the map
// to glyphs is a stream.
func putFont(w *writer, f *face, cut []byte, glyphs map[rune]uint16) int {
	first := w.n
	last := f.runes[len(f.runes)-1]
	gids := make([]byte, 2*(int(last)+1))
	for r, g := range glyphs {
		binary.BigEndian.PutUint16(gids[2*r:], g)
	}
	w.fontHead(f.typeface, subsetTag(f.runes), fmt.Sprintf("%d 0 R", first+2), widthArray(f), first+3)
	w.stream("", gids)
	w.stream("", toUnicode(f.runes))
	w.stream(fmt.Sprintf("/Length1 %d", len(cut)), cut)
	w.stream("", cidSet(f.runes))
	return first
}

// fontHead writes the font and its descriptor. Behind them come, from number next-1 or next on, the map to Unicode, the
// font file and the set of its characters.
func (w *writer) fontHead(t *typeface, tag, gids, widths string, next int) {
	base := tag + "+" + t.name
	w.obj("<</Type/Font/Subtype/Type0/BaseFont/%s/Encoding/Identity-H/DescendantFonts[<</Type/Font/Subtype/CIDFontType2/BaseFont/%s/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor %d 0 R/CIDToGIDMap %s/DW 1000/W[%s]>>]/ToUnicode %d 0 R>>",
		base, base, w.n+1, gids, widths, next)
	w.obj("<</Type/FontDescriptor/FontName/%s%s/FontFile2 %d 0 R/CIDSet %d 0 R>>", base, t.descriptor, next+1, next+2)
}

func (t *typeface) describe() string {
	box, asc, desc, capH := metrics(t)
	stem := 80
	if t.name != "NotoSans-Regular" {
		stem = 140
	}
	return fmt.Sprintf("/Flags 4/FontBBox[%d %d %d %d]/ItalicAngle 0/Ascent %d/Descent %d/CapHeight %d/StemV %d", box[0], box[1], box[2], box[3], asc, desc, capH, stem)
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

const (
	cmapHead = "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
	cmapTail = "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
)

// toUnicode maps every code to itself, one by one: a range over everything, as fpdf writes it, maps codes that
// are no characters, which ISO 19005-2 (6.2.11.7) forbids.
func toUnicode(runes []rune) []byte {
	var b bytes.Buffer
	b.WriteString(cmapHead)
	for part := range slices.Chunk(runes, 100) {
		fmt.Fprintf(&b, "%d beginbfchar\n", len(part))
		for _, r := range part {
			fmt.Fprintf(&b, "<%04X> <%04X>\n", r, r)
		}
		b.WriteString("endbfchar\n")
	}
	b.WriteString(cmapTail)
	return b.Bytes()
}

// subsetTag is the six letters before the name of a subset (ISO 32000-1, 9.6.4), made from its runes.
func subsetTag(runes []rune) string {
	h := uint32(2166136261)
	for _, r := range runes {
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
