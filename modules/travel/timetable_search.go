package travel

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// JourneyQuery is what somebody looks for. From and To are a stop's id, or a name as typed.
type JourneyQuery struct {
	From, To            string
	Day                 string // YYYY-MM-DD, where the journey begins; empty: today
	After               string // HH:MM; empty: from the beginning of the day
	Wheelchair, Bicycle bool   // only with vehicles that say they take one
	Limit               int    // 1 to 50; 0 means 10
	Cursor              string // Next of the page before
}

// Journeys are one page of what was found, by time of departure.
type Journeys struct {
	From, To []Place // the stations that were meant; none: no name is like it
	Day      string
	List     []Journey
	Next     string // cursor of the next page; empty: there is none
}

// Journey is a way to get there: one leg, or two with a change between them.
type Journey struct {
	Legs             []Leg
	Departs, Arrives time.Time // in the zones of the stops
}

// Leg is a ride on one departure, from one of its calls to another. It uses the segments From.Seq up to and without To.Seq.
type Leg struct {
	Departure Departure // without its calls
	From, To  Call
}

// How long a change may take. Journeys with a change are shown where there are few without.
const (
	shortestChange = 5 * time.Minute
	longestChange  = 4 * time.Hour
	fewDirect      = 3
)

var (
	errCursor = kernel.InvalidFields(kernel.FieldError{Path: "cursor", Slug: "travel.cursor-unknown", Message: "This page marker is not one of ours."})
	errDay    = kernel.InvalidFields(kernel.FieldError{Path: "day", Slug: "field.not-a-date", Message: "Enter a real date: year, month and day."})
	errAfter  = kernel.InvalidFields(kernel.FieldError{Path: "after", Slug: "travel.not-a-time", Message: "Enter a time of day, such as 09:30."})
)

// Places finds stations by what somebody has typed so far: by any part of a name in any language, with typing mistakes
// when nothing is called so. At most limit of them, the best first.
func (s *Timetable) Places(ctx context.Context, typed string, limit int) (out []Place, err error) {
	folded := fold(typed)
	if folded == "" {
		return nil, nil
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out, err = placesNamed(ctx, tx, folded, false, limit)
		return err
	})
	return out, err
}

// Departure reads one departure with its calls, whatever its state. Errors: NotFound.
func (s *Timetable) Departure(ctx context.Context, tx kernel.Tx, id DepartureID) (Departure, error) {
	return loadDeparture(ctx, tx, id)
}

// Search finds journeys of one day. Direct ones are all shown; where they are fewer than three, so are those with one
// change of at least five minutes, from any operator to any, that no other journey beats: none leaves as late or later and is there as soon or
// sooner. Nothing that has left, is called off or is in conflict with the timetable in force is found. Errors: Invalid for
// a day, a time or a cursor that is none.
func (s *Timetable) Search(ctx context.Context, q JourneyQuery) (out Journeys, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out = Journeys{}
		if out.From, err = meant(ctx, tx, q.From); err != nil {
			return err
		}
		if out.To, err = meant(ctx, tx, q.To); err != nil {
			return err
		}
		zone := kernel.TenantOf(ctx).Location()
		if len(out.From) > 0 {
			zone = located(out.From[0].Zone)
		}
		lo, hi, err := s.hours(q, zone)
		if err != nil {
			return err
		}
		out.Day = lo.Format(time.DateOnly)
		now := s.Clock.Now()
		if lo.Before(now) {
			lo = now
		}
		if len(out.From) == 0 || len(out.To) == 0 || !lo.Before(hi) {
			return nil
		}
		all, err := s.find(ctx, tx, q, out, lo, hi)
		if err != nil {
			return err
		}
		page, next, err := pageOf(all, q)
		if err != nil {
			return err
		}
		out.Next = next
		out.List, err = described(ctx, tx, page)
		return err
	})
	return out, err
}

// meant are the stations that a query names.
func meant(ctx context.Context, tx kernel.Tx, typed string) ([]Place, error) {
	if kernel.ValidID(typed) {
		return stationsAt(ctx, tx, StopID(typed))
	}
	folded := fold(typed)
	if folded == "" {
		return nil, nil
	}
	return placesNamed(ctx, tx, folded, true, 10)
}

