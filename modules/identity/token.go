package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"townhall/modules/kernel"
)

const (
	maxToken = 16 << 10         // bytes; a larger token is refused unread
	skew     = 60 * time.Second // how far an issuer's clock may be from ours
)

// claims is a token's payload. Names are matched exactly: encoding/json would take "SUB" for "sub" in a struct.
type claims map[string]any

func (c claims) text(name string) string {
	s, _ := c[name].(string)
	return s
}

// list reads a claim that is a string or an array of strings; anything else is empty.
func (c claims) list(name string) []string {
	switch v := c[name].(type) {
	case string:
		return []string{v}
	case []any:
		out := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil
			}
			out = append(out, s)
		}
		return out
	}
	return nil
}

// time reads a NumericDate (RFC 7519 §2); false when it is absent or no sensible instant.
func (c claims) time(name string) (time.Time, bool) {
	f, ok := c[name].(float64)
	if !ok || math.IsNaN(f) || f < 1 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// checkHeader refuses, before any key is looked at, what no token of ours carries: another type, a key or a place to get
// one from (RFC 8725 §3.10), critical extensions. types are accepted values of typ, "" standing for none.
func checkHeader(raw string, types ...string) error {
	if len(raw) > maxToken {
		return errors.New("token is too large")
	}
	if strings.Count(raw, ".") != 2 {
		return errors.New("not in compact form")
	}
	first, _, _ := strings.Cut(raw, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return errors.New("header is not base64url")
	}
	var h claims
	if json.Unmarshal(decoded, &h) != nil || h == nil {
		return errors.New("header is not a JSON object")
	}
	for _, name := range []string{"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc"} {
		if _, there := h[name]; there {
			return fmt.Errorf("header has %s", name)
		}
	}
	typ, _ := h["typ"].(string)
	if _, there := h["typ"]; there && typ == "" {
		return errors.New("typ is no text")
	}
	typ = strings.TrimPrefix(strings.ToLower(typ), "application/") // RFC 7515 §4.1.9
	if !slices.Contains(types, typ) {
		return fmt.Errorf("typ %q is not wanted here", visible(typ))
	}
	return nil
}

// verify checks the signature and returns the claims.
func (p *provider) verify(ctx context.Context, raw string) (claims, error) {
	payload, err := p.keys.VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	return decode(payload)
}

func decode(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil || c == nil {
		return nil, errors.New("payload is not a JSON object")
	}
	return c, nil
}

// checkCommon is what every kind of token must satisfy: issuer, exp in the future, iat present and not ahead, nbf.
func (p *provider) checkCommon(c claims, now time.Time) error {
	if c.text("iss") != p.URL {
		return errors.New("iss is another issuer")
	}
	exp, ok := c.time("exp")
	if !ok || !now.Before(exp) {
		return errors.New("exp is absent or past")
	}
	iat, ok := c.time("iat")
	if !ok || iat.After(now.Add(skew)) {
		return errors.New("iat is absent or in the future")
	}
	if _, there := c["nbf"]; there {
		if nbf, ok := c.time("nbf"); !ok || nbf.After(now.Add(skew)) {
			return errors.New("nbf is in the future")
		}
	}
	return nil
}

// subject checks sub: present, at most 255 ASCII characters (Core §2).
func (c claims) subject() (string, error) {
	sub := c.text("sub")
	if sub == "" || len(sub) > 255 || strings.ContainsFunc(sub, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
		return "", errors.New("sub is absent or malformed")
	}
	return sub, nil
}

// idTokenWish is what one sign-in expects of its ID token.
type idTokenWish struct {
	client      string
	nonce       string
	started     time.Time
	level       kernel.Level
	maxAge      time.Duration
	accessToken string
}

// errWeak marks a token that is genuine but weaker or older than was asked for.
var errWeak = errors.New("sign-in is weaker than asked")

// verifyIDToken does the checks of Core §3.1.3.7: go-oidc those of signature, iss, aud and exp, we those it leaves open
// (typ, sub, iat, azp, further audiences, nonce, acr, auth_time).
func (p *provider) verifyIDToken(ctx context.Context, raw string, w idTokenWish) (claims, error) {
	if err := checkHeader(raw, "", "jwt"); err != nil {
		return nil, err
	}
	keys := &remembering{KeySet: p.keys}
	verifier := oidc.NewVerifier(p.URL, keys, &oidc.Config{
		ClientID: w.client, SupportedSigningAlgs: algorithmNames(), Now: p.clock.Now,
	})
	token, err := verifier.Verify(ctx, raw)
	if keys.err != nil && kernel.KindOf(keys.err) == kernel.Unavailable {
		return nil, keys.err // go-oidc flattens it into a text
	}
	if err != nil {
		return nil, err
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(w.accessToken); err != nil {
			return nil, err
		}
	}
	var c claims
	if err := token.Claims(&c); err != nil {
		return nil, err
	}
	return c, p.checkIDToken(c, w)
}

func (p *provider) checkIDToken(c claims, w idTokenWish) error {
	now := p.clock.Now()
	if err := p.checkCommon(c, now); err != nil {
		return err
	}
	if _, err := c.subject(); err != nil {
		return err
	}
	if aud := c.list("aud"); len(aud) != 1 || aud[0] != w.client {
		return errors.New("aud names somebody else too") // we trust no other audience (§3.1.3.7, 3)
	}
	if azp, there := c["azp"]; there && azp != w.client {
		return errors.New("azp is another client")
	}
	if c.text("nonce") == "" || subtle.ConstantTimeCompare([]byte(c.text("nonce")), []byte(w.nonce)) != 1 {
		return errors.New("nonce is not ours")
	}
	if iat, _ := c.time("iat"); iat.Before(w.started.Add(-skew)) {
		return errors.New("iat is before the sign-in began")
	}
	if _, there := c["events"]; there {
		return errors.New("a logout token")
	}
	return p.checkStrength(c, w, now)
}

func (p *provider) checkStrength(c claims, w idTokenWish, now time.Time) error {
	if p.level(c.text("acr")) < w.level {
		return fmt.Errorf("%w: acr is absent, unknown or too low", errWeak)
	}
	at, ok := c.time("auth_time")
	if _, there := c["auth_time"]; there && (!ok || at.After(now.Add(skew))) {
		return errors.New("auth_time is malformed or in the future")
	}
	if w.maxAge > 0 && (!ok || at.Before(now.Add(-w.maxAge-skew))) {
		return fmt.Errorf("%w: auth_time is absent or too old", errWeak)
	}
	return nil
}

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// logoutOrder is what a valid logout token says: end the sessions of sub, of sid, or of both together.
type logoutOrder struct {
	subject, sid, jti string
	expires           time.Time
}

// verifyLogoutToken does the checks of Back-Channel Logout 1.0 §2.6. We insist on the type it recommends.
func (p *provider) verifyLogoutToken(ctx context.Context, raw, client string) (logoutOrder, error) {
	var o logoutOrder
	if err := checkHeader(raw, "logout+jwt"); err != nil {
		return o, err
	}
	c, err := p.verify(ctx, raw)
	if err != nil {
		return o, err
	}
	now := p.clock.Now()
	if err := p.checkCommon(c, now); err != nil {
		return o, err
	}
	if aud := c.list("aud"); len(aud) != 1 || aud[0] != client {
		return o, errors.New("aud is another client")
	}
	if iat, _ := c.time("iat"); iat.Before(now.Add(-5 * time.Minute)) {
		return o, errors.New("iat is too old")
	}
	events, _ := c["events"].(map[string]any)
	if _, ok := events[logoutEvent].(map[string]any); !ok {
		return o, errors.New("events does not say logout")
	}
	if _, there := c["nonce"]; there {
		return o, errors.New("nonce is forbidden")
	}
	for _, name := range []string{"sub", "sid"} {
		if v, there := c[name]; there && (c.text(name) == "" || len(c.text(name)) > 255) {
			return o, fmt.Errorf("%s is malformed (%T)", name, v)
		}
	}
	o.subject, o.sid, o.jti = c.text("sub"), c.text("sid"), c.text("jti")
	o.expires, _ = c.time("exp")
	if o.subject == "" && o.sid == "" {
		return o, errors.New("neither sub nor sid")
	}
	if o.jti == "" || len(o.jti) > 255 {
		return o, errors.New("jti is absent or too long")
	}
	return o, nil
}

// remembering keeps the key set's own error.
type remembering struct {
	oidc.KeySet
	err error
}

func (r *remembering) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	var payload []byte
	payload, r.err = r.KeySet.VerifySignature(ctx, raw)
	return payload, r.err
}

func algorithmNames() []string {
	out := make([]string, len(algorithms))
	for i, a := range algorithms {
		out[i] = string(a)
	}
	return out
}

func hash(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}
