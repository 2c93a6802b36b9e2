// Package judge asks ical.js, a calendar library of somebody else's, about our calendar files, and checks beside it
// what a lenient parser lets pass: line ends, line lengths, torn characters, zones that are named but not there. It is
// for tests. Without node or the package the test fails: a judge that is missing has not judged.
package judge

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

//go:embed judge.mjs
var script []byte

// Verdict is what ical.js read from one file, and what is wrong with it.
type Verdict struct {
	Problems                            []string
	Method, UID, Status, TZID, Local    string
	Summary, Description, Location, URL string
	Name, Refresh                       string
	Sequence                            int
	Start, End                          time.Time
	Geo                                 []float64
	Alarms                              []string
}

// Files judges each file.
func Files(t testing.TB, files ...[]byte) []Verdict {
	t.Helper()
	program := filepath.Join(t.TempDir(), "judge.mjs")
	if err := os.WriteFile(program, script, 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := json.Marshal(files) // bytes as base64
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", program, packages(t))
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ical.js did not judge: %v: run `make need-test`", err)
	}
	var verdicts []Verdict
	if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(files) {
		t.Fatalf("ical.js said %s: %v", out, err)
	}
	return verdicts
}

// File judges one file and fails the test with every problem it has.
func File(t testing.TB, file []byte) Verdict {
	t.Helper()
	v := Files(t, file)[0]
	for _, p := range v.Problems {
		t.Errorf("calendar file: %s\n%s", p, file)
	}
	return v
}

// packages finds the pinned packages (.ci/npm), wherever in the tree the test runs.
func packages(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		found := filepath.Join(dir, ".cache/npm/checks/node_modules")
		if _, err := os.Stat(filepath.Join(found, "ical.js")); err == nil {
			return found
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("ical.js is not installed: run `make need-test`")
		}
		dir = filepath.Dir(dir)
	}
}
