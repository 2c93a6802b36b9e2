package casework

import (
	"context"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// till is payments as casework sees them.
type till struct {
	opened []kernel.Payment
	orders []string // "<kind> <reason>"
}

func (f *till) Open(_ context.Context, _ kernel.Tx, n kernel.NewPayment) (kernel.Payment, error) {
	p := kernel.Payment{ID: kernel.PaymentID(kernel.NewID()), Case: n.Case, Person: n.Person, State: kernel.PaymentOpen, Title: n.Title, Lines: n.Lines, Amount: n.Lines[0].Amount, Until: n.Until}
	f.opened = append(f.opened, p)
	return p, nil
}

func (f *till) Order(_ context.Context, _ kernel.Tx, o kernel.PaymentOrder) (kernel.Payment, error) {
	f.orders = append(f.orders, strings.TrimSpace(o.Kind+" "+o.Reason))
	return kernel.Payment{}, nil
}

func (f *till) Payments(_ context.Context, _ kernel.Tx, c kernel.CaseID) (out []kernel.Payment, err error) {
	for _, p := range f.opened {
		if p.Case == c {
			out = append(out, p)
		}
	}
	return out, nil
}

// becomes says what became known of the payment of a case, and lets casework hear of it.
func (f *till) becomes(h *house, c kernel.Case, state, change string) {
	h.t.Helper()
	for i := range f.opened {
		if p := &f.opened[i]; p.Case == c.ID {
			p.State = state
			err := h.DB.InTx(h.t.Context(), h.anna.Tenant, func(tx *pg.Tx) error {
				return pg.Emit(h.t.Context(), tx, kernel.Event{Name: kernel.EventPaymentChanged, Key: string(p.ID) + change, Case: c.ID,
					Payload: kernel.PaymentChanged{Payment: p.ID, Case: c.ID, Person: p.Person, State: state, Change: change}})
			})
			if err != nil {
				h.t.Fatal(err)
			}
		}
	}
	h.drain()
}

// withTill is casework with payments, in the town where the parking permit is offered.
func withTill(t *testing.T) (*house, *till, kernel.Case) {
	h, f := newHouse(t), &till{}
	texts, err := ui.LoadTexts(Texts())
	if err != nil {
		t.Fatal(err)
	}
	h.Service.Payments, h.Texts = f, texts
	h.anna.Tenant = kerneltest.Eastmere
	c, err := h.open(h.anna, kernel.NewCase{Service: "parking-permit", Locale: "en"})
	if err != nil {
		t.Fatal(err)
	}
	return h, f, h.act(h.anna, c, "submit", map[string]any{"plate": "NW26 ABC", "vehicle": "car", "from_day": h.clock.Now().AddDate(0, 0, 3).Format(time.DateOnly), "declaration": true})
}

func (h *house) now(c kernel.Case) kernel.Case {
	h.t.Helper()
	c, err := h.read(h.anna, c.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

func (h *house) heard() (names []string) {
	for _, e := range h.notices.sent {
		names = append(names, string(e.Payload))
	}
	return names
}

func TestAFeeIsAskedForTakenAndGivenBackWithTheStepsOfItsCase(t *testing.T) {
	t.Parallel()
	h, f, c := withTill(t)
	if c.State != "unpaid" || len(f.opened) != 1 {
		t.Fatalf("%s, %d payments", c.State, len(f.opened))
	}
	p := f.opened[0]
	if p.Amount != (kernel.Money{Amount: 3000, Currency: "GBP"}) || p.Person != h.anna.Person || p.Lines[0].Payee != "civil-registry" || !p.Until.Equal(c.DueAt) || p.Title["zh"] != "居民停车证" {
		t.Errorf("the payment: %+v", p)
	}
	if _, err := h.try(h.tomasz, c, "grant", nil); err == nil {
		t.Error("granted before it was paid")
	}
	f.becomes(h, c, kernel.PaymentFailed, kernel.ChangeFailed)
	if c = h.now(c); c.State != "unpaid" {
		t.Errorf("a failed attempt leads to %s", c.State)
	}
	f.becomes(h, c, kernel.PaymentAuthorized, kernel.ChangeAuthorized)
	if c = h.now(c); c.State != "submitted" || strings.Join(f.orders, ",") != "capture" {
		t.Fatalf("paid: %s, orders %v", c.State, f.orders)
	}
	f.becomes(h, c, kernel.PaymentCaptured, kernel.ChangeCaptured)
	h.act(h.anna, h.now(c), "withdraw", nil)
	if got := strings.Join(f.orders, ","); got != "capture,return withdraw" {
		t.Errorf("orders %s", got)
	}
}

func TestMoneyThatComesTooLateGoesBackAndTheCitizenIsTold(t *testing.T) {
	t.Parallel()
	h, f, c := withTill(t)
	h.clock.Advance(8 * 24 * time.Hour)
	h.drain()
	if c = h.now(c); c.State != "lapsed" || strings.Join(f.orders, ",") != "return lapse" {
		t.Fatalf("%s, orders %v", c.State, f.orders)
	}
	f.becomes(h, c, kernel.PaymentAuthorized, kernel.ChangeAuthorized)
	if c = h.now(c); c.State != "lapsed" || strings.Join(f.orders, ",") != "return lapse,return too-late" {
		t.Fatalf("%s, orders %v", c.State, f.orders)
	}
	last := h.heard()[len(h.heard())-1]
	if !strings.Contains(last, "money-returned") || !strings.Contains(last, c.Number) || !strings.Contains(last, "居民停车证") {
		t.Errorf("the last notice is %s", last)
	}
}

// What a sector's module charges for is its own to go on with.
func TestTheMoneyOfASectorsCaseIsLeftToIt(t *testing.T) {
	t.Parallel()
	h, _ := withSector(t)
	f := &till{}
	h.Service.Payments = f
	starts := h.clock.Now().AddDate(0, 0, 8)
	c, err := h.open(h.anna, kernel.NewCase{Service: doctor, Locale: "en", Sector: "medical", Then: &kernel.Act{Action: "confirm", Input: visit(starts)}})
	if err != nil {
		t.Fatal(err)
	}
	f.opened = append(f.opened, kernel.Payment{ID: kernel.PaymentID(kernel.NewID()), Case: c.ID})
	f.becomes(h, c, kernel.PaymentAuthorized, kernel.ChangeAuthorized)
	if after := h.now(c); after.Version != c.Version || len(f.orders) > 0 {
		t.Errorf("version %d, orders %v", after.Version, f.orders)
	}
}
