package medical

import (
	"cmp"
	"context"
	"slices"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/calendar"
)

// DaysAhead is how far ahead slots are made.
const DaysAhead = 60

// slotWish is a slot a schedule should have.
type slotWish struct {
	Start, End time.Time
	Capacity   int
	Key        string // of the feed
	Busy       bool   // nobody new gets it; who has it keeps it
}

// wishes are the slots one schedule should have from now on, and why others should not.
type wishes struct {
	schedule scheduleDoc
	slots    []slotWish
	why      func(madeSlot) string // the kind of the task about a booked slot that is not among them
}

// Made says what a change of the calendar did to the slots.
type Made struct {
	Made     int `json:"made"`     // new slots
	Gone     int `json:"gone"`     // free slots that disappeared
	Kept     int `json:"kept"`     // slots that are not offered any more and stay for who booked or holds them
	Tasks    int `json:"tasks"`    // new tasks about appointments in them
	Overlaps int `json:"overlaps"` // slots that were not made because the practitioner is elsewhere
}

func (m *Made) add(o Made) {
	m.Made, m.Gone, m.Kept, m.Tasks, m.Overlaps = m.Made+o.Made, m.Gone+o.Gone, m.Kept+o.Kept, m.Tasks+o.Tasks, m.Overlaps+o.Overlaps
}

// remake brings the slots of the groups to what their plans, holidays and exceptions say. Running it again changes
// nothing; two processes may run it at once, because each group is locked. What is booked is never lost: the slot is
// closed, and staff get a task. A slot that somebody holds at this moment is closed too: it cannot be booked any more,
// and disappears once the hold has ended.
func (s *Service) remake(ctx context.Context, tx kernel.Tx, groups []group) (Made, error) {
	var total Made
	for _, g := range groups {
		if err := lockGroup(ctx, tx, g); err != nil {
			return Made{}, err
		}
		m, err := s.remakeOne(ctx, tx, g)
		if err != nil {
			return Made{}, err
		}
		total.add(m)
	}
	return total, nil
}

func (s *Service) remakeOne(ctx context.Context, tx kernel.Tx, g group) (Made, error) {
	now := s.Clock.Now().UTC()
	around, err := s.around(ctx, tx, g.facility, now)
	if err != nil {
		return Made{}, err
	}
	schedules, err := schedulesOf(ctx, tx, g.schedules)
	if err != nil {
		return Made{}, err
	}
	existing, err := slotsAhead(ctx, tx, g.schedules, now)
	if err != nil {
		return Made{}, err
	}
	last := now.AddDate(0, 0, DaysAhead)
	for _, x := range existing { // what was made further ahead is held against the plan too
		if x.Start.After(last) {
			last = x.Start
		}
	}
	var all []wishes
	for _, c := range schedules {
		w, err := around.wishes(c, now, last)
		if err != nil {
			return Made{}, err
		}
		all = append(all, w)
	}
	m, err := s.fit(ctx, tx, g.facility, all, existing, now)
	if err != nil {
		return Made{}, err
	}
	return m, madeUntil(ctx, tx, g.schedules, horizon(now, around.tenant))
}

// horizon is the first local day without slots.
func horizon(now time.Time, zone *time.Location) string {
	return calendar.DateOf(now, zone).AddDays(DaysAhead + 1).String()
}

// surroundings are what a facility's plans have in common.
type surroundings struct {
	tenant     *time.Location
	holidays   map[calendar.Date]bool
	exceptions []exceptionDoc
	zones      map[PlaceID]*time.Location // of places that are in use
	staff      map[PractitionerID]bool    // who works there
}

func (s *Service) around(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, now time.Time) (surroundings, error) {
	a := surroundings{tenant: time.UTC, holidays: map[calendar.Date]bool{}, zones: map[PlaceID]*time.Location{}, staff: map[PractitionerID]bool{}}
	for _, t := range s.Directory.Tenants() {
		if t.ID == tx.TenantID() {
			a.tenant = t.Location()
		}
	}
	holidays, err := clinicHolidays(ctx, tx, facility, now.AddDate(0, 0, -2).Format(time.DateOnly))
	if err != nil {
		return a, err
	}
	for _, h := range holidays {
		d, err := calendar.ParseDate(h.Day)
		if err != nil {
			return a, err
		}
		a.holidays[d] = true
	}
	if a.exceptions, err = clinicExceptions(ctx, tx, facility, now); err != nil {
		return a, err
	}
	places, err := clinicPlaces(ctx, tx, facility)
	if err != nil {
		return a, err
	}
	for _, p := range places {
		if p.Active {
			a.zones[p.ID] = locationOf(p.Zone)
		}
	}
	staff, err := clinicPractitioners(ctx, tx, facility)
	for _, p := range staff {
		a.staff[p.ID] = p.Active
	}
	return a, err
}

