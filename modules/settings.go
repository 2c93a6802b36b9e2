package modules

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"townhall/modules/kernel"
	"townhall/modules/partners"
	"townhall/workflows"
)

// Settings is one installation, as its operator declares it in one YAML file: which municipalities it serves, whom
// it trusts, whom it tells. Unknown keys are errors.
type Settings struct {
	Tenants   []TenantSettings  `yaml:"tenants"`
	Issuers   []IssuerSettings  `yaml:"issuers"`
	Machines  []MachineSettings `yaml:"machines"`
	Wallets   []WalletSettings  `yaml:"wallets"`
	SMTP      *SMTPSettings     `yaml:"smtp"`
	Documents DocumentSettings  `yaml:"documents"`
	Card      *CardSettings     `yaml:"card"` // cards, for people whose wallet does not pay; absent: they cannot pay
}

// TenantSettings is one municipality.
type TenantSettings struct {
	ID       kernel.TenantID  `yaml:"id"`
	Origin   string           `yaml:"origin"` // scheme and host, no path: the address citizens see
	Name     kernel.Text      `yaml:"name"`
	Zone     string           `yaml:"zone"`
	Country  string           `yaml:"country"`
	Colour   string           `yaml:"colour"`
	Crest    string           `yaml:"crest"` // SVG made of paths, for documents; empty: a town gate
	Services []string         `yaml:"services"`
	Agencies []AgencySettings `yaml:"agencies"`
}

// AgencySettings is one public body of a municipality.
type AgencySettings struct {
	ID     kernel.AgencyID `yaml:"id"`
	Name   kernel.Text     `yaml:"name"`
	Kind   kernel.BodyKind `yaml:"kind"`   // public-body (default) or company: what it may offer depends on it
	Office *OfficeSettings `yaml:"office"` // where it sees people; nil: nowhere they are told of
}

func (a AgencySettings) kind() kernel.BodyKind {
	if a.Kind == "" {
		return kernel.PublicBody
	}
	return a.Kind
}

// OfficeSettings is one office; see kernel.Office.
type OfficeSettings struct {
	Address   string  `yaml:"address"`
	Latitude  float64 `yaml:"latitude"`
	Longitude float64 `yaml:"longitude"`
}

func (o OfficeSettings) office() kernel.Office {
	return kernel.Office{Position: kernel.Position{Latitude: o.Latitude, Longitude: o.Longitude}, Address: o.Address}
}

// IssuerSettings is one OpenID provider; see identity.Issuer.
type IssuerSettings struct {
	ID      string                                         `yaml:"id"`
	URL     string                                         `yaml:"url"`
	Area    string                                         `yaml:"area"`
	ACR     map[string]kernel.Level                        `yaml:"acr"`
	Groups  map[kernel.TenantID]map[string][]GrantSettings `yaml:"groups"`
	Tenants []kernel.TenantID                              `yaml:"tenants"`
}

// GrantSettings is one role in one agency.
type GrantSettings struct {
	Agency kernel.AgencyID `yaml:"agency"`
	Role   string          `yaml:"role"`
}

// MachineSettings is one program that may call with client credentials; see identity.Machine.
type MachineSettings struct {
	ClientID string               `yaml:"client_id"`
	Issuer   string               `yaml:"issuer"`
	Kind     kernel.PrincipalKind `yaml:"kind"`
	Tenant   kernel.TenantID      `yaml:"tenant"`
	Scopes   []string             `yaml:"scopes"`
}

// WalletSettings is one host wallet that is told about its citizens' cases by webhook.
type WalletSettings struct {
	Issuer        string      `yaml:"issuer"` // URL of the issuer whose citizens it hosts
	Name          kernel.Text `yaml:"name"`   // shown where a shared link offers to open the wallet
	Open          string      `yaml:"open"`   // address that opens a shared link in it, with {link} where the link goes
	Webhook       string      `yaml:"webhook"`
	Secrets       []Secret    `yaml:"secrets"` // "whsec_…"; the first signs, all are sent while rotating
	AllowLoopback bool        `yaml:"allow_loopback"`

	Payments *PaymentSettings `yaml:"payments"` // its citizens pay through it; absent: they do not
}

// SMTPSettings is the mail relay; without it no e-mail is sent.
type SMTPSettings struct {
	Host     string `yaml:"host"`
	Port     int    `yaml:"port"`
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
	From     string `yaml:"from"`
	Clear    bool   `yaml:"clear"` // no TLS: for a relay on this machine only
}

// Secret is a value that is never printed. In the file, "env:NAME" takes it from the environment.
type Secret string

func (s Secret) String() string { return "[secret]" }

