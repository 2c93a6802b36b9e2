package pg

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// folder is a data folder every account may enter; t.TempDir is not.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "th")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, o Embedded) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func exec1(t *testing.T, c *Cluster, query string, args ...any) error {
	t.Helper()
	db, err := sql.Open("postgres", c.URL(databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.ExecContext(context.Background(), query, args...)
	return err
}

func one(t *testing.T, c *Cluster, query string) string {
	t.Helper()
	db, err := sql.Open("postgres", c.URL(databaseName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var s string
	if err := db.QueryRow(query).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAClusterKeepsItsDataOverStopAndStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Embedded{Dir: dir})
	for setting, want := range map[string]string{"fsync": "on", "data_checksums": "on", "listen_addresses": "", "synchronous_commit": "on"} {
		if got := one(t, c, "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if err := exec1(t, c, "CREATE TABLE kept AS SELECT lower('ЖÉ') AS v"); err != nil {
		t.Fatal(err)
	}
	c.Stop()
	c = start(t, Embedded{Dir: dir})
	if got := one(t, c, "SELECT v FROM kept"); got != "жé" {
		t.Errorf("read %q after the restart", got)
	}
}

func TestASecondStartOnTheSameFolderIsRefusedAndOneOnAnotherWorks(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	start(t, Embedded{Dir: dir, FastForTests: true})
	if _, err := Start(t.Context(), Embedded{Dir: dir, FastForTests: true}); err == nil || !strings.Contains(err.Error(), "another copy") {
		t.Errorf("second start on one folder: %v", err)
	}
	start(t, Embedded{Dir: folder(t), FastForTests: true})
}

func TestALongFolderNameStillGivesAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(folder(t), strings.Repeat("long-name-", 12))
	c := start(t, Embedded{Dir: dir, FastForTests: true})
	if one(t, c, "SELECT 'ok'") != "ok" {
		t.Error("no answer")
	}
}

func TestTheServerComesBackWhenItIsKilled(t *testing.T) {
	t.Parallel()
	c := start(t, Embedded{Dir: folder(t)})
	if err := exec1(t, c, "CREATE TABLE kept (n int)"); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := exec1(t, c, "INSERT INTO kept VALUES ($1)", n); err != nil {
			t.Fatal(err)
		}
		pid := postmasterPID(c.data())
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if !waitFor(30*time.Second, func() bool {
			return postmasterPID(c.data()) != pid && c.admin(func(db *sql.DB) error { return db.Ping() }) == nil
		}) {
			t.Fatal("the server did not come back")
		}
	}
	if got := one(t, c, "SELECT count(*)::text FROM kept"); got != "3" {
		t.Errorf("%s of 3 acknowledged rows are there", got)
	}
}

func TestAStaleLockFileOfAnotherProcessIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Embedded{Dir: dir, FastForTests: true})
	c.Stop()
	// The number of a living process that is no server: ours.
	stale := fmt.Sprintf("%d\n%s\n1\n5432\n%s\n\n  1  1\nready\n", os.Getpid(), c.data(), c.socket)
	for _, f := range []string{filepath.Join(c.data(), "postmaster.pid"), filepath.Join(c.socket, ".s.PGSQL.5432.lock")} {
		if err := os.WriteFile(f, []byte(stale), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, Embedded{Dir: dir, FastForTests: true})
}

func TestAMissingPostgresSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Embedded{Dir: folder(t), Binaries: "/nowhere"})
	if err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("explicit folder without postgres: %v", err)
	}
	for _, want := range []string{"apt-get install postgresql-16", "brew install postgresql@16", "--database-url"} {
		if !strings.Contains(howToInstall("16"), want) {
			t.Errorf("the message does not mention %q", want)
		}
	}
}
