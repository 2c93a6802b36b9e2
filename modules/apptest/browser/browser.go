// Package browser drives a headless Chromium for tests of pages: at a phone's or a desk's size, light or dark, with
// or without JavaScript, judged by axe-core. It imports nothing of ours, so that any test may use it.
package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The sizes pages are made for, in CSS pixels.
var (
	Phone = Size{390, 844}
	Small = Size{320, 640} // WCAG 2.2, 1.4.10: no sideways scroll
	Desk  = Size{1280, 800}
)

// Size is a viewport.
type Size struct{ Width, Height int64 }

// limit ends a browser that hangs; no test measures it.
const limit = 10 * time.Minute

// Browser is one Chromium with a profile of its own. It ends with the test.
type Browser struct {
	ctx context.Context
}

// Start starts Chromium. Without one on this machine the test fails and says what to install; with -short it is
// skipped, because a browser is not short.
func Start(t testing.TB) *Browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser is not short")
	}
	program, err := find("chromium", "chromium-browser", "google-chrome")
	if err != nil {
		t.Fatalf("%v: run `make need-test`", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en"), chromedp.Flag("font-render-hinting", "none"),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox refuses to run as root
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() { cancel(); stop() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start: %v", err)
	}
	return &Browser{ctx: ctx}
}

func find(names ...string) (string, error) {
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("none of %s is installed", strings.Join(names, ", "))
}

// Options of a tab.
type Options struct {
	Size         Size // zero: Phone
	Dark         bool
	NoJavaScript bool
	Locale       string // Accept-Language; empty: en
}

// Page is one tab with cookies of its own: another person, or the same person's other device.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu      sync.Mutex
	console []string
}

// Open opens a tab in a fresh cookie jar.
func (b *Browser) Open(t testing.TB, o Options) *Page {
	t.Helper()
	if o.Size == (Size{}) {
		o.Size = Phone
	}
	if o.Locale == "" {
		o.Locale = "en"
	}
	tab, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(tab); err != nil { // the first run makes the tab and must have no time limit
		t.Fatalf("new tab: %v", err)
	}
	ctx, stop := context.WithTimeout(tab, limit)
	t.Cleanup(stop)
	p := &Page{t: t, ctx: ctx}
	go p.listen()
	scheme := "light"
	if o.Dark {
		scheme = "dark"
	}
	p.Do(chromedp.EmulateViewport(o.Size.Width, o.Size.Height))
	features := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	p.must(err)
	_, err = chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": o.Locale}})
	p.must(err)
	_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: o.NoJavaScript})
	p.must(err)
	return p
}

func (p *Page) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// listen keeps what a person with the console open would read: script errors and what the page's policy refused. A
// page that answers with an error status says so in its own words; the browser's line about it is left out.
func (p *Page) listen() {
	for m, err := range chromedp.Console(p.ctx) {
		if err != nil {
			return
		}
		if (m.Type == "error" || m.Type == chromedp.ConsoleException) && !strings.HasPrefix(m.Text, "Failed to load resource") {
			p.mu.Lock()
			p.console = append(p.console, m.Text)
			p.mu.Unlock()
		}
	}
}

// Console returns the script errors and blocked loads so far.
func (p *Page) Console() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.console...)
}

// Context is the tab's, for chromedp actions this package has no word for.
func (p *Page) Context() context.Context { return p.ctx }

// Do runs actions and fails the test when one fails.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("browser: %v (at %s)", err, p.URL())
	}
}

// Get runs an action that has a value, such as chromedp.Evaluate[int]("1+1").
func Get[T any](p *Page, a chromedp.Action[T]) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, a)
	if err != nil {
		p.t.Fatalf("browser: %v (at %s)", err, p.URL())
	}
	return v
}

// Go opens an address and waits until it is loaded.
func (p *Page) Go(url string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(url))
}

// URL is the address the tab shows.
func (p *Page) URL() string {
	at, err := chromedp.Run(p.ctx, chromedp.Location())
	if err != nil {
		return "?"
	}
	return at
}

// Text is what a person reads on the page. It works without JavaScript, too: the page's own scripts are off then,
// not the debugger's.
func (p *Page) Text() string {
	p.t.Helper()
	for range 200 {
		if text := Get(p, chromedp.Evaluate[string](`document.body ? "=" + document.body.innerText : ""`)); text != "" {
			return text[1:]
		}
		time.Sleep(20 * time.Millisecond) // the next page has just begun to come
	}
	p.t.Fatalf("no page at %s", p.URL())
	return ""
}

