package medical

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

// dayPages are the pages of a clinic's day. Who works at the clinic is checked by the service: for anybody else it is not
// there.
func (s *Service) dayPages() []web.Page {
	staff := web.Policy{Kinds: []kernel.PrincipalKind{kernel.Staff}, Relation: "agency"}
	const at = "/staff/clinics/{facility}/"
	return []web.Page{
		{Pattern: "GET /staff/clinics", Policy: staff, Handle: s.clinicsPage},
		{Pattern: "GET " + at + "day", Policy: staff, Handle: s.dayPage},
		{Pattern: "POST " + at + "check-in", Policy: staff, Handle: s.postCheckIn},
		{Pattern: "GET " + at + "appointments/{id}", Policy: staff, Handle: s.visitPage},
		{Pattern: "GET " + at + "appointments/{id}/miss", Policy: staff, Handle: s.missPage},
		{Pattern: "POST " + at + "appointments/{id}/{action}", Policy: staff, Handle: s.postVisit},
		{Pattern: "GET " + at + "walk-in", Policy: staff, Handle: s.walkInPage},
		{Pattern: "POST " + at + "walk-in", Policy: staff, Handle: s.postWalkIn},
		{Pattern: "GET " + at + "move", Policy: staff, Handle: s.movePage},
		{Pattern: "POST " + at + "move", Policy: staff, Handle: s.postMove},
		{Pattern: "GET " + at + "call-off", Policy: staff, Handle: s.callOffPage},
		{Pattern: "POST " + at + "call-off", Policy: staff, Handle: s.postCallOff},
		{Pattern: "GET " + at + "block", Policy: staff, Handle: s.blockPage},
		{Pattern: "POST " + at + "block", Policy: staff, Handle: s.postBlock},
		{Pattern: "GET " + at + "tasks", Policy: staff, Handle: s.tasksPage},
		{Pattern: "POST " + at + "tasks/{id}", Policy: staff, Handle: s.postTask},
	}
}

// d is a text of the clinic's day: "title" is medical.day.title.
func (s *Service) d(r *http.Request, key string, args ...any) string {
	return s.Texts.T(kernel.LocaleOf(r.Context()), "medical.day."+key, args...)
}

func facilityOf(r *http.Request) kernel.AgencyID { return kernel.AgencyID(r.PathValue("facility")) }

func clinicPath(f kernel.AgencyID) string { return "/staff/clinics/" + url.PathEscape(string(f)) }

func visitPath(f kernel.AgencyID, id kernel.CaseID) string {
	return clinicPath(f) + "/appointments/" + string(id)
}

// clinicName is the clinic's name in the reader's language.
func (s *Service) clinicName(r *http.Request, f kernel.AgencyID) string {
	a, _ := s.Directory.Agency(kernel.TenantOf(r.Context()).ID, f)
	return cmp.Or(a.Name.In(kernel.LocaleOf(r.Context())), string(f))
}

// clinicsPage leads to the clinics one works at; to the one there is, at once.
func (s *Service) clinicsPage(w http.ResponseWriter, r *http.Request) error {
	all := clinicsOf(kernel.PrincipalOf(r.Context()))
	if len(all) == 1 {
		http.Redirect(w, r, clinicPath(all[0])+"/day", http.StatusSeeOther)
		return nil
	}
	return s.showClinics(w, r, all)
}

func (s *Service) showClinics(w http.ResponseWriter, r *http.Request, all []kernel.AgencyID) error {
	v := struct {
		Cards []ui.Card
		Empty *ui.Empty
	}{}
	for _, id := range all {
		v.Cards = append(v.Cards, ui.Card{Href: clinicPath(id) + "/day", Title: s.clinicName(r, id), Text: s.d(r, "clinics.card"), Icon: "health"})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.d(r, "clinics.none"), Body: s.d(r, "clinics.none-body"), Icon: "health"}
	}
	return s.Staff.Render(w, r, s.views, "day-clinics", ui.View{Title: s.d(r, "clinics.title"), Data: v, Active: "clinics", Wide: true})
}

