package apptest_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
)

const (
	racers = 500
	rounds = 5
)

// capacities are the places of the slots that are raced for: twenty slots, from one place to a group's.
var capacities = []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 5, 5, 8, 12, 20}

func places() (n int) {
	for _, c := range capacities {
		n += c
	}
	return n
}

// crowd is a town with racers signed in, each with a token of their own.
type crowd struct {
	*apptest.App
	people []apptest.Who
}

func newCrowd(t *testing.T, n int) *crowd {
	c := &crowd{App: apptest.Start(t)}
	for i := range n {
		c.people = append(c.people, apptest.Who{Subject: fmt.Sprintf("racer-%d", i), Name: fmt.Sprintf("Racer %d", i), ACR: "low", Client: "northwick.doctor-appointment"})
	}
	c.Know("northwick", c.people...)
	return c
}

// outcome is what one request came to.
type outcome struct {
	status int
	slug   string
	id     string // of the appointment
	free   []alternative
	body   string
}

type alternative struct {
	ID       string    `json:"id"`
	StartsAt time.Time `json:"starts_at"`
}

// all sends one request per person at the same moment, and waits for the answers.
func (c *crowd) all(t *testing.T, call func(i int) apptest.Call) []outcome {
	t.Helper()
	out := make([]outcome, len(c.people))
	requests := make([]*http.Request, len(c.people))
	for i := range c.people {
		req, err := c.Request(t.Context(), as(&c.people[i], call(i)))
		if err != nil {
			t.Fatal(err)
		}
		requests[i] = req
	}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range requests {
		wg.Go(func() {
			<-start
			a, err := c.Send(requests[i])
			if err != nil {
				t.Error(err)
				return
			}
			var said struct {
				ID           string        `json:"id"`
				Code         string        `json:"code"`
				Alternatives []alternative `json:"alternatives"`
			}
			a.JSON(t, &said)
			out[i] = outcome{a.Status, said.Code, said.ID, said.Alternatives, string(a.Body)}
		})
	}
	close(start)
	wg.Wait()
	return out
}

// judge counts the winners, and checks that everybody else was told "taken" and what is free instead.
func judge(t *testing.T, all []outcome, won int, slug string) (winners int) {
	t.Helper()
	for i, o := range all {
		switch {
		case o.status == won:
			winners++
		case o.status != http.StatusConflict || o.slug != slug:
			t.Errorf("racer %d: %d %s", i, o.status, o.body)
		case len(o.free) == 0:
			t.Errorf("racer %d lost and is not told what is free: %s", i, o.body)
		default:
			for _, f := range o.free {
				if f.StartsAt.Before(time.Now()) {
					t.Errorf("racer %d is offered the past: %s", i, o.body)
				}
			}
		}
	}
	return winners
}

func TestFiveHundredBookersGetExactlyAsManyPlacesAsThereAre(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, racers)
	c.Slots(t, 1000) // what losers are told about instead
	for round := range rounds {
		slots := c.Slots(t, capacities...)
		began := time.Now()
		wish := shuffled(slots)
		all := c.all(t, func(i int) apptest.Call { return book(wish(i)) })
		took := time.Since(began)
		winners := judge(t, all, http.StatusCreated, "slot-taken")
		o := c.Occupied(t, slots)
		if winners != places() || o.Booked != winners || o.Appointments != winners || o.Cases != winners || o.Over != 0 {
			t.Errorf("run %d: %d winners for %d places: %+v", round+1, winners, places(), o)
		}
		t.Logf("run %d: %d bookers for %d places in %d slots: %d won, %d were told slot-taken with other times; booked %d = appointments %d = booked cases %d, over capacity %d; %v",
			round+1, racers, places(), len(slots), winners, racers-winners, o.Booked, o.Appointments, o.Cases, o.Over, took.Round(time.Millisecond))
	}
}

// shuffled spreads people evenly over slots, more to each than it has places, so that every place finds somebody; who
// wants which is left to chance.
func shuffled(slots []string) func(i int) string {
	order := rand.Perm(racers)
	return func(i int) string { return slots[order[i]%len(slots)] }
}

func cancel(appointment string, version int) apptest.Call {
	return apptest.Call{Path: "/medical/v1/appointments/" + appointment + "/cancel", Body: map[string]any{"version": version, "reason": "time"}}
}

