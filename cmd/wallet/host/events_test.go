package host

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestTheTownIsToldEveryFactOnce(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	p := x.open("p-1", nil)
	b := x.browser().signIn("anna")
	b.post(p.URL, "do", "pay", "means", "declined")
	b.post(p.URL, "do", "pay", "means", "small")
	b.post(p.URL, "do", "pay", "means", "everyday")
	x.must(p.Reference, order{ID: "c", Type: "capture", Amount: 1100})
	x.must(p.Reference, order{ID: "r-1", Type: "refund", Amount: 300})
	x.must(p.Reference, order{ID: "r-2", Type: "refund", Amount: 800})
	want := "[payment.failed declined payment.failed insufficient-funds payment.authorized payment.captured refund.succeeded refund.succeeded]"
	got := x.types()
	slices.Sort(got)
	if fmt.Sprint(got) != "[payment.authorized payment.captured payment.failed declined payment.failed insufficient-funds refund.succeeded refund.succeeded]" {
		t.Errorf("events %v, want %s", got, want)
	}
	ids := map[string]bool{}
	for _, h := range x.told() {
		d := h.body.Data
		if ids[h.id] || d.Payment != "p-1" || d.Reference != p.Reference || d.Currency != "EUR" || h.body.Timestamp.IsZero() {
			t.Errorf("event %s", h.raw)
		}
		ids[h.id] = true
		if amount, ok := map[string]int64{"c": 1100, "r-1": 300, "r-2": 800, "": 1250}[d.Order]; !ok || d.Amount != amount {
			t.Errorf("order and amount: %s", h.raw)
		}
	}
}

func TestAnEventIsRepeatedUnchangedUntilTheTownHasIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(n int) int
		want   int
	}{
		"after server errors":      {func(n int) int { return map[bool]int{true: 503, false: 204}[n < 3] }, 3},
		"after a redirect":         {func(n int) int { return map[bool]int{true: 307, false: 200}[n < 3] }, 3},
		"after a refusal":          {func(n int) int { return map[bool]int{true: 401, false: 202}[n < 3] }, 3},
		"but not after it is gone": {func(int) int { return http.StatusGone }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTill(t, nil)
			x.answering(c.answer)
			x.paid("p-1", nil)
			all := x.told()
			if len(all) != c.want {
				t.Fatalf("%d attempts, want %d", len(all), c.want)
			}
			for i, h := range all {
				if h.id != all[0].id || h.raw != all[0].raw {
					t.Errorf("attempt %d differs", i+1)
				}
				if i > 0 && h.at.Sub(all[i-1].at) < time.Second {
					t.Errorf("attempt %d came before the second the town had asked for", i+1)
				}
			}
		})
	}
}

func TestThePauseBetweenAttemptsGrowsAndEnds(t *testing.T) {
	t.Parallel()
	x := newTill(t, func(c *Config) { c.EventPause = time.Second })
	c := x.w.couriers[0]
	if c.pause(1) != time.Second || c.pause(2) != 2*time.Second || c.pause(5) != 16*time.Second || c.pause(9) != 256*time.Second || c.pause(10) != longestPause || c.pause(1000) != longestPause {
		t.Errorf("%v %v %v %v", c.pause(1), c.pause(2), c.pause(10), c.pause(1000))
	}
}

func TestATownThatIsAwayDelaysNoOther(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	away := make(chan struct{})
	x.eastmere.mu.Lock()
	x.eastmere.events = func(http.ResponseWriter, *http.Request) { <-away }
	x.eastmere.mu.Unlock()
	defer close(away)
	in := x.bill("p-1", func(in *paymentRequest) {
		in.Town, in.Subject = x.eastmere.URL, x.w.citizens.subject(Client{Sector: x.eastmere.URL}, "anna")
		in.ReturnURL, in.EventsURL = x.eastmere.URL+"/back", x.eastmere.URL+"/payments/v1/events/wallet"
	})
	if a := x.call(testSecret, http.MethodPost, "/payments", in, nil); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	x.browser().signIn("anna").post("/pay/"+x.w.journal.books.list[0].Page, "do", "cancel")
	x.paid("p-2", nil)
	for end := time.Now().Add(4 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		x.mu.Lock()
		n := len(x.heard)
		x.mu.Unlock()
		if n == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("northwick waits for eastmere")
		}
	}
}

