package verify_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
	"townhall/modules/documents/cms"
	"townhall/modules/documents/judges"
	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
)

// refused asks for exactly one reason.
func refused(t *testing.T, name string, r verify.Report, state verify.State, reason string) {
	t.Helper()
	if r.State != state || !slices.Equal(r.Reasons, []string{reason}) || r.Number != "" || r.Level != "" || !r.Proven.IsZero() {
		t.Errorf("%s: %+v, want %s %s", name, r, state, reason)
	}
}

func (w *world) verifyAt(file []byte, at time.Time) verify.Report {
	w.t.Helper()
	return verify.Verify(file, w.trust(at), verify.Options{At: at})
}

func TestTheFileIsRefusedAndAnotherProgramRefusesOrComplains(t *testing.T) {
	t.Parallel()
	w := servedWorld(t)
	j := judges.New(t, w.bundle(w.now))
	file := w.document("B-LTA")
	g := gaps(t, file)
	a := dissect(t, file)
	at := bytes.Index(file, []byte("/ByteRange[0 ")) + len("/ByteRange[0 ")
	flipped, flippedStore, short := bytes.Clone(file), bytes.Clone(file), bytes.Clone(file)
	flipped[bytes.Index(file, []byte("stream\n"))+20] ^= 1
	flippedStore[g[0][1]+bytes.Index(file[g[0][1]:], []byte("stream\n"))+60] ^= 1
	n := bytes.LastIndexByte(bytes.TrimRight(short[at:at+32], " "), ' ') + at
	short[n+1]-- // the length of the second part
	for name, c := range map[string]struct {
		file   []byte
		reason string
	}{
		"a flipped byte":         {flipped, verify.ReasonDigest},
		"a changed reason":       {bytes.Replace(file, []byte("/Reason(Issue"), []byte("/Reason(Trick"), 1), verify.ReasonDigest},
		"a shortened byte range": {short, verify.ReasonRange},
		"appended bytes":         {append(bytes.Clone(file), "% more\n"...), verify.ReasonAppended},
		"another page":           {grow(t, file, map[int]string{a.page: strings.Replace(a.text(a.page), "595.28", "100", 1)}), verify.ReasonAppended},
		"an annotation":          {grow(t, file, map[int]string{a.page: a.replaced(t, a.page, "/Annots[", "/Annots[<</Type/Annot/Subtype/Square/Rect[0 0 9 9]>>")}), verify.ReasonAppended},
	} {
		r := w.verify(c.file)
		if r.State != verify.Altered || !slices.Contains(r.Reasons, c.reason) || r.Number != "" || r.Level != "" {
			t.Errorf("%s: %+v", name, r)
		}
		if refused, says := j.Refuses(c.file); !refused {
			t.Errorf("%s: pdfsig and pdfcpu see nothing:\n%s", name, says)
		}
	}
	// The security store is covered by the document timestamp alone.
	refused(t, "a flipped byte of the store", w.verify(flippedStore), verify.Altered, verify.ReasonTimestamp)
	if good, _ := j.Signatures(flippedStore); good == 2 {
		t.Error("pdfcpu accepts a flipped byte of the store")
	}
}

func TestATimestampOfAnotherDocumentIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var digests [][]byte
	w.documentWith("B-LTA", func(d []byte) []byte { digests = append(digests, d); return w.token(w.tsa, d, w.now) })
	n := 0
	swap := func(which int) []byte {
		n = 0
		return w.documentWith("B-LTA", func(d []byte) []byte {
			if n++; n-1 == which {
				d = digests[which]
			}
			return w.token(w.tsa, d, w.now)
		})
	}
	refused(t, "signature timestamp", w.verify(swap(0)), verify.Altered, verify.ReasonTimestamp)
	file := swap(1)
	refused(t, "document timestamp", w.verify(file), verify.Altered, verify.ReasonTimestamp)
	c := judges.Containers(t, file)[1]
	if complaint := judges.OpenSSLTimestamp(t, c.DER, sha256.Sum256(c.Covered), judges.Save(t, "bundle.pem", w.bundle(w.now))); complaint == "" {
		t.Error("openssl accepts it")
	}
}

