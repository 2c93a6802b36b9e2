package apptest

import (
	"maps"
	"net/http"
	"time"

	"github.com/lib/pq"

	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// clinics are the agencies of the medical sector: who offers the services, and the facilities.
var clinics = map[kernel.TenantID][]modules.AgencySettings{
	"northwick": {
		{ID: "health-services", Name: kernel.Text{"en": "Northwick Health Services", "ru": "Служба здравоохранения Нортуика", "zh": "诺斯威克卫生服务处"}},
		{ID: "riverside-clinic", Name: kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Риверсайд»", "zh": "河畔诊所"}},
		{ID: "harbour-health", Name: kernel.Text{"en": "Harbour Health Centre", "ru": "Медицинский центр «Харбор»", "zh": "港湾健康中心"}},
	},
	"eastmere": {
		{ID: "health-services", Name: kernel.Text{"en": "Eastmere Health Services", "ru": "Служба здравоохранения Истмира", "zh": "伊斯特米尔卫生服务处"}},
		{ID: "oak-surgery", Name: kernel.Text{"en": "Oak Surgery", "ru": "Клиника «Дубовая роща»", "zh": "橡树诊所"}},
	},
}

// withClinics are the groups of a municipality's staff: its registrars, and for every clinic "<clinic>-reception",
// "<clinic>-practitioners" and "<clinic>-planners".
func withClinics(tenant kernel.TenantID, registrars string, grants []modules.GrantSettings) map[string][]modules.GrantSettings {
	groups := map[string][]modules.GrantSettings{registrars: grants}
	for _, clinic := range clinics[tenant] {
		role := func(name string) []modules.GrantSettings {
			return []modules.GrantSettings{{Agency: clinic.ID, Role: name}}
		}
		maps.Copy(groups, map[string][]modules.GrantSettings{
			string(clinic.ID) + "-reception": role("reception"), string(clinic.ID) + "-practitioners": role("practitioner"), string(clinic.ID) + "-planners": role("planner"),
		})
	}
	return groups
}

// The people of the clinics. Amara treats at Riverside, Hannah at Harbour, Liam at Oak Surgery in the other municipality.
var (
	Rosa    = Who{Subject: "rosa", Name: "Rosa Delgado", ACR: "high", Groups: []string{"riverside-clinic-reception"}, Client: "northwick.staff"}
	Amara   = Who{Subject: "amara", Name: "Amara Osei", ACR: "high", Groups: []string{"riverside-clinic-practitioners"}, Client: "northwick.staff"}
	Petra   = Who{Subject: "petra", Name: "Petra Novak", ACR: "high", Groups: []string{"riverside-clinic-planners"}, Client: "northwick.staff"}
	Hannah  = Who{Subject: "hannah", Name: "Hannah Weiss", ACR: "high", Groups: []string{"harbour-health-practitioners"}, Client: "northwick.staff"}
	Liam    = Who{Subject: "liam", Name: "Liam Byrne", ACR: "high", Groups: []string{"oak-surgery-practitioners"}, Client: "eastmere.staff"}
	Clinic  = Who{Client: "clinic-system", Machine: true, Scope: "medical.read agency:riverside-clinic"}
	Harbour = Who{Client: "harbour-system", Machine: true, Scope: "medical.read agency:harbour-health"}
)

// Practice is a clinic with a calendar: riverside-clinic in northwick, one place, Dr Osei, and a station for vaccinations.
type Practice struct {
	Place, Doctor, Doctors, Station string   // ids: the place, the practitioner, their schedule, the station's schedule
	Slots                           []string // of the doctor's: one person each, half an hour apart from tomorrow on
	Groups                          []string // of the station's: twenty people each, an hour apart
	First                           time.Time
}

const practiceSQL = `
INSERT INTO medical.facility (tenant_id, id, phone) VALUES ('northwick', 'riverside-clinic', '+44 1632 960100');
INSERT INTO medical.visit_type (tenant_id, code, service, name, minutes, level, bring, coding) VALUES
	('northwick', 'consultation', 'doctor-appointment', '{"en":"Consultation","ru":"Консультация","zh":"门诊"}', 20, 'low', '{"en":"Your insurance card","ru":"Страховой полис","zh":"医保卡"}',
		'{"system":"http://terminology.hl7.org/CodeSystem/service-type","code":"124","display":"General Practice"}'),
	('northwick', 'flu', 'vaccination', '{"en":"Influenza vaccination","ru":"Прививка от гриппа","zh":"流感疫苗接种"}', 10, 'low', '{}',
		'{"system":"http://terminology.hl7.org/CodeSystem/service-type","code":"57","display":"Immunization"}');`

// Practice makes one, with so many slots of each kind.
func (a *App) Practice(slots, groups int) Practice {
	a.t.Helper()
	p := Practice{Place: kernel.NewID(), Doctor: kernel.NewID(), Doctors: kernel.NewID(), Station: kernel.NewID(), First: time.Now().Add(25 * time.Hour).Truncate(time.Hour)}
	err := a.DB.InTx(a.t.Context(), "northwick", func(tx *pg.Tx) error {
		for _, q := range []struct {
			text string
			args []any
		}{
			{practiceSQL, nil},
			{`INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, latitude, longitude, zone, directions, opening, door_code) VALUES
				('northwick', $1::uuid, 'riverside-clinic', 'quay', '{"en":"Riverside Clinic","ru":"Клиника «Риверсайд»","zh":"河畔诊所"}', '1 Quay Street', 'NW7 1AA', 'Northwick', 'GB', 51.5, -0.12,
				'Europe/London', '{"en":"Behind the library","ru":"За библиотекой","zh":"图书馆后面"}', '[{"days":[1,2,3,4,5],"from":"08:00","until":"18:00"}]', $1::uuid::text)`, []any{p.Place}},
			{`INSERT INTO medical.practitioner (tenant_id, id, facility, code, name, specialty, languages)
				VALUES ('northwick', $1, 'riverside-clinic', 'osei', 'Dr Amara Osei', '{"en":"General practice","ru":"Общая практика","zh":"全科"}', '{en,ru}')`, []any{p.Doctor}},
			{`INSERT INTO medical.schedule (tenant_id, id, facility, place_id, practitioner_id, origin, visit_types, rrule, time_from, time_until, slot_minutes, capacity, starts_on, made_until) VALUES
				('northwick', $1, 'riverside-clinic', $3, $4, 'plan', '{consultation}', 'FREQ=DAILY', '00:00', '23:59', 20, 1, current_date, current_date + 400),
				('northwick', $2, 'riverside-clinic', $3, NULL, 'plan', '{flu}', 'FREQ=DAILY', '00:00', '23:59', 10, 20, current_date, current_date + 400)`, []any{p.Doctors, p.Station, p.Place, p.Doctor}},
		} {
			if _, err := tx.ExecContext(a.t.Context(), q.text, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.t.Fatal(err)
	}
	p.Slots = a.slots(p, p.Doctors, p.Doctor, slots, 30*time.Minute, 20*time.Minute, 1)
	p.Groups = a.slots(p, p.Station, "", groups, time.Hour, 10*time.Minute, 20)
	return p
}

func (a *App) slots(p Practice, schedule, doctor string, n int, step, length time.Duration, capacity int) []string {
	a.t.Helper()
	ids := []string{}
	for range n {
		ids = append(ids, kernel.NewID())
	}
	err := a.DB.InTx(a.t.Context(), "northwick", func(tx *pg.Tx) error {
		_, err := tx.ExecContext(a.t.Context(), `INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, practitioner_id, starts_at, ends_at, capacity)
			SELECT 'northwick', i.id, 'riverside-clinic', $2, $3, nullif($4, '')::uuid, $5::timestamptz + (i.n - 1) * $6::int * interval '1 second', $5::timestamptz + ((i.n - 1) * $6::int + $7::int) * interval '1 second', $8::int
			FROM unnest($1::uuid[]) WITH ORDINALITY AS i (id, n)`, pq.Array(ids), p.Place, schedule, doctor, p.First, int(step.Seconds()), int(length.Seconds()), capacity)
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return ids
}

// Booked is an appointment as the medical contract answers it; only what the tests look at.
type Booked struct {
	Case
	Slot     string    `json:"slot"`
	StartsAt time.Time `json:"starts_at"`
}

// Book books a slot for who, by the contract, and expects success.
func (a *App) Book(who Who, slot, visitType string) Booked {
	a.t.Helper()
	return a.step(who, "/medical/v1/appointments", map[string]any{"slot": slot, "visit_type": visitType})
}

// Reschedule moves an appointment of who's to another slot.
func (a *App) Reschedule(who Who, b Booked, slot string) Booked {
	a.t.Helper()
	return a.step(who, "/medical/v1/appointments/"+b.ID+"/reschedule", map[string]any{"version": b.Version, "slot": slot})
}

func (a *App) step(who Who, path string, body any) Booked {
	a.t.Helper()
	r := a.Do(Call{Who: &who, Method: http.MethodPost, Path: path, Key: kernel.NewID(), Body: body})
	if r.Status/100 != 2 {
		a.t.Fatalf("%s by %s: %d %s", path, who.Subject, r.Status, r.Body)
	}
	var out Booked
	r.JSON(a.t, &out)
	return out
}
