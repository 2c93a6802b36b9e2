package bench

import (
	"encoding/json"
	"fmt"
	"slices"
)

// transaction is the number of the next transaction of the application's database.
func (b *base) transaction() (n int64) {
	b.t.Helper()
	if err := b.owner(appDB).QueryRow("SELECT pg_current_xact_id()::text::bigint").Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	return n
}

// since reads every row that transactions from one on have made, whatever table it is in. Rows that were there before and
// were changed are not among them: they say nothing about when they were made, and are named here.
func (b *base) since(name string, began int64) (all bookedRows) {
	b.t.Helper()
	changed := []string{"travel.departure", "identity.person", "payments.account", "kernel.job", "kernel.leader"}
	var tables []string
	rows, err := b.owner(name).Query(`SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND NOT c.relispartition AND n.nspname NOT IN ('public', 'information_schema') AND n.nspname NOT LIKE 'pg\_%' ORDER BY 1`)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			b.t.Fatal(err)
		}
		if !slices.Contains(changed, table) {
			tables = append(tables, table)
		}
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	for _, table := range tables {
		all = append(all, b.rowsSince(name, table, began)...)
	}
	return all
}

func (b *base) rowsSince(name, table string, began int64) (out bookedRows) {
	b.t.Helper()
	types := b.columnTypes(name, table)
	rows, err := b.owner(name).Query("SELECT to_jsonb(r) FROM "+table+" r WHERE r.xmin::text::bigint >= $1", began)
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
		out = append(out, rowOf(table, types, fields))
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// purchaseScript is one purchase as one statement for pgbench: the departure is claimed under the condition the application
// claims it under, and the rows that a real purchase and its effects left are written, with ids, numbers and codes of their
// own. Nobody can have a seat twice: the key of travel.occupancy holds.
func purchaseScript(rows bookedRows, s sale) (script, error) {
	w := bookingWriter{own: []own{
		{s.booking, "('e' || lpad(to_hex(:i::bigint), 31, '0'))"},
		{s.payment, "('e1' || lpad(to_hex(:i::bigint), 30, '0'))"},
		{s.person, bookerOfI},
		{departureOf(s.n), departureOfI},
		{s.place, seatOfI},
		{s.number, "('CT-2026-' || lpad(:i::text, 9, '0'))"},
		{rows.get("payments.payment", "number"), "('PA-2026-' || lpad(:i::text, 9, '0'))"},
		{rows.get("travel.ticket", "code"), "upper(substr(md5('c' || :i::text), 1, 16))"},
	}}
	for i, key := range []string{s.keys.hold, s.keys.names, s.keys.pay, s.keys.event} {
		w.own = append(w.own, own{key, fmt.Sprintf("('%dk' || lpad(to_hex(:i::bigint), 34, '0'))", i)})
	}
	if number := rows.get("documents.document", "number"); number != "" {
		w.own = append(w.own, own{number, "('C-' || lpad(:i::text, 17, '0'))"}, own{rows.get("documents.document", "code"), "substr(md5('d' || :i::text), 1, 16)"})
	}
	if hash := rows.get("documents.file", "sha256"); hash != "" {
		w.own = append(w.own, own{hash, `('\x' || md5('h' || :i::text) || md5('g' || :i::text))`})
	}
	for _, r := range rows {
		id := slices.Index(r.columns, "id")
		if id < 0 || len(r.values[id]) != 36 || slices.ContainsFunc(w.own, func(o own) bool { return o.value == r.values[id] }) {
			continue
		}
		w.own = append(w.own, own{r.values[id], fmt.Sprintf("('f%02x' || lpad(to_hex(:i::bigint), 29, '0'))", len(w.own))})
	}
	for _, o := range w.own {
		if o.value == "" {
			return script{}, fmt.Errorf("a purchase lacks what %s stands for: %v", o.sql, rows)
		}
	}
	w.text.WriteString(numbering)
	fmt.Fprintf(&w.text, `WITH claimed AS (UPDATE travel.departure d SET claimed = true
  WHERE d.tenant_id = 'northwick' AND d.id = %s::uuid AND d.state = 'scheduled' AND d.offered AND EXISTS (
    SELECT FROM travel.stop_time c WHERE c.tenant_id = 'northwick' AND c.feed = d.feed AND c.trip = d.trip AND c.seq = %d AND d.base_at + c.departs * interval '1 second' > clock_timestamp())
  RETURNING :i::bigint AS i)`, departureOfI, getOn)
	for n, r := range rows {
		w.row(n, r)
	}
	w.text.WriteString("\nSELECT count(*) FROM claimed;\n")
	return script{w.text.String(), w.vars}, nil
}
