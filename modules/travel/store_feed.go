package travel

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// feedRow is a version of an operator's timetable.
type feedRow struct {
	ID        FeedID          `db:"id"`
	Operator  kernel.AgencyID `db:"operator"`
	Version   int             `db:"version"`
	Sum       []byte          `db:"sha256"`
	Zone      string          `db:"zone"`
	Longest   int             `db:"longest"`
	MadeUntil time.Time       `db:"made_until"`
}

const feedColumns = `id, operator, version, sha256, zone, longest, made_until`

// lockOperator makes the row of an operator and keeps every other process from changing its timetable until the
// transaction ends. Whoever takes a seat does not wait for it.
func lockOperator(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) error {
	t := pg.From(tx)
	if _, err := t.ExecContext(ctx, `INSERT INTO travel.operator (tenant_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, tx.TenantID(), operator); err != nil {
		return fmt.Errorf("operator %s: %w", operator, err)
	}
	_, err := t.ExecContext(ctx, `SELECT FROM travel.operator WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`, tx.TenantID(), operator)
	return err
}

// activeFeeds are the timetables in force, by operator; of one operator when it is not empty.
func activeFeeds(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) (all []feedRow, err error) {
	err = pg.From(tx).SelectContext(ctx, &all, `SELECT `+feedColumns+` FROM travel.feed WHERE tenant_id = $1 AND active AND ($2 = '' OR operator = $2) ORDER BY operator`, tx.TenantID(), operator)
	if err != nil {
		return nil, fmt.Errorf("timetables: %w", err)
	}
	return all, nil
}

// newFeed is what is written of a feed beside its tables.
type newFeed struct {
	feedRow
	feed   gtfs.Feed
	name   string
	counts []Count
	actor  kernel.PersonID
}

// putFeed makes a version of the timetable and puts it in force instead of the one before.
func putFeed(ctx context.Context, tx kernel.Tx, n newFeed) error {
	fares, err := json.Marshal(append([]gtfs.Fare{}, n.feed.Fares...))
	if err != nil {
		return err
	}
	counts, err := json.Marshal(n.counts)
	if err != nil {
		return err
	}
	t := pg.From(tx)
	if _, err := t.ExecContext(ctx, `UPDATE travel.feed SET active = false WHERE tenant_id = $1 AND operator = $2 AND active`, tx.TenantID(), n.Operator); err != nil {
		return fmt.Errorf("the timetable before: %w", err)
	}
	first, last := n.feed.Span()
	_, err = t.ExecContext(ctx, `INSERT INTO travel.feed (tenant_id, id, operator, version, active, name, sha256, publisher, feed_version, zone, first_day, last_day, longest, made_until,
			fares, counts, actor, imported_at)
		VALUES ($1, $2, $3, (SELECT coalesce(max(version), 0) + 1 FROM travel.feed WHERE tenant_id = $1 AND operator = $3), true, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())`,
		tx.TenantID(), n.ID, n.Operator, n.name, n.Sum, n.feed.Info.Publisher, n.feed.Info.Version, n.Zone, first.String(), last.String(), n.Longest,
		n.MadeUntil.Format(time.DateOnly), fares, counts, sql.NullString{String: string(n.actor), Valid: n.actor != ""})
	if err != nil {
		return fmt.Errorf("timetable of %s: %w", n.Operator, err)
	}
	return nil
}

// chunk is how many rows one statement brings.
const chunk = 5000

// inChunks writes rows through one statement, whose first arguments are first. It returns how many were written.
func inChunks[T any](ctx context.Context, tx kernel.Tx, statement string, first []any, rows []T, add func(*pg.Columns, T)) (written int, err error) {
	for part := range slices.Chunk(rows, chunk) {
		var c pg.Columns
		for _, r := range part {
			add(&c, r)
		}
		res, err := pg.From(tx).ExecContext(ctx, statement, c.Args(first...)...)
		if err != nil {
			return 0, err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return 0, err
		}
		written += int(n)
	}
	return written, nil
}

// stopIDs are the ids of an operator's stops, by its own codes for them.
func stopIDs(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) (map[string]StopID, error) {
	var rows []struct {
		ID   StopID `db:"id"`
		Code string `db:"code"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, `SELECT id, code FROM travel.stop WHERE tenant_id = $1 AND operator = $2`, tx.TenantID(), operator); err != nil {
		return nil, fmt.Errorf("stops of %s: %w", operator, err)
	}
	out := make(map[string]StopID, len(rows))
	for _, r := range rows {
		out[r.Code] = r.ID
	}
	return out, nil
}

