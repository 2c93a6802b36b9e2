package apptest_test

import (
	"net/http"
	"strings"
	"testing"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// insuredTrip is a booking with what the API says of its policy.
type insuredTrip struct {
	trip
	Policy *struct {
		Number, Insurer, State string
		BeginsOn               string `json:"begins_on"`
		EndsOn                 string `json:"ends_on"`
		VoidedOn               string `json:"voided_on"`
	}
}

func (c *coastline) insured(who apptest.Who, departure string, from, to int) insuredTrip {
	c.t.Helper()
	var b trip
	c.post(who, "/bookings", ride(departure, from, to, 1), http.StatusCreated, &b)
	c.post(who, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": []map[string]any{{"self": true}}, "insurance": []string{"cancellation"}}, http.StatusOK, &b)
	c.pays(c.toPay(who, b).Payment.ID)
	return c.withPolicy(who, b.ID)
}

func (c *coastline) withPolicy(who apptest.Who, id string) (b insuredTrip) {
	c.t.Helper()
	a := c.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/travel/v1/bookings/" + id})
	if a.Status != http.StatusOK {
		c.t.Fatalf("booking: %d %s", a.Status, a.Body)
	}
	a.JSON(c.t, &b)
	return b
}

// papers lists the documents of a booking that are not superseded, as type and state.
func (c *coastline) papers(id string) string {
	c.t.Helper()
	var all []string
	err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.SelectContext(c.t.Context(), &all, `SELECT type || ' ' || state FROM documents.document WHERE tenant_id = 'northwick' AND case_id = $1 AND state <> 'superseded' ORDER BY type`, id)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Join(all, ", ")
}

func TestAnInsuredBookingHasAPolicyBesideItsTicket(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, other := c.Coach(soon(72), 5), c.Coach(soon(96), 5)
	b := c.insured(apptest.Anna, d, 1, 5)
	p := b.Policy
	if b.State != "booked" || p == nil || p.State != "force" || p.Insurer != "travel-insurance" || p.VoidedOn != "" {
		t.Fatalf("booked: %+v %+v", b.trip, p)
	}
	if read, ok := kernel.ParseNumber(strings.ToLower(p.Number)); !ok || read != p.Number || !strings.HasPrefix(p.Number, "TI-") {
		t.Errorf("nobody can type %q", p.Number)
	}
	if got := c.papers(b.ID); got != "coach-ticket valid, travel-insurance-policy valid" {
		t.Errorf("documents: %s", got)
	}
	// The premium is the insurer's money, the fare the operator's.
	if n := c.count(`SELECT count(*) FROM fakepay.payment p, jsonb_array_elements(p.body->'Lines') l WHERE p.tenant_id = 'northwick' AND p.case_id = $1
		AND (l->>'Name' = 'insurance' AND l->>'Payee' = 'travel-insurance' OR l->>'Name' = 'fare' AND l->>'Payee' = 'coast-coaches')`, b.ID); n != 2 {
		t.Errorf("%d lines go where they should", n)
	}
	page := c.visitor(apptest.Anna).read("/apps/coach-ticket/bookings/"+b.ID, http.StatusOK)
	if !strings.Contains(page, p.Number) {
		t.Error("the ticket's page does not name the policy")
	}
	// Another departure: the same policy, on a new document that says the new day.
	c.post(apptest.Anna, "/bookings/"+b.ID+"/change", map[string]any{"version": b.Version, "departure": other, "from": 0, "to": 4}, http.StatusOK, nil)
	c.settle()
	moved := c.withPolicy(apptest.Anna, b.ID)
	if moved.Departure != other || moved.Policy.Number != p.Number || moved.Policy.State != "force" || moved.Policy.EndsOn <= p.EndsOn {
		t.Errorf("changed: %+v", moved.Policy)
	}
	if got := c.papers(b.ID); got != "coach-ticket valid, travel-insurance-policy valid" {
		t.Errorf("documents after the change: %s", got)
	}
	// Cancelled: both end, and the premium stays with the insurer.
	c.post(apptest.Anna, "/bookings/"+b.ID+"/cancel", map[string]any{"version": moved.Version}, http.StatusOK, nil)
	c.settle()
	ended := c.withPolicy(apptest.Anna, b.ID)
	if ended.State != "cancelled" || ended.Policy.State != "void" || ended.Policy.VoidedOn == "" || ended.GivenBack >= ended.Fare {
		t.Errorf("cancelled: %+v %+v", ended.trip, ended.Policy)
	}
	if got := c.papers(b.ID); got != "coach-ticket revoked, travel-insurance-policy revoked" {
		t.Errorf("documents of a cancelled booking: %s", got)
	}
	page = c.visitor(apptest.Anna).read("/apps/coach-ticket/bookings/"+b.ID, http.StatusOK)
	if !strings.Contains(page, p.Number+" (not valid any more)") {
		t.Error("the page does not say that the policy is void")
	}
}

func TestAPolicyFollowsADearerChangeAndADispatcher(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, dearer, next := c.Coach(soon(72), 5), c.Coach(soon(80), 5), c.Coach(soon(90), 5)
	b := c.insured(apptest.Boris, d, 1, 3)
	var p goingToPay
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", map[string]any{"version": b.Version, "departure": dearer, "from": 0, "to": 4}, http.StatusOK, &p)
	c.pays(p.Payment.ID)
	callOff := func(departure string, rebook bool) {
		t.Helper()
		c.post(apptest.Dina, "/operators/coast-coaches/departures/"+departure+"/call-off", map[string]any{"reason": "A storm closes the road.", "rebook": rebook}, http.StatusOK, nil)
		c.settle()
	}
	callOff(dearer, true)
	moved := c.withPolicy(apptest.Boris, b.ID)
	if moved.Departure != next || moved.Policy == nil || moved.Policy.Number != b.Policy.Number || moved.Policy.State != "force" {
		t.Fatalf("moved: %+v %+v", moved.trip, moved.Policy)
	}
	if got := c.papers(b.ID); got != "coach-ticket valid, travel-insurance-policy valid" {
		t.Errorf("documents: %s", got)
	}
	// Called off for good: everything goes back, the premium too, and the policy is void.
	callOff(next, false)
	ended := c.withPolicy(apptest.Boris, b.ID)
	if ended.State != "called-off" || ended.Policy.State != "void" || ended.GivenBack != ended.Fare+ended.Insurance {
		t.Errorf("called off: %+v %+v", ended.trip, ended.Policy)
	}
	if got := c.papers(b.ID); got != "coach-ticket revoked, travel-insurance-policy revoked" {
		t.Errorf("documents: %s", got)
	}
}

func TestWhoIsNotInsuredHasNoPolicy(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	b := c.booked(apptest.Anna, c.Coach(soon(72), 3), 1, 3, 1)
	if got := c.withPolicy(apptest.Anna, b.ID); got.Policy != nil {
		t.Errorf("a policy: %+v", got.Policy)
	}
	if got := c.papers(b.ID); got != "coach-ticket valid" {
		t.Errorf("documents: %s", got)
	}
	if n := c.count(`SELECT count(*) FROM travel.policy WHERE tenant_id = 'northwick'`); n != 0 {
		t.Errorf("%d policies", n)
	}
}
