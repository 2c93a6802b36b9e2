package travel

import (
	"context"

	"townhall/modules/kernel"
)

// stepClaim lets a claim through to the insurer of its policy, whichever agency that is, when the policy is one of the claimant's own
// and was in force on the day the thing happened. Somebody else's number answers like one that does not exist. Errors: NotFound, Invalid on policy_number.
func (s *Service) stepClaim(ctx context.Context, tx kernel.Tx, t kernel.StepTaken) error {
	k, err := s.caseOf(ctx, tx, t.Case) // its answers: what was said with this step may be only the declaration
	if err != nil {
		return err
	}
	typed, _ := k.Answers["policy_number"].(string)
	day, _ := k.Answers["happened_on"].(string)
	number, ok := kernel.ParseNumber(typed)
	if !ok {
		return errPolicyUnknown
	}
	p, err := policyNumbered(ctx, tx, t.Applicant, number)
	switch {
	case err != nil:
		return err
	case p.Number == "":
		return errPolicyUnknown
	case !p.Covers(day):
		return errPolicyNotInForce
	}
	err = t.HandTo(ctx, tx, p.Insurer)
	if kernel.KindOf(err) == kernel.NotFound { // the municipality has it no longer
		return errPolicyElsewhere
	}
	return err
}

var (
	errPolicyUnknown    = onPolicy("policy-unknown", "None of your policies has this number.")
	errPolicyElsewhere  = onPolicy("policy-other-insurer", "The insurer of this policy does not take claims here.")
	errPolicyNotInForce = onPolicy("policy-not-in-force", "This policy was not in force on that day.")
)

func onPolicy(slug, message string) error {
	return kernel.InvalidFields(kernel.FieldError{Path: "policy_number", Slug: "travel." + slug, Message: message})
}
