package medical

import (
	"fmt"
	"testing"
	"time"

	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

const (
	aPlace  = "'a0000000-0000-0000-0000-000000000001'"
	aDoctor = "'b0000000-0000-0000-0000-000000000001'"
)

// calendarsIn is a database with one clinic, its place and its doctor, and a way to change it.
func calendarsIn(t *testing.T) (*pg.DB, func(sql string)) {
	db := kerneltest.DB(t)
	do := func(sql string) {
		t.Helper()
		err := db.InTx(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
			_, err := tx.ExecContext(t.Context(), sql)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	do(`INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', 'riverside-clinic')`)
	do(`INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, zone, door_code)
		VALUES ('northwick', ` + aPlace + `, 'riverside-clinic', 'main', '{"en":"Riverside"}', '1 Quay', 'NW1', 'Northwick', 'GB', 'Europe/London', 'door-one-1')`)
	do(`INSERT INTO medical.practitioner (tenant_id, id, facility, code, name, languages) VALUES ('northwick', ` + aDoctor + `, 'riverside-clinic', 'd', 'Dr D', '{en}')`)
	return db, do
}

// plan is the statement that adds a schedule.
func plan(id string) string {
	return `INSERT INTO medical.schedule (tenant_id, id, facility, place_id, practitioner_id, origin, visit_types, rrule, time_from, time_until, slot_minutes, starts_on)
		VALUES ('northwick', '` + id + `', 'riverside-clinic', ` + aPlace + `, ` + aDoctor + `, 'plan', '{consultation}', 'FREQ=DAILY', '09:00', '12:00', 20, current_date)`
}

// Few schedules or many, soon or late, held, full or closed: a search pages through just what is free, in order.
func TestASearchPagesThroughEverythingThatIsFree(t *testing.T) {
	t.Parallel()
	db, do := calendarsIn(t)
	const schedules = 60
	var all []candidate
	for i := range schedules {
		id := fmt.Sprintf("c0000000-0000-0000-0000-%012d", i)
		do(plan(id))
		all = append(all, candidate{ID: ScheduleID(id)})
	}
	// The first third has slots in the first days only, the last ten in the last ones; many begin at the same moment.
	do(`INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, starts_at, ends_at, capacity, booked, spare, open, hold_case, hold_until)
		SELECT 'northwick', md5(c || '/' || k)::uuid, 'riverside-clinic', ` + aPlace + `, ('c0000000-0000-0000-0000-' || lpad(c::text, 12, '0'))::uuid,
			date_trunc('hour', now()) + k * interval '30 minutes', date_trunc('hour', now()) + (k + 1) * interval '30 minutes', 2,
			CASE WHEN k % 3 = 0 THEN 2 WHEN k % 3 = 1 THEN 1 ELSE 0 END, k % 3 <> 0, (c + k) % 11 <> 0,
			CASE WHEN h THEN ARRAY[md5(c || '-' || k)::uuid] ELSE '{}' END, CASE WHEN h THEN ARRAY[now() + CASE WHEN c % 2 = 0 THEN 1 ELSE -1 END * interval '1 hour'] ELSE '{}'::timestamptz[] END
		FROM generate_series(0, 59) c, generate_series(0, 119) k, LATERAL (SELECT k % 3 = 1 AND (c + k) % 7 = 0 AS h) x
		WHERE CASE WHEN c < 20 THEN k < 40 WHEN c >= 50 THEN k >= 100 ELSE k % 2 = 0 END`)
	err := db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) error {
		for name, in := range map[string][]candidate{"all": all, "few": all[3:9], "only late ones": all[50:], "forty, ten of them late": all[20:], "none": nil} {
			var want []string
			err := tx.SelectContext(t.Context(), &want, `SELECT s.id FROM medical.slot s WHERE s.tenant_id = 'northwick' AND s.schedule_id = ANY ($1::uuid[]) AND s.open AND s.starts_at > now()
				AND s.capacity > s.booked + (SELECT count(*) FROM unnest(s.hold_until) u WHERE u > now()) ORDER BY s.starts_at, s.id`, candidateIDs(in))
			if err != nil {
				return err
			}
			for _, page := range []int{1, 7, 100} {
				span, after := stretch{time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)}, SlotID("")
				for got := 0; ; {
					times, err := soonest(t.Context(), tx, in, span, after, page)
					if err != nil {
						return err
					}
					for _, f := range times {
						if got >= len(want) || want[got] != string(f.ID) || f.Left < 1 {
							t.Fatalf("%s, %d at a time: number %d is %+v, of %d", name, page, got+1, f, len(want))
						}
						span.From, after = f.StartsAt, f.ID
						got++
					}
					if len(times) < page || page == 1 && got == 40 {
						if len(times) < page && got != len(want) {
							t.Errorf("%s, %d at a time: %d of %d", name, page, got, len(want))
						}
						break
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsKnownOfTheCalendarsIsNeverOld(t *testing.T) {
	t.Parallel()
	db, do := calendarsIn(t)
	do(plan("c0000000-0000-0000-0000-000000000001"))

	var k known
	look := func() []candidate {
		t.Helper()
		var got []candidate
		err := db.Read(t.Context(), kerneltest.Northwick, func(tx *pg.Tx) (err error) {
			got, err = k.candidates(t.Context(), tx, "consultation", "")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if first := look(); len(first) != 1 || &first[0] != &look()[0] {
		t.Fatal("not known, or read again although nothing has changed")
	}
	for _, step := range []struct {
		name, sql string
		right     func([]candidate) bool
	}{
		{"another language", `UPDATE medical.practitioner SET languages = '{zh}' WHERE tenant_id = 'northwick'`, func(c []candidate) bool { return len(c) == 1 && c[0].Languages[0] == "zh" }},
		{"another postcode", `UPDATE medical.place SET postal_code = 'NW2' WHERE tenant_id = 'northwick'`, func(c []candidate) bool { return c[0].words.PostalCode == "NW2" }},
		{"one more schedule", plan("c0000000-0000-0000-0000-000000000002"), func(c []candidate) bool { return len(c) == 2 }},
		{"one schedule less", `DELETE FROM medical.schedule WHERE tenant_id = 'northwick' AND id = 'c0000000-0000-0000-0000-000000000001'`, func(c []candidate) bool { return len(c) == 1 }},
		{"a clinic that is not published", `UPDATE medical.facility SET published = false WHERE tenant_id = 'northwick'`, func(c []candidate) bool { return len(c) == 0 }},
	} {
		do(step.sql)
		if got := look(); !step.right(got) {
			t.Errorf("%s is not seen: %+v", step.name, got)
		}
	}
}
