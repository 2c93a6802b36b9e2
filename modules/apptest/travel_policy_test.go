package apptest_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode"

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

func (c *coastline) insured(who apptest.Who, departure string, from, to int, products ...string) insuredTrip {
	c.t.Helper()
	if products == nil {
		products = []string{"cancellation"}
	}
	var b trip
	c.post(who, "/bookings", ride(departure, from, to, 1), http.StatusCreated, &b)
	c.post(who, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": []map[string]any{{"self": true}}, "insurance": products}, http.StatusOK, &b)
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

// linesOf says what the provider holds for a booking, as line, taken and given back.
func (c *coastline) linesOf(id string) string {
	c.t.Helper()
	var all []string
	err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.SelectContext(c.t.Context(), &all, `SELECT l->>'Name' || ' ' || sum((l->'Amount'->>'amount')::bigint) FROM fakepay.payment p, jsonb_array_elements(p.body->'Lines') l
			WHERE p.tenant_id = 'northwick' AND p.case_id = $1 AND p.body->'Captured'->>'amount' <> '0' GROUP BY l->>'Name' ORDER BY 1`, id)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return strings.Join(all, ", ")
}

// The insurer's rule gives the other fare another premium. Boris lives here and pays 60 % of 1000 for a segment and 500 for each
// other one; the premium of the cancellation is 100 and 4 %, at least 150, that of the accident 120.
func TestThePremiumFollowsTheFareOfAChange(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	short := c.Coach(soon(72), 6)
	b := c.insured(apptest.Boris, short, 1, 3, "cancellation", "accident")
	if b.Fare != 900 || b.Insurance != 150+120 || strings.Join(b.Insured, " ") != "cancellation accident" {
		t.Fatalf("booked: %+v", b)
	}
	first := c.documentOf(b.ID, "travel-insurance-policy")
	change := func(hours, from, to int) (p goingToPay) {
		t.Helper()
		b = c.withPolicy(apptest.Boris, b.ID)
		c.post(apptest.Boris, "/bookings/"+b.ID+"/change", map[string]any{"version": b.Version, "departure": c.Coach(soon(hours), 6), "from": from - 1, "to": to - 1}, http.StatusOK, &p)
		return p
	}
	holds := func(what string, fare, premium int64) {
		t.Helper()
		c.settle()
		if b = c.withPolicy(apptest.Boris, b.ID); b.Fare != fare || b.Insurance != premium || b.Policy.State != "force" {
			t.Errorf("%s: %+v %+v", what, b.trip, b.Policy)
		}
		if got := c.papers(b.ID); got != "coach-ticket valid, travel-insurance-policy valid" {
			t.Errorf("%s: %s", what, got)
		}
	}
	// Dearer: both differences in one payment; until it is paid nothing changes.
	p := change(80, 1, 6)
	if p.Payment == nil || p.Payment.Amount != 900+22 {
		t.Fatalf("dearer: %+v", p.Payment)
	}
	holds("not paid yet", 900, 270)
	c.pays(p.Payment.ID)
	holds("dearer", 1800, 172+120)
	if got := c.linesOf(b.ID); got != "fare 1800, insurance 292" {
		t.Errorf("the provider took %s", got)
	}
	if again := c.documentOf(b.ID, "travel-insurance-policy"); again == first {
		t.Error("the policy's document still speaks of the old ride")
	}
	until := b.Policy.EndsOn
	// The same fare: nothing to pay and nothing back, and the cover goes along.
	if p := change(120, 1, 6); p.Payment != nil {
		t.Errorf("the same: %+v", p.Payment)
	}
	holds("the same", 1800, 292)
	if b.Policy.EndsOn <= until || b.Policy.BeginsOn > b.Policy.EndsOn {
		t.Errorf("the cover is %+v, was until %s", b.Policy, until)
	}
	// Cheaper: both go back.
	if p := change(96, 2, 3); p.Payment != nil {
		t.Errorf("cheaper: %+v", p.Payment)
	}
	holds("cheaper", 600, 150+120)
	if got := c.refundedOf(b.ID); got != 1200+22 {
		t.Errorf("%d went back", got)
	}
	// Called off, with another departure: nothing is asked for or given, whatever that costs.
	next := c.Coach(soon(97), 6)
	c.post(apptest.Dina, "/operators/coast-coaches/departures/"+b.Departure+"/call-off", map[string]any{"reason": "A storm closes the road.", "rebook": true}, http.StatusOK, nil)
	holds("moved by the operator", 600, 270)
	if b.Departure != next || c.refundedOf(b.ID) != 1222 {
		t.Errorf("moved: %+v", b.trip)
	}
	// Cancelled: the operator moved them by an hour, which is more than its fares tolerate, so that all they paid goes back.
	c.post(apptest.Boris, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, nil)
	c.settle()
	if b = c.withPolicy(apptest.Boris, b.ID); b.GivenBack != 600+270 || b.Policy.State != "void" || c.refundedOf(b.ID) != 1222+600+270 {
		t.Errorf("cancelled: %+v %+v", b.trip, b.Policy)
	}
}

func TestAPolicyNamesWhatWasTakenOut(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 5)
	var q struct {
		Insurance, Total int64
		Products         []struct {
			Code, Name, Terms string
			Premium           int64
			UpTo              int64 `json:"up_to"`
			Covers            int
		}
		Terms []struct{ Percent int }
	}
	asked := ride(d, 1, 5, 2)
	asked["insurance"] = []string{"accident"}
	c.post(apptest.Boris, "/quotes", asked, http.StatusOK, &q)
	if q.Insurance != 240 || q.Total != 5240 || len(q.Products) != 2 || q.Products[0].Code != "cancellation" || q.Products[0].Premium != 300 || q.Products[1].Premium != 240 || q.Products[1].UpTo != 500000 {
		t.Errorf("quote: %+v", q)
	}
	if len(q.Terms) != 2 {
		t.Errorf("an accident gives the fare back: %+v", q.Terms)
	}
	asked["insurance"] = []string{"war"}
	if a := c.Do(apptest.Call{Who: &apptest.Boris, Method: http.MethodPost, Path: "/travel/v1/quotes", Body: asked}); a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Body), "body.insurance") {
		t.Errorf("insured against war: %d %s", a.Status, a.Body)
	}
	b := c.insured(apptest.Boris, d, 1, 5, "accident")
	text := c.contentOf(b.ID, "travel-insurance-policy")
	if !strings.Contains(text, "Accident: Costs of an accident") || !strings.Contains(text, "£5,000.00") || strings.Contains(text, "Trip cancellation") {
		t.Errorf("the policy says %s", text)
	}
	// What was not taken out gives nothing back.
	c.post(apptest.Boris, "/bookings/"+b.ID+"/cancel", map[string]any{"version": b.Version}, http.StatusOK, nil)
	if ended := c.withPolicy(apptest.Boris, b.ID); ended.GivenBack != 1350 {
		t.Errorf("given back: %d", ended.GivenBack)
	}
	c.settle()
}

