package medical

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"townhall/modules/kernel"
	"townhall/modules/kernel/pg"
	"townhall/modules/medical/fhir"
)

// The read-only view of the calendars in FHIR R4. Everything is public but appointments: those are for programs with the
// scope of the facility, and each one that is shown is recorded in its patient's access log.

// scopeAgency begins the scopes that let a program read a facility's appointments: "agency:riverside-clinic".
const scopeAgency = "agency:"

// fhirBase is where the resources live, below the municipality's origin.
const fhirBase = "/medical/v1/fhir/R4"

func fhirView(ctx context.Context) fhir.View {
	origin := kernel.TenantOf(ctx).Origin
	return fhir.View{Origin: origin, Base: origin + fhirBase, Language: kernel.LocaleOf(ctx)}
}

// register is everything small that resources are made of.
type register struct {
	places        []Place
	practitioners []Practitioner
	schedules     []publicSchedule
	visits        map[string]VisitType
}

func readRegister(ctx context.Context, tx kernel.Tx) (r register, err error) {
	if r.places, err = publicPlaces(ctx, tx); err != nil {
		return r, err
	}
	if r.practitioners, err = publicPractitioners(ctx, tx); err != nil {
		return r, err
	}
	if r.schedules, err = publicSchedules(ctx, tx); err != nil {
		return r, err
	}
	r.visits, err = visitTypes(ctx, tx)
	return r, err
}

func (r register) place(id string) (Place, bool) {
	i, ok := slices.BinarySearchFunc(r.places, id, func(p Place, id string) int { return strings.Compare(string(p.ID), id) })
	if !ok {
		return Place{}, false
	}
	return r.places[i], true
}

func (r register) practitioner(id string) (Practitioner, bool) {
	i, ok := slices.BinarySearchFunc(r.practitioners, id, func(p Practitioner, id string) int { return strings.Compare(string(p.ID), id) })
	if !ok {
		return Practitioner{}, false
	}
	return r.practitioners[i], true
}

func (r register) schedule(id string) (publicSchedule, bool) {
	i, ok := slices.BinarySearchFunc(r.schedules, id, func(s publicSchedule, id string) int { return strings.Compare(s.ID, id) })
	if !ok {
		return publicSchedule{}, false
	}
	return r.schedules[i], true
}

// kinds are the visit types of a schedule that the municipality still offers.
func (r register) kinds(s publicSchedule) []fhir.Kind {
	var out []fhir.Kind
	for _, code := range s.VisitTypes {
		if v, ok := r.visits[code]; ok && v.Active {
			out = append(out, v.kind())
		}
	}
	return out
}

func (v VisitType) kind() fhir.Kind {
	k := fhir.Kind{Code: v.Code, Service: v.Service, Name: v.Name}
	if v.Coding != nil {
		k.Coding = &fhir.Coding{System: v.Coding.System, Code: v.Coding.Code, Display: v.Coding.Display}
	}
	return k
}

// resource is one FHIR resource and what an HTTP answer says of it.
type resource struct {
	fhir.Result
	version  string
	modified time.Time // zero: not known
	mark     string    // where a search goes on after it
}

// fhirSearch answers one search. Errors: a fhir.Refusal when it cannot be read.
func (s *Service) fhirSearch(ctx context.Context, kind string, q url.Values, strict bool) (fhir.Bundle, error) {
	v := fhirView(ctx)
	search, err := v.ParseSearch(kind, q, kernel.TenantOf(ctx).Location(), strict)
	if err != nil {
		return fhir.Bundle{}, err
	}
	if search.Count == 0 { // R4, search.html#count: the number alone
		total, err := s.fhirCount(ctx, v, search)
		return v.Searchset(search, nil, &total, ""), err
	}
	found, more, err := s.fhirFind(ctx, v, search)
	if err != nil {
		return fhir.Bundle{}, err
	}
	next := ""
	if more {
		next = base64.RawURLEncoding.EncodeToString([]byte(found[len(found)-1].mark))
	}
	results := make([]fhir.Result, len(found))
	for i, f := range found {
		results[i] = f.Result
	}
	return v.Searchset(search, results, nil, next), nil
}

