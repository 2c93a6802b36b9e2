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

// What others may read of the calendars. Only published facilities count; nothing here names a patient.

type publicPlaceRow struct {
	ID            string          `db:"id"`
	Facility      string          `db:"facility"`
	Name          []byte          `db:"name"`
	Directions    []byte          `db:"directions"`
	Opening       []byte          `db:"opening"`
	Street        string          `db:"street"`
	PostalCode    string          `db:"postal_code"`
	Locality      string          `db:"locality"`
	Country       string          `db:"country"`
	Latitude      sql.NullFloat64 `db:"latitude"`
	Longitude     sql.NullFloat64 `db:"longitude"`
	Zone          string          `db:"zone"`
	Phone         string          `db:"phone"`
	FacilityPhone string          `db:"facility_phone"`
	Active        bool            `db:"active"`
	Version       int             `db:"version"`
}

// publicPlaces reads every place of the published facilities, by id. A place without a phone has its facility's.
func publicPlaces(ctx context.Context, tx kernel.Tx) ([]Place, error) {
	var rows []publicPlaceRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT p.id, p.facility, p.name, p.directions, p.opening, p.street, p.postal_code, p.locality, p.country,
		p.latitude, p.longitude, p.zone, p.phone, f.phone AS facility_phone, p.active, p.version
		FROM medical.place p JOIN medical.facility f ON f.tenant_id = $1 AND f.id = p.facility AND f.published
		WHERE p.tenant_id = $1 ORDER BY p.id`, tx.TenantID())
	if err != nil {
		return nil, fmt.Errorf("places: %w", err)
	}
	out := make([]Place, len(rows))
	for i, r := range rows {
		if out[i], err = r.place(); err != nil {
			return nil, fmt.Errorf("place %s: %w", r.ID, err)
		}
	}
	return out, nil
}

func (r publicPlaceRow) place() (Place, error) {
	p := Place{ID: PlaceID(r.ID), Facility: kernel.AgencyID(r.Facility), Street: r.Street, PostalCode: r.PostalCode, Locality: r.Locality, Country: r.Country,
		Zone: r.Zone, Phone: r.Phone, Active: r.Active, Version: r.Version}
	if p.Phone == "" {
		p.Phone = r.FacilityPhone
	}
	if r.Latitude.Valid && r.Longitude.Valid {
		p.Latitude, p.Longitude = &r.Latitude.Float64, &r.Longitude.Float64
	}
	return p, readJSON(part{r.Name, &p.Name}, part{r.Directions, &p.Directions}, part{r.Opening, &p.Opening})
}

// part is a JSON column and what it is read into.
type part struct {
	raw  []byte
	into any
}

func readJSON(parts ...part) error {
	for _, p := range parts {
		if len(p.raw) == 0 {
			continue
		}
		if err := json.Unmarshal(p.raw, p.into); err != nil {
			return err
		}
	}
	return nil
}

type publicPractitionerRow struct {
	ID        string         `db:"id"`
	Facility  string         `db:"facility"`
	Name      string         `db:"name"`
	Specialty []byte         `db:"specialty"`
	Languages pq.StringArray `db:"languages"`
	Active    bool           `db:"active"`
	Version   int            `db:"version"`
}

// publicPractitioners reads everybody who sees or saw patients at the published facilities, by id.
func publicPractitioners(ctx context.Context, tx kernel.Tx) ([]Practitioner, error) {
	var rows []publicPractitionerRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT d.id, d.facility, d.name, d.specialty, d.languages, d.active, d.version
		FROM medical.practitioner d JOIN medical.facility f ON f.tenant_id = $1 AND f.id = d.facility AND f.published
		WHERE d.tenant_id = $1 ORDER BY d.id`, tx.TenantID())
	if err != nil {
		return nil, fmt.Errorf("practitioners: %w", err)
	}
	out := make([]Practitioner, len(rows))
	for i, r := range rows {
		out[i] = Practitioner{ID: PractitionerID(r.ID), Facility: kernel.AgencyID(r.Facility), Name: r.Name, Languages: r.Languages, Active: r.Active, Version: r.Version}
		if err := readJSON(part{r.Specialty, &out[i].Specialty}); err != nil {
			return nil, fmt.Errorf("practitioner %s: %w", r.ID, err)
		}
	}
	return out, nil
}

