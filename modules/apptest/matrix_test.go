package apptest_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/web"
)

// column is one caller of the matrix: who, and at which municipality's address.
type column struct {
	name   string
	who    *apptest.Who
	tenant kernel.TenantID
}

var columns = []column{
	{"nobody", nil, "northwick"},
	{"applicant", &apptest.Anna, "northwick"},
	{"other citizen", &apptest.Boris, "northwick"},
	{"citizen low", &apptest.Low, "northwick"},
	{"registrar", &apptest.Oliver, "northwick"},
	{"staff without role", &apptest.Visitor, "northwick"},
	{"program", &apptest.Program, "northwick"},
	{"reception", &apptest.Rosa, "northwick"},
	{"practitioner", &apptest.Amara, "northwick"},
	{"planner", &apptest.Petra, "northwick"},
	{"practitioner elsewhere", &apptest.Hannah, "northwick"},
	{"clinic program", &apptest.Clinic, "northwick"},
	{"treasurer", &apptest.Theresa, "northwick"},
	{"applicant at eastmere", &apptest.Anna, "eastmere"},
	{"registrar of eastmere", &apptest.Tomasz, "eastmere"},
	{"registrar of eastmere at northwick", &apptest.Tomasz, "northwick"},
	{"conductor", &apptest.Carl, "northwick"},
	{"dispatcher", &apptest.Dina, "northwick"},
	{"planner of fares", &apptest.Pavel, "northwick"},
	{"conductor elsewhere", &apptest.Nora, "northwick"},
	{"publisher", &apptest.Sofia, "northwick"},
	{"reviewer", &apptest.Marcus, "northwick"},
	{"partner officer", &apptest.Ines, "northwick"},
	{"representative", &marketDirector, "northwick"},
	{"officer of a partner", &marketOfficer, "northwick"},
	{"publisher of a partner", &marketPublisher, "northwick"},
}

// The people of the partner: who acts for it, and its staff.
var (
	marketDirector                 = apptest.Who{Subject: "ravi", Name: "Ravi Menon", ACR: "substantial", Client: "northwick.residence-certificate"}
	marketOfficer, marketPublisher = apptest.StaffOf("market", "officer", "otto"), apptest.StaffOf("market", "publisher", "pia")
)

// matrix is one town with one submitted case of Anna's, one document, one visit, and the samples that fill the paths.
type matrix struct {
	*apptest.App
	kase, document, number, effect string
	share, token                   string // a link that is ended on the way, and the secret of another
	practice                       apptest.Practice
	visit                          string          // Anna's, at Riverside
	payment, difference            string          // Anna's too
	departure, trip                string          // of coast-coaches; Anna's booking on it
	notices                        apptest.MiniApp // of the partner
}

func newMatrix(t *testing.T, options ...apptest.Option) *matrix {
	a := apptest.Start(t, append(options, apptest.WithTravel(t), apptest.WithPartners)...)
	a.Know("northwick", apptest.Anna, apptest.Boris, apptest.Low, apptest.Oliver, apptest.Priya, apptest.Visitor, apptest.Tomasz,
		apptest.Rosa, apptest.Amara, apptest.Petra, apptest.Hannah, apptest.Theresa, apptest.Sofia, apptest.Marcus, apptest.Ines, apptest.Paul, marketDirector, marketOfficer, marketPublisher)
	a.Know("eastmere", apptest.Anna, apptest.Tomasz)
	m := &matrix{App: a, practice: a.Practice(2, 0)}
	m.visit = a.Book(patient(apptest.Anna), m.practice.Slots[0], "consultation").ID
	issued := apptest.Issue(a, apptest.Anna)
	m.document, m.number = issued.Document, issued.Number
	m.kase = apptest.Submit(a, apptest.Anna).ID
	m.effect = apptest.EffectOf(a, m.kase)
	m.payment, m.difference = a.Owe(apptest.Anna, m.kase)
	a.Coaches()
	m.departure = a.Coach(time.Now().Add(72*time.Hour), 3)
	m.trip = m.ride(t)
	a.Admit(marketDirector, apptest.PartnerAnswers("market", nil))
	m.notices = a.Made(marketDirector, "market", "notices", "market-notices", "permits")
	m.share, _ = m.link(t)
	_, m.token = m.link(t)
	return m
}

// ride is a draft of Anna's on the departure.
func (m *matrix) ride(t *testing.T) string {
	t.Helper()
	a := m.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/travel/v1/bookings", Key: apptest.Key(),
		Body: map[string]any{"departure": m.departure, "from": 0, "to": 2, "places": []map[string]any{{}}}})
	var made struct{ ID string }
	a.JSON(t, &made)
	return made.ID
}

