package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
)

// load is the people: citizens who apply, two registrars who decide, all of them stubborn.
type load struct {
	app *apptest.App

	mu       sync.Mutex
	acks     []Acknowledged
	replays  [][2]string
	requests int
}

// stubborn repeats a call with the same key until the answer settles it: success, or a refusal that is not
// about the moment. Some calls are sent twice on purpose, some twice at once.
func (l *load) stubborn(ctx context.Context, c apptest.Call) (apptest.Answer, error) {
	c.Key = kernel.NewID()
	twin := rand.N(20) == 0
	if twin {
		go func() { _, _ = l.once(ctx, c) }() // its answer does not matter, only that it may not do harm
	}
	answer, err := l.settled(ctx, c)
	if err != nil || answer.Status >= 300 || rand.N(5) > 0 {
		return answer, err
	}
	again, err := l.settled(ctx, c)
	if err != nil {
		return answer, err
	}
	l.mu.Lock()
	l.replays = append(l.replays, [2]string{fmt.Sprint(answer.Status, string(answer.Body)), fmt.Sprint(again.Status, string(again.Body))})
	l.mu.Unlock()
	return answer, nil
}

func (l *load) settled(ctx context.Context, c apptest.Call) (apptest.Answer, error) {
	wait := 10 * time.Millisecond
	for {
		a, err := l.once(ctx, c)
		if err == nil && a.Status < 500 && a.Status != http.StatusTooManyRequests && !running(a) {
			return a, nil
		}
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("%s %s never settled: %d %w", c.Method, c.Path, a.Status, ctx.Err())
		case <-time.After(wait):
			wait = min(2*wait, 300*time.Millisecond)
		}
	}
}

func running(a apptest.Answer) bool {
	var p struct{ Code string }
	return a.Status == http.StatusConflict && json.Unmarshal(a.Body, &p) == nil && p.Code == kernel.ErrKeyRunning.Slug
}

func (l *load) once(ctx context.Context, c apptest.Call) (apptest.Answer, error) {
	req, err := l.app.Request(ctx, c)
	if err != nil {
		return apptest.Answer{}, err
	}
	l.mu.Lock()
	l.requests++
	l.mu.Unlock()
	return l.app.Send(req)
}

// step takes one action and notes the promise given. A step that somebody else's copy took first (the server was
// killed after COMMIT, before it answered) is settled by the key: it is replayed, not refused.
func (l *load) step(ctx context.Context, who apptest.Who, c *apptest.Case, action string, input map[string]any) error {
	call := apptest.Call{Who: &who, Method: http.MethodPost, Path: "/civic/v1/applications/" + c.ID + "/actions/" + action}
	if len(who.Groups) > 0 {
		call.Path = "/workflow/v1/cases/" + c.ID + "/actions/" + action
	}
	call.Body = map[string]any{"version": c.Version, "input": input}
	if action == "start" {
		call.Path, call.Body = "/civic/v1/applications", map[string]any{"service": "residence-certificate"}
	}
	a, err := l.stubborn(ctx, call)
	if err != nil {
		return err
	}
	if a.Status >= 300 {
		return fmt.Errorf("%s: %d %s", action, a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, c); err != nil {
		return err
	}
	l.mu.Lock()
	l.acks = append(l.acks, Acknowledged{Case: c.ID, Action: action, Key: kernel.NewID(), Answer: string(a.Body)})
	l.mu.Unlock()
	return nil
}

// life is one case from draft to its end: most are issued, some refused, some withdrawn.
func (l *load) life(ctx context.Context, citizen apptest.Who) error {
	var c apptest.Case
	answers := apptest.Answers()
	answers["declaration"] = true
	steps := []struct {
		who    apptest.Who
		action string
		input  map[string]any
	}{{citizen, "start", nil}, {citizen, "submit", answers}}
	add := func(who apptest.Who, action string, input map[string]any) {
		steps = append(steps, struct {
			who    apptest.Who
			action string
			input  map[string]any
		}{who, action, input})
	}
	switch n := rand.N(10); {
	case n < 1:
		add(citizen, "withdraw", nil)
	case n < 3:
		add(apptest.Oliver, "ask", map[string]any{"question": "Since when do you live there?"})
		add(citizen, "answer", map[string]any{"answer": "Since the first of May 2019."})
		add(apptest.Oliver, "propose-refusal", map[string]any{"refusal_ground": "not-registered", "refusal_reason": "The register has no entry for you at this address."})
		add(apptest.Priya, "confirm-refusal", nil)
	default:
		add(apptest.Priya, "propose", map[string]any{"assessment": "Entered in the register at this address."})
		add(apptest.Oliver, "countersign", nil)
	}
	for _, s := range steps {
		if err := l.step(ctx, s.who, &c, s.action, s.input); err != nil {
			return fmt.Errorf("case %s: %w", c.ID, err)
		}
	}
	return nil
}

// work lives cases one after the other until none is left.
func (l *load) work(ctx context.Context, citizen apptest.Who, left func() bool) error {
	for left() {
		if err := l.life(ctx, citizen); err != nil {
			return err
		}
	}
	return nil
}
