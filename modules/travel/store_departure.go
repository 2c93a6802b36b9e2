package travel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// What bookings need of the timetable besides a departure: its lock, and which ones leave next.

// lockDepartures lets one transaction at a time find out what of a departure is free and take it. They are locked in the
// order of their ids, so that two people who change places with each other cannot wait for one another.
func lockDepartures(ctx context.Context, tx kernel.Tx, ids ...DepartureID) error {
	_, err := pg.From(tx).ExecContext(ctx, `SELECT FROM travel.departure WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
		tx.TenantID(), pq.Array(ids))
	if err != nil {
		return fmt.Errorf("locking departures: %w", err)
	}
	return nil
}

const sellableSQL = `UPDATE travel.departure d SET claimed = true
	WHERE d.tenant_id = $1 AND d.id = $2 AND d.feed = $4 AND d.trip = $5 AND d.state = 'scheduled' AND d.offered AND EXISTS (
		SELECT FROM travel.stop_time c WHERE c.tenant_id = $1 AND c.feed = d.feed AND c.trip = d.trip AND c.seq = $3
			AND d.base_at + c.departs * interval '1 second' > clock_timestamp())`

// claimDeparture notes that somebody has something of the departure, and locks it until the transaction ends. false when
// it was called off, is not in force as it was read, or has left the call: judged on the database's clock, under the lock.
func claimDeparture(ctx context.Context, tx kernel.Tx, d Departure, fromSeq int) (bool, error) {
	return changed(pg.From(tx).ExecContext(ctx, sellableSQL, tx.TenantID(), d.ID, fromSeq, d.feed, d.trip))
}

// lookAhead is how far ahead other departures are looked for.
const lookAhead = 14 * 24 * time.Hour

const nextDeparturesSQL = `SELECT d.id, f.seq AS from_seq, t.seq AS to_seq
	FROM travel.departure d
	JOIN travel.stop_time f ON f.tenant_id = $1 AND f.feed = d.feed AND f.trip = d.trip AND f.stop_id = $2 AND f.pickup <> 1
	JOIN LATERAL (SELECT c.seq FROM travel.stop_time c WHERE c.tenant_id = $1 AND c.feed = d.feed AND c.trip = d.trip AND c.stop_id = $3 AND c.drop_off <> 1 AND c.seq > f.seq
		ORDER BY c.seq LIMIT 1) t ON true
	WHERE d.tenant_id = $1 AND d.operator = $6 AND d.state = 'scheduled' AND d.offered AND d.starts_at BETWEEN $4::timestamptz - interval '2 days' AND $8 AND d.id <> $5
		AND d.base_at + f.departs * interval '1 second' > greatest($4, clock_timestamp())
	ORDER BY d.base_at + f.departs * interval '1 second', d.id LIMIT $7`

// nextRides lists an operator's rides between two stops that begin within lookAhead after a moment, soonest first, without the
// one of except.
func nextRides(ctx context.Context, tx kernel.Tx, from, to StopID, after time.Time, except DepartureID, operator kernel.AgencyID, n int) ([]Ride, error) {
	var rows []struct {
		ID   string `db:"id"`
		From int    `db:"from_seq"`
		To   int    `db:"to_seq"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, nextDeparturesSQL, tx.TenantID(), from, to, after, except, operator, n, after.Add(lookAhead)); err != nil {
		return nil, fmt.Errorf("next departures: %w", err)
	}
	ids := make([]DepartureID, len(rows))
	for i, r := range rows {
		ids[i] = DepartureID(r.ID)
	}
	found, err := loadDepartures(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	var out []Ride
	for _, r := range rows {
		if ride, ok := found[DepartureID(r.ID)].Ride(r.From, r.To); ok {
			out = append(out, ride)
		}
	}
	return out, nil
}

// callOffDeparture takes a departure out of sale. false when it was so already. NotThere when the operator has none such.
func callOffDeparture(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id DepartureID) (bool, error) {
	if !kernel.ValidID(string(id)) {
		return false, kernel.NotThere("departure")
	}
	var state string
	err := pg.From(tx).GetContext(ctx, &state, `SELECT state FROM travel.departure WHERE tenant_id = $1 AND id = $2 AND operator = $3 FOR NO KEY UPDATE`, tx.TenantID(), id, operator)
	if errors.Is(err, sql.ErrNoRows) {
		return false, kernel.NotThere("departure")
	}
	if err != nil || state == DepartureCalledOff {
		return false, err
	}
	_, err = pg.From(tx).ExecContext(ctx, `UPDATE travel.departure SET state = 'called-off' WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id)
	return true, err
}

func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
