package medical

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/feed"
	"townhall/modules/medical/fhir"
)

// The SMART Scheduling Links of the municipality (specification.md): what anybody may show of the free times. Only
// published clinics, places that work and kinds of visit that are offered are in it, from now on.

// Addresses of the feed, below the contract's.
const (
	feedBase      = "/medical/v1/smart"
	feedManifest  = "/smart/$bulk-publish"
	feedLocations = "/smart/locations.ndjson"
	feedSchedules = "/smart/schedules.ndjson"
)

// published is what of a register is in the feed: schedules with something to book, at places with a telephone (the
// specification wants one), and those places.
func (r register) published() (places []Place, schedules []publicSchedule) {
	used := map[string]bool{}
	for _, c := range r.schedules {
		p, ok := r.place(c.Place)
		if c.Active && ok && p.Active && p.Phone != "" && len(r.kinds(c)) > 0 {
			schedules, used[c.Place] = append(schedules, c), true
		}
	}
	for _, p := range r.places {
		if used[string(p.ID)] {
			places = append(places, p)
		}
	}
	return places, schedules
}

func idsOf(schedules []publicSchedule) []string {
	out := []string{}
	for _, c := range schedules {
		out = append(out, c.ID)
	}
	return out
}

// feedManifest lists the files, with a tag that changes when anything in any of them does.
func (s *Service) feedManifest(ctx context.Context) (feed.Manifest, string, error) {
	small, err := s.feedSmall(ctx)
	if err != nil {
		return feed.Manifest{}, "", err
	}
	var files []slotFile
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		files, err = slotFiles(ctx, tx, idsOf(small.published))
		return err
	})
	if err != nil {
		return feed.Manifest{}, "", err
	}
	base := kernel.TenantOf(ctx).Origin + feedBase
	m := feed.NewManifest(s.Clock.Now(), base+"/$bulk-publish")
	m.Output = append(m.Output, feed.Output{Type: feed.TypeLocation, URL: base + "/locations.ndjson"}, feed.Output{Type: feed.TypeSchedule, URL: base + "/schedules.ndjson"})
	h := fnv.New64a()
	fmt.Fprint(h, small.locationsTag, small.schedulesTag)
	for _, f := range files {
		m.Output = append(m.Output, feed.Output{Type: feed.TypeSlot, URL: base + "/slots/" + f.name()})
		fmt.Fprint(h, f.Facility, f.Week.Unix(), f.Count, f.Fingerprint)
	}
	return m, etagOf(h.Sum64()), nil
}

// name is the file's name: "riverside-clinic_2026-11-23.ndjson".
func (f slotFile) name() string { return f.Facility + "_" + f.Week.Format(time.DateOnly) + ".ndjson" }

// smallFiles are the two files that are made whole: there are as many lines as places and schedules.
type smallFiles struct {
	locations, schedules       []byte
	locationsTag, schedulesTag string
	register                   register
	published                  []publicSchedule
}

func (s *Service) feedSmall(ctx context.Context) (smallFiles, error) {
	var f smallFiles
	err := s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		f.register, err = readRegister(ctx, tx)
		return err
	})
	if err != nil {
		return f, err
	}
	places, schedules := f.register.published()
	f.published = schedules
	v := fhirView(ctx)
	var locations, lines bytes.Buffer
	if err := feed.Write(&locations, mapSeq(places, func(p Place) feed.Location { return s.feedLocation(ctx, p) })); err != nil {
		return f, err
	}
	if err := feed.Write(&lines, mapSeq(schedules, func(c publicSchedule) feed.Schedule { return feedSchedule(v, f.register, c) })); err != nil {
		return f, err
	}
	f.locations, f.schedules = locations.Bytes(), lines.Bytes()
	f.locationsTag, f.schedulesTag = etagOf(sum(f.locations)), etagOf(sum(f.schedules))
	return f, nil
}

func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

func mapSeq[A, B any](in []A, f func(A) B) iter.Seq[B] {
	return func(yield func(B) bool) {
		for _, a := range in {
			if !yield(f(a)) {
				return
			}
		}
	}
}

