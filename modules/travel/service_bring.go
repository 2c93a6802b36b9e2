package travel

import (
	"context"
	"fmt"
	"path"
	"strings"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/fares"
	"townhall/modules/travel/seats"
)

// Bring sets an operator up from files: vehicles/*.yaml, fares/<service>.yaml, and the files of its timetable. A vehicle or a
// table of fares that is there already stays as it is: its planners may have changed it. The timetable is read into memory, so
// that the first who searches does not wait for it. For the command line and the demo. Errors: those of Import, and Invalid for
// a vehicle or fares.
func (s *Service) Bring(ctx context.Context, tenant kernel.Tenant, operator kernel.AgencyID, files []lines.File) error {
	var layouts []seats.Layout
	var tables []fareSet
	var feed []lines.File
	for _, f := range files {
		folder, name := path.Split(f.Name)
		var err error
		switch folder {
		case "vehicles/":
			var form seats.Form
			var l seats.Layout
			if form, err = seats.Read(f.Data); err == nil {
				l, err = form.Layout()
			}
			layouts = append(layouts, l)
		case "fares/":
			var t fares.Table
			t, err = fares.Read(f.Data)
			tables = append(tables, fareSet{Table: t, Service: strings.TrimSuffix(name, path.Ext(name)), Routes: []string{}})
		default:
			feed = append(feed, f)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if _, err := s.Timetable.Import(ctx, tenant, operator, feed); err != nil {
		return err
	}
	err := s.DB.InTx(ctx, tenant.ID, func(tx *pg.Tx) error {
		for _, l := range layouts {
			if _, err := saveLayout(ctx, tx, operator, l, 0, s.Clock.Now()); err != nil {
				return err
			}
		}
		for _, t := range tables {
			if _, err := saveFares(ctx, tx, operator, t, s.Clock.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.Timetable.warm(ctx, tenant, operator)
}

// warm reads the timetable in force into memory.
func (s *Timetable) warm(ctx context.Context, tenant kernel.Tenant, operator kernel.AgencyID) error {
	return s.DB.Read(kernel.WithTenant(ctx, tenant), tenant.ID, func(tx *pg.Tx) error {
		rows, err := activeFeeds(ctx, tx, operator)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := s.indexes.of(ctx, tx, row); err != nil {
				return err
			}
		}
		return nil
	})
}
