package medical

import (
	"testing"

	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
)

func TestWhatIsKnownOfTheCalendarsIsNeverOld(t *testing.T) {
	t.Parallel()
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
	const (
		place  = "'a0000000-0000-0000-0000-000000000001'"
		doctor = "'b0000000-0000-0000-0000-000000000001'"
	)
	do(`INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', 'riverside-clinic')`)
	do(`INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, zone, door_code)
		VALUES ('northwick', ` + place + `, 'riverside-clinic', 'main', '{"en":"Riverside"}', '1 Quay', 'NW1', 'Northwick', 'GB', 'Europe/London', 'door-one-1')`)
	do(`INSERT INTO medical.practitioner (tenant_id, id, facility, code, name, languages) VALUES ('northwick', ` + doctor + `, 'riverside-clinic', 'd', 'Dr D', '{en}')`)
	schedule := func(id string) string {
		return `INSERT INTO medical.schedule (tenant_id, id, facility, place_id, practitioner_id, origin, visit_types, rrule, time_from, time_until, slot_minutes, starts_on)
			VALUES ('northwick', '` + id + `', 'riverside-clinic', ` + place + `, ` + doctor + `, 'plan', '{consultation}', 'FREQ=DAILY', '09:00', '12:00', 20, current_date)`
	}
	do(schedule("c0000000-0000-0000-0000-000000000001"))

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
		{"one more schedule", schedule("c0000000-0000-0000-0000-000000000002"), func(c []candidate) bool { return len(c) == 2 }},
		{"one schedule less", `DELETE FROM medical.schedule WHERE tenant_id = 'northwick' AND id = 'c0000000-0000-0000-0000-000000000001'`, func(c []candidate) bool { return len(c) == 1 }},
		{"a clinic that is not published", `UPDATE medical.facility SET published = false WHERE tenant_id = 'northwick'`, func(c []candidate) bool { return len(c) == 0 }},
	} {
		do(step.sql)
		if got := look(); !step.right(got) {
			t.Errorf("%s is not seen: %+v", step.name, got)
		}
	}
}
