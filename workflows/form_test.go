package workflows

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"townhall/modules/kernel"
)

func TestEveryTypeOfFieldTakesWhatItShouldAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	one, five := int64(1), int64(5)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	integer := Field{Type: TypeInteger, Min: &one, Max: &five}
	date := Field{Type: TypeDate, From: "2000-01-01", Until: "today"}
	multi := Field{Type: TypeMulti, Options: []string{"a", "b", "c"}}
	choice := Field{Type: TypeChoice, Options: []string{"a", "b"}}
	text := Field{Type: TypeText, MinLength: 2, MaxLength: 5}
	area := Field{Type: TypeTextarea}
	d := &Definition{compiled: &compiled{}}
	for _, c := range []struct {
		f    Field
		in   any
		want any
		slug string
	}{
		{text, "  abc ", "abc", ""}, {text, "", nil, ""}, {text, nil, nil, ""}, {text, "   ", nil, ""},
		{text, "a", nil, "field.too-short"}, {text, "abcdef", nil, "field.too-long"}, {text, strings.Repeat("x", 1000), nil, "field.too-long"},
		{text, "王小明", "王小明", ""}, {text, "e\u0301e\u0301", "éé", ""},
		{text, "a\x00b", nil, "field.bad-characters"}, {text, "a\nb", nil, "field.bad-characters"}, {text, "a\xffb", nil, "field.bad-characters"},
		{text, "a\u202eb", nil, "field.bad-characters"}, {text, "a\u2028b", nil, "field.bad-characters"}, {text, 5.0, nil, "field.wrong-format"},
		{area, "one\r\ntwo", "one\ntwo", ""}, {area, "one\ttwo", nil, "field.bad-characters"},
		{area, "Charge 4242 4242 4242 4242", nil, "field.card-number"}, {area, "Call +44 20 7946 0958", "Call +44 20 7946 0958", ""},
		{Field{Type: TypeTextarea, MaxLength: 3}, "абв", "абв", ""},
		{choice, "a", "a", ""}, {choice, "z", nil, "field.not-an-option"}, {choice, true, nil, "field.not-an-option"},
		{multi, []any{"c", "a", "a"}, []string{"a", "c"}, ""}, {multi, "b", []string{"b"}, ""}, {multi, []string{}, nil, ""}, {multi, []string{""}, nil, ""},
		{multi, []any{"z"}, nil, "field.not-an-option"}, {multi, []any{1}, nil, "field.not-an-option"}, {multi, 1, nil, "field.not-an-option"},
		{integer, "3", int64(3), ""}, {integer, 3.0, int64(3), ""}, {integer, 3, int64(3), ""}, {integer, json.Number("3"), int64(3), ""}, {integer, int64(5), int64(5), ""},
		{integer, "6", nil, "field.out-of-range"}, {integer, "0", nil, "field.out-of-range"}, {integer, 2.5, nil, "field.not-a-number"}, {integer, "two", nil, "field.not-a-number"},
		{integer, "99999999999999999999", nil, "field.not-a-number"}, {integer, 1e300, nil, "field.not-a-number"}, {integer, []any{}, nil, "field.not-a-number"},
		{Field{Type: TypeInteger, Min: &one}, 0, nil, "field.too-low"}, {Field{Type: TypeInteger, Max: &five}, 6, nil, "field.too-high"},
		{Field{Type: TypeBoolean}, "yes", true, ""}, {Field{Type: TypeBoolean}, false, false, ""}, {Field{Type: TypeBoolean}, "perhaps", nil, "field.not-a-yes-no"},
		{date, "2024-02-29", "2024-02-29", ""}, {date, "2023-02-29", nil, "field.not-a-date"}, {date, "29.02.2024", nil, "field.not-a-date"}, {date, 2024.0, nil, "field.not-a-date"},
		{date, "2026-11-22", "2026-11-22", ""}, {date, "2026-11-23", nil, "field.out-of-range"}, {date, "1999-12-31", nil, "field.out-of-range"},
		{Field{Type: TypeDate, From: "today"}, "2026-11-21", nil, "field.too-low"}, {Field{Type: TypeDate, Until: "today"}, "2026-11-23", nil, "field.too-high"},
		{Field{Type: TypeEmail}, "anna@example.org", "anna@example.org", ""}, {Field{Type: TypeEmail}, "Anna <anna@example.org>", nil, "field.not-an-email"},
		{Field{Type: TypeEmail}, "anna", nil, "field.not-an-email"}, {Field{Type: TypeEmail}, 1, nil, "field.not-an-email"},
	} {
		c.f.Name = "f"
		got, err := d.read(&c.f, c.in, now)
		if s := ""; err != nil {
			s = err.Slug
			if s != c.slug || err.Path != "f" || err.Message == "" || strings.Contains(err.Message, "{") {
				t.Errorf("%s %#v: %+v, want %s", c.f.Type, c.in, err, c.slug)
			}
		} else if c.slug != "" || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %#v: %#v, want %#v %s", c.f.Type, c.in, got, c.want, c.slug)
		}
	}
}

