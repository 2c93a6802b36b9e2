package payments

import (
	"context"
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Take takes one message of a provider: who sent it is checked before anything else. Everything that follows from it is one
// transaction; the same message again changes nothing and gets the same answer. Errors: NotFound for an unknown provider or
// payment, Unauthenticated "bad-signature", Malformed, Invalid "event-differs" when it tells of another amount or currency
// than ours, which is kept for staff to look at.
func (s *Service) Take(ctx context.Context, tenant kernel.TenantID, name string, h http.Header, body []byte) error {
	by, ok := s.provider(name)
	if !ok {
		return kernel.NotThere("provider")
	}
	e, err := by.Read(h, body)
	if err != nil || e.Kind == "" {
		return err
	}
	if e.Town != "" {
		t, err := s.tenant(tenant)
		if err != nil || t.Origin != e.Town { // one account of a card company may serve several, and tells each of them everything
			return err
		}
	}
	refused := ""
	err = s.DB.InTx(ctx, tenant, func(tx *pg.Tx) (err error) {
		refused, err = s.take(ctx, tx, name, e)
		return err
	})
	if err == nil && refused != "" {
		return errDiffers
	}
	return err
}

var errDiffers = kernel.NewError(kernel.Invalid, "event-differs", "This is not the amount or the currency that was agreed.")

// take is Take inside its transaction. The payment's row is locked first, so that messages about one payment follow each other.
func (s *Service) take(ctx context.Context, tx *pg.Tx, name string, e event) (refused string, err error) {
	p, err := getPayment(ctx, tx, e.Payment, true)
	if err != nil {
		return "", err
	}
	if p.Provider != name || e.Reference != "" && p.Reference != "" && e.Reference != p.Reference {
		return "", kernel.NotThere("payment " + string(e.Payment))
	}
	if refused, known, err := heard(ctx, tx, name, e.ID); err != nil || known {
		return refused, err
	}
	refused, err = s.believe(ctx, tx, p, e)
	if err != nil {
		return "", err
	}
	fresh, err := insertEvent(ctx, tx, name, e, refused, s.Clock.Now())
	if err == nil && !fresh { // the id was used for another payment meanwhile
		err = kernel.ErrChanged
	}
	return refused, err
}

// believe adds an event to a payment whose row is locked: the facts, the ledger, the differences, and payment.changed for what
// was not known before.
func (s *Service) believe(ctx context.Context, tx *pg.Tx, p *payment, e event) (refused string, err error) {
	l := p.learn(e)
	now := s.Clock.Now()
	if l.Refused != "" {
		return l.Refused, insertDifference(ctx, tx, difference{Provider: p.Provider, Kind: l.Refused, Key: e.ID, Day: dayOf(now), Payment: p.ID, Reference: p.Reference,
			Ours: l.Ours, HasOurs: l.Refused != missingHere, Theirs: e.Amount.Amount, HasTheirs: true, Currency: e.Amount.Currency, FoundAt: now})
	}
	if err := saveFacts(ctx, tx, p); err != nil {
		return "", err
	}
	if err := s.bookWhatIsNew(ctx, tx, p); err != nil {
		return "", err
	}
	if l.Doubt {
		if err := insertDifference(ctx, tx, difference{Provider: p.Provider, Kind: differsContradiction, Key: l.Subject, Day: dayOf(now), Payment: p.ID, Reference: p.Reference,
			Theirs: e.Amount.Amount, HasTheirs: true, Currency: p.Amount.Currency, FoundAt: now}); err != nil {
			return "", err
		}
	}
	if l.Change == "" {
		return "", nil
	}
	key := string(p.ID) + "/" + l.Change
	if l.Subject != string(p.ID) {
		key += "/" + l.Subject
	}
	return "", pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventPaymentChanged, Key: key, Case: p.Case, Payload: kernel.PaymentChanged{
		Payment: p.ID, Case: p.Case, Person: p.Person, State: p.state(), Change: l.Change,
	}})
}

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }
