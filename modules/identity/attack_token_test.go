package identity_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
)

type object = map[string]any

// TestAttackIDToken: every token a hostile or broken issuer could send, and the one it should.
func TestAttackIDToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.level, h.maxAge = kernel.Substantial, 5*time.Minute
	now := h.clock.Now()
	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	set := func(name string, v any) func(h, c object) string {
		return func(_, c object) string { c[name] = v; return "" }
	}
	without := func(names ...string) func(h, c object) string {
		return func(_, c object) string {
			for _, n := range names {
				delete(c, n)
			}
			return ""
		}
	}
	header := func(name string, v any) func(h, c object) string {
		return func(h, _ object) string { h[name] = v; return "" }
	}
	k := h.citizens.Keys[0]
	stranger := identitytest.NewKey(t, k.ID, jose.ES256)
	embedded, _ := json.Marshal(stranger.Public())
	weak := "sign-in-level"
	for name, c := range map[string]struct {
		change func(h, c object) string
		slug   string
	}{
		"wrong aud":              {set("aud", "northwick.other"), ""},
		"aud of another town":    {set("aud", "eastmere."+service), ""},
		"no aud":                 {without("aud"), ""},
		"aud is a number":        {set("aud", 7), ""},
		"a further aud":          {set("aud", []string{client, "evil"}), ""},
		"a further aud with azp": {func(_, c object) string { c["aud"], c["azp"] = []string{client, "evil"}, client; return "" }, ""},
		"wrong iss":              {set("iss", "https://evil.example"), ""},
		"no iss":                 {without("iss"), ""},
		"staff's iss":            {set("iss", h.staff.URL), ""},
		"wrong nonce":            {set("nonce", strings.Repeat("x", 43)), ""},
		"empty nonce":            {set("nonce", ""), ""},
		"no nonce":               {without("nonce"), ""},
		"none of them":           {without("aud", "iss", "nonce"), ""},
		"expired":                {set("exp", at(-time.Second)), ""},
		"no exp":                 {without("exp"), ""},
		"exp is text":            {set("exp", "tomorrow"), ""},
		"no sub":                 {without("sub"), ""},
		"empty sub":              {set("sub", ""), ""},
		"sub is a number":        {set("sub", 7), ""},
		"sub is too long":        {set("sub", strings.Repeat("x", 256)), ""},
		"sub in capitals only":   {func(_, c object) string { c["SUB"] = c["sub"]; delete(c, "sub"); return "" }, ""},
		"no iat":                 {without("iat"), ""},
		"old iat":                {set("iat", at(-10*time.Minute)), ""},
		"iat in the future":      {set("iat", at(10*time.Minute)), ""},
		"iat in the far future":  {set("iat", 1e18), ""},
		"nbf in the future":      {set("nbf", at(10*time.Minute)), ""},
		"azp of another client":  {set("azp", "northwick.other"), ""},
		"azp is a list":          {set("azp", []string{client}), ""},
		"no acr":                 {without("acr"), weak},
		"unknown acr":            {set("acr", "urn:test:extreme"), weak},
		"acr in other case":      {set("acr", strings.ToUpper(identitytest.High)), weak},
		"acr too low":            {set("acr", identitytest.Low), weak},
		"acr is a list":          {set("acr", []string{identitytest.High}), weak},
		"no auth_time":           {without("auth_time"), weak},
		"old auth_time":          {set("auth_time", at(-7*time.Minute)), weak},
		"auth_time ahead":        {set("auth_time", at(7*time.Minute)), ""},
		"auth_time is text":      {set("auth_time", "now"), ""},
		"at_hash of another":     {set("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), ""},
		"an access token":        {header("typ", "at+jwt"), ""},
		"a logout token's typ":   {header("typ", "logout+jwt"), ""},
		"a logout token":         {set("events", object{"http://schemas.openid.net/event/backchannel-logout": object{}}), ""},
		"typ is a number":        {header("typ", 7), ""},
		"embedded jwk": {func(h, c object) string {
			h["jwk"] = json.RawMessage(embedded)
			return identitytest.Sign(stranger, h, c)
		}, ""},
		"jku":                    {header("jku", h.citizens.URL+"/jwks"), ""},
		"x5u":                    {header("x5u", h.citizens.URL), ""},
		"crit":                   {func(h, _ object) string { h["crit"], h["b64"] = []string{"b64"}, true; return "" }, ""},
		"another key, known kid": {func(h, c object) string { return identitytest.Sign(stranger, h, c) }, ""},
		"unknown kid":            {header("kid", "k9"), ""},
		"alg none":               {func(h, c object) string { return identitytest.Unsigned(h, c) }, ""},
		"tampered":               {func(h, c object) string { return identitytest.Tampered(identitytest.Sign(k, h, c), "sub", "mallory") }, ""},
		"truncated":              {func(h, c object) string { s := identitytest.Sign(k, h, c); return s[:len(s)-4] }, ""},
		"JSON serialisation": {func(h, c object) string {
			p := strings.Split(identitytest.Sign(k, h, c), ".")
			return `{"protected":"` + p[0] + `","payload":"` + p[1] + `","signature":"` + p[2] + `"}`
		}, ""},
		"white space": {func(h, c object) string { return " " + identitytest.Sign(k, h, c) }, ""},
		"100 kB":      {set("padding", strings.Repeat("x", 100_000)), ""},
		"no token":    {func(_, _ object) string { return "." }, ""},
		"an array":    {func(h, _ object) string { return identitytest.SignRaw(k, h, []byte(`[1]`)) }, ""},
	} {
		if c.slug == "" {
			c.slug = "sign-in-refused"
		}
		t.Run(name, func(t *testing.T) {
			h.citizens.IDToken = c.change
			b := h.browser()
			a := b.signIn(b.launchPath("/whoami"))
			if a.StatusCode != http.StatusForbidden || a.slug() != c.slug || b.cookies["__Host-sid"] != "" {
				t.Errorf("answer is %d %q, want %q", a.StatusCode, a.slug(), c.slug)
			}
		})
	}
	for name, change := range map[string]func(h, c object) string{
		"as it should be": nil, "without typ": func(h, _ object) string { delete(h, "typ"); return "" },
		"aud as a list, azp ours": func(_, c object) string { c["aud"], c["azp"] = []string{client}, client; return "" },
	} {
		h.citizens.IDToken = change
		b := h.browser()
		if a := b.signIn(b.launchPath("/whoami")); a.StatusCode != http.StatusSeeOther {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.slug())
		}
	}
}

