package citizen_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"townhall/modules/apptest/browser"
	"townhall/modules/citizen"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

var shots = flag.String("shots", "", "folder for screenshots of every page")

// places is the directory the fixtures need: one municipality, one agency.
type places struct{}

func (places) Tenants() []kernel.Tenant { return []kernel.Tenant{ui.GalleryTenant()} }
func (places) ByHost(string) (kernel.Tenant, bool) {
	return ui.GalleryTenant(), true
}
func (places) Agency(kernel.TenantID, kernel.AgencyID) (kernel.Agency, bool) {
	return kernel.Agency{ID: "civil-registry", Name: kernel.Text{"en": "Civil registry", "ru": "Отдел записи актов", "zh": "户籍登记处"}}, true
}

func service(t testing.TB) (*citizen.Service, *ui.Texts) {
	t.Helper()
	texts, err := ui.LoadTexts(web.Texts(), citizen.Texts())
	if err != nil {
		t.Fatal(err)
	}
	library, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	shell, err := citizen.NewShell(texts, citizen.Links{Messages: true, Access: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := citizen.New(citizen.Deps{Clock: kernel.SystemClock{}, Library: library, Directory: places{}, Texts: texts, Shell: shell})
	if err != nil {
		t.Fatal(err)
	}
	return s, texts
}

func each(t testing.TB, s *citizen.Service, fn func(name, locale, page string)) {
	t.Helper()
	for _, f := range s.Fixtures() {
		for _, l := range kernel.Locales {
			page, err := ui.RenderFixture(l, f)
			if err != nil {
				t.Fatal(err)
			}
			fn(f.Name, l, string(page))
		}
	}
}

func TestNoPageLacksAText(t *testing.T) {
	t.Parallel()
	s, _ := service(t)
	each(t, s, func(name, locale, page string) {
		if at := strings.Index(page, "⟦"); at >= 0 {
			t.Errorf("%s in %s: %s", name, locale, page[at:min(len(page), at+60)])
		}
	})
}

var inline = regexp.MustCompile(`(?i)<[^>]+\s(style|on[a-z]+)=|<style|<script(?:\s[^>]*)?>[^<]|javascript:`)

func TestNoPageHasInlineStyleOrScript(t *testing.T) {
	t.Parallel()
	s, _ := service(t)
	each(t, s, func(name, locale, page string) {
		if m := inline.FindString(page); m != "" {
			t.Errorf("%s in %s: %s", name, locale, m)
		}
	})
}

// A first visit loads the page, the stylesheets, the script and the two images, all gzipped.
func TestAFirstVisitIsAtMost25KB(t *testing.T) {
	t.Parallel()
	s, _ := service(t)
	assets := 0
	seen := map[string]bool{}
	each(t, s, func(name, locale, page string) {
		for _, m := range regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1) {
			if !seen[m[1]] {
				seen[m[1]] = true
				assets += size(t, m[1])
			}
		}
	})
	each(t, s, func(name, locale, page string) {
		if n := gz(page) + assets; n > 25_000 {
			t.Errorf("%s in %s: %d bytes", name, locale, n)
		}
	})
}

func size(t testing.TB, path string) int {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	ui.Assets().ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.Len()
}

func gz(s string) int {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.Len()
}

func TestEveryPagePassesAxeInEveryLanguageLightAndDarkAndFitsASmallPhone(t *testing.T) {
	t.Parallel()
	s, texts := service(t)
	gallery, err := ui.Gallery(texts, s.Fixtures()...)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gallery)
	defer server.Close()
	b := browser.Start(t)
	for _, dark := range []bool{false, true} {
		p := b.Open(t, browser.Options{Size: browser.Small, Dark: dark})
		for _, f := range s.Fixtures() {
			for _, l := range languages(dark) {
				p.Go(server.URL + "/" + l + "/" + f.Name)
				for _, v := range p.Axe() {
					t.Errorf("%s in %s, dark %v: %s", f.Name, l, dark, v)
				}
				if n := p.SidewaysScroll(); n > 0 {
					t.Errorf("%s in %s scrolls sideways by %d px", f.Name, l, n)
				}
				for _, small := range p.SmallTargets() {
					t.Errorf("%s in %s: smaller than 44 px: %s", f.Name, l, small)
				}
			}
		}
		for _, line := range p.Console() {
			t.Errorf("console: %s", line)
		}
	}
	if *shots == "" {
		return
	}
	phone, desk, night := b.Open(t, browser.Options{}), b.Open(t, browser.Options{Size: browser.Desk}), b.Open(t, browser.Options{Dark: true})
	for _, f := range s.Fixtures() {
		for _, l := range kernel.Locales {
			phone.Go(server.URL + "/" + l + "/" + f.Name)
			phone.Screenshot(filepath.Join(*shots, f.Name+"."+l+".phone.png"))
			phone.FullScreenshot(filepath.Join(*shots, f.Name+"."+l+".full.png"))
		}
		desk.Go(server.URL + "/ru/" + f.Name)
		desk.Screenshot(filepath.Join(*shots, f.Name+".desk.png"))
		night.Go(server.URL + "/en/" + f.Name)
		night.Screenshot(filepath.Join(*shots, f.Name+".dark.png"))
	}
}

func TestTheLanguageFormSetsTheCookieAndComesBackToThePageAndNowhereElse(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/cases?x=1": "/cases?x=1", "//evil.example/": "/", "https://evil.example": "/", `/\evil.example`: "/", "": "/"} {
		form := url.Values{"locale": {"ru"}, "path": {path}}
		r := httptest.NewRequest(http.MethodPost, "/language", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		if err := citizen.SetLanguage(w, r); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("path %q leads to %q, want %q", path, got, want)
		}
		if c := w.Result().Cookies(); len(c) != 1 || c[0].Name != web.LocaleCookie || c[0].Value != "ru" {
			t.Errorf("cookies %v", c)
		}
	}
}

func TestALanguageWeDoNotSpeakIsRefused(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/language", strings.NewReader("locale=xx"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if err := citizen.SetLanguage(httptest.NewRecorder(), r); kernel.KindOf(err) != kernel.Invalid {
		t.Fatalf("got %v", err)
	}
}

// languages are those judged: the colours of the dark page are the same in each of them, so one is enough there.
func languages(dark bool) []string {
	if dark {
		return kernel.Locales[:1]
	}
	return kernel.Locales
}
