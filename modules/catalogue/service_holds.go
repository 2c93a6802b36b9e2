package catalogue

import (
	"context"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

var _ kernel.ReleaseHolds = (*Service)(nil)

var errNotDraft = kernel.NewError(kernel.Conflict, "release-not-draft", "The mini-app has left draft. Take it back to draft before you change it.")

// theHouse stands in the history where the house itself made a change.
const theHouse kernel.PersonID = "00000000-0000-0000-0000-000000000000"

// Draft is kernel.ReleaseHolds.
func (s *Service) Draft(ctx context.Context, tx kernel.Tx, app string, agency kernel.AgencyID, reason string) error {
	t := pg.From(tx)
	r, err := releaseOf(ctx, t, app)
	switch {
	case err != nil:
		return err
	case r.Stage == StageDraft:
		return nil
	case r.Version != 0:
		return errNotDraft
	}
	return s.hold(ctx, t, r, agency, Command{Action: ActionBegin, Reason: reason})
}

// Halt is kernel.ReleaseHolds.
func (s *Service) Halt(ctx context.Context, tx kernel.Tx, app string, agency kernel.AgencyID, reason kernel.Text) error {
	t := pg.From(tx)
	r, err := releaseOf(ctx, t, app)
	if err != nil || r.Stage == StagePaused || r.Stage == StageRetired {
		return err
	}
	return s.hold(ctx, t, r, agency, Command{Action: ActionHalt, Version: r.Version, Reason: reason.In(kernel.LocaleOf(ctx)), Public: reason})
}

// hold makes a change for whoever acts, whom the rule book takes for an official of the agency: the caller has decided that they may. This
// process goes on with what it has read for a moment, as every other does.
func (s *Service) hold(ctx context.Context, tx *pg.Tx, r Release, agency kernel.AgencyID, c Command) error {
	who := kernel.PrincipalOf(ctx)
	if who.Kind == kernel.System {
		who.Person = theHouse
	}
	who.Kind, who.Grants = kernel.Staff, []kernel.Grant{{Agency: agency, Role: RolePublisher}}
	_, err := s.writeAs(ctx, tx, who, managed{Release: r, agency: agency}, c)
	return err
}

// ForgetReleases makes this process read the releases of a municipality again before it goes on. For the house itself.
func (s *Service) ForgetReleases(t kernel.TenantID) { s.book.forget(t) }
