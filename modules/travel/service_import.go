package travel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
	"townhall/modules/travel/gtfs"
)

// Timetable brings the operators' timetables, keeps departures ahead of what people book, and searches them.
type Timetable struct {
	DB        *pg.DB
	Directory kernel.Directory
	Clock     kernel.Clock
	Audit     kernel.Audit // nil: what staff bring is not recorded

	indexes indexes
}

// Count is how many rows of a kind an import brings.
type Count struct {
	Kind string `json:"kind"` // stops, routes, trips, calls, days
	Rows int    `json:"rows"`
}

// Imported is what an import did, or would do when it is only looked at.
type Imported struct {
	Feed      FeedID  `json:"feed"`
	Same      bool    `json:"same"` // this very timetable is in force already; nothing was changed
	Counts    []Count `json:"counts"`
	Made      int     `json:"made"`      // departures that are new
	Moved     int     `json:"moved"`     // departures that go on in the new timetable
	Gone      int     `json:"gone"`      // departures that are no more; nobody had booked them
	Conflicts int     `json:"conflicts"` // booked departures that the new timetable does not have so
}

// Refusal is the error of an import that was refused: nothing of it was taken. It is a kernel.Invalid to everybody who
// does not ask for its lines.
type Refusal struct{ Problems lines.Problems }

func (r *Refusal) Error() string { return errRefused.Error() + "\n" + r.Problems.String() }

// Unwrap makes a refusal the error people see: one field per problem, "stops.txt:3:stop_lat", as far as they are kept.
func (r *Refusal) Unwrap() error {
	e := *errRefused
	for _, p := range r.Problems.List {
		path := p.File
		if p.Line > 0 {
			path += ":" + strconv.Itoa(p.Line)
		}
		if p.Field != "" {
			path += ":" + p.Field
		}
		e.Fields = append(e.Fields, kernel.FieldError{Path: path, Slug: "travel.feed.line." + p.Slug, Message: p.Message})
	}
	return &e
}

var (
	errRefused    = kernel.NewError(kernel.Invalid, "import-refused", "Nothing was imported: some lines are wrong.")
	errNotPlanner = kernel.NewError(kernel.Forbidden, "not-allowed", "You do not have the right to do this.")
)

// errPreview takes the transaction of a preview back.
var errPreview = errors.New("only looked at")

// Import brings an operator's timetable: one archive, or the files of a feed (package gtfs). Everything or nothing: a
// *Refusal lists what is wrong, line by line. The same timetable again changes nothing. For the command line and the
// demo; staff come through ImportFiles. Errors: NotFound for an agency that is not there, *Refusal.
func (s *Timetable) Import(ctx context.Context, tenant kernel.Tenant, operator kernel.AgencyID, files []lines.File) (Imported, error) {
	ctx = kernel.WithPrincipal(kernel.WithTenant(ctx, tenant), kernel.SystemPrincipal(tenant.ID))
	return s.importFiles(ctx, operator, files, false)
}

// ImportFiles is Import for a planner of the operator. With preview nothing is kept: it tells what would be. Errors:
// NotFound, Forbidden, *Refusal.
func (s *Timetable) ImportFiles(ctx context.Context, operator kernel.AgencyID, files []lines.File, preview bool) (Imported, error) {
	if err := plans(ctx, operator); err != nil {
		return Imported{}, err
	}
	return s.importFiles(ctx, operator, files, preview)
}

// plans lets the planners of an operator through. To staff of other agencies the operator is not there.
func plans(ctx context.Context, operator kernel.AgencyID) error {
	who := kernel.PrincipalOf(ctx)
	if who.Kind != kernel.Staff || !slices.ContainsFunc(who.Grants, func(g kernel.Grant) bool { return g.Agency == operator }) {
		return kernel.NotThere("operator")
	}
	if !who.Has(operator, RolePlanner) {
		return errNotPlanner
	}
	return nil
}

func (s *Timetable) importFiles(ctx context.Context, operator kernel.AgencyID, files []lines.File, preview bool) (Imported, error) {
	tenant := kernel.TenantOf(ctx)
	if _, ok := s.Directory.Agency(tenant.ID, operator); !ok {
		return Imported{}, kernel.NotThere("operator")
	}
	name := nameOf(files)
	files, feed, err := readFeed(files) // before the transaction: nobody waits for it
	if err != nil {
		return Imported{}, err
	}
	var out Imported
	done, err := pg.Once(ctx, s.DB, tenant.ID, func(tx *pg.Tx) (Imported, error) {
		var err error
		if out, err = s.bring(ctx, tx, operator, name, sumOf(files), feed); err != nil || out.Same {
			return out, err
		}
		if preview {
			return out, errPreview
		}
		if s.Audit != nil && kernel.PrincipalOf(ctx).Kind == kernel.Staff {
			err = s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: "travel.import", Details: map[string]string{"operator": string(operator)}})
		}
		return out, err
	})
	if errors.Is(err, errPreview) {
		return out, nil
	}
	return done, err
}