func TestATimestampOfAnAuthorityNobodyTrustsIsRefused(t *testing.T) {
	t.Parallel()
	w, stranger := newWorld(t), newWorld(t)
	refused(t, "a stranger", w.verify(w.documentWith("B-LTA", func(d []byte) []byte { return stranger.token(stranger.tsa, d, w.now) })), verify.Untrusted, verify.ReasonTimestamp)
	refused(t, "a seal as authority", w.verify(w.documentWith("B-T", func(d []byte) []byte { return w.token(w.seal, d, w.now) })), verify.Untrusted, verify.ReasonTimestamp)
	soft := tsaTemplate(w.now.AddDate(0, 0, -1), w.now.AddDate(1, 0, 0))
	soft.ExtraExtensions, soft.ExtKeyUsage = nil, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}
	lax := issue(t, w.issuing, soft)
	refused(t, "a purpose that is not critical", w.verify(w.documentWith("B-T", func(d []byte) []byte { return w.token(lax, d, w.now) })), verify.Untrusted, verify.ReasonTimestamp)
	refused(t, "a time after the authority's end", w.verify(w.documentWith("B-T", func(d []byte) []byte { return w.token(w.tsa, d, w.tsa.cert.NotAfter.Add(time.Hour)) })), verify.Untrusted, verify.ReasonTimestamp)
	// An authority outside, whose root is trusted for timestamps only.
	bundle := append(w.bundle(w.now), pem.EncodeToMemory(&pem.Block{Type: "TIMESTAMP CERTIFICATE", Bytes: stranger.root.cert.Raw})...)
	trust := got(verify.ParseTrust(bundle))(t)
	file := w.documentWith("B-T", func(d []byte) []byte { return stranger.token(stranger.tsa, d, w.now) })
	if r := verify.Verify(file, trust, verify.Options{At: w.now}); r.State != verify.Valid || r.Level != sign.BT {
		t.Errorf("a trusted authority outside: %+v", r)
	}
	refused(t, "its seals", verify.Verify(stranger.document("B-T"), trust, verify.Options{At: w.now}), verify.Untrusted, verify.ReasonChain)
}

func TestATokenHasOneForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger := selfSigned(t)
	for name, change := range map[string]func([]byte) []byte{
		"a foreign certificate":  func(tok []byte) []byte { return withCertificate(t, tok, stranger) },
		"a certificate twice":    func(tok []byte) []byte { return withCertificate(t, tok, w.tsa.cert.Raw) },
		"something behind it":    func(tok []byte) []byte { return append(bytes.Clone(tok), 0x30, 0) },
		"a longer length":        func(tok []byte) []byte { return append([]byte{0x30, 0x83, 0}, tok[2:]...) },
		"a changed signature":    func(tok []byte) []byte { c := bytes.Clone(tok); c[len(c)-3] ^= 1; return c },
		"a token within a token": func(tok []byte) []byte { return cms.Wrap(0x30, tok) },
		"nothing":                func([]byte) []byte { return []byte{0x30, 0} },
		"a loose length within": func(tok []byte) []byte {
			return rebuilt(t, tok, func(encap, certs, infos []byte) ([]byte, []byte, []byte) {
				return inside(t, encap, func(c []byte) []byte { n := 2 + int(c[1]); return append(c[:n:n], loose(t, c[n:])...) }), certs, infos
			})
		},
		"an unsigned attribute": func(tok []byte) []byte {
			return rebuilt(t, tok, func(encap, certs, infos []byte) ([]byte, []byte, []byte) {
				more := []byte{0xa1, 13, 0x30, 11, 6, 3, 0x2a, 3, 4, 0x31, 4, 4, 2, 'h', 'i'}
				return encap, certs, inside(t, infos, func(c []byte) []byte { return inside(t, c, func(c []byte) []byte { return append(c, more...) }) })
			})
		},
		"another name of the signer": func(tok []byte) []byte {
			return rebuilt(t, tok, func(encap, certs, infos []byte) ([]byte, []byte, []byte) {
				return encap, certs, bytes.Replace(infos, []byte("Northwick Issuing"), []byte("Southwick Issuing"), 1)
			})
		},
	} {
		for _, level := range []string{"B-T", "B-LTA"} {
			n := 0
			file := w.documentWith(level, func(d []byte) []byte {
				n++
				tok := w.token(w.tsa, d, w.now)
				if level == "B-LTA" && n == 1 {
					return tok
				}
				return change(tok)
			})
			r := w.verify(file)
			known := []string{verify.ReasonTimestamp, verify.ReasonContainer, verify.ReasonAppended}
			if r.State != verify.Altered || len(r.Reasons) != 1 || !slices.Contains(known, r.Reasons[0]) {
				t.Errorf("%s, %s: %+v", level, name, r)
			}
		}
	}
}

func TestASealHasOneSignatureTimestampAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, valid := range []bool{true, true, false, false} {
		s := w.signer(w.seal)
		u := got(w.engine.Render(w.input(), &pdf.Slot{Reserve: s.Size() + 4*tokenRoom}))(t)
		signed := got(s.Sign(cms.Content{Type: cms.OIDData, Digest: got(u.Digest())(t)}))(t)
		var tokens [][]byte
		for i := range n {
			tokens = append(tokens, w.token(w.tsa, digest(signed.Value), w.now.Add(time.Duration(i)*time.Second)))
		}
		r := w.verify(got(u.Seal(got(signed.Encode(tokens...))(t)))(t))
		if valid && r.State != verify.Valid {
			t.Errorf("%d timestamps: %+v", n, r)
		}
		if !valid {
			refused(t, "several timestamps", r, verify.Altered, verify.ReasonContainer)
		}
	}
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func TestWhatTheSecurityStoreLacksLowersTheLevelVisibly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.noOCSP, w.noCRL = true, true
	for _, level := range []string{"B-LT", "B-LTA"} {
		if r := w.verify(w.document(level)); r.State != verify.Valid || r.Level != sign.BT {
			t.Errorf("%s without answers: %+v", level, r)
		}
	}
	w.noCRL = false
	if r := w.verify(w.document("B-LTA")); r.State != verify.Valid || r.Level != sign.BLTA {
		t.Errorf("lists without OCSP: %+v", r)
	}
	w.noOCSP, w.noCRL = false, true
	if r := w.verify(w.document("B-LTA")); r.State != verify.Valid || r.Level != sign.BLTA {
		t.Errorf("OCSP without lists: %+v", r)
	}
	w.noCRL = false
	// An answer that ended before the seal was made proves nothing about it.
	v := w.validation()
	v.CRLs, v.OCSPs = [][]byte{w.crl(w.root, nil, w.now.AddDate(0, 0, -60)), w.crl(w.issuing, nil, w.now.AddDate(0, 0, -60))}, nil
	u := w.sealed("B-LT", func(d []byte) []byte { return w.token(w.tsa, d, w.now) })
	if r := w.verify(got(u.Extend(v, 0))(t).Bytes()); r.State != verify.Valid || r.Level != sign.BT {
		t.Errorf("with lists that ended: %+v", r)
	}
}

func TestASealWhoseCertificateEndedIsGoodOnlyWithATimestamp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	end := w.seal.cert.NotAfter.AddDate(0, 1, 0)
	refused(t, "B-B", w.verifyAt(w.document("B-B"), end), verify.Untrusted, verify.ReasonExpired)
	for _, level := range []string{"B-T", "B-LT", "B-LTA"} {
		if r := w.verifyAt(w.document(level), end); r.State != verify.Valid || r.Level != sign.Level(level) || !r.Proven.Equal(w.now) {
			t.Errorf("%s: %+v", level, r)
		}
	}
	late := w.documentWith("B-T", func(d []byte) []byte { return w.token(w.tsa, d, end) })
	refused(t, "a timestamp after the end", w.verifyAt(late, end), verify.Untrusted, verify.ReasonExpired)
	early := w.documentWith("B-T", func(d []byte) []byte { return w.token(w.tsa, d, w.tsa.cert.NotBefore.Add(-time.Hour)) })
	refused(t, "a timestamp before the beginning", w.verifyAt(early, w.now), verify.Untrusted, verify.ReasonTimestamp)
}

