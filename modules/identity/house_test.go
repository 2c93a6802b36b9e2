package identity_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

const (
	service = "residence-certificate"
	client  = "northwick." + service
	origin  = "http://northwick.localhost:8080"
	civic   = origin + "/civic/v1"
)

// house is the module behind the real web server, on a real database, with a citizens' and a staff issuer.
type house struct {
	t        testing.TB
	clock    *kerneltest.FakeClock
	db       *pg.DB
	identity *identity.Service
	handler  http.Handler
	citizens *identitytest.Issuer
	staff    *identitytest.Issuer
	others   []*identitytest.Issuer // partners'
	second   string                 // URL of a provider we did not write, in the tests that have one
	partners map[kernel.TenantID][]kernel.StaffIssuer
	log      *lockedBuffer
	level    kernel.Level
	maxAge   time.Duration
	deps     identity.Deps
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t testing.TB, change ...func(*identity.Config)) *house {
	t.Helper()
	h := &house{t: t, clock: &kerneltest.FakeClock{}, db: kerneltest.DB(t), log: &lockedBuffer{}, level: kernel.Low, partners: map[kernel.TenantID][]kernel.StaffIssuer{}}
	h.citizens, h.staff = identitytest.NewIssuer(t, h.clock), identitytest.NewIssuer(t, h.clock)
	h.staff.Who = identitytest.Person{Subject: "oliver", SID: "staff-1", ACR: identitytest.High,
		Claims: map[string]any{"name": "Oliver Grant", "groups": []string{"northwick-registrars"}}}
	registrar := []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}
	cfg := identity.Config{
		Issuers: []identity.Issuer{
			{ID: "wallet", URL: h.citizens.URL, Area: identity.AreaCitizen, ACR: identitytest.ACR},
			{ID: "staff", URL: h.staff.URL, Area: identity.AreaStaff, ACR: identitytest.ACR,
				Groups: map[kernel.TenantID]map[string][]kernel.Grant{"northwick": {"northwick-registrars": registrar}, "eastmere": {"eastmere-registrars": registrar}}},
		},
		Machines: []identity.Machine{
			{ClientID: "records-office", Issuer: "wallet", Kind: kernel.Integrator, Tenant: "northwick", Scopes: []string{"civic.read"}},
			{ClientID: "wallet-backend", Issuer: "wallet", Kind: kernel.Host, Scopes: []string{"wallet.catalogue"}},
		},
		ClientKeys: t.TempDir(), AllowHTTPLoopback: true,
	}
	for _, c := range change {
		c(&cfg)
	}
	texts, err := ui.LoadTexts(web.Texts(), identity.Texts())
	if err != nil {
		t.Fatal(err)
	}
	h.deps = identity.Deps{
		StaffIssuers: func(tenant kernel.TenantID) []kernel.StaffIssuer { return h.partners[tenant] }, Texts: texts, Staff: shell{},
		DB: h.db, Directory: kerneltest.Directory(), Clock: h.clock, Config: cfg,
		Log:      slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		LevelFor: func(kernel.TenantID, string) (kernel.Level, time.Duration) { return h.level, h.maxAge },
	}
	h.rebuild(nil)
	h.citizens.ClientKeys, h.staff.ClientKeys = h.clientKeys, h.clientKeys
	return h
}

// clientKeys are the published keys of the client's municipality, as an issuer fetches them.
func (h *house) clientKeys(client string) []byte {
	tenant, _, _ := strings.Cut(client, ".")
	rec := httptest.NewRecorder()
	h.handler.ServeHTTP(rec, httptest.NewRequest("GET", "http://"+tenant+".localhost:8080/.well-known/jwks.json", nil))
	return rec.Body.Bytes()
}

// shell is a page with nothing around it.
type shell struct{}

func (shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	content, err := v.Render(kernel.LocaleOf(r.Context()), time.UTC, name, view.Data)
	if err == nil {
		_, err = io.WriteString(w, "<h1>"+view.Title+"</h1>"+string(content))
	}
	return err
}

// rebuild starts the module anew on the same database, with other dependencies.
func (h *house) rebuild(change func(*identity.Deps)) {
	h.t.Helper()
	if change != nil {
		change(&h.deps)
	}
	var err error
	if h.identity, err = identity.New(h.deps); err != nil {
		h.t.Fatal(err)
	}
	h.serve(h.deps.Log)
}

