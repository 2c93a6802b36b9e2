package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/kernel/web"
)

// wish is what one sign-in is for.
type wish struct {
	issuer  *provider
	area    Area
	app     string
	target  string
	level   kernel.Level
	maxAge  time.Duration
	launch  string // the host's ticket, echoed to the provider and to nobody else
	locales string
	subject string // step-up: who must come back
}

var (
	ticketShape  = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,256}$`)
	localesShape = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9 -]{0,98}[A-Za-z0-9])?$`)
)

// launch is OpenID Connect third-party-initiated login (Core §4): the host says which mini-app, where to and with which
// ticket. It signs nobody in; it only makes us ask the provider.
func (s *Service) launch(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	tenant, app := kernel.TenantOf(ctx), r.PathValue("app")
	if !slices.Contains(tenant.Services, app) {
		return kernel.NotThere("service")
	}
	q, err := single(r, "iss", "target_link_uri", "launch", "ui_locales")
	if err != nil {
		return err
	}
	issuer, ok := s.provider(q["iss"], AreaCitizen, tenant)
	if !ok || q["iss"] == "" {
		return errIssuer
	}
	target := "/apps/" + app
	if q["target_link_uri"] != "" {
		if target, ok = LocalPath(q["target_link_uri"]); !ok {
			return errTarget
		}
	}
	if q["launch"] != "" && !ticketShape.MatchString(q["launch"]) {
		return errTarget
	}
	level, maxAge := s.levelFor(tenant.ID, app)
	return s.begin(w, r, wish{
		issuer: issuer, area: AreaCitizen, app: app, target: target, level: level, maxAge: maxAge,
		launch: q["launch"], locales: q["ui_locales"],
	})
}

// signIn is the sign-in of a plain browser, and the step-up of who is signed in already.
func (s *Service) signIn(w http.ResponseWriter, r *http.Request, area Area) error {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	q, err := single(r, "return", "app", "iss", "level", "max_age")
	if err != nil {
		return err
	}
	want := wish{area: area, target: homeOf(area), locales: kernel.LocaleOf(ctx)}
	if q["return"] != "" {
		local, ok := LocalPath(q["return"])
		if !ok || area == AreaStaff && web.AreaOf(pathOf(local)) != string(AreaStaff) {
			return errTarget
		}
		want.target = local
	}
	if want.app, err = appFor(tenant, area, q["app"], want.target); err != nil {
		return err
	}
	if q["return"] == "" && q["app"] != "" && area == AreaCitizen {
		want.target = "/apps/" + want.app
	}
	if err := s.strength(tenant.ID, q, &want); err != nil {
		return err
	}
	service := want.app
	want.app = s.speaker(ctx, nil, tenant, area, service)
	who := kernel.PrincipalOf(ctx)
	if who.Session != "" {
		asked := error(nil)
		if area == AreaCitizen && isFor(service, q["app"], want.target) {
			asked = s.Asked(ctx, nil, service)
		}
		switch {
		case asked != nil && kernel.KindOf(asked) != kernel.Consent:
			return asked
		case asked == nil && strongEnough(who, want, s.clock.Now()):
			redirect(w, r, want.target)
			return nil
		}
		if err := s.stepUp(ctx, who, q["iss"], &want); err != nil {
			return err
		}
		return s.begin(w, r, want)
	}
	if area == AreaStaff && q["iss"] == "" && s.views != nil {
		if all := s.providersOf(area, tenant); len(all) > 1 {
			return s.whoDoYouWorkFor(w, r, all)
		}
	}
	issuer, ok := s.provider(q["iss"], area, tenant)
	if !ok {
		return errIssuer
	}
	want.issuer = issuer
	return s.begin(w, r, want)
}