// Stations come before what belongs to them, so that each row finds the one it names.
const bringStopsSQL = `INSERT INTO travel.stop AS s (tenant_id, operator, id, code, station_id, kind, name, folded, sign, platform, fare_zone, latitude, longitude, zone, wheelchair)
	SELECT $1, $2, n.* FROM unnest($3::uuid[], $4::text[], $5::uuid[], $6::smallint[], $7::jsonb[], $8::text[], $9::text[], $10::text[], $11::text[], $12::float8[], $13::float8[],
		$14::text[], $15::smallint[]) AS n
	ON CONFLICT (tenant_id, operator, code) DO UPDATE SET station_id = EXCLUDED.station_id, kind = EXCLUDED.kind, name = EXCLUDED.name, folded = EXCLUDED.folded,
		sign = EXCLUDED.sign, platform = EXCLUDED.platform, fare_zone = EXCLUDED.fare_zone, latitude = EXCLUDED.latitude, longitude = EXCLUDED.longitude,
		zone = EXCLUDED.zone, wheelchair = EXCLUDED.wheelchair, active = true
	WHERE (s.station_id, s.kind, s.name, s.folded, s.sign, s.platform, s.fare_zone, s.latitude, s.longitude, s.zone, s.wheelchair, s.active)
		IS DISTINCT FROM (EXCLUDED.station_id, EXCLUDED.kind, EXCLUDED.name, EXCLUDED.folded, EXCLUDED.sign, EXCLUDED.platform, EXCLUDED.fare_zone, EXCLUDED.latitude,
			EXCLUDED.longitude, EXCLUDED.zone, EXCLUDED.wheelchair, true)`

// bringStops writes the stops over those of the same code; one that is named no more is not shown any more, and stays for
// who has booked from there. It adds the ids of new ones to ids.
func bringStops(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, stops []gtfs.Stop, ids map[string]StopID) error {
	parent := map[string]string{}
	var codes pg.Columns
	var top, below []gtfs.Stop
	for _, s := range stops {
		parent[s.ID] = s.Parent
		if ids[s.ID] == "" {
			ids[s.ID] = StopID(kernel.NewID())
		}
		codes.Add(pg.Text(s.ID))
		if s.Parent == "" {
			top = append(top, s)
		} else {
			below = append(below, s)
		}
	}
	stations := make(map[string]StopID, len(stops))
	for code := range parent {
		at := code
		for parent[at] != "" {
			at = parent[at]
		}
		stations[code] = ids[at]
	}
	for _, part := range [][]gtfs.Stop{top, below} {
		_, err := inChunks(ctx, tx, bringStopsSQL, []any{tx.TenantID(), operator}, part, func(c *pg.Columns, s gtfs.Stop) {
			lat, lon := pg.TextOrNull(""), pg.TextOrNull("")
			if s.Located {
				lat, lon = pg.Text(fmt.Sprint(s.Latitude)), pg.Text(fmt.Sprint(s.Longitude))
			}
			c.Add(pg.Text(ids[s.ID]), pg.Text(s.ID), pg.Text(stations[s.ID]), pg.Int(s.Kind), jsonField(s.Name), pg.Text(foldAll(s.Name)), pg.Text(s.Code), pg.Text(s.PlatformCode),
				pg.Text(s.FareZone), lat, lon, pg.Text(s.Zone), pg.Int(int(s.Wheelchair)))
		})
		if err != nil {
			return fmt.Errorf("stops of %s: %w", operator, err)
		}
	}
	_, err := pg.From(tx).ExecContext(ctx, `UPDATE travel.stop SET active = false WHERE tenant_id = $1 AND operator = $2 AND active AND code <> ALL ($3::text[])`,
		codes.Args(tx.TenantID(), operator)...)
	return err
}

func jsonField(t kernel.Text) pg.Field {
	if len(t) == 0 {
		return pg.Text("{}")
	}
	raw, _ := json.Marshal(t) // a map of texts
	return pg.Text(string(raw))
}

const (
	putRoutesSQL = `INSERT INTO travel.route (tenant_id, feed, key, agency, carrier, short, name, means, color, text_color)
		SELECT $1, $2, n.* FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[], $9::text[], $10::text[]) AS n`
	putDaysSQL  = `INSERT INTO travel.service_day (tenant_id, feed, service, day) SELECT $1, $2, n.* FROM unnest($3::text[], $4::date[]) AS n`
	putTripsSQL = `INSERT INTO travel.trip (tenant_id, feed, number, key, route, service, headsign, name, direction, wheelchair, bicycle, headway, leaves, ends, pattern)
		SELECT $1, $2, n.* FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[], $9::smallint[], $10::smallint[], $11::smallint[], $12::int[], $13::int[],
			$14::int[], $15::bytea[]) AS n`
	putCallsSQL = `INSERT INTO travel.stop_time (tenant_id, feed, trip, seq, stop_id, arrives, departs, pickup, drop_off, estimated)
		SELECT $1, $2, n.* FROM unnest($3::int[], $4::smallint[], $5::uuid[], $6::int[], $7::int[], $8::smallint[], $9::smallint[], $10::bool[]) AS n`
)

