package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// SignedData is a parsed CMS with one signer.
type SignedData struct {
	Certs     []*x509.Certificate
	Signer    *x509.Certificate
	Timestamp []byte // the signature timestamp (RFC 3161) in DER, not verified; nil: there is none
	attrs     []byte // content of the SET OF
	byOID     map[string][]byte
	sigAlg    []byte
	signature []byte
}

var errCMS = errors.New("the signature container is malformed")

// Parse reads exactly one DER ContentInfo and returns it with what follows it in the place.
func Parse(raw []byte) (*SignedData, []byte, error) {
	rest := cryptobyte.String(raw)
	var info, content, sd cryptobyte.String
	var oid asn1.ObjectIdentifier
	explicit0 := der.Tag(0).ContextSpecific().Constructed()
	if !rest.ReadASN1(&info, der.SEQUENCE) || !info.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(OIDSignedData) ||
		!info.ReadASN1(&content, explicit0) || !info.Empty() || !content.ReadASN1(&sd, der.SEQUENCE) || !content.Empty() {
		return nil, nil, errCMS
	}
	var version int
	var algs, encap, certs, infos, si cryptobyte.String
	if !sd.ReadASN1Integer(&version) || version != 1 || !sd.ReadASN1(&algs, der.SET) || !bytes.Equal(algs, Algorithm(OIDSHA256, false)) ||
		!sd.ReadASN1(&encap, der.SEQUENCE) || !encap.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(OIDData) || !encap.Empty() ||
		!sd.ReadASN1(&certs, explicit0) || !sd.ReadASN1(&infos, der.SET) || !sd.Empty() || !infos.ReadASN1(&si, der.SEQUENCE) || !infos.Empty() {
		return nil, nil, errCMS
	}
	out := &SignedData{byOID: map[string][]byte{}}
	var last cryptobyte.String
	for !certs.Empty() {
		var one cryptobyte.String
		if !certs.ReadASN1Element(&one, der.SEQUENCE) || bytes.Compare(last, one) >= 0 { // the order of DER; none comes twice
			return nil, nil, errCMS
		}
		last = one
		c, err := x509.ParseCertificate(one)
		if err != nil || !Bearable(c) {
			return nil, nil, errCMS
		}
		out.Certs = append(out.Certs, c)
	}
	return out, rest, out.signerInfo(si)
}

func (d *SignedData) signerInfo(si cryptobyte.String) error {
	var version int
	var sid, issuer, digestAlg, attrs, sigAlg, signature cryptobyte.String
	serial := new(big.Int)
	if !si.ReadASN1Integer(&version) || version != 1 || !si.ReadASN1(&sid, der.SEQUENCE) || !sid.ReadASN1Element(&issuer, der.SEQUENCE) ||
		!sid.ReadASN1Integer(serial) || !sid.Empty() || !si.ReadASN1Element(&digestAlg, der.SEQUENCE) || !bytes.Equal(digestAlg, Algorithm(OIDSHA256, false)) ||
		!si.ReadASN1(&attrs, der.Tag(0).ContextSpecific().Constructed()) || !si.ReadASN1Element(&sigAlg, der.SEQUENCE) || !si.ReadASN1(&signature, der.OCTET_STRING) {
		return errCMS
	}
	token, ok := unsignedTimestamp(si)
	if !ok {
		return errCMS
	}
	d.Timestamp = token
	d.attrs, d.sigAlg, d.signature = attrs, sigAlg, signature
	for _, c := range d.Certs {
		if bytes.Equal(c.RawIssuer, issuer) && c.SerialNumber.Cmp(serial) == 0 {
			d.Signer = c
		}
	}
	if d.Signer == nil {
		return errCMS
	}
	for !attrs.Empty() {
		var a, set cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !attrs.ReadASN1(&a, der.SEQUENCE) || !a.ReadASN1ObjectIdentifier(&oid) || !a.ReadASN1(&set, der.SET) || !a.Empty() {
			return errCMS
		}
		if _, twice := d.byOID[oid.String()]; twice {
			return errCMS
		}
		d.byOID[oid.String()] = set
	}
	return nil
}