func TestARevokedSealIsGoodOnlyWhenATimestampProvesThatItIsOlder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := map[string][]byte{}
	for _, level := range []string{"B-B", "B-T", "B-LTA"} {
		before[level] = w.document(level)
	}
	w.revoked = []x509.RevocationListEntry{{SerialNumber: w.seal.cert.SerialNumber, RevocationTime: w.now.Add(time.Hour), ReasonCode: 1}}
	day := w.now.AddDate(0, 0, 1)
	refused(t, "no timestamp", w.verifyAt(before["B-B"], day), verify.Untrusted, verify.ReasonRevoked)
	for _, level := range []string{"B-T", "B-LTA"} {
		if r := w.verifyAt(before[level], day); r.State != verify.Valid || r.Level != sign.Level(level) {
			t.Errorf("%s: %+v", level, r)
		}
	}
	after := w.documentWith("B-LTA", func(d []byte) []byte { return w.token(w.tsa, d, day) })
	refused(t, "sealed after the revocation", w.verifyAt(after, day), verify.Untrusted, verify.ReasonRevoked)
	// The file's own list suffices: a bundle without lists knows as much.
	bare := got(verify.ParseTrust(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.cert.Raw})))(t)
	refused(t, "told by the file", verify.Verify(after, bare, verify.Options{At: day}), verify.Untrusted, verify.ReasonRevoked)
	// An answer of OCSP in the file says the same.
	w.noCRL, w.revoked = true, nil
	a := ocsp.Response{Status: ocsp.Revoked, SerialNumber: w.seal.cert.SerialNumber, RevokedAt: w.now.Add(-time.Hour), ThisUpdate: w.now, NextUpdate: day}
	told := got(ocsp.CreateResponse(w.issuing.cert, w.issuing.cert, a, w.issuing.key))(t)
	u := w.sealed("B-LT", func(d []byte) []byte { return w.token(w.tsa, d, w.now) })
	v := w.validation()
	v.OCSPs = append(v.OCSPs, told)
	refused(t, "told by OCSP", w.verify(got(u.Extend(v, 0))(t).Bytes()), verify.Untrusted, verify.ReasonRevoked)
}

// A seal of the same authority has no say about another's revocation.
func TestOnlyWhomTheIssuerChargedMayAnswerForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.noCRL, w.noOCSP = true, true
	u := w.sealed("B-LT", func(d []byte) []byte { return w.token(w.tsa, d, w.now) })
	v := w.validation()
	answer := func(of, by *identity) []byte {
		a := ocsp.Response{Status: ocsp.Good, SerialNumber: of.cert.SerialNumber, ThisUpdate: w.now, NextUpdate: w.now.AddDate(0, 0, 1), Certificate: by.cert}
		return got(ocsp.CreateResponse(w.issuing.cert, by.cert, a, by.key))(t)
	}
	for _, of := range []*identity{w.seal, w.tsa} {
		v.OCSPs = append(v.OCSPs, answer(of, w.seal))
	}
	if r := w.verify(got(u.Extend(v, 0))(t).Bytes()); r.State != verify.Valid || r.Level != sign.BT {
		t.Errorf("answered by a seal: %+v", r)
	}
	tmpl := sealTemplate(w.now.AddDate(0, 0, -1), w.now.AddDate(1, 0, 0))
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}
	responder := issue(t, w.issuing, tmpl)
	v.OCSPs = [][]byte{answer(w.seal, responder), answer(w.tsa, responder)}
	u = w.sealed("B-LT", func(d []byte) []byte { return w.token(w.tsa, d, w.now) })
	if r := w.verify(got(u.Extend(v, 0))(t).Bytes()); r.State != verify.Valid || r.Level != sign.BLT {
		t.Errorf("answered by a responder: %+v", r)
	}
	// A list by somebody else of the same name.
	fake := issue(t, nil, ca("Northwick Issuing", w.now.AddDate(0, 0, -1), 20))
	u = w.sealed("B-LT", func(d []byte) []byte { return w.token(w.tsa, d, w.now) })
	v.OCSPs, v.CRLs = nil, append(v.CRLs, w.crl(fake, []x509.RevocationListEntry{{SerialNumber: w.seal.cert.SerialNumber, RevocationTime: w.now.Add(-time.Hour)}}, w.now))
	if r := w.verify(got(u.Extend(v, 0))(t).Bytes()); r.State != verify.Valid || r.Level != sign.BT {
		t.Errorf("a stranger's list: %+v", r)
	}
}

