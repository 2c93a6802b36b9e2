package apptest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/traveltest"
)

// What costs nothing is booked at once, without a payment, and given back like any other; its insurance costs something and is paid.
func TestAFreeRideIsBookedAtOnce(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	fares := strings.Replace(apptest.CoastFares, "by_zones: [0, 1000, 1500,", "by_zones: [0, 0, 1500,", 1)
	c.post(apptest.Pavel, "/operators/coast-coaches/fares", map[string]any{"form": fares, "version": 1, "service": "coach-ticket"}, http.StatusOK, nil)
	d := c.Coach(soon(72), 5)
	b := c.hold(apptest.Anna, d, 1, 2, 2)
	if b.Fare != 0 || b.Insurance != 0 {
		t.Fatalf("it costs something: %+v", b)
	}
	p := c.toPay(apptest.Anna, b)
	if p.Payment != nil || p.Booking.State != "booked" {
		t.Fatalf("paid for: %+v", p)
	}
	c.settle()
	if b = c.get(apptest.Anna, b.ID); b.State != "booked" || len(b.Payments) != 0 || b.Passengers[0].Ticket == "" || b.Passengers[1].Ticket == "" {
		t.Errorf("booked: %+v", b)
	}
	if got := c.papers(b.ID); got != "coach-ticket valid" {
		t.Errorf("documents: %s", got)
	}
	if got := strings.Join(c.notices(b.ID), " "); got != "booked" {
		t.Errorf("told: %s", got)
	}
	// On to where it costs something, and that is paid.
	c.post(apptest.Anna, "/bookings/"+b.ID+"/change", map[string]any{"version": b.Version, "departure": c.Coach(soon(80), 5), "from": 0, "to": 2}, http.StatusOK, &p)
	if p.Payment == nil || p.Payment.Amount != 900+1500 { // a resident and an adult
		t.Fatalf("dearer: %+v", p.Payment)
	}
	c.pays(p.Payment.ID)
	if b = c.get(apptest.Anna, b.ID); b.Fare != 2400 {
		t.Errorf("changed: %+v", b)
	}
	c.post(apptest.Anna, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, nil)
	c.settle()
	if b = c.get(apptest.Anna, b.ID); b.State != "cancelled" || b.GivenBack != 2160 {
		t.Errorf("cancelled: %+v", b)
	}
	insured := c.insured(apptest.Boris, d, 1, 2, "accident")
	if insured.State != "booked" || insured.Fare != 0 || insured.Insurance != 120 || insured.Policy == nil {
		t.Errorf("a free ride, insured: %+v", insured)
	}
	if got := c.papers(insured.ID); got != "coach-ticket valid, travel-insurance-policy valid" {
		t.Errorf("documents: %s", got)
	}
}

// A ferry is sold like a coach, by its own service and operator.
func TestAFerryTicketFromTheHeldPlaceToTheShore(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	planner := apptest.Who{Subject: "fred", Name: "Fred Holm", ACR: "high", Groups: []string{"island-ferries-planners"}, Client: "northwick.staff"}
	c.Know("northwick", planner)
	for path, body := range map[string]map[string]any{
		"layouts": {"form": strings.Replace(apptest.SmallCoach, "small-coach", "small-ferry", 1), "version": 0},
		"fares":   {"form": strings.Replace(apptest.CoastFares, "code: coast", "code: islands", 1), "version": 0, "service": "ferry-ticket"},
	} {
		c.post(planner, "/operators/island-ferries/"+path, body, http.StatusOK, nil)
	}
	var d string
	err := c.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) (err error) {
		d, err = traveltest.Make(t.Context(), tx, traveltest.Departure{Operator: "island-ferries", Route: "F1", Headsign: "Skerry", Layout: "small-ferry",
			Begins: soon(72), Calls: 4, Apart: time.Hour, Dwell: 5 * time.Minute})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b := c.insured(apptest.Anna, d, 1, 4, "cancellation", "accident")
	if b.State != "booked" || !strings.HasPrefix(b.Number, "FT-") || b.Fare != 1200 || b.Insurance != 150+120 {
		t.Fatalf("booked: %+v", b)
	}
	if got := c.papers(b.ID); got != "ferry-ticket valid, travel-insurance-policy valid" {
		t.Errorf("documents: %s", got)
	}
	v := c.visitor(apptest.Anna)
	if page := v.read("/apps/ferry-ticket/bookings/"+b.ID, http.StatusOK); !strings.Contains(page, b.Policy.Number) {
		t.Error("the page does not show it")
	}
	v.read("/apps/coach-ticket/bookings/"+b.ID, http.StatusNotFound)
	// On board: only the ferry's own people.
	scan := func(who apptest.Who, operator string, want int) {
		t.Helper()
		c.post(who, "/operators/"+operator+"/departures/"+d+"/scans", map[string]any{"code": b.Passengers[0].Ticket}, want, nil)
	}
	scan(apptest.Carl, "coast-coaches", http.StatusNotFound)
	scan(apptest.Nora, "island-ferries", http.StatusOK)
	if got := c.count(`SELECT count(*) FROM travel.ticket WHERE tenant_id = 'northwick' AND case_id = $1 AND state = 'used'`, b.ID); got != 1 {
		t.Errorf("%d tickets are used", got)
	}
	c.agree()
}
