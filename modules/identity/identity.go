package identity

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Area says whom an issuer speaks for: the kind of every principal follows from it, never from a claim.
type Area string

const (
	AreaCitizen Area = "citizen"
	AreaStaff   Area = "staff"
	AreaMachine Area = "machine"
)

// Config says whom this installation trusts. Everything in it is an allow-list: what is not named is refused.
type Config struct {
	Issuers  []Issuer
	Machines []Machine

	// ClientKeys is the folder of the keys our clients authenticate with (private_key_jwt): <tenant>.pem signs and
	// is made on first use; <tenant>.<anything>.pem, a former or a coming key, is published beside it.
	ClientKeys string

	// AllowHTTPLoopback permits clear-text http for issuers on this machine, and for nothing else.
	AllowHTTPLoopback bool

	SessionLifetime time.Duration // from sign-in to the end, whatever happens; 0 means 8 h
	SessionIdle     time.Duration // without any request; 0 means 1 h
}

// Issuer is one OpenID provider we accept.
type Issuer struct {
	ID   string // short name for logs and configuration, e.g. "wallet"
	URL  string // the issuer identifier, compared byte for byte with iss
	Area Area

	Name kernel.Text // whose people sign in there; empty: the municipality's

	// ACR maps the issuer's acr values to levels. A value that is not here is worth nothing.
	ACR map[string]kernel.Level

	// Groups maps, per municipality, a member of the groups claim to roles. Only for AreaStaff.
	Groups map[kernel.TenantID]map[string][]kernel.Grant

	// Tenants narrows the issuer to some municipalities; empty means all.
	Tenants []kernel.TenantID
}

// Machine is one program that may call us with client credentials (RFC 6749 §4.4).
type Machine struct {
	ClientID string
	Issuer   string               // Issuer.ID of who vouches for it
	Kind     kernel.PrincipalKind // kernel.Integrator or kernel.Host
	Tenant   kernel.TenantID      // empty: every municipality (a host wallet)
	Scopes   []string             // the most it may have; a token's other scopes are dropped
}

// Launch is how a citizen came (LAUNCH.md §6): it arrives inside the signed ID token. It selects; it never authorises.
type Launch struct {
	Service    string `json:"service,omitempty"`
	Target     string `json:"target,omitempty"`
	Channel    string `json:"channel,omitempty"` // one of Channels; empty for a plain browser
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	Locale     string `json:"locale,omitempty"`
}

// Channels are the ways into a mini-app a host may name.
var Channels = []string{"list", "search", "qr", "share", "recents", "nearby", "push"}

// clean drops every member that is not of the contract's shape.
func (l Launch) clean() Launch {
	if !slices.Contains(Channels, l.Channel) {
		l.Channel = ""
	}
	if !slices.Contains(kernel.Locales, l.Locale) {
		l.Locale = ""
	}
	if _, ok := LocalPath(l.Target); !ok {
		l.Target = ""
	}
	if !slug.MatchString(l.Service) {
		l.Service = ""
	}
	if len(l.OnBehalfOf) > 100 {
		l.OnBehalfOf = ""
	}
	return l
}

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ClientID is the OIDC client of one mini-app of one municipality.
func ClientID(tenant kernel.TenantID, app string) string { return string(tenant) + "." + app }

// StaffApp is the client of the staff pages: ClientID(tenant, StaffApp). It is no service slug.
const StaffApp = "staff"

// trusts reports whether the issuer speaks for people or programs of the tenant.
func (i Issuer) trusts(t kernel.TenantID) bool {
	return len(i.Tenants) == 0 || slices.Contains(i.Tenants, t)
}

// level maps an acr value; an unknown or absent one is NoLevel.
func (i Issuer) level(acr string) kernel.Level { return i.ACR[acr] }

