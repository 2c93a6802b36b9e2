package pdf

import (
	"bytes"
	"math"
	"strconv"

	"github.com/go-pdf/fpdf"
	"rsc.io/qr/coding"
)

// colour is an RGB colour; all of ours are dark enough to survive a black and white printer.
type colour struct{ r, g, b int }

var (
	ink  = colour{28, 30, 34}
	grey = colour{88, 92, 98}
	pale = colour{226, 228, 231}
	hair = colour{150, 154, 160}
)

// parseColour reads "#rrggbb"; anything else is a dark blue.
func parseColour(s string) colour {
	if len(s) == 7 && s[0] == '#' {
		if v, err := strconv.ParseUint(s[1:], 16, 32); err == nil {
			return colour{int(v >> 16), int(v >> 8 & 255), int(v & 255)}
		}
	}
	return colour{28, 61, 110}
}

// canvas draws one page. Everything drawn lies in a marked sequence: content of a structure element, or an
// artifact (ISO 14289-1, 7.1). Text is collected in buf and handed to fpdf before the next shape and at the end.
type canvas struct {
	d      *document
	tpl    *fpdf.Tpl
	page   int
	mcid   int
	buf    []byte
	reader bytes.Reader

	// What the page's graphics state is known to be, so that it is not said again for every line.
	inked bool
	ink   colour
	font  fontState
}

// fontState is a font in the page; size 0: not known.
type fontState struct {
	style style
	extra int // index of a cut, or constant
	size  float64
}

// tagged draws content of element el.
func (c *canvas) tagged(el int, draw func()) {
	e := &c.d.elems[el]
	c.buf = append(append(append(c.buf, '/'), e.tag...), " <</MCID "...)
	c.buf = append(strconv.AppendInt(c.buf, int64(c.mcid), 10), ">> BDC\n"...)
	e.kids = append(e.kids, kid{page: c.page, mcid: c.mcid})
	p := &c.d.pages[c.page]
	p.parents = append(p.parents, el)
	c.mcid++
	draw()
	c.buf = append(c.buf, "EMC\n"...)
}

// artifact draws what a reader for the blind leaves out.
func (c *canvas) artifact(draw func()) {
	c.buf = append(c.buf, "/Artifact BMC\n"...)
	draw()
	c.buf = append(c.buf, "EMC\n"...)
}

// flush hands what is collected to fpdf, whose shapes come next.
func (c *canvas) flush() {
	if len(c.buf) == 0 {
		return
	}
	c.reader.Reset(c.buf[:len(c.buf)-1]) // fpdf adds the end of the line
	c.tpl.RawWriteBuf(&c.reader)
	c.buf = c.buf[:0]
}

// forget is called where the graphics state is no longer what it was.
func (c *canvas) forget() { c.inked, c.font.size = false, 0 }

func (c *canvas) num(v float64) { c.buf = append(appendFixed(c.buf, v, 2), ' ') }

// appendFixed writes v with so many decimals, without zeros at their end.
func appendFixed(b []byte, v float64, decimals int) []byte {
	scale := int64(1)
	for range decimals {
		scale *= 10
	}
	n := int64(math.Round(v * float64(scale)))
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = strconv.AppendInt(b, n/scale, 10)
	rest := n % scale
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for rest > 0 {
		scale /= 10
		b = append(b, '0'+byte(rest/scale))
		rest %= scale
	}
	return b
}

func (c *canvas) rgb(k colour, op string) {
	for _, v := range [3]int{k.r, k.g, k.b} {
		c.buf = append(appendFixed(c.buf, float64(v)/255, 3), ' ')
	}
	c.buf = append(append(c.buf, op...), ' ')
}

// line draws l with its baseline at y millimetres from the top.
func (c *canvas) line(st style, x, y, size float64, k colour, l line) {
	if !c.inked || c.ink != k {
		c.rgb(k, "rg")
		c.inked, c.ink = true, k
	}
	c.buf = append(c.buf, "BT "...)
	c.num(x * ptPerMM)
	c.num((pageHeight - y) * ptPerMM)
	c.buf = append(c.buf, "Td "...)
	c.show(st, size, k, l.text)
	c.buf = append(c.buf, "ET\n"...)
}

