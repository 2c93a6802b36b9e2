package catalogue

import (
	"fmt"
	"slices"

	"townhall/modules/kernel"
	"townhall/workflows"
)

// complete reports a municipality that offers what no definition describes.
func (s *Service) complete() error {
	for _, t := range s.deps.Directory.Tenants() {
		for _, slug := range t.Services {
			if _, ok := s.deps.Library.Get(slug); !ok {
				return fmt.Errorf("catalogue: %s offers %q, which no definition describes", t.ID, slug)
			}
		}
	}
	return nil
}

// list returns the mini-apps of a municipality in the order it names them, in one language.
func (s *Service) list(t kernel.Tenant, lang string) []Manifest {
	out := []Manifest{}
	for _, slug := range t.Services {
		if d, ok := s.deps.Library.Get(slug); ok {
			out = append(out, s.manifest(t, d, lang))
		}
	}
	return out
}

// find returns one mini-app; NotFound when the municipality does not offer it.
func (s *Service) find(t kernel.Tenant, app, lang string) (Manifest, error) {
	if slices.Contains(t.Services, app) {
		if d, ok := s.deps.Library.Get(app); ok {
			return s.manifest(t, d, lang), nil
		}
	}
	return Manifest{}, kernel.NotThere("mini-app")
}

func (s *Service) agency(t kernel.Tenant, d *workflows.Definition) kernel.Agency {
	if a, ok := s.deps.Directory.Agency(t.ID, kernel.AgencyID(d.Agency)); ok {
		return a
	}
	return kernel.Agency{Name: kernel.Text{"en": d.Agency}}
}

func (s *Service) manifest(t kernel.Tenant, d *workflows.Definition, lang string) Manifest {
	base := t.Origin + "/apps/" + d.Slug
	title, summary, agency := d.TextAll("title"), d.TextAll("summary"), s.agency(t, d)
	return Manifest{
		Dir: "ltr", Lang: tag(lang), AppID: d.Slug,
		Name: title.In(lang), NameLocalized: languageMap(title), ShortName: title.In(lang),
		Description: summary.In(lang), DescriptionLocalized: languageMap(summary),
		Version:         Version{Code: 1, Name: "1.0.0+" + d.Hash[:min(8, len(d.Hash))]},
		PlatformVersion: PlatformVersion{MinCode: 1, TargetCode: 1, ReleaseType: "Release"},
		Pages:           []string{"apps/" + d.Slug, "cases", "documents"},
		Icons:           []Icon{{Src: base + "/icon.svg", Sizes: "any", Type: "image/svg+xml", Label: title.In(lang)}},
		ColorScheme:     "auto", Categories: slices.Compact([]string{d.Sector, d.Category}),
		Townhall: Extension{
			ClientID: clientID(t.ID, d.Slug), ApplicationType: "web",
			RedirectURIs: []string{redirectURI(t, d.Slug)}, PostLogoutRedirectURIs: []string{t.Origin + "/"},
			InitiateLoginURI: base + "/launch", BackchannelLogoutURI: base + "/backchannel-logout", BackchannelLogoutSID: true,
			JWKSURI: t.Origin + "/.well-known/jwks.json", TokenEndpointAuthMethod: "private_key_jwt",
			SubjectType: "pairwise", SectorIdentifierURI: t.Origin + "/.well-known/sector.json",
			Municipality: t.Name, Agency: agency.Name,
			Publisher: Publisher{d.Agency, string(agency.Kind), t.Origin + agencyKeysPath(d.Agency)}, Category: d.Category, Places: []string{},
			Services: []Offer{offer(d)},
		},
	}
}

func offer(d *workflows.Definition) Offer {
	o := Offer{
		Slug: d.Slug, Level: d.Start.Level.String(), MaxAge: int(d.Start.MaxAge.Seconds()),
		RetentionDays: d.Retention.ClosedDays, Claims: []Claim{},
	}
	for _, c := range d.Claims {
		o.Claims = append(o.Claims, Claim{
			Name: c.Name, Purpose: d.TextAll("claim." + c.Name + ".purpose"), Essential: c.Required, RetentionDays: c.Days,
		})
	}
	return o
}

// sectorOf lists every redirect address of the municipality: they share one sector (OpenID Connect Core §8.1).
func sectorOf(t kernel.Tenant) []string {
	out := []string{}
	for _, slug := range t.Services {
		out = append(out, redirectURI(t, slug))
	}
	return out
}

func clientID(t kernel.TenantID, app string) string { return string(t) + "." + app }

func redirectURI(t kernel.Tenant, app string) string { return t.Origin + "/apps/" + app + "/callback" }

func languageMap(t kernel.Text) LanguageMap {
	out := LanguageMap{}
	for l, s := range t {
		out[tag(l)] = Localized{Value: s, Lang: tag(l), Dir: "ltr"}
	}
	return out
}

// tag is the BCP 47 tag of one of our locales.
func tag(locale string) string {
	if locale == "zh" {
		return "zh-Hans"
	}
	return locale
}
