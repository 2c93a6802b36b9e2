package main

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"

	"townhall/modules"
	"townhall/modules/kernel"
)

// demoClinics are the tables of the demo's clinics: clinics/<municipality>/<clinic>/*.csv, as a clinic would bring them.
//
//go:embed demo/clinics
var demoClinics embed.FS

// seedClinics brings the clinics in. It runs at every start: what is there already stays as it is.
func seedClinics(ctx context.Context, town *modules.Town) error {
	found, err := fs.Glob(demoClinics, "demo/clinics/*/*")
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("the demo has no clinics")
	}
	for _, folder := range found {
		files, err := fs.Sub(demoClinics, folder)
		if err != nil {
			return err
		}
		tenant, facility := path.Base(path.Dir(folder)), path.Base(folder)
		if err := town.ImportClinic(ctx, kernel.TenantID(tenant), kernel.AgencyID(facility), files); err != nil {
			return err
		}
	}
	return nil
}