type publicVisitRow struct {
	Code    string `db:"code"`
	Service string `db:"service"`
	Name    []byte `db:"name"`
	Bring   []byte `db:"bring"`
	Coding  []byte `db:"coding"`
	Active  bool   `db:"active"`
}

// visitTypes reads every kind of visit, by code: those that are no longer offered too, for what was booked before.
func visitTypes(ctx context.Context, tx kernel.Tx) (map[string]VisitType, error) {
	var rows []publicVisitRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT code, service, name, bring, coding, active FROM medical.visit_type WHERE tenant_id = $1`, tx.TenantID())
	if err != nil {
		return nil, fmt.Errorf("visit types: %w", err)
	}
	out := map[string]VisitType{}
	for _, r := range rows {
		v := VisitType{Code: r.Code, Service: r.Service, Active: r.Active}
		if err := readJSON(part{r.Name, &v.Name}, part{r.Bring, &v.Bring}, part{r.Coding, &v.Coding}); err != nil {
			return nil, fmt.Errorf("visit type %s: %w", r.Code, err)
		}
		out[v.Code] = v
	}
	return out, nil
}

// publicSchedule is a schedule as others see it.
type publicSchedule struct {
	ID           string         `db:"id"`
	Facility     string         `db:"facility"`
	Place        string         `db:"place_id"`
	Practitioner sql.NullString `db:"practitioner_id"`
	VisitTypes   pq.StringArray `db:"visit_types"`
	StartsOn     time.Time      `db:"starts_on"`
	EndsOn       sql.NullTime   `db:"ends_on"`
	Active       bool           `db:"active"`
	Version      int            `db:"version"`
}

// publicSchedules reads the schedules of the published facilities, by id. The desk's own (walk-ins) are nobody else's.
func publicSchedules(ctx context.Context, tx kernel.Tx) ([]publicSchedule, error) {
	var rows []publicSchedule
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT c.id, c.facility, c.place_id, c.practitioner_id, c.visit_types, c.starts_on, c.ends_on, c.active, c.version
		FROM medical.schedule c JOIN medical.facility f ON f.tenant_id = $1 AND f.id = c.facility AND f.published
		WHERE c.tenant_id = $1 AND c.origin <> 'desk' ORDER BY c.id`, tx.TenantID())
	if err != nil {
		return nil, fmt.Errorf("schedules: %w", err)
	}
	return rows, nil
}

// publicSlot is a slot as others see it: how many may still book it, by the database's clock, and never who did.
type publicSlot struct {
	ID       string    `db:"id"`
	Schedule string    `db:"schedule_id"`
	StartsAt time.Time `db:"starts_at"`
	EndsAt   time.Time `db:"ends_at"`
	Status   string    `db:"status"` // of FHIR R4
	Left     int       `db:"free"`
}

// slotFilter narrows slots. Nil lists do not narrow.
type slotFilter struct {
	facility    kernel.AgencyID
	schedules   []string // the ones that may be seen; never nil
	ids         []string
	statuses    []string
	from, until time.Time // begins not before, begins before; zero: no bound
	after       slotMark  // only those that come later
	limit       int
}

// slotMark is a place in the order of slots.
type slotMark struct {
	at time.Time
	id string
}

// liveHolds is how many holds of a slot count now; most slots have none, and then nothing is called.
const liveHolds = `CASE WHEN cardinality(s.hold_until) = 0 THEN 0 ELSE medical.live_holds(s.hold_until) END`

// slotStatus is a slot's status in R4's words.
const slotStatus = `CASE WHEN NOT s.open OR s.starts_at <= clock_timestamp() THEN 'busy-unavailable'
	WHEN NOT s.spare THEN 'busy' WHEN s.booked + ` + liveHolds + ` >= s.capacity THEN 'busy-tentative' ELSE 'free' END`

const publicSlotsSQL = `SELECT * FROM (
		SELECT s.id, s.schedule_id, s.starts_at, s.ends_at, ` + slotStatus + ` AS status, greatest(s.capacity - s.booked - ` + liveHolds + `, 0) AS free
		FROM medical.slot s
		WHERE s.tenant_id = $1 AND s.facility = $2 AND s.schedule_id = ANY ($3::uuid[]) AND ($4::uuid[] IS NULL OR s.id = ANY ($4::uuid[]))
			AND s.starts_at >= $6 AND s.starts_at < $7 AND (s.starts_at, s.id) > ($8, $9::uuid)
	) AS s WHERE $5::text[] IS NULL OR s.status = ANY ($5::text[]) ORDER BY s.starts_at, s.id LIMIT $10`

