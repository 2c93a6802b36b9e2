package travel

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/modules/travel/seats"
)

// deskPages are the pages of an operator's dispatchers and planners. Who works for the operator, and as what, is checked by the
// service: for anybody else it is not there.
func (s *Service) deskPages() []web.Page {
	const at = staffTravel + "/{operator}"
	return []web.Page{
		{Pattern: "GET " + staffTravel, Policy: operatorStaff, Handle: s.operatorsPage},
		{Pattern: "GET " + at, Policy: operatorStaff, Handle: s.operatorPage},
		{Pattern: "GET " + at + "/departures/{departure}", Policy: operatorStaff, Handle: s.departurePage},
		{Pattern: "GET " + at + "/departures/{departure}/call-off", Policy: operatorStaff, Handle: s.callOffPage},
		{Pattern: "POST " + at + "/departures/{departure}/call-off", Policy: operatorStaff, Handle: s.postCallOffPage},
		{Pattern: "POST " + at + "/departures/{departure}/go-on", Policy: operatorStaff, Handle: s.postGoOn},
		{Pattern: "GET " + at + "/timetable", Policy: operatorStaff, Handle: s.timetablePage},
		{Pattern: "POST " + at + "/timetable", Policy: operatorStaff, Handle: s.postTimetablePage, MaxBody: maxTimetable + 1<<20},
		{Pattern: "GET " + at + "/timetable/conflicts/{conflict}/{how}", Policy: operatorStaff, Handle: s.conflictPage},
		{Pattern: "POST " + at + "/timetable/conflicts/{conflict}/{how}", Policy: operatorStaff, Handle: s.postConflictPage},
		{Pattern: "GET " + at + "/vehicles", Policy: operatorStaff, Handle: s.vehiclesPage},
		{Pattern: "GET " + at + "/vehicles/{code}", Policy: operatorStaff, Handle: s.vehiclePage},
		{Pattern: "POST " + at + "/vehicles/{code}", Policy: operatorStaff, Handle: s.postVehicle, MaxBody: maxForm},
		{Pattern: "GET " + at + "/fares", Policy: operatorStaff, Handle: s.faresPage},
		{Pattern: "GET " + at + "/fares/{code}", Policy: operatorStaff, Handle: s.fareTablePage},
		{Pattern: "POST " + at + "/fares/{code}", Policy: operatorStaff, Handle: s.postFareTable, MaxBody: maxForm},
	}
}

// maxForm is how much a form of a vehicle or of fares is at most, with what a browser makes of it.
const maxForm = 4 << 20

// k is a text of the operators' pages: "title" is travel.desk.title.
func (s *Service) k(r *http.Request, key string, args ...any) string {
	return s.say(kernel.LocaleOf(r.Context()), "desk."+key, args...)
}

// deskTabs lead to an operator's pages, as far as the reader's roles do.
func (s *Service) deskTabs(r *http.Request, current string, conflicts int) ui.Filters {
	id, who := operatorIn(r), kernel.PrincipalOf(r.Context())
	out := ui.Filters{Label: s.k(r, "tabs")}
	for _, tab := range []struct {
		name, path string
		shown      bool
	}{
		{"departures", "", true}, {"timetable", "/timetable", who.Has(id, RolePlanner) || who.Has(id, RoleDispatcher)},
		{"vehicles", "/vehicles", true}, {"fares", "/fares", true},
	} {
		if !tab.shown {
			continue
		}
		f := ui.Filter{Label: s.k(r, "tab."+tab.name), Href: operatorPath(id) + tab.path, Count: -1, Current: tab.name == current}
		if tab.name == "timetable" && conflicts > 0 {
			f.Count = conflicts
		}
		out.Tabs = append(out.Tabs, f)
	}
	return out
}

// deskView is the data of ui/travel-desk.html.
type deskView struct {
	Tabs       ui.Filters
	Problems   []ui.Problem
	Path       string
	Day        *ui.Field
	Prev, Next ui.Link
	Cards      []ui.Card
	Table      *ui.Table
	Empty      *ui.Empty
}

