package pg

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lib/pq"
)

// Embedded says where a private cluster lives and how it runs.
type Embedded struct {
	Dir          string       // holds data, socket and log; made when missing. Empty means DefaultDir()
	Log          *slog.Logger // nil: silent
	FastForTests bool         // fsync off: quick, and worthless after a crash of the machine
	Binaries     string       // explicit folder of initdb and postgres; empty means look for them
	Shared       bool         // tests: the server outlives this process, and a second Start on Dir joins it
}

// Cluster is a private PostgreSQL server. It listens on a Unix socket only, which nobody but its user can reach.
type Cluster struct {
	o      Embedded
	bin    string // folder of the binaries
	run    string // folder of data, log and socket
	socket string // folder of the socket
	user   *account
	lock   *os.File

	mu       sync.Mutex
	stopping bool
	process  *os.Process
	ended    chan struct{} // closed when the supervisor has ended
	gone     func() bool   // whether the server that is being started has given up
}

// databaseName is what Start makes sure exists.
const databaseName = "townhall"

// DefaultDir is where a private cluster lives unless somebody says otherwise. Root's is outside root's home,
// because the server's own user must be able to enter it.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/townhall"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "townhall")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return filepath.Join(os.TempDir(), "townhall-"+strconv.Itoa(os.Getuid()))
	}
	return filepath.Join(home, ".local", "share", "townhall")
}

// Start starts the cluster in o.Dir, making it first when there is none, and waits until it answers. Whatever a
// former run left behind after a kill -9 (lock files, a server without a parent, servers that are zombies) is
// cleared away; what was acknowledged is still there. It fails when another living process uses o.Dir, and when no
// PostgreSQL can be found the error says what to install.
func Start(ctx context.Context, o Embedded) (*Cluster, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	dir, err := filepath.Abs(cmp.Or(o.Dir, DefaultDir()))
	if err != nil {
		return nil, err
	}
	o.Dir = dir
	c := &Cluster{o: o, run: filepath.Join(dir, "pg"), ended: make(chan struct{})}
	if err := c.place(); err != nil {
		return nil, err
	}
	if o.Shared && c.joinRunning(ctx) {
		return c, nil
	}
	if err := c.prepare(ctx); err != nil {
		c.unlock()
		return nil, err
	}
	if o.Shared {
		err = c.join(ctx)
	} else {
		err = c.launch(ctx)
	}
	if err != nil {
		c.unlock()
		return nil, err
	}
	if err := c.EnsureDatabase(ctx, databaseName); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	if o.Shared {
		c.unlock() // it guarded the start only
	}
	return c, nil
}

// URL is how to reach database db as the cluster's owner. "townhall" is always there.
func (c *Cluster) URL(db string) string {
	q := url.Values{"host": {c.socket}, "sslmode": {"disable"}}
	return "postgres://townhall@/" + url.PathEscape(db) + "?" + q.Encode()
}

// EnsureDatabase makes database name unless it is there.
func (c *Cluster) EnsureDatabase(ctx context.Context, name string) error {
	return c.admin(func(db *sql.DB) error {
		var there bool
		if err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil || there {
			return err
		}
		_, err := db.ExecContext(ctx, "CREATE DATABASE "+pq.QuoteIdentifier(name))
		return err
	})
}

// Stop ends the server and waits for it; the data stays. A shared server goes on.
func (c *Cluster) Stop() {
	if c.o.Shared {
		return
	}
	if err := c.stop(); err != nil {
		c.o.Log.Error("database: stop", "err", err)
	}
}

func (c *Cluster) stop() error {
	if c.o.Shared {
		return nil
	}
	c.mu.Lock()
	c.stopping = true
	p := c.process
	c.mu.Unlock()
	defer c.unlock()
	if p == nil {
		return nil
	}
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} { // fast, immediate, by force
		_ = p.Signal(s)
		select {
		case <-c.ended:
			return nil
		case <-time.After(20 * time.Second):
		}
	}
	return errors.New("the server does not end")
}

