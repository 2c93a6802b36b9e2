package documents

import (
	"context"
	"fmt"

	"townhall/modules/kernel"
)

// RevokeIssued takes back what a case issued of one type, in the caller's transaction: what is valid is revoked, and what is
// still being made never becomes valid, also when it is being sealed at this moment. Superseded and revoked ones stay as
// they are; a case that issued nothing is no error. It is called inside a step of the case, by casework, which has checked
// who may take the step; the actor may be the holder, an official, or nobody (a timer). The reason is kept for the agency.
//
// Others see it once the transaction is committed: the public check at once, a status list within a minute.
func (s *Service) RevokeIssued(ctx context.Context, tx kernel.Tx, c kernel.CaseID, docType, reason string) error {
	if c == "" || docType == "" || reason == "" {
		return fmt.Errorf("revoking documents of case %q, type %q: case, type and reason are needed", c, docType)
	}
	all, err := revokeOfCase(ctx, tx, c, docType, reason, kernel.PrincipalOf(ctx).Person, s.Clock.Now())
	if err != nil {
		return err
	}
	for _, r := range all {
		if err := s.record(ctx, tx, "document.revoke", r, nil); err != nil {
			return err
		}
	}
	return nil
}
