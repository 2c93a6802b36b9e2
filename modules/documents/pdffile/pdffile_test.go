package pdffile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// revision is what a file or an increment is made of, with room for every lie.
type revision struct {
	objects map[int]string
	extra   string                           // between the last object and the table
	table   func(normal string) string       // the cross-reference section
	trailer func(normal string) string       // the dictionary
	end     func(start int, n string) string // what follows the trailer
}

func build(revs ...revision) []byte {
	out := []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	prev, size := 0, 1
	for k, r := range revs {
		var numbers []int
		for n := range r.objects {
			numbers = append(numbers, n)
			size = max(size, n+1)
		}
		slices.Sort(numbers)
		var table strings.Builder
		table.WriteString("xref\n")
		if k == 0 {
			fmt.Fprintf(&table, "0 %d\n0000000000 65535 f \n", size)
		}
		for _, n := range numbers {
			if k > 0 {
				fmt.Fprintf(&table, "%d 1\n", n)
			}
			fmt.Fprintf(&table, "%010d 00000 n \n", len(out))
			out = fmt.Appendf(out, "%d 0 obj\n%s\nendobj\n", n, r.objects[n])
		}
		out = append(out, r.extra...)
		start := len(out)
		trailer := fmt.Sprintf("<</Size %d/Root 1 0 R", size)
		if k > 0 {
			trailer += fmt.Sprintf("/Prev %d", prev)
		}
		text, dict, end := table.String(), trailer+">>", fmt.Sprintf("startxref\n%d\n%%%%EOF\n", start)
		if r.table != nil {
			text = r.table(text)
		}
		if r.trailer != nil {
			dict = r.trailer(dict)
		}
		if r.end != nil {
			end = r.end(start, end)
		}
		out = append(out, text+"trailer\n"+dict+"\n"+end...)
		prev = start
	}
	return out
}

func first() revision {
	return revision{objects: map[int]string{1: "<</Type/Catalog/Pages 2 0 R/Size 1.5>>", 2: "<</Kids[]/T(a\\(b\\))/H<00ff>>>", 3: "<</Length 6>>\nstream\nendobj\nendstream"}}
}

func second() revision {
	return revision{objects: map[int]string{2: "<</Kids[4 0 R]>>", 4: "<</Length 3>>\nstream\nabc\nendstream"}}
}

func TestEachRevisionIsFoundAndLookedAtForItself(t *testing.T) {
	t.Parallel()
	third := revision{objects: map[int]string{5: "(x)"}}
	b := build(first(), second(), third)
	f, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	revs := f.Revisions()
	if len(revs) != 3 || revs[0].From != 0 || revs[2].To != len(b) || revs[0].To != revs[1].From || revs[1].To != revs[2].From || !slices.Equal(revs[1].Changed, []int{2, 4}) {
		t.Fatalf("%+v", revs)
	}
	if kids := f.Dict(Ref(2))["Kids"].([]any); len(kids) != 1 {
		t.Error("the newest object is not seen")
	}
	old := f.As(0)
	if kids := old.Dict(Ref(2))["Kids"].([]any); len(kids) != 0 || old.Resolve(Ref(4)) != nil {
		t.Error("the older revision is not seen as it was")
	}
	if o, ok := f.Object(4); !ok || string(o.Stream) != "abc" || string(f.Raw(o.From, o.To)) != "<</Length 3>>" {
		t.Errorf("%+v", o)
	}
	if o, ok := f.Object(3); !ok || string(o.Stream) != "endobj" {
		t.Errorf("%+v", o)
	}
	seen := 0
	if !f.Reach(f.Trailer["Root"], func(int, Object) bool { seen++; return true }) || seen != 3 {
		t.Errorf("%d objects are reached", seen)
	}
	for i := range revs {
		if _, err := Open(b[:revs[i].To]); err != nil {
			t.Errorf("revision %d alone: %v", i, err)
		}
	}
}

