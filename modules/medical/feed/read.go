package feed

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"townhall/modules/kernel/lines"
)

// Feed is what the files of a feed say, in their order.
type Feed struct {
	Locations []Location
	Schedules []Schedule
	Slots     []Slot
	Where     map[string]Spot // "Schedule/456" → where it stands, for what a reader finds wrong with it later
}

// Spot is a line of a file.
type Spot struct {
	File string
	Line int
}

// Bounds of what Read takes.
const (
	MaxFiles = 60
	MaxLine  = 64 << 10 // bytes
	MaxLines = 500_000  // of all files
)

// Read reads the files of a feed. A file whose name ends in $bulk-publish or .json is the manifest: then every file
// it names has to be there, with lines of the type it says, and no other; without one, the files are taken as they
// are. Every problem is told with file, line and member, and where there is one nothing is returned.
func Read(files []lines.File) (Feed, lines.Problems) {
	r := reader{ids: map[string]Spot{}, starts: map[string]time.Time{}}
	if len(files) > MaxFiles {
		r.problems.Add("", 0, "", "files", "too many files")
		return Feed{}, r.problems
	}
	types := r.manifests(files)
	for _, f := range files {
		if !isManifest(f.Name) {
			r.file(f, types[f.Name])
		}
	}
	r.references()
	if len(r.feed.Locations) == 0 && !r.problems.Any() {
		r.problems.Add("", 0, "", "nothing", "there is no location in these files")
	}
	r.problems.Sort(files)
	if r.problems.Any() {
		return Feed{}, r.problems
	}
	r.feed.Where = r.ids
	return r.feed, r.problems
}

// reader keeps what one feed's lines have in common.
type reader struct {
	problems lines.Problems
	feed     Feed
	starts   map[string]time.Time // end of the slot of a schedule at a start
	ids      map[string]Spot      // "Location/123" → where it stands
	pointers []pointer
	lines    int
}

// pointer is a reference that can be followed once everything is read.
type pointer struct {
	Spot
	field, to string
}

func isManifest(name string) bool {
	return strings.HasSuffix(name, "$bulk-publish") || strings.HasSuffix(name, ".json")
}

// manifests reads the manifest, if there is one, and returns the type of each file it names.
func (r *reader) manifests(files []lines.File) map[string]string {
	var types map[string]string
	for _, f := range files {
		if !isManifest(f.Name) {
			continue
		}
		if types != nil {
			r.problems.Add(f.Name, 0, "", "second-manifest", "is a second manifest")
			continue
		}
		types = r.manifest(f)
	}
	if types == nil {
		return nil
	}
	for _, f := range files {
		if _, named := types[f.Name]; !named && !isManifest(f.Name) {
			r.problems.Add(f.Name, 0, "", "unnamed", "is not named by the manifest")
		}
	}
	for name := range types {
		if !slices.ContainsFunc(files, func(f lines.File) bool { return f.Name == name }) {
			r.problems.Add(name, 0, "", "absent", "is named by the manifest and is not among the files")
		}
	}
	return types
}

func (r *reader) manifest(f lines.File) map[string]string {
	types := map[string]string{}
	at := &place{&r.problems, f.Name, 1}
	o, ok := at.parse(f.Data)
	if !ok {
		return types
	}
	at.line = 0 // a manifest is one object over many lines
	o.instant("transactionTime")
	if request := o.text("request", true, 2000); request != "" && !strings.HasSuffix(request, "$bulk-publish") {
		at.add("request", "request", "must end in $bulk-publish")
	}
	for _, out := range o.objects("output", true) {
		kind, address := out.text("type", true, 20), out.link("url", true)
		if kind != "" && !slices.Contains([]string{TypeLocation, TypeSchedule, TypeSlot}, kind) {
			at.add(out.child("type"), "type", "must be Location, Schedule or Slot")
		}
		if address != "" {
			types[path.Base(address)] = kind
		}
	}
	return types
}

var bom = []byte("\xef\xbb\xbf")