// strength takes level and age from the query, where Challenge put them; else from the service the person is on the way
// to. Who edits the query only weakens a sign-in that every page checks again.
func (s *Service) strength(tenant kernel.TenantID, q map[string]string, want *wish) error {
	if want.area == AreaCitizen {
		want.level = kernel.Low
		if isFor(want.app, q["app"], want.target) {
			want.level, want.maxAge = s.levelFor(tenant, want.app)
		}
	}
	if q["level"] != "" {
		if err := want.level.UnmarshalText([]byte(q["level"])); err != nil {
			return errTarget.Wrap(err)
		}
	}
	if q["max_age"] != "" {
		n, err := strconv.Atoi(q["max_age"])
		if err != nil || n < 1 || n > 365*24*3600 {
			return errTarget
		}
		want.maxAge = time.Duration(n) * time.Second
	}
	return nil
}

// isFor reports whether a sign-in is for one mini-app: it was named, or the person is on the way to its pages. Else the mini-app
// only speaks for the municipality.
func isFor(app, named, target string) bool {
	return named != "" || target == "/apps/"+app || strings.HasPrefix(pathOf(target)+"/", "/apps/"+app+"/")
}

func strongEnough(who kernel.Principal, want wish, now time.Time) bool {
	return who.Level >= want.level && (want.maxAge == 0 || !who.AuthTime.IsZero() && now.Sub(who.AuthTime) < want.maxAge)
}

// stepUp pins issuer and subject of the open session: another person must not come back into it (RFC 9470).
func (s *Service) stepUp(ctx context.Context, who kernel.Principal, iss string, want *wish) error {
	var open session
	var found bool
	err := s.db.Read(ctx, who.Tenant, func(tx *pg.Tx) (err error) {
		open, found, err = sessionByID(ctx, tx, who.Session)
		return err
	})
	if err != nil {
		return err
	}
	issuer, ok := s.provider(open.Issuer, want.area, kernel.TenantOf(ctx))
	if !found || !ok || iss != "" && iss != open.Issuer {
		return errIssuer
	}
	want.issuer, want.subject = issuer, open.Subject
	return nil
}

func homeOf(area Area) string {
	if area == AreaStaff {
		return "/staff/cases"
	}
	return "/"
}

func pathOf(local string) string {
	p, _, _ := strings.Cut(local, "?")
	return p
}

// appFor picks the mini-app whose client speaks: the named one, the one the target belongs to, else the municipality's
// first, since one session covers all of them.
func appFor(tenant kernel.Tenant, area Area, named, target string) (string, error) {
	if area == AreaStaff {
		return StaffApp, nil
	}
	if named != "" {
		if !slices.Contains(tenant.Services, named) {
			return "", kernel.NotThere("service")
		}
		return named, nil
	}
	if rest, ok := strings.CutPrefix(pathOf(target), "/apps/"); ok {
		if app, _, _ := strings.Cut(rest, "/"); slices.Contains(tenant.Services, app) {
			return app, nil
		}
	}
	if len(tenant.Services) == 0 {
		return "", kernel.NotThere("service")
	}
	return tenant.Services[0], nil
}

// speaker is the mini-app whose client asks for a sign-in: the one it is for, or, when no host lists that one, the first that
// hosts do list. One session covers all of them.
func (s *Service) speaker(ctx context.Context, tx kernel.Tx, tenant kernel.Tenant, area Area, app string) string {
	if area == AreaStaff || s.hosted == nil || s.hosted(ctx, tx, app) {
		return app
	}
	for _, other := range tenant.Services {
		if s.hosted(ctx, tx, other) {
			return other
		}
	}
	return app
}

// single reads query parameters that may come once; a repeated one means two readers could see two values.
func single(r *http.Request, names ...string) (map[string]string, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, errTarget.Wrap(err)
	}
	out := map[string]string{}
	for _, n := range names {
		if len(q[n]) > 1 {
			return nil, errTarget
		}
		out[n] = q.Get(n)
	}
	return out, nil
}

