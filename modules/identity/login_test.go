package identity_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

func TestALaunchSignsInAndLandsOnItsTarget(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.citizens.IDToken = func(_, c map[string]any) string {
		c["launch"] = map[string]any{"service": service, "target": "/cases/1?tab=2", "channel": "search", "locale": "zh-CN"}
		return ""
	}
	b := h.browser()
	a := b.signIn(b.launchPath("/cases/1?tab=2"))
	want(t, a, http.StatusSeeOther, "")
	if a.to() != "/cases/1?tab=2" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("landed on %q (%q)", a.to(), a.Header.Get("Cache-Control"))
	}
	who := b.who("/cases/1")
	if who.Kind != kernel.Citizen || who.Name != "Anna Whitfield" || who.Level != kernel.Substantial || who.Client != client || who.Channel != "search" {
		t.Errorf("signed in as %+v", who)
	}
	if b.cookies["lang"] != "zh" {
		t.Errorf("the host's language is not kept: %q", b.cookies["lang"])
	}
	if got := h.citizens.Launched; len(got) != 1 || got[0] != "ticket-1" {
		t.Errorf("the ticket was not echoed to the provider: %v", got)
	}
}

func TestSignInFromAPlainBrowserReturnsToThePage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	challenged := b.get("/cases/42?x=1")
	if challenged.StatusCode != http.StatusSeeOther || challenged.to() != "/sign-in?return=%2Fcases%2F42%3Fx%3D1" {
		t.Fatalf("challenged with %d to %q", challenged.StatusCode, challenged.to())
	}
	if a := b.signIn(challenged.to()); a.to() != "/cases/42?x=1" {
		t.Errorf("came back to %q", a.to())
	}
	if b.who("/cases/42").Channel != "" {
		t.Error("a plain browser has a channel")
	}
}

func TestTheRequestAsksForTheLevelInOneWayOnly(t *testing.T) {
	t.Parallel()
	for _, par := range []bool{true, false} {
		for _, claims := range []bool{true, false} {
			h := newHouse(t)
			h.level, h.maxAge = kernel.Substantial, 5*time.Minute
			h.citizens.PAR, h.citizens.ClaimsParam = par, claims
			b := h.browser()
			want(t, b.signIn(b.launchPath("/whoami")), http.StatusSeeOther, "")
			asked := h.citizens.Asked
			essential := strings.Contains(asked.Get("claims"), `"acr":{"essential":true,"values":["urn:test:substantial","urn:test:high"]}`)
			values := asked.Get("acr_values") == "urn:test:substantial urn:test:high"
			if essential != claims || values == claims || asked.Get("max_age") != "300" {
				t.Errorf("par %v, claims parameter %v: asked claims=%q acr_values=%q max_age=%q", par, claims, asked.Get("claims"), asked.Get("acr_values"), asked.Get("max_age"))
			}
		}
	}
}

func TestTheBrowserCarriesAReferenceOnlyWhereTheRequestCanBePushed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	u, err := url.Parse(b.get(b.launchPath("/whoami")).to())
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); len(q) != 2 || q.Get("client_id") != client || q.Get("request_uri") == "" {
		t.Errorf("the browser carries %v", q)
	}
}

func TestStepUpKeepsThePersonAndTheTarget(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.citizens.Who.ACR = identitytest.Low
	b := h.browser()
	b.signIn("/sign-in")
	before := b.who("/whoami")
	if before.Level != kernel.Low {
		t.Fatalf("level is %s", before.Level)
	}
	challenged := b.get("/substantial?draft=7")
	if !strings.Contains(challenged.to(), "level=substantial") {
		t.Fatalf("challenged to %q", challenged.to())
	}
	h.citizens.Who.ACR = identitytest.Substantial
	if a := b.signIn(challenged.to()); a.to() != "/substantial?draft=7" {
		t.Errorf("came back to %q %s", a.to(), a.slug())
	}
	after := b.who("/substantial")
	if after.Person != before.Person || after.Session == before.Session || after.Level != kernel.Substantial {
		t.Errorf("before %+v, after %+v", before.Principal, after.Principal)
	}
}

