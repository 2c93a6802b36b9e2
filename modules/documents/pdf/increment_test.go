package pdf

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"townhall/modules/documents/pdffile"
)

// issued is a document whose seal is any DER.
func issued(t testing.TB, stamp bool) *Unsigned {
	t.Helper()
	u, err := engine(t).Render(input("en"), &Slot{Reserve: 64, Name: "n", Timestamp: stamp})
	if err == nil {
		_, err = u.Seal([]byte{0x30, 2, 5, 0})
	}
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func der(n int) []byte { return []byte(fmt.Sprintf("entry %d of the store", n)) }

func data() Validation {
	return Validation{Certs: [][]byte{der(1), der(2), der(1)}, OCSPs: [][]byte{der(3)}, CRLs: [][]byte{der(4), der(4)}}
}

// store reads the security store of a file.
func store(t testing.TB, file []byte) map[string][]string {
	t.Helper()
	f, err := pdffile.Open(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, file[len(file)-1500:])
	}
	out := map[string][]string{}
	for key, v := range f.Dict(f.Dict(f.Trailer["Root"])["DSS"]) {
		refs, _ := v.([]any)
		for _, r := range refs {
			o, _ := f.Object(int(r.(pdffile.Ref)))
			out[key] = append(out[key], string(o.Stream))
		}
	}
	return out
}

func TestAnIncrementHoldsEachEntryOnceAndChangesNothingElse(t *testing.T) {
	t.Parallel()
	for _, reserve := range []int{0, 100} {
		u := issued(t, reserve > 0)
		before := bytes.Clone(u.Bytes)
		i, err := u.Extend(data(), reserve)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(i.Bytes(), before) {
			t.Fatal("the sealed revision is not as it was")
		}
		s := store(t, i.Bytes())
		if len(s["Certs"]) != 2 || len(s["OCSPs"]) != 1 || len(s["CRLs"]) != 1 || s["Certs"][1] != string(der(2)) || s["CRLs"][0] != string(der(4)) {
			t.Errorf("reserve %d: %v", reserve, s)
		}
		f, err := pdffile.Open(i.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range f.Revisions()[1].Changed {
			if n < f.Revisions()[0].Trailer["Size"].(int) && n != u.catalog.num && (reserve == 0 || n != u.stamp.num) {
				t.Errorf("reserve %d: object %d is changed", reserve, n)
			}
		}
	}
}

func TestTheDigestIsOfAllButThePlaceOfTheToken(t *testing.T) {
	t.Parallel()
	u := issued(t, true)
	i, err := u.Extend(data(), 100)
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(append(bytes.Clone(i.b[:i.gap[0]]), i.b[i.gap[1]:]...))
	for range 2 {
		if got, err := i.Digest(); err != nil || !bytes.Equal(got, want[:]) {
			t.Errorf("%x, %v", got, err)
		}
	}
	if _, err := i.Seal(make([]byte, 101)); err == nil {
		t.Error("a token that is too large is taken")
	}
	file, err := i.Seal([]byte{0x30, 0})
	if err != nil || !bytes.Contains(file[i.gap[0]:], []byte("<30000")) {
		t.Error(err)
	}
	f, err := pdffile.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	d := f.Dict(f.Dict(pdffile.Ref(u.stamp.num))["V"])
	r := d["ByteRange"].([]any)
	if r[0] != any(0) || r[1] != any(i.gap[0]) || r[2] != any(i.gap[1]) || r[3] != any(len(file)-i.gap[1]) || d["Type"] != any(pdffile.Name("DocTimeStamp")) {
		t.Errorf("%v", d)
	}
}

func TestARenewalAddsOnlyWhatIsNewAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	u := issued(t, true)
	i, err := u.Extend(data(), 100)
	if err != nil {
		t.Fatal(err)
	}
	file, err := i.Seal([]byte{0x30, 0})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 3 {
		s, err := Reopen(file)
		if err != nil {
			t.Fatal(err)
		}
		v := data()
		v.CRLs = append(v.CRLs, der(100+k))
		if k == 2 {
			v = data() // nothing new but the timestamp
		}
		i, err := s.Extend(v, 100)
		if err != nil {
			t.Fatal(err)
		}
		old := file
		if file, err = i.Seal([]byte{0x30, 0}); err != nil || !bytes.HasPrefix(file, old) {
			t.Fatalf("%v", err)
		}
		want := min(2+k, 3)
		if got := store(t, file); len(got["CRLs"]) != want || len(got["Certs"]) != 2 || got["CRLs"][0] != string(der(4)) {
			t.Errorf("renewal %d: %v", k, got)
		}
		f, err := pdffile.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		fields := f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])["Fields"].([]any)
		if name := f.Dict(fields[len(fields)-1])["T"].(pdffile.String); len(fields) != 3+k || string(name.Bytes) != fmt.Sprintf("Timestamp%d", 2+k) {
			t.Errorf("renewal %d: field %s of %d", k, name.Bytes, len(fields))
		}
	}
	if strings.Count(string(file), string(der(1))) != 1 {
		t.Error("an entry is there twice")
	}
	s, err := Reopen(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Extend(data(), 0); err == nil {
		t.Error("an increment of nothing")
	}
}

func TestTheFirstTimestampOfAStoredFileTakesTheFieldThatWasMadeForIt(t *testing.T) {
	t.Parallel()
	u := issued(t, true)
	s, err := Reopen(bytes.Clone(u.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	i, err := s.Extend(data(), 100)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pdffile.Open(i.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if f.Dict(pdffile.Ref(u.stamp.num))["V"] == nil || len(f.Dict(f.Dict(f.Trailer["Root"])["AcroForm"])["Fields"].([]any)) != 2 {
		t.Error("another field was taken")
	}
	// The result is the same as when it is extended before it is stored.
	j, err := u.Extend(data(), 100)
	if err != nil || !bytes.Equal(i.Bytes(), j.Bytes()) {
		t.Errorf("%v", err)
	}
}

func TestAnIncrementThatCannotBeMadeIsAnError(t *testing.T) {
	t.Parallel()
	u, err := engine(t).Render(input("en"), &Slot{Reserve: 64})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Extend(data(), 0); err == nil {
		t.Error("before the seal")
	}
	if _, err := issued(t, false).Extend(data(), 100); err == nil {
		t.Error("a timestamp without its field")
	}
	if _, err := issued(t, true).Extend(Validation{}, 0); err == nil {
		t.Error("an increment of nothing")
	}
	u = issued(t, true)
	i, err := u.Extend(data(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.Digest(); err == nil {
		t.Error("a digest without a timestamp")
	}
	if _, err := i.Seal([]byte{1}); err == nil {
		t.Error("a token without its place")
	}
	if _, err := u.Extend(data(), 0); err == nil {
		t.Error("extended twice")
	}
	for name, b := range map[string][]byte{"nothing": nil, "no PDF": []byte("hello"), "cut": u.Bytes[:1000]} {
		if _, err := Reopen(b); err == nil {
			t.Error(name)
		}
	}
	draft, err := engine(t).Render(input("en"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := Reopen(draft.Bytes); err == nil {
		t.Errorf("a file without fields: %v", s)
	}
}
