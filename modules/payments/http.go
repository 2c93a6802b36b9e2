package payments

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/web"
)

const prefix = "/payments/v1"

func (s *Service) contract() web.Contract {
	return web.Contract{
		Name: Name, Prefix: prefix, Title: "Townhall payments API",
		Description: "What citizens are asked to pay, and what became of it. A payment is opened by a service; it is paid at the citizen's host wallet or by card, never here: no card number passes through this API.",
		Tags: map[string]string{
			"Payments": "The signed-in citizen's own payments.",
			"Events":   "What providers of payments tell the municipality.",
		},
		Register: s.register,
	}
}

var ownPayments = web.Policy{Kinds: []kernel.PrincipalKind{kernel.Citizen}, Relation: "own"}

func (s *Service) register(api *web.API) {
	web.Register(api, web.Op{ID: "list-payments", Method: http.MethodGet, Path: "/payments", Tags: []string{"Payments"}, Policy: ownPayments,
		Summary: "List the citizen's payments", Returns: "One page of payments.", Description: "Newest first."}, s.listPayments)
	web.Register(api, web.Op{ID: "get-payment", Method: http.MethodGet, Path: "/payments/{id}", Tags: []string{"Payments"}, Policy: ownPayments,
		Summary: "Read one payment", Returns: "The payment.", Description: "Its lines with who gets them, what has been taken, and what has been given back."}, s.getPayment)
	web.Register(api, web.Op{ID: "begin-payment", Method: http.MethodPost, Path: "/payments/{id}/begin", Tags: []string{"Payments"}, Policy: ownPayments, Idempotent: true,
		Summary: "Get the address where a payment is paid", Returns: "The payment, with `pay_url`.", Example: map[string]any{"state": "open", "authorized": 0, "captured": 0, "refunded": 0, "refunds": []any{}, "pay_url": "https://wallet.example/pay/k3v9m2x7c4b8"},
		Description: "Makes the payment known to the provider when it is not yet; also after an attempt that failed. Send the citizen's browser to `pay_url`; it comes back to the service. 409 `payment-over` when it cannot be paid any more, 503 `provider-away` when the provider does not answer."}, s.beginPayment)
	s.registerEvents(api)
}

// PaymentInput names a payment.
type PaymentInput struct {
	ID string `path:"id" maxLength:"36" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"The payment's id."`
}

// PaymentsInput asks for a page of payments.
type PaymentsInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many at most."`
	Cursor string `query:"cursor" maxLength:"36" pattern:"^([0-9a-f-]{36})?$" doc:"The next_cursor of the page before."`
}

// PaymentsOutput is one page of payments.
type PaymentsOutput struct {
	Body struct {
		Payments   []PaymentDetail `json:"payments" maxItems:"100" doc:"The payments of this page."`
		NextCursor string          `json:"next_cursor,omitempty" doc:"Send it as cursor to read on; absent on the last page."`
	}
}

// PaymentOutput is one payment.
type PaymentOutput struct{ Body PaymentDetail }

// PaymentDetail is one payment. Amounts are minor units of its currency.
type PaymentDetail struct {
	ID         string          `json:"id" format:"uuid" doc:"The payment's id."`
	Number     string          `json:"number" example:"PA-2026-7K4M-93Q2" doc:"The reference people quote."`
	Case       string          `json:"case" format:"uuid" doc:"The case it belongs to."`
	State      string          `json:"state" enum:"open,failed,authorized,voided,captured,refunded" example:"captured" doc:"open: nobody has paid. failed: an attempt failed, it can still be paid. authorized: the money is held. voided: let go, nothing was taken. captured: taken. refunded: all of it given back."`
	Title      string          `json:"title" example:"Coach ticket, Northwick to Eastmere" doc:"In the language asked for."`
	Amount     int64           `json:"amount" minimum:"1" example:"1250" doc:"What is to be paid, in minor units."`
	Currency   string          `json:"currency" pattern:"^[A-Z]{3}$" example:"EUR" doc:"ISO 4217."`
	Authorized int64           `json:"authorized" minimum:"0" example:"1250" doc:"What was authorised."`
	Captured   int64           `json:"captured" minimum:"0" example:"1250" doc:"What was taken."`
	Refunded   int64           `json:"refunded" minimum:"0" example:"500" doc:"What was given back."`
	Lines      []PaymentPart   `json:"lines" maxItems:"100" doc:"What it is for."`
	Refunds    []PaymentRefund `json:"refunds" maxItems:"100" doc:"What was ordered back, oldest first."`
	PayURL     string          `json:"pay_url,omitempty" format:"uri" doc:"Where it is paid; absent when it cannot be, or not yet: begin it."`
	CreatedAt  time.Time       `json:"created_at" example:"2026-11-30T09:40:00Z" doc:"When it was asked for."`
	PayUntil   time.Time       `json:"pay_until" example:"2026-11-30T09:50:00Z" doc:"Until when it can be paid."`
}

