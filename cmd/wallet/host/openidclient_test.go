package host

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/kernel"
)

// installed returns a program of testdata beside its pinned packages: npm ci once per lock file, moved into place when
// complete, so that two test runs at once do not meet half a folder.
func installed(t *testing.T, folder, file string) string {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("testdata", folder))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(readFile(t, filepath.Join(source, "package-lock.json")))
	cache := filepath.Join(source, "../../../../../.cache/npm")
	dir := filepath.Join(cache, folder+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(cache, 0o755); err != nil {
			t.Fatal(err)
		}
		aside, err := os.MkdirTemp(cache, ".new-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(aside)
		for _, name := range []string{"package.json", "package-lock.json"} {
			write(t, filepath.Join(aside, name), readFile(t, filepath.Join(source, name)))
		}
		npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		npm.Dir = aside
		if out, err := npm.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		if err := os.Rename(aside, dir); err != nil {
			if _, there := os.Stat(dir); there != nil {
				t.Fatal(err)
			}
		}
	}
	// The program stands beside node_modules, under a name of its own per run: another run may be reading it.
	program := filepath.Join(dir, "run-"+strings.ReplaceAll(kernel.NewID(), "-", "")+".mjs")
	write(t, program, readFile(t, filepath.Join(source, file)))
	t.Cleanup(func() { os.Remove(program) })
	return program
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// peer is one run of a program we did not write.
type peer struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
	err *strings.Builder
}

func newPeer(t *testing.T, want map[string]any) *peer {
	t.Helper()
	p := runPeer(t, "openid-client", "client.mjs")
	p.tell(want)
	return p
}

func runPeer(t *testing.T, folder, file string) *peer {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", installed(t, folder, file))
	p := &peer{t: t, err: &strings.Builder{}}
	cmd.Stderr = p.err
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.in.Close()
		_ = cmd.Wait() // its verdict is what it printed
	})
	return p
}

func (p *peer) tell(v any) {
	p.t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		p.t.Fatal(err)
	}
	p.say(string(b))
}

func (p *peer) say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) hear(into any) {
	p.t.Helper()
	line, err := p.out.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, into) != nil {
		p.t.Fatalf("it said %q: %v\n%s", line, err, p.err)
	}
}

func TestOpenidClientSignsIn(t *testing.T) { signsIn(t, "client.mjs") }

func TestOauth4webapiSignsIn(t *testing.T) { signsIn(t, "oauth.mjs") }

// signsIn has a client we did not write start from a launch ticket, with a pushed request and without one. It holds bearer
// tokens: no proof of possession (RFC 9449) is asked of it.
func signsIn(t *testing.T, program string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs node and npm")
	}
	t.Parallel()
	for name, par := range map[string]bool{"with a pushed request": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(c *Config) { c.Clock = nil }) // the other side has the machine's clock
			h.clock.now = kernel.SystemClock{}.Now()
			b := h.browser().signIn("xiaoming")
			jwk, err := json.Marshal(jose.JSONWebKey{Key: h.northwick.key})
			if err != nil {
				t.Fatal(err)
			}
			p := runPeer(t, "openid-client", program)
			p.tell(map[string]any{"issuer": h.url, "client": "northwick.residence-certificate", "redirect": h.northwick.redirect("residence-certificate"),
				"jwk": json.RawMessage(jwk), "kid": "northwick", "par": par, "acr": ACRSubstantial, "launch": b.launch("northwick.residence-certificate")})
			var there struct{ To string }
			p.hear(&there)
			if strings.Contains(there.To, "request_uri=") != par {
				t.Errorf("address %s", there.To)
			}
			back := b.walk(b.get(there.To))
			p.say(h.northwick.redirect("residence-certificate") + "?" + back.Encode())
			var got struct {
				Claims, Userinfo                      map[string]any
				Foreign, Silent, Replay, Logout, Type string
			}
			p.hear(&got)
			launch, _ := got.Claims["launch"].(map[string]any)
			if got.Claims["acr"] != ACRSubstantial || got.Claims["name"] != "王小明" || launch["channel"] != "search" {
				t.Errorf("ID token %v", got.Claims)
			}
			if got.Userinfo["sub"] != got.Claims["sub"] || got.Userinfo["email"] != "wang.xiaoming@example.org" {
				t.Errorf("userinfo %v", got.Userinfo)
			}
			if !strings.Contains(got.Foreign, `"iss"`) || !strings.Contains(got.Silent, `"iss"`) {
				t.Errorf("an answer of another issuer: %q, of none: %q", got.Foreign, got.Silent)
			}
			if strings.ToLower(got.Type) != "bearer" {
				t.Errorf("token type %q", got.Type)
			}
			if got.Replay != "invalid_grant" {
				t.Errorf("replay of the code: %q", got.Replay)
			}
			if a := b.get(got.Logout); a.status != 200 {
				t.Errorf("end_session: %d", a.status)
			}
		})
	}
}

func TestAnIntegratorWeDidNotWriteGetsItsToken(t *testing.T) {
	if testing.Short() {
		t.Skip("needs node and npm")
	}
	t.Parallel()
	h := newHouse(t, func(c *Config) { c.Clock = nil })
	p := newPeer(t, map[string]any{"issuer": h.url, "client": "clinic", "secret": "s3cret:+", "resource": "https://northwick.example/civic"})
	var got struct {
		Access string `json:"access_token"`
	}
	p.hear(&got)
	if _, c := h.claims(h.url, got.Access); c["aud"] != "https://northwick.example/civic" {
		t.Errorf("%v", c)
	}
}
