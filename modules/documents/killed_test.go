package documents

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"townhall/modules/documents/judges"
	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
)

// killsAtEachStep is how often the process dies at each step of issuing.
const killsAtEachStep = 50

// survived is the status of a process that never came to its step.
const survived = 3

// TestMain is also the process that dies: it intends one document, issues what is due, and kills itself at the step that
// it is told.
func TestMain(m *testing.M) {
	if step := os.Getenv("DIES_AT"); step != "" {
		if err := liveUntil(step); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(survived)
	}
	os.Exit(m.Run())
}

func liveUntil(step string) error {
	ctx := context.Background()
	db, err := pg.Open(ctx, pg.Options{URL: os.Getenv("DIES_DATABASE"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	s, run, err := mortal(db, os.Getenv("DIES_KEYS"), func(at string) {
		if at == step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
	})
	if err != nil {
		return err
	}
	ctx = kernel.WithPrincipal(ctx, kernel.SystemPrincipal(kerneltest.Northwick))
	var id kernel.DocumentID
	if err := db.InTx(ctx, kerneltest.Northwick, func(tx *pg.Tx) (err error) {
		c := sample(kernel.Locales[os.Getpid()%len(kernel.Locales)])
		c.Subject = "No. " + os.Getenv("DIES_NAME")
		id, err = s.Intend(ctx, tx, kernel.DocumentIntent{Holder: kernel.PersonID(kernel.NewID()), Agency: "civil-registry", Type: "residence-certificate", Content: c})
		return err
	}); err != nil {
		return err
	}
	fmt.Println(id) // promised: from here on it must not be lost
	return run.Drain(ctx)
}

// mortal is the module with its dispatcher, as a server runs them; leases are short, for
// the dead do not give theirs back, but not so short that a busy machine ends them.
func mortal(db *pg.DB, keys string, step func(string)) (*Service, *pg.Dispatcher, error) {
	texts, err := ui.LoadTexts(web.Texts(), Texts())
	if err != nil {
		return nil, nil, err
	}
	s, err := New(Deps{DB: db, Directory: kerneltest.Directory(), Audit: &auditLog{}, Clock: kernel.SystemClock{}, Log: slog.New(slog.DiscardHandler),
		Keys: keys, Texts: texts, Shell: shell{}, Level: "B-LTA", Stamp: Stamp{URL: embeddedStamp}, Step: step})
	if err != nil {
		return nil, nil, err
	}
	subs := map[string]pg.Effects{"documents": s.Module().Effects}
	db.Subscribe(subs)
	return s, pg.NewDispatcher(db, kerneltest.Directory(), subs, pg.DispatchOptions{Lease: 5 * time.Second, Backoff: time.Millisecond, MaxTries: 10_000}), nil
}

// The process is killed (SIGKILL) at every step of issuing, fifty times each. Every document that was promised is issued,
// once, under a number of its own, and every stored file verifies, by our verifier and by a second program.
func TestKillingTheProcessAtEachStepOfIssuingLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	url, keys, bin := kerneltest.URL(t), t.TempDir(), mortalBinary(t)
	var promised []kernel.DocumentID
	var mu sync.Mutex
	deaths := map[string]int{}
	work := make(chan string)
	var workers sync.WaitGroup
	for range 2 {
		workers.Go(func() {
			for step := range work {
				for again, tries := true, 0; again; tries++ {
					id, end := killOne(t, bin, url, keys, step)
					mu.Lock()
					if end == killed {
						deaths[step]++
					}
					if id != "" {
						promised = append(promised, id)
					}
					mu.Unlock()
					again = end == idle && tries < 20
				}
			}
		})
	}
	for range killsAtEachStep {
		for _, step := range Steps {
			work <- step
		}
	}
	close(work)
	workers.Wait()
	for _, step := range Steps {
		if deaths[step] != killsAtEachStep {
			t.Errorf("the process died %d times at %q, want %d", deaths[step], step, killsAtEachStep)
		}
	}
	judgeSurvivors(t, url, keys, promised)
}

// ending is how a process ended.
type ending int

const (
	failed ending = iota
	killed
	idle // the other process was quicker to issue what this one had promised: it never came to the step
)

func killOne(t *testing.T, bin, url, keys, step string) (id kernel.DocumentID, end ending) {
	t.Helper()
	cmd := exec.Command(bin)
	cmd.Env = append(os.Environ(), "DIES_AT="+step, "DIES_DATABASE="+url, "DIES_KEYS="+keys, "DIES_NAME="+kernel.NewID())
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case err != nil && ok && state.Signaled() && state.Signal() == syscall.SIGKILL:
		end = killed
	case cmd.ProcessState.ExitCode() == survived:
		end = idle
	default:
		t.Errorf("at %s: %v %s", step, err, &problem)
	}
	return kernel.DocumentID(strings.TrimSpace(out.String())), end
}

// mortalBinary is this test binary without the race detector: three hundred processes start.
func mortalBinary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "mortal")
	if out, err := exec.Command("go", "test", "-c", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

type survivor struct {
	ID, State, Number string
	Files             int
	Bytes             []byte
}

// survivors are all documents of Northwick, with their files.
func survivors(ctx context.Context, db *pg.DB) (all []survivor, err error) {
	err = db.Read(ctx, kerneltest.Northwick, func(tx *pg.Tx) error {
		return tx.SelectContext(ctx, &all, `SELECT d.id, d.state, d.number, count(f.document_id) AS files, coalesce((array_agg(f.bytes))[1], '') AS bytes
			FROM documents.document d LEFT JOIN documents.file f ON f.tenant_id = d.tenant_id AND f.document_id = d.id
			WHERE d.tenant_id = $1 GROUP BY d.id, d.state, d.number`, tx.TenantID())
	})
	return all, err
}

func judgeSurvivors(t *testing.T, url, keys string, promised []kernel.DocumentID) {
	t.Helper()
	db, err := pg.Open(t.Context(), pg.Options{URL: url, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	defer db.Close()
	s, run, err := mortal(db, keys, nil)
	must(t, err)
	all := settled(t, db, run)
	trust, err := s.seals.trust(time.Now())
	must(t, err)
	numbers := map[string]bool{}
	var files []string
	for _, d := range all {
		if numbers[d.Number] {
			t.Errorf("the number %s was given twice", d.Number)
		}
		numbers[d.Number] = true
		if d.State != stateValid || d.Files != 1 {
			t.Errorf("document %s is %s with %d files", d.ID, d.State, d.Files)
			continue
		}
		if r := verify.Verify(d.Bytes, trust, verify.Options{}); r.State != verify.Valid || r.Number != d.Number || r.Level != "B-LTA" {
			t.Errorf("document %s does not verify: %+v", d.ID, r)
		}
		files = append(files, judges.Save(t, d.ID+".pdf", d.Bytes))
	}
	for _, id := range promised {
		if !slices.ContainsFunc(all, func(d survivor) bool { return d.ID == string(id) }) {
			t.Errorf("document %s was promised and is lost", id)
		}
	}
	bundle, err := s.seals.bundle(time.Now())
	must(t, err)
	j := judges.New(t, bundle)
	for _, f := range files {
		j.Seal(f)
	}
	t.Logf("%d deaths at %d steps, %d documents promised, %d issued, %d verified twice", killsAtEachStep*len(Steps), len(Steps), len(promised), len(all), len(files))
}

// settled issues what the dead left and returns every document there is.
func settled(t *testing.T, db *pg.DB, run *pg.Dispatcher) []survivor {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		failed := run.Drain(t.Context()) // what fails is due again
		all, err := survivors(t.Context(), db)
		must(t, err)
		if !slices.ContainsFunc(all, func(d survivor) bool { return d.State == statePending }) {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("documents stay pending: %v", failed)
		}
		time.Sleep(100 * time.Millisecond) // a lease of the dead runs out
	}
}
