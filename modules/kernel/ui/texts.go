package ui

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"townhall/modules/kernel"
)

//go:embed texts/*.json
var ownTexts embed.FS

// Texts holds every user-visible text of the application in every language. It is read-only once loaded and
// safe for use by many goroutines.
type Texts struct {
	byLocale map[string]map[string]string
}

// LoadTexts reads the texts of kernel/ui and those of the given sets. Each set holds en.json, ru.json and
// zh.json, at its root or in folders, as an embed.FS gives them: flat objects from key to text. It is an
// error when a language is missing, when two sets define the same key, when a key lacks a language, or when the
// languages of a key do not use the same {placeholders}.
//
// In a text, {name} stands for a value, and {n|day|days} chooses the form that goes with the number n: two
// forms in English (one, other), three in Russian (one, few, many), one in Chinese.
func LoadTexts(sets ...fs.FS) (*Texts, error) {
	t := &Texts{byLocale: map[string]map[string]string{}}
	for _, l := range kernel.Locales {
		t.byLocale[l] = map[string]string{}
	}
	for i, set := range append([]fs.FS{ownTexts}, sets...) {
		for _, l := range kernel.Locales {
			if err := t.load(set, l); err != nil {
				return nil, fmt.Errorf("text set %d, %s: %w", i, l, err)
			}
		}
	}
	return t, t.check()
}

func (t *Texts) load(set fs.FS, locale string) error {
	names, err := findFiles(set, locale+".json")
	for _, name := range names {
		if err == nil {
			err = t.loadFile(set, name, locale)
		}
	}
	return err
}

func (t *Texts) loadFile(set fs.FS, name, locale string) error {
	raw, err := fs.ReadFile(set, name)
	if err != nil {
		return err
	}
	var texts map[string]string
	if err := json.Unmarshal(raw, &texts); err != nil {
		return err
	}
	for k, v := range texts {
		if _, twice := t.byLocale[locale][k]; twice {
			return fmt.Errorf("key %q is defined twice", k)
		}
		t.byLocale[locale][k] = v
	}
	return nil
}

func findFiles(set fs.FS, base string) (found []string, err error) {
	err = fs.WalkDir(set, ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Base(p) == base {
			found = append(found, p)
		}
		return err
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%s: %w", base, fs.ErrNotExist)
	}
	return found, err
}

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_-]*)((?:\|[^{}|]*)*)\}`)

func (t *Texts) check() error {
	var problems []error
	for _, key := range t.Keys() {
		var want []string
		for i, l := range kernel.Locales {
			text, ok := t.byLocale[l][key]
			if !ok || strings.TrimSpace(text) == "" {
				problems = append(problems, fmt.Errorf("text %q is missing in %s", key, l))
				continue
			}
			names := placeholders(text)
			if i == 0 {
				want = names
			} else if !slices.Equal(names, want) {
				problems = append(problems, fmt.Errorf("text %q: %s uses %v, %s uses %v", key, kernel.Locales[0], want, l, names))
			}
			if err := checkForms(l, text); err != nil {
				problems = append(problems, fmt.Errorf("text %q in %s: %w", key, l, err))
			}
		}
	}
	return errors.Join(problems...)
}

func placeholders(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	sort.Strings(names)
	return names
}

var pluralForms = map[string]int{"en": 2, "ru": 3, "zh": 1}

func checkForms(locale, text string) error {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if m[2] != "" && strings.Count(m[2], "|") != pluralForms[locale] {
			return fmt.Errorf("%s needs %d forms", m[0], pluralForms[locale])
		}
	}
	return nil
}

// Keys returns every key of any language, sorted.
func (t *Texts) Keys() []string {
	seen := map[string]bool{}
	for _, m := range t.byLocale {
		for k := range m {
			seen[k] = true
		}
	}
	keys := make([]string, 0, len(seen))
	for k := range seen {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// Has reports whether there is a text for key.
func (t *Texts) Has(key string) bool {
	_, ok := t.byLocale[kernel.Locales[0]][key]
	return ok
}

// T returns the text of key in locale; args are name, value pairs for its placeholders. An unknown key is shown
// as ⟦key⟧, so that it is seen, and fails the tests.
func (t *Texts) T(locale, key string, args ...any) string {
	m, ok := t.byLocale[locale]
	if !ok {
		locale = kernel.Locales[0]
		m = t.byLocale[locale]
	}
	text, ok := m[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if !strings.Contains(text, "{") {
		return text
	}
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		m := placeholder.FindStringSubmatch(found)
		value, ok := argument(args, m[1])
		if !ok {
			return found
		}
		if m[2] == "" {
			return fmt.Sprint(value)
		}
		return pluralForm(locale, fmt.Sprint(value), strings.Split(m[2][1:], "|"))
	})
}

func argument(args []any, name string) (any, bool) {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1], true
		}
	}
	return nil, false
}

// pluralForm follows CLDR's cardinal rules for whole numbers.
func pluralForm(locale, number string, forms []string) string {
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || len(forms) != pluralForms[locale] {
		return forms[len(forms)-1]
	}
	n = max(n, -n)
	switch locale {
	case "ru":
		switch {
		case n%10 == 1 && n%100 != 11:
			return forms[0]
		case n%10 >= 2 && n%10 <= 4 && (n%100 < 12 || n%100 > 14):
			return forms[1]
		}
		return forms[2]
	case "en":
		if n == 1 {
			return forms[0]
		}
		return forms[1]
	}
	return forms[0]
}

// Lookup is T for kernel/web: "" for a key there is no text for.
func (t *Texts) Lookup(locale, key string, values map[string]string) string {
	return t.said(locale, key, "", values)
}

// Error returns what a person is told about err, in locale: the text "error.<slug>", or the English message
// when there is none for a slug that came from elsewhere.
func (t *Texts) Error(locale string, err error) string {
	e := kernel.AsError(err)
	return t.said(locale, "error."+e.Slug, e.Message, e.Args)
}

// FieldErrors returns the translated text of every wrong field of err, by field path; empty when err names none.
func (t *Texts) FieldErrors(locale string, err error) map[string]string {
	out := map[string]string{}
	if err == nil {
		return out
	}
	for _, f := range kernel.AsError(err).Fields {
		if _, first := out[f.Path]; !first {
			out[f.Path] = t.said(locale, f.Slug, f.Message, f.Args)
		}
	}
	return out
}

func (t *Texts) said(locale, key, message string, values map[string]string) string {
	if !t.Has(key) {
		return message
	}
	var args []any
	for k, v := range values {
		args = append(args, k, v)
	}
	return t.T(locale, key, args...)
}
