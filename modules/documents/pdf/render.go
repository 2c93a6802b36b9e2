package pdf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"rsc.io/qr/coding"
	"townhall/modules/kernel"
)

// Render lays the document out. With a slot it has a signature field and an empty place for the CMS; without
// one it is final as it is. Errors: Invalid naming the block (Check). A panic of a library becomes an Internal error.
func (e *Engine) Render(in Input, slot *Slot) (u *Unsigned, err error) {
	defer func() {
		if p := recover(); p != nil {
			u, err = nil, kernel.AsError(fmt.Errorf("rendering a document panicked: %v", p))
		}
	}()
	if err := e.Check(in.Content); err != nil {
		return nil, err
	}
	d, err := e.begin(in, slot)
	if err != nil {
		return nil, err
	}
	d.compose()
	d.place()
	if len(d.pages) > maxPages {
		return nil, kernel.InvalidFields(kernel.FieldError{Path: "content", Slug: slugTooLong, Message: "The document is too long."})
	}
	d.draw()
	u = d.assemble()
	e.end(d)
	return u, nil
}

// begin takes the memory of an earlier rendering, if there is one. Where rendering fails it is not given back.
func (e *Engine) begin(in Input, slot *Slot) (*document, error) {
	words, ok := e.words[in.Content.Locale]
	if !ok {
		words = e.words[kernel.Locales[0]]
	}
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	d, ok := e.pool.Get().(*document)
	if !ok {
		d = e.newDocument()
	}
	d.in, d.slot, d.words, d.accent, d.issued = in, slot, words, parseColour(in.Colour), in.IssuedAt.In(in.Zone)
	d.w.offsets = append(d.w.offsets, e.offsets...)
	d.w.n = len(e.offsets) + 1
	if err := e.lintInput(in); err != nil {
		return nil, err
	}
	if !in.Draft {
		var err error
		if d.code, err = e.qr(in.VerifyURL); err != nil {
			return nil, fmt.Errorf("QR code: %w", err)
		}
	}
	return d, nil
}

func (e *Engine) newDocument() *document {
	d := &document{e: e, w: &writer{base: len(e.prefix)}}
	for s, t := range e.full {
		d.extras[s].name, d.extras[s].typeface = "E"+itoa(s), t
	}
	d.extras[styles].name, d.extras[styles].typeface = "C0", e.cjk
	return d
}

// end empties the document and keeps its memory.
func (e *Engine) end(d *document) {
	d.in, d.slot, d.code, d.canvas.tpl = Input{}, nil, nil, nil
	d.form, d.stamp = 0, 0
	clear(d.pieces) // they hold the content
	clear(d.lines)
	d.elems, d.pieces, d.lines, d.pages = d.elems[:0], d.pieces[:0], d.lines[:0], d.pages[:0]
	d.w.b, d.w.offsets = d.w.b[:0], d.w.offsets[:0]
	for i := range d.extras {
		d.extras[i].reset()
	}
	e.pool.Put(d)
}

// lintInput looks at what the program itself adds: it goes through the same guard as the content.
func (e *Engine) lintInput(in Input) error {
	g := guard{e: e}
	g.line("number", in.Number, !in.Draft)
	g.line("sealer", in.Sealer, !in.Draft)
	g.line("verify", in.VerifyAt, !in.Draft)
	g.uri("check_uri", in.CheckURI)
	g.uri("status_uri", in.StatusURI)
	if !in.Draft && in.IssuedAt.IsZero() {
		return errors.New("a document without a date of issue")
	}
	return g.err()
}

// assemble writes the file around the pages.
func (d *document) assemble() *Unsigned {
	w := d.w
	w.once, w.pack = false, len(d.pages) > packFrom
	catalog, tree := w.reserve(1), w.reserve(1)
	pageObjs := w.reserve(len(d.pages))
	f := d.reserveFields(pageObjs + len(d.pages) - 1)
	d.putPages(tree, pageObjs, f)
	structure := d.structure(pageObjs, f)
	info, meta := d.metadata()
	spec := d.putAttachment()
	w.open(catalog)
	w.s("<</Type/Catalog/Version/1.7/Pages ").ref(tree).s("/Metadata ").ref(meta).s("/OutputIntents[").ref(d.e.intent).s("]/StructTreeRoot ").ref(structure)
	w.s("/MarkInfo<</Marked true>>/Lang").text(language(d.in.Content.Locale)).s("/ViewerPreferences<</DisplayDocTitle true>>")
	d.catalogAttachment(spec)
	d.catalogFields(f)
	catalogEnd := len(w.b)
	w.s(">>").close()
	return d.finish(catalog, info, catalogEnd, f)
}

