package sign

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// provider is a trust service provider built with the standard library alone: a root, an intermediate, one seal, a
// responder of its own and lists.
type provider struct {
	t                         *testing.T
	root, middle, seal, agent *entry
	url                       string
	now                       time.Time

	mu     sync.Mutex
	asked  int
	ocsp   func() []byte // nil: not reachable
	list   func() []byte // of the intermediate
	parent func() []byte // of the root
}

func newProvider(t *testing.T, a Algorithm) *provider {
	t.Helper()
	p := &provider{t: t, now: time.Now()}
	web := httptest.NewServer(p)
	t.Cleanup(web.Close)
	p.url = web.URL
	ca := func(cn string) *x509.Certificate {
		c := authority(InitOptions{Name: "Trust Ltd", Now: p.now}, cn, 5, -1)
		return c
	}
	p.root = p.issue(nil, ca("Trust Root"), a)
	middle := ca("Trust Seals")
	middle.CRLDistributionPoints = []string{p.url + "/root.crl"}
	p.middle = p.issue(p.root, middle, a)
	p.seal = p.issue(p.middle, &x509.Certificate{Subject: pkix.Name{CommonName: "Northwick Council"}, NotBefore: p.now.Add(-time.Hour), NotAfter: p.now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageContentCommitment, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		OCSPServer: []string{p.url + "/ocsp"}, CRLDistributionPoints: []string{p.url + "/seals.crl"}}, a)
	p.agent = p.responder(true, x509.ExtKeyUsageOCSPSigning)
	p.ocsp = func() []byte { return p.answer(p.agent, ocsp.Good, time.Hour) }
	p.list = func() []byte { return p.revocations(p.middle, time.Hour) }
	p.parent = func() []byte { return p.revocations(p.root, time.Hour) }
	return p
}

func (p *provider) issue(by *entry, c *x509.Certificate, a Algorithm) *entry {
	p.t.Helper()
	e, err := issue(by, c, a, nil)
	must(p.t, err)
	return e
}

func (p *provider) responder(nocheck bool, usage x509.ExtKeyUsage) *entry {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "Trust OCSP"}, NotBefore: p.now.Add(-time.Hour), NotAfter: p.now.AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	if nocheck {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: []byte{5, 0}}}
	}
	return p.issue(p.middle, c, ECDSA)
}

func (p *provider) answer(by *entry, status int, holds time.Duration) []byte {
	tmpl := ocsp.Response{Status: status, SerialNumber: p.seal.cert.SerialNumber, ThisUpdate: p.now.Add(-time.Minute), NextUpdate: p.now.Add(holds), Certificate: by.cert}
	if status == ocsp.Revoked {
		tmpl.RevokedAt = p.now.Add(-time.Hour)
	}
	if by == p.middle {
		tmpl.Certificate = nil
	}
	raw, err := ocsp.CreateResponse(p.middle.cert, by.cert, tmpl, by.key)
	must(p.t, err)
	return raw
}

func (p *provider) revocations(by *entry, holds time.Duration, revoked ...*x509.Certificate) []byte {
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: p.now.Add(-time.Hour), NextUpdate: p.now.Add(holds)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: p.now.Add(-time.Hour)})
	}
	raw, err := x509.CreateRevocationList(rand.Reader, l, by.cert, by.key)
	must(p.t, err)
	return raw
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	f := map[string]func() []byte{"/ocsp": p.ocsp, "/seals.crl": p.list, "/root.crl": p.parent}[r.URL.Path]
	if f == nil {
		http.NotFound(w, r)
		return
	}
	w.Write(f())
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// files writes what a town gets from its provider.
func (p *provider) files() Outside {
	p.t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(p.seal.key)
	must(p.t, err)
	return Outside{CertificateFile: save(p.t, "seal.pem", pemOf(p.root.cert, p.seal.cert, p.middle.cert)), Key: save(p.t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}
}

func TestASealFromOutsideIsUsedInsteadOfTheEmbeddedOne(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		p := newProvider(t, a)
		k, here := newKeys(t, ECDSA), town("northwick", origin)
		o := SealOptions{Level: BLTA, Stamper: newTSA(t, k), Outside: p.files()}
		s, err := k.Seal(here, o, time.Now())
		must(t, err)
		if same, err := k.Seal(here, o, time.Now()); err != nil || same != s {
			t.Errorf("the sealer is made anew: %v", err)
		}
		raw := sealOf(t, s, []byte("a page"))
		bundle := append(bundleOf(t, k, s.Roots()...), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.list()})...)
		bundle = append(bundle, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: p.parent()})...)
		if out, ok := cmsSaysYes(t, bundle, raw, []byte("a page")); !ok {
			t.Error(out)
		}
		v, err := s.Validation(t.Context(), time.Now())
		must(t, err)
		for name, c := range map[string]*x509.Certificate{"root": p.root.cert, "intermediate": p.middle.cert, "seal": p.seal.cert, "responder": p.agent.cert, "our root": k.Root()} {
			if !has(v.Certs, c.Raw) {
				t.Errorf("no certificate of the %s", name)
			}
		}
		if len(v.OCSPs) != 2 || len(v.CRLs) != 2 { // the seal's and the timestamp's; the provider's root's and ours
			t.Errorf("%d answers, %d lists", len(v.OCSPs), len(v.CRLs))
		}
		n := p.count()
		for range 3 {
			_, err = s.Validation(t.Context(), time.Now())
			must(t, err)
		}
		if p.count() != n {
			t.Error("the provider is asked for every document")
		}
		if list, err := k.List(); err != nil || len(list) != 3 {
			t.Errorf("a seal was made that nobody needs: %+v %v", list, err)
		}
	}
}

