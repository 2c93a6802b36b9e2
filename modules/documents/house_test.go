package documents

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// house is the module on a database of its own, behind the real server, with a sign-in by header.
type house struct {
	*Service
	clock   *kerneltest.FakeClock
	log     *auditLog
	run     *pg.Dispatcher
	subs    map[string]pg.Effects
	handler http.Handler
	issued  *seen
}

// auditLog keeps what was recorded; the audit module itself is a sibling.
type auditLog struct {
	mu  sync.Mutex
	all []kernel.AuditEntry
}

func (a *auditLog) Record(_ context.Context, _ kernel.Tx, e kernel.AuditEntry) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, e)
	return nil
}

func (a *auditLog) OfCase(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.AuditEntry, error) {
	return nil, nil
}

func (a *auditLog) actions() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, e := range a.all {
		out = append(out, e.Action)
	}
	return strings.Join(out, " ")
}

// seen counts document.issued as a subscriber would.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) handle(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	return func(context.Context, *pg.Tx) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all = append(s.all, string(e.Payload))
		return nil
	}, nil
}

type shell struct{}

func (shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	page, err := v.Render(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), name, view.Data)
	if err == nil {
		if view.Status > 0 {
			w.WriteHeader(view.Status)
		}
		_, err = io.WriteString(w, view.Title+"\n"+string(page))
	}
	return err
}

// signIn takes the person from a header: "citizen <id>" or "staff <id>".
type signIn struct{}

func (signIn) who(r *http.Request) kernel.Principal {
	kind, id, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "Test "), " ")
	p := kernel.Principal{Kind: kernel.Anonymous, Tenant: kernel.TenantOf(r.Context()).ID}
	if kind != "" {
		p.Kind, p.Person, p.Level = kernel.PrincipalKind(kind), kernel.PersonID(id), kernel.Substantial
	}
	if kind == "staff" {
		p.Grants = []kernel.Grant{{Agency: "civil-registry", Role: "registrar"}}
	}
	if kind == "stranger" {
		p.Kind, p.Grants = kernel.Staff, []kernel.Grant{{Agency: "parks", Role: "registrar"}}
	}
	return p
}

func (s signIn) Session(r *http.Request, _ string) (kernel.Principal, error) { return s.who(r), nil }
func (s signIn) Bearer(r *http.Request, _ string) (kernel.Principal, error)  { return s.who(r), nil }
func (signIn) Challenge(w http.ResponseWriter, _ *http.Request, _ string, _ *kernel.Error) {
	w.WriteHeader(http.StatusSeeOther)
}

func words(t testing.TB) *ui.Texts {
	t.Helper()
	texts, err := ui.LoadTexts(web.Texts(), Texts())
	must(t, err)
	return texts
}

func newHouse(t *testing.T, change ...func(*Deps)) *house {
	t.Helper()
	h := &house{clock: kerneltest.NewClock(time.Now()), log: &auditLog{}, issued: &seen{}}
	db := kerneltest.DB(t)
	var err error
	d := Deps{DB: db, Directory: kerneltest.Directory(), Audit: h.log, Clock: h.clock, Log: slog.New(slog.DiscardHandler), Keys: t.TempDir(), Texts: words(t), Shell: shell{}, Staff: shell{}}
	for _, c := range change {
		c(&d)
	}
	h.Service, err = New(d)
	must(t, err)
	subs := map[string]pg.Effects{"documents": h.Module().Effects, "watcher": {kernel.EventDocumentIssued: h.issued.handle}}
	db.Subscribe(subs)
	h.subs = subs
	h.run = pg.NewDispatcher(db, kerneltest.Directory(), subs, pg.DispatchOptions{Backoff: time.Microsecond, MaxTries: 100})
	m := h.Module()
	srv, err := web.New(web.Options{Directory: kerneltest.Directory(), Auth: signIn{}, Translate: h.Texts.Lookup, Clock: h.clock, Log: slog.New(slog.DiscardHandler),
		Headers: func(http.Header, *http.Request) {}, Contracts: m.Contracts, Pages: m.Pages,
		ErrorPage: func(w http.ResponseWriter, _ *http.Request, _ string, status int, e *kernel.Error) {
			w.WriteHeader(status)
			io.WriteString(w, e.Slug)
		}})
	must(t, err)
	h.handler = srv.Handler()
	return h
}

// intend stores one intent for Anna in Northwick.
func (h *house) intend(t *testing.T, holder kernel.PersonID, c kernel.CaseID, content kernel.DocumentContent) kernel.DocumentID {
	t.Helper()
	var id kernel.DocumentID
	ctx := kernel.WithPrincipal(t.Context(), kernel.SystemPrincipal(kerneltest.Northwick))
	must(t, h.DB.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		id, err = h.Intend(ctx, tx, kernel.DocumentIntent{Case: c, Holder: holder, Agency: "civil-registry", Type: "residence-certificate", Content: content})
		return err
	}))
	return id
}

func (h *house) read(t *testing.T, id kernel.DocumentID) record {
	t.Helper()
	var r record
	must(t, h.DB.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		r, err = documentByID(t.Context(), tx, id)
		return err
	}))
	return r
}

func (h *house) drain(t *testing.T) {
	t.Helper()
	must(t, h.run.Drain(t.Context()))
}

// ctx is the context in which a service method is called by somebody: "citizen <id>", "staff <id>", or nobody.
func (h *house) ctx(t *testing.T, who string) context.Context {
	t.Helper()
	ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick))
	r := httptest.NewRequest("GET", "http://northwick.localhost:8080/", nil).WithContext(ctx)
	if who != "" {
		r.Header.Set("Authorization", "Test "+who)
	}
	return kernel.WithPrincipal(ctx, signIn{}.who(r))
}

// post sends JSON as somebody, with a fresh key unless one is given.
func (h *house) post(path, who, body string, key ...string) *httptest.ResponseRecorder {
	k := kernel.NewID()
	if len(key) > 0 {
		k = key[0]
	}
	return h.send("POST", path, who, strings.NewReader(body), "Content-Type", "application/json", "Idempotency-Key", k)
}

// retryNow makes every effect that failed due at once.
func (h *house) retryNow(t *testing.T) {
	t.Helper()
	must(t, h.DB.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE kernel.effect SET not_before = now() WHERE tenant_id = $1 AND state = 'open'`, string(kerneltest.Northwick))
		return err
	}))
}

func (h *house) send(method, path, who string, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://northwick.localhost:8080"+path, body)
	if who != "" {
		r.Header.Set("Authorization", "Test "+who)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

func (h *house) get(path, who string) *httptest.ResponseRecorder {
	return h.send("GET", path, who, nil)
}

func form(t *testing.T, file []byte) (io.Reader, string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	p, err := m.CreateFormFile("file", "x.pdf")
	must(t, err)
	_, err = p.Write(file)
	must(t, err)
	must(t, m.Close())
	return &b, m.FormDataContentType()
}
