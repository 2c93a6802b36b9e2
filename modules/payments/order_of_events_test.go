package payments

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// What can be told about a payment with two refunds, in every combination: also what an honest provider would never say. It fails
// for two reasons; a void without a reason is one that was ordered, the other one is of a hold that ran out.
var told = []string{saidAuthorized, saidFailed + "/declined", saidCaptured, saidVoided, saidRefunded + "/1", saidRefundFailed + "/1", saidRefunded + "/2", saidRefundFailed + "/2",
	saidFailed + "/expired", saidVoided + "/expired"}

const refund1, refund2 = "0198f2a6-7e55-7c1e-9a55-000000000001", "0198f2a6-7e55-7c1e-9a55-000000000002"

// ordered is a payment of 1000 + 250 with a capture and two refunds ordered, of which nothing is known yet. Of a deposit a part is to be
// taken, and all of that goes back.
func ordered(deposit bool) *payment {
	p := &payment{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", Provider: "wallet", Amount: euro(1250), Lines: []line{
		{PaymentLine: kernel.PaymentLine{Name: "fare", Payee: "coaches", Amount: euro(1000)}, Taken: 1000, Promised: 600},
		{PaymentLine: kernel.PaymentLine{Name: "insurance", Payee: "insurer", Amount: euro(250)}, Taken: 250, Promised: 250},
	}}
	p.Orders = []order{
		{ID: kernel.NewID(), Key: "c", Kind: kernel.OrderCapture, Amount: 1250, Lines: map[string]int64{"fare": 1000, "insurance": 250}},
		{ID: refund1, Key: "1", Kind: kernel.OrderRefund, Amount: 500, Lines: map[string]int64{"fare": 500}},
		{ID: refund2, Key: "2", Kind: kernel.OrderRefund, Amount: 350, Lines: map[string]int64{"fare": 100, "insurance": 250}},
	}
	if deposit {
		p.Lines[0].Taken, p.Lines[1].Taken, p.Lines[1].Promised = 600, 0, 0
		p.Orders[0].Amount, p.Orders[0].Lines = 600, map[string]int64{"fare": 600}
		p.Orders[2].Amount, p.Orders[2].Lines = 100, map[string]int64{"fare": 100}
	}
	return p
}

// eventOf makes the i-th kind of event. Each has one moment, however often it is told.
func eventOf(p *payment, i int) event {
	kind, which, _ := strings.Cut(told[i], "/")
	e := event{ID: told[i], Kind: kind, Payment: p.ID, Amount: p.Amount, At: time.Unix(1_764_495_600+int64(i), 0).UTC()}
	if kind == saidCaptured {
		e.Amount = euro(p.toTake())
	}
	switch which {
	case "declined", "expired":
		e.Reason = which
	case "1":
		e.Order, e.Amount = refund1, euro(500)
	case "2":
		e.Order, e.Amount = refund2, euro(p.Orders[2].Amount)
	}
	return e
}

// standsAt is everything that may not depend on the order of events: facts, promises, changes told, doubts, balances.
func standsAt(p *payment, b booked, changes, doubts map[string]bool) string {
	accounts := map[string][2]int64{}
	for _, kinds := range b {
		for kind, t := range kinds {
			var column int
			switch {
			case kind == pending && (kinds[post] != nil || kinds[void] != nil), kind == void:
				continue
			case kind == pending:
				column = 1
			}
			for code, sign := range map[string]int64{t.Debit: 1, t.Credit: -1} {
				at := accounts[code]
				at[column] += sign * t.Amount.Amount
				accounts[code] = at
			}
		}
	}
	return fmt.Sprint(p.state(), p.facts, p.Lines, p.Orders[1:], p.captured(), p.refunded(), accounts, changes, doubts)
}

// fold tells a payment events, one after the other, as take does.
func fold(deposit bool, indexes []int) (string, *payment) {
	p, b := ordered(deposit), booked{}
	changes, doubts := map[string]bool{}, map[string]bool{}
	p.bookings(b) // the refunds were ordered
	for _, i := range indexes {
		l := p.learn(eventOf(p, i))
		if l.Refused != "" {
			panic("refused: " + l.Refused)
		}
		if l.Change != "" {
			changes[l.Change+"/"+l.Subject] = true
		}
		if l.Doubt {
			doubts[l.Subject] = true
		}
		p.bookings(b)
	}
	return standsAt(p, b, changes, doubts), p
}

