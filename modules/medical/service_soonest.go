package medical

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// offerings reads where and in which languages a type of visit is offered. Errors: NotThere.
func (s *Service) offerings(ctx context.Context, q search) (f found, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if f, _, err = s.matching(ctx, tx, q); err != nil {
			return err
		}
		return f.choose(ctx, tx)
	})
	return f, err
}

// matching reads the schedules that match a search for a type of visit of any service the municipality offers.
func (s *Service) matching(ctx context.Context, tx kernel.Tx, q search) (found, []candidate, error) {
	f := found{search: q, zone: kernel.TenantOf(ctx).Location()}
	types, err := visitTypesOf(ctx, tx, false)
	if err != nil {
		return f, nil, err
	}
	if f.visit, err = visitType(types, "", q.Visit); err != nil {
		return f, nil, err
	}
	if err := s.offers(ctx, f.visit.Service); err != nil {
		return f, nil, err
	}
	in, err := s.narrow(ctx, tx, &f)
	return f, in, err
}

// freeDays counts what is free on seven days, and says which day is the first with something free.
func (s *Service) freeDays(ctx context.Context, q search) (first string, days []dayCount, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		f, in, err := s.matching(ctx, tx, q)
		if err != nil {
			return err
		}
		now := s.Clock.Now()
		at, err := firstFree(ctx, tx, in, now)
		if err != nil {
			return err
		}
		start := now.In(f.zone).Format(time.DateOnly)
		if first = ""; !at.IsZero() {
			first = at.In(f.zone).Format(time.DateOnly)
			start = first
		}
		if q.Day != "" {
			start = q.Day
		}
		err = f.countDays(ctx, tx, in, start, first)
		days = f.days
		return err
	})
	return first, days, err
}

// freeList is one page of free times with what they refer to.
type freeList struct {
	times         []freeTime
	next          string
	by            map[ScheduleID]candidate
	places        map[PlaceID]Place
	practitioners map[PractitionerID]Practitioner
}

// nearby is how far around a point is searched, in metres, before only the nearest place counts.
const nearby = 25_000

// freeSlots searches free times, soonest first. Errors: NotThere, Invalid for a cursor that is none of ours.
func (s *Service) freeSlots(ctx context.Context, q search, until, cursor string, limit int) (l freeList, err error) {
	at, after, err := readCursor(cursor)
	if err != nil {
		return freeList{}, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		f, in, err := s.matching(ctx, tx, q)
		if err != nil {
			return err
		}
		in = within(in, nearby)
		span := stretch{s.Clock.Now(), s.Clock.Now().AddDate(10, 0, 0)}
		if q.Day != "" {
			span.From = f.stretchOf(q.Day).From
		}
		if until != "" {
			span.Until = f.stretchOf(until).Until
		}
		if !at.IsZero() {
			span.From = at
		}
		l = freeList{by: map[ScheduleID]candidate{}}
		if l.times, err = soonest(ctx, tx, in, span, after, limit+1); err != nil {
			return err
		}
		if len(l.times) > limit {
			l.times = l.times[:limit]
			l.next = writeCursor(l.times[limit-1])
		}
		return l.refer(ctx, tx, in)
	})
	return l, err
}

// refer reads where and with whom the times are.
func (l *freeList) refer(ctx context.Context, tx kernel.Tx, in []candidate) (err error) {
	var who []PractitionerID
	for _, c := range in {
		l.by[c.ID] = c
	}
	var where []PlaceID
	for _, t := range l.times {
		if p := l.by[t.Schedule].Place; !slices.Contains(where, p) {
			where = append(where, p)
		}
		if p := l.by[t.Schedule].Practitioner; p != "" && !slices.Contains(who, p) {
			who = append(who, p)
		}
	}
	if l.places, err = placesByID(ctx, tx, where); err != nil {
		return err
	}
	l.practitioners, err = practitionersByID(ctx, tx, who)
	return err
}

// within leaves out what is farther away than most, unless nothing is nearer: then the nearest stays. Without a point
// everything stays.
func within(in []candidate, most float64) []candidate {
	if len(in) == 0 || in[0].distance < 0 {
		return in
	}
	most = max(most, in[0].distance)
	return slices.DeleteFunc(slices.Clone(in), func(c candidate) bool { return c.distance < 0 || c.distance > most })
}

func (l freeList) describe(locale string, t freeTime) FreeSlot {
	c := l.by[t.Schedule]
	p := l.places[c.Place]
	out := FreeSlot{ID: string(t.ID), StartsAt: t.StartsAt, EndsAt: t.EndsAt, Left: max(1, t.Left), Place: string(c.Place), PlaceName: p.Name.In(locale), Facility: string(p.Facility),
		Practitioner: l.practitioners[c.Practitioner].Name}
	if c.distance >= 0 {
		m := int(c.distance)
		out.Metres = &m
	}
	return out
}

// A cursor is the last time of a page: when it begins, in microseconds, and its id.
func writeCursor(t freeTime) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(t.StartsAt.UnixMicro()))) + "." + string(t.ID)
}

var errCursor = kernel.InvalidFields(kernel.FieldError{Path: "cursor", Slug: "medical.cursor-unknown", Message: "This cursor is not one of ours."})

func readCursor(s string) (time.Time, SlotID, error) {
	if s == "" {
		return time.Time{}, "", nil
	}
	if len(s) != 11+1+36 || s[11] != '.' || !kernel.ValidID(s[12:]) {
		return time.Time{}, "", errCursor.Wrap(strconv.ErrSyntax)
	}
	raw, err := base64.RawURLEncoding.DecodeString(s[:11])
	if err != nil {
		return time.Time{}, "", errCursor.Wrap(err)
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(), SlotID(s[12:]), nil
}
