package gtfs

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"

	"townhall/modules/kernel/lines"
)

// table is a file that is read: its columns, those with a star have to be there, and what is done with a row.
type table struct {
	file    string
	columns []string
	row     func(*reader, *row)
}

// row is one row, read cell by cell.
type row struct {
	r     *reader
	file  string
	line  int
	place map[string]int // of a column among the cells
	cells []string
}

func (w *row) add(column, slug string) { w.r.add(w.file, w.line, column, slug) }

var bom = []byte("\xef\xbb\xbf")

// table reads one file by RFC 4180 ("Dataset Files", "File Requirements"). A quote in the wrong place ends the reading:
// nobody can tell where the next row begins. It reports whether what the rows name can be relied on.
func (r *reader) table(t table, f lines.File) bool {
	data := bytes.TrimPrefix(f.Data, bom)
	if len(data) > MaxBytes {
		r.add(f.Name, 0, "", "file-long")
		return false
	}
	c := csv.NewReader(bytes.NewReader(data))
	c.FieldsPerRecord, c.ReuseRecord = -1, true
	w := row{r: r, file: f.Name}
	width := 0
	for n := 0; ; n++ {
		cells, err := c.Read()
		if err == io.EOF {
			if n == 0 {
				r.add(f.Name, 0, "", "file-empty")
			}
			r.rows[t.file] = n - 1
			return n > 0
		}
		var wrong *csv.ParseError
		if errors.As(err, &wrong) {
			r.add(f.Name, wrong.StartLine, "", "quotes")
			return false
		}
		w.line, _ = c.FieldPos(0)
		switch {
		case n == 0:
			if w.place = r.header(t, f, slices.Clone(cells)); w.place == nil {
				return false
			}
			width = len(cells)
		case n > MaxRows:
			r.add(f.Name, w.line, "", "rows")
			return false
		case len(cells) != width:
			w.add("", "cells")
		default:
			w.cells = cells
			t.row(r, &w)
		}
	}
}

// header finds the columns; nil when the rows cannot be understood. Columns nobody knows are let through: the reference
// allows them.
func (r *reader) header(t table, f lines.File, cells []string) map[string]int {
	if len(cells) == 1 && strings.ContainsAny(cells[0], ";\t") {
		r.add(f.Name, 1, "", "separator")
		return nil
	}
	if strings.Contains(strings.Join(cells, ""), "\r") {
		r.add(f.Name, 0, "", "file-old-lines")
		return nil
	}
	place, fine := map[string]int{}, true
	for i, c := range cells {
		name := strings.TrimSpace(c)
		if _, twice := place[name]; twice && t.knows(name) {
			r.add(f.Name, 1, name, "column-twice")
			fine = false
		}
		place[name] = i
	}
	for _, c := range t.columns {
		name, needed := strings.CutSuffix(c, "*")
		if _, there := place[name]; needed && !there {
			r.add(f.Name, 1, name, "column-missing")
			fine = false
		}
	}
	if !fine {
		return nil
	}
	return place
}

func (t table) knows(column string) bool {
	return slices.ContainsFunc(t.columns, func(c string) bool { return strings.TrimSuffix(c, "*") == column })
}
