package partners

import (
	"context"
	"time"

	"townhall/modules/kernel"
)

// steps are the effects the workflow partner-application names. Each runs in the transaction of its step.
func (s *Service) steps() map[string]kernel.StepEffect {
	return map[string]kernel.StepEffect{"apply": s.stepApply, "approve": s.stepApprove, "admit": s.stepAdmit, "drop": s.stepDrop}
}

// stepApply keeps what a body says of itself, and refuses at once what it cannot be given: a kind of service that is not open to its kind,
// a short name another agency has. Error: Invalid naming the field.
func (s *Service) stepApply(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	p := applicationOf(t.Answers)
	p.ID, p.Representative, p.CreatedAt = t.Case, t.Applicant, t.At.UTC()
	position, _ := t.Answers["position"].(string)
	if err := p.check(position, s.today(tx, t.At)); err != nil {
		return err
	}
	if _, taken := s.Directory.Agency(tx.TenantID(), p.Agency); taken {
		return kernel.InvalidFields(errTaken)
	}
	return insertPartner(ctx, tx, p)
}

func (s *Service) stepApprove(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	return s.move(ctx, tx, t, Applied, Approved)
}

// stepAdmit makes the body an agency of the municipality. Another agency of its name may have come with the settings meanwhile. Errors:
// Conflict partner-not-now, partner-licence-over.
func (s *Service) stepAdmit(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	p, err := partnerByCase(ctx, tx, t.Case)
	if err != nil {
		return err
	}
	if _, taken := s.Directory.Agency(tx.TenantID(), p.Agency); taken {
		return errNotNow
	}
	if p.Kind == kernel.Company && p.LicenceUntil < s.today(tx, t.At) {
		return errLicenceOver
	}
	if err := s.move(ctx, tx, t, Approved, Active); err != nil {
		return err
	}
	return s.tellChanged(ctx, tx, p, "admitted")
}

// stepDrop gives the short name back. A draft has none.
func (s *Service) stepDrop(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	p, err := partnerByCase(ctx, tx, t.Case)
	there, err := isThere(err)
	if err != nil || !there {
		return err
	}
	p.State, p.UpdatedAt = Dropped, t.At.UTC()
	return savePartner(ctx, tx, p)
}

func (s *Service) move(ctx context.Context, tx kernel.Tx, t kernel.StepTaken, from, to State) error {
	p, err := partnerByCase(ctx, tx, t.Case)
	if err != nil {
		return err
	}
	if p.State != from {
		return errNotNow
	}
	p.State, p.UpdatedAt = to, t.At.UTC()
	return savePartner(ctx, tx, p)
}

// today is the day at the transaction's municipality.
func (s *Service) today(tx kernel.Tx, now time.Time) string {
	for _, t := range s.Directory.Tenants() {
		if t.ID == tx.TenantID() {
			return now.In(t.Location()).Format(time.DateOnly)
		}
	}
	return now.UTC().Format(time.DateOnly)
}
