package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// wallet stands in for the provider of payments: it takes what it is asked for, and knows when it was.
type wallet struct {
	url   string
	mu    sync.Mutex
	asked map[string]chan struct{} // by payment and what was asked
}

func newWallet(t testing.TB) *wallet {
	w := &wallet{asked: map[string]chan struct{}{}}
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	w.url = s.URL
	return w
}

// ServeHTTP answers as a wallet does: to a new payment, to an order, and to notices.
func (w *wallet) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var body struct{ ID, Type string }
	raw, _ := io.ReadAll(r.Body)
	switch path := strings.Split(strings.Trim(r.URL.Path, "/"), "/"); {
	case json.Unmarshal(raw, &body) != nil:
	case len(path) == 2: // /payments/payments
		fmt.Fprintf(rw, `{"reference":"WP-%[1]s","url":"%[2]s/pay/%[1]s"}`, body.ID, w.url)
		w.heard(body.ID, "begin")
	case len(path) == 4: // /payments/payments/<reference>/orders
		w.heard(strings.TrimPrefix(path[2], "WP-"), body.Type)
	}
}

func (w *wallet) when(payment, what string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := payment + " " + what
	if w.asked[key] == nil {
		w.asked[key] = make(chan struct{})
	}
	return w.asked[key]
}

// heard notes what was asked; it may be asked again.
func (w *wallet) heard(payment, what string) {
	asked := w.when(payment, what)
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-asked:
	default:
		close(asked)
	}
}

func (w *wallet) wait(payment, what string) error {
	select {
	case <-w.when(payment, what):
		return nil
	case <-time.After(time.Minute):
		return fmt.Errorf("nobody asked for %s of payment %s", what, payment)
	}
}

// authorized is the message that a payment was authorised, signed.
func authorized(host, payment, event string, amount int64) ([]byte, error) {
	body, err := json.Marshal(map[string]any{"type": "payment.authorized", "timestamp": time.Now(),
		"data": map[string]any{"payment": payment, "reference": "WP-" + payment, "amount": amount, "currency": "GBP"}})
	if err != nil {
		return nil, err
	}
	h := http.Header{}
	if err := apptest.WalletSigns(h, event, body); err != nil {
		return nil, err
	}
	var headers []string
	for name := range h {
		headers = append(headers, name+": "+h.Get(name))
	}
	return message("POST", host, "/payments/v1/events/wallet", body, headers...), nil
}

// keys are the idempotency keys of a purchase, and the id of its event.
type keys struct{ hold, names, pay, event string }

func newKeys() keys { return keys{kernel.NewID(), kernel.NewID(), kernel.NewID(), kernel.NewID()} }
