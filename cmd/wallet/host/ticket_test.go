package host

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestALaunchCarriesATicketAndNothingAboutThePerson(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	a := h.browser().signIn("maria").post("/launch", "app", "northwick.residence-certificate", "target", "/apps/residence-certificate?slot=9", "channel", "qr")
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location.String(), h.northwick.URL+"/apps/residence-certificate/launch?") {
		t.Fatalf("launch leads to %d %v", a.status, a.location)
	}
	q := a.location.Query()
	if q.Get("iss") != h.url || q.Get("target_link_uri") != "/apps/residence-certificate?slot=9" || q.Get("ui_locales") != "ru" || len(q) != 4 {
		t.Errorf("parameters %v", q)
	}
	if raw, err := base64.RawURLEncoding.DecodeString(q.Get("launch")); err != nil || len(raw) != 24 {
		t.Errorf("ticket %q is not 192 bits", q.Get("launch"))
	}
}

func TestALaunchArrivesInTheSignedIDToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	c := h.idClaims(h.token(h.browser().signIn("anna").code()))
	launch, _ := c["launch"].(map[string]any)
	want := map[string]any{"service": "residence-certificate", "target": "/apps/residence-certificate?x=1", "channel": "search", "locale": "en"}
	if len(launch) != len(want) {
		t.Fatalf("launch %v", launch)
	}
	for k, v := range want {
		if launch[k] != v {
			t.Errorf("launch.%s is %v", k, launch[k])
		}
	}
}

func TestALaunchTargetIsALocalPathOrRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	for _, target := range []string{"//evil.example", `/\evil.example`, "https://evil.example", "javascript:alert(1)", "/a\tb", "/a\nb", "apps", "/a/../b", "/" + strings.Repeat("a", 600)} {
		if a := b.post("/launch", "app", "northwick.residence-certificate", "target", target); a.status != http.StatusBadRequest || a.location != nil {
			t.Errorf("target %q: %d %v", target, a.status, a.location)
		}
	}
}

// presented sends an authorization request with the ticket and returns the error the client is told.
func presented(b *browser, ticket string, pairs ...string) string {
	b.h.t.Helper()
	a := b.get("/authorize?" + b.h.request(append(pairs, "launch", ticket)...).Encode())
	if a.location == nil {
		b.h.t.Fatalf("no answer to the client: %d %s", a.status, a.body)
	}
	return a.location.Query().Get("error")
}

func TestATicketIsRefused(t *testing.T) {
	t.Parallel()
	other := []string{"client_id", "northwick.dog-licence"}
	cases := map[string]func(*house, *browser, string) string{
		"when it is replayed": func(h *house, b *browser, ticket string) string {
			if e := presented(b, ticket); e != "" {
				h.t.Errorf("first use: %s", e)
			}
			return presented(b, ticket)
		},
		"for another app": func(h *house, b *browser, ticket string) string {
			return presented(b, ticket, append(other, "redirect_uri", h.northwick.redirect("dog-licence"))...)
		},
		"in another host session": func(h *house, _ *browser, ticket string) string {
			return presented(h.browser().signIn("anna"), ticket)
		},
		"in a browser without a session": func(h *house, _ *browser, ticket string) string {
			return presented(h.browser(), ticket)
		},
		"after its 60 seconds": func(h *house, b *browser, ticket string) string {
			h.clock.advance(60 * time.Second)
			return presented(b, ticket)
		},
		"when there is none such": func(h *house, b *browser, _ string) string {
			return presented(b, newSecret())
		},
		"after the person signed out": func(h *house, b *browser, ticket string) string {
			b.post("/sign-out")
			return presented(b.signIn("anna"), ticket)
		},
	}
	for name, attack := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			b := h.browser().signIn("anna")
			if e := attack(h, b, b.launch("northwick.residence-certificate")); e != "invalid_request" {
				t.Errorf("the client was told %q", e)
			}
		})
	}
}

