package catalogue

import (
	"net/http"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
)

// schema serves the JSON Schema every published manifest keeps.
func (s *Service) schema(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	writeCached(w, r, "application/schema+json", 3600, published.Schema)
	return nil
}

// agencyKeys serves the public keys an agency signs manifests with (RFC 7517 §5). NotFound when it is no agency of this
// municipality, and never was one that published.
func (s *Service) agencyKeys(w http.ResponseWriter, r *http.Request) error {
	t, agency := kernel.TenantOf(r.Context()), kernel.AgencyID(r.PathValue("agency"))
	if _, ok := s.deps.Directory.Agency(t.ID, agency); s.deps.Keys == "" || !ok && !s.publisher.keys.has(t.ID, agency) {
		return kernel.NotThere("agency")
	}
	keys, err := s.publisher.keys.of(t.ID, agency)
	if err != nil {
		return err
	}
	return writeJSON(w, r, keys.public)
}
