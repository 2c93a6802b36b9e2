package host

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// stepUpAbove is the amount, in minor units, above which a basic sign-in is not enough to pay.
const stepUpAbove = 50_00

func (w *Wallet) payPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /pay/{page}", w.payer(w.payPage))
	mux.HandleFunc("POST /pay/{page}", w.payer(w.payNow))
	mux.HandleFunc("GET /pay/{page}/return", w.payer(w.payReturn))
	mux.HandleFunc("GET /payments", w.signedIn(w.paymentsPage))
	mux.HandleFunc("GET /payments/{reference}", w.signedIn(w.paymentPage))
}

// Money writes an amount in minor units as people of the page's language do.
func (p page) Money(minor int64, currency string) string { return ui.Money(p.Locale, minor, currency) }

// Local is an instant on the clocks where the person lives.
func (p page) Local(t time.Time) time.Time {
	name, _ := p.Persona.Claims["zoneinfo"].(string)
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC
	}
	return t.In(zone)
}

// payer finds the payment of a page for the one person who may pay it; to everybody else it is not there. Who is signed
// out signs in first, and comes back to the sheet whatever they pressed.
func (w *Wallet) payer(next func(http.ResponseWriter, *http.Request, string, session, *payment)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		secret, s := w.citizens.session(r)
		if s.Persona == "" {
			http.Redirect(rw, r, pathQuery("/sign-in", "back", "/pay/"+r.PathValue("page")), http.StatusSeeOther)
			return
		}
		b := w.journal.books
		b.mu.Lock()
		p := b.byPage[r.PathValue("page")]
		b.mu.Unlock()
		if p == nil || p.Persona != s.Persona {
			w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
			return
		}
		next(rw, r, secret, s, p)
	}
}

// paymentView is a payment as a page shows it: copied while the books were locked.
type paymentView struct {
	payment
	Status string // key of its texts: a state, or why it failed
	Town   string // the municipality's name
	Host   string // its host name, which nobody can choose for themselves
	Link   string
	Means  means
	Back   []string // what came back, in a sentence each, oldest first
}

func (w *Wallet) view(r *http.Request, v page, p payment) paymentView {
	out := paymentView{payment: p, Status: p.State(), Host: hostOf(p.Request.Town), Link: "/payments/" + p.Reference}
	out.Means, _ = meansOf(p.Means)
	for _, a := range w.book.apps(r.Context()) {
		if a.Origin == p.Request.Town {
			out.Town = v.In(a.Municipality)
		}
	}
	out.Town = cmp.Or(out.Town, out.Host)
	for _, f := range p.History {
		if f.What == factRefunded {
			out.Back = append(out.Back, v.cameBack(f, p.Request.Currency))
		}
	}
	switch {
	case p.payable(false):
		out.Status, out.Link = "open", "/pay/"+p.Page
	case out.Status == "failed" || (out.Status == "voided" && p.Authorized == 0):
		out.Status = cmp.Or(map[string]string{"cancelled": "cancelled", "expired": "expired", "ordered": "withdrawn"}[p.Reason], "failed")
	case p.Refunded > 0 && p.Refunded < p.Captured:
		out.Status = "partly-refunded"
	}
	return out
}

// cameBack says of a refund how much came back, when and why.
func (p page) cameBack(f fact, currency string) string {
	amount, date := p.Money(f.Amount, currency), p.ShortDay(p.Local(f.At))
	if why := p.Known("payments.why."+f.Reason, ""); f.Reason != "" && why != "" {
		return p.T("payments.back-why", "amount", amount, "date", date, "why", why)
	}
	return p.T("payments.back-on", "amount", amount, "date", date)
}

func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

type payData struct {
	paymentView
	Choices []choice
	Chosen  string
	PIN     bool // the identity card's PIN is asked with it
	Weak    bool // and this person's card cannot give what is needed
	Problem string
	Field   string // the problem's
	Minutes int
}

