package pdf

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
)

// Validation is what a stranger needs to check a seal without asking anybody: DER each. The writer leaves out what is
// there already.
type Validation struct{ Certs, OCSPs, CRLs [][]byte }

// Increment is a file with one revision more: validation data and, where it was asked for, a document timestamp whose
// token is still missing. It changes the catalog (only /DSS and /AcroForm /Fields) and the timestamp's field (only /V).
type Increment struct {
	b      []byte
	gap    [2]int    // of /Contents, with its angle brackets; zero: no timestamp was asked for
	h      hash.Hash // has read the first bytes
	hashed int       // so many
}

// base is what an increment must know of the file before it.
type base struct {
	b       []byte
	size    int // the next free object number
	xref    int
	root    int
	info    string   // "/Info 7 0 R" or empty
	id      string   // "/ID[<..><..>]" or empty
	catalog indirect // without /DSS
	dss     dss      // what is there already
	stamp   indirect // the field of the document timestamp, without /V
	fresh   bool     // that field is new
}

// dss are the object numbers of validation data.
type dss struct {
	num   int // of the dictionary; 0: there is none
	refs  [3][]int
	known map[[sha256.Size]byte]bool // what the file has already, by SHA-256; nil: nothing
}

// dssKeys are the lists of a document security store (EN 319 142-1, 5.4.2.2).
var dssKeys = [3]string{"Certs", "OCSPs", "CRLs"}

func (v Validation) lists() [3][][]byte { return [3][][]byte{v.Certs, v.OCSPs, v.CRLs} }

// Extend adds validation data to a sealed document (B-LT) and, with a reserve for the DER of its token, a document
// timestamp in the field that was made for it (B-LTA). It is called once, after Seal. What is written depends on the
// arguments alone.
func (u *Unsigned) Extend(v Validation, reserve int) (*Increment, error) {
	if u.gap[1] == 0 || string(u.Bytes[u.gap[0]+1:u.gap[0]+3]) == "00" {
		return nil, errors.New("a document is extended after it was sealed")
	}
	if reserve > 0 && u.stamp.num == 0 {
		return nil, errors.New("the document was rendered without a field for its timestamp")
	}
	if u.size == 0 {
		return nil, errors.New("the document is extended already")
	}
	p := base{b: u.Bytes, size: u.size, xref: u.xref, root: u.catalog.num, catalog: u.catalog, stamp: u.stamp,
		info: fmt.Sprintf("/Info %d 0 R", u.info), id: "/ID[<" + u.id + "><" + u.id + ">]"}
	u.size = 0 // the bytes behind the document are in use now
	i, err := p.extend(v, reserve)
	if err != nil || reserve == 0 {
		return i, err
	}
	i.h, i.hashed = sha256.New(), u.prefix
	return i, i.h.(encoding.BinaryUnmarshaler).UnmarshalBinary(u.mid)
}

// extend writes the revision.
func (p *base) extend(v Validation, reserve int) (*Increment, error) {
	fresh, n := p.dss.fresh(v)
	if n == 0 && reserve == 0 {
		return nil, errors.New("there is nothing to add to the file")
	}
	room := 4096 + 2*reserve + len(p.catalog.dict) + len(p.stamp.dict)
	for _, list := range fresh {
		for _, der := range list {
			room += len(der) + 128
		}
	}
	w := &increment{b: slices.Grow(p.b, room), n: p.size}
	if n > 0 {
		w.validation(&p.dss, fresh)
	}
	w.open(p.catalog.num)
	w.b = append(w.b, p.catalog.dict...)
	if p.dss.num > 0 {
		w.b = fmt.Appendf(w.b, "/DSS %d 0 R", p.dss.num)
	}
	w.b = append(w.b, ">>\nendobj\n"...)
	i := &Increment{}
	rangeAt := 0
	if reserve > 0 {
		rangeAt = w.timestamp(p, reserve, i)
	}
	w.finish(p)
	if i.b = w.b; reserve > 0 {
		r := fmt.Sprintf("%d %d %d", i.gap[0], i.gap[1], len(w.b)-i.gap[1])
		copy(w.b[rangeAt:rangeAt+rangeWidth], r+strings.Repeat(" ", rangeWidth-len(r)))
	}
	return i, nil
}

// fresh returns what is not there yet, each once, by list.
func (d *dss) fresh(v Validation) (out [3][][]byte, n int) {
	for k, list := range v.lists() {
		for _, der := range list {
			if d.known != nil && d.known[sha256.Sum256(der)] || contains(out, der) {
				continue
			}
			out[k] = append(out[k], der)
			n++
		}
	}
	return out, n
}

// contains compares bytes: there are a dozen at most, of different lengths mostly, which is cheaper than a hash of each.
func contains(lists [3][][]byte, der []byte) bool {
	for _, list := range lists {
		if slices.ContainsFunc(list, func(b []byte) bool { return bytes.Equal(b, der) }) {
			return true
		}
	}
	return false
}

