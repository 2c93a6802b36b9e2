package host

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/kernel"
)

func TestAPaymentIsOpenedOnceForOneIdAndRefusedForAnotherContent(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	in := x.bill("p-1", nil)
	first := x.call(townSecret, http.MethodPost, "/payments", in, nil)
	var p opened
	if first.status != http.StatusCreated || json.Unmarshal([]byte(first.body), &p) != nil || !strings.HasPrefix(p.Reference, "WP-") || !strings.HasPrefix(p.URL, x.url+"/pay/") {
		t.Fatalf("%d %s", first.status, first.body)
	}
	in.ExpiresAt = in.ExpiresAt.In(time.FixedZone("", 3600)) // the same instant
	for range 3 {
		if a := x.call(townSecret, http.MethodPost, "/payments", in, nil); a.status != http.StatusOK || a.body != first.body {
			t.Errorf("again: %d %s", a.status, a.body)
		}
	}
	in.Lines[0].Amount, in.Amount = 1200, 1350
	if a := x.call(townSecret, http.MethodPost, "/payments", in, nil); a.status != http.StatusConflict || code(a) != "payment-id-reused" {
		t.Errorf("other content: %d %s", a.status, a.body)
	}
	x.clock.advance(time.Hour)
	if a := x.call(townSecret, http.MethodPost, "/payments", x.bill("p-1", func(b *paymentRequest) { b.ExpiresAt = b.ExpiresAt.Add(-time.Hour) }), nil); a.status != http.StatusOK || a.body != first.body {
		t.Errorf("again after it expired: %d %s", a.status, a.body)
	}
	for _, part := range []string{"anna", "Whitfield", x.subject("anna")} {
		if strings.Contains(first.body, part) {
			t.Errorf("the answer tells who pays: %s", first.body)
		}
	}
}

