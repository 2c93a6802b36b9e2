package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestDistancesAreThoseOfTheAtlas(t *testing.T) {
	for _, c := range []struct {
		from, to Position
		km       float64
	}{
		{Position{51.5074, -0.1278}, Position{48.8566, 2.3522}, 344},     // London to Paris
		{Position{55.7558, 37.6173}, Position{39.9042, 116.4074}, 5794},  // Moscow to Beijing
		{Position{-16.5, 179.9}, Position{-16.5, -179.9}, 21.3},          // over the date line
		{Position{90, 0}, Position{90, 135}, 0},                          // the pole is one place
		{Position{0, 0}, Position{0, 180}, math.Pi * earthRadius / 1000}, // the other side
	} {
		if got := c.from.Metres(c.to) / 1000; math.Abs(got-c.km) > 0.005*c.km+1e-6 {
			t.Errorf("%v to %v: %.1f km, want %.1f", c.from, c.to, got, c.km)
		}
	}
	for _, p := range []Position{{91, 0}, {-91, 0}, {0, 181}, {0, -181}, {math.NaN(), 0}, {0, math.Inf(1)}} {
		if p.Valid() {
			t.Errorf("%v is a position", p)
		}
	}
}

// Whatever is near enough stands in the box, wherever on the earth that is.
func TestTheBoxHoldsEverythingNear(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		n := Nearby{At: Position{r.Float64()*180 - 90, r.Float64()*360 - 180}, Metres: 100 + r.Float64()*50_000, Limit: 1}
		south, north, east := n.Box()
		p := Position{max(-90, min(90, n.At.Latitude+(r.Float64()-0.5)*1.2)), n.At.Longitude + (r.Float64()-0.5)*4}
		if p.Longitude > 180 {
			p.Longitude -= 360
		}
		apart := math.Abs(p.Longitude - n.At.Longitude)
		inside := p.Latitude >= south && p.Latitude <= north && min(apart, 360-apart) <= east
		if n.At.Metres(p) <= n.Metres && !inside {
			t.Fatalf("%v is %.0f m from %v and not in its box of %.0f m", p, n.At.Metres(p), n.At, n.Metres)
		}
	}
}

func TestTheNearestComeFirstAndNoneTooFar(t *testing.T) {
	at := func(lat float64) ServicePoint { return ServicePoint{Position: Position{lat, 0}} }
	got := Nearby{Metres: 250_000, Limit: 2}.Nearest([]ServicePoint{at(2), at(3), at(-1), at(0.5)})
	if len(got) != 2 || got[0].Latitude != 0.5 || got[1].Latitude != -1 || got[0].Metres < 55_000 || got[0].Metres > 56_000 {
		t.Errorf("%+v", got)
	}
	if got := (Nearby{Metres: 1000, Limit: 2}).Nearest([]ServicePoint{at(2)}); got == nil || len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
