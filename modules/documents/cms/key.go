package cms

import "crypto"

// Key is the signer's own, for signatures that are no CMS. The private half never leaves it.
func (s *Signer) Key() crypto.Signer { return s.key }
