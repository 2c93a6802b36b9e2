package apptest_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// planner fills in the planners' forms.
type planner struct {
	*apptest.App
	t   *testing.T
	who apptest.Who
}

func (p planner) page(method, path string, form url.Values) apptest.Answer {
	p.t.Helper()
	if form != nil {
		form.Set("idempotency_key", kernel.NewID())
	}
	return p.Page(apptest.PageRequest{Tenant: "northwick", Method: method, Path: "/staff/clinics/riverside-clinic/setup" + path, Form: form, Cookie: p.Cookie("northwick", p.who)})
}

// save sends a form and wants it taken.
func (p planner) save(path string, form url.Values) {
	p.t.Helper()
	form.Set("do", "save")
	if a := p.page(http.MethodPost, path, form); a.Status != http.StatusSeeOther {
		p.t.Fatalf("%s: %d %s", path, a.Status, regexp.MustCompile(`(?s)<div class="problems".*?</div>`).FindString(string(a.Body)))
	}
}

func TestAPlannerSetsUpAClinicWithFormsAndSeesTheSessionsBeforeSaving(t *testing.T) {
	t.Parallel()
	p := planner{apptest.Start(t), t, apptest.Petra}
	p.Know("northwick", apptest.Petra, apptest.Rosa)
	p.save("/places/new", url.Values{"code": {"quay"}, "name": {"Quay Surgery"}, "name_ru": {"Амбулатория у причала"}, "street": {"1 Quay"}, "postal_code": {"NW1 1AA"}, "locality": {"Northwick"}, "country": {"GB"}, "zone": {"Europe/London"}, "opening": {"Mo-Fr 08:00-18:00"}})
	p.save("/practitioners/new", url.Values{"code": {"osei"}, "name": {"Dr Amara Osei"}, "languages": {"en fr"}})
	p.save("/visit-types/new", url.Values{"code": {"consultation"}, "service": {"doctor-appointment"}, "name": {"Consultation"}, "minutes": {"20"}, "level": {"low"}})
	p.save("/holidays/new", url.Values{"day": {time.Now().AddDate(0, 0, 10).Format(time.DateOnly)}, "name": {"Stocktaking"}})
	plan := url.Values{"place": {"quay"}, "practitioner": {"osei"}, "visit_types": {"consultation"}, "weekday": {"MO", "TU", "WE", "TH", "FR", "SA", "SU"}, "every": {"1"}, "from": {"09:00"}, "until": {"12:00"}, "minutes": {"20"}, "starts_on": {time.Now().Format(time.DateOnly)}, "do": {"look"}}
	a := p.page(http.MethodPost, "/schedules/new", plan)
	if a.Status != http.StatusOK || !strings.Contains(string(a.Body), "09:00–12:00: times to book: 9") {
		t.Fatalf("the sessions are not shown: %d %s", a.Status, a.Body)
	}
	slots := func() (n int) {
		t.Helper()
		if err := p.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
			return tx.Get(&n, `SELECT count(*) FROM medical.slot WHERE tenant_id = 'northwick'`)
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := slots(); n != 0 {
		t.Fatalf("looking made %d slots", n)
	}
	p.save("/schedules/new", plan)
	made := slots()
	if made < 59*9 { // sixty days, one of them a holiday, today perhaps over
		t.Fatalf("%d slots", made)
	}
	day := time.Now().AddDate(0, 0, 20).Format(time.DateOnly)
	p.save("/exceptions/block", url.Values{"from_day": {day}, "from": {"09:00"}, "until": {"10:00"}, "reason": {"Training"}})
	if n := slots(); n != made-3 {
		t.Errorf("a block of an hour: %d slots, were %d", n, made)
	}
	list := p.page(http.MethodGet, "/exceptions", nil)
	remove := regexp.MustCompile(`/setup(/exceptions/[0-9a-f-]+/remove)`).FindStringSubmatch(string(list.Body))
	if remove == nil {
		t.Fatalf("no way to take the block back: %s", list.Body)
	}
	p.save(remove[1], url.Values{})
	if n := slots(); n != made {
		t.Errorf("the block was taken back: %d slots, were %d", n, made)
	}
	wrong := p.page(http.MethodPost, "/places/new", url.Values{"code": {"quay"}, "name": {"Another"}, "street": {"s"}, "postal_code": {"p"}, "locality": {"l"}, "country": {"GB"}, "zone": {"Moon"}, "do": {"save"}})
	if wrong.Status != http.StatusUnprocessableEntity || !strings.Contains(string(wrong.Body), `href="#f-zone"`) {
		t.Errorf("a wrong zone: %d", wrong.Status)
	}
	p.who = apptest.Rosa
	if a := p.page(http.MethodGet, "/places", nil); a.Status != http.StatusForbidden {
		t.Errorf("reception sees the planners' pages: %d", a.Status)
	}
}

func TestAProgramOfThePlannersImportsTablesOrIsToldEveryWrongLine(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t)
	a.Know("northwick", apptest.Petra)
	files := func(zone string) map[string]any {
		return map[string]any{"files": []any{
			map[string]any{"name": "places.csv", "content": "code,name,street,postal_code,locality,country,zone\nquay,Quay Surgery,1 Quay,NW1,Northwick,GB," + zone + "\n"},
			map[string]any{"name": "holidays.csv", "content": "day,name\n2026-12-25,Christmas Day\n"},
		}}
	}
	send := func(body map[string]any) apptest.Answer {
		return a.Do(apptest.Call{Tenant: "northwick", Who: &apptest.Petra, Method: http.MethodPost, Path: "/medical/v1/clinics/riverside-clinic/imports", Key: kernel.NewID(), Body: body})
	}
	if got := send(files("Europe/Nowhere")); got.Status != http.StatusUnprocessableEntity || !strings.Contains(string(got.Body), `"places.csv:2:zone"`) {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	if got := send(files("Europe/London")); got.Status != http.StatusOK || !strings.Contains(string(got.Body), `"kind":"holidays"`) {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	rows := a.Do(apptest.Call{Tenant: "northwick", Who: &apptest.Petra, Method: http.MethodGet, Path: "/medical/v1/clinics/riverside-clinic/tables/places"})
	if rows.Status != http.StatusOK || !strings.Contains(string(rows.Body), `"zone":"Europe/London"`) {
		t.Fatalf("%d %s", rows.Status, rows.Body)
	}
	if other := a.Do(apptest.Call{Tenant: "northwick", Who: &apptest.Petra, Method: http.MethodGet, Path: "/medical/v1/clinics/harbour-health/tables/places"}); other.Status != http.StatusNotFound {
		t.Errorf("a clinic that is not hers: %d", other.Status)
	}
}
