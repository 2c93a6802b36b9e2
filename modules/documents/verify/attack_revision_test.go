package verify_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/pdffile"
	"townhall/modules/documents/verify"
)

// grow appends a revision in exactly the form that we write, with objects of the attacker's choice.
func grow(t testing.TB, file []byte, objects map[int]string) []byte {
	t.Helper()
	f := got(pdffile.Open(file))(t)
	revs := f.Revisions()
	last := revs[len(revs)-1]
	size := last.Trailer["Size"].(int)
	out := bytes.Clone(file)
	numbers := slices.Sorted(maps.Keys(objects))
	var table strings.Builder
	for _, n := range numbers {
		fmt.Fprintf(&table, "%d 1\n%010d 00000 n \n", n, len(out))
		out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", n, objects[n])
		size = max(size, n+1)
	}
	start := len(out)
	id := last.Trailer["ID"].([]any)
	return fmt.Appendf(out, "xref\n%strailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%x><%x>]/Prev %d>>\nstartxref\n%d\n%%%%EOF\n", table.String(), size, last.Trailer["Root"],
		last.Trailer["Info"], id[0].(pdffile.String).Bytes, id[1].(pdffile.String).Bytes, last.XRef, start)
}

// anatomy is what an attacker knows about a file.
type anatomy struct {
	*pdffile.File
	root, size, page, seal, stamp int
}

func dissect(t testing.TB, file []byte) anatomy {
	t.Helper()
	f := got(pdffile.Open(file))(t)
	a := anatomy{File: f, root: int(f.Trailer["Root"].(pdffile.Ref)), size: f.Trailer["Size"].(int)}
	catalog := f.Dict(f.Trailer["Root"])
	fields := f.Dict(catalog["AcroForm"])["Fields"].([]any)
	a.seal = int(fields[0].(pdffile.Ref))
	if len(fields) > 1 {
		a.stamp = int(fields[1].(pdffile.Ref))
	}
	if kids, ok := f.Dict(catalog["Pages"])["Kids"].([]any); ok {
		a.page = int(kids[0].(pdffile.Ref))
	}
	return a
}

// text is an object as it is written.
func (a anatomy) text(n int) string {
	o, _ := a.Object(n)
	return string(a.Raw(o.From, o.To))
}

// with is an object with something more in its dictionary.
func (a anatomy) with(n int, more string) string {
	return strings.TrimSuffix(a.text(n), ">>") + more + ">>"
}

func (a anatomy) replaced(t testing.TB, n int, old, new string) string {
	t.Helper()
	s := strings.Replace(a.text(n), old, new, 1)
	if s == a.text(n) {
		t.Fatalf("%q is not in object %d: %s", old, n, s)
	}
	return s
}

const (
	newField = "<</Type/Annot/Subtype/Widget/FT/Sig/T(More)/F 132/Rect[0 0 0 0]/V %d 0 R>>"
	emptyDTS = "<</Type/DocTimeStamp/Filter/Adobe.PPKLite/SubFilter/ETSI.RFC3161/ByteRange[0 1 2 3]/Contents<00>>>"
)