func (s Secret) reveal() string { return string(s) }

// MarshalYAML masks the value in `townhall config`.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	var v string
	if err := n.Decode(&v); err != nil {
		return err
	}
	if name, ok := strings.CutPrefix(v, "env:"); ok {
		if v = os.Getenv(name); v == "" {
			return fmt.Errorf("line %d: the environment has no %s", n.Line, name)
		}
	}
	*s = Secret(v)
	return nil
}

// ReadSettings parses and checks one settings file.
func ReadSettings(src []byte) (Settings, error) {
	var s Settings
	dec := yaml.NewDecoder(bytes.NewReader(src))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	return s, s.check()
}

const maxCrest = 16 << 10

var (
	tenantShape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)
	colourShape = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
)

// check returns every problem at once, each naming its key.
func (s Settings) check() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("settings: %s: %s", key, fmt.Sprintf(format, args...)))
	}
	if len(s.Tenants) == 0 {
		bad("tenants", "declare at least one municipality")
	}
	seen := map[string]bool{}
	for i, t := range s.Tenants {
		key := fmt.Sprintf("tenants[%d]", i)
		if !tenantShape.MatchString(string(t.ID)) {
			bad(key+".id", "%q: want a short slug such as northwick", t.ID)
		}
		if seen[string(t.ID)] || seen[t.Origin] {
			bad(key, "id or origin is used twice")
		}
		seen[string(t.ID)], seen[t.Origin] = true, true
		if len(t.Crest) > maxCrest {
			bad(key+".crest", "larger than 16 kB")
		}
		if err := checkOrigin(t.Origin); err != nil {
			bad(key+".origin", "%v", err)
		}
		if _, err := time.LoadLocation(t.Zone); err != nil || t.Zone == "" {
			bad(key+".zone", "%q is no IANA time zone", t.Zone)
		}
		if t.Colour != "" && !colourShape.MatchString(t.Colour) {
			bad(key+".colour", "%q: want #rrggbb", t.Colour)
		}
		for _, l := range kernel.Locales {
			if t.Name[l] == "" {
				bad(key+".name", "no text in %q", l)
			}
		}
	}
	for i, w := range s.Wallets {
		if _, err := url.ParseRequestURI(w.Webhook); err != nil || len(w.Secrets) == 0 {
			bad(fmt.Sprintf("wallets[%d]", i), "needs a webhook address and at least one secret")
		}
		if w.Payments != nil {
			if err := w.Payments.check(w.AllowLoopback); err != nil {
				bad(fmt.Sprintf("wallets[%d].payments", i), "%v", err)
			}
		}
	}
	if s.Card != nil {
		if err := s.Card.check(); err != nil {
			bad("card", "%v", err)
		}
	}
	errs = append(errs, s.Documents.check(seen)...)
	return errors.Join(errs...)
}

// checkServices reports services no definition exists for, and agencies a service needs but the municipality lacks.
func (s Settings) checkServices(l *workflows.Library) error {
	var errs []error
	for _, t := range s.Tenants {
		for _, slug := range t.Services {
			d, ok := l.Get(slug)
			if !ok {
				errs = append(errs, fmt.Errorf("settings: %s offers %q: there is no such definition", t.ID, slug))
				continue
			}
			i := slices.IndexFunc(t.Agencies, func(a AgencySettings) bool { return string(a.ID) == d.Agency })
			if i < 0 {
				errs = append(errs, fmt.Errorf("settings: %s offers %s but has no agency %q", t.ID, slug, d.Agency))
				continue
			}
			if kind := t.Agencies[i].kind(); !partners.MayOffer(kind, d.Category) {
				errs = append(errs, fmt.Errorf("settings: %s offers %s, but its agency %q is of the kind %q, which may not offer services of the category %q", t.ID, slug, d.Agency, kind, d.Category))
			}
		}
	}
	return errors.Join(errs...)
}

func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" {
		return fmt.Errorf("%q: want scheme and host, such as https://northwick.example", origin)
	}
	host := u.Hostname()
	if u.Scheme != "https" && !(u.Scheme == "http" && kernel.LoopbackName(host)) {
		return fmt.Errorf("%q: clear text is allowed on this machine only; use https", origin)
	}
	return nil
}

// hostKey makes two spellings of one Host header equal (RFC 9110 §4.2.3): case, default port, trailing dot.
func hostKey(host string) string {
	host = strings.ToLower(host)
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name, port = host, ""
	}
	name = strings.TrimSuffix(name, ".")
	if port == "" || port == "80" || port == "443" {
		return name
	}
	return net.JoinHostPort(name, port)
}