// begin makes the login transaction, bound to this browser, and sends it to the provider.
func (s *Service) begin(w http.ResponseWriter, r *http.Request, want wish) error {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "iframe", "frame", "embed", "object", "fencedframe":
		return errFramed
	}
	meta, err := want.issuer.meta.get(ctx, false)
	if err != nil {
		return err
	}
	state, browser := randomToken(), secretCookie(r, loginCookie)
	if browser == "" { // several tabs may sign in at once: they share the cookie, each has its own state
		browser = randomToken()
	}
	now := s.clock.Now()
	l := login{
		StateHash: hash(state), BrowserHash: hash(browser), Area: want.area, App: want.app, Issuer: want.issuer.URL,
		Nonce: randomToken(), Verifier: randomToken(), Target: want.target, Level: want.level,
		MaxAge: int64(want.maxAge.Seconds()), Subject: want.subject, CreatedAt: now, ExpiresAt: now.Add(loginLifetime),
	}
	params, err := s.authorization(tenant, meta, want, l, state)
	if err != nil {
		return err
	}
	to, err := s.authorizationURL(ctx, tenant, want, meta, params)
	if err != nil {
		return err
	}
	if err := s.db.InTx(ctx, tenant.ID, func(tx *pg.Tx) error { return insertLogin(ctx, tx, l) }); err != nil {
		return err
	}
	setCookie(w, loginCookie, browser, loginLifetime)
	redirect(w, r, to)
	return nil
}

