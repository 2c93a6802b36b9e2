package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
	"townhall/modules/documents/cms"
	"townhall/modules/documents/pdf"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// identity is a certificate and its key.
type identity struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

var serials struct {
	sync.Mutex
	n int64
}

// issue signs a certificate; by nil: it signs itself.
func issue(t testing.TB, by *identity, tmpl x509.Certificate) *identity {
	t.Helper()
	key := ecdsaKey()
	serials.Lock()
	serials.n++
	tmpl.SerialNumber = big.NewInt(1<<40 + serials.n)
	serials.Unlock()
	parent, signer := &tmpl, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, &tmpl, parent, key.Public(), signer)
	must(t, err)
	return &identity{got(x509.ParseCertificate(raw))(t), key}
}

// got unwraps an answer: got(f())(t).
func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); must(t, err); return v }
}

func ecdsaKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// world is an authority with a seal and a timestamp authority, whose times the test decides.
type world struct {
	t             testing.TB
	engine        *pdf.Engine
	root, issuing *identity
	seal, tsa     *identity
	now           time.Time // when documents are sealed
	revoked       []x509.RevocationListEntry
	noCRL         bool // the security store lacks the list of the issuing authority
	noOCSP        bool // and has no OCSP answers
	checkURI      string
	base          string // where revocation lists and answers are found
}

// found says in a certificate where one may ask about it.
func (w *world) found(c x509.Certificate) x509.Certificate {
	c.CRLDistributionPoints, c.OCSPServer = []string{w.base + "/verify/issuing.crl"}, []string{w.base + "/verify/ocsp"}
	return c
}

const (
	ownOrigin  = "https://northwick.example"
	testNumber = "RC-7K4M-93Q2-TX8D-6HRW"
)

var shared = sync.OnceValues(pdf.NewEngine)

func ca(cn string, from time.Time, years int) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: cn, Organization: []string{"Northwick"}}, NotBefore: from, NotAfter: from.AddDate(years, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true}
}

func sealTemplate(from, to time.Time) x509.Certificate {
	own, _ := url.Parse(ownOrigin)
	return x509.Certificate{Subject: pkix.Name{CommonName: "Northwick Seal", Organization: []string{"Northwick"}}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage: []asn1.ObjectIdentifier{cms.OIDDocumentSigning}, BasicConstraintsValid: true, URIs: []*url.URL{own}}
}

func tsaTemplate(from, to time.Time) x509.Certificate {
	// The purpose alone, and critical (RFC 3161, 2.3).
	value, _ := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	return x509.Certificate{Subject: pkix.Name{CommonName: "Northwick Time", Organization: []string{"Northwick"}}, NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: value}}}
}

// newWorld seals now, with certificates of the usual length of life.
func newWorld(t testing.TB) *world { return worldAt(t, time.Now().Truncate(time.Second)) }

func worldAt(t testing.TB, now time.Time) *world { return worldOf(t, now, ownOrigin) }

// servedWorld answers for its certificates over HTTP, as other programs ask.
func servedWorld(t testing.TB) *world {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w := worldOf(t, time.Now().Truncate(time.Second), server.URL)
	for name, by := range map[string]*identity{"root": w.root, "issuing": w.issuing} {
		list := w.crl(by, nil, w.now)
		mux.HandleFunc("/verify/"+name+".crl", func(rw http.ResponseWriter, _ *http.Request) { rw.Write(list) })
	}
	mux.HandleFunc("/verify/ocsp", func(rw http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		q, err := ocsp.ParseRequest(raw)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		a := ocsp.Response{Status: ocsp.Good, SerialNumber: q.SerialNumber, ThisUpdate: w.now.Add(-time.Minute), NextUpdate: w.now.Add(time.Hour)}
		out, _ := ocsp.CreateResponse(w.issuing.cert, w.issuing.cert, a, w.issuing.key)
		rw.Header().Set("Content-Type", "application/ocsp-response")
		rw.Write(out)
	})
	return w
}

func worldOf(t testing.TB, now time.Time, base string) *world {
	t.Helper()
	w := &world{t: t, now: now.UTC(), base: base, checkURI: ownOrigin + "/verify/" + testNumber}
	w.engine = got(shared())(t)
	from := now.AddDate(0, 0, -1)
	w.root = issue(t, nil, ca("Northwick Root", from, 40))
	c := ca("Northwick Issuing", from, 20)
	c.MaxPathLenZero, c.CRLDistributionPoints = true, []string{base + "/verify/root.crl"}
	w.issuing = issue(t, w.root, c)
	w.seal = issue(t, w.issuing, w.found(sealTemplate(from, now.AddDate(3, 0, 0))))
	w.tsa = issue(t, w.issuing, w.found(tsaTemplate(from, now.AddDate(10, 0, 0))))
	return w
}

func (w *world) signer(i *identity) *cms.Signer {
	w.t.Helper()
	return got(cms.NewSigner(crypto.Signer(i.key), []*x509.Certificate{i.cert, w.issuing.cert}))(w.t)
}

// token is a timestamp of a digest.
func (w *world) token(tsa *identity, digest []byte, at time.Time) []byte {
	w.t.Helper()
	return w.tokenBy(w.signer(tsa), digest, at)
}

