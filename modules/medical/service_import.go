package medical

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/feed"
	"townhall/modules/medical/sheet"
)

// Count is how many rows of a kind an import brings.
type Count struct {
	Kind    string `json:"kind"` // a table's name, or "slots"
	New     int    `json:"new"`
	Changed int    `json:"changed"`
	Same    int    `json:"same"`
}

// Imported is what an import did, or would do when it is only looked at.
type Imported struct {
	Kind   string  `json:"kind"` // sheets or feed
	Counts []Count `json:"counts"`
	Made   Made    `json:"made"`
}

// Kinds of imports.
const (
	importSheets = "sheets"
	importFeed   = "feed"
)

// Refusal is the error of an import that was refused: nothing of it was taken. It is a kernel.Invalid to everybody who
// does not ask for its lines.
type Refusal struct{ Problems lines.Problems }

func (r *Refusal) Error() string { return errRefused.Error() + "\n" + r.Problems.String() }

// Unwrap makes a refusal the error people see.
func (r *Refusal) Unwrap() error { return errRefused }

var errRefused = kernel.NewError(kernel.Invalid, "import-refused", "Nothing was imported: some lines are wrong.")

// errPreview takes the transaction of a preview back.
var errPreview = errors.New("only looked at")

// Import brings files into a clinic: tables of a spreadsheet (package sheet), or a feed of scheduling links (package
// feed). Everything or nothing: a *Refusal lists what is wrong, line by line. Importing the same again changes nothing;
// rows are never deleted by it, slots of a feed that it does not name any more are. For the command line and the demo;
// staff come through ImportFiles.
func (s *Service) Import(ctx context.Context, tenant kernel.Tenant, facility kernel.AgencyID, files []lines.File) (Imported, error) {
	ctx = kernel.WithPrincipal(kernel.WithTenant(ctx, tenant), kernel.SystemPrincipal(tenant.ID))
	return s.importFiles(ctx, facility, files, false)
}

// ImportFiles is Import for a planner of the clinic. With preview nothing is kept: it tells what would be. Errors:
// NotFound, Forbidden, *Refusal.
func (s *Service) ImportFiles(ctx context.Context, facility kernel.AgencyID, files []lines.File, preview bool) (Imported, error) {
	if err := works(ctx, facility, RolePlanner); err != nil {
		return Imported{}, err
	}
	return s.importFiles(ctx, facility, files, preview)
}

func (s *Service) importFiles(ctx context.Context, facility kernel.AgencyID, files []lines.File, preview bool) (Imported, error) {
	tenant := kernel.TenantOf(ctx)
	if _, ok := s.Directory.Agency(tenant.ID, facility); !ok {
		return Imported{}, kernel.NotThere("clinic")
	}
	bring := s.importSheets
	if slices.ContainsFunc(files, func(f lines.File) bool { return !strings.HasSuffix(strings.ToLower(f.Name), ".csv") }) {
		bring = s.importFeed
	}
	var out Imported
	run := func(tx *pg.Tx) (Imported, error) {
		err := ensureFacility(ctx, tx, facility)
		if err == nil {
			out, err = bring(ctx, tx, facility, files)
		}
		if err == nil && preview {
			err = errPreview
		}
		if err == nil {
			err = keepImport(ctx, tx, facility, out.Kind, nameOf(files), sumOf(files), out.Counts, kernel.PrincipalOf(ctx).Person)
		}
		if err == nil {
			err = s.noted(ctx, tx, "clinic.import", map[string]string{"facility": string(facility), "kind": out.Kind})
		}
		return out, err
	}
	done, err := pg.Once(ctx, s.DB, tenant.ID, run)
	if errors.Is(err, errPreview) {
		return out, nil
	}
	return done, err
}

func nameOf(files []lines.File) string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	all := []rune(strings.ToValidUTF8(strings.Join(names, ", "), ""))
	return string(all[:min(len(all), 200)])
}

func sumOf(files []lines.File) [32]byte {
	h := sha256.New()
	for _, f := range files {
		h.Write(f.Data)
	}
	return [32]byte(h.Sum(nil))
}

// noted records what staff changed in a clinic's calendar; it is nobody's personal data.
func (s *Service) noted(ctx context.Context, tx kernel.Tx, action string, details map[string]string) error {
	if s.Audit == nil || kernel.PrincipalOf(ctx).Kind != kernel.Staff {
		return nil
	}
	return s.Audit.Record(ctx, tx, kernel.AuditEntry{Action: action, Details: details})
}

// setup is what a clinic has set up, as rows name each other.
type setup struct {
	facility      kernel.AgencyID
	places        []placeDoc
	practitioners []practitionerDoc
	resources     []resourceDoc
	visits        []VisitType
	schedules     []scheduleDoc
	holidays      []holidayDoc
	exceptions    []exceptionDoc
}

