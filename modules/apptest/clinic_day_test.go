package apptest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// surgery is a town in which Riverside has two practitioners with slots today, by the clock of a zone in which it is
// about noon, so that no test meets midnight.
type surgery struct {
	*apptest.App
	t      *testing.T
	zone   string
	osei   []string // slots of Dr Osei: the first begins within twenty minutes, the others follow
	weir   []string // of Dr Weir: later
	people []apptest.Who
}

func newSurgery(t *testing.T, options ...apptest.Option) *surgery {
	t.Helper()
	d := &surgery{App: apptest.Start(t, options...), t: t}
	d.Know("northwick", apptest.Anna, apptest.Boris, apptest.Rosa, apptest.Amara, apptest.Petra, apptest.Hannah, apptest.Oliver)
	for i := range 4 {
		d.people = append(d.people, apptest.Who{Subject: fmt.Sprintf("patient-%d", i), Name: fmt.Sprintf("Patient Number%d", i), ACR: "substantial", Client: "northwick.doctor-appointment"})
	}
	d.Know("northwick", d.people...)
	now := time.Now().UTC()
	d.zone = "Etc/GMT" + fmt.Sprintf("%+d", now.Hour()-12) // POSIX signs: it is noon there
	if now.Hour() == 12 {
		d.zone = "Etc/GMT"
	}
	place, schedules, practitioners := kernel.NewID(), []string{kernel.NewID(), kernel.NewID()}, []string{kernel.NewID(), kernel.NewID()}
	must(t, d.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		run := func(text string, args ...any) (err error) {
			_, err = tx.ExecContext(t.Context(), text, args...)
			return err
		}
		err := run(`INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', 'riverside-clinic')`)
		if err == nil {
			err = run(`INSERT INTO medical.visit_type (tenant_id, code, service, name, minutes, level) VALUES
				('northwick', 'consultation', 'doctor-appointment', '{"en":"Consultation","ru":"Приём врача","zh":"门诊"}', 20, 'low')`)
		}
		if err == nil {
			err = run(`INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, zone, door_code)
				VALUES ('northwick', $1, 'riverside-clinic', 'main', '{"en":"Riverside Clinic","ru":"Клиника «Риверсайд»","zh":"河畔诊所"}', '3 Quay Street', 'NW1 4RS', 'Northwick', 'GB', $2, $3)`, place, d.zone, place)
		}
		for i, name := range []string{"Dr Amara Osei", "Dr Jonas Weir"} {
			if err == nil {
				err = run(`INSERT INTO medical.practitioner (tenant_id, id, facility, code, name) VALUES ('northwick', $1, 'riverside-clinic', $2, $2)`, practitioners[i], name)
			}
			if err == nil {
				err = run(`INSERT INTO medical.schedule (tenant_id, id, facility, place_id, practitioner_id, origin, visit_types, slot_minutes, starts_on, rrule, time_from, time_until)
					VALUES ('northwick', $1, 'riverside-clinic', $2, $3, 'plan', $4, 20, now(), 'FREQ=DAILY', '00:00', '23:59')`, schedules[i], place, practitioners[i], pq.Array([]string{"consultation"}))
			}
			for n := range 4 {
				at := now.Truncate(20 * time.Minute).Add(time.Duration(20+20*n+120*i) * time.Minute) // as the plan makes them
				id := kernel.NewID()
				if err == nil {
					err = run(`INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, practitioner_id, starts_at, ends_at, capacity)
						VALUES ('northwick', $1, 'riverside-clinic', $2, $3, $4, $5, $6, 1)`, id, place, schedules[i], practitioners[i], at, at.Add(20*time.Minute))
				}
				if i == 0 {
					d.osei = append(d.osei, id)
				} else {
					d.weir = append(d.weir, id)
				}
			}
		}
		return err
	}))
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type booked struct {
	ID, Number, State, Slot string
	Version                 int
}

// book books a slot by the contract.
func (d *surgery) book(who apptest.Who, slot, reason string) (b booked) {
	d.t.Helper()
	a := d.Do(apptest.Call{Who: &who, Method: http.MethodPost, Path: "/medical/v1/appointments", Key: apptest.Key(),
		Body: map[string]any{"slot": slot, "visit_type": "consultation", "locale": "en", "patient": map[string]any{"reason": reason}}})
	if a.Status != http.StatusCreated {
		d.t.Fatalf("booking: %d %s", a.Status, a.Body)
	}
	a.JSON(d.t, &b)
	return b
}