// packFrom is the number of pages up to which nothing is compressed: that would take longer than the seal and save less
// than a tenth of the file.
const packFrom = 2

func (d *document) putPages(tree, pageObjs int, f fields) {
	w := d.w
	res := d.resources()
	for i := range d.pages {
		content := w.stream("", d.pages[i].content)
		w.open(pageObjs + i)
		w.s("<</Type/Page/Parent ").ref(tree).s("/MediaBox[0 0 595.28 841.89]/Resources ").ref(res).s("/Contents ").ref(content).s("/StructParents ").int(i).s("/Tabs/S")
		if i == len(d.pages)-1 {
			w.annots(f)
		}
		w.s(">>").close()
	}
	w.open(tree)
	w.s("<</Type/Pages/Count ").int(len(d.pages)).s("/Kids[")
	for i := range d.pages {
		w.ref(pageObjs + i).s(" ")
	}
	w.s("]>>").close()
}

// incrementRoom is kept free behind a document for an increment of usual size, which then copies nothing.
const incrementRoom = 16 << 10

// finish writes what comes last: the fields, the signature, the cross-reference table and the trailer. The file is put
// together in memory of its own.
func (d *document) finish(catalog, info, catalogEnd int, f fields) *Unsigned {
	w := d.w
	u := &Unsigned{Pages: len(d.pages), prefix: len(d.e.prefix), mid: d.e.midstate, info: info}
	stampEnd, rangeAt := 0, 0
	if d.slot != nil {
		d.putField(f)
		stampEnd = d.putStamp(f)
	}
	id := sha256.Sum256(w.b) // of all that can differ: the signature dictionary says nothing that Info does not
	u.id = hex.EncodeToString(id[:16])
	if d.slot != nil {
		rangeAt = d.putSignature(f.sig, u)
	}
	u.size, u.xref = w.n, w.xref()
	w.s("trailer\n<</Size ").int(w.n).s("/Root ").ref(catalog).s("/Info ").ref(info).s("/ID[<").s(u.id).s("><").s(u.id).s(">]>>\nstartxref\n").int(u.xref).s("\n%%EOF\n")
	if d.slot != nil {
		r := append(strconv.AppendInt(w.b[:rangeAt], int64(u.gap[0]), 10), ' ')
		r = append(strconv.AppendInt(r, int64(u.gap[1]), 10), ' ')
		strconv.AppendInt(r, int64(w.base+len(w.b)-u.gap[1]), 10)
	}
	size := len(d.e.prefix) + len(w.b)
	if d.slot != nil {
		size += incrementRoom
	}
	u.Bytes = append(append(make([]byte, 0, size), d.e.prefix...), w.b...)
	u.catalog = w.indirect(u.Bytes, catalog, catalogEnd)
	if f.stamp > 0 {
		u.stamp = w.indirect(u.Bytes, f.stamp, stampEnd)
	}
	return u
}

// language is the BCP 47 tag of the catalogue; a screen reader needs the script of Chinese.
func language(locale string) string {
	if locale == "zh" {
		return "zh-Hans"
	}
	return locale
}

// resources writes the fonts that only this document has, and the dictionary of all.
func (d *document) resources() int {
	var objs [styles + 1]int
	for i := range d.extras {
		if len(d.extras[i].runes) > 0 {
			objs[i] = d.putExtra(&d.extras[i])
		}
	}
	w := d.w
	n := w.reserve(1)
	w.open(n)
	w.s("<</Font<<")
	for i, f := range d.e.base {
		w.s("/").s(f.name).s(" ").ref(d.e.fontRefs[i])
	}
	for i, obj := range objs {
		if obj > 0 {
			w.s("/").s(d.extras[i].name).s(" ").ref(obj)
		}
	}
	w.s(">>/ProcSet[/PDF/Text]>>").close()
	return n
}

// planCodes prepares the shapes of QR codes of addresses of usual length.
func (e *Engine) planCodes() error {
	for v := coding.MinVersion; v <= 15; v++ {
		p, err := coding.NewPlan(coding.Version(v), coding.M, 0)
		if err != nil {
			return fmt.Errorf("QR code: %w", err)
		}
		e.codes = append(e.codes, p)
	}
	return nil
}

// qr encodes an address with medium redundancy, in the smallest code that holds it.
func (e *Engine) qr(address string) (*coding.Code, error) {
	text := coding.String(address)
	for _, p := range e.codes {
		if text.Bits(p.Version) <= p.DataBytes*8 {
			return p.Encode(text)
		}
	}
	return nil, errors.New("the address is too long")
}