// publicSlots reads slots of one facility in the order of their beginning.
func publicSlots(ctx context.Context, tx kernel.Tx, f slotFilter) ([]publicSlot, error) {
	var rows []publicSlot
	if err := pg.From(tx).SelectContext(ctx, &rows, publicSlotsSQL, f.args(tx.TenantID())...); err != nil {
		return nil, fmt.Errorf("slots of %s: %w", f.facility, err)
	}
	return rows, nil
}

// countSlots counts what publicSlots would read.
func countSlots(ctx context.Context, tx kernel.Tx, f slotFilter) (n int, err error) {
	f.limit = everything
	if err := pg.From(tx).GetContext(ctx, &n, `SELECT count(*) FROM (`+publicSlotsSQL+`) AS c`, f.args(tx.TenantID())...); err != nil {
		return 0, fmt.Errorf("slots of %s: %w", f.facility, err)
	}
	return n, nil
}

const (
	everything = 1 << 30
	firstID    = "00000000-0000-0000-0000-000000000000" // before every id
)

func (f slotFilter) args(t kernel.TenantID) []any {
	from, until := f.from, f.until
	if from.IsZero() {
		from = beginningOfTime
	}
	if until.IsZero() {
		until = endOfTime
	}
	after := f.after
	if after.id == "" {
		after = slotMark{beginningOfTime, firstID}
	}
	return []any{t, f.facility, pq.Array(f.schedules), orAll(f.ids), orAll(f.statuses), from, until, after.at, after.id, f.limit}
}

