package medical

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
)

// search is what somebody looks for.
type search struct {
	Service  string // slug
	Visit    string // code of the visit type
	Place    string // PlaceID; empty: any
	Language string // BCP 47 base tag; empty: any
	Near     string // as typed: a postcode, a locality, or "lat,lon"
	Day      string // YYYY-MM-DD; empty: the first free one
	Case     kernel.CaseID
	Skip     int        // groups left out: further places of the same day
	Groups   int        // how many at most
	All      ScheduleID // the one of which every time is shown

	moving *myVisit // the booked appointment that Case is
}

// filtered reports whether less than everything is looked at.
func (q search) filtered() bool { return q.Place != "" || q.Language != "" || q.Near != "" }

// countUpTo is where counting the free times of a day stops.
const countUpTo = 100

// stripDays is how many days a page's strip has.
const stripDays = 7

// dayCount is how many times are free on one local day, at most countUpTo.
type dayCount struct {
	Day  string // YYYY-MM-DD
	Free int
}

// Date is the day's midnight in UTC, for its weekday and month.
func (d dayCount) Date() time.Time {
	t, err := time.Parse(time.DateOnly, d.Day)
	if err != nil {
		return time.Time{}
	}
	return t
}

// freeTime is one free time.
type freeTime struct {
	ID       SlotID
	Schedule ScheduleID
	StartsAt time.Time
	EndsAt   time.Time
	Capacity int
	Left     int
}

// freeGroup is the free times of one schedule on one day: one practitioner at one place.
type freeGroup struct {
	Schedule     ScheduleID
	Place        PlaceID
	Practitioner PractitionerID
	Distance     float64 // in metres; negative: not known
	Slots        []freeTime
	More         bool // there are further times
}

// found is the answer to a search.
type found struct {
	search
	visit         VisitType
	zone          *time.Location // the municipality's
	day           string         // the one that is shown; empty when none is free
	days          []dayCount
	earlier       string // a day of the strip before; empty: there is none
	later         string
	next          string // the first free day, when the one shown has none
	groups        []freeGroup
	more          bool
	places        map[PlaceID]Place
	practitioners map[PractitionerID]Practitioner
	choiceIDs     []PlaceID
	choice        []Place  // where such visits are
	languages     []string // in which
	example       string   // a postcode that is known
	unknown       bool     // what was typed under Near is nowhere we know
}

// myVisit is an appointment with what it refers to.
type myVisit struct {
	Appointment
	Type         VisitType
	place        Place
	practitioner Practitioner
}

// stretch is a span of time, without its end.
type stretch struct{ From, Until time.Time }

// offers reports, by NotThere when not, whether the municipality of the request offers a service of ours.
func (s *Service) offers(ctx context.Context, slug string) error {
	d, ok := s.Library.Get(slug)
	if !ok || d.Sector != Sector || !slices.Contains(kernel.TenantOf(ctx).Services, slug) {
		return kernel.NotThere("service")
	}
	return nil
}

// visitType returns a type of visit of the service that the municipality offers, or NotThere.
func visitType(all []VisitType, service, code string) (VisitType, error) {
	for _, v := range all {
		if v.Code == code && (service == "" || v.Service == service) {
			return v, nil
		}
	}
	return VisitType{}, kernel.NotThere("visit type")
}

// find answers a search: the strip of days with what is free on each, and the times of one day by practitioner and place.
// Anybody may search. Errors: NotThere for a visit that is not offered, and for a case that is not the citizen's.
func (s *Service) find(ctx context.Context, q search) (found, error) {
	f := found{search: q, zone: kernel.TenantOf(ctx).Location()}
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		f = found{search: q, zone: f.zone}
		types, err := visitTypesOf(ctx, tx, false)
		if err != nil {
			return err
		}
		if err := s.findCase(ctx, tx, &f, types); err != nil {
			return err
		}
		if f.visit, err = visitType(types, q.Service, f.Visit); err != nil {
			return err
		}
		in, err := s.narrow(ctx, tx, &f)
		if err != nil {
			return err
		}
		if err := f.choose(ctx, tx); err != nil {
			return err
		}
		return s.lookUp(ctx, tx, &f, in)
	})
	return f, err
}

