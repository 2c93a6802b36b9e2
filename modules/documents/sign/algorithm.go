package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
)

// Algorithm is what keys are made of. It is chosen for a folder and holds for authorities, seals and timestamps.
type Algorithm string

const (
	ECDSA   Algorithm = "ecdsa"    // P-256, the default
	RSA     Algorithm = "rsa"      // 2048 bits
	RSA3072 Algorithm = "rsa-3072" // 3072 bits
)

// ParseAlgorithm reads an algorithm of the configuration; an empty one is ECDSA. Anything unknown is an error.
func ParseAlgorithm(s string) (Algorithm, error) {
	switch a := Algorithm(s); a {
	case "":
		return ECDSA, nil
	case ECDSA, RSA, RSA3072:
		return a, nil
	}
	return "", fmt.Errorf("key algorithm %q: want ecdsa, rsa or rsa-3072", s)
}

// generate makes a private key.
func (a Algorithm) generate() (crypto.Signer, error) {
	switch a {
	case ECDSA:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case RSA:
		return rsa.GenerateKey(rand.Reader, 2048)
	case RSA3072:
		return rsa.GenerateKey(rand.Reader, 3072)
	}
	return nil, fmt.Errorf("key algorithm %q is not known", a)
}

// algorithmOf names the algorithm of a public key.
func algorithmOf(pub crypto.PublicKey) Algorithm {
	if k, ok := pub.(*rsa.PublicKey); ok {
		if k.Size() >= 384 {
			return RSA3072
		}
		return RSA
	}
	return ECDSA
}
