package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
	"github.com/gowebpki/jcs"
)

// publication is the member townhall.publication: what proves the rest of a manifest.
type publication struct {
	Hash      string `json:"hash"`
	Signature string `json:"signature"`
}

// publisher says who signed a manifest.
type publisher struct {
	Agency  string `json:"agency"`
	Kind    string `json:"kind"` // "public-body" or "company"
	JWKSURI string `json:"jwks_uri"`
}

// errNoKeys: the agency's keys could not be read just now, which says nothing about its manifests.
var errNoKeys = errors.New("the agency's keys cannot be read")

// checkPublished refuses a manifest that is not, byte for byte in its canonical form (RFC 8785), what the agency it names
// signed (a detached JWS, RFC 7515 appendix F). A manifest without a signature is refused too, or whoever changes one would
// simply leave the signature out. That everybody was shown the same is checked against the log from time to time, with
// `townhall verify-catalogue`.
func (c *catalogue) checkPublished(ctx context.Context, origin string, m manifest) error {
	by, p := m.Townhall.Publisher, m.Townhall.Publication
	if p == nil {
		return errors.New("it was not published: no member townhall.publication")
	}
	if by.JWKSURI != origin+"/.well-known/agencies/"+by.Agency+"/jwks.json" {
		return fmt.Errorf("%q is not where %s keeps the keys of its agencies", by.JWKSURI, origin)
	}
	canonical, err := canonicalManifest(m.raw)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(canonical); p.Hash != "sha256:"+hex.EncodeToString(sum[:]) {
		return errors.New("it was changed after it was published")
	}
	jws, err := jose.ParseDetached(p.Signature, canonical, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 || jws.Signatures[0].Protected.KeyID == "" {
		return errors.New("its signature cannot be read")
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "miniapp-manifest+jws" {
		return errors.New("its signature is over something else")
	}
	keys, err := c.keysAt(by.JWKSURI).find(ctx, header.KeyID)
	if err != nil {
		return errors.Join(errNoKeys, err)
	}
	for _, k := range keys {
		if jws.DetachedVerify(canonical, k) == nil {
			return nil
		}
	}
	return errors.New("the agency did not sign it")
}

// canonicalManifest is a manifest's canonical form without its publication. It is an error when a member is named twice:
// two readers could then see two manifests.
func canonicalManifest(raw []byte) ([]byte, error) {
	if _, err := jcs.Transform(raw); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	var m, own map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if err := json.Unmarshal(m["townhall"], &own); err != nil || own == nil {
		return nil, errors.New("manifest: townhall is not an object")
	}
	delete(own, "publication")
	inner, err := json.Marshal(own)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	m["townhall"] = inner
	all, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return jcs.Transform(all)
}
