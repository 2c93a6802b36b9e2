package apptest_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// TestAnybodyFindsAServiceByTheirOwnWords asks the public API, without a token, in the words people have rather than those of the office.
func TestAnybodyFindsAServiceByTheirOwnWords(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, func(o *modules.Options) {
		o.Settings.Tenants[1].Services = append(slices.Clone(o.Settings.Tenants[1].Services), "dog-registration") // eastmere alone
	})
	find := func(tenant kernel.TenantID, query url.Values) []string {
		t.Helper()
		answer := a.Do(apptest.Call{Tenant: tenant, Method: http.MethodGet, Path: "/wallet/v1/miniapps?" + query.Encode()})
		if answer.Status != http.StatusOK {
			t.Fatalf("%v: %d %s", query, answer.Status, answer.Body)
		}
		var list struct {
			MiniApps []struct {
				App string `json:"app_id"`
			}
		}
		answer.JSON(t, &list)
		var out []string
		for _, m := range list.MiniApps {
			out = append(out, m.App)
		}
		return out
	}
	for query, want := range map[string]string{
		"physician": "doctor-appointment", "doctro": "doctor-appointment", "доктор": "doctor-appointment", "大夫": "doctor-appointment", "terapevt врач": "doctor-appointment",
		"jabs": "vaccination", "vacination": "vaccination", "превивка": "vaccination", "打疫苗": "vaccination",
		"proof of adress": "residence-certificate", "прописка": "residence-certificate", "戶籍證明": "residence-certificate",
	} {
		if got := find("northwick", url.Values{"q": {query}}); len(got) == 0 || got[0] != want {
			t.Errorf("%q finds %v, want %s first", query, got, want)
		}
	}
	for _, query := range []string{"puppy", "dog", "dgo", "собака", "养狗", "microchip", "animals"} {
		if got := find("eastmere", url.Values{"q": {query}}); !slices.Contains(got, "dog-registration") {
			t.Errorf("eastmere finds %v for %q", got, query)
		}
		if got := find("northwick", url.Values{"q": {query}}); slices.Contains(got, "dog-registration") {
			t.Errorf("northwick finds what only eastmere offers for %q", query)
		}
	}
	if got := find("northwick", url.Values{"category": {"health"}, "q": {"certificate"}}); slices.Contains(got, "residence-certificate") {
		t.Errorf("the category is not kept to: %v", got)
	}
	if got := find("northwick", url.Values{}); !slices.Equal(got, []string{"residence-certificate", "doctor-appointment", "vaccination"}) {
		t.Errorf("without a query: %v", got)
	}
	for query, status := range map[string]int{"q=a%00": 422, "q=%27%22%25_%5C": 200, "q=%F0%9F%91%B6": 200} {
		if got := a.Do(apptest.Call{Method: http.MethodGet, Path: "/wallet/v1/miniapps?" + query}).Status; got != status {
			t.Errorf("%s: %d, want %d", query, got, status)
		}
	}
}
