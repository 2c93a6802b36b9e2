package kernel

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Level is an assurance level in the words of eIDAS (Regulation 910/2014 art. 8): low, substantial, high.
type Level int

const (
	NoLevel Level = iota
	Low
	Substantial
	High
)

func (l Level) String() string {
	switch l {
	case Low:
		return "low"
	case Substantial:
		return "substantial"
	case High:
		return "high"
	}
	return "none"
}

func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

func (l *Level) UnmarshalText(b []byte) error {
	switch string(b) {
	case "low":
		*l = Low
	case "substantial":
		*l = Substantial
	case "high":
		*l = High
	case "", "none":
		*l = NoLevel
	default:
		return fmt.Errorf("assurance level %q: want low, substantial or high", b)
	}
	return nil
}

// PrincipalKind follows from issuer and audience, never from a claim the person controls.
type PrincipalKind string

const (
	Anonymous  PrincipalKind = "anonymous"
	Citizen    PrincipalKind = "citizen"
	Staff      PrincipalKind = "staff"
	Integrator PrincipalKind = "integrator" // a program, by client credentials
	Host       PrincipalKind = "host"       // a host wallet's back end, by client credentials
	System     PrincipalKind = "system"     // a timer or an effect of ours
)

// Grant is one staff role in one agency.
type Grant struct {
	Agency AgencyID
	Role   string
}

// Principal is who acts. The zero value is nobody: every policy refuses it.
type Principal struct {
	Kind     PrincipalKind
	Tenant   TenantID
	Person   PersonID // Citizen and Staff: our key for (iss, sub)
	Name     string   // shown in pages and histories; personal data
	Client   string   // the OIDC client (mini-app, integrator or host) that speaks
	Session  SessionID
	Level    Level
	AuthTime time.Time
	Grants   []Grant  // Staff
	Scopes   []string // tokens only
	Locale   string
}

// Has reports whether p holds role in agency; an empty agency means any.
func (p Principal) Has(agency AgencyID, role string) bool {
	return slices.ContainsFunc(p.Grants, func(g Grant) bool {
		return g.Role == role && (agency == "" || g.Agency == agency)
	})
}

// Roles that release an agency's mini-apps. They look after no cases, so that they open none.
const (
	RolePublisher = "publisher" // proposes, and widens the share of people
	RoleReviewer  = "reviewer"  // approves or refuses what somebody else proposed
)

// Agencies lists the agencies whose cases p looks after, each once, in order.
func (p Principal) Agencies() []AgencyID {
	var out []AgencyID
	for _, g := range p.Grants {
		if g.Role == RolePublisher || g.Role == RoleReviewer {
			continue
		}
		if !slices.Contains(out, g.Agency) {
			out = append(out, g.Agency)
		}
	}
	return out
}

// SystemPrincipal is the actor of timers and effects.
func SystemPrincipal(tenant TenantID) Principal {
	return Principal{Kind: System, Tenant: tenant}
}

type ctxKey int

const (
	principalKey ctxKey = iota
	tenantKey
	localeKey
)

// WithPrincipal returns a context that carries p; kernel/web sets it once per request.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey, p)
}

// PrincipalOf returns who acts; nobody (Kind Anonymous) when the context carries none.
func PrincipalOf(ctx context.Context) Principal {
	if p, ok := ctx.Value(principalKey).(Principal); ok {
		return p
	}
	return Principal{Kind: Anonymous}
}
