package travel

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The stations somebody can begin a ride at, with the services that sell it; the sum under ORDER BY only chooses among many.
const pointsSQL = `SELECT s.id, s.operator, s.name, s.latitude, s.longitude,
		array(SELECT DISTINCT f.service FROM travel.fare_table f WHERE f.tenant_id = $1 AND f.operator = s.operator ORDER BY 1) AS services
	FROM travel.stop s
	WHERE s.tenant_id = $1 AND s.active AND s.id = s.station_id AND s.latitude BETWEEN $4 AND $5 AND least(abs(s.longitude - $3), 360 - abs(s.longitude - $3)) <= $6
	ORDER BY (s.latitude - $2) ^ 2 + (least(abs(s.longitude - $3), 360 - abs(s.longitude - $3)) * cosd($2)) ^ 2 LIMIT 200`

// pointsNear lists the stations in the box around somebody.
func pointsNear(ctx context.Context, tx kernel.Tx, n kernel.Nearby) ([]kernel.ServicePoint, error) {
	south, north, east := n.Box()
	var rows []struct {
		ID        string          `db:"id"`
		Operator  kernel.AgencyID `db:"operator"`
		Name      []byte          `db:"name"`
		Latitude  float64         `db:"latitude"`
		Longitude float64         `db:"longitude"`
		Services  pq.StringArray  `db:"services"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, pointsSQL, tx.TenantID(), n.At.Latitude, n.At.Longitude, south, north, east); err != nil {
		return nil, fmt.Errorf("stops near somebody: %w", err)
	}
	var out []kernel.ServicePoint
	for _, r := range rows {
		if len(r.Services) == 0 {
			continue // nobody sells a ride from there
		}
		p := kernel.ServicePoint{Position: kernel.Position{Latitude: r.Latitude, Longitude: r.Longitude}, Apps: r.Services, Agency: r.Operator, Ref: r.ID}
		if err := json.Unmarshal(r.Name, &p.Name); err != nil {
			return nil, fmt.Errorf("stop %s: %w", r.ID, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// stopNamed is what a stop is called in a language; empty when there is none such.
func stopNamed(ctx context.Context, tx kernel.Tx, id StopID, locale string) (string, error) {
	var raw [][]byte
	if err := pg.From(tx).SelectContext(ctx, &raw, `SELECT name FROM travel.stop WHERE tenant_id = $1 AND id = $2 AND active`, tx.TenantID(), id); err != nil || len(raw) == 0 {
		return "", err
	}
	name := kernel.Text{}
	err := json.Unmarshal(raw[0], &name)
	return name.In(locale), err
}
