package host

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"townhall/modules/kernel"
)

const (
	townSecret  = "whsec_dG93bi10b3duLXRvd24tdG93bi10b3duLXRvd24="
	eventSecret = "whsec_ZXZlbnQtZXZlbnQtZXZlbnQtZXZlbnQtZXZlbnQ="
)

// till is a house whose first municipality asks for payments and takes the wallet's events.
type till struct {
	*house
	faults *Faults

	mu     sync.Mutex
	heard  []heard
	answer func(n int) int // status of the n-th attempt, from 1; nil accepts
}

// heard is one attempt to deliver an event, whose signature was verified.
type heard struct {
	id   string
	raw  string
	at   time.Time
	body eventBody
}

func newTill(t testing.TB, change func(*Config)) *till {
	t.Helper()
	x := &till{faults: &Faults{}}
	x.house = newHouse(t, func(c *Config) {
		c.Towns = []Town{
			{Origins: []string{c.Catalogues[0]}, Secrets: []string{townSecret}, EventSecrets: []string{eventSecret}},
			{Origins: []string{c.Catalogues[1]}, Secrets: []string{testSecret}, EventSecrets: []string{eventSecret}},
		}
		c.Faults, c.EventPause = x.faults, 2*time.Millisecond
		if change != nil {
			change(c)
		}
	})
	x.clock.mu.Lock()
	x.clock.now = time.Now().UTC() // signatures are judged by the machine's clock
	x.clock.mu.Unlock()
	x.northwick.mu.Lock()
	x.northwick.events = x.take
	x.northwick.mu.Unlock()
	return x
}

func (x *till) take(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	wh, _ := webhooks.NewWebhook(eventSecret)
	if err != nil || wh.Verify(raw, r.Header) != nil {
		x.t.Errorf("an event whose signature does not hold: %v %s", r.Header, raw)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	h := heard{id: r.Header.Get("webhook-id"), raw: string(raw), at: time.Now()}
	if err := json.Unmarshal(raw, &h.body); err != nil {
		x.t.Errorf("event %s: %v", raw, err)
	}
	x.mu.Lock()
	x.heard = append(x.heard, h)
	n, answer := len(x.heard), x.answer
	x.mu.Unlock()
	if answer != nil {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(answer(n))
	}
}

func (x *till) answering(f func(n int) int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.answer = f
}

// told waits until the wallet has no event left to deliver, and returns what was heard, in the order it came.
func (x *till) told() []heard {
	x.t.Helper()
	for end := time.Now().Add(20 * time.Second); x.w.Undelivered() > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			x.t.Fatal("events were not delivered")
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.heard)
}

func (x *till) types() []string {
	x.t.Helper()
	var out []string
	for _, h := range x.told() {
		out = append(out, strings.TrimSuffix(h.body.Type+" "+h.body.Data.Reason, " "))
	}
	return out
}

// subject is what northwick knows a person by.
func (x *till) subject(persona string) string {
	return x.w.citizens.subject(Client{Sector: x.northwick.URL}, persona)
}

// bill is a complete request of northwick for anna: a ticket and its insurance, 12.50 EUR.
func (x *till) bill(id string, change func(*paymentRequest)) paymentRequest {
	payee := kernel.Text{"en": "Northwick Coaches", "ru": "Автобусы Нортуика", "zh": "诺斯威克客运"}
	in := paymentRequest{ID: id, Town: x.northwick.URL, Payee: payee,
		Title: kernel.Text{"en": "Coach to Eastmere, 4 December", "ru": "Автобус в Истмир, 4 декабря", "zh": "前往伊斯特米尔的客车，12月4日"},
		Lines: []paymentLine{
			{Name: "fare", Title: kernel.Text{"en": "Ticket, one adult", "ru": "Билет, один взрослый", "zh": "成人票一张"}, Payee: payee, Amount: 1100},
			{Name: "insurance", Title: kernel.Text{"en": "Travel insurance", "ru": "Страховка", "zh": "旅行保险"}, Payee: kernel.Text{"en": "Harbour Mutual", "ru": "Общество «Харбор»", "zh": "港湾互助保险"}, Amount: 150},
		},
		Amount: 1250, Currency: "EUR", Capture: "manual", Subject: x.subject("anna"),
		ReturnURL: x.northwick.URL + "/apps/coach/paid?case=7", EventsURL: x.northwick.URL + "/payments/v1/events/wallet", ExpiresAt: x.clock.Now().Add(10 * time.Minute).Truncate(time.Second)}
	if change != nil {
		change(&in)
	}
	return in
}

// call signs and sends as a town; change edits the request after signing.
func (x *till) call(secret, method, path string, body any, change func(*http.Request)) answer {
	x.t.Helper()
	raw := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			x.t.Fatal(err)
		}
		raw = string(b)
	}
	return x.raw(secret, method, path, raw, kernel.NewID(), time.Now(), change)
}

func (x *till) raw(secret, method, path, raw, id string, at time.Time, change func(*http.Request)) answer {
	x.t.Helper()
	wh, err := webhooks.NewWebhook(secret)
	if err != nil {
		x.t.Fatal(err)
	}
	signature, err := wh.Sign(id, at, []byte(raw))
	if err != nil {
		x.t.Fatal(err)
	}
	req, err := http.NewRequest(method, x.url+"/payments/v1"+path, strings.NewReader(raw))
	if err != nil {
		x.t.Fatal(err)
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", jsonNumber(at))
	req.Header.Set("webhook-signature", signature)
	if change != nil {
		change(req)
	}
	resp, err := x.client.Do(req)
	if err != nil {
		x.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(b)}
}

// opened is a payment at the wallet: how the town orders, and where the person pays.
type opened struct{ Reference, URL string }

func (x *till) open(id string, change func(*paymentRequest)) opened {
	x.t.Helper()
	a := x.call(townSecret, http.MethodPost, "/payments", x.bill(id, change), nil)
	var out opened
	if a.status != http.StatusCreated || json.Unmarshal([]byte(a.body), &out) != nil {
		x.t.Fatalf("open: %d %s", a.status, a.body)
	}
	return out
}

func (x *till) order(reference string, o order) answer {
	x.t.Helper()
	return x.call(townSecret, http.MethodPost, "/payments/"+reference+"/orders", o, nil)
}

// must gives an order that has to be accepted.
func (x *till) must(reference string, o order) {
	x.t.Helper()
	if a := x.order(reference, o); a.status != http.StatusAccepted {
		x.t.Fatalf("%v: %d %s", o, a.status, a.body)
	}
}

// paid opens a payment that anna pays from her everyday account.
func (x *till) paid(id string, change func(*paymentRequest)) opened {
	x.t.Helper()
	p := x.open(id, change)
	if a := x.browser().signIn("anna").post(p.URL, "do", "pay", "means", "everyday"); a.status != http.StatusSeeOther {
		x.t.Fatalf("pay: %d %s", a.status, a.body)
	}
	return p
}

// shown is a payment as the wallet tells it.
type shown struct {
	State, Reason, Currency                        string
	Amount, Authorized, Captured, Voided, Refunded int64
	Orders                                         []struct {
		ID, Type, State string
		Amount          int64
	}
}

func (x *till) show(reference string) shown {
	x.t.Helper()
	a := x.call(townSecret, http.MethodGet, "/payments/"+reference, nil, nil)
	var out shown
	if a.status != http.StatusOK || json.Unmarshal([]byte(a.body), &out) != nil {
		x.t.Fatalf("show: %d %s", a.status, a.body)
	}
	return out
}

func code(a answer) string {
	var e struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &e) // no JSON: no code, and the test says so
	return e.Code
}
