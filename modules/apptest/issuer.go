package apptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"townhall/modules/kernel"
)

// Issuer is a small OpenID provider that hands out whatever token a test asks for, with a real key over real
// HTTP. Signing in through pages is the reference wallet's part; this one serves the many API calls of the matrix,
// the drill and the benchmarks.
type Issuer struct {
	URL    string
	Clock  kernel.Clock // the town's, nil: the machine's. While it stands still, no token is from its future
	key    *ecdsa.PrivateKey
	server *httptest.Server
}

// ACR are the levels as this issuer names them.
var ACR = map[string]kernel.Level{"low": kernel.Low, "substantial": kernel.Substantial, "high": kernel.High}

// NewIssuer starts one; Close stops it.
func NewIssuer() *Issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the machine has no randomness: nothing can be tested
	}
	i := &Issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/jwks", "authorization_endpoint": i.URL + "/authorize",
			"token_endpoint": i.URL + "/token", "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"pairwise"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /jwks", func(w http.ResponseWriter, r *http.Request) {
		reply(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	i.server = httptest.NewServer(mux)
	i.URL = i.server.URL
	return i
}

func (i *Issuer) Close() { i.server.Close() }

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// Who is one person or program of a test.
type Who struct {
	Subject string
	Name    string
	ACR     string   // "low", "substantial", "high"
	Groups  []string // staff
	Client  string
	Scope   string
	Claims  map[string]any
	Machine bool // client credentials: sub is the client
}

// AccessToken mints an RFC 9068 access token for audience, valid for an hour.
func (i *Issuer) AccessToken(who Who, audience string) string {
	now := time.Now()
	if i.Clock != nil && i.Clock.Now().Before(now) {
		now = i.Clock.Now()
	}
	claims := map[string]any{
		"iss": i.URL, "sub": who.Subject, "aud": audience, "client_id": who.Client, "jti": kernel.NewID(),
		"iat": now.Add(-time.Second).Unix(), "exp": now.Add(time.Hour).Unix(), "auth_time": now.Add(-time.Second).Unix(),
	}
	if who.Machine {
		claims["sub"] = who.Client
		delete(claims, "auth_time")
	}
	for k, v := range map[string]string{"acr": who.ACR, "name": who.Name, "scope": who.Scope} {
		if v != "" {
			claims[k] = v
		}
	}
	if len(who.Groups) > 0 {
		claims["groups"] = who.Groups
	}
	for k, v := range who.Claims {
		claims[k] = v
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "k1"}},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		panic(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		panic(err)
	}
	return token
}
