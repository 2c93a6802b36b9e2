package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"townhall/modules/kernel"
)

// Town is one installation of municipalities that may ask for payments, and is told what became of them.
type Town struct {
	// Origins are its municipalities, e.g. "https://northwick.example". Addresses in a request must be theirs.
	Origins []string
	// Secrets ("whsec_…") sign what the town sends. Any of them will do, so that one can be replaced.
	Secrets []string
	// EventSecrets sign what the wallet sends. All of them do, so that one can be replaced.
	EventSecrets []string
}

// town is a Town ready to be talked with.
type town struct {
	Town
	verifiers []*webhooks.Webhook
	signers   []*webhooks.Webhook
}

func newTown(t Town) (*town, error) {
	out := &town{Town: t}
	if len(t.Origins) == 0 || len(t.Secrets) == 0 || len(t.EventSecrets) == 0 {
		return nil, errors.New("want origins, secrets and event secrets")
	}
	out.Origins = slices.Clone(t.Origins)
	for i, o := range t.Origins {
		var err error
		if out.Origins[i], err = checkOrigin(o); err != nil {
			return nil, err
		}
	}
	for _, list := range []struct {
		from []string
		to   *[]*webhooks.Webhook
	}{{t.Secrets, &out.verifiers}, {t.EventSecrets, &out.signers}} {
		for _, secret := range list.from {
			wh, err := webhooks.NewWebhook(secret)
			if err != nil || len(strings.TrimPrefix(secret, "whsec_")) < 32 { // 24 bytes, the least the specification allows
				return nil, errors.New("a secret is not whsec_ and the base64 of 24 bytes or more")
			}
			*list.to = append(*list.to, wh)
		}
	}
	return out, nil
}

// paymentRoutes is the interface for towns, below /payments/v1.
func (w *Wallet) paymentRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /payments/v1/payments", w.fromTown(w.openPayment))
	mux.HandleFunc("GET /payments/v1/payments/{reference}", w.fromTown(w.showPayment))
	mux.HandleFunc("POST /payments/v1/payments/{reference}/orders", w.fromTown(w.orderPayment))
	mux.HandleFunc("GET /payments/v1/statement", w.fromTown(w.statement))
}

// seenLife is longer than a timestamp is accepted, five minutes into the past and into the future.
const seenLife = 15 * time.Minute

// fromTown lets through what a town signed by the Standard Webhooks specification less than five minutes ago. The
// signature covers id, time and body, not the address. So a webhook-id stays with the request it first came with: the
// same request again is answered again, the id with another address or body is refused. 401 bad signature or time.
func (w *Wallet) fromTown(next func(http.ResponseWriter, *http.Request, *town, []byte) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			refuse(rw, &refusal{http.StatusRequestEntityTooLarge, "too-large", "The body is too large or was cut off."})
			return
		}
		i := slices.IndexFunc(w.towns, func(t *town) bool {
			return slices.ContainsFunc(t.verifiers, func(v *webhooks.Webhook) bool { return v.Verify(body, r.Header) == nil })
		})
		if i < 0 {
			refuse(rw, &refusal{http.StatusUnauthorized, "signature-refused", "The signature is missing, wrong, or not of the last five minutes."})
			return
		}
		h := sha256.New()
		fmt.Fprintf(h, "%s %s\n", r.Method, r.URL.RequestURI())
		h.Write(body)
		digest := hex.EncodeToString(h.Sum(nil))
		id := w.towns[i].Origins[0] + "\x00" + r.Header.Get(webhooks.HeaderWebhookID)
		if !w.seen.add(id, digest, seenLife) {
			if first, ok := w.seen.get(id); ok && first != digest {
				refuse(rw, &refusal{http.StatusConflict, "webhook-id-reused", "This webhook-id belongs to another request."})
				return
			}
		}
		if err := next(rw, r, w.towns[i], body); err != nil {
			no := new(refusal)
			if !errors.As(err, &no) {
				w.log.ErrorContext(r.Context(), "payment not stored", "error", err)
				rw.Header().Set("Retry-After", "5")
				no = &refusal{http.StatusServiceUnavailable, "not-stored", "The wallet cannot write its books at the moment."}
			}
			refuse(rw, no)
			return
		}
		w.rouse()
	}
}

func refuse(rw http.ResponseWriter, e *refusal) {
	b, _ := json.Marshal(map[string]any{"title": http.StatusText(e.status), "status": e.status, "code": e.code, "detail": e.detail}) // it cannot fail
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.WriteHeader(e.status)
	_, _ = rw.Write(b) // the reader is gone: nothing is left to do
}

var errUnreadable = &refusal{http.StatusBadRequest, "unreadable", "The body is not the JSON object that is expected."}

func invalid(detail string) *refusal {
	return &refusal{http.StatusUnprocessableEntity, "invalid", detail}
}