// dayView is the data of ui/day.html.
type dayView struct {
	Base, Place, Summary string
	Query                string // of this sheet, to come back to it
	Tabs                 ui.Filters
	Problems             []ui.Problem
	Notices              []ui.Notice
	Prev, Today, Next    string
	Scan                 ui.Field
	Filter               []ui.Field
	Parts                []dayPart
	Empty                *ui.Empty
	Choose               bool
}

// dayPart is one table of the sheet.
type dayPart struct {
	ID, Title string
	Rows      []dayRowView
	Choose    bool
}

// dayRowView is one line.
type dayRowView struct {
	Time, Patient, Born, Href, Visit, With, Note string
	Tag                                          ui.Tag
	CheckIn, Miss, Back                          string
	Case                                         kernel.CaseID
	Choose                                       bool
}

func (s *Service) dayPage(w http.ResponseWriter, r *http.Request) error {
	d, err := s.DaySheet(r.Context(), dayQueryOf(r, r.URL.Query()))
	if err != nil {
		return err
	}
	return s.showDay(w, r, d, dayExtra{checked: kernel.CaseID(r.URL.Query().Get("checked"))})
}

func dayQueryOf(r *http.Request, q url.Values) dayQuery {
	return dayQuery{Facility: facilityOf(r), Day: q.Get("day"), Place: PlaceID(q.Get("place")), Practitioner: PractitionerID(q.Get("practitioner"))}
}

func (q dayQuery) query(day string) string {
	v := url.Values{}
	for name, value := range map[string]string{"day": day, "place": string(q.Place), "practitioner": string(q.Practitioner)} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v.Encode()
}

func (q dayQuery) path(day string) string {
	return strings.TrimSuffix(clinicPath(q.Facility)+"/day?"+q.query(day), "?")
}

// dayExtra is what a page shows beside the sheet: who was checked in just now, or what went wrong.
type dayExtra struct {
	checked kernel.CaseID
	code    string
	problem error
}

func (s *Service) showDay(w http.ResponseWriter, r *http.Request, d daySheet, x dayExtra) error {
	locale, zone := kernel.LocaleOf(r.Context()), d.From.Location()
	who := kernel.PrincipalOf(r.Context())
	v := dayView{Base: clinicPath(d.Facility), Query: d.query(d.Day), Tabs: s.clinicTabs(r, d.Facility, "day", d.Tasks),
		Prev: d.path(d.From.AddDate(0, 0, -1).Format(time.DateOnly)), Next: d.path(d.From.AddDate(0, 0, 1).Format(time.DateOnly)),
		Filter: s.dayFilter(r, d), Summary: s.daySummary(r, d), Choose: true}
	if !d.today() {
		v.Today = d.path("")
	}
	for _, p := range d.Places {
		if p.ID == d.Place {
			v.Place = p.Name.In(locale)
		}
	}
	if d.today() && (who.Has(d.Facility, RoleReception) || who.Has(d.Facility, RolePractitioner)) {
		v.Scan = ui.Field{Name: "code", Label: s.d(r, "scan"), Hint: s.d(r, "scan-hint"), Required: true, Autocomplete: "off", Value: x.code}
	}
	s.dayMessages(r, d, x, &v)
	v.Parts = s.dayParts(r, d, v.Query)
	v.Choose = slices.ContainsFunc(d.Entries, dayEntry.expected)
	if len(d.Entries) == 0 {
		v.Empty = &ui.Empty{Title: s.d(r, "none"), Body: s.d(r, "none-body"), Icon: "clock"}
	}
	view := ui.View{Title: dayTitle(locale, zone, d.From), Lead: s.clinicName(r, d.Facility), Data: v, Active: "clinics", Wide: true}
	if x.problem != nil {
		view.Status = web.Status(kernel.KindOf(x.problem))
	}
	return s.Staff.Render(w, r, s.views, "day", view)
}

