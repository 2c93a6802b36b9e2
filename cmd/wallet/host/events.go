package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/errgroup"
)

// event is one message to a town that it has not accepted yet. Its id and body stay the same over every attempt.
type event struct {
	ID, Town, URL string
	Payment       string // the wallet's reference
	Body          []byte

	// When it is sent next is the machine's business and not the demonstration's clock's; a restart begins anew.
	since, next time.Time
	attempts    int
	repeated    bool
}

type eventBody struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	Payment   string `json:"payment"` // the town's id
	Reference string `json:"reference"`
	Order     string `json:"order,omitempty"`
	Amount    int64  `json:"amount"`
	Currency  string `json:"currency"`
	Reason    string `json:"reason,omitempty"`
}

var eventTypes = map[string]string{
	factFailed: "payment.failed", factAuthorized: "payment.authorized", factCaptured: "payment.captured", factVoided: "payment.voided",
	factRefunded: "refund.succeeded", factRefundFailed: "refund.failed",
}

// newEvent tells a fact. It is made from the fact alone, so that a restart makes the same bytes.
func newEvent(p *payment, f fact) *event {
	body := eventBody{Type: eventTypes[f.What], Timestamp: f.At.UTC(), Data: eventData{
		Payment: p.Request.ID, Reference: p.Reference, Amount: f.Amount, Currency: p.Request.Currency, Reason: f.Reason}}
	if f.What == factFailed {
		body.Data.Amount = p.Request.Amount
	}
	if f.Order != nil {
		body.Data.Order = f.Order.ID
	}
	b, _ := json.Marshal(body) // strings, numbers and a time: it cannot fail
	return &event{ID: f.Event, Town: p.Request.Town, URL: p.Request.EventsURL, Payment: p.Reference, Body: b, since: time.Now()}
}

// courier carries the events of one installation of towns, and lets their payments expire. One that is away delays no
// other's.
type courier struct {
	w    *Wallet
	town *town
	wake chan struct{}
}

const (
	longestPause = 5 * time.Minute
	tick         = time.Second
)

func (c *courier) rouse() {
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

func (c *courier) run(ctx context.Context) {
	for {
		c.w.expire(c.town)
		wait := c.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-time.After(wait):
		}
	}
}

// expire enters what time has done to a town's payments.
func (w *Wallet) expire(t *town) {
	b := w.journal.books
	now := w.clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.live {
		if !slices.Contains(t.Origins, p.Request.Town) {
			continue
		}
		if err := w.journal.enter(p.lapse(now)); err != nil {
			w.log.Error("expiry not stored", "payment", p.Reference, "error", err)
			return
		}
	}
}

// round sends what is due once, and returns how long nothing will be.
func (c *courier) round(ctx context.Context) time.Duration {
	b := c.w.journal.books
	fault := c.w.cfg.Faults.get()
	if fault.HoldBack {
		return tick
	}
	now := time.Now()
	wait := tick
	var due []*event
	b.mu.Lock()
	for _, e := range b.events {
		if !slices.Contains(c.town.Origins, e.Town) {
			continue
		}
		at := e.next
		if first := e.since.Add(fault.Late); at.Before(first) {
			at = first
		}
		if at.After(now) {
			wait = min(wait, at.Sub(now))
			continue
		}
		due = append(due, e)
	}
	b.mu.Unlock()
	if fault.Reverse {
		slices.Reverse(due)
	}
	// What is known about one payment goes out one after the other, what is known about others beside it: a town that answers
	// slowly is not told an hour late.
	var beside errgroup.Group
	beside.SetLimit(atOnce)
	for _, one := range byPayment(due) {
		beside.Go(func() error {
			for _, e := range one {
				c.carry(ctx, e, fault.Twice)
			}
			return nil
		})
	}
	_ = beside.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range due {
		if slices.Contains(b.events, e) {
			wait = min(wait, max(time.Until(e.next), 0))
		}
	}
	return wait
}

// atOnce is how many events are under way to one town.
const atOnce = 8

func byPayment(due []*event) (out [][]*event) {
	at := map[string]int{}
	for _, e := range due {
		i, ok := at[e.Payment]
		if !ok {
			i = len(out)
			at[e.Payment], out = i, append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

// carry makes one attempt and notes what came of it.
func (c *courier) carry(ctx context.Context, e *event, twice bool) {
	if ctx.Err() != nil {
		return
	}
	pause, done := c.send(ctx, e)
	if done && twice && !e.repeated {
		e.repeated = true
		_, _ = c.send(ctx, e) // the second time is a fault of ours: whatever the town says, it is over
	}
	if ctx.Err() != nil {
		return
	}
	b := c.w.journal.books
	b.mu.Lock()
	defer b.mu.Unlock()
	if done {
		err := c.w.journal.enter([]fact{{What: factTold, At: c.w.clock.Now(), Event: e.ID}})
		if err == nil {
			return
		}
		c.w.log.Error("delivery not stored", "event", e.ID, "error", err)
	}
	e.attempts++
	e.next = time.Now().Add(max(pause, c.pause(e.attempts)))
}

// pause doubles from attempt to attempt.
func (c *courier) pause(attempts int) time.Duration {
	return min(c.w.cfg.EventPause<<min(attempts-1, 20), longestPause)
}

// send makes one attempt (Standard Webhooks, "Webhook delivery"): done when the town answered 2xx, or 410, which means
// never again. Otherwise pause is what the town asked for by Retry-After.
func (c *courier) send(ctx context.Context, e *event) (pause time.Duration, done bool) {
	req, err := c.w.signed(ctx, c.town, e, time.Now())
	if err != nil {
		c.w.log.Error("event not made", "event", e.ID, "error", err)
		return 0, false
	}
	resp, err := c.w.http.Do(req)
	if err != nil {
		c.w.log.Info("event not delivered", "event", e.ID, "attempt", e.attempts+1, "error", err)
		return 0, false
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
	if resp.StatusCode >= 200 && resp.StatusCode < 300 || resp.StatusCode == http.StatusGone {
		return 0, true
	}
	c.w.log.Info("event not accepted", "event", e.ID, "attempt", e.attempts+1, "status", resp.StatusCode)
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After")) // a date, or nothing: the ordinary pause
	return min(time.Duration(max(seconds, 0))*time.Second, longestPause), false
}

// signed makes the request of one attempt, signed with every secret, so that a town may change its own at any time.
func (w *Wallet) signed(ctx context.Context, t *town, e *event, at time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.URL, bytes.NewReader(e.Body))
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	for i, s := range t.signers {
		one, err := s.Sign(e.ID, at, e.Body)
		if err != nil {
			return nil, fmt.Errorf("event: %w", err)
		}
		if i > 0 {
			one = req.Header.Get(webhooks.HeaderWebhookSignature) + " " + one
		}
		req.Header.Set(webhooks.HeaderWebhookSignature, one)
	}
	req.Header.Set(webhooks.HeaderWebhookID, e.ID)
	req.Header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Meridian-Payments/1.0")
	return req, nil
}

// Undelivered returns how many events no town has accepted yet.
func (w *Wallet) Undelivered() int {
	b := w.journal.books
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}
