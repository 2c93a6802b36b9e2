package host

import (
	"crypto/rand"
	"encoding/base32"
	"net/http"
	"time"

	"townhall/modules/kernel"
)

const (
	// holdLife is how long money stays reserved without an order of the town; then it is the person's again.
	holdLife = 7 * 24 * time.Hour
	// maxDeclines ends a payment that is declined again and again.
	maxDeclines = 10
)

// refusal is an answer to a town that is not what it asked for. It is a problem document (RFC 9457); code is stable
// and detail constant: no personal data, no input.
type refusal struct {
	status int
	code   string
	detail string
}

func (e *refusal) Error() string { return e.code }

var (
	errNoPayment   = &refusal{http.StatusNotFound, "no-such-payment", "There is no such payment of this town."}
	errOtherOrder  = &refusal{http.StatusConflict, "order-id-reused", "An order with this id and another content was given before."}
	errNothingHeld = &refusal{http.StatusConflict, "not-authorized", "Nothing is reserved for this payment."}
	errCaptured    = &refusal{http.StatusConflict, "already-captured", "The payment was captured. Give the money back by refunds."}
	errVoided      = &refusal{http.StatusConflict, "already-voided", "The payment was voided."}
	errNotCaptured = &refusal{http.StatusConflict, "not-captured", "Nothing was captured that could be refunded."}
	errTooMuch     = &refusal{http.StatusConflict, "amount-too-large", "The amount is more than is left."}
	errCurrency    = &refusal{http.StatusConflict, "other-currency", "The payment is in another currency."}
)

// lapse is what time alone does to a payment.
func (p *payment) lapse(now time.Time) []fact {
	switch {
	case !p.Over && !now.Before(p.Request.ExpiresAt):
		return []fact{{What: factFailed, Reference: p.Reference, At: now, Reason: "expired", Final: true, Event: newEventID()}}
	case p.State() == "authorized" && !now.Before(p.AuthorizedAt.Add(holdLife)):
		return []fact{{What: factVoided, Reference: p.Reference, At: now, Amount: p.Authorized, Reason: "expired", Event: newEventID()}}
	}
	return nil
}

// payable reports whether the person may still pay. latePaid lets a payment through that has failed for good, never
// one that the town has called off.
func (p *payment) payable(latePaid bool) bool {
	return p.Authorized == 0 && !p.Void && (!p.Over || latePaid)
}

// pay is the button of the payment sheet: it reserves the whole amount, or says why not. A payment that is paid
// already stays so: a double click pays once.
func (b *books) pay(p *payment, m means, now time.Time, f Fault) []fact {
	if !p.payable(f.LatePaid) {
		return nil
	}
	failed := fact{What: factFailed, Reference: p.Reference, At: now, Final: p.Over || p.Attempts+1 >= maxDeclines, Event: newEventID()}
	switch {
	case f.Decline || m.Declines:
		failed.Reason = "declined"
		return []fact{failed}
	case m.Account && b.balance(p.Persona, m, p.Request.Currency) < p.Request.Amount:
		failed.Reason = "insufficient-funds"
		return []fact{failed}
	}
	return []fact{{What: factAuthorized, Reference: p.Reference, At: now, Amount: p.Request.Amount, Means: m.ID, Event: newEventID()}}
}

// giveUp ends a payment nobody has paid: the person cancels it, or cannot show who they are.
func (p *payment) giveUp(reason string, now time.Time) []fact {
	if !p.payable(false) {
		return nil
	}
	return []fact{{What: factFailed, Reference: p.Reference, At: now, Reason: reason, Final: true, Event: newEventID()}}
}

// carryOut decides on an order of the town. An order that was given before changes nothing, one that is impossible
// now is refused and leaves no trace: it may be given again under the same id.
func (p *payment) carryOut(o order, now time.Time, f Fault) ([]fact, error) {
	if before, ok := p.order(o.ID); ok {
		if !before.order.same(o) {
			return nil, errOtherOrder
		}
		return nil, nil
	}
	if o.Currency != "" && o.Currency != p.Request.Currency {
		return nil, errCurrency
	}
	one := fact{Reference: p.Reference, At: now, Order: &o, Event: newEventID()}
	amount := func(left int64) (int64, error) {
		if o.Amount > left {
			return 0, errTooMuch
		}
		if o.Amount == 0 {
			return left, nil
		}
		return o.Amount, nil
	}
	var err error
	switch o.Type {
	case "capture":
		switch {
		case p.Captured > 0:
			return nil, errCaptured
		case p.Void:
			return nil, errVoided
		case p.Authorized == 0:
			return nil, errNothingHeld
		}
		one.What = factCaptured
		if one.Amount, err = amount(p.Authorized); err != nil {
			return nil, err
		}
		// One capture settles a payment: what it leaves is the person's again at once, and needs no event of its own.
		if rest := p.Authorized - one.Amount; rest > 0 {
			return []fact{one, {What: factVoided, Reference: p.Reference, At: now, Amount: rest, Reason: "not-captured"}}, nil
		}
	case "void":
		switch {
		case p.Captured > 0:
			return nil, errCaptured
		case p.Void:
			return nil, errVoided
		}
		one.What, one.Amount, one.Reason = factVoided, p.Authorized, "ordered"
	case "refund":
		if p.Captured == 0 {
			return nil, errNotCaptured
		}
		if p.Captured == p.Refunded {
			return nil, errTooMuch
		}
		one.What, one.Reason = factRefunded, o.Reason
		if one.Amount, err = amount(p.Captured - p.Refunded); err != nil {
			return nil, err
		}
		if f.NoRefund {
			one.What, one.Reason = factRefundFailed, "account-closed"
		}
	}
	return []fact{one}, nil
}

// newReference makes a payment's reference: 50 random bits in letters and digits that are not mistaken for each other.
func newReference() string {
	var raw [7]byte
	rand.Read(raw[:])
	s := base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding).EncodeToString(raw[:])
	return "WP-" + s[:5] + "-" + s[5:10]
}

func newEventID() string { return "evt_" + kernel.NewID() }

// decide changes one payment: time first, then what the caller decides, each on disk before it is visible. The
// lock is held throughout: of any number of clicks and orders each sees what the one before it did.
func (j *journal) decide(p *payment, now time.Time, what func() ([]fact, error)) error {
	j.books.mu.Lock()
	defer j.books.mu.Unlock()
	if err := j.enter(p.lapse(now)); err != nil {
		return err
	}
	facts, err := what()
	if err != nil {
		return err
	}
	return j.enter(facts)
}

// enter writes facts that belong together in one line; the caller holds the books' lock.
func (j *journal) enter(facts []fact) error {
	if len(facts) == 0 {
		return nil
	}
	return j.write(entry{Books: facts})
}
