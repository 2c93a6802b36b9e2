package tour

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/html"

	"townhall/modules/kernel"
)

// Browser is a person's browser without JavaScript: it keeps cookies, follows redirects, reads forms and sends
// them with every hidden field. Like a real one it treats "localhost" and what is below it as a secure context,
// so that __Host- cookies work over plain http there (Secure Contexts §3.1).
type Browser struct {
	client *http.Client
	Locale string
	Page   *Page // what is on screen
}

// Page is one document as the person sees it.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
	root   *html.Node
}

// NewBrowser returns a browser with no history, asking for pages in locale.
func NewBrowser(locale string) *Browser {
	return &Browser{
		Locale: locale,
		client: &http.Client{
			Jar:       &jar{cookies: map[string]map[string]*http.Cookie{}},
			Transport: &http.Transport{DialContext: kernel.DialLoopbackNames, MaxIdleConnsPerHost: 4},
			Timeout:   60 * time.Second,
		},
	}
}

// Open goes to an address; a relative one is resolved against the page on screen.
func (b *Browser) Open(ctx context.Context, address string) error {
	u, err := b.resolve(address)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	return b.do(req)
}

func (b *Browser) resolve(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if b.Page != nil {
		u = b.Page.URL.ResolveReference(u)
	}
	return u, nil
}

func (b *Browser) do(req *http.Request) error {
	req.Header.Set("Accept-Language", b.Locale)
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	if b.Page != nil {
		req.Header.Set("Referer", b.Page.URL.String())
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return err
	}
	p := &Page{URL: resp.Request.URL, Status: resp.StatusCode, Header: resp.Header, Body: body}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		if p.root, err = html.Parse(strings.NewReader(string(body))); err != nil {
			return err
		}
	}
	b.Page = p
	if p.Status >= 400 {
		return fmt.Errorf("%s %s: %d: %s", req.Method, p.URL.Path, p.Status, p.Heading())
	}
	return nil
}

// Follow clicks the first link whose address contains part.
func (b *Browser) Follow(ctx context.Context, part string) error {
	href := b.Page.Link(part)
	if href == "" {
		return fmt.Errorf("%s: no link to %q", b.Page.URL.Path, part)
	}
	return b.Open(ctx, href)
}

// Submit sends the first form whose action contains part, with its own values replaced by values. A name in
// values that the form does not have is an error: a page that lost a field must not pass unnoticed.
func (b *Browser) Submit(ctx context.Context, part string, values url.Values) error {
	f := b.Page.form(part)
	if f == nil {
		return fmt.Errorf("%s: no form to %q", b.Page.URL.Path, part)
	}
	return b.send(ctx, f, part, values)
}

// Press presses the button (or sends the form with the hidden field) name=value, with values filled in.
func (b *Browser) Press(ctx context.Context, name, value string, values url.Values) error {
	f := b.Page.formWith(name, value)
	if f == nil {
		return fmt.Errorf("%s: no button %s=%s", b.Page.URL.Path, name, value)
	}
	all := url.Values{name: {value}}
	for k, v := range values {
		all[k] = v
	}
	return b.send(ctx, f, name+"="+value, all)
}

// PressFor presses the button whose own address (formaction) contains part.
func (b *Browser) PressFor(ctx context.Context, part string, values url.Values) error {
	var to string
	n := find(b.Page.root, func(n *html.Node) bool {
		return n.Data == "form" && find(n, func(c *html.Node) bool {
			if to = attr(c, "formaction"); c.Data == "button" && strings.Contains(to, part) {
				return true
			}
			to = ""
			return false
		}) != nil
	})
	if n == nil {
		return fmt.Errorf("%s: no button to %q", b.Page.URL.Path, part)
	}
	return b.send(ctx, &form{node: n, to: to}, part, values)
}

// CanPress reports whether Press would find its button.
func (b *Browser) CanPress(name, value string) bool { return b.Page.formWith(name, value) != nil }

func (b *Browser) send(ctx context.Context, f *form, part string, values url.Values) error {
	data, names := f.values()
	for name, v := range values {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s: the form to %q has no field %q (it has %s)", b.Page.URL.Path, part, name, strings.Join(names, ", "))
		}
		data[name] = v
	}
	u, err := b.resolve(f.action(b.Page.URL))
	if err != nil {
		return err
	}
	if strings.EqualFold(attr(f.node, "method"), "post") {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(data.Encode()))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return b.do(req)
	}
	u.RawQuery = data.Encode()
	return b.Open(ctx, u.String())
}

// Upload posts a file to address as multipart form data.
func (b *Browser) Upload(ctx context.Context, address, contentType string, body io.Reader) error {
	u, err := b.resolve(address)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	return b.do(req)
}

// HasForm reports whether the page has a form whose action contains part.
func (p *Page) HasForm(part string) bool { return p.form(part) != nil }

// HasField reports whether any form of the page has a field of that name.
func (p *Page) HasField(name string) bool {
	return find(p.root, func(n *html.Node) bool {
		return (n.Data == "input" || n.Data == "select" || n.Data == "textarea") && attr(n, "name") == name
	}) != nil
}

// FileField is the name of the page's file field, or "".
func (p *Page) FileField() string {
	n := find(p.root, func(n *html.Node) bool { return n.Data == "input" && attr(n, "type") == "file" })
	if n == nil {
		return ""
	}
	return attr(n, "name")
}

