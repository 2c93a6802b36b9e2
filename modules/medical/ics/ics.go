// Package ics writes the calendar file of one appointment: iCalendar (RFC 5545), with the properties of RFC 7986 for
// a file a calendar program subscribes to. It is pure: the same Event gives the same bytes, and nothing is read but
// Go's time zone data.
package ics

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MediaType is what a file is served as (RFC 5545 §8.1); "; method=" and the Method follow in a message.
const MediaType = "text/calendar; charset=utf-8"

// Event is one appointment. Texts are plain and already in one language; Write escapes them.
type Event struct {
	Product  string    // who wrote the file, e.g. "-//Townhall//Appointments//EN" (§3.7.3)
	UID      string    // the same through every change of the appointment (§3.8.4.7)
	Sequence int       // grows with every change people must see: another time, cancelled (§3.8.7.4)
	Created  time.Time // left out when zero
	Stamp    time.Time // when this state of the appointment came to be (§3.8.7.2)

	Start, End time.Time
	Zone       string // IANA name of the place's zone; its clock is what people read
	Cancelled  bool

	Locale      string // BCP 47, of the texts
	Summary     string
	Description string
	Location    string
	Geo         *Geo
	URL         string

	Alarm     time.Duration // how long before the start it reminds; none when zero or cancelled
	AlarmText string

	// Feed makes it a file calendar programs fetch again and again instead of a message sent once: METHOD stays
	// PUBLISH when the appointment is cancelled, which STATUS says, and RFC 7986 properties tell how to keep up.
	Feed    bool
	Name    string        // of the calendar (RFC 7986 §5.1)
	Source  string        // where the file can be fetched again (RFC 7986 §5.8)
	Refresh time.Duration // how often that is worth while (RFC 7986 §5.7)
}

// Geo is a position in decimal degrees (§3.8.1.6).
type Geo struct{ Lat, Lon float64 }

// Method is how the file wants to be taken (§3.7.2): "PUBLISH", or "CANCEL" for one that takes back what was published.
func (e Event) Method() string {
	if e.Cancelled && !e.Feed {
		return "CANCEL"
	}
	return "PUBLISH"
}

// Write makes the file. Errors: an event without UID, product, stamp or start, one that ends before it starts, a zone
// this machine does not know. The caller's data is wrong then, not the citizen's.
func (e Event) Write() ([]byte, error) {
	zone, err := e.check()
	if err != nil {
		return nil, err
	}
	var w writer
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.line("PRODID", text(e.Product))
	w.line("CALSCALE", "GREGORIAN")
	w.line("METHOD", e.Method())
	if e.Feed {
		w.feed(e)
	}
	local := zone != time.UTC && !ambiguous(e.Start, zone) && !ambiguous(e.End, zone)
	if local {
		w.timezone(zone, e.Start, e.End)
	}
	w.event(e, zone, local)
	w.line("END", "VCALENDAR")
	return w.out, nil
}

func (e Event) check() (*time.Location, error) {
	switch {
	case e.UID == "" || e.Product == "" || e.Summary == "":
		return nil, errors.New("ics: an event needs a UID, a product and a summary")
	case e.Stamp.IsZero() || e.Start.IsZero():
		return nil, errors.New("ics: an event needs a stamp and a start")
	case !e.End.After(e.Start):
		return nil, errors.New("ics: an event ends after it starts")
	case e.Sequence < 0:
		return nil, errors.New("ics: a sequence counts from 0")
	}
	if e.Zone == "" || e.Zone == "UTC" || e.Zone == "Etc/UTC" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(e.Zone)
	if err != nil {
		return nil, fmt.Errorf("ics: %w", err)
	}
	return zone, nil
}

func (w *writer) feed(e Event) {
	if e.Name != "" {
		w.line("NAME"+language(e.Locale), text(e.Name))
		w.line("X-WR-CALNAME", text(e.Name)) // what programs older than RFC 7986 read
	}
	if e.Refresh > 0 {
		w.line("REFRESH-INTERVAL;VALUE=DURATION", duration(e.Refresh))
		w.line("X-PUBLISHED-TTL", duration(e.Refresh))
	}
	if e.Source != "" {
		w.line("SOURCE;VALUE=URI", uri(e.Source))
	}
}

