package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"townhall/modules/kernel"
)

// Bearer checks an RFC 9068 access token (§4) meant for audience (the municipality's origin and the contract's prefix)
// and says who it speaks for. Without an Authorization header nobody acts: the Anonymous principal. Errors: Unauthenticated
// (invalid-token) for every token that fails a check, Forbidden (client-not-allowed) for a program nobody registered,
// Unavailable when the issuer's keys cannot be had.
func (s *Service) Bearer(r *http.Request, audience string) (kernel.Principal, error) {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	raw, err := bearerToken(r)
	if err != nil {
		return kernel.Principal{}, errToken.Wrap(err)
	}
	if raw == "" {
		return kernel.Principal{Kind: kernel.Anonymous, Tenant: tenant.ID}, nil
	}
	key := cacheKey(raw, tenant.ID, audience)
	now := s.clock.Now()
	if have, ok := s.tokens.get(key, now); ok {
		if who, ok := s.stillTrusted(tenant, have); ok {
			return who, nil
		}
	}
	checked, err := s.checkBearer(ctx, tenant, raw, audience)
	if err != nil {
		return kernel.Principal{}, asTokenError(err)
	}
	checked.until = earliest(checked.until, now.Add(tokenCacheFor))
	s.tokens.put(key, checked, now)
	return checked.who, nil
}

// stillTrusted is who a remembered token speaks for. Staff's issuers and what their groups and levels are worth may have
// changed since.
func (s *Service) stillTrusted(tenant kernel.Tenant, have cachedToken) (kernel.Principal, bool) {
	if have.who.Kind != kernel.Staff {
		return have.who, true
	}
	p, ok := s.provider(have.issuer, AreaStaff, tenant)
	if !ok {
		return kernel.Principal{}, false
	}
	who := have.who
	who.Grants, who.Level = p.grants(tenant.ID, have.groups), p.level(have.acr)
	return who, true
}

