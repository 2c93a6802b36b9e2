package seats

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// Busy says what of a departure is taken: by the number of the place, one flag per segment. Segment i is the ride from
// call i to call i+1. A place that is not named is free all the way.
type Busy map[string][]bool

// Take marks a place on the segments from … to-1 of a trip with n segments.
func (b Busy) Take(number string, from, to, n int) {
	if len(b[number]) < n {
		b[number] = append(b[number], make([]bool, n-len(b[number]))...)
	}
	for i := from; i < to; i++ {
		b[number][i] = true
	}
}

// Free reports whether nobody has the place anywhere on the segments from … to-1.
func (b Busy) Free(number string, from, to int) bool {
	taken := b[number]
	for i := from; i < to && i < len(taken); i++ {
		if taken[i] {
			return false
		}
	}
	return true
}

// Need is what one passenger needs.
type Need struct {
	Kind    Kind   // Seat or Wheelchair; empty: Seat
	Number  string // a place they asked for; empty: any
	Bicycle bool   // goes along with a bicycle
}

// Request is people who travel together from call From to call To.
type Request struct {
	From, To int
	Needs    []Need
}

// Given is what one passenger gets.
type Given struct {
	Number  string
	Bicycle string // number of the bicycle's place; empty: none
}

var (
	// ErrFull is the answer when there is no place for somebody of the request.
	ErrFull = errors.New("no places left for this ride")
	// ErrTaken is the answer when a place that was asked for by its number is somebody else's on a part of the ride.
	ErrTaken = errors.New("the wished place is taken")
	// ErrNoPlace is the answer when there is no place of the wished number, or not of the kind that is needed.
	ErrNoPlace = errors.New("no such place")
)

// Assign chooses places for everybody of the request, or returns an error and nothing: ErrNoPlace, ErrTaken, ErrFull.
// Of a trip with segments segments busy says what is taken; it is not changed.
//
// The rule is best fit: of the free places, those whose gap around the ride is tightest come first, so that a short ride
// fills a hole that was left and long gaps stay whole for those who travel far. Among places that fit equally tight, people
// who travel together get those nearest to each other: being together never costs anybody else a seat.
func Assign(l Layout, busy Busy, segments int, r Request) ([]Given, error) {
	if r.From < 0 || r.To > segments || r.From >= r.To {
		return nil, ErrNoPlace
	}
	out := make([]Given, len(r.Needs))
	given := map[string]bool{}
	for i, n := range r.Needs {
		if n.Number == "" {
			continue
		}
		p, ok := l.Place(n.Number)
		switch {
		case !ok || p.Kind != cmp.Or(n.Kind, Seat):
			return nil, ErrNoPlace
		case given[n.Number] || !busy.Free(n.Number, r.From, r.To):
			return nil, ErrTaken
		}
		out[i].Number, given[n.Number] = n.Number, true
	}
	for _, kind := range []Kind{Wheelchair, Seat} { // whoever has least choice chooses first
		var who []int
		for i, n := range r.Needs {
			if n.Number == "" && cmp.Or(n.Kind, Seat) == kind {
				who = append(who, i)
			}
		}
		chosen, ok := choose(l, kind, busy, segments, r, len(who), given)
		if !ok {
			return nil, ErrFull
		}
		for k, p := range chosen {
			out[who[k]].Number, given[p.Number] = p.Number, true
		}
	}
	var bicycles []int
	for i, n := range r.Needs {
		if n.Bicycle {
			bicycles = append(bicycles, i)
		}
	}
	chosen, ok := choose(l, Bicycle, busy, segments, r, len(bicycles), nil)
	if !ok {
		return nil, ErrFull
	}
	for k, p := range chosen {
		out[bicycles[k]].Bicycle = p.Number
	}
	return out, nil
}

// fit is a free place and how much of its gap the ride leaves unused.
type fit struct {
	Place
	slack int
}

// choose picks n places of a kind beside those that are given already, the tightest first; false when there are not as
// many. They come in the order in which the vehicle is drawn.
func choose(l Layout, kind Kind, busy Busy, segments int, r Request, n int, given map[string]bool) ([]Place, bool) {
	if n == 0 {
		return nil, true
	}
	var free []fit
	var with []Place // of the same people, chosen already
	for _, p := range l.Places {
		switch {
		case given[p.Number]:
			with = append(with, p)
		case p.Kind == kind && busy.Free(p.Number, r.From, r.To):
			free = append(free, fit{p, busy.slack(p.Number, segments, r.From, r.To)})
		}
	}
	if len(free) < n {
		return nil, false
	}
	slices.SortStableFunc(free, func(a, b fit) int { return cmp.Compare(a.slack, b.slack) })
	last := free[n-1].slack // what the n tightest need at most: everything tighter is taken, the rest is free to choose
	var chosen []Place
	var even []Place
	for _, f := range free {
		switch {
		case f.slack < last:
			chosen = append(chosen, f.Place)
		case f.slack == last:
			even = append(even, f.Place)
		}
	}
	if kind == Bicycle {
		chosen = append(chosen, even[:n-len(chosen)]...)
	} else {
		chosen = append(chosen, together(append(with, chosen...), even, n-len(chosen))...)
	}
	slices.SortStableFunc(chosen, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Column, b.Column), cmp.Compare(l.index[a.Number], l.index[b.Number]))
	})
	return chosen, true
}

// slack is how many segments of the gap around from … to-1 the ride leaves unused.
func (b Busy) slack(number string, segments, from, to int) int {
	taken := b[number]
	at := func(i int) bool { return i < len(taken) && taken[i] }
	n := 0
	for i := from - 1; i >= 0 && !at(i); i-- {
		n++
	}
	for i := to; i < segments && !at(i); i++ {
		n++
	}
	return n
}

// together picks n of even that lie near each other and near those who are seated already. Each place is tried as the
// first one; the others are its nearest neighbours among those drawn shortly before and after it: on a ferry nobody
// compares everybody with everybody while a departure is locked.
func together(seated, even []Place, n int) []Place {
	if n == 0 {
		return nil
	}
	if n == 1 && len(seated) == 0 {
		return even[:1]
	}
	var best []Place
	least := math.MaxInt
	for i, first := range even {
		near := slices.Clone(even[max(0, i-n-maxColumns):min(len(even), i+n+maxColumns)])
		slices.SortStableFunc(near, func(a, b Place) int { return cmp.Compare(apart(first, a), apart(first, b)) })
		near = near[:n]
		sum := 0
		for k, a := range near {
			for _, b := range near[:k] {
				sum += apart(a, b)
			}
			for _, b := range seated {
				sum += apart(a, b)
			}
		}
		if sum < least {
			best, least = near, sum
		}
	}
	return best
}

// apart is how far two places lie from each other: a row counts more than anybody in between.
func apart(a, b Place) int {
	return 4*abs(a.Row-b.Row) + abs(a.Column-b.Column)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
