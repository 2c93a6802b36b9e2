package apptest_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// number reads one number of the database.
func (d *surgery) number(query string, args ...any) (n int) {
	d.t.Helper()
	must(d.t, d.DB.InTx(d.t.Context(), "northwick", func(tx *pg.Tx) error { return tx.GetContext(d.t.Context(), &n, query, args...) }))
	return n
}

// rows reads some.
func (d *surgery) rows(out any, query string, args ...any) {
	d.t.Helper()
	must(d.t, d.DB.InTx(d.t.Context(), "northwick", func(tx *pg.Tx) error { return tx.SelectContext(d.t.Context(), out, query, args...) }))
}

func (d *surgery) run(query string, args ...any) {
	d.t.Helper()
	must(d.t, d.DB.InTx(d.t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(d.t.Context(), query, args...)
		return err
	}))
}

// send is a call of the contract without more.
func (d *surgery) send(who apptest.Who, method, path string, body any) apptest.Answer {
	d.t.Helper()
	c := apptest.Call{Who: &who, Method: method, Path: path, Body: body}
	if method == http.MethodPost {
		c.Key = apptest.Key()
	}
	return d.Do(c)
}

func TestStaffMoveNobodyWithoutGivingThemATime(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], "")
	forged := url.Values{"visit": {"Surgery"}, "when": {"Never"}, "starts": {"2030-01-01T09:00:00Z"}, "place": {"Elsewhere"}, "address": {"Nowhere 1"}, "patient": {"Somebody Else"}}
	input := map[string]any{}
	for name, value := range forged {
		input[name] = value[0]
	}
	for _, who := range []apptest.Who{apptest.Rosa, apptest.Amara, apptest.Petra} {
		for _, action := range []string{"move", "reschedule", "confirm", "offer", "expire", "join", "admit"} {
			form := url.Values{"version": {"2"}}
			for name, value := range forged {
				form[name] = value
			}
			form.Set("idempotency_key", apptest.Key())
			a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/staff/clinics/riverside-clinic/appointments/" + b.ID + "/" + action, Form: form, Cookie: d.Cookie("northwick", who)})
			if a.Status < 400 {
				t.Errorf("%s takes %s on the page: %d", who.Name, action, a.Status)
			}
			if a := d.send(who, http.MethodPost, "/medical/v1/clinics/riverside-clinic/appointments/"+b.ID+"/actions/"+action, map[string]any{"version": 2, "input": input}); a.Status < 400 {
				t.Errorf("%s takes %s by the contract: %d %s", who.Name, action, a.Status, a.Body)
			}
			if a := d.send(who, http.MethodPost, "/workflow/v1/cases/"+b.ID+"/actions/"+action, map[string]any{"version": 2, "input": input}); a.Status < 400 {
				t.Errorf("%s takes %s by the workflow's contract: %d %s", who.Name, action, a.Status, a.Body)
			}
		}
	}
	if n := d.number(`SELECT version FROM casework.case WHERE tenant_id = 'northwick' AND id = $1`, b.ID); n != 2 {
		t.Errorf("the case has version %d: somebody stepped", n)
	}
}

