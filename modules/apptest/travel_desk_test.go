package apptest_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
)

const (
	deskOf    = "/staff/travel/coast-coaches"
	foreignTo = "/staff/travel/island-ferries"
)

// desk is a colleague of an operator with a browser in which nothing runs.
func (c *coastline) desk(who apptest.Who) visitor { return visitor{c, c.Cookie("northwick", who)} }

func TestWhoDoesNotWorkForAnOperatorFindsNothingAtItsDesk(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore})
	d := c.departure("early", 3)
	b := c.booked(apptest.Anna, d, 1, 3, 1)
	at := deskOf + "/departures/" + d
	for _, path := range []string{deskOf, at, at + "/call-off", deskOf + "/timetable", deskOf + "/vehicles", deskOf + "/vehicles/small-coach", deskOf + "/fares", deskOf + "/fares/coast"} {
		c.desk(apptest.Nora).read(path, http.StatusNotFound)
	}
	c.desk(apptest.Pavel).read(foreignTo+"/departures/"+d, http.StatusNotFound)
	for _, path := range []string{deskOf + "/timetable", at + "/call-off", deskOf + "/fares/coast", deskOf + "/vehicles/new"} {
		c.desk(apptest.Carl).read(path, http.StatusForbidden)
	}
	c.desk(apptest.Pavel).read(at+"/call-off", http.StatusForbidden)
	c.desk(apptest.Dina).read(deskOf+"/fares/coast", http.StatusForbidden)
	c.desk(apptest.Dina).send(deskOf+"/vehicles/small-coach", url.Values{"form": {"code: x"}, "version": {"1"}}, http.StatusForbidden)
	c.desk(apptest.Dina).send(deskOf+"/timetable", url.Values{"kept": {"UEs="}, "do": {"import"}}, http.StatusForbidden)
	c.desk(apptest.Pavel).send(at+"/call-off", url.Values{"reason": {"A storm closes the road."}}, http.StatusForbidden)
	if got := c.get(apptest.Anna, b.ID); got.State != "booked" {
		t.Errorf("after all that: %+v", got)
	}
	if page := c.desk(apptest.Pavel).read(at, http.StatusOK); strings.Contains(page, "Anna Whitfield") {
		t.Error("a planner reads who is booked")
	}
	reads := func() int {
		return c.count(`SELECT count(*) FROM audit.entry WHERE tenant_id = 'northwick' AND action = 'case.read' AND case_id = $1`, b.ID)
	}
	before := reads()
	if page := c.desk(apptest.Dina).read(at, http.StatusOK); !strings.Contains(page, "Anna Whitfield") || strings.Contains(page, at+"/scan") {
		t.Error("a dispatcher does not see who is booked, or is led to the scanner")
	}
	if reads() <= before {
		t.Error("nobody wrote down that she was looked at")
	}
	if page := c.desk(apptest.Carl).read(at, http.StatusOK); !strings.Contains(page, at+"/scan") {
		t.Error("a conductor is not led to the scanner")
	}
}

func TestADispatcherFindsADepartureAndCallsItOff(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore, "late": {{"stop-0", "12:40:00"}, {"stop-1", "13:20:00"}, {"stop-2", "14:05:00"}}})
	d, late := c.departure("early", 3), c.departure("late", 3)
	b := c.booked(apptest.Anna, d, 1, 3, 2)
	dina := c.desk(apptest.Dina)
	day := time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
	list := dina.read(deskOf+"?day="+day, http.StatusOK)
	if !strings.Contains(list, "11 of 13") || !strings.Contains(list, "/departures/"+d) || !strings.Contains(list, "09:40–11:05") {
		t.Errorf("the day: %s", list)
	}
	if page := dina.read(deskOf+"?day=soon", http.StatusUnprocessableEntity); !strings.Contains(page, `value="soon"`) {
		t.Error("what was typed is lost")
	}
	at := deskOf + "/departures/" + d
	if page := dina.read(at+"/call-off", http.StatusOK); !strings.Contains(page, "This concerns 2 people") {
		t.Error("nobody says how many people that concerns")
	}
	if page := dina.send(at+"/call-off", url.Values{"reason": {"ill"}}, http.StatusUnprocessableEntity); !strings.Contains(page, "ill</textarea>") || !strings.Contains(page, `href="#f-reason"`) {
		t.Error("a short reason is lost, or nobody says what is wrong with it")
	}
	result := dina.send(at+"/call-off", url.Values{"reason": {"A storm closes the road."}, "rebook": {"true"}}, http.StatusOK)
	if !strings.Contains(result, b.Number) || !strings.Contains(result, "/departures/"+late) || strings.Contains(result, "Try again") {
		t.Errorf("the result: %s", result)
	}
	c.settle()
	if got := c.get(apptest.Anna, b.ID); got.Departure != late || got.State != "booked" {
		t.Errorf("rebooked: %+v", got)
	}
}

