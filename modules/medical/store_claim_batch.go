package medical

import (
	"context"
	"fmt"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The claims of many people at once. The rows are locked before, in the order of their ids, so that two batches never wait for
// each other crosswise; what is free is judged on the rows as they are under the lock, on the database's clock, and each slot
// grants as many as are free. A rival outside of the batch waits for the row, as everywhere. One statement that locks and
// changes them was seen to count what a rival had left against what it had found.
const claimPlacesSQL = `WITH wanted AS (
		SELECT w.slot, count(*) AS n FROM unnest($2::uuid[]) AS w (slot) GROUP BY w.slot),
	locked AS MATERIALIZED (
		SELECT s.id, s.capacity - s.booked - medical.live_holds(s.hold_until) AS free
		FROM medical.slot s WHERE s.tenant_id = $1 AND s.id = ANY ($2::uuid[]) AND s.open AND s.starts_at > clock_timestamp())
	UPDATE medical.slot s SET booked = s.booked + least(w.n, l.free), spare = s.booked + least(w.n, l.free) < s.capacity,
		hold_case = (SELECT coalesce(array_agg(c), '{}') FROM unnest(s.hold_case, s.hold_until) AS h (c, u) WHERE u > now()),
		hold_until = (SELECT coalesce(array_agg(u), '{}') FROM unnest(s.hold_case, s.hold_until) AS h (c, u) WHERE u > now())
	FROM locked l JOIN wanted w ON w.slot = l.id
	WHERE s.tenant_id = $1 AND s.id = l.id AND l.free > 0
	RETURNING s.id, least(w.n, l.free) AS granted`

// claimPlaces books a place in each of slots, several where one is named several times, and returns how many each slot
// granted. None of the cases that claim holds a place already.
func claimPlaces(ctx context.Context, tx kernel.Tx, slots []SlotID) (map[SlotID]int, error) {
	granted := map[SlotID]int{}
	if len(slots) == 0 {
		return granted, nil
	}
	if err := lockSlots(ctx, tx, slots...); err != nil {
		return nil, err
	}
	var rows []struct {
		ID      SlotID `db:"id"`
		Granted int    `db:"granted"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, claimPlacesSQL, tx.TenantID(), pq.Array(slots)); err != nil {
		return nil, fmt.Errorf("claiming %d places: %w", len(slots), err)
	}
	for _, r := range rows {
		granted[r.ID] = r.Granted
	}
	return granted, nil
}
