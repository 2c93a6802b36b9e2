package payments

import (
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
)

// What providers say: the types of the host wallet's events. Every provider's messages are read into these.
const (
	saidAuthorized   = "payment.authorized"
	saidFailed       = "payment.failed"
	saidCaptured     = "payment.captured"
	saidVoided       = "payment.voided"
	saidRefunded     = "refund.succeeded"
	saidRefundFailed = "refund.failed"
)

var sayings = []string{saidAuthorized, saidFailed, saidCaptured, saidVoided, saidRefunded, saidRefundFailed}

// event is one thing a provider says has happened. It holds no personal data.
type event struct {
	ID        string // the message's own: a retry carries the same one
	Kind      string // one of sayings; empty: nothing that concerns us
	Payment   kernel.PaymentID
	Reference string // the provider's name for the payment; empty: the message does not carry it
	Town      string // origin of the municipality it is for; empty: the one that was called
	Order     string // ours, for a refund; else empty or ignored
	Amount    kernel.Money
	Reason    string    // of a failure, a slug; of a void "expired" when the provider did it by itself
	At        time.Time // by the provider's clock
}

// payment is one payment with everything known about it.
type payment struct {
	ID        kernel.PaymentID
	Case      kernel.CaseID
	Person    kernel.PersonID
	Provider  string
	Number    string
	Title     kernel.Text
	Amount    kernel.Money
	Until     time.Time
	Return    string
	Locale    string // empty: the person's
	CreatedAt time.Time
	Reference string // the provider's; empty until it has begun
	PayURL    string
	facts
	Lines  []line
	Orders []order
}

// facts are moments by the provider's clock, zero while unknown. They are only ever added, so what they add up to does not
// depend on the order in which they come. Of a fact that is told twice with two moments, the earlier one stays; of
// failures the last.
type facts struct {
	FailedAt     time.Time
	FailedReason string
	AuthorizedAt time.Time
	CapturedAt   time.Time
	VoidedAt     time.Time
}

// line is a part of a payment. Taken is what is to be captured of it, or was; negative: nothing has been said yet. Promised is
// what refunds that have not failed give back.
type line struct {
	kernel.PaymentLine
	Taken    int64
	Promised int64
}

const untold = -1

// order is what a module wants done.
type order struct {
	ID        string
	Key       string
	Kind      string
	Amount    int64
	Reason    string
	Lines     map[string]int64
	CreatedAt time.Time
	SentAt    time.Time // the provider has accepted it
	DoneAt    time.Time // facts about a refund
	FailedAt  time.Time
}

// state is what the facts add up to; see kernel.PaymentOpen and its neighbours.
func (p *payment) state() string {
	switch {
	case !p.CapturedAt.IsZero():
		if p.refunded() >= p.captured() {
			return kernel.PaymentRefunded
		}
		return kernel.PaymentCaptured
	case !p.VoidedAt.IsZero():
		return kernel.PaymentVoided
	case !p.AuthorizedAt.IsZero():
		return kernel.PaymentAuthorized
	case !p.FailedAt.IsZero():
		return kernel.PaymentFailed
	}
	return kernel.PaymentOpen
}

// captured is what has been taken, in minor units.
func (p *payment) captured() (sum int64) {
	if p.CapturedAt.IsZero() {
		return 0
	}
	for _, l := range p.Lines {
		sum += max(l.Taken, 0)
	}
	return sum
}

// refunded is what has been given back.
func (p *payment) refunded() (sum int64) {
	for _, o := range p.Orders {
		if !o.DoneAt.IsZero() {
			sum += o.Amount
		}
	}
	return sum
}

func (p *payment) ordered(kind string) *order {
	for i := range p.Orders {
		if p.Orders[i].Kind == kind {
			return &p.Orders[i]
		}
	}
	return nil
}

func (p *payment) refund(id string) *order {
	for i := range p.Orders {
		if p.Orders[i].ID == id && p.Orders[i].Kind == kernel.OrderRefund {
			return &p.Orders[i]
		}
	}
	return nil
}

// state of a refund: the money went back, or it is known not to, or nobody knows yet. That it went back is never outweighed.
func (o *order) state() string {
	switch {
	case !o.DoneAt.IsZero():
		return "done"
	case !o.FailedAt.IsZero():
		return "failed"
	}
	return "ordered"
}