// authorization is our own request: code, PKCE S256 (RFC 7636), state, nonce, and how strong the sign-in must be, said
// in one way only.
func (s *Service) authorization(tenant kernel.Tenant, meta metadata, want wish, l login, state string) (url.Values, error) {
	challenge := sha256.Sum256([]byte(l.Verifier))
	wanted := s.claimsFor(tenant.ID, want.app)
	v := url.Values{
		"response_type": {"code"}, "client_id": {ClientID(tenant.ID, want.app)}, "redirect_uri": {redirectURI(tenant, want.area, want.app)},
		"scope": {scopesFor(wanted)}, "state": {state}, "nonce": {l.Nonce},
		"code_challenge": {rawURL.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if want.launch != "" {
		v.Set("launch", want.launch)
	}
	if localesShape.MatchString(want.locales) {
		v.Set("ui_locales", want.locales)
	}
	if want.maxAge > 0 {
		v.Set("max_age", strconv.Itoa(int(want.maxAge.Seconds())))
	}
	acr := want.issuer.acrFor(want.level)
	if want.level > kernel.NoLevel && len(acr) == 0 {
		return nil, errLevel.Wrap(fmt.Errorf("issuer %s cannot reach %s", want.issuer.ID, want.level))
	}
	if !meta.ClaimsParam {
		if len(acr) > 0 {
			v.Set("acr_values", strings.Join(acr, " "))
		}
		return v, nil
	}
	if want.area == AreaStaff {
		wanted = append(slices.Clone(wanted), "groups")
	}
	raw, err := json.Marshal(claimsParameter(wanted, acr))
	v.Set("claims", string(raw))
	return v, err
}

// authorizationURL pushes the request where the provider offers it (RFC 9126), so that the browser carries a reference
// only; else the request itself is in the address.
func (s *Service) authorizationURL(ctx context.Context, tenant kernel.Tenant, want wish, meta metadata, v url.Values) (string, error) {
	if meta.PAR == "" {
		return withQuery(meta.Authorization, v)
	}
	client := v.Get("client_id")
	if err := s.authenticate(tenant.ID, want.issuer, client, v); err != nil {
		return "", err
	}
	var pushed struct {
		URI string `json:"request_uri"`
	}
	if err := want.issuer.post(ctx, meta.PAR, v, http.StatusCreated, &pushed); err != nil {
		return "", s.refused(ctx, "authorization request", err)
	}
	if pushed.URI == "" {
		return "", s.refused(ctx, "authorization request", errors.New("no request_uri"))
	}
	return withQuery(meta.Authorization, url.Values{"client_id": {client}, "request_uri": {pushed.URI}})
}

// authenticate adds our proof of being the client (private_key_jwt, RFC 7523 §2.2).
func (s *Service) authenticate(tenant kernel.TenantID, p *provider, client string, v url.Values) error {
	keys, err := s.keys.of(tenant)
	if err != nil {
		return err
	}
	assertion, err := keys.assertion(client, p.URL, s.clock.Now())
	v.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	v.Set("client_assertion", assertion)
	return err
}

func withQuery(endpoint string, v url.Values) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", err
	}
	q := u.Query() // RFC 6749 §3.1: a query the endpoint has must stay
	for name, values := range v {
		q[name] = values
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func redirectURI(tenant kernel.Tenant, area Area, app string) string {
	if area == AreaStaff {
		return tenant.Origin + "/staff/callback"
	}
	return tenant.Origin + "/apps/" + app + "/callback"
}

// refused turns a failed check into the one answer people get; which check it was stays in the log. An issuer that is
// away stays that.
func (s *Service) refused(ctx context.Context, step string, err error) error {
	var e *kernel.Error
	if errors.As(err, &e) {
		return err
	}
	s.log.WarnContext(ctx, "sign-in refused", "step", step, "tenant", kernel.TenantOf(ctx).ID, "reason", err)
	if errors.Is(err, errWeak) {
		return errLevel.Wrap(err)
	}
	return errRefused.Wrap(err)
}

// callback is the provider's answer (RFC 6749 §4.1.2): it ends a login, well or not, exactly once.
func (s *Service) callback(w http.ResponseWriter, r *http.Request, area Area, app string) error {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	q, err := single(r, "state", "code", "iss", "error")
	if err != nil {
		return err
	}
	browser := secretCookie(r, loginCookie)
	if browser == "" || q["state"] == "" {
		return errNoLogin
	}
	var l login
	err = s.db.InTx(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
		l, err = takeLogin(ctx, tx, hash(q["state"]), hash(browser), area, app, s.clock.Now())
		return err
	})
	if err != nil {
		return err
	}
	p, ok := s.provider(l.Issuer, area, tenant)
	if !ok {
		return errIssuer
	}
	c, err := s.redeem(ctx, tenant, p, l, q)
	if err != nil {
		return s.refused(ctx, "callback", err)
	}
	if l.Subject != "" && c.text("sub") != l.Subject {
		return errOtherPerson
	}
	token, open, err := s.openNew(r, tenant, p, l, c)
	if err != nil {
		return err
	}
	if open.Launch.Locale != "" { // the host's language goes on here
		setCookie(w, web.LocaleCookie, open.Launch.Locale, 365*24*time.Hour)
	}
	setCookie(w, cookieOf(area), token, s.config.SessionLifetime)
	redirect(w, r, l.Target)
	return nil
}

// redeem checks the answer and exchanges its code for verified claims.
func (s *Service) redeem(ctx context.Context, tenant kernel.Tenant, p *provider, l login, q map[string]string) (claims, error) {
	meta, err := p.meta.get(ctx, false)
	if err != nil {
		return nil, err
	}
	if q["iss"] != p.URL && (q["iss"] != "" || meta.IssParam) { // RFC 9207 §2.4
		return nil, errors.New("iss of the answer is another issuer")
	}
	if q["error"] != "" {
		return nil, answerError(q["error"])
	}
	if q["code"] == "" {
		return nil, errors.New("neither code nor error")
	}
	client := ClientID(tenant.ID, l.App)
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {q["code"]}, "redirect_uri": {redirectURI(tenant, l.Area, l.App)},
		"code_verifier": {l.Verifier}, "client_id": {client},
	}
	if err := s.authenticate(tenant.ID, p, client, form); err != nil {
		return nil, err
	}
	var answer struct {
		ID     string `json:"id_token"`
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
	}
	if err := p.post(ctx, meta.Token, form, http.StatusOK, &answer); err != nil {
		return nil, err
	}
	c, err := p.verifyIDToken(ctx, answer.ID, idTokenWish{
		client: client, nonce: l.Nonce, started: l.CreatedAt, level: l.Level,
		maxAge: time.Duration(l.MaxAge) * time.Second, accessToken: answer.Access,
	})
	if err != nil {
		return nil, err
	}
	return s.withUserInfo(ctx, p, meta, answer.Access, c), nil
}