// serviceDay is a day on which a service runs.
type serviceDay struct {
	service string
	day     gtfs.Day
}

// numberedCall is a call with its trip's number and its place in it.
type numberedCall struct {
	trip, seq int
	gtfs.Call
}

// putTables writes the routes, days, trips and calls of a feed.
func putTables(ctx context.Context, tx kernel.Tx, id FeedID, f gtfs.Feed, days []serviceDay, ids map[string]StopID) error {
	first := []any{tx.TenantID(), id}
	carriers := map[string]string{}
	for _, a := range f.Agencies {
		carriers[a.ID] = a.Name
	}
	numbers := make([]int, len(f.Trips))
	var calls []numberedCall
	for i, t := range f.Trips {
		numbers[i] = i
		for k, c := range t.Calls {
			calls = append(calls, numberedCall{i, k, c})
		}
	}
	for _, put := range []func() (int, error){
		func() (int, error) {
			return inChunks(ctx, tx, putRoutesSQL, first, f.Routes, func(c *pg.Columns, r gtfs.Route) {
				c.Add(pg.Text(r.ID), pg.Text(r.Agency), pg.Text(carriers[r.Agency]), pg.Text(r.Short), jsonField(r.Title()), pg.Text(r.Means), pg.Text(r.Color), pg.Text(r.TextColor))
			})
		},
		func() (int, error) {
			return inChunks(ctx, tx, putDaysSQL, first, days, func(c *pg.Columns, d serviceDay) { c.Add(pg.Text(d.service), pg.Text(d.day.String())) })
		},
		func() (int, error) {
			return inChunks(ctx, tx, putTripsSQL, first, numbers, func(c *pg.Columns, n int) {
				t := f.Trips[n]
				c.Add(pg.Int(n), pg.Text(t.ID), pg.Text(t.Route), pg.Text(t.Service), jsonField(t.Headsign), pg.Text(t.Name), pg.Int(t.Direction), pg.Int(int(t.Wheelchair)),
					pg.Int(int(t.Bicycle)), pg.Int(t.Headway), pg.Int(t.Calls[0].Departs), pg.Int(t.Calls[len(t.Calls)-1].Arrives), pg.Bytes(pattern(t)))
			})
		},
		func() (int, error) {
			return inChunks(ctx, tx, putCallsSQL, first, calls, func(c *pg.Columns, k numberedCall) {
				c.Add(pg.Int(k.trip), pg.Int(k.seq), pg.Text(ids[k.Stop]), pg.Int(k.Arrives), pg.Int(k.Departs), pg.Int(k.Pickup), pg.Int(k.DropOff), pg.Bool(k.Estimated))
			})
		},
	} {
		if _, err := put(); err != nil {
			return fmt.Errorf("tables of a timetable: %w", err)
		}
	}
	return nil
}

// pattern is what a trip is to somebody who has booked it, in one hash: where it stops when, and who may get on or off.
func pattern(t gtfs.Trip) []byte {
	h := sha256.New()
	for _, c := range t.Calls {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(c.Stop))))
		h.Write([]byte(c.Stop))
		for _, n := range []int{c.Arrives, c.Departs, c.Pickup, c.DropOff} {
			h.Write(binary.BigEndian.AppendUint32(nil, uint32(n)))
		}
	}
	return h.Sum(nil)
}

// dropOld deletes what timetables that are no longer in force brought, but for the trips of departures that are left.
func dropOld(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) error {
	const old = ` x USING travel.feed f WHERE x.tenant_id = $1 AND f.tenant_id = $1 AND f.id = x.feed AND f.operator = $2 AND NOT f.active`
	for _, statement := range []string{
		`DELETE FROM travel.service_day` + old,
		`DELETE FROM travel.stop_time` + old + ` AND NOT EXISTS (SELECT FROM travel.departure d WHERE d.tenant_id = $1 AND d.feed = x.feed AND d.trip = x.trip)`,
		`DELETE FROM travel.trip` + old + ` AND NOT EXISTS (SELECT FROM travel.departure d WHERE d.tenant_id = $1 AND d.feed = x.feed AND d.trip = x.number)`,
		`DELETE FROM travel.route` + old + ` AND NOT EXISTS (SELECT FROM travel.trip t WHERE t.tenant_id = $1 AND t.feed = x.feed AND t.route = x.key)`,
	} {
		if _, err := pg.From(tx).ExecContext(ctx, statement, tx.TenantID(), operator); err != nil {
			return fmt.Errorf("what the timetables before brought: %w", err)
		}
	}
	return nil
}
