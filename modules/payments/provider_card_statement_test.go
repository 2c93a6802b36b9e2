package payments

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// companyBooks are the books of the card company: its own server for tests forgets everything, so what stands in them is answered
// in front of it. The objects are that server's, with the numbers of the test.
type companyBooks struct {
	t       *testing.T
	behind  *idempotent
	n       int
	lines   []map[string]any // balance transactions, oldest first
	charges map[string]any
	shapes  map[string]string
	intent  intent
}

// intent is what became of the payment that was begun last: the server behind has one and the same for all.
type intent struct {
	paid, canceled     bool
	captured, refunded int64
}

func newCompanyBooks(t *testing.T, front *idempotent) *companyBooks {
	k := &companyBooks{t: t, behind: front, charges: map[string]any{}, shapes: map[string]string{}}
	for _, path := range []string{"/v1/balance_transactions/txn_1", "/v1/charges/ch_1", "/v1/refunds/re_1", "/v1/disputes/dp_1", "/v1/checkout/sessions/cs_1", "/v1/payment_intents/pi_1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer sk_test_123")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var raw json.RawMessage
		if err := json.NewDecoder(res.Body).Decode(&raw); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %v", path, res.StatusCode, err)
		}
		res.Body.Close()
		k.shapes[path] = string(raw)
	}
	front.answer = k.serve
	return k
}

func (k *companyBooks) forget() {
	k.behind.mu.Lock()
	defer k.behind.mu.Unlock()
	k.lines = nil
}

// object is one of the company's, with members set.
func (k *companyBooks) object(path string, set map[string]any) map[string]any {
	out := map[string]any{}
	if err := json.Unmarshal([]byte(k.shapes[path]), &out); err != nil {
		k.t.Fatal(err)
	}
	maps.Copy(out, set)
	return out
}

// line writes a balance transaction and returns its number.
func (k *companyBooks) line(category, kind string, amount int64, currency string, at time.Time, source map[string]any) {
	k.behind.mu.Lock()
	defer k.behind.mu.Unlock()
	k.n++
	k.lines = append(k.lines, k.object("/v1/balance_transactions/txn_1", map[string]any{"id": fmt.Sprintf("txn_%d", k.n), "amount": amount, "currency": currency, "created": at.Unix(),
		"net": amount, "reporting_category": category, "type": kind, "source": source}))
}

// charge is one of the company's charges; what it is about is in its metadata.
func (k *companyBooks) charge(id string, held, taken int64, currency string, created time.Time, about map[string]string) map[string]any {
	k.behind.mu.Lock()
	defer k.behind.mu.Unlock()
	c := k.object("/v1/charges/ch_1", map[string]any{"id": id, "amount": held, "amount_captured": taken, "captured": true, "currency": currency, "created": created.Unix(), "metadata": about})
	k.charges[id] = c
	return c
}

func (k *companyBooks) refund(id, charge, status string, amount int64, about map[string]string) map[string]any {
	return k.object("/v1/refunds/re_1", map[string]any{"id": id, "charge": charge, "status": status, "amount": amount, "currency": "eur", "metadata": about})
}

// moved writes what the company writes when money of a payment moves. A capture is one of a hold that is 600 larger and two days
// older: one line of the whole, and one that takes the rest back.
func (k *companyBooks) moved(l booksLine) {
	about := map[string]string{"payment": string(l.Payment), "town": l.town}
	charge := "ch_of_" + string(l.Payment)
	if l.Kind == kernel.OrderCapture {
		held := l.Amount.Amount + 600
		source := k.charge(charge, held, l.Amount.Amount, "eur", l.At.AddDate(0, 0, -2), about)
		k.line("charge", "charge", held, "eur", l.At, source)
		k.line("partial_capture_reversal", "refund", -600, "eur", l.At, k.refund("re_rest_"+string(l.Payment), charge, "succeeded", 600, map[string]string{}))
		return
	}
	about["order"] = l.Order
	k.line("refund", "refund", -l.Amount.Amount, "eur", l.At, k.refund("re_"+l.Order, charge, "succeeded", l.Amount.Amount, about))
}

