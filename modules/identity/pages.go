package identity

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/app"
	"townhall/modules/kernel/web"
)

var _ web.Authenticator = (*Service)(nil)

// Module is what the composition root lists. None of the pages draws anything: they redirect, or return an error which
// the shell shows.
func (s *Service) Module() app.Module {
	page := func(pattern string, handle func(http.ResponseWriter, *http.Request) error) web.Page {
		return web.Page{Pattern: pattern, Policy: web.Public, Handle: handle, MaxBody: 64 << 10}
	}
	machine := func(pattern string, handle func(http.ResponseWriter, *http.Request) error) web.Page {
		p := page(pattern, handle)
		p.CrossSite = true // the token is signed; no cookie counts
		return p
	}
	return app.Module{
		Name: "identity",
		Pages: []web.Page{
			page("GET /apps/{app}/launch", s.launch),
			page("GET /apps/{app}/callback", func(w http.ResponseWriter, r *http.Request) error {
				return s.callback(w, r, AreaCitizen, r.PathValue("app"))
			}),
			page("GET /sign-in", func(w http.ResponseWriter, r *http.Request) error { return s.signIn(w, r, AreaCitizen) }),
			page("POST /sign-out", func(w http.ResponseWriter, r *http.Request) error { return s.signOut(w, r, AreaCitizen) }),
			machine("POST /apps/{app}/backchannel-logout", func(w http.ResponseWriter, r *http.Request) error {
				return s.backchannel(w, r, AreaCitizen, r.PathValue("app"))
			}),
			page("GET /staff/sign-in", func(w http.ResponseWriter, r *http.Request) error { return s.signIn(w, r, AreaStaff) }),
			page("GET /staff/callback", func(w http.ResponseWriter, r *http.Request) error {
				return s.callback(w, r, AreaStaff, StaffApp)
			}),
			page("POST /staff/sign-out", func(w http.ResponseWriter, r *http.Request) error { return s.signOut(w, r, AreaStaff) }),
			machine("POST /staff/backchannel-logout", func(w http.ResponseWriter, r *http.Request) error {
				return s.backchannel(w, r, AreaStaff, StaffApp)
			}),
			page("GET /.well-known/jwks.json", s.jwks),
		},
		Jobs: []app.Job{{Name: "end-sessions", Every: 5 * time.Minute, Run: s.cleanUp}},
	}
}

// jwks publishes the municipality's client keys: an issuer checks our private_key_jwt with them.
func (s *Service) jwks(w http.ResponseWriter, r *http.Request) error {
	keys, err := s.keys.of(kernel.TenantOf(r.Context()).ID)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err = w.Write(keys.public)
	return err
}
