package payments

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/outside"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/web"
)

// house is the module on a database of its own, with a wallet and people who pay with it.
type house struct {
	*Service
	db     *pg.DB
	people people
	run    *pg.Dispatcher
	wallet *walletSim
	heard  *changes
	server http.Handler
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

// changes is a sector that listens to payment.changed.
type changes struct {
	mu  sync.Mutex
	all []kernel.PaymentChanged
}

func (c *changes) handle(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var one kernel.PaymentChanged
	if err := json.Unmarshal(e.Payload, &one); err != nil {
		return nil, err
	}
	return func(context.Context, *pg.Tx) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, one)
		return nil
	}, nil
}

func (c *changes) words() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, one := range c.all {
		out = append(out, one.Change)
	}
	return strings.Join(out, " ")
}

const issuer = "https://wallet.example"

func secret(seed byte) string {
	b := bytes.Repeat([]byte{seed}, 32)
	return "whsec_" + base64.StdEncoding.EncodeToString(b)
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{db: kerneltest.DB(t), people: people{}, wallet: newWalletSim(t), heard: &changes{}}
	s, err := New(Deps{
		DB: h.db, People: h.people, Directory: kerneltest.Directory(), Clock: kernel.SystemClock{}, Log: slog.New(slog.DiscardHandler),
		Config: Config{Wallets: []Wallet{{Name: "wallet", Issuer: issuer, URL: h.wallet.URL, Secrets: []string{secret(1)}, EventSecrets: []string{secret(3), secret(2)}, AllowLoopback: true}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Service = s
	subs := map[string]pg.Effects{Name: s.Module().Effects, "travel": {kernel.EventPaymentChanged: h.heard.handle}}
	h.db.Subscribe(subs)
	h.run = pg.NewDispatcher(h.db, kerneltest.Directory(), subs, pg.DispatchOptions{Backoff: time.Microsecond, MaxTries: 30})
	server, err := web.New(web.Options{Directory: kerneltest.Directory(), Headers: func(http.Header, *http.Request) {}, Clock: kernel.SystemClock{}, Log: slog.New(slog.DiscardHandler), Contracts: s.Module().Contracts})
	if err != nil {
		t.Fatal(err)
	}
	h.server = server.Handler()
	return h
}

// resident adds a person of the wallet.
func (h *house) resident() kernel.PersonID {
	id := kernel.PersonID(kernel.NewID())
	h.people[id] = kernel.Person{ID: id, Issuer: issuer, Subject: "sub-" + string(id[30:]), Locale: "en"}
	return id
}

func euro(n int64) kernel.Money { return kernel.Money{Amount: n, Currency: "EUR"} }

func title(s string) kernel.Text { return kernel.Text{"en": s, "ru": s, "zh": s} }

// ticket is what a coach ticket costs: two payees.
func ticket(who kernel.PersonID) kernel.NewPayment {
	return kernel.NewPayment{
		Case: kernel.CaseID(kernel.NewID()), Person: who, Title: title("Coach ticket"), Until: time.Now().Add(10 * time.Minute), Return: "/apps/coach-ticket",
		Lines: []kernel.PaymentLine{
			{Name: "fare", Payee: "civil-registry", Title: title("Fare"), Amount: euro(1000)},
			{Name: "insurance", Payee: "insurer", Title: title("Insurance"), Amount: euro(250)},
		},
	}
}

// open opens a payment as a step of a sector does.
func (h *house) open(t testing.TB, n kernel.NewPayment) kernel.Payment {
	t.Helper()
	var out kernel.Payment
	h.tx(t, func(tx *pg.Tx) (err error) {
		out, err = h.Open(t.Context(), tx, n)
		return err
	})
	return out
}

func (h *house) order(t testing.TB, o kernel.PaymentOrder) kernel.Payment {
	t.Helper()
	var out kernel.Payment
	h.tx(t, func(tx *pg.Tx) (err error) {
		out, err = h.Order(t.Context(), tx, o)
		return err
	})
	return out
}

// orderError is what an order that must not be possible answers.
func (h *house) orderError(t testing.TB, o kernel.PaymentOrder) error {
	t.Helper()
	return h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		_, err := h.Order(t.Context(), tx, o)
		return err
	})
}

func (h *house) tx(t testing.TB, fn func(*pg.Tx) error) {
	t.Helper()
	if err := h.db.InTx(t.Context(), kerneltest.Northwick, fn); err != nil {
		t.Fatal(err)
	}
}

func (h *house) stands(t testing.TB, id kernel.PaymentID) kernel.Payment {
	t.Helper()
	p, err := h.read(t.Context(), kerneltest.Northwick, id)
	if err != nil {
		t.Fatal(err)
	}
	return p.public()
}

// settle runs effects until none is open; failed attempts are what some tests are about.
func (h *house) settle(t testing.TB) {
	t.Helper()
	for range 200 {
		_ = h.run.Drain(t.Context())
		if h.count(t, `SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND state = 'open'`) == 0 {
			return
		}
	}
	t.Fatal("effects do not come to an end")
}

func (h *house) count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := h.db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error { return tx.Get(&n, query, args...) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// books is the ledger as text, "account posted/pending" per line, after the check that everything adds up to nothing.
func (h *house) books(t testing.TB) string {
	t.Helper()
	var all []balance
	if err := h.db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		all, err = balances(t.Context(), tx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return booksOf(t, all)
}

func booksOf(t testing.TB, all []balance) string {
	t.Helper()
	var out []string
	var posted, reserved int64
	for _, b := range all {
		posted, reserved = posted+b.Posted, reserved+b.Pending
		if b.Posted != 0 || b.Pending != 0 {
			out = append(out, fmt.Sprintf("%s %d/%d", b.Account, b.Posted, b.Pending))
		}
	}
	if posted != 0 || reserved != 0 {
		t.Errorf("the ledger does not add up: %d booked, %d reserved in %v", posted, reserved, out)
	}
	return strings.Join(out, ", ")
}

// message is one of a wallet's events.
type message struct {
	ID, Type, Payment, Reference, Order, Currency, Reason string
	Amount                                                int64
	At                                                    time.Time
}

func (m message) body() []byte {
	b, _ := json.Marshal(map[string]any{"type": m.Type, "timestamp": m.At, "data": map[string]any{
		"payment": m.Payment, "reference": m.Reference, "order": m.Order, "amount": m.Amount, "currency": m.Currency, "reason": m.Reason}})
	return b
}

// says is an event about the whole of a payment.
func says(kind string, p kernel.Payment) message {
	return message{ID: kernel.NewID(), Type: kind, Payment: string(p.ID), Amount: p.Amount.Amount, Currency: p.Amount.Currency, At: time.Now()}
}

// deliver posts an event and returns the status and the slug of the problem.
func (h *house) deliver(t testing.TB, m message) (int, string) {
	t.Helper()
	return h.post(t, "wallet", m.ID, m.body(), secret(2), time.Now())
}

func (h *house) post(t testing.TB, provider, id string, body []byte, key string, at time.Time) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://northwick.localhost:8080/payments/v1/events/"+provider, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		keys, err := outside.NewKeys([]string{key})
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Sign(r.Header, id, at, body); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	h.server.ServeHTTP(w, r)
	var problem struct{ Code string }
	_ = json.Unmarshal(w.Body.Bytes(), &problem)
	return w.Code, problem.Code
}

func (h *house) taken(t testing.TB, m message) {
	t.Helper()
	if status, code := h.deliver(t, m); status != http.StatusOK {
		t.Fatalf("%s: %d %s", m.Type, status, code)
	}
}

// walletSim is a host wallet's payment interface as it is published, with books of its own. It does what it is told at once and
// keeps the events it would send until somebody asks for them.
type walletSim struct {
	*httptest.Server
	t    testing.TB
	keys outside.Keys // the town's

	mu       sync.Mutex
	payments map[string]*simPayment // by our id
	events   []message
	calls    []string
	lines    []string
	towns    map[string]string                                 // payment → origin, where it matters whose it is
	answer   func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
}

type simPayment struct {
	body                    string
	id, reference, currency string
	amount                  int64
	authorized, voided      bool
	captured, refunded      int64
	orders                  map[string]string
}

func newWalletSim(t testing.TB) *walletSim {
	keys, err := outside.NewKeys([]string{secret(1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &walletSim{t: t, keys: keys, payments: map[string]*simPayment{}, towns: map[string]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /payments", s.begin)
	mux.HandleFunc("POST /payments/{reference}/orders", s.order)
	mux.HandleFunc("GET /payments/{reference}", s.show)
	mux.HandleFunc("GET /statement", s.statement)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if _, err := keys.Verify(r.Header, body); err != nil {
			http.Error(w, "signature", http.StatusUnauthorized)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, r.Method+" "+r.URL.Path)
		if s.answer != nil && s.answer(w, r) {
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *walletSim) begin(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var in walletPayment
	if err := json.Unmarshal(raw, &in); err != nil || in.ID == "" || in.Subject == "" || in.Capture != "manual" || in.ExpiresAt.IsZero() {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	had, status := s.payments[string(in.ID)], http.StatusOK
	if had == nil {
		had = &simPayment{body: string(raw), id: string(in.ID), reference: "WP-" + kernel.NewID()[24:], currency: in.Currency, amount: in.Amount, orders: map[string]string{}}
		s.payments[string(in.ID)], status = had, http.StatusCreated
	}
	if had.body != string(raw) {
		http.Error(w, "other content", http.StatusConflict)
		return
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(walletBegun{Reference: had.reference, URL: s.URL + "/pay/" + had.reference})
}

func (s *walletSim) order(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	var in walletOrder
	var p *simPayment
	for _, one := range s.payments {
		if one.reference == r.PathValue("reference") {
			p = one
		}
	}
	if p == nil || json.Unmarshal(raw, &in) != nil {
		http.Error(w, "unknown", http.StatusNotFound)
		return
	}
	if before, twice := p.orders[in.ID]; twice {
		if before != string(raw) {
			http.Error(w, "other content", http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	m := message{ID: kernel.NewID(), Payment: p.id, Reference: p.reference, Order: in.ID, Amount: in.Amount, Currency: p.currency, At: time.Now()}
	switch {
	case in.Type == "capture" && p.authorized && !p.voided && p.captured == 0 && in.Amount <= p.amount:
		p.captured, m.Type = in.Amount, saidCaptured
	case in.Type == "void" && p.captured == 0 && !p.voided:
		p.voided, m.Type, m.Amount = true, saidVoided, p.amount
	case in.Type == "refund" && in.Amount <= p.captured-p.refunded:
		p.refunded, m.Type = p.refunded+in.Amount, saidRefunded
	default:
		http.Error(w, "impossible", http.StatusConflict)
		return
	}
	p.orders[in.ID] = string(raw)
	s.events = append(s.events, m)
	s.write(in.Type, m)
	w.WriteHeader(http.StatusAccepted)
}

// write adds a line to the wallet's books.
func (s *walletSim) write(kind string, m message) {
	if kind == "void" {
		return
	}
	line, _ := json.Marshal(walletEntry{Reference: m.Reference, Payment: m.Payment, Order: m.Order, Type: kind, Amount: m.Amount, Currency: m.Currency, At: m.At.UTC()})
	s.lines = append(s.lines, string(line))
}

func (s *walletSim) statement(w http.ResponseWriter, r *http.Request) {
	for _, line := range s.lines {
		var e walletEntry
		_ = json.Unmarshal([]byte(line), &e)
		whose := s.towns[e.Payment]
		if e.At.Format(time.DateOnly) == r.URL.Query().Get("day") && (whose == "" || whose == r.URL.Query().Get("town")) {
			fmt.Fprintln(w, line)
		}
	}
}

// show is how a payment stands.
func (s *walletSim) show(w http.ResponseWriter, r *http.Request) {
	for _, p := range s.payments {
		if p.reference == r.PathValue("reference") {
			state := kernel.PaymentOpen
			switch {
			case p.captured > 0:
				state = kernel.PaymentCaptured
			case p.voided:
				state = kernel.PaymentVoided
			case p.authorized:
				state = kernel.PaymentAuthorized
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"reference": p.reference, "state": state})
			return
		}
	}
	http.Error(w, "unknown", http.StatusNotFound)
}

// lapse is the wallet letting go what it has held long enough.
func (s *walletSim) lapse(id kernel.PaymentID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[string(id)]
	p.voided = true
	s.events = append(s.events, message{ID: kernel.NewID(), Type: saidVoided, Payment: p.id, Reference: p.reference, Amount: p.amount, Currency: p.currency, Reason: "expired", At: time.Now()})
}

// pay is the citizen paying at the wallet.
func (s *walletSim) pay(id kernel.PaymentID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.payments[string(id)]
	if p == nil {
		s.t.Fatalf("the wallet does not know %s", id)
	}
	p.authorized = true
	s.events = append(s.events, message{ID: kernel.NewID(), Type: saidAuthorized, Payment: p.id, Reference: p.reference, Amount: p.amount, Currency: p.currency, At: time.Now()})
}

// tell delivers what the wallet has to say, each message twice.
func (h *house) tell(t testing.TB) {
	t.Helper()
	h.wallet.mu.Lock()
	all := h.wallet.events
	h.wallet.events = nil
	h.wallet.mu.Unlock()
	for _, m := range append(all, all...) {
		h.taken(t, m)
	}
	h.settle(t)
}

// paid opens a payment and has it authorised.
func (h *house) paid(t testing.TB) kernel.Payment {
	t.Helper()
	p := h.open(t, ticket(h.resident()))
	h.settle(t)
	h.wallet.pay(p.ID)
	h.tell(t)
	return h.stands(t, p.ID)
}
