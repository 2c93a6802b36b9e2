package sign

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// responder serves a folder's OCSP answers as the module will.
func responder(t *testing.T, k *Keys) string {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q, err := io.ReadAll(r.Body)
		if err == nil {
			q, err = k.OCSP(q, time.Now())
		}
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(q)
	}))
	t.Cleanup(web.Close)
	return web.URL
}

func TestOpenSSLAsksTheResponder(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA} {
		k, here := newKeys(t, a), town("northwick", origin)
		url := responder(t, k)
		root, issuing := save(t, "root.pem", pemOf(k.Root())), save(t, "issuing.pem", pemOf(k.Issuing()))
		ask := func(issuer, serial string, more ...string) string {
			return tool(t, "openssl", append([]string{"ocsp", "-issuer", issuer, "-serial", "0x" + serial, "-url", url, "-CAfile", root, "-verify_other", issuing, "-resp_text"}, more...)...)
		}
		s, err := k.Seal(here, SealOptions{Level: BB}, time.Now())
		must(t, err)
		serial := serialOf(s.Certificate())
		for _, c := range []struct {
			what string
			out  string
			want []string
		}{
			{"a seal", ask(issuing, serial), []string{"Response verify OK", ": good", "OCSP Nonce"}},
			{"a seal, by SHA-256", tool(t, "openssl", "ocsp", "-sha256", "-issuer", issuing, "-serial", "0x"+serial, "-url", url, "-CAfile", root), []string{"Response verify OK", ": good"}},
			{"without a nonce", ask(issuing, serial, "-no_nonce"), []string{"Response verify OK", ": good"}},
			{"a certificate never made", ask(issuing, "4242"), []string{"Response verify OK", ": unknown"}},
			{"the issuing authority", ask(root, serialOf(k.Issuing())), []string{"Response verify OK", ": good"}},
			{"the timestamps", ask(root, serialOf(newTSA(t, k).Chains()[0][0])), []string{"Response verify OK", ": good"}},
			{"two at once", ask(issuing, serial, "-serial", "0x4242"), []string{"Response verify OK", ": good", ": unknown"}},
		} {
			for _, w := range c.want {
				if !strings.Contains(c.out, w) {
					t.Errorf("%s: openssl does not say %q:\n%s", c.what, w, c.out)
				}
			}
			if strings.Contains(c.out, "WARNING") && c.what != "without a nonce" {
				t.Errorf("%s: %s", c.what, c.out)
			}
		}
		must(t, k.RevokeSeal(serial, KeyCompromise, time.Now()))
		if out := ask(issuing, serial); !strings.Contains(out, ": revoked") || !strings.Contains(out, "Reason: keyCompromise") || !strings.Contains(out, "Response verify OK") {
			t.Errorf("after revocation:\n%s", out)
		}
		// Seals of the issuing authority are not the root's to answer for, and neither are a stranger's.
		if out := ask(root, serial); !strings.Contains(out, ": unknown") {
			t.Error(out)
		}
		stranger := save(t, "stranger.pem", pemOf(newKeys(t, ECDSA).Issuing()))
		if out, _ := lenient(t, "openssl", "ocsp", "-issuer", stranger, "-serial", "0x1", "-url", url, "-CAfile", root); !strings.Contains(out, "unauthorized (6)") {
			t.Error(out)
		}
	}
}

