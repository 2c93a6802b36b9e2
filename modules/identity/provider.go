package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"townhall/modules/kernel"
)

// provider is one issuer with what it publishes about itself.
type provider struct {
	Issuer
	http  *http.Client
	meta  *remote[metadata]
	keys  *keySet
	clock kernel.Clock
}

// metadata is the part of OpenID Connect Discovery §3 and RFC 8414, RFC 9126 and RFC 9207 we use.
type metadata struct {
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	PAR           string   `json:"pushed_authorization_request_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	Keys          string   `json:"jwks_uri"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	ClaimsParam   bool     `json:"claims_parameter_supported"`
	IssParam      bool     `json:"authorization_response_iss_parameter_supported"`
}

func newProvider(i Issuer, client *http.Client, clock kernel.Clock, loopback bool) *provider {
	p := &provider{Issuer: i, http: client, clock: clock}
	p.meta = &remote[metadata]{clock: clock, fetch: func(ctx context.Context) (metadata, error) {
		return p.discover(ctx, loopback)
	}}
	p.keys = &keySet{&remote[[]jose.JSONWebKey]{clock: clock, fetch: p.fetchKeys}}
	return p
}

func (p *provider) discover(ctx context.Context, loopback bool) (metadata, error) {
	var m metadata
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.URL)
	if err != nil {
		return m, fmt.Errorf("issuer %s: discovery: %w", p.ID, err)
	}
	if err := found.Claims(&m); err != nil {
		return m, fmt.Errorf("issuer %s: discovery: %w", p.ID, err)
	}
	for i, u := range []string{m.Authorization, m.Token, m.Keys, m.PAR, m.UserInfo, m.EndSession} {
		if u == "" && i > 2 || u == "" && i < 2 && p.Area == AreaMachine {
			continue
		}
		if err := safeURL(u, loopback); err != nil {
			return m, fmt.Errorf("issuer %s: discovery: endpoint %d: %w", p.ID, i, err)
		}
	}
	if len(m.PKCE) > 0 && !slices.Contains(m.PKCE, "S256") {
		return m, fmt.Errorf("issuer %s: discovery: no S256", p.ID)
	}
	return m, nil
}

func (p *provider) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	m, err := p.meta.get(ctx, false)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.Keys, nil)
	if err != nil {
		return nil, err
	}
	status, body, err := p.do(req)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("issuer %s: keys: status %d", p.ID, status)
	}
	return parseKeys(body)
}

func (p *provider) do(req *http.Request) (int, []byte, error) {
	req.Header.Set("Accept", "application/json")
	res, err := p.http.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("issuer %s: %w", p.ID, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("issuer %s: %w", p.ID, err)
	}
	return res.StatusCode, body, nil
}

// post sends a form as the authenticated client and reads the JSON answer. Errors: errIssuerAway when the issuer does
// not answer or fails; any other one is its refusal, of which only the OAuth error code is kept.
func (p *provider) post(ctx context.Context, endpoint string, form url.Values, want int, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, body, err := p.do(req)
	if err != nil {
		return errIssuerAway.Wrap(err)
	}
	if status >= 500 || status == http.StatusTooManyRequests {
		return errIssuerAway.Wrap(fmt.Errorf("issuer %s: status %d", p.ID, status))
	}
	if status != want {
		var refusal struct {
			Error string `json:"error"`
		}
		_ = json.Unmarshal(body, &refusal) // what is not JSON has no code to report
		return oauthError{status, visible(refusal.Error)}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("issuer %s: answer is not JSON: %w", p.ID, err)
	}
	return nil
}

// oauthError is a refusal (RFC 6749 §5.2). Its description stays out: it may name people.
type oauthError struct {
	status int
	code   string
}

func (e oauthError) Error() string {
	return fmt.Sprintf("refused with status %d: %s", e.status, e.code)
}

// visible keeps what RFC 6749 allows in an error code, so that a log line stays one line.
func visible(s string) string {
	if len(s) > 60 {
		s = s[:60]
	}
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, s)
}

// userInfo asks for claims the ID token did not carry (Core §5.3). The subject must be the token's (§5.3.2).
func (p *provider) userInfo(ctx context.Context, endpoint, accessToken, subject string) (claims, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+accessToken)
	status, body, err := p.do(req)
	if err != nil {
		return nil, err
	}
	var c claims
	if status != http.StatusOK || json.Unmarshal(body, &c) != nil {
		return nil, fmt.Errorf("issuer %s: userinfo: status %d or no JSON", p.ID, status)
	}
	if c.text("sub") != subject {
		return nil, errors.New("userinfo: another subject")
	}
	return c, nil
}

// newClient makes the one HTTP client towards issuers: no redirects (they would leave the allow-list), no proxy from the
// environment, answers of at most 1 MiB.
func newClient(dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
	if dial == nil {
		dial = kernel.DialLoopbackNames
	}
	return &http.Client{
		Timeout:       2 * fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bounded{&http.Transport{
			DialContext: dial, ForceAttemptHTTP2: true, TLSHandshakeTimeout: fetchTimeout,
			ResponseHeaderTimeout: fetchTimeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8,
			MaxResponseHeaderBytes: 64 << 10,
		}},
	}
}

type bounded struct{ next *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20+1))
	if err != nil {
		return nil, err
	}
	if len(body) > 1<<20 {
		return nil, errors.New("answer is larger than 1 MiB")
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

func (b bounded) CloseIdleConnections() { b.next.CloseIdleConnections() }
