package payments

import (
	"context"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The module's own effects.
const (
	eventBegin = "payment.begin" // toBegin
	eventOrder = "payment.order" // toOrder
)

type toBegin struct {
	Payment kernel.PaymentID `json:"payment"`
}

type toOrder struct {
	Payment kernel.PaymentID `json:"payment"`
	Order   string           `json:"order"`
}

// Open makes a payment; see kernel.Payments.
func (s *Service) Open(ctx context.Context, tx kernel.Tx, n kernel.NewPayment) (kernel.Payment, error) {
	sum, err := checkLines(n.Lines)
	if err != nil {
		return kernel.Payment{}, err
	}
	person, err := s.People.Person(ctx, tx, n.Person, "")
	if err != nil {
		return kernel.Payment{}, fmt.Errorf("payments: person of a payment of case %s: %w", n.Case, err)
	}
	by := s.byIssuer[person.Issuer]
	if by == nil {
		by = s.card
	}
	if by == nil {
		return kernel.Payment{}, errNoWay
	}
	tenant, err := s.tenant(tx.TenantID())
	if err != nil {
		return kernel.Payment{}, err
	}
	now := s.Clock.Now()
	p := &payment{ID: n.ID, Case: n.Case, Person: n.Person, Provider: by.Name(), Title: n.Title, Amount: sum, Until: n.Until.UTC().Truncate(time.Microsecond), Return: n.Return, Locale: n.Locale, CreatedAt: now}
	if p.ID == "" {
		p.ID = kernel.PaymentID(kernel.NewID())
	}
	p.Number = kernel.NewNumber("PA", now.In(tenant.Location()))
	for _, l := range n.Lines {
		p.Lines = append(p.Lines, line{PaymentLine: l, Taken: untold})
	}
	fresh, err := insertPayment(ctx, tx, p)
	if err != nil {
		return kernel.Payment{}, err
	}
	if !fresh {
		if p, err = getPayment(ctx, tx, p.ID, false); err != nil {
			return kernel.Payment{}, err
		}
		if p.Case != n.Case { // an id that was drawn for something else
			return kernel.Payment{}, errNotPossible
		}
		return p.public(), nil
	}
	err = pg.Emit(ctx, tx, kernel.Event{Name: eventBegin, Key: string(p.ID), Case: p.Case, Payload: toBegin{p.ID}})
	return p.public(), err
}

// Order has something done with a payment; see kernel.Payments.
func (s *Service) Order(ctx context.Context, tx kernel.Tx, o kernel.PaymentOrder) (kernel.Payment, error) {
	p, err := getPayment(ctx, tx, o.Payment, true)
	if err != nil {
		return kernel.Payment{}, err
	}
	made, fresh, err := p.order(kernel.NewID(), o, s.Clock.Now())
	if err != nil {
		return kernel.Payment{}, err
	}
	if !fresh {
		return p.public(), nil
	}
	if err := insertOrder(ctx, tx, p, made); err != nil {
		return kernel.Payment{}, err
	}
	if err := saveLines(ctx, tx, p); err != nil {
		return kernel.Payment{}, err
	}
	if err := s.bookWhatIsNew(ctx, tx, p); err != nil {
		return kernel.Payment{}, err
	}
	err = pg.Emit(ctx, tx, kernel.Event{Name: eventOrder, Key: made.ID, Case: p.Case, Payload: toOrder{p.ID, made.ID}})
	return p.public(), err
}

// Payments returns the payments of a case; see kernel.Payments.
func (s *Service) Payments(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]kernel.Payment, error) {
	if !kernel.ValidID(string(c)) {
		return nil, nil
	}
	all, err := readPayments(ctx, tx, which{Case: c})
	if err != nil {
		return nil, err
	}
	out := make([]kernel.Payment, len(all))
	for i, p := range all {
		out[i] = p.public()
	}
	return out, nil
}

// bookWhatIsNew writes the transfers that the facts ask for and the ledger lacks.
func (s *Service) bookWhatIsNew(ctx context.Context, tx kernel.Tx, p *payment) error {
	b, err := bookedOf(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	return book(ctx, tx, p.ID, p.bookings(b))
}

func (s *Service) tenant(id kernel.TenantID) (kernel.Tenant, error) {
	for _, t := range s.Directory.Tenants() {
		if t.ID == id {
			return t, nil
		}
	}
	return kernel.Tenant{}, fmt.Errorf("payments: no municipality %q", id)
}
