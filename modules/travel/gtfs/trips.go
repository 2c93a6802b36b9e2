package gtfs

import "strconv"

// trip reads a row of "trips.txt".
func (r *reader) trip(w *row) {
	t := Trip{ID: w.id("trip_id", true), Route: w.id("route_id", true), Service: w.id("service_id", true), Name: w.text("trip_short_name", false, 60),
		Direction: w.choice("direction_id", false, 1), Wheelchair: Access(w.choice("wheelchair_accessible", false, int(No))), Bicycle: Access(w.choice("bikes_allowed", false, int(No)))}
	t.Headsign = r.told(w.text("trip_headsign", false, 200))
	w.named("route_id", t.Route, "routes.txt", r.routes)
	r.runs(w, t.Service)
	if shape := w.id("shape_id", false); shape != "" && !r.shapes[shape] && r.tells("shapes.txt") {
		w.add("shape_id", "reference")
	}
	if !w.once("trip_id", t.ID, r.trips) {
		return
	}
	r.trips[t.ID] = len(r.feed.Trips)
	r.feed.Trips = append(r.feed.Trips, t)
	r.tripLine = append(r.tripLine, w.line)
	r.calls, r.headways = append(r.calls, nil), append(r.headways, nil)
	if len(r.feed.Trips) == MaxTrips+1 {
		w.add("", "trips-many")
	}
}

// runs checks that a service stands in one of the two calendars, as far as those were read.
func (r *reader) runs(w *row, service string) {
	for _, f := range []string{"calendar.txt", "calendar_dates.txt"} {
		if r.files[f] && !r.whole[f] {
			return
		}
	}
	if r.files["calendar.txt"] || r.files["calendar_dates.txt"] {
		if _, there := r.services[service]; !there && service != "" {
			w.add("service_id", "reference")
		}
	}
}

// shape reads a row of "shapes.txt": where a vehicle drives is not kept, but a feed that is wrong here is wrong.
func (r *reader) shape(w *row) {
	id := w.id("shape_id", true)
	w.number("shape_pt_lat", true, -90, 90)
	w.number("shape_pt_lon", true, -180, 180)
	w.number("shape_dist_traveled", false, 0, 1e9)
	seq, ok := w.whole("shape_pt_sequence", true, 0, 1<<31-1)
	if id == "" || !ok {
		return
	}
	key := id + "\n" + strconv.Itoa(seq)
	if r.points[key] {
		w.add("shape_pt_sequence", "row-twice")
	}
	r.points[key], r.shapes[id] = true, true
}
