package drill

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"townhall/migrations"
	"townhall/modules/kernel/pg"
)

// database is a PostgreSQL of the drill's own, which keeps what it promises (fsync is on) and is killed, too.
type database struct {
	url string
	dir string

	kills atomic.Int64
	back  atomic.Int64 // when it last answered after a kill, in nanoseconds; 0 while it is away
}

func newDatabase(ctx context.Context, t *testing.T) *database {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "th") // a short path: the socket lies in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := pg.Start(ctx, pg.Embedded{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	d := &database{url: c.URL("townhall"), dir: dir}
	d.back.Store(time.Now().UnixNano())
	if err := pg.Migrate(ctx, d.url, migrations.FS); err != nil {
		t.Fatal(err)
	}
	return d
}

// kill ends the postmaster without warning. The cluster starts it again; kill returns when it answers.
func (d *database) kill(ctx context.Context) error {
	b, err := os.ReadFile(filepath.Join(d.dir, "pg", "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := bytes.Cut(b, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		return err
	}
	d.back.Store(0)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	d.kills.Add(1)
	time.Sleep(50 * time.Millisecond) // its last connections are closing
	db, err := sql.Open("postgres", d.url)
	if err != nil {
		return err
	}
	defer db.Close()
	for db.PingContext(ctx) != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.back.Store(time.Now().UnixNano())
	return nil
}

// away reports whether it is killed, or was until a moment ago.
func (d *database) away() bool {
	back := d.back.Load()
	return back == 0 || time.Since(time.Unix(0, back)) < 3*time.Second && d.kills.Load() > 0
}

// run kills the database each time the server has been killed so often again, while killing is true.
func (d *database) run(ctx context.Context, killing *atomic.Bool, v *victim, every int64) error {
	for next := every / 2; ctx.Err() == nil; {
		if killing.Load() && v.kills.Load() >= next {
			next = v.kills.Load() + every
			if err := d.kill(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}