// dayTitle is "Sunday, 22 November 2026" as each language writes it.
func dayTitle(locale string, zone *time.Location, day time.Time) string {
	week, date := ui.Weekday(locale, zone, day), ui.Date(locale, zone, day)
	if locale == "zh" {
		return date + " " + week
	}
	first, n := utf8.DecodeRuneInString(week)
	return string(unicode.ToUpper(first)) + week[n:] + ", " + date
}

func (s *Service) dayMessages(r *http.Request, d daySheet, x dayExtra, v *dayView) {
	locale := kernel.LocaleOf(r.Context())
	if x.problem != nil {
		var fields []ui.Field
		fields, v.Problems = ui.WithErrors([]ui.Field{v.Scan}, s.Texts.FieldErrors(locale, x.problem))
		v.Scan = fields[0]
		if len(v.Problems) == 0 {
			v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, x.problem)}}
		}
	}
	for _, e := range d.Entries {
		if e.Case == x.checked && e.State == StateArrived {
			n := ui.Notice{Tone: ui.Success, Title: s.d(r, "checked-in", "patient", e.Patient), Body: s.d(r, "checked-in-for", "time", ui.Clock(e.Zone, e.StartsAt), "visit", e.Visit.In(locale))}
			if e.With != "" {
				n.Body += " · " + e.With
			}
			v.Notices = append(v.Notices, n)
		}
	}
}

func (s *Service) daySummary(r *http.Request, d daySheet) string {
	n := map[string]int{}
	for _, e := range d.Entries {
		n[e.State]++
	}
	return s.d(r, "summary", "n", len(d.Entries), "here", n[StateArrived], "seen", n[StateAttended]+n[StateClosed], "missed", n[StateMissed])
}

func (s *Service) dayFilter(r *http.Request, d daySheet) []ui.Field {
	locale := kernel.LocaleOf(r.Context())
	place := ui.Field{Name: "place", Label: s.d(r, "place"), Kind: "select", Plain: true, Value: string(d.Place), Options: []ui.Option{{Label: s.d(r, "all-places")}}}
	for _, p := range d.Places {
		place.Options = append(place.Options, ui.Option{Value: string(p.ID), Label: p.Name.In(locale)})
	}
	with := ui.Field{Name: "practitioner", Label: s.d(r, "practitioner"), Kind: "select", Plain: true, Value: string(d.Practitioner), Options: []ui.Option{{Label: s.d(r, "all-practitioners")}}}
	for _, p := range d.Practitioners {
		with.Options = append(with.Options, ui.Option{Value: string(p.ID), Label: p.Name})
	}
	return []ui.Field{{Name: "day", Label: s.d(r, "day"), Kind: "date", Plain: true, Value: d.Day}, place, with}
}

// dayParts puts whoever is still to be seen first: those who are there, and those who are expected; then the rest.
func (s *Service) dayParts(r *http.Request, d daySheet, back string) []dayPart {
	next := dayPart{ID: "next", Title: s.d(r, "part.next")}
	past := dayPart{ID: "past", Title: s.d(r, "part.past")}
	for _, e := range d.Entries {
		row := s.dayRow(r, d, e, back)
		if e.State == StateBooked || e.State == StateArrived {
			next.Rows = append(next.Rows, row)
			next.Choose = next.Choose || row.Choose
		} else {
			past.Rows = append(past.Rows, row)
		}
	}
	return []dayPart{next, past}
}

