package host

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// authRequest is a checked authorization request.
type authRequest struct {
	ClientID    string
	RedirectURI string
	State       string
	Nonce       string
	Challenge   string // PKCE, S256
	Scopes      []string
	Asked       []string // claims by name, from scopes and the claims parameter
	Prompt      []string
	MaxAge      int // seconds; -1: any
	Levels      []kernel.Level
	Essential   bool // one of Levels must be reached (Core §5.5.1.1)
	Resource    string
	Locale      string
	Launch      *ticket
}

// pushed is a request stored by PAR (RFC 9126), or by a form post to the authorization endpoint.
type pushed struct {
	clientID string
	params   url.Values
	ticket   *ticket
}

const (
	requestURN  = "urn:ietf:params:oauth:request_uri:"
	requestLife = 60 * time.Second
)

var errTicket = &oauthError{code: "invalid_request", text: "The launch ticket is not valid. Open the service from the wallet again."}

// push is the pushed authorization request endpoint (RFC 9126). A launch ticket in it is burnt here, bound to the
// request, and its session is checked when the browser comes.
func (p *provider) push(rw http.ResponseWriter, r *http.Request) {
	if err := formOnce(r); err != nil {
		err.write(rw)
		return
	}
	launch, present := r.PostForm.Get("launch"), r.PostForm.Has("launch")
	c, oerr := p.authenticate(r)
	if oerr != nil {
		oerr.write(rw)
		return
	}
	in := pushed{clientID: c.ID, params: r.PostForm}
	if present {
		t, ok := p.w.burn(launch)
		if !ok || p.isStaff() || t.ClientID != c.ID {
			errTicket.write(rw)
			return
		}
		in.ticket = &t
	}
	if r.PostForm.Has("request_uri") {
		(&oauthError{code: "invalid_request", text: "request_uri cannot be pushed."}).write(rw)
		return
	}
	if named := r.PostForm.Get("client_id"); named != c.ID {
		(&oauthError{code: "invalid_request", text: "client_id must name the authenticated client."}).write(rw)
		return
	}
	if !slices.Contains(c.RedirectURIs, r.PostForm.Get("redirect_uri")) {
		(&oauthError{code: "invalid_request", text: "redirect_uri is not registered."}).write(rw)
		return
	}
	if _, oerr := p.parse(r.Context(), c, r.PostForm); oerr != nil {
		oerr.write(rw)
		return
	}
	id := p.pushed.put(in, requestLife)
	writeJSON(rw, http.StatusCreated, map[string]any{"request_uri": requestURN + id, "expires_in": int(requestLife.Seconds())})
}

