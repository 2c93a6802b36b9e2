package payments

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func TestAStatementIsComparedEntryByEntry(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ours := []movement{
		{Payment: "p1", Kind: "capture", Amount: euro(1250), At: at}, {Payment: "p2", Kind: "capture", Amount: euro(500), At: at},
		{Payment: "p3", Kind: "capture", Amount: euro(700), At: at.AddDate(0, 0, -1)}, {Payment: "p1", Order: "o1", Kind: "refund", Amount: euro(250), At: at},
	}
	line := func(kind, payment, order string, m kernel.Money) entry {
		return entry{Kind: kind, Payment: kernel.PaymentID(payment), Order: order, Amount: m, At: at}
	}
	good := []entry{line("capture", "p1", "", euro(1250)), line("capture", "p2", "", euro(500)), line("refund", "p1", "o1", euro(250))}
	for name, c := range map[string]struct {
		theirs    []entry
		elsewhere map[string]bool
		want      string
	}{
		"both agree":                  {good, nil, ""},
		"theirs counts it a day on":   {append(good[:len(good):len(good)], line("capture", "p3", "", euro(700))), nil, ""},
		"ours is missing there":       {good[:2], nil, "missing-there refund/o1"},
		"theirs is on another day":    {good[:2], map[string]bool{"refund/o1": true}, ""},
		"theirs is missing here":      {append(good[:len(good):len(good)], line("capture", "p9", "", euro(1))), nil, "missing-here capture/p9"},
		"a refund nobody ordered":     {append(good[:len(good):len(good)], line("refund", "p2", "o9", euro(1))), nil, "missing-here refund/o9"},
		"another amount":              {[]entry{line("capture", "p1", "", euro(1251)), good[1], good[2]}, nil, "amount capture/p1"},
		"another currency":            {[]entry{line("capture", "p1", "", kernel.Money{Amount: 1250, Currency: "GBP"}), good[1], good[2]}, nil, "currency capture/p1"},
		"booked twice":                {append(good[:len(good):len(good)], good[0]), nil, "amount capture/p1"},
		"nothing of it":               {nil, nil, "missing-there capture/p1, missing-there capture/p2, missing-there refund/o1"},
		"a capture is not a refund":   {[]entry{good[0], line("refund", "p2", "o7", euro(500)), good[2]}, nil, "missing-there capture/p2, missing-here refund/o7"},
		"something of no kind at all": {append(good[:len(good):len(good)], line("tip", "p1", "", euro(5))), nil, "missing-here tip/p1/"},
		"two refunds without an order": {append(good[:len(good):len(good)], entry{Kind: "refund", Payment: "p1", Reference: "re_1", Amount: euro(5), At: at}, entry{Kind: "refund", Payment: "p1", Reference: "re_2", Amount: euro(5), At: at}), nil,
			"missing-here refund/p1/re_1, missing-here refund/p1/re_2"},
	} {
		var got []string
		for _, d := range compare("2026-11-21", "wallet", ours, c.theirs, c.elsewhere) {
			got = append(got, d.Kind+" "+d.Key)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// yesterday moves everything that happened so far into the day before.
func (h *house) yesterday(t *testing.T) {
	t.Helper()
	h.tx(t, func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE payments.payment SET captured_at = captured_at - interval '1 day', authorized_at = authorized_at - interval '1 day' WHERE tenant_id = 'northwick'`)
		return err
	})
	h.wallet.mu.Lock()
	defer h.wallet.mu.Unlock()
	today, before := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	for i := range h.wallet.lines {
		h.wallet.lines[i] = strings.Replace(h.wallet.lines[i], `"at":"`+today, `"at":"`+before, 1)
	}
}

func (h *house) captured(t *testing.T) kernel.Payment {
	t.Helper()
	p := h.paid(t)
	h.order(t, kernel.PaymentOrder{Payment: p.ID, Key: "c", Kind: kernel.OrderCapture})
	h.settle(t)
	h.tell(t)
	return h.stands(t, p.ID)
}

func TestTheBooksOfYesterdayAreComparedOnceAndDifferencesKept(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.captured(t)
	lost := h.captured(t)
	wrong := h.captured(t)
	h.yesterday(t)
	h.wallet.mu.Lock()
	var lines []string
	for _, line := range h.wallet.lines {
		switch {
		case strings.Contains(line, string(lost.ID)):
			continue
		case strings.Contains(line, string(wrong.ID)):
			line = strings.Replace(line, `"amount":1250`, `"amount":1520`, 1)
		}
		lines = append(lines, line)
	}
	stranger := kernel.NewID()
	lines = append(lines, fmt.Sprintf(`{"reference":"WP-X","payment":%q,"type":"capture","amount":99,"currency":"EUR","at":%q}`, stranger, time.Now().UTC().AddDate(0, 0, -1).Format(time.RFC3339)))
	h.wallet.lines = lines
	h.wallet.mu.Unlock()
	for range 2 {
		if err := h.Reconcile(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	for kind, key := range map[string]string{missingThere: "capture/" + string(lost.ID), differsAmount: "capture/" + string(wrong.ID), missingHere: "capture/" + stranger} {
		if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = $1 AND key = $2 AND day = $3::date`, kind, key, at); n != 1 {
			t.Errorf("%s: found %d times", kind, n)
		}
	}
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick'`); n != 3 {
		t.Errorf("%d differences", n)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.reconciliation WHERE tenant_id = 'northwick'`); n != daysBack {
		t.Errorf("%d days compared", n)
	}
	calls := len(h.wallet.calls)
	if err := h.Reconcile(t.Context()); err != nil || len(h.wallet.calls) != calls {
		t.Errorf("a compared day is asked for again: %v", err)
	}
}

func TestAWalletThatIsAwayIsComparedWithLater(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.captured(t)
	h.yesterday(t)
	h.wallet.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	if err := h.Reconcile(t.Context()); kernel.KindOf(err) != kernel.Unavailable {
		t.Errorf("away: %v", err)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.reconciliation WHERE tenant_id = 'northwick'`); n != 0 {
		t.Errorf("%d days count as compared", n)
	}
	h.wallet.answer = nil
	if err := h.Reconcile(t.Context()); err != nil {
		t.Error(err)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick'`); n != 0 {
		t.Errorf("%d differences", n)
	}
}

// Whatever a statement holds, the comparison goes on: what cannot be stored as it is, is stored as far as it can be.
func TestAStatementOfNonsenseIsADifferenceAndNoFailure(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := time.Now().UTC().AddDate(0, 0, -1).Format(time.RFC3339)
	h.wallet.lines = []string{
		fmt.Sprintf(`{"reference":%q,"payment":"x\u0000y","type":"capture\u0000","amount":-5,"currency":"EURO\u0000","at":%q}`, strings.Repeat("я", 400), at),
		fmt.Sprintf(`{"type":"refund","at":%q}`, at),
	}
	if err := h.Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.count(t, `SELECT count(*) FROM payments.difference WHERE tenant_id = 'northwick' AND kind = 'missing-here'`); n != 2 {
		t.Errorf("%d differences", n)
	}
	h.wallet.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		fmt.Fprint(w, "<html>")
		return true
	}
	if _, err := h.providers[0].(stating).Statement(t.Context(), kerneltest.Tenant(kerneltest.Northwick), "2026-11-21"); kernel.KindOf(err) != kernel.Unavailable {
		t.Errorf("no statement at all: %v", err)
	}
}