// permutations calls do with every order of the elements.
func permutations(of []int, do func([]int)) {
	var next func(k int)
	next = func(k int) {
		if k == len(of) {
			do(of)
			return
		}
		for i := k; i < len(of); i++ {
			of[k], of[i] = of[i], of[k]
			next(k + 1)
			of[k], of[i] = of[i], of[k]
		}
	}
	next(0)
}

// Every set of up to five different events, in every order, with each one told again at the end, and every sequence of five
// with repetitions: one end per set.
func TestWhateverTheOrderOfEventsThereIsOneEnd(t *testing.T) {
	t.Parallel()
	for _, deposit := range []bool{false, true} {
		sets, orders := 0, 0
		for set := 1; set < 1<<len(told); set++ {
			var chosen []int
			for i := range told {
				if set&(1<<i) != 0 {
					chosen = append(chosen, i)
				}
			}
			if len(chosen) > 5 {
				continue
			}
			sets++
			want, p := fold(deposit, slices.Clone(chosen))
			if err := plausible(p); err != nil {
				t.Fatalf("%v: %v", chosen, err)
			}
			permutations(chosen, func(order []int) {
				orders += 2
				if got, _ := fold(deposit, order); got != want {
					t.Fatalf("%v ends in\n%s, sorted\n%s", names(order), got, want)
				}
				if got, _ := fold(deposit, append(slices.Clone(order), order...)); got != want {
					t.Fatalf("%v twice ends in\n%s, sorted\n%s", names(order), got, want)
				}
			})
		}
		if deposit {
			orders += repeated(t)
		}
		t.Logf("deposit %t: %d sets, %d orders", deposit, sets, orders)
	}
}

// repeated goes through every sequence of five with repetitions of what can be told about a deposit, with one reason each.
func repeated(t *testing.T) (orders int) {
	byset := map[int]string{}
	sequence, of := make([]int, 5), 8
	for n := range of * of * of * of * of {
		set := 0
		for k := range sequence {
			sequence[k] = n % of
			n /= of
			set |= 1 << sequence[k]
		}
		got, _ := fold(true, sequence)
		if had, known := byset[set]; known && had != got {
			t.Fatalf("%v ends in\n%s, another order in\n%s", names(sequence), got, had)
		}
		byset[set] = got
		orders++
	}
	return orders
}

func names(order []int) []string {
	out := make([]string, len(order))
	for k, i := range order {
		out[k] = told[i]
	}
	return out
}

// plausible says what must hold of any end, and that money which moved is never outweighed.
func plausible(p *payment) error {
	switch state := p.state(); {
	case !p.CapturedAt.IsZero() && state != kernel.PaymentCaptured && state != kernel.PaymentRefunded:
		return fmt.Errorf("captured, and %s", state)
	case p.CapturedAt.IsZero() && !p.VoidedAt.IsZero() && state != kernel.PaymentVoided:
		return fmt.Errorf("voided, and %s", state)
	case p.CapturedAt.IsZero() && p.VoidedAt.IsZero() && !p.AuthorizedAt.IsZero() && state != kernel.PaymentAuthorized:
		return fmt.Errorf("authorized, and %s", state)
	}
	for _, l := range p.Lines {
		if l.Promised < 0 || l.Promised > l.Taken {
			return fmt.Errorf("line %s promises %d of %d", l.Name, l.Promised, l.Taken)
		}
	}
	return nil
}

// A sample of the same through the database: what it holds in the end is what the fold says, and so is the ledger.
func TestTheDatabaseEndsWhereTheRulesEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ends := map[string]string{}
	for n, one := range []struct {
		deposit bool
		order   []int
	}{
		{false, []int{0, 2, 4, 5, 6}}, {false, []int{6, 5, 4, 2, 0}}, {false, []int{4, 0, 6, 2, 5}}, {false, []int{5, 4, 2, 6, 0}},
		{false, []int{3, 2, 0, 1}}, {false, []int{2, 3, 1, 0}}, {false, []int{0, 3, 2, 1}}, {false, []int{0, 1, 3, 2}},
		{false, []int{1, 0, 3}}, {false, []int{3, 0, 1}}, {false, []int{0, 3, 1}},
		{false, []int{5, 7, 2}}, {false, []int{7, 2, 5}}, {false, []int{2, 5, 7}},
		{true, []int{0, 2, 4, 6, 9}}, {true, []int{9, 6, 4, 2, 0}}, {true, []int{4, 9, 0, 6, 2}},
		{true, []int{0, 9, 8, 5}}, {true, []int{8, 5, 9, 0}}, {true, []int{9, 0, 5, 8}},
	} {
		set := fmt.Sprint(one.deposit, slices.Sorted(slices.Values(one.order)))
		state, books := h.through(t, one.deposit, one.order)
		got := state + " " + books
		if had, known := ends[set]; known && had != got {
			t.Errorf("%d: %v ends in %s, another order in %s", n, names(one.order), got, had)
		}
		ends[set] = got
	}
	if len(ends) != 6 {
		t.Errorf("%d ends", len(ends))
	}
}

