// Package gtfs reads timetables in the format GTFS Schedule (gtfs.org/documentation/schedule/reference): tables of
// agencies, stops, routes, trips and the days they run, in one archive or as a set of files. It is pure: it fetches
// nothing and knows no database.
//
// A feed is taken whole or not at all. Every problem is told with file, line and field. What the reference allows and
// we have no use for, such as pathways, is not read; on-demand areas (GTFS-Flex) are refused, because a seat is sold from
// stop to stop.
package gtfs

import (
	"time"

	"townhall/modules/kernel"
)

// Feed is a timetable. Rows that name each other do so by the ids of the feed, and whatever is named is there.
type Feed struct {
	Zone     *time.Location // of every agency: service days and times are of it ("agency.txt", agency_timezone)
	Info     Info
	Agencies []Agency
	Stops    []Stop
	Routes   []Route
	Services []Service
	Trips    []Trip // those of frequencies.txt written out, one by one
	Fares    []Fare
}

// Info is what the feed says about itself ("feed_info.txt"); all of it may be empty.
type Info struct {
	Publisher, URL, Lang, Version string
	From, Until                   Day // for which days it speaks; Undated where it does not say
}

// Agency is a carrier ("agency.txt").
type Agency struct {
	ID, Name, URL, Lang, Phone, Email, FareURL string
}

// Kinds of stops (location_type in "stops.txt").
const (
	Platform = 0 // where people get on and off
	Station  = 1 // what several platforms belong to
	Entrance = 2
	Node     = 3 // of a way inside a station
	Boarding = 4 // a place on a platform
)

// Access answers whether something can be had: "not told" is neither yes nor no.
type Access int

// Access as it stands in a feed (wheelchair_boarding, wheelchair_accessible, bikes_allowed).
const (
	NotTold Access = 0
	Yes     Access = 1
	No      Access = 2
)

// Stop is a row of "stops.txt". A stop that does not tell its zone or its access has those of its station.
type Stop struct {
	ID, Code, PlatformCode string
	Name                   kernel.Text // in the feed's language and those of translations.txt
	FareZone               string
	Kind                   int
	Parent                 string  // a station's id, or for Boarding a platform's
	Latitude, Longitude    float64 // WGS 84
	Located                bool    // it says where it is: always so for platforms, stations and entrances
	Zone                   string  // IANA; its own, its station's or the agencies'
	Wheelchair             Access
}

// Means of transport: basic and extended route types, by what a traveller has to know.
const (
	Tram    = "tram"
	Metro   = "metro"
	Rail    = "rail"
	Bus     = "bus"
	Coach   = "coach"
	Ferry   = "ferry"
	Cable   = "cable" // cable cars, aerial lifts, funiculars
	Air     = "air"
	Taxi    = "taxi"
	Another = "other"
)

// Route is a line ("routes.txt").
type Route struct {
	ID, Agency       string // the agency's id; the only one's where the route does not say
	Short            string
	Long             kernel.Text
	Means            string // "coach", "ferry", …
	Type             int    // as it stands in the feed
	Color, TextColor string // six hexadecimal digits, or empty
}

// Trip is one run of a vehicle on each day of its service ("trips.txt").
type Trip struct {
	ID                  string // with "@06:30:00" behind it for one of frequencies.txt
	Route, Service      string
	Headsign            kernel.Text
	Name                string // trip_short_name: what passengers call it
	Direction           int
	Wheelchair, Bicycle Access
	Headway             int // seconds; above 0 the times are about right, a vehicle comes so often (exact_times 0)
	Calls               []Call
}

// How people get on or off at a call (pickup_type, drop_off_type in "stop_times.txt").
const (
	Regular    = 0
	NotAtAll   = 1
	ByPhone    = 2
	AskADriver = 3
)

// Call is a trip at a stop ("stop_times.txt"). Times are seconds since noon minus 12 hours of the service day, so that
// 25:10:00 is the early morning after it; At tells the moment.
type Call struct {
	Seq              int // as it stands in the feed: it grows along the trip
	Stop             string
	Arrives, Departs int
	Pickup, DropOff  int
	Estimated        bool // the feed leaves the time to the reader (see interpolate)
}
