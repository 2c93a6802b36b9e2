// Package fhirtest asks another project about our FHIR resources: @medplum/core with HL7's own definitions of R4. It is
// for tests. A judge that is not installed fails the test (`make need-test` installs it): it has not judged.
package fhirtest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

//go:embed judge.mjs
var program []byte

// Valid fails the test for everything that is wrong with one of the resources: a missing or unknown member, a type, a
// cardinality, an invariant, a code that is not in the value set or code system it claims.
func Valid(t testing.TB, resources ...[]byte) {
	t.Helper()
	for i, found := range Issues(t, resources...) {
		for _, issue := range found {
			t.Errorf("%s\n%.400s", issue, resources[i])
		}
	}
}

// Issues returns what is wrong with each resource, in their order.
func Issues(t testing.TB, resources ...[]byte) [][]string {
	t.Helper()
	return ask(t, resources, nil).Issues
}

// Found returns, for each search ("Slot?status=free"), which resources it finds.
func Found(t testing.TB, searches []string, resources ...[]byte) [][]bool {
	t.Helper()
	return ask(t, resources, searches).Matches
}

type verdict struct {
	Issues  [][]string `json:"issues"`
	Matches [][]bool   `json:"matches"`
}

func ask(t testing.TB, resources [][]byte, searches []string) verdict {
	t.Helper()
	question := struct {
		Resources []json.RawMessage `json:"resources"`
		Searches  []string          `json:"searches"`
	}{Resources: []json.RawMessage{}, Searches: searches}
	for _, r := range resources {
		question.Resources = append(question.Resources, r)
	}
	in, err := json.Marshal(question)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "judge.mjs")
	if err := os.WriteFile(script, program, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "node", script, checks(t))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, stderr.Bytes())
	}
	var v verdict
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(v.Issues) != len(resources) || len(v.Matches) != len(searches) {
		t.Fatalf("asked for %d and %d, answered for %d and %d", len(resources), len(searches), len(v.Issues), len(v.Matches))
	}
	return v
}

// checks is the folder the judges are installed in: .cache/npm/checks of the checkout.
func checks(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		folder := filepath.Join(dir, ".cache", "npm", "checks")
		if _, err := os.Stat(filepath.Join(folder, "node_modules", "@medplum", "core")); err == nil {
			return folder
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("@medplum/core is not installed: make need-test")
		}
		dir = up
	}
}
