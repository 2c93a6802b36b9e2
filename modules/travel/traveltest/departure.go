// Package traveltest puts departures into a database without a feed, for tests of what is sold on them.
package traveltest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// Departure is one to be made: it calls at stop-0 ("Stop 0"), stop-1 …, numbered from 0, and stands Dwell at each.
type Departure struct {
	Operator kernel.AgencyID
	Route    string // its short name
	Headsign string
	Layout   string
	Begins   time.Time // when it leaves its first stop, to the second
	Calls    int
	Apart    time.Duration
	Dwell    time.Duration
}

// Make writes the departure with all it needs into the operator's one timetable, and returns its id. A search that has read
// the timetable before does not know of it.
func Make(ctx context.Context, tx *pg.Tx, d Departure) (string, error) {
	id, trip := kernel.NewID(), kernel.NewID()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return "", err
	}
	day := gtfs.DayAt(d.Begins, zone)
	base := gtfs.At(day, 0, zone)
	first := int(d.Begins.Sub(base).Seconds())
	sum := sha256.Sum256([]byte(d.Operator))
	var calls pg.Columns
	last := 0
	for i := range d.Calls {
		leaves := first + int((time.Duration(i) * d.Apart).Seconds())
		last = max(0, leaves-int(d.Dwell.Seconds())) // of its day: one that leaves at midnight has not come the day before
		calls.Add(pg.Int(i), pg.Text(fmt.Sprintf("stop-%d", i)), pg.Text(fmt.Sprintf(`{"en":"Stop %d"}`, i)), pg.Text(fmt.Sprintf("stop %d", i)), pg.Int(last), pg.Int(leaves))
	}
	for _, s := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO travel.operator (tenant_id, id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, []any{tx.TenantID(), d.Operator}},
		{`INSERT INTO travel.feed (tenant_id, id, operator, version, active, name, sha256, zone, first_day, last_day, longest, made_until, counts, imported_at)
			VALUES ($1, md5($2)::uuid, $2, 1, true, 'made by hand', $3, 'Europe/London', current_date - 1, current_date + 365, 200000, current_date + 365, '[]', now()) ON CONFLICT DO NOTHING`,
			[]any{tx.TenantID(), d.Operator, sum[:]}},
		{`INSERT INTO travel.route (tenant_id, feed, key, short, name, means) VALUES ($1, md5($2)::uuid, $3, $3, '{"en":"Coast Line"}', 'coach') ON CONFLICT DO NOTHING`,
			[]any{tx.TenantID(), d.Operator, d.Route}},
		{`INSERT INTO travel.service_day (tenant_id, feed, service, day) VALUES ($1, md5($2)::uuid, $3, $4::date)`, []any{tx.TenantID(), d.Operator, trip, day.String()}},
		{`INSERT INTO travel.stop (tenant_id, id, operator, code, station_id, kind, name, folded, zone, wheelchair)
			SELECT $1, md5($2 || c.code)::uuid, $2, c.code, md5($2 || c.code)::uuid, 0, c.name, c.folded, 'Europe/London', 1
			FROM unnest($3::int[], $4::text[], $5::jsonb[], $6::text[], $7::int[], $8::int[]) AS c (seq, code, name, folded, arrives, departs) ON CONFLICT DO NOTHING`,
			calls.Args(tx.TenantID(), d.Operator)},
		{`INSERT INTO travel.trip (tenant_id, feed, number, key, route, service, headsign, direction, wheelchair, bicycle, headway, leaves, ends, pattern)
			SELECT $1, md5($2)::uuid, count(*), $3, $4, $3, CASE WHEN $5 = '' THEN '{}'::jsonb ELSE jsonb_build_object('en', $5::text) END, 0, 1, 1, 0, $6, $7, $8
			FROM travel.trip WHERE tenant_id = $1 AND feed = md5($2)::uuid`, []any{tx.TenantID(), d.Operator, trip, d.Route, d.Headsign, first, last, sum[:]}},
		{`INSERT INTO travel.stop_time (tenant_id, feed, trip, seq, stop_id, arrives, departs, pickup, drop_off)
			SELECT $1, t.feed, t.number, c.seq, md5($2 || c.code)::uuid, c.arrives, c.departs, 0, 0
			FROM travel.trip t, unnest($4::int[], $5::text[], $6::jsonb[], $7::text[], $8::int[], $9::int[]) AS c (seq, code, name, folded, arrives, departs)
			WHERE t.tenant_id = $1 AND t.key = $3`, calls.Args(tx.TenantID(), d.Operator, trip)},
		{`INSERT INTO travel.departure (tenant_id, id, operator, feed, trip, trip_key, service_date, base_at, starts_at, ends_at, layout)
			SELECT $1, $2, $3, t.feed, t.number, t.key, $7::date, $5, $5::timestamptz + t.leaves * interval '1 second', $5::timestamptz + t.ends * interval '1 second', $6
			FROM travel.trip t WHERE t.tenant_id = $1 AND t.key = $4`, []any{tx.TenantID(), id, d.Operator, trip, base, d.Layout, day.String()}},
	} {
		if _, err := tx.ExecContext(ctx, s.text, s.args...); err != nil {
			return "", fmt.Errorf("%.40s: %w", s.text, err)
		}
	}
	return id, nil
}
