package host

import (
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	chromium "townhall/modules/apptest/browser"
	"townhall/modules/kernel"
)

var shots = flag.String("shots", "", "folder for screenshots of every page of a payment")

// payStates brings a payment of anna's into every state a page shows, by name.
func payStates(x *till) map[string]string {
	x.t.Helper()
	anna := x.browser().signIn("anna")
	out := map[string]string{}
	out["reserved"] = x.paid("p-reserved", nil).URL
	p := x.paid("p-captured", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture"})
	out["captured"] = p.URL
	p = x.paid("p-partly", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture", Amount: 1100})
	x.must(p.Reference, order{ID: "r1", Type: "refund", Amount: 300, Reason: "changed"})
	x.must(p.Reference, order{ID: "r2", Type: "refund", Amount: 250})
	out["partly-refunded"] = p.URL
	out["history"] = x.url + "/payments/" + p.Reference
	p = x.paid("p-refunded", nil)
	x.must(p.Reference, order{ID: "c", Type: "capture"})
	x.must(p.Reference, order{ID: "r", Type: "refund", Reason: "called-off"})
	out["refunded"] = p.URL
	p = x.paid("p-voided", nil)
	x.must(p.Reference, order{ID: "v", Type: "void"})
	out["voided"] = p.URL
	p = x.open("p-withdrawn", nil)
	x.must(p.Reference, order{ID: "v", Type: "void"})
	out["withdrawn"] = p.URL
	p = x.open("p-cancelled", nil)
	anna.post(p.URL, "do", "cancel")
	out["cancelled"] = p.URL
	p = x.open("p-failed", nil)
	for range maxDeclines {
		anna.post(p.URL, "do", "pay", "means", "declined")
	}
	out["failed"] = p.URL
	p = x.open("p-expired", func(in *paymentRequest) { in.ExpiresAt = x.clock.Now().Add(time.Minute) })
	x.clock.advance(time.Minute)
	out["expired"] = p.URL
	out["open"] = x.open("p-open", nil).URL
	out["open-one-line"] = x.open("p-one", func(in *paymentRequest) {
		in.Lines, in.Amount, in.Currency = in.Lines[:1], 1100, "GBP"
		in.Lines[0].Payee = nil
	}).URL
	out["list"], out["home"] = x.url+"/payments", x.url+"/"
	return out
}

func TestThePagesOfAPaymentFitEveryPhoneLanguageAndEye(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	pages := payStates(x)
	big := x.open("p-big", func(in *paymentRequest) {
		in.Lines[0].Amount, in.Amount, in.Subject = 128_750_00, 128_751_50, x.subject("xiaoming")
	}).URL
	b := chromium.Start(t)
	for _, size := range []chromium.Size{chromium.Phone, chromium.Small, chromium.Desk} {
		for _, dark := range []bool{false, true} {
			for _, l := range kernel.Locales {
				if (dark && size != chromium.Phone) || (dark || size == chromium.Desk) && l != "en" {
					continue // the colours are the same in each language and size, and a desk has room for all
				}
				p := b.Open(t, chromium.Options{Size: size, Dark: dark, Locale: l})
				look := func(name, address string) {
					p.Go(address)
					for _, v := range p.Axe() {
						t.Errorf("%s in %s at %d px, dark %v: %s", name, l, size.Width, dark, v)
					}
					if n := p.SidewaysScroll(); n > 0 {
						t.Errorf("%s in %s scrolls sideways by %d px at %d px", name, l, n, size.Width)
					}
					if small := p.SmallTargets(); len(small) > 0 {
						t.Errorf("%s in %s at %d px: smaller than a finger: %v", name, l, size.Width, small)
					}
					if strings.Contains(p.HTML(), "⟦") {
						t.Errorf("%s in %s lacks a text", name, l)
					}
					if *shots != "" && (size == chromium.Phone || l != "zh") {
						p.FullScreenshot(filepath.Join(*shots, shotName(name, l, size, dark)))
					}
				}
				enter := func(persona string) { enterAs(p, x.url, persona, l, size == chromium.Small && l == "ru") }
				enter("anna")
				for name, address := range pages {
					look(name, address)
				}
				p.Go(pages["open"])
				p.Choose("#means-small")
				p.Click(`button[value="pay"]`)
				if *shots != "" && size == chromium.Phone {
					p.FullScreenshot(filepath.Join(*shots, shotName("declined", l, size, dark)))
				}
				for _, v := range p.Axe() {
					t.Errorf("declined in %s: %s", l, v)
				}
				enter("xiaoming")
				look("step-up", big)
				for _, line := range p.Console() {
					t.Errorf("console: %s", line)
				}
			}
		}
	}
}

func shotName(name, l string, size chromium.Size, dark bool) string {
	if dark {
		l += "-dark"
	}
	return map[int64]string{390: "phone", 320: "small", 1280: "desk"}[size.Width] + "-" + name + "-" + l + ".png"
}

func TestAPaymentIsMadeByATapWithoutJavaScript(t *testing.T) {
	t.Parallel()
	x := newTill(t, nil)
	back := make(chan string, 1)
	x.northwick.mu.Lock()
	x.northwick.back = func(w http.ResponseWriter, r *http.Request) {
		back <- r.URL.RequestURI()
		w.Write([]byte("<!doctype html><title>Booked</title><h1>Booked</h1>"))
	}
	x.northwick.mu.Unlock()
	p := x.open("p-1", nil)
	tab := chromium.Start(t).Open(t, chromium.Options{NoJavaScript: true})
	tab.Go(p.URL)
	tab.Click(`button[value="anna"]`)
	tab.Choose("#means-declined")
	tab.Click(`button[value="pay"]`)
	if got := tab.Text(); !strings.Contains(got, "declined the payment") {
		t.Errorf("declined: %s", got)
	}
	tab.Choose("#means-card")
	tab.Click(`button[value="pay"]`)
	if got := tab.Text(); !strings.Contains(got, "Payment confirmed") || tab.URL() != p.URL {
		t.Errorf("paid: %s at %s", got, tab.URL())
	}
	tab.Click(`a[href$="/return"]`)
	if got := <-back; got != "/apps/coach/paid?case=7&reference="+p.Reference {
		t.Errorf("back at %s", got)
	}
	for _, line := range tab.Console() {
		t.Errorf("console: %s", line)
	}
}
