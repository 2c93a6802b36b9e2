package apptest_test

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// partnerTown is a town with its partner office.
type partnerTown struct{ releases }

func newPartners(t *testing.T, options ...apptest.Option) partnerTown {
	a := partnerTown{newReleases(t, append([]apptest.Option{apptest.WithPartners}, options...)...)}
	a.Know("northwick", apptest.Ines, apptest.Paul, apptest.Low)
	a.Know("eastmere", apptest.Anna, apptest.Edith)
	return a
}

// fields are the faults an answer names, as "field code", in their order; its code alone when it names none.
func fields(t *testing.T, r apptest.Answer) string {
	t.Helper()
	var p struct {
		Code   string
		Errors []struct{ Field, Code, Detail string }
	}
	r.JSON(t, &p)
	var out []string
	for _, e := range p.Errors {
		out = append(out, strings.TrimPrefix(strings.TrimPrefix(e.Field, "body."), "input.")+" "+e.Code)
	}
	if len(out) == 0 {
		return p.Code
	}
	return strings.Join(out, ", ")
}

// offeredApps are the mini-apps a host is told of.
func offeredApps(t *testing.T, a *apptest.App, query string) []string {
	t.Helper()
	var list struct {
		MiniApps []struct {
			App string `json:"app_id"`
		}
	}
	a.Do(apptest.Call{Method: http.MethodGet, Path: "/wallet/v1/miniapps" + query}).JSON(t, &list)
	var out []string
	for _, m := range list.MiniApps {
		out = append(out, m.App)
	}
	return out
}

// begin asks to begin a case.
func (a partnerTown) begin(who apptest.Who, app string) apptest.Answer {
	return a.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": app}})
}

// open brings a mini-app that a partner made from draft to everybody.
func (a partnerTown) open(t *testing.T, publisher apptest.Who, app string, version int) release {
	t.Helper()
	r := a.must(t, publisher, app, "propose", map[string]any{"version": version, "stage": "review"})
	r = a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	r = a.must(t, publisher, app, "propose", map[string]any{"version": r.Version, "stage": "public", "share": 100})
	return a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
}

// change adds one question to a mini-app and makes it again, by the representative's pages.
func (a partnerTown) change(who apptest.Who, name, id string) apptest.Answer {
	cookie, path := a.Cookie("northwick", who), "/organisations/"+name+"/mini-apps/"+id+"/"
	post := func(part string, form url.Values) apptest.Answer {
		form.Set("idempotency_key", apptest.Key())
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path + part, Form: form, Cookie: cookie})
	}
	if r := post("questions", url.Values{"do": {"keep"}, "at": {"99"}, "type": {"text"}, "required": {"true"}, "label.en": {"Colour"}, "label.ru": {"Цвет"}, "label.zh": {"颜色"}}); r.Status != http.StatusSeeOther {
		return r
	}
	return post("check", url.Values{})
}

