package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/travel"
)

// search asks for journeys at a constant rate, from the citizens' page or from the API, and notes how long the answers took from
// the moment they were due.
func (o *office) search(f *figures, name, path string) {
	o.t.Helper()
	var requests [][]byte
	for _, q := range trips(rand.New(rand.NewPCG(3, 4)), 400) {
		query := url.Values{"from": {q.From}, "to": {q.To}, "day": {q.Day}}
		requests = append(requests, message("GET", o.host, path+"?"+query.Encode(), nil))
	}
	var n atomic.Int64
	l := load{addr: o.addr, want: http.StatusOK, next: func() []byte { return requests[int(n.Add(1))%len(requests)] }}
	took, err := l.paced(8, searchPace, searchTime)
	if err != nil {
		o.t.Fatal(err)
	}
	f.p95(fmt.Sprintf("%s_among_%d_stop_times", name, o.stopTimes), took)
}

// searchCall times the search alone, one after the other, without HTTP and the page.
func (o *office) searchCall(f *figures) {
	o.t.Helper()
	timetable := travel.Timetable{DB: o.app.DB, Directory: o.town.Directory, Clock: kernel.SystemClock{}}
	ctx := kernel.WithTenant(context.Background(), o.tenant())
	var took []time.Duration
	for i, q := range trips(rand.New(rand.NewPCG(3, 4)), 420) {
		begin := time.Now()
		if _, err := timetable.Search(ctx, q); err != nil {
			o.t.Fatal(err)
		}
		if i >= 20 { // warm
			took = append(took, time.Since(begin))
		}
	}
	f.p95("search_journeys_without_http", took)
}
