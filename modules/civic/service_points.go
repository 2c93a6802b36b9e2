package civic

import (
	"context"
	"slices"

	"townhall/modules/kernel"
)

// Near lists the offices of the agencies behind the municipality's civic services; Service implements kernel.ServicePoints.
// What is asked for begins on the page whatever the office, so a point names none.
func (s *Service) Near(_ context.Context, tx kernel.Tx, n kernel.Nearby) ([]kernel.ServicePoint, error) {
	var all []kernel.ServicePoint
	for _, t := range s.Directory.Tenants() {
		if t.ID != tx.TenantID() {
			continue
		}
		for _, slug := range t.Services {
			d, ok := s.Library.Get(slug)
			if !ok || d.NeedsSector() {
				continue
			}
			id := kernel.AgencyID(d.Agency)
			agency, ok := s.Directory.Agency(t.ID, id)
			if !ok || agency.Office == nil {
				continue
			}
			if i := slices.IndexFunc(all, func(p kernel.ServicePoint) bool { return p.Agency == id }); i >= 0 {
				all[i].Apps = append(all[i].Apps, slug)
				continue
			}
			all = append(all, kernel.ServicePoint{Position: agency.Office.Position, Apps: []string{slug}, Name: agency.Name, Address: agency.Office.Address, Agency: id})
		}
	}
	return n.Nearest(all), nil
}
