package notify

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// house is the module on a database of its own, with a town full of people.
type house struct {
	*Service
	db     *pg.DB
	people people
	run    *pg.Dispatcher
}

// people is the kernel.People of the tests.
type people map[kernel.PersonID]kernel.Person

func (p people) Person(_ context.Context, _ kernel.Tx, id kernel.PersonID, _ string) (kernel.Person, error) {
	if one, ok := p[id]; ok {
		return one, nil
	}
	return kernel.Person{}, kernel.NotThere("person")
}

func (people) Asked(context.Context, kernel.Tx, string) error { return nil }

const issuer = "https://wallet.example"

func secret(seed byte) string {
	b := make([]byte, 32)
	for i := range b {
		b[i] = seed + byte(i)
	}
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

func words(t *testing.T) *ui.Texts {
	t.Helper()
	texts, err := ui.LoadTexts(Texts())
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

// shell renders a page's content without a layout.
type shell struct{}

func (shell) Render(w http.ResponseWriter, r *http.Request, v *ui.Views, name string, view ui.View) error {
	page, err := v.Render(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), name, view.Data)
	if err == nil {
		_, err = io.WriteString(w, view.Title+"\n"+string(page))
	}
	return err
}

func newHouse(t *testing.T, c Config) *house {
	t.Helper()
	h := &house{db: kerneltest.DB(t), people: people{}}
	s, err := New(Deps{
		DB: h.db, People: h.people, Directory: kerneltest.Directory(), Config: c, Clock: kernel.SystemClock{},
		Log: slog.New(slog.DiscardHandler), Texts: words(t), Citizen: shell{},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Service = s
	subs := map[string]pg.Effects{"notify": s.Module().Effects}
	h.db.Subscribe(subs)
	h.run = pg.NewDispatcher(h.db, kerneltest.Directory(), subs, pg.DispatchOptions{Backoff: time.Microsecond, MaxTries: 1000})
	return h
}

// resident adds a person of the wallet.
func (h *house) resident(email, locale string) kernel.PersonID {
	id := kernel.PersonID(kernel.NewID())
	p := kernel.Person{ID: id, Issuer: issuer, Subject: "sub-" + string(id[30:]), Locale: locale, Claims: map[string]string{"name": "Anna Whitfield"}}
	if email != "" {
		p.Claims["email"] = email
	}
	h.people[id] = p
	return id
}

// tell writes one notice, as a step of casework does.
func (h *house) tell(t *testing.T, p kernel.PersonID, number string) kernel.CaseID {
	t.Helper()
	c := kernel.CaseID(kernel.NewID())
	err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		return pg.Emit(t.Context(), tx, kernel.Event{Name: kernel.EventCaseNotice, Key: number, Case: c, Payload: kernel.CaseNotice{
			Case: c, Person: p, Service: "residence-certificate", Number: number, Notice: "question-asked",
			Title: kernel.Text{"en": "We have a question", "ru": "У нас есть вопрос", "zh": "我们有一个问题"},
			Body:  kernel.Text{"en": "Please answer it.", "ru": "Пожалуйста, ответьте.", "zh": "请回答。"},
			Path:  "/cases/" + string(c),
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// settle runs effects until none is open; failed attempts are what some tests are about.
func (h *house) settle(t *testing.T) {
	t.Helper()
	for range 2000 {
		_ = h.run.Drain(t.Context())
		if h.count(t, `SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND state = 'open'`) == 0 {
			return
		}
	}
	t.Fatal("effects do not come to an end")
}

func (h *house) count(t *testing.T, query string, args ...any) int {
	t.Helper()
	var n int
	if err := h.db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error { return tx.Get(&n, query, args...) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func (h *house) as(p kernel.PersonID) context.Context {
	ctx := kernel.WithTenant(context.Background(), kerneltest.Tenant(kerneltest.Northwick))
	return kernel.WithPrincipal(ctx, kernel.Principal{Kind: kernel.Citizen, Tenant: kerneltest.Northwick, Person: p})
}

// received is one webhook as it came in.
type received struct {
	Secret  string            `json:"secret"`
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

func (r received) header() http.Header {
	h := http.Header{}
	for k, v := range r.Headers {
		h.Set(k, v)
	}
	return h
}

// receiver is a wallet's webhook endpoint. answer says what it does with the n-th call; nil accepts all.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []received
	answer func(n int, w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) *receiver {
	rec := &receiver{answer: answer}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		one := received{Body: string(body), Headers: map[string]string{}}
		for _, k := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			one.Headers[k] = r.Header.Get(k)
		}
		rec.mu.Lock()
		rec.calls = append(rec.calls, one)
		n := len(rec.calls)
		rec.mu.Unlock()
		if rec.answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		rec.answer(n, w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.calls...)
}

func (r *receiver) wallet(secrets ...string) Config {
	return Config{Wallets: []Wallet{{Issuer: issuer, WebhookURL: r.URL + "/hook", Secrets: secrets, AllowLoopback: true}}}
}

func number(i int) string { return fmt.Sprintf("RC-2026-%04d", i) }
