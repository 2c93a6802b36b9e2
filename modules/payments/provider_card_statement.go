package payments

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"townhall/modules/kernel"
)

// statementLines bounds what a day of the account may have, of whatever the company is used for.
const statementLines = 100_000

// Statement reads the account's balance transactions of the day (https://docs.stripe.com/api/balance_transactions/list). The charges
// themselves would not do: a charge is created when the money is held, its balance transaction when the money is taken, which for
// a deposit may be days later. The amount is the one of the charge or refund behind it: of a part that was captured the balance
// transaction names the whole, and a second one takes the rest back (https://docs.stripe.com/reports/reporting-categories); and where
// the account keeps another currency it names that one. Who paid stands in the answer, too, and is not kept.
func (c *card) Statement(ctx context.Context, t kernel.Tenant, day string) ([]entry, error) {
	begins, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil, kernel.NotThere("statement")
	}
	p := &stripe.BalanceTransactionListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: begins.Unix(), LesserThan: begins.AddDate(0, 0, 1).Unix()}}
	p.Limit = stripe.Int64(100)
	p.AddExpand("data.source")
	read := &bookkeeper{card: c, town: t.Origin, charges: map[string]map[string]string{}}
	n := 0
	for b, err := range c.api.V1BalanceTransactions.List(ctx, p).All(ctx) {
		if n++; err == nil && n > statementLines {
			err = errors.New("too many lines")
		}
		if err == nil {
			err = read.line(ctx, b)
		}
		if err != nil {
			return nil, errAway.Wrap(c.failed("statement of "+day, err))
		}
	}
	return read.out, nil
}

// bookkeeper makes of the account's lines those that concern a town's payments.
type bookkeeper struct {
	*card
	town    string
	charges map[string]map[string]string // what was looked up: charge → its metadata
	out     []entry
}

// line keeps what moved money of a payment. Fees, payouts and the rest are between the town and the company. A refund counts
// when it has gone through: one that failed afterwards has moved nothing in the end, and an event has told of it.
func (k *bookkeeper) line(ctx context.Context, b *stripe.BalanceTransaction) error {
	if b.Source == nil {
		return nil
	}
	e := entry{Kind: string(b.ReportingCategory), Reference: kept(b.Source.ID, 255), At: time.Unix(b.Created, 0).UTC()}
	var about map[string]string
	var of *stripe.Charge // the charge that is given back, or disputed
	switch s := b.Source; {
	case b.ReportingCategory == stripe.BalanceTransactionReportingCategoryCharge && s.Charge != nil:
		e.Kind, e.Amount, about = kernel.OrderCapture, minor(s.Charge.AmountCaptured, s.Charge.Currency), s.Charge.Metadata
	case b.ReportingCategory == stripe.BalanceTransactionReportingCategoryChargeFailure && s.Charge != nil:
		e.Amount, about = minor(s.Charge.AmountCaptured, s.Charge.Currency), s.Charge.Metadata
	case b.ReportingCategory == stripe.BalanceTransactionReportingCategoryRefund && s.Refund != nil:
		if s.Refund.Status != stripe.RefundStatusSucceeded {
			return nil
		}
		e.Kind, e.Amount, about, of = kernel.OrderRefund, minor(s.Refund.Amount, s.Refund.Currency), s.Refund.Metadata, s.Refund.Charge
	case strings.HasPrefix(string(b.ReportingCategory), string(stripe.BalanceTransactionReportingCategoryDispute)) && s.Dispute != nil: // and its reversal
		e.Amount, of = minor(s.Dispute.Amount, s.Dispute.Currency), s.Dispute.Charge
	default:
		return nil
	}
	e.Order = kept(about["order"], 60)
	if about["payment"] == "" && of != nil && of.ID != "" { // somebody's at the company, who gave no order: which payment it is about says the charge
		var err error
		if about, err = k.charge(ctx, of.ID); err != nil {
			return err
		}
	}
	if about["payment"] == "" || about["town"] != k.town {
		return nil
	}
	e.Payment = kernel.PaymentID(kept(about["payment"], 60))
	k.out = append(k.out, e)
	return nil
}

// charge is what we once said the payment behind a charge is about; the company copies it to the charge
// (https://support.stripe.com/questions/how-metadata-works-with-related-objects).
func (k *bookkeeper) charge(ctx context.Context, id string) (map[string]string, error) {
	if about, known := k.charges[id]; known {
		return about, nil
	}
	charge, err := k.api.V1Charges.Retrieve(ctx, id, nil)
	if err != nil {
		return nil, fmt.Errorf("charge: %w", err)
	}
	k.charges[id] = charge.Metadata
	return charge.Metadata, nil
}

func minor(amount int64, c stripe.Currency) kernel.Money {
	return kernel.Money{Amount: amount, Currency: kept(strings.ToUpper(string(c)), 3)}
}
