package verify

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"
)

// Trust is who may vouch for a sealer and for a time, what was revoked, and which seals were rotated out.
type Trust struct {
	Roots *x509.CertPool // of seals

	timeRoots *x509.CertPool // of timestamps: these and Roots
	lists     []*x509.RevocationList
	certs     []*x509.Certificate
	retired   map[[sha256.Size]byte]time.Time
}

// ParseTrust reads a bundle in PEM, as Keys.TrustBundle writes it:
//   - CERTIFICATE: a root, of seals and of timestamps
//   - TIMESTAMP CERTIFICATE: a root of timestamps only, for an outside authority that must not vouch for seals
//   - X509 CRL: a revocation list
//   - RETIRED CERTIFICATE: a seal that was rotated out, with the header Retired-At (RFC 3339)
//
// Other blocks are not looked at. A bundle without a root, and one that cannot be read, is an error.
func ParseTrust(bundle []byte) (*Trust, error) {
	t := &Trust{Roots: x509.NewCertPool(), timeRoots: x509.NewCertPool(), retired: map[[sha256.Size]byte]time.Time{}}
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if err := t.add(block); err != nil {
			return nil, fmt.Errorf("trust bundle: %w", err)
		}
	}
	if len(t.certs) == 0 {
		return nil, errors.New("the trust bundle holds no certificate")
	}
	return t, nil
}

func (t *Trust) add(block *pem.Block) error {
	switch block.Type {
	case "CERTIFICATE", "TIMESTAMP CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		t.timeRoots.AddCert(c)
		if block.Type == "CERTIFICATE" {
			t.Roots.AddCert(c)
			t.certs = append(t.certs, c)
		}
	case "X509 CRL":
		l, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return err
		}
		t.lists = append(t.lists, l)
	case "RETIRED CERTIFICATE":
		at, err := time.Parse(time.RFC3339, block.Headers["Retired-At"])
		if err != nil {
			return err
		}
		t.retired[sha256.Sum256(block.Bytes)] = at
	}
	return nil
}