// Heading is the text of the first h1, or of the title.
func (p *Page) Heading() string {
	for _, tag := range []string{"h1", "title"} {
		if n := find(p.root, func(n *html.Node) bool { return n.Data == tag }); n != nil {
			return strings.Join(strings.Fields(text(n)), " ")
		}
	}
	return ""
}

// Text is everything a person can read on the page, with spaces folded.
func (p *Page) Text() string {
	if p.root == nil {
		return string(p.Body)
	}
	return strings.Join(strings.Fields(text(p.root)), " ")
}

// Link returns the address of the first link containing part, or "".
func (p *Page) Link(part string) string {
	n := find(p.root, func(n *html.Node) bool {
		return n.Data == "a" && strings.Contains(attr(n, "href"), part)
	})
	if n == nil {
		return ""
	}
	return attr(n, "href")
}

// form is a form as it will be sent; to overrides its own action.
type form struct {
	node *html.Node
	to   string
}

// formWith returns the form that has a hidden field, button or choice name=value.
func (p *Page) formWith(name, value string) *form {
	n := find(p.root, func(n *html.Node) bool {
		return n.Data == "form" && find(n, func(c *html.Node) bool {
			return (c.Data == "input" || c.Data == "button") && attr(c, "name") == name && attr(c, "value") == value
		}) != nil
	})
	if n == nil {
		return nil
	}
	return &form{node: n}
}

func (p *Page) form(part string) *form {
	n := find(p.root, func(n *html.Node) bool {
		if n.Data != "form" {
			return false
		}
		action := attr(n, "action")
		if action == "" {
			action = p.URL.RequestURI()
		}
		return strings.Contains(action, part)
	})
	if n == nil {
		return nil
	}
	return &form{node: n}
}

func (f *form) action(page *url.URL) string {
	if f.to != "" {
		return f.to
	}
	if a := attr(f.node, "action"); a != "" {
		return a
	}
	return page.RequestURI()
}

// values are what the form would send untouched, and the names of all its fields.
func (f *form) values() (url.Values, []string) {
	data := url.Values{}
	var names []string
	walk(f.node, func(n *html.Node) {
		name := attr(n, "name")
		if name == "" || n.Type != html.ElementNode {
			return
		}
		switch n.Data {
		case "input":
			names = append(names, name)
			kind := attr(n, "type")
			if kind == "radio" || kind == "checkbox" {
				if has(n, "checked") {
					data.Add(name, or(attr(n, "value"), "on"))
				}
				return
			}
			if kind != "submit" && kind != "file" {
				data.Add(name, attr(n, "value"))
			}
		case "textarea":
			names = append(names, name)
			data.Add(name, text(n))
		case "select":
			names = append(names, name)
			walk(n, func(o *html.Node) {
				if o.Data == "option" && has(o, "selected") {
					data.Add(name, attr(o, "value"))
				}
			})
		case "button":
			names = append(names, name)
		}
	})
	return data, names
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func walk(n *html.Node, fn func(*html.Node)) {
	if n == nil {
		return
	}
	fn(n)
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, fn)
	}
}

func find(n *html.Node, ok func(*html.Node) bool) *html.Node {
	if n == nil {
		return nil
	}
	if n.Type == html.ElementNode && ok(n) {
		return n
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if hit := find(c, ok); hit != nil {
			return hit
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	walk(n, func(c *html.Node) {
		if c.Type == html.TextNode && (c.Parent == nil || c.Parent.Data != "script" && c.Parent.Data != "style") {
			b.WriteString(c.Data)
			b.WriteByte(' ')
		}
	})
	return b.String()
}

// jar keeps cookies per host (without port, RFC 6265 §8.5) and sends Secure ones to loopback names too.
type jar struct {
	mu      sync.Mutex
	cookies map[string]map[string]*http.Cookie
}

func (j *jar) SetCookies(u *url.URL, cookies []*http.Cookie) {
	j.mu.Lock()
	defer j.mu.Unlock()
	host := u.Hostname()
	if j.cookies[host] == nil {
		j.cookies[host] = map[string]*http.Cookie{}
	}
	for _, c := range cookies {
		if err := acceptable(u, c); err != nil {
			continue
		}
		if c.MaxAge < 0 || (!c.Expires.IsZero() && c.Expires.Before(time.Now())) {
			delete(j.cookies[host], c.Name)
			continue
		}
		j.cookies[host][c.Name] = c
	}
}

func acceptable(u *url.URL, c *http.Cookie) error {
	secure := u.Scheme == "https" || kernel.LoopbackName(u.Hostname())
	if c.Secure && !secure {
		return errors.New("secure cookie over a clear connection")
	}
	if strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != "") {
		return errors.New("the __Host- prefix asks for Secure, Path=/ and no Domain")
	}
	return nil
}

func (j *jar) Cookies(u *url.URL) []*http.Cookie {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []*http.Cookie
	for _, c := range j.cookies[u.Hostname()] {
		if strings.HasPrefix(u.Path, or(c.Path, "/")) {
			out = append(out, &http.Cookie{Name: c.Name, Value: c.Value})
		}
	}
	return out
}
