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
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
)

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
