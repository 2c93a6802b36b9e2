package documents

import (
	"context"
	"sync"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// countTimeout is how long an answer waits for its check to be counted: the answer is what counts.
const countTimeout = time.Second

// tally keeps checks of the same document from queueing at its one row, each with a connection in its hand: while one is
// written, the others are only added up, and written together afterwards.
type tally struct {
	mu      sync.Mutex
	waiting map[checkKey]int // of the keys that are being written
}

// checkKey is one row of checks.
type checkKey struct {
	tenant   kernel.TenantID
	document kernel.DocumentID
	how      string
	share    string
	hour     time.Time
}

// begin reports whether the caller has to write the check; otherwise somebody else will.
func (t *tally) begin(k checkKey) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, busy := t.waiting[k]; busy {
		t.waiting[k]++
		return false
	}
	if t.waiting == nil {
		t.waiting = map[checkKey]int{}
	}
	t.waiting[k] = 0
	return true
}

// more takes the checks that came meanwhile; 0 means that the caller is done.
func (t *tally) more(k checkKey) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.waiting[k]
	if n == 0 {
		delete(t.waiting, k)
	} else {
		t.waiting[k] = 0
	}
	return n
}

// tallyCheck counts one check, and goes on behind the answer with those that come while it does.
func (s *Service) tallyCheck(ctx context.Context, k checkKey) {
	if !s.tally.begin(k) {
		return
	}
	ctx = context.WithoutCancel(ctx) // the check took place, whether or not its caller waits for the answer
	s.writeChecks(ctx, k, 1)
	if n := s.tally.more(k); n > 0 {
		go func() {
			for ; n > 0; n = s.tally.more(k) {
				s.writeChecks(ctx, k, n)
			}
		}()
	}
}

func (s *Service) writeChecks(ctx context.Context, k checkKey, n int) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	err := s.DB.InTx(ctx, k.tenant, func(tx *pg.Tx) error { return countChecks(ctx, tx, k, n) })
	if err != nil {
		s.Log.Warn("checks were not counted", "document", k.document, "count", n, "err", err)
	}
}
