package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// townhall runs one command as a person would type it.
func townhall(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b lockedBuffer
	code = run(t.Context(), args, &b, &b)
	return code, b.String()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// openFolder is a folder that other users of the machine may enter: run by root, the database runs as somebody else.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "townhall-demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The whole journey passes on a fresh folder, passes again on the same data, and two copies do not disturb each other.
func TestTheTourPassesTwiceAndSideBySide(t *testing.T) {
	one, two := openFolder(t), openFolder(t)
	tour := func(data string) (int, string) {
		return townhall(t, "demo", "--tour", "--listen", "127.0.0.1:0", "--wallet-listen", "127.0.0.1:0", "--data", data, "--out", filepath.Join(data, "out"))
	}
	var wg sync.WaitGroup
	for _, data := range []string{one, two} {
		wg.Go(func() {
			if code, out := tour(data); code != 0 || !strings.Contains(out, "passed in") {
				t.Errorf("exit %d\n%s", code, out)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	code, out := tour(one)
	if code != 0 {
		t.Fatalf("a second time: exit %d\n%s", code, out)
	}
	certificate, bundle := filepath.Join(one, "out", "certificate.pdf"), filepath.Join(one, "out", "trust.pem")
	if code, out := townhall(t, "verify", certificate, "--trust", bundle); code != 0 || !strings.HasPrefix(out, "valid") {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
	for _, name := range []string{"flipped", "appended", "shadow"} {
		if code, out := townhall(t, "verify", filepath.Join(one, "out", "tampered-"+name+".pdf"), "--trust", bundle); code != 3 || !strings.HasPrefix(out, "altered") {
			t.Errorf("verify %s: exit %d\n%s", name, code, out)
		}
	}
	if code, out := townhall(t, "verify", certificate, "--trust", filepath.Join(two, "out", "trust.pem")); code != 3 || !strings.HasPrefix(out, "untrusted") {
		t.Errorf("verify with another town's bundle: exit %d\n%s", code, out)
	}
	if code, out := townhall(t, "keys", "list", "--dir", filepath.Join(one, "keys", "seal")); code != 0 || !strings.Contains(out, "northwick") {
		t.Errorf("keys list: exit %d\n%s", code, out)
	}
}

func TestTheDemoAnswersOnThisMachineOnly(t *testing.T) {
	code, out := townhall(t, "demo", "--listen", "0.0.0.0:0", "--data", t.TempDir())
	if code != 1 || !strings.Contains(out, "this machine only") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestCommandsSayWhatIsWrong(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(bad, []byte("tenants:\n  - id: northwick\n    origin: http://northwick.example\n    zone: Nowhere/Here\n    colour: red\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	typo := filepath.Join(t.TempDir(), "typo.yaml")
	if err := os.WriteFile(typo, []byte("tenant: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"nonsense"}, 2, []string{`no command "nonsense"`}},
		{[]string{"serve", "--database-url", ""}, 1, []string{"no database", "TOWNHALL_DATABASE_URL"}},
		{[]string{"migrate", "--database-url", ""}, 1, []string{"no database"}},
		{[]string{"config"}, 1, []string{"--settings FILE is required"}},
		{[]string{"config", "--settings", bad}, 1, []string{"tenants[0].origin", "https", "tenants[0].zone", "tenants[0].colour", "tenants[0].name"}},
		{[]string{"config", "--settings", typo}, 1, []string{"tenant"}},
		{[]string{"verify", "nothing.pdf"}, 1, []string{"--trust"}},
		{[]string{"keys"}, 1, []string{"keys init"}},
		{[]string{"check", "--dir", t.TempDir()}, 1, nil},
		{[]string{"version"}, 0, []string{"townhall"}},
		{[]string{"check"}, 0, []string{"civic/residence-certificate", "templates/appointments", "templates/application", "templates/notices"}},
		{nil, 0, []string{"demo", "serve", "verify"}},
	} {
		code, out := townhall(t, tc.args...)
		if code != tc.code {
			t.Errorf("%v: exit %d, want %d\n%s", tc.args, code, tc.code, out)
		}
		for _, w := range tc.says {
			if !strings.Contains(out, w) {
				t.Errorf("%v does not say %q:\n%s", tc.args, w, out)
			}
		}
	}
}

// The settings in force are shown without their secrets.
func TestConfigMasksSecrets(t *testing.T) {
	t.Setenv("TOWNHALL_TEST_SECRET", exampleSecrets.Secret)
	src := filledDemo("env:TOWNHALL_TEST_SECRET")
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out := townhall(t, "config", "--settings", file)
	if code != 0 || !strings.Contains(out, "[secret]") || strings.Contains(out, "whsec_") || !strings.Contains(out, "eastmere") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// How documents are sealed is checked before anything runs: a level that cannot be reached is an error, not a lower level.
func TestSettingsThatCannotSealAreRefused(t *testing.T) {
	for documents, says := range map[string]string{
		"{level: B-LTA}":   "documents.timestamp.url",
		"{level: B-XL}":    "documents.level",
		"{algorithm: md5}": "documents.algorithm",
		"{timestamp: {url: 'http://tsa.example'}}":      "documents.timestamp.url",
		"{timestamp: {url: 'https://tsa.example'}}":     "documents.timestamp.roots",
		"{seals: {atlantis: {certificate: a, key: b}}}": "atlantis",
		"{seals: {northwick: {certificate: a.pem}}}":    "documents.seals.northwick",
		"{timestamps: {url: embedded}}":                 "timestamps",
	} {
		file := settingsFile(t, documents)
		if code, out := townhall(t, "config", "--settings", file); code != 1 || !strings.Contains(out, says) {
			t.Errorf("%s: exit %d, does not say %q:\n%s", documents, code, says, out)
		}
	}
}

// filledDemo is the demo's settings with every blank filled; secret is the one of notices.
func filledDemo(secret string) string {
	return strings.NewReplacer("{{.Port}}", "8080", "{{.Wallet}}", "http://127.0.0.1:8090", "{{.Secret}}", secret,
		"{{.PaymentSecret}}", exampleSecrets.PaymentSecret, "{{.EventSecret}}", exampleSecrets.EventSecret).Replace(demoTemplate)
}

// settingsFile is the demo's settings with documents of its own.
func settingsFile(t *testing.T, documents string) string {
	t.Helper()
	src, _, _ := strings.Cut(filledDemo(exampleSecrets.Secret), "\ndocuments:")
	file := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(file, []byte(src+"\ndocuments: "+documents+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Keys are made, rotated and revoked by command, and the list tells all of it.
func TestSealingKeysAreRotatedAndRevoked(t *testing.T) {
	dir, settings := filepath.Join(t.TempDir(), "seal"), settingsFile(t, "{algorithm: ecdsa}")
	keys := func(want int, args ...string) string {
		t.Helper()
		code, out := townhall(t, append([]string{"keys"}, append(args, "--dir", dir)...)...)
		if code != want {
			t.Fatalf("keys %v: exit %d\n%s", args, code, out)
		}
		return out
	}
	keys(0, "init", "--settings", settings)
	if out := keys(0, "rotate", "--settings", settings, "--tenant", "northwick"); !strings.Contains(out, "northwick  current") {
		t.Errorf("the first key:\n%s", out)
	}
	out := keys(0, "rotate", "--settings", settings, "--tenant", "northwick")
	if strings.Count(out, "northwick  current") != 1 || !strings.Contains(out, "northwick  retired") {
		t.Errorf("after a rotation:\n%s", out)
	}
	serial := ""
	for line := range strings.SplitSeq(out, "\n") {
		if f := strings.Fields(line); len(f) > 4 && f[0] == "northwick" && f[1] == "current" {
			serial = f[4]
		}
	}
	if out := keys(0, "revoke", "--serial", serial, "--reason", "key-compromise"); !strings.Contains(out, "revoked") || !strings.Contains(out, "(key-compromise)") {
		t.Errorf("after a revocation:\n%s", out)
	}
	for _, args := range [][]string{
		{"rotate", "--settings", settings, "--tenant", "atlantis"},
		{"revoke", "--serial", serial, "--reason", "because"},
		{"revoke", "--serial", "00", "--reason", "superseded"},
		{"revoke", "--serial", serial},
		{"polish"},
	} {
		keys(1, args...)
	}
}

func TestGalleryIsWritten(t *testing.T) {
	dir := t.TempDir()
	if code, out := townhall(t, "gallery", "--dir", dir); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	for _, l := range []string{"en", "ru", "zh"} {
		pages, err := os.ReadDir(filepath.Join(dir, l))
		if err != nil || len(pages) < 10 {
			t.Errorf("%s: %d pages, %v", l, len(pages), err)
		}
	}
}
