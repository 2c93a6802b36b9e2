package identity_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"html"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/outside"
)

var (
	conductor  = kernel.Grant{Agency: "estuary-ferries", Role: "conductor"}
	dispatcher = kernel.Grant{Agency: "estuary-ferries", Role: "dispatcher"}
	doctor     = kernel.Grant{Agency: "riverside-clinic", Role: "practitioner"}
	registrar  = kernel.Grant{Agency: "civil-registry", Role: "registrar"}
)

// provider starts one more OpenID provider, where a person signs in who claims the groups.
func (h *house) provider(subject string, groups ...string) *identitytest.Issuer {
	h.t.Helper()
	i := identitytest.NewIssuer(h.t, h.clock)
	i.ClientKeys = h.clientKeys
	i.Who = identitytest.Person{Subject: subject, SID: "p-" + subject, ACR: identitytest.High, Claims: map[string]any{"name": "Pat Ferris", "groups": groups}}
	h.others = append(h.others, i)
	return i
}

// onboard puts a partner on the list of a municipality, as its pages do while the server runs.
func (h *house) onboard(tenant kernel.TenantID, i kernel.StaffIssuer) {
	if i.ACR == nil {
		i.ACR = identitytest.ACR
	}
	h.partners[tenant] = append(slices.Clone(h.partners[tenant]), i)
}

func ferries(url string) kernel.StaffIssuer {
	return kernel.StaffIssuer{ID: "ferries", URL: url, Name: kernel.Text{"en": "Estuary Ferries", "ru": "Паромы", "zh": "轮渡"},
		Groups: map[string][]kernel.Grant{"crew": {conductor}, "office": {dispatcher}}}
}

func at(iss string) string { return "/staff/sign-in?" + url.Values{"iss": {iss}}.Encode() }

func TestAPartnerAddedWhileTheServerRunsSignsInAtItsOwnProvider(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	crew := h.provider("pat", "crew", "northwick-registrars", "doctors")
	b := h.browser()
	want(t, b.get(at(crew.URL)), http.StatusForbidden, "sign-in-issuer")
	h.onboard("northwick", ferries(crew.URL))
	clinic := h.provider("dora", "doctors")
	h.onboard("northwick", kernel.StaffIssuer{ID: "clinic", URL: clinic.URL, Groups: map[string][]kernel.Grant{"doctors": {doctor}}})

	want(t, b.signIn(at(crew.URL)), http.StatusSeeOther, "")
	who := b.who("/staff/whoami")
	if who.Kind != kernel.Staff || who.Tenant != "northwick" || who.Name != "Pat Ferris" || who.Level != kernel.High || !slices.Equal(who.Grants, []kernel.Grant{conductor}) {
		t.Errorf("signed in as %+v", who.Principal)
	}
	want(t, b.get("/staff/cases"), http.StatusForbidden, "not-allowed")
	fetched := crew.Fetches
	for range 3 {
		h.browser().signIn(at(crew.URL))
	}
	if crew.Fetches != fetched {
		t.Errorf("the keys were fetched %d times more", crew.Fetches-fetched)
	}

	h.partners["northwick"][0].Groups = map[string][]kernel.Grant{"crew": {dispatcher}}
	if got := b.who("/staff/whoami").Grants; !slices.Equal(got, []kernel.Grant{dispatcher}) {
		t.Errorf("after a change of its groups: %v", got)
	}
	h.partners["northwick"][0].ACR = map[string]kernel.Level{identitytest.High: kernel.Low}
	again := h.browser()
	again.signIn(at(crew.URL))
	if got := again.who("/staff/whoami").Level; got != kernel.Low {
		t.Errorf("after a change of its levels: %v", got)
	}
	h.partners["northwick"][0].Groups = nil
	want(t, h.browser().signIn(at(crew.URL)), http.StatusForbidden, "sign-in-no-role")
}