// Kinds of difference between a provider's word and our books.
const (
	differsAmount        = "amount"        // another amount than ours
	differsCurrency      = "currency"      // another currency than ours
	differsOrder         = "order-refused" // the provider will not do what was ordered
	differsContradiction = "contradiction" // two facts that exclude each other
	missingHere          = "missing-here"  // the provider knows of it, we do not
	missingThere         = "missing-there" // we know of it, the provider does not
)

// lesson is what an event taught.
type lesson struct {
	Change  string // a kernel.Change…, when something became known that was not; else empty
	Subject string // what it is about: the payment, or the refund's order
	Refused string // a kind of difference, when the event is not believed; nothing has changed then
	Ours    int64  // what we would have believed
	Doubt   bool   // a contradiction: it is believed, and a person should look
}

// learn adds an event to the facts. Money that moved is believed whatever else was said: captured outweighs voided, a refund
// that succeeded outweighs one that failed.
func (p *payment) learn(e event) lesson {
	l := lesson{Subject: string(p.ID)}
	if l.Refused, l.Ours = p.distrust(e); l.Refused != "" {
		return l
	}
	switch e.Kind {
	case saidAuthorized:
		l.Change = first(&p.AuthorizedAt, e.At, kernel.ChangeAuthorized)
	case saidFailed:
		l.Change = p.learnFailed(e)
	case saidCaptured:
		l.Change = first(&p.CapturedAt, e.At, kernel.ChangeCaptured)
		p.takeAll()
		l.Doubt = !p.VoidedAt.IsZero()
	case saidVoided:
		l.Change = first(&p.VoidedAt, e.At, kernel.ChangeVoided)
		l.Doubt = !p.CapturedAt.IsZero()
	case saidRefunded, saidRefundFailed:
		l.Subject = e.Order
		l.Change, l.Doubt = p.learnRefund(p.refund(e.Order), e)
	}
	return l
}

// first sets a moment to the earliest that was told, and returns change when there was none before.
func first(at *time.Time, told time.Time, change string) string {
	switch {
	case at.IsZero():
		*at = told
		return change
	case told.Before(*at):
		*at = told
	}
	return ""
}

func (p *payment) learnFailed(e event) string {
	change := ""
	if p.FailedAt.IsZero() {
		change = kernel.ChangeFailed
	}
	if c := e.At.Compare(p.FailedAt); c > 0 || c == 0 && e.Reason > p.FailedReason {
		p.FailedAt, p.FailedReason = e.At, e.Reason
	}
	return change
}

func (p *payment) learnRefund(o *order, e event) (change string, doubt bool) {
	failed := o.state() == "failed"
	if e.Kind == saidRefundFailed {
		if o.state() == "ordered" {
			p.promise(o, -1)
		}
		return first(&o.FailedAt, e.At, kernel.ChangeRefundFailed), !o.DoneAt.IsZero()
	}
	if failed {
		p.promise(o, 1)
	}
	return first(&o.DoneAt, e.At, kernel.ChangeRefunded), !o.FailedAt.IsZero()
}

// promise adds a refund to what is promised of each line, or takes it away. A refund that comes through after it was thought
// to have failed may promise more than there is, when another was ordered meanwhile: the line is then full.
func (p *payment) promise(o *order, sign int64) {
	for i := range p.Lines {
		l := &p.Lines[i]
		l.Promised = min(max(l.Promised+sign*o.Lines[l.Name], 0), max(l.Taken, 0))
	}
}

// takeAll makes what nobody said a word about the whole: a provider that captures unasked captures everything.
func (p *payment) takeAll() {
	for i := range p.Lines {
		if p.Lines[i].Taken == untold {
			p.Lines[i].Taken = p.Lines[i].Amount.Amount
		}
	}
}

// toTake is the amount a capture must have.
func (p *payment) toTake() int64 {
	if o := p.ordered(kernel.OrderCapture); o != nil {
		return o.Amount
	}
	return p.Amount.Amount
}

