package pdf

const (
	firstTop = 14.0
	foot     = pageHeight - bottomMargin
	tightest = 0.35 // of the space between pieces, where that saves a page
	company  = 22.0 // millimetres of content that go with the panel to a page
)

// place puts the pieces on pages; the last one, the panel with seal and code, sits at the foot of its page. A document
// that nearly fits on one page is drawn together, and the panel is never alone: a page that only proves something about
// another one is easily lost.
func (d *document) place() {
	space := d.space()
	d.fill(space, -1)
	last := len(d.pages) - 1
	if last > 0 && len(d.pages[last].items) == 1 {
		if at := d.together(); at > 0 {
			d.pages = d.pages[:0]
			d.fill(space, at)
		}
	}
}

// space is the share of the gaps that makes the document fit on one page, or 1.
func (d *document) space() float64 {
	gaps, rest := 0.0, foot-firstTop
	for i, p := range d.pieces {
		rest -= p.height
		if i == len(d.pieces)-1 {
			rest -= min(p.before, 3)
		} else if i > 0 {
			gaps += p.before
		}
	}
	if gaps <= rest || rest < tightest*gaps {
		return 1
	}
	return rest / gaps
}

// together is the piece with which the last page begins when some content goes along with the panel.
func (d *document) together() int {
	height := 0.0
	for i := len(d.pieces) - 2; i > 0; i-- {
		height += d.pieces[i].before + d.pieces[i].height
		if height >= company && !d.pieces[i-1].keep {
			if height < foot-topMargin-d.pieces[len(d.pieces)-1].height-8 {
				return i
			}
			return 0
		}
	}
	return 0
}

// fill puts the pieces on pages one after the other, with a new page before the piece at.
func (d *document) fill(space float64, at int) {
	y := firstTop
	d.newPage()
	put := func(p piece, at float64) {
		pg := &d.pages[len(d.pages)-1]
		pg.items = append(pg.items, placed{p, at})
	}
	for i, p := range d.pieces {
		first := len(d.pages[len(d.pages)-1].items) == 0
		if !first && (i == at || y+d.need(i, space) > foot+0.01) {
			d.newPage()
			y, first = topMargin, true
			if p.again != nil {
				put(*p.again, y)
				y += p.again.height
			}
		}
		if !first {
			y += p.before * space
		}
		if i == len(d.pieces)-1 {
			y = foot - p.height
		}
		put(p, y)
		y += p.height
	}
}

// need is the height of piece i with all that must stay with it.
func (d *document) need(i int, space float64) float64 {
	last := len(d.pieces) - 1
	need := 0.0
	for ; ; i++ {
		p := &d.pieces[i]
		if i == last {
			return need + min(p.before, 3) + p.height // it sits at the foot: what is above may come close
		}
		need += p.before*space + p.height
		if !p.keep || need >= foot-topMargin {
			return need
		}
	}
}
