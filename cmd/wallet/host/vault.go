package host

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"townhall/modules/kernel"
)

// newSecret returns 192 random bits in URL-safe text.
func newSecret() string {
	var b [24]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// vault keeps values under secrets that other parties hold: cookies, tickets, codes. Only the SHA-256 of
// a secret is stored, so that a memory dump or a log of the vault opens nothing.
type vault[T any] struct {
	mu    sync.Mutex
	clock kernel.Clock
	items map[[32]byte]sealed[T]
	swept time.Time
}

type sealed[T any] struct {
	value   T
	expires time.Time
}

func newVault[T any](clock kernel.Clock) *vault[T] {
	return &vault[T]{clock: clock, items: map[[32]byte]sealed[T]{}}
}

// put stores value for ttl and returns its new secret.
func (v *vault[T]) put(value T, ttl time.Duration) string {
	secret := newSecret()
	v.set(secret, value, ttl)
	return secret
}

// set stores value under a secret chosen elsewhere, e.g. a token's id.
func (v *vault[T]) set(secret string, value T, ttl time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep()
	v.items[sha256.Sum256([]byte(secret))] = sealed[T]{value, v.clock.Now().Add(ttl)}
}

// add is set for a secret that must be new; false when it is there already.
func (v *vault[T]) add(secret string, value T, ttl time.Duration) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sweep()
	key := sha256.Sum256([]byte(secret))
	if s, ok := v.items[key]; ok && v.clock.Now().Before(s.expires) {
		return false
	}
	v.items[key] = sealed[T]{value, v.clock.Now().Add(ttl)}
	return true
}

// get returns the value while it has not expired.
func (v *vault[T]) get(secret string) (T, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s, ok := v.items[sha256.Sum256([]byte(secret))]
	if !ok || !v.clock.Now().Before(s.expires) {
		var zero T
		return zero, false
	}
	return s.value, true
}

// take returns the value and removes it: of any number of callers at most one gets it. An expired value is
// removed as well.
func (v *vault[T]) take(secret string) (T, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := sha256.Sum256([]byte(secret))
	s, ok := v.items[key]
	delete(v.items, key)
	if !ok || !v.clock.Now().Before(s.expires) {
		var zero T
		return zero, false
	}
	return s.value, true
}

// update changes a stored value in place and returns the new one.
func (v *vault[T]) update(secret string, change func(T) T) (T, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	key := sha256.Sum256([]byte(secret))
	s, ok := v.items[key]
	if !ok || !v.clock.Now().Before(s.expires) {
		var zero T
		return zero, false
	}
	s.value = change(s.value)
	v.items[key] = s
	return s.value, true
}

// sweep drops what has expired, at most once a minute; the caller holds the lock.
func (v *vault[T]) sweep() {
	now := v.clock.Now()
	if now.Sub(v.swept) < time.Minute {
		return
	}
	v.swept = now
	for k, s := range v.items {
		if !now.Before(s.expires) {
			delete(v.items, k)
		}
	}
}
