package apptest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// coastline is a town with coaches, and people who ride them.
type coastline struct {
	*apptest.App
	t *testing.T
}

func newCoastline(t *testing.T, options ...apptest.Option) *coastline {
	c := &coastline{App: apptest.Start(t, append(options, apptest.WithTravel(t))...), t: t}
	c.Know("northwick", apptest.Anna, apptest.Boris, apptest.Low, apptest.Oliver)
	c.Coaches()
	return c
}

// trip is a booking as the API shows it.
type trip struct {
	ID, Number, State, Departure, Code string
	Version                            int
	Fare, Insurance, Back              int64
	GivenBack                          int64 `json:"given_back"`
	Insured                            []string
	HoldUntil                          *time.Time `json:"hold_until"`
	Passengers                         []struct {
		Name, Class, Place, Bicycle, Ticket string
		Fare                                int64
		Proof                               bool
	}
	Payments     []paying
	Alternatives []alternative
}

type paying struct {
	ID, State, PayURL string
	Amount, Refunded  int64
}

type goingToPay struct {
	Booking trip
	Payment *paying
}

// post sends one request and reads the answer into out; it fails when the status is another one.
func (c *coastline) post(who apptest.Who, path string, body any, status int, out any) {
	c.t.Helper()
	a := c.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1" + path, Key: apptest.Key(), Body: body})
	if a.Status != status {
		c.t.Fatalf("%s: %d %s, want %d", path, a.Status, a.Body, status)
	}
	if out != nil {
		a.JSON(c.t, out)
	}
}

func (c *coastline) get(who apptest.Who, id string) (b trip) {
	c.t.Helper()
	a := c.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/travel/v1/bookings/" + id})
	if a.Status != http.StatusOK {
		c.t.Fatalf("booking: %d %s", a.Status, a.Body)
	}
	a.JSON(c.t, &b)
	return b
}

// ride asks for places from one stop to another, which are counted from 1 here.
func ride(departure string, from, to, people int) map[string]any {
	places := make([]map[string]any, people)
	for i := range places {
		places[i] = map[string]any{}
	}
	return map[string]any{"departure": departure, "from": from - 1, "to": to - 1, "places": places}
}

