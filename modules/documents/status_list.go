package documents

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"townhall/modules/documents/status"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// A list that did not change is signed anew after listAge, well before it ends; the database is asked at most every
// listFresh, so that a revocation shows within that and status.TTL, which is less than a minute.
const (
	listAge   = time.Hour
	listFresh = 2 * time.Second
)

// statusCache is what caches on the way may do with a list.
var statusCache = fmt.Sprintf("public, max-age=%d", int(status.TTL.Seconds()))

// statusLists keeps the lists that were signed last.
type statusLists struct {
	mu  sync.Mutex
	all map[listKey]*signedList
}

type listKey struct {
	tenant kernel.TenantID
	list   int
}

type signedList struct {
	mu                  sync.Mutex
	revoked, superseded []int
	token               []byte
	etag                string
	signed, looked      time.Time
}

func (l *statusLists) get(k listKey) *signedList {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[listKey]*signedList{}
	}
	if l.all[k] == nil {
		l.all[k] = &signedList{}
	}
	return l.all[k]
}

// forget makes the next reader look into the database, so that what this process revoked shows at once.
func (l *statusLists) forget(t kernel.TenantID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k := range l.all {
		if k.tenant == t {
			delete(l.all, k)
		}
	}
}

// randomPlace draws a place for a new document. The first list is tried first; the fuller it is, the more often a draw
// fails, and after four failures the next list is tried.
func randomPlace(try int) int { return try/4*status.Places + randomInt(status.Places) }

const maxPlaceTries = 64

// statusList returns a list of the request's municipality and its entity tag: the same bytes until a document of the list
// changes, or an hour passes. NotFound for a list that holds no document; the first is always there.
func (s *Service) statusList(ctx context.Context, number string) ([]byte, string, error) {
	list, err := strconv.Atoi(number)
	if err != nil || list < 1 || list > maxPlaceTries || strconv.Itoa(list) != number {
		return nil, "", kernel.NotThere("status list")
	}
	t := kernel.TenantOf(ctx)
	now := s.Clock.Now()
	if list > 1 {
		if used, err := s.used(ctx, list); err != nil || !used {
			return nil, "", orElse(err, kernel.NotThere("status list"))
		}
	}
	l := s.lists.get(listKey{t.ID, list})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != nil && now.Sub(l.looked).Abs() < listFresh {
		return l.token, l.etag, nil
	}
	var revoked, superseded []int
	from := (list - 1) * status.Places
	err = s.DB.Read(ctx, t.ID, func(tx *pg.Tx) error {
		revoked, superseded, err = notValidIn(ctx, tx, from, from+status.Places)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	slices.Sort(revoked)
	slices.Sort(superseded)
	if l.token == nil || now.Sub(l.signed).Abs() > listAge || !slices.Equal(revoked, l.revoked) || !slices.Equal(superseded, l.superseded) {
		token, err := s.seals.statusList(t, status.URI(t.Origin, list), revoked, superseded, now)
		if err != nil {
			return nil, "", errSealing.Wrap(fmt.Errorf("status list of %s: %w", t.ID, err))
		}
		l.token, l.signed, l.revoked, l.superseded = token, now, revoked, superseded
		l.etag = `"` + hex.EncodeToString(sum(token)[:16]) + `"`
	}
	l.looked = now
	return l.token, l.etag, nil
}

func (s *Service) used(ctx context.Context, list int) (used bool, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		used, err = listIsUsed(ctx, tx, (list-1)*status.Places)
		return err
	})
	return used, err
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}
