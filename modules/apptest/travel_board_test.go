package apptest_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
	"townhall/modules/kernel"
	"townhall/modules/travel"
)

const board = "/travel/v1/operators/coast-coaches/departures/"

// boardTicket is a ticket in the list for devices.
type boardTicket struct {
	Hash, State, Class, Place, Begin, End string
	Proof                                 bool
	UsedAt                                *time.Time `json:"used_at"`
}

type boardList struct {
	State   string
	AsOf    time.Time `json:"as_of"`
	MaxAge  int       `json:"max_age_seconds"`
	Tickets []boardTicket
}

func (l boardList) of(code string) boardTicket {
	for _, t := range l.Tickets {
		if t.Hash == travel.HashOf(code) {
			return t
		}
	}
	return boardTicket{}
}

// look is one look of a device; looked is the answer to it.
type look struct {
	ID      string    `json:"id"`
	Ticket  string    `json:"ticket"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict,omitempty"`
}

type looked struct {
	ID, Verdict string
	FirstAt     *time.Time `json:"first_at"`
	Others      int
	Ticket      *boardTicket
}

func lookAt(code string, at time.Time, verdict string) look {
	return look{kernel.NewID(), travel.HashOf(code), at.UTC().Truncate(time.Microsecond), verdict}
}

func (c *coastline) list(departure string) (l boardList, tag string, body []byte) {
	c.t.Helper()
	a := c.Do(apptest.Call{Who: &apptest.Carl, Method: http.MethodGet, Path: board + departure + "/tickets"})
	if a.Status != http.StatusOK {
		c.t.Fatalf("list: %d %s", a.Status, a.Body)
	}
	a.JSON(c.t, &l)
	return l, a.Header.Get("ETag"), a.Body
}

func (c *coastline) handIn(departure string, looks ...look) []looked {
	c.t.Helper()
	var said struct{ Scans []looked }
	c.post(apptest.Carl, "/operators/coast-coaches/departures/"+departure+"/scans/batch", map[string]any{"scans": looks}, http.StatusOK, &said)
	if len(said.Scans) != len(looks) {
		c.t.Fatalf("%d answers to %d looks", len(said.Scans), len(looks))
	}
	for i, s := range said.Scans {
		if s.ID != looks[i].ID {
			c.t.Errorf("answer %d is to %s, want %s", i, s.ID, looks[i].ID)
		}
	}
	return said.Scans
}

