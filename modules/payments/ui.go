package payments

import (
	"net/http"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// citizenPages are the citizen's own payments.
func (s *Service) citizenPages() []web.Page {
	return []web.Page{
		{Pattern: "GET /payments", Policy: ownPayments, Handle: s.listPage},
		{Pattern: "GET /payments/{id}", Policy: ownPayments, Handle: s.paymentPage},
		{Pattern: "POST /payments/{id}/pay", Policy: ownPayments, Handle: s.payAction},
	}
}

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), "payments."+key, args...)
}

func (s *Service) money(r *http.Request, m kernel.Money) string {
	return ui.Money(kernel.LocaleOf(r.Context()), m.Amount, m.Currency)
}

// tones of the states. None says more than its word.
var tones = map[string]string{
	kernel.PaymentOpen: ui.Warning, kernel.PaymentFailed: ui.Warning, kernel.PaymentAuthorized: ui.Info,
	kernel.PaymentCaptured: ui.Success, kernel.PaymentVoided: ui.Neutral, kernel.PaymentRefunded: ui.Neutral,
}

// stateOf is where a payment stands, for its page: one that nobody paid in time reads as over, one of which some came back says so.
func (s *Service) stateOf(p kernel.Payment) string {
	if p.State == kernel.PaymentCaptured && !p.Refunded.IsZero() {
		return "partly-refunded"
	}
	if p.Payable() && !p.Until.After(s.Clock.Now()) {
		return "over"
	}
	return p.State
}

func (s *Service) stateTag(r *http.Request, p kernel.Payment) ui.Tag {
	state := s.stateOf(p)
	if state == "over" {
		return ui.Tag{Text: s.t(r, "state.over"), Tone: ui.Neutral}
	}
	return ui.Tag{Text: s.t(r, "state."+state), Tone: tones[p.State]}
}

const pageSize = 30

// listView is the data of ui/payments.html.
type listView struct {
	Cards []ui.Card
	Empty *ui.Empty
	Pages ui.Pagination
}

func (s *Service) listPage(w http.ResponseWriter, r *http.Request) error {
	before := kernel.PaymentID(r.URL.Query().Get("before"))
	all, err := s.Mine(r.Context(), before, pageSize+1)
	if err != nil {
		return err
	}
	return s.showList(w, r, before, all)
}

func (s *Service) showList(w http.ResponseWriter, r *http.Request, before kernel.PaymentID, all []kernel.Payment) error {
	v := listView{}
	if before != "" {
		v.Pages.Newer = "/payments"
	}
	if len(all) > pageSize { // one more was asked for, to know whether there are older ones
		all = all[:pageSize]
		v.Pages.Older = "/payments?before=" + string(all[pageSize-1].ID)
	}
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	for _, p := range all {
		v.Cards = append(v.Cards, ui.Card{Href: paymentPath(p.ID), Title: p.Title.In(locale), Text: s.sum(r, p), Meta: ui.Date(locale, zone, p.CreatedAt), Tag: s.stateTag(r, p)})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.t(r, "none"), Body: s.t(r, "none-body")}
	}
	return s.Citizen.Render(w, r, s.views, "payments", ui.View{Title: s.t(r, "title"), Data: v, Active: "payments"})
}

// sum is what a payment comes to, in a line: what was asked for or taken, and what of it came back, when and why. Several refunds
// are added up, and the last one says when and why.
func (s *Service) sum(r *http.Request, p kernel.Payment) string {
	amount := s.money(r, p.Amount)
	if !p.Captured.IsZero() {
		amount = s.money(r, p.Captured)
	}
	if p.Refunded.IsZero() {
		return amount
	}
	var last kernel.Refund
	for _, one := range p.Refunds {
		if one.State == "done" && !one.EndedAt.Before(last.EndedAt) {
			last = one
		}
	}
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	key := "sum.part-back"
	if p.Refunded == p.Captured {
		key = "sum.all-back"
	}
	return s.t(r, key, "amount", amount, "back", s.money(r, p.Refunded), "date", ui.Date(locale, zone, last.EndedAt), "why", s.reason(r, last.Reason))
}

func paymentPath(id kernel.PaymentID) string { return "/payments/" + string(id) }

// paymentView is the data of ui/payment.html.
type paymentView struct {
	Title   string
	Tag     ui.Tag
	Amount  string
	Notice  *ui.Notice
	Pay     *ui.Button
	Path    string
	Lines   ui.Table
	Refunds *ui.Table
	Facts   []ui.Fact
	Case    string
}

func (s *Service) paymentPage(w http.ResponseWriter, r *http.Request) error {
	p, err := s.mine(r.Context(), kernel.PaymentID(r.PathValue("id")))
	if err != nil {
		return err
	}
	return s.showPayment(w, r, p.public(), p.FailedReason)
}

