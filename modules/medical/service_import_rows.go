package medical

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/medical/feed"
	"townhall/modules/medical/sheet"
)

func itoa(n int) string { return strconv.Itoa(n) }

// some is a text, or null for an empty one.
func some[T ~string](s T) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}

func orEmpty(t kernel.Text) kernel.Text {
	if t == nil {
		return kernel.Text{}
	}
	return t
}

func placeDocs(facility kernel.AgencyID, rows []sheet.Place) (docs []placeDoc) {
	for _, r := range rows {
		d := placeDoc{ID: PlaceID(kernel.NewID()), Facility: facility, Code: r.Code, Name: r.Name, Street: r.Street, PostalCode: r.PostalCode, Locality: r.Locality,
			Country: r.Country, Zone: r.Zone.String(), Phone: r.Phone, Directions: orEmpty(r.Directions), Opening: []Opening{}, DoorCode: newToken(), Active: true}
		if r.Position != nil {
			d.Latitude, d.Longitude = &r.Position[0], &r.Position[1]
		}
		for _, o := range r.Opening {
			d.Opening = append(d.Opening, Opening{Days: o.Days, From: o.From.String(), Until: o.Until.String()})
		}
		docs = append(docs, d)
	}
	return docs
}

func practitionerDocs(facility kernel.AgencyID, rows []sheet.Practitioner) (docs []practitionerDoc) {
	for _, r := range rows {
		docs = append(docs, practitionerDoc{ID: PractitionerID(kernel.NewID()), Facility: facility, Code: r.Code, Name: r.Name, Specialty: orEmpty(r.Specialty),
			Languages: append([]string{}, r.Languages...), Active: true})
	}
	return docs
}

func resourceDocs(c setup, rows []sheet.Resource) (docs []resourceDoc) {
	for _, r := range rows {
		docs = append(docs, resourceDoc{ID: ResourceID(kernel.NewID()), Place: c.place(r.Place), Kind: r.Kind, Name: r.Name, Active: true})
	}
	return docs
}

func (c setup) place(code string) PlaceID {
	for _, p := range c.places {
		if p.Code == code {
			return p.ID
		}
	}
	return ""
}

func (c setup) practitioner(code string) PractitionerID {
	for _, p := range c.practitioners {
		if p.Code == code {
			return p.ID
		}
	}
	return ""
}

// codings are what a service's visits are called in the code system of the specification of scheduling links.
var codings = map[string]Coding{
	"vaccination":        {System: feed.SystemServiceType, Code: feed.CodeImmunization, Display: "Immunization"},
	"doctor-appointment": {System: feed.SystemServiceType, Code: feed.CodeGeneralPractice, Display: "General Practice"},
}

func visitDocs(rows []sheet.VisitType) (docs []visitDoc) {
	for _, r := range rows {
		d := visitDoc{Code: r.Code, Service: r.Service, Name: r.Name, Minutes: r.Minutes, Level: r.Level.String(), MinAge: r.MinAge, MaxAge: r.MaxAge,
			Preparation: orEmpty(r.Preparation), Bring: orEmpty(r.Bring), Needs: append([]string{}, r.Needs...), CancelHours: r.CancelHours, Active: true}
		if coding, ok := codings[r.Service]; ok {
			d.Coding = &coding
		}
		docs = append(docs, d)
	}
	return docs
}

func planDoc(facility kernel.AgencyID, c setup, r sheet.Schedule) scheduleDoc {
	return scheduleDoc{ID: ScheduleID(kernel.NewID()), Facility: facility, Place: c.place(r.Place), Practitioner: some(c.practitioner(r.Practitioner)), Origin: OriginPlan,
		VisitTypes: r.VisitTypes, Rule: r.Plan.Rule, From: some(r.Plan.From.String()), Until: some(r.Plan.Until.String()), Minutes: r.Plan.Minutes, Capacity: r.Capacity,
		StartsOn: r.Plan.ValidFrom.String(), EndsOn: some(r.Plan.ValidUntil.String()), Active: true}
}

// feedBook turns a feed into a clinic's rows.
type feedBook struct {
	feed     feed.Feed
	facility kernel.AgencyID
	tenant   kernel.Tenant
	setup    setup
	visits   map[string][]string // schedule → codes of visit types
	problems lines.Problems
}

// longestCode is what a place's code may have; the feed's ids may be a little longer.
const longestCode = 60

// check finds what this municipality cannot take of a feed that is right in itself.
func (b *feedBook) check(services []string) {
	at := func(kind, id string) feed.Spot { return b.feed.Where[kind+"/"+id] }
	for _, l := range b.feed.Locations {
		if spot := at(feed.TypeLocation, l.ID); len(l.ID) > longestCode {
			b.problems.Add(spot.File, spot.Line, "id", "id-long", "is longer than a place's code can be")
		}
	}
	b.visits = map[string][]string{}
	was := b.setup.fed()
	for _, c := range b.feed.Schedules { // people who have booked were told where: its times do not move to another place
		b.visits[c.ID] = b.visitsOf(c, services)
		spot := at(feed.TypeSchedule, c.ID)
		if len(b.visits[c.ID]) == 0 {
			b.problems.Add(spot.File, spot.Line, "serviceType", "service-unknown", "is no type of visit of this municipality")
		}
		if old, there := was[c.ID]; there && b.setup.placeCode(old.Place) != strings.TrimPrefix(c.Actor[0].Reference, feed.TypeLocation+"/") {
			b.problems.Add(spot.File, spot.Line, "actor[0].reference", "fixed", "cannot be changed; end this one and add another")
		}
	}
	room := map[string]int{}
	for _, x := range b.feed.Slots {
		key := x.Schedule.Reference + x.Start.UTC().String()
		if room[key] += x.Capacity(); room[key] > 1000 {
			spot := at(feed.TypeSlot, x.ID)
			b.problems.Add(spot.File, spot.Line, "extension", "capacity", "makes room for more people than a slot can have")
		}
	}
}

