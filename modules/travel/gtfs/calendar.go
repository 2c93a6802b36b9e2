package gtfs

import (
	"slices"
	"time"
)

// Service is a set of days: weekdays within a span, with exceptions ("calendar.txt", "calendar_dates.txt").
type Service struct {
	ID             string
	Weekdays       [7]bool // by time.Weekday
	From, Until    Day     // the first and the last day; Undated for one that has exceptions only
	Added, Removed []Day   // in order
}

// Runs reports whether the service is in operation on a day.
func (s Service) Runs(d Day) bool {
	if _, added := slices.BinarySearch(s.Added, d); added {
		return true
	}
	if _, removed := slices.BinarySearch(s.Removed, d); removed {
		return false
	}
	return s.From != Undated && s.From <= d && d <= s.Until && s.Weekdays[d.Weekday()]
}

// Days are the days of the service from one up to another, which is the last.
func (s Service) Days(from, until Day) (out []Day) {
	first, last := s.span()
	for d := max(from, first); d <= min(until, last); d++ {
		if s.Runs(d) {
			out = append(out, d)
		}
	}
	return out
}

// span is the first and the last day on which the service may run; the last is before the first where there is none.
func (s Service) span() (first, last Day) {
	first, last = s.From, s.Until
	if first == Undated {
		first, last = 0, -1
	}
	if n := len(s.Added); n > 0 {
		if last < first {
			return s.Added[0], s.Added[n-1]
		}
		first, last = min(first, s.Added[0]), max(last, s.Added[n-1])
	}
	return first, last
}

// Span is the first and the last day on which anything may run.
func (f Feed) Span() (first, last Day) {
	first, last = 0, -1
	for _, s := range f.Services {
		a, b := s.span()
		switch {
		case b < a:
		case last < first:
			first, last = a, b
		default:
			first, last = min(first, a), max(last, b)
		}
	}
	return first, last
}

var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// calendar reads a row of "calendar.txt".
func (r *reader) calendar(w *row) {
	s := Service{ID: w.id("service_id", true)}
	for d := time.Sunday; d <= time.Saturday; d++ {
		s.Weekdays[d] = w.choice(weekdays[d], true, 1) == 1
	}
	from, ok1 := w.day("start_date", true)
	until, ok2 := w.day("end_date", true)
	if ok1 && ok2 && until < from {
		w.add("end_date", "end-before")
	}
	s.From, s.Until = from, until
	if w.once("service_id", s.ID, r.services) {
		r.addService(w, s)
	}
}

func (r *reader) addService(w *row, s Service) {
	r.services[s.ID] = len(r.feed.Services)
	r.feed.Services = append(r.feed.Services, s)
	if len(r.feed.Services) == MaxServices+1 {
		w.add("service_id", "services-many")
	}
}

// calendarDate reads a row of "calendar_dates.txt". A service may stand here alone.
func (r *reader) calendarDate(w *row) {
	id := w.id("service_id", true)
	d, ok := w.day("date", true)
	kind, fine := w.whole("exception_type", true, 1, 2)
	if id == "" || !ok || !fine {
		return
	}
	key := id + "\n" + d.String()
	if r.exceptions[key] {
		w.add("date", "row-twice")
		return
	}
	r.exceptions[key] = true
	i, there := r.services[id]
	if !there {
		i = len(r.feed.Services)
		r.addService(w, Service{ID: id, From: Undated, Until: Undated})
	}
	if kind == 1 {
		r.feed.Services[i].Added = append(r.feed.Services[i].Added, d)
	} else {
		r.feed.Services[i].Removed = append(r.feed.Services[i].Removed, d)
	}
}
