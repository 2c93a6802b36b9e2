package kernel

import "time"

// Clock tells the time that people are shown: deadlines, dates on documents, token ages. Who owns a
// slot is decided by the database clock instead.
type Clock interface{ Now() time.Time }

// SystemClock is the machine's clock, in UTC, cut to microseconds: what PostgreSQL keeps, so that a
// replayed answer has the same bytes as the first.
type SystemClock struct{}

func (SystemClock) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
