package travel

import (
	"context"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// Jobs keep departures ahead. They run more often than days change: a day's departures are made soon after its
// number comes up, in whichever zone, and one that finds nothing to do costs one look.
func (s *Timetable) Jobs() []app.Job {
	return []app.Job{{Name: "make-departures", Every: time.Hour, Run: func(ctx context.Context) error {
		for _, t := range s.Directory.Tenants() {
			if err := s.MakeAhead(ctx, t); err != nil {
				return err
			}
		}
		return nil
	}}}
}

// pastKept is how long a departure nobody had booked stays after it has ended.
const pastKept = 24 * time.Hour

// MakeAhead makes the departures of a municipality for the days ahead, once a day and operator, and forgets what is past. It
// may run in any number of processes at once.
func (s *Timetable) MakeAhead(ctx context.Context, tenant kernel.Tenant) error {
	ctx = kernel.WithPrincipal(kernel.WithTenant(ctx, tenant), kernel.SystemPrincipal(tenant.ID))
	var feeds []feedRow
	err := s.DB.Read(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
		feeds, err = activeFeeds(ctx, tx, "")
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range feeds {
		if s.madeFor(f) >= s.until(f) {
			continue
		}
		if err := s.DB.InTx(ctx, tenant.ID, func(tx *pg.Tx) error { return s.makeAhead(ctx, tx, f.Operator) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Timetable) until(f feedRow) gtfs.Day {
	return gtfs.DayAt(s.Clock.Now(), located(f.Zone)) + ahead
}

func (s *Timetable) madeFor(f feedRow) gtfs.Day { return gtfs.DayAt(f.MadeUntil, time.UTC) }

func (s *Timetable) makeAhead(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID) error {
	if err := lockOperator(ctx, tx, operator); err != nil {
		return err
	}
	feeds, err := activeFeeds(ctx, tx, operator) // as it is now that nobody else changes it
	if err != nil || len(feeds) == 0 {
		return err
	}
	f, now := feeds[0], s.Clock.Now().UTC()
	if _, err := makeDepartures(ctx, tx, f, f.bases(s.madeFor(f), s.until(f)), now); err != nil {
		return err
	}
	if err := madeUntil(ctx, tx, f.ID, max(s.madeFor(f), s.until(f))); err != nil {
		return err
	}
	if err := forgetPast(ctx, tx, operator, now.Add(-pastKept)); err != nil {
		return err
	}
	return dropOld(ctx, tx, operator)
}
