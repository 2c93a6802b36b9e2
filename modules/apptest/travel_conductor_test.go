package apptest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"townhall/modules/apptest"
	"townhall/modules/apptest/browser"
	"townhall/modules/kernel/ui"
)

// conductor is Carl with his phone on a coach.
type conductor struct {
	*browser.Page
	c *coastline
	t *testing.T
}

func (c *coastline) conductor(b *browser.Browser, o browser.Options) *conductor {
	c.t.Helper()
	p := &conductor{b.Open(c.t, o), c, c.t}
	cookie, yes := c.Cookie("northwick", apptest.Carl), true
	_, err := chromedp.Call(p.Context(), network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: c.Origin("northwick"), Path: "/", Secure: &yes, HTTPOnly: &yes})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// scan is what a hand scanner does: it types the code and ends the line.
func (p *conductor) scan(code, verdict string, words ...string) {
	p.t.Helper()
	browser.Get(p.Page, chromedp.Evaluate[int](`document.querySelector('[data-part="result"]').replaceChildren(), 0`))
	p.Do(chromedp.SendKeys(chromedp.CSS("#f-code"), code+"\r"))
	p.until(verdict, func() bool {
		return browser.Get(p.Page, chromedp.Evaluate[bool](`document.querySelector("[data-part=result] .verdict.`+verdict+`") !== null`))
	})
	p.says(words...)
}

func (p *conductor) says(words ...string) {
	p.t.Helper()
	for _, w := range words {
		p.until(w, func() bool { return strings.Contains(strings.Join(strings.Fields(p.Text()), " "), w) })
	}
}

