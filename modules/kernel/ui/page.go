package ui

import (
	"bytes"
	"html/template"
	"io"
	"net/http"
	"strings"

	"townhall/modules/kernel"
)

// View is what a page handler gives to its shell.
type View struct {
	Status  int    // 0: 200
	Title   string // already in the reader's language; the h1, unless the page has an <h1> of its own
	Lead    string // one sentence under the title
	Back    string // where the back link leads; none when empty
	Data    any    // for the page's template
	Active  string // the navigation item, e.g. "services", "cases", "documents"; "queue" for staff
	Wide    bool   // uses the width of a desktop
	Task    bool   // one thing to finish: on a phone the navigation stays away until it is done
	App     string // the mini-app the page is about, where its address does not say so
	Refresh int    // seconds until the browser looks again; 0: never
}

// Shell is a layout with its navigation: for citizens, for staff, for developers.
type Shell interface {
	// Render writes the page: the template name of v inside the layout, with the security headers. Nothing is
	// written when it returns an error.
	Render(w http.ResponseWriter, r *http.Request, v *Views, name string, view View) error
}

// Frame is what a layout template is executed with.
type Frame struct {
	View
	Locale    string
	Tenant    kernel.Tenant
	Principal kernel.Principal
	Site      string // the name behind the page's title
	Path      string // of this page with its query, to come back to after changing the language
	Content   template.HTML
	Heading   bool // the layout prints Title as h1
	Problem   bool // the page shows an error summary
	Body      template.HTML
	Kind      string // "citizen", "staff", "developers": a class of the body
	Extra     any    // the shell's own
}

// SignedIn reports whether somebody is.
func (f Frame) SignedIn() bool {
	return f.Principal.Kind == kernel.Citizen || f.Principal.Kind == kernel.Staff
}

// Municipality is the tenant's name in the reader's language.
func (f Frame) Municipality() string { return f.Tenant.Name.In(f.Locale) }

// Initial is the letter in the crest.
func (f Frame) Initial() string {
	for _, c := range f.Municipality() {
		return string(c)
	}
	return ""
}

// Lang is the BCP 47 tag of the page.
func (f Frame) Lang() string { return Lang(f.Locale) }

// Lang is the BCP 47 tag of a language of ours.
func Lang(locale string) string {
	if locale == "zh" {
		return "zh-Hans"
	}
	return locale
}

// TenantCSS is the address of the stylesheet with the municipality's colour.
func (f Frame) TenantCSS() string { return TenantCSSURL(f.Tenant.Colour) }

// Languages returns the data of the language switch.
func (f Frame) Languages() Languages { return Languages{Current: f.Locale, Path: f.Path} }

// Languages is the data of the block "languages".
type Languages struct{ Current, Path string }

// Layout is one shell's frame: its own views with the template "layout".
type Layout struct {
	Views *Views
	Kind  string
	Name  string // template; "layout" when empty
	// Site is the name behind the page's title.
	Site func(r *http.Request) string
	// Extra gives the layout what it needs besides the Frame; nil for nothing.
	Extra func(r *http.Request) any
}

// Render makes the whole document and writes it. Nothing is written when it returns an error.
func (l Layout) Render(w http.ResponseWriter, r *http.Request, v *Views, name string, view View) error {
	page, err := l.document(r, v, name, view)
	if err != nil {
		return err
	}
	h := w.Header()
	if h.Get("Content-Security-Policy") == "" { // kernel/web has set them; the gallery and tests have no server
		SecurityHeaders(h)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", kernel.LocaleOf(r.Context()))
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-store")
	}
	if view.Refresh > 0 {
		h.Set("Refresh", itoa(view.Refresh))
	}
	if view.Status != 0 {
		w.WriteHeader(view.Status)
	}
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, page) // a reader who has gone is nobody's error
	}
	return nil
}

func (l Layout) document(r *http.Request, v *Views, name string, view View) (string, error) {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	f := Frame{
		View: view, Locale: kernel.LocaleOf(ctx), Tenant: tenant, Principal: kernel.PrincipalOf(ctx),
		Path: r.URL.RequestURI(), Kind: l.Kind,
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		f.Path = refererPath(r)
	}
	if l.Site != nil {
		f.Site = l.Site(r)
	}
	if l.Extra != nil {
		f.Extra = l.Extra(r)
	}
	zone := tenant.Location()
	var err error
	if f.Content, err = v.Render(f.Locale, zone, name, view.Data); err != nil {
		return "", err
	}
	f.Heading = view.Title != "" && !strings.Contains(string(f.Content), "<h1")
	f.Problem = strings.Contains(string(f.Content), `class="problems"`)
	layout := l.Name
	if layout == "" {
		layout = "layout"
	}
	if f.Body, err = l.Views.Render(f.Locale, zone, layout, f); err != nil {
		return "", err
	}
	page, err := l.Views.Render(f.Locale, zone, "document", f)
	return squeeze(string(page)), err
}

// refererPath is where a page that answers a POST came from: the language switch must lead to something a GET can
// fetch.
func refererPath(r *http.Request) string {
	u, err := r.URL.Parse(r.Referer())
	if err != nil || u.Host != "" && u.Host != r.Host || !strings.HasPrefix(u.Path, "/") {
		return "/"
	}
	return u.RequestURI()
}

// squeeze drops the blank lines template actions leave behind.
func squeeze(page string) string {
	var b bytes.Buffer
	b.Grow(len(page))
	inPre := false
	for line := range strings.Lines(page) {
		if strings.Contains(line, "<pre") || strings.Contains(line, "<textarea") {
			inPre = true
		}
		if inPre || strings.TrimSpace(line) != "" {
			b.WriteString(line)
		}
		if strings.Contains(line, "</pre>") || strings.Contains(line, "</textarea>") {
			inPre = false
		}
	}
	return b.String()
}
