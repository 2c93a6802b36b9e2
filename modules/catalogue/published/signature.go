package published

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// signatureType is the signature's typ: a signature over anything else is none over a manifest (RFC 8725 §3.11).
const signatureType = "miniapp-manifest+jws"

// withdrawalType is that of a signature over a withdrawal's statement, so that neither can be taken for the other.
const withdrawalType = "miniapp-withdrawal+jws"

// algorithms are the signatures taken: nothing with a shared secret, nothing without a key.
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA}

// Sign makes the detached JWS of a canonical form (RFC 7515 appendix F) with an agency's P-256 key.
func Sign(canonical []byte, key *ecdsa.PrivateKey) (string, error) {
	return sign(canonical, key, signatureType)
}

// Withdraw completes a withdrawal: its hash and the detached JWS of its statement with the agency's key. Tenant, AppID,
// Version, At and Agency are the caller's.
func Withdraw(r Record, key *ecdsa.PrivateKey) (Record, error) {
	r.Withdrawn = true
	statement, err := r.Statement()
	if err != nil {
		return r, err
	}
	r.Hash = Hash(statement)
	r.Signature, err = sign(statement, key, withdrawalType)
	return r, err
}

func sign(canonical []byte, key *ecdsa.PrivateKey, typ string) (string, error) {
	public, err := PublicKey(key)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: public.KeyID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	signed, err := signer.Sign(canonical)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed.DetachedCompactSerialize()
}

// PublicKey is the public part of an agency's key; its kid is its thumbprint (RFC 7638).
func PublicKey(key *ecdsa.PrivateKey) (jose.JSONWebKey, error) {
	jwk := jose.JSONWebKey{Key: key.Public(), Algorithm: string(jose.ES256), Use: "sig"}
	print, err := jwk.Thumbprint(crypto.SHA256)
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(print)
	return jwk, err
}

// CheckSignature reports whether one of an agency's keys made signature over the canonical form, and returns that key's
// kid. Keys inside the signature itself (jwk, jku, x5u, x5c) are never looked at.
func CheckSignature(canonical []byte, signature string, keys jose.JSONWebKeySet) (kid string, err error) {
	return checkSignature(canonical, signature, keys, signatureType)
}

// CheckWithdrawal is CheckSignature for a record that withdraws a mini-app.
func CheckWithdrawal(r Record, keys jose.JSONWebKeySet) (kid string, err error) {
	statement, err := r.Statement()
	if err != nil {
		return "", err
	}
	if !r.Withdrawn || r.Hash != Hash(statement) {
		return "", errors.New("it is no withdrawal")
	}
	return checkSignature(statement, r.Signature, keys, withdrawalType)
}

// KeyOf is the kid a signature names; empty when it cannot be read. Nothing is checked.
func KeyOf(signature string) string {
	jws, err := jose.ParseDetached(signature, []byte{}, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return ""
	}
	return jws.Signatures[0].Protected.KeyID
}

func checkSignature(canonical []byte, signature string, keys jose.JSONWebKeySet, want string) (kid string, err error) {
	jws, err := jose.ParseDetached(signature, canonical, algorithms)
	if err != nil {
		return "", errors.New("signature is no detached JWS with ES256 or EdDSA")
	}
	if len(jws.Signatures) != 1 {
		return "", errors.New("want one signature")
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != want {
		return "", fmt.Errorf("signature has typ %q, want %s", typ, want)
	}
	kid = header.KeyID
	found := keys.Key(kid)
	if kid == "" || len(found) != 1 {
		return kid, fmt.Errorf("signature names the key %q, which is not the agency's", kid)
	}
	if !found[0].IsPublic() || found[0].Algorithm != "" && found[0].Algorithm != header.Algorithm {
		return kid, fmt.Errorf("key %q is not for %s", kid, header.Algorithm)
	}
	if err := jws.DetachedVerify(canonical, found[0]); err != nil {
		return kid, errors.New("signature does not fit what it is for")
	}
	return kid, nil
}
