package apptest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/feed"
	"townhall/modules/medical/fhir/fhirtest"
)

const fhirBase = "/medical/v1/fhir/R4/"

// patient is who as they come in the mini-app people book in.
func patient(w apptest.Who) apptest.Who {
	w.Client = "northwick.doctor-appointment"
	return w
}

type bundle struct {
	Total *int
	Link  []struct{ Relation, URL string }
	Entry []struct {
		FullURL  string
		Resource json.RawMessage
		Search   struct{ Mode string }
	}
}

func (b bundle) link(relation string) string {
	for _, l := range b.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

func get(t *testing.T, a *apptest.App, who *apptest.Who, address string, headers ...string) apptest.Answer {
	t.Helper()
	c := apptest.Call{Who: who, Method: http.MethodGet, Path: address, Headers: map[string]string{}}
	for i := 0; i+1 < len(headers); i += 2 {
		c.Headers[headers[i]] = headers[i+1]
	}
	return a.Do(c)
}

// all follows a search to its last page; every page is one bundle.
func all(t *testing.T, a *apptest.App, who *apptest.Who, address string) (resources, bundles [][]byte) {
	t.Helper()
	for address != "" {
		r := get(t, a, who, address)
		if r.Status != http.StatusOK || r.Header.Get("Content-Type") != "application/fhir+json" {
			t.Fatalf("%s: %d %s %s", address, r.Status, r.Header.Get("Content-Type"), r.Body)
		}
		var b bundle
		r.JSON(t, &b)
		bundles = append(bundles, r.Body)
		for _, e := range b.Entry {
			resources = append(resources, e.Resource)
		}
		address = strings.TrimPrefix(b.link("next"), a.Origin("northwick"))
	}
	return resources, bundles
}

func idOf(t *testing.T, resource []byte) string {
	t.Helper()
	var r struct{ ID string }
	if err := json.Unmarshal(resource, &r); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// clinicDay is a practice in which something happened: booked, rescheduled, cancelled, full, closed.
func clinicDay(t *testing.T) (*apptest.App, apptest.Practice, []apptest.Booked) {
	a := apptest.Start(t)
	a.Know("northwick", apptest.Anna, apptest.Boris, apptest.Rosa)
	p := a.Practice(30, 3)
	anna, boris := patient(apptest.Anna), patient(apptest.Boris)
	booked := []apptest.Booked{a.Book(anna, p.Slots[0], "consultation"), a.Book(boris, p.Slots[3], "consultation"), a.Book(boris, p.Groups[0], "flu")}
	booked[1] = a.Reschedule(boris, booked[1], p.Slots[5])
	err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE medical.slot SET open = false WHERE tenant_id = 'northwick' AND id = $1`, p.Slots[7])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	a.Do(apptest.Call{Who: &anna, Method: http.MethodPost, Path: "/medical/v1/holds", Key: apptest.Key(), Body: map[string]any{"slot": p.Slots[9], "visit_type": "consultation"}})
	return a, p, booked
}

// What the server finds is what medplum's own reading of the search finds among everything there is, and everything is
// valid R4.
func TestTheFHIRViewIsValidAndSearchesAsFHIRSays(t *testing.T) {
	t.Parallel()
	a, p, booked := clinicDay(t)
	valid := [][]byte{get(t, a, nil, fhirBase+"metadata").Body}
	day := p.First.Format(time.DateOnly)
	noon := p.First.Add(2 * time.Hour).UTC().Format(time.RFC3339)
	searches := map[string][]string{
		"Slot": {"Slot?status=free", "Slot?status=busy", "Slot?status=busy-tentative", "Slot?status=busy-unavailable", "Slot?schedule=Schedule/" + p.Station, "Slot?start=ge" + noon, "Slot?start=lt" + noon, "Slot?start=gt" + noon,
			"Slot?start=le" + noon, "Slot?start=ge" + noon + "&start=lt" + p.First.Add(5*time.Hour).UTC().Format(time.RFC3339), "Slot?service-type=flu", "Slot?status=free,busy&schedule=Schedule/" + p.Doctors, "Slot?_id=" + p.Slots[4]},
		"Schedule":     {"Schedule?actor=Practitioner/" + p.Doctor, "Schedule?actor=Location/" + p.Place, "Schedule?active=true", "Schedule?active=false", "Schedule?service-type=flu"},
		"Location":     {"Location?status=active", "Location?status=inactive"},
		"Practitioner": {"Practitioner?active=true"},
		"Appointment": {"Appointment?status=booked", "Appointment?status=cancelled,noshow", "Appointment?practitioner=Practitioner/" + p.Doctor, "Appointment?location=Location/" + p.Place,
			"Appointment?service-type=consultation", "Appointment?date=ge" + day, "Appointment?date=lt" + day, "Appointment?slot=Slot/" + p.Slots[5], "Appointment?identifier=" + booked[0].Number, "Appointment?_id=" + booked[2].ID},
	}
	asked := 0
	for kind, queries := range searches {
		there, bundles := all(t, a, &apptest.Clinic, fhirBase+kind+"?_count=7")
		valid = append(append(valid, there...), bundles...)
		found := fhirtest.Found(t, queries, there...)
		for i, query := range queries {
			var want []string
			for j, r := range there {
				if found[i][j] {
					want = append(want, idOf(t, r))
				}
			}
			ours, _ := all(t, a, &apptest.Clinic, fhirBase+query)
			var got []string
			for _, r := range ours {
				got = append(got, idOf(t, r))
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: we find %d, medplum finds %d", query, len(got), len(want))
			}
			var counted bundle
			get(t, a, &apptest.Clinic, fhirBase+query+"&_count=0").JSON(t, &counted)
			if counted.Total == nil || *counted.Total != len(want) || len(counted.Entry) != 0 {
				t.Errorf("%s: counted %v of %d", query, counted.Total, len(want))
			}
			asked++
		}
		if len(there) == 0 {
			t.Errorf("no %s at all", kind)
		}
	}
	fhirtest.Valid(t, valid...)
	t.Logf("%d searches, %d resources and bundles", asked, len(valid))
}

func TestWhoMayReadAppointmentsAsFHIR(t *testing.T) {
	t.Parallel()
	a, _, booked := clinicDay(t)
	anna := patient(apptest.Anna)
	one := fhirBase + "Appointment/" + booked[0].ID
	looks := func() (n int) {
		t.Helper()
		err := a.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
			return tx.GetContext(t.Context(), &n, `SELECT count(*) FROM audit.entry WHERE tenant_id = 'northwick' AND case_id = $1 AND actor_kind = 'integrator'`, booked[0].ID)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	var answers [][]byte
	for _, c := range []struct {
		name    string
		who     *apptest.Who
		address string
		status  int
		outcome string
	}{
		{"nobody", nil, one, http.StatusUnauthorized, "login"},
		{"the citizen, who has their own pages", &anna, one, http.StatusForbidden, "forbidden"},
		{"a program without the scope", &apptest.Program, one, http.StatusForbidden, "forbidden"},
		{"another clinic's program", &apptest.Harbour, one, http.StatusNotFound, "not-found"},
		{"nothing there", &apptest.Clinic, fhirBase + "Appointment/" + p0, http.StatusNotFound, "not-found"},
		{"no id at all", &apptest.Clinic, fhirBase + "Appointment/1", http.StatusNotFound, "not-found"},
	} {
		r := get(t, a, c.who, c.address)
		var o struct {
			ResourceType string
			Issue        []struct{ Code string }
		}
		r.JSON(t, &o)
		if r.Status != c.status || o.ResourceType != "OperationOutcome" || o.Issue[0].Code != c.outcome {
			t.Errorf("%s: %d %s", c.name, r.Status, r.Body)
		}
		answers = append(answers, r.Body)
	}
	fhirtest.Valid(t, answers...)
	if found, _ := all(t, a, &apptest.Harbour, fhirBase+"Appointment"); len(found) != 0 {
		t.Errorf("another clinic's program finds %d appointments", len(found))
	}
	if n := looks(); n != 0 {
		t.Errorf("%d looks recorded where nobody saw anything", n)
	}
	r := get(t, a, &apptest.Clinic, one)
	if r.Status != http.StatusOK || r.Header.Get("Cache-Control") != "no-store" || bytes.Contains(r.Body, []byte("Whitfield")) {
		t.Errorf("%d %v %s", r.Status, r.Header, r.Body)
	}
	again := get(t, a, &apptest.Clinic, one, "If-None-Match", r.Header.Get("ETag"))
	if again.Status != http.StatusNotModified || len(again.Body) != 0 {
		t.Errorf("unchanged: %d %s", again.Status, again.Body)
	}
	all(t, a, &apptest.Clinic, fhirBase+"Appointment")
	if n := looks(); n != 3 {
		t.Errorf("3 looks, %d recorded", n)
	}
}

const p0 = "0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11"

func TestTheFHIRViewSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	p := a.Practice(3, 0)
	var answers [][]byte
	for _, c := range []struct {
		address string
		headers []string
		status  int
		want    string
	}{
		{"Slot?colour=blue", nil, http.StatusOK, "colour"},
		{"Slot?colour=blue", []string{"Prefer", "handling=strict"}, http.StatusBadRequest, "not-supported"},
		{"Slot?start=tomorrow", nil, http.StatusBadRequest, "value"},
		{"Slot?_page=xyz", nil, http.StatusBadRequest, "_page"},
		{"Slot", []string{"Accept", "application/fhir+xml"}, http.StatusNotAcceptable, "not-supported"},
		{"Slot", []string{"Accept", "application/fhir+json;q=0.9, */*;q=0.1"}, http.StatusOK, "searchset"},
		{"Slot/" + p.Slots[0], nil, http.StatusOK, `"start"`},
		{"Slot/" + p0, nil, http.StatusNotFound, "not-found"},
		{"Practitioner?name=os%C3%A9i", nil, http.StatusOK, "Dr Amara Osei"},
		{"Location?name=%D0%9A%D0%9B%D0%98%D0%9D", nil, http.StatusOK, p.Place},
		{"Slot?schedule=" + url.QueryEscape("' OR 1=1"), nil, http.StatusOK, "searchset"},
		{"Slot?_id=" + url.QueryEscape("x\x00y"), nil, http.StatusOK, "searchset"},
		{"Slot?status=" + url.QueryEscape("x\x00y"), nil, http.StatusUnprocessableEntity, "unreadable-text"},
	} {
		r := get(t, a, nil, fhirBase+c.address, c.headers...)
		if r.Status != c.status || !strings.Contains(string(r.Body), c.want) {
			t.Errorf("%s %v: %d %s", c.address, c.headers, r.Status, r.Body)
		}
		answers = append(answers, r.Body)
	}
	fhirtest.Valid(t, answers...)
}

// feedFiles polls the whole feed as a client does.
func feedFiles(t *testing.T, a *apptest.App) (manifest feed.Manifest, etag string, files []lines.File) {
	t.Helper()
	r := get(t, a, nil, "/medical/v1/smart/$bulk-publish")
	r.JSON(t, &manifest)
	if r.Status != http.StatusOK || !strings.HasSuffix(manifest.Request, "$bulk-publish") {
		t.Fatalf("manifest: %d %s", r.Status, r.Body)
	}
	files = append(files, lines.File{Name: "$bulk-publish", Data: r.Body})
	for _, o := range manifest.Output {
		f := get(t, a, nil, strings.TrimPrefix(o.URL, a.Origin("northwick")))
		if f.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", o.URL, f.Status, f.Body)
		}
		again := get(t, a, nil, strings.TrimPrefix(o.URL, a.Origin("northwick")), "If-None-Match", f.Header.Get("ETag"))
		if again.Status != http.StatusNotModified || len(again.Body) != 0 {
			t.Errorf("%s, unchanged: %d with %d bytes", o.URL, again.Status, len(again.Body))
		}
		files = append(files, lines.File{Name: path.Base(o.URL), Data: f.Body})
	}
	return manifest, r.Header.Get("ETag"), files
}

// What we publish, our own importer accepts, and every line is valid R4.
func TestTheSchedulingLinksAreReadByOurOwnImporterAndValid(t *testing.T) {
	t.Parallel()
	a, p, booked := clinicDay(t)
	_, etag, files := feedFiles(t, a)
	read, problems := feed.Read(files)
	if problems.Any() {
		t.Fatalf("our own importer refuses it: %+v", problems)
	}
	if len(read.Locations) != 1 || len(read.Schedules) != 2 || len(read.Slots) != 32 {
		t.Fatalf("%d places, %d schedules, %d slots", len(read.Locations), len(read.Schedules), len(read.Slots))
	}
	status := map[string]string{}
	for _, s := range read.Slots {
		status[s.ID] = s.Status
		if s.Status == feed.Free && !strings.Contains(s.Link(), s.ID) {
			t.Errorf("a free slot leads to %q", s.Link())
		}
		if s.ID == p.Groups[0] && s.Capacity() != 19 {
			t.Errorf("a group of 20 with one booked has room for %d", s.Capacity())
		}
	}
	for slot, want := range map[string]string{p.Slots[0]: feed.Busy, p.Slots[3]: feed.Free, p.Slots[5]: feed.Busy, p.Slots[7]: "", p.Slots[9]: feed.Busy, p.Groups[0]: feed.Free} {
		if status[slot] != want {
			t.Errorf("slot %s is %q, want %q", slot, status[slot], want)
		}
	}
	var every [][]byte
	for _, f := range files[1:] {
		for line := range bytes.Lines(f.Data) {
			every = append(every, line)
		}
	}
	fhirtest.Valid(t, every...)
	unchanged := get(t, a, nil, "/medical/v1/smart/$bulk-publish", "If-None-Match", etag)
	if unchanged.Status != http.StatusNotModified {
		t.Errorf("nothing changed, and the manifest answers %d", unchanged.Status)
	}
	a.Reschedule(patient(apptest.Boris), booked[1], p.Slots[12])
	if _, changed, _ := feedFiles(t, a); changed == etag {
		t.Error("a slot was taken and the manifest's tag stayed")
	}
	err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE medical.facility SET published = false WHERE tenant_id = 'northwick'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if m, _, _ := feedFiles(t, a); len(m.Output) != 2 {
		t.Errorf("a clinic that is not published has files: %v", m.Output)
	}
	if r := get(t, a, nil, fhirBase+"Slot"); bytes.Contains(r.Body, []byte(p.Slots[0])) {
		t.Error("a clinic that is not published shows its slots")
	}
}

// A feed of a hundred thousand slots is written as it is read.
func TestAHundredThousandSlotsArePublished(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	p := a.Practice(0, 0)
	const n = 100_000
	err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, starts_at, ends_at, capacity)
			SELECT 'northwick', gen_random_uuid(), 'riverside-clinic', $1, $2, $3::timestamptz + i * interval '5 minutes', $3::timestamptz + (i + 1) * interval '5 minutes', 3
			FROM generate_series(0, $4 - 1) AS i`, p.Place, p.Station, p.First, n)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	manifest := get(t, a, nil, "/medical/v1/smart/$bulk-publish")
	polled := time.Since(began)
	var m feed.Manifest
	manifest.JSON(t, &m)
	count, size := 0, 0
	began = time.Now()
	for _, o := range m.Output {
		if o.Type != feed.TypeSlot {
			continue
		}
		r := get(t, a, nil, strings.TrimPrefix(o.URL, a.Origin("northwick")))
		count += bytes.Count(r.Body, []byte("\n"))
		size += len(r.Body)
	}
	if count != n {
		t.Errorf("%d of %d slots", count, n)
	}
	t.Logf("%d slots in %d files, %.1f MB in %v; the manifest in %v", count, len(m.Output)-2, float64(size)/1e6, time.Since(began).Round(time.Millisecond), polled.Round(time.Millisecond))
}
