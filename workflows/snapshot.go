package workflows

import (
	"slices"
	"time"

	"townhall/modules/kernel"
)

// Snapshot is everything a step may depend on. The caller reads it in its transaction; Step never changes it.
type Snapshot struct {
	Case      kernel.CaseID
	Number    string // the reference people quote
	State     string
	Version   int
	Answers   map[string]any // as Outcome.Answers was; the types JSON makes of them (float64, []any) are fine
	Applicant kernel.PersonID
	Assignee  kernel.PersonID // empty: nobody
	Person    kernel.Person   // the applicant's verified claims
	Locale    string          // the language of the case
	Zone      *time.Location  // the municipality's; nil means UTC
	CreatedAt time.Time
	Submitted time.Time // zero while a draft
	Events    []Event   // all so far, oldest first
}

// Event is one step that was taken. Seq counts from 1 and equals the version it made.
type Event struct {
	Seq    int
	At     time.Time
	Action string // "start" for the first
	From   string // empty for the first
	To     string
	Kind   kernel.PrincipalKind
	Role   string          // the role the actor used: applicant, system or a staff role
	Actor  kernel.PersonID // empty for the system
	Input  map[string]any  // validated; see Definition.VisibleInput before showing it
}

// Actor is who acts, as far as a workflow is concerned.
type Actor struct {
	Kind     kernel.PrincipalKind
	Person   kernel.PersonID
	Roles    []string // staff: the roles held in the case's agency
	Level    kernel.Level
	AuthTime time.Time
	Sector   bool // acts through the sector's module
}

// ActorOf returns p as an actor of a case of agency.
func ActorOf(p kernel.Principal, agency kernel.AgencyID) Actor {
	a := Actor{Kind: p.Kind, Person: p.Person, Level: p.Level, AuthTime: p.AuthTime}
	for _, g := range p.Grants {
		if g.Agency == agency && !slices.Contains(a.Roles, g.Role) {
			a.Roles = append(a.Roles, g.Role)
		}
	}
	return a
}

// Command asks for one step.
type Command struct {
	Action string
	Actor  Actor
	Input  map[string]any // field name → value; strings as a page sends them, or JSON types
	Now    time.Time
	Locale string // of the person who acts, for Args["reason"] of a refused guard; empty: the case's
}

// Outcome is what a step does. The caller writes all of it in one transaction.
type Outcome struct {
	From, To  string
	Final     bool
	Version   int             // Snapshot.Version + 1
	Answers   map[string]any  // all answers from now on, in canonical types
	Event     Event           // to append
	Assignee  kernel.PersonID // from now on
	Submitted time.Time       // from now on: set once, when the case leaves its initial state for an open one
	DueAt     time.Time       // shown to people; zero when nothing runs
	Timers    []SetTimer      // all that run from now on; they replace every timer set before
	Decision  string          // favourable, adverse or empty
	Notices   []Notice        // to the applicant
	Documents []string        // names of documents to issue: Content(name, …)
	Revoke    []string        // names of documents of the case to revoke
	Effects   []string        // names of the sector's effects
	Money     []string        // MoneyCharge, MoneyCapture, MoneyRefund: what happens with the fee
}

// What a step does with the service's fee.
const (
	MoneyCharge  = "charge"  // ask the applicant to pay it
	MoneyCapture = "capture" // take what was paid
	MoneyRefund  = "refund"  // give it back; what was not paid need not be any more
)

// SetTimer is a timer that runs. Write it as kernel.EventCaseTimer with Outcome.Version, due at Due.
type SetTimer struct {
	Name string
	Due  time.Time

	// Moving: it counts back from an answer. When that changes the timer is set anew, and the old one finds nothing to do.
	Moving bool
}

// Notice is a text for the applicant, in every language, without personal data.
type Notice struct {
	Name  string
	Title kernel.Text
	Body  kernel.Text
}

// After returns the snapshot as it is once o is written.
func (s Snapshot) After(o Outcome) Snapshot {
	s.State, s.Version, s.Answers = o.To, o.Version, o.Answers
	s.Assignee, s.Submitted = o.Assignee, o.Submitted
	s.Events = append(slices.Clone(s.Events), o.Event)
	return s
}

// Entered returns when the case came into its present state.
func (s Snapshot) Entered() time.Time {
	for i := len(s.Events) - 1; i >= 0; i-- {
		if e := s.Events[i]; e.To == s.State && e.From != e.To {
			return e.At
		}
	}
	return s.CreatedAt
}

func (s Snapshot) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}
