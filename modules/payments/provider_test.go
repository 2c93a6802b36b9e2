package payments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

// bench is a provider and what the conformance suite needs around it.
type bench struct {
	provider
	// pay makes the payment paid at the provider.
	pay func(id kernel.PaymentID)
	// breaks makes the provider answer every call with a status from now on; 0 ends that.
	breaks func(status int)
	// dead is the same provider at an address where nobody answers.
	dead provider
	// says writes an event as the provider would: about a payment and, for a refund, an order; sent at.
	says func(kind, id string, payment kernel.PaymentID, order string, amount kernel.Money, at time.Time) (http.Header, []byte)
	// other is an event of the provider that does not concern payments.
	other func() (http.Header, []byte)
	// refuses is the status with which the provider refuses for good.
	refuses int
	// lapses makes the provider let go what is held for the payment, because it has held it long enough.
	lapses func(id kernel.PaymentID)
	// keeps makes these the provider's books.
	keeps func(lines []booksLine)
}

// booksLine is one line of a provider's books.
type booksLine struct {
	entry
	town string
}

// Every provider does what the service relies on.
func TestEveryProviderConforms(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) bench{"wallet": walletBench, "card": cardBench} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conforms(t, make(t))
		})
	}
}

func beginningOf(id kernel.PaymentID) beginning {
	return beginning{
		Tenant: kerneltest.Tenant(kerneltest.Northwick), ID: id, Title: title("Coach ticket"), Amount: euro(1250), Subject: "sub-1", Locale: "en",
		Lines:  []payable{{"fare", title("Fare"), title("Coaches"), 1000}, {"insurance", title("Insurance"), title("Insurer"), 250}},
		Return: "https://northwick.example/apps/coach-ticket", Events: "https://northwick.example/payments/v1/events/x", Until: time.Now().Add(time.Hour).UTC(),
	}
}

func conforms(t *testing.T, b bench) {
	ctx := t.Context()
	n := beginningOf(kernel.PaymentID(kernel.NewID()))
	first, err := b.Begin(ctx, n)
	if err != nil || first.Reference == "" || !strings.Contains(first.URL, "://") {
		t.Fatalf("begin: %+v, %v", first, err)
	}
	if again, err := b.Begin(ctx, n); err != nil || again != first {
		t.Errorf("begun again: %+v, %v", again, err)
	}
	other := n
	other.Amount, other.Lines = euro(1000), n.Lines[:1]
	if _, err := b.Begin(ctx, other); !errors.Is(err, errRefused) {
		t.Errorf("another payment with the same id: %v", err)
	}
	b.pay(n.ID)
	order := func(kind string, amount int64) instruction {
		o := instruction{Tenant: n.Tenant, ID: kernel.NewID(), Payment: n.ID, Reference: first.Reference, Kind: kind}
		if o.Amount = euro(amount); kind == kernel.OrderVoid {
			o.Amount.Amount = 0
		}
		return o
	}
	for _, o := range []instruction{order(kernel.OrderCapture, 1250), order(kernel.OrderRefund, 500), order(kernel.OrderRefund, 250)} {
		for range 2 {
			if err := b.Execute(ctx, o); err != nil {
				t.Errorf("%s: %v", o.Kind, err)
			}
		}
	}
	let := beginningOf(kernel.PaymentID(kernel.NewID()))
	second, err := b.Begin(ctx, let)
	if err != nil {
		t.Fatal(err)
	}
	letGo := instruction{Tenant: n.Tenant, ID: kernel.NewID(), Payment: let.ID, Reference: second.Reference, Kind: kernel.OrderVoid, Amount: euro(0)}
	if err := b.Execute(ctx, letGo); err != nil {
		t.Errorf("void of what nobody paid: %v", err)
	}
	deposits(t, b)
	states(t, b)
	fails(t, b, order(kernel.OrderCapture, 1250), n)
	tells(t, b, n.ID)
}

