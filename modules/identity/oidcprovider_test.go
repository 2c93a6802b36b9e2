package identity_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// installed returns the provider's program beside its pinned packages: npm ci once per lock file, moved into place when
// complete, so that two test runs at once do not meet half a folder.
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
	// The program stands beside node_modules, under a name of its own per run: another run may be reading it.
	program := filepath.Join(dir, "run-"+strings.ReplaceAll(kernel.NewID(), "-", "")+".mjs")
	if err := os.WriteFile(program, readFile(t, filepath.Join(source, "server.mjs")), 0o644); err != nil {
		t.Fatal(err)
	}
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

// offer is what a run of the provider offers; see server.mjs.
type offer struct {
	Clients []offeredClient `json:"clients"`
	JWKS    json.RawMessage `json:"jwks"`
	ACR     string          `json:"acr"`
	Alg     string          `json:"alg"`
	Claims  bool            `json:"claims"`
	PAR     bool            `json:"par"`
	Groups  []string        `json:"groups"`
}

type offeredClient struct {
	ID       string `json:"id"`
	Redirect string `json:"redirect"`
	Logout   string `json:"logout"`
	Home     string `json:"home"`
}

// start runs it; it ends with the test.
func (o offer) start(t *testing.T) string {
	t.Helper()
	config, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", installed(t))
	cmd.Stderr = t.Output()
	cmd.Env = append(os.Environ(), "CONFIG="+string(config))
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

// withSecond is a house whose citizens' issuer is oidc-provider, and which that provider can reach. Client keys are needed
// before the provider starts, and the provider's address before the house: so a first house makes the keys.
func withSecond(t *testing.T, change func(*offer)) *house {
	t.Helper()
	keys := t.TempDir()
	first := newHouse(t, func(c *identity.Config) { c.ClientKeys = keys })
	var h *house
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "northwick.localhost:8080"
		h.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	o := offer{JWKS: json.RawMessage(first.browser().get("/.well-known/jwks.json").Text), Alg: "ES256", Claims: true, PAR: true, Clients: []offeredClient{
		{client, origin + "/apps/" + service + "/callback", front.URL + "/apps/" + service + "/backchannel-logout", origin + "/"},
		{"northwick.staff", origin + "/staff/callback", front.URL + "/staff/backchannel-logout", origin + "/"},
	}}
	if change != nil {
		change(&o)
	}
	issuer := o.start(t)
	h = newHouse(t, func(c *identity.Config) {
		c.ClientKeys = keys
		if o.Groups != nil {
			return // a partner's
		}
		c.Issuers = append([]identity.Issuer{{ID: "panva", URL: issuer, Area: identity.AreaCitizen, ACR: identitytest.ACR}}, c.Issuers[1:]...)
		c.Machines = nil
	})
	h.clock.Set(time.Now()) // the provider has only the machine's clock
	h.second = issuer
	if o.Groups == nil {
		h.citizens.URL = issuer
	}
	return h
}

// visitor walks the provider's own pages, with its cookies.
type visitor struct {
	t *testing.T
	*http.Client
}

func newVisitor(t *testing.T) visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{t, &http.Client{Jar: jar, CheckRedirect: direct.CheckRedirect}}
}

// through goes on until the provider sends the browser back to us, and returns where to.
func (v visitor) through(start string) string {
	v.t.Helper()
	at := start
	for range 20 {
		res, err := v.Get(at)
		if err != nil {
			v.t.Fatal(err)
		}
		res.Body.Close()
		next, err := res.Location()
		if err != nil {
			v.t.Fatalf("the provider shows a page, status %d, at %s", res.StatusCode, res.Request.URL.Path)
		}
		if strings.HasPrefix(next.String(), origin) {
			return next.String()
		}
		at = next.String()
	}
	v.t.Fatal("the provider goes round in circles")
	return ""
}

var hiddenXSRF = regexp.MustCompile(`name="xsrf" value="([^"]+)"`)

// signOut confirms the provider's own question at address, and returns where it sends the browser.
func (v visitor) signOut(address string) string {
	v.t.Helper()
	res, err := v.Get(address)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	xsrf := hiddenXSRF.FindSubmatch(page)
	if res.StatusCode != http.StatusOK || xsrf == nil {
		v.t.Fatalf("the provider does not ask: %d %s", res.StatusCode, page)
	}
	base, _, _ := strings.Cut(address, "/session/end")
	done, err := v.PostForm(base+"/session/end/confirm", url.Values{"xsrf": {string(xsrf[1])}, "logout": {"yes"}})
	if err != nil {
		v.t.Fatal(err)
	}
	done.Body.Close()
	return done.Header.Get("Location")
}