func (w *writer) event(e Event, zone *time.Location, local bool) {
	w.line("BEGIN", "VEVENT")
	w.line("UID", text(e.UID))
	w.line("DTSTAMP", utc(e.Stamp))
	w.line("SEQUENCE", strconv.Itoa(e.Sequence))
	if !e.Created.IsZero() {
		w.line("CREATED", utc(e.Created))
	}
	w.line("LAST-MODIFIED", utc(e.Stamp))
	w.moment("DTSTART", e.Start, zone, local)
	w.moment("DTEND", e.End, zone, local)
	w.line("SUMMARY"+language(e.Locale), text(e.Summary))
	if e.Description != "" {
		w.line("DESCRIPTION"+language(e.Locale), text(e.Description))
	}
	if e.Location != "" {
		w.line("LOCATION"+language(e.Locale), text(e.Location))
	}
	if e.Geo != nil {
		w.line("GEO", degrees(e.Geo.Lat)+";"+degrees(e.Geo.Lon))
	}
	if e.URL != "" {
		w.line("URL", uri(e.URL))
	}
	w.line("CLASS", "PRIVATE") // a visit to a doctor is nobody else's business (§3.8.1.3)
	if e.Cancelled {
		w.line("STATUS", "CANCELLED")
		w.line("TRANSP", "TRANSPARENT") // the hour is free again
	} else {
		w.line("STATUS", "CONFIRMED")
		w.line("TRANSP", "OPAQUE")
		w.alarm(e)
	}
	w.line("END", "VEVENT")
}

func (w *writer) alarm(e Event) {
	if e.Alarm <= 0 {
		return
	}
	said := e.AlarmText
	if said == "" {
		said = e.Summary
	}
	w.line("BEGIN", "VALARM")
	w.line("ACTION", "DISPLAY")
	w.line("TRIGGER", "-"+duration(e.Alarm))
	w.line("DESCRIPTION"+language(e.Locale), text(said))
	w.line("END", "VALARM")
}

// moment writes a point in time: by the place's clock, or in UTC when local is false.
func (w *writer) moment(name string, t time.Time, zone *time.Location, local bool) {
	if !local {
		w.line(name, utc(t))
		return
	}
	w.line(name+";TZID="+zone.String(), t.In(zone).Format(localForm))
}

const (
	localForm = "20060102T150405"
	utcForm   = "20060102T150405Z"
)

func utc(t time.Time) string { return t.UTC().Format(utcForm) }

// duration is a positive DURATION (§3.3.6). Whole days stay days, so that a reminder comes at the same time of day
// when the clocks change in between.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day == 0 {
		return "P" + strconv.Itoa(int(d/day)) + "D"
	}
	d = d.Round(time.Second)
	s := "PT"
	if h := d / time.Hour; h > 0 {
		s += strconv.Itoa(int(h)) + "H"
	}
	if m := d % time.Hour / time.Minute; m > 0 {
		s += strconv.Itoa(int(m)) + "M"
	}
	if sec := d % time.Minute / time.Second; sec > 0 || s == "PT" {
		s += strconv.Itoa(int(sec)) + "S"
	}
	return s
}

func degrees(f float64) string { return strconv.FormatFloat(f, 'f', 6, 64) }

func language(locale string) string {
	if locale == "" {
		return ""
	}
	return ";LANGUAGE=" + locale
}

// text escapes a TEXT value (§3.3.11). Control characters, which a content line cannot hold (§3.1), are dropped.
func text(s string) string {
	var b strings.Builder
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	for _, c := range s {
		switch {
		case c == '\\' || c == ';' || c == ',':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n' || c == '\r':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteByte(' ')
		case c < ' ' || c == 0x7f:
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// uri drops what no URI holds, so that an address cannot end the line it stands on.
func uri(s string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c == 0x7f || c == utf8.RuneError {
			return -1
		}
		return c
	}, s)
}

// writer collects content lines: CRLF at the end, folded at 75 octets (§3.1).
type writer struct{ out []byte }

const lineOctets = 75

func (w *writer) line(name, value string) {
	rest := name + ":" + value
	for room := lineOctets; len(rest) > room; room = lineOctets - 1 {
		cut := room
		for !utf8.RuneStart(rest[cut]) { // a character stays in one piece
			cut--
		}
		w.out = append(w.out, rest[:cut]...)
		w.out = append(w.out, "\r\n "...)
		rest = rest[cut:]
	}
	w.out = append(w.out, rest...)
	w.out = append(w.out, "\r\n"...)
}
