package identity_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

func TestAttackForeignIssuer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for name, iss := range map[string]string{
		"unknown": "https://evil.example", "staff's": h.staff.URL, "none": "", "with a slash": h.citizens.URL + "/", "upper case": strings.ToUpper(h.citizens.URL),
	} {
		t.Run(name, func(t *testing.T) {
			a := b.get("/apps/" + service + "/launch?" + url.Values{"iss": {iss}, "target_link_uri": {"/whoami"}}.Encode())
			if want(t, a, http.StatusForbidden, "sign-in-issuer"); len(b.cookies) != 0 {
				t.Errorf("left cookies %v", b.cookies)
			}
		})
	}
	twice := "/apps/" + service + "/launch?iss=" + url.QueryEscape(h.citizens.URL) + "&iss=https%3A%2F%2Fevil.example"
	want(t, b.get(twice), http.StatusBadRequest, "sign-in-target")
	want(t, b.get("/apps/no-such-service/launch?iss="+url.QueryEscape(h.citizens.URL)), http.StatusNotFound, "not-found")
}

var badTargets = []string{
	"//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b",
	"\t//evil.example", " //evil.example", "https://evil.example", "https:evil.example", "http:/evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
	"data:text/html,x", "evil.example", "evil.example/path", "./x", "../x", "", "/%2fevil.example", "/%2Fevil.example", "/%5cevil.example", "/%5Cevil.example",
	"/%09/evil.example", "/%0a/evil.example", "/%00", "/%252fevil.example", "/%25252fevil.example", "/%255cevil.example", "/a/..//evil.example",
	"/a/%2e%2e//evil.example", "/a/../b", "/./evil.example", "/%2e%2e/evil.example", "/x\x00y", "/x\x7fy", "/x y", "/ü", "/x#fragment", "//user@evil.example", "/@evil.example//x",
	"/sign-in", "/sign-in?return=/x", "/staff/sign-in", "/apps/x/launch", "/apps/x/callback?code=1", "/sign-out", "/%zz", "/%2", "http://northwick.localhost:8080/x",
	"/" + strings.Repeat("a", 2001),
}

func TestAttackOpenRedirect(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for _, target := range badTargets {
		if _, ok := identity.LocalPath(target); ok {
			t.Errorf("%q counts as a local path", target)
		}
		if target == "" {
			continue // no target: the service's own page
		}
		want(t, b.get(b.launchPath(target)), http.StatusBadRequest, "sign-in-target")
		want(t, b.get("/sign-in?"+url.Values{"return": {target}}.Encode()), http.StatusBadRequest, "sign-in-target")
	}
	want(t, b.get("/staff/sign-in?return=/cases/1"), http.StatusBadRequest, "sign-in-target")
	for _, good := range []string{"/", "/cases/1", "/book?slot=9", "/book?next=%2F%2Fx", "/a-b_c~d.e/f", "/apps/residence-certificate/apply/1?step=2", "/search?q=a%20b", "/%D0%B0"} {
		if _, ok := identity.LocalPath(good); !ok {
			t.Errorf("%q does not count as a local path", good)
		}
	}
}

func TestAttackMixUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, change := range map[string]func(url.Values){
		"another issuer": func(q url.Values) { q.Set("iss", "https://evil.example") },
		"no issuer":      func(q url.Values) { q.Del("iss") },
		"staff's issuer": func(q url.Values) { q.Set("iss", h.staff.URL) },
	} {
		t.Run(name, func(t *testing.T) {
			h.citizens.Callback = change
			b := h.browser()
			want(t, b.signIn(b.launchPath("/whoami")), http.StatusForbidden, "sign-in-refused")
			if b.cookies["__Host-sid"] != "" || h.citizens.Redeemed != 0 {
				t.Error("the code was sent to the token endpoint, or a session opened")
			}
		})
	}
	h.citizens.Callback = func(q url.Values) { q.Add("iss", "https://evil.example") }
	b := h.browser()
	want(t, b.signIn(b.launchPath("/whoami")), http.StatusBadRequest, "sign-in-target")
}