func (c *Cluster) unlock() {
	if c.lock != nil {
		_ = c.lock.Close()
		c.lock = nil
	}
}

// admin runs fn with a connection to the cluster's own database.
func (c *Cluster) admin(fn func(*sql.DB) error) error {
	db, err := sql.Open("postgres", c.URL("postgres"))
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// place makes the folders and says where everything is.
func (c *Cluster) place() error {
	if err := os.MkdirAll(c.o.Dir, 0o755); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	// The real path, because that is what the kernel tells about a running server.
	dir, err := filepath.EvalSymlinks(c.o.Dir)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	c.o.Dir, c.run = dir, filepath.Join(dir, "pg")
	if c.user, err = serverAccount(c.run); err != nil {
		return err
	}
	if err := c.user.canEnter(c.o.Dir); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := c.ownFolder(c.run); err != nil {
		return err
	}
	c.socket, err = c.socketFolder()
	return err
}

// prepare takes the lock, finds binaries and makes the data folder when there is none.
func (c *Cluster) prepare(ctx context.Context) error {
	if err := c.takeLock(ctx); err != nil {
		return err
	}
	version := ""
	if b, err := os.ReadFile(filepath.Join(c.data(), "PG_VERSION")); err == nil {
		version = strings.TrimSpace(string(b))
	}
	var err error
	if c.bin, err = findBinaries(ctx, c.o, version, c.user); err != nil {
		return err
	}
	if version == "" {
		return c.initdb(ctx)
	}
	return nil
}

func (c *Cluster) data() string { return filepath.Join(c.run, "data") }

// ownFolder makes a folder only the server's user can look into.
func (c *Cluster) ownFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if c.user != nil {
		if err := os.Chown(dir, int(c.user.uid), int(c.user.gid)); err != nil {
			return fmt.Errorf("data folder: %w", err)
		}
	}
	return os.Chmod(dir, 0o700)
}

// maxSocketPath is the shortest sun_path among our systems (macOS: 104 bytes with the final NUL).
const maxSocketPath = 103

// socketFolder is the run folder, or a short one below the temporary folder when the socket's path would be too long.
func (c *Cluster) socketFolder() (string, error) {
	if len(filepath.Join(c.run, ".s.PGSQL.5432.lock")) <= maxSocketPath {
		return c.run, nil
	}
	sum := sha256.Sum256([]byte(c.run))
	dir := "/tmp/townhall-" + hex.EncodeToString(sum[:6])
	if err := c.ownFolder(dir); err != nil {
		return "", err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	owner := uint32(os.Geteuid())
	if c.user != nil {
		owner = c.user.uid
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || st.Uid != owner {
		return "", fmt.Errorf("the socket's folder %s belongs to somebody else", dir)
	}
	return dir, nil
}

// takeLock keeps a second copy of the program off this folder; the system drops the lock when we die, however we die.
func (c *Cluster) takeLock(ctx context.Context) error {
	f, err := os.OpenFile(filepath.Join(c.o.Dir, "pg.lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	patience := 5 * time.Second // the former run may be ending
	if c.o.Shared {
		patience = 2 * time.Minute // somebody else is starting it for us
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			c.lock = f
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) || time.Now().After(deadline) || ctx.Err() != nil {
			_ = f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return fmt.Errorf("another copy of Townhall is using %s: stop it, or choose another data folder", c.o.Dir)
			}
			return fmt.Errorf("data folder: %w", err)
		}
	}
}

// initdb makes the data folder beside its final place, so that half a folder is never taken for a whole one.
func (c *Cluster) initdb(ctx context.Context) error {
	fresh := c.data() + ".new"
	var out []byte
	var err error
	// Code point order everywhere; letters of every language where the system knows C.UTF-8.
	for _, locale := range [][]string{{"--lc-collate=C", "--lc-ctype=C.UTF-8", "--lc-messages=C", "--locale=C"}, {"--locale=C"}} {
		if err := errors.Join(os.RemoveAll(fresh), os.RemoveAll(c.data())); err != nil {
			return err
		}
		args := append([]string{"-D", fresh, "-U", "townhall", "-A", "trust", "-E", "UTF8", "--data-checksums"}, locale...)
		if c.o.FastForTests {
			args = append(args, "--no-sync")
		}
		cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...)
		c.dress(cmd)
		if out, err = cmd.CombinedOutput(); err == nil {
			return os.Rename(fresh, c.data())
		}
	}
	return fmt.Errorf("initdb: %w\n%s", err, lastLines(out, 15))
}

// dress gives a child its user, its own process group (a Ctrl-C in the terminal is ours to handle) and a clean
// environment: no PG* variable and no HOME of somebody else.
func (c *Cluster) dress(cmd *exec.Cmd) {
	cmd.Dir = c.run
	cmd.Env = []string{"PATH=" + c.bin + ":/usr/bin:/bin", "HOME=" + c.run, "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if c.user != nil {
		cmd.Env = append(cmd.Env, "USER="+c.user.name, "LOGNAME="+c.user.name)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: c.user.uid, Gid: c.user.gid, Groups: []uint32{c.user.gid}}
	}
}

