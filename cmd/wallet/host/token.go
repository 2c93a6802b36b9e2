package host

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// grant is what an authorization code stands for.
type grant struct {
	ClientID    string
	RedirectURI string
	Challenge   string
	Nonce       string
	Scopes      []string
	Claims      []string // to release
	Persona     string
	Session     string
	AuthTime    time.Time
	ACR         string
	Resource    string
	Launch      *ticket
	TokenID     string // jti of the access token it yields
	Expires     time.Time

	mu   sync.Mutex
	used bool
}

const (
	codeLife   = 60 * time.Second
	codeMemory = 10 * time.Minute // how long a used code is remembered, to notice a replay
	tokenLife  = 10 * time.Minute
)

// use reports whether this is the code's first presentation.
func (g *grant) use() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.used
	g.used = true
	return first
}

// userinfo is what the userinfo endpoint answers for one access token.
type userinfo struct {
	subject string
	persona string
	claims  []string
}

// token is the token endpoint (RFC 6749 §3.2).
func (p *provider) token(rw http.ResponseWriter, r *http.Request) {
	rw.Header().Set("Pragma", "no-cache") // Core §3.1.3.3
	if err := formOnce(r); err != nil {
		err.write(rw)
		return
	}
	c, oerr := p.authenticate(r)
	if oerr != nil {
		oerr.write(rw)
		return
	}
	var out map[string]any
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		out, oerr = p.byCode(r, c)
	case "client_credentials":
		out, oerr = p.byCredentials(r, c)
	default:
		oerr = &oauthError{code: "unsupported_grant_type", text: "Use authorization_code or client_credentials."}
	}
	if oerr != nil {
		oerr.write(rw)
		return
	}
	writeJSON(rw, http.StatusOK, out)
}

// byCode exchanges a code, once. Any presentation uses it up, also a wrong one; a second one revokes what the
// first one got (RFC 6749 §4.1.2), because one of the two callers stole it.
func (p *provider) byCode(r *http.Request, c Client) (map[string]any, *oauthError) {
	refused := &oauthError{code: "invalid_grant", text: "The code is not valid, was used before, or belongs to another request."}
	g, ok := p.codes.get(r.PostForm.Get("code"))
	if !ok {
		return nil, refused
	}
	if !g.use() {
		p.revoked.set(g.TokenID, struct{}{}, tokenLife)
		p.w.log.WarnContext(r.Context(), "code replayed, token revoked", "issuer", p.issuer, "client", g.ClientID)
		return nil, refused
	}
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	verifier := len(r.PostForm.Get("code_verifier"))
	_, over := p.ended.get(g.Session)
	if !p.w.clock.Now().Before(g.Expires) || over || g.ClientID != c.ID || g.RedirectURI != r.PostForm.Get("redirect_uri") ||
		verifier < 43 || verifier > 128 || subtle.ConstantTimeCompare([]byte(challenge), []byte(g.Challenge)) != 1 {
		return nil, refused
	}
	resource := r.PostForm.Get("resource")
	switch {
	case resource == "":
		resource = g.Resource
	case g.Resource != "" && resource != g.Resource, !c.mayName(resource):
		return nil, &oauthError{code: "invalid_target", text: "The resource is not the one that was granted."}
	}
	who, ok := p.w.persona(g.Persona, p.isStaff())
	if !ok {
		return nil, refused
	}
	access, err := p.accessToken(c, g, who, resource)
	if err != nil {
		return nil, p.failed(r, err)
	}
	id, err := p.idToken(c, g, who, access)
	if err != nil {
		return nil, p.failed(r, err)
	}
	return map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "id_token": id, "scope": strings.Join(g.Scopes, " ")}, nil
}

// byCredentials gives an integrator a token for one of its registered audiences (RFC 6749 §4.4, RFC 8707).
func (p *provider) byCredentials(r *http.Request, c Client) (map[string]any, *oauthError) {
	if len(c.Resources) == 0 || p.isStaff() {
		return nil, &oauthError{code: "unauthorized_client", text: "This client may not use client_credentials."}
	}
	resource := r.PostForm.Get("resource")
	if resource == "" && len(c.Resources) == 1 {
		resource = c.Resources[0]
	}
	if !slices.Contains(c.Resources, resource) {
		return nil, &oauthError{code: "invalid_target", text: "resource must name one of the registered audiences."}
	}
	scopes := strings.Fields(r.PostForm.Get("scope"))
	if len(scopes) == 0 {
		scopes = c.Scopes
	}
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) {
			return nil, &oauthError{code: "invalid_scope", text: "A scope is not registered for this client."}
		}
	}
	now := p.w.clock.Now()
	access, err := p.sign("", "at+jwt", map[string]any{"iss": p.issuer, "sub": c.ID, "client_id": c.ID, "aud": resource, "iat": now.Unix(),
		"exp": now.Add(tokenLife).Unix(), "jti": newSecret(), "scope": strings.Join(scopes, " ")})
	if err != nil {
		return nil, p.failed(r, err)
	}
	return map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "scope": strings.Join(scopes, " ")}, nil
}

func (p *provider) failed(r *http.Request, err error) *oauthError {
	p.w.log.ErrorContext(r.Context(), "token not issued", "issuer", p.issuer, "error", err)
	return &oauthError{status: http.StatusInternalServerError, code: "server_error", text: "The token could not be issued."}
}

// userinfo answers with the released claims (Core §5.3) to an access token whose audience is this issuer.
func (p *provider) userinfo(rw http.ResponseWriter, r *http.Request) {
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	info, ok := p.checkAccess(raw)
	if !strings.EqualFold(scheme, "Bearer") || !ok {
		challenge := `Bearer realm="userinfo"`
		if raw != "" {
			challenge += `, error="invalid_token", error_description="The access token is not acceptable here."`
		}
		rw.Header().Set("WWW-Authenticate", challenge) // RFC 6750 §3
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	who, ok := p.w.persona(info.persona, p.isStaff())
	if !ok {
		rw.WriteHeader(http.StatusUnauthorized)
		return
	}
	out := who.release(info.claims)
	out["sub"] = info.subject
	if p.isStaff() {
		out["groups"] = who.Groups
	}
	writeJSON(rw, http.StatusOK, out)
}

func (p *provider) checkAccess(raw string) (userinfo, bool) {
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || token.Headers[0].ExtraHeaders[jose.HeaderType] != "at+jwt" {
		return userinfo{}, false
	}
	var claims jwt.Claims
	if token.Claims(p.keys.Keys[0].Public(), &claims) != nil {
		return userinfo{}, false
	}
	if claims.ValidateWithLeeway(jwt.Expected{Issuer: p.issuer, AnyAudience: jwt.Audience{p.issuer}, Time: p.w.clock.Now()}, 0) != nil {
		return userinfo{}, false
	}
	if _, gone := p.revoked.get(claims.ID); gone {
		return userinfo{}, false
	}
	return p.userinfos.get(claims.ID)
}
