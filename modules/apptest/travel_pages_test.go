package apptest_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// visitor is somebody with a browser in which nothing runs.
type visitor struct {
	*coastline
	cookie *http.Cookie
}

func (c *coastline) visitor(who apptest.Who) visitor {
	who.Client = "northwick.coach-ticket"
	return visitor{c, c.Cookie("northwick", who)}
}

func (v visitor) read(path string, want int) string {
	v.t.Helper()
	a := v.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path, Cookie: v.cookie})
	if a.Status != want {
		v.t.Fatalf("GET %s: %d %s", path, a.Status, a.Header.Get("Location"))
	}
	return html.UnescapeString(string(a.Body))
}

// send posts a form and returns where it leads; with another status than 303, the page.
func (v visitor) send(path string, form url.Values, want int) string {
	v.t.Helper()
	form.Set("idempotency_key", kernel.NewID())
	a := v.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Cookie: v.cookie, Form: form})
	if a.Status != want {
		v.t.Fatalf("POST %s: %d %s", path, a.Status, a.Body)
	}
	if want == http.StatusSeeOther {
		return a.Header.Get("Location")
	}
	return html.UnescapeString(string(a.Body))
}

func (v visitor) first(page, pattern string) string {
	v.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		v.t.Fatalf("the page has no %s", pattern)
	}
	return m[1]
}

var versionField = `name="version" value="(\d+)"`

func TestFromTheSearchToTheTicketAndBackWithScriptsOff(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, later := c.Coach(soon(72), 5), c.Coach(soon(80), 5)
	v := c.visitor(apptest.Anna)
	v.read("/apps/coach-ticket", http.StatusOK)
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	day := soon(72).In(london).Format(time.DateOnly)
	if nowhere := v.read("/apps/coach-ticket/departures?from=Atlantis&to=Stop+4&day="+day, http.StatusOK); !strings.Contains(nowhere, "Atlantis") {
		t.Error("a place that is not there is not named")
	}
	found := v.read("/apps/coach-ticket/departures?from=stop+0&to=Stopp+4&day="+day, http.StatusOK) // a small letter, and a typing mistake
	ride := v.first(found, `href="(/apps/coach-ticket/ride\?departure=`+d+`[^"]*)"`)
	v.read(ride, http.StatusOK)
	at := v.send("/apps/coach-ticket/ride", url.Values{"departure": {d}, "from": {"0"}, "to": {"4"}, "people": {"2"}, "wheelchairs": {"0"}, "bicycles": {"1"}}, http.StatusSeeOther)
	id := at[strings.LastIndex(at, "/")+1:]
	v.read(at, http.StatusOK)
	// Other seats, and then the names; a name is missing first.
	if page := v.read(at+"/seats", http.StatusOK); strings.Contains(page, `value="W1"`) {
		t.Error("a place for a wheelchair is offered as a seat")
	}
	if back := v.send(at+"/seats", url.Values{"seat": {"4A", "4B"}}, http.StatusSeeOther); back != at {
		t.Errorf("another booking: %s", back)
	}
	if page := v.send(at, url.Values{"self": {"true"}, "name-1": {" "}}, http.StatusUnprocessableEntity); !strings.Contains(page, `href="#f-name-1"`) {
		t.Error("nobody says which name is missing")
	}
	names := url.Values{"self": {"true"}, "name-1": {"Leo Whitfield"}, "birthdate-1": {"2019-05-04"}, "insurance": {"cancellation"}}
	check := v.read(v.send(at, names, http.StatusSeeOther), http.StatusOK)
	// 60 % of 2500 and a bicycle; half of 2500; insurance 100 + 4 % of 3050.
	if !strings.Contains(check, "£32.72") || !strings.Contains(check, "Leo Whitfield, child, seat 4B") {
		t.Errorf("the check shows something else: %s", check)
	}
	trip := v.send(at+"/pay", url.Values{"version": {v.first(check, versionField)}}, http.StatusSeeOther)
	paying := v.read(trip, http.StatusOK)
	if !strings.Contains(paying, "https://wallet.example/pay/") {
		t.Error("nobody says where to pay")
	}
	c.pays(c.get(apptest.Anna, id).Payments[0].ID)
	booked := v.read(trip, http.StatusOK)
	if strings.Count(booked, `class="qr"`) != 2 || !strings.Contains(booked, "4A") {
		t.Error("the tickets are not there")
	}
	if page := v.read("/cases", http.StatusOK); !strings.Contains(page, trip) {
		t.Error("the booking is not among the cases")
	}
	// To the later one; the bicycle goes along.
	if list := v.read(trip+"/change", http.StatusOK); !strings.Contains(list, url.QueryEscape(later+"/0/4")) || strings.Contains(list, `name="to"`) {
		t.Error("the list of departures lacks the later one, or changes at one touch")
	}
	change := v.read(trip+"/change?to="+url.QueryEscape(later+"/0/4"), http.StatusOK)
	if !strings.Contains(change, "Costs ") {
		t.Error("nobody says what the change costs")
	}
	v.send(trip+"/change", url.Values{"version": {v.first(change, versionField)}, "to": {later + "/0/4"}}, http.StatusSeeOther)
	c.settle()
	if b := c.get(apptest.Anna, id); b.Departure != later || b.Passengers[0].Bicycle == "" {
		t.Errorf("changed to %+v", b)
	}
	cancel := v.read(trip+"/cancel", http.StatusOK)
	if !strings.Contains(cancel, "£27.45") { // 90 % of 3050
		t.Error("nobody says what goes back")
	}
	if !strings.Contains(cancel, "The premium of £") {
		t.Error("nobody says where the rest is")
	}
	v.send(trip+"/cancel", url.Values{"version": {v.first(cancel, versionField)}}, http.StatusSeeOther)
	c.settle()
	if page := v.read(trip, http.StatusOK); !strings.Contains(page, "£27.45") || strings.Contains(page, `class="qr"`) {
		t.Error("it does not look cancelled")
	}
	// What is not hers is not there.
	other := c.visitor(apptest.Boris)
	for _, path := range []string{trip, trip + "/cancel", trip + "/change", at, at + "/check", at + "/seats"} {
		other.read(path, http.StatusNotFound)
	}
}
