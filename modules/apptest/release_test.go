package apptest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
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

// start is one sector's way to begin: by the API and the pages that lead to it.
type start struct {
	app, title string
	call       func(who apptest.Who) apptest.Call
	pages      []string // GET
	form       func() (string, url.Values)
	running    func(t *testing.T) func() apptest.Answer // opens a case and returns a look that must go on working
}

func starts(t *testing.T, a releases) []start {
	p := a.Practice(40, 0)
	a.Coaches()
	departure := a.Coach(time.Now().Add(72*time.Hour), 3)
	slot := 0
	next := func() string { slot++; return p.Slots[slot-1] }
	hold := func(who apptest.Who) apptest.Call {
		return apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1/bookings", Key: apptest.Key(),
			Body: map[string]any{"departure": departure, "from": 0, "to": 2, "places": []map[string]any{{}}}}
	}
	look := func(call apptest.Call, path string) func(t *testing.T) func() apptest.Answer {
		return func(t *testing.T) func() apptest.Answer {
			got := a.Do(call)
			var made struct{ ID string }
			got.JSON(t, &made)
			if got.Status >= 300 || made.ID == "" {
				t.Fatalf("%d %s", got.Status, got.Body)
			}
			return func() apptest.Answer {
				return a.Do(apptest.Call{Who: call.Who, Method: http.MethodGet, Path: path + made.ID})
			}
		}
	}
	certificate := func(who apptest.Who) apptest.Call {
		return apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": "residence-certificate"}}
	}
	visit := func(who apptest.Who) apptest.Call {
		who, slot := patient(who), next()
		return apptest.Call{Who: &who, Method: http.MethodPost, Path: "/medical/v1/appointments", Key: apptest.Key(),
			Body: map[string]any{"slot": slot, "visit_type": "consultation"}}
	}
	return []start{
		{"residence-certificate", "Residence certificate", certificate, []string{"/apps/residence-certificate", "/apps/residence-certificate/start"},
			func() (string, url.Values) { return "/apps/residence-certificate/start", url.Values{} }, look(certificate(apptest.Boris), "/civic/v1/applications/")},
		{"doctor-appointment", "Doctor", visit, []string{"/apps/doctor-appointment", "/apps/doctor-appointment/times?visit=consultation", "/apps/doctor-appointment/hold?visit=consultation&slot=" + p.Slots[39]},
			func() (string, url.Values) {
				return "/apps/doctor-appointment/hold", url.Values{"slot": {next()}, "visit": {"consultation"}}
			}, look(visit(apptest.Boris), "/medical/v1/appointments/")},
		{"coach-ticket", "Coach", hold, []string{"/apps/coach-ticket", "/apps/coach-ticket/departures?from=stop-0&to=stop-1", "/apps/coach-ticket/ride?departure=" + departure + "&from=0&to=2"},
			func() (string, url.Values) {
				return "/apps/coach-ticket/ride", url.Values{"departure": {departure}, "from": {"0"}, "to": {"2"}, "adults": {"1"}}
			}, look(hold(apptest.Boris), "/travel/v1/bookings/")},
	}
}