// Who speaks Russian or Chinese has lists of documents without a word of English.
func TestNoDocumentIsListedInAnotherLanguage(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(72), 5)
	for locale, script := range map[string]*unicode.RangeTable{"ru": unicode.Cyrillic, "zh": unicode.Han} {
		var b trip
		asked := ride(d, 1, 3, 1)
		asked["locale"] = locale
		c.post(apptest.Boris, "/bookings", asked, http.StatusCreated, &b)
		c.post(apptest.Boris, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": []map[string]any{{"self": true}}, "insurance": []string{"accident"}}, http.StatusOK, &b)
		c.pays(c.toPay(apptest.Boris, b).Payment.ID)
		page := c.visitor(apptest.Boris).read("/apps/coach-ticket/bookings/"+b.ID, http.StatusOK)
		titles := regexp.MustCompile(`<h3><a href="/documents/[^"]*">([^<]*)</a></h3>`).FindAllStringSubmatch(page, -1)
		if len(titles) != 2 {
			t.Errorf("%s: %d documents are listed: %s", locale, len(titles), page)
		}
		for _, title := range titles {
			if strings.ContainsFunc(title[1], func(r rune) bool { return unicode.IsLetter(r) && !unicode.Is(script, r) }) {
				t.Errorf("%s: %q", locale, title[1])
			}
		}
	}
}

// documentOf is the number of the valid document of a type; contentOf what it says.
func (c *coastline) documentOf(id, kind string) (number string) {
	c.t.Helper()
	c.one(&number, `SELECT number FROM documents.document WHERE tenant_id = 'northwick' AND case_id = $1 AND type = $2 AND state = 'valid'`, id, kind)
	return number
}

func (c *coastline) contentOf(id, kind string) (text string) {
	c.t.Helper()
	c.one(&text, `SELECT content::text FROM documents.document WHERE tenant_id = 'northwick' AND case_id = $1 AND type = $2 AND state = 'valid'`, id, kind)
	return text
}

func (c *coastline) refundedOf(id string) (n int64) {
	c.t.Helper()
	c.one(&n, `SELECT coalesce(sum((body->'Refunded'->>'amount')::bigint), 0) FROM fakepay.payment WHERE tenant_id = 'northwick' AND case_id = $1`, id)
	return n
}
