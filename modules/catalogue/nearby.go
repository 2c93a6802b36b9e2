package catalogue

import (
	"cmp"
	"context"
	"math"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Nearby lists the service points of every module around somebody, nearest first, with those of their services that the
// municipality offers and shows. The position is asked for, used and forgotten. Anybody may ask.
func (s *Service) Nearby(ctx context.Context, n kernel.Nearby) ([]kernel.ServicePoint, error) {
	t := kernel.TenantOf(ctx)
	var all []kernel.ServicePoint
	err := s.deps.DB.Read(ctx, t.ID, func(tx *pg.Tx) error {
		all = nil
		for _, m := range s.deps.Points() {
			found, err := m.Near(ctx, tx, n)
			if err != nil {
				return err
			}
			all = append(all, found...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	releases, err := s.releases(ctx, nil, t.ID)
	if err != nil {
		return nil, err
	}
	out := all[:0]
	for _, p := range all {
		p.Apps = slices.DeleteFunc(slices.Clone(p.Apps), func(app string) bool {
			return !slices.Contains(t.Services, app) || !released(releases, app).Listed()
		})
		if len(p.Apps) > 0 {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b kernel.ServicePoint) int { return cmp.Compare(a.Metres, b.Metres) })
	return out[:min(len(out), n.Limit)], nil
}

// roundMetres says a distance no more exactly than somebody walks it: an exact one would say where they stood.
func roundMetres(m float64) int {
	if m < 1000 {
		return int(math.Round(m/10)) * 10
	}
	return int(math.Round(m/100)) * 100
}