// through tells a fresh payment with the same orders the same events by HTTP, each twice, and returns its end and what the
// ledger says of it.
func (h *house) through(t *testing.T, deposit bool, events []int) (state, books string) {
	t.Helper()
	p := h.open(t, ticket(h.resident()))
	model := ordered(deposit)
	model.ID = p.ID
	h.tx(t, func(tx *pg.Tx) error { // as if the provider's first word were still on its way
		own, err := getPayment(t.Context(), tx, p.ID, true)
		if err != nil {
			return err
		}
		own.AuthorizedAt = time.Now()
		for _, o := range model.Orders {
			made, _, err := own.order(kernel.NewID(), kernel.PaymentOrder{Payment: p.ID, Key: o.Key, Kind: o.Kind, Lines: o.Lines}, time.Now())
			if err != nil {
				return err
			}
			if err := insertOrder(t.Context(), tx, own, made); err != nil {
				return err
			}
			if err := saveLines(t.Context(), tx, own); err != nil {
				return err
			}
		}
		own.AuthorizedAt = time.Time{}
		return h.bookWhatIsNew(t.Context(), tx, own)
	})
	own, err := h.read(t.Context(), kerneltest.Northwick, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, i := range events {
			e := eventOf(own, i)
			m := message{ID: string(p.ID) + e.ID, Type: e.Kind, Payment: string(p.ID), Amount: e.Amount.Amount, Currency: "EUR", Reason: e.Reason, At: e.At}
			for _, o := range own.Orders {
				if o.Kind == kernel.OrderRefund && (o.Key == "1") == (e.Order == refund1) && e.Order != "" {
					m.Order = o.ID
				}
			}
			h.taken(t, m)
		}
	}
	now, err := h.read(t.Context(), kerneltest.Northwick, p.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, want := fold(deposit, slices.Clone(events))
	if now.state() != want.state() || now.captured() != want.captured() || now.refunded() != want.refunded() || now.facts != want.facts {
		t.Errorf("%v: the database ends in %s %+v, the rules in %s %+v", names(events), now.state(), now.facts, want.state(), want.facts)
	}
	return now.state(), h.booksOfPayment(t, p.ID)
}

// booksOfPayment is the ledger of one payment as text.
func (h *house) booksOfPayment(t *testing.T, id kernel.PaymentID) string {
	t.Helper()
	var b booked
	if err := h.db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		b, err = bookedOf(t.Context(), tx, id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	p := ordered(false)
	p.Orders = p.Orders[:1]
	return standsAt(p, b, nil, nil)
}

func TestSixteenOfTheSameEventAreOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	m := says(saidAuthorized, p)
	status := make(chan int, 16)
	for range 16 {
		go func() {
			code, _ := h.deliver(t, m)
			status <- code
		}()
	}
	for range 16 {
		if code := <-status; code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
	}
	h.settle(t)
	if got := h.heard.words(); got != "authorized" {
		t.Errorf("the sector heard %q", got)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.transfer WHERE tenant_id = 'northwick'`); n != 2 {
		t.Errorf("%d transfers for two lines", n)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.provider_event WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestSixteenDifferentEventsOfOneFactAreBookedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	done := make(chan int, 32)
	for range 16 {
		for _, kind := range []string{saidAuthorized, saidCaptured} {
			go func() {
				code, _ := h.deliver(t, says(kind, p))
				done <- code
			}()
		}
	}
	for range 32 {
		if code := <-done; code != http.StatusOK {
			t.Errorf("answered %d", code)
		}
	}
	if got := h.books(t); got != "payee:civil-registry -1000/0, payee:insurer -250/0, provider:wallet 1250/0" {
		t.Errorf("books: %s", got)
	}
	if n := h.count(t, `SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND name = 'payment.changed/travel'`); n != 2 {
		t.Errorf("%d changes told", n)
	}
}
