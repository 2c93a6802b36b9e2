package audit

import (
	"context"

	"townhall/modules/kernel"
)

// Log is the kernel.Audit of the house. It needs nothing but a clock: the transaction comes from the caller.
type Log struct{ clock kernel.Clock }

// NewLog makes the Log.
func NewLog(c kernel.Clock) *Log { return &Log{clock: c} }

// Record writes e in the caller's transaction. Actor, client, roles and time are taken from the context and the
// clock, whatever e says: nobody can write in somebody else's name. Error: Internal when a person acts without an id
// or the action is not a short dotted name, both faults of ours.
func (l *Log) Record(ctx context.Context, tx kernel.Tx, e kernel.AuditEntry) error {
	return insert(ctx, tx, l.entry(kernel.PrincipalOf(ctx), e))
}

// OfCase returns everything recorded about one case, oldest first. The caller has checked that the reader may see
// the case; an unknown case has no entries.
func (l *Log) OfCase(ctx context.Context, tx kernel.Tx, c kernel.CaseID) ([]kernel.AuditEntry, error) {
	list, err := ofCase(ctx, tx, c)
	if err != nil {
		return nil, err
	}
	out := make([]kernel.AuditEntry, len(list))
	for i, e := range list {
		out[i] = e.AuditEntry
	}
	return out, nil
}

// entry is an AuditEntry with what only this module needs to show it.
type entry struct {
	kernel.AuditEntry
	ID     string
	Grants []grant
}

// grant is one role the actor held.
type grant struct {
	Agency kernel.AgencyID `json:"agency"`
	Role   string          `json:"role"`
}

func (l *Log) entry(who kernel.Principal, e kernel.AuditEntry) entry {
	e.At, e.ActorKind, e.Actor, e.Client = l.clock.Now(), who.Kind, who.Person, who.Client
	out := entry{AuditEntry: e, ID: kernel.NewID(), Grants: []grant{}}
	for _, g := range who.Grants {
		out.Grants = append(out.Grants, grant{g.Agency, g.Role})
	}
	return out
}

// agencies lists the bodies an entry's actor spoke for. An official with roles in several acts for the one that the
// entry names in its details, where it names one.
func (e entry) agencies() []grant {
	named := kernel.AgencyID(e.Details["agency"])
	var out []grant
	for _, g := range e.Grants {
		if named == "" || g.Agency == named {
			out = append(out, g)
		}
	}
	if len(out) == 0 && named != "" {
		return []grant{{Agency: named}}
	}
	return out
}

// lookers are the kinds of actor a person is told about on "who looked at your data": everybody but the person and
// the house's own timers.
var lookers = []string{string(kernel.Staff), string(kernel.Integrator), string(kernel.Host)}

// page is one screenful of a list, newest first. Before continues with what is older than that entry.
type page struct {
	Limit  int
	Before string
}

const pageSize = 50