// at fetches a page of the clinic as somebody and returns it.
func (d *surgery) at(who apptest.Who, path string, want int) string {
	d.t.Helper()
	a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/staff/clinics/riverside-clinic/" + path, Cookie: d.Cookie("northwick", who)})
	if a.Status != want {
		d.t.Fatalf("%s reads %s: %d, want %d: %.400s", who.Name, path, a.Status, want, a.Body)
	}
	if bytes.Contains(a.Body, []byte("⟦")) {
		d.t.Errorf("%s lacks a text: %.400s", path, a.Body[bytes.Index(a.Body, []byte("⟦")):])
	}
	return string(a.Body)
}

// post sends a form of the clinic as somebody; want 303 returns where it leads, otherwise the page.
func (d *surgery) post(who apptest.Who, path string, form url.Values, want int) string {
	d.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("idempotency_key") {
		form.Set("idempotency_key", apptest.Key())
	}
	a := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/staff/clinics/riverside-clinic/" + path, Form: form, Cookie: d.Cookie("northwick", who)})
	if a.Status != want {
		d.t.Fatalf("%s posts %s: %d, want %d: %.600s", who.Name, path, a.Status, want, a.Body)
	}
	if want == http.StatusSeeOther {
		return a.Header.Get("Location")
	}
	return string(a.Body)
}

const canaryReason = "CANARY: сыпь on the left arm, 皮疹"

func TestReceptionChecksInAndThePractitionerReadsWhyAndCertifies(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], canaryReason)
	d.Settle()

	// Who sees what: the name on the sheet for all who work there, the reason for practitioners of this clinic alone.
	visit := "appointments/" + b.ID
	for _, who := range []apptest.Who{apptest.Rosa, apptest.Petra, apptest.Amara} {
		if !strings.Contains(d.at(who, "day", http.StatusOK), d.people[0].Name) {
			t.Errorf("%s does not see who comes", who.Name)
		}
		sees := strings.Contains(d.at(who, visit, http.StatusOK), "CANARY")
		if sees != (who.Name == apptest.Amara.Name) {
			t.Errorf("%s sees the reason: %v", who.Name, sees)
		}
	}
	for _, path := range []string{"day", visit, "tasks", "move?case=" + b.ID, "call-off?case=" + b.ID} {
		d.at(apptest.Hannah, path, http.StatusNotFound) // a practitioner of another clinic
	}
	d.at(apptest.Oliver, visit, http.StatusNotFound)

	// By the code on the confirmation: its address in the QR code, its number, the appointment's, typed carelessly.
	number := d.confirmation(d.people[0], b.ID)
	if page := d.post(apptest.Rosa, "check-in", url.Values{"code": {"DA-2026-AAAA-AAAA"}}, http.StatusUnprocessableEntity); !strings.Contains(page, "no appointment with this number") {
		t.Errorf("an unknown number: %.300s", page)
	}
	to := d.post(apptest.Rosa, "check-in", url.Values{"code": {" " + d.Origin("northwick") + "/verify/" + strings.ToLower(number) + "\n"}}, http.StatusSeeOther)
	if page := d.at(apptest.Rosa, strings.TrimPrefix(to, "/staff/clinics/riverside-clinic/"), http.StatusOK); !strings.Contains(page, d.people[0].Name+" is checked in") {
		t.Errorf("after the scan: %s", page)
	}
	d.post(apptest.Rosa, "check-in", url.Values{"code": {strings.ToLower(strings.ReplaceAll(b.Number, "-", "–"))}}, http.StatusSeeOther) // twice is once

	// Reception does not certify; the practitioner does, after a look at the draft.
	days := url.Values{"unfit_from": {"2026-12-01"}, "unfit_until": {"2026-12-04"}, "certified_by": {"Dr Amara Osei"}}
	if page := d.at(apptest.Rosa, visit, http.StatusOK); strings.Contains(page, "certify-sickness") || strings.Contains(page, "action-complete") {
		t.Error("reception is offered to certify")
	}
	d.post(apptest.Rosa, visit+"/certify-sickness", days, http.StatusForbidden)
	wrong := url.Values{"unfit_from": {"2026-12-04"}, "unfit_until": {"2026-12-01"}, "certified_by": {"Dr Amara Osei"}}
	if page := d.post(apptest.Amara, visit+"/certify-sickness", wrong, http.StatusConflict); !strings.Contains(page, "before the first") {
		t.Errorf("the wrong days: %.500s", page)
	}
	draft := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/staff/cases/" + b.ID + "/preview.pdf?action=certify-sickness", Form: days, Cookie: d.Cookie("northwick", apptest.Amara)})
	if draft.Status != http.StatusOK || !bytes.HasPrefix(draft.Body, []byte("%PDF")) {
		t.Errorf("preview: %d", draft.Status)
	}
	d.post(apptest.Amara, visit+"/certify-sickness", days, http.StatusSeeOther)
	d.post(apptest.Amara, visit+"/complete", url.Values{"outcome": {"treated"}}, http.StatusSeeOther)
	d.Settle()
	d.sealed(d.people[0], "sick-note", "4 December 2026", "Dr Amara Osei")
	if page := d.at(apptest.Amara, visit, http.StatusOK); !strings.Contains(page, "unfitness for work") || !strings.Contains(page, "/verify/") {
		t.Errorf("the certificate is not on the page: %s", page)
	}

	// The patient reads who looked, in words.
	access := d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/access", Cookie: d.Cookie("northwick", d.people[0])})
	for _, want := range []string{"Read why you come to the visit", "Saw your appointment in the clinic", "Riverside Clinic", "Practitioner", "Reception"} {
		if !bytes.Contains(access.Body, []byte(want)) {
			t.Errorf("the access page does not say %q", want)
		}
	}
	if bytes.Contains(access.Body, []byte("Worked with your data")) {
		t.Error("an entry has no words of its own")
	}
	nowhere(d.t, d.App, "CANARY")
}