// The whole way, without a restart: a body applies, is verified by two officers, signs, says how its staff sign in, makes a mini-app,
// which is tried out, released, found, launched and used, changed while it is a draft, and decided by its own officers.
func TestAPartnerComesAllTheWayWhileTheServerRuns(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	pub, off, off2 := apptest.StaffOf("market", "publisher", "pia"), apptest.StaffOf("market", "officer", "otto"), apptest.StaffOf("market", "officer", "olga")
	a.Know("northwick", pub, off, off2)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("market", nil))
	const app = "market-stall"
	blanks := a.Blanks("application", app, "permits")
	blanks["search"] = map[string]string{"en": "honey, bread", "ru": "мёд, базар", "zh": "蜂蜜"}
	var made apptest.MiniApp
	a.Make(apptest.Anna, "market", "application", blanks, apptest.Key()).JSON(t, &made)
	if made.AppID != app || len(made.Definition) != 64 {
		t.Fatalf("%+v", made)
	}

	// In draft it is there for nobody but testers.
	if got := a.begin(apptest.Boris, app); got.Status != http.StatusNotFound {
		t.Errorf("a draft begins for everybody: %d %s", got.Status, got.Body)
	}
	if slices.Contains(offeredApps(t, a.App, ""), app) || slices.Contains(offeredApps(t, a.App, "?q=honey"), app) {
		t.Error("a draft is listed")
	}
	r := a.must(t, pub, app, "testers", map[string]any{"version": 1, "testers": []string{"boris"}})
	begun := a.DraftOf(apptest.Boris, app)

	// A second version in draft; what began on the first goes on by it.
	if got := a.change(apptest.Anna, "market", made.ID); got.Status != http.StatusSeeOther {
		t.Fatalf("the second version: %d %s", got.Status, got.Body)
	}
	again := a.Organisation(apptest.Anna, "market").MiniApps[0]
	if again.AppID != app || again.Definition == made.Definition {
		t.Fatalf("nothing changed: %+v", again)
	}
	begun = a.Act(apptest.Boris, begun, "submit", map[string]any{"declaration": true})
	second := a.DraftOf(apptest.Boris, app)
	for id, want := range map[string]string{begun.ID: made.Definition, second.ID: again.Definition} {
		if got := scan[string](t, a.App, `SELECT workflow_hash FROM casework.case WHERE id = $1`, id); got != want {
			t.Errorf("case pinned to %s, want %s", got, want)
		}
	}
	if got := a.Do(apptest.Call{Who: &apptest.Boris, Method: http.MethodPost, Path: "/civic/v1/applications/" + second.ID + "/actions/submit", Key: apptest.Key(),
		Body: map[string]any{"version": second.Version, "input": map[string]any{"declaration": true}}}); fields(t, got) != "q1 field.required" {
		t.Errorf("the second version asks no more than the first: %d %s", got.Status, got.Body)
	}

	// Whose staff decide what: the partner's publish and decide in it, and nowhere else; the municipality reviews.
	for name, who := range map[string]apptest.Who{"its officer": off, "the municipality's publisher": apptest.Sofia, "a registrar": apptest.Oliver} {
		if got := a.ask(who, app, "propose", map[string]any{"version": r.Version, "stage": "review"}); got.Status != http.StatusNotFound {
			t.Errorf("%s proposes: %d %s", name, got.Status, got.Body)
		}
	}
	for _, other := range []string{"residence-certificate", "partner-application"} {
		if got := a.ask(pub, other, "halt", map[string]any{"version": 0}); got.Status != http.StatusNotFound {
			t.Errorf("its publisher halts %s: %d %s", other, got.Status, got.Body)
		}
	}
	r = a.must(t, pub, app, "propose", map[string]any{"version": r.Version, "stage": "review"})
	if got := a.ask(apptest.StaffOf("market", "publisher", "otto"), app, "approve", map[string]any{"version": r.Version}); got.Status != http.StatusForbidden {
		t.Errorf("the partner approves what it publishes: %d %s", got.Status, got.Body)
	}
	r = a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	if got := a.change(apptest.Anna, "market", made.ID); got.Status != http.StatusConflict || !bytes.Contains(got.Body, []byte("has left draft")) {
		t.Errorf("changed after it left draft: %d", got.Status)
	}
	if now := a.Organisation(apptest.Anna, "market").MiniApps[0]; now.Definition != again.Definition {
		t.Error("a refused change is in force")
	}
	r = a.must(t, pub, app, "propose", map[string]any{"version": r.Version, "stage": "public", "share": 100})
	a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})

	// Listed, found, launched, used.
	if !slices.Contains(offeredApps(t, a.App, ""), app) || !slices.Contains(offeredApps(t, a.App, "?q="+url.QueryEscape("базар")), app) {
		t.Errorf("listed %q, found %q", offeredApps(t, a.App, ""), offeredApps(t, a.App, "?q="+url.QueryEscape("базар")))
	}
	if got := a.Do(apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/launch-links", Body: map[string]any{"app_id": app, "channel": "list"}}); got.Status != http.StatusOK {
		t.Errorf("launch: %d %s", got.Status, got.Body)
	}
	if got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/apps/" + app}); got.Status != http.StatusOK {
		t.Errorf("its start page: %d", got.Status)
	}
	if got := a.begin(apptest.Anna, app); got.Status != http.StatusCreated {
		t.Errorf("everybody begins: %d %s", got.Status, got.Body)
	}
	begun = a.Act(off, begun, "propose", map[string]any{"assessment": "There is room on Wednesdays."})
	begun = a.Act(off2, begun, "countersign", nil)
	if begun.State != "granted" {
		t.Errorf("%+v", begun)
	}
	for name, who := range map[string]apptest.Who{"a registrar": apptest.Oliver, "an officer of the partner office": apptest.Ines} {
		if got := a.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/workflow/v1/cases/" + begun.ID}); got.Status != http.StatusNotFound {
			t.Errorf("%s reads the partner's case: %d", name, got.Status)
		}
	}
	if got := listedAt(a.Town, "eastmere"); slices.Contains(got, app) {
		t.Errorf("eastmere offers what northwick's partner made: %q", got)
	}

	// Suspended: nothing new begins or is opened again, what runs goes on.
	second = a.Act(apptest.Boris, second, "submit", map[string]any{"q1": "Red", "declaration": true})
	o := a.Organisation(apptest.Anna, "market")
	if got := a.Suspend(apptest.Ines, "market", o.Version-1); got.Status != http.StatusConflict || code(t, got) != "changed-meanwhile" {
		t.Errorf("suspended on an old version: %d %s", got.Status, got.Body)
	}
	if got := a.Suspend(apptest.Ines, "market", o.Version); got.Status != http.StatusOK {
		t.Fatalf("suspend: %d %s", got.Status, got.Body)
	}
	if got := a.begin(apptest.Anna, app); got.Status != http.StatusConflict || code(t, got) != "release-paused" || !bytes.Contains(got.Body, []byte("The register is being examined.")) {
		t.Errorf("after the suspension: %d %s", got.Status, got.Body)
	}
	for _, who := range []apptest.Who{pub, apptest.Marcus} {
		if got := a.ask(who, app, "propose", map[string]any{"version": 7, "stage": "public"}); got.Status != http.StatusConflict || code(t, got) != "release-suspended" {
			t.Errorf("%s opens it again: %d %s", who.Name, got.Status, got.Body)
		}
	}
	second = a.Act(off, second, "propose", map[string]any{"assessment": "There is room on Wednesdays."})
	if got := a.Make(apptest.Anna, "market", "application", a.Blanks("application", "market-two", "permits"), apptest.Key()); got.Status != http.StatusConflict || code(t, got) != "partner-not-active" {
		t.Errorf("made after the suspension: %d %s", got.Status, got.Body)
	}
	o = a.Organisation(apptest.Anna, "market")
	if got := a.SetSignIn(apptest.Anna, "market", o.Version, map[string]any{"groups": map[string]string{"publisher": "market-x"}}, apptest.Key()); got.Status != http.StatusConflict || code(t, got) != "partner-not-active" {
		t.Errorf("sign-in set after the suspension: %d %s", got.Status, got.Body)
	}
	if got := a.Do(apptest.Call{Who: &apptest.Paul, Method: http.MethodPost, Path: "/partners/v1/partners/market/resume", Key: apptest.Key(), Body: map[string]any{"version": o.Version}}); got.Status != http.StatusOK {
		t.Fatalf("resume: %d %s", got.Status, got.Body)
	}
	if got := a.begin(apptest.Anna, app); got.Status != http.StatusConflict {
		t.Errorf("a partner that goes on is released by nobody: %d", got.Status)
	}
	r = a.must(t, pub, app, "propose", map[string]any{"version": 7, "stage": "public"})
	a.must(t, apptest.Marcus, app, "approve", map[string]any{"version": r.Version})
	if got := a.begin(apptest.Anna, app); got.Status != http.StatusCreated {
		t.Errorf("released again: %d %s", got.Status, got.Body)
	}
}

// scan reads one value of northwick's.
func scan[T any](t *testing.T, a *apptest.App, query string, args ...any) (out T) {
	t.Helper()
	if err := a.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error { return tx.Get(&out, query, args...) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// asOwner changes what nothing in the program can.
func (a partnerTown) asOwner(t *testing.T, query string, args ...any) {
	t.Helper()
	if err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `SET LOCAL ROLE NONE`); err != nil {
			return err
		}
		_, err := tx.ExecContext(t.Context(), query, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func listedAt(a *modules.Town, tenant kernel.TenantID) []string {
	for _, one := range a.Directory.Tenants() {
		if one.ID == tenant {
			return one.Services
		}
	}
	return nil
}
