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

// loadIndex reads a timetable for the search.
func loadIndex(ctx context.Context, tx kernel.Tx, f feedRow) (*index, error) {
	x := &index{feed: f.ID, operator: f.Operator, zone: located(f.Zone), longest: f.Longest, stations: map[StopID]int{}, runs: map[gtfs.Day]map[string]bool{}}
	numbers, err := x.loadStops(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := x.loadDays(ctx, tx); err != nil {
		return nil, err
	}
	if err := x.loadTrips(ctx, tx, numbers); err != nil {
		return nil, err
	}
	x.finish()
	return x, nil
}

// loadStops reads the operator's stops; it returns their numbers by id.
func (x *index) loadStops(ctx context.Context, tx kernel.Tx) (map[StopID]int, error) {
	var rows []struct {
		ID         StopID `db:"id"`
		Station    StopID `db:"station_id"`
		Name       []byte `db:"name"`
		Platform   string `db:"platform"`
		Zone       string `db:"zone"`
		FareZone   string `db:"fare_zone"`
		Wheelchair int    `db:"wheelchair"`
		Folded     string `db:"folded"`
		Latitude   sql.NullFloat64
		Longitude  sql.NullFloat64
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, station_id, name, platform, zone, fare_zone, wheelchair, folded, latitude, longitude FROM travel.stop WHERE tenant_id = $1 AND operator = $2 AND active`,
		tx.TenantID(), x.operator)
	if err != nil {
		return nil, fmt.Errorf("stops of %s: %w", x.operator, err)
	}
	numbers := make(map[StopID]int, len(rows))
	for i, r := range rows {
		numbers[r.ID] = i
	}
	for _, r := range rows {
		s := indexStop{numbers[r.Station], gtfs.Access(r.Wheelchair), Call{Stop: r.ID, Station: r.Station, Platform: r.Platform, Zone: r.Zone, FareZone: r.FareZone},
			spot{firstName(r.Folded), r.Latitude.Valid, kernel.Position{Latitude: r.Latitude.Float64, Longitude: r.Longitude.Float64}}}
		if err := json.Unmarshal(r.Name, &s.call.Name); err != nil {
			return nil, fmt.Errorf("stop %s: %w", r.ID, err)
		}
		x.stations[r.ID] = s.station
		x.stops = append(x.stops, s)
	}
	return numbers, nil
}

func (x *index) loadDays(ctx context.Context, tx kernel.Tx) error {
	var rows []struct {
		Service string    `db:"service"`
		Day     time.Time `db:"day"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, `SELECT service, day FROM travel.service_day WHERE tenant_id = $1 AND feed = $2`, tx.TenantID(), x.feed); err != nil {
		return fmt.Errorf("days of %s: %w", x.feed, err)
	}
	for _, r := range rows {
		day := gtfs.DayOf(r.Day.Date())
		if x.runs[day] == nil {
			x.runs[day] = map[string]bool{}
		}
		x.runs[day][r.Service] = true
	}
	return nil
}

func (x *index) loadTrips(ctx context.Context, tx kernel.Tx, numbers map[StopID]int) error {
	t := pg.From(tx)
	var trips []struct {
		Key     string `db:"key"`
		Service string `db:"service"`
		aboutRow
	}
	// Numbers go from 0 on, and none is left out.
	err := t.SelectContext(ctx, &trips, `SELECT t.key, t.service, `+aboutColumns+` FROM travel.trip t JOIN travel.route r ON r.tenant_id = $1 AND r.feed = $2 AND r.key = t.route
		WHERE t.tenant_id = $1 AND t.feed = $2 ORDER BY t.number`, tx.TenantID(), x.feed)
	if err != nil {
		return fmt.Errorf("trips of %s: %w", x.feed, err)
	}
	for _, r := range trips {
		about, err := r.about()
		if err != nil {
			return fmt.Errorf("trip %s: %w", r.Key, err)
		}
		x.trips = append(x.trips, indexTrip{key: r.Key, service: r.Service, wheelchair: gtfs.Access(r.Wheelchair), bicycle: gtfs.Access(r.Bicycle), about: about})
	}
	rows, err := t.QueryContext(ctx, `SELECT trip, stop_id, arrives, departs, pickup <> 1, drop_off <> 1, estimated FROM travel.stop_time WHERE tenant_id = $1 AND feed = $2 ORDER BY trip, seq`,
		tx.TenantID(), x.feed)
	if err != nil {
		return fmt.Errorf("calls of %s: %w", x.feed, err)
	}
	defer rows.Close()
	for rows.Next() {
		var trip int
		var stop StopID
		var c indexCall
		if err := rows.Scan(&trip, &stop, &c.arrives, &c.departs, &c.pickup, &c.dropOff, &c.estimated); err != nil {
			return err
		}
		c.stop = numbers[stop]
		c.station = x.stops[c.stop].station
		x.trips[trip].calls = append(x.trips[trip].calls, c)
	}
	return rows.Err()
}

// withdrawn are the departures on some days of service that nobody can book, as keys of withdrawnKey: called off, or not in
// the timetable in force as they were booked. They are few, and have an index of their own.
func withdrawn(ctx context.Context, tx kernel.Tx, from, until gtfs.Day) (map[string]bool, error) {
	var rows []struct {
		Operator kernel.AgencyID `db:"operator"`
		Trip     string          `db:"trip_key"`
		Day      string          `db:"day"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT operator, trip_key, service_date::text AS day FROM travel.departure
		WHERE tenant_id = $1 AND service_date BETWEEN $2 AND $3 AND (NOT offered OR state <> 'scheduled')`, tx.TenantID(), from.String(), until.String())
	if err != nil {
		return nil, fmt.Errorf("departures that are withdrawn: %w", err)
	}
	out := map[string]bool{}
	for _, r := range rows {
		out[withdrawnKey(r.Operator, r.Trip, r.Day)] = true
	}
	return out, nil
}

// tripDay names a departure by its trip.
type tripDay struct {
	feed FeedID
	run
}

// departuresOf reads the departures of trips on days, as far as they are the departure's own.
func departuresOf(ctx context.Context, tx kernel.Tx, runs []tripDay) (map[tripDay]dayRow, error) {
	out := map[tripDay]dayRow{}
	if len(runs) == 0 {
		return out, nil
	}
	var c pg.Columns
	for _, r := range runs {
		c.Add(pg.Text(r.feed), pg.Int(r.trip), pg.Text(r.day.String()))
	}
	var rows []struct {
		dayRow
		Feed   FeedID    `db:"feed"`
		Number int       `db:"trip"`
		Day    time.Time `db:"service_date"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT d.feed, d.trip, d.service_date, `+dayColumns+` FROM unnest($2::uuid[], $3::int[], $4::date[]) AS n (feed, trip, day)
		JOIN travel.departure d ON d.tenant_id = $1 AND d.feed = n.feed AND d.trip = n.trip AND d.service_date = n.day`, c.Args(tx.TenantID())...)
	if err != nil {
		return nil, fmt.Errorf("departures: %w", err)
	}
	for _, r := range rows {
		out[tripDay{r.Feed, run{r.Number, gtfs.DayOf(r.Day.Date())}}] = r.dayRow
	}
	return out, nil
}

// searched are the stops people can name: stations, and stops that belong to none.
const searched = `s.tenant_id = $1 AND s.active AND s.id = s.station_id AND s.kind <= 1`

// A name as it is, before one that begins so, before one that has it somewhere.
const placesNamedSQL = `SELECT ` + placeColumns + `, CASE WHEN position($3 || $2 || $3 IN s.folded) > 0 THEN 3 WHEN position($3 || $2 IN s.folded) > 0 THEN 2 ELSE 1 END::float8 AS rank
	FROM travel.stop s WHERE ` + searched + ` AND position($2 IN s.folded) > 0 ORDER BY rank DESC, length(s.folded), s.folded, s.id LIMIT $4`

// A name that is like what was typed: the share of its letter triples that a part of a stop's names has (pg_trgm). No index
// helps, because row-level security comes before a comparison that is not leakproof, and none is needed: a municipality's
// stations are few.
const placesLikeSQL = `SELECT p.* FROM (SELECT ` + placeColumns + `, s.folded, word_similarity($2, s.folded)::float8 AS rank FROM travel.stop s WHERE ` + searched + `) p
	WHERE p.rank >= $3 ORDER BY p.rank DESC, length(p.folded), p.folded, p.id LIMIT $4`

// alike is how similar a name must be to pass for a misspelling, alikeBest how far behind the best one.
const (
	alike     = 0.45
	alikeBest = 0.1
)

// namedRow is a stop and how well its name fits.
type namedRow struct {
	placeRow
	Folded string  `db:"folded"`
	Rank   float64 `db:"rank"`
}

// placesNamed finds stations by what somebody typed, folded: by their names and parts of them, and when there are none, by
// names like it. best keeps only those that are as good as the best.
func placesNamed(ctx context.Context, tx kernel.Tx, typed string, best bool, most int) ([]Place, error) {
	var rows []namedRow
	t, slack := pg.From(tx), 0.0
	if err := t.SelectContext(ctx, &rows, placesNamedSQL, tx.TenantID(), typed, betweenNames, most); err != nil {
		return nil, fmt.Errorf("stops by name: %w", err)
	}
	if len(rows) == 0 {
		slack = alikeBest
		if err := t.SelectContext(ctx, &rows, placesLikeSQL, tx.TenantID(), typed, alike, most); err != nil {
			return nil, fmt.Errorf("stops by a name like it: %w", err)
		}
	}
	var out []Place
	for _, r := range rows {
		if best && r.Rank < rows[0].Rank-slack {
			break
		}
		p, err := r.place()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// stationsAt are the station of a stop that is in a timetable in force, and those of other operators that are the same place
// to travellers.
func stationsAt(ctx context.Context, tx kernel.Tx, id StopID) ([]Place, error) {
	var rows []struct {
		placeRow
		Folded string `db:"folded"`
		Own    bool   `db:"own"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+placeColumns+`, s.folded, s.id = o.id AS own FROM travel.stop n
		JOIN travel.stop o ON o.tenant_id = $1 AND o.id = n.station_id
		JOIN travel.stop s ON `+searched+` AND split_part(s.folded, $3, 2) = split_part(o.folded, $3, 2) AND (s.id = o.id OR s.operator <> o.operator)
		WHERE n.tenant_id = $1 AND n.id = $2 ORDER BY s.id <> o.id, s.operator, s.id`, tx.TenantID(), id, betweenNames)
	if err != nil {
		return nil, fmt.Errorf("stations: %w", err)
	}
	var out []Place
	for _, r := range rows {
		if !r.Own && (!rows[0].Own || !rows[0].spot(r.Folded).near(r.spot(r.Folded))) {
			continue
		}
		p, err := r.place()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func (r placeRow) spot(folded string) spot {
	return spot{firstName(folded), r.Latitude.Valid, kernel.Position{Latitude: r.Latitude.Float64, Longitude: r.Longitude.Float64}}
}