func TestAPartnersStaffAtTheMunicipalitysIssuerGetRolesInTheirAgency(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.onboard("northwick", kernel.StaffIssuer{ID: "ferries", URL: h.staff.URL, ACR: map[string]kernel.Level{identitytest.High: kernel.Low},
		Groups: map[string][]kernel.Grant{"ferry-crew": {conductor}, "northwick-registrars": {dispatcher}}})
	h.onboard("northwick", kernel.StaffIssuer{ID: "clinic", URL: h.staff.URL, Groups: map[string][]kernel.Grant{"ferry-crew": {doctor}}})
	for _, c := range []struct {
		groups []string
		want   []kernel.Grant
	}{
		{[]string{"ferry-crew"}, []kernel.Grant{conductor, doctor}},
		{[]string{"northwick-registrars"}, []kernel.Grant{registrar, dispatcher}}, // nothing is taken away
		{[]string{"eastmere-registrars", "ferry-crew"}, []kernel.Grant{conductor, doctor}},
	} {
		h.staff.Who.Claims["groups"] = c.groups
		b := h.browser()
		want(t, b.signIn("/staff/sign-in"), http.StatusSeeOther, "") // still one issuer: no question
		who := b.who("/staff/whoami")
		if !slices.Equal(who.Grants, c.want) || who.Level != kernel.High {
			t.Errorf("%v: %v at %s, want %v at high", c.groups, who.Grants, who.Level, c.want)
		}
	}
	h.partners["northwick"] = nil
	h.staff.Who.Claims["groups"] = []string{"ferry-crew"}
	want(t, h.browser().signIn("/staff/sign-in"), http.StatusForbidden, "sign-in-no-role")
}

func TestTwoPartnersAtOneProviderAddTheirGroupsAndTheFirstSaysTheLevels(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	shared := h.provider("pat", "crew", "doctors")
	shared.Who.ACR = identitytest.Low
	h.onboard("northwick", ferries(shared.URL))
	h.onboard("northwick", kernel.StaffIssuer{ID: "clinic", URL: shared.URL, ACR: map[string]kernel.Level{identitytest.Low: kernel.High}, Groups: map[string][]kernel.Grant{"doctors": {doctor}}})
	b := h.browser()
	b.signIn(at(shared.URL))
	if who := b.who("/staff/whoami"); who.Level != kernel.Low || !slices.Equal(who.Grants, []kernel.Grant{conductor, doctor}) {
		t.Errorf("%v at %s", who.Grants, who.Level)
	}
	h.partners["northwick"] = h.partners["northwick"][1:]
	if who := b.who("/staff/whoami"); !slices.Equal(who.Grants, []kernel.Grant{doctor}) {
		t.Errorf("the first is gone: %v", who.Grants)
	}
}

func TestAttackPartnerAtAnotherMunicipality(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	crew := h.provider("pat", "crew", "eastmere-registrars")
	h.onboard("northwick", ferries(crew.URL))
	b := h.browser()
	b.signIn(at(crew.URL))
	b.host = "eastmere.localhost:8080"
	want(t, b.get(at(crew.URL)), http.StatusForbidden, "sign-in-issuer")
	if b.who("/staff/whoami").Kind != kernel.Anonymous {
		t.Error("a partner of Northwick is somebody at Eastmere")
	}
	northwick, eastmere := "http://northwick.localhost:8080/civic/v1", "http://eastmere.localhost:8080/civic/v1"
	token := func(audience, client string) string {
		header, claims := crew.AccessToken(audience, "pat", client, "")
		claims["groups"] = []string{"crew", "eastmere-registrars", "northwick-registrars"}
		return identitytest.Sign(crew.Keys[0], header, claims)
	}
	call := func(base, token string) answer {
		r := httptest.NewRequest("GET", base+"/who", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return h.serveOnce(r)
	}
	if a := call(northwick, token(northwick, "northwick.staff")); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, `"kind":"staff"`) || !strings.Contains(a.Text, `"roles":["estuary-ferries/conductor"]`) {
		t.Errorf("at Northwick: %d %s", a.StatusCode, a.Text)
	}
	if a := call(eastmere, token(eastmere, "eastmere.staff")); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.Text, "invalid-token") {
		t.Errorf("at Eastmere: %d %s", a.StatusCode, a.Text)
	}
}

