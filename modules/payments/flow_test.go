package payments

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func TestATicketIsPaidCapturedAndPartlyGivenBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	if p.State != kernel.PaymentOpen || p.Amount != euro(1250) || p.PayURL != "" || !strings.HasPrefix(p.Reference, "PA-") {
		t.Fatalf("opened: %+v", p)
	}
	h.settle(t)
	if p = h.stands(t, p.ID); !strings.HasPrefix(p.PayURL, h.wallet.URL+"/pay/WP-") {
		t.Fatalf("begun: %+v", p)
	}
	h.wallet.pay(p.ID)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentAuthorized || p.Authorized != euro(1250) || p.PayURL != "" {
		t.Fatalf("authorised: %+v", p)
	}
	if got := h.books(t); got != "payee:civil-registry 0/-1000, payee:insurer 0/-250, provider:wallet 0/1250" {
		t.Errorf("held: %s", got)
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "capture", Kind: kernel.OrderCapture})
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "capture", Kind: kernel.OrderCapture})
	h.settle(t)
	h.tell(t)
	if got := h.books(t); got != "payee:civil-registry -1000/0, payee:insurer -250/0, provider:wallet 1250/0" {
		t.Errorf("taken: %s", got)
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "half", Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": 500}, Reason: "cancelled"})
	h.settle(t)
	if got := h.books(t); got != "payee:civil-registry -1000/500, payee:insurer -250/0, provider:wallet 1250/-500" {
		t.Errorf("to be given back: %s", got)
	}
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentCaptured || p.Refunded != euro(500) || len(p.Refunds) != 1 || p.Refunds[0].State != "done" {
		t.Errorf("half given back: %+v", p)
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "rest", Kind: kernel.OrderRefund, Reason: "called-off"})
	h.settle(t)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentRefunded || p.Refunded != euro(1250) {
		t.Errorf("all given back: %+v", p)
	}
	if got := h.books(t); got != "" {
		t.Errorf("what is left: %s", got)
	}
	if got := h.heard.words(); got != "authorized captured refunded refunded" {
		t.Errorf("the sector heard %q", got)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick'`); n != 0 {
		t.Errorf("%d differences", n)
	}
}

func TestAPartIsCapturedAndTheRestLapses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 400}})
	h.settle(t)
	h.tell(t)
	if got := h.books(t); got != "payee:civil-registry -400/0, provider:wallet 400/0" {
		t.Errorf("taken: %s", got)
	}
	if p = h.stands(t, p.ID); p.Captured != euro(400) || p.State != kernel.PaymentCaptured || p.Released != euro(850) || p.ReleasedAt.IsZero() || p.ReleaseReason != "" {
		t.Errorf("%+v", p)
	}
	for row, want := range map[string]int{"fare pending 1000": 1, "fare post 400": 1, "insurance pending 250": 1, "insurance void 250": 1} {
		var line, kind string
		var amount int64
		fmt.Sscan(row, &line, &kind, &amount)
		if n := h.count(t, `SELECT count(*) FROM payments.transfer WHERE tenant_id = 'northwick' AND payment_id = $1 AND line = $2 AND kind = $3 AND amount = $4`, p.ID, line, kind, amount); n != want {
			t.Errorf("%d times in the ledger: %s", n, row)
		}
	}
	if err := h.orderError(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderRefund, Lines: map[string]int64{"insurance": 1}}); !errors.Is(err, errTooMuch) {
		t.Errorf("a refund of what was never taken: %v", err)
	}
}

func TestOrdersThatWhatHappenedExcludesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	opened := h.open(t, ticket(h.resident()))
	held := h.paid(t)
	for name, c := range map[string]struct {
		o    kernel.PaymentOrder
		want error
	}{
		"a capture of what nobody paid":   {kernel.PaymentOrder{Payment: opened.ID, Key: "1", Kind: kernel.OrderCapture}, errNotPossible},
		"a refund of what nobody paid":    {kernel.PaymentOrder{Payment: opened.ID, Key: "2", Kind: kernel.OrderRefund}, errNotPossible},
		"more than there is":              {kernel.PaymentOrder{Payment: held.ID, Key: "3", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 1001}}, errTooMuch},
		"less than nothing":               {kernel.PaymentOrder{Payment: held.ID, Key: "4", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": -1}}, errTooMuch},
		"a line that is not there":        {kernel.PaymentOrder{Payment: held.ID, Key: "5", Kind: kernel.OrderCapture, Lines: map[string]int64{"fee": 1}}, errTooMuch},
		"a kind that is not there":        {kernel.PaymentOrder{Payment: held.ID, Key: "6", Kind: "keep"}, errNotPossible},
		"a payment that is not there":     {kernel.PaymentOrder{Payment: kernel.PaymentID(kernel.NewID()), Key: "7", Kind: kernel.OrderVoid}, kernel.NotThere("")},
		"something that is no payment id": {kernel.PaymentOrder{Payment: "x", Key: "8", Kind: kernel.OrderVoid}, kernel.NotThere("")},
	} {
		if err := h.orderError(t, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.order(t, kernel.PaymentOrder{Payment: held.ID, Key: "c", Kind: kernel.OrderCapture})
	if err := h.orderError(t, kernel.PaymentOrder{Payment: held.ID, Key: "v", Kind: kernel.OrderVoid}); !errors.Is(err, errNotPossible) {
		t.Errorf("a void after a capture: %v", err)
	}
	if err := h.orderError(t, kernel.PaymentOrder{Payment: held.ID, Key: "c", Kind: kernel.OrderVoid}); !errors.Is(err, errNotPossible) {
		t.Errorf("one key for two things: %v", err)
	}
	h.order(t, kernel.PaymentOrder{Payment: held.ID, Key: "r1", Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": 600}})
	if err := h.orderError(t, kernel.PaymentOrder{Payment: held.ID, Key: "r2", Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": 500}}); !errors.Is(err, errTooMuch) {
		t.Errorf("more back than was taken: %v", err)
	}
	// The refund was ordered before the capture had happened: it waits for it.
	h.settleWhatCan(t)
	h.tell(t)
	h.tell(t)
	if p := h.stands(t, held.ID); p.Refunded != euro(600) || p.Captured != euro(1250) {
		t.Errorf("%+v", p)
	}
}

// A deposit as a sector keeps one: held, a part taken for what is broken, that part given back in parts when it was not broken after all.
func TestOfWhatWasTakenOfADepositEverythingCanGoBackInPartsAndNoMore(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 400}})
	h.settle(t)
	h.tell(t)
	back := func(key string, amount int64) error {
		return h.orderError(t, kernel.PaymentOrder{Payment: p.ID, Key: key, Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": amount}, Reason: "cancelled"})
	}
	for _, step := range []struct {
		key    string
		amount int64
		want   error
	}{{"too much", 401, errTooMuch}, {"a", 150, nil}, {"a", 150, nil}, {"too much again", 251, errTooMuch}, {"b", 250, nil}, {"one more", 1, errTooMuch}} {
		if err := back(step.key, step.amount); !errors.Is(err, step.want) {
			t.Errorf("%d back: %v, want %v", step.amount, err, step.want)
		}
	}
	h.settle(t)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentRefunded || p.Refunded != euro(400) || len(p.Refunds) != 2 {
		t.Errorf("%+v", p)
	}
	if got := h.books(t); got != "" {
		t.Errorf("left in the books: %s", got)
	}
}

// The provider holds money for a week and lets it go: it tells so, and what is ordered afterwards is refused.
func TestADepositThatLapsedIsNotTakenAndItsModuleIsTold(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	h.wallet.lapse(p.ID)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentVoided || p.Released != euro(1250) || p.ReleaseReason != kernel.ReleaseExpired {
		t.Errorf("%+v", p)
	}
	for _, kind := range []string{kernel.OrderCapture, kernel.OrderRefund} {
		if err := h.orderError(t, kernel.PaymentOrder{Payment: p.ID, Key: kind, Kind: kind, Lines: map[string]int64{"fare": 400}}); !errors.Is(err, errNotPossible) {
			t.Errorf("%s of what has lapsed: %v", kind, err)
		}
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderReturn}) // nothing is left, and that is no error
	h.settle(t)
	if got := h.heard.words(); got != "authorized voided" {
		t.Errorf("the sector heard %q", got)
	}
	if got := h.books(t); got != "" {
		t.Errorf("left in the books: %s", got)
	}
}

// The same when the word of it comes late: after the capture, and a refund of a part, were ordered.
func TestADepositThatLapsedBeforeItsCaptureArrivedMovesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	h.wallet.lapse(p.ID)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture, Lines: map[string]int64{"fare": 400}})
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": 100}, Reason: "cancelled"})
	h.settleWhatCan(t)
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = 'order-refused'`); n != 1 {
		t.Errorf("%d differences about the capture", n)
	}
	h.hurry(t)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentVoided || !p.Captured.IsZero() || p.Refunds[0].State != "failed" || p.Released != euro(1250) {
		t.Errorf("%+v", p)
	}
	if err := h.orderError(t, kernel.PaymentOrder{Payment: p.ID, Key: "again", Kind: kernel.OrderCapture}); !errors.Is(err, errNotPossible) {
		t.Errorf("taken once more: %v", err)
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "return", Kind: kernel.OrderReturn})
	h.settle(t)
	if got := h.heard.words(); got != "authorized voided refund-failed" {
		t.Errorf("the sector heard %q", got)
	}
	if got := h.books(t); got != "" {
		t.Errorf("left in the books: %s", got)
	}
}

// Word that the time was over, of an attempt or of the hold, changes nothing about money that was taken.
func TestALateWordOfExpiryDoesNotTakeBackWhatWasTaken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.captured(t)
	for _, kind := range []string{saidFailed, saidVoided} {
		late := says(kind, p)
		late.Reason = "expired"
		h.taken(t, late)
		h.taken(t, late)
	}
	h.settle(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentCaptured || p.Captured != euro(1250) || !p.Released.IsZero() {
		t.Errorf("%+v", p)
	}
	if got := h.books(t); got != "payee:civil-registry -1000/0, payee:insurer -250/0, provider:wallet 1250/0" {
		t.Errorf("books: %s", got)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = 'contradiction'`); n != 1 {
		t.Errorf("%d contradictions for staff", n)
	}
}