func (s *Service) dayRow(r *http.Request, d daySheet, e dayEntry, back string) dayRowView {
	locale := kernel.LocaleOf(r.Context())
	who := kernel.PrincipalOf(r.Context())
	row := dayRowView{Time: ui.Clock(e.Zone, e.StartsAt) + "–" + ui.Clock(e.Zone, e.EndsAt), Patient: e.Patient, Href: visitPath(e.Facility, e.Case),
		Visit: e.Visit.In(locale), With: joined(e.With, e.At.In(locale), d.Place != ""), Tag: s.visitTag(r, e), Case: e.Case, Choose: e.expected(), Back: back}
	if e.Birthdate != "" {
		row.Born = s.d(r, "born", "date", ui.Day(locale, e.Birthdate))
	}
	if !e.CheckedInAt.IsZero() {
		row.Note = s.d(r, "since", "time", ui.Clock(e.Zone, e.CheckedInAt))
	}
	if who.Has(d.Facility, RoleReception) || who.Has(d.Facility, RolePractitioner) {
		if e.expected() && d.today() {
			row.CheckIn = visitPath(e.Facility, e.Case) + "/check-in"
		}
		if e.late(d.Now) {
			row.Miss = visitPath(e.Facility, e.Case) + "/miss"
		}
	}
	return row
}

// joined is "Dr Osei · Riverside"; the place is left out where all are of one.
func joined(with, at string, onePlace bool) string {
	if onePlace || at == "" {
		return with
	}
	return strings.TrimPrefix(with+" · "+at, " · ")
}

var visitTones = map[string]string{StateBooked: ui.Neutral, StateArrived: ui.Info, StateAttended: ui.Success, StateClosed: ui.Success, StateMissed: ui.Warning, StateCancelled: ui.Danger}

// visitTag is an appointment's state in the workflow's words for staff.
func (s *Service) visitTag(r *http.Request, e dayEntry) ui.Tag {
	text := e.State
	if def := s.definitionOf(e.Service); def != nil {
		text = def.Text(kernel.LocaleOf(r.Context()), "state."+e.State+".staff")
	}
	return ui.Tag{Text: text, Tone: cmp.Or(visitTones[e.State], ui.Neutral)}
}

func (s *Service) definitionOf(service string) *workflows.Definition {
	def, ok := s.Library.Get(service)
	if !ok {
		return nil
	}
	return def
}

// clinicTabs lead through the pages of one clinic.
func (s *Service) clinicTabs(r *http.Request, f kernel.AgencyID, current string, tasks int) ui.Filters {
	who, base := kernel.PrincipalOf(r.Context()), clinicPath(f)
	out := ui.Filters{Label: s.d(r, "tabs")}
	add := func(name, href string, count int) {
		out.Tabs = append(out.Tabs, ui.Filter{Label: s.d(r, "tab."+name), Href: href, Count: count, Current: name == current})
	}
	add("day", base+"/day", -1)
	add("tasks", base+"/tasks", tasks)
	if who.Has(f, RoleReception) || who.Has(f, RolePractitioner) {
		add("walk-in", base+"/walk-in", -1)
	}
	if who.Has(f, RolePlanner) {
		add("block", base+"/block", -1)
	}
	if who.Has(f, RolePlanner) {
		add("setup", base+"/setup", -1)
	}
	return out
}

// postCheckIn takes what the scanner or a person typed.
func (s *Service) postCheckIn(w http.ResponseWriter, r *http.Request) error {
	q, err := url.ParseQuery(r.PostFormValue("back"))
	if err != nil {
		q = url.Values{}
	}
	day := dayQueryOf(r, q)
	id, err := s.CheckIn(r.Context(), day.Facility, r.PostFormValue("code"))
	if err == nil {
		return s.toSheet(w, r, day, id)
	}
	if !showable(err) {
		return err
	}
	d, shown := s.DaySheet(r.Context(), day)
	if shown != nil {
		return shown
	}
	return s.showDay(w, r, d, dayExtra{code: r.PostFormValue("code"), problem: err})
}

func (s *Service) toSheet(w http.ResponseWriter, r *http.Request, day dayQuery, checked kernel.CaseID) error {
	path := day.path(day.Day)
	if checked != "" {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		path += sep + "checked=" + string(checked)
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// showable: the page can show what is wrong beside what was typed.
func showable(err error) bool {
	switch kernel.KindOf(err) {
	case kernel.Invalid, kernel.Conflict, kernel.TooLarge, kernel.Unavailable:
		return true
	}
	return false
}
