package medical

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// madeSlot is a slot as the calendar made it.
type madeSlot struct {
	ID       SlotID     `db:"id"`
	Schedule ScheduleID `db:"schedule_id"`
	Start    time.Time  `db:"starts_at"`
	End      time.Time  `db:"ends_at"`
	Capacity int        `db:"capacity"`
	Booked   int        `db:"booked"`
	Open     bool       `db:"open"`
}

// slotsAhead are all slots of some schedules that begin after a moment.
func slotsAhead(ctx context.Context, tx kernel.Tx, schedules []string, after time.Time) (all []madeSlot, err error) {
	err = pg.From(tx).SelectContext(ctx, &all, `SELECT id, schedule_id, starts_at, ends_at, capacity, booked, open FROM medical.slot
		WHERE tenant_id = $1 AND schedule_id = ANY ($2::uuid[]) AND starts_at > $3 ORDER BY starts_at, id`, tx.TenantID(), pq.Array(schedules), after)
	if err != nil {
		return nil, fmt.Errorf("slots ahead: %w", err)
	}
	return all, nil
}

// withdrawSlots takes slots out of the offer. Those that nobody holds or has booked disappear, in one statement that
// judges it on the row as it stands; the others are closed: nobody new gets one, and who has one keeps it. It returns
// the ones that stayed.
//
// The rows are locked in the order of their ids first, as bookings that touch several do.
func withdrawSlots(ctx context.Context, tx kernel.Tx, ids []string) (stayed []madeSlot, gone int, err error) {
	t := pg.From(tx)
	if len(ids) == 0 {
		return nil, 0, nil
	}
	if _, err = t.ExecContext(ctx, `SELECT FROM medical.slot WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE`, tx.TenantID(), pq.Array(ids)); err != nil {
		return nil, 0, fmt.Errorf("locking slots: %w", err)
	}
	res, err := t.ExecContext(ctx, `DELETE FROM medical.slot s WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND booked = 0 AND medical.live_holds(hold_until) = 0
		AND NOT EXISTS (SELECT FROM medical.appointment a WHERE a.tenant_id = $1 AND a.slot_id = s.id)`, tx.TenantID(), pq.Array(ids))
	if err != nil {
		return nil, 0, fmt.Errorf("taking slots away: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return nil, 0, err
	}
	if err = t.SelectContext(ctx, &stayed, `UPDATE medical.slot SET open = false WHERE tenant_id = $1 AND id = ANY ($2::uuid[])
		RETURNING id, schedule_id, starts_at, ends_at, capacity, booked, open`, tx.TenantID(), pq.Array(ids)); err != nil {
		return nil, 0, fmt.Errorf("closing slots: %w", err)
	}
	return stayed, int(n), nil
}

// adjustSlots opens slots that are wanted and gives them their capacity; one that more people have booked already
// keeps as much as they need. It returns how many changed.
func adjustSlots(ctx context.Context, tx kernel.Tx, ids []string, capacities []int) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.slot s SET open = true, capacity = greatest(n.capacity, s.booked), spare = s.booked < greatest(n.capacity, s.booked)
		FROM unnest($2::uuid[], $3::int[]) AS n (id, capacity)
		WHERE s.tenant_id = $1 AND s.id = n.id AND (NOT s.open OR s.capacity <> greatest(n.capacity, s.booked))`, tx.TenantID(), pq.Array(ids), pq.Array(capacities))
	if err != nil {
		return 0, fmt.Errorf("opening slots: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// makeSlots makes slots of a schedule. Where a practitioner is somewhere else at that time, or the slot is there
// already, none is made: the constraints decide. It returns the beginnings of those that were.
func makeSlots(ctx context.Context, tx kernel.Tx, c scheduleDoc, wishes []slotWish) (made map[int64]SlotID, err error) {
	if len(wishes) == 0 {
		return nil, nil
	}
	var ids, starts, ends, keys []string
	var capacities []int
	for _, w := range wishes {
		ids, keys, capacities = append(ids, kernel.NewID()), append(keys, w.Key), append(capacities, w.Capacity)
		starts, ends = append(starts, w.Start.UTC().Format(time.RFC3339)), append(ends, w.End.UTC().Format(time.RFC3339))
	}
	var rows []madeSlot
	err = pg.From(tx).SelectContext(ctx, &rows, `INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, practitioner_id, starts_at, ends_at, capacity, feed_key)
		SELECT $1, n.id, $2, $3, $4, $5::uuid, n.starts, n.ends, n.capacity, nullif(n.key, '')
		FROM unnest($6::uuid[], $7::timestamptz[], $8::timestamptz[], $9::int[], $10::text[]) AS n (id, starts, ends, capacity, key)
		ORDER BY n.starts ON CONFLICT DO NOTHING RETURNING id, schedule_id, starts_at, ends_at, capacity, booked, open`,
		tx.TenantID(), c.Facility, c.Place, c.ID, c.Practitioner, pq.Array(ids), pq.Array(starts), pq.Array(ends), pq.Array(capacities), pq.Array(keys))
	if err != nil {
		return nil, fmt.Errorf("making slots of %s: %w", c.ID, err)
	}
	made = map[int64]SlotID{}
	for _, r := range rows {
		made[r.Start.Unix()] = r.ID
	}
	return made, nil
}

// madeUntil notes up to which local day a schedule's slots were made.
func madeUntil(ctx context.Context, tx kernel.Tx, schedules []string, day string) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.schedule SET made_until = $3::date WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND made_until IS DISTINCT FROM $3::date`,
		tx.TenantID(), pq.Array(schedules), day)
	return err
}

