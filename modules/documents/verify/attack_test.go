package verify_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// forgery is a small PDF put together by hand, with room for every lie an attacker may tell. Whoever holds a key can
// seal one, trusted or not: the structure is looked at before the question of trust.
type forgery struct {
	objects []string // bodies of objects 1, 2, …; the one that holds RANGE and GAP is the signature
	table   func(offsets []int) string
	trailer string
	behind  string // what follows %%EOF
	gap     int    // bytes of the container's place
}

const (
	catalog   = "<</Type/Catalog/AcroForm<</Fields[2 0 R]/SigFlags 3>>>>"
	field     = "<</FT/Sig/T(Seal)/V 3 0 R>>"
	signature = "<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M(D:20261122120000+00'00')/ByteRange RANGE/Contents<GAP>>>"
	info      = "<</Keywords(NW-7K4M-93Q2-TX8D-6HRW)>>"
)

func honest() forgery {
	return forgery{objects: []string{catalog, field, signature, info}, table: classic, trailer: "<</Size 5/Root 1 0 R/Info 4 0 R>>", gap: 8192}
}

// second adds a field behind the seal's.
func (f *forgery) second(field string) {
	f.objects[0] = strings.Replace(catalog, "[2 0 R]", "[2 0 R 5 0 R]", 1)
	f.objects = append(f.objects, field)
	f.trailer = strings.Replace(f.trailer, "/Size 5", "/Size 6", 1)
}

func classic(offsets []int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	return b.String()
}

