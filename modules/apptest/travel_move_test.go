package apptest_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// called is a call of a timetable's trip: a stop, and when the vehicle is there.
type called struct{ stop, at string }

// feedOf is a timetable of coast-coaches: trips that run every day for 30 days.
func feedOf(t *testing.T, trips map[string][]called) []byte {
	t.Helper()
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format("20060102") }
	var rows, times strings.Builder
	for name, calls := range trips {
		fmt.Fprintf(&rows, "x9,all,%s,Airport\n", name)
		for i, c := range calls {
			fmt.Fprintf(&times, "%s,%s,%s,%s,%d\n", name, c.at, c.at, c.stop, i)
		}
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"agency.txt":     "agency_id,agency_name,agency_url,agency_timezone\nc,Coast Coaches,https://coast.example,Europe/London\n",
		"stops.txt":      "stop_id,stop_name,stop_lat,stop_lon\nstop-0,Harbour,51.1,1.3\nstop-1,Mill Lane,51.2,1.2\nstop-2,Airport,51.4,1.1\nstop-3,Quay,51.5,1.0\n",
		"routes.txt":     "route_id,agency_id,route_short_name,route_long_name,route_type\nx9,c,X9,Coast Express,3\n",
		"calendar.txt":   "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nall,1,1,1,1,1,1,1," + day(-1) + "," + day(30) + "\n",
		"trips.txt":      "route_id,service_id,trip_id,trip_headsign\n" + rows.String(),
		"stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + times.String(),
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// departure finds the departure of a trip in so many days, and lets it be driven by the small coach.
func (c *coastline) departure(trip string, days int) (id string) {
	c.t.Helper()
	day := time.Now().AddDate(0, 0, days).Format(time.DateOnly)
	c.exec(`UPDATE travel.departure SET layout = 'small-coach' WHERE tenant_id = 'northwick' AND trip_key = $1 AND service_date = $2`, trip, day)
	c.one(&id, `SELECT id FROM travel.departure WHERE tenant_id = 'northwick' AND trip_key = $1 AND service_date = $2`, trip, day)
	return id
}

// one reads one value.
func (c *coastline) one(into any, sql string, args ...any) {
	c.t.Helper()
	if err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error { return tx.GetContext(c.t.Context(), into, sql, args...) }); err != nil {
		c.t.Fatal(err)
	}
}

func (c *coastline) imports(trips map[string][]called) {
	c.t.Helper()
	if a := c.bring(apptest.Pavel, "", feedOf(c.t, trips)); a.Status != http.StatusOK {
		c.t.Fatalf("import: %d %s", a.Status, a.Body)
	}
}

type conflict struct{ ID, Departure, Kind string }

func (c *coastline) conflicts(who apptest.Who) []conflict {
	c.t.Helper()
	var open struct{ Conflicts []conflict }
	c.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/travel/v1/operators/coast-coaches/conflicts"}).JSON(c.t, &open)
	return open.Conflicts
}

type settledMove struct {
	Departure, State string
	Bookings         []struct{ ID, Number, How, Departure string }
}

func (m settledMove) how(id string) string {
	for _, b := range m.Bookings {
		if b.ID == id {
			return b.How
		}
	}
	return ""
}

// settleAs decides about a conflict; the same key is the same request.
func (c *coastline) settleAs(who apptest.Who, id, key string, body map[string]any, want int) (m settledMove) {
	c.t.Helper()
	a := c.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1/operators/coast-coaches/conflicts/" + id + "/settle", Key: key, Body: body})
	if a.Status != want {
		c.t.Fatalf("settle: %d %s", a.Status, a.Body)
	}
	if want == http.StatusOK {
		a.JSON(c.t, &m)
	}
	return m
}

// movedTrip is a booking with what it was before.
type movedTrip struct {
	trip
	DepartsAt time.Time `json:"departs_at"`
	Moved     *struct {
		DepartsAt time.Time `json:"departs_at"`
		Free      bool
	}
}

