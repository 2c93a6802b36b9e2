package host

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// sign makes a JWS with the issuer's key for alg; "" means ES256.
func (p *provider) sign(alg, typ string, claims map[string]any) (string, error) {
	key := p.keys.Keys[0]
	for _, k := range p.keys.Keys {
		if k.Algorithm == alg {
			key = k
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	b, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	jws, err := signer.Sign(b)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return jws.CompactSerialize()
}

// subject is the pairwise identifier (Core §8.1): the same for all clients of one sector, unlinkable between two.
func (p *provider) subject(c Client, persona string) string {
	return p.keyed("sub", c.Sector, persona)
}

// Subject is what the municipality at origin knows a citizen by, whichever of its mini-apps they signed in to.
func (w *Wallet) Subject(origin, persona string) string {
	return w.citizens.subject(Client{Sector: origin}, persona)
}

// sid names a session towards one client. It differs between clients, or municipalities could compare theirs.
func (p *provider) sid(c Client, session string) string { return p.keyed("sid", c.ID, session) }

func (p *provider) keyed(parts ...string) string {
	h := hmac.New(sha256.New, p.salt)
	for _, s := range parts {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// accessToken is an RFC 9068 token. Its audience is the named resource, or this issuer's userinfo endpoint.
func (p *provider) accessToken(c Client, g *grant, who Persona, resource string) (string, error) {
	if resource == "" {
		resource = p.issuer
	}
	now := p.w.clock.Now()
	claims := map[string]any{
		"iss": p.issuer, "sub": p.subject(c, who.ID), "aud": resource, "client_id": c.ID, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
		"jti": g.TokenID, "scope": strings.Join(g.Scopes, " "), "auth_time": g.AuthTime.Unix(), "acr": g.ACR, "sid": p.sid(c, g.Session),
	}
	if p.isStaff() {
		claims["groups"] = who.Groups
	}
	p.userinfos.set(g.TokenID, userinfo{subject: p.subject(c, who.ID), persona: who.ID, claims: g.Claims}, tokenLife)
	return p.sign("", "at+jwt", claims)
}

// idToken (Core §2) also holds the released claims, so that a mini-app needs no second request, and the launch
// context: it selects what is shown and authorises nothing.
func (p *provider) idToken(c Client, g *grant, who Persona, access string) (string, error) {
	claims := who.release(g.Claims)
	now := p.w.clock.Now()
	sum := sha256.Sum256([]byte(access))
	for name, v := range map[string]any{
		"iss": p.issuer, "sub": p.subject(c, who.ID), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "auth_time": g.AuthTime.Unix(),
		"nonce": g.Nonce, "acr": g.ACR, "sid": p.sid(c, g.Session), "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
	} {
		claims[name] = v
	}
	if p.isStaff() {
		claims["groups"] = who.Groups
	}
	if l := g.Launch; l != nil {
		launch := map[string]string{"service": l.Service, "target": l.Target, "channel": l.Channel, "locale": l.Locale}
		if l.OnBehalfOf != "" {
			launch["on_behalf_of"] = l.OnBehalfOf
		}
		claims["launch"] = launch
	}
	return p.sign(c.IDTokenAlg, "JWT", claims)
}

// logoutToken tells one client that one session is over (OpenID Connect Back-Channel Logout §2.4).
func (p *provider) logoutToken(c Client, s session) (string, error) {
	now := p.w.clock.Now()
	return p.sign(c.IDTokenAlg, "logout+jwt", map[string]any{
		"iss": p.issuer, "sub": p.subject(c, s.Persona), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": newSecret(),
		"sid": p.sid(c, s.ID), "events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": struct{}{}},
	})
}
