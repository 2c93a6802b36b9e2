package casework

import (
	"net/http/httptest"
	"testing"

	"townhall/modules/kernel"
)

func TestADocumentOfACaseLeadsARegistrarOfItsAgencyToItsPageAndAnybodyElseToThePublicCheck(t *testing.T) {
	t.Parallel()
	o := opened{documents: []kernel.Document{{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", Number: "RC-7K4M-93Q2-TX8D-6HRW"}}}
	o.Agency = "civil-registry"
	for name, c := range map[string]struct {
		who  kernel.Principal
		want string
	}{
		"registrar":              {kernel.Principal{Kind: kernel.Staff, Grants: []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}}, "/staff/documents/0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"},
		"another role":           {kernel.Principal{Kind: kernel.Staff, Grants: []kernel.Grant{{Agency: "civil-registry", Role: "inspector"}}}, "/verify/RC-7K4M-93Q2-TX8D-6HRW"},
		"another agency's":       {kernel.Principal{Kind: kernel.Staff, Grants: []kernel.Grant{{Agency: "parks", Role: "registrar"}}}, "/verify/RC-7K4M-93Q2-TX8D-6HRW"},
		"a citizen with a grant": {kernel.Principal{Kind: kernel.Citizen, Grants: []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}}, "/verify/RC-7K4M-93Q2-TX8D-6HRW"},
	} {
		r := httptest.NewRequest("GET", "/staff/cases/1", nil)
		r = r.WithContext(kernel.WithPrincipal(r.Context(), c.who))
		if rows := (&Service{}).documentRows(r, o); len(rows) != 1 || rows[0].Href != c.want || rows[0].Page != (name == "registrar") {
			t.Errorf("%s: %+v", name, rows)
		}
	}
}