// settings of the server. Everything is given on the command line, so that a data folder never goes out of date.
func (c *Cluster) settings() []string {
	s := []string{
		"listen_addresses=", "unix_socket_directories=" + c.socket, "unix_socket_permissions=0700", "port=5432",
		"max_connections=100", "shared_buffers=128MB", "timezone=UTC", "log_timezone=UTC", "lc_messages=C",
		"jit=off", "max_parallel_workers_per_gather=0", "log_min_messages=warning", "logging_collector=off",
	}
	if c.o.FastForTests {
		s = append(s, "fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=400", "max_wal_size=4GB")
	}
	args := []string{"-D", c.data()}
	for _, v := range s {
		args = append(args, "-c", v)
	}
	return args
}

// launch clears the field, starts the server and keeps it running until Stop.
func (c *Cluster) launch(ctx context.Context) error {
	if err := c.clearField(); err != nil {
		return err
	}
	c.gone = func() bool {
		select {
		case <-c.ended:
			return true
		default:
			return false
		}
	}
	started := make(chan error, 1)
	go c.supervise(started)
	if err := <-started; err != nil {
		return err
	}
	return c.waitReady(ctx)
}

// supervise starts the server, and again whenever it ends without having been asked to. It keeps its thread: Linux
// sends the parent-death signal when the starting thread ends, not when the process does.
func (c *Cluster) supervise(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(c.ended)
	for try := 0; ; try++ {
		cmd, err := c.spawn()
		if try == 0 {
			started <- err
		}
		if err != nil {
			c.o.Log.Error("database: cannot start", "err", err)
			return
		}
		begun := time.Now()
		err = cmd.Wait()
		c.mu.Lock()
		stopping := c.stopping
		c.mu.Unlock()
		if stopping {
			return
		}
		c.o.Log.Error("database: the server ended; starting it again", "err", err)
		if time.Since(begun) < time.Second { // it does not come up: waitReady reports why
			if try >= 5 {
				return
			}
			time.Sleep(200 * time.Millisecond << try)
		} else {
			try = 0
		}
		if err := c.clearField(); err != nil {
			c.o.Log.Error("database: recovery", "err", err)
		}
	}
}

func (c *Cluster) spawn() (*exec.Cmd, error) {
	log, err := c.openLog()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopping {
		return nil, errors.New("stopped")
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), c.settings()...)
	c.dress(cmd)
	dieWithParent(cmd.SysProcAttr)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the database: %w", err)
	}
	c.process = cmd.Process
	return cmd, nil
}

func (c *Cluster) logFile() string { return filepath.Join(c.run, "server.log") }

