package host

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

// keyFile is what keys.json holds. The two issuers share no key: a staff token can never pass for a citizen's.
type keyFile struct {
	Citizens jose.JSONWebKeySet `json:"citizens"`
	Staff    jose.JSONWebKeySet `json:"staff"`
	Salt     []byte             `json:"salt"` // of pairwise subjects (Core §8.1)
}

// openKeys reads keys.json, or makes it; without a folder the keys live as long as the process.
func openKeys(dir string) (keyFile, error) {
	var k keyFile
	path := filepath.Join(dir, "keys.json")
	if dir != "" {
		b, err := os.ReadFile(path)
		if err == nil {
			if err := json.Unmarshal(b, &k); err != nil || len(k.Citizens.Keys) == 0 || len(k.Staff.Keys) == 0 || len(k.Salt) < 32 {
				return k, fmt.Errorf("wallet keys: %s is not a key file", path)
			}
			return k, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return k, fmt.Errorf("wallet keys: %w", err)
		}
	}
	var err error
	if k.Citizens, err = newKeySet(); err != nil {
		return k, err
	}
	if k.Staff, err = newKeySet(); err != nil {
		return k, err
	}
	k.Salt = make([]byte, 32)
	rand.Read(k.Salt)
	if dir == "" {
		return k, nil
	}
	b, err := json.Marshal(k)
	if err != nil {
		return k, fmt.Errorf("wallet keys: %w", err)
	}
	// Written beside and renamed, so that a crash leaves a whole file or none.
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return k, fmt.Errorf("wallet keys: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return k, fmt.Errorf("wallet keys: %w", err)
	}
	return k, nil
}

// newKeySet makes one ES256 and one RS256 key; the first is the default.
func newKeySet() (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return set, fmt.Errorf("wallet keys: %w", err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return set, fmt.Errorf("wallet keys: %w", err)
	}
	for _, k := range []jose.JSONWebKey{{Key: ec, Algorithm: string(jose.ES256), Use: "sig"}, {Key: rs, Algorithm: string(jose.RS256), Use: "sig"}} {
		print, err := k.Thumbprint(crypto.SHA256) // RFC 7638
		if err != nil {
			return set, fmt.Errorf("wallet keys: %w", err)
		}
		k.KeyID = base64.RawURLEncoding.EncodeToString(print)
		set.Keys = append(set.Keys, k)
	}
	return set, nil
}

// publicSet is what jwks.json shows.
func publicSet(set jose.JSONWebKeySet) jose.JSONWebKeySet {
	var out jose.JSONWebKeySet
	for _, k := range set.Keys {
		out.Keys = append(out.Keys, k.Public())
	}
	return out
}
