package status

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"townhall/modules/documents/verify"
)

// MediaType is what a list is served as; Type is the same in its header.
const (
	MediaType = "application/statuslist+jwt"
	Type      = "statuslist+jwt"
)

// header is the JOSE header (RFC 7515): the certificates go along, so that a trust bundle is all a checker needs.
type header struct {
	Algorithm string   `json:"alg"`
	Type      string   `json:"typ"`
	Chain     []string `json:"x5c"`
}

// Issue signs the list of one address with a seal: the places of revoked and of superseded documents, all others valid.
// chain is the seal's certificate and those above it. ECDSA on P-256 gives ES256, RSA gives RS256 (RFC 7518, 3.1).
func Issue(key crypto.Signer, chain []*x509.Certificate, uri string, revoked, superseded []int, now time.Time) ([]byte, error) {
	packed, err := pack(revoked, superseded)
	if err != nil {
		return nil, err
	}
	h := header{Type: Type}
	switch k := key.Public().(type) {
	case *rsa.PublicKey:
		h.Algorithm = "RS256"
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, errors.New("a status list is signed with P-256 or RSA")
		}
		h.Algorithm = "ES256"
	default:
		return nil, fmt.Errorf("a key of type %T signs no status list", k)
	}
	for _, c := range chain {
		h.Chain = append(h.Chain, base64.StdEncoding.EncodeToString(c.Raw))
	}
	c := claims{Subject: uri, IssuedAt: now.Unix(), Expires: now.Add(Lifetime).Unix(), TTL: int64(TTL.Seconds()), List: list{Bits: bits, List: packed}}
	head, err := encode(h)
	if err != nil {
		return nil, err
	}
	body, err := encode(c)
	if err != nil {
		return nil, err
	}
	signed := head + "." + body
	digest := sha256.Sum256([]byte(signed))
	sig, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err == nil && h.Algorithm == "ES256" {
		sig, err = fixedWidth(sig)
	}
	if err != nil {
		return nil, fmt.Errorf("signing the status list: %w", err)
	}
	return []byte(signed + "." + base64.RawURLEncoding.EncodeToString(sig)), nil
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b), err
}

// fixedWidth turns an ASN.1 ECDSA signature into the two numbers side by side (RFC 7518, 3.4).
func fixedWidth(sig []byte) ([]byte, error) {
	var inner cryptobyte.String
	r, s := new(big.Int), new(big.Int)
	in := cryptobyte.String(sig)
	if !in.ReadASN1(&inner, asn1.SEQUENCE) || !in.Empty() || !inner.ReadASN1Integer(r) || !inner.ReadASN1Integer(s) || !inner.Empty() || r.BitLen() > 256 || s.BitLen() > 256 {
		return nil, errors.New("no ECDSA signature")
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out, nil
}

// CheckStatus reads the state of one document from a list, offline: valid, revoked, suspended or superseded. trust is
// a trust bundle in PEM, reference the address and place that the document's seal covers ("…/status-lists/1#815"), now
// the moment at which the list must be in force. It is an error when the list is not signed by a seal that the bundle
// trusts, of the municipality the address belongs to; when it is about another address; or when it is out of date.
func CheckStatus(token, trust []byte, reference string, now time.Time) (string, error) {
	uri, place, err := Split(reference)
	if err != nil {
		return "", err
	}
	c, err := open(token, trust, uri, now)
	if err != nil {
		return "", err
	}
	switch {
	case c.Subject != uri:
		return "", fmt.Errorf("the status list is %s, not %s", c.Subject, uri)
	case time.Unix(c.IssuedAt, 0).After(now.Add(5 * time.Minute)):
		return "", errors.New("the status list is from the future")
	case c.Expires == 0 || !now.Before(time.Unix(c.Expires, 0)):
		return "", fmt.Errorf("the status list ended on %s", time.Unix(c.Expires, 0).UTC().Format(time.RFC3339))
	}
	return c.List.at(place)
}

// open checks the signature and who made it, and returns what it says.
func open(token, trust []byte, uri string, now time.Time) (claims, error) {
	var h header
	var c claims
	parts := strings.Split(strings.TrimSpace(string(token)), ".")
	if len(token) > maxJWT || len(parts) != 3 {
		return c, errors.New("this is no status list in the JWT form")
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err := errors.Join(err, decode(parts[0], &h), decode(parts[1], &c)); err != nil {
		return c, fmt.Errorf("status list: %w", err)
	}
	if h.Type != Type || len(h.Chain) == 0 {
		return c, errors.New("this is no status list with certificates")
	}
	chain := make([]*x509.Certificate, len(h.Chain))
	for i, text := range h.Chain {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return c, fmt.Errorf("certificate of the status list: %w", err)
		}
		if chain[i], err = x509.ParseCertificate(raw); err != nil {
			return c, fmt.Errorf("certificate of the status list: %w", err)
		}
	}
	digest := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if !genuine(h.Algorithm, chain[0], digest[:], sig) {
		return c, errors.New("the signature of the status list is not genuine")
	}
	if err := trusted(trust, chain, now); err != nil {
		return c, fmt.Errorf("the signer of the status list: %w", err)
	}
	return c, sameMunicipality(chain[0], uri)
}

func decode(part string, into any) error {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func genuine(algorithm string, c *x509.Certificate, digest, sig []byte) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return algorithm == "RS256" && key.N.BitLen() >= 2048 && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, sig) == nil
	case *ecdsa.PublicKey:
		if algorithm != "ES256" || key.Curve != elliptic.P256() || len(sig) != 64 {
			return false
		}
		return ecdsa.Verify(key, digest, new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	}
	return false
}

// trusted checks the chain against the roots and the revocation lists of the bundle.
func trusted(trust []byte, chain []*x509.Certificate, now time.Time) error {
	bundle, err := verify.ParseTrust(trust)
	if err != nil {
		return err
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	found, err := chain[0].Verify(x509.VerifyOptions{Roots: bundle.Roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return err
	}
	for block, rest := pem.Decode(trust); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return err
		}
		if revokedBy(l, found[0]) {
			return errors.New("its certificate was revoked")
		}
	}
	return nil
}

func revokedBy(l *x509.RevocationList, chain []*x509.Certificate) bool {
	for i, c := range chain[:len(chain)-1] {
		issuer := chain[i+1]
		if !bytes.Equal(l.RawIssuer, issuer.RawSubject) || l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if slices.ContainsFunc(l.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return e.SerialNumber.Cmp(c.SerialNumber) == 0 }) {
			return true
		}
	}
	return false
}

// sameMunicipality keeps one municipality's seal from speaking for another's documents: a seal of ours names its
// municipality's address (SAN URI). A seal from outside names none, and then only its chain counts.
func sameMunicipality(c *x509.Certificate, uri string) error {
	if len(c.URIs) == 0 {
		return nil
	}
	u, err := url.Parse(uri)
	if err == nil && slices.ContainsFunc(c.URIs, func(own *url.URL) bool { return own.Scheme == u.Scheme && own.Host == u.Host }) {
		return nil
	}
	return errors.New("the status list is signed by the seal of another municipality")
}