// fhirRead returns one resource, or NotThere.
func (s *Service) fhirRead(ctx context.Context, kind, id string) (resource, error) {
	if !kernel.ValidID(id) {
		return resource{}, kernel.NotThere(kind)
	}
	v := fhirView(ctx)
	search := fhir.Search{Type: kind, IDs: []string{id}, Count: 1}
	var found []resource
	var err error
	if kind == "Appointment" {
		found, _, err = s.appointmentsSeen(ctx, v, search, "case.read")
	} else {
		found, _, err = s.fhirFind(ctx, v, search)
	}
	if err != nil {
		return resource{}, err
	}
	if len(found) != 1 {
		return resource{}, kernel.NotThere(kind)
	}
	return found[0], nil
}

// fhirFind returns at most search.Count resources, and whether there are more.
func (s *Service) fhirFind(ctx context.Context, v fhir.View, search fhir.Search) (out []resource, more bool, err error) {
	if search.Type == "Appointment" {
		return s.appointmentsSeen(ctx, v, search, "case.list")
	}
	after, err := markOf(search)
	if err != nil {
		return nil, false, err
	}
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		r, err := readRegister(ctx, tx)
		if err != nil {
			return err
		}
		if search.Type == "Slot" {
			out, more, err = s.slots(ctx, tx, v, search, r, after)
			return err
		}
		out = s.few(ctx, v, search, r)
		out = slices.DeleteFunc(out, func(f resource) bool { return f.mark <= after })
		out, more = upTo(out, search.Count)
		return nil
	})
	return out, more, err
}

func upTo[T any](list []T, n int) ([]T, bool) {
	if len(list) > n {
		return list[:n], true
	}
	return list, false
}

// fhirCount counts what a search finds. Nobody's appointment is shown by it.
func (s *Service) fhirCount(ctx context.Context, v fhir.View, search fhir.Search) (n int, err error) {
	err = s.DB.Read(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		if search.Type == "Appointment" {
			n, err = countVisits(ctx, tx, visitsWanted(ctx, search, ""))
			return err
		}
		r, err := readRegister(ctx, tx)
		if err != nil {
			return err
		}
		if search.Type != "Slot" {
			n = len(s.few(ctx, v, search, r))
			return nil
		}
		for _, f := range r.slotFilters(search) {
			some, err := countSlots(ctx, tx, f)
			if err != nil {
				return err
			}
			n += some
		}
		return nil
	})
	return n, err
}

// markOf reads where the page before ended; it was written by us and is judged like any other text from outside.
func markOf(search fhir.Search) (string, error) {
	if search.After == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(search.After)
	if err != nil || len(b) > 200 {
		return "", errPage
	}
	mark := string(b)
	if search.Type == "Slot" {
		if _, _, err := readSlotMark(mark); err != nil {
			return "", err
		}
	} else if !kernel.ValidID(mark) {
		return "", errPage
	}
	return mark, nil
}

var errPage = fhir.Refuse("_page", "follow the links of a bundle")

// few lists what there are few of: places, practitioners and schedules that the search finds, by id.
func (s *Service) few(ctx context.Context, v fhir.View, search fhir.Search, r register) []resource {
	var out []resource
	add := func(id string, version int, body any, matches bool) {
		if matches && (search.IDs == nil || slices.Contains(search.IDs, id)) {
			out = append(out, resource{Result: fhir.Result{ID: id, Resource: body}, version: strconv.Itoa(version), mark: id})
		}
	}
	switch search.Type {
	case "Location":
		for _, p := range r.places {
			add(string(p.ID), p.Version, v.Location(s.placeOf(ctx, p)), placeMatches(search, p))
		}
	case "Practitioner":
		for _, p := range r.practitioners {
			add(string(p.ID), p.Version, v.Practitioner(p.doctor()), practitionerMatches(search, p))
		}
	case "Schedule":
		for _, c := range r.schedules {
			add(c.ID, c.Version, v.Schedule(r.agenda(c)), r.scheduleMatches(search, c))
		}
	}
	return out
}

