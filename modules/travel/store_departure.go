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
)

// What bookings need of the timetable: one departure, under a lock or not, and which ones leave next.

type departureRow struct {
	ID       string    `db:"id"`
	Operator string    `db:"operator"`
	TripKey  string    `db:"trip_key"`
	Date     time.Time `db:"service_date"`
	Route    string    `db:"route_name"`
	Headsign string    `db:"headsign"`
	Zone     string    `db:"zone"`
	Layout   string    `db:"layout"`
	State    string    `db:"state"`
	Seq      int       `db:"seq"`
	Stop     string    `db:"stop_id"`
	StopName string    `db:"stop_name"`
	Arrives  time.Time `db:"arrives_at"`
	Departs  time.Time `db:"departs_at"`
}

const departuresSQL = `SELECT d.id, d.operator, d.trip_key, d.service_date, d.route_name, d.headsign, d.zone, d.layout, d.state,
		c.seq, c.stop_id, c.stop_name, c.arrives_at, c.departs_at
	FROM travel.departure d JOIN travel.departure_call c ON c.tenant_id = $1 AND c.departure_id = d.id
	WHERE d.tenant_id = $1 AND d.id = ANY ($2::uuid[]) ORDER BY d.id, c.seq`

// loadDepartures reads departures by id; what there is not is not among the answers. The ids have the shape of ids.
func loadDepartures(ctx context.Context, tx kernel.Tx, ids ...DepartureID) (map[DepartureID]Departure, error) {
	var rows []departureRow
	if err := pg.From(tx).SelectContext(ctx, &rows, departuresSQL, tx.TenantID(), pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("departures: %w", err)
	}
	out := map[DepartureID]Departure{}
	for _, r := range rows {
		id := DepartureID(r.ID)
		d, there := out[id]
		if !there {
			d = Departure{ID: id, Operator: kernel.AgencyID(r.Operator), TripKey: r.TripKey, Date: r.Date.Format(time.DateOnly), Route: r.Route,
				Headsign: r.Headsign, Zone: r.Zone, Layout: r.Layout, State: r.State}
		}
		d.Calls = append(d.Calls, Call{Seq: r.Seq, Stop: r.Stop, Name: r.StopName, Arrives: r.Arrives.UTC(), Departs: r.Departs.UTC()})
		out[id] = d
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

// lockDepartures lets one transaction at a time find out what of a departure is free and take it. They are locked in the
// order of their ids, so that two people who change places with each other cannot wait for one another.
func lockDepartures(ctx context.Context, tx kernel.Tx, ids ...DepartureID) error {
	_, err := pg.From(tx).ExecContext(ctx, `SELECT FROM travel.departure WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
		tx.TenantID(), pq.Array(ids))
	if err != nil {
		return fmt.Errorf("locking departures: %w", err)
	}
	return nil
}

const sellableSQL = `UPDATE travel.departure d SET claimed = true
	WHERE d.tenant_id = $1 AND d.id = $2 AND d.state = 'scheduled' AND EXISTS (
		SELECT FROM travel.departure_call c WHERE c.tenant_id = $1 AND c.departure_id = d.id AND c.seq = $3 AND c.departs_at > clock_timestamp())`

// claimDeparture notes that somebody has something of the departure, and locks it until the transaction ends. false when
// it was called off or has left the call: judged on the database's clock, under the lock.
func claimDeparture(ctx context.Context, tx kernel.Tx, id DepartureID, fromSeq int) (bool, error) {
	return changed(pg.From(tx).ExecContext(ctx, sellableSQL, tx.TenantID(), id, fromSeq))
}

const nextDeparturesSQL = `SELECT d.id, f.seq AS from_seq, t.seq AS to_seq
	FROM travel.departure_call f
	JOIN travel.departure d ON d.tenant_id = $1 AND d.id = f.departure_id AND d.state = 'scheduled'
	JOIN LATERAL (SELECT c.seq FROM travel.departure_call c WHERE c.tenant_id = $1 AND c.departure_id = f.departure_id AND c.stop_id = $3 AND c.seq > f.seq ORDER BY c.seq LIMIT 1) t ON true
	WHERE f.tenant_id = $1 AND f.stop_id = $2 AND f.departs_at > greatest($4, clock_timestamp()) AND d.id <> $5
		AND ($6 = '' OR d.operator = $6)
	ORDER BY f.departs_at, d.id LIMIT $7`

// nextRides lists the rides between two stops that begin after a moment, soonest first, without the one of except; operator
// empty: of anybody's.
func nextRides(ctx context.Context, tx kernel.Tx, from, to string, after time.Time, except DepartureID, operator kernel.AgencyID, n int) ([]Ride, error) {
	var rows []struct {
		ID   string `db:"id"`
		From int    `db:"from_seq"`
		To   int    `db:"to_seq"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, nextDeparturesSQL, tx.TenantID(), from, to, after, except, operator, n); err != nil {
		return nil, fmt.Errorf("next departures: %w", err)
	}
	ids := make([]DepartureID, len(rows))
	for i, r := range rows {
		ids[i] = DepartureID(r.ID)
	}
	found, err := loadDepartures(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	var out []Ride
	for _, r := range rows {
		if ride, ok := found[DepartureID(r.ID)].Ride(r.From, r.To); ok {
			out = append(out, ride)
		}
	}
	return out, nil
}

// callOffDeparture takes a departure out of sale. false when it was so already. NotThere when the operator has none such.
func callOffDeparture(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id DepartureID) (bool, error) {
	if !kernel.ValidID(string(id)) {
		return false, kernel.NotThere("departure")
	}
	var state string
	err := pg.From(tx).GetContext(ctx, &state, `SELECT state FROM travel.departure WHERE tenant_id = $1 AND id = $2 AND operator = $3 FOR NO KEY UPDATE`, tx.TenantID(), id, operator)
	if errors.Is(err, sql.ErrNoRows) {
		return false, kernel.NotThere("departure")
	}
	if err != nil || state == DepartureCalledOff {
		return false, err
	}
	_, err = pg.From(tx).ExecContext(ctx, `UPDATE travel.departure SET state = 'called-off' WHERE tenant_id = $1 AND id = $2`, tx.TenantID(), id)
	return true, err
}

func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// stopChoice is a stop as people choose it.
type stopChoice struct {
	ID   string `db:"stop_id"`
	Name string `db:"stop_name"`
}

const stopsSQL = `SELECT DISTINCT ON (c.stop_name, c.stop_id) c.stop_id, c.stop_name FROM travel.departure_call c
	JOIN travel.departure d ON d.tenant_id = $1 AND d.id = c.departure_id AND d.state = 'scheduled'
	WHERE c.tenant_id = $1 AND c.departs_at > clock_timestamp()
		AND EXISTS (SELECT FROM travel.fare_table f WHERE f.tenant_id = $1 AND f.operator = d.operator AND f.service = $2)
	ORDER BY c.stop_name, c.stop_id LIMIT 1000`

// stopsOf lists the stops that coming departures of a service's operators call at, by name.
func stopsOf(ctx context.Context, tx kernel.Tx, service string) (out []stopChoice, err error) {
	err = pg.From(tx).SelectContext(ctx, &out, stopsSQL, tx.TenantID(), service)
	return out, err
}
