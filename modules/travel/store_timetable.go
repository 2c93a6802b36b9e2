package travel

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// dayBase is a day of service and the moment its times are counted from.
type dayBase struct {
	day  gtfs.Day
	base time.Time
}

func basesOf(days []dayBase) (c pg.Columns) {
	for _, d := range days {
		c.Add(pg.Text(d.day.String()), pg.Time(d.base))
	}
	return c
}

const makeDeparturesSQL = `INSERT INTO travel.departure (tenant_id, id, operator, feed, trip, trip_key, service_date, base_at, starts_at, ends_at)
	SELECT $1, n.id, $2, t.feed, t.number, t.key, $4::date, $5::timestamptz, $5::timestamptz + t.leaves * interval '1 second', $5::timestamptz + t.ends * interval '1 second'
	FROM unnest($6::uuid[], $7::int[]) AS n (id, number) JOIN travel.trip t ON t.tenant_id = $1 AND t.feed = $3 AND t.number = n.number
	ON CONFLICT DO NOTHING`

// makeDepartures makes the departures of a timetable on some days of service, as far as they have not ended: who stands at
// its next stop can still take one that is under way. Those that are there already stay as they are. It returns how many
// are new.
func makeDepartures(ctx context.Context, tx kernel.Tx, f feedRow, days []dayBase, now time.Time) (made int, err error) {
	t := pg.From(tx)
	for _, d := range days {
		var trips []int
		err := t.SelectContext(ctx, &trips, `SELECT t.number FROM travel.service_day v JOIN travel.trip t ON t.tenant_id = $1 AND t.feed = $2 AND t.service = v.service
			WHERE v.tenant_id = $1 AND v.feed = $2 AND v.day = $3 AND $4::timestamptz + t.ends * interval '1 second' > $5
			ORDER BY t.leaves, t.number`, tx.TenantID(), f.ID, d.day.String(), d.base, now)
		if err != nil {
			return 0, fmt.Errorf("trips on %s: %w", d.day, err)
		}
		n, err := inChunks(ctx, tx, makeDeparturesSQL, []any{tx.TenantID(), f.Operator, f.ID, d.day.String(), d.base}, trips, func(c *pg.Columns, n int) {
			c.Add(pg.Text(kernel.NewID()), pg.Int(n))
		})
		if err != nil {
			return 0, fmt.Errorf("departures on %s: %w", d.day, err)
		}
		made += n
	}
	return made, nil
}

// madeUntil notes up to which day of service departures exist.
func madeUntil(ctx context.Context, tx kernel.Tx, feed FeedID, day gtfs.Day) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.feed SET made_until = $3 WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), feed, day.String())
	return err
}

// Departures of an earlier timetable that have not ended, beside the trip of the same key on the same day in the new one.
// Whoever is taking a seat holds the departure's row; a statement that waits for it judges the row anew.
const ofBefore = ` FROM travel.trip n
	JOIN travel.service_day v ON v.tenant_id = $1 AND v.feed = n.feed AND v.service = n.service
	JOIN unnest($5::date[], $6::timestamptz[]) AS b (day, base) ON b.day = v.day
	WHERE n.tenant_id = $1 AND n.feed = $3 AND d.tenant_id = $1 AND d.operator = $2 AND d.trip_key = n.key AND d.service_date = v.day AND d.feed <> $3 AND d.ends_at > $4`

const takeOver = `UPDATE travel.departure d SET feed = n.feed, trip = n.number, base_at = b.base, starts_at = b.base + n.leaves * interval '1 second',
	ends_at = b.base + n.ends * interval '1 second', offered = ` + noneUnsettled

// sameAsBooked is the condition under which nobody who has booked notices the new timetable.
const sameAsBooked = ` AND d.claimed AND d.base_at = b.base
	AND n.pattern = (SELECT o.pattern FROM travel.trip o WHERE o.tenant_id = $1 AND o.feed = d.feed AND o.number = d.trip)`

// replaced is what a new timetable does to the departures of the one before.
type replaced struct{ moved, gone, conflicts int }