// occupied counts what a refused beginning must not hold.
func (a releases) occupied(t *testing.T) (n int) {
	t.Helper()
	if err := a.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.Get(&n, `SELECT (SELECT count(*) FROM casework.case) + (SELECT count(*) FROM medical.appointment) + (SELECT count(*) FROM travel.booking)`)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

// Every sector's way to begin, by the API and by the pages, is shut and opened by the stage; what runs goes on.
func TestEverySectorAsksBeforeACaseBegins(t *testing.T) {
	t.Parallel()
	a := newReleases(t, apptest.WithTravel(t))
	tina := apptest.Who{Subject: "tina", Name: "Tina Tester", ACR: "substantial", Client: "northwick.residence-certificate"}
	uma := apptest.Who{Subject: "uma", Name: "Uma Rao", ACR: "substantial", Client: "northwick.residence-certificate"}
	a.Know("northwick", tina, uma)
	for _, s := range starts(t, a) {
		t.Run(s.app, func(t *testing.T) {
			cookie := a.Cookie("northwick", apptest.Anna)
			still := s.running(t)
			begin := a.must(t, apptest.Sofia, s.app, "begin", map[string]any{"version": 0})
			before := a.occupied(t)
			// shut checks that nobody can begin, and what they are told.
			shut := func(stage string, status int, slug string, words string) {
				t.Helper()
				got := a.Do(s.call(apptest.Anna))
				if got.Status != status || code(t, got) != slug || !bytes.Contains(got.Body, []byte(words)) {
					t.Errorf("%s, API: %d %s", stage, got.Status, got.Body)
				}
				for _, path := range s.pages {
					page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path, Cookie: cookie})
					if page.Status != status || !bytes.Contains(page.Body, []byte(words)) {
						t.Errorf("%s, %s: %d, %q is missing", stage, path, page.Status, words)
					}
				}
				path, form := s.form()
				form.Set("idempotency_key", apptest.Key())
				if page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Form: form, Cookie: cookie}); page.Status != status || !bytes.Contains(page.Body, []byte(words)) {
					t.Errorf("%s, form: %d %s", stage, page.Status, page.Header.Get("Location"))
				}
				if n := a.occupied(t); n != before {
					t.Errorf("%s: %d rows are held by what was refused", stage, n-before)
				}
				if got := still(); got.Status != http.StatusOK {
					t.Errorf("%s: what runs answers %d %s", stage, got.Status, got.Body)
				}
			}
			shut("draft", http.StatusNotFound, "not-found", "There is nothing here")
			r := a.must(t, apptest.Sofia, s.app, "propose", map[string]any{"version": begin.Version, "stage": "review"})
			shut("review", http.StatusNotFound, "not-found", "There is nothing here")
			r = a.must(t, apptest.Marcus, s.app, "approve", map[string]any{"version": r.Version})
			shutBeta := a.Do(s.call(apptest.Anna))
			if shutBeta.Status != http.StatusConflict || code(t, shutBeta) != "release-beta" {
				t.Errorf("beta: %d %s", shutBeta.Status, shutBeta.Body)
			}
			shut("beta", http.StatusConflict, "release-beta", "being tried out by a small group")
			// The page and the answer tell the code testers are named by.
			anna := a.person(t, "anna")
			if !bytes.Contains(shutBeta.Body, []byte(anna)) {
				t.Errorf("beta does not tell the code: %s", shutBeta.Body)
			}
			r = a.must(t, apptest.Marcus, s.app, "testers", map[string]any{"version": r.Version, "testers": []string{a.person(t, "tina")}})
			page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: s.pages[0], Cookie: a.Cookie("northwick", tina)})
			if page.Status != http.StatusOK || !bytes.Contains(page.Body, []byte("Test mode")) {
				t.Errorf("a tester's start page: %d, ribbon %v", page.Status, bytes.Contains(page.Body, []byte("Test mode")))
			}
			if got := a.Do(s.call(tina)); got.Status >= 300 {
				t.Errorf("a tester: %d %s", got.Status, got.Body)
			}
			before = a.occupied(t)
			r = a.must(t, apptest.Marcus, s.app, "testers", map[string]any{"version": r.Version, "testers": []string{}})
			r = a.must(t, apptest.Sofia, s.app, "propose", map[string]any{"version": r.Version, "stage": "public", "share": 100})
			r = a.must(t, apptest.Marcus, s.app, "approve", map[string]any{"version": r.Version})
			if page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: s.pages[0]}); page.Status != http.StatusOK || bytes.Contains(page.Body, []byte("Test mode")) {
				t.Errorf("public: %d, ribbon %v", page.Status, bytes.Contains(page.Body, []byte("Test mode")))
			}
			day := time.Now().AddDate(0, 1, 0)
			r = a.must(t, apptest.Sofia, s.app, "conditions", map[string]any{"version": r.Version, "season_from": day.Format("01-02"), "season_until": day.AddDate(0, 0, 7).Format("01-02")})
			shut("out of season", http.StatusConflict, "release-season", "opens again on")
			r = a.must(t, apptest.Sofia, s.app, "conditions", map[string]any{"version": r.Version})
			r = a.must(t, apptest.Marcus, s.app, "halt", map[string]any{"version": 0, "reason": "The register is being moved.", "back_on": "2031-03-01"})
			shut("paused", http.StatusConflict, "release-paused-until", "The register is being moved.")
			r = a.must(t, apptest.Marcus, s.app, "propose", map[string]any{"version": r.Version, "stage": "public"})
			r = a.must(t, apptest.Bea, s.app, "approve", map[string]any{"version": r.Version})
			if got := a.Do(s.call(uma)); got.Status >= 300 {
				t.Errorf("going on: %d %s", got.Status, got.Body)
			}
			before = a.occupied(t)
			r = a.must(t, apptest.Sofia, s.app, "propose", map[string]any{"version": r.Version, "stage": "retired"})
			a.must(t, apptest.Marcus, s.app, "approve", map[string]any{"version": r.Version})
			shut("retired", http.StatusConflict, "release-retired", "has ended")
		})
	}
}

