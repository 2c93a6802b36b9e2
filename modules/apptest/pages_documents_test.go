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

var pageShots = flag.String("shots", "", "folder for screenshots of every page of the documents")

// documentPages are the pages of documents in every state people meet, inside the layouts of citizens and staff.
func documentPages(t *testing.T) (*ui.Texts, []ui.Fixture) {
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
		if strings.HasPrefix(f.Name, "documents-") {
			out = append(out, f)
		}
	}
	if len(out) < 35 {
		t.Fatalf("only %d pages: the walk is broken", len(out))
	}
	return town.Texts, out
}

var inlineCode = regexp.MustCompile(`(?i)<[^>]+\s(style|on[a-z]+)=|<style|<script(?:\s[^>]*)?>[^<]|javascript:`)

func TestNoPageOfDocumentsLacksATextOrHasInlineCodeOrIsHeavy(t *testing.T) {
	t.Parallel()
	_, pages := documentPages(t)
	assets := map[string]int{}
	total := 0
	for _, f := range pages {
		for _, l := range kernel.Locales {
			page, err := ui.RenderFixture(l, f)
			if err != nil {
				t.Fatal(err)
			}
			if at := bytes.Index(page, []byte("⟦")); at >= 0 {
				t.Errorf("%s in %s lacks a text: %s", f.Name, l, page[at:min(len(page), at+60)])
			}
			if m := inlineCode.Find(page); m != nil {
				t.Errorf("%s in %s: %s", f.Name, l, m)
			}
			for _, m := range regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllSubmatch(page, -1) {
				if _, seen := assets[string(m[1])]; !seen {
					assets[string(m[1])] = assetSize(t, string(m[1]))
					total += assets[string(m[1])]
				}
			}
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(page)
			_ = z.Close()
			if n := b.Len() + total; n > 25_000 {
				t.Errorf("%s in %s: a first visit loads %d bytes", f.Name, l, n)
			}
		}
	}
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

func TestEveryPageOfDocumentsPassesAxeInEveryLanguageLightAndDarkAndFitsASmallPhone(t *testing.T) {
	t.Parallel()
	texts, pages := documentPages(t)
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
	if *pageShots != "" {
		shootPages(t, b, server.URL, pages)
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
