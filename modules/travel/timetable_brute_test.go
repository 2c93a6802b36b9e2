package travel

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
	"townhall/modules/travel/traveltest"
)

// driven is a trip on a day, as a person with the printed timetable and a pencil sees it.
type driven struct {
	key string
	gtfs.Trip
	base time.Time
}

func (d driven) at(seconds int) time.Time { return d.base.Add(time.Duration(seconds) * time.Second) }

// told is what a journey looks like in a comparison: trips may tie, moments may not.
type told struct {
	departs, arrives int64
	legs             int
}

// byHand finds the journeys of a feed by trying everything.
func byHand(f gtfs.Feed, withdrawn map[string]bool, from, to map[string]bool, lo, hi time.Time, wheelchair, bicycle bool) (out []told) {
	access := map[string]gtfs.Access{}
	for _, s := range f.Stops {
		access[s.ID] = s.Wheelchair
	}
	up := func(c gtfs.Call) bool { return c.Pickup != 1 && (!wheelchair || access[c.Stop] != gtfs.No) }
	down := func(c gtfs.Call) bool { return c.DropOff != 1 && (!wheelchair || access[c.Stop] != gtfs.No) }
	var all []driven
	for _, t := range f.Trips {
		service := f.Services[slices.IndexFunc(f.Services, func(s gtfs.Service) bool { return s.ID == t.Service })]
		for d := gtfs.DayAt(lo, f.Zone) - 4; d < gtfs.DayAt(lo, f.Zone)+6; d++ {
			key := t.ID + " " + d.String()
			if service.Runs(d) && !withdrawn[key] && (!wheelchair || t.Wheelchair == gtfs.Yes) && (!bicycle || t.Bicycle == gtfs.Yes) {
				all = append(all, driven{key, t, gtfs.At(d, 0, f.Zone)})
			}
		}
	}
	var direct, changed []told
	for _, one := range all {
		var best, bestChange *told
		better := func(best **told, n told) {
			if *best == nil || n.arrives < (*best).arrives || n.arrives == (*best).arrives && n.departs > (*best).departs {
				*best = &n
			}
		}
		for i, a := range one.Calls {
			leaves := one.at(a.Departs)
			if !from[a.Stop] || !up(a) || leaves.Before(lo) || !leaves.Before(hi) {
				continue
			}
			for _, x := range one.Calls[i+1:] {
				if !down(x) {
					continue
				}
				if to[x.Stop] {
					better(&best, told{leaves.Unix(), one.at(x.Arrives).Unix(), 1})
				}
				if from[x.Stop] || to[x.Stop] {
					continue
				}
				for _, two := range all {
					if two.key == one.key {
						continue
					}
					for k, y := range two.Calls {
						wait := two.at(y.Departs).Sub(one.at(x.Arrives))
						if y.Stop != x.Stop || !up(y) || wait < 5*time.Minute || wait > 4*time.Hour {
							continue
						}
						for _, b := range two.Calls[k+1:] {
							if to[b.Stop] && down(b) {
								better(&bestChange, told{leaves.Unix(), two.at(b.Arrives).Unix(), 2})
							}
						}
					}
				}
			}
		}
		if best != nil {
			direct = append(direct, *best)
		}
		if bestChange != nil {
			changed = append(changed, *bestChange)
		}
	}
	out = direct
	if len(direct) < 3 {
		slices.SortFunc(changed, compareTold)
		for _, c := range slices.Compact(changed) {
			if !slices.ContainsFunc(append(slices.Clone(direct), changed...), func(o told) bool {
				return o.departs >= c.departs && o.arrives <= c.arrives && (o != c)
			}) {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, compareTold)
	return out
}

func compareTold(a, b told) int {
	return cmp.Or(cmp.Compare(a.departs, b.departs), cmp.Compare(a.arrives, b.arrives), cmp.Compare(a.legs, b.legs))
}

// Whatever the timetable: what is found, page by page, is what somebody finds who tries everything.
func TestTheSearchFindsWhatTryingEverythingFinds(t *testing.T) {
	t.Parallel()
	compared := map[int]int{}
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(7, seed))
		h := newTimetableHouse(t)
		w := traveltest.Towns{Stations: 8 + r.IntN(8), Hubs: 2, Lines: 3 + r.IntN(3), Calls: 3 + r.IntN(4), Trips: 3 + r.IntN(5),
			From: time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC), Days: 8}
		files := w.Files(r)
		feed, problems := gtfs.Read(files)
		if problems.Any() {
			t.Fatal(problems.String())
		}
		h.bring(coaches, files)
		codes, gone := h.codes(), h.withdraw(r)
		for range 120 {
			q := JourneyQuery{From: h.someStop(r, codes), To: h.someStop(r, codes), Day: fmt.Sprintf("2026-11-%d", 16+r.IntN(7)), After: fmt.Sprintf("%02d:%02d", r.IntN(24), r.IntN(60)),
				Wheelchair: r.IntN(4) == 0, Bicycle: r.IntN(4) == 0, Limit: 1 + r.IntN(6)}
			if q.From == q.To {
				continue
			}
			got, seen := h.allPages(q, codes)
			lo, err := time.ParseInLocation("2006-01-02 15:04", q.Day+" "+q.After, feed.Zone)
			if err != nil {
				t.Fatal(err)
			}
			hi := lo.Truncate(24*time.Hour).AddDate(0, 0, 1)
			if lo.Before(h.clock.Now()) {
				lo = h.clock.Now()
			}
			want := byHand(feed, gone, map[string]bool{codes[StopID(q.From)]: true}, map[string]bool{codes[StopID(q.To)]: true}, lo, hi, q.Wheelchair, q.Bicycle)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %+v (%s to %s):\ngot  %v\nwant %v\n%v", seed, q, codes[StopID(q.From)], codes[StopID(q.To)], got, want, seen)
			}
			for _, j := range want {
				compared[j.legs]++
			}
		}
	}
	if compared[1] < 100 || compared[2] < 100 {
		t.Errorf("only %d direct journeys and %d with a change were compared", compared[1], compared[2])
	}
}

