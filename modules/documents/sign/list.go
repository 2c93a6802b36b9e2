package sign

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"
)

// KeyState is what became of a certificate.
type KeyState string

const (
	Current KeyState = "current"
	Retired KeyState = "retired" // rotated out; what was sealed before stays valid
	Revoked KeyState = "revoked"
)

// KeyInfo is one line of `townhall keys list`.
type KeyInfo struct {
	Name      string // "root", "issuing", "tsa" or the tenant
	Subject   string
	Serial    string // hexadecimal
	State     KeyState
	Algorithm Algorithm
	Token     bool // the key is in a PKCS#11 token
	Begins    time.Time
	Ends      time.Time
	RetiredAt time.Time // zero while in force
	RevokedAt time.Time // zero when not revoked
	Reason    string    // of the revocation
}

func describe(name string, c *x509.Certificate, s KeyState) KeyInfo {
	return KeyInfo{Name: name, Subject: c.Subject.String(), Serial: serialOf(c), State: s, Algorithm: algorithmOf(c.PublicKey), Begins: c.NotBefore, Ends: c.NotAfter}
}

// List tells what is in the folder: root, issuing, tsa, the seals in force by tenant, then what was retired. A seal that
// was revoked is listed as revoked, whether it was retired before or not.
func (k *Keys) List() ([]KeyInfo, error) {
	revoked, err := k.revocations()
	if err != nil {
		return nil, err
	}
	known, err := k.certificates()
	if err != nil {
		return nil, err
	}
	var out []KeyInfo
	for _, s := range known.all {
		i := describe(s.name, s.cert, Current)
		i.Token, i.RetiredAt = s.token, s.retired
		if !s.retired.IsZero() {
			i.State = Retired
		}
		if r, gone := revoked.all[i.Serial]; gone {
			i.State, i.RevokedAt, i.Reason = Revoked, r.At, cmp.Or(r.Reason, Unspecified.String())
		}
		out = append(out, i)
	}
	return out, nil
}

// TrustBundle is what a verifier needs and nothing secret, in PEM: CERTIFICATE (the root, and the roots of others whose
// seals or timestamps are in use), X509 CRL (both lists), RETIRED CERTIFICATE (with the header Retired-At, RFC 3339: what
// is signed with its key later is not to be believed).
func (k *Keys) TrustBundle(now time.Time, others ...*x509.Certificate) ([]byte, error) {
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.root.cert.Raw})
	for i, c := range others {
		if c.Equal(k.root.cert) || slices.ContainsFunc(others[:i], c.Equal) {
			continue
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	for _, name := range []string{"root", "issuing"} {
		raw, err := k.CRL(name, now)
		if err != nil {
			return nil, err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: raw})...)
	}
	known, err := k.certificates()
	if err != nil {
		return nil, err
	}
	for _, s := range known.all {
		if !s.retired.IsZero() {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: blockRetired, Headers: map[string]string{headerRetired: s.retired.Format(time.RFC3339)}, Bytes: s.cert.Raw})...)
		}
	}
	return out, nil
}
