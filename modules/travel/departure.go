package travel

import (
	"time"

	"townhall/modules/kernel"
)

// DepartureID names one trip on one day: a UUID made by kernel.NewID.
type DepartureID string

// States of a departure.
const (
	DepartureScheduled = "scheduled"
	DepartureCalledOff = "called-off"
)

// Departure is one trip on one day, with the calls it makes.
type Departure struct {
	ID       DepartureID
	Operator kernel.AgencyID
	TripKey  string
	Date     string // YYYY-MM-DD: the day of service, which may have begun the day before by the calendar
	Route    string
	Headsign string
	Zone     string // IANA
	Layout   string // code of the vehicle's
	State    string
	Calls    []Call // in the order of the trip
}

// Call is one stop of a departure.
type Call struct {
	Seq     int
	Stop    string
	Name    string
	Arrives time.Time // UTC
	Departs time.Time
}

// fareStop is what tables of fares call the stop of a call.
func fareStop(c Call) string { return c.Stop }

// stopIn is the name of the stop a call is at, in a language.
func stopIn(_ string, c Call) string { return c.Name }

// routeIn is the name of a departure's line, in a language.
func routeIn(_ string, d Departure) string { return d.Route }

// headsignIn is where a departure goes as it stands on the vehicle, in a language; empty when nothing does.
func headsignIn(_ string, d Departure) string { return d.Headsign }

// lineIn is the line and where it goes, in a language.
func lineIn(locale string, d Departure) string {
	if headsign := headsignIn(locale, d); headsign != "" {
		return routeIn(locale, d) + ", " + headsign
	}
	return routeIn(locale, d)
}

// Location returns the time zone the departure's times are read in; UTC when this machine does not know it.
func (d Departure) Location() *time.Location {
	if l, err := time.LoadLocation(d.Zone); err == nil {
		return l
	}
	return time.UTC
}
