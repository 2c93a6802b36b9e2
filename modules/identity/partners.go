package identity

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
)

// partners are the sign-ins that a municipality's partners set up while the server runs. Somebody typed their addresses into
// a form, so they are called through the guarded client, and speak for the staff of that municipality alone.
type partners struct {
	list   func(kernel.TenantID) []kernel.StaffIssuer // nil: none
	public *http.Client
	local  *http.Client // reaches this machine too
	clock  kernel.Clock
	log    *slog.Logger
	config Config

	mu   sync.Mutex
	made map[kernel.TenantID]map[string]*provider // by URL: what it publishes and its keys are fetched once for all requests
	told map[string]bool                          // refusals that are in the log
}

func newPartners(d Deps, clock kernel.Clock, log *slog.Logger) *partners {
	return &partners{
		list: d.StaffIssuers, public: guardedClient(false, d.Resolver), local: guardedClient(true, d.Resolver), clock: clock, log: log, config: d.Config,
		made: map[kernel.TenantID]map[string]*provider{}, told: map[string]bool{},
	}
}

// guardedClient is outside.Client with the limit of an issuer's answers.
func guardedClient(loopback bool, r *net.Resolver) *http.Client {
	c := outside.Client(loopback, r)
	c.Transport = bounded{c.Transport}
	return c
}

// loopback reports whether a partner's issuer may be on this machine: only where the municipality itself is, in a demo or a
// test. Anywhere else the machine's own ports are as private as its network.
func (ps *partners) loopback(t kernel.Tenant) bool {
	u, err := url.Parse(t.Origin)
	return err == nil && ps.config.AllowHTTPLoopback && kernel.LoopbackName(u.Hostname())
}

// beside returns the configured staff issuers of a municipality with the groups of the partners who sign in there, and after
// them the partners' own providers.
func (ps *partners) beside(tenant kernel.Tenant, configured []*provider) []*provider {
	list := ps.list(tenant.ID)
	out := slices.Clone(configured)
	var own []string
	for _, i := range list {
		if at := slices.IndexFunc(out, func(p *provider) bool { return p.URL == i.URL }); at >= 0 {
			out[at] = out[at].joinedBy(tenant.ID, i)
			continue
		}
		if f := ps.refuses(tenant, i.URL); f != nil {
			ps.tell(tenant.ID, i, f)
			continue
		}
		own = append(own, i.URL)
		p := *ps.at(tenant, i)
		p.Issuer = partnerIssuer(tenant.ID, i) // its roles and levels are those of now
		out = append(out, &p)
	}
	ps.forget(tenant.ID, own)
	return out
}

// partnerIssuer is i as one of ours. Whatever it says, it is staff's and of one municipality; its name cannot be one of the
// configuration, where machines are tied to names.
func partnerIssuer(tenant kernel.TenantID, i kernel.StaffIssuer) Issuer {
	return Issuer{
		ID: "partner:" + i.ID, URL: i.URL, Area: AreaStaff, Name: i.Name, ACR: i.ACR,
		Groups: map[kernel.TenantID]map[string][]kernel.Grant{tenant: i.Groups}, Tenants: []kernel.TenantID{tenant},
	}
}

// joinedBy returns p with the groups of a partner whose people sign in there as well. It takes nothing away, and what an acr
// value is worth stays for who was there first to say.
func (p *provider) joinedBy(tenant kernel.TenantID, i kernel.StaffIssuer) *provider {
	groups := maps.Clone(p.Groups[tenant])
	if groups == nil {
		groups = map[string][]kernel.Grant{}
	}
	for name, grants := range i.Groups {
		groups[name] = slices.Concat(groups[name], grants)
	}
	joined := *p
	joined.Groups = map[kernel.TenantID]map[string][]kernel.Grant{tenant: groups}
	if len(i.Name) > 0 { // nobody is asked whether they work for a list of groups
		joined.also = append(slices.Clone(p.also), i.Name)
	}
	return &joined
}

// at returns the provider at the address of i, made on first use.
func (ps *partners) at(tenant kernel.Tenant, i kernel.StaffIssuer) *provider {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p, ok := ps.made[tenant.ID][i.URL]
	if !ok {
		p = ps.provider(tenant, i)
		if ps.made[tenant.ID] == nil {
			ps.made[tenant.ID] = map[string]*provider{}
		}
		ps.made[tenant.ID][i.URL] = p
	}
	return p
}

func (ps *partners) provider(tenant kernel.Tenant, i kernel.StaffIssuer) *provider {
	client := ps.public
	if ps.loopback(tenant) {
		client = ps.local
	}
	p := newProvider(partnerIssuer(tenant.ID, i), client, ps.clock, ps.loopback(tenant))
	p.partner = true
	return p
}

// forget drops the providers that are on the list no more, with their keys.
func (ps *partners) forget(tenant kernel.TenantID, keep []string) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if len(ps.made[tenant]) > len(keep) {
		maps.DeleteFunc(ps.made[tenant], func(url string, _ *provider) bool { return !slices.Contains(keep, url) })
	}
}

// tell writes a refusal to the log once, not for every request.
func (ps *partners) tell(tenant kernel.TenantID, i kernel.StaffIssuer, f *flaw) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	key := string(tenant) + "\n" + i.ID + "\n" + i.URL
	if ps.told[key] {
		return
	}
	if len(ps.told) >= 1000 {
		clear(ps.told)
	}
	ps.told[key] = true
	ps.log.Warn("partner's issuer ignored", "tenant", tenant, "partner", i.ID, "issuer", i.URL, "reason", f)
}

