package documents

import (
	"bytes"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"townhall/modules/documents/judges"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
)

// attacks are what may happen to a sealed file, each with the reason our verifier must give.
func attacks(t *testing.T, b *bench, file []byte) []struct {
	name   string
	file   []byte
	state  verify.State
	reason string
} {
	other := b.seal(t, sample("ru"))
	a, c := gapOf(t, file)
	oa, oc := gapOf(t, other)
	swapped := slices.Concat(file[:a+1], fit(other[oa+1:oc-1], c-a-2), file[c-1:])
	reason := bytes.Replace(file, []byte("/Reason(Issue of"), []byte("/Reason(Trick of"), 1)
	flipped := bytes.Clone(file)
	flipped[bytes.Index(flipped, []byte("stream\n"))+20] ^= 1
	return []struct {
		name   string
		file   []byte
		state  verify.State
		reason string
	}{
		{"a flipped byte", flipped, verify.Altered, verify.ReasonDigest},
		{"appended bytes", append(bytes.Clone(file), "\n% more\n"...), verify.Altered, verify.ReasonAppended},
		{"a shadow increment that replaces the page", shadow(t, file), verify.Altered, verify.ReasonAppended},
		{"a shortened byte range", shortened(t, file), verify.Altered, verify.ReasonRange},
		{"a changed reason", reason, verify.Altered, verify.ReasonDigest},
		{"the seal of another document", swapped, verify.Altered, verify.ReasonDigest},
		{"a missing end", file[:len(file)-40], verify.Altered, verify.ReasonTruncated},
		{"somebody else's key", newBench(t).seal(t, sample("en")), verify.Untrusted, verify.ReasonChain},
	}
}

func gapOf(t *testing.T, file []byte) (from, to int) {
	t.Helper()
	m := regexp.MustCompile(`/ByteRange\[0 (\d+) (\d+) (\d+)`).FindSubmatch(file)
	return atoi(t, m[1]), atoi(t, m[2])
}

// fit makes hexadecimal text of another place fit into this one.
func fit(hexText []byte, n int) []byte {
	if len(hexText) >= n {
		return hexText[:n]
	}
	return append(bytes.Clone(hexText), bytes.Repeat([]byte("0"), n-len(hexText))...)
}

// shortened lets the range end before the file does, as if the rest had never been sealed.
func shortened(t *testing.T, file []byte) []byte {
	t.Helper()
	m := regexp.MustCompile(`/ByteRange\[0 \d+ \d+ (\d+)`).FindSubmatchIndex(file)
	n := atoi(t, file[m[2]:m[3]])
	short := []byte(fmt.Sprintf("%-*d", m[3]-m[2], n-100))
	return slices.Concat(file[:m[2]], short, file[m[3]:])
}

// shadow adds a revision in which the page has other content; the digest of the sealed revision still matches.
func shadow(t *testing.T, file []byte) []byte {
	t.Helper()
	m := regexp.MustCompile(`(\d+) 0 obj\n(<</Type/Page/.*?/Contents )\d+( 0 R.*?>>)\nendobj`).FindSubmatch(file)
	start := regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(file)
	root := regexp.MustCompile(`/Root (\d+) 0 R`).FindSubmatch(file)
	size := atoi(t, regexp.MustCompile(`trailer\n<</Size (\d+)`).FindSubmatch(file)[1])
	out := bytes.Clone(file)
	at := len(out)
	out = fmt.Appendf(out, "%d 0 obj\n<</Length 38>>\nstream\nBT /F1 40 Tf 100 400 Td <00410041> Tj ET\nendstream\nendobj\n", size)
	page := len(out)
	out = fmt.Appendf(out, "%s 0 obj\n%s%d%s\nendobj\n", m[1], m[2], size, m[3])
	xref := len(out)
	out = fmt.Appendf(out, "xref\n%s 1\n%010d 00000 n \n%d 1\n%010d 00000 n \ntrailer\n<</Size %d/Root %s 0 R/Prev %s>>\nstartxref\n%d\n%%%%EOF\n", m[1], page, size, at, size+1, root[1], start[1], xref)
	return out
}

