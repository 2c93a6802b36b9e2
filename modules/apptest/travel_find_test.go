package apptest_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// archive is a timetable of coast-coaches with one trip a day for 30 days, from the harbour to the airport.
func archive(t *testing.T, trip, leaves string) []byte {
	t.Helper()
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format("20060102") }
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"agency.txt":     "agency_id,agency_name,agency_url,agency_timezone\nc,Coast Coaches,https://coast.example,Europe/London\n",
		"stops.txt":      "stop_id,stop_name,stop_lat,stop_lon\nstop-0,Harbour,51.1,1.3\nstop-1,Airport,51.4,1.1\n",
		"routes.txt":     "route_id,agency_id,route_short_name,route_long_name,route_type\nx9,c,X9,Coast Express,3\n",
		"calendar.txt":   "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nall,1,1,1,1,1,1,1," + day(-1) + "," + day(30) + "\n",
		"trips.txt":      "route_id,service_id,trip_id,trip_headsign\nx9,all," + trip + ",Airport\n",
		"stop_times.txt": fmt.Sprintf("trip_id,arrival_time,departure_time,stop_id,stop_sequence\n%s,%s,%s,stop-0,1\n%s,23:50:00,23:50:00,stop-1,2\n", trip, leaves, leaves, trip),
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
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

func (c *coastline) bring(who apptest.Who, query string, file []byte) apptest.Answer {
	c.t.Helper()
	req, err := c.Request(c.t.Context(), apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1/operators/coast-coaches/timetable" + query, Key: kernel.NewID(), Headers: map[string]string{"Content-Type": "application/zip"}})
	if err != nil {
		c.t.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(file)), int64(len(file))
	a, err := c.Send(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return a
}

func TestATimetableIsBroughtSearchedAndItsConflictsSettled(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	first := archive(t, "early", "09:40:00")
	if a := c.bring(apptest.Dina, "", first); a.Status != http.StatusForbidden {
		t.Errorf("a dispatcher brings it: %d %s", a.Status, a.Body)
	}
	if a := c.bring(apptest.Pavel, "", archive(t, "early", "25:99:00")); a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), "stop_times.txt:2") {
		t.Errorf("a wrong line: %d %s", a.Status, a.Body)
	}
	var done struct {
		Made, Conflicts int
		Same            bool
	}
	for _, step := range []struct {
		query string
		same  bool
	}{{"?preview=true", false}, {"", false}, {"", true}} {
		a := c.bring(apptest.Pavel, step.query, first)
		if a.Status != http.StatusOK {
			t.Fatalf("%q: %d %s", step.query, a.Status, a.Body)
		}
		a.JSON(t, &done)
		if done.Same != step.same {
			t.Errorf("%q: %+v", step.query, done)
		}
	}
	day := time.Now().AddDate(0, 0, 3).Format(time.DateOnly)
	var found struct {
		Journeys []struct {
			Legs []struct {
				Departure, Operator, Line string
				From, To                  struct {
					Number int
					Zone   string
				}
			}
		}
	}
	c.Do(apptest.Call{Method: http.MethodGet, Path: "/travel/v1/journeys?from=harbuor&to=Airport&day=" + day}).JSON(t, &found)
	if len(found.Journeys) != 1 || found.Journeys[0].Legs[0].From.Zone != "Europe/London" || found.Journeys[0].Legs[0].Operator != "coast-coaches" {
		t.Fatalf("journeys: %+v", found)
	}
	if a := c.Do(apptest.Call{Method: http.MethodGet, Path: "/travel/v1/places?q=airp"}); !strings.Contains(string(a.Body), "Airport") {
		t.Errorf("places: %s", a.Body)
	}
	leg := found.Journeys[0].Legs[0]
	c.exec(`UPDATE travel.departure SET layout = 'small-coach' WHERE tenant_id = 'northwick' AND id = $1`, leg.Departure)
	b := c.booked(apptest.Anna, leg.Departure, leg.From.Number+1, leg.To.Number+1, 1)
	// The next timetable does not have the departure any more.
	c.bring(apptest.Pavel, "", archive(t, "late", "12:00:00")).JSON(t, &done)
	if done.Conflicts != 1 {
		t.Fatalf("brought: %+v", done)
	}
	var open struct {
		Conflicts []struct{ ID, Departure, Kind string }
	}
	c.Do(apptest.Call{Who: &apptest.Pavel, Method: http.MethodGet, Path: "/travel/v1/operators/coast-coaches/conflicts"}).JSON(t, &open)
	if len(open.Conflicts) != 1 || open.Conflicts[0].Departure != leg.Departure || open.Conflicts[0].Kind != "gone" {
		t.Fatalf("conflicts: %+v", open)
	}
	path := "/operators/coast-coaches/conflicts/" + open.Conflicts[0].ID + "/settle"
	off := map[string]any{"how": "called-off", "reason": "The line is not served any more."}
	c.post(apptest.Pavel, path, off, http.StatusForbidden, nil) // a planner alone does not call off
	both := apptest.Pavel
	both.Groups = append([]string{"coast-coaches-dispatchers"}, both.Groups...)
	both.Subject = "paula"
	c.Know("northwick", both)
	c.post(both, path, off, http.StatusOK, nil)
	c.settle()
	if b = c.get(apptest.Anna, b.ID); b.State != "called-off" || b.Payments[0].Refunded != b.Fare {
		t.Errorf("paid back: %+v", b)
	}
	c.post(both, path, off, http.StatusNotFound, nil) // it is settled
}
