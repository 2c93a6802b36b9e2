package web

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"

	"townhall/modules/kernel"
)

// Page is one HTML route. Handle writes the page or returns an error: Unauthenticated, StepUp and Consent become the
// sign-in, which comes back to the page; every other error becomes an error page in the reader's language.
// A POST is refused when it comes from another site, and its hidden field "idempotency_key" names the attempt.
type Page struct {
	Pattern string // http.ServeMux pattern with method: "GET /apps/{app}"
	Policy  Policy
	Handle  func(w http.ResponseWriter, r *http.Request) error
	MaxBody int64 // bytes; 0 means 1 MiB
	// CrossSite admits a POST from elsewhere: only for endpoints a machine calls (back-channel logout).
	CrossSite bool
	// OwnTexts: the handler itself refuses card numbers, beside the field. All other forms are refused as a whole when a text
	// holds one.
	OwnTexts bool
	// Literal: what the wildcard at the end of Pattern stands for is no path, so that "//" in it stays. Base64 may hold it
	// (RFC 6960, A.1), and ServeMux would redirect to something else.
	Literal bool
	// App says whether the page is one of the mini-app that stands for {app} in Pattern; nil: it always is. Several pages may have one pattern
	// then, under one policy: the first that says yes is shown. Mini-apps come while the house runs, patterns do not.
	App func(slug string) bool
	// AnyHost serves the page outside a municipality too (the chooser, assets).
	AnyHost bool
}

// Authenticator is offered by identity.
type Authenticator interface {
	// Session returns the person whose cookie r carries, the Anonymous principal when there is none or it ended.
	// Area is "citizen" or "staff". The error is for faults of ours alone.
	Session(r *http.Request, area string) (kernel.Principal, error)
	// Bearer checks an RFC 9068 access token for audience. Errors: Unauthenticated (invalid-token), Unavailable
	// when the issuer's keys cannot be had.
	Bearer(r *http.Request, audience string) (kernel.Principal, error)
	// Challenge answers with a redirect to the sign-in that e calls for (kernel.LeadsToSignIn), which comes back to r (or, for a
	// POST, to the page it was sent from).
	Challenge(w http.ResponseWriter, r *http.Request, area string, e *kernel.Error)
}

// ErrorPage renders an error for people; offered by the shells. e is already in the reader's language.
type ErrorPage func(w http.ResponseWriter, r *http.Request, area string, status int, e *kernel.Error)

// AreaOf returns which sign-in a path belongs to.
func AreaOf(path string) string {
	if path == "/staff" || strings.HasPrefix(path, "/staff/") {
		return "staff"
	}
	return "citizen"
}

// pages are the routes of the house, one for each pattern.
func (s *Server) pages(all []Page) error {
	byPattern := map[string][]Page{}
	for _, p := range all {
		byPattern[p.Pattern] = append(byPattern[p.Pattern], p)
	}
	for _, p := range all {
		same := byPattern[p.Pattern]
		delete(byPattern, p.Pattern)
		switch {
		case len(same) == 0: // with the first of them
		case len(same) == 1 && p.App == nil:
			s.mux.HandleFunc(p.Pattern, s.page(p))
		default:
			shared, err := oneOf(same)
			if err != nil {
				return err
			}
			s.mux.HandleFunc(p.Pattern, s.page(shared))
		}
	}
	return nil
}

// oneOf is the page that chooses between those of one pattern.
func oneOf(same []Page) (Page, error) {
	out := same[0]
	for _, p := range same {
		if p.App == nil || !reflect.DeepEqual(p.Policy, out.Policy) || p.MaxBody != out.MaxBody || p.CrossSite != out.CrossSite || p.OwnTexts != out.OwnTexts || p.Literal != out.Literal || p.AnyHost != out.AnyHost {
			return Page{}, fmt.Errorf("page %s: pages of one pattern say of which mini-apps they are, and differ in nothing else", p.Pattern)
		}
	}
	out.Handle = func(w http.ResponseWriter, r *http.Request) error {
		for _, p := range same {
			if p.App(r.PathValue("app")) {
				return p.Handle(w, r)
			}
		}
		return kernel.NotThere("page")
	}
	return out, nil
}