// confirmation is the number of the confirmation of an appointment.
func (d *surgery) confirmation(who apptest.Who, id string) string {
	d.t.Helper()
	var all struct {
		Documents []struct{ Number, Type, State, Case string }
	}
	d.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/documents/v1/documents"}).JSON(d.t, &all)
	for _, one := range all.Documents {
		if one.Case == id && one.Type == "appointment-confirmation" && one.State == "valid" {
			return one.Number
		}
	}
	d.t.Fatalf("no confirmation of %s: %+v", id, all)
	return ""
}

func (d *surgery) holds(who apptest.Who, docType, state string) bool {
	d.t.Helper()
	var all struct {
		Documents []struct{ Type, State string }
	}
	d.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/documents/v1/documents"}).JSON(d.t, &all)
	for _, one := range all.Documents {
		if one.Type == docType && one.State == state {
			return true
		}
	}
	return false
}

// sealed fetches a person's valid document of one type and lets poppler judge its seal and read its words; why the patient
// came is not among them.
func (d *surgery) sealed(who apptest.Who, docType string, words ...string) {
	d.t.Helper()
	var all struct {
		Documents []struct{ ID, Type, State string }
	}
	d.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/documents/v1/documents"}).JSON(d.t, &all)
	for _, one := range all.Documents {
		if one.Type != docType || one.State != "valid" {
			continue
		}
		file := filepath.Join(d.t.TempDir(), "document.pdf")
		must(d.t, os.WriteFile(file, d.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/documents/v1/documents/" + one.ID + "/file"}).Body, 0o600))
		if out, err := exec.CommandContext(d.t.Context(), "pdfsig", "-nocert", file).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("Signature is Valid")) {
			d.t.Errorf("pdfsig on the %s: %v %s", docType, err, out)
		}
		text, err := exec.CommandContext(d.t.Context(), "pdftotext", "-layout", file, "-").Output()
		must(d.t, err)
		for _, w := range words {
			if !bytes.Contains(text, []byte(w)) {
				d.t.Errorf("the %s does not say %q:\n%s", docType, w, text)
			}
		}
		if bytes.Contains(text, []byte("CANARY")) {
			d.t.Errorf("the %s tells why the patient came", docType)
		}
		return
	}
	d.t.Errorf("%s has no valid %s: %+v", who.Name, docType, all)
}

// nowhere looks through every column of every table for a text.
func nowhere(t *testing.T, a *apptest.App, text string) {
	t.Helper()
	tables := 0
	must(t, a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		var names []string
		err := tx.Select(&names, `SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
			WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`)
		for _, name := range names {
			var n int
			if err == nil && !strings.HasPrefix(name, "public.goose") {
				tables++
				// bytea is written as hexadecimal digits: those of the text are looked for as well.
				err = tx.Get(&n, `SELECT count(*) FROM `+name+` t WHERE t::text ILIKE '%' || $1 || '%' OR t::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'`, text)
			}
			if n > 0 {
				t.Errorf("%s holds %s", name, text)
			}
		}
		return err
	}))
	if tables < 40 {
		t.Errorf("only %d tables were looked through", tables)
	}
}

