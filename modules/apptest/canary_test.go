package apptest_test

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// canaries are personal data nobody else has: where one of them turns up outside of what its owner and the agency are
// shown, something leaks (promise 18).
var canaries = map[string]string{
	"name": "Zephyrine Quuxberg", "street": "77 Zorblatt Crescent", "town": "Canaryville", "postcode": "ZZ9 7CN",
	"birthdate": "1971-03-09", "email": "zephyrine@canary.example", "purpose": "Canary Purpose Ocelot", "note": "Canary Note Ибис <b>&",
	"question": "Canary Question Heron?", "answer": "Canary Answer 金丝雀", "assessment": "Canary Assessment Lynx", "remarks": "Canary Remarks Newt",
	"refusal": "Canary Refusal Reason Stoat, told at length", "revocation": "Canary Revocation Vole",
	"label": "Canary Label Shrew", "reissue": "Canary Reissue Marten",
	"visit": "Canary Visit Kestrel Сыпь", "child": "Canary Child Dormouse", "call-off": "Canary Calloff Adder", "companion": "Canary Companion Stork", "dispatch": "Canary Dispatch Viper", "walk-in": "Canary Walkin Polecat",
}

// sink collects what leaves by one way.
type sink struct {
	mu   sync.Mutex
	name string
	all  []string
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, string(b))
	return len(b), nil
}

func (s *sink) add(text string) { _, _ = io.WriteString(s, text) }

// leaks names every canary in the sink, in whatever dress it wears.
func (s *sink) leaks() (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, secret := range canaries {
		quoted, _ := json.Marshal(secret)
		forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), strings.Trim(string(quoted), `"`)}
		for _, line := range s.all {
			for _, form := range forms {
				if strings.Contains(strings.ToLower(line), strings.ToLower(form)) {
					found = append(found, s.name+" holds the "+name+": "+line)
				}
			}
		}
	}
	return found
}

// aviary is a town whose every way out is watched.
type aviary struct {
	*apptest.App
	t                               *testing.T
	log, hooks, addresses, problems *sink
	zoe                             apptest.Who
}

func newAviary(t *testing.T) *aviary {
	t.Helper()
	v := &aviary{t: t, log: &sink{name: "the log"}, hooks: &sink{name: "a webhook"}, addresses: &sink{name: "an address"}, problems: &sink{name: "an error"}}
	calls := 0
	wallet := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v.hooks.add(string(body))
		for name, values := range r.Header {
			v.hooks.add(name + ": " + strings.Join(values, " "))
		}
		v.addresses.add(r.URL.String())
		if calls++; calls%3 == 1 { // a wallet that fails makes the town speak of it
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(wallet.Close)
	v.App = apptest.Start(t, apptest.WithLog(v.log), apptest.WithWebhook(wallet.URL+"/hooks", "whsec_am91cm5leS1qb3VybmV5LWpvdXJuZXktam91cm5leS0wMQ=="), apptest.WithTravel(t))
	v.Coaches()
	v.zoe = apptest.Anna
	v.zoe.Subject, v.zoe.Name = "zephyrine", canaries["name"]
	v.Know("northwick", v.zoe, apptest.Boris, apptest.Oliver, apptest.Priya, apptest.Rosa, apptest.Amara, apptest.Hannah)
	claims, err := json.Marshal(map[string]string{"name": canaries["name"], "birthdate": canaries["birthdate"], "email": canaries["email"],
		"address.street_address": canaries["street"], "address.locality": canaries["town"], "address.postal_code": canaries["postcode"], "address.country": "GB"})
	if err != nil {
		t.Fatal(err)
	}
	err = v.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE identity.person SET claims = $2 WHERE tenant_id = $1 AND subject = 'zephyrine'`, "northwick", string(claims))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// settle runs what is due until the failing wallet has taken everything.
func (v *aviary) settle() {
	for range 6 {
		_ = v.Drain(v.t.Context()) // it fails on purpose
		err := v.DB.InTx(v.t.Context(), "northwick", func(tx *pg.Tx) error {
			_, err := tx.Exec(`UPDATE kernel.effect SET not_before = now() WHERE tenant_id = $1 AND state = 'open'`, "northwick")
			return err
		})
		if err != nil {
			v.t.Fatal(err)
		}
	}
}

// refused sends a call that fails and watches the answer; raw is a body that is no JSON.
func (v *aviary) refused(who apptest.Who, method, path string, body any) {
	v.t.Helper()
	call := apptest.Call{Who: &who, Method: method, Path: path, Body: body}
	if method == http.MethodPost {
		call.Key = apptest.Key()
	}
	a := v.Do(call)
	if a.Status < 400 {
		v.t.Errorf("%s %s was meant to fail: %d", method, path, a.Status)
	}
	v.problems.add(string(a.Body))
}

var addressOf = regexp.MustCompile(`(?:href|action|src|content)="([^"]*)"`)