func (s *Service) placeOf(ctx context.Context, p Place) fhir.Place {
	tenant := kernel.TenantOf(ctx)
	out := fhir.Place{Stamp: stamp(p.Version), ID: string(p.ID), Facility: string(p.Facility), Name: p.Name, Description: p.Directions, Phone: p.Phone, Lines: []string{p.Street},
		City: p.Locality, Region: tenant.Name.In("en"), PostalCode: p.PostalCode, Country: p.Country, Lat: p.Latitude, Lon: p.Longitude, Active: p.Active}
	if a, ok := s.Directory.Agency(tenant.ID, p.Facility); ok {
		out.FacilityIn = a.Name
	}
	for _, o := range p.Opening {
		out.Hours = append(out.Hours, fhir.Hours{Days: o.Days, From: o.From, Until: o.Until})
	}
	return out
}

func stamp(version int) fhir.Stamp { return fhir.Stamp{Version: strconv.Itoa(version)} }

func (p Practitioner) doctor() fhir.Doctor {
	return fhir.Doctor{Stamp: stamp(p.Version), ID: string(p.ID), Name: p.Name, Specialty: p.Specialty, Languages: p.Languages, Active: p.Active}
}

func (r register) agenda(c publicSchedule) fhir.Agenda {
	a := fhir.Agenda{Stamp: stamp(c.Version), ID: c.ID, Place: c.Place, Practitioner: c.Practitioner.String, Kinds: r.kinds(c), From: c.StartsOn.Format(time.DateOnly), Active: c.Active}
	if p, ok := r.place(c.Place); ok {
		a.PlaceIn = p.Name
	}
	if p, ok := r.practitioner(c.Practitioner.String); ok {
		a.DoctorName = p.Name
	}
	if c.EndsOn.Valid {
		a.Until = c.EndsOn.Time.Format(time.DateOnly)
	}
	return a
}

// has reports whether a search's list lets one of these codes through; a list that is not there lets everything.
func has(lists map[string][]string, name string, codes ...string) bool {
	list, narrowed := lists[name]
	return !narrowed || slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(list, c) })
}

func begins(search fhir.Search, name string, texts ...string) bool {
	wanted, narrowed := search.Strings[name]
	return !narrowed || slices.ContainsFunc(wanted, func(w string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.HasPrefix(folded(t), folded(w)) })
	})
}

// folded is a text as FHIR compares strings: without case and accents (R4, search.html#string).
func folded(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(text)))
}

func placeMatches(search fhir.Search, p Place) bool {
	status := "inactive"
	if p.Active {
		status = "active"
	}
	names := []string{}
	for _, name := range p.Name {
		names = append(names, name)
	}
	return has(search.Tokens, "status", status) && begins(search, "name", names...) && begins(search, "address-city", p.Locality)
}

func practitionerMatches(search fhir.Search, p Practitioner) bool {
	return has(search.Tokens, "active", strconv.FormatBool(p.Active)) && has(search.Tokens, "communication", p.Languages...) &&
		begins(search, "name", append(strings.Fields(p.Name), p.Name)...)
}

func (r register) scheduleMatches(search fhir.Search, c publicSchedule) bool {
	codes := []string{}
	for _, k := range r.kinds(c) {
		codes = append(codes, k.Code)
	}
	return has(search.Tokens, "active", strconv.FormatBool(c.Active)) && has(search.Tokens, "service-type", codes...) &&
		has(search.References, "actor", "Location/"+c.Place, "Practitioner/"+c.Practitioner.String, c.Place, c.Practitioner.String)
}

// Slots come facility by facility, each in the order of their beginning: that is the order of an index.

