package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"townhall/modules/documents/cms"
	"townhall/modules/kernel"
)

// How long certificates and revocation lists live.
const (
	rootYears    = 20
	issuingYears = 10
	sealYears    = 3
	crlDays      = 35
	renewCRL     = 24 * time.Hour
)

// Keys is a folder with a small certification authority: root.pem, issuing.pem and seals/<tenant>.pem. Each file holds
// certificate and private key, mode 0600. It serves demonstrations and small towns; a town with a certificate of a
// trust service provider gives its own key to NewSealer instead.
type Keys struct {
	dir     string
	root    *entry
	issuing *entry

	mu    sync.Mutex
	seals map[kernel.TenantID]*entry
	crls  map[string]crl
}

type entry struct {
	cert *x509.Certificate
	key  crypto.Signer
}

type crl struct {
	der []byte
	at  time.Time
}

// KeyInfo is one line of `townhall keys list`.
type KeyInfo struct {
	Name     string // "root", "issuing" or the tenant
	Subject  string
	Serial   string // hexadecimal
	NotAfter time.Time
	Revoked  bool
}

// InitOptions name the authority.
type InitOptions struct {
	Name    string // organisation, e.g. "Northwick"; default "Townhall demonstration"
	Country string // ISO 3166-1 alpha-2; may be empty
	CRLBase string // origin below which /verify/root.crl is served, e.g. "http://northwick.localhost:8080"
	Now     time.Time
}

// Init makes root and issuing authority in dir, unless they are there already, and loads them. Two processes that
// start at once end with the same keys.
func Init(dir string, o InitOptions) (*Keys, error) {
	if o.Name == "" {
		o.Name = "Townhall demonstration"
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if err := os.MkdirAll(filepath.Join(dir, "seals"), 0o700); err != nil {
		return nil, err
	}
	root, err := ensure(filepath.Join(dir, "root.pem"), func() (*entry, error) {
		return issue(nil, authority(o, o.Name+" Root", rootYears, -1, ""))
	})
	if err != nil {
		return nil, err
	}
	if _, err := ensure(filepath.Join(dir, "issuing.pem"), func() (*entry, error) {
		return issue(root, authority(o, o.Name+" Seal Issuing CA", issuingYears, 0, o.CRLBase+"/verify/root.crl"))
	}); err != nil {
		return nil, err
	}
	return Load(dir)
}

// Load opens a folder that Init made. A key that others on the machine may read is an error.
func Load(dir string) (*Keys, error) {
	root, err := readEntry(filepath.Join(dir, "root.pem"))
	if err != nil {
		return nil, err
	}
	issuing, err := readEntry(filepath.Join(dir, "issuing.pem"))
	if err != nil {
		return nil, err
	}
	if err := issuing.cert.CheckSignatureFrom(root.cert); err != nil {
		return nil, fmt.Errorf("issuing authority in %s is not from its root: %w", dir, err)
	}
	return &Keys{dir: dir, root: root, issuing: issuing, seals: map[kernel.TenantID]*entry{}, crls: map[string]crl{}}, nil
}

// Seal returns the sealer of a municipality, making key and certificate at the first call; one that ends within
// thirty days is an error that says so. The keys of one tenant are never used for another.
func (k *Keys) Seal(t kernel.Tenant, level Level, now time.Time) (*Sealer, error) {
	if !safeName(string(t.ID)) {
		return nil, fmt.Errorf("tenant %q cannot name a key file", t.ID)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.seals[t.ID]
	if e == nil {
		var err error
		e, err = ensure(filepath.Join(k.dir, "seals", string(t.ID)+".pem"), func() (*entry, error) { return issue(k.issuing, sealTemplate(t, now)) })
		if err != nil {
			return nil, err
		}
		if err := e.cert.CheckSignatureFrom(k.issuing.cert); err != nil {
			return nil, fmt.Errorf("seal of %s is not from the issuing authority: %w", t.ID, err)
		}
		k.seals[t.ID] = e
	}
	if now.After(e.cert.NotAfter) {
		return nil, fmt.Errorf("the seal of %s ended on %s", t.ID, e.cert.NotAfter.Format(time.DateOnly))
	}
	return NewSealer(e.key, []*x509.Certificate{e.cert, k.issuing.cert}, level)
}

func safeName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
}

func authority(o InitOptions, cn string, years, pathLen int, crlURL string) *x509.Certificate {
	c := &x509.Certificate{
		Subject:   pkix.Name{CommonName: cn, Organization: []string{o.Name}},
		NotBefore: o.Now.Add(-time.Hour).UTC(), NotAfter: o.Now.AddDate(years, 0, 0).UTC(),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true,
	}
	if o.Country != "" {
		c.Subject.Country = []string{o.Country}
	}
	if pathLen >= 0 {
		c.MaxPathLen, c.MaxPathLenZero = pathLen, pathLen == 0
	}
	if crlURL != "" {
		c.CRLDistributionPoints = []string{crlURL}
	}
	return c
}

// sealTemplate carries what other programs ask of a seal: a revocation list they can find, and the two purposes
// (RFC 9336 and, for older programs, emailProtection).
func sealTemplate(t kernel.Tenant, now time.Time) *x509.Certificate {
	name := t.Name.In("en")
	c := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name + " Seal", Organization: []string{name}},
		NotBefore: now.Add(-time.Hour).UTC(), NotAfter: now.AddDate(sealYears, 0, 0).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection},
		UnknownExtKeyUsage:    []asn1.ObjectIdentifier{cms.OIDDocumentSigning},
		BasicConstraintsValid: true,
		CRLDistributionPoints: []string{t.Origin + "/verify/issuing.crl"},
	}
	if t.Country != "" {
		c.Subject.Country = []string{t.Country}
	}
	return c
}

