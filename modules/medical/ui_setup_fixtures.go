package medical

import (
	"net/http"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/ui"
	"townhall/modules/medical/calendar"
	"townhall/modules/medical/sheet"
)

// fixtureSetup is a clinic that is set up.
func fixtureSetup() setup {
	doctor, from, until, own := "d1", "09:00:00", "12:00:00", string(fixtureClinic)
	feedKey, day := "harbour-gp", ui.GalleryTime.AddDate(0, 0, 9)
	return setup{
		facility: fixtureClinic,
		places: []placeDoc{
			{ID: "p1", Facility: fixtureClinic, Code: "riverside", Name: kernel.Text{"en": "Riverside Clinic", "ru": "Клиника «Набережная»", "zh": "河畔诊所"}, Street: "12 Quay Street", PostalCode: "NW1 4QS", Locality: "Northwick", Country: "GB", Zone: "Europe/London", Opening: []Opening{{Days: []int{1, 2, 3, 4, 5}, From: "08:00", Until: "18:00"}}, Active: true, Version: 1},
			{ID: "p2", Facility: fixtureClinic, Code: "mill-lane", Name: kernel.Text{"en": "Mill Lane Surgery", "ru": "Амбулатория на Милл-лейн", "zh": "磨坊巷诊所"}, Street: "3 Mill Lane", PostalCode: "NW2 6ML", Locality: "Northwick", Country: "GB", Zone: "Europe/London", Version: 2},
		},
		practitioners: []practitionerDoc{{ID: "d1", Facility: fixtureClinic, Code: "osei", Name: "Dr Amara Osei", Specialty: kernel.Text{"en": "General practice", "ru": "Общая практика", "zh": "全科"}, Languages: []string{"en", "fr"}, Active: true}},
		visits:        []VisitType{{Code: "consultation", Service: "doctor-appointment", Name: kernel.Text{"en": "Consultation", "ru": "Приём врача", "zh": "门诊"}, Minutes: 20, Level: kernel.Low, Active: true}},
		schedules: []scheduleDoc{
			{ID: "s1", Facility: fixtureClinic, Place: "p1", Practitioner: &doctor, Origin: OriginPlan, VisitTypes: []string{"consultation"}, Rule: "FREQ=WEEKLY;BYDAY=MO,WE,FR", From: &from, Until: &until, Minutes: 20, Capacity: 1, StartsOn: "2026-11-02", Active: true, Version: 3},
			{ID: "s2", Facility: fixtureClinic, Place: "p1", Origin: OriginFeed, FeedKey: &feedKey, VisitTypes: []string{"consultation"}, Minutes: 20, Capacity: 1, StartsOn: "2026-11-02", Active: true, Version: 1},
		},
		holidays:   []holidayDoc{{ID: "h1", Day: "2026-12-25", Name: kernel.Text{"en": "Christmas Day", "ru": "Рождество", "zh": "圣诞节"}}, {ID: "h2", Facility: &own, Day: "2026-12-31", Name: kernel.Text{"en": "Stocktaking", "ru": "Инвентаризация", "zh": "盘点"}}},
		exceptions: []exceptionDoc{{ID: "e1", Facility: fixtureClinic, Kind: "closed", Practitioner: &doctor, From: day.Format(time.RFC3339), Until: day.AddDate(0, 0, 4).Format(time.RFC3339), Reason: "Training"}},
	}
}

