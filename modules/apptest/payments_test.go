package apptest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// A payment as its person meets it: the list, the page, the way to the wallet, what the wallet reports, the receipt.
func TestAnnaSeesWhatSheOwesPaysAndGetsAReceipt(t *testing.T) {
	t.Parallel()
	wallet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(wallet.Close)
	a := apptest.Start(t, apptest.WithPayments(wallet.URL))
	a.Know("northwick", apptest.Anna, apptest.Boris)
	payment, _ := a.Owe(apptest.Anna, apptest.Submit(a, apptest.Anna).ID)
	cookie := a.Cookie("northwick", apptest.Anna)
	see := func(path string) string {
		t.Helper()
		p := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path, Cookie: cookie})
		if p.Status != http.StatusOK {
			t.Fatalf("%s: %d", path, p.Status)
		}
		return string(p.Body)
	}
	if page := see("/payments"); !strings.Contains(page, "Coach ticket") || !strings.Contains(page, "To be paid") || !strings.Contains(page, "£12.50") {
		t.Errorf("the list: %s", page)
	}
	if page := see("/payments/" + payment); !strings.Contains(page, "Pay £12.50") || !strings.Contains(page, "Civil Registry") {
		t.Errorf("the page: %s", page)
	}
	sent := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/payments/" + payment + "/pay", Form: url.Values{"idempotency_key": {kernel.NewID()}}, Cookie: cookie})
	if sent.Status != http.StatusSeeOther || sent.Header.Get("Location") != a.Citizens.URL+"/pay/1" {
		t.Errorf("sent to pay: %d %s", sent.Status, sent.Header.Get("Location"))
	}
	if csp := sent.Header.Get("Content-Security-Policy"); !strings.Contains(csp, wallet.URL) {
		t.Errorf("the way to the wallet is not in %s", csp)
	}
	for _, kind := range []string{"payment.failed", "payment.authorized", "payment.authorized", "payment.captured"} {
		if got := a.WalletSays(kind, payment); got.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", kind, got.Status, got.Body)
		}
	}
	a.Settle()
	var p struct {
		State    string
		Captured int64
		PayURL   string `json:"pay_url"`
	}
	a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/payments/v1/payments/" + payment}).JSON(t, &p)
	if p.State != "captured" || p.Captured != 1250 || p.PayURL != "" {
		t.Errorf("%+v", p)
	}
	if page := see("/payments/" + payment); strings.Contains(page, "/pay\"") || !strings.Contains(page, "Paid") {
		t.Errorf("still to be paid: %s", page)
	}
	var issued struct {
		Documents []struct{ Type, State, Number, Title string }
	}
	a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/documents/v1/documents"}).JSON(t, &issued)
	if len(issued.Documents) != 1 || issued.Documents[0].State != "valid" || issued.Documents[0].Title != "Receipt" {
		t.Errorf("receipts: %+v", issued.Documents)
	}
	if got := a.Do(apptest.Call{Who: &apptest.Boris, Method: http.MethodGet, Path: "/payments/v1/payments/" + payment}); got.Status != http.StatusNotFound {
		t.Errorf("somebody else sees it: %d", got.Status)
	}
}

func TestATreasurerSettlesADifferenceAndTakesTheReport(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna, apptest.Theresa)
	_, difference := a.Owe(apptest.Anna, kernel.NewID())
	cookie := a.Cookie("northwick", apptest.Theresa)
	page := func(method, path string, form url.Values) apptest.Answer {
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: method, Path: "/staff/payments" + path, Form: form, Cookie: cookie})
	}
	if desk := page(http.MethodGet, "", nil); desk.Status != http.StatusOK || !strings.Contains(string(desk.Body), "Another amount") || !strings.Contains(string(desk.Body), "£15.20") {
		t.Errorf("the desk: %d %s", desk.Status, desk.Body)
	}
	if again := page(http.MethodPost, "/differences/"+difference, url.Values{"reason": {" "}}); again.Status != http.StatusUnprocessableEntity || !strings.Contains(string(again.Body), `href="#f-reason"`) {
		t.Errorf("without a reason: %d", again.Status)
	}
	if card := page(http.MethodPost, "/differences/"+difference, url.Values{"reason": {"Paid with 4242 4242 4242 4242"}}); card.Status != http.StatusUnprocessableEntity || !strings.Contains(string(card.Body), "Remove the card number") {
		t.Errorf("with a card number: %d", card.Status)
	}
	if done := page(http.MethodPost, "/differences/"+difference, url.Values{"reason": {"They corrected it."}}); done.Status != http.StatusSeeOther {
		t.Errorf("settled: %d", done.Status)
	}
	if after := page(http.MethodGet, "/differences/"+difference, nil); !strings.Contains(string(after.Body), "They corrected it.") {
		t.Errorf("after: %s", after.Body)
	}
	report := page(http.MethodGet, "/days/2026-11-21/report.csv", nil)
	if report.Status != http.StatusOK || !strings.Contains(string(report.Body), "difference,PA-") || !strings.HasPrefix(report.Header.Get("Content-Type"), "text/csv") {
		t.Errorf("the report: %d %s", report.Status, report.Body)
	}
}

func TestACardNumberIsRefusedWhereverPeopleType(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna)
	refused := func(name string, c apptest.Call) {
		t.Helper()
		got := a.Do(c)
		if got.Status != http.StatusUnprocessableEntity || !strings.Contains(string(got.Body), "field.card-number") || strings.Contains(string(got.Body), "4242") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	drafted := a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": "residence-certificate"}})
	var draft struct {
		ID      string
		Version int
	}
	drafted.JSON(t, &draft)
	refused("an answer", apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications/" + draft.ID + "/actions/save", Key: apptest.Key(),
		Body: map[string]any{"version": draft.Version, "input": map[string]any{"note": "Charge 4242-4242-4242-4242 instead"}}})
	refused("a label", apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/documents/v1/documents/" + kernel.NewID() + "/shares", Key: apptest.Key(),
		Body: map[string]any{"label": "My card 4242424242424242", "days": 7}})
}
