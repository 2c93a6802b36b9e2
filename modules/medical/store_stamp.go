package medical

import (
	"context"
	"fmt"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Every write of a row gives it another xmin, and every new or deleted row another count: two equal stamps mean that
// nothing a candidate is made of has changed. Reading it costs a tenth of reading the candidates.
const stampSQL = `SELECT concat_ws('/',
		(SELECT concat(count(*), '-', sum(xmin::text::bigint)) FROM medical.schedule WHERE tenant_id = $1),
		(SELECT concat(count(*), '-', sum(xmin::text::bigint)) FROM medical.place WHERE tenant_id = $1),
		(SELECT concat(count(*), '-', sum(xmin::text::bigint)) FROM medical.practitioner WHERE tenant_id = $1),
		(SELECT concat(count(*), '-', sum(xmin::text::bigint)) FROM medical.facility WHERE tenant_id = $1))`

// stampOf names the state of the tables that candidates are read from.
func stampOf(ctx context.Context, tx kernel.Tx) (stamp string, err error) {
	if err := pg.From(tx).GetContext(ctx, &stamp, stampSQL, tx.TenantID()); err != nil {
		return "", fmt.Errorf("stamp of the calendars: %w", err)
	}
	return stamp, nil
}
