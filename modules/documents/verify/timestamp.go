package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"slices"
	"time"

	tspclient "github.com/notaryproject/tspclient-go"
	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"townhall/modules/documents/cms"
)

// clockSlip is how far the clocks of two timestamp authorities may differ.
const clockSlip = 5 * time.Minute

// stamp is one timestamp of the file.
type stamp struct {
	token    []byte
	digest   []byte // SHA-256 of what it is said to prove
	revision int    // index of the revision it closes; 0: it is the signature timestamp

	at      time.Time
	chain   []*x509.Certificate // its signer first, the root last
	altered bool                // it is malformed or of something else
	foreign bool                // nobody we trust vouches for it
	expired bool                // nothing proves that it was made while its certificate was in force
}

func (s *stamp) bad() bool  { return s.altered || s.foreign }
func (s *stamp) good() bool { return !s.bad() && !s.expired }

// read takes the token apart and asks whether it fits, whether its signature is right and whether a root vouches for its
// signer at the time it names (RFC 3161, 2.4.2). Whether that time can still be believed is asked later.
func (s *stamp) read(roots *x509.CertPool) {
	form, ok := tokenInOneForm(s.token)
	if !ok {
		s.altered = true
		return
	}
	token, err := tspclient.ParseSignedToken(s.token)
	if err != nil {
		s.altered = true
		return
	}
	info, err := token.Info()
	if err != nil || info.Version != 1 || !info.MessageImprint.HashAlgorithm.Algorithm.Equal(cms.OIDSHA256) || !bytes.Equal(info.MessageImprint.HashedMessage, s.digest) {
		s.altered = true
		return
	}
	if slices.ContainsFunc(token.Certificates, func(c *x509.Certificate) bool { return !cms.Bearable(c) }) {
		s.altered = true
		return
	}
	s.at = info.GenTime.UTC()
	s.chain, err = token.Verify(context.Background(), x509.VerifyOptions{Roots: roots, CurrentTime: s.at})
	if err != nil {
		s.foreign, s.altered = isChainError(err), !isChainError(err)
		return
	}
	// No signature covers the certificates: one that is not needed would be room for anything.
	spare := slices.ContainsFunc(token.Certificates, func(c *x509.Certificate) bool { return !slices.ContainsFunc(s.chain, c.Equal) })
	// Nor does one cover the signer's name outside of the signed attributes.
	if spare || !bytes.Equal(form.issuer, s.chain[0].RawIssuer) || form.serial.Cmp(s.chain[0].SerialNumber) != 0 {
		s.altered = true
	}
}

