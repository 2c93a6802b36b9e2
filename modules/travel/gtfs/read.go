package gtfs

import (
	"slices"

	"townhall/modules/kernel/lines"
)

// Bounds of what Read takes. A feed of a whole country is beyond them; that of a town's carriers is far below.
const (
	MaxBytes    = 64 << 20  // of one file
	MaxRows     = 1_500_000 // of one table
	MaxTrips    = 50_000    // with those of frequencies.txt
	MaxServices = 2_000
)

// tables are the files that are read, in the order in which they depend on each other.
var tables = []table{
	{"agency.txt", []string{"agency_id", "agency_name*", "agency_url*", "agency_timezone*", "agency_lang", "agency_phone", "agency_fare_url", "agency_email"}, (*reader).agency},
	{"feed_info.txt", []string{"feed_publisher_name*", "feed_publisher_url*", "feed_lang*", "feed_start_date", "feed_end_date", "feed_version"}, (*reader).info},
	{"stops.txt", []string{"stop_id*", "stop_code", "stop_name", "stop_lat", "stop_lon", "zone_id", "location_type", "parent_station", "stop_timezone",
		"wheelchair_boarding", "platform_code"}, (*reader).stop},
	{"routes.txt", []string{"route_id*", "agency_id", "route_short_name", "route_long_name", "route_type*", "route_color", "route_text_color"}, (*reader).route},
	{"calendar.txt", []string{"service_id*", "monday*", "tuesday*", "wednesday*", "thursday*", "friday*", "saturday*", "sunday*", "start_date*", "end_date*"}, (*reader).calendar},
	{"calendar_dates.txt", []string{"service_id*", "date*", "exception_type*"}, (*reader).calendarDate},
	{"shapes.txt", []string{"shape_id*", "shape_pt_lat*", "shape_pt_lon*", "shape_pt_sequence*", "shape_dist_traveled"}, (*reader).shape},
	{"trips.txt", []string{"route_id*", "service_id*", "trip_id*", "trip_headsign", "trip_short_name", "direction_id", "shape_id", "wheelchair_accessible", "bikes_allowed"}, (*reader).trip},
	{"stop_times.txt", []string{"trip_id*", "arrival_time", "departure_time", "stop_id*", "stop_sequence*", "pickup_type", "drop_off_type", "timepoint",
		"shape_dist_traveled", "location_group_id", "location_id"}, (*reader).stopTime},
	{"frequencies.txt", []string{"trip_id*", "start_time*", "end_time*", "headway_secs*", "exact_times"}, (*reader).frequency},
	{"fare_attributes.txt", []string{"fare_id*", "price*", "currency_type*", "payment_method*", "transfers*", "agency_id"}, (*reader).fare},
	{"fare_rules.txt", []string{"fare_id*", "route_id", "origin_id", "destination_id", "contains_id"}, (*reader).fareRule},
	{"translations.txt", []string{"table_name*", "field_name*", "language*", "translation*", "record_id", "field_value"}, (*reader).translation},
}

// needed are the files without which nothing runs ("Dataset Files"); one of the two calendars is needed too.
var needed = []string{"agency.txt", "stops.txt", "routes.txt", "trips.txt", "stop_times.txt"}

// reader is a feed that is being read. Rows are found by their id, and remembered with their line.
type reader struct {
	problems lines.Problems
	feed     Feed
	files    map[string]bool // handed in
	whole    map[string]bool // read to the end
	rows     map[string]int
	zones    map[string]bool // time zones that are known to exist

	agencies, stops, routes, services, trips, fares map[string]int // index by id
	agencyLine                                      int            // of the first
	stopLine, tripLine                              []int
	fareZones, shapes                               map[string]bool
	points, exceptions                              map[string]bool // rows that may stand once
	calls                                           [][]timed       // of a trip, in the order of the file
	headways                                        [][]headway     // of a trip
	frequent                                        int             // trips that frequencies.txt makes
	words                                           words
}

// Read reads the files of a feed; those the reference does not name, or which we have no use for, are left alone.
// Every problem is told with file, line and field, and where there is one nothing is returned.
func Read(files []lines.File) (Feed, lines.Problems) {
	r := reader{files: map[string]bool{}, whole: map[string]bool{}, rows: map[string]int{}, zones: map[string]bool{}, agencies: map[string]int{}, stops: map[string]int{},
		routes: map[string]int{}, services: map[string]int{}, trips: map[string]int{}, fares: map[string]int{}, fareZones: map[string]bool{}, shapes: map[string]bool{},
		points: map[string]bool{}, exceptions: map[string]bool{}, words: words{}}
	r.feed.Info.From, r.feed.Info.Until = Undated, Undated
	for _, t := range tables {
		for _, f := range files {
			if f.Name != t.file {
				continue
			}
			if r.files[f.Name] {
				r.add(f.Name, 0, "", "file-twice")
				continue
			}
			r.files[f.Name] = true
			r.whole[f.Name] = r.table(t, f)
		}
		r.after(t.file)
	}
	r.missing()
	r.problems.Sort(files)
	if r.problems.Any() {
		return Feed{}, r.problems
	}
	r.finish()
	return r.feed, r.problems
}

// missing tells which files are.
func (r *reader) missing() {
	for _, name := range needed {
		switch {
		case !r.files[name]:
			r.add(name, 0, "", "file-missing")
		case r.whole[name] && r.rows[name] == 0:
			r.add(name, 0, "", "rows-none")
		}
	}
	switch {
	case !r.files["calendar.txt"] && !r.files["calendar_dates.txt"]:
		r.add("calendar.txt", 0, "", "calendar")
	case r.whole["calendar_dates.txt"] && !slices.ContainsFunc(r.feed.Services, func(s Service) bool { return s.From != Undated || len(s.Added) > 0 }):
		r.add("calendar_dates.txt", 0, "", "never")
	}
}

// after does what needs a whole table.
func (r *reader) after(file string) {
	switch file {
	case "stops.txt":
		r.parents()
	case "stop_times.txt":
		r.sequences()
	case "frequencies.txt":
		r.overlaps()
	}
}

// finish makes what follows from tables that are fine.
func (r *reader) finish() {
	r.inherit()
	for i := range r.feed.Services {
		slices.Sort(r.feed.Services[i].Added)
		slices.Sort(r.feed.Services[i].Removed)
	}
	r.translate()
	r.writeOut()
}

// named checks that a cell names a row of a table.
func (w *row) named(column, id, file string, ids map[string]int) (int, bool) {
	i, there := ids[id]
	if !there && id != "" && w.r.tells(file) {
		w.add(column, "reference")
	}
	return i, there
}

// tells reports whether anything can be said about what stands in a file. Of one that has to be there and is not, that is
// empty or was not read to its end, nothing can: one mistake is told once.
func (r *reader) tells(file string) bool {
	if !slices.Contains(needed, file) {
		return r.whole[file] || !r.files[file]
	}
	return r.whole[file] && r.rows[file] > 0
}

// once checks that an id stands in one row of its table.
func (w *row) once(column, id string, ids map[string]int) bool {
	if id == "" {
		return false
	}
	if _, twice := ids[id]; twice {
		w.add(column, "row-twice")
		return false
	}
	return true
}