func TestAnotherLibraryReadsTheAnswersAndARequestNobodyCanReadIsCalledSo(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	s, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		q, err := ocsp.CreateRequest(s.Certificate(), k.Issuing(), &ocsp.RequestOptions{Hash: h})
		must(t, err)
		raw, err := k.OCSP(q, time.Now())
		must(t, err)
		r, err := ocsp.ParseResponseForCert(raw, s.Certificate(), k.Issuing())
		must(t, err)
		if r.Status != ocsp.Good || r.Certificate != nil || time.Until(r.NextUpdate) < 23*time.Hour {
			t.Errorf("%+v", r)
		}
		for i := range q {
			for _, bad := range [][]byte{q[:i], slices.Concat(q[:i], []byte{q[i] ^ 0x55}, q[i+1:])} {
				if raw, err := k.OCSP(bad, time.Now()); err != nil || len(raw) < 5 {
					t.Fatalf("request %x: %x, %v", bad, raw, err)
				}
			}
		}
	}
	for _, bad := range [][]byte{nil, {0x30, 0}, []byte("hello"), bytes.Repeat([]byte{0x30}, maxOCSP+1)} {
		raw, err := k.OCSP(bad, time.Now())
		must(t, err)
		if _, err := ocsp.ParseResponse(raw, nil); err != ocsp.ResponseError(ocsp.ResponseError{Status: ocsp.Malformed}) {
			t.Errorf("%v", err)
		}
	}
}

func TestARevocationShowsInEveryProcessAtOnceAndNothingIsSealedAnyMore(t *testing.T) {
	t.Parallel()
	k, here := newKeys(t, ECDSA), town("northwick", origin)
	other := again(t, k)
	tsa := newTSA(t, other)
	o := SealOptions{Level: BLTA, Stamper: tsa}
	s, err := other.Seal(here, o, time.Now())
	must(t, err)
	_, err = s.Validation(t.Context(), time.Now())
	must(t, err)
	serial := serialOf(s.Certificate())
	before := number(t, other, "issuing")

	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	must(t, k.RevokeSeal(serial, KeyCompromise, at))
	must(t, k.RevokeSeal(serial, Superseded, time.Now())) // the first word stands
	deadline := time.Now().Add(5 * time.Second)
	for !listed(t, other, serial) {
		if time.Now().After(deadline) {
			t.Fatal("the other process still serves the old list")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for name, p := range map[string]*Keys{"the process that revoked": k, "another": other, "one that starts": again(t, k)} {
		if !listed(t, p, serial) {
			t.Errorf("%s: not on the list", name)
		}
		q, err := ocsp.CreateRequest(s.Certificate(), k.Issuing(), nil)
		must(t, err)
		raw, err := p.OCSP(q, time.Now())
		must(t, err)
		if r, err := ocsp.ParseResponseForCert(raw, s.Certificate(), k.Issuing()); err != nil || r.Status != ocsp.Revoked || r.RevocationReason != ocsp.KeyCompromise || !r.RevokedAt.Equal(at) {
			t.Errorf("%s: %+v %v", name, r, err)
		}
		if _, err := p.Seal(here, o, time.Now()); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("%s seals: %v", name, err)
		}
		list, err := p.List()
		must(t, err)
		if i := list[3]; i.State != Revoked || i.Reason != "key-compromise" || !i.RevokedAt.Equal(at) {
			t.Errorf("%s: %+v", name, i)
		}
	}
	if _, err := s.Validation(t.Context(), time.Now()); err == nil {
		t.Error("there is evidence for a revoked seal")
	}
	if after := number(t, other, "issuing"); after.Cmp(before) <= 0 {
		t.Errorf("list %s came after list %s", after, before)
	}
	_, err = other.Rotate(here, time.Now())
	must(t, err)
	s, err = other.Seal(here, o, time.Now())
	must(t, err)
	_, err = s.Validation(t.Context(), time.Now())
	must(t, err)
}

func crlOf(t *testing.T, k *Keys, name string, now time.Time) *x509.RevocationList {
	t.Helper()
	raw, err := k.CRL(name, now)
	must(t, err)
	l, err := x509.ParseRevocationList(raw)
	must(t, err)
	return l
}

func number(t *testing.T, k *Keys, name string) *big.Int {
	return crlOf(t, k, name, time.Now()).Number
}

func listed(t *testing.T, k *Keys, serial string) bool {
	return slices.ContainsFunc(crlOf(t, k, "issuing", time.Now()).RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Text(16) == serial })
}