func TestEverySigningAlgorithmOfTheContractIsAccepted(t *testing.T) {
	t.Parallel()
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		h := newHouse(t)
		h.citizens.Keys = []identitytest.Key{identitytest.NewKey(t, "k", alg)}
		b := h.browser()
		want(t, b.signIn(b.launchPath("/whoami")), http.StatusSeeOther, "")
		header, claims := h.citizens.AccessToken(civic, "anna", client, "")
		if a := h.call("/who", identitytest.Sign(h.citizens.Keys[0], header, claims)); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", alg, a.StatusCode, a.Text)
		}
	}
}

// call sends an API request with a token.
func (h *house) call(path, token string) answer {
	h.t.Helper()
	r := httptest.NewRequest("GET", civic+path, nil)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return h.serveOnce(r)
}

func (h *house) serveOnce(r *http.Request) answer {
	h.settle()
	defer h.settle()
	rec := httptest.NewRecorder()
	h.handler.ServeHTTP(rec, r)
	return answer{rec.Result(), rec.Body.String()}
}

func TestAttackAccessToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	now := h.clock.Now()
	k := h.citizens.Keys[0]
	rsaKey := identitytest.NewKey(t, "rsa", jose.RS256)
	h.citizens.Keys = append(h.citizens.Keys, rsaKey)
	stranger := identitytest.NewKey(t, k.ID, jose.ES256)
	embedded, _ := json.Marshal(stranger.Public())
	public, _ := json.Marshal(rsaKey.Public())
	token := func(change func(h, c object)) string {
		header, claims := h.citizens.AccessToken(civic, "anna", client, "civic.read")
		change(header, claims)
		return identitytest.Sign(k, header, claims)
	}
	set := func(name string, v any) string { return token(func(_, c object) { c[name] = v }) }
	without := func(name string) string { return token(func(_, c object) { delete(c, name) }) }
	header := func(name string, v any) string { return token(func(h, _ object) { h[name] = v }) }
	good := token(func(object, object) {})
	gh, gc := h.citizens.AccessToken(civic, "anna", client, "civic.read")
	idHeader, idClaims := object{"typ": "JWT"}, h.citizens.Base(civic)
	maps.Copy(idClaims, object{"sub": "anna", "nonce": "n", "client_id": client, "jti": "1"})
	logoutHeader, logoutClaims := h.citizens.LogoutToken(civic, "anna", "sid-1")
	logoutClaims["client_id"] = client

	for name, raw := range map[string]string{
		"alg none":                   identitytest.Unsigned(gh, gc),
		"alg none with a signature":  identitytest.Unsigned(gh, gc) + "AA",
		"alg NONE":                   header("alg", "NONE"),
		"HS256 with the public key":  hmacToken(gh, gc, rsaKey.ID, public),
		"RS256 header on an EC key":  header("alg", "RS256"),
		"ES256 key asked as PS256":   header("alg", "PS256"),
		"an ID token":                identitytest.Sign(k, idHeader, idClaims),
		"an ID token called at+jwt":  identitytest.Sign(k, object{"typ": "at+jwt"}, idClaims),
		"a logout token":             identitytest.Sign(k, logoutHeader, logoutClaims),
		"a logout token as at+jwt":   identitytest.Sign(k, object{"typ": "at+jwt"}, logoutClaims),
		"no typ":                     token(func(h, _ object) { delete(h, "typ") }),
		"typ JWT":                    header("typ", "JWT"),
		"wrong aud":                  set("aud", "https://evil.example"),
		"aud of another contract":    set("aud", origin+"/medical/v1"),
		"aud of another town":        set("aud", "http://eastmere.localhost:8080/civic/v1"),
		"aud is only the origin":     set("aud", origin),
		"aud with a slash":           set("aud", civic+"/"),
		"aud is the client":          set("aud", client),
		"no aud":                     without("aud"),
		"aud is an object":           set("aud", object{"a": civic}),
		"aud list with a number":     set("aud", []any{civic, 7}),
		"wrong iss":                  set("iss", "https://evil.example"),
		"staff's iss":                set("iss", h.staff.URL),
		"no iss":                     without("iss"),
		"no sub":                     without("sub"),
		"empty sub":                  set("sub", ""),
		"sub with a line end":        set("sub", "a\nb"),
		"no jti":                     without("jti"),
		"no client_id":               without("client_id"),
		"no iat":                     without("iat"),
		"iat in the future":          set("iat", now.Add(time.Hour).Unix()),
		"no exp":                     without("exp"),
		"expired":                    set("exp", now.Unix()),
		"exp is text":                set("exp", "never"),
		"exp is null":                set("exp", nil),
		"not yet":                    set("nbf", now.Add(time.Hour).Unix()),
		"auth_time in the future":    set("auth_time", now.Add(time.Hour).Unix()),
		"other key with a known kid": identitytest.Sign(stranger, gh, gc),
		"other key, unknown kid":     identitytest.Sign(identitytest.NewKey(t, "k7", jose.ES256), gh, gc),
		"other key, no kid":          identitytest.Sign(stranger, with(gh, "kid", ""), gc),
		"embedded jwk":               identitytest.Sign(stranger, with(gh, "jwk", json.RawMessage(embedded)), gc),
		"embedded jwk, own key":      header("jwk", json.RawMessage(embedded)),
		"jku":                        header("jku", h.citizens.URL+"/jwks"),
		"x5c":                        header("x5c", []string{"AA"}),
		"crit":                       token(func(h, _ object) { h["crit"], h["exp"] = []string{"exp"}, 1 }),
		"b64 false":                  header("b64", false),
		"tampered sub":               identitytest.Tampered(good, "sub", "mallory"),
		"tampered scope":             identitytest.Tampered(good, "scope", "admin"),
		"truncated":                  good[:len(good)-5],
		"no signature":               good[:strings.LastIndex(good, ".")+1],
		"two parts":                  good[:strings.LastIndex(good, ".")],
		"four parts":                 good + ".AA",
		"signature malleated":        good + "=",
		"inner space":                strings.Replace(good, ".", " .", 1),
		"100 kB":                     set("padding", strings.Repeat("x", 100_000)),
		"no JSON":                    identitytest.SignRaw(k, gh, []byte("hello")),
		"an array":                   identitytest.SignRaw(k, gh, []byte("[]")),
		"null":                       identitytest.SignRaw(k, gh, []byte("null")),
		"garbage":                    "x.y.z",
		"one dot":                    ".",
		"dots":                       "..",
	} {
		t.Run(name, func(t *testing.T) {
			a := h.call("/who", raw)
			if a.StatusCode != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` ||
				!strings.Contains(a.Text, `"code":"invalid-token"`) || a.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %q %s", a.StatusCode, a.Header.Get("WWW-Authenticate"), a.Text)
			}
		})
	}
	if a := h.call("/who", good); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, `"kind":"citizen"`) || !strings.Contains(a.Text, `"civic.read"`) {
		t.Errorf("the proper token: %d %s", a.StatusCode, a.Text)
	}
}

func with(h object, name string, v any) object {
	c := maps.Clone(h)
	c[name] = v
	return c
}

// hmacToken is the classic confusion: the public key's bytes used as a shared secret.
func hmacToken(h, c object, kid string, secret []byte) string {
	body, _ := json.Marshal(c)
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: secret, KeyID: kid}}, (&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		panic(err)
	}
	jws, err := s.Sign(body)
	if err != nil {
		panic(err)
	}
	raw, err := jws.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return raw
}

func TestAttackTokenInOtherPlaces(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	header, claims := h.citizens.AccessToken(civic, "anna", client, "")
	good := identitytest.Sign(h.citizens.Keys[0], header, claims)
	plain := httptest.NewRequest("GET", civic+"/who", nil)
	if a := h.serveOnce(plain); a.StatusCode != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("no token: %d %q", a.StatusCode, a.Header.Get("WWW-Authenticate"))
	}
	query := httptest.NewRequest("GET", civic+"/who?access_token="+good, nil)
	if a := h.serveOnce(query); a.StatusCode == http.StatusOK {
		t.Error("a token in the address counts")
	}
	for _, v := range [][]string{{"Basic " + good}, {good}, {"Bearer"}, {"Bearer "}, {"Bearer " + good, "Bearer " + good}, {"Bearer  " + good}} {
		r := httptest.NewRequest("GET", civic+"/who", nil)
		r.Header["Authorization"] = v
		if a := h.serveOnce(r); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("Authorization %q…: %d", v[0][:min(8, len(v[0]))], a.StatusCode)
		}
	}
	session := h.browser()
	session.signIn("/sign-in")
	if a := session.get("/civic/v1/who"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a cookie counts as a token: %d", a.StatusCode)
	}
}

func TestTokensOfPeopleStaffAndPrograms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	sign := func(i *identitytest.Issuer, sub, client, scope string, more object) string {
		header, claims := i.AccessToken(civic, sub, client, scope)
		maps.Copy(claims, more)
		return identitytest.Sign(i.Keys[0], header, claims)
	}
	for name, c := range map[string]struct {
		token  string
		status int
		parts  []string
	}{
		"the citizen of the session": {sign(h.citizens, "anna", client, "civic.read civic.write", object{"acr": identitytest.High}), 200,
			[]string{`"kind":"citizen"`, `"person":"` + string(b.who("/whoami").Person) + `"`, `"name":"Anna Whitfield"`, `"level":"high"`, `"scopes":["civic.read","civic.write"]`}},
		"a new citizen":                 {sign(h.citizens, "new", client, "", nil), 200, []string{`"kind":"citizen"`, `"level":"none"`}},
		"a citizen who claims groups":   {sign(h.citizens, "anna", client, "", object{"groups": []string{"northwick-registrars"}}), 200, []string{`"kind":"citizen"`, `"roles":[]`}},
		"a registrar":                   {sign(h.staff, "oliver", "northwick.staff", "", object{"groups": []string{"northwick-registrars"}}), 200, []string{`"kind":"staff"`, `"roles":["civil-registry/registrar"]`}},
		"a registrar of elsewhere":      {sign(h.staff, "tomasz", "eastmere.staff", "", object{"groups": []string{"eastmere-registrars"}}), 200, []string{`"roles":[]`}},
		"an integrator":                 {sign(h.citizens, "records-office", "records-office", "civic.read civic.write", nil), 200, []string{`"kind":"integrator"`, `"scopes":["civic.read"]`, `"person":""`}},
		"a host":                        {sign(h.citizens, "wallet-backend", "wallet-backend", "wallet.catalogue", nil), 200, []string{`"kind":"host"`}},
		"a program nobody registered":   {sign(h.citizens, "stranger", "stranger", "civic.read", nil), 403, []string{`"code":"client-not-allowed"`}},
		"a program of the wrong issuer": {sign(h.staff, "records-office", "records-office", "civic.read", nil), 403, []string{`"code":"client-not-allowed"`}},
	} {
		a := h.call("/who", c.token)
		if a.StatusCode != c.status {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		for _, p := range c.parts {
			if !strings.Contains(a.Text, p) {
				t.Errorf("%s: %s lacks %s", name, a.Text, p)
			}
		}
	}
	header, claims := h.citizens.AccessToken("http://eastmere.localhost:8080/civic/v1", "records-office", "records-office", "civic.read")
	r := httptest.NewRequest("GET", "http://eastmere.localhost:8080/civic/v1/who", nil)
	r.Header.Set("Authorization", "Bearer "+identitytest.Sign(h.citizens.Keys[0], header, claims))
	if a := h.serveOnce(r); a.StatusCode != http.StatusForbidden {
		t.Errorf("Northwick's integrator at Eastmere: %d %s", a.StatusCode, a.Text)
	}
}

func TestAWeakTokenIsToldWhichLevelIsNeeded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	header, claims := h.citizens.AccessToken(civic, "anna", client, "")
	claims["acr"] = identitytest.Substantial
	a := h.call("/strong", identitytest.Sign(h.citizens.Keys[0], header, claims))
	if v := a.Header.Get("WWW-Authenticate"); a.StatusCode != http.StatusUnauthorized || v != `Bearer error="insufficient_user_authentication", acr_values="high"` {
		t.Errorf("%d %q", a.StatusCode, v)
	}
}

// TestRefusalsAreProblemsWithTheRightChallenge: RFC 9457 bodies, and WWW-Authenticate as RFC 6750 §3 and RFC 9470 §3 want it.
func TestRefusalsAreProblemsWithTheRightChallenge(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sign := func(sub, client, scope, acr string) string {
		header, claims := h.citizens.AccessToken(civic, sub, client, scope)
		claims["acr"] = acr
		return identitytest.Sign(h.citizens.Keys[0], header, claims)
	}
	citizen := sign("anna", client, "", identitytest.Low)
	away := httptest.NewServer(nil)
	away.Close()
	h.onboard("northwick", ferries(away.URL))
	header, claims := h.staff.AccessToken(civic, "pat", "northwick.staff", "")
	claims["iss"] = away.URL
	for name, c := range map[string]struct {
		path, token   string
		status        int
		code, want    string
		retryAfterToo bool
	}{
		"no token":               {path: "/who", status: 401, code: "sign-in-required", want: "Bearer"},
		"a bad token":            {path: "/who", token: "x.y.z", status: 401, code: "invalid-token", want: `Bearer error="invalid_token"`},
		"too weak a sign-in":     {path: "/strong", token: citizen, status: 401, code: "step-up-required", want: `Bearer error="insufficient_user_authentication", acr_values="high"`},
		"a scope is missing":     {path: "/scoped", token: sign("records-office", "records-office", "civic.read civic.write", ""), status: 403, code: "not-allowed", want: `Bearer error="insufficient_scope", scope="civic.write"`},
		"not for this kind":      {path: "/theirs", token: citizen, status: 403, code: "not-allowed"},
		"an unknown program":     {path: "/who", token: sign("stranger", "stranger", "", ""), status: 403, code: "client-not-allowed"},
		"keys that are away":     {path: "/who", token: identitytest.Sign(h.staff.Keys[0], header, claims), status: 503, code: "sign-in-unavailable", retryAfterToo: true},
		"an address that is not": {path: "/nothing", token: citizen, status: 404, code: "not-found"},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.call(c.path, c.token)
			var problem struct {
				Type, Title, Code, Detail string
				Status                    int
			}
			err := json.Unmarshal([]byte(a.Text), &problem)
			if err != nil || a.StatusCode != c.status || problem.Status != c.status || problem.Code != c.code || problem.Type != "urn:townhall:problem:"+c.code || problem.Title == "" || problem.Detail == "" ||
				a.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s %s %v", a.StatusCode, a.Header.Get("Content-Type"), a.Text, err)
			}
			if got := a.Header.Get("WWW-Authenticate"); got != c.want {
				t.Errorf("WWW-Authenticate is %q, want %q", got, c.want)
			}
			if got := a.Header.Get("Retry-After"); (got != "") != c.retryAfterToo {
				t.Errorf("Retry-After is %q", got)
			}
		})
	}
}

func TestAVerifiedTokenIsRememberedForAMinuteAndNeverPastItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	header, claims := h.citizens.AccessToken(civic, "anna", client, "")
	claims["exp"] = h.clock.Now().Add(30 * time.Second).Unix()
	short := identitytest.Sign(h.citizens.Keys[0], header, claims)
	h.call("/who", short)
	h.clock.Advance(30 * time.Second)
	if a := h.call("/who", short); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("an expired token lives on in the cache: %d", a.StatusCode)
	}
	header, claims = h.citizens.AccessToken(civic, "anna", client, "")
	r := httptest.NewRequest("GET", origin+"/medical/v1/who", nil)
	r = r.WithContext(kernel.WithTenant(t.Context(), mustTenant(t, "northwick")))
	r.Header.Set("Authorization", "Bearer "+identitytest.Sign(h.citizens.Keys[0], header, claims))
	if _, err := h.identity.Bearer(r, civic); err != nil {
		t.Fatal(err)
	}
	if _, err := h.identity.Bearer(r, origin+"/medical/v1"); kernel.KindOf(err) != kernel.Unauthenticated {
		t.Errorf("remembered for another audience: %v", err)
	}
}

// TestAttackLogoutToken: thirteen malformed tokens of Back-Channel Logout 1.0 §2.6 and more; none ends a session.
func TestAttackLogoutToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn(b.launchPath("/whoami"))
	k, now := h.citizens.Keys[0], h.clock.Now()
	event := "http://schemas.openid.net/event/backchannel-logout"
	token := func(change func(h, c object)) string {
		header, claims := h.citizens.LogoutToken(client, "anna", "sid-1")
		change(header, claims)
		return identitytest.Sign(k, header, claims)
	}
	set := func(name string, v any) string { return token(func(_, c object) { c[name] = v }) }
	without := func(names ...string) string {
		return token(func(_, c object) {
			for _, n := range names {
				delete(c, n)
			}
		})
	}
	gh, gc := h.citizens.LogoutToken(client, "anna", "sid-1")
	for name, raw := range map[string]string{
		"nonce":                 set("nonce", "n"),
		"no events":             without("events"),
		"events is a list":      set("events", []string{event}),
		"another event":         set("events", object{"https://other": object{}}),
		"event is text":         set("events", object{event: "yes"}),
		"neither sub nor sid":   without("sub", "sid"),
		"empty sub":             set("sub", ""),
		"sid is a number":       set("sid", 7),
		"no jti":                without("jti"),
		"no iat":                without("iat"),
		"old iat":               set("iat", now.Add(-time.Hour).Unix()),
		"iat in the future":     set("iat", now.Add(time.Hour).Unix()),
		"no exp":                without("exp"),
		"expired":               set("exp", now.Add(-time.Second).Unix()),
		"wrong aud":             set("aud", "northwick.other"),
		"a further aud":         set("aud", []string{client, "evil"}),
		"no aud":                without("aud"),
		"wrong iss":             set("iss", "https://evil.example"),
		"staff's iss":           set("iss", h.staff.URL),
		"no iss":                without("iss"),
		"typ JWT":               token(func(h, _ object) { h["typ"] = "JWT" }),
		"no typ":                token(func(h, _ object) { delete(h, "typ") }),
		"an access token's typ": token(func(h, _ object) { h["typ"] = "at+jwt" }),
		"alg none":              identitytest.Unsigned(gh, gc),
		"another key":           identitytest.Sign(identitytest.NewKey(t, k.ID, jose.ES256), gh, gc),
		"tampered":              identitytest.Tampered(identitytest.Sign(k, gh, gc), "sub", "mallory"),
		"too large":             set("padding", strings.Repeat("x", 20_000)),
		"garbage":               "x",
		"nothing":               "",
	} {
		t.Run(name, func(t *testing.T) {
			a := h.browser().send("POST", "/apps/"+service+"/backchannel-logout", url.Values{"logout_token": {raw}})
			if a.StatusCode != http.StatusBadRequest || a.Text != `{"error":"invalid_request"}` || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %s", a.StatusCode, a.Text)
			}
			if b.who("/whoami").Kind != kernel.Citizen {
				t.Fatal("it ended the session")
			}
		})
	}
	wrongApp := h.browser().send("POST", "/staff/backchannel-logout", url.Values{"logout_token": {token(func(object, object) {})}})
	if wrongApp.StatusCode != http.StatusBadRequest {
		t.Errorf("a citizen's logout at the staff's address: %d", wrongApp.StatusCode)
	}
	if b.who("/whoami").Kind != kernel.Citizen {
		t.Fatal("a malformed logout token ended the session")
	}
}

func TestBackChannelLogoutEndsTheSessionsItNames(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		drop string
		ends [2]bool // the person's session sid-1 and sid-2
	}{
		"by sid": {"sub", [2]bool{true, false}}, "by sub": {"sid", [2]bool{true, true}}, "by both": {"", [2]bool{true, false}},
	} {
		var browsers [2]*browser
		for i, sid := range []string{"sid-1", "sid-2"} {
			h.citizens.Who.SID = sid
			browsers[i] = h.browser()
			browsers[i].signIn("/sign-in")
		}
		header, claims := h.citizens.LogoutToken(client, "anna", "sid-1")
		delete(claims, c.drop)
		raw := identitytest.Sign(h.citizens.Keys[0], header, claims)
		issuer := h.browser()
		issuer.headers = http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://issuer.example"}}
		if a := issuer.send("POST", "/apps/"+service+"/backchannel-logout", url.Values{"logout_token": {raw}}); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		}
		if a := issuer.send("POST", "/apps/"+service+"/backchannel-logout", url.Values{"logout_token": {raw}}); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: replayed: %d", name, a.StatusCode)
		}
		for i, b := range browsers {
			if ended := b.who("/whoami").Kind == kernel.Anonymous; ended != c.ends[i] {
				t.Errorf("%s: session %d ended: %v", name, i+1, ended)
			}
		}
	}
}

func TestTakingAnIssuerOffTheListEndsItsSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	without, err := identity.New(identity.Deps{DB: h.db, Directory: nil, Clock: h.clock, Config: identity.Config{ClientKeys: t.TempDir()}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", origin+"/whoami", nil)
	r = r.WithContext(kernel.WithTenant(t.Context(), mustTenant(t, "northwick")))
	r.AddCookie(&http.Cookie{Name: "__Host-sid", Value: b.cookies["__Host-sid"]})
	if p, err := without.Session(r, "citizen"); err != nil || p.Kind != kernel.Anonymous {
		t.Errorf("%v %v", p.Kind, err)
	}
}