// serve puts the module's pages behind kernel/web, with a few pages and one operation that tell who is there.
func (h *house) serve(log *slog.Logger) {
	who := func(w http.ResponseWriter, r *http.Request) error {
		p := kernel.PrincipalOf(r.Context())
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(struct {
			kernel.Principal
			Channel string
		}{p, h.identity.Channel(r.Context())})
	}
	citizens, staff := []kernel.PrincipalKind{kernel.Citizen}, []kernel.PrincipalKind{kernel.Staff}
	s, err := web.New(web.Options{
		Directory: kerneltest.Directory(), Auth: h.identity, Clock: h.clock, Log: log, Headers: func(http.Header, *http.Request) {},
		ErrorPage: func(w http.ResponseWriter, r *http.Request, area string, status int, e *kernel.Error) {
			w.Header().Set("X-Slug", e.Slug)
			w.WriteHeader(status)
			io.WriteString(w, e.Message)
		},
		Pages: append(h.identity.Module().Pages,
			web.Page{Pattern: "GET /{$}", Policy: web.Public, Handle: who},
			web.Page{Pattern: "GET /whoami", Policy: web.Public, Handle: who},
			web.Page{Pattern: "GET /staff/whoami", Policy: web.Public, Handle: who},
			web.Page{Pattern: "GET /cases/{id}", Policy: web.Policy{Kinds: citizens, Relation: "own"}, Handle: who},
			web.Page{Pattern: "GET /substantial", Policy: web.Policy{Kinds: citizens, Relation: "own", Level: kernel.Substantial}, Handle: who},
			web.Page{Pattern: "POST /substantial", Policy: web.Policy{Kinds: citizens, Relation: "own", Level: kernel.Substantial}, Handle: who},
			web.Page{Pattern: "GET /fresh", Policy: web.Policy{Kinds: citizens, Relation: "own", MaxAge: 5 * time.Minute}, Handle: who},
			web.Page{Pattern: "GET /staff/cases", Policy: web.Policy{Kinds: staff, Relation: "agency", Role: "registrar"}, Handle: who},
		),
		Contracts: []web.Contract{{Name: "civic", Prefix: "/civic/v1", Title: "Civic", Register: registerWho}},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.handler = s.Handler()
}

// settle orders what a test does to the issuers between requests and what they do in them, for the race detector.
func (h *house) settle() {
	for _, i := range append([]*identitytest.Issuer{h.citizens, h.staff}, h.others...) {
		i.Lock()
		_ = i.Down
		i.Unlock()
	}
}

// browser keeps cookies as a browser does, and follows one redirect at a time.
type browser struct {
	h       *house
	host    string
	cookies map[string]string
	headers http.Header // added to requests to us
}

func (h *house) browser() *browser {
	return &browser{h: h, host: "northwick.localhost:8080", cookies: map[string]string{}, headers: http.Header{}}
}

// answer is what came back.
type answer struct {
	*http.Response
	Text string
}

func (a answer) slug() string { return a.Header.Get("X-Slug") }
func (a answer) to() string   { return a.Header.Get("Location") }

func (b *browser) get(path string) answer { return b.send("GET", path, nil) }

func (b *browser) send(method, path string, form url.Values) answer {
	b.h.t.Helper()
	b.h.settle()
	defer b.h.settle()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	if after, ok := strings.CutPrefix(path, "http://"+b.host); ok {
		path = after
	}
	r := httptest.NewRequest(method, "http://"+b.host+path, body)
	for k, v := range b.headers {
		r.Header[k] = v
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for n, v := range b.cookies {
		r.AddCookie(&http.Cookie{Name: n, Value: v})
	}
	rec := httptest.NewRecorder()
	b.h.handler.ServeHTTP(rec, r)
	res := rec.Result()
	for _, c := range res.Cookies() {
		b.keep(c)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	return answer{res, string(text)}
}

// keep stores a cookie, and fails the test when its prefix would make a browser drop it.
func (b *browser) keep(c *http.Cookie) {
	b.h.t.Helper()
	if strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode) {
		b.h.t.Errorf("cookie %s breaks the rules of its prefix: %v", c.Name, c)
	}
	if c.MaxAge < 0 {
		delete(b.cookies, c.Name)
		return
	}
	b.cookies[c.Name] = c.Value
}

var direct = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// atIssuer follows a redirect to the issuer and returns where it sends the browser back to.
func (b *browser) atIssuer(a answer) string {
	b.h.t.Helper()
	b.h.settle()
	defer b.h.settle()
	if a.StatusCode != http.StatusSeeOther || !strings.HasPrefix(a.to(), "http://127.0.0.1:") {
		b.h.t.Fatalf("want a redirect to the issuer, got %d %s %s", a.StatusCode, a.slug(), a.to())
	}
	res, err := direct.Get(a.to())
	if err != nil {
		b.h.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSeeOther {
		text, _ := io.ReadAll(res.Body)
		b.h.t.Fatalf("the issuer refuses: %d %s", res.StatusCode, text)
	}
	return res.Header.Get("Location")
}

// signIn goes from path through the issuer and back, and returns the answer of the callback.
func (b *browser) signIn(path string) answer {
	b.h.t.Helper()
	return b.get(b.atIssuer(b.get(path)))
}

func (b *browser) launchPath(target string) string {
	return "/apps/" + service + "/launch?" + url.Values{"iss": {b.h.citizens.URL}, "target_link_uri": {target}, "launch": {"ticket-1"}, "ui_locales": {"zh"}}.Encode()
}

type whoAmI struct {
	kernel.Principal
	Channel string
}

func (b *browser) who(path string) whoAmI {
	b.h.t.Helper()
	a := b.get(path)
	var w whoAmI
	if err := json.Unmarshal([]byte(a.Text), &w); err != nil {
		b.h.t.Fatalf("%d %s: %v", a.StatusCode, a.Text, err)
	}
	return w
}

func want(t testing.TB, a answer, status int, slug string) {
	t.Helper()
	if a.StatusCode != status || a.slug() != slug {
		t.Errorf("answer is %d %q (to %q), want %d %q", a.StatusCode, a.slug(), a.to(), status, slug)
	}
}
