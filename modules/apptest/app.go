// Package apptest starts the whole application on a real database, with people who can sign in: the tests of the API,
// the access matrix, the drill and the benchmarks all begin here.
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
)

// App is one running town with two municipalities, northwick and eastmere, which both offer the same services here, so that
// "not yours" can be tried across them. Northwick has two clinics, riverside-clinic and harbour-health, eastmere has
// oak-surgery; they have no places and no calendars until a test makes some.
type App struct {
	*modules.Town
	DB       *pg.DB
	Citizens *Issuer // the citizens' issuer, and the programs'
	Staff    *Issuer
	Data     string               // folder of the keys
	Pay      *kerneltest.Payments // who moves the money; nil without WithTravel

	t         testing.TB
	directory kernel.Directory
	judge     *judge
	log       *slog.Logger
	server    *httptest.Server
	client    *http.Client
}

// Option changes what Start makes.
type Option func(*modules.Options)

// WithoutOwnChecks turns casework's own check off: what still refuses is row-level security.
func WithoutOwnChecks(o *modules.Options) { o.SkipChecksForTest = true }

// WithClock gives the town another clock.
func WithClock(c kernel.Clock) Option { return func(o *modules.Options) { o.Clock = c } }

// WithLog sends everything the town logs to w, as JSON, from the most talkative level on.
func WithLog(w io.Writer) Option {
	return func(o *modules.Options) {
		o.Log = slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
}

// WithWebhook tells cases of the citizens' issuer to address.
func WithWebhook(address, secret string) Option {
	return func(o *modules.Options) {
		o.Settings.Wallets = []modules.WalletSettings{{
			Issuer: o.Settings.Issuers[0].URL, Webhook: address, Secrets: []modules.Secret{modules.Secret(secret)}, AllowLoopback: true,
		}}
	}
}

// Start builds and serves one town; everything ends with the test. Effects run when Drain is called.
func Start(t testing.TB, options ...Option) *App {
	t.Helper()
	a := newApp(t, kerneltest.DB(t))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	o := modules.Options{
		Settings: Settings(port, a.Citizens.URL, a.Staff.URL), DB: a.DB, Data: a.Data, Clock: kernel.SystemClock{},
		Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})), Contracts: openapi.FS,
	}
	for _, option := range options {
		option(&o)
	}
	a.log, a.Citizens.Clock, a.Staff.Clock = o.Log, o.Clock, o.Clock
	a.Pay, _ = o.PaymentsForTest.(*kerneltest.Payments)
	if a.Town, err = modules.New(o); err != nil {
		t.Fatal(err)
	}
	if err := a.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a.judge, err = theJudge(); err != nil {
		t.Fatal(err)
	}
	a.directory = a.Town.Directory
	a.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: a.Handler(), ReadHeaderTimeout: 10 * time.Second}}
	a.server.Start()
	t.Cleanup(a.server.Close)
	return a
}

// Cut takes the town off the network, until mend brings it back to the same address. What calls its Handler still gets answers.
func (a *App) Cut() (mend func()) {
	a.t.Helper()
	address := a.server.Listener.Addr().String()
	if err := a.server.Listener.Close(); err != nil {
		a.t.Fatal(err)
	}
	a.server.CloseClientConnections()
	return func() {
		l, err := net.Listen("tcp", address)
		if err != nil {
			a.t.Fatal(err)
		}
		a.t.Cleanup(func() { _ = l.Close() })
		go func() { _ = a.server.Config.Serve(l) }() // ends when l is closed
	}
}

