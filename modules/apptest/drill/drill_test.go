package drill

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"townhall/modules"
	"townhall/modules/apptest"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/workflows"
)

// size of a drill. The limit leaves room for what a kill leaves behind: an effect whose worker died comes back after its
// lease of a minute, and one that the wallet refused several times waits longer each time. The long one is the promise: `make drill`.
type size struct {
	submissions int // cases that are at least submitted; each is about four requests
	kills       int64
	citizens    int
	pause       time.Duration // about so long between two kills
	limit       time.Duration
}

var (
	short = size{submissions: 60, kills: 8, citizens: 6, pause: 600 * time.Millisecond, limit: 12 * time.Minute}
	long  = size{submissions: 2500, kills: 200, citizens: 16, pause: 600 * time.Millisecond, limit: 40 * time.Minute}
)

// The server is killed without warning while citizens submit and registrars decide; nothing that was promised is lost,
// doubled or announced without being so, and every document verifies.
func TestDrillKillingTheServerLosesNothing(t *testing.T) {
	t.Parallel()
	s := short
	if os.Getenv("DRILL") == "long" {
		s = long
	}
	ctx, cancel := context.WithTimeout(t.Context(), s.limit)
	defer cancel()
	url := kerneltest.URL(t)
	db, err := pg.Open(ctx, pg.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r, err := newReceiver(secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	port := freePort(t)
	app := apptest.Attach(t, db, port)
	settings := app.SettingsFor(port)
	settings.Wallets = []modules.WalletSettings{{Issuer: settings.Issuers[0].URL, Webhook: r.URL, Secrets: []modules.Secret{secret}, AllowLoopback: true}}
	v := &victim{bin: build(t), port: port, env: []string{"DRILL_SECRET=" + secret}, log: logFile(t), patient: true}
	v.args = []string{"serve", "--listen", "127.0.0.1:" + port, "--database-url", url, "--data", filepath.Join(app.Data, "data"), "--settings", settingsFile(t, settings)}

	var killing atomic.Bool
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- v.run(running, &killing, s.pause) }()
	if err := v.up(ctx); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	l := run(ctx, t, app, v, s, &killing)
	killing.Store(false)
	if err := v.up(ctx); err != nil {
		t.Fatal(err)
	}
	settle(ctx, t, db)
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	o := observe(t, app, db, l, r)
	verdict := Judge(o)
	t.Logf("drill: %d requests, %d steps acknowledged, %d replays compared, %d kills, %d notices, %d documents, %.0f s: %s",
		l.requests, len(o.Acknowledged), len(o.Replays), v.kills.Load(), len(o.Received), len(o.Issued), time.Since(began).Seconds(), verdict)
	if !verdict.Zero() {
		t.Error(verdict)
	}
	if v.kills.Load() < s.kills {
		t.Errorf("only %d kills of %d: the drill was too gentle", v.kills.Load(), s.kills)
	}
	if len(o.Issued) == 0 || len(o.Replays) == 0 || len(o.Received) == 0 {
		t.Error("nothing was issued, replayed or received: the drill proved nothing")
	}
}

// run lets the citizens live their cases while the server dies around them.
func run(ctx context.Context, t *testing.T, app *apptest.App, v *victim, s size, killing *atomic.Bool) *load {
	t.Helper()
	l := &load{app: app}
	var citizens []apptest.Who
	for i := range s.citizens {
		c := apptest.Anna
		c.Subject, c.Name = fmt.Sprintf("citizen-%d", i), fmt.Sprintf("Citizen %d Мария 小明", i)
		citizens = append(citizens, c)
	}
	app.Know("northwick", append(citizens, apptest.Oliver, apptest.Priya)...)
	killing.Store(true)
	var started atomic.Int64
	// Enough cases and enough kills: whichever comes last ends the load.
	left := func() bool { return int(started.Add(1)) <= s.submissions || v.kills.Load() < s.kills }
	var wg sync.WaitGroup
	for _, c := range citizens {
		wg.Go(func() {
			if err := l.work(ctx, c, left); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return l
}

// settle waits until no effect is waiting any more, but those that are due later by design (timers).
func settle(ctx context.Context, t *testing.T, db *pg.DB) {
	t.Helper()
	for {
		var open int
		var dead []string
		err := db.Read(ctx, "northwick", func(tx *pg.Tx) error {
			if err := tx.SelectContext(ctx, &dead, `SELECT name || ': ' || coalesce(last_error, '') FROM kernel.effect WHERE tenant_id = 'northwick' AND state = 'dead'`); err != nil {
				return err
			}
			return tx.GetContext(ctx, &open, `SELECT count(*) FROM kernel.effect WHERE tenant_id = 'northwick' AND done_at IS NULL AND name NOT LIKE 'case.timer/%'`)
		})
		if len(dead) > 0 {
			t.Fatalf("%d effects were given up: %q", len(dead), dead)
		}
		if err == nil && open == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%d effects never ended: %v", open, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// observe reads what the database says and what the wallet got.
func observe(t *testing.T, app *apptest.App, db *pg.DB, l *load, r *receiver) Observed {
	t.Helper()
	library, err := workflows.Load(workflows.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	def, ok := library.Get("residence-certificate")
	if !ok {
		t.Fatal("no definition")
	}
	o := Observed{Acknowledged: l.acks, Replays: l.replays}
	o.NoticeOf = func(action string) string {
		a := def.Action(action)
		if a == nil || len(a.Notices) == 0 {
			return ""
		}
		return a.Notices[0]
	}
	o.Documents = func(action string) bool { a := def.Action(action); return a != nil && len(a.Documents) > 0 }
	titles := map[string]string{}
	for _, n := range def.Notices {
		titles[def.Text("en", "notice."+n+".title")] = n
	}
	cases := map[string]string{} // number → id
	err = db.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		var numbers []struct{ ID, Number string }
		if err := tx.Select(&numbers, `SELECT id, number FROM casework.case WHERE tenant_id = 'northwick'`); err != nil {
			return err
		}
		for _, n := range numbers {
			cases[n.Number] = n.ID
		}
		if err := tx.Select(&o.Stored, `SELECT case_id AS "case", seq, action FROM casework.event WHERE tenant_id = 'northwick' AND actor_kind <> 'system' ORDER BY case_id, seq`); err != nil {
			return err
		}
		return tx.Select(&o.Issued, `SELECT d.case_id AS "case", d.number, d.state, coalesce(f.bytes, ''::bytea) AS pdf FROM documents.document d
			LEFT JOIN documents.file f ON f.tenant_id = d.tenant_id AND f.document_id = d.id WHERE d.tenant_id = 'northwick'`)
	})
	if err != nil {
		t.Fatal(err)
	}
	received, forged := r.all()
	if forged > 0 {
		t.Errorf("%d webhooks with a bad signature or body", forged)
	}
	for _, n := range received {
		o.Received = append(o.Received, Received{n.id, cases[n.number], titles[n.title]})
	}
	o.Verify = verifier(t, app)
	return o
}

// verifier checks every document with our own verifier, and the first twenty with poppler's too.
func verifier(t *testing.T, app *apptest.App) func(Issued) error {
	dir := t.TempDir()
	bundle := filepath.Join(dir, "trust.pem")
	trust, err := modules.TrustBundle(filepath.Join(app.Data, "data", "seal"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bundle, trust, 0o600); err != nil {
		t.Fatal(err)
	}
	checked := 0
	return func(d Issued) error {
		file := filepath.Join(dir, d.Number+".pdf")
		if err := os.WriteFile(file, d.PDF, 0o600); err != nil {
			return err
		}
		defer os.Remove(file)
		report, err := modules.VerifyDocument(file, bundle)
		if err != nil {
			return err
		}
		if report.State != modules.DocumentValid {
			return fmt.Errorf("%s is %s: %v", d.Number, report.State, report.Reasons)
		}
		if checked++; checked > 20 {
			return nil
		}
		out, err := exec.Command("pdfsig", "-nocert", file).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Signature is Valid") {
			return fmt.Errorf("pdfsig on %s: %v\n%s", d.Number, err, out)
		}
		return nil
	}
}

// settingsFile writes the server's settings. Every secret in them is secret, but a wallet's for events, which is eventSecret.
func settingsFile(t *testing.T, settings modules.Settings) string {
	t.Helper()
	b, err := yaml.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	// Secrets are masked when settings are written; the server takes these from its environment.
	mask := []byte(modules.Secret(secret).String())
	ours, theirs, _ := bytes.Cut(b, []byte("event_secrets:"))
	b = bytes.ReplaceAll(ours, mask, []byte("env:DRILL_SECRET"))
	if len(theirs) > 0 {
		b = slices.Concat(b, []byte("event_secrets:"), bytes.ReplaceAll(theirs, mask, []byte("env:DRILL_EVENT_SECRET")))
	}
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func logFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		if t.Failed() {
			if b, err := os.ReadFile(f.Name()); err == nil {
				t.Logf("the end of the server's log:\n%s", b[max(0, len(b)-4000):])
			}
		}
	})
	return f
}
