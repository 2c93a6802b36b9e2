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
// same. It is safe for use by many goroutines when the key is. All that does not depend on the content is encoded once.
type Signer struct {
	key       crypto.Signer
	chain     []*x509.Certificate // the signer's own first, then every intermediate, without the root
	lowS      bool
	sigAlg    []byte // AlgorithmIdentifier
	algs      []byte // SET of the one digest algorithm
	certs     []byte // [0] CertificateSet
	head      []byte // SignerInfo up to its signed attributes
	data, tst *form
	size      int
}

// form is what a content type decides.
type form struct {
	kind    asn1.ObjectIdentifier
	oid     []byte // as an element
	version byte   // of SignedData (RFC 5652, 5.1)
	attrs   []byte // the SET OF of signed attributes, with room for the digest
	hole    int
}

// structureRoom is what all but certificates and signature value need at most.
const structureRoom = 1024

// NewSigner checks that key and certificate belong together and that the algorithm is ECDSA P-256 or RSA of at least
// 2048 bits. The chain goes into every signature as it is: signer first, without the root.
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
		s.sigAlg, s.lowS = Algorithm(OIDECDSAWithSHA256, false), true
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
	certs := make([][]byte, len(chain))
	for i, c := range chain {
		certs[i] = c.Raw
		s.size += len(c.Raw)
	}
	s.certs = Append(nil, 0xa0, setOf(certs))
	s.algs = Append(nil, 0x31, Algorithm(OIDSHA256, false))
	s.head = s.signerHead()
	s.data, s.tst = s.form(OIDData, 1), s.form(OIDTSTInfo, 3)
	return s, nil
}

// Size is the number of bytes Encode needs at most, without content and timestamps.
func (s *Signer) Size() int { return s.size }

// Chain is the signer's certificate and every intermediate.
func (s *Signer) Chain() []*x509.Certificate { return s.chain }

// Content is what is signed: its type (OIDData or OIDTSTInfo), its SHA-256 and, where it travels inside, the content
// itself. Bare leaves the certificates out: a timestamp that was asked for without certReq (RFC 3161, 2.4.1).
type Content struct {
	Type   asn1.ObjectIdentifier
	Digest []byte
	Inside []byte
	Bare   bool
}

// Signed is a signature that can still be given timestamps.
type Signed struct {
	Value   []byte // the signature's value: what a signature timestamp is made of
	by      *Signer
	form    *form
	content Content
	attrs   []byte
}

// Sign signs the content with the signed attributes content-type, message-digest, signing-certificate-v2 and
// cmsAlgorithmProtection and no other: EN 319 142-1, 6.3 forbids signing-time in a seal (the claimed time is /M in the
// file). An ECDSA value has the smaller of its two possible s, so that nobody can make a second encoding of a seal.
func (s *Signer) Sign(c Content) (*Signed, error) {
	if len(c.Digest) != sha256.Size {
		return nil, errors.New("the digest is not a SHA-256")
	}
	d := &Signed{by: s, content: c}
	switch {
	case c.Type.Equal(OIDData):
		d.form = s.data
	case c.Type.Equal(OIDTSTInfo):
		d.form = s.tst
	default:
		return nil, fmt.Errorf("content of type %s is not signed here", c.Type)
	}
	d.attrs = slices.Clone(d.form.attrs)
	copy(d.attrs[d.form.hole:], c.Digest)
	sum := sha256.Sum256(d.attrs)
	value, err := s.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err == nil && s.lowS {
		value, err = lowS(value)
	}
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	d.Value = value
	return d, nil
}

// signerHead is version, signer identifier and digest algorithm (RFC 5652, 5.3).
func (s *Signer) signerHead() []byte {
	var sid cryptobyte.Builder
	sid.AddASN1Int64(1)
	sid.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(s.chain[0].RawIssuer)
		b.AddASN1BigInt(s.chain[0].SerialNumber)
	})
	sid.AddBytes(Algorithm(OIDSHA256, false))
	return sid.BytesOrPanic()
}

func (s *Signer) form(kind asn1.ObjectIdentifier, version byte) *form {
	var oid cryptobyte.Builder
	oid.AddASN1ObjectIdentifier(kind)
	hash := sha256.Sum256(s.chain[0].Raw)
	var hole [sha256.Size]byte
	digest := attribute(OIDMessageDigest, func(b *cryptobyte.Builder) { b.AddASN1OctetString(hole[:]) })
	// The order of DER is by bytes; the digest stands behind an object identifier no other attribute has, so it never
	// decides, and one order is right for all contents.
	all := setOf([][]byte{
		attribute(OIDContentType, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(kind) }), digest,
		attribute(OIDSigningCertV2, func(b *cryptobyte.Builder) { signingCertificate(b, s.chain[0], hash[:]) }),
		attribute(OIDAlgProtection, func(b *cryptobyte.Builder) { s.protection(b) }),
	})
	// What is signed is the SET OF with its own tag, what is sent has the tag [0] (RFC 5652, 5.4).
	f := &form{kind: kind, oid: oid.BytesOrPanic(), version: version, attrs: Append(nil, 0x31, all)}
	f.hole = bytes.Index(f.attrs, digest) + len(digest) - len(hole)
	return f
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
