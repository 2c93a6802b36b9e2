package apptest

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"townhall/modules/apptest/browser"
	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// surgery is a town with a clinic whose calendar is known: nothing is free before the day after tomorrow.
type surgery struct {
	*App
	t        *testing.T
	browser  *browser.Browser
	zone     *time.Location
	firstDay string // local day, YYYY-MM-DD
	place    string
	doorCode string
	schedule string // Dr Marsh's
	second   string // Dr Osei's
}

func newSurgery(t *testing.T, options ...Option) *surgery {
	t.Helper()
	s := &surgery{App: Start(t, options...), t: t, doorCode: "door-riverside-01"}
	s.Know("northwick", Anna, Boris, Low)
	s.zone, _ = time.LoadLocation("Europe/London")
	s.firstDay = time.Now().In(s.zone).AddDate(0, 0, 2).Format(time.DateOnly)
	s.tx(func(tx *pg.Tx) error {
		for _, facility := range []string{"riverside-clinic", "harbour-health"} {
			s.exec(tx, `INSERT INTO medical.facility (tenant_id, id) VALUES ('northwick', $1)`, facility)
		}
		s.place = s.newPlace(tx, "riverside-clinic", "quay", "Riverside Clinic", "4 Quay Street", "NW1 4QQ", 51.507, -0.121, s.doorCode)
		other := s.newPlace(tx, "harbour-health", "harbour", "Harbour Health Centre", "9 Dock Road", "NW9 1AA", 51.601, -0.010, "door-harbour-0001")
		for code, minutes := range map[string]int{"consultation": 20, "vaccination-flu": 10} {
			service, level := "doctor-appointment", "low"
			if code != "consultation" {
				service = "vaccination"
			}
			s.exec(tx, `INSERT INTO medical.visit_type (tenant_id, code, service, name, minutes, level, bring, preparation) VALUES ('northwick', $1, $2, $3, $4, $5,
				'{"en":"Your health card\nA list of your medicines","ru":"Полис\nСписок лекарств","zh":"医保卡\n药物清单"}', '{"en":"Please come five minutes early.","ru":"Приходите на пять минут раньше.","zh":"请提前五分钟到达。"}')`,
				code, service, `{"en":"See a doctor","ru":"Приём врача","zh":"看医生"}`, minutes, level)
		}
		s.exec(tx, `INSERT INTO medical.visit_type (tenant_id, code, service, name, minutes, level, min_age) VALUES ('northwick', 'ultrasound', 'doctor-appointment',
			'{"en":"Ultrasound","ru":"УЗИ","zh":"超声检查"}', 30, 'high', 16)`)
		s.schedule = s.newSchedule(tx, "riverside-clinic", s.place, s.newPractitioner(tx, "riverside-clinic", "Dr Helen Marsh", "{en,pl}"), "{consultation,ultrasound}", 1)
		s.second = s.newSchedule(tx, "riverside-clinic", s.place, s.newPractitioner(tx, "riverside-clinic", "Dr Samuel Osei", "{en,fr}"), "{consultation}", 1)
		far := s.newSchedule(tx, "harbour-health", other, s.newPractitioner(tx, "harbour-health", "Dr Ines Faro", "{en,pt}"), "{consultation}", 1)
		for _, sc := range []string{s.schedule, s.second, far} {
			for d := range 10 {
				s.newSlots(tx, sc, s.local(s.firstDay, d, "09:00"), 8)
			}
		}
		return nil
	})
	return s
}

func (s *surgery) tx(fn func(*pg.Tx) error) {
	s.t.Helper()
	if err := s.DB.InTx(s.t.Context(), "northwick", fn); err != nil {
		s.t.Fatal(err)
	}
}

func (s *surgery) exec(tx *pg.Tx, query string, args ...any) {
	s.t.Helper()
	if _, err := tx.ExecContext(s.t.Context(), query, args...); err != nil {
		s.t.Fatalf("%.80s: %v", query, err)
	}
}

func (s *surgery) newPlace(tx *pg.Tx, facility, code, name, street, postal string, lat, lon float64, door string) string {
	id := kernel.NewID()
	s.exec(tx, `INSERT INTO medical.place (tenant_id, id, facility, code, name, street, postal_code, locality, country, latitude, longitude, zone, phone, door_code)
		VALUES ('northwick', $1, $2, $3, json_build_object('en', $4::text, 'ru', $4::text, 'zh', $4::text), $5, $6, 'Northwick', 'GB', $7, $8, 'Europe/London', '020 7946 0142', $9)`,
		id, facility, code, name, street, postal, lat, lon, door)
	return id
}

func (s *surgery) newPractitioner(tx *pg.Tx, facility, name, languages string) string {
	id := kernel.NewID()
	s.exec(tx, `INSERT INTO medical.practitioner (tenant_id, id, facility, code, name, specialty, languages)
		VALUES ('northwick', $1, $2, $3, $3, '{"en":"General practice","ru":"Терапевт","zh":"全科"}', $4)`, id, facility, name, languages)
	return id
}

func (s *surgery) newSchedule(tx *pg.Tx, facility, place, practitioner, visits string, capacity int) string {
	id := kernel.NewID()
	s.exec(tx, `INSERT INTO medical.schedule (tenant_id, id, facility, place_id, practitioner_id, origin, visit_types, rrule, time_from, time_until, slot_minutes, capacity, starts_on)
		VALUES ('northwick', $1, $2, $3, $4, 'plan', $5, 'FREQ=DAILY', '09:00', '12:00', 20, $6, '2026-01-01')`, id, facility, place, practitioner, visits, capacity)
	return id
}

// newSlots makes n slots of twenty minutes one after the other.
func (s *surgery) newSlots(tx *pg.Tx, schedule string, from time.Time, n int) (ids []string) {
	for i := range n {
		id := kernel.NewID()
		s.exec(tx, `INSERT INTO medical.slot (tenant_id, id, facility, place_id, schedule_id, practitioner_id, starts_at, ends_at, capacity)
			SELECT 'northwick', $1, facility, place_id, id, practitioner_id, $3, $3::timestamptz + interval '20 minutes', capacity FROM medical.schedule WHERE tenant_id = 'northwick' AND id = $2`,
			id, schedule, from.Add(time.Duration(i)*20*time.Minute))
		ids = append(ids, id)
	}
	return ids
}

// local is a moment by the clock of the place, some days after a day.
func (s *surgery) local(day string, days int, clock string) time.Time {
	s.t.Helper()
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		s.t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", d.AddDate(0, 0, days).Format(time.DateOnly)+" "+clock, s.zone)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

// visitor is somebody at a browser who has signed in.
func (s *surgery) visitor(j *journey, who Who, o browser.Options) *person {
	s.t.Helper()
	p := &person{Page: s.browser.Open(j.t, o), t: j.t, j: j, role: "medical", size: browser.Phone}
	c := s.Cookie("northwick", who)
	p.Go(s.Origin("northwick") + "/verify")
	yes := true
	_, err := chromedp.Call(p.Context(), network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: s.Origin("northwick"), Secure: &yes, HTTPOnly: &yes, Path: "/"})
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// one reads one value of the database.
func one[T any](s *surgery, query string, args ...any) (v T) {
	s.t.Helper()
	s.tx(func(tx *pg.Tx) error { return tx.GetContext(s.t.Context(), &v, query, args...) })
	return v
}

func (s *surgery) url(format string, args ...any) string {
	return s.Origin("northwick") + fmt.Sprintf(format, args...)
}
