package gtfs

// stop reads a row of "stops.txt".
func (r *reader) stop(w *row) {
	s := Stop{ID: w.id("stop_id", true), Code: w.text("stop_code", false, 60), PlatformCode: w.text("platform_code", false, 60), FareZone: w.id("zone_id", false),
		Kind: w.choice("location_type", false, Boarding), Parent: w.id("parent_station", false), Zone: w.zone("stop_timezone", false),
		Wheelchair: Access(w.choice("wheelchair_boarding", false, int(No)))}
	shown := s.Kind <= Entrance // the others need neither name nor position
	s.Name = r.told(w.text("stop_name", shown, 200))
	lat, ok1 := w.number("stop_lat", shown, -90, 90)
	lon, ok2 := w.number("stop_lon", shown, -180, 180)
	s.Latitude, s.Longitude, s.Located = lat, lon, ok1 && ok2
	switch {
	case s.Kind == Station && s.Parent != "":
		w.add("parent_station", "parent-forbidden")
	case s.Kind >= Entrance && s.Parent == "":
		w.add("parent_station", "parent-needed")
	}
	if !w.once("stop_id", s.ID, r.stops) {
		return
	}
	if s.FareZone != "" {
		r.fareZones[s.FareZone] = true
	}
	r.stops[s.ID] = len(r.feed.Stops)
	r.feed.Stops = append(r.feed.Stops, s)
	r.stopLine = append(r.stopLine, w.line)
}

// parents checks what stops belong to: a boarding place to a platform, everything else to a station.
func (r *reader) parents() {
	if !r.whole["stops.txt"] {
		return
	}
	for i, s := range r.feed.Stops {
		if s.Parent == "" || s.Kind == Station {
			continue
		}
		p, there := r.stops[s.Parent]
		kind := Station
		if s.Kind == Boarding {
			kind = Platform
		}
		switch {
		case !there:
			r.add("stops.txt", r.stopLine[i], "parent_station", "reference")
		case r.feed.Stops[p].Kind != kind:
			r.add("stops.txt", r.stopLine[i], "parent_station", "parent-kind")
		}
	}
}

// inherit gives stops what their station says for them: its time zone, and its access where they do not tell their own.
func (r *reader) inherit() {
	for i := range r.feed.Stops {
		s := &r.feed.Stops[i]
		for at, n := s, 0; n < 3; n++ { // a boarding place, its platform, its station
			if s.Wheelchair == NotTold {
				s.Wheelchair = at.Wheelchair
			}
			if at.Parent == "" {
				// stop_timezone: a stop in a station has the station's, whatever its own row says.
				s.Zone = at.Zone
				break
			}
			at = &r.feed.Stops[r.stops[at.Parent]]
		}
		if s.Zone == "" {
			s.Zone = r.feed.Zone.String()
		}
	}
}
