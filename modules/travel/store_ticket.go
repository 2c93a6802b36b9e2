package travel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

type ticketRow struct {
	Code      string       `db:"code"`
	Case      string       `db:"case_id"`
	N         int          `db:"n"`
	Departure string       `db:"departure_id"`
	State     string       `db:"state"`
	UsedAt    sql.NullTime `db:"used_at"`
}

const ticketColumns = `code, case_id, n, departure_id, state, used_at`

func (r ticketRow) ticket() Ticket {
	t := Ticket{Code: r.Code, Case: kernel.CaseID(r.Case), N: r.N, Departure: DepartureID(r.Departure), State: r.State}
	if r.UsedAt.Valid {
		t.UsedAt = r.UsedAt.Time.UTC()
	}
	return t
}

// ticketsOf reads the tickets of a booking that are valid or were used, in the order of the passengers.
func ticketsOf(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]Ticket, error) {
	var rows []ticketRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+ticketColumns+` FROM travel.ticket WHERE tenant_id = $1 AND case_id = $2 AND state <> 'void' ORDER BY n`, tx.TenantID(), c)
	if err != nil {
		return nil, fmt.Errorf("tickets of %s: %w", c, err)
	}
	out := make([]Ticket, len(rows))
	for i, r := range rows {
		out[i] = r.ticket()
	}
	return out, nil
}

// boarded reports whether a ticket of a booking was used.
func boarded(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (bool, error) {
	all, err := ticketsOf(ctx, tx, c)
	return slices.ContainsFunc(all, func(t Ticket) bool { return t.State == TicketUsed }), err
}

// loadTicket reads a ticket by its code. NotThere when there is none.
func loadTicket(ctx context.Context, tx kernel.Tx, code string) (Ticket, error) {
	var r ticketRow
	err := pg.From(tx).GetContext(ctx, &r, `SELECT `+ticketColumns+` FROM travel.ticket WHERE tenant_id = $1 AND code = $2`, tx.TenantID(), code)
	if errors.Is(err, sql.ErrNoRows) {
		return Ticket{}, kernel.NotThere("ticket")
	}
	if err != nil {
		return Ticket{}, fmt.Errorf("ticket: %w", err)
	}
	return r.ticket(), nil
}

// useTicket marks a ticket as used. false when somebody was faster, or it is no longer valid: of two conductors who look at
// the same ticket at the same moment one is told that it was used.
func useTicket(ctx context.Context, tx kernel.Tx, code string, by kernel.PersonID, at time.Time) (bool, error) {
	return changed(pg.From(tx).ExecContext(ctx, `UPDATE travel.ticket SET state = 'used', used_at = $3, used_by = nullif($4, '')::uuid
		WHERE tenant_id = $1 AND code = $2 AND state = 'valid'`, tx.TenantID(), code, at, by))
}

// voidTickets takes the validity of a booking's tickets away.
func voidTickets(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.ticket SET state = 'void' WHERE tenant_id = $1 AND case_id = $2 AND state <> 'void'`, tx.TenantID(), c)
	return err
}

func insertTickets(ctx context.Context, tx kernel.Tx, all []Ticket, at time.Time) error {
	var c pg.Columns
	for _, t := range all {
		c.Add(pg.Text(t.Code), pg.Text(t.Case), pg.Int(t.N), pg.Text(t.Departure), pg.Text(t.State), pg.Time(at))
	}
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO travel.ticket (tenant_id, code, case_id, n, departure_id, state, created_at)
		SELECT $1, t.* FROM unnest($2::text[], $3::uuid[], $4::int[], $5::uuid[], $6::text[], $7::timestamptz[]) AS t`, c.Args(tx.TenantID())...)
	if err != nil {
		return fmt.Errorf("tickets: %w", pg.MapConstraint(err, constraints))
	}
	return nil
}