// hold holds places and says who rides: the citizen and, beside them, adults without a date of birth.
func (c *coastline) hold(who apptest.Who, departure string, from, to, people int) (b trip) {
	c.t.Helper()
	c.post(who, "/bookings", ride(departure, from, to, people), http.StatusCreated, &b)
	names := []map[string]any{{"self": true}}
	for i := 1; i < people; i++ {
		names = append(names, map[string]any{"name": fmt.Sprintf("Friend %d", i)})
	}
	c.post(who, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": names}, http.StatusOK, &b)
	return b
}

func (c *coastline) toPay(who apptest.Who, b trip) (p goingToPay) {
	c.t.Helper()
	c.post(who, "/bookings/"+b.ID+"/pay", map[string]any{"version": b.Version}, http.StatusOK, &p)
	return p
}

// pays lets the provider report that a payment was authorised, and carries out everything that follows.
func (c *coastline) pays(payment string) {
	c.t.Helper()
	c.Pay.Happens(c.t, "northwick", kernel.PaymentID(payment), kernel.ChangeAuthorized)
	c.settle()
}

func (c *coastline) settle() {
	c.t.Helper()
	for range 5 {
		c.Settle()
		if c.Pay.Deliver(c.t, "northwick") == 0 {
			break
		}
	}
	c.Settle()
	c.agree()
}

func (c *coastline) booked(who apptest.Who, departure string, from, to, people int) trip {
	c.t.Helper()
	b := c.hold(who, departure, from, to, people)
	p := c.toPay(who, b)
	c.pays(p.Payment.ID)
	if b = c.get(who, b.ID); b.State != "booked" {
		c.t.Fatalf("not booked: %+v", b)
	}
	return b
}

// tripDisagreements lists every booking whose case, places, tickets and money say different things (promise 24). The provider
// has carried out everything that was ordered.
const tripDisagreements = `
WITH b AS (
	SELECT b.*, k.state AS case_state,
		(SELECT count(*) FROM travel.occupancy o WHERE o.tenant_id = b.tenant_id AND o.case_id = b.case_id AND o.departure_id = b.departure_id AND o.hold_until IS NULL) AS taken,
		(SELECT count(*) FROM travel.occupancy o WHERE o.tenant_id = b.tenant_id AND o.case_id = b.case_id AND o.departure_id <> b.departure_id AND o.hold_until IS NULL) AS elsewhere,
		(SELECT count(*) FROM travel.ticket t WHERE t.tenant_id = b.tenant_id AND t.case_id = b.case_id AND t.state <> 'void') AS tickets,
		(SELECT count(*) FROM travel.policy y WHERE y.tenant_id = b.tenant_id AND y.case_id = b.case_id AND y.state = 'force') AS policies,
		(SELECT count(*) FROM travel.passenger p WHERE p.tenant_id = b.tenant_id AND p.case_id = b.case_id) AS people,
		(SELECT sum(1 + (p.bicycle_place <> '')::int) FROM travel.passenger p WHERE p.tenant_id = b.tenant_id AND p.case_id = b.case_id)
			* (SELECT count(*) FROM travel.departure_call c WHERE c.tenant_id = b.tenant_id AND c.departure_id = b.departure_id AND c.seq >= b.from_seq AND c.seq < b.to_seq) AS wants,
		(SELECT coalesce(sum((p.body->'Captured'->>'amount')::bigint - (p.body->'Refunded'->>'amount')::bigint), 0) FROM fakepay.payment p WHERE p.tenant_id = b.tenant_id AND p.case_id = b.case_id) AS kept,
		(SELECT count(*) FROM fakepay.payment p WHERE p.tenant_id = b.tenant_id AND p.case_id = b.case_id AND p.body->>'State' = 'authorized') AS hanging
	FROM travel.booking b LEFT JOIN casework.case k ON k.tenant_id = b.tenant_id AND k.id = b.case_id
	WHERE b.tenant_id = 'northwick')
SELECT format('%s is %s (case %s): %s of %s places, %s elsewhere, %s tickets for %s, %s policies, %s kept of %s, %s hanging', number, state, case_state, taken, wants, elsewhere, tickets, people, policies, kept, fare + insurance, hanging) FROM b
WHERE state IS DISTINCT FROM case_state OR elsewhere > 0 OR hanging > 0
	OR state IN ('booked', 'travelled') AND (taken <> wants OR tickets <> people OR policies <> insured::int OR kept <> fare + insurance)
	OR state NOT IN ('booked', 'travelled') AND (taken > 0 OR tickets > 0 OR policies > 0)
	OR state IN ('draft', 'paying', 'lapsed', 'called-off') AND kept <> 0
	OR state = 'cancelled' AND kept <> fare + insurance - given_back`

// agree fails when a booking's case, places, tickets and money disagree.
func (c *coastline) agree() {
	c.t.Helper()
	for _, line := range c.disagree() {
		c.t.Error(line)
	}
}

func (c *coastline) disagree() (lines []string) {
	c.t.Helper()
	err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error { return tx.SelectContext(c.t.Context(), &lines, tripDisagreements) })
	if err != nil {
		c.t.Fatal(err)
	}
	return lines
}

