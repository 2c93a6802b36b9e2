package apptest_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel/pg"
)

// forget makes it that people were never asked on behalf of a mini-app.
func forget(t *testing.T, a *apptest.App, app string) {
	t.Helper()
	if err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`DELETE FROM identity.consent WHERE tenant_id = 'northwick' AND app = $1`, app)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// inVain makes it that a person was asked for their name on behalf of a mini-app, and that their issuer holds none.
func inVain(t *testing.T, a *apptest.App, subject, app string) {
	t.Helper()
	if err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`INSERT INTO identity.consent (tenant_id, person_id, app, asked, given, at)
			SELECT tenant_id, id, $2, '["name"]', '[]', now() FROM identity.person WHERE tenant_id = 'northwick' AND subject = $1`, subject, app)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Whatever begins a case, by contract or by page, asks first what the service requires and was never asked for; and holds nothing
// of what it refuses.
func TestNoCaseBeginsBeforeItsClaimsWereAskedFor(t *testing.T) {
	t.Parallel()
	a := newReleases(t, apptest.WithTravel(t))
	day := time.Now().AddDate(0, 0, 2)
	for _, s := range starts(t, a) {
		forget(t, a.App, s.app)
		before := a.occupied(t)
		calls := []apptest.Call{s.call(apptest.Anna)}
		if s.app == "doctor-appointment" {
			who := patient(apptest.Anna)
			calls = append(calls, apptest.Call{Who: &who, Method: http.MethodPost, Path: "/medical/v1/waiting", Key: apptest.Key(), Body: map[string]any{
				"visit_type": apptest.Consultation, "facility": "riverside-clinic", "from": day.Format(time.DateOnly), "until": day.AddDate(0, 0, 1).Format(time.DateOnly)}})
		}
		for _, call := range calls {
			got := a.Do(call)
			var p struct {
				Code   string
				SignIn string `json:"sign_in"`
				Errors []struct{ Field, Code, Detail string }
			}
			got.JSON(t, &p)
			if got.Status != http.StatusConflict || p.Code != "claims-not-asked" || p.SignIn != a.Origin("northwick")+"/sign-in?app="+s.app ||
				!slices.ContainsFunc(p.Errors, func(e struct{ Field, Code, Detail string }) bool { return e.Field == "claims.name" && e.Detail != "" }) {
				t.Errorf("%s %s: %d %s", s.app, call.Path, got.Status, got.Body)
			}
		}
		// The page takes the person to where they are asked, and back to a page that goes on.
		path, form := s.form()
		form.Set("idempotency_key", apptest.Key())
		cookie := a.Cookie("northwick", apptest.Anna)
		page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Form: form, Cookie: cookie})
		if to := page.Header.Get("Location"); page.Status == http.StatusSeeOther && strings.HasPrefix(to, "/apps/"+s.app) {
			page = a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: to, Cookie: cookie})
		}
		to, err := url.Parse(page.Header.Get("Location"))
		if err != nil || page.Status != http.StatusSeeOther || to.Path != "/sign-in" || to.Query().Get("app") != s.app {
			t.Errorf("%s, form: %d to %v", s.app, page.Status, to)
		}
		if back := to.Query().Get("return"); back != "" && !strings.HasPrefix(back, "/apps/"+s.app) {
			t.Errorf("%s comes back to %q", s.app, back)
		}
		if n := a.occupied(t); n != before {
			t.Errorf("%s: %d rows are held by what was refused", s.app, n-before)
		}
		a.Know("northwick", apptest.Anna) // she has been asked
		for _, call := range calls {
			if got := a.Do(call); got.Status != http.StatusCreated {
				t.Errorf("%s %s, the same again once asked: %d %s", s.app, call.Path, got.Status, got.Body)
			}
		}
	}
}

// A case goes on with what its own service was given, whatever else the person gave elsewhere.
func TestADocumentSaysWhatItsOwnServiceWasGiven(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	a.Know("northwick", apptest.Priya)
	c := apptest.Draft(a.App, apptest.Anna)
	if err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE identity.consent SET given = '["name"]' WHERE tenant_id = 'northwick' AND app = 'residence-certificate'`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	input := apptest.Answers()
	input["declaration"] = true
	got := a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications/" + c.ID + "/actions/submit", Key: apptest.Key(),
		Body: map[string]any{"version": c.Version, "input": input}})
	if got.Status != http.StatusUnprocessableEntity || !strings.Contains(string(got.Body), "field.not-verified") {
		t.Errorf("sent without an address the service was not given: %d %s", got.Status, got.Body)
	}
}