var (
	idShape       = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,100}$`)
	reasonShape   = regexp.MustCompile(`^[a-z0-9-]{1,60}$`)
	currencyShape = regexp.MustCompile(`^[A-Z]{3}$`)
)

const (
	maxLines  = 50
	maxText   = 200
	maxAmount = 1_000_000_000_000 // no payment comes near, and no sum of them overflows
)

// check tells what is wrong with a request. Its addresses must be the town's own: the wallet posts to the one and
// sends people to the other.
func (in paymentRequest) check(t *town) *refusal {
	within := func(address string) bool { return originOf(address) == in.Town && len(address) <= 2000 }
	named := func(t kernel.Text) bool {
		for _, s := range t {
			if utf8.RuneCountInString(s) > maxText {
				return false
			}
		}
		return t.In("en") != ""
	}
	switch {
	case !idShape.MatchString(in.ID):
		return invalid("id: 1 to 100 letters, digits and _ . : -")
	case !slices.Contains(t.Origins, in.Town):
		return invalid("town: an origin this wallet knows by the secret that signed")
	case !currencyShape.MatchString(in.Currency):
		return invalid("currency: three letters of ISO 4217")
	case in.Capture != "manual":
		return invalid("capture: only manual")
	case !named(in.Payee) || !named(in.Title):
		return invalid("payee and title: a text of at most 200 characters per language")
	case len(in.Lines) == 0 || len(in.Lines) > maxLines:
		return invalid("lines: 1 to 50")
	case !within(in.ReturnURL) || !within(in.EventsURL):
		return invalid("return_url and events_url: absolute addresses of the town's origin")
	case in.ExpiresAt.IsZero():
		return invalid("expires_at: a time of RFC 3339")
	}
	sum := int64(0)
	for _, l := range in.Lines {
		if l.Amount <= 0 || l.Amount > maxAmount || !named(l.Title) || !idShape.MatchString(l.Name) {
			return invalid("lines: each with name, title and an amount above zero")
		}
		sum += l.Amount
	}
	if sum != in.Amount || sum > maxAmount {
		return invalid("amount: the sum of the lines")
	}
	return nil
}

// openPayment opens a payment, or finds the one with this id: 201, then 200 with the same answer. 409 the id with other
// content; 422 something is wrong with the request, or nobody here has this subject.
func (w *Wallet) openPayment(rw http.ResponseWriter, r *http.Request, t *town, body []byte) error {
	var in paymentRequest
	if json.Unmarshal(body, &in) != nil {
		return errUnreadable
	}
	if no := in.check(t); no != nil {
		return no
	}
	who, ok := w.personaOf(Client{Sector: in.Town}, in.Subject)
	if !ok {
		return &refusal{http.StatusUnprocessableEntity, "unknown-subject", "Nobody here has this subject towards this town."}
	}
	now := w.clock.Now()
	b := w.journal.books
	b.mu.Lock()
	defer b.mu.Unlock()
	status := http.StatusOK
	p := b.byTown[in.Town+"\x00"+in.ID]
	switch {
	case p == nil && !now.Before(in.ExpiresAt):
		return invalid("expires_at: a time to come")
	case p == nil:
		f := fact{What: factOpened, Reference: newReference(), At: now, Request: &in, Persona: who.ID}
		for b.byRef[f.Reference] != nil {
			f.Reference = newReference()
		}
		if err := w.journal.enter([]fact{f}); err != nil {
			return err
		}
		p, status = b.byRef[f.Reference], http.StatusCreated
	case !p.Request.same(in):
		return &refusal{http.StatusConflict, "payment-id-reused", "A payment with this id and another content was opened before."}
	}
	rw.Header().Set("Location", w.origin+"/payments/v1/payments/"+p.Reference)
	writeJSON(rw, status, map[string]string{"reference": p.Reference, "url": w.origin + "/pay/" + p.Page})
	return nil
}

// same compares instants as instants: a town may write the same one in another zone.
func (in paymentRequest) same(other paymentRequest) bool {
	if !in.ExpiresAt.Equal(other.ExpiresAt) {
		return false
	}
	in.ExpiresAt = other.ExpiresAt
	return reflect.DeepEqual(in, other)
}

// paymentOf finds a payment of this town; another town's is not there.
func (w *Wallet) paymentOf(t *town, reference string) (*payment, error) {
	b := w.journal.books
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.byRef[reference]
	if p == nil || !slices.Contains(t.Origins, p.Request.Town) {
		return nil, errNoPayment
	}
	return p, nil
}

// orderPayment takes capture, void and refund: 202, and an event tells the outcome. The same id again is one order. 404
// unknown payment, 409 impossible now, 422 not an order.
func (w *Wallet) orderPayment(rw http.ResponseWriter, r *http.Request, t *town, body []byte) error {
	var o order
	if json.Unmarshal(body, &o) != nil {
		return errUnreadable
	}
	switch {
	case !idShape.MatchString(o.ID):
		return invalid("id: 1 to 100 letters, digits and _ . : -")
	case !slices.Contains([]string{"capture", "void", "refund"}, o.Type):
		return invalid("type: capture, void or refund")
	case o.Amount < 0:
		return invalid("amount: above zero, or absent for everything that is left")
	case o.Reason != "" && !reasonShape.MatchString(o.Reason):
		return invalid("reason: at most 60 small letters, digits and -")
	}
	p, err := w.paymentOf(t, r.PathValue("reference"))
	if err != nil {
		return err
	}
	now := w.clock.Now()
	var done doneOrder
	if err := w.journal.decide(p, now, func() ([]fact, error) {
		facts, err := p.carryOut(o, now, w.cfg.Faults.get())
		if len(facts) > 0 {
			done = doneOrder{order: o, Done: facts[0].Amount}
		} else {
			done, _ = p.order(o.ID)
		}
		return facts, err
	}); err != nil {
		return err
	}
	writeJSON(rw, http.StatusAccepted, map[string]any{"id": o.ID, "type": o.Type, "amount": done.Done, "currency": p.Request.Currency, "reference": p.Reference})
	return nil
}

// showPayment is a payment as the books have it.
func (w *Wallet) showPayment(rw http.ResponseWriter, r *http.Request, t *town, _ []byte) error {
	p, err := w.paymentOf(t, r.PathValue("reference"))
	if err != nil {
		return err
	}
	var out map[string]any
	err = w.journal.decide(p, w.clock.Now(), func() ([]fact, error) {
		orders := []map[string]any{}
		for _, o := range p.Orders {
			state := "done"
			if o.Failed {
				state = "failed"
			}
			one := map[string]any{"id": o.ID, "type": o.Type, "amount": o.Done, "state": state}
			if o.Reason != "" {
				one["reason"] = o.Reason
			}
			orders = append(orders, one)
		}
		out = map[string]any{"reference": p.Reference, "payment": p.Request.ID, "state": p.State(), "amount": p.Request.Amount, "currency": p.Request.Currency,
			"authorized": p.Authorized, "captured": p.Captured, "voided": p.Voided, "refunded": p.Refunded, "expires_at": p.Request.ExpiresAt, "orders": orders}
		if p.Reason != "" {
			out["reason"] = p.Reason
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	writeJSON(rw, http.StatusOK, out)
	return nil
}

// statementLine is one movement of money between the wallet and a town.
type statementLine struct {
	Reference string    `json:"reference"`
	Payment   string    `json:"payment"`
	Order     string    `json:"order"`
	Type      string    `json:"type"` // capture, refund
	Amount    int64     `json:"amount"`
	Currency  string    `json:"currency"`
	At        time.Time `json:"at"`
}

// statement lists a town's money of one day, midnight to midnight UTC, as JSON lines in the order it moved.
func (w *Wallet) statement(rw http.ResponseWriter, r *http.Request, t *town, _ []byte) error {
	day, err := time.Parse(time.DateOnly, r.URL.Query().Get("day"))
	if err != nil {
		return invalid("day: YYYY-MM-DD")
	}
	origins := t.Origins
	if one := r.URL.Query().Get("town"); one != "" { // of several municipalities that share an installation
		if !slices.Contains(origins, one) {
			return invalid("town: an origin this wallet knows by the secret that signed")
		}
		origins = []string{one}
	}
	var lines []statementLine
	b := w.journal.books
	b.mu.Lock()
	for _, p := range b.list {
		if !slices.Contains(origins, p.Request.Town) {
			continue
		}
		for _, f := range p.History {
			kind := map[string]string{factCaptured: "capture", factRefunded: "refund"}[f.What]
			if kind != "" && !f.At.Before(day) && f.At.Before(day.AddDate(0, 0, 1)) {
				lines = append(lines, statementLine{p.Reference, p.Request.ID, f.Order.ID, kind, f.Amount, p.Request.Currency, f.At.UTC()})
			}
		}
	}
	b.mu.Unlock()
	slices.SortStableFunc(lines, func(a, b statementLine) int { return a.At.Compare(b.At) })
	rw.Header().Set("Content-Type", "application/jsonl")
	out := json.NewEncoder(rw)
	for _, l := range lines {
		if out.Encode(l) != nil {
			return nil // the reader is gone: nothing is left to do
		}
	}
	return nil
}

// startCouriers begins delivering. Without towns there is nothing to deliver.
func (w *Wallet) startCouriers() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	for _, t := range w.towns {
		c := &courier{w: w, town: t, wake: make(chan struct{}, 1)}
		w.couriers = append(w.couriers, c)
		w.running.Go(func() { c.run(ctx) })
	}
	w.cfg.Faults.onSet(w.rouse)
}

func (w *Wallet) rouse() {
	for _, c := range w.couriers {
		c.rouse()
	}
}

// returnURL leads back to the town with the payment's reference and nothing else.
func (p *payment) returnURL() string {
	return withQuery(p.Request.ReturnURL, url.Values{"reference": {p.Reference}})
}