func (c *coastline) exec(sql string, args ...any) {
	c.t.Helper()
	err := c.DB.InTx(c.t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(c.t.Context(), sql, args...)
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
}

// notices lists what somebody was told about a booking, oldest first.
func (c *coastline) notices(id string) (names []string) {
	c.t.Helper()
	err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.SelectContext(c.t.Context(), &names, `SELECT payload->>'notice' FROM kernel.effect WHERE tenant_id = 'northwick' AND case_id = $1 AND name = 'case.notice/notify' ORDER BY id`, id)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return names
}

func soon(h int) time.Time { return time.Now().Add(time.Duration(h) * time.Hour).Truncate(time.Minute) }

func TestACitizenHoldsSeatsPaysAndGetsTheTicket(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 5)
	var q struct {
		Total, Fare, Insurance int64
		Room                   int
		Passengers             []struct{ Class string }
		Terms                  []struct{ Percent int }
	}
	asked := ride(d, 1, 5, 2)
	asked["insurance"] = []string{"cancellation"}
	asked["passengers"] = []map[string]any{{"self": true}, {"name": "Leo", "birthdate": "2019-05-04"}}
	c.post(apptest.Anna, "/quotes", asked, http.StatusOK, &q)
	// Anna lives in Northwick: 60 % of 2500; Leo pays half.
	if q.Fare != 1500+1250 || q.Insurance != 210 || q.Total != 2960 || q.Room != 12 || q.Passengers[0].Class != "concession" || q.Passengers[1].Class != "child" || len(q.Terms) != 2 {
		t.Errorf("quote %+v", q)
	}
	var b trip
	c.post(apptest.Anna, "/bookings", ride(d, 1, 5, 2), http.StatusCreated, &b)
	if b.State != "draft" || b.HoldUntil == nil || b.Passengers[0].Place != "1C" || b.Passengers[1].Place != "1D" || b.Fare != 5000 {
		t.Fatalf("held %+v", b)
	}
	// Nobody pays for people without names.
	c.post(apptest.Anna, "/bookings/"+b.ID+"/pay", map[string]any{"version": 1}, http.StatusConflict, &b)
	if b.Code != "passengers-missing" {
		t.Errorf("without names: %s", b.Code)
	}
	c.post(apptest.Anna, "/bookings/"+b.ID+"/passengers", map[string]any{"insurance": []string{"cancellation"}, "passengers": asked["passengers"]}, http.StatusOK, &b)
	if b.Fare != 2750 || b.Insurance != 210 || b.Passengers[0].Name != "Anna Whitfield" || !b.Passengers[1].Proof {
		t.Errorf("named %+v", b)
	}
	p := c.toPay(apptest.Anna, b)
	if p.Booking.State != "paying" || p.Payment.Amount != 2960 || p.Payment.State != "open" {
		t.Fatalf("paying %+v %+v", p, p.Payment)
	}
	if again := c.toPay(apptest.Anna, trip{ID: b.ID, Version: p.Booking.Version}); again.Payment.ID != p.Payment.ID {
		t.Error("asked to pay twice")
	}
	c.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), kernel.ChangeFailed)
	c.settle()
	c.pays(p.Payment.ID) // late, after it failed
	b = c.get(apptest.Anna, b.ID)
	if b.State != "booked" || b.HoldUntil != nil || b.Passengers[0].Ticket == "" || b.Payments[0].State != "captured" || b.Back != 2475 {
		t.Errorf("booked %+v", b)
	}
	if n := strings.Join(c.notices(b.ID), " "); n != "pay-failed booked" {
		t.Errorf("told %q", n)
	}
	a := c.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodGet, Path: "/documents/v1/documents"})
	if !strings.Contains(string(a.Body), "coach-ticket") {
		t.Errorf("no ticket among the documents: %s", a.Body)
	}
	// The same report again changes nothing.
	c.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), kernel.ChangeAuthorized)
	c.settle()
	// What is not theirs is not there.
	if a := c.Do(apptest.Call{Who: &apptest.Boris, Method: http.MethodGet, Path: "/travel/v1/bookings/" + b.ID}); a.Status != http.StatusNotFound {
		t.Errorf("another citizen reads it: %d", a.Status)
	}
}

func TestAFullDepartureNamesTheNextOnesWithRoom(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	first, full, second := c.Coach(soon(48), 3), c.Coach(soon(50), 3), c.Coach(soon(52), 3)
	for _, d := range []string{first, full} {
		c.exec(`INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id)
			SELECT 'northwick', $1, p, 0, $2 FROM unnest('{1C,1D,2A,2B,2C,2D,3A,3B,3C,3D}'::text[]) p`, d, kernel.NewID())
	}
	// The one before has its only place for a wheelchair taken, and room for feet.
	wheels := ride(full, 1, 3, 1)
	wheels["places"] = []map[string]any{{"wheelchair": true}}
	c.exec(`INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id) VALUES ('northwick', $1, 'W1', 0, $2)`, full, kernel.NewID())
	var b trip
	c.post(apptest.Boris, "/bookings", wheels, http.StatusConflict, &b)
	if len(b.Alternatives) != 2 || b.Alternatives[0].ID != first || b.Alternatives[1].ID != second {
		t.Errorf("a wheelchair: %+v", b)
	}
	b = trip{}
	c.post(apptest.Anna, "/bookings", ride(first, 1, 3, 3), http.StatusConflict, &b)
	if b.Code != "seats-taken" || len(b.Alternatives) != 1 || b.Alternatives[0].ID != second {
		t.Errorf("three people: %+v", b)
	}
	c.post(apptest.Anna, "/bookings", ride(first, 2, 3, 3), http.StatusCreated, &b) // nobody sits there on the second part
	c.post(apptest.Anna, "/bookings", ride(first, 1, 3, 2), http.StatusCreated, &b)
	if b.Passengers[0].Place != "4A" || b.Passengers[1].Place != "4B" {
		t.Errorf("two people: %+v", b)
	}
	// Of the first hold nothing is left: one person holds one thing.
	if n := c.count(`SELECT count(DISTINCT place) FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1 AND hold_until IS NOT NULL`, first); n != 2 {
		t.Errorf("%d places are held", n)
	}
	wheelchair := ride(first, 1, 3, 1)
	wheelchair["places"] = []map[string]any{{"wheelchair": true, "bicycle": true}}
	c.post(apptest.Boris, "/bookings", wheelchair, http.StatusCreated, &b)
	if b.Passengers[0].Place != "W1" || b.Passengers[0].Bicycle != "B1" {
		t.Errorf("a wheelchair and a bicycle: %+v", b)
	}
	wished := ride(second, 1, 2, 1)
	wished["places"] = []map[string]any{{"place": "99Z"}}
	c.post(apptest.Boris, "/bookings", wished, http.StatusUnprocessableEntity, nil)
}