func TestAttackPartnerTakenAway(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	crew := h.provider("pat", "crew")
	h.onboard("northwick", ferries(crew.URL))
	b, late := h.browser(), h.browser()
	b.signIn(at(crew.URL))
	back := late.atIssuer(late.get(at(crew.URL)))
	header, claims := crew.AccessToken(civic, "pat", "northwick.staff", "")
	claims["groups"] = []string{"crew"}
	token := identitytest.Sign(crew.Keys[0], header, claims)
	if a := h.call("/who", token); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "conductor") {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	h.partners["northwick"][0].Groups = nil
	if a := h.call("/who", token); a.StatusCode != http.StatusOK || strings.Contains(a.Text, "conductor") {
		t.Errorf("a remembered token keeps its roles: %d %s", a.StatusCode, a.Text)
	}
	h.partners["northwick"] = nil
	if b.who("/staff/whoami").Kind != kernel.Anonymous {
		t.Error("the session lives on")
	}
	want(t, late.get(back), http.StatusForbidden, "sign-in-issuer") // a sign-in under way
	if a := h.call("/who", token); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a remembered token lives on: %d %s", a.StatusCode, a.Text)
	}
	want(t, b.get(at(crew.URL)), http.StatusForbidden, "sign-in-issuer")
	h.onboard("northwick", ferries(crew.URL)) // back again, its keys are fetched anew
	fetched := crew.Fetches
	h.browser().signIn(at(crew.URL))
	if crew.Fetches == fetched {
		t.Error("the keys of the partner outlived it")
	}
}

func TestAttackMixUpBetweenTheMunicipalityAndAPartner(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		asked string // whose sign-in is begun: "town" or "partner"
		reply func(town, partner string) func(url.Values)
	}{
		"the partner's answer names the town":    {"partner", func(town, _ string) func(url.Values) { return func(q url.Values) { q.Set("iss", town) } }},
		"the partner's answer names nobody":      {"partner", func(string, string) func(url.Values) { return func(q url.Values) { q.Del("iss") } }},
		"the town's answer comes from a partner": {"town", func(_, partner string) func(url.Values) { return func(q url.Values) { q.Set("iss", partner) } }},
	} {
		h := newHouse(t)
		crew := h.provider("pat", "crew")
		h.onboard("northwick", ferries(crew.URL))
		issuer := map[string]*identitytest.Issuer{"town": h.staff, "partner": crew}[c.asked]
		issuer.Callback = c.reply(h.staff.URL, crew.URL)
		b := h.browser()
		want(t, b.signIn(at(issuer.URL)), http.StatusForbidden, "sign-in-refused")
		if b.cookies["__Host-staff"] != "" || issuer.Redeemed != 0 {
			t.Errorf("%s: a session, or the code was sent on", name)
		}
	}
}

// The classic mix-up: the partner sends the browser on to the town's issuer with the partner's own sign-in under way, so as to
// be handed the town's code. The town's issuer does not name itself here, which only the partner's duty to do so makes up for.
func TestAttackPartnerFetchesTheTownsCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.staff.NoIss, h.staff.PAR = true, false
	crew := h.provider("pat", "crew")
	crew.PAR = false
	h.onboard("northwick", ferries(crew.URL))
	b := h.browser()
	begun, err := url.Parse(b.get(at(crew.URL)).to())
	if err != nil {
		t.Fatal(err)
	}
	onward := answer{Response: &http.Response{StatusCode: http.StatusSeeOther, Header: http.Header{"Location": {h.staff.URL + "/authorize?" + begun.RawQuery}}}}
	back := b.atIssuer(onward)
	if strings.Contains(back, "iss=") || !strings.Contains(back, "code=") {
		t.Fatalf("the town's issuer answers %s", back)
	}
	want(t, b.get(back), http.StatusForbidden, "sign-in-refused")
	if crew.Redeemed != 0 || b.cookies["__Host-staff"] != "" {
		t.Error("the town's code reached the partner")
	}
	// It cannot spare itself the duty: no sign-in begins at a partner's provider that does not promise to name itself.
	silent := h.provider("sam", "crew")
	silent.NoIss = true
	h.onboard("northwick", ferries(silent.URL))
	want(t, b.get(at(silent.URL)), http.StatusServiceUnavailable, "sign-in-unavailable")
}

