package verify

import (
	"crypto/sha256"
	"crypto/x509"
	"net/url"
	"slices"
	"time"

	"townhall/modules/documents/sign"
)

// judge asks who vouches for the seal and since when, and tells the level that is reached.
func (v *verification) judge(r *Report) {
	if v.trust == nil {
		v.distrust(ReasonChain)
		return
	}
	if len(v.bad) > 0 {
		v.stamps, v.evidence = nil, evidence{} // of what they would prove nothing is left
	}
	v.evidence.know(v.trust.lists)
	for i, s := range v.stamps {
		if s.read(v.trust.timeRoots); s.bad() { // the file is not valid: looking for the way of each other to a root may be long
			for _, other := range v.stamps[i+1:] {
				other.foreign, other.altered = s.foreign, s.altered
			}
			break
		}
	}
	at, proven := v.judgeStamps()
	chain := v.sealChain(at)
	if chain == nil {
		return
	}
	v.revoked(chain, at, proven)
	when := at
	if !proven {
		when = v.claimed
	}
	if end, ok := v.trust.retired[sha256.Sum256(v.sd.Signer.Raw)]; ok && when.After(end) {
		v.distrust(ReasonRetired)
	}
	if !ownAddress(v.checkURI, v.sd.Signer.URIs) {
		v.distrust(ReasonOtherSeal)
	}
	r.Level = v.level(chain, at)
	if proven {
		r.Proven = at
	}
	if v.newest != nil {
		r.Renew = ends(v.newest.chain)
	}
}

// ends is when the first certificate of a chain ends: from then on nothing of it is in force.
func ends(chain []*x509.Certificate) time.Time {
	end := chain[0].NotAfter
	for _, c := range chain {
		if c.NotAfter.Before(end) {
			end = c.NotAfter
		}
	}
	return end
}

// sealChain is the way from the seal to a root at a time; nil with a reason when there is none.
func (v *verification) sealChain(at time.Time) []*x509.Certificate {
	signer := v.sd.Signer
	middle := x509.NewCertPool()
	for _, c := range v.sd.Certs {
		middle.AddCert(c)
	}
	o := x509.VerifyOptions{Roots: v.trust.Roots, Intermediates: middle, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}}
	chains, err := signer.Verify(o)
	if err != nil && at.After(signer.NotBefore) {
		// Was it the time alone?
		o.CurrentTime = signer.NotBefore.Add(time.Second)
		if _, before := signer.Verify(o); before == nil && !signer.IsCA {
			v.distrust(ReasonExpired)
			return nil
		}
	}
	if err != nil || signer.IsCA {
		v.distrust(ReasonChain)
		return nil
	}
	// No signature covers the certificates: one that is not needed would be room for anything.
	if slices.ContainsFunc(v.sd.Certs, func(c *x509.Certificate) bool { return !slices.ContainsFunc(chains[0], c.Equal) }) {
		v.fail(ReasonContainer)
		return nil
	}
	return chains[0]
}

// revoked asks about every certificate below the root. A revocation later than the proven time takes nothing away (EN 319
// 102-1, 5.5.4); without a proven time the seal may be of any day.
func (v *verification) revoked(chain []*x509.Certificate, at time.Time, proven bool) {
	for i, c := range chain[:len(chain)-1] {
		s := v.evidence.status(c, chain[i+1])
		if s.revoked && !(proven && at.Before(s.since)) {
			v.distrust(ReasonRevoked)
			return
		}
		if !s.fresh(v.at, false, 0) && !(proven && s.fresh(at, true, len(v.doc.Revisions()))) {
			v.note(ReasonOldCRL)
		}
	}
}

// ownAddress: the address of the check belongs to whom the seal belongs to. A seal that names no address, brought from
// outside, or a document that names none, cannot be compared.
func ownAddress(check string, own []*url.URL) bool {
	if check == "" || len(own) == 0 {
		return true
	}
	return slices.ContainsFunc(own, func(u *url.URL) bool { return sameOrigin(check, u.String()) })
}

// level is the highest PAdES level of which everything is there and good (EN 319 142-1, 6.3).
func (v *verification) level(chain []*x509.Certificate, at time.Time) sign.Level {
	if len(v.stamps) == 0 || v.stamps[0].revision > 0 || !v.stamps[0].good() {
		return sign.BB
	}
	held := func(upto int) bool {
		return v.evidence.proves(chain, at, upto) && v.evidence.proves(v.stamps[0].chain, at, upto)
	}
	switch {
	case v.doc == nil || !held(len(v.doc.Revisions())):
		return sign.BT
	case v.newest == nil || !held(v.newest.revision):
		return sign.BLT
	}
	return sign.BLTA
}