// hours are the moments between which somebody wants to leave.
func (s *Timetable) hours(q JourneyQuery, zone *time.Location) (lo, hi time.Time, err error) {
	day := s.Clock.Now().In(zone)
	if q.Day != "" {
		if day, err = time.ParseInLocation(time.DateOnly, q.Day, zone); err != nil {
			return lo, hi, errDay.Wrap(err)
		}
	}
	at := time.Time{}
	if q.After != "" {
		if at, err = time.Parse("15:04", q.After); err != nil {
			return lo, hi, errAfter.Wrap(err)
		}
	}
	y, m, d := day.Date()
	return time.Date(y, m, d, at.Hour(), at.Minute(), 0, 0, zone), time.Date(y, m, d+1, 0, 0, 0, 0, zone), nil
}

// found is a journey: one ride, or two with a change between them.
type found []ride

func (f found) departs() time.Time { return f[0].departs }
func (f found) arrives() time.Time { return f[len(f)-1].arrives }
func (f found) key() string        { return string(f[0].in.operator) + "\n" + f[0].in.trips[f[0].trip].key }

// longestRest is how long after the end of the day a journey with a change may arrive.
const longestRest = 24 * time.Hour

// view is the timetables in force as a search goes through them, with what nobody can book on some days.
type view struct {
	in        []*index
	withdrawn map[string]bool
}

// look reads what a search for journeys that begin between two moments needs to know.
func (s *Timetable) look(ctx context.Context, tx kernel.Tx, lo, hi time.Time) (v view, err error) {
	feeds, err := activeFeeds(ctx, tx, "")
	if err != nil {
		return view{}, err
	}
	first := gtfs.DayAt(lo, time.UTC) - gtfs.Day(longestTrip/secondsADay) - 2
	if v.withdrawn, err = withdrawn(ctx, tx, first, gtfs.DayAt(hi.Add(longestRest), time.UTC)+1); err != nil {
		return view{}, err
	}
	for _, row := range feeds {
		x, err := s.indexes.of(ctx, tx, row)
		if err != nil {
			return view{}, err
		}
		v.in = append(v.in, x)
	}
	return v, nil
}

// direct are the journeys without a change, and what was asked of each timetable.
func (v view) direct(q JourneyQuery, f Journeys, lo, hi time.Time) (direct []found, in []asks) {
	for _, x := range v.in {
		ask := asked{lo: lo, hi: hi, wheelchair: q.Wheelchair, bicycle: q.Bicycle, withdrawn: v.withdrawn, from: x.numbers(f.From), to: x.numbers(f.To)}
		in = append(in, asks{x, ask})
		for _, r := range x.direct(ask) {
			direct = append(direct, found{r})
		}
	}
	return direct, in
}

// find is everything that is found, in order.
func (s *Timetable) find(ctx context.Context, tx kernel.Tx, q JourneyQuery, f Journeys, lo, hi time.Time) ([]found, error) {
	v, err := s.look(ctx, tx, lo, hi)
	if err != nil {
		return nil, err
	}
	direct, in := v.direct(q, f, lo, hi)
	all := direct
	if len(direct) < fewDirect {
		all = append(unbeaten(direct, withChange(in)), direct...)
	}
	slices.SortFunc(all, inOrder)
	return all, nil
}

// nextDay is the first of some days after the one of a search on which there is a journey; empty when there is none.
func (s *Timetable) nextDay(ctx context.Context, f Journeys, days int) (next string, err error) {
	if len(f.From) == 0 || len(f.To) == 0 {
		return "", nil
	}
	day, err := time.ParseInLocation(time.DateOnly, f.Day, located(f.From[0].Zone))
	if err != nil {
		return "", errDay.Wrap(err)
	}
	now := s.Clock.Now()
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		next = ""
		v, err := s.look(ctx, tx, day, day.AddDate(0, 0, days+1))
		if err != nil {
			return err
		}
		for i := 1; i <= days; i++ {
			lo, hi := day.AddDate(0, 0, i), day.AddDate(0, 0, i+1)
			if lo.Before(now) {
				lo = now
			}
			if !lo.Before(hi) {
				continue
			}
			if direct, in := v.direct(JourneyQuery{}, f, lo, hi); len(direct) > 0 || len(withChange(in)) > 0 {
				next = day.AddDate(0, 0, i).Format(time.DateOnly)
				return nil
			}
		}
		return nil
	})
	return next, err
}

