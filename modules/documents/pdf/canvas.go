package pdf

import (
	"strconv"

	"github.com/go-pdf/fpdf"
	"rsc.io/qr"
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
// artifact (ISO 14289-1, 7.1).
type canvas struct {
	d    *document
	tpl  *fpdf.Tpl
	page int
	mcid int
	buf  []byte
}

// tagged draws content of element el.
func (c *canvas) tagged(el int, draw func()) {
	e := &c.d.elems[el]
	c.buf = append(append(append(append(append(c.buf[:0], '/'), e.tag...), " <</MCID "...), strconv.Itoa(c.mcid)...), ">> BDC"...)
	c.raw()
	e.kids = append(e.kids, kid{page: c.page, mcid: c.mcid})
	c.d.pages[c.page].parents = append(c.d.pages[c.page].parents, el)
	c.mcid++
	draw()
	c.tpl.RawWriteStr("EMC\n")
}

// artifact draws what a reader for the blind leaves out.
func (c *canvas) artifact(draw func()) {
	c.tpl.RawWriteStr("/Artifact BMC\n")
	draw()
	c.tpl.RawWriteStr("EMC\n")
}

func (c *canvas) raw() {
	c.buf = append(c.buf, '\n')
	c.tpl.RawWriteStr(string(c.buf))
}

func (c *canvas) num(v float64) { c.buf = append(strconv.AppendFloat(c.buf, v, 'f', 2, 64), ' ') }

func (c *canvas) rgb(k colour, op string) {
	for _, v := range [3]int{k.r, k.g, k.b} {
		c.buf = append(strconv.AppendFloat(c.buf, float64(v)/255, 'f', 3, 64), ' ')
	}
	c.buf = append(append(c.buf, op...), ' ')
}

// text draws l with its baseline at y millimetres from the top. The codes are the UTF-16 units that fpdf uses.
func (c *canvas) line(st style, x, y, size float64, k colour, l line) {
	c.buf = append(c.buf[:0], "q BT "...)
	c.rgb(k, "rg")
	c.num(x * ptPerMM)
	c.num((pageHeight - y) * ptPerMM)
	c.buf = append(c.buf, "Td "...)
	c.show(st, size, k, l)
	c.buf = append(c.buf, "ET Q"...)
	c.raw()
}

// show draws the runs of a line. The CJK fallback has one weight, so its bold is outlined.
func (c *canvas) show(st style, size float64, k colour, l line) {
	for _, r := range l.runs {
		outline := st != regular && r.face == c.d.cjk
		if outline {
			c.rgb(k, "RG")
			c.buf = append(strconv.AppendFloat(c.buf, size*0.028, 'f', 3, 64), " w 2 Tr "...)
		}
		c.buf = append(append(append(c.buf, '/'), r.face.name...), ' ')
		c.num(size)
		c.buf = append(c.buf, "Tf <"...)
		for _, u := range r.text {
			c.buf = appendHex4(c.buf, uint16(u))
		}
		c.buf = append(c.buf, "> Tj "...)
		if outline {
			c.buf = append(c.buf, "0 Tr "...)
		}
	}
}

// write draws s on one line.
func (c *canvas) write(st style, x, y, size float64, k colour, s string) {
	c.line(st, x, y, size, k, c.d.set(st, s))
}

func (c *canvas) rule(x1, y, x2, width float64, k colour) {
	c.tpl.SetDrawColor(k.r, k.g, k.b)
	c.tpl.SetLineWidth(width)
	c.tpl.Line(x1, y, x2, y)
}

func (c *canvas) box(x, y, w, h, width float64, k colour) {
	c.tpl.SetDrawColor(k.r, k.g, k.b)
	c.tpl.SetLineWidth(width)
	c.tpl.Rect(x, y, w, h, "D")
}

func (c *canvas) fill(x, y, w, h float64, k colour) {
	c.tpl.SetFillColor(k.r, k.g, k.b)
	c.tpl.Rect(x, y, w, h, "F")
}

// crest draws the municipality's own crest into a box of w by 1.2 w, or its shield with a gate.
func (c *canvas) crest(x, y, w float64, k colour) {
	if cr := c.d.in.Crest; cr != nil {
		c.outline(cr, x, y, w, w*1.2, k)
		return
	}
	c.shield(x, y, w, k)
}

// outline scales the crest into the box, with its own proportions, in the middle.
func (c *canvas) outline(cr *Crest, x, y, w, h float64, k colour) {
	s := min(w/cr.width, h/cr.height)
	x, y = x+(w-s*cr.width)/2, y+(h-s*cr.height)/2
	c.buf = append(c.buf[:0], "q "...)
	c.rgb(k, "rg")
	for _, v := range [6]float64{s * ptPerMM, 0, 0, -s * ptPerMM, x * ptPerMM, (pageHeight - y) * ptPerMM} {
		c.buf = append(strconv.AppendFloat(c.buf, v, 'f', 5, 64), ' ')
	}
	c.buf = append(c.buf, "cm\n"...)
	c.buf = append(c.buf, cr.paths...)
	c.buf = append(c.buf, 'Q')
	c.raw()
}

// shield draws the municipality's shield with a gate and battlements, as vectors.
func (c *canvas) shield(x, y, w float64, k colour) {
	t := c.tpl
	h := w * 1.2
	outline := func(in float64) {
		l, r, top, mid, bot := x+in, x+w-in, y+in, y+h*0.55, y+h-in*1.25
		t.MoveTo(l, top)
		t.LineTo(r, top)
		t.LineTo(r, mid)
		t.CurveBezierCubicTo(r, y+h*0.80, x+w*0.68, y+h*0.92, x+w/2, bot)
		t.CurveBezierCubicTo(x+w*0.32, y+h*0.92, l, y+h*0.80, l, mid)
		t.ClosePath()
	}
	t.SetFillColor(k.r, k.g, k.b)
	t.SetDrawColor(k.r, k.g, k.b)
	outline(0)
	t.DrawPath("F")
	t.SetDrawColor(255, 255, 255)
	t.SetLineWidth(w * 0.022)
	outline(w * 0.065)
	t.DrawPath("D")
	c.gate(x+w*0.24, y+h*0.2, w*0.52)
}

// gate is a town gate: two towers with battlements, a wall and an arch.
func (c *canvas) gate(x, y, w float64) {
	t := c.tpl
	u := w / 11
	pts := [][2]float64{{0, 8}, {0, 0}, {1, 0}, {1, 1}, {1.5, 1}, {1.5, 0}, {2.5, 0}, {2.5, 1}, {3, 1}, {3, 3.2}, {4, 3.2}, {4, 2.2}, {5, 2.2}, {5, 3.2},
		{6, 3.2}, {6, 2.2}, {7, 2.2}, {7, 3.2}, {8, 3.2}, {8, 1}, {8.5, 1}, {8.5, 0}, {9.5, 0}, {9.5, 1}, {10, 1}, {10, 0}, {11, 0}, {11, 8}, {7.2, 8}, {7.2, 6.4}}
	t.SetFillColor(255, 255, 255)
	for i, p := range pts {
		if i == 0 {
			t.MoveTo(x+p[0]*u, y+p[1]*u)
		} else {
			t.LineTo(x+p[0]*u, y+p[1]*u)
		}
	}
	t.CurveBezierCubicTo(x+7.2*u, y+4.2*u, x+3.8*u, y+4.2*u, x+3.8*u, y+6.4*u)
	t.LineTo(x+3.8*u, y+8*u)
	t.ClosePath()
	t.DrawPath("F")
	for i := range 3 {
		t.Rect(x, y+(8.7+1.5*float64(i))*u+float64(i)*0.05, w, u*0.55, "F")
	}
}

// qrCode draws the code as one path of horizontal bars.
func (c *canvas) qrCode(x, y, size float64, code *qr.Code) {
	const quiet = 3
	m := size / float64(code.Size+2*quiet) * ptPerMM
	left, top := x*ptPerMM+quiet*m, (pageHeight-y)*ptPerMM-quiet*m
	c.buf = append(c.buf[:0], "q 0 g "...)
	for row := range code.Size {
		for col := 0; col < code.Size; col++ {
			n := 0
			for col+n < code.Size && code.Black(col+n, row) {
				n++
			}
			if n == 0 {
				continue
			}
			for _, v := range [4]float64{left + float64(col)*m, top - float64(row+1)*m, float64(n) * m, m} {
				c.buf = append(strconv.AppendFloat(c.buf, v, 'f', 3, 64), ' ')
			}
			c.buf = append(c.buf, "re "...)
			col += n
		}
	}
	c.buf = append(c.buf, "f Q"...)
	c.raw()
}
