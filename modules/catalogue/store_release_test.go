package catalogue

import (
	"context"
	"errors"
	"testing"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// Two officials looked at the same version, and both were allowed: the second finds that somebody was quicker, whether there
// was a row to change or none yet.
func TestOfTwoChangesFromOneVersionTheSecondIsRefused(t *testing.T) {
	t.Parallel()
	db := kerneltest.DB(t)
	ctx := context.Background()
	one := official(kernel.NewID(), "Pia", RolePublisher, RoleReviewer)
	two := official(kernel.NewID(), "Rolf", RolePublisher, RoleReviewer)
	save := func(tx *pg.Tx, r Release, c Command, who kernel.Principal) error {
		c.Version, c.Reason = r.Version, "It is time for it."
		after, h, err := r.step(c, who, registry, noon)
		if err != nil {
			t.Fatal(err)
		}
		return saveRelease(ctx, tx, after, h)
	}
	race := func(first, second Command) {
		t.Helper()
		err := db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
			mine, err := releaseOf(ctx, tx, "a")
			if err != nil {
				return err
			}
			if err := db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) error { // meanwhile
				theirs, err := releaseOf(ctx, tx, "a")
				if err != nil {
					return err
				}
				return save(tx, theirs, first, one)
			}); err != nil {
				t.Fatal(err)
			}
			return save(tx, mine, second, two)
		})
		if !errors.Is(err, kernel.ErrChanged) {
			t.Errorf("%s after %s: %v", second.Action, first.Action, err)
		}
	}
	race(Command{Action: ActionBegin}, Command{Action: ActionHalt})
	race(Command{Action: ActionPropose, Stage: StageReview}, Command{Action: ActionPropose, Stage: StageReview})
	race(Command{Action: ActionHalt}, Command{Action: ActionApprove})
	if err := db.Read(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		r, err := releaseOf(ctx, tx, "a")
		if err == nil && (r.Stage != StagePaused || r.Version != 3 || r.Proposal != nil) {
			t.Errorf("%+v", r)
		}
		history, e := changesOf(ctx, tx, "a", 0, historyPage)
		if len(history) != 3 || history[0].Actor != one.Person {
			t.Errorf("%+v", history)
		}
		return errors.Join(err, e)
	}); err != nil {
		t.Fatal(err)
	}
}
