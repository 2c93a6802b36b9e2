package payments

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

// anyProvider: a provider has no token, the signature of its message is what counts.
var anyProvider = web.Policy{Kinds: web.Public.Kinds, Relation: "none"}

// registerEvents adds what providers call.
func (s *Service) registerEvents(api *web.API) {
	web.Register(api, web.Op{ID: "take-payment-event", Method: http.MethodPost, Path: "/events/{provider}", Tags: []string{"Events"}, Policy: anyProvider,
		MaxBody: 64 << 10, Errors: []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, AlsoTakes: eventForm(),
		Summary: "Tell what happened to a payment", Returns: "The event has been taken, now or before.",
		Description: "For providers of payments. Host wallets sign by the Standard Webhooks specification with the secret agreed for this direction; card providers sign in their own way. Retry until the answer is 2xx: the same event may come again, and events in any order. 401 `bad-signature` when the signature is wrong or older than five minutes, 404 for an unknown provider or payment, 422 `event-differs` when amount or currency are not those agreed."}, s.takeEvent)
}

// eventForm is the body as wallets send it. It is described and not checked here: nothing is read before the signature is.
func eventForm() map[string]*huma.MediaType {
	text := func(doc, example string) *huma.Schema {
		return &huma.Schema{Type: "string", Description: doc, Examples: []any{example}}
	}
	kinds := make([]any, len(sayings))
	for i, k := range sayings {
		kinds[i] = k
	}
	moment := text("When it happened.", "2026-11-30T09:41:07Z")
	moment.Format = "date-time"
	return map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: "object", Required: []string{"type", "timestamp", "data"}, Properties: map[string]*huma.Schema{
		"type":      {Type: "string", Enum: kinds, Description: "What happened.", Examples: []any{saidAuthorized}},
		"timestamp": moment,
		"data": {Type: "object", Description: "To which payment.", Required: []string{"payment", "amount", "currency"}, Properties: map[string]*huma.Schema{
			"payment":   text("Our id of the payment.", "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"),
			"reference": text("The wallet's name for it.", "WP-7K4M93Q2"),
			"order":     text("The order this follows from; absent when there was none.", "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12"),
			"amount":    {Type: "integer", Format: "int64", Description: "Minor units.", Examples: []any{1250}},
			"currency":  text("ISO 4217.", "EUR"),
			"reason":    text("Of a failure: declined, cancelled, expired.", "declined"),
		}},
	}}}}
}

// EventInput is a provider's message as it came. Its body is read when its signature has been found right, not before.
type EventInput struct {
	Provider  string `path:"provider" maxLength:"60" example:"wallet" doc:"The provider's name, as agreed."`
	ID        string `header:"Webhook-Id" maxLength:"255" example:"msg_2KWPBgLlAfxdpx2AI54pPJ85f4W" doc:"The event's id: a retry carries the same one."`
	Timestamp string `header:"Webhook-Timestamp" maxLength:"20" example:"1764495600" doc:"Seconds since 1970 of this attempt."`
	Signature string `header:"Webhook-Signature" maxLength:"2000" example:"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" doc:"One or more signatures, by Standard Webhooks."`
	Card      string `header:"Stripe-Signature" maxLength:"2000" doc:"The signature of a card provider, in its own form."`
	RawBody   []byte `contentType:"application/octet-stream" doc:"The event as it came."`
}

func (i *EventInput) header() http.Header {
	h := http.Header{}
	for name, value := range map[string]string{"webhook-id": i.ID, "webhook-timestamp": i.Timestamp, "webhook-signature": i.Signature, "stripe-signature": i.Card} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

// EventOutput says that an event was taken.
type EventOutput struct {
	Body struct {
		Taken bool `json:"taken" example:"true" doc:"Always true."`
	}
}

func (s *Service) takeEvent(ctx context.Context, in *EventInput) (*EventOutput, error) {
	if err := s.Take(ctx, kernel.TenantOf(ctx).ID, in.Provider, in.header(), in.RawBody); err != nil {
		return nil, err
	}
	out := &EventOutput{}
	out.Body.Taken = true
	return out, nil
}