// findCase reads the appointment that the time is for: one that is being booked, or one that moves.
func (s *Service) findCase(ctx context.Context, tx kernel.Tx, f *found, types []VisitType) error {
	if f.Case == "" {
		return nil
	}
	a, err := loadAppointment(ctx, tx, f.Case, false)
	if err != nil {
		return err
	}
	if who := kernel.PrincipalOf(ctx); who.Kind != kernel.Citizen || who.Person != a.Applicant || a.Service != f.Service {
		return kernel.NotThere("appointment")
	}
	f.Visit = a.VisitType
	if a.State != StateBooked {
		return nil
	}
	all, err := s.visitsOf(ctx, tx, types, a)
	if err != nil {
		return err
	}
	f.moving = &all[0]
	return nil
}

// narrow reads the schedules that match, nearest first when it is known near what.
func (s *Service) narrow(ctx context.Context, tx kernel.Tx, f *found) ([]candidate, error) {
	facility := kernel.AgencyID("")
	if f.moving != nil { // an appointment stays with its clinic
		facility = f.moving.Facility
	}
	in, err := s.calendars.candidates(ctx, tx, f.visit.Code, facility)
	if err != nil {
		return nil, err
	}
	for _, c := range in {
		if !slices.Contains(f.choiceIDs, c.Place) {
			f.choiceIDs = append(f.choiceIDs, c.Place)
		}
		if f.example == "" {
			f.example = c.words.PostalCode
		}
		for _, l := range c.Languages {
			if l, _, _ = strings.Cut(l, "-"); !slices.Contains(f.languages, l) {
				f.languages = append(f.languages, l)
			}
		}
	}
	slices.Sort(f.languages)
	return f.only(in), nil
}

// choose reads the places to choose from: those of every schedule, whatever the search leaves out.
func (f *found) choose(ctx context.Context, tx kernel.Tx) (err error) {
	if f.places, err = placesByID(ctx, tx, f.choiceIDs); err != nil {
		return err
	}
	f.choice = nil
	for _, id := range f.choiceIDs {
		f.choice = append(f.choice, f.places[id])
	}
	return nil
}

// only leaves out the schedules that do not match, and puts the nearest first.
func (f *found) only(all []candidate) []candidate {
	in := slices.DeleteFunc(slices.Clone(all), func(c candidate) bool {
		return f.Place != "" && string(c.Place) != f.Place ||
			f.Language != "" && !slices.ContainsFunc(c.Languages, func(l string) bool { return l == f.Language || strings.HasPrefix(l, f.Language+"-") })
	})
	if f.Near == "" {
		return in
	}
	at, ok := locate(f.Near, all)
	if !ok {
		f.unknown = true
		return in
	}
	for i, c := range in {
		if c.at != nil {
			in[i].distance = at.Metres(*c.at)
		}
	}
	slices.SortStableFunc(in, func(a, b candidate) int {
		if (a.distance < 0) != (b.distance < 0) { // what is not on the map comes last
			return cmp.Compare(b.distance, a.distance)
		}
		return cmp.Compare(a.distance, b.distance)
	})
	return in
}

// locate is where people mean: a position, or the postcode, part of town or street of one of the places. Nobody outside is
// asked.
func locate(near string, in []candidate) (kernel.Position, bool) {
	if at, ok := parsePoint(near); ok {
		return at, true
	}
	want := plainly(near)
	for _, exact := range []bool{true, false} {
		var sum kernel.Position
		n := 0
		for _, c := range in {
			if c.at != nil && want != "" && c.words.meant(want, exact) {
				sum.Latitude, sum.Longitude, n = sum.Latitude+c.at.Latitude, sum.Longitude+c.at.Longitude, n+1
			}
		}
		if n > 0 {
			return kernel.Position{Latitude: sum.Latitude / float64(n), Longitude: sum.Longitude / float64(n)}, true
		}
	}
	return kernel.Position{}, false
}

// meant reports whether somebody who typed want may mean this place: inexactly by the first half of a postcode, by how the
// town begins, by a part of the street's name.
func (w placeWords) meant(want string, exact bool) bool {
	code, town := plainly(w.PostalCode), plainly(w.Locality)
	if exact {
		return code == want || town == want
	}
	half, _, _ := strings.Cut(w.PostalCode, " ")
	return half != "" && strings.HasPrefix(want, plainly(half)) || strings.HasPrefix(code, want) || strings.HasPrefix(town, want) || strings.Contains(plainly(w.Street), want)
}

// plainly is text for comparing: small letters without spaces.
func plainly(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), "")) }