func TestPatientsAreMovedAndCalledOffInBulkEachWithANotice(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	var all []booked
	chosen := url.Values{}
	for i := range 4 {
		all = append(all, d.book(d.people[i], d.osei[i], ""))
		chosen.Add("case", all[i].ID)
	}
	d.Settle()
	// One of the other practitioner's times is taken: the preview says who cannot be moved.
	d.book(apptest.Boris, d.weir[3], "")
	weir := d.practitionerOf(d.weir[0])
	chosen.Set("practitioner", weir)
	page := d.at(apptest.Petra, "move?"+chosen.Encode(), http.StatusOK)
	pairs := between(page, `name="pair" value="`, `"`)
	if len(pairs) != 3 || !strings.Contains(page, "No free time") {
		t.Fatalf("preview: %d pairs: %s", len(pairs), page)
	}
	if n := d.slotsOf(all); n != strings.Join(d.osei, " ") {
		t.Fatal("the preview moved somebody")
	}
	// One time is taken between the preview and the confirmation.
	late := apptest.Who{Subject: "late", Name: "Late Comer", ACR: "substantial", Client: "northwick.doctor-appointment"}
	d.Know("northwick", late)
	d.book(late, strings.Fields(pairs[2])[2], "")
	form := url.Values{"pair": pairs, "idempotency_key": {apptest.Key()}}
	for range 2 { // sent twice is done once
		page = d.post(apptest.Petra, "move", form, http.StatusOK)
		if !strings.Contains(page, "Done for 2 of 3") || !strings.Contains(page, "Somebody else has taken this time") {
			t.Fatalf("moved: %s", page)
		}
	}
	d.Settle()
	for i, p := range pairs[:2] {
		if got := d.slotOf(strings.Fields(p)[0]); got != strings.Fields(p)[2] {
			t.Errorf("patient %d has %s", i, got)
		}
	}
	if n := d.notices("moved-by-clinic"); n != 2 {
		t.Errorf("%d notices of a new time", n)
	}
	kept := strings.Fields(pairs[2])
	if d.slotOf(kept[0]) != kept[1] {
		t.Error("whose new time was taken lost the old one")
	}
	// The confirmation of before is not valid any more, the new one is.
	if !d.holds(d.people[0], "appointment-confirmation", "superseded") || !d.holds(d.people[0], "appointment-confirmation", "valid") {
		t.Error("the confirmation was not issued again")
	}

	for _, bad := range []string{"", "no"} {
		d.post(apptest.Rosa, "call-off", url.Values{"case": chosen["case"], "call_off_reason": {bad}}, http.StatusUnprocessableEntity)
	}
	page = d.post(apptest.Rosa, "call-off", url.Values{"case": chosen["case"], "call_off_reason": {"The doctor is ill today."}}, http.StatusOK)
	if !strings.Contains(page, "4 appointments were called off") {
		t.Fatalf("called off: %s", page)
	}
	d.Settle()
	if n := d.notices("called-off"); n != 4 {
		t.Errorf("%d notices of the end", n)
	}
	for i := range 4 {
		if d.holds(d.people[i], "appointment-confirmation", "valid") || !d.holds(d.people[i], "appointment-confirmation", "revoked") {
			t.Errorf("patient %d still has a valid confirmation", i)
		}
	}
	if !strings.Contains(d.at(apptest.Rosa, "day", http.StatusOK), "Late Comer") {
		t.Error("somebody else's appointment went with them")
	}
}

