package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// payWithin is how long a fee can be paid when the state that waits for it has no date of its own.
const payWithin = 7 * 24 * time.Hour

// money does what a step says about the service's fee, in the step's transaction: what is ordered here is carried out at the
// provider by effects of payments.
func (s *Service) money(ctx context.Context, tx kernel.Tx, def *workflows.Definition, st step, out workflows.Outcome) error {
	for _, what := range out.Money {
		var err error
		switch what {
		case workflows.MoneyCharge:
			err = s.charge(ctx, tx, def, st)
		case workflows.MoneyCapture:
			err = s.order(ctx, tx, st.ID, kernel.OrderCapture, "", kernel.PaymentAuthorized)
		case workflows.MoneyRefund:
			err = s.giveBack(ctx, tx, st.ID, st.event.Action)
		}
		if err != nil {
			return fmt.Errorf("%s of case %s: %w", what, st.ID, err)
		}
	}
	return nil
}

// charge asks the applicant to pay the fee.
func (s *Service) charge(ctx context.Context, tx kernel.Tx, def *workflows.Definition, st step) error {
	until := st.DueAt
	if until.IsZero() {
		until = st.event.At.Add(payWithin)
	}
	title := def.TextAll("title")
	_, err := s.Payments.Open(ctx, tx, kernel.NewPayment{
		Case: st.ID, Person: st.Applicant, Title: title, Until: until, Return: "/cases/" + string(st.ID), Locale: st.Locale,
		Lines: []kernel.PaymentLine{{Name: workflows.TheFee, Payee: st.Agency, Title: title, Amount: kernel.Money{Amount: def.Fee, Currency: s.tenant(tx).Currency()}}},
	})
	return err
}

// giveBack returns what was paid for a case, and ends what has not been paid yet.
func (s *Service) giveBack(ctx context.Context, tx kernel.Tx, c kernel.CaseID, reason string) error {
	return s.order(ctx, tx, c, kernel.OrderReturn, reason, kernel.PaymentOpen, kernel.PaymentFailed, kernel.PaymentAuthorized, kernel.PaymentCaptured)
}

// order gives one order about every payment of a case that is in one of the states.
func (s *Service) order(ctx context.Context, tx kernel.Tx, c kernel.CaseID, kind, reason string, states ...string) error {
	all, err := s.Payments.Payments(ctx, tx, c)
	if err != nil {
		return err
	}
	for _, p := range all {
		if !slices.Contains(states, p.State) {
			continue
		}
		if _, err := s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: p.ID, Key: kind, Kind: kind, Reason: reason}); err != nil {
			return err
		}
	}
	return nil
}

// paymentChanged goes on with a case whose fee has been paid. Money that nothing waits for any more, because the case has
// lapsed, was taken back or has been paid already, is returned, and the citizen is told.
func (s *Service) paymentChanged(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.PaymentChanged
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, fmt.Errorf("payment payload: %w", err)
	}
	if p.Change != kernel.ChangeAuthorized {
		return nil, nil
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		ctx = kernel.WithPrincipal(ctx, kernel.SystemPrincipal(tx.TenantID()))
		rec, err := load(ctx, tx, p.Case)
		if err != nil {
			return err
		}
		def, err := s.definition(rec)
		if err != nil || !def.Charges() { // a sector's own: its module goes on with it
			return err
		}
		if action := def.PaidAction(rec.State); action != "" {
			_, err := s.step(ctx, tx, def, rec, workflows.Command{Action: action, Now: s.Clock.Now(), Actor: workflows.Actor{Kind: kernel.System}})
			return err
		}
		return s.tooLate(ctx, tx, def, rec, p.Payment)
	}, nil
}

// tooLate returns one payment that nothing waits for.
func (s *Service) tooLate(ctx context.Context, tx *pg.Tx, def *workflows.Definition, rec record, p kernel.PaymentID) error {
	if _, err := s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: p, Key: kernel.OrderReturn, Kind: kernel.OrderReturn, Reason: "too-late"}); err != nil {
		return err
	}
	notice := kernel.CaseNotice{Case: rec.ID, Person: rec.Applicant, Service: rec.Service, Number: rec.Number, Notice: "money-returned",
		Title: kernel.Text{}, Body: kernel.Text{}, Path: "/cases/" + string(rec.ID)}
	for _, l := range kernel.Locales {
		notice.Title[l] = s.Texts.T(l, "casework.money-returned.title")
		notice.Body[l] = s.Texts.T(l, "casework.money-returned.body", "number", rec.Number, "service", def.Text(l, "title"))
	}
	return pg.Emit(ctx, tx, kernel.Event{Name: kernel.EventCaseNotice, Key: fmt.Sprintf("%s/returned/%s", rec.ID, p), Case: rec.ID, Payload: notice})
}
