package sign

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// entry is a certificate with its key: the private key itself, or the address of one that never leaves its token.
type entry struct {
	cert *x509.Certificate
	key  crypto.Signer
	uri  string // RFC 7512; empty when the key is in the file
}

// Kinds of PEM blocks in the folder besides CERTIFICATE and PRIVATE KEY.
const (
	blockURI     = "PKCS#11 URI"
	blockRetired = "RETIRED CERTIFICATE"
)

func (e *entry) encode() ([]byte, error) {
	out := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: e.cert.Raw})
	if e.uri != "" {
		return append(out, pem.EncodeToMemory(&pem.Block{Type: blockURI, Bytes: []byte(e.uri)})...), nil
	}
	raw, err := x509.MarshalPKCS8PrivateKey(e.key)
	if err != nil {
		return nil, err
	}
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})...), nil
}

// readEntry reads a file of the folder. One that others on the machine may read is an error.
func readEntry(path string, t *tokens) (*entry, error) {
	data, err := readSecret(path)
	if err != nil {
		return nil, err
	}
	e := &entry{}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			e.cert, err = x509.ParseCertificate(block.Bytes)
		case "PRIVATE KEY":
			e.key, err = parseKey(block)
		case blockURI:
			e.uri = string(block.Bytes)
			e.key, err = t.signer(e.uri)
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

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s holds a private key and can be read by others: chmod 600", path)
	}
	return os.ReadFile(path)
}

// parseKey reads the three forms in which programs write a private key.
func parseKey(block *pem.Block) (crypto.Signer, error) {
	var k any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		k, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		k, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		k, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a block %q is no private key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	s, ok := k.(crypto.Signer)
	if !ok {
		return nil, errors.New("this kind of key cannot sign")
	}
	return s, nil
}

// write puts data at path: written aside first, so that it is there completely or not at all. With replace false the
// first of two writers wins.
func write(path string, data []byte, replace bool) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if replace {
		return os.Rename(tmp.Name(), path)
	}
	if err := os.Link(tmp.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// ensure reads the file, or makes it; two processes that start at once end with the same key.
func ensure(path string, t *tokens, create func() (*entry, error)) (*entry, error) {
	e, err := readEntry(path, t)
	if !errors.Is(err, fs.ErrNotExist) {
		return e, err
	}
	if e, err = create(); err != nil {
		return nil, err
	}
	data, err := e.encode()
	if err != nil {
		return nil, err
	}
	if err := write(path, data, false); err != nil {
		return nil, err
	}
	return readEntry(path, t)
}

// lock keeps other processes, and other goroutines of this one, from changing the folder until unlock is called.
func lock(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// lookEvery is how often a file is asked whether somebody else has replaced it.
const lookEvery = time.Second

// watched is a file that is read again when it was replaced, so that a running process sees what another one did.
type watched[T any] struct {
	path string
	read func(path string) (T, error)

	mu     sync.Mutex
	looked time.Time
	gone   error       // fs.ErrNotExist, when the file was not there
	info   fs.FileInfo // nil: nothing is known of the file
	value  T
}

// get returns the content. When the file is not there the error is fs.ErrNotExist.
func (w *watched[T]) get() (T, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var none T
	if (w.info != nil || w.gone != nil) && time.Since(w.looked) < lookEvery {
		return w.value, w.gone
	}
	info, err := os.Stat(w.path)
	w.gone = nil
	if err != nil {
		w.info, w.value = nil, none
		if errors.Is(err, fs.ErrNotExist) {
			w.gone, w.looked = err, time.Now()
		}
		return none, err
	}
	if w.info == nil || !os.SameFile(w.info, info) || !w.info.ModTime().Equal(info.ModTime()) || w.info.Size() != info.Size() {
		v, err := w.read(w.path)
		if err != nil {
			w.info, w.value = nil, none
			return none, err
		}
		w.value = v
	}
	w.info, w.looked = info, time.Now()
	return w.value, nil
}

// forget makes the next get look at the file.
func (w *watched[T]) forget() {
	w.mu.Lock()
	w.looked = time.Time{}
	w.mu.Unlock()
}