// readFeed reads what was handed in, an archive or its files. It returns the files that were read.
func readFeed(files []lines.File) ([]lines.File, gtfs.Feed, error) {
	if len(files) == 1 && (strings.HasSuffix(strings.ToLower(files[0].Name), ".zip") || bytes.HasPrefix(files[0].Data, []byte("PK"))) {
		unpacked, problems := gtfs.Unzip(files[0])
		if problems.Any() {
			return nil, gtfs.Feed{}, &Refusal{problems}
		}
		files = unpacked
	}
	feed, problems := gtfs.Read(files)
	if problems.Any() {
		return nil, gtfs.Feed{}, &Refusal{problems}
	}
	return slices.DeleteFunc(slices.Clone(files), func(f lines.File) bool { return !gtfs.Reads(f.Name) }), feed, nil
}

func nameOf(files []lines.File) string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	all := []rune(strings.ToValidUTF8(strings.ReplaceAll(strings.Join(names, ", "), "\x00", ""), ""))
	return string(all[:min(len(all), 200)])
}

// sumOf is the hash of a timetable, in whatever order its files come.
func sumOf(files []lines.File) []byte {
	h := sha256.New()
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b lines.File) int { return cmp.Compare(a.Name, b.Name) }) {
		h.Write(binary.BigEndian.AppendUint64([]byte(f.Name), uint64(len(f.Data))))
		h.Write(f.Data)
	}
	return h.Sum(nil)
}

// bring puts a timetable in force.
func (s *Timetable) bring(ctx context.Context, tx kernel.Tx, operator kernel.AgencyID, name string, sum []byte, feed gtfs.Feed) (Imported, error) {
	if err := lockOperator(ctx, tx, operator); err != nil {
		return Imported{}, err
	}
	before, err := activeFeeds(ctx, tx, operator)
	if err != nil {
		return Imported{}, err
	}
	if len(before) == 1 && bytes.Equal(before[0].Sum, sum) {
		return Imported{Feed: before[0].ID, Same: true}, nil
	}
	now := s.Clock.Now().UTC()
	today := gtfs.DayAt(now, feed.Zone)
	row := feedRow{ID: FeedID(kernel.NewID()), Operator: operator, Sum: sum, Zone: feed.Zone.String(), Longest: longest(feed)}
	until := today + ahead
	row.MadeUntil = gtfs.At(until, 0, time.UTC)
	days := serviceDays(feed, today)
	out := Imported{Feed: row.ID, Counts: countsOf(feed, days)}
	if err := putFeed(ctx, tx, newFeed{row, feed, name, out.Counts, kernel.PrincipalOf(ctx).Person}); err != nil {
		return Imported{}, err
	}
	ids, err := stopIDs(ctx, tx, operator)
	if err != nil {
		return Imported{}, err
	}
	if err := bringStops(ctx, tx, operator, feed.Stops, ids); err != nil {
		return Imported{}, err
	}
	if err := putTables(ctx, tx, row.ID, feed, days, ids); err != nil {
		return Imported{}, err
	}
	bases := row.bases(today-reach(row.Longest), until)
	if len(before) > 0 {
		fitted, err := replaceDepartures(ctx, tx, row, bases, now)
		if err != nil {
			return Imported{}, err
		}
		out.Moved, out.Gone, out.Conflicts = fitted.moved, fitted.gone, fitted.conflicts
	}
	if out.Made, err = makeDepartures(ctx, tx, row, bases, now); err != nil {
		return Imported{}, err
	}
	return out, dropOld(ctx, tx, operator)
}

// longest is the latest time in a feed.
func longest(f gtfs.Feed) (most int) {
	for _, t := range f.Trips {
		most = max(most, t.Calls[len(t.Calls)-1].Departs)
	}
	return most
}

// reach is how many days of service before a day may still be under way on it: at least one, because the first hour of a
// day whose clocks change may belong to the day before.
func reach(longest int) gtfs.Day { return gtfs.Day(longest/secondsADay + 1) }

const (
	secondsADay = 86_400
	longestTrip = 14 * secondsADay // of what a feed can hold, a headway's last departure included
)

// bases are the days of service from one up to and without another.
func (f feedRow) bases(from, until gtfs.Day) (out []dayBase) {
	zone := located(f.Zone)
	for d := from; d < until; d++ {
		out = append(out, dayBase{d, gtfs.At(d, 0, zone)})
	}
	return out
}

// written is for how many days from now the days of a service are written: longer than anybody waits with a new timetable.
const written = 3 * 366

// serviceDays are the days of every service that can still matter.
func serviceDays(f gtfs.Feed, today gtfs.Day) (out []serviceDay) {
	for _, s := range f.Services {
		for _, d := range s.Days(today-reach(longest(f)), today+written) {
			out = append(out, serviceDay{s.ID, d})
		}
	}
	return out
}

func countsOf(f gtfs.Feed, days []serviceDay) []Count {
	calls := 0
	for _, t := range f.Trips {
		calls += len(t.Calls)
	}
	return []Count{{"stops", len(f.Stops)}, {"routes", len(f.Routes)}, {"trips", len(f.Trips)}, {"calls", calls}, {"days", len(days)}}
}
