package apptest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/openapi"
)

// second is another process on the same database.
func (a partnerTown) second(t *testing.T, log io.Writer) *modules.Town {
	t.Helper()
	u, err := url.Parse(a.Origin("northwick"))
	if err != nil {
		t.Fatal(err)
	}
	o := modules.Options{Settings: a.SettingsFor(u.Port()), DB: a.DB, Data: a.Data, Clock: kernel.SystemClock{}, Log: slog.New(slog.NewJSONHandler(log, nil)), Contracts: openapi.FS}
	apptest.WithPartners(&o)
	town, err := modules.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return town
}

// beginAt asks a process to begin a case.
func (a partnerTown) beginAt(t *testing.T, town *modules.Town, who apptest.Who, app string) int {
	t.Helper()
	req, err := a.Request(t.Context(), apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications", Key: apptest.Key(), Body: map[string]any{"service": app}})
	if err != nil {
		t.Error(err)
		return 0
	}
	w := httptest.NewRecorder()
	town.Handler().ServeHTTP(w, req)
	return w.Code
}

// within waits for something another process comes to know: nearly always within a second, on a machine that has nothing else to do.
func within(t *testing.T, what string, there func() bool) {
	t.Helper()
	for began := time.Now(); !there(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("it never came: %s", what)
		}
	}
}