// replaceDepartures fits the departures that have not left to a new timetable. What nobody has booked follows it or goes;
// what somebody has booked follows it when it stays the same, and is kept as it was and becomes a conflict when not.
func replaceDepartures(ctx context.Context, tx kernel.Tx, f feedRow, days []dayBase, now time.Time) (r replaced, err error) {
	t := pg.From(tx)
	args := basesOf(days).Args(tx.TenantID(), f.Operator, f.ID, now)
	for _, s := range []struct {
		what, text string
		args       []any
		count      *int
	}{
		{"departures nobody has booked", takeOver + ofBefore + ` AND NOT d.claimed`, args, &r.moved},
		{"departures nobody has booked", `DELETE FROM travel.departure WHERE tenant_id = $1 AND operator = $2 AND feed <> $3 AND starts_at > $4 AND NOT claimed`, args[:4], &r.gone},
		{"departures that stay the same", takeOver + ofBefore + sameAsBooked, args, &r.moved},
	} {
		res, err := t.ExecContext(ctx, s.text, s.args...)
		if err != nil {
			return replaced{}, fmt.Errorf("%s: %w", s.what, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return replaced{}, err
		}
		*s.count += int(n)
	}
	if err := settleFitting(ctx, tx, f.Operator, now); err != nil {
		return replaced{}, err
	}
	r.conflicts, err = raiseConflicts(ctx, tx, f, now)
	return r, err
}

// settleFitting settles the conflicts of departures that are in force again as they were booked.
func settleFitting(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, now time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.conflict c SET done_at = $3, how = 'settled' FROM travel.departure d
		WHERE c.tenant_id = $1 AND c.operator = $2 AND c.done_at IS NULL AND d.tenant_id = $1 AND d.id = c.departure_id AND d.offered`, tx.TenantID(), operator, now)
	if err != nil {
		return fmt.Errorf("settling conflicts: %w", err)
	}
	return nil
}

// raiseConflicts takes the booked departures that the timetable in force does not have so out of the offer, and makes a
// conflict of each, unless it has left, is called off, or staff have said of the same that it stays. It returns how many
// conflicts are open.
func raiseConflicts(ctx context.Context, tx kernel.Tx, f feedRow, now time.Time) (int, error) {
	t := pg.From(tx)
	var rows []struct {
		ID   DepartureID `db:"id"`
		Kind string      `db:"kind"`
		Left bool        `db:"left"`
	}
	err := t.SelectContext(ctx, &rows, `UPDATE travel.departure d SET offered = false WHERE tenant_id = $1 AND operator = $2 AND feed <> $3 AND ends_at > $4 AND state = 'scheduled'
		RETURNING id, starts_at <= $4 AS left, CASE WHEN EXISTS (SELECT FROM travel.trip n JOIN travel.service_day v ON v.tenant_id = $1 AND v.feed = n.feed AND v.service = n.service AND v.day = d.service_date
			WHERE n.tenant_id = $1 AND n.feed = $3 AND n.key = d.trip_key) THEN 'changed' ELSE 'gone' END AS kind`, tx.TenantID(), f.Operator, f.ID, now)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var c pg.Columns
	for _, r := range rows {
		if !r.Left {
			c.Add(pg.Text(kernel.NewID()), pg.Text(r.ID), pg.Text(r.Kind))
		}
	}
	if c == nil {
		return 0, nil
	}
	res, err := t.ExecContext(ctx, `INSERT INTO travel.conflict AS k (tenant_id, id, operator, departure_id, feed, kind, created_at)
		SELECT $1, n.id, $2, n.departure, $3, n.kind, $4 FROM unnest($5::uuid[], $6::uuid[], $7::text[]) AS n (id, departure, kind)
		WHERE NOT EXISTS (SELECT FROM travel.conflict o WHERE o.tenant_id = $1 AND o.departure_id = n.departure AND o.how = 'kept' AND o.kind = n.kind)
		ON CONFLICT (tenant_id, departure_id) WHERE done_at IS NULL DO UPDATE SET kind = EXCLUDED.kind, feed = EXCLUDED.feed`,
		c.Args(tx.TenantID(), f.Operator, f.ID, now)...)
	if err != nil {
		return 0, fmt.Errorf("conflicts: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// forgetPast deletes departures nobody had booked that ended before a moment.
func forgetPast(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, before time.Time) error {
	_, err := pg.From(tx).ExecContext(ctx, `DELETE FROM travel.departure WHERE tenant_id = $1 AND operator = $2 AND starts_at < $3 AND ends_at < $3 AND NOT claimed`, tx.TenantID(), operator, before)
	if err != nil {
		return fmt.Errorf("departures of the past: %w", err)
	}
	return nil
}

type conflictRow struct {
	ID        ConflictID      `db:"id"`
	Operator  kernel.AgencyID `db:"operator"`
	Departure DepartureID     `db:"departure_id"`
	Kind      string          `db:"kind"`
	CreatedAt time.Time       `db:"created_at"`
}

// openConflicts are those of an operator that nobody has settled, the oldest first.
func openConflicts(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) ([]Conflict, error) {
	var rows []conflictRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, operator, departure_id, kind, created_at FROM travel.conflict
		WHERE tenant_id = $1 AND operator = $2 AND done_at IS NULL ORDER BY created_at, id LIMIT 500`, tx.TenantID(), operator)
	if err != nil {
		return nil, fmt.Errorf("conflicts: %w", err)
	}
	out := make([]Conflict, len(rows))
	for i, r := range rows {
		out[i] = Conflict(r)
	}
	return out, nil
}

