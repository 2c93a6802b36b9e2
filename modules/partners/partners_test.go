package partners

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

// faults are the fields an error names, as "path slug"; its slug alone when it names none.
func faults(err error) []string {
	if err == nil {
		return nil
	}
	e := kernel.AsError(err)
	if len(e.Fields) == 0 {
		return []string{e.Slug}
	}
	var out []string
	for _, f := range e.Fields {
		out = append(out, f.Path+" "+f.Slug)
	}
	return out
}

// same is a text in every language.
func same(s string) kernel.Text { return kernel.Text{"en": s, "ru": s, "zh": s} }

const today = "2026-12-01"

// clinic is a company that has everything in order.
func clinic() Partner {
	return Partner{
		Agency: "greenfield", State: Active, Kind: kernel.Company, Licence: "CQC-1", LicenceUntil: today, Categories: []string{"health", "appointments"},
		Purposes: []string{"appointment"}, Version: 3, SignIn: SignIn{Groups: map[string]string{"publisher": "greenfield-publishers"}},
	}
}

func TestWhoMayApplyForWhat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*Partner)
		position string
		want     []string
	}{
		"a clinic on the last day of its licence": {func(*Partner) {}, "", nil},
		"a public body with permits": {func(p *Partner) {
			p.Kind, p.LicenceUntil, p.Categories = kernel.PublicBody, "", []string{"permits", "health"}
		}, "", nil},
		"a person":                           {func(p *Partner) { p.Kind = "individual" }, "", []string{"body_kind partners.no-body", "categories partners.category-closed"}},
		"nothing at all":                     {func(p *Partner) { p.Kind, p.Categories = "", nil }, "", []string{"body_kind partners.no-body"}},
		"a company with permits":             {func(p *Partner) { p.Categories = []string{"health", "permits"} }, "", []string{"categories partners.category-closed"}},
		"a company with certificates":        {func(p *Partner) { p.Categories = []string{"certificates"} }, "", []string{"categories partners.category-closed"}},
		"a company with registrations":       {func(p *Partner) { p.Categories = []string{"registration"} }, "", []string{"categories partners.category-closed"}},
		"a kind of service there is none of": {func(p *Partner) { p.Kind, p.LicenceUntil, p.Categories = kernel.PublicBody, "", []string{"weapons"} }, "", []string{"categories partners.category-closed"}},
		"a purpose there is none of":         {func(p *Partner) { p.Purposes = []string{"appointment", "advertising"} }, "", []string{"purposes field.not-an-option"}},
		"a licence that ended yesterday":     {func(p *Partner) { p.LicenceUntil = "2026-11-30" }, "", []string{"licence_until partners.licence-over"}},
		"a company without a licence":        {func(p *Partner) { p.LicenceUntil = "" }, "", []string{"licence_until partners.licence-over"}},
		"a place that is none":               {func(*Partner) {}, "91.00, 12.00", []string{"position partners.no-position"}},
		"a place that was not read":          {func(*Partner) {}, "somewhere", []string{"position partners.no-position"}},
		"a place":                            {func(*Partner) {}, "51.5290, -0.1370", nil},
	} {
		p := clinic()
		c.change(&p)
		p.Position = positionOf(c.position)
		if got := faults(p.check(c.position, today)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAnApplicationIsReadAsItWasTyped(t *testing.T) {
	t.Parallel()
	p := applicationOf(map[string]any{
		"short_name": " greenfield ", "body_kind": "company", "body_name": "Greenfield", "body_name_zh": "绿地", "licence_until": "2028-06-30",
		"categories": []any{"health", 7}, "purposes": []string{"appointment"}, "position": "51.5290, -0.1370",
	})
	if p.Agency != "greenfield" || p.State != Applied || p.Name["en"] != "Greenfield" || p.Name["ru"] != "Greenfield" || p.Name["zh"] != "绿地" ||
		!slices.Equal(p.Categories, []string{"health"}) || !slices.Equal(p.Purposes, []string{"appointment"}) || p.Position == nil || p.Position.Longitude != -0.137 {
		t.Errorf("%+v", p)
	}
	if p.office() == nil || (Partner{Address: "1 Quay Street"}).office() != nil {
		t.Error("an office is where there is a place on the map")
	}
}

func TestHowStaffOfAPartnerSignIn(t *testing.T) {
	t.Parallel()
	own := func(acr map[string]string, groups map[string]string) SignIn {
		return SignIn{Issuer: " https://id.greenfield.example ", ACR: acr, Groups: groups}
	}
	two := map[string]string{"substantial": "urn:two"}
	for name, c := range map[string]struct {
		in   SignIn
		want []string
	}{
		"groups of its own":                        {SignIn{Groups: map[string]string{"publisher": "greenfield-publishers", "reception": " greenfield-desk "}}, nil},
		"nobody publishes":                         {SignIn{Groups: map[string]string{"reception": "greenfield-desk"}}, []string{"group.publisher field.required"}},
		"nothing":                                  {SignIn{}, []string{"group.publisher field.required"}},
		"a group of another body":                  {SignIn{Groups: map[string]string{"publisher": "sunrise-publishers"}}, []string{"group.publisher partners.group-prefix"}},
		"the municipality's reviewers":             {SignIn{Groups: map[string]string{"publisher": "northwick-reviewers"}}, []string{"group.publisher partners.group-prefix"}},
		"a group that only begins with its name":   {SignIn{Groups: map[string]string{"publisher": "greenfields"}}, []string{"group.publisher partners.group-prefix"}},
		"a group that cannot be one":               {SignIn{Groups: map[string]string{"publisher": "greenfield-\x00"}}, []string{"group.publisher partners.group"}},
		"a group that is too long":                 {SignIn{Groups: map[string]string{"publisher": "greenfield-" + strings.Repeat("x", 100)}}, []string{"group.publisher partners.group"}},
		"a reviewer":                               {SignIn{Groups: map[string]string{"publisher": "greenfield-publishers", "reviewer": "greenfield-reviewers"}}, nil},
		"a provider of its own":                    {own(two, map[string]string{"publisher": "All Staff"}), nil},
		"high is as good":                          {own(map[string]string{"high": "urn:card"}, map[string]string{"publisher": "staff"}), nil},
		"a provider without a second factor":       {own(map[string]string{"low": "urn:one"}, map[string]string{"publisher": "staff"}), []string{"acr.substantial partners.acr-substantial"}},
		"a level with a space":                     {own(map[string]string{"substantial": "two factors"}, map[string]string{"publisher": "staff"}), []string{"acr.substantial partners.acr"}},
		"levels at the municipality's are not its": {SignIn{ACR: map[string]string{"high": "low"}, Groups: map[string]string{"publisher": "greenfield-publishers"}}, nil},
	} {
		before := clinic()
		p, err := before.withSignIn(c.in)
		if got := faults(err); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		if err != nil {
			if !maps.Equal(p.SignIn.Groups, before.SignIn.Groups) {
				t.Errorf("%s: refused and kept: %+v", name, p.SignIn)
			}
			continue
		}
		if p.SignIn.Groups[kernel.RoleReviewer] != "" || p.SignIn.Issuer == "" && len(p.SignIn.ACR) > 0 || strings.TrimSpace(p.SignIn.Issuer) != p.SignIn.Issuer || p.SignIn.Groups["reception"] != strings.TrimSpace(c.in.Groups["reception"]) {
			t.Errorf("%s: %+v", name, p.SignIn)
		}
	}
	if slices.Contains(Roles, kernel.RoleReviewer) {
		t.Error("a partner's staff can approve what it publishes")
	}
}

func TestAPartnerIsSuspendedAndGoesOn(t *testing.T) {
	t.Parallel()
	in := func(s State) Partner { p := clinic(); p.State = s; return p }
	over := func(p Partner) Partner { p.LicenceUntil = "2026-11-30"; return p }
	body := func(p Partner) Partner { p.Kind, p.LicenceUntil = kernel.PublicBody, ""; return p }
	for name, c := range map[string]struct {
		p    Partner
		do   func(Partner) (Partner, error)
		want string
		then State
	}{
		"suspended with a reason":        {in(Active), func(p Partner) (Partner, error) { return p.suspend(" The licence is examined. ") }, "", Suspended},
		"suspended without one":          {in(Active), func(p Partner) (Partner, error) { return p.suspend("  no  ") }, "reason field.release-reason", Active},
		"suspended with a long one":      {in(Active), func(p Partner) (Partner, error) { return p.suspend(strings.Repeat("ж", 501)) }, "reason field.release-reason", Active},
		"suspended with 500 characters":  {in(Active), func(p Partner) (Partner, error) { return p.suspend(strings.Repeat("ж", 500)) }, "", Suspended},
		"suspended twice":                {in(Suspended), func(p Partner) (Partner, error) { return p.suspend("Another reason.") }, "partner-not-now", Suspended},
		"suspended before it is one":     {in(Approved), func(p Partner) (Partner, error) { return p.suspend("Another reason.") }, "partner-not-now", Approved},
		"going on":                       {in(Suspended), func(p Partner) (Partner, error) { return p.resume(today) }, "", Active},
		"going on without a suspension":  {in(Active), func(p Partner) (Partner, error) { return p.resume(today) }, "partner-not-now", Active},
		"going on after it was dropped":  {in(Dropped), func(p Partner) (Partner, error) { return p.resume(today) }, "partner-not-now", Dropped},
		"going on without a licence":     {over(in(Suspended)), func(p Partner) (Partner, error) { return p.resume(today) }, "partner-licence-over", Suspended},
		"a public body needs no licence": {body(in(Suspended)), func(p Partner) (Partner, error) { return p.resume(today) }, "", Active},
	} {
		p, err := c.do(c.p)
		if got := strings.Join(faults(err), ", "); got != c.want || p.State != c.then || (p.State == Suspended && err == nil) != (p.Reason != "") || p.Reason != strings.TrimSpace(p.Reason) {
			t.Errorf("%s: %q, %s, reason %q", name, got, p.State, p.Reason)
		}
	}
	for name, c := range map[string]struct {
		p    Partner
		want string
	}{
		"active": {in(Active), ""}, "approved": {in(Approved), "partner-not-active"}, "suspended": {in(Suspended), "partner-not-active"}, "dropped": {in(Dropped), "partner-not-active"},
		"without a licence": {over(in(Active)), "partner-licence-over"}, "a public body": {body(in(Active)), ""},
	} {
		if got := strings.Join(faults(c.p.working(today)), ", "); got != c.want {
			t.Errorf("%s may work: %q, want %q", name, got, c.want)
		}
	}
}

func TestTheNameOfAMiniAppTellsWhoseItIs(t *testing.T) {
	t.Parallel()
	for slug, want := range map[string]string{
		"":                                      "field.required",
		"greenfield-visits":                     "",
		"greenfield-" + strings.Repeat("a", 49): "",
		"greenfield-" + strings.Repeat("a", 50): "partners.slug",
		"greenfield":                            "partners.slug-prefix",
		"greenfieldvisits":                      "partners.slug-prefix",
		"sunrise-visits":                        "partners.slug-prefix",
		"residence-certificate":                 "partners.slug-prefix",
		"greenfield-":                           "partners.slug",
		"greenfield--visits":                    "partners.slug",
		"Greenfield-visits":                     "partners.slug",
		"greenfield-visits/../x":                "partners.slug",
		"greenfield-приём":                      "partners.slug",
		"greenfield-a\x00":                      "partners.slug",
	} {
		if want != "" {
			want = "slug " + want
		}
		if got := strings.Join(faults(checkSlug(clinic(), slug)), ", "); got != want {
			t.Errorf("%q: %q, want %q", slug, got, want)
		}
	}
	for slug, want := range map[string]string{"greenfield-clinic-visits": "GCV", "greenfield-visits": "GV", "greenfield-a-b-c": "GAB", "g-2": "MA"} {
		if got := prefixOf(slug); got != want {
			t.Errorf("the numbers of %s begin with %s, want %s", slug, got, want)
		}
	}
}

func TestAnAnnouncementIsForEverybody(t *testing.T) {
	t.Parallel()
	latin := func(r rune) bool { return r < 0x2000 && r >= ' ' || r >= 0x4E00 && r < 0xA000 }
	for name, c := range map[string]struct {
		change func(*Announcement)
		want   string
	}{
		"a good one":       {func(*Announcement) {}, ""},
		"of several lines": {func(a *Announcement) { a.Body["en"] = "One.\nTwo." }, ""},
		"at the limits": {func(a *Announcement) {
			a.Heading["ru"], a.Body["ru"] = strings.Repeat("ж", 150), strings.Repeat("ж", 3000)
		}, ""},
		"not for Chinese readers":   {func(a *Announcement) { a.Body["zh"] = "" }, "body.zh field.required"},
		"a heading that is a book":  {func(a *Announcement) { a.Heading["ru"] = strings.Repeat("ж", 151) }, "heading.ru field.too-long"},
		"a book":                    {func(a *Announcement) { a.Body["ru"] = strings.Repeat("ж", 3001) }, "body.ru field.too-long"},
		"a heading of two lines":    {func(a *Announcement) { a.Heading["en"] = "One\nTwo" }, "heading.en field.one-line"},
		"an emoji":                  {func(a *Announcement) { a.Body["en"] = "Water 🚱 is off" }, "body.en field.not-printable"},
		"a NUL":                     {func(a *Announcement) { a.Heading["en"] = "a\x00b" }, "heading.en field.not-printable"},
		"two languages are missing": {func(a *Announcement) { a.Heading = kernel.Text{"en": "Water"} }, "heading.ru field.required, heading.zh field.required"},
	} {
		a := Announcement{Heading: same("Water"), Body: same("It is off on Monday.")}
		c.change(&a)
		if got := strings.Join(faults(a.check(latin)), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyAnAdmittedApplicationLeadsToItsBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state  string
		reader kernel.PrincipalKind
		want   string
	}{
		{"admitted", kernel.Citizen, "/organisations/greenfield"}, {"admitted", kernel.Staff, "/staff/partners/greenfield"}, {"admitted", kernel.Integrator, ""},
		{"approved", kernel.Citizen, ""}, {"refused", kernel.Staff, ""},
	} {
		if got := casePage(kernel.Case{State: c.state, Answers: map[string]any{"short_name": "greenfield"}}, c.reader); got != c.want {
			t.Errorf("%s to %s: %q", c.state, c.reader, got)
		}
	}
	if got := casePage(kernel.Case{State: "admitted"}, kernel.Citizen); got != "" {
		t.Errorf("without a short name: %q", got)
	}
}
