package catalogue

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"townhall/modules/catalogue/published"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

// without is a directory in which northwick does not offer a service.
type without struct {
	kernel.Directory
	service string
}

func (d without) Tenants() []kernel.Tenant {
	out := slices.Clone(d.Directory.Tenants())
	for i := range out {
		if out[i].ID == kerneltest.Northwick {
			out[i].Services = slices.DeleteFunc(slices.Clone(out[i].Services), func(s string) bool { return s == d.service })
		}
	}
	return out
}

const dropped = "residence-certificate"

func TestWhatIsDroppedIsWithdrawnOnceAndComesBackWithANewVersion(t *testing.T) {
	t.Parallel()
	db, keys := kerneltest.DB(t), t.TempDir()
	before := office(t, db, keys)
	if err := before.publishAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := len(whole(t, before))
	var all sync.WaitGroup
	for range 4 { // however many processes notice
		s := office(t, db, keys)
		s.deps.Directory = without{kerneltest.Directory(), dropped}
		all.Go(func() {
			for range 2 {
				if err := s.publishAll(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	records := whole(t, before)
	if len(records) != n+1 {
		t.Fatalf("%d records, want %d", len(records), n+1)
	}
	late := office(t, db, keys) // has read the log before the others wrote
	late.deps.Directory = without{kerneltest.Directory(), dropped}
	if err := late.withdrawAll(t.Context(), late.deps.Directory.Tenants()[0], map[string]published.Record{"northwick." + dropped: {Tenant: "northwick", AppID: dropped}}); err != nil {
		t.Fatal(err)
	}
	if got := len(whole(t, late)); got != n+1 {
		t.Errorf("withdrawn twice: %d records, want %d", got, n+1)
	}
	r := records[n].Record
	if !r.Withdrawn || r.Tenant != "northwick" || r.AppID != dropped || r.Version.Code != 2 || r.Agency != "civil-registry" {
		t.Errorf("%+v", r)
	}
	agency, err := before.publisher.keys.of("northwick", "civil-registry")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := published.CheckWithdrawal(r, agency.public); err != nil {
		t.Error(err)
	}

	back := office(t, db, keys)
	if err := back.publishAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	f, err := back.publish(t.Context(), kerneltest.Tenant(kerneltest.Northwick), dropped, false)
	if err != nil || f.manifest.Version.Code != 3 || f.proof.LogIndex != int64(n+1) {
		t.Errorf("%+v %v", f, err)
	}
	if got := len(whole(t, back)); got != n+2 {
		t.Errorf("%d records, want %d", got, n+2)
	}
}

// One process shows, hides and shows again: what it remembers of the first form is worth nothing then.
func TestADraftIsWithdrawnAndPublishedAnewByTheSameProcess(t *testing.T) {
	t.Parallel()
	s := office(t, kerneltest.DB(t), t.TempDir())
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	run := func(all map[string]Release) {
		if err := s.publishAll(showing(t.Context(), all)); err != nil {
			t.Fatal(err)
		}
	}
	// last is northwick's newest record, and how many there are of it.
	last := func() (r published.Record, n int) {
		for _, one := range whole(t, s) {
			if one.Record.Tenant == "northwick" && one.Record.AppID == dropped {
				r, n = one.Record, n+1
			}
		}
		return r, n
	}
	run(nil)
	run(map[string]Release{dropped: {App: dropped, Stage: StageDraft}})
	if r, n := last(); n != 2 || !r.Withdrawn {
		t.Fatalf("record %d is %+v, want a withdrawal", n, r)
	}
	f, err := s.publish(showing(t.Context(), nil), tenant, dropped, false) // the next who asks, before the job comes round
	if r, n := last(); err != nil || n != 3 || r.Withdrawn || f.manifest.Version.Code != 3 || f.proof.Hash != r.Hash {
		t.Errorf("record %d is %+v, shown is %+v, %v", n, r, f, err)
	}
	// What has ended can still be asked for: it is published as retired, not withdrawn.
	run(map[string]Release{dropped: {App: dropped, Stage: StageRetired, Share: 100}})
	if r, n := last(); n != 4 || r.Withdrawn {
		t.Errorf("record %d is %+v, want a publication", n, r)
	}
}

func TestAnOlderProcessDoesNotWithdrawWhatANewerOneShows(t *testing.T) {
	t.Parallel()
	db, keys := kerneltest.DB(t), t.TempDir()
	old := office(t, db, keys)
	old.deps.Directory = without{kerneltest.Directory(), dropped}
	young := office(t, db, keys)
	for range 3 {
		for _, s := range []*Service{young, old} {
			if err := s.publishAll(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, r := range whole(t, young) {
		if r.Record.Withdrawn {
			t.Errorf("withdrawn: %+v", r.Record)
		}
	}
}

// Nobody but the agency that published a mini-app can withdraw it: without its key there is no withdrawal.
func TestWithoutTheAgencysKeyNothingIsWithdrawn(t *testing.T) {
	t.Parallel()
	db := kerneltest.DB(t)
	folder := t.TempDir()
	first := office(t, db, folder)
	everything(t, first)
	n := len(whole(t, first))
	other := office(t, db, t.TempDir())
	key, err := first.publisher.keys.ofLog()
	if err != nil {
		t.Fatal(err)
	}
	other.publisher.keys.log = &key
	if _, err := other.publisher.keys.of("northwick", "health-services"); err != nil {
		t.Fatal(err)
	}
	tenant := kerneltest.Tenant(kerneltest.Northwick)
	tenant.Services = nil
	newest := map[string]published.Record{"northwick." + dropped: whole(t, first)[0].Record}
	if err := other.withdrawAll(t.Context(), tenant, newest); err == nil || !strings.Contains(err.Error(), "no agency has the key") {
		t.Errorf("want a refusal, got %v", err)
	}
	if got := len(whole(t, first)); got != n {
		t.Errorf("%d records, want %d", got, n)
	}
}