// bearerToken returns the token of the header, "" when there is no header. Tokens in the query or the body (RFC 6750 §2.2,
// §2.3) are not looked at: they would end up in logs.
func bearerToken(r *http.Request) (string, error) {
	h := r.Header.Values("Authorization")
	if len(h) == 0 {
		return "", nil
	}
	if len(h) > 1 {
		return "", errors.New("more than one Authorization header")
	}
	scheme, token, _ := strings.Cut(h[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", errors.New("not a bearer token")
	}
	return token, nil
}

func asTokenError(err error) error {
	var e *kernel.Error
	if errors.As(err, &e) {
		return err
	}
	return errToken.Wrap(err)
}

func (s *Service) checkBearer(ctx context.Context, tenant kernel.Tenant, raw, audience string) (cachedToken, error) {
	var none cachedToken
	if err := checkHeader(raw, "at+jwt"); err != nil {
		return none, err
	}
	issuer, err := s.providerOf(raw, tenant)
	if err != nil {
		return none, err
	}
	c, err := issuer.verify(ctx, raw)
	if err != nil {
		return none, err
	}
	if err := issuer.checkAccessToken(c, audience); err != nil {
		return none, err
	}
	p, err := s.principalOf(ctx, tenant.ID, issuer, c)
	expires, _ := c.time("exp")
	return cachedToken{who: p, until: expires, issuer: issuer.URL, acr: c.text("acr"), groups: c.list("groups")}, err
}

// providerOf picks the issuer whose keys to check with by the unverified iss; the claim counts only once they did.
func (s *Service) providerOf(raw string, tenant kernel.Tenant) (*provider, error) {
	_, rest, _ := strings.Cut(raw, ".")
	payload, _, _ := strings.Cut(rest, ".")
	body, err := rawURL.DecodeString(payload)
	if err != nil {
		return nil, errors.New("payload is not base64url")
	}
	c, err := decode(body)
	if err != nil {
		return nil, err
	}
	iss := c.text("iss")
	for _, area := range []Area{AreaCitizen, AreaMachine, AreaStaff} {
		if p, ok := s.provider(iss, area, tenant); ok && iss != "" {
			return p, nil
		}
	}
	return nil, errors.New("iss is not one we trust")
}

// checkAccessToken requires what RFC 9068 §2.2 requires: iss, exp, aud, sub, client_id, iat, jti.
func (p *provider) checkAccessToken(c claims, audience string) error {
	if err := p.checkCommon(c, p.clock.Now()); err != nil {
		return err
	}
	if !slices.Contains(c.list("aud"), audience) {
		return errors.New("aud is not this contract")
	}
	if _, err := c.subject(); err != nil {
		return err
	}
	for _, name := range []string{"client_id", "jti"} {
		if v := c.text(name); v == "" || len(v) > 255 {
			return fmt.Errorf("%s is absent or too long", name)
		}
	}
	for _, name := range []string{"events", "nonce"} {
		if _, there := c[name]; there {
			return fmt.Errorf("%s belongs to another kind of token", name)
		}
	}
	if at, ok := c.time("auth_time"); ok && at.After(p.clock.Now().Add(skew)) {
		return errors.New("auth_time is in the future")
	}
	return nil
}

// principalOf maps a verified token: the kind follows from the issuer, and from the token being a program's own
// (sub is the client, RFC 9068 §2.2).
func (s *Service) principalOf(ctx context.Context, tenant kernel.TenantID, p *provider, c claims) (kernel.Principal, error) {
	sub, client := c.text("sub"), c.text("client_id")
	out := kernel.Principal{Tenant: tenant, Client: client, Scopes: strings.Fields(c.text("scope"))}
	if sub == client || p.Area == AreaMachine {
		m, ok := s.machine(p.ID, client, tenant)
		if !ok || sub != client || p.Area == AreaStaff { // a staff issuer vouches for staff only
			return kernel.Principal{}, errMachine
		}
		out.Kind = m.Kind
		out.Scopes = slices.DeleteFunc(out.Scopes, func(scope string) bool { return !slices.Contains(m.Scopes, scope) })
		return out, nil
	}
	out.Level = p.level(c.text("acr"))
	out.AuthTime, _ = c.time("auth_time")
	out.Kind = kernel.Citizen
	if p.Area == AreaStaff {
		out.Kind = kernel.Staff
		out.Grants = p.grants(tenant, c.list("groups")) // RFC 9068 §2.2.3.1
	}
	person, err := s.personOf(ctx, tenant, p, sub)
	if err != nil {
		return kernel.Principal{}, err
	}
	out.Person, out.Name, out.Locale = person.ID, person.Name, person.Locale
	return out, nil
}

func (s *Service) machine(issuer, client string, tenant kernel.TenantID) (Machine, bool) {
	for _, m := range s.config.Machines {
		if m.ClientID == client && m.Issuer == issuer && (m.Tenant == "" || m.Tenant == tenant) {
			return m, true
		}
	}
	return Machine{}, false
}

// tokenCache remembers verified tokens for a minute at most, so that checking a signature is paid once per burst.
type tokenCache struct {
	mu   sync.RWMutex
	have map[[sha256.Size]byte]cachedToken
}

type cachedToken struct {
	who    kernel.Principal
	until  time.Time
	issuer string
	acr    string   // as the token has it
	groups []string // as the token has them
}

const (
	tokenCacheFor  = 60 * time.Second
	tokenCacheSize = 10_000
)

func cacheKey(raw string, tenant kernel.TenantID, audience string) [sha256.Size]byte {
	if len(raw) > maxToken {
		raw = "" // refused later; do not hash what is too large
	}
	b := make([]byte, 0, 2048) // on the stack for any usual token
	b = append(append(append(append(append(b, tenant...), 0), audience...), 0), raw...)
	return sha256.Sum256(b)
}

func (c *tokenCache) get(k [sha256.Size]byte, now time.Time) (cachedToken, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.have[k]
	return e, ok && now.Before(e.until)
}

func (c *tokenCache) put(k [sha256.Size]byte, t cachedToken, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.have) >= tokenCacheSize {
		for old, e := range c.have {
			if !now.Before(e.until) {
				delete(c.have, old)
			}
		}
	}
	if c.have == nil || len(c.have) >= tokenCacheSize {
		c.have = map[[sha256.Size]byte]cachedToken{} // full of live tokens: start over rather than grow
	}
	c.have[k] = t
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
