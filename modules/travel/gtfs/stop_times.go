package gtfs

import (
	"cmp"
	"math"
	"slices"

	"townhall/modules/kernel"
)

// untimed stands for a time the feed leaves out.
const untimed = -1

// timed is a call with what is needed until its trip is whole.
type timed struct {
	Call
	stop     int // index
	line     int
	distance float64 // shape_dist_traveled; negative: not told
	wrong    bool    // a time was there that cannot be read
}

// stopTime reads a row of "stop_times.txt".
func (r *reader) stopTime(w *row) {
	c := timed{line: w.line, distance: untimed}
	trip, onTrip := w.named("trip_id", w.id("trip_id", true), "trips.txt", r.trips)
	if w.raw("location_group_id") != "" || w.raw("location_id") != "" {
		w.add("location_id", "flex")
		return
	}
	seq, ok := w.whole("stop_sequence", true, 0, 1<<31-1)
	c.Seq = seq
	stop, atStop := w.named("stop_id", w.id("stop_id", true), "stops.txt", r.stops)
	if atStop {
		if c.stop, c.Stop = stop, r.feed.Stops[stop].ID; r.feed.Stops[stop].Kind != Platform {
			w.add("stop_id", "stop-kind")
		}
	}
	exact := w.choice("timepoint", false, 1) == 1
	c.Arrives, c.Departs = c.moment(w, "arrival_time", exact), c.moment(w, "departure_time", exact)
	c.Pickup, c.DropOff = w.choice("pickup_type", false, AskADriver), w.choice("drop_off_type", false, AskADriver)
	if d, ok := w.number("shape_dist_traveled", false, 0, 1e9); ok {
		c.distance = d
	}
	// Where there is one time only, the vehicle leaves when it comes.
	if c.Arrives == untimed {
		c.Arrives = c.Departs
	}
	if c.Departs == untimed {
		c.Departs = c.Arrives
	}
	if c.Departs < c.Arrives {
		w.add("departure_time", "departs-early")
	}
	if onTrip && ok {
		r.calls[trip] = append(r.calls[trip], c)
	}
}

func (c *timed) moment(w *row, column string, needed bool) int {
	t, ok := w.time(column, needed)
	if ok {
		return t
	}
	c.wrong = c.wrong || w.raw(column) != ""
	return untimed
}

// sequences puts the calls of each trip in order and checks that they can be driven.
func (r *reader) sequences() {
	const file = "stop_times.txt"
	for i, calls := range r.calls {
		slices.SortStableFunc(calls, func(a, b timed) int { return cmp.Compare(a.Seq, b.Seq) })
		for k := 1; k < len(calls); k++ {
			if calls[k].Seq == calls[k-1].Seq {
				r.add(file, calls[k].line, "stop_sequence", "row-twice")
			}
			if calls[k].distance >= 0 && calls[k-1].distance > calls[k].distance {
				r.add(file, calls[k].line, "shape_dist_traveled", "distance-back")
			}
		}
		if !r.whole[file] {
			continue // a trip whose calls were not all read is not to blame
		}
		if len(calls) < 2 {
			r.add("trips.txt", r.tripLine[i], "trip_id", "trip-short")
			continue
		}
		r.forward(file, calls)
	}
}

// forward checks that a trip never goes back in time, and that it has a time at both ends.
func (r *reader) forward(file string, calls []timed) {
	for _, c := range []timed{calls[0], calls[len(calls)-1]} {
		if c.Arrives == untimed && !c.wrong {
			r.add(file, c.line, "arrival_time", "trip-untimed")
		}
	}
	last := untimed
	for _, c := range calls {
		if c.Arrives == untimed {
			continue
		}
		if c.Arrives < last {
			r.add(file, c.line, "arrival_time", "arrives-early")
		}
		last = max(last, c.Departs)
	}
}

// interpolate gives every call between two times one that fits the way between them ("stop_times.txt", arrival_time:
// stops without times are interpolated): by the distance along the shape where the feed tells it, else by the distance
// from stop to stop, else evenly.
func (r *reader) interpolate(calls []timed) {
	for a := 0; a < len(calls); {
		b := a + 1
		for b < len(calls) && calls[b].Arrives == untimed {
			b++
		}
		if b < len(calls) && b > a+1 {
			way := r.way(calls[a : b+1])
			span := float64(calls[b].Arrives - calls[a].Departs)
			for k := a + 1; k < b; k++ {
				t := calls[a].Departs + int(math.Round(span*way[k-a]/way[b-a]))
				calls[k].Arrives, calls[k].Departs, calls[k].Estimated = t, t, true
			}
		}
		a = b
	}
}

// way is how far each call is behind the first; the last of them is never 0.
func (r *reader) way(calls []timed) []float64 {
	out := make([]float64, len(calls))
	told := !slices.ContainsFunc(calls, func(c timed) bool { return c.distance < 0 })
	for k := 1; k < len(calls); k++ {
		if told {
			out[k] = calls[k].distance - calls[0].distance
		} else {
			out[k] = out[k-1] + r.between(calls[k-1].stop, calls[k].stop)
		}
	}
	if out[len(out)-1] > 0 {
		return out
	}
	for k := range out {
		out[k] = float64(k)
	}
	return out
}

func (r *reader) between(a, b int) float64 {
	from, to := r.feed.Stops[a], r.feed.Stops[b]
	return kernel.Position{Latitude: from.Latitude, Longitude: from.Longitude}.Metres(kernel.Position{Latitude: to.Latitude, Longitude: to.Longitude})
}
