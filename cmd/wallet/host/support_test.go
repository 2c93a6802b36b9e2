package host

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/gowebpki/jcs"

	"townhall/modules/kernel"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// municipality is the other side: it publishes a catalogue and keys, and takes back-channel logouts.
type municipality struct {
	*httptest.Server
	t   testing.TB
	id  string
	key *ecdsa.PrivateKey

	mu      sync.Mutex
	wrapped bool
	edit    func(app map[string]any)
	after   func(app map[string]any) // changes what was published
	keyless bool                     // the agency's keys cannot be read
	logouts []string
	fetched int // of the key set
	events  http.HandlerFunc
	back    http.HandlerFunc // where people come back to after they paid
}

const testSecret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func newMunicipality(t testing.TB, id string) *municipality {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	m := &municipality{t: t, id: id, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/miniapps.json", m.catalogue)
	mux.HandleFunc("GET /.well-known/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		m.fetched++
		m.mu.Unlock()
		writeJSON(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: id, Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /.well-known/agencies/registry/jwks.json", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		away := m.keyless
		m.mu.Unlock()
		if away {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		writeJSON(w, 200, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "registry", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /apps/{app}/backchannel-logout", func(_ http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.logouts = append(m.logouts, r.PostFormValue("logout_token"))
	})
	for pattern, answer := range map[string]func(*http.Request) any{
		"GET /wallet/v1/miniapps":            func(r *http.Request) any { return m.found(r) },
		"POST /wallet/v1/nearby":             func(r *http.Request) any { return m.near(r) },
		"POST /wallet/v1/share-links":        func(r *http.Request) any { return m.shared("residence-certificate") },
		"GET /wallet/v1/share-links/{token}": func(r *http.Request) any { return m.shared("residence-certificate") },
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, answer(r)) })
	}
	mux.HandleFunc("POST /payments/v1/events/wallet", func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		take := m.events
		m.mu.Unlock()
		take(w, r)
	})
	mux.HandleFunc("GET /apps/coach/paid", func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		show := m.back
		m.mu.Unlock()
		show(w, r)
	})
	m.Server = httptest.NewServer(mux)
	t.Cleanup(m.Close)
	return m
}

// found answers a search: both services match "dog", that of dogs best; nothing else matches.
func (m *municipality) found(r *http.Request) any {
	list := []map[string]any{}
	if r.URL.Query().Get("q") == "dog" {
		list = append(list, map[string]any{"app_id": "dog-licence"}, map[string]any{"app_id": "residence-certificate"}, map[string]any{"app_id": "not-in-the-list"})
	}
	return map[string]any{"miniapps": list}
}

// near answers with one office, as far as the municipality's name is long.
func (m *municipality) near(r *http.Request) any {
	var at struct{ Latitude, Longitude float64 }
	if json.NewDecoder(r.Body).Decode(&at) != nil || at.Latitude != 51.5 || r.URL.RawQuery != "lang=en" {
		return map[string]any{"places": []any{}}
	}
	return map[string]any{"places": []any{map[string]any{"name": "Office of " + m.id, "metres": 100 * len(m.id), "apps": []string{"dog-licence", "gone"}, "ref": "office-1"}}}
}

func (m *municipality) shared(app string) any {
	return map[string]any{"uri": m.URL + "/s/0123456789abcdefghij", "app_id": app, "target": "/cases/new?ref=x"}
}

func (m *municipality) client(app string) string   { return m.id + "." + app }
func (m *municipality) redirect(app string) string { return m.URL + "/apps/" + app + "/callback" }

func (m *municipality) catalogue(w http.ResponseWriter, _ *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	purpose := map[string]string{"en": "To write the certificate", "ru": "Чтобы составить справку", "zh": "用于开具证明"}
	var list []any
	for _, app := range []string{"residence-certificate", "dog-licence"} {
		a := map[string]any{
			"app_id": app, "name": "Service " + app, "lang": "en", "pages": []string{"apps/" + app, "cases"},
			"name_localized": map[string]any{"ru": map[string]string{"value": "Услуга " + app}, "zh": map[string]string{"value": "服务 " + app}},
			"townhall": map[string]any{
				"client_id": m.client(app), "redirect_uris": []string{m.redirect(app)}, "jwks_uri": m.URL + "/.well-known/jwks.json",
				"initiate_login_uri": m.URL + "/apps/" + app + "/launch", "backchannel_logout_uri": m.URL + "/apps/" + app + "/backchannel-logout",
				"agency":                map[string]string{"en": "Registry", "ru": "Реестр", "zh": "登记处"},
				"publisher":             map[string]any{"agency": "registry", "kind": "public-body", "jwks_uri": m.URL + "/.well-known/agencies/registry/jwks.json"},
				"sector_identifier_uri": m.URL + "/.well-known/sector.json", "category": "certificates", "municipality": map[string]string{"en": m.id},
				"services": []any{map[string]any{"slug": app, "level": "substantial", "max_age": 3600, "retention_days": 30, "claims": []any{
					map[string]any{"name": "name", "purpose": purpose, "essential": true},
					map[string]any{"name": "address.locality", "purpose": purpose, "essential": true},
					map[string]any{"name": "email", "purpose": map[string]string{"en": "To reach you"}, "essential": false},
				}}},
			},
		}
		if m.edit != nil {
			m.edit(a)
		}
		m.publish(a)
		if m.after != nil {
			m.after(a)
		}
		list = append(list, a)
	}
	if m.wrapped {
		writeJSON(w, 200, map[string]any{"miniapps": list})
		return
	}
	writeJSON(w, 200, list)
}