func (c *coastline) count(sql string, args ...any) (n int) {
	c.t.Helper()
	if err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error { return tx.GetContext(c.t.Context(), &n, sql, args...) }); err != nil {
		c.t.Fatal(err)
	}
	return n
}

// lapse lets what a booking holds run out.
func (c *coastline) lapse(id string) {
	c.exec(`UPDATE travel.occupancy SET hold_until = now() - interval '1 minute' WHERE tenant_id = 'northwick' AND case_id = $1 AND hold_until IS NOT NULL`, id)
}

func TestALapsedHoldIsHonouredWhileNobodyElseHasThePlaces(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 3)
	b := c.hold(apptest.Anna, d, 1, 3, 2)
	p := c.toPay(apptest.Anna, b)
	c.lapse(b.ID)
	// Somebody else comes along: the lapsed hold is swept away, and other seats are still free.
	other := c.hold(apptest.Boris, d, 1, 3, 2)
	if other.Passengers[0].Place != "1C" {
		t.Errorf("Boris sits on %s", other.Passengers[0].Place)
	}
	c.pays(p.Payment.ID)
	if b = c.get(apptest.Anna, b.ID); b.State != "booked" || b.Passengers[0].Place != "2A" || b.Payments[0].State != "captured" {
		t.Errorf("Anna %+v", b)
	}
}

func TestWhoPaysWhenThePlacesAreGoneGetsTheMoneyBackAndIsTold(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 3)
	b := c.hold(apptest.Anna, d, 1, 3, 9)
	p := c.toPay(apptest.Anna, b)
	c.lapse(b.ID)
	c.booked(apptest.Boris, d, 1, 2, 9)
	c.pays(p.Payment.ID)
	if b = c.get(apptest.Anna, b.ID); b.State != "lapsed" || b.Payments[0].State != "voided" {
		t.Errorf("Anna %+v", b)
	}
	if n := strings.Join(c.notices(b.ID), " "); n != "place-gone" {
		t.Errorf("told %q", n)
	}
	// Held, lapsed and taken before she goes to pay: she is told at once, with other departures.
	next := c.Coach(soon(74), 3)
	b = c.hold(apptest.Low, d, 2, 3, 9)
	c.lapse(b.ID)
	c.booked(apptest.Anna, d, 2, 3, 9)
	var gone trip
	c.post(apptest.Low, "/bookings/"+b.ID+"/pay", map[string]any{"version": 1}, http.StatusConflict, &gone)
	if gone.Code != "places-gone" || len(gone.Alternatives) != 1 || gone.Alternatives[0].ID != next {
		t.Errorf("%+v", gone)
	}
}