func TestAPlannerBringsATimetableAndDecidesAboutTheConflict(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore})
	d := c.departure("early", 3)
	b := c.booked(apptest.Anna, d, 1, 3, 1)
	pavel, at := c.desk(apptest.Pavel), deskOf+"/timetable"
	kept := func(file []byte, do string, want int) string {
		t.Helper()
		return pavel.send(at, url.Values{"kept": {base64.StdEncoding.EncodeToString(file)}, "do": {do}}, want)
	}
	wrong := kept(archive(t, "early", "25:99:00"), "import", http.StatusUnprocessableEntity)
	if !strings.Contains(wrong, "stop_times.txt") || !strings.Contains(wrong, "is not a time") || !strings.Contains(wrong, "arrival_time") {
		t.Errorf("a wrong line: %s", wrong)
	}
	pavel.send(at, url.Values{"do": {"look"}}, http.StatusUnprocessableEntity)
	next := feedOf(t, map[string][]called{"early": {{"stop-0", "10:30:00"}, {"stop-1", "11:00:00"}, {"stop-2", "11:35:00"}}})
	look := kept(next, "look", http.StatusOK)
	if !strings.Contains(look, "to be decided about: 1") || !strings.Contains(look, `name="kept"`) {
		t.Error("the preview does not say what would change")
	}
	if n := len(c.conflicts(apptest.Pavel)); n != 0 {
		t.Errorf("looking made %d conflicts", n)
	}
	done := kept(next, "import", http.StatusOK)
	conflict := at + "/conflicts/" + c.conflicts(apptest.Pavel)[0].ID
	if !strings.Contains(done, "1 booked departure to") || !strings.Contains(done, conflict+"/moved") || strings.Contains(done, conflict+"/called-off") || !strings.Contains(done, "10:30") {
		t.Errorf("the conflict: %s", done)
	}
	if page := c.desk(apptest.Dina).read(at, http.StatusOK); !strings.Contains(page, conflict+"/called-off") || strings.Contains(page, conflict+"/moved") || strings.Contains(page, `type="file"`) {
		t.Error("a dispatcher sees other choices")
	}
	pavel.send(conflict+"/called-off", url.Values{"reason": {"A storm closes the road."}}, http.StatusForbidden)
	c.desk(apptest.Dina).send(conflict+"/moved", url.Values{}, http.StatusForbidden)
	pavel.send(conflict+"/moved", url.Values{"reason": {"no"}}, http.StatusUnprocessableEntity)
	if page := pavel.read(conflict+"/moved", http.StatusOK); !strings.Contains(page, "This concerns 1 person") {
		t.Error("nobody says how many people that concerns")
	}
	if page := pavel.send(conflict+"/moved", url.Values{"rebook": {"true"}}, http.StatusOK); !strings.Contains(page, b.Number) || !strings.Contains(page, "New times, new tickets") {
		t.Errorf("moved: %s", page)
	}
	c.settle()
	if now := c.movedTrip(apptest.Anna, b.ID); now.Moved == nil || !now.Moved.Free {
		t.Errorf("Anna: %+v", now)
	}
	pavel.read(conflict+"/moved", http.StatusNotFound)
}

