package sign

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// overlap is how long a key may still be in use after it was rotated out: by a process that has not looked yet, or by a
// document whose sealing is under way.
const overlap = 10 * time.Minute

// headerRetired is the PEM header of a retired certificate: from this moment on nothing may be signed with its key.
const headerRetired = "Retired-At"

// Rotate makes a new key and certificate for a municipality and retires the one in force: its certificate is kept, with
// the moment ten minutes from now from which on nothing may be sealed with it, and its private key is gone. Processes that
// run pick up the new key within a second. Documents sealed before stay valid.
func (k *Keys) Rotate(t kernel.Tenant, now time.Time) (KeyInfo, error) {
	return k.rotate(t, "", now, nil)
}

// RotateToToken is Rotate to a key that lives in a PKCS#11 token and never leaves it: the authority certifies it. uri is
// an RFC 7512 address; the file in the folder holds it instead of a key, so prefer pin-source to pin-value.
func (k *Keys) RotateToToken(t kernel.Tenant, uri string, now time.Time) (KeyInfo, error) {
	if !isURI(uri) {
		return KeyInfo{}, errors.New("a key in a token is named by a pkcs11: URI")
	}
	return k.rotate(t, uri, now, nil)
}

// rotate replaces the seal; with only set, no other than this one: two that saw the same need make one new key.
func (k *Keys) rotate(t kernel.Tenant, uri string, now time.Time, only *x509.Certificate) (KeyInfo, error) {
	if !safeName(string(t.ID)) {
		return KeyInfo{}, errUnsafeName(t.ID)
	}
	tmpl, err := sealTemplate(t, now)
	if err != nil {
		return KeyInfo{}, err
	}
	var key crypto.Signer
	if uri != "" {
		if key, err = k.tokens.signer(uri); key == nil {
			return KeyInfo{}, err
		}
	}
	e, err := k.replace(k.sealPath(t.ID), string(t.ID), now, only, func() (*entry, error) {
		e, err := issue(k.issuing, tmpl, k.algorithm, key)
		if err == nil {
			e.uri = uri
		}
		return e, err
	})
	if err != nil {
		return KeyInfo{}, err
	}
	k.forgetSeal(t.ID)
	return describe(string(t.ID), e.cert, Current), nil
}

// forgetSeal makes whoever seals next for a municipality look at its file.
func (k *Keys) forgetSeal(id kernel.TenantID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, s := range k.slots {
		if key.tenant == id {
			s.file.forget()
		}
	}
}

// replace puts a new entry at path and the certificate of the old one into retired/. With only set, no other than this one
// is replaced, and what somebody else has put there is returned. The old certificate is written
// first: a crash between the two leaves one that is both, and the one in force wins (retired leaves it out).
func (k *Keys) replace(path, name string, now time.Time, only *x509.Certificate, create func() (*entry, error)) (*entry, error) {
	unlock, err := lock(k.dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, err := readCertificate(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if only != nil && old != nil && !old.cert.Equal(only) {
		return readEntry(path, k.tokens)
	}
	e, err := create()
	if err != nil {
		return nil, err
	}
	data, err := e.encode()
	if err != nil {
		return nil, err
	}
	if old != nil {
		at := now.Add(overlap).UTC()
		block := &pem.Block{Type: blockRetired, Headers: map[string]string{headerRetired: at.Format(time.RFC3339)}, Bytes: old.cert.Raw}
		if err := write(filepath.Join(k.dir, "retired", name+"-"+serialOf(old.cert)+".pem"), pem.EncodeToMemory(block), true); err != nil {
			return nil, err
		}
	}
	if err := write(path, data, true); err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.known = index{}
	k.mu.Unlock()
	return e, nil
}

// stored is a certificate of the folder without its key.
type stored struct {
	name    string // "root", "issuing", "tsa" or the tenant
	cert    *x509.Certificate
	token   bool      // its key is in a PKCS#11 token
	retired time.Time // zero while in force
}

// readCertificate reads what is public in a file of the folder.
func readCertificate(path string) (*stored, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &stored{name: strings.TrimSuffix(filepath.Base(path), ".pem")}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case blockRetired:
			if s.retired, err = time.Parse(time.RFC3339, block.Headers[headerRetired]); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			fallthrough
		case "CERTIFICATE":
			if s.cert, err = x509.ParseCertificate(block.Bytes); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		case blockURI:
			s.token = true
		}
	}
	if s.cert == nil {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	if !s.retired.IsZero() {
		s.name = strings.TrimSuffix(s.name, "-"+serialOf(s.cert))
	}
	return s, nil
}

// index is every certificate this authority knows, as the folder was at a moment.
type index struct {
	looked time.Time
	stamps [3]time.Time
	all    []*stored // authorities, tsa, seals in force by name, then what was retired by name and time
	serial map[string]*stored
}

// certificates reads the folder again when it changed, and looks at most once a second.
func (k *Keys) certificates() (index, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known.all != nil && time.Since(k.known.looked) < lookEvery {
		return k.known, nil
	}
	var stamps [3]time.Time
	for i, d := range []string{"", "seals", "retired"} {
		info, err := os.Stat(filepath.Join(k.dir, d))
		if err == nil {
			stamps[i] = info.ModTime()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return index{}, err
		}
	}
	// A change in the tick of the clock in which the folder was read does not show in its time.
	settled := time.Since(latest(stamps)) > 2*lookEvery
	if k.known.all != nil && k.known.stamps == stamps && settled {
		k.known.looked = time.Now()
		return k.known, nil
	}
	known, err := k.readFolder()
	if err != nil {
		return index{}, err
	}
	known.stamps, known.looked = stamps, time.Now()
	k.known = known
	return known, nil
}

func latest(all [3]time.Time) time.Time {
	out := all[0]
	for _, t := range all[1:] {
		if t.After(out) {
			out = t
		}
	}
	return out
}

func (k *Keys) readFolder() (index, error) {
	out := index{serial: map[string]*stored{}}
	out.add(&stored{name: "root", cert: k.root.cert})
	out.add(&stored{name: "issuing", cert: k.issuing.cert})
	tsa, err := readCertificate(filepath.Join(k.dir, "tsa.pem"))
	if err == nil {
		out.add(tsa)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return index{}, err
	}
	for _, sub := range []string{"seals", "retired"} {
		files, err := filepath.Glob(filepath.Join(k.dir, sub, "*.pem"))
		if err != nil {
			return index{}, err
		}
		var some []*stored
		for _, f := range files {
			s, err := readCertificate(f)
			if err != nil {
				return index{}, err
			}
			some = append(some, s)
		}
		sort.Slice(some, func(i, j int) bool {
			if some[i].name != some[j].name {
				return some[i].name < some[j].name
			}
			return some[i].retired.Before(some[j].retired)
		})
		for _, s := range some {
			out.add(s)
		}
	}
	return out, nil
}

// add leaves out what is there already: a certificate that a crash left both in force and retired is in force.
func (x *index) add(s *stored) {
	serial := serialOf(s.cert)
	if have := x.serial[serial]; have != nil && bytes.Equal(have.cert.Raw, s.cert.Raw) {
		return
	}
	x.serial[serial] = s
	x.all = append(x.all, s)
}
