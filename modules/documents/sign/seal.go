package sign

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"townhall/modules/documents/cms"
)

// Level is a PAdES baseline level (EN 319 142-1, 6). It is configured, printed on the document, and never lowered
// in silence: a Sealer that cannot reach its level is not made.
type Level string

const (
	BB   Level = "B-B"   // signature and certificates
	BT   Level = "B-T"   // + signature timestamp, an unsigned attribute of the CMS
	BLT  Level = "B-LT"  // + validation data (DSS)
	BLTA Level = "B-LTA" // + document timestamp
)

// ParseLevel reads a level of the configuration; an empty one is B-B. Anything unknown is an error.
func ParseLevel(s string) (Level, error) {
	switch l := Level(s); l {
	case "":
		return BB, nil
	case BB, BT, BLT, BLTA:
		return l, nil
	}
	return "", fmt.Errorf("signature level %q: want B-B, B-T, B-LT or B-LTA", s)
}

// Sealer makes the CMS of a seal.
type Sealer struct {
	signer *cms.Signer
	level  Level
}

// NewSealer checks that the certificate is for signatures and that the level can be reached.
func NewSealer(key crypto.Signer, chain []*x509.Certificate, level Level) (*Sealer, error) {
	signer, err := cms.NewSigner(key, chain)
	if err != nil {
		return nil, err
	}
	if level != BB {
		return nil, fmt.Errorf("signature level %s needs a timestamp authority, and none is configured", level)
	}
	if chain[0].KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0 {
		return nil, errors.New("the seal's certificate is not for signatures")
	}
	return &Sealer{signer: signer, level: level}, nil
}

// Reserve is the number of bytes the CMS needs at most: the size of the empty place in the file.
func (s *Sealer) Reserve() int { return s.signer.Size() }

// Level is the level the seal reaches.
func (s *Sealer) Level() Level { return s.level }

// Certificate is the seal's own.
func (s *Sealer) Certificate() *x509.Certificate { return s.signer.Chain()[0] }

// CMS signs the SHA-256 of a document's byte range.
func (s *Sealer) CMS(digest []byte) ([]byte, error) {
	signed, err := s.signer.Sign(cms.Content{Type: cms.OIDData, Digest: digest})
	if err != nil {
		return nil, err
	}
	return signed.Encode()
}
