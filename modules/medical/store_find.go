package medical

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The search for free times goes by schedule (but see soonest): the few that match what is asked are read first, small rows of a small
// table, and then the first entries of each in the partial index over what is free (slot_free). What it costs follows
// from the number of schedules, not of slots.

// candidate is a schedule that offers what is searched for.
type candidate struct {
	ID           ScheduleID
	Place        PlaceID
	Practitioner PractitionerID
	Languages    []string
	at           *kernel.Position // of the place; nil: not known
	words        placeWords
	distance     float64 // in metres; negative: not known
}

// placeWords are what somebody may type to say where they look.
type placeWords struct {
	PostalCode string `db:"postal_code"`
	Locality   string `db:"locality"`
	Street     string `db:"street"`
}

type candidateRow struct {
	ID           string         `db:"id"`
	Place        string         `db:"place_id"`
	Practitioner sql.NullString `db:"practitioner_id"`
	Languages    pq.StringArray `db:"languages"`

	Latitude  sql.NullFloat64 `db:"latitude"`
	Longitude sql.NullFloat64 `db:"longitude"`
	placeWords
}

const candidatesSQL = `SELECT c.id, c.place_id, c.practitioner_id, coalesce(d.languages, '{}') AS languages, p.latitude, p.longitude, p.postal_code, p.locality, p.street
	FROM medical.schedule c
	JOIN medical.facility f ON f.tenant_id = $1 AND f.id = c.facility AND f.published
	JOIN medical.place p ON p.tenant_id = $1 AND p.id = c.place_id AND p.active
	LEFT JOIN medical.practitioner d ON d.tenant_id = $1 AND d.id = c.practitioner_id
	WHERE c.tenant_id = $1 AND c.active AND c.origin <> 'desk' AND c.visit_types @> ARRAY[$2] AND ($3 = '' OR c.facility = $3)
		AND (c.practitioner_id IS NULL OR d.active)
	ORDER BY p.code, d.name, c.id LIMIT 5000`

// candidates reads the schedules that offer a type of visit; facility narrows them when it is not empty.
func candidates(ctx context.Context, tx kernel.Tx, visit string, facility kernel.AgencyID) ([]candidate, error) {
	var rows []candidateRow
	if err := pg.From(tx).SelectContext(ctx, &rows, candidatesSQL, tx.TenantID(), visit, facility); err != nil {
		return nil, fmt.Errorf("schedules of %s: %w", visit, err)
	}
	out := make([]candidate, len(rows))
	for i, r := range rows {
		out[i] = candidate{ID: ScheduleID(r.ID), Place: PlaceID(r.Place), Practitioner: PractitionerID(r.Practitioner.String), Languages: r.Languages, words: r.placeWords, distance: -1}
		if r.Latitude.Valid {
			out[i].at = &kernel.Position{Latitude: r.Latitude.Float64, Longitude: r.Longitude.Float64}
		}
	}
	return out, nil
}

func candidateIDs(in []candidate) pq.StringArray {
	out := make(pq.StringArray, len(in))
	for i, c := range in {
		out[i] = string(c.ID)
	}
	return out
}

type placeRow struct {
	ID         string          `db:"id"`
	Facility   string          `db:"facility"`
	Code       string          `db:"code"`
	Name       []byte          `db:"name"`
	Street     string          `db:"street"`
	PostalCode string          `db:"postal_code"`
	Locality   string          `db:"locality"`
	Country    string          `db:"country"`
	Latitude   sql.NullFloat64 `db:"latitude"`
	Longitude  sql.NullFloat64 `db:"longitude"`
	Zone       string          `db:"zone"`
	Phone      string          `db:"phone"`
	Directions []byte          `db:"directions"`
	Opening    []byte          `db:"opening"`
	DoorCode   string          `db:"door_code"`
	Active     bool            `db:"active"`
}

const placeColumns = `id, facility, code, name, street, postal_code, locality, country, latitude, longitude, zone, phone, directions, opening, door_code, active`