// distrust says why an event is not believed, as a kind of difference, and what we would have believed.
func (p *payment) distrust(e event) (why string, ours int64) {
	ours = p.Amount.Amount
	silent := false // an event that moves no money may leave the amount out
	switch e.Kind {
	case saidCaptured:
		ours = p.toTake()
	case saidFailed, saidVoided:
		silent = e.Amount.IsZero()
	case saidRefunded, saidRefundFailed:
		o := p.refund(e.Order)
		if o == nil {
			return missingHere, 0
		}
		ours, silent = o.Amount, e.Kind == saidRefundFailed && e.Amount.IsZero()
	}
	switch {
	case silent:
		return "", ours
	case e.Amount.Currency != p.Amount.Currency:
		return differsCurrency, ours
	case e.Amount.Amount != ours:
		return differsAmount, ours
	}
	return "", ours
}

// checkLines says what is wrong with what somebody is asked to pay.
func checkLines(lines []kernel.PaymentLine) (kernel.Money, error) {
	var sum kernel.Money
	wrong := func(why string) (kernel.Money, error) {
		return kernel.Money{}, errLines.Wrap(fmt.Errorf("payments: %s", why))
	}
	if len(lines) == 0 {
		return wrong("no lines")
	}
	seen := map[string]bool{}
	for _, l := range lines {
		var err error
		switch {
		case l.Name == "" || seen[l.Name]:
			return wrong("a line without a name of its own")
		case l.Amount.Amount <= 0 || !l.Amount.Valid():
			return wrong("line " + l.Name + " costs nothing, or in no currency")
		case l.Payee == "":
			return wrong("line " + l.Name + " has no payee")
		}
		seen[l.Name] = true
		if sum, err = sum.Plus(l.Amount); err != nil {
			return wrong("lines that cannot be added")
		}
	}
	return sum, nil
}

// lapsed reports whether the provider has let go what a capture was to take: nothing was taken, and nothing can be given back.
func (p *payment) lapsed() bool { return p.CapturedAt.IsZero() && !p.VoidedAt.IsZero() }

// wayBack is how all that was paid goes back; empty when nothing is left to go.
func (p *payment) wayBack() string {
	if p.CapturedAt.IsZero() && p.ordered(kernel.OrderCapture) == nil {
		return kernel.OrderVoid
	}
	if p.lapsed() {
		return ""
	}
	if slices.ContainsFunc(p.Lines, func(l line) bool { return max(l.Taken, 0) > l.Promised }) {
		return kernel.OrderRefund
	}
	return ""
}

// order adds an order, or says why it is not possible. The second value is false when there is nothing new: the same key
// again, a second capture or void, or something that has happened by itself.
func (p *payment) order(id string, o kernel.PaymentOrder, now time.Time) (*order, bool, error) {
	if i := slices.IndexFunc(p.Orders, func(had order) bool { return had.Key == o.Key }); i >= 0 {
		if p.Orders[i].Kind != o.Kind && o.Kind != kernel.OrderReturn {
			return nil, false, errNotPossible
		}
		return &p.Orders[i], false, nil
	}
	if o.Kind == kernel.OrderReturn {
		if o.Kind, o.Lines = p.wayBack(), nil; o.Kind == "" {
			return nil, false, nil
		}
	}
	var lines map[string]int64
	var err error
	switch o.Kind {
	case kernel.OrderCapture:
		if p.lapsed() {
			return nil, false, errNotPossible
		}
		if p.ordered(kernel.OrderCapture) != nil || !p.CapturedAt.IsZero() {
			return nil, false, nil
		}
		if p.ordered(kernel.OrderVoid) != nil || p.AuthorizedAt.IsZero() {
			return nil, false, errNotPossible
		}
		lines, err = p.portion(o.Lines, func(l line) int64 { return l.Amount.Amount })
	case kernel.OrderVoid:
		if p.ordered(kernel.OrderVoid) != nil || !p.VoidedAt.IsZero() {
			return nil, false, nil
		}
		if !p.CapturedAt.IsZero() || p.ordered(kernel.OrderCapture) != nil {
			return nil, false, errNotPossible
		}
	case kernel.OrderRefund:
		if p.lapsed() || p.CapturedAt.IsZero() && p.ordered(kernel.OrderCapture) == nil {
			return nil, false, errNotPossible
		}
		lines, err = p.portion(o.Lines, func(l line) int64 { return max(l.Taken, 0) - l.Promised })
	default:
		return nil, false, errNotPossible
	}
	if err != nil {
		return nil, false, err
	}
	made := order{ID: id, Key: o.Key, Kind: o.Kind, Reason: o.Reason, Lines: lines, CreatedAt: now}
	for _, n := range lines {
		made.Amount += n
	}
	if o.Kind == kernel.OrderCapture {
		for i := range p.Lines {
			p.Lines[i].Taken = lines[p.Lines[i].Name]
		}
	}
	p.Orders = append(p.Orders, made)
	if o.Kind == kernel.OrderRefund {
		p.promise(&made, 1)
	}
	return &p.Orders[len(p.Orders)-1], true, nil
}