func TestEveryAttackIsRefusedWithItsReasonAndByAnotherProgramToo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := b.seal(t, sample("en"))
	j := judges.New(t, b.bundle)
	if !j.Whole(file) {
		t.Fatal("pdfsig does not accept the untouched file")
	}
	for _, a := range attacks(t, b, file) {
		r := verify.Verify(a.file, b.trust, verify.Options{})
		if r.State != a.state || !slices.Contains(r.Reasons, a.reason) {
			t.Errorf("%s: got %s %v, want %s %s", a.name, r.State, r.Reasons, a.state, a.reason)
		}
		if r.Number != "" {
			t.Errorf("%s: the number of a file that is not valid is reported", a.name)
		}
		if j.Whole(a.file) {
			t.Errorf("%s: pdfsig accepts it", a.name)
		}
	}
}

func TestFilesThatCarryNoSealAreNamedSo(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	plain, err := b.engine.Render(b.input(sample("en")), nil)
	must(t, err)
	for name, c := range map[string]struct {
		file   []byte
		state  verify.State
		reason string
	}{
		"no seal":             {plain.Bytes, verify.Unsigned, verify.ReasonUnsigned},
		"no PDF":              {[]byte("hello"), verify.Unreadable, verify.ReasonNotPDF},
		"nothing":             {nil, verify.Unreadable, verify.ReasonNotPDF},
		"too large":           {make([]byte, verify.MaxFile+1), verify.Unreadable, verify.ReasonTooLarge},
		"a range of nonsense": {[]byte("%PDF-1.7\n/ByteRange[0 9 8 7]"), verify.Altered, verify.ReasonRange},
	} {
		if r := verify.Verify(c.file, b.trust, verify.Options{}); r.State != c.state || !slices.Contains(r.Reasons, c.reason) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestNoSingleFlippedBitLeavesTheFileValid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := b.seal(t, sample("en"))
	a, c := gapOf(t, file)
	var places []int
	for i := 0; i < len(file); i += 997 {
		places = append(places, i)
	}
	for i := a - 400; i < c+3; i += 3 { // the signature dictionary and its place, densely
		places = append(places, i)
	}
	for i := range 300 { // the end
		places = append(places, len(file)-1-i)
	}
	for _, i := range places {
		for _, bit := range []byte{1, 0x20} {
			file[i] ^= bit
			if r := verify.Verify(file, b.trust, verify.Options{}); r.State == verify.Valid {
				t.Fatalf("bit %#x of byte %d of %d (gap %d to %d) flipped, and still valid", bit, i, len(file), a, c)
			}
			file[i] ^= bit
		}
	}
	if r := verify.Verify(file, b.trust, verify.Options{}); r.State != verify.Valid {
		t.Fatal("the restored file is not valid")
	}
}

func TestAHostileFileNeverMakesTheVerifierFail(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := b.seal(t, sample("en"))
	var seed [64]byte
	rand.Read(seed[:])
	for i := range 400 {
		f := bytes.Clone(file)
		at := (int(seed[i%64])*2654435761 + i*7919) % len(f)
		switch i % 4 {
		case 0:
			f = f[:at]
		case 1:
			copy(f[at:], bytes.Repeat([]byte("["), 3000))
		case 2:
			copy(f[at:], bytes.Repeat([]byte("<<"), 3000))
		case 3:
			f = append(f[:at:at], f...)
		}
		if r := verify.Verify(f, b.trust, verify.Options{}); r.State == verify.Valid && !bytes.Equal(f, file) {
			t.Fatalf("case %d is valid", i)
		}
	}
}

func TestARevokedSealIsNotTrustedAndAnOldListIsSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	file := b.seal(t, sample("en"))
	if r := verify.Verify(file, b.trust, verify.Options{At: time.Now().AddDate(0, 0, 60)}); r.State != verify.Valid || !slices.Contains(r.Notes, verify.ReasonOldCRL) {
		t.Errorf("with an old list: %+v", r)
	}
	must(t, b.keys.RevokeSeal(b.sealer.Certificate().SerialNumber.Text(16), sign.KeyCompromise, time.Now()))
	bundle, err := b.keys.TrustBundle(time.Now())
	must(t, err)
	trust, err := verify.ParseTrust(bundle)
	must(t, err)
	if r := verify.Verify(file, trust, verify.Options{}); r.State != verify.Untrusted || !slices.Contains(r.Reasons, verify.ReasonRevoked) {
		t.Errorf("after revocation: %+v", r)
	}
	list, err := b.keys.List()
	must(t, err)
	if len(list) != 3 || list[2].State != sign.Revoked || list[2].Name != "northwick" {
		t.Errorf("list: %+v", list)
	}
}

func TestALevelThatCannotBeReachedIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, l := range []sign.Level{sign.BT, sign.BLT, sign.BLTA, "B-X", ""} {
		if _, err := b.keys.Seal(northwick, sign.SealOptions{Level: l}, time.Now()); err == nil {
			t.Errorf("level %q was accepted", l)
		}
	}
	if _, err := New(Deps{Level: "B-LTA"}); err == nil || !strings.Contains(err.Error(), "timestamp") {
		t.Errorf("New with B-LTA: %v", err)
	}
}

func TestTheSameInputGivesTheSameBytesBeforeTheSignature(t *testing.T) {
	t.Parallel()
	b, other := newBench(t), newBench(t)
	other.sealer = b.sealer // the place is sized from the chain
	for _, l := range []string{"en", "ru", "zh"} {
		one, two := b.seal(t, sample(l)), other.seal(t, sample(l))
		a, c := gapOf(t, one)
		if !bytes.Equal(one[:a], two[:a]) || !bytes.Equal(one[c:], two[c:]) {
			t.Errorf("%s: two engines differ outside of /Contents", l)
		}
	}
}

func TestANumberIsReadAsPeopleTypeItAndASlipIsFound(t *testing.T) {
	t.Parallel()
	for range 200 {
		code := newCode()
		n := formatNumber("residence-certificate", code)
		for _, typed := range []string{n, strings.ToLower(n), strings.ReplaceAll(n, "-", " "), code, strings.ReplaceAll(strings.ReplaceAll(n, "0", "O"), "1", "l")} {
			if got, ok := parseNumber(typed); !ok || got != code {
				t.Fatalf("%q of %s is read as %q, %v", typed, code, got, ok)
			}
		}
		for i := range code {
			for _, c := range alphabet {
				if wrong := code[:i] + string(c) + code[i+1:]; wrong != code {
					if _, ok := parseNumber(wrong); ok {
						t.Fatalf("slip %s of %s is accepted", wrong, code)
					}
				}
			}
			if i > 0 && code[i] != code[i-1] {
				swapped := code[:i-1] + string(code[i]) + string(code[i-1]) + code[i+1:]
				if _, ok := parseNumber(swapped); ok {
					t.Fatalf("exchange %s of %s is accepted", swapped, code)
				}
			}
		}
	}
	for _, s := range []string{"", "RC", "RC-" + strconv.Itoa(1), strings.Repeat("7", 65), "RC-7K4M-93Q2-TX8D-6HR*", "../../etc/passwd"} {
		if _, ok := parseNumber(s); ok {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestAnRSASealIsAccepted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.sealer = rsaSeal(t)
	file := b.seal(t, sample("en"))
	trust, err := verify.ParseTrust(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.sealer.Certificate().Raw}))
	must(t, err)
	if r := verify.Verify(file, trust, verify.Options{}); r.State != verify.Valid {
		t.Errorf("%+v", r)
	}
	if out := judges.Ask(t, "pdfsig", "-no-ocsp", judges.Save(t, "rsa.pdf", file)); !strings.Contains(out, "Signature is Valid") {
		t.Errorf("pdfsig: %s", out)
	}
}

func atoi(t *testing.T, b []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(b))
	must(t, err)
	return n
}
