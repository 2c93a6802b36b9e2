package kerneltest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"

	"townhall/migrations"
	"townhall/modules/kernel/pg"
)

// DB returns a database of its own for t: a clone of the migrated template, closed and dropped when t ends. All
// test processes of the machine share one private server, which ends itself when no test has run for a while.
func DB(t testing.TB) *pg.DB {
	t.Helper()
	db, err := pg.Open(context.Background(), pg.Options{URL: URL(t), MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// URL returns the address of a fresh clone, as the owner of its tables: for tests that open it themselves or look
// behind row-level security.
func URL(t testing.TB) string {
	t.Helper()
	c, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	template, err := ensureTemplate(c, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	name := clonePrefix + strconv.Itoa(os.Getpid()) + "_" + strconv.FormatInt(clones.Add(1), 10)
	if err := admin(c, func(db *sql.DB) error {
		_, err := db.Exec("CREATE DATABASE " + name + " TEMPLATE " + template)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin(c, func(db *sql.DB) error {
			_, err := db.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
			return err
		}); err != nil {
			t.Error(err)
		}
	})
	return c.URL(name)
}

// EmptyURL returns the address of a fresh database without any schema.
func EmptyURL(t testing.TB) string {
	t.Helper()
	c, err := cluster()
	if err != nil {
		t.Fatal(err)
	}
	name := clonePrefix + strconv.Itoa(os.Getpid()) + "_" + strconv.FormatInt(clones.Add(1), 10)
	if err := c.EnsureDatabase(context.Background(), name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = admin(c, func(db *sql.DB) error {
			_, err := db.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
			return err
		})
	})
	return c.URL(name)
}

const clonePrefix, templatePrefix = "clone_", "template_"

var clones atomic.Int64 // numbers this process's clones

// cluster joins or starts the shared server. It asks anew each time: after a long pause it may have ended itself.
func cluster() (*pg.Cluster, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	dir := filepath.Join("/tmp", "townhall-test-"+strconv.Itoa(os.Getuid()))
	return pg.Start(ctx, pg.Embedded{Dir: dir, FastForTests: true, Shared: true})
}

func admin(c *pg.Cluster, fn func(*sql.DB) error) error {
	db, err := sql.Open("postgres", c.URL("postgres"))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1) // one session, so that its advisory lock covers what fn does
	return errors.Join(fn(db), db.Close())
}

// ensureTemplate returns the database that holds the schema of files, making it when it is the first time that
// these very files are seen.
func ensureTemplate(c *pg.Cluster, files fs.FS) (string, error) {
	sum := sha256.New()
	if err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(b), b)
		return err
	}); err != nil {
		return "", err
	}
	name := templatePrefix + hex.EncodeToString(sum.Sum(nil)[:10])
	return name, admin(c, func(db *sql.DB) error {
		if there, err := exists(db, name); err != nil || there {
			return err
		}
		if _, err := db.Exec("SELECT pg_advisory_lock(7046029254386353131)"); err != nil { // of this purpose; ends with the connection
			return err
		}
		if there, err := exists(db, name); err != nil || there {
			return err
		}
		if err := sweep(db); err != nil {
			return err
		}
		draft := "draft_" + name
		for _, q := range []string{"DROP DATABASE IF EXISTS " + draft + " WITH (FORCE)", "CREATE DATABASE " + draft} {
			if _, err := db.Exec(q); err != nil {
				return err
			}
		}
		if err := pg.Migrate(context.Background(), c.URL(draft), files); err != nil {
			return err
		}
		_, err := db.Exec("ALTER DATABASE " + draft + " RENAME TO " + name)
		return err
	})
}

func exists(db *sql.DB, name string) (there bool, err error) {
	err = db.QueryRow("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there)
	return there, err
}

// sweep drops clones of test processes that were killed, and all but the newest templates.
func sweep(db *sql.DB) error {
	var names []string
	if err := db.QueryRow(`SELECT coalesce(array_agg(datname::text), '{}') FROM pg_database WHERE datname LIKE 'clone\_%'`).Scan(pq.Array(&names)); err != nil {
		return err
	}
	var drop []string
	for _, n := range names {
		pid, _, _ := strings.Cut(strings.TrimPrefix(n, clonePrefix), "_")
		if p, err := strconv.Atoi(pid); err == nil && errors.Is(syscall.Kill(p, 0), syscall.ESRCH) {
			drop = append(drop, n)
		}
	}
	var old []string
	if err := db.QueryRow(`SELECT coalesce(array_agg(datname), '{}') FROM (
		SELECT datname::text FROM pg_database WHERE datname LIKE 'template\_%' ORDER BY oid DESC OFFSET 20) t`).Scan(pq.Array(&old)); err != nil {
		return err
	}
	for _, n := range append(drop, old...) {
		_, _ = db.Exec("DROP DATABASE IF EXISTS " + pq.QuoteIdentifier(n)) // somebody may be cloning it just now
	}
	return nil
}
