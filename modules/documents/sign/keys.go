package sign

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"townhall/modules/kernel"
)

// Keys is a folder with a small certification authority: root.pem, issuing.pem, tsa.pem and seals/<tenant>.pem, each with
// certificate and private key (or the address of a key in a token), mode 0600; retired/ with certificates that were
// rotated out; crl/ with the newest revocation lists; revoked.json. It serves demonstrations and small towns; a town with
// a certificate of a trust service provider seals with that one instead (SealOptions.Outside).
//
// Several processes may use one folder: what one of them changes the others see within a second.
type Keys struct {
	dir       string
	base      string // origin below which lists and answers are served
	algorithm Algorithm
	root      *entry
	issuing   *entry
	tokens    *tokens
	web       *fetcher
	revoked   watched[revocations]

	mu      sync.Mutex
	slots   map[slotKey]*slot
	crls    map[string]crl
	known   index
	answers map[string]answer
}

// InitOptions name the authority.
type InitOptions struct {
	Name      string       // organisation, e.g. "Northwick"; default "Townhall demonstration"
	Country   string       // ISO 3166-1 alpha-2; may be empty
	CRLBase   string       // origin below which /verify/root.crl and the like are served, e.g. "http://northwick.localhost:8080"
	Algorithm Algorithm    // of keys that are made from now on; empty: that of the issuing authority, ECDSA in a new folder
	HTTP      *http.Client // for revocation data of certificates from outside; nil: one with a timeout
	Now       time.Time
}

// Init makes root and issuing authority in dir, unless they are there already, and loads them. Two processes that
// start at once end with the same keys. A folder of an earlier release opens; what it lacks is made when it is needed.
func Init(dir string, o InitOptions) (*Keys, error) {
	if o.Name == "" {
		o.Name = "Townhall demonstration"
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	a, err := ParseAlgorithm(string(o.Algorithm))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "seals"), 0o700); err != nil {
		return nil, err
	}
	t := newTokens()
	root, err := ensure(filepath.Join(dir, "root.pem"), t, func() (*entry, error) {
		return issue(nil, authority(o, o.Name+" Root", rootYears, -1), a, nil)
	})
	if err != nil {
		return nil, err
	}
	if _, err := ensure(filepath.Join(dir, "issuing.pem"), t, func() (*entry, error) {
		return issue(root, authority(o, o.Name+" Seal Issuing CA", issuingYears, 0), a, nil)
	}); err != nil {
		return nil, err
	}
	k, err := Load(dir)
	if err != nil {
		return nil, err
	}
	if o.Algorithm != "" {
		k.algorithm = o.Algorithm
	}
	if o.CRLBase != "" {
		k.base = o.CRLBase
	}
	if o.HTTP != nil {
		k.web = newFetcher(o.HTTP)
	}
	return k, nil
}

// Load opens a folder that Init made. A key that others on the machine may read is an error.
func Load(dir string) (*Keys, error) {
	k := &Keys{dir: dir, tokens: newTokens(), web: newFetcher(nil), slots: map[slotKey]*slot{}, crls: map[string]crl{}, answers: map[string]answer{}}
	var err error
	if k.root, err = readEntry(filepath.Join(dir, "root.pem"), k.tokens); err != nil {
		return nil, err
	}
	if k.issuing, err = readEntry(filepath.Join(dir, "issuing.pem"), k.tokens); err != nil {
		return nil, err
	}
	if err := k.issuing.cert.CheckSignatureFrom(k.root.cert); err != nil {
		return nil, fmt.Errorf("issuing authority in %s is not from its root: %w", dir, err)
	}
	for _, sub := range []string{"seals", "retired", "crl"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil && !readOnly(err) {
			return nil, err
		}
	}
	k.algorithm = algorithmOf(k.issuing.cert.PublicKey)
	if points := k.issuing.cert.CRLDistributionPoints; len(points) > 0 {
		k.base = strings.TrimSuffix(points[0], pathRootCRL)
	}
	k.revoked = watched[revocations]{path: filepath.Join(dir, "revoked.json"), read: readRevocations}
	return k, nil
}

// Close ends the connections to key tokens.
func (k *Keys) Close() error { return k.tokens.close() }

// slotKey: what needs no timestamp does not wait for an authority that is slow to give the first one.
type slotKey struct {
	tenant  kernel.TenantID
	stamped bool
}

// slot is the seal of one municipality in this process.
type slot struct {
	file watched[*entry]

	mu      sync.Mutex
	entry   *entry
	options SealOptions
	sealer  *Sealer
	outside *watched[*chained]
}