func (s *Service) setup(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID) (c setup, err error) {
	c.facility = facility
	now := s.Clock.Now()
	today := now.In(kernel.TenantOf(ctx).Location()).Format(time.DateOnly)
	for _, read := range []func() error{
		func() (err error) { c.places, err = clinicPlaces(ctx, tx, facility); return err },
		func() (err error) { c.practitioners, err = clinicPractitioners(ctx, tx, facility); return err },
		func() (err error) { c.resources, err = clinicResources(ctx, tx, facility); return err },
		func() (err error) { c.visits, err = visitTypesOf(ctx, tx, true); return err },
		func() (err error) { c.schedules, err = clinicSchedules(ctx, tx, facility); return err },
		func() (err error) { c.holidays, err = clinicHolidays(ctx, tx, facility, today); return err },
		func() (err error) { c.exceptions, err = clinicExceptions(ctx, tx, facility, now); return err },
	} {
		if err := read(); err != nil {
			return setup{}, err
		}
	}
	return c, nil
}

// known are the names rows may refer to.
func (s *Service) known(ctx context.Context, c setup) sheet.Known {
	k := sheet.Known{Services: s.medicalServices(ctx, c.facility)}
	for _, p := range c.places {
		k.Places = append(k.Places, p.Code)
	}
	for _, p := range c.practitioners {
		k.Practitioners = append(k.Practitioners, p.Code)
	}
	for _, v := range c.visits {
		k.VisitTypes = append(k.VisitTypes, v.Code)
	}
	return k
}

// medicalServices are the municipality's services of this sector that a clinic may offer times for: its own, and those that are shared. A
// partner's clinic is in none of the shared ones, and nobody else is in its.
func (s *Service) medicalServices(ctx context.Context, facility kernel.AgencyID) (out []string) {
	t := kernel.TenantOf(ctx)
	agency, _ := s.Directory.Agency(t.ID, facility)
	for _, slug := range t.Services {
		d, ok := s.Library.Get(slug)
		if !ok || d.Sector != Sector {
			continue
		}
		if kernel.AgencyID(d.Agency) == facility || !d.Own && !agency.Partner {
			out = append(out, slug)
		}
	}
	return out
}

func (s *Service) importSheets(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, files []lines.File) (Imported, error) {
	c, err := s.setup(ctx, tx, facility)
	if err != nil {
		return Imported{}, err
	}
	book, problems := sheet.Read(files, s.known(ctx, c))
	if problems.Any() {
		return Imported{}, &Refusal{problems}
	}
	counts, err := s.bringBook(ctx, tx, facility, c, book)
	if err != nil {
		return Imported{}, err
	}
	made, err := s.remakeFacility(ctx, tx, facility)
	return Imported{Kind: importSheets, Counts: counts, Made: made}, err
}

// bringBook writes what the tables say. Rows find those of the same name.
func (s *Service) bringBook(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, c setup, b sheet.Book) (counts []Count, err error) {
	for _, part := range []func() error{
		func() error {
			return brought(ctx, tx, &counts, placeTable, sheet.Places, placeDocs(facility, b.Places))
		},
		func() error {
			return brought(ctx, tx, &counts, practitionerTable, sheet.Practitioners, practitionerDocs(facility, b.Practitioners))
		},
		func() error { return brought(ctx, tx, &counts, visitTable, sheet.VisitTypes, visitDocs(b.VisitTypes)) },
		func() (err error) { // the ids of what has just been written
			if c.places, err = clinicPlaces(ctx, tx, facility); err == nil {
				c.practitioners, err = clinicPractitioners(ctx, tx, facility)
			}
			return err
		},
		func() error {
			return brought(ctx, tx, &counts, resourceTable, sheet.Resources, resourceDocs(c, b.Resources))
		},
		func() error { return bringSchedules(ctx, tx, &counts, facility, c, b.Schedules) },
		func() error { return bringHolidays(ctx, tx, &counts, facility, c, b.Holidays) },
	} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	return counts, nil
}

func brought[T any](ctx context.Context, tx kernel.Tx, counts *[]Count, t clinicTable, kind string, docs []T) error {
	if len(docs) == 0 {
		return nil
	}
	made, altered, err := t.bring(ctx, tx, docs)
	*counts = append(*counts, Count{kind, made, altered, len(docs) - made - altered})
	return err
}

// bringSchedules adds the plans that are not there yet: a plan has no name, so one that says the same in every column is
// the same.
func bringSchedules(ctx context.Context, tx kernel.Tx, counts *[]Count, facility kernel.AgencyID, c setup, rows []sheet.Schedule) error {
	if len(rows) == 0 {
		return nil
	}
	n := Count{Kind: sheet.Schedules}
	there := map[string]bool{}
	for _, x := range c.schedules {
		there[x.says()] = true
	}
	var docs []scheduleDoc
	for _, r := range rows {
		d := planDoc(facility, c, r)
		if there[d.says()] {
			n.Same++
			continue
		}
		there[d.says()] = true
		docs = append(docs, d)
		n.New++
	}
	*counts = append(*counts, n)
	if len(docs) == 0 {
		return nil
	}
	return scheduleTable.put(ctx, tx, docs)
}