func newApp(t testing.TB, db *pg.DB) *App {
	a := &App{t: t, DB: db, Citizens: NewIssuer(), Staff: NewIssuer(), Data: t.TempDir()}
	t.Cleanup(a.Citizens.Close)
	t.Cleanup(a.Staff.Close)
	a.client = &http.Client{
		Transport:     &http.Transport{DialContext: kernel.DialLoopbackNames, MaxIdleConnsPerHost: 128},
		Timeout:       60 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(a.client.CloseIdleConnections)
	return a
}

// Attach stands beside a server that runs as a process of its own on port: it knows its people, and how to call it.
func Attach(t testing.TB, db *pg.DB, port string) *App {
	t.Helper()
	a := newApp(t, db)
	a.directory = a.SettingsFor(port).Directory()
	return a
}

// SettingsFor are the settings a server on port needs to know this App's people.
func (a *App) SettingsFor(port string) modules.Settings {
	return Settings(port, a.Citizens.URL, a.Staff.URL)
}

// Settings are those of every test: two municipalities, two issuers, three integrators.
func Settings(port, citizens, staff string) modules.Settings {
	tenant := func(id kernel.TenantID, en, ru, zh string) modules.TenantSettings {
		return modules.TenantSettings{
			ID: id, Origin: fmt.Sprintf("http://%s.localhost:%s", id, port), Name: kernel.Text{"en": en, "ru": ru, "zh": zh},
			Zone: "Europe/London", Country: "GB", Colour: "#1d4f91", Services: []string{"residence-certificate", "doctor-appointment", "vaccination"},
			Agencies: append([]modules.AgencySettings{{ID: "civil-registry", Name: kernel.Text{"en": "Civil Registry", "ru": "Отдел регистрации граждан", "zh": "民事登记处"}}}, clinics[id]...),
		}
	}
	registrar := []modules.GrantSettings{{Agency: "civil-registry", Role: "registrar"}}
	northwick := withClinics("northwick", "northwick-registrars", registrar)
	northwick["northwick-treasurers"] = []modules.GrantSettings{{Agency: "civil-registry", Role: "treasurer"}}
	for _, role := range []string{kernel.RolePublisher, kernel.RoleReviewer} {
		for _, agency := range []kernel.AgencyID{"civil-registry", "health-services"} {
			northwick["northwick-"+role+"s"] = append(northwick["northwick-"+role+"s"], modules.GrantSettings{Agency: agency, Role: role})
		}
	}
	return modules.Settings{
		Tenants: []modules.TenantSettings{tenant("northwick", "Northwick", "Нортуик", "诺斯威克"), tenant("eastmere", "Eastmere", "Истмир", "伊斯特米尔")},
		Issuers: []modules.IssuerSettings{
			{ID: "wallet", URL: citizens, Area: "citizen", ACR: ACR},
			{ID: "staff", URL: staff, Area: "staff", ACR: ACR, Groups: map[kernel.TenantID]map[string][]modules.GrantSettings{
				"northwick": northwick, "eastmere": withClinics("eastmere", "eastmere-registrars", registrar),
			}},
		},
		Machines: []modules.MachineSettings{
			{ClientID: "statistics", Issuer: "wallet", Kind: kernel.Integrator, Tenant: "northwick", Scopes: []string{"workflow.read", "agency:civil-registry"}},
			{ClientID: "clinic-system", Issuer: "wallet", Kind: kernel.Integrator, Tenant: "northwick", Scopes: []string{"medical.read", "agency:riverside-clinic"}},
			{ClientID: "harbour-system", Issuer: "wallet", Kind: kernel.Integrator, Tenant: "northwick", Scopes: []string{"medical.read", "agency:harbour-health"}},
		},
	}
}

// The people of the tests.
var (
	Anna    = Who{Subject: "anna", Name: "Anna Whitfield", ACR: "substantial", Client: "northwick.residence-certificate"}
	Boris   = Who{Subject: "boris", Name: "Борис Орлов", ACR: "substantial", Client: "northwick.residence-certificate"}
	Low     = Who{Subject: "low", Name: "王小明", ACR: "low", Client: "northwick.residence-certificate"}
	Oliver  = Who{Subject: "oliver", Name: "Oliver Grant", ACR: "high", Groups: []string{"northwick-registrars"}, Client: "northwick.staff"}
	Priya   = Who{Subject: "priya", Name: "Priya Shah", ACR: "high", Groups: []string{"northwick-registrars"}, Client: "northwick.staff"}
	Tomasz  = Who{Subject: "tomasz", Name: "Tomasz Nowak", ACR: "high", Groups: []string{"eastmere-registrars"}, Client: "eastmere.staff"}
	Sofia   = Who{Subject: "sofia", Name: "Sofia Lindqvist", ACR: "high", Groups: []string{"northwick-publishers"}, Client: "northwick.staff"}
	Marcus  = Who{Subject: "marcus", Name: "Marcus Adeyemi", ACR: "high", Groups: []string{"northwick-reviewers"}, Client: "northwick.staff"}
	Bea     = Who{Subject: "bea", Name: "Bea Moreau", ACR: "high", Groups: []string{"northwick-publishers", "northwick-reviewers"}, Client: "northwick.staff"}
	Visitor = Who{Subject: "visitor", Name: "No Group", ACR: "high", Client: "northwick.staff"}
	Program = Who{Client: "statistics", Machine: true, Scope: "workflow.read agency:civil-registry"}
)

// Origin is the address of one municipality.
func (a *App) Origin(tenant kernel.TenantID) string {
	for _, t := range a.directory.Tenants() {
		if t.ID == tenant {
			return t.Origin
		}
	}
	a.t.Fatalf("no tenant %s", tenant)
	return ""
}

// Call is one request to an API.
type Call struct {
	Tenant  kernel.TenantID // northwick when empty
	Who     *Who            // nil: nobody
	Method  string
	Path    string // "/civic/v1/applications"
	Body    any    // JSON; nil for none
	Key     string // Idempotency-Key
	Headers map[string]string
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON reads the body into v, failing the test when it is none.
func (r Answer) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		t.Fatalf("%d %s: %v", r.Status, r.Body, err)
	}
}

// Do sends one call and returns the answer, whatever its status; an answer the contract does not describe fails the test.
func (a *App) Do(c Call) Answer {
	a.t.Helper()
	req, err := a.Request(a.t.Context(), c)
	if err != nil {
		a.t.Fatal(err)
	}
	answer, err := a.Send(req)
	if err != nil {
		a.t.Fatal(err)
	}
	a.judge.check(a.t, req, answer)
	return answer
}

// Request prepares one call; it can be sent once.
func (a *App) Request(ctx context.Context, c Call) (*http.Request, error) {
	if c.Tenant == "" {
		c.Tenant = "northwick"
	}
	var body io.Reader
	if c.Body != nil {
		b, err := json.Marshal(c.Body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, c.Method, a.Origin(c.Tenant)+c.Path, body)
	if err != nil {
		return nil, err
	}
	if c.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Who != nil {
		req.Header.Set("Authorization", "Bearer "+a.Token(*c.Who, c.Tenant, c.Path))
	}
	if c.Key != "" {
		req.Header.Set("Idempotency-Key", c.Key)
	}
	for k, v := range c.Headers {
		req.Header.Set(k, v)
	}
	return req, nil
}

// Send sends a request as it is; the error is of the connection.
func (a *App) Send(req *http.Request) (Answer, error) {
	resp, err := a.client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, b}, err
}

// Token is an access token of who for the contract path belongs to, at tenant.
func (a *App) Token(who Who, tenant kernel.TenantID, path string) string {
	issuer := a.Citizens
	if who.staff() {
		issuer = a.Staff
	}
	return issuer.AccessToken(who, a.Origin(tenant)+prefix(path))
}

// prefix is the contract's part of a path: "/civic/v1" of "/civic/v1/applications".
func prefix(path string) string {
	slashes := 0
	for i, c := range path {
		if c == '/' {
			if slashes++; slashes == 3 {
				return path[:i]
			}
		}
	}
	return path
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSpace(b))
	return len(b), nil
}

// Log is where the town speaks.
func (a *App) Log() *slog.Logger { return a.log }

// Settle runs every effect that is due.
func (a *App) Settle() {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	defer cancel()
	if err := a.Drain(ctx); err != nil {
		a.t.Fatal(err)
	}
}

// RunJob runs one job of a module by its name, now.
func (a *App) RunJob(name string) {
	a.t.Helper()
	for _, m := range a.Modules {
		for _, j := range m.Jobs {
			if j.Name == name {
				if err := j.Run(a.t.Context()); err != nil {
					a.t.Fatalf("%s: %v", name, err)
				}
				return
			}
		}
	}
	a.t.Fatalf("no job %s", name)
}
