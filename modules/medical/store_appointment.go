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

type appointmentRow struct {
	Case         string         `db:"case_id"`
	Number       string         `db:"number"`
	Service      string         `db:"service"`
	Facility     string         `db:"facility"`
	VisitType    string         `db:"visit_type"`
	State        string         `db:"state"`
	Slot         sql.NullString `db:"slot_id"`
	Place        sql.NullString `db:"place_id"`
	Practitioner sql.NullString `db:"practitioner_id"`
	StartsAt     sql.NullTime   `db:"starts_at"`
	EndsAt       sql.NullTime   `db:"ends_at"`
	HoldSlot     sql.NullString `db:"hold_slot"`
	HoldUntil    sql.NullTime   `db:"hold_until"`
	Applicant    string         `db:"applicant"`
	ForWhom      string         `db:"for_whom"`
	Patient      string         `db:"patient_name"`
	Birthdate    sql.NullTime   `db:"patient_birthdate"`
	Relation     string         `db:"relation"`
	Locale       string         `db:"locale"`
	Sequence     int            `db:"sequence"`
	Calendar     string         `db:"calendar_token"`
	CancelReason string         `db:"cancel_reason"`
	CheckedInAt  sql.NullTime   `db:"checked_in_at"`
	CreatedAt    time.Time      `db:"created_at"`
	UpdatedAt    time.Time      `db:"updated_at"`
}

const appointmentColumns = `case_id, number, service, facility, visit_type, state, slot_id, place_id, practitioner_id, starts_at, ends_at,
	hold_slot, hold_until, applicant, for_whom, patient_name, patient_birthdate, relation, locale, sequence, calendar_token, cancel_reason,
	checked_in_at, created_at, updated_at`