// isChainError: the signer is nobody's, which is not the same as a token that does not fit.
func isChainError(err error) bool {
	for ; err != nil; err = unwrap(err) {
		switch err.(type) {
		case x509.UnknownAuthorityError, x509.CertificateInvalidError, x509.UnhandledCriticalExtension, x509.ConstraintViolationError, *tspclient.SignedTokenVerificationError:
			if unwrap(err) == nil {
				return true
			}
		}
	}
	return false
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// tokenForm is what of a token's form must be compared with its signer.
type tokenForm struct {
	issuer []byte
	serial *big.Int
}

// tokenInOneForm asks that the token is exactly one DER element with one signer, with each certificate once, without
// revocation lists and without unsigned attributes: what no signature covers must have no freedom.
func tokenInOneForm(token []byte) (form tokenForm, ok bool) {
	rest := cryptobyte.String(token)
	var info, content, sd, algs, certs, infos, si cryptobyte.String
	var oid asn1.ObjectIdentifier
	var version int
	explicit0 := der.Tag(0).ContextSpecific().Constructed()
	if !strictDER(rest, 0) || !rest.ReadASN1(&info, der.SEQUENCE) || !rest.Empty() || !info.ReadASN1ObjectIdentifier(&oid) || !oid.Equal(cms.OIDSignedData) ||
		!info.ReadASN1(&content, explicit0) || !info.Empty() || !content.ReadASN1(&sd, der.SEQUENCE) || !content.Empty() {
		return form, false
	}
	if !sd.ReadASN1Integer(&version) || version != 3 || !sd.ReadASN1(&algs, der.SET) || !sd.SkipASN1(der.SEQUENCE) || !sd.ReadASN1(&certs, explicit0) ||
		!sd.ReadASN1(&infos, der.SET) || !sd.Empty() || !infos.ReadASN1(&si, der.SEQUENCE) || !infos.Empty() {
		return form, false
	}
	var sid, issuer, digestAlg, sigAlg cryptobyte.String
	form.serial = new(big.Int)
	if !si.SkipASN1(der.INTEGER) || !si.ReadASN1(&sid, der.SEQUENCE) || !sid.ReadASN1Element(&issuer, der.SEQUENCE) || !sid.ReadASN1Integer(form.serial) || !sid.Empty() ||
		!si.ReadASN1Element(&digestAlg, der.SEQUENCE) || !bytes.Equal(algs, digestAlg) || !si.SkipASN1(explicit0) || !si.ReadASN1(&sigAlg, der.SEQUENCE) ||
		!bareAlgorithm(sigAlg) || !bareAlgorithm(digestAlg[2:]) || !si.SkipASN1(der.OCTET_STRING) || !si.Empty() {
		return form, false
	}
	form.issuer = issuer
	seen := map[string]bool{}
	for !certs.Empty() {
		var one cryptobyte.String
		if !certs.ReadASN1Element(&one, der.SEQUENCE) || seen[string(one)] {
			return form, false
		}
		seen[string(one)] = true
	}
	return form, true
}

// bareAlgorithm: an identifier without parameters, or with NULL.
func bareAlgorithm(s cryptobyte.String) bool {
	return s.SkipASN1(der.OBJECT_IDENTIFIER) && (s.Empty() || bytes.Equal(s, []byte{5, 0}))
}

// strictDER walks down all constructed elements; cryptobyte accepts lengths in their one shortest form only.
func strictDER(s cryptobyte.String, depth int) bool {
	for !s.Empty() {
		var e cryptobyte.String
		var tag der.Tag
		if depth > 30 || !s.ReadAnyASN1(&e, &tag) {
			return false
		}
		if tag&0x20 != 0 && !strictDER(e, depth+1) {
			return false
		}
	}
	return true
}

// judgeStamps goes from the newest timestamp to the oldest. The newest must be by a certificate that is in force now, each
// older one by a certificate that was in force when the next newer one was made (EN 319 102-1, 5.6.3). It returns the time
// at which the seal is judged, and whether that time is proven.
func (v *verification) judgeStamps() (at time.Time, proven bool) {
	at = v.at
	for i := len(v.stamps) - 1; i >= 0; i-- {
		s := v.stamps[i]
		if s.bad() {
			continue
		}
		if proven && s.at.After(at.Add(clockSlip)) {
			s.altered = true // older than what it is said to be older than
			continue
		}
		if !inForce(s.chain, at) {
			s.expired = true
			continue
		}
		if v.stampRevoked(s, at, proven) {
			s.foreign = true
			continue
		}
		at, proven = s.at, true
		if s.revision > 0 && v.newest == nil {
			v.newest = s
		}
	}
	for _, s := range v.stamps {
		switch {
		case s.altered:
			v.fail(ReasonTimestamp)
		case s.foreign:
			v.distrust(ReasonTimestamp)
		case s.expired:
			v.note(NoteTimestampExpired)
		}
	}
	return at, proven
}

func inForce(chain []*x509.Certificate, at time.Time) bool { return !at.After(ends(chain)) }

// stampRevoked: a revoked authority's tokens count no more, unless a newer timestamp proves that they are older than the
// revocation, or the revocation says that the key was not lost and they name an earlier time (RFC 3161, 4.1).
func (v *verification) stampRevoked(s *stamp, at time.Time, proven bool) bool {
	for i, c := range s.chain[:len(s.chain)-1] {
		st := v.evidence.status(c, s.chain[i+1])
		if !st.revoked || proven && at.Before(st.since) {
			continue
		}
		harmless := st.reason == reasonUnspecified || st.reason == reasonAffiliation || st.reason == reasonSuperseded || st.reason == reasonCessation
		if !harmless || !st.reasoned || !s.at.Before(st.since) {
			return true
		}
	}
	return false
}

func digestOf(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}
