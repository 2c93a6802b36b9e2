package travel

import (
	"context"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/seats"
)

// Who has which place on which segments. Every function here but busyOf expects the departure to be locked by the
// transaction (claimDeparture, lockDepartures): what is free is then judged on the rows as they are, on the database's
// clock. The primary key of travel.occupancy holds whatever anybody forgets.

const (
	sweepSQL = `DELETE FROM travel.occupancy WHERE tenant_id = $1 AND departure_id = $2 AND hold_until <= clock_timestamp()`
	busySQL  = `SELECT place, segment FROM travel.occupancy WHERE tenant_id = $1 AND departure_id = $2 AND case_id <> $3
		AND (hold_until IS NULL OR hold_until > clock_timestamp())`
	busyOnSQL = `SELECT departure_id, place, segment FROM travel.occupancy WHERE tenant_id = $1 AND departure_id = ANY ($2::uuid[])
		AND (hold_until IS NULL OR hold_until > clock_timestamp())`
	holdSQL = `INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id, hold_until)
		SELECT $1, $2, p.place, s.n, $3, clock_timestamp() + $4 * interval '1 second'
		FROM unnest($7::text[]) AS p (place), generate_series($5::int, $6::int - 1) AS s (n)
		RETURNING hold_until`
	takeSQL = `UPDATE travel.occupancy SET hold_until = NULL WHERE tenant_id = $1 AND departure_id = $2 AND case_id = $3`
	keepSQL = `UPDATE travel.occupancy SET hold_until = clock_timestamp() + $4 * interval '1 second'
		WHERE tenant_id = $1 AND departure_id = $2 AND case_id = $3 AND hold_until IS NOT NULL RETURNING hold_until`
	freeSQL = `DELETE FROM travel.occupancy WHERE tenant_id = $1 AND departure_id = $2 AND case_id = $3`
)

// busyOf reads what others than the case have of a departure. Holds that have run out do not count.
func busyOf(ctx context.Context, tx kernel.Tx, d Departure, without kernel.CaseID) (seats.Busy, error) {
	if without == "" {
		without = "00000000-0000-0000-0000-000000000000"
	}
	var rows []struct {
		Place   string `db:"place"`
		Segment int    `db:"segment"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, busySQL, tx.TenantID(), d.ID, without); err != nil {
		return nil, fmt.Errorf("occupancy of %s: %w", d.ID, err)
	}
	out := seats.Busy{}
	for _, r := range rows {
		out.Take(r.Place, r.Segment, r.Segment+1, d.Segments())
	}
	return out, nil
}

// busyOn is busyOf of many departures at once, whoever has it.
func busyOn(ctx context.Context, tx kernel.Tx, rides []Ride) (map[DepartureID]seats.Busy, error) {
	out := map[DepartureID]seats.Busy{}
	segments := map[DepartureID]int{}
	var col pg.Columns
	for _, r := range rides {
		if out[r.ID] == nil {
			out[r.ID], segments[r.ID] = seats.Busy{}, r.Segments()
			col.Add(pg.Text(r.ID))
		}
	}
	if len(rides) == 0 {
		return out, nil
	}
	var rows []struct {
		Departure DepartureID `db:"departure_id"`
		Place     string      `db:"place"`
		Segment   int         `db:"segment"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, busyOnSQL, col.Args(tx.TenantID())...); err != nil {
		return nil, fmt.Errorf("occupancy: %w", err)
	}
	for _, r := range rows {
		out[r.Departure].Take(r.Place, r.Segment, r.Segment+1, segments[r.Departure])
	}
	return out, nil
}

// sweepHolds deletes the holds of a departure that have run out, so that their places can be written again.
func sweepHolds(ctx context.Context, tx kernel.Tx, d DepartureID) error {
	_, err := pg.From(tx).ExecContext(ctx, sweepSQL, tx.TenantID(), d)
	return err
}

// holdPlaces holds places for the case, on all segments of the ride, and says until when.
func holdPlaces(ctx context.Context, tx kernel.Tx, r Ride, c kernel.CaseID, d time.Duration, places []string) (until time.Time, err error) {
	var rows []time.Time
	var col pg.Columns
	for _, p := range places {
		col.Add(pg.Text(p))
	}
	err = pg.From(tx).SelectContext(ctx, &rows, holdSQL, col.Args(tx.TenantID(), r.ID, c, d.Seconds(), r.From, r.To)...)
	if err != nil {
		return time.Time{}, fmt.Errorf("holding places on %s: %w", r.ID, pg.MapConstraint(err, constraints))
	}
	for _, t := range rows {
		if until.IsZero() || t.Before(until) {
			until = t.UTC()
		}
	}
	return until, nil
}

// keepPlaces lets what the case holds of a departure be held for longer. It returns how many rows there were.
func keepPlaces(ctx context.Context, tx kernel.Tx, d DepartureID, c kernel.CaseID, span time.Duration) (until time.Time, n int, err error) {
	var rows []time.Time
	if err := pg.From(tx).SelectContext(ctx, &rows, keepSQL, tx.TenantID(), d, c, span.Seconds()); err != nil {
		return time.Time{}, 0, fmt.Errorf("keeping places on %s: %w", d, err)
	}
	for _, t := range rows {
		if until.IsZero() || t.Before(until) {
			until = t.UTC()
		}
	}
	return until, len(rows), nil
}

// takePlaces makes what the case holds of a departure its own. A hold that has run out and that nobody swept away is
// honoured: its rows are still there, so nobody else has the places. It returns how many rows there were.
func takePlaces(ctx context.Context, tx kernel.Tx, d DepartureID, c kernel.CaseID) (int, error) {
	res, err := pg.From(tx).ExecContext(ctx, takeSQL, tx.TenantID(), d, c)
	if err != nil {
		return 0, fmt.Errorf("taking places on %s: %w", d, err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// freePlaces gives back what the case has of a departure, held or taken.
func freePlaces(ctx context.Context, tx kernel.Tx, d DepartureID, c kernel.CaseID) error {
	if _, err := pg.From(tx).ExecContext(ctx, freeSQL, tx.TenantID(), d, c); err != nil {
		return fmt.Errorf("giving back places on %s: %w", d, err)
	}
	return nil
}

// forgetHolds deletes the holds that ran out more than a day ago; nobody waits for them.
func forgetHolds(ctx context.Context, tx kernel.Tx) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM travel.occupancy WHERE tenant_id = $1 AND hold_until < now() - interval '1 day'`, tx.TenantID())
	return err
}
