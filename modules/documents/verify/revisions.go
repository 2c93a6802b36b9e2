package verify

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"townhall/modules/documents/pdffile"
)

// structure walks from the end of the file to the signature, as a reader does, so that what readers show is what was
// judged. r is the byte range of the seal: its end must be the end of the first revision, and what follows may do nothing
// but prove it for longer.
func (v *verification) structure(r [4]int) {
	reason := ReasonStructure
	if r[2]+r[3] < len(v.file) {
		reason = ReasonAppended
	}
	doc, err := pdffile.Open(v.file)
	if err != nil || doc.Revisions()[0].To != r[2]+r[3] {
		v.fail(reason)
		return
	}
	v.doc = doc
	first := doc.As(0)
	sig, empty := signatureFields(first)
	contents, _ := sig["Contents"].(pdffile.String)
	if got, ok := rangeOf(sig["ByteRange"]); !ok || got != r || contents.From != r[1] || contents.To != r[2] || sig["SubFilter"] != any(pdffile.Name("ETSI.CAdES.detached")) {
		v.fail(ReasonStructure)
		return
	}
	v.stampField = empty
	if !v.increments() {
		v.fail(ReasonAppended)
		return
	}
	v.claims(first, sig)
}

// signatureFields returns the value of the first revision's seal and the object number of the field that waits for a
// document timestamp, when there is one; nil when there is anything else.
func signatureFields(f *pdffile.File) (sig map[string]any, empty int) {
	form := f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])
	fields, _ := f.Resolve(form["Fields"]).([]any)
	if len(fields) < 1 || len(fields) > 2 {
		return nil, 0
	}
	field := f.Dict(fields[0])
	if field["FT"] != any(pdffile.Name("Sig")) || field["Kids"] != nil {
		return nil, 0
	}
	if len(fields) == 2 {
		ref, ok := fields[1].(pdffile.Ref)
		second := f.Dict(ref)
		name, _ := second["T"].(pdffile.String)
		_, filled := second["V"]
		if !ok || fields[0] == fields[1] || second["FT"] != any(pdffile.Name("Sig")) || second["Kids"] != nil || filled || string(name.Bytes) != "Timestamp" {
			return nil, 0
		}
		empty = int(ref)
	}
	return f.Dict(field["V"]), empty
}

// rangeOf reads "[0 a b c]".
func rangeOf(v any) (r [4]int, ok bool) {
	list, _ := v.([]any)
	if len(list) != 4 {
		return r, false
	}
	for i, x := range list {
		n, isInt := x.(int)
		if !isInt || n < 0 || n > MaxFile {
			return r, false
		}
		r[i] = n
	}
	return r, r[0] == 0
}

// claims reads what the sealed revision says about itself.
func (v *verification) claims(first *pdffile.File, sig map[string]any) {
	if m, ok := sig["M"].(pdffile.String); ok {
		v.claimed, _ = time.Parse("D:20060102150405+00'00'", string(m.Bytes))
	}
	info := first.Dict(first.Trailer["Info"])
	v.number = plain(info["Keywords"], 64)
	v.checkURI = plain(info["CheckURI"], 2048)
	v.statusURI = plain(info["StatusURI"], 2048)
}

// plain is a short text of printable ASCII, or nothing.
func plain(x any, limit int) string {
	s, _ := x.(pdffile.String)
	if len(s.Bytes) >= limit || bytes.ContainsFunc(s.Bytes, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return ""
	}
	return string(s.Bytes)
}

// increments checks every later revision and, since what is new must be reached in no other way, that nothing sealed
// refers to an object that was added.
func (v *verification) increments() bool {
	n := len(v.doc.Revisions())
	if n == 1 {
		return true
	}
	v.added, v.stampFields = map[int]bool{}, map[int]bool{}
	if v.stampField > 0 {
		v.stampFields[v.stampField] = true
	}
	for i := 1; i < n; i++ {
		c := change{v: v, before: v.doc.As(i - 1), now: v.doc.As(i), index: i, owned: map[int]bool{}}
		if !c.allowed() {
			return false
		}
		for k := range c.owned {
			v.added[k] = true
		}
	}
	return v.nothingElseLeadsThere()
}

