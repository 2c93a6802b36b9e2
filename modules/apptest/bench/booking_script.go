package bench

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// bookedRows are the rows one real booking wrote, in the order in which they can be written again.
type bookedRows []bookedRow

type bookedRow struct {
	table   string
	columns []string // those that are not null
	values  []string
	types   []string
}

// written reads what a booking wrote.
func (b *base) written(name, kase, key string) bookedRows {
	b.t.Helper()
	var all bookedRows
	for _, from := range []struct{ table, where, arg string }{
		{"casework.case", "id = $1::uuid", kase},
		{"casework.event", "case_id = $1::uuid ORDER BY seq", kase},
		{"medical.appointment", "case_id = $1::uuid", kase},
		{"documents.document", "case_id = $1::uuid", kase},
		{"kernel.effect", "case_id = $1::uuid ORDER BY id", kase},
		{"audit.entry", "case_id = $1::uuid ORDER BY id", kase},
		{"kernel.idempotency", "key = $1", key},
	} {
		types := b.columnTypes(name, from.table)
		rows, err := b.owner(name).Query("SELECT to_jsonb(r) FROM (SELECT * FROM "+from.table+" WHERE "+from.where+") r", from.arg)
		if err != nil {
			b.t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var raw []byte
			var fields map[string]json.RawMessage
			if err := rows.Scan(&raw); err != nil {
				b.t.Fatal(err)
			}
			if err := json.Unmarshal(raw, &fields); err != nil {
				b.t.Fatal(err)
			}
			all = append(all, rowOf(from.table, types, fields))
		}
		if err := rows.Err(); err != nil {
			b.t.Fatal(err)
		}
	}
	return all
}

type columnType struct{ name, kind string }