// says is what a plan is, in one text.
func (d scheduleDoc) says() string {
	part := func(s *string) string {
		if s == nil {
			return ""
		}
		return (*s)[:min(len(*s), 36)]
	}
	clock := func(s *string) string { return part(s)[:min(len(part(s)), 5)] }
	return strings.Join([]string{d.Origin, string(d.Place), part(d.Practitioner), strings.Join(d.VisitTypes, " "), d.Rule, clock(d.From), clock(d.Until),
		itoa(d.Minutes), itoa(d.Capacity), d.StartsOn, part(d.EndsOn)}, "|")
}

// bringHolidays adds days off, and gives those that are there the name they have now.
func bringHolidays(ctx context.Context, tx kernel.Tx, counts *[]Count, facility kernel.AgencyID, c setup, rows []sheet.Holiday) error {
	if len(rows) == 0 {
		return nil
	}
	n := Count{Kind: sheet.Holidays}
	own := map[string]holidayDoc{}
	for _, h := range c.holidays {
		if h.Facility != nil {
			own[h.Day] = h
		}
	}
	var docs []holidayDoc
	for _, r := range rows {
		name := string(facility)
		d := holidayDoc{ID: kernel.NewID(), Facility: &name, Day: r.Day.String(), Name: r.Name}
		old, there := own[d.Day]
		switch {
		case !there:
			docs = append(docs, d)
			n.New++
		case sameText(old.Name, d.Name):
			n.Same++
		default:
			if err := holidayTable.change(ctx, tx, old.ID, 0, d); err != nil {
				return err
			}
			n.Changed++
		}
	}
	*counts = append(*counts, n)
	if len(docs) == 0 {
		return nil
	}
	return holidayTable.put(ctx, tx, docs)
}

func sameText(a, b kernel.Text) bool {
	return !slices.ContainsFunc(kernel.Locales, func(l string) bool { return a[l] != b[l] })
}

// importFeed brings a feed of scheduling links: its locations become places, its schedules schedules of origin "feed",
// its free times slots. Times it does not name any more disappear when nobody has them, and become tasks when somebody
// has. A location is found by its id, which is the place's code.
func (s *Service) importFeed(ctx context.Context, tx kernel.Tx, facility kernel.AgencyID, files []lines.File) (Imported, error) {
	f, problems := feed.Read(files)
	if problems.Any() {
		return Imported{}, &Refusal{problems}
	}
	c, err := s.setup(ctx, tx, facility)
	if err != nil {
		return Imported{}, err
	}
	b := feedBook{feed: f, facility: facility, tenant: kernel.TenantOf(ctx), setup: c}
	b.check(s.medicalServices(ctx, facility))
	if b.problems.Any() {
		b.problems.Sort(files)
		return Imported{}, &Refusal{b.problems}
	}
	out := Imported{Kind: importFeed}
	if err := brought(ctx, tx, &out.Counts, placeTable, sheet.Places, b.places()); err != nil {
		return Imported{}, err
	}
	if b.setup.places, err = clinicPlaces(ctx, tx, facility); err != nil {
		return Imported{}, err
	}
	now := s.Clock.Now().UTC()
	if err := brought(ctx, tx, &out.Counts, scheduleTable, sheet.Schedules, b.schedules(now)); err != nil {
		return Imported{}, err
	}
	all, err := clinicSchedules(ctx, tx, facility)
	if err != nil {
		return Imported{}, err
	}
	all = slices.DeleteFunc(all, func(c scheduleDoc) bool { return c.Origin != OriginFeed })
	slices.SortFunc(all, func(a, b scheduleDoc) int { return cmp.Compare(a.ID, b.ID) })
	var ids []string
	for _, c := range all {
		ids = append(ids, string(c.ID))
	}
	if err := lockGroup(ctx, tx, group{facility: facility, schedules: ids}); err != nil {
		return Imported{}, err
	}
	existing, err := slotsAhead(ctx, tx, ids, now)
	if err != nil {
		return Imported{}, err
	}
	out.Made, err = s.fit(ctx, tx, facility, b.wishes(all, now), existing, now)
	return out, err
}

// byLine turns a refusal into the error a program reads: one field per problem, "places.csv:3:zone".
func byLine(err error) error {
	var r *Refusal
	if !errors.As(err, &r) {
		return err
	}
	e := *errRefused
	for _, p := range r.Problems.List {
		path := p.File + ":" + itoa(p.Line)
		if p.Field != "" {
			path += ":" + p.Field
		}
		e.Fields = append(e.Fields, kernel.FieldError{Path: path, Slug: "medical.setup.line." + p.Slug, Message: p.Message})
	}
	return &e
}