func TestAttackStateReuse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	back := b.atIssuer(b.get(b.launchPath("/whoami")))
	want(t, b.get(back), http.StatusSeeOther, "")
	session := b.cookies["__Host-sid"]
	want(t, b.get(back), http.StatusForbidden, "sign-in-expired")
	u, _ := url.Parse(back)
	other := b.atIssuer(b.get(b.launchPath("/whoami")))
	fresh, _ := url.Parse(other)
	q := fresh.Query()
	q.Set("state", u.Query().Get("state"))
	want(t, b.get(fresh.Path+"?"+q.Encode()), http.StatusForbidden, "sign-in-expired")
	for _, state := range []string{"", "x", strings.Repeat("A", 43), strings.Repeat("A", 50_000)} {
		q.Set("state", state)
		want(t, b.get(fresh.Path+"?"+q.Encode()), http.StatusForbidden, "sign-in-expired")
	}
	if b.cookies["__Host-sid"] != session || h.citizens.Redeemed != 1 {
		t.Error("a refused callback touched the session or redeemed a code")
	}
}

func TestAttackCallbackAfterItsTime(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	back := b.atIssuer(b.get(b.launchPath("/whoami")))
	h.clock.Advance(11 * time.Minute)
	want(t, b.get(back), http.StatusForbidden, "sign-in-expired")
}

func TestAttackCallbackInAnotherBrowser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	attacker, victim := h.browser(), h.browser()
	back := attacker.atIssuer(attacker.get(attacker.launchPath("/whoami")))
	want(t, victim.get(back), http.StatusForbidden, "sign-in-expired") // no login under way at all
	victim.get(victim.launchPath("/whoami"))
	want(t, victim.get(back), http.StatusForbidden, "sign-in-expired") // one of its own under way
	if victim.cookies["__Host-sid"] != "" {
		t.Fatal("the victim is signed in as the attacker")
	}
	want(t, attacker.get(back), http.StatusSeeOther, "")
}

func TestAttackCallbackOfAnotherMiniAppAreaOrMunicipality(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	back := b.atIssuer(b.get(b.launchPath("/whoami")))
	query := back[strings.Index(back, "?"):]
	want(t, b.get("/apps/other/callback"+query), http.StatusForbidden, "sign-in-expired")
	want(t, b.get("/staff/callback"+query), http.StatusForbidden, "sign-in-expired")
	b.host = "eastmere.localhost:8080"
	want(t, b.get("/apps/"+service+"/callback"+query), http.StatusForbidden, "sign-in-expired")
	b.host = "northwick.localhost:8080"
	want(t, b.get(back), http.StatusSeeOther, "")
}

func TestAttackCodeReplay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	first, second := h.browser(), h.browser()
	back, _ := url.Parse(first.atIssuer(first.get(first.launchPath("/whoami"))))
	own, _ := url.Parse(second.atIssuer(second.get(second.launchPath("/whoami"))))
	want(t, first.get(back.String()), http.StatusSeeOther, "")
	q := own.Query()
	q.Set("code", back.Query().Get("code"))
	want(t, second.get(own.Path+"?"+q.Encode()), http.StatusForbidden, "sign-in-refused")
}

func TestAttackCodeInjection(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	victim, attacker := h.browser(), h.browser()
	stolen, _ := url.Parse(victim.atIssuer(victim.get(victim.launchPath("/whoami"))))
	own, _ := url.Parse(attacker.atIssuer(attacker.get(attacker.launchPath("/whoami"))))
	q := own.Query()
	q.Set("code", stolen.Query().Get("code")) // unused, but made for another PKCE verifier
	want(t, attacker.get(own.Path+"?"+q.Encode()), http.StatusForbidden, "sign-in-refused")
	if attacker.cookies["__Host-sid"] != "" {
		t.Fatal("a stolen code opened a session")
	}
}