func (b *base) columnTypes(db, table string) []columnType {
	b.t.Helper()
	rows, err := b.owner(db).Query(`SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, table)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var out []columnType
	for rows.Next() {
		var c columnType
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// serverSet are columns the application leaves to their defaults.
var serverSet = []string{"kernel.effect.not_before", "kernel.effect.created_at", "kernel.idempotency.created_at", "kernel.effect.state", "kernel.effect.leased",
	"kernel.effect.attempt", "kernel.effect.tries", "kernel.effect.done_at", "documents.document.version"}

func rowOf(table string, types []columnType, fields map[string]json.RawMessage) bookedRow {
	r := bookedRow{table: table}
	for _, c := range types {
		raw, ok := fields[c.name]
		if !ok || string(raw) == "null" || slices.Contains(serverSet, table+"."+c.name) {
			continue
		}
		value := string(raw)
		var text string
		if c.kind != "jsonb" && c.kind != "json" && json.Unmarshal(raw, &text) == nil {
			value = text
		}
		r.columns, r.values, r.types = append(r.columns, c.name), append(r.values, value), append(r.types, c.kind)
	}
	return r
}

// get returns a column of the first row of a table.
func (all bookedRows) get(table, column string) string {
	for _, r := range all {
		if i := slices.Index(r.columns, column); r.table == table && i >= 0 {
			return r.values[i]
		}
	}
	return ""
}

// bookingScript is one booking as one statement for pgbench: the slot is claimed under the condition the application
// claims it under, and the rows a real booking wrote are written, with ids, numbers and codes of their own.
func bookingScript(rows bookedRows, person, slot string) (script, error) {
	w := bookingWriter{own: []own{
		{rows.get("casework.case", "id"), "('e' || lpad(to_hex(:i::bigint), 31, '0'))"},
		{person, bookerOfI},
		{slot, slotOfI},
		{rows.get("casework.case", "number"), "('DA-2026-' || lpad(:i::text, 9, '0'))"},
		{rows.get("documents.document", "number"), "('C-' || lpad(:i::text, 17, '0'))"},
		{rows.get("documents.document", "code"), "substr(md5('c' || :i::text), 1, 16)"},
		{rows.get("medical.appointment", "calendar_token"), "md5('t' || :i::text)"},
	}}
	for _, r := range rows {
		if id := slices.Index(r.columns, "id"); id >= 0 && r.table != "casework.case" {
			w.own = append(w.own, own{r.values[id], fmt.Sprintf("('f%02x' || lpad(to_hex(:i::bigint), 29, '0'))", len(w.own))})
		}
	}
	w.own = append(w.own, own{rows.get("kernel.idempotency", "key"), "lpad(to_hex(:i::bigint), 36, 'k')"})
	for _, o := range w.own {
		if o.value == "" {
			return script{}, fmt.Errorf("a booking lacks what %s stands for: %v", o.sql, rows)
		}
	}
	w.text.WriteString(numbering)
	w.text.WriteString(`WITH claimed AS (UPDATE medical.slot SET booked = booked + 1, spare = booked + 1 < capacity,
  hold_case = (SELECT coalesce(array_agg(c), '{}') FROM unnest(hold_case, hold_until) AS h (c, u) WHERE u > now()),
  hold_until = (SELECT coalesce(array_agg(u), '{}') FROM unnest(hold_case, hold_until) AS h (c, u) WHERE u > now())
  WHERE tenant_id = 'northwick' AND id = ` + slotOfI + `::uuid AND open AND starts_at > clock_timestamp() AND booked + medical.live_holds(hold_until) < capacity
  RETURNING :i::bigint AS i)`)
	for n, r := range rows {
		w.row(n, r)
	}
	w.text.WriteString("\nSELECT count(*) FROM claimed;\n")
	return script{w.text.String(), w.vars}, nil
}

// own is a value that every booking has for itself, with the SQL that makes it.
type own struct{ value, sql string }

type bookingWriter struct {
	own  []own
	text strings.Builder
	vars []string
}

func (w *bookingWriter) row(n int, r bookedRow) {
	values := make([]string, len(r.values))
	for i, v := range r.values {
		if r.table == "documents.document" && r.columns[i] == "status_index" {
			values[i] = "(1000000 + :i)::integer" // beyond what the application draws
			continue
		}
		values[i] = "(" + w.value(v) + ")::" + r.types[i]
	}
	// The number comes with what was claimed: pgbench counts every mention of a variable, and has 255 for a statement.
	text := numbered.ReplaceAllString(strings.Join(values, ", "), "${1}claimed.i")
	fmt.Fprintf(&w.text, ",\nw%d AS (INSERT INTO %s (%s) SELECT %s FROM claimed)", n, r.table, strings.Join(r.columns, ", "), text)
}

// numbered finds :i, but not the type in ::integer.
var numbered = regexp.MustCompile(`([^:]):i\b`)

// value is the SQL of a value: what is the booking's own is computed, the rest is fixed text.
func (w *bookingWriter) value(v string) string {
	for _, o := range w.own {
		before, after, found := strings.Cut(v, o.value)
		if !found {
			continue
		}
		parts := []string{o.sql}
		if before != "" {
			parts = slices.Insert(parts, 0, w.value(before))
		}
		if after != "" {
			parts = append(parts, w.value(after))
		}
		return strings.Join(parts, " || ")
	}
	if plain.MatchString(v) {
		return "'" + v + "'::text"
	}
	if len(v) > longestVariable {
		return "E'" + fixed.Replace(v) + "'::text"
	}
	name := fmt.Sprintf("v%d", len(w.vars))
	w.vars = append(w.vars, name+"="+v)
	return ":" + name + "::text"
}

// plain is what can stand in pgbench's script as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9 ._/-]*$`)

// longestVariable is what goes to the server as a parameter, as the application sends it; what is longer, such as a sealed file,
// does not fit on a command line and stands in the text.
const longestVariable = 4000

// fixed writes a text so that pgbench finds none of its variables in it.
var fixed = strings.NewReplacer(`\`, `\\`, `'`, `''`, `:`, `\x3a`)
