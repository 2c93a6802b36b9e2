package travel

import (
	"cmp"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/travel/gtfs"
)

// index is a timetable in memory, as the search goes through it. A version of a timetable never changes, so neither does
// this: what differs from day to day (a departure called off, or in conflict) is asked of the database each time.
type index struct {
	feed     FeedID
	operator kernel.AgencyID
	zone     *time.Location
	longest  int
	stops    []indexStop
	stations map[StopID]int // number of a station
	trips    []indexTrip
	visits   [][]visit // by station, by time of departure
	runs     map[gtfs.Day]map[string]bool
	untold   gtfs.Day // departures exist up to and without this day
}

// indexStop is a stop with what a journey tells of it.
type indexStop struct {
	station    int
	wheelchair gtfs.Access
	call       Call // without its times
	spot       spot
}

// spot is where a stop is, by name and position. The name is the first of its names as they are searched: another carrier
// need not tell it in the same languages.
type spot struct {
	name    string
	located bool
	at      kernel.Position
}

// walkable is how far apart, in metres, two stations of one name may be that are one place to travellers: two carriers
// seldom draw the same square in the same spot.
const walkable = 300

// near reports whether two stations are one place to travellers.
func (a spot) near(b spot) bool {
	return a.name == b.name && a.located && b.located && a.at.Metres(b.at) <= walkable
}

// indexTrip is a trip; about holds what all its departures have in common.
type indexTrip struct {
	key, service        string
	wheelchair, bicycle gtfs.Access
	about               Departure
	calls               []indexCall
}

type indexCall struct {
	stop, station    int
	arrives, departs int
	pickup, dropOff  bool
	estimated        bool
}

// visit is a trip at a station.
type visit struct{ trip, seq int }

func (x *index) call(v visit) indexCall { return x.trips[v.trip].calls[v.seq] }

// finish puts the visits in order, once all trips are there.
func (x *index) finish() {
	x.visits = make([][]visit, len(x.stops))
	for t, trip := range x.trips {
		for s, c := range trip.calls {
			x.visits[c.station] = append(x.visits[c.station], visit{t, s})
		}
	}
	for _, v := range x.visits {
		slices.SortFunc(v, func(a, b visit) int {
			return cmp.Or(cmp.Compare(x.call(a).departs, x.call(b).departs), cmp.Compare(a.trip, b.trip), cmp.Compare(a.seq, b.seq))
		})
	}
}

// run is a trip on a day of service.
type run struct {
	trip int
	day  gtfs.Day
}

// asked is what is looked for in one timetable.
type asked struct {
	from, to            map[int]bool // stations
	lo, hi              time.Time    // of getting on at the beginning
	wheelchair, bicycle bool
	withdrawn           map[string]bool // trip and day, see withdrawnKey
}

func withdrawnKey(operator kernel.AgencyID, trip, day string) string {
	return string(operator) + "\n" + trip + "\n" + day
}

// ride is a departure from one call to another.
type ride struct {
	in *index
	run
	from, to         int // their places among the calls
	departs, arrives time.Time
}

// dayOfRun is a day of service with its beginning.
type dayOfRun struct {
	day  gtfs.Day
	base time.Time
}

// daysFor are the days of service that have calls between two moments: 25:10 of yesterday is today.
func (x *index) daysFor(lo, hi time.Time) (out []dayOfRun) {
	for d := gtfs.DayAt(lo, x.zone) - reach(x.longest); d <= gtfs.DayAt(hi, x.zone)+1; d++ {
		base := gtfs.At(d, 0, x.zone)
		if d < x.untold && base.Before(hi) && base.Add(time.Duration(x.longest)*time.Second).Compare(lo) >= 0 {
			out = append(out, dayOfRun{d, base})
		}
	}
	return out
}

// at are the visits of a station that leave between two moments of a day, those of the second not.
func (x *index) at(station int, d dayOfRun, lo, hi time.Time) []visit {
	all := x.visits[station]
	first := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(all, t, func(v visit, t time.Time) int {
			return cmp.Or(d.moment(x.call(v).departs).Compare(t), 1) // the first that does not leave before t
		})
		return i
	}
	a, b := first(lo), first(hi)
	return all[a:max(a, b)]
}

func (d dayOfRun) moment(seconds int) time.Time {
	return d.base.Add(time.Duration(seconds) * time.Second)
}

// offers reports whether a trip runs on a day, is offered, and takes who asks.
func (x *index) offers(q asked, trip int, day gtfs.Day) bool {
	t := &x.trips[trip]
	return x.runs[day][t.service] && (!q.wheelchair || t.wheelchair == gtfs.Yes) && (!q.bicycle || t.bicycle == gtfs.Yes) &&
		(len(q.withdrawn) == 0 || !q.withdrawn[withdrawnKey(x.operator, t.key, day.String())])
}

// takesUp and setsDown report whether somebody may get on, off: not with a wheelchair where the stop says no.
func (x *index) takesUp(q asked, c indexCall) bool {
	return c.pickup && (!q.wheelchair || x.stops[c.stop].wheelchair != gtfs.No)
}

func (x *index) setsDown(q asked, c indexCall) bool {
	return c.dropOff && (!q.wheelchair || x.stops[c.stop].wheelchair != gtfs.No)
}

