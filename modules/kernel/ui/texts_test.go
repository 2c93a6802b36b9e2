package ui_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

func set(en, ru, zh string) fs.FS {
	return fstest.MapFS{"texts/en.json": {Data: []byte(en)}, "texts/ru.json": {Data: []byte(ru)}, "texts/zh.json": {Data: []byte(zh)}}
}

func TestASetOfTextsWithAFaultIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sets []fs.FS
		want string
	}{
		"a language lacks a key":       {[]fs.FS{set(`{"a":"A","b":"B"}`, `{"a":"А"}`, `{"a":"甲","b":"乙"}`)}, `"b" is missing in ru`},
		"a text is blank":              {[]fs.FS{set(`{"a":"A"}`, `{"a":" "}`, `{"a":"甲"}`)}, `"a" is missing in ru`},
		"a key is defined twice":       {[]fs.FS{set(`{"a":"A"}`, `{"a":"А"}`, `{"a":"甲"}`), set(`{"a":"A"}`, `{"a":"А"}`, `{"a":"甲"}`)}, `"a" is defined twice`},
		"a key of ours is taken":       {[]fs.FS{set(`{"ui.back":"A"}`, `{"ui.back":"А"}`, `{"ui.back":"甲"}`)}, `"ui.back" is defined twice`},
		"a placeholder is lost":        {[]fs.FS{set(`{"a":"{n} days"}`, `{"a":"дней"}`, `{"a":"{n} 天"}`)}, "ru uses []"},
		"a form of the number is lost": {[]fs.FS{set(`{"a":"{n|day|days}"}`, `{"a":"{n|день|дней}"}`, `{"a":"{n|天}"}`)}, "needs 3 forms"},
		"a file is missing":            {[]fs.FS{fstest.MapFS{"en.json": {Data: []byte(`{}`)}}}, "ru.json"},
		"a file is not a flat object":  {[]fs.FS{set(`{"a":{"b":"c"}}`, `{}`, `{}`)}, "cannot unmarshal"},
	} {
		_, err := ui.LoadTexts(c.sets...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestATextTakesItsValuesAndTheFormOfTheNumber(t *testing.T) {
	t.Parallel()
	texts, err := ui.LoadTexts(set(`{"d":"{n} {n|day|days} for {who}"}`, `{"d":"{n} {n|день|дня|дней} для {who}"}`, `{"d":"{who}：{n} {n|天}"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		locale string
		n      int
		want   string
	}{
		{"en", 1, "1 day for A"}, {"en", 0, "0 days for A"}, {"en", 21, "21 days for A"},
		{"ru", 1, "1 день для A"}, {"ru", 3, "3 дня для A"}, {"ru", 5, "5 дней для A"}, {"ru", 11, "11 дней для A"}, {"ru", 12, "12 дней для A"}, {"ru", 22, "22 дня для A"}, {"ru", 101, "101 день для A"},
		{"zh", 7, "A：7 天"}, {"xx", 1, "1 day for A"},
	} {
		if got := texts.T(c.locale, "d", "n", c.n, "who", "A"); got != c.want {
			t.Errorf("%s %d: %q, want %q", c.locale, c.n, got, c.want)
		}
	}
	if got := texts.T("en", "none"); got != "⟦none⟧" {
		t.Errorf("an unknown key shows as %q", got)
	}
	if got := texts.Lookup("en", "none", nil); got != "" {
		t.Errorf("Lookup of an unknown key gives %q", got)
	}
}

func TestAValueInATextCannotBecomeAPlaceholderOrMarkup(t *testing.T) {
	t.Parallel()
	texts, err := ui.LoadTexts(set(`{"d":"for {who}"}`, `{"d":"для {who}"}`, `{"d":"{who}"}`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := ui.NewViews(texts, fstest.MapFS{"p.html": {Data: []byte(`{{t "d" "who" .}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Render("en", ui.GalleryTenant().Location(), "p", `{who}<b>`)
	if err != nil || got != "for {who}&lt;b&gt;" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAPageThatAsksForAMissingTextOrTakesABlocksNameIsRefused(t *testing.T) {
	t.Parallel()
	texts := texts(t)
	for name, c := range map[string]struct{ file, body, want string }{
		"plain":     {"p.html", `{{t "no.such"}}`, "no.such"},
		"in a pipe": {"p.html", `{{if .}}{{range .}}{{template "tag" (dict "Text" (t "no.such"))}}{{end}}{{else}}{{end}}`, "no.such"},
		"a block":   {"tag.html", `x`, `"tag" is defined twice`},
	} {
		_, err := ui.NewViews(texts, fstest.MapFS{c.file: {Data: []byte(c.body)}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrorsSpeakTheReadersLanguage(t *testing.T) {
	t.Parallel()
	texts, err := ui.LoadTexts(set(`{"error.changed-meanwhile":"Changed","field.required":"Answer {what}"}`, `{"error.changed-meanwhile":"Изменено","field.required":"Ответьте {what}"}`, `{"error.changed-meanwhile":"已变化","field.required":"请回答{what}"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := texts.Error("ru", kernel.ErrChanged); got != "Изменено" {
		t.Error(got)
	}
	e := kernel.InvalidFields(kernel.FieldError{Path: "a", Slug: "field.required", Args: map[string]string{"what": "это"}}, kernel.FieldError{Path: "b", Slug: "unknown", Message: "Plain"})
	got := texts.FieldErrors("ru", e)
	if got["a"] != "Ответьте это" || got["b"] != "Plain" {
		t.Error(got)
	}
	if n := len(texts.FieldErrors("ru", nil)); n != 0 {
		t.Error("no error has field errors")
	}
}