// show draws text in as many runs as it needs fonts. The CJK fallback has one weight, so its bold is outlined.
func (c *canvas) show(st style, size float64, k colour, s string) {
	open, outline := false, false
	for _, r := range s {
		x, code, _ := c.d.glyph(st, r)
		if !open || c.font.extra != x || c.font.size != size || x == constant && c.font.style != st {
			if open {
				c.buf = append(c.buf, "> Tj "...)
			}
			if bolder := st != regular && x == cjk; bolder != outline {
				outline = bolder
				c.outlined(outline, size, k)
			}
			c.use(st, x, size)
			c.buf = append(c.buf, '<')
			open = true
		}
		c.buf = appendHex4(c.buf, code)
	}
	if open {
		c.buf = append(c.buf, "> Tj "...)
	}
	if outline {
		c.outlined(false, size, k)
	}
}

func (c *canvas) outlined(on bool, size float64, k colour) {
	if !on {
		c.buf = append(c.buf, "0 Tr "...)
		return
	}
	c.rgb(k, "RG")
	c.buf = append(appendFixed(c.buf, size*0.028, 3), " w 2 Tr "...)
}

// use sets the font, unless it is set.
func (c *canvas) use(st style, x int, size float64) {
	if c.font.size == size && c.font.extra == x && (x != constant || c.font.style == st) {
		return
	}
	c.font.style, c.font.extra, c.font.size = st, x, size
	name := c.d.e.base[st].name
	if x != constant {
		name = c.d.extras[x].name
	}
	c.buf = append(append(append(c.buf, '/'), name...), ' ')
	c.num(size)
	c.buf = append(c.buf, "Tf "...)
}

// write draws s on one line.
func (c *canvas) write(st style, x, y, size float64, k colour, s string) {
	c.line(st, x, y, size, k, line{text: s})
}

func (c *canvas) rule(x1, y, x2, width float64, k colour) {
	c.flush()
	c.tpl.SetDrawColor(k.r, k.g, k.b)
	c.tpl.SetLineWidth(width)
	c.tpl.Line(x1, y, x2, y)
}

func (c *canvas) box(x, y, w, h, width float64, k colour) {
	c.flush()
	c.tpl.SetDrawColor(k.r, k.g, k.b)
	c.tpl.SetLineWidth(width)
	c.tpl.Rect(x, y, w, h, "D")
}

func (c *canvas) fill(x, y, w, h float64, k colour) {
	c.flush()
	c.inked = false
	c.tpl.SetFillColor(k.r, k.g, k.b)
	c.tpl.Rect(x, y, w, h, "F")
}

// emblem draws the municipality's crest, or a town gate, into a box of w by 1.2 w millimetres.
func (c *canvas) emblem(x, y, w float64, k colour) {
	crest := c.d.in.Crest
	if crest == nil {
		crest = c.d.e.gate
	}
	crest.draw(c, x, y, w, w*1.2, k)
}

// qrCode draws the code as one path of horizontal bars, in units of its modules.
func (c *canvas) qrCode(x, y, size float64, code *coding.Code) {
	const quiet = 4 // modules, as ISO/IEC 18004 asks
	m := size / float64(code.Size+2*quiet) * ptPerMM
	c.buf = append(c.buf, "q 0 g "...)
	for _, v := range [6]float64{m, 0, 0, -m, x*ptPerMM + quiet*m, (pageHeight-y)*ptPerMM - quiet*m} {
		c.buf = append(appendFixed(c.buf, v, 4), ' ')
	}
	c.buf = append(c.buf, "cm\n"...)
	for row := range code.Size {
		for col := 0; col < code.Size; col++ {
			n := 0
			for col+n < code.Size && code.Black(col+n, row) {
				n++
			}
			if n == 0 {
				continue
			}
			for _, v := range [3]int{col, row, n} {
				c.buf = append(strconv.AppendInt(c.buf, int64(v), 10), ' ')
			}
			c.buf = append(c.buf, "1 re\n"...)
			col += n
		}
	}
	c.buf = append(c.buf, "f Q\n"...)
	c.forget()
}