func TestAttackPartnerImpersonatesTheMunicipalitysStaff(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	oliver := h.browser()
	oliver.signIn("/staff/sign-in")
	town := oliver.who("/staff/whoami")
	crew := h.provider("oliver", "crew", "northwick-registrars")
	crew.Who.SID = "staff-1"
	h.onboard("northwick", ferries(crew.URL))
	pat := h.browser()
	pat.signIn(at(crew.URL))
	if who := pat.who("/staff/whoami"); who.Person == town.Person || who.Person == "" || who.Has("", "registrar") {
		t.Errorf("%+v is %+v", who.Principal, town.Principal)
	}
	// Its logout of "oliver" ends its own sessions only, and a token of its own never carries the town's name.
	header, claims := crew.LogoutToken("northwick.staff", "oliver", "staff-1")
	if a := h.browser().send("POST", "/staff/backchannel-logout", url.Values{"logout_token": {identitytest.Sign(crew.Keys[0], header, claims)}}); a.StatusCode != http.StatusOK {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
	if pat.who("/staff/whoami").Kind != kernel.Anonymous || oliver.who("/staff/whoami").Kind != kernel.Staff {
		t.Error("the partner's logout ended the wrong session")
	}
	header, claims = crew.AccessToken(civic, "oliver", "northwick.staff", "")
	claims["iss"], claims["groups"] = h.staff.URL, []string{"northwick-registrars"}
	if a := h.call("/who", identitytest.Sign(crew.Keys[0], header, claims)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("signed by the partner in the town's name: %d %s", a.StatusCode, a.Text)
	}
	crew.IDToken = func(_, c map[string]any) string { c["iss"] = h.staff.URL; return "" }
	want(t, h.browser().signIn(at(crew.URL)), http.StatusForbidden, "sign-in-refused")
	crew.IDToken = nil
	// Step-up stays where the session began.
	h.staff.Who.ACR = identitytest.Low
	oliver = h.browser()
	oliver.signIn(at(h.staff.URL))
	want(t, oliver.get(at(crew.URL)+"&level=high"), http.StatusForbidden, "sign-in-issuer")
	if a := oliver.get("/staff/sign-in?level=high"); !strings.HasPrefix(a.to(), h.staff.URL) {
		t.Errorf("step-up leads to %q", a.to())
	}
}

func TestAttackPartnerVouchesForPrograms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	crew := h.provider("pat", "crew")
	mine := ferries(crew.URL)
	mine.ID = "wallet" // the name of the issuer that vouches for the integrators
	h.onboard("northwick", mine)
	for _, client := range []string{"records-office", "wallet-backend"} {
		header, claims := crew.AccessToken(civic, client, client, "civic.read wallet.catalogue")
		if a := h.call("/who", identitytest.Sign(crew.Keys[0], header, claims)); a.StatusCode != http.StatusForbidden || !strings.Contains(a.Text, "client-not-allowed") {
			t.Errorf("%s: %d %s", client, a.StatusCode, a.Text)
		}
	}
}

func TestAttackPartnerAtAnIssuerThatIsNotForStaffOrNotSafe(t *testing.T) {
	t.Parallel()
	eastmereOnly := "https://staff.eastmere.example"
	h := newHouse(t, func(c *identity.Config) {
		c.Issuers = append(c.Issuers, identity.Issuer{ID: "machines", URL: "https://machines.example", Area: identity.AreaMachine},
			identity.Issuer{ID: "eastmere", URL: eastmereOnly, Area: identity.AreaStaff, Tenants: []kernel.TenantID{"eastmere"}})
	})
	h.citizens.Who.Claims["groups"] = []string{"crew"}
	for _, bad := range []string{
		h.citizens.URL, h.citizens.URL + "/", strings.ToUpper(h.citizens.URL), "https://machines.example", eastmereOnly,
		"http://id.ferries.example", "ftp://id.ferries.example", "id.ferries.example", "", "https://", "https://user:pw@id.ferries.example", "https://id.ferries.example#x",
		"https://id.ferries.example?a=b", "https://id.ferries.example?", "https://a;sandbox", "https://a,b", "https://a'b", "https://a*", "javascript:alert(1)", "file:///etc/passwd",
		"http://10.0.0.1", "http://169.254.169.254", "http://localhost.evil.example",
	} {
		h.partners["northwick"] = []kernel.StaffIssuer{ferries(bad)}
		for range 2 {
			a := h.browser().get(at(bad))
			if bad == "" { // the municipality's own, and no question
				if !strings.HasPrefix(a.to(), h.staff.URL) {
					t.Errorf("an empty address: %d to %q", a.StatusCode, a.to())
				}
				continue
			}
			if a.StatusCode == http.StatusSeeOther || a.slug() != "sign-in-issuer" {
				t.Errorf("%q: %d %s to %q", bad, a.StatusCode, a.slug(), a.to())
			}
		}
		if n := strings.Count(h.log.String(), "partner's issuer ignored"); n == 0 {
			t.Errorf("%q is not in the log", bad)
		}
		if origins := h.identity.StaffOrigins(kerneltest.Tenant("northwick")); len(origins) != 0 {
			t.Errorf("%q: the content security policy gets %q", bad, origins)
		}
		ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant("northwick"))
		if _, err := h.identity.TryIssuer(ctx, bad); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%q: tried with %v", bad, err)
		}
	}
}

