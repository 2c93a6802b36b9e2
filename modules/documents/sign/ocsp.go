package sign

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"townhall/modules/documents/cms"
)

// The authority signs its OCSP answers with its own key (RFC 6960, 4.2.2.2, first case) and not through a responder with a
// certificate of its own. The authority's key lies in the same folder, so a second key would protect nothing; and an
// answer without certificates is small, has no certificate that would need an answer itself, and leaves a verifier no
// responder to be mistaken about: only the issuer of a certificate speaks about it.

// How long an answer holds, and how old one may be that goes into a document.
const (
	ocspHolds = 24 * time.Hour
	ocspFresh = time.Hour
)

// Statuses of an answer that says nothing about a certificate (RFC 6960, 4.2.1).
const (
	ocspMalformed    = 1
	ocspUnauthorized = 6
)

// maxOCSP is the largest request, and the most certificates in one.
const (
	maxOCSP  = 4 << 10
	maxAsked = 16
	maxNonce = 128 // RFC 9654, 2.1
)

func oidBasic() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1} }
func oidNonce() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2} }
func oidSHA1() asn1.ObjectIdentifier  { return asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26} }

// asked is one certificate somebody asks about: the identifier as it was sent, and the serial in it.
type asked struct {
	id     []byte
	serial *big.Int
}

// OCSP answers a request in DER (RFC 6960) about certificates of the root or of the issuing authority: good, revoked or,
// where no such certificate was made, unknown. A nonce is echoed. A request that cannot be read or is about another
// authority gets an answer that says so; the error is only for a folder that cannot be read.
func (k *Keys) OCSP(request []byte, now time.Time) ([]byte, error) {
	list, nonce, ok := parseOCSP(request)
	if !ok {
		return ocspStatus(ocspMalformed), nil
	}
	var by *entry
	for _, a := range list {
		e := k.askedFor(a.id)
		if e == nil || by != nil && by != e {
			return ocspStatus(ocspUnauthorized), nil
		}
		by = e
	}
	return k.sayOCSP(by, list, nonce, now)
}

func ocspStatus(n byte) []byte { return []byte{0x30, 3, 0x0a, 1, n} }

func parseOCSP(request []byte) (list []asked, nonce []byte, ok bool) {
	in := cryptobyte.String(request)
	var all, tbs, some cryptobyte.String
	if len(request) > maxOCSP || !in.ReadASN1(&all, der.SEQUENCE) || !in.Empty() || !all.ReadASN1(&tbs, der.SEQUENCE) ||
		!tbs.SkipOptionalASN1(tagged(0)) || !tbs.SkipOptionalASN1(tagged(1)) || !tbs.ReadASN1(&some, der.SEQUENCE) || !all.SkipOptionalASN1(tagged(0)) || !all.Empty() {
		return nil, nil, false
	}
	for !some.Empty() {
		var one, id, fields, skip cryptobyte.String
		a := asked{serial: new(big.Int)}
		if !some.ReadASN1(&one, der.SEQUENCE) || !one.ReadASN1Element(&id, der.SEQUENCE) {
			return nil, nil, false
		}
		a.id = id
		if !id.ReadASN1(&fields, der.SEQUENCE) || !fields.ReadASN1(&skip, der.SEQUENCE) || !fields.ReadASN1(&skip, der.OCTET_STRING) || !fields.ReadASN1(&skip, der.OCTET_STRING) ||
			!fields.ReadASN1Integer(a.serial) || !fields.Empty() || len(list) == maxAsked {
			return nil, nil, false
		}
		list = append(list, a)
	}
	nonce, ok = ocspNonce(tbs)
	return list, nonce, ok && len(list) > 0
}

// ocspNonce returns the value of the nonce's extension, or nil when there is none.
func ocspNonce(rest cryptobyte.String) ([]byte, bool) {
	var outer, all cryptobyte.String
	var present bool
	if !rest.ReadOptionalASN1(&outer, &present, tagged(2)) || !rest.Empty() {
		return nil, false
	}
	if !present {
		return nil, true
	}
	if !outer.ReadASN1(&all, der.SEQUENCE) || !outer.Empty() {
		return nil, false
	}
	var nonce []byte
	for !all.Empty() {
		var ext, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !all.ReadASN1(&ext, der.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&oid) || !ext.SkipOptionalASN1(der.BOOLEAN) || !ext.ReadASN1(&value, der.OCTET_STRING) || !ext.Empty() {
			return nil, false
		}
		if oid.Equal(oidNonce()) {
			if nonce != nil || len(value) < 1 || len(value) > maxNonce+3 {
				return nil, false
			}
			nonce = value
		}
	}
	return nonce, true
}

func tagged(n uint8) der.Tag { return der.Tag(n).ContextSpecific().Constructed() }

