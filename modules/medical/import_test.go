package medical

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/sheet"
	"townhall/workflows"
)

// newImporter is a municipality that offers doctors and vaccinations.
func newImporter(t *testing.T) (*clinicHouse, kernel.Tenant) {
	t.Helper()
	h := newClinicHouse(t)
	lib, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	h.Library = lib
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	tenant.Services = []string{"doctor-appointment", "vaccination"}
	h.ctx = kernel.WithTenant(h.ctx, tenant)
	return h, tenant
}

func filesIn(t *testing.T, pattern string) (out []lines.File) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatal(pattern, err)
	}
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, lines.File{Name: filepath.Base(n), Data: data})
	}
	return out
}

func (h *clinicHouse) count(table string) (n int) {
	h.t.Helper()
	h.tx(func(tx *pg.Tx) error {
		return tx.GetContext(h.ctx, &n, `SELECT count(*) FROM medical.`+table+` WHERE tenant_id = $1`, tx.TenantID())
	})
	return n
}

// sum is how many rows there are of everything an import writes.
func (h *clinicHouse) sum() (n int) {
	for _, table := range []string{"place", "practitioner", "resource", "visit_type", "schedule", "holiday", "slot", "import", "task"} {
		n += h.count(table)
	}
	return n
}

func TestTablesAreImportedOnceHoweverOften(t *testing.T) {
	t.Parallel()
	h, tenant := newImporter(t)
	files := filesIn(t, "sheet/testdata/good/*.csv")
	got, err := h.Import(context.Background(), tenant, testClinic, files)
	if err != nil {
		t.Fatal(err)
	}
	if got.Kind != "sheets" || got.Made.Made == 0 || !slices.Contains(got.Counts, Count{Kind: sheet.Places, New: 1, Changed: 1}) || !slices.Contains(got.Counts, Count{Kind: sheet.VisitTypes, New: 3}) {
		t.Errorf("%+v", got)
	}
	before := h.sum()
	if got, err = h.Import(context.Background(), tenant, testClinic, files); err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Counts {
		if c.New+c.Changed != 0 || c.Same == 0 {
			t.Errorf("a second time: %+v", c)
		}
	}
	if got.Made != (Made{}) || h.sum() != before+1 { // the note of the import itself
		t.Errorf("a second time: %+v, %d rows became %d", got.Made, before, h.sum())
	}
}

func TestARefusedImportLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	h, tenant := newImporter(t)
	before := h.sum()
	for name, c := range map[string]struct {
		files []lines.File
		want  string
	}{
		"tables": {append(filesIn(t, "sheet/testdata/good/*.csv"), lines.File{Name: "more/schedules.csv", Data: []byte("place,practitioner,visit_types,rule,from,until,minutes,starts_on\nharbour,nobody,gp,FREQ=DAILY,09:00,12:00,20,2026-11-02\n")}),
			"more/schedules.csv:2: practitioner: names nothing that is there or in these files\n"},
		"feed": {append(filesIn(t, "feed/testdata/good/*.ndjson"), lines.File{Name: "x.ndjson", Data: []byte("{}\n")}), "x.ndjson:1: resourceType: is missing\n"},
		"feed of unknown services": {filesIn(t, "feed/testdata/good/*"),
			"schedules.ndjson:1: serviceType: is no type of visit of this municipality\nschedules.ndjson:2: serviceType: is no type of visit of this municipality\n" +
				"schedules.ndjson:3: serviceType: is no type of visit of this municipality\nschedules.ndjson:4: serviceType: is no type of visit of this municipality\n"},
	} {
		_, err := h.Import(context.Background(), tenant, testClinic, c.files)
		var refused *Refusal
		if !errors.As(err, &refused) || refused.Problems.String() != c.want || kernel.KindOf(err) != kernel.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if after := h.sum(); after != before {
			t.Errorf("%s: %d rows became %d", name, before, after)
		}
	}
	if _, err := h.Import(context.Background(), tenant, "no-such-clinic", nil); kernel.KindOf(err) != kernel.NotFound {
		t.Error(err)
	}
}

