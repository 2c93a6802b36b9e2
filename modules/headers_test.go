package modules

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

// A partner whose sign-in is set up while the server runs: the pages of staff of that municipality let a form end there at
// once, and no other page does.
func TestFormsOfStaffMayEndAtAPartnersSignIn(t *testing.T) {
	t.Parallel()
	entries := list()
	tenant := func(id kernel.TenantID) TenantSettings {
		return TenantSettings{ID: id, Origin: "https://" + string(id) + ".example", Name: kernel.Text{"en": string(id)}, Zone: "UTC", Country: "GB", Colour: "#1d4f91"}
	}
	h, err := newHouse(Options{Data: t.TempDir(), Clock: kernel.SystemClock{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Settings: Settings{
		Tenants: []TenantSettings{tenant("northwick"), tenant("eastmere")},
		Issuers: []IssuerSettings{{ID: "wallet", URL: "https://wallet.example", Area: "citizen"}, {ID: "staff", URL: "https://staff.example/realm", Area: "staff"}},
	}}, entries)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entries[0].build(h); err != nil {
		t.Fatal(err)
	}
	headers := h.headers()
	forms := func(town kernel.TenantID, path string) string {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for _, tenant := range h.directory.Tenants() {
			if tenant.ID == town {
				r = r.WithContext(kernel.WithTenant(r.Context(), tenant))
			}
		}
		header := http.Header{}
		headers(header, r)
		_, after, _ := strings.Cut(header.Get("Content-Security-Policy"), "form-action ")
		allowed, _, _ := strings.Cut(after, ";")
		return allowed
	}
	const always = "'self' https://staff.example https://wallet.example"
	if got := forms("northwick", "/staff/cases"); got != always {
		t.Errorf("before: %s", got)
	}
	h.roster.Store(kernel.TenantID("northwick"), []kernel.StaffIssuer{{ID: "ferries", URL: "https://id.ferries.example/realm"}, {ID: "wrong", URL: "https://a;sandbox"}})
	for _, c := range []struct {
		town  kernel.TenantID
		path  string
		extra string
	}{{"northwick", "/staff/cases", " https://id.ferries.example"}, {"northwick", "/", ""}, {"northwick", "/apps/x", ""}, {"eastmere", "/staff/cases", ""}, {"", "/staff", ""}} {
		if got := forms(c.town, c.path); got != always+c.extra {
			t.Errorf("%s%s: %s, want %s", c.town, c.path, got, always+c.extra)
		}
	}
	h.roster.Clear()
	if got := forms("northwick", "/staff/cases"); got != always {
		t.Errorf("afterwards: %s", got)
	}
}