// nothingElseLeadsThere walks through all that can be reached without the security store and the timestamps.
func (v *verification) nothingElseLeadsThere() bool {
	root, _ := v.doc.Trailer["Root"].(pdffile.Ref)
	var start []any
	for k, x := range v.doc.Dict(root) {
		switch k {
		case "DSS":
		case "AcroForm":
			form := v.doc.Dict(x)
			for k, y := range form {
				if k == "Fields" {
					y = slices.DeleteFunc(slices.Clone(asArray(v.doc.Resolve(y))), func(e any) bool { r, _ := e.(pdffile.Ref); return v.added[int(r)] })
				}
				start = append(start, y)
			}
		default:
			start = append(start, x)
		}
	}
	clean := true
	whole := v.doc.Reach(append(start, v.doc.Trailer["Info"]), func(n int, _ pdffile.Object) bool {
		clean = clean && !v.added[n] && n != int(root)
		return clean && !v.stampFields[n]
	})
	return whole && clean
}

func asArray(v any) []any {
	a, _ := v.([]any)
	return a
}

// change is one revision compared with the one before it.
type change struct {
	v           *verification
	before, now *pdffile.File
	index       int
	owned       map[int]bool // new objects that have a place
	field       int          // the timestamp's
}

// allowed reports whether the revision does nothing but add validation data and, at most, one document timestamp.
func (c *change) allowed() bool {
	rev := c.v.doc.Revisions()[c.index]
	root, _ := c.now.Trailer["Root"].(pdffile.Ref)
	was, is, ok := c.both(int(root))
	if !ok || !c.catalog(was, is) {
		return false
	}
	if _, changed := slices.BinarySearch(rev.Changed, c.v.stampField); changed && c.field == 0 {
		c.field = c.v.stampField
	}
	if c.field > 0 && !c.timestamp(rev) {
		return false
	}
	return !slices.ContainsFunc(rev.Changed, func(n int) bool { return n != int(root) && n != c.field && !c.owned[n] })
}

func (c *change) both(n int) (was, is map[string]any, ok bool) {
	a, ok1 := c.before.Object(n)
	b, ok2 := c.now.Object(n)
	was, _ = a.Value.(map[string]any)
	is, _ = b.Value.(map[string]any)
	return was, is, ok1 && ok2 && was != nil && is != nil && a.Stream == nil && b.Stream == nil
}

// isNew: a number that no earlier revision knows and this one defines.
func (c *change) isNew(v any) (int, bool) {
	r, ok := v.(pdffile.Ref)
	size, _ := c.before.Trailer["Size"].(int)
	if !ok || int(r) < size {
		return 0, false
	}
	_, there := slices.BinarySearch(c.v.doc.Revisions()[c.index].Changed, int(r))
	return int(r), there
}

// own takes a new object that nobody else has taken.
func (c *change) own(v any) (pdffile.Object, bool) {
	n, ok := c.isNew(v)
	if !ok || c.owned[n] {
		return pdffile.Object{}, false
	}
	c.owned[n] = true
	return c.now.Object(n)
}

// catalog: only /DSS and, inside /AcroForm, /Fields may differ.
func (c *change) catalog(was, is map[string]any) bool {
	for k := range is {
		if _, had := was[k]; !had && k != "DSS" {
			return false
		}
	}
	for k, x := range was {
		y, has := is[k]
		if !has || k != "DSS" && k != "AcroForm" && !pdffile.Same(x, y) {
			return false
		}
	}
	return c.form(was["AcroForm"], is["AcroForm"]) && c.store(was["DSS"], is["DSS"])
}

// form: one new field may be appended, with a widget that has no area, and nothing else but its name and its value.
func (c *change) form(was, is any) bool {
	if pdffile.Same(was, is) {
		return true
	}
	a, _ := was.(map[string]any)
	b, _ := is.(map[string]any)
	if a == nil || b == nil || len(a) != len(b) {
		return false
	}
	for k, x := range a {
		y, has := b[k]
		if !has || k != "Fields" && !pdffile.Same(x, y) {
			return false
		}
	}
	old, all := asArray(a["Fields"]), asArray(b["Fields"])
	if len(old) == 0 || len(all) != len(old)+1 || !pdffile.Same(old, all[:len(old)]) {
		return false
	}
	o, ok := c.own(all[len(old)])
	field, _ := o.Value.(map[string]any)
	for k, want := range map[string]any{"Type": pdffile.Name("Annot"), "Subtype": pdffile.Name("Widget"), "FT": pdffile.Name("Sig"), "F": 132, "Rect": []any{0, 0, 0, 0}} {
		ok = ok && pdffile.Same(field[k], want)
	}
	name := plain(field["T"], 128)
	if !ok || name == "" || strings.Contains(name, ".") || o.Stream != nil || len(field) != 7 || field["V"] == nil || c.taken(old, name) {
		return false
	}
	ref := all[len(old)].(pdffile.Ref)
	c.field = int(ref)
	c.v.stampFields[int(ref)] = true
	return true
}