// as is a call of one person, sent alone.
func as(who *apptest.Who, k apptest.Call) apptest.Call {
	k.Who, k.Method, k.Key = who, http.MethodPost, apptest.Key()
	return k
}

func book(slot string) apptest.Call {
	return apptest.Call{Path: "/medical/v1/appointments", Body: map[string]any{"slot": slot, "visit_type": apptest.Consultation}}
}

func TestFiveHundredHoldersAndWhoeverBooksMeanwhileShareThePlaces(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, racers)
	c.Slots(t, 1000)
	for round := range rounds {
		slots := c.Slots(t, capacities...)
		began := time.Now()
		// Every fifth books at once, the others hold first.
		wish := shuffled(slots)
		all := c.all(t, func(i int) apptest.Call {
			k := book(wish(i))
			if i%5 != 0 {
				k.Path = "/medical/v1/holds"
			}
			return k
		})
		winners := judge(t, all, http.StatusCreated, "slot-taken")
		held := c.Occupied(t, slots)
		if winners != places() || held.Booked+held.Holds != winners || held.Over != 0 {
			t.Errorf("run %d: %d got a place of %d: %+v", round+1, winners, places(), held)
		}
		// Those who hold confirm, all at once; those who got nothing try to book again meanwhile.
		confirmed := c.all(t, func(i int) apptest.Call {
			if i%5 != 0 && all[i].status == http.StatusCreated {
				return apptest.Call{Path: "/medical/v1/appointments/" + all[i].id + "/confirm", Body: map[string]any{"version": 1}}
			}
			return book(slots[rand.IntN(len(slots))])
		})
		sure, late := 0, 0
		for i, o := range confirmed {
			switch holder := i%5 != 0 && all[i].status == http.StatusCreated; {
			case holder && o.status == http.StatusOK:
				sure++
			case holder:
				t.Errorf("racer %d held a place and did not get it: %d %s", i, o.status, o.body)
			case o.status == http.StatusCreated:
				t.Errorf("racer %d booked what others held: %s", i, o.body)
			default:
				late++
			}
		}
		o := c.Occupied(t, slots)
		if o.Booked != places() || o.Appointments != places() || o.Cases != places() || o.Holds != 0 || o.Over != 0 {
			t.Errorf("run %d: %d places: %+v", round+1, places(), o)
		}
		t.Logf("run %d: %d places: %d held, %d booked at once; then %d holds confirmed, %d late bookers refused; booked %d = appointments %d = booked cases %d; %v",
			round+1, places(), held.Holds, held.Booked, sure, late, o.Booked, o.Appointments, o.Cases, time.Since(began).Round(time.Millisecond))
	}
}

func TestNobodyWhoReschedulesLosesWhatTheyHad(t *testing.T) {
	t.Parallel()
	const movers = 100
	c := newCrowd(t, movers)
	c.Slots(t, 1000)
	for round := range rounds {
		old, wanted := c.Slots(t, 40, 40, 20), c.Slots(t, capacities...)
		had := c.all(t, func(i int) apptest.Call { return book(old[[]int{0, 0, 1, 1, 2}[i%5]]) })
		began, order := time.Now(), rand.Perm(movers)
		moved := c.all(t, func(i int) apptest.Call {
			return apptest.Call{Path: "/medical/v1/appointments/" + had[i].id + "/reschedule", Body: map[string]any{"version": 2, "slot": wanted[order[i]%len(wanted)]}}
		})
		winners := judge(t, moved, http.StatusOK, "slot-taken")
		before, after := c.Occupied(t, old), c.Occupied(t, wanted)
		could := 0 // five want each slot
		for _, n := range capacities {
			could += min(n, movers/len(capacities))
		}
		if winners != could || after.Booked != winners || after.Appointments != winners || after.Cases != winners || after.Over+before.Over != 0 ||
			before.Booked != movers-winners || before.Appointments != movers-winners || before.Cases != movers-winners {
			t.Errorf("run %d: %d of %d moved: old %+v, new %+v", round+1, winners, movers, before, after)
		}
		t.Logf("run %d: %d had an appointment and wanted one of %d others: %d moved, %d kept theirs; %d + %d appointments; %v",
			round+1, movers, places(), winners, movers-winners, before.Appointments, after.Appointments, time.Since(began).Round(time.Millisecond))
	}
}

