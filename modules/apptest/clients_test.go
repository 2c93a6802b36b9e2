package apptest_test

import (
	"context"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"townhall/modules/apptest"
)

// Clients that other people's generators make of the contracts compile and drive the whole journey: openapi/clients
// holds the programs, and this test runs them against a town whose contracts are those of the code, not the files.
func TestGeneratedClientsDriveTheJourney(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles two generators")
	}
	t.Parallel()
	app := apptest.Start(t)
	app.Know("northwick", apptest.Anna, apptest.Boris, apptest.Oliver, apptest.Priya)
	work(t, app)
	address := byName(t, app)
	clients := copyClients(t, app)

	t.Run("Go", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(clients, "go")
		run(t, dir, nil, "go", "generate", "./...")
		run(t, dir, nil, "go", "vet", "./...")
		run(t, dir, nil, "go", "build", "-o", "out/", "./journey")
		journey(t, run(t, dir, surroundings(app, address, apptest.Anna), "out/journey"))
	})
	t.Run("TypeScript", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(clients, "ts")
		npm(t, dir)
		run(t, dir, nil, "npm", "run", "--silent", "generate")
		run(t, dir, nil, "npm", "run", "--silent", "build")
		journey(t, run(t, dir, surroundings(app, address, apptest.Boris), "npm", "run", "--silent", "journey"))
	})
}

// work does what the steps cause, as a server does, until the test and its parts end.
func work(t *testing.T, app *apptest.App) {
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { app.Run(ctx) })
	t.Cleanup(func() { stop(); wg.Wait() })
}

// byName gives the municipality an address that every program can resolve: a proxy which names the host, as the one in
// front of a real installation does.
func byName(t *testing.T, app *apptest.App) string {
	origin, err := url.Parse(app.Origin("northwick"))
	if err != nil {
		t.Fatal(err)
	}
	server := &url.URL{Scheme: "http", Host: "127.0.0.1:" + origin.Port()}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server)
		r.Out.Host = origin.Host
	}})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// copyClients puts the two client folders below the contracts of the code, so that nothing is written into the
// checkout and nothing that lies there is used.
func copyClients(t *testing.T, app *apptest.App) string {
	t.Helper()
	root := t.TempDir()
	files, err := app.ContractFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		write(t, filepath.Join(root, f.Name), f.Content)
	}
	clients := filepath.Join("..", "..", "openapi", "clients")
	for _, pattern := range []string{"go/*.*", "go/journey/*.go", "ts/*.*"} {
		found, err := filepath.Glob(filepath.Join(clients, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: nothing there (%v)", pattern, err)
		}
		for _, path := range found {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			to, err := filepath.Rel(clients, path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(root, "clients", to), b)
		}
	}
	for _, contract := range []string{"civic", "workflow", "documents", "wallet"} {
		if err := os.MkdirAll(filepath.Join(root, "clients", "go", contract), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "clients")
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// npm installs the pinned packages once per lock file into the ignored cache, and shows them to the copy.
func npm(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatal("npm is missing: install Node.js 20 or later (Debian: apt-get install npm)")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(root, ".cache", "npm", "clients")
	run(t, root, nil, filepath.Join(".ci", "npm-install"), dir, cache)
	if err := os.Symlink(filepath.Join(cache, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
}

// surroundings are the variables a journey reads: the address, and one token per contract.
func surroundings(app *apptest.App, address string, citizen apptest.Who) []string {
	return []string{
		"TOWNHALL_URL=" + address,
		"CITIZEN_CIVIC_TOKEN=" + app.Token(citizen, "northwick", "/civic/v1/"),
		"CITIZEN_DOCUMENTS_TOKEN=" + app.Token(citizen, "northwick", "/documents/v1/"),
		"REGISTRAR_TOKEN=" + app.Token(apptest.Oliver, "northwick", "/workflow/v1/"),
		"SECOND_REGISTRAR_TOKEN=" + app.Token(apptest.Priya, "northwick", "/workflow/v1/"),
	}
}

// run runs one program and returns what it printed; its failure is the test's.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	// GOFLAGS of an outer test run must not reach the nested module.
	cmd.Env = append(append(os.Environ(), "GOFLAGS=", "GOWORK=off"), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// journey checks that a program walked all the way: it prints a line per step, and problems it was to meet.
func journey(t *testing.T, out string) {
	t.Helper()
	for _, want := range []string{
		"mini-apps ", "service ", "start ", "problem      invalid-input: body.input.declaration", "problem      changed-meanwhile",
		"submit ", "case ", "propose ", "problem      four-eyes", "countersign ", "document ", "download ",
		"verify       number: valid", "verify       file: valid", "verify       altered file: altered",
	} {
		if !strings.Contains(out, "\n"+want) && !strings.HasPrefix(out, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
	t.Log("\n" + out)
}