// publish signs a manifest as its agency does.
func (m *municipality) publish(app map[string]any) {
	raw, err := json.Marshal(app)
	if err != nil {
		m.t.Error(err)
		return
	}
	canonical, err := jcs.Transform(raw)
	if err != nil {
		m.t.Error(err)
		return
	}
	app["townhall"].(map[string]any)["publication"] = m.sign(canonical, "registry", m.key)
}

func (m *municipality) sign(canonical []byte, kid string, key *ecdsa.PrivateKey) map[string]any {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, (&jose.SignerOptions{}).WithType("miniapp-manifest+jws"))
	if err != nil {
		m.t.Error(err)
		return nil
	}
	signed, err := signer.Sign(canonical)
	if err != nil {
		m.t.Error(err)
		return nil
	}
	detached, err := signed.DetachedCompactSerialize()
	if err != nil {
		m.t.Error(err)
	}
	sum := sha256.Sum256(canonical)
	return map[string]any{"hash": "sha256:" + hex.EncodeToString(sum[:]), "signature": detached, "log_index": 0, "log_uri": m.URL + "/wallet/v1/log"}
}

// assertion authenticates one of the municipality's clients; change edits its claims.
func (m *municipality) assertion(client, audience string, now time.Time, change func(map[string]any)) string {
	m.t.Helper()
	claims := map[string]any{"iss": client, "sub": client, "aud": audience, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": newSecret()}
	if change != nil {
		change(claims)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: m.key, KeyID: m.id}}, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		m.t.Fatal(err)
	}
	return out
}

// house is a wallet with two municipalities.
type house struct {
	t         testing.TB
	w         *Wallet
	clock     *clock
	url       string
	northwick *municipality
	eastmere  *municipality
	client    *http.Client
}

func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{t: t, clock: &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}, northwick: newMunicipality(t, "northwick"), eastmere: newMunicipality(t, "eastmere")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://" + l.Addr().String()
	cfg := Config{Issuer: h.url, Catalogues: []string{h.northwick.URL, h.eastmere.URL}, WebhookSecret: testSecret, Clock: h.clock,
		StaffClients: []Client{StaffClient("northwick", h.northwick.URL)},
		Integrators:  []Client{{ID: "clinic", Secret: "s3cret:+", Scopes: []string{"civic:read"}, Resources: []string{"https://northwick.example/civic"}}}}
	cfg.DataDir = dataWithKeys(t)
	if change != nil {
		change(&cfg)
	}
	if h.w, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(h.w.Handler())
	srv.Listener.Close()
	srv.Listener = l
	srv.Start()
	h.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		srv.Close()
		if err := h.w.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

var sharedKeys = sync.OnceValues(func() ([]byte, error) {
	k, err := openKeys("")
	if err != nil {
		return nil, err
	}
	return json.Marshal(k)
})

// dataWithKeys is a data folder whose keys are made once for all tests: RSA keys take a while.
func dataWithKeys(t testing.TB) string {
	t.Helper()
	b, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "keys.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// browser keeps cookies as a browser does on a loopback address, where Secure is fine without TLS.
type browser struct {
	h       *house
	cookies map[string]string
	headers map[string]string
}

func (h *house) browser() *browser { return &browser{h: h, cookies: map[string]string{}} }

// clone is the same browser in another tab with the cookies of now.
func (b *browser) clone() *browser {
	return &browser{h: b.h, cookies: maps.Clone(b.cookies), headers: b.headers}
}

type answer struct {
	status   int
	header   http.Header
	body     string
	location *url.URL
}

func (b *browser) do(method, address string, form url.Values) answer {
	b.h.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = b.h.url + address
	}
	req, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.h.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for k, v := range b.headers {
		req.Header.Set(k, v)
	}
	for k, v := range b.cookies {
		req.AddCookie(&http.Cookie{Name: k, Value: v})
	}
	resp, err := b.h.client.Do(req)
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	a := answer{status: resp.StatusCode, header: resp.Header, body: string(body)}
	if l, err := resp.Location(); err == nil {
		a.location = l
	}
	return a
}

