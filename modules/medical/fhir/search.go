package fhir

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of one search.
const (
	DefaultCount = 50
	MaxCount     = 200
	maxValues    = 50 // in one parameter
	maxLength    = 200
)

// paramType is how the values of a search parameter are read (R4, search.html#ptypes).
type paramType string

const (
	tokenParam     paramType = "token"
	referenceParam paramType = "reference"
	dateParam      paramType = "date"
	stringParam    paramType = "string"
)

// param is one search parameter this server supports.
type param struct {
	name    string
	kind    paramType
	system  func(View) string // token: the system its codes are of; nil: codes without a system
	targets []string          // reference: what it may point to
	about   string            // for the capability statement
}

func fixed(system string) func(View) string { return func(View) string { return system } }

func visitTypes(v View) string { return v.VisitTypes() }

// kinds lists the resources of this view and the parameters of each, in the order they are described.
func kinds() []kindOf {
	id := param{name: "_id", kind: tokenParam, about: "The logical id."}
	return []kindOf{
		{"Appointment", []param{id,
			{name: "date", kind: dateParam, about: "When the visit begins."},
			{name: "status", kind: tokenParam, system: fixed("http://hl7.org/fhir/appointmentstatus"), about: "Where the visit stands."},
			{name: "practitioner", kind: referenceParam, targets: []string{"Practitioner"}, about: "Whom the patient sees."},
			{name: "location", kind: referenceParam, targets: []string{"Location"}, about: "Where."},
			{name: "service-type", kind: tokenParam, system: visitTypes, about: "The municipality's kind of visit."},
			{name: "slot", kind: referenceParam, targets: []string{"Slot"}, about: "The slot that is taken."},
			{name: "identifier", kind: tokenParam, system: View.References, about: "The number people quote."},
		}},
		{"Location", []param{id,
			{name: "name", kind: stringParam, about: "The beginning of its name, in any language."},
			{name: "address-city", kind: stringParam, about: "The beginning of the town's name."},
			{name: "status", kind: tokenParam, system: fixed("http://hl7.org/fhir/location-status"), about: "Whether it works."},
		}},
		{"Practitioner", []param{id,
			{name: "name", kind: stringParam, about: "The beginning of a part of the name."},
			{name: "active", kind: tokenParam, about: "Whether the practitioner sees patients."},
			{name: "communication", kind: tokenParam, system: fixed(languageTags), about: "A language the practitioner speaks."},
		}},
		{"Schedule", []param{id,
			{name: "actor", kind: referenceParam, targets: []string{"Location", "Practitioner"}, about: "The place or the practitioner."},
			{name: "active", kind: tokenParam, about: "Whether it still makes slots."},
			{name: "service-type", kind: tokenParam, system: visitTypes, about: "The municipality's kind of visit."},
		}},
		{"Slot", []param{id,
			{name: "schedule", kind: referenceParam, targets: []string{"Schedule"}, about: "The schedule it belongs to."},
			{name: "status", kind: tokenParam, system: fixed("http://hl7.org/fhir/slotstatus"), about: "free, busy or busy-unavailable."},
			{name: "start", kind: dateParam, about: "When it begins."},
			{name: "service-type", kind: tokenParam, system: visitTypes, about: "The municipality's kind of visit."},
		}},
	}
}

type kindOf struct {
	name   string
	params []param
}

// Types are the resource types of this view.
func Types() []string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.name)
	}
	return out
}

func paramsOf(resource string) []param {
	for _, k := range kinds() {
		if k.name == resource {
			return k.params
		}
	}
	return nil
}

// Search is a search that was understood. Of every list, any entry may match; the lists must all match. A list that is
// there and empty matches nothing: what was asked for cannot be.
type Search struct {
	Type       string
	IDs        []string            // _id; nil: any
	Tokens     map[string][]string // status, service-type, active, communication, identifier: codes
	References map[string][]string // "Schedule/1"; without a type where it may be any of the targets
	Strings    map[string][]string // name, address-city: beginnings, as they were sent
	From       time.Time           // date or start: not before; zero: no bound
	Until      time.Time           // date or start: before; zero: no bound
	Count      int
	After      string  // what the link to the next page carries; the caller's own
	Ignored    []Issue // what was left out, when the caller was lenient
	used       url.Values
}

// Refusal is why a search is not answered; it becomes an OperationOutcome with status 400.
type Refusal struct{ Issue Issue }

func (r *Refusal) Error() string { return r.Issue.Diagnostics }

