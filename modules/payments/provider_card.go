package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"townhall/modules/kernel"
	"townhall/modules/kernel/outside"
)

// Card is a company that takes cards: Stripe. The citizen is sent to its page and types the card number there; none ever reaches
// us.
type Card struct {
	Name          string // stands in the address of its events
	APIKey        string
	EventSecrets  []string // "whsec_…" of the webhook endpoint; several while they are changed
	URL           string   // of its API; empty: the company's own
	AllowLoopback bool     // as in Wallet
}

// card is the company's Checkout, with the money held first and taken later ("manual capture").
type card struct {
	name    string
	api     *stripe.Client
	secrets []string
}

func newCard(c Card, r *net.Resolver) (*card, error) {
	if c.APIKey == "" || len(c.EventSecrets) == 0 {
		return nil, errors.New("payments: card: needs an API key and at least one event secret")
	}
	client := outside.Client(c.AllowLoopback, r)
	client.Transport = straight{client.Transport}
	backend := &stripe.BackendConfig{
		HTTPClient: client, MaxNetworkRetries: stripe.Int64(0), EnableTelemetry: stripe.Bool(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, // it would log what people pay for
	}
	if c.URL != "" {
		backend.URL = stripe.String(c.URL)
	}
	return &card{name: c.Name, api: stripe.NewClient(c.APIKey, stripe.WithBackends(stripe.NewBackendsWithConfig(backend))), secrets: c.EventSecrets}, nil
}

// straight makes a redirect an error: the library takes one for success.
type straight struct{ http.RoundTripper }

func (s straight) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.RoundTripper.RoundTrip(r)
	if err == nil && res.StatusCode >= 300 && res.StatusCode < 400 {
		res.Body.Close()
		return nil, errors.New("redirected")
	}
	return res, err
}

func (c *card) Name() string { return c.name }

// Begin makes a Checkout Session. It gets no end of its own, because the company allows none within half an hour: what comes
// too late is for the module that opened the payment to let go.
func (c *card) Begin(ctx context.Context, n beginning) (begun, error) {
	about := map[string]string{"payment": string(n.ID), "town": n.Tenant.Origin}
	p := &stripe.CheckoutSessionCreateParams{
		Mode: stripe.String(string(stripe.CheckoutSessionModePayment)), ClientReferenceID: stripe.String(string(n.ID)), Metadata: about,
		SuccessURL: stripe.String(n.Return), CancelURL: stripe.String(n.Return), Locale: stripe.String(n.Locale),
		PaymentIntentData: &stripe.CheckoutSessionCreatePaymentIntentDataParams{CaptureMethod: stripe.String("manual"), Metadata: about, Description: stripe.String(n.Title.In(n.Locale))},
	}
	for _, l := range n.Lines {
		p.LineItems = append(p.LineItems, &stripe.CheckoutSessionCreateLineItemParams{Quantity: stripe.Int64(1), PriceData: &stripe.CheckoutSessionCreateLineItemPriceDataParams{
			Currency: stripe.String(strings.ToLower(n.Amount.Currency)), UnitAmount: stripe.Int64(l.Amount),
			ProductData: &stripe.CheckoutSessionCreateLineItemPriceDataProductDataParams{Name: stripe.String(l.Title.In(n.Locale)), Description: stripe.String(l.Payee.In(n.Locale))},
		}})
	}
	p.SetIdempotencyKey(string(n.ID))
	session, err := c.api.V1CheckoutSessions.Create(ctx, p)
	if err != nil {
		return begun{}, c.failed("begin", err)
	}
	if session.ID == "" || !strings.HasPrefix(session.URL, "https://") {
		return begun{}, errAway.Wrap(fmt.Errorf("payments: %s began %s with an answer that cannot be used", c.name, n.ID))
	}
	return begun{Reference: session.ID, URL: session.URL}, nil
}

func (c *card) Execute(ctx context.Context, o instruction) error {
	session, err := c.api.V1CheckoutSessions.Retrieve(ctx, o.Reference, nil)
	if err != nil {
		return c.failed("look up", err)
	}
	intent := ""
	if session.PaymentIntent != nil {
		intent = session.PaymentIntent.ID
	}
	switch {
	case o.Kind == kernel.OrderVoid && (intent == "" || session.Status == stripe.CheckoutSessionStatusOpen): // nobody has paid
		p := &stripe.CheckoutSessionExpireParams{}
		p.SetIdempotencyKey(o.ID)
		_, err = c.api.V1CheckoutSessions.Expire(ctx, o.Reference, p)
	case intent == "":
		return errRefused.Wrap(fmt.Errorf("payments: %s: nobody has paid %s", c.name, o.Payment))
	case o.Kind == kernel.OrderVoid:
		p := &stripe.PaymentIntentCancelParams{}
		p.SetIdempotencyKey(o.ID)
		if _, err = c.api.V1PaymentIntents.Cancel(ctx, intent, p); canceled(err) {
			return nil
		}
	case o.Kind == kernel.OrderCapture:
		p := &stripe.PaymentIntentCaptureParams{AmountToCapture: stripe.Int64(o.Amount.Amount)}
		p.SetIdempotencyKey(o.ID)
		_, err = c.api.V1PaymentIntents.Capture(ctx, intent, p)
	default:
		p := &stripe.RefundCreateParams{PaymentIntent: stripe.String(intent), Amount: stripe.Int64(o.Amount.Amount),
			Metadata: map[string]string{"payment": string(o.Payment), "order": o.ID, "town": o.Tenant.Origin}}
		p.SetIdempotencyKey(o.ID)
		_, err = c.api.V1Refunds.Create(ctx, p)
	}
	if err != nil {
		return c.failed(o.Kind, err)
	}
	return nil
}