func TestAPaymentThatComesAfterTheEndIsLetGo(t *testing.T) {
	t.Parallel()
	clock := &shifted{}
	c := newCoastline(t, apptest.WithClock(clock))
	d := c.Coach(soon(72), 3)
	b := c.hold(apptest.Anna, d, 1, 3, 1)
	p := c.toPay(apptest.Anna, b)
	c.post(apptest.Anna, "/bookings/"+b.ID+"/give-up", map[string]any{"version": p.Booking.Version}, http.StatusOK, &b)
	c.pays(p.Payment.ID)
	if b = c.get(apptest.Anna, b.ID); b.State != "lapsed" || b.Payments[0].State != "voided" {
		t.Errorf("%+v", b)
	}
	// By themselves a draft lapses and what is being paid expires; only the latter is told.
	draft, unpaid := c.hold(apptest.Boris, d, 1, 3, 1), c.hold(apptest.Low, d, 1, 3, 1)
	late := c.toPay(apptest.Low, unpaid)
	clock.by.Store(int64(time.Hour))
	c.exec(`UPDATE kernel.effect SET due_at = now() - interval '1 minute' WHERE tenant_id = 'northwick' AND name LIKE 'case.timer%' AND case_id = ANY (ARRAY[$1, $2]::uuid[])`, draft.ID, unpaid.ID)
	c.settle()
	clock.by.Store(0)
	if n := c.count(`SELECT count(*) FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1`, d); n != 0 {
		t.Errorf("%d rows of places are left", n)
	}
	c.pays(late.Payment.ID)
	if b = c.get(apptest.Low, unpaid.ID); b.State != "lapsed" || b.Payments[0].State != "voided" {
		t.Errorf("%+v", b)
	}
	if told := fmt.Sprint(c.notices(draft.ID), c.notices(unpaid.ID)); told != "[] [expired]" {
		t.Errorf("told %s", told)
	}
}

// shifted is the machine's clock, set forward by hand.
type shifted struct{ by atomic.Int64 }

func (s *shifted) Now() time.Time { return kernel.SystemClock{}.Now().Add(time.Duration(s.by.Load())) }

func TestCancellingGivesBackWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	for hours, want := range map[int]int64{72: 1350, 24: 750, 1: 0} { // of 1500
		d := c.Coach(soon(hours).Add(30*time.Minute), 5)
		b := c.booked(apptest.Anna, d, 1, 5, 1)
		if b.Back != want || b.Fare != 1500 {
			t.Errorf("%d hours before: %d of %d would go back", hours, b.Back, b.Fare)
		}
		c.post(apptest.Anna, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, &b)
		c.settle()
		if b = c.get(apptest.Anna, b.ID); b.State != "cancelled" || b.GivenBack != want || b.Payments[0].Refunded != want {
			t.Errorf("%d hours before: %+v", hours, b)
		}
		if n := c.count(`SELECT count(*) FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1`, d); n != 0 {
			t.Errorf("%d rows of places are left", n)
		}
	}
	// Cancelled before the provider has taken the money: the refund waits for it.
	d := c.Coach(soon(72), 5)
	b := c.hold(apptest.Anna, d, 1, 5, 1)
	p := c.toPay(apptest.Anna, b)
	c.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), kernel.ChangeAuthorized)
	c.Settle()
	b = c.get(apptest.Anna, b.ID)
	c.post(apptest.Anna, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, &b)
	c.settle()
	if b = c.get(apptest.Anna, b.ID); b.State != "cancelled" || b.Payments[0].Refunded != 1350 {
		t.Errorf("cancelled at once: %+v", b)
	}
}

func TestEndingABookingTwiceWithOneKeyGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 5)
	booked, held := c.booked(apptest.Anna, d, 1, 5, 1), c.hold(apptest.Anna, d, 1, 5, 1)
	for path, version := range map[string]int{booked.ID + "/cancel": booked.Version, held.ID + "/give-up": held.Version} {
		call := apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/travel/v1/bookings/" + path, Key: apptest.Key(), Body: map[string]any{"version": version}}
		first, again := c.Do(call), c.Do(call)
		if first.Status != http.StatusOK || again.Status != first.Status || string(again.Body) != string(first.Body) {
			t.Errorf("%s: %d %s\nthen %d %s", path, first.Status, first.Body, again.Status, again.Body)
		}
	}
}

