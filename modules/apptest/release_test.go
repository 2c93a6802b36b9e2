package apptest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel/pg"
)

type release struct {
	Stage    string
	Share    int
	Version  int
	Offered  bool
	Testers  []string
	Proposal *struct{ Stage, Name string }
}

// releases is a town with its publishers and reviewers.
type releases struct{ *apptest.App }

func newReleases(t *testing.T, options ...apptest.Option) releases {
	a := releases{apptest.Start(t, options...)}
	a.Know("northwick", apptest.Anna, apptest.Boris, apptest.Oliver, apptest.Sofia, apptest.Marcus, apptest.Bea, apptest.Visitor)
	return a
}

func (a releases) ask(who apptest.Who, app, action string, body map[string]any) apptest.Answer {
	if body["reason"] == nil {
		body["reason"] = "It is time for it."
	}
	return a.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/releases/v1/mini-apps/" + app + "/" + action, Key: apptest.Key(), Body: body})
}

// must makes a change and returns the release after it.
func (a releases) must(t *testing.T, who apptest.Who, app, action string, body map[string]any) release {
	t.Helper()
	got := a.ask(who, app, action, body)
	if got.Status != http.StatusOK {
		t.Fatalf("%s of %s: %d %s", action, app, got.Status, got.Body)
	}
	var r release
	got.JSON(t, &r)
	return r
}

// beta brings an app nobody has touched to beta.
func (a releases) beta(t *testing.T, app string) release {
	t.Helper()
	r := a.must(t, apptest.Sofia, app, "begin", map[string]any{"version": 0})
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "review"})
	return a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
}

func code(t *testing.T, a apptest.Answer) string {
	t.Helper()
	var p struct{ Code string }
	a.JSON(t, &p)
	return p.Code
}

func TestAMiniAppIsReleasedByTwoOfficials(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	const app = "residence-certificate"
	r := a.must(t, apptest.Bea, app, "begin", map[string]any{"version": 0})
	r = a.must(t, apptest.Bea, app, "propose", map[string]any{"version": r.Version, "stage": "review"})
	if r.Stage != "review" || r.Proposal == nil || r.Proposal.Stage != "beta" || r.Proposal.Name != "Bea Moreau" {
		t.Fatalf("%+v", r)
	}
	for name, who := range map[string]apptest.Who{"who proposed, with both roles": apptest.Bea, "a publisher": apptest.Sofia} {
		got := a.ask(who, app, "approve", map[string]any{"version": r.Version})
		if want := map[string]string{"a publisher": "release-role"}[name]; got.Status != http.StatusForbidden || code(t, got) != or(want, "release-four-eyes") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	for _, who := range []apptest.Who{apptest.Oliver, apptest.Visitor} {
		if got := a.ask(who, app, "approve", map[string]any{"version": r.Version}); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", who.Name, got.Status, got.Body)
		}
	}
	if got := a.ask(apptest.Marcus, app, "approve", map[string]any{"version": r.Version, "reason": " no "}); got.Status != http.StatusUnprocessableEntity || !bytes.Contains(got.Body, []byte("body.reason")) {
		t.Errorf("a short reason: %d %s", got.Status, got.Body)
	}
	// The same request again is the same answer, and one change.
	key, body := apptest.Key(), map[string]any{"version": r.Version, "reason": "Looked at every page."}
	call := apptest.Call{Who: &apptest.Marcus, Method: http.MethodPost, Path: "/releases/v1/mini-apps/" + app + "/approve", Key: key, Body: body}
	first, again := a.Do(call), a.Do(call)
	if first.Status != http.StatusOK || again.Status != http.StatusOK || !bytes.Equal(first.Body, again.Body) {
		t.Fatalf("%d %s\n%d %s", first.Status, first.Body, again.Status, again.Body)
	}
	first.JSON(t, &r)
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "public", "share": 10})
	r = a.must(t, apptest.Bea, app, "approve", map[string]any{"version": r.Version})
	r = a.must(t, apptest.Sofia, app, "share", map[string]any{"version": r.Version, "share": 50})
	if r.Stage != "public" || r.Share != 50 || r.Version != 6 {
		t.Fatalf("%+v", r)
	}
	a.history(t, app, []string{"share public", "approve public", "propose beta", "approve beta", "propose review", "begin draft"})
	a.audited(t, app, []string{"release.begin", "release.propose", "release.approve", "release.propose", "release.approve", "release.share"})
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (a releases) history(t *testing.T, app string, want []string) {
	t.Helper()
	var h struct {
		Changes []struct {
			Action, To, Reason, Actor string
			ProposedBy                string `json:"proposed_by"`
		}
	}
	a.Do(apptest.Call{Who: &apptest.Marcus, Method: http.MethodGet, Path: "/releases/v1/mini-apps/" + app + "/history"}).JSON(t, &h)
	var got []string
	for _, c := range h.Changes {
		got = append(got, c.Action+" "+c.To)
		if len(c.Reason) < 5 || c.Actor == "" || c.Action == "approve" && (c.ProposedBy == "" || c.ProposedBy == c.Actor) {
			t.Errorf("%+v", c)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("history %q, want %q", got, want)
	}
}

func (a releases) audited(t *testing.T, app string, want []string) {
	t.Helper()
	var got []string
	if err := a.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.Select(&got, `SELECT action FROM audit.entry WHERE tenant_id = 'northwick' AND details->>'app' = $1 AND actor_kind = 'staff' ORDER BY (details->>'version')::int`, app)
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("audited %q, want %q", got, want)
	}
}

