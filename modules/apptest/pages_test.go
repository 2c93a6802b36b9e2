package apptest_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/openapi"
)

var pageShots = flag.String("shots", "", "folder for screenshots of every page that is judged")

// areas are the pages that are judged in every state people meet, by the beginning of their names.
var areas = []struct {
	name, begins string
	least        int  // fewer of them: the walk is broken
	fingers      bool // used on a small phone: it scrolls one way, and nothing to tap is smaller than a finger
}{
	{"documents", "documents-", 35, true},
	{"appointments", "medical-", 40, true},
	{"clinics", "clinic-", 32, false},
	{"payments", "payment", 14, true},
	{"trips", "travel-", 20, true},
	{"operators", "staff-travel-", 30, false},
	{"releases", "release-", 25, true},
	{"staff's sign-in", "staff-employers", 1, true},
	{"links", "share-", 1, true},
	{"partners", "partners-", 44, true},
}

// fixtures are the pages whose names begin so, inside the layouts of citizens and staff.
func fixtures(t *testing.T, begins string, least int) (*ui.Texts, []ui.Fixture) {
	t.Helper()
	town, err := modules.New(modules.Options{
		Settings: apptest.Settings("8080", "http://127.0.0.1:8090", "http://127.0.0.1:8091"), Data: t.TempDir(), Clock: kernel.SystemClock{},
		Log: slog.New(slog.DiscardHandler), Contracts: openapi.FS,
	})
	if err != nil {
		t.Fatal(err)
	}
	var out []ui.Fixture
	for _, f := range town.Fixtures {
		if strings.HasPrefix(f.Name, begins) {
			out = append(out, f)
		}
	}
	if len(out) < least {
		t.Fatalf("only %d pages: the walk is broken", len(out))
	}
	return town.Texts, out
}

var (
	inlineCode = regexp.MustCompile(`(?i)<[^>]+\s(style|on[a-z]+)=|<style|<script(?:\s[^>]*)?>[^<]|javascript:`)
	assetLink  = regexp.MustCompile(`"(/assets/[^"]+)"`)
)

func TestNoPageLacksATextOrHasInlineCodeOrIsHeavy(t *testing.T) {
	t.Parallel()
	for _, area := range areas {
		_, pages := fixtures(t, area.begins, area.least)
		assets := map[string]int{}
		total := 0
		for _, f := range pages {
			for _, l := range kernel.Locales {
				page, err := ui.RenderFixture(l, f)
				if err != nil {
					t.Fatal(f.Name, err)
				}
				if at := bytes.Index(page, []byte("⟦")); at >= 0 {
					t.Errorf("%s in %s lacks a text: %s", f.Name, l, page[at:min(len(page), at+60)])
				}
				if m := inlineCode.Find(page); m != nil {
					t.Errorf("%s in %s: %s", f.Name, l, m)
				}
				for _, m := range assetLink.FindAllSubmatch(page, -1) {
					if _, seen := assets[string(m[1])]; !seen {
						assets[string(m[1])] = assetSize(t, string(m[1]))
						total += assets[string(m[1])]
					}
				}
				if n := packed(page) + total; n > 25_000 {
					t.Errorf("%s in %s: a first visit loads %d bytes", f.Name, l, n)
				}
			}
		}
	}
}

func packed(page []byte) int {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(page)
	_ = z.Close()
	return b.Len()
}

func assetSize(t *testing.T, path string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Encoding", "gzip")
	w := httptest.NewRecorder()
	ui.Assets().ServeHTTP(w, r)
	n, err := io.Copy(io.Discard, w.Body)
	if err != nil || w.Code != http.StatusOK || n == 0 {
		t.Fatalf("%s: %d %v", path, w.Code, err)
	}
	return int(n)
}

func TestEveryPagePassesAxeInEveryLanguageLightAndDarkAndFitsASmallPhone(t *testing.T) {
	t.Parallel()
	for _, area := range areas {
		t.Run(area.name, func(t *testing.T) {
			t.Parallel()
			texts, pages := fixtures(t, area.begins, area.least)
			gallery, err := ui.Gallery(texts, pages...)
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(gallery)
			defer server.Close()
			b := browser.Start(t)
			for _, dark := range []bool{false, true} {
				languages := kernel.Locales
				if dark { // the colours are the same in each language
					languages = languages[:1]
				}
				p := b.Open(t, browser.Options{Size: browser.Small, Dark: dark})
				for _, f := range pages {
					for _, l := range languages {
						p.Go(server.URL + "/" + l + "/" + f.Name)
						judgePage(t, p, area.fingers, f.Name, l, dark)
					}
				}
				for _, line := range p.Console() {
					t.Errorf("console: %s", line)
				}
			}
			if *pageShots != "" {
				shootPages(t, b, server.URL, pages)
			}
		})
	}
}

func judgePage(t *testing.T, p *browser.Page, fingers bool, name, locale string, dark bool) {
	t.Helper()
	for _, v := range p.Axe() {
		t.Errorf("%s in %s, dark %v: %s", name, locale, dark, v)
	}
	if n := p.SidewaysScroll(); n > 0 {
		t.Errorf("%s in %s scrolls sideways by %d px", name, locale, n)
	}
	if !fingers {
		return
	}
	for _, small := range p.SmallTargets() {
		t.Errorf("%s in %s: smaller than 44 px: %s", name, locale, small)
	}
}

// shootPages photographs citizens' pages on a phone and staff's on a desk.
func shootPages(t *testing.T, b *browser.Browser, origin string, pages []ui.Fixture) {
	phone, desk := b.Open(t, browser.Options{}), b.Open(t, browser.Options{Size: browser.Desk})
	for _, f := range pages {
		p := phone
		if f.As == kernel.Staff {
			p = desk
		}
		for _, l := range kernel.Locales {
			p.Go(origin + "/" + l + "/" + f.Name)
			p.FullScreenshot(filepath.Join(*pageShots, f.Name+"."+l+".png"))
		}
	}
}