// refuses says why raw cannot be an issuer of a partner of the municipality; nil when it can.
func (ps *partners) refuses(tenant kernel.Tenant, raw string) *flaw {
	if u, err := url.Parse(raw); safeURL(raw, ps.loopback(tenant)) != nil || err != nil || u.RawQuery != "" || u.ForceQuery { // Discovery §2: no query
		return flawAddress
	}
	for _, i := range ps.config.Issuers {
		if same := strings.EqualFold(strings.TrimSuffix(i.URL, "/"), strings.TrimSuffix(raw, "/")); same && (i.Area != AreaStaff || !i.trusts(tenant.ID)) {
			return flawTaken
		}
	}
	return nil
}

// flaw is why an issuer cannot be used, in words for who sets it up: a key of our texts and its English.
type flaw struct{ slug, message string }

func (f *flaw) Error() string { return f.slug }

var (
	flawAddress   = &flaw{"identity.issuer.address", "Enter the address of the sign-in in full, beginning with https:// and without a question mark."}
	flawTaken     = &flaw{"identity.issuer.taken", "This address signs in other people here. Enter the sign-in of your own staff."}
	flawPrivate   = &flaw{"identity.issuer.private", "This address is not on the public internet, so it cannot be used here."}
	flawAway      = &flaw{"identity.issuer.away", "Nobody answers at this address. Check the address, and that it can be reached from the internet."}
	flawDocument  = &flaw{"identity.issuer.document", "There is no OpenID configuration at this address. We looked below it, at /.well-known/openid-configuration."}
	flawName      = &flaw{"identity.issuer.name", "The configuration at this address is that of another issuer. Enter the issuer exactly as the configuration names it."}
	flawEndpoint  = &flaw{"identity.issuer.endpoint", "The configuration lacks an endpoint, or names one that is not https."}
	flawCode      = &flaw{"identity.issuer.code", "This sign-in does not offer the authorization code flow, which is the one we use."}
	flawPKCE      = &flaw{"identity.issuer.pkce", "This sign-in does not offer PKCE with S256, which we need."}
	flawAlgorithm = &flaw{"identity.issuer.algorithm", "This sign-in signs in no way we accept. It must be RS256, PS256, ES256 or EdDSA."}
	flawAnswer    = &flaw{"identity.issuer.answer", "This sign-in does not say who it is in its answers (RFC 9207). Where several sign-ins are used, that is what keeps one from passing for another. Turn it on there, or ask its maker."}
	flawKeys      = &flaw{"identity.issuer.keys", "This sign-in publishes no key we can check its signatures with."}
)

var flaws = []*flaw{flawAddress, flawTaken, flawPrivate, flawAway, flawDocument, flawName, flawEndpoint, flawCode, flawPKCE, flawAlgorithm, flawAnswer, flawKeys}

var _ kernel.SignInTester = (*Service)(nil)

// TryIssuer is kernel.SignInTester. Nothing of what it fetches is kept.
func (s *Service) TryIssuer(ctx context.Context, url string) (kernel.Discovered, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*fetchTimeout)
	defer cancel()
	tenant := kernel.TenantOf(ctx)
	p, ours := s.configured(url, AreaStaff, tenant.ID)
	if !ours || url == "" {
		if f := s.partners.refuses(tenant, url); f != nil {
			return kernel.Discovered{}, unfit(f, nil)
		}
		p = s.partners.provider(tenant, kernel.StaffIssuer{ID: "new", URL: url})
	}
	m, err := p.discover(ctx)
	if err != nil {
		return kernel.Discovered{}, unfit(flawAway, err)
	}
	if _, err := p.fetchKeys(ctx, m.Keys); err != nil {
		return kernel.Discovered{}, unfit(flawKeys, err)
	}
	return kernel.Discovered{Ours: ours, Issuer: p.URL, ACR: m.ACR, Algorithms: m.accepted(), PAR: m.PAR != "", ClaimsParam: m.ClaimsParam}, nil
}

// unfit tells who typed an issuer's address what is wrong there: the flaw in err, or otherwise.
func unfit(otherwise *flaw, err error) error {
	f := otherwise
	if errors.Is(err, outside.ErrAddress) {
		f = flawPrivate
	} else {
		errors.As(err, &f)
	}
	return kernel.InvalidFields(kernel.FieldError{Path: "issuer_url", Slug: f.slug, Message: f.message}).Wrap(err)
}

// StaffOrigins lists where a staff page's form of the municipality may end at a partner's sign-in: at the issuer, and at the
// endpoints it is known to have elsewhere. The content security policy must name them in form-action.
func (s *Service) StaffOrigins(tenant kernel.Tenant) []string {
	if s.partners.list == nil {
		return nil
	}
	var out []string
	for _, p := range s.providersOf(AreaStaff, tenant) {
		if !p.partner {
			continue
		}
		m, _ := p.meta.known()
		for _, u := range []string{p.URL, m.Authorization, m.EndSession} {
			if o := originOf(u); u != "" && !slices.Contains(out, o) {
				out = append(out, o)
			}
		}
	}
	return out
}