func TestAPlaceThatBecomesFreeIsTheirsWhoWaitedAndNobodyElses(t *testing.T) {
	t.Parallel()
	const had, waiting, freed = 20, 20, 12 // people with an appointment, people on the list, and how many let theirs go
	c := newCrowd(t, 100)
	c.Slots(t, 1000) // what losers are told about; far too late for those who wait
	for round := range rounds {
		day := time.Now().AddDate(0, 0, 30+2*round) // where nothing else is
		slots := c.SlotsFrom(t, day, 5, 5, 5, 5)
		booked := c.all(t, func(i int) apptest.Call { return book(slots[i%len(slots)]) })
		var theirs []int
		for i, o := range booked {
			if o.status == http.StatusCreated {
				theirs = append(theirs, i)
			}
		}
		if len(theirs) != had {
			t.Fatalf("run %d: %d appointments", round+1, len(theirs))
		}
		joined := map[int]string{}
		for i, o := range booked {
			if o.status != http.StatusCreated && len(joined) < waiting {
				a := c.Do(as(&c.people[i], apptest.Call{Path: "/medical/v1/waiting", Body: map[string]any{
					"visit_type": apptest.Consultation, "facility": "riverside-clinic", "from": day.Format(time.DateOnly), "until": day.AddDate(0, 0, 1).Format(time.DateOnly)}}))
				var made struct{ ID string }
				a.JSON(t, &made)
				if a.Status != http.StatusCreated {
					t.Fatalf("run %d: racer %d cannot wait: %d %s", round+1, i, a.Status, a.Body)
				}
				joined[i] = made.ID
			}
		}
		began := time.Now()
		let := map[int]bool{}
		for _, i := range theirs[:freed] {
			let[i] = true
		}
		// While some let their places go, everybody else tries to get one, in the first half of the slots.
		gone := c.all(t, func(i int) apptest.Call {
			if let[i] {
				return cancel(booked[i].id, 2)
			}
			return book(slots[i%2])
		})
		for i := range let {
			if gone[i].status != http.StatusOK {
				t.Errorf("run %d: racer %d cannot cancel: %d %s", round+1, i, gone[i].status, gone[i].body)
			}
		}
		c.Settle()
		after := c.Occupied(t, slots)
		offered := after.Holds
		// Those who were offered one accept, all at once, while everybody else tries again.
		accepted := c.all(t, func(i int) apptest.Call {
			if id := joined[i]; id != "" {
				return apptest.Call{Path: "/medical/v1/appointments/" + id + "/confirm", Body: map[string]any{"version": 3}}
			}
			return book(slots[i%len(slots)])
		})
		won := 0
		if offered == 0 {
			t.Errorf("run %d: nobody who waited was offered a place", round+1)
		}
		for i, o := range accepted {
			switch {
			case joined[i] != "" && o.status == http.StatusOK:
				won++
			case joined[i] != "": // nobody waits twice: the next run begins with an empty list
				if a := c.Do(as(&c.people[i], cancel(joined[i], 2))); a.Status != http.StatusOK {
					t.Errorf("run %d: racer %d cannot leave the list: %d %s", round+1, i, a.Status, a.Body)
				}
			case joined[i] == "" && o.status == http.StatusCreated:
				t.Errorf("racer %d booked what was offered to others: %s", i, o.body)
			}
		}
		o := c.Occupied(t, slots)
		if after.Booked+offered != had || after.Over != 0 || won != offered || o.Booked != had || o.Appointments != had || o.Cases != had || o.Holds != 0 || o.Over != 0 {
			t.Errorf("run %d: %d offers, %d accepted; then %+v, in the end %+v", round+1, offered, won, after, o)
		}
		t.Logf("run %d: %d of %d places given back, %d taken by whoever came first, %d offered to the first of %d who waited: %d accepted; booked %d = appointments %d = booked cases %d, over capacity %d; %v",
			round+1, freed, had, freed-offered, offered, waiting, won, o.Booked, o.Appointments, o.Cases, o.Over, time.Since(began).Round(time.Millisecond))
	}
}