// working reports whether a schedule makes slots at all.
func (a surroundings) working(c scheduleDoc) bool {
	return c.Active && a.zones[c.Place] != nil && (c.Practitioner == nil || a.staff[PractitionerID(*c.Practitioner)])
}

// wishes are the slots of a plan between now and last.
func (a surroundings) wishes(c scheduleDoc, now, last time.Time) (wishes, error) {
	w := wishes{schedule: c, why: func(madeSlot) string { return taskSlotGone }}
	if !a.working(c) {
		return w, nil
	}
	p, err := planOf(c, a.zones[c.Place])
	if err != nil {
		return w, err
	}
	from, until := calendar.DateOf(now, p.Zone).AddDays(-1), calendar.DateOf(last, p.Zone)
	e := a.exceptionsOf(c, p.Zone)
	sessions, err := calendar.Sessions(p, e, from, until)
	if kernel.KindOf(err) == kernel.Invalid { // a plan that never takes place makes no slots, and stops no other
		return w, nil
	}
	if err != nil {
		return w, err
	}
	for _, x := range slotsOf(sessions) {
		if x.Start.After(now) {
			w.slots = append(w.slots, slotWish{Start: x.Start.UTC(), End: x.End.UTC(), Capacity: c.Capacity})
		}
	}
	e.Holidays, e.Blocks = nil, nil
	if sessions, err = calendar.Sessions(p, e, from, until); err != nil {
		return w, err
	}
	unblocked := map[calendar.Slot]bool{}
	for _, x := range slotsOf(sessions) {
		unblocked[calendar.Slot{Start: x.Start.UTC(), End: x.End.UTC()}] = true
	}
	w.why = func(m madeSlot) string {
		if unblocked[calendar.Slot{Start: m.Start.UTC(), End: m.End.UTC()}] {
			return taskBlocked
		}
		return taskSlotGone
	}
	return w, nil
}

func slotsOf(sessions []calendar.Session) []calendar.Slot {
	var out []calendar.Slot
	for _, s := range sessions {
		out = append(out, s.Slots...)
	}
	return out
}

// exceptionsOf are the exceptions that touch one schedule.
func (a surroundings) exceptionsOf(c scheduleDoc, zone *time.Location) calendar.Exceptions {
	e := calendar.Exceptions{Holidays: a.holidays}
	for _, x := range a.exceptions {
		from, err := time.Parse(time.RFC3339, x.From)
		until, err2 := time.Parse(time.RFC3339, x.Until)
		switch {
		case err != nil || err2 != nil:
		case x.Kind == "extra":
			if *x.Schedule == string(c.ID) {
				e.Extras = append(e.Extras, extraOf(from.In(zone), until.In(zone)))
			}
		case !other(x.Schedule, string(c.ID)) && !other(x.Place, string(c.Place)) && !otherPointer(x.Practitioner, c.Practitioner):
			e.Blocks = append(e.Blocks, calendar.Block{From: from, Until: until})
		}
	}
	return e
}

// other reports whether an exception names something, and something else.
func other(named *string, is string) bool { return named != nil && *named != is }

func otherPointer(named, is *string) bool { return named != nil && (is == nil || *named != *is) }

// extraOf is an extra session as the clock on the wall there shows it. It was entered that way, and is read back the same.
func extraOf(from, until time.Time) calendar.Extra {
	clock := func(t time.Time) calendar.Clock { return calendar.Clock(t.Hour()*60 + t.Minute()) }
	x := calendar.Extra{Date: calendar.DateOf(from, from.Location()), From: clock(from), Until: clock(until)}
	if x.Until == 0 {
		x.Until = calendar.Midnight
	}
	return x
}

// planOf is a schedule's row as a plan of the calendar.
func planOf(c scheduleDoc, zone *time.Location) (calendar.Plan, error) {
	p := calendar.Plan{Rule: c.Rule, Minutes: c.Minutes, Zone: zone}
	var err error
	if p.ValidFrom, err = calendar.ParseDate(c.StartsOn); err != nil {
		return p, err
	}
	if c.EndsOn != nil {
		if p.ValidUntil, err = calendar.ParseDate(*c.EndsOn); err != nil {
			return p, err
		}
	}
	for _, t := range []struct {
		text *string
		out  *calendar.Clock
	}{{c.From, &p.From}, {c.Until, &p.Until}} {
		if t.text == nil {
			continue
		}
		if *t.out, err = calendar.ParseClock((*t.text)[:min(5, len(*t.text))]); err != nil {
			return p, err
		}
	}
	return p, nil
}