func (p *conductor) until(what string, ready func() bool) {
	p.t.Helper()
	for range 300 {
		if ready() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.t.Fatalf("%q never came: %s", what, p.Text())
}

// judge looks at the page as it stands: axe in light and dark, and no sideways scroll on a small phone.
func (p *conductor) judge(name string) {
	p.t.Helper()
	for _, scheme := range []string{"dark", "light"} {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
		if _, err := chromedp.Call(p.Context(), emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
			p.t.Fatal(err)
		}
		for _, v := range p.Axe() {
			p.t.Errorf("%s, %s: %v", name, scheme, v)
		}
		if folder := os.Getenv("TOWNHALL_SHOTS"); folder != "" {
			p.FullScreenshot(filepath.Join(folder, "conductor-"+name+"-"+scheme+".png"))
		}
	}
	p.Do(chromedp.EmulateViewport(browser.Small.Width, browser.Small.Height))
	if n := p.SidewaysScroll(); n > 0 {
		p.t.Errorf("%s scrolls %d px sideways at 320 px", name, n)
	}
	for _, small := range p.SmallTargets() {
		p.t.Errorf("%s: smaller than 44 px: %s", name, small)
	}
	p.Do(chromedp.EmulateViewport(browser.Phone.Width, browser.Phone.Height))
	if strings.Contains(p.HTML(), "⟦") {
		p.t.Errorf("%s lacks a text", name)
	}
}

// network tells the browser whether it has one.
func (p *conductor) network(there bool) {
	p.t.Helper()
	_, err := chromedp.Call(p.Context(), network.OverrideNetworkState, network.OverrideNetworkStateParams{Offline: !there, DownloadThroughput: -1, UploadThroughput: -1})
	if err != nil {
		p.t.Fatal(err)
	}
}

// inside calls the town past its network.
func (c *coastline) inside(who apptest.Who, path string, body any) {
	c.t.Helper()
	req, err := c.Request(c.t.Context(), apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1" + path, Key: apptest.Key(), Body: body})
	if err != nil {
		c.t.Fatal(err)
	}
	req.Host = req.URL.Host
	rec := httptest.NewRecorder()
	c.Handler().ServeHTTP(rec, req)
	if rec.Code != http.StatusOK {
		c.t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
}

// state is a ticket's, as the town keeps it.
func (c *coastline) state(code string) string {
	c.t.Helper()
	for _, state := range []string{"valid", "used", "void"} {
		if c.count(`SELECT count(*) FROM travel.ticket WHERE tenant_id = 'northwick' AND code = $1 AND state = $2`, code, state) == 1 {
			return state
		}
	}
	return "none"
}

// A conductor scans with a network, goes on without, and is told what the town knows better once there is one again.
func TestAConductorGoesOnWithoutNetworkAndHandsInLater(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(1), 3)
	b, gone := c.booked(apptest.Anna, d, 1, 3, 5), c.booked(apptest.Boris, d, 1, 3, 1)
	code := func(i int) string { return b.Passengers[i].Ticket }
	p := c.conductor(browser.Start(t), browser.Options{})
	p.Go(c.Origin("northwick") + "/staff/travel/board")
	p.says("Coast Coaches", "0 of 6 on board")
	p.judge("board")
	p.Click(`main a[href$="/scan"]`)
	page := p.URL()
	p.says("0 of 6 on board", "Online. List from")
	p.judge("scan")
	p.scan(strings.ToLower(code(0)[:4]+"-"+code(0)[4:]), "success", "Valid", b.Passengers[0].Place, "1 of 6 on board")
	p.judge("valid")
	if s := c.state(code(0)); s != "used" {
		t.Errorf("scanned with network: %s", s)
	}
	p.scan(code(0), "warning", "Already used", "First scan at")
	p.until("the copy for later", func() bool {
		return browser.Get(p.Page, chromedp.Evaluate[bool](`navigator.serviceWorker.controller !== null && caches.open("scan").then(c => c.keys()).then(k => k.length > 4)`, chromedp.EvalAwaitPromise))
	})

	mend := c.Cut()
	p.network(false)
	c.inside(apptest.Boris, "/bookings/"+gone.ID+"/cancel", map[string]any{"version": gone.Version})
	earlier := lookAt(code(2), time.Now().Add(-20*time.Minute), "accepted")
	c.inside(apptest.Carl, "/operators/coast-coaches/departures/"+d+"/scans/batch", map[string]any{"scans": []look{earlier}})
	p.Go(page)
	p.says("No network. Tickets are checked by the list from", "1 of 6 on board")
	p.scan(code(1), "success", "Valid", b.Passengers[1].Place, "Without network: by the list from", "2 of 6 on board", "Scans to be handed in: 1")
	p.judge("offline")
	p.scan(code(1), "warning", "Already used", "First scan at")
	p.scan(code(0), "warning", "Already used") // before the network went
	p.scan("AAAA-AAAA-AAAA-AAAA", "danger", "Unknown code", "Not in the list from")
	p.scan(gone.Passengers[0].Ticket, "success", "Valid") // the list knows no better
	p.scan(code(2), "success", "Valid")
	p.Go(page) // nothing is lost by opening the page again
	p.says("Scans to be handed in: 6", "4 of 6 on board")
	if s := c.state(code(1)); s != "valid" {
		t.Errorf("without network: %s", s)
	}
	kept := browser.Get(p.Page, chromedp.Evaluate[string](`JSON.stringify(localStorage)`))
	for _, secret := range []string{code(0), code(1), gone.Passengers[0].Ticket, "Anna", "Friend"} {
		if strings.Contains(kept, secret) {
			t.Errorf("the device keeps %q", secret)
		}
	}

	mend()
	p.network(true)
	p.says("To be settled", "with a ticket that was not valid any more.", fmt.Sprintf("Place %s: let on at", b.Passengers[2].Place), "but the ticket was used at", "Online. List from", "3 of 5 on board")
	p.judge("conflicts")
	for code, want := range map[string]string{code(0): "used", code(1): "used", code(2): "used", code(3): "valid", gone.Passengers[0].Ticket: "void"} {
		if s := c.state(code); s != want {
			t.Errorf("handed in: %s, want %s", s, want)
		}
	}
	list, _, _ := c.list(d)
	if at := list.of(code(2)).UsedAt; at == nil || !at.Equal(earlier.At) {
		t.Errorf("used first at %v, want %v", at, earlier.At)
	}
	for _, line := range p.Console() {
		if !strings.Contains(line, "net::ERR") && !strings.Contains(line, "Failed to fetch") {
			t.Errorf("console: %s", line)
		}
	}
}

// Without scripts each code is sent as a form and answered with a page; in every language.
func TestAConductorNeedsNoScripts(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, other := c.Coach(soon(1), 3), c.Coach(soon(2), 3)
	b, elsewhere := c.booked(apptest.Anna, d, 1, 3, 2), c.booked(apptest.Boris, other, 1, 3, 1)
	path := "/staff/travel/coast-coaches/departures/" + d + "/scan"
	post := func(who apptest.Who, code string, want int) string {
		t.Helper()
		a := c.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Form: url.Values{"code": {code}, "idempotency_key": {apptest.Key()}}, Cookie: c.Cookie("northwick", who)})
		if a.Status != want {
			t.Errorf("%s: %d, want %d", code, a.Status, want)
		}
		return string(a.Body)
	}
	said := func(page string, words ...string) {
		t.Helper()
		page, _, _ = strings.Cut(page, "<template") // there are the words of every answer
		for _, w := range words {
			if !strings.Contains(page, w) {
				t.Errorf("the page does not say %q", w)
			}
		}
	}
	said(post(apptest.Carl, b.Passengers[0].Ticket, http.StatusOK), `class="verdict success"`, "Valid", b.Passengers[0].Place, "Stop 0 – Stop 2", "1 of 2 on board")
	said(post(apptest.Carl, b.Passengers[0].Ticket, http.StatusConflict), `class="verdict warning"`, "Already used", "First scan at")
	said(post(apptest.Carl, elsewhere.Passengers[0].Ticket, http.StatusConflict), `class="verdict danger"`, "Another departure")
	said(post(apptest.Carl, "", http.StatusNotFound), `class="verdict danger"`, "Unknown code")
	post(apptest.Nora, b.Passengers[1].Ticket, http.StatusNotFound)
	post(apptest.Dina, b.Passengers[1].Ticket, http.StatusForbidden)
	if s := c.state(b.Passengers[1].Ticket); s != "valid" {
		t.Errorf("somebody without the right used a ticket: %s", s)
	}
	if a := c.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path + "/tickets", Cookie: c.Cookie("northwick", apptest.Nora)}); a.Status != http.StatusNotFound {
		t.Errorf("the list for another operator: %d", a.Status)
	}
	scripts := packed(c.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path + "-worker.js", Cookie: c.Cookie("northwick", apptest.Carl)}).Body)
	for _, name := range []string{"app.js", "scan.js"} {
		at, err := ui.AssetURL(name)
		if err != nil {
			t.Fatal(err)
		}
		scripts += assetSize(t, at)
	}
	if scripts > 6_000 {
		t.Errorf("the scripts of the page are %d bytes gzipped", scripts)
	}
	browsers := browser.Start(t)
	for locale, word := range map[string]string{"ru": "Есть сеть. Список от", "zh": "网络正常。名单时间"} {
		p := c.conductor(browsers, browser.Options{Locale: locale})
		p.Go(c.Origin("northwick") + path)
		p.says(word)
		p.scan(b.Passengers[0].Ticket, "warning")
		p.judge("scan-" + locale)
	}
	quiet := c.conductor(browsers, browser.Options{NoJavaScript: true})
	quiet.Go(c.Origin("northwick") + path)
	quiet.Fill("#f-code", b.Passengers[1].Ticket)
	quiet.Click(`form.inline button`)
	quiet.Wait(".verdict.success")
	quiet.says("2 of 2 on board")
}
