package payments

import (
	"context"
	"encoding/json"
	"fmt"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// receiptType is the type of the document that says what was paid and given back.
const receiptType = "payment-receipt"

// receiptEffect issues a receipt when money was taken, and a newer one after each refund.
func (s *Service) receiptEffect(_ context.Context, e kernel.Effect) (pg.Complete, error) {
	var c kernel.PaymentChanged
	if err := json.Unmarshal(e.Payload, &c); err != nil {
		return nil, fmt.Errorf("payments: payload of %s: %w", e.ID, err)
	}
	if c.Change != kernel.ChangeCaptured && c.Change != kernel.ChangeRefunded {
		return nil, nil
	}
	tenant, err := s.tenant(e.Tenant)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *pg.Tx) error {
		p, err := getPayment(ctx, tx, c.Payment, false)
		if err != nil || p.CapturedAt.IsZero() { // a refund that was told before its capture: the capture brings the receipt
			return err
		}
		locale, err := s.localeOf(ctx, tx, p)
		if err != nil {
			return err
		}
		_, err = s.Documents.Intend(ctx, tx, kernel.DocumentIntent{
			Case: p.Case, Holder: p.Person, Agency: p.Lines[0].Payee, Type: receiptType, Content: s.receipt(tenant, p, locale),
		})
		return err
	}, nil
}

// localeOf is the language a payment was talked about in, like that of the other documents of its case; where nobody said which, the
// person's own.
func (s *Service) localeOf(ctx context.Context, tx kernel.Tx, p *payment) (string, error) {
	if p.Locale != "" {
		return p.Locale, nil
	}
	person, err := s.People.Person(ctx, tx, p.Person, "")
	if err != nil {
		return "", fmt.Errorf("payments: person of %s: %w", p.ID, err)
	}
	return person.Locale, nil
}

// receipt is what the document says, in one language.
func (s *Service) receipt(t kernel.Tenant, p *payment, locale string) kernel.DocumentContent {
	say := func(key string) string { return s.Texts.T(locale, "payments."+key) }
	money := func(n int64) string { return ui.Money(locale, n, p.Amount.Currency) }
	zone := t.Location()
	lines := kernel.DocumentBlock{Kind: "table", Name: "lines", Items: []string{"line", "payee", "amount"}, Header: []string{say("line"), say("payee"), say("amount")}}
	for _, l := range p.Lines {
		if l.Taken > 0 {
			lines.Rows = append(lines.Rows, []string{l.Title.In(locale), s.payeeName(t, l.Payee).In(locale), money(l.Taken)})
		}
	}
	total := kernel.DocumentBlock{Kind: "fields", Name: "total", Items: []string{"taken"}, Fields: [][2]string{{say("receipt.paid"), money(p.captured())}}}
	blocks := []kernel.DocumentBlock{
		{Kind: "fields", Name: "payment", Items: []string{"number", "for", "date"}, Fields: [][2]string{
			{say("number"), p.Number}, {say("receipt.for"), p.Title.In(locale)}, {say("receipt.date"), ui.Date(locale, zone, p.CapturedAt)}}},
		lines,
	}
	refunds := kernel.DocumentBlock{Kind: "table", Name: "refunds", Items: []string{"reason", "date", "amount"}, Header: []string{say("receipt.refund-reason"), say("refund-date"), say("amount")}}
	for _, o := range p.Orders {
		if !o.DoneAt.IsZero() {
			refunds.Rows = append(refunds.Rows, []string{s.reasonIn(locale, o.Reason), ui.Date(locale, zone, o.DoneAt), money(o.Amount)})
		}
	}
	if len(refunds.Rows) > 0 {
		blocks = append(blocks, kernel.DocumentBlock{Kind: "heading", Name: "refunds-heading", Text: say("refunds")}, refunds)
		total.Items = append(total.Items, "refunded", "kept")
		total.Fields = append(total.Fields, [2]string{say("given-back"), money(p.refunded())}, [2]string{say("receipt.kept"), money(p.captured() - p.refunded())})
	}
	return kernel.DocumentContent{Locale: locale, Title: say("receipt.title"), Municipality: t.Name.In(locale), Issuer: s.payeeName(t, p.Lines[0].Payee).In(locale), Blocks: append(blocks, total)}
}