func TestAPageIsCheckedByItselfOverWhatIsSaved(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := begun(t, d)
	check := func(page string, input map[string]any) string {
		err := d.CheckPage(s, "application", page, input, monday)
		if err == nil {
			return ""
		}
		e := kernel.AsError(err)
		if len(e.Fields) == 0 {
			return e.Slug
		}
		return e.Fields[0].Path + " " + e.Fields[0].Slug
	}
	for _, c := range []struct {
		page  string
		input map[string]any
		want  string
	}{
		{"purpose", nil, "purpose field.required"},
		{"purpose", map[string]any{"purpose": "other", "purpose_other": ""}, "purpose_other field.required"},
		{"purpose", map[string]any{"purpose": "bank", "purpose_other": strings.Repeat("x", 101)}, ""}, // not asked, so not looked at
		{"purpose", map[string]any{"copies": "1"}, "purpose field.required"},
		{"copies", nil, ""},
		{"copies", map[string]any{"copies": ""}, "copies field.required"},
		{"you", nil, ""},
		{"nowhere", nil, "not-found"},
	} {
		if got := check(c.page, c.input); got != c.want {
			t.Errorf("%s %v: %q, want %q", c.page, c.input, got, c.want)
		}
	}
	p := d.Form("application").Page("purpose")
	if got := d.Shown(s, p, monday); !reflect.DeepEqual(got, []string{"purpose"}) {
		t.Errorf("shown %v", got)
	}
	s.Answers["purpose"] = "other"
	if got := d.Shown(s, p, monday); len(got) != 2 {
		t.Errorf("shown %v", got)
	}
}

func TestAnAnswerNoLongerAskedForIsForgotten(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s, _ := take(t, d, begun(t, d), "save", citizen(monday), monday, map[string]any{"purpose": "other", "purpose_other": "Garden"})
	s, o := take(t, d, s, "save", citizen(monday), monday, map[string]any{"purpose": "bank"})
	if s.Answers["purpose_other"] != nil || o.Event.Input["purpose"] != "bank" || len(o.Event.Input) != 4 {
		t.Errorf("answers %v, event %v", s.Answers, o.Event.Input)
	}
	s, _ = take(t, d, s, "save", citizen(monday), monday, map[string]any{"purpose": ""})
	if s.Answers["purpose"] != nil {
		t.Error("an emptied answer stayed")
	}
}

func TestDocumentsSpeakTheChosenLanguageAndFormatDates(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s := proposed(t, d)
	by := Issuer{Municipality: kernel.Text{"en": "Northwick", "ru": "Нортвик", "zh": "北镇"}, Agency: kernel.Text{"en": "The Civil Registry", "ru": "Отдел регистрации", "zh": "民政登记处"}, Now: monday}
	for locale, want := range map[string][]string{
		"en": {"Certificate of Residence", "12 April 1988", "23 November 2026", "Bank or insurance", "The Civil Registry of Northwick"},
		"ru": {"Справка о регистрации", "12 апреля 1988 г.", "23 ноября 2026 г.", "Банк", "Отдел регистрации"},
		"zh": {"居住证明", "1988年4月12日", "2026年11月23日", "银行或保险", "北镇民政登记处"},
	} {
		s.Answers["certificate_language"] = locale
		c, err := d.Content("certificate", "", s, by)
		if err != nil || c.Locale != locale || c.ValidDays != 90 {
			t.Fatalf("%+v %v", c, err)
		}
		b, _ := json.Marshal(c)
		for _, w := range want {
			if !strings.Contains(string(b), w) {
				t.Errorf("%s: %q is not in %s", locale, w, b)
			}
		}
		if strings.ContainsAny(string(b), "⟦⟧") || strings.Contains(string(b), "{field") {
			t.Errorf("unfilled: %s", b)
		}
	}
	if _, err := d.Content("diploma", "", s, by); kernel.KindOf(err) != kernel.NotFound {
		t.Error(err)
	}
}

func TestWhatAPersonWroteIsNeverExpandedAsAPlaceholder(t *testing.T) {
	t.Parallel()
	d := residence(t)
	s, _ := take(t, d, submitted(t, d), "propose-refusal", registrar("oliver", monday), monday,
		map[string]any{"refusal_ground": "other", "refusal_reason": "See {field.assessment} and {claim.birthdate}.\r\n\r\nSecond line {"})
	c, err := d.Content("refusal-letter", "en", s, Issuer{Now: monday})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(c)
	if !strings.Contains(string(b), "See {field.assessment} and {claim.birthdate}.") || !strings.Contains(string(b), `"Second line {"`) || strings.Contains(string(b), `\n`) {
		t.Errorf("%s", b)
	}
}
