package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/kernel"
)

// Version is the version of every contract; a breaking change gets a new prefix, not a new number here.
const Version = "1.0.0"

// Options is everything the server needs from the rest of the house.
type Options struct {
	Directory kernel.Directory
	Auth      Authenticator
	ErrorPage ErrorPage
	Chooser   http.Handler // what an address that is no municipality's shows a person; nil = an error page
	Translate Translate
	Headers   func(http.Header, *http.Request) // security headers of every answer
	Clock     kernel.Clock
	Log       *slog.Logger
	Ready     func(context.Context) error
	Contracts []Contract
	Pages     []Page
}

// Server is the HTTP side of the house. Make it with New, serve Handler.
type Server struct {
	auth        Authenticator
	errorPage   ErrorPage
	chooser     http.Handler
	translate   Translate
	directory   kernel.Directory
	headers     func(http.Header, *http.Request)
	clock       kernel.Clock
	log         *slog.Logger
	mux         *http.ServeMux
	crossOrigin *http.CrossOriginProtection
	operations  []Operation
	literal     []string // beginnings of paths whose rest is no path
	apis        []*API
}

// configure sets huma's package-wide switches, once per process: they are plain variables, and two servers may be
// made at once. Each is tested; see the comments for what happens without it.
var configure = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true     // {"amount":1,"Amount":-5} would pass a minimum of 1
	huma.DefaultArrayNullable = false    // every array would be declared "array or null"
	huma.NewErrorWithContext = humaError // the text of any Go error would reach the client
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return humaError(nil, status, msg, errs...)
	}
})

// New wires contracts and pages. It fails when an operation has no policy or two share a name or path.
func New(o Options) (s *Server, err error) {
	defer func() { // ServeMux and huma report a clashing route by panic; at start-up an error reads better
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("routes: %v", p)
		}
	}()
	configure()
	s = &Server{
		auth: o.Auth, errorPage: o.ErrorPage, chooser: o.Chooser, translate: o.Translate, directory: o.Directory,
		headers: o.Headers, clock: o.Clock, log: o.Log, mux: http.NewServeMux(),
		crossOrigin: http.NewCrossOriginProtection(),
	}
	for _, c := range o.Contracts {
		api := s.newAPI(s.mux, c)
		c.Register(api)
		api.finish()
		s.apis = append(s.apis, api)
	}
	if err := s.pages(o.Pages); err != nil {
		return nil, err
	}
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if o.Ready != nil {
			if err := o.Ready(r.Context()); err != nil {
				s.log.Warn("not ready", "err", err)
				http.Error(w, "not ready", http.StatusServiceUnavailable)
				return
			}
		}
		fmt.Fprintln(w, "ready")
	})
	return s, s.checkOperations()
}

func (s *Server) add(o Operation) { s.operations = append(s.operations, o) }

func (s *Server) checkOperations() error {
	seen := map[string]bool{}
	for _, o := range s.operations {
		if err := o.Policy.Problem(); err != nil {
			return fmt.Errorf("operation %s (%s %s): %w", o.ID, o.Method, o.Path, err)
		}
		if id := o.Contract + "/" + o.ID; seen[id] {
			return fmt.Errorf("operation %s is declared twice", id)
		} else {
			seen[id] = true
		}
	}
	return nil
}

// Operations lists every route with its policy, in the order declared: the access matrix is made from it.
func (s *Server) Operations() []Operation { return slices.Clone(s.operations) }

// Handler is the whole application: recovery, headers, municipality, language, log line, then the route.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &recorder{ResponseWriter: w}
		line := &logLine{id: kernel.NewID()}
		ctx := context.WithValue(r.Context(), lineKey{}, line)
		ctx = kernel.WithLocale(ctx, localeOf(r))
		ctx = context.WithValue(ctx, translateKey{}, s.translate)
		tenant, known := s.directory.ByHost(r.Host)
		if known {
			ctx = kernel.WithTenant(ctx, tenant)
		}
		r = r.WithContext(ctx)
		s.headers(rec.Header(), r)
		rec.Header().Set("X-Request-Id", line.id)
		defer s.finish(rec, r, line, start)
		if !known && s.chooser != nil && (r.URL.Path == "/" || r.URL.Path == "") {
			s.chooser.ServeHTTP(rec, r)
			return
		}
		s.route(rec, r)
	})
}

// route is the mux, with its own plain "404 page not found" replaced by ours.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	s.keepSlashes(r)
	h, pattern := s.mux.Handler(r)
	if pattern != "" {
		s.mux.ServeHTTP(w, r)
		return
	}
	probe := &statusProbe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		s.refuse(w, r, http.StatusMethodNotAllowed, kernel.NewError(kernel.NotFound, "method-not-allowed", "This address does not take that method."))
		return
	}
	if probe.status >= 300 && probe.status < 400 { // ServeMux cleaning a path
		h.ServeHTTP(w, r)
		return
	}
	s.refuse(w, r, http.StatusNotFound, kernel.NotThere("route"))
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, status int, e *kernel.Error) {
	if s.isAPI(r.URL.Path) {
		p := s.problemOf(r, e)
		p.Status, p.Title = status, http.StatusText(status)
		s.writeProblem(w, p)
		return
	}
	s.errorPage(w, r, AreaOf(r.URL.Path), status, s.translate.Localise(kernel.LocaleOf(r.Context()), e))
}

func (s *Server) isAPI(path string) bool {
	return slices.ContainsFunc(s.apis, func(a *API) bool {
		return len(path) >= len(a.contract.Prefix) && path[:len(a.contract.Prefix)] == a.contract.Prefix
	})
}

// finish turns a panic into a 500 and writes the one wide log line: the route's pattern, never the path.
func (s *Server) finish(w *recorder, r *http.Request, l *logLine, start time.Time) {
	if p := recover(); p != nil {
		if p == http.ErrAbortHandler {
			panic(p)
		}
		s.log.Error("panic", "route", r.Pattern, "request", l.id, "panic", panicText(p), "stack", string(debug.Stack()))
		if w.status == 0 {
			s.refuse(w, r, http.StatusInternalServerError, kernel.AsError(fmt.Errorf("panic")))
		}
	}
	s.log.Info("request", "id", l.id, "method", r.Method, "route", r.Pattern, "status", w.status,
		"bytes", w.bytes, "ms", float64(time.Since(start).Microseconds())/1000,
		"tenant", kernel.TenantOf(r.Context()).ID, "kind", l.kind, "client", l.client)
}

// panicText is what a log may say of a panic: the runtime's own words, of anything else the type alone, for its text
// may hold what somebody typed.
func panicText(p any) string {
	if e, ok := p.(runtime.Error); ok {
		return e.Error()
	}
	return fmt.Sprintf("%T", p)
}

type logLine struct {
	id, client string
	kind       kernel.PrincipalKind
}

type lineKey struct{}

// note remembers for the log line who acted: the kind and the client, never the person.
func note(ctx context.Context, who kernel.Principal) {
	if l, ok := ctx.Value(lineKey{}).(*logLine); ok {
		l.kind, l.client = who.Kind, who.Client
	}
}

// RequestID returns the id of the request, as answered in X-Request-Id.
func RequestID(ctx context.Context) string {
	if l, ok := ctx.Value(lineKey{}).(*logLine); ok {
		return l.id
	}
	return ""
}

type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type statusProbe struct {
	header http.Header
	status int
}

func (p *statusProbe) Header() http.Header         { return p.header }
func (p *statusProbe) Write(b []byte) (int, error) { return len(b), nil }
func (p *statusProbe) WriteHeader(status int)      { p.status = status }
