package travel

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Tickets is the list by which a device looks at the tickets of a departure without network. Nobody's name is in it, so that
// having it is no look at a person; each look at a ticket is one, and recorded.
//
// The list is not signed: whoever relies on it has fetched it over TLS with a right of their own, and a device that would pass
// it on to others would have to be believed about their looks, too.
//
// Conductors of the operator. Errors: NotFound, Forbidden.
func (s *Service) Tickets(ctx context.Context, operator kernel.AgencyID, id DepartureID) (l BoardList, err error) {
	if err := works(ctx, operator, RoleConductor); err != nil {
		return BoardList{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		l = BoardList{AsOf: s.Clock.Now()}
		if l.Departure, err = runBy(ctx, tx, operator, id); err != nil {
			return err
		}
		l.Tickets, err = ticketsOn(ctx, tx, id)
		for i, t := range l.Tickets {
			l.Tickets[i] = t.placed(l.Departure)
		}
		return err
	})
	return l, err
}

// runBy reads a departure of the operator. NotThere when it has none such.
func runBy(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, id DepartureID) (Departure, error) {
	d, err := loadDeparture(ctx, tx, id)
	if err == nil && d.Operator != operator {
		err = kernel.NotThere("departure")
	}
	return d, err
}

// HandIn takes looks at tickets that a device made, most of them without network, and answers each in their order. Looks may come
// late, twice, and from several devices in any order: of all with which somebody was let on with a ticket the earliest has used
// it, and the answer to the others is "second". A device that is told so has let somebody on twice, as Others says.
//
// A ticket is used by looks that the device accepted or did not judge. Looks at unknown tickets, at those of other departures and
// those whose time cannot be leave nothing behind. That somebody was seen is recorded once per look.
//
// Conductors of the operator. Errors: NotFound, Forbidden, Invalid with fields.
func (s *Service) HandIn(ctx context.Context, operator kernel.AgencyID, id DepartureID, looks []Look) ([]Looked, error) {
	if err := works(ctx, operator, RoleConductor); err != nil {
		return nil, err
	}
	if err := checkLooks(looks); err != nil {
		return nil, err
	}
	return pg.Once(ctx, s.DB, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) ([]Looked, error) {
		d, err := runBy(ctx, tx, operator, id)
		if err != nil {
			return nil, err
		}
		hashes := make([]string, len(looks))
		for i, l := range looks {
			hashes[i] = l.Ticket
		}
		known, err := lockTickets(ctx, tx, hashes)
		if err != nil {
			return nil, err
		}
		return s.settleLooks(ctx, tx, d, looks, known)
	})
}

// settleLooks keeps the looks that count and answers all of them.
func (s *Service) settleLooks(ctx context.Context, tx *pg.Tx, d Departure, looks []Look, known map[string]OnBoard) ([]Looked, error) {
	now := s.Clock.Now()
	var codes []string
	var lets []boarding
	for _, l := range looks {
		t, ok := known[l.Ticket]
		if !ok || t.departure != d.ID || !d.possible(l.At, now) {
			continue
		}
		codes = append(codes, t.code)
		if l.lets() && (l.Said != "" || t.State != TicketVoid && t.State != TicketUsed) {
			lets = append(lets, boarding{t.code, l.ID, l.At})
		}
	}
	fresh, err := insertBoardings(ctx, tx, lets, kernel.PrincipalOf(ctx).Person, now)
	if err != nil {
		return nil, err
	}
	changed, err := useFirst(ctx, tx, codes)
	if err != nil {
		return nil, err
	}
	all, err := boardingsOf(ctx, tx, codes)
	if err != nil {
		return nil, err
	}
	for hash, t := range known {
		if at, ok := changed[t.code]; ok {
			t.State, t.UsedAt = TicketUsed, at
		}
		known[hash] = t
		if slices.Contains(fresh, t.code) {
			if err := s.seen(ctx, tx, t.booking); err != nil {
				return nil, err
			}
		}
	}
	out := make([]Looked, len(looks))
	for i, l := range looks {
		out[i] = answerTo(l, d, known, all, now)
	}
	return out, nil
}

// answerTo is the answer to one look. What another operator sells is not there.
func answerTo(l Look, d Departure, known map[string]OnBoard, all map[string]boardings, now time.Time) Looked {
	t, ok := known[l.Ticket]
	switch {
	case !d.possible(l.At, now):
		return Looked{ID: l.ID, Verdict: LookNotThen}
	case !ok || t.operator != d.Operator:
		return Looked{ID: l.ID, Verdict: LookUnknown}
	case t.departure != d.ID:
		return Looked{ID: l.ID, Verdict: LookOther}
	}
	return l.verdict(t.placed(d), all[t.code])
}

// checkLooks refuses what no device of ours hands in. Times are judged look by look, so that one wrong clock keeps no others back.
func checkLooks(looks []Look) error {
	if len(looks) == 0 || len(looks) > MaxLooks {
		return kernel.InvalidFields(kernel.FieldError{Path: "scans", Slug: "travel.looks-number", Message: "Hand in between 1 and 500 looks at once."})
	}
	var wrong []kernel.FieldError
	for i, l := range looks {
		if hash, err := hex.DecodeString(l.Ticket); err != nil || len(hash) != 32 || !kernel.ValidID(l.ID) || l.At.IsZero() ||
			l.Said != "" && !slices.Contains([]string{LookAccepted, LookSecond, LookVoid, LookOther, LookUnknown}, l.Said) {
			wrong = append(wrong, kernel.FieldError{Path: fmt.Sprintf("scans[%d]", i), Slug: "travel.look-unreadable", Message: "This look cannot be read."})
		}
	}
	if wrong != nil {
		return kernel.InvalidFields(wrong...)
	}
	return nil
}

// Boarding is a departure as conductors choose it.
type Boarding struct {
	Departure
	Expected int // tickets
	Onboard  int // of them used
}

// boardAhead is how far ahead conductors see departures, boardAfter for how long after their end.
const (
	boardAhead = 24 * time.Hour
	boardAfter = 2 * time.Hour
	maxBoard   = 100
)

// Board lists the departures of an operator that are under way, have just ended, or leave within a day, the soonest first and at
// most a hundred. Conductors of the operator. Errors: NotFound, Forbidden.
func (s *Service) Board(ctx context.Context, operator kernel.AgencyID) (out []Boarding, err error) {
	if err := works(ctx, operator, RoleConductor); err != nil {
		return nil, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		now := s.Clock.Now()
		rows, err := departuresBetween(ctx, tx, operator, now.Add(-boardAfter), now.Add(boardAhead), maxBoard)
		if err != nil {
			return err
		}
		ids := make([]DepartureID, len(rows))
		for i, r := range rows {
			ids[i] = r.ID
		}
		found, err := loadDepartures(ctx, tx, ids...)
		if err != nil {
			return err
		}
		out = nil
		for _, r := range rows {
			if d, ok := found[r.ID]; ok && len(d.Calls) > 0 {
				out = append(out, Boarding{d, r.Expected, r.Boarded})
			}
		}
		return nil
	})
	return out, err
}
