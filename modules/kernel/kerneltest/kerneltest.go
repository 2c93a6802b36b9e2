// Package kerneltest is what tests of every module share: a real database per test, a clock to turn by hand, golden
// files and two municipalities.
package kerneltest

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"townhall/modules/kernel"
)

// FakeClock is a clock that tests turn by hand. The zero value stands at 2026-11-22 09:00 UTC.
type FakeClock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock standing at t.
func NewClock(t time.Time) *FakeClock { return &FakeClock{now: t.UTC().Truncate(time.Microsecond)} }

// Now is the time the clock was turned to.
func (c *FakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.IsZero() {
		c.now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	}
	return c.now
}

// Set turns the clock to t.
func (c *FakeClock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.UTC().Truncate(time.Microsecond)
}

// Advance turns the clock on by d.
func (c *FakeClock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

var update = flag.Bool("update", false, "write golden files instead of comparing")

// Golden compares got with the file at path, which `go test -update` writes.
func Golden(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run go test -update to write it)", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s differs (run go test -update if that is meant):\n%s", path, firstDifference(want, got))
	}
}

// Updating reports whether the tests run with -update.
func Updating() bool { return *update }

func firstDifference(want, got []byte) string {
	w, g := bytes.Split(want, []byte("\n")), bytes.Split(got, []byte("\n"))
	for i := range max(len(w), len(g)) {
		var a, b []byte
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if !bytes.Equal(a, b) || i >= len(w) || i >= len(g) {
			return "line " + itoa(i+1) + "\n- " + string(a) + "\n+ " + string(b)
		}
	}
	return ""
}

var _ kernel.Clock = (*FakeClock)(nil)
