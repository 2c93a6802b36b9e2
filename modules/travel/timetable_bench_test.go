package travel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkTravelSearch searches a timetable of more than a hundred thousand stop times: named stations and ids, hubs and
// villages, with typing mistakes, by day and hour, with and without wishes. It ends with the line p95_ms travel_search.
func BenchmarkTravelSearch(b *testing.B) {
	h := newTimetableHouse(b)
	w := towns{stations: 600, hubs: 6, lines: 60, calls: 20, trips: 45, days: 30}
	start := time.Now()
	done := h.bring(coaches, w.files(rand.New(rand.NewPCG(1, 2))))
	b.Logf("imported %v in %s: %d departures", done.Counts, time.Since(start).Round(time.Millisecond), done.Made)
	if calls := done.Counts[3].Rows; calls < 100_000 {
		b.Fatalf("%d stop times are too few", calls)
	}
	const searches = 400
	var took []time.Duration
	found := map[int]int{}
	for b.Loop() {
		r := rand.New(rand.NewPCG(3, 4))
		took = took[:0]
		for i := range searches + 20 {
			q := w.query(h, r)
			start := time.Now()
			f, err := h.Search(h.ctx, q)
			if err != nil {
				b.Fatal(err)
			}
			if i >= 20 { // warm
				took = append(took, time.Since(start))
			}
			found[min(len(f.List), 1)]++
			for _, j := range f.List {
				found[len(j.Legs)+1]++
			}
		}
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	fmt.Printf("\n%d searches, %d with an answer, %d direct journeys and %d with a change; half of them within %.1f ms, the slowest %.1f ms\n", len(took), found[1], found[2], found[3],
		ms(took[len(took)/2]), ms(took[len(took)-1]))
	fmt.Printf("p95_ms travel_search %.1f\n", ms(took[len(took)*95/100]))
}

// query is a search as people make them.
func (w towns) query(h *timetableHouse, r *rand.Rand) JourneyQuery {
	end := func() string {
		n := r.IntN(w.stations)
		if r.IntN(3) == 0 {
			n = r.IntN(w.hubs)
		}
		name := stationName(n)
		if r.IntN(4) == 0 { // a letter is left out
			k := 1 + r.IntN(strings.LastIndex(name, " ")-2)
			name = name[:k] + name[k+1:]
		}
		return name
	}
	return JourneyQuery{From: end(), To: end(), Day: time.Date(2026, 11, 16+r.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly), After: fmt.Sprintf("%02d:00", 5+r.IntN(14)),
		Wheelchair: r.IntN(10) == 0, Bicycle: r.IntN(10) == 0}
}
