package host

import (
	"maps"
	"slices"
	"sync"
	"time"

	"townhall/modules/kernel"
)

// paymentRequest is what a town asks for. Amounts are minor units of an ISO 4217 currency.
type paymentRequest struct {
	ID        string        `json:"id"`   // the town's own; the same one again is the same payment
	Town      string        `json:"town"` // the town's origin
	Payee     kernel.Text   `json:"payee"`
	Title     kernel.Text   `json:"title"`
	Lines     []paymentLine `json:"lines"`
	Amount    int64         `json:"amount"` // the sum of the lines
	Currency  string        `json:"currency"`
	Capture   string        `json:"capture"` // "manual": paying reserves the money, an order takes it
	Subject   string        `json:"subject"` // who may pay: the pairwise subject this town knows
	ReturnURL string        `json:"return_url"`
	EventsURL string        `json:"events_url"`
	ExpiresAt time.Time     `json:"expires_at"` // who has not paid by then cannot any more
}

type paymentLine struct {
	Name   string      `json:"name"`
	Title  kernel.Text `json:"title"`
	Payee  kernel.Text `json:"payee"`
	Amount int64       `json:"amount"`
}

// fact is one thing that happened to a payment, and one line of the journal. Facts are added and never changed.
type fact struct {
	What      string          `json:"what"`
	Reference string          `json:"reference"`
	At        time.Time       `json:"at"`
	Request   *paymentRequest `json:"request,omitempty"` // opened
	Persona   string          `json:"persona,omitempty"` // opened: who may pay
	Amount    int64           `json:"amount,omitempty"`
	Means     string          `json:"means,omitempty"`  // authorized: what paid
	Reason    string          `json:"reason,omitempty"` // failed, voided, refund-failed
	Final     bool            `json:"final,omitempty"`  // failed: it cannot be tried again
	Order     *order          `json:"order,omitempty"`  // the town's order it carries out
	Event     string          `json:"event,omitempty"`  // webhook-id of the event that tells the town; for told: the one it has heard
}

const (
	factOpened       = "opened"
	factFailed       = "failed"
	factAuthorized   = "authorized"    // the money went from the person's means into the hold
	factCaptured     = "captured"      // from the hold to the town
	factVoided       = "voided"        // from the hold back to the person's means
	factRefunded     = "refunded"      // from the town back to the person's means
	factRefundFailed = "refund-failed" // nothing moved
	factTold         = "told"          // the town has an event, or wants no more of its kind
)

// order is what a town asked to be done with a payment.
type order struct {
	ID       string `json:"id"`
	Type     string `json:"type"`               // capture, void, refund
	Amount   int64  `json:"amount,omitempty"`   // absent: everything that is left
	Currency string `json:"currency,omitempty"` // absent: the payment's
	Reason   string `json:"reason,omitempty"`   // a slug: why money goes back; the person reads it in words
}

// same compares what two orders ask for. The reason is only said.
func (o order) same(other order) bool {
	o.Reason = other.Reason
	return o == other
}

// payment is one payment as its facts make it.
type payment struct {
	Request   paymentRequest
	Reference string // WP-…, which people quote
	Page      string // opaque name of its page, /pay/{page}
	Persona   string
	OpenedAt  time.Time

	Authorized, Captured, Voided, Refunded int64

	AuthorizedAt time.Time
	Means        string
	Reason       string // why it failed last, or why the hold was let go
	Over         bool   // nobody can pay it any more
	Void         bool
	Attempts     int // that were declined
	Orders       []doneOrder
	History      []fact

	tries int // PINs presented at its page; not kept over a restart
}

type doneOrder struct {
	order  // as it was asked
	Done   int64
	Failed bool
}

// State is one word for where a payment stands.
func (p *payment) State() string {
	switch {
	case p.Captured > 0 && p.Refunded == p.Captured:
		return "refunded"
	case p.Captured > 0:
		return "captured"
	case p.Void:
		return "voided"
	case p.Authorized > 0:
		return "authorized"
	case p.Reason != "":
		return "failed"
	}
	return "open"
}

func (p *payment) order(id string) (doneOrder, bool) {
	i := slices.IndexFunc(p.Orders, func(o doneOrder) bool { return o.ID == id })
	if i < 0 {
		return doneOrder{}, false
	}
	return p.Orders[i], true
}

// Account is one account of the wallet's books: "bank" (where money comes from when an account is opened), "hold",
// "person:<persona>/<means>" or "town:<origin>", in one currency.
type Account struct{ Name, Currency string }

// Totals sums up one currency, in minor units. Sum is the sum of all balances: always zero, because every transfer
// takes from one account what it gives to another.
type Totals struct{ Authorized, Captured, Voided, Refunded, Held, Sum int64 }