func TestTheListForDevicesHasHashesAndNobodysName(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(1), 3)
	b := c.booked(apptest.Anna, d, 1, 3, 2)
	gone := c.booked(apptest.Boris, d, 1, 2, 1)
	list, tag, body := c.list(d)
	for _, secret := range []string{b.Passengers[0].Ticket, b.Passengers[1].Ticket, "Anna", "Whitfield", "Friend", b.ID, b.Number} {
		if bytes.Contains(body, []byte(secret)) {
			t.Errorf("the list has %q: %s", secret, body)
		}
	}
	if one := list.of(b.Passengers[0].Ticket); one.State != "valid" || one.Place != b.Passengers[0].Place || one.Class != "concession" || one.Begin != "Stop 0" || one.End != "Stop 2" || one.UsedAt != nil {
		t.Errorf("the ticket in the list: %+v", one)
	}
	if len(list.Tickets) != 3 || list.State != "scheduled" || list.MaxAge < 60 || time.Since(list.AsOf) > time.Minute {
		t.Errorf("the list: %s", body)
	}
	again := func(who apptest.Who, tag string) apptest.Answer {
		return c.Do(apptest.Call{Who: &who, Method: http.MethodGet, Path: board + d + "/tickets", Headers: map[string]string{"If-None-Match": tag}})
	}
	if a := again(apptest.Carl, tag); a.Status != http.StatusNotModified || len(a.Body) != 0 || a.Header.Get("ETag") != tag {
		t.Errorf("unchanged: %d %s", a.Status, a.Body)
	}
	c.post(apptest.Carl, "/operators/coast-coaches/departures/"+d+"/scans", map[string]any{"code": b.Passengers[0].Ticket}, http.StatusOK, nil)
	c.post(apptest.Boris, "/bookings/"+gone.ID+"/cancel", map[string]any{"version": gone.Version}, http.StatusOK, nil)
	if a := again(apptest.Carl, tag); a.Status != http.StatusOK {
		t.Errorf("changed: %d", a.Status)
	}
	list, _, _ = c.list(d)
	if one := list.of(b.Passengers[0].Ticket); one.State != "used" || one.UsedAt == nil {
		t.Errorf("after the scan: %+v", one)
	}
	if one := list.of(gone.Passengers[0].Ticket); one.State != "void" || one.Place != "" || one.Begin != "" {
		t.Errorf("a void ticket says: %+v", one)
	}
	for _, refused := range []struct {
		who  apptest.Who
		want int
	}{{apptest.Dina, http.StatusForbidden}, {apptest.Nora, http.StatusNotFound}, {apptest.Oliver, http.StatusNotFound}, {apptest.Anna, http.StatusForbidden}} {
		if a := again(refused.who, tag); a.Status != refused.want {
			t.Errorf("%s fetches the list: %d, want %d", refused.who.Name, a.Status, refused.want)
		}
		a := c.Do(apptest.Call{Who: &refused.who, Method: http.MethodPost, Path: board + d + "/scans/batch", Key: apptest.Key(), Body: map[string]any{"scans": []look{lookAt(b.Passengers[1].Ticket, time.Now(), "accepted")}}})
		if a.Status != refused.want {
			t.Errorf("%s hands in: %d, want %d", refused.who.Name, a.Status, refused.want)
		}
	}
	// A conductor of another operator has no departure of this one under the name of their own.
	if a := c.Do(apptest.Call{Who: &apptest.Nora, Method: http.MethodGet, Path: strings.Replace(board, "coast-coaches", "island-ferries", 1) + d + "/tickets"}); a.Status != http.StatusNotFound {
		t.Errorf("another operator's departure: %d", a.Status)
	}
	if list, _, _ = c.list(d); list.of(b.Passengers[1].Ticket).State != "valid" {
		t.Error("somebody without the right used a ticket")
	}
}