func TestAttackSixteenCallbacksAtOnceOpenOneSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	back := b.atIssuer(b.get(b.launchPath("/whoami")))
	answers := make([]answer, 16)
	var wg sync.WaitGroup
	for i := range answers {
		racer := h.browser()
		racer.cookies["__Host-login"] = b.cookies["__Host-login"]
		wg.Go(func() { answers[i] = racer.get(back) })
	}
	wg.Wait()
	won := 0
	for _, a := range answers {
		if a.StatusCode == http.StatusSeeOther {
			won++
		} else {
			want(t, a, http.StatusForbidden, "sign-in-expired")
		}
	}
	if n := h.sessions(t); won != 1 || n != 1 || h.citizens.Redeemed != 1 {
		t.Errorf("%d callbacks won, %d sessions, %d codes redeemed; want 1 of each", won, n, h.citizens.Redeemed)
	}
}

func (h *house) sessions(t *testing.T) (n int) {
	t.Helper()
	err := h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.GetContext(t.Context(), &n, "SELECT count(*) FROM identity.session WHERE tenant_id = 'northwick'")
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAttackPKCEDowngrade(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn(b.launchPath("/whoami"))
	first := h.citizens.Asked
	b.signIn(b.launchPath("/whoami"))
	second := h.citizens.Asked
	for _, name := range []string{"code_challenge", "state", "nonce"} {
		if len(first.Get(name)) != 43 || first.Get(name) == second.Get(name) {
			t.Errorf("%s: %q, then %q", name, first.Get(name), second.Get(name))
		}
	}
	if first.Get("code_challenge_method") != "S256" {
		t.Errorf("method %q", first.Get("code_challenge_method"))
	}
}

func TestAttackSessionFixation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	planted := strings.Repeat("A", 43)
	b := h.browser()
	b.cookies["__Host-sid"] = planted
	b.signIn(b.launchPath("/whoami"))
	first := b.cookies["__Host-sid"]
	if first == planted || first == "" {
		t.Fatal("the session keeps a name the attacker chose")
	}
	b.signIn(b.launchPath("/whoami"))
	second := b.cookies["__Host-sid"]
	thief := h.browser()
	thief.cookies["__Host-sid"] = first
	if second == first || thief.who("/whoami").Kind != kernel.Anonymous || h.sessions(t) != 1 {
		t.Error("the former session lives on after a new sign-in")
	}
	for _, name := range []string{planted, "", "x", second + "x", strings.ToLower(second), second[:42]} {
		thief.cookies["__Host-sid"] = name
		if thief.who("/whoami").Kind != kernel.Anonymous {
			t.Errorf("cookie %q is somebody", name)
		}
	}
}

func TestAttackSessionOfOneMunicipalityOrAreaInAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	b.signIn("/staff/sign-in")
	b.cookies["__Host-sid"], b.cookies["__Host-staff"] = b.cookies["__Host-staff"], b.cookies["__Host-sid"]
	if b.who("/whoami").Kind != kernel.Anonymous || b.who("/staff/whoami").Kind != kernel.Anonymous {
		t.Error("a session counts in the other area")
	}
	b.cookies["__Host-sid"], b.cookies["__Host-staff"] = b.cookies["__Host-staff"], b.cookies["__Host-sid"]
	b.host = "eastmere.localhost:8080"
	if b.who("/whoami").Kind != kernel.Anonymous || b.who("/staff/whoami").Kind != kernel.Anonymous {
		t.Error("a session counts at another municipality")
	}
}

func TestAttackTheDatabaseHoldsNoNameOfASession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	err := h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		var row string
		err := tx.GetContext(t.Context(), &row, "SELECT s::text || encode(token_hash, 'escape') FROM identity.session s WHERE tenant_id = 'northwick'")
		if strings.Contains(row, b.cookies["__Host-sid"]) {
			t.Error("the cookie's value is in the table")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAttackStepUpByAnotherPerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.citizens.Who.ACR = identitytest.Low
	b := h.browser()
	b.signIn("/sign-in")
	before, cookie := b.who("/whoami"), b.cookies["__Host-sid"]
	h.citizens.Who.Subject, h.citizens.Who.ACR = "mallory", identitytest.High
	want(t, b.signIn(b.get("/substantial").to()), http.StatusForbidden, "sign-in-other-person")
	after := b.who("/whoami")
	if b.cookies["__Host-sid"] != cookie || after.Session != before.Session || after.Level != kernel.Low {
		t.Errorf("before %+v, after %+v", before.Principal, after.Principal)
	}
	want(t, b.get("/substantial"), http.StatusSeeOther, "")
}

