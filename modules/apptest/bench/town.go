package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/openapi"
)

const tenant kernel.TenantID = "northwick"

// reader is who looks at pages: somebody with a handful of cases, unlike the citizen of all the copies.
var reader = apptest.Boris

// house is the application served to this process's own clients. Its background work runs only inside inBackground.
type house struct {
	*base
	app    *apptest.App
	town   *modules.Town
	addr   string
	host   string
	tokens map[string]string
	stop   func()
}

// open serves the application on appDB until stop; people and keys of a former house on the same base stay.
func open(b *base, app *apptest.App, l net.Listener, logged bool, options ...apptest.Option) *house {
	b.t.Helper()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	db := b.open(appDB, logged)
	app.DB = db
	o := modules.Options{
		Settings: app.SettingsFor(port), DB: db, Data: app.Data, Clock: kernel.SystemClock{}, Contracts: openapi.FS,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, option := range options {
		option(&o)
	}
	town, err := modules.New(o)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := town.Check(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	h := &house{base: b, app: app, town: town, addr: l.Addr().String(), host: string(tenant) + ".localhost:" + port, tokens: map[string]string{}}
	stopServing := serve(l, town.Handler())
	h.stop = func() { stopServing(); db.Close() }
	return h
}

func serve(l net.Listener, handler http.Handler) (stop func()) {
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute}
	go srv.Serve(l)
	return func() { srv.Close() }
}

// inBackground does effects and jobs while do runs, as a server does.
func (h *house) inBackground(do func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	ended := make(chan struct{})
	go func() { h.town.Run(ctx); close(ended) }()
	do()
	cancel()
	<-ended
}

// token is minted once for each person and contract; servers check signatures once per token and minute.
func (h *house) token(who apptest.Who, path string) string {
	key := who.Subject + " " + path
	if h.tokens[key] == "" {
		h.tokens[key] = "Authorization: Bearer " + h.app.Token(who, tenant, path)
	}
	return h.tokens[key]
}

// step is one kind of request that takes a case one step on.
type step struct {
	name   string
	who    apptest.Who
	path   string // with %s for the case
	action string
	input  map[string]any
}

func submission() step {
	input := apptest.Answers()
	input["declaration"] = true
	return step{"submissions", apptest.Anna, "/civic/v1/applications/%s/actions/submit", "submit", input}
}

func decision() step {
	return step{"decisions", apptest.Oliver, "/workflow/v1/cases/%s/actions/propose", "propose",
		map[string]any{"assessment": "Entered in the register at this address."}}
}

// request writes the requests of a step: one with a case's id and a key of its own for each call.
func (h *house) request(s step, version int) func(kase string) []byte {
	body, err := json.Marshal(map[string]any{"version": version, "input": s.input})
	if err != nil {
		h.t.Fatal(err)
	}
	token := h.token(s.who, s.path)
	return func(kase string) []byte {
		return message("POST", h.host, fmt.Sprintf(s.path, kase), body, token, "Idempotency-Key: "+kernel.NewID())
	}
}

// once sends one request and returns its answer.
func (h *house) once(request []byte) ([]byte, http.Header) {
	h.t.Helper()
	w, err := dial(h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Close()
	body, header, err := w.do(request, http.StatusOK)
	if err != nil {
		h.t.Fatal(err)
	}
	return body, header
}

// capture takes the step on a case and returns the transaction the database saw.
func (h *house) capture(s step, c apptest.Case) captured {
	h.t.Helper()
	request := h.request(s, c.Version)(c.ID)
	list, err := transaction(h.listen(func() { h.once(request) }))
	if err != nil {
		h.t.Fatalf("%s: %v", s.name, err)
	}
	return captured{c.ID, list}
}

// submit takes the step for d, on a case of the pool each time, and returns the requests per second.
func (h *house) submit(p *pool, s step, version, clients int, d time.Duration) float64 {
	h.t.Helper()
	p.ready(d)
	rate, err := h.stepping(p, s, version).closed(clients, d)
	if err != nil {
		h.t.Fatalf("%s: %v", s.name, err)
	}
	p.rate = rate
	p.used()
	return rate
}

func (h *house) stepping(p *pool, s step, version int) load {
	request := h.request(s, version)
	var n atomic.Int64
	n.Store(p.from - 1)
	return load{addr: h.addr, want: http.StatusOK, next: func() []byte { return request(caseID(n.Add(1))) }}
}
