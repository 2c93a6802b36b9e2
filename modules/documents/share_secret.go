package documents

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"townhall/modules/kernel"
)

const secretSize = 32

// token is the secret part of a share's link: 192 bits that nobody can tell from random ones. It is computed from the
// share's id and a key that lies in the folder of the seals, not in the database: so a request that is sent twice gets the
// same link twice, although neither the database nor a copy of it holds the link.
func (s *seals) token(t kernel.TenantID, shareID string) (string, error) {
	key, err := s.shareKey()
	if err != nil {
		return "", errSealing.Wrap(err)
	}
	m := hmac.New(sha256.New, key)
	m.Write([]byte(string(t) + "\x00" + shareID))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil)[:tokenSize]), nil
}

// shareKey reads the key, or makes it: written aside and linked into place, so that the first of two makers wins.
func (s *seals) shareKey() ([]byte, error) {
	if _, err := s.open(); err != nil { // makes the folder
		return nil, err
	}
	path := filepath.Join(s.Keys, "shares.key")
	key, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	tmp, err := os.CreateTemp(s.Keys, ".new-*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	fresh := make([]byte, secretSize)
	rand.Read(fresh)
	_, err = tmp.Write(fresh)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readSecret(path)
}

func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is a secret and can be read by others: chmod 600", path)
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != secretSize {
		err = fmt.Errorf("%s is not %d bytes long", path, secretSize)
	}
	return key, err
}