func TestATicketIsBurntByAnyPresentation(t *testing.T) {
	t.Parallel()
	for name, present := range map[string]func(*browser, string){
		"by another app": func(b *browser, ticket string) {
			presented(b, ticket, "client_id", "northwick.dog-licence", "redirect_uri", b.h.northwick.redirect("dog-licence"))
		},
		"in another browser": func(b *browser, ticket string) { presented(b.h.browser(), ticket) },
		"by an unknown client": func(b *browser, ticket string) {
			b.get("/authorize?" + b.h.request("client_id", "nobody", "launch", ticket).Encode())
		},
		"with a foreign redirect URI": func(b *browser, ticket string) {
			b.get("/authorize?" + b.h.request("redirect_uri", "https://evil.example/", "launch", ticket).Encode())
		},
		"without PKCE": func(b *browser, ticket string) { presented(b, ticket, "code_challenge", "") },
		"pushed by another app": func(b *browser, ticket string) {
			push(b.h, "dog-licence", b.h.request("client_id", "northwick.dog-licence", "redirect_uri", b.h.northwick.redirect("dog-licence"), "launch", ticket))
		},
		"at the staff issuer": func(b *browser, ticket string) {
			b.get("/staff/authorize?" + b.h.request("client_id", "northwick.staff", "redirect_uri", b.h.northwick.URL+"/staff/callback", "launch", ticket).Encode())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, nil)
			b := h.browser().signIn("anna")
			ticket := b.launch("northwick.residence-certificate")
			present(b, ticket)
			if e := presented(b, ticket); e != "invalid_request" {
				t.Errorf("afterwards the ticket still works: %q", e)
			}
		})
	}
}

func TestOneOfAHundredParallelRedemptionsSucceeds(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	b.code() // consent is given once, so that every redemption could end in a code
	ticket := b.launch("northwick.residence-certificate")
	var codes atomic.Int32
	var wg sync.WaitGroup
	for range 100 {
		tab := b.clone()
		wg.Go(func() {
			a := tab.get("/authorize?" + h.request("launch", ticket).Encode())
			if a.location != nil && a.location.Query().Get("code") != "" {
				codes.Add(1)
			}
		})
	}
	wg.Wait()
	if codes.Load() != 1 {
		t.Errorf("%d codes for one ticket", codes.Load())
	}
}

func TestATicketOfOnePersonSelectsNothingForAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	a := b.get("/authorize?" + h.request("launch", b.launch("northwick.residence-certificate"), "prompt", "select_account").Encode())
	a = b.post(a.location.Path, "do", "persona", "persona", "maria")
	got := b.walk(a)
	c := h.idClaims(h.token(got.Get("code")))
	if c["launch"] != nil || c["name"] != "Мария Соколова" {
		t.Errorf("launch %v reached %v", c["launch"], c["name"])
	}
}

// push sends a pushed authorization request of one of northwick's apps.
func push(h *house, app string, v map[string][]string) answer {
	form := values("client_assertion_type", assertionType, "client_assertion", h.northwick.assertion(h.northwick.client(app), h.url, h.clock.Now(), nil))
	for k, x := range v {
		form[k] = x
	}
	return h.browser().do(http.MethodPost, "/par", form)
}

func TestATicketInAPushedRequestIsBoundToTheSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	b := h.browser().signIn("anna")
	ticket := b.launch("northwick.residence-certificate")
	a := push(h, "residence-certificate", h.request("launch", ticket))
	var out struct {
		URI string `json:"request_uri"`
	}
	if a.status != http.StatusCreated || json.Unmarshal([]byte(a.body), &out) != nil {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	if again := push(h, "residence-certificate", h.request("launch", ticket)); oauthCode(again) != "invalid_request" {
		t.Errorf("pushed twice: %d %s", again.status, again.body)
	}
	there := "/authorize?" + values("client_id", "northwick.residence-certificate", "request_uri", out.URI).Encode()
	if a := h.browser().signIn("anna").get(there); a.location.Query().Get("error") != "invalid_request" {
		t.Errorf("another session: %d %v", a.status, a.location)
	}
	if a := b.get(there); a.status != http.StatusBadRequest {
		t.Errorf("request_uri used twice: %d %v", a.status, a.location)
	}
}
