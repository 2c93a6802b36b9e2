package modules

import (
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// What an agency of the settings may not offer keeps the server from starting, and is named.
func TestServicesOfTheSettingsAreOfferedByWhoMay(t *testing.T) {
	t.Parallel()
	library, err := workflows.LoadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	certificate, _ := library.Get("residence-certificate")
	visit, _ := library.Get("doctor-appointment")
	for name, c := range map[string]struct {
		service, agency string
		kind            kernel.BodyKind
		want            string
	}{
		"a certificate of a public body":             {certificate.Slug, certificate.Agency, "", ""},
		"a certificate of a company":                 {certificate.Slug, certificate.Agency, kernel.Company, `"company", which may not offer services of the category "certificates"`},
		"a certificate of nothing there is":          {certificate.Slug, certificate.Agency, "club", `"club", which may not offer`},
		"visits of a company":                        {visit.Slug, visit.Agency, kernel.Company, ""},
		"a service whose agency is not there":        {certificate.Slug, "another", "", "has no agency"},
		"a service there is no definition of at all": {"fortune-telling", "another", "", "there is no such definition"},
	} {
		s := Settings{Tenants: []TenantSettings{{ID: "northwick", Services: []string{c.service}, Agencies: []AgencySettings{{ID: kernel.AgencyID(c.agency), Kind: c.kind}}}}}
		err := s.checkServices(library)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
