package kernel

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure an Error is. kernel/web holds the one table from Kind to HTTP status.
type Kind int

const (
	Internal        Kind = iota // 500: a fault of ours; the client sees no detail
	Malformed                   // 400: the request cannot be read, or lacks a required header
	Unauthenticated             // 401: nobody is signed in, or the token is not acceptable
	StepUp                      // 401: signed in, but not at the level the action needs (RFC 9470)
	Forbidden                   // 403: known, but has no such right
	NotFound                    // 404: not there, or not yours: the two read the same
	Conflict                    // 409: somebody else changed it first, or the state does not allow it
	Consent                     // 409: the person has not been asked yet for what the service requires; App says where they are
	TooLarge                    // 413
	Invalid                     // 422: readable, but a field is wrong; Fields says which
	TooMany                     // 429: RetryAfter says when to come back
	Unavailable                 // 503: something we depend on is away; RetryAfter says when to come back
)

// Error is the only error type that reaches a person. Slug is stable and machine-readable
// ("case-changed"); it is also the key of the translated text ("error.case-changed"). Message is the
// English text, safe to show: never personal data, never the text of another error. Err is for the
// log alone.
type Error struct {
	Kind       Kind
	Slug       string
	Message    string
	Args       map[string]string // values for {name} in the translated text
	Fields     []FieldError
	RetryAfter time.Duration // TooMany and Unavailable
	Level      Level         // StepUp: the level that is needed
	MaxAge     time.Duration // StepUp: how fresh the sign-in must be; 0 = no limit
	App        string        // Consent: the mini-app whose own sign-in asks for it
	Instead    []Alternative // Conflict: what can still be had, best first
	Err        error
}

// Alternative is something that can be had instead of what is gone: another time, another seat.
type Alternative struct {
	ID       string // what to ask for next time, e.g. a slot's id
	StartsAt time.Time
	EndsAt   time.Time
	Place    string // where, in the language of the request; empty when it is the same
}

// FieldError names one wrong field. Path is the field's name as the caller sent it ("copies",
// "body.purpose"); Slug is the key of the translated text ("field.required").
type FieldError struct {
	Path    string
	Slug    string
	Message string
	Args    map[string]string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Slug)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, " %s=%s", f.Path, f.Slug)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is compare kind and slug, so that a package can export a sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Slug == e.Slug
}

// NewError makes an Error with its English message. message must be a constant: no personal data.
func NewError(kind Kind, slug, message string) *Error {
	return &Error{Kind: kind, Slug: slug, Message: message}
}

// Wrap returns a copy that carries err for the log.
func (e *Error) Wrap(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// With returns a copy with one value for the translated text.
func (e *Error) With(name, value string) *Error {
	c := *e
	c.Args = map[string]string{name: value}
	for k, v := range e.Args {
		if k != name {
			c.Args[k] = v
		}
	}
	return &c
}

// Offering returns a copy that names what can be had instead.
func (e *Error) Offering(instead []Alternative) *Error {
	c := *e
	c.Instead = instead
	return &c
}

// InvalidFields is the error for input that can be read but is wrong.
func InvalidFields(fields ...FieldError) *Error {
	return &Error{Kind: Invalid, Slug: "invalid-input", Message: "Some answers need your attention.", Fields: fields}
}

// LeadsToSignIn reports whether err ends once the person has been through a sign-in: a page answers it by going there and back.
func LeadsToSignIn(err error) bool {
	k := KindOf(err)
	return err != nil && (k == Unauthenticated || k == StepUp || k == Consent)
}

// NotThere is the one answer for "does not exist" and "is not yours" (promise 11).
func NotThere(what string) *Error {
	return &Error{Kind: NotFound, Slug: "not-found", Message: "There is nothing here that you can see.", Err: errors.New(what)}
}

// ErrChanged is the answer of a step whose version is no longer the newest.
var ErrChanged = NewError(Conflict, "changed-meanwhile", "Somebody changed this in the meantime. Look at it again before you go on.")

// KindOf returns the kind of err; an error that is no *Error is Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// AsError returns err as *Error, wrapping an unknown one as Internal with a safe text.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Internal, Slug: "internal", Message: "Something went wrong on our side. Nothing was saved; please try again.", Err: err}
}