func TestWithoutRevocationDataFromOutsideTheDocumentIsRefused(t *testing.T) {
	t.Parallel()
	stranger := newProvider(t, ECDSA)
	for name, c := range map[string]struct {
		change func(p *provider)
		want   string // in the error; empty: there is none
	}{
		"all is well":          {func(*provider) {}, ""},
		"no responder, a list": {func(p *provider) { p.ocsp = nil }, ""},
		"a responder, no list": {func(p *provider) { p.list = nil }, ""},
		"the authority itself answers": {func(p *provider) {
			p.ocsp = func() []byte { return p.answer(p.middle, ocsp.Good, time.Hour) }
			p.list = nil
		}, ""},
		"neither":                  {func(p *provider) { p.ocsp, p.list = nil, nil }, "404"},
		"no list of the root":      {func(p *provider) { p.parent = nil }, "Trust Seals"},
		"the list is a stranger's": {func(p *provider) { p.ocsp = nil; p.list = func() []byte { return stranger.list() } }, "seals.crl"},
		"the list ended": {func(p *provider) {
			p.ocsp = nil
			p.list = func() []byte { return p.revocations(p.middle, -time.Minute) }
		}, "not in force"},
		"the list is no list":         {func(p *provider) { p.ocsp = nil; p.list = func() []byte { return []byte("<html>") } }, "seals.crl"},
		"the list is endless":         {func(p *provider) { p.ocsp = nil; p.list = func() []byte { return make([]byte, maxFetched+1) } }, "too large"},
		"revoked, says the responder": {func(p *provider) { p.ocsp = func() []byte { return p.answer(p.agent, ocsp.Revoked, time.Hour) } }, "revoked"},
		"revoked, says the list": {func(p *provider) {
			p.ocsp = nil
			p.list = func() []byte { return p.revocations(p.middle, time.Hour, p.seal.cert) }
		}, "revoked"},
		"the intermediate is revoked": {func(p *provider) { p.parent = func() []byte { return p.revocations(p.root, time.Hour, p.middle.cert) } }, "revoked"},
		"the responder does not know": {func(p *provider) {
			p.list = nil
			p.ocsp = func() []byte { return p.answer(p.agent, ocsp.Unknown, time.Hour) }
		}, "no answer"},
		"the answer ended": {func(p *provider) {
			p.list = nil
			p.ocsp = func() []byte { return p.answer(p.agent, ocsp.Good, -time.Second) }
		}, "no answer"},
		"the answer is a stranger's": {func(p *provider) { p.list = nil; p.ocsp = func() []byte { return stranger.ocsp() } }, "ocsp"},
		"a seal answers for its authority": {func(p *provider) {
			p.list = nil
			e := p.responder(true, x509.ExtKeyUsageEmailProtection)
			p.ocsp = func() []byte { return p.answer(e, ocsp.Good, time.Hour) }
		}, "may not answer"},
		"nobody vouches for the responder": {func(p *provider) {
			p.list = nil
			e := p.responder(false, x509.ExtKeyUsageOCSPSigning)
			p.ocsp = func() []byte { return p.answer(e, ocsp.Good, time.Hour) }
		}, "vouches"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, ECDSA)
			p.mu.Lock()
			c.change(p)
			p.mu.Unlock()
			k := newKeys(t, ECDSA)
			s, err := k.Seal(town("northwick", origin), SealOptions{Level: BLT, Stamper: newTSA(t, k), Outside: p.files()}, time.Now())
			must(t, err)
			_, err = s.Validation(t.Context(), time.Now())
			if c.want == "" && err != nil {
				t.Error(err)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestEvidenceFromOutsideIsAskedForAgainShortlyBeforeItEnds(t *testing.T) {
	t.Parallel()
	p, now := newProvider(t, ECDSA), time.Now()
	k := newKeys(t, ECDSA)
	s, err := k.Seal(town("northwick", origin), SealOptions{Level: BLT, Stamper: newTSA(t, k), Outside: p.files()}, now)
	must(t, err)
	_, err = s.Validation(t.Context(), now)
	must(t, err)
	n := p.count()
	_, err = s.Validation(t.Context(), now.Add(50*time.Minute))
	must(t, err)
	if p.count() > n+1 { // the list of the root holds for two hours, of which a tenth is left for another attempt
		t.Errorf("asked %d times more", p.count()-n)
	}
	p.mu.Lock()
	p.ocsp, p.list = nil, nil
	p.mu.Unlock()
	if _, err = s.Validation(t.Context(), now.Add(59*time.Minute)); err == nil {
		t.Error("evidence that is about to end was taken again")
	}
}

func TestASealFromOutsideWhosePartsDoNotFitIsAnErrorThatSaysWhy(t *testing.T) {
	t.Parallel()
	p := newProvider(t, ECDSA)
	other := newProvider(t, ECDSA)
	good := p.files()
	k := newKeys(t, ECDSA)
	cert := func(certs ...*x509.Certificate) Outside {
		return Outside{CertificateFile: save(t, "c.pem", pemOf(certs...)), Key: good.Key}
	}
	open := save(t, "open.pem", nil)
	must(t, os.Chmod(open, 0o644))
	for name, c := range map[string]struct {
		o    Outside
		want string
	}{
		"without root":         {cert(p.seal.cert, p.middle.cert), "root"},
		"without intermediate": {cert(p.seal.cert, p.root.cert), "root"},
		"only itself":          {cert(p.seal.cert), "root"},
		"another's key":        {Outside{CertificateFile: good.CertificateFile, Key: other.files().Key}, "belongs"},
		"no file":              {Outside{CertificateFile: filepath.Join(t.TempDir(), "none"), Key: good.Key}, "no such file"},
		"no key":               {Outside{CertificateFile: good.CertificateFile, Key: good.CertificateFile}, "no private key"},
		"a key others read":    {Outside{CertificateFile: good.CertificateFile, Key: open}, "chmod"},
		"a key in a token":     {Outside{CertificateFile: good.CertificateFile, Key: "pkcs11:token=t;object=o"}, "module-path"},
	} {
		_, err := k.Seal(town("northwick", origin), SealOptions{Level: BB, Outside: c.o}, time.Now())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryFormOfAPrivateKeyIsRead(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		p := newProvider(t, a)
		o := p.files()
		var block pem.Block
		switch key := p.seal.key.(type) {
		case *ecdsa.PrivateKey:
			raw, err := x509.MarshalECPrivateKey(key)
			must(t, err)
			block = pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}
		case *rsa.PrivateKey:
			block = pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
		}
		o.Key = save(t, "old.pem", pem.EncodeToMemory(&block))
		_, err := newKeys(t, ECDSA).Seal(town("northwick", origin), SealOptions{Level: BB, Outside: o}, time.Now())
		must(t, err)
	}
}

func TestAnAddressOfAKeyInATokenIsReadStrictly(t *testing.T) {
	t.Parallel()
	pin := save(t, "pin", []byte("12 34\n"))
	k, err := parseURI("pkcs11:token=My%20Token;object=seal;id=%01%02;type=private?module-path=/lib/x.so&pin-source=file:" + pin)
	must(t, err)
	if k.token != "My Token" || k.object != "seal" || k.id != "\x01\x02" || k.module != "/lib/x.so" || k.pin != "12 34" {
		t.Errorf("%+v", k)
	}
	for _, bad := range []string{
		"pkcs11:", "pkcs11:token=a;object=b", "pkcs11:object=b?module-path=/x", "pkcs11:token=a?module-path=/x", "pkcs11:token=a;serial=b;object=c?module-path=/x",
		"pkcs11:token=a;object=b;manufacturer=c?module-path=/x", "pkcs11:token=a;token=b;object=c?module-path=/x", "pkcs11:token;object=c?module-path=/x",
		"pkcs11:token=%zz;object=c?module-path=/x", "pkcs11:token=a;object=b;type=cert?module-path=/x", "pkcs11:token=a;object=b?module-path=/x&pin-value=1&pin-source=" + pin,
		"pkcs11:token=a;object=b?module-path=/x&pin-value=987654321&x=y",
	} {
		if _, err := parseURI(bad); err == nil {
			t.Errorf("%s is taken", bad)
		} else if strings.Contains(err.Error(), "987654321") {
			t.Errorf("the error tells the PIN: %v", err)
		}
	}
	must(t, os.Chmod(pin, 0o644))
	if _, err := parseURI("pkcs11:token=a;object=b?module-path=/x&pin-source=" + pin); err == nil {
		t.Error("a PIN others can read is taken")
	}
}
