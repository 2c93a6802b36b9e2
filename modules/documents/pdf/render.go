package pdf

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"rsc.io/qr"
	"townhall/modules/kernel"
)

// Unsigned is a complete document whose signature is still missing.
type Unsigned struct {
	Bytes  []byte
	Pages  int
	gap    [2]int // of /Contents, with its angle brackets
	prefix int
	mid    []byte
}

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
	d, err := e.begin(in)
	if err != nil {
		return nil, err
	}
	d.compose()
	d.place()
	if len(d.pages) > maxPages {
		return nil, kernel.InvalidFields(kernel.FieldError{Path: "content", Slug: slugTooLong, Message: "The document is too long."})
	}
	d.draw()
	return d.assemble(slot)
}

func (e *Engine) begin(in Input) (*document, error) {
	words, ok := e.words[in.Content.Locale]
	if !ok {
		words = e.words[kernel.Locales[0]]
	}
	if in.Zone == nil {
		in.Zone = time.UTC
	}
	d := &document{e: e, in: in, words: words, accent: parseColour(in.Colour), w: newWriter(), issued: in.IssuedAt.In(in.Zone), form: -1}
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
func (d *document) assemble(slot *Slot) (*Unsigned, error) {
	w := d.w
	catalog, tree := w.reserve(1), w.reserve(1)
	pageObjs := w.reserve(len(d.pages))
	var field, sig int
	if slot != nil {
		field, sig = w.reserve(1), w.reserve(1)
	}
	res := d.resources()
	kids := make([]string, len(d.pages))
	for i := range d.pages {
		kids[i] = fmt.Sprintf("%d 0 R", pageObjs+i)
		content := w.stream("", d.pages[i].content)
		annots := ""
		if slot != nil && i == len(d.pages)-1 {
			annots = fmt.Sprintf("/Annots[%d 0 R]", field)
		}
		w.put(pageObjs+i, "<</Type/Page/Parent %d 0 R/MediaBox[0 0 595.28 841.89]/Resources %d 0 R/Contents %d 0 R/StructParents %d/Tabs/S%s>>", tree, res, content, i, annots)
	}
	w.put(tree, "<</Type/Pages/Count %d/Kids[%s]>>", len(d.pages), strings.Join(kids, " "))
	structure := d.structure(pageObjs, field)
	info, meta := d.metadata()
	extra := ""
	if slot != nil {
		d.putField(field, sig, pageObjs+len(d.pages)-1)
		// The extension ETSI registered for its signature format (EN 319 142-1, 5.3).
		extra = fmt.Sprintf("/AcroForm<</Fields[%d 0 R]/SigFlags 3>>/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 2>>>>", field)
	}
	w.put(catalog, "<</Type/Catalog/Version/1.7/Pages %d 0 R/Metadata %d 0 R/OutputIntents[%d 0 R]/StructTreeRoot %d 0 R/MarkInfo<</Marked true>>/Lang%s/ViewerPreferences<</DisplayDocTitle true>>%s>>",
		tree, meta, d.e.intent, structure, textString(language(d.in.Content.Locale)), extra)
	u := &Unsigned{Pages: len(d.pages), prefix: len(d.e.prefix), mid: d.e.midstate}
	var rangeAt int
	if slot != nil {
		rangeAt = d.putSignature(sig, slot, u)
	}
	at := w.xref()
	id := sha256.Sum256(w.b[len(d.e.prefix):])
	hexID := hex.EncodeToString(id[:16])
	w.b = fmt.Appendf(w.b, "trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", w.n, catalog, info, hexID, hexID, at)
	if slot != nil {
		r := fmt.Sprintf("%d %d %d", u.gap[0], u.gap[1], len(w.b)-u.gap[1])
		copy(w.b[rangeAt:rangeAt+rangeWidth], r+strings.Repeat(" ", rangeWidth-len(r)))
	}
	u.Bytes = w.b
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

// structure writes the structure tree and its way back from marked content (ISO 32000-1, 14.7).
func (d *document) structure(pageObjs, field int) int {
	w := d.w
	root := w.reserve(1)
	first := w.reserve(len(d.elems))
	var nums strings.Builder
	for i, p := range d.pages {
		fmt.Fprintf(&nums, "%d[", i)
		for _, el := range p.parents {
			nums.WriteString(itoa(first + el))
			nums.WriteString(" 0 R ")
		}
		nums.WriteString("]")
	}
	if field > 0 && d.form >= 0 {
		fmt.Fprintf(&nums, "%d %d 0 R", len(d.pages), first+d.form)
	}
	w.put(root, "<</Type/StructTreeRoot/K %d 0 R/ParentTree<</Nums[%s]>>/ParentTreeNextKey %d>>", first, nums.String(), len(d.pages)+1)
	for i := range d.elems {
		d.putElem(first, i, root, pageObjs, field)
	}
	return root
}

func (d *document) putElem(first, i, root, pageObjs, field int) {
	w, el := d.w, &d.elems[i]
	parent := root
	if i > 0 {
		parent = first + el.parent
	}
	w.open(first + i)
	b := w.b
	b = append(append(b, "<</Type/StructElem/S/"...), el.tag...)
	b = append(append(append(b, "/P "...), itoa(parent)...), " 0 R"...)
	b = append(append(b, el.attrs...), "/K["...)
	for _, k := range el.kids {
		switch {
		case k.child > 0:
			b = append(append(b, itoa(first+k.child)...), " 0 R "...)
		case k.child < 0 && field > 0:
			b = fmt.Appendf(b, "<</Type/OBJR/Obj %d 0 R/Pg %d 0 R>>", field, pageObjs+len(d.pages)-1)
		case k.child == 0:
			b = append(append(b, "<</Type/MCR/Pg "...), itoa(pageObjs+k.page)...)
			b = append(append(append(b, " 0 R/MCID "...), itoa(k.mcid)...), ">>"...)
		}
	}
	w.b = append(b, "]>>"...)
	w.close()
}

// putField writes the signature field. It lies over the seal's text, so that a click there opens the reader's
// signature panel; its appearance is empty, because the page already says who sealed.
func (d *document) putField(field, sig, page int) {
	x, y := d.seal[0]*ptPerMM, (pageHeight-d.seal[1]-d.seal[3])*ptPerMM
	wd, ht := d.seal[2]*ptPerMM, d.seal[3]*ptPerMM
	ap := d.w.reserve(1)
	d.w.rawStream(ap, fmt.Sprintf("/Type/XObject/Subtype/Form/BBox[0 0 %.2f %.2f]/Resources<<>>", wd, ht), nil)
	d.w.put(field, "<</Type/Annot/Subtype/Widget/FT/Sig/T(Seal)/TU%s/V %d 0 R/F 132/P %d 0 R/Rect[%.2f %.2f %.2f %.2f]/StructParent %d/AP<</N %d 0 R>>>>",
		textString(d.words.SealField), sig, page, x, y, x+wd, y+ht, len(d.pages), ap)
}

const rangeWidth = 32

// putSignature writes the signature dictionary with an empty /Contents and returns where the byte range goes.
func (d *document) putSignature(sig int, slot *Slot, u *Unsigned) int {
	w := d.w
	w.open(sig)
	w.b = append(w.b, "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 "...)
	at := len(w.b)
	w.b = append(w.b, strings.Repeat(" ", rangeWidth)...)
	w.b = fmt.Appendf(w.b, "]/M(%s)", pdfDate(d.in.IssuedAt))
	for _, e := range [][2]string{{"Name", slot.Name}, {"Reason", slot.Reason}, {"Location", slot.Location}} {
		if e[1] != "" {
			w.b = append(append(append(w.b, '/'), e[0]...), textString(e[1])...)
		}
	}
	w.b = append(w.b, "/Contents"...)
	u.gap[0] = len(w.b)
	w.b = append(w.b, '<')
	for range 2 * slot.Reserve {
		w.b = append(w.b, '0')
	}
	w.b = append(w.b, '>')
	u.gap[1] = len(w.b)
	w.b = append(w.b, ">>"...)
	w.close()
	return at
}

// Digest is the SHA-256 of all but /Contents. The constant prefix was hashed when the engine started.
func (u *Unsigned) Digest() ([]byte, error) {
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(u.mid); err != nil {
		return nil, err
	}
	writeAll(h, u.Bytes[u.prefix:u.gap[0]], u.Bytes[u.gap[1]:])
	return h.Sum(nil), nil
}

func writeAll(h hash.Hash, parts ...[]byte) {
	for _, p := range parts {
		h.Write(p)
	}
}

// Seal puts the CMS into its place and returns the finished file. A CMS larger than the place is an error: the
// place is sized from the certificate chain at start-up and never grown afterwards, since the bytes around it are signed.
func (u *Unsigned) Seal(cms []byte) ([]byte, error) {
	if u.gap[1] == 0 {
		return nil, errors.New("the document was rendered without a place for a signature")
	}
	if 2*len(cms) > u.gap[1]-u.gap[0]-2 {
		return nil, fmt.Errorf("a CMS of %d bytes does not fit into %d", len(cms), (u.gap[1]-u.gap[0]-2)/2)
	}
	hex.Encode(u.Bytes[u.gap[0]+1:], cms)
	return u.Bytes, nil
}
