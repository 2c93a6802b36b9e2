package payments

import (
	"cmp"
	"slices"
	"time"

	"townhall/modules/kernel"
)

// movement is one capture or refund in our books.
type movement struct {
	Payment   kernel.PaymentID
	Order     string // of a refund
	Kind      string // kernel.OrderCapture or kernel.OrderRefund
	Number    string
	Reference string
	Amount    kernel.Money
	At        time.Time
}

// subject names what a movement is: a payment is captured once, a refund is its order.
func subject(kind string, p kernel.PaymentID, order string) string {
	if kind == kernel.OrderRefund {
		return kind + "/" + order
	}
	return kind + "/" + string(p)
}

// subject names what a line of a statement is about. Money that moved without an order of ours is a thing of its own, each time.
func (e entry) subject() string {
	if e.Kind == kernel.OrderCapture || e.Kind == kernel.OrderRefund && e.Order != "" {
		return subject(e.Kind, e.Payment, e.Order)
	}
	return kept(e.Kind+"/"+string(e.Payment)+"/"+e.Reference, 255)
}

// compare finds where a provider's statement of a day and our books differ. ours holds what we have of that day and what the
// statement names, wherever it stands; elsewhere are the subjects of the statements of the days beside it: the two clocks need not
// agree on which side of midnight something happened.
func compare(day, provider string, ours []movement, theirs []entry, elsewhere map[string]bool) []difference {
	have, payments := map[string]movement{}, map[kernel.PaymentID]bool{}
	for _, m := range ours {
		have[subject(m.Kind, m.Payment, m.Order)], payments[m.Payment] = m, true
	}
	found := map[string]difference{}
	add := func(key string, d difference) {
		d.Provider, d.Day, d.Key = provider, day, key
		found[d.Kind+" "+key] = d
	}
	seen := map[string]bool{}
	for _, e := range theirs {
		key := e.subject()
		m, known := have[key]
		d := difference{Reference: e.Reference, Theirs: e.Amount.Amount, HasTheirs: true, Currency: e.Amount.Currency}
		if payments[e.Payment] {
			d.Payment = e.Payment
		}
		if known {
			d.Ours, d.HasOurs = m.Amount.Amount, true
		}
		switch {
		case !known:
			d.Kind = missingHere
			add(key, d)
		case seen[key]: // booked twice over there
			d.Kind = differsAmount
			add(key, d)
		case m.Amount.Currency != e.Amount.Currency:
			d.Kind = differsCurrency
			add(key, d)
		case m.Amount.Amount != e.Amount.Amount:
			d.Kind = differsAmount
			add(key, d)
		}
		seen[key] = true
	}
	for _, m := range ours {
		key := subject(m.Kind, m.Payment, m.Order)
		if dayOf(m.At) == day && !seen[key] && !elsewhere[key] {
			add(key, difference{Kind: missingThere, Payment: m.Payment, Reference: m.Reference, Ours: m.Amount.Amount, HasOurs: true, Currency: m.Amount.Currency})
		}
	}
	out := make([]difference, 0, len(found))
	for _, d := range found {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b difference) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind)) })
	return out
}

// guarded makes a cell of a table safe to open in a spreadsheet, which would run what begins like a formula.
func guarded(cell string) string {
	if cell != "" && slices.Contains([]byte("=+-@\t\r"), cell[0]) {
		return "'" + cell
	}
	return cell
}
