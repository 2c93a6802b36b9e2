package apptest_test

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/openapi"
)

// appointmentPages are the citizens' pages of appointments in every state people meet.
func appointmentPages(t *testing.T) (*ui.Texts, []ui.Fixture) {
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
		if strings.HasPrefix(f.Name, "medical-") && (f.As != kernel.Staff || f.Name == "medical-doors") {
			out = append(out, f)
		}
	}
	if len(out) < 40 {
		t.Fatalf("only %d pages: the walk is broken", len(out))
	}
	return town.Texts, out
}

func TestEveryPageOfAnAppointmentPassesAxeInEveryLanguageLightAndDarkAndFitsASmallPhone(t *testing.T) {
	t.Parallel()
	texts, pages := appointmentPages(t)
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

func TestNoPageOfAnAppointmentLacksATextOrHasInlineCodeOrIsHeavy(t *testing.T) {
	t.Parallel()
	_, pages := appointmentPages(t)
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
			if len(page) > 25_000 {
				t.Errorf("%s in %s: %d bytes before they are packed", f.Name, l, len(page))
			}
		}
	}
}
