package modules

import (
	"context"
	"fmt"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
)

// timetables is what the town asks of the travel module.
type timetables interface {
	Bring(ctx context.Context, tenant kernel.Tenant, operator kernel.AgencyID, files []lines.File) error
}

// ImportTimetable brings what lies in files to an operator: its timetable (*.txt, package gtfs), vehicles/*.yaml and
// fares/<service>.yaml, for the command line and the demo. Importing the same again changes nothing; vehicles and fares that
// are there stay as they are. Errors: NotFound when the municipality has no such operator; a refusal that names every wrong
// line.
func (t *Town) ImportTimetable(ctx context.Context, tenant kernel.TenantID, operator kernel.AgencyID, files []lines.File) error {
	if t.timetables == nil {
		return kernel.NotThere("timetables")
	}
	for _, m := range t.Directory.Tenants() {
		if m.ID == tenant {
			if err := t.timetables.Bring(ctx, m, operator, files); err != nil {
				return fmt.Errorf("importing %s: %w", operator, err)
			}
			return nil
		}
	}
	return kernel.NotThere("municipality")
}
