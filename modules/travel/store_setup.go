package travel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

var constraints = map[string]*kernel.Error{
	"occupancy_pkey":    ErrSeatsTaken,
	"layout_sizes":      kernel.NewError(kernel.TooLarge, "layout-too-large", "This layout is too large."),
	"fare_table_sizes":  kernel.NewError(kernel.TooLarge, "fares-too-large", "This table of fares is too large."),
	"passenger_sizes":   kernel.NewError(kernel.TooLarge, "passengers-too-large", "These names are too long."),
	"ticket_one_valid":  kernel.ErrChanged,
	"booking_case_fkey": kernel.ErrChanged,
}

// setRow is a layout or a table of fares as the driver scans it.
type setRow struct {
	Operator  string         `db:"operator"`
	Code      string         `db:"code"`
	Service   string         `db:"service"`
	Routes    pq.StringArray `db:"routes"`
	Form      []byte         `db:"form"`
	Version   int            `db:"version"`
	UpdatedAt time.Time      `db:"updated_at"`
}

// loadLayout reads a vehicle of an operator; without a code the usual one, which is the first by its code: timetables do not
// say which vehicle comes. NotThere when it has none of that code.
func loadLayout(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, code string) (seats.Layout, int, error) {
	var r setRow
	err := pg.From(tx).GetContext(ctx, &r, `SELECT form, version FROM travel.layout WHERE tenant_id = $1 AND operator = $2 AND ($3 = '' OR code = $3) ORDER BY code LIMIT 1`, tx.TenantID(), operator, code)
	if errors.Is(err, sql.ErrNoRows) {
		return seats.Layout{}, 0, kernel.NotThere("layout")
	}
	if err != nil {
		return seats.Layout{}, 0, fmt.Errorf("layout %s: %w", code, err)
	}
	l, err := layouts.of(r.Form)
	if err != nil {
		return seats.Layout{}, 0, fmt.Errorf("layout %s: %w", code, err)
	}
	return l, r.Version, nil
}

// listLayouts lists the vehicles of an operator by code.
func listLayouts(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) ([]setRow, error) {
	var rows []setRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT code, form, version, updated_at FROM travel.layout WHERE tenant_id = $1 AND operator = $2 ORDER BY code LIMIT 1000`, tx.TenantID(), operator)
	return rows, err
}

// saveLayout writes a vehicle. version is the one that was looked at, 0 for a new one; false when it is another one by now.
func saveLayout(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, l seats.Layout, version int, at time.Time) (bool, error) {
	if version == 0 {
		return changed(pg.From(tx).ExecContext(ctx, `INSERT INTO travel.layout (tenant_id, operator, code, form, updated_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT DO NOTHING`, tx.TenantID(), operator, l.Code, l.JSON(), at))
	}
	return changed(pg.From(tx).ExecContext(ctx, `UPDATE travel.layout SET form = $4, version = version + 1, updated_at = $6
		WHERE tenant_id = $1 AND operator = $2 AND code = $3 AND version = $5`, tx.TenantID(), operator, l.Code, l.JSON(), version, at))
}

const seatedSQL = `SELECT EXISTS (SELECT FROM travel.occupancy o JOIN travel.departure d ON d.tenant_id = $1 AND d.id = o.departure_id
	WHERE o.tenant_id = $1 AND d.operator = $2 AND o.place = ANY ($4::text[]) AND d.ends_at > clock_timestamp()
		AND $3 = CASE WHEN d.layout <> '' THEN d.layout ELSE (SELECT min(code) FROM travel.layout WHERE tenant_id = $1 AND operator = $2) END)`

// seated reports whether somebody has one of places on a coming departure with that layout.
func seated(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, layout string, places []string) (yes bool, err error) {
	err = pg.From(tx).GetContext(ctx, &yes, seatedSQL, tx.TenantID(), operator, layout, pq.Array(places))
	return yes, err
}

// fareSet is a table of fares with what it is for.
type fareSet struct {
	fares.Table
	Service string
	Routes  []string
	Version int
}

func (r setRow) fareSet() (fareSet, error) {
	t, err := fareTables.of(r.Form)
	if err != nil {
		return fareSet{}, fmt.Errorf("fares %s: %w", r.Code, err)
	}
	return fareSet{Table: t, Service: r.Service, Routes: r.Routes, Version: r.Version}, nil
}

const fareColumns = `code, service, routes, form, version, updated_at`

const soldAsSQL = `SELECT ` + fareColumns + `, (SELECT l.form FROM travel.layout l WHERE l.tenant_id = $1 AND l.operator = $2 AND ($4 = '' OR l.code = $4) ORDER BY l.code LIMIT 1) AS vehicle
	FROM travel.fare_table WHERE tenant_id = $1 AND operator = $2 AND (routes = '{}' OR routes @> ARRAY[$3]) ORDER BY routes = '{}', code LIMIT 1`

// soldAs reads what an operator charges on a route (the table that names it, else the one for all routes) and the vehicle of that
// code, or its usual one, as loadLayout does. NotThere when the route is not sold or there is no such vehicle.
func soldAs(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, route, layout string) (fareSet, seats.Layout, error) {
	var r struct {
		setRow
		Vehicle []byte `db:"vehicle"`
	}
	err := pg.From(tx).GetContext(ctx, &r, soldAsSQL, tx.TenantID(), operator, route, layout)
	if errors.Is(err, sql.ErrNoRows) || err == nil && r.Vehicle == nil {
		return fareSet{}, seats.Layout{}, kernel.NotThere("fares and vehicle")
	}
	if err != nil {
		return fareSet{}, seats.Layout{}, fmt.Errorf("fares of %s: %w", operator, err)
	}
	l, err := layouts.of(r.Vehicle)
	if err != nil {
		return fareSet{}, seats.Layout{}, fmt.Errorf("layout %s: %w", layout, err)
	}
	f, err := r.fareSet()
	return f, l, err
}

// listFares lists an operator's tables by code.
func listFares(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) ([]fareSet, error) {
	var rows []setRow
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT `+fareColumns+` FROM travel.fare_table WHERE tenant_id = $1 AND operator = $2 ORDER BY code LIMIT 1000`, tx.TenantID(), operator)
	if err != nil {
		return nil, err
	}
	out := make([]fareSet, len(rows))
	for i, r := range rows {
		if out[i], err = r.fareSet(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// saveFares writes a table. version is the one that was looked at, 0 for a new one; false when it is another one by now.
func saveFares(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, f fareSet, at time.Time) (bool, error) {
	if f.Version == 0 {
		return changed(pg.From(tx).ExecContext(ctx, `INSERT INTO travel.fare_table (tenant_id, operator, code, service, routes, form, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, tx.TenantID(), operator, f.Code, f.Service, pq.Array(f.Routes), f.JSON(), at))
	}
	return changed(pg.From(tx).ExecContext(ctx, `UPDATE travel.fare_table SET service = $4, routes = $5, form = $6, version = version + 1, updated_at = $8
		WHERE tenant_id = $1 AND operator = $2 AND code = $3 AND version = $7`, tx.TenantID(), operator, f.Code, f.Service, pq.Array(f.Routes), f.JSON(), f.Version, at))
}
