package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/kernel"
)

const (
	retryAfter   = 10 * time.Second // at most one fetch in this time, whatever arrives
	freshFor     = 10 * time.Minute // then fetched again, so that a retired key ends
	staleFor     = 24 * time.Hour   // how long keys outlive an issuer that does not answer
	fetchTimeout = 5 * time.Second
)

// remote keeps one thing fetched from an issuer: shared by all requests, fetched once at a time, never more often
// than every ten seconds, so that a flood of bad tokens is no flood of fetches.
type remote[T any] struct {
	clock kernel.Clock
	fetch func(context.Context) (T, error)

	mu         sync.Mutex
	value      T
	got, tried time.Time // got is zero while there is nothing
	err        error     // of the last fetch
	running    chan struct{}
}

// get returns the value; force asks for a newer one than is there. Without any value it is errIssuerAway.
func (c *remote[T]) get(ctx context.Context, force bool) (T, error) {
	c.mu.Lock()
	now := c.clock.Now()
	due := force || c.got.IsZero() || now.Sub(c.got) >= freshFor
	if due && c.running == nil && (c.tried.IsZero() || now.Sub(c.tried) >= retryAfter) {
		c.tried, c.running = now, make(chan struct{})
		go c.renew(context.WithoutCancel(ctx), c.running)
	}
	running := c.running
	c.mu.Unlock()
	if due && running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			var none T
			return none, errIssuerAway.Wrap(ctx.Err())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.got.IsZero() || now.Sub(c.got) >= staleFor {
		var none T
		return none, errIssuerAway.Wrap(c.err)
	}
	return c.value, nil
}

// known returns what was fetched before, or the zero value; it never fetches.
func (c *remote[T]) known() (T, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.value, !c.got.IsZero()
}

func (c *remote[T]) renew(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	v, err := c.fetch(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err = err; err == nil {
		c.value, c.got = v, c.clock.Now()
	}
	c.running = nil
	close(done)
}

// keySet verifies signatures with an issuer's published keys. It is an oidc.KeySet; go-oidc's own fetches once per bad
// token and cannot tell "keys unreachable" from "bad signature".
type keySet struct{ keys *remote[[]jose.JSONWebKey] }

var (
	algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA}

	errSignature  = errors.New("signature does not verify")
	errUnknownKey = errors.New("no such key")
)

// VerifySignature returns the payload of a token that one of the issuer's keys signed. A known key with a bad signature
// never causes a fetch. The error is errIssuerAway when there are no keys to check with.
func (k *keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(raw, algorithms)
	if err != nil {
		return nil, fmt.Errorf("malformed token: %w", err)
	}
	for _, force := range []bool{false, true} {
		keys, err := k.keys.get(ctx, force)
		if err != nil {
			return nil, err
		}
		payload, err := verifyWith(jws, keys)
		if !errors.Is(err, errUnknownKey) {
			return payload, err
		}
	}
	return nil, errUnknownKey
}

// verifyWith tries the key the token names, or, when it names none, each key of its algorithm.
func verifyWith(jws *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	h := jws.Signatures[0].Header
	result := errUnknownKey
	for _, key := range keys {
		if h.KeyID != "" && key.KeyID != h.KeyID {
			continue
		}
		if h.KeyID != "" {
			result = errSignature
		}
		if !fits(key, h.Algorithm) {
			continue
		}
		if payload, err := jws.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, result
}

// fits binds the algorithm to the key: a public key is never used as anything but what it is.
func fits(key jose.JSONWebKey, alg string) bool {
	if key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return (alg == string(jose.RS256) || alg == string(jose.PS256)) && k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return alg == string(jose.ES256) && k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == string(jose.EdDSA)
	}
	return false
}

// parseKeys reads a JWK set (RFC 7517) and leaves out what it cannot use: one odd key must not lock everybody out.
func parseKeys(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	var out []jose.JSONWebKey
	for _, r := range set.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(r) == nil && k.IsPublic() && k.Valid() && (k.Use == "" || k.Use == "sig") {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("key set: no usable key")
	}
	return out, nil
}