// direct are the rides without a change. Of a departure that one can board or leave at several places, the ride is the one
// that is there first, and of those the shortest.
func (x *index) direct(q asked) (out []ride) {
	best := map[run]ride{}
	for _, d := range x.daysFor(q.lo, q.hi) {
		for station := range q.from {
			for _, v := range x.at(station, d, q.lo, q.hi) {
				if a := x.call(v); !x.takesUp(q, a) || !x.offers(q, v.trip, d.day) {
					continue
				}
				calls := x.trips[v.trip].calls
				for to := v.seq + 1; to < len(calls); to++ {
					if !q.to[calls[to].station] || !x.setsDown(q, calls[to]) {
						continue
					}
					r := ride{x, run{v.trip, d.day}, v.seq, to, d.moment(calls[v.seq].departs), d.moment(calls[to].arrives)}
					if old, there := best[r.run]; !there || shorter(r, old) < 0 {
						best[r.run] = r
					}
					break // later places are not sooner
				}
			}
		}
	}
	for _, r := range best {
		out = append(out, r)
	}
	return out
}

// shorter puts the ride that is there first before another of the same departure, and of those the one that leaves last.
func shorter(a, b ride) int {
	return cmp.Or(a.arrives.Compare(b.arrives), b.departs.Compare(a.departs), cmp.Compare(b.from, a.from))
}

// asks is a timetable with what is asked of it.
type asks struct {
	*index
	asked
}

// withChange are rides with one change, from any timetable to any: for each departure one can begin with, the one that is
// there first. Where one can be with the first departure and from where one gets there with the second meet at the place
// of the change; both sides are small, being bounded by what calls at the two ends.
func withChange(all []asks) (out []found) {
	second := map[string][]ride{}
	for _, a := range all {
		a.last(a.asked, second)
	}
	for _, rides := range second {
		slices.SortFunc(rides, func(a, b ride) int {
			return cmp.Or(a.departs.Compare(b.departs), a.arrives.Compare(b.arrives), whole(a, b))
		})
	}
	for _, a := range all {
		for _, j := range a.begun(a.asked, second) {
			out = append(out, j)
		}
	}
	return out
}

// begun are the rides with one change whose first departure is of this timetable.
func (x *index) begun(q asked, second map[string][]ride) map[run]found {
	best := map[run]found{}
	for _, d := range x.daysFor(q.lo, q.hi) {
		for station := range q.from {
			for _, v := range x.at(station, d, q.lo, q.hi) {
				if a := x.call(v); !x.takesUp(q, a) || !x.offers(q, v.trip, d.day) {
					continue
				}
				calls := x.trips[v.trip].calls
				for k := v.seq + 1; k < len(calls); k++ {
					c := calls[k]
					if q.from[c.station] || q.to[c.station] || !x.setsDown(q, c) {
						continue
					}
					first := ride{x, run{v.trip, d.day}, v.seq, k, d.moment(calls[v.seq].departs), d.moment(c.arrives)}
					if l, ok := soonest(second[x.stops[c.station].spot.name], first); ok {
						if old := best[first.run]; old == nil || sooner(found{first, l}, old) < 0 {
							best[first.run] = found{first, l}
						}
					}
				}
			}
		}
	}
	return best
}

// last adds the rides that end where somebody wants to be, by the name of the station at which they are boarded.
func (x *index) last(q asked, out map[string][]ride) {
	until := q.hi.Add(longestRest)
	for _, d := range x.daysFor(q.lo, until) {
		for station := range q.to {
			for _, v := range x.at(station, d, q.lo, until) {
				b := x.call(v)
				if !x.setsDown(q, b) || !x.offers(q, v.trip, d.day) {
					continue
				}
				for k, c := range x.trips[v.trip].calls[:v.seq] {
					if x.takesUp(q, c) {
						name := x.stops[c.station].spot.name
						out[name] = append(out[name], ride{x, run{v.trip, d.day}, k, v.seq, d.moment(c.departs), d.moment(b.arrives)})
					}
				}
			}
		}
	}
}

// soonest is the ride one can change to that is there first; of those the last to leave, so that nobody waits in vain.
func soonest(all []ride, first ride) (best ride, ok bool) {
	from, until := first.arrives.Add(shortestChange), first.arrives.Add(longestChange)
	i, _ := slices.BinarySearchFunc(all, from, func(r ride, t time.Time) int { return cmp.Or(r.departs.Compare(t), 1) })
	for ; i < len(all) && !all[i].departs.After(until); i++ {
		if meets(first, all[i]) && (!ok || !all[i].arrives.After(best.arrives)) {
			best, ok = all[i], true
		}
	}
	return best, ok
}

// meets reports whether one can change from a ride to another: where the first ends the second begins.
func meets(first, second ride) bool {
	a, b := first.in.stationAt(first.trip, first.to), second.in.stationAt(second.trip, second.from)
	if first.in == second.in {
		return a == b && first.run != second.run
	}
	return first.in.stops[a].spot.near(second.in.stops[b].spot)
}

func (x *index) stationAt(trip, seq int) int { return x.trips[trip].calls[seq].station }

// sooner puts the journey that is there first before another that begins with the same departure.
func sooner(a, b found) int {
	return cmp.Or(a[1].arrives.Compare(b[1].arrives), b[0].departs.Compare(a[0].departs), a[0].arrives.Compare(b[0].arrives), whole(a[1], b[1]),
		cmp.Compare(b[0].from, a[0].from), cmp.Compare(a[0].to, b[0].to))
}

// whole makes the order of rides at the same times whole, so that the same question has the same answer.
func whole(a, b ride) int {
	return cmp.Or(cmp.Compare(a.in.operator, b.in.operator), cmp.Compare(a.trip, b.trip), cmp.Compare(a.day, b.day), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
}
