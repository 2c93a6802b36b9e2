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

// inLine is where somebody stands on the waiting list.
type inLine struct {
	Case     kernel.CaseID
	JoinedAt time.Time
}

// insertWaiting puts a case on the waiting list.
func insertWaiting(ctx context.Context, tx kernel.Tx, c kernel.CaseID, w Wish, at time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO medical.waiting (tenant_id, case_id, visit_type, facility, place_id, from_day, until_day, part, state, joined_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'waiting', $9)`,
		tx.TenantID(), c, w.VisitType, w.Facility, nullText(w.Place), w.From, w.Until, w.Part, at)
	if err != nil {
		return fmt.Errorf("waiting %s: %w", c, err)
	}
	return nil
}

// waits reports whether somebody is on the waiting list of a clinic already, for the same visit and the same patient.
func waits(ctx context.Context, tx kernel.Tx, a Appointment) (there bool, err error) {
	if err := lockPerson(ctx, tx, a.Applicant); err != nil {
		return false, err
	}
	err = pg.From(tx).GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM medical.appointment
		WHERE tenant_id = $1 AND applicant = $2 AND facility = $3 AND visit_type = $4 AND patient_name = $5 AND state IN ('waiting', 'offered'))`,
		tx.TenantID(), a.Applicant, a.Facility, a.VisitType, a.Patient)
	if err != nil {
		return false, fmt.Errorf("waiting list: %w", err)
	}
	return there, nil
}

// suits is the condition that a slot s at a place p is what the person w waits for: there is time left to come, too.
const suits = `(w.place_id IS NULL OR w.place_id = s.place_id) AND s.starts_at > now() + interval '40 minutes'
	AND (s.starts_at AT TIME ZONE p.zone)::date BETWEEN w.from_day AND w.until_day
	AND (w.part = 'any' OR (w.part = 'morning') = ((s.starts_at AT TIME ZONE p.zone)::time < time '12:00'))`

const (
	firstInLineSQL = `SELECT w.case_id, w.joined_at FROM medical.slot s
		JOIN medical.schedule c ON c.tenant_id = $1 AND c.id = s.schedule_id
		JOIN medical.place p ON p.tenant_id = $1 AND p.id = s.place_id
		JOIN medical.waiting w ON w.tenant_id = $1 AND w.facility = s.facility AND w.state = 'waiting' AND w.visit_type = ANY (c.visit_types) AND ` + suits + `
		WHERE s.tenant_id = $1 AND s.id = $2 AND s.open AND s.spare AND (w.joined_at, w.case_id) > ($3, $4::uuid)
		ORDER BY w.joined_at, w.case_id LIMIT 1`
	keepInLineSQL = `SELECT true FROM medical.waiting WHERE tenant_id = $1 AND case_id = $2 AND state = 'waiting' FOR UPDATE`
)

// nextInLine finds who has waited longest for what the slot is, among those who joined after a given one, and keeps them
// from being offered anything else until the transaction ends. It looks first and locks then, and looks again when the one
// it found was offered another place meanwhile: a search that locks ("LIMIT 1 FOR UPDATE") finds nobody in that case,
// however many stand behind.
func nextInLine(ctx context.Context, tx kernel.Tx, slot SlotID, after inLine) (inLine, bool, error) {
	if after.Case == "" {
		after.Case = "00000000-0000-0000-0000-000000000000"
	}
	for {
		var r struct {
			Case     string    `db:"case_id"`
			JoinedAt time.Time `db:"joined_at"`
		}
		err := pg.From(tx).GetContext(ctx, &r, firstInLineSQL, tx.TenantID(), slot, after.JoinedAt, after.Case)
		if errors.Is(err, sql.ErrNoRows) {
			return inLine{}, false, nil
		}
		var kept bool
		if err == nil {
			err = pg.From(tx).GetContext(ctx, &kept, keepInLineSQL, tx.TenantID(), r.Case)
		}
		switch {
		case errors.Is(err, sql.ErrNoRows): // no longer waiting: the next look is on what is true now
		case err != nil:
			return inLine{}, false, fmt.Errorf("line for slot %s: %w", slot, err)
		default:
			return inLine{Case: kernel.CaseID(r.Case), JoinedAt: r.JoinedAt.UTC()}, true, nil
		}
	}
}

