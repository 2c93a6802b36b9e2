package medical

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"townhall/modules/kernel"
	"townhall/modules/kernel/ui"
)

// Words for times. A visit is shown by the clock of its place, whatever the municipality's is.

func (s *Service) t(r *http.Request, key string, args ...any) string {
	return s.say(kernel.LocaleOf(r.Context()), key, args...)
}

// say is a text of the citizen's part: "times.title" is medical.citizen.times.title.
func (s *Service) say(locale, key string, args ...any) string {
	return s.Texts.T(locale, "medical.citizen."+key, args...)
}

// weekday is "Wednesday".
func (s *Service) weekday(locale string, t time.Time) string {
	return s.say(locale, "weekday."+strconv.Itoa(int(t.Weekday())))
}

// monthDay is "25 November", without the year.
func (s *Service) monthDay(locale string, t time.Time) string {
	return s.say(locale, "month-day", "day", t.Day(), "month", s.say(locale, "month."+strconv.Itoa(int(t.Month()))))
}

// longDay is "Wednesday 25 November 2026" by the clock of zone.
func (s *Service) longDay(locale string, zone *time.Location, t time.Time) string {
	t = t.In(zone)
	return capital(s.say(locale, "day", "weekday", s.weekday(locale, t), "date", ui.Date(locale, zone, t)))
}

// span is day and hours: "Wednesday 25 November 2026, 09:20 to 09:40".
func (s *Service) span(locale string, zone *time.Location, from, to time.Time) string {
	return s.say(locale, "when", "day", s.longDay(locale, zone, from), "from", ui.Clock(zone, from), "to", ui.Clock(zone, to))
}

// momentAt is day and start: "Wednesday 25 November 2026, 09:20".
func (s *Service) momentAt(locale string, zone *time.Location, at time.Time) string {
	sep := ", "
	if locale == "zh" {
		sep = " "
	}
	return s.longDay(locale, zone, at) + sep + ui.Clock(zone, at)
}

// capital begins a sentence; Russian weekdays are written small.
func capital(s string) string {
	for i, c := range s {
		return strings.ToUpper(string(c)) + s[i+len(string(c)):]
	}
	return s
}

// languageName is a language in the reader's language; its tag when we have no word for it.
func (s *Service) languageName(locale, tag string) string {
	base, _, _ := strings.Cut(tag, "-")
	if key := "medical.citizen.language." + base; s.Texts.Has(key) {
		return s.Texts.T(locale, key)
	}
	return tag
}

// distance is "350 m" or "1.2 km".
func (s *Service) distance(locale string, metres float64) string {
	if metres < 950 {
		return s.say(locale, "times.metres", "n", int(metres/50+1)*50)
	}
	n := strconv.FormatFloat(metres/1000, 'f', 1, 64)
	if metres >= 10_000 {
		n = strconv.Itoa(int(metres / 1000))
	}
	if locale == "ru" {
		n = strings.Replace(n, ".", ",", 1)
	}
	return s.say(locale, "times.km", "n", n)
}
