package sign

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// How long revocation lists live, and how often they are made anew without a reason.
const (
	crlDays  = 35
	renewCRL = 24 * time.Hour
	backdate = time.Hour // for clocks that are behind
)

// Reason says why a certificate was revoked (RFC 5280, 5.3.1).
type Reason int

// The reasons that fit a seal. A hold, which could be undone, is not among them: a seal is revoked for good.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	PrivilegeWithdrawn   Reason = 9
)

// reasons are the names people write.
func reasons() map[string]Reason {
	return map[string]Reason{"unspecified": Unspecified, "key-compromise": KeyCompromise, "affiliation-changed": AffiliationChanged,
		"superseded": Superseded, "cessation-of-operation": CessationOfOperation, "privilege-withdrawn": PrivilegeWithdrawn}
}

// ParseReason reads a reason such as "key-compromise"; anything unknown is an error.
func ParseReason(s string) (Reason, error) {
	if r, ok := reasons()[s]; ok {
		return r, nil
	}
	return 0, fmt.Errorf("revocation reason %q is not known", s)
}

func (r Reason) String() string {
	for name, v := range reasons() {
		if v == r {
			return name
		}
	}
	return fmt.Sprintf("reason %d", int(r))
}

// revocation is one entry of revoked.json.
type revocation struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
}

// UnmarshalJSON also reads the bare time that the first releases wrote.
func (r *revocation) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		r.Reason = Unspecified.String()
		return json.Unmarshal(data, &r.At)
	}
	type plain revocation
	return json.Unmarshal(data, (*plain)(r))
}

// revocations is a state of revoked.json; mark differs between two states.
type revocations struct {
	all  map[string]revocation // by serial, hexadecimal
	mark *byte
}

func readRevocations(path string) (revocations, error) {
	out := revocations{all: map[string]revocation{}, mark: new(byte)}
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &out.all)
	}
	return out, err
}

func (k *Keys) revocations() (revocations, error) {
	out, err := k.revoked.get()
	if errors.Is(err, fs.ErrNotExist) {
		return revocations{}, nil
	}
	return out, err
}

// RevokeSeal revokes a certificate of this authority by its serial (hexadecimal): a seal in force or retired, or the one
// of the timestamps. Lists and OCSP answers of every process show it within a second, and nothing is sealed with it any
// more. Revoking again changes nothing: the first date stands. An unknown serial, or a reason that does not fit a seal,
// is an error.
func (k *Keys) RevokeSeal(serial string, reason Reason, at time.Time) error {
	if _, err := ParseReason(reason.String()); err != nil {
		return err
	}
	k.mu.Lock()
	k.known = index{}
	k.mu.Unlock()
	known, err := k.certificates()
	if err != nil {
		return err
	}
	s := known.serial[serial]
	if s == nil || s.cert.IsCA {
		return fmt.Errorf("no seal has the serial %q", serial)
	}
	unlock, err := lock(k.dir)
	if err != nil {
		return err
	}
	defer unlock()
	k.revoked.forget()
	have, err := k.revocations()
	if err != nil {
		return err
	}
	if _, gone := have.all[serial]; gone {
		return nil
	}
	all := map[string]revocation{serial: {At: at.UTC().Truncate(time.Second), Reason: reason.String()}}
	for s, r := range have.all {
		all[s] = r
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	defer k.revoked.forget()
	return write(filepath.Join(k.dir, "revoked.json"), data, true)
}

// crl is a revocation list as this process last made or saw it.
type crl struct {
	der  []byte
	at   time.Time
	mark *byte
}

// CRL returns the revocation list "root" or "issuing" in DER (RFC 5280, 5), or fs.ErrNotExist. It is made anew every day
// and at once when something was revoked. All processes of a folder serve the same list, so that its number only grows.
func (k *Keys) CRL(name string, now time.Time) ([]byte, error) {
	by := map[string]*entry{"root": k.root, "issuing": k.issuing}[name]
	if by == nil {
		return nil, fs.ErrNotExist
	}
	revoked, err := k.revocations()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	c, ok := k.crls[name]
	k.mu.Unlock()
	if ok && c.mark == revoked.mark && now.Sub(c.at).Abs() < renewCRL {
		return c.der, nil
	}
	if c.der, c.at, err = k.makeCRL(name, by, revoked, now); err != nil {
		return nil, err
	}
	c.mark = revoked.mark
	k.mu.Lock()
	k.crls[name] = c
	k.mu.Unlock()
	return c.der, nil
}

func (k *Keys) makeCRL(name string, by *entry, revoked revocations, now time.Time) ([]byte, time.Time, error) {
	entries, err := k.entries(by, revoked)
	if err != nil {
		return nil, time.Time{}, err
	}
	unlock, err := lock(k.dir)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer unlock()
	path := filepath.Join(k.dir, "crl", name+".crl")
	number := big.NewInt(now.Unix())
	if old := readCRL(path, by.cert); old != nil {
		if at := old.ThisUpdate.Add(backdate); now.Sub(at).Abs() < renewCRL && sameEntries(old.RevokedCertificateEntries, entries) {
			return old.Raw, at, nil
		}
		if next := new(big.Int).Add(old.Number, big.NewInt(1)); next.Cmp(number) > 0 {
			number = next
		}
	}
	list := &x509.RevocationList{Number: number, ThisUpdate: now.Add(-backdate).UTC(), NextUpdate: now.AddDate(0, 0, crlDays).UTC(), RevokedCertificateEntries: entries}
	raw, err := x509.CreateRevocationList(rand.Reader, list, by.cert, by.key)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := write(path, raw, true); err != nil && !readOnly(err) && !errors.Is(err, fs.ErrNotExist) {
		return nil, time.Time{}, err
	}
	return raw, now, nil
}

// readCRL returns the stored list, or nil when there is none of this authority.
func readCRL(path string, by *x509.Certificate) *x509.RevocationList {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	l, err := x509.ParseRevocationList(data)
	if err != nil || l.Number == nil || l.CheckSignatureFrom(by) != nil {
		return nil
	}
	return l
}

// entries are what an authority has revoked, by serial.
func (k *Keys) entries(by *entry, revoked revocations) ([]x509.RevocationListEntry, error) {
	if len(revoked.all) == 0 {
		return nil, nil
	}
	known, err := k.certificates()
	if err != nil {
		return nil, err
	}
	var out []x509.RevocationListEntry
	for serial, r := range revoked.all {
		issuer := k.issuing // what the first releases revoked were seals
		if s := known.serial[serial]; s != nil && string(s.cert.RawIssuer) == string(k.root.cert.RawSubject) {
			issuer = k.root
		}
		if issuer != by {
			continue
		}
		n, ok := new(big.Int).SetString(serial, 16)
		reason, err := ParseReason(r.Reason)
		if !ok || err != nil {
			return nil, fmt.Errorf("revoked.json: serial %q, reason %q", serial, r.Reason)
		}
		out = append(out, x509.RevocationListEntry{SerialNumber: n, RevocationTime: r.At, ReasonCode: int(reason)})
	}
	slices.SortFunc(out, func(a, b x509.RevocationListEntry) int { return a.SerialNumber.Cmp(b.SerialNumber) })
	return out, nil
}

func sameEntries(a, b []x509.RevocationListEntry) bool {
	return slices.EqualFunc(a, b, func(a, b x509.RevocationListEntry) bool {
		return a.SerialNumber.Cmp(b.SerialNumber) == 0 && a.RevocationTime.Equal(b.RevocationTime) && a.ReasonCode == b.ReasonCode
	})
}
