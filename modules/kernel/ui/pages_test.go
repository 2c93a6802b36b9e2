package ui_test

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

var (
	update = flag.Bool("update", false, "write the golden files anew")
	shots  = flag.String("shots", "", "folder for screenshots of every page of the gallery")
)

func texts(t testing.TB) *ui.Texts {
	t.Helper()
	all, err := ui.LoadTexts()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func blockFixtures(t testing.TB) []ui.Fixture {
	t.Helper()
	fixtures, err := ui.BlockFixtures(texts(t))
	if err != nil {
		t.Fatal(err)
	}
	return fixtures
}

func TestEveryBlockWritesTheHTMLThatWasReviewed(t *testing.T) {
	t.Parallel()
	for _, f := range blockFixtures(t) {
		for _, l := range kernel.Locales {
			got, err := ui.RenderFixture(l, f)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", "golden", f.Name+"."+l+".html")
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, ui.WithoutHashes(got), 0o644); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if string(ui.WithoutHashes(got)) != string(want) {
				t.Errorf("%s differs from what was reviewed; look at it and run with -update", path)
			}
		}
	}
}

func TestEveryBlockPassesAxeInEveryLanguageLightAndDark(t *testing.T) {
	t.Parallel()
	gallery, err := ui.Gallery(texts(t))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gallery)
	defer server.Close()
	b := browser.Start(t)
	for _, dark := range []bool{false, true} {
		p := b.Open(t, browser.Options{Size: browser.Small, Dark: dark})
		for _, f := range blockFixtures(t) {
			for _, l := range languages(dark) {
				p.Go(server.URL + "/" + l + "/" + f.Name)
				for _, v := range p.Axe() {
					t.Errorf("%s in %s, dark %v: %s", f.Name, l, dark, v)
				}
				if n := p.SidewaysScroll(); n > 0 {
					t.Errorf("%s in %s scrolls sideways by %d px at %d px", f.Name, l, n, browser.Small.Width)
				}
				for _, s := range p.SmallTargets() {
					t.Errorf("%s in %s: smaller than 44 px: %s", f.Name, l, s)
				}
			}
		}
		for _, line := range p.Console() {
			t.Errorf("console: %s", line)
		}
	}
	if *shots != "" {
		shoot(t, b, server.URL, blockFixtures(t), *shots)
	}
}

func shoot(t testing.TB, b *browser.Browser, url string, fixtures []ui.Fixture, dir string) {
	phone, desk, dark := b.Open(t, browser.Options{}), b.Open(t, browser.Options{Size: browser.Desk}), b.Open(t, browser.Options{Dark: true})
	for _, f := range fixtures {
		for _, l := range kernel.Locales {
			phone.Go(url + "/" + l + "/" + f.Name)
			phone.FullScreenshot(filepath.Join(dir, f.Name+"."+l+".phone.png"))
		}
		desk.Go(url + "/en/" + f.Name)
		desk.Screenshot(filepath.Join(dir, f.Name+".desk.png"))
		dark.Go(url + "/zh/" + f.Name)
		dark.FullScreenshot(filepath.Join(dir, f.Name+".dark.png"))
	}
}

// languages are those judged: the colours of the dark page are the same in each of them, so one is enough there.
func languages(dark bool) []string {
	if dark {
		return kernel.Locales[:1]
	}
	return kernel.Locales
}
