package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"townhall/modules/apptest"
)

// calls of every departure of the drill.
const calls = 5

// travellers are citizens who book seats, pay for most of them and give some of them back.
type travellers struct {
	*load

	mu         sync.Mutex
	departures []string // that are not called off
	calledOff  []string // and settled, as it was answered
	held       map[string]bool
	told       []Step
	later      []laterTrip
	asked      atomic.Int64 // different requests, each with its own key
	full       atomic.Int64 // departures without room, as they were answered
	moved      atomic.Int64 // changes that were asked for and not refused
}

// laterTrip is a booking whose payment had not been heard of when its citizen went on.
type laterTrip struct {
	who    *citizen
	id     string
	cancel bool
}

type booking struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Version int    `json:"version"`
}

type paying struct {
	Booking booking
	Payment *struct {
		ID     string
		PayURL string `json:"pay_url"`
	}
}

// ask sends one request of a citizen until it is settled and reads the answer into v; ok is false for a 409.
func (l *travellers) ask(ctx context.Context, c *citizen, path string, body, v any) (ok bool, err error) {
	l.asked.Add(1)
	a, err := l.stubborn(ctx, apptest.Call{Who: &c.Who, Method: http.MethodPost, Path: path, Body: body})
	switch {
	case err != nil:
		return false, err
	case a.Status == http.StatusConflict:
		return false, nil
	case a.Status >= 300:
		return false, fmt.Errorf("%s: %d %s", path, a.Status, a.Body)
	}
	return true, json.Unmarshal(a.Body, v)
}

func (l *travellers) read(ctx context.Context, c *citizen, id string) (b booking, err error) {
	a, err := l.settled(ctx, apptest.Call{Who: &c.Who, Method: http.MethodGet, Path: "/travel/v1/bookings/" + id})
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("read %s: %d %s", id, a.Status, a.Body)
	}
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(a.Body, &b)
}

func (l *travellers) tell(id, action string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, Step{id, action})
}

// departure is one of four that sell just now; when they are full, the next ones do.
func (l *travellers) departure() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := min(int(l.full.Load()/8), max(0, len(l.departures)-4))
	return l.departures[min(first+rand.N(4), len(l.departures)-1)]
}

