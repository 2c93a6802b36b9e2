package modules

import (
	"context"
	"slices"

	"townhall/modules/developers"
	"townhall/modules/identity"
	"townhall/modules/kernel"
	"townhall/modules/partners"
	"townhall/workflows"
)

// partnerOffice is the agency whose officers look after partners; a municipality without it has none.
const partnerOffice kernel.AgencyID = "partner-office"

// follow makes the house know what the partners of a municipality add to it. The order matters: nobody is offered a mini-app before its
// definition is known, and nobody believes for a moment that one without a release is there for everybody. A mini-app whose name came with
// the program meanwhile is left out.
func (h *house) follow(ctx context.Context, t kernel.TenantID, r partners.Roster) error {
	for _, d := range r.Older {
		h.library.AddOlder(d)
	}
	for _, d := range r.Newest {
		if err := h.library.Add(d); err != nil {
			h.Log.ErrorContext(ctx, "mini-app of a partner is left out", "tenant", t, "app", d.Slug, "err", err)
			r.Services = slices.DeleteFunc(slices.Clone(r.Services), func(slug string) bool { return slug == d.Slug })
		}
	}
	h.catalogue.ForgetReleases(t)
	h.directory.follow(t, r)
	h.roster.Store(t, h.staffIssuersOf(t, r))
	return h.catalogue.Offered(ctx, t)
}

// staffIssuers are the sign-ins of a municipality's partners, for identity, which is built before them.
func (h *house) staffIssuers(t kernel.TenantID) []kernel.StaffIssuer {
	all, _ := h.roster.Load(t)
	out, _ := all.([]kernel.StaffIssuer)
	return out
}

// staffIssuersOf are the sign-ins of a roster. Where the municipality's own staff sign in, whoever reviews releases for the partner office
// does so for every partner as well: nobody else approves what a partner publishes.
func (h *house) staffIssuersOf(t kernel.TenantID, r partners.Roster) []kernel.StaffIssuer {
	own, reviewers := h.ownStaffIssuer(t)
	var out []kernel.StaffIssuer
	if own != "" && len(reviewers) > 0 && len(r.Agencies) > 0 {
		office := kernel.StaffIssuer{ID: string(partnerOffice), URL: own, Groups: map[string][]kernel.Grant{}}
		for _, group := range reviewers {
			for _, a := range r.Agencies {
				office.Groups[group] = append(office.Groups[group], kernel.Grant{Agency: a.ID, Role: kernel.RoleReviewer})
			}
		}
		out = append(out, office)
	}
	for _, s := range r.SignIns {
		i := kernel.StaffIssuer{ID: string(s.Agency), URL: s.Issuer, Name: s.Name, ACR: map[string]kernel.Level{}, Groups: map[string][]kernel.Grant{}}
		if i.URL == "" {
			i.URL = own
		}
		for name, value := range s.ACR {
			var level kernel.Level
			if level.UnmarshalText([]byte(name)) == nil {
				i.ACR[value] = max(i.ACR[value], level)
			}
		}
		for _, role := range partners.Roles {
			if group := s.Groups[role]; group != "" {
				i.Groups[group] = append(i.Groups[group], kernel.Grant{Agency: s.Agency, Role: role})
			}
		}
		if i.URL != "" {
			out = append(out, i)
		}
	}
	return out
}

// ownStaffIssuer is where a municipality's own staff sign in, and the groups there whose members review releases for the partner office.
func (h *house) ownStaffIssuer(t kernel.TenantID) (url string, reviewers []string) {
	for _, i := range h.Settings.Issuers {
		if identity.Area(i.Area) != identity.AreaStaff || len(i.Tenants) > 0 && !slices.Contains(i.Tenants, t) {
			continue
		}
		for group, grants := range i.Groups[t] {
			if slices.Contains(grants, GrantSettings{Agency: partnerOffice, Role: kernel.RoleReviewer}) {
				reviewers = append(reviewers, group)
			}
		}
		slices.Sort(reviewers)
		return i.URL, reviewers
	}
	return "", nil
}

// partnerRules are the rules of the partners module as the page for partners shows them.
func partnerRules() (developers.PartnerRules, error) {
	out := developers.PartnerRules{Roles: partners.Roles, MiniApps: partners.MostApps, Questions: workflows.MaxQuestions, Options: workflows.MaxOptions}
	for _, c := range partners.Categories {
		out.Categories = append(out.Categories, developers.PartnerCategory{Name: c.Name, PublicBody: slices.Contains(c.Kinds, kernel.PublicBody), Company: slices.Contains(c.Kinds, kernel.Company)})
	}
	for _, p := range partners.Purposes {
		for _, a := range p.Claims {
			out.Claims = append(out.Claims, developers.PartnerClaim{Purpose: p.Name, Claim: a.Claim, Days: a.Days})
		}
	}
	templates, err := workflows.Templates()
	if err != nil {
		return out, err
	}
	for _, t := range templates {
		out.Templates = append(out.Templates, developers.PartnerTemplate{Name: t.Name, Purpose: t.Purpose, Summary: t.Text("en", "summary"), Asks: t.Asks, Prints: t.Prints})
	}
	for _, l := range workflows.BlankLimits() {
		out.Limits = append(out.Limits, developers.PartnerLimit{Blank: l.Blank, Most: l.Most})
	}
	return out, nil
}
