package ui

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"townhall/modules/kernel"
)

//go:embed gallery/*.html
var galleryFiles embed.FS

// Fixture is one page in one state, rendered from made-up data: what people look at, and what axe and the golden
// files judge. The request carries a municipality, a language and a person of kind As (nobody when empty).
type Fixture struct {
	Name   string // kebab case, unique, e.g. "citizen-case-question"
	As     kernel.PrincipalKind
	Render func(w http.ResponseWriter, r *http.Request) error
}

// GalleryTime is "now" in every fixture.
var GalleryTime = time.Date(2026, 11, 22, 14, 5, 0, 0, time.UTC)

// GalleryTenant is the municipality of every fixture.
func GalleryTenant() kernel.Tenant {
	return kernel.Tenant{
		ID: "northwick", Host: "northwick.localhost:8080", Origin: "http://northwick.localhost:8080", Zone: "Europe/London", Country: "GB", Colour: "#0b6e4f",
		Name: kernel.Text{"en": "Northwick", "ru": "Нортуик", "zh": "诺斯威克"}, Services: []string{"residence-certificate"},
	}
}

func galleryPerson(locale string, kind kernel.PrincipalKind) kernel.Principal {
	p := kernel.Principal{Kind: kind, Tenant: "northwick", Person: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", Level: kernel.Substantial, AuthTime: GalleryTime}
	switch kind {
	case kernel.Citizen:
		p.Name = kernel.Text{"en": "Anna Whitfield", "ru": "Мария Соколова", "zh": "王小明"}.In(locale)
	case kernel.Staff:
		p.Name = "Oliver Grant"
		p.Grants = []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}
	}
	return p
}

// GalleryRequest is the request a fixture of that kind is rendered for.
func GalleryRequest(locale string, f Fixture) *http.Request {
	kind := f.As
	if kind == "" {
		kind = kernel.Anonymous
	}
	ctx := kernel.WithTenant(context.Background(), GalleryTenant())
	ctx = kernel.WithPrincipal(kernel.WithLocale(ctx, locale), galleryPerson(locale, kind))
	path := "/"
	if kind == kernel.Staff {
		path = "/staff/cases"
	}
	return httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil)
}

// RenderFixture renders one fixture in one language. The idempotency keys in it are all alike, so that two renderings
// are equal.
func RenderFixture(locale string, f Fixture) ([]byte, error) {
	rec := httptest.NewRecorder()
	if err := f.Render(rec, GalleryRequest(locale, f)); err != nil {
		return nil, fmt.Errorf("fixture %s in %s: %w", f.Name, locale, err)
	}
	return freshKey.ReplaceAll(rec.Body.Bytes(), []byte(`${1}00000000-0000-7000-8000-000000000000"`)), nil
}

var freshKey = regexp.MustCompile(`(name="idempotency_key" value=")[^"]*"`)

// Gallery serves every fixture in every language at /<locale>/<name>, a list of them at /, and the assets.
func Gallery(texts *Texts, fixtures ...Fixture) (http.Handler, error) {
	blocks, err := BlockFixtures(texts)
	if err != nil {
		return nil, err
	}
	fixtures = append(blocks, fixtures...)
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", Assets())
	for _, l := range kernel.Locales {
		for _, f := range fixtures {
			mux.HandleFunc("GET /"+l+"/"+f.Name, func(w http.ResponseWriter, r *http.Request) {
				page, err := RenderFixture(l, f)
				if err != nil {
					http.Error(w, err.Error(), http.StatusInternalServerError)
					return
				}
				SecurityHeaders(w.Header())
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = w.Write(page)
			})
		}
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		page, err := galleryIndex(texts, fixtures, "")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		SecurityHeaders(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	})
	return mux, nil
}

// WriteGallery writes the gallery below dir as files that a browser opens without a server.
func WriteGallery(dir string, texts *Texts, fixtures ...Fixture) error {
	blocks, err := BlockFixtures(texts)
	if err != nil {
		return err
	}
	fixtures = append(blocks, fixtures...)
	files := map[string][]byte{}
	for _, l := range kernel.Locales {
		for _, f := range fixtures {
			page, err := RenderFixture(l, f)
			if err != nil {
				return err
			}
			files[l+"/"+f.Name+".html"] = local(page, "../")
		}
	}
	index, err := galleryIndex(texts, fixtures, ".html")
	if err != nil {
		return err
	}
	files["index.html"] = local(index, "")
	for _, a := range bundle() {
		files[strings.TrimPrefix(a.url, "/")] = bytes.ReplaceAll(a.raw, []byte("/assets/"), nil)
	}
	files["assets/tenant.css"] = []byte(TenantCSS(strings.TrimPrefix(GalleryTenant().Colour, "#")))
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func local(page []byte, up string) []byte {
	return bytes.ReplaceAll(page, []byte(`="/assets/`), []byte(`="`+up+`assets/`))
}

type indexGroup struct {
	Locale, Lang string
	Links        []Link
}

func galleryIndex(texts *Texts, fixtures []Fixture, ext string) ([]byte, error) {
	v, layout, err := galleryViews(texts)
	if err != nil {
		return nil, err
	}
	data := struct {
		Title  string
		Groups []indexGroup
	}{Title: texts.T("en", "ui.gallery")}
	for _, l := range kernel.Locales {
		g := indexGroup{Locale: map[string]string{"en": "English", "ru": "Русский", "zh": "中文"}[l], Lang: l}
		for _, f := range fixtures {
			g.Links = append(g.Links, Link{Label: f.Name, Href: l + "/" + f.Name + ext})
		}
		data.Groups = append(data.Groups, g)
	}
	rec := httptest.NewRecorder()
	f := Fixture{}
	if err := layout.Render(rec, GalleryRequest("en", f), v, "g-index", View{Title: data.Title, Data: data}); err != nil {
		return nil, err
	}
	return rec.Body.Bytes(), nil
}

func galleryViews(texts *Texts) (*Views, Layout, error) {
	v, err := NewViews(texts, galleryFiles)
	if err != nil {
		return nil, Layout{}, err
	}
	return v, Layout{Views: v, Kind: "citizen", Site: func(*http.Request) string { return "Townhall" }}, nil
}
