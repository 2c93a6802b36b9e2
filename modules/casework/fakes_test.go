package casework

import (
	"context"
	"fmt"
	"sync"

	"townhall/modules/kernel"
)

// The neighbours' contracts, as small as they can be: what was asked of them is kept for the tests to look at.
// They keep it per attempt, not per committed transaction, so a test that counts must not retry inside.

type fakeDocuments struct {
	mu      sync.Mutex
	intents []kernel.DocumentIntent
}

func (f *fakeDocuments) Intend(_ context.Context, _ kernel.Tx, i kernel.DocumentIntent) (kernel.DocumentID, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.intents = append(f.intents, i)
	return kernel.DocumentID(kernel.NewID()), nil
}

func (f *fakeDocuments) Preview(_ context.Context, i kernel.DocumentIntent) ([]byte, error) {
	return []byte("%PDF-1.7 " + i.Content.Title), nil
}

func (f *fakeDocuments) List(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.Document, error) {
	return nil, nil
}

func (f *fakeDocuments) of(c kernel.CaseID) []kernel.DocumentIntent {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []kernel.DocumentIntent
	for _, i := range f.intents {
		if i.Case == c {
			out = append(out, i)
		}
	}
	return out
}

type fakePeople map[kernel.PersonID]kernel.Person

func (f fakePeople) Person(_ context.Context, _ kernel.Tx, id kernel.PersonID, _ string) (kernel.Person, error) {
	p, ok := f[id]
	if !ok {
		return kernel.Person{}, kernel.NotThere("person")
	}
	return p, nil
}

func (fakePeople) Asked(context.Context, kernel.Tx, string) error { return nil }

type fakeAudit struct {
	mu      sync.Mutex
	entries []kernel.AuditEntry
	broken  bool // Record fails: what it should have told about must not have happened
}

func (f *fakeAudit) Record(ctx context.Context, _ kernel.Tx, e kernel.AuditEntry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return fmt.Errorf("audit is broken")
	}
	who := kernel.PrincipalOf(ctx)
	e.Actor, e.ActorKind = who.Person, who.Kind
	f.entries = append(f.entries, e)
	return nil
}

func (f *fakeAudit) OfCase(context.Context, kernel.Tx, kernel.CaseID) ([]kernel.AuditEntry, error) {
	return nil, nil
}

func (f *fakeAudit) count(action string, c kernel.CaseID) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, e := range f.entries {
		if e.Action == action && e.Case == c {
			n++
		}
	}
	return n
}