// slotFilters is one filter per facility that has schedules the search lets through.
func (r register) slotFilters(search fhir.Search) []slotFilter {
	byFacility := map[string][]string{}
	for _, c := range r.schedules {
		codes := []string{}
		for _, k := range r.kinds(c) {
			codes = append(codes, k.Code)
		}
		if has(search.References, "schedule", "Schedule/"+c.ID) && has(search.Tokens, "service-type", codes...) {
			byFacility[c.Facility] = append(byFacility[c.Facility], c.ID)
		}
	}
	var out []slotFilter
	for facility, schedules := range byFacility {
		f := slotFilter{facility: kernel.AgencyID(facility), schedules: schedules, ids: validIDs(search.IDs), from: search.From, until: search.Until}
		if wanted, narrowed := search.Tokens["status"]; narrowed {
			f.statuses = wanted
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b slotFilter) int { return strings.Compare(string(a.facility), string(b.facility)) })
	return out
}

// validIDs leaves out what cannot be an id here; nil stays nil.
func validIDs(list []string) []string {
	if list == nil {
		return nil
	}
	out := []string{}
	for _, id := range list {
		if kernel.ValidID(id) {
			out = append(out, id)
		}
	}
	return out
}

func (s *Service) slots(ctx context.Context, tx kernel.Tx, v fhir.View, search fhir.Search, r register, after string) ([]resource, bool, error) {
	var out []resource
	facility, mark, err := readSlotMark(after)
	if err != nil {
		return nil, false, err
	}
	for _, f := range r.slotFilters(search) {
		if f.facility < facility {
			continue
		}
		if f.facility == facility {
			f.after = mark
		}
		f.limit = search.Count + 1 - len(out)
		rows, err := publicSlots(ctx, tx, f)
		if err != nil {
			return nil, false, err
		}
		for _, row := range rows {
			out = append(out, r.slot(v, f.facility, row))
		}
		if len(out) > search.Count {
			break
		}
	}
	out, more := upTo(out, search.Count)
	return out, more, nil
}

func (r register) slot(v fhir.View, facility kernel.AgencyID, row publicSlot) resource {
	c, _ := r.schedule(row.Schedule)
	place, _ := r.place(c.Place)
	kinds := r.kinds(c)
	h := fnv.New64a()
	fmt.Fprint(h, row.Status, row.Left, row.StartsAt.UnixMicro(), row.EndsAt.UnixMicro())
	out := resource{version: strconv.FormatUint(h.Sum64(), 36), mark: fmt.Sprintf("%s~%d~%s", facility, row.StartsAt.UnixMicro(), row.ID)}
	out.Result = fhir.Result{ID: row.ID, Resource: v.Slot(fhir.Opening{
		Stamp: fhir.Stamp{Version: out.version}, ID: row.ID, Agenda: row.Schedule, Kinds: kinds, Start: row.StartsAt, End: row.EndsAt, Zone: place.Location(),
		Status: row.Status, Left: row.Left, Link: bookingLink(v.Origin, kinds, row.ID),
	})}
	return out
}

// bookingLink is the page on which a person books the slot; empty when nothing can be booked in it.
func bookingLink(origin string, kinds []fhir.Kind, slot string) string {
	if len(kinds) == 0 {
		return ""
	}
	return origin + "/apps/" + kinds[0].Service + "/hold?" + url.Values{"visit": {kinds[0].Code}, "slot": {slot}}.Encode()
}

func readSlotMark(text string) (kernel.AgencyID, slotMark, error) {
	if text == "" {
		return "", slotMark{}, nil
	}
	parts := strings.Split(text, "~")
	if len(parts) != 3 || !kernel.ValidID(parts[2]) {
		return "", slotMark{}, errPage
	}
	micros, err := strconv.ParseInt(parts[1], 10, 64)
	at := time.UnixMicro(micros).UTC()
	if err != nil || at.Before(beginningOfTime) || at.After(endOfTime) {
		return "", slotMark{}, errPage
	}
	return kernel.AgencyID(parts[0]), slotMark{at, parts[2]}, nil
}

// facilitiesOf lists the facilities whose appointments the program may read.
func facilitiesOf(p kernel.Principal) []string {
	out := []string{}
	if p.Kind != kernel.Integrator {
		return out
	}
	for _, scope := range p.Scopes {
		if facility, ok := strings.CutPrefix(scope, scopeAgency); ok {
			out = append(out, facility)
		}
	}
	return out
}

