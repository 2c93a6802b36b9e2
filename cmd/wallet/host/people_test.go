package host

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const essential = `{"id_token":{"acr":{"essential":true,"values":["` + ACRSubstantial + `","` + ACRHigh + `"]}}}`

func TestALowPersonIsSteppedUpByTheIdentityCard(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("xiaoming")
	before := h.idClaims(h.token(b.code()))
	if before["acr"] != ACRLow || before["name"] != "王小明" {
		t.Errorf("before: %v", before)
	}
	h.clock.advance(time.Minute)
	after := h.idClaims(h.token(b.code("claims", essential, "max_age", "3600")))
	if after["acr"] != ACRSubstantial || after["sub"] != before["sub"] || after["sid"] != before["sid"] {
		t.Errorf("after: %v", after)
	}
	if after["auth_time"].(float64) != float64(h.clock.Now().Unix()) {
		t.Errorf("auth_time was not renewed")
	}
}

func TestThreeWrongPINsEndTheSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("xiaoming")
	a := b.get("/authorize?" + h.request("claims", essential, "launch", b.launch("northwick.residence-certificate")).Encode())
	page := a.location.Path
	for range 2 {
		if a = b.post(page, "do", "confirm", "pin", "000000"); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `aria-invalid="true"`) {
			t.Fatalf("wrong PIN: %d", a.status)
		}
	}
	if a = b.post(page, "do", "confirm", "pin", "000000"); a.location == nil || a.location.Query().Get("error") != "access_denied" {
		t.Errorf("third wrong PIN: %d %v", a.status, a.location)
	}
	if a = b.post(page, "do", "confirm", "pin", "123456"); a.status != http.StatusBadRequest {
		t.Errorf("the page still answers: %d", a.status)
	}
}

func TestParallelGuessesOfThePINAreCounted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("xiaoming")
	a := b.get("/authorize?" + h.request("claims", essential, "launch", b.launch("northwick.residence-certificate")).Encode())
	var looked atomic.Int32
	var wg sync.WaitGroup
	for range 30 {
		tab := b.clone()
		wg.Go(func() {
			if tab.post(a.location.Path, "do", "confirm", "pin", "000000").status == http.StatusUnprocessableEntity {
				looked.Add(1)
			}
		})
	}
	wg.Wait()
	if looked.Load() >= maxTries {
		t.Errorf("%d wrong PINs were looked at and another try offered", looked.Load())
	}
}

func TestNobodyIsIdentifiedSilentlyBeforeTheyAgreed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	if got := b.authorize(h.request("prompt", "none", "scope", "openid")); got.Get("code") != "" || got.Get("error") != "account_selection_required" {
		t.Errorf("answer %v", got)
	}
}

func TestAnEssentialLevelCannotBeSkipped(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("xiaoming")
	a := b.get("/authorize?" + h.request("claims", essential, "launch", b.launch("northwick.residence-certificate")).Encode())
	page := a.location.Path
	for _, did := range []string{"skip", "allow", "continue"} {
		if a = b.post(page, "do", did); a.location == nil || a.location.Path != page {
			t.Errorf("%s leads to %v", did, a.location)
		}
	}
	high := b.get("/authorize?" + h.request("claims", strings.Replace(essential, `"`+ACRSubstantial+`",`, "", 1), "launch", b.launch("northwick.residence-certificate")).Encode())
	if p := b.post(high.location.Path, "do", "confirm", "pin", "123456"); p.status != http.StatusUnprocessableEntity {
		t.Errorf("a card that cannot reach the level: %d", p.status)
	}
}

func TestAnOldSignInIsConfirmedAgainWhenMaxAgeSaysSo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	b.code()
	h.clock.advance(11 * time.Minute)
	if got := b.authorize(h.request("prompt", "none", "max_age", "600")); got.Get("error") != "login_required" {
		t.Errorf("prompt=none: %v", got)
	}
	if got := b.authorize(h.request("prompt", "none", "max_age", "900")); got.Get("code") == "" {
		t.Errorf("young enough: %v", got)
	}
	if c := h.idClaims(h.token(b.code("max_age", "0"))); c["auth_time"].(float64) != float64(h.clock.Now().Unix()) {
		t.Errorf("auth_time %v", c["auth_time"])
	}
}

