package apptest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// logOf collects what a town logs.
type logOf struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *logOf) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *logOf) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

type nearbyPlace struct {
	Name, Address, Agency, Ref string
	Latitude, Longitude        float64
	Metres                     int
	Apps                       []string
}

// around asks what is near a position.
func around(t *testing.T, a *apptest.App, tenant kernel.TenantID, lang string, body map[string]any) (places []nearbyPlace) {
	t.Helper()
	r := a.Do(apptest.Call{Tenant: tenant, Method: http.MethodPost, Path: "/wallet/v1/nearby?lang=" + lang, Body: body})
	if r.Status != http.StatusOK || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("nearby %v: %d %s", body, r.Status, r.Body)
	}
	var out struct{ Places []nearbyPlace }
	if err := json.Unmarshal(r.Body, &out); err != nil {
		t.Fatal(err)
	}
	return out.Places
}

func withOffice(o *modules.Options) {
	o.Settings.Tenants[0].Agencies[0].Office = &modules.OfficeSettings{Address: "1 Market Square, Northwick", Latitude: 51.5009, Longitude: -0.12}
}

// What stands around somebody: clinics, stops and offices, the nearest first, with what is used there; and where they stood is
// written down nowhere.
func TestWhatIsNearbyIsFoundAndWhereSomebodyStoodIsForgotten(t *testing.T) {
	t.Parallel()
	log := &logOf{}
	a := apptest.Start(t, apptest.WithTravel(t), withOffice, apptest.WithLog(log))
	p := a.Practice(1, 1)
	a.Coaches()
	a.Coach(time.Now().Add(48*time.Hour), 3)
	err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE travel.stop SET latitude = 51.502, longitude = -0.12 WHERE tenant_id = 'northwick' AND code = 'stop-1'`)
		return err
	})
	must(t, err)

	here := map[string]any{"latitude": 51.500123457, "longitude": -0.120000789}
	got := around(t, a, "northwick", "ru", here)
	var names []string
	for _, g := range got {
		names = append(names, g.Name)
	}
	if !slices.Equal(names, []string{"Клиника «Риверсайд»", "Отдел регистрации граждан", "Stop 1"}) {
		t.Fatalf("%+v", got)
	}
	clinic, office, stop := got[0], got[1], got[2]
	if clinic.Metres != 10 || clinic.Ref != p.Place || clinic.Address != "1 Quay Street, NW7 1AA, Northwick" || !slices.Equal(clinic.Apps, []string{"doctor-appointment", "vaccination"}) {
		t.Errorf("%+v", clinic)
	}
	if office.Metres != 90 || office.Ref != "" || !slices.Equal(office.Apps, []string{"residence-certificate"}) || office.Address == "" {
		t.Errorf("%+v", office)
	}
	if stop.Metres != 210 || stop.Agency != "Береговые автобусы" || !slices.Equal(stop.Apps, []string{"coach-ticket"}) {
		t.Errorf("%+v", stop)
	}
	here["within"], here["limit"] = 100, 1
	if got := around(t, a, "northwick", "en", here); len(got) != 1 || got[0].Name != "Riverside Clinic" {
		t.Errorf("within 100 m: %+v", got)
	}
	if got := around(t, a, "eastmere", "en", map[string]any{"latitude": 51.5, "longitude": -0.12}); len(got) != 0 {
		t.Errorf("another town's places: %+v", got)
	}
	for path, body := range map[string]map[string]any{
		"body.latitude": {"latitude": 90.1, "longitude": 0.0}, "body.longitude": {"latitude": 0.0, "longitude": -181.0},
		"body.within": {"latitude": 0.0, "longitude": 0.0, "within": 50_001}, "body": {"latitude": 1.0},
	} {
		r := a.Do(apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/nearby", Body: body})
		if r.Status != http.StatusUnprocessableEntity || !strings.Contains(string(r.Body), path) {
			t.Errorf("%v: %d %s", body, r.Status, r.Body)
		}
	}

	// The start pages begin where somebody stands.
	if page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/apps/coach-ticket?ref=" + stop.Ref}); !strings.Contains(string(page.Body), `value="Stop 1"`) {
		t.Errorf("the search does not begin at the stop: %s", page.Body)
	}
	if page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/apps/doctor-appointment?ref=" + clinic.Ref}); !strings.Contains(string(page.Body), "place="+clinic.Ref) {
		t.Errorf("the times are not those of the clinic: %s", page.Body)
	}
	for _, ref := range []string{kernel.NewID(), "x", strings.Repeat("7", 64)} {
		for _, app := range []string{"coach-ticket", "doctor-appointment", "residence-certificate"} {
			if page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: "/apps/" + app + "?ref=" + ref}); page.Status != http.StatusOK {
				t.Errorf("%s with ref %s: %d", app, ref, page.Status)
			}
		}
	}

	if strings.Contains(log.String(), "51.500123") || strings.Contains(log.String(), "0.120000789") {
		t.Errorf("the log says where somebody stood: %s", log)
	}
	for _, number := range []string{"51.500123", "0.120000789"} {
		nowhere(t, a, number)
	}
}

type sharedLink struct {
	URI       string    `json:"uri"`
	App       string    `json:"app_id"`
	Target    string    `json:"target"`
	ExpiresAt time.Time `json:"expires_at"`
	Code      string    `json:"code"`
}

func share(t *testing.T, a *apptest.App, c apptest.Call, want int) (l sharedLink) {
	t.Helper()
	r := a.Do(c)
	if r.Status != want {
		t.Fatalf("%s %v: %d %s", c.Path, c.Body, r.Status, r.Body)
	}
	if err := json.Unmarshal(r.Body, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// A shared link leads everybody to the same page, until it ends; then it says so and still names the service.
func TestASharedLinkLeadsThereUntilItEnds(t *testing.T) {
	t.Parallel()
	clock := kerneltest.NewClock(time.Now())
	a := apptest.Start(t, apptest.WithClock(clock))
	place := kernel.NewID()
	l := share(t, a, apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/share-links", Body: map[string]any{"app_id": "doctor-appointment", "page": "apps/doctor-appointment/times", "ref": place, "days": 3}}, http.StatusOK)
	want := "/apps/doctor-appointment/times?ref=" + place
	path, ours := strings.CutPrefix(l.URI, a.Origin("northwick"))
	if !ours || l.Target != want || l.App != "doctor-appointment" || l.ExpiresAt.Sub(clock.Now()).Round(time.Hour) != 72*time.Hour {
		t.Fatalf("%+v", l)
	}
	token := strings.TrimPrefix(path, "/s/")
	if again := share(t, a, apptest.Call{Method: http.MethodGet, Path: "/wallet/v1/share-links/" + token}, http.StatusOK); again != l {
		t.Errorf("read: %+v", again)
	}
	page := a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path})
	if page.Status != http.StatusOK || !strings.Contains(string(page.Body), strings.ReplaceAll(want, "&", "&amp;")) {
		t.Errorf("the page: %d %s", page.Status, page.Body)
	}
	changed := []byte(token)
	changed[len(changed)/2] ^= 1
	for _, bad := range []struct{ tenant, token, code string }{{"eastmere", token, "share-unknown"}, {"northwick", string(changed), "share-unknown"}, {"northwick", token[:20], "share-unknown"}} {
		if got := share(t, a, apptest.Call{Tenant: kernel.TenantID(bad.tenant), Method: http.MethodGet, Path: "/wallet/v1/share-links/" + bad.token}, http.StatusNotFound); got.Code != bad.code {
			t.Errorf("%+v: %+v", bad, got)
		}
		if page := a.Page(apptest.PageRequest{Tenant: kernel.TenantID(bad.tenant), Method: http.MethodGet, Path: "/s/" + bad.token}); page.Status != http.StatusNotFound {
			t.Errorf("%+v: page %d", bad, page.Status)
		}
	}
	clock.Advance(73 * time.Hour)
	if got := share(t, a, apptest.Call{Method: http.MethodGet, Path: "/wallet/v1/share-links/" + token}, http.StatusNotFound); got.Code != "share-ended" {
		t.Errorf("ended: %+v", got)
	}
	page = a.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodGet, Path: path})
	if page.Status != http.StatusGone || !strings.Contains(string(page.Body), `href="/go/doctor-appointment"`) {
		t.Errorf("the page of an ended link: %d %s", page.Status, page.Body)
	}
	for field, body := range map[string]map[string]any{
		"body.page":   {"app_id": "residence-certificate", "page": "apps/doctor-appointment"},
		"body.ref":    {"app_id": "residence-certificate", "ref": "a b"},
		"body.days":   {"app_id": "residence-certificate", "days": 91},
		"body.app_id": {"app_id": "Residence"},
	} {
		r := a.Do(apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/share-links", Body: body})
		if r.Status != http.StatusUnprocessableEntity || !strings.Contains(string(r.Body), field) {
			t.Errorf("%v: %d %s", body, r.Status, r.Body)
		}
	}
	share(t, a, apptest.Call{Method: http.MethodPost, Path: "/wallet/v1/share-links", Body: map[string]any{"app_id": "coach-ticket"}}, http.StatusNotFound)
}