func (b *browser) get(address string) answer { return b.do(http.MethodGet, address, nil) }
func (b *browser) post(address string, pairs ...string) answer {
	return b.do(http.MethodPost, address, values(pairs...))
}

func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

func (b *browser) signIn(persona string) *browser {
	b.h.t.Helper()
	if a := b.post("/sign-in", "persona", persona); a.status != http.StatusSeeOther {
		b.h.t.Fatalf("sign in as %s: %d %s", persona, a.status, a.body)
	}
	return b
}

// launch opens a mini-app and returns the ticket the browser was sent away with.
func (b *browser) launch(client string) string {
	b.h.t.Helper()
	a := b.post("/launch", "app", client, "target", "/apps/residence-certificate?x=1", "channel", "search")
	if a.location == nil {
		b.h.t.Fatalf("launch: %d %s", a.status, a.body)
	}
	return a.location.Query().Get("launch")
}

// verifier is the PKCE secret of every test request.
const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is a complete authorization request of northwick's residence certificate; pairs replace or, when empty, remove.
func (h *house) request(pairs ...string) url.Values {
	v := values("client_id", h.northwick.client("residence-certificate"), "redirect_uri", h.northwick.redirect("residence-certificate"), "response_type", "code",
		"scope", "openid profile email address", "state", "st", "nonce", "no", "code_challenge", challenge(), "code_challenge_method", "S256")
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// walk follows the wallet's own pages, answering each as a willing person does, until the browser is sent back.
func (b *browser) walk(a answer) url.Values {
	b.h.t.Helper()
	for range 10 {
		if a.location == nil {
			b.h.t.Fatalf("stopped at %d: %s", a.status, a.body)
		}
		if !strings.HasPrefix(a.location.String(), b.h.url) {
			return a.location.Query()
		}
		page := b.get(a.location.String())
		if page.location != nil {
			a = page
			continue
		}
		for _, did := range []string{"allow", "confirm", "continue"} {
			if strings.Contains(page.body, `name="do" value="`+did+`"`) {
				a = b.post(a.location.String(), "do", did, "pin", "123456", "optional", "email")
				break
			}
		}
	}
	b.h.t.Fatal("went round in a circle")
	return nil
}

func (b *browser) authorize(v url.Values) url.Values {
	b.h.t.Helper()
	return b.walk(b.get("/authorize?" + v.Encode()))
}

// code signs in with a launch and returns the code.
func (b *browser) code(pairs ...string) string {
	b.h.t.Helper()
	v := b.h.request(pairs...)
	if !v.Has("launch") {
		v.Set("launch", b.launch(v.Get("client_id")))
	}
	got := b.authorize(v)
	if got.Get("code") == "" {
		b.h.t.Fatalf("no code: %v", got)
	}
	return got.Get("code")
}

// token asks the token endpoint as the residence certificate; pairs replace or remove.
func (h *house) token(code string, pairs ...string) answer {
	h.t.Helper()
	v := values("grant_type", "authorization_code", "code", code, "redirect_uri", h.northwick.redirect("residence-certificate"), "code_verifier", verifier,
		"client_assertion_type", assertionType, "client_assertion", h.northwick.assertion(h.northwick.client("residence-certificate"), h.url, h.clock.Now(), nil))
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Del(pairs[i])
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return h.browser().do(http.MethodPost, "/token", v)
}

type tokens struct {
	Access string `json:"access_token"`
	ID     string `json:"id_token"`
}

func (h *house) tokens(a answer) tokens {
	h.t.Helper()
	var out tokens
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &out) != nil {
		h.t.Fatalf("token endpoint: %d %s", a.status, a.body)
	}
	return out
}

// claims verifies a token with the published keys and returns header and claims.
func (h *house) claims(issuer, raw string) (map[string]any, map[string]any) {
	h.t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(h.browser().get(issuer+"/jwks.json").body), &set); err != nil {
		h.t.Fatal(err)
	}
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		h.t.Fatal(err)
	}
	out := map[string]any{}
	if err := token.Claims(set, &out); err != nil {
		h.t.Fatal(err)
	}
	head := map[string]any{"alg": token.Headers[0].Algorithm, "typ": token.Headers[0].ExtraHeaders[jose.HeaderType]}
	return head, out
}

func (h *house) idClaims(a answer) map[string]any {
	h.t.Helper()
	_, c := h.claims(h.url, h.tokens(a).ID)
	return c
}

func oauthCode(a answer) string {
	var e struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(a.body), &e) // no JSON: no code, and the test says so
	return e.Error
}

var _ kernel.Clock = (*clock)(nil)
