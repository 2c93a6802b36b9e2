package payments

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// galleryClock stands still, so that a fixture is the same tomorrow.
type galleryClock struct{}

func (galleryClock) Now() time.Time { return ui.GalleryTime }

// Fixtures are the pages of this module in the states people meet, for the gallery. They need no database and no provider.
func (s *Service) Fixtures() []ui.Fixture {
	g := &Service{Deps: s.Deps, views: s.views}
	g.Clock = galleryClock{}
	var all []ui.Fixture
	if g.Citizen != nil {
		all = append(all, g.citizenFixtures()...)
	}
	if g.Staff != nil {
		all = append(all, g.staffFixtures()...)
	}
	return all
}

func (s *Service) citizenFixtures() []ui.Fixture {
	page := func(name, state, failure string, change func(*kernel.Payment)) ui.Fixture {
		return ui.Fixture{Name: "payment-" + name, As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error {
			p := fixturePayment(state)
			if change != nil {
				change(&p)
			}
			return s.showPayment(w, r, p, failure)
		}}
	}
	return []ui.Fixture{
		{Name: "payments", As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error {
			part := fixturePayment(kernel.PaymentCaptured)
			partlyBack(&part)
			return s.showList(w, r, "", []kernel.Payment{fixturePayment(kernel.PaymentOpen), fixturePayment(kernel.PaymentAuthorized), fixturePayment(kernel.PaymentCaptured), part, fixturePayment(kernel.PaymentRefunded), fixturePayment(kernel.PaymentVoided)})
		}},
		{Name: "payments-none", As: kernel.Citizen, Render: func(w http.ResponseWriter, r *http.Request) error { return s.showList(w, r, "", nil) }},
		page("open", kernel.PaymentOpen, "", nil), page("failed", kernel.PaymentFailed, "declined", nil), page("authorized", kernel.PaymentAuthorized, "", nil),
		page("voided", kernel.PaymentVoided, "", nil), page("captured", kernel.PaymentCaptured, "", nil),
		page("over", kernel.PaymentOpen, "", func(p *kernel.Payment) { p.Until = ui.GalleryTime.Add(-time.Hour) }),
		page("refunded", kernel.PaymentCaptured, "", partlyBack), page("all-refunded", kernel.PaymentRefunded, "", nil),
		page("deposit", kernel.PaymentCaptured, "", func(p *kernel.Payment) {
			p.Captured, p.CapturedAt = fixtureEuro(400), ui.GalleryTime
			p.Released, p.ReleasedAt = fixtureEuro(850), ui.GalleryTime
		}),
		page("lapsed", kernel.PaymentVoided, "", func(p *kernel.Payment) { p.ReleaseReason = kernel.ReleaseExpired }),
	}
}

func fixtureEuro(n int64) kernel.Money { return kernel.Money{Amount: n, Currency: "EUR"} }

// partlyBack gives a part of a payment back; more is on its way, and some could not be.
func partlyBack(p *kernel.Payment) {
	p.Refunded = fixtureEuro(500)
	p.Refunds = []kernel.Refund{
		{Reason: "cancelled", State: "done", Amount: fixtureEuro(500), OrderedAt: ui.GalleryTime, EndedAt: ui.GalleryTime},
		{Reason: "called-off", State: "ordered", Amount: fixtureEuro(250), OrderedAt: ui.GalleryTime},
		{Reason: "too-late", State: "failed", Amount: fixtureEuro(100), OrderedAt: ui.GalleryTime, EndedAt: ui.GalleryTime},
	}
}

func fixturePayment(state string) kernel.Payment {
	money := fixtureEuro
	p := kernel.Payment{
		ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", Case: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c12", State: state, Amount: money(1250), Reference: "PA-2026-7K4M-93Q2",
		Title: kernel.Text{"en": "Coach ticket, Northwick to Eastmere", "ru": "Билет на автобус Нортуик — Истмир", "zh": "诺斯威克至伊斯特米尔客车票"},
		Lines: []kernel.PaymentLine{
			{Name: "fare", Payee: "northwick-coaches", Title: kernel.Text{"en": "Fare", "ru": "Проезд", "zh": "票价"}, Amount: money(1000)},
			{Name: "insurance", Payee: "northwick-coaches", Title: kernel.Text{"en": "Insurance", "ru": "Страховка", "zh": "保险"}, Amount: money(250)},
		},
		CreatedAt: ui.GalleryTime.Add(-5 * time.Minute), Until: ui.GalleryTime.Add(5 * time.Minute),
	}
	switch state {
	case kernel.PaymentCaptured:
		p.Authorized, p.Captured = p.Amount, p.Amount
	case kernel.PaymentRefunded:
		p.Authorized, p.Captured, p.Refunded = p.Amount, p.Amount, p.Amount
		p.Refunds = []kernel.Refund{{Reason: "called-off", State: "done", Amount: p.Amount, OrderedAt: ui.GalleryTime, EndedAt: ui.GalleryTime}}
	case kernel.PaymentVoided:
		p.Released, p.ReleasedAt, p.ReleaseReason = p.Amount, ui.GalleryTime, "cancelled"
	case kernel.PaymentAuthorized:
		p.Authorized = p.Amount
	}
	return p
}

func (s *Service) staffFixtures() []ui.Fixture {
	page := func(name string, render func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
		return ui.Fixture{Name: "payments-desk" + name, As: kernel.Staff, Render: render}
	}
	open := difference{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c13", Provider: "wallet", Kind: differsAmount, Day: "2026-11-21", Number: "PA-2026-7K4M-93Q2", Reference: "WP-7K4M93Q2",
		Ours: 1250, HasOurs: true, Theirs: 1520, HasTheirs: true, Currency: "EUR", FoundAt: ui.GalleryTime}
	missing := difference{ID: "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c14", Provider: "wallet", Kind: missingHere, Day: "2026-11-21", Reference: "WP-0C7T5N1E", Theirs: 500, HasTheirs: true, Currency: "EUR", FoundAt: ui.GalleryTime}
	settled := open
	settled.SettledAt, settled.Settlement = ui.GalleryTime, "The wallet corrected its books on the telephone."
	return []ui.Fixture{
		page("", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDesk(w, r, desk{Open: []difference{open, missing}, Days: []day{{Provider: "wallet", Day: "2026-11-21", Ours: 41, Theirs: 42, Open: 2, Found: 2}, {Provider: "wallet", Day: "2026-11-20", Ours: 17, Theirs: 17, Found: 1}, {Provider: "wallet", Day: "2026-11-19", Ours: 23, Theirs: 23}}})
		}),
		page("-none", func(w http.ResponseWriter, r *http.Request) error { return s.showDesk(w, r, desk{}) }),
		page("-difference", func(w http.ResponseWriter, r *http.Request) error { return s.showDifference(w, r, open, "", nil) }),
		page("-difference-wrong", func(w http.ResponseWriter, r *http.Request) error {
			return s.showDifference(w, r, missing, "", errNoReason)
		}),
		page("-difference-settled", func(w http.ResponseWriter, r *http.Request) error { return s.showDifference(w, r, settled, "", nil) }),
	}
}