// refused names the parameter, never its value: that may be somebody's number.
func refused(code, name, why string) *Refusal {
	return &Refusal{Issue{Severity: "error", Code: code, Diagnostics: fmt.Sprintf("%s: %s", name, why)}}
}

// Strict reports what a Prefer header asks for (R4, search.html#errors): handling=strict refuses what is not
// understood, handling=lenient (and no word at all) leaves it out and says so.
func Strict(prefer []string) bool {
	for _, line := range prefer {
		for _, p := range strings.Split(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
			value, _, _ = strings.Cut(value, ";")
			if strings.EqualFold(strings.TrimSpace(name), "handling") {
				return strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "strict")
			}
		}
	}
	return false
}

// ParseSearch reads the parameters of a search for resource. zone is what a date without an offset means. The error is a
// Refusal: a value that cannot be read is refused always, an unknown parameter or modifier only when strict.
func (v View) ParseSearch(resource string, q url.Values, zone *time.Location, strict bool) (Search, error) {
	s := Search{Type: resource, Count: DefaultCount, used: url.Values{},
		Tokens: map[string][]string{}, References: map[string][]string{}, Strings: map[string][]string{}}
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		known, err := v.take(&s, name, q[name], zone)
		if err != nil {
			return Search{}, err
		}
		if known {
			continue
		}
		if strict {
			return Search{}, refused("not-supported", shorten(name), "this server does not know the parameter or its modifier for "+resource)
		}
		s.Ignored = append(s.Ignored, Issue{Severity: "warning", Code: "not-supported", Diagnostics: shorten(name) + ": not known here, left out"})
	}
	return s, nil
}

// shorten keeps a stranger's text from filling an answer.
func shorten(name string) string {
	if len(name) > 40 {
		name = name[:40]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return '?'
		}
		return r
	}, name)
}

func (v View) take(s *Search, name string, values []string, zone *time.Location) (bool, error) {
	switch name {
	case "_count":
		return true, s.takeCount(values)
	case "_page":
		s.After = values[0]
		return true, nil
	case "_format":
		return true, takeFormat(values)
	}
	params := paramsOf(s.Type)
	i := slices.IndexFunc(params, func(p param) bool { return p.name == name })
	if i < 0 {
		return false, nil
	}
	s.used[name] = values
	for _, value := range values { // a parameter given twice: both must match
		if value == "" {
			continue // R4, search.html: an empty parameter is no parameter
		}
		if err := v.takeValue(s, params[i], value, zone); err != nil {
			return true, err
		}
	}
	return true, nil
}

func (s *Search) takeCount(values []string) error {
	n, err := strconv.Atoi(values[0])
	if err != nil || n < 0 {
		return refused("value", "_count", "want a number")
	}
	s.Count = min(n, MaxCount)
	s.used.Set("_count", strconv.Itoa(s.Count))
	return nil
}

func takeFormat(values []string) error {
	if !slices.Contains([]string{"json", "application/json", "application/fhir+json", "application/fhir json"}, values[0]) {
		return refused("not-supported", "_format", "only JSON is served here")
	}
	return nil
}

func (v View) takeValue(s *Search, p param, value string, zone *time.Location) error {
	if len(value) > maxValues*maxLength {
		return refused("too-costly", p.name, "too long")
	}
	alternatives := splitValues(value)
	if len(alternatives) > maxValues {
		return refused("too-costly", p.name, "too many values")
	}
	switch p.kind {
	case dateParam:
		if len(alternatives) > 1 {
			return refused("not-supported", p.name, "one value at a time; give the parameter twice for a range")
		}
		return s.takeDate(p.name, value, zone)
	case tokenParam:
		codes, err := v.codes(p, alternatives)
		if err != nil {
			return err
		}
		if p.name == "_id" {
			s.IDs = both(s.IDs, codes)
			return nil
		}
		s.Tokens[p.name] = both(s.Tokens[p.name], codes)
	case referenceParam:
		s.References[p.name] = both(s.References[p.name], v.references(p, alternatives))
	case stringParam:
		s.Strings[p.name] = append(s.Strings[p.name], alternatives...)
		if len(s.Strings[p.name]) > len(alternatives) {
			return refused("not-supported", p.name, "give it once")
		}
	}
	return nil
}

// both keeps what is in both lists; a nil list does not narrow.
func both(a, b []string) []string {
	if a == nil {
		return b
	}
	out := []string{}
	for _, v := range a {
		if slices.Contains(b, v) {
			out = append(out, v)
		}
	}
	return out
}

