package apptest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"townhall/cmd/wallet/host"
	"townhall/modules"
	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/workflows"
)

// world is what all journeys share: one town set up as the demo's, the reference wallet beside it, one Chromium.
type world struct {
	town, wallet string // origins
	browser      *browser.Browser
	app          *App
	host         *host.Wallet
	between      *Between // everything the wallet asks of the towns goes through it
	service      *workflows.Definition
	texts        *ui.Texts
	shots        string // folder of the screenshots; empty: none are taken
	files        string // folder of what is downloaded
	judged       atomic.Int64
}

const (
	webhookSecret = "whsec_am91cm5leS1qb3VybmV5LWpvdXJuZXktam91cm5leS0wMQ=="
	paymentSecret = "whsec_am91cm5leS1qb3VybmV5LWpvdXJuZXktam91cm5leS0wMg=="
	eventSecret   = "whsec_am91cm5leS1qb3VybmV5LWpvdXJuZXktam91cm5leS0wMw=="
)

func newWorld(t *testing.T) *world {
	t.Helper()
	b := browser.Start(t)
	wallet := httptest.NewUnstartedServer(nil)
	origin := "http://" + wallet.Listener.Addr().String()
	app := Start(t, func(o *modules.Options) { o.Settings = demoSettings(t, o.Settings.Tenants[0].Origin, origin) })
	cfg := host.Config{Issuer: origin, WebhookSecret: webhookSecret, Personas: append(host.DemoPersonas(), withoutScripts())}
	for _, tenant := range app.Directory.Tenants() {
		cfg.Catalogues = append(cfg.Catalogues, tenant.Origin)
		cfg.StaffClients = append(cfg.StaffClients, host.StaffClient(string(tenant.ID), tenant.Origin))
	}
	cfg.Towns = []host.Town{{Origins: cfg.Catalogues, Secrets: []string{paymentSecret}, EventSecrets: []string{eventSecret}}}
	cfg.Spots = []host.Spot{{Name: kernel.Text{"en": "The quay", "ru": "Набережная", "zh": "码头"}, Position: kernel.Position{Latitude: 51.5009, Longitude: -0.1205}}}
	between := app.between(t)
	cfg.DialContext = between.dial(t)
	w, err := host.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	wallet.Config.Handler = w.Handler()
	wallet.Start()
	t.Cleanup(func() { wallet.Close(); _ = w.Close() })
	background, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { app.Run(background) })
	t.Cleanup(func() { stop(); wg.Wait() })
	library, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	service, _ := library.Get("residence-certificate")
	shots := os.Getenv("TOWNHALL_SHOTS")
	files := shots
	if files == "" {
		files = t.TempDir()
	}
	return &world{town: app.Origin("northwick"), wallet: origin, browser: b, app: app, host: w, between: between, service: service, texts: app.Texts, shots: shots, files: files}
}

// withoutScripts is Anna's double, who has switched JavaScript off: nothing Anna allows is remembered for her.
func withoutScripts() host.Persona {
	double := host.DemoPersonas()[0]
	double.ID = "without-scripts"
	return double
}

