package web

import (
	"net/http"
	"slices"

	"golang.org/x/text/language"

	"townhall/modules/kernel"
)

// LocaleCookie keeps the language a person chose; the citizen module's language form sets it.
const LocaleCookie = "lang"

var matcher = func() language.Matcher {
	tags := make([]language.Tag, len(kernel.Locales))
	for i, l := range kernel.Locales {
		tags[i] = language.MustParse(l)
	}
	return language.NewMatcher(tags)
}()

// localeOf picks the language: what the person chose, else what the browser or client asks for
// (RFC 9110 §12.5.4), else the first we have.
func localeOf(r *http.Request) string {
	if c, err := r.Cookie(LocaleCookie); err == nil && slices.Contains(kernel.Locales, c.Value) {
		return c.Value
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(wanted) == 0 {
		return kernel.Locales[0]
	}
	_, i, confidence := matcher.Match(wanted...)
	if confidence == language.No {
		return kernel.Locales[0]
	}
	return kernel.Locales[i]
}