// stretchOf is one day by the municipality's clock.
func (f *found) stretchOf(day string) stretch {
	t, err := time.ParseInLocation(time.DateOnly, day, f.zone)
	if err != nil {
		return stretch{}
	}
	return stretch{t, t.AddDate(0, 0, 1)}
}

// lookUp fills in the days and the times of one of them.
func (s *Service) lookUp(ctx context.Context, tx kernel.Tx, f *found, in []candidate) error {
	now := s.Clock.Now()
	today := now.In(f.zone).Format(time.DateOnly)
	first := "" // the first free day, once it is known
	if f.day = f.Day; f.day == "" {
		at, err := firstFree(ctx, tx, in, now)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			first = at.In(f.zone).Format(time.DateOnly)
			f.day = first
		}
	}
	start := stripOf(today, max(f.day, today))
	if err := f.countDays(ctx, tx, in, start, first); err != nil {
		return err
	}
	if start > today {
		f.earlier = shifted(start, -stripDays)
	}
	later, err := firstFree(ctx, tx, in, f.stretchOf(shifted(start, stripDays)).From)
	if err != nil {
		return err
	}
	if !later.IsZero() {
		f.later = shifted(start, stripDays)
	}
	if f.day == "" {
		return nil
	}
	if err := f.timesOfDay(ctx, tx, in); err != nil || len(f.groups) > 0 {
		return err
	}
	return f.findNext(ctx, tx, in, now)
}

// findNext finds a day to look at instead of one on which nothing is free: the first free one.
func (f *found) findNext(ctx context.Context, tx kernel.Tx, in []candidate, now time.Time) error {
	at, err := firstFree(ctx, tx, in, now)
	if err != nil || at.IsZero() {
		return err
	}
	if f.next = at.In(f.zone).Format(time.DateOnly); f.next == f.day {
		f.next = ""
	}
	return nil
}

// stripOf is the first day of the strip in which day is: strips follow one another from today on.
func stripOf(today, day string) string {
	a, errA := time.Parse(time.DateOnly, today)
	b, errB := time.Parse(time.DateOnly, day)
	if errA != nil || errB != nil {
		return today
	}
	return a.AddDate(0, 0, int(b.Sub(a).Hours()/24)/stripDays*stripDays).Format(time.DateOnly)
}

func shifted(day string, days int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, 0, days).Format(time.DateOnly)
}

// countDays counts what is free on the days of a strip; on those before first nothing is known to be.
func (f *found) countDays(ctx context.Context, tx kernel.Tx, in []candidate, start, first string) error {
	var spans []stretch
	for i := range stripDays {
		day := shifted(start, i)
		f.days = append(f.days, dayCount{Day: day})
		if day >= first {
			spans = append(spans, f.stretchOf(day))
		}
	}
	counts, err := countFree(ctx, tx, in, spans, countUpTo)
	for i, n := range counts {
		f.days[i+stripDays-len(spans)].Free = n
	}
	return err
}

// timesPerGroup is how many times of one practitioner are shown at first.
const timesPerGroup = 12

func (f *found) timesOfDay(ctx context.Context, tx kernel.Tx, in []candidate) error {
	near := f.Near != "" && !f.unknown
	ids, err := freeSchedules(ctx, tx, in, f.stretchOf(f.day), !near, f.Skip, f.Groups+1)
	if err != nil {
		return err
	}
	if f.more = len(ids) > f.Groups; f.more {
		ids = ids[:f.Groups]
	}
	most := make([]int, len(ids))
	for i, id := range ids {
		most[i] = timesPerGroup + 1
		if id == f.All {
			most[i] = 500
		}
	}
	times, err := freeTimes(ctx, tx, ids, most, f.stretchOf(f.day))
	if err != nil {
		return err
	}
	var who []PractitionerID
	for i, id := range ids {
		c := in[slices.IndexFunc(in, func(c candidate) bool { return c.ID == id })]
		g := freeGroup{Schedule: id, Place: c.Place, Practitioner: c.Practitioner, Distance: c.distance, Slots: times[id]}
		if len(g.Slots) == 0 { // taken between two statements
			continue
		}
		if g.More = len(g.Slots) == most[i]; g.More {
			g.Slots = g.Slots[:most[i]-1]
		}
		f.groups = append(f.groups, g)
		if c.Practitioner != "" {
			who = append(who, c.Practitioner)
		}
	}
	f.practitioners, err = practitionersByID(ctx, tx, who)
	return err
}
