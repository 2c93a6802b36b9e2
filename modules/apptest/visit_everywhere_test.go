package apptest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/documents/judges"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/medical/fhir/fhirtest"
	icsjudge "townhall/modules/medical/ics/judge"
)

// everywhere is a town in which one looks at a visit from every side.
type everywhere struct {
	*apptest.App
	t     *testing.T
	clock *kerneltest.FakeClock
	p     apptest.Practice
	loc   *time.Location

	mu      sync.Mutex
	notices []string // what the wallet was told
}

func newEverywhere(t *testing.T) *everywhere {
	t.Helper()
	e := &everywhere{t: t, clock: kerneltest.NewClock(time.Now())}
	wallet := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.mu.Lock()
		defer e.mu.Unlock()
		e.notices = append(e.notices, string(body))
	}))
	t.Cleanup(wallet.Close)
	e.App = apptest.Start(t, apptest.WithClock(e.clock), apptest.WithWebhook(wallet.URL+"/hooks", "whsec_am91cm5leS1qb3VybmV5LWpvdXJuZXktam91cm5leS0wMQ=="),
		func(o *modules.Options) { o.Dispatch.Clock = e.clock })
	e.Know("northwick", apptest.Anna, apptest.Boris, apptest.Rosa)
	e.p = e.Practice(12, 0)
	var err error
	e.loc, err = time.LoadLocation("Europe/London")
	must(t, err)
	return e
}

// titles are what the wallet is told, in English.
var titles = map[string]string{"confirmed": "Your appointment is booked", "moved": "Your appointment has a new time", "reminder": "Your appointment is tomorrow", "cancelled": "Your appointment is cancelled"}

// told counts the notices of one kind about a visit.
func (e *everywhere) told(id, notice string) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, body := range e.notices {
		if strings.Contains(body, id) && strings.Contains(body, `"`+titles[notice]+`"`) {
			n++
		}
	}
	return n
}

// later runs what is due so much later, and comes back.
func (e *everywhere) later(d time.Duration) {
	e.t.Helper()
	now := e.clock.Now()
	e.clock.Set(now.Add(d))
	e.Settle()
	e.clock.Set(now)
}

func (e *everywhere) page(who apptest.Who, address string) string {
	e.t.Helper()
	r := e.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: address, Cookie: e.Cookie("northwick", who)})
	if r.Status != http.StatusOK {
		e.t.Fatalf("%s: %d %.300s", address, r.Status, r.Body)
	}
	return string(r.Body)
}

// confirmations are the visit's confirmations by state.
func (e *everywhere) confirmations(who apptest.Who, id string) map[string][]struct{ ID, Number string } {
	e.t.Helper()
	var all struct {
		Documents []struct{ ID, Number, Type, State, Case string }
	}
	e.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/documents/v1/documents"}).JSON(e.t, &all)
	out := map[string][]struct{ ID, Number string }{}
	for _, d := range all.Documents {
		if d.Case == id && d.Type == "appointment-confirmation" {
			out[d.State] = append(out[d.State], struct{ ID, Number string }{d.ID, d.Number})
		}
	}
	return out
}

// sight is what every side must say.
type sight struct {
	at       time.Time
	state    string // the case's
	fhir     string // the appointment's
	calendar string // the event's
	sequence int
	document string // the newest confirmation's, at the public check and in the status list
}

var version = regexp.MustCompile(`name="version" value="([0-9]+)"`)

// fresh is the visit with the version the citizen's page was made from.
func (e *everywhere) fresh(who apptest.Who, b apptest.Booked) apptest.Booked {
	e.t.Helper()
	found := version.FindStringSubmatch(e.page(who, "/apps/doctor-appointment/appointments/"+b.ID+"/cancel"))
	if found == nil {
		e.t.Fatal("the page names no version")
	}
	b.Version, _ = strconv.Atoi(found[1])
	return b
}

var icsLink = regexp.MustCompile(`href="([^"]+\.ics)"`)