func issue(by *entry, tmpl *x509.Certificate) (*entry, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial := make([]byte, 16)
	rand.Read(serial)
	serial[0] = serial[0]&0x7f | 0x40 // positive, and always of the same length
	tmpl.SerialNumber = new(big.Int).SetBytes(serial)
	parent, signer := tmpl, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	return &entry{cert, key}, err
}

// ensure reads the file, or makes it: written aside and linked into place, so that it is there completely or not at
// all, and the first of two makers wins.
func ensure(path string, create func() (*entry, error)) (*entry, error) {
	e, err := readEntry(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	if e, err = create(); err != nil {
		return nil, err
	}
	raw, err := x509.MarshalPKCS8PrivateKey(e.key)
	if err != nil {
		return nil, err
	}
	data := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...)
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readEntry(path)
}

func readEntry(path string) (*entry, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s holds a private key and can be read by others: chmod 600", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	e := &entry{}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			e.cert, err = x509.ParseCertificate(block.Bytes)
		case "PRIVATE KEY":
			var k any
			if k, err = x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
				e.key, _ = k.(crypto.Signer)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if e.cert == nil || e.key == nil {
		return nil, fmt.Errorf("%s lacks a certificate or a key", path)
	}
	return e, nil
}

// List tells what is in the folder, root first, then by tenant.
func (k *Keys) List() ([]KeyInfo, error) {
	revoked, err := k.revocations()
	if err != nil {
		return nil, err
	}
	out := []KeyInfo{describe("root", k.root.cert, revoked), describe("issuing", k.issuing.cert, revoked)}
	files, err := filepath.Glob(filepath.Join(k.dir, "seals", "*.pem"))
	sort.Strings(files)
	for _, f := range files {
		e, err := readEntry(f)
		if err != nil {
			return nil, err
		}
		out = append(out, describe(strings.TrimSuffix(filepath.Base(f), ".pem"), e.cert, revoked))
	}
	return out, err
}

func describe(name string, c *x509.Certificate, revoked map[string]time.Time) KeyInfo {
	serial := c.SerialNumber.Text(16)
	_, gone := revoked[serial]
	return KeyInfo{Name: name, Subject: c.Subject.String(), Serial: serial, NotAfter: c.NotAfter, Revoked: gone}
}

// RevokeSeal puts a seal's certificate on the revocation list, for a key that was lost or stolen.
func (k *Keys) RevokeSeal(serial string, at time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	all, err := k.revocations()
	if err != nil {
		return err
	}
	all[serial] = at.UTC()
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	clear(k.crls)
	tmp := filepath.Join(k.dir, ".revoked.json.new")
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, filepath.Join(k.dir, "revoked.json"))
}

func (k *Keys) revocations() (map[string]time.Time, error) {
	out := map[string]time.Time{}
	data, err := os.ReadFile(filepath.Join(k.dir, "revoked.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	return out, json.Unmarshal(data, &out)
}

// CRL returns the revocation list "root" or "issuing" in DER (RFC 5280, 5), made anew every day.
func (k *Keys) CRL(name string, now time.Time) ([]byte, error) {
	by := map[string]*entry{"root": k.root, "issuing": k.issuing}[name]
	if by == nil {
		return nil, fs.ErrNotExist
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if c, ok := k.crls[name]; ok && now.Sub(c.at).Abs() < renewCRL {
		return c.der, nil
	}
	list := &x509.RevocationList{Number: big.NewInt(now.Unix()), ThisUpdate: now.Add(-time.Hour).UTC(), NextUpdate: now.AddDate(0, 0, crlDays).UTC()}
	if name == "issuing" {
		all, err := k.revocations()
		if err != nil {
			return nil, err
		}
		for serial, at := range all {
			n, ok := new(big.Int).SetString(serial, 16)
			if !ok {
				return nil, fmt.Errorf("revoked.json: serial %q", serial)
			}
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: n, RevocationTime: at})
		}
	}
	raw, err := x509.CreateRevocationList(rand.Reader, list, by.cert, by.key)
	if err == nil {
		k.crls[name] = crl{raw, now}
	}
	return raw, err
}

// TrustBundle is what a verifier needs and nothing secret, in PEM: the root certificate and both revocation lists.
func (k *Keys) TrustBundle(now time.Time) ([]byte, error) {
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.root.cert.Raw})
	for _, name := range []string{"root", "issuing"} {
		raw, err := k.CRL(name, now)
		if err != nil {
			return nil, err
		}
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: raw})...)
	}
	return out, nil
}

// Issuing is the authority that signs seals; openssl wants it beside the root when it checks a chain.
func (k *Keys) Issuing() *x509.Certificate { return k.issuing.cert }
