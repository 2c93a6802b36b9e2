package apptest_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"townhall/modules/apptest"
	"townhall/modules/kernel/ui"
)

var differs = regexp.MustCompile(`Costs (£[\d.]+ more|£[\d.]+ less|the same)`)

// What the page of a change says is what the change then asks for or gives back, the premium with it. Reading it holds nothing.
func TestThePageOfAChangeSaysWhatTheChangeWillCost(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, other := c.Coach(soon(72), 5), c.Coach(soon(80), 5)
	b := c.insured(apptest.Anna, d, 1, 4)
	paid := b.Fare + b.Insurance
	reads := func() string {
		t.Helper()
		places := c.count(`SELECT count(*) FROM travel.occupancy WHERE tenant_id = 'northwick'`)
		found := differs.FindAllString(c.visitor(apptest.Anna).read("/apps/coach-ticket/bookings/"+b.ID+"/change", http.StatusOK), -1)
		if n := c.count(`SELECT count(*) FROM travel.occupancy WHERE tenant_id = 'northwick'`); n != places {
			t.Errorf("reading the page made %d places of %d", n, places)
		}
		if len(found) != 1 {
			t.Fatalf("the page says %q", found)
		}
		return found[0]
	}
	costs := func(version int, zones string) {
		t.Helper()
		form := strings.Replace(apptest.CoastFares, "[0, 1000, 1500, 2000, 2500, 3000, 3500]", zones, 1)
		a := c.Do(apptest.Call{Who: &apptest.Pavel, Method: http.MethodPost, Path: "/travel/v1/operators/coast-coaches/fares", Key: apptest.Key(), Body: map[string]any{"form": form, "version": version, "service": "coach-ticket"}})
		if a.Status != http.StatusOK {
			t.Fatalf("fares: %d %s", a.Status, a.Body)
		}
	}
	change := map[string]any{"version": b.Version, "departure": other, "from": 0, "to": 3}
	if said := reads(); said != "Costs the same" {
		t.Errorf("as dear: %s", said)
	}
	costs(1, "[0, 1000, 1500, 5000, 5000, 5000, 5000]")
	said := reads()
	var p goingToPay
	c.post(apptest.Anna, "/bookings/"+b.ID+"/change", change, http.StatusOK, &p)
	if p.Payment == nil || said != "Costs "+ui.Money("en", p.Payment.Amount, "GBP")+" more" || p.Payment.Amount <= 1800 { // 60 % of 3000 more, and 4 % of that
		t.Errorf("dearer: %q, and then %+v", said, p.Payment)
	}
	c.exec(`UPDATE travel.change SET created_at = created_at - interval '1 day' WHERE tenant_id = 'northwick' AND case_id = $1`, b.ID)
	costs(2, "[0, 100, 100, 100, 100, 100, 100]")
	said = reads()
	c.post(apptest.Anna, "/bookings/"+b.ID+"/change", change, http.StatusOK, nil)
	c.settle()
	now := c.withPolicy(apptest.Anna, b.ID)
	less := paid - now.Fare - now.Insurance
	if now.Departure != other || less <= 0 || said != "Costs "+ui.Money("en", less, "GBP")+" less" {
		t.Errorf("cheaper: %q, and then %d less: %+v", said, less, now)
	}
}
