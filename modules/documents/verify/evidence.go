package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"

	"townhall/modules/documents/cms"
)

// Reason codes of a revocation after which older signatures stay good (RFC 5280, 5.3.1).
const (
	reasonUnspecified = 0
	reasonAffiliation = 3
	reasonSuperseded  = 4
	reasonCessation   = 5
)

// evidence is what is known about certificates: from the file's own security store and from the bundle.
type evidence struct {
	certs   []stored[*x509.Certificate]
	lists   []stored[*x509.RevocationList]
	answers []stored[*ocsp.Response]
	memo    map[[sha256.Size]byte]*status
	signed  map[listBy]bool
	seen    map[[sha256.Size]byte]bool
	brought int // answers that bring certificates
}

// stored is something with the index of the revision that brought it; 0: the bundle.
type stored[T any] struct {
	what     T
	revision int
}

// listBy is the question whether an issuer has signed a list; it is costly and asked for every certificate.
type listBy struct {
	list   *x509.RevocationList
	issuer [sha256.Size]byte
}

func (e *evidence) signedBy(l *x509.RevocationList, issuer *x509.Certificate) bool {
	if !bytes.Equal(l.RawIssuer, issuer.RawSubject) {
		return false
	}
	key := listBy{l, sha256.Sum256(issuer.Raw)}
	yes, known := e.signed[key]
	if !known {
		if e.signed == nil {
			e.signed = map[listBy]bool{}
		}
		yes = l.CheckSignatureFrom(issuer) == nil
		e.signed[key] = yes
	}
	return yes
}

// know takes the lists of the bundle, but those that the file brings as well.
func (e *evidence) know(lists []*x509.RevocationList) {
	for _, l := range lists {
		if !slices.ContainsFunc(e.lists, func(s stored[*x509.RevocationList]) bool { return bytes.Equal(s.what.Raw, l.Raw) }) {
			e.lists = append(e.lists, stored[*x509.RevocationList]{what: l})
		}
	}
}

// status is everything that is known about one certificate.
type status struct {
	revoked  bool
	since    time.Time
	reason   int
	reasoned bool // the reason is said
	told     []told
}

// told is one answer about a certificate.
type told struct {
	from, to time.Time
	revision int
}

// maxEvidence is how many entries of security stores are looked at: each may cost a signature check. A document that is
// renewed every year for forty years has some hundred.
const maxEvidence = 1000

// maxAnswers is how many OCSP answers may bring the certificate that they are checked with: that is done for each, while
// those that the authority signs itself are checked only when somebody asks about their certificate.
const maxAnswers = 200

// add reads one entry of a security store; false when it is not what it should be, or when there are too many.
func (e *evidence) add(list string, der []byte, revision int) bool {
	sum := sha256.Sum256(der)
	if e.seen[sum] {
		return true
	}
	if e.seen == nil {
		e.seen = map[[sha256.Size]byte]bool{}
	}
	if e.seen[sum] = true; len(e.seen) > maxEvidence {
		return false
	}
	switch list {
	case "Certs":
		return keep(&e.certs, revision)(x509.ParseCertificate(der))
	case "CRLs":
		return keep(&e.lists, revision)(x509.ParseRevocationList(der))
	}
	// Parsing an answer checks its signature with the certificate it brings.
	brings, ok := bearableAnswer(der)
	if brings {
		e.brought++
	}
	return ok && e.brought <= maxAnswers && keep(&e.answers, revision)(ocsp.ParseResponse(der, nil))
}

// bearableAnswer reports whether an OCSP answer brings certificates, and whether all of them have keys that may be computed
// with; ok is false also for what is no answer.
func bearableAnswer(raw []byte) (brings, ok bool) {
	in := cryptobyte.String(raw)
	var response, wrapped, typed, body, basic, list, certs cryptobyte.String
	explicit0 := asn1.Tag(0).ContextSpecific().Constructed()
	if !in.ReadASN1(&response, asn1.SEQUENCE) || !response.SkipASN1(asn1.ENUM) || !response.ReadASN1(&wrapped, explicit0) || !wrapped.ReadASN1(&typed, asn1.SEQUENCE) ||
		!typed.SkipASN1(asn1.OBJECT_IDENTIFIER) || !typed.ReadASN1(&body, asn1.OCTET_STRING) || !body.ReadASN1(&basic, asn1.SEQUENCE) ||
		!basic.SkipASN1(asn1.SEQUENCE) || !basic.SkipASN1(asn1.SEQUENCE) || !basic.SkipASN1(asn1.BIT_STRING) {
		return false, false
	}
	if basic.Empty() {
		return false, true
	}
	if !basic.ReadASN1(&list, explicit0) || !list.ReadASN1(&certs, asn1.SEQUENCE) {
		return true, false
	}
	for !certs.Empty() {
		var one cryptobyte.String
		if !certs.ReadASN1Element(&one, asn1.SEQUENCE) {
			return true, false
		}
		if c, err := x509.ParseCertificate(one); err != nil || !cms.Bearable(c) {
			return true, false
		}
	}
	return true, true
}