func TestLooksWithoutNetworkAreHandedInLater(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d, other := c.Coach(soon(1), 3), c.Coach(soon(2), 3)
	b, void := c.booked(apptest.Anna, d, 1, 3, 4), c.booked(apptest.Boris, d, 1, 3, 1)
	elsewhere := c.booked(apptest.Low, other, 1, 3, 1)
	c.post(apptest.Boris, "/bookings/"+void.ID+"/cancel", map[string]any{"version": void.Version}, http.StatusOK, nil)
	code := func(i int) string { return b.Passengers[i].Ticket }
	now := time.Now()
	first, late := lookAt(code(0), now.Add(-10*time.Minute), "accepted"), lookAt(code(0), now.Add(-5*time.Minute), "second")
	looks := []look{first, late,
		lookAt(void.Passengers[0].Ticket, now, "accepted"),
		lookAt(elsewhere.Passengers[0].Ticket, now, "unknown"),
		lookAt("AAAAAAAAAAAAAAAA", now, "unknown"),
		lookAt(code(1), now, "unknown"), // the list was old: turned away
		lookAt(code(2), now.Add(5*time.Minute), "accepted"),
		lookAt(code(2), now.Add(-48*time.Hour), "accepted"),
		lookAt(code(3), now, ""),
	}
	want := []string{"accepted", "second", "void", "other-departure", "unknown", "good", "wrong-time", "wrong-time", "accepted"}
	said := c.handIn(d, looks...)
	for i, s := range said {
		if s.Verdict != want[i] {
			t.Errorf("look %d: %+v, want %s", i, s, want[i])
		}
	}
	if at := said[1].FirstAt; at == nil || !at.Equal(first.At) {
		t.Errorf("the second is told of %v, want %v", at, first.At)
	}
	if said[0].Ticket == nil || said[0].Ticket.Place != b.Passengers[0].Place || said[3].Ticket != nil || said[2].Ticket.Place != "" {
		t.Errorf("told of tickets: %+v", said)
	}
	list, _, _ := c.list(d)
	for i, state := range []string{"used", "valid", "valid", "used"} {
		if got := list.of(code(i)); got.State != state {
			t.Errorf("ticket %d is %s, want %s", i, got.State, state)
		}
	}
	if at := list.of(code(0)).UsedAt; at == nil || !at.Equal(first.At) {
		t.Errorf("used at %v, want the time of the look %v", at, first.At)
	}
	// Handed in again nothing happens, and nobody is told otherwise; each look that counted is recorded once.
	looked := c.count(`SELECT count(*) FROM audit.entry WHERE tenant_id = 'northwick' AND case_id = $1 AND action = 'case.read' AND actor_kind = 'staff'`, b.ID)
	if looked != 2 {
		t.Errorf("%d looks are recorded, want 2", looked)
	}
	for i, s := range c.handIn(d, looks...) {
		if s.Verdict != said[i].Verdict || s.Others != said[i].Others {
			t.Errorf("look %d again: %+v, was %+v", i, s, said[i])
		}
	}
	if n := c.count(`SELECT count(*) FROM audit.entry WHERE tenant_id = 'northwick' AND case_id = $1 AND action = 'case.read' AND actor_kind = 'staff'`, b.ID); n != looked {
		t.Errorf("%d looks are recorded after handing in again, were %d", n, looked)
	}
	// Another device was first: who hands in later is told, whichever look was the earlier.
	earlier := c.handIn(d, lookAt(code(0), now.Add(-20*time.Minute), "accepted"))[0]
	if earlier.Verdict != "accepted" || earlier.Others != 1 {
		t.Errorf("the earlier look: %+v", earlier)
	}
	if again := c.handIn(d, first)[0]; again.Verdict != "second" || again.FirstAt == nil || !again.FirstAt.Equal(earlier.FirstAt.UTC()) || again.Others != 1 {
		t.Errorf("what was first before: %+v", again)
	}
	// Online the same ticket is used, whatever this conductor's clock says.
	var at trip
	c.post(apptest.Carl, "/operators/coast-coaches/departures/"+d+"/scans", map[string]any{"code": code(0)}, http.StatusConflict, &at)
	if at.Code != "ticket-used" {
		t.Error(at.Code)
	}
	if s := c.handIn(d, lookAt(code(0), now.Add(-time.Hour), ""))[0]; s.Verdict != "second" {
		t.Errorf("a look that waits for the answer: %+v", s)
	}
	for name, wrong := range map[string]any{
		"none": []look{}, "a code": []look{{kernel.NewID(), code(0), now, "accepted"}}, "a verdict of its own": []look{lookAt(code(0), now, "maybe")}, "no id": []look{{"1", travel.HashOf(code(0)), now, ""}},
	} {
		a := c.Do(apptest.Call{Who: &apptest.Carl, Method: http.MethodPost, Path: board + d + "/scans/batch", Key: apptest.Key(), Body: map[string]any{"scans": wrong}})
		if a.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}

// Devices that were without network hand in what they saw, at once, in pieces, in any order and more than once. The first is the
// one that a model finds, and in the end every device that asks again is told the same.
func TestTheFirstLookIsTheSameInWhateverOrderDevicesHandIn(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(1), 3)
	b := c.booked(apptest.Anna, d, 1, 3, 8)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	began := time.Now().Add(-time.Hour)
	type seen struct{ first, n int } // index into looks
	var looks []look
	model := map[string]seen{}
	devices := make([][]look, 4)
	for _, p := range b.Passengers {
		for device := range devices {
			if random.IntN(4) == 0 {
				continue
			}
			l := lookAt(p.Ticket, began.Add(time.Duration(random.IntN(4))*time.Minute), "accepted") // often at the same time
			devices[device] = append(devices[device], l)
			looks = append(looks, l)
			m, ok := model[l.Ticket]
			if f := looks[m.first]; !ok || l.At.Before(f.At) || l.At.Equal(f.At) && l.ID < f.ID {
				m.first = len(looks) - 1
			}
			m.n++
			model[l.Ticket] = m
		}
	}
	var wg sync.WaitGroup
	for _, mine := range devices {
		again := append(append([]look{}, mine...), mine...) // a device whose answer was lost hands in again
		random.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		size := 1 + random.IntN(3)
		wg.Go(func() {
			for len(again) > 0 {
				n := min(size, len(again))
				a := c.Do(apptest.Call{Who: &apptest.Carl, Method: http.MethodPost, Path: board + d + "/scans/batch", Key: apptest.Key(), Body: map[string]any{"scans": again[:n]}})
				if a.Status != http.StatusOK {
					t.Errorf("%d %s", a.Status, a.Body)
				}
				again = again[n:]
			}
		})
	}
	wg.Wait()
	for i, s := range c.handIn(d, looks...) {
		m := model[looks[i].Ticket]
		want := map[bool]string{true: "accepted", false: "second"}[i == m.first]
		if s.Verdict != want || s.Others != m.n-1 || s.FirstAt == nil || !s.FirstAt.Equal(looks[m.first].At) {
			t.Errorf("look %d: %+v, want %s of %d, first %v", i, s, want, m.n, looks[m.first].At)
		}
	}
	list, _, _ := c.list(d)
	for _, p := range b.Passengers {
		m, looked := model[travel.HashOf(p.Ticket)]
		one := list.of(p.Ticket)
		if looked && (one.State != "used" || !one.UsedAt.Equal(looks[m.first].At)) || !looked && one.State != "valid" {
			t.Errorf("the list: %+v, want first %v", one, fmt.Sprint(m))
		}
	}
}

