package fhir_test

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"townhall/modules/medical/fhir"
)

func parse(t *testing.T, resource, query string, strict bool) (fhir.Search, error) {
	t.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	return view("en").ParseSearch(resource, q, zone(t, "Europe/London"), strict)
}

func TestADateIsTheStretchItsPrecisionSpans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, from, until string }{
		{"start=2026-11-24", "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z"},
		{"start=ge2026-11-24", "2026-11-24T00:00:00Z", ""},
		{"start=gt2026-11-24", "2026-11-25T00:00:00Z", ""},
		{"start=sa2026-11-24", "2026-11-25T00:00:00Z", ""},
		{"start=lt2026-11-24", "", "2026-11-24T00:00:00Z"},
		{"start=eb2026-11-24", "", "2026-11-24T00:00:00Z"},
		{"start=le2026-11-24", "", "2026-11-25T00:00:00Z"},
		{"start=2026", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
		{"start=2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"start=ge2026-11-24&start=lt2026-11-26", "2026-11-24T00:00:00Z", "2026-11-26T00:00:00Z"},
		{"start=ge2026-11-24&start=ge2026-11-25&start=le2026-11-27&start=lt2026-11-26", "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z"},
		{"start=ge2026-11-24T09:00:00Z", "2026-11-24T09:00:00Z", ""},
		{"start=ge2026-11-24T09:00:00%2B02:00", "2026-11-24T07:00:00Z", ""},
		{"start=ge2026-11-24T09:00:00+02:00", "2026-11-24T07:00:00Z", ""}, // a plus nobody escaped
		{"start=le2026-11-24T09:00:00Z", "", "2026-11-24T09:00:01Z"},
		{"start=le2026-11-24T09:00Z", "", "2026-11-24T09:01:00Z"},
		{"start=le2026-11-24T09:00:00.500Z", "", "2026-11-24T09:00:00.501Z"},
		// The night the clocks go back has 25 hours, the one they go forward 23.
		{"start=2026-10-25", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"},
		{"start=2027-03-28", "2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z"},
		{"start=", "", ""},
	} {
		s, err := parse(t, "Slot", c.query, true)
		if err != nil || written(s.From) != c.from || written(s.Until) != c.until {
			t.Errorf("%s: got %s to %s (%v), want %s to %s", c.query, written(s.From), written(s.Until), err, c.from, c.until)
		}
	}
}

func written(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func TestTokensAndReferencesAreReadAsFHIRSays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		resource, query, name string
		want                  []string
	}{
		{"Slot", "status=free", "status", []string{"free"}},
		{"Slot", "status=free,busy", "status", []string{"free", "busy"}},
		{"Slot", "status=http://hl7.org/fhir/slotstatus|free", "status", []string{"free"}},
		{"Slot", "status=http://example.org|free", "status", []string{}},
		{"Slot", "status=free,busy&status=busy", "status", []string{"busy"}},
		{"Slot", "status=free&status=busy", "status", []string{}},
		{"Slot", "service-type=https://northwick.example/fhir/visit-type|flu", "service-type", []string{"flu"}},
		{"Slot", `service-type=a\,b`, "service-type", []string{"a,b"}},
		{"Practitioner", "communication=urn:ietf:bcp:47|ru", "communication", []string{"ru"}},
		{"Practitioner", "active=true", "active", []string{"true"}},
		{"Slot", "_id=a,b", "_id", []string{"a", "b"}},
		{"Slot", "schedule=1", "schedule", []string{"Schedule/1"}},
		{"Slot", "schedule=Schedule/1,Schedule/2", "schedule", []string{"Schedule/1", "Schedule/2"}},
		{"Slot", "schedule=https://northwick.example/medical/v1/fhir/R4/Schedule/1", "schedule", []string{"Schedule/1"}},
		{"Slot", "schedule=https://elsewhere.example/Schedule/1", "schedule", []string{}},
		{"Slot", "schedule=Location/1", "schedule", []string{}},
		{"Schedule", "actor=Practitioner/1", "actor", []string{"Practitioner/1"}},
		{"Schedule", "actor=1", "actor", []string{"1"}},
		{"Location", "name=river,quay", "name", []string{"river", "quay"}},
	} {
		s, err := parse(t, c.resource, c.query, true)
		got, found := s.Tokens[c.name], false
		for _, m := range []map[string][]string{s.Tokens, s.References, s.Strings} {
			if v, ok := m[c.name]; ok {
				got, found = v, true
			}
		}
		if c.name == "_id" {
			got, found = s.IDs, true
		}
		if err != nil || !found || !slices.Equal(got, c.want) {
			t.Errorf("%s?%s: got %q (%v), want %q", c.resource, c.query, got, err, c.want)
		}
	}
}

func TestASearchThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, code string }{
		{"start=tomorrow", "value"}, {"start=ge2026-13-01", "value"}, {"start=2026-02-30", "value"}, {"start=ge", "value"},
		{"start=ne2026-11-24", "not-supported"}, {"start=ap2026-11-24", "not-supported"}, {"start=2026-11-24,2026-11-25", "not-supported"},
		{"_count=many", "value"}, {"_count=-1", "value"}, {"_format=xml", "not-supported"}, {"status=http://hl7.org/fhir/slotstatus|", "not-supported"},
		{"start=2026-11-24T09:00:00Z' OR 1=1", "value"}, {"start=9999-12-31", "value"}, {"start=\x00", "value"},
	} {
		_, err := parse(t, "Slot", url.PathEscape(c.query), false)
		var refusal *fhir.Refusal
		if !errors.As(err, &refusal) || refusal.Issue.Code != c.code {
			t.Errorf("%q: got %v, want %s", c.query, err, c.code)
		}
	}
}

