package medical

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
	"townhall/modules/kernel/web"
	"townhall/workflows"
)

func appPath(slug string) string { return "/apps/" + slug }

func timesPath(v VisitType) string {
	return appPath(v.Service) + "/times?visit=" + url.QueryEscape(v.Code)
}

// startPage asks what is needed: the first of the five pages of a booking.
func (s *Service) startPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	types, mine, err := s.startOf(r.Context(), d.Slug)
	if err != nil {
		return err
	}
	return s.showStart(w, r, d, types, mine)
}

func (s *Service) showStart(w http.ResponseWriter, r *http.Request, d *workflows.Definition, types []VisitType, mine []myVisit) error {
	locale := kernel.LocaleOf(r.Context())
	v := startView{
		Empty: ui.Empty{Title: s.t(r, "start.none"), Body: s.t(r, "start.none-hint"), Icon: "health"},
		About: strings.Split(d.Text(locale, "start"), "\n"),
		Facts: []ui.Fact{{Key: s.t(r, "start.cost"), Value: s.t(r, "start.free")}},
	}
	if a, ok := s.Directory.Agency(kernel.TenantOf(r.Context()).ID, kernel.AgencyID(d.Agency)); ok {
		v.Facts = append(v.Facts, ui.Fact{Key: s.t(r, "start.run-by"), Value: a.Name.In(locale)})
	}
	if d.HasText("retention") {
		v.Retention = d.Text(locale, "retention")
	}
	for _, c := range d.Claims {
		v.Claims = append(v.Claims, ui.Fact{Key: d.Text(locale, "claim."+c.Name), Value: d.Text(locale, "claim."+c.Name+".purpose")})
	}
	at := ""
	if ref := r.URL.Query().Get("ref"); kernel.ValidID(ref) { // a place somebody stands at, or whose code they scanned
		at = "&place=" + ref
	}
	for _, t := range types {
		v.Types = append(v.Types, ui.Card{Href: timesPath(t) + at, Title: t.Name.In(locale), Text: s.typeFacts(locale, t), Icon: "health"})
	}
	for _, m := range mine {
		if m.State == StateDraft {
			if m.HoldUntil.After(s.Clock.Now()) {
				v.Notices = append(v.Notices, s.draftNotice(locale, m))
			}
			continue
		}
		v.Mine = append(v.Mine, s.visitCard(locale, d, m))
	}
	view := ui.View{Title: d.Text(locale, "title"), Lead: d.Text(locale, "summary"), Data: v, Active: "services", Back: "/"}
	return s.Citizen.Render(w, r, s.views, "citizen-start", view)
}

// typeFacts is "20 minutes · from age 16".
func (s *Service) typeFacts(locale string, t VisitType) string {
	parts := []string{s.say(locale, "start.minutes", "n", t.Minutes)}
	switch {
	case t.MinAge > 0 && t.MaxAge > 0:
		parts = append(parts, s.say(locale, "start.ages", "from", t.MinAge, "to", t.MaxAge))
	case t.MinAge > 0:
		parts = append(parts, s.say(locale, "start.age-from", "from", t.MinAge))
	case t.MaxAge > 0:
		parts = append(parts, s.say(locale, "start.age-to", "to", t.MaxAge))
	}
	return strings.Join(parts, " · ")
}

func (s *Service) draftNotice(locale string, m myVisit) ui.Notice {
	return ui.Notice{Tone: ui.Info, Title: s.say(locale, "start.draft"),
		Body: s.say(locale, "start.draft-body", "what", m.Type.Name.In(locale), "time", ui.Clock(m.place.Location(), m.HoldUntil)),
		Link: ui.Link{Label: s.say(locale, "start.resume"), Href: bookPath(m.Service, m.Case)}}
}

func (s *Service) visitCard(locale string, d *workflows.Definition, m myVisit) ui.Card {
	c := ui.Card{Href: myPath(m.Service, m.Case), Title: m.Type.Name.In(locale), Icon: "clock", Tag: s.stateTag(locale, d, m.State)}
	if !m.StartsAt.IsZero() {
		c.Text = s.momentAt(locale, m.place.Location(), m.StartsAt) + " · " + m.place.Name.In(locale)
	}
	return c
}