// operatorsPage leads to the operators one works for; to the one there is, at once.
func (s *Service) operatorsPage(w http.ResponseWriter, r *http.Request) error {
	all, err := s.Operators(r.Context())
	if err != nil {
		return err
	}
	if len(all) == 1 {
		return seeOther(w, r, operatorPath(all[0]))
	}
	return s.showOperators(w, r, all)
}

func (s *Service) showOperators(w http.ResponseWriter, r *http.Request, all []kernel.AgencyID) error {
	v := deskView{}
	for _, id := range all {
		v.Cards = append(v.Cards, ui.Card{Href: operatorPath(id), Title: s.agencyName(kernel.TenantOf(r.Context()).ID, id, kernel.LocaleOf(r.Context())), Text: s.k(r, "card"), Icon: "travel"})
	}
	if len(all) == 0 {
		v.Empty = &ui.Empty{Title: s.k(r, "none"), Body: s.k(r, "none-body"), Icon: "travel"}
	}
	return s.Staff.Render(w, r, s.views, "travel-desk", ui.View{Title: s.k(r, "title"), Data: v, Active: "travel", Wide: true})
}

func (s *Service) operatorPage(w http.ResponseWriter, r *http.Request) error {
	day, all, conflicts, err := s.OperatorDay(r.Context(), operatorIn(r), r.URL.Query().Get("day"))
	if kernel.KindOf(err) == kernel.Invalid && err != nil {
		return s.showDay(w, r, r.URL.Query().Get("day"), nil, 0, err)
	}
	if err != nil {
		return err
	}
	return s.showDay(w, r, day, all, conflicts, nil)
}

func (s *Service) showDay(w http.ResponseWriter, r *http.Request, day string, all []Running, conflicts int, problem error) error {
	locale, id := kernel.LocaleOf(r.Context()), operatorIn(r)
	v := deskView{Tabs: s.deskTabs(r, "departures", conflicts), Path: operatorPath(id), Day: &ui.Field{Name: "day", Kind: "date", Label: s.k(r, "day"), Value: day, Plain: true}}
	view := ui.View{Title: s.operatorName(r, operatorIn(r)), Active: "travel", Wide: true}
	if problem != nil {
		fields, problems := ui.WithErrors([]ui.Field{*v.Day}, s.Texts.FieldErrors(locale, problem))
		v.Day, v.Problems, view.Status = &fields[0], problems, web.Status(kernel.KindOf(problem))
	} else if at, err := time.Parse(time.DateOnly, day); err == nil {
		view.Lead = ui.Day(locale, day)
		link := func(n int, key string) ui.Link {
			other := at.AddDate(0, 0, n).Format(time.DateOnly)
			return ui.Link{Label: s.k(r, key), Href: operatorPath(id) + "?day=" + other}
		}
		v.Prev, v.Next = link(-1, "day-before"), link(1, "day-after")
	}
	if len(all) > 0 {
		v.Table = &ui.Table{Caption: s.k(r, "tab.departures"), Head: []string{s.k(r, "leaves"), s.k(r, "line"), s.k(r, "people"), s.k(r, "free"), s.k(r, "state")}}
	} else if problem == nil {
		v.Empty = &ui.Empty{Title: s.k(r, "day-empty"), Body: s.k(r, "day-empty-body"), Icon: "travel"}
	}
	for _, d := range all {
		v.Table.Rows = append(v.Table.Rows, ui.TableRow{Cells: []ui.Cell{
			{Text: ui.Clock(d.Location(), d.StartsAt) + "–" + ui.Clock(d.Location(), d.EndsAt), Href: departurePath(id, d.ID)}, {Text: lineIn(locale, d.Departure), Note: endsIn(locale, d.Departure)},
			{Text: strconv.Itoa(d.People), Number: true}, {Text: s.freeOf(r, d), Number: true}, {Tag: s.departureTag(r, d.Departure)}}})
	}
	view.Data = v
	return s.Staff.Render(w, r, s.views, "travel-desk", view)
}

// endsIn names the first and the last stop.
func endsIn(locale string, d Departure) string {
	if len(d.Calls) == 0 {
		return ""
	}
	return stopIn(locale, d.Calls[0]) + " – " + stopIn(locale, d.Calls[len(d.Calls)-1])
}