// choice is one way to pay, and what is in it.
type choice struct {
	means
	Held int64
}

// payPage is the payment sheet, or what became of the payment.
func (w *Wallet) payPage(rw http.ResponseWriter, r *http.Request, _ string, s session, p *payment) {
	w.sheet(rw, r, s, p, "", "")
}

// sheet shows a payment at its page; problem is the key of what is wrong with the person's answer, beside field.
func (w *Wallet) sheet(rw http.ResponseWriter, r *http.Request, s session, p *payment, problem, field string) {
	v := w.page(r, w.citizens, "")
	v.Here = "/pay/" + p.Page
	latePaid := w.cfg.Faults.get().LatePaid
	now := w.clock.Now()
	var d payData
	var copied payment
	if err := w.journal.decide(p, now, func() ([]fact, error) {
		copied = *p
		copied.History = slices.Clone(p.History)
		for _, m := range allMeans {
			d.Choices = append(d.Choices, choice{m, w.journal.books.balance(p.Persona, m, p.Request.Currency)})
		}
		return nil, nil
	}); err != nil {
		w.payFailed(rw, r, err)
		return
	}
	w.rouse() // its time may have run out just now
	d.paymentView = w.view(r, v, copied)
	d.Chosen = cmp.Or(r.PostFormValue("means"), allMeans[0].ID)
	d.Minutes = int((copied.Request.ExpiresAt.Sub(now) + time.Minute - 1) / time.Minute)
	if !copied.payable(latePaid) {
		v.Title, v.Data = v.T("pay.done."+d.Status), d
		w.render(rw, r, http.StatusOK, "paid", v)
		return
	}
	v.Title = v.T("pay.title")
	d.PIN = needsCard(s, p.Request.Amount)
	d.Weak = d.PIN && v.Persona.Max < kernel.Substantial
	status := http.StatusOK
	if problem != "" {
		d.Problem, d.Field, status = v.T(problem), field, http.StatusUnprocessableEntity
	}
	v.Data = d
	w.render(rw, r, status, "pay", v)
}

func needsCard(s session, amount int64) bool {
	return s.Level < kernel.Substantial && amount > stepUpAbove
}

func (w *Wallet) payFailed(rw http.ResponseWriter, r *http.Request, err error) {
	w.log.ErrorContext(r.Context(), "payment not stored", "error", err)
	w.errorPage(rw, r, http.StatusInternalServerError, "error.internal")
}