// taken: two fields of one name are one field to a reader (ISO 32000-1, 12.7.3.2), and it decides whose value it shows.
func (c *change) taken(fields []any, name string) bool {
	return slices.ContainsFunc(fields, func(f any) bool { return plain(c.before.Dict(f)["T"], 128) == name })
}

func only(d map[string]any, keys ...string) bool {
	for k := range d {
		if !slices.Contains(keys, k) {
			return false
		}
	}
	return d != nil
}

// store: validation data may be added and never taken away.
func (c *change) store(was, is any) bool {
	if pdffile.Same(was, is) {
		return true
	}
	o, ok := c.own(is)
	store, _ := o.Value.(map[string]any)
	if !ok || o.Stream != nil || !only(store, "Type", "Certs", "OCSPs", "CRLs") || store["Type"] != nil && store["Type"] != any(pdffile.Name("DSS")) {
		return false
	}
	before := c.before.Dict(was)
	if was != nil && before == nil {
		return false
	}
	for _, key := range []string{"Certs", "OCSPs", "CRLs"} {
		old, all := asArray(before[key]), asArray(store[key])
		if _, isArray := store[key].([]any); store[key] != nil && !isArray || len(all) < len(old) || !pdffile.Same(old, all[:len(old)]) {
			return false
		}
		for _, e := range all[len(old):] {
			o, ok := c.own(e)
			d, _ := o.Value.(map[string]any)
			if !ok || o.Stream == nil || !only(d, "Length") || !c.v.evidence.add(key, o.Stream, c.index) {
				return false
			}
		}
	}
	return true
}

// timestamp: the field is as it was but for its value, and the value is a document timestamp over all of the file up to
// the end of this revision.
func (c *change) timestamp(rev pdffile.Revision) bool {
	o, ok := c.now.Object(c.field)
	is, _ := o.Value.(map[string]any)
	if !ok || is == nil || o.Stream != nil {
		return false
	}
	if !c.owned[c.field] {
		was, _, ok := c.both(c.field)
		if _, filled := was["V"]; !ok || filled || len(is) != len(was)+1 {
			return false
		}
		for k, x := range was {
			if y, has := is[k]; !has || !pdffile.Same(x, y) {
				return false
			}
		}
	}
	o, ok = c.own(is["V"])
	d, _ := o.Value.(map[string]any)
	if !ok || o.Stream != nil || !only(d, "Type", "Filter", "SubFilter", "ByteRange", "Contents") || d["Type"] != any(pdffile.Name("DocTimeStamp")) ||
		d["Filter"] != any(pdffile.Name("Adobe.PPKLite")) || d["SubFilter"] != any(pdffile.Name("ETSI.RFC3161")) {
		return false
	}
	contents, _ := d["Contents"].(pdffile.String)
	r, ok := rangeOf(d["ByteRange"])
	if !ok || contents.From != r[1] || contents.To != r[2] || r[2]+r[3] != rev.To {
		return false
	}
	token, ok := container(c.v.file[r[1]+1 : r[2]-1])
	if !ok {
		return false
	}
	c.v.stamps = append(c.v.stamps, &stamp{token: token, digest: c.v.hash.without(r[1], r[2], rev.To), revision: c.index})
	return true
}

// maxContainer is the largest place of a seal or a timestamp, in bytes. Ours are below ten thousand; a chain of long
// certificates with a timestamp stays below fifty thousand.
const maxContainer = 128 << 10

// container decodes the hexadecimal string. Only the form we write is accepted: the place itself is not signed, so every
// freedom in it would be room for a change nobody sees. What follows the one element must be zero.
func container(hexText []byte) ([]byte, bool) {
	if len(hexText) > 2*maxContainer {
		return nil, false
	}
	raw := make([]byte, len(hexText)/2)
	if _, err := hex.Decode(raw, hexText); err != nil || len(hexText)%2 != 0 || bytes.ContainsAny(hexText, "ABCDEF") {
		return nil, false
	}
	n := elementLength(raw)
	if n == 0 || len(bytes.Trim(raw[n:], "\x00")) > 0 {
		return nil, false
	}
	return raw[:n], true
}
