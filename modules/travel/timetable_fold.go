package travel

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"townhall/modules/kernel"
)

// fold is a name as it is searched: small letters without accents, one blank between words (Unicode NFKD). "Ёлкино" is
// found by "елкино", "Île" by "ile", full-width letters by plain ones.
func fold(s string) string {
	words := strings.FieldsFunc(strings.ToLower(strip(s)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	return strings.Join(words, " ")
}

func strip(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
}

// betweenNames stands between the names of a stop in different languages: no word of a query reaches across it.
const betweenNames = " | "

// foldAll are the names of a stop in all languages, each once.
func foldAll(t kernel.Text) string {
	var out []string
	for _, l := range kernel.Locales {
		if s := fold(t[l]); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return betweenNames + strings.Join(out, betweenNames) + betweenNames
}

// firstName is the first of the names that foldAll has put together.
func firstName(folded string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(folded, betweenNames), betweenNames)
	return name
}