// statesOf lists the states of cases that have one of these statuses in FHIR; nil: every state that is an appointment.
func statesOf(statuses []string) []string {
	out := []string{}
	for _, state := range []string{StateWaiting, StateOffered, StateBooked, StateArrived, StateAttended, StateClosed, StateCancelled, StateMissed} {
		if statuses == nil || slices.Contains(statuses, fhir.AppointmentStatus(state)) {
			out = append(out, state)
		}
	}
	return out
}

func visitsWanted(ctx context.Context, search fhir.Search, after string) visitFilter {
	return visitFilter{
		facilities: facilitiesOf(kernel.PrincipalOf(ctx)), ids: validIDs(search.IDs), states: statesOf(search.Tokens["status"]),
		practitioners: targets(search, "practitioner"), places: targets(search, "location"), slots: targets(search, "slot"),
		visitTypes: search.Tokens["service-type"], numbers: search.Tokens["identifier"], from: search.From, until: search.Until, after: after, limit: search.Count + 1,
	}
}

// targets are the ids a reference parameter names; nil when it was not given.
func targets(search fhir.Search, name string) []string {
	list, narrowed := search.References[name]
	if !narrowed {
		return nil
	}
	out := []string{}
	for _, ref := range list {
		_, id, _ := strings.Cut(ref, "/")
		out = append(out, id)
	}
	return validIDs(out)
}

// appointmentsSeen returns appointments of the program's facilities and records, in the same transaction, that each of
// them was seen.
func (s *Service) appointmentsSeen(ctx context.Context, v fhir.View, search fhir.Search, action string) (out []resource, more bool, err error) {
	after, err := markOf(search)
	if err != nil {
		return nil, false, err
	}
	err = s.DB.InTx(ctx, kernel.TenantOf(ctx).ID, func(tx *pg.Tx) error {
		out = nil
		r, err := readRegister(ctx, tx)
		if err != nil {
			return err
		}
		rows, err := publicVisits(ctx, tx, visitsWanted(ctx, search, after))
		if err != nil {
			return err
		}
		rows, more = upTo(rows, search.Count)
		for _, row := range rows {
			seen := kernel.AuditEntry{Action: action, Case: kernel.CaseID(row.Case), Subject: kernel.PersonID(row.Applicant)}
			if err := s.Audit.Record(ctx, tx, seen); err != nil {
				return err
			}
			out = append(out, r.appointment(v, row))
		}
		return nil
	})
	return out, more, err
}

func (r register) appointment(v fhir.View, row publicVisit) resource {
	kind := r.visits[row.VisitType]
	place, _ := r.place(row.Place.String)
	doctor, _ := r.practitioner(row.Practitioner.String)
	out := resource{version: strconv.FormatInt(row.UpdatedAt.UnixMicro(), 36), modified: row.UpdatedAt, mark: row.Case}
	visit := fhir.Visit{
		Stamp: fhir.Stamp{Version: out.version, UpdatedAt: row.UpdatedAt}, ID: row.Case, Number: row.Number, Status: fhir.AppointmentStatus(row.State), By: endedBy(row),
		Kind: kind.kind(), Slot: row.Slot.String, Start: moment(row.StartsAt), End: moment(row.EndsAt), Zone: place.Location(), CreatedAt: row.CreatedAt,
		Place: row.Place.String, PlaceIn: place.Name, Practitioner: row.Practitioner.String, DoctorName: doctor.Name, Bring: kind.Bring.In(v.Language),
	}
	out.Result = fhir.Result{ID: row.Case, Resource: v.Appointment(visit)}
	return out
}

// isRefusal reports whether a search could not be read, and the issue to answer with.
func isRefusal(err error) (fhir.Issue, bool) {
	var r *fhir.Refusal
	if errors.As(err, &r) {
		return r.Issue, true
	}
	return fhir.Issue{}, false
}

// endedBy is whose decision a cancellation was.
func endedBy(row publicVisit) fhir.By {
	switch {
	case row.State != StateCancelled:
		return fhir.ByNobody
	case row.CancelReason == "":
		return fhir.ByClinic
	}
	return fhir.ByPatient
}
