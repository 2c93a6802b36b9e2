package calendar

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/teambition/rrule-go"

	"townhall/modules/kernel"
)

// Rule is a recurrence rule that was understood.
type Rule struct {
	option rrule.ROption
	last   time.Time // UNTIL as a moment: a session that begins later is none
}

// longestRule is more than any rule people write needs.
const longestRule = 300

// parts are the parts of a rule that choose days (RFC 5545 §3.3.10). Those that choose hours, minutes and seconds
// are the plan's own matter: its From and Minutes.
var parts = []string{"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"}

// ParseRule reads the value of an RRULE, such as "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH". It is strict where the
// library is not: a part twice, COUNT together with UNTIL, a number before a weekday in a weekly rule and every
// number out of its range are refused. UNTIL is a date or a moment in UTC.
func ParseRule(s string) (Rule, *kernel.FieldError) {
	s = strings.ToUpper(strings.TrimSpace(s))
	values, ok := split(s)
	if !ok || !inRange(values) {
		return Rule{}, &notARule
	}
	var r Rule
	if until := values["UNTIL"]; strings.Contains(until, "T") {
		last, err := time.Parse(rrule.DateTimeFormat, until)
		if err != nil {
			return Rule{}, &notARule
		}
		r.last = last
		s = strings.Replace(s, "UNTIL="+until, "UNTIL="+last.AddDate(0, 0, 1).Format(rrule.DateFormat), 1)
	}
	option, err := rrule.StrToROption(s)
	if err != nil {
		return Rule{}, &notARule
	}
	r.option = *option
	return r, nil
}

var notARule = problem("rule", "rule", "This is not a rule of days as RFC 5545 writes it, such as FREQ=WEEKLY;BYDAY=MO,TH.")

func split(s string) (map[string]string, bool) {
	values := map[string]string{}
	if len(s) > longestRule {
		return nil, false
	}
	for part := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(part, "=")
		if _, twice := values[name]; !ok || twice || value == "" || !slices.Contains(parts, name) {
			return nil, false
		}
		values[name] = value
	}
	return values, true
}

// inRange checks what the grammar of RFC 5545 says of numbers, and which parts exclude each other.
func inRange(v map[string]string) bool {
	if !slices.Contains([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, v["FREQ"]) || v["COUNT"] != "" && v["UNTIL"] != "" {
		return false
	}
	weekly := v["FREQ"] == "WEEKLY"
	switch {
	case weekly && v["BYMONTHDAY"] != "", v["FREQ"] != "YEARLY" && (v["BYYEARDAY"] != "" || v["BYWEEKNO"] != ""):
		return false
	case v["BYSETPOS"] != "" && v["BYDAY"]+v["BYMONTH"]+v["BYMONTHDAY"]+v["BYYEARDAY"]+v["BYWEEKNO"] == "":
		return false
	}
	return numbers(v["INTERVAL"], 1, 1000, false) && numbers(v["COUNT"], 1, 10_000, false) && numbers(v["BYMONTH"], 1, 12, false) &&
		numbers(v["BYMONTHDAY"], 1, 31, true) && numbers(v["BYYEARDAY"], 1, 366, true) && numbers(v["BYWEEKNO"], 1, 53, true) &&
		numbers(v["BYSETPOS"], 1, 366, true) && weekdays(v["BYDAY"], v["FREQ"]) && (v["WKST"] == "" || slices.Contains(dayNames, v["WKST"]))
}

// numbers reports whether a list holds whole numbers of a range; signed lists may count from the end.
func numbers(list string, low, high int, signed bool) bool {
	if list == "" {
		return true
	}
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 && !signed {
			return false
		}
		if n = max(n, -n); n < low || n > high {
			return false
		}
	}
	return true
}

var dayNames = []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}

func weekdays(list, freq string) bool {
	if list == "" {
		return true
	}
	for s := range strings.SplitSeq(list, ",") {
		if len(s) < 2 || !slices.Contains(dayNames, s[len(s)-2:]) {
			return false
		}
		if n := s[:len(s)-2]; n != "" && (freq == "DAILY" || freq == "WEEKLY" || !numbers(n, 1, 53, true)) {
			return false
		}
	}
	return true
}

// days are the days of the rule counted from first, as far as they lie in from … until. startOf tells when a
// session of a day begins: UNTIL as a moment is compared with that.
func (r Rule) days(first, from, until Date, startOf func(Date) time.Time) []Date {
	rule, err := r.from(first, until)
	if err != nil {
		return nil
	}
	var out []Date
	for _, t := range rule.Between(from.utc(), until.utc(), true) {
		if d := DateOf(t, time.UTC); r.last.IsZero() || !startOf(d).After(r.last) {
			out = append(out, d)
		}
	}
	return out
}

// from gives the library the rule with its first day. The library stops at the first day after its end, so the end
// of the period is one: a rule without an end would be counted to the year 9999.
func (r Rule) from(first, until Date) (*rrule.RRule, error) {
	o := r.option
	o.Dtstart = first.utc()
	if o.Until.IsZero() || o.Until.After(until.utc()) {
		o.Until = until.utc()
	}
	return rrule.NewRRule(o)
}

// happens reports whether there is a day at all from first to last; without a last day, within 50 years: the rarest
// rule, a leap day on a given weekday, comes back after 40 at the most.
func (r Rule) happens(first, last Date) bool {
	if last.IsZero() {
		last = first.AddDays(50 * 366)
	}
	rule, err := r.from(first, last)
	return err == nil && !rule.After(first.utc(), true).IsZero()
}
