package developers

import (
	"net/http"
	"slices"
	"strconv"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// applyApp is the mini-app with which a body asks to be a partner.
const applyApp = "partner-application"

// PartnerRules are who may offer what, what may be asked for it, and how much: as the house refuses it, for the page for partners.
type PartnerRules struct {
	Categories                   []PartnerCategory
	Claims                       []PartnerClaim
	Templates                    []PartnerTemplate
	Limits                       []PartnerLimit
	Roles                        []string // that a partner's groups can hold
	MiniApps, Questions, Options int      // at most
}

// PartnerCategory is one kind of service and who may offer it.
type PartnerCategory struct {
	Name                string
	PublicBody, Company bool
}

// PartnerClaim is one claim a purpose covers, and for how many days it may be kept.
type PartnerClaim struct {
	Purpose, Claim string
	Days           int
}

// PartnerTemplate is one template.
type PartnerTemplate struct {
	Name, Purpose, Summary string
	Asks, Prints           bool
}

// PartnerLimit is how many characters a text may have.
type PartnerLimit struct {
	Blank string
	Most  int
}

// offeringPage is the data of ui/offering.html.
type offeringPage struct {
	guide
	Tenant                      kernel.TenantID
	Open                        bool // the municipality takes applications of partners
	Categories, Claims, Sizes   ui.Table
	Templates                   []PartnerTemplate
	Roles                       []string
	MiniApps, Questions, Option int
}

// offering is the whole of what somebody does who offers mini-apps of their own.
func (s *Service) offering(w http.ResponseWriter, r *http.Request) error {
	rules, tenant := s.deps.Partners, kernel.TenantOf(r.Context())
	p := offeringPage{guide: guide{Origin: tenant.Origin}, Tenant: tenant.ID, Open: slices.Contains(tenant.Services, applyApp), Templates: rules.Templates, Roles: rules.Roles, MiniApps: rules.MiniApps, Questions: rules.Questions, Option: rules.Options,
		Categories: ui.Table{Caption: "Kinds of service", Head: []string{"Kind of service", "Public bodies", "Licensed companies"}},
		Claims:     ui.Table{Caption: "Purposes", Head: []string{"Purpose", "Claim", "Kept at most"}},
		Sizes:      ui.Table{Caption: "Sizes", Head: []string{"Text", "Characters in each language"}},
	}
	may := map[bool]ui.Cell{true: {Text: "may"}, false: {Text: "may not"}}
	for _, c := range rules.Categories {
		p.Categories.Rows = append(p.Categories.Rows, ui.TableRow{Cells: []ui.Cell{{Text: c.Name}, may[c.PublicBody], may[c.Company]}})
	}
	for _, c := range rules.Claims {
		p.Claims.Rows = append(p.Claims.Rows, ui.TableRow{Cells: []ui.Cell{{Text: c.Purpose}, {Text: c.Claim}, {Text: strconv.Itoa(c.Days) + " days"}}})
	}
	for _, l := range rules.Limits {
		p.Sizes.Rows = append(p.Sizes.Rows, ui.TableRow{Cells: []ui.Cell{{Text: l.Blank}, {Text: strconv.Itoa(l.Most)}}})
	}
	return s.Render(w, r, s.views, "offering", ui.View{Title: s.t(r, "developers.offering"), Lead: s.t(r, "developers.offering-lead"), Data: p, Active: "offering", Wide: true})
}
