package developers_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"townhall/modules/apptest/browser"
	"townhall/modules/developers"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

var shots = flag.String("shots", "", "folder for screenshots of every page")

// sampleRules fill every table of the page for partners.
var sampleRules = developers.PartnerRules{
	Categories: []developers.PartnerCategory{{Name: "certificates", PublicBody: true}, {Name: "health", PublicBody: true, Company: true}},
	Claims:     []developers.PartnerClaim{{Purpose: "appointment", Claim: "birthdate", Days: 1098}},
	Templates:  []developers.PartnerTemplate{{Name: "application", Purpose: "application", Summary: "People apply.", Asks: true, Prints: true}},
	Limits:     []developers.PartnerLimit{{Blank: "title", Most: 80}},
	Roles:      []string{"publisher", "officer"}, MiniApps: 50, Questions: 20, Options: 20,
}

// site serves the module's pages without the rest of the house.
func site(t testing.TB) http.Handler {
	t.Helper()
	texts, err := ui.LoadTexts(web.Texts(), developers.Texts())
	if err != nil {
		t.Fatal(err)
	}
	s, err := developers.New(developers.Deps{Contracts: os.DirFS("testdata"), Texts: texts, Partners: sampleRules})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", ui.Assets())
	for _, p := range s.Module().Pages {
		mux.HandleFunc(p.Pattern, func(w http.ResponseWriter, r *http.Request) {
			locale := "en"
			if c, err := r.Cookie(web.LocaleCookie); err == nil {
				locale = c.Value
			}
			if q := r.URL.Query().Get("l"); q != "" {
				locale = q
			}
			ctx := kernel.WithLocale(kernel.WithTenant(r.Context(), ui.GalleryTenant()), locale)
			if err := p.Handle(w, r.WithContext(ctx)); err != nil {
				http.Error(w, err.Error(), http.StatusNotFound)
			}
		})
	}
	return mux
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestTheReferenceShowsEveryOperationWithItsPolicyParametersAnswersAndACommand(t *testing.T) {
	t.Parallel()
	page := get(site(t), "/developers/sample").Body.String()
	for _, want := range []string{
		`id="start-application"`, "/sample/v1/applications", "citizen", "substantial", "Idempotency-Key", "<b>required</b>",
		`items[].title`, "one of bank, school", "application/problem+json", `curl -sS -X POST &#34;$ORIGIN/sample/v1/applications&#34;`, "&#34;purpose&#34;: &#34;bank&#34;",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestTheContractsAreServedAsTheyArePublished(t *testing.T) {
	t.Parallel()
	h := site(t)
	for _, file := range []string{"sample.yaml", "sample.3.0.yaml"} {
		want, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		got := get(h, "/developers/"+file)
		if got.Code != http.StatusOK || got.Body.String() != string(want) {
			t.Errorf("%s: status %d", file, got.Code)
		}
		if k := got.Header().Get("Content-Type"); k != "application/yaml" {
			t.Errorf("%s is served as %s", file, k)
		}
	}
	for _, path := range []string{"/developers/nothing", "/developers/nothing.yaml", "/developers/try/nothing", "/developers/swagger/index.html", "/developers/problems"} {
		if got := get(h, path); got.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, got.Code)
		}
	}
}

func TestTheGuideAndTheReferencePassAxeAndTryItCallsNobodyElse(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(site(t))
	defer server.Close()
	b := browser.Start(t)
	for _, size := range []browser.Size{browser.Small, browser.Desk} {
		for _, dark := range []bool{false, true} {
			p := b.Open(t, browser.Options{Size: size, Dark: dark})
			for _, path := range []string{"/developers/", "/developers/hosts", "/developers/offering", "/developers/checking", "/developers/paying", "/developers/sample"} {
				for _, l := range languages(dark) {
					p.Go(server.URL + path + "?l=" + l)
					for _, v := range p.Axe() {
						t.Errorf("%s in %s at %d px, dark %v: %s", path, l, size.Width, dark, v)
					}
					if n := p.SidewaysScroll(); n > 0 {
						t.Errorf("%s scrolls sideways by %d px at %d px", path, n, size.Width)
					}
				}
				if *shots != "" && size == browser.Desk && !dark {
					p.Go(server.URL + path)
					p.FullScreenshot(filepath.Join(*shots, "developers"+strings.ReplaceAll(path, "/", "-")+".png"))
				}
			}
		}
	}
	p := b.Open(t, browser.Options{Size: browser.Desk})
	p.Go(server.URL + "/developers/try/sample")
	p.Wait("#swagger .opblock")
	if *shots != "" {
		p.Screenshot(filepath.Join(*shots, "developers-try.png"))
	}
	for _, line := range p.Console() {
		t.Errorf("console: %s", line)
	}
}

// languages are those judged: the colours of the dark page are the same in each of them, so one is enough there.
func languages(dark bool) []string {
	if dark {
		return kernel.Locales[:1]
	}
	return kernel.Locales
}
