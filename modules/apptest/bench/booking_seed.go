package bench

import (
	"fmt"

	"townhall/modules/apptest"
)

// The town that bookings are measured in: a million slots ahead, of five hundred doctors at fifty places of two clinics,
// and a thousand people who book. The slots begin the day after tomorrow, so that every booking has its reminder before it.
// Everything has an id that is computed from its number, here, in SQL and in pgbench's script alike.
const (
	doctors    = 500
	places     = 50
	perDoctor  = 2000 // slots
	allSlots   = doctors * perDoctor
	bookers    = 1000
	slotsADay  = 16
	visitType  = "consultation"
	seedPlaces = `
		INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', 'riverside-clinic'), ('northwick', 'harbour-health');
		INSERT INTO medical.visit_type (tenant_id, code, service, name, minutes, level, min_age, preparation, bring) VALUES
			('northwick', 'consultation', 'doctor-appointment', '{"en":"Consultation","ru":"Консультация врача","zh":"门诊"}', 20, 'low', 16,
			 '{"en":"Nothing is needed.","ru":"Подготовка не нужна.","zh":"无需准备。"}', '{"en":"An identity document.","ru":"Документ, удостоверяющий личность.","zh":"身份证件。"}');
		INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, latitude, longitude, zone, door_code)
			SELECT 'northwick', ('a' || lpad(to_hex(n), 31, '0'))::uuid, (ARRAY['riverside-clinic', 'harbour-health'])[1 + n %% 2], 'place-' || n,
				jsonb_build_object('en', 'Clinic ' || n, 'ru', 'Клиника ' || n, 'zh', '诊所' || n), n || ' Quay Street', 'NW' || n || ' 4RS', 'Northwick', 'GB',
				54 + n / 100.0, -1 - n / 100.0, 'Europe/London', 'door-number-' || n
			FROM generate_series(0, %[2]d - 1) n;
		INSERT INTO medical.practitioner (tenant_id, id, facility, code, name, specialty, languages)
			SELECT 'northwick', ('b' || lpad(to_hex(n), 31, '0'))::uuid, (ARRAY['riverside-clinic', 'harbour-health'])[1 + n %% %[2]d %% 2], 'doctor-' || n, 'Doctor Number ' || n,
				'{"en":"General practice","ru":"Общая практика","zh":"全科"}', CASE WHEN n %% 7 = 0 THEN '{en,zh}' WHEN n %% 3 = 0 THEN '{en,ru}' ELSE '{en}' END::text[]
			FROM generate_series(0, %[1]d - 1) n;
		INSERT INTO medical.schedule (tenant_id, id, facility, place_id, practitioner_id, origin, visit_types, rrule, time_from, time_until, slot_minutes, starts_on)
			SELECT 'northwick', ('c' || lpad(to_hex(n), 31, '0'))::uuid, (ARRAY['riverside-clinic', 'harbour-health'])[1 + n %% %[2]d %% 2], ('a' || lpad(to_hex(n %% %[2]d), 31, '0'))::uuid,
				('b' || lpad(to_hex(n), 31, '0'))::uuid, 'plan', '{consultation}', 'FREQ=DAILY', '09:00', '14:20', 20, current_date
			FROM generate_series(0, %[1]d - 1) n;
		ALTER TABLE medical.slot DROP CONSTRAINT slot_practitioner_free;
		INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, practitioner_id, starts_at, ends_at, capacity)
			SELECT 'northwick', lpad(to_hex(d * %[3]d + k + 1), 32, '0')::uuid, (ARRAY['riverside-clinic', 'harbour-health'])[1 + d %% %[2]d %% 2],
				('a' || lpad(to_hex(d %% %[2]d), 31, '0'))::uuid, ('c' || lpad(to_hex(d), 31, '0'))::uuid, ('b' || lpad(to_hex(d), 31, '0'))::uuid, t.at, t.at + interval '20 minutes', 1
			FROM generate_series(0, %[1]d - 1) d, generate_series(0, %[3]d - 1) k,
				LATERAL (SELECT current_date + 2 + k / %[4]d * interval '1 day' + interval '9 hours' + k %% %[4]d * interval '20 minutes' AS at) t
			ORDER BY d, k;
		ALTER TABLE medical.slot ADD CONSTRAINT slot_practitioner_free EXCLUDE USING gist
			(tenant_id WITH =, practitioner_id WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (practitioner_id IS NOT NULL);`
)

// seedPeople are the people who book.
const seedPeople = `INSERT INTO identity.person (tenant_id, id, issuer, subject, area, name, locale, claims, claims_at, created_at)
			SELECT 'northwick', ('d' || lpad(to_hex(n), 31, '0'))::uuid, '%[1]s', 'booker-' || n, 'citizen', 'Booker Number ' || n, 'en',
				jsonb_build_object('name', 'Booker Number ' || n, 'birthdate', '1988-04-17', 'address.street_address', '12 Mill Lane',
					'address.locality', 'Northwick', 'address.postal_code', 'NW7 2QH', 'address.country', 'GB'), now(), now()
			FROM generate_series(0, %[2]d - 1) n;
		INSERT INTO identity.consent (tenant_id, person_id, app, asked, given, at)
			SELECT tenant_id, id, app, '["name", "birthdate"]', '["name", "birthdate"]', now() FROM identity.person, unnest('{doctor-appointment,coach-ticket}'::text[]) app WHERE tenant_id = 'northwick' AND subject LIKE 'booker-%%';`

// seedClinics makes the town.
func (b *base) seedClinics(app *apptest.App) {
	b.t.Helper()
	b.exec(appDB, fmt.Sprintf(seedPlaces, doctors, places, perDoctor, slotsADay))
	b.exec(appDB, fmt.Sprintf(seedPeople, app.Citizens.URL, bookers))
	b.exec(appDB, "VACUUM ANALYZE")
}

// slotOf is the slot of booking n, counted from 0: people take the soonest times, at all doctors alike.
func slotOf(n int64) string { return caseID(n%doctors*perDoctor + n/doctors + 1) }

// The same in SQL, of pgbench's variable i.
const slotOfI = "lpad(to_hex((:i::bigint % 500) * 2000 + :i::bigint / 500 + 1), 32, '0')"

// booker is who makes booking n.
func booker(n int64) apptest.Who {
	n %= bookers
	return apptest.Who{Subject: fmt.Sprint("booker-", n), Name: fmt.Sprint("Booker Number ", n), ACR: "substantial", Client: "northwick.doctor-appointment"}
}

const bookerOfI = "('d' || lpad(to_hex(:i::bigint % 1000), 31, '0'))"
