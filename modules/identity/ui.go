package identity

import (
	"embed"
	"net/http"
	"net/url"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

//go:embed ui/*.html
var pages embed.FS

// employer is one of the sign-ins a member of staff may choose.
type employer struct {
	Button ui.Button
	Where  string // the host they are led to, so that they know it again
	Also   string // who else signs in there; empty: nobody
}

// whoDoYouWorkFor asks staff of a municipality with several sign-ins which is theirs. It leads back to the sign-in with the
// answer, and all else as it was asked.
func (s *Service) whoDoYouWorkFor(w http.ResponseWriter, r *http.Request, all []*provider) error {
	locale := kernel.LocaleOf(r.Context())
	town := kernel.TenantOf(r.Context()).Name.In(locale)
	var choices []employer
	for n, p := range all {
		q := url.Values{}
		for _, name := range []string{"return", "level", "max_age"} {
			if v := r.URL.Query().Get(name); v != "" {
				q.Set(name, v)
			}
		}
		q.Set("iss", p.URL)
		name := p.Name.In(locale)
		if name == "" {
			name = town
		}
		c := employer{
			Button: ui.Button{Label: name, Href: "/staff/sign-in?" + q.Encode()},
			Where:  s.texts.T(locale, "identity.employers.where", "host", hostOf(p.URL)),
		}
		if n > 0 {
			c.Button.Tone = "secondary"
		}
		if others := inLocale(p.also, locale); len(others) > 0 {
			c.Also = s.texts.T(locale, "identity.employers.also", "names", strings.Join(others, s.texts.T(locale, "identity.employers.comma")))
		}
		choices = append(choices, c)
	}
	return s.staff.Render(w, r, s.views, "employers", ui.View{
		Title: s.texts.T(locale, "identity.employers.title"), Lead: s.texts.T(locale, "identity.employers.lead"), Data: choices,
	})
}

func inLocale(names []kernel.Text, locale string) []string {
	var out []string
	for _, n := range names {
		if name := n.In(locale); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// Fixtures is the page of this module, for the gallery.
func (s *Service) Fixtures() []ui.Fixture {
	if s.views == nil {
		return nil
	}
	name := func(en, ru, zh string) kernel.Text { return kernel.Text{"en": en, "ru": ru, "zh": zh} }
	town := &provider{Issuer: Issuer{URL: "https://staff.northwick.example"}, also: []kernel.Text{name("Northwick Museums", "Музеи Нортвика", "诺斯威克博物馆")}}
	ferries := &provider{Issuer: Issuer{URL: "https://id.estuary-ferries.example", Name: name("Estuary Ferries", "Паромы эстуария", "河口轮渡公司")}}
	clinic := &provider{Issuer: Issuer{URL: "https://login.riverside.example/realms/staff", Name: name("Riverside Clinic", "Клиника «Риверсайд»", "河畔诊所")}}
	return []ui.Fixture{{Name: "staff-employers", Render: func(w http.ResponseWriter, r *http.Request) error {
		return s.whoDoYouWorkFor(w, r, []*provider{town, ferries, clinic})
	}}}
}
