package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"townhall/modules/kernel"
)

// Problem is the error body of every contract (RFC 9457). Code is the stable name to switch on; Detail is in the
// language of the request and safe to show.
type Problem struct {
	Type   string         `json:"type" format:"uri" example:"urn:townhall:problem:invalid-input" doc:"Identifies the kind of problem; ends in the code."`
	Title  string         `json:"title" example:"Unprocessable Entity" doc:"The HTTP status in words."`
	Status int            `json:"status" minimum:"400" maximum:"599" example:"422" doc:"The HTTP status."`
	Code   string         `json:"code" example:"invalid-input" doc:"Stable name of the problem; see problems.yaml."`
	Detail string         `json:"detail" example:"Some answers need your attention." doc:"What happened, in the language asked for by Accept-Language, safe to show to a person."`
	Errors []ProblemField `json:"errors,omitempty" maxItems:"1000" doc:"Which fields are wrong."`

	Alternatives []ProblemAlternative `json:"alternatives,omitempty" maxItems:"20" doc:"What can be had instead of what is gone, best first (RFC 9457 §3.2)."`

	SignIn string `json:"sign_in,omitempty" format:"uri" example:"https://northwick.example/sign-in?app=residence-certificate" doc:"With claims-not-asked: open this for the person, in their browser. Their wallet asks them, once for each mini-app; then the same request works."`

	headers http.Header
}

// ProblemAlternative is something that can still be had, such as another time.
type ProblemAlternative struct {
	ID       string    `json:"id" example:"0198f2a6-7e55-7c1e-9a55-3f0d4f6f1c11" doc:"What to ask for next time."`
	StartsAt time.Time `json:"starts_at" example:"2026-12-01T09:40:00Z" doc:"When it begins."`
	EndsAt   time.Time `json:"ends_at" example:"2026-12-01T10:00:00Z" doc:"When it ends."`
	Place    string    `json:"place,omitempty" example:"Riverside Clinic" doc:"Where, in the language asked for."`
}

// ProblemField is one wrong field.
type ProblemField struct {
	Field  string `json:"field" example:"body.input.copies" doc:"The field as it was sent: body.input.copies, header.Idempotency-Key, query.limit."`
	Code   string `json:"code" example:"field.out-of-range" doc:"Stable name of what is wrong with it."`
	Detail string `json:"detail" example:"Enter a number from 1 to 5." doc:"The same in words."`
}

func (p *Problem) Error() string           { return p.Code }
func (p *Problem) GetStatus() int          { return p.Status }
func (p *Problem) GetHeaders() http.Header { return p.headers }

func (p *Problem) ContentType(ct string) string {
	if ct == "application/json" {
		return "application/problem+json"
	}
	return ct
}

// statuses is the one table from kind to HTTP status.
var statuses = map[kernel.Kind]int{
	kernel.Internal:        http.StatusInternalServerError,
	kernel.Malformed:       http.StatusBadRequest,
	kernel.Unauthenticated: http.StatusUnauthorized,
	kernel.StepUp:          http.StatusUnauthorized,
	kernel.Forbidden:       http.StatusForbidden,
	kernel.NotFound:        http.StatusNotFound,
	kernel.Conflict:        http.StatusConflict,
	kernel.Consent:         http.StatusConflict, // no 401: another token changes nothing, and a client that fetches one would go round in a circle
	kernel.TooLarge:        http.StatusRequestEntityTooLarge,
	kernel.Invalid:         http.StatusUnprocessableEntity,
	kernel.TooMany:         http.StatusTooManyRequests,
	kernel.Unavailable:     http.StatusServiceUnavailable,
}

// Status returns the HTTP status an error of this kind is answered with.
func Status(k kernel.Kind) int { return statuses[k] }

// Translate looks a text up; it returns "" for a key no catalogue has. kernel/ui's Texts offer one.
type Translate func(locale, key string, args map[string]string) string

// Localise returns e with its message and field messages in locale.
func (t Translate) Localise(locale string, e *kernel.Error) *kernel.Error {
	c := *e
	c.Fields = append([]kernel.FieldError(nil), e.Fields...)
	if t == nil {
		return &c
	}
	if s := t(locale, "error."+e.Slug, e.Args); s != "" {
		c.Message = s
	}
	for i, f := range c.Fields {
		if s := t(locale, f.Slug, f.Args); s != "" {
			c.Fields[i].Message = s
		}
	}
	return &c
}

