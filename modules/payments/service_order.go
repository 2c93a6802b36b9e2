package payments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// errNotYet keeps an order waiting for what has to happen first: what was ordered of a provider in one order of things may not
// reach it in another.
var errNotYet = retryAfter(10*time.Second, "payment-not-yet", "What has to happen before this has not happened yet.")

// orderEffect has a provider carry out an order. Accepted is all it learns here: what became of the money comes as an event.
// A provider that refuses for good leaves a difference for staff, and a refund that failed.
func (s *Service) orderEffect(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var t toOrder
	if err := json.Unmarshal(e.Payload, &t); err != nil {
		return nil, fmt.Errorf("payments: payload of %s: %w", e.ID, err)
	}
	p, err := s.read(ctx, e.Tenant, t.Payment)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.Orders, func(o order) bool { return o.ID == t.Order })
	if i < 0 {
		return nil, kernel.NotThere("order " + t.Order)
	}
	o := p.Orders[i]
	switch {
	case o.Kind == kernel.OrderRefund && p.lapsed():
		return func(ctx context.Context, tx *pg.Tx) error { return s.nothingToRefund(ctx, tx, t) }, nil
	case o.Kind == kernel.OrderRefund && p.CapturedAt.IsZero():
		return nil, errNotYet
	case o.Kind == kernel.OrderCapture && !p.CapturedAt.IsZero(), o.Kind == kernel.OrderVoid && !p.VoidedAt.IsZero(), !o.DoneAt.IsZero():
		return nil, nil // it has happened by itself
	}
	answer, err := s.known(ctx, e.Tenant, p)
	if err == nil {
		err = s.execute(ctx, e.Tenant, p, o, answer.Reference)
	}
	if err != nil && !errors.Is(err, errRefused) {
		return nil, err
	}
	refused, never := err != nil, answer.Reference == ""
	return func(ctx context.Context, tx *pg.Tx) error {
		if answer.Reference != "" {
			if err := setBegun(ctx, tx, p.ID, answer); err != nil {
				return err
			}
		}
		if refused {
			return s.orderRefused(ctx, tx, t, never)
		}
		return setSent(ctx, tx, o.ID, s.Clock.Now())
	}, nil
}

func (s *Service) execute(ctx context.Context, tenant kernel.TenantID, p *payment, o order, reference string) error {
	by, ok := s.provider(p.Provider)
	if !ok {
		return errAway.Wrap(fmt.Errorf("payments: provider %s is not configured any more", p.Provider))
	}
	t, err := s.tenant(tenant)
	if err != nil {
		return err
	}
	return by.Execute(ctx, instruction{Tenant: t, ID: o.ID, Payment: p.ID, Reference: reference, Kind: o.Kind, Amount: kernel.Money{Amount: o.Amount, Currency: p.Amount.Currency}, Reason: o.Reason})
}

// nothingToRefund ends a refund that was ordered while the capture was on its way, of a payment that was let go instead: the payer
// has lost nothing. When the money is taken after all, its event leaves a difference.
func (s *Service) nothingToRefund(ctx context.Context, tx *pg.Tx, t toOrder) error {
	p, err := getPayment(ctx, tx, t.Payment, true)
	if err != nil {
		return err
	}
	if !p.lapsed() {
		return errNotYet
	}
	_, err = s.believe(ctx, tx, p, event{Kind: saidRefundFailed, Payment: p.ID, Order: t.Order, At: s.Clock.Now()})
	return err
}

// orderRefused records that a provider will not do what was ordered. One that will not even know the payment (never), because its
// time is over, has let it go.
func (s *Service) orderRefused(ctx context.Context, tx *pg.Tx, t toOrder, never bool) error {
	p, err := getPayment(ctx, tx, t.Payment, true)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.Orders, func(o order) bool { return o.ID == t.Order })
	o, now := p.Orders[i], s.Clock.Now()
	if never && o.Kind == kernel.OrderVoid {
		_, err = s.believe(ctx, tx, p, event{Kind: saidVoided, Payment: p.ID, At: now})
		return err
	}
	err = insertDifference(ctx, tx, difference{Provider: p.Provider, Kind: differsOrder, Key: o.ID, Day: dayOf(now), Payment: p.ID, Reference: p.Reference,
		Ours: o.Amount, HasOurs: o.Kind != kernel.OrderVoid, Currency: p.Amount.Currency, FoundAt: now})
	if err != nil || o.Kind != kernel.OrderRefund {
		return err
	}
	_, err = s.believe(ctx, tx, p, event{Kind: saidRefundFailed, Payment: p.ID, Order: o.ID, Amount: kernel.Money{Amount: o.Amount, Currency: p.Amount.Currency}, At: now})
	return err
}