func TestAChangeKeepsTheOldPlaceUntilTheNewOneIsTheirs(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, later, other, full := c.Coach(soon(72), 5), c.Coach(soon(80), 5), c.Coach(soon(90), 5), c.Coach(soon(95), 5)
	b := c.booked(apptest.Boris, d, 1, 4, 1) // 60 % of 2000
	first := b.Passengers[0].Ticket
	change := func(to string, from, till int) map[string]any {
		return map[string]any{"version": b.Version, "departure": to, "from": from - 1, "to": till - 1}
	}
	var p goingToPay
	// Dearer: the difference is to be paid, and until then nothing has changed.
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", change(later, 1, 5), http.StatusOK, &p)
	if p.Payment == nil || p.Payment.Amount != 300 || p.Booking.Departure != d {
		t.Fatalf("dearer: %+v %+v", p.Booking, p.Payment)
	}
	c.settle()
	if b = c.get(apptest.Boris, b.ID); b.Departure != d || b.Passengers[0].Ticket != first {
		t.Errorf("before paying: %+v", b)
	}
	var refused trip
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", change(other, 1, 5), http.StatusConflict, &refused)
	if refused.Code != "change-waits" {
		t.Errorf("another change meanwhile: %s", refused.Code)
	}
	c.pays(p.Payment.ID)
	if b = c.get(apptest.Boris, b.ID); b.Departure != later || b.Fare != 1500 || b.Passengers[0].Ticket == first || len(b.Payments) != 2 {
		t.Errorf("changed: %+v", b)
	}
	if n := c.count(`SELECT count(*) FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1`, d); n != 0 {
		t.Errorf("%d rows of places are left on the old departure", n)
	}
	// Cheaper: at once, and the difference goes back, from the newest payment first.
	p = goingToPay{}
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", change(other, 1, 2), http.StatusOK, &p)
	if p.Payment != nil || p.Booking.Departure != other {
		t.Errorf("cheaper: %+v", p)
	}
	c.settle()
	if b = c.get(apptest.Boris, b.ID); b.Fare != 600 || b.Payments[1].Refunded != 300 || b.Payments[0].Refunded != 600 {
		t.Errorf("cheaper: %+v", b)
	}
	// Full: everything stays as it is.
	c.exec(`INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id) SELECT 'northwick', $1, p, 0, $2 FROM unnest('{1C,1D,2A,2B,2C,2D,3A,3B,3C,3D,4A,4B}'::text[]) p`, full, kernel.NewID())
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", change(full, 1, 2), http.StatusConflict, &refused)
	if refused.Code != "seats-taken" || len(refused.Alternatives) == 0 {
		t.Errorf("full: %+v", refused)
	}
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", change(other, 1, 2), http.StatusConflict, &refused)
	if refused.Code != "same-departure" {
		t.Errorf("the same: %+v", refused)
	}
	// Paid when the places over there are gone: the old trip stays, the difference is let go.
	c.post(apptest.Boris, "/bookings/"+b.ID+"/change", change(full, 2, 5), http.StatusOK, &p)
	c.lapse(b.ID)
	c.exec(`DELETE FROM travel.occupancy WHERE tenant_id = 'northwick' AND case_id = $1 AND hold_until IS NOT NULL`, b.ID)
	c.exec(`INSERT INTO travel.occupancy (tenant_id, departure_id, place, segment, case_id) SELECT 'northwick', $1, p, 2, $2 FROM unnest('{1C,1D,2A,2B,2C,2D,3A,3B,3C,3D,4A,4B}'::text[]) p`, full, kernel.NewID())
	c.pays(p.Payment.ID)
	if b = c.get(apptest.Boris, b.ID); b.Departure != other || b.State != "booked" || b.Payments[2].State != "voided" {
		t.Errorf("gone: %+v", b)
	}
	if n := c.notices(b.ID); n[len(n)-1] != "change-gone" {
		t.Errorf("told %v", n)
	}
	// Cancelled in the end: what is left of the fare counts.
	c.post(apptest.Boris, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, &b)
	c.settle()
	if b = c.get(apptest.Boris, b.ID); b.GivenBack != 540 {
		t.Errorf("cancelled: %+v", b)
	}
}

