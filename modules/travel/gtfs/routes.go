package gtfs

import "townhall/modules/kernel"

// route reads a row of "routes.txt".
func (r *reader) route(w *row) {
	x := Route{ID: w.id("route_id", true), Agency: w.agencyOf("agency_id"), Short: w.text("route_short_name", false, 60),
		Color: w.color("route_color"), TextColor: w.color("route_text_color")}
	x.Long = r.told(w.text("route_long_name", false, 300))
	if x.Short == "" && len(x.Long) == 0 {
		w.add("route_short_name", "name-needed")
	}
	if n, ok := w.whole("route_type", true, 0, 1999); ok {
		x.Type = n
		if x.Means = meansOf(n); x.Means == "" {
			w.add("route_type", "choice")
		}
	}
	if !w.once("route_id", x.ID, r.routes) {
		return
	}
	r.routes[x.ID] = len(r.feed.Routes)
	r.feed.Routes = append(r.feed.Routes, x)
}

// basic are the route types of the reference ("routes.txt", route_type).
var basic = map[int]string{0: Tram, 1: Metro, 2: Rail, 3: Bus, 4: Ferry, 5: Cable, 6: Cable, 7: Cable, 11: Bus, 12: Rail}

// extended are the hundreds of the extended route types, which carriers use beside them because there is no other way to
// tell a coach from a town bus (the codes of the European TPEG, developers.google.com/transit/gtfs/reference/extended-route-types).
var extended = map[int]string{1: Rail, 2: Coach, 3: Rail, 4: Metro, 5: Metro, 6: Metro, 7: Bus, 8: Bus, 9: Tram, 10: Ferry, 11: Air, 12: Ferry, 13: Cable, 14: Cable,
	15: Taxi, 16: Another, 17: Another}

// meansOf is the means of transport of a route type; empty for one nobody has defined.
func meansOf(n int) string {
	if n < 100 {
		return basic[n]
	}
	return extended[n/100]
}

// Title is how people call a route: its number and its name, as far as it has them.
func (x Route) Title() kernel.Text {
	if x.Short == "" {
		return x.Long
	}
	if len(x.Long) == 0 {
		return kernel.Text{kernel.Locales[0]: x.Short}
	}
	out := kernel.Text{}
	for l, s := range x.Long {
		out[l] = x.Short + " " + s
	}
	return out
}
