package documents

import (
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"townhall/modules/documents/verify"
	"townhall/modules/kernel"
)

// smallJudging is what even the smallest file counts for.
const smallJudging = 64 << 10

// newJudging bounds how many bytes of strangers' files one process judges at a time: the work grows with the size, and
// anybody may send a file. Half of the processors may work on the largest files; what is left then is for small ones, as
// nearly all documents are, so that somebody who sends large ones again and again keeps nobody else from checking.
func newJudging() *semaphore.Weighted { return semaphore.NewWeighted(judgingRoom()) }

func judgingRoom() int64 {
	return int64(max(1, runtime.GOMAXPROCS(0)/2))*verify.MaxFile + verify.MaxFile/2
}

// beginJudging returns what to call when the file is judged. Unavailable (check-busy) when there is no room: at once, for a
// queue of large files would be as bad.
func (s *Service) beginJudging(size int) (end func(), err error) {
	weight := int64(max(size, smallJudging))
	if !s.judging.TryAcquire(weight) {
		return nil, errBusy
	}
	return func() { s.judging.Release(weight) }, nil
}

var errBusy = &kernel.Error{Kind: kernel.Unavailable, Slug: "check-busy", Message: "Many files are being checked at the moment. Please try again shortly, or check the document's number.", RetryAfter: 5 * time.Second}