// numbers are the stations among some places that are of this timetable.
func (x *index) numbers(in []Place) map[int]bool {
	out := map[int]bool{}
	for _, p := range in {
		if n, ok := x.stations[p.ID]; ok {
			out[n] = true
		}
	}
	return out
}

// unbeaten are the journeys with a change than which no other leaves as late and is there as soon; of those that tie, the
// first.
func unbeaten(direct, changed []found) (out []found) {
	byDeparture := func(a, b found) int {
		return cmp.Or(b.departs().Compare(a.departs()), a.arrives().Compare(b.arrives()), cmp.Compare(len(a), len(b)), inOrder(a, b))
	}
	best := time.Time{} // the soonest arrival of what leaves as late or later
	for _, j := range slices.SortedFunc(slices.Values(append(slices.Clone(direct), changed...)), byDeparture) {
		if !best.IsZero() && !j.arrives().Before(best) {
			continue
		}
		best = j.arrives()
		if len(j) > 1 {
			out = append(out, j)
		}
	}
	return out
}

// inOrder is by departure, then by arrival; what follows only makes the order whole, so that pages neither repeat nor lose.
func inOrder(a, b found) int { return a.place().compare(b.place()) }

// place is where a journey stands in the order.
type place struct {
	Departs, Arrives int64
	Legs             int
	Key              string
	Day              gtfs.Day
}

func (f found) place() place {
	return place{f.departs().Unix(), f.arrives().Unix(), len(f), f.key(), f[0].day}
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.Departs, o.Departs), cmp.Compare(p.Arrives, o.Arrives), cmp.Compare(p.Legs, o.Legs), cmp.Compare(p.Key, o.Key), cmp.Compare(p.Day, o.Day))
}

// pageOf cuts a page out of what was found. A cursor is the place of the last journey of a page.
func pageOf(all []found, q JourneyQuery) (page []found, next string, err error) {
	limit := min(q.Limit, 50)
	if limit <= 0 {
		limit = 10
	}
	if q.Cursor != "" {
		last, err := readCursor(q.Cursor)
		if err != nil {
			return nil, "", err
		}
		i := slices.IndexFunc(all, func(f found) bool { return f.place().compare(last) > 0 })
		if i < 0 {
			return nil, "", nil
		}
		all = all[i:]
	}
	if len(all) <= limit {
		return all, "", nil
	}
	raw, err := json.Marshal(all[limit-1].place())
	return all[:limit], base64.RawURLEncoding.EncodeToString(raw), err
}

func readCursor(s string) (p place, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return place{}, errCursor.Wrap(err)
	}
	return p, nil
}

// described reads what people see of journeys.
func described(ctx context.Context, tx kernel.Tx, page []found) ([]Journey, error) {
	var runs []tripDay
	for _, f := range page {
		for _, r := range f {
			runs = append(runs, tripDay{r.in.feed, r.run})
		}
	}
	departures, err := departuresOf(ctx, tx, runs)
	if err != nil {
		return nil, err
	}
	var out []Journey
	for _, f := range page {
		var j Journey
		for _, r := range f {
			// One that is not there was under way already when the timetable was replaced: it runs by the one before.
			if d, there := departures[tripDay{r.in.feed, r.run}]; there {
				j.Legs = append(j.Legs, Leg{d.of(r.in.trips[r.trip].about, r.in.zone.String()), r.in.callOf(r.run, r.from), r.in.callOf(r.run, r.to)})
			}
		}
		if len(j.Legs) == len(f) {
			j.Departs, j.Arrives = j.Legs[0].From.Departs, j.Legs[len(j.Legs)-1].To.Arrives
			out = append(out, j)
		}
	}
	return out, nil
}

// callOf is a call of a trip on a day.
func (x *index) callOf(r run, seq int) Call {
	c := x.trips[r.trip].calls[seq]
	d := dayOfRun{r.day, gtfs.At(r.day, 0, x.zone)}
	out := x.stops[c.stop].call
	zone := located(out.Zone)
	out.Seq, out.Pickup, out.DropOff, out.Estimated = seq, c.pickup, c.dropOff, c.estimated
	out.Arrives, out.Departs = d.moment(c.arrives).In(zone), d.moment(c.departs).In(zone)
	return out
}