// settleWhatCan runs what is due once; what waits for something else stays.
func (h *house) settleWhatCan(t *testing.T) {
	t.Helper()
	_ = h.run.Drain(t.Context())
}

func TestAPaymentIsVoidedBeforeAnybodyPaidAndAfter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	never := h.open(t, ticket(h.resident()))
	h.order(t, kernel.PaymentOrder{Payment: never.ID, Key: "v", Kind: kernel.OrderVoid, Reason: "cancelled"})
	held := h.paid(t)
	h.order(t, kernel.PaymentOrder{Payment: held.ID, Key: "v", Kind: kernel.OrderVoid, Reason: "place-gone"})
	h.settle(t)
	h.tell(t)
	for _, id := range []kernel.PaymentID{never.ID, held.ID} {
		if p := h.stands(t, id); p.State != kernel.PaymentVoided || p.PayURL != "" {
			t.Errorf("%+v", p)
		}
	}
	if got := h.books(t); got != "" {
		t.Errorf("what is left: %s", got)
	}
}

// Who lets a case go need not know how far its payment has come.
func TestAReturnMakesThePayerWholeHoweverFarThePaymentHasCome(t *testing.T) {
	t.Parallel()
	back := func(p kernel.Payment) kernel.PaymentOrder {
		return kernel.PaymentOrder{Payment: p.ID, Key: "return", Kind: kernel.OrderReturn, Reason: "cancelled"}
	}
	for _, tc := range []struct {
		name   string
		before func(t *testing.T, h *house) kernel.Payment
		state  string
	}{
		{"not paid", func(t *testing.T, h *house) kernel.Payment { return h.open(t, ticket(h.resident())) }, kernel.PaymentVoided},
		{"paid", func(t *testing.T, h *house) kernel.Payment { return h.paid(t) }, kernel.PaymentVoided},
		{"a capture on its way", func(t *testing.T, h *house) kernel.Payment {
			p := h.paid(t)
			h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture})
			return p
		}, kernel.PaymentRefunded},
		{"captured, and partly given back", func(t *testing.T, h *house) kernel.Payment {
			p := h.paid(t)
			h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture})
			h.settle(t)
			h.tell(t)
			h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": 400}})
			return p
		}, kernel.PaymentRefunded},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			p := tc.before(t, h)
			for range 2 { // the same order twice is one
				h.order(t, back(p))
			}
			for range 4 { // a refund waits for the capture it gives back
				h.settleWhatCan(t)
				h.tell(t)
				h.hurry(t)
			}
			if p = h.stands(t, p.ID); p.State != tc.state || p.Captured != p.Refunded {
				t.Errorf("%+v", p)
			}
			if got := h.books(t); got != "" {
				t.Errorf("left in the books: %s", got)
			}
			again := back(p)
			again.Key = "another"
			h.order(t, again) // nothing is left, and that is no error
		})
	}
}

func TestALateAuthorisedAfterAFailureCountsAndALateFailureDoesNotTakeItBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open(t, ticket(h.resident()))
	h.settle(t)
	failed := says(saidFailed, p)
	failed.Reason = "declined"
	h.taken(t, failed)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentFailed || p.PayURL == "" {
		t.Errorf("failed, to be tried again: %+v", p)
	}
	h.taken(t, says(saidAuthorized, p))
	h.taken(t, says(saidFailed, p))
	if p = h.stands(t, p.ID); p.State != kernel.PaymentAuthorized {
		t.Errorf("%+v", p)
	}
	h.settle(t)
	if got := h.heard.words(); got != "failed authorized" {
		t.Errorf("the sector heard %q", got)
	}
}

