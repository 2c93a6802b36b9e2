package payments

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
)

// issued is a kernel.Documents that keeps what it was asked for.
type issued struct {
	mu  sync.Mutex
	all []kernel.DocumentIntent
}

func (d *issued) Intend(_ context.Context, _ kernel.Tx, i kernel.DocumentIntent) (kernel.DocumentID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, i)
	return kernel.DocumentID(kernel.NewID()), nil
}

func (d *issued) Preview(context.Context, kernel.DocumentIntent) ([]byte, error) { return nil, nil }

func (d *issued) List(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.Document, error) {
	return nil, nil
}

func words(t *testing.T) *ui.Texts {
	t.Helper()
	texts, err := ui.LoadTexts(Texts())
	if err != nil {
		t.Fatal(err)
	}
	return texts
}

func TestAReceiptIsIssuedWhenMoneyWasTakenAndANewerOneAfterEachRefund(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	papers := &issued{}
	h.Documents, h.Texts = papers, words(t)
	subs := map[string]pg.Effects{Name: h.Module().Effects}
	h.db.Subscribe(subs)
	h.run = pg.NewDispatcher(h.db, kerneltest.Directory(), subs, pg.DispatchOptions{Backoff: time.Microsecond, MaxTries: 30})
	who := h.resident()
	person := h.people[who]
	person.Locale = "zh"
	h.people[who] = person
	n := ticket(who)
	n.Locale = "ru" // they speak another language here than their issuer knows of
	p := h.open(t, n)
	h.settle(t)
	h.wallet.pay(p.ID)
	h.tell(t)
	if len(papers.all) != 0 {
		t.Fatalf("a receipt for money that was not taken: %+v", papers.all)
	}
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture})
	h.settle(t)
	h.tell(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "r", Kind: kernel.OrderRefund, Lines: map[string]int64{"fare": 400}, Reason: "cancelled"})
	h.settle(t)
	h.tell(t)
	if len(papers.all) != 2 {
		t.Fatalf("%d receipts", len(papers.all))
	}
	for i, want := range [][]string{
		{p.Reference, "Coach ticket", "Отдел ЗАГС", "10,00\u00a0€", "2,50\u00a0€", "12,50\u00a0€"},
		{p.Reference, "Вы отменили", "4,00\u00a0€", "8,50\u00a0€"},
	} {
		paper := papers.all[i]
		text, err := json.Marshal(paper.Content)
		if err != nil {
			t.Fatal(err)
		}
		if paper.Type != receiptType || paper.Holder != who || paper.Case != p.Case || paper.Content.Locale != "ru" || paper.Content.Title != "Квитанция" {
			t.Errorf("%+v", paper)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("receipt %d does not say %q: %s", i+1, w, text)
			}
		}
	}
	if text, _ := json.Marshal(papers.all[0].Content); strings.Contains(string(text), "Возврат") {
		t.Errorf("the first receipt speaks of refunds: %s", text)
	}
}