// increment writes the objects of one revision and remembers where each begins.
type increment struct {
	b     []byte
	n     int      // the next free object number
	table [][2]int // number and offset
}

func (w *increment) open(n int) {
	w.table = append(w.table, [2]int{n, len(w.b)})
	w.b = strconv.AppendInt(w.b, int64(n), 10)
	w.b = append(w.b, " 0 obj\n"...)
}

func (w *increment) next() int {
	w.n++
	w.open(w.n - 1)
	return w.n - 1
}

// validation writes what is new and the dictionary that lists all of it. The references of the older one are kept.
func (w *increment) validation(d *dss, fresh [3][][]byte) {
	for k, list := range fresh {
		for _, der := range list {
			n := w.next()
			d.refs[k] = append(d.refs[k], n)
			w.b = append(strconv.AppendInt(append(w.b, "<</Length "...), int64(len(der)), 10), ">>\nstream\n"...)
			w.b = append(append(w.b, der...), "\nendstream\nendobj\n"...)
		}
	}
	d.num = w.next()
	w.b = append(w.b, "<</Type/DSS"...)
	for k, refs := range d.refs {
		if len(refs) == 0 {
			continue
		}
		w.b = append(append(append(w.b, '/'), dssKeys[k]...), '[')
		for j, n := range refs {
			if j > 0 {
				w.b = append(w.b, ' ')
			}
			w.b = append(strconv.AppendInt(w.b, int64(n), 10), " 0 R"...)
		}
		w.b = append(w.b, ']')
	}
	w.b = append(w.b, ">>\nendobj\n"...)
}

// timestamp writes the field and its value with an empty place, and returns where the byte range goes.
func (w *increment) timestamp(p *base, reserve int, i *Increment) int {
	value := w.n
	if p.fresh {
		w.n = max(w.n, p.stamp.num+1)
		value = w.n
	}
	w.n = value + 1
	w.open(p.stamp.num)
	w.b = append(w.b, p.stamp.dict...)
	w.b = fmt.Appendf(w.b, "/V %d 0 R>>\nendobj\n", value)
	w.open(value)
	w.b = append(w.b, "<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/ByteRange[0 "...)
	at := len(w.b)
	w.b = append(append(w.b, strings.Repeat(" ", rangeWidth)...), "]/Contents"...)
	i.gap[0] = len(w.b)
	w.b = append(w.b, '<')
	for n := 2 * reserve; n > 0; n -= len(zeros) {
		w.b = append(w.b, zeros[:min(n, len(zeros))]...)
	}
	w.b = append(w.b, '>')
	i.gap[1] = len(w.b)
	w.b = append(w.b, ">>\nendobj\n"...)
	return at
}

// finish writes the cross-reference section, in sub-sections of ascending numbers, and the trailer.
func (w *increment) finish(p *base) {
	at := len(w.b)
	slices.SortFunc(w.table, func(a, b [2]int) int { return a[0] - b[0] })
	w.b = append(w.b, "xref\n"...)
	for from := 0; from < len(w.table); {
		to := from + 1
		for to < len(w.table) && w.table[to][0] == w.table[to-1][0]+1 {
			to++
		}
		w.b = fmt.Appendf(w.b, "%d %d\n", w.table[from][0], to-from)
		for _, e := range w.table[from:to] {
			w.b = appendTableEntry(w.b, e[1])
		}
		from = to
	}
	w.b = fmt.Appendf(w.b, "trailer\n<</Size %d/Root %d 0 R%s%s/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", w.n, p.root, p.info, p.id, p.xref, at)
}

// Digest is the SHA-256 of all but the timestamp's /Contents. An increment without a timestamp has none: an error.
func (i *Increment) Digest() ([]byte, error) {
	if i.gap[1] == 0 {
		return nil, errors.New("the increment has no document timestamp")
	}
	if i.h == nil {
		i.h = sha256.New()
	}
	writeAll(i.h, i.b[i.hashed:i.gap[0]], i.b[i.gap[1]:])
	sum := i.h.Sum(nil)
	i.h, i.hashed = nil, 0
	return sum, nil
}

// Seal puts the token into its place and returns the whole file. A token larger than the place is an error.
func (i *Increment) Seal(token []byte) ([]byte, error) {
	if room := (i.gap[1] - i.gap[0] - 2) / 2; i.gap[1] == 0 || len(token) > room {
		return nil, fmt.Errorf("a token of %d bytes does not fit into %d", len(token), max(room, 0))
	}
	hex.Encode(i.b[i.gap[0]+1:], token)
	return i.b, nil
}

// Bytes is the whole file. With a timestamp it is complete after Seal only.
func (i *Increment) Bytes() []byte { return i.b }