func TestTheSameIDOpensOnePayment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := ticket(h.resident())
	n.ID = kernel.PaymentID(kernel.NewID())
	first := h.open(t, n)
	if again := h.open(t, n); again.Reference != first.Reference {
		t.Errorf("two payments: %s and %s", first.Reference, again.Reference)
	}
	other := ticket(n.Person)
	other.ID = n.ID
	err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		_, err := h.Open(t.Context(), tx, other)
		return err
	})
	if !errors.Is(err, errNotPossible) {
		t.Errorf("another case with the same id: %v", err)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.payment WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("%d payments", n)
	}
}

func TestWhatCannotBePaidIsNotOpened(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	who := h.resident()
	stranger := kernel.PersonID(kernel.NewID())
	h.people[stranger] = kernel.Person{ID: stranger, Issuer: "https://elsewhere.example"}
	for name, change := range map[string]func(*kernel.NewPayment){
		"no lines":             func(n *kernel.NewPayment) { n.Lines = nil },
		"nothing":              func(n *kernel.NewPayment) { n.Lines[0].Amount.Amount = 0 },
		"less than nothing":    func(n *kernel.NewPayment) { n.Lines[0].Amount.Amount = -5 },
		"two currencies":       func(n *kernel.NewPayment) { n.Lines[0].Amount.Currency = "GBP" },
		"no currency":          func(n *kernel.NewPayment) { n.Lines[0].Amount.Currency = "euro" },
		"a name twice":         func(n *kernel.NewPayment) { n.Lines[0].Name = n.Lines[1].Name },
		"nobody to get it":     func(n *kernel.NewPayment) { n.Lines[0].Payee = "" },
		"more than can be":     func(n *kernel.NewPayment) { n.Lines[0].Amount.Amount = 1<<63 - 1 },
		"a wallet that is not": func(n *kernel.NewPayment) { n.Person = stranger },
	} {
		n := ticket(who)
		change(&n)
		err := h.db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := h.Open(t.Context(), tx, n)
			return err
		})
		if k := kernel.KindOf(err); k != kernel.Invalid && !errors.Is(err, errNoWay) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProviderThatRefusesARefundLeavesItFailedAndADifference(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.paid(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture})
	h.settle(t)
	h.tell(t)
	h.wallet.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusConflict)
		return true
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderRefund, Reason: "cancelled"})
	h.settle(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentCaptured || p.Refunds[0].State != "failed" {
		t.Errorf("%+v", p)
	}
	if got := h.books(t); got != "payee:civil-registry -1000/0, payee:insurer -250/0, provider:wallet 1250/0" {
		t.Errorf("books: %s", got)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = 'order-refused'`); n != 1 {
		t.Errorf("%d differences", n)
	}
	if got := h.heard.words(); got != "authorized captured refund-failed" {
		t.Errorf("the sector heard %q", got)
	}
	h.wallet.answer = nil
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r again", Kind: kernel.OrderRefund, Reason: "cancelled"})
	h.settle(t)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentRefunded {
		t.Errorf("ordered again: %+v", p)
	}
}

func TestAProviderThatIsAwayIsAskedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := 0
	h.wallet.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if n++; n%3 != 0 {
			w.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	}
	p := h.open(t, ticket(h.resident()))
	for h.stands(t, p.ID).PayURL == "" {
		h.hurry(t)
		_ = h.run.Drain(t.Context())
	}
	h.wallet.answer = nil
	h.wallet.pay(p.ID)
	h.tell(t)
	if p = h.stands(t, p.ID); p.State != kernel.PaymentAuthorized {
		t.Errorf("%+v", p)
	}
}

// hurry ends the pauses of effects that have failed.
func (h *house) hurry(t *testing.T) {
	t.Helper()
	h.tx(t, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE kernel.effect SET not_before = now() WHERE tenant_id = 'northwick' AND state = 'open'`)
		return err
	})
}

func TestAPaymentWhoseTimeIsOverIsNotBegun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	n := ticket(h.resident())
	n.Until = time.Now().Add(-time.Minute)
	p := h.open(t, n)
	h.settle(t)
	if len(h.wallet.calls) != 0 || h.stands(t, p.ID).PayURL != "" {
		t.Errorf("the wallet was called: %v", h.wallet.calls)
	}
}
