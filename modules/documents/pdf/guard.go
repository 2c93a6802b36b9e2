package pdf

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"townhall/modules/kernel"
)

// Limits of one document. They bound the work of one issue, and a page that never ends.
const (
	MaxBlocks    = 200
	MaxText      = 4000 // runes in one paragraph, notice or cell
	MaxLine      = 300  // runes in a title, a name, a heading or a label
	MaxColumns   = 6
	MaxRows      = 500 // rows of one table, fields of one block
	MaxCodes     = 40  // QR codes of one block
	MaxCode      = 80  // characters of one
	maxAllRunes  = 100_000
	maxPages     = 60
	slugText     = "document.text-not-printable"
	slugTooLong  = "document.text-too-long"
	slugShape    = "document.block-malformed"
	slugRequired = "document.text-missing"
)

// Check refuses content that could not be printed exactly as written. The error is a kernel.Error of kind
// Invalid whose fields name the block ("content.blocks.2.fields.0.value") and, for a character, its code point:
// text must be UTF-8 in NFC without control or invisible characters, inside the Basic Multilingual Plane, in a
// script that needs no shaping, and every rune must be in the cmap of the fonts we embed.
func (e *Engine) Check(c kernel.DocumentContent) error {
	g := guard{e: e}
	g.line("content.title", c.Title, true)
	g.line("content.municipality", c.Municipality, true)
	g.line("content.issuer", c.Issuer, true)
	g.line("content.subject", c.Subject, false)
	if len(c.Blocks) > MaxBlocks {
		g.fail("content.blocks", slugTooLong, "There are too many blocks.", nil)
		return g.err()
	}
	for i, b := range c.Blocks {
		g.block(fmt.Sprintf("content.blocks.%d", i), b)
	}
	if g.total > maxAllRunes {
		g.fail("content", slugTooLong, "The document is too long.", nil)
	}
	return g.err()
}

type guard struct {
	e      *Engine
	fields []kernel.FieldError
	total  int
}

func (g *guard) err() error {
	if len(g.fields) == 0 {
		return nil
	}
	return kernel.InvalidFields(g.fields...)
}

func (g *guard) fail(path, slug, msg string, args map[string]string) {
	if len(g.fields) < 20 { // enough to mend; the list itself must not grow without end
		g.fields = append(g.fields, kernel.FieldError{Path: path, Slug: slug, Message: msg, Args: args})
	}
}

func (g *guard) block(path string, b kernel.DocumentBlock) {
	switch b.Kind {
	case "heading":
		g.line(path+".text", b.Text, true)
	case "paragraph", "notice":
		g.text(path+".text", b.Text, true, MaxText)
	case "fields":
		if len(b.Fields) == 0 || len(b.Fields) > MaxRows {
			g.fail(path+".fields", slugShape, "A block of fields needs at least one field and not too many.", nil)
			return
		}
		for i, f := range b.Fields {
			g.line(fmt.Sprintf("%s.fields.%d.label", path, i), f[0], true)
			g.text(fmt.Sprintf("%s.fields.%d.value", path, i), f[1], false, MaxText)
		}
	case "table":
		g.table(path, b)
	case "codes":
		g.codes(path, b)
	default:
		g.fail(path+".kind", slugShape, "This kind of block is not known.", nil)
	}
}

func (g *guard) codes(path string, b kernel.DocumentBlock) {
	g.line(path+".text", b.Text, true)
	if len(b.Fields) == 0 || len(b.Fields) > MaxCodes {
		g.fail(path+".fields", slugShape, "A block of codes needs at least one and not too many.", nil)
		return
	}
	for i, f := range b.Fields {
		g.line(fmt.Sprintf("%s.fields.%d.label", path, i), f[0], true)
		code := fmt.Sprintf("%s.fields.%d.value", path, i)
		bad := len(g.fields)
		if g.text(code, f[1], true, MaxCode); len(g.fields) == bad { // one complaint is enough
			g.uri(code, f[1])
		}
	}
}

func (g *guard) table(path string, b kernel.DocumentBlock) {
	if len(b.Header) == 0 || len(b.Header) > MaxColumns || len(b.Rows) > MaxRows {
		g.fail(path+".header", slugShape, "A table needs one to six columns and not too many rows.", nil)
		return
	}
	for i, h := range b.Header {
		g.line(fmt.Sprintf("%s.header.%d", path, i), h, true)
	}
	for i, r := range b.Rows {
		if len(r) != len(b.Header) {
			g.fail(fmt.Sprintf("%s.rows.%d", path, i), slugShape, "A row has as many cells as the header.", nil)
			continue
		}
		for j, c := range r {
			g.text(fmt.Sprintf("%s.rows.%d.%d", path, i, j), c, false, MaxLine)
		}
	}
}

// uri refuses what cannot stand in an address, or in a code that a scanner reads.
func (g *guard) uri(path, s string) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			g.fail(path, slugText, "An address or a code consists of printable ASCII characters without spaces.", map[string]string{"char": fmt.Sprintf("U+%04X", s[i])})
			return
		}
	}
}

func (g *guard) line(path, s string, required bool) { g.text(path, s, required, MaxLine) }

func (g *guard) text(path, s string, required bool, limit int) {
	if s == "" {
		if required {
			g.fail(path, slugRequired, "A text is missing.", nil)
		}
		return
	}
	n, plain, bad := 0, true, rune(-1)
	for i, r := range s {
		n++
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd") {
			g.fail(path, slugText, "The text is not valid UTF-8.", map[string]string{"char": "UTF-8"})
			return
		}
		plain = plain && composed(r)
		if bad < 0 && !g.e.printable(r) {
			bad = r
		}
	}
	g.total += n
	switch {
	case n > limit:
		g.fail(path, slugTooLong, "The text is too long.", map[string]string{"limit": strconv.Itoa(limit)})
	case !plain && !norm.NFC.IsNormalString(s):
		g.fail(path, slugText, "The text is not in Unicode normal form C.", map[string]string{"char": "NFC"})
	case bad >= 0:
		g.fail(path, slugText, "A character cannot be printed in a document.", map[string]string{"char": fmt.Sprintf("U+%04X", bad)})
	case strings.Contains(s, byteRange):
		// A text may be in the file as it is, and the verifier takes the first such word for the seal's.
		g.fail(path, slugText, "A text cannot be printed in a document.", map[string]string{"char": byteRange})
	}
}

const byteRange = "/ByteRange"

// shapeless are the scripts that read right when each character is drawn where it comes.
var shapeless = []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Han, unicode.Hiragana,
	unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Common}

// drawable reports whether a character is seen as itself wherever it stands. Invisible characters (category Cf, among
// them those that turn the direction of text) and combining marks are not: what is signed must be what is seen.
func drawable(r rune) bool {
	if r > 0xffff || r < 0x20 || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.M) {
		return false
	}
	return unicode.In(r, shapeless...)
}

// printable reports whether one of the fonts draws r.
func (e *Engine) printable(r rune) bool {
	if r < flatLimit && e.base[regular].widths[r] >= 0 {
		return true
	}
	return r < bmp && e.scripts[r] != unknown
}

// composed are the characters that are in normal form C whatever stands beside them; text of others is looked at as a whole.
func composed(r rune) bool {
	return r < 0x300 || r >= 0x400 && r < 0x483 || r >= 0x2010 && r < 0x2030 || r >= 0x3001 && r < 0x3030 || r >= 0x4e00 && r < 0xa000 || r >= 0xff01 && r < 0xffef
}
