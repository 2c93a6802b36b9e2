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

// visitTypesAt lists the types of visit a clinic has in its schedules.
func visitTypesAt(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]VisitType, error) {
	var rows []struct {
		Code    string `db:"code"`
		Service string `db:"service"`
		Name    []byte `db:"name"`
		Minutes int    `db:"minutes"`
		Level   string `db:"level"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT v.code, v.service, v.name, v.minutes, v.level FROM medical.visit_type v
		WHERE v.tenant_id = $1 AND v.active AND EXISTS (
			SELECT FROM medical.schedule c WHERE c.tenant_id = $1 AND c.facility = $2 AND c.active AND v.code = ANY (c.visit_types))
		ORDER BY v.service, v.code`, tx.TenantID(), facility)
	if err != nil {
		return nil, fmt.Errorf("visit types of %s: %w", facility, err)
	}
	out := make([]VisitType, len(rows))
	for i, r := range rows {
		out[i] = VisitType{Code: r.Code, Service: r.Service, Name: textOf(r.Name), Minutes: r.Minutes, Active: true}
		if err := out[i].Level.UnmarshalText([]byte(r.Level)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func practitionerAt(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, id PractitionerID) (Practitioner, error) {
	all, err := dayPractitioners(ctx, tx, facility)
	for _, p := range all {
		if p.ID == id {
			return p, nil
		}
	}
	if err == nil {
		err = kernel.NotThere("practitioner")
	}
	return Practitioner{}, err
}

// deskSlot makes a time of its own for somebody who came without one. It belongs to the desk's schedule of the place and to
// no practitioner, so that it stands beside the planned ones; it is full and never offered.
func deskSlot(ctx context.Context, tx kernel.Tx, w WalkIn, v VisitType, now time.Time) (SlotID, error) {
	schedule, place, err := deskSchedule(ctx, tx, w, v, now)
	if err != nil {
		return "", err
	}
	at := now.Truncate(time.Second)
	var id SlotID
	err = pg.From(tx).GetContext(ctx, &id, `INSERT INTO medical.slot AS s (tenant_id, id, facility, place_id, schedule_id, starts_at, ends_at, capacity, booked, spare, open)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 1, false, false)
		ON CONFLICT (tenant_id, schedule_id, starts_at) DO UPDATE SET capacity = s.capacity + 1, booked = s.booked + 1 RETURNING id`,
		tx.TenantID(), kernel.NewID(), w.Facility, place, schedule, at, at.Add(time.Duration(v.Minutes)*time.Minute))
	if err != nil {
		return "", fmt.Errorf("a time at the desk of %s: %w", w.Facility, pg.MapConstraint(err, constraints))
	}
	return id, nil
}

// deskSchedule finds or makes the desk's schedule of a place, under a lock on the place, and lets it take the visit.
func deskSchedule(ctx context.Context, tx kernel.Tx, w WalkIn, v VisitType, now time.Time) (ScheduleID, PlaceID, error) {
	t := pg.From(tx)
	if w.Place != "" && !kernel.ValidID(string(w.Place)) {
		return "", "", kernel.NotThere("place")
	}
	var place PlaceID
	err := t.GetContext(ctx, &place, `SELECT id FROM medical.place WHERE tenant_id = $1 AND facility = $2 AND ($3::uuid IS NULL OR id = $3) AND active
		ORDER BY code LIMIT 1 FOR NO KEY UPDATE`, tx.TenantID(), w.Facility, nullText(w.Place))
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", kernel.NotThere("place")
	}
	if err != nil {
		return "", "", fmt.Errorf("places of %s: %w", w.Facility, err)
	}
	var id ScheduleID
	err = t.GetContext(ctx, &id, `UPDATE medical.schedule SET visit_types = CASE WHEN $4::text = ANY (visit_types) THEN visit_types ELSE visit_types || $4::text END
		WHERE tenant_id = $1 AND facility = $2 AND place_id = $3 AND origin = 'desk' RETURNING id`, tx.TenantID(), w.Facility, place, v.Code)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, place, err
	}
	id = ScheduleID(kernel.NewID())
	_, err = t.ExecContext(ctx, `INSERT INTO medical.schedule (tenant_id, id, facility, place_id, origin, visit_types, slot_minutes, starts_on)
		VALUES ($1, $2, $3, $4, 'desk', ARRAY[$5::text], $6, $7::date)`, tx.TenantID(), id, w.Facility, place, v.Code, v.Minutes, now.Format(time.DateOnly))
	if err != nil {
		return "", "", fmt.Errorf("the desk's schedule at %s: %w", w.Facility, pg.MapConstraint(err, constraints))
	}
	return id, place, nil
}

// freeSlot is a time with places left.
type freeSlot struct {
	ID           SlotID         `db:"id"`
	StartsAt     time.Time      `db:"starts_at"`
	EndsAt       time.Time      `db:"ends_at"`
	Practitioner PractitionerID `db:"practitioner_id"`
	With         string         `db:"practitioner"`
	Place        PlaceID        `db:"place_id"`
	AtRaw        []byte         `db:"place"`
	Left         int            `db:"free"`
}

// freeSlotsFor lists free times of a clinic for one type of visit from a moment on, soonest first.
func freeSlotsFor(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, visitType string, to moveTarget, from time.Time, limit int) (all []freeSlot, err error) {
	err = pg.From(tx).SelectContext(ctx, &all, `SELECT s.id, s.starts_at, s.ends_at, coalesce(s.practitioner_id::text, '') AS practitioner_id, coalesce(r.name, '') AS practitioner,
			s.place_id, p.name AS place, s.capacity - s.booked - medical.live_holds(s.hold_until) AS free
		FROM medical.slot s
		JOIN medical.schedule c ON c.tenant_id = $1 AND c.id = s.schedule_id AND c.active AND c.visit_types @> ARRAY[$3::text]
		JOIN medical.place p ON p.tenant_id = $1 AND p.id = s.place_id
		LEFT JOIN medical.practitioner r ON r.tenant_id = $1 AND r.id = s.practitioner_id
		WHERE s.tenant_id = $1 AND s.facility = $2 AND s.spare AND s.open AND s.starts_at > greatest($4, clock_timestamp())
			AND ($5::uuid IS NULL OR s.practitioner_id = $5) AND ($6::uuid IS NULL OR s.place_id = $6)
			AND s.booked + medical.live_holds(s.hold_until) < s.capacity
		ORDER BY s.starts_at, s.id LIMIT $7`, tx.TenantID(), facility, visitType, from, nullText(to.Practitioner), nullText(to.Place), limit)
	if err != nil {
		return nil, fmt.Errorf("free times of %s: %w", facility, err)
	}
	return all, nil
}
