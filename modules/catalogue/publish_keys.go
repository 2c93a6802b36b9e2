package catalogue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/mod/sumdb/note"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
)

// publishKeys are the keys manifests are published with, files of one folder that all processes share: one P-256 key per
// agency (<tenant>/<agency>.pem, so that no agency can publish for another) and the log's Ed25519 key (log.key). What is
// not there is made.
type publishKeys struct {
	dir string

	mu       sync.Mutex
	agencies map[string]agencyKeys
	log      *logKey
}

// agencyKeys are what an agency signs with, and every key it is known by: to replace a key, rename its file to
// <agency>.<anything>.pem and restart.
type agencyKeys struct {
	signing *ecdsa.PrivateKey
	public  jose.JSONWebKeySet
}

// logKey signs tree heads; public is what hosts keep.
type logKey struct {
	signer note.Signer
	public string
}

var fileSlug = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

func (k *publishKeys) of(t kernel.TenantID, a kernel.AgencyID) (agencyKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	base := filepath.Join(k.dir, string(t), string(a))
	if have, ok := k.agencies[base]; ok {
		return have, nil
	}
	if !fileSlug.MatchString(string(t)) || !fileSlug.MatchString(string(a)) {
		return agencyKeys{}, fmt.Errorf("signing key of %s/%s: the name is no file name", t, a)
	}
	loaded, err := loadAgencyKeys(base)
	if err != nil {
		return agencyKeys{}, fmt.Errorf("signing key of %s/%s: %w", t, a, err)
	}
	if k.agencies == nil {
		k.agencies = map[string]agencyKeys{}
	}
	k.agencies[base] = loaded
	return loaded, nil
}

// has reports whether an agency has ever had a key: one that is no agency any more is still known by what it signed.
func (k *publishKeys) has(t kernel.TenantID, a kernel.AgencyID) bool {
	if k.dir == "" || !fileSlug.MatchString(string(t)) || !fileSlug.MatchString(string(a)) {
		return false
	}
	_, err := os.Stat(filepath.Join(k.dir, string(t), string(a)+".pem"))
	return err == nil
}

// byKid finds the agency one of whose keys has this kid; false when there is none.
func (k *publishKeys) byKid(t kernel.TenantID, kid string) (kernel.AgencyID, agencyKeys, bool, error) {
	files, err := filepath.Glob(filepath.Join(k.dir, string(t), "*.pem"))
	if err != nil {
		return "", agencyKeys{}, false, err
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		if !k.has(t, kernel.AgencyID(name)) {
			continue
		}
		keys, err := k.of(t, kernel.AgencyID(name))
		if err != nil {
			return "", agencyKeys{}, false, err
		}
		if kid != "" && len(keys.public.Key(kid)) > 0 {
			return kernel.AgencyID(name), keys, true, nil
		}
	}
	return "", agencyKeys{}, false, nil
}

func loadAgencyKeys(base string) (agencyKeys, error) {
	var out agencyKeys
	raw, err := secretFile(base+".pem", newAgencyKey)
	if err != nil {
		return out, err
	}
	if out.signing, err = readAgencyKey(raw); err != nil {
		return out, err
	}
	all := []*ecdsa.PrivateKey{out.signing}
	retired, err := filepath.Glob(base + ".*.pem")
	if err != nil {
		return out, err
	}
	for _, path := range retired {
		raw, err := os.ReadFile(path)
		if err != nil {
			return out, err
		}
		key, err := readAgencyKey(raw)
		if err != nil {
			return out, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		all = append(all, key)
	}
	for _, key := range all {
		jwk, err := published.PublicKey(key)
		if err != nil {
			return out, err
		}
		out.public.Keys = append(out.public.Keys, jwk)
	}
	return out, nil
}

func newAgencyKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func readAgencyKey(raw []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, errors.New("not a PEM file")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, errors.New("want an ECDSA key on P-256")
	}
	return ec, nil
}

// ofLog returns the log's key. It is never replaced: a log with another key is another log to every host.
func (k *publishKeys) ofLog() (logKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.log != nil {
		return *k.log, nil
	}
	raw, err := secretFile(filepath.Join(k.dir, "log.key"), newLogKey)
	if err != nil {
		return logKey{}, fmt.Errorf("key of the log: %w", err)
	}
	var pair struct{ Private, Public string }
	if err := json.Unmarshal(raw, &pair); err != nil {
		return logKey{}, fmt.Errorf("key of the log: %w", err)
	}
	signer, err := note.NewSigner(pair.Private)
	if err != nil {
		return logKey{}, fmt.Errorf("key of the log: %w", err)
	}
	if verifier, err := note.NewVerifier(pair.Public); err != nil || verifier.KeyHash() != signer.KeyHash() || signer.Name() != published.LogName {
		return logKey{}, errors.New("key of the log: the two halves do not belong together")
	}
	k.log = &logKey{signer, pair.Public}
	return *k.log, nil
}

func newLogKey() ([]byte, error) {
	private, public, err := note.GenerateKey(rand.Reader, published.LogName)
	if err != nil {
		return nil, err
	}
	return json.Marshal(map[string]string{"private": private, "public": public})
}

// secretFile reads a file only we may read. Where there is none, it writes what fresh returns aside and links it into
// place: of two servers starting at once, one key wins.
func secretFile(path string, fresh func() ([]byte, error)) ([]byte, error) {
	raw, err := os.ReadFile(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return raw, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	content, err := fresh()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}