var stateTones = map[string]string{
	StateWaiting: ui.Info, StateOffered: ui.Warning, StateBooked: ui.Success, StateArrived: ui.Success, StateCancelled: ui.Danger, StateMissed: ui.Danger,
}

func (s *Service) stateTag(locale string, d *workflows.Definition, state string) ui.Tag {
	return ui.Tag{Text: d.Text(locale, "state."+state), Tone: stateTones[state]}
}

// timesPage shows the free times of one day, the first free one unless another is asked for.
func (s *Service) timesPage(w http.ResponseWriter, r *http.Request, d *workflows.Definition) error {
	return s.showTimesFor(w, r, d, nil)
}

// showTimesFor searches as the request asks and shows what is free; problem is why a time that was chosen is not theirs.
func (s *Service) showTimesFor(w http.ResponseWriter, r *http.Request, d *workflows.Definition, problem error) error {
	q, err := s.searchOf(r, d.Slug)
	if err != nil {
		return err
	}
	found, err := s.find(r.Context(), q)
	if err != nil {
		return err
	}
	return s.showTimes(w, r, found, problem)
}

// searchOf reads what is searched for from the address, or from the form of a time that was chosen.
func (s *Service) searchOf(r *http.Request, slug string) (search, error) {
	q := search{Service: slug, Visit: r.FormValue("visit"), Place: r.FormValue("place"), Language: r.FormValue("language"), Near: strings.TrimSpace(r.FormValue("near")),
		Case: kernel.CaseID(r.FormValue("case")), Groups: pageOfGroups}
	if _, err := time.Parse(time.DateOnly, r.FormValue("day")); err == nil {
		q.Day = r.FormValue("day")
	}
	if len(q.Near) > 80 {
		q.Near = ""
	}
	if n, err := strconv.Atoi(r.FormValue("skip")); err == nil && n > 0 && n < 10_000 {
		q.Skip = n
	}
	if id := r.FormValue("all"); kernel.ValidID(id) {
		q.All = ScheduleID(id)
	}
	if q.Case != "" && !kernel.ValidID(string(q.Case)) {
		return search{}, kernel.NotThere("case")
	}
	return q, nil
}