// What the studies of incremental attacks describe (Mladenov et al., "Shadow Attacks"; "PDF Insecurity"), each in the
// strictest form: the revision parses, its objects are in order, and the digest of the sealed revision still matches.
func TestALaterRevisionMayOnlyProveForLonger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, level := range []string{"B-B", "B-T", "B-LT", "B-LTA"} {
		file := w.document(level)
		a := dissect(t, file)
		n := a.size
		js := "<</S/JavaScript/JS(app.alert)>>"
		root := func(more string) map[int]string { return map[int]string{a.root: a.with(a.root, more)} }
		fields := func(more string) string { return a.replaced(t, a.root, "]/SigFlags", more+"]/SigFlags") }
		attacks := map[string]map[int]string{
			"other content":             {a.page: a.replaced(t, a.page, "/Contents ", "/Contents "+fmt.Sprint(n)+" 0 R/Was "), n: "<</Length 2>>\nstream\nq \nendstream"},
			"a page object anew":        {a.page: a.text(a.page)},
			"an annotation":             {a.page: a.replaced(t, a.page, "/Annots[", fmt.Sprintf("/Annots[%d 0 R ", n)), n: "<</Type/Annot/Subtype/FreeText/Rect[0 0 600 800]/Contents(paid)>>"},
			"a script at the opening":   root("/OpenAction" + js),
			"additional actions":        root("/AA<</WC" + js + ">>"),
			"other pages":               {a.root: a.replaced(t, a.root, "/Pages ", fmt.Sprintf("/Pages %d 0 R/Was ", n)), n: "<</Type/Pages/Count 0/Kids[]>>"},
			"another structure":         {a.root: a.replaced(t, a.root, "/StructTreeRoot ", fmt.Sprintf("/StructTreeRoot %d 0 R/Was ", n)), n: "<</Type/StructTreeRoot>>"},
			"an optional content group": {a.root: a.with(a.root, fmt.Sprintf("/OCProperties<</OCGs[%d 0 R]/D<<>>>>", n)), n: "<</Type/OCG/Name(x)>>"},
			"another language":          {a.root: a.replaced(t, a.root, "/Lang(en)", "/Lang(ru)")},
			"a form that is drawn anew": {a.root: a.replaced(t, a.root, "/SigFlags 3", "/SigFlags 3/NeedAppearances true")},
			"no signature flags":        {a.root: a.replaced(t, a.root, "/SigFlags 3", "/SigFlags 0")},
			"an XFA form":               {a.root: a.replaced(t, a.root, "/SigFlags 3", fmt.Sprintf("/SigFlags 3/XFA %d 0 R", n)), n: "<</Length 1>>\nstream\nx\nendstream"},
			"no fields":                 {a.root: a.replaced(t, a.root, "/Fields[", "/Fields[]/Was[")},
			"another information":       {int(a.Trailer["Info"].(pdffile.Ref)): "<</Keywords(RC-0000-0000-0000-0000)>>"},
			"another value of the seal": {a.seal: strings.Replace(a.text(a.seal), "/V ", fmt.Sprintf("/V %d 0 R/Was ", n), 1), n: emptyDTS},
			"the seal's look":           {a.seal: a.with(a.seal, "/MK<<>>")},
			"an object nobody names":    {n: "(hidden)"},
			"a text field":              {a.root: fields(fmt.Sprintf(" %d 0 R", n)), n: "<</FT/Tx/T(More)/V(paid)>>"},
			"a field without a value":   {a.root: fields(fmt.Sprintf(" %d 0 R", n)), n: "<</Type/Annot/Subtype/Widget/FT/Sig/T(More)/F 132/Rect[0 0 0 0]>>"},
			"a field that is seen":      {a.root: fields(fmt.Sprintf(" %d 0 R", n)), n: strings.Replace(fmt.Sprintf(newField, n+1), "0 0 0 0", "0 0 600 800", 1), n + 1: emptyDTS},
			"a field with actions":      {a.root: fields(fmt.Sprintf(" %d 0 R", n)), n: strings.Replace(fmt.Sprintf(newField, n+1), "/F 132", "/F 132/AA<<>>", 1), n + 1: emptyDTS},
			"a second approval":         {a.root: fields(fmt.Sprintf(" %d 0 R", n)), n: fmt.Sprintf(newField, n+1), n + 1: "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/ByteRange[0 1 2 3]/Contents<00>>>"},
			"an empty timestamp":        {a.root: fields(fmt.Sprintf(" %d 0 R", n)), n: fmt.Sprintf(newField, n+1), n + 1: emptyDTS},
			"two fields":                {a.root: fields(fmt.Sprintf(" %d 0 R %d 0 R", n, n+2)), n: fmt.Sprintf(newField, n+1), n + 1: emptyDTS, n + 2: fmt.Sprintf(newField, n+1)},
			"data that is no list":      {a.root: withStore(a, n), n: fmt.Sprintf("<</Type/DSS/CRLs[%d 0 R]>>", n+1), n + 1: "<</Length 6>>\nstream\nhidden\nendstream"},
			"a page as a certificate":   {a.root: withStore(a, n), n: fmt.Sprintf("<</Type/DSS/Certs[%d 0 R]>>", a.page)},
			"a store with more":         {a.root: withStore(a, n), n: "<</Type/DSS/VRI<<>>>>"},
			"a store of the page":       {a.root: withStore(a, a.page)},
		}
		if a.stamp > 0 {
			attacks["the timestamp's field anew"] = map[int]string{a.stamp: strings.Replace(a.text(a.stamp), "/V ", fmt.Sprintf("/V %d 0 R/Was ", n), 1), n: emptyDTS}
		}
		for name, objects := range attacks {
			forged := grow(t, file, objects)
			if _, err := pdffile.Open(forged); err != nil {
				t.Errorf("%s: the reader refuses it already, so the verifier is not tested", name)
			}
			if r := w.verify(forged); r.State != verify.Altered || !slices.Equal(r.Reasons, []string{verify.ReasonAppended}) || r.Number != "" || r.Level != "" {
				t.Errorf("%s, %s: %+v", level, name, r)
			}
		}
	}
}

