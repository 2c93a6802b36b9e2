package host

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
)

func TestAPersonPaysAndComesBackWithNothingButAReference(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.open("p-1", nil)
	b := x.browser()
	a := b.get(p.URL)
	if a.location == nil || a.location.Path != "/sign-in" {
		t.Fatalf("signed out: %d %v", a.status, a.location)
	}
	a = b.post("/sign-in", "persona", "anna", "back", a.location.Query().Get("back"))
	if a.location == nil || a.location.String() != p.URL {
		t.Fatalf("back after the sign-in: %v", a.location)
	}
	sheet := b.get(p.URL)
	for _, want := range []string{"Northwick Coaches", "Coach to Eastmere, 4 December", "Ticket, one adult", "€11.00", "Harbour Mutual", "€1.50", "€12.50", "€1,240.00", "€1.20", "Pay €12.50"} {
		if !strings.Contains(sheet.body, want) {
			t.Errorf("the sheet lacks %q", want)
		}
	}
	if csp := sheet.header.Get("Content-Security-Policy"); strings.Contains(csp, "script") || !strings.Contains(csp, "default-src 'none'") || strings.Contains(sheet.body, "<script") {
		t.Errorf("policy %q", csp)
	}
	if a = b.post(p.URL, "do", "pay", "means", "card"); a.status != http.StatusSeeOther || a.location.String() != p.URL {
		t.Fatalf("pay: %d %v", a.status, a.location)
	}
	if a = b.get(p.URL); a.status != http.StatusOK || !strings.Contains(a.body, "Payment confirmed") || strings.Contains(a.body, `name="do"`) {
		t.Errorf("result: %d", a.status)
	}
	a = b.get(p.URL + "/return")
	if a.status != http.StatusSeeOther || a.location.String() != x.northwick.URL+"/apps/coach/paid?case=7&reference="+p.Reference {
		t.Errorf("back: %d %v", a.status, a.location)
	}
	if got := x.w.Balances()[Account{"person:anna/card", "EUR"}]; got != -1250 {
		t.Errorf("the card owes %d", got)
	}
}

func TestASheetSpeaksThePersonsLanguageAndWritesMoneyAsTheyDo(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.open("p-1", func(in *paymentRequest) {
		in.Subject, in.Lines[0].Amount, in.Amount = x.subject("maria"), 123456, 123606
	})
	b := x.browser().signIn("maria")
	if a := b.get(p.URL); !strings.Contains(a.body, "1\u00a0236,06\u00a0€") || !strings.Contains(a.body, "Автобусы Нортуика") {
		t.Errorf("%s", a.body)
	}
	b.post("/settings", "lang", "zh")
	if a := b.get(p.URL); !strings.Contains(a.body, "支付€1,236.06") || !strings.Contains(a.body, "诺斯威克客运") {
		t.Errorf("%s", a.body)
	}
	yen := x.open("p-2", func(in *paymentRequest) { in.Currency = "JPY" })
	if a := x.browser().signIn("anna").get(yen.URL); !strings.Contains(a.body, "JP¥1,250") {
		t.Errorf("%s", a.body)
	}
}

func TestOnlyThePersonWhoIsAskedFindsThePayment(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.open("p-1", nil)
	for _, who := range []string{"maria", "xiaoming"} {
		b := x.browser().signIn(who)
		for _, a := range []answer{b.get(p.URL), b.post(p.URL, "do", "pay", "means", "everyday"), b.post(p.URL, "do", "cancel"), b.get(p.URL + "/return"), b.get("/payments/" + p.Reference)} {
			if a.status != http.StatusNotFound || strings.Contains(a.body, "Eastmere") || strings.Contains(a.body, "12") && strings.Contains(a.body, "€") {
				t.Errorf("%s: %d %s", who, a.status, a.body)
			}
		}
		if a := b.get("/payments"); strings.Contains(a.body, p.Reference) || strings.Contains(a.body, "/pay/") {
			t.Errorf("%s lists it", who)
		}
	}
	if a := x.browser().post(p.URL, "do", "pay", "means", "everyday"); a.location == nil || a.location.Path != "/sign-in" {
		t.Errorf("signed out: %d", a.status)
	}
	if a := x.browser().signIn("anna").get("/pay/" + p.Reference); a.status != http.StatusNotFound {
		t.Errorf("found by its reference: %d", a.status)
	}
	evil := x.browser().signIn("anna")
	evil.headers = map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
	if a := evil.post(p.URL, "do", "pay", "means", "everyday"); a.status != http.StatusForbidden {
		t.Errorf("from another site: %d", a.status)
	}
	if got := x.show(p.Reference); got.State != "open" {
		t.Errorf("%+v", got)
	}
}