// everythingAt is a resolver that finds every name at one IPv4 address (RFC 1035 §4.1), and at no IPv6 one.
func everythingAt(t *testing.T, address string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		for buf := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return // closed with the test
			}
			end := 12 + bytes.IndexByte(buf[12:n], 0) + 5 // behind name, type and class
			reply := append(slices.Clone(buf[:2]), 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0)
			reply = append(reply, buf[12:end]...)
			if binary.BigEndian.Uint16(buf[end-4:]) == 1 {
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				reply = append(reply, net.ParseIP(address).To4()...)
			}
			_, _ = conn.WriteTo(reply, from) // who does not hear it asks again
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestAttackPartnerReachesInside(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a call reached the inside") }))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	h := newHouse(t)
	public := kerneltest.Tenant("northwick")
	public.Origin, public.Host = "https://northwick.example", "northwick.example"
	ask := func(tenant kernel.Tenant, url string) error {
		_, err := h.identity.TryIssuer(kernel.WithTenant(t.Context(), tenant), url)
		return err
	}
	reason := func(err error) string {
		if e := kernel.AsError(err); len(e.Fields) == 1 && e.Fields[0].Path == "issuer_url" && e.Kind == kernel.Invalid {
			return e.Fields[0].Slug
		}
		return "unexpected: " + err.Error()
	}
	for _, inner := range []string{"https://10.0.0.1", "https://192.168.1.1:8443", "https://169.254.169.254", "https://[fd00::1]", "https://[::ffff:10.0.0.1]", "https://0.0.0.0", "https://100.64.0.1", "https://[fe80::1]"} {
		for _, tenant := range []kernel.Tenant{public, kerneltest.Tenant("northwick")} {
			if err := ask(tenant, inner); reason(err) != "identity.issuer.private" || !errors.Is(err, outside.ErrAddress) {
				t.Errorf("%s from %s: %v", inner, tenant.Origin, err)
			}
		}
	}
	// This machine is inside, unless the municipality is on it.
	for _, local := range []string{"https://127.0.0.1:" + port, "https://[::1]:" + port, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port} {
		if err := ask(public, local); reason(err) != "identity.issuer.private" {
			t.Errorf("%s: %v", local, err)
		}
	}
	if err := ask(public, inside.URL); reason(err) != "identity.issuer.address" {
		t.Errorf("in clear text: %v", err)
	}
	// A name that leads inside.
	h.rebuild(func(d *identity.Deps) { d.Resolver = everythingAt(t, "10.1.2.3") })
	if err := ask(public, "https://id.ferries.example"); reason(err) != "identity.issuer.private" {
		t.Errorf("a name: %v", err)
	}
	// A provider that is fine itself, and sends us on to the inside: by its endpoints, and by a redirect.
	for _, member := range []string{"jwks_uri", "token_endpoint", "pushed_authorization_request_endpoint", "authorization_endpoint", "userinfo_endpoint"} {
		for _, to := range []string{"http://10.0.0.1/x", "http://169.254.169.254/latest", "gopher://127.0.0.1/x", "https://a;sandbox/x"} {
			i := odd(t, func(m map[string]any) { m[member] = to })
			if err := ask(kerneltest.Tenant("northwick"), i); reason(err) != "identity.issuer.endpoint" {
				t.Errorf("%s %s: %v", member, to, err)
			}
		}
	}
	if err := ask(kerneltest.Tenant("northwick"), odd(t, func(m map[string]any) { m["jwks_uri"] = "https://10.0.0.1/keys" })); reason(err) != "identity.issuer.private" {
		t.Errorf("keys inside: %v", err)
	}
	redirects := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusFound))
	defer redirects.Close()
	if err := ask(kerneltest.Tenant("northwick"), redirects.URL); reason(err) != "identity.issuer.document" {
		t.Errorf("a redirect: %v", err)
	}
	// The same holds when somebody signs in.
	h.onboard("northwick", ferries("https://10.0.0.1"))
	want(t, h.browser().get(at("https://10.0.0.1")), http.StatusServiceUnavailable, "sign-in-unavailable")
	tokens := odd(t, func(m map[string]any) { m["pushed_authorization_request_endpoint"] = "https://10.0.0.1/par" })
	h.onboard("northwick", ferries(tokens))
	want(t, h.browser().get(at(tokens)), http.StatusServiceUnavailable, "sign-in-unavailable")
}