func TestADifferenceIsSettledOnceWithAReasonAndRecorded(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	log := &auditLog{}
	h.Audit = log
	p := h.open(t, ticket(h.resident()))
	bad := says(saidAuthorized, p)
	bad.Amount = 5
	h.deliver(t, bad)
	ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick))
	ctx = kernel.WithPrincipal(ctx, kernel.Principal{Kind: kernel.Staff, Tenant: kerneltest.Northwick, Person: kernel.PersonID(kernel.NewID()), Grants: []kernel.Grant{{Agency: "civil-registry", Role: "treasurer"}}})
	d, err := h.desk(ctx)
	if err != nil || len(d.Open) != 1 || d.Open[0].Ours != 1250 || d.Open[0].Theirs != 5 || d.Open[0].Number != p.Reference {
		t.Fatalf("%+v, %v", d, err)
	}
	id := d.Open[0].ID
	for _, reason := range []string{"", "  ", strings.Repeat("x", 501)} {
		if err := h.settleDifference(ctx, id, reason); kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%d characters: %v", len(reason), err)
		}
	}
	if err := h.settleDifference(ctx, id, "The wallet repeated its event with the right amount."); err != nil {
		t.Fatal(err)
	}
	if err := h.settleDifference(ctx, id, "Again"); kernel.KindOf(err) != kernel.Conflict {
		t.Errorf("settled twice: %v", err)
	}
	if err := h.settleDifference(ctx, kernel.NewID(), "x"); kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("nothing there: %v", err)
	}
	if len(log.all) != 1 || log.all[0].Action != "payment.difference-settle" || log.all[0].Details["difference"] != id {
		t.Errorf("recorded: %+v", log.all)
	}
	if d, err = h.desk(ctx); err != nil || len(d.Open) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

type auditLog struct{ all []kernel.AuditEntry }

func (l *auditLog) Record(_ context.Context, _ kernel.Tx, e kernel.AuditEntry) error {
	l.all = append(l.all, e)
	return nil
}

func (l *auditLog) OfCase(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.AuditEntry, error) {
	return nil, nil
}

func TestTheReportOfADayIsReadByAnotherProgramAndRunsNothing(t *testing.T) {
	t.Parallel()
	for _, cell := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"} {
		if got := guarded(cell); got != "'"+cell {
			t.Errorf("%q is written %q", cell, got)
		}
	}
	for _, cell := range []string{"", "1250", "PA-2026-7K4M-93Q2", "a=b"} {
		if got := guarded(cell); got != cell {
			t.Errorf("%q is written %q", cell, got)
		}
	}
	b, err := reportOf([]posting{{At: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC), Number: "PA-1", Reference: "=HYPERLINK(\"x\")", Kind: "capture", Line: "fare", Account: "payee:coaches", Amount: 1250, Currency: "EUR"}},
		[]difference{{Kind: differsAmount, Number: "PA-1", Ours: 1250, HasOurs: true, Theirs: 5, HasTheirs: true, Currency: "EUR", Settlement: "@all: settled\nby telephone"}})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil || len(rows) != 3 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if rows[1][3] != `'=HYPERLINK("x")` || rows[1][7] != "12.50" || rows[2][10] != "0.05" || !strings.HasPrefix(rows[2][11], "'@all") {
		t.Errorf("%q", rows)
	}
	h := newHouse(t)
	p := h.captured(t)
	ctx := kernel.WithTenant(t.Context(), kerneltest.Tenant(kerneltest.Northwick))
	if b, err = h.report(ctx, time.Now().UTC().Format(time.DateOnly)); err != nil || strings.Count(string(b), p.Reference) != 2 || !strings.Contains(string(b), "payee:insurer,2.50,EUR") {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := h.report(ctx, "yesterday"); kernel.KindOf(err) != kernel.NotFound {
		t.Errorf("no day: %v", err)
	}
}
