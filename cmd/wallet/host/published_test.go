package host

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	"townhall/modules/kernel"
)

func TestAManifestThatIsNotWhatTheAgencySignedIsNotListed(t *testing.T) {
	t.Parallel()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ext := func(app map[string]any) map[string]any { return app["townhall"].(map[string]any) }
	for name, change := range map[string]func(h *house, app map[string]any){
		"changed":        func(_ *house, app map[string]any) { app["name"] = "Better certificates" },
		"other purposes": func(_ *house, app map[string]any) { ext(app)["services"] = []any{} },
		"without":        func(_ *house, app map[string]any) { delete(ext(app), "publication") },
		"of another hash": func(_ *house, app map[string]any) {
			ext(app)["publication"].(map[string]any)["hash"] = "sha256:00"
		},
		"signed by somebody else": func(h *house, app map[string]any) {
			delete(ext(app), "publication")
			raw, err := json.Marshal(app)
			if err != nil {
				t.Error(err)
			}
			canonical, err := jcs.Transform(raw)
			if err != nil {
				t.Error(err)
			}
			ext(app)["publication"] = h.eastmere.sign(canonical, "registry", stranger)
		},
	} {
		h := newHouse(t, nil)
		h.eastmere.after = func(app map[string]any) { change(h, app) }
		apps := h.w.book.apps(t.Context())
		if len(apps) != 2 || apps[0].Origin != h.northwick.URL || apps[1].Origin != h.northwick.URL {
			t.Errorf("%s: %d mini-apps are listed", name, len(apps))
		}
	}
	h := newHouse(t, nil)
	h.eastmere.edit = func(app map[string]any) { // well signed, by keys that are another's
		ext(app)["publisher"] = map[string]any{"agency": "registry", "jwks_uri": h.northwick.URL + "/.well-known/agencies/registry/jwks.json"}
	}
	if n := len(h.w.book.apps(t.Context())); n != 2 {
		t.Errorf("keys of another municipality: %d mini-apps are listed", n)
	}
}

func TestAnAgencyWhoseKeysAreAwayStaysInTheList(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.w.book.apps(t.Context())
	h.w.book.mu.Lock()
	h.w.book.keys = nil
	h.w.book.mu.Unlock()
	h.eastmere.mu.Lock()
	h.eastmere.keyless = true
	h.eastmere.mu.Unlock()
	h.clock.advance(2 * freshFor)
	if n := len(h.w.book.apps(t.Context())); n != 4 {
		t.Errorf("%d mini-apps are listed", n)
	}
}

// People read what kind of body runs a mini-app, where its signed manifest says so, and nothing where it does not.
func TestTheSheetSaysWhatKindOfBodyRunsAMiniApp(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][3]string{
		"company":     {"Registry, a licensed company", "Реестр, компания с лицензией", "登记处（持牌企业）"},
		"public-body": {"Registry, a public body", "Реестр, государственное учреждение", "登记处（公共机构）"},
		"club":        {"Registry", "Реестр", "登记处"},
		"":            {"Registry", "Реестр", "登记处"},
	} {
		h := newHouse(t, nil)
		h.northwick.edit = func(app map[string]any) {
			app["townhall"].(map[string]any)["publisher"].(map[string]any)["kind"] = kind
		}
		b := h.browser().signIn("anna")
		for i, l := range kernel.Locales {
			b.cookies["wallet-lang"] = l
			if page := b.get(h.url + "/apps/" + certificate).body; !strings.Contains(page, "<dd>"+want[i]+"</dd>") {
				t.Errorf("%q in %s: %q is not on the sheet", kind, l, want[i])
			}
		}
	}
}