// withStore is the catalog with another security store.
func withStore(a anatomy, n int) string { return storeIn(a.text(a.root), n) }

func storeIn(s string, n int) string {
	if from, to, ok := pdffile.Entry([]byte(s), "DSS"); ok {
		return fmt.Sprintf("%s%d 0 R%s", s[:from], n, s[to:])
	}
	return strings.TrimSuffix(s, ">>") + fmt.Sprintf("/DSS %d 0 R>>", n)
}

// stamped is grow with a document timestamp as object n, by an authority that is trusted and over everything.
func stamped(t testing.TB, w *world, file []byte, objects map[int]string, n int, dts string) []byte {
	t.Helper()
	const wide = "[0 0000000 0000000 0000000]"
	dts = strings.Replace(dts, "[0 1 2 3]", wide, 1)
	objects = maps.Clone(objects)
	objects[n] = strings.Replace(dts, "<00>", "<"+strings.Repeat("0", 2*tokenRoom)+">", 1)
	out := grow(t, file, objects)
	all := gaps(t, out)
	g := all[len(all)-1]
	at := bytes.LastIndex(out, []byte(wide))
	copy(out[at:], fmt.Sprintf("[0 %-7d %-7d %-7d]", g[0], g[1], len(out)-g[1]))
	h := sha256.New()
	h.Write(out[:g[0]])
	h.Write(out[g[1]:])
	hex.Encode(out[g[0]+1:], w.token(w.tsa, h.Sum(nil), w.now))
	return out
}