// problemOf renders err for a client: an unknown error becomes a bare 500, its text stays in the log.
func (s *Server) problemOf(r *http.Request, err error) *Problem {
	e := kernel.AsError(err)
	switch {
	case e.Kind != kernel.Internal:
	case r.Context().Err() != nil: // nobody waits for the answer; what was begun has been taken back
		s.log.Info("client gone", "route", r.Pattern, "request", RequestID(r.Context()))
	default:
		s.log.Error("internal error", "route", r.Pattern, "request", RequestID(r.Context()), "err", err)
	}
	e = s.translate.Localise(kernel.LocaleOf(r.Context()), e)
	p := newProblem(Status(e.Kind), e.Slug, e.Message)
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, ProblemField{Field: f.Path, Code: f.Slug, Detail: f.Message})
	}
	for _, a := range e.Instead {
		p.Alternatives = append(p.Alternatives, ProblemAlternative{ID: a.ID, StartsAt: a.StartsAt, EndsAt: a.EndsAt, Place: a.Place})
	}
	if e.Kind == kernel.Consent {
		p.SignIn = kernel.TenantOf(r.Context()).Origin + "/sign-in?app=" + url.QueryEscape(e.App)
	}
	p.headers = errorHeaders(e)
	return p
}

// errorHeaders are the headers a status promises: WWW-Authenticate (RFC 6750 §3, RFC 9470 §3) and Retry-After.
func errorHeaders(e *kernel.Error) http.Header {
	h := http.Header{}
	switch e.Kind {
	case kernel.Unauthenticated:
		v := "Bearer"
		if e.Slug == "invalid-token" {
			v = `Bearer error="invalid_token"`
		}
		h.Set("WWW-Authenticate", v)
	case kernel.StepUp:
		v := fmt.Sprintf(`Bearer error="insufficient_user_authentication", acr_values=%q`, e.Level)
		if e.MaxAge > 0 {
			v += fmt.Sprintf(", max_age=%d", int(e.MaxAge.Seconds()))
		}
		h.Set("WWW-Authenticate", v)
	case kernel.Forbidden:
		if scope := missingScope(""); errors.As(e.Err, &scope) {
			h.Set("WWW-Authenticate", fmt.Sprintf(`Bearer error="insufficient_scope", scope=%q`, string(scope)))
		}
	case kernel.TooMany, kernel.Unavailable:
		seconds := max(1, int(e.RetryAfter.Seconds()))
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
	return h
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: "urn:townhall:problem:" + code, Title: http.StatusText(status),
		Status: status, Code: code, Detail: detail,
	}
}

// WriteProblem answers outside huma (unknown host, panic, oversized body).
func (s *Server) WriteProblem(w http.ResponseWriter, r *http.Request, err error) {
	s.writeProblem(w, s.problemOf(r, err))
}

func (s *Server) writeProblem(w http.ResponseWriter, p *Problem) {
	s.writeError(w, p, "application/problem+json", p)
}

func (s *Server) writeError(w http.ResponseWriter, p *Problem, mediaType string, body any) {
	for k, v := range p.headers {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		s.log.Debug("client went away", slog.Any("err", err))
	}
}

// humaError replaces huma's constructor: without it the text of any Go error, and the value the client sent, would
// be echoed. It sees huma's own findings (validation, body size, media type); our handlers return Problems already.
func humaError(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
	code, detail := humaCode(status)
	p := newProblem(status, code, detail)
	if ctx != nil {
		p.Detail = words(ctx.Context(), code, detail)
	}
	for _, err := range errs {
		var d huma.ErrorDetailer
		if !errors.As(err, &d) {
			continue
		}
		f := d.ErrorDetail()
		p.Errors = append(p.Errors, ProblemField{Field: f.Location, Code: "field.invalid", Detail: f.Message})
	}
	return p
}

// words translates the detail of an error huma found by itself; the server put its texts into the context.
func words(ctx context.Context, code, fallback string) string {
	if t, ok := ctx.Value(translateKey{}).(Translate); ok && t != nil {
		if s := t(kernel.LocaleOf(ctx), "error."+code, nil); s != "" {
			return s
		}
	}
	return fallback
}

type translateKey struct{}

func humaCode(status int) (code, detail string) {
	switch status {
	case http.StatusUnprocessableEntity:
		return "invalid-input", "Some answers need your attention."
	case http.StatusBadRequest:
		return "malformed-request", "The request cannot be read."
	case http.StatusRequestEntityTooLarge:
		return "too-large", "The request is too large."
	case http.StatusRequestTimeout:
		return "too-slow", "The request took too long to arrive."
	case http.StatusUnsupportedMediaType:
		return "unsupported-media-type", "Send application/json."
	case http.StatusNotAcceptable:
		return "not-acceptable", "Only application/json is served here."
	case http.StatusNotFound:
		return "not-found", "There is nothing here that you can see."
	}
	return "internal", "Something went wrong on our side. Nothing was saved; please try again."
}
