package verify_test

import (
	"testing"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// withCertificate adds one certificate to those the container carries; no signature covers them.
func withCertificate(t *testing.T, cms, extra []byte) []byte {
	t.Helper()
	explicit0 := der.Tag(0).ContextSpecific().Constructed()
	in := cryptobyte.String(cms)
	var info, kind, content, sd, version, algs, encap, certs, infos cryptobyte.String
	if !in.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1Element(&kind, der.OBJECT_IDENTIFIER) || !info.ReadASN1(&content, explicit0) ||
		!content.ReadASN1(&sd, der.SEQUENCE) || !sd.ReadASN1Element(&version, der.INTEGER) || !sd.ReadASN1Element(&algs, der.SET) ||
		!sd.ReadASN1Element(&encap, der.SEQUENCE) || !sd.ReadASN1(&certs, explicit0) || !sd.ReadASN1Element(&infos, der.SET) {
		t.Fatal("the container is not as we write it")
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(kind)
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(version)
				b.AddBytes(algs)
				b.AddBytes(encap)
				b.AddASN1(explicit0, func(b *cryptobyte.Builder) {
					b.AddBytes(certs)
					b.AddBytes(extra)
				})
				b.AddBytes(infos)
			})
		})
	})
	out, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