// odd is the configuration of a provider that is as it should be but for one change.
func odd(t *testing.T, change func(map[string]any)) string {
	t.Helper()
	key := identitytest.NewKey(t, "k", jose.ES256)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := map[string]any{
			"issuer": s.URL, "authorization_endpoint": s.URL + "/a", "token_endpoint": s.URL + "/t", "jwks_uri": s.URL + "/keys", "response_types_supported": []string{"code"},
			"id_token_signing_alg_values_supported": []string{"HS256", "ES256", "RS256"}, "code_challenge_methods_supported": []string{"S256"},
			"authorization_response_iss_parameter_supported": true, "acr_values_supported": []string{"1", "2"},
		}
		if r.URL.Path == "/keys" {
			m = map[string]any{"keys": []any{key.Public()}}
		}
		change(m)
		_ = json.NewEncoder(w).Encode(m) // a client that went away is the test's business
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestTryingAnIssuerSaysWhatItOffersOrWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant("northwick"))
	good := odd(t, func(map[string]any) {})
	got, err := h.identity.TryIssuer(ctx, good)
	if err != nil || got.Issuer != good || !slices.Equal(got.ACR, []string{"1", "2"}) || !slices.Equal(got.Algorithms, []string{"RS256", "ES256"}) || got.PAR || got.ClaimsParam {
		t.Errorf("%+v %v", got, err)
	}
	town, err := h.identity.TryIssuer(ctx, h.staff.URL)
	if err != nil || !town.PAR || !town.ClaimsParam {
		t.Errorf("the municipality's own: %+v %v", town, err)
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) }))
	defer page.Close()
	set := func(name string, v any) string { return odd(t, func(m map[string]any) { m[name] = v }) }
	for address, slug := range map[string]string{
		closed.URL: "away", page.URL: "document", good + "/elsewhere/..": "name", good + "/": "name",
		set("issuer", "https://other.example"):                                  "name",
		set("token_endpoint", ""):                                               "endpoint",
		set("response_types_supported", []string{"id_token"}):                   "code",
		set("code_challenge_methods_supported", []string{"plain"}):              "pkce",
		set("id_token_signing_alg_values_supported", []string{"HS256", "none"}): "algorithm",
		set("authorization_response_iss_parameter_supported", false):            "answer",
		set("keys", []any{}):                                                    "keys",
		set("keys", "none"):                                                     "keys",
	} {
		_, err := h.identity.TryIssuer(ctx, address)
		e := kernel.AsError(err)
		if e.Kind != kernel.Invalid || len(e.Fields) != 1 || e.Fields[0].Path != "issuer_url" || e.Fields[0].Slug != "identity.issuer."+slug || e.Fields[0].Message == "" {
			t.Errorf("%s: %v, want %s", address, err, slug)
		}
		for _, l := range kernel.Locales {
			if text := h.deps.Texts.FieldErrors(l, err)["issuer_url"]; text == "" || strings.Contains(text, "identity.issuer") || l != "en" && text == e.Fields[0].Message {
				t.Errorf("%s in %s: %q", slug, l, text)
			}
		}
	}
}

var link = regexp.MustCompile(`href="([^"]+)">([^<]+)<`)

