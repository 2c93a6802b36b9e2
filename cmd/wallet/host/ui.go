package host

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
)

//go:embed pages/*.html texts/*.json assets/*
var files embed.FS

// views holds the parsed pages and the texts of every language.
type views struct {
	pages map[string]*template.Template
	texts map[string]map[string]string
	asset string // version of the style sheet, for its address
	files map[string]asset
}

// asset is one file of assets/, as it is sent.
type asset struct {
	kind    string
	raw, gz []byte
}

// assetKinds are the types of the files by their names' ends.
var assetKinds = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// newAssets reads and compresses the files once. Pages are not compressed: they hold what people entered beside secrets.
func newAssets() (map[string]asset, error) {
	entries, err := files.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("wallet assets: %w", err)
	}
	out := map[string]asset{}
	for _, e := range entries {
		a := asset{kind: assetKinds[path.Ext(e.Name())]}
		if a.raw, err = files.ReadFile("assets/" + e.Name()); err != nil {
			return nil, fmt.Errorf("wallet assets: %w", err)
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return nil, fmt.Errorf("wallet assets: %w", err)
		}
		_, err = z.Write(a.raw)
		if err := errors.Join(err, z.Close()); err != nil {
			return nil, fmt.Errorf("wallet assets: %w", err)
		}
		a.gz = b.Bytes()
		out[e.Name()] = a
	}
	return out, nil
}