func TestADepartureThatIsCalledOffRebooksOrPaysBackEverybodyOnce(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, next := c.Coach(soon(72), 3), c.Coach(soon(75), 3)
	a, b := c.booked(apptest.Anna, d, 1, 3, 5), c.booked(apptest.Boris, d, 1, 3, 6)
	c.booked(apptest.Low, next, 1, 2, 4) // eight seats are left there
	draft := c.hold(apptest.Low, d, 2, 3, 1)
	unpaid := c.toPay(apptest.Low, draft)
	path := "/operators/coast-coaches/departures/" + d + "/call-off"
	body := map[string]any{"reason": "A storm closes the road.", "rebook": true}
	for _, who := range []apptest.Who{apptest.Carl, apptest.Nora, apptest.Oliver} {
		if r := c.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/travel/v1" + path, Key: apptest.Key(), Body: body}); r.Status != http.StatusForbidden && r.Status != http.StatusNotFound {
			t.Errorf("%s calls it off: %d %s", who.Name, r.Status, r.Body)
		}
	}
	var said struct{ Rebooked, Refunded, Failed int }
	c.post(apptest.Dina, path, body, http.StatusOK, &said)
	if said.Rebooked != 1 || said.Refunded != 2 || said.Failed != 0 {
		t.Errorf("settled %+v", said)
	}
	c.settle()
	c.pays(unpaid.Payment.ID)
	if a = c.get(apptest.Anna, a.ID); a.State != "booked" || a.Departure != next || len(a.Payments) != 1 {
		t.Errorf("Anna %+v", a)
	}
	if b = c.get(apptest.Boris, b.ID); b.State != "called-off" || b.GivenBack != b.Fare || b.Payments[0].Refunded != b.Fare {
		t.Errorf("Boris %+v", b)
	}
	if u := c.get(apptest.Low, draft.ID); u.State != "called-off" || u.Payments[0].State != "voided" {
		t.Errorf("who was paying: %+v", u)
	}
	// Asked for again nothing more happens, and nobody is told twice.
	c.post(apptest.Dina, path, body, http.StatusOK, &said)
	c.settle()
	for id, want := range map[string]string{a.ID: "booked rebooked", b.ID: "booked called-off", draft.ID: "called-off"} {
		if n := strings.Join(c.notices(id), " "); n != want {
			t.Errorf("told %q, want %q", n, want)
		}
	}
	var none trip
	c.post(apptest.Boris, "/bookings", ride(d, 1, 3, 1), http.StatusConflict, &none)
	if none.Code != "not-sold" {
		t.Errorf("sold after it was called off: %+v", none)
	}
}

func TestATicketIsGoodForOneLook(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, other := c.Coach(soon(72), 3), c.Coach(soon(75), 3)
	b := c.booked(apptest.Anna, d, 1, 3, 2)
	scan := func(who apptest.Who, departure, code string, status int) string {
		t.Helper()
		var said trip
		c.post(who, "/operators/coast-coaches/departures/"+departure+"/scans", map[string]any{"code": code}, status, &said)
		return said.Code
	}
	code := b.Passengers[0].Ticket
	spoken := strings.ToLower(code[:4] + "-" + code[4:8] + " " + code[8:])
	if s := scan(apptest.Carl, other, code, http.StatusConflict); s != "ticket-for-another-departure" {
		t.Error(s)
	}
	scan(apptest.Nora, d, code, http.StatusNotFound)
	scan(apptest.Dina, d, code, http.StatusForbidden)
	scan(apptest.Carl, d, "AAAA-AAAA-AAAA-AAAA", http.StatusNotFound)
	// Ten conductors look at the same moment: for one of them it is the first look.
	var good atomic.Int64
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			a := c.Do(apptest.Call{Who: &apptest.Carl, Method: http.MethodPost, Path: "/travel/v1/operators/coast-coaches/departures/" + d + "/scans", Key: apptest.Key(), Body: map[string]any{"code": spoken}})
			if a.Status == http.StatusOK {
				good.Add(1)
			} else if !strings.Contains(string(a.Body), "ticket-used") {
				t.Errorf("a second look: %s", a.Body)
			}
		})
	}
	wg.Wait()
	if good.Load() != 1 {
		t.Errorf("%d conductors saw it first", good.Load())
	}
	// Who is on board does not cancel or change any more; a ticket of a cancelled booking is void.
	var late trip
	c.post(apptest.Anna, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusConflict, &late)
	if late.Code != "too-late-to-change-trip" {
		t.Error(late.Code)
	}
	c.post(apptest.Anna, "/bookings/"+b.ID+"/change", map[string]any{"version": b.Version, "departure": other, "from": 0, "to": 2}, http.StatusConflict, &late)
	if late.Code != "too-late-to-change-trip" {
		t.Error(late.Code)
	}
	void := c.booked(apptest.Boris, d, 1, 3, 1)
	c.post(apptest.Boris, "/bookings/"+void.ID+"/cancel", map[string]any{"version": void.Version}, http.StatusOK, nil)
	if s := scan(apptest.Carl, d, void.Passengers[0].Ticket, http.StatusConflict); s != "ticket-void" {
		t.Error(s)
	}
	// Anna can see who looked.
	a := c.Do(apptest.Call{Who: &apptest.Carl, Method: http.MethodGet, Path: "/travel/v1/operators/coast-coaches/departures/" + d + "/passengers"})
	if a.Status != http.StatusOK {
		t.Errorf("passengers: %d %s", a.Status, a.Body)
	}
	if n := c.count(`SELECT count(*) FROM audit.entry WHERE tenant_id = 'northwick' AND case_id = $1 AND action = 'case.read' AND actor_kind = 'staff'`, b.ID); n != 2 { // the scan, and the list
		t.Errorf("%d looks are recorded", n)
	}
}

