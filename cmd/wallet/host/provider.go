package host

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// provider is one OpenID provider. The wallet runs two, for citizens and for staff, with nothing in common but code:
// other keys, other clients, other cookies, other people.
type provider struct {
	w      *Wallet
	prefix string // path below the wallet's origin
	realm  string // "citizens" or "staff"
	issuer string
	cookie string
	keys   jose.JSONWebKeySet
	salt   []byte
	client func(context.Context, string) (Client, bool)

	sessions     *vault[session]
	interactions *vault[interaction]
	pushed       *vault[pushed]
	codes        *vault[*grant]
	userinfos    *vault[userinfo] // by token id
	revoked      *vault[struct{}] // token ids
	ended        *vault[struct{}] // session ids, while a code of theirs may be under way
	assertions   *vault[struct{}] // used jti of client assertions
}

func newProvider(w *Wallet, prefix, realm string, keys jose.JSONWebKeySet, salt []byte, client func(context.Context, string) (Client, bool)) *provider {
	cookie := "__Host-wallet"
	if realm == "staff" {
		cookie = "__Host-wallet-staff"
	}
	return &provider{
		w: w, prefix: prefix, realm: realm, issuer: w.origin + prefix, cookie: cookie, keys: keys, salt: append([]byte(realm+"\x00"), salt...), client: client,
		sessions: newVault[session](w.clock), interactions: newVault[interaction](w.clock), pushed: newVault[pushed](w.clock),
		codes: newVault[*grant](w.clock), userinfos: newVault[userinfo](w.clock), revoked: newVault[struct{}](w.clock),
		ended: newVault[struct{}](w.clock), assertions: newVault[struct{}](w.clock),
	}
}

func (p *provider) isStaff() bool { return p.realm == "staff" }

func (p *provider) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET "+p.prefix+"/.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server"+p.prefix, p.discovery) // RFC 8414 §3.1
	mux.HandleFunc("GET "+p.prefix+"/jwks.json", p.jwks)
	mux.HandleFunc("GET "+p.prefix+"/authorize", p.authorize)
	mux.HandleFunc("POST "+p.prefix+"/authorize", p.authorizeByForm)
	mux.HandleFunc("GET "+p.prefix+"/interaction/{id}", p.interact)
	mux.HandleFunc("POST "+p.prefix+"/interaction/{id}", p.answer)
	mux.HandleFunc("POST "+p.prefix+"/par", p.push)
	mux.HandleFunc("POST "+p.prefix+"/token", p.token)
	mux.HandleFunc("GET "+p.prefix+"/userinfo", p.userinfo)
	mux.HandleFunc("POST "+p.prefix+"/userinfo", p.userinfo)
	mux.HandleFunc("GET "+p.prefix+"/end_session", p.endSession)
	mux.HandleFunc("POST "+p.prefix+"/end_session", p.endSession)
	mux.HandleFunc("POST "+p.prefix+"/sign-out", p.signOutNow)
}

// discovery is the provider's metadata (OpenID Connect Discovery §3, RFC 8414).
func (p *provider) discovery(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	var acr []string
	for _, a := range acrLevels {
		acr = append(acr, a.value)
	}
	scopes := []string{"openid", "profile", "email", "address", "phone"}
	claims := []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "sid", "launch", "name", "given_name", "family_name", "birthdate", "gender", "email", "email_verified", "phone_number", "phone_number_verified", "address", "zoneinfo", "locale"}
	grants := []string{"authorization_code", "client_credentials"}
	if p.isStaff() {
		scopes, claims, grants = []string{"openid", "profile", "email", "groups"}, append(claims, "groups"), grants[:1]
	}
	writeJSON(rw, http.StatusOK, map[string]any{
		"issuer":                                           p.issuer,
		"authorization_endpoint":                           p.issuer + "/authorize",
		"pushed_authorization_request_endpoint":            p.issuer + "/par",
		"token_endpoint":                                   p.issuer + "/token",
		"userinfo_endpoint":                                p.issuer + "/userinfo",
		"end_session_endpoint":                             p.issuer + "/end_session",
		"jwks_uri":                                         p.issuer + "/jwks.json",
		"scopes_supported":                                 scopes,
		"claims_supported":                                 claims,
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            grants,
		"subject_types_supported":                          []string{"pairwise"},
		"id_token_signing_alg_values_supported":            []string{"ES256", "RS256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "client_secret_basic"},
		"token_endpoint_auth_signing_alg_values_supported": clientAlgs,
		"code_challenge_methods_supported":                 []string{"S256"},
		"authorization_response_iss_parameter_supported":   true, // RFC 9207
		"acr_values_supported":                             acr,
		"claims_parameter_supported":                       true,
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"require_pushed_authorization_requests":            false,
		"backchannel_logout_supported":                     true,
		"backchannel_logout_session_supported":             true,
		"ui_locales_supported":                             []string{"en", "ru", "zh"},
		"prompt_values_supported":                          []string{"none", "login", "consent", "select_account"},
	})
}

func (p *provider) jwks(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Access-Control-Allow-Origin", "*")
	rw.Header().Set("Cache-Control", "public, max-age=60")
	writeJSON(rw, http.StatusOK, publicSet(p.keys))
}

// oauthError is an error answer of RFC 6749 §4.1.2.1 and §5.2. text is constant: no personal data, no input.
type oauthError struct {
	status int // of a direct answer; 0 means 400
	code   string
	text   string
	basic  bool // the client tried HTTP Basic, so the answer names that scheme
}

func (e *oauthError) write(rw http.ResponseWriter) {
	if e.basic {
		rw.Header().Set("WWW-Authenticate", `Basic realm="token"`)
	}
	status := e.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	writeJSON(rw, status, map[string]string{"error": e.code, "error_description": e.text})
}

func writeJSON(rw http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(rw, "internal error", http.StatusInternalServerError)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	_, _ = rw.Write(b) // the reader is gone: nothing is left to do
}