func TestOnlyDeclaredClaimsAreSharedAndOnlyThoseAgreedTo(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	a := b.get("/authorize?" + h.request("launch", b.launch("northwick.residence-certificate"), "ui_locales", "ru", "scope", "openid profile email address phone").Encode())
	page := b.get(a.location.Path)
	if !strings.Contains(page.body, "Чтобы составить справку") || !strings.Contains(page.body, "Anna Whitfield") || strings.Contains(page.body, "14 Mill Lane") {
		t.Errorf("consent page: %s", page.body)
	}
	c := h.idClaims(h.token(b.walk(b.post(a.location.Path, "do", "allow")).Get("code")))
	address, _ := c["address"].(map[string]any)
	if c["name"] != "Anna Whitfield" || address["locality"] != "Northwick" || len(address) != 1 {
		t.Errorf("shared %v", c)
	}
	for _, name := range []string{"email", "email_verified", "birthdate", "phone_number", "given_name", "groups"} {
		if c[name] != nil {
			t.Errorf("%s was shared: %v", name, c[name])
		}
	}
	if c = h.idClaims(h.token(b.code("scope", "openid"))); c["name"] != nil {
		t.Errorf("not asked for, but shared: %v", c["name"])
	}
}

func TestConsentIsRememberedForTheSamePurposesOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	b.code()
	if got := b.authorize(h.request("prompt", "none")); got.Get("code") == "" {
		t.Errorf("asked again: %v", got)
	}
	if got := b.authorize(h.request("prompt", "none", "scope", "openid email")); got.Get("error") != "consent_required" {
		t.Errorf("other claims: %v", got)
	}
	h.northwick.mu.Lock()
	h.northwick.edit = func(app map[string]any) {
		service := app["townhall"].(map[string]any)["services"].([]any)[0].(map[string]any)
		service["claims"].([]any)[0].(map[string]any)["purpose"] = map[string]string{"en": "To send advertisements"}
	}
	h.northwick.mu.Unlock()
	h.clock.advance(freshFor)
	if got := b.authorize(h.request("prompt", "none")); got.Get("error") != "consent_required" {
		t.Errorf("another purpose: %v", got)
	}
}

func TestAPersonIsOneToAMunicipalityAndAnotherToTheNext(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	sign := func(m *municipality, app string) map[string]any {
		code := b.code("client_id", m.client(app), "redirect_uri", m.redirect(app))
		return h.idClaims(h.token(code, "redirect_uri", m.redirect(app), "client_assertion", m.assertion(m.client(app), h.url, h.clock.Now(), nil)))
	}
	one, two, three := sign(h.northwick, "residence-certificate"), sign(h.northwick, "dog-licence"), sign(h.eastmere, "dog-licence")
	if one["sub"] != two["sub"] {
		t.Error("two mini-apps of one municipality see two people")
	}
	if two["sub"] == three["sub"] || one["sid"] == three["sid"] {
		t.Error("two municipalities can compare what they know")
	}
	if _, err := json.Marshal(one); err != nil || strings.Contains(one["sub"].(string), "anna") {
		t.Error("the subject tells who it is")
	}
}

func TestSigningOutTellsEveryMiniApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	id := h.tokens(h.token(b.code()))
	_, c := h.claims(h.url, id.ID)
	back := h.northwick.URL + "/"
	a := b.get("/end_session?" + values("id_token_hint", id.ID, "post_logout_redirect_uri", back, "state", "s1").Encode())
	if a.status != http.StatusOK || !strings.Contains(a.body, "Sign out everywhere") {
		t.Fatalf("not asked: %d %s", a.status, a.body)
	}
	a = b.post("/sign-out", "client_id", "northwick.residence-certificate", "post_logout_redirect_uri", back, "state", "s1")
	if a.location == nil || a.location.String() != back+"?state=s1" {
		t.Errorf("led to %v", a.location)
	}
	if len(h.northwick.logouts) != 1 {
		t.Fatalf("%d logout tokens", len(h.northwick.logouts))
	}
	head, l := h.claims(h.url, h.northwick.logouts[0])
	events, _ := l["events"].(map[string]any)
	if head["typ"] != "logout+jwt" || l["sid"] != c["sid"] || l["sub"] != c["sub"] || l["aud"] != "northwick.residence-certificate" || l["nonce"] != nil || l["jti"] == nil ||
		events["http://schemas.openid.net/event/backchannel-logout"] == nil {
		t.Errorf("logout token %v %v", head, l)
	}
	if a := b.get("/"); a.location == nil || a.location.Path != "/sign-in" {
		t.Errorf("still signed in: %d", a.status)
	}
}

