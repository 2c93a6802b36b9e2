package identity

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

const (
	citizenCookie = "__Host-sid"
	staffCookie   = "__Host-staff"
	loginCookie   = "__Host-login"
	touchEvery    = time.Minute
	loginLifetime = 10 * time.Minute
)

func cookieOf(area Area) string {
	if area == AreaStaff {
		return staffCookie
	}
	return citizenCookie
}

// Session returns the person whose cookie r carries, the Anonymous principal when there is none or it ended. area is
// "citizen" or "staff". The error is for faults of ours alone.
func (s *Service) Session(r *http.Request, area string) (kernel.Principal, error) {
	ctx := r.Context()
	town := kernel.TenantOf(ctx)
	tenant := town.ID
	nobody := kernel.Principal{Kind: kernel.Anonymous, Tenant: tenant}
	token := secretCookie(r, cookieOf(Area(area)))
	if token == "" || tenant == "" {
		return nobody, nil
	}
	now := s.clock.Now()
	var open session
	var found bool
	err := s.db.Read(ctx, tenant, func(tx *pg.Tx) (err error) {
		open, found, err = openSession(ctx, tx, hash(token), Area(area), now, now.Add(-s.config.SessionIdle))
		return err
	})
	if err != nil || !found {
		return nobody, err
	}
	p, ok := s.provider(open.Issuer, open.Area, town) // an issuer taken off the list ends its sessions
	if !ok {
		return nobody, nil
	}
	if now.Sub(open.SeenAt) > touchEvery {
		if err := s.db.InTx(ctx, tenant, func(tx *pg.Tx) error { return touchSession(ctx, tx, open.ID, now) }); err != nil {
			return nobody, err
		}
	}
	return principalOfSession(tenant, open, p.Issuer), nil
}

func principalOfSession(tenant kernel.TenantID, o session, i Issuer) kernel.Principal {
	out := kernel.Principal{
		Kind: kernel.Citizen, Tenant: tenant, Person: o.Person, Name: o.Name, Client: o.Client, Session: o.ID,
		Level: o.Level, AuthTime: o.AuthTime.Time, Locale: o.Locale,
	}
	if o.Area == AreaStaff {
		out.Kind = kernel.Staff
		out.Grants = i.grants(tenant, o.Groups)
	}
	return out
}

// secretCookie returns the cookie's value when it has the shape of one of our random tokens.
func secretCookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil || len(c.Value) != 43 {
		return ""
	}
	if b, err := rawURL.DecodeString(c.Value); err != nil || len(b) != 32 {
		return ""
	}
	return c.Value
}

// setCookie writes a cookie with the __Host- rules (RFC 6265bis §4.1.3.2): Secure, no Domain, the whole origin. life 0
// deletes it; a session's own end is kept on the server.
func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if c.MaxAge = int(life.Seconds()); life <= 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// Challenge answers with a redirect to the sign-in of the area, or to the step-up of who is signed in, that comes back
// to r; for a POST, to the page it was sent from.
func (s *Service) Challenge(w http.ResponseWriter, r *http.Request, area string, e *kernel.Error) {
	target, path := returnTo(r), "/sign-in"
	if Area(area) == AreaStaff {
		path = "/staff/sign-in"
	}
	q := url.Values{}
	if local, ok := LocalPath(target); ok {
		q.Set("return", local)
	}
	if e.App != "" {
		q.Set("app", e.App)
	}
	if e.Level > kernel.NoLevel {
		q.Set("level", e.Level.String())
	}
	if e.MaxAge > 0 {
		q.Set("max_age", strconv.Itoa(int(e.MaxAge.Seconds())))
	}
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	redirect(w, r, path)
}

func returnTo(r *http.Request) string {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return r.URL.RequestURI()
	}
	from, err := url.Parse(r.Referer())
	if err != nil || !strings.EqualFold(from.Host, r.Host) {
		return ""
	}
	return from.RequestURI()
}

// redirect never lets an address with a state or a code in it be kept or passed on.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// LaunchOf says how the signed-in person of ctx came (LAUNCH.md §6); the zero Launch for a plain browser, a token, or
// nobody. It selects; it never authorises.
func (s *Service) LaunchOf(ctx context.Context) (Launch, error) {
	who := kernel.PrincipalOf(ctx)
	if who.Session == "" {
		return Launch{}, nil
	}
	var open session
	err := s.db.Read(ctx, who.Tenant, func(tx *pg.Tx) (err error) {
		open, _, err = sessionByID(ctx, tx, who.Session)
		return err
	})
	return open.Launch, err
}

// Channel is the channel of LaunchOf, "" when there is none or it cannot be read: it is a note on a case, not worth a
// failed request.
func (s *Service) Channel(ctx context.Context) string {
	l, err := s.LaunchOf(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "launch context not read", "err", err)
	}
	return l.Channel
}

func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
