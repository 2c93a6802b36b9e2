package workflows

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"townhall/modules/kernel"
)

// nasty are texts that mean something to YAML, CEL, the documents' placeholders, HTML or a printer.
var nasty = []string{
	"null", "~", "true", "NO", "0x1F", "1e3", "2026-01-01", "<<", "-", "- a", "? a", "a: b", "a #b", "# a", "&a", "*a", "!!binary x", "!x", "|", ">", "%YAML 1.2", "@a", "`a`",
	"'", "\"", "''", "\"a\\", "\\n", "\\x00", "--- a", "...", "[a, b", "{a: b}", "{field.name}", "{", "}", "{{", "}{", "{title}", "{closed_days}",
	`x" }\nslug: other`, "a\nslug: other", "a\n\n  indented\n", "\ta", "a\tb", "a\r\nb", "a\rb", " a ", "\u00a0", "\u0085", "\u2028", "\ufeffa", "\u202ea", "\u200d", "e\u0301", "\xff", "\x00",
	"form.q1 == '' || true", "years(person.birthdate, today)", "claim.address", "text.title", "case.number", "<script>alert(1)</script>", "😀", "👨‍👩‍👧", "नाम", "עברית", "\U000e0041", "\ue000", "4242 4242 4242 4242",
	"⟦title⟧", "en", "title", "field.q1.label", strings.Repeat("長", 400), strings.Repeat("a\n", 100), strings.Repeat("a", 5000),
}

var anyText = rapid.OneOf(rapid.SampledFrom(nasty), rapid.String(), rapid.StringN(1, 40, -1), rapid.Just("Something quite usual"), rapid.Just("Обычный текст"), rapid.Just("平常的文字"),
	rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom(nasty).Draw(t, "a") + rapid.SampledFrom([]string{"", " ", "\n", ": "}).Draw(t, "between") + rapid.SampledFrom(nasty).Draw(t, "b")
	}))

// mostly draws usual texts nine times out of ten, so that whole forms come through.
func mostly(t *rapid.T, label string) kernel.Text {
	out := kernel.Text{}
	for _, l := range kernel.Locales {
		out[l] = fmt.Sprintf("Usual text %d", rapid.IntRange(0, 999).Draw(t, label))
		if rapid.IntRange(0, 19).Draw(t, "odd") == 0 {
			out[l] = anyText.Draw(t, label)
		}
	}
	return out
}