func TestStaffOfSeveralEmployersAreAskedWhomTheyWorkFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if a := h.browser().get("/staff/sign-in"); !strings.HasPrefix(a.to(), h.staff.URL) {
		t.Fatalf("one issuer: %d to %q", a.StatusCode, a.to())
	}
	crew := h.provider("pat", "crew")
	h.onboard("northwick", ferries(crew.URL))
	h.onboard("northwick", kernel.StaffIssuer{ID: "museums", URL: h.staff.URL, Name: kernel.Text{"en": "Museums & <Parks>"}})
	for locale, words := range map[string][3]string{"en": {"Who do you work for?", "Northwick", "Estuary Ferries"}, "ru": {"Где вы работаете?", "Нортвик", "Паромы"}, "zh": {"您在哪个单位工作？", "诺斯威克", "轮渡"}} {
		b := h.browser()
		b.headers.Set("Accept-Language", locale)
		a := b.get("/staff/sign-in?return=%2Fstaff%2Fcases%3Fqueue%3Dmine&level=high&max_age=300")
		choices := link.FindAllStringSubmatch(a.Text, -1)
		if a.StatusCode != http.StatusOK || !strings.Contains(a.Text, words[0]) || len(choices) != 2 || choices[0][2] != words[1] || choices[1][2] != words[2] {
			t.Fatalf("%s: %d %s", locale, a.StatusCode, a.Text)
		}
		if !strings.Contains(a.Text, "Museums &amp; &lt;Parks&gt;") || !strings.Contains(a.Text, strings.TrimPrefix(crew.URL, "http://")) {
			t.Errorf("%s: %s", locale, a.Text)
		}
		for n, issuer := range []*identitytest.Issuer{h.staff, crew} {
			person := h.browser()
			done := person.signIn(html.UnescapeString(choices[n][1]))
			if done.to() != "/staff/cases?queue=mine" || issuer.Asked.Get("max_age") != "300" || !strings.Contains(issuer.Asked.Get("claims"), identitytest.High) {
				t.Errorf("%s, choice %d: %d %s to %q, asked %v", locale, n, done.StatusCode, done.slug(), done.to(), issuer.Asked)
			}
		}
	}
	other := h.browser()
	other.host = "eastmere.localhost:8080"
	if a := other.get("/staff/sign-in"); !strings.HasPrefix(a.to(), h.staff.URL) {
		t.Errorf("Eastmere has one issuer: %d to %q", a.StatusCode, a.to())
	}
}

func TestThePolicyOfStaffPagesNamesWherePartnersSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	northwick := kerneltest.Tenant("northwick")
	if got := h.identity.StaffOrigins(northwick); len(got) != 0 {
		t.Errorf("without partners: %q", got)
	}
	elsewhere := odd(t, func(m map[string]any) { m["authorization_endpoint"] = "https://login.ferries.example/a" })
	h.onboard("northwick", ferries(elsewhere))
	if got := h.identity.StaffOrigins(northwick); !slices.Equal(got, []string{elsewhere}) {
		t.Errorf("before its configuration is known: %q", got)
	}
	h.browser().get(at(elsewhere))
	if got := h.identity.StaffOrigins(northwick); !slices.Equal(got, []string{elsewhere, "https://login.ferries.example"}) {
		t.Errorf("afterwards: %q", got)
	}
	if got := h.identity.StaffOrigins(kerneltest.Tenant("eastmere")); len(got) != 0 {
		t.Errorf("at another municipality: %q", got)
	}
}

func TestAPartnersKeysRotate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	crew := h.provider("pat", "crew")
	h.onboard("northwick", ferries(crew.URL))
	for n, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA, jose.ES256} {
		crew.Keys = []identitytest.Key{identitytest.NewKey(t, string(alg), alg)}
		h.clock.Advance(time.Duration(n) * 11 * time.Second)
		want(t, h.browser().signIn(at(crew.URL)), http.StatusSeeOther, "")
	}
	header, claims := crew.AccessToken(civic, "pat", "northwick.staff", "")
	maps.Copy(claims, object{"groups": []string{"crew"}})
	stranger := identitytest.NewKey(t, string(jose.ES256), jose.ES256)
	if a := h.call("/who", identitytest.Sign(stranger, header, claims)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("another key with a known name: %d", a.StatusCode)
	}
}