func TestOfTwoApprovalsOneWins(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	const app = "vaccination"
	r := a.must(t, apptest.Sofia, app, "begin", map[string]any{"version": 0})
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "review"})
	var wg sync.WaitGroup
	answers := make([]apptest.Answer, 12)
	for i := range answers {
		wg.Go(func() {
			answers[i] = a.ask([]apptest.Who{apptest.Marcus, apptest.Bea}[i%2], app, []string{"approve", "approve", "refuse"}[i%3], map[string]any{"version": r.Version})
		})
	}
	wg.Wait()
	won := 0
	for _, got := range answers {
		switch {
		case got.Status == http.StatusOK:
			won++
		case got.Status != http.StatusConflict || code(t, got) != "changed-meanwhile":
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d won", won, len(answers))
	}
}

// First changes race too: there is no row to lock yet. Halts do not mind who was first, but only one finds it running.
func TestOfTwoFirstChangesOneWins(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	var wg sync.WaitGroup
	answers := make([]apptest.Answer, 8)
	for i := range answers {
		wg.Go(func() {
			action := []string{"begin", "halt"}[i%2]
			answers[i] = a.ask(apptest.Bea, "vaccination", action, map[string]any{"version": 0})
		})
	}
	wg.Wait()
	halted := 0
	for i, got := range answers {
		if got.Status != http.StatusOK && got.Status != http.StatusConflict {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if i%2 == 1 && got.Status == http.StatusOK {
			halted++
		}
	}
	if halted != 1 {
		t.Errorf("halted %d times", halted)
	}
}

func TestTheHistoryOfReleasesCannotBeChangedByTheApplication(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	a.must(t, apptest.Marcus, "vaccination", "halt", map[string]any{"version": 0})
	for _, statement := range []string{
		`UPDATE catalogue.release_change SET reason = 'Something else.' WHERE tenant_id = 'northwick'`,
		`DELETE FROM catalogue.release_change WHERE tenant_id = 'northwick'`,
		`TRUNCATE catalogue.release_change`,
	} {
		err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
			_, err := tx.Exec(statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s: want a refusal for lack of rights, got %v", statement, err)
		}
	}
	// Four eyes hold in the table, too.
	err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`INSERT INTO catalogue.release_change (tenant_id, app, version, at, action, actor, actor_name, proposed_by, from_stage, to_stage, from_share, to_share, reason)
			SELECT tenant_id, app, 99, at, 'approve', actor, actor_name, actor, from_stage, to_stage, from_share, to_share, reason FROM catalogue.release_change`)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "release_change_four_eyes") {
		t.Errorf("approved by who proposed: %v", err)
	}
	var n int
	if err := a.DB.Read(t.Context(), "eastmere", func(tx *pg.Tx) error { return tx.Get(&n, `SELECT count(*) FROM catalogue.release_change`) }); err != nil || n != 0 {
		t.Errorf("eastmere counts %d rows, %v", n, err)
	}
}