func anyBlanks(t *rapid.T, one *Template) Blanks {
	b := begin(one)
	if rapid.IntRange(0, 9).Draw(t, "odd slug") == 0 {
		b.Slug = anyText.Draw(t, "slug")
	}
	b.Level = kernel.Level(rapid.IntRange(1, 3).Draw(t, "level"))
	b.Title, b.Summary, b.Search, b.Start = mostly(t, "title"), mostly(t, "summary"), mostly(t, "search"), mostly(t, "start")
	b.Document = DocumentBlank{Title: mostly(t, "document title"), Text: mostly(t, "document text")}
	for _, c := range one.Claims() {
		switch {
		case !c.Required && rapid.Bool().Draw(t, "asks for "+c.Name):
			b.Claims = append(b.Claims, ClaimBlank{Name: c.Name, Required: rapid.Bool().Draw(t, "required"), RetentionDays: rapid.IntRange(1, c.LongestDays).Draw(t, "days"), Purpose: mostly(t, "purpose")})
		case c.Required:
			b.Claims[0].Purpose = mostly(t, "purpose")
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "questions") {
		if !one.Asks {
			break
		}
		q := Question{Label: mostly(t, "label"), Type: rapid.SampledFrom(QuestionTypes).Draw(t, "type"), Required: rapid.Bool().Draw(t, "required")}
		if rapid.Bool().Draw(t, "hinted") {
			q.Hint = mostly(t, "hint")
		}
		for range rapid.IntRange(2, 4).Draw(t, "options") {
			if q.Type == TypeChoice {
				q.Options = append(q.Options, mostly(t, "option"))
			}
		}
		b.Questions = append(b.Questions, q)
	}
	b.ClosedDays = rapid.IntRange(minClosedDays, one.LongestDays()).Draw(t, "closed days")
	return b
}

// What comes out again is what went in, and who may do what is the same as in want, which the defaults made.
func sameAgain(t interface{ Fatalf(string, ...any) }, one *Template, b Blanks, d, want *Definition) {
	same := func(key string, want kernel.Text) {
		for _, l := range kernel.Locales {
			if got := d.Texts[l][key]; got != normalise(want[l]) {
				t.Fatalf("%s.%s is %q, typed %q", key, l, got, want[l])
			}
		}
	}
	same("title", b.Title)
	same("summary", b.Summary)
	same("search", b.Search)
	same("start", b.Start)
	for _, c := range b.Claims {
		same("claim."+c.Name+".purpose", c.Purpose)
	}
	for i, q := range b.Questions {
		key := "field." + questionName(i)
		same(key+".label", q.Label)
		same("page."+questionName(i), q.Label)
		same("document.permit.answers."+key, q.Label)
		if given(q.Hint) != nil {
			same(key+".hint", q.Hint)
		}
		for n, o := range q.Options {
			same(key+".option."+optionName(n), o)
		}
	}
	if one.Prints {
		same(one.documentKey("title"), b.Document.Title)
		same(one.documentKey("text"), b.Document.Text)
	}
	if !reflect.DeepEqual(d.Actions, want.Actions) || !reflect.DeepEqual(d.States, want.States) || !reflect.DeepEqual(d.Timers, want.Timers) || !reflect.DeepEqual(d.Roles, want.Roles) {
		t.Fatalf("who may do what depends on what was typed")
	}
}

// Whatever is typed, Fill refuses it and names the blank, or makes files that hold exactly that and are without a problem.
func TestWhateverIsTypedIsRefusedByNameOrComesOutAgain(t *testing.T) {
	t.Parallel()
	for _, one := range templates(t) {
		made, refused := 0, 0
		plain := filled(t, one, begin(one))
		rapid.Check(t, func(t *rapid.T) {
			b := anyBlanks(t, one)
			files, err := one.Fill(b)
			if err != nil {
				if kernel.KindOf(err) != kernel.Invalid || len(kernel.AsError(err).Fields) == 0 {
					t.Fatalf("%v", err)
				}
				refused++
				return
			}
			made++
			d, problems := ParseFiles(one.Sector+"/"+b.Slug, files)
			if len(problems) > 0 {
				t.Fatalf("%v", Problems(problems))
			}
			sameAgain(t, one, b, d, plain)
		})
		if made == 0 || refused == 0 {
			t.Errorf("%s: %d made, %d refused: one of the two was not looked at", one.Name, made, refused)
		}
	}
}

// Each of the nasty texts, alone in each place.
func TestEveryNastyTextInEveryPlace(t *testing.T) {
	t.Parallel()
	one := template(t, "application")
	plain := filled(t, one, begin(one))
	for _, s := range nasty {
		for place, put := range map[string]func(*Blanks){
			"title": func(b *Blanks) { b.Title["ru"] = s }, "summary": func(b *Blanks) { b.Summary["ru"] = s }, "search": func(b *Blanks) { b.Search["ru"] = s },
			"start": func(b *Blanks) { b.Start["ru"] = s }, "document.title": func(b *Blanks) { b.Document.Title["ru"] = s }, "document.text": func(b *Blanks) { b.Document.Text["ru"] = s },
			"claims.name.purpose": func(b *Blanks) { b.Claims[0].Purpose["ru"] = s }, "questions.0.label": func(b *Blanks) { b.Questions[0].Label["ru"] = s },
			"questions.0.hint": func(b *Blanks) { b.Questions[0].Hint["ru"] = s }, "questions.0.options.1": func(b *Blanks) { b.Questions[0].Options[1]["ru"] = s },
			"slug": func(b *Blanks) { b.Slug = s }, "agency": func(b *Blanks) { b.Agency = kernel.AgencyID(s) }, "category": func(b *Blanks) { b.Category = s }, "prefix": func(b *Blanks) { b.Prefix = s },
			"questions.0.type": func(b *Blanks) { b.Questions[0].Type = s },
		} {
			b := begin(one)
			b.Questions = []Question{{Label: three("Which?"), Hint: three("One of them."), Type: TypeChoice, Options: []kernel.Text{three("One"), three("Two")}}}
			put(&b)
			files, err := one.Fill(b)
			if err != nil {
				f := kernel.AsError(err).Fields
				if len(f) == 0 || !strings.HasPrefix(f[0].Path, place) {
					t.Errorf("%q as %s: %v", s, place, err)
				}
				continue
			}
			d, problems := ParseFiles(one.Sector+"/"+b.Slug, files)
			if len(problems) > 0 {
				t.Errorf("%q as %s: %v", s, place, Problems(problems))
				continue
			}
			sameAgain(t, one, b, d, plain)
		}
	}
}

// The wizard keeps the blanks as JSON.
func TestBlanksSurviveJSON(t *testing.T) {
	t.Parallel()
	for _, one := range templates(t) {
		data, err := json.Marshal(one.example)
		if err != nil {
			t.Fatal(err)
		}
		var again Blanks
		if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(again, one.example) {
			t.Errorf("%s: %v\n%+v\n%+v", one.Name, err, one.example, again)
		}
	}
}

func FuzzFill(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, one := range templates(t) {
			b := begin(one)
			b.Title, b.Summary, b.Search, b.Start, b.Document = three(s), three(s), three(s), three(s), DocumentBlank{Title: three(s), Text: three(s)}
			if one.Asks {
				b.Questions = []Question{{Label: three(s), Hint: three(s), Type: TypeChoice, Options: []kernel.Text{three(s), three("x" + s)}}}
			}
			files, err := one.Fill(b)
			if err != nil {
				if kernel.KindOf(err) != kernel.Invalid {
					t.Fatal(err)
				}
				continue
			}
			d, problems := ParseFiles(one.Sector+"/"+b.Slug, files)
			if len(problems) > 0 {
				t.Fatal(Problems(problems))
			}
			sameAgain(t, one, b, d, filled(t, one, begin(one)))
		}
	})
}
