package medical

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// appointmentsOf reads a person's appointments, newest first: those of one service when it is not empty, those that are
// not over when open is set, those older than before when it is not empty.
func appointmentsOf(ctx context.Context, tx kernel.Tx, person kernel.PersonID, service string, open bool, before kernel.CaseID, limit int) ([]Appointment, error) {
	var rows []appointmentRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+appointmentColumns+` FROM medical.appointment
		WHERE tenant_id = $1 AND applicant = $2 AND ($3 = '' OR service = $3) AND (NOT $4 OR state IN ('draft', 'waiting', 'offered', 'booked', 'arrived'))
			AND ($5::uuid IS NULL OR case_id < $5::uuid)
		ORDER BY case_id DESC LIMIT $6`, tx.TenantID(), person, service, open, nullText(before), limit)
	if err != nil {
		return nil, fmt.Errorf("appointments: %w", err)
	}
	return appointmentsIn(rows), nil
}

func appointmentsIn(rows []appointmentRow) []Appointment {
	out := make([]Appointment, len(rows))
	for i, r := range rows {
		out[i] = r.appointment()
	}
	return out
}

// appointmentsBetween reads a person's booked and arrived appointments that begin in the span, in their order.
func appointmentsBetween(ctx context.Context, tx kernel.Tx, person kernel.PersonID, from, until time.Time) ([]Appointment, error) {
	var rows []appointmentRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+appointmentColumns+` FROM medical.appointment
		WHERE tenant_id = $1 AND applicant = $2 AND state IN ('booked', 'arrived') AND starts_at >= $3 AND starts_at < $4 ORDER BY starts_at LIMIT 20`,
		tx.TenantID(), person, from, until)
	if err != nil {
		return nil, fmt.Errorf("appointments of a day: %w", err)
	}
	return appointmentsIn(rows), nil
}

// appointmentByCalendar reads the appointment that an address for calendar programs leads to. NotThere when none does.
func appointmentByCalendar(ctx context.Context, tx kernel.Tx, token string) (Appointment, error) {
	var r appointmentRow
	err := pg.From(tx).GetContext(ctx, &r, `SELECT `+appointmentColumns+` FROM medical.appointment WHERE tenant_id = $1 AND calendar_token = $2`, tx.TenantID(), token)
	if errors.Is(err, sql.ErrNoRows) {
		return Appointment{}, kernel.NotThere("calendar")
	}
	if err != nil {
		return Appointment{}, fmt.Errorf("calendar: %w", err)
	}
	return r.appointment(), nil
}

// wishOf reads what somebody on the waiting list wishes; nothing when they are not on it.
func wishOf(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (*wish, error) {
	var r struct {
		From  time.Time `db:"from_day"`
		Until time.Time `db:"until_day"`
		Part  string    `db:"part"`
	}
	err := pg.From(tx).GetContext(ctx, &r, `SELECT from_day, until_day, part FROM medical.waiting WHERE tenant_id = $1 AND case_id = $2`, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wish of %s: %w", c, err)
	}
	return &wish{From: r.From.Format(time.DateOnly), Until: r.Until.Format(time.DateOnly), Part: r.Part}, nil
}
