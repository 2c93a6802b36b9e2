package apptest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3filter"

	"townhall/modules/kernel"
)

// Between stands between a host wallet and the towns it knows, and holds every request of the wallet against the published
// contracts, by another project's reading of OpenAPI: what it asks for must be declared, with no parameter and no member that
// is not. Beside the contracts there are the addresses that standards and the manifests themselves name.
type Between struct {
	towns  http.Handler
	judge  *judge
	report func(format string, args ...any)

	mu   sync.Mutex
	used map[string]int
}

// outsideContracts are the addresses a host learns elsewhere: of the list (documented for hosts), of keys and of what a
// manifest names for OpenID Connect (jwks_uri, sector_identifier_uri, backchannel_logout_uri).
var outsideContracts = []*regexp.Regexp{
	regexp.MustCompile(`^GET /\.well-known/(miniapps\.json|jwks\.json|sector\.json|agencies/[a-z0-9-]+/jwks\.json)$`),
	regexp.MustCompile(`^POST /apps/[a-z0-9-]+/backchannel-logout$`),
}

// between makes one in front of this town's handler. It ends with the test, which fails with what it finds.
func (a *App) between(t testing.TB) *Between {
	t.Helper()
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	return &Between{towns: a.Handler(), judge: j, report: t.Errorf, used: map[string]int{}}
}

// dial is how the wallet reaches the towns: through b, whatever town it means.
func (b *Between) dial(t testing.TB) func(ctx context.Context, network, addr string) (net.Conn, error) {
	t.Helper()
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return kernel.DialLoopbackNames(ctx, network, address)
	}
}

func (b *Between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.look(r, body)
	rec := httptest.NewRecorder()
	b.towns.ServeHTTP(rec, r)
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// look notes what a request uses, and reports what no contract declares.
func (b *Between) look(r *http.Request, body []byte) {
	asked := r.Method + " " + r.URL.Path
	if slices.ContainsFunc(outsideContracts, func(known *regexp.Regexp) bool { return known.MatchString(asked) }) {
		if r.URL.RawQuery != "" {
			b.report("the wallet asks for %s with ?%s, which nobody declares", asked, r.URL.RawQuery)
		}
		b.note(asked)
		return
	}
	router := b.judge.routers[prefix(r.URL.Path)]
	if router == nil {
		b.report("the wallet asks for %s, which is in no contract", asked)
		return
	}
	plain := r.Clone(context.Background())
	plain.URL, plain.Body = &url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}, io.NopCloser(bytes.NewReader(body))
	route, params, err := router.FindRoute(plain)
	if err != nil {
		b.report("the wallet asks for %s, which is in no contract: %v", asked, err)
		return
	}
	b.note(r.Method + " " + prefix(r.URL.Path) + route.Path)
	for name := range r.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil && route.PathItem.Parameters.GetByInAndName("query", name) == nil {
			b.report("the wallet asks %s with the parameter %s, which the contract does not declare", asked, name)
		}
	}
	if err := openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{
		Request: plain, PathParams: params, Route: route, Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}); err != nil {
		b.report("the wallet asks %s otherwise than the contract says: %v", asked, err)
	}
}

func (b *Between) note(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used[what]++
}

// asked says how often something has been asked for.
func (b *Between) asked(what string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used[what]
}
