package pdf

import (
	"fmt"
	"strconv"
	"strings"

	"rsc.io/qr/coding"
	"townhall/modules/kernel"
)

func itoa(n int) string { return strconv.Itoa(n) }

func fillIn(s string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		s = strings.ReplaceAll(s, "{"+pairs[i]+"}", pairs[i+1])
	}
	return s
}

func (d *document) block(i int) {
	b := d.in.Content.Blocks[i]
	switch b.Kind {
	case "heading":
		d.heading(b.Text)
	case "paragraph":
		d.paragraph(b.Text)
	case "notice":
		d.notice(b.Text)
	case "fields":
		d.fields(b.Fields)
	case "table":
		d.table(b)
	case "codes":
		d.codes(b)
	}
}

// codes are QR codes side by side, each over its label and what it says: a scanner reads it from paper, a person types it.
func (d *document) codes(b kernel.DocumentBlock) {
	const columns, size, labels = 4, 30.0, 10.5
	width := textWidth / columns
	section := d.elem(0, "Sect", "")
	for from := 0; from < len(b.Fields); from += columns {
		row := make([]drawnCode, 0, columns)
		for _, f := range b.Fields[from:min(from+columns, len(b.Fields))] {
			one := drawnCode{figure: d.elem(section, "Figure", ""), words: d.elem(section, "P", ""), alt: b.Text + ": " + f[0]}
			one.label, one.text = d.wrap(bold, f[0], 9.5, width-3), d.wrap(regular, f[1], 8.5, width-3)
			// The guard has let nothing through that is too long for a code.
			one.code, _ = d.e.qr(f[1])
			row = append(row, one)
		}
		high := 0.0
		for _, one := range row {
			high = max(high, 4.6*float64(len(one.label))+4.3*float64(len(one.text)))
		}
		d.add(piece{before: 3.4, height: size + high + 1, draw: func(c *canvas, y float64) {
			for i, one := range row {
				x := marginX + width*float64(i)
				d.figure(one.figure, one.alt, x, y, size)
				c.tagged(one.figure, func() { c.qrCode(x, y, size, one.code) })
				c.tagged(one.words, func() {
					ty := c.lines(bold, x+2, y+size+3.2, 9.5, 4.6, ink, one.label)
					c.lines(regular, x+2, ty, 8.5, 4.3, ink, one.text)
				})
			}
		}})
	}
}

type drawnCode struct {
	figure, words int // structure elements
	alt           string
	label, text   []line
	code          *coding.Code
}

// figure says of a square picture, once it is known where it stands, where that is and what it shows.
func (d *document) figure(el int, alt string, x, y, size float64) {
	d.elems[el].attrs = fmt.Sprintf("/Alt%s/A<</O/Layout/Placement/Block/BBox[%.2f %.2f %.2f %.2f]>>", appendText(nil, alt),
		x*ptPerMM, (pageHeight-y-size)*ptPerMM, (x+size)*ptPerMM, (pageHeight-y)*ptPerMM)
}

func (d *document) heading(s string) {
	el := d.elem(0, "H2", "")
	ls := d.wrap(bold, s, 12, textWidth)
	d.add(piece{before: 7, height: 6.2 * float64(len(ls)), keep: true, draw: func(c *canvas, y float64) {
		c.tagged(el, func() { c.lines(bold, marginX, y+4.6, 12, 6.2, ink, ls) })
	}})
}

// paragraph is split by line; the first two lines stay together.
func (d *document) paragraph(s string) {
	el := d.elem(0, "P", "")
	ls := d.wrap(regular, s, bodySize, textWidth)
	for i, l := range ls {
		before := 0.0
		if i == 0 {
			before = 3.2
		}
		d.add(piece{before: before, height: leading, keep: i == 0 && len(ls) > 1 || len(ls) > 2 && i == len(ls)-2, draw: func(c *canvas, y float64) {
			c.tagged(el, func() { c.line(regular, marginX, y+4, bodySize, ink, l) })
		}})
	}
}

// notice is a paragraph in a box with a bar in the municipality's colour; a very long one is set as paragraphs.
func (d *document) notice(s string) {
	ls := d.wrap(regular, s, 10, textWidth-12)
	if len(ls) > 30 {
		d.paragraph(s)
		return
	}
	el := d.elem(0, "P", "")
	h := 5.2*float64(len(ls)) + 6.2
	d.add(piece{before: 5, height: h, draw: func(c *canvas, y float64) {
		c.artifact(func() {
			c.box(marginX, y, textWidth, h, 0.2, hair)
			c.fill(marginX, y, 1.4, h, d.accent)
		})
		c.tagged(el, func() { c.lines(regular, marginX+6, y+6.6, 10, 5.2, ink, ls) })
	}})
}

