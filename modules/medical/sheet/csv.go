package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"townhall/modules/kernel"
	"townhall/modules/kernel/lines"
	"townhall/modules/medical/calendar"
)

type reader struct {
	problems lines.Problems
	book     Book
	known    Known
	seen     map[string]bool // "places/harbour": a key of an earlier row
}

// row is one row of a table, read cell by cell.
type row struct {
	r     *reader
	file  string
	line  int
	table string
	cells map[string]string
}

func (w row) add(column, slug, message string) {
	w.r.problems.Add(w.file, w.line, column, slug, message)
}

var bom = []byte("\xef\xbb\xbf")

// table reads one file. A quote in the wrong place ends the reading: nobody can tell where the next row begins.
func (r *reader) table(table string, f lines.File) {
	data := bytes.TrimPrefix(f.Data, bom)
	if len(data) > MaxBytes {
		r.problems.Add(f.Name, 0, "", "file-long", "is larger than 4 MiB")
		return
	}
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord = -1
	var header []string
	for n := 0; ; n++ {
		cells, err := c.Read()
		if err == io.EOF {
			break
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			r.problems.Add(f.Name, wrong.Line, "", "quotes", "has a quotation mark where RFC 4180 allows none; what follows was not read")
			return
		}
		line, _ := c.FieldPos(0)
		switch {
		case n == 0:
			if header = r.header(table, f.Name, cells); header == nil {
				return
			}
		case n > MaxRows:
			r.problems.Add(f.Name, line, "", "rows", "is beyond the rows that are read")
			return
		case len(cells) != len(header):
			r.problems.Add(f.Name, line, "", "cells", "has another number of cells than the header")
		default:
			r.row(table, row{r, f.Name, line, table, named(header, cells)})
		}
	}
	if header == nil {
		r.problems.Add(f.Name, 0, "", "empty-file", "is empty")
	}
}

func named(header, cells []string) map[string]string {
	out := make(map[string]string, len(header))
	for i, name := range header {
		out[name] = cells[i]
	}
	return out
}

// header checks the names of the columns; nil when the rows cannot be understood without them.
func (r *reader) header(table, file string, cells []string) []string {
	names, required := Columns(table)
	var header []string
	fine := true
	problem := func(column, slug, message string) {
		r.problems.Add(file, 1, column, slug, message)
		fine = false
	}
	if len(cells) == 1 && strings.ContainsAny(cells[0], ";\t") {
		problem("", "separator", "separates its cells by something else than a comma")
		return nil
	}
	for _, c := range cells {
		name := strings.ToLower(strings.TrimSpace(c))
		switch {
		case !slices.Contains(names, name):
			if utf8.RuneCountInString(name) > 60 || strings.ContainsFunc(name, control) {
				name = ""
			}
			problem(name, "column", "is no column of this table")
		case slices.Contains(header, name):
			problem(name, "column-twice", "stands twice in the header")
		}
		header = append(header, name)
	}
	for _, n := range names {
		if required[n] && !slices.Contains(header, n) {
			problem(n, "column-missing", "is missing in the header")
		}
	}
	if !fine {
		return nil
	}
	return header
}

func control(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }

// text reads a cell of 1 to most characters; an empty one that may be is "".
func (w row) text(column string, required bool, most int) string {
	s := norm.NFC.String(strings.TrimSpace(w.cells[column]))
	switch {
	case !utf8.ValidString(w.cells[column]):
		w.add(column, "utf8", "is not UTF-8")
		return ""
	case strings.ContainsFunc(s, control):
		w.add(column, "control", "holds a character that cannot be shown")
		return ""
	case s == "" && required:
		w.add(column, "empty", "is empty")
	case utf8.RuneCountInString(s) > most:
		w.add(column, "long", "is too long")
		return ""
	}
	return s
}

// texts reads a text in every language there is.
func (w row) texts(column string, required bool, most int) kernel.Text {
	out := kernel.Text{}
	if s := w.text(column, required, most); s != "" {
		out[kernel.Locales[0]] = s
	}
	for _, l := range kernel.Locales[1:] {
		if s := w.text(column+"_"+l, false, most); s != "" {
			out[l] = s
		}
	}
	return out
}

// code reads a name by which rows refer to each other: small letters, digits and hyphens.
func (w row) code(column string, required bool) string {
	s := w.text(column, required, 60)
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		w.add(column, "code", "may have small letters, digits, dots and hyphens only")
		return ""
	}
	return s
}

// codes reads a list of codes with spaces between them.
func (w row) codes(column string, required bool) []string {
	var out []string
	for _, s := range strings.Fields(w.text(column, required, 600)) {
		if strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			w.add(column, "code", "may have small letters, digits, dots and hyphens only")
			return nil
		}
		out = append(out, s)
	}
	return out
}

// whole reads a whole number; ok is false for an empty cell and a wrong one.
func (w row) whole(column string, required bool, low, high int) (n int, ok bool) {
	s := w.text(column, required, 12)
	if s == "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		w.add(column, "whole", "must be a whole number")
		return 0, false
	case n < low || n > high:
		w.add(column, "range", "is out of range")
		return 0, false
	}
	return n, true
}

func (w row) degrees(column string, most float64) (float64, bool) {
	s := w.text(column, false, 30)
	if s == "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil || f != f:
		w.add(column, "number", "must be a number")
		return 0, false
	case f < -most || f > most:
		w.add(column, "range", "is out of range")
		return 0, false
	}
	return f, true
}

func (w row) date(column string, required bool) calendar.Date {
	s := w.text(column, required, 20)
	if s == "" {
		return calendar.Date{}
	}
	d, err := calendar.ParseDate(s)
	if err != nil {
		w.add(column, "date", "is not a date, such as 2026-11-23")
	}
	return d
}

func (w row) clock(column string) calendar.Clock {
	s := w.text(column, true, 10)
	if s == "" {
		return 0
	}
	c, err := calendar.ParseClock(s)
	if err != nil {
		w.add(column, "time", "is not a time of day, such as 09:00")
	}
	return c
}

// known checks that a code names something: of these tables or there already.
func (w row) names(column, code, table string, known []string) {
	if code != "" && !w.r.seen[table+"/"+code] && !slices.Contains(known, code) {
		w.add(column, "reference", "names nothing that is there or in these files")
	}
}

// once checks that a key stands in one row of a table.
func (w row) once(column, key string) {
	if key == "" {
		return
	}
	if w.r.seen[w.table+"/"+key] {
		w.add(column, "row-twice", "stands in an earlier row too")
	}
	w.r.seen[w.table+"/"+key] = true
}