func (k *Keys) slot(id kernel.TenantID, stamped bool) (*slot, error) {
	if !safeName(string(id)) {
		return nil, errUnsafeName(id)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := slotKey{id, stamped}
	s := k.slots[key]
	if s == nil {
		s = &slot{file: watched[*entry]{path: k.sealPath(id), read: func(p string) (*entry, error) { return readEntry(p, k.tokens) }}}
		k.slots[key] = s
	}
	return s, nil
}

func (k *Keys) sealPath(id kernel.TenantID) string {
	return filepath.Join(k.dir, "seals", string(id)+".pem")
}

func errUnsafeName(id kernel.TenantID) error {
	return fmt.Errorf("tenant %q cannot name a key file", id)
}

func safeName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
}

// Seal returns the sealer of a municipality. Without SealOptions.Outside it is one of this authority: made at the first
// call, and made anew when the municipality has moved to another origin, because a seal names the origin it is for. It is
// cheap when nothing changed, and sees a key that another process has rotated. The keys of one tenant are never used for
// another.
//
// It fails when the seal ended or was revoked, and when its level cannot be reached: the level is never lowered.
func (k *Keys) Seal(t kernel.Tenant, o SealOptions, now time.Time) (*Sealer, error) {
	s, err := k.slot(t.ID, o.Level.Stamped())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var sealer *Sealer
	if o.Outside == (Outside{}) {
		sealer, err = k.ownSeal(s, t, o, now)
	} else {
		sealer, err = k.outsideSeal(s, o)
	}
	if err != nil {
		return nil, fmt.Errorf("seal of %s: %w", t.ID, err)
	}
	c := sealer.Certificate()
	if now.After(c.NotAfter) {
		return nil, fmt.Errorf("the seal of %s ended on %s", t.ID, c.NotAfter.Format(time.DateOnly))
	}
	if now.Before(c.NotBefore) {
		return nil, fmt.Errorf("the seal of %s begins on %s", t.ID, c.NotBefore.Format(time.DateOnly))
	}
	return sealer, nil
}

func (k *Keys) ownSeal(s *slot, t kernel.Tenant, o SealOptions, now time.Time) (*Sealer, error) {
	e, err := s.file.get()
	if errors.Is(err, fs.ErrNotExist) {
		if err = k.firstSeal(t, now); err == nil {
			s.file.forget()
			e, err = s.file.get()
		}
	}
	if err == nil && !isFor(e.cert, t.Origin) {
		if _, err = k.rotate(t, "", now, e.cert); err == nil {
			s.file.forget()
			e, err = s.file.get()
		}
	}
	if err != nil {
		return nil, err
	}
	revoked, err := k.revocations()
	if err != nil {
		return nil, err
	}
	if r, gone := revoked.all[serialOf(e.cert)]; gone {
		return nil, fmt.Errorf("it was revoked on %s: rotate it", r.At.Format(time.DateOnly))
	}
	if s.sealer != nil && s.entry == e && s.options == o {
		return s.sealer, nil
	}
	if err := e.cert.CheckSignatureFrom(k.issuing.cert); err != nil {
		return nil, fmt.Errorf("it is not from the issuing authority: %w", err)
	}
	sealer, err := newSealer(e.key, []*x509.Certificate{e.cert, k.issuing.cert, k.root.cert}, o, k)
	if err != nil {
		return nil, err
	}
	s.entry, s.options, s.sealer = e, o, sealer
	return sealer, nil
}

// isFor: the seal names the origin at which its documents are checked. Those of the first releases name none.
func isFor(c *x509.Certificate, origin string) bool {
	return len(c.URIs) == 1 && c.URIs[0].String() == origin
}

func (k *Keys) firstSeal(t kernel.Tenant, now time.Time) error {
	tmpl, err := sealTemplate(t, now)
	if err != nil {
		return err
	}
	_, err = k.replace(k.sealPath(t.ID), string(t.ID), now, &x509.Certificate{}, func() (*entry, error) { return issue(k.issuing, tmpl, k.algorithm, nil) })
	return err
}

// Certificate returns the certificate "root", "issuing" or "tsa" in DER, or fs.ErrNotExist.
func (k *Keys) Certificate(name string) ([]byte, error) {
	switch name {
	case "root":
		return k.root.cert.Raw, nil
	case "issuing":
		return k.issuing.cert.Raw, nil
	case "tsa":
		c, err := readCertificate(filepath.Join(k.dir, "tsa.pem"))
		if err != nil {
			return nil, err
		}
		return c.cert.Raw, nil
	}
	return nil, fs.ErrNotExist
}

// Issuing is the authority that signs seals; openssl wants it beside the root when it checks a chain.
func (k *Keys) Issuing() *x509.Certificate { return k.issuing.cert }

// Root is the certificate that a verifier trusts.
func (k *Keys) Root() *x509.Certificate { return k.root.cert }

func serialOf(c *x509.Certificate) string { return c.SerialNumber.Text(16) }

// readOnly: the folder cannot be written, because it is mounted that way or the disk is full. What only saves work is then
// not stored.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || slices.ContainsFunc([]error{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT}, func(e error) bool { return errors.Is(err, e) })
}