// fittingSlot finds the first free slot that suits somebody who waits; empty when there is none.
func fittingSlot(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (SlotID, error) {
	var id SlotID
	err := pg.From(tx).GetContext(ctx, &id, `SELECT f.id FROM medical.waiting w
		JOIN medical.schedule c ON c.tenant_id = $1 AND c.facility = w.facility AND c.active AND c.origin <> 'desk' AND c.visit_types @> ARRAY[w.visit_type]
		JOIN medical.place p ON p.tenant_id = $1 AND p.id = c.place_id AND p.active
		CROSS JOIN LATERAL (SELECT s.id, s.starts_at FROM medical.slot s
			WHERE `+isFree+` AND s.starts_at >= w.from_day::timestamp AT TIME ZONE p.zone AND s.starts_at < (w.until_day + 1)::timestamp AT TIME ZONE p.zone AND `+suits+`
			ORDER BY s.starts_at LIMIT 1) f
		WHERE w.tenant_id = $1 AND w.case_id = $2 AND w.state = 'waiting' ORDER BY f.starts_at, f.id LIMIT 1`, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("a slot for %s: %w", c, err)
	}
	return id, nil
}

// lineFor lists who waits for what a schedule offers, longest first.
func lineFor(ctx context.Context, tx kernel.Tx, schedule ScheduleID, most int) ([]kernel.CaseID, error) {
	var out []kernel.CaseID
	err := pg.From(tx).SelectContext(ctx, &out, `SELECT w.case_id FROM medical.schedule c
		JOIN medical.waiting w ON w.tenant_id = $1 AND w.facility = c.facility AND w.state = 'waiting' AND w.visit_type = ANY (c.visit_types)
			AND (w.place_id IS NULL OR w.place_id = c.place_id)
		WHERE c.tenant_id = $1 AND c.id = $2 ORDER BY w.joined_at, w.case_id LIMIT $3`, tx.TenantID(), schedule, most)
	if err != nil {
		return nil, fmt.Errorf("line for schedule %s: %w", schedule, err)
	}
	return out, nil
}

// markOffered writes the offer to whoever still waits. false when they no longer do.
func markOffered(ctx context.Context, tx kernel.Tx, c kernel.CaseID, slot SlotID, until time.Time) (bool, error) {
	return changed(pg.From(tx).ExecContext(ctx, `UPDATE medical.waiting SET state = 'offered', offered_slot = $3, offer_until = $4, offers = offers + 1
		WHERE tenant_id = $1 AND case_id = $2 AND state = 'waiting'`, tx.TenantID(), c, slot, until))
}

// endWaiting takes a case off the waiting list; one that is not on it is left alone.
func endWaiting(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE medical.waiting SET state = 'ended', offered_slot = NULL, offer_until = NULL
		WHERE tenant_id = $1 AND case_id = $2 AND state <> 'ended'`, tx.TenantID(), c)
	return err
}

// waitOn puts a case whose offer came to nothing back into its place in the line, and says which that is.
func waitOn(ctx context.Context, tx kernel.Tx, c kernel.CaseID) (inLine, error) {
	at := inLine{Case: c}
	err := pg.From(tx).GetContext(ctx, &at.JoinedAt, `UPDATE medical.waiting SET state = 'waiting', offered_slot = NULL, offer_until = NULL
		WHERE tenant_id = $1 AND case_id = $2 AND state = 'offered' RETURNING joined_at`, tx.TenantID(), c)
	if errors.Is(err, sql.ErrNoRows) {
		return inLine{}, kernel.ErrChanged
	}
	return at, err
}