func (s *Service) freeOf(r *http.Request, d Running) string {
	if d.Seats == 0 {
		return s.k(r, "no-vehicle")
	}
	return s.k(r, "free-of", "free", d.Free, "seats", d.Seats)
}

func (s *Service) departureTag(r *http.Request, d Departure) ui.Tag {
	switch {
	case d.State == DepartureCalledOff:
		return ui.Tag{Text: s.k(r, "state.called-off"), Tone: ui.Danger}
	case d.EndsAt.Before(s.Clock.Now()):
		return ui.Tag{Text: s.k(r, "state.over"), Tone: ui.Neutral}
	case !d.Offered:
		return ui.Tag{Text: s.k(r, "state.withdrawn"), Tone: ui.Warning}
	case d.StartsAt.Before(s.Clock.Now()):
		return ui.Tag{Text: s.k(r, "state.running"), Tone: ui.Info}
	}
	return ui.Tag{Text: s.k(r, "state.on-sale"), Tone: ui.Success}
}

// planView is a vehicle as it is drawn: one square for each place.
type planView struct {
	Label         string
	Width, Height int
	Places        []planPlace
}

type planPlace struct {
	X, Y   int
	Number string
	Taken  bool
	Chair  bool
}

const planSpot = 44

// plan draws a vehicle; taken says which places somebody has on some part of the way.
func plan(label string, l seats.Layout, taken func(seats.Place) bool) *planView {
	v := &planView{Label: label, Width: l.Columns * planSpot, Height: len(l.Rows) * planSpot}
	for _, p := range l.Places {
		if p.Row >= 0 {
			v.Places = append(v.Places, planPlace{X: p.Column * planSpot, Y: p.Row * planSpot, Number: p.Number, Taken: taken(p), Chair: p.Kind == seats.Wheelchair})
		}
	}
	return v
}

// departureView is the data of ui/travel-desk-departure.html.
type departureView struct {
	Tabs        ui.Filters
	Notices     []ui.Notice
	Facts       []ui.Fact
	Buttons     []ui.Button
	Segments    *ui.Table
	Plan        *planView
	PlanText    string
	People      *ui.Table
	PeopleTitle string
	Empty       *ui.Empty
	GoOn        string // address of what settles the rest of a move; empty: nothing
}

func (s *Service) departurePage(w http.ResponseWriter, r *http.Request) error {
	id, d := operatorIn(r), departureIn(r)
	run, err := s.RunningDeparture(r.Context(), id, d)
	if err != nil {
		return err
	}
	var on []Booking
	if mayRead(r) {
		if _, on, err = s.Passengers(r.Context(), id, d); err != nil {
			return err
		}
	}
	return s.showDeparture(w, r, run, on)
}

// mayRead reports whether the reader may see who is booked.
func mayRead(r *http.Request) bool {
	who, id := kernel.PrincipalOf(r.Context()), operatorIn(r)
	return who.Has(id, RoleConductor) || who.Has(id, RoleDispatcher)
}

