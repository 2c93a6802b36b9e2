package apptest

import (
	"testing"
	"time"

	"github.com/lib/pq"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// Consultation is the type of visit that Slots can be booked for; everybody may, at any level of sign-in.
const Consultation = "consultation"

// Slots makes a place of riverside-clinic in northwick with a slot for each of capacities, half an hour apart from
// tomorrow on, and returns their ids.
func (a *App) Slots(t testing.TB, capacities ...int) []string {
	t.Helper()
	return a.SlotsFrom(t, time.Now().Add(24*time.Hour), capacities...)
}

// SlotsFrom is Slots from that day on.
func (a *App) SlotsFrom(t testing.TB, day time.Time, capacities ...int) []string {
	t.Helper()
	place, schedule := kernel.NewID(), kernel.NewID()
	first := day.Truncate(time.Hour)
	var c pg.Columns
	ids := make([]string, len(capacities))
	for i, n := range capacities {
		ids[i] = kernel.NewID()
		at := first.Add(time.Duration(i) * 30 * time.Minute)
		c.Add(pg.Text(ids[i]), pg.Time(at), pg.Time(at.Add(20*time.Minute)), pg.Int(n))
	}
	err := a.DB.InTx(t.Context(), "northwick", func(tx *pg.Tx) error {
		for _, q := range []struct {
			text string
			args []any
		}{
			{`INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', 'riverside-clinic') ON CONFLICT DO NOTHING`, nil},
			{`INSERT INTO medical.visit_type (tenant_id, code, service, name, minutes, level) VALUES
				('northwick', $1, 'doctor-appointment', '{"en":"Consultation","ru":"Консультация","zh":"门诊"}', 20, 'low') ON CONFLICT DO NOTHING`, []any{Consultation}},
			{`INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, zone, door_code)
				VALUES ('northwick', $1, 'riverside-clinic', $2, '{"en":"Riverside Clinic","ru":"Клиника «Риверсайд»","zh":"河畔诊所"}', '3 Quay Street', 'NW1 4RS', 'Northwick', 'GB', 'Europe/London', $2)`, []any{place, place}},
			{`INSERT INTO medical.schedule (tenant_id, id, facility, place_id, origin, feed_key, visit_types, slot_minutes, starts_on)
				VALUES ('northwick', $1, 'riverside-clinic', $2, 'feed', $4, $3, 20, now())`, []any{schedule, place, pq.Array([]string{Consultation}), schedule}},
			{`INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, starts_at, ends_at, capacity)
				SELECT 'northwick', s.id, 'riverside-clinic', $1, $2, s.starts_at, s.ends_at, s.n
				FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[], $6::int[]) AS s (id, starts_at, ends_at, n)`, c.Args(place, schedule)},
		} {
			if _, err := tx.ExecContext(t.Context(), q.text, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Occupancy is what the database says about slots after a race.
type Occupancy struct {
	Capacity, Booked int
	Appointments     int // that have one of the slots
	Cases            int // of these, in the state booked
	Holds            int // that still count
	Over             int // slots with more people than places
}

// Occupied counts.
func (a *App) Occupied(t testing.TB, slots []string) Occupancy {
	t.Helper()
	var o Occupancy
	err := a.DB.Read(t.Context(), "northwick", func(tx *pg.Tx) error {
		return tx.GetContext(t.Context(), &o, `
			SELECT sum(s.capacity) AS capacity, sum(s.booked) AS booked, sum(p.n) AS appointments, sum(p.cases) AS cases,
				sum(medical.live_holds(s.hold_until)) AS holds, count(*) FILTER (WHERE p.n + medical.live_holds(s.hold_until) > s.capacity OR p.n <> s.booked) AS over
			FROM medical.slot s CROSS JOIN LATERAL (
				SELECT count(*) AS n, count(*) FILTER (WHERE c.state = 'booked' AND a.state = 'booked') AS cases
				FROM medical.appointment a LEFT JOIN casework.case c ON c.tenant_id = a.tenant_id AND c.id = a.case_id
				WHERE a.tenant_id = s.tenant_id AND a.slot_id = s.id) p
			WHERE s.tenant_id = 'northwick' AND s.id = ANY ($1::uuid[])`, pq.Array(slots))
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}