func TestSomebodyWithoutAnAppointmentIsAdmittedAtTheDesk(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	if page := d.at(apptest.Rosa, "walk-in", http.StatusOK); !strings.Contains(page, "Consultation") {
		t.Fatalf("types of visits: %s", page)
	}
	page := d.at(apptest.Rosa, "walk-in?visit=consultation", http.StatusOK)
	if !strings.Contains(page, d.osei[0]) {
		t.Error("the next free time is not offered")
	}
	who := func(name, slot string) url.Values {
		return url.Values{"visit": {"consultation"}, "patient_name": {name}, "patient_birthdate": {"1950-02-01"}, "slot": {slot}, "locale": {"ru"}}
	}
	if page := d.post(apptest.Rosa, "walk-in", url.Values{"visit": {"consultation"}, "slot": {"now"}}, http.StatusUnprocessableEntity); !strings.Contains(page, `href="#f-patient_name"`) || !strings.Contains(page, `href="#f-patient_birthdate"`) {
		t.Errorf("without a name: %s", page)
	}
	d.post(apptest.Petra, "walk-in", who("Wanda Walker", "now"), http.StatusForbidden)
	form := who("Wanda Walker", "now")
	form.Set("idempotency_key", apptest.Key())
	first := d.post(apptest.Rosa, "walk-in", form, http.StatusSeeOther)
	if again := d.post(apptest.Rosa, "walk-in", form, http.StatusSeeOther); again != first {
		t.Errorf("sent twice, admitted twice: %s and %s", first, again)
	}
	second := d.post(apptest.Rosa, "walk-in", who("Walter Walker", d.osei[0]), http.StatusSeeOther)
	if page := d.post(apptest.Rosa, "walk-in", who("Third Walker", d.osei[0]), http.StatusConflict); !strings.Contains(page, "taken this time") {
		t.Errorf("a time that is taken: %s", page)
	}
	sheet := d.at(apptest.Amara, "day", http.StatusOK)
	for _, name := range []string{"Wanda Walker", "Walter Walker"} {
		if strings.Count(sheet, ">"+name+"<") != 1 {
			t.Errorf("%s is not on the sheet once", name)
		}
	}
	for _, path := range []string{first, second} {
		if page := d.at(apptest.Amara, strings.TrimPrefix(path, "/staff/clinics/riverside-clinic/"), http.StatusOK); !strings.Contains(page, "Checked in") || !strings.Contains(page, "action-complete") {
			t.Errorf("%s: %s", path, page)
		}
	}
	// Their certificate is issued like anybody's.
	d.post(apptest.Amara, strings.TrimPrefix(first, "/staff/clinics/riverside-clinic/")+"/certify-attendance",
		url.Values{"present_on": {time.Now().UTC().Format(time.DateOnly)}, "present_from": {"09:00"}, "present_until": {"09:30"}}, http.StatusSeeOther)
	d.Settle()
	if page := d.at(apptest.Amara, strings.TrimPrefix(first, "/staff/clinics/riverside-clinic/"), http.StatusOK); !strings.Contains(page, "/verify/") {
		t.Errorf("no certificate: %s", page)
	}
}

func TestWhoDoesNotComeIsPutDownOnlyOnceTheTimeHasBegun(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], "")
	path := "appointments/" + b.ID
	if page := d.post(apptest.Rosa, path+"/miss", nil, http.StatusConflict); !strings.Contains(page, "not begun") {
		t.Errorf("before its time: %s", page)
	}
	must(t, d.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`UPDATE medical.appointment SET starts_at = starts_at - interval '40 minutes', ends_at = ends_at - interval '40 minutes' WHERE tenant_id = 'northwick' AND case_id = $1`, b.ID)
		return err
	}))
	if page := d.at(apptest.Rosa, path+"/miss", http.StatusOK); !strings.Contains(page, "cannot be undone") {
		t.Errorf("the question: %s", page)
	}
	d.post(apptest.Petra, path+"/miss", nil, http.StatusForbidden)
	d.post(apptest.Rosa, path+"/miss", nil, http.StatusSeeOther)
	if page := d.at(apptest.Rosa, "day", http.StatusOK); !strings.Contains(page, "1 did not come") {
		t.Errorf("the sheet: %s", page)
	}
}

func between(text, before, after string) (all []string) {
	for part := range strings.SplitSeq(text, before) {
		if value, _, ok := strings.Cut(part, after); ok {
			all = append(all, value)
		}
	}
	return all[1:]
}

func (d *surgery) one(query string, args ...any) (out string) {
	d.t.Helper()
	must(d.t, d.DB.Read(d.t.Context(), "northwick", func(tx *pg.Tx) error { return tx.Get(&out, query, args...) }))
	return out
}