// lies are files with more than one reading, each made from an honest one.
func lies() map[string][]byte {
	with := func(change func(*revision)) []byte { r := second(); change(&r); return build(first(), r) }
	table := func(old, new string) []byte {
		return with(func(r *revision) { r.table = func(s string) string { return strings.Replace(s, old, new, 1) } })
	}
	trailer := func(old, new string) []byte {
		return with(func(r *revision) { r.trailer = func(s string) string { return strings.Replace(s, old, new, 1) } })
	}
	honest := build(first(), second())
	one := build(first())
	many := []revision{first()}
	for range MaxRevisions {
		many = append(many, revision{objects: map[int]string{5: "1"}})
	}
	return map[string][]byte{
		"nothing":                        nil,
		"a gap between objects":          with(func(r *revision) { r.extra = "7 0 obj\n(hidden)\nendobj\n" }),
		"a comment":                      with(func(r *revision) { r.extra = "% hidden\n" }),
		"a blank line":                   with(func(r *revision) { r.extra = "\n" }),
		"an object without end":          with(func(r *revision) { r.objects[4] = "(x" }),
		"a stream longer than it says":   with(func(r *revision) { r.objects[4] = "<</Length 2>>\nstream\nabc\nendstream" }),
		"a stream without a length":      with(func(r *revision) { r.objects[4] = "<<>>\nstream\nabc\nendstream" }),
		"a stream beyond the file":       with(func(r *revision) { r.objects[4] = "<</Length 99999>>\nstream\nabc\nendstream" }),
		"a negative length":              with(func(r *revision) { r.objects[4] = "<</Length -3>>\nstream\nabc\nendstream" }),
		"a key twice":                    with(func(r *revision) { r.objects[2] = "<</A 1/A 2>>" }),
		"a key in disguise":              with(func(r *revision) { r.objects[2] = "<</#41 1>>" }),
		"an octal escape":                with(func(r *revision) { r.objects[2] = `(\101)` }),
		"a number of forty digits":       with(func(r *revision) { r.objects[2] = strings.Repeat("1", 40) }),
		"sub-sections that fall":         with(func(r *revision) { r.table = fallingTable }),
		"an entry twice":                 table("2 1\n", "2 1\n0000000015 00000 n \n2 1\n"),
		"an empty sub-section":           table("2 1\n", "1 0\n2 1\n"),
		"a free entry":                   table(" 00000 n ", " 00000 f "),
		"a free entry more":              table("xref\n", "xref\n0 1\n0000000000 65535 f \n"),
		"another generation":             table(" 00000 n ", " 00001 n "),
		"an object of an older revision": table("2 1\n", "1 1\n0000000015 00000 n \n2 1\n"),
		"an object behind the table":     table("4 1\n", "4 1\n0000009999 00000 n \n9 1\n"),
		"a number with a leading zero":   table("2 1\n", "02 1\n"),
		"more spaces":                    table("2 1\n", "2  1\n"),
		"a huge count":                   table("2 1\n", "2 99999999999\n"),
		"another root":                   trailer("/Root 1 0 R", "/Root 2 0 R"),
		"a direct root":                  trailer("/Root 1 0 R", "/Root<<>>"),
		"an information that was not":    trailer("/Root", "/Info 2 0 R/Root"),
		"an unknown key":                 trailer("/Root", "/Evil 1/Root"),
		"encryption":                     trailer("/Root", "/Encrypt 2 0 R/Root"),
		"a cross-reference stream":       trailer("/Root", "/XRefStm 15/Root"),
		"a wrong size":                   trailer("/Size 5", "/Size 6"),
		"a size that shrinks":            trailer("/Size 5", "/Size 4"),
		"a previous that is itself":      bytes.Replace(honest, []byte("/Prev "), []byte("/Prev 9"), 1),
		"a previous of zero":             trailer("/Prev ", "/Prev 0 /Was "),
		"a negative previous":            trailer("/Prev ", "/Prev -"),
		"a previous in the air":          trailer("/Prev ", "/Prev 20 /Was "),
		"a real previous":                trailer("/Prev ", "/Prev 1.5/Was "),
		"two trailers":                   with(func(r *revision) { r.end = func(_ int, n string) string { return "trailer\n<</Root 2 0 R>>\n" + n } }),
		"a wrong start": with(func(r *revision) {
			r.end = func(at int, _ string) string { return fmt.Sprintf("startxref\n%d\n%%%%EOF\n", at+1) }
		}),
		"a start with a plus": with(func(r *revision) {
			r.end = func(at int, _ string) string { return fmt.Sprintf("startxref\n+%d\n%%%%EOF\n", at) }
		}),
		"no line end":                  honest[:len(honest)-1],
		"more line ends":               append(bytes.Clone(honest), '\n'),
		"bytes between revisions":      slices.Concat(one, []byte("\n"), honest[len(one):]),
		"an older end that is missing": bytes.Replace(honest, []byte("%%EOF\n"), []byte("%%EOX\n"), 1),
		"too many revisions":           build(many...),
		"object zero":                  with(func(r *revision) { r.objects[0] = "(x)" }),
		"a second table at once":       bytes.Replace(one, []byte("trailer"), []byte("7 1\n0000000015 00000 n \ntrailer"), 1),
		"a table that begins at one":   bytes.Replace(one, []byte("xref\n0 4\n0000000000 65535 f \n"), []byte("xref\n1 3\n"), 1),
	}
}