// file reads one file line by line. want is the type the manifest says, or empty.
func (r *reader) file(f lines.File, want string) {
	data := bytes.TrimPrefix(f.Data, bom)
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		if r.lines++; r.lines > MaxLines {
			r.problems.Add(f.Name, n, "", "lines", "is beyond the lines that are read")
			return
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		at := &place{&r.problems, f.Name, n}
		if o, ok := at.parse(line); ok {
			r.resource(o, want)
		}
	}
}

// parse reads one object, and tells what cannot be read.
func (p *place) parse(data []byte) (object, bool) {
	switch {
	case len(data) > MaxLine:
		p.add("", "line-long", "is longer than 64 KiB")
		return object{}, false
	case bytes.IndexByte(data, 0) >= 0:
		p.add("", "nul", "holds a NUL")
		return object{}, false
	case !utf8.Valid(data):
		p.add("", "utf8", "is not UTF-8")
		return object{}, false
	}
	v, err := decode(data)
	switch {
	case err == errTwice:
		p.add("", "twice", "has a member twice")
		return object{}, false
	case err != nil:
		p.add("", "json", "is not JSON")
		return object{}, false
	}
	m, ok := v.(map[string]any)
	if !ok {
		p.add("", "object", "must be an object")
	}
	return object{at: p, fields: m}, ok
}

func (r *reader) resource(o object, want string) {
	kind := o.text("resourceType", true, 40)
	if kind == "" {
		return
	}
	if want != "" && kind != want {
		o.at.add("resourceType", "other-type", "is not of the type the manifest names")
		return
	}
	switch kind {
	case TypeLocation:
		r.feed.Locations = append(r.feed.Locations, r.location(o))
	case TypeSchedule:
		r.feed.Schedules = append(r.feed.Schedules, r.schedule(o))
	case TypeSlot:
		r.feed.Slots = append(r.feed.Slots, r.slot(o))
	default:
		o.at.add("resourceType", "type", "must be Location, Schedule or Slot")
	}
}

// validID is the id of the specification and of FHIR (R4 §2.24.0.1) together.
var validID = regexp.MustCompile(`^[A-Za-z0-9\-._]{1,64}$`)

// id reads a resource's id; it may stand once in the whole feed.
func (r *reader) id(o object, kind string) string {
	id := o.text("id", true, 64)
	switch {
	case id == "":
	case !validID.MatchString(id):
		o.at.add("id", "id", "may have letters, digits, dots, hyphens and underscores only")
	default:
		if _, twice := r.ids[kind+"/"+id]; twice {
			o.at.add("id", "id-twice", "stands in an earlier line too")
			return id
		}
		r.ids[kind+"/"+id] = Spot{o.at.file, o.at.line}
	}
	return id
}

func (r *reader) point(o object, kind string) string {
	to := o.text("reference", true, 100)
	if to == "" {
		return ""
	}
	if !strings.HasPrefix(to, kind+"/") {
		o.at.add(o.child("reference"), "reference-kind", "points at the wrong kind of thing")
		return to
	}
	r.pointers = append(r.pointers, pointer{Spot{o.at.file, o.at.line}, o.child("reference"), to})
	return to
}

// references follows every reference once all lines are read: files come in any order.
func (r *reader) references() {
	for _, p := range r.pointers {
		if _, ok := r.ids[p.to]; !ok {
			r.problems.Add(p.File, p.Line, p.field, "reference", "points at nothing in these files")
		}
	}
}

func (r *reader) location(o object) Location {
	l := Location{ResourceType: TypeLocation, ID: r.id(o, TypeLocation), Name: o.text("name", true, 200), Description: o.text("description", false, 2000)}
	for _, t := range o.objects("telecom", true) {
		l.Telecom = append(l.Telecom, Telecom{t.text("system", true, 20), t.text("value", true, 200)})
	}
	if a, ok := o.object("address", true); ok {
		l.Address = Address{City: a.text("city", true, 200), District: a.text("district", false, 200), State: a.text("state", true, 100),
			PostalCode: a.text("postalCode", true, 20), Country: a.text("country", false, 100)}
		for i, v := range a.list("line", true) {
			l.Address.Line = append(l.Address.Line, a.textOf(fmt.Sprintf("%s[%d]", a.child("line"), i), v, 200))
		}
	}
	if p, ok := o.object("position", false); ok {
		lat, fine := p.number("latitude", -90, 90)
		lon, fine2 := p.number("longitude", -180, 180)
		if fine && fine2 {
			l.Position = &Position{lat, lon}
		}
	}
	for _, i := range o.objects("identifier", false) {
		l.Identifier = append(l.Identifier, Identifier{i.text("system", true, 200), i.text("value", true, 100)})
	}
	return l
}