func TestNobodyHoldsTwoTimesOfAService(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	slots := append(append([]string{}, d.osei[1:]...), d.weir...)
	var wg sync.WaitGroup
	for _, slot := range slots {
		wg.Go(func() {
			a := d.send(d.people[0], http.MethodPost, "/medical/v1/holds", map[string]any{"slot": slot, "visit_type": "consultation"})
			if a.Status != http.StatusCreated {
				t.Errorf("a hold: %d %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if n := d.number(`SELECT coalesce(sum(medical.live_holds(hold_until)), 0) FROM medical.slot WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("one person holds %d times at once", n)
	}
	// A draft that is too old to be taken up gives its time back, too.
	d.run(`UPDATE medical.appointment SET created_at = created_at - interval '21 minutes' WHERE tenant_id = 'northwick' AND state = 'draft'`)
	d.send(d.people[0], http.MethodPost, "/medical/v1/holds", map[string]any{"slot": slots[0], "visit_type": "consultation"})
	d.send(d.people[0], http.MethodPost, "/medical/v1/holds", map[string]any{"slot": slots[1], "visit_type": "consultation"})
	if n := d.number(`SELECT coalesce(sum(medical.live_holds(hold_until)), 0) FROM medical.slot WHERE tenant_id = 'northwick'`); n != 1 {
		t.Errorf("one person holds %d times after their draft grew old", n)
	}
}

func TestWhatIsNoLongerOfferedCannotBeBookedByItsId(t *testing.T) {
	t.Parallel()
	for _, off := range []string{
		`UPDATE medical.visit_type SET active = false WHERE tenant_id = 'northwick'`,
		`UPDATE medical.place SET active = false WHERE tenant_id = 'northwick'`,
		`UPDATE medical.schedule SET active = false WHERE tenant_id = 'northwick'`,
	} {
		t.Run(off[:30], func(t *testing.T) {
			t.Parallel()
			d := newSurgery(t)
			d.run(off)
			body := map[string]any{"slot": d.osei[1], "visit_type": "consultation"}
			for _, path := range []string{"/medical/v1/appointments", "/medical/v1/holds"} {
				if a := d.send(d.people[0], http.MethodPost, path, body); a.Status != http.StatusNotFound && a.Status != http.StatusConflict {
					t.Errorf("%s: %d %s", path, a.Status, a.Body)
				}
			}
		})
	}
}

func TestHostileParametersAreRefusedAndNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], "")
	anon := func(path string) {
		t.Helper()
		if a := d.Do(apptest.Call{Tenant: "northwick", Method: http.MethodGet, Path: path}); a.Status >= 500 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	for _, q := range []string{"near=NaN,NaN", "near=Inf,-Inf", "near=1e308,0", "day=0000-00-00", "day=9999-12-31", "day=0001-01-01", "day=0000-01-01", "near=%00", "language=%00", "place=------------------------------------"} {
		for _, path := range []string{"slots", "days", "places"} {
			anon("/medical/v1/visit-types/consultation/" + path + "?" + q)
		}
		a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/apps/doctor-appointment/times?visit=consultation&" + q})
		if a.Status >= 500 {
			t.Errorf("times page %s: %d", q, a.Status)
		}
	}
	anon("/medical/v1/visit-types/consultation/slots?until=9999-12-31&day=0001-01-01")
	anon("/medical/v1/visit-types/consultation/slots?cursor=zzz")
	anon("/medical/v1/visit-types/%00/slots")
	for _, path := range []string{"Slot?status=%00", "Slot?start=9999", "Slot?start=0001", "Slot?_id=%00", "Slot?schedule=%00", "Slot?_page=%00", "Slot?_count=-1", "Slot?_count=99999999999999999999",
		"Location?name=%00", "Schedule?actor=%00", "Slot?start=ge9999-12-31T23:59:59Z", "Slot?service-type=" + strings.Repeat("x", 9000), "Location/%00"} {
		anon("/medical/v1/fhir/R4/" + path)
	}
	anon("/medical/v1/smart/slots/%00_2026-11-23.ndjson")
	anon("/medical/v1/smart/slots/_0000-01-03.ndjson")
	for _, path := range []string{"Appointment?identifier=%00", "Appointment?status=%00", "Appointment?service-type=%00", "Appointment?date=9999", "Appointment?_page=zzz", "Appointment/" + strings.Repeat("a", 64)} {
		if a := d.send(apptest.Clinic, http.MethodGet, "/medical/v1/fhir/R4/"+path, nil); a.Status >= 500 {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := d.send(d.people[0], http.MethodGet, "/medical/v1/appointments?cursor=------------------------------------", nil); a.Status >= 500 {
		t.Errorf("cursor: %d %s", a.Status, a.Body)
	}
	if a := d.send(d.people[0], http.MethodPost, "/medical/v1/appointments", map[string]any{"slot": d.osei[1], "visit_type": "a\x00b"}); a.Status >= 500 {
		t.Errorf("visit type: %d %s", a.Status, a.Body)
	}
	for _, path := range []string{"move?case=" + b.ID + "&practitioner=x", "move?case=" + b.ID + "&place=x", "move?case=x", "call-off?case=%00", "day?place=%00", "day?day=9999-12-31", "day?day=0000-01-01",
		"appointments/%00", "setup/places/%00", "walk-in?visit=%00"} {
		a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/staff/clinics/riverside-clinic/" + path, Cookie: d.Cookie("northwick", apptest.Rosa)})
		if a.Status >= 500 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	for _, form := range []url.Values{
		{"visit": {"consultation"}, "patient_name": {"A"}, "patient_birthdate": {"1980-01-01"}, "slot": {"now"}, "place": {"x"}},
		{"visit": {"consultation"}, "patient_name": {"A"}, "patient_birthdate": {"1980-01-01"}, "slot": {"x"}},
		{"visit": {"consultation"}, "patient_name": {"A"}, "patient_birthdate": {"1980-01-01"}, "slot": {"now"}, "practitioner": {"x"}},
	} {
		form.Set("idempotency_key", apptest.Key())
		a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/staff/clinics/riverside-clinic/walk-in", Form: form, Cookie: d.Cookie("northwick", apptest.Rosa)})
		if a.Status >= 500 || a.Status < 400 {
			t.Errorf("walk-in %v: %d", form, a.Status)
		}
	}
	for _, path := range []string{"/apps/doctor-appointment/hold?visit=%00&slot=" + d.osei[1], "/apps/doctor-appointment/hold?visit=consultation&slot=%00", "/apps/doctor-appointment/waiting?visit=%00", "/apps/doctor-appointment/check-in/%00",
		"/apps/doctor-appointment/appointments/%00", "/apps/doctor-appointment/appointments/.ics", "/calendar/" + strings.Repeat("%00", 24) + ".ics", "/apps/doctor-appointment/start"} {
		a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path, Cookie: d.Cookie("northwick", d.people[0])})
		if a.Status >= 500 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/apps/doctor-appointment/start", Form: url.Values{"idempotency_key": {apptest.Key()}}, Cookie: d.Cookie("northwick", d.people[0])})
	if a.Status < 400 {
		t.Errorf("a case of the sector without an appointment: %d", a.Status)
	}
	if a := d.send(d.people[0], http.MethodPost, "/civic/v1/applications", map[string]any{"service": "doctor-appointment"}); a.Status < 400 {
		t.Errorf("by the civic contract: %d %s", a.Status, a.Body)
	}
}

func TestAClinicsPapersAreItsOwn(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	d.book(d.people[0], d.osei[0], "")
	if n := d.number(`SELECT count(*) FROM documents.document WHERE tenant_id = 'northwick' AND agency <> 'riverside-clinic'`); n != 0 {
		t.Errorf("%d papers of the clinic belong to another agency", n)
	}
}

// elsewhere makes a second clinic with one time, for the same type of visit.
func (d *surgery) elsewhere() (slot string) {
	d.t.Helper()
	place, schedule, slot := kernel.NewID(), kernel.NewID(), kernel.NewID()
	d.run(`INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', 'harbour-health')`)
	d.run(`INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, zone, door_code)
		VALUES ('northwick', $1, 'harbour-health', 'main', '{"en":"Harbour Health Centre"}', '9 Dock Road', 'NW9 1AA', 'Northwick', 'GB', $2, $3)`, place, d.zone, place)
	d.run(`INSERT INTO medical.schedule (tenant_id, id, facility, place_id, origin, visit_types, slot_minutes, starts_on, rrule, time_from, time_until)
		VALUES ('northwick', $1, 'harbour-health', $2, 'plan', '{consultation}', 20, now(), 'FREQ=DAILY', '00:00', '23:59')`, schedule, place)
	d.run(`INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, starts_at, ends_at, capacity)
		VALUES ('northwick', $1, 'harbour-health', $2, $3, now() + interval '30 minutes', now() + interval '50 minutes', 1)`, slot, place, schedule)
	return slot
}

func TestACaseBelongsToTheClinicThatTreats(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	there := d.elsewhere()
	who := d.people[0]
	hold := func(slot string) (b booked) {
		t.Helper()
		a := d.send(who, http.MethodPost, "/medical/v1/holds", map[string]any{"slot": slot, "visit_type": "consultation"})
		if a.Status != http.StatusCreated {
			t.Fatalf("hold: %d %s", a.Status, a.Body)
		}
		a.JSON(t, &b)
		return b
	}
	hold(d.osei[1]) // at Riverside; then the mind is changed
	b := hold(there)
	if a := d.send(who, http.MethodPost, "/medical/v1/appointments/"+b.ID+"/confirm", map[string]any{"version": 1}); a.Status != http.StatusOK {
		t.Fatalf("confirm: %d %s", a.Status, a.Body)
	}
	if n := d.number(`SELECT count(*) FROM medical.appointment a JOIN casework.case c ON c.tenant_id = a.tenant_id AND c.id = a.case_id
		WHERE a.tenant_id = 'northwick' AND a.state = 'booked' AND a.facility = 'harbour-health' AND c.agency = 'harbour-health'`); n != 1 {
		t.Error("the case is another clinic's")
	}
	if a := d.send(apptest.Hannah, http.MethodGet, "/medical/v1/clinics/harbour-health/appointments/"+b.ID, nil); a.Status != http.StatusOK {
		t.Errorf("whoever treats cannot read it: %d %s", a.Status, a.Body)
	}
	if a := d.send(apptest.Amara, http.MethodGet, "/workflow/v1/cases/"+b.ID, nil); a.Status != http.StatusNotFound {
		t.Errorf("the clinic that was not chosen reads it: %d", a.Status)
	}
	if n := d.number(`SELECT coalesce(sum(medical.live_holds(hold_until)), 0) FROM medical.slot WHERE tenant_id = 'northwick'`); n != 0 {
		t.Errorf("%d times are still held", n)
	}
}

func TestNobodyCancelsAVisitThatHasBegunWhateverTheScheduleSaysSince(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], "")
	d.run(`UPDATE medical.appointment SET starts_at = starts_at - interval '20 minutes', ends_at = ends_at - interval '20 minutes' WHERE tenant_id = 'northwick'`)
	d.run(`UPDATE medical.schedule SET visit_types = '{}' WHERE tenant_id = 'northwick'`)
	if a := d.send(d.people[0], http.MethodPost, "/medical/v1/appointments/"+b.ID+"/cancel", map[string]any{"version": 2, "reason": "time"}); a.Status != http.StatusConflict {
		t.Errorf("cancelled after the beginning: %d %s", a.Status, a.Body)
	}
}

func TestNobodyReschedulesToADayOnWhichTheVisitIsNotForTheirAge(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], "")
	d.run(`UPDATE medical.visit_type SET min_age = 150 WHERE tenant_id = 'northwick'`)
	if a := d.send(d.people[0], http.MethodPost, "/medical/v1/appointments/"+b.ID+"/reschedule", map[string]any{"version": 2, "slot": d.osei[1]}); a.Status != http.StatusConflict {
		t.Errorf("rescheduled: %d %s", a.Status, a.Body)
	}
}

func TestNobodyStandsInTheLineTwice(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	today := time.Now().Format(time.DateOnly)
	wish := map[string]any{"visit_type": "consultation", "facility": "riverside-clinic", "from": today, "until": time.Now().AddDate(0, 0, 7).Format(time.DateOnly)}
	var wg sync.WaitGroup
	var joined atomic.Int32
	for range 6 {
		wg.Go(func() {
			switch a := d.send(d.people[0], http.MethodPost, "/medical/v1/waiting", wish); a.Status {
			case http.StatusCreated:
				joined.Add(1)
			case http.StatusConflict:
			default:
				t.Errorf("join: %d %s", a.Status, a.Body)
			}
		})
	}
	wg.Wait()
	if joined.Load() != 1 {
		t.Errorf("one patient joined %d times", joined.Load())
	}
	child := map[string]any{"for_whom": "child", "name": "Leo Number", "birthdate": "2019-05-04", "relation": "parent", "declared": true}
	wish["patient"] = child
	if a := d.send(d.people[0], http.MethodPost, "/medical/v1/waiting", wish); a.Status != http.StatusCreated {
		t.Errorf("for a child: %d %s", a.Status, a.Body)
	}
}
