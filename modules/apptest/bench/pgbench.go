package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// pgbench finds PostgreSQL's load generator; Debian keeps the server's programs outside PATH.
func pgbench(t testing.TB) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/pgbench", "/opt/homebrew/opt/postgresql*/bin/pgbench"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		t.Fatal("pgbench is missing: it comes with the PostgreSQL server")
	}
	return path
}

var (
	progress  = regexp.MustCompile(`(?m)^progress: ([0-9.]+) s, ([0-9.]+) tps`)
	processed = regexp.MustCompile(`(?m)^number of transactions actually processed: (\d+)`)
)

// replay runs a script with clients for about d and returns the transactions per second.
func (p *pool) replay(s script, mode string, clients int, d time.Duration) float64 {
	p.t.Helper()
	p.ready(d + time.Second)
	out, done := p.pgbench(p.db, s, mode, clients, d, p.from)
	p.rate = rateOf(p.t, out)
	if n := p.used(); n != done {
		p.t.Fatalf("pgbench says %d transactions, %d cases moved on: it did not do the same work", done, n)
	}
	return p.rate
}

// pgbench runs a script on a database with clients for d, and a second before that is left out of the rate: there every connection
// is new, plans its statements and fills its caches. from is the number of the first transaction. It returns the report, and how
// many transactions there were in all.
func (b *base) pgbench(db string, s script, mode string, clients int, d time.Duration, from int64) (report []byte, done int) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "transaction.sql")
	if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	args := []string{"-n", "-f", file, "-M", mode, "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(int(d.Seconds()) + 1), "-P", "1",
		"-D", "n=0", "-D", fmt.Sprint("clients=", clients), "-D", fmt.Sprint("base=", from)}
	for _, v := range s.vars {
		args = append(args, "-D", v)
	}
	cmd := exec.CommandContext(b.t.Context(), pgbench(b.t), append(args, b.cluster.URL(db))...)
	cmd.Env = append(os.Environ(), "PGOPTIONS=-c role=townhall_rw -c app.tenant="+string(tenant))
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.t.Fatalf("pgbench: %v\n%.3000s", err, out)
	}
	m := processed.FindSubmatch(out)
	if m == nil {
		b.t.Fatalf("no count in pgbench's report:\n%.3000s", out)
	}
	done, _ = strconv.Atoi(string(m[1]))
	return out, done
}

func rateOf(t testing.TB, out []byte) float64 {
	t.Helper()
	var rates []float64
	for _, m := range progress.FindAllSubmatch(out, -1) {
		at, _ := strconv.ParseFloat(string(m[1]), 64)
		rate, err := strconv.ParseFloat(string(m[2]), 64)
		if err == nil && at > 1.5 {
			rates = append(rates, rate)
		}
	}
	if len(rates) == 0 {
		t.Fatalf("no rate in pgbench's report:\n%s", out)
	}
	return median(rates)
}