var (
	beginningOfTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	endOfTime       = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// orAll passes nil as NULL: no condition.
func orAll(list []string) any {
	if list == nil {
		return nil
	}
	return pq.Array(list)
}

// slotFile is one file of the published feed: a facility's slots of one week, and a fingerprint that changes with them.
type slotFile struct {
	Facility    string    `db:"facility"`
	Week        time.Time `db:"week"` // its Monday, by the calendar of UTC
	Count       int       `db:"count"`
	Fingerprint int64     `db:"fingerprint"`
}

// Rows are hashed where they are: what is compared on every poll is one number for a week, not its slots.
const (
	slotFingerprint = `count(*) AS count, coalesce(bit_xor(hashtextextended(s.id::text || s.schedule_id::text || s.starts_at::text || s.ends_at::text || ` + slotStatus +
		` || (s.capacity - s.booked - ` + liveHolds + `)::text, 0)), 0) AS fingerprint`
	slotPublished = ` s.tenant_id = $1 AND s.schedule_id = ANY ($2::uuid[]) AND s.open AND s.starts_at > clock_timestamp()`
	slotFilesSQL  = `SELECT s.facility, date_trunc('week', s.starts_at AT TIME ZONE 'UTC') AS week, ` + slotFingerprint + `
		FROM medical.slot s WHERE` + slotPublished + ` GROUP BY 1, 2 ORDER BY 1, 2`
	slotWeekSQL = `SELECT ` + slotFingerprint + ` FROM medical.slot s WHERE` + slotPublished + ` AND s.facility = $3 AND s.starts_at >= $4 AND s.starts_at < $5`
)

// slotFiles lists the files of the feed for these schedules.
func slotFiles(ctx context.Context, tx kernel.Tx, schedules []string) ([]slotFile, error) {
	var rows []slotFile
	if err := pg.From(tx).SelectContext(ctx, &rows, slotFilesSQL, tx.TenantID(), pq.Array(schedules)); err != nil {
		return nil, fmt.Errorf("slot files: %w", err)
	}
	return rows, nil
}

// slotWeek counts and fingerprints the slots of one file.
func slotWeek(ctx context.Context, tx kernel.Tx, f slotFilter) (slotFile, error) {
	var row slotFile
	if err := pg.From(tx).GetContext(ctx, &row, slotWeekSQL, tx.TenantID(), pq.Array(f.schedules), f.facility, f.from, f.until); err != nil {
		return slotFile{}, fmt.Errorf("slots of %s: %w", f.facility, err)
	}
	return row, nil
}

// publicVisit is an appointment without the person: what a program of the facility may read.
type publicVisit struct {
	Case         string         `db:"case_id"`
	Applicant    string         `db:"applicant"` // for the audit log alone
	Number       string         `db:"number"`
	Facility     string         `db:"facility"`
	VisitType    string         `db:"visit_type"`
	State        string         `db:"state"`
	Slot         sql.NullString `db:"slot"`
	Place        sql.NullString `db:"place"`
	Practitioner sql.NullString `db:"practitioner"`
	StartsAt     sql.NullTime   `db:"starts_at"`
	EndsAt       sql.NullTime   `db:"ends_at"`
	Sequence     int            `db:"sequence"`
	CancelReason string         `db:"cancel_reason"`
	CreatedAt    time.Time      `db:"created_at"`
	UpdatedAt    time.Time      `db:"updated_at"`
}

// visitFilter narrows appointments. Nil lists do not narrow.
type visitFilter struct {
	facilities    []string // never nil
	ids           []string
	states        []string // never nil
	practitioners []string
	places        []string
	visitTypes    []string
	slots         []string
	numbers       []string
	from, until   time.Time
	after         string // the case the page before ended with
	limit         int
}

// While a place is only offered, the time is that of the slot that is held.
const publicVisitsSQL = `SELECT * FROM (
		SELECT a.case_id, a.applicant, a.number, a.facility, a.visit_type, a.state, coalesce(a.slot_id, a.hold_slot) AS slot, coalesce(a.place_id, h.place_id) AS place,
			coalesce(a.practitioner_id, h.practitioner_id) AS practitioner, coalesce(a.starts_at, h.starts_at) AS starts_at, coalesce(a.ends_at, h.ends_at) AS ends_at,
			a.sequence, a.cancel_reason, a.created_at, a.updated_at
		FROM medical.appointment a LEFT JOIN medical.slot h ON h.tenant_id = $1 AND h.id = a.hold_slot
		WHERE a.tenant_id = $1 AND a.facility = ANY ($2) AND a.state = ANY ($3) AND a.case_id > $11::uuid
			AND ($4::uuid[] IS NULL OR a.case_id = ANY ($4::uuid[])) AND ($7::text[] IS NULL OR a.visit_type = ANY ($7::text[]))
			AND ($13::text[] IS NULL OR a.number = ANY ($13::text[]))
	) AS v
	WHERE ($5::uuid[] IS NULL OR practitioner = ANY ($5::uuid[])) AND ($6::uuid[] IS NULL OR place = ANY ($6::uuid[])) AND ($8::uuid[] IS NULL OR slot = ANY ($8::uuid[]))
		AND ($9::timestamptz IS NULL OR starts_at >= $9) AND ($10::timestamptz IS NULL OR starts_at < $10)
	ORDER BY case_id LIMIT $12`

// publicVisits reads appointments by case, oldest first. The caller records that they were seen.
func publicVisits(ctx context.Context, tx kernel.Tx, f visitFilter) ([]publicVisit, error) {
	var rows []publicVisit
	if err := pg.From(tx).SelectContext(ctx, &rows, publicVisitsSQL, f.args(tx.TenantID())...); err != nil {
		return nil, fmt.Errorf("appointments: %w", err)
	}
	return rows, nil
}

// countVisits counts what publicVisits would read.
func countVisits(ctx context.Context, tx kernel.Tx, f visitFilter) (n int, err error) {
	f.limit = everything
	if err := pg.From(tx).GetContext(ctx, &n, `SELECT count(*) FROM (`+publicVisitsSQL+`) AS c`, f.args(tx.TenantID())...); err != nil {
		return 0, fmt.Errorf("appointments: %w", err)
	}
	return n, nil
}

func (f visitFilter) args(t kernel.TenantID) []any {
	after := f.after
	if after == "" {
		after = firstID
	}
	return []any{t, pq.Array(f.facilities), pq.Array(f.states), orAll(f.ids), orAll(f.practitioners), orAll(f.places), orAll(f.visitTypes), orAll(f.slots),
		nullTime(f.from), nullTime(f.until), after, f.limit, orAll(f.numbers)}
}
