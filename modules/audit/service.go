package audit

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// seen returns who else touched the signed-in citizen's data, newest first, and the id to continue from.
func (s *Service) seen(ctx context.Context, before string) ([]entry, string, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Citizen {
		return nil, "", kernel.NotThere("access list of nobody")
	}
	if before != "" && !kernel.ValidID(before) {
		return nil, "", kernel.NotThere("access list position")
	}
	var list []entry
	err := s.deps.DB.Read(ctx, who.Tenant, func(tx *pg.Tx) error {
		var err error
		list, err = ofSubject(ctx, tx, who.Person, page{Limit: pageSize + 1, Before: before})
		return err
	})
	if err != nil || len(list) <= pageSize {
		return list, "", err
	}
	list = list[:pageSize]
	return list, list[pageSize-1].ID, nil
}

// history returns the case, if it is the principal's agency's, and all entries about it. Looking at a history is
// looking at a case: kernel.Cases records it, which is why this is a writing transaction.
func (s *Service) history(ctx context.Context, id kernel.CaseID) (kernel.Case, []entry, error) {
	if !kernel.ValidID(string(id)) {
		return kernel.Case{}, nil, kernel.NotThere("case")
	}
	var c kernel.Case
	var list []entry
	err := s.deps.DB.InTx(ctx, kernel.PrincipalOf(ctx).Tenant, func(tx *pg.Tx) error {
		found, err := s.deps.Cases.Read(ctx, tx, kernel.CaseQuery{ID: id})
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return kernel.NotThere("case")
		}
		c = found[0]
		list, err = ofCase(ctx, tx, id)
		return err
	})
	return c, list, err
}
