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

// replay runs a script with clients for about d and returns the transactions per second. The first second is left
// out: there every connection is new, plans its statements and fills its caches.
func (p *pool) replay(s script, mode string, clients int, d time.Duration) float64 {
	p.t.Helper()
	seconds := int(d.Seconds()) + 1
	p.ready(time.Duration(seconds) * time.Second)
	file := filepath.Join(p.t.TempDir(), "transaction.sql")
	if err := os.WriteFile(file, []byte(s.text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	args := []string{"-n", "-f", file, "-M", mode, "-c", strconv.Itoa(clients), "-j", "2", "-T", strconv.Itoa(seconds), "-P", "1",
		"-D", "n=0", "-D", fmt.Sprint("clients=", clients), "-D", fmt.Sprint("base=", p.from)}
	for _, v := range s.vars {
		args = append(args, "-D", v)
	}
	address, env := p.target(p.db)
	cmd := exec.CommandContext(p.t.Context(), pgbench(p.t), append(args, address)...)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("pgbench: %v\n%s", err, out)
	}
	p.rate = rateOf(p.t, out)
	m := processed.FindSubmatch(out)
	if n := p.used(); m == nil || string(m[1]) != strconv.Itoa(n) {
		p.t.Fatalf("pgbench says %s transactions, %d cases moved on: it did not do the same work", m, n)
	}
	return p.rate
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