// codes are the feed's ids of stops.
func (h *timetableHouse) codes() map[StopID]string {
	h.t.Helper()
	var rows []struct {
		ID   StopID
		Code string
	}
	h.tx(func(tx *pg.Tx) error {
		return tx.SelectContext(h.ctx, &rows, `SELECT id, code FROM travel.stop ORDER BY code`)
	})
	out := map[StopID]string{}
	for _, r := range rows {
		out[r.ID] = r.Code
	}
	return out
}

func (h *timetableHouse) someStop(r *rand.Rand, codes map[StopID]string) string {
	code := fmt.Sprintf("s%d", r.IntN(len(codes)))
	for id, c := range codes {
		if c == code {
			return string(id)
		}
	}
	h.t.Fatalf("no stop %s", code)
	return ""
}

// withdraw calls some departures off, and takes others out of the offer; it returns which, by trip and day.
func (h *timetableHouse) withdraw(r *rand.Rand) map[string]bool {
	h.t.Helper()
	out := map[string]bool{}
	h.tx(func(tx *pg.Tx) error {
		var rows []struct {
			ID  DepartureID
			Key string
		}
		if err := tx.SelectContext(h.ctx, &rows, `SELECT id, trip_key || ' ' || service_date AS key FROM travel.departure ORDER BY service_date, trip_key`); err != nil {
			return err
		}
		for _, d := range rows {
			if r.IntN(8) > 0 {
				continue
			}
			out[d.Key] = true
			set := []string{`offered = false`, `state = 'called-off'`}[r.IntN(2)]
			if _, err := tx.ExecContext(h.ctx, `UPDATE travel.departure SET `+set+` WHERE id = $1`, d.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return out
}

// allPages reads every page of a search, and checks that each journey can be made.
func (h *timetableHouse) allPages(q JourneyQuery, codes map[StopID]string) (out []told, seen []string) {
	h.t.Helper()
	for page := 0; ; page++ {
		found := h.find(q)
		if len(found.List) > q.Limit || page > 100 || found.Next != "" && len(found.List) != q.Limit {
			h.t.Fatalf("page %d has %d journeys of at most %d", page, len(found.List), q.Limit)
		}
		for _, j := range found.List {
			out = append(out, told{j.Departs.Unix(), j.Arrives.Unix(), len(j.Legs)})
			line := ""
			for _, l := range j.Legs {
				line += fmt.Sprintf(" %s %s %s-%s %s", l.Departure.Trip, codes[l.From.Stop], l.From.Departs.Format("15:04"), l.To.Arrives.Format("15:04"), codes[l.To.Stop])
				if l.To.Seq <= l.From.Seq || !l.From.Pickup || !l.To.DropOff || l.Departure.ID == "" || !l.Departure.Offered || l.Departure.State != DepartureScheduled {
					h.t.Errorf("nobody can make %s: %+v", line, l)
				}
			}
			seen = append(seen, line)
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			return out, seen
		}
	}
}