// closeConflict settles a conflict. NotThere when there is none that is open.
func closeConflict(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id ConflictID, how string, by kernel.PersonID, now time.Time) (Conflict, error) {
	var rows []conflictRow
	err := pg.From(tx).SelectContext(ctx, &rows, `UPDATE travel.conflict SET done_at = $5, done_by = $6, how = $4 WHERE tenant_id = $1 AND operator = $2 AND id = $3 AND done_at IS NULL
		RETURNING id, operator, departure_id, kind, created_at`, tx.TenantID(), operator, id, how, now, sql.NullString{String: string(by), Valid: by != ""})
	if err != nil {
		return Conflict{}, fmt.Errorf("conflict %s: %w", id, err)
	}
	if len(rows) == 0 {
		return Conflict{}, kernel.NotThere("conflict")
	}
	return Conflict(rows[0]), nil
}

// moveDeparture gives one departure the times and stops that the timetable in force has for it; false when it has none.
func moveDeparture(ctx context.Context, tx kernel.Tx, f feedRow, id DepartureID, days []dayBase, now time.Time) (bool, error) {
	args := append(basesOf(days).Args(tx.TenantID(), f.Operator, f.ID, now), id)
	res, err := pg.From(tx).ExecContext(ctx, takeOver+ofBefore+` AND d.id = $7`, args...)
	if err != nil {
		return false, fmt.Errorf("departure %s: %w", id, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// callOff says that a departure does not run.
func callOff(ctx context.Context, tx kernel.Tx, id DepartureID) error {
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.departure SET state = 'called-off' WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id)
	return err
}

// aboutRow is what all departures of a trip have in common.
type aboutRow struct {
	Name       string `db:"trip_name"`
	RouteKey   string `db:"route_key"`
	Short      string `db:"short"`
	RouteName  []byte `db:"route_name"`
	Means      string `db:"means"`
	Color      string `db:"color"`
	TextColor  string `db:"text_color"`
	Carrier    string `db:"carrier"`
	Headsign   []byte `db:"headsign"`
	Wheelchair int    `db:"wheelchair"`
	Bicycle    int    `db:"bicycle"`
	Headway    int    `db:"headway"`
}

// dayRow is what is one departure's own.
type dayRow struct {
	ID       DepartureID     `db:"id"`
	Operator kernel.AgencyID `db:"operator"`
	Date     string          `db:"date"`
	Trip     string          `db:"trip_key"`
	StartsAt time.Time       `db:"starts_at"`
	EndsAt   time.Time       `db:"ends_at"`
	Layout   string          `db:"layout"`
	State    string          `db:"state"`
	Offered  bool            `db:"offered"`
	Claimed  bool            `db:"claimed"`
	Feed     FeedID          `db:"feed"`
	Number   int             `db:"trip"`
}

const (
	aboutColumns = `t.name AS trip_name, r.key AS route_key, r.short, r.name AS route_name, r.means, r.color, r.text_color, r.carrier, t.headsign, t.wheelchair, t.bicycle, t.headway`
	dayColumns   = `d.id, d.operator, d.service_date::text AS date, d.trip_key, d.starts_at, d.ends_at, d.layout, d.state, d.offered, d.claimed, d.feed, d.trip`
)

func (r aboutRow) about() (d Departure, err error) {
	d = Departure{Name: r.Name, Wheelchair: r.Wheelchair, Bicycle: r.Bicycle, Headway: r.Headway,
		Route: Route{Key: r.RouteKey, Short: r.Short, Means: r.Means, Color: r.Color, TextColor: r.TextColor, Carrier: r.Carrier}}
	if err = json.Unmarshal(r.RouteName, &d.Route.Name); err == nil {
		err = json.Unmarshal(r.Headsign, &d.Headsign)
	}
	return d, err
}

// of is the departure of a trip on its day.
func (r dayRow) of(about Departure, zone string) Departure {
	d := about
	d.ID, d.Operator, d.Date, d.Trip, d.Zone = r.ID, r.Operator, r.Date, r.Trip, zone
	d.StartsAt, d.EndsAt, d.Layout, d.State, d.Offered, d.Claimed = r.StartsAt.UTC(), r.EndsAt.UTC(), r.Layout, r.State, r.Offered, r.Claimed
	d.feed, d.trip = r.Feed, r.Number
	return d
}

type callRow struct {
	Departure DepartureID `db:"departure_id"`
	Seq       int         `db:"seq"`
	Stop      StopID      `db:"stop_id"`
	Code      string      `db:"code"`
	Station   StopID      `db:"station_id"`
	Name      []byte      `db:"name"`
	Platform  string      `db:"platform"`
	Zone      string      `db:"zone"`
	FareZone  string      `db:"fare_zone"`
	Arrives   time.Time   `db:"arrives_at"`
	Departs   time.Time   `db:"departs_at"`
	Pickup    bool        `db:"pickup"`
	DropOff   bool        `db:"drop_off"`
	Estimated bool        `db:"estimated"`
}

const callColumns = `d.id AS departure_id, c.seq, c.stop_id, s.code, s.station_id, s.name, s.platform, s.zone, s.fare_zone, d.base_at + c.arrives * interval '1 second' AS arrives_at,
	d.base_at + c.departs * interval '1 second' AS departs_at, c.pickup <> 1 AS pickup, c.drop_off <> 1 AS drop_off, c.estimated`

func (r callRow) call() (Call, error) {
	c := Call{Seq: r.Seq, Stop: r.Stop, Code: r.Code, Station: r.Station, Platform: r.Platform, Zone: r.Zone, FareZone: r.FareZone, Pickup: r.Pickup, DropOff: r.DropOff, Estimated: r.Estimated}
	zone := located(r.Zone)
	c.Arrives, c.Departs = r.Arrives.In(zone), r.Departs.In(zone)
	return c, json.Unmarshal(r.Name, &c.Name)
}

// callsOf reads all calls of departures, in order.
func callsOf(ctx context.Context, tx kernel.Tx, ids []DepartureID) (map[DepartureID][]Call, error) {
	var rows []callRow
	among, value := pg.Among("d.id", 2, ids)
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+callColumns+` FROM travel.departure d
		JOIN travel.stop_time c ON c.tenant_id = $1 AND c.feed = d.feed AND c.trip = d.trip JOIN travel.stop s ON s.tenant_id = $1 AND s.id = c.stop_id
		WHERE d.tenant_id = $1 AND `+among+` ORDER BY d.id, c.seq`, tx.TenantID(), value)
	if err != nil {
		return nil, fmt.Errorf("calls of departures: %w", err)
	}
	out := map[DepartureID][]Call{}
	for _, r := range rows {
		c, err := r.call()
		if err != nil {
			return nil, err
		}
		out[r.Departure] = append(out[r.Departure], c)
	}
	return out, nil
}

// loadDepartures reads departures by id with their calls, as this transaction sees them: whoever has locked a row reads
// what no import can change before they commit. What there is not is not among the answers. The ids have the shape of ids.
func loadDepartures(ctx context.Context, tx kernel.Tx, ids ...DepartureID) (map[DepartureID]Departure, error) {
	out := map[DepartureID]Departure{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		dayRow
		aboutRow
		Zone string `db:"zone"`
	}
	among, value := pg.Among("d.id", 2, ids)
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+dayColumns+`, `+aboutColumns+`, f.zone FROM travel.departure d
		JOIN travel.feed f ON f.tenant_id = $1 AND f.id = d.feed
		JOIN travel.trip t ON t.tenant_id = $1 AND t.feed = d.feed AND t.number = d.trip
		JOIN travel.route r ON r.tenant_id = $1 AND r.feed = d.feed AND r.key = t.route
		WHERE d.tenant_id = $1 AND `+among, tx.TenantID(), value)
	if err != nil {
		return nil, fmt.Errorf("departures: %w", err)
	}
	calls, err := callsOf(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		about, err := r.about()
		if err != nil {
			return nil, err
		}
		d := r.of(about, r.Zone)
		d.Calls = calls[d.ID]
		out[d.ID] = d
	}
	return out, nil
}

// loadDeparture reads one departure. NotThere when there is none.
func loadDeparture(ctx context.Context, tx kernel.Tx, id DepartureID) (Departure, error) {
	if !kernel.ValidID(string(id)) {
		return Departure{}, kernel.NotThere("departure")
	}
	found, err := loadDepartures(ctx, tx, id)
	if err != nil {
		return Departure{}, err
	}
	d, ok := found[id]
	if !ok {
		return Departure{}, kernel.NotThere("departure")
	}
	return d, nil
}

type placeRow struct {
	ID        StopID          `db:"id"`
	Operator  kernel.AgencyID `db:"operator"`
	Name      []byte          `db:"name"`
	Zone      string          `db:"zone"`
	Latitude  sql.NullFloat64 `db:"latitude"`
	Longitude sql.NullFloat64 `db:"longitude"`
}

const placeColumns = `s.id, s.operator, s.name, s.zone, s.latitude, s.longitude`

func (r placeRow) place() (Place, error) {
	p := Place{ID: r.ID, Operator: r.Operator, Zone: r.Zone}
	if r.Latitude.Valid {
		p.Latitude, p.Longitude = &r.Latitude.Float64, &r.Longitude.Float64
	}
	return p, json.Unmarshal(r.Name, &p.Name)
}
