package apptest_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"townhall/modules/apptest"
)

// disagreements are what must never be true of a clinic's tables, each with the question that finds it.
var disagreements = map[string]string{
	"a case and its appointment are in different states": `SELECT count(*) FROM medical.appointment a JOIN casework.case c ON c.tenant_id = a.tenant_id AND c.id = a.case_id WHERE a.state <> c.state`,
	"a case belongs to another clinic":                   `SELECT count(*) FROM medical.appointment a JOIN casework.case c ON c.tenant_id = a.tenant_id AND c.id = a.case_id WHERE a.facility <> c.agency`,
	"an appointment has no case":                         `SELECT count(*) FROM medical.appointment a WHERE NOT EXISTS (SELECT FROM casework.case c WHERE c.tenant_id = a.tenant_id AND c.id = a.case_id)`,
	"a case of the sector has no appointment":            `SELECT count(*) FROM casework.case c WHERE c.sector = 'medical' AND NOT EXISTS (SELECT FROM medical.appointment a WHERE a.tenant_id = c.tenant_id AND a.case_id = c.id)`,
	"a slot counts other people than have it":            `SELECT count(*) FROM medical.slot s WHERE s.booked <> (SELECT count(*) FROM medical.appointment a WHERE a.tenant_id = s.tenant_id AND a.slot_id = s.id)`,
	"a hold is nobody's":                                 `SELECT count(*) FROM medical.slot s CROSS JOIN LATERAL unnest(s.hold_case, s.hold_until) AS h (c, u) WHERE u > clock_timestamp() AND NOT EXISTS (SELECT FROM medical.appointment a WHERE a.tenant_id = s.tenant_id AND a.case_id = h.c AND a.hold_slot = s.id)`,
	"a hold is not in its slot":                          `SELECT count(*) FROM medical.appointment a WHERE a.hold_until > clock_timestamp() AND NOT EXISTS (SELECT FROM medical.slot s WHERE s.tenant_id = a.tenant_id AND s.id = a.hold_slot AND a.case_id = ANY (s.hold_case))`,
	"the waiting list says something else":               `SELECT count(*) FROM medical.waiting w JOIN medical.appointment a ON a.tenant_id = w.tenant_id AND a.case_id = w.case_id WHERE w.state <> CASE WHEN a.state IN ('waiting', 'offered') THEN a.state ELSE 'ended' END OR w.state = 'offered' AND w.offered_slot <> a.hold_slot`,
	"a room is taken for nobody":                         `SELECT count(*) FROM medical.occupancy o JOIN medical.slot s ON s.tenant_id = o.tenant_id AND s.id = o.slot_id WHERE s.booked = 0`,
	"somebody has a time without the room it needs":      `SELECT count(*) FROM medical.slot s WHERE s.booked > 0 AND NOT EXISTS (SELECT FROM medical.occupancy o WHERE o.tenant_id = s.tenant_id AND o.slot_id = s.id)`,
}

