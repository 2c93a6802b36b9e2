package kernel

import (
	"context"
	"time"
)

// PaymentID names one payment; a UUIDv7 like every id.
type PaymentID string

// Payments is offered by payments: what a case costs, who paid it, and what went back. Amounts are minor units of one
// currency. The money itself moves at a provider (the person's wallet, a card), later and by effects: what a call asks for is
// written in the caller's transaction, what became of it arrives as the event payment.changed.
//
// A deposit is a payment that is authorised and left so: one capture, of the whole or of a part by line, settles it, and what the
// capture leaves is the person's again; an order void lets all of it go. A provider holds money for about a week and then lets it go
// by itself: that is payment.changed with ChangeVoided although nobody ordered it, and a capture afterwards is refused.
type Payments interface {
	// Open makes a payment that its person is to pay. The same ID again returns what was opened first. Errors: Invalid when
	// the lines are not payable (none, two currencies, an amount that is not positive, a name twice), Conflict
	// "no-way-to-pay" when no provider reaches the person.
	Open(ctx context.Context, tx Tx, n NewPayment) (Payment, error)
	// Order has money captured, released or given back; effects carry it out. The same Key again is the same order. Who may
	// was decided by the caller. Errors: NotFound, Conflict "order-not-possible" when what happened before excludes it
	// (a capture after a void, a refund of what was never captured), Invalid when it is more than is left.
	Order(ctx context.Context, tx Tx, o PaymentOrder) (Payment, error)
	// Payments returns the payments of a case, oldest first. The caller has checked whose case it is.
	Payments(ctx context.Context, tx Tx, c CaseID) ([]Payment, error)
}

// NewPayment is what somebody is asked to pay.
type NewPayment struct {
	ID     PaymentID // chosen by the caller; empty: a new one
	Case   CaseID
	Person PersonID
	Lines  []PaymentLine // what is paid for, all in one currency, each more than nothing
	Title  Text          // one line for the payment sheet, without personal data
	Until  time.Time     // until when an authorisation is in time; the provider is told
	Return string        // local path the citizen comes back to
	Locale string        // of the conversation, for the sheet and the receipt; empty: the person's own
}

// PaymentLine is one part of a payment, and who gets it.
type PaymentLine struct {
	Name   string   // "fare", "insurance", "fee", "deposit": stable, unique in its payment
	Payee  AgencyID // whom the town owes it to
	Title  Text
	Amount Money
}

// What an order asks for.
const (
	OrderCapture = "capture" // take what was authorised
	OrderVoid    = "void"    // let an authorisation go; of a payment nobody has paid yet: nobody can any more
	OrderRefund  = "refund"  // give back what was captured
	OrderReturn  = "return"  // all of it, by a void or a refund: for who need not know how far the payment has come
)

// PaymentOrder is what a module wants done with a payment.
type PaymentOrder struct {
	Payment PaymentID
	Key     string           // unique in its payment: the same order twice is one
	Kind    string           // OrderCapture, OrderVoid, OrderRefund or OrderReturn
	Lines   map[string]int64 // capture, refund: minor units by line name; nil: everything that is left
	Reason  string           // slug: "cancelled", "too-late", "called-off", "place-gone"; empty for a capture
}

// The states of a payment. They follow from what is known to have happened, whatever the order in which it became known:
// a payment is authorized although it failed before, and captured although a void was reported.
const (
	PaymentOpen       = "open"       // nobody has paid
	PaymentFailed     = "failed"     // an attempt failed; it can still be paid
	PaymentAuthorized = "authorized" // the provider holds the money for us
	PaymentVoided     = "voided"     // let go, nothing was taken
	PaymentCaptured   = "captured"   // taken
	PaymentRefunded   = "refunded"   // all that was taken has been given back
)

// Payment is one payment as it stands.
type Payment struct {
	ID         PaymentID
	Case       CaseID
	Person     PersonID
	State      string
	Title      Text
	Amount     Money
	Authorized Money
	Captured   Money
	Refunded   Money // what has been given back
	Released   Money // what was held and never taken: all of a void, the rest of a part that was captured
	Lines      []PaymentLine
	Reference  string // people quote it: "PA-2026-7K4M-93Q2"
	PayURL     string // where the citizen pays while it can be paid; empty until the provider has made it
	CreatedAt  time.Time
	Until      time.Time
	CapturedAt time.Time // zero: not taken
	ReleasedAt time.Time // zero: nothing was let go
	// ReleaseReason is the reason of the order void, or ReleaseExpired; empty for the rest of a capture.
	ReleaseReason string
	Refunds       []Refund // oldest first
}

// ReleaseExpired is why a provider let money go that nobody ordered it to: it had been held as long as it holds any.
const ReleaseExpired = "expired"

// Payable reports whether the citizen can still pay it, as far as the facts say; its time may be over.
func (p Payment) Payable() bool { return p.State == PaymentOpen || p.State == PaymentFailed }

// Refund is money ordered back.
type Refund struct {
	Key       string
	Reason    string
	State     string // "ordered", "done", "failed"
	Amount    Money
	Lines     map[string]int64
	OrderedAt time.Time
	EndedAt   time.Time // zero while ordered
}

// EventPaymentChanged (PaymentChanged) is written by payments, once for each thing that became known about a payment.
const EventPaymentChanged = "payment.changed"

// What PaymentChanged.Change says.
const (
	ChangeAuthorized   = "authorized"
	ChangeCaptured     = "captured"
	ChangeFailed       = "failed"
	ChangeVoided       = "voided"
	ChangeRefunded     = "refunded"
	ChangeRefundFailed = "refund-failed"
)

// PaymentChanged tells that something became known about a payment. State is where it stands with that; handlers that
// decide something read it (Payments.Payments) in their own transaction, because more may have become known.
type PaymentChanged struct {
	Payment PaymentID `json:"payment"`
	Case    CaseID    `json:"case"`
	Person  PersonID  `json:"person"`
	State   string    `json:"state"`
	Change  string    `json:"change"`
}
