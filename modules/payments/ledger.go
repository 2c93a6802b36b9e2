package payments

import (
	"time"

	"townhall/modules/kernel"
)

// Kinds of transfer.
const (
	single  = "single"  // booked at once
	pending = "pending" // reserved
	post    = "post"    // books a pending one, or a part of it; the rest lapses
	void    = "void"    // lets a pending one go
)

// transfer is one row of the ledger: Amount leaves Credit and arrives at Debit. What a payee is owed is negative, what a provider
// owes positive; all accounts together are always zero.
type transfer struct {
	ID       string
	Kind     string
	Debit    string
	Credit   string
	Amount   kernel.Money
	Resolves *transfer // of a post or void: the pending one
	Line     string
	Order    string // of a refund; empty: the payment itself
	At       time.Time
}

func providerAccount(name string) string         { return "provider:" + name }
func payeeAccount(agency kernel.AgencyID) string { return "payee:" + string(agency) }

// slot names what a transfer is for. There is at most one of each kind in it.
type slot struct{ line, order string }

// booked is what the ledger holds of a payment.
type booked map[slot]map[string]*transfer

func (b booked) add(t *transfer) {
	s := slot{t.Line, t.Order}
	if b[s] == nil {
		b[s] = map[string]*transfer{}
	}
	b[s][t.Kind] = t
}

// bookings returns the transfers that the facts ask for and the ledger does not hold yet, and adds them to b. It only ever
// adds: a provider that first lets money go and then takes it after all is booked by a single transfer beside the
// void, so that balances depend on what happened and not on the order in which it became known.
func (p *payment) bookings(b booked) []*transfer {
	k := &clerk{p: p, b: b}
	for _, l := range p.Lines {
		k.line(l)
		for _, o := range p.Orders {
			if o.Kind == kernel.OrderRefund && o.Lines[l.Name] > 0 {
				k.refund(l, o)
			}
		}
	}
	return k.made
}

type clerk struct {
	p    *payment
	b    booked
	made []*transfer
}

// line books what happened to a line: held when it was authorised, then taken or let go.
func (k *clerk) line(l line) {
	p := k.p
	if p.AuthorizedAt.IsZero() && p.CapturedAt.IsZero() {
		return
	}
	at := p.AuthorizedAt
	if at.IsZero() {
		at = p.CapturedAt
	}
	k.hold(slot{l.Name, ""}, providerAccount(p.Provider), payeeAccount(l.Payee), l.Amount.Amount, at)
	if !p.CapturedAt.IsZero() {
		k.end(slot{l.Name, ""}, max(l.Taken, 0), p.CapturedAt)
	} else if !p.VoidedAt.IsZero() {
		k.end(slot{l.Name, ""}, 0, p.VoidedAt)
	}
}

// refund books a refund: held when it was ordered, then given or kept.
func (k *clerk) refund(l line, o order) {
	s := slot{l.Name, o.ID}
	k.hold(s, payeeAccount(l.Payee), providerAccount(k.p.Provider), o.Lines[l.Name], o.CreatedAt)
	if !o.DoneAt.IsZero() {
		k.end(s, o.Lines[l.Name], o.DoneAt)
	} else if !o.FailedAt.IsZero() {
		k.end(s, 0, o.FailedAt)
	}
}

func (k *clerk) hold(s slot, debit, credit string, amount int64, at time.Time) {
	if k.b[s][pending] == nil {
		k.add(&transfer{Kind: pending, Debit: debit, Credit: credit, Amount: kernel.Money{Amount: amount, Currency: k.p.Amount.Currency}, Line: s.line, Order: s.order, At: at})
	}
}

// end resolves what is held: amount of it is booked, nothing lets it go. What was let go before is booked beside.
func (k *clerk) end(s slot, amount int64, at time.Time) {
	held := k.b[s][pending]
	t := &transfer{Kind: post, Debit: held.Debit, Credit: held.Credit, Amount: kernel.Money{Amount: amount, Currency: held.Amount.Currency}, Resolves: held, Line: s.line, Order: s.order, At: at}
	switch {
	case k.b[s][post] != nil || k.b[s][single] != nil:
		return
	case amount == 0 && k.b[s][void] != nil:
		return
	case amount == 0:
		t.Kind, t.Amount = void, held.Amount
	case k.b[s][void] != nil:
		t.Kind, t.Resolves = single, nil
	}
	k.add(t)
}

func (k *clerk) add(t *transfer) {
	t.ID = kernel.NewID()
	k.b.add(t)
	k.made = append(k.made, t)
}

// balance is what stands on an account: what has been booked, and what is reserved and not resolved.
type balance struct {
	Account  string
	Currency string
	Posted   int64
	Pending  int64
}
