package catalogue

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Shared is what a shared link leads to: a page of a mini-app, until it ends. It names no person, neither who shares nor who
// is meant, and whoever has the link may open it.
type Shared struct {
	App     string
	Page    string // one of the manifest's pages, or below one; empty: the start page
	Ref     string // an opaque resource reference
	Expires time.Time
}

// A link that is not this municipality's, and one that was and has ended.
var (
	errNoShare    = kernel.NewError(kernel.NotFound, "share-unknown", "This link is not one of ours. Ask for it again.")
	errShareEnded = kernel.NewError(kernel.NotFound, "share-ended", "This link has ended. Ask for a new one, or find the service in the list.")
)

const (
	shareVersion = 1
	shareHead    = 1 + 4 // version and end, in minutes since 1970
	shareMAC     = 16    // bytes of HMAC-SHA-256 that are kept: half of it, the least of RFC 2104 §5
)

// token writes a shared link as a word for an address: it holds everything, so that nothing is stored, and is
// authenticated (HMAC, RFC 2104) for one municipality. Its length is that of the page's path and about thirty characters.
func (l Shared) token(key []byte, t kernel.TenantID) string {
	b := make([]byte, shareHead, 128)
	b[0] = shareVersion
	binary.BigEndian.PutUint32(b[1:], uint32(l.Expires.Unix()/60))
	b = append(b, strings.Join([]string{l.App, l.Page, l.Ref}, "\n")...)
	return base64.RawURLEncoding.EncodeToString(append(b, shareSum(key, t, b)...))
}

func shareSum(key []byte, t kernel.TenantID, b []byte) []byte {
	m := hmac.New(sha256.New, key)
	fmt.Fprintf(m, "share/%s/", t)
	m.Write(b)
	return m.Sum(nil)[:shareMAC]
}

// readShare reads a shared link. Errors: errNoShare; errShareEnded, with what it led to.
func readShare(key []byte, t kernel.TenantID, token string, now time.Time) (Shared, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < shareHead+shareMAC || raw[0] != shareVersion {
		return Shared{}, errNoShare
	}
	b, sum := raw[:len(raw)-shareMAC], raw[len(raw)-shareMAC:]
	if !hmac.Equal(sum, shareSum(key, t, b)) {
		return Shared{}, errNoShare
	}
	parts := strings.Split(string(b[shareHead:]), "\n")
	if len(parts) != 3 {
		return Shared{}, errNoShare
	}
	l := Shared{App: parts[0], Page: parts[1], Ref: parts[2], Expires: time.Unix(int64(binary.BigEndian.Uint32(b[1:shareHead]))*60, 0).UTC()}
	if !now.Before(l.Expires) {
		return l, errShareEnded
	}
	return l, nil
}

// openShareKey reads the key of shared links, and makes it when there is none: two processes that begin at once end with the
// same one. Who deletes the file ends every link.
func openShareKey(file string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".share-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	fresh := make([]byte, 32)
	rand.Read(fresh)
	_, err = f.WriteString(hex.EncodeToString(fresh) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(raw)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s: want 64 hexadecimal digits", file)
	}
	return key, nil
}