// The check of agreement is worth nothing if it never disagrees.
func TestWhereMoneyAndPlacesDisagreeTheCheckSaysSo(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 3)
	b := c.booked(apptest.Anna, d, 1, 3, 2)
	for name, fault := range map[string]string{
		"a seat lost":          `DELETE FROM travel.occupancy WHERE tenant_id = 'northwick' AND case_id = $1 AND segment = 1 AND place = '1C'`,
		"a ticket lost":        `UPDATE travel.ticket SET state = 'void' WHERE tenant_id = 'northwick' AND case_id = $1 AND n = 1`,
		"money that went back": `UPDATE fakepay.payment SET body = jsonb_set(body, '{Refunded,amount}', '100') WHERE tenant_id = 'northwick' AND case_id = $1`,
		"a state of its own":   `UPDATE travel.booking SET state = 'travelled' WHERE tenant_id = 'northwick' AND case_id = $1`,
	} {
		_ = c.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
			if _, err := tx.ExecContext(t.Context(), fault, b.ID); err != nil {
				t.Error(err)
			}
			var lines []string
			if err := tx.SelectContext(t.Context(), &lines, tripDisagreements); err != nil || len(lines) != 1 {
				t.Errorf("%s is not noticed: %v %v", name, lines, err)
			}
			return fmt.Errorf("taken back")
		})
	}
}

// A program may come with the token of somebody who never signed in here: they are to be asked first. Then their issuer may not
// hold their name, and nobody rides without one.
func TestWhoNeverSignedInIsToldThatTheirNameIsMissing(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	vera := apptest.Who{Subject: "vera", Name: "Vera Lind", ACR: "substantial", Client: "northwick.residence-certificate"}
	d := c.Coach(soon(72), 5)
	var b trip
	wrong := ride(d, 1, 5, 1)
	wrong["places"] = []map[string]any{{"place": "99Z"}}
	if a := c.Do(apptest.Call{Who: &vera, Method: http.MethodPost, Path: "/travel/v1/bookings", Key: apptest.Key(), Body: wrong}); !strings.Contains(string(a.Body), `"field":"body.places"`) {
		t.Errorf("a place that is not there: %s", a.Body)
	}
	if a := c.Do(apptest.Call{Who: &vera, Method: http.MethodPost, Path: "/travel/v1/bookings", Key: apptest.Key(), Body: ride(d, 1, 5, 1)}); a.Status != http.StatusConflict || code(t, a) != "claims-not-asked" {
		t.Errorf("before anybody asked her: %d %s", a.Status, a.Body)
	}
	inVain(t, c.App, "vera", "coach-ticket")
	c.post(vera, "/bookings", ride(d, 1, 5, 1), http.StatusCreated, &b)
	self := map[string]any{"passengers": []map[string]any{{"self": true}}}
	a := c.Do(apptest.Call{Who: &vera, Method: http.MethodPost, Path: "/travel/v1/bookings/" + b.ID + "/passengers", Key: apptest.Key(), Body: self})
	if a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), "body.passengers[0].self") || !strings.Contains(string(a.Body), "travel.self-unknown") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	c.post(vera, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": []map[string]any{{"name": "Vera Lind"}}}, http.StatusOK, &b)
	a = c.Do(apptest.Call{Who: &vera, Method: http.MethodGet, Path: "/travel/v1/bookings/" + b.ID})
	var shown struct{ Actions []string }
	a.JSON(t, &shown)
	if slices.Sort(shown.Actions); !slices.Equal(shown.Actions, []string{"give-up", "pay"}) {
		t.Errorf("actions of a draft: %v", shown.Actions)
	}
}