type listed struct {
	AppID    string `json:"app_id"`
	Townhall struct {
		Stage    string
		Share    int
		Closed   bool
		Reason   map[string]string
		Paused   map[string]string `json:"paused_reason"`
		BackOn   string            `json:"back_on"`
		Season   *struct{ From, Until string }
		MinHost  string `json:"min_host_version"`
		ClientID string `json:"client_id"`
	}
}

func TestTheListShowsWhatIsPausedWithItsReasonAndNotWhatIsNotReleased(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	list := func() map[string]listed {
		t.Helper()
		out := map[string]listed{}
		for _, path := range []string{"/.well-known/miniapps.json", "/wallet/v1/miniapps", "/wallet/v1/miniapps?q=residence"} {
			var got struct{ MiniApps []listed }
			a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path}).JSON(t, &got)
			for _, m := range got.MiniApps {
				if before, ok := out[m.AppID]; ok && fmt.Sprint(before.Townhall.Stage, before.Townhall.Reason) != fmt.Sprint(m.Townhall.Stage, m.Townhall.Reason) {
					t.Errorf("%s says something else: %+v", path, m)
				}
				out[m.AppID] = m
			}
		}
		return out
	}
	status := func(path string) int {
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path}).Status
	}
	const app = "residence-certificate"
	if m := list()[app]; m.Townhall.Stage != "" || m.Townhall.Closed {
		t.Errorf("untouched: %+v", m)
	}
	r := a.must(t, apptest.Sofia, app, "begin", map[string]any{"version": 0})
	if _, there := list()[app]; there {
		t.Error("a draft is listed")
	}
	for _, path := range []string{"/wallet/v1/miniapps/" + app, "/go/" + app} {
		if got := status(path); got != http.StatusNotFound {
			t.Errorf("%s of a draft: %d", path, got)
		}
	}
	if got := a.Do(apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/launch-links", Body: map[string]any{"app_id": app}}); got.Status != http.StatusNotFound {
		t.Errorf("a launch link to a draft: %d", got.Status)
	}
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "review"})
	if _, there := list()[app]; there {
		t.Error("a review is listed")
	}
	r = a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	if m := list()[app]; m.Townhall.Stage != "beta" || m.Townhall.Closed {
		t.Errorf("beta: %+v", m)
	}
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "public", "share": 10})
	r = a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	day := time.Now().AddDate(0, 1, 0)
	r = a.must(t, apptest.Sofia, app, "conditions", map[string]any{"version": r.Version, "min_host_version": "2.1"})
	if m := list()[app]; m.Townhall.Stage != "public" || m.Townhall.Share != 10 || m.Townhall.MinHost != "2.1" || m.Townhall.Closed {
		t.Errorf("a tenth: %+v", m)
	}
	r = a.must(t, apptest.Sofia, app, "conditions", map[string]any{"version": r.Version, "season_from": day.Format("01-02"), "season_until": day.Format("01-02")})
	if m := list()[app]; !m.Townhall.Closed || m.Townhall.Season == nil || m.Townhall.Season.From != day.Format("01-02") || len(m.Townhall.Reason) != 3 || !strings.Contains(m.Townhall.Reason["ru"], "откроется") {
		t.Errorf("out of season: %+v", m)
	}
	r = a.must(t, apptest.Marcus, app, "halt", map[string]any{"version": r.Version, "reason": "The register is being moved.", "paused_reason": map[string]string{"zh": "登记系统正在迁移。"}, "back_on": "2031-03-01"})
	m := list()[app]
	if m.Townhall.Stage != "paused" || !m.Townhall.Closed || m.Townhall.BackOn != "2031-03-01" || m.Townhall.Paused["zh"] != "登记系统正在迁移。" || !strings.Contains(m.Townhall.Reason["zh"], "登记系统正在迁移。") || !strings.Contains(m.Townhall.Reason["ru"], "The register is being moved.") {
		t.Errorf("paused: %+v", m)
	}
	home := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/"})
	if !bytes.Contains(home.Body, []byte("The register is being moved.")) || !bytes.Contains(home.Body, []byte("Closed at present")) {
		t.Error("the home page does not say why it is paused")
	}
	if got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/go/" + app}); got.Status != http.StatusOK || !bytes.Contains(got.Body, []byte("The register is being moved.")) {
		t.Errorf("a shared link to what is paused: %d", got.Status)
	}
	// Cases that run are opened from the wallet, too.
	if got := a.Do(apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/launch-links", Body: map[string]any{"app_id": app, "target": "/cases"}}); got.Status != http.StatusOK {
		t.Errorf("a launch link to what is paused: %d %s", got.Status, got.Body)
	}
	r = a.must(t, apptest.Sofia, app, "propose", map[string]any{"version": r.Version, "stage": "retired"})
	a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	if _, there := list()[app]; there {
		t.Error("what has ended is listed")
	}
}