// goneKinds are the kinds of tasks about an appointment whose slot is not offered any more.
var goneKinds = []string{taskSlotGone, taskBlocked, taskFeedGone}

// Kinds of tasks.
const (
	taskSlotGone = "slot-gone" // the schedule does not make this time any more
	taskBlocked  = "blocked"   // a holiday or a block lies over it
	taskOverlap  = "overlap"   // the practitioner would be in two places
	taskFeedGone = "feed-gone" // the feed does not name it any more
)

// raiseTasks makes a task of every appointment in a closed slot, unless there is one, or staff have said of the same
// that it stays. kinds says why, per slot. It returns how many are new.
func raiseTasks(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, slots []madeSlot, kinds []string, now time.Time) (int, error) {
	t := pg.From(tx)
	var ids []string
	why := map[SlotID]string{}
	for i, s := range slots {
		ids = append(ids, string(s.ID))
		why[s.ID] = kinds[i]
	}
	var rows []struct {
		Case string `db:"case_id"`
		Slot SlotID `db:"slot_id"`
	}
	if err := t.SelectContext(ctx, &rows, `SELECT case_id, slot_id FROM medical.appointment WHERE tenant_id = $1 AND slot_id = ANY ($2::uuid[]) AND state IN ('booked', 'arrived') ORDER BY case_id`,
		tx.TenantID(), pq.Array(ids)); err != nil {
		return 0, fmt.Errorf("appointments in closed slots: %w", err)
	}
	var task, cases, at, kind []string
	for _, r := range rows {
		task, cases, at, kind = append(task, kernel.NewID()), append(cases, r.Case), append(at, string(r.Slot)), append(kind, why[r.Slot])
	}
	res, err := t.ExecContext(ctx, `INSERT INTO medical.task (tenant_id, id, facility, kind, slot_id, case_id, created_at)
		SELECT $1, n.id, $2, n.kind, n.slot, n.c, $3 FROM unnest($4::uuid[], $5::text[], $6::uuid[], $7::uuid[]) AS n (id, kind, slot, c)
		WHERE NOT EXISTS (SELECT FROM medical.task k WHERE k.tenant_id = $1 AND k.case_id = n.c AND k.slot_id = n.slot
			AND (k.done_at IS NULL AND k.kind = ANY ($8::text[]) OR k.how = 'kept' AND k.kind = n.kind))
		ON CONFLICT DO NOTHING`, tx.TenantID(), facility, now, pq.Array(task), pq.Array(kind), pq.Array(at), pq.Array(cases), pq.Array(goneKinds))
	if err != nil {
		return 0, fmt.Errorf("tasks: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// dropTasks settles the tasks about slots that are offered again, and forgets that staff once said they stay.
func dropTasks(ctx context.Context, tx kernel.Tx, schedules []string, now time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.task k SET done_at = coalesce(k.done_at, $3), how = 'settled' FROM medical.slot s
		WHERE k.tenant_id = $1 AND s.tenant_id = $1 AND s.id = k.slot_id AND s.open AND s.schedule_id = ANY ($2::uuid[])
			AND k.kind = ANY ($4::text[]) AND (k.done_at IS NULL OR k.how = 'kept')`, tx.TenantID(), pq.Array(schedules), now, pq.Array(goneKinds))
	if err != nil {
		return fmt.Errorf("settling tasks: %w", err)
	}
	return nil
}

// tellOverlap keeps one open task per schedule that says how many of its times cannot be made because the practitioner
// is elsewhere; none when there is none. The caller holds the lock of the practitioner, so that nobody else writes it.
func tellOverlap(ctx context.Context, tx kernel.Tx, c scheduleDoc, count int, first time.Time, now time.Time) error {
	t := pg.From(tx)
	if count == 0 {
		_, err := t.ExecContext(ctx, `UPDATE medical.task SET done_at = $3, how = 'settled' WHERE tenant_id = $1 AND schedule_id = $2 AND kind = 'overlap' AND done_at IS NULL`, tx.TenantID(), c.ID, now)
		return err
	}
	details := fmt.Sprintf(`{"count": %d, "first": %q}`, count, first.UTC().Format(time.RFC3339))
	ok, err := changed(t.ExecContext(ctx, `UPDATE medical.task SET details = $3 WHERE tenant_id = $1 AND schedule_id = $2 AND kind = 'overlap' AND done_at IS NULL`, tx.TenantID(), c.ID, details))
	if err != nil || ok {
		return err
	}
	_, err = t.ExecContext(ctx, `INSERT INTO medical.task (tenant_id, id, facility, kind, schedule_id, details, created_at) VALUES ($1, $2, $3, 'overlap', $4, $5, $6)`,
		tx.TenantID(), kernel.NewID(), c.Facility, c.ID, details, now)
	return err
}

// anybodyWaits reports whether somebody is on the waiting list of a facility.
func anybodyWaits(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) (there bool, err error) {
	err = pg.From(tx).GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM medical.waiting WHERE tenant_id = $1 AND facility = $2 AND state = 'waiting')`, tx.TenantID(), facility)
	return there, err
}

// group is what has to be made together: all plans of a practitioner, who can be in one place only, or one plan without.
type group struct {
	facility     kernel.AgencyID
	practitioner string // empty: nobody in particular
	schedules    []string
}

// planGroups are the groups of a municipality, or of one facility, in an order that is the same for everybody. stale
// asks for those alone that are not made up to a day, or have closed slots that nobody is in.
func planGroups(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, stale string) ([]group, error) {
	var rows []struct {
		Facility     string `db:"facility"`
		Practitioner string `db:"practitioner"`
		Schedule     string `db:"id"`
		Stale        bool   `db:"stale"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT c.facility, coalesce(c.practitioner_id::text, '') AS practitioner, c.id,
			$3 <> '' AND (c.active AND c.made_until IS DISTINCT FROM nullif($3, '')::date OR EXISTS (SELECT FROM medical.slot s
				WHERE s.tenant_id = $1 AND s.schedule_id = c.id AND NOT s.open AND s.booked = 0 AND s.starts_at > clock_timestamp())) AS stale
		FROM medical.schedule c WHERE c.tenant_id = $1 AND c.origin = 'plan' AND ($2 = '' OR c.facility = $2)
		ORDER BY c.facility, coalesce(c.practitioner_id, c.id), c.id`, tx.TenantID(), facility, stale)
	if err != nil {
		return nil, fmt.Errorf("schedules: %w", err)
	}
	var all []group
	wanted := map[int]bool{}
	for _, r := range rows {
		n := len(all) - 1
		if n < 0 || r.Practitioner == "" || all[n].practitioner != r.Practitioner {
			all = append(all, group{facility: kernel.AgencyID(r.Facility), practitioner: r.Practitioner})
			n++
		}
		all[n].schedules = append(all[n].schedules, r.Schedule)
		wanted[n] = wanted[n] || r.Stale || stale == ""
	}
	out := []group{}
	for i, g := range all {
		if wanted[i] {
			out = append(out, g)
		}
	}
	return out, nil
}

// schedulesOf reads plans anew, under the lock of their group.
func schedulesOf(ctx context.Context, tx kernel.Tx, ids []string) ([]scheduleDoc, error) {
	return docsOf[scheduleDoc](ctx, tx, `SELECT to_jsonb(c) FROM medical.schedule c WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id`, pq.Array(ids))
}