// deposits: of what is held a part may be taken, once; of that it may all go back in parts, and no more. What the provider has let
// go cannot be taken any more, for good, and letting it go is no failure.
func deposits(t *testing.T, b bench) {
	t.Helper()
	held := func() (beginning, begun) {
		t.Helper()
		n := beginningOf(kernel.PaymentID(kernel.NewID()))
		at, err := b.Begin(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		b.pay(n.ID)
		return n, at
	}
	n, at := held()
	do := func(kind string, amount int64) error {
		return b.Execute(t.Context(), instruction{Tenant: n.Tenant, ID: kernel.NewID(), Payment: n.ID, Reference: at.Reference, Kind: kind, Amount: euro(amount), Reason: "damaged"})
	}
	for _, step := range []struct {
		kind   string
		amount int64
		want   error
	}{
		{kernel.OrderCapture, 1251, errRefused}, {kernel.OrderCapture, 400, nil}, {kernel.OrderCapture, 100, errRefused}, {kernel.OrderVoid, 0, errRefused},
		{kernel.OrderRefund, 401, errRefused}, {kernel.OrderRefund, 150, nil}, {kernel.OrderRefund, 251, errRefused}, {kernel.OrderRefund, 250, nil}, {kernel.OrderRefund, 1, errRefused},
	} {
		if err := do(step.kind, step.amount); !errors.Is(err, step.want) {
			t.Errorf("%s of %d: %v, want %v", step.kind, step.amount, err, step.want)
		}
	}
	n, at = held()
	b.lapses(n.ID)
	if err := do(kernel.OrderCapture, 400); !errors.Is(err, errRefused) {
		t.Errorf("taken after it had lapsed: %v", err)
	}
	if err := do(kernel.OrderVoid, 0); err != nil {
		t.Errorf("let go after it had lapsed: %v", err)
	}
	h, body := b.says("lapsed", "evt_lapsed", n.ID, "", euro(1250), time.Now())
	if e, err := b.Read(h, body); err != nil || e.Kind != saidVoided || e.Reason != kernel.ReleaseExpired || e.Payment != n.ID || e.Amount != euro(1250) {
		t.Errorf("lapsed is read as %+v, %v", e, err)
	}
}

// states: a statement holds what moved on the day, of this town and of no other, however much it is; a day on which the provider is
// away can be asked for again.
func states(t *testing.T, b bench) {
	t.Helper()
	town := kerneltest.Tenant(kerneltest.Northwick)
	by := b.provider.(stating)
	day := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	id := func() kernel.PaymentID { return kernel.PaymentID(kernel.NewID()) }
	ticket, deposit, elsewhere := id(), id(), id()
	line := func(kind string, p kernel.PaymentID, order string, amount int64, at time.Time) booksLine {
		return booksLine{entry{Kind: kind, Payment: p, Order: order, Amount: euro(amount), At: at}, town.Origin}
	}
	capture := func(p kernel.PaymentID, amount int64, at time.Time) booksLine {
		return line(kernel.OrderCapture, p, kernel.NewID(), amount, at)
	}
	lines := []booksLine{
		capture(ticket, 1250, day), line(kernel.OrderRefund, ticket, kernel.NewID(), 500, day.Add(time.Hour)), line(kernel.OrderRefund, ticket, kernel.NewID(), 750, day.Add(2*time.Hour)),
		capture(deposit, 400, day.Add(24*time.Hour-time.Second)), // of 1000 held
		capture(id(), 5, day.Add(-time.Second)), capture(id(), 5, day.Add(24*time.Hour)), capture(elsewhere, 5, day),
	}
	lines[len(lines)-1].town = "https://elsewhere.example"
	many := day.AddDate(0, 0, 3)
	for i := range 250 {
		lines = append(lines, capture(id(), 100, many.Add(time.Duration(i)*time.Minute)))
	}
	b.keeps(lines)
	got, err := by.Statement(t.Context(), town, dayOf(day))
	if err != nil || len(got) != 4 {
		t.Fatalf("the day has %d lines: %+v, %v", len(got), got, err)
	}
	for _, want := range lines[:4] {
		if !slices.ContainsFunc(got, func(e entry) bool {
			return e.subject() == want.subject() && e.Amount == want.Amount && e.At.Equal(want.At) && e.Reference != ""
		}) {
			t.Errorf("the statement lacks %+v: %+v", want, got)
		}
	}
	got, err = by.Statement(t.Context(), town, dayOf(many))
	seen := map[string]bool{}
	for _, e := range got {
		seen[e.subject()] = true
	}
	if err != nil || len(got) != 250 || len(seen) != 250 {
		t.Errorf("a long day has %d lines about %d payments, %v", len(got), len(seen), err)
	}
	if got, err = by.Statement(t.Context(), town, "2026-11-01"); err != nil || len(got) != 0 {
		t.Errorf("a day on which nothing moved: %+v, %v", got, err)
	}
	for _, status := range []int{b.refuses, 401, 404, 429, 500, 302} {
		b.breaks(status)
		if _, err := by.Statement(t.Context(), town, dayOf(day)); !errors.Is(err, errAway) {
			t.Errorf("a statement answered with %d: %v", status, err)
		}
	}
	b.breaks(0)
	if _, err := b.dead.(stating).Statement(t.Context(), town, dayOf(day)); !errors.Is(err, errAway) || strings.Contains(err.Error(), "http") {
		t.Errorf("nobody answers: %v", err)
	}
	b.keeps(nil)
}

// fails: what may go away is told from what is refused for good, and no error tells an address.
func fails(t *testing.T, b bench, o instruction, n beginning) {
	t.Helper()
	for status, want := range map[int]error{b.refuses: errRefused, 404: errAway, 429: errAway, 500: errAway, 503: errAway, 302: errAway} {
		b.breaks(status)
		if err := b.Execute(t.Context(), o); !errors.Is(err, want) {
			t.Errorf("order answered with %d: %v", status, err)
		}
		n.ID = kernel.PaymentID(kernel.NewID())
		if _, err := b.Begin(t.Context(), n); !errors.Is(err, want) {
			t.Errorf("begin answered with %d: %v", status, err)
		}
	}
	b.breaks(0)
	_, err := b.dead.Begin(t.Context(), n)
	if !errors.Is(err, errAway) || strings.Contains(err.Error(), "http") {
		t.Errorf("nobody answers: %v", err)
	}
	if err := b.dead.Execute(t.Context(), o); !errors.Is(err, errAway) || strings.Contains(err.Error(), "http") {
		t.Errorf("nobody answers an order: %v", err)
	}
}

// tells: events are read as what they mean, once it is known who sent them.
func tells(t *testing.T, b bench, id kernel.PaymentID) {
	t.Helper()
	for _, kind := range sayings {
		order, amount := "", euro(1250)
		if kind == saidRefunded || kind == saidRefundFailed {
			order, amount = kernel.NewID(), euro(500)
		}
		h, body := b.says(kind, "evt_"+kind, id, order, amount, time.Now())
		e, err := b.Read(h, body)
		if err != nil || e.Kind != kind || e.Payment != id || e.Order != order || e.Amount != amount || e.ID != "evt_"+kind || time.Since(e.At) > time.Minute {
			t.Errorf("%s is read as %+v, %v", kind, e, err)
		}
		if kind == saidFailed && e.Reason != "declined" {
			t.Errorf("failed because of %q", e.Reason)
		}
		if _, err := b.Read(h, bytes.Replace(body, []byte(fmt.Sprint(amount.Amount)), []byte("9999"), 1)); !errors.Is(err, errSignature) {
			t.Errorf("%s, tampered: %v", kind, err)
		}
		if _, err := b.Read(http.Header{}, body); !errors.Is(err, errSignature) {
			t.Errorf("%s, unsigned: %v", kind, err)
		}
		h, body = b.says(kind, "evt_old", id, order, amount, time.Now().Add(-6*time.Minute))
		if _, err := b.Read(h, body); !errors.Is(err, errSignature) {
			t.Errorf("%s, old: %v", kind, err)
		}
	}
	h, body := b.says(saidAuthorized, "evt_1", "not-an-id", "", euro(1), time.Now())
	if _, err := b.Read(h, body); !errors.Is(err, errMessage) {
		t.Errorf("about nothing: %v", err)
	}
	h, body = b.other()
	if e, err := b.Read(h, body); err != nil || e.Kind != "" {
		t.Errorf("something else: %+v, %v", e, err)
	}
}

func walletBench(t *testing.T) bench {
	sim := newWalletSim(t)
	make := func(url string) *wallet {
		w, err := newWallet(Wallet{Name: "wallet", URL: url, Secrets: []string{secret(1)}, EventSecrets: []string{secret(2)}, AllowLoopback: true}, kernel.SystemClock{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	w := make(sim.URL)
	signed := func(id string, body []byte, at time.Time) (http.Header, []byte) {
		h := http.Header{}
		if err := w.reads.Sign(h, id, at, body); err != nil {
			t.Fatal(err)
		}
		return h, body
	}
	return bench{
		lapses: sim.lapse,
		keeps: func(lines []booksLine) {
			sim.mu.Lock()
			defer sim.mu.Unlock()
			sim.lines = nil
			for _, l := range lines {
				sim.towns[string(l.Payment)] = l.town
				sim.write(l.Kind, message{Payment: string(l.Payment), Reference: "WP-1", Order: l.Order, Amount: l.Amount.Amount, Currency: l.Amount.Currency, At: l.At})
			}
		},
		provider: w, pay: sim.pay, dead: make("http://" + nobody(t)), refuses: http.StatusConflict,
		breaks: func(status int) {
			sim.mu.Lock()
			defer sim.mu.Unlock()
			sim.answer = func(w http.ResponseWriter, _ *http.Request) bool {
				if status != 0 {
					w.Header().Set("Location", "http://169.254.169.254/")
					w.WriteHeader(status)
				}
				return status != 0
			}
		},
		says: func(kind, id string, p kernel.PaymentID, order string, amount kernel.Money, at time.Time) (http.Header, []byte) {
			m := message{Type: kind, Payment: string(p), Order: order, Amount: amount.Amount, Currency: amount.Currency, Reason: "declined", At: at}
			if kind == "lapsed" {
				m.Type, m.Reason = saidVoided, "expired"
			}
			return signed(id, m.body(), at)
		},
		other: func() (http.Header, []byte) {
			return signed("evt_2", []byte(`{"type":"wallet.greeted","timestamp":"2026-11-30T09:41:07Z","data":{}}`), time.Now())
		},
	}
}

// nobody is an address on this machine where nobody answers.
func nobody(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

const eventSecret = "whsec_of_the_endpoint"

// cardBench is the card company's own server for tests. It has no memory, so what it lacks is put in front of it: a request with an
// Idempotency-Key it has seen is answered as before, or refused when it asks for something else; and companyBooks remembers what
// became of the one payment that server has.
func cardBench(t *testing.T) bench {
	front := newIdempotent(t, startStripeMock(t))
	books := newCompanyBooks(t, front)
	make := func(url string) *card {
		c, err := newCard(Card{Name: "card", APIKey: "sk_test_123", EventSecrets: []string{"whsec_of_before", eventSecret}, URL: url, AllowLoopback: true}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return bench{
		keeps: func(lines []booksLine) {
			books.forget()
			for _, l := range lines {
				books.moved(l)
			}
		},
		provider: make(front.URL), pay: func(kernel.PaymentID) { books.intent.paid = true }, lapses: func(kernel.PaymentID) { books.intent.canceled = true }, dead: make("http://" + nobody(t)), refuses: http.StatusBadRequest,
		breaks: func(status int) {
			front.mu.Lock()
			defer front.mu.Unlock()
			front.status = status
		},
		says: stripeSays,
		other: func() (http.Header, []byte) {
			return stripeSigned([]byte(`{"id":"evt_2","object":"event","type":"customer.created","created":1764495600,"data":{"object":{"id":"cus_1"}}}`), time.Now())
		},
	}
}

// stripeSays writes an event of the card company.
func stripeSays(kind, id string, p kernel.PaymentID, order string, amount kernel.Money, at time.Time) (http.Header, []byte) {
	o := map[string]any{"currency": strings.ToLower(amount.Currency), "metadata": map[string]string{"payment": string(p), "order": order, "town": "http://northwick.localhost:8080"}}
	var name stripe.EventType
	switch kind {
	case saidAuthorized:
		name, o["amount_capturable"] = stripe.EventTypePaymentIntentAmountCapturableUpdated, amount.Amount
	case saidFailed:
		name, o["amount"], o["last_payment_error"] = stripe.EventTypePaymentIntentPaymentFailed, amount.Amount, map[string]string{"code": "card_declined"}
	case saidCaptured:
		name, o["amount_received"] = stripe.EventTypePaymentIntentSucceeded, amount.Amount
	case saidVoided, "lapsed":
		name, o["amount"], o["cancellation_reason"] = stripe.EventTypePaymentIntentCanceled, amount.Amount, nil
		if kind == "lapsed" {
			o["cancellation_reason"] = "automatic"
		}
	case saidRefunded:
		name, o["amount"], o["status"] = stripe.EventTypeRefundUpdated, amount.Amount, "succeeded"
	case saidRefundFailed:
		name, o["amount"], o["status"] = stripe.EventTypeRefundFailed, amount.Amount, "failed"
	}
	body, _ := json.Marshal(map[string]any{"id": id, "object": "event", "type": name, "created": at.Unix(), "data": map[string]any{"object": o}})
	return stripeSigned(body, at)
}

func stripeSigned(body []byte, at time.Time) (http.Header, []byte) {
	signed := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{Payload: body, Secret: eventSecret, Timestamp: at})
	return http.Header{"Stripe-Signature": {signed.Header}}, signed.Payload
}

// idempotent stands in front of a server without a memory.
type idempotent struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	seen   map[string][2]string // key → request, answer
	asked  []string
	answer func(w http.ResponseWriter, r *http.Request) bool // true: it has answered, in the place of the server behind
}

func newIdempotent(t *testing.T, behind string) *idempotent {
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	s := &idempotent{seen: map[string][2]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		request, key := r.Method+" "+r.URL.RequestURI()+" "+string(body), r.Header.Get("Idempotency-Key")
		s.asked = append(s.asked, request)
		had, known := s.seen[key]
		switch {
		case s.status != 0:
			w.WriteHeader(s.status)
			fmt.Fprint(w, `{"error":{"type":"api_error","message":"planted"}}`)
		case r.Method == http.MethodPost && !kernel.ValidID(key):
			t.Errorf("%s without a key of ours: %q", r.URL.Path, key)
		case known && had[0] != request:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error":{"type":"idempotency_error","message":"other content"}}`)
		case known:
			fmt.Fprint(w, had[1])
		case s.answer != nil && s.answer(w, r):
		default:
			r.Body = io.NopCloser(bytes.NewReader(body)) // somebody may have read it
			rec := httptest.NewRecorder()
			proxy.ServeHTTP(rec, r)
			if r.Method == http.MethodPost {
				s.seen[key] = [2]string{request, rec.Body.String()}
			}
			w.WriteHeader(rec.Code)
			_, _ = w.Write(rec.Body.Bytes())
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// company is the card company's own server for tests. It takes seconds to start and remembers nothing, so all tests share one.
var company struct {
	sync.Mutex
	address string
	stop    func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if company.stop != nil {
		company.stop()
	}
	os.Exit(code)
}

// startStripeMock runs the program that make installs, once, and returns its address.
func startStripeMock(t *testing.T) string {
	t.Helper()
	company.Lock()
	defer company.Unlock()
	if company.address != "" {
		return company.address
	}
	program, err := exec.LookPath("stripe-mock")
	if err != nil {
		if program, err = filepath.Abs("../../.cache/bin/stripe-mock"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(program); err != nil {
			t.Fatal("stripe-mock is missing: run make need-test")
		}
	}
	for range 3 { // somebody else may take the address first
		address := nobody(t)
		cmd := exec.Command(program, "-http-addr", address)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stop := func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		for range 400 {
			if res, err := http.Get("http://" + address + "/v1/refunds"); err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusUnauthorized {
					company.address, company.stop = "http://"+address, stop
					return company.address
				}
			}
			time.Sleep(50 * time.Millisecond)
		}
		stop()
	}
	t.Fatal("stripe-mock does not answer")
	return ""
}

// The company is asked for what was meant: the money is held and not taken, and it knows our ids.
func TestTheCardCompanyIsAskedToHoldTheMoney(t *testing.T) {
	t.Parallel()
	front := newIdempotent(t, startStripeMock(t))
	c, err := newCard(Card{Name: "card", APIKey: "sk_test_123", EventSecrets: []string{eventSecret}, URL: front.URL, AllowLoopback: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := beginningOf(kernel.PaymentID(kernel.NewID()))
	b, err := c.Begin(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.URL, "https://checkout.stripe.com/") {
		t.Errorf("people are sent to %s", b.URL)
	}
	for _, o := range []instruction{{Kind: kernel.OrderCapture, Amount: euro(700)}, {Kind: kernel.OrderRefund, Amount: euro(300)}} {
		o.Tenant, o.ID, o.Payment, o.Reference = n.Tenant, kernel.NewID(), n.ID, b.Reference
		if err := c.Execute(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := url.QueryUnescape(strings.Join(front.asked, "\n"))
	for _, want := range []string{
		"payment_intent_data[capture_method]=manual", "payment_intent_data[metadata][payment]=" + string(n.ID), "line_items[0][price_data][unit_amount]=1000",
		"line_items[1][price_data][unit_amount]=250", "line_items[0][price_data][currency]=eur", "amount_to_capture=700", "amount=300", "metadata[order]=",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not asked for %s in\n%s", want, all)
		}
	}
}

func TestACardPaymentOfAnotherTownIsPassedOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c, err := newCard(Card{Name: "card", APIKey: "k", EventSecrets: []string{eventSecret}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.add(c); err != nil {
		t.Fatal(err)
	}
	head, body := stripeSays(saidAuthorized, "evt_1", kernel.PaymentID(kernel.NewID()), "", euro(5), time.Now())
	if err := h.Take(t.Context(), kerneltest.Eastmere, "card", head, body); err != nil {
		t.Errorf("at the other town: %v", err)
	}
	if err := h.Take(t.Context(), kerneltest.Northwick, "card", head, body); kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("at its own: %v", err)
	}
}
