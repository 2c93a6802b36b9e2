package travel

import (
	"context"
	"fmt"
	"time"

	"townhall/modules/kernel"
)

// giveBack writes down that so much of the fare, and of the premium, goes back to whoever paid, from the newest payment
// first, and asks for what can be asked for now. key names the occasion: each happens once to a booking. What was not paid is
// not given back: the answer says how much it is in the end, in minor units.
func (s *Service) giveBack(ctx context.Context, tx kernel.Tx, c kernel.CaseID, key, reason string, fare, insurance int64, at time.Time) (given int64, err error) {
	charges, err := chargesOf(ctx, tx, c)
	if err != nil {
		return 0, err
	}
	for i := len(charges) - 1; i >= 0 && fare+insurance > 0; i-- {
		ch := charges[i]
		if ch.State != chargePlaced {
			continue
		}
		r := refund{Payment: ch.Payment, Key: key, Case: c, Reason: reason, Fare: min(fare, ch.Fare-ch.FareBack), Insurance: min(insurance, ch.Insurance-ch.InsuranceBack)}
		if r.Fare+r.Insurance == 0 {
			continue
		}
		fare, insurance, given = fare-r.Fare, insurance-r.Insurance, given+r.Fare+r.Insurance
		ch.FareBack, ch.InsuranceBack = ch.FareBack+r.Fare, ch.InsuranceBack+r.Insurance
		if err := saveCharge(ctx, tx, ch); err != nil {
			return 0, err
		}
		if err := insertRefund(ctx, tx, r, at); err != nil {
			return 0, err
		}
	}
	return given, s.orderRefunds(ctx, tx, c)
}

// orderRefunds asks for the refunds of a booking whose payments have been captured. The others are asked for when that is
// heard of.
func (s *Service) orderRefunds(ctx context.Context, tx kernel.Tx, c kernel.CaseID) error {
	waiting, err := waitingRefunds(ctx, tx, c)
	if err != nil || len(waiting) == 0 {
		return err
	}
	payments, err := s.Payments.Payments(ctx, tx, c)
	if err != nil {
		return err
	}
	captured := map[kernel.PaymentID]bool{}
	for _, p := range payments {
		captured[p.ID] = !p.Captured.IsZero()
	}
	for _, r := range waiting {
		if !captured[r.Payment] {
			continue
		}
		lines := map[string]int64{}
		for name, amount := range map[string]int64{"fare": r.Fare, "insurance": r.Insurance} {
			if amount > 0 {
				lines[name] = amount
			}
		}
		if _, err := s.Payments.Order(ctx, tx, kernel.PaymentOrder{Payment: r.Payment, Key: r.Key, Kind: kernel.OrderRefund, Lines: lines, Reason: r.Reason}); err != nil {
			return fmt.Errorf("refund %s of %s: %w", r.Key, c, err)
		}
		if err := refundOrdered(ctx, tx, r, s.Clock.Now()); err != nil {
			return err
		}
	}
	return nil
}

// paidFor is how much of the fare and of the premium somebody has paid and not got back.
func paidFor(charges []charge) (fare, insurance int64) {
	for _, c := range charges {
		if c.State == chargePlaced {
			fare, insurance = fare+c.Fare-c.FareBack, insurance+c.Insurance-c.InsuranceBack
		}
	}
	return fare, insurance
}