// callOff is a dispatcher who calls one of the departures off that sell just now, and asks until every booking is settled.
func (l *travellers) callOff(ctx context.Context) error {
	d := l.departure()
	for {
		a, err := l.stubborn(ctx, apptest.Call{Who: &apptest.Dina, Method: http.MethodPost, Path: "/travel/v1/operators/coast-coaches/departures/" + d + "/call-off",
			Body: map[string]any{"reason": "The road along the coast is closed.", "rebook": rand.N(2) == 0}})
		if err != nil {
			return err
		}
		var done struct{ Failed int }
		if a.Status != http.StatusOK {
			return fmt.Errorf("call off %s: %d %s", d, a.Status, a.Body)
		}
		if err := json.Unmarshal(a.Body, &done); err != nil {
			return err
		}
		if done.Failed == 0 {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.departures = slices.DeleteFunc(l.departures, func(other string) bool { return other == d })
	l.calledOff = append(l.calledOff, d)
	return nil
}

// dispatch calls a departure off each time another share of the requests has been asked, until ctx ends.
func (l *travellers) dispatch(ctx context.Context, share int64) error {
	for next := share; ; {
		if l.asked.Load() >= next {
			// Begun, it is brought to an end: what is half settled is not what the drill asks about.
			if err := l.callOff(context.WithoutCancel(ctx)); err != nil {
				return err
			}
			next += share
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// trip is one booking from the held seat on.
func (l *travellers) trip(ctx context.Context, c *citizen) error {
	from := rand.N(calls - 1)
	places, names := []map[string]any{{"bicycle": rand.N(12) == 0}}, []map[string]any{{"self": true}}
	for range max(0, rand.N(5)-2) {
		places, names = append(places, map[string]any{}), append(names, map[string]any{"name": "Лена 李", "birthdate": "2016-05-04"})
	}
	insured := [][]string{{}, {}, {}, {"cancellation"}, {"cancellation", "accident"}, {"accident"}}[rand.N(6)]
	var b booking
	ok, err := l.ask(ctx, c, "/travel/v1/bookings", map[string]any{"departure": l.departure(), "from": from, "to": from + 1 + rand.N(calls-1-from), "places": places, "insurance": insured}, &b)
	if err != nil {
		return err
	}
	if !ok {
		l.full.Add(1)
		return nil
	}
	l.mu.Lock()
	l.held[b.ID] = true
	l.mu.Unlock()
	ok, err = l.ask(ctx, c, "/travel/v1/bookings/"+b.ID+"/passengers", map[string]any{"passengers": names, "insurance": insured}, &b)
	if err != nil {
		return err
	}
	if !ok || rand.N(12) == 0 { // called off meanwhile, or does not want it any more
		return l.end(ctx, c, b.ID)
	}
	var p paying
	if ok, err = l.ask(ctx, c, "/travel/v1/bookings/"+b.ID+"/pay", map[string]any{"version": b.Version}, &p); err != nil {
		return err
	}
	if !ok {
		return l.end(ctx, c, b.ID)
	}
	if p.Payment == nil {
		return fmt.Errorf("pay for %s: no payment", b.ID)
	}
	l.tell(b.ID, "pay")
	return l.settleUp(ctx, c, b.ID, len(insured) > 0, p)
}

// settleUp is what people do in front of the payment sheet: most pay.
func (l *travellers) settleUp(ctx context.Context, c *citizen, id string, insured bool, p paying) error {
	page, err := l.sheet(ctx, c, id, p)
	if err != nil || page == "" {
		return err
	}
	later := laterTrip{c, id, rand.N(3) == 0}
	switch n := rand.N(12); n {
	case 0: // walks away
		return l.leave(later)
	case 1:
		if err := c.cancel(ctx, page); err != nil {
			return err
		}
	case 2: // stops booking at the very moment somebody pays for it
		paid := make(chan error, 1)
		go func() { paid <- c.pay(ctx, page) }()
		err := l.end(ctx, c, id)
		if payErr := <-paid; err == nil {
			err = payErr
		}
		return err
	default:
		if err := c.pay(ctx, page); err != nil {
			return err
		}
	}
	for range 50 {
		b, err := l.read(ctx, c, id)
		if err != nil {
			return err
		}
		if b.State != "paying" {
			switch {
			case later.cancel:
				return l.end(ctx, c, id)
			case b.State == "booked" && rand.N(3) == 0:
				return l.change(ctx, c, b, insured)
			}
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return l.leave(later)
}

// sheet is the page where a payment is paid; empty when it is not wanted any more.
func (l *travellers) sheet(ctx context.Context, c *citizen, id string, p paying) (string, error) {
	var page struct {
		State  string
		PayURL string `json:"pay_url"`
	}
	ok, err := l.ask(ctx, c, "/payments/v1/payments/"+p.Payment.ID+"/begin", nil, &page)
	if err == nil && ok && page.PayURL == "" && page.State == "open" { // one that was let go meanwhile has none
		err = fmt.Errorf("payment of %s has no page", id)
	}
	return page.PayURL, err
}

// change goes to another departure, where there is room, and pays what that costs more, most of the time.
func (l *travellers) change(ctx context.Context, c *citizen, b booking, insured bool) error {
	from := rand.N(calls - 1)
	var p paying
	ok, err := l.ask(ctx, c, "/travel/v1/bookings/"+b.ID+"/change", map[string]any{"version": b.Version, "departure": l.departure(), "from": from, "to": from + 1 + rand.N(calls-1-from)}, &p)
	if err != nil || !ok {
		return err
	}
	l.moved.Add(1)
	if p.Payment == nil {
		action := "change"
		if insured {
			action += "-insured"
		}
		l.tell(b.ID, action)
		return nil
	}
	page, err := l.sheet(ctx, c, b.ID, p)
	if err != nil || page == "" || rand.N(5) == 0 {
		return err
	}
	return c.pay(ctx, page)
}

func (l *travellers) leave(t laterTrip) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.later = append(l.later, t)
	return nil
}

// end stops a booking, by what its state allows: giving it up, or cancelling it. It looks again when something happened meanwhile.
func (l *travellers) end(ctx context.Context, c *citizen, id string) error {
	for {
		b, err := l.read(ctx, c, id)
		if err != nil {
			return err
		}
		action := map[string]string{"draft": "give-up", "paying": "give-up", "booked": "cancel"}[b.State]
		if action == "" {
			return nil
		}
		ok, err := l.ask(ctx, c, "/travel/v1/bookings/"+id+"/"+action, map[string]any{"version": b.Version}, &b)
		if err != nil {
			return err
		}
		if ok {
			l.tell(id, action)
			return nil
		}
	}
}

// finish ends what was left: who has not paid gives it up, and who wanted to cancel does.
func (l *travellers) finish(ctx context.Context) error {
	for _, t := range l.later {
		b, err := l.read(ctx, t.who, t.id)
		if err == nil && (t.cancel || b.State == "paying") {
			err = l.end(ctx, t.who, t.id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