// TestEveryActionThroughEveryDoorLeavesCaseAppointmentAndSlotAgreed takes actions at random, by several people at a time,
// through every door there is: the contract of the sector, its pages, the contract of workflows and the citizen's case page.
func TestEveryActionThroughEveryDoorLeavesCaseAppointmentAndSlotAgreed(t *testing.T) {
	t.Parallel()
	d := newSurgery(t)
	d.run(`UPDATE medical.visit_type SET needs = '{room}' WHERE tenant_id = 'northwick'`)
	d.run(`INSERT INTO medical.resource (tenant_id, id, place_id, kind, name) SELECT 'northwick', gen_random_uuid(), id, 'room', 'Room 1' FROM medical.place WHERE tenant_id = 'northwick'`)
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	slots := append(append([]string{}, d.osei...), d.weir...)
	actions := []string{"confirm", "admit", "join", "offer", "pass", "expire", "reschedule", "move", "check-in", "complete", "certify-attendance", "cancel", "give-up", "call-off", "miss", "remind", "lapse", "unserve", "close"}
	staff := []apptest.Who{apptest.Rosa, apptest.Amara, apptest.Petra, apptest.Hannah}
	input := map[string]any{"cancel_reason": "time", "call_off_reason": "The doctor is ill.", "outcome": "treated", "present_on": time.Now().Format(time.DateOnly), "present_from": "09:00", "present_until": "09:30",
		"visit": "V", "when": "W", "starts": "2030-01-01T09:00:00Z", "place": "P", "address": "A", "patient": "X", "wanted_visit": "V", "wanted_where": "W", "wanted_when": "W", "wanted_until": "2030-01-01T09:00:00Z"}
	form := url.Values{}
	for name, value := range input {
		form.Set(name, fmt.Sprint(value))
	}
	wish := map[string]any{"visit_type": "consultation", "facility": "riverside-clinic", "from": time.Now().AddDate(0, 0, -1).Format(time.DateOnly), "until": time.Now().AddDate(0, 0, 2).Format(time.DateOnly)}
	// deal makes up what somebody does next.
	deal := func() func() (door string, status int) {
		who, slot := d.people[r.IntN(len(d.people))], slots[r.IntN(len(slots))]
		member, action := staff[r.IntN(len(staff))], actions[r.IntN(len(actions))]
		var cases []struct {
			ID      string `db:"id"`
			Version int    `db:"version"`
			Person  string `db:"applicant_name"`
		}
		d.rows(&cases, `SELECT id, version, applicant_name FROM casework.case WHERE tenant_id = 'northwick' AND NOT final ORDER BY id DESC LIMIT 12`)
		id, version, had := "", 1, ""
		if len(cases) > 0 {
			c := cases[r.IntN(len(cases))]
			id, version, had = c.ID, c.Version, d.has(c.ID)
			for _, p := range d.people {
				if p.Name == c.Person {
					who = p
				}
			}
		}
		body := map[string]any{"version": version, "input": input}
		if action == "pass" || action == "check-in" || action == "miss" || action == "give-up" {
			body = map[string]any{"version": version}
		}
		call := func(as apptest.Who, path string, body any) func() (string, int) {
			return func() (string, int) { return path, d.send(as, http.MethodPost, path, body).Status }
		}
		post := func(as apptest.Who, door, path string) func() (string, int) {
			f := maps.Clone(form)
			f.Set("version", fmt.Sprint(version))
			f.Set("idempotency_key", apptest.Key())
			return func() (string, int) {
				return door + ", " + action, d.Page(apptest.PageRequest{Tenant: "northwick", Method: http.MethodPost, Path: path, Form: f, Cookie: d.Cookie("northwick", as)}).Status
			}
		}
		mine, clinic := "/medical/v1/appointments/"+id, "/medical/v1/clinics/riverside-clinic/"
		n := r.IntN(14)
		if id == "" {
			n = min(n, 3)
		}
		switch n {
		case 0:
			return call(who, "/medical/v1/appointments", map[string]any{"slot": slot, "visit_type": "consultation"})
		case 1, 2:
			return call(who, "/medical/v1/holds", map[string]any{"slot": slot, "visit_type": "consultation"})
		case 3:
			return call(who, "/medical/v1/waiting", wish)
		case 4:
			return call(who, mine+"/confirm", map[string]any{"version": version})
		case 5:
			return call(who, mine+"/reschedule", map[string]any{"version": version, "slot": slot})
		case 6:
			return call(who, mine+"/cancel", map[string]any{"version": version, "reason": "time"})
		case 7:
			return call(who, mine+"/pass", map[string]any{"version": version})
		case 8:
			return call(member, clinic+"moves", map[string]any{"moves": []any{map[string]any{"appointment": id, "from": had, "to": slot}}})
		case 9:
			return call(member, clinic+"appointments/"+id+"/actions/"+action, body)
		case 10:
			return call(member, "/workflow/v1/cases/"+id+"/actions/"+action, body)
		case 11:
			return post(member, "a clinic's page", "/staff/clinics/riverside-clinic/appointments/"+id+"/"+action)
		case 12:
			return post(member, "the case's page", "/staff/cases/"+id+"/actions/"+action)
		}
		return post(who, "the citizen's page", "/cases/"+id+"/actions/"+action)
	}
	var mu sync.Mutex
	done := map[string]int{}
	for round := range 100 {
		var wg sync.WaitGroup
		for range 1 + r.IntN(6) { // at the same moment
			act := deal()
			wg.Go(func() {
				door, status := act()
				mu.Lock()
				defer mu.Unlock()
				if status >= 500 {
					t.Errorf("seed %d, round %d: %s: %d", seed, round, door, status)
				}
				if status < 400 {
					done[door[:min(len(door), 30)]]++
				}
			})
		}
		if round%8 == 7 {
			wg.Go(d.Settle)
		}
		wg.Wait()
		if d.agreed(fmt.Sprintf("seed %d, round %d", seed, round)); t.Failed() {
			return
		}
	}
	d.Settle()
	d.agreed("at the end")
	if len(done) < 5 {
		t.Errorf("too little happened: %v", done)
	}
	t.Logf("what was done: %v", done)
}

// agreed checks that the tables say the same.
func (d *surgery) agreed(when string) {
	d.t.Helper()
	for what, question := range disagreements {
		if n := d.number(question); n != 0 {
			d.t.Errorf("%s: %s (%d)", when, what, n)
		}
	}
}

// has is the slot an appointment has; that of nothing when it has none.
func (d *surgery) has(id string) string {
	if slot := d.slotOf(id); slot != "" {
		return slot
	}
	return "00000000-0000-0000-0000-000000000000"
}