// fed are the schedules that came from a feed, by its ids.
func (c setup) fed() map[string]scheduleDoc {
	out := map[string]scheduleDoc{}
	for _, d := range c.schedules {
		if d.FeedKey != nil {
			out[*d.FeedKey] = d
		}
	}
	return out
}

// slotsOf are the feed's slots by the id of their schedule.
func (b *feedBook) slotsOf() map[string][]feed.Slot {
	out := map[string][]feed.Slot{}
	for _, x := range b.feed.Slots {
		id := strings.TrimPrefix(x.Schedule.Reference, feed.TypeSchedule+"/")
		out[id] = append(out[id], x)
	}
	return out
}

// visitsOf are the types of visit a schedule of the feed is for: those with one of its codes.
func (b *feedBook) visitsOf(c feed.Schedule, services []string) (out []string) {
	for _, v := range b.setup.visits {
		coding := v.Coding
		if known, ok := codings[v.Service]; ok && coding == nil {
			coding = &known
		}
		if !v.Active || coding == nil || !slices.Contains(services, v.Service) {
			continue
		}
		for _, t := range c.ServiceType {
			if slices.ContainsFunc(t.Coding, func(k feed.Coding) bool { return k.System == coding.System && k.Code == coding.Code }) && !slices.Contains(out, v.Code) {
				out = append(out, v.Code)
			}
		}
	}
	return out
}

var twoCapitals = regexp.MustCompile(`^[A-Z]{2}$`)

// places are the feed's locations. What a feed cannot say, such as a place's zone, stays as it is here.
func (b *feedBook) places() (docs []placeDoc) {
	for _, l := range b.feed.Locations {
		d := placeDoc{ID: PlaceID(kernel.NewID()), Country: b.tenant.Country, Zone: b.tenant.Zone, Directions: kernel.Text{}, Opening: []Opening{}, DoorCode: newToken(), Active: true, Name: kernel.Text{}}
		for _, p := range b.setup.places {
			if p.Code == l.ID {
				d = p
			}
		}
		name := kernel.Text{kernel.Locales[0]: l.Name}
		for _, locale := range kernel.Locales[1:] {
			if d.Name[locale] != "" && d.Name[kernel.Locales[0]] == l.Name {
				name[locale] = d.Name[locale]
			}
		}
		d.Facility, d.Code, d.Name, d.Version = b.facility, l.ID, name, 0
		d.Street, d.PostalCode, d.Locality = cut(strings.Join(l.Address.Line, ", "), 200), l.Address.PostalCode, cut(l.Address.City, 100)
		if twoCapitals.MatchString(l.Address.Country) {
			d.Country = l.Address.Country
		}
		if l.Description != "" {
			d.Directions = kernel.Text{kernel.Locales[0]: l.Description}
		}
		if l.Position != nil {
			d.Latitude, d.Longitude = &l.Position.Latitude, &l.Position.Longitude
		}
		for _, t := range l.Telecom {
			if t.System == "phone" {
				d.Phone = cut(t.Value, 40)
				break
			}
		}
		docs = append(docs, d)
	}
	return docs
}

func cut(s string, most int) string {
	r := []rune(s)
	return string(r[:min(len(r), most)])
}

// schedules are the feed's, and those it does not name any more, which are closed.
func (b *feedBook) schedules(now time.Time) (docs []scheduleDoc) {
	named, was, slots := map[string]bool{}, b.setup.fed(), b.slotsOf()
	for _, c := range b.feed.Schedules {
		named[c.ID] = true
		d := scheduleDoc{ID: ScheduleID(kernel.NewID()), Minutes: 15, StartsOn: now.Format(time.DateOnly)}
		if old, there := was[c.ID]; there {
			d = old
		}
		if all := slots[c.ID]; len(all) > 0 {
			d.Minutes = max(1, int(all[0].End.Sub(all[0].Start).Minutes()))
		}
		key := c.ID
		d.Facility, d.Place, d.Origin, d.FeedKey, d.VisitTypes, d.Capacity, d.Active = b.facility, b.setup.place(strings.TrimPrefix(c.Actor[0].Reference, feed.TypeLocation+"/")), OriginFeed, &key, b.visits[c.ID], 1, true
		docs = append(docs, d)
	}
	for _, old := range b.setup.schedules {
		if old.FeedKey != nil && !named[*old.FeedKey] {
			old.Active = false
			docs = append(docs, old)
		}
	}
	return docs
}

// wishes are the feed's times from now on. Slots of one schedule that begin together are one, with the room of all.
func (b *feedBook) wishes(schedules []scheduleDoc, now time.Time) (all []wishes) {
	slots := b.slotsOf()
	for _, c := range schedules {
		w := wishes{schedule: c, why: func(madeSlot) string { return taskFeedGone }}
		at := map[int64]int{}
		for _, x := range slots[*c.FeedKey] {
			start := x.Start.UTC().Truncate(time.Second)
			if !start.After(now) {
				continue
			}
			i, there := at[start.Unix()]
			if !there {
				i = len(w.slots)
				at[start.Unix()] = i
				w.slots = append(w.slots, slotWish{Start: start, End: x.End.UTC().Truncate(time.Second), Key: x.ID, Busy: true})
			}
			if x.Status == feed.Free {
				w.slots[i].Capacity += x.Capacity()
				w.slots[i].Busy = false
			}
		}
		all = append(all, w)
	}
	return all
}
