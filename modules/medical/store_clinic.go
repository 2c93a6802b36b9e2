package medical

import (
	"context"
	"encoding/json"

	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// clinicTable is a table of what a clinic sets up. Rows travel as JSON documents whose members are the columns: there
// are few of them, they are seldom written, and an import brings a thousand at once in one statement.
type clinicTable struct {
	name    string
	id      []string // what finds a row, besides the municipality
	unique  []string // what people call it by: an import that names it again changes it
	columns []string // what can be changed
	counted bool     // has a version
}

var (
	placeTable = clinicTable{"medical.place", []string{"id"}, []string{"facility", "code"}, []string{"name", "street", "postal_code", "locality", "country",
		"latitude", "longitude", "zone", "phone", "directions", "opening", "active"}, true}
	practitionerTable = clinicTable{"medical.practitioner", []string{"id"}, []string{"facility", "code"}, []string{"name", "specialty", "languages", "active"}, true}
	resourceTable     = clinicTable{"medical.resource", []string{"id"}, []string{"place_id", "name"}, []string{"kind", "active"}, false}
	visitTable        = clinicTable{"medical.visit_type", []string{"code"}, []string{"code"}, []string{"service", "name", "minutes", "level", "min_age", "max_age",
		"preparation", "bring", "needs", "cancel_hours", "coding", "active"}, true}
	scheduleTable = clinicTable{"medical.schedule", []string{"id"}, []string{"facility", "feed_key"}, []string{"visit_types", "rrule", "time_from", "time_until",
		"slot_minutes", "capacity", "starts_on", "ends_on", "active"}, true}
	holidayTable   = clinicTable{name: "medical.holiday", id: []string{"id"}, columns: []string{"facility", "day", "name"}}
	exceptionTable = clinicTable{name: "medical.exception", id: []string{"id"}, columns: []string{"facility", "kind", "schedule_id", "practitioner_id", "place_id",
		"from_at", "until_at", "reason", "created_by", "created_at"}}
)

// taken is the answer to a name that something else has already.
func taken(column string) *kernel.Error {
	return kernel.InvalidFields(kernel.FieldError{Path: column, Slug: "medical.setup.problem.taken", Message: "Something else has this name already."})
}

var clinicConstraints = map[string]*kernel.Error{
	"place_code_key": taken("code"), "practitioner_code_key": taken("code"), "visit_type_pkey": taken("code"), "resource_name_key": taken("name"), "holiday_once": taken("day"),
}

func (t clinicTable) all() []string {
	out := append([]string{"tenant_id"}, t.id...)
	for _, c := range append(append([]string{}, t.unique...), t.columns...) {
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return append(out, t.extra()...)
}

// extra are columns that are written once.
func (t clinicTable) extra() []string {
	switch t.name {
	case "medical.place":
		return []string{"door_code"}
	case "medical.schedule":
		return []string{"place_id", "practitioner_id", "origin"}
	}
	return nil
}

// from is the documents $2 as rows; a document cannot name another municipality.
func (t clinicTable) from() string {
	return ` FROM jsonb_populate_recordset(NULL::` + t.name + `, (SELECT jsonb_agg(d || jsonb_build_object('tenant_id', $1::text)) FROM jsonb_array_elements($2::jsonb) AS d)) AS n`
}

func (t clinicTable) insert() string {
	cols := strings.Join(t.all(), ", ")
	return `INSERT INTO ` + t.name + ` AS t (` + cols + `) SELECT ` + cols + t.from()
}

// put writes documents as new rows. Errors: Invalid naming the column that holds a name which is taken.
func (t clinicTable) put(ctx context.Context, tx kernel.Tx, docs any) error {
	_, err := t.exec(ctx, tx, t.insert(), docs)
	return err
}

// bring writes documents as new rows, or over the rows of the same name; rows that say the same already are left as
// they are. It returns how many were new and how many changed.
func (t clinicTable) bring(ctx context.Context, tx kernel.Tx, docs any) (made, altered int, err error) {
	var sets, old, new []string
	for _, c := range t.columns {
		sets, old, new = append(sets, c+" = EXCLUDED."+c), append(old, "t."+c), append(new, "EXCLUDED."+c)
	}
	if t.counted {
		sets = append(sets, "version = t.version + 1")
	}
	raw, err := json.Marshal(docs)
	if err != nil {
		return 0, 0, err
	}
	var fresh []bool
	err = pg.From(tx).SelectContext(ctx, &fresh, t.insert()+` ON CONFLICT (tenant_id, `+strings.Join(t.unique, ", ")+`) DO UPDATE SET `+strings.Join(sets, ", ")+
		` WHERE (`+strings.Join(old, ", ")+`) IS DISTINCT FROM (`+strings.Join(new, ", ")+`) RETURNING (xmax = 0)`, tx.TenantID(), raw)
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", t.name, pg.MapConstraint(err, clinicConstraints))
	}
	for _, f := range fresh {
		if f {
			made++
		}
	}
	return made, len(fresh) - made, nil
}

// change writes one document over the row of a version. Errors: kernel.ErrChanged when another one is in force.
func (t clinicTable) change(ctx context.Context, tx kernel.Tx, id string, version int, doc any) error {
	text := `UPDATE ` + t.name + ` AS t SET (` + strings.Join(t.columns, ", ") + `) = (n.` + strings.Join(t.columns, ", n.") + `)`
	if len(t.columns) == 1 {
		text = `UPDATE ` + t.name + ` AS t SET ` + t.columns[0] + ` = n.` + t.columns[0]
	}
	args := []any{id}
	where := ` WHERE t.tenant_id = $1 AND t.` + t.id[0] + ` = $3`
	if t.counted {
		text += `, version = t.version + 1`
		where += ` AND t.version = $4`
		args = append(args, version)
	}
	n, err := t.exec(ctx, tx, text+t.from()+where, []any{doc}, args...)
	if err == nil && n == 0 {
		err = kernel.ErrChanged
	}
	return err
}

func (t clinicTable) exec(ctx context.Context, tx kernel.Tx, text string, docs any, args ...any) (int64, error) {
	raw, err := json.Marshal(docs)
	if err != nil {
		return 0, err
	}
	res, err := pg.From(tx).ExecContext(ctx, text, append([]any{tx.TenantID(), raw}, args...)...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", t.name, pg.MapConstraint(err, clinicConstraints))
	}
	return res.RowsAffected()
}

// docsOf reads rows that a query returns as JSON documents.
func docsOf[T any](ctx context.Context, tx kernel.Tx, query string, args ...any) ([]T, error) {
	var rows [][]byte
	if err := pg.From(tx).SelectContext(ctx, &rows, query, append([]any{tx.TenantID()}, args...)...); err != nil {
		return nil, fmt.Errorf("reading what a clinic set up: %w", err)
	}
	out := make([]T, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal(r, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// placeDoc and the others are rows as they stand in the database.
type placeDoc struct {
	ID         PlaceID         `json:"id"`
	Facility   kernel.AgencyID `json:"facility"`
	Code       string          `json:"code"`
	Name       kernel.Text     `json:"name"`
	Street     string          `json:"street"`
	PostalCode string          `json:"postal_code"`
	Locality   string          `json:"locality"`
	Country    string          `json:"country"`
	Latitude   *float64        `json:"latitude"`
	Longitude  *float64        `json:"longitude"`
	Zone       string          `json:"zone"`
	Phone      string          `json:"phone"`
	Directions kernel.Text     `json:"directions"`
	Opening    []Opening       `json:"opening"`
	DoorCode   string          `json:"door_code"`
	Active     bool            `json:"active"`
	Version    int             `json:"version,omitempty"`
}

type practitionerDoc struct {
	ID        PractitionerID  `json:"id"`
	Facility  kernel.AgencyID `json:"facility"`
	Code      string          `json:"code"`
	Name      string          `json:"name"`
	Specialty kernel.Text     `json:"specialty"`
	Languages []string        `json:"languages"`
	Person    kernel.PersonID `json:"person,omitempty"`
	Active    bool            `json:"active"`
	Version   int             `json:"version,omitempty"`
}

type resourceDoc struct {
	ID     ResourceID `json:"id"`
	Place  PlaceID    `json:"place_id"`
	Kind   string     `json:"kind"`
	Name   string     `json:"name"`
	Active bool       `json:"active"`
}

type visitDoc struct {
	Code        string      `json:"code"`
	Service     string      `json:"service"`
	Name        kernel.Text `json:"name"`
	Minutes     int         `json:"minutes"`
	Level       string      `json:"level"`
	MinAge      *int        `json:"min_age"`
	MaxAge      *int        `json:"max_age"`
	Preparation kernel.Text `json:"preparation"`
	Bring       kernel.Text `json:"bring"`
	Needs       []string    `json:"needs"`
	CancelHours int         `json:"cancel_hours"`
	Coding      *Coding     `json:"coding"`
	Active      bool        `json:"active"`
}

type scheduleDoc struct {
	ID           ScheduleID      `json:"id"`
	Facility     kernel.AgencyID `json:"facility"`
	Place        PlaceID         `json:"place_id"`
	Practitioner *string         `json:"practitioner_id"`
	Origin       string          `json:"origin"`
	FeedKey      *string         `json:"feed_key"`
	VisitTypes   []string        `json:"visit_types"`
	Rule         string          `json:"rrule"`
	From         *string         `json:"time_from"`
	Until        *string         `json:"time_until"`
	Minutes      int             `json:"slot_minutes"`
	Capacity     int             `json:"capacity"`
	StartsOn     string          `json:"starts_on"`
	EndsOn       *string         `json:"ends_on"`
	MadeUntil    *string         `json:"made_until,omitempty"`
	Active       bool            `json:"active"`
	Version      int             `json:"version,omitempty"`
}

type holidayDoc struct {
	ID       string      `json:"id"`
	Facility *string     `json:"facility"`
	Day      string      `json:"day"`
	Name     kernel.Text `json:"name"`
}

type exceptionDoc struct {
	ID           string          `json:"id"`
	Facility     kernel.AgencyID `json:"facility"`
	Kind         string          `json:"kind"`
	Schedule     *string         `json:"schedule_id"`
	Practitioner *string         `json:"practitioner_id"`
	Place        *string         `json:"place_id"`
	From         string          `json:"from_at"`
	Until        string          `json:"until_at"`
	Reason       string          `json:"reason"`
	CreatedBy    *string         `json:"created_by"`
	CreatedAt    string          `json:"created_at"`
}

func clinicPlaces(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]placeDoc, error) {
	return docsOf[placeDoc](ctx, tx, `SELECT to_jsonb(p) FROM medical.place p WHERE tenant_id = $1 AND facility = $2 ORDER BY NOT active, code`, facility)
}

func clinicPractitioners(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]practitionerDoc, error) {
	return docsOf[practitionerDoc](ctx, tx, `SELECT to_jsonb(p) FROM medical.practitioner p WHERE tenant_id = $1 AND facility = $2 ORDER BY NOT active, name`, facility)
}

func clinicResources(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]resourceDoc, error) {
	return docsOf[resourceDoc](ctx, tx, `SELECT to_jsonb(r) FROM medical.resource r JOIN medical.place p ON p.tenant_id = $1 AND p.id = r.place_id
		WHERE r.tenant_id = $1 AND p.facility = $2 ORDER BY NOT r.active, r.kind, r.name`, facility)
}

// clinicSchedules are the plans and feeds of a facility; the desk's own are no part of its calendar.
func clinicSchedules(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) ([]scheduleDoc, error) {
	return docsOf[scheduleDoc](ctx, tx, `SELECT to_jsonb(c) FROM medical.schedule c WHERE tenant_id = $1 AND facility = $2 AND origin <> 'desk' ORDER BY NOT active, id`, facility)
}

// clinicHolidays are the days from a date on, the municipality's and the facility's own.
func clinicHolidays(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, from string) ([]holidayDoc, error) {
	return docsOf[holidayDoc](ctx, tx, `SELECT to_jsonb(h) FROM medical.holiday h WHERE tenant_id = $1 AND (facility = $2 OR facility IS NULL) AND day >= $3::date ORDER BY day, facility NULLS FIRST`, facility, from)
}

// clinicExceptions are those of a facility that have not ended at a moment.
func clinicExceptions(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, now time.Time) ([]exceptionDoc, error) {
	return docsOf[exceptionDoc](ctx, tx, `SELECT to_jsonb(e) FROM medical.exception e WHERE tenant_id = $1 AND facility = $2 AND until_at > $3 ORDER BY from_at, id`, facility, now)
}

// removeOwn deletes a row of a facility's own, by its id. NotThere when there is none.
func removeOwn(ctx context.Context, tx kernel.Tx, table string, facility kernel.AgencyID, id string) error {
	ok, err := changed(pg.From(tx).ExecContext(ctx, `DELETE FROM medical.`+table+` WHERE tenant_id = $1 AND facility = $2 AND id = $3`, tx.TenantID(), facility, id))
	if err == nil && !ok {
		err = kernel.NotThere(table)
	}
	return err
}

// ensureFacility makes the row of a facility that is set up for the first time.
func ensureFacility(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) error {
	_, err := pg.From(tx).ExecContext(ctx, `INSERT INTO medical.facility (tenant_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, tx.TenantID(), facility)
	return err
}

// keepImport notes what was imported, when and by whom.
func keepImport(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, kind, name string, sum [32]byte, counts any, actor kernel.PersonID) error {
	raw, err := json.Marshal(counts)
	if err != nil {
		return err
	}
	_, err = pg.From(tx).ExecContext(ctx, `INSERT INTO medical.import (tenant_id, id, facility, kind, name, sha256, counts, actor, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
		tx.TenantID(), kernel.NewID(), facility, kind, name, sum[:], raw, nullText(actor))
	return err
}

// lockGroup keeps every other process from changing the calendar of the same practitioner, or of a schedule that has
// none, until the transaction ends. Bookings do not wait for it.
func lockGroup(ctx context.Context, tx kernel.Tx, g group) error {
	t := pg.From(tx)
	if g.practitioner != "" {
		if _, err := t.ExecContext(ctx, `SELECT FROM medical.practitioner WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`, tx.TenantID(), g.practitioner); err != nil {
			return err
		}
	}
	_, err := t.ExecContext(ctx, `SELECT FROM medical.schedule WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE`, tx.TenantID(), pq.Array(g.schedules))
	return err
}
