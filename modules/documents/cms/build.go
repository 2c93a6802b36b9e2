package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// Signer signs with one key. The key is only ever used through crypto.Signer, so a file and a hardware module are the
// same. It is safe for use by many goroutines when the key is.
type Signer struct {
	key    crypto.Signer
	chain  []*x509.Certificate // the signer's own first, then every intermediate, without the root
	sigAlg []byte              // AlgorithmIdentifier
	size   int
}

// structureRoom is what all but certificates and signature value need at most.
const structureRoom = 1024

// NewSigner checks that key and certificate belong together and that the algorithm is ECDSA P-256 or RSA of at least
// 2048 bits.
func NewSigner(key crypto.Signer, chain []*x509.Certificate) (*Signer, error) {
	if len(chain) == 0 || key == nil {
		return nil, errors.New("a signer needs a key and its certificate")
	}
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(chain[0].PublicKey) {
		return nil, errors.New("the key does not belong to the signer's certificate")
	}
	s := &Signer{key: key, chain: chain, size: structureRoom}
	switch k := key.Public().(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, errors.New("an ECDSA key uses the curve P-256")
		}
		s.sigAlg = Algorithm(OIDECDSAWithSHA256, false)
		s.size += 72
	case *rsa.PublicKey:
		if k.Size() < 256 {
			return nil, errors.New("an RSA key has at least 2048 bits")
		}
		s.sigAlg = Algorithm(OIDRSAWithSHA256, true)
		s.size += k.Size()
	default:
		return nil, fmt.Errorf("keys of type %T cannot sign", k)
	}
	for _, c := range chain {
		s.size += len(c.Raw)
	}
	return s, nil
}

// Size is the number of bytes Encode needs at most, without content and timestamps.
func (s *Signer) Size() int { return s.size }

// Chain is the signer's certificate and every intermediate.
func (s *Signer) Chain() []*x509.Certificate { return s.chain }

// Content is what is signed: its type, its SHA-256 and, where it travels inside, the content itself.
type Content struct {
	Type   asn1.ObjectIdentifier
	Digest []byte
	Inside []byte
}

// Signed is a signature that can still be given timestamps.
type Signed struct {
	Value   []byte // the signature's value: what a signature timestamp is made of
	by      *Signer
	content Content
	attrs   []byte
}

// Sign signs the content with the signed attributes content-type, message-digest, signing-certificate-v2 and
// cmsAlgorithmProtection and no other: EN 319 142-1, 6.3 forbids signing-time in a seal (the claimed time is /M in the
// file).
func (s *Signer) Sign(c Content) (*Signed, error) {
	if len(c.Digest) != sha256.Size {
		return nil, errors.New("the digest is not a SHA-256")
	}
	attrs := s.signedAttributes(c)
	// What is signed is the SET OF with its own tag, what is sent has the tag [0] (RFC 5652, 5.4).
	sum := sha256.Sum256(Wrap(der.SET, attrs))
	value, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return &Signed{Value: value, by: s, content: c, attrs: attrs}, nil
}

// version is 3 where the content is not plain data (RFC 5652, 5.1).
func (d *Signed) version() int64 {
	if d.content.Type.Equal(OIDData) {
		return 1
	}
	return 3
}

func (d *Signed) encapsulated(b *cryptobyte.Builder) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(d.content.Type)
		if d.content.Inside != nil {
			b.AddASN1(der.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1OctetString(d.content.Inside) })
		}
	})
}

// Wrap is one DER element: a tag around content.
func Wrap(tag der.Tag, content []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	return b.BytesOrPanic()
}

// Algorithm is an AlgorithmIdentifier, with the NULL that RSA asks for.
func Algorithm(oid asn1.ObjectIdentifier, null bool) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		if null {
			b.AddASN1NULL()
		}
	})
	return b.BytesOrPanic()
}

// attribute is Attribute of RFC 5652, 5.3, with one value.
func attribute(oid asn1.ObjectIdentifier, value func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oid)
		b.AddASN1(der.SET, value)
	})
	return b.BytesOrPanic()
}

func (s *Signer) signedAttributes(c Content) []byte {
	seal := s.chain[0]
	hash := sha256.Sum256(seal.Raw)
	all := [][]byte{
		attribute(OIDContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(c.Type) }),
		attribute(OIDMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(c.Digest) }),
		attribute(OIDSigningCertV2, func(b *cryptobyte.Builder) { signingCertificate(b, seal, hash[:]) }),
		attribute(OIDAlgProtection, func(b *cryptobyte.Builder) { s.protection(b) }),
	}
	return setOf(all)
}

// setOf joins the members of a SET OF in DER order.
func setOf(all [][]byte) []byte {
	slices.SortFunc(all, bytes.Compare)
	return bytes.Join(all, nil)
}

// signingCertificate is SigningCertificateV2 with one ESSCertIDv2; SHA-256 is its default and not written.
func signingCertificate(b *cryptobyte.Builder, c *x509.Certificate, hash []byte) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(hash)
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1(der.Tag(4).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(c.RawIssuer) })
					})
					b.AddASN1BigInt(c.SerialNumber)
				})
			})
		})
	})
}

func (s *Signer) protection(b *cryptobyte.Builder) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(Algorithm(OIDSHA256, false))
		b.AddASN1(der.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddBytes(s.sigAlg[2:]) // IMPLICIT: the content without its SEQUENCE header, which is two bytes at these lengths
		})
	})
}

// Encode is the ContentInfo around everything. tokens are signature timestamps of the signature's value (RFC 3161,
// appendix A): unsigned attributes.
func (d *Signed) Encode(tokens ...[]byte) ([]byte, error) {
	s := d.by
	var unsigned [][]byte
	for _, t := range tokens {
		unsigned = append(unsigned, attribute(OIDTimeStampToken, func(b *cryptobyte.Builder) { b.AddBytes(t) }))
	}
	certs := make([][]byte, len(s.chain))
	for i, c := range s.chain {
		certs[i] = c.Raw
	}
	explicit0 := der.Tag(0).ContextSpecific().Constructed()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(OIDSignedData)
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(d.version())
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(Algorithm(OIDSHA256, false)) })
				d.encapsulated(b)
				b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddBytes(setOf(certs)) })
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { s.signerInfo(b, d.attrs, d.Value, unsigned) })
				})
			})
		})
	})
	return b.Bytes()
}

func (s *Signer) signerInfo(b *cryptobyte.Builder, attrs, signature []byte, unsigned [][]byte) {
	b.AddASN1Int64(1)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.chain[0].RawIssuer)
		b.AddASN1BigInt(s.chain[0].SerialNumber)
	})
	b.AddBytes(Algorithm(OIDSHA256, false))
	b.AddASN1(der.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(attrs) })
	b.AddBytes(s.sigAlg)
	b.AddASN1OctetString(signature)
	if len(unsigned) > 0 {
		b.AddASN1(der.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(setOf(unsigned)) })
	}
}
