package sign

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"townhall/modules/documents/cms"
)

func TestASealOfEveryLevelIsAcceptedAndItsTimestampIsOfItsSignature(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		k, here, content := newKeys(t, a), town("northwick", origin), []byte("a page")
		tsa := newTSA(t, k)
		for _, l := range []Level{BB, BT, BLT, BLTA} {
			s, err := k.Seal(here, SealOptions{Level: l, Stamper: tsa}, time.Now())
			must(t, err)
			raw := sealOf(t, s, content)
			if out, ok := cmsSaysYes(t, bundleOf(t, k), raw, content); !ok {
				t.Errorf("%s: %s", l, out)
			}
			if out, ok := cmsSaysYes(t, bundleOf(t, k), raw, []byte("b page")); ok {
				t.Errorf("%s: %s", l, out)
			}
			sd, rest, err := cms.Parse(raw)
			must(t, err)
			if len(rest) > 0 || l.Stamped() != (sd.Timestamp != nil) || s.Level() != l {
				t.Fatalf("%s: timestamp %t", l, sd.Timestamp != nil)
			}
			if !l.Stamped() {
				continue
			}
			root := save(t, "root.pem", pemOf(k.Root()))
			out := tool(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", sd.Timestamp), "-data", save(t, "value", sd.Value()), "-CAfile", root)
			if !strings.Contains(out, "Verification: OK") {
				t.Error(out)
			}
			stamp, err := s.Timestamp(t.Context(), sha256Of(content))
			must(t, err)
			if len(stamp) > s.TimestampReserve() {
				t.Errorf("%d bytes, %d reserved", len(stamp), s.TimestampReserve())
			}
			tool(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", stamp), "-data", save(t, "data", content), "-CAfile", root)
		}
	}
}

// broken is a stamper that stops working.
type broken struct{ *TSA }

func (*broken) Stamp(context.Context, []byte) ([]byte, error) { return nil, errors.New("no time") }

func TestALevelIsNeverLowered(t *testing.T) {
	t.Parallel()
	k, here := newKeys(t, ECDSA), town("northwick", origin)
	tsa := newTSA(t, k)
	for _, l := range []Level{BT, BLT, BLTA, "B-X", ""} {
		if _, err := k.Seal(here, SealOptions{Level: l}, time.Now()); err == nil {
			t.Errorf("level %q was made without timestamps", l)
		}
	}
	s, err := k.Seal(here, SealOptions{Level: BLTA, Stamper: &broken{tsa}}, time.Now())
	must(t, err)
	if _, err := s.CMS(t.Context(), make([]byte, 32)); err == nil {
		t.Error("a seal without its timestamp")
	}
	if _, err := s.Timestamp(t.Context(), make([]byte, 32)); err == nil {
		t.Error("a document timestamp from nobody")
	}
	bare, err := k.Seal(here, SealOptions{Level: BB}, time.Now())
	must(t, err)
	if _, err := bare.Timestamp(t.Context(), make([]byte, 32)); err == nil || bare.TimestampReserve() != 0 {
		t.Error("a document timestamp from nobody")
	}
	if _, err := s.CMS(t.Context(), make([]byte, 20)); err == nil {
		t.Error("a short digest was sealed")
	}
}

func TestTheEvidenceOfTheEmbeddedAuthorityIsCompleteAndKept(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		k, here, now := newKeys(t, a), town("northwick", origin), time.Now()
		tsa := newTSA(t, k)
		s, err := k.Seal(here, SealOptions{Level: BLTA, Stamper: tsa}, now)
		must(t, err)
		v, err := s.Validation(t.Context(), now)
		must(t, err)
		stamp := tsa.Chains()[0][0]
		for name, c := range map[string]*x509.Certificate{"seal": s.Certificate(), "issuing": k.Issuing(), "root": k.Root(), "tsa": stamp} {
			if !has(v.Certs, c.Raw) {
				t.Errorf("no certificate of %s", name)
			}
		}
		if len(v.Certs) != 4 || len(v.OCSPs) != 2 || len(v.CRLs) != 2 {
			t.Errorf("%d certificates, %d answers, %d lists", len(v.Certs), len(v.OCSPs), len(v.CRLs))
		}
		if _, err := ocsp.ParseResponseForCert(v.OCSPs[0], s.Certificate(), k.Issuing()); err != nil {
			t.Error(err)
		}
		if _, err := ocsp.ParseResponseForCert(v.OCSPs[1], stamp, k.Root()); err != nil {
			t.Error(err)
		}
		again, err := s.Validation(t.Context(), now.Add(59*time.Minute))
		must(t, err)
		if &again.OCSPs[0][0] != &v.OCSPs[0][0] {
			t.Error("the evidence was made twice")
		}
		later, err := s.Validation(t.Context(), now.Add(61*time.Minute))
		must(t, err)
		if bytes.Equal(later.OCSPs[0], v.OCSPs[0]) {
			t.Error("the evidence is stale")
		}
		// A file is renewed with the evidence for the timestamp it has, when that key is long gone.
		token, err := s.Timestamp(t.Context(), make([]byte, 32))
		must(t, err)
		_, err = k.RotateTSA(now)
		must(t, err)
		tsa.file.forget()
		if _, err = s.Timestamp(t.Context(), make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
		r, err := s.Renewal(t.Context(), now, token)
		must(t, err)
		if next := tsa.Chains()[0][0]; next.Equal(stamp) || !has(r.Certs, stamp.Raw) || !has(r.Certs, next.Raw) || len(r.OCSPs) != 2 {
			t.Errorf("renewal: %d certificates, %d answers", len(r.Certs), len(r.OCSPs))
		}
		v, err = s.Validation(t.Context(), now.Add(62*time.Minute))
		must(t, err)
		if !has(v.Certs, tsa.Chains()[0][0].Raw) {
			t.Error("the evidence is for a timestamp key that was replaced")
		}
		if _, err := s.Renewal(t.Context(), now, []byte("no token")); err == nil {
			t.Error("anything is renewed")
		}
	}
}

// served is an authority elsewhere, with its pages on the web.
func served(t *testing.T, a Algorithm) (*Keys, *TSA, string) {
	t.Helper()
	mux := http.NewServeMux()
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	k, err := Init(t.TempDir(), InitOptions{Name: "Time Ltd", CRLBase: web.URL, Algorithm: a})
	must(t, err)
	tsa := newTSA(t, k)
	mux.Handle("/tsa", tsa)
	mux.HandleFunc(pathOCSP, func(w http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		b.ReadFrom(r.Body)
		out, err := k.OCSP(b.Bytes(), time.Now())
		if err != nil {
			t.Error(err)
		}
		w.Write(out)
	})
	mux.HandleFunc(pathRootCRL, func(w http.ResponseWriter, _ *http.Request) {
		out, err := k.CRL("root", time.Now())
		if err != nil {
			t.Error(err)
		}
		w.Write(out)
	})
	return k, tsa, web.URL
}

func TestTheEvidenceOfATimestampAuthorityOutsideIsFetchedOrTheDocumentIsRefused(t *testing.T) {
	t.Parallel()
	elsewhere, _, url := served(t, RSA)
	k, here := newKeys(t, ECDSA), town("northwick", origin)
	client, err := NewTSAClient(url+"/tsa", pool(elsewhere.Root()), TSAOptions{})
	must(t, err)
	s, err := k.Seal(here, SealOptions{Level: BLTA, Stamper: client}, time.Now())
	must(t, err)
	raw := sealOf(t, s, []byte("a page"))
	v, err := s.Validation(t.Context(), time.Now())
	must(t, err)
	if len(v.Certs) != 5 || len(v.OCSPs) != 2 || len(v.CRLs) != 2 {
		t.Errorf("%d certificates, %d answers, %d lists", len(v.Certs), len(v.OCSPs), len(v.CRLs))
	}
	sd, _, err := cms.Parse(raw)
	must(t, err)
	tool(t, "openssl", "ts", "-verify", "-token_in", "-in", save(t, "token", sd.Timestamp), "-data", save(t, "value", sd.Value()), "-CAfile", save(t, "root", pemOf(elsewhere.Root())))
	roots := s.Roots()
	if len(roots) != 2 || !roots[1].Equal(elsewhere.Root()) || !bytes.Contains(bundleOf(t, k, roots...), pemOf(elsewhere.Root())) {
		t.Errorf("%d roots", len(roots))
	}
	if out, ok := cmsSaysYes(t, bundleOf(t, k, roots...), raw, []byte("a page")); !ok {
		t.Error(out)
	}
	must(t, elsewhere.RevokeSeal(serialOf(client.Chains()[0][0]), KeyCompromise, time.Now()))
	elsewhere.revoked.forget()
	fresh, err := NewSealer(s.signer.Key(), s.chain, SealOptions{Level: BLTA, Stamper: client})
	must(t, err)
	fresh.keys = k
	if _, err := fresh.Validation(t.Context(), time.Now()); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Error(err)
	}
}

