package pg_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

// The conformance suite of effects: whatever crashes, hangs or runs twice, each effect completes exactly once.

const childEnv = "TOWNHALL_TEST_DISPATCHER"

func TestMain(m *testing.M) {
	if url := os.Getenv(childEnv); url != "" {
		tries, _ := strconv.Atoi(os.Getenv(childEnv + "_TRIES"))
		childMain(url, os.Getenv(childEnv+"_DIE"), tries)
	}
	if dir := os.Getenv(clusterEnv); dir != "" {
		clusterMain(dir)
	}
	os.Exit(m.Run())
}

// mark is the Complete of these tests: it counts how often an effect completed. A second time makes n 1.
func mark(e kernel.Effect) pg.Complete {
	return func(ctx context.Context, tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO pgtest.note (tenant_id, id) VALUES ($1, $2)
			ON CONFLICT (tenant_id, id) DO UPDATE SET n = pgtest.note.n + 1`, string(e.Tenant), e.ID)
		return err
	}
}

// completions returns how many effects of a tenant completed, and how often the busiest of them did.
func completions(t *testing.T, db *pg.DB, tenant kernel.TenantID) (effects, most int) {
	t.Helper()
	if err := db.Read(t.Context(), tenant, func(tx *pg.Tx) error {
		return tx.QueryRowxContext(t.Context(), `SELECT count(*), coalesce(max(n) + 1, 0) FROM pgtest.note`).Scan(&effects, &most)
	}); err != nil {
		t.Fatal(err)
	}
	return effects, most
}

var caseID = kernel.CaseID("01890000-0000-7000-8000-000000000001")

func emit(t *testing.T, db *pg.DB, tenant kernel.TenantID, events ...kernel.Event) {
	t.Helper()
	if err := db.InTx(t.Context(), tenant, func(tx *pg.Tx) error {
		for i := range events {
			if events[i].Case == "" {
				events[i].Case = caseID
			}
		}
		return pg.Emit(t.Context(), tx, events...)
	}); err != nil {
		t.Fatal(err)
	}
}

func emitMany(t *testing.T, db *pg.DB, tenant kernel.TenantID, n int) {
	t.Helper()
	events := make([]kernel.Event, n)
	for i := range events {
		events[i] = kernel.Event{Name: "test.done", Payload: i}
	}
	emit(t, db, tenant, events...)
}

func statuses(t *testing.T, db *pg.DB, tenant kernel.TenantID) (out []pg.EffectStatus) {
	t.Helper()
	if err := db.Read(t.Context(), tenant, func(tx *pg.Tx) (err error) {
		out, err = pg.EffectsOf(t.Context(), tx, caseID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func on(h pg.Handler) map[string]pg.Effects {
	return map[string]pg.Effects{"m": {"test.done": h}}
}

func dispatcher(db *pg.DB, subs map[string]pg.Effects, o pg.DispatchOptions) *pg.Dispatcher {
	db.Subscribe(subs)
	return pg.NewDispatcher(db, kerneltest.Directory(), subs, o)
}

// running runs d until the test ends, or until the returned function is called.
func running(t *testing.T, d *pg.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(stop)
	return stop
}

// eventually waits for something another goroutine or process brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never came: %s", what)
		}
	}
}

func TestAnEventBecomesOneEffectPerSubscriberAndNoneWithout(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	nothing := func(context.Context, kernel.Effect) (pg.Complete, error) { return nil, nil }
	d := dispatcher(db, map[string]pg.Effects{"a": {"x": nothing, "y": nothing}, "b": {"x": nothing}}, pg.DispatchOptions{})
	emit(t, db, north, kernel.Event{Name: "x", Key: "k"}, kernel.Event{Name: "y"}, kernel.Event{Name: "y"}, kernel.Event{Name: "nobody"})
	emit(t, db, north, kernel.Event{Name: "x", Key: "k"})
	got := statuses(t, db, north)
	if len(got) != 4 {
		t.Fatalf("%d effects, want x for a and b, and y twice: %+v", len(got), got)
	}
	if !slices.ContainsFunc(got, func(e pg.EffectStatus) bool { return e.Event == "x" && e.Module == "a" && e.State == "waiting" }) {
		t.Errorf("none is x for a: %+v", got)
	}
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range statuses(t, db, north) {
		if e.State != "done" || e.Attempt != 1 || e.DoneAt.IsZero() {
			t.Errorf("after Drain: %+v", e)
		}
	}
	err := db.InTx(t.Context(), north, func(tx *pg.Tx) error {
		return errors.Join(pg.Emit(t.Context(), tx, kernel.Event{Name: "y", Case: caseID}), errors.New("step failed"))
	})
	if err == nil || len(statuses(t, db, north)) != 4 {
		t.Error("a failed step left an effect")
	}
}

func TestAHandlerKnowsItsEffectAndActsAsTheSystem(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	var got kernel.Effect
	var who kernel.Principal
	var where kernel.Tenant
	d := dispatcher(db, on(func(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
		got, who, where = e, kernel.PrincipalOf(ctx), kernel.TenantOf(ctx)
		return nil, nil
	}), pg.DispatchOptions{})
	emit(t, db, east, kernel.Event{Name: "test.done", Payload: kernel.DocumentIssue{Document: "d"}})
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	var p kernel.DocumentIssue
	if err := json.Unmarshal(got.Payload, &p); err != nil || p.Document != "d" {
		t.Errorf("payload %s", got.Payload)
	}
	if got.Tenant != east || got.Name != "test.done/m" || got.Case != caseID || got.Attempt != 1 || !kernel.ValidID(got.ID) {
		t.Errorf("effect %+v", got)
	}
	if who.Kind != kernel.System || who.Tenant != east || where.ID != east {
		t.Errorf("acts as %+v in %q", who, where.ID)
	}
}

func TestDrainRunsWhatAnEffectCauses(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	subs := map[string]pg.Effects{"m": {}}
	subs["m"]["first"] = func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
		return func(ctx context.Context, tx *pg.Tx) error {
			return pg.Emit(ctx, tx, kernel.Event{Name: "second", Case: e.Case})
		}, nil
	}
	subs["m"]["second"] = func(_ context.Context, e kernel.Effect) (pg.Complete, error) { return mark(e), nil }
	d := dispatcher(db, subs, pg.DispatchOptions{})
	emit(t, db, north, kernel.Event{Name: "first"})
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := completions(t, db, north); n != 1 {
		t.Errorf("%d effects followed", n)
	}
}

func TestTwoDispatchersCompleteEachEffectOnce(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	other := open(t, url)
	var ran atomic.Int32
	h := on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) { ran.Add(1); return mark(e), nil })
	o := pg.DispatchOptions{PerTenant: 4}
	a, b := dispatcher(db, h, o), dispatcher(other, h, o)
	running(t, a)
	running(t, b)
	for range 10 {
		emitMany(t, db, north, 15)
		emitMany(t, db, east, 15)
	}
	for _, tenant := range []kernel.TenantID{north, east} {
		eventually(t, "all effects done", func() bool { n, _ := completions(t, db, tenant); return n == 150 })
		if _, most := completions(t, db, tenant); most != 1 {
			t.Errorf("an effect of %s completed %d times", tenant, most)
		}
	}
	if ran.Load() != 300 {
		t.Errorf("handlers ran %d times for 300 effects although nothing failed", ran.Load())
	}
}

func TestACrashBetweenHandlerAndCompletionRunsTheHandlerAgainAndCompletesOnce(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	var again kernel.Effect
	d := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) { again = e; return mark(e), nil }), pg.DispatchOptions{})
	emitMany(t, db, north, 1)
	out := child(t, url, "after-handler", 20)
	first := <-out.lines // it has acted, and died
	out.wait()
	if got := statuses(t, db, north)[0]; got.State == "done" {
		t.Fatalf("the child completed it: %+v", got)
	}
	eventually(t, "the lease runs out", func() bool {
		if err := d.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, _ := completions(t, db, north)
		return n == 1
	})
	if again.ID != first || again.Attempt != 2 {
		t.Errorf("first %q, then %+v: the outside must see one id", first, again)
	}
	if _, most := completions(t, db, north); most != 1 {
		t.Errorf("completed %d times", most)
	}
}

func TestKillingDispatchersLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	db.Subscribe(on(nil))
	const total = 120
	kills := 6
	if testing.Short() {
		kills = 2
	}
	for range kills {
		emitMany(t, db, north, total/kills)
		c := child(t, url, "", 20)
		for range 5 { // let it do some, then kill it in the middle of the next
			<-c.lines
		}
		if err := c.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.wait()
	}
	child(t, url, "", 20)
	eventually(t, "all effects done", func() bool { n, _ := completions(t, db, north); return n == total })
	if _, most := completions(t, db, north); most != 1 {
		t.Errorf("an effect completed %d times", most)
	}
}

func TestAnEffectThatKillsItsProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	db.Subscribe(on(nil))
	emitMany(t, db, north, 1)
	const tries = 2
	for range tries {
		c := child(t, url, "after-handler", tries)
		if _, acted := <-c.lines; !acted {
			t.Fatal("the child did not come to it")
		}
		c.wait()
	}
	child(t, url, "", tries)
	eventually(t, "it is given up", func() bool { return statuses(t, db, north)[0].State == "dead" })
	if got := statuses(t, db, north)[0]; got.LastError != "interrupted" {
		t.Errorf("%+v", got)
	}
}

func TestASlowWorkerThatLostItsLeaseIsRefused(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	begun, finish := make(chan struct{}), make(chan struct{})
	var slowCompleted atomic.Bool
	slow := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
		close(begun)
		<-finish // beyond its lease, and deaf to its context
		return func(ctx context.Context, tx *pg.Tx) error { slowCompleted.Store(true); return mark(e)(ctx, tx) }, nil
	}), pg.DispatchOptions{Lease: 50 * time.Millisecond})
	emitMany(t, db, north, 1)
	refused := make(chan error)
	go func() { refused <- slow.Drain(t.Context()) }()
	<-begun
	quick := dispatcher(open(t, url), on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) { return mark(e), nil }), pg.DispatchOptions{})
	eventually(t, "another worker takes over", func() bool {
		if err := quick.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		n, _ := completions(t, db, north)
		return n == 1
	})
	close(finish)
	if err := <-refused; err == nil || !strings.Contains(err.Error(), "lease") {
		t.Errorf("the slow worker heard %v", err)
	}
	if _, most := completions(t, db, north); most != 1 || slowCompleted.Load() {
		t.Errorf("completed %d times; the slow worker's completion ran: %v", most, slowCompleted.Load())
	}
	if got := statuses(t, db, north)[0]; got.State != "done" || got.Attempt != 2 || got.LastError != "" {
		t.Errorf("%+v", got)
	}
}

func TestAMunicipalitysPoisonNeverStopsAnother(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]pg.Handler{
		"hangs":  func(ctx context.Context, _ kernel.Effect) (pg.Complete, error) { <-ctx.Done(); return nil, ctx.Err() },
		"fails":  func(context.Context, kernel.Effect) (pg.Complete, error) { return nil, errors.New("poison") },
		"panics": func(context.Context, kernel.Effect) (pg.Complete, error) { panic("poison") },
		"cannot complete": func(context.Context, kernel.Effect) (pg.Complete, error) {
			return func(ctx context.Context, tx *pg.Tx) error {
				_, err := tx.ExecContext(ctx, "SELECT 1/0")
				return err
			}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _ := notes(t)
			d := dispatcher(db, on(func(ctx context.Context, e kernel.Effect) (pg.Complete, error) {
				if e.Tenant == north {
					return poison(ctx, e)
				}
				return mark(e), nil
			}), pg.DispatchOptions{Workers: 2, PerTenant: 1, Backoff: time.Millisecond})
			emitMany(t, db, north, 20)
			running(t, d)
			eventually(t, "the poison works", func() bool { s := statuses(t, db, north)[0]; return s.Attempt > 0 })
			emitMany(t, db, east, 20)
			eventually(t, "the other's effects are done", func() bool { n, _ := completions(t, db, east); return n == 20 })
			if n, _ := completions(t, db, north); n != 0 {
				t.Errorf("%d poisoned effects completed", n)
			}
		})
	}
}

// Effects that end together are completed in one transaction: each with what it wrote or not at all, whatever becomes of the others.
func TestACompletionThatFailsTakesNoOtherWithIt(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]pg.Complete{
		"before it wrote": func(context.Context, *pg.Tx) error { return errors.New("will not") },
		"by the database": func(ctx context.Context, tx *pg.Tx) error { _, err := tx.ExecContext(ctx, "SELECT 1/0"); return err },
		"panics":          func(context.Context, *pg.Tx) error { panic("will not") },
	} {
		for _, wrote := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, wrote %v", name, wrote), func(t *testing.T) {
				t.Parallel()
				db, _ := notes(t)
				const n = 8
				var together sync.WaitGroup
				together.Add(n)
				d := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
					together.Done()
					together.Wait() // all end at the same moment
					if string(e.Payload) != "3" && string(e.Payload) != "6" {
						return mark(e), nil
					}
					return func(ctx context.Context, tx *pg.Tx) error {
						if wrote {
							if err := mark(e)(ctx, tx); err != nil {
								return err
							}
						}
						return fail(ctx, tx)
					}, nil
				}), pg.DispatchOptions{Backoff: time.Hour})
				emitMany(t, db, north, n)
				running(t, d)
				count := func(is func(pg.EffectStatus) bool) (k int) {
					for _, s := range statuses(t, db, north) {
						if is(s) {
							k++
						}
					}
					return k
				}
				eventually(t, "every effect has ended", func() bool {
					return count(func(s pg.EffectStatus) bool { return s.State == "done" || s.LastError != "" }) == n
				})
				if failed := count(func(s pg.EffectStatus) bool { return s.State == "waiting" }); failed != 2 {
					t.Errorf("%d wait to be tried again, not 2: %+v", failed, statuses(t, db, north))
				}
				if done, most := completions(t, db, north); done != n-2 || most != 1 {
					t.Errorf("%d completed, one of them %d times", done, most)
				}
			})
		}
	}
}

func TestAnEffectIsGivenUpAfterItsTriesAndStaffCanRetryIt(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	var healed atomic.Bool
	d := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
		if !healed.Load() {
			return nil, kernel.NewError(kernel.Unavailable, "wallet-away", "The wallet does not answer.").Wrap(errors.New("secret of a person"))
		}
		return mark(e), nil
	}), pg.DispatchOptions{MaxTries: 3, Backoff: time.Microsecond})
	emitMany(t, db, north, 1)
	eventually(t, "it is given up", func() bool { _ = d.Drain(t.Context()); return statuses(t, db, north)[0].State == "dead" })
	got := statuses(t, db, north)[0]
	if got.Attempt != 3 || got.LastError != "wallet-away" {
		t.Errorf("%+v", got)
	}
	retry := func(tenant kernel.TenantID, id string) error {
		return db.InTx(t.Context(), tenant, func(tx *pg.Tx) error { return pg.RetryEffect(t.Context(), tx, id) })
	}
	for _, err := range []error{retry(east, got.ID), retry(north, kernel.NewID()), retry(north, "no id")} {
		if kernel.KindOf(err) != kernel.NotFound {
			t.Errorf("an effect that is not there: %v", err)
		}
	}
	healed.Store(true)
	if err := retry(north, got.ID); err != nil {
		t.Fatal(err)
	}
	if err := retry(north, got.ID); !errors.Is(err, kernel.ErrChanged) {
		t.Errorf("a retry of what is not dead: %v", err)
	}
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, db, north)[0]; got.State != "done" || got.Attempt != 4 {
		t.Errorf("after the retry: %+v", got)
	}
}

func TestDueTimesFollowTheInjectedClockAndNothingElseDoes(t *testing.T) {
	t.Parallel()
	for _, wrong := range []time.Duration{-2 * time.Hour, 0, 2 * time.Hour} {
		t.Run(wrong.String(), func(t *testing.T) {
			t.Parallel()
			db, _ := notes(t)
			clock := kerneltest.NewClock(time.Now().Add(wrong))
			d := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) { return mark(e), nil }), pg.DispatchOptions{Clock: clock})
			emit(t, db, north, kernel.Event{Name: "test.done"}, kernel.Event{Name: "test.done", Due: clock.Now().Add(14 * 24 * time.Hour)})
			for i, want := range []int{1, 1, 2} {
				if err := d.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n, _ := completions(t, db, north); n != want {
					t.Errorf("look %d: %d done, want %d", i, n, want)
				}
				clock.Advance(7*24*time.Hour + time.Duration(i)*time.Second)
			}
		})
	}
}

func TestAWakeUpReachesAnotherProcessWithoutAPoll(t *testing.T) {
	t.Parallel()
	db, url := notes(t)
	h := on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) { return mark(e), nil })
	running(t, dispatcher(db, h, pg.DispatchOptions{Poll: 24 * time.Hour}))
	writer := open(t, url)
	writer.Subscribe(h)
	eventually(t, "effects written elsewhere are run", func() bool {
		emitMany(t, writer, north, 1) // again and again, because the first may come before the listener listens
		n, _ := completions(t, db, north)
		return n > 0
	})
}

func TestStoppingGivesRunningEffectsBackAtOnce(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	begun := make(chan struct{}, 1)
	stop := running(t, dispatcher(db, on(func(ctx context.Context, _ kernel.Effect) (pg.Complete, error) {
		begun <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}), pg.DispatchOptions{PerTenant: 1, Lease: time.Hour}))
	emitMany(t, db, north, 1)
	<-begun
	stop()
	next := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) { return mark(e), nil }), pg.DispatchOptions{MaxTries: 1})
	if err := next.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := completions(t, db, north); n != 1 {
		t.Errorf("%d done", n)
	}
}

func TestEffectsOfAMissingModuleWait(t *testing.T) {
	t.Parallel()
	db, _ := notes(t)
	db.Subscribe(map[string]pg.Effects{"gone": {"test.done": nil}})
	emitMany(t, db, north, 1)
	if err := dispatcher(db, on(nil), pg.DispatchOptions{}).Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := statuses(t, db, north)[0]; got.State != "waiting" || got.Attempt != 0 {
		t.Errorf("%+v", got)
	}
}

// The rest is the child process: this test program again, running a dispatcher.

type childProcess struct {
	cmd   *exec.Cmd
	lines chan string // ids of effects whose handler has acted
	done  chan struct{}
}

func (c *childProcess) wait() { <-c.done }

// child starts a process that dispatches until it is killed; with die it kills itself at that point.
func child(t *testing.T, url, die string, tries int) *childProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+url, childEnv+"_DIE="+die, childEnv+"_TRIES="+strconv.Itoa(tries))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &childProcess{cmd: cmd, lines: make(chan string, 1000), done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer close(c.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); c.wait() })
	return c
}

func childMain(url, die string, tries int) {
	db, err := pg.Open(context.Background(), pg.Options{URL: url, MaxConns: 4})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	d := dispatcher(db, on(func(_ context.Context, e kernel.Effect) (pg.Complete, error) {
		os.Stdout.WriteString(e.ID + "\n") // the act on the outside
		if die == "after-handler" {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return mark(e), nil
	}), pg.DispatchOptions{Lease: 300 * time.Millisecond, Poll: 50 * time.Millisecond, MaxTries: tries})
	_ = d.Run(context.Background())
}