// portion is what an order is about: everything that is left of each line, or what was asked for.
func (p *payment) portion(asked map[string]int64, left func(line) int64) (map[string]int64, error) {
	out := map[string]int64{}
	for _, l := range p.Lines {
		n := left(l)
		if asked != nil {
			if asked[l.Name] < 0 || asked[l.Name] > n {
				return nil, errTooMuch
			}
			n = asked[l.Name]
		}
		if n > 0 {
			out[l.Name] = n
		}
	}
	for name := range asked {
		if !slices.ContainsFunc(p.Lines, func(l line) bool { return l.Name == name }) {
			return nil, errTooMuch
		}
	}
	if len(out) == 0 {
		return nil, errTooMuch
	}
	return out, nil
}

// public is the payment as other modules and people see it.
func (p *payment) public() kernel.Payment {
	in := func(n int64) kernel.Money { return kernel.Money{Amount: n, Currency: p.Amount.Currency} }
	out := kernel.Payment{
		ID: p.ID, Case: p.Case, Person: p.Person, State: p.state(), Title: p.Title, Amount: p.Amount, Authorized: in(0), Captured: in(p.captured()),
		Refunded: in(p.refunded()), Reference: p.Number, CreatedAt: p.CreatedAt, Until: p.Until, CapturedAt: p.CapturedAt, Released: in(0),
	}
	switch {
	case !p.CapturedAt.IsZero():
		out.Released, out.ReleasedAt = in(max(p.Amount.Amount-p.captured(), 0)), p.CapturedAt
		if out.Released.IsZero() {
			out.ReleasedAt = time.Time{}
		}
	case !p.VoidedAt.IsZero():
		out.ReleasedAt = p.VoidedAt
		if !p.AuthorizedAt.IsZero() {
			out.Released = p.Amount
		}
		if o := p.ordered(kernel.OrderVoid); o != nil {
			out.ReleaseReason = o.Reason
		} else {
			out.ReleaseReason = kernel.ReleaseExpired
		}
	}
	if !p.AuthorizedAt.IsZero() || !p.CapturedAt.IsZero() {
		out.Authorized = p.Amount
	}
	if out.Payable() && p.ordered(kernel.OrderVoid) == nil {
		out.PayURL = p.PayURL
	}
	for _, l := range p.Lines {
		out.Lines = append(out.Lines, l.PaymentLine)
	}
	for _, o := range p.Orders {
		if o.Kind != kernel.OrderRefund {
			continue
		}
		r := kernel.Refund{Key: o.Key, Reason: o.Reason, State: o.state(), Amount: in(o.Amount), Lines: o.Lines, OrderedAt: o.CreatedAt, EndedAt: o.DoneAt}
		if r.EndedAt.IsZero() {
			r.EndedAt = o.FailedAt
		}
		out.Refunds = append(out.Refunds, r)
	}
	return out
}

var (
	errLines       = kernel.NewError(kernel.Invalid, "not-payable", "This cannot be paid as it was put together.")
	errNoWay       = kernel.NewError(kernel.Conflict, "no-way-to-pay", "There is no way to pay this from where you signed in.")
	errNotPossible = kernel.NewError(kernel.Conflict, "order-not-possible", "What has happened with this payment does not allow that any more.")
	errTooMuch     = kernel.NewError(kernel.Invalid, "more-than-is-left", "That is more than is left of this payment.")
	errOver        = kernel.NewError(kernel.Conflict, "payment-over", "This payment cannot be made any more.")
)
