package identity_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// installed returns a folder with the pinned provider in it: npm ci once per lock file, moved into place when complete,
// so that two test runs at once do not meet half a folder.
func installed(t *testing.T) string {
	t.Helper()
	source, err := filepath.Abs("testdata/oidc-provider")
	if err != nil {
		t.Fatal(err)
	}
	lock := readFile(t, filepath.Join(source, "package-lock.json"))
	sum := sha256.Sum256(lock)
	cache := filepath.Join(source, "../../../../.cache/npm")
	dir := filepath.Join(cache, "oidc-provider-"+hex.EncodeToString(sum[:6]))
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
			if err := os.WriteFile(filepath.Join(aside, name), readFile(t, filepath.Join(source, name)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		npm.Dir = aside
		if out, err := npm.CombinedOutput(); err != nil {
			t.Fatalf("npm ci: %v\n%s", err, out)
		}
		if err := os.Rename(aside, dir); err != nil && !errors.Is(err, fs.ErrExist) {
			if _, there := os.Stat(dir); there != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "server.mjs"), readFile(t, filepath.Join(source, "server.mjs")), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// secondProvider starts it; it ends with the test.
func secondProvider(t *testing.T, jwks, acr string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", "server.mjs")
	cmd.Dir = installed(t)
	cmd.Stderr = t.Output()
	cmd.Env = append(os.Environ(), "CLIENT_ID="+client, "REDIRECT_URI="+origin+"/apps/"+service+"/callback",
		"LOGOUT_URI=https://northwick.example/apps/"+service+"/backchannel-logout", "CLIENT_JWKS="+jwks, "ACR="+acr)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("node: %v", err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait() // killed with the test's context; its status says nothing
	})
	issuer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("oidc-provider did not start: %v", err)
	}
	return strings.TrimSpace(issuer)
}

// withSecond is a house whose citizens' issuer is oidc-provider. Client keys are needed before the provider starts, and the
// provider's address before the house: so a first house makes the keys.
func withSecond(t *testing.T, acr string) *house {
	t.Helper()
	keys := t.TempDir()
	first := newHouse(t, func(c *identity.Config) { c.ClientKeys = keys })
	issuer := secondProvider(t, first.browser().get("/.well-known/jwks.json").Text, acr)
	h := newHouse(t, func(c *identity.Config) {
		c.ClientKeys = keys
		c.Issuers = append([]identity.Issuer{{ID: "panva", URL: issuer, Area: identity.AreaCitizen, ACR: identitytest.ACR}}, c.Issuers[1:]...)
		c.Machines = nil
	})
	h.clock.Set(time.Now()) // the provider has only the machine's clock
	h.citizens.URL = issuer
	return h
}

// throughProvider walks the provider's own pages with its cookies and returns where it sends the browser back to.
func throughProvider(t *testing.T, start string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Jar: jar, CheckRedirect: direct.CheckRedirect}
	at := start
	for range 20 {
		res, err := c.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		next, err := res.Location()
		if err != nil {
			t.Fatalf("the provider shows a page, status %d, at %s", res.StatusCode, res.Request.URL.Path)
		}
		if strings.HasPrefix(next.String(), origin) {
			return next.String()
		}
		at = next.String()
	}
	t.Fatal("the provider goes round in circles")
	return ""
}

func TestSignInThroughAProviderWeDidNotWrite(t *testing.T) {
	if testing.Short() {
		t.Skip("needs node and npm")
	}
	t.Parallel()
	h := withSecond(t, identitytest.Substantial)
	h.level = kernel.Substantial
	b := h.browser()
	to := b.get(b.launchPath("/cases/1"))
	u, err := url.Parse(to.to())
	if err != nil || u.Query().Get("request_uri") == "" {
		t.Fatalf("%d %s: the request was not pushed: %v", to.StatusCode, to.slug(), to.to())
	}
	back := throughProvider(t, to.to())
	if !strings.Contains(back, "iss=") {
		t.Errorf("no iss in the answer: %s", back)
	}
	want(t, b.get(back), http.StatusSeeOther, "")
	who := b.who("/cases/1")
	if who.Name != "王小明" || who.Level != kernel.Substantial || who.AuthTime.IsZero() || who.Locale != "zh" {
		t.Errorf("signed in as %+v", who)
	}
	var p kernel.Person
	err = h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) (err error) {
		p, err = h.identity.Person(t.Context(), tx, who.Person)
		return err
	})
	if err != nil || p.Subject != "northwick.localhost/wang" || len(p.Claims) != 2 { // no more than the name and the language we asked for
		t.Errorf("%+v %v", p, err)
	}
	want(t, b.get(back), http.StatusForbidden, "sign-in-expired")
	if a := b.send("POST", "/sign-out", url.Values{}); !strings.HasPrefix(a.to(), h.citizens.URL+"/session/end?") {
		t.Errorf("signed out to %q", a.to())
	}
}

func TestAProviderWeDidNotWriteCannotPassOffAWeakSignIn(t *testing.T) {
	if testing.Short() {
		t.Skip("needs node and npm")
	}
	t.Parallel()
	h := withSecond(t, identitytest.Low)
	b := h.browser()
	want(t, b.get(throughProvider(t, b.get(b.launchPath("/whoami")).to())), http.StatusSeeOther, "")
	if who := b.who("/whoami"); who.Level != kernel.Low {
		t.Errorf("level %s", who.Level)
	}
	want(t, b.get(throughProvider(t, b.get("/sign-in?level=substantial&return=/substantial").to())), http.StatusForbidden, "sign-in-level")
	if b.who("/whoami").Level != kernel.Low {
		t.Error("the level rose by itself")
	}
}