func TestAPaymentRequestIsRefused(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	for name, c := range map[string]struct {
		change func(*paymentRequest)
		want   string
	}{
		"without an id":             {func(p *paymentRequest) { p.ID = "" }, "invalid"},
		"with an id that is a path": {func(p *paymentRequest) { p.ID = "../x" }, "invalid"},
		"of a town that did not sign": {func(p *paymentRequest) {
			p.Town, p.Subject = x.eastmere.URL, x.w.citizens.subject(Client{Sector: x.eastmere.URL}, "anna")
			p.ReturnURL, p.EventsURL = p.Town+"/back", p.Town+"/events"
		}, "invalid"},
		"with events for another origin":      {func(p *paymentRequest) { p.EventsURL = x.eastmere.URL + "/e" }, "invalid"},
		"with events for this machine":        {func(p *paymentRequest) { p.EventsURL = "http://127.0.0.1:1/" }, "invalid"},
		"leading back to another origin":      {func(p *paymentRequest) { p.ReturnURL = "https://evil.example/" }, "invalid"},
		"leading back to a look-alike":        {func(p *paymentRequest) { p.ReturnURL = x.northwick.URL + "@evil.example/" }, "invalid"},
		"with a sum that is not its lines'":   {func(p *paymentRequest) { p.Amount++ }, "invalid"},
		"without lines":                       {func(p *paymentRequest) { p.Lines, p.Amount = nil, 0 }, "invalid"},
		"with a line that gives money":        {func(p *paymentRequest) { p.Lines[0].Amount, p.Amount = -100, 50 }, "invalid"},
		"with lines that overflow":            {func(p *paymentRequest) { p.Lines[0].Amount, p.Amount = 1<<62, 1<<62+150 }, "invalid"},
		"in a currency that is none":          {func(p *paymentRequest) { p.Currency = "euro" }, "invalid"},
		"to be captured by itself":            {func(p *paymentRequest) { p.Capture = "automatic" }, "invalid"},
		"without a title":                     {func(p *paymentRequest) { p.Title = nil }, "invalid"},
		"with a title as long as a letter":    {func(p *paymentRequest) { p.Title["ru"] = strings.Repeat("щ", maxText+1) }, "invalid"},
		"that has expired":                    {func(p *paymentRequest) { p.ExpiresAt = x.clock.Now() }, "invalid"},
		"without an end":                      {func(p *paymentRequest) { p.ExpiresAt = time.Time{} }, "invalid"},
		"for somebody nobody knows":           {func(p *paymentRequest) { p.Subject = "x" }, "unknown-subject"},
		"for a subject of another town":       {func(p *paymentRequest) { p.Subject = x.w.citizens.subject(Client{Sector: x.eastmere.URL}, "anna") }, "unknown-subject"},
		"for an official of the staff issuer": {func(p *paymentRequest) { p.Subject = x.w.staff.subject(Client{Sector: x.northwick.URL}, "oliver") }, "unknown-subject"},
	} {
		if a := x.call(townSecret, http.MethodPost, "/payments", x.bill("bad", c.change), nil); a.status != http.StatusUnprocessableEntity || code(a) != c.want {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, raw := range []string{"", "[]", `{"amount":12.5}`, `{"amount":"1250"}`, "null x"} {
		if a := x.raw(townSecret, http.MethodPost, "/payments", raw, kernel.NewID(), time.Now(), nil); a.status != http.StatusBadRequest || code(a) != "unreadable" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %d %s", raw, a.status, a.body)
		}
	}
	if n := len(x.w.journal.books.list); n != 0 {
		t.Errorf("%d payments got through", n)
	}
}

func TestWhatIsNotSignedByATownJustNowIsRefused(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.paid("p-1", nil)
	body, err := json.Marshal(order{ID: "o", Type: "capture"})
	if err != nil {
		t.Fatal(err)
	}
	other := "whsec_" + strings.Repeat("QUFB", 8)
	for name, c := range map[string]struct {
		secret string
		late   time.Duration
		change func(*http.Request)
	}{
		"another secret":   {secret: other},
		"the wallet's own": {secret: eventSecret},
		"six minutes old":  {late: -6 * time.Minute},
		"from the future":  {late: 6 * time.Minute},
		"no signature":     {change: func(r *http.Request) { r.Header.Del("webhook-signature") }},
		"another id":       {change: func(r *http.Request) { r.Header.Set("webhook-id", "other") }},
		"another time":     {change: func(r *http.Request) { r.Header.Set("webhook-timestamp", jsonNumber(time.Now().Add(-time.Minute))) }},
		"a version nobody uses": {change: func(r *http.Request) {
			r.Header.Set("webhook-signature", strings.Replace(r.Header.Get("webhook-signature"), "v1,", "v0,", 1))
		}},
	} {
		if c.secret == "" {
			c.secret = townSecret
		}
		for _, call := range [][3]string{{http.MethodPost, "/payments/" + p.Reference + "/orders", string(body)}, {http.MethodGet, "/payments/" + p.Reference, ""}, {http.MethodGet, "/statement?day=2026-11-30", ""}} {
			if a := x.raw(c.secret, call[0], call[1], call[2], "msg-"+name, time.Now().Add(c.late), c.change); a.status != http.StatusUnauthorized {
				t.Errorf("%s, %s %s: %d %s", name, call[0], call[1], a.status, a.body)
			}
		}
	}
	if got := x.show(p.Reference); got.State != "authorized" {
		t.Errorf("something was carried out: %+v", got)
	}
}

func TestARequestThatWasOverheardIsWorthNothingElsewhere(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	one, two := x.paid("p-1", nil), x.paid("p-2", nil)
	at, raw := time.Now(), `{"id":"o-1","type":"void"}`
	path := "/payments/" + one.Reference + "/orders"
	for range 2 { // a retry of the town has the same id, and is answered
		if a := x.raw(townSecret, http.MethodPost, path, raw, "msg-1", at, nil); a.status != http.StatusAccepted {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := x.raw(townSecret, http.MethodPost, "/payments/"+two.Reference+"/orders", raw, "msg-1", at, nil); a.status != http.StatusConflict || code(a) != "webhook-id-reused" {
		t.Errorf("sent to another payment: %d %s", a.status, a.body)
	}
	if a := x.raw(townSecret, http.MethodPost, path, `{"id":"o-2","type":"void"}`, "msg-1", at, nil); a.status != http.StatusConflict || code(a) != "webhook-id-reused" {
		t.Errorf("with another body: %d %s", a.status, a.body)
	}
	if got := x.show(two.Reference); got.State != "authorized" {
		t.Errorf("the other payment: %+v", got)
	}
	if got := x.types(); len(got) != 3 {
		t.Errorf("events %v", got)
	}
}

func TestTownsSeeTheirOwnPaymentsOnly(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.paid("p-1", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture"})
	for _, call := range [][2]string{{http.MethodGet, "/payments/" + p.Reference}, {http.MethodPost, "/payments/" + p.Reference + "/orders"}} {
		if a := x.call(testSecret, call[0], call[1], order{ID: "r", Type: "refund"}, nil); a.status != http.StatusNotFound || code(a) != "no-such-payment" {
			t.Errorf("%v by eastmere: %d %s", call, a.status, a.body)
		}
		if a := x.call(townSecret, call[0], strings.Replace(call[1], p.Reference, "WP-00000-00000", 1), order{ID: "r", Type: "refund"}, nil); a.status != http.StatusNotFound {
			t.Errorf("unknown: %d", a.status)
		}
	}
	if a := x.call(testSecret, http.MethodGet, "/statement?day="+x.clock.Now().Format(time.DateOnly), nil, nil); a.status != 200 || a.body != "" {
		t.Errorf("statement of eastmere: %d %q", a.status, a.body)
	}
}

func TestASecretCanBeReplacedWithoutAPause(t *testing.T) {
	t.Parallel()
	next := "whsec_" + strings.Repeat("bmV4", 8)
	x := newTill(t, func(c *Config) {
		c.Towns[0].Secrets, c.Towns[0].EventSecrets = []string{townSecret, next}, []string{eventSecret, next}
	})
	x.paid("p-0", nil)
	if got := x.types(); len(got) != 1 { // the town, which knows the first one, has judged its signature
		t.Errorf("events %v", got)
	}
	for _, s := range []string{townSecret, next} {
		if a := x.call(s, http.MethodPost, "/payments", x.bill("p-1", nil), nil); a.status >= 300 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for name, towns := range map[string]Town{
		"no origin":       {Secrets: []string{next}, EventSecrets: []string{next}},
		"no secret":       {Origins: []string{x.northwick.URL}, EventSecrets: []string{next}},
		"no event secret": {Origins: []string{x.northwick.URL}, Secrets: []string{next}},
		"a short secret":  {Origins: []string{x.northwick.URL}, Secrets: []string{"whsec_QUFB"}, EventSecrets: []string{next}},
		"clear text":      {Origins: []string{"http://northwick.example"}, Secrets: []string{next}, EventSecrets: []string{next}},
	} {
		if _, err := New(Config{Issuer: "https://wallet.example", Towns: []Town{towns}}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	one := Town{Origins: []string{"https://a.example"}, Secrets: []string{next}, EventSecrets: []string{next}}
	for _, two := range []Town{{Origins: []string{"https://b.example"}, Secrets: []string{next}, EventSecrets: []string{next}}, {Origins: one.Origins, Secrets: []string{townSecret}, EventSecrets: []string{next}}} {
		if _, err := New(Config{Issuer: "https://wallet.example", Towns: []Town{one, two}}); err == nil {
			t.Error("nobody could tell these two towns apart")
		}
	}
	plain := newHouse(t, nil)
	if a := plain.browser().post("/payments/v1/payments"); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
		t.Errorf("a wallet without towns takes payments: %d", a.status)
	}
}

func TestOrdersFollowOneAnotherAsMoneyCan(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	open := func(id string) string { return x.open(id, nil).Reference }
	paid := func(id string) string { return x.paid(id, nil).Reference }
	type step struct {
		order
		want string // code of the refusal; empty: accepted
	}
	capture, void, refund := "capture", "void", "refund"
	for name, c := range map[string]struct {
		reference string
		steps     []step
		want      shown
	}{
		"everything": {paid("everything"), []step{
			{order{"r0", refund, 0, "", ""}, "not-captured"},
			{order{"c", capture, 1251, "", ""}, "amount-too-large"},
			{order{"c", capture, 0, "USD", ""}, "other-currency"},
			{order{"c", capture, 0, "EUR", ""}, ""},
			{order{"c", capture, 0, "EUR", ""}, ""},
			{order{"c", capture, 1, "EUR", ""}, "order-id-reused"},
			{order{"c", void, 0, "EUR", ""}, "order-id-reused"},
			{order{"c2", capture, 0, "", ""}, "already-captured"},
			{order{"v", void, 0, "", ""}, "already-captured"},
			{order{"r1", refund, 1251, "", ""}, "amount-too-large"},
			{order{"r1", refund, 1250, "", ""}, ""},
			{order{"r2", refund, 0, "", ""}, "amount-too-large"},
		}, shown{State: "refunded", Authorized: 1250, Captured: 1250, Refunded: 1250}},
		"a part, in parts": {paid("parts"), []step{
			{order{"c", capture, 1000, "", ""}, ""},
			{order{"r1", refund, 300, "", ""}, ""},
			{order{"r1", refund, 300, "", ""}, ""},
			{order{"r2", refund, 300, "", ""}, ""},
			{order{"r3", refund, 401, "", ""}, "amount-too-large"},
			{order{"r3", refund, 400, "", ""}, ""},
			{order{"r4", refund, 1, "", ""}, "amount-too-large"},
		}, shown{State: "refunded", Authorized: 1250, Captured: 1000, Voided: 250, Refunded: 1000}},
		"a part, then the rest": {paid("rest"), []step{
			{order{"c", capture, 0, "", ""}, ""},
			{order{"r1", refund, 50, "", ""}, ""},
		}, shown{State: "captured", Authorized: 1250, Captured: 1250, Refunded: 50}},
		"voided": {paid("voided"), []step{
			{order{"v", void, 0, "", ""}, ""},
			{order{"v", void, 0, "", ""}, ""},
			{order{"v2", void, 0, "", ""}, "already-voided"},
			{order{"c", capture, 0, "", ""}, "already-voided"},
			{order{"r", refund, 0, "", ""}, "not-captured"},
		}, shown{State: "voided", Reason: "ordered", Authorized: 1250, Voided: 1250}},
		"called off before anybody paid": {open("off"), []step{
			{order{"c", capture, 0, "", ""}, "not-authorized"},
			{order{"r", refund, 0, "", ""}, "not-captured"},
			{order{"v", void, 0, "", ""}, ""},
			{order{"c", capture, 0, "", ""}, "already-voided"},
		}, shown{State: "voided", Reason: "ordered"}},
	} {
		for i, s := range c.steps {
			a := x.order(c.reference, s.order)
			if s.want == "" && a.status != http.StatusAccepted || s.want != "" && (a.status != http.StatusConflict || code(a) != s.want) {
				t.Errorf("%s, step %d %+v: %d %s", name, i+1, s.order, a.status, a.body)
			}
		}
		got := x.show(c.reference)
		c.want.Currency, c.want.Amount = "EUR", 1250
		got.Orders = nil
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	for _, bad := range []order{{"", "void", 0, "", ""}, {"x", "give", 0, "", ""}, {"x", "capture", -1, "", ""}, {"y", "capture", 0, "", "Anna Whitfield"}} {
		if a := x.order(paid("bad"+bad.ID+bad.Type), bad); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%+v: %d %s", bad, a.status, a.body)
		}
	}
	sum := x.w.Totals()["EUR"]
	if sum.Sum != 0 || sum.Captured != 3500 || sum.Refunded != 2300 || sum.Voided != 1500 || sum.Held != 4*1250 {
		t.Errorf("totals %+v", sum)
	}
	if got := x.w.Balances()[Account{"town:" + x.northwick.URL, "EUR"}]; got != 1200 {
		t.Errorf("the town has %d", got)
	}
}

func TestThirtyTwoOrdersAtOnceActOnce(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.paid("p-1", nil)
	var accepted, others atomic.Int32
	at := func(o order) {
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if x.order(p.Reference, o).status == http.StatusAccepted {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
	}
	at(order{ID: "c", Type: "capture", Amount: 1250})
	at(order{ID: "r", Type: "refund", Amount: 500})
	if accepted.Load() != 64 {
		t.Errorf("%d of 64 were accepted", accepted.Load())
	}
	var wg sync.WaitGroup
	for i := range 32 { // 750 are left: one refund of 500 each, under ids of their own
		wg.Go(func() {
			if x.order(p.Reference, order{ID: fmt.Sprint("other-", i), Type: "refund", Amount: 500}).status == http.StatusAccepted {
				others.Add(1)
			}
		})
	}
	wg.Wait()
	got := x.show(p.Reference)
	if others.Load() != 1 || got.Captured != 1250 || got.Refunded != 1000 {
		t.Errorf("%d other refunds, %+v", others.Load(), got)
	}
	if events := x.types(); len(events) != 4 {
		t.Errorf("events %v", events)
	}
}

func TestThirtyTwoRequestsAtOnceOpenOnePayment(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	in := x.bill("p-1", nil)
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if x.call(townSecret, http.MethodPost, "/payments", in, nil).status == http.StatusCreated {
				made.Add(1)
			}
		})
	}
	wg.Wait()
	if made.Load() != 1 || len(x.w.journal.books.list) != 1 {
		t.Errorf("%d payments", made.Load())
	}
}

func TestTheStatementListsADaysMoneyAndNothingElse(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	day := func() string { return x.clock.Now().Format(time.DateOnly) }
	today := day()
	p, q := x.paid("p-1", nil), x.paid("p-2", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture", Amount: 1000})
	x.must(q.Reference, order{ID: "v", Type: "void"})
	x.must(p.Reference, order{ID: "r", Type: "refund", Amount: 400})
	x.faults.Set(Fault{NoRefund: true})
	x.must(p.Reference, order{ID: "r-failed", Type: "refund", Amount: 100})
	x.clock.advance(24 * time.Hour)
	x.faults.Set(Fault{})
	x.must(p.Reference, order{ID: "r2", Type: "refund"})
	lines := func(day string) []statementLine {
		a := x.call(townSecret, http.MethodGet, "/statement?day="+day, nil, nil)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jsonl" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var out []statementLine
		for l := range strings.Lines(a.body) {
			var one statementLine
			if err := json.Unmarshal([]byte(l), &one); err != nil {
				t.Fatal(err)
			}
			one.At = time.Time{}
			out = append(out, one)
		}
		return out
	}
	want := []statementLine{
		{Reference: p.Reference, Payment: "p-1", Order: "c", Type: "capture", Amount: 1000, Currency: "EUR"},
		{Reference: p.Reference, Payment: "p-1", Order: "r", Type: "refund", Amount: 400, Currency: "EUR"},
	}
	if got := lines(today); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("today %+v", got)
	}
	if got := lines(day()); len(got) != 1 || got[0].Order != "r2" || got[0].Amount != 600 {
		t.Errorf("tomorrow %+v", got)
	}
	if got := lines(today + "&town=" + x.northwick.URL); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("today, of one town: %+v", got)
	}
	for _, bad := range []string{"", "today", "2026-13-01", today + "&town=https://elsewhere.example"} {
		if a := x.call(townSecret, http.MethodGet, "/statement?day="+bad, nil, nil); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%q: %d", bad, a.status)
		}
	}
}

func TestReservedMoneyThatNobodyTakesComesBack(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.paid("p-1", nil)
	x.clock.advance(holdLife - time.Second)
	if got := x.show(p.Reference); got.State != "authorized" {
		t.Errorf("too early: %+v", got)
	}
	x.clock.advance(time.Second)
	if a := x.order(p.Reference, order{ID: "c", Type: "capture"}); a.status != http.StatusConflict {
		t.Errorf("captured after all: %d %s", a.status, a.body)
	}
	if got := x.show(p.Reference); got.State != "voided" || got.Reason != "expired" || got.Voided != 1250 {
		t.Errorf("%+v", got)
	}
	if got := x.types(); fmt.Sprint(got) != "[payment.authorized payment.voided expired]" {
		t.Errorf("events %v", got)
	}
	if held := x.w.Totals()["EUR"].Held; held != 0 {
		t.Errorf("still held: %d", held)
	}
}

func TestBooksAndEventsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := dataWithKeys(t)
	x := newTill(t, func(c *Config) { c.DataDir = dir })
	x.faults.Set(Fault{HoldBack: true})
	p := x.paid("p-1", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture", Amount: 1000})
	x.must(p.Reference, order{ID: "r", Type: "refund", Amount: 1})
	before, accounts := x.show(p.Reference), fmt.Sprint(x.w.Balances())
	waiting := x.w.journal.books.events
	// The machine stops in the middle of a line.
	f, err := os.OpenFile(filepath.Join(dir, "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"books":[{"what":"refunded","reference":"` + p.Reference); err != nil {
		t.Fatal(err)
	}
	f.Close()
	again, err := New(Config{Issuer: x.url, Catalogues: x.w.cfg.Catalogues, Towns: x.w.cfg.Towns, DataDir: dir, Clock: x.clock, EventPause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := fmt.Sprint(again.Balances()); got != accounts {
		t.Errorf("accounts %s, want %s", got, accounts)
	}
	b := again.journal.books
	if len(b.list) != 1 || b.list[0].State() != before.State || x.url+"/pay/"+b.list[0].Page != p.URL {
		t.Errorf("%+v", b.list)
	}
	for end := time.Now().Add(20 * time.Second); again.Undelivered() > 0 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.heard) != len(waiting) {
		t.Fatalf("%d events, want %d", len(x.heard), len(waiting))
	}
	for i, h := range x.heard {
		if h.id != waiting[i].ID || h.raw != string(waiting[i].Body) {
			t.Errorf("event %d changed: %s %s", i, h.id, h.raw)
		}
	}
}