func TestAnUnknownParameterIsLeftOutOrRefusedAsAsked(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"colour=blue", "status:not=free", "_include=Slot:schedule", "specialty=x"} {
		s, err := parse(t, "Slot", query+"&status=free", false)
		if err != nil || len(s.Ignored) != 1 {
			t.Errorf("%s, lenient: %v, left out %v", query, err, s.Ignored)
		}
		if _, err := parse(t, "Slot", query, true); err == nil {
			t.Errorf("%s, strict: not refused", query)
		}
	}
	for prefer, want := range map[string]bool{"handling=strict": true, "handling=lenient": false, "": false, `respond-async, Handling="strict"`: true, "return=minimal; handling=strict": false} {
		if got := fhir.Strict([]string{prefer}); got != want {
			t.Errorf("Prefer: %s: strict is %t", prefer, got)
		}
	}
}

// The link to oneself says what was understood, so that nobody takes a parameter that was left out for one that counted.
func TestTheLinksSayWhatWasUnderstood(t *testing.T) {
	t.Parallel()
	s, err := parse(t, "Slot", "status=free&colour=blue&_count=1000&start=ge2026-11-24&start=lt2026-11-25", false)
	if err != nil {
		t.Fatal(err)
	}
	b := view("en").Searchset(s, nil, nil, "token")
	want := []fhir.Link{
		{Relation: "self", URL: "https://northwick.example/medical/v1/fhir/R4/Slot?_count=200&start=ge2026-11-24&start=lt2026-11-25&status=free"},
		{Relation: "next", URL: "https://northwick.example/medical/v1/fhir/R4/Slot?_count=200&_page=token&start=ge2026-11-24&start=lt2026-11-25&status=free"},
	}
	if !reflect.DeepEqual(b.Link, want) {
		t.Errorf("got %v", b.Link)
	}
	next, err := url.Parse(b.Link[1].URL)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse(t, "Slot", next.RawQuery, true)
	if err != nil || again.After != "token" || again.Count != 200 || !again.From.Equal(s.From) {
		t.Errorf("the next page reads %+v (%v)", again, err)
	}
}