func newViews() (*views, error) {
	v := &views{pages: map[string]*template.Template{}, texts: map[string]map[string]string{}}
	for _, l := range kernel.Locales {
		b, err := files.ReadFile("texts/" + l + ".json")
		if err != nil {
			return nil, fmt.Errorf("wallet texts: %w", err)
		}
		var t map[string]string
		if err := json.Unmarshal(b, &t); err != nil {
			return nil, fmt.Errorf("wallet texts %s: %w", l, err)
		}
		v.texts[l] = t
	}
	layout, err := template.New("").Funcs(template.FuncMap{"icon": icon, "list": func(v ...any) []any { return v }}).ParseFS(files, "pages/layout.html")
	if err != nil {
		return nil, fmt.Errorf("wallet pages: %w", err)
	}
	entries, err := files.ReadDir("pages")
	if err != nil {
		return nil, fmt.Errorf("wallet pages: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".html")
		if !ok || name == "layout" {
			continue
		}
		one, err := template.Must(layout.Clone()).ParseFS(files, "pages/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("wallet pages: %w", err)
		}
		v.pages[name] = one
	}
	if v.files, err = newAssets(); err != nil {
		return nil, err
	}
	sum := sha256.New()
	for _, name := range []string{"wallet.css", "nearby.js"} {
		sum.Write(v.files[name].raw)
	}
	v.asset = hex.EncodeToString(sum.Sum(nil)[:6])
	return v, nil
}

// page is what every template gets.
type page struct {
	Locale  string
	Size    string // "", "large" or "largest"
	Title   string
	Nav     string // active item; "" hides the navigation: nothing leads away from a sign-in but its buttons
	Persona Persona
	Unread  int
	Staff   bool
	Back    string
	Here    string // path of this page, for the language switch
	Asset   string
	Data    any

	texts  map[string]string
	forms  []string // origins that forms of this page may lead to, through redirects
	script bool     // the page has a script, which only spares typing
}

// T returns a text of the page's language; args are name, value pairs.
func (p page) T(key string, args ...any) string {
	s, ok := p.texts[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	for i := 0; i+1 < len(args); i += 2 {
		s = strings.ReplaceAll(s, "{"+fmt.Sprint(args[i])+"}", fmt.Sprint(args[i+1]))
	}
	return s
}

// Known returns the text of key, or other when there is none: for names that municipalities choose.
func (p page) Known(key, other string) string {
	if s, ok := p.texts[key]; ok {
		return s
	}
	return other
}

// Script is the address of the page's script; empty when it has none.
func (p page) Script() string {
	if !p.script {
		return ""
	}
	return "/assets/nearby.js?v=" + p.Asset
}

func (p page) In(t kernel.Text) string { return t.In(p.Locale) }

// Days says how long n days are, in years when they are whole ones.
func (p page) Days(n int) string {
	if n >= 2*365 && n%365 == 0 {
		return p.T("app.retention.years", "n", n/365)
	}
	return p.T("app.retention.days", "n", n)
}

// Locales lists the languages with their own names.
func (p page) Locales() [][2]string {
	return [][2]string{{"en", "English"}, {"ru", "Русский"}, {"zh", "中文"}}
}

func (p page) Level(l kernel.Level) string { return p.T("level." + l.String()) }

var months = map[string][]string{
	"en": {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
	"ru": {"января", "февраля", "марта", "апреля", "мая", "июня", "июля", "августа", "сентября", "октября", "ноября", "декабря"},
}

// Day writes a date as people of the language do.
func (p page) Day(t time.Time) string {
	if names, ok := months[p.Locale]; ok {
		return fmt.Sprintf("%d %s %d", t.Day(), names[t.Month()-1], t.Year())
	}
	return fmt.Sprintf("%d年%d月%d日", t.Year(), t.Month(), t.Day())
}

// ShortDay leaves the year out, for lists of recent things.
func (p page) ShortDay(t time.Time) string {
	if names, ok := months[p.Locale]; ok {
		return fmt.Sprintf("%d %s", t.Day(), names[t.Month()-1])
	}
	return fmt.Sprintf("%d月%d日", t.Month(), t.Day())
}

// When adds the time of day.
func (p page) When(t time.Time) string { return p.Day(t) + " " + t.Format("15:04") }

// Value shows a claim's value to the person it is about.
func (p page) Value(who Persona, claim string) string {
	whole, member, nested := strings.Cut(claim, ".")
	switch v := who.Claims[whole].(type) {
	case string:
		if d, err := time.Parse(time.DateOnly, v); err == nil {
			return p.Day(d)
		}
		return v
	case map[string]string:
		if nested {
			return v[member]
		}
		return strings.ReplaceAll(v["formatted"], "\n", ", ")
	}
	return ""
}

// page prepares what all pages of an issuer share. hint is a language the caller knows better than the browser.
func (w *Wallet) page(r *http.Request, p *provider, hint string) page {
	_, s := p.session(r)
	who, _ := w.persona(s.Persona, p.isStaff())
	out := page{Locale: w.locale(r, who, hint), Persona: who, Staff: p.isStaff(), Asset: w.views.asset, Here: r.URL.Path}
	if r.Method == http.MethodGet && r.URL.RawQuery != "" {
		out.Here = r.URL.RequestURI()
	}
	if c, err := r.Cookie("wallet-size"); err == nil && slices.Contains([]string{"large", "largest"}, c.Value) {
		out.Size = c.Value
	}
	out.texts = w.views.texts[out.Locale]
	if !p.isStaff() {
		out.forms = w.cfg.Catalogues
		if who.ID != "" {
			out.Unread = w.journal.unread(who.ID)
		}
	}
	return out
}

// locale: what the person chose, else what the request says, else the person's own, else the browser's.
func (w *Wallet) locale(r *http.Request, who Persona, hint string) string {
	if c, err := r.Cookie("wallet-lang"); err == nil && slices.Contains(kernel.Locales, c.Value) {
		return c.Value
	}
	for _, l := range []string{hint, who.Locale} {
		if slices.Contains(kernel.Locales, l) {
			return l
		}
	}
	var tags []string
	for _, t := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(t), ";")
		tags = append(tags, tag)
	}
	if l := localeIn(tags); l != "" {
		return l
	}
	return kernel.Locales[0]
}

// render writes a page. All but the one that can ask the device where it is have no script at all.
func (w *Wallet) render(rw http.ResponseWriter, r *http.Request, status int, name string, p page) {
	var b bytes.Buffer
	if err := w.views.pages[name].ExecuteTemplate(&b, "layout", p); err != nil {
		w.log.ErrorContext(r.Context(), "page not rendered", "page", name, "error", err)
		http.Error(rw, p.T("error.internal"), http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	// form-action also holds the origins a form's redirects lead to: browsers check the whole chain.
	policy := "default-src 'none'; "
	if p.script {
		policy += "script-src 'self'; "
		h.Set("Permissions-Policy", "geolocation=(self)")
	}
	h.Set("Content-Security-Policy", policy+"style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action "+strings.Join(append([]string{"'self'"}, p.forms...), " "))
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", p.Locale)
	rw.WriteHeader(status)
	_, _ = b.WriteTo(rw) // the reader is gone: nothing is left to do
}

func (w *Wallet) errorPage(rw http.ResponseWriter, r *http.Request, status int, key string) {
	p := w.citizens
	if strings.HasPrefix(r.URL.Path, "/staff/") {
		p = w.staff
	}
	out := w.page(r, p, localeIn(strings.Fields(r.URL.Query().Get("ui_locales"))))
	out.Title, out.Data = out.T("error.title"), out.T(key)
	w.render(rw, r, status, "error", out)
}

// asset serves the style sheet, the script and the icon.
func (w *Wallet) asset(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.views.files[r.PathValue("name")]
	if !ok {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	h, body := rw.Header(), a.raw
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	if len(a.gz) < len(a.raw) && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.gz
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = rw.Write(body) // the reader is gone: nothing is left to do
}

// redirectLocal goes to a path of ours, or to the start page when it is none.
func redirectLocal(rw http.ResponseWriter, r *http.Request, to string) {
	if !localPath(to) {
		to = "/"
	}
	http.Redirect(rw, r, to, http.StatusSeeOther)
}

func pathQuery(to string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return to
	}
	return to + "?" + q.Encode()
}
