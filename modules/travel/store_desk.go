package travel

import (
	"context"
	"fmt"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// What the pages of an operator's dispatchers and planners list.

// operatorsAmong are those agencies that have brought a timetable.
func operatorsAmong(ctx context.Context, tx kernel.Tx, all []kernel.AgencyID) (out []kernel.AgencyID, err error) {
	err = pg.From(tx).SelectContext(ctx, &out, `SELECT id FROM travel.operator WHERE tenant_id = $1 AND id = ANY ($2) ORDER BY id`, tx.TenantID(), pq.Array(all))
	if err != nil {
		return nil, fmt.Errorf("operators: %w", err)
	}
	return out, nil
}

// mostADay is how many departures of a day are listed.
const mostADay = 500

// departuresOn lists an operator's departures of a day of service in the order in which they leave.
func departuresOn(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, day string) ([]Departure, error) {
	var ids []DepartureID
	err := pg.From(tx).SelectContext(ctx, &ids, `SELECT id FROM travel.departure WHERE tenant_id = $1 AND operator = $2 AND service_date = $3::date AND (offered OR claimed)
		ORDER BY starts_at, id LIMIT $4`, tx.TenantID(), operator, day, mostADay)
	if err != nil {
		return nil, fmt.Errorf("departures on %s: %w", day, err)
	}
	found, err := loadDepartures(ctx, tx, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]Departure, len(ids))
	for i, id := range ids {
		out[i] = found[id]
	}
	return out, nil
}

// peopleOn counts who is booked on departures.
func peopleOn(ctx context.Context, tx kernel.Tx, ids []DepartureID) (map[DepartureID]int, error) {
	var rows []struct {
		Departure DepartureID `db:"departure_id"`
		N         int         `db:"n"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT b.departure_id, count(*) AS n FROM travel.booking b JOIN travel.passenger p ON p.tenant_id = $1 AND p.case_id = b.case_id
		WHERE b.tenant_id = $1 AND b.departure_id = ANY ($2::uuid[]) AND b.state IN ('booked', 'travelled') GROUP BY b.departure_id`, tx.TenantID(), pq.Array(ids))
	if err != nil {
		return nil, fmt.Errorf("people on departures: %w", err)
	}
	out := map[DepartureID]int{}
	for _, r := range rows {
		out[r.Departure] = r.N
	}
	return out, nil
}

// FeedVersion is one timetable that an operator has brought.
type FeedVersion struct {
	Version    int       `db:"version"`
	Active     bool      `db:"active"`
	Name       string    `db:"name"`
	Publisher  string    `db:"publisher"`
	FirstDay   time.Time `db:"first_day"`
	LastDay    time.Time `db:"last_day"`
	ImportedAt time.Time `db:"imported_at"`
}

// feedVersions lists what an operator has brought, the newest first.
func feedVersions(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) (out []FeedVersion, err error) {
	err = pg.From(tx).SelectContext(ctx, &out, `SELECT version, active, name, publisher, first_day, last_day, imported_at FROM travel.feed
		WHERE tenant_id = $1 AND operator = $2 ORDER BY version DESC LIMIT 20`, tx.TenantID(), operator)
	if err != nil {
		return nil, fmt.Errorf("timetables of %s: %w", operator, err)
	}
	return out, nil
}

// inForce is when the timetable in force lets departures begin and end that are booked otherwise; those it does not have are
// not among the answers.
func inForce(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, ids []DepartureID) (map[DepartureID][2]time.Time, error) {
	var rows []struct {
		ID     DepartureID `db:"id"`
		Day    time.Time   `db:"service_date"`
		Zone   string      `db:"zone"`
		Leaves int         `db:"leaves"`
		Ends   int         `db:"ends"`
	}
	err := pg.From(tx).SelectContext(ctx, &rows, `SELECT d.id, d.service_date, f.zone, n.leaves, n.ends FROM travel.departure d
		JOIN travel.feed f ON f.tenant_id = $1 AND f.operator = $2 AND f.active
		JOIN travel.trip n ON n.tenant_id = $1 AND n.feed = f.id AND n.key = d.trip_key
		JOIN travel.service_day v ON v.tenant_id = $1 AND v.feed = f.id AND v.service = n.service AND v.day = d.service_date
		WHERE d.tenant_id = $1 AND d.operator = $2 AND d.id = ANY ($3::uuid[])`, tx.TenantID(), operator, pq.Array(ids))
	if err != nil {
		return nil, fmt.Errorf("departures in force: %w", err)
	}
	out := map[DepartureID][2]time.Time{}
	for _, r := range rows {
		base := gtfs.At(gtfs.DayOf(r.Day.Date()), 0, located(r.Zone))
		out[r.ID] = [2]time.Time{base.Add(time.Duration(r.Leaves) * time.Second), base.Add(time.Duration(r.Ends) * time.Second)}
	}
	return out, nil
}
