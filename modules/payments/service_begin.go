package payments

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// beginEffect makes a payment known to its provider soon after it was opened, so that its page has somewhere to lead to.
func (s *Service) beginEffect(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
	var b toBegin
	if err := json.Unmarshal(e.Payload, &b); err != nil {
		return nil, fmt.Errorf("payments: payload of %s: %w", e.ID, err)
	}
	p, err := s.read(ctx, e.Tenant, b.Payment)
	if err != nil {
		return nil, err
	}
	answer, err := s.begin(ctx, e.Tenant, p)
	if errors.Is(err, errOver) { // nobody can pay it any more: nothing is to be done
		return nil, nil
	}
	if err != nil || p.Reference != "" {
		return nil, err
	}
	return func(ctx context.Context, tx *pg.Tx) error { return setBegun(ctx, tx, p.ID, answer) }, nil
}

// Begin makes the signed-in citizen's payment known to its provider, when it is not yet, and returns it with the address where
// it is paid. It is idempotent at the provider. Errors: NotFound, Conflict "payment-over" when it cannot be paid any more,
// Unavailable when the provider does not answer.
func (s *Service) Begin(ctx context.Context, id kernel.PaymentID) (kernel.Payment, error) {
	tenant := kernel.TenantOf(ctx).ID
	p, err := s.mine(ctx, id)
	if err != nil {
		return kernel.Payment{}, err
	}
	answer, err := s.begin(ctx, tenant, p)
	if err != nil {
		return kernel.Payment{}, err
	}
	return pg.Once(ctx, s.DB, tenant, func(tx *pg.Tx) (kernel.Payment, error) {
		if err := setBegun(ctx, tx, id, answer); err != nil {
			return kernel.Payment{}, err
		}
		now, err := getPayment(ctx, tx, id, false)
		if err != nil {
			return kernel.Payment{}, err
		}
		return now.public(), nil
	})
}

// begin calls the provider for a payment that it does not know yet. errOver when it cannot be paid any more.
func (s *Service) begin(ctx context.Context, tenant kernel.TenantID, p *payment) (begun, error) {
	if !p.public().Payable() || p.ordered(kernel.OrderVoid) != nil || !p.Until.After(s.Clock.Now()) {
		return begun{}, errOver
	}
	return s.known(ctx, tenant, p)
}

// known is what the provider calls the payment: as we have it, or as it says when asked to make it.
func (s *Service) known(ctx context.Context, tenant kernel.TenantID, p *payment) (begun, error) {
	if p.Reference != "" {
		return begun{p.Reference, p.PayURL}, nil
	}
	by, ok := s.provider(p.Provider)
	if !ok {
		return begun{}, errAway.Wrap(fmt.Errorf("payments: provider %s is not configured any more", p.Provider))
	}
	n, err := s.beginning(ctx, tenant, p)
	if err != nil {
		return begun{}, err
	}
	return by.Begin(ctx, n)
}

func (s *Service) beginning(ctx context.Context, id kernel.TenantID, p *payment) (beginning, error) {
	tenant, err := s.tenant(id)
	if err != nil {
		return beginning{}, err
	}
	var person kernel.Person
	err = s.DB.Read(ctx, id, func(tx *pg.Tx) (err error) {
		person, err = s.People.Person(ctx, tx, p.Person, "")
		return err
	})
	if err != nil {
		return beginning{}, fmt.Errorf("payments: person of %s: %w", p.ID, err)
	}
	n := beginning{
		Tenant: tenant, ID: p.ID, Title: p.Title, Amount: p.Amount, Subject: person.Subject, Until: p.Until, Locale: cmp.Or(p.Locale, person.Locale),
		Return: tenant.Origin + p.Return, Events: tenant.Origin + prefix + "/events/" + p.Provider,
	}
	for _, l := range p.Lines {
		n.Lines = append(n.Lines, payable{Name: l.Name, Title: l.Title, Payee: s.payeeName(tenant, l.Payee), Amount: l.Amount.Amount})
	}
	return n, nil
}

// read returns a payment for the system.
func (s *Service) read(ctx context.Context, tenant kernel.TenantID, id kernel.PaymentID) (*payment, error) {
	var p *payment
	err := s.DB.Read(ctx, tenant, func(tx *pg.Tx) (err error) {
		p, err = getPayment(ctx, tx, id, false)
		return err
	})
	return p, err
}

// mine returns one payment of the signed-in citizen; anybody else's is not there.
func (s *Service) mine(ctx context.Context, id kernel.PaymentID) (*payment, error) {
	p, err := s.read(ctx, kernel.TenantOf(ctx).ID, id)
	if err != nil {
		return nil, err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person != p.Person {
		return nil, kernel.NotThere("payment " + string(id))
	}
	return p, nil
}

// Mine lists the signed-in citizen's payments, newest first; before names the last one of the page before.
func (s *Service) Mine(ctx context.Context, before kernel.PaymentID, limit int) ([]kernel.Payment, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen || before != "" && !kernel.ValidID(string(before)) {
		return nil, kernel.NotThere("payments")
	}
	var all []*payment
	err := s.DB.Read(ctx, who.Tenant, func(tx *pg.Tx) (err error) {
		all, err = readPayments(ctx, tx, which{Person: who.Person, Newest: true, Before: before, Limit: limit})
		return err
	})
	out := make([]kernel.Payment, len(all))
	for i, p := range all {
		out[i] = p.public()
	}
	return out, err
}