func TestAPreviewTellsWhatWouldBeAndKeepsNothing(t *testing.T) {
	t.Parallel()
	h, tenant := newImporter(t)
	before := h.sum()
	files := filesIn(t, "sheet/testdata/good/*.csv")
	staff := kernel.WithPrincipal(h.ctx, kernel.Principal{Kind: kernel.Staff, Tenant: tenant.ID, Person: kernel.PersonID(kernel.NewID()), Grants: []kernel.Grant{{Agency: testClinic, Role: RolePlanner}}})
	want, err := h.ImportFiles(staff, testClinic, files, true)
	if err != nil || h.sum() != before {
		t.Fatalf("%v, %d rows became %d", err, before, h.sum())
	}
	h.Audit = nil
	got, err := h.ImportFiles(staff, testClinic, files, false)
	if err != nil || !slices.Equal(got.Counts, want.Counts) || got.Made != want.Made {
		t.Errorf("said %+v, did %+v (%v)", want, got, err)
	}
	for _, role := range []string{RoleReception, RolePractitioner} {
		other := kernel.WithPrincipal(h.ctx, kernel.Principal{Kind: kernel.Staff, Tenant: tenant.ID, Grants: []kernel.Grant{{Agency: testClinic, Role: role}}})
		if _, err := h.ImportFiles(other, testClinic, files, true); kernel.KindOf(err) != kernel.Forbidden {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// feedFrom is a feed of one place and one schedule whose slots begin at the given hours of the day after tomorrow.
func feedFrom(status string, hours ...int) []lines.File {
	day := time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly)
	var b strings.Builder
	for _, h := range hours {
		b.WriteString(`{"resourceType":"Slot","id":"s` + itoa(h) + `","schedule":{"reference":"Schedule/gp"},"status":"` + status + `","start":"` + day + "T" + itoa(h) + `:00:00Z","end":"` + day + "T" + itoa(h) + ":20:00Z\"}\n")
	}
	return []lines.File{
		{Name: "locations.ndjson", Data: []byte(`{"resourceType":"Location","id":"quay","name":"Quay Surgery","telecom":[{"system":"phone","value":"+44 20 7946 0109"}],"address":{"line":["1 Quay"],"city":"Northwick","state":"London","postalCode":"NW1 1AA"}}`)},
		{Name: "schedules.ndjson", Data: []byte(`{"resourceType":"Schedule","id":"gp","serviceType":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/service-type","code":"124"}]}],"actor":[{"reference":"Location/quay"}]}`)},
		{Name: "slots.ndjson", Data: []byte(b.String())},
	}
}

func TestAFeedBecomesSlotsAndComingAgainItTakesBackOnlyWhatNobodyHas(t *testing.T) {
	t.Parallel()
	h, tenant := newImporter(t)
	if _, err := h.Import(context.Background(), tenant, testClinic, filesIn(t, "sheet/testdata/good/visit-types.csv")); err != nil {
		t.Fatal(err)
	}
	bring := func(files []lines.File) Imported {
		t.Helper()
		got, err := h.Import(context.Background(), tenant, testClinic, files)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := bring(feedFrom("free", 10, 11, 12, 13)); got.Made.Made != 4 || !slices.Contains(got.Counts, Count{Kind: sheet.Schedules, New: 1}) {
		t.Fatalf("%+v", got)
	}
	if got := bring(feedFrom("free", 10, 11, 12, 13)); got.Made != (Made{}) {
		t.Fatalf("the same again: %+v", got)
	}
	var schedule ScheduleID
	h.tx(func(tx *pg.Tx) error {
		return tx.GetContext(h.ctx, &schedule, `SELECT id FROM medical.schedule WHERE tenant_id = $1 AND origin = 'feed'`, tx.TenantID())
	})
	all := h.slots(schedule)
	mine, _ := h.book(all[1].ID)
	busy, _ := h.book(all[3].ID)
	// 11 and 12 vanish, 13 is busy because it was booked here, 14 is new.
	got := bring([]lines.File{feedFrom("free")[0], feedFrom("free")[1], feedFrom("free", 10, 14)[2], {Name: "busy.ndjson", Data: feedFrom("busy", 13, 15)[2].Data}})
	if got.Made != (Made{Made: 1, Gone: 1, Kept: 1, Tasks: 1}) {
		t.Fatalf("%+v", got.Made)
	}
	if tasks := h.tasks(); len(tasks) != 1 || tasks[0].Kind != taskFeedGone || tasks[0].Case != string(mine) {
		t.Fatalf("tasks %+v, of %s and %s", tasks, mine, busy)
	}
	h.mustHold()
	// It comes back: the task is settled.
	if bring(feedFrom("free", 10, 11, 13, 14)); len(h.tasks()) != 0 {
		t.Fatalf("tasks %+v", h.tasks())
	}
	h.mustHold()
}

func TestAFeedOverANightOfTheClockChangeKeepsItsMoments(t *testing.T) {
	t.Parallel()
	h, tenant := newImporter(t)
	if _, err := h.Import(context.Background(), tenant, testClinic, filesIn(t, "sheet/testdata/good/visit-types.csv")); err != nil {
		t.Fatal(err)
	}
	h.Clock = kerneltest.NewClock(time.Date(2027, 3, 20, 0, 0, 0, 0, time.UTC))
	got, err := h.Import(context.Background(), tenant, testClinic, filesIn(t, "feed/testdata/good/*"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Made.Made != 43 { // 46, three of which are busy
		t.Fatalf("%+v", got)
	}
	var n int
	h.tx(func(tx *pg.Tx) error {
		return tx.GetContext(h.ctx, &n, `SELECT count(*) FROM medical.slot WHERE tenant_id = $1 AND starts_at >= '2027-03-27T23:00:00Z' AND ends_at <= '2027-03-28T03:00:00Z'
			AND ends_at - starts_at = interval '30 minutes'`, tx.TenantID())
	})
	if n != 7 { // 23:00 to 04:00 is four hours that night: eight slots, one of them busy
		t.Errorf("%d slots that night", n)
	}
}
