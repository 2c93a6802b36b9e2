package medical

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// dayRow is an appointment with the names the clinic's pages show beside it.
type dayRow struct {
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
	Applicant    string         `db:"applicant"`
	ForWhom      string         `db:"for_whom"`
	Patient      string         `db:"patient_name"`
	Birthdate    string         `db:"birthdate"`
	Relation     string         `db:"relation"`
	Locale       string         `db:"locale"`
	CancelReason string         `db:"cancel_reason"`
	CheckedInAt  sql.NullTime   `db:"checked_in_at"`

	Visit   []byte         `db:"visit"`
	Minutes sql.NullInt64  `db:"minutes"`
	At      []byte         `db:"place"`
	Zone    sql.NullString `db:"zone"`
	With    sql.NullString `db:"practitioner"`
}

const dayColumns = `a.case_id, a.number, a.service, a.facility, a.visit_type, a.state, a.slot_id, a.place_id, a.practitioner_id, a.starts_at, a.ends_at, a.applicant, a.for_whom,
	a.patient_name, coalesce(a.patient_birthdate::text, '') AS birthdate, a.relation, a.locale, a.cancel_reason, a.checked_in_at,
	v.name AS visit, v.minutes, p.name AS place, p.zone, r.name AS practitioner`

const dayFrom = ` FROM medical.appointment a
	LEFT JOIN medical.visit_type v ON v.tenant_id = a.tenant_id AND v.code = a.visit_type
	LEFT JOIN medical.place p ON p.tenant_id = a.tenant_id AND p.id = a.place_id
	LEFT JOIN medical.practitioner r ON r.tenant_id = a.tenant_id AND r.id = a.practitioner_id
	WHERE a.tenant_id = $1 `

func (r dayRow) entry() dayEntry {
	e := dayEntry{Appointment: Appointment{
		Case: kernel.CaseID(r.Case), Number: r.Number, Service: r.Service, Facility: kernel.AgencyID(r.Facility), VisitType: r.VisitType, State: r.State,
		Slot: SlotID(r.Slot.String), Place: PlaceID(r.Place.String), Practitioner: PractitionerID(r.Practitioner.String),
		StartsAt: moment(r.StartsAt), EndsAt: moment(r.EndsAt), CheckedInAt: moment(r.CheckedInAt), Applicant: kernel.PersonID(r.Applicant), ForWhom: r.ForWhom, Patient: r.Patient,
		Birthdate: r.Birthdate, Relation: r.Relation, Locale: r.Locale, CancelReason: r.CancelReason,
	}, Minutes: int(r.Minutes.Int64), With: r.With.String, Zone: locationOf(r.Zone.String)}
	e.Visit, e.At = textOf(r.Visit), textOf(r.At)
	return e
}

// textOf reads a text by language; nothing when there is none.
func textOf(raw []byte) kernel.Text {
	var t kernel.Text
	if len(raw) == 0 || json.Unmarshal(raw, &t) != nil {
		return nil
	}
	return t
}

func dayEntries(ctx context.Context, tx kernel.Tx, query string, args ...any) ([]dayEntry, error) {
	var rows []dayRow
	if err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+dayColumns+dayFrom+query, append([]any{tx.TenantID()}, args...)...); err != nil {
		return nil, fmt.Errorf("appointments: %w", pg.MapConstraint(err, nil))
	}
	out := make([]dayEntry, len(rows))
	for i, r := range rows {
		out[i] = r.entry()
	}
	return out, nil
}

// appointmentsOn lists who is expected, was there or did not come between two moments, in the order of the day.
func appointmentsOn(ctx context.Context, tx kernel.Tx, q dayQuery, from, until time.Time) ([]dayEntry, error) {
	return dayEntries(ctx, tx, `AND a.facility = $2 AND a.starts_at >= $3 AND a.starts_at < $4 AND a.slot_id IS NOT NULL
		AND ($5::uuid IS NULL OR a.place_id = $5) AND ($6::uuid IS NULL OR a.practitioner_id = $6)
		ORDER BY a.starts_at, practitioner, a.number LIMIT 2000`, q.Facility, from, until, nullText(q.Place), nullText(q.Practitioner))
}

// appointmentAt returns one appointment of a clinic; NotThere for any other.
func appointmentAt(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, id kernel.CaseID) (dayEntry, error) {
	if !kernel.ValidID(string(id)) {
		return dayEntry{}, kernel.NotThere("appointment")
	}
	return oneEntry(dayEntries(ctx, tx, `AND a.facility = $2 AND a.case_id = $3`, facility, id))
}

