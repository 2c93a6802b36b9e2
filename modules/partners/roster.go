package partners

import (
	"context"
	"errors"
	"fmt"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// Roster is what a municipality's partners add to it while the house runs.
type Roster struct {
	Agencies []kernel.Agency
	SignIns  []StaffSignIn
	Services []string                // slugs of their mini-apps, in the order they were made
	Older    []*workflows.Definition // versions that cases may be pinned to
	Newest   []*workflows.Definition // of each of the Services
}

// StaffSignIn is how the staff of one partner sign in.
type StaffSignIn struct {
	Agency kernel.AgencyID
	Name   kernel.Text
	SignIn
}

// refreshEvery is how long a process may not know what another one changed.
const refreshEvery = time.Second

// refresh reads the partners of every municipality where something changed since this process last looked, and hands them to the house.
// The first time it reads all.
func (s *Service) refresh(ctx context.Context) error {
	if s.DB == nil {
		return nil
	}
	now, err := turns(ctx, s.DB)
	if err != nil {
		return err
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	var errs []error
	for _, t := range s.Directory.Tenants() {
		n := now[t.ID]
		if have, read := s.seen[t.ID]; n == 0 || read && have >= n {
			continue
		}
		if err := s.read(ctx, t.ID); err != nil {
			errs = append(errs, fmt.Errorf("partners of %s: %w", t.ID, err))
			continue
		}
		s.seen[t.ID] = n
	}
	return errors.Join(errs...)
}

// read hands the partners of one municipality to the house. The caller holds the lock, so that an older state never follows a newer one.
func (s *Service) read(ctx context.Context, t kernel.TenantID) error {
	var r Roster
	err := s.DB.Read(ctx, t, func(tx *pg.Tx) (err error) {
		r, err = s.roster(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.Apply(ctx, t, r)
}

func (s *Service) roster(ctx context.Context, tx *pg.Tx) (Roster, error) {
	var r Roster
	all, err := allPartners(ctx, tx, Active, Suspended)
	if err != nil {
		return r, err
	}
	for _, p := range all {
		r.Agencies = append(r.Agencies, kernel.Agency{ID: p.Agency, Name: p.Name, Kind: p.Kind, Office: p.office(), Partner: true, Suspended: p.State == Suspended})
		if p.SignIn.Set() {
			r.SignIns = append(r.SignIns, StaffSignIn{Agency: p.Agency, Name: p.Name, SignIn: p.SignIn})
		}
	}
	apps, err := madeApps(ctx, tx)
	if err != nil {
		return r, err
	}
	stored, err := definitions(ctx, tx)
	if err != nil {
		return r, err
	}
	for _, a := range apps {
		s.shelve(ctx, tx.TenantID(), &r, a, stored)
	}
	return r, nil
}

// shelve puts a mini-app with its versions into a roster. What this program cannot read any more is left out and told to the log: one
// mini-app that is missing is better than a municipality that does not start.
func (s *Service) shelve(ctx context.Context, t kernel.TenantID, r *Roster, a App, stored []kept) {
	lost := func(hash string, err error) {
		s.Log.ErrorContext(ctx, "mini-app of a partner cannot be read", "tenant", t, "app", a.Slug, "definition", hash, "err", err)
	}
	template, ok := s.template(a.Template)
	if !ok {
		lost(a.Hash, fmt.Errorf("there is no template %q", a.Template))
		return
	}
	for _, k := range stored {
		if k.Slug != a.Slug {
			continue
		}
		d, err := s.parsed(k, template.Sector)
		switch {
		case err != nil:
			lost(k.Hash, err)
		case k.Hash == a.Hash:
			r.Newest, r.Services = append(r.Newest, d), append(r.Services, a.Slug)
		default:
			r.Older = append(r.Older, d)
		}
	}
}

// parsed is a stored definition, read once in a process.
func (s *Service) parsed(k kept, sector string) (*workflows.Definition, error) {
	if d, ok := s.Library.ByHash(k.Hash); ok {
		return d, nil
	}
	return k.definition(sector)
}