// look goes to every side; it returns the confirmation's file.
func (e *everywhere) look(who apptest.Who, b apptest.Booked, want sight) {
	e.t.Helper()
	clock, day := want.at.In(e.loc).Format("15:04"), want.at.In(e.loc).Format(time.DateOnly)
	at := "/apps/doctor-appointment/appointments/" + b.ID

	page := e.page(who, at)
	words := map[string]string{"booked": "Booked", "cancelled": "Cancelled"}[want.state]
	for _, text := range append([]string{b.Number, words}, map[bool][]string{true: {clock, "Riverside Clinic"}}[want.state == "booked"]...) {
		if !strings.Contains(page, text) {
			e.t.Errorf("the citizen's page does not say %q", text)
		}
	}

	e.calendar(who, at+".ics", b, want)
	if link := icsLink.FindString(page); want.state == "booked" && link == "" {
		e.t.Error("the page leads to no calendar file")
	}

	sheet := e.page(apptest.Rosa, "/staff/clinics/riverside-clinic/day?day="+day)
	row, wanted := rowOf(sheet, b.ID), []string{who.Name, clock, words}
	if want.state == "cancelled" { // nobody is expected any more; the visit itself says why
		if row != "" {
			e.t.Errorf("the day sheet still expects them: %s", row)
		}
		row = e.page(apptest.Rosa, "/staff/clinics/riverside-clinic/appointments/"+b.ID)
	}
	for _, text := range wanted {
		if !strings.Contains(row, text) {
			e.t.Errorf("the day sheet does not say %q: %.600s", text, row)
		}
	}
	e.appointment(b, want)
	e.document(who, b, want, clock)
}

func rowOf(sheet, id string) string {
	for _, row := range strings.Split(sheet, "<tr>") {
		if strings.Contains(row, id) {
			return row
		}
	}
	return ""
}

func (e *everywhere) calendar(who apptest.Who, address string, b apptest.Booked, want sight) {
	e.t.Helper()
	v := icsjudge.File(e.t, []byte(e.page(who, address)))
	if v.Status != want.calendar || v.Sequence != want.sequence || !v.Start.Equal(want.at) {
		e.t.Errorf("the calendar file says %s, sequence %d, at %v; want %s, %d, %v", v.Status, v.Sequence, v.Start, want.calendar, want.sequence, want.at)
	}
}

func (e *everywhere) appointment(b apptest.Booked, want sight) {
	e.t.Helper()
	r := get(e.t, e.App, &apptest.Clinic, fhirBase+"Appointment/"+b.ID)
	var a struct {
		Status, Start      string
		CancelationReason  *json.RawMessage
		PatientInstruction string
	}
	r.JSON(e.t, &a)
	if start, err := time.Parse(time.RFC3339, a.Start); a.Status != want.fhir || err != nil || !start.Equal(want.at) || (a.CancelationReason != nil) != (want.fhir == "cancelled") {
		e.t.Errorf("FHIR says %s", r.Body)
	}
	fhirtest.Valid(e.t, r.Body)
}

// document judges the newest confirmation: the seal by pdfsig, its words, the public check, the signed status list.
func (e *everywhere) document(who apptest.Who, b apptest.Booked, want sight, clock string) {
	e.t.Helper()
	all := e.confirmations(who, b.ID)
	if len(all[want.document]) != 1 {
		e.t.Errorf("confirmations: %v; want one that is %s", all, want.document)
		return
	}
	one := all[want.document][0]
	file := e.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: "/documents/v1/documents/" + one.ID + "/file"})
	if file.Status != http.StatusOK {
		e.t.Fatalf("the confirmation: %d %s", file.Status, file.Body)
	}
	bundle := e.Do(apptest.Call{Method: http.MethodGet, Path: "/documents/v1/trust-bundle"}).Body
	saved, trust := judges.Save(e.t, "confirmation.pdf", file.Body), judges.Save(e.t, "trust.pem", bundle)
	judges.New(e.t, bundle).Seal(saved)
	if text := judges.Run(e.t, "pdftotext", "-layout", saved, "-"); !strings.Contains(text, clock) || !strings.Contains(text, b.Number) {
		e.t.Errorf("the confirmation does not say %s and %s:\n%s", clock, b.Number, text)
	}
	var v struct{ State string }
	e.Do(apptest.Call{Method: http.MethodGet, Path: "/documents/v1/verifications/" + one.Number}).JSON(e.t, &v)
	report, err := modules.VerifyDocument(saved, trust)
	must(e.t, err)
	list, err := url.Parse(report.StatusURI)
	must(e.t, err)
	token := filepath.Join(e.t.TempDir(), "list.jwt")
	must(e.t, os.WriteFile(token, get(e.t, e.App, nil, list.Path).Body, 0o600))
	listed, err := modules.DocumentStatus(token, trust, report.StatusURI)
	must(e.t, err)
	if v.State != want.document || listed != want.document {
		e.t.Errorf("the check says %q, the status list %q; want %q", v.State, listed, want.document)
	}
}