// Everything about these is as it should be, the timestamp above all, but for one thing.
func TestAGoodTimestampMustStandInAFieldThatIsNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-LT")
	a := dissect(t, file)
	n := a.size
	root := a.replaced(t, a.root, "]/SigFlags", fmt.Sprintf(" %d 0 R]/SigFlags", n))
	field := fmt.Sprintf(newField, n+1)
	sed := func(s, old, new string) string { return strings.Replace(s, old, new, 1) }
	for name, c := range map[string]struct {
		root, field, dts string
		more             map[int]string
		valid            bool
	}{
		"the honest one":          {root, field, emptyDTS, nil, true},
		"actions":                 {root, sed(field, "/F 132", "/F 132/AA<<>>"), emptyDTS, nil, false},
		"a look":                  {root, sed(field, "/F 132", "/F 132/AP<<>>"), emptyDTS, nil, false},
		"a page":                  {root, sed(field, "/F 132", fmt.Sprintf("/F 132/P %d 0 R", a.page)), emptyDTS, nil, false},
		"other flags":             {root, sed(field, "/F 132", "/F 4"), emptyDTS, nil, false},
		"an area":                 {root, sed(field, "0 0 0 0", "0 0 99 99"), emptyDTS, nil, false},
		"no name":                 {root, sed(field, "/T(More)", ""), emptyDTS, nil, false},
		"the seal's own name":     {root, sed(field, "/T(More)", "/T(Seal)"), emptyDTS, nil, false},
		"it in other letters":     {root, sed(field, "/T(More)", "/T<feff005300650061006c>"), emptyDTS, nil, false},
		"a part of the seal":      {root, sed(field, "/T(More)", "/T(Seal.More)"), emptyDTS, nil, false},
		"a certification":         {root, field, sed(emptyDTS, "/Type", "/Reference[]/Type"), nil, false},
		"another type":            {root, field, sed(emptyDTS, "DocTimeStamp", "Sig"), nil, false},
		"another filter":          {root, field, sed(emptyDTS, "Adobe.PPKLite", "Entrust.PPKEF"), nil, false},
		"another sub-filter":      {root, field, sed(emptyDTS, "ETSI.RFC3161", "adbe.pkcs7.detached"), nil, false},
		"contents elsewhere":      {root, field, sed(emptyDTS, "/Contents<00>", "/Contents<3000>/Decoy<00>"), nil, false},
		"the form drawn anew":     {sed(root, "/SigFlags 3", "/SigFlags 3/NeedAppearances true"), field, emptyDTS, nil, false},
		"other signature flags":   {sed(root, "/SigFlags 3", "/SigFlags 1"), field, emptyDTS, nil, false},
		"a script":                {sed(root, "/Type/Catalog", "/Type/Catalog/OpenAction<<>>"), field, emptyDTS, nil, false},
		"no language":             {sed(root, "/Lang(en)", ""), field, emptyDTS, nil, false},
		"the seal's field anew":   {root, field, emptyDTS, map[int]string{a.seal: a.text(a.seal)}, false},
		"the page anew":           {root, field, emptyDTS, map[int]string{a.page: a.text(a.page)}, false},
		"an object more":          {root, field, emptyDTS, map[int]string{n + 2: "(hidden)"}, false},
		"the fields in new order": {a.replaced(t, a.root, fmt.Sprintf("[%d 0 R]/SigFlags", a.seal), fmt.Sprintf("[%d 0 R %d 0 R]/SigFlags", n, a.seal)), field, emptyDTS, nil, false},
		"a store of another kind": {sed(root, "/DSS ", fmt.Sprintf("/DSS %d 0 R/Was ", n+2)), field, emptyDTS, map[int]string{n + 2: "<</Type/DSS>>"}, false},
		"more in a list":          {storeIn(root, n+2), field, emptyDTS, map[int]string{n + 2: a.with(int(a.Dict(a.Trailer["Root"])["DSS"].(pdffile.Ref)), fmt.Sprintf("/VRI %d 0 R", n))}, false},
		"a store as it was":       {storeIn(root, n+2), field, emptyDTS, map[int]string{n + 2: a.text(int(a.Dict(a.Trailer["Root"])["DSS"].(pdffile.Ref)))}, true},
	} {
		objects := map[int]string{a.root: c.root, n: c.field}
		maps.Copy(objects, c.more)
		r := w.verify(stamped(t, w, file, objects, n+1, c.dts))
		if c.valid && (r.State != verify.Valid || r.Level != "B-LTA") {
			t.Errorf("%s: %+v", name, r)
		}
		if !c.valid {
			refused(t, name, r, verify.Altered, verify.ReasonAppended)
		}
	}
	// The field that was made for it, with something more.
	bare := w.sealed("B-LTA", func(d []byte) []byte { return w.token(w.tsa, d, w.now) }).Bytes
	a = dissect(t, bare)
	for more, valid := range map[string]bool{"": true, "/AA<<>>": false, "/MK<<>>": false} {
		r := w.verify(stamped(t, w, bare, map[int]string{a.stamp: a.with(a.stamp, fmt.Sprintf("/V %d 0 R", a.size)+more)}, a.size, emptyDTS))
		if (r.State == verify.Valid) != valid {
			t.Errorf("%q: %+v", more, r)
		}
	}
	if r := w.verify(stamped(t, w, bare, map[int]string{a.stamp: strings.Replace(a.with(a.stamp, fmt.Sprintf("/V %d 0 R", a.size)), "0 0 0 0", "0 0 9 9", 1)}, a.size, emptyDTS)); r.State == verify.Valid {
		t.Errorf("an area: %+v", r)
	}
}