// HTML is the page as it stands.
func (p *Page) HTML() string {
	p.t.Helper()
	return Get(p, chromedp.Evaluate[string](`document.documentElement.outerHTML`))
}

// Click follows the first link or presses the first button that matches the CSS selector, and waits for the page that
// comes of it.
func (p *Page) Click(selector string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		p.t.Fatalf("click %s: %v (at %s)", selector, err, p.URL())
	}
}

// Wait waits until something that matches the CSS selector is visible.
func (p *Page) Wait(selector string) {
	p.t.Helper()
	p.Do(chromedp.WaitVisible(chromedp.CSS(selector)))
}

// Fill replaces what a text field holds; it must be visible.
func (p *Page) Fill(selector, text string) {
	p.t.Helper()
	p.Do(chromedp.WaitVisible(chromedp.CSS(selector)))
	Get(p, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))) // chromedp.Clear wants a text node in a textarea
	p.Do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// Choose ticks a radio or checkbox: a click on its control.
func (p *Page) Choose(selector string) {
	p.t.Helper()
	p.Do(chromedp.Click(chromedp.CSS(selector)))
}

// Select sets the value of a drop-down or a date field.
func (p *Page) Select(selector, value string) {
	p.t.Helper()
	p.Do(chromedp.SetValue(chromedp.CSS(selector), value))
}

// Screenshot writes the visible part of the page as PNG, making the folders on the way.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	p.save(path, Get(p, chromedp.CaptureScreenshot()))
}

// FullScreenshot writes the whole page as PNG.
func (p *Page) FullScreenshot(path string) {
	p.t.Helper()
	p.save(path, Get(p, chromedp.FullScreenshot(100)))
}

func (p *Page) save(path string, png []byte) {
	p.t.Helper()
	p.must(os.MkdirAll(filepath.Dir(path), 0o755))
	p.must(os.WriteFile(path, png, 0o644))
}

// SidewaysScroll returns by how many CSS pixels the page is wider than its viewport.
func (p *Page) SidewaysScroll() int {
	p.t.Helper()
	return Get(p, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
}

// SmallTargets returns the controls that are smaller than 44 by 44 CSS pixels, links in running text aside. A choice
// counts with its label.
func (p *Page) SmallTargets() []string {
	p.t.Helper()
	return Get(p, chromedp.Evaluate[[]string](`[...document.querySelectorAll("button, .button, input, select, textarea, nav a, summary")]
		.filter(e => e.type !== "hidden" && e.checkVisibility() && !e.closest(".vh, .choice"))
		.filter(e => { const r = (e.matches("[type=radio], [type=checkbox]") && e.closest("label") || e).getBoundingClientRect(); return r.width < 43.5 || r.height < 43.5 })
		.map(e => e.outerHTML.slice(0, 120))`))
}

// Violation is one finding of axe-core.
type Violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

func (v Violation) String() string {
	return fmt.Sprintf("%s (%s): %s\n    %s", v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n    "))
}

// Axe judges the page by every rule of WCAG 2.0 to 2.2, A and AA, and by axe's best practices. It needs the script
// to run from outside the page's own policy: it is evaluated by the debugger, not loaded by the page.
func (p *Page) Axe() []Violation {
	p.t.Helper()
	script, err := axe()
	if err != nil {
		p.t.Fatal(err)
	}
	Get(p, chromedp.Evaluate[int](script+"\n;0"))
	// What passes is not written down, and no rule of these needs the style sheets to be read: that would double the time.
	result := Get(p, chromedp.Evaluate[string](`axe.run(document, {runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
		resultTypes: ["violations"], preload: false, elementRef: false})
		.then(r => JSON.stringify(r.violations.map(v => ({id: v.id, impact: v.impact, help: v.help,
			nodes: v.nodes.map(n => n.html.slice(0, 200) + " :: " + [...n.any, ...n.all, ...n.none].map(c => c.message).join("; "))}))))`,
		chromedp.EvalAwaitPromise))
	var found []Violation
	p.must(json.Unmarshal([]byte(result), &found))
	return found
}

// axe reads axe-core from the pinned packages (.ci/npm), wherever in the tree the test runs.
func axe() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		raw, err := os.ReadFile(filepath.Join(dir, ".cache/npm/checks/node_modules/axe-core/axe.min.js"))
		if err == nil {
			return string(raw), nil
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			return "", errors.New("axe-core is not installed: run `make need-test`")
		}
		dir = filepath.Dir(dir)
	}
}
