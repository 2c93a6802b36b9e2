package pdf

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
)

// Unsigned is a complete document whose signature is still missing. What follows it in the file, an increment of
// validation data and a document timestamp, is made from it without reading it again (Extend).
type Unsigned struct {
	Bytes []byte
	Pages int

	gap    [2]int // of /Contents, with its angle brackets; zero: there is no place for a signature
	prefix int    // so many bytes at the start are hashed already: at first those which are the same in every document
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

// fields writes the references to the fields, for /Fields and /Annots.
func (w *writer) fields(f fields) {
	w.s("[").ref(f.seal)
	if f.stamp > 0 {
		w.s(" ").ref(f.stamp)
	}
	w.s("]")
}

func (w *writer) annots(f fields) {
	if f.seal > 0 {
		w.s("/Annots").fields(f)
	}
}

// catalogFields names the fields and the extension ETSI registered for its signature format (EN 319 142-1, 5.3).
func (d *document) catalogFields(f fields) {
	if f.seal > 0 {
		d.w.s("/AcroForm<</Fields").fields(f)
		d.w.s("/SigFlags 3>>/Extensions<</ESIC<</BaseVersion/1.7/ExtensionLevel 2>>>>")
	}
}

// putField writes the signature field. It lies over the seal's text, so that a click there opens the reader's
// signature panel; its appearance is empty, because the page already says who sealed.
func (d *document) putField(f fields) {
	w := d.w
	x, y := d.seal[0]*ptPerMM, (pageHeight-d.seal[1]-d.seal[3])*ptPerMM
	wd, ht := d.seal[2]*ptPerMM, d.seal[3]*ptPerMM
	ap := w.reserve(1)
	w.open(ap)
	w.s("<</Type/XObject/Subtype/Form/BBox[0 0 ").fixed(wd).s(" ").fixed(ht).s("]/Resources<<>>/Length 0>>\nstream\n\nendstream").close()
	w.open(f.seal)
	w.s("<</Type/Annot/Subtype/Widget/FT/Sig/T(Seal)/TU").text(d.words.SealField).s("/V ").ref(f.sig).s("/F 132/P ").ref(f.page)
	w.s("/Rect[").fixed(x).s(" ").fixed(y).s(" ").fixed(x + wd).s(" ").fixed(y + ht).s("]/StructParent ").int(len(d.pages)).s("/AP<</N ").ref(ap).s(">>>>").close()
}

// putStamp writes the empty field of the document timestamp and returns where its dictionary ends. It has no area and
// therefore no appearance (ISO 19005-2, 6.3.3). It is tagged here, so that whoever fills it need not touch the tags.
func (d *document) putStamp(f fields) int {
	if f.stamp == 0 {
		return 0
	}
	w := d.w
	w.open(f.stamp)
	w.s("<</Type/Annot/Subtype/Widget/FT/Sig/T(Timestamp)/TU").text(d.words.StampField).s("/F 132/P ").ref(f.page).s("/Rect[0 0 0 0]/StructParent ").int(len(d.pages) + 1)
	end := len(w.b)
	w.s(">>").close()
	return end
}

const rangeWidth = 32

// putSignature writes the signature dictionary with an empty /Contents and returns where the byte range goes.
func (d *document) putSignature(sig int, u *Unsigned) int {
	w, slot := d.w, d.slot
	w.open(sig)
	w.s("<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 ")
	at := len(w.b)
	w.s(spaces).s("]/M(").date(d.in.IssuedAt).s(")")
	for _, e := range [3][2]string{{"/Name", slot.Name}, {"/Reason", slot.Reason}, {"/Location", slot.Location}} {
		if e[1] != "" {
			w.s(e[0]).text(e[1])
		}
	}
	w.s("/Contents")
	u.gap[0] = w.base + len(w.b)
	w.s("<")
	for n := 2 * slot.Reserve; n > 0; n -= len(zeros) {
		w.s(zeros[:min(n, len(zeros))])
	}
	w.s(">")
	u.gap[1] = w.base + len(w.b)
	w.s(">>").close()
	return at
}

const (
	spaces = "                                " // rangeWidth of them
	zeros  = "0000000000000000000000000000000000000000000000000000000000000000"
)

// Digest is the SHA-256 of all but /Contents. The constant prefix was hashed when the engine started, and what comes
// before /Contents need not be hashed again for an increment.
func (u *Unsigned) Digest() ([]byte, error) {
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(u.mid); err != nil {
		return nil, err
	}
	h.Write(u.Bytes[u.prefix:u.gap[0]])
	var err error
	if u.mid, err = h.(encoding.BinaryMarshaler).MarshalBinary(); err != nil {
		return nil, err
	}
	u.prefix = u.gap[0]
	h.Write(u.Bytes[u.gap[1]:])
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
