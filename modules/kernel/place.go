package kernel

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Position is a point on the earth, in degrees (WGS 84).
type Position struct{ Latitude, Longitude float64 }

// Valid reports whether the position is on the earth; what is not a number is none.
func (p Position) Valid() bool {
	return p.Latitude >= -90 && p.Latitude <= 90 && p.Longitude >= -180 && p.Longitude <= 180
}

const (
	earthRadius = 6_371_000 // metres, of a sphere: right to half a percent
	degree      = math.Pi / 180
)

// Metres is the way to another position as the crow flies (haversine formula).
func (p Position) Metres(q Position) float64 {
	square := func(x float64) float64 { s := math.Sin(x * degree / 2); return s * s }
	h := square(q.Latitude-p.Latitude) + math.Cos(p.Latitude*degree)*math.Cos(q.Latitude*degree)*square(q.Longitude-p.Longitude)
	return 2 * earthRadius * math.Asin(math.Sqrt(min(1, h)))
}

// ServicePoints is offered by every module whose services are used at places.
type ServicePoints interface {
	// Near lists the places of the transaction's municipality around a position, nearest first. The position is used for
	// that and forgotten: no table, no log and no error names it. Anybody may ask.
	Near(ctx context.Context, tx Tx, n Nearby) ([]ServicePoint, error)
}

// Nearby asks for the places around somebody.
type Nearby struct {
	At     Position
	Metres float64 // no further away than this
	Limit  int
}

// ServicePoint is a place at which services are used: a clinic, a stop, an office.
type ServicePoint struct {
	Position
	Apps    []string // slugs of the services, the most usual one first
	Name    Text
	Address string   // one line; empty when there is none
	Agency  AgencyID // who runs it
	Ref     string   // names it to the services' start pages, as ?ref=; empty when they do not ask where
	Metres  float64  // from where was asked; set by Nearest
}

// Box is the rectangle of degrees that holds everything asked for. Longitudes are compared by their difference, which is at
// most East: the box goes over the 180th meridian.
func (n Nearby) Box() (south, north, east float64) {
	lat := n.Metres / earthRadius / degree
	south, north, east = n.At.Latitude-lat, n.At.Latitude+lat, 180
	if widest := max(math.Abs(south), math.Abs(north)); widest < 90 {
		east = min(180, lat/math.Cos(widest*degree))
	}
	return south, north, east
}

// Nearest keeps of all those within the distance that was asked for, and as many as were asked for, the nearest first.
func (n Nearby) Nearest(all []ServicePoint) []ServicePoint {
	out := []ServicePoint{}
	for _, p := range all {
		if p.Metres = n.At.Metres(p.Position); p.Metres <= n.Metres {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b ServicePoint) int { return cmp.Compare(a.Metres, b.Metres) })
	return out[:min(len(out), n.Limit)]
}