// person is our id of a citizen at northwick.
func (a releases) person(t *testing.T, subject string) (id string) {
	t.Helper()
	if err := a.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.Get(&id, `SELECT id FROM identity.person WHERE tenant_id = 'northwick' AND subject = $1 AND area = 'citizen'`, subject)
	}); err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTestersAreKnownByTheirIssuersIdentifierToo(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	r := a.must(t, apptest.Sofia, "residence-certificate", "begin", map[string]any{"version": 0})
	a.must(t, apptest.Sofia, "residence-certificate", "testers", map[string]any{"version": r.Version, "testers": []string{"anna"}})
	start := func(who apptest.Who) int {
		return a.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": "residence-certificate"}}).Status
	}
	if got := start(apptest.Anna); got != http.StatusCreated {
		t.Errorf("the tester: %d", got)
	}
	if got := start(apptest.Boris); got != http.StatusNotFound {
		t.Errorf("somebody else: %d", got)
	}
	home := func(who *apptest.Who) string {
		p := apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/"}
		if who != nil {
			p.Cookie = a.Cookie("northwick", *who)
		}
		return string(a.Page(p).Body)
	}
	if page := home(&apptest.Anna); !strings.Contains(page, "/apps/residence-certificate") || !strings.Contains(page, "Test mode") {
		t.Error("the tester's home page does not show the draft")
	}
	if strings.Contains(home(&apptest.Boris), "/apps/residence-certificate") || strings.Contains(home(nil), "/apps/residence-certificate") {
		t.Error("a draft is on a home page")
	}
}

func TestAShareOfThePeopleCanBegin(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	r := a.beta(t, "residence-certificate")
	r = a.must(t, apptest.Sofia, "residence-certificate", "propose", map[string]any{"version": r.Version, "stage": "public", "share": 30})
	r = a.must(t, apptest.Marcus, "residence-certificate", "approve", map[string]any{"version": r.Version})
	var people []apptest.Who
	for i := range 40 {
		people = append(people, apptest.Who{Subject: fmt.Sprint("neighbour-", i), Name: "A Neighbour", ACR: "substantial", Client: "northwick.residence-certificate"})
	}
	a.Know("northwick", people...)
	in := func() (n int, of []bool) {
		for i := range people {
			got := a.Do(apptest.Call{Who: &people[i], Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": "residence-certificate"}})
			switch {
			case got.Status == http.StatusCreated:
				n++
			case got.Status != http.StatusConflict || code(t, got) != "release-share":
				t.Errorf("%d %s", got.Status, got.Body)
			}
			of = append(of, got.Status == http.StatusCreated)
		}
		return n, of
	}
	some, before := in()
	if some == 0 || some == len(people) {
		t.Errorf("%d of %d at 30 %%", some, len(people))
	}
	r = a.must(t, apptest.Sofia, "residence-certificate", "share", map[string]any{"version": r.Version, "share": 70})
	more, after := in()
	if more <= some || more == len(people) {
		t.Errorf("%d at 70 %% after %d at 30 %%", more, some)
	}
	for i := range people {
		if before[i] && !after[i] {
			t.Error("somebody who was in is out")
		}
	}
	a.must(t, apptest.Sofia, "residence-certificate", "share", map[string]any{"version": r.Version, "share": 100})
	if all, _ := in(); all != len(people) {
		t.Errorf("%d of %d at 100 %%", all, len(people))
	}
}

// A halt reaches another server on the same database within two seconds.
func TestAHaltReachesEveryServerWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	a := newReleases(t)
	u, err := url.Parse(a.Origin("northwick"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := modules.New(modules.Options{Settings: a.SettingsFor(u.Port()), DB: a.DB, Data: a.Data, Clock: kernel.SystemClock{}, Log: slog.New(slog.DiscardHandler), Contracts: openapi.FS})
	if err != nil {
		t.Fatal(err)
	}
	start := func() int {
		b, err := json.Marshal(map[string]any{"service": "residence-certificate"})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, a.Origin("northwick")+"/civic/v1/applications", bytes.NewReader(b))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", apptest.Key())
		r.Header.Set("Authorization", "Bearer "+a.Token(apptest.Anna, "northwick", "/civic/v1/applications"))
		w := httptest.NewRecorder()
		other.Handler().ServeHTTP(w, r)
		return w.Code
	}
	if got := start(); got != http.StatusCreated { // and it knows now that nothing is halted
		t.Fatalf("before the halt: %d", got)
	}
	a.must(t, apptest.Marcus, "residence-certificate", "halt", map[string]any{"version": 0})
	halted := time.Now()
	if got := a.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": "residence-certificate"}}); got.Status != http.StatusConflict {
		t.Errorf("the server that took the halt: %d", got.Status)
	}
	for start() != http.StatusConflict {
		if time.Since(halted) > 2*time.Second {
			t.Fatal("the other server has not heard of the halt after two seconds")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("halted on the other server after %v", time.Since(halted).Round(time.Millisecond))
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
