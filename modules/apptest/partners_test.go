package apptest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
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

// Every refusal of an application names what is wrong with it, where it is typed.
func TestApplicationsThatCannotBeAreRefusedWhereTheyAreTyped(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	a.Admit(apptest.Boris, apptest.PartnerAnswers("taken", nil))
	draft := a.DraftOf(apptest.Anna, "partner-application")
	submit := func(who apptest.Who, c apptest.Case, in map[string]any) apptest.Answer {
		return a.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications/" + c.ID + "/actions/submit", Key: apptest.Key(), Body: map[string]any{"version": c.Version, "input": in}})
	}
	now := time.Now()
	company := func(change map[string]any) map[string]any {
		in := apptest.CompanyAnswers("fresh", apptest.LicenceDay(now, 100))
		maps.Copy(in, change)
		return in
	}
	for name, c := range map[string]struct {
		in   map[string]any
		want string
	}{
		"a person":                          {apptest.PartnerAnswers("fresh", map[string]any{"body_kind": "individual"}), "guard-refused"},
		"a company that wants permits":      {company(map[string]any{"categories": []string{"permits"}}), "categories partners.category-closed"},
		"an expired licence":                {apptest.CompanyAnswers("fresh", apptest.LicenceDay(now, -2)), "licence_until field.too-low"},
		"a company without a licence":       {company(map[string]any{"licence_number": ""}), "licence_number field.required"},
		"a partner's short name":            {apptest.PartnerAnswers("taken", nil), "short_name partners.short-name-taken"},
		"an agency of the settings":         {apptest.PartnerAnswers("civil-registry", nil), "short_name partners.short-name-taken"},
		"the partner office itself":         {apptest.PartnerAnswers("partner-office", nil), "short_name partners.short-name-taken"},
		"a short name that is none":         {apptest.PartnerAnswers("Fresh Body", nil), "short_name field.wrong-format"},
		"a NUL":                             {apptest.PartnerAnswers("fresh", map[string]any{"body_name": "a\x00b"}), "body_name field.bad-characters"},
		"an emoji, which no document shows": {apptest.PartnerAnswers("fresh", map[string]any{"body_name": "Body 🏥"}), "body_name field.not-printable"},
		"a place that is none":              {apptest.PartnerAnswers("fresh", map[string]any{"position": "99.00, 12.00"}), "position partners.no-position"},
	} {
		if got := submit(apptest.Anna, draft, c.in); got.Status/100 != 4 || fields(t, got) != c.want {
			t.Errorf("%s: %d %s\n%s", name, got.Status, fields(t, got), got.Body)
		}
	}
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM partners.partner WHERE agency <> 'taken'`); n != 0 {
		t.Errorf("%d refused applications were kept", n)
	}

	// Eight people want one name at the same moment.
	var people []apptest.Who
	var cases []apptest.Case
	for i := range 8 {
		who := apptest.Who{Subject: fmt.Sprint("racer-", i), Name: "A Racer", ACR: "substantial", Client: apptest.Anna.Client}
		a.Know("northwick", who)
		people, cases = append(people, who), append(cases, a.DraftOf(who, "partner-application"))
	}
	results := make([]apptest.Answer, len(people))
	var wg sync.WaitGroup
	for i := range people {
		wg.Go(func() { results[i] = submit(people[i], cases[i], apptest.PartnerAnswers("wanted", nil)) })
	}
	wg.Wait()
	won := 0
	for i, got := range results {
		switch {
		case got.Status == http.StatusOK:
			won++
			cases[0], people[0] = cases[i], people[i]
		case got.Status != http.StatusUnprocessableEntity || fields(t, got) != "short_name partners.short-name-taken":
			t.Errorf("%d %s", got.Status, got.Body)
		}
	}
	if won != 1 {
		t.Errorf("%d bodies have one short name", won)
	}
	// Withdrawn, the name is free again.
	a.Act(people[0], apptest.Case{ID: cases[0].ID, Version: cases[0].Version + 1}, "withdraw", nil)
	if got := submit(apptest.Anna, draft, apptest.PartnerAnswers("wanted", nil)); got.Status != http.StatusOK {
		t.Errorf("after the withdrawal: %d %s", got.Status, got.Body)
	}
}

// Who may act for a partner, and what its own settings and mini-apps are refused for.
func TestWhatAPartnerIsRefused(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	own, officer := apptest.StaffOf("clinic", "publisher", "pia"), apptest.StaffOf("clinic", "officer", "otto")
	a.Know("northwick", own, officer)
	early := a.Approve(apptest.Anna, apptest.PartnerAnswers("early", nil))
	o := a.Admit(apptest.Anna, apptest.CompanyAnswers("clinic", apptest.LicenceDay(time.Now(), 100)))
	a.Admit(apptest.Boris, apptest.PartnerAnswers("harbour", nil))

	t.Run("others", func(t *testing.T) {
		for name, c := range map[string]struct {
			who    *apptest.Who
			tenant kernel.TenantID
			method string
			path   string
			status int
		}{
			"another person": {&apptest.Boris, "northwick", "GET", "/organisations/clinic", 404},
			"the same person at another municipality": {&apptest.Anna, "eastmere", "GET", "/organisations/clinic", 404},
			"nobody":                              {nil, "northwick", "GET", "/organisations/clinic", 401},
			"a weak sign-in":                      {&apptest.Low, "northwick", "GET", "/organisations", 401},
			"its own publisher as representative": {&own, "northwick", "GET", "/organisations/clinic", 403},
			"its own officer as the office":       {&officer, "northwick", "GET", "/partners", 404},
			"its own publisher as the office":     {&own, "northwick", "GET", "/partners", 403},
			"a reviewer as the office":            {&apptest.Marcus, "northwick", "GET", "/partners", 403},
			"the representative as the office":    {&apptest.Anna, "northwick", "GET", "/partners", 403},
			"the office":                          {&apptest.Ines, "northwick", "GET", "/partners", 200},
			"the other office":                    {&apptest.Edith, "eastmere", "GET", "/partners", 200},
		} {
			got := a.Do(apptest.Call{Tenant: c.tenant, Who: c.who, Method: c.method, Path: "/partners/v1" + c.path})
			if got.Status != c.status || c.tenant == "eastmere" && bytes.Contains(got.Body, []byte("clinic")) {
				t.Errorf("%s: %d %s", name, got.Status, got.Body)
			}
		}
		if got := a.Do(apptest.Call{Who: &apptest.Low, Method: "GET", Path: "/partners/v1/organisations"}); !strings.Contains(got.Header.Get("WWW-Authenticate"), "insufficient_user_authentication") {
			t.Errorf("a weak sign-in is not asked for a stronger one: %q", got.Header)
		}
		for _, who := range []apptest.Who{officer, own, apptest.Marcus} {
			for _, path := range []string{"/staff/partners", "/staff/partners/clinic"} {
				if got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: "GET", Path: path, Cookie: a.Cookie("northwick", who)}); got.Status != 404 && got.Status != 403 || bytes.Contains(got.Body, []byte("CQC-1-1009")) {
					t.Errorf("%s at %s: %d", who.Name, path, got.Status)
				}
			}
		}
		if got := a.Suspend(officer, "harbour", 1); got.Status != 404 {
			t.Errorf("a partner's officer suspends another partner: %d %s", got.Status, got.Body)
		}
		if got := a.Suspend(officer, "clinic", 1); got.Status != 404 {
			t.Errorf("a partner's officer suspends its own: %d %s", got.Status, got.Body)
		}
		if got := a.SetSignIn(apptest.Boris, "clinic", o.Version, map[string]any{"groups": map[string]string{"publisher": "clinic-x"}}, apptest.Key()); got.Status != 404 {
			t.Errorf("another person sets the sign-in: %d %s", got.Status, got.Body)
		}
		if got := a.Make(apptest.Boris, "clinic", "appointments", a.Blanks("appointments", "clinic-visits", "health"), apptest.Key()); got.Status != 404 {
			t.Errorf("another person makes a mini-app: %d %s", got.Status, got.Body)
		}
	})

	t.Run("before the terms are signed", func(t *testing.T) {
		v := a.Organisation(apptest.Anna, "early").Version
		if got := a.SetSignIn(apptest.Anna, "early", v, map[string]any{"groups": map[string]string{"publisher": "early-x"}}, apptest.Key()); got.Status != 409 || code(t, got) != "partner-not-active" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if got := a.Make(apptest.Anna, "early", "application", a.Blanks("application", "early-permit", "permits"), apptest.Key()); got.Status != 409 || code(t, got) != "partner-not-active" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if _, there := a.Directory.Agency("northwick", "early"); there {
			t.Error("it is an agency before it signed")
		}
		a.Act(apptest.Anna, early, "sign-terms", apptest.Terms)
		a.Settle()
		if _, there := a.Directory.Agency("northwick", "early"); !there {
			t.Error("it is no agency after it signed")
		}
		if got := a.Make(apptest.Anna, "early", "application", a.Blanks("application", "early-permit", "permits"), apptest.Key()); got.Status != 409 || code(t, got) != "partner-no-sign-in" {
			t.Errorf("without a sign-in: %d %s", got.Status, got.Body)
		}
	})

	t.Run("sign-in", func(t *testing.T) {
		idp := identitytest.NewIssuer(t, kernel.SystemClock{})
		v := a.Organisation(apptest.Boris, "harbour").Version
		own := func(acr string) map[string]any {
			return map[string]any{"issuer_url": idp.URL, "acr": map[string]string{"substantial": acr}, "groups": map[string]string{"publisher": "editors"}}
		}
		for name, c := range map[string]struct {
			in   map[string]any
			want string
		}{
			"a group of another partner":           {map[string]any{"groups": map[string]string{"publisher": "clinic-publishers"}}, "group.publisher partners.group-prefix"},
			"the municipality's reviewers":         {map[string]any{"groups": map[string]string{"publisher": "northwick-reviewers"}}, "group.publisher partners.group-prefix"},
			"the municipality's issuer as its own": {map[string]any{"issuer_url": a.Staff.URL, "acr": map[string]string{"high": "low"}, "groups": map[string]string{"publisher": "northwick-registrars"}}, "issuer_url"},
			"the citizens' issuer":                 {map[string]any{"issuer_url": a.Citizens.URL, "acr": map[string]string{"high": "low"}, "groups": map[string]string{"publisher": "x1"}}, "issuer_url identity.issuer.taken"},
			"an issuer without a second factor":    {map[string]any{"issuer_url": idp.URL, "acr": map[string]string{}, "groups": map[string]string{"publisher": "x1"}}, "acr.substantial partners.acr-substantial"},
			"an issuer nobody answers at":          {map[string]any{"issuer_url": "http://127.0.0.1:1", "acr": map[string]string{"high": "h"}, "groups": map[string]string{"publisher": "x1"}}, "issuer_url identity.issuer.away"},
		} {
			if got := a.SetSignIn(apptest.Boris, "harbour", v, c.in, apptest.Key()); got.Status != 422 || !strings.HasPrefix(fields(t, got), c.want) {
				t.Errorf("%s: %d %s", name, got.Status, fields(t, got))
			}
		}
		// The same request again is the same answer and one change, even when the issuer is away by now.
		key := apptest.Key()
		first := a.SetSignIn(apptest.Boris, "harbour", v, own(identitytest.Substantial), key)
		idp.Lock()
		idp.Down = true
		idp.Unlock()
		again := a.SetSignIn(apptest.Boris, "harbour", v, own(identitytest.Substantial), key)
		idp.Lock()
		idp.Down = false
		idp.Unlock()
		if first.Status != 200 || again.Status != 200 || !bytes.Equal(first.Body, again.Body) || a.Organisation(apptest.Boris, "harbour").Version != v+1 {
			t.Errorf("%d %s\n%d %s", first.Status, first.Body, again.Status, again.Body)
		}
		if got := a.SetSignIn(apptest.Boris, "harbour", v, own(identitytest.High), key); got.Status != 422 || code(t, got) != "idempotency-key-reused" {
			t.Errorf("the key for another setting: %d %s", got.Status, got.Body)
		}
		// Who comes second to an issuer does not say anew what its levels are worth.
		w := a.Organisation(apptest.Anna, "clinic").Version
		if got := a.SetSignIn(apptest.Anna, "clinic", w, own(identitytest.Low), apptest.Key()); got.Status != 422 || fields(t, got) != "issuer_url partners.issuer-shared" {
			t.Errorf("other levels at another partner's issuer: %d %s", got.Status, got.Body)
		}
		if got := a.Organisation(apptest.Anna, "clinic").Version; got != w {
			t.Error("the refused setting was kept")
		}
		if got := a.SetSignIn(apptest.Anna, "clinic", w, own(identitytest.Substantial), apptest.Key()); got.Status != 200 {
			t.Errorf("the same levels: %d %s", got.Status, got.Body)
		}
		// At the same moment one of two wins.
		one := identitytest.NewIssuer(t, kernel.SystemClock{})
		set := func(who apptest.Who, name, acr string, version int) apptest.Answer {
			return a.SetSignIn(who, name, version, map[string]any{"issuer_url": one.URL, "acr": map[string]string{"high": acr}, "groups": map[string]string{"publisher": "editors"}}, apptest.Key())
		}
		var got [2]apptest.Answer
		var wg sync.WaitGroup
		wg.Go(func() { got[0] = set(apptest.Anna, "clinic", identitytest.Low, w+1) })
		wg.Go(func() { got[1] = set(apptest.Boris, "harbour", identitytest.High, v+1) })
		wg.Wait()
		if got[0].Status+got[1].Status != 200+422 {
			t.Errorf("both say what its levels are worth: %d %s, %d %s", got[0].Status, got[0].Body, got[1].Status, got[1].Body)
		}
		o = a.Organisation(apptest.Anna, "clinic")
	})

	t.Run("mini-apps", func(t *testing.T) {
		blanks := func(template, slug, category string, change func(map[string]any)) map[string]any {
			b := a.Blanks(template, slug, category)
			if change != nil {
				change(b)
			}
			return b
		}
		claims := func(b map[string]any, name string, days int) {
			purpose := map[string]string{"en": "To know you.", "ru": "Чтобы знать вас.", "zh": "以便了解您。"}
			b["claims"] = append(b["claims"].([]any), map[string]any{"name": name, "required": false, "retention_days": days, "purpose": purpose})
		}
		text := func(field string, s string) func(map[string]any) {
			return func(b map[string]any) {
				in := b
				if at, rest, ok := strings.Cut(field, "."); ok {
					in, field = b[at].(map[string]any), rest
				}
				in[field] = map[string]string{"en": s, "ru": "Слово", "zh": "词语"}
			}
		}
		for name, c := range map[string]struct {
			who            apptest.Who
			body, template string
			blanks         map[string]any
			want           string
		}{
			"a claim the purpose does not cover": {apptest.Anna, "clinic", "appointments", blanks("appointments", "clinic-visits", "health", func(b map[string]any) { claims(b, "address", 10) }), "claims.1 field.not-an-option"},
			"a claim kept too long":              {apptest.Anna, "clinic", "appointments", blanks("appointments", "clinic-visits", "health", func(b map[string]any) { claims(b, "birthdate", 4000) }), "claims.birthdate.retention_days field.out-of-range"},
			"a kind it has not registered":       {apptest.Anna, "clinic", "appointments", blanks("appointments", "clinic-visits", "animals", nil), "category partners.category-not-yours"},
			"a kind that is not open to it":      {apptest.Anna, "clinic", "application", blanks("application", "clinic-permit", "permits", nil), "category partners.category-not-yours"},
			"another body's name":                {apptest.Anna, "clinic", "appointments", blanks("appointments", "harbour-visits", "health", nil), "slug partners.slug-prefix"},
			"a service's name":                   {apptest.Anna, "clinic", "appointments", blanks("appointments", "doctor-appointment", "health", nil), "slug partners.slug-prefix"},
			"a template there is none of":        {apptest.Anna, "clinic", "lottery", blanks("appointments", "clinic-visits", "health", nil), "template field.not-an-option"},
			"a NUL":                              {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("title", "a\x00b")), "title.en field.bad-characters"},
			"braces":                             {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("title", "{name}")), "title.en field.braces"},
			"an emoji in the title":              {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("title", "Stall 🍯")), "title.en field.not-printable"},
			"an emoji in the document":           {apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", text("document.text", "Stall 🍯")), "document.text.en field.not-printable"},
		} {
			got := a.Make(c.who, c.body, c.template, c.blanks, apptest.Key())
			if got.Status != 422 || strings.ReplaceAll(fields(t, got), "blanks.", "") != c.want {
				t.Errorf("%s: %d %s", name, got.Status, fields(t, got))
			}
		}
		if n := scan[int](t, a.App, `SELECT count(*)::int FROM partners.app`) + scan[int](t, a.App, `SELECT count(*)::int FROM partners.slug`); n != 0 {
			t.Errorf("%d rows are left of what was refused", n)
		}
		// Eight at the same moment with one key, and eight with one name: one mini-app each.
		key, same := apptest.Key(), blanks("appointments", "clinic-visits", "health", nil)
		results := make([]apptest.Answer, 16)
		var wg sync.WaitGroup
		for i := range results {
			wg.Go(func() {
				if i%2 == 0 {
					results[i] = a.Make(apptest.Anna, "clinic", "appointments", same, key)
				} else {
					results[i] = a.Make(apptest.Boris, "harbour", "application", blanks("application", "harbour-permit", "permits", nil), apptest.Key())
				}
			})
		}
		wg.Wait()
		won := 0
		for i, got := range results {
			switch {
			case i%2 == 0 && got.Status != 200 && code(t, got) != "idempotency-key-running" && code(t, got) != "request-running":
				t.Errorf("one key: %d %s", got.Status, got.Body)
			case i%2 == 1 && got.Status == 200:
				won++
			case i%2 == 1 && fields(t, got) != "slug partners.slug-taken":
				t.Errorf("one name: %d %s", got.Status, got.Body)
			}
		}
		first, again := a.Make(apptest.Anna, "clinic", "appointments", same, key), a.Make(apptest.Anna, "clinic", "appointments", same, key)
		if first.Status != 200 || !bytes.Equal(first.Body, again.Body) || won != 1 || len(a.Organisation(apptest.Anna, "clinic").MiniApps) != 1 || len(a.Organisation(apptest.Boris, "harbour").MiniApps) != 1 {
			t.Errorf("%d won, %d %s\n%d %s", won, first.Status, first.Body, again.Status, again.Body)
		}
	})
}

// then is somebody with a sign-in of what the clock says.
func then(clock kernel.Clock, who apptest.Who) apptest.Who {
	now := clock.Now()
	who.Claims = map[string]any{"iat": now.Add(-time.Second).Unix(), "auth_time": now.Add(-time.Second).Unix(), "exp": now.Add(time.Hour).Unix()}
	return who
}

// When the licence of a company ends it is suspended by itself: its mini-apps pause with the reason in every language.
func TestAPartnerWhoseLicenceEndsIsSuspended(t *testing.T) {
	t.Parallel()
	clock := kerneltest.NewClock(time.Now())
	a := newPartners(t, apptest.WithClock(clock))
	pub := apptest.StaffOf("clinic", "publisher", "pia")
	a.Know("northwick", pub)
	until := apptest.LicenceDay(clock.Now(), 2)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("clinic", map[string]any{"body_kind": "company", "licence_number": "CQC-1", "licence_until": until, "categories": []string{"health"}}))
	late := a.Approve(apptest.Boris, apptest.CompanyAnswers("late", until))
	const app = "clinic-notices"
	a.Made(apptest.Anna, "clinic", "notices", app, "health")
	a.open(t, pub, app, 1)
	running := a.DraftOf(apptest.Boris, app)

	clock.Advance(48 * time.Hour) // the last day
	a.RunJob("end-licences")
	anna, boris, low, ines, marcus := then(clock, apptest.Anna), then(clock, apptest.Boris), then(clock, apptest.Low), then(clock, apptest.Ines), then(clock, apptest.Marcus)
	if o := a.Organisation(anna, "clinic"); o.State != "active" {
		t.Errorf("on the last day of its licence: %+v", o)
	}
	clock.Advance(48 * time.Hour)
	anna, boris, low, ines, marcus = then(clock, anna), then(clock, boris), then(clock, low), then(clock, ines), then(clock, marcus)
	if got := a.Make(anna, "clinic", "notices", a.Blanks("notices", "clinic-more", "health"), apptest.Key()); got.Status != 409 || code(t, got) != "partner-licence-over" {
		t.Errorf("made without a licence: %d %s", got.Status, got.Body)
	}
	if got := a.Do(apptest.Call{Who: &boris, Method: http.MethodPost, Path: "/civic/v1/applications/" + late.ID + "/actions/sign-terms", Key: apptest.Key(),
		Body: map[string]any{"version": late.Version, "input": apptest.Terms}}); got.Status != 409 || code(t, got) != "partner-licence-over" {
		t.Errorf("admitted without a licence: %d %s", got.Status, got.Body)
	}
	a.RunJob("end-licences")
	a.RunJob("end-licences") // once is enough
	o := a.Organisation(anna, "clinic")
	if o.State != "suspended" || !strings.Contains(o.Reason, "licence ended") {
		t.Errorf("after its licence: %+v", o)
	}
	if got := a.begin(low, app); got.Status != 409 || code(t, got) != "release-paused" {
		t.Errorf("begun without a licence: %d %s", got.Status, got.Body)
	}
	for locale, want := range map[string]string{"en": "licence ended on", "ru": "Лицензия организации истекла", "zh": "许可"} {
		got := a.Do(apptest.Call{Who: &low, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Headers: map[string]string{"Accept-Language": locale}, Body: map[string]any{"service": app}})
		if !strings.Contains(string(got.Body), want) {
			t.Errorf("the reason in %s: %s", locale, got.Body)
		}
	}
	running = a.Act(boris, running, "subscribe", nil)
	if running.State != "subscribed" {
		t.Errorf("what runs stands still: %+v", running)
	}
	var h struct {
		Changes []struct{ Action, To, Reason string }
	}
	a.Do(apptest.Call{Who: &marcus, Method: http.MethodGet, Path: "/releases/v1/mini-apps/" + app + "/history"}).JSON(t, &h)
	if len(h.Changes) != 6 || h.Changes[0].Action != "halt" || h.Changes[0].To != "paused" || !strings.Contains(h.Changes[0].Reason, "licence ended") {
		t.Errorf("the history: %+v", h.Changes)
	}
	if got := a.Do(apptest.Call{Who: &ines, Method: http.MethodPost, Path: "/partners/v1/partners/clinic/resume", Key: apptest.Key(), Body: map[string]any{"version": o.Version}}); got.Status != 409 || code(t, got) != "partner-licence-over" {
		t.Errorf("it goes on without a licence: %d %s", got.Status, got.Body)
	}
}

// second is another process on the same database.
func (a partnerTown) second(t *testing.T, log io.Writer) *modules.Town {
	t.Helper()
	u, err := url.Parse(a.Origin("northwick"))
	if err != nil {
		t.Fatal(err)
	}
	o := modules.Options{Settings: a.SettingsFor(u.Port()), DB: a.DB, Data: a.Data, Clock: kernel.SystemClock{}, Log: slog.New(slog.NewJSONHandler(log, nil)), Contracts: openapi.FS}
	apptest.WithPartners(&o)
	town, err := modules.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return town
}

// beginAt asks a process to begin a case.
func (a partnerTown) beginAt(t *testing.T, town *modules.Town, who apptest.Who, app string) int {
	t.Helper()
	req, err := a.Request(t.Context(), apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": app}})
	if err != nil {
		t.Error(err)
		return 0
	}
	w := httptest.NewRecorder()
	town.Handler().ServeHTTP(w, req)
	return w.Code
}

// within waits for something another process comes to know: nearly always within a second, on a machine that has nothing else to do.
func within(t *testing.T, what string, there func() bool) {
	t.Helper()
	for began := time.Now(); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("it never came: %s", what)
		}
	}
}

// Another process follows by its own job, and never takes a fresh mini-app for one that is there for everybody; one that starts later
// knows everything.
func TestEveryProcessFollowsItsPartners(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	pub := apptest.StaffOf("market", "publisher", "pia")
	a.Know("northwick", pub)
	b := a.second(t, io.Discard)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	running.Go(func() { // as the server does it, and as often
		for ctx.Err() == nil {
			_ = jobOf(b, "follow-partners")(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	a.Admit(apptest.Anna, apptest.PartnerAnswers("market", nil))
	within(t, "the agency", func() bool { _, there := b.Directory.Agency("northwick", "market"); return there })

	// Everybody hammers the other process while the mini-apps are made: nobody is let in for a moment.
	var apps []string
	for i := range 4 {
		apps = append(apps, fmt.Sprint("market-stall-", i))
	}
	var wrong, asked atomic.Int64
	hammering, stop := context.WithCancel(ctx)
	var hammer sync.WaitGroup
	for i := range 4 {
		hammer.Go(func() {
			for n := i; hammering.Err() == nil; n++ {
				asked.Add(1)
				if got := a.beginAt(t, b, apptest.Boris, apps[n%len(apps)]); got != http.StatusNotFound {
					wrong.Add(1)
				}
			}
		})
	}
	for _, app := range apps {
		a.Made(apptest.Anna, "market", "application", app, "permits")
		within(t, app, func() bool { return slices.Contains(listedAt(b, "northwick"), app) })
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	hammer.Wait()
	if wrong.Load() != 0 || asked.Load() < 100 {
		t.Errorf("%d of %d were let into a draft", wrong.Load(), asked.Load())
	}

	const app = "market-stall-0"
	a.open(t, pub, app, 1)
	within(t, "the release", func() bool { return a.beginAt(t, b, apptest.Boris, app) == http.StatusCreated })
	req, err := a.Request(t.Context(), apptest.Call{Who: &pub, Method: http.MethodGet, Path: "/releases/v1/mini-apps/" + app})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if b.Handler().ServeHTTP(w, req); w.Code != http.StatusOK {
		t.Errorf("its publisher at the other process: %d %s", w.Code, w.Body)
	}
	late := a.second(t, io.Discard)
	if err := late.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.beginAt(t, late, apptest.Boris, app); got != http.StatusCreated {
		t.Errorf("a process that started later: %d", got)
	}
	if got := a.beginAt(t, late, apptest.Boris, "market-stall-1"); got != http.StatusNotFound {
		t.Errorf("a draft at a process that started later: %d", got)
	}
	o := a.Organisation(apptest.Anna, "market")
	if got := a.Suspend(apptest.Ines, "market", o.Version); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	within(t, "the suspension", func() bool {
		agency, _ := b.Directory.Agency("northwick", "market")
		return agency.Suspended && a.beginAt(t, b, apptest.Boris, app) == http.StatusConflict
	})
}

func jobOf(town *modules.Town, name string) func(context.Context) error {
	for _, m := range town.Modules {
		for _, j := range m.Jobs {
			if j.Name == name {
				return j.Run
			}
		}
	}
	return func(context.Context) error { return fmt.Errorf("no job %s", name) }
}

// A process that fell between writing and following is mended by its job; a definition that cannot be read any more keeps neither the
// municipality nor its other mini-apps away.
func TestWhatCannotBeReadKeepsNothingElseAway(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	pub := apptest.StaffOf("market", "publisher", "pia")
	a.Know("northwick", pub)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("market", nil))
	for _, app := range []string{"market-good", "market-broken", "market-older"} {
		a.Made(apptest.Anna, "market", "application", app, "permits")
		a.must(t, pub, app, "testers", map[string]any{"version": 1, "testers": []string{"boris"}})
	}
	a.DraftOf(apptest.Boris, "market-broken")
	older := a.Organisation(apptest.Anna, "market").MiniApps
	if got := a.change(apptest.Anna, "market", older[2].ID); got.Status != http.StatusSeeOther {
		t.Fatalf("%d", got.Status)
	}
	a.asOwner(t, `UPDATE partners.definition SET files = jsonb_set(files, '{service.yaml}', '"slug: [nothing"') WHERE hash = $1 OR hash = $2`, older[1].Definition, older[2].Definition)
	var log lockedLog
	b := a.second(t, &log)
	if err := b.Check(t.Context()); err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	services := listedAt(b, "northwick")
	if !slices.Contains(services, "market-good") || !slices.Contains(services, "market-older") || slices.Contains(services, "market-broken") || !slices.Contains(services, "residence-certificate") {
		t.Errorf("it serves %q", services)
	}
	if !strings.Contains(log.String(), "market-broken") || !strings.Contains(log.String(), older[2].Definition) || strings.Contains(log.String(), "market-good") {
		t.Errorf("the log says %s", log.String())
	}
	for app, want := range map[string]int{"market-good": http.StatusCreated, "market-older": http.StatusCreated, "market-broken": http.StatusNotFound} {
		if got := a.beginAt(t, b, apptest.Boris, app); got != want {
			t.Errorf("%s: %d, want %d", app, got, want)
		}
	}
	for path, who := range map[string]apptest.Who{"/civic/v1/applications": apptest.Boris, "/workflow/v1/cases": apptest.StaffOf("market", "officer", "otto"), "/releases/v1/mini-apps": pub} {
		req, err := a.Request(t.Context(), apptest.Call{Who: &who, Method: http.MethodGet, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if b.Handler().ServeHTTP(w, req); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s\n%s", path, w.Code, w.Body, log.String())
		}
	}

	// Written and not followed: as a crash leaves it. The next look finds it.
	a.asOwner(t, `WITH written AS (UPDATE partners.partner SET state = 'suspended', reason = 'By hand.' WHERE tenant_id = 'northwick' AND agency = 'market')
		UPDATE partners.turn SET n = n + 1 WHERE tenant = 'northwick'`)
	if agency, _ := a.Directory.Agency("northwick", "market"); agency.Suspended {
		t.Fatal("it is followed before anybody looked")
	}
	a.RunJob("follow-partners")
	if agency, _ := a.Directory.Agency("northwick", "market"); !agency.Suspended {
		t.Error("the job did not find what was written")
	}
}

// lockedLog is a log that several goroutines write.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Everybody who subscribed receives an announcement once, in their language, whatever happens to who sends it; who left meanwhile does not.
func TestAnAnnouncementReachesEverySubscriberOnce(t *testing.T) {
	t.Parallel()
	const subscribers = 250
	a := newPartners(t)
	pub, off := apptest.StaffOf("water", "publisher", "pia"), apptest.StaffOf("water", "officer", "otto")
	elsewhere := apptest.StaffOf("gas", "officer", "gus")
	a.Know("northwick", pub, off, elsewhere)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("water", nil))
	a.Admit(apptest.Boris, apptest.PartnerAnswers("gas", nil))
	const app = "water-notices"
	a.Made(apptest.Anna, "water", "notices", app, "appointments")
	a.open(t, pub, app, 1)

	var people []apptest.Who
	for i := range subscribers {
		people = append(people, apptest.Who{Subject: fmt.Sprint("reader-", i), Name: "A Reader", ACR: "low", Client: apptest.Anna.Client})
	}
	a.Know("northwick", people...)
	cases := make([]apptest.Case, subscribers)
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := w; i < subscribers; i += 10 {
				r := a.Do(apptest.Call{Who: &people[i], Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": app, "locale": kernel.Locales[i%3]}})
				if r.Status != http.StatusCreated {
					t.Errorf("%d %s", r.Status, r.Body)
					return
				}
				r.JSON(t, &cases[i])
				cases[i] = a.Act(people[i], cases[i], "subscribe", nil)
			}
		})
	}
	wg.Wait()
	a.Settle()

	path := "/staff/notices/" + app
	form := func(heading string, change map[string]string) url.Values {
		out := url.Values{"idempotency_key": {apptest.Key()}}
		for l, word := range map[string]string{"en": "Water", "ru": "Вода", "zh": "停水"} {
			out.Set("heading."+l, word+" "+heading)
			out.Set("body."+l, word+" "+heading+".\r\nMonday.")
		}
		for k, v := range change {
			out.Set(k, v)
		}
		return out
	}
	send := func(who apptest.Who, f url.Values) apptest.Answer {
		return a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Form: f, Cookie: a.Cookie("northwick", who)})
	}
	for name, who := range map[string]apptest.Who{"another partner's officer": elsewhere, "an officer of the office": apptest.Ines, "its publisher": pub, "a registrar": apptest.Oliver} {
		if got := send(who, form("0", nil)); got.Status != http.StatusNotFound && got.Status != http.StatusForbidden {
			t.Errorf("%s announces: %d", name, got.Status)
		}
	}
	for field, bad := range map[string]string{"heading.ru": "Вода 🚱", "body.zh": "a\x00b", "heading.en": ""} {
		if got := send(off, form("0", map[string]string{field: bad})); got.Status != http.StatusUnprocessableEntity || !bytes.Contains(got.Body, []byte(`href="#`+field)) && !bytes.Contains(got.Body, []byte(`href="#f-`+field)) {
			t.Errorf("%s = %q: %d", field, bad, got.Status)
		}
	}
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM partners.announcement`); n != 0 {
		t.Fatalf("%d refused announcements were kept", n)
	}

	one := form("1", nil)
	for range 3 { // the button is pressed three times
		if got := send(off, one); got.Status != http.StatusSeeOther {
			t.Fatalf("%d", got.Status)
		}
	}
	// Nothing can be read for a while: every handler fails.
	a.asOwner(t, `ALTER TABLE partners.announcement RENAME TO away`)
	if err := a.Drain(t.Context()); err == nil {
		t.Error("nothing failed")
	}
	a.asOwner(t, `ALTER TABLE partners.away RENAME TO announcement`)
	a.asOwner(t, `UPDATE kernel.effect SET not_before = now() WHERE state = 'open'`)
	// Somebody leaves before it is known who is told, and somebody between that and their turn: no step can be written for a while.
	a.Act(people[0], cases[0], "unsubscribe", nil)
	a.asOwner(t, `ALTER TABLE casework.event RENAME TO away`)
	if err := a.Drain(t.Context()); err == nil {
		t.Error("nobody's turn failed")
	}
	a.asOwner(t, `ALTER TABLE casework.away RENAME TO event`)
	a.Act(people[1], cases[1], "unsubscribe", nil)
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM kernel.effect WHERE state = 'open' AND tries > 0 AND case_id = $1 AND name LIKE '%announce-to%'`, cases[1].ID); n != 1 {
		t.Errorf("%d effects wait for who left", n)
	}
	a.asOwner(t, `UPDATE kernel.effect SET not_before = now() WHERE state = 'open'`)
	// Two processes send, and lose their leases again and again.
	b := a.second(t, io.Discard)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var robber sync.WaitGroup
	robbed := 0
	robber.Go(func() {
		for ctx.Err() == nil {
			_ = a.DB.InTx(ctx, "northwick", func(tx *pg.Tx) error {
				res, err := tx.ExecContext(ctx, `UPDATE kernel.effect SET leased = false, not_before = now() WHERE leased AND state = 'open' AND name LIKE '%partner.announce%'`)
				if err == nil {
					n, _ := res.RowsAffected()
					robbed += int(n)
				}
				return err
			})
			time.Sleep(10 * time.Millisecond)
		}
	})
	for _, town := range []*modules.Town{a.Town, b} {
		wg.Go(func() {
			if err := town.Drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	cancel()
	robber.Wait()
	a.Settle()
	a.Settle()
	t.Logf("%d leases were lost", robbed)
	if n := scan[int](t, a.App, `SELECT count(*)::int FROM kernel.effect WHERE state <> 'done' AND name LIKE '%partner.announce%'`); n != 0 {
		t.Errorf("%d effects wait for ever", n)
	}
	for i, c := range cases {
		want := 1
		if i < 2 {
			want = 0
		}
		messages := scan[int](t, a.App, `SELECT count(*)::int FROM notify.message WHERE case_id = $1 AND notice = 'announced'`, c.ID)
		papers := scan[int](t, a.App, `SELECT count(*)::int FROM documents.document WHERE case_id = $1 AND locale = $2 AND state = 'valid' AND content::text LIKE '%' || $3 || '%'`, c.ID, kernel.Locales[i%3], []string{"Water", "Вода", "停水"}[i%3])
		all := scan[int](t, a.App, `SELECT count(*)::int FROM documents.document WHERE case_id = $1`, c.ID)
		if messages != want || papers != want || all != want {
			t.Errorf("subscriber %d: %d messages, %d documents in %s, %d at all, want %d of each", i, messages, papers, kernel.Locales[i%3], all, want)
			break
		}
	}
	if got := scan[string](t, a.App, `SELECT string_agg(reached::text, ' ') FROM partners.announcement`); got != fmt.Sprint(subscribers-2) {
		t.Errorf("reached %s", got)
	}
	if got := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/cases/" + cases[4].ID, Cookie: a.Cookie("northwick", people[4])}); !bytes.Contains(got.Body, []byte("Вода 1")) && !bytes.Contains(got.Body, []byte("Объявление")) {
		t.Errorf("a reader in Russian: %d", got.Status)
	}
}
