package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

var errEarly = errors.New("the timer's effect ran before the timer is due by the application's clock")

// timerDue takes a timer's system action when the case is still in the stay it was set in; a case that moved on
// ignores it.
func (s *Service) timerDue(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.CaseTimer
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, fmt.Errorf("timer payload: %w", err)
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		ctx = kernel.WithPrincipal(ctx, kernel.SystemPrincipal(tx.TenantID()))
		rec, err := load(ctx, tx, p.Case)
		if err != nil {
			return err
		}
		if rec.Entered != p.Version || rec.Final {
			return nil
		}
		def, err := s.definition(rec)
		if err != nil {
			return err
		}
		snap, now := s.snapshot(tx, rec, kernel.Person{ID: rec.Applicant}), s.Clock.Now()
		due, ok := def.TimerDue(snap, p.Timer)
		if !ok || p.Due != nil && !p.Due.Equal(due) {
			return nil
		}
		c, ok := def.TimerCommand(snap, p.Timer, now)
		if !ok { // the database's clock runs ahead of ours, by whatever: come back, do not lose the timer
			return errEarly
		}
		_, err = s.step(ctx, tx, def, rec, c)
		return err
	}, nil
}

// documentIssued puts "the document is there" into the case's history.
func (s *Service) documentIssued(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var p kernel.DocumentIssued
	if err := json.Unmarshal(e.Payload, &p); err != nil {
		return nil, fmt.Errorf("document payload: %w", err)
	}
	if p.Case == "" {
		return nil, nil
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		rec, err := lock(ctx, tx, p.Case) // it happened, whatever somebody does just now
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		st := step{record: rec, event: event{
			Seq: rec.Version + 1, Action: ActionDocumentIssued, From: rec.State, To: rec.State,
			Kind: kernel.System, Role: string(kernel.System), At: now,
			Input: map[string]any{"document": string(p.Document), "number": p.Number, "type": p.Type},
		}}
		st.Version++
		st.UpdatedAt = now
		return take(ctx, tx, st)
	}, nil
}