// authorizeByForm accepts the request as a form (Core §3.1.2.1) and goes on with a GET, because the browser sends
// no SameSite=Lax cookie with another site's form.
func (p *provider) authorizeByForm(rw http.ResponseWriter, r *http.Request) {
	if err := formOnce(r); err != nil || r.PostForm.Has("request_uri") {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	in := pushed{clientID: r.PostForm.Get("client_id"), params: r.PostForm}
	id := p.pushed.put(in, requestLife)
	http.Redirect(rw, r, p.prefix+"/authorize?"+url.Values{"client_id": {in.clientID}, "request_uri": {requestURN + id}}.Encode(), http.StatusSeeOther)
}

// authorize is the authorization endpoint. Whatever is wrong with client_id or redirect_uri ends on a page of ours;
// everything else goes back to the registered redirect URI.
func (p *provider) authorize(rw http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	in := pushed{clientID: q.Get("client_id"), params: q}
	bad := repeated(q)
	if uri := q.Get("request_uri"); uri != "" && !bad {
		id, isOurs := strings.CutPrefix(uri, requestURN)
		stored, ok := p.pushed.take(id)
		bad = !isOurs || !ok || stored.clientID != in.clientID || q.Has("launch")
		in = stored
	}
	ticketBad := false
	for _, secret := range in.params["launch"] { // burnt whatever else is wrong with the request
		if in.ticket != nil {
			break // PAR has done it
		}
		t, ok := p.w.burn(secret)
		if ok {
			in.ticket = &t
		}
		ticketBad = !ok || p.isStaff()
	}
	c, ok := p.client(r.Context(), in.clientID)
	if bad || !ok || !slices.Contains(c.RedirectURIs, in.params.Get("redirect_uri")) {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	req, oerr := p.parse(r.Context(), c, in.params)
	if oerr != nil {
		p.refuse(rw, r, req, oerr)
		return
	}
	secret, s := p.browser(rw, r)
	if in.ticket != nil && (in.ticket.ClientID != c.ID || s.Persona == "" || in.ticket.Session != s.ID) {
		ticketBad = true
	}
	if ticketBad {
		p.refuse(rw, r, req, errTicket)
		return
	}
	req.Launch = in.ticket
	ix := interaction{Browser: s.Browser, Req: req, Client: c}
	id := p.interactions.put(ix, interactionLife)
	p.proceed(rw, r, id, ix, secret, s)
}

// parse checks everything but client_id and redirect_uri, which the caller has checked. The returned request has
// RedirectURI and State even with an error, so that the error can be sent there.
func (p *provider) parse(ctx context.Context, c Client, v url.Values) (authRequest, *oauthError) {
	req := authRequest{ClientID: c.ID, RedirectURI: v.Get("redirect_uri"), State: v.Get("state"), Nonce: v.Get("nonce"), Challenge: v.Get("code_challenge"),
		Scopes: strings.Fields(v.Get("scope")), Prompt: strings.Fields(v.Get("prompt")), MaxAge: -1, Locale: localeIn(strings.Fields(v.Get("ui_locales")))}
	invalid := func(text string) *oauthError { return &oauthError{code: "invalid_request", text: text} }
	switch {
	case v.Get("request") != "":
		return req, &oauthError{code: "request_not_supported", text: "Request objects are not supported; use PAR."}
	case v.Get("response_type") != "code":
		return req, &oauthError{code: "unsupported_response_type", text: "Only response_type=code is supported."}
	case v.Get("response_mode") != "" && v.Get("response_mode") != "query":
		return req, invalid("Only response_mode=query is supported.")
	case !slices.Contains(req.Scopes, "openid"):
		return req, &oauthError{code: "invalid_scope", text: "The scope openid is required."}
	case req.State == "" || len(req.State) > 1024:
		return req, invalid("state is required, at most 1024 characters.")
	case req.Nonce == "" || len(req.Nonce) > 1024:
		return req, invalid("nonce is required, at most 1024 characters.")
	case v.Get("code_challenge_method") != "S256" || len(req.Challenge) != 43:
		return req, invalid("PKCE with S256 is required (RFC 7636).")
	case slices.Contains(req.Prompt, "none") && len(req.Prompt) > 1:
		return req, invalid("prompt=none excludes the others.")
	}
	if m := v.Get("max_age"); m != "" {
		n, err := strconv.Atoi(m)
		if err != nil || n < 0 {
			return req, invalid("max_age must be a number of seconds.")
		}
		req.MaxAge = n
	}
	if oerr := req.levels(v); oerr != nil {
		return req, oerr
	}
	if resource := v.Get("resource"); resource != "" {
		if !c.mayName(resource) {
			return req, &oauthError{code: "invalid_target", text: "The resource is not one this client may name."}
		}
		req.Resource = resource
	}
	for _, s := range req.Scopes {
		req.Asked = append(req.Asked, scopeClaims[s]...)
	}
	return req, nil
}

// levels reads acr_values and the claims parameter; an essential acr wins.
func (req *authRequest) levels(v url.Values) *oauthError {
	for _, a := range strings.Fields(v.Get("acr_values")) {
		if l := levelOf(a); l != kernel.NoLevel {
			req.Levels = append(req.Levels, l)
		}
	}
	raw := v.Get("claims")
	if raw == "" {
		return nil
	}
	type member struct {
		Essential bool     `json:"essential"`
		Value     string   `json:"value"`
		Values    []string `json:"values"`
	}
	var claims struct {
		IDToken  map[string]json.RawMessage `json:"id_token"`
		UserInfo map[string]json.RawMessage `json:"userinfo"`
	}
	if err := json.Unmarshal([]byte(raw), &claims); err != nil {
		return &oauthError{code: "invalid_request", text: "claims must be a JSON object (Core §5.5)."}
	}
	for _, part := range []map[string]json.RawMessage{claims.IDToken, claims.UserInfo} {
		for name := range part {
			if name != "acr" {
				req.Asked = append(req.Asked, name)
			}
		}
	}
	if acr, ok := claims.IDToken["acr"]; ok {
		var m member
		if err := json.Unmarshal(acr, &m); err != nil {
			return &oauthError{code: "invalid_request", text: "claims: acr must be an object or null."}
		}
		if m.Value != "" {
			m.Values = append(m.Values, m.Value)
		}
		var want []kernel.Level
		for _, a := range m.Values {
			if l := levelOf(a); l != kernel.NoLevel {
				want = append(want, l)
			}
		}
		if m.Essential && len(m.Values) > 0 && len(want) == 0 {
			return &oauthError{code: "unmet_authentication_requirements", text: "No such authentication context."}
		}
		if m.Essential || len(req.Levels) == 0 {
			req.Levels, req.Essential = want, m.Essential && len(want) > 0
		}
	}
	return nil
}

// need is the weakest level that satisfies the request.
func (req authRequest) need() kernel.Level {
	if len(req.Levels) == 0 {
		return kernel.NoLevel
	}
	return slices.Min(req.Levels)
}

// acr names the level reached, in a value the client asked for where there is one: a stronger sign-in satisfies a
// weaker request.
func (req authRequest) acr(have kernel.Level) string {
	best := kernel.NoLevel
	for _, l := range req.Levels {
		if l <= have && l > best {
			best = l
		}
	}
	if best != kernel.NoLevel {
		have = best
	}
	return acrOf(have)
}

func (req authRequest) prompts(what string) bool { return slices.Contains(req.Prompt, what) }

// scopeClaims is OIDC Core §5.4.
var scopeClaims = map[string][]string{
	"profile": {"name", "family_name", "given_name", "birthdate", "gender", "zoneinfo", "locale"},
	"email":   {"email"},
	"address": {"address"},
	"phone":   {"phone_number"},
}

// toShare returns the declared claims which the request asks for: what the municipality published is the most it
// can get. Asking for "address" covers its declared members.
func (c Client) toShare(asked []string) []Claim {
	var out []Claim
	for _, d := range c.Claims {
		whole, _, _ := strings.Cut(d.Name, ".")
		if slices.Contains(asked, d.Name) || slices.Contains(asked, whole) {
			out = append(out, d)
		}
	}
	return out
}

// mayName reports whether the client may ask for tokens with this audience (RFC 8707 §2): an integrator those
// registered, a mini-app an address of its own municipality.
func (c Client) mayName(resource string) bool {
	u, err := url.Parse(resource)
	if err != nil || !u.IsAbs() || u.Fragment != "" {
		return false
	}
	return slices.Contains(c.Resources, resource) || (len(c.RedirectURIs) > 0 && originOf(resource) == originOf(c.RedirectURIs[0]))
}

// refuse sends an error to the registered redirect URI, with iss (RFC 9207 §2.3).
func (p *provider) refuse(rw http.ResponseWriter, r *http.Request, req authRequest, e *oauthError) {
	v := url.Values{"error": {e.code}, "error_description": {e.text}, "iss": {p.issuer}}
	if req.State != "" {
		v.Set("state", req.State)
	}
	http.Redirect(rw, r, withQuery(req.RedirectURI, v), http.StatusSeeOther)
}

// formOnce parses a form body and refuses repeated parameters (RFC 6749 §3.1); "resource" may be repeated in
// principle (RFC 8707), but a token here has one audience.
func formOnce(r *http.Request) *oauthError {
	if err := r.ParseForm(); err != nil || repeated(r.PostForm) {
		return &oauthError{code: "invalid_request", text: "The form cannot be read, or a parameter is there twice."}
	}
	return nil
}

func repeated(v url.Values) bool {
	for _, values := range v {
		if len(values) > 1 {
			return true
		}
	}
	return false
}