// demoSettings reads the demo's own settings file, so that what people see first is what is judged here.
func demoSettings(t *testing.T, town, wallet string) modules.Settings {
	t.Helper()
	file, err := template.ParseFiles(filepath.Join("..", "..", "cmd", "townhall", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(town)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := file.Execute(&b, map[string]string{"Port": at.Port(), "Wallet": wallet, "Secret": webhookSecret, "PaymentSecret": paymentSecret, "EventSecret": eventSecret}); err != nil {
		t.Fatal(err)
	}
	settings, err := modules.ReadSettings(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// person is somebody at a browser of their own.
type person struct {
	*browser.Page
	t    *testing.T
	j    *journey
	role string // in the names of screenshots
	size browser.Size
}

// see judges the page on screen, once per language: axe-core, no sideways scroll at 320 px, the right language, no
// missing text, a quiet console. It takes a screenshot for people to look at.
func (p *person) see(name string) {
	p.t.Helper()
	name = p.role + "-" + name
	if p.j.unjudged || p.j.seen[name] {
		return
	}
	p.j.seen[name] = true
	p.shot(name)
	p.judge(name)
	if p.j.dark {
		p.scheme("dark")
		p.shot(name + "-dark")
		p.judge(name + " in dark")
		p.scheme("light")
	}
	if lang := browser.Get(p.Page, chromedp.Evaluate[string](`document.documentElement.lang`)); !strings.HasPrefix(lang, p.j.locale) {
		p.t.Errorf("%s: the page is in %q", name, lang)
	}
	if strings.Contains(p.HTML(), "⟦") {
		p.t.Errorf("%s: a text is missing", name)
	}
	p.Do(chromedp.EmulateViewport(browser.Small.Width, browser.Small.Height))
	if n := p.SidewaysScroll(); n > 0 {
		p.shot(name + "-320")
		p.t.Errorf("%s: scrolls %d px sideways at 320 px", name, n)
	}
	p.Do(chromedp.EmulateViewport(p.size.Width, p.size.Height))
	for _, line := range p.Console() {
		p.t.Errorf("%s: the console says %s", name, line)
	}
}

// shot keeps the whole page, when TOWNHALL_SHOTS asks for it.
func (p *person) shot(name string) {
	p.t.Helper()
	if folder := p.j.world.shots; folder != "" {
		p.FullScreenshot(filepath.Join(folder, p.j.locale, fmt.Sprintf("%02d-%s.png", len(p.j.seen), name)))
	}
}

func (p *person) judge(name string) {
	p.t.Helper()
	p.j.world.judged.Add(1)
	for _, v := range p.Axe() {
		p.t.Errorf("%s (%s): %v", name, p.URL(), v)
	}
}

func (p *person) scheme(s string) {
	p.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(p.Context(), emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		p.t.Fatal(err)
	}
}

// has reports whether something on the page matches the CSS selector.
func (p *person) has(selector string) bool {
	p.t.Helper()
	return browser.Get(p.Page, chromedp.Evaluate[bool](fmt.Sprintf(`document.querySelector(%q) !== null`, selector)))
}

// follow follows the first link in the page's main part whose address contains part.
func (p *person) follow(part string) {
	p.t.Helper()
	p.Click(fmt.Sprintf(`main a[href*=%q]`, part))
}

// press presses the main button of the form whose address contains part.
func (p *person) press(part string) {
	p.t.Helper()
	p.Click(fmt.Sprintf(`form[action*=%q] button:not([formaction])`, part))
}

// unfold opens a closed explanation or form.
func (p *person) unfold(selector string) {
	p.t.Helper()
	if !p.has(selector + "[open]") {
		p.Do(chromedp.Click(chromedp.CSS(selector + " > summary")))
	}
}

func (p *person) expect(words ...string) {
	p.t.Helper()
	text := strings.Join(strings.Fields(p.Text()), " ")
	for _, w := range words {
		if !strings.Contains(text, strings.Join(strings.Fields(w), " ")) {
			p.t.Fatalf("%s does not say %q; it says: %.600s", p.URL(), w, text)
		}
	}
}

// patiently opens the address again until ready says so: what is told in the background arrives a moment later.
func (p *person) patiently(address string, ready func() bool) {
	p.t.Helper()
	for range 200 {
		p.Go(address)
		if ready() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%s never came: %.600s", address, p.Text())
}

// download fetches a file with the cookies of this browser.
func (p *person) download(address string) []byte {
	p.t.Helper()
	at, err := url.Parse(p.URL())
	if err != nil {
		p.t.Fatal(err)
	}
	if at, err = at.Parse(address); err != nil {
		p.t.Fatal(err)
	}
	got, err := chromedp.Call(p.Context(), network.GetCookies, network.GetCookiesParams{URLs: []string{at.String()}})
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, at.String(), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range got.Cookies {
		req.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	client := http.Client{Transport: &http.Transport{DialContext: kernel.DialLoopbackNames, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	file, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %d %v %.300s", at, resp.StatusCode, err, file)
	}
	return file
}
