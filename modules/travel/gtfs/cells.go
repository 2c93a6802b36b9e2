package gtfs

import (
	"math"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// The types of cells are those of the reference ("Field Types").

// raw is a cell without the blanks around it; empty for a column that is not there.
func (w *row) raw(column string) string {
	i, ok := w.place[column]
	if !ok {
		return ""
	}
	return strings.TrimSpace(w.cells[i])
}

// id reads an ID: any characters, compared as they are.
func (w *row) id(column string, needed bool) string {
	s := w.raw(column)
	switch {
	case s == "":
		if needed {
			w.add(column, "empty")
		}
	case len(s) > 200:
		w.add(column, "long")
	default:
		if slug := unshown(s); slug != "" {
			w.add(column, slug)
		} else {
			return s
		}
	}
	return ""
}

// text reads a text of at most most characters, normalised (Unicode NFC).
func (w *row) text(column string, needed bool, most int) string {
	s := w.raw(column)
	if s == "" {
		if needed {
			w.add(column, "empty")
		}
		return ""
	}
	if slug := unshown(s); slug != "" {
		w.add(column, slug)
		return ""
	}
	s = norm.NFC.String(s)
	if utf8.RuneCountInString(s) > most {
		w.add(column, "long")
		return ""
	}
	return s
}

// unshown tells why a text cannot stand in one line of a page, or nothing.
func unshown(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "utf8"
	case strings.ContainsAny(s, "\n\r\t"):
		return "break"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "control"
	}
	return ""
}

// whole reads a whole number; ok is false for an empty cell and a wrong one.
func (w *row) whole(column string, needed bool, low, high int) (n int, ok bool) {
	s := w.raw(column)
	if s == "" {
		if needed {
			w.add(column, "empty")
		}
		return 0, false
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		w.add(column, "whole")
		return 0, false
	case n < low || n > high:
		w.add(column, "range")
		return 0, false
	}
	return n, true
}

// choice reads an Enum from 0 to high; an empty cell that may be is 0.
func (w *row) choice(column string, needed bool, high int) int {
	s := w.raw(column)
	if s == "" {
		if needed {
			w.add(column, "empty")
		}
		return 0
	}
	n, ok := digits(s)
	if !ok || len(s) > 4 || n > high {
		w.add(column, "choice")
		return 0
	}
	return n
}

// number reads a Float of a range.
func (w *row) number(column string, needed bool, low, high float64) (f float64, ok bool) {
	s := w.raw(column)
	if s == "" {
		if needed {
			w.add(column, "empty")
		}
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || math.IsNaN(f) || math.IsInf(f, 0):
		w.add(column, "number")
		return 0, false
	case f < low || f > high:
		w.add(column, "range")
		return 0, false
	}
	return f, true
}

// day reads a Date.
func (w *row) day(column string, needed bool) (Day, bool) {
	s := w.raw(column)
	if s == "" {
		if needed {
			w.add(column, "empty")
		}
		return Undated, false
	}
	d, ok := ParseDay(s)
	if !ok {
		w.add(column, "date")
	}
	return d, ok
}

// time reads a Time; ok is false for an empty cell and a wrong one.
func (w *row) time(column string, needed bool) (seconds int, ok bool) {
	s := w.raw(column)
	if s == "" {
		if needed {
			w.add(column, "empty")
		}
		return 0, false
	}
	if seconds, ok = parseTime(s); !ok {
		w.add(column, "time")
		return 0, false
	}
	return seconds, true
}

// color reads a Color.
func (w *row) color(column string) string {
	s := w.raw(column)
	if s != "" && (len(s) != 6 || strings.Trim(s, "0123456789abcdefABCDEF") != "") {
		w.add(column, "color")
		return ""
	}
	return strings.ToLower(s)
}

// link reads a URL.
func (w *row) link(column string, needed bool) string {
	s := w.text(column, needed, 500)
	if s == "" {
		return ""
	}
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		w.add(column, "link")
		return ""
	}
	return s
}

// email reads an Email.
func (w *row) email(column string) string {
	s := w.text(column, false, 254)
	if s == "" {
		return ""
	}
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		w.add(column, "email")
		return ""
	}
	return s
}

// zone reads a Timezone. "Local" is what Go calls the zone of this machine, which no feed can mean.
func (w *row) zone(column string, needed bool) string {
	s := w.id(column, needed)
	if s == "" {
		return ""
	}
	if !w.r.zones[s] {
		if _, err := time.LoadLocation(s); err != nil || s == "Local" {
			w.add(column, "zone")
			return ""
		}
		w.r.zones[s] = true
	}
	return s
}

// lang reads a Language code (BCP 47); "mul" stands for several.
func (w *row) lang(column string, needed bool) string {
	s := w.id(column, needed)
	if s == "" {
		return ""
	}
	if _, err := language.Parse(s); err != nil {
		w.add(column, "lang")
		return ""
	}
	return s
}
