package apptest_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/traveltest"
)

const (
	crowdSize  = 400
	crowdRuns  = 5
	coachSeats = 48
	coachCalls = 7 // six segments
)

// passenger is one of the crowd: from where to where, and what they were told.
type passenger struct {
	who      apptest.Who
	token    string
	from, to int
	booking  string // empty: told that it is full
	seat     string
	answered int
}

// Four hundred people who are signed in ask at once for a seat on one coach, each for some part of its way, five times over. Nobody
// is told a seat that somebody else has on a segment of it, and the coach is as full as the best that could be done with
// the same people.
func TestFourHundredPeopleAtOnceAreSoldEachSegmentOnceAndFillTheCoach(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	rows := make([]string, coachSeats/4)
	for i := range rows {
		rows[i] = fmt.Sprintf(`"%dA %dB | %dC %dD"`, i+1, i+1, i+1, i+1)
	}
	form := `{code: coach-48, name: {en: Coach, ru: Автобус, zh: 客车}, rows: [` + strings.Join(rows, ", ") + `]}`
	c.post(apptest.Pavel, "/operators/coast-coaches/layouts", map[string]any{"form": form, "version": 0}, http.StatusOK, nil)
	crowd := make([]passenger, crowdSize)
	people := make([]apptest.Who, crowdSize)
	for i := range crowd {
		people[i] = apptest.Who{Subject: fmt.Sprintf("buyer-%d", i), Name: fmt.Sprintf("Buyer %d", i), ACR: "low", Client: "northwick.coach-ticket"}
		crowd[i] = passenger{who: people[i], token: c.Token(people[i], "northwick", "/travel/v1/bookings")}
	}
	c.Know("northwick", people...)
	room := coachSeats * (coachCalls - 1)
	for run := range crowdRuns {
		departure := c.bigCoach(soon(60 + run))
		for i := range crowd {
			a, b := rand.IntN(coachCalls), rand.IntN(coachCalls-1)
			if b >= a {
				b++
			}
			crowd[i] = passenger{who: crowd[i].who, token: crowd[i].token, from: min(a, b), to: max(a, b)}
		}
		began := time.Now()
		again := c.rush(departure, crowd)
		took := time.Since(began)
		wrong, sold := c.judgeSeats(departure, crowd)
		for _, w := range wrong {
			t.Error(w)
		}
		slices.SortFunc(crowd, func(a, b passenger) int { return a.answered - b.answered })
		best := c.bestOf(crowd)
		seated := 0
		for _, p := range crowd {
			if p.seat != "" {
				seated++
			}
		}
		t.Logf("run %d: %d people at once over HTTP (%d told to come again in a moment): %d got a seat, %d of %d seat-segments sold (%.1f %%), sold twice %d; the best assignment of the same people sells %d: ratio %.3f; %v",
			run+1, crowdSize, again, seated, sold, room, 100*float64(sold)/float64(room), len(wrong), best, float64(sold)/float64(best), took.Round(time.Millisecond))
		if float64(sold) < 0.95*float64(best) {
			t.Errorf("run %d: %d sold, the best assignment sells %d", run+1, sold, best)
		}
		if run < crowdRuns-1 {
			continue
		}
		// The judge is no fool: one segment that was somebody's and is another's is noticed.
		c.exec(`UPDATE travel.occupancy SET case_id = $2 WHERE tenant_id = 'northwick' AND (departure_id, place, segment) =
			(SELECT departure_id, place, segment FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1 ORDER BY place, segment LIMIT 1)`, departure, kernel.NewID())
		if wrong, _ := c.judgeSeats(departure, crowd); len(wrong) != 1 {
			t.Errorf("a seat taken from somebody makes %d complaints: %v", len(wrong), wrong)
		}
	}
}

