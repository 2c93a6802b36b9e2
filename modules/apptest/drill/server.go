package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// build compiles the server once, from this very tree.
func build(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "townhall")
	out, err := exec.Command("go", "build", "-o", bin, "townhall/cmd/townhall").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

// victim is the server as a process that is killed again and again and started anew at once.
type victim struct {
	bin  string
	args []string
	env  []string
	port string
	log  *os.File
	// away reports whether the database is killed, too: a server that begins just then ends by itself. nil: it never is.
	away func() bool
	// patient counts the pause from the moment it answers, four times in five: on a busy machine it would else die before it did anything.
	patient bool
	// progress, of a patient one, is how much has been asked; it is killed when that has grown by about share since it answered,
	// not after a pause: a slow machine gets as much done between two kills as a fast one.
	progress func() int64
	share    int64

	kills atomic.Int64
}

// run keeps the server alive until ctx ends; while killing is true it is killed without warning after a random while.
func (v *victim) run(ctx context.Context, killing *atomic.Bool, pause time.Duration) error {
	for ctx.Err() == nil {
		cmd := exec.Command(v.bin, v.args...)
		cmd.Env = append(os.Environ(), v.env...)
		cmd.Stdout, cmd.Stderr = v.log, v.log
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		killed := v.wait(ctx, cmd, ended, killing, pause)
		if killed {
			continue
		}
		if v.away != nil && v.away() {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if ctx.Err() == nil {
			return fmt.Errorf("the server ended by itself; its log is %s", v.log.Name())
		}
	}
	return nil
}

func (v *victim) wait(ctx context.Context, cmd *exec.Cmd, ended chan error, killing *atomic.Bool, pause time.Duration) bool {
	patient := v.patient && rand.N(5) > 0
	enough := func() bool { return true }
	for {
		while := pause/2 + rand.N(pause)
		if patient || !enough() {
			while = 20 * time.Millisecond
		}
		select {
		case <-ctx.Done():
			cmd.Process.Kill()
			<-ended
			return false
		case <-ended:
			return false
		case <-time.After(while):
			switch {
			case !killing.Load() || !enough():
				continue
			case patient:
				if patient = v.ask(ctx) != nil; !patient {
					enough = v.grown()
				}
				continue
			}
			cmd.Process.Kill() // SIGKILL: no handler, no flush
			<-ended
			v.kills.Add(1)
			return true
		}
	}
}

// grown reports from then on whether enough has been asked since now.
func (v *victim) grown() func() bool {
	if v.progress == nil {
		return func() bool { return true }
	}
	until := v.progress() + v.share/2 + rand.N(v.share)
	limit := time.Now().Add(time.Minute) // whoever waits for something only a new server does
	return func() bool { return v.progress() >= until || time.Now().After(limit) }
}

// up waits until the server answers.
func (v *victim) up(ctx context.Context) error {
	for {
		err := v.ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server never came up: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ask asks the server whether it is there.
func (v *victim) ask(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+v.port+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// freePort finds a port nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
