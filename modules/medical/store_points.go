package medical

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// The places that can be booked, with the services that are; the sum under ORDER BY only chooses among many.
const pointsSQL = `SELECT p.id, p.facility, p.name, p.street, p.postal_code, p.locality, p.latitude, p.longitude,
		array(SELECT DISTINCT v.service FROM medical.schedule c JOIN medical.visit_type v ON v.tenant_id = $1 AND v.code = ANY (c.visit_types) AND v.active
			WHERE c.tenant_id = $1 AND c.place_id = p.id AND c.active AND c.origin <> 'desk' ORDER BY 1) AS services
	FROM medical.place p JOIN medical.facility f ON f.tenant_id = $1 AND f.id = p.facility AND f.published
	WHERE p.tenant_id = $1 AND p.active AND p.latitude BETWEEN $4 AND $5 AND least(abs(p.longitude - $3), 360 - abs(p.longitude - $3)) <= $6
	ORDER BY (p.latitude - $2) ^ 2 + (least(abs(p.longitude - $3), 360 - abs(p.longitude - $3)) * cosd($2)) ^ 2 LIMIT 200`

// pointsNear lists the bookable places in the box around somebody.
func pointsNear(ctx context.Context, tx kernel.Tx, n kernel.Nearby) ([]kernel.ServicePoint, error) {
	south, north, east := n.Box()
	var rows []struct {
		placeWords
		ID        string          `db:"id"`
		Facility  kernel.AgencyID `db:"facility"`
		Name      []byte          `db:"name"`
		Latitude  float64         `db:"latitude"`
		Longitude float64         `db:"longitude"`
		Services  pq.StringArray  `db:"services"`
	}
	if err := pg.From(tx).SelectContext(ctx, &rows, pointsSQL, tx.TenantID(), n.At.Latitude, n.At.Longitude, south, north, east); err != nil {
		return nil, fmt.Errorf("places near somebody: %w", err)
	}
	var out []kernel.ServicePoint
	for _, r := range rows {
		if len(r.Services) == 0 {
			continue
		}
		p := kernel.ServicePoint{Position: kernel.Position{Latitude: r.Latitude, Longitude: r.Longitude}, Apps: r.Services, Agency: r.Facility, Ref: r.ID,
			Address: Place{Street: r.Street, PostalCode: r.PostalCode, Locality: r.Locality}.Address()}
		if err := json.Unmarshal(r.Name, &p.Name); err != nil {
			return nil, fmt.Errorf("place %s: %w", r.ID, err)
		}
		out = append(out, p)
	}
	return out, nil
}