func TestOnlyWhatExistsIsRevokedAndOnlyForAReasonThatFits(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	s, err := k.Seal(town("northwick", origin), SealOptions{Level: BB}, time.Now())
	must(t, err)
	for _, serial := range []string{"", "42", serialOf(k.Issuing()), serialOf(k.Root())} {
		if err := k.RevokeSeal(serial, KeyCompromise, time.Now()); err == nil {
			t.Errorf("serial %q was revoked", serial)
		}
	}
	for _, r := range []Reason{2, 6, 7, 8, 10, -1, 99} {
		if err := k.RevokeSeal(serialOf(s.Certificate()), r, time.Now()); err == nil {
			t.Errorf("reason %d was taken", r)
		}
	}
	for _, name := range []string{"unspecified", "key-compromise", "superseded", "affiliation-changed", "cessation-of-operation", "privilege-withdrawn"} {
		if r, err := ParseReason(name); err != nil || r.String() != name {
			t.Errorf("%s: %v %v", name, r, err)
		}
	}
	if _, err := ParseReason("because"); err == nil {
		t.Error("any reason will do")
	}
}

func TestAListOfAllProcessesHasOneNumberThatOnlyGrows(t *testing.T) {
	t.Parallel()
	k := newKeys(t, ECDSA)
	now := time.Now()
	for _, name := range []string{"root", "issuing"} {
		one, two := crlOf(t, k, name, now), crlOf(t, again(t, k), name, now.Add(time.Minute))
		if !bytes.Equal(one.Raw, two.Raw) {
			t.Errorf("%s: two processes serve two lists", name)
		}
		last := one.Number
		for _, at := range []time.Time{now.Add(25 * time.Hour), now.Add(-48 * time.Hour), now} { // also when a clock was set back
			next := crlOf(t, again(t, k), name, at)
			if next.Number.Cmp(last) <= 0 {
				t.Errorf("%s: %s after %s", name, next.Number, last)
			}
			last = next.Number
		}
	}
	if _, err := k.CRL("other", now); err == nil {
		t.Error("there is a list of nobody")
	}
}

func TestOpenSSLAcceptsTheListsAndRefusesARevokedSeal(t *testing.T) {
	t.Parallel()
	for _, a := range []Algorithm{ECDSA, RSA3072} {
		k, here := newKeys(t, a), town("northwick", origin)
		s, err := k.Seal(here, SealOptions{Level: BB}, time.Now())
		must(t, err)
		seal := sealOf(t, s, []byte("x"))
		if out, ok := cmsSaysYes(t, bundleOf(t, k), seal, []byte("x")); !ok {
			t.Error(out)
		}
		must(t, k.RevokeSeal(serialOf(s.Certificate()), KeyCompromise, time.Now()))
		tsa := newTSA(t, k)
		must(t, k.RevokeSeal(serialOf(tsa.Chains()[0][0]), Superseded, time.Now()))
		if out, ok := cmsSaysYes(t, bundleOf(t, k), seal, []byte("x")); ok || !strings.Contains(out, "certificate revoked") {
			t.Error(out)
		}
		for name, want := range map[string]string{"root": "Superseded", "issuing": "Key Compromise"} {
			raw, err := k.CRL(name, time.Now())
			must(t, err)
			ca := pemOf(k.Root(), k.Issuing())
			if out := tool(t, "openssl", "crl", "-inform", "DER", "-in", save(t, "crl", raw), "-CAfile", save(t, "ca", ca), "-noout", "-text"); !strings.Contains(out, "verify OK") || !strings.Contains(out, want) || !strings.Contains(out, "X509v3 CRL Number") {
				t.Errorf("%s: %s", name, out)
			}
		}
		if files, _ := filepath.Glob(filepath.Join(k.dir, "crl", "*.crl")); len(files) != 2 {
			t.Errorf("%v", files)
		}
	}
}
