package verify_test

import (
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// withCertificate adds one certificate to those the container carries; no signature covers them.
func withCertificate(t *testing.T, cms, extra []byte) []byte {
	t.Helper()
	return rebuilt(t, cms, func(encap, certs, infos []byte) ([]byte, []byte, []byte) {
		return encap, append(certs, extra...), infos
	})
}

// rebuilt changes parts of a container: its content with the header, the certificates, and the signers with the header.
func rebuilt(t *testing.T, cms []byte, change func(encap, certs, infos []byte) (a, b, c []byte)) []byte {
	t.Helper()
	explicit0 := der.Tag(0).ContextSpecific().Constructed()
	in := cryptobyte.String(cms)
	var info, kind, content, sd, version, algs, encap, certs, infos cryptobyte.String
	if !in.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1Element(&kind, der.OBJECT_IDENTIFIER) || !info.ReadASN1(&content, explicit0) ||
		!content.ReadASN1(&sd, der.SEQUENCE) || !sd.ReadASN1Element(&version, der.INTEGER) || !sd.ReadASN1Element(&algs, der.SET) ||
		!sd.ReadASN1Element(&encap, der.SEQUENCE) || !sd.ReadASN1(&certs, explicit0) || !sd.ReadASN1Element(&infos, der.SET) {
		t.Fatal("the container is not as we write it")
	}
	newEncap, newCerts, newInfos := change(slices.Clone(encap), slices.Clone(certs), slices.Clone(infos))
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(kind)
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(version)
				b.AddBytes(algs)
				b.AddBytes(newEncap)
				b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddBytes(newCerts) })
				b.AddBytes(newInfos)
			})
		})
	})
	out, err := b.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// loose writes the header of an element with one byte of length more than it needs.
func loose(t *testing.T, element []byte) []byte {
	t.Helper()
	switch n := element[1]; {
	case n < 0x80:
		return append([]byte{element[0], 0x81, n}, element[2:]...)
	case n == 0x81:
		return append([]byte{element[0], 0x82, 0, element[2]}, element[3:]...)
	}
	return append([]byte{element[0], 0x83, 0}, element[2:]...)
}

// inside changes what an element holds.
func inside(t *testing.T, element []byte, change func([]byte) []byte) []byte {
	t.Helper()
	s := cryptobyte.String(element)
	var content cryptobyte.String
	var tag der.Tag
	if !s.ReadAnyASN1(&content, &tag) {
		t.Fatal("no element")
	}
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(change(slices.Clone(content))) })
	return b.BytesOrPanic()
}
