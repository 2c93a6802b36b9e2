package host

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

func TestTheCatalogueIsReadAsArrayAndAsObject(t *testing.T) {
	t.Parallel()
	for _, wrapped := range []bool{false, true} {
		h := newHouse(t, nil)
		h.northwick.wrapped = wrapped
		apps := h.w.book.apps(t.Context())
		if len(apps) != 4 {
			t.Fatalf("%d apps", len(apps))
		}
		a := apps[0]
		if a.Client.ID != "northwick.residence-certificate" || a.Name["ru"] != "Услуга residence-certificate" || a.Name["zh"] != "服务 residence-certificate" || a.Level() != kernel.Substantial ||
			len(a.Client.Claims) != 3 || !a.Client.Claims[2].Optional || a.RetentionDays() != 30 || a.Services[0].ID != "residence-certificate" {
			t.Errorf("%+v", a)
		}
	}
}

func TestAMunicipalityCannotRegisterAddressesOfAnother(t *testing.T) {
	t.Parallel()
	for _, member := range []string{"redirect_uris", "initiate_login_uri", "jwks_uri", "backchannel_logout_uri", "sector_identifier_uri", "post_logout_redirect_uris"} {
		h := newHouse(t, nil)
		h.eastmere.edit = func(app map[string]any) {
			ext := app["townhall"].(map[string]any)
			if strings.HasSuffix(member, "s") {
				ext[member] = []string{h.northwick.redirect("residence-certificate")}
			} else {
				ext[member] = h.northwick.URL + "/x"
			}
		}
		for _, a := range h.w.book.apps(t.Context()) {
			if a.Origin == h.eastmere.URL {
				t.Errorf("%s of another origin was accepted", member)
			}
		}
	}
}

func TestAClientIDCannotBeTakenOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.eastmere.edit = func(app map[string]any) {
		app["townhall"].(map[string]any)["client_id"] = "northwick.residence-certificate"
	}
	if a, ok := h.w.book.app(t.Context(), "northwick.residence-certificate"); !ok || a.Origin != h.northwick.URL {
		t.Errorf("it belongs to %s", a.Origin)
	}
}

func TestAMunicipalityThatIsAwayStaysInTheList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.w.book.apps(t.Context())
	h.northwick.Close()
	h.clock.advance(2 * freshFor)
	if n := len(h.w.book.apps(t.Context())); n != 4 {
		t.Errorf("%d apps", n)
	}
}

func TestACodeLeadsToAFreshLaunchOrNowhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	a := b.get("/scan?" + values("code", h.northwick.URL+"/go/residence-certificate/cases/new?ref=bike-7&launch=x").Encode())
	if a.location == nil || a.location.Path != "/apps/northwick.residence-certificate" || a.location.Query().Get("channel") != "qr" || a.location.Query().Get("target") != "/cases/new?ref=bike-7" {
		t.Errorf("led to %d %v", a.status, a.location)
	}
	for _, code := range []string{"https://evil.example/go/residence-certificate", h.northwick.URL + "/go/nothing", h.northwick.URL + "/apps/residence-certificate", "javascript:alert(1)", "12345",
		h.northwick.URL + "/go/residence-certificate//evil.example", h.northwick.URL + "/go/residence-certificate/%5Cevil.example"} {
		if a := b.get("/scan?" + values("code", code).Encode()); a.status != http.StatusUnprocessableEntity || a.location != nil {
			t.Errorf("%s: %d %v", code, a.status, a.location)
		}
	}
}

func TestTheIssuerMustBeSafe(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"", "http://wallet.example", "https://wallet.example/path", "ftp://127.0.0.1", "https://u@wallet.example", "https://wallet.example?x"} {
		if _, err := New(Config{Issuer: issuer}); err == nil {
			t.Errorf("%q was accepted", issuer)
		}
		if _, err := New(Config{Issuer: "https://wallet.example", Catalogues: []string{issuer}}); err == nil {
			t.Errorf("catalogue %q was accepted", issuer)
		}
	}
}

func TestEveryTextExistsInEveryLanguage(t *testing.T) {
	t.Parallel()
	v, err := newViews()
	if err != nil {
		t.Fatal(err)
	}
	hole := regexp.MustCompile(`\{[a-z]+\}`)
	english := v.texts["en"]
	for _, l := range kernel.Locales {
		if got, want := slices.Sorted(maps.Keys(v.texts[l])), slices.Sorted(maps.Keys(english)); !slices.Equal(got, want) {
			t.Errorf("%s has other keys than en", l)
		}
		for k, s := range v.texts[l] {
			if got, want := slices.Sorted(slices.Values(hole.FindAllString(s, -1))), slices.Sorted(slices.Values(hole.FindAllString(english[k], -1))); !slices.Equal(got, want) || s == "" {
				t.Errorf("%s %s: placeholders %v, want %v", l, k, got, want)
			}
		}
	}
}

func TestPagesSpeakTheChosenLanguage(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, l := range kernel.Locales {
		b := h.browser()
		b.post("/settings", "lang", l, "size", "large", "back", "/sign-in")
		paths := []string{"/sign-in"}
		b.signIn("anna")
		paths = append(paths, "/", "/?q=residence", "/?q=zzz", "/inbox", "/scan", "/scan?code=x", "/settings", "/apps/northwick.residence-certificate", "/end_session", "/nothing", "/staff/")
		for _, extra := range [][]string{nil, {"prompt", "select_account"}, {"claims", essential, "prompt", "login"}, {"launch", b.launch("northwick.residence-certificate")}} {
			paths = append(paths, b.get("/authorize?"+h.request(extra...).Encode()).location.Path)
		}
		for _, p := range paths {
			a := b.get(p)
			if !strings.Contains(a.body, `<html lang="`+l+`" class="size-large">`) || strings.Contains(a.body, "⟦") || a.header.Get("Content-Language") != l {
				t.Errorf("%s in %s: %.200s", p, l, a.body)
			}
		}
	}
}

func TestDiscoveryNamesWhatIsThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, issuer := range []string{h.url, h.url + "/staff"} {
		var d map[string]any
		if err := json.Unmarshal([]byte(h.browser().get(issuer+"/.well-known/openid-configuration").body), &d); err != nil {
			t.Fatal(err)
		}
		if d["issuer"] != issuer || d["authorization_response_iss_parameter_supported"] != true || d["backchannel_logout_supported"] != true {
			t.Errorf("%v", d)
		}
		for k, v := range d {
			if s, ok := v.(string); ok && k != "issuer" {
				method := http.MethodGet
				if strings.HasPrefix(k, "token_") || strings.HasPrefix(k, "pushed_") {
					method = http.MethodPost
				}
				if a := h.browser().do(method, s, nil); a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
					t.Errorf("%s %s is not there", k, s)
				}
			}
		}
	}
}
