package modules

import (
	"time"

	"townhall/modules/documents"
	"townhall/modules/documents/sign"
	"townhall/modules/documents/verify"
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

// TrustBundle is what a verifier of this installation's documents needs: the root and what was revoked, as PEM.
func TrustBundle(dir string, now time.Time) ([]byte, error) {
	keys, err := sign.Load(dir)
	if err != nil {
		return nil, err
	}
	return keys.TrustBundle(now)
}