// bigCoach makes a departure with 48 seats.
func (c *coastline) bigCoach(begins time.Time) (id string) {
	c.t.Helper()
	err := c.DB.InTx(c.t.Context(), "northwick", func(tx *pg.Tx) (err error) {
		id, err = traveltest.Make(c.t.Context(), tx, traveltest.Departure{Operator: "coast-coaches", Route: "X9", Headsign: "Airport", Layout: "coach-48", Begins: begins, Calls: coachCalls, Apart: time.Hour})
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// rush lets everybody ask at the same moment. Who is told to wait comes again with the same request. It returns how often that was.
func (c *coastline) rush(departure string, crowd []passenger) (again int) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	start, answered := make(chan struct{}), 0
	for i := range crowd {
		p := &crowd[i]
		wg.Go(func() {
			key := apptest.Key()
			<-start
			for {
				a, err := c.ask(p, departure, key)
				if err != nil {
					c.t.Error(err)
					return
				}
				mu.Lock()
				if p.answered = answered; a.Status < 429 {
					answered++
				} else {
					again++
				}
				mu.Unlock()
				switch a.Status {
				case http.StatusTooManyRequests, http.StatusServiceUnavailable:
					time.Sleep(time.Duration(50+rand.IntN(200)) * time.Millisecond)
					continue
				case http.StatusCreated:
					var b trip
					if err := json.Unmarshal(a.Body, &b); err != nil || len(b.Passengers) != 1 || b.Passengers[0].Place == "" {
						c.t.Errorf("held: %s, %v", a.Body, err)
						return
					}
					p.booking, p.seat = b.ID, b.Passengers[0].Place
				case http.StatusConflict:
				default:
					c.t.Errorf("answered %d %s", a.Status, a.Body)
				}
				return
			}
		})
	}
	close(start)
	wg.Wait()
	return again
}

func (c *coastline) ask(p *passenger, departure, key string) (apptest.Answer, error) {
	req, err := c.Request(c.t.Context(), apptest.Call{Method: http.MethodPost, Path: "/travel/v1/bookings", Key: key, Body: ride(departure, p.from+1, p.to+1, 1)})
	if err != nil {
		return apptest.Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	return c.Send(req)
}

// judgeSeats lists what is wrong: a seat that two were told for one segment, one that somebody was told and does not have, one
// that is taken and nobody was told. sold counts seat-segments.
func (c *coastline) judgeSeats(departure string, crowd []passenger) (wrong []string, sold int) {
	c.t.Helper()
	type spot struct {
		Place   string `db:"place"`
		Segment int    `db:"segment"`
	}
	var rows []struct {
		spot
		Case string `db:"case_id"`
	}
	err := c.DB.Read(c.t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.SelectContext(c.t.Context(), &rows, `SELECT place, segment, case_id FROM travel.occupancy WHERE tenant_id = 'northwick' AND departure_id = $1 AND hold_until > now()`, departure)
	})
	if err != nil {
		c.t.Fatal(err)
	}
	has := map[spot]string{}
	for _, r := range rows {
		if other, twice := has[r.spot]; twice {
			wrong = append(wrong, fmt.Sprintf("%s on segment %d is %s's and %s's", r.Place, r.Segment, other, r.Case))
		}
		has[r.spot] = r.Case
	}
	told := map[spot]string{}
	for _, p := range crowd {
		for s := p.from; s < p.to && p.seat != ""; s++ {
			at := spot{p.seat, s}
			if other, twice := told[at]; twice {
				wrong = append(wrong, fmt.Sprintf("%s on segment %d was sold to %s and to %s", p.seat, s, other, p.booking))
			}
			if told[at] = p.booking; has[at] != p.booking {
				wrong = append(wrong, fmt.Sprintf("%s on segment %d was sold to %s and is %q's", p.seat, s, p.booking, has[at]))
			}
			sold++
		}
	}
	if len(rows) != len(told) {
		wrong = append(wrong, fmt.Sprintf("%d seat-segments are taken, %d sold", len(rows), len(told)))
	}
	return wrong, sold
}

// bestOf is how many seat-segments could be sold to people who come in that order, by somebody who seats nobody before all have
// come: whoever finds fewer than 48 others on each of their segments is admitted, and seating them by where they get on then
// needs no more than 48 seats.
func (c *coastline) bestOf(crowd []passenger) (sold int) {
	var load [coachCalls - 1]int
	var in []passenger
	for _, p := range crowd {
		if slices.Max(load[p.from:p.to]) >= coachSeats {
			continue
		}
		for s := p.from; s < p.to; s++ {
			load[s]++
		}
		in = append(in, p)
		sold += p.to - p.from
	}
	slices.SortFunc(in, func(a, b passenger) int { return a.from - b.from })
	var ends [coachSeats]int
	for _, p := range in {
		i := slices.IndexFunc(ends[:], func(end int) bool { return end <= p.from })
		if i < 0 {
			c.t.Fatal("the best assignment needs more seats than there are")
		}
		ends[i] = p.to
	}
	return sold
}