// page opens a page and watches every address it leads to.
func (v *aviary) page(who apptest.Who, method, path string, form url.Values, want int) []byte {
	v.t.Helper()
	a := v.Page(apptest.PageRequest{Tenant: "northwick", Method: method, Path: path, Form: form, Cookie: v.Cookie("northwick", who)})
	if a.Status != want {
		v.t.Fatalf("%s %s: %d, want %d: %.300s", method, path, a.Status, want, a.Body)
	}
	v.addresses.add(a.Header.Get("Location"))
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		for _, m := range addressOf.FindAllSubmatch(a.Body, -1) {
			v.addresses.add(html.UnescapeString(string(m[1])))
		}
	}
	if a.Status >= 400 && who.Subject != v.zoe.Subject { // her own name and address are hers to see
		v.problems.add(string(a.Body))
	}
	return a.Body
}

func TestPersonalDataStaysInside(t *testing.T) {
	t.Parallel()
	v := newAviary(t)
	answers := func() map[string]any {
		return map[string]any{"purpose": "other", "purpose_other": canaries["purpose"], "certificate_language": "en", "copies": 1, "note": canaries["note"], "declaration": true}
	}
	// By API: to a question, an answer, a proposal sent back, a refusal; then to a document that is revoked.
	c := v.Act(v.zoe, apptest.Draft(v.App, v.zoe), "submit", answers())
	c = v.Act(apptest.Oliver, c, "ask", map[string]any{"question": canaries["question"]})
	c = v.Act(v.zoe, c, "answer", map[string]any{"answer": canaries["answer"]})
	c = v.Act(apptest.Oliver, c, "propose", map[string]any{"assessment": canaries["assessment"]})
	c = v.Act(apptest.Priya, c, "return", map[string]any{"remarks": canaries["remarks"]})
	c = v.Act(apptest.Oliver, c, "propose-refusal", map[string]any{"refusal_ground": "other", "refusal_reason": canaries["refusal"]})
	refusedCase := v.Act(apptest.Priya, c, "confirm-refusal", nil)
	v.settle()
	second := v.Act(v.zoe, apptest.Draft(v.App, v.zoe), "submit", answers())
	second = v.Act(apptest.Oliver, second, "propose", map[string]any{"assessment": canaries["assessment"]})
	v.Act(apptest.Priya, second, "countersign", nil)
	v.settle()
	documents := v.Do(apptest.Call{Who: &v.zoe, Method: http.MethodGet, Path: "/documents/v1/documents"})
	var issued struct {
		Documents []struct{ ID, Number, State, Case string }
	}
	documents.JSON(t, &issued)
	if len(issued.Documents) != 2 || issued.Documents[0].State != "valid" {
		t.Fatalf("documents: %s", documents.Body)
	}
	certificate := issued.Documents[0]
	v.problems.add(string(v.Do(apptest.Call{Method: http.MethodGet, Path: "/documents/v1/verifications/" + certificate.Number}).Body)) // what a stranger learns
	if a := v.Do(apptest.Call{Who: &apptest.Oliver, Method: http.MethodPost, Path: "/documents/v1/documents/" + certificate.ID + "/revocation", Key: apptest.Key(),
		Body: map[string]any{"reason": canaries["revocation"]}}); a.Status != http.StatusOK {
		t.Errorf("revocation: %d %s", a.Status, a.Body)
	}
	v.problems.add(string(v.Do(apptest.Call{Method: http.MethodGet, Path: "/documents/v1/verifications/" + certificate.Number}).Body))

	v.walkShares(certificate.ID)
	v.walkWrongly(refusedCase)
	v.walkPages(refusedCase, certificate.ID, certificate.Number)
	v.walkClinic()
	v.walkTrip()

	if len(v.log.all) < 40 || len(v.hooks.all) < 10 || len(v.addresses.all) < 100 || len(v.problems.all) < 12 {
		t.Fatalf("too little was watched: %d lines, %d of webhooks, %d addresses, %d errors", len(v.log.all), len(v.hooks.all), len(v.addresses.all), len(v.problems.all))
	}
	for _, s := range []*sink{v.log, v.hooks, v.addresses, v.problems} {
		for _, leak := range s.leaks() {
			t.Error(leak)
		}
	}
}

