package host

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestNoOrderOfEventsMakesOrLosesMoney lets several people and towns do anything in any order, and time pass.
func TestNoOrderOfEventsMakesOrLosesMoney(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j, err := openJournal("", newBooks())
		if err != nil {
			t.Fatal(err)
		}
		b := j.books
		now := time.Date(2026, 11, 30, 9, 0, 0, 0, time.UTC)
		fault := Fault{}
		var log []fact
		note := func(p *payment, decide func() ([]fact, error)) {
			if p == nil {
				return // nothing was opened yet
			}
			before := len(p.History)
			_ = j.decide(p, now, decide) // refused is an outcome, too: the sums below judge it
			log = append(log, p.History[before:]...)
		}
		pick := func() *payment {
			if len(b.list) == 0 {
				return nil
			}
			return b.list[rapid.IntRange(0, len(b.list)-1).Draw(t, "payment")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				n := len(b.list)
				in := paymentRequest{ID: fmt.Sprint(n), Town: rapid.SampledFrom([]string{"https://a.example", "https://b.example"}).Draw(t, "town"),
					Amount: rapid.Int64Range(1, 90_000).Draw(t, "amount"), Currency: rapid.SampledFrom([]string{"EUR", "JPY"}).Draw(t, "currency"), ExpiresAt: now.Add(time.Hour)}
				f := fact{What: factOpened, Reference: fmt.Sprint("WP-", n), At: now, Request: &in, Persona: rapid.SampledFrom([]string{"anna", "maria"}).Draw(t, "who")}
				if err := j.enter([]fact{f}); err != nil {
					t.Fatal(err)
				}
				log = append(log, f)
			},
			"pay": func(t *rapid.T) {
				p, m := pick(), rapid.SampledFrom(allMeans).Draw(t, "means")
				note(p, func() ([]fact, error) { return b.pay(p, m, now, fault), nil })
			},
			"cancel": func(*rapid.T) {
				p := pick()
				note(p, func() ([]fact, error) { return p.giveUp("cancelled", now), nil })
			},
			"order": func(t *rapid.T) {
				p := pick()
				if p == nil {
					return
				}
				o := order{ID: rapid.SampledFrom([]string{"1", "2", "3", "4", "5"}).Draw(t, "id"), Type: rapid.SampledFrom([]string{"capture", "void", "refund"}).Draw(t, "type"),
					Amount: rapid.Int64Range(0, 2*p.Request.Amount).Draw(t, "amount")}
				note(p, func() ([]fact, error) { return p.carryOut(o, now, fault) })
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(1, 240).Draw(t, "minutes")) * time.Minute)
			},
			"wait a week": func(*rapid.T) { now = now.Add(holdLife) },
			"go wrong": func(t *rapid.T) {
				fault = Fault{Decline: rapid.Bool().Draw(t, "decline"), LatePaid: rapid.Bool().Draw(t, "late"), NoRefund: rapid.Bool().Draw(t, "no refund")}
			},
			"": func(t *rapid.T) {
				sums, held, towns := map[string]int64{}, map[string]int64{}, map[Account]int64{}
				for _, p := range b.list {
					if p.Captured > p.Authorized || p.Refunded > p.Captured || p.Captured+p.Voided > p.Authorized || p.Authorized != 0 && p.Authorized != p.Request.Amount {
						t.Fatalf("%s: authorized %d, captured %d, voided %d, refunded %d of %d", p.Reference, p.Authorized, p.Captured, p.Voided, p.Refunded, p.Request.Amount)
					}
					held[p.Request.Currency] += p.Authorized - p.Captured - p.Voided
					towns[Account{"town:" + p.Request.Town, p.Request.Currency}] += p.Captured - p.Refunded
				}
				for a, n := range b.balances {
					sums[a.Currency] += n
					if a.Name == "hold" && n != held[a.Currency] {
						t.Fatalf("held %d, want %d", n, held[a.Currency])
					}
					if want, ok := towns[a]; ok && n != want {
						t.Fatalf("%v has %d, want %d", a, n, want)
					}
					if m, ok := meansOf(a.Name[max(0, len(a.Name)-len("everyday")):]); ok && m.Account && n < 0 {
						t.Fatalf("%v is overdrawn: %d", a, n)
					}
				}
				for currency, n := range sums {
					if n != 0 {
						t.Fatalf("%s sums to %d", currency, n)
					}
				}
				again := newBooks()
				for _, f := range log {
					again.apply(f)
				}
				if got, want := fmt.Sprint(again.balances), fmt.Sprint(b.balances); got != want {
					t.Fatalf("replayed: %s, want %s", got, want)
				}
			},
		})
	})
}