func (s *Server) page(p Page) http.HandlerFunc {
	method, path, _ := strings.Cut(p.Pattern, " ")
	s.add(Operation{ID: p.Pattern, Method: method, Path: path, Policy: p.Policy})
	if before, _, ok := strings.Cut(path, "{"); ok && p.Literal {
		s.literal = append(s.literal, before)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if p.MaxBody == 0 {
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		} else {
			r.Body = http.MaxBytesReader(w, r.Body, p.MaxBody)
		}
		if err := s.servePage(w, r, p); err != nil {
			s.pageError(w, r, err)
		}
	}
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request, p Page) error {
	ctx := r.Context()
	tenant := kernel.TenantOf(ctx)
	if tenant.ID == "" && !p.AnyHost {
		return errNoTenant
	}
	if !p.CrossSite {
		if err := s.crossOrigin.Check(r); err != nil {
			return errCrossSite.Wrap(err)
		}
	}
	who := kernel.Principal{Kind: kernel.Anonymous, Tenant: tenant.ID}
	if tenant.ID != "" {
		var err error
		if who, err = s.auth.Session(r, AreaOf(r.URL.Path)); err != nil {
			return err
		}
	}
	note(ctx, who)
	*r = *r.WithContext(kernel.WithPrincipal(ctx, who))
	if err := p.Policy.Check(who, s.clock.Now()); err != nil {
		return err
	}
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if err := s.formIdempotency(r, p); err != nil {
			return err
		}
	}
	return p.Handle(w, r)
}

// keepSlashes writes the slashes of a literal rest as %2F, which ServeMux leaves alone. It changes r.
func (s *Server) keepSlashes(r *http.Request) {
	if !strings.Contains(r.URL.Path, "//") {
		return
	}
	for _, prefix := range s.literal {
		if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
			u := *r.URL
			u.RawPath = prefix + url.PathEscape(rest)
			r.URL = &u
		}
	}
}

// formIdempotency makes a form that is sent twice one attempt: the page carried a fresh hidden key.
func (s *Server) formIdempotency(r *http.Request, p Page) error {
	hash, err := hashBody(r, p.MaxBody)
	if err != nil {
		return err
	}
	if err := r.ParseForm(); err != nil {
		return kernel.NewError(kernel.Malformed, "malformed-request", "The request cannot be read.").Wrap(err)
	}
	if !p.OwnTexts {
		if err := cardsInForm(r.PostForm); err != nil {
			return err
		}
	}
	if key := r.PostForm.Get("idempotency_key"); key != "" && len(key) <= 255 {
		*r = *r.WithContext(kernel.WithIdempotency(r.Context(), kernel.Idempotency{Key: key, Operation: p.Pattern, Hash: hash}))
	}
	return nil
}

var errCrossSite = kernel.NewError(kernel.Forbidden, "cross-site", "This form was sent from another site. Go back to the service and try again.")

func (s *Server) pageError(w http.ResponseWriter, r *http.Request, err error) {
	e := kernel.AsError(err)
	area := AreaOf(r.URL.Path)
	if kernel.LeadsToSignIn(e) {
		s.auth.Challenge(w, r, area, e)
		return
	}
	if e.Kind == kernel.Internal {
		s.log.Error("internal error", "route", r.Pattern, "request", RequestID(r.Context()), "err", err)
	}
	for k, v := range errorHeaders(e) {
		w.Header()[k] = v
	}
	w.Header().Set("Cache-Control", "no-store")
	s.errorPage(w, r, area, Status(e.Kind), s.translate.Localise(kernel.LocaleOf(r.Context()), e))
}
