package apptest_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"townhall/modules/apptest"
)

// Somebody stands at the desk: what is being tried out staff may try, and what is paused or has ended is so for them, too, with the
// reason, by contract and on the page.
func TestADeskIsBoundByAPauseAndNotByATrial(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	a.Know("northwick", apptest.Rosa)
	a.Practice(6, 0)
	const app = "doctor-appointment"
	admit := func() apptest.Answer {
		return a.Do(apptest.Call{Who: &apptest.Rosa, Method: http.MethodPost, Path: "/medical/v1/clinics/riverside-clinic/walk-ins", Key: apptest.Key(),
			Body: map[string]any{"visit_type": apptest.Consultation, "patient_name": "Wanda Walker", "patient_birthdate": "1950-02-01"}})
	}
	onPage := func() apptest.Answer {
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/staff/clinics/riverside-clinic/walk-in", Cookie: a.Cookie("northwick", apptest.Rosa),
			Form: url.Values{"visit": {apptest.Consultation}, "patient_name": {"Wanda Walker"}, "patient_birthdate": {"1950-02-01"}, "locale": {"en"}, "idempotency_key": {apptest.Key()}}})
	}
	open := func(stage string) {
		t.Helper()
		if got := admit(); got.Status != http.StatusCreated {
			t.Errorf("%s: %d %s", stage, got.Status, got.Body)
		}
		if got := onPage(); got.Status != http.StatusSeeOther {
			t.Errorf("%s, page: %d %.600s", stage, got.Status, got.Body)
		}
	}
	shut := func(stage, slug, words string) {
		t.Helper()
		before := a.occupied(t)
		if got := admit(); got.Status != http.StatusConflict || code(t, got) != slug || !strings.Contains(string(got.Body), words) {
			t.Errorf("%s: %d %s", stage, got.Status, got.Body)
		}
		if got := onPage(); got.Status != http.StatusConflict || !strings.Contains(string(got.Body), words) {
			t.Errorf("%s, page: %d %.600s", stage, got.Status, got.Body)
		}
		if n := a.occupied(t); n != before {
			t.Errorf("%s: %d rows are held by what was refused", stage, n-before)
		}
	}
	open("untouched")
	r := a.must(t, apptest.Sofia, app, "begin", map[string]any{"version": 0})
	open("draft")
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "review"})
	r = a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	open("beta")
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "public", "share": 100})
	r = a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	r = a.must(t, apptest.Marcus, app, "halt", map[string]any{"version": 0, "reason": "The clinic's register is being moved."})
	shut("paused", "release-paused", "register is being moved.")
	r = a.must(t, apptest.Marcus, app, "propose", map[string]any{"version": r.Version, "stage": "public"})
	r = a.must(t, apptest.Bea, app, "approve", map[string]any{"version": r.Version})
	open("going on")
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "retired"})
	a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	shut("retired", "release-retired", "has ended")
}
