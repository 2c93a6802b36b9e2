package travel

import (
	"context"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
)

// jobs forget what nobody needs any more: holds that ran out on departures where nobody else has asked for a place since,
// whose claim would have swept them, and who was to ride, once the service's time to keep it is over.
func (s *Service) jobs() []app.Job {
	return []app.Job{{Name: "forget", Every: time.Hour, Run: func(ctx context.Context) error {
		for _, t := range s.Directory.Tenants() {
			if err := s.forget(ctx, t); err != nil {
				return err
			}
		}
		return nil
	}}}
}

func (s *Service) forget(ctx context.Context, t kernel.Tenant) error {
	return s.DB.InTx(ctx, t.ID, func(tx *pg.Tx) error {
		now := s.Clock.Now()
		for _, d := range s.definitions() {
			err := forgetNames(ctx, tx, d.Slug, now.AddDate(0, 0, -d.Retention.DraftDays), now.AddDate(0, 0, -d.Retention.ClosedDays))
			if err != nil {
				return err
			}
		}
		return forgetHolds(ctx, tx)
	})
}