// A timestamp of an authority that we trust does not make a change good.
func TestATimestampOverAForgedRevisionProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := dissect(t, w.document("B-LT"))
	forged := grow(t, w.document("B-LT"), map[int]string{a.page: a.text(a.page)})
	if r := w.verify(w.renew(forged, w.tsa, w.now)); r.State != verify.Altered || !slices.Equal(r.Reasons, []string{verify.ReasonAppended}) {
		t.Errorf("%+v", r)
	}
}

// A range that leaves something out is not a timestamp of the file, even where its token fits the range.
func TestADocumentTimestampCoversEverythingBeforeIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-LTA")
	gap := gaps(t, file)[1]
	at := bytes.LastIndex(file, []byte("/ByteRange[0 ")) + len("/ByteRange[0 ")
	for name, r := range map[string][3]int{
		"short":        {gap[0], gap[1], len(file) - gap[1] - 7},
		"late":         {gap[0] - 10, gap[1], len(file) - gap[1]},
		"wide":         {gap[0], gap[1] + 10, len(file) - gap[1] - 10},
		"the seal's":   {gaps(t, file)[0][0], gaps(t, file)[0][1], len(file) - gaps(t, file)[0][1]},
		"beyond":       {gap[0], gap[1], len(file)},
		"of fragments": {0, gap[1], len(file) - gap[1]},
	} {
		forged := bytes.Clone(file)
		copy(forged[at:at+32], fmt.Appendf(nil, "%-32s", fmt.Sprintf("%d %d %d", r[0], r[1], r[2])))
		h := sha256.New()
		h.Write(forged[:r[0]])
		h.Write(forged[r[1]:min(len(forged), r[1]+r[2])])
		place := forged[gap[0]+1 : gap[1]-1]
		copy(place, bytes.Repeat([]byte("0"), len(place)))
		hex.Encode(place, w.token(w.tsa, h.Sum(nil), w.now))
		if r := w.verify(forged); r.State != verify.Altered || !slices.Contains(r.Reasons, verify.ReasonAppended) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestMoreValidationDataBehindATimestampIsNoFault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-LTA")
	a := dissect(t, file)
	store := a.Dict(a.Dict(a.Trailer["Root"])["DSS"])
	refs := func(key string, more string) string {
		var b strings.Builder
		for _, r := range store[key].([]any) {
			fmt.Fprintf(&b, "%d 0 R ", r)
		}
		return "/" + key + "[" + b.String() + more + "]"
	}
	list := w.crl(w.root, nil, w.now.Add(time.Hour))
	stream := fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(list), list)
	more := grow(t, file, map[int]string{a.root: withStore(a, a.size), a.size: "<</Type/DSS" + refs("Certs", "") + refs("OCSPs", "") + refs("CRLs", fmt.Sprintf("%d 0 R", a.size+1)) + ">>", a.size + 1: stream})
	if r := w.verify(more); r.State != verify.Valid || r.Level != "B-LTA" {
		t.Errorf("one list more: %+v", r)
	}
	less := grow(t, file, map[int]string{a.root: withStore(a, a.size), a.size: "<</Type/DSS" + refs("Certs", "") + refs("OCSPs", "") + ">>"})
	if r := w.verify(less); r.State != verify.Altered || !slices.Equal(r.Reasons, []string{verify.ReasonAppended}) {
		t.Errorf("without its lists: %+v", r)
	}
}

