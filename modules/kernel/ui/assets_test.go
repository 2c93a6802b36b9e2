package ui_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"townhall/modules/kernel/ui"
)

func fetch(path, encoding string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	ui.Assets().ServeHTTP(w, r)
	return w
}

func assetURL(t testing.TB, name string) string {
	t.Helper()
	url, err := ui.AssetURL(name)
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func TestTheStylesheetAndTheScriptStayInTheirBudgets(t *testing.T) {
	t.Parallel()
	for name, budget := range map[string]int{"app.css": 12_000, "app.js": 6_000} {
		if n := fetch(assetURL(t, name), "gzip").Body.Len(); n == 0 || n > budget {
			t.Errorf("%s: %d bytes gzipped, budget %d", name, n, budget)
		}
	}
}

func TestAnAssetIsCachedForEverUnderItsHashAndUnknownOnesAreNotThere(t *testing.T) {
	t.Parallel()
	w := fetch(assetURL(t, "app.css"), "")
	if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("Cache-Control %q", got)
	}
	if w.Header().Get("Content-Encoding") != "" || !strings.Contains(w.Body.String(), ":root") {
		t.Error("a client without gzip gets it as it is")
	}
	if m := regexp.MustCompile(`url\(([^)/][^)]*)\)`).FindString(w.Body.String()); m != "" {
		t.Errorf("the stylesheet names a file without its hash: %s", m)
	}
	for _, path := range []string{"/assets/app.css", "/assets/app.0000000000.css", "/assets/../texts.go", "/assets/tenant.css", "/assets/tenant.css?c=red", "/assets/tenant.css?c=ffffff}body{"} {
		if got := fetch(path, "gzip").Code; got != http.StatusNotFound {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := ui.TenantCSSURL("red;}"); !strings.HasSuffix(got, "?c=1f4fd8") {
		t.Errorf("a colour that is none leads to %s", got)
	}
}

// Whatever colour a municipality chose, words in it and on it keep WCAG's 4.5:1.
func TestEveryAccentColourStaysReadable(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"ffffff", "000000", "ffff00", "00ff00", "0b6e4f", "ff0000", "777777", "8a2be2", "ffc0cb"} {
		light, dark, ok := strings.Cut(ui.TenantCSS(c), "@media")
		if !ok {
			t.Fatal("no dark part")
		}
		for part, css := range map[string]string{"light": light, "dark": dark} {
			pairs := [][2]string{{"--accent", "--on-accent"}, {"--accent-ink", "--accent-soft"}}
			if part == "light" {
				pairs = append(pairs, [2]string{"--hero", "--on-hero"})
			}
			for _, p := range pairs {
				if r := ratio(variable(t, css, p[0]), variable(t, css, p[1])); r < 4.5 {
					t.Errorf("%s, %s: %s on %s is %.2f:1", c, part, p[0], p[1], r)
				}
			}
		}
	}
}

func variable(t testing.TB, css, name string) string {
	t.Helper()
	m := regexp.MustCompile(regexp.QuoteMeta(name) + `:#([0-9a-f]{6})`).FindStringSubmatch(css)
	if m == nil {
		t.Fatalf("%s is not set in %s", name, css)
	}
	return m[1]
}

// ratio is written from WCAG 2.2's definition anew, so that it can find the other one wrong.
func ratio(a, b string) float64 {
	lum := func(hex string) float64 {
		sum := 0.0
		for i, weight := range []float64{.2126, .7152, .0722} {
			n, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
			v := float64(n) / 255
			if v <= .04045 {
				v /= 12.92
			} else {
				v = math.Pow((v+.055)/1.055, 2.4)
			}
			sum += weight * v
		}
		return sum
	}
	x, y := lum(a), lum(b)
	return (math.Max(x, y) + .05) / (math.Min(x, y) + .05)
}

func TestThePolicyAllowsOurOwnPiecesAndNothingElse(t *testing.T) {
	t.Parallel()
	h := http.Header{}
	ui.SecurityHeaders(h)
	csp := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "form-action 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("the policy lacks %q: %s", want, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") {
		t.Errorf("the policy is too wide: %s", csp)
	}
	for _, name := range []string{"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Permissions-Policy", "Strict-Transport-Security"} {
		if h.Get(name) == "" {
			t.Errorf("%s is not set", name)
		}
	}
	ui.AllowForms(h, "https://issuer.example")
	if !strings.Contains(h.Get("Content-Security-Policy"), "form-action 'self' https://issuer.example;") {
		t.Error("a form may not lead to the sign-in")
	}
}

func TestAPathFromAFormLeadsToOurOwnPagesOnly(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/cases?x=1": "/cases?x=1", "": "/", "cases": "/", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "/a\nb": "/"} {
		if got := ui.LocalPath(path); got != want {
			t.Errorf("%s: %s, want %s", fmt.Sprintf("%q", path), got, want)
		}
	}
}