// fit makes the slots that are there the ones that are wished: first everything that is not wished goes, of all
// schedules, so that a time which moves from one to another is free when it is made.
func (s *Service) fit(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, all []wishes, existing []madeSlot, now time.Time) (m Made, err error) {
	d := compare(all, existing)
	var stayed []madeSlot
	if stayed, m.Gone, err = withdrawSlots(ctx, tx, d.unwanted); err != nil {
		return Made{}, err
	}
	kinds := make([]string, len(stayed))
	for i, x := range stayed {
		kinds[i] = d.why[x.ID](x)
	}
	m.Kept = len(stayed)
	if m.Tasks, err = raiseTasks(ctx, tx, facility, stayed, kinds, now); err != nil {
		return Made{}, err
	}
	altered, err := adjustSlots(ctx, tx, d.wanted, d.capacities)
	if err != nil {
		return Made{}, err
	}
	var opened []ScheduleID
	var ids []string
	for i, w := range all {
		ids = append(ids, string(w.schedule.ID))
		missing := slices.DeleteFunc(d.missing[i], func(x slotWish) bool { return touches(x, stayed, w.schedule.ID) })
		made, err := makeSlots(ctx, tx, w.schedule, missing)
		if err != nil {
			return Made{}, err
		}
		m.Made += len(made)
		if len(made)+altered > 0 {
			opened = append(opened, w.schedule.ID)
		}
		var clashes []slotWish
		for _, x := range missing {
			if made[x.Start.Unix()] == "" && !touches(x, stayed, "") {
				clashes = append(clashes, x)
			}
		}
		m.Overlaps += len(clashes)
		first := time.Time{}
		if len(clashes) > 0 {
			first = clashes[0].Start
		}
		if err := tellOverlap(ctx, tx, w.schedule, len(clashes), first, now); err != nil {
			return Made{}, err
		}
	}
	if err := dropTasks(ctx, tx, ids, now); err != nil {
		return Made{}, err
	}
	return m, s.tellWaiting(ctx, tx, facility, opened)
}

// touches reports whether a slot would overlap one that stays for who booked it: of the same schedule, or of any when
// none is named. There is a task about that one already.
func touches(w slotWish, stayed []madeSlot, schedule ScheduleID) bool {
	return slices.ContainsFunc(stayed, func(x madeSlot) bool {
		return (schedule == "" || x.Schedule == schedule) && w.Start.Before(x.End) && x.Start.Before(w.End)
	})
}

// difference is what has to be done to the slots of some schedules.
type difference struct {
	unwanted   []string
	why        map[SlotID]func(madeSlot) string
	wanted     []string // are there and stay
	capacities []int    // of those
	missing    [][]slotWish
}

func compare(all []wishes, existing []madeSlot) difference {
	d := difference{why: map[SlotID]func(madeSlot) string{}, missing: make([][]slotWish, len(all))}
	for i, w := range all {
		there := map[int64]madeSlot{}
		for _, x := range existing {
			if x.Schedule == w.schedule.ID {
				there[x.Start.Unix()] = x
			}
		}
		for _, x := range w.slots {
			old, ok := there[x.Start.Unix()]
			switch {
			case ok && old.End.Equal(x.End) && x.Busy && old.Booked > 0:
				delete(there, x.Start.Unix()) // busy because of us
			case ok && old.End.Equal(x.End) && !x.Busy:
				d.wanted, d.capacities = append(d.wanted, string(old.ID)), append(d.capacities, x.Capacity)
				delete(there, x.Start.Unix())
			case !x.Busy:
				d.missing[i] = append(d.missing[i], x)
			}
		}
		for _, x := range there {
			d.unwanted = append(d.unwanted, string(x.ID))
			d.why[x.ID] = w.why
		}
		slices.SortFunc(d.missing[i], func(a, b slotWish) int { return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End)) })
	}
	slices.Sort(d.unwanted)
	return d
}

// tellWaiting offers what has opened to the waiting list, when there is one.
func (s *Service) tellWaiting(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, opened []ScheduleID) error {
	if len(opened) == 0 {
		return nil
	}
	waits, err := anybodyWaits(ctx, tx, facility)
	if err != nil || !waits {
		return err
	}
	for _, id := range opened {
		if err := s.slotsOpened(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

// MakeAhead makes the slots of a municipality up to DaysAhead, and takes away closed ones that nobody is in any more.
// It is the job's, and the demo's; it may run in several processes at once.
func (s *Service) MakeAhead(ctx context.Context, tenant kernel.Tenant) error {
	ctx = kernel.WithPrincipal(kernel.WithTenant(ctx, tenant), kernel.SystemPrincipal(tenant.ID))
	var groups []group
	if err := s.DB.Read(ctx, tenant.ID, func(tx *pg.Tx) (err error) {
		groups, err = planGroups(ctx, tx, "", horizon(s.Clock.Now(), tenant.Location()))
		return err
	}); err != nil {
		return err
	}
	for _, g := range groups { // one transaction each: a long one would keep planners waiting
		if err := s.DB.InTx(ctx, tenant.ID, func(tx *pg.Tx) error {
			_, err := s.remake(ctx, tx, []group{g})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// remakeFacility makes all slots of a facility anew, in the caller's transaction.
func (s *Service) remakeFacility(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) (Made, error) {
	groups, err := planGroups(ctx, tx, facility, "")
	if err != nil {
		return Made{}, err
	}
	return s.remake(ctx, tx, groups)
}