// setupFixtures are the states of the planners' pages for the gallery.
func (s *Service) setupFixtures() []ui.Fixture {
	fixture := func(name, path string, values map[string]string, render func(w http.ResponseWriter, r *http.Request) error) ui.Fixture {
		return ui.Fixture{Name: "clinic-" + name, As: kernel.Staff, Render: func(w http.ResponseWriter, r *http.Request) error {
			r = asAt(r, path, RolePlanner)
			for k, v := range values {
				r.SetPathValue(k, v)
			}
			return render(w, r)
		}}
	}
	c := fixtureSetup()
	table := func(name string) ui.Fixture {
		return fixture("setup-"+name, "setup/"+name, map[string]string{"table": name}, func(w http.ResponseWriter, r *http.Request) error { return s.showTable(w, r, c, name) })
	}
	row := func(name, table, id string, look *looked, problem error) ui.Fixture {
		return fixture("setup-"+name, "setup/"+table+"/"+id, map[string]string{"table": table, "id": id}, func(w http.ResponseWriter, r *http.Request) error {
			x, err := c.rowOf(r)
			if err != nil {
				return err
			}
			return s.showRow(w, r, c, x, look, problem)
		})
	}
	zone := ui.GalleryTenant().Location()
	start := ui.GalleryTime.Truncate(24 * time.Hour).Add(9 * time.Hour)
	sessions := []calendar.Session{{Start: start, End: start.Add(3 * time.Hour), Slots: make([]calendar.Slot, 9)}, {Start: start.AddDate(0, 0, 2), End: start.AddDate(0, 0, 2).Add(3 * time.Hour), Holiday: true},
		{Start: start.AddDate(0, 0, 3), End: start.AddDate(0, 0, 3).Add(time.Hour), Slots: make([]calendar.Slot, 3), Extra: true}}
	wrong := kernel.InvalidFields(kernel.FieldError{Path: "zone", Slug: "medical.setup.line.zone", Message: "is not a time zone"}, kernel.FieldError{Path: "street", Slug: "medical.setup.line.empty", Message: "is empty"})
	refused := &Refusal{}
	refused.Problems.Add("places.csv", 3, "zone", "zone", "is not a time zone, such as Europe/London")
	refused.Problems.Add("slots-2027-w12.ndjson", 41, "extension[0].valueInteger", "whole", "must be a whole number")
	refused.Problems.Add("rooms.csv", 0, "", "table", "is none of the tables that are read")
	refused.Problems.Total = lines.Most + 12
	importing := func(name string, view func(r *http.Request) importView, problem error) ui.Fixture {
		return fixture("import"+name, "setup/import", nil, func(w http.ResponseWriter, r *http.Request) error { return s.showImport(w, r, view(r), problem) })
	}
	return []ui.Fixture{
		fixture("setup", "setup", nil, func(w http.ResponseWriter, r *http.Request) error { return s.showSetup(w, r, c) }),
		table(sheet.Places), table(sheet.Schedules), table(sheet.Holidays),
		fixture("setup-empty", "setup/resources", map[string]string{"table": sheet.Resources}, func(w http.ResponseWriter, r *http.Request) error {
			return s.showTable(w, r, setup{}, sheet.Resources)
		}),
		row("place", sheet.Places, "p1", nil, wrong),
		row("visit-type", sheet.VisitTypes, "new", nil, nil),
		row("schedule-new", sheet.Schedules, "new", nil, nil),
		row("schedule", sheet.Schedules, "s1", &looked{sessions, zone}, nil),
		row("changed-meanwhile", sheet.Practitioners, "d1", nil, kernel.ErrChanged),
		fixture("exceptions", "setup/exceptions?made=0&gone=42&kept=2&overlaps=0", nil, func(w http.ResponseWriter, r *http.Request) error {
			r.URL.RawQuery = madeQuery(Made{Gone: 42, Kept: 2})[1:]
			return s.showExceptions(w, r, c)
		}),
		fixture("block", "setup/exceptions/block", map[string]string{"kind": "block"}, func(w http.ResponseWriter, r *http.Request) error {
			return s.showException(w, r, c, Exception{}, nil)
		}),
		fixture("extra", "setup/exceptions/extra", map[string]string{"kind": "extra"}, func(w http.ResponseWriter, r *http.Request) error {
			return s.showException(w, r, c, Exception{Extra: true, FromDay: "2026-12-05", From: "09:00", Until: "08:00"},
				kernel.InvalidFields(kernel.FieldError{Path: "until", Slug: "medical.setup.line.until-before", Message: "is not after the beginning"}))
		}),
		importing("", func(*http.Request) importView { return importView{} }, nil),
		importing("-refused", func(r *http.Request) importView { return s.refusalView(r, refused) }, errRefused),
		importing("-looked", func(r *http.Request) importView {
			return importView{Again: "H4sI", Counts: s.countsTable(r, Imported{Counts: []Count{{sheet.Places, 2, 1, 4}, {sheet.Schedules, 12, 0, 0}}}),
				Notices: []ui.Notice{{Tone: ui.Info, Title: s.p(r, "import.looked"), Body: s.p(r, "import.looked-body", "made", 812, "gone", 0, "kept", 0)}}}
		}, nil),
	}
}
