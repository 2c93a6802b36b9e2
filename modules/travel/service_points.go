package travel

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Near lists the stations rides begin at; Service implements kernel.ServicePoints. A start page that is given a point's Ref begins there.
func (s *Service) Near(ctx context.Context, tx kernel.Tx, n kernel.Nearby) ([]kernel.ServicePoint, error) {
	all, err := pointsNear(ctx, tx, n)
	return n.Nearest(all), err
}

// StopNamed is what a stop of the municipality is called, in the reader's language; empty when there is none such. Anybody may
// ask.
func (s *Service) StopNamed(ctx context.Context, id StopID) (name string, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		name, err = stopNamed(ctx, tx, id, kernel.LocaleOf(ctx))
		return err
	})
	return name, err
}