func TestAnOldSignInIsAskedToConfirm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	want(t, b.get("/fresh"), http.StatusOK, "")
	h.clock.Advance(6 * time.Minute)
	challenged := b.get("/fresh")
	if !strings.Contains(challenged.to(), "max_age=300") {
		t.Fatalf("challenged to %q", challenged.to())
	}
	h.citizens.Who.AuthTime = h.clock.Now().Add(-10 * time.Minute)
	want(t, b.signIn(challenged.to()), http.StatusForbidden, "sign-in-level")
	h.citizens.Who.AuthTime = time.Time{}
	want(t, b.signIn(challenged.to()), http.StatusSeeOther, "")
	want(t, b.get("/fresh"), http.StatusOK, "")
}

func TestAPostIsChallengedBackToThePageItCameFrom(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.headers.Set("Referer", origin+"/cases/42?x=1")
	if a := b.send("POST", "/substantial", url.Values{}); !strings.HasPrefix(a.to(), "/sign-in?return=%2Fcases%2F42%3Fx%3D1") {
		t.Errorf("challenged to %q", a.to())
	}
	b.headers.Set("Referer", "https://evil.example/cases/42")
	if a := b.send("POST", "/substantial", url.Values{}); strings.Contains(a.to(), "return") {
		t.Errorf("challenged to %q", a.to())
	}
}

func TestPeopleAreKeyedByIssuerAndSubjectPerMunicipality(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.citizens.Who.Claims["email"], h.citizens.Who.Claims["email_verified"] = "same@example.org", true
	sign := func(host string) kernel.PersonID {
		b := h.browser()
		b.host = host
		b.signIn("/sign-in")
		return b.who("/whoami").Person
	}
	anna, again := sign("northwick.localhost:8080"), sign("northwick.localhost:8080")
	elsewhere := sign("eastmere.localhost:8080")
	h.citizens.Who.Subject = "somebody else"
	other := sign("northwick.localhost:8080")
	if anna == "" || anna != again || anna == other || anna == elsewhere {
		t.Errorf("anna %s, again %s, with the same e-mail address %s, elsewhere %s", anna, again, other, elsewhere)
	}
}

func TestVerifiedClaimsAreKeptForPrefilling(t *testing.T) {
	t.Parallel()
	for _, inUserInfo := range []bool{false, true} {
		h := newHouse(t)
		h.rebuild(func(d *identity.Deps) {
			d.ClaimsFor = func(kernel.TenantID, string) []string { return []string{"name", "birthdate", "email", "address"} }
		})
		h.citizens.ClaimsInUserInfo = inUserInfo
		h.citizens.Who.Claims = map[string]any{
			"name": "Мария Соколова", "birthdate": "1985-13-40", "email": "unverified@example.org", "locale": "ru-RU", "nickname": "m",
			"address": map[string]any{"street_address": "1 High Street", "locality": "Northwick"},
		}
		b := h.browser()
		b.signIn("/sign-in")
		var p kernel.Person
		err := h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) (err error) {
			p, err = h.identity.Person(t.Context(), tx, b.who("/whoami").Person, service)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Claims) != 4 || p.Claims["name"] != "Мария Соколова" || p.Claims["address.locality"] != "Northwick" || p.Locale != "ru" || p.Subject != "anna" {
			t.Errorf("from userinfo %v: kept %+v", inUserInfo, p)
		}
	}
}

func TestAPersonOfAnotherMunicipalityIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	id := b.who("/whoami").Person
	for tenant, who := range map[kernel.TenantID]kernel.PersonID{"eastmere": id, "northwick": "no-id"} {
		err := h.db.Read(t.Context(), tenant, func(tx *pg.Tx) error {
			_, err := h.identity.Person(t.Context(), tx, who, service)
			return err
		})
		if kernel.KindOf(err) != kernel.NotFound {
			t.Errorf("%s: %v", tenant, err)
		}
	}
}

func TestStaffRolesComeFromTheAllowListOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	challenged := b.get("/staff/cases")
	if !strings.HasPrefix(challenged.to(), "/staff/sign-in?") {
		t.Fatalf("challenged to %q", challenged.to())
	}
	want(t, b.signIn(challenged.to()), http.StatusSeeOther, "")
	who := b.who("/staff/cases")
	if who.Kind != kernel.Staff || !who.Has("civil-registry", "registrar") || who.Name != "Oliver Grant" {
		t.Errorf("signed in as %+v", who)
	}
	if b.who("/whoami").Kind != kernel.Anonymous {
		t.Error("the staff session counts on citizens' pages")
	}
	for _, groups := range []any{nil, []string{"eastmere-registrars"}, []string{"admins"}, "unknown"} {
		h.staff.Who.Claims["groups"] = groups
		stranger := h.browser()
		want(t, stranger.signIn("/staff/sign-in"), http.StatusForbidden, "sign-in-no-role")
		if stranger.cookies["__Host-staff"] != "" {
			t.Errorf("groups %v opened a session", groups)
		}
	}
}

func TestSessionsEndByTimeAndIdlenessAndSignOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	idle := h.browser()
	idle.signIn("/sign-in")
	h.clock.Advance(61 * time.Minute)
	if idle.who("/whoami").Kind != kernel.Anonymous {
		t.Error("an idle session lives on")
	}
	busy := h.browser()
	busy.signIn("/sign-in")
	for range 15 {
		h.clock.Advance(30 * time.Minute)
		if busy.who("/whoami").Kind != kernel.Citizen {
			t.Fatal("a busy session ended early")
		}
	}
	h.clock.Advance(31 * time.Minute)
	if busy.who("/whoami").Kind != kernel.Anonymous {
		t.Error("a session outlives its absolute end")
	}
	leaving := h.browser()
	leaving.signIn("/sign-in")
	cookie := leaving.cookies["__Host-sid"]
	a := leaving.send("POST", "/sign-out", url.Values{})
	if !strings.HasPrefix(a.to(), h.citizens.URL+"/end?") || !strings.Contains(a.to(), "client_id="+client) || leaving.cookies["__Host-sid"] != "" {
		t.Errorf("signed out to %q with %v", a.to(), leaving.cookies)
	}
	leaving.cookies["__Host-sid"] = cookie
	if leaving.who("/whoami").Kind != kernel.Anonymous {
		t.Error("the session lives on after sign-out")
	}
}

func TestTheCleaningJobDeletesWhatEnded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	b.get("/sign-in?return=/substantial&level=high") // a login that is never finished
	h.clock.Advance(9 * time.Hour)
	if err := h.identity.Module().Jobs[0].Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		for _, table := range []string{"session", "login"} {
			var n int
			if err := tx.GetContext(t.Context(), &n, "SELECT count(*) FROM identity."+table+" WHERE tenant_id = 'northwick'"); err != nil {
				return err
			}
			if n != 0 {
				t.Errorf("%d rows left in %s", n, table)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCancellingAtTheProviderSaysSoAndKeepsTheSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	for code, slug := range map[string]string{
		"access_denied": "sign-in-cancelled", "unmet_authentication_requirements": "sign-in-level", "invalid_scope": "sign-in-refused",
	} {
		h.citizens.Callback = func(q url.Values) {
			q.Del("code")
			q.Set("error", code)
			q.Set("error_description", "Anna Whitfield declined")
		}
		a := b.signIn(b.launchPath("/whoami"))
		want(t, a, http.StatusForbidden, slug)
		if strings.Contains(a.Text, "Anna") || b.who("/whoami").Kind != kernel.Citizen {
			t.Errorf("%s: page says %q, then signed in as %s", code, a.Text, b.who("/whoami").Kind)
		}
	}
	if strings.Contains(h.log.String(), "Anna") {
		t.Error("the provider's text reached the log")
	}
}

func TestNoPersonalDataReachesTheLog(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	b.signIn("/sign-in")
	h.citizens.IDToken = func(_, c map[string]any) string { c["nonce"] = "x"; return "" }
	b.signIn(b.launchPath("/whoami"))
	for _, canary := range []string{"Anna", "Whitfield", "1990-04-01", "anna", b.cookies["__Host-sid"], "ticket-1"} {
		if strings.Contains(h.log.String(), canary) {
			t.Errorf("the log holds %q", canary)
		}
	}
	if !strings.Contains(h.log.String(), "nonce is not ours") {
		t.Error("the log does not say why a sign-in was refused")
	}
}