func fallingTable(s string) string {
	i := strings.Index(s, "4 1\n")
	return "xref\n" + s[i:] + s[len("xref\n"):i]
}

func TestWhatHasMoreThanOneReadingIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Open(build(first(), second())); err != nil {
		t.Fatal("the honest file is refused")
	}
	for name, b := range lies() {
		if f, err := Open(b); err == nil {
			t.Errorf("%s: %+v", name, f.Revisions())
		}
	}
}

func TestReadingEndsSoon(t *testing.T) {
	t.Parallel()
	deep := build(revision{objects: map[int]string{1: strings.Repeat("[", 100_000)}})
	if f, err := Open(deep); err == nil && f.Resolve(Ref(1)) != nil {
		t.Error("an array without bottom is read")
	}
	wide := build(revision{objects: map[int]string{1: "[" + strings.Repeat("0 ", maxValues+1) + "]"}})
	if f, err := Open(wide); err == nil && f.Resolve(Ref(1)) != nil {
		t.Error("an array without end is read")
	}
	f, err := Open(build(revision{objects: map[int]string{1: "(" + strings.Repeat("x", 100_000) + ")"}}))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for range 1000 {
		if f.Resolve(Ref(1)) != nil {
			read++
		}
	}
	if read > 20 {
		t.Errorf("one object was read %d times", read)
	}
	if f, err = Open(build(revision{objects: map[int]string{1: "[" + strings.Repeat("0 ", 200_000) + "]"}})); err != nil {
		t.Fatal(err)
	}
	read = 0
	for range 5 {
		if f.Resolve(Ref(1)) != nil {
			read++
		}
	}
	if read < 1 || read > 2 {
		t.Errorf("an object of tiny values, which is more work than its bytes, was read %d times", read)
	}
	loop, err := Open(build(revision{objects: map[int]string{1: "2 0 R", 2: "[1 0 R 2 0 R]"}}))
	if err != nil || !loop.Reach(Ref(1), func(int, Object) bool { return true }) {
		t.Error("objects that name each other")
	}
}

func TestAnEntryIsFoundInTheTextOfADictionary(t *testing.T) {
	t.Parallel()
	const d = "<</A<</DSS 1 0 R>>/B(/DSS 2 0 R)/DSS 3 0 R/C 4>>"
	from, to, ok := Entry([]byte(d), "DSS")
	if !ok || d[from:to] != "3 0 R" {
		t.Errorf("%q", d[from:to])
	}
	for _, s := range []string{"", "<<", "<</A", "<</A 1", "[/DSS]", "<</A 1>>", "<<1>>"} {
		if _, _, ok := Entry([]byte(s), "DSS"); ok {
			t.Errorf("found in %q", s)
		}
	}
}

// FuzzOpen: whatever is opened has revisions that cover it without a gap, and is read in bounded time without a panic.
func FuzzOpen(f *testing.F) {
	f.Add(build(first()))
	f.Add(build(first(), second()))
	f.Add(build(first(), second(), revision{objects: map[int]string{5: "[1 0 R true false null -1.5 /N <aa> (b)]"}}))
	for _, b := range lies() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Open(b)
		if err != nil {
			return
		}
		at := 0
		for i, r := range file.Revisions() {
			if r.From != at || r.To <= r.XRef || r.XRef < r.From {
				t.Fatalf("revision %d is %d to %d, the last ended at %d", i, r.From, r.To, at)
			}
			at = r.To
			old := file.As(i)
			old.Reach(old.Trailer, func(n int, o Object) bool {
				if o.From > o.To || o.To > len(b) {
					t.Fatalf("object %d is %d to %d", n, o.From, o.To)
				}
				Entry(old.Raw(o.From, o.To), "DSS")
				return Same(o.Value, o.Value)
			})
		}
		if at != len(b) {
			t.Fatalf("%d of %d bytes belong to a revision", at, len(b))
		}
	})
}

// Each sub-section is looked for by halving: a stranger's file may have as many as there may be objects.
func TestAnObjectIsFoundAmongVeryManySubSections(t *testing.T) {
	t.Parallel()
	more := revision{objects: map[int]string{}}
	for n := 5; n < 90_000; n += 2 {
		more.objects[n] = fmt.Sprint(n)
	}
	f, err := Open(build(first(), more))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{1, 3, 5, 7, 44_999, 89_997, 89_999} {
		if o, ok := f.Object(n); !ok || n > 3 && o.Value != any(n) {
			t.Errorf("object %d: %v", n, o.Value)
		}
	}
	for _, n := range []int{4, 6, 89_998, 90_000} {
		if _, ok := f.Object(n); ok {
			t.Errorf("object %d is there", n)
		}
	}
}
