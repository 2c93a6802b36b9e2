package identity_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"townhall/modules/identity"
	"townhall/modules/identity/identitytest"
	"townhall/modules/kernel"
)

func benchRequest(b *testing.B, token, cookie string) *http.Request {
	b.Helper()
	r := httptest.NewRequest("GET", civic+"/who", nil)
	r = r.WithContext(kernel.WithTenant(b.Context(), mustTenant(b, "northwick")))
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if cookie != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-sid", Value: cookie})
	}
	return r
}

// BenchmarkBearer: a token seen within the last minute, and one seen for the first time, of a program (no person is
// looked up: the signature alone).
func BenchmarkBearer(b *testing.B) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256, jose.EdDSA} {
		h := newHouse(b, func(c *identity.Config) {
			c.Machines = append(c.Machines, identity.Machine{ClientID: "m", Issuer: "wallet", Kind: kernel.Integrator})
		})
		k := identitytest.NewKey(b, "k", alg)
		h.citizens.Keys = []identitytest.Key{k}
		fresh := func(n int) []*http.Request {
			out := make([]*http.Request, n)
			for i := range out {
				header, claims := h.citizens.AccessToken(civic, "m", "m", fmt.Sprint("civic.read ", i))
				out[i] = benchRequest(b, identitytest.Sign(k, header, claims), "")
			}
			return out
		}
		check := func(b *testing.B, r *http.Request) {
			if p, err := h.identity.Bearer(r, civic); err != nil || p.Kind != kernel.Integrator {
				b.Fatal(p.Kind, err)
			}
		}
		b.Run("cached/"+string(alg), func(b *testing.B) {
			r := fresh(1)[0]
			for b.Loop() {
				check(b, r)
			}
		})
		b.Run("uncached/"+string(alg), func(b *testing.B) {
			requests := fresh(b.N)
			b.ResetTimer()
			for _, r := range requests {
				check(b, r)
			}
		})
	}
}

// BenchmarkSession: a cookie, looked up in the database on every request.
func BenchmarkSession(b *testing.B) {
	h := newHouse(b)
	visitor := h.browser()
	visitor.signIn("/sign-in")
	r := benchRequest(b, "", visitor.cookies["__Host-sid"])
	for b.Loop() {
		if p, err := h.identity.Session(r, "citizen"); err != nil || p.Kind != kernel.Citizen {
			b.Fatal(p.Kind, err)
		}
	}
}
