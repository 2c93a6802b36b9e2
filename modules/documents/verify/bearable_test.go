package verify

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

// A stranger's answer brings the certificate that its signature is checked with: one with an endless key is not computed
// with, in an OCSP answer no less than in a seal or a timestamp.
func TestAnOCSPAnswerWithAnEndlessKeyIsNotComputedWith(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		bits uint
		want bool
	}{{4096, true}, {8192, true}, {8193, false}, {1 << 16, false}} {
		modulus := new(big.Int).Lsh(big.NewInt(1), c.bits-1)
		public := &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: 65537}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Responder"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, public, key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := ocsp.CreateResponse(cert, cert, ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(2), ThisUpdate: time.Now(), Certificate: cert}, key)
		if err != nil {
			t.Fatal(err)
		}
		if brings, ok := bearableAnswer(answer); !brings || ok != c.want {
			t.Errorf("%d bits: %v", c.bits, !c.want)
		}
	}
}

// Each answer with a certificate of its own costs a signature check, whoever it is about.
func TestAnswersThatBringTheirCertificateAreFew(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Responder"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	var own, bare evidence
	for i := range maxAnswers + 1 {
		a := ocsp.Response{Status: ocsp.Good, SerialNumber: big.NewInt(int64(i) + 2), ThisUpdate: time.Now(), Certificate: cert}
		with, err := ocsp.CreateResponse(cert, cert, a, key)
		if err != nil {
			t.Fatal(err)
		}
		a.Certificate = nil
		without, err := ocsp.CreateResponse(cert, cert, a, key)
		if err != nil {
			t.Fatal(err)
		}
		if own.add("OCSPs", with, 1) != (i < maxAnswers) || !bare.add("OCSPs", without, 1) {
			t.Fatalf("answer %d", i)
		}
	}
}