func TestARevokedTimestampAuthorityProvesNothingUnlessItsKeyWasNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.document("B-LTA")
	day := w.now.AddDate(0, 0, 1)
	// Renewed before the loss by another authority: what it covers stays proven.
	other := issue(t, w.issuing, tsaTemplate(w.now.AddDate(0, 0, -1), w.now.AddDate(10, 0, 0)))
	renewed := w.renew(file, other, w.now.Add(time.Minute))
	for reason, good := range map[int]bool{1: false, 0: false, 4: true, 5: true} {
		w.revoked = []x509.RevocationListEntry{{SerialNumber: w.tsa.cert.SerialNumber, RevocationTime: w.now.Add(time.Hour), ReasonCode: reason}}
		if good {
			if r := w.verifyAt(file, day); r.State != verify.Valid || r.Level != sign.BLTA {
				t.Errorf("reason %d: %+v", reason, r)
			}
		} else {
			refused(t, "key lost", w.verifyAt(file, day), verify.Untrusted, verify.ReasonTimestamp)
		}
		if r := w.verifyAt(renewed, day); r.State != verify.Valid || r.Level != sign.BLTA || !r.Proven.Equal(w.now) {
			t.Errorf("reason %d, renewed: %+v", reason, r)
		}
	}
}

func TestASealOfAKeyThatWasRotatedOutIsGoodForWhatIsOlder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	retired := func(at time.Time) *verify.Trust {
		b := pem.EncodeToMemory(&pem.Block{Type: "RETIRED CERTIFICATE", Headers: map[string]string{"Retired-At": at.UTC().Format(time.RFC3339)}, Bytes: w.seal.cert.Raw})
		return got(verify.ParseTrust(append(w.bundle(w.now), b...)))(t)
	}
	for _, level := range []string{"B-B", "B-T", "B-LTA"} {
		file := w.document(level)
		if r := verify.Verify(file, retired(w.now.Add(time.Hour)), verify.Options{At: w.now}); r.State != verify.Valid {
			t.Errorf("%s, sealed before: %+v", level, r)
		}
		refused(t, level+", sealed after", verify.Verify(file, retired(w.now.Add(-time.Hour)), verify.Options{At: w.now}), verify.Untrusted, verify.ReasonRetired)
	}
	if _, err := verify.ParseTrust([]byte("-----BEGIN RETIRED CERTIFICATE-----\nRetired-At: yesterday\n\nAAAA\n-----END RETIRED CERTIFICATE-----\n")); err == nil {
		t.Error("a bundle with a day that cannot be read is accepted")
	}
}

func TestASealOfAnotherMunicipalityIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for uri, own := range map[string]bool{ownOrigin + "/verify/X": true, "HTTPS://NORTHWICK.example/verify/X": true, "https://southwick.example/verify/X": false, ownOrigin + ".evil.example/verify/X": false,
		"https://northwick.example@evil.example/": false, "https://northwick.example:8443/": false, "http://northwick.example/": false, "nothing": false, `https://northwick.example\@evil.example/`: false} {
		w.checkURI = uri
		r := w.verify(w.document("B-LTA"))
		if own && r.State != verify.Valid {
			t.Errorf("%s: %+v", uri, r)
		}
		if !own {
			refused(t, uri, r, verify.Untrusted, verify.ReasonOtherSeal)
		}
	}
}

func TestAClockThatGoesBackwardsIsNoProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := 0
	file := w.documentWith("B-LTA", func(d []byte) []byte {
		n++
		return w.token(w.tsa, d, w.now.Add(-time.Duration(n)*time.Hour)) // the document timestamp an hour before the signature's
	})
	refused(t, "backwards", w.verify(file), verify.Altered, verify.ReasonTimestamp)
}

func TestNoSingleFlippedBitOfALongLivedFileLeavesItValid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := w.renew(w.document("B-LTA"), w.tsa, w.now.Add(time.Second))
	trust := w.trust(w.now)
	g := gaps(t, file)
	good := func() bool {
		return verify.Verify(file, trust, verify.Options{At: w.now.Add(time.Minute)}).State == verify.Valid
	}
	if !good() {
		t.Fatal("the file is not valid")
	}
	var places []int
	for i := 0; i < g[0][0]; i += 9001 {
		places = append(places, i)
	}
	for i := g[0][0] - 200; i < len(file); i += 211 {
		places = append(places, i)
	}
	for i := range 150 {
		places = append(places, len(file)-1-i, g[1][1]+i, g[2][0]+10*i)
	}
	for _, i := range places {
		for _, bit := range []byte{1, 0x20} {
			file[i] ^= bit
			if good() {
				t.Fatalf("bit %#x of byte %d of %d (gaps %v) flipped, and still valid", bit, i, len(file), g)
			}
			file[i] ^= bit
		}
	}
}