// seen is the last authorization request as the provider understood it, and what became of its logout tokens.
func (h *house) seen(t *testing.T) (params map[string]string, told []string) {
	t.Helper()
	res, err := http.Get(h.second + "/seen")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out struct {
		Params map[string]any
		Told   []string
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	params = map[string]string{}
	for name, v := range out.Params {
		params[name], _ = v.(string)
	}
	return params, out.Told
}

func needsNode(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs node and npm")
	}
}

func TestSignInThroughAProviderWeDidNotWrite(t *testing.T) {
	needsNode(t)
	t.Parallel()
	for _, alg := range []string{"ES256", "RS256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			h := withSecond(t, func(o *offer) { o.Alg, o.ACR = alg, identitytest.Substantial })
			h.level = kernel.Substantial
			b := h.browser()
			to := b.get(b.launchPath("/cases/1"))
			u, err := url.Parse(to.to())
			if err != nil || u.Query().Get("request_uri") == "" || len(u.Query()) != 2 {
				t.Fatalf("%d %s: the request was not pushed: %v", to.StatusCode, to.slug(), to.to())
			}
			back := newVisitor(t).through(to.to())
			if u, err := url.Parse(back); err != nil || u.Query().Get("iss") != h.second {
				t.Errorf("the answer does not name its issuer: %s", back)
			}
			want(t, b.get(back), http.StatusSeeOther, "")
			if params, _ := h.seen(t); params["launch"] != "ticket-1" || params["code_challenge_method"] != "S256" {
				t.Errorf("the provider was asked %v", params)
			}
			who := b.who("/cases/1")
			if who.Name != "王小明" || who.Level != kernel.Substantial || who.AuthTime.IsZero() || who.Locale != "zh" {
				t.Errorf("signed in as %+v", who)
			}
			var p kernel.Person
			err = h.db.Read(t.Context(), "northwick", func(tx *pg.Tx) (err error) {
				p, err = h.identity.Person(t.Context(), tx, who.Person, service)
				return err
			})
			if err != nil || p.Subject != "northwick.localhost/wang" || len(p.Claims) != 2 { // no more than the name and the language we asked for
				t.Errorf("%+v %v", p, err)
			}
			want(t, b.get(back), http.StatusForbidden, "sign-in-expired")
		})
	}
}

func TestStepUpAtAProviderWeDidNotWrite(t *testing.T) {
	needsNode(t)
	t.Parallel()
	for name, c := range map[string]struct{ claims, par bool }{
		"by the essential acr claim, pushed": {true, true}, "by the essential acr claim, in the address": {true, false},
		"by acr_values, pushed": {false, true}, "by acr_values, in the address": {false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := withSecond(t, func(o *offer) { o.Claims, o.PAR = c.claims, c.par })
			b, v := h.browser(), newVisitor(t)
			want(t, b.get(v.through(b.get(b.launchPath("/whoami")).to())), http.StatusSeeOther, "")
			before := b.who("/whoami")
			if before.Level != kernel.Low {
				t.Fatalf("signed in at %s", before.Level)
			}
			to := b.get(b.get("/substantial?draft=7").to()).to()
			if strings.Contains(to, "request_uri=") != c.par {
				t.Errorf("pushed: %s", to)
			}
			a := b.get(v.through(to)) // the provider knows the person already
			if want(t, a, http.StatusSeeOther, ""); a.to() != "/substantial?draft=7" {
				t.Errorf("came back to %q", a.to())
			}
			after := b.who("/substantial")
			if after.Person != before.Person || after.Session == before.Session || after.Level != kernel.Substantial {
				t.Errorf("before %+v, after %+v", before.Principal, after.Principal)
			}
			params, _ := h.seen(t)
			essential := strings.Contains(params["claims"], `"acr":{"essential":true,"values":["urn:test:substantial","urn:test:high"]}`)
			values := params["acr_values"] == "urn:test:substantial urn:test:high"
			if essential != c.claims || values == c.claims || !c.claims && params["claims"] != "" {
				t.Errorf("asked with claims %q and acr_values %q, want one of them", params["claims"], params["acr_values"])
			}
		})
	}
}

func TestAProviderWeDidNotWriteCannotPassOffAWeakSignIn(t *testing.T) {
	needsNode(t)
	t.Parallel()
	h := withSecond(t, func(o *offer) { o.ACR = identitytest.Low })
	b := h.browser()
	want(t, b.get(newVisitor(t).through(b.get(b.launchPath("/whoami")).to())), http.StatusSeeOther, "")
	if who := b.who("/whoami"); who.Level != kernel.Low {
		t.Errorf("level %s", who.Level)
	}
	want(t, b.get(newVisitor(t).through(b.get("/sign-in?level=substantial&return=/substantial").to())), http.StatusForbidden, "sign-in-level")
	if b.who("/whoami").Level != kernel.Low {
		t.Error("the level rose by itself")
	}
}

