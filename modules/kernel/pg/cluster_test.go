package pg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

func TestAServerWithoutParentIsStoppedAndReplaced(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Embedded{Dir: dir})
	if err := exec1(t, c, "CREATE TABLE kept AS SELECT 'kept' AS v"); err != nil {
		t.Fatal(err)
	}
	orphan := postmasterPID(c.data())
	c.mu.Lock()
	c.stopping = true // as if we were gone: nobody looks after it, nobody holds the lock
	c.mu.Unlock()
	c.unlock()
	next := start(t, Embedded{Dir: dir})
	if now := postmasterPID(next.data()); now == orphan {
		t.Error("the orphan goes on")
	}
	if got := one(t, next, "SELECT v FROM kept"); got != "kept" {
		t.Errorf("read %q", got)
	}
}

func TestAZombieServerIsNoObstacle(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := start(t, Embedded{Dir: dir, FastForTests: true})
	c.Stop()
	zombie := exec.Command("true") // dead once it has run, and there until we wait for it
	c.dress(zombie)
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = zombie.Wait() })
	lock := fmt.Sprintf("%d\n%s\n1\n5432\n%s\n\n", zombie.Process.Pid, c.data(), c.socket)
	for _, f := range []string{filepath.Join(c.data(), "postmaster.pid"), filepath.Join(c.socket, ".s.PGSQL.5432.lock")} {
		if err := os.WriteFile(f, []byte(lock), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	start(t, Embedded{Dir: dir, FastForTests: true})
}

func TestAFolderTheServerCannotEnterIsNamed(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(folder(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	other := &account{name: "somebody", uid: 54321, gid: 54321}
	err := other.canEnter(closed)
	if err == nil || !strings.Contains(err.Error(), closed) || !strings.Contains(err.Error(), "somebody") {
		t.Errorf("got %v", err)
	}
}

// archive writes a bundle as npm packs it and returns its file and checksum.
func archive(t *testing.T, files map[string]string) (file, sum string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "bundle.tgz")
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	h := sha512.Sum512(b.Bytes())
	return file, base64.StdEncoding.EncodeToString(h[:])
}

func TestABundleIsUnpackedWithItsLinksAndOnlyWithTheRightChecksum(t *testing.T) {
	t.Parallel()
	file, sum := archive(t, map[string]string{
		"package/native/bin/postgres":     "server",
		"package/native/lib/libpq.so.5.1": "library",
		"package/README.md":               "not for us",
		"package/native/pg-symlinks.json": `[{"source":"native/lib/libpq.so.5.1","target":"native/lib/libpq.so.5"}]`,
	})
	dir := filepath.Join(t.TempDir(), "native")
	if err := unpackBundle(file, sum, dir); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "lib", "libpq.so.5")); err != nil || string(b) != "library" {
		t.Errorf("through the link: %q, %v", b, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "bin", "postgres")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("postgres: %v, %v", info, err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := unpackBundle(file, bundles["linux-x64"], wrong); err == nil {
		t.Error("an archive with another checksum was unpacked")
	}
	if _, err := os.Stat(wrong); err == nil {
		t.Error("something of it was written")
	}
	evil, evilSum := archive(t, map[string]string{"package/native/../../../evil": "evil"})
	if err := unpackBundle(evil, evilSum, filepath.Join(t.TempDir(), "native")); err == nil {
		t.Error("a file outside the folder was written")
	}
}
