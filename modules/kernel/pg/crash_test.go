package pg_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"townhall/modules/kernel/pg"
)

// The child process of this test runs a private cluster and writes one row after the other; each number it prints is
// a row whose commit was acknowledged.
const clusterEnv = "TOWNHALL_TEST_CLUSTER"

func clusterMain(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	c, err := pg.Start(context.Background(), pg.Embedded{Dir: dir})
	fail(err)
	db, err := sql.Open("postgres", c.URL("townhall"))
	fail(err)
	_, err = db.Exec(`CREATE TABLE IF NOT EXISTS kept (n serial PRIMARY KEY)`)
	fail(err)
	for {
		tx, err := db.Begin()
		fail(err)
		var n int
		fail(tx.QueryRow(`INSERT INTO kept DEFAULT VALUES RETURNING n`).Scan(&n))
		fail(tx.Commit())
		fmt.Println(n)
	}
}

func TestKillingEverythingLosesNothingAcknowledgedAndTheNextStartWorks(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "th")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	acknowledged := map[int]bool{}
	for round := range rounds {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), clusterEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			n, err := strconv.Atoi(lines.Text())
			if err != nil {
				t.Fatal(err)
			}
			acknowledged[n] = true
			if i == 30+7*round {
				if round%2 == 0 { // the program alone, or the server first
					_ = syscall.Kill(postmaster(t, dir), syscall.SIGKILL)
				}
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		if len(acknowledged) < 30*(round+1) {
			t.Fatalf("round %d: the child did not get far", round)
		}
	}
	c, err := pg.Start(t.Context(), pg.Embedded{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	db, err := sql.Open("postgres", c.URL("townhall"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for n := range acknowledged {
		var there bool
		if err := db.QueryRow(`SELECT EXISTS (SELECT FROM kept WHERE n = $1)`, n).Scan(&there); err != nil || !there {
			t.Fatalf("acknowledged row %d is lost: %v", n, err)
		}
	}
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "pg", "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
