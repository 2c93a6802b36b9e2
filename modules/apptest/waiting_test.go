package apptest

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/openapi"
)

// booking is an appointment as the contract answers it; only what the tests look at.
type booking struct {
	ID, State, Slot string
	Version         int
}

func (s *surgery) call(who Who, path string, body map[string]any, want int) (b booking) {
	s.t.Helper()
	r := s.Do(Call{Who: &who, Method: http.MethodPost, Path: "/medical/v1" + path, Key: kernel.NewID(), Body: body})
	if r.Status != want {
		s.t.Fatalf("%s by %s: %d %s, want %d", path, who.Subject, r.Status, r.Body, want)
	}
	r.JSON(s.t, &b)
	return b
}

func (s *surgery) read(who Who, id string) (b booking) {
	s.t.Helper()
	r := s.Do(Call{Who: &who, Method: http.MethodGet, Path: "/medical/v1/appointments/" + id})
	if r.Status != http.StatusOK {
		s.t.Fatalf("read: %d %s", r.Status, r.Body)
	}
	r.JSON(s.t, &b)
	return b
}

func (s *surgery) join(who Who, body map[string]any) booking {
	s.t.Helper()
	in := map[string]any{"visit_type": "consultation", "facility": "riverside-clinic", "from": s.firstDay, "until": s.local(s.firstDay, 12, "12:00").Format(time.DateOnly)}
	for k, v := range body {
		in[k] = v
	}
	return s.call(who, "/waiting", in, http.StatusCreated)
}

// everythingTaken leaves no free time at Riverside.
func (s *surgery) everythingTaken() {
	s.tx(func(tx *pg.Tx) error {
		s.exec(tx, `UPDATE medical.slot SET booked = 1, spare = false WHERE tenant_id = 'northwick'`)
		return nil
	})
}

// takenBy books one slot for somebody and leaves nothing else free.
func (s *surgery) takenBy(who Who) booking {
	s.t.Helper()
	var slots []string
	s.tx(func(tx *pg.Tx) error {
		slots = s.newSlots(tx, s.schedule, s.local(s.firstDay, 1, "15:00"), 1)
		return nil
	})
	return s.call(who, "/appointments", map[string]any{"slot": slots[0], "visit_type": "consultation"}, http.StatusCreated)
}

// A place that becomes free goes to whoever has waited longest and fits; whoever lets it go stays on the list, and it is
// offered to those behind them, never twice to the same.
func TestAPlaceThatBecomesFreeGoesDownTheWaitingList(t *testing.T) {
	t.Parallel()
	s := newSurgery(t)
	s.everythingTaken()
	carla := Who{Subject: "carla", Name: "Carla Ruiz", ACR: "substantial", Client: Anna.Client}
	dora := Who{Subject: "dora", Name: "Dora Lind", ACR: "substantial", Client: Anna.Client}
	s.Know("northwick", carla, dora)
	first := s.takenBy(carla)

	other := s.join(dora, map[string]any{"part": "morning"}) // waits longest, and does not fit: the place is in the afternoon
	anna := s.join(Anna, nil)
	boris := s.join(Boris, map[string]any{"place": s.place})
	s.Settle()
	for _, w := range []struct {
		who Who
		b   booking
	}{{Anna, anna}, {Boris, boris}, {dora, other}} {
		if got := s.read(w.who, w.b.ID); got.State != "waiting" {
			t.Fatalf("%s is %s before anything is free", w.who.Subject, got.State)
		}
	}
	s.call(carla, "/appointments/"+first.ID+"/cancel", map[string]any{"version": s.read(carla, first.ID).Version, "reason": "better"}, http.StatusOK)
	s.Settle()
	offered := s.read(Anna, anna.ID)
	if offered.State != "offered" || s.read(Boris, boris.ID).State != "waiting" || s.read(dora, other.ID).State != "waiting" {
		t.Fatalf("anna is %s, boris %s, dora %s", offered.State, s.read(Boris, boris.ID).State, s.read(dora, other.ID).State)
	}
	// While it is hers, nobody else gets it.
	if r := s.Do(Call{Who: &carla, Method: http.MethodPost, Path: "/medical/v1/appointments", Key: kernel.NewID(), Body: map[string]any{"slot": first.Slot, "visit_type": "consultation"}}); r.Status != http.StatusConflict {
		t.Fatalf("somebody else books what is offered: %d %s", r.Status, r.Body)
	}
	passed := s.call(Anna, "/appointments/"+anna.ID+"/pass", map[string]any{"version": offered.Version}, http.StatusOK)
	s.Settle()
	if got := s.read(Boris, boris.ID); passed.State != "waiting" || got.State != "offered" {
		t.Fatalf("after passing anna is %s, boris %s", passed.State, got.State)
	}
	b := s.read(Boris, boris.ID)
	confirmed := s.call(Boris, "/appointments/"+boris.ID+"/confirm", map[string]any{"version": b.Version}, http.StatusOK)
	s.Settle()
	if confirmed.State != "booked" || s.read(Anna, anna.ID).State != "waiting" {
		t.Fatalf("boris is %s", confirmed.State)
	}
	if n := one[int](s, `SELECT count(*) FROM notify.message WHERE tenant_id = 'northwick' AND case_id = $1`, anna.ID); n < 2 {
		t.Errorf("anna was told %d times", n)
	}
	// New slots are offered to who still waits, longest first: the morning to Dora.
	var fresh []string
	s.tx(func(tx *pg.Tx) error {
		fresh = s.newSlots(tx, s.second, s.local(s.firstDay, 2, "08:00"), 2)
		for i, id := range fresh {
			if err := pg.Emit(t.Context(), tx, kernel.Event{Name: "medical.slot-freed", Payload: map[string]any{"slot": id, "n": i}}); err != nil {
				return err
			}
		}
		return nil
	})
	s.Settle()
	if d, a := s.read(dora, other.ID), s.read(Anna, anna.ID); d.State != "offered" || d.Slot != "" && d.Slot != fresh[0] || a.State != "offered" {
		t.Fatalf("after new slots dora is %s, anna %s", d.State, a.State)
	}
}