// fields are a table of labels and values: so a reader for the blind says which label a value belongs to.
func (d *document) fields(fs [][2]string) {
	table := d.elem(0, "Table", "")
	const labelWidth, size = 56.0, 10.5
	for i, f := range fs {
		row := d.elem(table, "TR", "")
		th, td := d.elem(row, "TH", "/A<</O/Table/Scope/Row>>"), d.elem(row, "TD", "")
		label := d.wrap(regular, f[0], 9.5, labelWidth-4)
		value := d.wrap(bold, f[1], size, textWidth-labelWidth)
		d.long(i == 0, max(len(label), len(value)), func(c *canvas, y float64, from, to int) {
			c.tagged(th, func() { c.lines(regular, marginX, y+4.9, 9.5, 5.2, grey, part(label, from, to)) })
			c.tagged(td, func() { c.lines(bold, marginX+labelWidth, y+4.9, size, 5.2, ink, part(value, from, to)) })
		}, nil)
	}
}

// long adds a table row; one that is higher than half a page goes on over the page.
func (d *document) long(first bool, n int, draw func(c *canvas, y float64, from, to int), again *piece) {
	const most = 24
	for from := 0; from < n; from += most {
		to := min(from+most, n)
		before := 0.0
		if first && from == 0 {
			before = 3.4
		}
		h := 5.2*float64(to-from) + 2.6
		d.add(piece{before: before, height: h, again: again, draw: func(c *canvas, y float64) {
			draw(c, y, from, to)
			if to == n {
				c.artifact(func() { c.rule(marginX, y+h-0.4, marginX+textWidth, 0.12, hair) })
			}
		}})
	}
}

func part(ls []line, from, to int) []line {
	return ls[min(from, len(ls)):min(to, len(ls))]
}

func (d *document) table(b kernel.DocumentBlock) {
	table := d.elem(0, "Table", "")
	widths := d.columns(b)
	head := d.tableHead(table, b.Header, widths)
	d.add(head)
	again := head
	again.before = 0
	for _, r := range b.Rows {
		row := d.elem(table, "TR", "")
		cells, els, n := make([][]line, len(r)), make([]int, len(r)), 1
		for i, s := range r {
			els[i] = d.elem(row, "TD", "")
			cells[i] = d.wrap(regular, s, 9.5, widths[i]-3)
			n = max(n, len(cells[i]))
		}
		d.long(false, n, func(c *canvas, y float64, from, to int) {
			x := marginX
			for i := range cells {
				c.tagged(els[i], func() { c.lines(regular, x, y+4.7, 9.5, 5.2, ink, part(cells[i], from, to)) })
				x += widths[i]
			}
		}, &again)
	}
}

// tableHead is drawn as content once, and as an artifact on every page the table goes on.
func (d *document) tableHead(table int, header []string, widths []float64) piece {
	row := d.elem(table, "TR", "")
	cells, els, n := make([][]line, len(header)), make([]int, len(header)), 1
	for i, s := range header {
		els[i] = d.elem(row, "TH", "/A<</O/Table/Scope/Column>>")
		cells[i] = d.wrap(bold, s, 9.5, widths[i]-3)
		n = max(n, len(cells[i]))
	}
	h := 5.2*float64(n) + 2.8
	drawn := false
	return piece{before: 3.4, height: h, keep: true, draw: func(c *canvas, y float64) {
		x := marginX
		for i := range cells {
			show := func() { c.lines(bold, x, y+4.7, 9.5, 5.2, ink, cells[i]) }
			if drawn {
				c.artifact(show)
			} else {
				c.tagged(els[i], show)
			}
			x += widths[i]
		}
		drawn = true
		c.artifact(func() { c.rule(marginX, y+h-0.4, marginX+textWidth, 0.35, ink) })
	}}
}

// columns shares the width by what the columns hold.
func (d *document) columns(b kernel.DocumentBlock) []float64 {
	want := make([]float64, len(b.Header))
	sum := 0.0
	for i, h := range b.Header {
		want[i] = d.set(bold, h).mm(9.5) + 4
		for _, r := range b.Rows {
			want[i] = max(want[i], min(d.set(regular, r[i]).mm(9.5)+4, 90))
		}
		want[i] = max(want[i], 14)
		sum += want[i]
	}
	for i := range want {
		want[i] *= textWidth / sum
	}
	return want
}

