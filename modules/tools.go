package modules

import (
	"errors"
	"fmt"
	"os"
	"time"

	"townhall/modules/documents"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/status"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// What the command line needs of the documents module without a running town.
type (
	// DocumentReport is the offline verdict on one file.
	DocumentReport = verify.Report
	// SealingKey is one line of `townhall keys list`.
	SealingKey = sign.KeyInfo
)

// DocumentValid is the one state that is good.
const DocumentValid = verify.Valid

// VerifyDocument judges a file on disk by a trust bundle, without asking anybody.
func VerifyDocument(path, bundle string) (DocumentReport, error) {
	return verify.VerifyFile(path, bundle)
}

// DocumentStatus reads from a status list on disk whether a document is "valid", "revoked" or "superseded" by now.
// reference is DocumentReport.StatusURI, which the seal covers. It is an error when the list is not one of the
// municipality's, or out of date.
func DocumentStatus(list, bundle, reference string) (string, error) {
	if reference == "" {
		return "", errors.New("the document names no status list")
	}
	token, err := os.ReadFile(list)
	if err != nil {
		return "", err
	}
	trust, err := os.ReadFile(bundle)
	if err != nil {
		return "", err
	}
	return status.CheckStatus(token, trust, reference, time.Now())
}

// SealingKeys makes the sealing keys of an installation in dir where they are missing, and lists them.
func SealingKeys(dir string, s Settings) ([]SealingKey, error) {
	keys, err := documents.OpenKeys(dir, s.Documents.Algorithm, s.Directory())
	if err != nil {
		return nil, err
	}
	return keys.List()
}

// ListSealingKeys lists the keys of dir and makes none.
func ListSealingKeys(dir string) ([]SealingKey, error) {
	keys, err := sign.Load(dir)
	if err != nil {
		return nil, err
	}
	return keys.List()
}

// RotateSealingKey makes a new key for one municipality and retires the one in force, while the servers run. token is the
// PKCS#11 URI of the new key (RFC 7512), or empty for a file.
func RotateSealingKey(dir, token string, s Settings, tenant kernel.TenantID) (SealingKey, error) {
	if _, ok := s.Documents.Seals[tenant]; ok {
		return SealingKey{}, fmt.Errorf("the seal of %s is from outside: put its new certificate and key in their place", tenant)
	}
	keys, err := sign.Load(dir)
	if err != nil {
		return SealingKey{}, err
	}
	defer keys.Close()
	for _, t := range s.Directory().Tenants() {
		switch {
		case t.ID != tenant:
		case token != "":
			return keys.RotateToToken(t, token, time.Now())
		default:
			return keys.Rotate(t, time.Now())
		}
	}
	return SealingKey{}, fmt.Errorf("the settings have no municipality %q", tenant)
}

// RevokeSealingKey puts a certificate on the revocation list, for a key that was lost or stolen. It cannot be undone.
func RevokeSealingKey(dir, serial, reason string) error {
	why, err := sign.ParseReason(reason)
	if err != nil {
		return err
	}
	keys, err := sign.Load(dir)
	if err != nil {
		return err
	}
	defer keys.Close()
	return keys.RevokeSeal(serial, why, time.Now())
}

// TrustBundle is what a verifier of this installation's documents needs: the root and what was revoked, as PEM.
func TrustBundle(dir string, now time.Time) ([]byte, error) {
	keys, err := sign.Load(dir)
	if err != nil {
		return nil, err
	}
	return keys.TrustBundle(now)
}