func (w *world) tokenBy(s *cms.Signer, digest []byte, at time.Time) []byte {
	w.t.Helper()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 13762, 3})
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(cms.Algorithm(cms.OIDSHA256, false))
			b.AddASN1OctetString(digest)
		})
		b.AddASN1Int64(at.UnixNano())
		b.AddASN1GeneralizedTime(at.UTC())
	})
	info := got(b.Bytes())(w.t)
	sum := sha256.Sum256(info)
	signed := got(s.Sign(cms.Content{Type: cms.OIDTSTInfo, Digest: sum[:], Inside: info}))(w.t)
	return got(signed.Encode())(w.t)
}

func (w *world) crl(by *identity, entries []x509.RevocationListEntry, at time.Time) []byte {
	w.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at.Add(-time.Hour), NextUpdate: at.AddDate(0, 0, 35), RevokedCertificateEntries: entries}
	return got(x509.CreateRevocationList(rand.Reader, list, by.cert, by.key))(w.t)
}

func (w *world) ocsp(of *identity) []byte {
	w.t.Helper()
	r := ocsp.Response{Status: ocsp.Good, SerialNumber: of.cert.SerialNumber, ThisUpdate: w.now.Add(-time.Minute), NextUpdate: w.now.Add(48 * time.Hour)}
	return got(ocsp.CreateResponse(w.issuing.cert, w.issuing.cert, r, w.issuing.key))(w.t)
}

// validation is what belongs into the security store.
func (w *world) validation() pdf.Validation {
	v := pdf.Validation{Certs: [][]byte{w.seal.cert.Raw, w.issuing.cert.Raw, w.root.cert.Raw, w.tsa.cert.Raw, w.issuing.cert.Raw}, CRLs: [][]byte{w.crl(w.root, nil, w.now)}}
	if !w.noCRL {
		v.CRLs = append(v.CRLs, w.crl(w.issuing, w.revoked, w.now))
	}
	if !w.noOCSP {
		v.OCSPs = [][]byte{w.ocsp(w.seal), w.ocsp(w.tsa)}
	}
	return v
}

const tokenRoom = 4096

func (w *world) input() pdf.Input {
	c := kernel.DocumentContent{Locale: "en", Title: "Certificate of residence", Municipality: "City of Northwick", Issuer: "Civil Registry Office", Blocks: []kernel.DocumentBlock{
		{Kind: "paragraph", Text: "The person named below is registered at the address shown."},
		{Kind: "fields", Fields: [][2]string{{"Full name", "Anna Whitfield"}, {"Address", "7 Riverside Walk, Northwick NW3 2BX"}}}}}
	return pdf.Input{Content: c, Number: testNumber, IssuedAt: w.now, Zone: time.UTC, VerifyURL: w.checkURI, VerifyAt: "northwick.example/verify",
		Sealer: "Northwick Seal", Level: "B-LTA", CheckURI: w.checkURI, StatusURI: ownOrigin + "/verify/status#7"}
}

// document seals one at a level.
func (w *world) document(level string) []byte {
	w.t.Helper()
	return w.documentWith(level, func(d []byte) []byte { return w.token(w.tsa, d, w.now) })
}

func (w *world) documentWith(level string, stamp func(digest []byte) []byte) []byte {
	w.t.Helper()
	u := w.sealed(level, stamp)
	if level == "B-B" || level == "B-T" {
		return u.Bytes
	}
	reserve := 0
	if level == "B-LTA" {
		reserve = tokenRoom
	}
	i := got(u.Extend(w.validation(), reserve))(w.t)
	if reserve == 0 {
		return i.Bytes()
	}
	return got(i.Seal(stamp(got(i.Digest())(w.t))))(w.t)
}

func (w *world) sealed(level string, stamp func(digest []byte) []byte) *pdf.Unsigned {
	w.t.Helper()
	s := w.signer(w.seal)
	u := got(w.engine.Render(w.input(), &pdf.Slot{Reserve: s.Size() + tokenRoom, Name: "Northwick Seal", Reason: "Issue of an official document", Location: "Northwick", Timestamp: level == "B-LTA"}))(w.t)
	signed := got(s.Sign(cms.Content{Type: cms.OIDData, Digest: got(u.Digest())(w.t)}))(w.t)
	var tokens [][]byte
	if level != "B-B" {
		sum := sha256.Sum256(signed.Value)
		tokens = [][]byte{stamp(sum[:])}
	}
	got(u.Seal(got(signed.Encode(tokens...))(w.t)))(w.t)
	return u
}

// renew adds a document timestamp by another authority to a stored file.
func (w *world) renew(file []byte, tsa *identity, at time.Time) []byte {
	w.t.Helper()
	s := got(pdf.Reopen(file))(w.t)
	v := pdf.Validation{Certs: [][]byte{tsa.cert.Raw, w.issuing.cert.Raw}, CRLs: [][]byte{w.crl(w.issuing, w.revoked, at)}}
	i := got(s.Extend(v, tokenRoom))(w.t)
	return got(i.Seal(w.token(tsa, got(i.Digest())(w.t), at)))(w.t)
}

// bundle is what a stranger trusts, as of a time.
func (w *world) bundle(at time.Time) []byte {
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.root.cert.Raw})
	out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: w.crl(w.root, nil, at)})...)
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: w.crl(w.issuing, w.revoked, at)})...)
}

func (w *world) trust(at time.Time) *verify.Trust {
	w.t.Helper()
	return got(verify.ParseTrust(w.bundle(at)))(w.t)
}

func (w *world) verify(file []byte) verify.Report {
	w.t.Helper()
	return verify.Verify(file, w.trust(w.now), verify.Options{At: w.now.Add(time.Minute)})
}