func (r *reader) schedule(o object) Schedule {
	s := Schedule{ResourceType: TypeSchedule, ID: r.id(o, TypeSchedule)}
	for _, t := range o.objects("serviceType", true) {
		st := ServiceType{Text: t.text("text", false, 200)}
		for _, c := range t.objects("coding", true) {
			st.Coding = append(st.Coding, Coding{c.text("system", true, 200), c.text("code", true, 100), c.text("display", false, 200)})
		}
		s.ServiceType = append(s.ServiceType, st)
	}
	actors := o.objects("actor", true)
	if len(actors) > 1 {
		o.at.add("actor", "one-actor", "must name one location")
	}
	for _, a := range actors {
		s.Actor = append(s.Actor, Reference{r.point(a, TypeLocation)})
	}
	return s
}

func (r *reader) slot(o object) Slot {
	s := Slot{ResourceType: TypeSlot, ID: r.id(o, TypeSlot), Status: o.text("status", true, 20)}
	if ref, ok := o.object("schedule", true); ok {
		s.Schedule = Reference{r.point(ref, TypeSchedule)}
	}
	if s.Status != "" && s.Status != Free && s.Status != Busy {
		o.at.add("status", "status", "must be free or busy")
	}
	var started, ended bool
	s.Start, started = o.instant("start")
	s.End, ended = o.instant("end")
	if started && ended {
		switch length := s.End.Sub(s.Start); {
		case length <= 0:
			o.at.add("end", "end", "is not after the start")
		case length > 24*time.Hour:
			o.at.add("end", "end-far", "is more than a day after the start")
		default:
			r.once(o, s)
		}
	}
	s.Extension = extensions(o)
	return s
}

// once checks that slots of a schedule which begin together end together: else nobody could tell which is meant.
func (r *reader) once(o object, s Slot) {
	key := s.Schedule.Reference + " " + s.Start.UTC().Format(time.RFC3339Nano)
	if end, there := r.starts[key]; there && !end.Equal(s.End) {
		o.at.add("end", "end-other", "is not that of an earlier slot with the same start")
	}
	r.starts[key] = s.End
}

// extensions reads those the specification names, by either of the addresses they have been published under.
func extensions(o object) []Extension {
	var out []Extension
	for _, e := range o.objects("extension", false) {
		switch address := e.text("url", true, 300); path.Base(address) {
		case path.Base(ExtensionDeepLink):
			out = append(out, Extension{URL: ExtensionDeepLink, ValueURL: e.link("valueUrl", true)})
		case path.Base(ExtensionCapacity):
			out = append(out, Extension{URL: ExtensionCapacity, ValueInteger: e.whole("valueInteger", 1, 10_000)})
		}
	}
	return out
}

// layouts of a moment: FHIR's instant (R4 §2.24.0.1), and the short offset the specification's own example has.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z07"}

// instant reads a moment; without a distance from UTC it is none, because nobody can tell when it is.
func (o object) instant(name string) (time.Time, bool) {
	s := o.text(name, true, 40)
	if s == "" {
		return time.Time{}, false
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	if _, err := time.Parse("2006-01-02T15:04:05.999999999", s); err == nil {
		o.at.add(o.child(name), "offset", "has no offset from UTC")
	} else {
		o.at.add(o.child(name), "instant", "is not a date and time, such as 2026-11-23T09:00:00+01:00")
	}
	return time.Time{}, false
}

// link reads an address on the web.
func (o object) link(name string, required bool) string {
	s := o.text(name, required, 2000)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		o.at.add(o.child(name), "link", "is not an address that begins with https://")
		return ""
	}
	return s
}
