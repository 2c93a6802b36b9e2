package sign

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

// Level is a PAdES baseline level (EN 319 142-1, 6). It is configured, printed on the document, and never lowered
// in silence: a Sealer that cannot reach its level is not made.
type Level string

const (
	BB   Level = "B-B"   // signature and certificates
	BT   Level = "B-T"   // + signature timestamp, an unsigned attribute of the CMS
	BLT  Level = "B-LT"  // + validation data (DSS)
	BLTA Level = "B-LTA" // + document timestamp
)

// ParseLevel reads a level of the configuration; an empty one is B-B. Anything unknown is an error.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case "":
		return BB, nil
	case BB, BT, BLT, BLTA:
		return l, nil
	}
	return "", fmt.Errorf("signature level %q: want B-B, B-T, B-LT or B-LTA", s)
}

// Sealer makes the CMS of a seal. The key is only ever used through crypto.Signer, so a file and a hardware
// module are the same. It is safe for use by many goroutines when the key is.
type Sealer struct {
	key     crypto.Signer
	chain   []*x509.Certificate // the seal first, then every intermediate, without the root
	level   Level
	sigAlg  []byte // AlgorithmIdentifier
	reserve int
}

// The fixed place in the file: chain, signature and structure, and room for a timestamp token where the level has one.
const (
	structureRoom = 1024
	timestampRoom = 4096
)

// NewSealer checks that key and certificate belong together, that the algorithm is ECDSA P-256 or RSA of at least 2048
// bits, and that the level can be reached. Only B-B can be today: any other level is an error.
func NewSealer(key crypto.Signer, chain []*x509.Certificate, level Level) (*Sealer, error) {
	if len(chain) == 0 || key == nil {
		return nil, errors.New("a seal needs a key and its certificate")
	}
	if level != BB {
		return nil, fmt.Errorf("signature level %s needs a timestamp authority, and none is configured", level)
	}
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(chain[0].PublicKey) {
		return nil, errors.New("the key does not belong to the seal's certificate")
	}
	if chain[0].KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, errors.New("the seal's certificate is not for signatures")
	}
	s := &Sealer{key: key, chain: chain, level: level, reserve: structureRoom}
	switch k := key.Public().(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, errors.New("an ECDSA seal uses the curve P-256")
		}
		s.sigAlg = algorithm(oidECDSAWithSHA256, false)
		s.reserve += 72
	case *rsa.PublicKey:
		if k.Size() < 256 {
			return nil, errors.New("an RSA seal has at least 2048 bits")
		}
		s.sigAlg = algorithm(oidRSAWithSHA256, true)
		s.reserve += k.Size()
	default:
		return nil, fmt.Errorf("keys of type %T cannot seal", k)
	}
	for _, c := range chain {
		s.reserve += len(c.Raw)
	}
	if level != BB {
		s.reserve += timestampRoom
	}
	return s, nil
}

// Reserve is the number of bytes the CMS needs at most: the size of the empty place in the file.
func (s *Sealer) Reserve() int { return s.reserve }

// Level is the level the seal reaches.
func (s *Sealer) Level() Level { return s.level }

// Certificate is the seal's own.
func (s *Sealer) Certificate() *x509.Certificate { return s.chain[0] }

// CMS signs the SHA-256 of a document's byte range. The signed attributes are content-type, message-digest,
// signing-certificate-v2 and cmsAlgorithmProtection and no other: EN 319 142-1, 6.3 forbids signing-time here (the
// claimed time is /M in the file).
func (s *Sealer) CMS(digest []byte) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, errors.New("the digest is not a SHA-256")
	}
	attrs := s.signedAttributes(digest)
	// What is signed is the SET OF with its own tag, what is sent has the tag [0] (RFC 5652, 5.4).
	set := wrap(der.SET, attrs)
	sum := sha256.Sum256(set)
	signature, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return s.encode(attrs, signature, nil)
}

func wrap(tag der.Tag, content []byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	return b.BytesOrPanic()
}

func algorithm(oid asn1.ObjectIdentifier, null bool) []byte {
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

func (s *Sealer) signedAttributes(digest []byte) []byte {
	seal := s.chain[0]
	hash := sha256.Sum256(seal.Raw)
	all := [][]byte{
		attribute(oidContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) }),
		attribute(oidMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(digest) }),
		attribute(oidSigningCertV2, func(b *cryptobyte.Builder) { signingCertificate(b, seal, hash[:]) }),
		attribute(oidAlgProtection, func(b *cryptobyte.Builder) { s.protection(b) }),
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

func (s *Sealer) protection(b *cryptobyte.Builder) {
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm(oidSHA256, false))
		b.AddASN1(der.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
			b.AddBytes(s.sigAlg[2:]) // IMPLICIT: the content without its SEQUENCE header, which is two bytes at these lengths
		})
	})
}

// encode is the ContentInfo around everything. unsigned are complete attributes, e.g. a signature timestamp.
func (s *Sealer) encode(attrs, signature []byte, unsigned [][]byte) ([]byte, error) {
	certs := make([][]byte, len(s.chain))
	for i, c := range s.chain {
		certs[i] = c.Raw
	}
	explicit0 := der.Tag(0).ContextSpecific().Constructed()
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(oidSignedData)
		b.AddASN1(explicit0, func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(algorithm(oidSHA256, false)) })
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oidData) })
				b.AddASN1(explicit0, func(b *cryptobyte.Builder) { b.AddBytes(setOf(certs)) })
				b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { s.signerInfo(b, attrs, signature, unsigned) })
				})
			})
		})
	})
	return b.Bytes()
}

func (s *Sealer) signerInfo(b *cryptobyte.Builder, attrs, signature []byte, unsigned [][]byte) {
	b.AddASN1Int64(1)
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.chain[0].RawIssuer)
		b.AddASN1BigInt(s.chain[0].SerialNumber)
	})
	b.AddBytes(algorithm(oidSHA256, false))
	b.AddASN1(der.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(attrs) })
	b.AddBytes(s.sigAlg)
	b.AddASN1OctetString(signature)
	if len(unsigned) > 0 {
		b.AddASN1(der.Tag(1).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddBytes(setOf(unsigned)) })
	}
}
