package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel/pg"
)

// Every start of the demo brings its operators in; the second changes nothing, one of next month goes on where it was.
func TestTheDemosTimetablesAreBroughtInOnceAndNeverRunOut(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.WithTravel(t))
	now := time.Now()
	seed := func(at time.Time) {
		t.Helper()
		if err := seedTimetables(t.Context(), a.Town, at); err != nil {
			t.Fatal(err)
		}
	}
	count := func(query string) (n int) {
		t.Helper()
		if err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error { return tx.GetContext(t.Context(), &n, query) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	seed(now)
	departures := count(`SELECT count(*) FROM travel.departure WHERE tenant_id = 'northwick'`)
	if feeds := count(`SELECT count(*) FROM travel.feed WHERE tenant_id = 'northwick' AND active`); feeds != 2 || departures < 5000 {
		t.Errorf("%d timetables, %d departures", feeds, departures)
	}
	seed(now)
	if again := count(`SELECT count(*) FROM travel.feed WHERE tenant_id = 'northwick'`); again != 2 {
		t.Errorf("the second time: %d timetables", again)
	}
	seed(now.AddDate(0, 1, 0))
	if again := count(`SELECT count(*) FROM travel.departure WHERE tenant_id = 'northwick'`); again != departures {
		t.Errorf("next month: %d departures, before: %d", again, departures)
	}
	for service, way := range map[string]string{"coach-ticket": "from=northwik+harbuor&to=airprot", "ferry-ticket": "from=northwick+harbour&to=gul+iland"} {
		page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/apps/" + service + "/departures?" + way + "&day=" + now.AddDate(0, 0, 2).Format(time.DateOnly)})
		if n := strings.Count(string(page.Body), "/ride?"); page.Status != http.StatusOK || n < 5 {
			t.Errorf("%s: %d, %d departures on the page", service, page.Status, n)
		}
	}
}