func (d *surgery) slotOf(id string) string {
	return d.one(`SELECT coalesce(slot_id::text, '') FROM medical.appointment WHERE tenant_id = 'northwick' AND case_id = $1`, id)
}

func (d *surgery) slotsOf(all []booked) string {
	var out []string
	for _, b := range all {
		out = append(out, d.slotOf(b.ID))
	}
	return strings.Join(out, " ")
}

func (d *surgery) practitionerOf(slot string) string {
	return d.one(`SELECT practitioner_id::text FROM medical.slot WHERE tenant_id = 'northwick' AND id = $1`, slot)
}

// notices counts the messages of one name that were written for people.
func (d *surgery) notices(name string) (n int) {
	d.t.Helper()
	must(d.t, d.DB.Read(d.t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.Get(&n, `SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND name = 'case.notice/notify' AND payload->>'notice' = $1`, name)
	}))
	return n
}

func TestTheClinicsDayByContract(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], canaryReason)
	const clinic = "/medical/v1/clinics/riverside-clinic"
	call := func(who apptest.Who, method, path string, body any, want int, out any) {
		t.Helper()
		c := apptest.Call{Who: &who, Method: method, Path: clinic + path, Body: body}
		if method == http.MethodPost {
			c.Key = apptest.Key()
		}
		a := d.Do(c)
		if a.Status != want {
			t.Fatalf("%s %s %s: %d %s", who.Name, method, path, a.Status, a.Body)
		}
		if out != nil {
			a.JSON(t, out)
		}
	}
	var day struct {
		Appointments []struct{ ID, Patient, State string }
	}
	call(apptest.Rosa, http.MethodGet, "/day", nil, 200, &day)
	if len(day.Appointments) != 1 || day.Appointments[0].Patient != d.people[0].Name {
		t.Errorf("the day: %+v", day)
	}
	call(apptest.Hannah, http.MethodGet, "/day", nil, 404, nil)
	call(apptest.Rosa, http.MethodPost, "/check-ins", map[string]any{"code": "VA-2026-AAAA-AAAA"}, 422, nil)
	call(apptest.Rosa, http.MethodPost, "/check-ins", map[string]any{"code": b.Number}, 200, nil)
	var seen struct {
		Reason  string
		Version int
		Actions []string
	}
	for who, want := range map[*apptest.Who]string{&apptest.Rosa: "", &apptest.Petra: "", &apptest.Amara: canaryReason} {
		seen.Reason = ""
		if call(*who, http.MethodGet, "/appointments/"+b.ID, nil, 200, &seen); seen.Reason != want {
			t.Errorf("%s reads %q", who.Name, seen.Reason)
		}
	}
	call(apptest.Hannah, http.MethodGet, "/appointments/"+b.ID, nil, 404, nil)
	call(apptest.Rosa, http.MethodPost, "/appointments/"+b.ID+"/actions/complete", map[string]any{"version": seen.Version, "input": map[string]any{"outcome": "treated"}}, 403, nil)
	call(apptest.Amara, http.MethodPost, "/appointments/"+b.ID+"/actions/complete", map[string]any{"version": seen.Version, "input": map[string]any{"outcome": "cured"}}, 422, nil)
	call(apptest.Amara, http.MethodPost, "/appointments/"+b.ID+"/actions/complete", map[string]any{"version": seen.Version, "input": map[string]any{"outcome": "treated"}}, 200, nil)

	other := d.book(d.people[1], d.osei[1], "")
	var plan struct {
		Moves []struct{ Appointment, From, To string }
	}
	call(apptest.Petra, http.MethodPost, "/move-previews", map[string]any{"appointments": []string{other.ID}, "practitioner": d.practitionerOf(d.weir[0])}, 200, &plan)
	if len(plan.Moves) != 1 || plan.Moves[0].To != d.weir[0] {
		t.Fatalf("plan: %+v", plan)
	}
	var became struct {
		Done     int
		Outcomes []struct{ Code string }
	}
	call(apptest.Petra, http.MethodPost, "/moves", map[string]any{"moves": plan.Moves[:1]}, 422, nil) // upper case members
	move := map[string]any{"appointment": other.ID, "from": plan.Moves[0].From, "to": plan.Moves[0].To}
	call(apptest.Petra, http.MethodPost, "/moves", map[string]any{"moves": []any{move}}, 200, &became)
	if became.Done != 1 || d.slotOf(other.ID) != d.weir[0] {
		t.Errorf("moved: %+v", became)
	}
	call(apptest.Rosa, http.MethodPost, "/call-offs", map[string]any{"appointments": []string{other.ID, b.ID}, "reason": "The doctor is ill today."}, 200, &became)
	if became.Done != 1 || became.Outcomes[1].Code != "action-not-possible" {
		t.Errorf("called off: %+v", became)
	}
	call(apptest.Rosa, http.MethodPost, "/walk-ins", map[string]any{"visit_type": "consultation", "patient_name": "Wanda Walker", "patient_birthdate": "1950-02-01"}, 201, nil)
	call(apptest.Rosa, http.MethodPost, "/walk-ins", map[string]any{"visit_type": "consultation", "patient_name": "Wanda Walker", "patient_birthdate": "2950-02-01"}, 422, nil)

	task := kernel.NewID()
	must(t, d.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.Exec(`INSERT INTO medical.task (tenant_id, id, facility, kind, case_id, created_at) VALUES ('northwick', $1, 'riverside-clinic', 'blocked', $2, now())`, task, b.ID)
		return err
	}))
	if page := d.at(apptest.Petra, "tasks", http.StatusOK); !strings.Contains(page, "The time is blocked") || !strings.Contains(page, d.people[0].Name) {
		t.Errorf("tasks: %s", page)
	}
	var tasks struct{ Tasks []struct{ ID, Kind string } }
	call(apptest.Petra, http.MethodGet, "/tasks", nil, 200, &tasks)
	if len(tasks.Tasks) != 1 || tasks.Tasks[0].ID != task {
		t.Errorf("tasks: %+v", tasks)
	}
	call(apptest.Amara, http.MethodPost, "/tasks/"+task+"/settlement", map[string]any{"how": "kept"}, 403, nil)
	call(apptest.Petra, http.MethodPost, "/tasks/"+task+"/settlement", map[string]any{"how": "kept"}, 204, nil)
	call(apptest.Petra, http.MethodPost, "/tasks/"+task+"/settlement", map[string]any{"how": "kept"}, 404, nil)
}

