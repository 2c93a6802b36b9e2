package calendar

import (
	"cmp"
	"slices"
	"time"

	"townhall/modules/kernel"
)

// Plan is one weekly, monthly or other regular schedule at one place.
type Plan struct {
	Rule       string         // RFC 5545 §3.3.10, whole days: see ParseRule
	From       Clock          // a session's first moment on the wall
	Until      Clock          // its end; not later than From means the next day
	Minutes    int            // length of a slot
	Zone       *time.Location // of the place
	ValidFrom  Date           // the first day; what a rule's COUNT and INTERVAL count from
	ValidUntil Date           // the last day; zero: no end
}

// Bounds of a plan.
const (
	MinMinutes = 5
	MaxMinutes = 8 * 60
	// MaxDays is the longest period Sessions is asked for at once.
	MaxDays = 731
)

// Extra is a session outside the rule. It takes place on a holiday too: that is what it is for.
type Extra struct {
	Date        Date
	From, Until Clock
	Minutes     int // length of a slot; 0: the plan's
}

// Block is a span in which nothing takes place, such as leave or works in a room.
type Block struct{ From, Until time.Time }

// Exceptions are what a plan is changed by.
type Exceptions struct {
	Holidays map[Date]bool // no session of the plan begins on these days
	Blocks   []Block       // no slot touches these spans, of extra sessions neither
	Extras   []Extra
}

// Session is one stretch of work.
type Session struct {
	Date       Date // on which it begins
	Start, End time.Time
	Extra      bool
	Holiday    bool // it would take place if the day were not a holiday; it has no slots
	Slots      []Slot
}

// Slot is one time that can be booked.
type Slot struct{ Start, End time.Time }

// Check says what is wrong with a plan: kernel.Invalid with the fields rule, from, until, minutes, zone, valid_from
// and valid_until.
func (p Plan) Check() error {
	fields := p.checkHours()
	if p.Zone == nil {
		fields = append(fields, problem("zone", "zone", "This is not a time zone, such as Europe/London."))
	}
	switch {
	case p.ValidFrom.IsZero():
		fields = append(fields, problem("valid_from", "valid-from", "Give the first day, as YYYY-MM-DD."))
	case !p.ValidUntil.IsZero() && p.ValidUntil.Before(p.ValidFrom):
		fields = append(fields, problem("valid_until", "valid-until", "The last day is before the first."))
	}
	if r, err := ParseRule(p.Rule); err != nil {
		fields = append(fields, *err)
	} else if len(fields) == 0 && !r.happens(p.ValidFrom, p.ValidUntil) {
		fields = append(fields, problem("rule", "rule-never", "By this rule there is never a session."))
	}
	if len(fields) > 0 {
		return kernel.InvalidFields(fields...)
	}
	return nil
}

func (p Plan) checkHours() (fields []kernel.FieldError) {
	if p.From < 0 || p.From >= Midnight {
		fields = append(fields, problem("from", "time", "Give a time of day, as HH:MM."))
	}
	if p.Until < 0 || p.Until > Midnight || p.Until == p.From {
		fields = append(fields, problem("until", "until", "The end has to be another time than the beginning."))
	}
	if p.Minutes < MinMinutes || p.Minutes > MaxMinutes {
		fields = append(fields, problem("minutes", "minutes", "A slot lasts 5 to 480 minutes."))
	}
	if len(fields) == 0 && p.Minutes > length(p.From, p.Until) {
		fields = append(fields, problem("minutes", "minutes-session", "A slot is longer than the whole session."))
	}
	return fields
}

func problem(path, slug, message string) kernel.FieldError {
	return kernel.FieldError{Path: path, Slug: "medical.setup.problem." + slug, Message: message}
}

// length is what the wall says of a session's length, in minutes.
func length(from, until Clock) int {
	if until <= from {
		until += Midnight
	}
	return int(until - from)
}

// Sessions are the sessions of a plan which begin on the days from … until (both included), in order of their
// start, holidays and extra sessions among them. No two of their slots overlap: where a session reaches into the
// next one, the earlier slot stays, and of the plan's own and an extra one the plan's own. Errors as Check; a
// period is at most MaxDays long.
func Sessions(p Plan, e Exceptions, from, until Date) ([]Session, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if until.Before(from) || from.AddDays(MaxDays).Before(until) {
		return nil, kernel.InvalidFields(problem("until", "period", "This period is too long, or ends before it begins."))
	}
	var out []Session
	for _, d := range p.days(from, until) {
		s := p.session(d, p.From, p.Until)
		s.Holiday = e.Holidays[d]
		out = append(out, s)
	}
	for i := range out {
		if !out[i].Holiday {
			out[i].Slots = cut(out[i], p.Minutes)
		}
	}
	for _, x := range e.Extras {
		if x.Date.Before(from) || until.Before(x.Date) {
			continue
		}
		s := p.session(x.Date, x.From, x.Until)
		s.Extra, s.Slots = true, cut(s, cmp.Or(x.Minutes, p.Minutes))
		out = append(out, s)
	}
	out = slices.DeleteFunc(out, func(s Session) bool { return !s.End.After(s.Start) })
	untangle(out)
	for i := range out {
		out[i].Slots = slices.DeleteFunc(out[i].Slots, e.blocked)
	}
	slices.SortStableFunc(out, func(a, b Session) int { return a.Start.Compare(b.Start) })
	return out, nil
}

// session is a stretch of one day by the wall, without its slots.
func (p Plan) session(d Date, from, until Clock) Session {
	last := d
	if until <= from {
		last = d.AddDays(1)
	}
	return Session{Date: d, Start: At(d, from, p.Zone), End: At(last, until, p.Zone)}
}

// days are the days on which the plan has a session, those before today's holidays are taken out.
func (p Plan) days(from, until Date) []Date {
	if from.Before(p.ValidFrom) {
		from = p.ValidFrom
	}
	if !p.ValidUntil.IsZero() && p.ValidUntil.Before(until) {
		until = p.ValidUntil
	}
	if until.Before(from) {
		return nil
	}
	r, problem := ParseRule(p.Rule)
	if problem != nil {
		return nil // Check has refused it
	}
	return r.days(p.ValidFrom, from, until, func(d Date) time.Time { return At(d, p.From, p.Zone) })
}

// cut divides a session into slots of full length.
func cut(s Session, minutes int) []Slot {
	step := time.Duration(minutes) * time.Minute
	var out []Slot
	for t := s.Start; !t.Add(step).After(s.End); t = t.Add(step) {
		out = append(out, Slot{t, t.Add(step)})
	}
	return out
}

// untangle takes out slots that overlap one that goes before it: of the plan's own sessions the earlier, and these
// before extra ones. Sessions come in that order.
func untangle(sessions []Session) {
	var taken []Slot
	for i := range sessions {
		s := &sessions[i]
		s.Slots = slices.DeleteFunc(s.Slots, func(x Slot) bool {
			at, _ := slices.BinarySearchFunc(taken, x.Start, func(t Slot, start time.Time) int { return t.Start.Compare(start) })
			return at > 0 && taken[at-1].End.After(x.Start) || at < len(taken) && taken[at].Start.Before(x.End)
		})
		taken = append(taken, s.Slots...)
		slices.SortFunc(taken, func(a, b Slot) int { return a.Start.Compare(b.Start) })
	}
}

func (e Exceptions) blocked(s Slot) bool {
	return slices.ContainsFunc(e.Blocks, func(b Block) bool { return s.Start.Before(b.Until) && b.From.Before(s.End) })
}