func TestATokenLargerThanExpectedMakesMoreRoomForTheNextDocument(t *testing.T) {
	t.Parallel()
	c := &TSAClient{clock: time.Now}
	c.remember([]*x509.Certificate{{Raw: []byte{1}}}, 1000)
	one := c.Reserve()
	c.remember([]*x509.Certificate{{Raw: []byte{1}}}, 3000)
	if two := c.Reserve(); two <= one || two < 3000 || len(c.Chains()) != 1 {
		t.Errorf("%d, then %d", one, two)
	}
}

func TestACertificateTheAuthorityNoLongerUsesIsForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := &TSAClient{clock: func() time.Time { return now }}
	chains := func() (out string) {
		for _, c := range c.Chains() {
			out += string(c[0].Raw)
		}
		return out
	}
	stamp := func(name string, after time.Duration) {
		now = now.Add(after)
		c.remember([]*x509.Certificate{{Raw: []byte(name)}}, 1000)
	}
	stamp("a", 0)
	stamp("b", time.Minute)
	stamp("a", 5*time.Minute)
	if got := chains(); got != "ba" {
		t.Errorf("two machines: %s", got)
	}
	stamp("a", 6*time.Minute)
	if got := chains(); got != "a" {
		t.Errorf("one was switched off: %s", got)
	}
	now = now.Add(24 * time.Hour)
	if got := chains(); got != "a" {
		t.Errorf("the last one: %s", got)
	}
}
