package web

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// Policy says who may call an operation. Everything not granted is denied: the zero Policy is refused at start-up.
// Kinds, Role, Scope, Level and MaxAge are checked here, before the handler; Relation names what the service
// checks with the row at hand (and answers NotFound when it does not hold).
type Policy struct {
	Kinds    []kernel.PrincipalKind
	Role     string // staff must hold it in at least one agency
	Scope    string // tokens must carry it
	Relation string // "none", "own", "applicant", "agency", "holder"
	Level    kernel.Level
	MaxAge   time.Duration // how fresh the sign-in must be; 0 = no limit
}

// Public is the policy of what anybody may see.
var Public = Policy{Kinds: []kernel.PrincipalKind{kernel.Anonymous, kernel.Citizen, kernel.Staff, kernel.Integrator, kernel.Host}, Relation: "none"}

var relations = []string{"none", "own", "applicant", "agency", "holder"}

// Problem says what is wrong with the policy itself; nil when it is complete.
func (p Policy) Problem() error {
	if len(p.Kinds) == 0 {
		return errors.New("policy names no principal kind")
	}
	if !slices.Contains(relations, p.Relation) {
		return fmt.Errorf("policy relation %q: want one of %s", p.Relation, strings.Join(relations, ", "))
	}
	if p.Role != "" && !slices.Contains(p.Kinds, kernel.Staff) {
		return errors.New("policy asks a role but admits no staff")
	}
	return nil
}

var (
	errSignIn  = kernel.NewError(kernel.Unauthenticated, "sign-in-required", "Sign in to go on.")
	errKind    = kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
	errLevel   = kernel.NewError(kernel.StepUp, "step-up-required", "This needs a stronger proof of who you are.")
	errOldAuth = kernel.NewError(kernel.StepUp, "sign-in-too-old", "Please confirm again that it is you.")
)

// missingScope is what a program's token lacks.
type missingScope string

func (s missingScope) Error() string { return "the token lacks the scope " + string(s) }

// Check reports whether who may call at all. Errors: Unauthenticated, Forbidden, StepUp.
func (p Policy) Check(who kernel.Principal, now time.Time) error {
	if !slices.Contains(p.Kinds, who.Kind) {
		if who.Kind == kernel.Anonymous {
			return errSignIn
		}
		return errKind
	}
	if who.Kind == kernel.Anonymous {
		return nil
	}
	if p.Role != "" && who.Kind == kernel.Staff && !who.Has("", p.Role) {
		return errKind
	}
	if p.Scope != "" && (who.Kind == kernel.Integrator || who.Kind == kernel.Host) && !slices.Contains(who.Scopes, p.Scope) {
		return errKind.Wrap(missingScope(p.Scope))
	}
	return NeedLevel(who, p.Level, p.MaxAge, now)
}

// NeedLevel is the check of a level and a sign-in age on its own, for services whose need depends on the case.
func NeedLevel(who kernel.Principal, level kernel.Level, maxAge time.Duration, now time.Time) error {
	var e *kernel.Error
	switch {
	case who.Level < level:
		e = errLevel.With("level", level.String())
	case maxAge > 0 && now.Sub(who.AuthTime) > maxAge:
		e = errOldAuth.With("level", level.String())
	default:
		return nil
	}
	e.Level, e.MaxAge = level, maxAge
	return e
}

// extension is the policy as integrators read it in the contract.
func (p Policy) extension() map[string]any {
	kinds := make([]string, len(p.Kinds))
	for i, k := range p.Kinds {
		kinds[i] = string(k)
	}
	m := map[string]any{"kinds": kinds, "relation": p.Relation}
	if p.Role != "" {
		m["role"] = p.Role
	}
	if p.Scope != "" {
		m["scope"] = p.Scope
	}
	if p.Level > kernel.NoLevel {
		m["level"] = p.Level.String()
	}
	if p.MaxAge > 0 {
		m["max_age_seconds"] = int(p.MaxAge.Seconds())
	}
	return m
}

func (p Policy) public() bool { return slices.Contains(p.Kinds, kernel.Anonymous) }
