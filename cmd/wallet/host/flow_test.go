package host

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func TestACodeReplayIsRefusedAndRevokesTheToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	code := h.browser().signIn("anna").code()
	first := h.tokens(h.token(code))
	bearer := &browser{h: h, headers: map[string]string{"Authorization": "Bearer " + first.Access}}
	if a := bearer.get("/userinfo"); a.status != http.StatusOK || !strings.Contains(a.body, "Anna Whitfield") {
		t.Fatalf("userinfo: %d %s", a.status, a.body)
	}
	if a := h.token(code); oauthCode(a) != "invalid_grant" {
		t.Errorf("replay: %d %s", a.status, a.body)
	}
	if a := bearer.get("/userinfo"); a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("the token still works after the replay: %d", a.status)
	}
}

func TestOneOfSixteenParallelExchangesSucceeds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	code := h.browser().signIn("anna").code()
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if h.token(code).status == http.StatusOK {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Errorf("%d exchanges of one code", won.Load())
	}
}

func TestACodeIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*house) []string{
		"with a wrong verifier":     func(*house) []string { return []string{"code_verifier", strings.Repeat("x", 43)} },
		"without a verifier":        func(*house) []string { return []string{"code_verifier", ""} },
		"with the challenge itself": func(*house) []string { return []string{"code_verifier", challenge()} },
		"for another redirect URI":  func(h *house) []string { return []string{"redirect_uri", h.northwick.redirect("dog-licence")} },
		"without a redirect URI":    func(*house) []string { return []string{"redirect_uri", ""} },
		"by another client": func(h *house) []string {
			return []string{"client_assertion", h.northwick.assertion("northwick.dog-licence", h.url, h.clock.Now(), nil)}
		},
		"after 60 seconds": func(h *house) []string {
			h.clock.advance(time.Minute)
			return []string{"client_assertion", h.northwick.assertion("northwick.residence-certificate", h.url, h.clock.Now(), nil)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			code := h.browser().signIn("anna").code()
			if a := h.token(code, change(h)...); oauthCode(a) != "invalid_grant" {
				t.Errorf("%d %s", a.status, a.body)
			}
			if a := h.token(code); oauthCode(a) != "invalid_grant" {
				t.Errorf("the code survived the attempt: %d", a.status)
			}
		})
	}
}

func TestACodeOfAnEndedSessionIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	code := b.code()
	b.post("/sign-out")
	if a := h.token(code); oauthCode(a) != "invalid_grant" {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAnAuthorizationRequestIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for name, c := range map[string]struct {
		pairs []string
		want  string
	}{
		"PKCE downgrade: no challenge":     {[]string{"code_challenge", ""}, "invalid_request"},
		"PKCE downgrade: plain":            {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"PKCE downgrade: no method":        {[]string{"code_challenge_method", ""}, "invalid_request"},
		"PKCE downgrade: neither":          {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"no state":                         {[]string{"state", ""}, "invalid_request"},
		"no nonce":                         {[]string{"nonce", ""}, "invalid_request"},
		"implicit flow":                    {[]string{"response_type", "id_token token"}, "unsupported_response_type"},
		"fragment answer":                  {[]string{"response_mode", "fragment"}, "invalid_request"},
		"no openid scope":                  {[]string{"scope", "profile"}, "invalid_scope"},
		"request object":                   {[]string{"request", "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"},
		"prompt none and login":            {[]string{"prompt", "none login"}, "invalid_request"},
		"prompt none without a session":    {[]string{"prompt", "none"}, "login_required"},
		"max_age that is no number":        {[]string{"max_age", "-1"}, "invalid_request"},
		"claims that are no JSON":          {[]string{"claims", "{"}, "invalid_request"},
		"essential acr nobody knows":       {[]string{"claims", `{"id_token":{"acr":{"essential":true,"values":["urn:x"]}}}`}, "unmet_authentication_requirements"},
		"somebody else's resource":         {[]string{"resource", "https://eastmere.example/civic"}, "invalid_target"},
		"a resource that is no address":    {[]string{"resource", "civic"}, "invalid_target"},
		"a resource with a fragment":       {[]string{"resource", h.northwick.URL + "/civic#x"}, "invalid_target"},
		"the other municipality's address": {[]string{"resource", h.eastmere.URL + "/civic/v1"}, "invalid_target"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := h.browser().get("/authorize?" + h.request(c.pairs...).Encode())
			if a.location == nil {
				t.Fatalf("no answer to the client: %d %s", a.status, a.body)
			}
			q := a.location.Query()
			if q.Get("error") != c.want || q.Get("code") != "" {
				t.Errorf("client was told %v", q)
			}
			if q.Get("iss") != h.url {
				t.Errorf("iss is %q: a mix-up would go unnoticed", q.Get("iss"))
			}
		})
	}
}

func TestNothingIsSentToAnAddressThatIsNotRegistered(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	good := h.northwick.redirect("residence-certificate")
	for _, uri := range []string{"", "https://evil.example/", good + "/", good + "?x=1", good + "#f", strings.ToUpper(good), good + "/../x", h.northwick.redirect("dog-licence"), "javascript:alert(1)", "//evil.example"} {
		a := h.browser().get("/authorize?" + h.request("redirect_uri", uri).Encode())
		if a.status != http.StatusBadRequest || a.location != nil {
			t.Errorf("%q: %d %v", uri, a.status, a.location)
		}
	}
	twice := h.request().Encode() + "&redirect_uri=https%3A%2F%2Fevil.example%2F"
	if a := h.browser().get("/authorize?" + twice); a.status != http.StatusBadRequest || a.location != nil {
		t.Errorf("a repeated parameter: %d %v", a.status, a.location)
	}
}

func TestEveryAnswerNamesTheIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	got := h.browser().signIn("anna").authorize(h.request())
	if got.Get("iss") != h.url || got.Get("state") != "st" || got.Get("code") == "" {
		t.Errorf("answer %v", got)
	}
}

func TestFollowingALinkSignsNobodyIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	a := b.get("/authorize?" + h.request().Encode())
	if !strings.HasPrefix(a.location.Path, "/interaction/") {
		t.Fatalf("led to %v", a.location)
	}
	if page := b.get(a.location.Path); !strings.Contains(page.body, "Continue as Anna Whitfield") {
		t.Errorf("the person was not asked: %s", page.body)
	}
	if got := b.walk(b.post(a.location.Path, "do", "cancel")); got.Get("error") != "access_denied" {
		t.Errorf("after cancelling: %v", got)
	}
}

func TestAnInteractionBelongsToOneBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	a := h.browser().signIn("anna").get("/authorize?" + h.request().Encode())
	for _, b := range []*browser{h.browser(), h.browser().signIn("maria")} {
		if p := b.get(a.location.Path); p.status != http.StatusBadRequest {
			t.Errorf("another browser sees the page: %d", p.status)
		}
		if p := b.post(a.location.Path, "do", "continue"); p.status != http.StatusBadRequest || p.location != nil {
			t.Errorf("another browser may answer: %d %v", p.status, p.location)
		}
	}
}

func TestASessionPlantedBeforeSignInIsWorthNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser()
	b.get("/authorize?" + h.request().Encode()) // begins an anonymous session
	planted := b.clone()
	b.signIn("anna")
	if a := planted.get("/"); a.status != http.StatusSeeOther || a.location.Path != "/sign-in" {
		t.Errorf("the planted cookie is signed in: %d", a.status)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	b.headers = map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
	for _, path := range []string{"/sign-in", "/launch", "/settings", "/sign-out", "/staff/sign-out", "/interaction/x"} {
		if a := b.post(path, "persona", "maria", "app", "northwick.residence-certificate"); a.status != http.StatusForbidden {
			t.Errorf("%s: %d", path, a.status)
		}
	}
}

func TestPagesCannotBeFramedAndRunNoScript(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	for _, path := range []string{"/", "/sign-in", "/inbox", "/scan", "/settings", "/apps/northwick.residence-certificate", "/end_session", "/nothing", "/jwks.json"} {
		a := b.get(path)
		csp := a.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "script-src") || strings.Contains(csp, "unsafe") || a.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %s", path, csp)
		}
		if strings.Contains(a.body, "<script") || strings.Contains(a.body, " style=") {
			t.Errorf("%s has script or inline style", path)
		}
	}
}

// forged replaces header or signature of a good assertion.
func forged(t *testing.T, header map[string]any, good string, sign func(string) string) string {
	t.Helper()
	b, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString(b) + "." + strings.Split(good, ".")[1]
	return input + "." + sign(input)
}

func TestAClientAssertionIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	client := "northwick.residence-certificate"
	now := h.clock.Now()
	with := func(change func(map[string]any)) string { return h.northwick.assertion(client, h.url, now, change) }
	good := with(nil)
	public, err := json.Marshal(jose.JSONWebKey{Key: h.northwick.key.Public(), KeyID: "northwick"})
	if err != nil {
		t.Fatal(err)
	}
	hs, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: public}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hs256, err := jwt.Signed(hs).Claims(map[string]any{"iss": client, "sub": client, "aud": h.url, "exp": now.Add(time.Minute).Unix(), "jti": "1"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	for name, assertion := range map[string]string{
		"alg none":                      forged(t, map[string]any{"alg": "none"}, good, func(string) string { return "" }),
		"HS256 with the public key":     hs256,
		"signature of another":          h.eastmere.assertion(client, h.url, now, nil),
		"tampered":                      forged(t, map[string]any{"alg": "ES256", "kid": "northwick", "typ": "x"}, good, func(string) string { return strings.Split(good, ".")[2] }),
		"embedded key":                  embedded(t, h, client),
		"truncated":                     good[:len(good)-10],
		"for another audience":          with(func(c map[string]any) { c["aud"] = "https://evil.example" }),
		"without audience":              with(func(c map[string]any) { delete(c, "aud") }),
		"for the staff issuer":          with(func(c map[string]any) { c["aud"] = h.url + "/staff" }),
		"expired":                       with(func(c map[string]any) { c["exp"] = now.Add(-time.Minute).Unix() }),
		"without exp":                   with(func(c map[string]any) { delete(c, "exp") }),
		"valid for a year":              with(func(c map[string]any) { c["exp"] = now.AddDate(1, 0, 0).Unix() }),
		"without jti":                   with(func(c map[string]any) { delete(c, "jti") }),
		"issued by another":             with(func(c map[string]any) { c["iss"] = "northwick.dog-licence" }),
		"about another":                 with(func(c map[string]any) { c["sub"] = "northwick.dog-licence" }),
		"of a client that is not there": h.northwick.assertion("northwick.nothing", h.url, now, nil),
	} {
		a := h.token(newSecret(), "client_assertion", assertion)
		if a.status != http.StatusUnauthorized || oauthCode(a) != "invalid_client" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := h.token(newSecret(), "client_assertion", good); oauthCode(a) != "invalid_grant" {
		t.Errorf("the good one: %d %s", a.status, a.body)
	}
	if a := h.token(newSecret(), "client_assertion", good); oauthCode(a) != "invalid_client" {
		t.Errorf("the good one again: %d %s", a.status, a.body)
	}
	if h.northwick.fetched > 2 {
		t.Errorf("bad assertions caused %d fetches of the keys", h.northwick.fetched)
	}
}

// embedded signs with a key of its own and brings that key along.
func embedded(t *testing.T, h *house, client string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: h.eastmere.key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	out, err := jwt.Signed(signer).Claims(map[string]any{"iss": client, "sub": client, "aud": h.url, "exp": h.clock.Now().Add(time.Minute).Unix(), "jti": "2"}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAClientWithoutProofGetsNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	code := h.browser().signIn("anna").code()
	a := h.browser().post("/token", "grant_type", "authorization_code", "code", code, "client_id", "northwick.residence-certificate",
		"redirect_uri", h.northwick.redirect("residence-certificate"), "code_verifier", verifier)
	if a.status != http.StatusUnauthorized || oauthCode(a) != "invalid_client" {
		t.Errorf("%d %s", a.status, a.body)
	}
	b := h.browser()
	b.headers = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("northwick.residence-certificate:"))}
	if a := b.post("/token", "grant_type", "client_credentials"); a.status != http.StatusUnauthorized {
		t.Errorf("empty secret: %d %s", a.status, a.body)
	}
}

func TestAnIntegratorGetsAnAccessTokenForItsAudienceOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser()
	b.headers = map[string]string{"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("clinic:"+url.QueryEscape("s3cret:+")))}
	head, c := h.claims(h.url, h.tokens(b.post("/token", "grant_type", "client_credentials")).Access)
	if head["typ"] != "at+jwt" || c["aud"] != "https://northwick.example/civic" || c["sub"] != "clinic" || c["client_id"] != "clinic" || c["scope"] != "civic:read" || c["jti"] == nil {
		t.Errorf("%v %v", head, c)
	}
	if a := b.post("/token", "grant_type", "client_credentials", "resource", "https://eastmere.example/"); oauthCode(a) != "invalid_target" {
		t.Errorf("foreign audience: %d %s", a.status, a.body)
	}
	if a := b.post("/token", "grant_type", "client_credentials", "scope", "civic:write"); oauthCode(a) != "invalid_scope" {
		t.Errorf("foreign scope: %d %s", a.status, a.body)
	}
	if a := h.token("", "grant_type", "client_credentials"); oauthCode(a) != "unauthorized_client" {
		t.Errorf("a mini-app: %d %s", a.status, a.body)
	}
}

func TestUserinfoTakesOnlyItsOwnAccessTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	own := h.tokens(h.token(b.code()))
	forAPI := h.tokens(h.token(b.code("resource", h.northwick.URL+"/civic/v1")))
	if _, c := h.claims(h.url, forAPI.Access); c["aud"] != h.northwick.URL+"/civic/v1" {
		t.Errorf("audience %v", c["aud"])
	}
	parts := strings.Split(own.Access, ".")
	for name, token := range map[string]string{"ID token": own.ID, "token for an API": forAPI.Access, "none": "", "tampered": parts[0] + "." + parts[1] + "x." + parts[2]} {
		c := &browser{h: h, headers: map[string]string{"Authorization": "Bearer " + token}}
		if a := c.get("/userinfo"); a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	h.clock.advance(tokenLife)
	c := &browser{h: h, headers: map[string]string{"Authorization": "Bearer " + own.Access}}
	if a := c.get("/userinfo"); a.status != http.StatusUnauthorized {
		t.Errorf("expired: %d", a.status)
	}
}