func (r appointmentRow) appointment() Appointment {
	a := Appointment{
		Case: kernel.CaseID(r.Case), Number: r.Number, Service: r.Service, Facility: kernel.AgencyID(r.Facility), VisitType: r.VisitType, State: r.State,
		Slot: SlotID(r.Slot.String), Place: PlaceID(r.Place.String), Practitioner: PractitionerID(r.Practitioner.String), StartsAt: moment(r.StartsAt),
		EndsAt: moment(r.EndsAt), HoldSlot: SlotID(r.HoldSlot.String), HoldUntil: moment(r.HoldUntil), Applicant: kernel.PersonID(r.Applicant),
		ForWhom: r.ForWhom, Patient: r.Patient, Relation: r.Relation, Locale: r.Locale, Sequence: r.Sequence, Calendar: r.Calendar,
		CancelReason: r.CancelReason, CheckedInAt: moment(r.CheckedInAt), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.Birthdate.Valid {
		a.Birthdate = r.Birthdate.Time.Format(time.DateOnly)
	}
	return a
}

func moment(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func nullTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

func nullText[T ~string](s T) sql.NullString {
	return sql.NullString{String: string(s), Valid: s != ""}
}

// loadAppointment reads one appointment, whoever asks, and keeps others from changing it until the transaction ends (in
// one that reads only, nothing is kept). The service decides who may.
func loadAppointment(ctx context.Context, tx kernel.Tx, c kernel.CaseID, lock bool) (Appointment, error) {
	if !kernel.ValidID(string(c)) {
		return Appointment{}, kernel.NotThere("appointment")
	}
	text := `SELECT ` + appointmentColumns + ` FROM medical.appointment WHERE tenant_id = $1 AND case_id = $2`
	if lock {
		text += ` FOR NO KEY UPDATE`
	}
	var r appointmentRow
	err := pg.From(tx).GetContext(ctx, &r, text, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return Appointment{}, kernel.NotThere("appointment")
	}
	if err != nil {
		return Appointment{}, fmt.Errorf("appointment %s: %w", c, err)
	}
	return r.appointment(), nil
}

const draftsSQL = `SELECT ` + appointmentColumns + ` FROM medical.appointment
	WHERE tenant_id = $1 AND applicant = $2 AND service = $3 AND state = 'draft' AND (created_at > $4 OR hold_until > clock_timestamp())
	ORDER BY case_id DESC LIMIT 50 FOR NO KEY UPDATE`

// draftsOf reads the drafts of a person for a service that were begun after since or hold a time, newest first. Until the
// transaction ends nobody else reads them so: two requests at once must not both find none.
func draftsOf(ctx context.Context, tx kernel.Tx, person kernel.PersonID, service string, since time.Time) ([]Appointment, error) {
	if err := lockPerson(ctx, tx, person); err != nil {
		return nil, err
	}
	var rows []appointmentRow
	if err := pg.From(tx).SelectContext(ctx, &rows, draftsSQL, tx.TenantID(), person, service, since); err != nil {
		return nil, fmt.Errorf("drafts: %w", err)
	}
	return appointmentsIn(rows), nil
}

// lockPerson lets one request of a person at a time find out what they have and write what follows from it, until the
// transaction ends.
func lockPerson(ctx context.Context, tx kernel.Tx, person kernel.PersonID) error {
	_, err := pg.From(tx).ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(chr(1), 'medical.person', $1::text, $2::text), 0))`, tx.TenantID(), person)
	if err != nil {
		return fmt.Errorf("person: %w", err)
	}
	return nil
}

var constraints = map[string]*kernel.Error{
	"appointment_same_time": ErrSameTime,
	"slot_not_overbooked":   ErrSlotTaken,
	"appointment_sizes":     kernel.NewError(kernel.TooLarge, "answers-too-large", "The answers are too long to be kept."),
}

const insertAppointmentSQL = `INSERT INTO medical.appointment (tenant_id, ` + appointmentColumns + `)
	SELECT $1, r.* FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::uuid[],
		$11::timestamptz[], $12::timestamptz[], $13::uuid[], $14::timestamptz[], $15::uuid[], $16::text[], $17::text[], $18::date[], $19::text[], $20::text[],
		$21::int[], $22::text[], $23::text[], $24::timestamptz[], $25::timestamptz[], $26::timestamptz[]) AS r`

var newAppointments = pg.NewRows(pg.OrderFirst+10, writeAppointments)

func insertAppointment(ctx context.Context, tx kernel.Tx, a Appointment) error {
	return newAppointments.Put(ctx, tx, a)
}

func writeAppointments(ctx context.Context, tx *pg.Tx, rows []Appointment) error {
	var c pg.Columns
	for _, a := range rows { // in the order of appointmentColumns
		c.Add(pg.Text(a.Case), pg.Text(a.Number), pg.Text(a.Service), pg.Text(a.Facility), pg.Text(a.VisitType), pg.Text(a.State),
			pg.TextOrNull(a.Slot), pg.TextOrNull(a.Place), pg.TextOrNull(a.Practitioner), pg.Time(a.StartsAt), pg.Time(a.EndsAt),
			pg.TextOrNull(a.HoldSlot), pg.Time(a.HoldUntil), pg.Text(a.Applicant), pg.Text(a.ForWhom), pg.Text(a.Patient), pg.TextOrNull(a.Birthdate),
			pg.Text(a.Relation), pg.Text(a.Locale), pg.Int(a.Sequence), pg.Text(a.Calendar), pg.Text(a.CancelReason), pg.Time(a.CheckedInAt),
			pg.Time(a.CreatedAt), pg.Time(a.UpdatedAt))
	}
	if _, err := tx.ExecContext(ctx, insertAppointmentSQL, c.Args(tx.TenantID())...); err != nil {
		return fmt.Errorf("appointment %s: %w", rows[0].Case, pg.MapConstraint(err, constraints))
	}
	return nil
}

const updateAppointmentSQL = `UPDATE medical.appointment SET facility = $3, visit_type = $4, state = $5, slot_id = $6, place_id = $7, practitioner_id = $8,
	starts_at = $9, ends_at = $10, hold_slot = $11, hold_until = $12, for_whom = $13, patient_name = $14, patient_birthdate = $15::date, relation = $16,
	sequence = $17, cancel_reason = $18, checked_in_at = $19, updated_at = $20
	WHERE tenant_id = $1 AND case_id = $2`

// saveAppointment writes an appointment that was read under a lock.
func saveAppointment(ctx context.Context, tx kernel.Tx, a Appointment) error {
	_, err := pg.From(tx).ExecContext(ctx, updateAppointmentSQL, tx.TenantID(), a.Case, a.Facility, a.VisitType, a.State, nullText(a.Slot), nullText(a.Place),
		nullText(a.Practitioner), nullTime(a.StartsAt), nullTime(a.EndsAt), nullText(a.HoldSlot), nullTime(a.HoldUntil), a.ForWhom, a.Patient,
		nullText(a.Birthdate), a.Relation, a.Sequence, a.CancelReason, nullTime(a.CheckedInAt), a.UpdatedAt)
	if err != nil {
		return fmt.Errorf("appointment %s: %w", a.Case, pg.MapConstraint(err, constraints))
	}
	return nil
}

// settleTasks closes the open tasks about an appointment.
func settleTasks(ctx context.Context, tx kernel.Tx, c kernel.CaseID, how string, by kernel.PersonID, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.task SET done_at = $4, done_by = $5, how = $3 WHERE tenant_id = $1 AND case_id = $2 AND done_at IS NULL`,
		tx.TenantID(), c, how, at, nullText(by))
	return err
}
