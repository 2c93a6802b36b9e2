package travel

import (
	"context"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/travel/fares"
)

// Policy is the insurance of a booking: one, whatever products of the insurer were taken out. It follows the booking to another departure, and is void once that is cancelled or
// called off. Its days are those of the municipality's clock.
type Policy struct {
	Number   string // people type it
	Case     kernel.CaseID
	Insurer  kernel.AgencyID
	State    string // force, void
	BeginsOn string // YYYY-MM-DD: the day it was issued
	EndsOn   string // YYYY-MM-DD: the day of the arrival
	VoidedOn string // YYYY-MM-DD; empty while it is in force
}

// States of a policy.
const (
	PolicyForce = "force"
	PolicyVoid  = "void"
)

// policyPrefix begins the numbers of policies.
const policyPrefix = "TI"

// Covers reports whether the policy is, or was, in force on a day (YYYY-MM-DD). The day on which it was voided is not covered
// any more: whoever fell ill in the morning and cancelled has the refund of the insured for that.
func (p Policy) Covers(day string) bool {
	return p.Number != "" && p.BeginsOn <= day && day <= p.EndsOn && (p.VoidedOn == "" || day < p.VoidedOn)
}

// step names the action of the workflow that gives the booking its documents: the policy's with the ticket's when it is insured.
func (b Booking) step(action string) string {
	if b.Insured {
		return action + "-insured"
	}
	return action
}

// insure writes the policy of an insured booking for the ride it is on; the zero Policy for any other.
func (s *Service) insure(ctx context.Context, tx kernel.Tx, b Booking, o offer) (Policy, error) {
	if !b.Insured {
		return Policy{}, nil
	}
	insurer, err := b.insurer()
	if err != nil {
		return Policy{}, err
	}
	now, here := s.Clock.Now(), s.tenant(tx).Location()
	p := Policy{Number: kernel.NewNumber(policyPrefix, now.In(here)), Case: b.Case, Insurer: insurer, BeginsOn: now.In(here).Format(time.DateOnly)}
	p.EndsOn = max(o.Ends().Arrives.In(here).Format(time.DateOnly), o.Ends().Arrives.In(located(o.Ends().Zone)).Format(time.DateOnly))
	return savePolicy(ctx, tx, p, now)
}

// insurer is the agency that insures the booking, by the terms it was booked under.
func (b Booking) insurer() (kernel.AgencyID, error) {
	rules, err := b.rules()
	if err != nil || rules.Insurance == nil {
		return "", err
	}
	return rules.Insurance.By(), nil
}

// endPolicy makes the policy of a booking void from today on.
func (s *Service) endPolicy(ctx context.Context, tx kernel.Tx, c kernel.CaseID, at time.Time) error {
	return voidPolicy(ctx, tx, c, at.In(s.tenant(tx).Location()).Format(time.DateOnly), at)
}

// policyAnswers are what the policy says, in the booking's language.
func (s *Service) policyAnswers(tenant kernel.TenantID, b Booking, p Policy) map[string]any {
	names := make([]string, len(b.Passengers))
	for i, who := range b.Passengers {
		names[i] = who.Name
	}
	return map[string]any{
		"policy_number": p.Number, "insurer": s.agencyName(tenant, p.Insurer, b.Locale), "insured": strings.Join(names, "; "),
		"premium": plain(ui.Money(b.Locale, b.Insurance, b.Currency)), "covered": s.coveredText(b),
	}
}

// agencyName is what people call an agency; its id when the municipality does not have it any more.
func (s *Service) agencyName(tenant kernel.TenantID, id kernel.AgencyID, locale string) string {
	if a, ok := s.Directory.Agency(tenant, id); ok {
		return a.Name.In(locale)
	}
	return string(id)
}

// coveredText names what was taken out, each product with what it pays for and its terms.
func (s *Service) coveredText(b Booking) string {
	rules, _ := b.rules() // what cannot be read insures nothing
	var out []string
	for _, p := range rules.Products() {
		out = append(out, p.Name.In(b.Locale)+": "+plain(s.coverText(b.Locale, b.Currency, p)))
	}
	return strings.Join(out, " ")
}

// insuredText names what was taken out.
func (s *Service) insuredText(locale string, b Booking) string {
	rules, _ := b.rules() // what cannot be read insures nothing
	var out []string
	for _, p := range rules.Products() {
		out = append(out, p.Name.In(locale))
	}
	return strings.Join(out, "; ")
}

// coverText says what a product pays for, and its terms.
func (s *Service) coverText(locale, currency string, p fares.Product) string {
	var out []string
	if p.Covers > 0 {
		out = append(out, s.say(locale, "covered-cancelling", "percent", itoa(p.Covers)))
	}
	if p.UpTo > 0 {
		out = append(out, s.say(locale, "covered-costs", "amount", ui.Money(locale, p.UpTo, currency)))
	}
	return strings.Join(append(out, p.Terms.In(locale)), " ")
}