// openLog appends, and begins anew when the file has grown.
func (c *Cluster) openLog() (*os.File, error) {
	if info, err := os.Stat(c.logFile()); err == nil && info.Size() > 16<<20 {
		_ = os.Remove(c.logFile())
	}
	return os.OpenFile(c.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// waitReady waits until the server answers; recovery after a crash is part of that.
func (c *Cluster) waitReady(ctx context.Context) error {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		err := c.admin(func(db *sql.DB) error { return db.PingContext(ctx) })
		if err == nil {
			return nil
		}
		if c.gone() || ctx.Err() != nil || time.Now().After(deadline) {
			text, _ := os.ReadFile(c.logFile())
			return errors.Join(fmt.Errorf("the database does not start: %w\n%s", err, lastLines(text, 15)), c.stop())
		}
	}
}

// clearField ends what a former run left in the data folder and removes lock files that mean nothing any more.
// Removing postmaster.pid is safe only because no process works in the folder afterwards.
func (c *Cluster) clearField() error {
	pid := postmasterPID(c.data())
	if pid != 0 && worksIn(pid, c.data()) {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
			_ = syscall.Kill(pid, s)
			if waitFor(10*time.Second, func() bool { return !worksIn(pid, c.data()) }) {
				break
			}
		}
	}
	// Children of a server that was killed end by themselves, unless they are busy.
	alone := func() bool { return len(workersIn(c.data())) == 0 }
	if !waitFor(time.Second, alone) {
		for _, p := range workersIn(c.data()) {
			_ = syscall.Kill(p, syscall.SIGKILL)
		}
		if !waitFor(10*time.Second, alone) {
			return fmt.Errorf("processes of a former run still work in %s", c.data())
		}
	}
	for _, f := range []string{filepath.Join(c.data(), "postmaster.pid"), filepath.Join(c.socket, ".s.PGSQL.5432"), filepath.Join(c.socket, ".s.PGSQL.5432.lock")} {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// joinRunning uses the shared server of this folder when it answers. The file "used" tells it that it is needed.
func (c *Cluster) joinRunning(ctx context.Context) bool {
	pid := postmasterPID(c.data())
	return pid != 0 && worksIn(pid, c.data()) && c.touch() == nil && c.admin(func(db *sql.DB) error { return db.PingContext(ctx) }) == nil
}

func (c *Cluster) used() string { return filepath.Join(c.run, "used") }

func (c *Cluster) touch() error { return os.WriteFile(c.used(), nil, 0o644) }

// join uses the shared server of this folder, which another process may have started while we waited for the lock,
// or starts it under a small shell that ends it when no run has touched the file "used" for twenty minutes.
func (c *Cluster) join(ctx context.Context) error {
	if c.joinRunning(ctx) {
		return nil
	}
	if err := errors.Join(c.clearField(), c.touch()); err != nil {
		return err
	}
	log, err := c.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	const script = `used=$1; shift
"$@" & server=$!
while kill -0 $server 2>/dev/null; do
  sleep 15 & wait $!
  [ -n "$(find "$used" -mmin -20 2>/dev/null)" ] || kill -INT $server
done`
	args := append([]string{"-c", script, "sh", c.used(), filepath.Join(c.bin, "postgres")}, c.settings()...)
	cmd := exec.Command("/bin/sh", args...)
	c.dress(cmd)
	cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Setsid = false, true
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the database: %w", err)
	}
	pid := cmd.Process.Pid
	c.gone = func() bool {
		got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
		return got == pid || err != nil
	}
	defer func() { _ = cmd.Process.Release() }() // it is on its own from here
	return c.waitReady(ctx)
}

// postmasterPID reads the first line of the server's lock file; 0 when there is none.
func postmasterPID(data string) int {
	b, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(line)))
	return max(pid, 0)
}

func waitFor(limit time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		if done() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

func lastLines(b []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
