package pdf

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"rsc.io/qr"
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
	return d.assemble()
}

func (e *Engine) begin(in Input, slot *Slot) (*document, error) {
	words, ok := e.words[in.Content.Locale]
	if !ok {
		words = e.words[kernel.Locales[0]]
	}
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	d := &document{e: e, in: in, slot: slot, words: words, accent: parseColour(in.Colour), w: newWriter(), issued: in.IssuedAt.In(in.Zone)}
	d.w.b = append(make([]byte, 0, len(e.prefix)+96<<10), e.prefix...)
	d.w.offsets = append(make([]int, 0, 256), e.offsets...)
	d.w.n = len(e.offsets) + 1
	for s, obj := range e.fontRefs {
		d.fonts = append(d.fonts, docFont{e.base[s].name, obj})
	}
	if !in.Draft {
		var err error
		if d.code, err = qr.Encode(in.VerifyURL, qr.M); err != nil {
			return nil, fmt.Errorf("QR code: %w", err)
		}
	}
	if err := e.lintInput(in); err != nil {
		return nil, err
	}
	return d, e.extraFaces(d, append(in.texts(), words.all()...))
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

func (in Input) texts() []string {
	c := in.Content
	out := []string{c.Title, c.Municipality, c.Issuer, c.Subject, in.Number, in.Sealer, in.VerifyAt}
	for _, b := range c.Blocks {
		out = append(append(out, b.Text), b.Header...)
		for _, f := range b.Fields {
			out = append(out, f[0], f[1])
		}
		for _, r := range b.Rows {
			out = append(out, r...)
		}
	}
	return out
}

// assemble writes the file around the pages.
func (d *document) assemble() (*Unsigned, error) {
	w := d.w
	catalog, tree := w.reserve(1), w.reserve(1)
	pageObjs := w.reserve(len(d.pages))
	f := d.reserveFields(pageObjs + len(d.pages) - 1)
	d.putPages(tree, pageObjs, f)
	structure := d.structure(pageObjs, f)
	info, meta := d.metadata()
	spec := d.putAttachment()
	w.open(catalog)
	w.b = fmt.Appendf(w.b, "<</Type/Catalog/Version/1.7/Pages %d 0 R/Metadata %d 0 R/OutputIntents[%d 0 R]/StructTreeRoot %d 0 R/MarkInfo<</Marked true>>/Lang%s/ViewerPreferences<</DisplayDocTitle true>>",
		tree, meta, d.e.intent, structure, textString(language(d.in.Content.Locale)))
	d.catalogAttachment(spec)
	d.catalogFields(f)
	catalogEnd := len(w.b)
	w.b = append(w.b, ">>"...)
	w.close()
	return d.finish(catalog, info, catalogEnd, f)
}

func (d *document) putPages(tree, pageObjs int, f fields) {
	w := d.w
	res := d.resources()
	kids := make([]string, len(d.pages))
	for i := range d.pages {
		kids[i] = fmt.Sprintf("%d 0 R", pageObjs+i)
		content := w.stream("", d.pages[i].content)
		annots := ""
		if i == len(d.pages)-1 {
			annots = f.annots()
		}
		w.put(pageObjs+i, "<</Type/Page/Parent %d 0 R/MediaBox[0 0 595.28 841.89]/Resources %d 0 R/Contents %d 0 R/StructParents %d/Tabs/S%s>>", tree, res, content, i, annots)
	}
	w.put(tree, "<</Type/Pages/Count %d/Kids[%s]>>", len(d.pages), strings.Join(kids, " "))
}

// finish writes what comes last: the fields, the signature, the cross-reference table and the trailer.
func (d *document) finish(catalog, info, catalogEnd int, f fields) (*Unsigned, error) {
	w := d.w
	u := &Unsigned{Pages: len(d.pages), prefix: len(d.e.prefix), mid: d.e.midstate, info: info}
	stampEnd, rangeAt := 0, 0
	if d.slot != nil {
		d.putField(f)
		stampEnd = d.putStamp(f)
		rangeAt = d.putSignature(f.sig, u)
	}
	u.size, u.xref = w.n, w.xref()
	id := sha256.Sum256(w.b[len(d.e.prefix):])
	u.id = hex.EncodeToString(id[:16])
	w.b = fmt.Appendf(w.b, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", w.n, catalog, info, u.id, u.id, u.xref)
	if d.slot != nil {
		r := fmt.Sprintf("%d %d %d", u.gap[0], u.gap[1], len(w.b)-u.gap[1])
		copy(w.b[rangeAt:rangeAt+rangeWidth], r+strings.Repeat(" ", rangeWidth-len(r)))
	}
	u.Bytes = w.b
	u.catalog = w.indirect(catalog, catalogEnd)
	if f.stamp > 0 {
		u.stamp = w.indirect(f.stamp, stampEnd)
	}
	return u, nil
}

// language is the BCP 47 tag of the catalogue; a screen reader needs the script of Chinese.
func language(locale string) string {
	if locale == "zh" {
		return "zh-Hans"
	}
	return locale
}

func (d *document) resources() int {
	var b strings.Builder
	for _, f := range d.fonts {
		fmt.Fprintf(&b, "/%s %d 0 R", f.name, f.obj)
	}
	return d.w.obj("<</Font<<%s>>/ProcSet[/PDF/Text]>>", b.String())
}