func TestThirtyTwoClicksPayOnce(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.open("p-1", nil)
	b := x.browser().signIn("anna")
	var wg sync.WaitGroup
	for i := range 32 {
		tab := b.clone()
		wg.Go(func() {
			if a := tab.post(p.URL, "do", "pay", "means", []string{"everyday", "card"}[i%2]); a.status != http.StatusSeeOther {
				t.Errorf("click %d: %d", i, a.status)
			}
		})
	}
	wg.Wait()
	sum, accounts := x.w.Totals()["EUR"], x.w.Balances()
	if sum.Authorized != 1250 || sum.Held != 1250 || sum.Sum != 0 {
		t.Errorf("%+v", sum)
	}
	if spent := 124000 - accounts[Account{"person:anna/everyday", "EUR"}]; spent != 1250 && accounts[Account{"person:anna/card", "EUR"}] != -1250 {
		t.Errorf("%v", accounts)
	}
	if got := x.types(); fmt.Sprint(got) != "[payment.authorized]" {
		t.Errorf("events %v", got)
	}
}

func TestAMeansThatFailsLeavesTheOthers(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.open("p-1", nil)
	b := x.browser().signIn("anna")
	for id, want := range map[string]string{"declined": "bank declined", "small": "not enough"} {
		a := b.post(p.URL, "do", "pay", "means", id)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, want) || !strings.Contains(a.body, `id="means-`+id+`" value="`+id+`" checked`) {
			t.Errorf("%s: %d %s", id, a.status, a.body)
		}
	}
	for _, pairs := range [][]string{{"do", "pay"}, {"do", "pay", "means", "gold"}, {"means", "everyday"}} {
		if a := b.post(p.URL, pairs...); a.status != http.StatusBadRequest {
			t.Errorf("%v: %d", pairs, a.status)
		}
	}
	if a := b.post(p.URL, "do", "pay", "means", "everyday"); a.status != http.StatusSeeOther || x.show(p.Reference).State != "authorized" {
		t.Errorf("%d", a.status)
	}
	q := x.open("p-2", nil)
	for range maxDeclines {
		b.post(q.URL, "do", "pay", "means", "declined")
	}
	if b.post(q.URL, "do", "pay", "means", "everyday"); x.show(q.Reference).State != "failed" {
		t.Error("declined again and again, and still open")
	}
}

func TestAPaymentThatIsOverSaysSoAndLeadsBack(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	b := x.browser().signIn("anna")
	words := map[string]string{"reserved": "Payment confirmed", "captured": "Paid", "partly-refunded": "€5.50 of your payment", "refunded": "Returned to you", "voided": "is yours again",
		"withdrawn": "has called this payment off", "cancelled": "You cancelled it", "failed": "was closed", "expired": "The time to pay is over"}
	before := ""
	for name, address := range payStates(x) {
		want, over := words[name]
		if !over {
			continue
		}
		a := b.get(address)
		u, err := url.Parse(address)
		if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, want) || !strings.Contains(a.body, `href="`+u.Path+`/return"`) || strings.Contains(a.body, `value="pay"`) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if before == "" {
			before = fmt.Sprint(x.w.Balances())
		}
		b.post(address, "do", "pay", "means", "everyday")
		b.post(address, "do", "cancel")
		if after := fmt.Sprint(x.w.Balances()); after != before {
			t.Errorf("%s was paid again", name)
		}
	}
}

// What came back is said with the amount, the day and the reason: in the list, at the payment's address and on its page; a reason nobody
// has words for is left out.
func TestWhatCameBackIsSaidWithDayAndReason(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	b := x.browser().signIn("anna")
	at := payStates(x)
	anna, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	day := time.Now().In(anna).Format("2 January")
	for name, want := range map[string][]string{
		"partly-refunded": {"€3.00 came back on " + day + ": you changed your order", "€2.50 came back on " + day + "<"},
		"refunded":        {"€12.50 came back on " + day + ": it was called off"},
		"history":         {"Returned to you: you changed your order"},
		"list":            {"€3.00 came back on " + day + ": you changed your order", "€2.50 came back on " + day + "<", "€12.50 came back on " + day + ": it was called off"},
	} {
		page := b.get(at[name]).body
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%s does not say %q: %s", name, w, page)
			}
		}
	}
	p := x.paid("p-words", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture"})
	x.must(p.Reference, order{ID: "r", Type: "refund", Amount: 100, Reason: "nobody-has-words"})
	if page := b.get(p.URL).body; strings.Contains(page, "nobody") || !strings.Contains(page, "€1.00 came back on") {
		t.Errorf("a reason without words: %s", page)
	}
}