// A booked visit reaches everybody: the citizen's page, the sealed confirmation, the calendar, the reminder, the clinic's
// day sheet and the other systems; a new time reaches them all, and so does the end.
func TestAVisitReachesEverybodyAndSoDoesItsEnd(t *testing.T) {
	t.Parallel()
	e := newEverywhere(t)
	anna, boris := patient(apptest.Anna), patient(apptest.Boris)

	b := e.Book(anna, e.p.Slots[0], "consultation")
	e.Settle()
	e.look(anna, b, sight{at: e.p.First, state: "booked", fhir: "booked", calendar: "CONFIRMED", document: "valid"})
	if e.told(b.ID, "confirmed") != 1 || !strings.Contains(e.notices[0], "Reference "+b.Number) || e.told(b.ID, "reminder") != 0 {
		t.Errorf("the wallet was told %q", e.notices)
	}

	moved := e.Reschedule(anna, e.fresh(anna, b), e.p.Slots[8])
	e.Settle()
	later := e.p.First.Add(4 * time.Hour)
	e.look(anna, moved, sight{at: later, state: "booked", fhir: "booked", calendar: "CONFIRMED", sequence: 1, document: "valid"})
	if old := e.confirmations(anna, b.ID)["superseded"]; len(old) != 1 {
		t.Errorf("%d confirmations of the old time are superseded", len(old))
	} else {
		var v struct{ State string }
		e.Do(apptest.Call{Method: http.MethodGet, Path: "/documents/v1/verifications/" + old[0].Number}).JSON(t, &v)
		if v.State != "superseded" {
			t.Errorf("the old confirmation is %q at the public check", v.State)
		}
	}
	if row := rowOf(e.page(apptest.Rosa, "/staff/clinics/riverside-clinic/day?day="+e.p.First.In(e.loc).Format(time.DateOnly)), b.ID); e.p.First.In(e.loc).Day() == later.In(e.loc).Day() && strings.Contains(row, e.p.First.In(e.loc).Format(">15:04<")) {
		t.Error("the day sheet still has the old time")
	}
	e.later(2 * time.Hour) // a day before the old time
	if e.told(b.ID, "reminder") != 0 {
		t.Error("reminded of a time that is no longer theirs")
	}
	e.later(6 * time.Hour) // a day before the new one
	e.later(7 * time.Hour)
	if n := e.told(b.ID, "reminder"); n != 1 {
		t.Errorf("reminded %d times", n)
	}

	c := e.Book(boris, e.p.Slots[2], "consultation")
	e.Settle()
	number := e.confirmations(boris, c.ID)["valid"]
	r := e.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: "/apps/doctor-appointment/appointments/" + c.ID + "/cancel", Cookie: e.Cookie("northwick", boris),
		Form: url.Values{"version": {strconv.Itoa(e.fresh(boris, c).Version)}, "cancel_reason": {"time"}, "idempotency_key": {apptest.Key()}}})
	if r.Status != http.StatusSeeOther || len(number) != 1 {
		t.Fatalf("cancelling: %d %.400s", r.Status, r.Body)
	}
	e.Settle()
	e.clock.Advance(time.Minute) // by then a revocation shows everywhere
	e.look(boris, c, sight{at: e.p.First.Add(time.Hour), state: "cancelled", fhir: "cancelled", calendar: "CANCELLED", sequence: 1, document: "revoked"})
	e.later(30 * time.Hour)
	if e.told(c.ID, "reminder") != 0 || e.told(c.ID, "cancelled") != 1 {
		t.Errorf("after the cancellation the wallet was told %q", e.notices)
	}
	if slot := get(t, e.App, nil, fhirBase+"Slot/"+e.p.Slots[2]); !bytes.Contains(slot.Body, []byte(`"free"`)) {
		t.Errorf("the slot is not free again: %s", slot.Body)
	}
	t.Logf("seen from every side: booked, moved, cancelled; %d notices", len(e.notices))
}