// PaymentPart is one line of a payment.
type PaymentPart struct {
	Name      string `json:"name" example:"fare" doc:"Stable name."`
	Title     string `json:"title" example:"Fare" doc:"In the language asked for."`
	Payee     string `json:"payee" example:"coast-coaches" doc:"The agency that gets it."`
	PayeeName string `json:"payee_name" example:"Coast Coaches" doc:"In the language asked for."`
	Amount    int64  `json:"amount" minimum:"1" example:"1250" doc:"Minor units."`
}

// PaymentRefund is money ordered back.
type PaymentRefund struct {
	State     string     `json:"state" enum:"ordered,done,failed" example:"done" doc:"Whether the money went back."`
	Reason    string     `json:"reason" example:"cancelled" doc:"Why, as a stable name."`
	Amount    int64      `json:"amount" minimum:"1" example:"500" doc:"Minor units."`
	OrderedAt time.Time  `json:"ordered_at" example:"2026-11-30T10:00:00Z" doc:"When it was ordered."`
	EndedAt   *time.Time `json:"ended_at,omitempty" example:"2026-11-30T10:00:03Z" doc:"When it went back or failed; absent while ordered."`
}

// BeginInput begins a payment.
type BeginInput struct {
	PaymentInput
	web.IdempotencyInput
}

func (s *Service) listPayments(ctx context.Context, in *PaymentsInput) (*PaymentsOutput, error) {
	all, err := s.Mine(ctx, kernel.PaymentID(in.Cursor), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &PaymentsOutput{}
	out.Body.Payments = []PaymentDetail{}
	for _, p := range all {
		out.Body.Payments = append(out.Body.Payments, s.described(ctx, p))
	}
	if len(all) > 0 && len(all) == in.Limit {
		out.Body.NextCursor = string(all[len(all)-1].ID)
	}
	return out, nil
}

func (s *Service) getPayment(ctx context.Context, in *PaymentInput) (*PaymentOutput, error) {
	p, err := s.mine(ctx, kernel.PaymentID(in.ID))
	if err != nil {
		return nil, err
	}
	return &PaymentOutput{s.described(ctx, p.public())}, nil
}

func (s *Service) beginPayment(ctx context.Context, in *BeginInput) (*PaymentOutput, error) {
	p, err := s.Begin(ctx, kernel.PaymentID(in.ID))
	if err != nil {
		return nil, err
	}
	return &PaymentOutput{s.described(ctx, p)}, nil
}

func (s *Service) described(ctx context.Context, p kernel.Payment) PaymentDetail {
	locale := kernel.LocaleOf(ctx)
	out := PaymentDetail{
		ID: string(p.ID), Number: p.Reference, Case: string(p.Case), State: p.State, Title: p.Title.In(locale), Amount: p.Amount.Amount, Currency: p.Amount.Currency,
		Authorized: p.Authorized.Amount, Captured: p.Captured.Amount, Refunded: p.Refunded.Amount, PayURL: p.PayURL, CreatedAt: p.CreatedAt, PayUntil: p.Until,
		Lines: []PaymentPart{}, Refunds: []PaymentRefund{},
	}
	for _, l := range p.Lines {
		out.Lines = append(out.Lines, PaymentPart{Name: l.Name, Title: l.Title.In(locale), Payee: string(l.Payee), PayeeName: s.payeeName(kernel.TenantOf(ctx), l.Payee).In(locale), Amount: l.Amount.Amount})
	}
	for _, r := range p.Refunds {
		one := PaymentRefund{State: r.State, Reason: r.Reason, Amount: r.Amount.Amount, OrderedAt: r.OrderedAt}
		if !r.EndedAt.IsZero() {
			one.EndedAt = &r.EndedAt
		}
		out.Refunds = append(out.Refunds, one)
	}
	return out
}

// payeeName is what an agency is called; the town's own name when the settings do not know it any more.
func (s *Service) payeeName(t kernel.Tenant, a kernel.AgencyID) kernel.Text {
	if agency, ok := s.Directory.Agency(t.ID, a); ok {
		return agency.Name
	}
	return t.Name
}
