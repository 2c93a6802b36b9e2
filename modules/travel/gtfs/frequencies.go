package gtfs

import (
	"cmp"
	"slices"
)

// headway is a span of the day in which a trip is run again and again.
type headway struct {
	from, until, every int // seconds; until is the first moment that is not in it
	exact              bool
	line               int
}

// frequency reads a row of "frequencies.txt".
func (r *reader) frequency(w *row) {
	trip, onTrip := w.named("trip_id", w.id("trip_id", true), "trips.txt", r.trips)
	from, ok1 := w.time("start_time", true)
	until, ok2 := w.time("end_time", true)
	every, ok3 := w.whole("headway_secs", true, 1, secondsADay)
	exact := w.choice("exact_times", false, 1) == 1
	if ok1 && ok2 && until <= from {
		w.add("end_time", "span-empty")
		return
	}
	if !onTrip || !ok1 || !ok2 || !ok3 {
		return
	}
	before := r.frequent + len(r.feed.Trips)
	r.frequent += (until - from + every - 1) / every
	if before <= MaxTrips && r.frequent+len(r.feed.Trips) > MaxTrips {
		w.add("headway_secs", "trips-many")
	}
	r.headways[trip] = append(r.headways[trip], headway{from, until, every, exact, w.line})
}

// overlaps checks that the spans of a trip do not: nobody could tell which headway counts.
func (r *reader) overlaps() {
	for _, h := range r.headways {
		slices.SortStableFunc(h, func(a, b headway) int { return cmp.Compare(a.from, b.from) })
		for k := 1; k < len(h); k++ {
			if h[k].from < h[k-1].until {
				r.add("frequencies.txt", h[k].line, "start_time", "overlap")
			}
		}
	}
}

// writeOut gives trips their calls, and makes a trip of every departure that frequencies.txt means: the trip of trips.txt
// tells how long the way from stop to stop takes, and is not run itself.
func (r *reader) writeOut() {
	out := make([]Trip, 0, len(r.feed.Trips)+r.frequent)
	for i, t := range r.feed.Trips {
		r.interpolate(r.calls[i])
		calls := make([]Call, len(r.calls[i]))
		for k, c := range r.calls[i] {
			calls[k] = c.Call
		}
		if len(r.headways[i]) == 0 {
			t.Calls = calls
			out = append(out, t)
			continue
		}
		for _, h := range r.headways[i] {
			for at := h.from; at < h.until; at += h.every {
				out = append(out, t.at(calls, at, h))
			}
		}
	}
	r.feed.Trips = out
}

// at is the trip leaving its first stop at a time.
func (t Trip) at(calls []Call, start int, h headway) Trip {
	t.ID += "@" + clock(start)
	if !h.exact {
		t.Headway = h.every
	}
	t.Calls = slices.Clone(calls)
	for k := range t.Calls {
		t.Calls[k].Arrives += start - calls[0].Departs
		t.Calls[k].Departs += start - calls[0].Departs
	}
	return t
}
