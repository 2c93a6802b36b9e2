package bench

import (
	"sync/atomic"
	"time"
)

// pair is one thing done through HTTP on appDB and written by pgbench, in one prepared statement, into benchDB.
type pair struct {
	script script
	next   map[string]*atomic.Int64 // by database: the number of the next one
	rows   map[string]int           // that one leaves, by table; a table may have a condition
	table  string                   // one row of it for each, whose case_id pgbench computes from the number
}

func newPair(table string) pair {
	return pair{next: map[string]*atomic.Int64{appDB: {}, benchDB: {}}, rows: map[string]int{}, table: table}
}

// direct lets pgbench write the rows for about d and returns the transactions per second.
func (p *pair) direct(b *base, clients int, d time.Duration) float64 {
	b.t.Helper()
	b.exec(benchDB, "CHECKPOINT")
	began := p.counted(b, benchDB)
	out, n := b.pgbench(benchDB, p.script, "prepared", clients, d, p.next[benchDB].Load())
	p.check(b, benchDB, began, n)
	// Clients take turns, so that the numbers used are dense but for the last turns: the next run begins behind all of them.
	var last int64
	if err := b.owner(benchDB).QueryRow(`SELECT coalesce(max(('x' || right(case_id::text, 8))::bit(32)::int), 0) FROM ` + p.table + ` WHERE case_id::text LIKE 'e0000000%'`).Scan(&last); err != nil {
		b.t.Fatal(err)
	}
	p.next[benchDB].Store(last + 1)
	return rateOf(b.t, out)
}

// counted says how many rows each table has.
func (p *pair) counted(b *base, db string) map[string]int {
	b.t.Helper()
	out := map[string]int{}
	for table := range p.rows {
		var n int
		if err := b.owner(db).QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			b.t.Fatal(err)
		}
		out[table] = n
	}
	return out
}

// check fails unless n of them left exactly the rows of n.
func (p *pair) check(b *base, db string, before map[string]int, n int) {
	b.t.Helper()
	after := p.counted(b, db)
	for table, each := range p.rows {
		if got := after[table] - before[table]; got != n*each {
			b.t.Fatalf("%s: %d left %d rows of %s instead of %d", db, n, got, table, n*each)
		}
	}
}
