package medical

import (
	"context"
	"sync"

	"townhall/modules/kernel"
)

// known keeps the candidates of recent searches. Everybody who looks for the same type of visit asks for the same few
// hundred schedules, which change a few times a day: what is kept is used only while the database says that nothing it was
// read from has changed.
type known struct {
	mu  sync.Mutex
	all map[knownKey]knownCandidates
}

type knownKey struct {
	tenant   kernel.TenantID
	visit    string
	facility kernel.AgencyID
}

type knownCandidates struct {
	stamp string
	list  []candidate // never changed: searches copy what they narrow
}

// mostKnown bounds the memory; beyond it everything is forgotten and read again.
const mostKnown = 2000

// candidates is what candidates reads, as the snapshot of tx has it.
func (k *known) candidates(ctx context.Context, tx kernel.Tx, visit string, facility kernel.AgencyID) ([]candidate, error) {
	stamp, err := stampOf(ctx, tx)
	if err != nil {
		return nil, err
	}
	key := knownKey{tx.TenantID(), visit, facility}
	k.mu.Lock()
	have := k.all[key]
	k.mu.Unlock()
	if have.stamp == stamp {
		return have.list, nil
	}
	list, err := candidates(ctx, tx, visit, facility)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil || len(k.all) >= mostKnown {
		k.all = map[knownKey]knownCandidates{}
	}
	k.all[key] = knownCandidates{stamp, list}
	return list, nil
}
