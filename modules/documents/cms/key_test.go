package cms

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// A certificate in a stranger's container holds whatever key its maker wrote into it: one that would take hours to compute
// with is refused before anybody tries.
func TestAContainerWithAnEndlessKeyIsMalformed(t *testing.T) {
	t.Parallel()
	key := ecKey(t)
	good := newTestSigner(t, key)
	for _, c := range []struct {
		bits     uint
		exponent int
		want     bool
	}{{8192, 65537, true}, {8192, 1<<31 - 1, false}, {8193, 3, false}, {1 << 18, 3, false}} {
		modulus := new(big.Int).Lsh(big.NewInt(1), c.bits-1)
		public := &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: c.exponent}
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Issuer"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, public, key)
		if err != nil {
			t.Fatal(err)
		}
		issuer, err := x509.ParseCertificate(raw)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSigner(key, []*x509.Certificate{good.Chain()[0], issuer})
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(nil)
		signed, err := s.Sign(Content{Type: OIDData, Digest: digest[:]})
		if err != nil {
			t.Fatal(err)
		}
		der, err := signed.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Parse(der); (err == nil) != c.want {
			t.Errorf("%d bits: %v", c.bits, err)
		}
	}
}
