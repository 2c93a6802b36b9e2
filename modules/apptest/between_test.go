package apptest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A wallet that uses what no contract declares is found out: each of these is a fault planted.
func TestWhatAWalletAsksBesideTheContractIsFound(t *testing.T) {
	t.Parallel()
	a := Start(t)
	b := a.between(t)
	var said []string
	b.report = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	ask := func(method, path, body string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://"+strings.TrimPrefix(a.Origin("northwick"), "http://")+path, strings.NewReader(body))
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		b.ServeHTTP(httptest.NewRecorder(), r)
	}
	for _, good := range [][3]string{
		{http.MethodGet, "/.well-known/miniapps.json", ""},
		{http.MethodGet, "/wallet/v1/miniapps?q=certificate&lang=zh", ""},
		{http.MethodPost, "/wallet/v1/nearby?lang=ru", `{"latitude": 51.5, "longitude": -0.12}`},
		{http.MethodPost, "/wallet/v1/share-links", `{"app_id": "residence-certificate"}`},
		{http.MethodPost, "/apps/residence-certificate/backchannel-logout", ""},
	} {
		if ask(good[0], good[1], good[2]); len(said) > 0 {
			t.Errorf("%v: %v", good, said)
			said = nil
		}
	}
	for _, bad := range [][3]string{
		{http.MethodGet, "/staff/queue", ""},
		{http.MethodGet, "/.well-known/miniapps.json?person=anna", ""},
		{http.MethodGet, "/wallet/v1/people", ""},
		{http.MethodDelete, "/wallet/v1/miniapps", ""},
		{http.MethodGet, "/wallet/v1/miniapps?person=anna", ""},
		{http.MethodGet, "/wallet/v1/miniapps?lang=de", ""},
		{http.MethodPost, "/wallet/v1/nearby", `{"latitude": 51.5, "longitude": -0.12, "person": "anna"}`},
		{http.MethodPost, "/wallet/v1/nearby", `{"latitude": "51.5", "longitude": -0.12}`},
		{http.MethodPost, "/wallet/v1/share-links", ``},
	} {
		if ask(bad[0], bad[1], bad[2]); len(said) != 1 {
			t.Errorf("%v: %v", bad, said)
		}
		said = nil
	}
}