func TestOnlyTheAgencyOfAServiceReleasesIt(t *testing.T) {
	t.Parallel()
	a := newReleases(t, apptest.WithTravel(t))
	if got := a.ask(apptest.Sofia, "insurance-claim", "halt", map[string]any{"version": 0}); got.Status != http.StatusNotFound {
		t.Errorf("a service of an agency where nobody gave her a role: %d %s", got.Status, got.Body)
	}
	if got := a.ask(apptest.Sofia, "no-such-thing", "halt", map[string]any{"version": 0}); got.Status != http.StatusNotFound {
		t.Errorf("no such service: %d", got.Status)
	}
	// dog-registration is the registry's, but not offered: it can be prepared.
	if r := a.must(t, apptest.Sofia, "dog-registration", "begin", map[string]any{"version": 0}); r.Offered || r.Stage != "draft" {
		t.Errorf("%+v", r)
	}
	var list struct {
		MiniApps []struct {
			App string `json:"app_id"`
		}
	}
	a.Do(apptest.Call{Who: &apptest.Marcus, Method: http.MethodGet, Path: "/releases/v1/mini-apps"}).JSON(t, &list)
	var apps []string
	for _, m := range list.MiniApps {
		apps = append(apps, m.App)
	}
	if fmt.Sprint(apps) != "[residence-certificate doctor-appointment vaccination coach-ticket ferry-ticket dog-registration]" {
		t.Errorf("%q", apps)
	}
	// Who releases mini-apps does not look after cases.
	kase := apptest.Submit(a.App, apptest.Anna)
	if got := a.Do(apptest.Call{Who: &apptest.Bea, Method: http.MethodGet, Path: "/workflow/v1/cases/" + kase.ID}); got.Status != http.StatusNotFound {
		t.Errorf("a publisher opens a case: %d", got.Status)
	}
}