// walkShares gives a document away by a link, re-issues another one, and watches what strangers and the agency learn of it.
func (v *aviary) walkShares(document string) {
	t, link := v.t, v.Do(apptest.Call{Who: &v.zoe, Method: http.MethodPost, Path: "/documents/v1/documents/" + document + "/shares", Key: apptest.Key(),
		Body: map[string]any{"label": canaries["label"], "days": 7}})
	var share struct{ Link string }
	link.JSON(t, &share)
	_, token, ok := strings.Cut(share.Link, "/shared/")
	if link.Status != http.StatusCreated || !ok {
		t.Fatalf("a link: %d %s", link.Status, link.Body)
	}
	v.addresses.add(share.Link)
	v.problems.add(string(v.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/shared/" + token}).Body))
	for _, path := range []string{"/documents/v1/shares/" + token, "/documents/v1/status-lists/1"} {
		v.problems.add(string(v.Do(apptest.Call{Method: http.MethodGet, Path: path}).Body))
	}
	if a := v.Do(apptest.Call{Who: &apptest.Oliver, Method: http.MethodGet, Path: "/documents/v1/issued-documents/" + document}); a.Status != http.StatusOK || bytes.Contains(a.Body, []byte(canaries["label"])) {
		t.Errorf("the agency sees the holder's label, or nothing: %d %s", a.Status, a.Body)
	}
	if a := v.Do(apptest.Call{Who: &v.zoe, Method: http.MethodGet, Path: "/documents/v1/documents/" + document + "/checks"}); !bytes.Contains(a.Body, []byte(canaries["label"])) {
		t.Errorf("the holder does not see who looked: %s", a.Body)
	}
	v.refused(v.zoe, http.MethodPost, "/documents/v1/documents/"+document+"/shares", map[string]any{"label": canaries["label"] + "\u202e", "days": 7})
	v.refused(v.zoe, http.MethodPost, "/documents/v1/documents/"+document+"/shares", map[string]any{"label": canaries["label"], "days": 1000})
	v.refused(apptest.Oliver, http.MethodPost, "/documents/v1/documents/"+document+"/reissue", map[string]any{"reason": canaries["reissue"]}) // it is revoked
	v.refused(apptest.Oliver, http.MethodPost, "/documents/v1/halt/end", map[string]any{"reason": canaries["reissue"]})                       // it is not halted
	v.refused(apptest.Oliver, http.MethodGet, "/documents/v1/issued-documents?limit="+url.QueryEscape(canaries["name"]), nil)
}

// walkClinic takes a child to a doctor, up to the day on which the clinic calls it off, and lets somebody else walk in.
func (v *aviary) walkClinic() {
	t, get, post := v.t, http.MethodGet, http.MethodPost
	slots := v.Slots(t, 1, 1)
	book := func(slot, name string) map[string]any {
		return map[string]any{"slot": slot, "visit_type": apptest.Consultation, "patient": map[string]any{
			"for_whom": "child", "name": name, "birthdate": "2019-05-04", "relation": "parent", "declared": true, "reason": canaries["visit"]}}
	}
	a := v.Do(apptest.Call{Who: &v.zoe, Method: post, Path: "/medical/v1/appointments", Key: apptest.Key(), Body: book(slots[0], canaries["child"])})
	var visit struct {
		ID, Number string
		StartsAt   time.Time `json:"starts_at"`
	}
	if a.JSON(t, &visit); a.Status != http.StatusCreated {
		t.Fatalf("a visit: %d %s", a.Status, a.Body)
	}
	v.settle()
	clinic, api := "/staff/clinics/riverside-clinic/", "/medical/v1/clinics/riverside-clinic/"
	v.refused(v.zoe, post, "/medical/v1/appointments", book(slots[0], canaries["child"])) // taken
	v.refused(v.zoe, post, "/medical/v1/appointments", book(slots[1], canaries["child"]+"\x00"))
	v.refused(v.zoe, post, "/medical/v1/appointments", book(canaries["child"], canaries["child"]))
	v.refused(apptest.Hannah, get, api+"appointments/"+visit.ID, nil)
	v.refused(apptest.Boris, get, "/medical/v1/appointments/"+visit.ID, nil)
	v.refused(apptest.Rosa, get, api+"day?place="+url.QueryEscape(canaries["child"]), nil)
	v.refused(apptest.Rosa, post, api+"check-ins", map[string]any{"code": visit.Number}) // it is tomorrow
	v.refused(apptest.Rosa, post, api+"check-ins", map[string]any{"code": canaries["child"]})
	v.refused(apptest.Rosa, post, api+"call-offs", map[string]any{"appointments": []string{canaries["child"]}, "reason": canaries["call-off"]})
	v.refused(apptest.Rosa, post, api+"walk-ins", map[string]any{"visit_type": canaries["visit"], "patient_name": canaries["walk-in"], "patient_birthdate": "1950-02-01"})
	v.refused(apptest.Rosa, post, api+"walk-ins", map[string]any{"visit_type": apptest.Consultation, "patient_name": canaries["walk-in"], "patient_birthdate": canaries["birthdate"] + "x"})
	if b := v.page(apptest.Amara, get, clinic+"appointments/"+visit.ID, nil, 200); !bytes.Contains(b, []byte(canaries["visit"])) {
		t.Error("the practitioner does not read why the child comes: what is watched is not there")
	}
	if b := v.page(apptest.Rosa, get, clinic+"day?day="+visit.StartsAt.In(london(t)).Format(time.DateOnly), nil, 200); !bytes.Contains(b, []byte(canaries["child"])) {
		t.Error("reception does not see who comes")
	}
	for _, path := range []string{"appointments/" + visit.ID, "move?case=" + visit.ID, "call-off?case=" + visit.ID, "tasks", "walk-in?visit=" + apptest.Consultation} {
		if b := v.page(apptest.Rosa, get, clinic+path, nil, 200); bytes.Contains(b, []byte(canaries["visit"])) {
			t.Errorf("reception reads why the child comes at %s", path)
		}
	}
	v.page(apptest.Rosa, post, clinic+"walk-in", url.Values{"visit": {apptest.Consultation}, "slot": {"now"}, "patient_name": {canaries["walk-in"]}, "patient_birthdate": {"1950-02-01"}}, 303)
	v.page(apptest.Rosa, post, clinic+"call-off", url.Values{"case": {visit.ID}, "call_off_reason": {canaries["call-off"]}}, 200)
	v.settle()
	for _, path := range []string{"/cases/" + visit.ID, "/access", "/messages"} {
		v.page(v.zoe, get, path, nil, 200)
	}
}

// walkTrip takes a companion on a coach, past the conductor, and to the day on which the operator calls the next one off.
func (v *aviary) walkTrip() {
	t, post := v.t, http.MethodPost
	ours, next := v.Coach(time.Now().Add(72*time.Hour), 3), v.Coach(time.Now().Add(80*time.Hour), 3)
	send := func(who apptest.Who, path string, body any, want int, out any) {
		t.Helper()
		a := v.Do(apptest.Call{Who: &who, Method: post, Path: "/travel/v1" + path, Key: apptest.Key(), Body: body})
		if a.Status != want {
			t.Fatalf("%s: %d %s", path, a.Status, a.Body)
		}
		if out != nil {
			a.JSON(t, out)
		}
	}
	buy := func(departure string) (b trip) {
		send(v.zoe, "/bookings", ride(departure, 1, 3, 2), http.StatusCreated, &b)
		v.refused(v.zoe, post, "/travel/v1/bookings/"+b.ID+"/passengers", map[string]any{"passengers": []map[string]any{{"self": true}, {"name": canaries["companion"] + "\u202e"}}})
		send(v.zoe, "/bookings/"+b.ID+"/passengers", map[string]any{"passengers": []map[string]any{{"self": true}, {"name": canaries["companion"]}}}, http.StatusOK, &b)
		var p goingToPay
		send(v.zoe, "/bookings/"+b.ID+"/pay", map[string]any{"version": b.Version}, http.StatusOK, &p)
		v.Pay.Happens(t, "northwick", kernel.PaymentID(p.Payment.ID), kernel.ChangeAuthorized)
		v.settle()
		v.Pay.Deliver(t, "northwick")
		v.settle()
		return (&coastline{v.App, t}).get(v.zoe, b.ID)
	}
	first, second := buy(ours), buy(next)
	if first.State != "booked" || second.State != "booked" || first.Passengers[1].Name != canaries["companion"] {
		t.Fatalf("%+v %+v", first, second)
	}
	board := "/travel/v1/operators/coast-coaches/departures/"
	v.refused(apptest.Nora, http.MethodGet, board+ours+"/passengers", nil)
	v.refused(apptest.Boris, http.MethodGet, "/travel/v1/bookings/"+first.ID, nil)
	v.refused(apptest.Carl, post, board+ours+"/scans", map[string]any{"code": canaries["companion"]})
	v.refused(apptest.Dina, post, board+kernel.NewID()+"/call-off", map[string]any{"reason": canaries["dispatch"], "rebook": false})
	if a := v.Do(apptest.Call{Who: &apptest.Dina, Method: http.MethodGet, Path: board + ours + "/passengers"}); a.Status != http.StatusOK || !bytes.Contains(a.Body, []byte(canaries["companion"])) {
		t.Errorf("the dispatcher's list: %d %s", a.Status, a.Body)
	}
	send(apptest.Dina, "/operators/coast-coaches/departures/"+next+"/call-off", map[string]any{"reason": canaries["dispatch"], "rebook": false}, http.StatusOK, nil)
	v.settle()
	for _, path := range []string{"/apps/coach-ticket", "/apps/coach-ticket/bookings/" + first.ID, "/payments"} {
		v.page(v.zoe, http.MethodGet, path, nil, 200)
	}
}

func london(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// walkWrongly sends what is refused, with canaries in it.
func (v *aviary) walkWrongly(c apptest.Case) {
	draft := apptest.Draft(v.App, v.zoe)
	act := "/civic/v1/applications/" + draft.ID + "/actions/"
	step := func(input map[string]any) map[string]any {
		return map[string]any{"version": draft.Version, "input": input}
	}
	v.refused(v.zoe, http.MethodPost, act+"submit", step(map[string]any{"purpose": canaries["purpose"], "certificate_language": canaries["note"], "copies": canaries["answer"]}))
	v.refused(v.zoe, http.MethodPost, act+"save", step(map[string]any{"note": canaries["note"] + "\x00"}))
	v.refused(v.zoe, http.MethodPost, act+"save", step(map[string]any{"note": []string{canaries["note"]}}))
	v.refused(v.zoe, http.MethodPost, act+"save", step(map[string]any{"note": strings.Repeat(canaries["note"], 100)}))
	v.refused(v.zoe, http.MethodPost, act+"save", map[string]any{"version": canaries["note"], "input": canaries["note"]})
	v.refused(v.zoe, http.MethodPost, act+url.PathEscape(canaries["name"]), step(nil))
	v.refused(v.zoe, http.MethodPost, "/civic/v1/applications/"+c.ID+"/actions/withdraw", map[string]any{"version": 1, "input": map[string]any{}})
	v.refused(apptest.Boris, http.MethodGet, "/civic/v1/applications/"+c.ID, nil)
	v.refused(apptest.Boris, http.MethodPost, act+"submit", step(map[string]any{"note": canaries["note"]}))
	v.refused(apptest.Visitor, http.MethodGet, "/workflow/v1/cases/"+c.ID, nil)
	v.refused(apptest.Oliver, http.MethodGet, "/workflow/v1/cases/"+draft.ID, nil)
	v.refused(apptest.Oliver, http.MethodGet, "/workflow/v1/cases/"+url.PathEscape(canaries["street"]), nil)
	v.refused(apptest.Oliver, http.MethodGet, "/workflow/v1/cases?cursor="+url.QueryEscape(canaries["name"]), nil)
	v.refused(apptest.Oliver, http.MethodPost, "/workflow/v1/cases/"+c.ID+"/actions/propose-refusal", map[string]any{"version": c.Version, "input": map[string]any{"refusal_reason": canaries["refusal"]}})
	for _, body := range []string{`{"service": "` + canaries["name"], canaries["note"], `["` + canaries["street"] + `"]`} {
		req, err := v.Request(v.t.Context(), apptest.Call{Who: &v.zoe, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: 1})
		if err != nil {
			v.t.Fatal(err)
		}
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		a, err := v.Send(req)
		if err != nil || a.Status < 400 {
			v.t.Errorf("a body that is no request: %d %v", a.Status, err)
		}
		v.problems.add(string(a.Body))
	}
}

// walkPages looks at every page of the case as its people, and types canaries where they do not belong.
func (v *aviary) walkPages(c apptest.Case, document, number string) {
	t, get, post := v.t, http.MethodGet, http.MethodPost
	if b := v.page(v.zoe, get, "/cases/"+c.ID, nil, 200); !bytes.Contains(b, []byte(canaries["purpose"])) || !bytes.Contains(b, []byte(canaries["refusal"])) {
		t.Error("the applicant does not see the answers and the reason: what is watched is not there")
	}
	if b := v.page(apptest.Oliver, get, "/staff/cases/"+c.ID, nil, 200); !bytes.Contains(b, []byte(canaries["name"])) {
		t.Error("the registrar does not see whose case it is")
	}
	for _, path := range []string{"/", "/cases", "/documents", "/messages", "/access", "/apps/residence-certificate", "/verify", "/verify/" + number} {
		v.page(v.zoe, get, path, nil, 200)
	}
	v.page(v.zoe, get, "/documents/"+document+".pdf", nil, 200)
	for _, path := range []string{"/staff/cases", "/staff/cases?queue=all", "/staff/cases/" + c.ID + "/audit"} {
		v.page(apptest.Oliver, get, path, nil, 200)
	}
	v.page(v.zoe, post, "/apps/residence-certificate/start", url.Values{"idempotency_key": {apptest.Key()}}, 303)
	draft := apptest.Draft(v.App, v.zoe)
	form := "/apps/residence-certificate/apply/" + draft.ID
	typed := url.Values{"purpose": {"other"}, "purpose_other": {canaries["purpose"]}, "asked": {"purpose purpose_other"}, "idempotency_key": {apptest.Key()}}
	v.page(v.zoe, post, form+"/purpose", typed, 303)
	typed.Set("purpose_other", strings.Repeat(canaries["purpose"], 9))
	v.page(v.zoe, post, form+"/purpose", typed, 422)
	v.page(v.zoe, get, form+"/you", nil, 200)
	v.page(v.zoe, get, form+"/purpose", nil, 200)
	v.page(apptest.Boris, get, form+"/purpose", nil, 404)
	v.page(apptest.Boris, get, "/cases/"+c.ID, nil, 404)
	v.page(v.zoe, get, "/cases/"+url.PathEscape(canaries["street"]), nil, 404)
	v.page(v.zoe, get, "/"+url.PathEscape(canaries["name"]), nil, 404)
}

// The planted fault: a watcher that finds nothing anywhere would pass the test above.
func TestTheWatcherSeesAPlantedLeakInEveryDress(t *testing.T) {
	t.Parallel()
	for _, leak := range []string{
		`{"msg":"applicant Zephyrine Quuxberg"}`, `{"msg":"zephyrine quuxberg"}`, "/staff/cases?q=Zephyrine+Quuxberg", "/cases/Zephyrine%20Quuxberg",
		`{"note":"Canary Note Ибис \u003cb\u003e\u0026"}`, "Canary Note Ибис &lt;b&gt;&amp;",
	} {
		s := &sink{name: "planted"}
		s.add(leak)
		if len(s.leaks()) == 0 {
			t.Errorf("not seen: %s", leak)
		}
	}
	var log sink
	v := apptest.Start(t, apptest.WithLog(&log))
	v.Log().Info("applicant", "name", canaries["name"])
	if len(log.leaks()) == 0 {
		t.Error("the town's log is not watched")
	}
}
