package sign

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Outside is a seal that a trust service provider has certified. It is used instead of one of the embedded authority.
type Outside struct {
	CertificateFile string // PEM: the seal's certificate, every intermediate, and the provider's root
	Key             string // a file (PKCS#8, SEC 1 or PKCS#1 in PEM, mode 0600) or an RFC 7512 pkcs11: URI
}

// chained is a key with its chain, root last.
type chained struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

func (k *Keys) outsideSeal(s *slot, o SealOptions) (*Sealer, error) {
	if s.outside == nil || s.options.Outside != o.Outside {
		s.outside = &watched[*chained]{path: o.Outside.CertificateFile, read: func(string) (*chained, error) { return k.readOutside(o.Outside) }}
		s.sealer = nil
	}
	c, err := s.outside.get()
	if err != nil {
		return nil, err
	}
	if s.sealer != nil && s.options == o && s.sealer.Certificate() == c.chain[0] {
		return s.sealer, nil
	}
	sealer, err := newSealer(c.key, c.chain, o, k)
	if err != nil {
		return nil, err
	}
	s.entry, s.options, s.sealer = nil, o, sealer
	return sealer, nil
}

func (k *Keys) readOutside(o Outside) (*chained, error) {
	key, err := k.readKey(o.Key)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(o.CertificateFile)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.CertificateFile, err)
		}
		certs = append(certs, c)
	}
	chain, err := chainOf(key, certs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.CertificateFile, err)
	}
	return &chained{key, chain}, nil
}

func (k *Keys) readKey(name string) (crypto.Signer, error) {
	if isURI(name) {
		return k.tokens.signer(name)
	}
	data, err := readSecret(name)
	if err != nil {
		return nil, err
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			key, err := parseKey(block)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s holds no private key", name)
}

// chainOf orders certificates from the key's own to the root, whatever order they came in.
func chainOf(key crypto.Signer, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, errors.New("this kind of key cannot be compared")
	}
	var chain []*x509.Certificate
	for _, c := range certs {
		if pub.Equal(c.PublicKey) && !c.IsCA {
			chain = append(chain, c)
			break
		}
	}
	if chain == nil {
		return nil, errors.New("no certificate belongs to the key")
	}
	if len(chain) == 1 && bytes.Equal(chain[0].RawSubject, chain[0].RawIssuer) {
		return nil, errors.New("nobody but itself vouches for the certificate")
	}
	return linked(chain, certs)
}

// linked follows a chain from its last certificate to a root.
func linked(chain, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	for range certs {
		last := chain[len(chain)-1]
		if bytes.Equal(last.RawSubject, last.RawIssuer) {
			return chain, nil
		}
		for _, c := range certs {
			if c.IsCA && bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil {
				chain = append(chain, c)
				break
			}
		}
	}
	if last := chain[len(chain)-1]; bytes.Equal(last.RawSubject, last.RawIssuer) {
		return chain, nil
	}
	return nil, errors.New("the chain does not lead to a root: every intermediate and the root are needed")
}