// The officials' pages: what the API refuses they refuse, in words beside the field.
func TestAMiniAppIsReleasedOnThePages(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	const at = "/staff/mini-apps/residence-certificate"
	page := func(who apptest.Who, method, path string, form url.Values) apptest.Answer {
		if form != nil {
			form.Set("idempotency_key", apptest.Key())
		}
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: method, Path: path, Form: form, Cookie: a.Cookie("northwick", who)})
	}
	has := func(name string, got apptest.Answer, status int, words ...string) {
		t.Helper()
		if got.Status != status {
			t.Errorf("%s: %d", name, got.Status)
		}
		for _, w := range words {
			if !bytes.Contains(got.Body, []byte(w)) {
				t.Errorf("%s: %q is missing", name, w)
			}
		}
	}
	done := func(name string, got apptest.Answer) {
		t.Helper()
		if got.Status != http.StatusSeeOther || got.Header.Get("Location") != at {
			t.Fatalf("%s: %d %s %s", name, got.Status, got.Header.Get("Location"), got.Body)
		}
	}
	has("the list", page(apptest.Bea, http.MethodGet, "/staff/mini-apps", nil), http.StatusOK, "Residence certificate", "Public", `href="/staff/mini-apps"`)
	has("the list of others", page(apptest.Oliver, http.MethodGet, "/staff/mini-apps", nil), http.StatusOK, "There are no mini-apps for you here")
	for _, path := range []string{at, at + "/halt"} {
		has(path+" of others", page(apptest.Oliver, http.MethodGet, path, nil), http.StatusNotFound)
	}
	has("nothing to approve", page(apptest.Marcus, http.MethodGet, at+"/approve", nil), http.StatusNotFound)
	has("a form that is none", page(apptest.Bea, http.MethodPost, at+"/publish", url.Values{"version": {"0"}, "reason": {"It is time."}}), http.StatusNotFound)
	has("no reason", page(apptest.Bea, http.MethodPost, at+"/begin", url.Values{"version": {"0"}, "reason": {"no"}}), http.StatusUnprocessableEntity, "Give a reason of 5 to 500 characters.", `href="#f-reason"`)
	done("begin", page(apptest.Bea, http.MethodPost, at+"/begin", url.Values{"version": {"0"}, "reason": {"A new form is made."}}))
	has("no stage", page(apptest.Bea, http.MethodPost, at+"/propose", url.Values{"version": {"1"}, "reason": {"It is complete."}}), http.StatusUnprocessableEntity, `href="#f-stage"`)
	done("propose", page(apptest.Bea, http.MethodPost, at+"/propose", url.Values{"version": {"1"}, "stage": {"review"}, "reason": {"It is complete."}}))
	has("who proposed has no button", page(apptest.Bea, http.MethodGet, at+"/approve", nil), http.StatusNotFound)
	has("who proposed has no right", page(apptest.Bea, http.MethodPost, at+"/approve", url.Values{"version": {"2"}, "reason": {"Looked at it."}}), http.StatusForbidden, "A second official has to approve this")
	has("what waits", page(apptest.Marcus, http.MethodGet, at+"/approve", nil), http.StatusOK, "Bea Moreau", "It is complete.")
	done("approve", page(apptest.Marcus, http.MethodPost, at+"/approve", url.Values{"version": {"2"}, "reason": {"Looked at it."}}))
	has("an old version", page(apptest.Marcus, http.MethodPost, at+"/halt", url.Values{"version": {"2"}, "reason": {"Something is wrong."}}), http.StatusConflict, "Somebody changed this")
	has("a share there is none of", page(apptest.Sofia, http.MethodPost, at+"/propose", url.Values{"version": {"3"}, "stage": {"public"}, "share": {"lots"}, "reason": {"It is ready."}}), http.StatusUnprocessableEntity, `href="#f-share"`)
	has("no such day", page(apptest.Marcus, http.MethodPost, at+"/halt", url.Values{"version": {"3"}, "reason": {"Something is wrong."}, "back_on": {"soon"}}), http.StatusUnprocessableEntity, `href="#f-back_on"`)
	done("halt", page(apptest.Marcus, http.MethodPost, at+"/halt", url.Values{"version": {"3"}, "reason": {"Something is wrong."}, "reason_ru": {"Что-то не так."}}))
	has("the history", page(apptest.Sofia, http.MethodGet, at, nil), http.StatusOK, "Paused", "Halted", "Marcus Adeyemi", "Proposed by", "Bea Moreau", "Что-то не так.")
	a.history(t, "residence-certificate", []string{"halt paused", "approve beta", "propose review", "begin draft"})
}

// The client of a mini-app that hosts do not list is one they do not know: another one of the municipality's speaks then.
func TestASignInIsAskedForByAMiniAppThatHostsList(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	speaks := func(target string) string {
		t.Helper()
		got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/sign-in?return=" + url.QueryEscape(target)})
		u, err := url.Parse(got.Header.Get("Location"))
		if err != nil || got.Status != http.StatusSeeOther && got.Status != http.StatusFound {
			t.Fatalf("%d %s %v", got.Status, got.Header.Get("Location"), err)
		}
		return u.Query().Get("client_id")
	}
	for _, target := range []string{"/cases", "/apps/residence-certificate/start"} {
		if got := speaks(target); got != "northwick.residence-certificate" {
			t.Errorf("%s: %s", target, got)
		}
	}
	a.must(t, apptest.Sofia, "residence-certificate", "begin", map[string]any{"version": 0})
	for _, target := range []string{"/cases", "/apps/residence-certificate/start"} {
		if got := speaks(target); got != "northwick.doctor-appointment" {
			t.Errorf("%s of a draft: %s", target, got)
		}
	}
}
