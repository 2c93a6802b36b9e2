package payments

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
)

// provider moves money: the host wallet of a citizen, or a company that takes cards. Calls are idempotent by our ids, so that a
// retry after a lost answer changes nothing. Every provider passes the one conformance suite.
type provider interface {
	// Name is what the settings call it; it stands in the address of its events.
	Name() string
	// Begin has the provider make the payment, or find the one it made for this id. Errors: errAway to be tried again,
	// errRefused when it never will.
	Begin(ctx context.Context, n beginning) (begun, error)
	// Execute has an order carried out; what became of it comes as an event. A void of what the provider has let go by itself
	// is done. Errors: as Begin.
	Execute(ctx context.Context, o instruction) error
	// Read checks who sent a message before it looks at what it says. Errors: errSignature, errMessage.
	Read(h http.Header, body []byte) (event, error)
}

// stating is what a provider can do whose books can be compared with ours.
type stating interface {
	// Statement returns what moved on a day (YYYY-MM-DD, UTC), in the provider's books for this town: the gross amounts that
	// were taken and given back, in no particular order. Errors: errAway, always.
	Statement(ctx context.Context, t kernel.Tenant, day string) ([]entry, error)
}

// beginning is a payment as a provider has to know it.
type beginning struct {
	Tenant  kernel.Tenant
	ID      kernel.PaymentID
	Title   kernel.Text
	Lines   []payable
	Amount  kernel.Money
	Subject string // the person at the wallet (their "sub")
	Return  string // absolute address
	Events  string // absolute address
	Until   time.Time
	Locale  string
}

// payable is one line of a beginning.
type payable struct {
	Name   string
	Title  kernel.Text
	Payee  kernel.Text
	Amount int64
}

// begun is the provider's answer: its name for the payment, and where it is paid.
type begun struct{ Reference, URL string }

// instruction is an order as a provider has to know it.
type instruction struct {
	Tenant    kernel.Tenant
	ID        string // ours
	Payment   kernel.PaymentID
	Reference string
	Kind      string
	Amount    kernel.Money // zero for a void
	Reason    string       // a slug, which the person may be told; empty for a capture
}

// entry is one line of a statement. What it names need not exist: Payment and Order are the provider's words for ours.
type entry struct {
	Reference string // the provider's name for it
	Payment   kernel.PaymentID
	Order     string // of a refund; empty: the provider gave it unasked
	Kind      string // kernel.OrderCapture, kernel.OrderRefund, or the provider's word for something else ("dispute")
	Amount    kernel.Money
	At        time.Time
}

var (
	errAway      = retryAfter(10*time.Second, "provider-away", "The payment service does not answer. Nothing was charged; please try again.")
	errRefused   = kernel.NewError(kernel.Conflict, "provider-refused", "The payment service does not accept this.")
	errSignature = kernel.NewError(kernel.Unauthenticated, "bad-signature", "The signature of this message is not right.")
	errMessage   = kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.")
)

func retryAfter(d time.Duration, slug, message string) *kernel.Error {
	e := kernel.NewError(kernel.Unavailable, slug, message)
	e.RetryAfter = d
	return e
}