// unsignedTimestamp reads what may follow the signature: nothing, or exactly one signature timestamp. Unsigned attributes
// are not protected, so that any other would be room for what nobody sealed.
func unsignedTimestamp(rest cryptobyte.String) (token []byte, ok bool) {
	if rest.Empty() {
		return nil, true
	}
	var all, one, set, value cryptobyte.String
	var oid asn1.ObjectIdentifier
	ok = rest.ReadASN1(&all, der.Tag(1).ContextSpecific().Constructed()) && rest.Empty() && all.ReadASN1(&one, der.SEQUENCE) && all.Empty() &&
		one.ReadASN1ObjectIdentifier(&oid) && oid.Equal(OIDTimeStampToken) && one.ReadASN1(&set, der.SET) && one.Empty() &&
		set.ReadASN1Element(&value, der.SEQUENCE) && set.Empty()
	return value, ok
}

// Value is the signature itself: what a signature timestamp is made of.
func (d *SignedData) Value() []byte { return d.signature }

// What Check can find wrong.
const (
	FaultDigest     = "content"    // the digest is of something else
	FaultSignature  = "signature"  // the value is not of this signer
	FaultAttributes = "attributes" // the signed attributes are not those of a PAdES seal
)

// Check verifies everything that depends on the container and the document's digest, and returns the faults.
func (d *SignedData) Check(digest []byte) []string {
	var bad []string
	var got cryptobyte.String
	md := cryptobyte.String(d.byOID[OIDMessageDigest.String()])
	if !md.ReadASN1(&got, der.OCTET_STRING) || !md.Empty() || !bytes.Equal(got, digest) {
		bad = append(bad, FaultDigest)
	}
	if !d.signatureOK() {
		bad = append(bad, FaultSignature)
	}
	var oid asn1.ObjectIdentifier
	ct := cryptobyte.String(d.byOID[OIDContentType.String()])
	if !ct.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(OIDData) || !d.certificateBound() || !d.algorithmBound() || len(d.byOID) != 4 {
		bad = append(bad, FaultAttributes)
	}
	return bad
}

func (d *SignedData) signatureOK() bool {
	sum := sha256.Sum256(Wrap(der.SET, d.attrs))
	switch k := d.Signer.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return bytes.Equal(d.sigAlg, Algorithm(OIDECDSAWithSHA256, false)) && ecdsa.VerifyASN1(k, sum[:], d.signature)
	case *rsa.PublicKey:
		return k.Size() >= 256 && bytes.Equal(d.sigAlg, Algorithm(OIDRSAWithSHA256, true)) && rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], d.signature) == nil
	}
	return false
}

// certificateBound: the signed attribute names this very certificate, so that another with the same key cannot be
// put in its place (RFC 5035, 3).
func (d *SignedData) certificateBound() bool {
	v := cryptobyte.String(d.byOID[OIDSigningCertV2.String()])
	var sc, ids, id, hash cryptobyte.String
	if !v.ReadASN1(&sc, der.SEQUENCE) || !v.Empty() || !sc.ReadASN1(&ids, der.SEQUENCE) || !ids.ReadASN1(&id, der.SEQUENCE) || !id.ReadASN1(&hash, der.OCTET_STRING) {
		return false
	}
	want := sha256.Sum256(d.Signer.Raw)
	return bytes.Equal(hash, want[:])
}

// algorithmBound: the algorithms outside the signature are the ones inside it (RFC 6211).
func (d *SignedData) algorithmBound() bool {
	v := cryptobyte.String(d.byOID[OIDAlgProtection.String()])
	var p, digestAlg, sigAlg cryptobyte.String
	return v.ReadASN1(&p, der.SEQUENCE) && v.Empty() && p.ReadASN1Element(&digestAlg, der.SEQUENCE) && bytes.Equal(digestAlg, Algorithm(OIDSHA256, false)) &&
		p.ReadASN1(&sigAlg, der.Tag(1).ContextSpecific().Constructed()) && p.Empty() && bytes.Equal(Wrap(der.SEQUENCE, sigAlg), d.sigAlg)
}