// serve answers what the server behind cannot. The caller holds the lock.
func (k *companyBooks) serve(w http.ResponseWriter, r *http.Request) bool {
	number := func(name string) int64 {
		n, err := strconv.ParseInt(r.PostFormValue(name), 10, 64)
		if err != nil {
			k.t.Errorf("%s: %s is %q", r.URL.Path, name, r.PostFormValue(name))
		}
		return n
	}
	// no refuses as the company does, with the payment as it stands.
	no := func(code string) bool {
		status := "requires_capture"
		switch {
		case k.intent.canceled:
			status = "canceled"
		case k.intent.captured > 0:
			status = "succeeded"
		}
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"type": "invalid_request_error", "code": code, "payment_intent": k.object("/v1/payment_intents/pi_1", map[string]any{"status": status})}})
		return true
	}
	_, last, _ := strings.Cut(r.URL.Path[1:], "/")
	switch path := r.Method + " " + last; {
	case path == "POST checkout/sessions":
		k.intent = intent{}
	case strings.HasPrefix(path, "GET checkout/sessions/") && k.intent.paid:
		_ = json.NewEncoder(w).Encode(k.object("/v1/checkout/sessions/cs_1", map[string]any{"status": "complete", "payment_intent": "pi_1"}))
		return true
	case strings.HasSuffix(path, "/capture"):
		amount := number("amount_to_capture")
		if k.intent.canceled || k.intent.captured > 0 {
			return no("payment_intent_unexpected_state")
		}
		if amount > 1250 {
			return no("amount_too_large")
		}
		k.intent.captured = amount
	case strings.HasSuffix(path, "/cancel"):
		if k.intent.canceled || k.intent.captured > 0 {
			return no("payment_intent_unexpected_state")
		}
		k.intent.canceled = true
	case path == "POST refunds":
		amount := number("amount")
		if k.intent.captured < k.intent.refunded+amount {
			return no("charge_already_refunded")
		}
		k.intent.refunded += amount
	}
	return k.state(w, r)
}

// state answers with lines as the company does: newest first, in pages.
func (k *companyBooks) state(w http.ResponseWriter, r *http.Request) bool {
	if id, ok := strings.CutPrefix(r.URL.Path, "/v1/charges/"); ok {
		_ = json.NewEncoder(w).Encode(k.charges[id])
		return true
	}
	if r.URL.Path != "/v1/balance_transactions" {
		return false
	}
	q := r.URL.Query()
	number := func(name string) int64 {
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil {
			k.t.Errorf("%s is asked for as %q", name, q.Get(name))
		}
		return n
	}
	from, to, most := number("created[gte]"), number("created[lt]"), number("limit")
	if q.Get("expand[]") != "data.source" && q.Get("expand[0]") != "data.source" {
		k.t.Errorf("asked for %s", r.URL.RawQuery)
	}
	page, more, after := []map[string]any{}, false, q.Get("starting_after")
	for _, l := range slices.Backward(slices.Clone(k.lines)) {
		switch created := l["created"].(int64); {
		case created < from || created >= to:
		case after != "":
			if l["id"] == after {
				after = ""
			}
		case int64(len(page)) == most:
			more = true
		default:
			page = append(page, l)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "url": "/v1/balance_transactions", "has_more": more, "data": page})
	return true
}

