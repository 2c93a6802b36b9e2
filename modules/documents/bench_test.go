package documents

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"syscall"
	"testing"
	"time"

	"townhall/modules/documents/pdf"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
)

// BenchmarkIssue is one document from content to sealed bytes, without the database. The parts: layout and file alone,
// the raw signature, and what the verifier costs on top.
func BenchmarkIssue(b *testing.B) {
	x := newBench(b)
	for _, locale := range []string{"en", "ru", "zh"} {
		in := x.input(sample(locale))
		b.Run("ECDSA/"+locale, func(b *testing.B) {
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				if _, err := sealFile(b.Context(), x.engine, x.sealer, in, sealText{"Issue", "Northwick", time.Now(), noStep}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
	in := x.input(sample("en"))
	b.Run("layout", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.engine.Render(in, &pdf.Slot{Reserve: x.sealer.Reserve()}); err != nil {
				b.Fatal(err)
			}
		}
	})
	digest := sha256.Sum256(nil)
	b.Run("cms-ECDSA", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := x.sealer.CMS(b.Context(), digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	rsaSealer := rsaSeal(b)
	b.Run("RSA/en", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := sealFile(b.Context(), x.engine, rsaSealer, in, sealText{"Issue", "Northwick", time.Now(), noStep}); err != nil {
				b.Fatal(err)
			}
		}
	})
	file := x.seal(b, sample("en"))
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if r := verify.Verify(file, x.trust, verify.Options{}); r.State != verify.Valid {
				b.Fatal(r)
			}
		}
	})
	b.ReportMetric(float64(len(file)), "bytes/file")
}

// cpu is the processor time this process has used: on a shared machine the clock on the wall says little.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rsaSeal is a seal with an RSA key, issued by nobody: a town that brings its own.
func rsaSeal(t testing.TB) *sign.Sealer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "RSA Seal"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	must(t, err)
	cert, err := x509.ParseCertificate(raw)
	must(t, err)
	s, err := sign.NewSealer(crypto.Signer(key), []*x509.Certificate{cert}, sign.SealOptions{Level: sign.BB})
	must(t, err)
	return s
}
