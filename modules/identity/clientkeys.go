package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/kernel"
)

// clientKeys are the ES256 keys our OIDC clients authenticate with (private_key_jwt, Core §9): one per municipality, so
// that no municipality can speak for another.
type clientKeys struct {
	dir string

	mu   sync.Mutex
	have map[kernel.TenantID]tenantKeys
}

type tenantKeys struct {
	signer jose.Signer
	public []byte // the JWK set
}

func (k *clientKeys) of(t kernel.TenantID) (tenantKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have, ok := k.have[t]; ok {
		return have, nil
	}
	loaded, err := k.load(t)
	if err != nil {
		return tenantKeys{}, fmt.Errorf("client key of %s: %w", t, err)
	}
	if k.have == nil {
		k.have = map[kernel.TenantID]tenantKeys{}
	}
	k.have[t] = loaded
	return loaded, nil
}

func (k *clientKeys) load(t kernel.TenantID) (tenantKeys, error) {
	var out tenantKeys
	if !slug.MatchString(string(t)) {
		return out, errors.New("tenant id is no file name")
	}
	path := filepath.Join(k.dir, string(t)+".pem")
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			key, err = readKey(path)
		}
	}
	if err != nil {
		return out, err
	}
	own, err := publicJWK(key)
	if err != nil {
		return out, err
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{own}}
	others, err := filepath.Glob(filepath.Join(k.dir, string(t)+".*.pem"))
	if err != nil {
		return out, err
	}
	for _, o := range others {
		other, err := readKey(o)
		if err != nil {
			return out, err
		}
		jwk, err := publicJWK(other)
		if err != nil {
			return out, err
		}
		set.Keys = append(set.Keys, jwk)
	}
	if out.public, err = json.Marshal(set); err != nil {
		return out, err
	}
	out.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: own.KeyID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	return out, err
}

// assertion authenticates client towards the issuer. Its audience is the issuer alone, so that it is worth nothing at
// another one that would like to replay it.
func (k tenantKeys) assertion(client, issuer string, now time.Time) (string, error) {
	body, err := json.Marshal(map[string]any{
		"iss": client, "sub": client, "aud": issuer, "jti": randomToken(),
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := k.signer.Sign(body)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func publicJWK(key *ecdsa.PrivateKey) (jose.JSONWebKey, error) {
	jwk := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	print, err := jwk.Thumbprint(crypto.SHA256) // RFC 7638
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(print)
	return jwk, err
}

func readKey(path string) (*ecdsa.PrivateKey, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s: not a PEM file", filepath.Base(path))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || ec.Curve != elliptic.P256() {
		return nil, fmt.Errorf("%s: want an ECDSA key on P-256", filepath.Base(path))
	}
	return ec, nil
}

// makeKey writes a new key aside and links it into place: of two servers starting at once, one key wins.
func makeKey(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der}), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