// feedLocation writes a place as the specification asks: with a state, which here is the municipality.
func (s *Service) feedLocation(ctx context.Context, p Place) feed.Location {
	locale := kernel.LocaleOf(ctx)
	l := feed.Location{ResourceType: feed.TypeLocation, ID: string(p.ID), Name: p.Name.In(locale), Description: p.Directions.In(locale),
		Telecom: []feed.Telecom{{System: "phone", Value: p.Phone}},
		Address: feed.Address{Line: []string{p.Street}, City: p.Locality, State: kernel.TenantOf(ctx).Name.In("en"), PostalCode: p.PostalCode, Country: p.Country}}
	if p.Latitude != nil && p.Longitude != nil {
		l.Position = &feed.Position{Latitude: *p.Latitude, Longitude: *p.Longitude}
	}
	return l
}

// feedSchedule writes a schedule; its one actor is the place.
func feedSchedule(v fhir.View, r register, c publicSchedule) feed.Schedule {
	out := feed.Schedule{ResourceType: feed.TypeSchedule, ID: c.ID, Actor: []feed.Reference{{Reference: feed.TypeLocation + "/" + c.Place}}}
	for _, k := range r.kinds(c) {
		t := feed.ServiceType{Coding: []feed.Coding{{System: v.VisitTypes(), Code: k.Code, Display: k.Name.In("en")}}, Text: k.Name.In(v.Language)}
		if k.Coding != nil {
			t.Coding = append(t.Coding, feed.Coding{System: k.Coding.System, Code: k.Coding.Code, Display: k.Coding.Display})
		}
		out.ServiceType = append(out.ServiceType, t)
	}
	return out
}

// slotsFile is one file of slots that is about to be written.
type slotsFile struct {
	filter   slotFilter
	register register
	etag     string
}

// feedFile finds the file a name stands for. NotThere when the manifest would not name it.
func (s *Service) feedFile(ctx context.Context, name string) (slotsFile, error) {
	facility, day, ok := strings.Cut(strings.TrimSuffix(name, ".ndjson"), "_")
	monday, err := time.Parse(time.DateOnly, day)
	if !ok || err != nil || monday.Weekday() != time.Monday {
		return slotsFile{}, errNoFile
	}
	f := slotsFile{filter: slotFilter{facility: kernel.AgencyID(facility), from: monday, until: monday.AddDate(0, 0, 7), schedules: []string{}}}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) (err error) {
		if f.register, err = readRegister(ctx, tx); err != nil {
			return err
		}
		_, schedules := f.register.published()
		f.filter.schedules = idsOf(slices.DeleteFunc(schedules, func(c publicSchedule) bool { return c.Facility != facility }))
		week, err := slotWeek(ctx, tx, f.filter)
		f.etag = etagOf(uint64(week.Fingerprint))
		if err == nil && week.Count == 0 {
			err = errNoFile
		}
		return err
	})
	return f, err
}

// slotBatch is how many slots are read at once: a file of any size needs no more memory than this, and no transaction
// stays open for a reader who is slow.
const slotBatch = 2000

// feedSlots reads the slots of a file batch by batch. The error is set when the sequence ended before its end.
func (s *Service) feedSlots(ctx context.Context, f slotsFile) (iter.Seq[feed.Slot], *error) {
	var failed error
	origin, tenant, filter := kernel.TenantOf(ctx).Origin, kernel.TenantOf(ctx).ID, f.filter
	filter.limit, filter.statuses = slotBatch, []string{fhir.SlotFree, fhir.SlotBusy, fhir.SlotTentative}
	return func(yield func(feed.Slot) bool) {
		for {
			var rows []publicSlot
			failed = s.DB.Read(ctx, tenant, func(tx *pg.Tx) (err error) {
				rows, err = publicSlots(ctx, tx, filter)
				return err
			})
			if failed != nil {
				return
			}
			for _, row := range rows {
				if !yield(f.register.feedSlot(origin, row)) {
					return
				}
			}
			if len(rows) < slotBatch {
				return
			}
			last := rows[len(rows)-1]
			filter.after = slotMark{last.StartsAt, last.ID}
		}
	}, &failed
}

// feedSlot writes one slot. One that somebody holds is busy: it may be free again in a few minutes.
func (r register) feedSlot(origin string, row publicSlot) feed.Slot {
	c, _ := r.schedule(row.Schedule)
	place, _ := r.place(c.Place)
	loc := place.Location()
	status, link, left := feed.Busy, "", 0
	if row.Status == fhir.SlotFree {
		status, link, left = feed.Free, bookingLink(origin, r.kinds(c), row.ID), row.Left
	}
	return feed.NewSlot(row.ID, row.Schedule, status, row.StartsAt.In(loc), row.EndsAt.In(loc), link, left)
}
