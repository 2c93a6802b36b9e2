package seats

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"townhall/modules/kernel"

	"pgregory.net/rapid"
)

func of(t testing.TB, rows int) Layout {
	t.Helper()
	f := Form{Code: "coach", Name: kernel.Text{"en": "a", "ru": "b", "zh": "c"}, Wheelchairs: []string{"W1"}, Bicycles: 3, Rows: []string{"W1"}}
	for i := range rows {
		f.Rows = append(f.Rows, fmt.Sprintf("%dA %dB | %dC %dD", i+1, i+1, i+1, i+1))
	}
	l, err := f.Layout()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func numbers(given []Given) (out []string) {
	for _, g := range given {
		out = append(out, g.Number)
	}
	return out
}

func must(t *testing.T, l Layout, b Busy, segments int, r Request) []Given {
	t.Helper()
	g, err := Assign(l, b, segments, r)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAShortRideFillsAHoleBeforeItOpensAnEmptySeat(t *testing.T) {
	t.Parallel()
	l, b := of(t, 2), Busy{}
	b.Take("1A", 0, 2, 6)
	b.Take("1C", 0, 2, 6)
	b.Take("1C", 4, 6, 6)
	b.Take("2B", 3, 6, 6)
	if g := must(t, l, b, 6, Request{From: 2, To: 4, Needs: make([]Need, 1)}); g[0].Number != "1C" {
		t.Errorf("got %v, and 1C fits exactly", g)
	}
	if g := must(t, l, b, 6, Request{From: 2, To: 6, Needs: make([]Need, 1)}); g[0].Number != "1A" {
		t.Errorf("got %v, and 1A fits exactly", g)
	}
}

func TestPeopleWhoTravelTogetherSitTogetherWhenItCostsNothing(t *testing.T) {
	t.Parallel()
	l, b := of(t, 4), Busy{}
	b.Take("1B", 0, 3, 3)
	b.Take("2A", 0, 3, 3)
	if g := numbers(must(t, l, b, 3, Request{From: 0, To: 3, Needs: make([]Need, 4)})); !slices.Equal(g, []string{"3A", "3B", "3C", "3D"}) {
		t.Errorf("four sit on %v", g)
	}
	if g := numbers(must(t, l, b, 3, Request{From: 0, To: 3, Needs: make([]Need, 2)})); !slices.Equal(g, []string{"1C", "1D"}) {
		t.Errorf("two sit on %v", g)
	}
	// 2D is the only hole of that size, and is used whoever sits elsewhere.
	b.Take("2D", 0, 1, 3)
	if g := numbers(must(t, l, b, 3, Request{From: 1, To: 3, Needs: make([]Need, 2)})); !slices.Equal(g, []string{"2C", "2D"}) {
		t.Errorf("two sit on %v", g)
	}
	if g := numbers(must(t, l, b, 3, Request{From: 0, To: 3, Needs: []Need{{Number: "4D"}, {}}})); !slices.Equal(g, []string{"4D", "4C"}) {
		t.Errorf("beside 4D is %v", g)
	}
}

func TestWhatIsAskedForByNumberIsHonouredOrRefused(t *testing.T) {
	t.Parallel()
	l, b := of(t, 2), Busy{}
	b.Take("2A", 1, 2, 3)
	for name, c := range map[string]struct {
		from, to int
		needs    []Need
		want     error
	}{
		"free there":               {0, 1, []Need{{Number: "2A"}}, nil},
		"taken on a part":          {0, 3, []Need{{Number: "2A"}}, ErrTaken},
		"asked for twice":          {0, 1, []Need{{Number: "1A"}, {Number: "1A"}}, ErrTaken},
		"not in this vehicle":      {0, 1, []Need{{Number: "9Z"}}, ErrNoPlace},
		"a seat for a wheelchair":  {0, 1, []Need{{Number: "1A", Kind: Wheelchair}}, ErrNoPlace},
		"a wheelchair's, for legs": {0, 1, []Need{{Number: "W1"}}, ErrNoPlace},
		"backwards":                {2, 1, []Need{{}}, ErrNoPlace},
		"beyond the end":           {2, 4, []Need{{}}, ErrNoPlace},
	} {
		g, err := Assign(l, b, 3, Request{From: c.from, To: c.to, Needs: c.needs})
		if !errors.Is(err, c.want) || c.want == nil && g[0].Number != "2A" || c.want != nil && g != nil {
			t.Errorf("%s: %v %v", name, g, err)
		}
	}
}

func TestWheelchairsAndBicyclesHavePlacesOfTheirOwn(t *testing.T) {
	t.Parallel()
	l, b := of(t, 2), Busy{}
	g := must(t, l, b, 2, Request{From: 0, To: 2, Needs: []Need{{Bicycle: true}, {Kind: Wheelchair}, {Bicycle: true}}})
	if g[1] != (Given{"W1", ""}) || g[0].Bicycle != "B1" || g[2].Bicycle != "B2" || g[0].Number != "1A" {
		t.Errorf("got %+v", g)
	}
	b.Take("W1", 0, 1, 2)
	if _, err := Assign(l, b, 2, Request{From: 0, To: 2, Needs: []Need{{}, {Kind: Wheelchair}}}); !errors.Is(err, ErrFull) {
		t.Errorf("a wheelchair without a place: %v", err)
	}
	for _, n := range []string{"B1", "B3"} {
		b.Take(n, 0, 2, 2)
	}
	if _, err := Assign(l, b, 2, Request{From: 0, To: 2, Needs: []Need{{Bicycle: true}, {Bicycle: true}}}); !errors.Is(err, ErrFull) {
		t.Errorf("a bicycle without a place: %v", err)
	}
}

// Whatever is asked for in whatever order: nobody sits on anybody, everybody of a request is seated or nobody, what fits
// gets a place, and everybody gets the kind they need.
func TestNobodyEverSitsOnAnybodyAndWhatFitsIsSeated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := of2(t)
		segments := rapid.IntRange(1, 12).Draw(t, "segments")
		busy, owner := Busy{}, map[string]int{}
		for who := range rapid.IntRange(1, 60).Draw(t, "requests") {
			r := Request{From: rapid.IntRange(0, segments-1).Draw(t, "from")}
			r.To = rapid.IntRange(r.From+1, segments).Draw(t, "to")
			for range rapid.IntRange(1, 5).Draw(t, "people") {
				n := Need{Kind: rapid.SampledFrom([]Kind{"", Seat, Seat, Wheelchair}).Draw(t, "kind"), Bicycle: rapid.IntRange(0, 9).Draw(t, "bicycle") == 0}
				if rapid.IntRange(0, 9).Draw(t, "wish") == 0 {
					n.Number = rapid.SampledFrom(l.Places).Draw(t, "place").Number
				}
				r.Needs = append(r.Needs, n)
			}
			g, err := Assign(l, busy, segments, r)
			if err != nil {
				if fits(l, busy, r) {
					t.Fatalf("%v refused %+v, and there is room", err, r)
				}
				continue
			}
			if len(g) != len(r.Needs) {
				t.Fatalf("%d places for %d people", len(g), len(r.Needs))
			}
			for i, p := range g {
				seat, ok := l.Place(p.Number)
				want := r.Needs[i].Kind
				if want == "" {
					want = Seat
				}
				if !ok || seat.Kind != want || (p.Bicycle != "") != r.Needs[i].Bicycle || r.Needs[i].Number != "" && p.Number != r.Needs[i].Number {
					t.Fatalf("%+v got %+v", r.Needs[i], p)
				}
				for _, number := range []string{p.Number, p.Bicycle} {
					for s := r.From; s < r.To && number != ""; s++ {
						key := fmt.Sprint(number, "/", s)
						if other, there := owner[key]; there {
							t.Fatalf("requests %d and %d both have %s", other, who, key)
						}
						owner[key] = who
					}
					if number != "" {
						busy.Take(number, r.From, r.To, segments)
					}
				}
			}
		}
	})
}

