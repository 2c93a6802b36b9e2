package apptest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
	"townhall/modules/documents/judges"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
)

// Two seats are found, held, insured, paid in the wallet's sheet, shown and given back, by people with and without scripts.
// In the end the wallet's books and the town's say the same, and nobody waits for anything.
func TestACoachTicketIsPaidInTheWalletAndGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.app.ImportTimetable(t.Context(), "northwick", "coast-coaches", coastTimetable(t)); err != nil {
		t.Fatal(err)
	}
	t.Run("people", func(t *testing.T) {
		for name, j := range map[string]*journey{
			"en":                 {locale: "en", who: "anna"},
			"without JavaScript": {locale: "en", who: "without-scripts", unjudged: true},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				j.t, j.world, j.seen = t, w, map[string]bool{}
				p := &person{Page: w.browser.Open(t, browser.Options{Locale: j.locale, NoJavaScript: j.unjudged}), t: t, j: j, role: "travel", size: browser.Phone}
				trip := payForTwo(p)
				giveBack(p, trip)
			})
		}
	})
	w.booksAgree(t)
}

// coastTimetable is the demo's, with a calendar of this year and the next.
func coastTimetable(t *testing.T) (files []lines.File) {
	t.Helper()
	folder := filepath.Join("..", "..", "cmd", "townhall", "demo", "timetables", "northwick", "coast-coaches")
	found, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, name := range append(found, filepath.Join(folder, "vehicles", "coach-49.yaml"), filepath.Join(folder, "fares", "coach-ticket.yaml")) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte("FROM"), []byte(now.AddDate(0, -1, 0).Format("20060102")))
		data = bytes.ReplaceAll(data, []byte("UNTIL"), []byte(now.AddDate(1, 0, 0).Format("20060102")))
		short, err := filepath.Rel(folder, name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, lines.File{Name: filepath.ToSlash(short), Data: data})
	}
	return files
}

// payForTwo goes from the wallet's list to two tickets and returns the address of the booking.
func payForTwo(p *person) (trip string) {
	p.t.Helper()
	w := p.j.world
	p.Go(w.wallet + "/")
	p.Click(`button[name=persona][value=` + p.j.who + `]`)
	p.Go(w.wallet + "/apps/northwick.coach-ticket")
	p.press("/launch")
	p.passProvider(p.j.who)
	p.see("start")
	p.Fill(`[name=from]`, "Northwik Harbuor")
	p.Fill(`[name=to]`, "Airprot")
	p.Select(`[name=day]`, time.Now().AddDate(0, 0, 3).Format(time.DateOnly)) // how a date is typed follows the browser's own language
	p.press("/departures")
	p.expect("Northwick Harbour – Airport", "Later departures")
	p.see("departures")
	p.follow("/ride?")
	p.see("ride")
	p.Select(`[name=people]`, "2")
	p.press("/ride")
	p.expect("Passenger 2")
	p.see("names")
	p.press("/book/")
	p.expectProblem("name-1")
	p.see("names-wrong")
	p.Fill(`[name=name-1]`, "Leo Whitfield")
	p.Select(`[name=birthdate-1]`, time.Now().AddDate(-9, 0, 0).Format(time.DateOnly))
	p.Choose(`label[for=f-insurance]`)
	p.expect("Trip cancellation", "Accident on the way")
	p.press("/book/")
	p.expect("If you cancel", "£12.61")
	p.see("check")
	p.press("/pay")
	trip = p.URL()
	p.patiently(trip, func() bool { return p.has(`main a[href*="/pay/"]`) })
	p.see("to-pay")
	p.follow("/pay/")
	p.expect("£12.61", "Coast Coaches")
	p.see("sheet")
	p.Click(`button[name=do][value=pay]`)
	p.expect("Payment confirmed")
	p.see("paid")
	p.follow("/return")
	p.patiently(trip, func() bool {
		return strings.Count(p.HTML(), `class="qr"`) == 2 && !strings.Contains(p.Text(), "Being made")
	})
	p.expect("Booked", "Leo Whitfield", "Coach ticket", "Travel Insurance Policy", "Trip cancellation")
	p.see("ticket")
	p.isSealed("Coach ticket", "Leo Whitfield", "£12.61")
	p.isSealed("Travel Insurance Policy", "Anna Whitfield; Leo Whitfield", "£1.56", "100% of the fare")
	return trip
}

// isSealed downloads a document that the booking's page names, has other people's programs judge the seal, and reads the words in it.
func (p *person) isSealed(title string, words ...string) {
	p.t.Helper()
	at := browser.Get(p.Page, chromedp.Evaluate[string](`[...document.querySelectorAll('main a[href*="/documents/"]')].find(a => a.textContent.includes("`+title+`")).href`))
	file := p.download(strings.TrimSuffix(at, ".pdf") + ".pdf")
	path := judges.Save(p.t, "document.pdf", file)
	judges.New(p.t, p.download(p.j.world.town+"/documents/v1/trust-bundle")).Seal(path)
	text := strings.Join(strings.Fields(judges.Run(p.t, "pdftotext", path, "-")), " ")
	for _, w := range append(words, title) {
		if !strings.Contains(text, w) {
			p.t.Errorf("%s does not say %q: %s", title, w, text)
		}
	}
}

// giveBack cancels, and waits until the money is in the wallet again: the fare without the insurance.
func giveBack(p *person, trip string) {
	p.t.Helper()
	p.Go(trip)
	p.follow("/cancel")
	p.expect("You paid £12.61; £11.05 is given back.")
	p.see("cancel")
	p.press("/cancel")
	p.expect("Cancelled", "£11.05 is given back to you.")
	p.patiently(trip, func() bool {
		return strings.Contains(p.Text(), "Given back") && strings.Count(p.Text(), "Not valid any more") == 2 // the ticket and the policy
	})
	p.expect("(not valid any more)") // the number of the policy
	p.see("cancelled")
	p.Go(p.j.world.town + "/payments")
	p.follow("/payments/")
	p.expect("Refunds", "You cancelled", "£11.05")
	p.see("payment")
	p.patiently(p.j.world.wallet+"/payments", func() bool { return strings.Contains(p.Text(), "£11.05 returned") })
	p.see("wallet-payments")
}

// booksAgree compares what the wallet moved with what the town believes, when everything is told.
func (w *world) booksAgree(t *testing.T) {
	t.Helper()
	for range 200 {
		if w.host.Undelivered() == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := w.host.Undelivered(); n != 0 {
		t.Errorf("%d events of the wallet are undelivered", n)
	}
	var town struct{ Captured, Refunded int64 }
	err := w.app.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.GetContext(t.Context(), &town, `SELECT (SELECT coalesce(sum(l.taken), 0) FROM payments.payment_line l JOIN payments.payment p ON p.tenant_id = l.tenant_id AND p.id = l.payment_id
				WHERE p.tenant_id = 'northwick' AND p.captured_at IS NOT NULL) AS captured,
			(SELECT coalesce(sum(amount), 0) FROM payments.payment_order WHERE tenant_id = 'northwick' AND kind = 'refund' AND done_at IS NOT NULL) AS refunded`)
	})
	if err != nil {
		t.Fatal(err)
	}
	theirs := w.host.Totals()["GBP"]
	if theirs.Captured != town.Captured || theirs.Refunded != town.Refunded || town.Captured != 2*12_61 || town.Refunded != 2*11_05 {
		t.Errorf("the wallet says %+v, the town %+v", theirs, town)
	}
	if theirs.Held != 0 || theirs.Sum != 0 {
		t.Errorf("something is held, or the books are uneven: %+v", theirs)
	}
}
