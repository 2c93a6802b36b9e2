package travel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type policyRow struct {
	Number   string       `db:"number"`
	Case     string       `db:"case_id"`
	Insurer  string       `db:"insurer"`
	State    string       `db:"state"`
	BeginsOn time.Time    `db:"begins_on"`
	EndsOn   time.Time    `db:"ends_on"`
	VoidedOn sql.NullTime `db:"voided_on"`
}

const policyColumns = `p.number, p.case_id, p.insurer, p.state, p.begins_on, p.ends_on, p.voided_on`

func (r policyRow) policy() Policy {
	p := Policy{Number: r.Number, Case: kernel.CaseID(r.Case), Insurer: kernel.AgencyID(r.Insurer), State: r.State,
		BeginsOn: r.BeginsOn.Format(time.DateOnly), EndsOn: r.EndsOn.Format(time.DateOnly)}
	if r.VoidedOn.Valid {
		p.VoidedOn = r.VoidedOn.Time.Format(time.DateOnly)
	}
	return p
}

func policy(ctx context.Context, tx kernel.Tx, text string, args ...any) (Policy, error) {
	var r policyRow
	err := pg.From(tx).GetContext(ctx, &r, text, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return Policy{}, nil
	}
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return r.policy(), nil
}

// policyOf reads the policy of a booking; the zero Policy when it has none.
func policyOf(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (Policy, error) {
	return policy(ctx, tx, `SELECT `+policyColumns+` FROM travel.policy p WHERE p.tenant_id = $1 AND p.case_id = $2`, tx.TenantID(), c)
}

// policyNumbered reads a person's own policy by its number; the zero Policy when they have none that is called so. It cannot be
// voided before the transaction ends.
func policyNumbered(ctx context.Context, tx kernel.Tx, person kernel.PersonID, number string) (Policy, error) {
	return policy(ctx, tx, `SELECT `+policyColumns+` FROM travel.policy p JOIN travel.booking b ON b.tenant_id = $1 AND b.case_id = p.case_id
		WHERE p.tenant_id = $1 AND p.number = $2 AND b.applicant = $3 FOR SHARE OF p`, tx.TenantID(), number, person)
}

// savePolicy writes the policy of a booking. One that has it already keeps its number, its insurer and its first day.
func savePolicy(ctx context.Context, tx kernel.Tx, p Policy, at time.Time) (Policy, error) {
	var r policyRow
	err := pg.From(tx).GetContext(ctx, &r, `INSERT INTO travel.policy AS p (tenant_id, number, case_id, insurer, state, begins_on, ends_on, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 'force', $5, $6, $7, $7)
		ON CONFLICT (tenant_id, case_id) DO UPDATE SET ends_on = excluded.ends_on, updated_at = excluded.updated_at
		RETURNING `+policyColumns, tx.TenantID(), p.Number, p.Case, p.Insurer, p.BeginsOn, p.EndsOn, at)
	if err != nil {
		return Policy{}, fmt.Errorf("policy of %s: %w", p.Case, pg.MapConstraint(err, constraints))
	}
	return r.policy(), nil
}

// voidPolicy ends the policy of a booking on a day, if it has one that is in force.
func voidPolicy(ctx context.Context, tx kernel.Tx, c kernel.CaseID, day string, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.policy SET state = 'void', voided_on = $3, updated_at = $4
		WHERE tenant_id = $1 AND case_id = $2 AND state = 'force'`, tx.TenantID(), c, day, at)
	if err != nil {
		return fmt.Errorf("policy of %s: %w", c, pg.MapConstraint(err, constraints))
	}
	return nil
}