// Another process follows by its own job, and never takes a fresh mini-app for one that is there for everybody; one that starts later
// knows everything.
func TestEveryProcessFollowsItsPartners(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	pub := apptest.StaffOf("market", "publisher", "pia")
	a.Know("northwick", pub)
	b := a.second(t, io.Discard)
	if err := b.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	running.Go(func() { // as the server does it, and as often
		for ctx.Err() == nil {
			_ = jobOf(b, "follow-partners")(ctx)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	})
	a.Admit(apptest.Anna, apptest.PartnerAnswers("market", nil))
	within(t, "the agency", func() bool { _, there := b.Directory.Agency("northwick", "market"); return there })

	// Everybody hammers the other process while the mini-apps are made: nobody is let in for a moment.
	var apps []string
	for i := range 4 {
		apps = append(apps, fmt.Sprint("market-stall-", i))
	}
	var wrong, asked atomic.Int64
	hammering, stop := context.WithCancel(ctx)
	var hammer sync.WaitGroup
	for i := range 4 {
		hammer.Go(func() {
			for n := i; hammering.Err() == nil; n++ {
				asked.Add(1)
				if got := a.beginAt(t, b, apptest.Boris, apps[n%len(apps)]); got != http.StatusNotFound {
					wrong.Add(1)
				}
			}
		})
	}
	for _, app := range apps {
		a.Made(apptest.Anna, "market", "application", app, "permits")
		within(t, app, func() bool { return slices.Contains(listedAt(b, "northwick"), app) })
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	hammer.Wait()
	if wrong.Load() != 0 || asked.Load() < 100 {
		t.Errorf("%d of %d were let into a draft", wrong.Load(), asked.Load())
	}

	const app = "market-stall-0"
	a.open(t, pub, app, 1)
	within(t, "the release", func() bool { return a.beginAt(t, b, apptest.Boris, app) == http.StatusCreated })
	req, err := a.Request(t.Context(), apptest.Call{Who: &pub, Method: http.MethodGet, Path: "/releases/v1/mini-apps/" + app})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if b.Handler().ServeHTTP(w, req); w.Code != http.StatusOK {
		t.Errorf("its publisher at the other process: %d %s", w.Code, w.Body)
	}
	late := a.second(t, io.Discard)
	if err := late.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := a.beginAt(t, late, apptest.Boris, app); got != http.StatusCreated {
		t.Errorf("a process that started later: %d", got)
	}
	if got := a.beginAt(t, late, apptest.Boris, "market-stall-1"); got != http.StatusNotFound {
		t.Errorf("a draft at a process that started later: %d", got)
	}
	o := a.Organisation(apptest.Anna, "market")
	if got := a.Suspend(apptest.Ines, "market", o.Version); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	within(t, "the suspension", func() bool {
		agency, _ := b.Directory.Agency("northwick", "market")
		return agency.Suspended && a.beginAt(t, b, apptest.Boris, app) == http.StatusConflict
	})
}

func jobOf(town *modules.Town, name string) func(context.Context) error {
	for _, m := range town.Modules {
		for _, j := range m.Jobs {
			if j.Name == name {
				return j.Run
			}
		}
	}
	return func(context.Context) error { return fmt.Errorf("no job %s", name) }
}

// A process that fell between writing and following is mended by its job; a definition that cannot be read any more keeps neither the
// municipality nor its other mini-apps away.
func TestWhatCannotBeReadKeepsNothingElseAway(t *testing.T) {
	t.Parallel()
	a := newPartners(t)
	pub := apptest.StaffOf("market", "publisher", "pia")
	a.Know("northwick", pub)
	a.Admit(apptest.Anna, apptest.PartnerAnswers("market", nil))
	for _, app := range []string{"market-good", "market-broken", "market-older"} {
		a.Made(apptest.Anna, "market", "application", app, "permits")
		a.must(t, pub, app, "testers", map[string]any{"version": 1, "testers": []string{"boris"}})
	}
	a.DraftOf(apptest.Boris, "market-broken")
	older := a.Organisation(apptest.Anna, "market").MiniApps
	if got := a.change(apptest.Anna, "market", older[2].ID); got.Status != http.StatusSeeOther {
		t.Fatalf("%d", got.Status)
	}
	a.asOwner(t, `UPDATE partners.definition SET files = jsonb_set(files, '{service.yaml}', '"slug: [nothing"') WHERE hash = $1 OR hash = $2`, older[1].Definition, older[2].Definition)
	var log lockedLog
	b := a.second(t, &log)
	if err := b.Check(t.Context()); err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	services := listedAt(b, "northwick")
	if !slices.Contains(services, "market-good") || !slices.Contains(services, "market-older") || slices.Contains(services, "market-broken") || !slices.Contains(services, "residence-certificate") {
		t.Errorf("it serves %q", services)
	}
	if !strings.Contains(log.String(), "market-broken") || !strings.Contains(log.String(), older[2].Definition) || strings.Contains(log.String(), "market-good") {
		t.Errorf("the log says %s", log.String())
	}
	for app, want := range map[string]int{"market-good": http.StatusCreated, "market-older": http.StatusCreated, "market-broken": http.StatusNotFound} {
		if got := a.beginAt(t, b, apptest.Boris, app); got != want {
			t.Errorf("%s: %d, want %d", app, got, want)
		}
	}
	for path, who := range map[string]apptest.Who{"/civic/v1/applications": apptest.Boris, "/workflow/v1/cases": apptest.StaffOf("market", "officer", "otto"), "/releases/v1/mini-apps": pub} {
		req, err := a.Request(t.Context(), apptest.Call{Who: &who, Method: http.MethodGet, Path: path})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if b.Handler().ServeHTTP(w, req); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s\n%s", path, w.Code, w.Body, log.String())
		}
	}

	// Written and not followed: as a crash leaves it. The next look finds it.
	a.asOwner(t, `WITH written AS (UPDATE partners.partner SET state = 'suspended', reason = 'By hand.' WHERE tenant_id = 'northwick' AND agency = 'market')
		UPDATE partners.turn SET n = n + 1 WHERE tenant = 'northwick'`)
	if agency, _ := a.Directory.Agency("northwick", "market"); agency.Suspended {
		t.Fatal("it is followed before anybody looked")
	}
	a.RunJob("follow-partners")
	if agency, _ := a.Directory.Agency("northwick", "market"); !agency.Suspended {
		t.Error("the job did not find what was written")
	}
}

// lockedLog is a log that several goroutines write.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
