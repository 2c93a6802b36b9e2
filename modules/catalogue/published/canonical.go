package published

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gowebpki/jcs"
)

// Publication is the member townhall.publication: what proves the rest of the manifest.
type Publication struct {
	Hash      string `json:"hash" example:"sha256:6f0a7c1b0d6f3d0b8b8f5c7d3b6f9e2a4c1d8e7f6a5b4c3d2e1f0a9b8c7d6e5f" doc:"SHA-256 of the manifest's canonical form (RFC 8785) in lang en, without this member."`
	Signature string `json:"signature" example:"eyJhbGciOiJFUzI1NiJ9..c2ln" doc:"The publishing agency's detached JWS over the canonical form (RFC 7515 appendix F)."`
	LogIndex  int64  `json:"log_index" minimum:"0" example:"41" doc:"Number of its record in the log, from 0."`
	LogURI    string `json:"log_uri" format:"uri" example:"https://northwick.example/wallet/v1/log" doc:"Where the log is read."`
}

// LogPath is where a municipality serves the log.
const LogPath = "/wallet/v1/log"

// Canonical is the form of a manifest that is hashed and signed: its JSON by RFC 8785 without the member
// townhall.publication. It takes what one manifest of /.well-known/miniapps.json is, or what Canonical returned. It is an
// error when that is no JSON object, names a member twice or has no member townhall.
func Canonical(manifest []byte) ([]byte, error) {
	if _, err := jcs.Transform(manifest); err != nil { // refuses members named twice, which the next step would join
		return nil, fmt.Errorf("manifest: %w", err)
	}
	var m, own map[string]json.RawMessage
	if err := json.Unmarshal(manifest, &m); err != nil {
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

// Hash names a canonical form: "sha256:" and 64 hexadecimal digits.
func Hash(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:])
}