func TestAttackStepUpAtAWeakerLevelThanAsked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.citizens.Who.ACR = identitytest.Low
	b := h.browser()
	b.signIn("/sign-in")
	want(t, b.signIn(b.get("/substantial").to()), http.StatusForbidden, "sign-in-level")
	if b.who("/whoami").Level != kernel.Low {
		t.Error("the level rose by itself")
	}
	if a := b.get("/sign-in?return=/substantial&level=low"); a.to() != "/substantial" {
		t.Errorf("went to %q", a.to())
	}
	if a := b.get("/substantial"); !strings.Contains(a.to(), "level=substantial") { // who edits the query is asked again
		t.Errorf("went to %q", a.to())
	}
	for _, q := range []string{"level=highest", "level=9", "max_age=-1", "max_age=x", "max_age=99999999999", "level=low&level=high"} {
		want(t, b.get("/sign-in?"+q), http.StatusBadRequest, "sign-in-target")
	}
}

func TestAttackCSRF(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	for _, foreign := range []http.Header{
		{"Sec-Fetch-Site": {"cross-site"}}, {"Sec-Fetch-Site": {"same-site"}}, {"Origin": {"https://evil.example"}}, {"Origin": {"http://eastmere.localhost:8080"}}, {"Origin": {"null"}},
	} {
		b.headers = foreign
		want(t, b.send("POST", "/sign-out", url.Values{}), http.StatusForbidden, "cross-site")
	}
	b.headers = http.Header{"Sec-Fetch-Site": {"cross-site"}}
	if a := b.get("/sign-out"); a.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a link signs out: %d", a.StatusCode)
	}
	b.headers = http.Header{}
	if b.who("/whoami").Kind != kernel.Citizen {
		t.Fatal("another site signed the person out")
	}
	b.headers = http.Header{"Sec-Fetch-Site": {"same-origin"}}
	want(t, b.send("POST", "/sign-out", url.Values{}), http.StatusSeeOther, "")
}

func TestAttackFraming(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for _, dest := range []string{"iframe", "frame", "embed", "object"} {
		b.headers = http.Header{"Sec-Fetch-Dest": {dest}}
		want(t, b.get(b.launchPath("/whoami")), http.StatusForbidden, "sign-in-framed")
		want(t, b.get("/sign-in"), http.StatusForbidden, "sign-in-framed")
	}
	b.headers = http.Header{"Sec-Fetch-Dest": {"document"}}
	want(t, b.get(b.launchPath("/whoami")), http.StatusSeeOther, "")
}

func TestAttackTicketOfAnotherShape(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for _, ticket := range []string{"a b", "<script>", "a\r\nb", "a&b=c", strings.Repeat("a", 257)} {
		a := b.get("/apps/" + service + "/launch?" + url.Values{"iss": {h.citizens.URL}, "launch": {ticket}}.Encode())
		want(t, a, http.StatusBadRequest, "sign-in-target")
	}
	b.launchWithout(t)
}

// launchWithout: no ticket is a plain sign-in at the provider, not a failure.
func (b *browser) launchWithout(t *testing.T) {
	t.Helper()
	a := b.signIn("/apps/" + service + "/launch?iss=" + url.QueryEscape(b.h.citizens.URL))
	if want(t, a, http.StatusSeeOther, ""); a.to() != "/apps/"+service {
		t.Errorf("landed on %q", a.to())
	}
}

func TestAttackLaunchContextAuthorisesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.citizens.Who.ACR = identitytest.Low
	h.citizens.IDToken = func(_, c map[string]any) string {
		c["launch"] = map[string]any{"target": "//evil.example", "channel": "admin", "level": "high", "groups": []string{"northwick-registrars"}, "service": "../x", "on_behalf_of": strings.Repeat("x", 101)}
		c["groups"] = []string{"northwick-registrars"}
		return ""
	}
	b := h.browser()
	if a := b.signIn(b.launchPath("/whoami")); a.to() != "/whoami" {
		t.Errorf("landed on %q", a.to())
	}
	who := b.who("/whoami")
	if who.Kind != kernel.Citizen || len(who.Grants) != 0 || who.Level != kernel.Low || who.Channel != "" {
		t.Errorf("signed in as %+v", who)
	}
	l, err := h.identity.LaunchOf(kernel.WithPrincipal(t.Context(), who.Principal))
	if err != nil || l != (identity.Launch{}) {
		t.Errorf("kept %+v, %v", l, err)
	}
}

func TestAttackDiscoveryThatLeadsElsewhere(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"clear text": "http://issuer.example", "no host": "https:///x", "user": "https://a@issuer.example", "file": "file:///etc/passwd", "empty": ""} {
		c := identity.Config{ClientKeys: t.TempDir(), AllowHTTPLoopback: true, Issuers: []identity.Issuer{{ID: "a", URL: url, Area: identity.AreaCitizen}}}
		if c.Validate() == nil {
			t.Errorf("%s: %q is accepted", name, url)
		}
	}
	c := identity.Config{ClientKeys: t.TempDir(), Issuers: []identity.Issuer{{ID: "a", URL: "http://127.0.0.1:1", Area: identity.AreaCitizen}}}
	if c.Validate() == nil {
		t.Error("clear text to loopback is accepted without being asked for")
	}
	h := newHouse(t)
	h.citizens.URL = "https://evil.example" // the document now names another issuer (Discovery §4.3)
	b := h.browser()
	want(t, b.get("/sign-in"), http.StatusServiceUnavailable, "sign-in-unavailable")
}

func TestAttackConfigurationThatContradictsItself(t *testing.T) {
	t.Parallel()
	issuer := identity.Issuer{ID: "a", URL: "https://a.example", Area: identity.AreaCitizen}
	staff := identity.Issuer{ID: "s", URL: "https://s.example", Area: identity.AreaStaff}
	grouped := issuer
	grouped.Groups = map[kernel.TenantID]map[string][]kernel.Grant{"northwick": {"x": nil}}
	for i, c := range []identity.Config{
		{ClientKeys: "x", Issuers: []identity.Issuer{issuer, issuer}},
		{ClientKeys: "x", Issuers: []identity.Issuer{issuer, {ID: "b", URL: issuer.URL, Area: identity.AreaStaff}}},
		{ClientKeys: "x", Issuers: []identity.Issuer{{ID: "a", URL: issuer.URL, Area: "root"}}},
		{ClientKeys: "x", Issuers: []identity.Issuer{grouped}},
		{ClientKeys: "x", Machines: []identity.Machine{{ClientID: "m", Issuer: "none", Kind: kernel.Host}}},
		{ClientKeys: "x", Issuers: []identity.Issuer{staff}, Machines: []identity.Machine{{ClientID: "m", Issuer: "s", Kind: kernel.Host}}},
		{ClientKeys: "x", Issuers: []identity.Issuer{issuer}, Machines: []identity.Machine{{ClientID: "m", Issuer: "a", Kind: kernel.Staff}}},
		{Issuers: []identity.Issuer{issuer}},
	} {
		if _, err := identity.New(identity.Deps{Config: c}); err == nil {
			t.Errorf("configuration %d is accepted", i)
		}
	}
}

func TestAttackClientKeysArePerMunicipalityAndPrivate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	one := b.get("/.well-known/jwks.json").Text
	b.host = "eastmere.localhost:8080"
	two := b.get("/.well-known/jwks.json").Text
	if one == two || strings.Contains(one, `"d"`) || !strings.Contains(one, `"ES256"`) {
		t.Errorf("published %s and %s", one, two)
	}
	if fmt.Sprint(b.get("/.well-known/jwks.json").Header["Content-Type"]) != "[application/jwk-set+json]" {
		t.Error("not served as a key set")
	}
}