// payNow is a button of the sheet. It leads back to the page, which says what became of it: loading that again
// pays nothing.
func (w *Wallet) payNow(rw http.ResponseWriter, r *http.Request, secret string, s session, p *payment) {
	if r.ParseForm() != nil {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	now := w.clock.Now()
	if r.PostForm.Get("do") == "cancel" {
		if err := w.journal.decide(p, now, func() ([]fact, error) { return p.giveUp("cancelled", now), nil }); err != nil {
			w.payFailed(rw, r, err)
			return
		}
		w.rouse()
		http.Redirect(rw, r, "/pay/"+p.Page, http.StatusSeeOther)
		return
	}
	m, ok := meansOf(r.PostForm.Get("means"))
	if !ok || r.PostForm.Get("do") != "pay" {
		w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	s, problem, err := w.confirmPayment(secret, s, p, r.PostForm.Get("pin"))
	if err != nil {
		w.payFailed(rw, r, err)
		return
	}
	if problem != "" {
		w.sheet(rw, r, s, p, problem, "pin")
		return
	}
	if err := w.journal.decide(p, now, func() ([]fact, error) {
		facts := w.journal.books.pay(p, m, now, w.cfg.Faults.get())
		if len(facts) > 0 && facts[0].What == factFailed && !facts[0].Final {
			problem = "pay.problem." + facts[0].Reason
		}
		return facts, nil
	}); err != nil {
		w.payFailed(rw, r, err)
		return
	}
	w.rouse()
	if problem != "" {
		w.sheet(rw, r, s, p, problem, "means-"+m.ID)
		return
	}
	http.Redirect(rw, r, "/pay/"+p.Page, http.StatusSeeOther)
}

// confirmPayment asks for the identity card's PIN where the sign-in is too weak for the amount, as a step-up does; the
// session is stronger afterwards. Three wrong PINs end the payment.
func (w *Wallet) confirmPayment(secret string, s session, p *payment, pin string) (session, string, error) {
	if !needsCard(s, p.Request.Amount) {
		return s, "", nil
	}
	b := w.journal.books
	b.mu.Lock()
	// Counted before the PIN is looked at, so that parallel guesses are counted as well.
	p.tries++
	tries := p.tries
	b.mu.Unlock()
	problem := "confirm.wrong-pin"
	if tries <= maxTries {
		ix := interaction{Req: authRequest{Levels: []kernel.Level{kernel.Substantial}}}
		if s, problem = w.citizens.confirm(&ix, secret, s, pin); problem == "" {
			return s, "", nil
		}
	}
	if tries < maxTries {
		return s, problem, nil
	}
	now := w.clock.Now()
	return s, problem, w.journal.decide(p, now, func() ([]fact, error) { return p.giveUp("not-confirmed", now), nil })
}

// payReturn leads back to the town.
func (w *Wallet) payReturn(rw http.ResponseWriter, r *http.Request, _ string, _ session, p *payment) {
	http.Redirect(rw, r, p.returnURL(), http.StatusSeeOther)
}

type paymentsData struct{ Waiting, Past []paymentView }

// payments returns copies of a person's payments, newest first, after time did its part.
func (w *Wallet) payments(persona string) ([]payment, error) {
	b := w.journal.books
	now := w.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []payment
	for _, p := range slices.Backward(b.list) {
		if p.Persona != persona {
			continue
		}
		if err := w.journal.enter(p.lapse(now)); err != nil {
			return nil, err
		}
		one := *p
		one.History = slices.Clone(p.History)
		out = append(out, one)
	}
	return out, nil
}

// waiting counts what a person is asked to pay and has not.
func (w *Wallet) waiting(persona string) int {
	list, _ := w.payments(persona) // books that cannot be written show nothing that waits
	return len(slices.DeleteFunc(list, func(p payment) bool { return !p.payable(false) }))
}

// paymentsPage lists what the person is asked to pay, and what became of the rest.
func (w *Wallet) paymentsPage(rw http.ResponseWriter, r *http.Request, s session) {
	list, err := w.payments(s.Persona)
	if err != nil {
		w.payFailed(rw, r, err)
		return
	}
	v := w.page(r, w.citizens, "")
	v.Title, v.Nav, v.Back = v.T("payments.title"), "home", "/"
	var d paymentsData
	for _, p := range list {
		if p.payable(false) {
			d.Waiting = append(d.Waiting, w.view(r, v, p))
		} else {
			d.Past = append(d.Past, w.view(r, v, p))
		}
	}
	v.Data = d
	w.render(rw, r, http.StatusOK, "payments", v)
}

// paymentPage is one payment with everything that happened to it.
func (w *Wallet) paymentPage(rw http.ResponseWriter, r *http.Request, s session) {
	list, err := w.payments(s.Persona)
	if err != nil {
		w.payFailed(rw, r, err)
		return
	}
	i := slices.IndexFunc(list, func(p payment) bool { return p.Reference == r.PathValue("reference") })
	if i < 0 {
		w.errorPage(rw, r, http.StatusNotFound, "error.not-found")
		return
	}
	v := w.page(r, w.citizens, "")
	v.Title, v.Nav, v.Back = v.In(list[i].Request.Title), "home", "/payments"
	v.Data = w.view(r, v, list[i])
	w.render(rw, r, http.StatusOK, "payment", v)
}
