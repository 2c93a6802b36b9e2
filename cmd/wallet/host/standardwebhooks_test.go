package host

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"townhall/modules/kernel"
)

const peerSecret = "whsec_cGVlci1wZWVyLXBlZXItcGVlci1wZWVyLXBlZXI="

// peerLine is one line of town.mjs.
type peerLine struct {
	Origin  string
	Status  int
	Body    string
	ID      string
	Refused string
	Event   *eventBody
}

func TestATownWeDidNotWriteIsPaid(t *testing.T) {
	t.Parallel()
	p := runPeer(t, "standardwebhooks", "town.mjs")
	var there peerLine
	p.hear(&there)
	// Two secrets for events: the town has the second, as it does while one is replaced.
	x := newTill(t, func(c *Config) {
		c.Clock = nil
		c.Towns = append(c.Towns, Town{Origins: []string{there.Origin}, Secrets: []string{peerSecret}, EventSecrets: []string{testSecret, eventSecret}})
	})
	x.clock.now = kernel.SystemClock{}.Now()
	var events []peerLine
	answer := func() peerLine { // the next answer; what is told meanwhile is kept
		t.Helper()
		for {
			var l peerLine
			p.hear(&l)
			if l.Refused != "" {
				t.Fatalf("the library refused an event: %s", l.Refused)
			}
			if l.Event == nil {
				return l
			}
			events = append(events, l)
		}
	}
	payment := x.bill("p-1", func(in *paymentRequest) {
		in.Town, in.Subject = there.Origin, x.w.citizens.subject(Client{Sector: there.Origin}, "anna")
		in.ReturnURL, in.EventsURL = there.Origin+"/back", there.Origin+"/events"
	})
	p.tell(map[string]any{"wallet": x.url + "/payments/v1", "secret": peerSecret, "events": eventSecret, "payment": payment})
	a := answer()
	var at opened
	if a.Status != http.StatusCreated || json.Unmarshal([]byte(a.Body), &at) != nil {
		t.Fatalf("open: %d %s", a.Status, a.Body)
	}
	if a := x.browser().signIn("anna").post(at.URL, "do", "pay", "means", "everyday"); a.status != http.StatusSeeOther {
		t.Fatalf("pay: %d", a.status)
	}
	path := "/payments/" + at.Reference
	for i, o := range []order{{ID: "o-1", Type: "capture", Amount: 1250}, {ID: "o-2", Type: "refund", Amount: 500}} {
		p.tell(map[string]any{"path": path + "/orders", "order": o})
		if a := answer(); a.Status != http.StatusAccepted {
			t.Fatalf("order %d: %d %s", i, a.Status, a.Body)
		}
	}
	x.told()
	p.tell(map[string]any{"path": path})
	var got shown
	if a := answer(); a.Status != http.StatusOK || json.Unmarshal([]byte(a.Body), &got) != nil || got.Captured != 1250 || got.Refunded != 500 {
		t.Errorf("show: %d %s", a.Status, a.Body)
	}
	p.tell(map[string]any{"path": "/statement?day=" + x.clock.Now().Format("2006-01-02")})
	if a := answer(); a.Status != http.StatusOK || strings.Count(a.Body, "\n") != 2 {
		t.Errorf("statement: %d %q", a.Status, a.Body)
	}
	var types []string
	for _, e := range events {
		types = append(types, e.Event.Type)
	}
	slices.Sort(types)
	if strings.Join(types, " ") != "payment.authorized payment.captured refund.succeeded" {
		t.Errorf("events %v", types)
	}
}
