package pdf

import (
	"strings"
	"time"

	"github.com/go-pdf/fpdf"
	"rsc.io/qr/coding"
)

const (
	topMargin    = 30.0 // of pages after the first
	bottomMargin = 24.0
	bodySize     = 10.5
	leading      = 5.6
)

// document is one rendering in progress. Its memory is used again by the next one, so nothing of it leaves Render.
type document struct {
	e      *Engine
	in     Input
	slot   *Slot
	words  *words
	accent colour
	w      *writer
	extras [styles + 1]extra // by style; the last one is the CJK fallback of all
	code   *coding.Code
	issued time.Time // in the municipality's zone
	elems  []elem
	pieces []piece
	lines  []line // of all wrapped text
	pages  []page
	canvas canvas
	seal   [4]float64 // where the signature field lies on the last page: x, y, w, h in millimetres
	form   int        // its structure element; 0: there is none
	stamp  int        // the structure element of the field "Timestamp"; 0: there is none

	scratch []byte // for what is copied at once
}

// elem is a structure element (ISO 32000-1, 14.7.2).
type elem struct {
	tag    string
	attrs  string
	parent int
	kids   []kid
}

// kid is marked content on a page, a child element, or a signature field.
type kid struct{ page, mcid, child int }

// The values of kid.child that mean a field.
const (
	sealField  = -1
	stampField = -2
)

type page struct {
	content []byte
	parents []int // element by MCID
	items   []placed
}

type placed struct {
	piece
	y float64
}

// piece is what is never split over two pages.
type piece struct {
	before, height float64
	keep           bool // stays with the next piece
	again          *piece
	draw           func(c *canvas, y float64)
}

// elem adds a structure element below parent.
func (d *document) elem(parent int, tag, attrs string) int {
	n := len(d.elems)
	d.elems = grow(d.elems)
	el := &d.elems[n]
	el.tag, el.attrs, el.parent, el.kids = tag, attrs, parent, el.kids[:0]
	if n > 0 {
		d.elems[parent].kids = append(d.elems[parent].kids, kid{child: n})
	}
	return n
}

// grow makes s one longer; the new member may be one that was used before, with its memory.
func grow[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}

func (d *document) newPage() {
	d.pages = grow(d.pages)
	p := &d.pages[len(d.pages)-1]
	p.content, p.parents, p.items = nil, p.parents[:0], p.items[:0]
}

func (d *document) add(p piece) { d.pieces = append(d.pieces, p) }

// compose turns the content into pieces.
func (d *document) compose() {
	d.elem(0, "Document", "")
	d.letterhead()
	d.title()
	d.facts()
	for i := range d.in.Content.Blocks {
		d.block(i)
	}
	d.closing()
}

func (d *document) letterhead() {
	c := d.in.Content
	name := d.elem(0, "P", "")
	issuer := d.elem(0, "P", "")
	names := d.wrap(serif, c.Municipality, 17, textWidth-24)
	issuers := d.wrap(regular, c.Issuer, 10.5, textWidth-24)
	h := max(24, 4+7.4*float64(len(names))+5*float64(len(issuers)))
	d.add(piece{height: h + 6, keep: true, draw: func(cv *canvas, y float64) {
		cv.artifact(func() { cv.emblem(marginX, y, 18, d.accent) })
		ty := y + 8.6
		cv.tagged(name, func() { ty = cv.lines(serif, marginX+24, ty, 17, 7.4, ink, names) })
		cv.tagged(issuer, func() { cv.lines(regular, marginX+24, ty-0.8, 10.5, 5, grey, issuers) })
		cv.artifact(func() {
			cv.fill(marginX, y+h+1.6, textWidth, 1.0, d.accent)
			cv.rule(marginX, y+h+3.6, marginX+textWidth, 0.2, d.accent)
		})
	}})
}

func (d *document) title() {
	h1 := d.elem(0, "H1", "")
	titles := d.wrap(serif, d.in.Content.Title, 23, textWidth)
	d.add(piece{before: 9, height: 9.6 * float64(len(titles)), keep: true, draw: func(cv *canvas, y float64) {
		cv.tagged(h1, func() { cv.lines(serif, marginX, y+7.6, 23, 9.6, ink, titles) })
	}})
	if s := d.in.Content.Subject; s != "" {
		p := d.elem(0, "P", "")
		subject := d.wrap(regular, s, 12, textWidth)
		d.add(piece{before: 1, height: 6 * float64(len(subject)), keep: true, draw: func(cv *canvas, y float64) {
			cv.tagged(p, func() { cv.lines(regular, marginX, y+4.4, 12, 6, grey, subject) })
		}})
	}
}

