package host

import (
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	chromium "townhall/modules/apptest/browser"
	"townhall/modules/kernel"
)

// What a page may weigh on its way to a browser that was never here, in bytes.
const (
	visitBudget  = 25 << 10
	styleBudget  = 12 << 10
	scriptBudget = 6 << 10
)

// visited are the pages that no state of somebody's own leads to, and those that one does: by name, an address, or how to get
// there.
func visited(h *house, north *archive) map[string]string {
	token := func(pairs ...string) string { return h.url + "/authorize?" + h.request(pairs...).Encode() }
	sheet := "/apps/" + h.northwick.client("residence-certificate")
	return map[string]string{
		"home": "/", "search": "/?q=dog", "search-none": "/?q=nothing", "sheet": sheet, "sheet-shared": sheet + "?share=1", "sheet-paused": "/apps/" + h.eastmere.client("dog-licence"),
		"scan": "/scan", "scan-unknown": "/scan?code=https%3A%2F%2Fevil.example%2Fgo%2Fx", "nearby": "/nearby", "inbox": "/inbox", "message": "/inbox/m-1",
		"settings": "/settings?saved=1", "documents": "/documents", "document": north.page(firstDocument), "document-revoked": north.page(secondDocument),
		"document-link-ended": north.page(firstDocument) + "?ended=1", "not-there": "/nothing", "sign-out": "/end_session", "staff": "/staff/",
		"continue": token(), "sign-in": "/sign-in",
	}
}

func TestEveryPageFitsEveryPhoneLanguageAndEye(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *Config) {
		c.Spots = []Spot{{Name: kernel.Text{"en": "Market Square", "ru": "Рыночная площадь", "zh": "集市广场"}, Position: kernel.Position{Latitude: 51.5, Longitude: -0.12}}}
	})
	h.eastmere.edit = func(app map[string]any) {
		if app["app_id"] == "dog-licence" {
			own := app["townhall"].(map[string]any)
			own["stage"], own["closed"], own["reason"] = "paused", true, map[string]string{"en": "The register is moving.", "ru": "Реестр переезжает.", "zh": "登记系统正在迁移。"}
		}
	}
	north := newArchive(h, h.northwick)
	for _, who := range []string{"anna", "maria", "xiaoming"} {
		north.give(who, firstDocument, "RC-7K4M-93Q2-TX8D-6HRW", "valid", map[string]any{"valid_to": h.clock.Now().AddDate(0, 3, 0)})
		north.give(who, secondDocument, "RC-0000-93Q2-TX8D-6HRW", "revoked", map[string]any{"revoked_at": h.clock.Now()})
		for _, e := range []entry{
			{Persona: who, Recent: h.northwick.client("residence-certificate")}, {Persona: who, Star: h.eastmere.client("residence-certificate")},
		} {
			if err := h.w.journal.write(e); err != nil {
				t.Fatal(err)
			}
		}
		m := Message{ID: "m-1", Persona: who, ClientID: h.northwick.client("residence-certificate"), Title: kernel.Text{"en": "A question", "ru": "Есть вопрос", "zh": "有一个问题"},
			Body: kernel.Text{"en": "Please answer.", "ru": "Пожалуйста, ответьте.", "zh": "请回复。"}, Path: "/cases/1", Number: "RC-2026-7K4M", At: h.clock.Now()}
		if who != "anna" {
			m.ID = "m-" + who
		}
		if err := h.w.journal.write(entry{Message: &m}); err != nil {
			t.Fatal(err)
		}
	}
	pages := visited(h, north)
	b := chromium.Start(t)
	for _, size := range []chromium.Size{chromium.Phone, chromium.Small, chromium.Desk} {
		for _, dark := range []bool{false, true} {
			for _, l := range kernel.Locales {
				if l != "en" && size != chromium.Small || dark && size != chromium.Phone {
					continue // the colours are the same in each language, and what fits the small phone fits the others
				}
				p := b.Open(t, chromium.Options{Size: size, Dark: dark, Locale: l})
				judge := func(name string) {
					t.Helper()
					at := name + " in " + l
					for _, v := range p.Axe() {
						t.Errorf("%s at %d px, dark %v: %s", at, size.Width, dark, v)
					}
					if n := p.SidewaysScroll(); n > 0 {
						t.Errorf("%s scrolls sideways by %d px at %d px", at, n, size.Width)
					}
					if small := p.SmallTargets(); len(small) > 0 {
						t.Errorf("%s at %d px: smaller than a finger: %v", at, size.Width, small)
					}
					if wide := chromium.Get(p, chromedp.Evaluate[string](`[...document.querySelectorAll(".tabs a")].filter(a => a.querySelector("span").getBoundingClientRect().width > a.getBoundingClientRect().width).map(a => a.textContent).join()`)); wide != "" {
						t.Errorf("%s at %d px: a word is wider than its tab: %s", at, size.Width, wide)
					}
					if strings.Contains(p.HTML(), "⟦") {
						t.Errorf("%s lacks a text", at)
					}
					if *shots != "" {
						p.FullScreenshot(filepath.Join(*shots, "every-"+shotName(name, l, size, dark)))
					}
				}
				p.Go(h.url + "/sign-in")
				judge("personas")
				enter := func(persona string) { enterAs(p, h.url, persona, l, size == chromium.Small && l == "ru") }
				enter("anna")
				for name, address := range pages {
					if strings.HasPrefix(address, "/") {
						address = h.url + address
					}
					p.Go(address)
					judge(name)
				}
				p.Go(h.url + "/nearby")
				p.Select("#spot", "0")
				p.Click("#around .second")
				judge("nearby-found")
				p.Go(h.url + north.page(firstDocument))
				p.Fill("#label", "Harbour Bank")
				p.Click("#share .button")
				judge("document-link")
				enter("xiaoming")
				levels := `{"id_token":{"acr":{"essential":true,"values":["` + ACRSubstantial + `"]}}}`
				p.Go(h.url + "/authorize?" + h.request("claims", levels).Encode())
				p.Click(`button[value="continue"]`)
				judge("step-up")
				p.Fill("#pin", "000000")
				p.Click(`button[value="confirm"]`)
				judge("step-up-wrong")
				p.Fill("#pin", "123456")
				p.Click(`button[value="confirm"]`)
				judge("consent")
				enter("maria")
				p.Go(h.url + "/authorize?" + h.request("claims", strings.Replace(levels, ACRSubstantial, ACRHigh, 1)).Encode())
				p.Click(`button[value="continue"]`)
				judge("step-up-unreachable")
				p.Go(h.url + "/authorize?" + h.request("max_age", "0").Encode())
				p.Click(`button[value="continue"]`)
				judge("confirm-on-device")
			}
		}
	}
}

