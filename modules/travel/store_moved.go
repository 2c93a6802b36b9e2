package travel

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// moved is what a booking was before the operator moved its departure.
type moved struct {
	Case      kernel.CaseID
	Departure DepartureID
	FromStop  StopID
	ToStop    StopID
	DepartsAt time.Time // as the citizen chose it
	ArrivesAt time.Time
	Seats     []wantedSeat // Place and Bicycle alone, in the order of the passengers; none: it does not fit any more
	CreatedAt time.Time
	DoneAt    time.Time // zero: its booking is not settled yet
}

const movedColumns = `case_id, departure_id, from_stop, to_stop, departs_at, arrives_at, seats, created_at, done_at`

type movedRow struct {
	Case      kernel.CaseID `db:"case_id"`
	Departure DepartureID   `db:"departure_id"`
	FromStop  StopID        `db:"from_stop"`
	ToStop    StopID        `db:"to_stop"`
	DepartsAt time.Time     `db:"departs_at"`
	ArrivesAt time.Time     `db:"arrives_at"`
	Seats     []byte        `db:"seats"`
	CreatedAt time.Time     `db:"created_at"`
	DoneAt    sql.NullTime  `db:"done_at"`
}

func (r movedRow) moved() (moved, error) {
	m := moved{Case: r.Case, Departure: r.Departure, FromStop: r.FromStop, ToStop: r.ToStop, DepartsAt: r.DepartsAt.UTC(), ArrivesAt: r.ArrivesAt.UTC(), CreatedAt: r.CreatedAt.UTC()}
	if r.DoneAt.Valid {
		m.DoneAt = r.DoneAt.Time.UTC()
	}
	return m, json.Unmarshal(r.Seats, &m.Seats)
}

// loadMoved reads what a booking was before its departure was moved; false when it was not.
func loadMoved(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (moved, bool, error) {
	var r movedRow
	err := pg.From(tx).GetContext(ctx, &r, `SELECT `+movedColumns+` FROM travel.moved WHERE tenant_id = $1 AND case_id = $2`, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return moved{}, false, nil
	}
	if err != nil {
		return moved{}, false, fmt.Errorf("move of %s: %w", c, err)
	}
	m, err := r.moved()
	return m, true, err
}

// unsettledMoves lists the bookings of a moved departure that are not settled yet, in the order in which they were booked.
func unsettledMoves(ctx context.Context, tx kernel.Tx, d DepartureID) ([]moved, error) {
	var rows []movedRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+movedColumns+` FROM travel.moved WHERE tenant_id = $1 AND departure_id = $2 AND done_at IS NULL ORDER BY case_id LIMIT 2000`, tx.TenantID(), d)
	if err != nil {
		return nil, fmt.Errorf("moves of %s: %w", d, err)
	}
	out := make([]moved, len(rows))
	for i, r := range rows {
		if out[i], err = r.moved(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// saveMoved writes what a booking was. One that was moved before keeps the times that the citizen chose.
func saveMoved(ctx context.Context, tx kernel.Tx, m moved) error {
	seats, err := json.Marshal(append([]wantedSeat{}, m.Seats...))
	if err != nil {
		return err
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO travel.moved AS m (tenant_id, `+movedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (tenant_id, case_id) DO UPDATE SET departure_id = EXCLUDED.departure_id, from_stop = EXCLUDED.from_stop, to_stop = EXCLUDED.to_stop,
			seats = EXCLUDED.seats, created_at = EXCLUDED.created_at, done_at = EXCLUDED.done_at`,
		tx.TenantID(), m.Case, m.Departure, m.FromStop, m.ToStop, m.DepartsAt, m.ArrivesAt, seats, m.CreatedAt, nullTime(m.DoneAt))
	if err != nil {
		return fmt.Errorf("move of %s: %w", m.Case, err)
	}
	return nil
}

// deleteMoved forgets that a booking was moved: its citizen has chosen other times since.
func deleteMoved(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM travel.moved WHERE tenant_id = $1 AND case_id = $2`, tx.TenantID(), c)
	return err
}

// offerMoved puts a moved departure on sale when every booking on it is settled, and takes it out of sale while one is not:
// the calls of those who are not have other numbers than their booking says.
func offerMoved(ctx context.Context, tx kernel.Tx, d DepartureID) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.departure d SET offered = `+noneUnsettled+` WHERE d.tenant_id = $1 AND d.id = $2
		AND EXISTS (SELECT FROM travel.feed f WHERE f.tenant_id = $1 AND f.id = d.feed AND f.active)`, tx.TenantID(), d)
	if err != nil {
		return fmt.Errorf("departure %s: %w", d, err)
	}
	return nil
}

const noneUnsettled = `NOT EXISTS (SELECT FROM travel.moved m WHERE m.tenant_id = $1 AND m.departure_id = d.id AND m.done_at IS NULL)`

// lockBookingsOn is bookingsOn for somebody who rearranges their places: none of them changes until the transaction ends.
func lockBookingsOn(ctx context.Context, tx kernel.Tx, d DepartureID, states ...string) ([]Booking, error) {
	_, err := pg.From(tx).ExecContext(ctx, `SELECT FROM travel.booking WHERE tenant_id = $1 AND departure_id = $2 ORDER BY case_id FOR NO KEY UPDATE`, tx.TenantID(), d)
	if err != nil {
		return nil, fmt.Errorf("locking the bookings of %s: %w", d, err)
	}
	return bookingsOn(ctx, tx, d, states...)
}

// clearDeparture frees every place of a departure, whoever has it: for somebody who gives them out anew.
func clearDeparture(ctx context.Context, tx kernel.Tx, d DepartureID) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM travel.occupancy WHERE tenant_id = $1 AND departure_id = $2`, tx.TenantID(), d)
	if err != nil {
		return fmt.Errorf("places of %s: %w", d, err)
	}
	return nil
}

// wantedOn lists the bookings elsewhere whose change to a departure waits for its payment.
func wantedOn(ctx context.Context, tx kernel.Tx, d DepartureID) (out []kernel.CaseID, err error) {
	err = pg.From(tx).SelectContext(ctx, &out, `SELECT case_id FROM travel.change WHERE tenant_id = $1 AND departure_id = $2 ORDER BY case_id LIMIT 2000`, tx.TenantID(), d)
	if err != nil {
		return nil, fmt.Errorf("changes to %s: %w", d, err)
	}
	return out, nil
}

// settledConflict is a conflict's departure, and how it was settled; empty while it is open.
type settledConflict struct {
	Departure DepartureID `db:"departure_id"`
	How       string      `db:"how"`
}

// conflictDeparture finds the departure of a conflict that is open, or was settled by moving it. NotThere otherwise.
func conflictDeparture(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id ConflictID) (c settledConflict, err error) {
	err = pg.From(tx).GetContext(ctx, &c, `SELECT departure_id, coalesce(how, '') AS how FROM travel.conflict
		WHERE tenant_id = $1 AND operator = $2 AND id = $3 AND (how IS NULL OR how = 'moved')`, tx.TenantID(), operator, id)
	if errors.Is(err, sql.ErrNoRows) {
		return settledConflict{}, kernel.NotThere("conflict")
	}
	return c, err
}
