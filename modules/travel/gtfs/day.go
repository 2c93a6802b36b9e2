package gtfs

import "time"

// Day is a day of service: the number of days since 1 January 1970.
type Day int

// Undated is the day of what has none.
const Undated Day = -1 << 31

// DayOf is the date of a calendar day.
func DayOf(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / secondsADay)
}

// DayAt is the date of a moment in a zone.
func DayAt(t time.Time, zone *time.Location) Day { return DayOf(t.In(zone).Date()) }

// ParseDay reads a date as it stands in a feed, YYYYMMDD.
func ParseDay(s string) (Day, bool) {
	t, err := time.Parse("20060102", s)
	if err != nil || t.Year() < 1900 || t.Year() > 2200 {
		return Undated, false
	}
	return DayOf(t.Date()), true
}

const secondsADay = 86_400

func (d Day) midnight() time.Time { return time.Unix(int64(d)*secondsADay, 0).UTC() }

// String is the date as YYYY-MM-DD.
func (d Day) String() string {
	if d == Undated {
		return ""
	}
	return d.midnight().Format(time.DateOnly)
}

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return d.midnight().Weekday() }

// At is the moment a number of seconds after noon minus 12 hours of a service day ("stop_times.txt", arrival_time).
// That is midnight on every day but those on which the clocks change: there 08:00:00 is still eight o'clock, and
// what stands before the change is as far from noon as the vehicle really is.
func At(d Day, seconds int, zone *time.Location) time.Time {
	y, m, day := d.midnight().Date()
	return time.Date(y, m, day, 12, 0, 0, 0, zone).Add(time.Duration(seconds)*time.Second - 12*time.Hour)
}

// longestTime bounds a time in a feed: a ship may be under way for days, but not for more than a week.
const longestTime = 7 * secondsADay

// parseTime reads H:MM:SS or HH:MM:SS, which may be beyond 24 hours.
func parseTime(s string) (int, bool) {
	if len(s) < 7 || len(s) > 9 || s[len(s)-3] != ':' || s[len(s)-6] != ':' {
		return 0, false
	}
	h, ok1 := digits(s[:len(s)-6])
	m, ok2 := digits(s[len(s)-5 : len(s)-3])
	sec, ok3 := digits(s[len(s)-2:])
	t := h*3600 + m*60 + sec
	return t, ok1 && ok2 && ok3 && m < 60 && sec < 60 && t <= longestTime
}

func digits(s string) (n int, ok bool) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, s != ""
}

// clock writes seconds as HH:MM:SS.
func clock(seconds int) string {
	two := func(n int) string { return string([]byte{byte('0' + n/10%10), byte('0' + n%10)}) }
	s := two(seconds/60%60) + ":" + two(seconds%60)
	if h := seconds / 3600; h < 100 {
		return two(h) + ":" + s
	}
	return string([]byte{byte('0' + seconds/360_000)}) + two(seconds/3600%100) + ":" + s
}
