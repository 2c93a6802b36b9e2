package medical

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// endWaiting takes a case off the waiting list; one that is not on it is left alone.
func endWaiting(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.waiting SET state = 'ended', offered_slot = NULL, offer_until = NULL
		WHERE tenant_id = $1 AND case_id = $2 AND state <> 'ended'`, tx.TenantID(), c)
	return err
}

// waitOn puts a case whose offer came to nothing back into its place in the line.
func waitOn(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.waiting SET state = 'waiting', offered_slot = NULL, offer_until = NULL
		WHERE tenant_id = $1 AND case_id = $2 AND state = 'offered'`, tx.TenantID(), c)
	return err
}