var linked = regexp.MustCompile(`"(/assets/[^"]+)"`)

func TestEveryPageWeighsLittle(t *testing.T) {
	t.Parallel()
	h, north, _ := paperHouse(t)
	north.give("anna", "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c13", "RC-8888-93Q2-TX8D-6HRW", "revoked", nil)
	anna := h.browser().signIn("anna")
	anna.headers = map[string]string{"Accept-Encoding": "gzip"}
	weight := func(path string) int {
		req, err := http.NewRequest(http.MethodGet, h.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := h.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
		}
		return len(body)
	}
	heaviest, most := "", 0
	for name, address := range visited(h, north) {
		for _, l := range kernel.Locales {
			anna.cookies["wallet-lang"] = l
			page := anna.get(address)
			if page.location != nil {
				page = anna.get(page.location.String())
			}
			if !strings.Contains(page.body, "<!doctype html>") {
				t.Fatalf("%s is no page: %d", name, page.status)
			}
			total := len(page.body)
			var assets []string
			for _, m := range linked.FindAllStringSubmatch(page.body, -1) {
				if u, err := url.Parse(m[1]); err == nil && !slices.Contains(assets, m[1]) {
					assets = append(assets, m[1])
					n := weight(m[1])
					if total += n; strings.HasSuffix(u.Path, ".css") && n > styleBudget || strings.HasSuffix(u.Path, ".js") && n > scriptBudget {
						t.Errorf("%s weighs %d bytes", m[1], n)
					}
				}
			}
			if len(assets) < 2 {
				t.Errorf("%s: only %v", name, assets)
			}
			if total > most {
				heaviest, most = name+" in "+l, total
			}
			if total > visitBudget {
				t.Errorf("%s in %s: a first visit weighs %d bytes", name, l, total)
			}
		}
	}
	t.Logf("the heaviest is %s: %d bytes", heaviest, most)
}

// enterAs signs a person in, in a language, with the letters as large as they get when wanted: with the longest words that is the hardest page.
func enterAs(p *chromium.Page, wallet, persona, locale string, largest bool) {
	p.Go(wallet + "/sign-in")
	p.Click(`button[value="` + persona + `"]`)
	p.Go(wallet + "/settings")
	p.Choose(`input[value="` + locale + `"]`)
	if largest {
		p.Choose(`input[value="largest"]`)
	}
	p.Click(`form[action="/settings"] .button`)
}