// splitValues cuts at commas that are not escaped (R4, search.html#escaping).
func splitValues(value string) []string {
	out, current := []string{}, strings.Builder{}
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			current.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ',':
			out = append(out, current.String())
			current.Reset()
		default:
			current.WriteRune(r)
		}
	}
	return append(out, current.String())
}

// codes reads tokens: "code", "system|code" or "|code". A code of another system is one nothing here has.
func (v View) codes(p param, values []string) ([]string, error) {
	out := []string{}
	for _, value := range values {
		system, code, qualified := strings.Cut(value, "|")
		if !qualified {
			code = system
		}
		if code == "" {
			return nil, refused("not-supported", p.name, "name a code")
		}
		if qualified && (p.system == nil && system != "" || p.system != nil && system != p.system(v)) {
			continue
		}
		out = append(out, code)
	}
	return out, nil
}

// references reads "Schedule/1", "1" and the resource's whole address here. What points elsewhere matches nothing.
func (v View) references(p param, values []string) []string {
	out := []string{}
	for _, value := range values {
		value = strings.TrimPrefix(value, v.Base+"/")
		kind, id, typed := strings.Cut(value, "/")
		switch {
		case !typed && len(p.targets) == 1:
			out = append(out, p.targets[0]+"/"+kind)
		case !typed:
			out = append(out, kind)
		case slices.Contains(p.targets, kind) && !strings.Contains(id, "/"):
			out = append(out, kind+"/"+id)
		}
	}
	return out
}

// takeDate narrows the bounds by one value with its prefix (R4, search.html#prefix). The times here are points, so that a
// value is the stretch its precision spans: 2026-11-24 is that day in zone.
func (s *Search) takeDate(name, value string, zone *time.Location) error {
	prefix := "eq"
	if len(value) > 2 && value[0] >= 'a' && value[0] <= 'z' {
		prefix, value = value[:2], value[2:]
	}
	low, high, ok := stretch(value, zone)
	if !ok {
		return refused("value", name, "want a date or an instant, such as 2026-11-24 or 2026-11-24T09:00:00Z")
	}
	switch prefix {
	case "eq":
		s.notBefore(low)
		s.before(high)
	case "ge":
		s.notBefore(low)
	case "gt", "sa":
		s.notBefore(high)
	case "lt", "eb":
		s.before(low)
	case "le":
		s.before(high)
	default: // ne and ap too: neither is one stretch of time
		return refused("not-supported", name, "prefixes here are eq, gt, ge, lt, le, sa and eb")
	}
	return nil
}

func (s *Search) notBefore(t time.Time) {
	if s.From.IsZero() || t.After(s.From) {
		s.From = t
	}
}

func (s *Search) before(t time.Time) {
	if s.Until.IsZero() || t.Before(s.Until) {
		s.Until = t
	}
}

// stretch is what a FHIR date, dateTime or instant spans: from low, before high. A plus sign that was not escaped in the
// address arrives as a space.
func stretch(value string, zone *time.Location) (low, high time.Time, ok bool) {
	value = strings.Replace(value, " ", "+", 1)
	layouts := []struct {
		layout string
		next   func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04", plus(time.Minute)},
		{"2006-01-02T15:04Z07:00", plus(time.Minute)},
		{"2006-01-02T15:04:05", plus(time.Second)},
		{"2006-01-02T15:04:05Z07:00", plus(time.Second)},
	}
	for _, l := range layouts {
		t, err := time.ParseInLocation(l.layout, value, zone)
		if err != nil || t.Year() < 1 || t.Year() > 9998 {
			continue
		}
		if t.Nanosecond() != 0 {
			return t, t.Add(time.Millisecond), true // Go reads fractions where the layout has none
		}
		return t, l.next(t), true
	}
	return low, high, false
}

func plus(d time.Duration) func(time.Time) time.Time {
	return func(t time.Time) time.Time { return t.Add(d) }
}

// Values of a parameter as the next page repeats them: what was understood, without the page.
func (s Search) address(v View, after string) string {
	q := url.Values{}
	for name, values := range s.used {
		q[name] = values
	}
	if after != "" {
		q.Set("_page", after)
	}
	address := v.Base + "/" + s.Type
	if encoded := q.Encode(); encoded != "" {
		address += "?" + encoded
	}
	return address
}

// Refuse is the error for a value that only the caller can judge, such as the position a next link carried.
func Refuse(name, why string) error { return refused("value", name, why) }
