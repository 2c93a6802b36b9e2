package modules

import (
	"context"
	"fmt"
	"io/fs"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/medical"
)

// clinics is what the town asks of the medical module.
type clinics interface {
	Import(ctx context.Context, tenant kernel.Tenant, facility kernel.AgencyID, files []lines.File) (medical.Imported, error)
}

// ImportClinic brings the tables (or the feed) that lie in files into a clinic, everything or nothing: for the command line
// and the demo. Importing the same again changes nothing. Errors: NotFound when the municipality has no such clinic; a
// refusal that names every wrong line.
func (t *Town) ImportClinic(ctx context.Context, tenant kernel.TenantID, facility kernel.AgencyID, files fs.FS) error {
	if t.clinics == nil {
		return kernel.NotThere("clinics")
	}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return err
	}
	var all []lines.File
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		all = append(all, lines.File{Name: name, Data: data})
	}
	for _, m := range t.Directory.Tenants() {
		if m.ID == tenant {
			if _, err := t.clinics.Import(ctx, m, facility, all); err != nil {
				return fmt.Errorf("importing %s: %w", facility, err)
			}
			return nil
		}
	}
	return kernel.NotThere("municipality")
}
