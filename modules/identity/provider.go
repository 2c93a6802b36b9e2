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

	loopback bool          // may be on this machine, in clear text
	partner  bool          // set up while the server runs, by somebody else
	also     []kernel.Text // whose people sign in there besides
}

// metadata is the part of OpenID Connect Discovery §3 and RFC 8414, RFC 9126 and RFC 9207 we use.
type metadata struct {
	Issuer        string   `json:"issuer"`
	Authorization string   `json:"authorization_endpoint"`
	Token         string   `json:"token_endpoint"`
	PAR           string   `json:"pushed_authorization_request_endpoint"`
	UserInfo      string   `json:"userinfo_endpoint"`
	EndSession    string   `json:"end_session_endpoint"`
	Keys          string   `json:"jwks_uri"`
	PKCE          []string `json:"code_challenge_methods_supported"`
	Responses     []string `json:"response_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	ACR           []string `json:"acr_values_supported"`
	ClaimsParam   bool     `json:"claims_parameter_supported"`
	IssParam      bool     `json:"authorization_response_iss_parameter_supported"`
}

func newProvider(i Issuer, client *http.Client, clock kernel.Clock, loopback bool) *provider {
	p := &provider{Issuer: i, http: client, clock: clock, loopback: loopback}
	p.meta = &remote[metadata]{clock: clock, fetch: p.discover}
	p.keys = &keySet{&remote[[]jose.JSONWebKey]{clock: clock, fetch: func(ctx context.Context) ([]jose.JSONWebKey, error) {
		m, err := p.meta.get(ctx, false)
		if err != nil {
			return nil, err
		}
		return p.fetchKeys(ctx, m.Keys)
	}}}
	return p
}

// discover fetches what the issuer publishes (Discovery §4). Its errors hold a flaw.
func (p *provider) discover(ctx context.Context) (metadata, error) {
	var m metadata
	flawed := func(f *flaw, err error) (metadata, error) {
		return metadata{}, fmt.Errorf("issuer %s: discovery: %w: %w", p.ID, f, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.URL, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return flawed(flawAddress, err)
	}
	status, body, err := p.do(req)
	if err != nil {
		return flawed(flawAway, err)
	}
	if status != http.StatusOK {
		return flawed(flawDocument, fmt.Errorf("status %d", status))
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return flawed(flawDocument, err)
	}
	if m.Issuer != p.URL { // Discovery §4.3
		return flawed(flawName, errors.New("issuer is another"))
	}
	for i, u := range []string{m.Authorization, m.Token, m.Keys, m.PAR, m.UserInfo, m.EndSession} {
		if u == "" && i > 2 || u == "" && i < 2 && p.Area == AreaMachine {
			continue
		}
		if err := safeURL(u, p.loopback); err != nil {
			return flawed(flawEndpoint, fmt.Errorf("endpoint %d: %w", i, err))
		}
	}
	if f := p.lacks(m); f != nil {
		return flawed(f, errors.New("not offered"))
	}
	return m, nil
}

// lacks says what a sign-in needs and m says is not there. Of a partner's provider more is asked than of one the operator
// chose: that it names itself in its answers, since without that and without redirect addresses of its own one provider
// could have the browser bring it a code of another's (RFC 9700 §4.4).
func (p *provider) lacks(m metadata) *flaw {
	switch {
	case len(m.PKCE) > 0 && !slices.Contains(m.PKCE, "S256"):
		return flawPKCE
	case p.Area == AreaMachine:
		return nil
	case len(m.Responses) > 0 && !slices.Contains(m.Responses, "code"):
		return flawCode
	case len(m.Algorithms) > 0 && len(m.accepted()) == 0:
		return flawAlgorithm
	case p.partner && !m.IssParam:
		return flawAnswer
	}
	return nil
}

// accepted are the algorithms of ID tokens it offers and we take.
func (m metadata) accepted() []string {
	return slices.DeleteFunc(algorithmNames(), func(a string) bool { return !slices.Contains(m.Algorithms, a) })
}

func (p *provider) fetchKeys(ctx context.Context, address string) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
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

type bounded struct{ next http.RoundTripper }

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

func (b bounded) CloseIdleConnections() {
	if t, ok := b.next.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}
