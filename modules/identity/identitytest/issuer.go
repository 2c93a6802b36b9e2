// Package identitytest is an OpenID provider for tests, on real HTTP with real keys, which can be told to misbehave: it
// signs whatever it is asked to, with any header, key and claims, and can answer late, wrongly or not at all.
package identitytest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/kernel"
)

// Values of acr this issuer knows.
const (
	Low         = "urn:test:low"
	Substantial = "urn:test:substantial"
	High        = "urn:test:high"
)

// ACR maps them to levels, for identity.Issuer.
var ACR = map[string]kernel.Level{Low: kernel.Low, Substantial: kernel.Substantial, High: kernel.High}

// Key is one signing key with its name and algorithm.
type Key struct {
	ID      string
	Alg     jose.SignatureAlgorithm
	Private crypto.Signer
}

// NewKey makes a key for RS256, PS256, ES256 or EdDSA.
func NewKey(t testing.TB, id string, alg jose.SignatureAlgorithm) Key {
	t.Helper()
	var k crypto.Signer
	var err error
	switch alg {
	case jose.RS256, jose.PS256:
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.ES256:
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, k, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("no key for %s", alg)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Key{ID: id, Alg: alg, Private: k}
}

// Public is the key as it is published.
func (k Key) Public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Private.Public(), KeyID: k.ID, Algorithm: string(k.Alg), Use: "sig"}
}

// Person is who signs in at the issuer's pages: no page is shown, the person in Issuer.Who has just consented.
type Person struct {
	Subject  string
	SID      string
	ACR      string
	AuthTime time.Time // zero: now
	Claims   map[string]any
}

// Issuer is the provider. Change its members between requests; its own handlers hold Lock.
type Issuer struct {
	sync.Mutex
	URL   string
	Clock kernel.Clock
	Keys  []Key // the first signs; all are published
	Who   Person

	PAR, ClaimsParam, NoIss bool // what it offers
	Down                    bool // every endpoint answers 503
	ClaimsInUserInfo        bool // claims are not in the ID token

	// ClientKeys returns the JWK set of a client, to check its private_key_jwt with.
	ClientKeys func(client string) []byte
	// Callback may change the answer sent to the browser.
	Callback func(q url.Values)
	// IDToken may change header and claims of an ID token before it is signed, or return a token of its own.
	IDToken func(header, claims map[string]any) string

	Fetches  int        // of the key set
	Redeemed int        // codes exchanged
	Asked    url.Values // the last authorization request, as the provider understood it
	Launched []string   // launch tickets seen

	server *httptest.Server
	codes  map[string]grant
	pushed map[string]url.Values
}

type grant struct {
	client, redirect, challenge, nonce string
	who                                Person
	access                             string
}

// NewIssuer starts one on a loopback port; it ends with the test.
func NewIssuer(t testing.TB, clock kernel.Clock) *Issuer {
	t.Helper()
	i := &Issuer{
		Clock: clock, PAR: true, ClaimsParam: true, codes: map[string]grant{}, pushed: map[string]url.Values{},
		Keys: []Key{NewKey(t, "k1", jose.ES256)},
		Who: Person{Subject: "anna", SID: "sid-1", ACR: Substantial, Claims: map[string]any{
			"name": "Anna Whitfield", "given_name": "Anna", "family_name": "Whitfield", "birthdate": "1990-04-01", "locale": "en-GB",
		}},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /jwks", i.jwks)
	mux.HandleFunc("POST /par", i.par)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	mux.HandleFunc("GET /userinfo", i.userinfo)
	mux.HandleFunc("GET /end", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "signed out") })
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.Lock()
		defer i.Unlock()
		if i.Down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	i.URL = i.server.URL
	t.Cleanup(i.server.Close)
	return i
}

func (i *Issuer) discovery(w http.ResponseWriter, r *http.Request) {
	m := map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token",
		"jwks_uri": i.URL + "/jwks", "userinfo_endpoint": i.URL + "/userinfo", "end_session_endpoint": i.URL + "/end",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"claims_parameter_supported": i.ClaimsParam, "authorization_response_iss_parameter_supported": !i.NoIss,
	}
	if i.PAR {
		m["pushed_authorization_request_endpoint"] = i.URL + "/par"
	}
	answer(w, http.StatusOK, m)
}

func (i *Issuer) jwks(w http.ResponseWriter, r *http.Request) {
	i.Fetches++
	set := jose.JSONWebKeySet{}
	for _, k := range i.Keys {
		set.Keys = append(set.Keys, k.Public())
	}
	answer(w, http.StatusOK, set)
}

func (i *Issuer) par(w http.ResponseWriter, r *http.Request) {
	client, err := i.client(r)
	if err != nil {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": err.Error()})
		return
	}
	if r.PostForm.Get("client_id") != client {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	uri := "urn:ietf:params:oauth:request_uri:" + random()
	i.pushed[uri] = maps.Clone(r.PostForm)
	answer(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 60})
}

