package sign

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"

	"townhall/modules/documents/cms"
)

// TSA is the embedded timestamp authority (RFC 3161): a Stamper in process and an http.Handler. Its certificate comes from
// the root and not from the authority of the seals, so that timestamps still prove their time when that one is lost. It
// is as trustworthy as this machine's clock: enough for demonstrations; a town that needs a judge to believe the time
// uses somebody else's by TSAClient.
type TSA struct {
	keys  *Keys
	clock func() time.Time
	file  watched[*entry]

	mu      sync.Mutex
	entry   *entry
	signer  *cms.Signer
	chain   []*x509.Certificate
	reserve int
}

// Policy is the policy of the embedded authority's timestamps, from the arc for examples (X.660): it promises nothing.
func Policy() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 999, 3161, 1} }

func sha256Of(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// TSA opens the embedded timestamp authority, making its key when there is none. clock tells the time it certifies; nil is
// the system's. The key is replaced by itself when less than five years of its certificate are left.
func (k *Keys) TSA(clock func() time.Time) (*TSA, error) {
	if clock == nil {
		clock = time.Now
	}
	t := &TSA{keys: k, clock: clock, file: watched[*entry]{path: filepath.Join(k.dir, "tsa.pem"), read: func(p string) (*entry, error) { return readEntry(p, k.tokens) }}}
	token, err := t.Stamp(context.Background(), make([]byte, sha256.Size))
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.reserve = reserveFor(len(token))
	t.mu.Unlock()
	return t, nil
}

// reserveFor leaves room for signatures and serials that are encoded a little longer.
func reserveFor(token int) int { return token + token/8 + 64 }

// current returns the signer in force at now.
func (t *TSA) current(now time.Time) (*cms.Signer, error) {
	e, err := t.file.get()
	if errors.Is(err, fs.ErrNotExist) || err == nil && now.AddDate(tsaSpare, 0, 0).After(e.cert.NotAfter) && e.cert.NotAfter.Before(t.keys.root.cert.NotAfter) {
		e, err = t.renew(now, e)
	}
	if err != nil {
		return nil, err
	}
	if now.Before(e.cert.NotBefore) || now.After(e.cert.NotAfter) {
		return nil, errors.New("the certificate of the timestamp authority is not in force")
	}
	revoked, err := t.keys.revocations()
	if err != nil {
		return nil, err
	}
	if _, gone := revoked.all[serialOf(e.cert)]; gone {
		return nil, errors.New("the certificate of the timestamp authority was revoked")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entry == e {
		return t.signer, nil
	}
	if err := e.cert.CheckSignatureFrom(t.keys.root.cert); err != nil {
		return nil, fmt.Errorf("the timestamp authority is not from the root: %w", err)
	}
	s, err := cms.NewSigner(e.key, []*x509.Certificate{e.cert})
	if err != nil {
		return nil, err
	}
	t.entry, t.signer, t.chain = e, s, []*x509.Certificate{e.cert, t.keys.root.cert}
	return s, nil
}

func (t *TSA) renew(now time.Time, old *entry) (*entry, error) {
	only := &x509.Certificate{} // none: somebody may have made one meanwhile
	if old != nil {
		only = old.cert
	}
	_, err := t.keys.replaceTSA(now, only)
	if err != nil {
		return nil, err
	}
	t.file.forget()
	return t.file.get()
}

// RotateTSA makes a new key for the embedded timestamp authority, as Rotate does for a seal: for one that was lost.
func (k *Keys) RotateTSA(now time.Time) (KeyInfo, error) {
	e, err := k.replaceTSA(now, nil)
	if err != nil {
		return KeyInfo{}, err
	}
	return describe("tsa", e.cert, Current), nil
}

func (k *Keys) replaceTSA(now time.Time, only *x509.Certificate) (*entry, error) {
	tmpl, err := tsaTemplate(k.root.cert, k.base, now)
	if err != nil {
		return nil, err
	}
	return k.replace(filepath.Join(k.dir, "tsa.pem"), "tsa", now, only, func() (*entry, error) { return issue(k.root, tmpl, k.algorithm, nil) })
}

// Reserve is the number of bytes a token needs at most.
func (t *TSA) Reserve() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reserve
}

// Chains is the chain of the certificate in force.
func (t *TSA) Chains() [][]*x509.Certificate {
	t.mu.Lock()
	defer t.mu.Unlock()
	return [][]*x509.Certificate{t.chain}
}

// Stamp returns a token for a SHA-256 digest without leaving the process.
func (t *TSA) Stamp(_ context.Context, digest []byte) ([]byte, error) {
	if len(digest) != sha256.Size {
		return nil, errors.New("the digest is not a SHA-256")
	}
	return t.token(append([]byte(imprintOfSHA256), digest...), nil, true)
}

// token signs what the clock says. imprint and nonce are elements as they came.
func (t *TSA) token(imprint, nonce []byte, certs bool) ([]byte, error) {
	now := t.clock().UTC()
	s, err := t.current(now)
	if err != nil {
		return nil, err
	}
	return stampBy(s, now, imprint, nonce, certs)
}

// Parts of TSTInfo that are always the same, as elements.
const (
	imprintOfSHA256 = "\x30\x2f\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x04\x20" // before the digest
	policyElement   = "\x06\x05\x88\x37\x98\x59\x01"                                         // Policy
	serialBytes     = 16                                                                     // 127 random bits: no serial comes twice
)

// stampBy signs TSTInfo (RFC 3161, 2.4.2). The time is cut to seconds, within the accuracy of one second.
func stampBy(s *cms.Signer, now time.Time, imprint, nonce []byte, certs bool) ([]byte, error) {
	body := make([]byte, 0, 256)
	body = append(body, 0x02, 1, 1) // version
	body = append(body, policyElement...)
	body = append(body, imprint...)
	body = append(body, 0x02, serialBytes)
	serial := len(body)
	body = body[:serial+serialBytes]
	rand.Read(body[serial:])
	body[serial] = body[serial]&0x7f | 0x40 // positive, and always of the same length
	body = append(body, 0x18, 15)
	body = now.AppendFormat(body, "20060102150405Z")
	body = append(body, 0x30, 3, 0x02, 1, 1) // accuracy of one second
	body = append(body, nonce...)
	info := cms.Append(make([]byte, 0, len(body)+4), 0x30, body)
	signed, err := s.Sign(cms.Content{Type: cms.OIDTSTInfo, Digest: sha256Of(info), Inside: info, Bare: !certs})
	if err != nil {
		return nil, err
	}
	return signed.Encode()
}
