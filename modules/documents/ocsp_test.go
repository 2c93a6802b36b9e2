package documents

import (
	"crypto/x509"
	"testing"

	"golang.org/x/crypto/ocsp"
)

func ocspRequest(t *testing.T, c, issuer *x509.Certificate) []byte {
	t.Helper()
	b, err := ocsp.CreateRequest(c, issuer, nil)
	must(t, err)
	return b
}

func ocspGood(t *testing.T, answer []byte, c, issuer *x509.Certificate) {
	t.Helper()
	r, err := ocsp.ParseResponseForCert(answer, c, issuer)
	must(t, err)
	if r.Status != ocsp.Good {
		t.Errorf("status %d", r.Status)
	}
}