func TestLogoutAtAProviderWeDidNotWrite(t *testing.T) {
	needsNode(t)
	t.Parallel()
	h := withSecond(t, nil)
	signedIn := func() (*browser, visitor) {
		b, v := h.browser(), newVisitor(t)
		want(t, b.get(v.through(b.get(b.launchPath("/whoami")).to())), http.StatusSeeOther, "")
		return b, v
	}
	b, v := signedIn()
	other, _ := signedIn()
	// RP-initiated: from our button over the provider's question back to our front page.
	a := b.send("POST", "/sign-out", url.Values{})
	if !strings.HasPrefix(a.to(), h.second+"/session/end?") || b.who("/whoami").Kind != kernel.Anonymous {
		t.Fatalf("signed out to %q", a.to())
	}
	if to := v.signOut(a.to()); to != origin+"/" {
		t.Errorf("the provider leads to %q", to)
	}
	// Back-channel: somebody signs out at the provider, and it tells us.
	b, v = signedIn()
	if to := v.signOut(h.second + "/session/end"); !strings.HasPrefix(to, h.second) {
		t.Errorf("the provider leads to %q", to)
	}
	if _, told := h.seen(t); len(told) != 2 || told[0] != client+" ok" || told[1] != client+" ok" {
		t.Errorf("the provider's logout tokens: %q", told)
	}
	if b.who("/whoami").Kind != kernel.Anonymous {
		t.Error("the session outlived the one at the provider")
	}
	if other.who("/whoami").Kind != kernel.Citizen {
		t.Error("the session of another browser was ended with it")
	}
}

// A partner whose staff have accounts at a provider we did not write, added while the server runs.
func TestAPartnerSignsInAtAProviderWeDidNotWrite(t *testing.T) {
	needsNode(t)
	t.Parallel()
	h := withSecond(t, func(o *offer) { o.Groups = []string{"crew", "northwick-registrars"} })
	town := h.browser()
	want(t, town.signIn("/staff/sign-in"), http.StatusSeeOther, "") // the server has been at work
	found, err := h.identity.TryIssuer(kernel.WithTenant(t.Context(), mustTenant(t, "northwick")), h.second)
	if err != nil || !found.PAR || !found.ClaimsParam || len(found.ACR) != 3 || len(found.Algorithms) != 1 {
		t.Fatalf("%+v %v", found, err)
	}
	h.onboard("northwick", ferries(h.second))
	b, v := h.browser(), newVisitor(t)
	back := v.through(b.get(at(h.second) + "&level=substantial").to())
	want(t, b.get(back), http.StatusSeeOther, "")
	who := b.who("/staff/whoami")
	if who.Kind != kernel.Staff || who.Name != "王小明" || who.Level != kernel.Substantial || len(who.Grants) != 1 || who.Grants[0] != conductor {
		t.Errorf("signed in as %+v", who.Principal)
	}
	elsewhere := h.browser()
	elsewhere.host = "eastmere.localhost:8080"
	want(t, elsewhere.get(at(h.second)), http.StatusForbidden, "sign-in-issuer")

	// Mix-up: the answer of the partner's provider in the town's sign-in, and the other way round.
	mixed := h.browser()
	begun, err := url.Parse(mixed.atIssuer(mixed.get(at(h.staff.URL))))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := url.Parse(newVisitor(t).through(mixed.get(at(h.second)).to()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]*url.URL{{begun, theirs}, {theirs, begun}} { // the state of one, all else of the other
		q := c[1].Query()
		q.Set("state", c[0].Query().Get("state"))
		want(t, mixed.get("/staff/callback?"+q.Encode()), http.StatusForbidden, "sign-in-refused")
	}

	h.partners["northwick"] = nil
	if b.who("/staff/whoami").Kind != kernel.Anonymous || town.who("/staff/whoami").Kind != kernel.Staff {
		t.Error("the wrong session ended with the partner")
	}
	h.onboard("northwick", ferries(h.second))
	want(t, b.get(v.through(b.get(at(h.second)+"&level=high").to())), http.StatusSeeOther, "")
	v.signOut(h.second + "/session/end")
	if _, told := h.seen(t); len(told) != 1 || told[0] != "northwick.staff ok" || b.who("/staff/whoami").Kind != kernel.Anonymous {
		t.Errorf("signed out at the partner: %q", told)
	}
}
