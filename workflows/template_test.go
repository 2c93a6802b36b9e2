package workflows

import (
	"strings"
	"testing"

	"townhall/modules/kernel"
)

func templates(t testing.TB) []*Template {
	t.Helper()
	all, err := Templates()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func template(t testing.TB, name string) *Template {
	t.Helper()
	for _, one := range templates(t) {
		if one.Name == name {
			return one
		}
	}
	t.Fatalf("no template %s", name)
	return nil
}

func TestTheTemplatesAreOfferedInTheirOrder(t *testing.T) {
	t.Parallel()
	var got []string
	for _, one := range templates(t) {
		got = append(got, one.Name+"/"+one.Sector+"/"+one.Purpose)
		for _, l := range kernel.Locales {
			for _, key := range []string{"title", "summary"} {
				if text := one.Text(l, key); text == "" || strings.Contains(text, "⟦") || l != "en" && text == one.Text("en", key) {
					t.Errorf("%s has no %s in %s: %q", one.Name, key, l, text)
				}
			}
		}
		if !one.Claims()[0].Required || one.Claims()[0].Name != "name" {
			t.Errorf("%s does not always ask for the name", one.Name)
		}
	}
	if want := "appointments/medical/appointment application/civic/application notices/civic/notice"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Each template's example passes the same checks as a definition, and its stories go as written.
func TestEveryTemplateMakesADefinitionThatDoesWhatItsCasesSay(t *testing.T) {
	t.Parallel()
	for _, one := range templates(t) {
		d, err := one.Example()
		if err != nil {
			t.Fatalf("%s: %v", one.Name, err)
		}
		if len(d.Scripts) == 0 {
			t.Errorf("%s has no case script", one.Name)
		}
		for _, s := range d.Scripts {
			t.Run(one.Name+"/"+s.Name, func(t *testing.T) {
				t.Parallel()
				if err := RunScript(d, s.Data); err != nil {
					t.Error(err)
				}
			})
		}
		if needs := one.Purpose == "appointment"; d.NeedsSector() != needs {
			t.Errorf("%s: goes through the sector's module: %v", one.Name, d.NeedsSector())
		}
	}
}

// filled is a definition made from b, read again from its files.
func filled(t testing.TB, one *Template, b Blanks) *Definition {
	t.Helper()
	files, err := one.Fill(b)
	if err != nil {
		t.Fatal(err)
	}
	d, problems := ParseFiles(one.Sector+"/"+b.Slug, files)
	if len(problems) > 0 {
		t.Fatal(Problems(problems))
	}
	return d
}

// begin is what a form begins with, and the little that has no default.
func begin(one *Template) Blanks {
	b := one.Blank()
	b.Slug, b.Agency = "ours", "our-agency"
	return b
}

func TestWhatAFormBeginsWithIsEnough(t *testing.T) {
	t.Parallel()
	for _, one := range templates(t) {
		d := filled(t, one, begin(one))
		if d.Slug != "ours" || d.Agency != "our-agency" || d.Start.Level != one.Blank().Level || d.Retention.ClosedDays != one.Blank().ClosedDays {
			t.Errorf("%s: %+v", one.Name, d)
		}
		for _, l := range kernel.Locales {
			for key, text := range d.Texts[l] {
				if strings.Contains(text, "_days}") || strings.Contains(text, "{title}") || strings.HasPrefix(key, "template.") {
					t.Errorf("%s %s: %s is the template's: %s", one.Name, l, key, text)
				}
			}
		}
		if again := filled(t, one, begin(one)); again.Hash != d.Hash {
			t.Errorf("%s: the same blanks give another version", one.Name)
		}
	}
}

// Every claim a template offers can be asked for, alone or with the others; one that is not asked for leaves nothing behind.
func TestClaimsComeAndGoWithTheirTexts(t *testing.T) {
	t.Parallel()
	for _, one := range templates(t) {
		offered := one.Claims()
		for mask := range 1 << len(offered) {
			b := begin(one)
			b.Claims = nil
			for i, c := range offered {
				if c.Required || mask>>i&1 == 1 {
					blank := one.ClaimBlank(c.Name)
					blank.Required = c.Required || mask&1 == 1
					b.Claims = append(b.Claims, blank)
				}
			}
			d := filled(t, one, b)
			if len(d.Claims) != len(b.Claims) {
				t.Errorf("%s asks for %v", one.Name, d.Claims)
			}
			for i, c := range d.Claims {
				if c.Name != b.Claims[i].Name || c.Days != b.Claims[i].RetentionDays || c.Required != b.Claims[i].Required {
					t.Errorf("%s: %+v became %+v", one.Name, b.Claims[i], c)
				}
				if f := d.Field(c.Name); f != nil && f.Required != c.Required {
					t.Errorf("%s: the field %s is required: %v", one.Name, c.Name, f.Required)
				}
			}
		}
	}
}

func faults(err error) string {
	var out []string
	for _, f := range kernel.AsError(err).Fields {
		out = append(out, f.Path+" "+f.Slug)
	}
	return strings.Join(out, ", ")
}

func three(s string) kernel.Text { return kernel.Text{"en": s, "ru": s, "zh": s} }

func TestEachWrongBlankIsNamed(t *testing.T) {
	t.Parallel()
	many := func(n int) (out []kernel.Text) {
		for i := range n {
			out = append(out, three("Option "+itoa(int64(i))))
		}
		return out
	}
	ask := func(q Question) func(*Blanks) { return func(b *Blanks) { b.Questions = []Question{q} } }
	for _, c := range []struct {
		name   string
		change func(*Blanks)
		want   string
	}{
		{"application", func(b *Blanks) { b.Slug = "" }, "slug field.required"},
		{"application", func(b *Blanks) { b.Slug = "../etc" }, "slug field.wrong-format"},
		{"application", func(b *Blanks) { b.Slug = strings.Repeat("a", 61) }, "slug field.too-long"},
		{"application", func(b *Blanks) { b.Agency = "Our Agency" }, "agency field.wrong-format"},
		{"application", func(b *Blanks) { b.Category = "x: y" }, "category field.wrong-format"},
		{"application", func(b *Blanks) { b.Prefix = "ABCD" }, "prefix field.wrong-format"},
		{"application", func(b *Blanks) { b.Prefix = "" }, "prefix field.required"},
		{"application", func(b *Blanks) { b.Level = kernel.NoLevel }, "level field.not-an-option"},
		{"application", func(b *Blanks) { b.Level = 7 }, "level field.not-an-option"},
		{"application", func(b *Blanks) { b.Title["ru"] = " " }, "title.ru field.required"},
		{"application", func(b *Blanks) { b.Title = nil }, "title.en field.required, title.ru field.required, title.zh field.required"},
		{"application", func(b *Blanks) { b.Title["de"] = "Antrag" }, "title field.unknown"},
		{"application", func(b *Blanks) { b.Title["en"] = strings.Repeat("a", 81) }, "title.en field.too-long"},
		{"application", func(b *Blanks) { b.Title["en"] = "One\nTwo" }, "title.en field.bad-characters"},
		{"application", func(b *Blanks) { b.Summary["zh"] = "a\x00b" }, "summary.zh field.bad-characters"},
		{"application", func(b *Blanks) { b.Summary["zh"] = "a\u200db" }, "summary.zh field.bad-characters"},
		{"application", func(b *Blanks) { b.Summary["zh"] = "4242 4242 4242 4242" }, "summary.zh field.card-number"},
		{"application", func(b *Blanks) { b.Search["en"] = " , ," }, "search.en field.required"},
		{"application", func(b *Blanks) { b.Start["en"] = "Have {field.name} ready" }, "start.en field.braces"},
		{"application", func(b *Blanks) { b.Document.Text["en"] = "{claim.address" }, "document.text.en field.braces"},
		{"application", func(b *Blanks) { b.Document.Text["en"] = strings.Repeat("a\n", 41) + "a" }, "document.text.en field.too-many-lines"},
		{"application", func(b *Blanks) { b.Document.Title = nil }, "document.title.en field.required, document.title.ru field.required, document.title.zh field.required"},
		{"notices", func(b *Blanks) { b.Document.Title["zh"] = "" }, "document.title.zh field.required"},
		{"appointments", func(b *Blanks) { b.Document.Title = three("{}") }, ""},
		{"application", func(b *Blanks) { b.ClosedDays = 29 }, "closed_days field.out-of-range"},
		{"application", func(b *Blanks) { b.ClosedDays = 3651 }, "closed_days field.out-of-range"},
		{"application", func(b *Blanks) { b.Claims = nil }, "claims.name field.required"},
		{"application", func(b *Blanks) { b.Claims = append(b.Claims, b.Claims[0]) }, "claims.name field.twice"},
		{"application", func(b *Blanks) { b.Claims[0].Required = false }, "claims.name.required field.required"},
		{"application", func(b *Blanks) { b.Claims[0].RetentionDays = 0 }, "claims.name.retention_days field.out-of-range"},
		{"application", func(b *Blanks) { b.Claims[0].RetentionDays = 36500 }, "claims.name.retention_days field.out-of-range"},
		{"application", func(b *Blanks) { b.Claims[0].Purpose["ru"] = "" }, "claims.name.purpose.ru field.required"},
		{"application", func(b *Blanks) { b.Claims = append(b.Claims, ClaimBlank{Name: "shoe_size"}) }, "claims.1 field.not-an-option"},
		{"notices", func(b *Blanks) { b.Claims = append(b.Claims, ClaimBlank{Name: "birthdate"}) }, "claims.1 field.not-an-option"},
		{"notices", ask(Question{Label: three("Why?"), Type: TypeText}), "questions field.unknown"},
		{"application", func(b *Blanks) { b.Questions = make([]Question, 21) }, "questions field.too-many"},
		{"application", ask(Question{Label: three("Why?"), Type: "multi"}), "questions.0.type field.not-an-option"},
		{"application", ask(Question{Label: three("Why?"), Type: "instant"}), "questions.0.type field.not-an-option"},
		{"application", ask(Question{Label: kernel.Text{"en": "Why?", "zh": "为什么？"}, Type: TypeText}), "questions.0.label.ru field.required"},
		{"application", ask(Question{Label: three("Why?"), Hint: kernel.Text{"en": "Say it."}, Type: TypeText}), "questions.0.hint.ru field.required, questions.0.hint.zh field.required"},
		{"application", ask(Question{Label: three("Why?"), Hint: three(" "), Type: TypeText}), ""},
		{"application", ask(Question{Label: three("Why?"), Type: TypeText, Options: many(2)}), "questions.0.options field.unknown"},
		{"application", ask(Question{Label: three("Why?"), Type: TypeChoice}), "questions.0.options field.too-few"},
		{"application", ask(Question{Label: three("Why?"), Type: TypeChoice, Options: many(21)}), "questions.0.options field.too-many"},
		{"application", ask(Question{Label: three("Why?"), Type: TypeChoice, Options: many(20)}), ""},
		{"application", ask(Question{Label: three("Why?"), Type: TypeChoice, Options: []kernel.Text{three("A"), three("A ")}}),
			"questions.0.options.1.en field.twice, questions.0.options.1.ru field.twice, questions.0.options.1.zh field.twice"},
		{"application", ask(Question{Label: three("Why?"), Type: TypeChoice, Options: []kernel.Text{three("A"), {"en": "B", "ru": "{", "zh": "B"}}}), "questions.0.options.1.ru field.braces"},
	} {
		one := template(t, c.name)
		b := begin(one)
		c.change(&b)
		_, err := one.Fill(b)
		if (c.want == "") != (err == nil) || err != nil && (kernel.KindOf(err) != kernel.Invalid || faults(err) != c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}

func TestWhatIsTypedAndNormalisedDoesNotChangeTheBlanks(t *testing.T) {
	t.Parallel()
	one := template(t, "application")
	b := begin(one)
	b.Title["en"] = "  Cafe\u0301  "
	b.Claims[0].Purpose["en"] = " To know. "
	d := filled(t, one, b)
	if d.Text("en", "title") != "Café" || b.Title["en"] != "  Cafe\u0301  " || b.Claims[0].Purpose["en"] != " To know. " {
		t.Errorf("title %q from %q", d.Text("en", "title"), b.Title["en"])
	}
	if text := d.Text("en", "document.refusal-letter.opening"); !strings.Contains(text, "(Café)") {
		t.Errorf("the letter does not name the service: %s", text)
	}
}

func TestAnAgencysQuestionsAreAskedPageByPageAndPrinted(t *testing.T) {
	t.Parallel()
	one := template(t, "application")
	b := begin(one)
	for _, kind := range QuestionTypes {
		q := Question{Label: three("Question of type " + kind), Hint: three("Hint of type " + kind), Type: kind, Required: kind != TypeEmail}
		if kind == TypeChoice {
			q.Options = []kernel.Text{three("First"), three("Second")}
		}
		b.Questions = append(b.Questions, q)
	}
	d := filled(t, one, b)
	form := d.ApplicationForm()
	if len(form.Pages) != 1+len(b.Questions) {
		t.Fatalf("%d pages for %d questions", len(form.Pages), len(b.Questions))
	}
	for i, q := range b.Questions {
		f := d.Field(form.Pages[1+i].Fields[0])
		if f.Type != q.Type || f.Required != q.Required || !d.compiled.printed[f.Name] || d.Text("ru", "field."+f.Name+".hint") != q.Hint["ru"] {
			t.Errorf("%+v became %+v", q, f)
		}
	}
	if d.Document("permit").Blocks[2].Name != "answers" || filled(t, one, begin(one)).Document("permit").Blocks[2].Name == "answers" {
		t.Error("the answers are a block of the document exactly when something is asked")
	}
}

func TestWhatDocumentsCannotShowIsNamedBeforeAnythingIsIssued(t *testing.T) {
	t.Parallel()
	can := func(r rune) bool { return r < 0x1f000 }
	one := template(t, "application")
	b := begin(one)
	b.Questions = []Question{{Label: three("Which?"), Type: TypeChoice, Options: []kernel.Text{three("One"), three("Two")}}}
	if err := one.Unprintable(b, can); err != nil {
		t.Error(err)
	}
	b.Summary["en"] = "Only on a page 😀"
	b.Document.Text["ru"] = "Разрешено 😀"
	b.Questions[0].Label["zh"] = "哪个？😀"
	b.Questions[0].Options[1]["en"] = "Two 😀"
	if _, err := one.Fill(b); err != nil {
		t.Fatal(err)
	}
	err := one.Unprintable(b, can)
	if want := "document.text.ru field.not-printable, questions.0.label.zh field.not-printable, questions.0.options.1.en field.not-printable"; err == nil || faults(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := template(t, "appointments").Unprintable(b, can); err != nil {
		t.Errorf("nothing of the agency's is printed: %v", err)
	}
}