func keep[T any](to *[]stored[T], revision int) func(T, error) bool {
	return func(what T, err error) bool {
		if err == nil {
			*to = append(*to, stored[T]{what, revision})
		}
		return err == nil
	}
}

// status asks every list and every answer that the issuer, or whom it charged with that, has signed. Whoever says
// "revoked" is believed, the earliest time of several counts; nothing un-revokes a seal.
func (e *evidence) status(c, issuer *x509.Certificate) *status {
	sum := sha256.Sum256(c.Raw)
	if s := e.memo[sum]; s != nil {
		return s
	}
	s := &status{}
	for _, l := range e.lists {
		if e.signedBy(l.what, issuer) {
			s.ask(l.what, l.revision, c)
		}
	}
	for _, a := range e.answers {
		s.hear(a.what, a.revision, c, issuer)
	}
	if e.memo == nil {
		e.memo = map[[sha256.Size]byte]*status{}
	}
	e.memo[sum] = s
	return s
}

func isReason(x pkix.Extension) bool { return x.Id.String() == "2.5.29.21" }

func (s *status) revoke(at time.Time, reason int, said bool) {
	if !s.revoked || at.Before(s.since) {
		s.revoked, s.since, s.reason, s.reasoned = true, at, reason, said
	}
}

func (s *status) ask(l *x509.RevocationList, revision int, c *x509.Certificate) {
	for _, entry := range l.RevokedCertificateEntries {
		if entry.SerialNumber.Cmp(c.SerialNumber) == 0 {
			s.revoke(entry.RevocationTime, entry.ReasonCode, slices.ContainsFunc(entry.Extensions, isReason))
		}
	}
	if speaksFor(l, c) {
		s.told = append(s.told, told{l.ThisUpdate, l.NextUpdate, revision})
	}
}

// speaksFor: a list for some certificates only says nothing about others by its silence (RFC 5280, 5.2.4 and 5.2.5).
func speaksFor(l *x509.RevocationList, c *x509.Certificate) bool {
	for _, x := range l.Extensions {
		switch oid := x.Id.String(); {
		case oid == "2.5.29.28":
			if !slices.ContainsFunc(c.CRLDistributionPoints, func(p string) bool { return p != "" && bytes.Contains(x.Value, []byte(p)) }) {
				return false
			}
		case x.Critical:
			return false
		}
	}
	return true
}

func (s *status) hear(r *ocsp.Response, revision int, c, issuer *x509.Certificate) {
	if r.SerialNumber.Cmp(c.SerialNumber) != 0 || !mayAnswer(r, issuer) {
		return
	}
	switch r.Status {
	case ocsp.Revoked:
		s.revoke(r.RevokedAt, r.RevocationReason, r.RevocationReason != ocsp.Unspecified)
	case ocsp.Good:
		s.told = append(s.told, told{r.ThisUpdate, r.NextUpdate, revision})
	}
}

// mayAnswer: the issuer itself, or a certificate it gave the purpose to (RFC 6960, 4.2.2.2). A seal of the same issuer has
// not that purpose.
func mayAnswer(r *ocsp.Response, issuer *x509.Certificate) bool {
	by := r.Certificate
	if by == nil || by.Equal(issuer) {
		return r.CheckSignatureFrom(issuer) == nil
	}
	return by.CheckSignatureFrom(issuer) == nil && slices.Contains(by.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) && !r.ProducedAt.Before(by.NotBefore) && !r.ProducedAt.After(by.NotAfter)
}

// fresh reports whether somebody answers for a time; only answers of the file's own revisions up to one count, when that
// is asked.
func (s *status) fresh(at time.Time, inFile bool, upto int) bool {
	return slices.ContainsFunc(s.told, func(t told) bool {
		return !t.to.IsZero() && !t.to.Before(at) && (!inFile || t.revision > 0 && t.revision <= upto)
	})
}

// proves reports whether the security store, as of a revision, holds all that is needed to judge a chain at a time: each
// certificate below the root, and an answer about it.
func (e *evidence) proves(chain []*x509.Certificate, at time.Time, upto int) bool {
	for i, c := range chain[:len(chain)-1] {
		if !slices.ContainsFunc(e.certs, func(s stored[*x509.Certificate]) bool { return s.revision <= upto && s.what.Equal(c) }) {
			return false
		}
		if !e.status(c, chain[i+1]).fresh(at, true, upto) {
			return false
		}
	}
	return true
}

// sameOrigin compares scheme and host of two addresses.
func sameOrigin(a, b string) bool { return origin(a) != "" && strings.EqualFold(origin(a), origin(b)) }

func origin(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	host, _, _ := strings.Cut(rest, "/")
	if !ok || host == "" || strings.ContainsAny(host, "@?#\\ ") {
		return ""
	}
	return scheme + "://" + host
}
