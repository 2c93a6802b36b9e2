package apptest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// Forty people hold, pay, change, cancel and give up at once on three departures, providers report late and twice, holds run
// out, and in the middle one departure is called off. Afterwards every booking's case, places, tickets and money agree, and
// nobody has a segment of a seat that somebody else has.
func TestWhateverPeopleDoAtOnceMoneyPlacesAndCasesAgree(t *testing.T) {
	t.Parallel()
	const people, turns = 40, 4
	c := newCoastline(t)
	for i := range people {
		c.Know("northwick", apptest.Who{Subject: fmt.Sprintf("rider-%d", i), Name: fmt.Sprintf("Rider %d", i), ACR: "low", Client: "northwick.coach-ticket"})
	}
	departures := []string{c.Coach(soon(60), 5), c.Coach(soon(64), 5), c.Coach(soon(68), 5)}
	var done [8]atomic.Int64 // by what happened
	const held, full, paid, changed, cancelled, gaveUp, lapsed, refused = 0, 1, 2, 3, 4, 5, 6, 7
	try := func(who apptest.Who, path string, body any, out any) int {
		a := c.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1" + path, Key: apptest.Key(), Body: body})
		if a.Status >= 500 || a.Status == http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
		if a.Status < 300 {
			if err := json.Unmarshal(a.Body, out); err != nil {
				t.Error(err)
			}
		}
		return a.Status
	}
	rider := func(i int) {
		who := apptest.Who{Subject: fmt.Sprintf("rider-%d", i), Name: fmt.Sprintf("Rider %d", i), ACR: "low", Client: "northwick.coach-ticket"}
		for range turns {
			from := 1 + rand.IntN(4)
			to := from + 1 + rand.IntN(5-from)
			n := 1 + rand.IntN(3)
			var b trip
			if try(who, "/bookings", ride(departures[rand.IntN(3)], from, to, n), &b) >= 300 {
				done[full].Add(1)
				continue
			}
			done[held].Add(1)
			names := []map[string]any{{"self": true}, {"name": "A Friend", "birthdate": "2020-01-01"}, {"name": "Another Friend"}}[:n]
			if try(who, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": names, "insurance": [][]string{nil, {"cancellation"}, {"accident"}, {"accident", "cancellation"}}[rand.IntN(4)]}, &b) >= 300 {
				t.Error("nobody took the draft, and it cannot be named")
				continue
			}
			if rand.IntN(4) == 0 {
				c.lapse(b.ID)
				done[lapsed].Add(1)
			}
			var p goingToPay
			if try(who, "/bookings/"+b.ID+"/pay", map[string]any{"version": b.Version}, &p) >= 300 {
				done[refused].Add(1)
				continue
			}
			switch rand.IntN(6) {
			case 0:
				if try(who, "/bookings/"+b.ID+"/give-up", map[string]any{"version": p.Booking.Version}, &b) < 300 {
					done[gaveUp].Add(1)
				}
			case 1:
				c.lapse(b.ID)
				done[lapsed].Add(1)
			}
			for range 1 + rand.IntN(2) {
				c.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), []string{kernel.ChangeFailed, kernel.ChangeAuthorized}[rand.IntN(2)])
			}
			c.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), kernel.ChangeAuthorized)
			done[paid].Add(1)
			now := c.get(who, b.ID)
			for end := time.Now().Add(5 * time.Second); now.State == "paying" && time.Now().Before(end); now = c.get(who, b.ID) {
				time.Sleep(20 * time.Millisecond)
			}
			if now.State != "booked" {
				continue
			}
			switch rand.IntN(3) {
			case 0:
				if try(who, "/bookings/"+b.ID+"/cancel", map[string]any{"version": now.Version}, &b) < 300 {
					done[cancelled].Add(1)
				}
			case 1:
				var p goingToPay
				if try(who, "/bookings/"+b.ID+"/change", map[string]any{"version": now.Version, "departure": departures[rand.IntN(3)], "from": 0, "to": 4}, &p) < 300 {
					done[changed].Add(1)
					if p.Payment != nil {
						c.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), kernel.ChangeAuthorized)
					}
				}
			}
		}
	}
	began := time.Now()
	var wg, provider sync.WaitGroup
	background, stop := context.WithCancel(t.Context())
	provider.Go(func() { c.Run(background) })
	over := make(chan struct{})
	provider.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
				c.Pay.Deliver(t, "northwick")
			}
		}
	})
	waiting := make(chan int, people)
	for i := range people {
		waiting <- i
	}
	close(waiting)
	for range 8 {
		wg.Go(func() {
			for i := range waiting {
				rider(i)
				if i == people/2 {
					var said struct{ Rebooked, Refunded, Failed int }
					try(apptest.Dina, "/operators/coast-coaches/departures/"+departures[0]+"/call-off", map[string]any{"reason": "A storm closes the road.", "rebook": true}, &said)
					t.Logf("called off: %d rebooked, %d paid back, %d to be tried again", said.Rebooked, said.Refunded, said.Failed)
				}
			}
		})
	}
	wg.Wait()
	close(over)
	open := func() int {
		return c.count(`SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND state = 'open' AND due_at < now()`)
	}
	for end := time.Now().Add(30 * time.Second); open() > 0 && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	provider.Wait()
	var said struct{ Rebooked, Refunded, Failed int }
	try(apptest.Dina, "/operators/coast-coaches/departures/"+departures[0]+"/call-off", map[string]any{"reason": "A storm closes the road.", "rebook": true}, &said)
	if said.Failed > 0 {
		t.Errorf("%d bookings cannot be settled", said.Failed)
	}
	c.settle()
	left := c.count(`SELECT count(*) FROM travel.booking WHERE tenant_id = 'northwick' AND departure_id = $1 AND state IN ('booked', 'paying')`, departures[0])
	seats := c.count(`SELECT count(*) FROM travel.occupancy WHERE tenant_id = 'northwick' AND hold_until IS NULL`)
	booked := c.count(`SELECT count(*) FROM travel.booking WHERE tenant_id = 'northwick' AND state = 'booked'`)
	if left > 0 || booked == 0 {
		t.Errorf("%d bookings are left on the departure that was called off; %d are booked", left, booked)
	}
	t.Logf("%d people: %d holds, %d told full, %d times paid, %d holds ran out, %d refused to pay, %d gave up, %d changes, %d cancelled; %d are booked with %d seat-segments; disagreements %d; %v", people,
		done[held].Load(), done[full].Load(), done[paid].Load(), done[lapsed].Load(), done[refused].Load(), done[gaveUp].Load(), done[changed].Load(), done[cancelled].Load(), booked, seats, len(c.disagree()), time.Since(began).Round(time.Millisecond))
}
