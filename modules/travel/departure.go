package travel

import "time"

// fareStop is what tables of fares call the stop of a call: its id in the operator's timetable.
func fareStop(c Call) string { return c.Code }

// stopIn is the name of the stop a call is at, in a language.
func stopIn(locale string, c Call) string { return c.Name.In(locale) }

// fareRoute is what tables of fares call the line of a departure: its number, else its name.
func fareRoute(d Departure) string {
	if d.Route.Short != "" {
		return d.Route.Short
	}
	return d.Route.Name.In("en")
}

// routeIn is the name of a departure's line, in a language.
func routeIn(locale string, d Departure) string {
	if d.Route.Short != "" {
		return d.Route.Short
	}
	return d.Route.Name.In(locale)
}

// headsignIn is where a departure goes as it stands on the vehicle, in a language; empty when nothing does.
func headsignIn(locale string, d Departure) string { return d.Headsign.In(locale) }

// lineIn is the line and where it goes, in a language.
func lineIn(locale string, d Departure) string {
	if headsign := headsignIn(locale, d); headsign != "" {
		return routeIn(locale, d) + ", " + headsign
	}
	return routeIn(locale, d)
}

// Location returns the time zone the departure's times are read in; UTC when this machine does not know it.
func (d Departure) Location() *time.Location { return located(d.Zone) }
