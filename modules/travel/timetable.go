package travel

import (
	"time"

	"townhall/modules/kernel"
)

// Ids of a timetable.
type (
	StopID      string
	DepartureID string // UUIDv7; it stays the same while the operator's trip_id and the day of service do
	FeedID      string
	ConflictID  string
)

// ahead is for how many days departures are made, today with them.
const ahead = 90

// States of a departure.
const (
	DepartureScheduled = "scheduled"
	DepartureCalledOff = "called-off"
)

// Place is a stop or a station as the search shows it.
type Place struct {
	ID                  StopID
	Operator            kernel.AgencyID
	Name                kernel.Text
	Zone                string // IANA
	Latitude, Longitude *float64
}

// Route is the line of a departure.
type Route struct {
	Key, Short       string
	Name             kernel.Text
	Means            string // "coach", "ferry", …; see package gtfs
	Color, TextColor string // six hexadecimal digits, or empty
	Carrier          string // who drives, as the feed calls it
}

// Departure is one trip on one day of service: what seats are sold for.
type Departure struct {
	ID         DepartureID
	Operator   kernel.AgencyID
	Date       string // day of service, YYYY-MM-DD; a call behind midnight is on the next one
	Trip       string // the operator's trip_id
	Name       string // what passengers call the trip, such as a train's number; may be empty
	Route      Route
	Headsign   kernel.Text
	Zone       string // IANA, of the operator
	Wheelchair int    // 0 not told, 1 yes, 2 no
	Bicycle    int
	Headway    int // seconds; above 0 the times are about right
	StartsAt   time.Time
	EndsAt     time.Time
	Layout     string // of the vehicle; empty: the operator's usual one
	State      string
	Offered    bool // the timetable in force has it just so
	Claimed    bool // somebody has, or had, a seat
	Calls      []Call

	feed FeedID // with trip: the calls it was read with
	trip int
}

// Call is a departure at a stop. Segment n of a departure is from Calls[n] to Calls[n+1].
type Call struct {
	Seq             int // its place in Calls
	Stop, Station   StopID
	Code            string // of the stop in the operator's timetable (stop_id)
	Name            kernel.Text
	Platform        string
	Zone            string // IANA: times are shown in it
	FareZone        string
	Arrives         time.Time // in Zone
	Departs         time.Time
	Pickup, DropOff bool // whether somebody may get on, off
	Estimated       bool // the operator tells no time here
}

// Kinds of conflicts.
const (
	ConflictGone    = "gone"    // the timetable in force does not have the departure
	ConflictChanged = "changed" // it has it at other times or stops
)

// How a conflict is settled. "settled" is what a later timetable does that has the departure as it was booked.
const (
	HowKept      = "kept"       // the vehicle runs as it was booked
	HowMoved     = "moved"      // it runs as the timetable in force has it; only for ConflictChanged
	HowCalledOff = "called-off" // it does not run
)

// Conflict is a booked departure about which staff have to decide.
type Conflict struct {
	ID        ConflictID
	Operator  kernel.AgencyID
	Departure DepartureID
	Kind      string
	CreatedAt time.Time
}