// link makes a link to Anna's document.
func (m *matrix) link(t *testing.T) (id, token string) {
	t.Helper()
	a := m.Do(apptest.Call{Who: &apptest.Anna, Method: http.MethodPost, Path: "/documents/v1/documents/" + m.document + "/shares", Key: apptest.Key(),
		Body: map[string]any{"label": "My bank", "days": 7}})
	var made struct{ ID, Link string }
	a.JSON(t, &made)
	_, token, ok := strings.Cut(made.Link, "/shared/")
	if a.Status != http.StatusCreated || !ok {
		t.Fatalf("a link: %d %s", a.Status, a.Body)
	}
	return made.ID, token
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// sample fills an operation's path and says what to send. A version nobody has makes every step a conflict, so that
// asking changes nothing.
func (m *matrix) sample(o web.Operation) (path string, form url.Values, body any) {
	ids := map[string]string{
		"{id}": m.kase, "{facility}": "riverside-clinic", "{table}": "places", "{visit_type}": "consultation", "{kind}": "places", "{case}": m.kase, "{app}": "residence-certificate", "{slug}": "residence-certificate", "{app_id}": "residence-certificate",
		"{number}": m.number, "{action}": "assign", "{page}": "purpose", "{page...}": "apps/residence-certificate", "{contract}": "civic", "{file}": "swagger-ui.css", "{$}": "",
		"{effect}": m.effect, "{share}": m.share, "{token}": m.token, "{list}": "1", "{request...}": "MAA", "{provider}": "wallet", "{day}": "2026-11-21",
		"{operator}": "coast-coaches", "{departure}": m.departure, "{conflict}": "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11", "{how}": "kept", "{code}": "coast", "{agency}": "civil-registry", "{index}": "0", "{organisation}": "market", "{part}": "check",
	}
	for _, page := range []string{"times", "hold", "book", "appointments", "check-in", "waiting"} {
		if strings.HasPrefix(o.Path, "/apps/{app}/"+page) {
			ids["{app}"] = "doctor-appointment"
		}
	}
	switch {
	case strings.HasPrefix(o.Path, "/organisations/{"), strings.HasPrefix(o.Path, "/staff/partners/"):
		ids["{agency}"], ids["{id}"] = "market", m.notices.ID
	case strings.HasPrefix(o.Path, "/staff/notices/"):
		ids["{app}"] = m.notices.AppID
	case strings.HasPrefix(o.Path, "/staff/mini-apps/"):
		ids["{action}"] = "halt"
	case strings.Contains(o.Path, "/differences/"):
		ids["{id}"] = m.difference
	case strings.Contains(o.Path, "/payments/{id}"):
		ids["{id}"] = m.payment
	case strings.Contains(o.Path, "documents/{"):
		ids["{id}"], ids["{file}"] = m.document, m.document
		if strings.HasSuffix(o.Path, "/{file}") {
			ids["{file}"] = m.document + ".pdf"
		}
	case strings.Contains(o.Path, "/fhir/R4/"):
		ids["{id}"] = map[string]string{"Appointment": m.visit, "Location": m.practice.Place, "Practitioner": m.practice.Doctor, "Schedule": m.practice.Doctors, "Slot": m.practice.Slots[1]}[strings.Split(o.Path, "/")[5]]
	case strings.Contains(o.Path, "/visit-types/"):
		ids["{visit_type}"], ids["{code}"] = "consultation", "consultation"
	case o.Contract == "medical" && strings.Contains(o.Path, "/appointments/"), strings.HasPrefix(o.Path, "/apps/{app}/") && ids["{app}"] == "doctor-appointment", strings.HasPrefix(o.Path, "/check-in/"), strings.Contains(o.Path, "/clinics/{facility}/appointments/"):
		ids["{id}"], ids["{case}"], ids["{code}"] = m.visit, m.visit, m.practice.Place
	case strings.Contains(o.Path, "/effects/"):
		ids["{id}"] = m.effect
	case o.Contract == "travel", strings.HasPrefix(o.Path, "/apps/coach-ticket/"), strings.HasPrefix(o.Path, "/apps/ferry-ticket/"):
		ids["{id}"], ids["{case}"] = m.trip, m.trip
	case strings.Contains(o.Path, "/smart/"):
		day := m.practice.First.UTC()
		ids["{file}"] = "riverside-clinic_" + day.AddDate(0, 0, -(int(day.Weekday())+6)%7).Format(time.DateOnly) + ".ndjson"
	case strings.HasPrefix(o.Path, "/developers/{"):
		ids["{page}"] = "civic"
	case o.Contract == "civic" || strings.HasPrefix(o.Path, "/cases/"):
		ids["{action}"] = "withdraw"
	}
	path = placeholder.ReplaceAllStringFunc(o.Path, func(p string) string { return ids[p] })
	if o.ID == "preview-document" || strings.HasSuffix(o.Path, "/preview.pdf") {
		path += "?action=propose"
	}
	switch o.ID {
	case "search-journeys":
		path += "?from=stop-0&to=stop-1"
	case "get-log-inclusion-proof":
		path += "?size=1"
	case "get-log-consistency-proof":
		path += "?from=1&to=1"
	case "list-places":
		path += "?q=stop"
	case "settle-conflict":
		body = map[string]any{"how": "kept"}
	case "begin-release", "approve-stage", "refuse-stage", "halt-release", "set-conditions":
		body = map[string]any{"version": 9999, "reason": "It is time for it."}
	case "propose-stage":
		body = map[string]any{"version": 9999, "reason": "It is time for it.", "stage": "review"}
	case "set-share":
		body = map[string]any{"version": 9999, "reason": "It is time for it.", "share": 10}
	case "name-testers":
		body = map[string]any{"version": 9999, "reason": "It is time for it.", "testers": []string{}}
	case "start-application":
		body = map[string]any{"service": "residence-certificate"}
	case "create-launch-link":
		body = map[string]any{"app_id": "residence-certificate", "channel": "list"}
	case "revoke-document", "reissue-document", "halt-issuing", "resume-issuing":
		body = map[string]any{"reason": "Issued on a wrong entry in the register."}
	case "quote-ride":
		body = map[string]any{"departure": m.departure, "from": 0, "to": 2, "places": []map[string]any{{}}}
	case "hold-places", "change-booking": // places there are none of
		body = map[string]any{"departure": m.departure, "from": 0, "to": 2, "places": []map[string]any{{"place": "99"}}}
		if o.ID == "change-booking" {
			body = map[string]any{"departure": m.departure, "from": 0, "to": 2, "version": 9999}
		}
	case "name-passengers":
		body = map[string]any{"passengers": []map[string]any{{"name": ""}}}
	case "pay-booking", "cancel-booking", "give-up-booking":
		body = map[string]any{"version": 9999}
	case "drop-change":
		body = nil
	case "scan-ticket":
		body = map[string]any{"code": "AAAA-AAAA-AAAA-AAAA"}
	case "hand-in-scans":
		body = map[string]any{"scans": []map[string]any{{"id": kernel.NewID(), "ticket": strings.Repeat("0", 64), "at": time.Now()}}}
	case "call-off-departure":
		body = map[string]any{"reason": "A storm closes the road."}
	case "set-layout":
		body = map[string]any{"form": apptest.SmallCoach, "version": 9999}
	case "set-fares":
		body = map[string]any{"form": apptest.CoastFares, "version": 9999, "service": "coach-ticket"}
	case "set-sign-in":
		body = map[string]any{"version": 9999, "sign_in": map[string]any{"groups": map[string]string{"publisher": "market-editors"}}}
	case "make-mini-app":
		body = map[string]any{"template": "lottery", "blanks": m.Blanks("notices", "market-more", "permits")}
	case "suspend-partner":
		body = map[string]any{"version": 9999, "reason": "The register is being examined."}
	case "resume-partner":
		body = map[string]any{"version": 9999}
	case "create-share":
		body = map[string]any{"label": "My bank", "days": 7}
	default:
		body = map[string]any{"version": 9999, "input": map[string]any{}}
	}
	return path, url.Values{"version": {"9999"}, "idempotency_key": {kernel.NewID()}}, body
}

// ask sends one operation as one caller and says what they got.
func (m *matrix) ask(t *testing.T, o web.Operation, c column) string {
	path, form, body := m.sample(o)
	if strings.ContainsAny(path, "{}") || strings.Contains(path, "//") {
		t.Errorf("%s: no sample for the path, got %s", o.ID, path)
	}
	call := apptest.Call{Tenant: c.tenant, Who: c.who, Method: o.Method, Path: path}
	if o.Contract == "" {
		return m.askPage(o, c, path, form)
	}
	if o.Method == http.MethodPost {
		call.Body = body
	}
	if o.Idempotent {
		call.Key = kernel.NewID()
	}
	return fmt.Sprint(m.Do(call).Status)
}

func (m *matrix) askPage(o web.Operation, c column, path string, form url.Values) string {
	req := apptest.PageRequest{Tenant: c.tenant, Method: o.Method, Path: path}
	if c.who != nil && !c.who.Machine {
		req.Cookie = m.Cookie(c.tenant, *c.who)
	}
	if o.Method == http.MethodPost {
		req.Form = form
	}
	a := m.Page(req)
	location := a.Header.Get("Location")
	switch {
	case a.Status >= 300 && a.Status < 400 && (strings.HasPrefix(location, "/sign-in") || strings.HasPrefix(location, "/staff/sign-in")):
		return "sign in"
	case a.Status >= 300 && a.Status < 400:
		return "redirect"
	}
	return fmt.Sprint(a.Status)
}

// The generated matrix of every operation and page against every kind of caller equals the reviewed one. Change it
// with -update, and read the difference as a reviewer of rights.
func TestAccessMatrixIsTheReviewedOne(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	header := []string{"contract", "operation", "kinds", "role", "scope", "relation", "level"}
	for _, c := range columns {
		header = append(header, c.name)
	}
	write := func(row []string) {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	write(header)
	for _, o := range m.Server.Operations() {
		var kinds []string
		for _, k := range o.Policy.Kinds {
			kinds = append(kinds, string(k))
		}
		name := o.ID
		if o.Contract == "" {
			name = o.Method + " " + o.Path
		}
		row := []string{o.Contract, name, strings.Join(kinds, " "), o.Policy.Role, o.Policy.Scope, o.Policy.Relation, o.Policy.Level.String()}
		for _, c := range columns {
			row = append(row, m.ask(t, o, c))
		}
		write(row)
	}
	w.Flush()
	kerneltest.Golden(t, filepath.Join("testdata", "matrix.csv"), out.Bytes())
}

// Row-level security alone keeps municipalities apart: with casework's own check off, no caller at Eastmere gets a
// row of Northwick's, and the lists there stay empty.
func TestWithTheApplicationCheckOffNoForeignRowIsReturned(t *testing.T) {
	t.Parallel()
	m := newMatrix(t, apptest.WithoutOwnChecks)
	foreign := []string{m.kase, m.document, m.number, m.payment}
	asked := 0
	for _, o := range m.Server.Operations() {
		for _, c := range columns {
			if c.tenant != "eastmere" || o.Contract == "" || o.Method != http.MethodGet {
				continue
			}
			path, _, _ := m.sample(o)
			a := m.Do(apptest.Call{Tenant: c.tenant, Who: c.who, Method: o.Method, Path: path})
			asked++
			if a.Status == http.StatusOK && strings.Contains(o.Path, "{id}") {
				t.Errorf("%s as %s: %d for a row of another municipality", o.ID, c.name, a.Status)
			}
			for _, id := range foreign {
				if a.Status == http.StatusOK && !strings.Contains(path, id) && bytes.Contains(a.Body, []byte(id)) {
					t.Errorf("%s as %s returns %s of another municipality", o.ID, c.name, id)
				}
			}
		}
	}
	if asked < 15 {
		t.Fatalf("asked only %d times: the walk is broken", asked)
	}
	// The fault planted: with the check off, another citizen of the same municipality does see the case. If this were
	// refused, the check above would prove nothing about row-level security.
	a := m.Do(apptest.Call{Who: &apptest.Boris, Method: http.MethodGet, Path: "/civic/v1/applications/" + m.kase})
	if a.Status != http.StatusOK {
		t.Errorf("with the check off, the same municipality answers %d: the switch does not switch", a.Status)
	}
}

// Not yours reads as not there, to the byte (promise 11).
func TestNotYoursReadsAsNotThere(t *testing.T) {
	t.Parallel()
	m := newMatrix(t)
	none := kernel.NewID()
	for _, path := range []string{"/civic/v1/applications/%s", "/workflow/v1/cases/%s", "/documents/v1/documents/%s", "/payments/v1/payments/%s"} {
		for _, c := range []column{{"other citizen", &apptest.Boris, "northwick"}, {"registrar of eastmere", &apptest.Tomasz, "eastmere"}} {
			id := m.kase
			if strings.Contains(path, "documents") {
				id = m.document
			}
			if strings.Contains(path, "payments") {
				id = m.payment
			}
			theirs := m.Do(apptest.Call{Tenant: c.tenant, Who: c.who, Method: http.MethodGet, Path: fmt.Sprintf(path, id)})
			nothing := m.Do(apptest.Call{Tenant: c.tenant, Who: c.who, Method: http.MethodGet, Path: fmt.Sprintf(path, none)})
			if theirs.Status != nothing.Status || !bytes.Equal(theirs.Body, nothing.Body) || theirs.Status == http.StatusOK {
				t.Errorf("%s as %s: %d %s\nagainst nothing there: %d %s", path, c.name, theirs.Status, theirs.Body, nothing.Status, nothing.Body)
			}
		}
	}
}