func TestBlockedTimeIsNotOfferedAndWhoIsBookedBecomesATask(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	b := d.book(d.people[0], d.osei[0], "")
	d.at(apptest.Rosa, "block", http.StatusForbidden)
	if page := d.post(apptest.Petra, "block", url.Values{"from_day": {"2026-12-01"}, "from": {"9"}, "until": {"10:00"}}, http.StatusUnprocessableEntity); !strings.Contains(page, `href="#f-from"`) {
		t.Errorf("a time that is none: %s", page)
	}
	zone, err := time.LoadLocation(d.zone)
	must(t, err)
	now := time.Now().In(zone)
	day := func(n int) string { return now.AddDate(0, 0, n).Format(time.DateOnly) } // the municipality's day may be another than the clinic's
	to := d.post(apptest.Petra, "block", url.Values{"practitioner": {d.practitionerOf(d.osei[0])}, "from_day": {day(-1)}, "from": {"00:00"}, "until_day": {day(1)}, "until": {"23:59"}, "reason": {"Ill."}}, http.StatusSeeOther)
	page := d.at(apptest.Petra, strings.TrimPrefix(to, "/staff/clinics/riverside-clinic/"), http.StatusOK)
	if !strings.Contains(page, d.people[0].Name) || !strings.Contains(page, "The time is blocked") || strings.Contains(page, d.people[1].Name) {
		t.Errorf("tasks: %s", page)
	}
	if d.slotOf(b.ID) != d.osei[0] {
		t.Error("the block took the appointment away")
	}
	if page := d.at(apptest.Rosa, "walk-in?visit=consultation", http.StatusOK); strings.Contains(page, d.osei[1]) {
		t.Error("a blocked time is offered")
	}
	// From the task to another time: the task ends with it.
	pairs := between(d.at(apptest.Petra, "move?case="+b.ID, http.StatusOK), `name="pair" value="`, `"`)
	if len(pairs) != 1 {
		t.Fatalf("pairs: %v", pairs)
	}
	d.post(apptest.Petra, "move", url.Values{"pair": pairs}, http.StatusOK)
	if page := d.at(apptest.Petra, "tasks", http.StatusOK); !strings.Contains(page, "Nothing to settle") {
		t.Errorf("after the move: %s", page)
	}
}
