package partners

import (
	"slices"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/workflows"
)

func templates(t *testing.T) []*workflows.Template {
	t.Helper()
	all, err := workflows.Templates()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAClaimCoversItsMembersAndNothingElse(t *testing.T) {
	t.Parallel()
	p, _ := purposeOf("application")
	for claim, want := range map[string]int{"name": 3660, "address": 3660, "address.locality": 3660, "email": 1098, "address_history": 0, "addres": 0, "": 0, "phone_number": 0, "name.": 3660, "email_verified": 0} {
		if got := p.days(claim); got != want {
			t.Errorf("%q: %d days, want %d", claim, got, want)
		}
	}
	if _, known := purposeOf("advertising"); known {
		t.Error("there is a purpose nobody wrote down")
	}
}

func TestNothingIsOfferedOrAskedBeyondWhatWasRegistered(t *testing.T) {
	t.Parallel()
	claim := func(name string, days int) workflows.Claim { return workflows.Claim{Name: name, Days: days} }
	for name, c := range map[string]struct {
		partner func(*Partner)
		purpose string
		offer   workflows.Definition
		want    string
	}{
		"what was registered":               {nil, "appointment", workflows.Definition{Category: "health", Claims: []workflows.Claim{claim("name", 1098), claim("email", 366)}}, ""},
		"a claim the purpose does not need": {nil, "appointment", workflows.Definition{Category: "health", Claims: []workflows.Claim{claim("name", 1), claim("address", 1)}}, "claims.address partners.over-asked"},
		"a member of it":                    {nil, "appointment", workflows.Definition{Category: "health", Claims: []workflows.Claim{claim("address.locality", 1)}}, "claims.address.locality partners.over-asked"},
		"kept a day too long":               {nil, "appointment", workflows.Definition{Category: "health", Claims: []workflows.Claim{claim("name", 1099)}}, "claims.name partners.kept-too-long"},
		"a kind it has not registered":      {nil, "appointment", workflows.Definition{Category: "travel"}, "category partners.category-not-yours"},
		"a kind that is not open to it": {func(p *Partner) { p.Categories = append(p.Categories, "permits") }, "appointment", workflows.Definition{Category: "permits"},
			"category partners.category-not-yours"},
		"a public body's kind": {func(p *Partner) { p.Kind, p.Categories = kernel.PublicBody, []string{"permits"} }, "appointment", workflows.Definition{Category: "permits"}, ""},
		"a purpose it has not registered": {nil, "notice", workflows.Definition{Category: "health", Claims: []workflows.Claim{claim("name", 366)}},
			"purpose partners.purpose-not-yours"},
		"a purpose there is none of": {func(p *Partner) { p.Purposes = []string{"advertising"} }, "advertising", workflows.Definition{Category: "health", Claims: []workflows.Claim{claim("name", 1)}},
			"purpose partners.purpose-not-yours, claims.name partners.over-asked"},
		"everything at once": {nil, "notice", workflows.Definition{Category: "permits", Claims: []workflows.Claim{claim("email", 1), claim("name", 367)}},
			"category partners.category-not-yours, purpose partners.purpose-not-yours, claims.email partners.over-asked, claims.name partners.kept-too-long"},
	} {
		p := clinic()
		if c.partner != nil {
			c.partner(&p)
		}
		if got := strings.Join(faults(p.checkOffer(&c.offer, c.purpose)), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// What a template lets a body ask for, and for how long at most, its purpose covers: nobody is led into a refusal.
func TestEveryTemplateKeepsWithinItsPurpose(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, one := range templates(t) {
		purpose, known := purposeOf(one.Purpose)
		if !known {
			t.Errorf("%s: the purpose %q does not exist", one.Name, one.Purpose)
		}
		for _, c := range one.Claims() {
			seen++
			switch days := purpose.days(c.Name); {
			case days == 0:
				t.Errorf("%s offers to ask for %s, which the purpose %s does not cover", one.Name, c.Name, one.Purpose)
			case c.LongestDays > days || c.Days > days:
				t.Errorf("%s offers to keep %s for %d days, the purpose %s covers %d", one.Name, c.Name, c.LongestDays, one.Purpose, days)
			}
		}
	}
	if seen < 6 {
		t.Fatalf("only %d claims were looked at", seen)
	}
}

// What the program itself brings is of a kind somebody may offer.
func TestEveryShippedServiceIsOfAKnownCategory(t *testing.T) {
	t.Parallel()
	library, err := workflows.LoadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range library.All() {
		if !MayOffer(kernel.PublicBody, d.Category) {
			t.Errorf("%s is of the category %q, which nobody may offer", d.Slug, d.Category)
		}
	}
	for _, c := range Categories {
		if slices.Contains([]string{"certificates", "registration", "permits"}, c.Name) == MayOffer(kernel.Company, c.Name) || !MayOffer(kernel.PublicBody, c.Name) || MayOffer("individual", c.Name) || MayOffer("", c.Name) {
			t.Errorf("who may offer %s: %v", c.Name, c.Kinds)
		}
	}
}
