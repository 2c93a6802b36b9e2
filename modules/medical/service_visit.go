package medical

import (
	"context"
	"slices"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// visitTypes lists what can be booked in the municipality of the request, of the services it offers.
func (s *Service) visitTypes(ctx context.Context) (all []VisitType, err error) {
	tenant := kernel.TenantOf(ctx)
	err = s.DB.Read(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
		all, err = visitTypesOf(ctx, tx, false)
		return err
	})
	return slices.DeleteFunc(all, func(v VisitType) bool { return !slices.Contains(tenant.Services, v.Service) }), err
}
