package cms

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
)

// Key is the signer's own, for signatures that are no CMS. The private half never leaves it.
func (s *Signer) Key() crypto.Signer { return s.key }

// The largest RSA key anybody computes with: the size as in crypto/tls, the exponent that everybody uses. The work grows
// faster than the square of the size, and a certificate holds whatever its maker wrote into it: a megabyte of modulus
// costs hours.
const (
	maxRSABits     = 8192
	maxRSAExponent = 1<<16 + 1
)

// Bearable reports whether a signature by this certificate's key may be checked at all. Ask before, of every certificate
// that came with a stranger's file.
func Bearable(c *x509.Certificate) bool {
	k, isRSA := c.PublicKey.(*rsa.PublicKey)
	return !isRSA || k.N.BitLen() <= maxRSABits && k.E <= maxRSAExponent
}