// withUserInfo fills in what a provider keeps out of its ID tokens. A sign-in does not fail for want of a name.
func (s *Service) withUserInfo(ctx context.Context, p *provider, meta metadata, access string, c claims) claims {
	if meta.UserInfo == "" || access == "" || nameOf(verified(c)) != "" {
		return c
	}
	more, err := p.userInfo(ctx, meta.UserInfo, access, c.text("sub"))
	if err != nil {
		s.log.WarnContext(ctx, "userinfo not used", "issuer", p.ID, "err", err)
		return c
	}
	for _, name := range []string{"name", "given_name", "family_name", "birthdate", "locale", "email", "email_verified", "phone_number", "address", "groups"} {
		if _, there := c[name]; !there && more[name] != nil {
			c[name] = more[name]
		}
	}
	return c
}

// answerError maps the provider's error codes (RFC 6749 §4.1.2.1, Core §3.1.2.6, unmet_authentication_requirements).
func answerError(code string) error {
	switch code {
	case "access_denied", "consent_required", "interaction_required", "account_selection_required":
		return errCancelled
	case "unmet_authentication_requirements", "login_required":
		return errLevel
	case "server_error", "temporarily_unavailable":
		return errIssuerAway
	}
	return fmt.Errorf("the provider answers %q", visible(code))
}

// openNew opens a session under a new name and closes the browser's former one of the same area: a name known before
// the sign-in is worth nothing after it (session fixation).
func (s *Service) openNew(r *http.Request, tenant kernel.Tenant, p *provider, l login, c claims) (string, session, error) {
	ctx := r.Context()
	token, now := randomToken(), s.clock.Now()
	person := signedIn{issuer: p.URL, subject: c.text("sub"), area: p.Area, claims: verified(c)}
	open := session{
		TokenHash: hash(token), Area: l.Area, Issuer: p.URL, Subject: person.subject, SID: sidOf(c), Client: ClientID(tenant.ID, l.App),
		Level: p.level(c.text("acr")), Launch: launchOf(c), CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.config.SessionLifetime),
	}
	open.AuthTime.Time, open.AuthTime.Valid = c.time("auth_time")
	if l.Area == AreaStaff {
		if open.Groups = c.list("groups"); len(p.grants(tenant.ID, open.Groups)) == 0 {
			return "", open, errNoRole
		}
	}
	purposes := s.purposes(tenant.ID, l.App)
	if l.Area == AreaCitizen {
		person.claims = within(purposes, person.claims)
	}
	old := secretCookie(r, cookieOf(l.Area))
	err := s.db.InTx(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
		open.ID = kernel.SessionID(kernel.NewID())
		if open.Person, err = upsertPerson(ctx, tx, person, now); err != nil {
			return err
		}
		if l.Area == AreaCitizen {
			if err := keepConsent(ctx, tx, open.Person, l.App, consentOf(purposes, person.claims), now); err != nil {
				return err
			}
		}
		if old != "" {
			if _, err := deleteSession(ctx, tx, hash(old), l.Area); err != nil {
				return err
			}
		}
		if err := insertSession(ctx, tx, open); err != nil {
			return err
		}
		return s.record(ctx, tx, principalOfSession(tenant.ID, open, p.Issuer), "session.open", map[string]string{
			"issuer": p.ID, "level": open.Level.String(), "channel": open.Launch.Channel,
		})
	})
	return token, open, err
}

func sidOf(c claims) string {
	if sid := c.text("sid"); len(sid) <= 255 {
		return sid
	}
	return ""
}

// launchOf reads the launch context from the signed ID token.
func launchOf(c claims) Launch {
	m, _ := c["launch"].(map[string]any)
	get := claims(m).text
	return Launch{
		Service: get("service"), Target: get("target"), Channel: get("channel"), OnBehalfOf: get("on_behalf_of"), Locale: localeOf(get("locale")),
	}.clean()
}
