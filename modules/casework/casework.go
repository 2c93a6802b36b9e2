package casework

import (
	"errors"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
)

// record is one case as it is stored: everything, whoever reads it.
type record struct {
	ID            kernel.CaseID
	Number        string
	Service       string
	Sector        string
	WorkflowHash  string
	Agency        kernel.AgencyID
	Applicant     kernel.PersonID
	ApplicantName string
	Assignee      kernel.PersonID
	State         string
	Final         bool
	Waiting       string // applicant, agency or nobody
	Version       int
	Entered       int // the version in which State was entered
	Answers       map[string]any
	Locale        string
	Channel       string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	EnteredAt     time.Time
	SubmittedAt   time.Time
	DueAt         time.Time
	ClosedAt      time.Time
	Events        []event // oldest first; empty in lists
}

// event is one row of the history. Seq equals the version the step made.
type event struct {
	Seq       int                  `json:"seq"`
	Action    string               `json:"action"`
	From      string               `json:"from_state"`
	To        string               `json:"to_state"`
	Kind      kernel.PrincipalKind `json:"actor_kind"`
	Role      string               `json:"role"`
	Actor     kernel.PersonID      `json:"actor_id"`
	ActorName string               `json:"actor_name"`
	Input     map[string]any       `json:"input"`
	At        time.Time            `json:"at"`
}

// step is everything one step writes into casework's own tables, as one value: the case as it is from now on
// and the event that made it so. The store writes it in one statement, on the condition that the case still has
// the version before.
type step struct {
	record
	event event
}

// ActionDocumentIssued is the history's name for "the document is there"; no workflow declares it.
const ActionDocumentIssued = "document-issued"

// scopeAgency begins the scopes that let an integrator read an agency's cases: "agency:civil-registry".
const scopeAgency = "agency:"

// agenciesOf lists whose submitted cases p may see.
func agenciesOf(p kernel.Principal) []kernel.AgencyID {
	switch p.Kind {
	case kernel.Staff:
		return p.Agencies()
	case kernel.Integrator:
		var out []kernel.AgencyID
		for _, s := range p.Scopes {
			if a, ok := strings.CutPrefix(s, scopeAgency); ok && a != "" {
				out = append(out, kernel.AgencyID(a))
			}
		}
		return out
	}
	return nil
}

// visible reports whether p may see the case at all. A draft is nobody's business but the applicant's.
func visible(p kernel.Principal, r record) bool {
	switch p.Kind {
	case kernel.Citizen:
		return p.Person != "" && p.Person == r.Applicant
	case kernel.Staff, kernel.Integrator:
		return !r.SubmittedAt.IsZero() && slices.Contains(agenciesOf(p), r.Agency)
	case kernel.System:
		return true
	}
	return false
}

// official reports whether p's look at a case is one the applicant can later read about (promise 20).
func official(p kernel.Principal) bool {
	return p.Kind == kernel.Staff || p.Kind == kernel.Integrator
}

// Queues of the agency. Todo is what waits for the agency, oldest first; the others list newest first.
const (
	QueueTodo       = "todo"
	QueueUnassigned = "unassigned"
	QueueMine       = "mine"
	QueueAll        = "all"
)

// filter selects cases for a list.
type filter struct {
	Applicant kernel.PersonID   // only this person's
	Agencies  []kernel.AgencyID // only these agencies' submitted cases
	Everyone  bool              // neither: the system, and the test that turns the check off
	Queue     string
	Mine      kernel.PersonID // who "mine" means
	Service   string
	State     string
	Number    string
	Open      bool
	Limit     int
	After     kernel.CaseID // page on behind this case
}

// counts is how many open cases each queue holds.
type counts struct{ Todo, Unassigned, Mine int }

func limitOf(n int) int {
	if n <= 0 {
		return 50
	}
	return min(n, 200)
}

// inBody renames the fields of an error to where a program sent them: "question" → "body.input.question".
func inBody(err error) error {
	var e *kernel.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	c := *e
	c.Fields = make([]kernel.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		f.Path = "body.input." + f.Path
		c.Fields[i] = f
	}
	return &c
}