// books are the wallet's own books of payments, made from facts alone: replaying the journal makes the same books.
type books struct {
	mu       sync.Mutex
	list     []*payment // oldest first
	byRef    map[string]*payment
	byTown   map[string]*payment // town + "\x00" + the town's id
	byPage   map[string]*payment
	live     map[string]*payment // those that can still expire
	balances map[Account]int64
	totals   map[string]Totals
	events   []*event // that a town has not accepted yet, oldest first
	page     func(reference string) string
}

func newBooks() *books {
	return &books{byRef: map[string]*payment{}, byTown: map[string]*payment{}, byPage: map[string]*payment{}, live: map[string]*payment{},
		balances: map[Account]int64{}, totals: map[string]Totals{}, page: func(reference string) string { return reference }}
}

// apply makes a fact visible. The caller holds the lock, or is the replay of the journal. It decides nothing.
func (b *books) apply(f fact) {
	if f.What == factTold {
		b.events = slices.DeleteFunc(b.events, func(e *event) bool { return e.ID == f.Event })
		return
	}
	if f.What == factOpened {
		p := &payment{Request: *f.Request, Reference: f.Reference, Page: b.page(f.Reference), Persona: f.Persona, OpenedAt: f.At}
		b.list = append(b.list, p)
		b.byRef[p.Reference], b.byTown[p.Request.Town+"\x00"+p.Request.ID], b.byPage[p.Page], b.live[p.Reference] = p, p, p, p
		return
	}
	p := b.byRef[f.Reference]
	person, hold, town := Account{"person:" + p.Persona + "/" + p.Means, p.Request.Currency}, Account{"hold", p.Request.Currency}, Account{"town:" + p.Request.Town, p.Request.Currency}
	sum := b.totals[p.Request.Currency]
	switch f.What {
	case factFailed:
		p.Reason, p.Over = f.Reason, f.Final
		p.Attempts++
	case factAuthorized:
		p.Means, p.Authorized, p.AuthorizedAt, p.Reason, p.Over = f.Means, f.Amount, f.At, "", true
		person.Name = "person:" + p.Persona + "/" + p.Means
		b.open(person, f.Means)
		b.transfer(person, hold, f.Amount)
		sum.Authorized += f.Amount
	case factCaptured:
		p.Captured += f.Amount
		b.transfer(hold, town, f.Amount)
		sum.Captured += f.Amount
	case factVoided:
		p.Voided += f.Amount
		p.Void, p.Over = p.Captured == 0, true
		if p.Void {
			p.Reason = f.Reason
		}
		b.transfer(hold, person, f.Amount)
		sum.Voided += f.Amount
	case factRefunded:
		p.Refunded += f.Amount
		b.transfer(town, person, f.Amount)
		sum.Refunded += f.Amount
	}
	b.totals[p.Request.Currency] = sum
	if f.Order != nil {
		if _, known := p.order(f.Order.ID); !known {
			p.Orders = append(p.Orders, doneOrder{order: *f.Order, Done: f.Amount, Failed: f.What == factRefundFailed})
		}
	}
	if p.Over && (p.Authorized == 0 || p.Captured > 0 || p.Void) {
		delete(b.live, p.Reference)
	} else {
		b.live[p.Reference] = p
	}
	p.History = append(p.History, f)
	if f.Event != "" {
		b.events = append(b.events, newEvent(p, f))
	}
}

// open gives an account what it holds before its first payment in a currency.
func (b *books) open(a Account, id string) {
	m, _ := meansOf(id)
	if _, there := b.balances[a]; there || !m.Account {
		return
	}
	b.transfer(Account{"bank", a.Currency}, a, m.Opening)
}

func (b *books) transfer(from, to Account, amount int64) {
	if amount == 0 {
		return
	}
	b.balances[from] -= amount
	b.balances[to] += amount
}

// balance is what a person's account holds; an account nobody has used yet holds what it will be opened with.
func (b *books) balance(persona string, m means, currency string) int64 {
	if held, ok := b.balances[Account{"person:" + persona + "/" + m.ID, currency}]; ok || !m.Account {
		return held
	}
	return m.Opening
}

// Totals returns the sums of every currency the books know.
func (w *Wallet) Totals() map[string]Totals {
	b := w.journal.books
	b.mu.Lock()
	defer b.mu.Unlock()
	out := maps.Clone(b.totals)
	for a, held := range b.balances {
		sum := out[a.Currency]
		sum.Sum += held
		if a.Name == "hold" {
			sum.Held = held
		}
		out[a.Currency] = sum
	}
	return out
}

// Balances returns every account of the books in minor units; what a card owes is negative.
func (w *Wallet) Balances() map[Account]int64 {
	b := w.journal.books
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.balances)
}
