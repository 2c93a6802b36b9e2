package pdf

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// Unsigned is a complete document whose signature is still missing. What follows it in the file, an increment of
// validation data and a document timestamp, is made from it without reading it again (Extend).
type Unsigned struct {
	Bytes []byte
	Pages int

	gap    [2]int // of /Contents, with its angle brackets; zero: there is no place for a signature
	prefix int    // so many bytes at the start are the same in every document
	mid    []byte // state of SHA-256 after them, to be unmarshalled into a sha256.New()

	size    int      // the next free object number: /Size of the trailer
	xref    int      // where the cross-reference table begins: /Prev of an increment
	info    int      // object number of Info
	id      string   // both halves of /ID, in hexadecimal without brackets
	catalog indirect // without /DSS
	stamp   indirect // the field "Timestamp", without /V; number 0: the slot did not ask for it
}

// indirect is an object that an increment writes again with one entry more.
type indirect struct {
	num  int
	dict []byte // its dictionary without the closing ">>"; part of Unsigned.Bytes
}

// fields are the object numbers of the signature fields and of what they refer to; zero: not there.
type fields struct{ seal, sig, stamp, page int }

func (d *document) reserveFields(page int) fields {
	f := fields{page: page}
	if d.slot == nil {
		return f
	}
	f.seal, f.sig = d.w.reserve(1), d.w.reserve(1)
	if d.slot.Timestamp {
		f.stamp = d.w.reserve(1)
	}
	return f
}

// refs are the references to the fields, for /Fields and /Annots.
func (f fields) refs() string {
	if f.stamp > 0 {
		return fmt.Sprintf("%d 0 R %d 0 R", f.seal, f.stamp)
	}
	return fmt.Sprintf("%d 0 R", f.seal)
}

func (f fields) annots() string {
	if f.seal == 0 {
		return ""
	}
	return "/Annots[" + f.refs() + "]"
}

// catalogFields names the fields and the extension ETSI registered for its signature format (EN 319 142-1, 5.3).
func (d *document) catalogFields(f fields) {
	if f.seal > 0 {
		d.w.b = fmt.Appendf(d.w.b, "/AcroForm<</Fields[%s]/SigFlags 3>>/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 2>>>>", f.refs())
	}
}

// putField writes the signature field. It lies over the seal's text, so that a click there opens the reader's
// signature panel; its appearance is empty, because the page already says who sealed.
func (d *document) putField(f fields) {
	x, y := d.seal[0]*ptPerMM, (pageHeight-d.seal[1]-d.seal[3])*ptPerMM
	wd, ht := d.seal[2]*ptPerMM, d.seal[3]*ptPerMM
	ap := d.w.reserve(1)
	d.w.rawStream(ap, fmt.Sprintf("/Type/XObject/Subtype/Form/BBox[0 0 %.2f %.2f]/Resources<<>>", wd, ht), nil)
	d.w.put(f.seal, "<</Type/Annot/Subtype/Widget/FT/Sig/T(Seal)/TU%s/V %d 0 R/F 132/P %d 0 R/Rect[%.2f %.2f %.2f %.2f]/StructParent %d/AP<</N %d 0 R>>>>",
		textString(d.words.SealField), f.sig, f.page, x, y, x+wd, y+ht, len(d.pages), ap)
}

// putStamp writes the empty field of the document timestamp and returns where its dictionary ends. It has no area and
// therefore no appearance (ISO 19005-2, 6.3.3). It is tagged here, so that whoever fills it need not touch the tags.
func (d *document) putStamp(f fields) int {
	if f.stamp == 0 {
		return 0
	}
	w := d.w
	w.open(f.stamp)
	w.b = fmt.Appendf(w.b, "<</Type/Annot/Subtype/Widget/FT/Sig/T(Timestamp)/TU%s/F 132/P %d 0 R/Rect[0 0 0 0]/StructParent %d",
		textString(d.words.StampField), f.page, len(d.pages)+1)
	end := len(w.b)
	w.b = append(w.b, ">>"...)
	w.close()
	return end
}

const rangeWidth = 32

// putSignature writes the signature dictionary with an empty /Contents and returns where the byte range goes.
func (d *document) putSignature(sig int, u *Unsigned) int {
	w, slot := d.w, d.slot
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