// canceled reports whether the company will not let a payment go because it has: its error holds the payment as it is.
func canceled(err error) bool {
	var e *stripe.Error
	return errors.As(err, &e) && e.PaymentIntent != nil && e.PaymentIntent.Status == stripe.PaymentIntentStatusCanceled
}

// failed tells a refusal for good (the request is understood and not possible) from everything that may go away: a fault of the
// network or of theirs, a limit, a key that is being changed. The company's words stay out of our log.
func (c *card) failed(what string, err error) error {
	var e *stripe.Error
	if !errors.As(err, &e) {
		return errAway.Wrap(fmt.Errorf("payments: %s: %s: %w", c.name, what, outside.WithoutAddress(err)))
	}
	cause := fmt.Errorf("payments: %s: %s: status %d %s", c.name, what, e.HTTPStatusCode, e.Code)
	if e.HTTPStatusCode == http.StatusBadRequest || e.HTTPStatusCode == http.StatusPaymentRequired {
		return errRefused.Wrap(cause)
	}
	return errAway.Wrap(cause)
}

// object is what we read of the objects in events.
type object struct {
	Amount           int64             `json:"amount"`
	AmountCapturable int64             `json:"amount_capturable"`
	AmountReceived   int64             `json:"amount_received"`
	AmountTotal      int64             `json:"amount_total"`
	Currency         string            `json:"currency"`
	Status           string            `json:"status"`
	Cancellation     string            `json:"cancellation_reason"`
	Metadata         map[string]string `json:"metadata"`
	LastPaymentError *struct {
		Code string `json:"code"`
	} `json:"last_payment_error"`
}

func (c *card) Read(h http.Header, body []byte) (event, error) {
	var m stripe.Event
	err := webhook.ErrNoValidSignature
	for _, secret := range c.secrets {
		// The account's version of the API may be newer than the library's; what we read is the same in both.
		if m, err = webhook.ConstructEventWithOptions(body, h.Get("Stripe-Signature"), secret, webhook.ConstructEventOptions{IgnoreAPIVersionMismatch: true}); err == nil {
			break
		}
	}
	if err != nil {
		if webhook.ValidatePayload(body, h.Get("Stripe-Signature"), c.secrets[len(c.secrets)-1]) == nil {
			return event{}, errMessage.Wrap(fmt.Errorf("payments: event of %s cannot be read", c.name))
		}
		return event{}, errSignature.Wrap(fmt.Errorf("payments: event of %s is not signed by it", c.name))
	}
	var o object
	if m.Data == nil || json.Unmarshal(m.Data.Raw, &o) != nil {
		return event{}, errMessage.Wrap(fmt.Errorf("payments: event of %s cannot be read", c.name))
	}
	e := event{ID: m.ID, Payment: kernel.PaymentID(o.Metadata["payment"]), Town: o.Metadata["town"], At: time.Unix(m.Created, 0).UTC()}
	e.Kind, e.Amount.Amount = saidBy(m.Type, o)
	if e.Kind == "" || e.Payment == "" { // nothing that concerns us, or a payment that is not ours
		return event{ID: m.ID}, nil
	}
	e.Amount.Currency = strings.ToUpper(o.Currency)
	if e.Kind == saidFailed {
		e.Reason = "other"
		if o.LastPaymentError != nil && o.LastPaymentError.Code == "card_declined" {
			e.Reason = "declined"
		}
	}
	// The company lets go by itself what has been held as long as it holds any.
	if e.Kind == saidVoided && (o.Cancellation == string(stripe.PaymentIntentCancellationReasonAutomatic) || o.Cancellation == string(stripe.PaymentIntentCancellationReasonExpired)) {
		e.Reason = kernel.ReleaseExpired
	}
	if e.Kind == saidRefunded || e.Kind == saidRefundFailed {
		e.Order = o.Metadata["order"]
	}
	if !kernel.ValidID(string(e.Payment)) || e.ID == "" || len(e.ID) > 255 || !e.Amount.Valid() || e.Amount.Amount < 0 {
		return event{}, errMessage.Wrap(fmt.Errorf("payments: event of %s lacks something", c.name))
	}
	return e, nil
}

// saidBy is what an event of the company means, and the amount it is about.
func saidBy(kind stripe.EventType, o object) (string, int64) {
	switch kind {
	case stripe.EventTypePaymentIntentAmountCapturableUpdated:
		return saidAuthorized, o.AmountCapturable
	case stripe.EventTypePaymentIntentPaymentFailed:
		return saidFailed, o.Amount
	case stripe.EventTypePaymentIntentSucceeded:
		return saidCaptured, o.AmountReceived
	case stripe.EventTypePaymentIntentCanceled:
		return saidVoided, o.Amount
	case stripe.EventTypeCheckoutSessionExpired:
		return saidVoided, o.AmountTotal
	case stripe.EventTypeRefundCreated, stripe.EventTypeRefundUpdated, stripe.EventTypeRefundFailed:
		switch o.Status {
		case "succeeded":
			return saidRefunded, o.Amount
		case "failed", "canceled":
			return saidRefundFailed, o.Amount
		}
	}
	return "", 0
}
