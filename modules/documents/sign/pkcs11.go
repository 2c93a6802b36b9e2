//go:build pkcs11

package sign

import (
	"crypto"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/ThalesGroup/crypto11"
)

// tokens are the connections to PKCS#11 tokens, one per token.
type tokens struct {
	mu   sync.Mutex
	open map[string]*crypto11.Context
}

func newTokens() *tokens { return &tokens{open: map[string]*crypto11.Context{}} }

// signer finds a key in its token. The private key never leaves it.
func (t *tokens) signer(uri string) (crypto.Signer, error) {
	k, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(k.module); err != nil { // a name without a place would make the loader search
		return nil, fmt.Errorf("PKCS#11 module: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	name := k.module + "\x00" + k.token + "\x00" + k.serial
	c := t.open[name]
	if c == nil {
		if c, err = crypto11.Configure(&crypto11.Config{Path: k.module, TokenLabel: k.token, TokenSerial: k.serial, Pin: k.pin}); err != nil {
			return nil, fmt.Errorf("PKCS#11 token: %w", err)
		}
		t.open[name] = c
	}
	var id, label []byte
	if k.id != "" {
		id = []byte(k.id)
	}
	if k.object != "" {
		label = []byte(k.object)
	}
	pairs, err := c.FindKeyPairs(id, label)
	if err != nil {
		return nil, fmt.Errorf("PKCS#11 token: %w", err)
	}
	if len(pairs) != 1 {
		return nil, fmt.Errorf("PKCS#11 token: %d keys fit, want one", len(pairs))
	}
	return pairs[0], nil
}

func (t *tokens) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []error
	for _, c := range t.open {
		all = append(all, c.Close())
	}
	clear(t.open)
	return errors.Join(all...)
}