// with is the address of the times page with some parameters changed; "" takes one out.
func (q search) with(pairs ...string) string {
	v := url.Values{}
	for _, p := range q.pairs() {
		v.Set(p.Name, p.Value)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		} else {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return appPath(q.Service) + "/times?" + v.Encode()
}

// pairs is what the search says of itself, to carry it through a form.
func (q search) pairs() []hidden {
	var out []hidden
	for _, p := range []hidden{{"visit", q.Visit}, {"place", q.Place}, {"language", q.Language}, {"near", q.Near}, {"day", q.Day}, {"case", string(q.Case)}} {
		if p.Value != "" {
			out = append(out, p)
		}
	}
	return out
}

const pageOfGroups = 8

func (s *Service) showTimes(w http.ResponseWriter, r *http.Request, f found, problem error) error {
	locale := kernel.LocaleOf(r.Context())
	v := timesView{Filters: s.filters(r, f), Week: s.week(locale, f), Form: s.slotForm(r, f.search)}
	view := ui.View{Title: s.t(r, "times.title"), Lead: f.visit.Name.In(locale) + " · " + s.t(r, "start.minutes", "n", f.visit.Minutes), Active: "services", Task: true,
		Back: appPath(f.Service)}
	if f.moving != nil {
		v.Notice = &ui.Notice{Tone: ui.Info, Title: s.t(r, "times.moving"), Body: s.t(r, "times.moving-body", "time", s.momentAt(locale, f.moving.place.Location(), f.moving.StartsAt))}
		view.Back = myPath(f.Service, f.Case)
	} else if f.Case != "" {
		v.Notice = &ui.Notice{Tone: ui.Info, Body: s.t(r, "times.again")}
	}
	if problem != nil {
		view.Status = web.Status(kernel.KindOf(problem))
		v.Problems = []ui.Problem{{Text: s.Texts.Error(locale, problem)}}
		v.Nearest = s.nearest(locale, f, problem)
	}
	if f.day != "" {
		v.Heading = capital(s.dayName(locale, f.day))
	}
	for _, g := range f.groups {
		v.Groups = append(v.Groups, s.groupOf(locale, f, g))
	}
	if f.more {
		v.MoreHref = f.with("skip", strconv.Itoa(f.Skip+pageOfGroups))
	}
	s.explainEmpty(r, f, &v)
	view.Data = v
	// The page's button may ask the browser where it is, once somebody presses it.
	w.Header().Set("Permissions-Policy", "camera=(), geolocation=(self), microphone=(), payment=(), usb=()")
	return s.Citizen.Render(w, r, s.views, "citizen-times", view)
}

// slotForm sends a chosen time: to be held; to the question whether to move there; or, before the sign-in, to a page
// the sign-in comes back to.
func (s *Service) slotForm(r *http.Request, q search) slotForm {
	f := slotForm{Method: "post", Action: appPath(q.Service) + "/hold", Hidden: q.pairs()}
	switch {
	case q.moving != nil:
		f.Method, f.Action, f.Hidden = "get", myPath(q.Service, q.Case)+"/move", nil
	case kernel.PrincipalOf(r.Context()).Kind != kernel.Citizen:
		f.Method = "get"
	}
	return f
}

func (s *Service) dayName(locale, day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return s.longDay(locale, time.UTC, t)
}

// week is the strip of days.
func (s *Service) week(locale string, f found) weekView {
	if len(f.days) == 0 {
		return weekView{}
	}
	first, last := f.days[0].Date(), f.days[len(f.days)-1].Date()
	v := weekView{Label: s.say(locale, "week", "from", s.monthDay(locale, first), "to", s.monthDay(locale, last))}
	if f.earlier != "" {
		v.Earlier = f.with("day", f.earlier)
	}
	if f.later != "" {
		v.Later = f.with("day", f.later)
	}
	for _, d := range f.days {
		t := d.Date()
		day := stripDay{Weekday: s.say(locale, "weekday.short."+strconv.Itoa(int(t.Weekday()))), Number: strconv.Itoa(t.Day()), Current: d.Day == f.day, Count: "–",
			Label: s.say(locale, "times.full", "day", s.weekday(locale, t)+" "+s.monthDay(locale, t))}
		if d.Free > 0 {
			day.Href, day.Count = f.with("day", d.Day), strconv.Itoa(d.Free)
			if d.Free >= countUpTo {
				day.Count = strconv.Itoa(countUpTo-1) + "+"
			}
			day.Label = s.say(locale, "times.free", "day", s.weekday(locale, t)+" "+s.monthDay(locale, t), "n", d.Free)
		}
		v.Days = append(v.Days, day)
	}
	return v
}

func (s *Service) groupOf(locale string, f found, g freeGroup) groupView {
	place := f.places[g.Place]
	out := groupView{ID: "g-" + string(g.Schedule), Title: place.Name.In(locale)}
	line := []string{place.Street}
	if p, ok := f.practitioners[g.Practitioner]; ok {
		out.Title, line = p.Name, []string{p.Specialty.In(locale), place.Name.In(locale)}
	}
	if g.Distance >= 0 {
		line = append(line, s.distance(locale, g.Distance))
	}
	out.Place = strings.Join(slices.DeleteFunc(line, func(s string) bool { return s == "" }), " · ")
	for _, t := range g.Slots {
		out.Times = append(out.Times, s.timeOf(locale, place, t))
	}
	if g.More {
		out.More = f.with("all", string(g.Schedule)) + "#g-" + string(g.Schedule)
	}
	return out
}

func (s *Service) timeOf(locale string, place Place, t freeTime) timeView {
	v := timeView{Slot: string(t.ID), Clock: ui.Clock(place.Location(), t.StartsAt)}
	if t.Capacity > 1 {
		v.Note = s.say(locale, "times.left", "n", t.Left)
	}
	return v
}

// nearest are the times the error offers instead.
func (s *Service) nearest(locale string, f found, problem error) (out []timeView) {
	for _, a := range kernel.AsError(problem).Instead {
		zone := zoneAt(f, a)
		v := timeView{Slot: a.ID, Clock: s.monthDay(locale, a.StartsAt.In(zone)) + ", " + ui.Clock(zone, a.StartsAt), Note: a.Place}
		out = append(out, v)
	}
	return out
}

// zoneAt is the zone of the place an alternative is at: that of any place we know by its name, which is the
// municipality's nearly always.
func zoneAt(f found, a kernel.Alternative) *time.Location {
	for _, p := range f.places {
		for _, name := range p.Name {
			if name == a.Place {
				return p.Location()
			}
		}
	}
	return f.zone
}

// explainEmpty says why no time is shown and what to do about it.
func (s *Service) explainEmpty(r *http.Request, f found, v *timesView) {
	locale := kernel.LocaleOf(r.Context())
	if f.moving == nil {
		v.Waiting = appPath(f.Service) + "/waiting?visit=" + url.QueryEscape(f.Visit)
		if f.Place != "" {
			v.Waiting += "&place=" + url.QueryEscape(f.Place)
		}
	}
	if len(f.groups) > 0 {
		return
	}
	v.Empty = &ui.Empty{Title: s.t(r, "times.none"), Body: s.t(r, "times.none-ever"), Icon: "clock"}
	switch {
	case f.next != "":
		v.Empty.Body = s.t(r, "times.none-day")
		v.Next = &ui.Button{Label: s.t(r, "times.next-day", "day", s.dayName(locale, f.next)), Href: f.with("day", f.next)}
	case f.filtered():
		v.Empty.Body = s.t(r, "times.none-filter")
		v.Next = &ui.Button{Label: s.t(r, "times.drop-filters"), Href: f.with("place", "", "language", "", "near", "", "day", ""), Tone: "secondary"}
	}
}

// filters is the part of the page that narrows the search; it is folded away.
func (s *Service) filters(r *http.Request, f found) filtersView {
	locale := kernel.LocaleOf(r.Context())
	v := filtersView{Action: appPath(f.Service) + "/times", Open: f.unknown}
	for _, p := range f.pairs() {
		if p.Name == "visit" || p.Name == "case" {
			v.Hidden = append(v.Hidden, p)
		}
	}
	var active []string
	place := ui.Field{Name: "place", Kind: "select", Label: s.t(r, "filters.place"), Plain: true, Value: f.Place, Options: []ui.Option{{Label: s.t(r, "filters.any-place")}}}
	for _, p := range f.choice {
		place.Options = append(place.Options, ui.Option{Value: string(p.ID), Label: p.Name.In(locale) + ", " + p.Street})
		if string(p.ID) == f.Place {
			active = append(active, p.Name.In(locale))
		}
	}
	language := ui.Field{Name: "language", Kind: "select", Label: s.t(r, "filters.language"), Plain: true, Value: f.Language, Options: []ui.Option{{Label: s.t(r, "filters.any-language")}}}
	for _, l := range f.languages {
		language.Options = append(language.Options, ui.Option{Value: l, Label: capital(s.languageName(locale, l))})
	}
	if f.Language != "" {
		active = append(active, s.languageName(locale, f.Language))
	}
	near := ui.Field{Name: "near", Label: s.t(r, "filters.near"), Plain: true, Value: f.Near, MaxLength: 80, Autocomplete: "postal-code"}
	if f.example != "" {
		near.Hint = s.t(r, "filters.near-hint", "example", f.example)
	}
	switch _, position := parsePoint(f.Near); {
	case f.unknown:
		near.Error = s.t(r, "filters.near-unknown")
	case position:
		active = append(active, s.t(r, "filters.near-me"))
	case f.Near != "":
		active = append(active, f.Near)
	}
	v.Fields = []ui.Field{place, language, near}
	if v.Active = strings.Join(active, " · "); v.Active != "" {
		v.Clear = f.with("place", "", "language", "", "near", "", "day", "")
	}
	return v
}

// parsePoint reads what a browser put into the field: "51.51,-0.13". It is kept to two decimals, about a kilometre: the
// address of a page is no place for where somebody stands.
func parsePoint(s string) (kernel.Position, bool) {
	lat, lon, ok := strings.Cut(s, ",")
	if !ok {
		return kernel.Position{}, false
	}
	a, err1 := strconv.ParseFloat(strings.TrimSpace(lat), 64)
	b, err2 := strconv.ParseFloat(strings.TrimSpace(lon), 64)
	if at := (kernel.Position{Latitude: a, Longitude: b}); cmp.Or(err1, err2) != nil || !at.Valid() {
		return kernel.Position{}, false
	}
	return kernel.Position{Latitude: a, Longitude: b}, true
}