// acrFor lists the acr values that reach at least l, the weakest first, so that nobody is asked for more than
// is needed. Empty when l is NoLevel, or when the issuer cannot reach it.
func (i Issuer) acrFor(l kernel.Level) []string {
	if l == kernel.NoLevel {
		return nil
	}
	var out []string
	for v, have := range i.ACR {
		if have >= l {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		if d := int(i.ACR[a]) - int(i.ACR[b]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return out
}

// grants maps groups to roles by the allow-list; unknown groups give nothing.
func (i Issuer) grants(t kernel.TenantID, groups []string) []kernel.Grant {
	var out []kernel.Grant
	for _, g := range groups {
		for _, grant := range i.Groups[t][g] {
			if !slices.Contains(out, grant) {
				out = append(out, grant)
			}
		}
	}
	return out
}

// Validate reports what is wrong with the configuration: the server does not start with it.
func (c Config) Validate() error {
	ids, urls := map[string]Issuer{}, map[string]bool{}
	for _, i := range c.Issuers {
		if i.ID == "" || ids[i.ID].ID != "" || urls[i.URL] {
			return fmt.Errorf("identity: issuer %q: id and url must be present and unique", i.ID)
		}
		if err := safeURL(i.URL, c.AllowHTTPLoopback); err != nil {
			return fmt.Errorf("identity: issuer %q: %w", i.ID, err)
		}
		if i.Area != AreaCitizen && i.Area != AreaStaff && i.Area != AreaMachine {
			return fmt.Errorf("identity: issuer %q: area %q", i.ID, i.Area)
		}
		if len(i.Groups) > 0 && i.Area != AreaStaff {
			return fmt.Errorf("identity: issuer %q: only a staff issuer has groups", i.ID)
		}
		ids[i.ID], urls[i.URL] = i, true
	}
	for _, m := range c.Machines {
		i, ok := ids[m.Issuer]
		switch {
		case m.ClientID == "" || !ok:
			return fmt.Errorf("identity: machine %q: unknown issuer %q", m.ClientID, m.Issuer)
		case i.Area == AreaStaff:
			return fmt.Errorf("identity: machine %q: a staff issuer vouches for staff only", m.ClientID)
		case m.Kind != kernel.Integrator && m.Kind != kernel.Host:
			return fmt.Errorf("identity: machine %q: kind %q", m.ClientID, m.Kind)
		}
	}
	if c.ClientKeys == "" {
		return errors.New("identity: no folder for the client keys")
	}
	return nil
}

// plainHost is a name or an address with no character that means something in a header: issuers are named in ours.
var plainHost = regexp.MustCompile(`^([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`)

// safeURL accepts https, and http where it cannot leave the machine.
func safeURL(raw string, loopback bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || !plainHost.MatchString(u.Host) || u.User != nil || u.Fragment != "":
		return errors.New("not an absolute address")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback && kernel.LoopbackName(u.Hostname()):
		return nil
	}
	return errors.New("must be https")
}

// LocalPath returns a path of this origin that is safe to redirect to, and whether s is one. Browsers read "//" and
// "/\" as another host and drop tabs and line ends before they do, so those are refused in every encoding; so are dot
// segments, which a proxy may fold, and the addresses of the sign-in itself, which would go round in a circle.
func LocalPath(s string) (string, bool) {
	if len(s) == 0 || len(s) > 2000 || s[0] != '/' {
		return "", false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' || c == '#' {
			return "", false
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || u.User != nil {
		return "", false
	}
	if !plainPath(u.EscapedPath()) || circular(u.Path) {
		return "", false
	}
	return s, true
}

// plainPath looks through every layer of percent-encoding.
func plainPath(p string) bool {
	for range 5 {
		if strings.Contains(p, "//") || strings.ContainsFunc(p, func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f }) {
			return false
		}
		for seg := range strings.SplitSeq(p, "/") {
			if seg == "." || seg == ".." {
				return false
			}
		}
		next, err := url.PathUnescape(p)
		if err != nil {
			return !strings.Contains(p, "%2") && !strings.Contains(p, "%5") && !strings.Contains(p, "%0")
		}
		if next == p {
			return true
		}
		p = next
	}
	return false
}

func circular(p string) bool {
	for _, end := range []string{"/sign-in", "/sign-out", "/launch", "/callback", "/backchannel-logout"} {
		if strings.HasSuffix(strings.TrimSuffix(p, "/"), end) {
			return true
		}
	}
	return false
}

// The answers of this module. Sign-in errors tell people what to do, not which check failed: that is for the log.
var (
	errTarget      = kernel.NewError(kernel.Malformed, "sign-in-target", "This link does not lead to a page of ours.")
	errIssuer      = kernel.NewError(kernel.Forbidden, "sign-in-issuer", "We do not accept sign-ins from there.")
	errFramed      = kernel.NewError(kernel.Forbidden, "sign-in-framed", "For your safety, sign-in does not work inside another page.")
	errNoLogin     = kernel.NewError(kernel.Forbidden, "sign-in-expired", "This sign-in is no longer valid, or was started in another browser. Please start again.")
	errRefused     = kernel.NewError(kernel.Forbidden, "sign-in-refused", "The sign-in could not be verified. You are not signed in; please start again.")
	errCancelled   = kernel.NewError(kernel.Forbidden, "sign-in-cancelled", "The sign-in was cancelled. Nothing was changed.")
	errLevel       = kernel.NewError(kernel.Forbidden, "sign-in-level", "This service needs a stronger proof of identity than your sign-in gave.")
	errOtherPerson = kernel.NewError(kernel.Forbidden, "sign-in-other-person", "Another person signed in. To confirm your identity, please use the account you started with.")
	errNoRole      = kernel.NewError(kernel.Forbidden, "sign-in-no-role", "You are known, but have no role here. Ask your administrator.")
	errIssuerAway  = &kernel.Error{Kind: kernel.Unavailable, Slug: "sign-in-unavailable", Message: "The sign-in service does not answer at the moment. Please try again shortly.", RetryAfter: 10 * time.Second}
	errToken       = kernel.NewError(kernel.Unauthenticated, "invalid-token", "The access token is not acceptable here.")
	errNotAsked    = kernel.NewError(kernel.Consent, "claims-not-asked", "This service needs data about you that you have not been asked for yet. Sign in to it: your wallet asks you, once.")
	errMachine     = kernel.NewError(kernel.Forbidden, "client-not-allowed", "This client is not registered here.")
)