// The end of an offer is judged where the place is claimed: after it, whoever is faster has the place, and nobody has it twice.
func TestAnOfferEndsByItsCondition(t *testing.T) {
	t.Parallel()
	s := newSurgery(t)
	s.everythingTaken()
	carla := Who{Subject: "carla", Name: "Carla Ruiz", ACR: "substantial", Client: Anna.Client}
	s.Know("northwick", carla)
	for _, stillFree := range []bool{true, false} {
		taken := s.takenByAt(carla, map[bool]string{true: "15:00", false: "16:00"}[stillFree])
		anna := s.join(Anna, nil)
		s.call(carla, "/appointments/"+taken.ID+"/cancel", map[string]any{"version": s.read(carla, taken.ID).Version, "reason": "better"}, http.StatusOK)
		s.Settle()
		offered := s.read(Anna, anna.ID)
		if offered.State != "offered" {
			t.Fatalf("anna is %s", offered.State)
		}
		s.tx(func(tx *pg.Tx) error { // the time passes
			s.exec(tx, `UPDATE medical.slot SET hold_until = ARRAY[clock_timestamp() - interval '1 second'] WHERE tenant_id = 'northwick' AND id = $1`, taken.Slot)
			return nil
		})
		want := http.StatusOK
		if !stillFree {
			s.call(Boris, "/appointments", map[string]any{"slot": taken.Slot, "visit_type": "consultation"}, http.StatusCreated)
			want = http.StatusConflict
		}
		r := s.Do(Call{Who: &Anna, Method: http.MethodPost, Path: "/medical/v1/appointments/" + anna.ID + "/confirm", Key: kernel.NewID(), Body: map[string]any{"version": offered.Version}})
		if r.Status != want {
			t.Fatalf("still free %v: %d %s", stillFree, r.Status, r.Body)
		}
	}
}

// takenByAt is takenBy at another hour.
func (s *surgery) takenByAt(who Who, clock string) booking {
	s.t.Helper()
	var slots []string
	s.tx(func(tx *pg.Tx) error {
		slots = s.newSlots(tx, s.schedule, s.local(s.firstDay, 1, clock), 1)
		return nil
	})
	return s.call(who, "/appointments", map[string]any{"slot": slots[0], "visit_type": "consultation"}, http.StatusCreated)
}

// Two processes run the effects of ten freed places at once, for ten people who wait: each place is offered once.
func TestTwoProcessesNeverOfferOnePlaceTwice(t *testing.T) {
	t.Parallel()
	const places, waiting = 6, 10
	s := newSurgery(t)
	s.everythingTaken()
	second, err := modules.New(modules.Options{Settings: s.SettingsFor(portOf(s.Origin("northwick"))), DB: s.DB, Data: s.Data, Clock: kernel.SystemClock{}, Log: s.Log(), Contracts: openapi.FS})
	if err != nil {
		t.Fatal(err)
	}
	var lines []booking
	var people []Who
	for i := range waiting {
		who := Who{Subject: "waiting-" + string(rune('a'+i)), Name: "Somebody Waiting", ACR: "substantial", Client: Anna.Client}
		s.Know("northwick", who)
		people = append(people, who)
		lines = append(lines, s.join(who, nil))
	}
	s.Settle()
	s.tx(func(tx *pg.Tx) error {
		for i, id := range s.newSlots(tx, s.schedule, s.local(s.firstDay, 3, "15:00"), places) {
			if err := pg.Emit(t.Context(), tx, kernel.Event{Name: "medical.slot-freed", Payload: map[string]any{"slot": id, "n": i}}); err != nil {
				return err
			}
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	for _, town := range []*modules.Town{s.Town, second} {
		wg.Go(func() {
			if err := town.Drain(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	offered, slots := 0, map[string]int{}
	for i, b := range lines {
		if got := s.read(people[i], b.ID); got.State == "offered" {
			offered++
		}
	}
	for i := range one[int](s, `SELECT count(*)::int FROM medical.slot WHERE tenant_id = 'northwick' AND cardinality(hold_case) > 1`) {
		slots["doubled"] = i + 1
	}
	held := one[int](s, `SELECT count(*)::int FROM medical.slot WHERE tenant_id = 'northwick' AND cardinality(hold_case) = 1`)
	distinct := one[int](s, `SELECT count(DISTINCT offered_slot)::int FROM medical.waiting WHERE tenant_id = 'northwick' AND state = 'offered'`)
	if offered != places || held != places || distinct != places || len(slots) > 0 {
		t.Errorf("%d offered of %d places, %d slots held, %d distinct, %v", offered, places, held, distinct, slots)
	}
	t.Logf("%d places, %d waiting, two processes: %d offers, each of a place of its own", places, waiting, offered)
}

func portOf(origin string) string {
	for i := len(origin) - 1; i >= 0; i-- {
		if origin[i] == ':' {
			return origin[i+1:]
		}
	}
	return ""
}