// A sealed reference that leads nowhere must not be given a target by a later revision.
func TestNothingSealedMayLeadToWhatWasAdded(t *testing.T) {
	t.Parallel()
	sealer, trust := authority(t)
	for name, c := range map[string]struct {
		catalog string
		valid   bool
	}{
		"nothing dangles":         {catalog, true},
		"an outline that dangles": {strings.Replace(catalog, "/Type/Catalog", "/Type/Catalog/Outlines 5 0 R", 1), false},
		"a name in a form":        {strings.Replace(catalog, "/SigFlags 3", "/SigFlags 3/DR 5 0 R", 1), false},
		"another that dangles":    {strings.Replace(catalog, "/Type/Catalog", "/Type/Catalog/Outlines 9 0 R", 1), false},
	} {
		f := honest()
		f.objects = slices.Clone(f.objects)
		f.objects[0] = c.catalog
		f.trailer = "<</Size 5/Root 1 0 R/Info 4 0 R/ID[<00><00>]>>"
		file := f.seal(t, sealer, nil)
		if r := verify.Verify(file, trust, verify.Options{}); r.State != verify.Valid {
			t.Fatalf("%s, sealed: %+v", name, r)
		}
		a := dissect(t, file)
		r := verify.Verify(grow(t, file, map[int]string{1: a.with(1, "/DSS 5 0 R"), 5: "<</Type/DSS>>"}), trust, verify.Options{})
		if (r.State == verify.Valid) != c.valid {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestAnEntryOfTheStoreIsNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-T")
	a := dissect(t, file)
	list := w.crl(w.root, nil, w.now)
	for more, valid := range map[string]bool{"": true, "/Type/XObject": false, "/F(other.crl)": false} {
		r := w.verify(grow(t, file, map[int]string{a.root: withStore(a, a.size), a.size: fmt.Sprintf("<</Type/DSS/CRLs[%d 0 R]>>", a.size+1), a.size + 1: fmt.Sprintf("<</Length %d%s>>\nstream\n%s\nendstream", len(list), more, list)}))
		if (r.State == verify.Valid) != valid {
			t.Errorf("%q: %+v", more, r)
		}
	}
}

// What a document timestamp does not cover does not make a file B-LTA.
func TestValidationDataBehindTheTimestampIsNotProvenByIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bare := w.sealed("B-LTA", func(d []byte) []byte { return w.token(w.tsa, d, w.now) }).Bytes
	a := dissect(t, bare)
	file := stamped(t, w, bare, map[int]string{a.stamp: a.with(a.stamp, fmt.Sprintf("/V %d 0 R", a.size))}, a.size, emptyDTS)
	file = got(got(pdf.Reopen(file))(t).Extend(w.validation(), 0))(t).Bytes()
	if r := w.verify(file); r.State != verify.Valid || r.Level != "B-LT" || r.Renew.IsZero() {
		t.Errorf("%+v", r)
	}
	if r := w.verify(w.renew(file, w.tsa, w.now)); r.State != verify.Valid || r.Level != "B-LTA" {
		t.Errorf("stamped again: %+v", r)
	}
}

func TestAStoreOfThousandsOfEntriesIsNotRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-T")
	a := dissect(t, file)
	one := w.crl(w.root, nil, w.now)
	objects := map[int]string{a.root: withStore(a, a.size)}
	var refs strings.Builder
	for i := range 1100 {
		list := bytes.Clone(one)
		list[len(list)-1], list[len(list)-2] = byte(i), byte(i>>8) // of the signature, which is not looked at yet
		objects[a.size+1+i] = fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(list), list)
		fmt.Fprintf(&refs, "%d 0 R ", a.size+1+i)
	}
	objects[a.size] = "<</Type/DSS/CRLs[" + refs.String() + "]>>"
	refused(t, "thousands", w.verify(grow(t, file, objects)), verify.Altered, verify.ReasonAppended)
}