func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if uri := q.Get("request_uri"); uri != "" {
		stored, ok := i.pushed[uri]
		delete(i.pushed, uri)
		if !ok || stored.Get("client_id") != q.Get("client_id") {
			http.Error(w, "unknown request_uri", http.StatusBadRequest)
			return
		}
		q = stored
	}
	i.Asked = q
	if t := q.Get("launch"); t != "" {
		i.Launched = append(i.Launched, t)
	}
	if q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" || q.Get("response_type") != "code" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := random()
	i.codes[code] = grant{q.Get("client_id"), q.Get("redirect_uri"), q.Get("code_challenge"), q.Get("nonce"), i.Who, random()}
	back := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {i.URL}}
	if i.NoIss {
		back.Del("iss")
	}
	if i.Callback != nil {
		i.Callback(back)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusSeeOther)
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	client, err := i.client(r)
	if err != nil {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": err.Error()})
		return
	}
	g, ok := i.codes[r.PostForm.Get("code")]
	delete(i.codes, r.PostForm.Get("code"))
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if !ok || g.client != client || g.redirect != r.PostForm.Get("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	i.Redeemed++
	answer(w, http.StatusOK, map[string]any{"access_token": g.access, "token_type": "Bearer", "expires_in": 300, "id_token": i.idToken(g)})
}

func (i *Issuer) idToken(g grant) string {
	c := i.Base(g.client)
	maps.Copy(c, map[string]any{"sub": g.who.Subject, "nonce": g.nonce, "acr": g.who.ACR, "sid": g.who.SID})
	at := g.who.AuthTime
	if at.IsZero() {
		at = i.Clock.Now()
	}
	c["auth_time"] = at.Unix()
	if !i.ClaimsInUserInfo {
		maps.Copy(c, g.who.Claims)
	}
	h := map[string]any{"typ": "JWT"}
	if i.IDToken != nil {
		if raw := i.IDToken(h, c); raw != "" {
			return raw
		}
	}
	return Sign(i.Keys[0], h, c)
}

func (i *Issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	c := map[string]any{"sub": i.Who.Subject}
	maps.Copy(c, i.Who.Claims)
	answer(w, http.StatusOK, c)
}

// Base is what every token has: iss, aud, iat, exp.
func (i *Issuer) Base(audience string) map[string]any {
	now := i.Clock.Now()
	return map[string]any{"iss": i.URL, "aud": audience, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}
}

// AccessToken is a proper RFC 9068 token for changing and signing.
func (i *Issuer) AccessToken(audience, subject, client, scope string) (header, claims map[string]any) {
	c := i.Base(audience)
	maps.Copy(c, map[string]any{"sub": subject, "client_id": client, "jti": random(), "scope": scope})
	return map[string]any{"typ": "at+jwt"}, c
}

// LogoutToken is a proper logout token for changing and signing.
func (i *Issuer) LogoutToken(client, subject, sid string) (header, claims map[string]any) {
	c := i.Base(client)
	maps.Copy(c, map[string]any{"jti": random(), "sub": subject, "sid": sid,
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}})
	return map[string]any{"typ": "logout+jwt"}, c
}

// client authenticates by private_key_jwt (RFC 7523 §3).
func (i *Issuer) client(r *http.Request) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", err
	}
	if r.PostForm.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		return "", fmt.Errorf("no assertion")
	}
	jws, err := jose.ParseSignedCompact(r.PostForm.Get("client_assertion"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return "", err
	}
	var c struct{ Iss, Sub, Aud, Jti string }
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &c); err != nil {
		return "", err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(i.ClientKeys(c.Iss), &set); err != nil {
		return "", err
	}
	keys := set.Key(jws.Signatures[0].Header.KeyID)
	if len(keys) != 1 || c.Iss != c.Sub || c.Aud != i.URL || c.Jti == "" {
		return "", fmt.Errorf("bad assertion")
	}
	_, err = jws.Verify(keys[0].Key)
	return c.Iss, err
}

// Sign makes a compact JWS with exactly these header members (alg and kid are added unless present).
func Sign(k Key, header, claims map[string]any) string {
	body, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return SignRaw(k, header, body)
}

// SignRaw is Sign for any payload.
func SignRaw(k Key, header map[string]any, body []byte) string {
	h := maps.Clone(header)
	if h == nil {
		h = map[string]any{}
	}
	if _, ok := h["alg"]; !ok {
		h["alg"] = string(k.Alg)
	}
	if _, ok := h["kid"]; !ok {
		h["kid"] = k.ID
	}
	head, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	input := b64(head) + "." + b64(body)
	return input + "." + b64(signature(k, input))
}

func signature(k Key, input string) []byte {
	sum := sha256.Sum256([]byte(input))
	switch key := k.Private.(type) {
	case *rsa.PrivateKey:
		var opts crypto.SignerOpts = crypto.SHA256
		if k.Alg == jose.PS256 {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}
		s, err := key.Sign(rand.Reader, sum[:], opts)
		if err != nil {
			panic(err)
		}
		return s
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		return slices.Concat(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32)))
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(input))
	}
	panic("unknown key")
}

// Unsigned makes a token with alg none.
func Unsigned(header, claims map[string]any) string {
	h := maps.Clone(header)
	h["alg"] = "none"
	head, _ := json.Marshal(h)
	body, _ := json.Marshal(claims)
	return b64(head) + "." + b64(body) + "."
}

// Tampered changes one claim and keeps the signature.
func Tampered(raw, name string, value any) string {
	parts := strings.Split(raw, ".")
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var c map[string]any
	if err := json.Unmarshal(body, &c); err != nil {
		panic(err)
	}
	c[name] = value
	body, _ = json.Marshal(c)
	return parts[0] + "." + b64(body) + "." + parts[2]
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func random() string {
	var b [16]byte
	rand.Read(b[:])
	return b64(b[:])
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that went away is the test's business
}