func (c *coastline) movedTrip(who apptest.Who, id string) (b movedTrip) {
	c.t.Helper()
	c.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/travel/v1/bookings/" + id}).JSON(c.t, &b)
	return b
}

var asBefore = []called{{"stop-0", "09:40:00"}, {"stop-1", "10:20:00"}, {"stop-2", "11:05:00"}}

func TestAMovedDepartureTakesEverybodyAlongOrPaysThemBack(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	elsewhere := []called{{"stop-0", "15:00:00"}, {"stop-1", "15:30:00"}, {"stop-2", "16:00:00"}}
	c.imports(map[string][]called{"early": asBefore, "late": elsewhere})
	d, late := c.departure("early", 3), c.departure("late", 3)
	// Anna is insured and rides all the way, Boris to Mill Lane, which the next timetable does not serve; Low is paying, and
	// somebody on the late one waits to change to the early one.
	a := c.insured(apptest.Anna, d, 1, 3)
	b := c.booked(apptest.Boris, d, 1, 2, 2)
	unpaid := c.hold(apptest.Low, d, 1, 3, 1)
	paying := c.toPay(apptest.Low, unpaid)
	draft := c.hold(apptest.Anna, d, 1, 3, 1)
	w := c.booked(apptest.Boris, late, 1, 2, 1)
	var change goingToPay
	c.post(apptest.Boris, "/bookings/"+w.ID+"/change", map[string]any{"version": w.Version, "departure": d, "from": 0, "to": 2}, http.StatusOK, &change)
	waits := c.booked(apptest.Low, d, 1, 2, 1) // with a change of his own that waits
	var away goingToPay
	c.post(apptest.Low, "/bookings/"+waits.ID+"/change", map[string]any{"version": waits.Version, "departure": late, "from": 0, "to": 2}, http.StatusOK, &away)
	before := c.get(apptest.Anna, a.ID)

	c.imports(map[string][]called{"early": {{"stop-3", "09:30:00"}, {"stop-0", "10:30:00"}, {"stop-2", "11:35:00"}}, "late": elsewhere})
	open := c.conflicts(apptest.Dina) // a dispatcher sees them, too
	if len(open) != 1 || open[0].Kind != "changed" || open[0].Departure != d {
		t.Fatalf("conflicts: %+v", open)
	}
	key := apptest.Key()
	move := map[string]any{"how": "moved", "rebook": false}
	c.settleAs(apptest.Dina, open[0].ID, apptest.Key(), move, http.StatusForbidden)
	said := c.settleAs(apptest.Pavel, open[0].ID, key, move, http.StatusOK)
	for id, want := range map[string]string{a.ID: "moved", b.ID: "refunded", unpaid.ID: "refunded", draft.ID: "", waits.ID: "refunded"} {
		if got := said.how(id); got != want {
			t.Errorf("%s became %q, want %q", id, got, want)
		}
	}
	// While nobody looked, the payments come.
	c.Pay.Happens(t, "northwick", kernel.PaymentID(paying.Payment.ID), kernel.ChangeAuthorized)
	c.Pay.Happens(t, "northwick", kernel.PaymentID(change.Payment.ID), kernel.ChangeAuthorized)
	c.settle()
	again := c.settleAs(apptest.Pavel, open[0].ID, key, move, http.StatusOK)
	if !reflect.DeepEqual(again.Bookings, said.Bookings) {
		t.Errorf("the same key again: %+v", again)
	}
	if left := c.settleAs(apptest.Pavel, open[0].ID, apptest.Key(), move, http.StatusOK); len(left.Bookings) != 0 {
		t.Errorf("nothing is left for another key: %+v", left)
	}
	c.settle()

	now := c.movedTrip(apptest.Anna, a.ID)
	if now.State != "booked" || now.DepartsAt.Sub(now.Moved.DepartsAt) != 50*time.Minute || !now.Moved.Free || now.Back != now.Fare+now.Insurance {
		t.Errorf("Anna: %+v %+v", now, now.Moved)
	}
	if p, q := before.Passengers[0], now.Passengers[0]; p.Place != q.Place || p.Ticket == q.Ticket || q.Ticket == "" {
		t.Errorf("her place and ticket: %+v, then %+v", p, q)
	}
	if got := c.papers(a.ID); got != "coach-ticket valid, travel-insurance-policy valid" {
		t.Errorf("documents: %s", got)
	}
	for id, want := range map[string]string{a.ID: "booked moved", b.ID: "booked moved-off", unpaid.ID: "moved-unpaid", draft.ID: "", w.ID: "booked change-gone", waits.ID: "booked moved-off"} {
		if n := strings.Join(c.notices(id), " "); n != want {
			t.Errorf("%s was told %q, want %q", id, n, want)
		}
	}
	if off := c.get(apptest.Boris, b.ID); off.State != "called-off" || off.Payments[0].Refunded != off.Fare {
		t.Errorf("Boris: %+v", off)
	}
	if u := c.get(apptest.Low, unpaid.ID); u.State != "lapsed" || u.Payments[0].State != "voided" {
		t.Errorf("who was paying: %+v", u)
	}
	var notice string
	c.one(&notice, `SELECT payload->'body'->>'en' FROM kernel.effect WHERE tenant_id = 'northwick' AND case_id = $1 AND payload->>'notice' = 'moved' AND name = 'case.notice/notify'`, a.ID)
	if !strings.Contains(notice, "10:30") || !strings.Contains(notice, "09:40") {
		t.Errorf("the notice does not say both times: %s", notice)
	}
	page := c.visitor(apptest.Anna).read("/apps/coach-ticket/bookings/"+a.ID, http.StatusOK)
	if !strings.Contains(page, "10:30") || !strings.Contains(page, "Before, it was") || !strings.Contains(page, "the insurance too") {
		t.Error("her page does not say that it was moved")
	}
	// On sale again, and whoever has the new ticket rides.
	other := c.hold(apptest.Boris, d, 1, 2, 1) // from the Quay to the harbour
	if other.State != "draft" {
		t.Errorf("sold again: %+v", other)
	}
	c.post(apptest.Carl, "/operators/coast-coaches/departures/"+d+"/scans", map[string]any{"code": before.Passengers[0].Ticket}, http.StatusConflict, nil)
	// Everything goes back, the premium too.
	c.post(apptest.Anna, "/bookings/"+a.ID+"/cancel", map[string]any{"version": now.Version}, http.StatusOK, nil)
	c.settle()
	if ended := c.get(apptest.Anna, a.ID); ended.State != "cancelled" || ended.GivenBack != ended.Fare+ended.Insurance {
		t.Errorf("cancelled: %+v", ended)
	}
}

