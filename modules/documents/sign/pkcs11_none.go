//go:build !pkcs11

package sign

import (
	"crypto"
	"errors"
)

// tokens is empty: this program was built without PKCS#11, which needs a C compiler.
type tokens struct{}

func newTokens() *tokens { return &tokens{} }

func (*tokens) signer(uri string) (crypto.Signer, error) {
	_, err := parseURI(uri)
	if err == nil {
		err = errors.New("keys in PKCS#11 tokens need a program built with -tags pkcs11")
	}
	return nil, err
}

func (*tokens) close() error { return nil }