// facts is the line everybody looks for first: number, date, validity.
func (d *document) facts() {
	w := d.words
	valid := w.NoEnd
	if !d.in.ValidTo.IsZero() {
		valid = w.date(d.in.ValidTo.In(d.issued.Location()))
	}
	number := d.in.Number
	if d.in.Draft {
		number = w.Pending
	}
	labels := [3]string{w.Number, w.Issued, w.Valid}
	values := [3]string{number, w.date(d.issued), valid}
	xs := [3]float64{marginX, marginX + 68, marginX + 120}
	table := d.elem(0, "Table", "")
	head, body := d.elem(table, "TR", ""), 0
	var th, td [3]int
	for i := range th {
		th[i] = d.elem(head, "TH", "/A<</O/Table/Scope/Column>>")
	}
	body = d.elem(table, "TR", "")
	for i := range td {
		td[i] = d.elem(body, "TD", "")
	}
	d.add(piece{before: 5, height: 15, draw: func(cv *canvas, y float64) {
		cv.artifact(func() {
			cv.rule(marginX, y, marginX+textWidth, 0.2, hair)
			cv.rule(marginX, y+14, marginX+textWidth, 0.2, hair)
		})
		for i := range th {
			cv.tagged(th[i], func() { cv.write(regular, xs[i], y+5, 8.5, grey, labels[i]) })
		}
		for i := range td {
			cv.tagged(td[i], func() { cv.write(bold, xs[i], y+10.6, 10.5, ink, values[i]) })
		}
	}})
}

// lines draws lines one below the other and returns the next baseline.
func (c *canvas) lines(st style, x, y, size, lead float64, k colour, ls []line) float64 {
	for _, l := range ls {
		c.line(st, x, y, size, k, l)
		y += lead
	}
	return y
}

// draw makes the page streams, each as an fpdf template.
func (d *document) draw() {
	size := fpdf.SizeType{Wd: pageWidth, Ht: pageHeight}
	for i := range d.pages {
		tpl := fpdf.CreateTpl(fpdf.PointType{}, size, "P", "mm", "", func(t *fpdf.Tpl) {
			c := &d.canvas
			c.d, c.tpl, c.page, c.mcid = d, t, i, 0
			c.forget()
			if d.in.Draft {
				c.artifact(c.watermark)
			}
			for _, it := range d.pages[i].items {
				it.draw(c, it.y)
			}
			c.artifact(c.running)
			c.flush()
		})
		d.pages[i].content = tpl.Bytes()
	}
}

// running draws what every page repeats.
func (c *canvas) running() {
	d := c.d
	number := d.in.Number
	if d.in.Draft {
		number = d.words.Draft
	}
	if c.page > 0 {
		c.emblem(marginX, 13, 7, d.accent)
		c.write(bold, marginX+10, 17, 9, ink, d.in.Content.Municipality)
		c.write(regular, marginX+10, 21, 8.5, grey, d.fit(regular, d.in.Content.Title, 8.5, 110))
		c.right(regular, 21, 8.5, grey, number)
		c.rule(marginX, 25, marginX+textWidth, 0.2, hair)
	}
	y := pageHeight - 13
	c.rule(marginX, y-4.6, marginX+textWidth, 0.2, hair)
	c.write(regular, marginX, y, 8, grey, d.fit(regular, d.in.Content.Municipality+" · "+d.in.Content.Title, 8, 90))
	c.right(regular, y, 8, grey, number+"   "+fillIn(d.words.Page, "page", itoa(c.page+1), "pages", itoa(len(d.pages))))
}

func (c *canvas) right(st style, y, size float64, k colour, s string) {
	l := c.d.set(st, s)
	c.line(st, marginX+textWidth-l.mm(size), y, size, k, l)
}

// fit shortens s to a line of mm, with an ellipsis: running lines only, never content.
func (d *document) fit(st style, s string, size, mm float64) string {
	if d.set(st, s).mm(size) <= mm {
		return s
	}
	rs := []rune(s)
	for len(rs) > 1 && d.set(st, string(rs)+"…").mm(size) > mm {
		rs = rs[:len(rs)-1]
	}
	return strings.TrimRight(string(rs), " ") + "…"
}

// watermark is set across the page, pale enough to read through.
func (c *canvas) watermark() {
	const size = 46
	l := c.d.set(bold, c.d.words.Draft)
	c.buf = append(c.buf, "q 0.7071 0.7071 -0.7071 0.7071 297.64 420.94 cm "...)
	c.rgb(pale, "rg")
	c.buf = append(c.buf, "BT "...)
	c.num(-l.mm(size) / 2 * ptPerMM)
	c.num(-16)
	c.buf = append(c.buf, "Td "...)
	c.show(bold, size, pale, l.text)
	c.buf = append(c.buf, "ET Q\n"...)
	c.forget()
}
