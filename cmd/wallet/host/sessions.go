package host

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"townhall/modules/kernel"
)

// session is one browser at one issuer; Persona is empty until somebody signs in. It is kept under the hash of
// its cookie and never changed in place.
type session struct {
	Browser  string // stays the same over sign-ins: interactions belong to it
	ID       string // of this sign-in: tickets, codes and sid belong to it
	Persona  string
	Level    kernel.Level
	AuthTime time.Time
	Clients  []string // where this session signed in, for back-channel logout
}

const sessionLife = 12 * time.Hour

// session returns the browser's session, the zero session when it has none.
func (p *provider) session(r *http.Request) (string, session) {
	c, err := r.Cookie(p.cookie)
	if err != nil {
		return "", session{}
	}
	s, ok := p.sessions.get(c.Value)
	if !ok {
		return "", session{}
	}
	return c.Value, s
}

// browser returns the session, and begins an anonymous one where there is none.
func (p *provider) browser(rw http.ResponseWriter, r *http.Request) (string, session) {
	if secret, s := p.session(r); secret != "" {
		return secret, s
	}
	s := session{Browser: newSecret(), ID: newSecret()}
	secret := p.sessions.put(s, sessionLife)
	p.setCookie(rw, secret)
	return secret, s
}

func (p *provider) setCookie(rw http.ResponseWriter, secret string) {
	// Browsers count loopback as secure for __Host- cookies, also without TLS.
	http.SetCookie(rw, &http.Cookie{Name: p.cookie, Value: secret, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// signIn begins a new session under a new cookie, so that a cookie planted before the sign-in is worth nothing, and
// ends the one the browser had.
func (p *provider) signIn(rw http.ResponseWriter, r *http.Request, who Persona) (string, session) {
	old, was := p.session(r)
	s := session{Browser: was.Browser, ID: newSecret(), Persona: who.ID, Level: who.Level, AuthTime: p.w.clock.Now()}
	if s.Browser == "" {
		s.Browser = newSecret()
	}
	if old != "" {
		p.end(r.Context(), old, was)
	}
	secret := p.sessions.put(s, sessionLife)
	p.setCookie(rw, secret)
	return secret, s
}

// end closes a session here and at every client that takes back-channel logout. It waits for the answers, at most
// five seconds: a client that is away does not keep anybody signed in here.
func (p *provider) end(ctx context.Context, secret string, s session) {
	p.sessions.take(secret)
	if s.Persona == "" {
		return
	}
	p.ended.set(s.ID, struct{}{}, 2*codeLife)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, id := range s.Clients {
		c, ok := p.client(ctx, id)
		if !ok || c.BackchannelLogoutURI == "" {
			continue
		}
		wg.Go(func() {
			if err := p.sendLogout(ctx, c, s); err != nil {
				p.w.log.WarnContext(ctx, "back-channel logout not delivered", "client", c.ID, "error", err)
			}
		})
	}
	wg.Wait()
}

func (p *provider) sendLogout(ctx context.Context, c Client, s session) error {
	token, err := p.logoutToken(c, s)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BackchannelLogoutURI, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return fmt.Errorf("back-channel logout: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := p.w.http.Do(req)
	if err != nil {
		return fmt.Errorf("back-channel logout: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("back-channel logout: status %d", resp.StatusCode)
	}
	return nil
}

// logoutRequest is a checked RP-initiated logout.
type logoutRequest struct {
	Client   Client
	Redirect string // registered, with state; "" when none was asked for
}

// checkLogout reads the parameters of RP-Initiated Logout §2. An address that is not registered is refused.
func (p *provider) checkLogout(r *http.Request) (logoutRequest, bool) {
	var out logoutRequest
	id := r.Form.Get("client_id")
	if hint := r.Form.Get("id_token_hint"); hint != "" {
		named, ok := p.checkHint(hint)
		if !ok || (id != "" && id != named) {
			return out, false
		}
		id = named
	}
	if id != "" {
		c, ok := p.client(r.Context(), id)
		if !ok {
			return out, false
		}
		out.Client = c
	}
	to := r.Form.Get("post_logout_redirect_uri")
	if to == "" {
		return out, true
	}
	registered := out.Client.PostLogoutRedirectURIs
	if len(registered) == 0 && len(out.Client.RedirectURIs) > 0 {
		registered = []string{originOf(out.Client.RedirectURIs[0]) + "/"}
	}
	if !slices.Contains(registered, to) {
		return out, false
	}
	if state := r.Form.Get("state"); state != "" {
		to = withQuery(to, url.Values{"state": {state}})
	}
	out.Redirect = to
	return out, true
}

// checkHint returns the client of an ID token of ours; an expired one is still a hint.
func (p *provider) checkHint(hint string) (string, bool) {
	token, err := jwt.ParseSigned(hint, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil || token.Headers[0].ExtraHeaders[jose.HeaderType] != "JWT" {
		return "", false
	}
	for _, k := range p.keys.Keys {
		var claims jwt.Claims
		if k.KeyID == token.Headers[0].KeyID && token.Claims(k.Public(), &claims) == nil && claims.Issuer == p.issuer && len(claims.Audience) == 1 {
			return claims.Audience[0], true
		}
	}
	return "", false
}

// endSession asks whether to sign out of the wallet as well; without a session it goes straight back.
func (p *provider) endSession(rw http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil || repeated(r.Form) {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	req, ok := p.checkLogout(r)
	if !ok {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	if _, s := p.session(r); s.Persona != "" {
		p.w.signOutPage(rw, r, p, s, req)
		return
	}
	p.signedOut(rw, r, req)
}

// signOutNow is the button on that page, and the wallet's own sign-out.
func (p *provider) signOutNow(rw http.ResponseWriter, r *http.Request) {
	if r.ParseForm() != nil {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	req, ok := p.checkLogout(r)
	if !ok {
		p.w.errorPage(rw, r, http.StatusBadRequest, "error.request")
		return
	}
	if secret, s := p.session(r); secret != "" && r.PostForm.Get("do") != "stay" {
		p.end(r.Context(), secret, s)
	}
	p.signedOut(rw, r, req)
}

func (p *provider) signedOut(rw http.ResponseWriter, r *http.Request, req logoutRequest) {
	if req.Redirect != "" {
		http.Redirect(rw, r, req.Redirect, http.StatusSeeOther)
		return
	}
	http.Redirect(rw, r, p.prefix+"/", http.StatusSeeOther)
}