func TestSigningOutLeadsToRegisteredAddressesOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	for _, pairs := range [][]string{
		{"client_id", "northwick.residence-certificate", "post_logout_redirect_uri", "https://evil.example/"},
		{"post_logout_redirect_uri", h.northwick.URL + "/"},
		{"client_id", "nobody"},
		{"id_token_hint", "x.y.z"},
	} {
		if a := b.get("/end_session?" + values(pairs...).Encode()); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", pairs, a.status)
		}
		if a := b.post("/sign-out", pairs...); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", pairs, a.status)
		}
	}
}

func TestStaffSignInAtTheirOwnIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	v := h.request("client_id", "northwick.staff", "redirect_uri", h.northwick.URL+"/staff/callback", "scope", "openid profile")
	a := b.get("/staff/authorize?" + v.Encode())
	if p := b.get(a.location.Path); !strings.Contains(p.body, "Oliver Grant") || strings.Contains(p.body, "Anna Whitfield") {
		t.Fatalf("a citizen's session counts at the staff issuer: %s", p.body)
	}
	if p := b.post(a.location.Path, "do", "persona", "persona", "anna"); p.status != http.StatusBadRequest {
		t.Errorf("a citizen signs in as staff: %d", p.status)
	}
	got := b.walk(b.post(a.location.Path, "do", "persona", "persona", "oliver"))
	if got.Get("iss") != h.url+"/staff" {
		t.Errorf("iss %v", got)
	}
	exchange := func(endpoint, audience string) answer {
		return h.browser().post(endpoint, "grant_type", "authorization_code", "code", got.Get("code"), "redirect_uri", h.northwick.URL+"/staff/callback", "code_verifier", verifier,
			"client_assertion_type", assertionType, "client_assertion", h.northwick.assertion("northwick.staff", audience, h.clock.Now(), nil))
	}
	if a := exchange("/token", h.url); a.status != http.StatusUnauthorized {
		t.Errorf("the citizens' token endpoint knows the staff client: %d", a.status)
	}
	tokens := h.tokens(exchange("/staff/token", h.url+"/staff"))
	head, c := h.claims(h.url+"/staff", tokens.ID)
	groups, _ := c["groups"].([]any)
	if head["typ"] != "JWT" || c["iss"] != h.url+"/staff" || c["name"] != "Oliver Grant" || len(groups) != 1 || groups[0] != "northwick-registrars" || c["launch"] != nil {
		t.Errorf("%v %v", head, c)
	}
	if head, c = h.claims(h.url+"/staff", tokens.Access); head["typ"] != "at+jwt" || c["groups"] == nil {
		t.Errorf("%v %v", head, c)
	}
}

func TestTheTwoIssuersShareNoKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, k := range h.w.citizens.keys.Keys {
		for _, s := range h.w.staff.keys.Keys {
			if k.KeyID == s.KeyID {
				t.Errorf("key %s belongs to both", k.KeyID)
			}
		}
	}
	if strings.Contains(h.browser().get("/jwks.json").body, `"d":`) {
		t.Error("private key published")
	}
}

func TestAClientMayChooseRS256(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.northwick.edit = func(app map[string]any) {
		app["townhall"].(map[string]any)["id_token_signed_response_alg"] = "RS256"
	}
	head, _ := h.claims(h.url, h.tokens(h.token(h.browser().signIn("anna").code())).ID)
	if head["alg"] != "RS256" {
		t.Errorf("signed with %v", head["alg"])
	}
}