func (r placeRow) place() (Place, error) {
	p := Place{ID: PlaceID(r.ID), Facility: kernel.AgencyID(r.Facility), Code: r.Code, Street: r.Street, PostalCode: r.PostalCode, Locality: r.Locality,
		Country: r.Country, Zone: r.Zone, Phone: r.Phone, DoorCode: r.DoorCode, Active: r.Active}
	if r.Latitude.Valid {
		p.Latitude, p.Longitude = &r.Latitude.Float64, &r.Longitude.Float64
	}
	for _, f := range []struct {
		raw []byte
		out any
	}{{r.Name, &p.Name}, {r.Directions, &p.Directions}, {r.Opening, &p.Opening}} {
		if err := json.Unmarshal(f.raw, f.out); err != nil {
			return Place{}, fmt.Errorf("place %s: %w", r.ID, err)
		}
	}
	return p, nil
}

// placesByID reads places, those that are closed for good too: an appointment of last year was somewhere.
func placesByID(ctx context.Context, tx kernel.Tx, ids []PlaceID) (map[PlaceID]Place, error) {
	out := map[PlaceID]Place{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []placeRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+placeColumns+` FROM medical.place WHERE tenant_id = $1 AND id = ANY ($2::uuid[])`, tx.TenantID(), textArray(ids))
	if err != nil {
		return nil, fmt.Errorf("places: %w", err)
	}
	for _, r := range rows {
		if out[PlaceID(r.ID)], err = r.place(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// placesOf reads the places of a clinic that are open.
func placesOf(ctx context.Context, tx kernel.Tx, f kernel.AgencyID) ([]Place, error) {
	var rows []placeRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+placeColumns+` FROM medical.place WHERE tenant_id = $1 AND facility = $2 AND active ORDER BY code LIMIT 200`, tx.TenantID(), f)
	if err != nil {
		return nil, fmt.Errorf("places of %s: %w", f, err)
	}
	out := make([]Place, len(rows))
	for i, r := range rows {
		if out[i], err = r.place(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// placeAtDoor reads the place whose door has the code. NotThere when there is none.
func placeAtDoor(ctx context.Context, tx kernel.Tx, code string) (Place, error) {
	var rows []placeRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+placeColumns+` FROM medical.place WHERE tenant_id = $1 AND door_code = $2 AND active`, tx.TenantID(), code)
	if err != nil {
		return Place{}, fmt.Errorf("door: %w", err)
	}
	if len(rows) == 0 {
		return Place{}, kernel.NotThere("place")
	}
	return rows[0].place()
}

// practitionersByID reads practitioners, those who have left too.
func practitionersByID(ctx context.Context, tx kernel.Tx, ids []PractitionerID) (map[PractitionerID]Practitioner, error) {
	out := map[PractitionerID]Practitioner{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		ID        string         `db:"id"`
		Facility  string         `db:"facility"`
		Name      string         `db:"name"`
		Specialty []byte         `db:"specialty"`
		Languages pq.StringArray `db:"languages"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, facility, name, specialty, languages FROM medical.practitioner WHERE tenant_id = $1 AND id = ANY ($2::uuid[])`,
		tx.TenantID(), textArray(ids))
	if err != nil {
		return nil, fmt.Errorf("practitioners: %w", err)
	}
	for _, r := range rows {
		p := Practitioner{ID: PractitionerID(r.ID), Facility: kernel.AgencyID(r.Facility), Name: r.Name, Languages: r.Languages}
		if err := json.Unmarshal(r.Specialty, &p.Specialty); err != nil {
			return nil, fmt.Errorf("practitioner %s: %w", r.ID, err)
		}
		out[p.ID] = p
	}
	return out, nil
}

func textArray[T ~string](in []T) pq.StringArray {
	out := make(pq.StringArray, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

// hasRoom is the condition of the indexes over what is free (slot_free, slot_soonest) and, for the few slots that anybody
// holds, the count of holds that still run.
const (
	hasRoom = `s.tenant_id = $1 AND s.spare AND s.open AND ` + notHeld
	notHeld = `(s.hold_until = '{}' OR s.booked + medical.live_holds(s.hold_until) < s.capacity)`
	isFree  = hasRoom + ` AND s.schedule_id = c.id`
)

// What many schedules are asked for is looked for among the first free slots of the whole municipality: where they are many,
// some of these are theirs. A look of this kind is bounded; where it finds too little, each schedule is asked.
const (
	manySchedules = 32
	firstSlots    = 400
)

// firstFree is when the first free slot of the schedules at or after from begins; zero when there is none.
func firstFree(ctx context.Context, tx kernel.Tx, in []candidate, from time.Time) (time.Time, error) {
	times, err := soonest(ctx, tx, in, stretch{from, from.AddDate(100, 0, 0)}, "", 1)
	if err != nil || len(times) == 0 {
		return time.Time{}, err
	}
	return times[0].StartsAt, nil
}

// Counting stops at the limit: on a day with more than that nobody needs the number, and an empty day costs one look into
// the index per schedule.
const countFreeSQL = `SELECT d.n, (SELECT count(*) FROM (SELECT FROM unnest($2::uuid[]) AS c (id) CROSS JOIN LATERAL (
			SELECT FROM medical.slot s WHERE ` + isFree + ` AND s.starts_at > now() AND s.starts_at >= d.lo AND s.starts_at < d.hi) x LIMIT $5) y) AS free
	FROM unnest($3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY AS d (lo, hi, n) ORDER BY d.n`

// countFree counts the free slots of the schedules in each span, up to most.
func countFree(ctx context.Context, tx kernel.Tx, in []candidate, spans []stretch, most int) ([]int, error) {
	var lo, hi []time.Time
	for _, s := range spans {
		lo, hi = append(lo, s.From), append(hi, s.Until)
	}
	var rows []struct{ N, Free int }
	if err := pg.From(tx).SelectContext(ctx, &rows, countFreeSQL, tx.TenantID(), candidateIDs(in), pq.Array(lo), pq.Array(hi), most); err != nil {
		return nil, fmt.Errorf("counting free slots: %w", err)
	}
	out := make([]int, len(spans))
	for _, r := range rows {
		out[r.N-1] = r.Free
	}
	return out, nil
}

const freeSchedulesSQL = `SELECT c.id FROM unnest($2::uuid[]) WITH ORDINALITY AS c (id, n) CROSS JOIN LATERAL (
		SELECT s.starts_at FROM medical.slot s WHERE ` + isFree + ` AND s.starts_at > now() AND s.starts_at >= $3 AND s.starts_at < $4 ORDER BY s.starts_at LIMIT 1) f`

// freeSchedules lists the schedules that have a free slot in the span: in their own order, or soonest first.
func freeSchedules(ctx context.Context, tx kernel.Tx, in []candidate, sp stretch, soonest bool, skip, most int) ([]ScheduleID, error) {
	order := ` ORDER BY c.n OFFSET $5 LIMIT $6`
	if soonest {
		order = ` ORDER BY f.starts_at, c.n OFFSET $5 LIMIT $6`
	}
	var out []ScheduleID
	if err := pg.From(tx).SelectContext(ctx, &out, freeSchedulesSQL+order, tx.TenantID(), candidateIDs(in), sp.From, sp.Until, skip, most); err != nil {
		return nil, fmt.Errorf("schedules with free slots: %w", err)
	}
	return out, nil
}

type freeRow struct {
	ID       string    `db:"id"`
	Schedule string    `db:"schedule_id"`
	StartsAt time.Time `db:"starts_at"`
	EndsAt   time.Time `db:"ends_at"`
	Capacity int       `db:"capacity"`
	Left     int       `db:"free"`
}

const freeColumns = `s.id, s.schedule_id, s.starts_at, s.ends_at, s.capacity,
	s.capacity - s.booked - CASE WHEN s.hold_until = '{}' THEN 0 ELSE medical.live_holds(s.hold_until) END AS free`

func (r freeRow) slot() freeTime {
	return freeTime{ID: SlotID(r.ID), Schedule: ScheduleID(r.Schedule), StartsAt: r.StartsAt.UTC(), EndsAt: r.EndsAt.UTC(), Capacity: r.Capacity, Left: r.Left}
}

const freeTimesSQL = `SELECT f.* FROM unnest($2::uuid[], $5::int[]) AS c (id, most) CROSS JOIN LATERAL (
		SELECT ` + freeColumns + ` FROM medical.slot s WHERE ` + isFree + ` AND s.starts_at > now() AND s.starts_at >= $3 AND s.starts_at < $4 ORDER BY s.starts_at LIMIT c.most) f
	ORDER BY f.starts_at`

// freeTimes reads the first free slots of each schedule in the span, as many of each as most says.
func freeTimes(ctx context.Context, tx kernel.Tx, schedules []ScheduleID, most []int, sp stretch) (map[ScheduleID][]freeTime, error) {
	var rows []freeRow
	if err := pg.From(tx).SelectContext(ctx, &rows, freeTimesSQL, tx.TenantID(), textArray(schedules), sp.From, sp.Until, pq.Array(most)); err != nil {
		return nil, fmt.Errorf("free slots: %w", err)
	}
	out := map[ScheduleID][]freeTime{}
	for _, r := range rows {
		out[ScheduleID(r.Schedule)] = append(out[ScheduleID(r.Schedule)], r.slot())
	}
	return out, nil
}

// The soonest slots over all schedules: the n schedules whose first one comes soonest hold them all, and none of them
// begins later than the n-th of those firsts. So the second look takes few rows, whatever the number of schedules.
const soonestSQL = `WITH first AS MATERIALIZED (
		SELECT c.id, f.starts_at FROM unnest($2::uuid[]) AS c (id) CROSS JOIN LATERAL (
			SELECT s.starts_at, s.id FROM medical.slot s WHERE ` + isFree + soonestSpan + ` ORDER BY s.starts_at LIMIT 1) f
		ORDER BY f.starts_at, f.id LIMIT $6),
	bound AS (SELECT CASE WHEN count(*) = $6 THEN max(starts_at) ELSE 'infinity' END AS at FROM first)
	SELECT f.* FROM first AS c CROSS JOIN bound CROSS JOIN LATERAL (
		SELECT ` + freeColumns + ` FROM medical.slot s WHERE ` + isFree + soonestSpan + ` AND s.starts_at <= bound.at ORDER BY s.starts_at LIMIT $6) f
	ORDER BY f.starts_at, f.id LIMIT $6`

const soonestSpan = ` AND s.starts_at > now() AND s.starts_at >= $3 AND s.starts_at < $4 AND (s.starts_at, s.id) > ($3, $5::uuid)`

// The same among the first free slots of the municipality; fewer than $6 rows say nothing.
const soonestOfAllSQL = `WITH first AS MATERIALIZED (
		SELECT ` + freeColumns + ` FROM medical.slot s WHERE ` + hasRoom + soonestSpan + ` ORDER BY s.starts_at, s.id LIMIT $7)
	SELECT f.* FROM first f JOIN unnest($2::uuid[]) AS c (id) ON c.id = f.schedule_id
	ORDER BY f.starts_at, f.id LIMIT $6`

// soonest reads the n soonest free slots of the schedules in the span that come after (span.From, after).
func soonest(ctx context.Context, tx kernel.Tx, in []candidate, sp stretch, after SlotID, n int) ([]freeTime, error) {
	if after == "" {
		after = "00000000-0000-0000-0000-000000000000"
	}
	var rows []freeRow
	ask := func(query string, more ...any) error {
		rows = nil
		args := append([]any{tx.TenantID(), candidateIDs(in), sp.From, sp.Until, after, n}, more...)
		if err := pg.From(tx).SelectContext(ctx, &rows, query, args...); err != nil {
			return fmt.Errorf("soonest free slots: %w", err)
		}
		return nil
	}
	if len(in) >= manySchedules {
		if err := ask(soonestOfAllSQL, firstSlots); err != nil {
			return nil, err
		}
	}
	if len(rows) < n {
		if err := ask(soonestSQL); err != nil {
			return nil, err
		}
	}
	out := make([]freeTime, len(rows))
	for i, r := range rows {
		out[i] = r.slot()
	}
	return out, nil
}