// appointmentByCode finds an appointment of a clinic by what is printed on its confirmation: the number of the appointment,
// or that of the document, which its QR code carries. Older confirmations of the same appointment count as well.
func appointmentByCode(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, number string) (dayEntry, error) {
	return oneEntry(dayEntries(ctx, tx, `AND a.facility = $2 AND (a.number = $3
		OR a.case_id = (SELECT c.case_id FROM medical.confirmation c WHERE c.tenant_id = $1 AND c.number = $3))`, facility, number))
}

func oneEntry(all []dayEntry, err error) (dayEntry, error) {
	if err == nil && len(all) == 0 {
		err = kernel.NotThere("appointment")
	}
	if err != nil {
		return dayEntry{}, err
	}
	return all[0], nil
}

// theseAppointments returns those of a clinic's appointments that are named, in the order of the day.
func theseAppointments(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, ids []kernel.CaseID) ([]dayEntry, error) {
	return dayEntries(ctx, tx, `AND a.facility = $2 AND a.case_id = ANY ($3::uuid[]) ORDER BY a.starts_at, a.number`, facility, pq.Array(ids))
}

// keepConfirmation remembers which appointment a confirmation is of.
func keepConfirmation(ctx context.Context, tx kernel.Tx, number string, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO medical.confirmation (tenant_id, number, case_id)
		SELECT $1, $2, case_id FROM medical.appointment WHERE tenant_id = $1 AND case_id = $3 ON CONFLICT (tenant_id, number) DO NOTHING`, tx.TenantID(), number, c)
	if err != nil {
		return fmt.Errorf("confirmation of case %s: %w", c, err)
	}
	return nil
}

// dayPlaces lists where a clinic receives people, those that are in use first.
func dayPlaces(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]Place, error) {
	var rows []struct {
		ID     string `db:"id"`
		Name   []byte `db:"name"`
		Zone   string `db:"zone"`
		Active bool   `db:"active"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, name, zone, active FROM medical.place WHERE tenant_id = $1 AND facility = $2 ORDER BY active DESC, code`, tx.TenantID(), facility)
	if err != nil {
		return nil, fmt.Errorf("places of %s: %w", facility, err)
	}
	out := make([]Place, len(rows))
	for i, r := range rows {
		out[i] = Place{ID: PlaceID(r.ID), Facility: facility, Name: textOf(r.Name), Zone: r.Zone, Active: r.Active}
	}
	return out, nil
}

// dayPractitioners lists who works at a clinic, by name.
func dayPractitioners(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]Practitioner, error) {
	var rows []struct {
		ID     string `db:"id"`
		Name   string `db:"name"`
		Person string `db:"person"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, name, coalesce(person::text, '') AS person FROM medical.practitioner
		WHERE tenant_id = $1 AND facility = $2 AND active ORDER BY name, id`, tx.TenantID(), facility)
	if err != nil {
		return nil, fmt.Errorf("practitioners of %s: %w", facility, err)
	}
	out := make([]Practitioner, len(rows))
	for i, r := range rows {
		out[i] = Practitioner{ID: PractitionerID(r.ID), Facility: facility, Name: r.Name, Person: kernel.PersonID(r.Person), Active: true}
	}
	return out, nil
}

// openTasks lists what somebody of a clinic has to settle, oldest first.
func openTasks(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]task, error) {
	var rows []struct {
		ID      string         `db:"id"`
		Kind    string         `db:"kind"`
		Case    sql.NullString `db:"case_id"`
		Created time.Time      `db:"created_at"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, kind, case_id, created_at FROM medical.task
		WHERE tenant_id = $1 AND facility = $2 AND done_at IS NULL ORDER BY created_at, id LIMIT 500`, tx.TenantID(), facility)
	if err != nil {
		return nil, fmt.Errorf("tasks of %s: %w", facility, err)
	}
	out := make([]task, len(rows))
	for i, r := range rows {
		out[i] = task{ID: r.ID, Kind: r.Kind, Case: kernel.CaseID(r.Case.String), CreatedAt: r.Created.UTC()}
	}
	return out, nil
}

func countTasks(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) (n int, err error) {
	err = pg.From(tx).GetContext(ctx, &n, `SELECT count(*) FROM medical.task WHERE tenant_id = $1 AND facility = $2 AND done_at IS NULL`, tx.TenantID(), facility)
	return n, err
}

// settleTask ends one open task of a clinic; NotThere when there is none of that id.
func settleTask(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, id, how string, by kernel.PersonID, at time.Time) error {
	if !kernel.ValidID(id) {
		return kernel.NotThere("task")
	}
	res, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.task SET done_at = $4, done_by = $5, how = $6
		WHERE tenant_id = $1 AND facility = $2 AND id = $3 AND done_at IS NULL`, tx.TenantID(), facility, id, at, nullText(by), how)
	if err != nil {
		return fmt.Errorf("task %s: %w", id, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, kernel.NotThere("task"))
	}
	return nil
}
