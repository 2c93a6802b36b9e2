package catalogue

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

const wallet = "https://wallet.example"

// shell renders a page's content without a layout.
type shell struct{}

func (shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	page, err := v.Render(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), name, view.Data)
	if err == nil {
		_, err = io.WriteString(w, view.Title+"\n"+view.Lead+"\n"+string(page))
	}
	return err
}

// nobody is the web.Authenticator of a house nobody signs in to.
type nobody struct{}

func (nobody) Session(r *http.Request, _ string) (kernel.Principal, error) {
	return kernel.Principal{Kind: kernel.Anonymous, Tenant: kernel.TenantOf(r.Context()).ID}, nil
}
func (nobody) Bearer(*http.Request, string) (kernel.Principal, error) {
	return kernel.Principal{}, kernel.NewError(kernel.Unauthenticated, "invalid-token", "The access token is not acceptable here.")
}
func (nobody) Challenge(w http.ResponseWriter, _ *http.Request, _ string, _ *kernel.Error) {
	w.WriteHeader(http.StatusUnauthorized)
}

func textsFor(t testing.TB) *ui.Texts {
	t.Helper()
	texts, err := ui.LoadTexts(web.Texts(), Texts())
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func service(t testing.TB) *Service {
	t.Helper()
	library, err := workflows.LoadEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Deps{Keys: t.TempDir(), Clock: kernel.SystemClock{}, Library: library, Directory: kerneltest.Directory(), Texts: textsFor(t), Shell: shell{}, Config: Config{
		Issuers: []string{wallet, "https://other.example"},
		Wallets: []WalletLink{{Name: kernel.Text{"en": "City Wallet", "ru": "Городской кошелёк", "zh": "城市钱包"}, Open: wallet + "/open?link={link}&client={client_id}&target={target}"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// town serves the module as the house does, with no one signed in.
func town(t testing.TB) http.Handler {
	t.Helper()
	return handlerOf(t, service(t), kerneltest.Directory())
}

// handlerOf serves s to the municipalities of d.
func handlerOf(t testing.TB, s *Service, d kernel.Directory) http.Handler {
	t.Helper()
	m := s.Module()
	server, err := web.New(web.Options{
		Directory: d, Auth: nobody{}, Clock: &kerneltest.FakeClock{}, Log: slog.New(slog.DiscardHandler),
		Headers: func(http.Header, *http.Request) {}, Contracts: m.Contracts, Pages: m.Pages,
		ErrorPage: func(w http.ResponseWriter, _ *http.Request, _ string, status int, e *kernel.Error) {
			w.WriteHeader(status)
			fmt.Fprint(w, e.Slug)
		},
		Translate: func(locale, key string, args map[string]string) string {
			if s.deps.Texts.Has(key) {
				return s.deps.Texts.T(locale, key)
			}
			return ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return server.Handler()
}

func call(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://northwick.localhost:8080"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var build = regexp.MustCompile(`1\.0\.0\+[0-9a-f]{8}`)

func TestTheManifestIsTheOneReviewed(t *testing.T) {
	t.Parallel()
	w := call(town(t), "GET", "/.well-known/miniapps.json", "")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", w.Code, w.Header())
	}
	kerneltest.Golden(t, "testdata/miniapps.golden.json", build.ReplaceAll(w.Body.Bytes(), []byte("1.0.0+HASH")))
}

func TestEveryManifestHasWhatTheStandardRequiresAndExactlyOneMemberOfOurs(t *testing.T) {
	t.Parallel()
	var list struct{ MiniApps []map[string]json.RawMessage }
	if err := json.Unmarshal(call(town(t), "GET", "/.well-known/miniapps.json", "").Body.Bytes(), &list); err != nil || len(list.MiniApps) == 0 {
		t.Fatalf("%d manifests, %v", len(list.MiniApps), err)
	}
	standard := map[string]bool{ // MiniApp Manifest and Web Application Manifest; true where the former requires it
		"app_id": true, "name": true, "icons": true, "version": true, "platform_version": true, "pages": true,
		"dir": false, "lang": false, "short_name": false, "description": false, "color_scheme": false, "categories": false,
		"name_localized": false, "description_localized": false,
	}
	for _, m := range list.MiniApps {
		var own []string
		for member := range m {
			if _, known := standard[member]; !known {
				own = append(own, member)
			}
		}
		if len(own) != 1 || own[0] != "townhall" {
			t.Errorf("members beside the standard: %v", own)
		}
		for member, required := range standard {
			if _, there := m[member]; required && !there {
				t.Errorf("%s is missing", member)
			}
		}
	}
}

func TestEveryTextOfTheCatalogueExistsInEveryLanguage(t *testing.T) {
	t.Parallel()
	s := service(t)
	for _, tenant := range kerneltest.Directory().Tenants() {
		for _, m := range s.list(tenant, "en") {
			for _, lang := range []string{"en", "ru", "zh-Hans"} {
				if m.NameLocalized[lang].Value == "" || m.DescriptionLocalized[lang].Value == "" {
					t.Errorf("%s: no name or description in %s", m.AppID, lang)
				}
			}
			for _, o := range m.Townhall.Services {
				for _, c := range o.Claims {
					for _, l := range kernel.Locales {
						if p := c.Purpose[l]; p == "" || strings.Contains(p, "⟦") {
							t.Errorf("%s: claim %s has no purpose in %s", m.AppID, c.Name, l)
						}
					}
				}
			}
			if b, _ := json.Marshal(m); strings.Contains(string(b), "⟦") {
				t.Errorf("%s: a text is missing", m.AppID)
			}
		}
	}
}

func TestAllAddressesOfAMiniAppLieOnItsMunicipality(t *testing.T) {
	t.Parallel()
	s := service(t)
	for _, tenant := range kerneltest.Directory().Tenants() {
		sector := sectorOf(tenant)
		for _, m := range s.list(tenant, "en") {
			x := m.Townhall
			all := append([]string{x.InitiateLoginURI, x.BackchannelLogoutURI, x.JWKSURI, x.SectorIdentifierURI, m.Icons[0].Src}, x.RedirectURIs...)
			for _, a := range append(all, x.PostLogoutRedirectURIs...) {
				if !strings.HasPrefix(a, tenant.Origin+"/") {
					t.Errorf("%s is not on %s", a, tenant.Origin)
				}
			}
			for _, r := range x.RedirectURIs {
				if !strings.Contains(strings.Join(sector, " "), r) {
					t.Errorf("sector.json lacks %s (OpenID Connect Core §8.1)", r)
				}
			}
			if x.ClientID != string(tenant.ID)+"."+m.AppID {
				t.Errorf("client id %s", x.ClientID)
			}
		}
	}
}

func TestAListThatDidNotChangeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	h := town(t)
	for _, path := range []string{"/.well-known/miniapps.json", "/.well-known/sector.json", "/apps/residence-certificate/icon.svg"} {
		first := call(h, "GET", path, "")
		tag := first.Header().Get("ETag")
		if first.Code != http.StatusOK || tag == "" || !strings.HasPrefix(first.Header().Get("Cache-Control"), "public, max-age=") {
			t.Errorf("%s: %d %v", path, first.Code, first.Header())
		}
		again := call(h, "GET", path, "", "If-None-Match", tag)
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("%s: want 304 and no body, got %d and %d bytes", path, again.Code, again.Body.Len())
		}
		if other := call(h, "GET", path, "", "If-None-Match", `"other"`); other.Code != http.StatusOK {
			t.Errorf("%s: %d for another tag", path, other.Code)
		}
	}
}

func TestIconsAreWellFormedAndInTheMunicipalitysColour(t *testing.T) {
	t.Parallel()
	for category := range glyphs {
		if err := xml.Unmarshal(iconOf(category, "#123456"), new(struct{})); err != nil {
			t.Errorf("%s: %v", category, err)
		}
	}
	if icon := string(iconOf("unheard-of", `"><script>`)); strings.Contains(icon, "script") || !strings.Contains(icon, otherGlyph) {
		t.Errorf("a colour that is none gets in: %s", icon)
	}
	h := town(t)
	w := call(h, "GET", "/apps/residence-certificate/icon.svg", "")
	if !strings.Contains(w.Body.String(), kerneltest.Tenant(kerneltest.Northwick).Colour) || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	if w := call(h, "GET", "/apps/unheard-of/icon.svg", ""); w.Code != http.StatusNotFound {
		t.Errorf("an app nobody offers has an icon: %d", w.Code)
	}
}

func TestOneMiniAppIsReadInTheLanguageAskedFor(t *testing.T) {
	t.Parallel()
	h := town(t)
	seen := map[string]bool{}
	for lang, want := range map[string]string{"en": "en", "ru": "ru", "zh": "zh-Hans"} {
		var m Manifest
		if err := json.Unmarshal(call(h, "GET", "/wallet/v1/miniapps/residence-certificate?lang="+lang, "").Body.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		if m.Lang != want || m.Name != m.NameLocalized[want].Value || seen[m.Name] {
			t.Errorf("%s: %s %q: %s", lang, m.Lang, m.Name, call(h, "GET", "/wallet/v1/miniapps/residence-certificate?lang="+lang, "").Body)
		}
		seen[m.Name] = true
	}
	w := call(h, "GET", "/wallet/v1/miniapps/helicopter-licence", "")
	if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("an app nobody offers: %d %s", w.Code, w.Body)
	}
}

func TestALaunchLinkIsReadyForTheTicket(t *testing.T) {
	t.Parallel()
	w := call(town(t), "POST", "/wallet/v1/launch-links", `{"app_id":"residence-certificate","target":"/cases?open=1","channel":"qr","locale":"zh"}`)
	var got LaunchLink
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	u, err := url.Parse(got.InitiateLoginURI)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Host != "northwick.localhost:8080" || u.Path != "/apps/residence-certificate/launch" || q.Get("iss") != wallet ||
		q.Get("target_link_uri") != "/cases?open=1" || q.Get("ui_locales") != "zh" || len(q) != 3 {
		t.Errorf("link %s", got.InitiateLoginURI)
	}
	if want := (LaunchTicket{"northwick.residence-certificate", "residence-certificate", "/cases?open=1", "qr"}); got.Ticket != want {
		t.Errorf("ticket %+v, want %+v", got.Ticket, want)
	}
}

func TestALaunchLinkToAnywhereElseIsRefused(t *testing.T) {
	t.Parallel()
	h := town(t)
	for _, target := range []string{
		"//evil.example", `/\evil.example`, `\\evil.example`, "https://evil.example", "javascript:alert(1)", "cases", "/a//b", "/../x", "/a/../b", "/a/./b",
		"/a\tb", "/\n/evil.example", "/a%2f%2fevil.example", "/%5cevil.example", "/a#b", "/cases?x=<script>", "/apps/x/launch", "/apps/x/callback", "/staff/sign-in",
		"/" + strings.Repeat("a", 1000), "/é", " /cases", "/cases ",
	} {
		body, _ := json.Marshal(map[string]string{"app_id": "residence-certificate", "target": target})
		if w := call(h, "POST", "/wallet/v1/launch-links", string(body)); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d %s", target, w.Code, w.Body)
		}
	}
	for field, body := range map[string]string{
		"iss":     `{"app_id":"residence-certificate","iss":"https://evil.example"}`,
		"channel": `{"app_id":"residence-certificate","channel":"spam"}`,
		"locale":  `{"app_id":"residence-certificate","locale":"fr"}`,
	} {
		if w := call(h, "POST", "/wallet/v1/launch-links", body); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "body."+field) {
			t.Errorf("%s: %d %s", field, w.Code, w.Body)
		}
	}
	if w := call(h, "POST", "/wallet/v1/launch-links", `{"app_id":"helicopter-licence"}`); w.Code != http.StatusNotFound {
		t.Errorf("an app nobody offers: %d", w.Code)
	}
	w := call(h, "POST", "/wallet/v1/launch-links", `{"app_id":"residence-certificate","target":"//x"}`, "Accept-Language", "ru")
	if !strings.Contains(w.Body.String(), "Укажите путь") {
		t.Errorf("the problem is not in the reader's language: %s", w.Body)
	}
}

func TestADeepLinkLetsThePersonChooseAndCarriesNothingPersonal(t *testing.T) {
	t.Parallel()
	h := town(t)
	w := call(h, "GET", "/go/residence-certificate?ref=bike-042", "")
	page := w.Body.String()
	link := url.QueryEscape("http://northwick.localhost:8080/go/residence-certificate?ref=bike-042")
	for _, want := range []string{`href="/apps/residence-certificate?ref=bike-042"`, "Open in City Wallet", link, "Civil Registry"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	if page := call(h, "GET", "/go/residence-certificate", "", "Accept-Language", "zh-CN").Body.String(); !strings.Contains(page, "在此浏览器中继续") || strings.Contains(page, "⟦") {
		t.Errorf("not in Chinese:\n%s", page)
	}
	if page := call(h, "GET", "/go/residence-certificate/cases/0198f2a6?ref=x", "").Body.String(); !strings.Contains(page, `href="/cases/0198f2a6?ref=x"`) || !strings.Contains(page, url.QueryEscape("/go/residence-certificate/cases/0198f2a6?ref=x")) {
		t.Errorf("the page is lost:\n%s", page)
	}
	for _, bad := range []string{
		"/go/helicopter-licence", "/go/residence-certificate?ref=%3Cscript%3E", "/go/residence-certificate?ref=" + strings.Repeat("a", 65),
		"/go/residence-certificate/apps/residence-certificate/launch", "/go/residence-certificate/staff/cases", "/go/residence-certificate/casesx", "/go/residence-certificate/sign-out", "/go/residence-certificate/%2e%2e/x", "/go/residence-certificate/%2fevil", "/go/residence-certificate/a%5cb",
	} {
		if w := call(h, "GET", bad, ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
}

func TestAMunicipalityCannotOfferWhatNobodyDescribed(t *testing.T) {
	t.Parallel()
	good := service(t).deps
	bad := good
	bad.Directory = directory{good.Directory}
	if _, err := New(bad); err == nil || !strings.Contains(err.Error(), "helicopter-licence") {
		t.Errorf("want a refusal that names the service, got %v", err)
	}
	bad = good
	bad.Config.Wallets = []WalletLink{{Name: kernel.Text{"en": "x"}, Open: "javascript:alert({link})"}}
	if _, err := New(bad); err == nil {
		t.Error("a wallet link that runs a script is accepted")
	}
}

type directory struct{ kernel.Directory }

func (d directory) Tenants() []kernel.Tenant {
	t := kerneltest.Tenant(kerneltest.Northwick)
	t.Services = []string{"helicopter-licence"}
	return []kernel.Tenant{t}
}