func TestAMoveWithinTheToleranceGivesNobodyMoreBack(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore})
	d := c.departure("early", 3)
	b := c.insured(apptest.Anna, d, 1, 3)
	c.imports(map[string][]called{"early": {{"stop-0", "09:55:00"}, {"stop-1", "10:25:00"}, {"stop-2", "11:20:00"}}})
	c.settleAs(apptest.Pavel, c.conflicts(apptest.Pavel)[0].ID, apptest.Key(), map[string]any{"how": "moved"}, http.StatusOK)
	c.settle()
	now := c.movedTrip(apptest.Anna, b.ID)
	if now.Moved == nil || now.Moved.Free || now.Back != now.Fare*9/10 {
		t.Errorf("moved by 15 minutes: %+v %+v", now, now.Moved)
	}
	// Once more by 15 minutes: together they are more than is tolerated.
	c.imports(map[string][]called{"early": {{"stop-0", "10:10:00"}, {"stop-1", "10:45:00"}, {"stop-2", "11:35:00"}}})
	c.settleAs(apptest.Pavel, c.conflicts(apptest.Pavel)[0].ID, apptest.Key(), map[string]any{"how": "moved"}, http.StatusOK)
	c.settle()
	if now = c.movedTrip(apptest.Anna, b.ID); !now.Moved.Free || now.Back != now.Fare+now.Insurance {
		t.Errorf("moved twice: %+v %+v", now, now.Moved)
	}
}