func TestAMoveThatFailedIsGoneOnWithFromTheDeparturesPage(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore})
	d := c.departure("early", 3)
	b := c.booked(apptest.Anna, d, 1, 3, 1)
	c.imports(map[string][]called{"early": {{"stop-0", "10:30:00"}, {"stop-1", "11:00:00"}, {"stop-2", "11:35:00"}}})
	c.exec(`UPDATE casework.case SET state = 'travelled' WHERE tenant_id = 'northwick' AND id = $1`, b.ID)
	pavel := c.desk(apptest.Pavel)
	page := pavel.send(deskOf+"/timetable/conflicts/"+c.conflicts(apptest.Pavel)[0].ID+"/moved", url.Values{}, http.StatusOK)
	again := deskOf + "/departures/" + d + "/go-on"
	if !strings.Contains(page, "Try again") || !strings.Contains(page, again) {
		t.Fatalf("the result: %s", page)
	}
	if page := pavel.read(deskOf+"/departures/"+d, http.StatusOK); !strings.Contains(page, "1 booking waits to be moved") || !strings.Contains(page, again) {
		t.Error("the departure does not say that somebody is left")
	}
	c.exec(`UPDATE casework.case SET state = 'booked' WHERE tenant_id = 'northwick' AND id = $1`, b.ID)
	c.desk(apptest.Dina).send(again, url.Values{}, http.StatusForbidden)
	if page := pavel.send(again, url.Values{}, http.StatusOK); !strings.Contains(page, "Moved: 1") {
		t.Errorf("gone on: %s", page)
	}
	c.settle()
	if n := strings.Join(c.notices(b.ID), " "); n != "booked moved" {
		t.Errorf("told %q", n)
	}
}

func TestAPlannerWritesVehiclesAndFaresAndReadsWhatIsWrong(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore})
	pavel := c.desk(apptest.Pavel)
	if page := pavel.read(deskOf+"/vehicles", http.StatusOK); !strings.Contains(page, ">W1</text>") {
		t.Error("the vehicle is not drawn")
	}
	if page := pavel.read(deskOf+"/fares", http.StatusOK); !strings.Contains(page, "£35.00") || !strings.Contains(page, "younger than 14") || !strings.Contains(page, "more than 15 minutes") {
		t.Error("the fares are not readable")
	}
	form := pavel.read(deskOf+"/fares/coast", http.StatusOK)
	version := pavel.first(form, versionField)
	bad := strings.Replace(apptest.CoastFares, "percent: 50, under", "percent: 500, under", 1)
	page := pavel.send(deskOf+"/fares/coast", url.Values{"form": {bad}, "version": {version}, "service": {"coach-ticket"}, "routes": {"X9, X10"}}, http.StatusUnprocessableEntity)
	if !strings.Contains(page, "classes.child.percent: A share") || !strings.Contains(page, "percent: 500") || !strings.Contains(page, `value="X9, X10"`) {
		t.Errorf("a wrong share: %s", page)
	}
	page = pavel.send(deskOf+"/fares/coast", url.Values{"form": {"code: coast\nprices: 3\n"}, "version": {version}, "service": {"coach-ticket"}}, http.StatusUnprocessableEntity)
	if !strings.Contains(page, "Line 2: ") {
		t.Errorf("an unknown word: %s", page)
	}
	better := strings.Replace(apptest.CoastFares, "change_hours: 1", "change_hours: 1, moved_tolerance: 40", 1)
	pavel.send(deskOf+"/fares/coast", url.Values{"form": {better}, "version": {version}, "service": {"coach-ticket"}, "routes": {"X9"}}, http.StatusSeeOther)
	if page := pavel.read(deskOf+"/fares", http.StatusOK); !strings.Contains(page, "more than 40 minutes") {
		t.Error("the tolerance is not shown")
	}
	page = pavel.send(deskOf+"/fares/coast", url.Values{"form": {better}, "version": {version}, "service": {"coach-ticket"}}, http.StatusConflict)
	if !strings.Contains(page, "moved_tolerance") {
		t.Error("what was typed is lost when somebody else was faster")
	}
	other := strings.Replace(apptest.SmallCoach, "code: small-coach", "code: other-coach", 1)
	pavel.send(deskOf+"/vehicles/small-coach", url.Values{"form": {other}, "version": {"1"}}, http.StatusUnprocessableEntity)
	pavel.send(deskOf+"/vehicles/new", url.Values{"form": {other}, "version": {"0"}}, http.StatusSeeOther)
	// A place that somebody has cannot be left out.
	d := c.departure("early", 3)
	c.booked(apptest.Anna, d, 1, 3, 1)
	less := strings.Replace(apptest.SmallCoach, "W1 . | 1C 1D", "W1 . | . 1D", 1)
	page = pavel.send(deskOf+"/vehicles/small-coach", url.Values{"form": {less}, "version": {"1"}}, http.StatusConflict)
	if !strings.Contains(page, "Somebody has booked a place") {
		t.Errorf("a booked place: %s", page)
	}
}
