package apptest

import (
	"testing"
	"time"

	"townhall/modules"
	"townhall/modules/kernel"
	"townhall/modules/kernel/kerneltest"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/traveltest"
)

// WithTravel lets both municipalities sell coach and ferry tickets, paid with a.Pay.
func WithTravel(t testing.TB) Option {
	return func(o *modules.Options) {
		o.PaymentsForTest = kerneltest.NewPayments(t, o.DB)
		SellTravel(&o.Settings)
	}
}

// SellTravel adds the operators to the settings of every test: northwick has coast-coaches and island-ferries, eastmere has
// hill-coaches.
func SellTravel(s *modules.Settings) {
	operators := map[kernel.TenantID][]modules.AgencySettings{
		"northwick": {
			{ID: "coast-coaches", Name: kernel.Text{"en": "Coast Coaches", "ru": "Береговые автобусы", "zh": "海岸客运"}},
			{ID: "island-ferries", Name: kernel.Text{"en": "Island Ferries", "ru": "Островные паромы", "zh": "海岛渡轮"}},
		},
		"eastmere": {{ID: "hill-coaches", Name: kernel.Text{"en": "Hill Coaches", "ru": "Горные автобусы", "zh": "山地客运"}}},
	}
	office := modules.AgencySettings{ID: "transport-office", Name: kernel.Text{"en": "Transport Office", "ru": "Отдел транспорта", "zh": "交通办公室"}}
	insurer := modules.AgencySettings{ID: "travel-insurance", Name: kernel.Text{"en": "Travel Insurance", "ru": "Страхование поездок", "zh": "旅行保险公司"}}
	second := modules.AgencySettings{ID: "second-mutual", Name: kernel.Text{"en": "Second Mutual", "ru": "Второе общество", "zh": "第二互助保险"}}
	for i := range s.Tenants {
		tenant := &s.Tenants[i]
		tenant.Services = append(tenant.Services, "coach-ticket", "ferry-ticket", "insurance-claim")
		tenant.Agencies = append(append(tenant.Agencies, office, insurer, second), operators[tenant.ID]...)
		s.Issuers[1].Groups[tenant.ID]["travel-insurance-adjusters"] = []modules.GrantSettings{{Agency: insurer.ID, Role: "adjuster"}}
		s.Issuers[1].Groups[tenant.ID]["second-mutual-adjusters"] = []modules.GrantSettings{{Agency: second.ID, Role: "adjuster"}}
		for _, role := range []string{kernel.RolePublisher, kernel.RoleReviewer} {
			group := string(tenant.ID) + "-" + role + "s"
			s.Issuers[1].Groups[tenant.ID][group] = append(s.Issuers[1].Groups[tenant.ID][group], modules.GrantSettings{Agency: office.ID, Role: role})
		}
		for _, operator := range operators[tenant.ID] {
			for _, role := range []string{"conductor", "dispatcher", "planner"} {
				s.Issuers[1].Groups[tenant.ID][string(operator.ID)+"-"+role+"s"] = []modules.GrantSettings{{Agency: operator.ID, Role: role}}
			}
		}
	}
}

// The people of the operators.
var (
	Carl  = Who{Subject: "carl", Name: "Carl Winter", ACR: "high", Groups: []string{"coast-coaches-conductors"}, Client: "northwick.staff"}
	Dina  = Who{Subject: "dina", Name: "Dina Castell", ACR: "high", Groups: []string{"coast-coaches-dispatchers"}, Client: "northwick.staff"}
	Pavel = Who{Subject: "pavel", Name: "Pavel Horak", ACR: "high", Groups: []string{"coast-coaches-planners"}, Client: "northwick.staff"}
	Lena  = Who{Subject: "lena", Name: "Lena Marsh", ACR: "high", Groups: []string{"travel-insurance-adjusters"}, Client: "northwick.staff"}
	Sven  = Who{Subject: "sven", Name: "Sven Dahl", ACR: "high", Groups: []string{"second-mutual-adjusters"}, Client: "northwick.staff"}
	Nora  = Who{Subject: "nora", Name: "Nora Lind", ACR: "high", Groups: []string{"island-ferries-conductors"}, Client: "northwick.staff"}
)

// A small coach and its fares: twelve seats, a place for a wheelchair, two bicycles. An adult pays 1000 for one segment and
// 500 more for each other one.
const (
	SmallCoach = `{code: small-coach, name: {en: Small coach, ru: Малый автобус, zh: 小客车}, rows: ["W1 . | 1C 1D", "2A 2B | 2C 2D", "3A 3B | 3C 3D", "4A 4B | . ."], wheelchairs: [W1], bicycles: 2}`
	CoastFares = `{code: coast, currency: GBP, zones: {stop-0: 0, stop-1: 1, stop-2: 2, stop-3: 3, stop-4: 4, stop-5: 5, stop-6: 6}, by_zones: [0, 1000, 1500, 2000, 2500, 3000, 3500],
		classes: {child: {percent: 50, under: 14}, senior: {percent: 70, from: 65}, concession: {percent: 60, claim: address.locality, value: Northwick}},
		bicycle: 300, refunds: [{hours: 48, percent: 90}, {hours: 2, percent: 50}], insurance: {products: [
			{code: cancellation, name: {en: Trip cancellation, ru: Отмена поездки, zh: 行程取消}, terms: {en: Whatever the reason., ru: По любой причине., zh: 不论原因。}, fixed: 100, percent: 4, minimum: 150, covers: 80},
			{code: accident, name: {en: Accident, ru: Несчастный случай, zh: 意外}, terms: {en: From boarding to getting off., ru: От посадки до высадки., zh: 自上车起至下车止。}, per_person: 120, up_to: 500000}]}, change_hours: 1}`
)

// Coaches sets up coast-coaches: its vehicle and its fares.
func (a *App) Coaches() {
	a.t.Helper()
	a.Know("northwick", Carl, Dina, Pavel, Nora, Lena, Sven)
	for path, body := range map[string]map[string]any{
		"layouts": {"form": SmallCoach, "version": 0},
		"fares":   {"form": CoastFares, "version": 0, "service": "coach-ticket"},
	} {
		if r := a.Do(Call{Who: &Pavel, Method: "POST", Path: "/travel/v1/operators/coast-coaches/" + path, Key: Key(), Body: body}); r.Status != 200 {
			a.t.Fatalf("%s: %d %s", path, r.Status, r.Body)
		}
	}
}

// Coach makes a departure of coast-coaches on the line X9 that calls at stop-0, stop-1 …, an hour apart, and returns its id.
func (a *App) Coach(begins time.Time, calls int) string {
	a.t.Helper()
	return a.coach("X9", begins, calls)
}

func (a *App) coach(route string, begins time.Time, calls int) (id string) {
	a.t.Helper()
	err := a.DB.InTx(a.t.Context(), "northwick", func(tx *pg.Tx) (err error) {
		id, err = traveltest.Make(a.t.Context(), tx, traveltest.Departure{Operator: "coast-coaches", Route: route, Headsign: "Airport", Layout: "small-coach",
			Begins: begins, Calls: calls, Apart: time.Hour, Dwell: 2 * time.Minute})
		return err
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return id
}
