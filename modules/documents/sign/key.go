package sign

import (
	"crypto"
	"crypto/x509"
)

// Key is the seal's, for what a municipality signs besides documents: its status lists (JWS). The private half never
// leaves it.
func (s *Sealer) Key() crypto.Signer { return s.signer.Key() }

// Chain is the seal's certificate and every intermediate above it, without the root.
func (s *Sealer) Chain() []*x509.Certificate { return s.signer.Chain() }
