// Package sealed encrypts what a person told a clinic, so that neither the database, nor its dumps, nor somebody who may
// read tables can read it.
//
// Every person has a data key of their own, AES-256, made when their first text is sealed. It is stored wrapped by a
// master key, and master keys lie in a folder of the installation, outside the database. Both layers are AES-256-GCM
// (NIST SP 800-38D) with a random nonce of 96 bits for every sealing: a person has some hundred texts, far from the 2^32
// sealings one key may make (§8.3). Additional data says what the ciphertext is of (tenant, person, case and column), so
// that one that was moved to another row opens nowhere.
//
// Deleting a person's wrapped key makes all their texts unreadable for good, here and, once they have gone too, in
// backups of the database. Losing the folder makes every text unreadable: it belongs into the installation's backup, and
// not into the database's.
//
// The package knows no database: who keeps wrapped keys and ciphertexts is the caller's business.
package sealed

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

const (
	keySize = 32 // bytes: AES-256
	suffix  = ".key"
)

// Masters is a folder of master keys: 1.key, 2.key and so on, each 64 hexadecimal digits that only their owner may read.
// The highest number is the newest: it wraps what is new. Older ones stay until nothing is wrapped by them any more.
//
// Several processes may use one folder; a key one of them adds is found by the others when they need it.
type Masters struct {
	dir string

	mu     sync.Mutex
	keys   map[int][]byte
	newest int
}

// OpenMasters opens a folder of master keys, and makes folder and first key when there are none. Two processes that open
// a new folder at once end with the same key. A key that others on the machine may read, or that is not 64 hexadecimal
// digits, is an error that names the file.
func OpenMasters(dir string) (*Masters, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	m := &Masters{dir: dir}
	if err := m.read(); err != nil {
		return nil, err
	}
	if m.newest == 0 {
		if err := m.add(1); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err := m.read(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Rotate adds a master key, which wraps everything from now on, and returns its number. What older ones wrapped stays
// readable; Rewrap moves it over.
func (m *Masters) Rotate() (int, error) {
	if err := m.read(); err != nil {
		return 0, err
	}
	n := m.latest() + 1
	if err := m.add(n); err != nil {
		return 0, err
	}
	return n, m.read()
}

// Newest returns the number of the key that wraps what is new, as the folder stands now.
func (m *Masters) Newest() (int, error) {
	if err := m.read(); err != nil {
		return 0, err
	}
	return m.latest(), nil
}

func (m *Masters) latest() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest
}

// read takes in what the folder holds now.
func (m *Masters) read() error {
	files, err := os.ReadDir(m.dir)
	if err != nil {
		return err
	}
	keys, newest := map[int][]byte{}, 0
	for _, f := range files {
		n, ok := numberOf(f.Name())
		if !ok {
			continue
		}
		if keys[n], err = readKey(filepath.Join(m.dir, f.Name())); err != nil {
			return err
		}
		newest = max(newest, n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys, m.newest = keys, newest
	return nil
}

func numberOf(name string) (int, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n > 0 && strconv.Itoa(n) == digits
}

func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others may read this key; chmod 600", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, fmt.Errorf("%s: not a key of %d hexadecimal digits", path, 2*keySize) // the key itself is not told
	}
	return key, nil
}

// add writes a new key under its number; fs.ErrExist when there is one. The file has its whole content before it has its
// name, and both are on the disk when add returns: what is wrapped by a key that a crash takes away is lost.
func (m *Masters) add(n int) error {
	key := make([]byte, keySize)
	rand.Read(key)
	f, err := os.CreateTemp(m.dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Link(f.Name(), filepath.Join(m.dir, strconv.Itoa(n)+suffix))
	}
	if err != nil {
		return err
	}
	return syncDir(m.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// key returns the master key of a number; it looks into the folder again when another process may have added it.
func (m *Masters) key(n int) ([]byte, error) {
	if k := m.known(n); k != nil {
		return k, nil
	}
	if err := m.read(); err != nil {
		return nil, err
	}
	if k := m.known(n); k != nil {
		return k, nil
	}
	return nil, fmt.Errorf("%w: there is no master key %d", ErrSealed, n)
}

func (m *Masters) known(n int) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys[n]
}