// askedFor finds the authority whose name and key the identifier has hashed.
func (k *Keys) askedFor(id cryptobyte.String) *entry {
	var fields, alg, name, key cryptobyte.String
	var oid asn1.ObjectIdentifier
	if !id.ReadASN1(&fields, der.SEQUENCE) || !fields.ReadASN1(&alg, der.SEQUENCE) || !alg.ReadASN1ObjectIdentifier(&oid) ||
		!fields.ReadASN1(&name, der.OCTET_STRING) || !fields.ReadASN1(&key, der.OCTET_STRING) {
		return nil
	}
	for _, e := range []*entry{k.issuing, k.root} {
		switch {
		case oid.Equal(oidSHA1()):
			n, p := sha1.Sum(e.cert.RawSubject), keyHash(e.cert)
			if bytes.Equal(n[:], name) && bytes.Equal(p, key) {
				return e
			}
		case oid.Equal(cms.OIDSHA256):
			n, p := sha256.Sum256(e.cert.RawSubject), sha256.Sum256(keyBits(e.cert))
			if bytes.Equal(n[:], name) && bytes.Equal(p[:], key) {
				return e
			}
		}
	}
	return nil
}

// keyBits is the public key without its algorithm: what OCSP hashes.
func keyBits(c *x509.Certificate) []byte {
	in := cryptobyte.String(c.RawSubjectPublicKeyInfo)
	var info, alg cryptobyte.String
	var bits asn1.BitString
	if !in.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1(&alg, der.SEQUENCE) || !info.ReadASN1BitString(&bits) {
		return nil
	}
	return bits.Bytes
}

// keyHash names a key; SHA-1 because RFC 6960 says so, and nothing depends on its strength.
func keyHash(c *x509.Certificate) []byte {
	h := sha1.Sum(keyBits(c))
	return h[:]
}

func (k *Keys) sayOCSP(by *entry, list []asked, nonce []byte, now time.Time) ([]byte, error) {
	known, err := k.certificates()
	if err != nil {
		return nil, err
	}
	revoked, err := k.revocations()
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tagged(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(keyHash(by.cert)) })
		b.AddASN1GeneralizedTime(now.UTC())
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, a := range list {
				serial := a.serial.Text(16)
				s := known.serial[serial]
				mine := s != nil && bytes.Equal(s.cert.RawIssuer, by.cert.RawSubject)
				r, gone := revoked.all[serial]
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddBytes(a.id)
					status(b, r, gone && (mine || s == nil && by == k.issuing), mine)
					b.AddASN1GeneralizedTime(now.UTC())
					b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(now.Add(ocspHolds).UTC()) })
				})
			}
		})
		if nonce != nil {
			b.AddASN1(tagged(1), func(b *cryptobyte.Builder) {
				b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddASN1ObjectIdentifier(oidNonce())
						b.AddASN1OctetString(nonce)
					})
				})
			})
		}
	})
	tbs, err := b.Bytes()
	if err != nil {
		return nil, err
	}
	return signOCSP(by, tbs)
}

// status is CertStatus: what is known of one certificate.
func status(b *cryptobyte.Builder, r revocation, gone, known bool) {
	switch {
	case gone:
		b.AddASN1(tagged(1), func(b *cryptobyte.Builder) {
			b.AddASN1GeneralizedTime(r.At.UTC())
			if reason, err := ParseReason(r.Reason); err == nil && reason != Unspecified {
				b.AddASN1(tagged(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(reason)) })
			}
		})
	case known:
		b.AddASN1(der.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
	default:
		b.AddASN1(der.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
	}
}

func signOCSP(by *entry, tbs []byte) ([]byte, error) {
	sum := sha256.Sum256(tbs)
	value, err := by.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	alg := cms.Algorithm(cms.OIDECDSAWithSHA256, false)
	if algorithmOf(by.cert.PublicKey) != ECDSA {
		alg = cms.Algorithm(cms.OIDRSAWithSHA256, true)
	}
	var b cryptobyte.Builder
	b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(tagged(0), func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(oidBasic())
				b.AddASN1(der.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
						b.AddBytes(tbs)
						b.AddBytes(alg)
						b.AddASN1BitString(value)
					})
				})
			})
		})
	})
	return b.Bytes()
}

// answer is an OCSP answer made for documents, without anybody having asked.
type answer struct {
	der  []byte
	at   time.Time
	mark *byte
}

// statusOf returns an answer about a certificate of this authority, at most an hour old, and when it should be renewed.
func (k *Keys) statusOf(c *x509.Certificate, by *entry, now time.Time) ([]byte, time.Time, error) {
	revoked, err := k.revocations()
	if err != nil {
		return nil, time.Time{}, err
	}
	serial := serialOf(c)
	k.mu.Lock()
	a, ok := k.answers[serial]
	k.mu.Unlock()
	if ok && a.mark == revoked.mark && now.Sub(a.at).Abs() < ocspFresh {
		return a.der, a.at.Add(ocspFresh), nil
	}
	var id cryptobyte.Builder
	name := sha1.Sum(by.cert.RawSubject)
	id.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(cms.Algorithm(oidSHA1(), true))
		b.AddASN1OctetString(name[:])
		b.AddASN1OctetString(keyHash(by.cert))
		b.AddASN1BigInt(c.SerialNumber)
	})
	a = answer{at: now, mark: revoked.mark}
	if a.der, err = k.sayOCSP(by, []asked{{id: id.BytesOrPanic(), serial: c.SerialNumber}}, nil, now); err != nil {
		return nil, time.Time{}, err
	}
	k.mu.Lock()
	k.answers[serial] = a
	k.mu.Unlock()
	return a.der, now.Add(ocspFresh), nil
}