// Two who share a seat one after the other cannot any more when the stops change their order.
func TestAMoveNeverSeatsTwoOnOnePlace(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"long": {{"stop-0", "09:00:00"}, {"stop-1", "10:00:00"}, {"stop-2", "11:00:00"}, {"stop-3", "12:00:00"}}, "next": {{"stop-0", "13:00:00"}, {"stop-1", "13:20:00"}, {"stop-2", "13:40:00"}, {"stop-3", "14:00:00"}}})
	d, next := c.departure("long", 3), c.departure("next", 3)
	first := c.booked(apptest.Anna, d, 1, 2, 7)   // to stop-1
	second := c.booked(apptest.Boris, d, 3, 4, 7) // from stop-2, on the same seats
	c.imports(map[string][]called{"long": {{"stop-0", "09:00:00"}, {"stop-2", "10:00:00"}, {"stop-1", "11:00:00"}, {"stop-3", "12:00:00"}}, "next": {{"stop-0", "13:00:00"}, {"stop-1", "13:20:00"}, {"stop-2", "13:40:00"}, {"stop-3", "14:00:00"}}})
	said := c.settleAs(apptest.Pavel, c.conflicts(apptest.Pavel)[0].ID, apptest.Key(), map[string]any{"how": "moved", "rebook": true}, http.StatusOK)
	if said.how(first.ID) != "moved" || said.how(second.ID) != "rebooked" {
		t.Fatalf("%+v", said)
	}
	c.settle()
	if b := c.get(apptest.Boris, second.ID); b.Departure != next || b.State != "booked" {
		t.Errorf("Boris: %+v", b)
	}
	if m := c.movedTrip(apptest.Boris, second.ID); m.Moved == nil || !m.Moved.Free {
		t.Errorf("he was moved by hours: %+v", m.Moved)
	}
}

// What fails for one booking leaves the others alone, keeps the departure out of sale, and is gone on with by the same key.
func TestAMoveThatFailsForOneBookingGoesOnByTheSameKey(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	c.imports(map[string][]called{"early": asBefore})
	d := c.departure("early", 3)
	a, b := c.booked(apptest.Anna, d, 1, 3, 1), c.booked(apptest.Boris, d, 2, 3, 1)
	later := map[string][]called{"early": {{"stop-0", "10:30:00"}, {"stop-1", "11:00:00"}, {"stop-2", "11:35:00"}}}
	c.imports(later)
	// Boris's case does not take the step: a fault in the middle of the move.
	c.exec(`UPDATE casework.case SET state = 'travelled' WHERE tenant_id = 'northwick' AND id = $1`, b.ID)
	conflict, key := c.conflicts(apptest.Pavel)[0].ID, apptest.Key()
	said := c.settleAs(apptest.Pavel, conflict, key, map[string]any{"how": "moved"}, http.StatusOK)
	if said.how(a.ID) != "moved" || said.how(b.ID) != "failed" {
		t.Fatalf("%+v", said)
	}
	var none trip
	c.post(apptest.Low, "/bookings", ride(d, 1, 3, 1), http.StatusConflict, &none)
	// A timetable that comes meanwhile does not put it on sale either.
	later["more"] = []called{{"stop-0", "20:00:00"}, {"stop-2", "21:00:00"}}
	c.imports(later)
	c.post(apptest.Low, "/bookings", ride(d, 1, 3, 1), http.StatusConflict, &none)
	c.exec(`UPDATE casework.case SET state = 'booked' WHERE tenant_id = 'northwick' AND id = $1`, b.ID)
	if said = c.settleAs(apptest.Pavel, conflict, key, map[string]any{"how": "moved"}, http.StatusOK); len(said.Bookings) != 2 || said.how(a.ID) != "moved" || said.how(b.ID) != "moved" {
		t.Errorf("once more: %+v", said)
	}
	c.settle()
	for _, id := range []string{a.ID, b.ID} {
		if n := strings.Join(c.notices(id), " "); n != "booked moved" {
			t.Errorf("told %q", n)
		}
	}
	c.hold(apptest.Low, d, 1, 3, 1)
}