func TestALargeAmountIsConfirmedWithTheCard(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	large := func(id, persona string) opened {
		return x.open(id, func(in *paymentRequest) {
			in.Lines[0].Amount, in.Amount, in.Subject = stepUpAbove, stepUpAbove+150, x.subject(persona)
		})
	}
	if a := x.browser().signIn("anna").get(large("anna", "anna").URL); strings.Contains(a.body, `name="pin"`) {
		t.Error("a strong sign-in is asked again")
	}
	p, b := large("p-1", "xiaoming"), x.browser().signIn("xiaoming")
	if a := b.get(p.URL); !strings.Contains(a.body, `name="pin"`) {
		t.Fatal("a basic sign-in pays a large amount")
	}
	for _, pin := range []string{"", "000000"} {
		if a := b.post(p.URL, "do", "pay", "means", "everyday", "pin", pin); a.status != http.StatusUnprocessableEntity || x.show(p.Reference).State != "open" {
			t.Errorf("PIN %q: %d", pin, a.status)
		}
	}
	if a := b.post(p.URL, "do", "pay", "means", "everyday", "pin", "123456"); a.status != http.StatusSeeOther || x.show(p.Reference).State != "authorized" {
		t.Errorf("%d", a.status)
	}
	if a := b.get(large("p-2", "xiaoming").URL); strings.Contains(a.body, `name="pin"`) {
		t.Error("asked again in the same session")
	}
	q, c := large("p-3", "xiaoming"), x.browser().signIn("xiaoming")
	for range maxTries {
		c.post(q.URL, "do", "pay", "means", "everyday", "pin", "000000")
	}
	c.post(q.URL, "do", "pay", "means", "everyday", "pin", "123456")
	if got := x.show(q.Reference); got.State != "failed" || got.Reason != "not-confirmed" {
		t.Errorf("after three wrong PINs: %+v", got)
	}
	if a := c.get(large("p-5", "xiaoming").URL); !strings.Contains(a.body, `name="pin"`) {
		t.Error("a fourth PIN was looked at")
	}
	x.w.cfg.Personas[2].Max = kernel.Low
	if a := x.browser().signIn("xiaoming").get(large("p-4", "xiaoming").URL); !strings.Contains(a.body, "无法做到") || strings.Contains(a.body, `value="pay"`) {
		t.Errorf("a card that cannot confirm: %s", a.body)
	}
}

func TestThePaymentsPageListsWhatWaitsAndWhatCameBack(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	b := x.browser().signIn("anna")
	if a := b.get("/payments"); !strings.Contains(a.body, "No payments yet") {
		t.Errorf("%s", a.body)
	}
	states := payStates(x)
	if a := b.get("/"); !strings.Contains(a.body, `href="/payments"`) || !strings.Contains(a.body, "Waiting to be paid: 2") {
		t.Errorf("home: %s", a.body)
	}
	a := b.get("/payments")
	for _, want := range []string{"Waiting for you", "To pay", "Reserved", "Paid", "€5.50 returned", "Returned", "Not taken", "Called off", "Cancelled", "Not paid in time"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the list lacks %q", want)
		}
	}
	a = b.get(states["history"])
	for _, want := range []string{"Reserved", "€11.00", "Released: was not needed", "€3.00", "€2.50", "Everyday account"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the payment lacks %q", want)
		}
	}
	if plain := newHouse(t, nil); strings.Contains(plain.browser().signIn("anna").get("/").body, `href="/payments"`) {
		t.Error("a wallet without towns offers payments")
	}
}

func TestTimeEndsAPaymentInTheBackground(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	x.open("p-1", nil)
	x.clock.advance(10 * time.Minute)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		x.mu.Lock()
		n := len(x.heard)
		x.mu.Unlock()
		if n == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody noticed that it expired")
		}
	}
	if got := x.types(); fmt.Sprint(got) != "[payment.failed expired]" {
		t.Errorf("events %v", got)
	}
}
