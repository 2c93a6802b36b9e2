package pg

import "townhall/modules/kernel"

// ClaimSQL is for the test of its plan.
const ClaimSQL = claimSQL

// Waiting counts the calls of a tenant that no batch has taken.
func Waiting[I, O any](b *Batcher[I, O], tenant kernel.TenantID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[tenant]; q != nil {
		return len(q.waiting)
	}
	return 0
}