// seal writes the file and signs it. container may change the CMS on its way into the file.
func (f forgery) seal(t *testing.T, s *sign.Sealer, container func([]byte) []byte) []byte {
	t.Helper()
	const wide = "[0 0000000000 0000000000 0000000000]"
	file := []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var offsets []int
	for i, o := range f.objects {
		offsets = append(offsets, len(file))
		o = strings.Replace(o, "RANGE", wide, 1)
		o = strings.Replace(o, "GAP", strings.Repeat("0", f.gap), 1)
		file = fmt.Appendf(file, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := len(file)
	file = fmt.Appendf(file, "%strailer\n%s\nstartxref\n%d\n%%%%EOF\n", f.table(offsets), f.trailer, start)
	file = append(file, f.behind...)
	from := bytes.Index(file, []byte("<"+strings.Repeat("0", f.gap)+">"))
	to := from + f.gap + 2
	file = bytes.Replace(file, []byte(wide), fmt.Appendf(nil, "[0 %010d %010d %010d]", from, to, len(file)-to), 1)
	h := sha256.New()
	h.Write(file[:from])
	h.Write(file[to:])
	cms, err := s.CMS(t.Context(), h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	if container != nil {
		cms = container(cms)
	}
	hex.Encode(file[from+1:], cms)
	return file
}

func authority(t *testing.T) (*sign.Sealer, *verify.Trust) {
	t.Helper()
	keys, err := sign.Init(t.TempDir(), sign.InitOptions{Name: "Northwick", Country: "GB", CRLBase: "http://northwick.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := keys.Seal(kernel.Tenant{ID: "northwick", Name: kernel.Text{"en": "Northwick"}, Country: "GB", Origin: "http://northwick.localhost"}, sign.SealOptions{Level: sign.BB}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := keys.TrustBundle(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	trust, err := verify.ParseTrust(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return sealer, trust
}

// Even what a trusted key has sealed is not called valid when readers could be led past it, and nothing in it makes the
// verifier panic.
func TestASealedFileWithALyingStructureIsNotValid(t *testing.T) {
	t.Parallel()
	sealer, trust := authority(t)
	if r := verify.Verify(honest().seal(t, sealer, nil), trust, verify.Options{}); r.State != verify.Valid {
		t.Fatalf("the honest file: %+v", r)
	}
	two := honest()
	two.objects = slices.Clone(two.objects)
	two.second("<</FT/Sig/T(Timestamp)>>")
	if r := verify.Verify(two.seal(t, sealer, nil), trust, verify.Options{}); r.State != verify.Valid {
		t.Fatalf("a second field that waits for a timestamp: %+v", r)
	}
	lies := map[string]func(*forgery){
		"a negative offset": func(f *forgery) {
			f.table = func(o []int) string {
				return strings.Replace(classic(o), fmt.Sprintf("%010d 00000 n", o[0]), "-000000001 00000 n", 1)
			}
		},
		"an offset with a plus": func(f *forgery) {
			f.table = func(o []int) string {
				return strings.Replace(classic(o), fmt.Sprintf("%010d", o[0]), fmt.Sprintf("+%09d", o[0]), 1)
			}
		},
		"a generation other than 0": func(f *forgery) {
			f.table = func(o []int) string { return strings.Replace(classic(o), "00000 n", "00001 n", 1) }
		},
		"an earlier revision":           func(f *forgery) { f.trailer = "<</Size 5/Root 1 0 R/Prev 9>>" },
		"a hybrid cross-reference":      func(f *forgery) { f.trailer = "<</Size 5/Root 1 0 R/XRefStm 9>>" },
		"encryption":                    func(f *forgery) { f.trailer = "<</Size 5/Root 1 0 R/Encrypt 4 0 R>>" },
		"two roots":                     func(f *forgery) { f.trailer = "<</Size 5/Root 4 0 R/Root 1 0 R>>" },
		"a root spelled in two ways":    func(f *forgery) { f.trailer = "<</Size 5/Root 1 0 R/#52oot 4 0 R>>" },
		"no root":                       func(f *forgery) { f.trailer = "<</Size 5>>" },
		"a trailer behind the trailer":  func(f *forgery) { f.trailer += "\ntrailer\n<</Size 5/Root 4 0 R>>" },
		"a second table in the file":    func(f *forgery) { f.table = func(o []int) string { return classic(o) + "5 1\n0000000009 00000 n \n" } },
		"a table with a huge count":     func(f *forgery) { f.table = func(o []int) string { return "xref\n0 99999999999999999999\n" } },
		"a table with a negative count": func(f *forgery) { f.table = func(o []int) string { return "xref\n0 -5\n" } },
		"a table that ends early":       func(f *forgery) { f.table = func(o []int) string { return "xref\n0 90000\n0000000000 65535 f \n" } },
		"two signature fields": func(f *forgery) {
			f.objects[0] = "<</Type/Catalog/AcroForm<</Fields[2 0 R 2 0 R]/SigFlags 3>>>>"
		},
		"a second field of another name":  func(f *forgery) { f.second("<</FT/Sig/T(Other)>>") },
		"a second field that is filled":   func(f *forgery) { f.second("<</FT/Sig/T(Timestamp)/V 3 0 R>>") },
		"a second field that is a parent": func(f *forgery) { f.second("<</FT/Sig/T(Timestamp)/Kids[]>>") },
		"a field that is no signature":    func(f *forgery) { f.objects[1] = "<</FT/Tx/V 3 0 R>>" },
		"a signature under another field": func(f *forgery) {
			f.objects[1] = "<</FT/Sig/Kids[4 0 R]/V 4 0 R>>"
		},
		"two ranges in one signature": func(f *forgery) {
			f.objects[2] = strings.Replace(signature, "/ByteRange RANGE", "/ByteRange RANGE/ByteRange[0 1 2 3]", 1)
		},
		"a decoy range first": func(f *forgery) {
			f.objects[2] = strings.Replace(signature, "/ByteRange", "/X(/ByteRange[0 1 2 3])/ByteRange", 1)
		},
		"a decoy range in another object": func(f *forgery) {
			f.objects[0] = strings.Replace(catalog, "/Type", "/X(/ByteRange[0 10 20 30])/Type", 1)
		},
		"another kind of signature": func(f *forgery) {
			f.objects[2] = strings.Replace(signature, "ETSI.CAdES.detached", "adbe.pkcs7.detached", 1)
		},
		"two kinds of signature": func(f *forgery) {
			f.objects[2] = strings.Replace(signature, "/SubFilter", "/SubFilter/adbe.x509.rsa_sha1/SubFilter", 1)
		},
		"contents elsewhere": func(f *forgery) {
			f.objects[2] = strings.Replace(signature, "/Contents<GAP>", "/Decoy<GAP>/Contents<00>", 1)
		},
		"something behind the end":    func(f *forgery) { f.behind = "% more\n" },
		"a second end":                func(f *forgery) { f.behind = "startxref\n9\n%%EOF\n" },
		"a page behind the end":       func(f *forgery) { f.behind = "5 0 obj\n<<>>\nendobj\nxref\n0 1\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n" },
		"objects without end":         func(f *forgery) { f.objects[0] = strings.Repeat("[", 50_000) },
		"dictionaries without end":    func(f *forgery) { f.objects[0] = strings.Repeat("<</A", 50_000) },
		"a string without end":        func(f *forgery) { f.objects[0] = "(" + strings.Repeat(`\\`, 100) },
		"an object that names itself": func(f *forgery) { f.objects[0], f.objects[1] = "1 0 R", "2 0 R" },
	}
	for name, lie := range lies {
		f := honest()
		f.objects = slices.Clone(f.objects)
		lie(&f)
		if r := verify.Verify(f.seal(t, sealer, nil), trust, verify.Options{}); r.State != verify.Altered || r.Number != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// The place of the container is the one part of the file no signature covers: there must be no freedom in it.
func TestNothingHidesInThePlaceOfTheContainer(t *testing.T) {
	t.Parallel()
	sealer, trust := authority(t)
	stranger := selfSigned(t)
	for name, change := range map[string]func([]byte) []byte{
		"data in the padding":       func(cms []byte) []byte { return append(slices.Clone(cms), make([]byte, 40)...) },
		"a foreign certificate":     func(cms []byte) []byte { return withCertificate(t, cms, stranger) },
		"an own certificate twice":  func(cms []byte) []byte { return withCertificate(t, cms, sealer.Certificate().Raw) },
		"a container in two pieces": func(cms []byte) []byte { return slices.Concat(cms, cms) },
	} {
		if name == "data in the padding" {
			inner := change
			change = func(cms []byte) []byte { out := inner(cms); out[len(out)-1] = 1; return out }
		}
		if r := verify.Verify(honest().seal(t, sealer, change), trust, verify.Options{}); r.State != verify.Altered || !slices.Contains(r.Reasons, verify.ReasonContainer) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	file := honest().seal(t, sealer, nil)
	from := bytes.Index(file, []byte("/Contents<")) + len("/Contents<")
	for name, text := range map[string]string{"white space": " \n", "a comment": "%x", "an end and a beginning": "><", "capitals": "AA", "an object": "><</Evil/Yes>>/X<"} {
		changed := bytes.Clone(file)
		copy(changed[from+honest().gap-len(text):], text)
		if r := verify.Verify(changed, trust, verify.Options{}); r.State != verify.Altered {
			t.Errorf("%s in the place: %+v", name, r)
		}
	}
	moved := bytes.Replace(file, []byte("/Contents<"), []byte("/Contents< "), 1)
	if r := verify.Verify(moved, trust, verify.Options{}); r.State != verify.Altered {
		t.Errorf("a moved place: %+v", r)
	}
}

// The forgeries of "1 Trillion Dollar Refund" and "Shadow Attacks" (Mladenov et al., 2019 and 2021), on a genuine file.
func TestTheKnownForgeriesOfAGenuineSealFail(t *testing.T) {
	t.Parallel()
	sealer, trust := authority(t)
	file := honest().seal(t, sealer, nil)
	replace := func(old, new string) []byte { return bytes.Replace(file, []byte(old), []byte(new), 1) }
	from := bytes.Index(file, []byte("/Contents<")) + len("/Contents")
	to := from + honest().gap + 2
	if !bytes.Contains(file, []byte("/ByteRange [0 0")) {
		t.Fatal("the range is written in another way")
	}
	evil := "1 0 obj\n<</Type/Catalog/Evil true>>\nendobj\n"
	for name, forged := range map[string][]byte{
		"no range":                     replace("/ByteRange [", "/BiteRange ["),
		"a range of nothing":           replace(fmt.Sprintf("[0 %010d %010d", from, to), "[0 0000000000 0000000000"),
		"a range that begins later":    replace("[0 ", "[9 "),
		"a negative range":             replace("[0 0", "[0 -"),
		"a range of fractions":         replace("[0 0", "[0 ."),
		"a range beyond all numbers":   replace("[0 0000000", "[0 9999999"),
		"no contents":                  replace("/Contents<", "/Kontents<"),
		"null contents":                slices.Concat(file[:from], []byte("null"), file[to:]),
		"empty contents":               slices.Concat(file[:from], []byte("<>"), file[to:]),
		"zero contents":                slices.Concat(file[:from+1], bytes.Repeat([]byte("0"), honest().gap), file[to-1:]),
		"the sealed end moved back":    slices.Concat(file[:to], []byte(evil), file[to:]),
		"objects between":              slices.Concat(file[:from], []byte("<00>>>endobj\n"+evil+"9 0 obj<</X"), file[from:]),
		"a header before the header":   slices.Concat([]byte("%PDF-1.7\n"), file),
		"the whole file twice":         slices.Concat(file, file),
		"an increment without a range": slices.Concat(file, []byte(evil+"xref\n1 1\n0000000000 00000 n \ntrailer\n<</Size 5/Root 1 0 R/Prev 9>>\nstartxref\n9\n%%EOF\n")),
		"a cross-reference stream":     slices.Concat(file, []byte("9 0 obj<</Type/XRef/W[1 1 1]/Root 1 0 R>>stream\nendstream endobj\nstartxref\n9\n%%EOF\n")),
		"only line ends appended":      slices.Concat(file, []byte("\r\n\r\n")),
		"a NUL appended":               slices.Concat(file, []byte{0}),
	} {
		if bytes.Equal(forged, file) {
			t.Fatalf("%s changes nothing", name)
		}
		if r := verify.Verify(forged, trust, verify.Options{}); r.State == verify.Valid || r.Number != "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// selfSigned is a certificate nobody asked for.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "anything at all"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