func of2(t *rapid.T) Layout {
	f := Form{Code: "c", Name: kernel.Text{"en": "a", "ru": "b", "zh": "c"}, Wheelchairs: []string{"W1"}, Bicycles: 2, Rows: []string{"W1"}}
	for i := range rapid.IntRange(1, 6).Draw(t, "rows") {
		f.Rows = append(f.Rows, fmt.Sprintf("%dA %dB | %dC", i+1, i+1, i+1))
	}
	l, err := f.Layout()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fits counts by hand whether everybody of a request could have a place of their kind. What is wished for by number only
// narrows that, so a request with wishes is not judged.
func fits(l Layout, busy Busy, r Request) bool {
	need := map[Kind]int{}
	for _, n := range r.Needs {
		if n.Number != "" {
			return false
		}
		kind := n.Kind
		if kind == "" {
			kind = Seat
		}
		need[kind]++
		if n.Bicycle {
			need[Bicycle]++
		}
	}
	for _, p := range l.Places {
		if busy.Free(p.Number, r.From, r.To) {
			need[p.Kind]--
		}
	}
	return need[Seat] <= 0 && need[Wheelchair] <= 0 && need[Bicycle] <= 0
}

// ride is a single passenger's request, for the comparison with the optimum.
type ride struct{ from, to int }

// optimum is how many seat-segments could be sold at best by somebody who sees all requests before seating anybody and
// admits them in the same order: a ride is admitted when each of its segments has a seat left, because then the greedy
// colouring of the interval graph, by beginning, seats everybody admitted (intervals are perfect graphs: the largest
// crowd on a segment is the number of seats needed). It also checks that colouring.
func optimum(t testing.TB, all []ride, seats, segments int) (sold int) {
	load := make([]int, segments)
	var admitted []ride
	for _, r := range all {
		ok := true
		for s := r.from; s < r.to; s++ {
			ok = ok && load[s] < seats
		}
		if !ok {
			continue
		}
		for s := r.from; s < r.to; s++ {
			load[s]++
		}
		admitted = append(admitted, r)
		sold += r.to - r.from
	}
	slices.SortFunc(admitted, func(a, b ride) int { return a.from - b.from })
	ends := make([]int, seats)
	for _, r := range admitted {
		i := slices.IndexFunc(ends, func(end int) bool { return end <= r.from })
		if i < 0 {
			t.Fatal("the colouring needs more seats than there are")
		}
		ends[i] = r.to
	}
	return sold
}

func bestFit(t testing.TB, l Layout, all []ride, segments int) (sold int) {
	busy := Busy{}
	for _, r := range all {
		g, err := Assign(l, busy, segments, Request{From: r.from, To: r.to, Needs: make([]Need, 1)})
		if err != nil {
			continue
		}
		busy.Take(g[0].Number, r.from, r.to, segments)
		sold += r.to - r.from
	}
	return sold
}

func TestBestFitSellsAlmostAsMuchAsSomebodyWhoKnowsAllRequestsBefore(t *testing.T) {
	t.Parallel()
	l := of(t, 12) // 48 seats
	capacity := l.Count(Seat)
	for _, c := range []struct {
		segments int
		load     float64 // of what is asked for, to what there is
	}{{4, 0.8}, {4, 1}, {4, 1.5}, {8, 0.8}, {8, 1}, {8, 1.5}, {16, 0.8}, {16, 1}, {16, 1.5}, {16, 3}} {
		got, best, room, worst := 0, 0, 0, 1.0
		for run := range 40 {
			rng := rand.New(rand.NewPCG(uint64(run), uint64(c.segments)))
			var all []ride
			for asked := 0; float64(asked) < c.load*float64(capacity*c.segments); {
				a, b := rng.IntN(c.segments+1), rng.IntN(c.segments+1)
				if a == b {
					continue
				}
				r := ride{min(a, b), max(a, b)}
				all = append(all, r)
				asked += r.to - r.from
			}
			g, o := bestFit(t, l, all, c.segments), optimum(t, all, capacity, c.segments)
			got, best, room = got+g, best+o, room+capacity*c.segments
			worst = min(worst, float64(g)/float64(o))
		}
		ratio := float64(got) / float64(best)
		t.Logf("%2d segments, %.1f times the room asked for: best fit fills %.1f %% of the vehicle, the optimum %.1f %%: ratio %.3f, worst run %.3f",
			c.segments, c.load, 100*float64(got)/float64(room), 100*float64(best)/float64(room), ratio, worst)
		if ratio < 0.95 {
			t.Errorf("best fit loses more than 5 %%: %.3f", ratio)
		}
	}
}