// closing is the panel at the foot of the last page: how to check, and who sealed.
func (d *document) closing() {
	if d.in.Draft {
		d.draftPanel()
		return
	}
	w := d.words
	const qrSize, pad = 35.0, 3.0
	leftX, leftW := marginX+qrSize+2*pad, 62.0
	sealX := leftX + leftW + 6
	sealW := marginX + textWidth - pad - sealX
	how := d.wrap(regular, fillIn(w.VerifyHow, "at", d.in.VerifyAt), 8.5, leftW)
	orig := d.wrap(regular, w.VerifyPDF, 8.5, leftW)
	facts := d.sealFacts(sealW)
	fact := 0
	for _, f := range facts {
		fact += len(f.lines)
	}
	leftH := 7 + 4.3*float64(len(how)+len(orig)) + 7.5
	rightH := 7 + 4.1*float64(fact) + 0.9*float64(len(facts))
	h := max(qrSize+2, leftH, rightH) + 2*pad - 2

	section := d.elem(0, "Sect", "")
	head := d.elem(section, "H2", "")
	pHow, pOrig := d.elem(section, "P", ""), d.elem(section, "P", "")
	fig := d.elem(section, "Figure", "")
	pNumber := d.elem(section, "P", "")
	sealHead := d.elem(section, "H2", "")
	var ps []int
	for range facts {
		ps = append(ps, d.elem(section, "P", ""))
	}
	if d.slot != nil {
		d.form = d.elem(section, "Form", "")
		d.elems[d.form].kids = []kid{{child: sealField}}
		if d.slot.Timestamp {
			d.stamp = d.elem(section, "Form", "")
			d.elems[d.stamp].kids = []kid{{child: stampField}}
		}
	}
	d.add(piece{before: 8, height: h, draw: func(c *canvas, y float64) {
		c.artifact(func() {
			c.box(marginX, y, textWidth, h, 0.3, hair)
			c.tpl.Line(sealX-3, y+pad+1, sealX-3, y+h-pad-1)
		})
		qy := y + (h-qrSize)/2
		d.figure(fig, w.QRAlt, marginX+pad, qy, qrSize)
		ty := y + pad + 3.4
		c.tagged(head, func() { c.write(bold, leftX, ty, 9.5, ink, w.Verify) })
		ty += 5.4
		c.tagged(pHow, func() { ty = c.lines(regular, leftX, ty, 8.5, 4.3, ink, how) })
		ty += 1
		c.tagged(pOrig, func() { ty = c.lines(regular, leftX, ty, 8.5, 4.3, grey, orig) })
		c.tagged(fig, func() { c.qrCode(marginX+pad, qy, qrSize, d.code) })
		c.tagged(pNumber, func() { c.write(bold, leftX, ty+3, 11, ink, d.in.Number) })
		sy := y + pad + 3.4
		c.tagged(sealHead, func() { c.write(bold, sealX, sy, 9.5, ink, w.Sealed) })
		sy += 5.4
		for i, f := range facts {
			c.tagged(ps[i], func() { sy = c.lines(f.style, sealX, sy, 8.5, 4.1, f.ink, f.lines) + 0.9 })
		}
		d.seal = [4]float64{sealX - 3, y, marginX + textWidth - sealX + 3, h}
	}})
}

type sealFact struct {
	lines []line
	style style
	ink   colour
}

// timed reports whether a timestamp authority confirms the time at this level.
func timed(level string) bool { return level == "B-T" || level == "B-LT" || level == "B-LTA" }

// sealFacts say who sealed, for whom, when, and how strong that is.
func (d *document) sealFacts(width float64) []sealFact {
	w := d.words
	clock := "15:04\u00a0UTC-07:00"
	if _, offset := d.issued.Zone(); offset == 0 {
		clock = "15:04\u00a0UTC"
	}
	at := fillIn(w.Moment, "date", w.date(d.issued), "time", d.issued.Format(clock))
	strength := fillIn(w.Seal, "level", d.in.Level)
	if timed(d.in.Level) {
		strength += w.Timed
	} else {
		strength += w.Untimed
	}
	var out []sealFact
	for _, f := range []struct {
		text string
		ink  colour
	}{{w.SealedBy + d.in.Sealer, ink}, {w.SealedFor + d.in.Content.Issuer, ink}, {w.SealedAt + at, ink}, {strength, grey}} {
		out = append(out, sealFact{d.wrap(regular, f.text, 8.5, width), regular, f.ink})
	}
	return out
}

func (d *document) draftPanel() {
	el := d.elem(0, "P", "")
	ls := d.wrap(bold, d.words.DraftWhy, 11, textWidth-12)
	h := 6*float64(len(ls)) + 9
	d.add(piece{before: 8, height: h, draw: func(c *canvas, y float64) {
		c.artifact(func() { c.box(marginX, y, textWidth, h, 0.5, ink) })
		c.tagged(el, func() { c.lines(bold, marginX+6, y+8.4, 11, 6, ink, ls) })
	}})
}