func (s *Service) showDeparture(w http.ResponseWriter, r *http.Request, d Running, on []Booking) error {
	locale, id, who := kernel.LocaleOf(r.Context()), operatorIn(r), kernel.PrincipalOf(r.Context())
	zone := d.Location()
	v := departureView{Tabs: s.deskTabs(r, "departures", -1), Facts: []ui.Fact{
		{Key: s.k(r, "line"), Value: lineIn(locale, d.Departure)},
		{Key: s.k(r, "leaves"), Value: ui.DateTime(locale, zone, d.StartsAt)}, {Key: s.k(r, "arrives"), Value: ui.DateTime(locale, zone, d.EndsAt)},
		{Key: s.k(r, "state"), Value: s.departureTag(r, d.Departure).Text}, {Key: s.k(r, "people"), Value: strconv.Itoa(d.People)}, {Key: s.k(r, "free"), Value: s.freeOf(r, d)},
	}}
	if d.Seats > 0 {
		v.Facts = append(v.Facts, ui.Fact{Key: s.k(r, "vehicle"), Value: d.Vehicle.Name.In(locale)})
		v.Segments = &ui.Table{Caption: s.k(r, "segments"), Head: []string{s.k(r, "segment"), s.k(r, "leaves"), s.k(r, "taken"), s.k(r, "free")}}
		for n, taken := range d.Taken {
			v.Segments.Rows = append(v.Segments.Rows, ui.TableRow{Cells: []ui.Cell{{Text: stopIn(locale, d.Calls[n]) + " – " + stopIn(locale, d.Calls[n+1])},
				{Text: ui.Clock(zone, d.Calls[n].Departs)}, {Text: strconv.Itoa(taken), Number: true}, {Text: strconv.Itoa(d.Seats - taken), Number: true}}})
		}
		v.Plan = plan(s.k(r, "plan-label", "taken", s.takenPlaces(r, d)), d.Vehicle, func(p seats.Place) bool { return !d.Occupied.Free(p.Number, 0, d.Segments()) })
		v.PlanText = s.k(r, "plan-text")
	}
	if d.State == DepartureCalledOff {
		v.Notices = append(v.Notices, ui.Notice{Tone: ui.Danger, Title: s.k(r, "state.called-off"), Body: s.k(r, "called-off-body")})
	} else if !d.Offered && d.Unsettled == 0 && d.EndsAt.After(s.Clock.Now()) {
		v.Notices = append(v.Notices, ui.Notice{Tone: ui.Warning, Title: s.k(r, "state.withdrawn"), Body: s.k(r, "withdrawn-body"), Link: ui.Link{Label: s.k(r, "tab.timetable"), Href: operatorPath(id) + "/timetable"}})
	}
	if d.Unsettled > 0 {
		v.Notices = append(v.Notices, ui.Notice{Tone: ui.Danger, Title: s.k(r, "unsettled", "n", d.Unsettled), Body: s.k(r, "unsettled-body")})
		if who.Has(id, RolePlanner) {
			v.GoOn = departurePath(id, d.ID) + "/go-on"
		}
	}
	if who.Has(id, RoleConductor) {
		v.Buttons = append(v.Buttons, ui.Button{Label: s.k(r, "scan"), Href: scanPath(id, d.ID)})
	}
	if who.Has(id, RoleDispatcher) && d.EndsAt.After(s.Clock.Now()) {
		label := s.k(r, "call-off")
		if d.State == DepartureCalledOff {
			label = s.k(r, "call-off-again")
		}
		v.Buttons = append(v.Buttons, ui.Button{Label: label, Href: departurePath(id, d.ID) + "/call-off", Tone: "danger"})
	}
	if mayRead(r) {
		s.showPeople(r, &v, d, on)
	}
	day := d.Date
	return s.Staff.Render(w, r, s.views, "travel-desk-departure", ui.View{Title: endsIn(locale, d.Departure), Lead: s.operatorName(r, operatorIn(r)), Data: v, Active: "travel", Wide: true, Back: operatorPath(id) + "?day=" + day})
}

// takenPlaces counts the places that somebody has on some part of the way.
func (s *Service) takenPlaces(r *http.Request, d Running) string {
	n := 0
	for _, p := range d.Vehicle.Places {
		if p.Kind != seats.Bicycle && !d.Occupied.Free(p.Number, 0, d.Segments()) {
			n++
		}
	}
	return s.k(r, "free-of", "free", n, "seats", d.Seats)
}

func (s *Service) showPeople(r *http.Request, v *departureView, d Running, on []Booking) {
	locale := kernel.LocaleOf(r.Context())
	v.PeopleTitle = s.k(r, "booked", "n", d.People)
	if len(on) == 0 {
		v.Empty = &ui.Empty{Title: s.k(r, "nobody"), Icon: "person"}
		return
	}
	v.People = &ui.Table{Caption: v.PeopleTitle, Head: []string{s.k(r, "name"), s.k(r, "place"), s.k(r, "ride"), s.k(r, "number")}}
	for _, b := range on {
		ride := ""
		if trip, ok := d.Ride(b.FromSeq, b.ToSeq); ok {
			ride = fromTo(locale, trip)
		}
		for _, p := range b.Passengers {
			v.People.Rows = append(v.People.Rows, ui.TableRow{Cells: []ui.Cell{{Text: cmp.Or(p.Name, "–")}, {Text: s.placeLine(locale, p)}, {Text: ride}, {Text: b.Number}}})
		}
	}
}
