package identity_test

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
)

func mustTenant(t testing.TB, id kernel.TenantID) kernel.Tenant {
	t.Helper()
	return kerneltest.Tenant(id)
}

// token signs a proper access token of a fresh subject with k.
func (h *house) token(k identitytest.Key) string {
	header, claims := h.citizens.AccessToken(civic, "anna", client, "")
	return identitytest.Sign(k, header, claims)
}

func TestAttackKeyRotation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old, fresh := h.citizens.Keys[0], identitytest.NewKey(t, "k2", jose.ES256)
	if a := h.call("/who", h.token(old)); a.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", a.StatusCode, a.Text)
	}
	h.citizens.Keys = []identitytest.Key{fresh, old}
	h.clock.Advance(11 * time.Second)
	for name, k := range map[string]identitytest.Key{"new": fresh, "old, in overlap": old} {
		if a := h.call("/who", h.token(k)); a.StatusCode != http.StatusOK {
			t.Errorf("%s key: %d %s", name, a.StatusCode, a.Text)
		}
	}
	if h.citizens.Fetches != 2 {
		t.Errorf("%d fetches, want one at first and one for the new key", h.citizens.Fetches)
	}
}

func TestAttackRetiredKey(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	old := h.citizens.Keys[0]
	h.call("/who", h.token(old))
	h.citizens.Keys = []identitytest.Key{identitytest.NewKey(t, "k2", jose.ES256)}
	h.clock.Advance(11 * time.Minute)
	if a := h.call("/who", h.token(old)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a retired key still signs: %d", a.StatusCode)
	}
	if a := h.call("/who", h.token(h.citizens.Keys[0])); a.StatusCode != http.StatusOK {
		t.Errorf("the key that followed: %d", a.StatusCode)
	}
}

func TestAttackFloodOfBadTokens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bad := identitytest.NewKey(t, "", jose.ES256)
	flood := func(kid func(int) string) int {
		before := h.citizens.Fetches
		var wg sync.WaitGroup
		for i := range 100 {
			header, claims := h.citizens.AccessToken(civic, "anna", client, "")
			header["kid"] = kid(i)
			raw := identitytest.Sign(bad, header, claims)
			wg.Go(func() {
				if a := h.call("/who", raw); a.StatusCode != http.StatusUnauthorized {
					t.Errorf("bad token: %d", a.StatusCode)
				}
			})
		}
		wg.Wait()
		return h.citizens.Fetches - before
	}
	unknown := func(i int) string { return fmt.Sprint("unknown-", i) }
	if n := flood(unknown); n != 1 {
		t.Errorf("100 bad tokens caused %d fetches, want the first one alone", n)
	}
	h.clock.Advance(11 * time.Second)
	if n := flood(func(int) string { return "k1" }); n != 0 {
		t.Errorf("100 bad signatures of a known key caused %d fetches", n)
	}
	if n := flood(unknown); n != 1 {
		t.Errorf("ten seconds later, 100 bad tokens caused %d fetches", n)
	}
	if n := flood(unknown); n != 0 {
		t.Errorf("within ten seconds, 100 more caused %d fetches", n)
	}
}

func TestAttackKeysOutage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good := h.token(h.citizens.Keys[0])
	h.citizens.Down = true
	a := h.call("/who", good)
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") != "10" {
		t.Errorf("keys away, none known: %d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
	want(t, h.browser().get("/sign-in"), http.StatusServiceUnavailable, "sign-in-unavailable")
	header, claims := h.citizens.LogoutToken(client, "anna", "")
	delete(claims, "sid")
	a = h.browser().send("POST", "/apps/"+service+"/backchannel-logout", url.Values{"logout_token": {identitytest.Sign(h.citizens.Keys[0], header, claims)}})
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("logout while keys are away: %d", a.StatusCode)
	}
	h.citizens.Down = false
	h.clock.Advance(11 * time.Second)
	good = h.token(h.citizens.Keys[0])
	if a := h.call("/who", good); a.StatusCode != http.StatusOK {
		t.Errorf("after the outage: %d %s", a.StatusCode, a.Text)
	}
	h.citizens.Down = true
	h.clock.Advance(time.Hour)
	if a := h.call("/who", h.token(h.citizens.Keys[0])); a.StatusCode != http.StatusOK {
		t.Errorf("known keys do not outlive an outage of an hour: %d", a.StatusCode)
	}
	h.clock.Advance(24 * time.Hour)
	if a := h.call("/who", h.token(h.citizens.Keys[0])); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("keys nobody confirmed for a day still count: %d", a.StatusCode)
	}
}

func TestAttackOutageDuringTheCallback(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	back := b.atIssuer(b.get(b.launchPath("/whoami")))
	h.citizens.Down = true
	a := b.get(back)
	if want(t, a, http.StatusServiceUnavailable, "sign-in-unavailable"); a.Header.Get("Retry-After") != "10" {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
}

func TestAttackKeyUsedForAnotherAlgorithm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	published := identitytest.NewKey(t, "k1", jose.PS256)
	h.citizens.Keys = append(h.citizens.Keys, published) // the same name as the EC key: neither shadows the other
	for _, k := range h.citizens.Keys {
		if a := h.call("/who", h.token(k)); a.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", k.Alg, a.StatusCode)
		}
	}
	misused := published
	misused.Alg = jose.RS256
	if a := h.call("/who", h.token(misused)); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a key published for PS256 verifies RS256: %d", a.StatusCode)
	}
}
