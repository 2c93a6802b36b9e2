package travel

import (
	"context"
	"slices"
	"sync"

	"townhall/modules/kernel"
	"townhall/modules/travel/gtfs"
)

// indexes are the timetables this process knows, by version. Which versions are in force is asked of the database in the
// transaction of every search, so that what is found is never old.
type indexes struct {
	mu     sync.Mutex
	known  map[indexKey]*loading
	recent []indexKey // used last at the end
}

type indexKey struct {
	tenant kernel.TenantID
	feed   FeedID
}

// loading is a timetable that somebody is reading, or has read; others wait for it rather than read it too.
type loading struct {
	once  sync.Mutex
	index *index
}

// mostIndexes is how many are kept: one of a hundred thousand calls is about ten megabytes.
const mostIndexes = 64

// of is a timetable in memory, read when it is not known yet.
func (k *indexes) of(ctx context.Context, tx kernel.Tx, f feedRow) (*index, error) {
	l := k.entry(indexKey{tx.TenantID(), f.ID})
	l.once.Lock()
	defer l.once.Unlock()
	if l.index == nil {
		x, err := loadIndex(ctx, tx, f)
		if err != nil {
			return nil, err
		}
		l.index = x
	}
	x := *l.index // how far departures are made is the day's, not the version's
	x.untold = gtfs.DayOf(f.MadeUntil.Date())
	return &x, nil
}

func (k *indexes) entry(key indexKey) *loading {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[indexKey]*loading{}
	}
	k.recent = append(slices.DeleteFunc(k.recent, func(o indexKey) bool { return o == key }), key)
	if len(k.recent) > mostIndexes {
		delete(k.known, k.recent[0])
		k.recent = k.recent[1:]
	}
	if k.known[key] == nil {
		k.known[key] = &loading{}
	}
	return k.known[key]
}