// Two devices with one look each at the same ticket, handed in at the same moment and in both orders: one is first, the other is
// told.
func TestTwoDevicesAndOneTicket(t *testing.T) {
	t.Parallel()
	c := newCoastline(t)
	d := c.Coach(soon(1), 3)
	b := c.booked(apptest.Anna, d, 1, 3, 9)
	for i, p := range b.Passengers {
		pair := []look{lookAt(p.Ticket, time.Now().Add(-10*time.Minute), "accepted"), lookAt(p.Ticket, time.Now().Add(-9*time.Minute), "accepted")}
		if i%3 == 2 {
			pair[1].At = pair[0].At
		}
		first := pair[0]
		if pair[1].At.Equal(first.At) && pair[1].ID < first.ID {
			first = pair[1]
		}
		switch i % 3 {
		case 0:
			c.handIn(d, pair[0])
			if s := c.handIn(d, pair[1])[0]; s.Verdict != "second" || s.Others != 1 || !s.FirstAt.Equal(first.At) {
				t.Errorf("the later one: %+v", s)
			}
		case 1:
			c.handIn(d, pair[1])
			if s := c.handIn(d, pair[0])[0]; s.Verdict != "accepted" || s.Others != 1 {
				t.Errorf("the earlier one, handed in later: %+v", s)
			}
		default:
			var wg sync.WaitGroup
			for _, l := range pair {
				wg.Go(func() {
					a := c.Do(apptest.Call{Who: &apptest.Carl, Method: http.MethodPost, Path: board + d + "/scans/batch", Key: apptest.Key(), Body: map[string]any{"scans": []look{l}}})
					if a.Status != http.StatusOK {
						t.Errorf("%d %s", a.Status, a.Body)
					}
				})
			}
			wg.Wait()
		}
		for _, l := range pair {
			want := map[bool]string{true: "accepted", false: "second"}[l.ID == first.ID]
			if s := c.handIn(d, l)[0]; s.Verdict != want || !s.FirstAt.Equal(first.At) {
				t.Errorf("pair %d: %+v, want %s at %v", i, s, want, first.At)
			}
		}
	}
}