func cardOn(t *testing.T, front *idempotent) *card {
	t.Helper()
	c, err := newCard(Card{Name: "card", APIKey: "sk_test_123", EventSecrets: []string{eventSecret}, URL: front.URL, AllowLoopback: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The company's own server checks what is asked for against the published contract.
func TestTheCardCompanyUnderstandsWhatItIsAskedForADay(t *testing.T) {
	t.Parallel()
	front := newIdempotent(t, startStripeMock(t))
	c := cardOn(t, front)
	got, err := c.Statement(t.Context(), kerneltest.Tenant(kerneltest.Northwick), "2026-11-21")
	if err != nil || len(got) != 0 { // the one line it always answers is somebody's fee
		t.Errorf("%+v, %v", got, err)
	}
	asked, _ := url.QueryUnescape(strings.Join(front.asked, "\n"))
	for _, want := range []string{"created[gte]=1795219200", "created[lt]=1795305600", "limit=100", "data.source"} {
		if !strings.Contains(asked, want) {
			t.Errorf("not asked for %s in %s", want, asked)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/v1/balance_transactions?created[gte]=yesterday", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk_test_123")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusBadRequest {
		t.Errorf("nonsense is answered %d: the server checks nothing", res.StatusCode)
	}
}

func TestTheCardCompanysLinesAreReadAsWhatMoved(t *testing.T) {
	t.Parallel()
	front := newIdempotent(t, startStripeMock(t))
	c, k := cardOn(t, front), newCompanyBooks(t, front)
	town := kerneltest.Tenant(kerneltest.Northwick)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	payment, order := kernel.NewID(), kernel.NewID()
	about := map[string]string{"payment": payment, "town": town.Origin}
	ours := k.charge("ch_ours", 1250, 1250, "eur", at, about)
	k.charge("ch_shop", 99, 99, "eur", at, map[string]string{})
	with := func(order string) map[string]string {
		return map[string]string{"payment": payment, "town": town.Origin, "order": order}
	}
	dispute := k.object("/v1/disputes/dp_1", map[string]any{"id": "dp_ours", "amount": 1250, "currency": "eur", "charge": "ch_ours"})
	for name, one := range map[string]struct {
		category, kind string
		amount         int64
		currency       string
		source         map[string]any
		want           string // empty: not among ours
	}{
		"taken":                              {"charge", "charge", 1250, "eur", ours, "capture " + payment + "  12.50 EUR ch_ours"},
		"taken, by another means":            {"charge", "payment", 1250, "eur", ours, "capture " + payment + "  12.50 EUR ch_ours"},
		"taken, into an account of dollars":  {"charge", "charge", 1444, "usd", ours, "capture " + payment + "  12.50 EUR ch_ours"},
		"a part taken":                       {"charge", "charge", 1250, "eur", k.charge("ch_part", 1250, 400, "eur", at, about), "capture " + payment + "  4.00 EUR ch_part"},
		"the rest of a part":                 {"partial_capture_reversal", "refund", -850, "eur", k.refund("re_rest", "ch_part", "succeeded", 850, nil), ""},
		"given back":                         {"refund", "refund", -500, "eur", k.refund("re_1", "ch_ours", "succeeded", 500, with(order)), "refund " + payment + " " + order + " 5.00 EUR re_1"},
		"given back, by hand at the company": {"refund", "refund", -500, "eur", k.refund("re_2", "ch_ours", "succeeded", 500, nil), "refund " + payment + "  5.00 EUR re_2"},
		"on its way back":                    {"refund", "payment_refund", -500, "eur", k.refund("re_3", "ch_ours", "pending", 500, with(order)), ""},
		"did not get back":                   {"refund", "refund", -500, "eur", k.refund("re_4", "ch_ours", "failed", 500, with(order)), ""},
		"and returned to the account":        {"refund_failure", "refund_failure", 500, "eur", k.refund("re_4", "ch_ours", "failed", 500, with(order)), ""},
		"disputed":                           {"dispute", "adjustment", -1250, "eur", dispute, "dispute " + payment + "  12.50 EUR dp_ours"},
		"and the dispute won":                {"dispute_reversal", "adjustment", 1250, "eur", dispute, "dispute_reversal " + payment + "  12.50 EUR dp_ours"},
		"the company's fee":                  {"fee", "stripe_fee", -30, "eur", nil, ""},
		"paid out":                           {"payout", "payout", -5000, "eur", map[string]any{"id": "po_1", "object": "payout"}, ""},
		"somebody else's business":           {"charge", "charge", 99, "eur", k.charge("ch_shop", 99, 99, "eur", at, map[string]string{}), ""},
		"and its refund":                     {"refund", "refund", -99, "eur", k.refund("re_5", "ch_shop", "succeeded", 99, nil), ""},
		"another town's":                     {"charge", "charge", 1250, "eur", k.charge("ch_theirs", 1250, 1250, "eur", at, map[string]string{"payment": payment, "town": "http://eastmere.localhost:8080"}), ""},
	} {
		k.forget()
		k.line(one.category, one.kind, one.amount, one.currency, at, one.source)
		all, err := c.Statement(t.Context(), town, "2026-11-21")
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := ""
		for _, e := range all {
			got += fmt.Sprint(e.Kind, " ", e.Payment, " ", e.Order, " ", e.Amount.Decimal(), " ", e.Amount.Currency, " ", e.Reference)
		}
		if got != one.want {
			t.Errorf("%s is read as %q, want %q", name, got, one.want)
		}
	}
}

// A deposit paid by card: held, a part taken, of which a part goes back; every line of the company's books agrees with ours, and what
// somebody does by hand at the company is found.
func TestTheDaysOfTheCardCompanyAreComparedWithOurBooks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	front := newIdempotent(t, startStripeMock(t))
	c, k := cardOn(t, front), newCompanyBooks(t, front)
	h.card = c
	if err := h.add(c); err != nil {
		t.Fatal(err)
	}
	who := kernel.PersonID(kernel.NewID())
	h.people[who] = kernel.Person{ID: who, Issuer: "https://elsewhere.example", Locale: "en"}
	p := h.open(t, ticket(who))
	h.settle(t)
	said := func(kind, order string, amount int64) {
		t.Helper()
		head, body := stripeSays(kind, "evt_"+kernel.NewID(), p.ID, order, euro(amount), time.Now())
		if err := h.Take(t.Context(), kerneltest.Northwick, "card", head, body); err != nil {
			t.Fatal(err)
		}
	}
	said(saidAuthorized, "", 1250)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 400}})
	h.settle(t)
	said(saidCaptured, "", 400)
	var refunds []string
	for key, amount := range map[string]int64{"one": 150, "two": 50} {
		h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: key, Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": amount}, Reason: "cancelled"})
		h.settle(t)
		own, err := h.read(t.Context(), kerneltest.Northwick, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		refunds = append(refunds, own.Orders[len(own.Orders)-1].ID)
		said(saidRefunded, refunds[len(refunds)-1], amount)
	}
	h.yesterday(t)
	h.tx(t, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE payments.payment_order SET done_at = done_at - interval '1 day' WHERE tenant_id = 'northwick' AND done_at IS NOT NULL`)
		return err
	})
	at := time.Now().UTC().AddDate(0, 0, -1)
	own, err := h.read(t.Context(), kerneltest.Northwick, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	town := kerneltest.Tenant(kerneltest.Northwick).Origin
	k.moved(booksLine{entry{Kind: kernel.OrderCapture, Payment: p.ID, Amount: euro(400), At: at}, town})
	for _, o := range own.Orders {
		if o.Kind == kernel.OrderRefund {
			k.moved(booksLine{entry{Kind: kernel.OrderRefund, Payment: p.ID, Order: o.ID, Amount: euro(o.Amount), At: at}, town})
		}
	}
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	days := func() (d desk) {
		t.Helper()
		d, err := h.desk(kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick)))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	i := slices.IndexFunc(days().Days, func(d day) bool { return d.Provider == "card" && d.Day == dayOf(at) })
	if d := days(); len(d.Open) != 0 || i < 0 || d.Days[i].Theirs != 3 || d.Days[i].Ours != 3 {
		t.Fatalf("%+v", d)
	}
	k.line("refund", "refund", -100, "eur", at, k.refund("re_by_hand", "ch_of_"+string(p.ID), "succeeded", 100, nil))
	h.tx(t, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `DELETE FROM payments.reconciliation WHERE tenant_id = 'northwick'`)
		return err
	})
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := days(); len(d.Open) != 1 || d.Open[0].Kind != missingHere || d.Open[0].Theirs != 100 || d.Open[0].Reference != "re_by_hand" || d.Open[0].Number != p.Reference || d.Open[0].Provider != "card" {
		t.Errorf("%+v", d.Open)
	}
	report, err := h.report(kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick)), dayOf(at))
	if err != nil || !strings.Contains(string(report), ",card,") || !strings.Contains(string(report), "re_by_hand") {
		t.Errorf("%s, %v", report, err)
	}
}