func (s *Service) showPayment(w http.ResponseWriter, r *http.Request, p kernel.Payment, failure string) error {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	v := paymentView{
		Title: p.Title.In(locale), Tag: s.stateTag(r, p), Amount: s.money(r, p.Amount), Notice: s.paymentNotice(r, p, failure), Path: paymentPath(p.ID) + "/pay", Case: "/cases/" + string(p.Case),
		Lines: ui.Table{Caption: s.t(r, "lines"), Visible: true, Head: []string{s.t(r, "line"), s.t(r, "payee"), s.t(r, "amount")}},
		Facts: []ui.Fact{{Key: s.t(r, "number"), Value: p.Reference, Code: true}, {Key: s.t(r, "asked"), Value: ui.DateTime(locale, zone, p.CreatedAt)}},
	}
	for _, l := range p.Lines {
		v.Lines.Rows = append(v.Lines.Rows, ui.TableRow{Cells: []ui.Cell{{Text: l.Title.In(locale)}, {Text: s.payeeName(kernel.TenantOf(r.Context()), l.Payee).In(locale)}, {Text: s.money(r, l.Amount), Number: true}}})
	}
	if !p.Captured.IsZero() {
		v.Facts = append(v.Facts, ui.Fact{Key: s.t(r, "taken"), Value: s.money(r, p.Captured)})
	}
	if !p.Refunded.IsZero() {
		v.Facts = append(v.Facts, ui.Fact{Key: s.t(r, "given-back"), Value: s.money(r, p.Refunded)})
	}
	if !p.Released.IsZero() {
		v.Facts = append(v.Facts, ui.Fact{Key: s.t(r, "released"), Value: s.t(r, "released-when", "amount", s.money(r, p.Released), "date", ui.Date(locale, zone, p.ReleasedAt))})
	}
	if p.Payable() && p.Until.After(s.Clock.Now()) {
		v.Pay = &ui.Button{Label: s.t(r, "pay", "amount", s.money(r, p.Amount))}
	}
	if len(p.Refunds) > 0 && !p.Captured.IsZero() { // one that was ordered of what was never taken has nothing to say
		v.Refunds = s.refundTable(r, p)
	}
	return s.Citizen.Render(w, r, s.views, "payment", ui.View{Title: v.Title, Back: "/payments", Data: v, Active: "payments"})
}

// paymentNotice says in a sentence what the state means for the citizen.
func (s *Service) paymentNotice(r *http.Request, p kernel.Payment, failure string) *ui.Notice {
	until := ui.DateTime(kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location(), p.Until)
	switch s.stateOf(p) {
	case kernel.PaymentOpen:
		return &ui.Notice{Tone: ui.Info, Title: s.t(r, "until", "time", until), Body: s.t(r, "until-body")}
	case kernel.PaymentFailed:
		why := s.t(r, "failed.other")
		if s.Texts.Has("payments.failed." + failure) {
			why = s.t(r, "failed."+failure)
		}
		return &ui.Notice{Tone: ui.Warning, Title: why, Body: s.t(r, "failed-body", "time", until)}
	case kernel.PaymentAuthorized:
		return &ui.Notice{Tone: ui.Info, Title: s.t(r, "authorized"), Body: s.t(r, "authorized-body")}
	case kernel.PaymentVoided:
		n := &ui.Notice{Tone: ui.Neutral, Title: s.t(r, "voided"), Body: s.t(r, "voided-body")}
		if s.Texts.Has("payments.reason." + p.ReleaseReason) {
			n.Body = s.t(r, "reason."+p.ReleaseReason) + s.t(r, "stop") + n.Body
		}
		return n
	case "partly-refunded", kernel.PaymentRefunded:
		return &ui.Notice{Tone: ui.Success, Title: s.sum(r, p), Body: s.t(r, "back-body")}
	case "over":
		return &ui.Notice{Tone: ui.Neutral, Title: s.t(r, "over"), Body: s.t(r, "over-body")}
	}
	return nil
}

func (s *Service) refundTable(r *http.Request, p kernel.Payment) *ui.Table {
	locale, zone := kernel.LocaleOf(r.Context()), kernel.TenantOf(r.Context()).Location()
	t := &ui.Table{Caption: s.t(r, "refunds"), Visible: true, Head: []string{s.t(r, "refund-reason"), s.t(r, "refund-state"), s.t(r, "refund-date"), s.t(r, "amount")}}
	tone := map[string]string{"ordered": ui.Info, "done": ui.Success, "failed": ui.Warning}
	for _, one := range p.Refunds {
		at := one.EndedAt
		if at.IsZero() {
			at = one.OrderedAt
		}
		t.Rows = append(t.Rows, ui.TableRow{Cells: []ui.Cell{{Text: s.reason(r, one.Reason)}, {Tag: ui.Tag{Text: s.t(r, "refund."+one.State), Tone: tone[one.State]}},
			{Text: ui.Date(locale, zone, at)}, {Text: s.money(r, one.Amount), Number: true}}})
	}
	return t
}

// reason is why money goes back, in words.
func (s *Service) reason(r *http.Request, slug string) string {
	return s.reasonIn(kernel.LocaleOf(r.Context()), slug)
}

func (s *Service) reasonIn(locale, slug string) string {
	if !s.Texts.Has("payments.reason." + slug) {
		slug = "other"
	}
	return s.Texts.T(locale, "payments.reason."+slug)
}

// payAction sends the citizen to where the payment is paid.
func (s *Service) payAction(w http.ResponseWriter, r *http.Request) error {
	p, err := s.Begin(r.Context(), kernel.PaymentID(r.PathValue("id")))
	if err != nil {
		return err
	}
	if p.PayURL == "" { // it was paid or ended meanwhile: its page says so
		http.Redirect(w, r, paymentPath(p.ID), http.StatusSeeOther)
		return nil
	}
	http.Redirect(w, r, p.PayURL, http.StatusSeeOther)
	return nil
}