func TestWhatGoesWrongOnPurpose(t *testing.T) {
	t.Parallel()
	t.Run("events are held back, and leave the newest first", func(t *testing.T) {
		t.Parallel()
		x := newTill(t, nil)
		x.faults.Set(Fault{HoldBack: true})
		p := x.paid("p-1", nil)
		x.must(p.Reference, order{ID: "c", Type: "capture"})
		x.must(p.Reference, order{ID: "r", Type: "refund"})
		time.Sleep(30 * time.Millisecond)
		if x.w.Undelivered() != 3 {
			t.Errorf("%d wait", x.w.Undelivered())
		}
		x.faults.Set(Fault{Reverse: true})
		if got := x.types(); fmt.Sprint(got) != "[refund.succeeded payment.captured payment.authorized]" {
			t.Errorf("events %v", got)
		}
	})
	t.Run("events come twice", func(t *testing.T) {
		t.Parallel()
		x := newTill(t, nil)
		x.faults.Set(Fault{Twice: true})
		x.paid("p-1", nil)
		if all := x.told(); len(all) != 2 || all[0].id != all[1].id || all[0].raw != all[1].raw {
			t.Errorf("%d attempts", len(all))
		}
	})
	t.Run("events come late", func(t *testing.T) {
		t.Parallel()
		x := newTill(t, nil)
		x.faults.Set(Fault{Late: 200 * time.Millisecond})
		began := time.Now()
		x.paid("p-1", nil)
		if all := x.told(); len(all) != 1 || all[0].at.Sub(began) < 200*time.Millisecond {
			t.Errorf("after %v", all[0].at.Sub(began))
		}
	})
	t.Run("every means declines", func(t *testing.T) {
		t.Parallel()
		x := newTill(t, nil)
		x.faults.Set(Fault{Decline: true})
		p := x.open("p-1", nil)
		if a := x.browser().signIn("anna").post(p.URL, "do", "pay", "means", "everyday"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%d", a.status)
		}
		if got := x.types(); fmt.Sprint(got) != "[payment.failed declined]" {
			t.Errorf("events %v", got)
		}
	})
	t.Run("a payment that failed is paid late", func(t *testing.T) {
		t.Parallel()
		x := newTill(t, nil)
		p, off := x.open("p-1", nil), x.open("p-2", nil)
		x.must(off.Reference, order{ID: "v", Type: "void"})
		x.clock.advance(10 * time.Minute)
		if got := x.show(p.Reference); got.State != "failed" || got.Reason != "expired" {
			t.Errorf("%+v", got)
		}
		b := x.browser().signIn("anna")
		if b.post(p.URL, "do", "pay", "means", "everyday"); x.show(p.Reference).State != "failed" {
			t.Error("paid after its time on an ordinary day")
		}
		x.faults.Set(Fault{LatePaid: true})
		b.post(p.URL, "do", "pay", "means", "everyday")
		if got := x.show(p.Reference); got.State != "authorized" || got.Authorized != 1250 {
			t.Errorf("%+v", got)
		}
		if b.post(off.URL, "do", "pay", "means", "everyday"); x.show(off.Reference).Authorized != 0 {
			t.Error("paid what the town had called off")
		}
		x.must(p.Reference, order{ID: "v", Type: "void"})
		if got := x.types(); !slices.Contains(got, "payment.failed expired") || !slices.Contains(got, "payment.authorized") {
			t.Errorf("events %v", got)
		}
	})
	t.Run("a refund fails", func(t *testing.T) {
		t.Parallel()
		x := newTill(t, nil)
		p := x.paid("p-1", nil)
		x.must(p.Reference, order{ID: "c", Type: "capture"})
		x.faults.Set(Fault{NoRefund: true})
		x.must(p.Reference, order{ID: "r", Type: "refund"})
		x.faults.Set(Fault{})
		x.must(p.Reference, order{ID: "r", Type: "refund"}) // the same order stays as it went
		if got := x.show(p.Reference); got.Refunded != 0 || got.Orders[1].State != "failed" {
			t.Errorf("%+v", got)
		}
		x.must(p.Reference, order{ID: "r2", Type: "refund"})
		if got := x.types(); !slices.Contains(got, "refund.failed account-closed") || !slices.Contains(got, "refund.succeeded") {
			t.Errorf("events %v", got)
		}
	})
}
