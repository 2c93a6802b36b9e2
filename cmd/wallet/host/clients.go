package host

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"townhall/modules/kernel"
)

// Client is one registered client of an issuer. Members are those of OpenID Connect Dynamic Client Registration §2.
type Client struct {
	ID                     string
	Name                   kernel.Text
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	JWKSURI                string // private_key_jwt; the only method of a client that signs people in
	InitiateLoginURI       string
	BackchannelLogoutURI   string
	Sector                 string // origin that names the sector of pairwise subjects (Core §8.1)
	IDTokenAlg             string // ES256 (default) or RS256
	Claims                 []Claim

	Secret    string   // client_secret_basic; integrators only
	Scopes    []string // what an integrator may have
	Resources []string // audiences an integrator may name (RFC 8707)
}

// StaffClient is the client of a municipality's staff pages at the staff issuer: <tenant>.staff, redirected to
// <origin>/staff/callback, with the keys the municipality publishes.
func StaffClient(tenant, origin string) Client {
	return Client{
		ID: tenant + ".staff", Name: kernel.Text{"en": tenant + " staff"}, Sector: origin, JWKSURI: origin + "/.well-known/jwks.json",
		RedirectURIs:           []string{origin + "/staff/callback"},
		PostLogoutRedirectURIs: []string{origin + "/staff/", origin + "/staff/sign-in", origin + "/"},
		BackchannelLogoutURI:   origin + "/staff/backchannel-logout",
	}
}

// citizenClient finds a mini-app's client or an integrator.
func (w *Wallet) citizenClient(ctx context.Context, id string) (Client, bool) {
	for _, c := range w.cfg.Integrators {
		if c.ID == id {
			return c, true
		}
	}
	a, ok := w.book.app(ctx, id)
	return a.Client, ok
}

func (w *Wallet) staffClient(_ context.Context, id string) (Client, bool) {
	for _, c := range w.cfg.StaffClients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}

// remoteKeys is a client's published key set: fetched when first needed, and again for an unknown key id at most
// once per refetchAfter, so that bad assertions cause no traffic.
type remoteKeys struct {
	uri   string
	http  *http.Client
	clock kernel.Clock

	mu    sync.Mutex
	set   jose.JSONWebKeySet
	tried time.Time
}

const refetchAfter = 10 * time.Second

func (k *remoteKeys) find(ctx context.Context, kid string) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if keys := k.match(kid); len(keys) > 0 {
		return keys, nil
	}
	wait := refetchAfter
	if len(k.set.Keys) == 0 {
		wait = retryAfter
	}
	if now := k.clock.Now(); k.tried.IsZero() || now.Sub(k.tried) >= wait {
		k.tried = now
		b, err := get(ctx, k.http, k.uri, 64<<10)
		if err != nil {
			return nil, err
		}
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(b, &set); err != nil {
			return nil, fmt.Errorf("jwks: %w", err)
		}
		k.set = set
	}
	return k.match(kid), nil
}

// match returns the public signing keys with the id; without an id all of them.
func (k *remoteKeys) match(kid string) []jose.JSONWebKey {
	var out []jose.JSONWebKey
	for _, key := range k.set.Keys {
		if key.IsPublic() && key.Valid() && (key.Use == "" || key.Use == "sig") && (kid == "" || key.KeyID == kid) {
			out = append(out, key)
		}
	}
	return out
}

// clientAlgs are the signatures accepted from clients. Neither "none" nor a shared-secret algorithm is among them:
// HS256 with the public key as the secret is a known forgery.
var clientAlgs = []jose.SignatureAlgorithm{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate finds out which client speaks (RFC 6749 §2.3, OIDC Core §9): private_key_jwt, or
// client_secret_basic for those registered with a secret. There are no public clients.
func (p *provider) authenticate(r *http.Request) (Client, *oauthError) {
	refused := &oauthError{status: http.StatusUnauthorized, code: "invalid_client", text: "Client authentication failed."}
	id, secret, basic := r.BasicAuth()
	assertion := r.PostFormValue("client_assertion")
	switch {
	case basic && assertion != "":
		return Client{}, &oauthError{status: http.StatusBadRequest, code: "invalid_request", text: "Use one way of client authentication."}
	case basic:
		refused.basic = true
		id, err1 := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		c, ok := p.client(r.Context(), id)
		if err1 != nil || err2 != nil || !ok || c.Secret == "" || subtle.ConstantTimeCompare([]byte(c.Secret), []byte(secret)) != 1 {
			return Client{}, refused
		}
		return c, nil
	case assertion != "":
		c, err := p.checkAssertion(r, assertion)
		if err != nil {
			p.w.log.InfoContext(r.Context(), "client assertion refused", "issuer", p.issuer, "error", err)
			return Client{}, refused
		}
		return c, nil
	}
	return Client{}, refused
}

// checkAssertion verifies a private_key_jwt assertion (RFC 7523 §3): iss = sub = client, our audience, not
// expired, lives ten minutes at most, and its jti is used once.
func (p *provider) checkAssertion(r *http.Request, assertion string) (Client, error) {
	if t := r.PostFormValue("client_assertion_type"); t != assertionType {
		return Client{}, fmt.Errorf("assertion type %q", t)
	}
	token, err := jwt.ParseSigned(assertion, clientAlgs)
	if err != nil {
		return Client{}, fmt.Errorf("parse: %w", err)
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return Client{}, fmt.Errorf("parse: %w", err)
	}
	c, ok := p.client(r.Context(), claims.Subject)
	if !ok || c.JWKSURI == "" {
		return Client{}, fmt.Errorf("no such client, or without keys")
	}
	if named := r.PostFormValue("client_id"); named != "" && named != c.ID {
		return Client{}, fmt.Errorf("client_id is another client")
	}
	keys, err := p.w.book.jwks(c.JWKSURI).find(r.Context(), token.Headers[0].KeyID)
	if err != nil {
		return Client{}, fmt.Errorf("keys of %s: %w", c.ID, err)
	}
	verified := slices.ContainsFunc(keys, func(k jose.JSONWebKey) bool {
		return (k.Algorithm == "" || k.Algorithm == token.Headers[0].Algorithm) && token.Claims(k, &claims) == nil
	})
	if !verified {
		return Client{}, fmt.Errorf("signature of %s", c.ID)
	}
	now := p.w.clock.Now()
	if claims.Issuer != c.ID || claims.Subject != c.ID {
		return Client{}, fmt.Errorf("iss and sub must be the client")
	}
	if !slices.ContainsFunc([]string{p.issuer, p.issuer + "/token", p.issuer + "/par"}, claims.Audience.Contains) {
		return Client{}, fmt.Errorf("audience is not this issuer")
	}
	if claims.Expiry == nil || claims.ID == "" || claims.Expiry.Time().After(now.Add(10*time.Minute)) {
		return Client{}, fmt.Errorf("exp (at most ten minutes ahead) and jti are required")
	}
	if err := claims.ValidateWithLeeway(jwt.Expected{Time: now}, 30*time.Second); err != nil {
		return Client{}, fmt.Errorf("validity: %w", err)
	}
	if !p.assertions.add(c.ID+"\x00"+claims.ID, struct{}{}, 11*time.Minute) {
		return Client{}, fmt.Errorf("jti was used before")
	}
	return c, nil
}
