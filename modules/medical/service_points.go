package medical

import (
	"context"

	"townhall/modules/kernel"
)

// Near lists the places of the clinics; Service implements kernel.ServicePoints. A start page that is given a point's Ref offers times there.
func (s *Service) Near(ctx context.Context, tx kernel.Tx, n kernel.Nearby) ([]kernel.ServicePoint, error) {
	all, err := pointsNear(ctx, tx, n)
	return n.Nearest(all), err
}
